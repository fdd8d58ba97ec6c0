"""Susceptibility map in, zone map and zone table out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from rasterio import DatasetReader

from ..errors import LayerEmpty, ParameterInvalid
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.rasters import raster_path, region_name
from ..inputs.survey import ROUNDING, ValueSurvey, percent, scale_advice
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..inputs.vectors import Landslides
from ..labels.buffers import landslide_points
from ..memory import retain_freed_memory
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import MAP_TAG, MEANING_TAG, ZONE_MEANING, read_warnings, warn_stale_inputs, warning_tags
from ..statistics import WeightedQuantiles, weighted_quantiles
from ..tables import prepend_region, write_table
from ..validation.verdict import Evidence, judge, tell
from ..zones import schemes
from ..zones.natural_breaks import natural_breaks, value_range
from ..zones.raster import ZoneCounts, read_breaks, scan_cells, values_at, write_zone_attributes, write_zones
from ..zones.schemes import Scheme, ZoneOptions, zone_names
from . import sources_of

TABLE_COLUMNS = ("zone", "name", "lower", "upper", "cells", "km2", "share")
TIE_TOLERANCE = 1e-4
"""Share of the area by which a zone may miss its target before tied cells are reported as the cause."""


@dataclass
class ZoneSummary:
    """The zones of a map, from the least to the most susceptible."""

    method: str
    names: list[str]
    breaks: list[float]  # upper bounds of all zones but the last; a cell equal to a break is in the lower zone
    cells: list[int]
    km2: list[float]
    shares: list[float]  # of the area, 0 to 1
    minimum: float  # susceptibility of the map
    maximum: float
    ties: list[str] = field(default_factory=list)  # breaks at which many cells have the same value, in words
    landslides_used: int = 0  # landslides that set the breaks, for landslide_share
    verdict: dict[str, Any] = field(default_factory=dict)  # level and reasons, of ``validation.verdict``


def classify_zones(
    susceptibility: str | os.PathLike,
    output: str | os.PathLike,
    options: ZoneOptions | None = None,
    *,
    breaks_from: str | os.PathLike | None = None,
    landslides: Landslides | None = None,
    output_table: str | os.PathLike | None = None,
    progress: Progress,
) -> ZoneSummary:
    """Cut a susceptibility map into zones.

    Args:
        susceptibility: raster, first band; nodata stays nodata.
        output: path of the uint8 GeoTIFF, 1 the least susceptible, 0 nodata.
        options: by default five zones with exact quantiles weighted by true cell area (Zhang & Deng 2026, section 4.1).
        breaks_from: instead of breaks, the zone raster, the run record or the zone table of an earlier run.
        output_table: path of a CSV with one row per zone; with a column ``region`` where there is one.

    Raises:
        ParameterInvalid: method, shares and breaks do not fit together, or landslides are missing.
        LayerEmpty: no landslide lies on the map.
        TooFewData: the map has no data, or too few different values for natural breaks.
    """
    check_writable(output, output_table)
    options = options or ZoneOptions()
    scheme = _scheme(options, breaks_from)
    if scheme.method == schemes.LANDSLIDE_SHARE and landslides is None:
        raise ParameterInvalid("METHOD is landslide_share, but LANDSLIDES is empty. Choose the landslide inventory.")
    sources = sources_of(susceptibility=susceptibility, breaks_from=breaks_from, landslides=landslides)
    record = RunRecord("classifyzones", {**options.record(), "BREAKS": list(scheme.breaks)}, sources)
    progress = warning_log = WarningLog(progress)
    warn_stale_inputs({"susceptibility map": susceptibility}, progress)
    with retain_freed_memory(), open_band(susceptibility, "susceptibility", progress, "susceptibility") as dataset:
        grid = Grid.from_dataset(dataset, "susceptibility")
        region = region_name(dataset, options.region)
        take_out_undeclared_nodata(dataset, grid, "susceptibility", progress)
        summary = _find_breaks(dataset, grid, scheme, landslides, SubProgress(progress, 0.0, 0.5))
        for text in read_warnings(dataset.tags()):
            progress.report(0.6, f"Warning stored in the map: {text}")
        checksum = str((record.inputs() or {}).get("SUSCEPTIBILITY", {}).get("sha256", ""))
        tags = {MEANING_TAG: ZONE_MEANING, **({MAP_TAG: checksum} if checksum else {})}
        tags |= warning_tags(read_warnings(dataset.tags()))
        evidence = replace(_evidence(dataset, grid, SubProgress(progress, 0.5, 0.6)), breaks=tuple(summary.breaks))
        tags |= evidence.tags()
        verdict = judge(evidence)
        tell(verdict, progress, 0.6)
        summary.verdict = verdict.as_dict()
        part = SubProgress(progress, 0.6, 0.95)
        counts = write_zones(dataset, grid, summary.breaks, scheme.method, output, region, part, tags)
        if counts.minimum < -ROUNDING or counts.maximum > 1 + ROUNDING:
            found = ValueSurvey.of(dataset, progress)
            progress.warn(
                f"The susceptibility raster {raster_path(dataset)} holds {found.text()}, not within 0 to 1 in "
                f"{percent(found.outside, found.known)} of the cells. The zones follow its order, but breaks of other "
                f"maps do not fit it. {scale_advice(found)}"
            )
    _complete_summary(summary, counts, progress)
    write_zone_attributes(output, counts, verdict.suffix)
    if output_table is not None:
        # The outer bounds are those of the map, or of the breaks where the map does not reach them.
        lower = [min(summary.minimum, summary.breaks[0]), *summary.breaks]
        upper = [*summary.breaks, max(summary.maximum, summary.breaks[-1])]
        columns = zip(summary.names, lower, upper, summary.cells, summary.km2, summary.shares)
        rows = [[number, *row] for number, row in enumerate(columns, 1)]
        write_table(output_table, *prepend_region(TABLE_COLUMNS, rows, region))
    for name, cells, km2, share in zip(summary.names, summary.cells, summary.km2, summary.shares):
        progress.report(0.98, f"{name}: {cells:,} cells, {km2:,.2f} km², {share:.2%}")
    outputs = {"OUTPUT": output, "OUTPUT_TABLE": output_table}
    record.write(outputs, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


def _evidence(dataset: DatasetReader, grid: Grid, progress: Progress) -> Evidence:
    """Return what the tags of a map tell; the span of its values is computed if they do not."""
    known = Evidence.from_tags(dataset.tags())
    if known.span is not None:
        return known
    found = weighted_quantiles(scan_cells(dataset, grid, progress), [0.05, 0.95])
    inside = found.minimum >= -ROUNDING and found.maximum <= 1 + ROUNDING
    return replace(known, low_value=found.values[0], high_value=found.values[1]) if inside else known


def _scheme(options: ZoneOptions, breaks_from: str | os.PathLike | None) -> Scheme:
    if breaks_from is None:
        return schemes.read_scheme(options.method, options.shares, options.breaks)
    if options.breaks or options.method != schemes.BREAKS:
        raise ParameterInvalid(
            f"BREAKS_FROM is given, and so is {'BREAKS' if options.breaks else f'METHOD {options.method}'}. Leave one "
            "of them out; METHOD breaks goes with BREAKS_FROM."
        )
    # Where cells were tied, an earlier run may have equal breaks, with an empty zone between.
    earlier = read_breaks(breaks_from)
    return Scheme(schemes.BREAKS, (), tuple(earlier), len(earlier) + 1)


def _find_breaks(
    dataset: DatasetReader, grid: Grid, scheme: Scheme, landslides: Landslides | None, progress: Progress
) -> ZoneSummary:
    # Breaks are compared with float32 cells, so they are rounded to float32 once, here.
    summary = ZoneSummary(scheme.method, zone_names(scheme.zones), [], [], [], [], np.nan, np.nan)
    scan = scan_cells(dataset, grid, progress)
    if scheme.method == schemes.BREAKS:
        summary.breaks = _as_float32(scheme.breaks)
    elif scheme.method == schemes.LANDSLIDE_SHARE and landslides is not None:
        scores = _susceptibility_at_landslides(dataset, grid, landslides, progress)
        quantiles = weighted_quantiles(lambda: iter([(scores, np.ones(len(scores)))]), scheme.shares)
        summary.breaks, summary.landslides_used = quantiles.values, len(scores)
        parts = np.diff(np.concatenate([[0.0], scheme.shares, [1.0]]))
        if parts[0] >= parts[-1]:
            progress.warn(
                f"SHARES puts {parts[0]:.0%} of the landslides into the least susceptible zone and {parts[-1]:.0%} "
                "into the most susceptible one. With landslide_share the shares are of the landslides, and usually "
                "rise, for example 1, 4, 15, 30, 50."
            )
        _record_ties(summary, scheme.shares, quantiles, "landslides", progress)
    elif scheme.method == schemes.AREA_SHARES:
        quantiles = weighted_quantiles(scan, scheme.shares)
        summary.breaks = quantiles.values
        _record_ties(summary, scheme.shares, quantiles, "area", progress)
    else:
        minimum, maximum = value_range(scan)
        if scheme.method == schemes.EQUAL_INTERVAL:
            summary.breaks = _as_float32(np.linspace(minimum, maximum, scheme.zones + 1)[1:-1])
        else:
            summary.breaks = natural_breaks(scan, scheme.zones, minimum, maximum)
    progress.report(1.0, f"Breaks at {_format_breaks(summary.breaks)}.")
    return summary


def _format_breaks(breaks: Sequence[float]) -> str:
    return ", ".join(f"{limit:.6g}" for limit in breaks)


def _as_float32(breaks: Sequence[float] | np.ndarray) -> list[float]:
    return [float(np.float32(limit)) for limit in breaks]


def _susceptibility_at_landslides(
    dataset: DatasetReader, grid: Grid, landslides: Landslides, progress: Progress
) -> np.ndarray:
    values = values_at(dataset, grid, landslide_points(landslides), progress)
    valid = values[np.isfinite(values)]
    if not len(valid):
        raise LayerEmpty(
            f'No landslide of "{landslides.name}" lies on a cell with susceptibility, so the map cannot be cut by '
            "their shares. Check the CRS of both and that they show the same area."
        )
    if len(valid) < len(values):
        progress.warn(
            f'{len(values) - len(valid):,} of {len(values):,} landslides of "{landslides.name}" lie off the map or on '
            "nodata and are ignored."
        )
    return valid


def _record_ties(
    summary: ZoneSummary, targets: Sequence[float], quantiles: WeightedQuantiles, of: str, progress: Progress
) -> None:
    found = zip(quantiles.values, targets, quantiles.cumulative_shares, quantiles.tied_shares)
    for limit, target, share, tie in found:
        if share - target > TIE_TOLERANCE and tie > 1.5 * quantiles.max_cell_weight:
            summary.ties.append(
                f"{tie:.2%} of the {of} has exactly the value {limit:.6g}, so {share:.2%} instead of {target:.2%} lies "
                "up to that break"
            )
    if summary.ties and of == "area":
        progress.warn(f"Cells with equal values cannot be split between zones: {'; '.join(summary.ties)}.")
    elif summary.ties:
        ties = "; ".join(summary.ties)
        progress.report(1.0, f"Landslides with equal values cannot be split between zones: {ties}.")


def _complete_summary(summary: ZoneSummary, counts: ZoneCounts, progress: Progress) -> None:
    total = sum(counts.km2)
    summary.cells, summary.km2 = counts.cells, counts.km2
    summary.minimum, summary.maximum = counts.minimum, counts.maximum
    progress.report(0.97, f"Susceptibility from {counts.minimum:.6g} to {counts.maximum:.6g}.")
    summary.shares = [km2 / total for km2 in counts.km2]
    empty = [name for name, cells in zip(summary.names, counts.cells) if not cells]
    if empty:
        progress.warn(
            f"No cell lies in these zones: {', '.join(empty)}. The breaks are {_format_breaks(summary.breaks)}."
        )
