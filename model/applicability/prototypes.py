"""Training cells as few prototypes, with the largest error that this makes, and their dissimilarity by folds.

Prototypes lie in the directions in which training cells vary most. What a cell has beside these directions counts in
full as distance, so that land which leaves them is far from all prototypes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.cluster import KMeans

PROTOTYPES = 400  # in all folds
FARTHEST_SHARE = 0.25
"""Share of them that are single cells, each the farthest from all chosen so far (Gonzalez 1985), which keeps the
largest distance small; the others are means of k-means, which lie where cells are dense."""
DIMENSIONS, VARIANCE = 12, 0.995  # directions kept at most, and the share of the variance that is enough
MEAN_CELLS = 1500  # whose distances to each other make the mean
WHISKER = 1.5  # interquartile ranges above the third quartile
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Prototypes:
    """Prototypes of training cells; distances are divided by the mean distance between training cells."""

    centre: np.ndarray  # mean of the training cells, float64 (coordinates,)
    axes: np.ndarray  # orthonormal directions, float64 (coordinates, directions)
    points: np.ndarray  # in these directions, from the centre, float64 (prototypes, directions)
    folds: np.ndarray  # fold of the cells of each prototype, int64 (prototypes,)
    of_cells: np.ndarray  # prototype of each training cell, int64 (cells,)
    mean_distance: float
    bound: float  # largest distance of a training cell to its prototype, in mean distances

    @property
    def cells(self) -> np.ndarray:
        """Training cells of each prototype, int64."""
        return np.bincount(self.of_cells, minlength=len(self.points))

    def squared_distances(self, coordinates: np.ndarray) -> np.ndarray:
        """Return squared distances of cells (cells, coordinates) to all prototypes, in squared mean distances."""
        centred = coordinates.astype(np.float64) - self.centre
        inside = centred @ self.axes
        beside = np.maximum((centred**2).sum(axis=1) - (inside**2).sum(axis=1), 0.0)
        return (cdist(inside, self.points, "sqeuclidean") + beside[:, None]) / self.mean_distance**2

    def dissimilarity(self, coordinates: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return the dissimilarity index of cells to some of the prototypes, bool (prototypes,): float64 (cells,)."""
        parts = [
            np.sqrt(self.squared_distances(coordinates[first : first + _ROWS_AT_ONCE])[:, allowed].min(axis=1))
            for first in range(0, len(coordinates), _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def dissimilarity_by_folds(self, coordinates: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return the index of cells to the prototypes of other folds than their own; NaN without a fold (-1)."""
        result = np.full(len(coordinates), np.nan)
        for fold in np.unique(folds[folds >= 0]):
            mine, allowed = folds == fold, (self.folds != fold) & (self.folds >= 0)
            if allowed.any():
                result[mine] = self.dissimilarity(coordinates[mine], allowed)
        return result


def fit_prototypes(coordinates: np.ndarray, folds: np.ndarray, seed: int, number: int = PROTOTYPES) -> Prototypes:
    """Return prototypes of training cells (cells, coordinates), those of each fold apart; -1 is a group of its own."""
    generator = np.random.default_rng([seed, 62])
    given = coordinates.astype(np.float64)
    centre = given.mean(axis=0)
    centred = given - centre
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values[::-1], vectors[:, ::-1]
    covered = np.cumsum(values) / max(values.sum(), 1e-300)
    axes = vectors[:, : min(DIMENSIONS, int(np.searchsorted(covered, VARIANCE)) + 1)]
    some = given if len(given) <= MEAN_CELLS else given[generator.choice(len(given), MEAN_CELLS, replace=False)]
    # A model without any factor that matters has no distances.
    mean = float(pdist(some).mean()) if len(some) > 1 else 0.0
    inside = centred @ axes
    points: list[np.ndarray] = []
    of_points: list[np.ndarray] = []
    of_cells = np.zeros(len(given), dtype=np.int64)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        count = max(1, round(number * len(rows) / len(given)))
        chosen = _of_group(inside[rows], count, int(generator.integers(2**31)))
        nearest = cdist(inside[rows], chosen, "sqeuclidean").argmin(axis=1)
        # Those that are nearest to no cell stand for none.
        kept, nearest = np.unique(nearest, return_inverse=True)
        of_cells[rows], chosen = sum(len(one) for one in points) + nearest.reshape(-1), chosen[kept]
        points.append(chosen)
        of_points.append(np.full(len(chosen), fold, dtype=np.int64))
    stacked = np.concatenate(points)
    squared = ((inside - stacked[of_cells]) ** 2).sum(axis=1) + (centred**2).sum(axis=1) - (inside**2).sum(axis=1)
    mean = mean or 1.0
    bound = float(np.sqrt(np.maximum(squared, 0.0).max())) / mean
    return Prototypes(centre, axes, stacked, np.concatenate(of_points), of_cells, mean, bound)


def _of_group(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    different = np.unique(points, axis=0)
    if len(different) <= count:
        return different
    means = max(1, round((1 - FARTHEST_SHARE) * count))
    found = KMeans(means, n_init=1, max_iter=50, random_state=seed).fit(points).cluster_centers_
    nearest = cdist(points, found, "sqeuclidean").min(axis=1)
    chosen = list(found)
    for _ in range(count - means):
        farthest = int(nearest.argmax())
        chosen.append(points[farthest])
        nearest = np.minimum(nearest, ((points - points[farthest]) ** 2).sum(axis=1))
    return np.array(chosen)


def upper_whisker(values: np.ndarray) -> float:
    """Return the largest value that is no outlier of a box plot: at most Q3 + 1.5 interquartile ranges."""
    first, third = np.quantile(values, [0.25, 0.75])
    return float(values[values <= third + WHISKER * (third - first)].max())
