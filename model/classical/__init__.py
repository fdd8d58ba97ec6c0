"""Models of single cells: logistic regression, random forest, frequency ratio and weights of evidence."""
