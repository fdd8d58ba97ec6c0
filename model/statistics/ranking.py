"""The whole map in order of susceptibility, kept as a fine histogram so that any map fits in memory.

Bins follow the bits of a float32: their width is a thousandth of the distance from 0 or, in the upper half, from 1.
So a map that crowds near 0 or 1, as network outputs do, is still ranked finely.
"""

from __future__ import annotations

import numpy as np

_SHIFT = 13
_HALF = int(np.float32(0.5).view(np.uint32) >> _SHIFT)
BINS = 2 * _HALF + 1


def bin_index(susceptibility: np.ndarray) -> np.ndarray:
    """Return the bin of each value, int64, rising with susceptibility.

    Args:
        susceptibility: finite float32 values, cut to 0…1, any shape.
    """
    # Adding zero turns -0.0, whose sign bit would make it the largest, into 0.0.
    values = np.clip(np.asarray(susceptibility, dtype=np.float32), 0, 1) + np.float32(0)
    low = values <= 0.5
    # 1 - p is exact in float32 for p in 0.5…1.
    bits = (np.where(low, values, 1 - values).astype(np.float32).view(np.uint32) >> _SHIFT).astype(np.int64)
    return np.where(low, bits, 2 * _HALF - bits)


class SusceptibilityHistogram:
    """Area by susceptibility."""

    def __init__(self) -> None:
        self.area = np.zeros(BINS)
        """Square metres by bin."""

    def add(self, bins: np.ndarray, areas: np.ndarray) -> None:
        """Add cells: their bins and areas in square metres, both of shape (cells,)."""
        if bins.size:
            first = int(bins.min())
            counted = np.bincount(bins - first, weights=areas)
            self.area[first : first + counted.size] += counted

    @property
    def total(self) -> float:
        """Square metres of all cells."""
        return float(self.area.sum())

    def share_above(self, susceptibility: np.ndarray) -> np.ndarray:
        """Return the share of the area that is more susceptible than each value, its own bin counted half.

        Args:
            susceptibility: values, shape (points,).

        Returns:
            0 (nothing is more susceptible) to 1, shape (points,).
        """
        above = self.total - np.cumsum(self.area)
        bins = bin_index(susceptibility)
        return (above[bins] + self.area[bins] / 2) / self.total
