"""Intervals: from repeats, and for a share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

LEVEL = 0.95  # level of all intervals
MIN_REPEATS = 20  # with fewer repeats, no interval is taken from them


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; ``low`` and ``high`` are NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan
    interval: str = ""  # draws, bootstrap, DeLong, Wilson, or nothing

    @property
    def has_interval(self) -> bool:
        """Whether ``low`` and ``high`` are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def z_value(level: float = LEVEL) -> float:
    """Return half the width of the normal interval in standard errors: 1.96 for 95 %."""
    return float(norm.ppf(0.5 + level / 2))


def percentile_interval(repeats: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the middle ``level`` of repeated results (percentile interval, Efron 1979).

    NaN results are left out. Both ends are NaN with fewer than ``MIN_REPEATS`` others, which show no 95 % range.
    """
    finite = np.asarray(repeats, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size < MIN_REPEATS:
        return math.nan, math.nan
    tail = (1 - level) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def from_repeats(value: float, repeats: np.ndarray, interval: str) -> Estimate:
    """Return a number with the percentile interval of its repeats."""
    low, high = percentile_interval(repeats)
    return Estimate(float(value), low, high, interval if math.isfinite(low) else "")


def wilson_interval(successes: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927), which also holds for 0 and for all; NaN without trials."""
    if trials <= 0:
        return math.nan, math.nan
    z = z_value(level)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # Rounding must not put the ends on the wrong side of a share of 0 or 1.
    return min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)
