"""The charts of a training in the colours of the window, with the ticks of their axes and a legend."""

from __future__ import annotations

import math
from typing import Any

from qgis.PyQt import QtGui
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..model.history.reading import Follower, History
from ..model.history.writing import AUC, NUMBERS, RUNNING
from ..translation import tr
from .function_task import filled

_MIN_CHART_WIDTH_EM = 26  # widths of a letter M from which two charts stand side by side
_SUBSETS = ("train", "validation")
_LEAST = 0.02  # height of an axis of shares or of the AUC, at least
_GAP = 6  # pixels between the parts of a chart


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Return round, or whole, numbers between ``low`` and ``high``: at most ``most``, which is 2 or more."""
    least = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [max(least, 1.0) * factor if whole else least * factor for factor in (1, 2, 5, 10, 20, 50)]
    step = next(step for step in steps if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, first + _count(low, high, step))]


def value_range(low: float, high: float, share: bool) -> tuple[float, float]:
    """Return the ends of an axis for values from ``low`` to ``high``, with some room; shares lie between 0 and 1."""
    room = 0.06 * (high - low) or max(0.05, 0.1 * abs(high))
    if not share:
        return low - room, high + room
    # In a damaged file a share may be anything.
    return max(low - room, min(low, -0.02)), min(high + room, max(high, 1.02))


def value_text(value: float | None, share: bool) -> str:
    """Return a value as text; a dash for none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if share else f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"


def tick_texts(values: list[float], share: bool) -> list[str]:
    """Return the labels of ticks, all with the same number of digits."""
    if share:
        values = [100 * value for value in values]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    # Without the minus of a rounded zero.
    return [f"{value + 0.0:.{digits}f}{' %' if share else ''}".replace("-0 ", "0 ") for value in values]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1


class ChartColours:
    """The colours of the reports (Okabe and Ito 2008), and brighter ones on a dark window."""

    def __init__(self, palette: QtGui.QPalette) -> None:
        # QGIS's dark themes are style sheets that leave parts of the palette as they were. Only the text colour of a
        # label is reliable, so widgets with these colours are a QLabel.
        self.text = palette.color(QtGui.QPalette.ColorRole.WindowText)
        self.background = palette.color(QtGui.QPalette.ColorRole.Base)
        self.dark = self.text.lightness() > 128
        if self.background.alpha() < 255 or (self.background.lightness() < 128) != self.dark:
            self.background = QtGui.QColor("#222222" if self.dark else "#ffffff")
        self.train = QtGui.QColor("#56b4e9" if self.dark else "#0072b2")
        self.validation = QtGui.QColor("#3ecf9f" if self.dark else "#009e73")
        self.muted = self.blended(0.45)
        self.grid = self.blended(0.12)
        self.band = self.blended(0.06)

    def blended(self, share: float) -> QtGui.QColor:
        """Return the text's colour, faded into the background."""
        parts = zip(self.text.getRgb()[:3], self.background.getRgb()[:3])
        return QtGui.QColor(*(round(share * text + (1 - share) * background) for text, background in parts))


class LineChart(QLabel):
    """One measure of training and validation, the best epoch, and until when a better one may come.

    Steps stand for their entries, at equal distances.
    """

    hovered = pyqtSignal(int)  # the epoch under the mouse; 0 for none

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.title, self.share = name, title, name not in ("loss", AUC)
        self.history: History | None = None
        self.placeholder_text = ""
        self._running, self._hovered_epoch = False, 0
        self._plot, self._scale = QRectF(), QtGui.QTransform()  # of epoch and value to a point of the plot
        self._paths: tuple[Any, list[QtGui.QPainterPath]] = (None, [])
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Return a size at which everything is readable."""
        return QSize(240, 9 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size."""
        return QSize(10 * self.fontMetrics().horizontalAdvance("M"), 7 * self.fontMetrics().height())

    def show_history(self, history: History | None, state: str) -> None:
        """Draw another training, or the new epochs of the same one."""
        self.history, self._running = history, state == RUNNING
        self.update()

    @property
    def is_wanted(self) -> bool:
        """Whether this chart is shown: by steps the AUC always, and the violation rate if there is one."""
        history = self.history
        if history is None or not history.head.steps:
            return self.name != AUC
        return self.name != "violation_rate" or self._has_data(history)

    def show_epoch(self, epoch: int) -> None:
        """Mark an epoch and show its values; 0 marks none."""
        if epoch != self._hovered_epoch:
            self._hovered_epoch = epoch
            self.update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        """Emit the epoch under the mouse."""
        if self.history is not None and self.history.epoch and self._plot.width():
            epoch = round((event.pos().x() - self._scale.dx()) / self._scale.m11())
            self.hovered.emit(min(max(epoch, 1), self.history.epoch))

    def leaveEvent(self, event: Any) -> None:
        """Emit that the mouse has left."""
        self.hovered.emit(0)
        super().leaveEvent(event)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw."""
        colours = ChartColours(self.palette())
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.background)
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._draw_title(painter, colours)
        history = self.history
        if history is None or not self._has_data(history):
            painter.setPen(colours.muted)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(_GAP, 0, -_GAP, 0), flags, self.placeholder_text)
        else:
            self._draw_axes(painter, colours, history)
            self._draw_curves(painter, colours, history)
        painter.end()

    def _has_data(self, history: History) -> bool:
        return not all(self._series(history, subset).empty for subset in _SUBSETS)

    def _series(self, history: History, subset: str) -> Any:
        return history.series[f"{subset}_{self.name}"]

    def _epochs(self, history: History) -> tuple[float, float]:
        """Return the ends of the axis; for a running training up to the epoch at which it would stop."""
        last = history.last_epoch if self._running and history.head.patience else 0
        return 1.0, float(max(history.epoch, last, 2))

    def _draw_title(self, painter: QtGui.QPainter, colours: ChartColours) -> None:
        metrics, font, small = QtGui.QFontMetrics(self.font()), self.font(), self._small_font()
        painter.setFont(small)
        baseline, right = _GAP + metrics.ascent(), self.width() - _GAP
        if self.history is not None and self._has_data(self.history):
            epoch = self._hovered_epoch or self.history.epoch
            for subset, colour in (("validation", colours.validation), ("train", colours.train)):
                series = self._series(self.history, subset)
                if series.empty:
                    continue
                text = value_text(series.value_at(epoch), self.share)
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

    def _small_font(self) -> QtGui.QFont:
        font = QtGui.QFont(self.font())
        # A font that was set in pixels has no size in points.
        if font.pointSizeF() > 0:
            font.setPointSizeF(max(6.0, 0.87 * font.pointSizeF()))
        return font

    def _draw_axes(self, painter: QtGui.QPainter, colours: ChartColours, history: History) -> None:
        painter.setFont(self._small_font())
        metrics = painter.fontMetrics()
        top = 2 * _GAP + QtGui.QFontMetrics(self.font()).height()
        height = self.height() - top - metrics.height() - _GAP
        some = [series for series in (self._series(history, subset) for subset in _SUBSETS) if not series.empty]
        low, high = min(item.lowest for item in some), max(item.highest for item in some)
        if self.name != "loss":
            # A change by less than a hundredth is mostly chance, and should not look like more.
            low, high = min(low, (low + high) / 2 - _LEAST / 2), max(high, (low + high) / 2 + _LEAST / 2)
        low, high = value_range(low, high, self.share)
        values = ticks(low, high, max(2, int(height / (1.4 * metrics.height()))))
        texts = tick_texts(values, self.share)
        left = _GAP + max((metrics.horizontalAdvance(text) for text in texts), default=0) + _GAP
        self._plot = plot = QRectF(left, top, max(1.0, self.width() - left - 2 * _GAP), max(1.0, height - _GAP / 2))
        first, last = self._epochs(history)
        across, up = plot.width() / (last - first), plot.height() / (high - low)
        self._scale = QtGui.QTransform(across, 0, 0, -up, plot.left() - first * across, plot.bottom() + low * up)
        for value, text in zip(values, texts):
            point = self._point(first, value)
            painter.setPen(QtGui.QPen(colours.grid, 1))
            painter.drawLine(point, QPointF(plot.right(), point.y()))
            painter.setPen(colours.muted)
            x = left - _GAP - metrics.horizontalAdvance(text)
            painter.drawText(QPointF(x, point.y() + metrics.ascent() / 2 - 1), text)
        widest = metrics.horizontalAdvance(str(history.shown(int(last))))
        most = max(2, int(plot.width() / (1.5 * widest + 8)))
        painter.setPen(colours.muted)
        marked = ticks(first, last, most, whole=True)
        if history.head.steps:
            # From 0 on, so that the additive part is among them.
            marked = [*range(1, int(last) + 1, -(-int(last) // most))]
        for epoch in marked:
            text = str(history.shown(int(epoch)))
            width = metrics.horizontalAdvance(text)
            x = min(self._point(epoch).x() - width / 2, self.width() - width - 2.0)
            painter.drawText(QPointF(x, plot.bottom() + _GAP / 2 + metrics.ascent()), text)
        painter.setFont(self.font())

    def _draw_curves(self, painter: QtGui.QPainter, colours: ChartColours, history: History) -> None:
        subsets = {"train": colours.train, "validation": colours.validation}
        best = history.best_epoch
        if best:
            if self._running and history.head.patience:
                left, right = self._point(best).x(), self._point(history.last_epoch).x()
                painter.fillRect(QRectF(left, self._plot.top(), right - left, self._plot.height()), colours.band)
            self._draw_epoch(painter, QtGui.QPen(colours.muted, 1, Qt.PenStyle.DashLine), best)
        cap, join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
        for path, colour, width in zip(self._lines(history), subsets.values(), (1.3, 2.0)):
            painter.setPen(QtGui.QPen(colour, width, Qt.PenStyle.SolidLine, cap, join))
            painter.drawPath(path)
        dots = [("validation", best, 4.0)]
        if self._hovered_epoch and self._hovered_epoch <= history.epoch:
            self._draw_epoch(painter, QtGui.QPen(colours.muted, 1), self._hovered_epoch)
            dots += [(subset, self._hovered_epoch, 3.0) for subset in subsets]
        for subset, epoch, radius in dots:
            value = self._series(history, subset).value_at(epoch)
            if value is not None:
                painter.setPen(QtGui.QPen(colours.background, 1.5))
                painter.setBrush(subsets[subset])
                painter.drawEllipse(self._point(epoch, value), radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_epoch(self, painter: QtGui.QPainter, pen: QtGui.QPen, epoch: int) -> None:
        painter.setPen(pen)
        x = self._point(epoch).x()
        painter.drawLine(QPointF(x, self._plot.top()), QPointF(x, self._plot.bottom()))

    def _point(self, epoch: float, value: float = 0.0) -> QPointF:
        return self._scale.map(QPointF(epoch, value))

    def _lines(self, history: History) -> list[QtGui.QPainterPath]:
        """Return the curves of training and validation, cached until something changes."""
        key = (id(history), history.epoch, self._epochs(history), self._plot.getRect())
        if self._paths[0] != key:
            self._paths = key, [self._line(history, subset) for subset in _SUBSETS]
        return self._paths[1]

    def _line(self, history: History, subset: str) -> QtGui.QPainterPath:
        path = QtGui.QPainterPath()
        for line in self._series(history, subset).polylines(max(200, 2 * int(self._plot.width()))):
            points = [self._point(epoch, value) for epoch, value in line]
            # A single epoch becomes a dot, through the round caps of a very short line.
            path.addPolygon(QtGui.QPolygonF([*points, *([points[0] + QPointF(0.01, 0.0)] if len(points) == 1 else [])]))
        return path


class TrainingCharts(QWidget):
    """Measures of one training by epoch or by steps of the network: loss, AUC, accuracy, recall, violation rate."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        warned = tr("Share of the cells with a low safety factor that the model classifies as stable.")
        self._captions = {
            "loss": (tr("Loss"), tr("What training minimises.")),
            AUC: (tr("AUC"), tr("How well landslides are ranked above stable land; 0.5 is chance, 1 is perfect.")),
            "accuracy": (tr("Accuracy"), tr("Share of the cells on the right side of 0.5.")),
            "recall": (tr("Recall"), tr("Share of the landslide cells with a probability of at least 0.5.")),
            "violation_rate": (tr("Violation rate"), warned),
        }
        self.charts = [LineChart(name, self._captions[name][0], self) for name in (*NUMBERS, AUC)]
        for chart in self.charts:
            chart.hovered.connect(self.show_epoch)
        self.legend = Legend(self)
        self._grid = QGridLayout()
        self._drawn: tuple[list[LineChart], int] = [], 0
        self._grid.setSpacing(6)
        filled(QVBoxLayout(self), self.legend, (self._grid, 1)).setContentsMargins(0, 0, 0, 0)
        self.show_training(None)

    def show_training(self, follower: Follower | None) -> None:
        """Draw the current state of a training; nothing for ``None``."""
        history, state = (None, "") if follower is None else (follower.history, follower.state())
        steps = history is not None and bool(history.head.steps)
        lowest = tr("The epoch with the lowest loss of the validation windows gives the model its weights.")
        if steps:
            lowest = tr("The model gets the network of the steps with the lowest loss out of fold.")
        for chart in self.charts:
            chart.placeholder_text = "" if history is None else _placeholder(chart.name, history, state)
            chart.show_history(history, state)
            chart.setToolTip(f"{self._captions[chart.name][1]} {lowest if chart.name == 'loss' else ''}".rstrip())
        self.legend.show_state(state == RUNNING and history is not None and history.head.patience > 0, history)
        self._arrange()
        if history is None or not history.epoch:
            self.show_epoch(0)

    def show_epoch(self, epoch: int) -> None:
        """Mark an epoch in all charts; 0 marks none."""
        for chart in self.charts:
            chart.show_epoch(epoch)
        self.legend.show_epoch(epoch)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Arrange the charts in one column or two."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        columns = 2 if self.width() >= _MIN_CHART_WIDTH_EM * self.fontMetrics().horizontalAdvance("M") else 1
        shown = [chart for name in self._captions for chart in self.charts if chart.name == name and chart.is_wanted]
        if (shown, columns) == self._drawn:
            return
        self._drawn = shown, columns
        for chart in self.charts:
            self._grid.removeWidget(chart)
            chart.setVisible(chart in shown)
        for number, chart in enumerate(shown):
            self._grid.addWidget(chart, number // columns, number % columns)


def _placeholder(name: str, history: History, state: str) -> str:
    if not history.epoch:
        if history.head.steps:
            return tr("The curves of the factors are not fitted yet.") if state == RUNNING else tr("There is no step.")
        return tr("The first epoch is not complete yet.") if state == RUNNING else tr("There is no epoch.")
    return tr("There was no safety factor.") if name == "violation_rate" else tr("No values.")


class Legend(QLabel):
    """Explains the lines, and shows the number of the epoch under the mouse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patience, self._epoch = False, 0
        self._history: History | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the height of a line of text."""
        return QSize(100, self.fontMetrics().height() + 4)

    def show_state(self, patience: bool, history: History | None) -> None:
        """Set whether the charts have a band for the remaining patience, and whose charts they are."""
        self._patience, self._history = patience, history
        self.update()

    def show_epoch(self, epoch: int) -> None:
        """Show an epoch; 0 for none."""
        self._epoch = epoch
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw as many signs and words as there is room for, from the left."""
        colours, painter = ChartColours(self.palette()), QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        middle, x, metrics = self.height() / 2, 4.0, self.fontMetrics()
        steps = self._history is not None and bool(self._history.head.steps)
        signs = [
            (QtGui.QPen(colours.train, 1.5), tr("training")),
            (QtGui.QPen(colours.validation, 2.5), tr("out of fold") if steps else tr("validation")),
            (QtGui.QPen(colours.muted, 1, Qt.PenStyle.DashLine), tr("best step") if steps else tr("best epoch")),
            *([(None, tr("patience"))] if self._patience else []),
        ]
        room = self.width()
        if self._epoch and self._history is not None:
            text = tr("step {n}") if steps else tr("epoch {n}")
            text = text.format(n=self._history.shown(self._epoch))
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
