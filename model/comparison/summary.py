"""Tables of a comparison: the summary over regions, and all numbers as one tidy table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..statistics import Estimate
from ..validation.measures import ScopeResult
from ..validation.settings import ALL, REGION_PREFIX
from .paired_tests import Comparison, find_pair_test, rank_by_auc

TEST = "test"
THRESHOLD_METRICS = ("recall", "specificity", "precision", "kappa")  # measures of maps with values from 0 to 1
WHOLE, TESTED, MEAN, WORST = "(all)", "(test windows)", "(mean of the regions)", "(worst region)"
"""First cell of the rows that are no region."""
_LEADING_COLUMNS = ("region", "judged_on", "landslides", "stable_points", "area_km2", "independent_blocks")


def region_labels(results: Mapping[str, Sequence[ScopeResult]]) -> list[str]:
    """Return the names of the regions that have numbers."""
    return [scope[len(REGION_PREFIX) :] for scope in results if scope.startswith(REGION_PREFIX)]


def region_aucs(results: Mapping[str, Sequence[ScopeResult]], number: int) -> list[float]:
    """Return the AUC of one map in each region."""
    return [results[f"{REGION_PREFIX}{label}"][number].auc.value for label in region_labels(results)]


def summary_columns(comparison: Comparison) -> list[str]:
    """Return the columns: of the region, then of each map, and for several maps which one is the best."""
    columns = list(_LEADING_COLUMNS)
    for name, probability in zip(comparison.names, comparison.probabilities):
        measures = ["auc", "auc_low", "auc_high", "average_precision", *(THRESHOLD_METRICS if probability else ())]
        columns += [f"{name} {measure}" for measure in measures]
    return [*columns, "best", "p"] if len(comparison.maps) > 1 else columns


def summary_rows(comparison: Comparison) -> list[list[Any]]:
    """Return the rows: the regions, the whole, and over more than one region the mean and the worst of each number.

    Where the numbers are of all ground and there are test windows, these have a row as well: the performance on land
    never seen.
    """
    labels, main = region_labels(comparison.results), comparison.data.main.name
    parts = [*((label, main, f"{REGION_PREFIX}{label}") for label in labels), (WHOLE, main, main)]
    if main == ALL and TEST in comparison.results:
        parts.append((TESTED, TEST, TEST))
    rows = [[label, judged_on, *_cells(comparison, scope)] for label, judged_on, scope in parts]
    if len(labels) < 2:
        return rows
    columns = summary_columns(comparison)
    first, last = len(_LEADING_COLUMNS), len(columns) - (2 if len(comparison.maps) > 1 else 0)
    by_column = list(zip(*(row[first:last] for row in rows[: len(labels)])))
    # The ends of intervals are of one region each: no interval of the mean can be made of them.
    ends = [name.endswith(("auc_low", "auc_high")) for name in columns[first:last]]
    for title, combine in ((MEAN, lambda column: math.fsum(column) / len(column)), (WORST, min)):
        cells = [None if end else combine(column) for end, column in zip(ends, by_column)]
        rows.append([title, main, *[None] * (first - 2), *cells, *[None] * (len(columns) - last)])
    return rows


def _cells(comparison: Comparison, scope: str) -> list[Any]:
    maps = comparison.results[scope]
    first = maps[0]
    cells: list[Any] = [first.landslides, first.stable, first.area_km2, first.independent_blocks]
    for result, probability in zip(maps, comparison.probabilities):
        cells += [result.auc.value, result.auc.low, result.auc.high, result.average_precision.value]
        cells += [result.measures[name].value for name in THRESHOLD_METRICS] if probability else []
    if len(maps) > 1:
        best, second = rank_by_auc(maps)[:2]
        cells += [comparison.names[best], find_pair_test(comparison.tests[scope], best, second).p_corrected]
    return cells


Row = tuple[str, str, str, str, float, float, float, str]


def table_rows(comparison: Comparison) -> list[Row]:
    """Return all numbers."""
    return [
        *_input_rows(comparison),
        *(row for scope in comparison.results for row in _result_rows(comparison, scope)),
        *(row for scope in comparison.tests for row in _pair_rows(comparison, scope)),
        *_agreement_rows(comparison),
    ]


def _input_rows(comparison: Comparison) -> Iterator[Row]:
    counts, scan = comparison.data.landslides.counts, comparison.scan
    for name, value in counts.table().items():
        yield _row("input", "", "", f"landslide_{name}", value)
    yield _row("input", "", "", "compared_km2", scan.common_area_m2 / 1e6)
    for name, without, area in zip(comparison.names, counts.without_data, scan.area_m2):
        yield _row("input", name, "", "landslides_without_value", without)
        yield _row("input", name, "", "area_km2", area / 1e6)
    for number, name in enumerate(comparison.names):
        values = region_aucs(comparison.results, number)
        if values:
            yield _row("regions", name, "", "auc_mean", float(np.mean(values)))
            yield _row("regions", name, "", "auc_worst", min(values))


def _result_rows(comparison: Comparison, scope: str) -> Iterator[Row]:
    for name, result, probability in zip(comparison.names, comparison.results[scope], comparison.probabilities):
        points = {"landslides": result.landslides, "stable_points": result.stable, "repeats": result.repeats}
        aucs = {"auc": result.auc, "auc_delong": result.auc_delong}
        aucs.update(auc_stable=result.auc_stable, auc_over_draws=result.auc_draws)
        blocks = {"range_m": result.range_m, "block_side_m": result.block_side_m}
        numbers: dict[str, float | Estimate] = {**points, "area_km2": result.area_km2, **blocks}
        numbers.update(aucs, independent_blocks=result.independent_blocks)
        numbers["average_precision"] = result.average_precision
        if scope == ALL:
            numbers["success_rate_area"] = result.success_rate_auc
            for zone in result.zones:
                numbers[f"zone_{zone.zone}_area_share"] = zone.area_share
                numbers[f"zone_{zone.zone}_landslide_share"] = zone.landslide_share
                numbers[f"zone_{zone.zone}_frequency_ratio"] = zone.frequency_ratio
        if probability:
            numbers.update(result.measures, brier_score=result.brier)
        for measure, value in numbers.items():
            yield _row(scope, name, "", measure, value)


def _pair_rows(comparison: Comparison, scope: str) -> Iterator[Row]:
    for test in comparison.tests[scope]:
        numbers: dict[str, float | Estimate] = {
            "auc_difference": test.difference,
            "auc_difference_delong": test.delong,
            "p_delong": test.p_delong,
            "p_bootstrap": test.p,
            "p_corrected": test.p_corrected,
        }
        first, second = comparison.names[test.first], comparison.names[test.second]
        for measure, value in numbers.items():
            yield _row(scope, first, second, measure, value)


def _agreement_rows(comparison: Comparison) -> Iterator[Row]:
    for pair in comparison.agreements:
        numbers = {"same_zone": pair.same_zone_share, "same_or_next_zone": pair.same_or_adjacent}
        for name in ("kappa", "weighted_kappa", "spearman", "mean_difference", "mean_absolute_difference"):
            numbers[name] = getattr(pair, name)
        for row, of_row in enumerate(pair.matrix_km2, 1):
            for column, area in enumerate(of_row, 1):
                numbers[f"zone_{row}_and_{column}_km2"] = area
        first, second = comparison.names[pair.first], comparison.names[pair.second]
        for measure, value in numbers.items():
            yield _row(ALL, first, second, measure, value)


def _row(scope: str, name: str, other: str, measure: str, value: float | Estimate) -> Row:
    one = value if isinstance(value, Estimate) else Estimate(value)
    return scope, name, other, measure, float(one.value), float(one.low), float(one.high), one.interval


def as_metrics(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows that name a result, for the run record."""
    return [
        {"scope": row[0], "map": row[1], "other": row[2], "measure": row[3], "value": row[4]}
        for row in rows
        if not row[3].startswith("zone_") and not math.isnan(row[4])
    ]
