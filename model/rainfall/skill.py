"""How well thresholds warn: hits, misses, false alarms and correct negatives by group of zones and year.

A landslide day is a hit if the threshold was exceeded in its rain event by that day. A rain event without landslides at
a place and in a group of zones is a false alarm if the threshold was exceeded in it, else a correct negative. Months
are resampled for the intervals, so that the landslides and false alarms of one storm stay together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..statistics import Estimate, from_repeats


@dataclass
class Cases:
    """Landslide days and rain events without landslides, with the severity of their rain."""

    landslide: np.ndarray  # bool
    group: np.ndarray  # of zones, int64
    year: np.ndarray
    month: np.ndarray  # since January 1970
    severity: np.ndarray  # log10 E - γ log10 D, the highest so far; -inf for a landslide without rain
    peak: np.ndarray  # highest rain of a day so far in mm; 0 for a landslide without rain

    def __len__(self) -> int:
        return len(self.group)

    def only(self, chosen: np.ndarray) -> Cases:
        """Return some of them, by a mask."""
        parts = (self.landslide, self.group, self.year, self.month, self.severity, self.peak)
        return Cases(*(part[chosen] for part in parts))


@dataclass
class Skill:
    """Counts and scores of one rule in one part of the cases."""

    hits: int
    misses: int
    false_alarms: int
    correct_negatives: int
    pod: Estimate = field(default_factory=lambda: Estimate(math.nan))
    pofd: Estimate = field(default_factory=lambda: Estimate(math.nan))
    pofa: Estimate = field(default_factory=lambda: Estimate(math.nan))
    tss: Estimate = field(default_factory=lambda: Estimate(math.nan))


LINE, TUNED, DAILY = "threshold", "threshold with the best score", "daily rain"


@dataclass
class TestResult:
    """Scores in the years held back; rules are the probabilities, then :data:`TUNED` and :data:`DAILY`."""

    cases: Cases
    rules: list[tuple[str, float | None, np.ndarray]]  # name, probability in %, which cases are warned of
    whole: list[Skill]
    gain: Estimate  # true skill statistic of TUNED less that of DAILY


def scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of hits, misses, false alarms and correct negatives along the last axis.

    ``pod`` is the probability of detection H / (H + M), ``pofd`` that of false detection F / (F + C), ``pofa`` the
    share of false alarms among the warnings F / (H + F), and ``tss`` the true skill statistic (Hanssen and Kuipers)
    pod - pofd. NaN where a sum is zero.
    """
    hits, misses, false, negatives = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pod, pofd, pofa = hits / (hits + misses), false / (false + negatives), false / (hits + false)
    return {"pod": pod, "pofd": pofd, "pofa": pofa, "tss": pod - pofd}


def judge(cases: Cases, warned: np.ndarray, draws: np.ndarray | None = None) -> Skill:
    """Return counts and scores of a rule; ``warned`` says for which cases it warns.

    ``draws``: how often each case counts in each repeat, shape (repeats, cases), from :func:`month_draws`.
    """
    kind = np.where(cases.landslide, np.where(warned, 0, 1), np.where(warned, 2, 3))
    counts = np.bincount(kind, minlength=4)
    found = scores(counts)
    skill = Skill(*counts.tolist())
    member = (kind[:, None] == np.arange(4)).astype(np.float64)
    repeated = None if draws is None or not len(cases) else scores(draws @ member)
    for name, value in found.items():
        one = Estimate(float(value))
        if repeated is not None and np.isfinite(value):
            one = from_repeats(float(value), repeated[name], "months")
        setattr(skill, name, one)
    return skill


def month_draws(cases: Cases, repeats: int, seed: int) -> np.ndarray:
    """Return how often each case counts when months are drawn with replacement, shape (repeats, cases)."""
    months, number = np.unique(cases.month, return_inverse=True)
    if not len(months):
        return np.zeros((repeats, 0))
    draw = np.random.default_rng(seed).multinomial(len(months), np.full(len(months), 1 / len(months)), size=repeats)
    return draw[:, number.reshape(-1)].astype(np.float64)


def best_limits(cases: Cases, values: np.ndarray, groups: int) -> np.ndarray:
    """Return the limit of each group from which on a warning has the highest true skill statistic; NaN without one.

    Candidates are the values of the landslide days; of equal ones the lowest counts, which misses less.
    """
    limits = np.full(groups, np.nan)
    for group in range(groups):
        here = cases.group == group
        slides, others = values[here & cases.landslide], np.sort(values[here & ~cases.landslide])
        candidates = np.unique(slides[np.isfinite(slides)])
        if not len(candidates) or not len(others):
            continue
        pod = (slides[None, :] >= candidates[:, None]).mean(axis=1)
        pofd = 1 - np.searchsorted(others, candidates, side="left") / len(others)
        limits[group] = candidates[int(np.argmax(pod - pofd))]
    return limits


def difference(cases: Cases, first: np.ndarray, second: np.ndarray, draws: np.ndarray) -> Estimate:
    """Return by how much the true skill statistic of one rule is higher than that of another, on the same cases."""

    def members(warned: np.ndarray) -> np.ndarray:
        kind = np.where(cases.landslide, np.where(warned, 0, 1), np.where(warned, 2, 3))
        return (kind[:, None] == np.arange(4)).astype(np.float64)

    one, other = members(first), members(second)
    value = scores(one.sum(axis=0))["tss"] - scores(other.sum(axis=0))["tss"]
    return from_repeats(float(value), scores(draws @ one)["tss"] - scores(draws @ other)["tss"], "months")
