"""The summary over regions: one row a region, the numbers of each map beside each other, and the whole below."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from ..validation.measures import ScopeResult
from ..validation.scopes import ALL, REGION_PREFIX
from .paired import PairTest

TEST = "test"
AT_THRESHOLD = ("recall", "specificity", "precision", "kappa")
"""Measures of maps with values from 0 to 1."""
WHOLE, TESTED, MEAN, WORST = "(all)", "(test windows)", "(mean of the regions)", "(worst region)"
"""First cell of the rows that are no region."""


def region_labels(results: Mapping[str, Sequence[ScopeResult]]) -> list[str]:
    """Return the names of the regions that have numbers."""
    return [scope[len(REGION_PREFIX):] for scope in results if scope.startswith(REGION_PREFIX)]


def summary_columns(names: Sequence[str], probabilities: Sequence[bool]) -> list[str]:
    """Return the columns: of the region, then of each map, and for several maps which one is the best.

    Args:
        names: of the maps.
        probabilities: by map, whether its values are from 0 to 1.
    """
    columns = ["region", "judged_on", "landslides", "stable_points", "area_km2"]
    for name, probability in zip(names, probabilities):
        columns += [f"{name} {measure}" for measure in _measures(probability)]
    return [*columns, "best", "p"] if len(names) > 1 else columns


def summary_rows(results: Mapping[str, Sequence[ScopeResult]], tests: Mapping[str, Sequence[PairTest]], main: str,
                 names: Sequence[str], probabilities: Sequence[bool]) -> list[list[Any]]:
    """Return the rows: the regions, the whole, and over more than one region the mean and the worst of each number.

    Where the numbers are of all ground and there are test windows, these have a row as well: what the maps are worth on
    land never seen.

    Args:
        results: by part of the ground, one of each map.
        tests: by part of the ground, one of each pair.
        main: name of the part that the main numbers are for.
        names: of the maps.
        probabilities: by map, whether its values are from 0 to 1.
    """
    labels = region_labels(results)
    parts = [*((label, main, f"{REGION_PREFIX}{label}") for label in labels), (WHOLE, main, main)]
    if main == ALL and TEST in results:
        parts.append((TESTED, TEST, TEST))
    rows = [[label, judged_on, *_counts(results[scope][0]), *_numbers(results[scope], probabilities),
             *_best(results[scope], tests[scope], names)] for label, judged_on, scope in parts]
    if len(labels) < 2:
        return rows
    first, last = 5, len(rows[0]) - (2 if len(names) > 1 else 0)
    regions = list(zip(*(row[first:last] for row in rows[:len(labels)])))
    blank = [None] * (len(rows[0]) - last)
    for title, together in ((MEAN, lambda column: math.fsum(column) / len(column)), (WORST, min)):
        rows.append([title, main, None, None, None, *(together(column) for column in regions), *blank])
    # The ends of intervals are of one region each: no interval of the mean can be made of them.
    ends = [place for place, name in enumerate(summary_columns(names, probabilities))
            if first <= place < last and name.endswith(("auc_low", "auc_high"))]
    for row in rows[-2:]:
        for place in ends:
            row[place] = None
    return rows


def _measures(probability: bool) -> list[str]:
    return ["auc", "auc_low", "auc_high", "average_precision", *(AT_THRESHOLD if probability else ())]


def _counts(result: ScopeResult) -> list[Any]:
    return [result.landslides, result.stable, result.area_km2]


def _numbers(maps: Sequence[ScopeResult], probabilities: Sequence[bool]) -> list[float]:
    numbers = []
    for result, probability in zip(maps, probabilities):
        numbers += [result.auc.value, result.auc.low, result.auc.high, result.average_precision.value]
        numbers += [result.measures[name].value for name in AT_THRESHOLD] if probability else []
    return numbers


def _best(maps: Sequence[ScopeResult], tests: Sequence[PairTest], names: Sequence[str]) -> list[Any]:
    """Return the map with the highest AUC, and the p of its lead over the next; nothing for one map."""
    if len(maps) < 2:
        return []
    best, second = order_of(maps)[:2]
    return [names[best], pair_of(tests, best, second).p_corrected]


def order_of(maps: Sequence[ScopeResult]) -> list[int]:
    """Return the numbers of the maps, the highest AUC first."""
    return sorted(range(len(maps)), key=lambda number: -maps[number].auc.value)


def pair_of(tests: Sequence[PairTest], one: int, other: int) -> PairTest:
    """Return the test of two maps, in either order."""
    return next(test for test in tests if {test.first, test.second} == {one, other})
