"""Susceptibility, zones, rain of the last days and thresholds of rain events in; warning map and table out."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import InputCorrupt, ParameterInvalid, ParameterMissing, TooFewData
from ..factors.climate import ContinuousRaster
from ..factors.source_rasters import scan_source
from ..grid import Grid
from ..inputs.bands import data_bands, open_band
from ..inputs.dates import as_text
from ..inputs.rasters import create_raster, open_raster, read_block
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..inputs.units import PRECIPITATION
from ..memory import retain_freed_memory
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import warn_inconsistent_layers, warn_stale_inputs, warning_tags
from ..rainfall.rasters import stated_day
from ..rainfall.threshold_table import ALL_LAND, WarningThresholds, read_thresholds
from ..safety.settings import UNKNOWN
from ..tables import write_table
from ..texts import join_names
from ..validation.map_layers import RegionMap, ZoneSource
from ..validation.verdict import Evidence, tell, verdict_of_tags
from ..virtual_rasters import RasterName
from ..warning.classes import (
    BY_EVENTS,
    COLOURS,
    KEYS,
    NAMES,
    NO_WARNING,
    NODATA,
    SEVERE,
    WARNING,
    EventWarningInputs,
    EventWarningOptions,
    below_threshold,
)
from ..warning.event_rain import classify_events, event_of_total, event_so_far
from ..warning.warning_map import ALL, COLUMNS, WarningStatistics, log_areas
from ..zones.raster import write_class_attributes
from . import sources_of
from .rainfall_warning import WarningSummary, open_regions

MOST_DAYS = 120
_ROLE = "rain"


def warn_by_events(
    inputs: EventWarningInputs,
    output: str | os.PathLike,
    output_table: str | os.PathLike,
    options: EventWarningOptions,
    *,
    progress: Progress,
) -> WarningSummary:
    """Write where the rain event so far exceeds thresholds of cumulated rain and duration, in classes.

    The class follows from the highest threshold that the event exceeds in the zone of a cell: watch, warning or severe
    warning. See ``warning.event_rain``.

    Args:
        output: path of the uint8 GeoTIFF: 1 below the threshold, 2 watch, 3 warning, 4 severe, 5 not assessed, 0
            off the map.
        output_table: path of a CSV of area by region, zone and class; rain is the cumulated rain of the event.

    Raises:
        InputCorrupt: the table of thresholds or a raster cannot be used.
        ParameterMissing: the thresholds are by zone and there are no zones; cumulated rain has no duration.
        ParameterInvalid: a probability is not in the table.
        GridMismatch: the zones are on another grid.
        NoOverlap: rain or regions do not reach the map.
        TooFewData: no cell has both rain and a threshold.
    """
    outputs = {"OUTPUT": output, "OUTPUT_TABLE": output_table}
    check_writable(*outputs.values())
    thresholds = read_thresholds(inputs.thresholds)
    names = ("watch_probability", "warning_probability", "severe_probability")
    levels = [thresholds.require(getattr(options, name), name.upper()) for name in names]
    if not thresholds.for_all_land and inputs.zones is None:
        raise ParameterMissing(
            "The thresholds of THRESHOLDS are by zone. Give the zones on the map's grid as ZONES, cut as those of the "
            "fit."
        )
    record = RunRecord("rainfallwarning", {"METHOD": BY_EVENTS, **options.record()}, sources_of(**vars(inputs)))
    progress = log = WarningLog(progress)
    maps = {"susceptibility map": inputs.susceptibility, "zone raster": inputs.zones, "thresholds": inputs.thresholds}
    warn_stale_inputs(maps, progress)
    with contextlib.ExitStack() as opened:
        opened.enter_context(retain_freed_memory())
        dataset = opened.enter_context(open_band(inputs.susceptibility, "susceptibility", progress, "susceptibility"))
        grid = Grid.from_dataset(dataset, "susceptibility")
        take_out_undeclared_nodata(dataset, grid, "susceptibility", progress, limits=(0.0, 1.0))
        warn_inconsistent_layers(dataset, record.inputs() or {}, progress, inputs.zones)
        rain = _open_rain(opened, inputs.rain, grid, options, SubProgress(progress, 0.0, 0.2))
        zones = ZoneSource.open(inputs.zones, dataset, grid, opened, SubProgress(progress, 0.2, 0.3))
        _check_zones(thresholds, zones, progress)
        regions = open_regions(grid, inputs.regions, options.region_field)
        hit_rate = thresholds.hit_rates.get(levels[0])
        if hit_rate is None:
            progress.warn(
                "The thresholds were not tested on years held back, so nobody knows how many landslides they miss."
            )
        classes = {**NAMES, NO_WARNING: below_threshold(hit_rate)}
        statistics = WarningStatistics([ALL, *(regions.labels if regions is not None else [])], zones.names)
        limits = ", ".join(f"{name.upper()} {level:g} %" for name, level in zip(names, levels))
        tags = {"THRESHOLDS": limits, "HIT_RATE": UNKNOWN if hit_rate is None else f"{hit_rate:.6g}"}
        verdict = verdict_of_tags(dataset.tags())
        if verdict is not None:
            tell(verdict, progress, 0.3)
            tags |= Evidence.from_tags(dataset.tags()).tags()
        tags |= warning_tags(log.warnings)
        band = {"kind": "categorical", "classes": json.dumps({str(number): name for number, name in classes.items()})}
        bands = ["landslide warning"]
        with create_raster(output, grid, "uint8", NODATA, bands, [band], tags, Resampling.mode, COLOURS) as target:
            writer = _Writer(dataset, grid, rain, zones, thresholds, [thresholds.table(level) for level in levels])
            longest = writer.write(target, options.event_days, statistics, regions, SubProgress(progress, 0.3, 0.95))
    km2 = statistics.km2()
    suffix = "" if verdict is None else verdict.suffix
    write_class_attributes(output, classes, COLOURS, statistics.counts(), list(km2.values()), suffix)
    write_table(output_table, COLUMNS, statistics.rows())
    _tell(thresholds, levels, zones, statistics, writer.cut_m2, longest, classes, progress)
    total = sum(km2.values())
    areas = {KEYS[number]: area for number, area in km2.items()}
    shares = {key: area / total for key, area in areas.items()}
    warned = (km2[WARNING] + km2[SEVERE]) / total
    summary = WarningSummary(areas, shares, warned, statistics.highest_rain(), [], log.warnings, hit_rate)
    record.write(outputs, summary=asdict(summary))
    progress.report(1.0)
    return summary


def _open_rain(
    opened: contextlib.ExitStack,
    rasters: Sequence[str | os.PathLike],
    grid: Grid,
    options: EventWarningOptions,
    progress: Progress,
) -> list[ContinuousRaster]:
    """Return the rain of each day in the order of time, or the cumulated rain alone."""
    names: list[str] = []
    days: list[np.datetime64] = []
    for path in rasters:
        with open_raster(path, _ROLE) as dataset:
            given, bands = RasterName.parse(path), data_bands(dataset)
            parts = [str(RasterName(given.file, given.crs, band)) for band in bands]
            names += parts if len(bands) > 1 else [os.fspath(path)]
            days += [stated_day(dataset, band) for band in bands]
    if options.event_days is None and len(names) == 1:
        raise ParameterMissing(
            "RAIN has one band. If it is the cumulated rain of an event, set EVENT_DAYS, its duration; for daily rain "
            "give a band for each day, or the other days as MORE_RAIN."
        )
    if options.event_days is not None and len(names) > 1:
        raise ParameterInvalid(
            f"EVENT_DAYS is the duration of one raster of cumulated rain, but there are {len(names)} bands of rain. "
            "Leave it empty for daily rain, or give one band."
        )
    if len(names) > MOST_DAYS:
        raise ParameterInvalid(
            f"RAIN has {len(names)} days. Give the last {MOST_DAYS} at most; a rain event is shorter."
        )
    order = _in_order(np.array(days, dtype="datetime64[D]"), progress)
    layers = []
    for number in order:
        source = scan_source(names[number], grid, _ROLE, progress, PRECIPITATION, options.rain_unit, "RAIN_UNIT")
        layers.append(opened.enter_context(ContinuousRaster.open(source, grid)))
    return layers


def _in_order(days: np.ndarray, progress: Progress) -> Sequence[int]:
    """Return the bands in the order of their days; as given if they do not state them."""
    unknown = np.isnat(days)
    if len(days) == 1 or unknown.all():
        if len(days) > 1:
            progress.report(0.0, f"The {len(days)} days of rain are taken in the order given, the last one as today.")
        return range(len(days))
    if unknown.any():
        raise InputCorrupt(
            f"{int(unknown.sum())} of {len(days)} days of rain do not state their day, the others do. Name all bands "
            "by their days, such as 2019-07-03, or none."
        )
    order = np.argsort(days, kind="stable")
    steps = np.diff(days[order]).astype(np.int64)
    if (steps != 1).any():
        at = int(np.flatnonzero(steps != 1)[0])
        what = "occurs twice" if steps[at] == 0 else f"is followed by {as_text(days[order][at + 1])}"
        raise InputCorrupt(f"The days of rain have a gap: {as_text(days[order][at])} {what}. Give each day once.")
    progress.report(0.0, f"Daily rain from {as_text(days[order][0])} to {as_text(days[order][-1])}.")
    return order.tolist()


def _check_zones(thresholds: WarningThresholds, zones: ZoneSource, progress: Progress) -> None:
    if thresholds.for_all_land:
        return
    missing = [zone for zone in zones.names if zone not in thresholds.zones]
    if len(missing) == len(zones.names):
        raise ParameterInvalid(
            f"No zone of ZONES ({join_names(list(zones.names))}) has a threshold in THRESHOLDS "
            f"({join_names(thresholds.zones)}). Give the zones with which the thresholds were fitted."
        )
    if missing:
        progress.warn(f"These zones have no threshold in THRESHOLDS and are not assessed: {join_names(missing)}.")


class _Writer:
    """Writes the map by blocks."""

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        rain: Sequence[ContinuousRaster],
        zones: ZoneSource,
        thresholds: WarningThresholds,
        limits: Sequence[np.ndarray],
    ) -> None:
        self._dataset, self._grid, self._rain, self._zones = dataset, grid, rain, zones
        self._thresholds, self._limits = thresholds, np.stack(limits)
        self.cut_m2 = 0.0  # area whose rain event may have begun before the first day

    def write(
        self,
        target: rasterio.io.DatasetWriter,
        event_days: int | None,
        statistics: WarningStatistics,
        regions: RegionMap | None,
        progress: Progress,
    ) -> int:
        """Write all blocks and count them; return the longest duration in days."""
        longest, fit = 0, self._thresholds
        for block in self._grid.blocks_with_progress(progress):
            susceptibility = read_block(self._dataset, block)
            on_map = np.isfinite(susceptibility)
            rain = np.stack([one.read(block) for one in self._rain]).astype(np.float64)
            with np.errstate(invalid="ignore"):
                negative = (rain < 0).any(axis=0)
                rain[~(rain >= 0)] = np.nan
            if event_days is None:
                event = event_so_far(rain, fit.dry_rain, fit.dry_days, fit.gamma)
            else:
                event = event_of_total(rain[0], event_days, fit.gamma)
            zone = self._zones.read(block, susceptibility)
            limits = self._limits[:, np.full_like(zone, ALL_LAND) if fit.for_all_land else zone]
            classes = classify_events(event, limits, on_map)
            target.write(classes, 1, window=block.window)
            row_area = self._grid.cell_area(block.row, block.height)
            assessed = on_map & np.isfinite(event.total) & np.isfinite(limits[0])
            total = np.where(assessed, event.total, np.nan)
            statistics.add_block(self._grid, block, classes, zone, total, regions)
            statistics.negative_cells += int((negative & on_map).sum())
            without = on_map & np.isfinite(event.total) & ~np.isfinite(limits[0])
            statistics.without_k_m2 += float(without.sum(axis=1) @ row_area)
            self.cut_m2 += float((event.cut & assessed).sum(axis=1) @ row_area)
            longest = max(longest, int(np.max(event.duration, where=assessed, initial=0)))
        if not np.isfinite(statistics.highest_rain()):
            raise TooFewData(
                "No cell of the susceptibility map has both rain and a threshold. Look at RAIN and ZONES in QGIS for "
                "the one without data there."
            )
        return longest


def _tell(
    thresholds: WarningThresholds,
    levels: Sequence[float],
    zones: ZoneSource,
    statistics: WarningStatistics,
    cut_m2: float,
    longest: int,
    classes: dict[int, str],
    progress: Progress,
) -> None:
    names = {ALL_LAND: "All land"} if thresholds.for_all_land else zones.names
    lowest = float(np.nanmin(thresholds.table(levels[0])))
    for zone in thresholds.zones:
        alphas = [f"{10 ** thresholds.log_alpha[zone, level]:.1f} ({level:g} %)" for level in levels]
        title = names.get(zone, f"zone {zone}")
        progress.report(0.96, f"{title}: E = α · D^{thresholds.gamma:.3f} mm with α {', '.join(alphas)}.")
    below = (
        f"no more than {statistics.highest_rain():.1f} mm fall in the event, and the lowest α is {10**lowest:.1f} mm"
    )
    log_areas(statistics, classes, ("threshold", "; give zones that have one"), below, progress)
    total = sum(statistics.km2().values())
    if cut_m2 > 1e-3 * total * 1e6:
        progress.warn(
            f"On {cut_m2 / 1e6:,.2f} km² ({cut_m2 / 1e6 / total:.1%}) the rain event may have begun before the first "
            "day of RAIN. Give more days before it."
        )
    if longest > thresholds.longest_days:
        progress.warn(
            f"The rain event lasts up to {longest} days; the thresholds were fitted to events of up to "
            f"{thresholds.longest_days:g} days and are extrapolated."
        )
    if statistics.negative_cells:
        progress.warn(
            f"{statistics.negative_cells:,} cells have negative rain and are not assessed. Set the nodata value of "
            "the raster if these are cells without data."
        )
