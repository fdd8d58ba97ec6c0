"""Installer of Scarp's private Python environment: base Python, libraries, installation, state, and diagnostics.

Standard library only and free of QGIS, so that it can be tested and run from a command line without QGIS.
"""
