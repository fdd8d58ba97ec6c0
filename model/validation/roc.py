"""ROC curve, area under it (AUC), its variance after DeLong, and the paired test between two maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from ..errors import TooFewData
from .settings import LEVEL


@dataclass(frozen=True)
class Placements:
    """AUC and its structural components (DeLong et al. 1988)."""

    auc: float
    """Chance that a random landslide has a higher susceptibility than a random stable point, ties counted half."""
    landslide: np.ndarray
    """Per landslide, the share of stable points below it; float64, shape (landslides,). Their mean is the AUC."""
    stable: np.ndarray
    """Per stable point, the share of landslides above it; float64, shape (stable points,)."""

    @property
    def variance(self) -> float:
        """Variance of the AUC over samples of both landslides and stable points; NaN with fewer than two of either."""
        if len(self.landslide) < 2 or len(self.stable) < 2:
            return math.nan
        return float(np.var(self.landslide, ddof=1) / len(self.landslide)
                     + np.var(self.stable, ddof=1) / len(self.stable))


def placements(landslide: np.ndarray, stable: np.ndarray) -> Placements:
    """Return AUC and components by midranks, in n log n (Sun and Xu 2014).

    Args:
        landslide: susceptibility at the landslides, shape (landslides,).
        stable: susceptibility at the stable points, shape (stable points,).

    Raises:
        TooFewData: one of the two is empty.
    """
    if not len(landslide) or not len(stable):
        raise TooFewData("A ROC curve needs at least one landslide and one stable point.")
    both = rankdata(np.concatenate([landslide, stable]))
    above = (both[:len(landslide)] - rankdata(landslide)) / len(stable)
    below = 1 - (both[len(landslide):] - rankdata(stable)) / len(landslide)
    return Placements(float(above.mean()), above, below)


def normal_interval(value: float, variance: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the normal interval of an AUC, cut at 0 and 1."""
    half = float(norm.ppf(0.5 + level / 2)) * math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
    return (max(0.0, value - half), min(1.0, value + half)) if math.isfinite(half) else (math.nan, math.nan)


@dataclass(frozen=True)
class AucDifference:
    """The paired test between two maps on the same points (DeLong et al. 1988)."""

    difference: float
    standard_error: float
    low: float
    high: float
    z: float
    p: float
    """Two-sided probability of such a difference, or a larger one, if both maps were equally good."""


def compare_auc(landslide_a: np.ndarray, stable_a: np.ndarray, landslide_b: np.ndarray, stable_b: np.ndarray,
                level: float = LEVEL) -> AucDifference:
    """Test whether two maps differ in AUC on the same landslides and the same stable points.

    Args:
        landslide_a: first map's susceptibility at the landslides.
        stable_a: first map's susceptibility at the stable points.
        landslide_b: second map's susceptibility at the same landslides, in the same order.
        stable_b: second map's susceptibility at the same stable points, in the same order.
        level: level of the interval.

    Raises:
        TooFewData: fewer than two landslides or stable points.
        ValueError: the samples differ in length.
    """
    if len(landslide_a) != len(landslide_b) or len(stable_a) != len(stable_b):
        raise ValueError("a paired test needs both maps on the same points")
    if len(landslide_a) < 2 or len(stable_a) < 2:
        raise TooFewData("A test between two maps needs at least two landslides and two stable points.")
    a, b = placements(landslide_a, stable_a), placements(landslide_b, stable_b)
    difference = a.auc - b.auc
    variance = float(np.var(a.landslide - b.landslide, ddof=1) / len(landslide_a)
                     + np.var(a.stable - b.stable, ddof=1) / len(stable_a))
    error = math.sqrt(variance)
    if error > 0:
        z = difference / error
    else:
        z = math.copysign(math.inf, difference) if difference else 0.0
    half = float(norm.ppf(0.5 + level / 2)) * error
    return AucDifference(difference, error, difference - half, difference + half, z, float(2 * norm.sf(abs(z))))
