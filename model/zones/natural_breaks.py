"""Natural breaks: classes with the least variance within (Fisher 1958, Jenks 1967).

The optimum is found by dynamic programming on a histogram of 4,096 equal bins, so it is exact to a bin's width and
needs no sample and no seed.
"""

from __future__ import annotations

import numpy as np

from ..errors import TooFewData
from ..statistics import CellScan

BINS = 4096


def value_range(scan: CellScan) -> tuple[float, float]:
    """Return the smallest and the largest value; raises ``TooFewData`` if there is no cell."""
    minimum, maximum = np.inf, -np.inf
    for values, _ in scan():
        if len(values):
            minimum, maximum = min(minimum, float(values.min())), max(maximum, float(values.max()))
    if minimum > maximum:
        raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    return minimum, maximum


def natural_breaks(scan: CellScan, classes: int, minimum: float, maximum: float) -> list[float]:
    """Return the upper bounds of all classes but the last, for cells from ``minimum`` to ``maximum``.

    Raises ``TooFewData`` if the cells have fewer different values than there are classes.
    """
    width = (maximum - minimum) / BINS or 1.0
    weight, total = np.zeros(BINS), np.zeros(BINS)
    for values, weights in scan():
        shifted = values.astype(np.float64) - minimum
        index = np.minimum((shifted / width).astype(np.int64), BINS - 1)
        weight += np.bincount(index, weights, minlength=BINS)
        total += np.bincount(index, weights * shifted, minlength=BINS)
    filled = np.flatnonzero(weight)
    if len(filled) < classes:
        raise TooFewData(
            f"The susceptibility raster has only {len(filled)} clearly different value"
            f"{'' if len(filled) == 1 else 's'}, too few for {classes} natural classes. Choose another METHOD."
        )
    starts = fisher_class_starts(total[filled] / weight[filled], weight[filled], classes)
    # A break is the last float32 below the first bin of the next class, since a zone includes its upper bound.
    edges = (minimum + filled[starts] * width).astype(np.float32)
    return [float(edge) for edge in np.nextafter(edges, np.float32(-np.inf))]


def fisher_class_starts(values: np.ndarray, weights: np.ndarray, classes: int) -> np.ndarray:
    """Return where the second to the last class start, so that the weighted variance within classes is least.

    Values rise and weights are positive, both of shape (n,); classes are at most n. The result holds indices into the
    values, rising, shape (classes − 1,).
    """
    centred = values - np.average(values, weights=weights)
    sums = [np.concatenate([[0.0], np.cumsum(weights * centred**power)]) for power in (0, 1, 2)]

    def sum_of_squares(first: np.ndarray, last: int) -> np.ndarray:
        # About the mean of the values first … last.
        mass, moment, square = (part[last + 1] - part[first] for part in sums)
        return np.maximum(square - moment**2 / mass, 0.0)

    count = len(values)
    best = np.array([sum_of_squares(np.array([0]), last)[0] for last in range(count)])
    starts = np.zeros((classes, count), dtype=np.int64)
    for number in range(1, classes):
        better = np.full(count, np.inf)
        for last in range(number, count):
            first = np.arange(number, last + 1)
            costs = best[first - 1] + sum_of_squares(first, last)
            chosen = int(np.argmin(costs))
            better[last], starts[number, last] = costs[chosen], first[chosen]
        best = better
    found, last = [], count - 1
    for number in range(classes - 1, 0, -1):
        found.append(starts[number, last])
        last = starts[number, last] - 1
    return np.array(found[::-1], dtype=np.int64)
