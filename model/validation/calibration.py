"""Whether a susceptibility of 0.7 goes with landslides in 7 of 10 cases; here among the validation points only.

With as many stable points as landslides, the share of landslides is set by the design at one half. So these figures
compare maps and show the shape of the curve; they do not make a relative susceptibility a probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Reliability in bins of equal width."""

    predicted: np.ndarray
    """Mean susceptibility by bin, NaN in an empty bin."""
    observed: np.ndarray
    """Share of landslides among the points of the bin, NaN in an empty bin."""
    points: np.ndarray
    """Points by bin (means over the draws)."""
    brier: float
    """Mean squared difference between susceptibility and outcome (Brier 1950): 0 is best, 0.25 is a constant 0.5."""
    ece: float
    """Expected calibration error: mean distance between the two columns above, weighted by points."""


def calibration(landslide: np.ndarray, stable: np.ndarray, stable_weight: float = 1.0,
                weights: np.ndarray | None = None) -> Calibration:
    """Compare susceptibility with outcome.

    Args:
        landslide: susceptibility at the landslides, 0…1.
        stable: susceptibility at the stable points, those of several draws one after another.
        stable_weight: weight of a stable point: one over the number of draws.
        weights: how often each landslide counts.
    """
    values = np.concatenate([landslide, stable]).astype(np.float64)
    outcome = np.concatenate([np.ones(len(landslide)), np.zeros(len(stable))])
    counts = np.concatenate([np.ones(len(landslide)) if weights is None else weights.astype(float),
                             np.full(len(stable), stable_weight)])
    bins = np.minimum((np.clip(values, 0, 1) * BINS).astype(int), BINS - 1)
    points = np.bincount(bins, weights=counts, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted = np.bincount(bins, weights=counts * values, minlength=BINS) / points
        observed = np.bincount(bins, weights=counts * outcome, minlength=BINS) / points
    filled = points > 0
    ece = float(np.sum(points[filled] * np.abs(observed[filled] - predicted[filled])) / points.sum())
    brier = float(np.sum(counts * (values - outcome) ** 2) / counts.sum())
    return Calibration(predicted, observed, points, brier, ece)
