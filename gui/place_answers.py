"""Asks the core about places of a map, in a thread of its own; the process that answers stays for the next click."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass
from html import escape
from typing import Any

from qgis.core import Qgis, QgsMessageLog
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..model.errors import Cancelled, ScarpError
from ..model.progress import NullProgress
from ..processing_provider.dependencies import install_hint, load_error_message
from ..running.core import Core, choose_runtime
from ..translation import of_core, tr

NEEDS = ("rasterio", "torch", "safetensors", "scipy")
IDLE_SECONDS = 600.0  # without a click after which the process ends and gives its memory back


@dataclass(frozen=True)
class Question:
    """A place of a map; without coordinates the core only gets ready for the map."""

    path: str
    x: float | None = None  # in the CRS of the map
    y: float | None = None
    zones: tuple[str, ...] = ()  # rasters of the project among which the zones are looked for


class PlaceAnswers(QObject):
    """Works on one question at a time; of questions that come meanwhile only the last counts."""

    answered = pyqtSignal(object, object)  # question, and the core's ``CellExplanation``
    failed = pyqtSignal(object, str)  # question, and why, as HTML
    _delivered = pyqtSignal(object, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._condition = threading.Condition()
        self._waiting: Question | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        # The signal crosses from the thread to the window's.
        self._delivered.connect(self._deliver)

    def ask(self, question: Question) -> None:
        """Have a question answered."""
        with self._condition:
            ready_for_place = self._waiting is not None and self._waiting.x is not None and question.x is None
            if not ready_for_place:
                self._waiting = question
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="scarp-place", daemon=True)
                self._thread.start()
            self._condition.notify()

    def close(self) -> None:
        """Stop what is computed and end the process; it starts again with the next question."""
        with self._condition:
            self._closing, self._waiting = True, None
            self._condition.notify()

    def _work(self) -> None:
        progress = _UntilClosed(self)
        try:
            with Core(NEEDS, progress) as core:
                while True:
                    with self._condition:
                        if self._waiting is None and not self._closing:
                            self._condition.wait(IDLE_SECONDS)
                        question, self._waiting = self._waiting, None
                        if question is None or self._closing:
                            return
                    self._answer(core, question, progress)
        finally:
            self._end()

    def _end(self) -> None:
        with self._condition:
            self._thread = None
            if self._waiting is not None and not self._closing:
                # It came after the last look.
                self._thread = threading.Thread(target=self._work, name="scarp-place", daemon=True)
                self._thread.start()

    def _answer(self, core: Core, question: Question, progress: NullProgress) -> None:
        answer, problem = None, ""
        missing = choose_runtime(NEEDS).missing_packages
        try:
            if missing:
                problem = install_hint(missing, link=True)
            else:
                place = {"x": question.x, "y": question.y, "zones": list(question.zones)}
                answer = core.call("explain_cell", question.path, **place, progress=progress)
        except Cancelled:
            return
        except ScarpError as error:
            problem = escape(of_core(str(error)))
        except ImportError as error:
            problem = escape(load_error_message(error))
        except Exception as error:  # shown in the panel; in a thread of Python it would be lost
            text = getattr(error, "log", "") or traceback.format_exc()
            QgsMessageLog.logMessage(text, "Scarp", Qgis.MessageLevel.Warning)
            problem = escape(tr("This place could not be explained: {error}. The log says more.").format(error=error))
        try:
            self._delivered.emit(question, answer, problem)
        except RuntimeError:
            # The window is gone.
            return

    def _deliver(self, question: Question, answer: Any, problem: str) -> None:
        if self._closing:
            return
        if problem:
            self.failed.emit(question, problem)
        else:
            self.answered.emit(question, answer)


class _UntilClosed(NullProgress):
    def __init__(self, answers: PlaceAnswers) -> None:
        super().__init__()
        self._answers = answers

    def cancelled(self) -> bool:
        return self._answers._closing
