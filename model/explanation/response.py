"""Response curves: what the map says when a factor takes one value everywhere, and how often land of it slid.

The first is partial dependence (Friedman 2001): mean susceptibility over blocks of real land in which one factor is set
to a value in every cell, so that the network, too, sees it everywhere. The second is counted, not modelled. They differ
where a factor goes together with others: the share of landslides then also shows what the others do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..labels import LANDSLIDE, UNKNOWN
from ..memory import kept_memory
from ..progress import Progress
from ..validation.intervals import percentile_interval
from .sample import Cells, Tiles
from .settings import LEVEL
from .skill import resampled
from .subject import Subject

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
class Observed:
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
class Curve:
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
    observed: Observed
    left_out: int = 0
    """Classes with fewer cells that were not tried."""

    @property
    def is_categorical(self) -> bool:
        """Whether the values are classes."""
        return bool(self.labels)


def response_curve(subject: Subject, tiles: Tiles, cells: Cells, factor: int, seed: int, progress: Progress) -> Curve:
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
        observed = observed_share(cells, _places(cells.values[factor], values), len(values), np.empty(0), seed)
    else:
        low, high = weighted_quantile(cells.values[factor], cells.weights, [0.01, 0.99])
        values, left_out = (np.linspace(low, high, VALUES) if high > low else np.array([low])), 0
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])
        place = np.clip(np.searchsorted(edges, cells.values[factor], side="right") - 1, 0, len(edges) - 2)
        observed = observed_share(cells, place, len(edges) - 1, edges, seed)
    sums, counts = np.zeros((len(tiles), len(values))), np.zeros((len(values), _STEPS))
    with kept_memory():
        for column, value in enumerate(values):
            for tile, found in tiles.predicted(subject, lambda one: tiles.with_value(one, factor, value), progress):
                found = found[tiles.inside[tile] & np.isfinite(found)]
                sums[tile, column] = found.sum(dtype=np.float64)
                place = np.minimum((found * _STEPS).astype(np.int64), _STEPS - 1)
                counts[column] += tiles.weights[tile] * np.bincount(place, minlength=_STEPS)
            progress.report((column + 1) / len(values))
    sizes = tiles.inside.sum(axis=(1, 2)).astype(np.float64)
    mean, draws = curve_mean(sums, sizes, tiles.weights[None]), curve_mean(sums, sizes, resampled(tiles.weights, seed))
    ends = np.array([percentile_interval(column, LEVEL) for column in draws.T])
    labels = [subject.labels(factor).get(int(code), f"class {int(code)}") for code in values] if categorical else []
    return Curve(factor, values, labels, mean[0], ends[:, 0], ends[:, 1], _spread(counts), sums, sizes, observed,
                 left_out)


def curve_mean(sums: np.ndarray, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean susceptibility at each value, (draws, values), with blocks weighted by (draws, blocks)."""
    total = weights @ cells
    return (weights @ sums) / np.where(total > 0, total, np.nan)[:, None]


def observed_share(cells: Cells, place: np.ndarray, bins: int, edges: np.ndarray, seed: int) -> Observed:
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
    again = resampled(np.ones(blocks), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = slides.sum(axis=0) / total.sum(axis=0)
        draws = (again @ slides) / (again @ total)
    ends = np.array([percentile_interval(column, LEVEL) for column in draws.T])
    used = place >= 0
    area = np.bincount(place[used], cells.weights[used], minlength=bins) / cells.weights.sum()
    return Observed(edges, share, ends[:, 0], ends[:, 1], area, np.bincount(place[known], minlength=bins))


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
