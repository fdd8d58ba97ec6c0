"""Functions that run as tasks of QGIS in the background, and dialogs that use them."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsTask
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QFontDatabase, QIcon
from qgis.PyQt.QtWidgets import QDialog, QLabel, QPlainTextEdit, QWidget

from ..processing_provider.provider import ICON


class FunctionTask(QgsTask):
    """Calls a function in another thread; its signals arrive in the thread of the window.

    The function receives the task, so that it can emit :attr:`line_received` and :attr:`progressed` and call
    ``isCanceled()``. It must not touch widgets or the project.
    """

    line_received = pyqtSignal(str)
    progressed = pyqtSignal(float, str)  # the done fraction, 0 to 1, and the current step
    finished_with = pyqtSignal(object, object)  # the function's result and None, or None and the exception
    _running: set[FunctionTask] = set()  # keeps the Python side of a task alive as long as QGIS's side

    def __init__(self, title: str, function: Callable[[FunctionTask], Any]) -> None:
        super().__init__(title, QgsTask.Flag.CanCancel)
        self._function = function
        self._outcome: tuple[Any, Exception | None] = (None, None)

    def start(self) -> None:
        """Start through QGIS's task manager."""
        FunctionTask._running.add(self)
        manager: Any = QgsApplication.taskManager()
        manager.addTask(self)

    def run(self) -> bool:
        """Call the function; QGIS calls this in another thread."""
        try:
            self._outcome = self._function(self), None
        except Exception as error:  # passed on to the window, which shows it; an exception here would end QGIS
            self._outcome, self._trace = (None, error), traceback.format_exc()
        return self._outcome[1] is None

    def finished(self, successful: bool) -> None:
        """Pass on the result; QGIS calls this in the thread of the window."""
        FunctionTask._running.discard(self)
        if self._outcome[1] is not None:
            QgsMessageLog.logMessage(self._trace, "Scarp", Qgis.MessageLevel.Info)
        self.finished_with.emit(*self._outcome)


class TaskDialog(QDialog):
    """A dialog that works in a task and exists only once; closing it does not stop the task."""

    _open: TaskDialog | None = None

    @classmethod
    def open_for(cls, parent: QWidget | None) -> TaskDialog:
        """Show the dialog, the existing one if there is one."""
        if cls._open is None:
            cls._open = cls(parent)
        dialog = cls._open
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        if dialog.task is None:
            dialog.refresh()
        return dialog

    @classmethod
    def forget(cls) -> None:
        """Cancel the task and delete the dialog, when the plugin is unloaded."""
        if cls._open is not None:
            cls._open.cancel()
            cls._open.deleteLater()
            cls._open = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, windowIcon=QIcon(str(ICON)))
        self.task: FunctionTask | None = None

    def refresh(self) -> None:
        """Start the task that fills the dialog."""

    def cancel(self) -> None:
        """Cancel the task."""
        if self.task is not None:
            self.task.cancel()


def wrapped_label(text: str = "") -> QLabel:
    """Return a label that wraps its text."""
    return QLabel(text, wordWrap=True)


def filled(layout: Any, *parts: Any) -> Any:
    """Return a layout with widgets and layouts added to it, each alone or in a pair with its stretch."""
    for part in parts:
        item, stretch = part if isinstance(part, tuple) else (part, 0)
        add = layout.addWidget if isinstance(item, QWidget) else layout.addLayout
        add(item, stretch)
    return layout


def program_output() -> QPlainTextEdit:
    """Return a box for the output of programs."""
    return QPlainTextEdit(readOnly=True, font=QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
