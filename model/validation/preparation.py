"""What a validation looks at, and what it says about the points that it cannot use.
What a validation starts from: checked settings, landslides and stable points on cells of the map, parts of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import LayerEmpty, ParameterInvalid, TooFewData
from ..factors.unit_checks import suspect_distance_unit
from ..grid import Grid
from ..inputs.vectors import Points, Polygons
from ..labels.buffers import Buffers, PointBuffers, PolygonBuffers
from ..progress import Progress, SubProgress
from ..statistics.intervals import MIN_REPEATS
from .map_layers import MapLayers
from .map_statistics import MapStatistics
from .sampling import Draws, Sample, draw_stable, representative_points, sample_layer
from .scopes import ALL, REGION_PREFIX, Scope
from .settings import FEW_LANDSLIDES, MAX_CELLS, MAX_DRAWN, MIN_LANDSLIDES, POLYGON_MODES, SUBSET_CODES, SUBSETS

FIRST_REGION_SEED_OFFSET = 10


class WarningLog:
    """Warnings, said at once and kept for the report."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Say a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._progress.warn(text)


def main_scope(subset: str) -> Scope:
    """Return the part of the map that the main numbers are for."""
    return Scope(ALL) if subset == ALL else Scope(subset, SUBSET_CODES[subset], seed_offset=SUBSET_CODES[subset])


def choose_scopes(layers: MapLayers, landslides: Sample, main: Scope, warning_log: WarningLog) -> list[Scope]:
    """Return the whole map, the subsets with landslides, and the regions with landslides, the latter in the subset.

    Raises:
        LayerEmpty: the main subset has too few landslides.
        TooFewData: the map has.
    """
    if len(landslides) < MIN_LANDSLIDES:
        raise TooFewData(
            f"The landslides lie in {len(landslides)} cell of the map only; a validation needs them in at "
            f"least {MIN_LANDSLIDES}, and is rough below {FEW_LANDSLIDES}. Give a larger inventory as "
            "LANDSLIDES."
        )
    scopes = [Scope(ALL)]
    if layers.subsets is not None:
        for name, code in SUBSET_CODES.items():
            scope = main_scope(name)
            number = int(landslides.cell_values.in_scope(scope).sum())
            if number >= MIN_LANDSLIDES:
                scopes.append(scope)
            elif name == main.name:
                raise LayerEmpty(
                    f"{number} landslides lie in {name} windows, too few for a validation. Set SUBSET to "
                    "all, or train with larger windows or another SEED."
                )
            elif code in layers.subsets.codes:
                warning_log.warn(f"{number} landslides lie in {name} windows, so there are no numbers for them.")
    if layers.regions is not None:
        empty = []
        for number, label in enumerate(layers.regions.labels):
            scope = Scope(f"{REGION_PREFIX}{label}", main.subset, number, FIRST_REGION_SEED_OFFSET + number)
            if int(landslides.cell_values.in_scope(scope).sum()) >= MIN_LANDSLIDES:
                scopes.append(scope)
            else:
                empty.append(label)
        if empty:
            warning_log.warn(
                f"Fewer than {MIN_LANDSLIDES} landslides lie in these regions, so there are no numbers for "
                f"them: {', '.join(empty)}."
            )
    return scopes


def warn_excluded_features(sample: Sample, what: str, name: str, warning_log: WarningLog) -> None:
    """Warn of the features of a layer that do not count.

    Args:
        sample: the layer on the map.
        what: ``landslides`` or ``stable points``.
        name: of the layer.
        notes: told.
    """
    counts = sample.counts
    left_out = [
        f"{number:,} {where}"
        for number, where in (
            (counts.off_map, "outside the map"),
            (counts.on_nodata, "on cells without susceptibility"),
            (counts.duplicates, "in a cell that another one already stands for"),
            (counts.thinned, "at random, to keep the number within bounds"),
        )
        if number
    ]
    if left_out:
        one_each = counts.places + counts.off_map == counts.features
        used = (
            f'Of the {counts.features:,} {what} of "{name}", {len(sample):,} count.'
            if one_each
            else f'The {counts.features:,} {what} of "{name}" have {len(sample):,} cells that count.'
        )
        warning_log.warn(f"{used} Left out: {', '.join(left_out)}.")


def scope_phrase(scope: Scope) -> str:
    """Return what a part of the map is called within a sentence."""
    if scope.name.startswith(REGION_PREFIX):
        return f"the region {scope.name[len(REGION_PREFIX) :]}"
    return "the map" if scope.name == ALL else f"the {scope.name} windows"


MIN_FREE_SHARE = 0.2
"""Share of the cells far enough from landslides below which the stable points say little about the map."""


@dataclass
class ValidationData:
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
    warning_log: WarningLog


def check_settings(
    subset: str, windows: Polygons | None, threshold: float, distance: float, repeats: int, seed: int, polygon_mode: str
) -> None:
    if subset not in SUBSETS:
        raise ParameterInvalid(f'SUBSET is "{subset}", but it is one of {", ".join(SUBSETS)}.')
    if subset != ALL and windows is None:
        raise ParameterInvalid(
            f"SUBSET is {subset}, but WINDOWS is empty. Give the window layer that scarp:trainpcum "
            "wrote, or set SUBSET to all."
        )
    if not 0 < threshold < 1:
        raise ParameterInvalid(f"THRESHOLD is {threshold:g}, but it must lie above 0 and below 1. 0.5 is usual.")
    if not (math.isfinite(distance) and distance >= 0):
        raise ParameterInvalid(f"DISTANCE is {distance:g}, but it is a distance in metres, 0 or more.")
    if not 1 <= repeats <= 10000:
        raise ParameterInvalid(f"REPEATS is {repeats}, but it lies between 1 and 10000.")
    if seed < 0:
        raise ParameterInvalid(f"SEED is {seed}, but it is 0 or more.")
    if polygon_mode not in POLYGON_MODES:
        raise ParameterInvalid(f'POLYGON_MODE is "{polygon_mode}", but it is one of {", ".join(POLYGON_MODES)}.')


def layer_source(layer: Points | Polygons | None) -> str | None:
    """Return where a layer comes from, for the run record."""
    return None if layer is None else layer.source or layer.name


def require_on_map(landslides: Points | Polygons, grid: Grid) -> None:
    """Raise :class:`LayerEmpty` for a layer without features, or all of them off the map, before any long work."""
    if not len(landslides):
        raise LayerEmpty(
            f'The layer "{landslides.name}" given as LANDSLIDES has no feature. Choose the layer of the inventory.'
        )
    if isinstance(landslides, Points) and not grid.cell_indices(landslides.xy)[2].any():
        raise LayerEmpty(
            f'None of the {len(landslides):,} landslides of "{landslides.name}" lies on the map: all are '
            "outside the raster. Check the CRS of both layers and that they show the same area."
        )


def prepare_validation(
    layers: MapLayers,
    landslides: Points | Polygons,
    stable: Points | None,
    main: Scope,
    repeats: int,
    distance: float,
    threshold: float,
    seed: int,
    every_cell: bool,
    warning_log: WarningLog,
    progress: Progress,
) -> ValidationData:
    """Bring landslides and given stable points to the map, and choose the parts of it that get numbers.

    Args:
        layers: the map, or several on one grid.
        landslides: the inventory.
        stable: points known to be stable; ``None`` when they are to be drawn.
        main: part of the map that the main numbers are for.
        repeats: draws asked for; cut to what fits in memory.
        distance: metres between a drawn stable point and the next landslide.
        threshold: from it on a point is called landslide.
        seed: of all randomness.
        every_cell: take every cell of a landslide polygon.
        notes: told of what is left out.
        progress: reported to and asked whether to stop.

    Raises:
        LayerEmpty: no landslide, or no given stable point, is on the map.
        TooFewData: too few landslides are.
    """
    rng = np.random.default_rng([seed, 0])
    sample = sample_layer(landslides, layers, every_cell, MAX_CELLS, rng, SubProgress(progress, 0.0, 0.6))
    warn_excluded_features(sample, "landslides", landslides.name, warning_log)
    if not len(sample):
        counts = sample.counts
        raise LayerEmpty(
            f'None of the {counts.features:,} landslides of "{landslides.name}" lies on the map: '
            f"{counts.off_map:,} outside the raster, {counts.on_nodata:,} on cells without data. Check "
            "the CRS of both layers and that they show the same area."
        )
    if isinstance(landslides, Polygons) and every_cell:
        warning_log.warn(
            "Every cell of a landslide polygon counts, so large landslides weigh more. Cells of one landslide "
            "resemble each other: intervals named DeLong or Wilson are too narrow here, those named bootstrap "
            "resample whole landslides and are right."
        )
    given = None
    if stable is not None:
        given = _sample_given_stable(stable, layers, sample, rng, warning_log, SubProgress(progress, 0.6, 0.8))
    if isinstance(landslides, Polygons):
        radii = np.full(len(landslides), float(distance))
        buffers: Buffers = PolygonBuffers(layers.grid, landslides, radii, 0.0, SubProgress(progress, 0.8, 1.0))
    else:
        buffers = PointBuffers(
            layers.grid, representative_points(landslides), np.full(len(landslides), float(distance)), 0.0
        )
    question = suspect_distance_unit("DISTANCE", distance, layers.grid.cell_size()) if stable is None else ""
    if question:
        warning_log.warn(question)
    scopes = choose_scopes(layers, sample, main, warning_log)
    drawn = sum(int(sample.cell_values.in_scope(scope).sum()) for scope in scopes)
    made = min(repeats, max(MIN_REPEATS, MAX_DRAWN // drawn))
    if made < repeats:
        warning_log.warn(
            f"REPEATS was cut from {repeats:,} to {made:,}: more draws of {drawn:,} points would not fit in memory."
        )
    return ValidationData(layers, sample, given, buffers, main, scopes, made, distance, threshold, seed, warning_log)


def _sample_given_stable(
    stable: Points,
    layers: MapLayers,
    landslides: Sample,
    rng: np.random.Generator,
    warning_log: WarningLog,
    progress: Progress,
) -> Sample:
    if not len(stable):
        raise LayerEmpty(
            f'The layer "{stable.name}" given as STABLE has no feature. Leave STABLE empty to have stable '
            "points drawn at random."
        )
    given = sample_layer(stable, layers, False, MAX_CELLS, rng, progress)
    warn_excluded_features(given, "stable points", stable.name, warning_log)
    width = layers.grid.width
    both = np.isin(given.rows * width + given.columns, landslides.rows * width + landslides.columns)
    if both.any():
        warning_log.warn(
            f"{int(both.sum()):,} of the given stable points lie in the cell of a landslide and are left out."
        )
    if both.all():
        raise LayerEmpty(
            f'None of the {given.counts.features:,} points of "{stable.name}" given as STABLE can be '
            "used: they lie off the map, on cells without data, or on landslides. Check its CRS, or leave "
            "STABLE empty to have stable points drawn at random."
        )
    return given.take(~both, replace(given.counts, duplicates=given.counts.duplicates + int(both.sum())))


def draw_for_scopes(data: ValidationData, census: Mapping[str, MapStatistics], progress: Progress) -> dict[str, Draws]:
    """Draw stable points for all parts of the map; empty when they were given.

    Raises:
        TooFewData: no cell of the main part is far enough from the landslides.
    """
    if data.stable is not None:
        return {}
    wanted = {}
    for scope in data.scopes:
        frame, warning_log = census[scope.name].frame, data.warning_log
        number = int(data.landslides.cell_values.in_scope(scope).sum())
        if not frame.cells:
            text = (
                f"No cell of {scope_phrase(scope)} is farther than {data.distance:g} m from every landslide, so no "
                "stable point can be drawn. Make DISTANCE smaller."
            )
            if scope.name == data.main.name:
                raise TooFewData(text)
            warning_log.warn(text)
            continue
        if frame.cells < number:
            warning_log.warn(
                f"Only {frame.cells:,} cells of {scope_phrase(scope)} are farther than {data.distance:g} m from "
                f"every landslide: there are fewer stable points than landslides ({number:,})."
            )
        wanted[scope.name] = (scope, frame, number)
    share = census[data.main.name].frame.cells / max(census[data.main.name].cells, 1)
    if share < MIN_FREE_SHARE:
        data.warning_log.warn(
            f"Only {share:.1%} of the cells are farther than {data.distance:g} m from every landslide. "
            "Stable points from so small a part say little about the map; make DISTANCE smaller."
        )
    return draw_stable(data.layers, wanted, data.buffers, data.repeats, data.seed, progress)


def stable_values(data: ValidationData, draws: Mapping[str, Draws], scope: Scope) -> np.ndarray | None:
    """Return what all maps say at the stable points of a part of the map, given or drawn.

    Returns:
        Shape (maps, draws, points), one draw where the points were given; ``None`` where there are none, which has been
        said.

    Raises:
        LayerEmpty: no given stable point lies in the main part.
    """
    if data.stable is not None:
        values = data.stable.cell_values.values_by_map[:, data.stable.cell_values.in_scope(scope)][:, None, :]
    elif scope.name in draws:
        values = draws[scope.name].values_by_map
    else:
        return None
    if values.shape[2]:
        return values
    text = f"None of the given stable points lies in {scope_phrase(scope)}, so there are no numbers for it."
    if scope.name == data.main.name:
        raise LayerEmpty(text)
    data.warning_log.warn(text)
    return None
