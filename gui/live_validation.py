"""Live validation: shows what is wrong in a dialog while it is being filled, in one sentence above its buttons."""

from __future__ import annotations

from time import monotonic
from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QObject, QTimer
from qgis.PyQt.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..algorithms.base.parameters import live_validation_message, plain

DEBOUNCE_MS = 300  # milliseconds without a change after which the values are checked
MAX_CHECK_SECONDS = 0.1  # a slower check is left to *Run*: files may lie on a slow drive


class ProblemLine(QWidget):
    """A sentence with a warning sign; hidden while there is no problem."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        sign, self.label = QLabel(self), QLabel(self)
        sign.setPixmap(QgsApplication.getThemeIcon("/mIconWarning.svg").pixmap(16, 16))
        self.label.setObjectName("scarpProblem")
        self.label.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(sign)
        layout.addWidget(self.label, 1)
        self.hide()

    def show_problem(self, text: str) -> None:
        """Show a sentence, or hide the line for an empty one."""
        self.label.setText(text)
        self.setVisible(bool(text))


class LiveValidator(QObject):
    """Checks a dialog's values a moment after each change by the user; ``wrappers`` are the parameters' by name."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, dialog: QDialog) -> None:
        super().__init__(dialog)
        self._algorithm, self._wrappers, self._context = algorithm, wrappers, context
        self._too_slow = False
        self.line = ProblemLine(dialog)
        layout = dialog.layout()
        if not isinstance(layout, QVBoxLayout):
            raise TypeError("This version of QGIS lays its dialogs out in another way.")
        layout.insertWidget(layout.count() - 1, self.line)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.validate_now)
        for wrapper in wrappers.values():
            wrapper.widgetValueHasChanged.connect(self._changed)

    def forget(self) -> None:
        """Ignore the last changes; called after a program filled the dialog."""
        self._timer.stop()
        self.line.show_problem("")

    def validate_now(self) -> None:
        """Check the values and show what is wrong."""
        self.line.show_problem(self._problem())

    def open_files(self) -> None:
        """Open the layers filled in by a program, so that *Run* need not wait for that."""
        self._problem()

    def _problem(self) -> str:
        started = monotonic()
        values = {name: wrapper.parameterValue() for name, wrapper in self._wrappers.items()}
        text = live_validation_message(self._algorithm, values, self._context) or self._output_problem(values)
        self._too_slow = monotonic() - started > MAX_CHECK_SECONDS
        return text

    def _changed(self, *_: Any) -> None:
        if self._too_slow:
            # The message on the earlier values may no longer apply.
            self.line.show_problem("")
        else:
            self._timer.start()

    def _output_problem(self, values: dict[str, Any]) -> str:
        for definition in self._algorithm.destinationParameterDefinitions():
            value = values.get(definition.name())
            if plain(value) not in (None, ""):
                supported, message = definition.isSupportedOutputValue(value, self._context)
                if not supported:
                    return str(message)
        return ""
