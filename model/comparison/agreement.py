"""How two maps agree, cell by cell: zones (matrix, kappa), ranks (Spearman), and the mean difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


class PairSums:
    """Sums over the cells of two maps, weighted by area."""

    def __init__(self, zones: int) -> None:
        """Start at zero for maps of ``zones`` zones."""
        self.matrix = np.zeros((zones, zones))
        """Square metres by zone of the first map (rows) and of the second (columns)."""
        self.ranks = 0.0
        """Sum of area × rank × rank, ranks counted from their mean."""
        self.difference = 0.0
        self.distance = 0.0

    def add(self, zone_a: np.ndarray, zone_b: np.ndarray, rank_a: np.ndarray, rank_b: np.ndarray, a: np.ndarray,
            b: np.ndarray, areas: np.ndarray | float) -> None:
        """Add cells: zones from 1, ranks less one half, values, all of shape (cells,), and areas in square metres."""
        zones = len(self.matrix)
        place = (zone_a.astype(np.int64) - 1) * zones + (zone_b - 1)
        difference = a.astype(np.float64) - b
        if isinstance(areas, float):
            counted = np.bincount(place, minlength=zones * zones) * areas
            self.ranks += float(rank_a @ rank_b) * areas
            self.difference += float(difference.sum()) * areas
            self.distance += float(np.abs(difference).sum()) * areas
        else:
            counted = np.bincount(place, weights=areas, minlength=zones * zones)
            self.ranks += float((areas * rank_a) @ rank_b)
            self.difference += float(areas @ difference)
            self.distance += float(areas @ np.abs(difference))
        self.matrix += counted.reshape(zones, zones)


@dataclass(frozen=True)
class Agreement:
    """How two maps agree."""

    first: int
    second: int
    matrix_km2: np.ndarray
    """Area by zone of the first map (rows) and of the second (columns)."""
    same: float
    """Share of the area in the same zone of both."""
    within_one: float
    """Share of the area in the same zone or a neighbouring one."""
    kappa: float
    weighted_kappa: float
    """Kappa with quadratic weights: a disagreement counts by the square of the zones it reaches over."""
    spearman: float
    """Rank correlation; NaN where a map has one value only."""
    mean_difference: float
    """First minus second, mean over the area; NaN unless both are susceptibilities from 0 to 1."""
    mean_distance: float


def agreement(pair: tuple[int, int], sums: PairSums, variances: tuple[float, float], alike: bool) -> Agreement:
    """Return what the sums say.

    Args:
        pair: numbers of the maps.
        sums: over all cells.
        variances: of the ranks of either map.
        alike: whether the values of both can be subtracted.
    """
    area = float(sums.matrix.sum())
    steps = np.abs(np.subtract.outer(np.arange(len(sums.matrix)), np.arange(len(sums.matrix))))
    spread = math.sqrt(variances[0] * variances[1])
    spearman = float(np.clip(sums.ranks / area / spread, -1, 1)) if spread > 0 else math.nan
    return Agreement(
        *pair, sums.matrix / 1e6, float(sums.matrix[steps == 0].sum() / area),
        float(sums.matrix[steps <= 1].sum() / area), kappa(sums.matrix, steps > 0), kappa(sums.matrix, steps ** 2),
        spearman, sums.difference / area if alike else math.nan, sums.distance / area if alike else math.nan)


def kappa(matrix: np.ndarray, weights: np.ndarray) -> float:
    """Return agreement beyond chance (Cohen 1960, 1968).

    Args:
        matrix: counts or areas, shape (classes, classes).
        weights: how much each disagreement counts, 0 on the diagonal, the same shape.

    Returns:
        1 for full agreement, 0 for that of chance; NaN where chance alone would agree wholly.
    """
    shares = matrix / matrix.sum()
    chance = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    expected = float((weights * chance).sum())
    return 1 - float((weights * shares).sum()) / expected if expected > 0 else math.nan
