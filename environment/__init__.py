"""Scarp's private Python environment: which Python, what goes into it, making it, its state, and diagnostics.

Standard library only and free of QGIS, so that it can be tested and run from a command line without QGIS.
"""
