"""Landslides against all other mapped land by area: exact placements, counted while a map is read block by block."""

from __future__ import annotations

import numpy as np


class AreaPlacements:
    """Share by area of other land that is less susceptible than each landslide; their mean is the AUC.

    Other land is every mapped cell that holds no landslide: the caller leaves out the cells of points and all cells of
    polygons. Nothing is kept but the area between the landslides' values, so the result is exact at any size of map.
    """

    def __init__(self, landslides: np.ndarray) -> None:
        """Take the susceptibility at the landslides, float32 without NaN, shape (landslides,), at least one."""
        self._values, self._place = np.unique(landslides, return_inverse=True)
        self._area = np.zeros(2 * len(self._values) + 1)  # below the first value, at it, between it and the next …

    def add(self, values: np.ndarray, areas: np.ndarray) -> None:
        """Add cells of other land: susceptibility (float32, no NaN) and area, both of shape (cells,)."""
        if not len(values):
            return
        place = np.searchsorted(self._values, values)
        tied = self._values[np.minimum(place, len(self._values) - 1)] == values
        self._area += np.bincount(2 * place + tied, areas, len(self._area))

    @property
    def area(self) -> float:
        """Area of all other land, in the unit of the areas."""
        return float(self._area.sum())

    def result(self) -> np.ndarray:
        """Return the placement of each landslide, ties half, float64, shape (landslides,); NaN without other land."""
        below = np.cumsum(self._area)[::2][:-1]
        with np.errstate(invalid="ignore"):
            return ((below + self._area[1::2] / 2) / self._area.sum())[self._place]
