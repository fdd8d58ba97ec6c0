"""Registers Scarp's algorithms and graphical models with QGIS Processing and reports missing libraries."""
