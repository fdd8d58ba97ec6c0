"""Shows in the boxes of automatic settings what their value would be: ``automatic: 650 m``.

The values come from a process in the background, never from QGIS itself, whose window must not wait.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from qgis.core import QgsProcessingFeedback
from qgis.PyQt.QtCore import QObject, QTimer
from qgis.PyQt.QtWidgets import QAbstractSpinBox, QLineEdit, QWidget

from ..algorithms.base.arguments import Arguments
from ..algorithms.base.feedback import FeedbackProgress
from ..algorithms.base.parameters import AUTOMATIC
from ..model.errors import ScarpError
from ..model.progress import NullProgress
from ..running.core import Core, choose_runtime
from ..translation import tr
from .function_task import FunctionTask

NEEDS = ("rasterio", "scipy")
DEBOUNCE_MS = 700  # milliseconds without a change after which the values are computed
MAX_SECONDS = 0.1  # if reading the values of a dialog takes longer, files lie on a slow drive: it is not done again


class AutomaticValues(QObject):
    """The automatic settings of one dialog; ``wrappers`` of the widgets are by name."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, dialog: QWidget) -> None:
        super().__init__(dialog)
        self._algorithm, self._wrappers, self._context = algorithm, wrappers, context
        self._task: FunctionTask | None = None
        self._asked: Any = None
        self._too_slow = False
        self._boxes: dict[str, tuple[QAbstractSpinBox, str]] = {}
        for definition in algorithm.parameterDefinitions():
            if definition.metadata().get(AUTOMATIC) and definition.name() in wrappers:
                widget = wrappers[definition.name()].wrappedWidget()
                box = widget if isinstance(widget, QAbstractSpinBox) else widget.findChild(QAbstractSpinBox)
                if box is not None:
                    self._boxes[definition.name()] = box, " m" if definition.description().endswith("(m)") else ""
        self._show({})
        self._timer = QTimer(self, singleShot=True, interval=DEBOUNCE_MS, timeout=self.compute)
        if self._boxes and hasattr(algorithm, "automatic_call"):
            for wrapper in wrappers.values():
                wrapper.widgetValueHasChanged.connect(lambda *_: self._timer.start())
            self._timer.start()

    def compute(self) -> None:
        """Start to compute the values, unless they are known or the inputs are not all chosen."""
        if self._too_slow:
            return
        started = monotonic()
        call = self._call()
        self._too_slow = monotonic() - started > MAX_SECONDS
        if call == self._asked:
            return
        self.stop()
        self._asked = call
        self._show({})
        choice = choose_runtime(NEEDS)
        if call is None or choice.missing_packages or choice.runtime.inside:
            return

        def work(task: FunctionTask) -> Any:
            progress = _Cancellable(task)
            with Core(NEEDS, progress, choice) as core:
                return core.call("automatic_values", **call, progress=progress)

        self._task = FunctionTask(tr("Scarp: automatic settings"), work)
        self._task.finished_with.connect(self._computed)
        self._task.start()

    def stop(self) -> None:
        """Stop computing, when the dialog closes or other inputs are chosen."""
        self._timer.stop()
        if self._task is not None:
            self._task.finished_with.disconnect(self._computed)
            self._task.cancel()
            self._task = None

    def _call(self) -> dict[str, Any] | None:
        """Return the arguments of the job; nothing while inputs are missing or wrong."""
        values = {name: wrapper.parameterValue() for name, wrapper in self._wrappers.items()}
        try:
            progress = FeedbackProgress(QgsProcessingFeedback(False))
            found = self._algorithm.automatic_call(Arguments(self._algorithm, values, self._context, progress, None))
        except (ScarpError, ImportError):
            return None
        return found

    def _computed(self, values: dict[str, Any] | None, error: Exception | None) -> None:
        self._task = None
        # What is wrong with the inputs is told when the algorithm runs.
        self._show(values or {})

    def _show(self, values: dict[str, Any]) -> None:
        for name, (box, unit) in self._boxes.items():
            text = tr("automatic")
            if name in values:
                value = values[name]
                text = tr("automatic: {value}").format(value=value if isinstance(value, str) else f"{value:g}{unit}")
            box.setSpecialValueText(text)
            # The button that clears a box leaves it without text.
            box.findChild(QLineEdit).setPlaceholderText(text)


class _Cancellable(NullProgress):
    def __init__(self, task: FunctionTask) -> None:
        super().__init__()
        self._task = task

    def cancelled(self) -> bool:
        return self._task.isCanceled()
