"""Susceptibility, rain of seven days and landform in, warning map and table by region and zone out."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import NoOverlap, ParameterInvalid, TooFewData
from ..factors.climate import ContinuousRaster
from ..factors.sources import CategoricalInput
from ..grid import Block, Grid
from ..inputs.rasters import create_raster, open_raster
from ..inputs.vectors import Polygons
from ..memory import retain_freed_memory
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..provenance.lineage import warn_inconsistent_layers, warn_stale_inputs
from ..provenance.map_tags import warning_tags
from ..safety.rasters import open_landform
from ..safety.thresholds import FALLBACK_ROW, FALLBACK_SOURCE, ClassCoefficient, choose_coefficients
from ..statistics.weighted_quantiles import weighted_quantiles
from ..tables import write_table
from ..validation.map_layers import ZoneSource
from ..validation.preparation import WarningLog
from ..validation.scopes import RegionMap
from ..warning.classes import COLOURS, KEYS, NAMES, NODATA, SEVERE, WARNING, Thresholds
from ..warning.warning_map import ALL, COLUMNS, InputIssues, WarningLayers, WarningStatistics, classify, log_result
from ..zones.raster import ClassRow, scan_cells, write_class_attributes
from ..zones.schemes import AREA_SHARES, read_scheme, zone_names


@dataclass
class WarningSummary:
    """What a warning map shows."""

    km2: dict[str, float]
    """Area by class."""

    shares: dict[str, float]
    """The same as a share of the map, 0 to 1."""

    warned_share: float
    """Share of the map with a warning or a severe one."""

    highest_rain: float
    """mm in seven days."""

    coefficients: list[ClassCoefficient]
    """Where the threshold of each landform comes from; their counts of cells stay 0."""

    warnings: list[str]


def rainfall_warning(
    susceptibility: str | os.PathLike,
    rain: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    output_table: str | os.PathLike,
    *,
    k: float | None = None,
    topography: CategoricalInput | None = None,
    k_table: Mapping[str, float] | None = None,
    limits: Thresholds = Thresholds(),
    zones: str | os.PathLike | None = None,
    regions: Polygons | None = None,
    region_field: str | None = None,
    output_safety: str | os.PathLike | None = None,
    progress: Progress,
) -> WarningSummary:
    """Write where the rain of seven days calls for a warning, in classes.

    The safety factor is Fs = 1 / (1 + k · R7) with the rain R7 as it fell or is forecast (Zhang & Deng 2026, section
    3.2.4); the rule is the table in ``model/warning/classes.py``.

    Args:
        susceptibility: map from 0 to 1, first band.
        rain: rasters in any CRS and cell size whose sum is the rain of seven days in mm; first bands.
        output: path of the uint8 GeoTIFF: 1 no warning, 2 watch, 3 warning, 4 severe, 5 not judged, 0 off the map.
        output_table: path of a CSV of area by region, zone and class.
        k: coefficient in 1/mm, everywhere or where ``k_table`` names no other.
        topography: landform classes; ``None`` for one coefficient.
        k_table: k by class label; without it and ``k`` the paper's table 3 holds, by label.
        limits: the thresholds.
        zones: zone raster on the map's grid; ``None`` for five zones by area shares of this map.
        regions: polygons in the map's CRS, which may overlap.
        region_field: field with their names; they are numbered without.
        output_safety: path of a float32 GeoTIFF with Fs.
        progress: hears areas and what may mislead.

    Raises:
        ParameterInvalid: there is nothing to take k from, or a susceptibility lies outside 0 to 1.
        NoOverlap: rain, landform or regions do not reach the map.
        GridMismatch: the zones are on another grid.
        TooFewData: no cell has both rain and k.
    """
    for path in (output, output_table, output_safety):
        if path is not None:
            check_writable(path)
    table = _coefficients(k, k_table or {}, topography is not None)
    record = RunRecord(
        "rainfallwarning",
        {
            "K": k,
            "K_TABLE": dict(k_table or {}),
            "P_LOW": limits.p_low,
            "P_HIGH": limits.p_high,
            "FS_CRITICAL": limits.fs_critical,
            "FS_WATCH": limits.fs_watch,
            "REGION_FIELD": region_field,
        },
        {
            "SUSCEPTIBILITY": susceptibility,
            "RAIN": list(rain),
            "ZONES": zones,
            "TOPOGRAPHY": topography.source if topography is not None else None,
            "REGIONS": (regions.source or regions.name) if regions is not None else None,
        },
    )
    warning_log = WarningLog(progress)
    warn_stale_inputs({"susceptibility map": susceptibility, "zone raster": zones}, warning_log)
    with contextlib.ExitStack() as opened:
        opened.enter_context(retain_freed_memory())
        dataset = opened.enter_context(open_raster(susceptibility, "susceptibility"))
        grid = Grid.of(dataset, "susceptibility")
        if dataset.count > 1:
            warning_log.warn(f"The susceptibility raster has {dataset.count} bands; the first one is used.")
        warn_inconsistent_layers(dataset, record.inputs() or {}, warning_log, zones)
        layers, coefficients = _open_layers(opened, dataset, grid, rain, topography, table, warning_log, progress)
        for one in coefficients:
            if k is not None and one.source == FALLBACK_SOURCE:
                one.source = "K"
        region_map = _regions(grid, regions, region_field)
        zone_source = _zones(opened, dataset, grid, zones, SubProgress(progress, 0.0, 0.3))
        tally = WarningStatistics([ALL, *(region_map.labels if region_map is not None else [])], zone_source.names)
        issues = _write_blocks(
            layers,
            limits,
            zone_source,
            region_map,
            tally,
            output,
            output_safety,
            warning_tags(warning_log.warnings),
            SubProgress(progress, 0.3, 0.95),
        )
    counts, km2 = tally.counts(), tally.km2()
    write_class_attributes(
        output, [ClassRow(number, name, COLOURS[number], counts[number], km2[number]) for number, name in NAMES.items()]
    )
    write_table(output_table, COLUMNS, tally.rows())
    log_result(tally, limits, coefficients, issues, warning_log, progress)
    total = sum(km2.values())
    summary = WarningSummary(
        {KEYS[number]: area for number, area in km2.items()},
        {KEYS[number]: area / total for number, area in km2.items()},
        (km2[WARNING] + km2[SEVERE]) / total,
        tally.highest_rain(),
        coefficients,
        warning_log.warnings,
    )
    record.write(
        {"OUTPUT": output, "OUTPUT_TABLE": output_table, "OUTPUT_SAFETY_FACTOR": output_safety}, summary=asdict(summary)
    )
    progress.report(1.0)
    return summary


def _coefficients(k: float | None, table: Mapping[str, float], landform: bool) -> dict[str, float]:
    """Return K_TABLE with K as its row for everything else."""
    fallback = [label for label in table if label.strip().casefold() == FALLBACK_ROW]
    if k is not None and not 0 < k < float("inf"):
        raise ParameterInvalid(
            f"K is {k:g}, but it is 1 divided by the rain of the threshold in mm and must be above "
            "0, for example 0.0129 for 77.5 mm."
        )
    if k is not None and fallback:
        raise ParameterInvalid(
            f'Both K and a row "{FALLBACK_ROW}" of K_TABLE are given, and both are for land without '
            "another coefficient. Keep one of them."
        )
    if k is None and not table and not landform:
        raise ParameterInvalid(
            "There is no threshold to hold the rain against. Give K, which is 1 divided by the "
            "rain in mm that brings landslides in your area, or TOPOGRAPHY with the landform. The "
            "paper has K = 0.0129 for mountains in southeastern Tibet (77.5 mm in seven days)."
        )
    return {**table, **({FALLBACK_ROW: k} if k is not None else {})}


def _open_layers(
    opened: contextlib.ExitStack,
    dataset: rasterio.DatasetReader,
    grid: Grid,
    rain: Sequence[str | os.PathLike],
    topography: CategoricalInput | None,
    table: Mapping[str, float],
    warning_log: WarningLog,
    progress: Progress,
) -> tuple[WarningLayers, list[ClassCoefficient]]:
    rasters = []
    for path in rain:
        with open_raster(path, "rain") as one:
            if one.count > 1:
                warning_log.warn(
                    f"The rain raster {path} has {one.count} bands; the first one is used. If they are days, "
                    "give each day as a raster of its own, the others as MORE_RAIN."
                )
        rasters.append(opened.enter_context(ContinuousRaster.open(str(path), grid, "rain")))
    landform, classes = opened.enter_context(open_landform(topography, grid, progress))
    codes = sorted(classes)
    coefficients, fallback = choose_coefficients(
        [classes[code] for code in codes], table, None, None, warning_log, parameter_hint="K or K_TABLE"
    )
    layers = WarningLayers(dataset, grid, rasters, landform, codes, coefficients, fallback)
    return layers, [*coefficients, *([fallback] if fallback is not None else [])]


def _regions(grid: Grid, regions: Polygons | None, field: str | None) -> RegionMap | None:
    if regions is None:
        return None
    found = RegionMap(grid, regions, field)
    if not found.regions_in_block(Block(0, 0, grid.height, grid.width)):
        raise NoOverlap(
            f'No polygon of the layer "{regions.name}" given as REGIONS overlaps the susceptibility map. '
            "Check the CRS of both, or leave REGIONS empty."
        )
    return found


def _zones(
    opened: contextlib.ExitStack,
    dataset: rasterio.DatasetReader,
    grid: Grid,
    zones: str | os.PathLike | None,
    progress: Progress,
) -> ZoneSource:
    if zones is not None:
        return ZoneSource.from_raster(opened.enter_context(open_raster(zones, "zones")), grid, progress)
    scheme = read_scheme(AREA_SHARES, [], [])
    halves = [SubProgress(progress, 0.5, 1.0), SubProgress(progress, 0.0, 0.5)]
    found = weighted_quantiles(scan_cells(dataset, grid, halves.pop), scheme.shares)
    return ZoneSource(zone_names(scheme.zones), found.values)


def _write_blocks(
    layers: WarningLayers,
    limits: Thresholds,
    zones: ZoneSource,
    regions: RegionMap | None,
    tally: WarningStatistics,
    output: str | os.PathLike,
    output_safety: str | os.PathLike | None,
    warning_metadata: Mapping[str, str],
    progress: Progress,
) -> InputIssues:
    grid, issues = layers.grid, InputIssues()
    band = {"kind": "categorical", "classes": json.dumps({str(number): name for number, name in NAMES.items()})}
    watch = "" if limits.fs_watch is None else f", FS_WATCH {limits.fs_watch:g}"
    tags = {
        "THRESHOLDS": f"P_LOW {limits.p_low:g}, P_HIGH {limits.p_high:g}, FS_CRITICAL {limits.fs_critical:g}{watch}",
        **warning_metadata,
    }
    done, total = 0, grid.block_count()
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(
            create_raster(
                output,
                grid,
                "uint8",
                NODATA,
                ["landslide warning"],
                [band],
                tags,
                overviews=Resampling.mode,
                colours=COLOURS,
            )
        )
        safety = None
        if output_safety is not None:
            safety = opened.enter_context(create_raster(output_safety, grid, "float32", np.nan, ["safety factor"]))
        for block in grid.blocks():
            stop_if_cancelled(progress)
            window = layers.read(block)
            classes = classify(window.factor, window.susceptibility, limits)
            target.write(classes, 1, window=block.window)
            if safety is not None:
                safety.write(window.factor.astype(np.float32), 1, window=block.window)
            cells = (
                classes,
                zones.read(block, window.susceptibility),
                window.rain,
                grid.cell_area(block.row, block.height),
            )
            tally.add(0, None, *cells)
            issues.negative_cells += window.negative
            issues.without_k_m2 += float(window.without_k.sum(axis=1) @ cells[3])
            if regions is not None:
                cover = np.zeros(classes.shape, dtype=np.uint16)
                for number in regions.regions_in_block(block):
                    inside = regions.read(block, number)
                    tally.add(number + 1, inside, *cells)
                    cover += inside
                issues.overlap_m2 += float(((cover > 1) & (classes != NODATA)).sum(axis=1) @ cells[3])
            done += 1
            progress.report(done / total)
        if not np.isfinite(tally.highest_rain()):
            negative = f" {issues.negative_cells:,} cells have negative rain." if issues.negative_cells else ""
            raise TooFewData(
                "No cell of the susceptibility map has both rain and a coefficient k. Look at RAIN and "
                f"TOPOGRAPHY in QGIS for the one without data there.{negative}"
            )
    return issues
