"""QGIS's dialog of an algorithm, with suggestions from the project, checks while typing, and help with a picture.

All the rest is QGIS's own, so that running, batch, history and the log are as everywhere in Processing.
"""

from __future__ import annotations

from typing import Any

from processing.gui.AlgorithmDialog import AlgorithmDialog
from qgis.core import Qgis, QgsMessageLog
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import QWidget
from qgis.utils import iface

from ..translation import tr
from .help_page import show_help
from .live_check import PAUSE, LiveCheck
from .suggestions import Suggestions


class ScarpDialog(AlgorithmDialog):
    """The dialog of one of Scarp's algorithms or graphical models."""

    def __init__(self, algorithm: Any, parent: QWidget | None = None) -> None:
        """Make the dialog.

        Args:
            algorithm: a fresh instance, which the dialog takes over.
            parent: window it belongs to; QGIS's main window by default.
        """
        super().__init__(algorithm, parent=iface.mainWindow() if iface is not None else parent)
        self._fresh = True
        self._suggestions: Suggestions | None = None
        self._live_check: LiveCheck | None = None
        panel = self.mainWidget()
        try:
            show_help(self)
            self._suggestions = Suggestions(self.algorithm(), panel.wrappers, panel.processing_context, self)
            self._live_check = LiveCheck(self.algorithm(), panel.wrappers, panel.processing_context, self)
        except (AttributeError, TypeError) as error:
            # The inside of QGIS's dialog may change; it is of more use without these than not at all.
            QgsMessageLog.logMessage(tr("The dialog of {title} is shown without Scarp's additions: {reason}").format(
                title=algorithm.displayName(), reason=error), "Scarp", Qgis.MessageLevel.Warning)

    def setParameters(self, parameters: dict[str, Any]) -> None:  # noqa: N802 - QGIS's name
        """Fill in values of an earlier run or of a script; suggestions do not mix with them."""
        self._fresh = self._fresh and not parameters
        if self._suggestions is not None:
            self._suggestions.paused = True
        try:
            super().setParameters(parameters)
        finally:
            if self._suggestions is not None:
                self._suggestions.paused = False
            if self._live_check is not None:
                self._live_check.forget()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Suggest layers and fields when the dialog is first shown, unless it was filled before."""
        super().showEvent(event)
        if self._fresh and self._suggestions is not None:
            self._suggestions.suggest()
            if self._live_check is not None:
                self._live_check.forget()
        self._fresh = False
        if self._live_check is not None:
            QTimer.singleShot(PAUSE, self._live_check.open_files)
