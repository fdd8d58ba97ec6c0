"""Links in messages that open one of Scarp's windows, such as ``scarp:install``."""

from __future__ import annotations

from typing import Callable, Mapping

from qgis.PyQt.QtCore import QObject, QTimer, QUrl, pyqtSlot
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QApplication

SCHEME = "scarp"


class Links(QObject):
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
