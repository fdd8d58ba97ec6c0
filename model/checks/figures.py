"""Figures of the check report: correlation as a heat map, distributions with the landslide cells laid over.

Call the functions within ``report.figures.style``.
"""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..report.figures import BLUE, INK, SOFT, VERMILION, new_figure, shorten
from .bands import CategoricalBand, ContinuousBand
from .expectations import CORRELATION_LIMIT
from .findings import percent
from .landslides import frequency_ratios

ALL_CELLS, ALL_EDGE = "#c3ccd4", "#8494a1"
DIVERGING = LinearSegmentedColormap.from_list("blue white vermilion", [BLUE, "#f7f7f7", VERMILION])
SEQUENTIAL = LinearSegmentedColormap.from_list("white vermilion", ["#f7f7f7", VERMILION])

MOST_BARS = 16
"""Classes drawn; the smallest of more are drawn together."""


def heat_map(matrix: np.ndarray, names: Sequence[str], width: float, signed: bool) -> Figure:
    """Draw the association of pairs as coloured cells with numbers, the lower triangle only.

    Args:
        matrix: shape (factors, factors), −1 to 1, or 0 to 1 when not ``signed``; NaN where there is none.
        names: what to write at rows and columns.
        width: of the figure in inches.
        signed: whether the association has a sign (Pearson) or not (Cramér's V).
    """
    count = len(names)
    rows, columns = list(range(1, count)), list(range(count - 1))
    figure = new_figure(max(1.6, 0.55 + width * 0.72 * (count - 1) / max(count - 1, 4)), width)
    axes = figure.add_subplot()
    shown = np.where(np.tril(np.ones((count, count), dtype=bool), -1), matrix, np.nan)[1:, :-1]
    axes.imshow(shown, cmap=DIVERGING if signed else SEQUENTIAL, vmin=-1 if signed else 0, vmax=1, aspect="auto")
    size = min(8.0, 13.0 * width / max(count, 1))
    for row in rows:
        for column in columns[:row]:
            value = matrix[row, column]
            flagged = not math.isnan(value) and abs(value) > CORRELATION_LIMIT
            text = "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
            axes.text(column, row - 1, text, ha="center", va="center", fontsize=size,
                      color="white" if flagged else INK, fontweight="bold" if flagged else "normal")
    _name_ticks(axes, [names[row] for row in rows], [names[column] for column in columns])
    return figure


def distribution(band: ContinuousBand, width: float, height: float, labelled: bool) -> Figure:
    """Draw the density of a continuous factor over all cells, and over the landslide cells when there are labels.

    Args:
        band: what was counted of the factor.
        width: of the figure in inches.
        height: of the figure in inches.
        labelled: draw the cells with a known label and the landslide cells; all cells otherwise.
    """
    figure = new_figure(height, width)
    axes = figure.add_subplot()
    _title(axes, band)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    if not band.finite:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        return figure
    counts = band.histogram_known if labelled else band.histogram
    density = _density(counts, int(counts.sum()), band.edges)
    axes.stairs(density, band.edges, fill=True, facecolor=ALL_CELLS, edgecolor=ALL_EDGE, linewidth=0.6)
    heights = [density]
    if labelled and band.histogram_landslide.any():
        slides = _density(band.histogram_landslide, int(band.histogram_landslide.sum()), band.edges)
        # Few landslide cells make a ragged line; neighbours are averaged then, which keeps its area.
        if band.histogram_landslide.sum() < 20 * len(slides):
            slides = np.convolve(np.pad(slides, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
        centres = (band.edges[:-1] + band.edges[1:]) / 2
        axes.plot(centres, slides, color=VERMILION, linewidth=1.5)
        heights.append(slides)
    axes.set_xlim(band.edges[0], band.edges[-1])
    axes.set_ylim(0, _top(heights) * 1.08 or 1)
    _note_spike(axes, band, counts, labelled, _top(heights) < density.max())
    outside = band.finite - int(band.histogram.sum())
    if outside:
        axes.text(1.0, 1.0, f"{outside:,} cells beyond", ha="right", va="top", fontsize=6.5, color=SOFT,
                  transform=axes.transAxes)
    return figure


def class_bars(band: CategoricalBand, width: float, labelled: bool) -> Figure:
    """Draw the share of cells of each class as bars, with the share of landslide cells when there are labels.

    The frequency ratio, the second share over the first, stands at the right end.

    Args:
        band: what was counted of the factor.
        width: of the figure in inches.
        labelled: draw the cells with a known label and the landslide cells; all cells otherwise.
    """
    rows = _bars(band, labelled)
    figure = new_figure(0.62 + (0.26 if labelled else 0.2) * max(len(rows), 3), width)
    axes = figure.add_subplot()
    _title(axes, band)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    places = np.arange(len(rows))[::-1]
    thick = 0.36 if labelled else 0.7
    shift = thick / 2 if labelled else 0.0
    axes.barh(places + shift, [100 * row[1] for row in rows], thick, color=ALL_CELLS, edgecolor=ALL_EDGE, linewidth=0.6)
    if labelled:
        axes.barh(places - shift, [100 * row[2] for row in rows], thick, color=VERMILION)
    largest = max([100 * max(row[1], row[2] if labelled else 0) for row in rows], default=1.0)
    for place, (_, share, slides, ratio) in zip(places, rows):
        note = percent(share)
        if labelled:
            note = "–" if math.isnan(ratio) else f"× {ratio:.2f}"
        axes.text(100 * max(share, slides if labelled else 0) + largest * 0.02, place, note, va="center", fontsize=7,
                  color=SOFT)
    axes.set_yticks(places)
    axes.set_yticklabels([shorten(row[0], 26) for row in rows], parse_math=False, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, largest * 1.22 or 1)
    axes.set_xlabel("share of cells, %")
    return figure


def _bars(band: CategoricalBand, labelled: bool) -> list[tuple[str, float, float, float]]:
    """Return label, share of cells, share of landslide cells and frequency ratio of the classes to draw."""
    if labelled:
        rows = [(share.label, share.area_share, share.landslide_share, share.frequency_ratio, share.code)
                for share in frequency_ratios(band)]
    else:
        total = max(int(band.counts.sum()), 1)
        rows = [(band.label(code), cells / total, 0.0, math.nan, code)
                for code, cells in zip(band.codes, band.counts.tolist())]
    rows = [(label, _or_zero(area), _or_zero(slides), ratio, code) for label, area, slides, ratio, code in rows]
    if len(rows) <= MOST_BARS:
        return [row[:4] for row in rows]
    rows.sort(key=lambda row: -row[1])
    kept, rest = sorted(rows[:MOST_BARS - 1], key=lambda row: row[4]), rows[MOST_BARS - 1:]
    area, slides = sum(row[1] for row in rest), sum(row[2] for row in rest)
    return [*(row[:4] for row in kept),
            (f"{len(rest)} smaller classes", area, slides, slides / area if labelled and area else math.nan)]


def _top(heights: Sequence[np.ndarray]) -> float:
    """Return the height to draw: the highest bin, unless one spike (cells without any river, say) dwarfs the rest."""
    both = np.max(heights, axis=0)
    first, second = np.sort(both)[:-3:-1]
    return float(second * 1.5 if first > 4 * second > 0 else first)


def _note_spike(axes: Axes, band: ContinuousBand, counts: np.ndarray, labelled: bool, cut: bool) -> None:
    """Write the share of the cells in the highest bin beside it when the drawing cuts it off."""
    if not cut:
        return
    place = int(counts.argmax())
    text = f"← {percent(counts[place] / max(int(counts.sum()), 1))} of the cells"
    slides = int(band.histogram_landslide.sum())
    if labelled and slides:
        text += f",\n    {percent(band.histogram_landslide[place] / slides)} of the landslides"
    right = place < len(counts) / 2
    shift = (1.8 if right else -1.8) * (band.edges[1] - band.edges[0])
    axes.text(band.edges[place + 1 if right else place] + shift, axes.get_ylim()[1] * 0.97,
              text if right else text[2:], ha="left" if right else "right", va="top", fontsize=7, color=SOFT)


def _density(counts: np.ndarray, total: int, edges: np.ndarray) -> np.ndarray:
    return counts / (max(total, 1) * np.diff(edges))


def _title(axes: Axes, band: ContinuousBand | CategoricalBand) -> None:
    unit = f", {band.factor.unit}" if band.factor.unit else ""
    axes.set_title(shorten(f"{band.factor.title or band.name}{unit}", 44), parse_math=False)


def _name_ticks(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)))
    axes.set_yticklabels([shorten(name, 24) for name in rows], parse_math=False)
    axes.set_xticks(range(len(columns)))
    axes.set_xticklabels([shorten(name, 24) for name in columns], parse_math=False, rotation=35, ha="right",
                         rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
