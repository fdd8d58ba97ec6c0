"""Figures of the check report: correlation as a heat map, distributions with the landslide cells laid over.

Call the functions within ``report.figures.style``.
The report of a check: findings first, then what was counted, as tables and figures that print on A4.
"""

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

from ..checks.band_statistics import CategoricalBand, ContinuousBand
from ..checks.correlation import Associations, inflation_text
from ..checks.findings import (
    CORRELATION_LIMIT,
    ERROR,
    FEW_CELLS,
    NOTE,
    SEVERITIES,
    VIF_LIMIT,
    WARNING,
    CheckSummary,
    format_percent,
)
from ..checks.landslide_density import frequency_ratios
from ..checks.stack_checks import NodataCounts
from ..checks.stack_statistics import StackScan
from ..grid import Grid
from .charts import BLUE, INK, PAGE_WIDTH, SOFT, VERMILION, new_figure, shorten, style
from .page import Page

ALL_CELLS, ALL_EDGE = "#c3ccd4", "#8494a1"
DIVERGING = LinearSegmentedColormap.from_list("blue white vermilion", [BLUE, "#f7f7f7", VERMILION])
SEQUENTIAL = LinearSegmentedColormap.from_list("white vermilion", ["#f7f7f7", VERMILION])

MAX_BARS = 16
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
            axes.text(
                column,
                row - 1,
                text,
                ha="center",
                va="center",
                fontsize=size,
                color="white" if flagged else INK,
                fontweight="bold" if flagged else "normal",
            )
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
    counts = band.histogram_labelled if labelled else band.histogram
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
    axes.set_ylim(0, _axis_top(heights) * 1.08 or 1)
    _note_spike(axes, band, counts, labelled, _axis_top(heights) < density.max())
    outside = band.finite - int(band.histogram.sum())
    if outside:
        axes.text(
            1.0,
            1.0,
            f"{outside:,} cells beyond",
            ha="right",
            va="top",
            fontsize=6.5,
            color=SOFT,
            transform=axes.transAxes,
        )
    return figure


def class_bars(band: CategoricalBand, width: float, labelled: bool) -> Figure:
    """Draw the share of cells of each class as bars, with the share of landslide cells when there are labels.

    The frequency ratio, the second share over the first, stands at the right end.

    Args:
        band: what was counted of the factor.
        width: of the figure in inches.
        labelled: draw the cells with a known label and the landslide cells; all cells otherwise.
    """
    rows = _class_rows(band, labelled)
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
        note = format_percent(share)
        if labelled:
            note = "–" if math.isnan(ratio) else f"× {ratio:.2f}"
        axes.text(
            100 * max(share, slides if labelled else 0) + largest * 0.02,
            place,
            note,
            va="center",
            fontsize=7,
            color=SOFT,
        )
    axes.set_yticks(places)
    axes.set_yticklabels([shorten(row[0], 26) for row in rows], parse_math=False, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, largest * 1.22 or 1)
    axes.set_xlabel("share of cells, %")
    return figure


def _class_rows(band: CategoricalBand, labelled: bool) -> list[tuple[str, float, float, float]]:
    """Return label, share of cells, share of landslide cells and frequency ratio of the classes to draw."""
    if labelled:
        rows = [
            (share.label, share.area_share, share.landslide_share, share.frequency_ratio, share.code)
            for share in frequency_ratios(band)
        ]
    else:
        total = max(int(band.counts.sum()), 1)
        rows = [
            (band.label(code), cells / total, 0.0, math.nan, code)
            for code, cells in zip(band.codes, band.counts.tolist())
        ]
    rows = [(label, _or_zero(area), _or_zero(slides), ratio, code) for label, area, slides, ratio, code in rows]
    if len(rows) <= MAX_BARS:
        return [row[:4] for row in rows]
    rows.sort(key=lambda row: -row[1])
    kept, rest = sorted(rows[: MAX_BARS - 1], key=lambda row: row[4]), rows[MAX_BARS - 1 :]
    area, slides = sum(row[1] for row in rest), sum(row[2] for row in rest)
    return [
        *(row[:4] for row in kept),
        (f"{len(rest)} smaller classes", area, slides, slides / area if labelled and area else math.nan),
    ]


def _axis_top(heights: Sequence[np.ndarray]) -> float:
    """Return the height to draw: the highest bin, unless one spike (cells without any river, say) dwarfs the rest."""
    both = np.max(heights, axis=0)
    first, second = np.sort(both)[:-3:-1]
    return float(second * 1.5 if first > 4 * second > 0 else first)


def _note_spike(axes: Axes, band: ContinuousBand, counts: np.ndarray, labelled: bool, cut: bool) -> None:
    """Write the share of the cells in the highest bin beside it when the drawing cuts it off."""
    if not cut:
        return
    place = int(counts.argmax())
    text = f"← {format_percent(counts[place] / max(int(counts.sum()), 1))} of the cells"
    slides = int(band.histogram_landslide.sum())
    if labelled and slides:
        text += f",\n    {format_percent(band.histogram_landslide[place] / slides)} of the landslides"
    right = place < len(counts) / 2
    shift = (1.8 if right else -1.8) * (band.edges[1] - band.edges[0])
    axes.text(
        band.edges[place + 1 if right else place] + shift,
        axes.get_ylim()[1] * 0.97,
        text if right else text[2:],
        ha="left" if right else "right",
        va="top",
        fontsize=7,
        color=SOFT,
    )


def _density(counts: np.ndarray, total: int, edges: np.ndarray) -> np.ndarray:
    return counts / (max(total, 1) * np.diff(edges))


def _title(axes: Axes, band: ContinuousBand | CategoricalBand) -> None:
    unit = f", {band.factor.unit}" if band.factor.unit else ""
    axes.set_title(shorten(f"{band.factor.title or band.name}{unit}", 44), parse_math=False)


def _name_ticks(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)))
    axes.set_yticklabels([shorten(name, 24) for name in rows], parse_math=False)
    axes.set_xticks(range(len(columns)))
    axes.set_xticklabels(
        [shorten(name, 24) for name in columns], parse_math=False, rotation=35, ha="right", rotation_mode="anchor"
    )
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


SWATCHES = {ERROR: "#d55e00", WARNING: "#e69f00", NOTE: "#56b4e9"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FEW_FACTORS = 7
"""Up to so many factors, a heat map takes half of the page's width."""


def build_page(
    dataset: rasterio.DatasetReader,
    grid: Grid | None,
    labels: str | os.PathLike | None,
    summary: CheckSummary,
    scan: StackScan,
    association_result: Associations,
    nodata_counts: NodataCounts,
) -> Page:
    """Return the report.

    Args:
        dataset: the open stack.
        grid: its grid, or ``None`` when it has a fault.
        labels: the label raster that was named.
        summary: the findings.
        counted: all counts.
        linked: the association of the factors.
        costs: what each factor cost when the stack was built.
    """
    beside = f" with the labels {Path(labels).name}" if labels is not None else ""
    page = Page("Check of the factor stack", f"{Path(dataset.name).name}{beside}")
    page.key_numbers(
        [
            ("Errors", summary.errors, SEVERITIES[ERROR].capitalize() + "."),
            ("Warnings", summary.warnings, SEVERITIES[WARNING].capitalize() + "."),
            ("Notes", summary.notes, SEVERITIES[NOTE].capitalize() + "."),
            (
                "Usable cells",
                format_percent(summary.valid_cells / max(summary.cells, 1)),
                f"{summary.valid_cells:,} of {summary.cells:,} cells have data in all factors.",
            ),
        ]
    )
    page.text("", summary.verdict)
    _add_findings(page, summary)
    _add_factors(page, scan, association_result)
    _add_nodata_counts(page, nodata_counts)
    _add_grid(page, dataset, grid, scan)
    labelled = scan.labels is not None and scan.labels.landslide_used > 0
    with style():
        _add_associations(page, scan, association_result)
        _add_distributions(page, scan, labelled)
    if labelled:
        _add_landslides(page, scan)
    _add_limits(page)
    return page


def _add_findings(page: Page, summary: CheckSummary) -> None:
    if not summary.findings:
        return
    rows = [
        [finding.severity, finding.factor or "whole stack", finding.message, finding.cells_text, finding.remedy]
        for finding in summary.findings
    ]
    page.table(
        "What was found, and how to mend it",
        ["Severity", "Factor", "What", "Cells", "How to mend it"],
        rows,
        swatches=[SWATCHES[finding.severity] for finding in summary.findings],
    )


def _add_factors(page: Page, scan: StackScan, association_result: Associations) -> None:
    inflation = dict(zip(association_result.continuous, association_result.inflation))
    rows = []
    for band in scan.continuous_bands:
        unit = f", {band.factor.unit}" if band.factor.unit else ""
        rows.append(
            [
                f"{band.name}{unit}",
                _share(band.empty + band.infinite, band.cells),
                _format_short(band.mean),
                _format_short(band.standard_deviation),
                *_five_numbers(band),
                inflation_text(inflation.get(band.name, math.nan)),
            ]
        )
    if rows:
        page.table(
            "Continuous factors",
            ["Factor", "No data", "Mean", "SD", "Least", "5 %", "Median", "95 %", "Most", "VIF"],
            rows,
            f"SD: standard deviation. 5 % and 95 %: that share of the cells lies at or below. VIF: variance "
            f"inflation factor; over {VIF_LIMIT:.0f}, the other continuous factors give this one nearly.",
        )
    rows = []
    for band in scan.categorical_bands:
        most = band.label(band.codes[int(band.counts.argmax())]) if band.codes else None
        share = _share(int(band.counts.max(initial=0)), band.finite) if band.codes else None
        rows.append(
            [
                band.name,
                _share(band.empty + band.infinite, band.cells),
                len(band.codes),
                most,
                share,
                int((band.counts < FEW_CELLS).sum()),
            ]
        )
    if rows:
        page.table(
            "Categorical factors",
            ["Factor", "No data", "Classes", "Commonest class", "Its share", f"Classes under {FEW_CELLS} cells"],
            rows,
        )


def _add_nodata_counts(page: Page, nodata_counts: NodataCounts) -> None:
    """Add what each factor cost the study area, where that is known and not nothing."""
    rows = [[name, cells, _share(cells, nodata_counts.study)] for name, cells in nodata_counts.cells.items() if cells]
    if rows:
        page.table(
            "Cells lost when the stack was built",
            ["Factor without data", "Cells", "Share"],
            rows,
            f"Of the {nodata_counts.study:,} cells with elevation in the study area; a cell can lack several factors, "
            "and is then lost to all.",
        )


def _add_grid(page: Page, dataset: rasterio.DatasetReader, grid: Grid | None, scan: StackScan) -> None:
    crs = dataset.crs.to_string()[:60] if dataset.crs else "none"
    values = {"CRS": crs, "Cells": f"{dataset.width:,} × {dataset.height:,}", "Bands": dataset.count}
    if grid is not None:
        values["Cell size"] = f"{grid.cell_size():.1f} m"
        values["Usable area"] = f"{scan.complete * grid.cell_size() ** 2 / 1e6:,.1f} km², about"
    page.settings("Grid", values)


def _add_associations(page: Page, scan: StackScan, association_result: Associations) -> None:
    titles = {band.name: band.factor.title or band.name for band in scan.bands}
    heading = "Do factors say the same?"
    if len(association_result.continuous) > 1:
        half = len(association_result.continuous) <= FEW_FACTORS
        width = PAGE_WIDTH / 2 if half else PAGE_WIDTH
        page.figure(
            heading,
            heat_map(association_result.pearson, [titles[name] for name in association_result.continuous], width, True),
            f"Pearson's r of the continuous factors over the usable cells. White on colour: beyond "
            f"±{CORRELATION_LIMIT}.",
            half=half,
        )
        heading = ""
    if len(association_result.categorical) > 1:
        half = len(association_result.categorical) <= FEW_FACTORS
        width = PAGE_WIDTH / 2 if half else PAGE_WIDTH
        page.figure(
            heading,
            heat_map(
                association_result.cramer, [titles[name] for name in association_result.categorical], width, False
            ),
            f"Cramér's V of the categorical factors: 0 independent, 1 one gives the other. White on colour: "
            f"beyond {CORRELATION_LIMIT}.",
            half=half,
        )


def _add_distributions(page: Page, scan: StackScan, labelled: bool) -> None:
    # The explanation follows the figures: a heading sticks to what comes next, so none stands alone on a sheet.
    heading = "Continuous factors: " + ("landslide cells (orange) against all (grey)" if labelled else "all cells")
    for band in scan.continuous_bands:
        page.figure(heading, distribution(band, PAGE_WIDTH / 2, 1.7, labelled), half=True)
        heading = ""
    if scan.continuous_bands:
        page.text(
            "",
            "Densities over the cells with a label. Where the line runs above the grey, landslides are more "
            "common than on average; where the two agree, the factor alone says nothing of landslides."
            if labelled
            else "Densities. With a label raster (LABELS), the landslide cells are laid over.",
        )
    heading = "Categorical factors: " + ("landslide cells (orange) against all (grey)" if labelled else "all cells")
    for band in scan.categorical_bands:
        page.figure(heading, class_bars(band, PAGE_WIDTH / 2, labelled), half=True)
        heading = ""
    if scan.categorical_bands and labelled:
        page.text(
            "",
            "Shares over the cells with a label. The number is the frequency ratio: share of the landslide "
            "cells over share of the cells, above 1 where landslides are more common than on average.",
        )


def _add_landslides(page: Page, scan: StackScan) -> None:
    labels = scan.labels
    if labels is None:
        return
    page.settings(
        "Labels",
        {
            "Landslide cells (1)": labels.landslide,
            "Stable cells (0)": labels.stable,
            "Unknown (255)": labels.unknown,
            "Landslide cells with data": labels.landslide_used,
            "Stable cells with data": labels.stable_used,
            "Stable cells to one landslide cell": labels.stable_used / labels.landslide_used,
        },
    )
    heading, note = "Landslide cells by class", ""
    for place, band in enumerate(scan.categorical_bands):
        rows = [
            [
                f"{share.code}  {share.label}",
                share.cells,
                f"{100 * share.area_share:.2f}",
                share.landslides,
                f"{100 * share.landslide_share:.2f}",
                f"{share.frequency_ratio:.2f}" if share.cells else None,
            ]
            for share in frequency_ratios(band)
        ]
        if place == len(scan.categorical_bands) - 1:
            note = "Over the cells with a label. Frequency ratio: second share over the first."
        page.table(
            heading,
            [band.factor.title or band.name, "Cells", "Share, %", "Landslide cells", "Share, %", "Frequency ratio"],
            rows,
            note,
        )
        heading = ""


def _add_limits(page: Page) -> None:
    page.text(
        "What is checked",
        "Every cell is counted. Errors and warnings: bands without a name, CRS or data; infinite "
        "and impossible values; signs of another unit (kelvin, tenths of a degree, percent, metres); undeclared nodata "
        "values; constant and nearly constant bands; cells far from all others; class codes that are not whole or not "
        f"in the class table; classes with fewer than {FEW_CELLS} cells; labels on another grid or with other values "
        "than 0, 1 and 255.",
        f"Pairs are flagged from |r| or V over {CORRELATION_LIMIT}, single factors from a variance inflation factor "
        f"over {VIF_LIMIT:.0f}. These are customary limits and no laws: a network can use correlated factors, but what "
        "each does cannot be told apart.",
        "What no check can see: a layer of another year or place with plausible values, and landslides that nobody "
        "mapped.",
    )


def _five_numbers(band: ContinuousBand) -> list[str]:
    if not band.finite:
        return [_format_short(math.nan)] * 5
    return [
        _format_short(value)
        for value in (band.minimum, band.quantile(0.05), band.quantile(0.5), band.quantile(0.95), band.maximum)
    ]


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
