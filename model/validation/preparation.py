"""What a validation starts from: checked settings, landslides and stable points on cells of the map, parts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Mapping

import numpy as np

from ..errors import LayerEmpty, ParameterInvalid, TooFewData
from ..factors.questions import about_distance
from ..grid import Grid
from ..inputs.vectors import Points, Polygons
from ..labels.buffers import Buffers, PointBuffers, PolygonBuffers
from ..progress import Part, Progress
from .census import Census
from .layers import MapLayers
from .plan import Notes, choose_scopes, say_left_out, title_of
from .samples import Sample, one_point_each, place
from .scopes import ALL, Scope
from .settings import LEAST_REPEATS, MOST_CELLS, MOST_DRAWN, POLYGON_MODES, SUBSETS
from .stable import Draws, draw_stable

LEAST_FREE = 0.2
"""Share of the cells far enough from landslides below which the stable points say little about the map."""


@dataclass
class Run:
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


def check_settings(subset: str, windows: Polygons | None, threshold: float, distance: float, repeats: int, seed: int,
                   polygon_mode: str) -> None:
    if subset not in SUBSETS:
        raise ParameterInvalid(f'SUBSET is "{subset}", but it is one of {", ".join(SUBSETS)}.')
    if subset != ALL and windows is None:
        raise ParameterInvalid(f"SUBSET is {subset}, but WINDOWS is empty. Give the window layer that scarp:trainpcum "
                               "wrote, or set SUBSET to all.")
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


def source_of(layer: Points | Polygons | None) -> str | None:
    """Return where a layer comes from, for the run record."""
    return None if layer is None else layer.source or layer.name


def require_on_map(landslides: Points | Polygons, grid: Grid) -> None:
    """Raise :class:`LayerEmpty` for a layer without features, or all of them off the map, before any long work."""
    if not len(landslides):
        raise LayerEmpty(f'The layer "{landslides.name}" given as LANDSLIDES has no feature. Choose the layer of the '
                         "inventory.")
    if isinstance(landslides, Points) and not grid.cells_of(landslides.xy)[2].any():
        raise LayerEmpty(f'None of the {len(landslides):,} landslides of "{landslides.name}" lies on the map: all are '
                         "outside the raster. Check the CRS of both layers and that they show the same area.")


def prepare(layers: MapLayers, landslides: Points | Polygons, stable: Points | None, main: Scope, repeats: int,
            distance: float, threshold: float, seed: int, every_cell: bool, notes: Notes, progress: Progress) -> Run:
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
    question = about_distance("DISTANCE", distance, layers.grid.cell_size()) if stable is None else ""
    if question:
        notes.warn(question)
    scopes = choose_scopes(layers, sample, main, notes)
    drawn = sum(int(sample.at.within(scope).sum()) for scope in scopes)
    made = min(repeats, max(LEAST_REPEATS, MOST_DRAWN // drawn))
    if made < repeats:
        notes.warn(f"REPEATS was cut from {repeats:,} to {made:,}: more draws of {drawn:,} points would not fit in "
                   "memory.")
    return Run(layers, sample, given, buffers, main, scopes, made, distance, threshold, seed, notes)


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
                         "used: they lie off the map, on cells without data, or on landslides. Check its CRS, or leave "
                         "STABLE empty to have stable points drawn at random.")
    return given.take(~both, replace(given.counts, doubled=given.counts.doubled + int(both.sum())))


def draw(run: Run, census: Mapping[str, Census], progress: Progress) -> dict[str, Draws]:
    """Draw stable points for all parts of the map; empty when they were given.

    Raises:
        TooFewData: no cell of the main part is far enough from the landslides.
    """
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


def stable_values(run: Run, draws: Mapping[str, Draws], scope: Scope) -> np.ndarray | None:
    """Return what all maps say at the stable points of a part of the map, given or drawn.

    Returns:
        Shape (maps, draws, points), one draw where the points were given; ``None`` where there are none, which has been
        said.

    Raises:
        LayerEmpty: no given stable point lies in the main part.
    """
    if run.stable is not None:
        values = run.stable.at.every[:, run.stable.at.within(scope)][:, None, :]
    elif scope.name in draws:
        values = draws[scope.name].every
    else:
        return None
    if values.shape[2]:
        return values
    text = f"None of the given stable points lies in {title_of(scope)}, so there are no numbers for it."
    if scope.name == run.main.name:
        raise LayerEmpty(text)
    run.notes.warn(text)
    return None
