"""Susceptibility map and landslides in; report, table and points with their outcome out."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass, field, replace
from typing import Sequence

import numpy as np
import rasterio

from ..errors import LayerEmpty, ParameterInvalid, TooFewData
from ..files import RunRecord, check_writable
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Points, Polygons
from ..labels.buffers import Buffers, PointBuffers, PolygonBuffers
from ..progress import Part, Progress, stop_if_cancelled
from ..report.validation_images import region_views, zone_image
from ..report.validation_page import ReportInput, validation_page
from ..validation.census import Census, take_census
from ..validation.judgement import judge
from ..validation.layers import MapLayers, ZoneSource
from ..validation.measures import ScopeResult, measure
from ..validation.plan import Notes, choose_scopes, main_scope, say_left_out, title_of
from ..validation.points import PointFeature, drawn_features, landslide_features, stable_features
from ..validation.samples import Sample, one_point_each, place
from ..validation.scopes import ALL, RegionMap, Scope, SubsetMap
from ..validation.settings import (DISTANCE, LEAST_REPEATS, MOST_CELLS, MOST_DRAWN, POLYGON_MODES, REPEATS,
                                   SUBSET_CODES, SUBSETS, THRESHOLD)
from ..validation.stable import Draws, draw_stable
from ..validation.table import as_metrics, count_rows, scope_rows, write_table
from ..validation.zone_table import zone_table
from ..zones.quantiles import weighted_quantiles
from ..zones.raster import cells_of_raster
from ..zones.schemes import AREA_SHARES, read_scheme, zone_names

LEAST_FREE = 0.2
"""Share of the cells far enough from landslides below which the stable points say little about the map."""


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

    def of(self, name: str) -> ScopeResult | None:
        """Return the result of one part of the map by its name, ``None`` when it has none."""
        return next((result for result in self.results if result.scope.name == name), None)


@dataclass
class _Run:
    """What the steps hand on."""

    layers: MapLayers
    landslides: Sample
    stable: Sample | None
    buffers: Buffers
    main: Scope
    scopes: list[Scope]
    repeats: int
    distance: float
    threshold: float
    seed: int
    notes: Notes


def validate_with_points(susceptibility: str | os.PathLike, landslides: Points | Polygons,
                         output_html: str | os.PathLike | None, output_table: str | os.PathLike | None, *,
                         stable: Points | None = None, zones: str | os.PathLike | None = None,
                         regions: Polygons | None = None, region_field: str | None = None,
                         windows: Polygons | None = None, subset: str = ALL, threshold: float = THRESHOLD,
                         distance: float = DISTANCE, repeats: int = REPEATS, seed: int = 0,
                         polygon_mode: str = POLYGON_MODES[0], progress: Progress) -> ValidationSummary:
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
        progress: hears warnings and the main numbers.

    Raises:
        ParameterInvalid: a parameter is out of its range, or SUBSET is given without WINDOWS.
        LayerEmpty: a layer is empty, or no landslide lies on the map.
        TooFewData: too few landslides, or no cell is left for stable points.
        GridMismatch: the zones are on another grid.
        InputCorrupt: the raster's values are not between 0 and 1.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    _check(subset, windows, threshold, distance, repeats, seed, polygon_mode)
    for path in (output_html, output_table):
        if path is not None:
            check_writable(path)
    parameters = {"SUBSET": subset, "THRESHOLD": threshold, "DISTANCE": distance, "REPEATS": repeats, "SEED": seed,
                  "POLYGON_MODE": polygon_mode, "REGION_FIELD": region_field}
    inputs = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones, "LANDSLIDES": _source(landslides),
              "STABLE": _source(stable), "REGIONS": _source(regions), "WINDOWS": _source(windows)}
    record = RunRecord("validatewithpoints", parameters, inputs)
    notes = Notes(progress)
    with contextlib.ExitStack() as stack:
        dataset = stack.enter_context(open_raster(susceptibility, "susceptibility"))
        grid = Grid.of(dataset, "susceptibility")
        if dataset.count > 1:
            notes.warn(f"The susceptibility raster has {dataset.count} bands; the first one is used.")
        _require_on_map(landslides, grid)
        zone_dataset = stack.enter_context(open_raster(zones, "zones")) if zones is not None else None
        layers = MapLayers(dataset, grid, _zones(dataset, zone_dataset, grid, Part(progress, 0.0, 0.15)),
                           SubsetMap(grid, windows) if windows is not None else None,
                           RegionMap(grid, regions, region_field) if regions is not None else None)
        run = _prepare(layers, landslides, stable, main_scope(subset), repeats, distance, threshold, seed,
                       polygon_mode == "cells", notes, Part(progress, 0.15, 0.25))
        progress.report(0.25, f"{len(run.landslides):,} cells of the map hold a landslide.")
        census = take_census(layers, run.scopes, run.buffers if stable is None else None, Part(progress, 0.25, 0.45))
        draws = _draw(run, census, Part(progress, 0.45, 0.7))
        results = _measure(run, census, draws, Part(progress, 0.7, 0.88))
        main = next(result for result in results if result.scope.name == run.main.name)
        judge(results, main, run.landslides, layers, notes)
        points = _points(run, draws, Part(progress, 0.88, 0.92))
        rows = [*count_rows("landslide", run.landslides.counts),
                *(count_rows("stable", run.stable.counts) if run.stable is not None else []),
                *(row for result in results for row in scope_rows(result))]
        stop_if_cancelled(progress)
        if output_html is not None:
            settings = {**parameters, "Repeats made": run.repeats, **inputs}
            validation_page(ReportInput(
                map_name=os.path.basename(str(susceptibility)), landslide_name=landslides.name,
                landslides=run.landslides.counts, stable=run.stable.counts if run.stable is not None else None,
                zones=zone_image(dataset, zone_dataset, layers), zone_names=layers.zones.names,
                breaks=layers.zones.breaks, results=results, main=main, points=points, threshold=threshold,
                distance=distance, warnings=notes.texts,
                settings={name: str(value) for name, value in settings.items() if value is not None},
                regions=region_views(results, dataset, zone_dataset, layers),
                subset_counts=_subset_counts(run))).write(output_html)
        stop_if_cancelled(progress)
    if output_table is not None:
        write_table(output_table, rows)
    record.write({"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table}, metrics=as_metrics(rows),
                 warnings=notes.texts)
    progress.report(1.0, _in_words(main))
    return ValidationSummary(main.auc.value, main.auc.low, main.auc.high, main.measures["recall"].value,
                             main.measures["kappa"].value, main.landslides, main.stable, results, points, notes.texts)


def _check(subset: str, windows: Polygons | None, threshold: float, distance: float, repeats: int, seed: int,
           polygon_mode: str) -> None:
    if subset not in SUBSETS:
        raise ParameterInvalid(f'SUBSET is "{subset}", but it is one of {", ".join(SUBSETS)}.')
    if subset != ALL and windows is None:
        raise ParameterInvalid(f"SUBSET is {subset}, but WINDOWS is empty. Give the window layer that scarp:trainpcum "
                               "wrote, or set SUBSET to all.")
    if not 0 < threshold < 1:
        raise ParameterInvalid(f"THRESHOLD is {threshold:g}, but it lies between 0 and 1. 0.5 is usual.")
    if not (math.isfinite(distance) and distance >= 0):
        raise ParameterInvalid(f"DISTANCE is {distance:g}, but it is a distance in metres, 0 or more.")
    if not 1 <= repeats <= 10000:
        raise ParameterInvalid(f"REPEATS is {repeats}, but it lies between 1 and 10000.")
    if seed < 0:
        raise ParameterInvalid(f"SEED is {seed}, but it is 0 or more.")
    if polygon_mode not in POLYGON_MODES:
        raise ParameterInvalid(f'POLYGON_MODE is "{polygon_mode}", but it is one of {", ".join(POLYGON_MODES)}.')


def _source(layer: Points | Polygons | None) -> str | None:
    return None if layer is None else layer.source or layer.name


def _require_on_map(landslides: Points | Polygons, grid: Grid) -> None:
    """Raise :class:`LayerEmpty` for a layer without features, or all of them off the map, before any long work."""
    if not len(landslides):
        raise LayerEmpty(f'The layer "{landslides.name}" given as LANDSLIDES has no feature.')
    if isinstance(landslides, Points) and not grid.cells_of(landslides.xy)[2].any():
        raise LayerEmpty(f'None of the {len(landslides):,} landslides of "{landslides.name}" lies on the map: all are '
                         "outside the raster. Check the CRS of both layers and that they show the same area.")


def _zones(dataset: rasterio.DatasetReader, zones: rasterio.DatasetReader | None, grid: Grid, progress: Progress
           ) -> ZoneSource:
    if zones is not None:
        return ZoneSource.of_raster(zones, grid, progress)
    scheme = read_scheme(AREA_SHARES, [], [])
    walks = [Part(progress, 0.5, 1.0), Part(progress, 0.0, 0.5)]
    found = weighted_quantiles(cells_of_raster(dataset, grid, walks.pop), scheme.shares)
    return ZoneSource(zone_names(scheme.zones), found.values)


def _prepare(layers: MapLayers, landslides: Points | Polygons, stable: Points | None, main: Scope, repeats: int,
             distance: float, threshold: float, seed: int, every_cell: bool, notes: Notes, progress: Progress) -> _Run:
    rng = np.random.default_rng([seed, 0])
    sample = place(landslides, layers, every_cell, MOST_CELLS, rng, Part(progress, 0.0, 0.6))
    say_left_out(sample, "landslides", landslides.name, notes)
    if not len(sample):
        counts = sample.counts
        raise LayerEmpty(f'None of the {counts.features:,} landslides of "{landslides.name}" lies on the map: '
                         f"{counts.off_map:,} outside the raster, {counts.on_nodata:,} on cells without data. Check "
                         "the CRS of both layers and that they show the same area.")
    if isinstance(landslides, Polygons) and every_cell:
        notes.warn("Every cell of a landslide polygon counts, so large landslides weigh more. Cells of one landslide "
                   "resemble each other: intervals named DeLong or Wilson are too narrow here, those named bootstrap "
                   "resample whole landslides and are right.")
    given = None
    if stable is not None:
        given = _given_stable(stable, layers, sample, rng, notes, Part(progress, 0.6, 0.8))
    if isinstance(landslides, Polygons):
        radii = np.full(len(landslides), float(distance))
        buffers: Buffers = PolygonBuffers(layers.grid, landslides, radii, 0.0, Part(progress, 0.8, 1.0))
    else:
        buffers = PointBuffers(layers.grid, one_point_each(landslides), np.full(len(landslides), float(distance)), 0.0)
    scopes = choose_scopes(layers, sample, main, notes)
    drawn = sum(int(sample.at.within(scope).sum()) for scope in scopes)
    made = min(repeats, max(LEAST_REPEATS, MOST_DRAWN // drawn))
    if made < repeats:
        notes.warn(f"REPEATS was cut from {repeats:,} to {made:,}: more draws of {drawn:,} points would not fit in "
                   "memory.")
    return _Run(layers, sample, given, buffers, main, scopes, made, distance, threshold, seed, notes)


def _given_stable(stable: Points, layers: MapLayers, landslides: Sample, rng: np.random.Generator, notes: Notes,
                  progress: Progress) -> Sample:
    if not len(stable):
        raise LayerEmpty(f'The layer "{stable.name}" given as STABLE has no feature. Leave STABLE empty to have stable '
                         "points drawn at random.")
    given = place(stable, layers, False, MOST_CELLS, rng, progress)
    say_left_out(given, "stable points", stable.name, notes)
    width = layers.grid.width
    both = np.isin(given.rows * width + given.columns, landslides.rows * width + landslides.columns)
    if both.any():
        notes.warn(f"{int(both.sum()):,} of the given stable points lie in the cell of a landslide and are left out.")
    if both.all():
        raise LayerEmpty(f'None of the {given.counts.features:,} points of "{stable.name}" given as STABLE can be '
                         "used: they lie off the map, on cells without data, or on landslides.")
    return given.take(~both, replace(given.counts, doubled=given.counts.doubled + int(both.sum())))


def _draw(run: _Run, census: dict[str, Census], progress: Progress) -> dict[str, Draws]:
    """Draw stable points for all parts of the map; empty when they were given."""
    if run.stable is not None:
        return {}
    wanted = {}
    for scope in run.scopes:
        frame, notes = census[scope.name].frame, run.notes
        number = int(run.landslides.at.within(scope).sum())
        if not frame.cells:
            text = (f"No cell of {title_of(scope)} is farther than {run.distance:g} m from every landslide, so no "
                    "stable point can be drawn. Make DISTANCE smaller.")
            if scope.name == run.main.name:
                raise TooFewData(text)
            notes.warn(text)
            continue
        if frame.cells < number:
            notes.warn(f"Only {frame.cells:,} cells of {title_of(scope)} are farther than {run.distance:g} m from "
                       f"every landslide: there are fewer stable points than landslides ({number:,}).")
        wanted[scope.name] = (scope, frame, number)
    share = census[run.main.name].frame.cells / max(census[run.main.name].cells, 1)
    if share < LEAST_FREE:
        run.notes.warn(f"Only {share:.1%} of the cells are farther than {run.distance:g} m from every landslide. "
                       "Stable points from so small a part say little about the map; make DISTANCE smaller.")
    return draw_stable(run.layers, wanted, run.buffers, run.repeats, run.seed, progress)


def _measure(run: _Run, census: dict[str, Census], draws: dict[str, Draws], progress: Progress) -> list[ScopeResult]:
    results = []
    for number, scope in enumerate(run.scopes):
        if run.stable is not None:
            values = run.stable.at.values[run.stable.at.within(scope)][None]
        elif scope.name in draws:
            values = draws[scope.name].values
        else:
            continue
        if not values.shape[1]:
            text = f"None of the given stable points lies in {title_of(scope)}, so there are no numbers for it."
            if scope.name == run.main.name:
                raise LayerEmpty(text)
            run.notes.warn(text)
            continue
        sample = run.landslides.take(run.landslides.at.within(scope))
        of_zone = {int(zone): int(count) for zone, count in zip(*np.unique(sample.at.zones, return_counts=True))}
        counted = census[scope.name]
        table = zone_table(of_zone, counted.zone_area_m2, run.layers.zones.names)
        results.append(measure(
            scope, sample.at.values, sample.feature, counted.ranking.position(sample.at.values), values,
            run.stable is None, run.repeats, run.threshold, counted.area_m2 / 1e6, table, of_zone.get(0, 0), run.seed,
            Part(progress, number / len(run.scopes), (number + 1) / len(run.scopes))))
    return results


def _points(run: _Run, draws: dict[str, Draws], progress: Progress) -> list[PointFeature]:
    labels: Sequence[str] = run.layers.regions.labels if run.layers.regions is not None else []
    points = landslide_features(run.landslides.take(run.landslides.at.within(run.main)), run.threshold, labels)
    if run.stable is not None:
        return points + stable_features(run.stable.take(run.stable.at.within(run.main)), run.threshold, labels)
    drawn = draws[run.main.name]
    at = run.layers.at(drawn.rows, drawn.columns, progress)
    return points + drawn_features(run.layers.grid, drawn.rows, drawn.columns, at, run.threshold, labels)


def _subset_counts(run: _Run) -> dict[str, int]:
    if run.layers.subsets is None:
        return {}
    return {name: int((run.landslides.at.subset == code).sum()) for name, code in SUBSET_CODES.items()}


def _in_words(main: ScopeResult) -> str:
    interval = f" (95 % interval {main.auc.low:.3f} to {main.auc.high:.3f})" if main.auc.has_interval else ""
    return (f"AUC {main.auc.value:.3f}{interval}, recall {main.measures['recall'].value:.3f}, "
            f"kappa {main.measures['kappa'].value:.3f}, from {main.landslides:,} landslides and {main.stable:,} stable "
            "points.")
