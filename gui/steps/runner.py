"""Runs calls of algorithms one after the other in the background, as the dialogs of Processing do.

Each call is a task of QGIS; the algorithm itself computes in its worker process. The parameters of a call are asked for
when its turn comes, because they depend on what the calls before have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
)
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ...processing_provider.event_loop import run_in_parts
from ...translation import tr

CANCELLED = "cancelled"
_alive: set[tuple[Any, ...]] = set()  # what running tasks use: QGIS keeps no reference, also when the dock is gone
REFRESH_MS = 200  # milliseconds between two looks at the progress of the task


@dataclass(frozen=True)
class Job:
    """A call to make: a part of a step, and what gives its parameters when its turn comes."""

    step: str
    algorithm: str  # without the provider
    share: tuple[float, float]  # where on the progress line of its step it begins and ends, 0 to 1
    parameters: Callable[[Any], dict[str, Any]]  # of a new instance of the algorithm
    last: bool = True  # of its step


Finish = Callable[[Job, dict[str, Any], Any, Any], Iterator[None]]
"""Job, results, context and feedback of a call."""


class StepFeedback(QgsProcessingFeedback):
    """Keeps the last message, the warnings and the errors of a run; they come from the task's thread."""

    def __init__(self) -> None:
        super().__init__(False)
        self.text = ""
        self.time_left = ""
        self.errors: list[str] = []

    def pushInfo(self, info: str | None) -> None:
        """Keep what the run says."""
        self.text = str(info)
        super().pushInfo(info)

    def setProgressText(self, text: str | None) -> None:
        """Keep the time left."""
        self.time_left = str(text or "")
        super().setProgressText(text)

    def reportError(self, error: str | None, fatalError: bool = False) -> None:
        """Keep an error."""
        self.errors.append(str(error))
        super().reportError(error, fatalError)


class ChainRun(QObject):
    """One run of some calls; it stops at the first that fails, and keeps what the others have written."""

    progressed = pyqtSignal(str, float, str)  # step, its share that is done, and what is done now
    step_started = pyqtSignal(str)
    step_done = pyqtSignal(str)
    step_failed = pyqtSignal(str, str)  # step and reason
    ended = pyqtSignal(str)  # "", the step that failed, or CANCELLED

    def __init__(
        self, jobs: Sequence[Job], project: QgsProject, parent: QObject | None = None, finish: Finish | None = None
    ) -> None:
        """``finish`` does what follows a call that succeeded, such as loading its layers, in parts."""
        super().__init__(parent)
        self._jobs, self._project, self._finish = list(jobs), project, finish
        self._cancelled = False
        self._running: tuple[Any, ...] | None = None
        self._job: Job | None = None
        self._feedback: StepFeedback | None = None
        self.logs: dict[str, str] = {}  # HTML by step
        self._timer = QTimer(self, interval=REFRESH_MS, timeout=self._show_progress)

    @property
    def steps(self) -> list[str]:
        """The steps that run or will run."""
        return list(dict.fromkeys(job.step for job in [*filter(None, [self._job]), *self._jobs]))

    def start(self) -> None:
        """Start the first call."""
        self._next()

    def cancel(self) -> None:
        """Stop the call that runs; its outputs are not written, those of earlier calls stay."""
        self._cancelled = True
        self._jobs = []
        if self._feedback is not None:
            self._feedback.cancel()
        if self._running is not None:
            self._running[0].cancel()

    def stop_after_this(self) -> None:
        """Run no further call, and count the run as a success."""
        self._jobs = []

    def _next(self) -> None:
        if self._cancelled or not self._jobs:
            self._end(CANCELLED if self._cancelled else "")
            return
        job = self._job = self._jobs.pop(0)
        if job.share[0] == 0:
            self.step_started.emit(job.step)
        registry: Any = QgsApplication.processingRegistry()
        algorithm = registry.createAlgorithmById(f"scarp:{job.algorithm}")
        context = QgsProcessingContext()
        context.setProject(self._project)
        feedback = self._feedback = StepFeedback()
        context.setFeedback(feedback)
        parameters: dict[str, Any] = {}
        try:
            can_run, reason = algorithm.canExecute()
            if can_run:
                parameters = job.parameters(algorithm)
                can_run, reason = algorithm.checkParameterValues(parameters, context)
        except (LookupError, OSError, RuntimeError, ValueError) as error:
            # Otherwise the dock would wait forever for a call that never starts.
            can_run, reason = False, f"{type(error).__name__}: {error}"
        if not can_run:
            # Where libraries are missing, the reason has a link for QGIS's message box.
            self._fail(re.sub("<[^<>]+>", "", str(reason)))
            return
        task: Any = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        parts = self._running = task, algorithm, context, feedback
        _alive.add(parts)
        task.executed.connect(self._executed)
        task.executed.connect(lambda *_: _alive.discard(parts))
        self._timer.start()
        manager: Any = QgsApplication.taskManager()
        manager.addTask(task)

    def _executed(self, successful: bool, results: dict[str, Any]) -> None:
        task, _, context, feedback = self._running or (None, None, None, None)
        job, self._running = self._job, None
        self._timer.stop()
        if job is None or feedback is None:
            return
        self.logs[job.step] = self.logs.get(job.step, "") + feedback.htmlLog()
        if successful:
            parts = iter(()) if self._finish is None else self._finish(job, results, context, feedback)
            run_in_parts(self, parts, partial(self._finished, job))
        elif self._cancelled or feedback.isCanceled() or (task is not None and task.isCanceled()):
            self._end(CANCELLED)
        else:
            self._fail(feedback.errors[-1] if feedback.errors else tr("The log of QGIS says why."))

    def _finished(self, job: Job) -> None:
        if job.last:
            self.step_done.emit(job.step)
        # The window draws the results before the next check of parameters.
        QTimer.singleShot(0, self._next)

    def _fail(self, reason: str) -> None:
        step = self._job.step if self._job is not None else ""
        self.step_failed.emit(step, reason.strip())
        self._end(step)

    def _end(self, how: str) -> None:
        self._jobs, self._job = [], None
        self._timer.stop()
        self.ended.emit(how)

    def _show_progress(self) -> None:
        if self._job is None or self._feedback is None:
            return
        begin, end = self._job.share
        share = begin + (end - begin) * min(max(self._feedback.progress() / 100, 0.0), 1.0)
        self.progressed.emit(self._job.step, share, self._feedback.time_left or self._feedback.text)
