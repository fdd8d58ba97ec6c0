"""Susceptibility map and landslides in; report, table and points with their outcome out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import rasterio

from ..grid import Grid
from ..inputs.rasters import open_raster, region_name
from ..inputs.vectors import Points, Polygons
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..provenance.lineage import warn_inconsistent_layers, warn_stale_inputs
from ..report.hillshade import find_relief, relief_covers, write_hillshade
from ..report.map_sheet import MapSheet, validation_sheet
from ..report.validation import ValidationReportInput, region_views, validation_page, zone_image
from ..statistics.weighted_quantiles import weighted_quantiles
from ..validation.map_layers import MapLayers, ZoneSource
from ..validation.map_statistics import MapStatistics, collect_map_statistics
from ..validation.measures import (
    ScopeResult,
    as_metrics,
    count_rows,
    evaluate_scope,
    scope_rows,
    write_table,
    zone_table,
)
from ..validation.preparation import (
    ValidationData,
    WarningLog,
    check_settings,
    draw_for_scopes,
    layer_source,
    main_scope,
    prepare_validation,
    require_on_map,
    stable_values,
)
from ..validation.sampling import Draws, PointFeature, drawn_points, landslide_points, stable_points
from ..validation.scopes import ALL, RegionMap, SubsetMap
from ..validation.settings import DISTANCE, POLYGON_MODES, REPEATS, SUBSET_CODES, THRESHOLD
from ..validation.warnings import warn_about_validation
from ..zones.raster import scan_cells
from ..zones.schemes import AREA_SHARES, read_scheme, zone_names


@dataclass
class ValidationSummary:
    """What a validation found; the numbers are those of the chosen subset."""

    auc: float
    auc_low: float
    auc_high: float
    recall: float
    kappa: float
    landslides: int
    """Landslides that count."""
    stable: int
    """Stable points of one draw."""
    results: list[ScopeResult]
    """The whole map first, then subsets, then regions."""
    points: list[PointFeature]
    """Landslides and the first draw of stable points, or the given ones."""
    warnings: list[str] = field(default_factory=list)
    sheet: MapSheet | None = None
    """What a printed map shows, when one was asked for."""

    def of(self, name: str) -> ScopeResult | None:
        """Return the result of one part of the map by its name, ``None`` when it has none."""
        return next((result for result in self.results if result.scope.name == name), None)


def validate_with_points(
    susceptibility: str | os.PathLike,
    landslides: Points | Polygons,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    *,
    stable: Points | None = None,
    zones: str | os.PathLike | None = None,
    regions: Polygons | None = None,
    region_field: str | None = None,
    windows: Polygons | None = None,
    subset: str = ALL,
    threshold: float = THRESHOLD,
    distance: float = DISTANCE,
    repeats: int = REPEATS,
    seed: int = 0,
    polygon_mode: str = POLYGON_MODES[0],
    region: str = "",
    dem: str | os.PathLike | None = None,
    sheet_relief: str | os.PathLike | None = None,
    progress: Progress,
) -> ValidationSummary:
    """Test a susceptibility map against landslides and stable points (Zhang & Deng 2026, section 4.2).

    Args:
        susceptibility: raster with values from 0 to 1, first band.
        landslides: inventory in the CRS of the raster.
        output_html: path of the report.
        output_table: path of the CSV with all numbers.
        stable: points known to be stable, used instead of random ones.
        zones: zone raster on the same grid; without it, zones by area shares 30, 20, 20, 20, 10.
        regions: polygons that get numbers of their own.
        region_field: attribute with the regions' names.
        windows: polygons of the training run, with the attribute ``subset``.
        subset: ``all``, or the windows that the numbers are limited to: ``train``, ``validation`` or ``test``.
        threshold: susceptibility from which on a point is called landslide.
        distance: metres between a random stable point and the next landslide.
        repeats: draws of stable points.
        seed: of all randomness; the same seed gives the same numbers.
        polygon_mode: for landslide polygons, ``representative`` (one cell each) or ``cells`` (every cell).
        region: name of the region that the map shows, for table and points; by default what the map states.
        dem: elevation for the relief under the maps; without it, the run records lead to one.
        sheet_relief: where to write the relief of a printed map, which the summary then describes.
        progress: hears warnings and the main numbers.

    Raises:
        ParameterInvalid: a parameter is out of its range, or SUBSET is given without WINDOWS.
        LayerEmpty: a layer is empty, or no landslide lies on the map.
        TooFewData: too few landslides, or no cell is left for stable points.
        GridMismatch: the zones are on another grid.
        InputCorrupt: the raster's values are not between 0 and 1.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    check_settings(subset, windows, threshold, distance, repeats, seed, polygon_mode)
    for path in (output_html, output_table):
        if path is not None:
            check_writable(path)
    parameters = {
        "SUBSET": subset,
        "THRESHOLD": threshold,
        "DISTANCE": distance,
        "REPEATS": repeats,
        "SEED": seed,
        "POLYGON_MODE": polygon_mode,
        "REGION_FIELD": region_field,
        **({"REGION": region} if region else {}),
    }
    inputs = {
        "SUSCEPTIBILITY": susceptibility,
        "ZONES": zones,
        "LANDSLIDES": layer_source(landslides),
        "STABLE": layer_source(stable),
        "REGIONS": layer_source(regions),
        "WINDOWS": layer_source(windows),
        "DEM": dem,
    }
    warning_log = WarningLog(progress)
    warn_stale_inputs({"susceptibility map": susceptibility, "zone raster": zones}, warning_log)
    relief = find_relief(susceptibility, dem)
    record = RunRecord("validatewithpoints", parameters, inputs, background=True)
    with contextlib.ExitStack() as stack:
        dataset = stack.enter_context(open_raster(susceptibility, "susceptibility"))
        region = region_name(dataset, region)
        grid = Grid.of(dataset, "susceptibility")
        if dataset.count > 1:
            warning_log.warn(f"The susceptibility raster has {dataset.count} bands; the first one is used.")
        if dem is not None and relief is not None and not relief_covers(relief, grid.crs, grid.bounds):
            warning_log.warn(
                f"The DEM {dem} does not reach over the map, so there is no relief under the maps of the "
                "report. Give the DEM of this area, or leave DEM empty."
            )
            relief = None
        require_on_map(landslides, grid)
        zone_dataset = stack.enter_context(open_raster(zones, "zones")) if zones is not None else None
        layers = MapLayers(
            dataset,
            grid,
            _zones(dataset, zone_dataset, grid, SubProgress(progress, 0.0, 0.15)),
            SubsetMap(grid, windows) if windows is not None else None,
            RegionMap(grid, regions, region_field) if regions is not None else None,
        )
        data = prepare_validation(
            layers,
            landslides,
            stable,
            main_scope(subset),
            repeats,
            distance,
            threshold,
            seed,
            polygon_mode == "cells",
            warning_log,
            SubProgress(progress, 0.15, 0.25),
        )
        progress.report(0.25, f"{len(data.landslides):,} cells of the map hold a landslide.")
        census = collect_map_statistics(
            layers, data.scopes, data.buffers if stable is None else None, SubProgress(progress, 0.25, 0.45)
        )
        draws = draw_for_scopes(data, census, SubProgress(progress, 0.45, 0.7))
        results = _measure(data, census, draws, SubProgress(progress, 0.7, 0.88))
        main = next(result for result in results if result.scope.name == data.main.name)
        warn_inconsistent_layers(dataset, record.inputs() or {}, warning_log, zones, layer_source(windows))
        warn_about_validation(results, main, data.landslides, layers, warning_log)
        points = _points(data, draws, region, SubProgress(progress, 0.88, 0.92))
        rows = [
            *count_rows("landslide", data.landslides.counts),
            *(count_rows("stable", data.stable.counts) if data.stable is not None else []),
            *(row for result in results for row in scope_rows(result)),
        ]
        stop_if_cancelled(progress)
        if output_html is not None:
            settings = {**parameters, "Repeats made": data.repeats}
            validation_page(
                ValidationReportInput(
                    map_name=os.path.basename(str(susceptibility)),
                    landslide_name=landslides.name,
                    landslides=data.landslides.counts,
                    stable=data.stable.counts if data.stable is not None else None,
                    zones=zone_image(dataset, zone_dataset, layers, relief=relief),
                    zone_names=layers.zones.names,
                    breaks=layers.zones.breaks,
                    results=results,
                    main=main,
                    points=points,
                    threshold=threshold,
                    distance=distance,
                    warnings=warning_log.warnings,
                    settings={name: str(value) for name, value in settings.items() if value is not None},
                    inputs=record.inputs(),
                    relief=os.path.basename(relief.path) if relief is not None else "",
                    regions=region_views(results, dataset, zone_dataset, layers, relief),
                    subset_counts=_subset_counts(data),
                ),
                progress,
            ).write(output_html)
        stop_if_cancelled(progress)
        sheet = None
        if sheet_relief is not None:
            if relief is not None:
                write_hillshade(sheet_relief, susceptibility, relief)
            sheet = validation_sheet(
                susceptibility,
                zones,
                None if relief is None else str(sheet_relief),
                landslides.name,
                main,
                layers.zones.names,
                layers.zones.breaks,
                [(point.x, point.y, point.outcome) for point in points],
                threshold,
                warning_log.warnings,
            )
    if output_table is not None:
        write_table(output_table, rows, region)
    record.write(
        {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table},
        metrics=as_metrics(rows),
        warnings=warning_log.warnings,
    )
    progress.report(1.0, _result_text(main))
    return ValidationSummary(
        main.auc.value,
        main.auc.low,
        main.auc.high,
        main.measures["recall"].value,
        main.measures["kappa"].value,
        main.landslides,
        main.stable,
        results,
        points,
        warning_log.warnings,
        sheet,
    )


def _zones(
    dataset: rasterio.DatasetReader, zones: rasterio.DatasetReader | None, grid: Grid, progress: Progress
) -> ZoneSource:
    if zones is not None:
        return ZoneSource.from_raster(zones, grid, progress)
    scheme = read_scheme(AREA_SHARES, [], [])
    walks = [SubProgress(progress, 0.5, 1.0), SubProgress(progress, 0.0, 0.5)]
    found = weighted_quantiles(scan_cells(dataset, grid, walks.pop), scheme.shares)
    return ZoneSource(zone_names(scheme.zones), found.values)


def _measure(
    data: ValidationData, census: dict[str, MapStatistics], draws: dict[str, Draws], progress: Progress
) -> list[ScopeResult]:
    results = []
    for number, scope in enumerate(data.scopes):
        stable = stable_values(data, draws, scope)
        if stable is None:
            continue
        values = stable[0]
        sample = data.landslides.take(data.landslides.cell_values.in_scope(scope))
        of_zone = {
            int(zone): int(count) for zone, count in zip(*np.unique(sample.cell_values.zones, return_counts=True))
        }
        counted = census[scope.name]
        table = zone_table(of_zone, counted.zone_area_m2, data.layers.zones.names)
        results.append(
            evaluate_scope(
                scope,
                sample.cell_values.values,
                sample.feature,
                counted.ranking.share_above(sample.cell_values.values),
                values,
                data.stable is None,
                data.repeats,
                data.threshold,
                counted.area_m2 / 1e6,
                table,
                of_zone.get(0, 0),
                data.seed,
                SubProgress(progress, number / len(data.scopes), (number + 1) / len(data.scopes)),
            )
        )
    return results


def _points(data: ValidationData, draws: dict[str, Draws], region: str, progress: Progress) -> list[PointFeature]:
    """Return the points; those in none of the regions of a layer are of the region that the map shows."""
    points = _bare_points(data, draws, progress)
    return [point if point.region else replace(point, region=region) for point in points] if region else points


def _bare_points(data: ValidationData, draws: dict[str, Draws], progress: Progress) -> list[PointFeature]:
    labels: Sequence[str] = data.layers.regions.labels if data.layers.regions is not None else []
    points = landslide_points(
        data.landslides.take(data.landslides.cell_values.in_scope(data.main)), data.threshold, labels
    )
    if data.stable is not None:
        return points + stable_points(
            data.stable.take(data.stable.cell_values.in_scope(data.main)), data.threshold, labels
        )
    drawn = draws[data.main.name]
    cell_values = data.layers.cell_values(drawn.rows, drawn.columns, progress)
    return points + drawn_points(data.layers.grid, drawn.rows, drawn.columns, cell_values, data.threshold, labels)


def _subset_counts(data: ValidationData) -> dict[str, int]:
    if data.layers.subsets is None:
        return {}
    return {name: int((data.landslides.cell_values.subset == code).sum()) for name, code in SUBSET_CODES.items()}


def _result_text(main: ScopeResult) -> str:
    interval = f" (95 % interval {main.auc.low:.3f} to {main.auc.high:.3f})" if main.auc.has_interval else ""
    return (
        f"AUC {main.auc.value:.3f}{interval}, recall {main.measures['recall'].value:.3f}, "
        f"kappa {main.measures['kappa'].value:.3f}, from {main.landslides:,} landslides and {main.stable:,} stable "
        "points."
    )
