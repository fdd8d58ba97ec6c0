"""Table 5 of the paper: landslides and stable points on both sides of a threshold, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Confusion:
    """Counts at a threshold; they may be means over several draws."""

    hits: float
    """TP: landslides at or above the threshold."""
    misses: float
    """FN: landslides below it."""
    false_alarms: float
    """FP: stable points at or above it."""
    correct_rejections: float
    """TN: stable points below it."""

    @property
    def total(self) -> float:
        """All points."""
        return self.hits + self.misses + self.false_alarms + self.correct_rejections

    @property
    def recall(self) -> float:
        """Share of the landslides that were found, equation 6; also called sensitivity."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def specificity(self) -> float:
        """Share of the stable points that were recognised."""
        return _ratio(self.correct_rejections, self.correct_rejections + self.false_alarms)

    @property
    def precision(self) -> float:
        """Share of landslides among the points called landslide; depends on how many stable points were taken."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def accuracy(self) -> float:
        """Share of the points that were called right, equation 8."""
        return _ratio(self.hits + self.correct_rejections, self.total)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def kappa(self) -> float:
        """Agreement beyond chance (Cohen 1960), equations 7 to 9; NaN where chance alone would agree wholly."""
        if not self.total:
            return math.nan
        called = (self.hits + self.false_alarms) / self.total
        true = (self.hits + self.misses) / self.total
        chance = called * true + (1 - called) * (1 - true)
        return _ratio(self.accuracy - chance, 1 - chance)


MEASURES = ("recall", "kappa", "accuracy", "precision", "f1", "specificity")
"""Measures of :class:`Confusion`, the paper's two first."""


def confusion_at(landslide: np.ndarray, stable: np.ndarray, threshold: float,
                 weights: np.ndarray | None = None) -> Confusion:
    """Count landslides and stable points on both sides of a threshold.

    Args:
        landslide: susceptibility at the landslides, shape (landslides,).
        stable: susceptibility at the stable points, shape (stable points,).
        threshold: a value at or above it is called landslide.
        weights: how often each landslide counts; once by default. Scaled to the number of landslides.
    """
    found = landslide >= threshold
    hits = float(found.sum()) if weights is None else float(weights[found].sum() / weights.sum() * len(landslide))
    alarms = float((stable >= threshold).sum())
    return Confusion(hits, len(landslide) - hits, alarms, len(stable) - alarms)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
