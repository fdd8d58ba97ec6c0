"""Response curves: what the map says when a factor takes one value everywhere, and how often land of it slid.

The first is partial dependence (Friedman 2001): mean susceptibility over blocks of real land in which one factor is set
to a value in every cell, so that the network, too, sees it everywhere. The second is counted, not modelled. They differ
where a factor goes together with others: the share of landslides then also shows what the others do.
Does the map answer to a factor as the land does? Judged on the response curve, with its own uncertainty.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from ..labels import LANDSLIDE, UNKNOWN
from ..memory import retain_freed_memory
from ..progress import Progress
from ..statistics.intervals import Estimate, percentile_interval
from .explained_model import ExplainedModel, bootstrap_weights
from .sample import Cells, Tiles
from .settings import LEVEL

VALUES = 11
"""Values at which a continuous factor is tried, evenly from the 1st to the 99th percentile."""

CLASSES = 12
"""Classes that are tried, those with the most cells."""

BINS = 10
"""Bins of a continuous factor in which landslides are counted."""

SPREAD = (0.1, 0.9)
"""Of the cells' own susceptibilities, drawn as a band."""

_STEPS = 1000


@dataclass
class ObservedShares:
    """Landslide cells among the labelled cells, by bin or class."""

    edges: np.ndarray
    """Of the bins, (bins + 1,); the first and the last bin also hold what lies beyond. Empty for classes."""
    share: np.ndarray
    """Landslide cells ÷ labelled cells, (bins,); NaN in empty bins."""
    low: np.ndarray
    high: np.ndarray
    area: np.ndarray
    """Share of all cells of the area that lie in the bin, (bins,)."""
    cells: np.ndarray
    """Labelled cells that were counted, int64 (bins,)."""


@dataclass
class ResponseCurve:
    """The response to one factor."""

    factor: int
    """Number in the model's order."""
    values: np.ndarray
    """At which it was tried: physical values, or class codes, both rising."""
    labels: list[str]
    """Class labels; empty for a continuous factor."""
    mean: np.ndarray
    """Mean susceptibility, (values,)."""
    low: np.ndarray
    """Ends of the interval of the mean over blocks, (values,)."""
    high: np.ndarray
    spread: np.ndarray
    """Susceptibility that a tenth of the cells stays below, and that a tenth goes beyond, (2, values)."""
    blocks: np.ndarray
    """Sum of the susceptibilities in each block, (tiles, values)."""
    cells: np.ndarray
    """Cells of each block, (tiles,)."""
    observed: ObservedShares
    left_out: int = 0
    """Classes with fewer cells that were not tried."""

    @property
    def is_categorical(self) -> bool:
        """Whether the values are classes."""
        return bool(self.labels)


def response_curve(
    subject: ExplainedModel, tiles: Tiles, cells: Cells, factor: int, seed: int, progress: Progress
) -> ResponseCurve:
    """Try values of one factor.

    Args:
        subject: the model.
        tiles: blocks in which the factor is set to each value in turn.
        cells: for the range of values and the share of landslides.
        factor: its number.
        seed: of the resamples.
        progress: 0 to 1 over the values.
    """
    categorical = subject.specs[factor].is_categorical
    if categorical:
        values, left_out = _classes(cells, factor)
        observed = observed_shares(cells, _places(cells.values[factor], values), len(values), np.empty(0), seed)
    else:
        low, high = weighted_quantile(cells.values[factor], cells.weights, [0.01, 0.99])
        values, left_out = (np.linspace(low, high, VALUES) if high > low else np.array([low])), 0
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])
        place = np.clip(np.searchsorted(edges, cells.values[factor], side="right") - 1, 0, len(edges) - 2)
        observed = observed_shares(cells, place, len(edges) - 1, edges, seed)
    sums, counts = np.zeros((len(tiles), len(values))), np.zeros((len(values), _STEPS))
    with retain_freed_memory():
        for column, value in enumerate(values):
            for tile, found in tiles.iterate_predictions(
                subject, lambda one: tiles.with_value(one, factor, value), progress
            ):
                found = found[tiles.inside[tile] & np.isfinite(found)]
                sums[tile, column] = found.sum(dtype=np.float64)
                place = np.minimum((found * _STEPS).astype(np.int64), _STEPS - 1)
                counts[column] += tiles.weights[tile] * np.bincount(place, minlength=_STEPS)
            progress.report((column + 1) / len(values))
    sizes = tiles.inside.sum(axis=(1, 2)).astype(np.float64)
    mean, draws = (
        curve_mean(sums, sizes, tiles.weights[None]),
        curve_mean(sums, sizes, bootstrap_weights(tiles.weights, seed)),
    )
    ends = np.array([percentile_interval(column, LEVEL) for column in draws.T])
    labels = [subject.labels(factor).get(int(code), f"class {int(code)}") for code in values] if categorical else []
    return ResponseCurve(
        factor, values, labels, mean[0], ends[:, 0], ends[:, 1], _spread(counts), sums, sizes, observed, left_out
    )


def curve_mean(sums: np.ndarray, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean susceptibility at each value, (draws, values), with blocks weighted by (draws, blocks)."""
    total = weights @ cells
    return (weights @ sums) / np.where(total > 0, total, np.nan)[:, None]


def observed_shares(cells: Cells, place: np.ndarray, bins: int, edges: np.ndarray, seed: int) -> ObservedShares:
    """Count landslide cells in bins, with intervals from drawing the blocks again.

    Args:
        cells: single cells.
        place: bin of each cell, int (cells,), −1 for none.
        bins: how many there are.
        edges: of the bins, kept in the result.
        seed: of the resamples.
    """
    known = (cells.labels != UNKNOWN) & (place >= 0)
    blocks = int(cells.blocks.max()) + 1
    joint = cells.blocks[known].astype(np.int64) * bins + place[known]
    weights, slide = cells.weights[known], cells.labels[known] == LANDSLIDE

    def by_block(weight: np.ndarray) -> np.ndarray:
        return np.bincount(joint, weight, minlength=blocks * bins).reshape(blocks, bins)

    slides, total = by_block(weights * slide), by_block(weights)
    again = bootstrap_weights(np.ones(blocks), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = slides.sum(axis=0) / total.sum(axis=0)
        draws = (again @ slides) / (again @ total)
    ends = np.array([percentile_interval(column, LEVEL) for column in draws.T])
    used = place >= 0
    area = np.bincount(place[used], cells.weights[used], minlength=bins) / cells.weights.sum()
    return ObservedShares(edges, share, ends[:, 0], ends[:, 1], area, np.bincount(place[known], minlength=bins))


def weighted_quantile(values: np.ndarray, weights: np.ndarray, shares: list[float]) -> np.ndarray:
    """Return the values below which given shares of the weight lie, float64."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, np.asarray(shares) * reached[-1], side="left")
    return values[order][np.minimum(place, len(values) - 1)].astype(np.float64)


def _classes(cells: Cells, factor: int) -> tuple[np.ndarray, int]:
    """Return the codes with the most cells, and how many codes are left out; −1, a class unknown to the model, is."""
    codes, place = np.unique(cells.values[factor], return_inverse=True)
    weight = np.bincount(place, cells.weights)
    order = [number for number in np.argsort(-weight, kind="stable") if codes[number] >= 0]
    return np.sort(codes[order[:CLASSES]]).astype(np.float64), len(order) - len(order[:CLASSES])


def _places(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the place of each code among the wanted ones, −1 for others."""
    order = np.argsort(wanted)
    place = np.minimum(np.searchsorted(wanted[order], codes), len(wanted) - 1)
    return np.where(wanted[order][place] == codes, order[place], -1)


def _spread(counts: np.ndarray) -> np.ndarray:
    """Return the :data:`SPREAD` quantiles of counted susceptibilities, (2, values), from counts (values, steps)."""
    reached = np.cumsum(counts, axis=1)
    shares = reached / np.maximum(reached[:, -1:], 1e-300)
    return np.stack([((shares < level).sum(axis=1) + 0.5) / _STEPS for level in SPREAD])


RISES, FALLS = "rises", "falls"
EXPECTED, AGAINST, FLAT, UNCLEAR, NOT_ASSESSED = ("as expected", "against expectation", "flat", "unclear", "not judged")

FLAT_CHANGE = 0.02
"""A change of the mean susceptibility smaller than this over the whole range is called flat."""

MIN_NET_CHANGE = 0.6
"""Net change ÷ all ups and downs of a curve, below which it is said to turn on the way."""

MIN_RANGE_SHARE = 0.5
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
    "slope": Expectation(
        RISES,
        "Gravity pulls harder on steeper ground. Above about 35 degrees rock stands that has "
        "nothing loose left, so no more is expected there.",
        5.0,
        35.0,
    ),
    "river_density": Expectation(RISES, "Rivers undercut the slopes beside them."),
    "distance_to_rivers": Expectation(FALLS, "Rivers undercut the slopes beside them."),
    "precipitation": Expectation(RISES, "Water in the ground takes its strength."),
    "fault_density": Expectation(RISES, "Rock is broken along faults."),
    "distance_to_faults": Expectation(FALLS, "Rock is broken along faults."),
    "seismic_intensity": Expectation(RISES, "Shaking loosens slopes."),
    "distance_to_roads": Expectation(FALLS, "Roads cut the foot of slopes."),
}
"""By factor name; nothing is said of others. Reichenbach et al. (2018) review what such factors do."""

_ALIASES = {
    f"{first}{second}": f"distance_to_{line}s"
    for line in ("river", "fault", "road")
    for first, second in (
        (f"{line}_", "distance"),
        (f"{line}s_", "distance"),
        ("distance_", line),
        ("distance_", f"{line}s"),
        ("distance_to_", line),
        ("dist_", line),
        ("dist_", f"{line}s"),
    )
}
_ALIASES |= {
    "rainfall": "precipitation",
    "annual_precipitation": "precipitation",
    "slope_gradient": "slope",
    "seismicity": "seismic_intensity",
}
_ROMAN = {"i": 1, "v": 5, "x": 10}


@dataclass(frozen=True)
class CurveAssessment:
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


def assess_curve(curve: ResponseCurve, expected: Expectation, weights: np.ndarray, seed: int) -> CurveAssessment:
    """Compare a response curve with what is expected.

    Args:
        curve: of the factor.
        expected: of it.
        weights: of the blocks in which the curve was made.
        seed: of the resamples.
    """
    places = np.array([ordinal(label) for label in curve.labels]) if curve.is_categorical else curve.values
    if not np.isfinite(places).all():
        return CurveAssessment(
            curve.factor, NOT_ASSESSED, expected, reason="its class names hold no number to order them by"
        )
    order = np.argsort(places, kind="stable")
    places, sums = places[order], curve.blocks[:, order]
    low, high = max(expected.low, places[0]), min(expected.high, places[-1])
    wanted = expected.high - expected.low
    if not high > low or (math.isfinite(wanted) and high - low < MIN_RANGE_SHARE * wanted):
        return CurveAssessment(
            curve.factor,
            NOT_ASSESSED,
            expected,
            low,
            high,
            reason="its values in the area cover too little of the range",
        )
    inner = (places > low) & (places < high)
    ends = np.stack([_sums_at(places, sums, low), _sums_at(places, sums, high)], axis=1)
    path = np.concatenate([ends[:, :1], sums[:, inner], ends[:, 1:]], axis=1)
    mean = curve_mean(path, curve.cells, weights[None])[0]
    draws = curve_mean(ends, curve.cells, bootstrap_weights(weights, seed))
    change = Estimate(float(mean[-1] - mean[0]), *percentile_interval(draws[:, 1] - draws[:, 0], LEVEL), "bootstrap")
    total_variation = float(np.abs(np.diff(mean)).sum())
    turns = total_variation > FLAT_CHANGE and abs(change.value) < MIN_NET_CHANGE * total_variation
    return CurveAssessment(
        curve.factor,
        _verdict(change, expected.direction, total_variation),
        expected,
        float(low),
        float(high),
        float(mean[0]),
        float(mean[-1]),
        change,
        turns,
        _observed_thirds(curve, order, places, low, high),
    )


def ordinal(label: str) -> float:
    """Return the number that a class label begins with or holds: ``0.2 g``, ``VII``, ``intensity 8``; NaN for none."""
    found = re.search(r"\d+(?:[.,]\d+)?", label)
    if found:
        return float(found.group().replace(",", "."))
    word = re.search(r"\b[ivx]+\b", label.casefold())
    if not word:
        return math.nan
    numbers = [_ROMAN[letter] for letter in word.group()]
    return float(
        sum(
            -one if any(later > one for later in numbers[place + 1 : place + 2]) else one
            for place, one in enumerate(numbers)
        )
    )


def _verdict(change: Estimate, direction: str, total_variation: float) -> str:
    if abs(change.value) < FLAT_CHANGE and total_variation < 2 * FLAT_CHANGE:
        return FLAT
    if not change.has_interval or change.low <= 0 <= change.high or abs(change.value) < FLAT_CHANGE:
        return UNCLEAR
    return EXPECTED if (change.value > 0) == (direction == RISES) else AGAINST


def _sums_at(places: np.ndarray, sums: np.ndarray, value: float) -> np.ndarray:
    """Return the sums of each block at a value, (blocks,), interpolated between those at ``places``."""
    right = int(np.clip(np.searchsorted(places, value), 1, len(places) - 1))
    step = places[right] - places[right - 1]
    part = (value - places[right - 1]) / step if step else 0.0
    return sums[:, right - 1] * (1 - part) + sums[:, right] * part


def _observed_thirds(
    curve: ResponseCurve, order: np.ndarray, places: np.ndarray, low: float, high: float
) -> tuple[float, float]:
    found = curve.observed
    middle = places if curve.is_categorical else (found.edges[1:] + found.edges[:-1]) / 2
    share, cells = (found.share[order], found.cells[order]) if curve.is_categorical else (found.share, found.cells)
    third = (high - low) / 3
    result = []
    for some in ((middle >= low) & (middle <= low + third), (middle >= high - third) & (middle <= high)):
        some = some & (cells > 0)
        result.append(float((share[some] * cells[some]).sum() / cells[some].sum()) if some.any() else math.nan)
    return result[0], result[1]
