"""Susceptibility, rain of seven days and landform in, warning map and table by region and zone out."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from dataclasses import asdict, dataclass

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import NoOverlap, ParameterInvalid, TooFewData
from ..factors.climate import ContinuousRaster
from ..factors.source_rasters import scan_source
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.rasters import create_raster, open_raster
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..inputs.units import PRECIPITATION
from ..inputs.vectors import Polygons
from ..memory import retain_freed_memory
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import warn_inconsistent_layers, warn_stale_inputs, warning_tags
from ..safety.kinds import RAIN_INDEX
from ..safety.rasters import open_landform
from ..safety.settings import CLIMATOLOGICAL, UNKNOWN
from ..safety.thresholds import (
    CRITICAL_SAFETY_FACTOR,
    FALLBACK_ROW,
    FALLBACK_SOURCE,
    ClassCoefficient,
    Thresholds,
    choose_coefficients,
    plain_label,
)
from ..tables import write_table
from ..texts import join_names
from ..validation.map_layers import RegionMap, ZoneSource
from ..validation.verdict import Evidence, tell, verdict_of_tags
from ..warning.classes import (
    COLOURS,
    KEYS,
    NAMES,
    NO_WARNING,
    NODATA,
    SEVERE,
    WARNING,
    WarningInputs,
    WarningOptions,
    below_threshold,
)
from ..warning.warning_map import ALL, COLUMNS, WarningLayers, WarningStatistics, classify, log_result
from ..zones.raster import write_class_attributes
from . import sources_of


@dataclass
class WarningSummary:
    """The main numbers of a warning map."""

    km2: dict[str, float]  # area by class
    shares: dict[str, float]  # the same as a share of the map, 0 to 1
    warned_share: float  # share of the map with a warning or a severe one
    highest_rain: float  # mm in seven days
    coefficients: list[ClassCoefficient]  # where the threshold of each landform comes from; their counts stay 0
    warnings: list[str]
    hit_rate: float | None = None  # share of past landslides above the threshold; None if it is unknown
    weeks: str = UNKNOWN  # that the thresholds come from: climatological, real or unknown


def rainfall_warning(
    inputs: WarningInputs,
    output: str | os.PathLike,
    output_table: str | os.PathLike,
    options: WarningOptions,
    *,
    output_safety_factor: str | os.PathLike | None = None,
    progress: Progress,
) -> WarningSummary:
    """Write where the rain of seven days calls for a warning, in classes.

    The rain index is Fs = 1 / (1 + k · R7) with the rain R7 as measured or forecast (Zhang & Deng 2026, section
    3.2.4); the rule is the table in ``model/warning/classes.py``.

    Args:
        output: path of the uint8 GeoTIFF: 1 below the threshold, 2 watch, 3 warning, 4 severe, 5 not assessed, 0
            off the map.
        output_table: path of a CSV of area by region, zone and class.
        options: thresholds and coefficients; without k those of ``inputs.safety_factor`` apply, else the paper's table
            3 by label of the landform.
        output_safety_factor: path of a float32 GeoTIFF with Fs.

    Raises:
        ParameterInvalid: there is nothing to take k from, or a susceptibility lies outside 0 to 1.
        NoOverlap: rain, landform or regions do not reach the map.
        GridMismatch: the zones are on another grid.
        TooFewData: no cell has both rain and k.
    """
    outputs = {"OUTPUT": output, "OUTPUT_TABLE": output_table, "OUTPUT_SAFETY_FACTOR": output_safety_factor}
    check_writable(*outputs.values())
    given = _given_thresholds(options, inputs)
    regions = inputs.regions
    record = RunRecord("rainfallwarning", options.record(), sources_of(**vars(inputs)))
    progress = warning_log = WarningLog(progress)
    maps = {"susceptibility map": inputs.susceptibility, "zone raster": inputs.zones}
    warn_stale_inputs({**maps, "rain index": inputs.safety_factor}, progress)
    with contextlib.ExitStack() as opened:
        opened.enter_context(retain_freed_memory())
        dataset = opened.enter_context(open_band(inputs.susceptibility, "susceptibility", progress, "susceptibility"))
        grid = Grid.from_dataset(dataset, "susceptibility")
        take_out_undeclared_nodata(dataset, grid, "susceptibility", progress, limits=(0.0, 1.0))
        warn_inconsistent_layers(dataset, record.inputs() or {}, progress, inputs.zones)
        layers, coefficients = _open_layers(opened, dataset, grid, inputs, given, options, progress)
        hit_rate, weeks = _evidence(options, given, coefficients, progress)
        names = {**NAMES, NO_WARNING: below_threshold(hit_rate, weeks == CLIMATOLOGICAL)}
        region_map = open_regions(grid, regions, options.region_field)
        zones = ZoneSource.open(inputs.zones, dataset, grid, opened, SubProgress(progress, 0.0, 0.3))
        statistics = WarningStatistics([ALL, *(region_map.labels if region_map is not None else [])], zones.names)
        watch = "" if options.fs_watch is None else f", FS_WATCH {options.fs_watch:g}"
        limits = f"P_LOW {options.p_low:g}, P_HIGH {options.p_high:g}, FS_CRITICAL {options.fs_critical:g}{watch}"
        tags = {"THRESHOLDS": limits, "HIT_RATE": UNKNOWN if hit_rate is None else f"{hit_rate:.6g}"}
        verdict = verdict_of_tags(dataset.tags())
        if verdict is not None:
            tell(verdict, progress, 0.3)
            tags |= Evidence.from_tags(dataset.tags()).tags()
        tags |= {"THRESHOLD_WEEKS": weeks, **warning_tags(warning_log.warnings)}
        band = {"kind": "categorical", "classes": json.dumps({str(number): name for number, name in names.items()})}
        raster = create_raster(
            output, grid, "uint8", NODATA, ["landslide warning"], [band], tags, Resampling.mode, COLOURS
        )
        more: contextlib.AbstractContextManager[rasterio.io.DatasetWriter | None] = contextlib.nullcontext()
        if output_safety_factor is not None:
            more = create_raster(output_safety_factor, grid, "float32", np.nan, [RAIN_INDEX])
        with raster as target, more as safety:
            part = SubProgress(progress, 0.3, 0.95)
            _write_blocks(layers, options, zones, region_map, statistics, target, safety, part)
    km2 = statistics.km2()
    write_class_attributes(
        output, names, COLOURS, statistics.counts(), list(km2.values()), "" if verdict is None else verdict.suffix
    )
    write_table(output_table, COLUMNS, statistics.rows())
    log_result(statistics, options, coefficients, names, progress)
    total = sum(km2.values())
    warned, highest = (km2[WARNING] + km2[SEVERE]) / total, statistics.highest_rain()
    areas = {KEYS[number]: area for number, area in km2.items()}
    shares = {key: area / total for key, area in areas.items()}
    summary = WarningSummary(areas, shares, warned, highest, coefficients, warning_log.warnings, hit_rate, weeks)
    record.write(outputs, summary=asdict(summary))
    progress.report(1.0)
    return summary


def open_regions(grid: Grid, regions: Polygons | None, field: str | None) -> RegionMap | None:
    """Return the regions on a map, ``None`` without; raises ``NoOverlap`` if none overlaps it."""
    if regions is None:
        return None
    found = RegionMap(grid, regions, field)
    if not found.regions_in_block(grid.whole):
        raise NoOverlap(
            f'No polygon of the layer "{regions.name}" given as REGIONS overlaps the susceptibility map. Check the '
            "CRS of both, or leave REGIONS empty."
        )
    return found


FROM_INDEX = "rain index"  # source of the coefficients from the tags of SAFETY_FACTOR


def _given_thresholds(options: WarningOptions, inputs: WarningInputs) -> Thresholds:
    """Return the thresholds of SAFETY_FACTOR, none without it; raises ``ParameterInvalid`` if there is no threshold."""
    k, table, found = options.k, options.k_table, Thresholds({}, None, UNKNOWN)
    if inputs.safety_factor is not None:
        with open_raster(inputs.safety_factor, "rain index") as dataset:
            found = Thresholds.from_tags(dataset.tags(), os.path.basename(inputs.safety_factor))
        if inputs.topography is None and k is None and set(found.table) != {FALLBACK_ROW}:
            raise ParameterInvalid(
                f"The thresholds of SAFETY_FACTOR are by terrain class: {join_names(list(found.table))}. Give these "
                "classes as TOPOGRAPHY, or one threshold as K."
            )
    if k is None and not table and not found.table and inputs.topography is None:
        raise ParameterInvalid(
            "There is no threshold to compare the rain with. Set K, which is 1 divided by the rain in mm that triggers "
            "landslides in your area, or SAFETY_FACTOR, or TOPOGRAPHY with the landform. The paper has K = 0.0129 for "
            "mountains in southeastern Tibet (77.5 mm in seven days)."
        )
    if k is not None and any(label.strip().casefold() == FALLBACK_ROW for label in table):
        raise ParameterInvalid(
            f'Both K and a row "{FALLBACK_ROW}" of K_TABLE are given, and both are for land without another '
            "coefficient. Keep one of them."
        )
    return found


def _evidence(
    options: WarningOptions, given: Thresholds, coefficients: list[ClassCoefficient], progress: Progress
) -> tuple[float | None, str]:
    """Return hit rate and weeks of the thresholds in use, and warn of what they do not tell."""
    weeks = UNKNOWN
    if all(one.source == FROM_INDEX for one in coefficients):
        weeks = given.weeks
    elif any(one.source.startswith("paper") for one in coefficients):
        weeks = CLIMATOLOGICAL
    hit_rate, same = options.hit_rate, options.fs_critical == CRITICAL_SAFETY_FACTOR
    if hit_rate is None and same and all(one.source == FROM_INDEX for one in coefficients):
        hit_rate = given.hit_rate
    if hit_rate is None:
        progress.warn(
            "The hit rate of the threshold is unknown: nobody knows how many past landslides it would have caught, so "
            'land below it is not called safe. Give a rain index that "Build safety factor" made with LANDSLIDES as '
            "SAFETY_FACTOR, or HIT_RATE."
        )
    else:
        caught = f"The threshold caught {100 * hit_rate:.0f} % of past landslides"
        missed = f"; {100 - 100 * hit_rate:.0f} % fell below it"
        (progress.warn if hit_rate < 0.5 else functools.partial(progress.report, 0.3))(f"{caught}{missed}.")
    if weeks == CLIMATOLOGICAL:
        progress.warn(
            "The thresholds come from climatological weeks (annual rain times constants), but are compared with a real "
            "week: two different quantities. Thresholds from real weeks need the rain before each landslide: "
            'EVENT_RAIN_FIELD of "Build safety factor".'
        )
    return hit_rate, weeks


def _open_layers(
    opened: contextlib.ExitStack,
    dataset: rasterio.DatasetReader,
    grid: Grid,
    inputs: WarningInputs,
    given: Thresholds,
    options: WarningOptions,
    progress: Progress,
) -> tuple[WarningLayers, list[ClassCoefficient]]:
    rasters = []
    hint = " If they are days, choose each day as a raster of its own, the others as MORE_RAIN."
    for path in inputs.rain:
        source = scan_source(str(path), grid, "rain", progress, PRECIPITATION, options.rain_unit, "RAIN_UNIT", hint)
        rasters.append(opened.enter_context(ContinuousRaster.open(source, grid)))
    landform, classes = opened.enter_context(open_landform(inputs.topography, grid, progress))
    labels = [classes[code] for code in sorted(classes)]
    table = {**given.known(labels), **options.k_table, **({} if options.k is None else {FALLBACK_ROW: options.k})}
    coefficients, fallback = choose_coefficients(labels, table, None, None, progress, parameter_hint="K or K_TABLE")
    for one in [*coefficients, *([] if fallback is None else [fallback])]:
        one.source = _source(one, options)
    # Without landform the only coefficient holds for all cells, which have code 0.
    by_code = dict(zip(sorted(classes) or [0], coefficients))
    if fallback is not None:
        by_code.setdefault(0, fallback)
        coefficients = [*coefficients, fallback]
    return WarningLayers(dataset, grid, rasters, landform, by_code), coefficients


def _source(one: ClassCoefficient, options: WarningOptions) -> str:
    """Return which of the merged tables a coefficient comes from."""
    typed = {plain_label(label) for label in options.k_table}
    if one.source == FALLBACK_SOURCE:
        return "K" if options.k is not None else FALLBACK_SOURCE if FALLBACK_ROW in typed else FROM_INDEX
    if one.source == "K_TABLE":
        return "K_TABLE" if plain_label(one.label) in typed else FROM_INDEX
    return one.source


def _write_blocks(
    layers: WarningLayers,
    options: WarningOptions,
    zones: ZoneSource,
    regions: RegionMap | None,
    statistics: WarningStatistics,
    target: rasterio.io.DatasetWriter,
    safety: rasterio.io.DatasetWriter | None,
    progress: Progress,
) -> None:
    grid = layers.grid
    for block in grid.blocks_with_progress(progress):
        cells = layers.read(block)
        classes = classify(cells.factor, cells.susceptibility, options)
        target.write(classes, 1, window=block.window)
        if safety is not None:
            safety.write(cells.factor.astype(np.float32), 1, window=block.window)
        statistics.add_block(grid, block, classes, zones.read(block, cells.susceptibility), cells.rain, regions)
        statistics.negative_cells += cells.negative_cells
        statistics.without_k_m2 += float(cells.without_k.sum(axis=1) @ grid.cell_area(block.row, block.height))
    if not np.isfinite(statistics.highest_rain()):
        negative = f" {statistics.negative_cells:,} cells have negative rain." if statistics.negative_cells else ""
        raise TooFewData(
            "No cell of the susceptibility map has both rain and a coefficient k. Look at RAIN and TOPOGRAPHY in QGIS "
            f"for the one without data there.{negative}"
        )
