"""Statistics of samples (estimates with intervals) and of all cells of a map (exact quantiles, ranks by area).

The bits of a float32, with the sign flipped, are a whole number that sorts as the values do. A first pass counts cells
or area by the upper 16 bits of these keys, which shows in which of 65,536 bins a quantile lies. A second pass counts
the lower 16 bits of the few bins that matter, which gives the value itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from .errors import TooFewData

LEVEL = 0.95  # level of all intervals
MIN_REPEATS = 20  # with fewer repeats, no interval is taken from them


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; ``low`` and ``high`` are NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan
    interval: str = ""  # what it is made from: blocks, draws, bootstrap, DeLong, or nothing

    @property
    def has_interval(self) -> bool:
        """Whether ``low`` and ``high`` are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def z_value(level: float = LEVEL) -> float:
    """Return half the width of the normal interval in standard errors: 1.96 for 95 %."""
    from scipy.stats import norm  # slow to import, and ranks alone do not need it

    return float(norm.ppf(0.5 + level / 2))


def percentile_interval(repeats: np.ndarray) -> tuple[float, float]:
    """Return the middle 95 % of repeated results (percentile interval, Efron 1979).

    NaN results are left out. Both ends are NaN with fewer than ``MIN_REPEATS`` others, which show no 95 % range.
    """
    finite = np.asarray(repeats, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size < MIN_REPEATS:
        return math.nan, math.nan
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def from_repeats(value: float, repeats: np.ndarray, interval: str) -> Estimate:
    """Return a number with the percentile interval of its repeats."""
    low, high = percentile_interval(repeats)
    return Estimate(float(value), low, high, interval if math.isfinite(low) else "")


CellScan = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Gives all cells once, in portions: values (float32, no NaN) and their weights (float64), both of one dimension."""

_HALF = 16
_BINS = 1 << _HALF
_LOWER = np.uint32(_BINS - 1)
_ROUNDING = 1e-12


def sort_keys(values: np.ndarray) -> np.ndarray:
    """Return whole numbers (uint32) that sort as float32 values without NaN do; -0 and 0 are the same."""
    bits = (values + np.float32(0)).view(np.uint32)
    # The sign shifted over all bits inverts a negative number; the first bit is flipped in every number.
    flip = bits.view(np.int32) >> 31
    flip |= np.int32(-1 << 31)
    bits ^= flip.view(np.uint32)
    return bits


def values_of_keys(keys: Any) -> np.ndarray:
    """Return the float32 values of sort keys, the inverse of :func:`sort_keys`."""
    bits = np.asarray(keys, dtype=np.uint32)
    negative = bits < np.uint32(0x80000000)
    return np.where(negative, ~bits, bits ^ np.uint32(0x80000000)).astype(np.uint32).view(np.float32)


class _KeyCounts:
    """Cells, or their weight, by the upper half of the sort keys, then by the lower half in selected bins."""

    def __init__(self, dtype: type) -> None:
        self.coarse: np.ndarray = np.zeros(_BINS, dtype=dtype)
        self._slot = np.full(_BINS, -1, dtype=np.int8)
        self._fine: np.ndarray = np.zeros((0, _BINS), dtype=dtype)

    def add(self, values: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.coarse += np.bincount(sort_keys(values) >> np.uint32(_HALF), weights, minlength=_BINS)

    def select(self, bins: Iterable[int]) -> None:
        """Choose, between the passes, the bins whose lower half is counted."""
        places = sorted(set(bins))
        self._slot[:] = -1
        self._slot[places] = np.arange(len(places))
        self._fine = np.zeros((len(places), _BINS), dtype=self.coarse.dtype)

    def refine(self, values: np.ndarray, weights: np.ndarray | None = None) -> None:
        keys = sort_keys(values)
        slot = self._slot[keys >> np.uint32(_HALF)]
        for number, counts in enumerate(self._fine):
            chosen = slot == number
            counts += np.bincount(keys[chosen] & _LOWER, None if weights is None else weights[chosen], minlength=_BINS)

    def fine(self, place: int) -> np.ndarray:
        return self._fine[self._slot[place]]


def _value(place: int, lower: int) -> float:
    return float(values_of_keys([(place << _HALF) | lower])[0])


@dataclass(frozen=True)
class WeightedQuantiles:
    """Quantiles and what the same two passes show besides."""

    values: list[float]  # for each share the smallest value up to which at least that share of the weight lies
    cumulative_shares: list[float]
    """Share of the weight up to and with each value; above the share asked for where cells are tied."""
    tied_shares: list[float]  # share of the weight that has exactly each value
    minimum: float
    maximum: float
    cells: int
    weight: float
    max_cell_weight: float  # share of the weight of the heaviest single cell: no cut can be more exact


def weighted_quantiles(scan: CellScan, shares: Sequence[float]) -> WeightedQuantiles:
    """Return exact weighted quantiles (NumPy's ``inverted_cdf``) at shares from 0 to 1; the scan is called twice.

    Raises:
        TooFewData: there is no cell.
    """
    counts = _KeyCounts(np.float64)
    cells, minimum, maximum, max_cell_weight = 0, np.inf, -np.inf, 0.0
    for values, weights in scan():
        if len(values):
            max_cell_weight = max(max_cell_weight, float(weights.max()))
            counts.add(values, weights)
            cells += len(values)
            minimum, maximum = min(minimum, float(values.min())), max(maximum, float(values.max()))
    if not cells:
        raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    cumulative = np.cumsum(counts.coarse)
    weight = float(cumulative[-1])
    targets = [share * weight * (1 - _ROUNDING) for share in shares]
    bins = [_first_reaching(cumulative, counts.coarse, target) for target in targets]
    counts.select(bins)
    for values, weights in scan():
        counts.refine(values, weights)
    result = WeightedQuantiles([], [], [], minimum, maximum, cells, weight, max_cell_weight / weight)
    for target, place in zip(targets, bins):
        fine = counts.fine(place)
        within = (cumulative[place - 1] if place else 0.0) + np.cumsum(fine)
        lower = _first_reaching(within, fine, target)
        result.values.append(_value(place, lower))
        result.cumulative_shares.append(float(within[lower] / weight))
        result.tied_shares.append(float(fine[lower] / weight))
    return result


def _first_reaching(cumulative: np.ndarray, counts: np.ndarray, target: float) -> int:
    """Return the first bin with weight up to which the target is reached."""
    filled = np.flatnonzero(counts)
    place = int(np.searchsorted(cumulative[filled], target, side="left"))
    return int(filled[min(place, len(filled) - 1)])


class StreamingQuantiles:
    """Quantiles of one variable; :meth:`add` every cell, then :meth:`refine` with every cell again."""

    def __init__(self) -> None:
        self._counts = _KeyCounts(np.int64)

    @property
    def count(self) -> int:
        """Cells counted so far."""
        return int(self._counts.coarse.sum())

    def add(self, values: np.ndarray) -> None:
        """Take in finite float32 cells, shape (cells,), in the first pass."""
        self._counts.add(values)

    def approximate(self, probability: float) -> float:
        """Return a quantile to within 0.8 % of its value, after the first pass; NaN without cells."""
        return _value(self._bin_of(probability), _BINS // 2) if self.count else float("nan")

    def prepare_exact(self, probabilities: Iterable[float]) -> None:
        """State, between the passes, which quantiles :meth:`exact` will be asked for."""
        places = [self._bin_of(probability) for probability in probabilities] if self.count else []
        self._counts.select([*places, int(self._counts.coarse.argmax())] if self.count else [])

    def refine(self, values: np.ndarray) -> None:
        """Take in the same cells again, in the second pass."""
        self._counts.refine(values)

    def exact(self, probability: float) -> float:
        """Return a quantile after the second pass (NumPy's ``inverted_cdf``); NaN without cells."""
        if not self.count:
            return float("nan")
        place = self._bin_of(probability)
        before = int(self._counts.coarse[:place].sum())
        reached = self._counts.fine(place).cumsum()
        return _value(place, int(np.searchsorted(reached, self._rank(probability) - before, side="left")))

    def most_common(self) -> tuple[float, int]:
        """Return the value that most cells hold and how many, after the second pass.

        It is looked for where values are densest; a value that more than half of all cells hold is always found.
        """
        if not self.count:
            return float("nan"), 0
        place = int(self._counts.coarse.argmax())
        fine = self._counts.fine(place)
        lower = int(fine.argmax())
        return _value(place, lower), int(fine[lower])

    def count_outside(self, low: float, high: float) -> int:
        """Return how many cells lie outside ``low`` to ``high``, less those within 0.8 % of either."""
        first, last = (int(key) for key in sort_keys(np.array([low, high], dtype=np.float32)) >> np.uint32(_HALF))
        return int(self._counts.coarse[:first].sum() + self._counts.coarse[last + 1 :].sum())

    def _rank(self, probability: float) -> int:
        # Rounding first, so that 0.07 · 100 is 7 and not 7.000000000000001.
        return max(1, int(np.ceil(round(probability * self.count, 6))))

    def _bin_of(self, probability: float) -> int:
        return int(np.searchsorted(self._counts.coarse.cumsum(), self._rank(probability), side="left"))


_FINE = 18  # a refined bin of AreaRanks holds about 2^-18 of the area, where the values are spread evenly in its bin


class AreaRanks:
    """Rank of every value of one map by area. First ``count`` all cells, then ``refine``, ``count`` again, ``finish``.

    The second pass splits each bin until it holds a few millionths of the area or its values are told apart, so ranks
    are exact to that, and ties stay ties.
    """

    def __init__(self) -> None:
        self.minimum, self.maximum = np.inf, -np.inf
        self._area = np.zeros(_BINS)
        self._offset = np.arange(_BINS, dtype=np.int64)
        self._shift = np.full(_BINS, _HALF, dtype=np.uint32)
        self.midranks = np.empty(0)
        """By bin, the share of the area below it and half of its own: the mean rank of tied cells, 0 to 1."""

    def index(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value (float32, finite), int64."""
        keys = sort_keys(np.ascontiguousarray(values))
        upper = keys >> np.uint32(_HALF)
        return self._offset[upper] + ((keys & _LOWER) >> self._shift[upper])

    def count(self, values: np.ndarray, areas: np.ndarray | float) -> None:
        """Add cells: values (float32, finite, one dimension) and the area of each, or of all alike."""
        if not len(values):
            return
        self.minimum, self.maximum = min(self.minimum, float(values.min())), max(self.maximum, float(values.max()))
        index = self.index(values)
        first = int(index.min())
        if isinstance(areas, float):
            counted: np.ndarray = np.bincount(index - first) * areas
        else:
            counted = np.bincount(index - first, weights=areas)
        self._area[first : first + len(counted)] += counted

    def refine(self) -> None:
        """Split the bins by what they hold, and empty them for the second pass."""
        share = self._area / self._area.sum()
        bits = np.zeros(_BINS, dtype=np.int64)
        filled = share > 0
        bits[filled] = np.clip(np.ceil(np.log2(share[filled]) + _FINE), 0, _HALF)
        sizes = np.int64(1) << bits
        self._offset = np.cumsum(sizes) - sizes
        self._shift = (_HALF - bits).astype(np.uint32)
        self._area = np.zeros(int(sizes.sum()))

    def finish(self) -> None:
        """Compute the ranks once all cells are counted finely."""
        self.midranks = (np.cumsum(self._area) - self._area / 2) / self._area.sum()

    @property
    def bins(self) -> int:
        """How many bins have area; the number of different values, where those are few."""
        return int(np.count_nonzero(self._area))

    @property
    def variance(self) -> float:
        """Variance of the ranks over the area: 1/12 without ties, 0 for a map of one value."""
        return float(self._area @ (self.midranks - 0.5) ** 2 / self._area.sum())

    def rank(self, values: np.ndarray) -> np.ndarray:
        """Return the rank of each value, 0 (least susceptible) to 1, float64; NaN stays NaN."""
        known = np.isfinite(values)
        result = np.full(values.shape, np.nan)
        result[known] = self.midranks[self.index(values[known])]
        return result

    def zones(self, shares: Sequence[float]) -> np.ndarray:
        """Return the zone of each bin, uint8, for zones that end at cumulative shares of the area.

        As in :func:`weighted_quantiles`, a zone ends with the first value up to which its share is reached. A map that
        has as many values as there are zones is a map of zones already, whatever their shares.
        """
        reached, filled = np.cumsum(self._area), np.flatnonzero(self._area)
        result = np.ones(len(self._area), dtype=np.uint8)
        if len(filled) == len(shares) + 1:
            result[:] = 1 + np.minimum(np.searchsorted(filled, np.arange(len(result))), len(shares))
            return result
        for share in shares:
            place = int(np.searchsorted(reached[filled], share * reached[-1] * (1 - _ROUNDING), side="left"))
            result[filled[min(place, len(filled) - 1)] + 1 :] += 1
        return result

    def shares(self, zones: np.ndarray, count: int) -> np.ndarray:
        """Return the share of the area in zones 1 to ``count``, given the zone of each bin."""
        return np.bincount(zones, weights=self._area, minlength=count + 1)[1:] / self._area.sum()


_SHIFT = 13
_MIDDLE = int(np.float32(0.5).view(np.uint32) >> _SHIFT)
HISTOGRAM_BINS = 2 * _MIDDLE + 1


def bin_index(susceptibility: np.ndarray) -> np.ndarray:
    """Return the bin of :class:`SusceptibilityHistogram` of each finite value, cut to 0…1; int64, any shape.

    Bins rise with susceptibility. Their width is a thousandth of the distance from 0 or, in the upper half, from 1, so
    that a map that crowds near 0 or 1, as outputs of networks do, is still ranked finely.
    """
    # Adding zero turns -0.0, whose sign bit would make it the largest, into 0.0.
    values = np.clip(np.asarray(susceptibility, dtype=np.float32), 0, 1) + np.float32(0)
    low = values <= 0.5
    # 1 - p is exact in float32 for p in 0.5…1.
    bits = (np.where(low, values, 1 - values).astype(np.float32).view(np.uint32) >> _SHIFT).astype(np.int64)
    return np.where(low, bits, 2 * _MIDDLE - bits)


def log_odds_spread(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the log odds of an ensemble, to first order, from mean and standard deviation of
    its probabilities. Nearer than a millionth to 0 or 1, that of there.
    """
    near = np.clip(mean.astype(np.float64), 1e-6, 1 - 1e-6)
    return spread / (near * (1 - near))


class SusceptibilityHistogram:
    """Area by susceptibility, from one pass."""

    def __init__(self) -> None:
        self.area = np.zeros(HISTOGRAM_BINS)  # square metres by bin

    def add(self, bins: np.ndarray, areas: np.ndarray) -> None:
        """Add cells: their bins and areas in square metres, both of shape (cells,)."""
        if bins.size:
            first = int(bins.min())
            counted = np.bincount(bins - first, weights=areas)
            self.area[first : first + counted.size] += counted

    def values_at(self, shares: Sequence[float]) -> list[float]:
        """Return the value up to which each share of the area lies, to within a bin; NaN without area."""
        total = float(self.area.sum())
        if not total:
            return [math.nan] * len(shares)
        bins = np.searchsorted(np.cumsum(self.area), np.asarray(shares) * total * (1 - _ROUNDING))
        low = bins <= _MIDDLE
        bits = ((np.where(low, bins, 2 * _MIDDLE - bins) << _SHIFT) + (1 << (_SHIFT - 1))).astype(np.uint32)
        near = bits.view(np.float32).astype(np.float64)
        return np.where(bins == _MIDDLE, 0.5, np.where(low, near, 1 - near)).tolist()

    def share_above(self, susceptibility: np.ndarray) -> np.ndarray:
        """Return the share of the area more susceptible than each value, 0 to 1, its own bin counted half."""
        total = float(self.area.sum())
        above = total - np.cumsum(self.area)
        bins = bin_index(susceptibility)
        return (above[bins] + self.area[bins] / 2) / total
