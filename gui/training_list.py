"""The list of current and past trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from ..model.history.reading import Follower, History
from ..model.history.writing import EPOCHS, FAILED, PATIENCE, RUNNING, STOPPED
from ..translation import tr
from .training_text import display_name, start_text, state_label

NAME, STATE, EPOCH, BEST, STARTED = range(5)
_KEY = int(Qt.ItemDataRole.UserRole)
_STATE_COLOURS = {RUNNING: "#2f7fd6", EPOCHS: "#2e9e5b", PATIENCE: "#2e9e5b", STOPPED: "#d99000", FAILED: "#cc3311"}


class TrainingList(QTreeWidget):
    """A line for each training, the newest at the top."""

    chosen = pyqtSignal(str)
    """The key of the training that the user or :meth:`choose` selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._started: dict[str, float] = {}
        self._shown: dict[str, tuple[Any, ...]] = {}
        self.setColumnCount(5)
        self.setHeaderLabels([tr("Training"), tr("State"), tr("Epoch"), tr("Best"), tr("Started")])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (STATE, EPOCH, BEST, STARTED):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(self._emit_chosen)

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
        """Update the list, keeping selection and position; followers without a history are left out.

        Returns:
            New keys, the oldest first.
        """
        histories = {key: follower.history for key, follower in followers.items() if follower.history is not None}
        for key in self._items.keys() - histories:
            self.takeTopLevelItem(self.indexOfTopLevelItem(self._items.pop(key)))
            self._shown.pop(key, None)
        new = sorted(histories.keys() - self._items, key=lambda key: histories[key].started)
        self._started = {key: history.started for key, history in histories.items()}
        for key in new:
            self._add(key)
        for key, history in histories.items():
            self._update(key, followers[key], history)
        return new

    def _add(self, key: str) -> None:
        item = QTreeWidgetItem()
        item.setData(NAME, _KEY, key)
        for column in (EPOCH, BEST):
            item.setTextAlignment(column, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
        newer = [other for other in self._items if self._started[other] > self._started[key]]
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
        item.setText(EPOCH, f"{history.epoch} / {history.head.epochs}")
        item.setText(BEST, str(history.best_epoch or "–"))
        item.setText(STARTED, start_text(history))
        item.setIcon(STATE, status_dot(_STATE_COLOURS.get(state, "#8a8f94")))
        item.setToolTip(NAME, history.head.output)

    def _emit_chosen(self) -> None:
        self.chosen.emit(self.current)


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
