"""Translation of the installer's texts: QGIS's language when QGIS is there, else English."""

from __future__ import annotations


def tr(text: str) -> str:
    """Translate a text of the interface; format it afterwards."""
    try:
        from ..translation import tr as translate
    except ImportError:
        return text
    return translate(text)
