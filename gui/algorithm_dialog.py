"""The help beside a dialog: a picture of what comes out, and the texts of the algorithm with headings.
QGIS's dialog of an algorithm, with suggestions from the project, checks while typing, and help with a picture.

All the rest is QGIS's own, so that running, batch, history and the log are as everywhere in Processing.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from processing.gui.AlgorithmDialog import AlgorithmDialog
from qgis.core import Qgis, QgsMessageLog, QgsProcessingAlgorithm
from qgis.PyQt.QtCore import QTimer, QUrl
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import QDialog, QTextBrowser, QWidget
from qgis.utils import iface

from ..translation import tr
from .live_validation import DEBOUNCE_MS, LiveValidator
from .suggestions import Suggestions

PICTURES = Path(__file__).resolve().parent.parent / "resources" / "help"
PICTURE_WIDTH = 226
"""Pixels; what the panel shows of a page without being drawn wider."""


def show_help(dialog: QDialog) -> None:
    """Put the help page into the panel of a dialog of QGIS.

    Raises:
        AttributeError: the dialog has no such panel.
    """
    panel = dialog.findChild(QTextBrowser, "textShortHelp")
    if panel is None:
        raise AttributeError("there is no help panel")
    panel.setHtml(help_page(dialog.algorithm()))


def help_page(algorithm: QgsProcessingAlgorithm) -> str:
    """Return the help of an algorithm or graphical model as HTML."""
    parts = [f"<h3>{escape(algorithm.displayName())}</h3>"]
    picture = PICTURES / f"{algorithm.name()}.png"
    if picture.is_file():
        parts.append(f'<p><img src="{QUrl.fromLocalFile(str(picture)).toString()}" width="{PICTURE_WIDTH}"></p>')
    parts += [f"<p>{escape(line)}</p>" for line in _summary(algorithm)]
    inputs = [item for item in algorithm.parameterDefinitions() if not item.isDestination()]
    outputs = [item for item in algorithm.parameterDefinitions() if item.isDestination()]
    parts += _section(tr("Parameters"), inputs) + _section(tr("Outputs"), outputs)
    return "".join(parts)


def _summary(algorithm: QgsProcessingAlgorithm) -> list[str]:
    summary = getattr(algorithm, "SUMMARY", None)
    text = tr(summary) if summary else str(algorithm.helpContent().get("ALG_DESC", ""))
    return [line for line in text.split("\n") if line.strip()]


def _section(title: str, definitions: Iterable[Any]) -> list[str]:
    items = [
        f"<p><b>{escape(item.description())}</b><br>{escape(item.help())}</p>" for item in definitions if item.help()
    ]
    return [f"<h4>{escape(title)}</h4>", *items] if items else []


class ScarpDialog(AlgorithmDialog):
    """The dialog of one of Scarp's algorithms or graphical models."""

    def __init__(self, algorithm: Any, parent: QWidget | None = None) -> None:
        """Make the dialog.

        Args:
            algorithm: a fresh instance, which the dialog takes over.
            parent: window it belongs to; QGIS's main window by default.
        """
        super().__init__(algorithm, parent=iface.mainWindow() if iface is not None else parent)
        self._never_shown = True
        self._suggestions: Suggestions | None = None
        self._live_validator: LiveValidator | None = None
        panel = self.mainWidget()
        try:
            show_help(self)
            self._suggestions = Suggestions(self.algorithm(), panel.wrappers, panel.processing_context, self)
            self._live_validator = LiveValidator(self.algorithm(), panel.wrappers, panel.processing_context, self)
        except (AttributeError, TypeError) as error:
            # The inside of QGIS's dialog may change; it is of more use without these than not at all.
            QgsMessageLog.logMessage(
                tr("The dialog of {title} is shown without Scarp's additions: {reason}").format(
                    title=algorithm.displayName(), reason=error
                ),
                "Scarp",
                Qgis.MessageLevel.Warning,
            )

    def setParameters(self, parameters: dict[str, Any]) -> None:
        """Fill in values of an earlier run or of a script; suggestions do not mix with them."""
        self._never_shown = self._never_shown and not parameters
        if self._suggestions is not None:
            self._suggestions.paused = True
        try:
            super().setParameters(parameters)
        finally:
            if self._suggestions is not None:
                self._suggestions.paused = False
            if self._live_validator is not None:
                self._live_validator.forget()

    def showEvent(self, event: QShowEvent) -> None:
        """Suggest layers and fields when the dialog is first shown, unless it was filled before."""
        super().showEvent(event)
        if self._never_shown and self._suggestions is not None:
            self._suggestions.suggest()
            if self._live_validator is not None:
                self._live_validator.forget()
        self._never_shown = False
        if self._live_validator is not None:
            QTimer.singleShot(DEBOUNCE_MS, self._live_validator.open_files)
