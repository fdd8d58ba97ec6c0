"""AUC of folds, of the whole out-of-fold map and of baselines, with intervals from resampled blocks of land.

One set of resamples serves all numbers of a run: so the differences between splits, and between a model and a baseline,
are paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..grid import Grid
from ..progress import Progress, stop_if_cancelled
from ..statistics import Estimate
from .metrics import Curve, ThresholdCurve, curve_with_band, normal_interval, placements, success_rate_curve
from .out_of_fold import IS_LAND, IS_LANDSLIDE, IS_STABLE, EvaluationSample
from .settings import ALL
from .spatial_blocks import AucOfWeights, BlockResamples, SpatialBlocks, least_side, metric_positions

REPEATS = 1000  # resamples of the blocks
BAND_REPEATS = 100  # of these that the band of a curve is made of
MEAN = "mean"  # name of the row with the means over the folds


@dataclass
class BaselineResult:
    """A map that costs nothing, judged at the same cells, beside the model where both have a value."""

    auc: Estimate
    model: Estimate  # the model's at these cells
    difference: Estimate  # of the model − of the baseline, paired


COUNTS = "landslides", "land", "stable"  # numbers of cells of a row


@dataclass
class FoldResult:
    """One row of the table."""

    fold: str  # number from 1 or name; all for the whole map, whose folds are ranked together; or mean over the folds
    landslides: int  # cells with a landslide and a value
    land: int  # cells of other mapped land
    stable: int  # cells that the labels call stable
    blocks: int  # independent blocks of land that hold the landslides
    auc: Estimate  # landslides against all other mapped land
    delong: Estimate  # the same, if landslides were independent
    auc_stable: Estimate  # landslides against stable land only
    baselines: dict[str, BaselineResult] = field(default_factory=dict)


class _CellAuc:
    """The AUC of landslides against other cells of a sample, where both have a value."""

    def __init__(self, values: np.ndarray, slides: np.ndarray, others: np.ndarray) -> None:
        """``values``: of all cells of the sample; the other two are indices of cells."""
        self.slides, self.others = (index[np.isfinite(values[index])] for index in (slides, others))
        both = len(self.slides) and len(self.others)
        self._auc = AucOfWeights(values[self.slides], values[self.others]) if both else None

    def value(self, weights: np.ndarray) -> float:
        """Return the AUC under weights of all cells of the sample; NaN without landslides or without others."""
        return math.nan if self._auc is None else self._auc.auc(weights[self.slides], weights[self.others])


class Resampling:
    """Blocks of land drawn with replacement."""

    def __init__(self, sample: EvaluationSample, grid: Grid, values: np.ndarray, seed: int) -> None:
        """Choose the blocks by how far landslides resemble each other in a map; ``values``: of it at the sample."""
        x, y = metric_positions(grid, sample.rows, sample.columns)
        slides, land = (index[np.isfinite(values[index])] for index in map(sample.indices, (IS_LANDSLIDE, IS_LAND)))
        placed = placements(values[slides], values[land]).landslide
        self.blocks = SpatialBlocks.estimate(x[slides], y[slides], placed, seed, least_side(grid))
        found, self.block_of = np.unique(self.blocks.index(x, y), return_inverse=True)
        self._count, self._seed = len(found), seed

    def draw(self, parts: Sequence[_CellAuc], progress: Progress) -> np.ndarray:
        """Return the AUC of each part in each resample, float64 (repeats, parts)."""
        generator = np.random.default_rng([self._seed, 8])
        shares = np.full(self._count, 1 / self._count)
        result = np.empty((REPEATS, len(parts)))
        for repeat in range(REPEATS):
            stop_if_cancelled(progress)
            weights = generator.multinomial(self._count, shares).astype(np.float64)[self.block_of]
            result[repeat] = [part.value(weights) for part in parts]
            progress.report(repeat / REPEATS)
        return result

    def prediction_rate(self, sample: EvaluationSample) -> tuple[float, Curve]:
        """Return the prediction-rate curve of the map that the sample was drawn for, and the area under it."""
        generator = np.random.default_rng([self._seed, 9])
        shares, own = np.full(self._count, 1 / self._count), self.block_of[sample.indices(IS_LANDSLIDE)]
        repeats = []
        for _ in range(BAND_REPEATS):
            weights = generator.multinomial(self._count, shares)[own]
            if weights.any():
                repeats.append(success_rate_curve(sample.shares_above, weights))
        curve = curve_with_band(success_rate_curve(sample.shares_above), repeats)
        return 1 - float(sample.shares_above.mean()), curve

    def intervals(self, slides: np.ndarray) -> BlockResamples | None:
        """Return what makes intervals of numbers from some landslides of the sample; ``None`` without any."""
        blocks = self.block_of[slides]
        return BlockResamples(blocks, [], 0, np.random.default_rng(self._seed)) if len(blocks) else None


@dataclass
class Draws:
    """The AUC of each map in each scope, the means over the folds last, and the same in each resample."""

    exact: np.ndarray  # float64 (maps, scopes): first the map itself, then against stable land, then baselines
    drawn: np.ndarray  # float64 (repeats, maps, scopes)
    baselines: dict[str, tuple[int, int]]  # map of each baseline, and the map to compare it with
    blocks: np.ndarray  # of the landslides, int64 (landslides,)


@dataclass
class SplitScores:
    """What one split gives: a row for each fold, the row of the whole map, and the means."""

    rows: list[FoldResult]
    repeats: np.ndarray  # mean AUC over the folds in each resample
    intervals: BlockResamples | None  # of numbers from all landslides
    draws: Draws  # what all numbers were made from

    @property
    def single(self) -> list[FoldResult]:
        """The rows of folds."""
        return self.rows[:-2]

    @property
    def pooled(self) -> FoldResult:
        """The row of the whole map."""
        return self.rows[-2]

    @property
    def mean(self) -> FoldResult:
        """The row of the means."""
        return self.rows[-1]


def score_split(
    sample: EvaluationSample,
    values: np.ndarray,
    fold_of: np.ndarray,
    names: Sequence[str],
    baselines: Mapping[str, np.ndarray],
    resampling: Resampling,
    progress: Progress,
) -> SplitScores:
    """Judge an out-of-fold map and baselines.

    Args:
        sample: the cells.
        values: of the map at the cells.
        fold_of: fold of each cell.
        names: of the folds.
        baselines: values of each baseline at the cells.
        resampling: for the intervals.
        progress: of the resamples.
    """
    scopes = [*(fold_of == fold for fold in range(len(names))), np.ones(len(values), dtype=bool)]
    maps, places = [(values, IS_LAND), (values, IS_STABLE)], {}
    for name, other in baselines.items():
        # Where the baseline has a value wherever the model has one, the model's numbers are those of its own row.
        beside = np.isfinite(other[np.isfinite(values)]).all()
        places[name] = len(maps), 0 if beside else len(maps) + 1
        maps.append((np.where(np.isfinite(values), other, np.nan), IS_LAND))
        maps += [] if beside else [(np.where(np.isfinite(other), values, np.nan), IS_LAND)]
    slides, parts = sample.kind == IS_LANDSLIDE, []
    for map_values, kind in maps:
        for scope in scopes:
            chosen = (np.flatnonzero(scope & of) for of in (slides, sample.kind == kind))
            parts.append(_CellAuc(map_values, *chosen))
    shape, once = (len(maps), len(scopes)), np.ones(len(values))
    exact = np.array([part.value(once) for part in parts]).reshape(shape)
    drawn = resampling.draw(parts, progress).reshape(REPEATS, *shape)
    # The means over the folds are the last column.
    exact, drawn = (np.concatenate([one, _means(one[..., :-1])], axis=-1) for one in (exact, drawn))
    rows = []
    for place, name in enumerate([*names, ALL, MEAN]):
        scope = scopes[min(place, len(names))]
        some = [np.flatnonzero(scope & (sample.kind == kind) & np.isfinite(values)) for kind in range(3)]
        intervals = resampling.intervals(some[IS_LANDSLIDE])
        found = [_estimate(intervals, exact[one, place], drawn[:, one, place]) for one in range(len(maps))]
        compared = {}
        for baseline, (one, model) in places.items():
            better, by_draw = (values[..., model, place] - values[..., one, place] for values in (exact, drawn))
            gain = _estimate(intervals, better, by_draw, "difference")
            compared[baseline] = BaselineResult(found[one], found[model], gain)
        alone = Estimate(math.nan) if name == MEAN else _delong(values[some[IS_LANDSLIDE]], values[some[IS_LAND]])
        counts = len(some[IS_LANDSLIDE]), len(some[IS_LAND]), len(some[IS_STABLE])
        blocks = 0 if intervals is None else intervals.independent
        rows.append(FoldResult(name, *counts, blocks, found[0], alone, found[1], compared))
    judged = np.flatnonzero(slides & np.isfinite(values))
    draws = Draws(exact, drawn, places, resampling.block_of[judged])
    return SplitScores(rows, drawn[:, 0, -1], resampling.intervals(judged), draws)


def mean_of_areas(parts: Sequence[SplitScores]) -> FoldResult:
    """Return the means over areas, each judged alone as one fold, with intervals for these areas: their blocks are
    resampled, not the areas. Baselines are those that all areas have.
    """
    numbers = [np.unique(part.draws.blocks, return_inverse=True)[1].ravel() for part in parts]
    before = np.cumsum([0, *(int(own.max(initial=-1)) + 1 for own in numbers)])
    blocks = np.concatenate([own + first for own, first in zip(numbers, before)])
    intervals = BlockResamples(blocks, [], 0, np.random.default_rng(0)) if len(blocks) else None

    def mean(maps: Sequence[int]) -> tuple[float, np.ndarray]:
        exact = np.array([part.draws.exact[one, 0] for part, one in zip(parts, maps)])
        drawn = np.stack([part.draws.drawn[:, one, 0] for part, one in zip(parts, maps)], axis=-1)
        return float(_means(exact)[0]), _means(drawn)[:, 0]

    compared, every = {}, [part.draws.baselines for part in parts]
    for name in (name for name in every[0] if all(name in known for known in every)):
        alone, model = (mean([known[name][place] for known in every]) for place in (0, 1))
        gain = _estimate(intervals, model[0] - alone[0], model[1] - alone[1], "difference")
        compared[name] = BaselineResult(_estimate(intervals, *alone), _estimate(intervals, *model), gain)
    auc, stable = (_estimate(intervals, *mean([place] * len(parts))) for place in (0, 1))
    landslides, land, known = (sum(getattr(part.rows[0], name) for part in parts) for name in COUNTS)
    independent = 0 if intervals is None else intervals.independent
    return FoldResult(MEAN, landslides, land, known, independent, auc, Estimate(math.nan), stable, compared)


def roc_of(sample: EvaluationSample, values: np.ndarray) -> Curve:
    """Return the ROC curve of a map against other land, without a band; ``values``: of it at the sample."""
    slides, land = (values[index][np.isfinite(values[index])] for index in map(sample.indices, (IS_LANDSLIDE, IS_LAND)))
    return curve_with_band(ThresholdCurve(slides, land).roc(), [])


def optimism(spatial: SplitScores, random: SplitScores) -> Estimate:
    """Return how much better the mean AUC of a random split is, with the paired interval."""
    value = random.mean.auc.value - spatial.mean.auc.value
    return _estimate(spatial.intervals, value, random.repeats - spatial.repeats, "difference")


def _estimate(intervals: BlockResamples | None, value: float, repeats: np.ndarray, scale: str = "share") -> Estimate:
    return Estimate(float(value)) if intervals is None else intervals.estimate(float(value), repeats, scale)


def _means(folds: np.ndarray) -> np.ndarray:
    """Return the mean of the last axis without NaN, kept as an axis; NaN where there is nothing else."""
    known = np.isfinite(folds)
    with np.errstate(invalid="ignore"):
        return np.where(known, folds, 0).sum(axis=-1, keepdims=True) / known.sum(axis=-1, keepdims=True)


def _delong(slides: np.ndarray, land: np.ndarray) -> Estimate:
    if not len(slides) or not len(land):
        return Estimate(math.nan)
    found = placements(slides, land)
    return Estimate(found.auc, *normal_interval(found.auc, found.variance), "DeLong")
