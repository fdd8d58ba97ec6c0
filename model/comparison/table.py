"""All numbers of a comparison as one tidy table: part of the ground, map, other map, measure, value and interval."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from ..validation.intervals import Estimate
from ..validation.measures import ScopeResult
from ..validation.scopes import ALL
from .agreement import Agreement
from .paired import PairTest

Row = tuple[str, str, str, str, float, float, float, str]


def result_rows(results: Mapping[str, Sequence[ScopeResult]], names: Sequence[str], probabilities: Sequence[bool]
                ) -> Iterator[Row]:
    """Give the numbers of each map in each part of the ground.

    Args:
        results: by scope, one of each map.
        names: of the maps.
        probabilities: by map, whether its values are from 0 to 1, as measures at a threshold need.
    """
    for scope, maps in results.items():
        for name, result, probability in zip(names, maps, probabilities):
            for measure, value in (("landslides", result.landslides), ("stable_points", result.stable),
                                   ("repeats", result.repeats), ("area_km2", result.area_km2)):
                yield _row(scope, name, "", measure, Estimate(float(value)))
            yield _row(scope, name, "", "auc", result.auc)
            yield _row(scope, name, "", "auc_over_draws", result.auc_draws)
            yield _row(scope, name, "", "auc_delong", result.auc_delong)
            yield _row(scope, name, "", "average_precision", result.average_precision)
            if scope == ALL:
                yield _row(scope, name, "", "success_rate_area", result.success_area)
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
            for measure, value in (("p_delong", test.p_delong), ("p_bootstrap", test.p_bootstrap),
                                   ("p_corrected", test.p_corrected)):
                yield _row(scope, first, second, measure, Estimate(value))


def agreement_rows(pairs: Sequence[Agreement], names: Sequence[str]) -> Iterator[Row]:
    """Give how zones and ranks of each pair of maps agree."""
    for pair in pairs:
        first, second = names[pair.first], names[pair.second]
        for measure, value in (("same_zone", pair.same), ("same_or_next_zone", pair.within_one),
                               ("kappa", pair.kappa), ("weighted_kappa", pair.weighted_kappa),
                               ("spearman", pair.spearman), ("mean_difference", pair.mean_difference),
                               ("mean_absolute_difference", pair.mean_distance)):
            yield _row(ALL, first, second, measure, Estimate(value))
        for row, of_row in enumerate(pair.matrix_km2, 1):
            for column, area in enumerate(of_row, 1):
                yield _row(ALL, first, second, f"zone_{row}_and_{column}_km2", Estimate(float(area)))


def number_row(scope: str, name: str, measure: str, value: float) -> Row:
    """Return a number without interval."""
    return _row(scope, name, "", measure, Estimate(float(value)))


def as_metrics(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows that name a result, for the run record."""
    return [{"scope": row[0], "map": row[1], "other": row[2], "measure": row[3], "value": row[4]} for row in rows
            if not row[3].startswith("zone_") and row[4] == row[4]]


def _row(scope: str, name: str, other: str, measure: str, estimate: Estimate) -> Row:
    return (scope, name, other, measure, float(estimate.value), float(estimate.low), float(estimate.high),
            estimate.interval)
