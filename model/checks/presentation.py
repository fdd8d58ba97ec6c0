"""The report of a check: findings first, then what was counted, as tables and figures that print on A4."""

from __future__ import annotations

import math
import os
from pathlib import Path

import rasterio

from ..grid import Grid
from ..report.figures import PAGE_WIDTH, style
from ..report.page import Page
from .association import Associations, inflation_text
from .bands import ContinuousBand
from .coverage import Costs
from .expectations import CORRELATION_LIMIT, FEW_CELLS, VIF_LIMIT
from .figures import class_bars, distribution, heat_map
from .findings import ERROR, NOTE, SEVERITIES, WARNING, CheckSummary, percent
from .landslides import frequency_ratios
from .statistics import Survey

SWATCHES = {ERROR: "#d55e00", WARNING: "#e69f00", NOTE: "#56b4e9"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FEW_FACTORS = 7
"""Up to so many factors, a heat map takes half of the page's width."""


def compose(dataset: rasterio.DatasetReader, grid: Grid | None, labels: str | os.PathLike | None,
            summary: CheckSummary, counted: Survey, linked: Associations, costs: Costs) -> Page:
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
    page.key_numbers([
        ("Errors", summary.errors, SEVERITIES[ERROR].capitalize() + "."),
        ("Warnings", summary.warnings, SEVERITIES[WARNING].capitalize() + "."),
        ("Notes", summary.notes, SEVERITIES[NOTE].capitalize() + "."),
        ("Usable cells", percent(summary.valid_cells / max(summary.cells, 1)),
         f"{summary.valid_cells:,} of {summary.cells:,} cells have data in all factors."),
    ])
    page.text("", summary.verdict)
    _add_findings(page, summary)
    _add_factors(page, counted, linked)
    _add_costs(page, costs)
    _add_grid(page, dataset, grid, counted)
    labelled = counted.labels is not None and counted.labels.landslide_used > 0
    with style():
        _add_associations(page, counted, linked)
        _add_distributions(page, counted, labelled)
    if labelled:
        _add_landslides(page, counted)
    _add_limits(page)
    return page


def _add_findings(page: Page, summary: CheckSummary) -> None:
    if not summary.findings:
        return
    rows = [[finding.severity, finding.factor or "whole stack", finding.what, finding.cells_text, finding.mend]
            for finding in summary.findings]
    page.table("What was found, and how to mend it", ["Severity", "Factor", "What", "Cells", "How to mend it"], rows,
               swatches=[SWATCHES[finding.severity] for finding in summary.findings])


def _add_factors(page: Page, counted: Survey, linked: Associations) -> None:
    inflation = dict(zip(linked.continuous, linked.inflation))
    rows = []
    for band in counted.continuous_bands:
        unit = f", {band.factor.unit}" if band.factor.unit else ""
        rows.append([f"{band.name}{unit}", _share(band.empty + band.infinite, band.cells), _short(band.mean),
                     _short(band.deviation), *_five_numbers(band), inflation_text(inflation.get(band.name, math.nan))])
    if rows:
        page.table("Continuous factors", ["Factor", "No data", "Mean", "SD", "Least", "5 %", "Median", "95 %", "Most",
                                          "VIF"], rows,
                   f"SD: standard deviation. 5 % and 95 %: that share of the cells lies at or below. VIF: variance "
                   f"inflation factor; over {VIF_LIMIT:.0f}, the other continuous factors give this one nearly.")
    rows = []
    for band in counted.categorical_bands:
        most = band.label(band.codes[int(band.counts.argmax())]) if band.codes else None
        share = _share(int(band.counts.max(initial=0)), band.finite) if band.codes else None
        rows.append([band.name, _share(band.empty + band.infinite, band.cells), len(band.codes), most, share,
                     int((band.counts < FEW_CELLS).sum())])
    if rows:
        page.table("Categorical factors", ["Factor", "No data", "Classes", "Commonest class", "Its share",
                                           f"Classes under {FEW_CELLS} cells"], rows)


def _add_costs(page: Page, costs: Costs) -> None:
    """Add what each factor cost the study area, where that is known and not nothing."""
    rows = [[name, cells, _share(cells, costs.study)] for name, cells in costs.cells.items() if cells]
    if rows:
        page.table("Cells lost when the stack was built", ["Factor without data", "Cells", "Share"], rows,
                   f"Of the {costs.study:,} cells with elevation in the study area; a cell can lack several factors, "
                   "and is then lost to all.")


def _add_grid(page: Page, dataset: rasterio.DatasetReader, grid: Grid | None, counted: Survey) -> None:
    crs = dataset.crs.to_string()[:60] if dataset.crs else "none"
    values = {"CRS": crs, "Cells": f"{dataset.width:,} × {dataset.height:,}", "Bands": dataset.count}
    if grid is not None:
        values["Cell size"] = f"{grid.cell_size():.1f} m"
        values["Usable area"] = f"{counted.complete * grid.cell_size() ** 2 / 1e6:,.1f} km², about"
    page.settings("Grid", values)


def _add_associations(page: Page, counted: Survey, linked: Associations) -> None:
    titles = {band.name: band.factor.title or band.name for band in counted.bands}
    heading = "Do factors say the same?"
    if len(linked.continuous) > 1:
        half = len(linked.continuous) <= FEW_FACTORS
        width = PAGE_WIDTH / 2 if half else PAGE_WIDTH
        page.figure(heading, heat_map(linked.pearson, [titles[name] for name in linked.continuous], width, True),
                    f"Pearson's r of the continuous factors over the usable cells. White on colour: beyond "
                    f"±{CORRELATION_LIMIT}.", half=half)
        heading = ""
    if len(linked.categorical) > 1:
        half = len(linked.categorical) <= FEW_FACTORS
        width = PAGE_WIDTH / 2 if half else PAGE_WIDTH
        page.figure(heading, heat_map(linked.cramer, [titles[name] for name in linked.categorical], width, False),
                    f"Cramér's V of the categorical factors: 0 independent, 1 one gives the other. White on colour: "
                    f"beyond {CORRELATION_LIMIT}.", half=half)


def _add_distributions(page: Page, counted: Survey, labelled: bool) -> None:
    # The explanation follows the figures: a heading sticks to what comes next, so none stands alone on a sheet.
    heading = "Continuous factors: " + ("landslide cells (orange) against all (grey)" if labelled else "all cells")
    for band in counted.continuous_bands:
        page.figure(heading, distribution(band, PAGE_WIDTH / 2, 1.7, labelled), half=True)
        heading = ""
    if counted.continuous_bands:
        page.text("", "Densities over the cells with a label. Where the line runs above the grey, landslides are more "
                  "common than on average; where the two agree, the factor alone says nothing of landslides."
                  if labelled else
                  "Densities. With a label raster (LABELS), the landslide cells are laid over.")
    heading = "Categorical factors: " + ("landslide cells (orange) against all (grey)" if labelled else "all cells")
    for band in counted.categorical_bands:
        page.figure(heading, class_bars(band, PAGE_WIDTH / 2, labelled), half=True)
        heading = ""
    if counted.categorical_bands and labelled:
        page.text("", "Shares over the cells with a label. The number is the frequency ratio: share of the landslide "
                  "cells over share of the cells, above 1 where landslides are more common than on average.")


def _add_landslides(page: Page, counted: Survey) -> None:
    labels = counted.labels
    if labels is None:
        return
    page.settings("Labels", {
        "Landslide cells (1)": labels.landslide, "Stable cells (0)": labels.stable, "Unknown (255)": labels.unknown,
        "Landslide cells with data": labels.landslide_used, "Stable cells with data": labels.stable_used,
        "Stable cells to one landslide cell": labels.stable_used / labels.landslide_used})
    heading, note = "Landslide cells by class", ""
    for place, band in enumerate(counted.categorical_bands):
        rows = [[f"{share.code}  {share.label}", share.cells, f"{100 * share.area_share:.2f}", share.landslides,
                 f"{100 * share.landslide_share:.2f}", f"{share.frequency_ratio:.2f}" if share.cells else None]
                for share in frequency_ratios(band)]
        if place == len(counted.categorical_bands) - 1:
            note = "Over the cells with a label. Frequency ratio: second share over the first."
        page.table(heading, [band.factor.title or band.name, "Cells", "Share, %", "Landslide cells", "Share, %",
                             "Frequency ratio"], rows, note)
        heading = ""


def _add_limits(page: Page) -> None:
    page.text(
        "What is checked", "Every cell is counted. Errors and warnings: bands without a name, CRS or data; infinite "
        "and impossible values; signs of another unit (kelvin, tenths of a degree, percent, metres); undeclared nodata "
        "values; constant and nearly constant bands; cells far from all others; class codes that are not whole or not "
        f"in the class table; classes with fewer than {FEW_CELLS} cells; labels on another grid or with other values "
        "than 0, 1 and 255.",
        f"Pairs are flagged from |r| or V over {CORRELATION_LIMIT}, single factors from a variance inflation factor "
        f"over {VIF_LIMIT:.0f}. These are customary limits and no laws: a network can use correlated factors, but what "
        "each does cannot be told apart.",
        "What no check can see: a layer of another year or place with plausible values, and landslides that nobody "
        "mapped.")


def _five_numbers(band: ContinuousBand) -> list[str]:
    if not band.finite:
        return [_short(math.nan)] * 5
    return [_short(value) for value in (band.minimum, band.quantile(0.05), band.quantile(0.5), band.quantile(0.95),
                                        band.maximum)]


def _short(value: float) -> str:
    """Return a number with four significant digits, very small and large ones as powers of ten without letters."""
    if math.isnan(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 1e7:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits}·10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}".replace("-", "−") if value else "0"


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"
