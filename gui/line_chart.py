"""Where the marks of an axis stand, and how its numbers are written.
A small chart of one measure by epoch, drawn in the colours of the window.
"""

from __future__ import annotations

import math
from typing import Any

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
)
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QWidget

from ..model.history.reading import History
from ..model.history.storage import RUNNING


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Return round numbers from ``low`` to ``high``, as many as fit.

    Args:
        low: end of the axis.
        high: other end, above ``low``.
        most: numbers at most, at least 2.
        whole: whether only whole numbers are wanted.
    """
    least = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [max(least, 1.0) * factor if whole else least * factor for factor in (1, 2, 5, 10, 20, 50)]
    step = next(step for step in steps if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, first + _count(low, high, step))]


def value_range(low: float, high: float, share: bool) -> tuple[float, float]:
    """Return the ends of an axis for values from ``low`` to ``high``, with some room around them.

    Args:
        low: lowest value.
        high: highest value.
        share: whether the values are shares, which lie between 0 and 1.
    """
    room = 0.06 * (high - low) or max(0.05, 0.1 * abs(high))
    if not share:
        return low - room, high + room
    # Of a damaged file a share may be anything.
    return max(low - room, min(low, -0.02)), min(high + room, max(high, 1.02))


def value_text(value: float | None, share: bool) -> str:
    """Return a value for the reader; a dash for none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if share else f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"


def tick_texts(values: list[float], share: bool) -> list[str]:
    """Return the texts of marks, all with the same number of digits."""
    if share:
        values = [100 * value for value in values]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    # Without the minus of a rounded nothing.
    return [f"{value + 0.0:.{digits}f}{' %' if share else ''}".replace("-0 ", "0 ") for value in values]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1


_GAP = 6
"""Pixels between the parts of a chart."""


class ChartColours:
    """Colours of the curves, those of the reports (Okabe and Ito 2008), and brighter ones on a dark window.

    QGIS's dark themes are style sheets that leave parts of the palette as they were. What can be relied on is the
    colour of a label's text, so what is drawn with these colours is a ``QLabel``.
    """

    def __init__(self, palette: QPalette) -> None:
        """Choose by the text of a label's palette."""
        self.text = palette.color(QPalette.ColorRole.WindowText)
        self.background = palette.color(QPalette.ColorRole.Base)
        self.dark = self.text.lightness() > 128
        if self.background.alpha() < 255 or (self.background.lightness() < 128) != self.dark:
            self.background = QColor("#222222" if self.dark else "#ffffff")
        self.train = QColor("#56b4e9" if self.dark else "#0072b2")
        self.validation = QColor("#3ecf9f" if self.dark else "#009e73")
        self.muted = self.blended(0.45)
        self.grid = self.blended(0.12)
        self.band = self.blended(0.06)

    def blended(self, share: float) -> QColor:
        """Return the text's colour, faded into the background."""
        parts = zip(self.text.getRgb()[:3], self.background.getRgb()[:3])
        return QColor(*(round(share * text + (1 - share) * background) for text, background in parts))


class AxisTransform:
    """From epochs and values to places in a chart, and back."""

    def __init__(self, plot: QRectF, epochs: tuple[float, float], values: tuple[float, float]) -> None:
        """Take the rectangle of the curves and the ends of both axes."""
        self._plot, self._first, self._low = plot, epochs[0], values[0]
        self._x_factor = plot.width() / (epochs[1] - epochs[0])
        self._y_factor = plot.height() / (values[1] - values[0])

    def at(self, epoch: float, value: float) -> QPointF:
        """Return where a value stands."""
        return QPointF(
            self._plot.left() + (epoch - self._first) * self._x_factor,
            self._plot.bottom() - (value - self._low) * self._y_factor,
        )

    def top(self, epoch: float) -> QPointF:
        """Return where an epoch stands on the upper edge."""
        return QPointF(self.at(epoch, 0.0).x(), self._plot.top())

    def bottom(self, epoch: float) -> QPointF:
        """Return where an epoch stands on the lower edge."""
        return QPointF(self.at(epoch, 0.0).x(), self._plot.bottom())

    def epoch_at(self, x: float) -> int:
        """Return the epoch next to a place."""
        return round(self._first + (x - self._plot.left()) / self._x_factor) if self._x_factor else 1


class LineChart(QLabel):
    """One measure by epoch: training and validation, the best epoch, and until when a better one may come."""

    hovered = pyqtSignal(int)
    """The epoch under the mouse; 0 for none."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        """Make an empty chart.

        Args:
            name: of the measure, such as ``loss``.
            title: of the chart.
            parent: of the widget.
        """
        super().__init__(parent)
        self.name, self.title, self.share = name, title, name != "loss"
        self.history: History | None = None
        self.placeholder_text = ""
        """What stands in the place of curves when there are none."""
        self._running, self._hovered_epoch = False, 0
        self._plot, self._scale = QRectF(), AxisTransform(QRectF(), (1.0, 2.0), (0.0, 1.0))
        self._paths: tuple[Any, list[QPainterPath]] = (None, [])
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Return a size at which all is readable."""
        return QSize(240, 9 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return the least size."""
        return QSize(10 * self.fontMetrics().horizontalAdvance("M"), 7 * self.fontMetrics().height())

    def show_history(self, history: History | None, state: str) -> None:
        """Draw another training, or the same one that has gone on."""
        self.history, self._running = history, state == RUNNING
        self.update()

    def show_epoch(self, epoch: int) -> None:
        """Mark an epoch and write its values; 0 marks none."""
        if epoch != self._hovered_epoch:
            self._hovered_epoch = epoch
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell the epoch under the mouse."""
        epochs = 0 if self.history is None else self.history.epoch
        if epochs and self._plot.width():
            self.hovered.emit(min(max(self._scale.epoch_at(event.pos().x()), 1), epochs))

    def leaveEvent(self, event: Any) -> None:
        """Tell that the mouse is gone."""
        self.hovered.emit(0)
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        colours = ChartColours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.background)
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._draw_title(painter, colours)
        history = self.history
        if history is None or not self._has_data(history):
            painter.setPen(colours.muted)
            painter.drawText(
                self.rect().adjusted(_GAP, 0, -_GAP, 0),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                self.placeholder_text,
            )
        else:
            self._draw_axes(painter, colours, history)
            self._draw_curves(painter, colours, history)
        painter.end()

    def _has_data(self, history: History) -> bool:
        return not all(self._series(history, subset).empty for subset in ("train", "validation"))

    def _series(self, history: History, subset: str) -> Any:
        return history.series[f"{subset}_{self.name}"]

    def _epochs(self) -> tuple[float, float]:
        """Return the first and last epoch of the axis; of a training that runs, the one with which it would end."""
        history = self.history
        if history is None:
            return 1.0, 2.0
        last = max(history.epoch, history.last_epoch) if self._running and history.head.patience else history.epoch
        return 1.0, float(max(last, 2))

    def _values(self, history: History) -> tuple[float, float]:
        both = [self._series(history, subset) for subset in ("train", "validation")]
        some = [series for series in both if not series.empty]
        return value_range(min(item.lowest for item in some), max(item.highest for item in some), self.share)

    def _draw_title(self, painter: QPainter, colours: ChartColours) -> None:
        """Write the title, and the values of the marked or last epoch, which explain the colours at the same time."""
        metrics, font, small = QFontMetrics(self.font()), self.font(), self._small_font()
        painter.setFont(small)
        baseline, right = _GAP + metrics.ascent(), self.width() - _GAP
        if self.history is not None and self._has_data(self.history):
            epoch = self._hovered_epoch or self.history.epoch
            for subset, colour in (("validation", colours.validation), ("train", colours.train)):
                text = value_text(self._series(self.history, subset).value_at(epoch), self.share)
                right -= painter.fontMetrics().horizontalAdvance(text)
                painter.setPen(colour)
                painter.drawText(QPointF(right, baseline), text)
                right -= _GAP + 3
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(colours.text)
        title = painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideRight, int(right))
        painter.drawText(QPointF(_GAP, baseline), title)
        painter.setFont(self.font())

    def _small_font(self) -> QFont:
        font = QFont(self.font())
        # A font that was set in pixels has no size in points.
        if font.pointSizeF() > 0:
            font.setPointSizeF(max(6.0, 0.87 * font.pointSizeF()))
        return font

    def _draw_axes(self, painter: QPainter, colours: ChartColours, history: History) -> None:
        painter.setFont(self._small_font())
        metrics = painter.fontMetrics()
        top = 2 * _GAP + QFontMetrics(self.font()).height()
        height = self.height() - top - metrics.height() - _GAP
        low, high = self._values(history)
        values = ticks(low, high, max(2, int(height / (1.4 * metrics.height()))))
        texts = tick_texts(values, self.share)
        left = _GAP + max((metrics.horizontalAdvance(text) for text in texts), default=0) + _GAP
        self._plot = QRectF(left, top, max(1.0, self.width() - left - 2 * _GAP), max(1.0, height - _GAP / 2))
        first, last = self._epochs()
        self._scale = scale = AxisTransform(self._plot, (first, last), (low, high))
        for value, text in zip(values, texts):
            place = scale.at(first, value)
            painter.setPen(QPen(colours.grid, 1))
            painter.drawLine(place, QPointF(self._plot.right(), place.y()))
            painter.setPen(colours.muted)
            painter.drawText(
                QPointF(left - _GAP - metrics.horizontalAdvance(text), place.y() + metrics.ascent() / 2 - 1), text
            )
        most = max(2, int(self._plot.width() / (1.5 * metrics.horizontalAdvance(str(int(last))) + 8)))
        for epoch in ticks(first, last, most, whole=True):
            text = str(int(epoch))
            place = scale.at(epoch, low)
            painter.setPen(colours.muted)
            painter.drawText(
                QPointF(
                    place.x() - metrics.horizontalAdvance(text) / 2, self._plot.bottom() + _GAP / 2 + metrics.ascent()
                ),
                text,
            )
        painter.setFont(self.font())

    def _draw_curves(self, painter: QPainter, colours: ChartColours, history: History) -> None:
        if history.best_epoch:
            if self._running and history.head.patience:
                painter.fillRect(
                    QRectF(self._scale.top(history.best_epoch), self._scale.bottom(history.last_epoch)), colours.band
                )
            self._draw_epoch(painter, QPen(colours.muted, 1, Qt.PenStyle.DashLine), history.best_epoch)
        for path, colour, width in zip(self._lines(history), (colours.train, colours.validation), (1.3, 2.0)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            )
            painter.drawPath(path)
        self._draw_dot(painter, colours, history, history.best_epoch, "validation", colours.validation, 4.0)
        if self._hovered_epoch and self._hovered_epoch <= history.epoch:
            self._draw_epoch(painter, QPen(colours.muted, 1), self._hovered_epoch)
            for subset, colour in (("train", colours.train), ("validation", colours.validation)):
                self._draw_dot(painter, colours, history, self._hovered_epoch, subset, colour, 3.0)

    def _draw_epoch(self, painter: QPainter, pen: QPen, epoch: int) -> None:
        painter.setPen(pen)
        painter.drawLine(self._scale.top(epoch), self._scale.bottom(epoch))

    def _draw_dot(
        self,
        painter: QPainter,
        colours: ChartColours,
        history: History,
        epoch: int,
        subset: str,
        colour: QColor,
        radius: float,
    ) -> None:
        value = self._series(history, subset).value_at(epoch)
        if value is not None:
            painter.setPen(QPen(colours.background, 1.5))
            painter.setBrush(colour)
            painter.drawEllipse(self._scale.at(epoch, value), radius, radius)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _lines(self, history: History) -> list[QPainterPath]:
        """Return the curves of training and validation, made anew only when something has changed."""
        key = (id(history), history.epoch, self._epochs(), self._plot.getRect())
        if self._paths[0] != key:
            self._paths = key, [self._line(history, subset) for subset in ("train", "validation")]
        return self._paths[1]

    def _line(self, history: History, subset: str) -> QPainterPath:
        path = QPainterPath()
        for line in self._series(history, subset).polylines(max(200, 2 * int(self._plot.width()))):
            points = [self._scale.at(epoch, value) for epoch, value in line]
            path.moveTo(points[0])
            for point in points[1:]:
                path.lineTo(point)
            if len(points) == 1:
                # A single epoch is a dot: a line of no length is drawn as one by its round cap.
                path.lineTo(points[0] + QPointF(0.01, 0.0))
        return path
