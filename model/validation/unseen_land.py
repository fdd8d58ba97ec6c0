"""The test of a trained model: how it ranks landslides among all other mapped land of the test subset.

All kinds of model are tested in the same way, on cells: landslide cells against every other mapped cell, by area, the
ring around landslides included. A second number is against the stable cells of the labels alone, which a ring keeps
away from landslides; it is the easier question.
"""

from __future__ import annotations

import dataclasses
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

    def area(self, grid: Grid) -> np.ndarray:
        """Return the area that each cell stands for in square metres, float64 (cells,)."""
        return self.counts * grid.cell_area()[self.places // grid.width]


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


def evaluate(test: ScoredCells, train: ScoredCells, grid: Grid, radius: float, seed: int) -> dict[str, float | None]:
    """Return ``auc`` with ``auc_low``, ``auc_high`` and ``blocks``, ``auc_stable``, ``auc_train`` and ``auc_slope``.

    ``auc`` is that of landslide cells against all other mapped cells of the test land by area; its 95 % interval is
    from resampled blocks of land, and ``blocks`` the number of those that hold landslides. Blocks are at least as wide
    as two label radii (``radius``, metres), because the cells of a disc are one landslide. ``auc_stable`` is against
    stable cells alone, ``auc_train`` is ``auc`` on the training land, and ``auc_slope`` that of slope alone on the test
    land. A number is ``None`` where there are no landslide cells, no other ones, or no slope.
    """
    test, train = (_drawn(cells, seed) for cells in (test, train))
    names = ("auc", "auc_low", "auc_high", "blocks", "auc_stable", "auc_train", "auc_slope")
    numbers: dict[str, float | None] = dict.fromkeys(names)
    numbers["auc"], numbers["auc_train"] = _auc(test, grid), _auc(train, grid)
    stable = _chosen(test, test.labels != UNKNOWN)
    numbers["auc_stable"] = _auc(stable, grid)
    if test.slope is not None:
        numbers["auc_slope"] = _auc(dataclasses.replace(test, scores=test.slope.astype(np.float64)), grid)
    if numbers["auc"] is not None:
        numbers.update(_interval(test, grid, radius, seed))
    return numbers


def _slope(factors: Sequence[Any]) -> int | None:
    return next((index for index, factor in enumerate(factors) if factor.name == SLOPE), None)


def _chosen(cells: ScoredCells, which: np.ndarray) -> ScoredCells:
    slope = None if cells.slope is None else cells.slope[which]
    parts = (cells.scores[which], cells.labels[which], cells.places[which], cells.counts[which])
    return ScoredCells(*parts, slope)


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


def _auc(cells: ScoredCells, grid: Grid) -> float | None:
    slide = cells.labels == LANDSLIDE
    if not slide.any() or slide.all():
        return None
    return float(roc_auc_score(slide, cells.scores, sample_weight=cells.area(grid)))


def _interval(cells: ScoredCells, grid: Grid, radius: float, seed: int) -> dict[str, float | None]:
    slide, area = cells.labels == LANDSLIDE, cells.area(grid)
    x, y = metric_positions(grid, cells.places // grid.width, cells.places % grid.width)
    order = AucOfWeights(cells.scores[slide], cells.scores[~slide])
    smallest = max(2 * radius, least_side(grid))
    blocks = SpatialBlocks.estimate(x[slide], y[slide], order.placements(area[~slide]), seed, smallest)
    own, other = blocks.index(x[slide], y[slide]), blocks.index(x[~slide], y[~slide])
    resamples = BlockResamples(own, [other], REPEATS, np.random.default_rng([seed, 14]))
    own, other = resamples.places(own), resamples.places(other)
    drawn = [order.auc(weights[own] * area[slide], weights[other] * area[~slide]) for weights in resamples.weights]
    found = resamples.estimate(float(order.auc(area[slide], area[~slide])), np.array(drawn), "share")
    low, high = (float(end) if np.isfinite(end) else None for end in (found.low, found.high))
    return {"auc_low": low, "auc_high": high, "blocks": resamples.independent}
