"""Style of all figures, SVG for pages, and the curves and bars of validation reports.

Colours are Okabe and Ito's (2008), which readers with any kind of colour vision can tell apart; lines differ in dash
pattern too, so that a print in grey is still readable.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, MaxNLocator, PercentFormatter
from PIL import Image

from ..languages import current_language, translated
from .page import ratio_text

if TYPE_CHECKING:
    # Not at run time: reports without a validation need neither scikit-learn nor SciPy.
    from ..validation.metrics import Calibration, Curve
    from ..validation.zone_table import ZoneRow

PAGE_WIDTH = 6.9  # width of the text on an A4 page in inches

INK, SOFT, RULE = "#1f2933", "#52606d", "#d9dee3"
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))

_FONT = "DejaVu Sans"  # it comes with matplotlib
_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": [_FONT],
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 8.5,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8),
    **dict.fromkeys(("text.color", "axes.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), SOFT),
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "text.usetex": False,
}
_CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "SimHei"),
    *("PingFang SC", "Heiti SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP"),
)
"""Fonts with Chinese letters. The last is what matplotlib calls the file of all Noto Sans CJK."""
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


def escape_mathtext(text: str) -> str:
    """Return a text that matplotlib shows as it stands: a dollar sign would begin a formula."""
    return _drawable(text).replace("$", r"\$")


def shorten(text: str, length: int = 32) -> str:
    """Return a text of at most ``length`` characters, for a legend or a tick.

    It is cut before its last third: names of a kind, such as factors in several windows, differ at the end.
    """
    text, end = _drawable(text), length // 3
    return text if len(text) <= length else f"{text[: length - end - 1]}…{text[len(text) - end :]}"


def _drawable(text: str) -> str:
    """Replace the characters that no SVG may hold: a browser would show none of the figure."""
    return _UNDRAWABLE.sub("\ufffd", text)


def svg_data(figure: Figure) -> str:
    """Return a figure as an SVG data URI; the same figure gives the same text on every run.

    Letters become outlines, so that the page looks alike everywhere. A figure with letters that the font lacks (a
    Chinese region name, say) keeps them as text, and the reader's browser finds a font.
    """
    stream = io.BytesIO()
    letters = set().union(*(set(text.get_text()) for text in figure.findobj(Text))) - set("\n\r\t")
    families = [*_chinese_fonts()[:1], _FONT] if current_language() else [_FONT]
    known = get_font(findfont(FontProperties(family=families[:1]))).get_charmap()
    fonttype = "path" if all(ord(letter) in known for letter in letters) else "none"
    settings = {**_STYLE, "font.sans-serif": families, "svg.fonttype": fonttype, "svg.hashsalt": "scarp"}
    with _LOCK, matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    small = _PNG.sub(_with_palette, stream.getvalue())
    return f"data:image/svg+xml;base64,{base64.b64encode(small).decode('ascii')}"


def png_data(figure: Figure, dpi: int) -> bytes:
    """Return a figure as PNG; letters that the font lacks come from one for Chinese, if the computer has one."""
    stream = io.BytesIO()
    settings = {**_STYLE, "font.sans-serif": [_FONT, *_chinese_fonts()]}
    with _LOCK, matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def translate_texts(figure: Figure) -> None:
    """Translate the texts of a figure to the language of the run, if the computer has a font for it."""
    if not current_language() or not _chinese_fonts():
        return
    for text in figure.findobj(Text):
        text.set_text(translated(text.get_text()))
    for axis in figure.findobj(Axis):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FixedFormatter):
            formatter.seq = list(map(translated, formatter.seq))


def _tick(name: str, length: int) -> str:
    """Return the label of a tick, in the language of the run where the figure is."""
    shown = translated(name) if current_language() and _chinese_fonts() else name
    return escape_mathtext(shorten(shown, length))


def _chinese_fonts() -> list[str]:
    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _CHINESE if name in installed]


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


HALF_WIDTH = PAGE_WIDTH / 2 - 0.05


def curve_chart(
    curves: Sequence[tuple[str, Curve]],
    x: str,
    y: str,
    chance: float | None = None,
    legend: str = "lower right",
    top: float = 1.0,
) -> Figure:
    """Draw curves up to ``top``, the first with its band, against a map without skill: the diagonal, or ``chance``."""
    figure = new_figure(3.1, HALF_WIDTH)
    axes = figure.subplots()
    axes.set_facecolor("white")
    axes.grid(color=RULE)
    if chance is None:
        draw_diagonal(axes)
    else:
        axes.axhline(chance, **_CHANCE)
    draw_curves(axes, curves, legend)
    axes.set(xlabel=x, ylabel=y)
    if top < 1:
        _stretch(axes, top)
    return figure


def _stretch(axes: Axes, top: float) -> None:
    axes.set_ylim(-0.01 * top, top)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))


def calibration_chart(calibration: Calibration, of: str = "points") -> Figure:
    """Draw the observed share of landslides over the susceptibility, with the number or share of points below.

    Shares much below one half, as those of all cells of a map, are stretched. ``of``: what the points are.
    """
    figure = new_figure(3.1, HALF_WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    draw_diagonal(upper)
    filled = np.isfinite(calibration.predicted)
    upper.plot(calibration.predicted[filled], calibration.observed[filled], color=BLUE, marker="o", markersize=4)
    upper.set(ylabel=f"Landslides among the {of}", ylim=(-0.02, 1.02))
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    highest = float(np.max(calibration.observed[filled], initial=0.0))
    if 0 < highest < 0.3:
        _stretch(upper, 1.2 * highest)
    bins = len(calibration.points)
    lower.bar((np.arange(bins) + 0.5) / bins, calibration.points, width=0.9 / bins, color="#8fb8cf")
    lower.set(ylabel=of.capitalize(), xlabel="Relative susceptibility", xlim=(0, 1))
    lower.locator_params(axis="y", nbins=3)
    return figure


def zone_chart(rows: Sequence[ZoneRow], colours: Sequence[str]) -> Figure:
    """Draw frequency ratios with their intervals, one bar a zone, the line at 1 being chance."""
    figure = new_figure(2.3)
    axes = figure.subplots()
    places = np.arange(len(rows))
    ratios = [row.frequency_ratio for row in rows]
    values, low, high = (np.array(column) for column in zip(*((one.value, one.low, one.high) for one in ratios)))
    axes.bar(places, np.nan_to_num(values), color=list(colours), edgecolor=SOFT, linewidth=0.6, width=0.68)
    # With few repeats or a single block there is no interval.
    ends = np.where(np.isfinite(high), high, values)
    errors = np.maximum([values - low, high - values], 0)
    # White below black: the lower half lies on the bar, which is dark for the highest zone.
    for colour, width, cap in (("white", 3.0, 2.0), (INK, 1.0, 1.0)):
        axes.errorbar(places, values, yerr=errors, fmt="none", ecolor=colour, elinewidth=width, capsize=3, capthick=cap)
    axes.axhline(1, color=VERMILION, linewidth=1, linestyle="--")
    label = {"color": VERMILION, "fontsize": 7.5, "va": "center", "ha": "left"}
    axes.annotate("1: average", (len(rows) - 0.45, 1), annotation_clip=False, **label)
    top = float(np.nanmax(np.append(ends, 1.5)))
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.6}
    for place, value, end in zip(places, values, ends):
        if np.isfinite(value):
            axes.text(place, end + top * 0.02, ratio_text(float(value)), bbox=box, ha="center", va="bottom", fontsize=8)
    axes.set_xticks(places, [_tick(row.name, 20) for row in rows])
    axes.set(ylim=(0, top * 1.14), xlim=(-0.6, len(rows) - 0.5), ylabel="Frequency ratio")
    axes.grid(False, axis="x")
    return figure


def share_chart(
    names: Sequence[str], shares: Sequence[Sequence[float]], labels: Sequence[str], colours: Sequence[str]
) -> Figure:
    """Draw one bar a place, cut into the shares of its zones; ``labels`` and ``colours`` are those of the zones."""
    figure = new_figure(0.75 + 0.26 * len(names))
    axes = figure.subplots()
    values, places = np.array(shares), np.arange(len(names))
    starts = np.cumsum(values, axis=1) - values
    for zone, (label, colour) in enumerate(zip(labels, colours)):
        style = {"color": colour, "edgecolor": SOFT, "linewidth": 0.5, "height": 0.68}
        axes.barh(places, values[:, zone], left=starts[:, zone], label=escape_mathtext(label), **style)
    axes.set_yticks(places, [_tick(name, 30) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(False, axis="y")
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncol": min(len(labels), 6)}
    axes.legend(**place, fontsize=7.5, handlelength=1.2, columnspacing=1.2)
    return figure


_CHANCE = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (4, 3))}


def draw_diagonal(axes: Axes) -> None:
    """Draw the dashed diagonal of a map without skill."""
    axes.plot([0, 1], [0, 1], **_CHANCE)


def draw_curves(axes: Axes, curves: Sequence[tuple[str, Curve]], legend: str = "lower right") -> None:
    """Draw curves on axes from 0 to 100 %, told apart by colour and dash; the first has its band."""
    for number, (label, curve) in reversed(list(enumerate(curves))):
        colour, dash = SERIES[number % len(SERIES)], DASHES[number % len(DASHES)]
        if number == 0 and np.isfinite(curve.low).any():
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, label=escape_mathtext(label), zorder=3 - number / 10)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=legend, fontsize=7.2, handlelength=1.8, borderaxespad=0.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ticks = np.linspace(0, 1, 6)
    axes.set(xticks=ticks, yticks=ticks, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
