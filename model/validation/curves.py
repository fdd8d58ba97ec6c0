"""Curves on a common axis, so that repeats can be averaged and given a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from .settings import LEAST_REPEATS, LEVEL

AXIS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Curve:
    """A mean curve with its 95 % band; ``low`` and ``high`` are NaN without repeats enough."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_at(landslide: np.ndarray, stable: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the share of landslides found (true positive rate) at the shares of false alarms in ``AXIS``.

    Args:
        landslide: susceptibility at the landslides.
        stable: susceptibility at the stable points.
        weights: how often each landslide counts.
    """
    truth, scores, counts = _join(landslide, stable, weights)
    false_alarms, found, _ = roc_curve(truth, scores, sample_weight=counts)
    return _step_up(false_alarms, found)


def precision_at(landslide: np.ndarray, stable: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the precision at the recalls in ``AXIS``: the best that reaches at least this recall."""
    truth, scores, counts = _join(landslide, stable, weights)
    precision, recall, _ = precision_recall_curve(truth, scores, sample_weight=counts)
    # Recall falls along scikit-learn's curve, so the running maximum is over higher recalls.
    envelope = np.maximum.accumulate(precision[:-1]) if len(precision) > 1 else precision
    index = np.searchsorted(recall[:-1][::-1], AXIS - 1e-12)
    return envelope[::-1][np.minimum(index, len(envelope) - 1)]


def best_threshold(landslide: np.ndarray, stable: np.ndarray, stable_weight: float = 1.0) -> float:
    """Return the threshold with the largest sum of recall and specificity (Youden 1950)."""
    truth, scores, counts = _join(landslide, stable, None)
    counts[len(landslide):] = stable_weight
    false_alarms, found, thresholds = roc_curve(truth, scores, sample_weight=counts)
    best = int(np.argmax(found - false_alarms))
    # scikit-learn begins the curve with a threshold above every score.
    return float(min(thresholds[best], scores.max()))


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


def with_band(means: Sequence[np.ndarray], repeats: Sequence[np.ndarray]) -> Curve:
    """Return the mean of curves on ``AXIS`` with the 95 % band of repeats, point by point.

    Args:
        means: curves to average.
        repeats: curves that vary as another sample would.
    """
    y = np.mean(means, axis=0)
    if len(repeats) < LEAST_REPEATS:
        return Curve(AXIS, y, np.full_like(y, np.nan), np.full_like(y, np.nan))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(repeats, [tail, 1 - tail], axis=0)
    return Curve(AXIS, y, low, high)


def _join(landslide: np.ndarray, stable: np.ndarray, weights: np.ndarray | None
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = np.concatenate([np.ones(len(landslide), dtype=int), np.zeros(len(stable), dtype=int)])
    counts = np.ones(len(truth))
    if weights is not None:
        counts[:len(landslide)] = weights
    return truth, np.concatenate([landslide, stable]).astype(float), counts


def _step_up(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate a rising curve on ``AXIS``; at a vertical stretch the upper end counts, but the curve starts at 0."""
    last = np.append(np.diff(x) > 0, True)
    result = np.interp(AXIS, x[last], y[last])
    result[0] = 0.0
    return result
