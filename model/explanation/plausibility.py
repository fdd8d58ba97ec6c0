"""Does the map answer to a factor as the land does? Judged on the response curve, with its own uncertainty."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from ..validation.intervals import Estimate, percentile_interval
from .response import Curve, curve_mean
from .settings import LEVEL
from .skill import resampled

RISES, FALLS = "rises", "falls"
EXPECTED, AGAINST, FLAT, UNCLEAR, UNJUDGED = ("as expected", "against expectation", "flat", "unclear", "not judged")

FLAT_CHANGE = 0.02
"""A change of the mean susceptibility smaller than this over the whole range is called flat."""

ONE_WAY = 0.6
"""Net change ÷ all ups and downs of a curve, below which it is said to turn on the way."""

LEAST_PART = 0.5
"""The area must have this part of the range at least for a judgement."""


@dataclass(frozen=True)
class Expectation:
    """How landslides answer to a factor in most mountains, other things equal."""

    direction: str
    """``rises`` or ``falls``."""
    why: str
    low: float = -math.inf
    """The range for which that is said, in the factor's unit."""
    high: float = math.inf


EXPECTATIONS = {
    "slope": Expectation(RISES, "Gravity pulls harder on steeper ground. Above about 35 degrees rock stands that has "
                                "nothing loose left, so no more is expected there.", 5.0, 35.0),
    "river_density": Expectation(RISES, "Rivers undercut the slopes beside them."),
    "distance_to_rivers": Expectation(FALLS, "Rivers undercut the slopes beside them."),
    "precipitation": Expectation(RISES, "Water in the ground takes its strength."),
    "fault_density": Expectation(RISES, "Rock is broken along faults."),
    "distance_to_faults": Expectation(FALLS, "Rock is broken along faults."),
    "seismic_intensity": Expectation(RISES, "Shaking loosens slopes."),
    "distance_to_roads": Expectation(FALLS, "Roads cut the foot of slopes."),
}
"""By factor name; nothing is said of others. Reichenbach et al. (2018) review what such factors do."""

_ALIASES = {f"{first}{second}": f"distance_to_{line}s" for line in ("river", "fault", "road")
            for first, second in ((f"{line}_", "distance"), (f"{line}s_", "distance"), ("distance_", line),
                                  ("distance_", f"{line}s"), ("distance_to_", line), ("dist_", line),
                                  ("dist_", f"{line}s"))}
_ALIASES |= {"rainfall": "precipitation", "annual_precipitation": "precipitation", "slope_gradient": "slope",
             "seismicity": "seismic_intensity"}
_ROMAN = {"i": 1, "v": 5, "x": 10}


@dataclass(frozen=True)
class Judgement:
    """How one factor's curve compares with what is expected."""

    factor: int
    verdict: str
    """``as expected``, ``against expectation``, ``flat``, ``unclear`` or ``not judged``."""
    expectation: Expectation
    low: float = math.nan
    """Range that was judged, in the factor's unit."""
    high: float = math.nan
    start: float = math.nan
    """Mean susceptibility at its ends."""
    end: float = math.nan
    change: Estimate = Estimate(math.nan)
    """End − start."""
    turns: bool = False
    """Whether the curve goes up and down so much that the change says little."""
    observed: tuple[float, float] = (math.nan, math.nan)
    """Landslide share of the labelled cells in the lower and in the upper third of the range."""
    reason: str = ""
    """Why nothing was judged."""


def expectation_of(name: str) -> Expectation | None:
    """Return what is expected of a factor by its name, ``None`` for most."""
    return EXPECTATIONS.get(_ALIASES.get(name, name))


def judge_curve(curve: Curve, expected: Expectation, weights: np.ndarray, seed: int) -> Judgement:
    """Compare a response curve with what is expected.

    Args:
        curve: of the factor.
        expected: of it.
        weights: of the blocks in which the curve was made.
        seed: of the resamples.
    """
    places = np.array([ordinal(label) for label in curve.labels]) if curve.is_categorical else curve.values
    if not np.isfinite(places).all():
        return Judgement(curve.factor, UNJUDGED, expected, reason="its class names hold no number to order them by")
    order = np.argsort(places, kind="stable")
    places, sums = places[order], curve.blocks[:, order]
    low, high = max(expected.low, places[0]), min(expected.high, places[-1])
    wanted = expected.high - expected.low
    if not high > low or (math.isfinite(wanted) and high - low < LEAST_PART * wanted):
        return Judgement(curve.factor, UNJUDGED, expected, low, high,
                         reason="its values in the area cover too little of the range")
    inner = (places > low) & (places < high)
    ends = np.stack([_at(places, sums, low), _at(places, sums, high)], axis=1)
    path = np.concatenate([ends[:, :1], sums[:, inner], ends[:, 1:]], axis=1)
    mean = curve_mean(path, curve.cells, weights[None])[0]
    draws = curve_mean(ends, curve.cells, resampled(weights, seed))
    change = Estimate(float(mean[-1] - mean[0]), *percentile_interval(draws[:, 1] - draws[:, 0], LEVEL), "bootstrap")
    all_ways = float(np.abs(np.diff(mean)).sum())
    turns = all_ways > FLAT_CHANGE and abs(change.value) < ONE_WAY * all_ways
    return Judgement(curve.factor, _verdict(change, expected.direction, all_ways), expected, float(low), float(high),
                     float(mean[0]), float(mean[-1]), change, turns, _observed(curve, order, places, low, high))


def ordinal(label: str) -> float:
    """Return the number that a class label begins with or holds: ``0.2 g``, ``VII``, ``intensity 8``; NaN for none."""
    found = re.search(r"\d+(?:[.,]\d+)?", label)
    if found:
        return float(found.group().replace(",", "."))
    word = re.search(r"\b[ivx]+\b", label.casefold())
    if not word:
        return math.nan
    numbers = [_ROMAN[letter] for letter in word.group()]
    return float(sum(-one if any(later > one for later in numbers[place + 1:place + 2]) else one
                     for place, one in enumerate(numbers)))


def _verdict(change: Estimate, direction: str, all_ways: float) -> str:
    if abs(change.value) < FLAT_CHANGE and all_ways < 2 * FLAT_CHANGE:
        return FLAT
    if not change.has_interval or change.low <= 0 <= change.high or abs(change.value) < FLAT_CHANGE:
        return UNCLEAR
    return EXPECTED if (change.value > 0) == (direction == RISES) else AGAINST


def _at(places: np.ndarray, sums: np.ndarray, value: float) -> np.ndarray:
    """Return the sums of each block at a value, (blocks,), interpolated between those at ``places``."""
    right = int(np.clip(np.searchsorted(places, value), 1, len(places) - 1))
    step = places[right] - places[right - 1]
    part = (value - places[right - 1]) / step if step else 0.0
    return sums[:, right - 1] * (1 - part) + sums[:, right] * part


def _observed(curve: Curve, order: np.ndarray, places: np.ndarray, low: float, high: float) -> tuple[float, float]:
    found = curve.observed
    middle = places if curve.is_categorical else (found.edges[1:] + found.edges[:-1]) / 2
    share, cells = (found.share[order], found.cells[order]) if curve.is_categorical else (found.share, found.cells)
    third = (high - low) / 3
    result = []
    for some in ((middle >= low) & (middle <= low + third), (middle >= high - third) & (middle <= high)):
        some = some & (cells > 0)
        result.append(float((share[some] * cells[some]).sum() / cells[some].sum()) if some.any() else math.nan)
    return result[0], result[1]
