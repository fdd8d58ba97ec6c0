"""Susceptibility map and polygons of units in; numbers by unit, table and report out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from rasterio import DatasetReader

from ..aggregation.scan import SQUARE_SIZES, MapScan, Squares
from ..aggregation.settings import UNIT_FIELDS, AggregationOptions
from ..aggregation.unit_sums import UnitSums
from ..aggregation.unit_validation import UnitValidation, area_text, sentences, validate_units
from ..errors import LayerEmpty, NoOverlap, TooFewData
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..inputs.vectors import Landslides, Polygons
from ..labels.buffers import landslide_points
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import is_out_of_fold, read_warnings, trained_on_all_land, warn_stale_inputs
from ..report.aggregation import aggregation_page
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..statistics import weighted_quantiles
from ..tables import write_table
from ..validation.spatial_blocks import SpatialBlocks, least_side, metric_positions
from ..validation.verdict import Evidence, judge, tell
from ..zones.raster import assign_zones, read_breaks, scan_cells
from ..zones.schemes import AREA_SHARES, read_scheme, zone_colours, zone_names
from . import sources_of


@dataclass
class AggregationSummary:
    """Numbers of the units in the order of their polygons, and the validation."""

    units: int
    empty_units: int  # without a cell of the map
    breaks: list[float]
    threshold: float
    columns: dict[str, list[Any]]  # by ``UNIT_FIELDS``
    landslides: int | None = None  # in units; None without an inventory
    auc: float | None = None  # by unit
    auc_low: float | None = None
    auc_high: float | None = None
    auc_cells: float | None = None  # by cell, on the same land
    auc_spread: float | None = None  # over squares of other sizes
    warnings: list[str] = field(default_factory=list)


def aggregate_susceptibility(
    susceptibility: str | os.PathLike,
    units: Polygons,
    output_table: str | os.PathLike | None,
    output_html: str | os.PathLike | None,
    options: AggregationOptions,
    *,
    unit_field: str | None = None,
    breaks_from: str | os.PathLike | None = None,
    landslides: Landslides | None = None,
    uncertainty: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> AggregationSummary:
    """Aggregate a map to units: mean, maximum and share above a threshold by area, landslides, uncertainty, zone.

    Args:
        susceptibility: raster, first band.
        units: polygons in the CRS of the raster; they may overlap.
        output_table: CSV with a row per unit.
        output_html: report; ``output_document`` the same for Word.
        unit_field: field with the name of a unit; without it they are numbered from 1.
        breaks_from: zone raster, run record or table whose breaks cut the zones; else shares of the area of the cells.
        landslides: inventory, for the number by unit and the AUC by unit and by cell.
        uncertainty: raster on the grid of the map.

    Raises:
        LayerEmpty: there is no unit, or no landslide lies in one.
        NoOverlap: no unit has a cell with data.
        GridMismatch: the uncertainty is on another grid.
        TooFewData: the map has no data, or no cell in the units is without landslide.
    """
    outputs = {"OUTPUT_TABLE": output_table, "OUTPUT_HTML": output_html, "OUTPUT_DOCUMENT": output_document}
    check_writable(*outputs.values())
    if not len(units):
        raise LayerEmpty(f'The layer "{units.name}" given as UNITS has no polygon. Choose the layer of the units.')
    log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, log)
    inputs = {"susceptibility": susceptibility, "units": units, "landslides": landslides, "uncertainty": uncertainty}
    sources = sources_of(**inputs, breaks_from=breaks_from)
    record = RunRecord("aggregatesusceptibility", {**options.record(), "UNIT_FIELD": unit_field}, sources)
    warn_stale_inputs({"susceptibility map": susceptibility}, log)
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_band(susceptibility, "susceptibility", log, "susceptibility"))
        grid = Grid.from_dataset(dataset, "susceptibility")
        take_out_undeclared_nodata(dataset, grid, "susceptibility", log)
        doubt = None
        if uncertainty is not None:
            doubt = opened.enter_context(open_band(uncertainty, "uncertainty", log, "uncertainty"))
            grid.require_same(Grid.from_dataset(doubt, "uncertainty"), "susceptibility map", "uncertainty raster")
        breaks = _breaks(dataset, grid, breaks_from, SubProgress(log, 0.0, 0.2))
        threshold = breaks[-1] if options.threshold is None else options.threshold
        scan = MapScan(dataset, doubt, grid, units)
        sums = scan.sum_units(threshold, SubProgress(log, 0.2, 0.55))
        _require_data(sums, units, log)
        by_unit, found = None, None
        if landslides is not None:
            by_unit, found = _validate(scan, sums, landslides, options, SubProgress(log, 0.55, 0.9))
            _warn_of_fit(dataset, log)
        for text in read_warnings(dataset.tags()):
            log.report(0.9, f"Warning stored in the map: {text}")
        verdict = judge(Evidence.from_tags(dataset.tags()))
        tell(verdict, log, 0.9)
    columns = _columns(sums, by_unit, breaks, doubt is not None, _names(units, unit_field))
    names = [name for name, _ in UNIT_FIELDS]
    rows = list(zip(*(columns[name] for name in names)))
    zones = _zone_rows(sums, by_unit, columns["zone"], breaks)
    if report.wanted:
        settings = {"Threshold": threshold, "Breaks": ", ".join(f"{limit:.6g}" for limit in breaks)}
        settings |= {"Units with data": int((sums.cells > 0).sum()), "Seed": options.seed, "Repeats": options.repeats}
        titles = os.path.basename(str(susceptibility)), units.name
        top = _most_susceptible(columns)
        colours = zone_colours(len(breaks) + 1)
        page = aggregation_page(titles, zones, colours, top, found, verdict, settings, log.warnings, progress)
        report.write(page)
    if output_table is not None:
        write_table(output_table, names, rows)
    summary = _summary(sums, breaks, threshold, columns, by_unit, found)
    summary.warnings = log.warnings
    _tell(summary, sums, found, log)
    automatic = {} if options.threshold is not None else {"THRESHOLD": threshold}
    kept = asdict(replace(summary, columns={}))
    sizes = {} if found is None else {"validation": asdict(found)}
    record.write(outputs, summary=kept, **sizes, automatic=automatic, warnings=log.warnings)
    log.report(1.0)
    return summary


def _breaks(
    dataset: DatasetReader, grid: Grid, breaks_from: str | os.PathLike | None, progress: Progress
) -> list[float]:
    """Return the upper bounds of all zones but the last."""
    if breaks_from is not None:
        return read_breaks(breaks_from)
    shares = read_scheme(AREA_SHARES, (), ()).shares
    return weighted_quantiles(scan_cells(dataset, grid, progress), shares).values


def _require_data(sums: UnitSums, units: Polygons, log: WarningLog) -> None:
    empty = int((sums.cells == 0).sum())
    if empty == len(units):
        raise NoOverlap(
            f'No unit of "{units.name}" has a cell with susceptibility. Check the CRS of both and that they show the '
            "same area."
        )
    if empty:
        log.warn(
            f'{empty:,} of {len(units):,} units of "{units.name}" have no cell with susceptibility and stay empty: '
            "they lie off the map or on nodata."
        )


def _validate(
    scan: MapScan, sums: UnitSums, landslides: Landslides, options: AggregationOptions, progress: Progress
) -> tuple[np.ndarray, UnitValidation]:
    by_unit, cells, counted = scan.locate(landslide_points(landslides), progress)
    if not counted:
        raise LayerEmpty(
            f'No landslide of "{landslides.name}" lies in a unit with susceptibility. Check the CRS of the layers and '
            "that they show the same area."
        )
    if counted < len(landslides):
        progress.warn(
            f'{len(landslides) - counted:,} of {len(landslides):,} landslides of "{landslides.name}" lie in no unit or '
            "on nodata and are ignored."
        )
    known = sums.cells > 0
    mean_area = float(sums.area[known].mean())
    squares = [(size, Squares.of_area(scan.grid, size * mean_area)) for size in SQUARE_SIZES]
    used = [(size, one) for size, one in squares if one is not None]
    land = int(sums.cells.sum())
    parts = [one for _, one in used]
    placements, sample = scan.judge_cells(cells, parts, land, options.seed, SubProgress(progress, 0.2, 0.8))
    if not placements.area:
        raise TooFewData("Every cell in the units holds a landslide, so there is no other land to compare with.")
    x, y = metric_positions(scan.grid, cells.rows, cells.columns)
    blocks = SpatialBlocks.estimate(x, y, placements.result(), options.seed, least_side(scan.grid))
    located = x, y, cells.values
    found = validate_units(sums, by_unit, located, placements, sample, used, blocks, options.repeats, options.seed)
    return by_unit, found


def _warn_of_fit(dataset: DatasetReader, log: WarningLog) -> None:
    tags = dataset.tags()
    if trained_on_all_land(tags) and not is_out_of_fold(tags):
        log.warn(
            "All landslides trained the model of this map, so the AUC by unit and by cell show a fit, not a test. Give "
            'the raster that "Train PCUM" writes as OUTPUT_OUT_OF_FOLD as SUSCEPTIBILITY for a test.'
        )


def _names(units: Polygons, unit_field: str | None) -> list[str]:
    if unit_field is None:
        return [str(number) for number in range(1, len(units) + 1)]
    return ["" if value is None else str(value) for value in units.column(unit_field)]


def _columns(
    sums: UnitSums, landslides: np.ndarray | None, breaks: Sequence[float], has_doubt: bool, names: list[str]
) -> dict[str, list[Any]]:
    mean = sums.mean()
    zones = assign_zones(mean.astype(np.float32), breaks)
    titles = ["", *zone_names(len(breaks) + 1)]
    count = len(names)
    return {
        "unit": names,
        "cells": sums.cells.tolist(),
        "susc_mean": _plain(mean),
        "susc_max": _plain(np.where(sums.cells > 0, sums.maximum, np.nan)),
        "susc_share": _plain(sums.share_above()),
        "landslides": [None] * count if landslides is None else landslides.tolist(),
        "susc_unc": _plain(sums.uncertainty()) if has_doubt else [None] * count,
        "zone": [int(zone) or None for zone in zones],
        "zone_name": [titles[zone] or None for zone in zones],
    }


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _zone_rows(
    sums: UnitSums, landslides: np.ndarray | None, zones: Sequence[int | None], breaks: Sequence[float]
) -> list[list[Any]]:
    """Return the rows of the report's table of zones."""
    zone, names = np.array([number or 0 for number in zones]), zone_names(len(breaks) + 1)
    limits = [f"up to {breaks[0]:.4g}", *(f"{a:.4g} to {b:.4g}" for a, b in zip(breaks, breaks[1:]))]
    rows = []
    for number, (name, limit) in enumerate(zip(names, [*limits, f"above {breaks[-1]:.4g}"]), 1):
        here = zone == number
        counts: list[Any] = [None, None]
        if landslides is not None:
            counts = [int((landslides[here] > 0).sum()), int(landslides[here].sum())]
        rows.append([name, limit, int(here.sum()), float(sums.area[here].sum() / 1e6), *counts])
    return rows


def _most_susceptible(columns: dict[str, list[Any]]) -> list[list[Any]]:
    mean = np.array([np.nan if value is None else value for value in columns["susc_mean"]])
    order = np.argsort(-mean, kind="stable")[: int(np.isfinite(mean).sum())]
    names = ("unit", "susc_mean", "susc_max", "susc_share", "landslides", "zone_name")
    return [[columns[name][row] for name in names] for row in order[:100]]


def _summary(
    sums: UnitSums,
    breaks: list[float],
    threshold: float,
    columns: dict[str, list[Any]],
    by_unit: np.ndarray | None,
    found: UnitValidation | None,
) -> AggregationSummary:
    known = int((sums.cells > 0).sum())
    summary = AggregationSummary(len(sums.cells), len(sums.cells) - known, breaks, float(threshold), columns)
    if found is not None and by_unit is not None:
        auc, spread = found.by_unit.auc, found.spread
        numbers = (auc.value, auc.low, auc.high, found.by_cell.auc.value, spread)
        plain = [None if value != value else float(value) for value in numbers]
        summary.auc, summary.auc_low, summary.auc_high, summary.auc_cells, summary.auc_spread = plain
        summary.landslides = int(by_unit.sum())
    return summary


def _tell(summary: AggregationSummary, sums: UnitSums, found: UnitValidation | None, log: WarningLog) -> None:
    mean_area = float(sums.area[sums.cells > 0].mean())
    log.report(0.97, f"{summary.units - summary.empty_units:,} units of {area_text(mean_area)} on average.")
    if found is not None:
        for text in sentences(found):
            log.report(0.98, text)
