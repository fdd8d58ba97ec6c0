"""The rank of every value of a map, by area, in bounded memory whatever the size of the map and its values.

The bits of float32 numbers sort as the numbers do (see ``zones.quantiles``). A first walk counts area by the upper 16
bits. The second counts it more finely: a bin is halved until it holds a few millionths of the area or the values are
told apart exactly, so ranks are exact to that, and ties stay ties.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .weighted_quantiles import sort_keys

_HALF = 16
_BINS = 1 << _HALF
_FINE = 18
"""A refined bin holds about 2^-18 of the area, where the values are spread evenly in the bin before."""
_ROUNDING = 1e-12


class AreaRanks:
    """Area below each value of one map. First ``count`` all cells, then ``refine``, ``count`` again, ``finish``."""

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
        return self._offset[upper] + ((keys & np.uint32(_BINS - 1)) >> self._shift[upper])

    def count(self, values: np.ndarray, areas: np.ndarray | float) -> None:
        """Add cells: values (float32, finite, one dimension) and the area of each, or of all alike."""
        if len(values):
            self.minimum = min(self.minimum, float(values.min()))
            self.maximum = max(self.maximum, float(values.max()))
            self.add(self.index(values), areas)

    def add(self, index: np.ndarray, areas: np.ndarray | float) -> None:
        """Add cells by their bins."""
        first = int(index.min())
        if isinstance(areas, float):
            counted = np.bincount(index - first) * areas
        else:
            counted = np.bincount(index - first, weights=areas)
        self._area[first : first + len(counted)] += counted

    def refine(self) -> None:
        """Split the bins by what they hold, and empty them for the second walk."""
        share = self._area / self._area.sum()
        bits = np.zeros(_BINS, dtype=np.int64)
        filled = share > 0
        bits[filled] = np.clip(np.ceil(np.log2(share[filled]) + _FINE), 0, _HALF)
        sizes = np.int64(1) << bits
        self._offset = np.cumsum(sizes) - sizes
        self._shift = (_HALF - bits).astype(np.uint32)
        self._area = np.zeros(int(sizes.sum()))

    def finish(self) -> None:
        """Make the ranks once all cells are counted finely."""
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

        As in ``zones.quantiles``, a zone ends with the first value up to which its share is reached. A map that has as
        many values as there are zones is a map of zones already, whatever their shares.
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
