"""How long a run will still take, as far as its progress so far tells.
Whatever goes wrong in a run, as one sentence for the user; what explains it goes into the log.
The progress that the core reports to, talking to QGIS.
"""

from __future__ import annotations

import bisect
import time
import traceback

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsProcessingMultiStepFeedback
from qgis.PyQt.QtCore import QCoreApplication, QThread
from qgis.PyQt.QtWidgets import QApplication, QWidget

from ...model.errors import ScarpError
from ...model.memory import is_out_of_memory
from ...model.progress import FEW_SECONDS, duration
from ...processing_provider.dependencies import load_error_message
from ...running.failures import UnexpectedCoreError
from ...translation import tr

MIN_ELAPSED = 8.0
"""Seconds of a run in which nothing is said: its first steps tell little."""
MIN_FRACTION = 0.02
"""Share of the work before which nothing is said."""
MIN_CHANGE = 0.2
"""What is said changes when the time left has changed by this share."""
MIN_INTERVAL = 5.0
"""Seconds between two changes, at least."""
MAX_RATE_RATIO = 1.4
"""By how much the pace of the last half and that of the last quarter of a run may differ to be believed."""
REPORT_ANYWAY_AFTER = 45.0
"""Seconds after which the pace of the last half is believed in any case."""


class ProgressEstimator:
    """Listens to the share of the work done, and says now and then how long the rest will take.

    The pace is that of the later half of the run: early steps have another pace than the long ones, and a pace of the
    last seconds would jump about. While that half still holds two stages of different pace nothing is said. What is
    said goes into a log, so it is said anew only when it has changed much: about fifteen times an hour of work.
    """

    def __init__(self, now: float) -> None:
        """Start.

        Args:
            now: seconds of a clock that never goes back.
        """
        self._started_at, self._last = now, 0.0
        self._times, self._shares = [now], [0.0]
        self._last_reported: tuple[float, float] | None = None

    def seconds(self, fraction: float, now: float) -> float | None:
        """Return the seconds left when there is something new to say, else None.

        Args:
            fraction: share of the work done, 0 to 1.
            now: as in the constructor.
        """
        if fraction <= self._last:
            return None
        self._last = fraction
        self._add_sample(fraction, now)
        if now - self._started_at < MIN_ELAPSED or not MIN_FRACTION <= fraction < 1:
            return None
        half, quarter = self._rate(0.5, fraction, now), self._rate(0.25, fraction, now)
        silent = now - (self._last_reported[0] if self._last_reported else self._started_at)
        if half is None:
            return None
        if silent < REPORT_ANYWAY_AFTER and (
            quarter is None or max(half, quarter) > MAX_RATE_RATIO * min(half, quarter)
        ):
            return None
        left = (1 - fraction) / half
        if self._last_reported is not None:
            when, seconds = self._last_reported
            less, more = left < seconds * (1 - MIN_CHANGE), left > max(seconds - (now - when), 1.0) * (1 + MIN_CHANGE)
            if silent < MIN_INTERVAL or not (less or more):
                return None
        self._last_reported = now, left
        return left

    def _rate(self, part: float, fraction: float, now: float) -> float | None:
        """Return the share done in a second over the last part of the run, None when nothing was."""
        first = max(bisect.bisect_right(self._times, now - part * (now - self._started_at)) - 1, 0)
        done, seconds = fraction - self._shares[first], now - self._times[first]
        return done / seconds if done > 0 and seconds > 0 else None

    def _add_sample(self, fraction: float, now: float) -> None:
        """Keep where the run stood, some two hundred times in its last half."""
        if now - self._times[-1] >= (now - self._started_at) / 400:
            self._times.append(now)
            self._shares.append(fraction)
            if len(self._times) > 2000:
                gone = bisect.bisect_right(self._times, self._started_at + (now - self._started_at) / 3) - 1
                del self._times[: max(gone, 0)], self._shares[: max(gone, 0)]


def failure(error: Exception, title: str, feedback: QgsProcessingFeedback) -> QgsProcessingException:
    """Return what an algorithm raises for an error, and log what explains it.

    Args:
        error: of the run.
        title: of the algorithm.
        feedback: of the run.
    """
    if isinstance(error, ScarpError):
        _log(getattr(error, "log", ""), feedback)
        return QgsProcessingException(str(error))
    if isinstance(error, ImportError):
        _log(traceback.format_exc(), feedback)
        return QgsProcessingException(load_error_message(error))
    if is_out_of_memory(error):
        return QgsProcessingException(
            tr("The computer ran out of memory. Close other programs, or choose a smaller area, tile or batch.")
        )
    # A fault of Scarp's own: the trace goes to the log, for the report.
    remote = isinstance(error, UnexpectedCoreError)
    _log(error.log if remote else traceback.format_exc(), feedback)
    return QgsProcessingException(
        tr(
            "{title} failed in a way that Scarp did not foresee: {error}. Nothing was left under the outputs' names. "
            "Please report it with the log."
        ).format(title=title, error=str(error) if remote else f"{type(error).__name__}: {error}")
    )


def _log(text: str, feedback: QgsProcessingFeedback) -> None:
    if text:
        feedback.pushDebugInfo(text)


class FeedbackProgress:
    """The core's progress, talking to QGIS."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        """Keep the feedback of a run."""
        self._feedback = feedback
        self._percent = -1.0
        self._estimator = ProgressEstimator(time.monotonic())
        self._last_reported = ""

    @property
    def feedback(self) -> QgsProcessingFeedback:
        """The feedback of the run, for an algorithm that runs another one."""
        return self._feedback

    def report(self, fraction: float, text: str = "") -> None:
        """Move the bar, forward only, log the text, and say now and then how long it will still take."""
        percent = 100 * min(max(fraction, 0.0), 1.0)
        if text:
            self._feedback.pushInfo(text)
        # Every change is a signal to the window: tenths of a percent are enough for a bar.
        if percent >= self._percent + 0.1 or percent == 100 > self._percent:
            self._percent = percent
            self._feedback.setProgress(percent)
            seconds = self._estimator.seconds(percent / 100, time.monotonic())
            words = self._last_reported if seconds is None else self._time_left_text(seconds)
            if words != self._last_reported:
                self._last_reported = words
                self._feedback.setProgressText(words)

    def warn(self, text: str) -> None:
        """Log a warning."""
        self._feedback.pushWarning(text)

    def cancelled(self) -> bool:
        """Whether Cancel was pressed."""
        _process_ui_events()
        return self._feedback.isCanceled()

    def _time_left_text(self, seconds: float) -> str:
        if seconds < FEW_SECONDS:
            return tr("A few seconds left")
        # Of a graphical model only the step that runs is known.
        if isinstance(self._feedback, QgsProcessingMultiStepFeedback):
            return tr("About {time} left for this step").format(time=duration(seconds))
        return tr("About {time} left").format(time=duration(seconds))


def _process_ui_events() -> None:
    """Let the window draw itself and hear Cancel where QGIS runs an algorithm in the main thread.

    Up to 3.22 at least, batches and the model designer do so, and QGIS itself lets the window live only at messages.
    """
    application = QCoreApplication.instance()
    if (
        isinstance(application, QApplication)
        and QThread.currentThread() == application.thread()
        and any(_is_running_dialog(widget) for widget in QApplication.topLevelWidgets())
    ):
        QCoreApplication.processEvents()


def _is_running_dialog(widget: QWidget) -> bool:
    """Whether a window is a dialog of Processing in which something runs that can be cancelled."""
    return (
        widget.inherits("QgsProcessingAlgorithmDialogBase") and widget.isVisible() and widget.cancelButton().isEnabled()
    )
