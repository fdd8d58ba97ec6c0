"""The progress that the core reports to, talking to QGIS."""

from __future__ import annotations

import time

from qgis.core import QgsProcessingFeedback, QgsProcessingMultiStepFeedback
from qgis.PyQt.QtCore import QCoreApplication, QThread
from qgis.PyQt.QtWidgets import QApplication, QWidget

from ..model.progress import A_FEW, duration
from ..running.remaining import Remaining
from ..translation import tr


class FeedbackProgress:
    """The core's progress, talking to QGIS."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        """Keep the feedback of a run."""
        self._feedback = feedback
        self._percent = -1.0
        self._remaining = Remaining(time.monotonic())
        self._said = ""

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
            seconds = self._remaining.seconds(percent / 100, time.monotonic())
            words = self._said if seconds is None else self._in_words(seconds)
            if words != self._said:
                self._said = words
                self._feedback.setProgressText(words)

    def warn(self, text: str) -> None:
        """Log a warning."""
        self._feedback.pushWarning(text)

    def cancelled(self) -> bool:
        """Whether Cancel was pressed."""
        _let_the_dialog_live()
        return self._feedback.isCanceled()

    def _in_words(self, seconds: float) -> str:
        if seconds < A_FEW:
            return tr("A few seconds left")
        # Of a graphical model only the step that runs is known.
        if isinstance(self._feedback, QgsProcessingMultiStepFeedback):
            return tr("About {time} left for this step").format(time=duration(seconds))
        return tr("About {time} left").format(time=duration(seconds))


def _let_the_dialog_live() -> None:
    """Let the window draw itself and hear Cancel where QGIS runs an algorithm in the main thread.

    Up to 3.22 at least, batches and the model designer do so, and QGIS itself lets the window live only at messages.
    """
    application = QCoreApplication.instance()
    if (isinstance(application, QApplication) and QThread.currentThread() == application.thread()
            and any(_runs(widget) for widget in QApplication.topLevelWidgets())):
        QCoreApplication.processEvents()


def _runs(widget: QWidget) -> bool:
    """Whether a window is a dialog of Processing in which something runs that can be cancelled."""
    return widget.inherits("QgsProcessingAlgorithmDialogBase") and widget.isVisible() \
        and widget.cancelButton().isEnabled()
