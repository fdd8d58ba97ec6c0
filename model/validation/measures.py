"""Table 4 of the paper: landslides and area by zone, and their frequency ratio.
All measures of one part of the map, with their intervals.

Three kinds of interval, because there are two kinds of chance. *draws*: the stable points were drawn again, the
landslides stay; it shows only the luck of the draw. *bootstrap*: the stable points were drawn again and the landslides
resampled with replacement (Efron 1979), whole features at a time; it shows what another inventory of the same size
would give. *DeLong*: the AUC's variance over both samples in closed form (DeLong et al. 1988), averaged over the draws.
Recall and the shares of table 4 depend on the landslides alone and have Wilson's interval.
All numbers of a validation as one tidy table: scope, measure, value, low, high, kind of interval.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binomtest

from .. import tables
from ..progress import Progress, stop_if_cancelled
from ..statistics.intervals import Estimate, from_repeats, wilson_interval
from .metrics import (
    MEASURES,
    Calibration,
    Confusion,
    Curve,
    ThresholdCurve,
    calibration,
    confusion_at,
    curve_with_band,
    normal_interval,
    placements,
    success_rate_curve,
)
from .sampling import SampleCounts
from .scopes import Scope
from .settings import TABLE_COLUMNS


@dataclass(frozen=True)
class ZoneRow:
    """One zone of table 4."""

    zone: int
    name: str
    landslides: int
    landslide_share: Estimate
    """Of all landslides inside zones, 0 to 1."""
    area_km2: float
    area_share: float
    """Of the area inside zones, 0 to 1."""
    frequency_ratio: Estimate
    """Share of the landslides divided by share of the area: 1 is as many as by chance."""


def zone_table(landslides: Mapping[int, int], area_m2: Mapping[int, float], names: Mapping[int, str]) -> list[ZoneRow]:
    """Make table 4.

    The area is known, the landslides are a sample: the interval of the frequency ratio is Wilson's interval of the
    share of landslides, divided by the share of area. It also holds for a zone without any landslide.

    Args:
        landslides: landslides by zone.
        area_m2: area by zone in square metres.
        names: zone names in the order of the table, from the least susceptible.
    """
    all_landslides = sum(landslides.get(zone, 0) for zone in names)
    all_area = sum(area_m2.get(zone, 0.0) for zone in names)
    rows = []
    for zone, name in names.items():
        count, area = landslides.get(zone, 0), area_m2.get(zone, 0.0)
        share = count / all_landslides if all_landslides else math.nan
        low, high = wilson_interval(count, all_landslides)
        area_share = area / all_area if all_area else math.nan
        ratio = Estimate(*(value / area_share if area_share else math.nan for value in (share, low, high)), "Wilson")
        rows.append(ZoneRow(zone, name, count, Estimate(share, low, high, "Wilson"), area / 1e6, area_share, ratio))
    return rows


def non_monotonic_pairs(rows: Sequence[ZoneRow]) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose frequency ratio does not rise, lower zone first.

    Zones without area are passed over. A useful map has none.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    return [
        (low.name, high.name)
        for low, high in zip(known, known[1:])
        if high.frequency_ratio.value <= low.frequency_ratio.value
    ]


def insignificant_increases(rows: Sequence[ZoneRow], level: float = 0.05) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose ratio rises, but by no more than chance may make, lower zone first.

    Were the density of landslides the same in both, the landslides of the two would fall into the upper one with the
    chance of its share of their area: a binomial test, one-sided.

    Args:
        rows: the table.
        level: of the test.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    unsure = []
    for low, high in zip(known, known[1:]):
        both = low.landslides + high.landslides
        if (
            high.frequency_ratio.value > low.frequency_ratio.value
            and binomtest(
                high.landslides, both, high.area_share / (low.area_share + high.area_share), alternative="greater"
            ).pvalue
            > level
        ):
            unsure.append((low.name, high.name))
    return unsure


BAND_REPEATS = 100
"""Repeats that the bands of the curves are made of."""


@dataclass
class ScopeResult:
    """What was found for one part of the map."""

    scope: Scope
    landslides: int
    stable: int
    """Stable points of one draw."""
    repeats: int
    drawn: bool
    """Whether the stable points were drawn, not given."""
    area_km2: float
    auc: Estimate
    """Mean over the draws, bootstrap interval."""
    auc_draws: Estimate
    """The same mean with the interval over the draws alone."""
    auc_delong: Estimate
    average_precision: Estimate
    measures: dict[str, Estimate]
    """Recall, kappa, accuracy, precision, F1 and specificity at the threshold, means over the draws."""
    confusion: Confusion
    """Mean counts over the draws."""
    first: Confusion
    """Counts of the first draw, the one in the point layer."""
    youden_threshold: float
    """Threshold with the largest sum of recall and specificity."""
    success_rate_auc: Estimate
    """Area under the success-rate curve: the AUC against the whole area, buffers included."""
    brier: Estimate
    roc: Curve
    precision: Curve
    success: Curve
    calibration: Calibration
    zones: list[ZoneRow]
    unzoned: int
    """Landslides in cells without a zone."""
    auc_repeats: np.ndarray = field(default_factory=lambda: np.empty(0))
    """The AUC of each repeat. Maps measured on the same points with the same seed have the same resamples, so that
    their differences, repeat by repeat, are a paired bootstrap."""


def evaluate_scope(
    scope: Scope,
    landslide: np.ndarray,
    feature: np.ndarray,
    shares_above: np.ndarray,
    stable: np.ndarray,
    drawn: bool,
    repeats: int,
    threshold: float,
    area_km2: float,
    zones: Sequence[ZoneRow],
    unzoned: int,
    seed: int,
    progress: Progress,
) -> ScopeResult:
    """Measure one part of the map.

    Args:
        scope: the part.
        landslide: susceptibility at its landslides, shape (landslides,).
        feature: number of the feature that each landslide cell belongs to; features are resampled whole.
        positions: share of the part's area that is more susceptible than each landslide.
        stable: susceptibility at its stable points, shape (repeats, points), or (1, points) for given points.
        drawn: whether the stable points were drawn; given ones are resampled with replacement instead.
        repeats: number of draws, or of resamplings for given stable points.
        threshold: at or above it a point is called landslide.
        area_km2: area of the part.
        zones: table 4.
        unzoned: landslides without a zone.
        seed: of the resampling.
        progress: asked whether to stop.
    """
    rng = np.random.default_rng([seed, 2, scope.seed_offset])
    _, cluster = np.unique(feature, return_inverse=True)
    clusters = int(cluster.max()) + 1
    placed = [placements(landslide, points) for points in stable]
    counts = [confusion_at(landslide, points, threshold) for points in stable]
    resampled: dict[str, list[float]] = {name: [] for name in ("auc", "precision area", "success", "brier", *MEASURES)}
    bands: dict[str, list[np.ndarray]] = {"roc": [], "precision": [], "success": []}
    for repeat in range(repeats):
        stop_if_cancelled(progress)
        progress.report(repeat / repeats)
        weights = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)[cluster].astype(float)
        if drawn:
            points, below = stable[repeat], placed[repeat].landslide
        else:
            points = stable[0][rng.integers(0, stable.shape[1], stable.shape[1])]
            below = placements(landslide, points).landslide
        resampled["auc"].append(float(weights @ below / weights.sum()))
        confusion = confusion_at(landslide, points, threshold, weights)
        for name in MEASURES:
            resampled[name].append(getattr(confusion, name))
        resampled["success"].append(1 - float(weights @ shares_above / weights.sum()))
        resampled["brier"].append(calibration(landslide, points, 1.0, weights).brier)
        if repeat < BAND_REPEATS:
            threshold_curve = ThresholdCurve(landslide, points, weights)
            bands["roc"].append(threshold_curve.roc())
            bands["precision"].append(threshold_curve.precision())
            bands["success"].append(success_rate_curve(shares_above, weights))
            resampled["precision area"].append(threshold_curve.average_precision())
    mean = Confusion(
        *(
            float(np.mean([getattr(count, name) for count in counts]))
            for name in ("hits", "misses", "false_alarms", "correct_rejections")
        )
    )
    measures = {
        name: from_repeats(_mean([getattr(count, name) for count in counts]), np.array(resampled[name]), "bootstrap")
        for name in MEASURES
    }
    if clusters == len(landslide):
        # Cells of one polygon are not independent, which Wilson's interval asks for.
        measures["recall"] = Estimate(mean.recall, *wilson_interval(mean.hits, len(landslide)), "Wilson")
    aucs = np.array([one.auc for one in placed])
    auc, variance = float(aucs.mean()), float(np.mean([one.variance for one in placed]))
    pooled, share = stable.ravel(), 1 / len(stable)
    threshold_curve, reliability = ThresholdCurve(landslide, pooled, None, share), calibration(landslide, pooled, share)
    return ScopeResult(
        scope=scope,
        landslides=len(landslide),
        stable=stable.shape[1],
        repeats=repeats,
        drawn=drawn,
        area_km2=area_km2,
        auc=from_repeats(auc, np.array(resampled["auc"]), "bootstrap"),
        auc_draws=from_repeats(auc, aucs, "draws"),
        auc_delong=Estimate(auc, *normal_interval(auc, variance), "DeLong"),
        average_precision=from_repeats(
            threshold_curve.average_precision(), np.array(resampled["precision area"]), "bootstrap"
        ),
        measures=measures,
        confusion=mean,
        first=counts[0],
        youden_threshold=threshold_curve.best_threshold(),
        success_rate_auc=from_repeats(1 - float(shares_above.mean()), np.array(resampled["success"]), "bootstrap"),
        brier=from_repeats(reliability.brier, np.array(resampled["brier"]), "bootstrap"),
        roc=curve_with_band(threshold_curve.roc(), bands["roc"]),
        precision=curve_with_band(threshold_curve.precision(), bands["precision"]),
        success=curve_with_band(success_rate_curve(shares_above), bands["success"]),
        calibration=reliability,
        zones=list(zones),
        unzoned=unzoned,
        auc_repeats=np.array(resampled["auc"]),
    )


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the finite values, NaN when there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


Row = tuple[str, str, Estimate]


def count_rows(role: str, counts: SampleCounts) -> list[Row]:
    """Return what became of the features of a layer, ``role`` being ``landslide`` or ``stable``."""
    entries = {
        "features": counts.features,
        "off_map": counts.off_map,
        "places": counts.places,
        "on_nodata": counts.on_nodata,
        "doubled": counts.duplicates,
        "thinned": counts.thinned,
    }
    return [("input", f"{role}_{name}", Estimate(float(value))) for name, value in entries.items()]


def scope_rows(result: ScopeResult) -> list[Row]:
    """Return all numbers of one part of the map."""
    plain = {
        "landslides": result.landslides,
        "stable_points": result.stable,
        "repeats": result.repeats,
        "area_km2": result.area_km2,
        "true_positives": result.confusion.hits,
        "false_negatives": result.confusion.misses,
        "false_positives": result.confusion.false_alarms,
        "true_negatives": result.confusion.correct_rejections,
        "youden_threshold": result.youden_threshold,
        "expected_calibration_error": result.calibration.ece,
        "landslides_without_zone": result.unzoned,
    }
    estimates = {
        "auc": result.auc,
        "auc_over_draws": result.auc_draws,
        "auc_delong": result.auc_delong,
        "success_rate_area": result.success_rate_auc,
        "average_precision": result.average_precision,
        **result.measures,
        "brier_score": result.brier,
    }
    for row in result.zones:
        zone = f"zone_{row.zone}"
        plain[f"{zone}_landslides"] = row.landslides
        plain[f"{zone}_area_km2"] = row.area_km2
        plain[f"{zone}_area_share"] = row.area_share
        estimates[f"{zone}_landslide_share"] = row.landslide_share
        estimates[f"{zone}_frequency_ratio"] = row.frequency_ratio
    name = result.scope.name
    return [
        *((name, measure, Estimate(float(value))) for measure, value in plain.items()),
        *((name, measure, estimate) for measure, estimate in estimates.items()),
    ]


def write_table(output: str | os.PathLike, rows: Sequence[Row], region: str = "") -> None:
    """Write the table as CSV and JSON, whole or not at all; empty cells where there is no number.

    Args:
        output: path of the CSV.
        rows: of the table.
        region: name of the region for a column in front; empty for none.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    tables.write_table(
        output,
        *tables.prepend_region(
            TABLE_COLUMNS,
            [
                (scope, measure, estimate.value, estimate.low, estimate.high, estimate.interval)
                for scope, measure, estimate in rows
            ],
            region,
        ),
    )


def as_metrics(rows: Sequence[Row]) -> dict[str, dict[str, object]]:
    """Return the table as nested mappings for the run record: scope, measure, then value or value and interval."""
    result: dict[str, dict[str, object]] = {}
    for scope, measure, estimate in rows:
        value = estimate.value if math.isfinite(estimate.value) else None
        result.setdefault(scope, {})[measure] = (
            {"value": value, "low": estimate.low, "high": estimate.high, "interval": estimate.interval}
            if estimate.has_interval
            else value
        )
    return result
