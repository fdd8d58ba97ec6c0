"""How well scores tell landslide cells from stable ones, by blocks, so that blocks can be drawn again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..labels import LANDSLIDE, STABLE
from ..validation.intervals import Estimate, percentile_interval
from .settings import DRAWS, LEVEL
from .subject import LARGEST_LOGIT

BINS = 2048
"""Steps of the logit in which scores are counted; scores in one step count as equal, which moves an AUC by less than a
thousandth of a percent."""


@dataclass
class Scores:
    """What a model says of labelled cells, counted in each block."""

    counts: np.ndarray
    """float64 (2, blocks, BINS): stable and landslide cells by score."""
    loss: np.ndarray
    """Sum of the log loss in each block, float64 (blocks,)."""

    @classmethod
    def empty(cls, blocks: int) -> "Scores":
        """Return counts of nothing."""
        return cls(np.zeros((2, blocks, BINS)), np.zeros(blocks))

    def add(self, block: int, probability: np.ndarray, labels: np.ndarray) -> None:
        """Count the cells of one block; cells that are neither landslide nor stable are passed over."""
        for row, value in enumerate((STABLE, LANDSLIDE)):
            found = np.clip(probability[labels == value].astype(np.float64), 1e-12, 1 - 1e-12)
            logit = np.clip(np.log(found / (1 - found)), -LARGEST_LOGIT, LARGEST_LOGIT)
            place = np.minimum(((logit + LARGEST_LOGIT) * (BINS / (2 * LARGEST_LOGIT))).astype(np.int64), BINS - 1)
            self.counts[row, block] += np.bincount(place, minlength=BINS)
            right = logit if value == LANDSLIDE else -logit
            self.loss[block] += float(np.log1p(np.exp(-right)).sum())

    def auc(self, weights: np.ndarray) -> np.ndarray:
        """Return the AUC with blocks weighted, ties counted half.

        Args:
            weights: shape (draws, blocks).

        Returns:
            Shape (draws,), NaN for draws without a landslide cell or without a stable one.
        """
        stable, slides = weights @ self.counts[0], weights @ self.counts[1]
        below = np.cumsum(stable, axis=1) - stable / 2
        pairs = stable.sum(axis=1) * slides.sum(axis=1)
        return np.where(pairs > 0, (slides * below).sum(axis=1) / np.where(pairs > 0, pairs, 1), np.nan)

    def mean_loss(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean log loss of the cells with blocks weighted, shape (draws,)."""
        cells = weights @ self.counts.sum(axis=(0, 2))
        return np.where(cells > 0, weights @ self.loss / np.where(cells > 0, cells, 1), np.nan)


def resampled(weights: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return weights of blocks drawn with replacement (block bootstrap), float64 (draws, blocks)."""
    generator = np.random.default_rng([seed, 22])
    blocks = len(weights)
    counts = np.stack([np.bincount(generator.integers(0, blocks, blocks), minlength=blocks) for _ in range(draws)])
    return counts * weights


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """Return a number with the interval of its resamples."""
    low, high = percentile_interval(draws, LEVEL)
    return Estimate(float(value), low, high, "bootstrap" if np.isfinite(low) else "")
