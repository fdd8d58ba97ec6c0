"""Models of single cells: regression, additive model, forest, gradient boosting, and tables of class weights."""
