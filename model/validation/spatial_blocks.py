"""Blocks of land that are about independent, for intervals and tests of numbers from landslides that lie in clusters.

Landslides near each other resemble each other, so 280 of them tell less than 280 independent ones. The range of spatial
autocorrelation comes from a variogram of the landslides' placement values (the summands of the AUC). The land is cut
into square blocks whose side is that range, or wider where landslides resemble each other weakly over longer distances
as well. Whole blocks are resampled with replacement, landslides and other land together, and the spread of a number
over the resamples is its standard error. ``benchmarks/interval_coverage.py`` measures how often the intervals cover the
truth; ``docs/validation.md`` has its table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import NullProgress, Progress, stop_if_cancelled
from ..statistics import LEVEL, MIN_REPEATS, Estimate
from .settings import MIN_BLOCKS, MIN_INTERVAL_BLOCKS

if TYPE_CHECKING:
    from ..grid import Grid

INTERVAL = "blocks"  # name of these intervals in tables
MAX_PAIRED = 2000  # landslides of which all pairs go into the variogram; of more, so many are drawn
LAGS = 20  # classes of distance; each is wider than the one before, so that short distances are told apart
MIN_PAIRS = 30  # a class with fewer pairs joins the next one
MAX_BLOCKS = 20_000
RANGES = 60  # ranges that are tried
GROWTH = 0.5  # own standard errors by which wider blocks must show a larger error to be taken
STRUCTURE = 1.645  # standard errors by which near landslides must resemble each other more than any two do


def metric_positions(grid: Grid, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y in metres of the centres of cells, float64, for :meth:`SpatialBlocks.estimate` and ``index``.

    On a geographic grid x is measured along the cell's row from the middle of the grid (sinusoidal projection).
    """
    width, height = grid.spacing()
    north = np.cumsum(height) - height / 2
    return (columns + 0.5 - grid.width / 2) * width[rows], -north[rows]


def least_side(grid: Grid) -> float:
    """Return the least side of a block in metres: at most some 20,000 blocks cover the grid."""
    width, height = grid.spacing(grid.height // 2, 1)
    return math.sqrt(grid.width * float(width[0]) * grid.height * float(height[0]) / MAX_BLOCKS)


@dataclass(frozen=True)
class Variogram:
    """Empirical variogram and the spherical model through it."""

    distance: np.ndarray  # mean distance of the pairs of each class in metres, shape (classes,)
    semivariance: np.ndarray  # half the mean squared difference of the pairs
    pairs: np.ndarray  # number of pairs, float64
    nugget: float  # of the model: semivariance at distance 0
    partial_sill: float  # what is added to it at the range
    range_m: float
    """Distance from which landslides resemble each other no more than any two do; 0 where no structure is found."""

    def model(self, distance: np.ndarray) -> np.ndarray:
        """Return the semivariance of the model."""
        return _spherical(distance, self.nugget, self.partial_sill, max(self.range_m, 1e-9))


def _spherical(distance: np.ndarray, nugget: float, partial_sill: float, range_m: Any) -> np.ndarray:
    near = np.minimum(distance / range_m, 1.0)
    return nugget + partial_sill * (1.5 * near - 0.5 * near**3)


def fit_variogram(x: np.ndarray, y: np.ndarray, values: np.ndarray, seed: int) -> Variogram:
    """Return the variogram of values at points (Matheron 1963) with a spherical model.

    The model rises to the variance of the values. Its range and nugget are fitted by least squares with weights pairs ÷
    distance² (the default of gstat, Pebesma 2004): the best nugget of each range has a closed form, and the range is
    looked for among :data:`RANGES`, as the sum of squares may have several minima. Pairs up to half the diagonal of
    the points' extent count, and the range is no longer than that. It is 0 where near points resemble each other no
    more than chance makes them (Moran's I of the pairs up to any class, Cliff and Ord 1981).

    Args:
        x: metres, shape (points,).
        y: metres, shape (points,).
        values: shape (points,).
        seed: of the draw of :data:`MAX_PAIRED` points where there are more.
    """
    from scipy.spatial.distance import pdist

    if len(x) > MAX_PAIRED:
        chosen = np.random.default_rng([seed, 11]).choice(len(x), MAX_PAIRED, replace=False)
        x, y, values = x[chosen], y[chosen], values[chosen]
    values = values.astype(np.float64)
    variance = float(np.var(values)) if len(values) else 0.0
    farthest = math.hypot(float(np.ptp(x)), float(np.ptp(y))) / 2 if len(x) else 0.0
    empty = np.empty(0)
    if len(x) < 3 or variance <= 0 or farthest <= 0:
        return Variogram(empty, empty, empty, variance, 0.0, 0.0)
    distance = pdist(np.stack([x, y], axis=1))
    half_square = pdist(values[:, None], "sqeuclidean") / 2
    near = distance <= farthest
    distance, half_square = distance[near], half_square[near]
    lag = np.minimum((np.sqrt(distance / farthest) * LAGS).astype(np.int64), LAGS - 1)
    counts, sums = np.bincount(lag, minlength=LAGS), np.bincount(lag, distance, LAGS)
    squares = np.bincount(lag, half_square, LAGS)
    group = _joined(counts)
    counts, sums, squares = (np.bincount(group, part) for part in (counts, sums, squares))
    filled = counts > 0
    counts, lags, semivariance = counts[filled], sums[filled] / counts[filled], squares[filled] / counts[filled]
    if len(counts) < 3:
        return Variogram(lags, semivariance, counts, variance, 0.0, 0.0)
    weights = counts / np.maximum(lags, farthest * 1e-3) ** 2
    ranges = np.geomspace(max(lags[0], farthest * 1e-3), farthest, RANGES)
    below = 1 - _spherical(lags, 0.0, 1.0, ranges[:, None])
    missing = variance - semivariance
    sills = (below @ (weights * missing)) / np.maximum(below**2 @ weights, np.finfo(float).tiny)
    sills = np.clip(sills, 0.0, variance)
    best = int(np.argmin(((missing - sills[:, None] * below) ** 2) @ weights))
    partial_sill, range_m = float(sills[best]), float(ranges[best])
    # Without structure, I has a standard error of about one over the root of the number of pairs.
    reached = np.cumsum(counts)
    moran = np.cumsum(counts * missing) / reached / variance * np.sqrt(reached)
    if float(np.max(moran[lags <= range_m], initial=0.0)) < STRUCTURE:
        partial_sill, range_m = 0.0, 0.0
    return Variogram(lags, semivariance, counts, variance - partial_sill, partial_sill, range_m)


def _joined(counts: np.ndarray) -> np.ndarray:
    """Return the group of each class, so that every group but the last has at least ``MIN_PAIRS`` pairs."""
    group, number, pairs = np.zeros(len(counts), dtype=np.int64), 0, 0
    for index, count in enumerate(counts):
        group[index] = number
        pairs += int(count)
        if pairs >= MIN_PAIRS:
            number, pairs = number + 1, 0
    return group


@dataclass(frozen=True)
class SpatialBlocks:
    """Square blocks of land, as wide as the range of spatial autocorrelation or wider."""

    range_m: float  # range of spatial autocorrelation in metres; 0 where the landslides show none
    side_m: float  # side of a block in metres
    x: float  # corner of a block, metres
    y: float

    @classmethod
    def estimate(
        cls, x: np.ndarray, y: np.ndarray, values: np.ndarray, seed: int, smallest: float = 0.0
    ) -> SpatialBlocks:
        """Return blocks for the landslides of a map.

        Args:
            x: of the landslides, metres (:func:`metric_positions`), shape (landslides,).
            y: the same.
            values: their placement values: share of other land that is less susceptible; shape (landslides,).
            seed: of the draw of landslides for the variogram.
            smallest: least side in metres, so that there are not too many blocks; :func:`least_side`.

        The side is the range; without structure it is the median distance to the nearest landslide, so that most blocks
        hold one. A variogram's model sees the strong resemblance nearby and not a weak one over longer distances, which
        counts as much where there are many landslides. So the side is doubled as long as :data:`MIN_BLOCKS` blocks hold
        landslides, and the widest blocks are taken over which the standard error of the mean value is larger than over
        narrower ones by more than half of its own error, 1 ÷ √(2 B) of it for B blocks.
        """
        range_m = fit_variogram(x, y, values, seed).range_m
        corner = (float(x.min()), float(y.min())) if len(x) else (0.0, 0.0)
        blocks = cls(range_m, max(range_m, _median_nearest(x, y), smallest), *corner)
        error, wider = blocks._error(x, y, values)[0], blocks
        while error > 0:
            wider = replace(wider, side_m=2 * wider.side_m)
            larger, number = wider._error(x, y, values)
            if number < MIN_BLOCKS:
                break
            if larger > error * (1 + GROWTH / math.sqrt(2 * number)):
                blocks, error = wider, larger
        return blocks

    def index(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the number of the block that each point lies in, int64; positions in metres, as for the estimate."""
        column, row = (np.floor((a - b) / self.side_m).astype(np.int64) for a, b in ((x, self.x), (y, self.y)))
        return (row << 32) + column

    @classmethod
    def estimate_for_maps(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        placements: Sequence[np.ndarray],
        seed: int,
        smallest: float = 0.0,
        progress: Progress | None = None,
    ) -> SpatialBlocks:
        """Return the widest blocks of several maps and of the differences of any two, whose structure may be longer.

        ``placements`` are the placement values in each map; otherwise as :meth:`estimate`.
        """
        found = []
        for values in (*placements, *(a - b for a, b in combinations(placements, 2))):
            stop_if_cancelled(progress or NullProgress())
            found.append(cls.estimate(x, y, values, seed, smallest))
        return max(found, key=lambda one: one.side_m)

    def _error(self, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[float, int]:
        """Return the standard error of the mean of values at points over the blocks, and the number of blocks."""
        _, block = np.unique(self.index(x, y), return_inverse=True)
        number = int(block.max()) + 1 if len(block) else 0
        if number < 2:
            return 0.0, number
        sums = np.bincount(block, values - values.mean())
        return math.sqrt(float(sums @ sums) * number / (number - 1)) / len(values), number

    def count(self, x: np.ndarray, y: np.ndarray) -> int:
        """Return the number of independent blocks: those that hold any of some landslides."""
        return len(np.unique(self.index(x, y)))


def _median_nearest(x: np.ndarray, y: np.ndarray) -> float:
    """Return the median distance to the nearest other place in metres; 1 where there is one place only."""
    from scipy.spatial import cKDTree

    places = np.unique(np.stack([x, y], axis=1), axis=0)
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def resample_weights(count: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of ``count`` blocks is drawn with replacement, uint8, shape (repeats, count)."""
    weights = np.zeros((repeats, count), dtype=np.uint8)
    for row in weights:
        row[:] = np.bincount(rng.integers(0, count, count), minlength=count)
    return weights


class BlockResamples:
    """Resamples of the blocks of a part of the land, and the intervals and tests that follow from their spread.

    Each repeat draws as many blocks as there are, with replacement; a landslide, or a cell of other land, counts as
    often as its block was drawn. All numbers of one part of the land, and all maps, share the resamples, so that
    differences between them are paired.
    """

    def __init__(self, landslides: np.ndarray, land: Sequence[np.ndarray], repeats: int, rng: np.random.Generator):
        """Draw the resamples.

        Args:
            landslides: block of each landslide (:meth:`SpatialBlocks.index`), shape (landslides,), at least one.
            land: blocks of other land, arrays of any shape; blocks without a landslide are resampled too.
        """
        self._blocks = np.unique(np.concatenate([landslides, *(np.unique(part) for part in land)]))
        self.weights = resample_weights(len(self._blocks), repeats, rng)
        """How often each block was drawn, uint8, shape (repeats, blocks)."""
        counts = np.unique(landslides, return_counts=True)[1].astype(np.float64)
        self.independent = len(counts)
        """Blocks that hold landslides."""
        self._effective = float(counts.sum() ** 2 / (counts**2).sum())

    @property
    def testable(self) -> bool:
        """Whether there are enough independent blocks for a test."""
        return self.independent >= MIN_BLOCKS

    def places(self, blocks: np.ndarray) -> np.ndarray:
        """Return the column of ``weights`` of each block, int64, any shape; the blocks are among those given."""
        return np.searchsorted(self._blocks, blocks)

    def estimate(self, value: float, repeats: np.ndarray, scale: str) -> Estimate:
        """Return a number with its 95 % interval.

        Half the width is the spread of the repeats times √(B ÷ (B − 1)) and the quantile of Student's t, on a scale
        without bounds. B is the number of independent blocks and the degrees of freedom are the effective number of
        them less one: (Σ n)² ÷ Σ n², with n landslides in a block (Carter, Schnepel and Steigerwald 2017). No interval
        with fewer than ``MIN_INTERVAL_BLOCKS`` blocks or :data:`MIN_REPEATS` repeats.

        Args:
            repeats: the number in each resample, shape (repeats,); NaN where it has no value.
            scale: ``share`` for numbers from 0 to 1 (AUC, recall; logit), ``ratio`` for positive ones (log), or
                ``difference``.
        """
        error, t = self._error(repeats), self._quantile()
        if not (math.isfinite(value) and math.isfinite(error) and math.isfinite(t)):
            return Estimate(float(value))
        low, high = _ends(float(value), t * error, scale, self._effective)
        return Estimate(float(value), low, high, INTERVAL)

    def p(self, difference: float, repeats: np.ndarray) -> float:
        """Return the two-sided p of a difference (Student's t over blocks); NaN where no test is possible."""
        from scipy.stats import t

        error = self._error(repeats)
        if not (self.testable and math.isfinite(difference) and math.isfinite(error)):
            return math.nan
        if difference == 0 or error == 0:
            return 1.0 if difference == 0 else 0.0
        return float(2 * t.sf(abs(difference) / error, self._degrees()))

    def _degrees(self) -> float:
        return max(self._effective - 1, 1.0)

    def _quantile(self) -> float:
        from scipy.stats import t

        return float(t.ppf(0.5 + LEVEL / 2, self._degrees())) if self.independent >= MIN_INTERVAL_BLOCKS else math.nan

    def _error(self, repeats: np.ndarray) -> float:
        known = np.asarray(repeats, dtype=np.float64)
        known = known[np.isfinite(known)]
        if len(known) < MIN_REPEATS or self.independent < MIN_INTERVAL_BLOCKS:
            return math.nan
        return float(np.std(known, ddof=1)) * math.sqrt(self.independent / (self.independent - 1))


def _ends(value: float, half: float, scale: str, blocks: float) -> tuple[float, float]:
    """Return the ends of an interval whose half width on the plain scale is ``half``, made on another scale."""
    if scale == "difference":
        return value - half, value + half
    if scale == "ratio":
        return (value * math.exp(-half / value), value * math.exp(half / value)) if value > 0 else (math.nan, math.nan)
    if value <= 0 or value >= 1:
        # None, or all, of so many blocks (Clopper and Pearson 1934): 1 in every block is still no certainty.
        reach = 1 - ((1 - LEVEL) / 2) ** (1 / blocks)
        return (0.0, reach) if value <= 0 else (1 - reach, 1.0)
    centre, width = math.log(value / (1 - value)), half / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-np.clip(centre + sign * width, -700, 700))) for sign in (-1, 1))
    return low, high


class AucOfWeights:
    """AUC of landslides against other land for many sets of weights; the values are sorted once."""

    def __init__(self, landslide: np.ndarray, land: np.ndarray) -> None:
        """Take the susceptibility at landslides and at cells of other land, of one dimension, at least one each."""
        values, place = np.unique(np.concatenate([landslide, land]), return_inverse=True)
        self._landslide, self._land, self._values = place[: len(landslide)], place[len(landslide) :], len(values)

    def placements(self, land_weights: np.ndarray) -> np.ndarray:
        """Return the weighted share of land below each landslide, ties half; NaN where no land has weight."""
        counted = np.bincount(self._land, land_weights, self._values)
        reached = np.cumsum(counted)
        with np.errstate(invalid="ignore"):
            return (reached - counted / 2)[self._landslide] / reached[-1]

    def auc(self, landslide_weights: np.ndarray, land_weights: np.ndarray) -> float:
        """Return the weighted AUC; NaN where no landslide or no land has weight."""
        total = float(landslide_weights.sum())
        return float(landslide_weights @ self.placements(land_weights)) / total if total else math.nan
