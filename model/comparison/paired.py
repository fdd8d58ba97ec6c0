"""Tests between two maps on the same points: DeLong's paired test and a paired bootstrap, corrected for many pairs.

Each draw of stable points gives one DeLong test. The difference is the mean over all draws and its variance the mean of
the draws' variances: the variance of a single draw, so the test does not grow surer by drawing more stable points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Sequence

import numpy as np
from scipy.stats import norm

from ..progress import Progress, stop_if_cancelled
from ..validation.intervals import Estimate, from_repeats
from ..validation.measures import ScopeResult
from ..validation.roc import compare_auc
from ..validation.settings import LEAST_REPEATS, LEVEL

MOST_TESTS = 200
"""Draws that the variance of a difference is taken from; more would hardly change their mean."""


@dataclass(frozen=True)
class PairTest:
    """Whether two maps differ in AUC on one part of the ground."""

    first: int
    second: int
    bootstrap: Estimate
    """Difference of the AUC, first minus second, with the interval of the paired bootstrap."""
    delong: Estimate
    """The same difference with DeLong's interval."""
    p_delong: float
    """Two-sided probability of such a difference, or a larger one, between equally good maps."""
    p_bootstrap: float
    """The same from the spread of the bootstrap; NaN with few repeats."""
    clustered: bool
    """Whether several points belong to one landslide: DeLong's test takes them for independent, the bootstrap not."""
    p_corrected: float = math.nan
    """The p to judge by, after Holm (1979) for all pairs tested together."""

    @property
    def p(self) -> float:
        """The p to judge by, for this pair alone."""
        return self.p_bootstrap if self.clustered else self.p_delong

    @property
    def estimate(self) -> Estimate:
        """The difference with the interval to judge by."""
        return self.delong if not self.clustered or not self.bootstrap.has_interval else self.bootstrap


def pair_tests(results: Sequence[ScopeResult], landslides: np.ndarray, stable: np.ndarray, clustered: bool,
               progress: Progress) -> list[PairTest]:
    """Test all pairs of maps on one part of the ground.

    Args:
        results: of each map, measured with the same seed.
        landslides: susceptibility at the landslides, shape (maps, landslides).
        stable: at the stable points, shape (maps, draws, points).
        clustered: whether several points belong to one landslide.
        progress: reported to and asked whether to stop.
    """
    pairs = list(combinations(range(len(results)), 2))
    tests = []
    for done, (a, b) in enumerate(pairs):
        stop_if_cancelled(progress)
        progress.report(done / len(pairs))
        tests.append(_test(a, b, results, landslides, stable, clustered))
    return [replace(test, p_corrected=p) for test, p in zip(tests, holm([test.p for test in tests]))]


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for testing all of them at once (Holm 1979); NaN stays NaN and does not count."""
    result = [math.nan] * len(p)
    known = sorted((value, number) for number, value in enumerate(p) if math.isfinite(value))
    highest = 0.0
    for place, (value, number) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - place)))
        result[number] = highest
    return result


def _test(a: int, b: int, results: Sequence[ScopeResult], landslides: np.ndarray, stable: np.ndarray, clustered: bool
          ) -> PairTest:
    difference = results[a].auc.value - results[b].auc.value
    variances = []
    if landslides.shape[1] > 1 and stable.shape[2] > 1:
        variances = [compare_auc(landslides[a], stable[a, draw], landslides[b], stable[b, draw]).standard_error ** 2
                     for draw in range(min(stable.shape[1], MOST_TESTS))]
    error = math.sqrt(float(np.mean(variances))) if variances else math.nan
    half = float(norm.ppf(0.5 + LEVEL / 2)) * error
    again = results[a].auc_repeats - results[b].auc_repeats
    spread = float(np.std(again, ddof=1)) if len(again) >= LEAST_REPEATS else math.nan
    return PairTest(a, b, from_repeats(difference, again, "bootstrap"),
                    Estimate(difference, difference - half, difference + half, "DeLong"),
                    _two_sided(difference, error), _two_sided(difference, spread), clustered)


def _two_sided(difference: float, error: float) -> float:
    """Return the two-sided p of a difference with a standard error; 1 for no difference at all."""
    if difference == 0:
        return 1.0
    if not math.isfinite(error):
        return math.nan
    return float(2 * norm.sf(abs(difference) / error)) if error > 0 else 0.0
