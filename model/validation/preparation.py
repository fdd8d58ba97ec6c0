"""What a validation starts from: landslides and stable points on cells of the map, and the scopes that get numbers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..errors import LayerEmpty, ParameterInvalid, ScarpError, TooFewData
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.unit_checks import suspect_distance_unit
from ..inputs.vectors import Landslides, Points
from ..labels.buffers import Buffers, landslide_buffers
from ..labels.discs import read_discs
from ..outputs.run_record import input_file
from ..progress import Progress, SubProgress, WarningLog
from ..statistics import MIN_REPEATS
from ..texts import join_names
from . import settings
from .map_layers import HeldOutLayers, MapLayers, Scope, own_layers
from .sampling import Draws, Frame, LandslideBuffers, MapStatistics, Sample, draw_cells, sample_layer
from .settings import ALL, MIN_LANDSLIDES, REGION_PREFIX, SUBSET_CODES, EvaluationLayers, EvaluationOptions
from .spatial_blocks import BlockResamples, SpatialBlocks, least_side, metric_positions

FIRST_REGION_SEED_OFFSET = 10
Chosen = TypeVar("Chosen", bound=EvaluationOptions)
MIN_FREE_SHARE = 0.2
"""Share of the cells far enough from landslides below which the stable points say little about the map."""


@dataclass
class ValidationData:
    """What the steps of a validation share."""

    layers: MapLayers
    options: EvaluationOptions
    landslides: Sample
    stable: Sample | None  # given stable points; None when they are drawn
    buffers: LandslideBuffers
    main: Scope  # the scope of the main numbers
    scopes: list[Scope]
    repeats: int  # draws, no more than fit in memory
    warning_log: WarningLog

    land_cells: int  # cells of other land, of each scope, that are resampled together with the landslides

    @property
    def drawn(self) -> bool:
        """Whether stable points are drawn, not given."""
        return self.stable is None

    def subset_counts(self) -> dict[str, int]:
        """Return the landslides by subset; nothing without windows, or where windows do not tell fit from test."""
        if self.layers.subsets is None or self.layers.held_out or self.layers.seen:
            return {}
        return {name: int((self.landslides.cell_values.subset == code).sum()) for name, code in SUBSET_CODES.items()}


def _subset_scope(subset: str) -> Scope:
    return Scope(ALL) if subset == ALL else Scope(subset, SUBSET_CODES[subset], seed_offset=SUBSET_CODES[subset])


def scope_phrase(scope: Scope) -> str:
    """Return the name of a scope within a sentence."""
    if scope.name.startswith(REGION_PREFIX):
        return f"the region {scope.name[len(REGION_PREFIX) :]}"
    return "the map" if scope.name == ALL else f"the {scope.name} windows"


def require_windows(vectors: EvaluationLayers, options: EvaluationOptions) -> None:
    """Raise :class:`ParameterInvalid` for a subset without windows."""
    if options.subset != ALL and vectors.windows is None:
        raise ParameterInvalid(
            f"SUBSET is {options.subset}, but WINDOWS is empty. Give the window layer that scarp:trainpcum wrote, "
            "or set SUBSET to all."
        )


def require_on_map(landslides: Landslides, grid: Grid) -> None:
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


def complete_options(options: Chosen, maps: Sequence[str | os.PathLike], grid: Grid, progress: Progress) -> Chosen:
    """Return options with a number for an automatic DISTANCE, and tell it; ``maps`` are the maps that are judged."""
    if options.distance is not None:
        return options
    distance, why = 2 * grid.cell_size(), "two cells"
    for path in maps:
        found = _label_reach(path)
        if found > distance:
            distance, why = found, f"as far as the labels of the model reach that made {os.path.basename(path)}"
    distance = float(f"{distance:.4g}")
    progress.report(0.0, f"DISTANCE is automatic: {distance:g} m, {why}.")
    return replace(options, distance=distance)


def _label_reach(susceptibility: str | os.PathLike) -> float:
    """Return how many metres the landslides and rings of the labels reach that the records of a map lead to, else 0."""
    labels = input_file(susceptibility, "LABELS") or input_file(input_file(susceptibility, "MODEL") or "", "LABELS")
    if labels is not None:
        with contextlib.suppress(ScarpError), open_raster(labels, "label") as dataset:
            discs = read_discs(dataset, Grid.from_dataset(dataset, "label"))
            return 0.0 if discs is None else max(discs.largest, discs.ring)
    return 0.0


def prepare_validation(
    layers: MapLayers, vectors: EvaluationLayers, options: EvaluationOptions, log: WarningLog, progress: Progress
) -> ValidationData:
    """Bring landslides and given stable points to the map, and choose the scopes that get numbers. ``layers``: the map,
    or several on one grid. Raises ``LayerEmpty`` if no landslide, or no given stable point, is on the map;
    ``TooFewData`` for too few landslides.
    """
    landslides, stable = vectors.landslides, vectors.stable
    every_cell = options.polygon_mode == settings.POLYGON_MODES[1]
    rng = np.random.default_rng([options.seed, 0])
    sample = sample_layer(landslides, layers, every_cell, settings.MAX_CELLS, rng, SubProgress(progress, 0.0, 0.6))
    _warn_excluded_features(sample, "landslides", landslides.name, log)
    if not len(sample):
        counts = sample.counts
        raise LayerEmpty(
            f'None of the {counts.features:,} landslides of "{landslides.name}" lies on the map: '
            f"{counts.off_map:,} outside the raster, {counts.on_nodata:,} on cells without data. Check "
            "the CRS of both layers and that they show the same area."
        )
    if every_cell and not isinstance(landslides, Points):
        log.warn(
            "Every cell of a landslide polygon counts, so large landslides weigh more. Cells of one landslide "
            "resemble each other: intervals named DeLong are too narrow here, those named blocks resample whole "
            "landslides and are right."
        )
    given = None
    if stable is not None:
        given = _sample_given_stable(stable, layers, sample, rng, log, SubProgress(progress, 0.6, 0.8))
    held = _buffers(layers.grid, landslides, 0.0, SubProgress(progress, 0.8, 0.9))
    near = None
    if stable is None:
        near = _buffers(layers.grid, landslides, options.metres, SubProgress(progress, 0.9, 1.0))
        suspicion = suspect_distance_unit("DISTANCE", options.metres, layers.grid.cell_size())
        if suspicion:
            log.warn(suspicion)
    main = _subset_scope(options.subset)
    scopes = _choose_scopes(layers, sample, main, log)
    drawn = sum(int(sample.cell_values.in_scope(scope).sum()) for scope in scopes)
    repeats = min(options.repeats, max(MIN_REPEATS, settings.MAX_DRAWN // drawn))
    if repeats < options.repeats:
        log.warn(
            f"REPEATS was reduced from {options.repeats:,} to {repeats:,}: more draws of {drawn:,} points would not "
            "fit in memory."
        )
    buffers = LandslideBuffers(held, near)
    land_cells = min(settings.LAND_CELLS, max(settings.MIN_LAND_CELLS, settings.MAX_DRAWN // len(scopes)))
    return ValidationData(layers, options, sample, given, buffers, main, scopes, repeats, log, land_cells)


def _buffers(grid: Grid, landslides: Landslides, metres: float, progress: Progress) -> Buffers:
    return landslide_buffers(grid, landslides, np.full(len(landslides), float(metres)), 0.0, progress)[0]


def _choose_scopes(layers: MapLayers, landslides: Sample, main: Scope, log: WarningLog) -> list[Scope]:
    """Return the whole map, the subsets with landslides, and the regions with landslides, the latter in the subset."""
    if len(landslides) < MIN_LANDSLIDES:
        raise TooFewData(
            f"The landslides lie in {len(landslides)} cell of the map only; a validation needs them in at least "
            f"{MIN_LANDSLIDES}, and is rough below {settings.FEW_LANDSLIDES}. Give a larger inventory as LANDSLIDES."
        )
    scopes = [Scope(ALL)]
    if layers.subsets is not None:
        for name, code in SUBSET_CODES.items():
            scope = _subset_scope(name)
            if name != main.name and (layers.held_out or layers.seen):
                continue
            number = int(landslides.cell_values.in_scope(scope).sum())
            if number >= MIN_LANDSLIDES:
                scopes.append(scope)
            elif name == main.name:
                remedy = "Set SUBSET to all, or train with larger windows or another SEED."
                if layers.seen:
                    remedy = "All land trained the model, so there is none for test. Set SUBSET to all, and "
                    remedy += "use OUT_OF_FOLD." if not layers.held_out else "OUT_OF_FOLD tells what was not seen."
                raise LayerEmpty(f"{number} landslides lie in {name} windows, too few for a validation. {remedy}")
            elif code in layers.subsets.codes:
                log.warn(f"{number} landslides lie in {name} windows, so there are no numbers for them.")
    if layers.regions is not None:
        empty = []
        for number, label in enumerate(layers.regions.labels):
            scope = Scope(f"{REGION_PREFIX}{label}", main.subset, number, FIRST_REGION_SEED_OFFSET + number)
            if int(landslides.cell_values.in_scope(scope).sum()) >= MIN_LANDSLIDES:
                scopes.append(scope)
            else:
                empty.append(label)
        if empty:
            log.warn(
                f"Fewer than {MIN_LANDSLIDES} landslides lie in these regions, so there are no numbers for "
                f"them: {join_names(empty)}."
            )
    return scopes


def _sample_given_stable(
    stable: Landslides,
    layers: MapLayers,
    landslides: Sample,
    rng: np.random.Generator,
    log: WarningLog,
    progress: Progress,
) -> Sample:
    if not len(stable):
        raise LayerEmpty(
            f'The layer "{stable.name}" given as STABLE has no feature. Leave STABLE empty to have stable '
            "points drawn at random."
        )
    # A polygon of stable land says something of each of its cells.
    given = sample_layer(stable, layers, not isinstance(stable, Points), settings.MAX_CELLS, rng, progress)
    _warn_excluded_features(given, "stable points", stable.name, log)
    width = layers.grid.width
    both = np.isin(given.rows * width + given.columns, landslides.rows * width + landslides.columns)
    if both.any():
        log.warn(f"{int(both.sum()):,} of the given stable points lie in the cell of a landslide and are left out.")
    if both.all():
        raise LayerEmpty(
            f'None of the {given.counts.features:,} features of "{stable.name}" given as STABLE can be '
            "used: they lie off the map, on cells without data, or on landslides. Check its CRS, or leave "
            "STABLE empty to have stable points drawn at random."
        )
    return given.take(~both, replace(given.counts, duplicates=given.counts.duplicates + int(both.sum())))


def _warn_excluded_features(sample: Sample, what: str, name: str, log: WarningLog) -> None:
    counts = sample.counts
    reasons = (
        (counts.off_map, f"{counts.off_map:,} outside the map"),
        (counts.on_nodata, f"{counts.on_nodata:,} on cells without susceptibility"),
        (counts.duplicates, f"{counts.duplicates:,} in a cell that another one already stands for"),
        (counts.thinned, f"{counts.thinned:,} at random, to keep the number within bounds"),
    )
    left_out = ", ".join(reason for number, reason in reasons if number)
    if left_out:
        one_each = counts.candidate_cells + counts.off_map == counts.features
        used = f'The {counts.features:,} {what} of "{name}" have {len(sample):,} cells that count.'
        if one_each:
            used = f'Of the {counts.features:,} {what} of "{name}", {len(sample):,} count.'
        log.warn(f"{used} Left out: {left_out}.")


def draw_for_scopes(
    data: ValidationData, statistics: Mapping[str, MapStatistics], progress: Progress
) -> dict[str, ScopeDraws]:
    """Draw cells of other land, and stable points unless they were given, for all scopes that can be evaluated. Raises
    ``TooFewData`` if no cell of the main scope is free of landslides, or far enough from them for stable points.
    """
    options, warn = data.options, data.warning_log.warn
    frames: dict[tuple[str, bool], Frame] = {}
    for scope in data.scopes:
        found = statistics[scope.name]
        number = int(data.landslides.cell_values.in_scope(scope).sum())
        problem = None
        if not found.land.cells:
            problem = (
                f"Every cell of {scope_phrase(scope)} holds a landslide, so there is no other land to compare them "
                "with. Give a map of a larger area, or an inventory of single landslides."
            )
        elif data.drawn and not found.frame.cells:
            problem = (
                f"No cell of {scope_phrase(scope)} is farther than {options.metres:g} m from every landslide, so no "
                "stable point can be drawn. Make DISTANCE smaller."
            )
        if problem is not None:
            if scope.name == data.main.name:
                raise TooFewData(problem)
            warn(problem)
            continue
        frames[scope.name, False] = Frame(scope, found.land, data.buffers.held, data.land_cells, 1, _LAND_STREAM)
        if data.buffers.near is not None:
            if found.frame.cells < number:
                warn(
                    f"Only {found.frame.cells:,} cells of {scope_phrase(scope)} are farther than "
                    f"{options.metres:g} m from every landslide: there are fewer stable points than landslides "
                    f"({number:,})."
                )
            frame = Frame(scope, found.frame, data.buffers.near, number, data.repeats, _STABLE_STREAM)
            frames[scope.name, True] = frame
    main = statistics[data.main.name]
    share = main.frame.cells / max(main.cells, 1)
    if data.drawn and share < MIN_FREE_SHARE:
        warn(
            f"Only {share:.1%} of the cells are farther than {options.metres:g} m from every landslide. "
            "Stable points from so small a part say little about the map; make DISTANCE smaller."
        )
    drawn = draw_cells(data.layers, frames, options.seed, progress)
    return {name: ScopeDraws(one, drawn.get((name, True))) for (name, stable), one in drawn.items() if not stable}


_STABLE_STREAM, _LAND_STREAM, _RESAMPLING_STREAM = 1, 3, 2


@dataclass(frozen=True)
class ScopeDraws:
    """What was drawn in a scope."""

    land: Draws  # one draw of other land
    stable: Draws | None  # stable points, one draw a repeat; None when they were given


@dataclass(frozen=True)
class ScopeSample:
    """Landslides, other land and stable points of a scope with their blocks; all maps share them."""

    landslides: Sample
    land: np.ndarray
    """Susceptibility in each of the maps at cells of other land, drawn by area, float32, shape (maps, cells)."""
    stable: np.ndarray
    """The same at the stable points, shape (maps, repeats, points), or (maps, 1, points) for given points."""
    blocks: SpatialBlocks
    resamples: BlockResamples
    landslide_places: np.ndarray  # column of ``resamples.weights`` of each landslide
    land_places: np.ndarray
    stable_places: np.ndarray  # shape (repeats, points), or (1, points)


def estimate_blocks(data: ValidationData, statistics: Mapping[str, MapStatistics], progress: Progress) -> SpatialBlocks:
    """Return the blocks for all scopes, from all landslides: the widest of any map or difference of two."""
    grid, placements = data.layers.grid, statistics[ALL].placements
    if isinstance(own_layers(data.layers), HeldOutLayers):
        placements = [placements[0], *placements[HeldOutLayers.map_count :]]
    sample = data.landslides.in_scope(Scope(ALL))
    x, y = metric_positions(grid, sample.rows, sample.columns)
    values = [one.result() for one in placements]
    return SpatialBlocks.estimate_for_maps(x, y, values, data.options.seed, least_side(grid), progress)


def sample_scope(
    data: ValidationData, blocks: SpatialBlocks, draws: Mapping[str, ScopeDraws], scope: Scope
) -> ScopeSample | None:
    """Return what a scope is evaluated on, and draw its resamples; ``None``, after a warning, where nothing could be
    drawn or no given stable point lies. Raises ``LayerEmpty`` if that is the main scope.
    """
    if scope.name not in draws:
        return None
    drawn, given = draws[scope.name], None if data.stable is None else data.stable.in_scope(scope)
    if given is not None and not len(given):
        text = f"None of the given stable points lies in {scope_phrase(scope)}, so there are no numbers for it."
        if scope.name == data.main.name:
            raise LayerEmpty(text)
        data.warning_log.warn(text)
        return None
    grid = data.layers.grid
    inside = data.landslides.cell_values.in_scope(scope)
    of_landslides = _landslide_blocks(data.landslides, grid, blocks)[inside]
    of_land = blocks.index(*metric_positions(grid, drawn.land.rows[0], drawn.land.columns[0]))
    if given is not None:
        stable, rows, columns = given.cell_values.values_by_map[:, None, :], given.rows[None], given.columns[None]
    elif drawn.stable is not None:
        stable, rows, columns = drawn.stable.values_by_map, drawn.stable.rows, drawn.stable.columns
    of_stable = blocks.index(*metric_positions(grid, rows, columns))
    rng = np.random.default_rng([data.options.seed, _RESAMPLING_STREAM, scope.seed_offset])
    resamples = BlockResamples(of_landslides, [of_land, of_stable], data.repeats, rng)
    places = (resamples.places(one) for one in (of_landslides, of_land, of_stable))
    land = drawn.land.values_by_map[:, 0]
    return ScopeSample(data.landslides.take(inside), land, stable, blocks, resamples, *places)


def _landslide_blocks(sample: Sample, grid: Grid, blocks: SpatialBlocks) -> np.ndarray:
    """Return the block of each landslide cell; the cells of one polygon are in the block of their middle."""
    _, feature = np.unique(sample.feature, return_inverse=True)
    cells = np.bincount(feature)
    x, y = metric_positions(grid, sample.rows, sample.columns)
    return blocks.index(*((np.bincount(feature, one) / cells) for one in (x, y)))[feature]
