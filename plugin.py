"""The plugin as QGIS sees it: it registers the Processing provider, with a window and without."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from .processing_provider.provider import ScarpProvider


class ScarpPlugin:
    """Adds Scarp's algorithms to Processing."""

    def __init__(self, iface: Any = None) -> None:
        """Keep nothing of the window: ``iface`` is None in ``qgis_process``."""
        self.provider: ScarpProvider | None = None

    def initProcessing(self) -> None:  # noqa: N802 - QGIS calls this name
        """Register the provider; all that ``qgis_process`` calls."""
        self.provider = ScarpProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)
        # A graphical model can only be read when the algorithms in it are registered.
        self.provider.refreshAlgorithms()

    def initGui(self) -> None:  # noqa: N802 - QGIS calls this name
        """Start in a window."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider out again."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
