"""All numbers of a validation as one tidy table: scope, measure, value, low, high, kind of interval."""

from __future__ import annotations

import math
import os
from typing import Sequence

from .. import tables
from .intervals import Estimate
from .measures import ScopeResult
from .samples import Counts
from .settings import TABLE_COLUMNS

Row = tuple[str, str, Estimate]


def count_rows(role: str, counts: Counts) -> list[Row]:
    """Return what became of the features of a layer, ``role`` being ``landslide`` or ``stable``."""
    entries = {"features": counts.features, "off_map": counts.off_map, "places": counts.places,
               "on_nodata": counts.on_nodata, "doubled": counts.doubled, "thinned": counts.thinned}
    return [("input", f"{role}_{name}", Estimate(float(value))) for name, value in entries.items()]


def scope_rows(result: ScopeResult) -> list[Row]:
    """Return all numbers of one part of the map."""
    plain = {"landslides": result.landslides, "stable_points": result.stable, "repeats": result.repeats,
             "area_km2": result.area_km2, "true_positives": result.confusion.hits,
             "false_negatives": result.confusion.misses, "false_positives": result.confusion.false_alarms,
             "true_negatives": result.confusion.correct_rejections, "youden_threshold": result.youden,
             "expected_calibration_error": result.calibration.ece, "landslides_without_zone": result.unzoned}
    estimates = {"auc": result.auc, "auc_over_draws": result.auc_draws, "auc_delong": result.auc_delong,
                 "success_rate_area": result.success_area, "average_precision": result.average_precision,
                 **result.measures, "brier_score": result.brier}
    for row in result.zones:
        zone = f"zone_{row.zone}"
        plain[f"{zone}_landslides"] = row.landslides
        plain[f"{zone}_area_km2"] = row.area_km2
        plain[f"{zone}_area_share"] = row.area_share
        estimates[f"{zone}_landslide_share"] = row.landslide_share
        estimates[f"{zone}_frequency_ratio"] = row.frequency_ratio
    name = result.scope.name
    return [*((name, measure, Estimate(float(value))) for measure, value in plain.items()),
            *((name, measure, estimate) for measure, estimate in estimates.items())]


def write_table(output: str | os.PathLike, rows: Sequence[Row], region: str = "") -> None:
    """Write the table as CSV and JSON, whole or not at all; empty cells where there is no number.

    Args:
        output: path of the CSV.
        rows: of the table.
        region: name of the region for a column in front; empty for none.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    tables.write_table(output, *tables.with_region(TABLE_COLUMNS, [
        (scope, measure, estimate.value, estimate.low, estimate.high, estimate.interval)
        for scope, measure, estimate in rows], region))


def as_metrics(rows: Sequence[Row]) -> dict[str, dict[str, object]]:
    """Return the table as nested mappings for the run record: scope, measure, then value or value and interval."""
    result: dict[str, dict[str, object]] = {}
    for scope, measure, estimate in rows:
        value = estimate.value if math.isfinite(estimate.value) else None
        result.setdefault(scope, {})[measure] = {"value": value, "low": estimate.low, "high": estimate.high,
                                                 "interval": estimate.interval} if estimate.has_interval else value
    return result
