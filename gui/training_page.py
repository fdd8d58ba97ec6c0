"""The page with the curves of current and past trainings, wherever they were started."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from qgis.core import QgsApplication
from qgis.PyQt import QtWidgets
from qgis.PyQt.QtCore import QSize, Qt, QTimer, QUrl
from qgis.PyQt.QtGui import QDesktopServices, QHideEvent, QKeySequence, QShowEvent

from ..model.errors import ScarpError
from ..model.history.reading import Follower, History, HistoryFolder, history_of_model, read_history
from ..model.history.writing import RUNNING, SUFFIX, histories_folder, request_stop
from ..translation import of_core, tr
from .function_task import filled, wrapped_label
from .training_charts import TrainingCharts
from .training_list import TrainingList
from .training_texts import status_text

POLL_MS, SOON_MS = 1000, 20  # milliseconds to the next poll of the files, and after one that did not read everything


class TrainingPage(QtWidgets.QWidget):
    """List, curves and a stop button. It only reads files, while it is visible, so it follows any process."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent, objectName="ScarpTraining")
        self.trainings = HistoryFolder(_folder())
        self.list, self.charts = TrainingList(), TrainingCharts()
        self.status_text, self.message = wrapped_label(), wrapped_label()
        self.stop_button = QtWidgets.QPushButton(tr("Stop and keep best"), clicked=self.stop)
        self._timer = QTimer(self, singleShot=True, timeout=self.poll)
        self._drawn: Any = None
        filled(QtWidgets.QVBoxLayout(self), self._body()).setContentsMargins(0, 0, 0, 0)
        self.list.chosen.connect(lambda _: self._show_message(""))
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Start polling the files."""
        super().showEvent(event)
        self._timer.start(0)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop polling."""
        self._timer.stop()
        super().hideEvent(event)

    def poll(self) -> None:
        """Read and show new lines of the files; a few milliseconds at most."""
        more = self.trainings.poll()
        new = self.list.show_trainings(self.trainings.followers)
        shown = self._follower()
        started = [key for key in new if self.trainings.followers[key].state() == RUNNING]
        if started and (shown is None or shown.state() != RUNNING):
            self.list.choose(started[-1])
        elif shown is None and self.list.topLevelItemCount():
            self.list.setCurrentItem(self.list.topLevelItem(0))
        self._refresh()
        if self.isVisible():
            self._timer.start(SOON_MS if more else POLL_MS)

    def stop(self) -> None:
        """Request that the selected training stops and keeps its best weights."""
        follower = self._follower()
        if follower is None:
            return
        try:
            request_stop(follower.path)
        except OSError as error:
            text = tr("The training cannot be stopped: {reason}.")
            self._show_message(text.format(reason=error.strerror or error))
            return
        follower.stop_requested = True
        self._refresh()

    def open_file(self, path: str | Path = "") -> None:
        """Show a model or history file; ask for one when none is given."""
        types = tr("Models and histories") + " (*.safetensors *.jsonl)"
        ask = QtWidgets.QFileDialog.getOpenFileName
        path = path or ask(self, tr("Open the curves of a training"), "", types)[0]
        if not path:
            return
        try:
            key = self.trainings.add(_open_follower(Path(path)))
        except (ScarpError, OSError) as error:
            self._show_message(of_core(str(error)))
            return
        self._show_message("")
        self.poll()
        self.list.choose(key)

    def open_report(self) -> None:
        """Open the report of the selected training in the browser."""
        if history := self._history():
            QDesktopServices.openUrl(QUrl.fromLocalFile(history.head.report))

    def show_folder(self) -> None:
        """Show the folder of the selected training's model in the file manager."""
        if history := self._history():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(history.head.output).parent)))

    def remove(self) -> None:
        """Remove the selected training from the list; its model stays."""
        follower = self._follower()
        if follower is not None and follower.state() != RUNNING:
            self.trainings.forget(self.list.current)
            self.poll()

    def _body(self) -> QtWidgets.QWidget:
        action = self._action
        show = tr("Show the curves of a model or history file")
        report = tr("Open the report of this training in the browser")
        folder = tr("Show the model in the file manager")
        remove = tr("Remove this training from the list; its model stays")
        self._open = action("mActionFileOpen.svg", tr("Open…"), show, self.open_file)
        self._report = action("mActionNewReport.svg", tr("Report"), report, self.open_report)
        self._shown_folder = action("mIconFolderOpen.svg", tr("Folder"), folder, self.show_folder)
        self._removal = action("mActionRemove.svg", tr("Remove"), remove, self.remove)
        self._removal.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        self._removal.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.list.addAction(self._removal)
        size = self.fontMetrics().height()
        bar = QtWidgets.QToolBar(iconSize=QSize(size, size))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.addActions([self._open, self._report, self._shown_folder, self._removal])
        for label in (self.status_text, self.message):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status_text.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Room for the longest text, so that the charts do not jump.
        self.status_text.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.stop_button.setToolTip(tr("Stop the training now and save the model with the weights of its best epoch"))
        area = QtWidgets.QScrollArea(widgetResizable=True)
        area.setFrameShape(QtWidgets.QScrollArea.Shape.NoFrame)
        area.setWidget(self.charts)
        split = QtWidgets.QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        split.addWidget(_column(bar, self.list))
        split.addWidget(_column(self.status_text, self.stop_button, self.message, area))
        split.setStretchFactor(1, 3)
        split.setSizes([110, 600])
        return split

    def _action(self, icon: str, text: str, tip: str, slot: Callable[[], None]) -> QtWidgets.QAction:
        action = QtWidgets.QAction(QgsApplication.getThemeIcon(icon), text, self, toolTip=tip)
        # Qt passes on whether the action is checked.
        action.triggered.connect(lambda _checked=False: slot())
        return action

    def _follower(self) -> Follower | None:
        return self.trainings.followers.get(self.list.current)

    def _history(self) -> History | None:
        follower = self._follower()
        return None if follower is None else follower.history

    def _refresh(self) -> None:
        follower, history = self._follower(), self._history()
        if follower is None or history is None:
            sentences = [tr("Trainings appear here as soon as they start, also those started in a console.")]
            running = stopping = False
        else:
            sentences, running, stopping = status_text(follower), follower.state() == RUNNING, follower.stop_requested
        key = (id(history), history and history.epoch, running, sentences, stopping)
        if key == self._drawn:
            return
        self._drawn = key
        self.status_text.setText("\n".join(sentences))
        self.charts.show_training(follower)
        ended = history is not None and not running
        self.stop_button.setEnabled(history is not None and running and history.head.stoppable and not stopping)
        self._report.setEnabled(history is not None and ended and _is_report(history.head.report))
        self._shown_folder.setEnabled(history is not None and bool(history.head.output))
        self._removal.setEnabled(ended)

    def _show_message(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        self._refresh()


def _folder() -> Path:
    try:
        return histories_folder()
    except RuntimeError:
        # A user without a home folder has no histories; files can still be opened.
        return Path("trainings")


def _open_follower(path: Path) -> Follower:
    if path.suffix == SUFFIX:
        return read_history(path)
    # Not at the top: it loads NumPy and more, and the dock would take seconds to open.
    from ..model.artifact_header import read_header_of_file

    follower = Follower(path)
    follower.history = history_of_model(read_header_of_file(path), path, path.stat().st_mtime)
    return follower


def _is_report(path: str) -> bool:
    return path.lower().endswith((".html", ".htm")) and Path(path).is_file()


def _column(*widgets: QtWidgets.QWidget) -> QtWidgets.QWidget:
    whole = QtWidgets.QWidget()
    filled(QtWidgets.QVBoxLayout(whole, spacing=4), *widgets).setContentsMargins(4, 2, 4, 4)
    return whole
