"""A small chart of one measure by epoch, drawn in the colours of the window."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPalette,
                             QPen)
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QWidget

from ..model.history.forms import RUNNING
from ..model.history.reading import History
from .chart_scale import tick_texts, ticks, value_range, value_text

_GAP = 6
"""Pixels between the parts of a chart."""


class Colours:
    """Colours of the curves, those of the reports (Okabe and Ito 2008), and brighter ones on a dark window.

    QGIS's dark themes are style sheets that leave parts of the palette as they were. What can be relied on is the
    colour of a label's text, so what is drawn with these colours is a ``QLabel``.
    """

    def __init__(self, palette: QPalette) -> None:
        """Choose by the text of a label's palette."""
        self.text = palette.color(QPalette.ColorRole.WindowText)
        self.ground = palette.color(QPalette.ColorRole.Base)
        self.dark = self.text.lightness() > 128
        if self.ground.alpha() < 255 or (self.ground.lightness() < 128) != self.dark:
            self.ground = QColor("#222222" if self.dark else "#ffffff")
        self.train = QColor("#56b4e9" if self.dark else "#0072b2")
        self.validation = QColor("#3ecf9f" if self.dark else "#009e73")
        self.faint = self.mixed(0.45)
        self.grid = self.mixed(0.12)
        self.band = self.mixed(0.06)

    def mixed(self, share: float) -> QColor:
        """Return the text's colour, faded into the background."""
        parts = zip(self.text.getRgb()[:3], self.ground.getRgb()[:3])
        return QColor(*(round(share * text + (1 - share) * ground) for text, ground in parts))


class Scale:
    """From epochs and values to places in a chart, and back."""

    def __init__(self, plot: QRectF, epochs: tuple[float, float], values: tuple[float, float]) -> None:
        """Take the rectangle of the curves and the ends of both axes."""
        self._plot, self._first, self._low = plot, epochs[0], values[0]
        self._across = plot.width() / (epochs[1] - epochs[0])
        self._up = plot.height() / (values[1] - values[0])

    def at(self, epoch: float, value: float) -> QPointF:
        """Return where a value stands."""
        return QPointF(self._plot.left() + (epoch - self._first) * self._across,
                       self._plot.bottom() - (value - self._low) * self._up)

    def top(self, epoch: float) -> QPointF:
        """Return where an epoch stands on the upper edge."""
        return QPointF(self.at(epoch, 0.0).x(), self._plot.top())

    def bottom(self, epoch: float) -> QPointF:
        """Return where an epoch stands on the lower edge."""
        return QPointF(self.at(epoch, 0.0).x(), self._plot.bottom())

    def epoch_at(self, x: float) -> int:
        """Return the epoch next to a place."""
        return round(self._first + (x - self._plot.left()) / self._across) if self._across else 1


class Chart(QLabel):
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
        self.nothing = ""
        """What stands in the place of curves when there are none."""
        self._running, self._hover = False, 0
        self._plot, self._scale = QRectF(), Scale(QRectF(), (1.0, 2.0), (0.0, 1.0))
        self._paths: tuple[Any, list[QPainterPath]] = (None, [])
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt calls this name
        """Return a size at which all is readable."""
        return QSize(240, 9 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt calls this name
        """Return the least size."""
        return QSize(10 * self.fontMetrics().horizontalAdvance("M"), 7 * self.fontMetrics().height())

    def show_history(self, history: History | None, state: str) -> None:
        """Draw another training, or the same one that has gone on."""
        self.history, self._running = history, state == RUNNING
        self.update()

    def show_epoch(self, epoch: int) -> None:
        """Mark an epoch and write its values; 0 marks none."""
        if epoch != self._hover:
            self._hover = epoch
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt calls this name
        """Tell the epoch under the mouse."""
        epochs = 0 if self.history is None else self.history.epoch
        if epochs and self._plot.width():
            self.hovered.emit(min(max(self._scale.epoch_at(event.pos().x()), 1), epochs))

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt calls this name
        """Tell that the mouse is gone."""
        self.hovered.emit(0)
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt calls this name
        """Draw."""
        colours = Colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.ground)
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._draw_title(painter, colours)
        history = self.history
        if history is None or not self._drawn(history):
            painter.setPen(colours.faint)
            painter.drawText(self.rect().adjusted(_GAP, 0, -_GAP, 0),
                             Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.nothing)
        else:
            self._draw_axes(painter, colours, history)
            self._draw_curves(painter, colours, history)
        painter.end()

    def _drawn(self, history: History) -> bool:
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

    def _draw_title(self, painter: QPainter, colours: Colours) -> None:
        """Write the title, and the values of the marked or last epoch, which explain the colours at the same time."""
        metrics, font, small = QFontMetrics(self.font()), self.font(), self._small()
        painter.setFont(small)
        baseline, right = _GAP + metrics.ascent(), self.width() - _GAP
        if self.history is not None and self._drawn(self.history):
            epoch = self._hover or self.history.epoch
            for subset, colour in (("validation", colours.validation), ("train", colours.train)):
                text = value_text(self._series(self.history, subset).at(epoch), self.share)
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

    def _small(self) -> QFont:
        font = QFont(self.font())
        # A font that was set in pixels has no size in points.
        if font.pointSizeF() > 0:
            font.setPointSizeF(max(6.0, 0.87 * font.pointSizeF()))
        return font

    def _draw_axes(self, painter: QPainter, colours: Colours, history: History) -> None:
        painter.setFont(self._small())
        metrics = painter.fontMetrics()
        top = 2 * _GAP + QFontMetrics(self.font()).height()
        height = self.height() - top - metrics.height() - _GAP
        low, high = self._values(history)
        values = ticks(low, high, max(2, int(height / (1.4 * metrics.height()))))
        texts = tick_texts(values, self.share)
        left = _GAP + max((metrics.horizontalAdvance(text) for text in texts), default=0) + _GAP
        self._plot = QRectF(left, top, max(1.0, self.width() - left - 2 * _GAP), max(1.0, height - _GAP / 2))
        first, last = self._epochs()
        self._scale = scale = Scale(self._plot, (first, last), (low, high))
        for value, text in zip(values, texts):
            place = scale.at(first, value)
            painter.setPen(QPen(colours.grid, 1))
            painter.drawLine(place, QPointF(self._plot.right(), place.y()))
            painter.setPen(colours.faint)
            painter.drawText(QPointF(left - _GAP - metrics.horizontalAdvance(text),
                                     place.y() + metrics.ascent() / 2 - 1), text)
        most = max(2, int(self._plot.width() / (1.5 * metrics.horizontalAdvance(str(int(last))) + 8)))
        for epoch in ticks(first, last, most, whole=True):
            text = str(int(epoch))
            place = scale.at(epoch, low)
            painter.setPen(colours.faint)
            painter.drawText(QPointF(place.x() - metrics.horizontalAdvance(text) / 2,
                                     self._plot.bottom() + _GAP / 2 + metrics.ascent()), text)
        painter.setFont(self.font())

    def _draw_curves(self, painter: QPainter, colours: Colours, history: History) -> None:
        if history.best_epoch:
            if self._running and history.head.patience:
                painter.fillRect(QRectF(self._scale.top(history.best_epoch), self._scale.bottom(history.last_epoch)),
                                 colours.band)
            self._draw_epoch(painter, QPen(colours.faint, 1, Qt.PenStyle.DashLine), history.best_epoch)
        for path, colour, width in zip(self._lines(history), (colours.train, colours.validation), (1.3, 2.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
                                Qt.PenJoinStyle.RoundJoin))
            painter.drawPath(path)
        self._draw_dot(painter, colours, history, history.best_epoch, "validation", colours.validation, 4.0)
        if self._hover and self._hover <= history.epoch:
            self._draw_epoch(painter, QPen(colours.faint, 1), self._hover)
            for subset, colour in (("train", colours.train), ("validation", colours.validation)):
                self._draw_dot(painter, colours, history, self._hover, subset, colour, 3.0)

    def _draw_epoch(self, painter: QPainter, pen: QPen, epoch: int) -> None:
        painter.setPen(pen)
        painter.drawLine(self._scale.top(epoch), self._scale.bottom(epoch))

    def _draw_dot(self, painter: QPainter, colours: Colours, history: History, epoch: int, subset: str,
                  colour: QColor, radius: float) -> None:
        value = self._series(history, subset).at(epoch)
        if value is not None:
            painter.setPen(QPen(colours.ground, 1.5))
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
        for line in self._series(history, subset).lines(max(200, 2 * int(self._plot.width()))):
            points = [self._scale.at(epoch, value) for epoch, value in line]
            path.moveTo(points[0])
            for point in points[1:]:
                path.lineTo(point)
            if len(points) == 1:
                # A single epoch is a dot: a line of no length is drawn as one by its round cap.
                path.lineTo(points[0] + QPointF(0.01, 0.0))
        return path
