"""The report of a susceptibility map by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..aggregation.unit_validation import SizeResult, UnitValidation, area_text, sentences
from ..progress import Progress
from ..validation.verdict import Verdict
from .charts import BLUE, INK, VERMILION, new_figure, style
from .page import Page, css_colour, interval_sentence, interval_text

ZONE_COLUMNS = ("Zone", "Mean susceptibility", "Units", "Area (km²)", "With landslides", "Landslides")
MOST_UNITS = 20  # of the table of the most susceptible ones
UNIT_COLUMNS = ("Unit", "Mean", "Maximum", "Share above", "Landslides", "Zone")


def aggregation_page(
    names: tuple[str, str],
    zones: Sequence[Sequence[Any]],
    colours: Mapping[int, tuple[int, int, int, int]],
    units: Sequence[Sequence[Any]],
    found: UnitValidation | None,
    verdict: Verdict,
    settings: Mapping[str, Any],
    warnings: Sequence[str],
    progress: Progress,
) -> Page:
    """Return the report.

    Args:
        names: of the map and of the layer of units.
        zones: rows of :data:`ZONE_COLUMNS`, the least susceptible first.
        colours: of the zones.
        units: rows of :data:`UNIT_COLUMNS`, the most susceptible first.
        found: AUC by unit and by cell; None without landslides.
        verdict: on the map.
        settings: for the list at the end.
    """
    page = Page("Susceptibility by unit", f"{names[0]} in the units of {names[1]}", progress, warnings)
    count = sum(int(row[2]) for row in zones)
    numbers: list[tuple[str, Any, str]] = [("Units", count, "Units with data.")]
    if found is not None:
        for title, one in (("AUC by unit", found.by_unit), ("AUC by cell", found.by_cell)):
            numbers.append((title, one.auc.value, f"{interval_sentence(one.auc)}{_explained(one)}"))
    page.key_numbers(numbers)
    page.text("", verdict.text)
    swatches = [css_colour(colours[number]) for number in range(1, len(zones) + 1)]
    note = "The zone of a unit is that of its mean, at the breaks of the cells, so zones of units have other areas."
    page.table("Units by zone", ZONE_COLUMNS, zones, note, swatches)
    page.table("Most susceptible units", UNIT_COLUMNS, units[:MOST_UNITS], "All units are in the layer and the table.")
    if found is not None:
        _add_sizes(page, found)
    page.settings("Settings", settings)
    return page


def _explained(one: SizeResult) -> str:
    kind = "cells hold" if one.name == "cells" else "units have"
    return f"{one.with_landslides:,} of {one.units:,} {kind} landslides."


def _add_sizes(page: Page, found: UnitValidation) -> None:
    heading = "How the result depends on the unit"
    page.text(heading, *sentences(found))
    sizes = [found.by_cell, found.by_unit, *found.by_square]
    rows = [
        [one.name, area_text(one.mean_area), one.units, one.with_landslides, one.auc.value, interval_text(one.auc)]
        for one in sizes
    ]
    columns = ("By", "Mean area", "Number", "With landslides", "AUC", "95 % interval")
    side = f"{found.block_side_m:,.0f} m"
    note = f"All on the same land. Intervals resample blocks {side} wide, {found.independent_blocks:,} with landslides."
    page.table(heading, columns, rows, note)
    page.figure(heading, _chart(found), "AUC by area of the unit, with 95 % intervals: squares, and these units.")


def _chart(found: UnitValidation) -> Figure:
    with style():
        figure = new_figure(2.6)
        axes = figure.add_subplot()
        series = (([found.by_cell, *found.by_square], INK, "cells and squares"), ([found.by_unit], VERMILION, "units"))
        for sizes, colour, label in series:
            known = [one for one in sizes if np.isfinite(one.auc.value)]
            if not known:
                continue
            x, y = [one.mean_area / 1e6 for one in known], [one.auc.value for one in known]
            ends = [
                [one.auc.low, one.auc.high] if one.auc.has_interval else [value] * 2 for one, value in zip(known, y)
            ]
            low, high = np.array(ends).T
            axes.errorbar(
                x, y, [np.array(y) - low, high - np.array(y)], color=colour, marker="o", label=label, capsize=3
            )
        axes.axhline(0.5, color=BLUE, linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.set_xlabel("Mean area (km²)")
        axes.set_ylabel("AUC")
        axes.legend()
    return figure
