"""Susceptibility map and landslides in; report, table and points with their outcome out."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import Sequence

import numpy as np
import rasterio

from ..files import RunRecord, check_writable
from ..grid import Grid
from ..inputs.rasters import open_raster, region_of
from ..inputs.vectors import Points, Polygons
from ..progress import Part, Progress, stop_if_cancelled
from ..provenance.lineage import warn_of_changes
from ..provenance.match import warn_of_map
from ..report.hillshade import find_relief, reaches_over, write_hillshade
from ..report.sheet import MapSheet, validation_sheet
from ..report.validation_images import region_views, zone_image
from ..report.validation_input import ReportInput
from ..report.validation_page import validation_page
from ..validation.census import Census, take_census
from ..validation.judgement import judge
from ..validation.layers import MapLayers, ZoneSource
from ..validation.measures import ScopeResult, measure
from ..validation.plan import Notes, main_scope
from ..validation.points import PointFeature, drawn_features, landslide_features, stable_features
from ..validation.preparation import Run, check_settings, draw, prepare, require_on_map, source_of, stable_values
from ..validation.scopes import ALL, RegionMap, SubsetMap
from ..validation.settings import DISTANCE, POLYGON_MODES, REPEATS, SUBSET_CODES, THRESHOLD
from ..validation.stable import Draws
from ..validation.table import as_metrics, count_rows, scope_rows, write_table
from ..validation.zone_table import zone_table
from ..zones.quantiles import weighted_quantiles
from ..zones.raster import cells_of_raster
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


def validate_with_points(susceptibility: str | os.PathLike, landslides: Points | Polygons,
                         output_html: str | os.PathLike | None, output_table: str | os.PathLike | None, *,
                         stable: Points | None = None, zones: str | os.PathLike | None = None,
                         regions: Polygons | None = None, region_field: str | None = None,
                         windows: Polygons | None = None, subset: str = ALL, threshold: float = THRESHOLD,
                         distance: float = DISTANCE, repeats: int = REPEATS, seed: int = 0,
                         polygon_mode: str = POLYGON_MODES[0], region: str = "",
                         dem: str | os.PathLike | None = None, sheet_relief: str | os.PathLike | None = None,
                         progress: Progress) -> ValidationSummary:
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
    parameters = {"SUBSET": subset, "THRESHOLD": threshold, "DISTANCE": distance, "REPEATS": repeats, "SEED": seed,
                  "POLYGON_MODE": polygon_mode, "REGION_FIELD": region_field,
                  **({"REGION": region} if region else {})}
    inputs = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones, "LANDSLIDES": source_of(landslides),
              "STABLE": source_of(stable), "REGIONS": source_of(regions), "WINDOWS": source_of(windows), "DEM": dem}
    notes = Notes(progress)
    warn_of_changes({"susceptibility map": susceptibility, "zone raster": zones}, notes)
    relief = find_relief(susceptibility, dem)
    record = RunRecord("validatewithpoints", parameters, inputs, background=True)
    with contextlib.ExitStack() as stack:
        dataset = stack.enter_context(open_raster(susceptibility, "susceptibility"))
        region = region_of(dataset, region)
        grid = Grid.of(dataset, "susceptibility")
        if dataset.count > 1:
            notes.warn(f"The susceptibility raster has {dataset.count} bands; the first one is used.")
        if dem is not None and relief is not None and not reaches_over(relief, grid.crs, grid.bounds):
            notes.warn(f"The DEM {dem} does not reach over the map, so there is no relief under the maps of the "
                       "report. Give the DEM of this area, or leave DEM empty.")
            relief = None
        require_on_map(landslides, grid)
        zone_dataset = stack.enter_context(open_raster(zones, "zones")) if zones is not None else None
        layers = MapLayers(dataset, grid, _zones(dataset, zone_dataset, grid, Part(progress, 0.0, 0.15)),
                           SubsetMap(grid, windows) if windows is not None else None,
                           RegionMap(grid, regions, region_field) if regions is not None else None)
        run = prepare(layers, landslides, stable, main_scope(subset), repeats, distance, threshold, seed,
                      polygon_mode == "cells", notes, Part(progress, 0.15, 0.25))
        progress.report(0.25, f"{len(run.landslides):,} cells of the map hold a landslide.")
        census = take_census(layers, run.scopes, run.buffers if stable is None else None, Part(progress, 0.25, 0.45))
        draws = draw(run, census, Part(progress, 0.45, 0.7))
        results = _measure(run, census, draws, Part(progress, 0.7, 0.88))
        main = next(result for result in results if result.scope.name == run.main.name)
        warn_of_map(dataset, record.inputs() or {}, notes, zones, source_of(windows))
        judge(results, main, run.landslides, layers, notes)
        points = _points(run, draws, region, Part(progress, 0.88, 0.92))
        rows = [*count_rows("landslide", run.landslides.counts),
                *(count_rows("stable", run.stable.counts) if run.stable is not None else []),
                *(row for result in results for row in scope_rows(result))]
        stop_if_cancelled(progress)
        if output_html is not None:
            settings = {**parameters, "Repeats made": run.repeats}
            validation_page(ReportInput(
                map_name=os.path.basename(str(susceptibility)), landslide_name=landslides.name,
                landslides=run.landslides.counts, stable=run.stable.counts if run.stable is not None else None,
                zones=zone_image(dataset, zone_dataset, layers, relief=relief), zone_names=layers.zones.names,
                breaks=layers.zones.breaks, results=results, main=main, points=points, threshold=threshold,
                distance=distance, warnings=notes.texts,
                settings={name: str(value) for name, value in settings.items() if value is not None},
                inputs=record.inputs(), relief=os.path.basename(relief.path) if relief is not None else "",
                regions=region_views(results, dataset, zone_dataset, layers, relief),
                subset_counts=_subset_counts(run)), progress).write(output_html)
        stop_if_cancelled(progress)
        sheet = None
        if sheet_relief is not None:
            if relief is not None:
                write_hillshade(sheet_relief, susceptibility, relief)
            sheet = validation_sheet(
                susceptibility, zones, None if relief is None else str(sheet_relief), landslides.name, main,
                layers.zones.names, layers.zones.breaks, [(point.x, point.y, point.outcome) for point in points],
                threshold, notes.texts)
    if output_table is not None:
        write_table(output_table, rows, region)
    record.write({"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table}, metrics=as_metrics(rows),
                 warnings=notes.texts)
    progress.report(1.0, _in_words(main))
    return ValidationSummary(main.auc.value, main.auc.low, main.auc.high, main.measures["recall"].value,
                             main.measures["kappa"].value, main.landslides, main.stable, results, points, notes.texts,
                             sheet)


def _zones(dataset: rasterio.DatasetReader, zones: rasterio.DatasetReader | None, grid: Grid, progress: Progress
           ) -> ZoneSource:
    if zones is not None:
        return ZoneSource.of_raster(zones, grid, progress)
    scheme = read_scheme(AREA_SHARES, [], [])
    walks = [Part(progress, 0.5, 1.0), Part(progress, 0.0, 0.5)]
    found = weighted_quantiles(cells_of_raster(dataset, grid, walks.pop), scheme.shares)
    return ZoneSource(zone_names(scheme.zones), found.values)


def _measure(run: Run, census: dict[str, Census], draws: dict[str, Draws], progress: Progress) -> list[ScopeResult]:
    results = []
    for number, scope in enumerate(run.scopes):
        stable = stable_values(run, draws, scope)
        if stable is None:
            continue
        values = stable[0]
        sample = run.landslides.take(run.landslides.at.within(scope))
        of_zone = {int(zone): int(count) for zone, count in zip(*np.unique(sample.at.zones, return_counts=True))}
        counted = census[scope.name]
        table = zone_table(of_zone, counted.zone_area_m2, run.layers.zones.names)
        results.append(measure(
            scope, sample.at.values, sample.feature, counted.ranking.position(sample.at.values), values,
            run.stable is None, run.repeats, run.threshold, counted.area_m2 / 1e6, table, of_zone.get(0, 0), run.seed,
            Part(progress, number / len(run.scopes), (number + 1) / len(run.scopes))))
    return results


def _points(run: Run, draws: dict[str, Draws], region: str, progress: Progress) -> list[PointFeature]:
    """Return the points; those in none of the regions of a layer are of the region that the map shows."""
    points = _bare_points(run, draws, progress)
    return [point if point.region else replace(point, region=region) for point in points] if region else points


def _bare_points(run: Run, draws: dict[str, Draws], progress: Progress) -> list[PointFeature]:
    labels: Sequence[str] = run.layers.regions.labels if run.layers.regions is not None else []
    points = landslide_features(run.landslides.take(run.landslides.at.within(run.main)), run.threshold, labels)
    if run.stable is not None:
        return points + stable_features(run.stable.take(run.stable.at.within(run.main)), run.threshold, labels)
    drawn = draws[run.main.name]
    at = run.layers.at(drawn.rows, drawn.columns, progress)
    return points + drawn_features(run.layers.grid, drawn.rows, drawn.columns, at, run.threshold, labels)


def _subset_counts(run: Run) -> dict[str, int]:
    if run.layers.subsets is None:
        return {}
    return {name: int((run.landslides.at.subset == code).sum()) for name, code in SUBSET_CODES.items()}


def _in_words(main: ScopeResult) -> str:
    interval = f" (95 % interval {main.auc.low:.3f} to {main.auc.high:.3f})" if main.auc.has_interval else ""
    return (f"AUC {main.auc.value:.3f}{interval}, recall {main.measures['recall'].value:.3f}, "
            f"kappa {main.measures['kappa'].value:.3f}, from {main.landslides:,} landslides and {main.stable:,} stable "
            "points.")
