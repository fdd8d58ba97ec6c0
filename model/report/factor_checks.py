"""The report of a check: findings first, then what was counted, as tables and figures that print on A4."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..checks import findings
from ..checks.association import (
    CORRELATION_LIMIT,
    VIF_LIMIT,
    Associations,
    correlated_groups,
    frequency_ratios,
    inflation_text,
)
from ..checks.band_statistics import CategoricalBand, ContinuousBand
from ..checks.findings import FEW_CELLS, CheckSummary, format_percent
from ..checks.stack_checks import NodataCounts
from ..checks.stack_statistics import StackScan
from ..grid import Grid
from .charts import BLUE, INK, PAGE_WIDTH, SOFT, VERMILION, new_figure, shorten, style
from .page import Page

ALL_CELLS, ALL_EDGE = "#c3ccd4", "#8494a1"
DIVERGING = LinearSegmentedColormap.from_list("blue white vermilion", [BLUE, "#f7f7f7", VERMILION])
SEQUENTIAL = LinearSegmentedColormap.from_list("white vermilion", ["#f7f7f7", VERMILION])
SWATCHES = {findings.ERROR: "#d55e00", findings.WARNING: "#e69f00", findings.NOTE: "#56b4e9"}
HALF = PAGE_WIDTH / 2
FEW_FACTORS = 7  # up to so many factors, a heat map takes half of the page's width
MAX_BARS = 16  # classes drawn; the smallest of more are drawn together
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def build_page(
    dataset: rasterio.DatasetReader,
    grid: Grid | None,
    labels: str | os.PathLike | None,
    summary: CheckSummary,
    scan: StackScan,
    associations: Associations,
    nodata_counts: NodataCounts,
) -> Page:
    """Return the report; ``grid`` is that of the stack, ``None`` when it has a fault, ``labels`` the raster given."""
    beside = f" with the labels {Path(labels).name}" if labels is not None else ""
    page = Page("Check of the factor stack", f"{Path(dataset.name).name}{beside}")
    explained = (f"{text.capitalize()}." for text in findings.SEVERITIES.values())
    counts = (summary.errors, summary.warnings, summary.notes)
    usable = f"{summary.valid_cells:,} of {summary.cells:,} cells have data in all factors."
    page.key_numbers(
        [
            *zip(("Errors", "Warnings", "Notes"), counts, explained),
            ("Usable cells", format_percent(summary.valid_cells / max(summary.cells, 1)), usable),
        ]
    )
    page.text("", summary.verdict)
    found = summary.findings
    rows = [[one.severity, one.factor or "whole stack", one.message, one.cells_text, one.remedy] for one in found]
    if rows:
        columns = ["Severity", "Factor", "Finding", "Cells", "How to fix it"]
        swatches = [SWATCHES[one.severity] for one in found]
        page.table("Findings and how to fix them", columns, rows, swatches=swatches)
    _add_factors(page, scan, associations)
    _add_nodata_counts(page, nodata_counts)
    crs = dataset.crs.to_string()[:60] if dataset.crs else "none"
    values = {"CRS": crs, "Cells": f"{dataset.width:,} × {dataset.height:,}", "Bands": dataset.count}
    if grid is not None:
        values["Cell size"] = f"{grid.cell_size():.1f} m"
        values["Usable area"] = f"about {scan.complete * grid.cell_size() ** 2 / 1e6:,.1f} km²"
    page.settings("Grid", values)
    # Whether landslide cells are shown beside all cells.
    labelled = scan.labels is not None and scan.labels.landslide_used > 0
    with style():
        _add_associations(page, scan, associations)
        _add_distributions(page, scan, labelled)
    if labelled:
        _add_landslides(page, scan)
    _add_limits(page)
    return page


def _add_factors(page: Page, scan: StackScan, associations: Associations) -> None:
    inflation = dict(zip(associations.continuous, associations.inflation))
    rows: list[list[object]] = []
    for band in scan.continuous_bands:
        numbers = [band.mean, band.standard_deviation, *[math.nan] * 5]
        if band.finite:
            numbers[2:] = [band.minimum, *map(band.quantile, (0.05, 0.5, 0.95)), band.maximum]
        missing = _share(band.empty + band.infinite, band.cells)
        name, factor = f"{band.name}{_unit(band)}", inflation_text(inflation.get(band.name, math.nan))
        rows.append([name, missing, *map(_format_short, numbers), factor])
    if rows:
        columns = ["Factor", "No data", "Mean", "SD", "Minimum", "5 %", "Median", "95 %", "Maximum", "VIF"]
        note = (
            f"SD: standard deviation. 5 % and 95 %: percentiles. VIF: variance inflation factor; over {VIF_LIMIT:.0f}, "
            "the other continuous factors almost determine this one."
        )
        page.table("Continuous factors", columns, rows, note)
    rows = []
    for classes in scan.categorical_bands:
        missing, few = _share(classes.empty + classes.infinite, classes.cells), int((classes.counts < FEW_CELLS).sum())
        most, share = None, None
        if classes.codes:
            most = classes.label(classes.codes[int(classes.counts.argmax())])
            share = _share(int(classes.counts.max()), classes.finite)
        rows.append([classes.name, missing, len(classes.codes), most, share, few])
    if rows:
        few_cells = f"Classes under {FEW_CELLS} cells"
        columns = ["Factor", "No data", "Classes", "Most common class", "Its share", few_cells]
        page.table("Categorical factors", columns, rows)


def _add_nodata_counts(page: Page, counts: NodataCounts) -> None:
    rows = [[name, cells, _share(cells, counts.study)] for name, cells in counts.cells.items() if cells]
    if rows:
        columns = ["Factor without data", "Cells", "Share"]
        note = (
            f"Of the {counts.study:,} cells with elevation in the study area; a cell can lack several factors, and is "
            "then lost to all."
        )
        page.table("Cells lost when the stack was built", columns, rows, note)


def _add_associations(page: Page, scan: StackScan, found: Associations) -> None:
    titles = {band.name: band.factor.title or band.name for band in scan.bands}
    pearson = (
        f"Pearson's r of the continuous factors over the usable cells. White on colour: beyond ±{CORRELATION_LIMIT}."
    )
    cramer = (
        "Cramér's V of the categorical factors: 0 independent, 1 one determines the other. White on colour: beyond "
        f"{CORRELATION_LIMIT}."
    )
    tables = (found.pearson, found.continuous, pearson), (found.cramer, found.categorical, cramer)
    for matrix, names, caption in tables:
        if len(names) > 1:
            half, labels = len(names) <= FEW_FACTORS, [titles[name] for name in names]
            figure = heat_map(matrix, labels, HALF if half else PAGE_WIDTH, signed=matrix is found.pearson)
            page.figure("Correlation of factors", figure, caption, half=half)
    rows = []
    for number, group in enumerate(correlated_groups(found.continuous, found.pearson), 1):
        for kept, others in group.kept.items():
            listed = [f"{other} ({value:.2f})".replace("-", "−") for other, value in others.items()]
            rows.append([str(number), kept, ", ".join(listed) or "–"])
    if rows:
        columns = ["Group", "Factor to keep", "It stands for (Pearson's r)"]
        note = (
            f"A group is linked by correlations beyond ±{CORRELATION_LIMIT}. Of the factors to keep no two correlate "
            "so much. Those of the paper come first, then those that correlate with most others."
        )
        page.table("Groups of correlated factors", columns, rows, note)


def _add_distributions(page: Page, scan: StackScan, labelled: bool) -> None:
    # The explanation follows the figures: a heading sticks to what comes next, so none stands alone on a sheet.
    shown = "landslide cells (orange) against all (grey)" if labelled else "all cells"
    heading = f"Continuous factors: {shown}"
    for band in scan.continuous_bands:
        page.figure(heading, distribution(band, labelled), half=True)
    if scan.continuous_bands and labelled:
        page.text(
            "",
            "Densities over the cells with a label. Where the line runs above the grey, landslides are more "
            "common than on average; where the two agree, the factor alone says nothing about landslides.",
        )
    elif scan.continuous_bands:
        page.text("", "Densities. With a label raster (LABELS), the landslide cells are drawn as well.")
    heading = f"Categorical factors: {shown}"
    for classes in scan.categorical_bands:
        page.figure(heading, class_bars(classes, labelled), half=True)
    if scan.categorical_bands and labelled:
        page.text(
            "",
            "Shares over the cells with a label. The number is the frequency ratio: share of the landslide "
            "cells over share of the cells, above 1 where landslides are more common than on average.",
        )


def _add_landslides(page: Page, scan: StackScan) -> None:
    labels, bands = scan.labels, scan.categorical_bands
    if labels is None:
        return
    counts = {
        "Landslide cells (1)": labels.landslide,
        "Stable cells (0)": labels.stable,
        "Unknown (255)": labels.unknown,
        "Landslide cells with data": labels.landslide_used,
        "Stable cells with data": labels.stable_used,
        "Stable cells per landslide cell": labels.stable_used / labels.landslide_used,
    }
    page.settings("Labels", counts)
    columns = ["Cells", "Share, %", "Landslide cells", "Share, %", "Frequency ratio"]
    note = "Over the cells with a label. Frequency ratio: second share over the first."
    for band in bands:
        rows = []
        for one in frequency_ratios(band):
            area, slides = f"{100 * one.area_share:.2f}", f"{100 * one.landslide_share:.2f}"
            ratio = f"{one.frequency_ratio:.2f}" if one.cells else None
            rows.append([f"{one.code}  {one.label}", one.cells, area, one.landslides, slides, ratio])
        title = band.factor.title or band.name
        page.table("Landslide cells by class", [title, *columns], rows, note if band is bands[-1] else "")


def _add_limits(page: Page) -> None:
    page.text(
        "What is checked",
        "Every cell is counted. Errors and warnings: bands without a name, CRS or data; infinite "
        "and impossible values; signs of another unit (kelvin, tenths of a degree, percent, metres); undeclared nodata "
        "values; constant and nearly constant bands; cells far from all others; class codes that are not whole or not "
        f"in the class table; classes with fewer than {FEW_CELLS} cells; labels on another grid or with other values "
        "than 0, 1 and 255.",
        f"Pairs and groups are flagged from |r| or V over {CORRELATION_LIMIT}, single factors outside of groups from a "
        f"variance inflation factor over {VIF_LIMIT:.0f}. These limits are customary, not laws: a network can use "
        "correlated factors, but their separate effects cannot be distinguished.",
        "What no check can see: a layer of another year or place with plausible values, and landslides that nobody "
        "mapped.",
    )


def heat_map(matrix: np.ndarray, names: Sequence[str], width: float, signed: bool) -> Figure:
    """Draw the association of pairs as coloured cells with numbers, the lower triangle only; NaN where there is none.

    The colours run from −1 to 1, or from 0 when not ``signed``. Call it within ``style``.
    """
    count = len(names)
    figure = new_figure(max(1.6, 0.55 + width * 0.72 * (count - 1) / max(count - 1, 4)), width)
    axes = figure.add_subplot()
    shown = np.where(np.tril(np.ones((count, count), dtype=bool), -1), matrix, np.nan)[1:, :-1]
    axes.imshow(shown, cmap=DIVERGING if signed else SEQUENTIAL, vmin=-1 if signed else 0, vmax=1, aspect="auto")
    size = min(8.0, 13.0 * width / max(count, 1))
    for row in range(1, count):
        for column in range(row):
            value = matrix[row, column]
            text = "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
            colour, weight = ("white", "bold") if abs(value) > CORRELATION_LIMIT else (INK, "normal")
            centre = {"ha": "center", "va": "center", "fontsize": size}
            axes.text(column, row - 1, text, color=colour, fontweight=weight, **centre)
    axes.set_yticks(range(count - 1), [shorten(name, 24) for name in names[1:]], parse_math=False)
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(count - 1), [shorten(name, 24) for name in names[:-1]], parse_math=False, **slanted)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure


def distribution(band: ContinuousBand, labelled: bool) -> Figure:
    """Draw the density of a continuous factor over all cells, or over the labelled and the landslide cells."""
    figure = new_figure(1.7, HALF)
    axes = _bare_axes(figure, band)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if not band.finite:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        return figure
    counts = band.histogram_labelled if labelled else band.histogram
    density = _density(counts, band.edges)
    axes.stairs(density, band.edges, fill=True, facecolor=ALL_CELLS, edgecolor=ALL_EDGE, linewidth=0.6)
    heights = [density]
    if labelled and band.histogram_landslide.any():
        slides = _density(band.histogram_landslide, band.edges)
        # Few landslide cells make a ragged line; neighbours are averaged then, which keeps its area.
        if band.histogram_landslide.sum() < 20 * len(slides):
            slides = np.convolve(np.pad(slides, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
        axes.plot((band.edges[:-1] + band.edges[1:]) / 2, slides, color=VERMILION, linewidth=1.5)
        heights.append(slides)
    axes.set(xlim=(band.edges[0], band.edges[-1]), ylim=(0, _axis_top(heights) * 1.08 or 1))
    if _axis_top(heights) < density.max():
        _note_spike(axes, band, counts, labelled)
    outside = band.finite - int(band.histogram.sum())
    if outside:
        corner = {"ha": "right", "va": "top", "transform": axes.transAxes}
        axes.text(1.0, 1.0, f"{outside:,} cells beyond", fontsize=6.5, color=SOFT, **corner)
    return figure


def _axis_top(heights: Sequence[np.ndarray]) -> float:
    """Return the height to draw: the highest bin, unless one spike (cells without any river, say) dwarfs the rest."""
    first, second = np.sort(np.max(heights, axis=0))[:-3:-1]
    return float(second * 1.5 if first > 4 * second > 0 else first)


def _note_spike(axes: Axes, band: ContinuousBand, counts: np.ndarray, labelled: bool) -> None:
    index = int(counts.argmax())
    text = f"← {format_percent(counts[index] / max(int(counts.sum()), 1))} of the cells"
    slides = int(band.histogram_landslide.sum())
    if labelled and slides:
        text += f",\n    {format_percent(band.histogram_landslide[index] / slides)} of the landslides"
    right = index < len(counts) / 2
    shift = (1.8 if right else -1.8) * (band.edges[1] - band.edges[0])
    x, y = band.edges[index + 1 if right else index] + shift, axes.get_ylim()[1] * 0.97
    side = "left" if right else "right"
    axes.text(x, y, text if right else text[2:], ha=side, va="top", fontsize=7, color=SOFT)


def class_bars(band: CategoricalBand, labelled: bool) -> Figure:
    """Draw the share of cells of each class as bars, with labels also the share of landslide cells.

    The frequency ratio, the second share over the first, stands at the right end.
    """
    rows = _class_rows(band, labelled)
    figure = new_figure(0.62 + (0.26 if labelled else 0.2) * max(len(rows), 3), HALF)
    axes = _bare_axes(figure, band)
    places = np.arange(len(rows))[::-1]
    thick = 0.36 if labelled else 0.7
    shift = thick / 2 if labelled else 0.0
    areas, slides = [100 * row[1] for row in rows], [100 * row[2] for row in rows]
    axes.barh(places + shift, areas, thick, color=ALL_CELLS, edgecolor=ALL_EDGE, linewidth=0.6)
    if labelled:
        axes.barh(places - shift, slides, thick, color=VERMILION)
    ends = [max(pair) for pair in zip(areas, slides)] if labelled else areas
    largest = max(ends, default=1.0)
    for place, end, (_, share, _, ratio) in zip(places, ends, rows):
        note = format_percent(share)
        if labelled:
            note = "–" if math.isnan(ratio) else f"× {ratio:.2f}"
        axes.text(end + largest * 0.02, place, note, va="center", fontsize=7, color=SOFT)
    axes.set_yticks(places, [shorten(row[0], 26) for row in rows], parse_math=False, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, largest * 1.22 or 1), xlabel="share of cells, %")
    return figure


def _class_rows(band: CategoricalBand, labelled: bool) -> list[tuple[str, float, float, float]]:
    if labelled:
        rows = [
            (one.label, *np.nan_to_num((one.area_share, one.landslide_share)).tolist(), one.frequency_ratio)
            for one in frequency_ratios(band)
        ]
    else:
        shares = (band.counts / max(int(band.counts.sum()), 1)).tolist()
        rows = [(band.label(code), share, 0.0, math.nan) for code, share in zip(band.codes, shares)]
    if len(rows) <= MAX_BARS:
        return rows
    largest = set(sorted(range(len(rows)), key=lambda index: -rows[index][1])[: MAX_BARS - 1])
    rest = [row for index, row in enumerate(rows) if index not in largest]
    area, slides = sum(row[1] for row in rest), sum(row[2] for row in rest)
    ratio = slides / area if labelled and area else math.nan
    kept = [row for index, row in enumerate(rows) if index in largest]
    return [*kept, (f"{len(rest)} smaller classes", area, slides, ratio)]


def _bare_axes(figure: Figure, band: ContinuousBand | CategoricalBand) -> Axes:
    axes = figure.add_subplot()
    axes.set_title(shorten(f"{band.factor.title or band.name}{_unit(band)}", 44), parse_math=False)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    return axes


def _density(counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return counts / (max(int(counts.sum()), 1) * np.diff(edges))


def _unit(band: ContinuousBand | CategoricalBand) -> str:
    return f", {band.factor.unit}" if band.factor.unit else ""


def _format_short(value: float) -> str:
    """Return a number with four significant digits, very small and large ones as powers of ten without letters."""
    if math.isnan(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 1e7:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits}·10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}".replace("-", "−") if value else "0"


def _share(part: int, whole: int) -> str:
    return format_percent(part / whole) if whole else "–"
