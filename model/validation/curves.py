"""Curves on a common axis, so that repeats can be given a band: ROC, precision over recall, success rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
from sklearn.metrics import roc_curve

from .settings import LEAST_REPEATS, LEVEL

AXIS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Curve:
    """A curve with its 95 % band; ``low`` and ``high`` are NaN without repeats enough."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Cuts:
    """What every threshold would give: the points of the ROC curve, from which the other measures follow."""

    def __init__(self, landslide: np.ndarray, stable: np.ndarray, weights: np.ndarray | None = None,
                 stable_weight: float = 1.0) -> None:
        """Cut at every value.

        Args:
            landslide: susceptibility at the landslides, shape (landslides,).
            stable: susceptibility at the stable points, those of several draws one after another. The curve of all
                draws together is the mean of their curves, threshold by threshold, and its area is their mean AUC.
            weights: how often each landslide counts; once by default.
            stable_weight: weight of a stable point: one over the number of draws.
        """
        counts = np.concatenate([np.ones(len(landslide)) if weights is None else weights,
                                 np.full(len(stable), stable_weight)])
        truth = np.concatenate([np.ones(len(landslide), dtype=int), np.zeros(len(stable), dtype=int)])
        scores = np.concatenate([landslide, stable]).astype(np.float64)
        self._alarms, self._found, self._thresholds = roc_curve(truth, scores, sample_weight=counts,
                                                                drop_intermediate=False)
        self._landslides = float(counts[:len(landslide)].sum())
        self._stable = float(counts[len(landslide):].sum())
        # scikit-learn begins the curve with a threshold above every score.
        self._thresholds[0] = scores.max()

    def roc(self) -> np.ndarray:
        """Return the share of landslides found at the shares of false alarms in ``AXIS``."""
        last = np.append(np.diff(self._alarms) > 0, True)
        result = np.interp(AXIS, self._alarms[last], self._found[last])
        result[0] = 0.0
        return result

    def precision(self) -> np.ndarray:
        """Return the best precision that reaches at least each recall in ``AXIS``."""
        best = np.maximum.accumulate(self._precision()[::-1])[::-1]
        return best[np.minimum(np.searchsorted(self._found[1:], AXIS - 1e-12), len(best) - 1)]

    def average_precision(self) -> float:
        """Return the precision averaged over the steps in recall, as ``sklearn.metrics.average_precision_score``."""
        return float(np.sum(np.diff(self._found) * self._precision()))

    def best_threshold(self) -> float:
        """Return the threshold with the largest sum of recall and specificity (Youden 1950)."""
        return float(self._thresholds[int(np.argmax(self._found - self._alarms))])

    def _precision(self) -> np.ndarray:
        hits = self._found[1:] * self._landslides
        return hits / (hits + self._alarms[1:] * self._stable)


def success_at(positions: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the share of landslides in the most susceptible shares of the area in ``AXIS`` (Chung and Fabbri 2003).

    Args:
        positions: share of the area more susceptible than each landslide, as of ``Ranking.position``.
        weights: how often each landslide counts.
    """
    order = np.argsort(positions, kind="stable")
    counts = np.ones(len(positions)) if weights is None else weights.astype(float)
    reached = np.concatenate([[0.0], np.cumsum(counts[order]) / counts.sum()])
    return reached[np.searchsorted(positions[order], AXIS, side="right")]


def with_band(y: np.ndarray, repeats: Sequence[np.ndarray]) -> Curve:
    """Return a curve on ``AXIS`` with the 95 % band of repeats, point by point.

    Args:
        y: the curve.
        repeats: curves that vary as another sample would.
    """
    if len(repeats) < LEAST_REPEATS:
        return Curve(AXIS, y, np.full_like(y, np.nan), np.full_like(y, np.nan))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(repeats, [tail, 1 - tail], axis=0)
    return Curve(AXIS, y, low, high)
