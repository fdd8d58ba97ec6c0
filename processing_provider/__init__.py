"""Registers Scarp's algorithms and graphical models with QGIS Processing and says which libraries are missing."""
