"""The plugin as QGIS sees it: it registers the Processing provider, with a window and without."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from . import translation
from .processing_provider.provider import ScarpProvider


class ScarpPlugin:
    """Adds Scarp's algorithms to Processing, and in a window its menu."""

    def __init__(self, iface: Any = None) -> None:
        """Keep the window: ``iface`` is None in ``qgis_process``."""
        self.iface = iface
        self.provider: ScarpProvider | None = None
        self.menu: Any = None
        self.translator = translation.install()

    def initProcessing(self) -> None:  # noqa: N802 - QGIS calls this name
        """Register the provider; all that ``qgis_process`` calls."""
        self.provider = ScarpProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)
        # A graphical model can only be read when the algorithms in it are registered.
        self.provider.refreshAlgorithms()

    def initGui(self) -> None:  # noqa: N802 - QGIS calls this name
        """Start in a window."""
        from .gui.menu import ScarpMenu

        self.initProcessing()
        self.menu = ScarpMenu(self.iface)

    def unload(self) -> None:
        """Take everything out again."""
        if self.menu is not None:
            self.menu.remove()
            self.menu = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
        translation.remove(self.translator)
        self.translator = None
