"""QGIS's own dialog of an algorithm with suggestions from the project, live validation, and illustrated help."""

from __future__ import annotations

from html import escape
from pathlib import Path
from time import monotonic
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsMessageLog
from qgis.PyQt.QtCore import QObject, QTimer, QUrl
from qgis.PyQt.QtGui import QCloseEvent, QShowEvent
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTextBrowser, QVBoxLayout, QWidget
from qgis.utils import iface

from ..algorithms.base.messages import choice_in_words, help_in_words
from ..algorithms.base.parameters import live_validation_message, plain
from ..translation import tr
from .automatic_values import AutomaticValues
from .function_task import filled
from .recent_models import RecentModels
from .suggestions import Suggestions

try:
    # QGIS 4.2 and later show an algorithm in a widget that lies in a dock or a window.
    from processing.gui.algorithm_widget import AlgorithmWidget as _Dialog
except ImportError:
    try:
        from processing.gui.AlgorithmDialog import AlgorithmDialog as _Dialog
    except ImportError:
        _Dialog = None

PICTURES = Path(__file__).resolve().parent.parent / "resources" / "help"
PICTURE_WIDTH = 226  # pixels that fit into the panel
DEBOUNCE_MS = 300  # milliseconds without a change after which the values are checked
MAX_CHECK_SECONDS = 0.1  # a slower check is left to *Run*: files may lie on a slow drive


def create_dialog(algorithm: Any, parent: QWidget | None = None) -> ScarpDialog | None:
    """Return the dialog of a new instance of an algorithm or model; None if this QGIS has no dialog to build upon.

    QGIS shows its own dialog for None.
    """
    if _Dialog is None:
        _warn_of_missing_additions(algorithm, "processing.gui.AlgorithmDialog, processing.gui.algorithm_widget")
        return None
    return ScarpDialog(algorithm, parent)


def _warn_of_missing_additions(algorithm: Any, reason: object) -> None:
    text = tr("The dialog of {title} is shown without Scarp's additions: {reason}")
    text = text.format(title=algorithm.displayName(), reason=reason)
    QgsMessageLog.logMessage(text, "Scarp", Qgis.MessageLevel.Warning)


def show_help(dialog: QWidget) -> None:
    """Show the help in the panel of a dialog of QGIS; raises AttributeError when there is no panel."""
    panel = dialog.findChild(QTextBrowser, "textShortHelp")
    if panel is None:
        raise AttributeError("there is no help panel")
    panel.setHtml(help_html(dialog.algorithm()))


def help_html(algorithm: Any) -> str:
    """Return the help of an algorithm or graphical model as HTML."""
    parts = [f"<h3>{escape(algorithm.displayName())}</h3>"]
    picture = PICTURES / f"{algorithm.name()}.png"
    if picture.is_file():
        parts.append(f'<p><img src="{QUrl.fromLocalFile(str(picture)).toString()}" width="{PICTURE_WIDTH}"></p>')
    summary = getattr(algorithm, "SUMMARY", None)
    text = tr(summary) if summary else str(algorithm.helpContent().get("ALG_DESC", ""))
    parts += [f"<p>{escape(line)}</p>" for line in help_in_words(algorithm, text).split("\n") if line.strip()]
    for title, output in ((tr("Parameters"), False), (tr("Outputs"), True)):
        helped = [item for item in algorithm.parameterDefinitions() if item.isDestination() == output and item.help()]
        parts += [f"<h4>{escape(title)}</h4>"] if helped else []
        for item in helped:
            words = help_in_words(algorithm, item.help())
            parts.append(f"<p><b>{escape(item.description())}</b><br>{escape(words)}</p>")
    return "".join(parts)


class ScarpDialog(_Dialog or QWidget):  # type: ignore[misc]
    """The dialog of one of Scarp's algorithms or graphical models; it owns the algorithm, a new instance."""

    # QGIS 4.2 shows the widget while it is constructed.
    _never_shown = True
    _suggestions: Suggestions | None = None
    _live_validator: LiveValidator | None = None
    _automatic: AutomaticValues | None = None
    _models: RecentModels | None = None

    def __init__(self, algorithm: Any, parent: QWidget | None = None) -> None:
        super().__init__(algorithm, parent=iface.mainWindow() if iface is not None else parent)
        panel = self.mainWidget()
        try:
            show_help(self)
            parts = (self.algorithm(), panel.wrappers, panel.processing_context, self)
            self._suggestions = Suggestions(*parts)
            self._live_validator = LiveValidator(*parts)
            show_by_method(self.algorithm(), panel.wrappers)
            show_choices_in_words(self.algorithm(), panel.wrappers)
            self._models = RecentModels(*parts)
            self._automatic = AutomaticValues(*parts)
        except (AttributeError, TypeError) as error:
            # The internals of QGIS's dialog may change; without the additions it is still useful.
            _warn_of_missing_additions(algorithm, error)
        if self.isVisible():
            # No event will tell. Whoever opened the dialog fills in values of an earlier run first.
            QTimer.singleShot(0, self._start)

    def setParameters(self, parameters: dict[str, Any]) -> None:
        """Fill in values of an earlier run or of a script, without suggestions in between."""
        self._never_shown = self._never_shown and not parameters
        if self._suggestions is not None:
            self._suggestions.paused = True
        try:
            super().setParameters(parameters)
        finally:
            if self._suggestions is not None:
                self._suggestions.paused = False
            if self._live_validator is not None:
                self._live_validator.forget()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop computing values that nobody will see."""
        if self._automatic is not None:
            self._automatic.stop()
        super().closeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Suggest layers and fields when an empty dialog is first shown."""
        super().showEvent(event)
        self._start()

    def _start(self) -> None:
        if self._suggestions is None:
            return
        if self._never_shown:
            self._suggestions.suggest()
            if self._models is not None:
                self._models.suggest()
            if self._live_validator is not None:
                self._live_validator.forget()
        self._never_shown = False
        if self._live_validator is not None:
            QTimer.singleShot(DEBOUNCE_MS, self._live_validator.open_files)


def show_by_method(algorithm: Any, wrappers: dict[str, Any]) -> None:
    """Show only the inputs that the chosen METHOD uses, now and after each change; the others keep their values."""
    hidden_by: dict[str, str] = {
        name: method for method, names in getattr(algorithm, "ONLY_WITH", {}).items() for name in names
    }
    if not hidden_by:
        return

    def show(*_: Any) -> None:
        chosen = plain(wrappers["METHOD"].parameterValue()) or algorithm.parameterDefinition("METHOD").defaultValue()
        for name, method in hidden_by.items():
            for part in (wrappers[name].wrappedWidget(), wrappers[name].wrappedLabel()):
                if part is not None:
                    part.setVisible(method == chosen)

    wrappers["METHOD"].widgetValueHasChanged.connect(show)
    show()


def show_choices_in_words(algorithm: Any, wrappers: dict[str, Any]) -> None:
    """Show the choices of enumerations in words; their values stay as they are."""
    for definition in algorithm.parameterDefinitions():
        if definition.type() != "enum" or definition.name() not in wrappers:
            continue
        widget = wrappers[definition.name()].wrappedWidget()
        box = widget if isinstance(widget, QComboBox) else widget.findChild(QComboBox)
        for row in range(box.count() if box is not None else 0):
            word = box.itemData(row)
            if isinstance(word, str) and word in definition.options():
                box.setItemText(row, choice_in_words(definition.name(), word))


class LiveValidator(QObject):
    """Checks a dialog's values a moment after each change by the user; ``wrappers`` of the widgets are by name."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, dialog: QWidget) -> None:
        super().__init__(dialog)
        self._algorithm, self._wrappers, self._context = algorithm, wrappers, context
        self._too_slow = False
        # A sentence with a warning sign; hidden while there is no problem.
        self.line, self.label = QWidget(dialog), QLabel(objectName="scarpProblem", wordWrap=True)
        sign = QLabel(pixmap=QgsApplication.getThemeIcon("/mIconWarning.svg").pixmap(16, 16))
        filled(QHBoxLayout(self.line), sign, (self.label, 1)).setContentsMargins(0, 0, 0, 0)
        self._show("")
        layout = dialog.layout()
        if not isinstance(layout, QVBoxLayout):
            raise TypeError("This version of QGIS lays its dialogs out in another way.")
        layout.insertWidget(layout.count() - 1, self.line)
        self._timer = QTimer(self, singleShot=True, interval=DEBOUNCE_MS, timeout=self.validate_now)
        for wrapper in wrappers.values():
            wrapper.widgetValueHasChanged.connect(self._changed)

    def forget(self) -> None:
        """Ignore the last changes; called after a program filled the dialog."""
        self._timer.stop()
        self._show("")

    def validate_now(self) -> None:
        """Check the values and show what is wrong."""
        self._show(self._problem())

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
            self._show("")
        else:
            self._timer.start()

    def _show(self, text: str) -> None:
        self.label.setText(text)
        self.line.setVisible(bool(text))

    def _output_problem(self, values: dict[str, Any]) -> str:
        for definition in self._algorithm.destinationParameterDefinitions():
            value = values.get(definition.name())
            if plain(value) not in (None, ""):
                supported, message = definition.isSupportedOutputValue(value, self._context)
                if not supported:
                    return str(message)
        return ""
