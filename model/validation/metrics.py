"""Accuracy measures at landslides and stable points: confusion matrix, calibration, ROC curve, DeLong's test, curves.

Calibration asks whether a susceptibility of 0.7 goes with landslides in 7 of 10 cases, here among the validation points
only. With as many stable points as landslides, the share of landslides is set by the design at one half. So its figures
compare maps and show the shape of the curve; they do not make a relative susceptibility a probability. Curves are on a
common axis, so that repeats can be given a band.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from ..errors import TooFewData
from ..statistics import LEVEL, MIN_REPEATS, z_value


@dataclass(frozen=True)
class Confusion:
    """Counts at a threshold; they may be means over several draws."""

    hits: float  # TP: landslides at or above the threshold
    misses: float  # FN: landslides below it
    false_alarms: float  # FP: stable points at or above it
    correct_rejections: float  # TN: stable points below it

    @property
    def total(self) -> float:
        """Number of points."""
        return self.hits + self.misses + self.false_alarms + self.correct_rejections

    @property
    def recall(self) -> float:
        """Share of the landslides that were found, equation 6; also called sensitivity."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def specificity(self) -> float:
        """Share of the stable points below the threshold."""
        return _ratio(self.correct_rejections, self.correct_rejections + self.false_alarms)

    @property
    def precision(self) -> float:
        """Share of landslides among the points classified as landslide; depends on how many stable points there are."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def accuracy(self) -> float:
        """Share of the points that were classified correctly, equation 8."""
        return _ratio(self.hits + self.correct_rejections, self.total)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def kappa(self) -> float:
        """Agreement beyond chance (Cohen 1960), equations 7 to 9; NaN where chance alone would agree fully."""
        if not self.total:
            return math.nan
        positive = (self.hits + self.false_alarms) / self.total
        true = (self.hits + self.misses) / self.total
        chance = positive * true + (1 - positive) * (1 - true)
        return _ratio(self.accuracy - chance, 1 - chance)


MEASURES = ("recall", "kappa", "accuracy", "precision", "f1", "specificity")
"""Measures of :class:`Confusion`, the paper's two first."""


def confusion_at(
    landslide: np.ndarray,
    stable: np.ndarray,
    threshold: float,
    weights: np.ndarray | None = None,
    stable_weights: np.ndarray | None = None,
) -> Confusion:
    """Count landslides and stable points on both sides of a threshold.

    ``weights`` state how often each landslide counts, ``stable_weights`` how often each stable point does, once by
    default; they are scaled to the number of either.
    """
    hits, alarms = _count(landslide >= threshold, weights), _count(stable >= threshold, stable_weights)
    return Confusion(hits, len(landslide) - hits, alarms, len(stable) - alarms)


def _count(chosen: np.ndarray, weights: np.ndarray | None) -> float:
    if weights is None:
        return float(chosen.sum())
    return _ratio(float(weights[chosen].sum()) * len(chosen), float(weights.sum()))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Reliability in bins of equal width."""

    predicted: np.ndarray  # mean susceptibility by bin, NaN in an empty bin
    observed: np.ndarray  # share of landslides among the points of the bin, NaN in an empty bin
    points: np.ndarray  # points by bin (means over the draws)
    brier: float
    """Mean squared difference between susceptibility and outcome (Brier 1950): 0 is best, 0.25 is a constant 0.5."""
    ece: float  # expected calibration error: mean distance between the two columns above, weighted by points


def calibration(
    landslide: np.ndarray,
    stable: np.ndarray,
    stable_weight: float | np.ndarray = 1.0,
    weights: np.ndarray | None = None,
) -> Calibration:
    """Compare susceptibility with outcome.

    Args:
        landslide: susceptibility at the landslides, 0…1.
        stable: susceptibility at the stable points, those of several draws one after another.
        stable_weight: weight of a stable point, or of each: one over the number of draws.
        weights: how often each landslide counts, once by default.
    """
    values = np.concatenate([landslide, stable]).astype(np.float64)
    outcome = np.concatenate([np.ones(len(landslide)), np.zeros(len(stable))])
    counts = np.concatenate(
        [np.ones(len(landslide)) if weights is None else weights.astype(float), np.full(len(stable), stable_weight)]
    )
    bins = np.minimum((np.clip(values, 0, 1) * BINS).astype(int), BINS - 1)
    points = np.bincount(bins, weights=counts, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted = np.bincount(bins, weights=counts * values, minlength=BINS) / points
        observed = np.bincount(bins, weights=counts * outcome, minlength=BINS) / points
    filled = points > 0
    ece = float(np.sum(points[filled] * np.abs(observed[filled] - predicted[filled])) / points.sum())
    brier = float(np.sum(counts * (values - outcome) ** 2) / counts.sum())
    return Calibration(predicted, observed, points, brier, ece)


@dataclass(frozen=True)
class Placements:
    """AUC and its structural components (DeLong et al. 1988)."""

    auc: float
    """Chance that a random landslide has a higher susceptibility than a random stable point, ties counted half."""
    landslide: np.ndarray
    """Per landslide, the share of stable points below it; float64, shape (landslides,). Their mean is the AUC."""
    stable: np.ndarray  # per stable point, the share of landslides above it; float64, shape (stable points,)

    @property
    def variance(self) -> float:
        """Variance of the AUC over samples of landslides and stable points; NaN with fewer than two of either."""
        if len(self.landslide) < 2 or len(self.stable) < 2:
            return math.nan
        return float(
            np.var(self.landslide, ddof=1) / len(self.landslide) + np.var(self.stable, ddof=1) / len(self.stable)
        )


def placements(landslide: np.ndarray, stable: np.ndarray) -> Placements:
    """Return AUC and components of two samples by midranks, in n log n (Sun and Xu 2014). Raises ``TooFewData`` if one
    of the two is empty.
    """
    if not len(landslide) or not len(stable):
        raise TooFewData("A ROC curve needs at least one landslide and one stable point.")
    both = rankdata(np.concatenate([landslide, stable]))
    above = (both[: len(landslide)] - rankdata(landslide)) / len(stable)
    below = 1 - (both[len(landslide) :] - rankdata(stable)) / len(landslide)
    return Placements(float(above.mean()), above, below)


def normal_interval(value: float, variance: float) -> tuple[float, float]:
    """Return the normal interval of an AUC, cut at 0 and 1."""
    half = z_value() * math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
    return (max(0.0, value - half), min(1.0, value + half)) if math.isfinite(half) else (math.nan, math.nan)


def difference_variance(
    landslide_a: np.ndarray, stable_a: np.ndarray, landslide_b: np.ndarray, stable_b: np.ndarray
) -> float:
    """Return the variance of the difference in AUC of two maps on the same points in the same order, two at least of
    either kind (DeLong et al. 1988).
    """
    a, b = placements(landslide_a, stable_a), placements(landslide_b, stable_b)
    of_landslides, of_stable = np.var(a.landslide - b.landslide, ddof=1), np.var(a.stable - b.stable, ddof=1)
    return float(of_landslides / len(landslide_a) + of_stable / len(stable_a))


AXIS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Curve:
    """A curve with its 95 % band; ``low`` and ``high`` are NaN with too few repeats."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ThresholdCurve:
    """The points of the ROC curve at every threshold, from which the other curves follow."""

    def __init__(
        self,
        landslide: np.ndarray,
        stable: np.ndarray,
        weights: np.ndarray | None = None,
        stable_weight: float | np.ndarray = 1.0,
    ) -> None:
        """Take every value as a threshold; arguments as of :func:`calibration`.

        The curve of several draws together is the mean of their curves, threshold by threshold, and its area is their
        mean AUC.
        """
        counts = np.concatenate(
            [np.ones(len(landslide)) if weights is None else weights, np.full(len(stable), stable_weight)]
        )
        truth = np.concatenate([np.ones(len(landslide), dtype=int), np.zeros(len(stable), dtype=int)])
        scores = np.concatenate([landslide, stable]).astype(np.float64)
        self._false_positive_rate, self._true_positive_rate, self._thresholds = roc_curve(
            truth, scores, sample_weight=counts, drop_intermediate=False
        )
        self._landslides = float(counts[: len(landslide)].sum())
        self._stable = float(counts[len(landslide) :].sum())
        # scikit-learn begins the curve with a threshold above every score.
        self._thresholds[0] = scores.max()

    def roc(self) -> np.ndarray:
        """Return the share of landslides found at the shares of false alarms in ``AXIS``."""
        last = np.append(np.diff(self._false_positive_rate) > 0, True)
        result = np.interp(AXIS, self._false_positive_rate[last], self._true_positive_rate[last])
        result[0] = 0.0
        return result

    def precision(self) -> np.ndarray:
        """Return the best precision that reaches at least each recall in ``AXIS``."""
        best = np.maximum.accumulate(self._precision()[::-1])[::-1]
        return best[np.minimum(np.searchsorted(self._true_positive_rate[1:], AXIS - 1e-12), len(best) - 1)]

    def average_precision(self) -> float:
        """Return the precision averaged over the steps in recall, as ``sklearn.metrics.average_precision_score``."""
        return float(np.sum(np.diff(self._true_positive_rate) * self._precision()))

    def best_threshold(self) -> float:
        """Return the threshold with the largest sum of recall and specificity (Youden 1950)."""
        return float(self._thresholds[int(np.argmax(self._true_positive_rate - self._false_positive_rate))])

    def _precision(self) -> np.ndarray:
        hits = self._true_positive_rate[1:] * self._landslides
        return hits / (hits + self._false_positive_rate[1:] * self._stable)


def success_rate_curve(shares_above: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the share of landslides in the most susceptible shares of the area in ``AXIS`` (Chung and Fabbri 2003).

    ``shares_above`` is the share of the area more susceptible than each landslide, ``weights`` how often it counts.
    """
    order = np.argsort(shares_above, kind="stable")
    counts = np.ones(len(shares_above)) if weights is None else weights.astype(float)
    reached = np.concatenate([[0.0], np.cumsum(counts[order]) / counts.sum()])
    return reached[np.searchsorted(shares_above[order], AXIS, side="right")]


def curve_with_band(y: np.ndarray, repeats: Sequence[np.ndarray]) -> Curve:
    """Return a curve on ``AXIS`` with the 95 % band of repeats, point by point."""
    if len(repeats) < MIN_REPEATS:
        return Curve(AXIS, y, np.full_like(y, np.nan), np.full_like(y, np.nan))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(repeats, [tail, 1 - tail], axis=0)
    return Curve(AXIS, y, low, high)
