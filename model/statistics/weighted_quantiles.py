"""Exact weighted quantiles of any number of cells in bounded memory.

The bits of float32 numbers, read as whole numbers with the sign turned round, sort as the numbers do. A first pass
counts weight by the upper 16 bits; it shows in which of 65,536 bins each quantile lies. A second pass counts the lower
16 bits of the cells in those bins only, which names the value exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np

from ..errors import TooFewData

CellScan = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Gives all cells once, in portions: values (float32, no NaN) and their weights (float64), both of one dimension."""

_HALF_BITS = 16
_BINS = 1 << _HALF_BITS
_ROUNDING = 1e-12


@dataclass(frozen=True)
class WeightedQuantiles:
    """Quantiles and what the same two passes show besides."""

    values: list[float]
    """For each share the smallest value up to which at least that share of the weight lies."""

    cumulative_shares: list[float]
    """Share of the weight up to and with each value; above the share asked for where cells are tied."""

    tied_shares: list[float]
    """Share of the weight that has exactly each value."""

    minimum: float
    maximum: float
    cells: int
    weight: float

    max_cell_weight: float
    """Share of the weight of the heaviest single cell: what no cut can be more exact than."""


def weighted_quantiles(scan: CellScan, shares: Sequence[float]) -> WeightedQuantiles:
    """Return exact weighted quantiles (NumPy's ``inverted_cdf``).

    Args:
        walk: gives all cells; called twice.
        shares: between 0 and 1.

    Raises:
        TooFewData: there is no cell.
    """
    coarse = np.zeros(_BINS)
    cells, minimum, maximum, max_cell_weight = 0, np.inf, -np.inf, 0.0
    for values, weights in scan():
        if len(values):
            max_cell_weight = max(max_cell_weight, float(weights.max()))
            coarse += np.bincount(sort_keys(values) >> _HALF_BITS, weights, minlength=_BINS)
            cells += len(values)
            minimum, maximum = min(minimum, float(values.min())), max(maximum, float(values.max()))
    if not cells:
        raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    cumulative = np.cumsum(coarse)
    weight = float(cumulative[-1])
    targets = [share * weight * (1 - _ROUNDING) for share in shares]
    bins = [_first_reaching(cumulative, coarse, target) for target in targets]
    fine = {index: np.zeros(_BINS) for index in bins}
    for values, weights in scan():
        keys = sort_keys(values)
        upper = keys >> _HALF_BITS
        for index, counts in fine.items():
            chosen = upper == index
            if chosen.any():
                counts += np.bincount(keys[chosen] & (_BINS - 1), weights[chosen], minlength=_BINS)
    result = WeightedQuantiles([], [], [], minimum, maximum, cells, weight, max_cell_weight / weight)
    for target, index in zip(targets, bins):
        before = cumulative[index - 1] if index else 0.0
        within = before + np.cumsum(fine[index])
        lower = _first_reaching(within, fine[index], target)
        result.values.append(_value_from_key(index << _HALF_BITS | lower))
        result.cumulative_shares.append(float(within[lower] / weight))
        result.tied_shares.append(float(fine[index][lower] / weight))
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


def _value_from_key(key: int) -> float:
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
