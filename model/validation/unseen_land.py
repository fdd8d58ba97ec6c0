"""The test of a trained model: how it ranks landslides among all other mapped land of the test subset.

All kinds of model are tested in the same way, on cells: landslide cells against every other mapped cell, by area, the
ring around landslides included. A second number is against the stable cells of the labels alone, which a ring keeps
away from landslides; it is the easier question.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from ..classical.fit import encoded, predict_logits
from ..encoding import Encoding
from ..grid import Grid
from ..labels import LANDSLIDE, UNKNOWN
from ..progress import Progress
from ..statistics import Estimate
from ..training.fit import FittedNetwork
from ..windows.cells import CellSet
from ..windows.collection import WindowSet
from .spatial_blocks import AucOfWeights, BlockResamples, SpatialBlocks, least_side, metric_positions

MAX_CELLS = 30_000  # of landslides and of other land each, drawn evenly
REPEATS = 400  # resamples of blocks
SLOPE = "slope"


@dataclass(frozen=True)
class ScoredCells:
    """Mapped cells of one subset with the score of a model."""

    scores: np.ndarray  # float64 (cells,), any scale: only the order counts
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable, 255 ring
    places: np.ndarray  # row × columns of the grid + column, int64 (cells,)
    counts: np.ndarray  # cells of the area that each stands for, float64 (cells,)
    slope: np.ndarray | None  # float32 (cells,)
    areas: np.ndarray | None = None  # number of the area of each cell, where there are several; uint8 (cells,)

    def area(self, grid: Grid) -> np.ndarray:
        """Return the area that each cell stands for in square metres, float64 (cells,)."""
        return self.counts * grid.cell_area()[self.places // grid.width]

    def of_area(self, number: int) -> ScoredCells:
        """Return the cells of one area, all of them where there is one."""
        return self if self.areas is None else _chosen(self, self.areas == number)


def score_windows(
    windows: WindowSet, fitted: FittedNetwork, factors: Sequence[Any], subset: int, grid: Grid
) -> ScoredCells:
    """Return the cells of the windows of a subset, each once; ``factors`` are those of the windows."""
    scores = fitted.scores if fitted.scores is not None else np.full(windows.labels.shape, np.nan, np.float32)
    ring = windows.ring if windows.ring is not None else np.zeros(windows.labels.shape, dtype=bool)
    window, row, column = np.nonzero((windows.labels != UNKNOWN) | ring)
    chosen = (windows.subsets[window] == subset) & np.isfinite(scores[window, row, column])
    window, row, column = window[chosen], row[chosen], column[chosen]
    first = windows.origins - windows.margin
    places, once = np.unique(
        (first[window, 0] + row) * np.int64(grid.width) + first[window, 1] + column, return_index=True
    )
    cells = window[once], row[once], column[once]
    slope = _slope(factors)
    of_slope = None if slope is None else windows.factors[cells[0], slope, cells[1], cells[2]]
    counts = np.ones(len(places))
    return ScoredCells(scores[cells].astype(np.float64), windows.labels[cells], places, counts, of_slope)


def score_cells(cells: CellSet, fitted: FittedNetwork, encoding: str, subset: int, progress: Progress) -> ScoredCells:
    """Return the sampled cells of a subset, with the ring cells; ``encoding`` is that of the settings."""
    slope, parts = _slope(fitted.factors), []
    for one in [cells] if cells.ring is None else [cells, cells.ring]:
        rows = one.rows(subset)
        logits = predict_logits(
            fitted.network, encoded(Encoding(fitted.factors, encoding), one.values[rows]), progress
        ).numpy()
        counts = one.weights()[rows]
        if one is cells.ring:
            counts = np.full(len(rows), one.totals[subset, 0] / max(len(rows), 1))
        of_slope = one.values[rows, slope or 0]
        parts.append((logits.astype(np.float64), one.labels[rows], one.places[rows], counts, of_slope))
    scores, labels, places, counts, slopes = (np.concatenate(column) for column in zip(*parts))
    return ScoredCells(scores, labels, places, counts, None if slope is None else slopes)


NUMBERS = ("auc", "auc_low", "auc_high", "blocks", "auc_stable", "auc_train", "auc_slope")


@dataclass(frozen=True)
class AreaGrid:
    """One area of a test."""

    grid: Grid
    radius: float  # largest label radius in metres, 0 where the labels tell none


def evaluate(test: ScoredCells, train: ScoredCells, areas: Sequence[AreaGrid], seed: int) -> dict[str, float | None]:
    """Return ``auc`` with ``auc_low``, ``auc_high`` and ``blocks``, ``auc_stable``, ``auc_train`` and ``auc_slope``.

    ``auc`` is that of landslide cells against all other mapped cells of the test land by area; its 95 % interval is
    from resampled blocks of land, and ``blocks`` the number of those that hold landslides. Blocks are at least as wide
    as two label radii, because the cells of a disc are one landslide. ``auc_stable`` is against
    stable cells alone, ``auc_train`` is ``auc`` on the training land, and ``auc_slope`` that of slope alone on the test
    land. A number is ``None`` where there are no landslide cells, no other ones, or no slope.

    Of several areas the AUCs are means, in which each area counts one: landslides are ranked among the land of their
    own area, as in a map.
    """
    tests, trains = ([_drawn(cells.of_area(number), seed) for number in range(len(areas))] for cells in (test, train))
    numbers: dict[str, float | None] = dict.fromkeys(NUMBERS)
    numbers["auc"], numbers["auc_train"] = _auc(tests, areas), _auc(trains, areas)
    stable = [_chosen(cells, cells.labels != UNKNOWN) for cells in tests]
    numbers["auc_stable"] = _auc(stable, areas)
    if test.slope is not None:
        by_slope = [dataclasses.replace(cells, scores=_slope_of(cells)) for cells in tests]
        numbers["auc_slope"] = _auc(by_slope, areas)
    if numbers["auc"] is not None:
        numbers.update(_interval(tests, areas, seed))
    return numbers


def evaluate_each(
    test: ScoredCells, train: ScoredCells, areas: Sequence[AreaGrid], seed: int
) -> list[dict[str, float | None]]:
    """Return the same for each area alone."""
    result = []
    for number, one in enumerate(areas):
        own, learned = (dataclasses.replace(cells.of_area(number), areas=None) for cells in (test, train))
        result.append(evaluate(own, learned, [one], seed))
    return result


def _slope_of(cells: ScoredCells) -> np.ndarray:
    return np.empty(0) if cells.slope is None else cells.slope.astype(np.float64)


def _slope(factors: Sequence[Any]) -> int | None:
    return next((index for index, factor in enumerate(factors) if factor.name == SLOPE), None)


def _chosen(cells: ScoredCells, which: np.ndarray) -> ScoredCells:
    slope = None if cells.slope is None else cells.slope[which]
    parts = (cells.scores[which], cells.labels[which], cells.places[which], cells.counts[which])
    return ScoredCells(*parts, slope, None if cells.areas is None else cells.areas[which])


def _drawn(cells: ScoredCells, seed: int) -> ScoredCells:
    """Return at most :data:`MAX_CELLS` landslide cells and as many others, which stand for all."""
    generator = np.random.default_rng([seed, 13])
    kept, counts = [np.empty(0, dtype=np.int64)], cells.counts.copy()
    for mine in (cells.labels == LANDSLIDE, cells.labels != LANDSLIDE):
        rows = np.flatnonzero(mine)
        if len(rows) > MAX_CELLS:
            counts[rows] *= len(rows) / MAX_CELLS
            rows = generator.choice(rows, MAX_CELLS, replace=False)
        kept.append(rows)
    return _chosen(dataclasses.replace(cells, counts=counts), np.sort(np.concatenate(kept)))


def _weights(cells: ScoredCells, grid: Grid) -> tuple[np.ndarray, np.ndarray] | None:
    """Return which cells are landslide cells, and the area of all; nothing if one kind is missing."""
    slide = cells.labels == LANDSLIDE
    return (slide, cells.area(grid)) if slide.any() and not slide.all() else None


def _auc(parts: Sequence[ScoredCells], areas: Sequence[AreaGrid]) -> float | None:
    found = []
    for cells, one in zip(parts, areas):
        known = _weights(cells, one.grid)
        if known is not None:
            slide, area = known
            found.append(float(roc_auc_score(slide, cells.scores, sample_weight=area)))
    return float(np.mean(found)) if found else None


def auc_of(cells: ScoredCells, which: np.ndarray, areas: Sequence[AreaGrid]) -> float:
    """Return the AUC of :func:`evaluate` for some of the cells; NaN without landslide cells or other land."""
    some = _chosen(cells, which)
    found = _auc([some.of_area(number) for number in range(len(areas))], areas)
    return math.nan if found is None else found


def differences(
    tests: Sequence[ScoredCells], best: int, areas: Sequence[AreaGrid], seed: int
) -> tuple[list[Estimate], int]:
    """Return how far the AUC of one model is above that of each, and the number of independent blocks behind it.

    All models are scored at the same cells and with the same resamples of blocks, so that the differences are paired;
    ``best`` is the number of the one. The blocks are the widest of those of the models and of their differences.
    Without landslide cells or other land the result is empty.
    """
    drawn = [[_drawn(cells.of_area(number), seed) for number in range(len(areas))] for cells in tests]
    found = _resampled(list(zip(*drawn)), areas, seed)
    if found is None:
        return [], 0
    exact, repeats, resamples = found
    gains = [
        resamples.estimate(exact[best] - exact[one], repeats[:, best] - repeats[:, one], "difference")
        for one in range(len(tests))
    ]
    return gains, resamples.independent


def _interval(parts: Sequence[ScoredCells], areas: Sequence[AreaGrid], seed: int) -> dict[str, float | None]:
    resampled = _resampled([[cells] for cells in parts], areas, seed)
    if resampled is None:
        return {}
    exact, repeats, resamples = resampled
    found = resamples.estimate(exact[0], repeats[:, 0], "share")
    low, high = (float(end) if np.isfinite(end) else None for end in (found.low, found.high))
    return {"auc_low": low, "auc_high": high, "blocks": resamples.independent}


def _resampled(
    parts: Sequence[Sequence[ScoredCells]], areas: Sequence[AreaGrid], seed: int
) -> tuple[list[float], np.ndarray, BlockResamples] | None:
    """Return the AUC of each model and the same in each resample, float64 (repeats, models), with the resamples.

    ``parts`` are the cells of each area, scored by each model. ``None`` if no area has landslide cells and other land.
    """
    ranked: list[_RankedArea] = []
    for models, one in zip(parts, areas):
        known = _weights(models[0], one.grid)
        if known is not None:
            ranked.append(_RankedArea(models, *known, one, seed, ranked[-1].end if ranked else 0))
    if not ranked:
        return None
    own, other = (np.concatenate([getattr(one, name) for one in ranked]) for name in ("own", "other"))
    resamples = BlockResamples(own, [other], REPEATS, np.random.default_rng([seed, 14]))
    for area in ranked:
        area.own, area.other = resamples.places(area.own), resamples.places(area.other)

    def aucs(weights: np.ndarray | None) -> list[float]:
        return [_mean([area.auc(model, weights) for area in ranked]) for model in range(len(parts[0]))]

    return aucs(None), np.array([aucs(weights) for weights in resamples.weights]), resamples


def _mean(found: Sequence[float]) -> float:
    """Return the mean of AUCs, without those of areas of which a resample has no landslides or no other land."""
    known = [value for value in found if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


class _RankedArea:
    """Landslide cells of an area among its other land, scored by each model, and the blocks that hold them, with
    numbers from ``first``.
    """

    def __init__(
        self, models: Sequence[ScoredCells], slide: np.ndarray, area: np.ndarray, one: AreaGrid, seed: int, first: int
    ) -> None:
        grid, places = one.grid, models[0].places
        self._orders = [AucOfWeights(cells.scores[slide], cells.scores[~slide]) for cells in models]
        self._area = area[slide], area[~slide]
        x, y = metric_positions(grid, places // grid.width, places % grid.width)
        smallest = max(2 * one.radius, least_side(grid))
        placements = [order.placements(area[~slide]) for order in self._orders]
        blocks = SpatialBlocks.estimate_for_maps(x[slide], y[slide], placements, seed, smallest)
        number = np.unique(blocks.index(x, y), return_inverse=True)[1].ravel() + first
        self.own, self.other, self.end = number[slide], number[~slide], int(number.max()) + 1

    def auc(self, model: int, weights: np.ndarray | None = None) -> float:
        """Return the AUC of a model with weights of blocks."""
        own, other = self._area
        if weights is not None:
            own, other = weights[self.own] * own, weights[self.other] * other
        return float(self._orders[model].auc(own, other))
