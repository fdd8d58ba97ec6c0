"""The four charts of a training, and their legend."""

from __future__ import annotations

from qgis.PyQt.QtCore import QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from qgis.PyQt.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..model.history.reading import Follower, History
from ..model.history.writing import NUMBERS, RUNNING
from ..translation import tr
from .line_chart import ChartColours, LineChart

_MIN_CHART_WIDTH_EM = 26
"""Widths of a letter M from which two charts stand side by side; more than two charts need at least."""


class TrainingCharts(QWidget):
    """Loss, accuracy, recall and violation rate of one training by epoch."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        lowest = tr("The epoch with the lowest loss of the validation windows gives the model its weights.")
        warned = tr("Share of the cells with a low safety factor that the model classifies as stable.")
        captions = {
            "loss": (tr("Loss"), tr("What training minimises.") + " " + lowest),
            "accuracy": (tr("Accuracy"), tr("Share of the cells on the right side of 0.5.")),
            "recall": (tr("Recall"), tr("Share of the landslide cells with a probability of at least 0.5.")),
            "violation_rate": (tr("Violation rate"), warned),
        }
        self.charts = [LineChart(name, captions[name][0], self) for name in NUMBERS]
        for chart in self.charts:
            chart.setToolTip(captions[chart.name][1])
            chart.hovered.connect(self.show_epoch)
        self.legend = Legend(self)
        self._grid, self._columns = QGridLayout(), 0
        self._grid.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.legend)
        layout.addLayout(self._grid, 1)
        self._arrange(1)

    def show_training(self, follower: Follower | None) -> None:
        """Draw the current state of a training; nothing for ``None``."""
        history, state = (None, "") if follower is None else (follower.history, follower.state())
        for chart in self.charts:
            chart.placeholder_text = "" if history is None else _placeholder(chart.name, history, state)
            chart.show_history(history, state)
        self.legend.show_state(state == RUNNING and history is not None and history.head.patience > 0)
        if history is None or not history.epoch:
            self.show_epoch(0)

    def show_epoch(self, epoch: int) -> None:
        """Mark an epoch in all charts; 0 marks none."""
        for chart in self.charts:
            chart.show_epoch(epoch)
        self.legend.show_epoch(epoch)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the charts in one column or two."""
        super().resizeEvent(event)
        self._arrange(2 if self.width() >= _MIN_CHART_WIDTH_EM * self.fontMetrics().horizontalAdvance("M") else 1)

    def _arrange(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            for number, chart in enumerate(self.charts):
                self._grid.addWidget(chart, number // columns, number % columns)


def _placeholder(name: str, history: History, state: str) -> str:
    if not history.epoch:
        return tr("The first epoch is not complete yet.") if state == RUNNING else tr("There is no epoch.")
    return tr("There was no safety factor.") if name == "violation_rate" else tr("No values.")


class Legend(QLabel):
    """Explains the lines, and shows the number of the epoch under the mouse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patience, self._epoch = False, 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the height of a line of text."""
        return QSize(100, self.fontMetrics().height() + 4)

    def show_state(self, patience: bool) -> None:
        """Set whether the charts have a band for the remaining patience."""
        self._patience = patience
        self.update()

    def show_epoch(self, epoch: int) -> None:
        """Show an epoch; 0 for none."""
        self._epoch = epoch
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as many signs and words as there is room for, from the left."""
        colours, painter = ChartColours(self.palette()), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, x, metrics = self.height() / 2, 4.0, self.fontMetrics()
        signs = [
            (QPen(colours.train, 1.5), tr("training")),
            (QPen(colours.validation, 2.5), tr("validation")),
            (QPen(colours.muted, 1, Qt.PenStyle.DashLine), tr("best epoch")),
            *([(None, tr("patience"))] if self._patience else []),
        ]
        room = self.width()
        if self._epoch:
            text = tr("epoch {n}").format(n=self._epoch)
            painter.setPen(colours.text)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(self.rect().adjusted(0, 0, -6, 0)), flags, text)
            room -= metrics.horizontalAdvance(text) + 18
        for pen, text in signs:
            width = metrics.horizontalAdvance(text)
            if x + 24 + width > room:
                break
            if pen is None:
                painter.fillRect(QRectF(x, middle - 5, 16, 10), colours.blended(0.18))
            else:
                painter.setPen(pen)
                painter.drawLine(round(x), round(middle), round(x + 16), round(middle))
            painter.setPen(colours.text)
            painter.drawText(QRectF(x + 20, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, text)
            x += 20 + width + 12
        painter.end()
