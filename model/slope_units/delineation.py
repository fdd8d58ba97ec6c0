"""Slope units from nested half-basins: split until the aspect is homogeneous, small ones joined to a neighbour.

After Alvioli et al. (2016, 2020). Half-basins are not computed again for each contributing area: those of the finest
network are joined to those of coarser ones, so that all that follows is arithmetic on tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..progress import Progress, stop_if_cancelled
from .pieces import Pieces
from .settings import SlopeUnitOptions

AREAS = tuple(25_000.0 * 2**step for step in range(5))  # m²; candidates for MIN_AREA
MIN_CELLS = 64  # of the smallest candidate
MOST_OF_LAND = 1 / 32  # share of the land that no candidate exceeds
VARIANCES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # candidates for ASPECT_VARIANCE
NEAR = 0.5  # of its longest common border that a neighbour must have to be joined
MIN_UNITS = 10  # with fewer, settings are not compared


@dataclass(frozen=True)
class Quality:
    """How good a division into units is (Alvioli et al. 2016)."""

    min_area: float
    aspect_variance: float
    units: int
    internal: float  # mean circular variance of the aspect in units, by area
    external: float  # Moran's I of the mean aspect of neighbours, as unit vectors
    score: float = float("nan")  # sum of both, each from 0 for the worst candidate to 1 for the best


@dataclass
class Hierarchy:
    """Pieces and the half-basins that they lie in, from coarse to fine."""

    pieces: Pieces
    flat: np.ndarray  # bool, of pieces
    halves: np.ndarray  # int32, shape (levels, pieces), the coarsest level first

    def __post_init__(self) -> None:
        """Number the half-basins of each level from 0, and add up what lies in each."""
        slopes = ~self.flat
        self._units, self._area, self._variance = [], [], []
        for level in self.halves:
            found, place = np.unique(level[slopes], return_inverse=True)
            unit = np.full(len(level), -1)
            unit[slopes] = place
            sums = [np.bincount(place, self.pieces[name][slopes], len(found)) for name in _OF_UNITS]
            self._units.append(unit)
            self._area.append(sums[0])
            with np.errstate(invalid="ignore", divide="ignore"):
                # Without any aspect there is nothing to split.
                self._variance.append(1 - np.nan_to_num(np.hypot(sums[1], sums[2]) / sums[3], nan=1.0))

    def cut(self, min_area: float, max_area: float, variance: float) -> np.ndarray:
        """Return the half-basin of each piece, numbered across levels: the coarsest that is homogeneous or too small to
        be split; all flat land is -1.
        """
        result = np.full(len(self.pieces), -1)
        waiting = np.flatnonzero(~self.flat)
        first = 0
        for level, (unit, area, found) in enumerate(zip(self._units, self._area, self._variance), 1):
            done = (area < 2 * min_area) | ((found <= variance) & (area <= max_area))
            if level == len(self._units):
                done[:] = True
            own = unit[waiting]
            ready = done[own]
            result[waiting[ready]] = first + own[ready]
            waiting, first = waiting[~ready], first + len(area)
        return result


_OF_UNITS = ("area", "cosine", "sine", "facing")


def candidate_areas(options: SlopeUnitOptions, cell_area: float, land: float) -> list[float]:
    """Return the values of MIN_AREA to compare; one if it is given. ``cell_area`` and ``land`` are in m²."""
    if options.min_area is not None:
        return [options.min_area]
    least, most = MIN_CELLS * cell_area, land * MOST_OF_LAND
    if options.max_area is not None:
        most = min(most, options.max_area / 2)
    return [area for area in AREAS if least <= area <= most] or [max(min(least, most), cell_area)]


def choose_settings(
    hierarchy: Hierarchy, areas: Sequence[float], options: SlopeUnitOptions, progress: Progress
) -> tuple[Quality, list[Quality]]:
    """Return the settings with the best score, and all that were compared.

    The score rises with homogeneous units whose neighbours face other ways: (V₁ − V) / (V₁ − V₀) + (I₁ − I) / (I₁ − I₀)
    with V and I the internal variance and Moran's I, and 0 and 1 for the smallest and the largest of the candidates.
    """
    variances = VARIANCES if options.aspect_variance is None else (options.aspect_variance,)
    limit = np.inf if options.max_area is None else options.max_area
    tried = []
    for number, area in enumerate(areas):
        for variance in variances:
            stop_if_cancelled(progress)
            unit = hierarchy.cut(area, limit, variance)
            tried.append(_quality(hierarchy.pieces, unit, area, variance))
        progress.report((number + 1) / len(areas))
    enough = [one for one in tried if one.units >= MIN_UNITS and np.isfinite(one.internal + one.external)]
    if len(enough) < 2:
        # The finest division shows most where the land is small.
        return tried[len(tried) // 2 if not enough else tried.index(enough[0])], tried
    parts = []
    for values in ([one.internal for one in enough], [one.external for one in enough]):
        least, most = min(values), max(values)
        parts.append([(most - value) / (most - least) if most > least else 0.0 for value in values])
    scored = [replace(one, score=a + b) for one, a, b in zip(enough, *parts)]
    return max(scored, key=lambda one: one.score), scored


def measure(units: Pieces, flat: np.ndarray) -> tuple[float, float]:
    """Return the mean circular variance of units by area, and Moran's I of the mean aspect of neighbours; flat units do
    not count. NaN where there are too few.
    """
    facing = ~flat & (units["facing"] > 0)
    if not facing.any():
        return float("nan"), float("nan")
    area = units["area"][facing]
    internal = float(units.variance()[facing] @ area / area.sum())
    length = np.hypot(units["cosine"], units["sine"])
    facing &= length > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        vector = np.stack([units["cosine"], units["sine"]]) / length
    mean = vector[:, facing].mean(axis=1, keepdims=True)
    away = np.where(facing, vector - mean, 0.0)
    both = facing[units.pairs].all(axis=0)
    spread = (away**2).sum()
    if not both.any() or spread <= 0:
        return internal, float("nan")
    first, second = units.pairs[:, both]
    together = (away[:, first] * away[:, second]).sum()
    return internal, float(together / both.sum() / (spread / facing.sum()))


def _quality(pieces: Pieces, unit: np.ndarray, min_area: float, variance: float) -> Quality:
    """Measure a division before small pieces are joined; those count in neither number."""
    found, place = np.unique(unit, return_inverse=True)
    units = pieces.merged(place, len(found))
    left_out = (units["area"] < min_area / 2) | (found < 0)
    internal, external = measure(units, left_out)
    return Quality(min_area, variance, int((~left_out).sum()), internal, external)


def join_small(hierarchy: Hierarchy, unit: np.ndarray, min_area: float, progress: Progress) -> np.ndarray:
    """Return the unit of each piece, 0 on, in the order of their first pieces: connected parts of half-basins and of
    flat land, of at least ``min_area`` m² each unless they have no neighbour.

    Small ones join, the smallest first, that neighbour of a long common border with which the aspect varies least.
    """
    pieces, same = hierarchy.pieces, unit[hierarchy.pieces.pairs]
    together = hierarchy.pieces.pairs[:, same[0] == same[1]]
    count = len(pieces)
    graph = coo_matrix((np.ones(together.shape[1], dtype=np.int8), together), shape=(count, count))
    number, place = connected_components(graph, directed=False)
    units = pieces.merged(place, number)
    flat = np.zeros(number, dtype=bool)
    flat[place[hierarchy.flat]] = True
    while True:
        stop_if_cancelled(progress)
        target = _targets(units, flat, min_area)
        joins = target >= 0
        if not joins.any():
            return _in_order(place)
        kept = np.cumsum(~joins) - 1
        new = np.where(joins, kept[target], kept)
        place, units, flat = new[place], units.merged(new, int(kept[-1]) + 1), flat[~joins]


def _targets(units: Pieces, flat: np.ndarray, min_area: float) -> np.ndarray:
    """Return the unit that each one joins, -1 for none: small ones that are smaller than all their small neighbours."""
    area, count = units["area"], len(units)
    small = area < min_area
    target = np.full(count, -1)
    touches_small = small[units.pairs].any(axis=0)
    pairs, border = units.pairs[:, touches_small], units.border[touches_small]
    if not pairs.size:
        return target
    one, other = np.concatenate([pairs, pairs[::-1]], axis=1)
    length = np.concatenate([border, border])
    from_small = small[one]
    one, other, length = one[from_small], other[from_small], length[from_small]
    # Of two small neighbours the larger one waits; of equal ones the later.
    waits = small[other] & ((area[other] < area[one]) | ((area[other] == area[one]) & (other < one)))
    waiting = np.zeros(count, dtype=bool)
    waiting[one[waits]] = True
    longest = np.zeros(count)
    np.maximum.at(longest, one, length)
    near = length >= NEAR * longest[one]
    one, other = one[near], other[near]
    towards = np.stack([units["cosine"], units["sine"]])
    size = np.hypot(*towards)
    # By how much the sum of variances, each times its cells, rises.
    loss = size[one] + size[other] - np.hypot(*(towards[:, one] + towards[:, other]))
    mixed = flat[one] != flat[other]
    order = np.lexsort((other, loss, mixed, one))
    first = np.ones(len(order), dtype=bool)
    first[1:] = np.diff(one[order]) != 0
    best = order[first]
    best = best[~waiting[one[best]]]
    target[one[best]] = other[best]
    return target


def _in_order(place: np.ndarray) -> np.ndarray:
    found, first, number = np.unique(place, return_index=True, return_inverse=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    return rank[number]
