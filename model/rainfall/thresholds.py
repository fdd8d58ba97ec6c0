"""Thresholds E = α · D^γ of cumulated rain and duration for non-exceedance probabilities, with bootstrap intervals.

The frequentist method of Brunetti et al. (2010) and Peruccacci et al. (2012): a line is fitted by least squares to the
logarithms of duration and cumulated rain of the rain conditions that triggered landslides, the distances from it are
taken as normally distributed, and the line is shifted to a quantile of them. Here all groups of zones share the slope
and the spread and have an intercept each (analysis of covariance), so lines of different groups and probabilities never
cross, and a group needs few landslides. Conditions of one day are resampled together (cluster bootstrap): landslides of
one storm are no independent evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..errors import TooFewData
from ..statistics import percentile_interval

FEWEST = 10  # rain conditions with landslides in a fit
MANY_DAYS = 30  # different days with landslides from which intervals are trusted
SIGNIFICANT = 0.05


@dataclass
class Conditions:
    """Days with landslides: a place, a group of zones and a day with one landslide or more."""

    group: np.ndarray  # index of the group of zones, int64
    duration: np.ndarray  # days, float64
    total: np.ndarray  # mm
    day: np.ndarray  # number of the calendar day, int64; those of one day are resampled together

    def __len__(self) -> int:
        return len(self.group)

    def only(self, chosen: np.ndarray) -> Conditions:
        """Return some of them, by a mask or by numbers."""
        return Conditions(self.group[chosen], self.duration[chosen], self.total[chosen], self.day[chosen])


@dataclass
class Line:
    """Slope, spread and the intercepts of the groups, in logarithms to base 10; arrays if there are repeats."""

    slope: np.ndarray  # γ, shape (...)
    spread: np.ndarray  # standard deviation of the residuals, shape (...)
    intercepts: np.ndarray  # log10 α of the probability 50 %, shape (..., groups)

    def at(self, probability: float) -> np.ndarray:
        """Return log10 α of a non-exceedance probability from 0 to 1, shape (..., groups)."""
        return self.intercepts + float(stats.norm.ppf(probability)) * self.spread[..., None]


def fit_line(conditions: Conditions, groups: int, weights: np.ndarray | None = None) -> Line:
    """Return the common slope and the intercepts of the groups by least squares.

    Args:
        groups: their number; one without conditions has the intercept NaN.
        weights: how often each condition counts, shape (repeats, conditions); once without.

    Returns:
        Arrays of shape (repeats,), scalars without weights; NaN where the duration does not vary within the groups.
    """
    x, y = np.log10(conditions.duration), np.log10(conditions.total)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights, dtype=np.float64)
    member = np.zeros((len(x), groups))
    member[np.arange(len(x)), conditions.group] = 1.0
    count = w @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = (w * x) @ member / count, (w * y) @ member / count
        dx, dy = x - mean_x[:, conditions.group], y - mean_y[:, conditions.group]
        # A condition without weight may belong to a group without any.
        dx, dy = np.where(w > 0, dx, 0.0), np.where(w > 0, dy, 0.0)
        variation = (w * dx * dx).sum(axis=1)
        slope = np.where(variation > 1e-12, (w * dx * dy).sum(axis=1) / variation, np.nan)
        free = w.sum(axis=1) - (count > 0).sum(axis=1) - 1
        residual = (w * (dy - slope[:, None] * dx) ** 2).sum(axis=1)
        spread = np.where(free > 0, np.sqrt(residual / free), np.nan)
        intercepts = mean_y - slope[:, None] * mean_x
    if weights is None:
        return Line(slope[0], spread[0], intercepts[0])
    return Line(slope, spread, intercepts)


def residuals(conditions: Conditions, line: Line) -> np.ndarray:
    """Return log10 E minus that of the line of 50 %, of each condition."""
    x, y = np.log10(conditions.duration), np.log10(conditions.total)
    return y - line.intercepts[conditions.group] - line.slope * x


@dataclass
class Thresholds:
    """A fit with its intervals and tests."""

    line: Line
    repeats: Line  # of the bootstrap
    levels: list[float]  # non-exceedance probabilities, 0 to 1, ascending
    conditions: Conditions  # that were fitted
    groups: int
    days: int  # different days with landslides
    normal_p: float  # p of Shapiro and Wilk's test that the residuals are normally distributed; NaN below three
    intercepts_p: float  # p of the F test that all groups have one intercept; NaN with one group
    slopes_p: float  # p of the F test that all groups have one slope

    def alpha(self, level: float, group: int) -> tuple[float, float, float, float]:
        """Return α in mm, its 95 % interval and its bootstrap standard deviation."""
        return _with_interval(10.0 ** self.line.at(level)[group], 10.0 ** self.repeats.at(level)[:, group])

    def gamma(self) -> tuple[float, float, float, float]:
        """Return γ, its 95 % interval and its bootstrap standard deviation."""
        return _with_interval(float(self.line.slope), self.repeats.slope)

    def share_below(self, level: float, group: int | None = None) -> float:
        """Return the share of the fitted conditions, of a group or all, that lie below the threshold."""
        limit = (self.line.at(level) - self.line.intercepts)[0 if group is None else group]
        chosen = np.ones(len(self.conditions), bool) if group is None else self.conditions.group == group
        return float((residuals(self.conditions, self.line)[chosen] < limit).mean()) if chosen.any() else math.nan


def _with_interval(value: float, repeats: np.ndarray) -> tuple[float, float, float, float]:
    finite = repeats[np.isfinite(repeats)]
    low, high = percentile_interval(finite)
    return float(value), low, high, float(np.std(finite, ddof=1)) if len(finite) > 1 else math.nan


def fit_thresholds(conditions: Conditions, groups: int, levels: Sequence[float], repeats: int, seed: int) -> Thresholds:
    """Fit thresholds with intervals.

    Raises:
        TooFewData: there are fewer than :data:`FEWEST` conditions, or all have the same duration.
    """
    if len(conditions) < FEWEST:
        raise TooFewData(
            f"Only {len(conditions)} days with landslides have a known rain event in the years of the fit; at least "
            f"{FEWEST} are needed. Give more dated landslides, a longer record of rain, or fewer HOLD_OUT_YEARS."
        )
    line = fit_line(conditions, groups)
    if not (np.isfinite(line.slope) and np.isfinite(line.spread)):
        raise TooFewData(
            "The rain events with landslides all have the same duration, so no threshold of cumulated rain against "
            "duration can be fitted. Check DRY_DAYS and DRY_RAIN; give more dated landslides."
        )
    days, cluster = np.unique(conditions.day, return_inverse=True)
    draw = np.random.default_rng(seed).multinomial(len(days), np.full(len(days), 1 / len(days)), size=repeats)
    repeated = fit_line(conditions, groups, draw[:, cluster.reshape(-1)])
    left = residuals(conditions, line)
    normal = float(stats.shapiro(left).pvalue) if np.ptp(left) > 1e-9 and len(left) <= 5000 else math.nan
    intercepts_p, slopes_p = _tests(conditions, groups)
    return Thresholds(line, repeated, list(levels), conditions, groups, len(days), normal, intercepts_p, slopes_p)


def _tests(conditions: Conditions, groups: int) -> tuple[float, float]:
    """Return p that one intercept, and that one slope, would do for all groups."""
    if groups < 2:
        return math.nan, math.nan
    one = Conditions(np.zeros(len(conditions), np.int64), conditions.duration, conditions.total, conditions.day)
    common = residuals(conditions, fit_line(conditions, groups))
    single = residuals(one, fit_line(one, 1))
    own, varying = 0.0, 0
    for group in range(groups):
        part = conditions.only(conditions.group == group)
        alone = Conditions(np.zeros(len(part), np.int64), part.duration, part.total, part.day)
        found = fit_line(alone, 1)
        if np.isfinite(found.slope):
            own += float((residuals(alone, found) ** 2).sum())
            varying += 1
        else:
            own += float(((np.log10(part.total) - np.log10(part.total).mean()) ** 2).sum())
    count, rest = len(conditions), float((common**2).sum())
    first = _f_test(float((single**2).sum()), rest, groups - 1, count - groups - 1)
    return first, _f_test(rest, own, varying - 1, count - groups - varying)


def _f_test(restricted: float, free: float, more: int, left: int) -> float:
    if more < 1 or left < 1 or free <= 0:
        return math.nan
    return float(stats.f.sf((restricted - free) / more / (free / left), more, left))


def join_zones(counts: dict[int, int], fewest: int) -> list[list[int]]:
    """Return zones in groups of neighbours, from the lowest number up, each with ``fewest`` conditions if possible.

    The group with the fewest is joined with that neighbour which has fewer, until all have enough.

    Args:
        counts: conditions by zone; zones without any may be among them.
    """
    groups = [[zone] for zone in sorted(counts)]

    def size(group: list[int]) -> int:
        return sum(counts[zone] for zone in group)

    while len(groups) > 1:
        smallest = min(range(len(groups)), key=lambda index: size(groups[index]))
        if size(groups[smallest]) >= fewest:
            break
        beside = [index for index in (smallest - 1, smallest + 1) if 0 <= index < len(groups)]
        other = min(beside, key=lambda index: size(groups[index]))
        low, high = sorted((smallest, other))
        groups[low : high + 1] = [groups[low] + groups[high]]
    return groups
