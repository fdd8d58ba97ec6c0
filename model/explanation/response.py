"""Response curves: susceptibility when a factor takes one value everywhere, and observed shares of landslides.

The first is partial dependence (Friedman 2001): mean susceptibility over blocks of real land in which one factor is set
to a value in every cell, so that the network sees it everywhere. The second is counted, not modelled. They differ where
a factor is associated with others: the share of landslides then also shows their effect.
The plausibility of a curve is assessed against what is expected of the factor, with the curve's own uncertainty.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from ..labels import LANDSLIDE, UNKNOWN
from ..progress import Progress
from ..statistics import Estimate, percentile_interval
from .explained_model import ExplainedModel, bootstrap_weights
from .sample import Cells, Tiles

VALUES = 11  # values at which a continuous factor is evaluated, evenly from the 1st to the 99th percentile
CLASSES = 12  # classes that are evaluated, those with the most cells
BINS = 10  # bins of a continuous factor in which landslides are counted
SPREAD = (0.1, 0.9)  # quantiles of the cells' own susceptibilities, drawn as a band
_STEPS = 1000


@dataclass
class ObservedShares:
    """Landslide cells among the labelled cells, by bin or class."""

    edges: np.ndarray
    """Of the bins, (bins + 1,); the first and the last bin also hold what lies beyond. Empty for classes."""
    share: np.ndarray  # landslide cells ÷ labelled cells, (bins,); NaN in empty bins
    low: np.ndarray
    high: np.ndarray
    area: np.ndarray  # share of all cells of the area, (bins,)
    cells: np.ndarray  # labelled cells, int64 (bins,)


@dataclass
class ResponseCurve:
    """The response to one factor."""

    factor: int  # number in the model's order
    values: np.ndarray  # physical values or class codes, rising
    labels: list[str]  # class labels; empty for a continuous factor
    mean: np.ndarray  # mean susceptibility with its interval over blocks, (values,)
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray  # SPREAD quantiles of the cells, (2, values)
    blocks: np.ndarray  # sum of the susceptibilities in each block, (tiles, values)
    cells: np.ndarray  # cells of each block, (tiles,)
    observed: ObservedShares
    left_out: int = 0  # classes with fewer cells that were not evaluated

    @property
    def is_categorical(self) -> bool:
        """Whether the values are classes."""
        return bool(self.labels)


def response_curve(
    explained: ExplainedModel, tiles: Tiles, cells: Cells, factor: int, seed: int, progress: Progress
) -> ResponseCurve:
    """Evaluate the model with one factor set to constants in the tiles; the range of values is that of the cells.

    The factor is no embedding.
    """
    categorical, (row,) = explained.specs[factor].is_categorical, explained.members[factor]
    if categorical:
        values, left_out = _classes(cells, row)
        place = np.minimum(np.searchsorted(values, cells.values[row]), len(values) - 1)
        index = np.where(values[place] == cells.values[row], place, -1)
        observed = observed_shares(cells, index, len(values), np.empty(0), seed)
    else:
        low, high = weighted_quantile(cells.values[row], cells.weights, [0.01, 0.99])
        values, left_out = (np.linspace(low, high, VALUES) if high > low else np.array([low])), 0
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])
        index = np.clip(np.searchsorted(edges, cells.values[row], side="right") - 1, 0, len(edges) - 2)
        observed = observed_shares(cells, index, len(edges) - 1, edges, seed)
    sums, counts = np.zeros((len(tiles), len(values))), np.zeros((len(values), _STEPS))
    for column, value in enumerate(values):
        for tile, found in tiles.iterate_predictions(explained, tiles.with_value(row, value), progress):
            found = found[tiles.inside[tile] & np.isfinite(found)]
            sums[tile, column] = found.sum(dtype=np.float64)
            index = np.minimum((found * _STEPS).astype(np.int64), _STEPS - 1)
            counts[column] += tiles.weights[tile] * np.bincount(index, minlength=_STEPS)
        progress.report((column + 1) / len(values))
    sizes = tiles.inside.sum(axis=(1, 2)).astype(np.float64)
    mean = curve_mean(sums, sizes, tiles.weights[None])[0]
    low, high = _intervals(curve_mean(sums, sizes, bootstrap_weights(tiles.weights, seed)))
    names = explained.labels(factor)
    labels = [names.get(int(code), f"class {int(code)}") for code in values] if categorical else []
    return ResponseCurve(factor, values, labels, mean, low, high, _spread(counts), sums, sizes, observed, left_out)


def curve_mean(sums: np.ndarray, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean susceptibility at each value, (draws, values), for block weights (draws, blocks)."""
    total = weights @ cells
    return (weights @ sums) / np.where(total > 0, total, np.nan)[:, None]


def observed_shares(cells: Cells, index: np.ndarray, bins: int, edges: np.ndarray, seed: int) -> ObservedShares:
    """Count landslide cells in bins, with intervals from resampling the blocks; ``edges`` are kept in the result.

    ``index`` is the bin of each cell, −1 for none.
    """
    known = (cells.labels != UNKNOWN) & (index >= 0)
    blocks = int(cells.blocks.max()) + 1
    joint = cells.blocks[known].astype(np.int64) * bins + index[known]
    weights, is_slide = cells.weights[known], cells.labels[known] == LANDSLIDE
    slides, total = (
        np.bincount(joint, weight, minlength=blocks * bins).reshape(blocks, bins)
        for weight in (weights * is_slide, weights)
    )
    resampled = bootstrap_weights(np.ones(blocks), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = slides.sum(axis=0) / total.sum(axis=0)
        low, high = _intervals((resampled @ slides) / (resampled @ total))
    used = index >= 0
    area = np.bincount(index[used], cells.weights[used], minlength=bins) / cells.weights.sum()
    return ObservedShares(edges, share, low, high, area, np.bincount(index[known], minlength=bins))


def _intervals(draws: np.ndarray) -> np.ndarray:
    return np.array([percentile_interval(column) for column in draws.T]).T


def weighted_quantile(values: np.ndarray, weights: np.ndarray, shares: list[float]) -> np.ndarray:
    """Return the values below which given shares of the weight lie, float64."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    index = np.searchsorted(reached, np.asarray(shares) * reached[-1], side="left")
    return values[order][np.minimum(index, len(values) - 1)].astype(np.float64)


def _classes(cells: Cells, factor: int) -> tuple[np.ndarray, int]:
    """Return the codes with the most cells, and how many are left out; −1, a class unknown to the model, always is."""
    codes, index = np.unique(cells.values[factor], return_inverse=True)
    weight = np.bincount(index, cells.weights)
    order = [number for number in np.argsort(-weight, kind="stable") if codes[number] >= 0]
    return np.sort(codes[order[:CLASSES]]).astype(np.float64), len(order) - len(order[:CLASSES])


def _spread(counts: np.ndarray) -> np.ndarray:
    """Return the :data:`SPREAD` quantiles of counted susceptibilities, (2, values), from counts (values, steps)."""
    reached = np.cumsum(counts, axis=1)
    shares = reached / np.maximum(reached[:, -1:], 1e-300)
    return np.stack([((shares < level).sum(axis=1) + 0.5) / _STEPS for level in SPREAD])


RISES, FALLS = "rises", "falls"
EXPECTED, AGAINST, FLAT, UNCLEAR, NOT_ASSESSED = ("as expected", "against expectation", "flat", "unclear", "not judged")
"""Verdicts; the words stand in tables and run records."""

FLAT_CHANGE = 0.02  # a smaller change of the mean susceptibility over the whole range is called flat
MIN_NET_CHANGE = 0.6  # net change ÷ total variation of a curve, below which it is called non-monotonic
MIN_RANGE_SHARE = 0.5  # part of the expected range that the area must cover for an assessment
_NONE = Estimate(math.nan)


@dataclass(frozen=True)
class Expectation:
    """How landslides respond to a factor in most mountains, other factors being equal."""

    direction: str  # RISES or FALLS
    why: str
    low: float = -math.inf  # range in which that holds, in the factor's unit
    high: float = math.inf


_UNDERCUT = "Rivers undercut the adjacent slopes."
_FRACTURED = "Rock is fractured along faults."
EXPECTATIONS = {
    "slope": Expectation(
        RISES,
        "Shear stress grows with slope. Above about 35 degrees there is bare rock without loose material, so nothing "
        "more is expected there.",
        5.0,
        35.0,
    ),
    "river_density": Expectation(RISES, _UNDERCUT),
    "distance_to_rivers": Expectation(FALLS, _UNDERCUT),
    "precipitation": Expectation(RISES, "Water in the ground reduces its strength."),
    "fault_density": Expectation(RISES, _FRACTURED),
    "distance_to_faults": Expectation(FALLS, _FRACTURED),
    "seismic_intensity": Expectation(RISES, "Shaking loosens slopes."),
    "distance_to_roads": Expectation(FALLS, "Roads cut into the foot of slopes."),
}
"""By factor name; other factors have none. Reichenbach et al. (2018) review the effects of such factors."""

_ALIASES = {
    "rainfall": "precipitation",
    "annual_precipitation": "precipitation",
    "slope_gradient": "slope",
    "seismicity": "seismic_intensity",
}
_PATTERNS = ("{}_distance", "{}s_distance", "distance_{}", "distance_{}s", "distance_to_{}", "dist_{}", "dist_{}s")
for _line in ("river", "fault", "road"):
    _ALIASES |= {pattern.format(_line): f"distance_to_{_line}s" for pattern in _PATTERNS}
_ROMAN = {"i": 1, "v": 5, "x": 10}


@dataclass(frozen=True)
class CurveAssessment:
    """How one factor's curve compares with what is expected."""

    factor: int
    verdict: str
    expectation: Expectation
    low: float = math.nan  # assessed range in the factor's unit
    high: float = math.nan
    start: float = math.nan  # mean susceptibility at its ends
    end: float = math.nan
    change: Estimate = _NONE  # end − start
    non_monotonic: bool = False  # goes up and down so much that the change says little
    observed: tuple[float, float] = (math.nan, math.nan)
    """Share of landslides among the labelled cells in the lower and in the upper third of the range."""
    reason: str = ""  # why there is no verdict


def expectation_of(name: str) -> Expectation | None:
    """Return what is expected of a factor by its name, ``None`` for most."""
    return EXPECTATIONS.get(_ALIASES.get(name, name))


def assess_curve(curve: ResponseCurve, expected: Expectation, weights: np.ndarray, seed: int) -> CurveAssessment:
    """Compare a response curve with what is expected; ``weights`` are those of the blocks it was made in."""
    values = np.array([ordinal(label) for label in curve.labels]) if curve.is_categorical else curve.values
    if not np.isfinite(values).all():
        reason = "its class names hold no number to order them by"
        return CurveAssessment(curve.factor, NOT_ASSESSED, expected, reason=reason)
    order = np.argsort(values, kind="stable")
    values, sums = values[order], curve.blocks[:, order]
    low, high = max(expected.low, float(values[0])), min(expected.high, float(values[-1]))
    wanted = expected.high - expected.low
    if not high > low or (math.isfinite(wanted) and high - low < MIN_RANGE_SHARE * wanted):
        reason = "its values in the area cover too little of the range"
        return CurveAssessment(curve.factor, NOT_ASSESSED, expected, low, high, reason=reason)
    inner = (values > low) & (values < high)
    ends = np.stack([_sums_at(values, sums, low), _sums_at(values, sums, high)], axis=1)
    path = np.concatenate([ends[:, :1], sums[:, inner], ends[:, 1:]], axis=1)
    mean = curve_mean(path, curve.cells, weights[None])[0]
    draws = curve_mean(ends, curve.cells, bootstrap_weights(weights, seed))
    change = Estimate(float(mean[-1] - mean[0]), *percentile_interval(draws[:, 1] - draws[:, 0]), "bootstrap")
    variation = float(np.abs(np.diff(mean)).sum())
    verdict = _verdict(change, expected.direction, variation)
    non_monotonic = variation > FLAT_CHANGE and abs(change.value) < MIN_NET_CHANGE * variation
    ends_of_curve, thirds = (float(mean[0]), float(mean[-1])), _observed_thirds(curve, order, values, low, high)
    assessed = curve.factor, verdict, expected, low, high
    return CurveAssessment(*assessed, *ends_of_curve, change, non_monotonic, thirds)


def ordinal(label: str) -> float:
    """Return the number that a class label begins with or holds: ``0.2 g``, ``VII``, ``intensity 8``; NaN for none."""
    digits = re.search(r"\d+(?:[.,]\d+)?", label)
    if digits:
        return float(digits.group().replace(",", "."))
    roman = re.search(r"\b[ivx]+\b", label.casefold())
    if not roman:
        return math.nan
    numbers = [_ROMAN[letter] for letter in roman.group()]
    # A smaller number before a larger one is subtracted.
    return float(sum(-one if one < after else one for one, after in zip(numbers, [*numbers[1:], 0])))


def _verdict(change: Estimate, direction: str, variation: float) -> str:
    if abs(change.value) < FLAT_CHANGE and variation < 2 * FLAT_CHANGE:
        return FLAT
    if not change.has_interval or change.low <= 0 <= change.high or abs(change.value) < FLAT_CHANGE:
        return UNCLEAR
    return EXPECTED if (change.value > 0) == (direction == RISES) else AGAINST


def _sums_at(values: np.ndarray, sums: np.ndarray, value: float) -> np.ndarray:
    right = int(np.clip(np.searchsorted(values, value), 1, len(values) - 1))
    step = values[right] - values[right - 1]
    part = (value - values[right - 1]) / step if step else 0.0
    return sums[:, right - 1] * (1 - part) + sums[:, right] * part


def _observed_thirds(
    curve: ResponseCurve, order: np.ndarray, values: np.ndarray, low: float, high: float
) -> tuple[float, float]:
    observed = curve.observed
    middle, share, cells = (observed.edges[1:] + observed.edges[:-1]) / 2, observed.share, observed.cells
    if curve.is_categorical:
        middle, share, cells = values, share[order], cells[order]
    third, result = (high - low) / 3, []
    for start, end in ((low, low + third), (high - third, high)):
        some = (middle >= start) & (middle <= end) & (cells > 0)
        result.append(float((share[some] * cells[some]).sum() / cells[some].sum()) if some.any() else math.nan)
    return result[0], result[1]
