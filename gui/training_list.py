"""The list of current and past trainings, and their names and states."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qgis.PyQt.QtCore import QDateTime, QLocale, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QResizeEvent
from qgis.PyQt.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from ..model.history.reading import Follower, History
from ..model.history.writing import CANCELLED, EPOCHS, FAILED, LOST, PATIENCE, RUNNING, STOPPED
from ..model.training.settings import TITLES
from ..translation import tr

_TEMPORARY = "OUTPUT"  # Processing's name of a temporary file
NAME, STATE, EPOCH, BEST, STARTED = range(5)
NARROW = 70  # letters below which the list is narrow
_KEY = int(Qt.ItemDataRole.UserRole)
_STATE_COLOURS = {RUNNING: "#2f7fd6", EPOCHS: "#2e9e5b", PATIENCE: "#2e9e5b", STOPPED: "#d99000", FAILED: "#cc3311"}


class TrainingList(QTreeWidget):
    """A line for each training, the newest at the top."""

    chosen = pyqtSignal(str)  # the key of the training that the user or :meth:`choose` selected

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, rootIsDecorated=False, uniformRowHeights=True, alternatingRowColors=True)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._shown: dict[str, tuple[Any, ...]] = {}
        self.setHeaderLabels([tr("Training"), tr("State"), tr("Done"), tr("Best"), tr("Started")])
        self.headerItem().setToolTip(EPOCH, tr("Epochs, or steps of the network, and how many there are at most"))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (STATE, EPOCH, BEST, STARTED):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(lambda *_: self.chosen.emit(self.current))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what the text below says too, where there is no room for the names."""
        narrow = event.size().width() < NARROW * self.fontMetrics().averageCharWidth()
        for column in (EPOCH, BEST):
            self.setColumnHidden(column, narrow)
        super().resizeEvent(event)

    @property
    def current(self) -> str:
        """The key of the selected training; empty for none."""
        item = self.currentItem()
        return "" if item is None else str(item.data(NAME, _KEY))

    def choose(self, key: str) -> None:
        """Select a training."""
        if key in self._items:
            self.setCurrentItem(self._items[key])
            self.scrollToItem(self._items[key])

    def show_trainings(self, followers: Mapping[str, Follower]) -> list[str]:
        """Update the list, keeping selection and position, and return new keys, the oldest first."""
        histories = {key: follower.history for key, follower in followers.items() if follower.history is not None}
        for key in self._items.keys() - histories:
            self.takeTopLevelItem(self.indexOfTopLevelItem(self._items.pop(key)))
            self._shown.pop(key, None)
        new = sorted(histories.keys() - self._items, key=lambda key: histories[key].started)
        for key in new:
            self._add(key, histories)
        for key, history in histories.items():
            self._update(key, followers[key], history)
        return new

    def _add(self, key: str, histories: Mapping[str, History]) -> None:
        item = QTreeWidgetItem()
        item.setData(NAME, _KEY, key)
        for column in (EPOCH, BEST):
            item.setTextAlignment(column, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
        newer = [other for other in self._items if histories[other].started > histories[key].started]
        self._items[key] = item
        self.insertTopLevelItem(len(newer), item)

    def _update(self, key: str, follower: Follower, history: History) -> None:
        item, state = self._items[key], follower.state()
        shown = (id(history), state, follower.stop_requested, history.epoch)
        if self._shown.get(key) == shown:
            return
        self._shown[key] = shown
        item.setText(NAME, display_name(history))
        item.setText(STATE, state_label(follower))
        item.setText(EPOCH, f"{history.shown(history.epoch)} / {history.shown(history.head.epochs)}")
        item.setText(BEST, str(history.shown(history.best_epoch)) if history.best_epoch else "–")
        item.setText(STARTED, start_text(history))
        item.setIcon(STATE, status_dot(_STATE_COLOURS.get(state, "#8a8f94")))
        item.setToolTip(NAME, history.head.output)


def status_dot(colour: str) -> QIcon:
    """Return a coloured dot."""
    picture = QPixmap(32, 32)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # The white ring separates it from a selection of the same colour.
    painter.setPen(QPen(QColor("white"), 2.5))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(8, 8, 16, 16)
    painter.end()
    icon = QIcon(picture)
    # Qt would tint the dot of the selected line with the colour of the selection.
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


def display_name(history: History) -> str:
    """Return the name of a training for the user: its output and kind."""
    stem, head = Path(history.head.output).stem, history.head
    name = tr("temporary model") if stem == _TEMPORARY else stem or tr("unnamed")
    text = tr("{name} ({kind}, {part})") if head.part else tr("{name} ({kind})")
    return text.format(name=name, kind=TITLES.get(head.kind, head.kind), part=head.part)


def state_label(follower: Follower) -> str:
    """Return the state in one or two words."""
    if follower.stop_requested:
        return tr("stopping")
    return {
        RUNNING: tr("running"),
        EPOCHS: tr("finished"),
        PATIENCE: tr("finished"),
        STOPPED: tr("stopped"),
        CANCELLED: tr("cancelled"),
        FAILED: tr("failed"),
        LOST: tr("lost"),
    }[follower.state()]


def start_text(history: History) -> str:
    """Return when a training started: the time today, else the day."""
    moment = QDateTime.fromMSecsSinceEpoch(int(1000 * history.started))
    today = time.localtime(history.started)[:3] == time.localtime()[:3]
    return QLocale().toString(moment.time() if today else moment.date(), QLocale.FormatType.ShortFormat)
