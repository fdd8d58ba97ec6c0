"""Progress, time left and failures of a run, as QGIS shows them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsProcessingMultiStepFeedback, QgsProject  # type: ignore[attr-defined]  # the stubs lack the exceptions
from qgis.PyQt.QtCore import QCoreApplication, Qt, QThread
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QWidget

from ...model.errors import ScarpError
from ...model.memory import is_out_of_memory
from ...model.progress import FEW_SECONDS, moved_text
from ...processing_provider.dependencies import load_error_message
from ...running.core import UnexpectedCoreError
from ...translation import of_core, tr
from .messages import shown
from .open_layers import layers_of
from .time_left import ProgressEstimator

EVENTS_INTERVAL = 0.05  # seconds between two looks for a press of Cancel
DIALOGS = ("QgsProcessingAlgorithmDialogBase", "QgsProcessingAlgorithmWidgetBase")
"""QGIS's classes of the dialog of an algorithm: until 4.0, a window; since 4.2, a part of a window or dock."""


class FeedbackProgress:
    """The core's ``Progress``, passed on to QGIS; in a window with the labels of an algorithm's parameters."""

    def __init__(
        self, feedback: QgsProcessingFeedback, algorithm: Any = None, project: QgsProject | None = None
    ) -> None:
        """Pass everything on to the feedback; the project has the layers that keep a file open."""
        self.feedback, self._algorithm, self._project = feedback, algorithm, project
        self._tells_time = algorithm is None or algorithm.TELLS_TIME
        self.outputs_moved: dict[str, str] = {}  # where outputs are that could not have their names
        self._percent = -1.0
        self._estimator = ProgressEstimator(time.monotonic())
        self._time_left = ""
        self._next_events = 0.0

    def report(self, fraction: float, text: str = "") -> None:
        """Move the progress bar forward, log the text, and update the time left."""
        percent = 100 * min(max(fraction, 0.0), 1.0)
        if text:
            self.feedback.pushInfo(self._shown(text))
        # Every change is a signal to the window: tenths of a percent are enough.
        if percent >= self._percent + 0.1 or percent == 100 > self._percent:
            self._percent = percent
            self.feedback.setProgress(percent)
            seconds, text = self._estimator.seconds(percent / 100, time.monotonic()), ""
            # Stages of a training take other times than their shares of the bar: its rate tells nothing of the rest.
            seconds = seconds if self._tells_time else None
            if seconds is not None:
                # In a graphical model the steps to come are not known.
                one_step = isinstance(self.feedback, QgsProcessingMultiStepFeedback)
                text = tr("About {time} left for this step" if one_step else "About {time} left")
                text = tr("A few seconds left") if seconds < FEW_SECONDS else text.format(time=_duration(seconds))
            if text != self._time_left:
                self._time_left = text
                self.feedback.setProgressText(text)

    def warn(self, text: str) -> None:
        self.feedback.pushWarning(self._shown(text))

    def _shown(self, text: str) -> str:
        return text if self._algorithm is None else shown(self._algorithm, text)

    def moved(self, final: str, beside: str) -> None:
        """Keep where an output is that could not replace an open file, and warn."""
        self.outputs_moved[final] = beside
        self.warn(moved_text(final, beside) + layers_of(self._project, final))

    def cancelled(self) -> bool:
        """Whether the user pressed Cancel."""
        now = time.monotonic()
        if now >= self._next_events:
            _process_ui_events()
            self._next_events = time.monotonic() + EVENTS_INTERVAL
        return self.feedback.isCanceled()


def _duration(seconds: float) -> str:
    """Return a duration in words, in the language of QGIS."""
    if seconds < 90:
        return tr("{n} seconds").format(n=max(10, 5 * round(seconds / 5)))
    minutes = round(seconds / 60)
    if minutes < 90:
        return tr("{n} minutes").format(n=minutes)
    if minutes < 36 * 60:
        hours, tens = divmod(10 * round(minutes / 10), 60)
        text = tr("1 hour") if hours == 1 else tr("{n} hours").format(n=hours)
        return f"{text} {tr('{n} minutes').format(n=tens)}" if tens else text
    return tr("{n} days").format(n=round(minutes / 1440))


def failure(error: Exception, title: str, feedback: QgsProcessingFeedback, message: str = "") -> QgsProcessingException:
    """Return the exception to raise for an error of a run, with a message for the user, and log the details.

    ``message`` is that of a ``ScarpError`` as it is to be shown; its own text without.
    """
    if isinstance(error, ScarpError):
        message, log = message or of_core(str(error)), getattr(error, "log", "")
    elif isinstance(error, ImportError):
        message, log = load_error_message(error), traceback.format_exc()
    elif is_out_of_memory(error):
        message = tr("The computer ran out of memory. Close other programs, or choose a smaller area, tile or batch.")
        log = ""
    else:
        # An error in Scarp itself: the traceback goes to the log, for the report.
        remote = isinstance(error, UnexpectedCoreError)
        log = getattr(error, "log", "") if remote else traceback.format_exc()
        text = tr(
            "{title} failed with an unexpected error: {error}. No incomplete output was left. "
            "Please report this with the log."
        )
        message = text.format(title=title, error=str(error) if remote else f"{type(error).__name__}: {error}")
    if log:
        feedback.pushDebugInfo(log)
    return QgsProcessingException(message)


def _process_ui_events() -> None:
    """Let the window repaint and see Cancel where QGIS runs an algorithm in the main thread.

    Up to 3.22 at least, batches and the model designer do so, and QGIS itself handles events only at messages.
    """
    application = QCoreApplication.instance()
    if (
        isinstance(application, QApplication)
        and QThread.currentThread() == application.thread()
        and any(map(_is_running, _candidates()))
    ):
        QCoreApplication.processEvents()


def _candidates() -> Iterator[QWidget]:
    """Yield windows, what lies in them directly, and what lies in their docks: QGIS has thousands of other widgets."""
    for window in QApplication.topLevelWidgets():
        yield window
        for child in window.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            yield child
            if isinstance(child, QDockWidget) and child.widget() is not None:
                yield child.widget()


def _is_running(widget: Any) -> bool:
    if not any(map(widget.inherits, DIALOGS)) or not widget.cancelButton().isEnabled():
        return False
    # The dialog may lie in a dock behind another; a run in the main thread has a window with Cancel before it.
    return bool(widget.isVisible()) or QApplication.activeModalWidget() is not None
