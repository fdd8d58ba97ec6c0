"""Exact weighted quantiles of any number of cells in bounded memory.

The bits of float32 numbers, read as whole numbers with the sign turned round, sort as the numbers do. A first pass
counts weight by the upper 16 bits; it shows in which of 65,536 bins each quantile lies. A second pass counts the lower
16 bits of the cells in those bins only, which names the value exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, Sequence

import numpy as np

from ..errors import TooFewData

Walk = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Gives all cells once, in portions: values (float32, no NaN) and their weights (float64), both of one dimension."""

_HALF = 16
_BINS = 1 << _HALF
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Quantiles:
    """Quantiles and what the same two passes show besides."""

    values: list[float]
    """For each share the smallest value up to which at least that share of the weight lies."""

    reached: list[float]
    """Share of the weight up to and with each value; above the share asked for where cells are tied."""

    tied: list[float]
    """Share of the weight that has exactly each value."""

    minimum: float
    maximum: float
    cells: int
    weight: float

    heaviest: float
    """Share of the weight of the heaviest single cell: what no cut can be more exact than."""


def weighted_quantiles(walk: Walk, shares: Sequence[float]) -> Quantiles:
    """Return exact weighted quantiles (NumPy's ``inverted_cdf``).

    Args:
        walk: gives all cells; called twice.
        shares: between 0 and 1.

    Raises:
        TooFewData: there is no cell.
    """
    coarse = np.zeros(_BINS)
    cells, minimum, maximum, heaviest = 0, np.inf, -np.inf, 0.0
    for values, weights in walk():
        if len(values):
            heaviest = max(heaviest, float(weights.max()))
            coarse += np.bincount(sort_keys(values) >> _HALF, weights, minlength=_BINS)
            cells += len(values)
            minimum, maximum = min(minimum, float(values.min())), max(maximum, float(values.max()))
    if not cells:
        raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    cumulative = np.cumsum(coarse)
    weight = float(cumulative[-1])
    targets = [share * weight * (1 - _ROUNDING) for share in shares]
    bins = [_first_reaching(cumulative, coarse, target) for target in targets]
    fine = {index: np.zeros(_BINS) for index in bins}
    for values, weights in walk():
        keys = sort_keys(values)
        upper = keys >> _HALF
        for index, counts in fine.items():
            chosen = upper == index
            if chosen.any():
                counts += np.bincount(keys[chosen] & (_BINS - 1), weights[chosen], minlength=_BINS)
    result = Quantiles([], [], [], minimum, maximum, cells, weight, heaviest / weight)
    for target, index in zip(targets, bins):
        before = cumulative[index - 1] if index else 0.0
        within = before + np.cumsum(fine[index])
        lower = _first_reaching(within, fine[index], target)
        result.values.append(_value(index << _HALF | lower))
        result.reached.append(float(within[lower] / weight))
        result.tied.append(float(fine[index][lower] / weight))
    return result


def _first_reaching(cumulative: np.ndarray, counts: np.ndarray, target: float) -> int:
    """Return the first bin with weight up to which the target is reached."""
    filled = np.flatnonzero(counts)
    place = int(np.searchsorted(cumulative[filled], target, side="left"))
    return int(filled[min(place, len(filled) - 1)])


def sort_keys(values: np.ndarray) -> np.ndarray:
    """Return whole numbers (uint32) that sort as the float32 values do; -0 and 0 are the same."""
    bits = (values + np.float32(0)).view(np.uint32)
    # The sign shifted over all bits turns round a negative number; the first bit is turned in every number.
    turned = bits.view(np.int32) >> 31
    turned |= np.int32(-1 << 31)
    bits ^= turned.view(np.uint32)
    return bits


def _value(key: int) -> float:
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
