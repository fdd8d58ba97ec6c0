"""The summary over regions: one row a region, the numbers of each map beside each other, and the whole below.
All numbers of a comparison as one tidy table: part of the ground, map, other map, measure, value and interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..statistics.intervals import Estimate
from ..validation.measures import ScopeResult
from ..validation.scopes import ALL, REGION_PREFIX
from .agreement import Agreement
from .paired_tests import PairTest

TEST = "test"
THRESHOLD_METRICS = ("recall", "specificity", "precision", "kappa")
"""Measures of maps with values from 0 to 1."""
WHOLE, TESTED, MEAN, WORST = "(all)", "(test windows)", "(mean of the regions)", "(worst region)"
"""First cell of the rows that are no region."""


def region_labels(results: Mapping[str, Sequence[ScopeResult]]) -> list[str]:
    """Return the names of the regions that have numbers."""
    return [scope[len(REGION_PREFIX) :] for scope in results if scope.startswith(REGION_PREFIX)]


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


def summary_rows(
    results: Mapping[str, Sequence[ScopeResult]],
    tests: Mapping[str, Sequence[PairTest]],
    main: str,
    names: Sequence[str],
    probabilities: Sequence[bool],
) -> list[list[Any]]:
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
    rows = [
        [
            label,
            judged_on,
            *_counts(results[scope][0]),
            *_numbers(results[scope], probabilities),
            *_best(results[scope], tests[scope], names),
        ]
        for label, judged_on, scope in parts
    ]
    if len(labels) < 2:
        return rows
    first, last = 5, len(rows[0]) - (2 if len(names) > 1 else 0)
    regions = list(zip(*(row[first:last] for row in rows[: len(labels)])))
    blank = [None] * (len(rows[0]) - last)
    for title, together in ((MEAN, lambda column: math.fsum(column) / len(column)), (WORST, min)):
        rows.append([title, main, None, None, None, *(together(column) for column in regions), *blank])
    # The ends of intervals are of one region each: no interval of the mean can be made of them.
    ends = [
        place
        for place, name in enumerate(summary_columns(names, probabilities))
        if first <= place < last and name.endswith(("auc_low", "auc_high"))
    ]
    for row in rows[-2:]:
        for place in ends:
            row[place] = None
    return rows


def _measures(probability: bool) -> list[str]:
    return ["auc", "auc_low", "auc_high", "average_precision", *(THRESHOLD_METRICS if probability else ())]


def _counts(result: ScopeResult) -> list[Any]:
    return [result.landslides, result.stable, result.area_km2]


def _numbers(maps: Sequence[ScopeResult], probabilities: Sequence[bool]) -> list[float]:
    numbers = []
    for result, probability in zip(maps, probabilities):
        numbers += [result.auc.value, result.auc.low, result.auc.high, result.average_precision.value]
        numbers += [result.measures[name].value for name in THRESHOLD_METRICS] if probability else []
    return numbers


def _best(maps: Sequence[ScopeResult], tests: Sequence[PairTest], names: Sequence[str]) -> list[Any]:
    """Return the map with the highest AUC, and the p of its lead over the next; nothing for one map."""
    if len(maps) < 2:
        return []
    best, second = rank_by_auc(maps)[:2]
    return [names[best], find_pair_test(tests, best, second).p_corrected]


def rank_by_auc(maps: Sequence[ScopeResult]) -> list[int]:
    """Return the numbers of the maps, the highest AUC first."""
    return sorted(range(len(maps)), key=lambda number: -maps[number].auc.value)


def find_pair_test(tests: Sequence[PairTest], one: int, other: int) -> PairTest:
    """Return the test of two maps, in either order."""
    return next(test for test in tests if {test.first, test.second} == {one, other})


Row = tuple[str, str, str, str, float, float, float, str]


def result_rows(
    results: Mapping[str, Sequence[ScopeResult]], names: Sequence[str], probabilities: Sequence[bool]
) -> Iterator[Row]:
    """Give the numbers of each map in each part of the ground.

    Args:
        results: by scope, one of each map.
        names: of the maps.
        probabilities: by map, whether its values are from 0 to 1, as measures at a threshold need.
    """
    for scope, maps in results.items():
        for name, result, probability in zip(names, maps, probabilities):
            for measure, value in (
                ("landslides", result.landslides),
                ("stable_points", result.stable),
                ("repeats", result.repeats),
                ("area_km2", result.area_km2),
            ):
                yield _row(scope, name, "", measure, Estimate(float(value)))
            yield _row(scope, name, "", "auc", result.auc)
            yield _row(scope, name, "", "auc_over_draws", result.auc_draws)
            yield _row(scope, name, "", "auc_delong", result.auc_delong)
            yield _row(scope, name, "", "average_precision", result.average_precision)
            if scope == ALL:
                yield _row(scope, name, "", "success_rate_area", result.success_rate_auc)
                for zone in result.zones:
                    yield _row(scope, name, "", f"zone_{zone.zone}_area_share", Estimate(zone.area_share))
                    yield _row(scope, name, "", f"zone_{zone.zone}_landslide_share", zone.landslide_share)
                    yield _row(scope, name, "", f"zone_{zone.zone}_frequency_ratio", zone.frequency_ratio)
            if probability:
                for measure, estimate in {**result.measures, "brier_score": result.brier}.items():
                    yield _row(scope, name, "", measure, estimate)


def pair_rows(tests: Mapping[str, Sequence[PairTest]], names: Sequence[str]) -> Iterator[Row]:
    """Give the paired tests of each part of the ground."""
    for scope, pairs in tests.items():
        for test in pairs:
            first, second = names[test.first], names[test.second]
            yield _row(scope, first, second, "auc_difference", test.bootstrap)
            yield _row(scope, first, second, "auc_difference_delong", test.delong)
            for measure, value in (
                ("p_delong", test.p_delong),
                ("p_bootstrap", test.p_bootstrap),
                ("p_corrected", test.p_corrected),
            ):
                yield _row(scope, first, second, measure, Estimate(value))


def agreement_rows(pairs: Sequence[Agreement], names: Sequence[str]) -> Iterator[Row]:
    """Give how zones and ranks of each pair of maps agree."""
    for pair in pairs:
        first, second = names[pair.first], names[pair.second]
        for measure, value in (
            ("same_zone", pair.same),
            ("same_or_next_zone", pair.same_or_adjacent),
            ("kappa", pair.kappa),
            ("weighted_kappa", pair.weighted_kappa),
            ("spearman", pair.spearman),
            ("mean_difference", pair.mean_difference),
            ("mean_absolute_difference", pair.mean_absolute_difference),
        ):
            yield _row(ALL, first, second, measure, Estimate(value))
        for row, of_row in enumerate(pair.matrix_km2, 1):
            for column, area in enumerate(of_row, 1):
                yield _row(ALL, first, second, f"zone_{row}_and_{column}_km2", Estimate(float(area)))


def number_row(scope: str, name: str, measure: str, value: float) -> Row:
    """Return a number without interval."""
    return _row(scope, name, "", measure, Estimate(float(value)))


def as_metrics(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows that name a result, for the run record."""
    return [
        {"scope": row[0], "map": row[1], "other": row[2], "measure": row[3], "value": row[4]}
        for row in rows
        if not row[3].startswith("zone_") and row[4] == row[4]
    ]


def _row(scope: str, name: str, other: str, measure: str, estimate: Estimate) -> Row:
    return (
        scope,
        name,
        other,
        measure,
        float(estimate.value),
        float(estimate.low),
        float(estimate.high),
        estimate.interval,
    )
