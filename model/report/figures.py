"""The style that all figures share, and how a figure becomes SVG in a page.

Colours are Okabe and Ito's (2008), which readers with any kind of colour vision can tell apart; lines differ in dash
pattern too, so that a print in grey still reads.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import threading
import warnings
from typing import Iterator

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from PIL import Image

PAGE_WIDTH = 6.9
"""Width of the text on an A4 page in inches."""

INK, SOFT, RULE = "#1f2933", "#52606d", "#d9dee3"
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))

_STYLE = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8.5, "axes.titlesize": 9.5,
    "axes.labelsize": 8.5, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": SOFT, "xtick.color": SOFT, "ytick.color": SOFT,
    "axes.linewidth": 0.7, "axes.grid": True, "grid.color": RULE, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "legend.frameon": False, "lines.linewidth": 1.6, "figure.facecolor": "white", "text.usetex": False,
}
_UNDRAWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_PNG = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
# matplotlib keeps its settings for the whole process; two jobs at once must not mix them up.
_LOCK = threading.RLock()


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Make figures and axes inside the block in the reports' style."""
    with _LOCK, matplotlib.rc_context(_STYLE):
        yield


def new_figure(height: float, width: float = PAGE_WIDTH) -> Figure:
    """Return an empty figure, sizes in inches; call it within :func:`style`."""
    return Figure(figsize=(width, height), constrained_layout=True)


def plain(text: str) -> str:
    """Return a text that matplotlib shows as it stands: a dollar sign would begin a formula."""
    return _drawable(text).replace("$", r"\$")


def shorten(text: str, length: int = 32) -> str:
    """Return a text cut to ``length`` characters, for a legend or a tick."""
    text = _drawable(text)
    return text if len(text) <= length else f"{text[:length - 1]}…"


def _drawable(text: str) -> str:
    """Return a text without the characters that no SVG may hold: a browser would show none of the figure."""
    return _UNDRAWABLE.sub("\ufffd", text)


def svg_data(figure: Figure) -> str:
    """Return a figure as an SVG data URI; the same figure gives the same text on every run.

    Letters become outlines, so that the page looks alike everywhere. A figure with letters that the font lacks (a
    Chinese region name, say) keeps them as text, and the reader's browser finds a font.
    """
    stream = io.BytesIO()
    fonttype = "path" if _font_has_all(figure) else "none"
    settings = {**_STYLE, "svg.fonttype": fonttype, "svg.hashsalt": "scarp"}
    with _LOCK, matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    small = _PNG.sub(_with_palette, stream.getvalue())
    return f"data:image/svg+xml;base64,{base64.b64encode(small).decode('ascii')}"


def _with_palette(found: re.Match[bytes]) -> bytes:
    """Return an embedded PNG with a palette, a third of the size and alike to the pixel, if it has few colours."""
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as image:
        cells = np.ascontiguousarray(image.convert("RGBA"))
    colours, index = np.unique(cells.view(np.uint32).ravel(), return_inverse=True)
    if len(colours) > 256:
        return found[0]
    palette = colours.view(np.uint8).reshape(-1, 4)
    small = Image.fromarray(index.reshape(cells.shape[:2]).astype(np.uint8))
    small.putpalette(palette[:, :3].tobytes())
    stream = io.BytesIO()
    small.save(stream, format="png", optimize=True, transparency=palette[:, 3].tobytes())
    return b"data:image/png;base64," + base64.b64encode(stream.getvalue())


def _font_has_all(figure: Figure) -> bool:
    letters = set().union(*(set(text.get_text()) for text in figure.findobj(Text))) - set("\n\r\t")
    font = get_font(findfont(FontProperties(family=_STYLE["font.sans-serif"])))
    return all(ord(letter) in font.get_charmap() for letter in letters)
