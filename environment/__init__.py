"""Installer of Scarp's private Python environment; standard library only, so that it also runs without QGIS."""
