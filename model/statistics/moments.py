"""Means, variances and covariances of more cells than memory holds, without loss of digits.

Each chunk is centred on its own mean and merged (Chan, Golub and LeVeque 1979), so that a precipitation of 2000 ± 1 mm
keeps its variance, which the plain sums of x and x² would lose.
"""

from __future__ import annotations

import numpy as np

CHUNK = 1 << 16  # cells centred at a time: small enough for the processor's cache


class CoMoments:
    """Count, means and the matrix of summed products of deviations of several variables."""

    def __init__(self, variables: int) -> None:
        """Begin with no cells.

        Args:
            variables: how many variables, at least 0.
        """
        self.count = 0
        self.mean = np.zeros(variables)  # means, float64, shape (variables,)
        self.products = np.zeros((variables, variables))
        """Sums of (x − mean x)(y − mean y) over all cells, float64, shape (variables, variables)."""

    def add(self, values: np.ndarray) -> None:
        """Take in cells.

        Args:
            values: finite numbers of any float type, shape (variables, cells).
        """
        for start in range(0, values.shape[1], CHUNK):
            chunk = values[:, start : start + CHUNK].astype(np.float64)
            mean = chunk.mean(axis=1)
            chunk -= mean[:, None]
            # The mean of a chunk is itself rounded; what it misses is put back to the products and to the mean.
            rest = chunk.mean(axis=1)
            products = chunk @ chunk.T - chunk.shape[1] * np.outer(rest, rest)
            self._merge(chunk.shape[1], mean + rest, products)

    def covariance(self) -> np.ndarray:
        """Return the covariance matrix of the cells as a sample (divided by n − 1), NaN with fewer than two cells."""
        if self.count < 2:
            return np.full_like(self.products, np.nan)
        return self.products / (self.count - 1)

    def correlation(self) -> np.ndarray:
        """Return Pearson's correlation matrix, shape (variables, variables); NaN where a variable does not vary."""
        spread = np.sqrt(np.diag(self.products))
        with np.errstate(invalid="ignore", divide="ignore"):
            matrix = self.products / np.outer(spread, spread)
        matrix = np.clip(matrix, -1.0, 1.0)
        varying = spread > 0
        matrix[np.diag_indices_from(matrix)] = np.where(varying, 1.0, np.nan)
        return matrix

    def _merge(self, count: int, mean: np.ndarray, products: np.ndarray) -> None:
        total = self.count + count
        step = mean - self.mean
        self.products += products + np.outer(step, step) * (self.count * count / total)
        self.mean += step * (count / total)
        self.count = total
