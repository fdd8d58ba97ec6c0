"""Accuracy of a susceptibility map at landslides and stable points: samples, measures, curves and tables."""
