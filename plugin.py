"""The plugin as QGIS sees it: it registers the Processing provider, with a window and without."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QTimer

from . import translation
from .processing_provider.provider import ScarpProvider


class ScarpPlugin:
    """Adds Scarp's algorithms to Processing, and in a window its menu."""

    def __init__(self, iface: Any = None) -> None:
        """Keep the window; ``iface`` is None in ``qgis_process``."""
        self.iface = iface
        self.provider: ScarpProvider | None = None
        self.menu: Any = None
        self.translator = translation.install()
        self._restore_results_list: list[Callable[[], None]] = []

    def initProcessing(self) -> None:
        """Register the provider; ``qgis_process`` calls only this."""
        # A graphical model can only be read when the algorithms in it are registered.
        self._add_provider().refreshAlgorithms()

    def initGui(self) -> None:
        """Start in a window."""
        from .gui.menu import ScarpMenu

        self._add_provider()
        self.menu = ScarpMenu(self.iface)
        # Reading the graphical models takes longer than all the rest: QGIS shows its window first.
        if self.iface.mainWindow().isVisible():
            self._load_remaining()
        else:
            self.iface.initializationCompleted.connect(self._load_remaining)

    def unload(self) -> None:
        """Remove everything."""
        if self.menu is not None:
            self.menu.remove()
            self.menu = None
        with contextlib.suppress(AttributeError, RuntimeError, TypeError):
            self.iface.initializationCompleted.disconnect(self._load_remaining)
        if self.provider is not None:
            _registry().removeProvider(self.provider)
            self.provider = None
        while self._restore_results_list:
            self._restore_results_list.pop()()
        translation.remove(self.translator)
        self.translator = None

    def _add_provider(self) -> ScarpProvider:
        self.provider = ScarpProvider()
        _registry().addProvider(self.provider)
        return self.provider

    def _load_remaining(self) -> None:
        from .gui import batch_results

        self._restore_results_list.append(batch_results.patch_results_list())
        if self.menu is not None:
            self.menu.offer_start()
        if self.provider is not None:
            QTimer.singleShot(0, self.provider.load_models_lazily)


def _registry() -> Any:
    return QgsApplication.processingRegistry()
