"""Links in messages that open one of Scarp's windows, such as ``scarp:install``.
The menu *Plugins > Scarp*. What an entry opens is imported when it is first opened, so that QGIS starts fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from qgis.PyQt.QtCore import QObject, QTimer, QUrl, pyqtSlot
from qgis.PyQt.QtGui import QDesktopServices, QIcon
from qgis.PyQt.QtWidgets import QAction, QApplication, QWidget

from ..processing_provider.provider import ICON
from ..translation import tr

SCHEME = "scarp"


class LinkHandler(QObject):
    """Follows links whose scheme is Scarp's. A ``QObject``, because Qt takes no other receiver."""

    def __init__(self, targets: Mapping[str, Callable[[], None]]) -> None:
        """Register with Qt.

        Args:
            targets: what to open by the path of the link.
        """
        super().__init__()
        self._targets = targets
        QDesktopServices.setUrlHandler(SCHEME, self, "follow")

    @pyqtSlot(QUrl)
    def follow(self, url: QUrl) -> None:
        """Open what a link names; the message box that it stands in must close, or it would block the window."""
        target = self._targets.get(url.path())
        if target is None:
            return
        box = QApplication.activeModalWidget()
        if box is not None:
            box.close()
        QTimer.singleShot(0, target)

    def remove(self) -> None:
        """Take it back from Qt."""
        QDesktopServices.unsetUrlHandler(SCHEME)


NAME = "Scarp"


class ScarpMenu:
    """Entries of the menu, and the windows they open."""

    def __init__(self, iface: Any) -> None:
        """Add the entries to the window.

        Args:
            iface: QGIS's ``QgisInterface``.
        """
        self.iface = iface
        self.dock: Any = None
        self._close: set[Callable[[], None]] = set()
        self.links = LinkHandler({"install": self.show_install})
        self.actions = [
            self._add(tr("Training"), self.show_training),
            self._add(tr("Install what Scarp needs…"), self.show_install),
            self._add(tr("Diagnostics…"), self.show_diagnostics),
        ]

    def show_training(self) -> None:
        """Open the dock with the curves of trainings."""
        if self.dock is None:
            from qgis.PyQt.QtCore import Qt

            from .training_dock import TrainingDock

            self.dock = TrainingDock(self.iface.mainWindow())
            # As a tab over the Toolbox: below it, most of the curves would be out of sight.
            self.iface.addTabifiedDockWidget(
                Qt.DockWidgetArea.RightDockWidgetArea, self.dock, ["ProcessingToolbox"], True
            )
        self.dock.show()
        self.dock.raise_()

    def show_install(self) -> None:
        """Open the dialog that installs torch and the other libraries into an environment of Scarp's own."""
        from .install_dialog import InstallDialog

        self._close.add(InstallDialog.forget)
        InstallDialog.open_for(self.iface.mainWindow())

    def show_diagnostics(self) -> None:
        """Open the report on versions and paths."""
        from .diagnostics_dialog import DiagnosticsDialog

        self._close.add(DiagnosticsDialog.forget)
        DiagnosticsDialog.open_for(self.iface.mainWindow())

    def remove(self) -> None:
        """Take the entries, the link, the dialogs and the dock out again."""
        self.links.remove()
        for close in self._close:
            close()
        self._close = set()
        for action in self.actions:
            self.iface.removePluginMenu(NAME, action)
            action.deleteLater()
        self.actions = []
        if self.dock is not None:
            self.iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
            self.dock = None

    def _add(self, title: str, slot: Callable[[], None]) -> QAction:
        parent: QWidget = self.iface.mainWindow()
        action = QAction(QIcon(str(ICON)), title, parent)
        action.triggered.connect(slot)
        self.iface.addPluginToMenu(NAME, action)
        return action
