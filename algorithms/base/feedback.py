"""Progress, time left and failures of a run, as QGIS shows them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsProcessingMultiStepFeedback  # type: ignore[attr-defined]  # the stubs lack the exceptions
from qgis.PyQt.QtCore import QCoreApplication, Qt, QThread
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QWidget

from ...model.errors import ScarpError
from ...model.memory import is_out_of_memory
from ...model.progress import FEW_SECONDS, duration
from ...processing_provider.dependencies import load_error_message
from ...running.core import UnexpectedCoreError
from ...translation import tr

SMOOTHING = 0.3  # share of the elapsed time over which the rate is smoothed
MIN_ELAPSED, MIN_FRACTION = 8.0, 0.02  # seconds and share of the work before which nothing is estimated
MIN_INTERVAL, MIN_CHANGE = 5.0, 0.2
"""Seconds between two estimates, and the relative change that makes a new one worth showing."""

EVENTS_INTERVAL = 0.05  # seconds between two looks for a press of Cancel
DIALOGS = ("QgsProcessingAlgorithmDialogBase", "QgsProcessingAlgorithmWidgetBase")
"""QGIS's classes of the dialog of an algorithm: until 4.0, a window; since 4.2, a part of a window or dock."""


class ProgressEstimator:
    """Estimates the time left from an exponentially smoothed rate, as tqdm does."""

    def __init__(self, now: float) -> None:
        self._started = self._updated = now
        self._fraction = self._rate = 0.0
        self._shown: tuple[float, float] | None = None

    def seconds(self, fraction: float, now: float) -> float | None:
        """Return the seconds left if the estimate is new enough to be shown, else None; ``fraction`` is 0 to 1."""
        if fraction <= self._fraction or now <= self._updated:
            return None
        elapsed, interval = now - self._started, now - self._updated
        weight = min(1.0, interval / (SMOOTHING * elapsed))
        self._rate += weight * ((fraction - self._fraction) / interval - self._rate)
        self._fraction, self._updated = fraction, now
        if elapsed < MIN_ELAPSED or not MIN_FRACTION <= fraction < 1:
            return None
        left = (1 - fraction) / self._rate
        if self._shown is not None:
            when, shown = self._shown
            expected = max(shown - (now - when), 1.0)
            changed = left < shown * (1 - MIN_CHANGE) or left > expected * (1 + MIN_CHANGE)
            if not changed or now - when < MIN_INTERVAL:
                return None
        self._shown = now, left
        return left


class FeedbackProgress:
    """The core's ``Progress``, passed on to QGIS."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self.feedback = feedback
        self._percent = -1.0
        self._estimator = ProgressEstimator(time.monotonic())
        self._time_left = ""
        self._next_events = 0.0

    def report(self, fraction: float, text: str = "") -> None:
        """Move the progress bar forward, log the text, and update the time left."""
        percent = 100 * min(max(fraction, 0.0), 1.0)
        if text:
            self.feedback.pushInfo(text)
        # Every change is a signal to the window: tenths of a percent are enough.
        if percent >= self._percent + 0.1 or percent == 100 > self._percent:
            self._percent = percent
            self.feedback.setProgress(percent)
            seconds = self._estimator.seconds(percent / 100, time.monotonic())
            text = self._time_left
            if seconds is not None:
                # In a graphical model the steps to come are not known.
                one_step = isinstance(self.feedback, QgsProcessingMultiStepFeedback)
                text = tr("About {time} left for this step" if one_step else "About {time} left")
                text = tr("A few seconds left") if seconds < FEW_SECONDS else text.format(time=duration(seconds))
            if text != self._time_left:
                self._time_left = text
                self.feedback.setProgressText(text)

    def warn(self, text: str) -> None:
        self.feedback.pushWarning(text)

    def cancelled(self) -> bool:
        """Whether the user pressed Cancel."""
        now = time.monotonic()
        if now >= self._next_events:
            _process_ui_events()
            self._next_events = time.monotonic() + EVENTS_INTERVAL
        return self.feedback.isCanceled()


def failure(error: Exception, title: str, feedback: QgsProcessingFeedback) -> QgsProcessingException:
    """Return the exception to raise for an error of a run, with a message for the user, and log the details."""
    if isinstance(error, ScarpError):
        message, log = str(error), getattr(error, "log", "")
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
