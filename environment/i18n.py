"""The language of what the environment says: QGIS's when QGIS is there, else English."""

from __future__ import annotations


def tr(text: str) -> str:
    """Translate a text of the interface; put values in afterwards."""
    try:
        from ..translation import tr as translate
    except ImportError:
        return text
    return translate(text)
