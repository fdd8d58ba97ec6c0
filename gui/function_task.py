"""Work that takes seconds or minutes, as a task of QGIS beside the window."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsTask
from qgis.PyQt.QtCore import pyqtSignal


class FunctionTask(QgsTask):
    """Calls a function in another thread; its signals arrive in the thread of the window.

    The function gets the task, so that it can emit :attr:`line` and :attr:`progressed` and ask ``isCanceled()``. It must
    not touch widgets or the project.
    """

    line = pyqtSignal(str)
    """A line of output."""
    progressed = pyqtSignal(float, str)
    """The done share, 0 to 1, and what is going on."""
    ended = pyqtSignal(object, object)
    """The function's result and None, or None and the exception."""

    _running: set[FunctionTask] = set()
    """Python's side of a task must live as long as QGIS's side, whatever happens to the window."""

    def __init__(self, title: str, function: Callable[[FunctionTask], Any]) -> None:
        """Prepare; :meth:`start` hands it to QGIS."""
        super().__init__(title, QgsTask.Flag.CanCancel)
        self._function = function
        self._result: Any = None
        self._error: Exception | None = None

    def start(self) -> FunctionTask:
        """Hand the task to QGIS's task manager."""
        FunctionTask._running.add(self)
        QgsApplication.taskManager().addTask(self)
        return self

    def run(self) -> bool:
        """Call the function; QGIS calls this in another thread."""
        try:
            self._result = self._function(self)
        except Exception as error:  # handed to the window, which says it; an exception here would end QGIS
            self._error = error
            self._trace = traceback.format_exc()
            return False
        return True

    def finished(self, successful: bool) -> None:
        """Tell the window; QGIS calls this in the thread of the window."""
        FunctionTask._running.discard(self)
        if self._error is not None:
            QgsMessageLog.logMessage(self._trace, "Scarp", Qgis.MessageLevel.Info)
        self.ended.emit(self._result, self._error)
