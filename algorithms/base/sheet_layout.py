"""Where the parts of a map sheet go: on any paper, with the map as large as a round scale allows.

All lengths are in millimetres. The parts below or beside the map keep their size on larger paper, where the map grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgis.PyQt.QtCore import QRectF, Qt
from qgis.PyQt.QtGui import QFont, QFontMetricsF

MARGIN = 15.0  # of the paper
GAP = 4.0  # between parts
LABELS = 4.5  # left of and below the map, for the labels of the grid
LEGEND_WIDTH, TABLE_WIDTH, TABLE_HEIGHT = 52.0, 124.0, 36.0
LEGEND_HEIGHT, BELOW_HEIGHT = 54.0, 76.0  # of the legend, and of all parts below the map
NORTH_WIDTH, NORTH_HEIGHT, SCALE_WIDTH, SCALE_HEIGHT = 10.0, 14.0, 40.0, 11.0
LOGO_WIDTH, LOGO_HEIGHT = 45.0, 15.0
TITLE_SIZES, TEXT_SIZE, NOTE_SIZES = (18.0, 16.0, 14.0, 12.0), 8.5, (7.0, 6.5, 6.0)  # points
_POINT = 25.4 / 72
_FINE = 40  # pixels in a millimetre, for measuring


@dataclass(frozen=True)
class Box:
    """A rectangle on the paper."""

    x: float
    y: float
    width: float
    height: float


def text_height(text: str, width: float, size: float, bold: bool = False) -> float:
    """Return the height of a text in lines of a width, in letters of a size in points."""
    flags = int(Qt.TextFlag.TextWordWrap)
    # A little narrower than it is: QGIS breaks lines by its own measure.
    box = QRectF(0, 0, 0.97 * width * _FINE, 1e7)
    return QFontMetricsF(_font(size, bold)).boundingRect(box, flags, text).height() / _FINE


def shorten_to_width(text: str, width: float, size: float, bold: bool = False) -> str:
    """Return a text in one line of a width; one that is too long loses its middle."""
    metrics = QFontMetricsF(_font(size, bold))
    return metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, 0.97 * width * _FINE)


def fit_title(text: str, width: float) -> tuple[str, float]:
    """Return a title in one line of a width, and the size of its letters in points; it is shortened if need be."""
    fits = (size for size in TITLE_SIZES if shorten_to_width(text, width, size, True) == text)
    size = next(fits, TITLE_SIZES[-1])
    return shorten_to_width(text, width, size, True), size


def _font(size: float, bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setBold(bold)
    font.setPixelSize(round(size * _POINT * _FINE))
    return font


def fit_notes(must: Sequence[str], may: Sequence[str], box: Box, more: str) -> tuple[str, float]:
    """Return as many notes as a box holds, and the size of their letters in points.

    All that ``must`` be there are, in smaller letters if need be; then as many that ``may`` as fit, in their order.
    ``more`` tells how many of these are left out, with a ``{count}``.
    """
    size = next((size for size in NOTE_SIZES if text_height("\n".join(must), box.width, size) <= box.height), None)
    size = size or NOTE_SIZES[-1]
    for count in range(len(may), -1, -1):
        left = [more.format(count=len(may) - count)] if count < len(may) else []
        text = "\n".join([*must, *may[:count], *left])
        if text_height(text, box.width, size) <= box.height:
            return text, size
    return "\n".join(must), size


def arrange(width: float, height: float, ratio: float, top: float) -> dict[str, Box]:
    """Return the place of each part on a paper of a size, by the name of the item.

    The parts stand below the map or beside it, whichever leaves a larger map. ``ratio`` is the height ÷ width of what
    it shows; ``top`` is where the title ends.
    """
    below, beside = _below(width, height, top), _beside(width, height, top)
    return max(below, beside, key=lambda boxes: _shown(boxes["map"], ratio))


def _shown(box: Box, ratio: float) -> float:
    """Return the width that land of a height ÷ width has in a box."""
    return min(box.width, box.height / ratio)


def _below(width: float, height: float, top: float) -> dict[str, Box]:
    bottom = height - 12
    start, right = bottom - BELOW_HEIGHT, width - MARGIN
    map_box = Box(MARGIN + LABELS, top, right - MARGIN - LABELS, start - GAP - LABELS - top)
    boxes = {"map": map_box, **_column(MARGIN, start)}
    table_x = MARGIN + LEGEND_WIDTH + GAP
    boxes["zones"] = Box(table_x, start, min(TABLE_WIDTH, right - table_x), TABLE_HEIGHT)
    notes_x = table_x + TABLE_WIDTH + GAP
    if right - notes_x > 60:
        boxes["notes"] = Box(notes_x, start, right - notes_x, BELOW_HEIGHT - GAP)
    else:
        boxes["notes"] = Box(table_x, start + TABLE_HEIGHT + 1, right - table_x, BELOW_HEIGHT - TABLE_HEIGHT - GAP)
    return {**boxes, "source": Box(MARGIN, bottom, right - MARGIN, 5)}


def _beside(width: float, height: float, top: float) -> dict[str, Box]:
    bottom, side = height - 12, width - MARGIN - TABLE_WIDTH
    map_box = Box(MARGIN + LABELS, top, max(side - GAP - MARGIN - LABELS, 1.0), bottom - GAP - LABELS - top)
    notes_x, notes_y = side + LEGEND_WIDTH + GAP, top + TABLE_HEIGHT + GAP
    boxes = {"map": map_box, "zones": Box(side, top, TABLE_WIDTH, TABLE_HEIGHT), **_column(side, notes_y)}
    boxes["notes"] = Box(notes_x, notes_y, width - MARGIN - notes_x, bottom - GAP - notes_y)
    return {**boxes, "source": Box(MARGIN, bottom, width - 2 * MARGIN, 5)}


def _column(x: float, y: float) -> dict[str, Box]:
    """Return legend, scale bar and north arrow, one below the other."""
    lower = y + LEGEND_HEIGHT + 2
    return {
        "legend": Box(x, y, LEGEND_WIDTH, LEGEND_HEIGHT),
        "north": Box(x, lower, NORTH_WIDTH, NORTH_HEIGHT),
        "scale": Box(x + NORTH_WIDTH + 2, lower + NORTH_HEIGHT - SCALE_HEIGHT, SCALE_WIDTH, SCALE_HEIGHT),
    }
