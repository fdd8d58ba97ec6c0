"""Exact quantiles of float32 cells in two passes and bounded memory.

The bits of a float32, with the sign turned round, are a whole number in the order of the values. The first pass counts
the upper 16 bits of it, which place every quantile within 0.8 %; the second counts the lower 16 bits of the few
numbers that matter, which gives the value itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BINS = 1 << 16


def ordered_bits(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the order of the values.

    Args:
        values: float32 without NaN, any shape. Minus zero counts as zero.

    Returns:
        uint32, the shape of ``values``.
    """
    bits = (values + np.float32(0)).view(np.int32)
    return (bits ^ ((bits >> 31) | np.int32(-2147483648))).view(np.uint32)


def values_of(ordered: np.ndarray) -> np.ndarray:
    """Return the float32 values of ordered bits, the inverse of :func:`ordered_bits`."""
    bits = np.asarray(ordered, dtype=np.uint32)
    negative = bits < np.uint32(0x80000000)
    return np.where(negative, ~bits, bits ^ np.uint32(0x80000000)).astype(np.uint32).view(np.float32)


class StreamingQuantiles:
    """Quantiles of one variable; :meth:`add` every cell, then :meth:`refine` with every cell again."""

    def __init__(self) -> None:
        """Begin with no cells."""
        self.upper = np.zeros(BINS, dtype=np.int64)
        """Cells by the upper 16 bits."""
        self._slot = np.full(BINS, -1, dtype=np.int8)
        self._lower = np.zeros((0, BINS), dtype=np.int64)

    @property
    def count(self) -> int:
        """Cells counted so far."""
        return int(self.upper.sum())

    def add(self, values: np.ndarray) -> None:
        """Take in finite float32 cells, shape (cells,), in the first pass."""
        self.upper += np.bincount(ordered_bits(values) >> np.uint32(16), minlength=BINS)

    def approximate(self, probability: float) -> float:
        """Return a quantile to within 0.8 % of its value, after the first pass; NaN without cells."""
        if not self.count:
            return float("nan")
        place = self._bin_of(probability)
        return float(values_of(np.array([(place << 16) | 0x8000]))[0])

    def prepare_exact(self, probabilities: Iterable[float]) -> None:
        """Say, between the passes, which quantiles :meth:`exact` will be asked for."""
        places = sorted(
            {self._bin_of(probability) for probability in probabilities} | {int(self.upper.argmax())}
            if self.count
            else set()
        )
        self._slot[:] = -1
        self._slot[places] = np.arange(len(places))
        self._lower = np.zeros((len(places), BINS), dtype=np.int64)

    def refine(self, values: np.ndarray) -> None:
        """Take in the same cells again, in the second pass."""
        bits = ordered_bits(values)
        slot = self._slot[bits >> np.uint32(16)]
        for number in range(len(self._lower)):
            self._lower[number] += np.bincount(bits[slot == number] & np.uint32(0xFFFF), minlength=BINS)

    def exact(self, probability: float) -> float:
        """Return a quantile after the second pass: the smallest value with at least that share of cells at or below.

        This is NumPy's ``inverted_cdf``. NaN without cells.
        """
        if not self.count:
            return float("nan")
        place = self._bin_of(probability)
        before = int(self.upper[:place].sum())
        counts = self._lower[self._slot[place]].cumsum()
        lower = int(np.searchsorted(counts, self._rank(probability) - before, side="left"))
        return float(values_of(np.array([(place << 16) | lower]))[0])

    def most_common(self) -> tuple[float, int]:
        """Return the value that most cells hold and how many, after the second pass.

        It is sought where values are densest; a value that holds more than half of all cells is always found.
        """
        if not self.count:
            return float("nan"), 0
        place = int(self.upper.argmax())
        counts = self._lower[self._slot[place]]
        lower = int(counts.argmax())
        return float(values_of(np.array([(place << 16) | lower]))[0]), int(counts[lower])

    def count_outside(self, low: float, high: float) -> int:
        """Return how many cells lie outside ``low`` to ``high``, less those within 0.8 % of either."""
        places = ordered_bits(np.array([low, high], dtype=np.float32)) >> np.uint32(16)
        return int(self.upper[: int(places[0])].sum() + self.upper[int(places[1]) + 1 :].sum())

    def _rank(self, probability: float) -> int:
        # Rounding first, so that 0.07 · 100 is 7 and not 7.000000000000001.
        return max(1, int(np.ceil(round(probability * self.count, 6))))

    def _bin_of(self, probability: float) -> int:
        return int(np.searchsorted(self.upper.cumsum(), self._rank(probability), side="left"))
