"""The plugin as QGIS sees it: it registers the Processing provider, with a window and without."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QTimer

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

        visible = self.iface.mainWindow().isVisible()
        # Importing the algorithms and reading the graphical models takes longer than all the rest: QGIS shows its
        # window first.
        provider = self._add_provider(waiting=not visible and not _opens_something())
        self.menu = ScarpMenu(self.iface)
        provider.algorithmsLoaded.connect(self.menu.prepare)
        if visible:
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

    def _add_provider(self, waiting: bool = False) -> ScarpProvider:
        self.provider = ScarpProvider(waiting)
        _registry().addProvider(self.provider)
        return self.provider

    def _load_remaining(self) -> None:
        from .gui import batch_results

        self._restore_results_list.append(batch_results.patch_results_list())
        if self.menu is not None:
            self.menu.offer_start()
        if self.provider is not None:
            QTimer.singleShot(0, self.provider.load_gradually)


def _opens_something() -> bool:
    """Whether QGIS runs a script or opens a project at its start: both can call algorithms before it is complete."""
    # Whatever is no option, but for the values of options that open nothing.
    arguments = QCoreApplication.arguments()
    opened = [
        item
        for before, item in zip(arguments, arguments[1:])
        if not item.startswith("-") and before not in ("--profile", "--profiles-path", "-S", "--lang")
    ]
    # 0 is the welcome page and 3 a new project.
    return bool(opened) or QgsSettings().value("qgis/projOpenAtLaunch", 0, type=int) not in (0, 3)


def _registry() -> Any:
    return QgsApplication.processingRegistry()
