"""The rain index, from seven-day rainfall and thresholds, and the factor of safety of an infinite slope."""
