"""Signs of the states, told apart by their shape as well as by their colour."""

from __future__ import annotations

from functools import cache

from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QBrush, QColor, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF

from ...model.validation.verdict import DO_NOT_USE, USABLE, WEAK
from .states import DONE, FAILED, OUTDATED, TO_DO
from .texts import RUNNING, WAITING

_COLOURS = {
    TO_DO: "#8a8f94",
    WAITING: "#8a8f94",
    DONE: "#2e9e5b",
    OUTDATED: "#d08700",
    FAILED: "#d43a1c",
    RUNNING: "#2f7fd6",
}
_SIZE = 32  # pixels, for screens of up to twice the usual resolution
_LINES = {
    DONE: [(9.5, 16.5), (14.5, 21.5), (23.0, 11.5)],
    OUTDATED: [(16.0, 9.0), (16.0, 18.0)],
    FAILED: [(11.0, 11.0), (21.0, 21.0)],
}


@cache
def state_icon(state: str) -> QIcon:
    """Return the sign of a state: tick, exclamation mark, cross, arrow or empty circle."""
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    colour = QColor(_COLOURS[state])
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    hollow = state in (TO_DO, WAITING)
    painter.setPen(QPen(colour, 3.0))
    painter.setBrush(QBrush(Qt.BrushStyle.NoBrush) if hollow else QBrush(colour))
    painter.drawEllipse(QRectF(4, 4, 24, 24))
    painter.setPen(QPen(QColor("white"), 3.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(QBrush(QColor("white")))
    points = [QPointF(*place) for place in _LINES.get(state, ())]
    for begin, end in zip(points, points[1:]):
        painter.drawLine(begin, end)
    if state == FAILED:
        painter.drawLine(QPointF(21, 11), QPointF(11, 21))
    elif state == OUTDATED:
        painter.drawPoint(QPointF(16, 23))
    elif state == RUNNING:
        painter.setPen(QPen(QColor("white"), 1.0))
        painter.drawPolygon(QPolygonF([QPointF(13, 10), QPointF(13, 22), QPointF(22, 16)]))
    painter.end()
    icon = QIcon(picture)
    # Qt would tint the sign of the selected line with the colour of the selection.
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


def is_dark(palette: QPalette) -> bool:
    """Return whether a label with this palette has light letters; dark themes set no other colour reliably."""
    return palette.color(QPalette.ColorRole.WindowText).lightness() > 128


def verdict_colour(level: str, palette: QPalette) -> QColor:
    """Return the colour of a verdict's words, readable beside a label with this palette."""
    light_theme = {USABLE: "#1f7a45", WEAK: "#8a5800", DO_NOT_USE: "#b32b10"}
    dark_theme = {USABLE: "#67d391", WEAK: "#f0b34a", DO_NOT_USE: "#ff8a70"}
    found = (dark_theme if is_dark(palette) else light_theme).get(level)
    return QColor(found) if found else palette.color(QPalette.ColorRole.WindowText)


def link_colour(dark: bool) -> QColor:
    """Return the colour of links; that of the palette is a dark blue in dark themes too."""
    return QColor("#7ab8ff" if dark else "#0a58b5")
