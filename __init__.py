"""Scarp: landslide susceptibility maps in QGIS with a physics-constrained U-Net."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Return the plugin; QGIS calls this. The core is importable without QGIS, hence the import here."""
    from .plugin import ScarpPlugin

    return ScarpPlugin(iface)
