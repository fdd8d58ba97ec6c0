"""Land that is held out of training in many ways, so that dissimilar land is among it.

Spatial folds inside one area are like the rest of it. As in the multi-purpose cross-validation of Meyer and Pebesma
(2021), the additive part of the model is therefore also fitted without whole regions (areas, where there are several),
without clusters of the factor space, and on one side of the land alone to be judged on the other: flat against steep,
high against low.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from ..labels import LANDSLIDE
from ..progress import Progress, stop_if_cancelled
from ..training import additive_fit
from ..training.fold_problem import FoldProblem
from ..windows.folded_cells import FoldedCells
from ..windows.split import TEST, TRAIN
from .prototypes import Prototypes

REGIONS, CLUSTERS = (2, 3, 4, 5), (3, 6)  # numbers of regions and of clusters of the factor space, left out in turn
DIRECTIONS = 4  # of the factor space along which one side is held out
SIDES = ((0.5, 0.75), (0.6, 0.8))
"""Shares of the land along a direction: the model learns from the lower one, and is judged on what lies above the
upper one. In the first pair shares are those of landslide cells, in the second of training cells."""
MIN_LANDSLIDES = 8  # to learn from, and to be judged on
LANDSLIDE_CELLS, STABLE_CELLS, OTHER_CELLS = 3000, 5000, 2500  # at most: to learn from and to be judged on, and beside
FOLD, REGION, CLUSTER, SIDE = "fold", "region", "cluster", "side"


@dataclass(frozen=True)
class HeldOut:
    """Cells that a model did not see."""

    way: str  # FOLD, REGION, CLUSTER or SIDE
    logit: np.ndarray  # of landslide, float64 (cells,)
    slide: np.ndarray  # whether a cell is a landslide cell, bool
    weight: np.ndarray  # landslides that a landslide cell stands for, cells of the area that another stands for
    dissimilarity: np.ndarray  # index to what the model saw

    @property
    def landslides(self) -> float:
        """Number of landslides."""
        return float(self.weight[self.slide].sum())


@dataclass(frozen=True)
class _Sample:
    rows: np.ndarray  # of the cells
    slide: np.ndarray
    weight: np.ndarray


def held_out_sets(
    cells: FoldedCells,
    problem: FoldProblem,
    out_of_fold: np.ndarray,
    additive: additive_fit.Additive,
    penalties: tuple[float, float],
    coordinates: np.ndarray,
    prototypes: Prototypes,
    width: int,
    seed: int,
    progress: Progress,
) -> list[HeldOut]:
    """Return all sets that hold enough landslides.

    ``out_of_fold`` are logits of the whole model, NaN without; ``additive`` is its additive part, from which the fits
    with ``penalties`` of curves and linear terms start; ``coordinates`` are of all cells; ``width`` is that of the
    grid.
    """
    sample = _draw(cells, problem, seed)
    learned, positions = problem.train[-1], np.stack([cells.places // width, cells.places % width], axis=1)
    members = np.zeros(len(cells.labels), dtype=np.int64)
    members[learned] = prototypes.of_cells
    of_prototype = prototypes.cells
    distances = np.sqrt(prototypes.squared_distances(coordinates[sample.rows]))

    def judged(way: str, trained: np.ndarray, tested: np.ndarray, logits: Any) -> HeldOut | None:
        """``trained`` and ``tested`` are bool (cells,); ``logits`` gives those of rows."""
        mine = tested[sample.rows]
        rows = sample.rows[mine]
        if sample.weight[mine & sample.slide].sum() < MIN_LANDSLIDES or not (mine & ~sample.slide).any():
            return None
        found = logits(rows)
        # A prototype is known to the model if most of its cells are.
        own = np.bincount(members[learned & trained], minlength=len(of_prototype))
        allowed = 2 * own > of_prototype
        if found is None or not allowed.any():
            return None
        known = np.isfinite(found)
        if not (known & sample.slide[mine]).any() or not (known & ~sample.slide[mine]).any():
            return None
        dissimilarity = distances[np.ix_(np.flatnonzero(mine)[known], allowed)].min(axis=1)
        slide, weight = sample.slide[mine][known], sample.weight[mine][known]
        return HeldOut(way, found[known], slide, weight, dissimilarity)

    result = [judged(FOLD, roles == TRAIN, roles == TEST, lambda rows: out_of_fold[rows]) for roles in cells.roles]
    ways = list(_ways(sample, learned, positions, cells.areas, coordinates, prototypes, seed))
    for number, (way, trained, tested) in enumerate(ways):
        stop_if_cancelled(progress)
        fit = _fitter(problem, sample, trained & learned, additive, penalties, lambda: stop_if_cancelled(progress))
        result.append(judged(way, trained, tested, fit))
        progress.report((number + 1) / len(ways))
    return [one for one in result if one is not None]


def _draw(cells: FoldedCells, problem: FoldProblem, seed: int) -> _Sample:
    """Draw cells; each drawn one then stands for more."""
    generator, slide = np.random.default_rng([seed, 63]), cells.labels == LANDSLIDE
    learned, rows, weights = problem.train[-1], [], []
    groups = ((slide, LANDSLIDE_CELLS), (~slide & learned, STABLE_CELLS), (~slide & ~learned, OTHER_CELLS))
    for group, most in groups:
        found = np.flatnonzero(group)
        chosen = found if len(found) <= most else np.sort(generator.choice(found, most, replace=False))
        whole = (cells.shares if group is slide else cells.counts)[found]
        own = (cells.shares if group is slide else cells.counts)[chosen]
        rows.append(chosen)
        weights.append(own * (whole.sum() / max(own.sum(), 1e-9)))
    chosen = np.concatenate(rows)
    return _Sample(chosen, slide[chosen], np.concatenate(weights))


def _ways(
    sample: _Sample,
    learned: np.ndarray,
    positions: np.ndarray,
    areas: np.ndarray,
    coordinates: np.ndarray,
    prototypes: Prototypes,
    seed: int,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield ways to hold land out: their kind, the cells to learn from and those to judge, each bool (cells,)."""
    slides = sample.rows[sample.slide]
    inside = (coordinates.astype(np.float64) - prototypes.centre) @ prototypes.axes
    drawn = sample.rows[learned[sample.rows]]
    several = np.unique(areas)
    if len(several) > 1:
        # Areas are regions by themselves, and places of different areas cannot be compared.
        for area in several:
            yield REGION, areas != area, areas == area
    for way, points, some, numbers in (
        (REGION, positions.astype(np.float64), slides, () if len(several) > 1 else REGIONS),
        (CLUSTER, inside, drawn, CLUSTERS),
    ):
        for number in numbers:
            if len(np.unique(points[some], axis=0)) <= number:
                continue
            groups = KMeans(number, n_init=2, random_state=seed % 2**31).fit(points[some]).predict(points)
            for group in range(number):
                yield way, groups != group, groups == group
    for direction in range(min(DIRECTIONS, inside.shape[1])):
        for sign in (1.0, -1.0):
            along = sign * inside[:, direction]
            for (low, high), some in zip(SIDES, (slides, drawn)):
                lower, upper = np.quantile(along[some], [low, high])
                yield SIDE, along <= lower, along >= upper


def _fitter(
    problem: FoldProblem,
    sample: _Sample,
    trained: np.ndarray,
    additive: additive_fit.Additive,
    penalties: tuple[float, float],
    check: Callable[[], None],
) -> Callable[[np.ndarray], np.ndarray | None]:
    """Return a function that fits the additive part on some cells and gives the logits of rows; ``None`` if these hold
    too few landslides.
    """

    def logits(rows: np.ndarray) -> np.ndarray | None:
        mine = trained[sample.rows]
        own, slide, weight = sample.rows[mine], sample.slide[mine], sample.weight[mine].copy()
        landslides = weight[slide].sum()
        if landslides < MIN_LANDSLIDES or slide.all():
            return None
        if problem.centre is not None and penalties[0] >= additive_fit.UNCHANGED:
            fitted = additive_fit.Additive(problem.centre)
        else:
            # Stable cells weigh alike, and together as much as the landslides; see :class:`.FoldProblem`.
            weight[~slide] = landslides / (~slide).sum()
            channels, (continuous, knots) = problem.image.shape[1], problem.knots.shape
            matrix = additive_fit.penalty(channels, continuous, *penalties, knots)
            data = problem.columns[own], slide.astype(np.float64), weight, matrix
            fitted = additive_fit.fit(*data, check, additive, problem.centre, problem.offset[own], problem.bounds)
        return problem.offset[rows] + fitted.logit(problem.columns[rows])

    return logits
