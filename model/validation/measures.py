"""All measures of one scope with their intervals, and the tables they stand in.

There are three kinds of interval, because there are two kinds of chance. *draws*: the stable points were drawn again,
the landslides stay; it shows only the luck of the draw. *bootstrap*: the stable points were drawn again and the
landslides resampled with replacement (Efron 1979), whole features at a time; it shows what another inventory of the
same size would give. *DeLong*: the AUC's variance over both samples in closed form (DeLong et al. 1988), averaged over
the draws. Recall and the shares of the zone table (table 4 of the paper) depend on the landslides alone and have
Wilson's interval.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..progress import Progress, stop_if_cancelled
from ..statistics import Estimate, from_repeats, wilson_interval
from . import metrics
from .map_layers import CellValues, Scope
from .metrics import MEASURES, Calibration, Confusion, Curve, Placements, ThresholdCurve
from .preparation import ValidationData
from .sampling import Sample, SampleCounts
from .settings import OUTCOMES, SUBSET_CODES
from .zone_table import ZoneRow

BAND_REPEATS = 100  # repeats that the bands of the curves are made of


@dataclass(frozen=True)
class ScopePoints:
    """Susceptibility at the points of a scope."""

    landslide: np.ndarray  # shape (landslides,)
    feature: np.ndarray  # number of the feature that each landslide cell belongs to; features are resampled whole
    shares_above: np.ndarray  # share of the scope's area that is more susceptible than each landslide
    stable: np.ndarray
    """Shape (repeats, points), or (1, points) for given points, which are resampled with replacement instead."""


@dataclass
class ScopeResult:
    """Measures of one scope."""

    scope: Scope
    landslides: int
    stable: int  # stable points of one draw
    repeats: int
    drawn: bool  # whether the stable points were drawn, not given
    threshold: float
    area_km2: float
    auc: Estimate  # mean over the draws, bootstrap interval
    auc_draws: Estimate  # the same mean with the interval over the draws alone
    auc_delong: Estimate
    average_precision: Estimate
    measures: dict[str, Estimate]  # MEASURES at the threshold, means over the draws
    confusion: Confusion  # mean counts over the draws
    first_draw: Confusion  # counts of the first draw, the one in the point layer
    youden_threshold: float  # threshold with the largest sum of recall and specificity
    success_rate_auc: Estimate  # area under the success-rate curve: the AUC against the whole area, buffers included
    brier: Estimate
    roc: Curve
    precision: Curve
    success: Curve
    calibration: Calibration
    zones: list[ZoneRow]
    unzoned: int  # landslides in cells without a zone
    auc_repeats: np.ndarray
    """The AUC of each repeat. Maps evaluated on the same points with the same seed have the same resamples, so that
    their differences, repeat by repeat, are a paired bootstrap."""

    def sentence(self) -> str:
        """Return the main numbers as a sentence."""
        interval = f" (95 % interval {self.auc.low:.3f} to {self.auc.high:.3f})" if self.auc.has_interval else ""
        return (
            f"AUC {self.auc.value:.3f}{interval}, recall {self.measures['recall'].value:.3f} and kappa "
            f"{self.measures['kappa'].value:.3f} at a threshold of {self.threshold:g}, from {self.landslides:,} "
            f"landslides and {self.stable:,} stable points."
        )


def evaluate_scope(
    data: ValidationData,
    scope: Scope,
    points: ScopePoints,
    area_km2: float,
    zones: Sequence[ZoneRow],
    unzoned: int,
    progress: Progress,
) -> ScopeResult:
    """Evaluate one map on one scope."""
    threshold, landslide, stable = data.options.threshold, points.landslide, points.stable
    placements = [metrics.placements(landslide, draw) for draw in stable]
    counts = [metrics.confusion_at(landslide, draw, threshold) for draw in stable]
    repeats = _Repeats(data, scope, points, placements, progress)
    mean = Confusion(*np.mean([dataclasses.astuple(count) for count in counts], axis=0).tolist())
    measures = {name: repeats.estimate(name, _mean([getattr(count, name) for count in counts])) for name in MEASURES}
    if repeats.clusters == len(landslide):
        # Cells of one polygon are not independent, which Wilson's interval asks for.
        measures["recall"] = Estimate(mean.recall, *wilson_interval(mean.hits, len(landslide)), "Wilson")
    aucs = np.array([one.auc for one in placements])
    auc, variance = float(aucs.mean()), float(np.mean([one.variance for one in placements]))
    pooled, share = stable.ravel(), 1 / len(stable)
    curve = ThresholdCurve(landslide, pooled, None, share)
    calibration = metrics.calibration(landslide, pooled, share)
    return ScopeResult(
        scope=scope,
        landslides=len(landslide),
        stable=stable.shape[1],
        repeats=data.repeats,
        drawn=data.drawn,
        threshold=threshold,
        area_km2=area_km2,
        auc=repeats.estimate("auc", auc),
        auc_draws=from_repeats(auc, aucs, "draws"),
        auc_delong=Estimate(auc, *metrics.normal_interval(auc, variance), "DeLong"),
        average_precision=repeats.estimate("average precision", curve.average_precision()),
        measures=measures,
        confusion=mean,
        first_draw=counts[0],
        youden_threshold=curve.best_threshold(),
        success_rate_auc=repeats.estimate("success rate", 1 - float(points.shares_above.mean())),
        brier=repeats.estimate("brier", calibration.brier),
        roc=metrics.curve_with_band(curve.roc(), repeats.bands["roc"]),
        precision=metrics.curve_with_band(curve.precision(), repeats.bands["precision"]),
        success=metrics.curve_with_band(metrics.success_rate_curve(points.shares_above), repeats.bands["success"]),
        calibration=calibration,
        zones=list(zones),
        unzoned=unzoned,
        auc_repeats=np.array(repeats.values["auc"]),
    )


class _Repeats:
    """Measures and curves of each bootstrap repeat."""

    def __init__(
        self, data: ValidationData, scope: Scope, points: ScopePoints, placed: list[Placements], progress: Progress
    ) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)
        self.bands: dict[str, list[np.ndarray]] = defaultdict(list)
        rng = np.random.default_rng([data.options.seed, 2, scope.seed_offset])
        landslide, stable = points.landslide, points.stable
        _, cluster = np.unique(points.feature, return_inverse=True)
        self.clusters = int(cluster.max()) + 1
        for repeat in range(data.repeats):
            stop_if_cancelled(progress)
            progress.report(repeat / data.repeats)
            chosen = rng.integers(0, self.clusters, self.clusters)
            weights = np.bincount(chosen, minlength=self.clusters)[cluster].astype(float)
            if data.drawn:
                draw, below = stable[repeat], placed[repeat].landslide
            else:
                draw = stable[0][rng.integers(0, stable.shape[1], stable.shape[1])]
                below = metrics.placements(landslide, draw).landslide
            confusion = metrics.confusion_at(landslide, draw, data.options.threshold, weights)
            found = {name: getattr(confusion, name) for name in MEASURES}
            found["auc"] = float(weights @ below / weights.sum())
            found["success rate"] = 1 - float(weights @ points.shares_above / weights.sum())
            found["brier"] = metrics.calibration(landslide, draw, 1.0, weights).brier
            if repeat < BAND_REPEATS:
                curve = ThresholdCurve(landslide, draw, weights)
                self.bands["roc"].append(curve.roc())
                self.bands["precision"].append(curve.precision())
                self.bands["success"].append(metrics.success_rate_curve(points.shares_above, weights))
                found["average precision"] = curve.average_precision()
            for name, value in found.items():
                self.values[name].append(value)

    def estimate(self, name: str, value: float) -> Estimate:
        return from_repeats(value, np.array(self.values[name]), "bootstrap")


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the finite values, NaN when there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


@dataclass(frozen=True)
class PointFeature:
    """A landslide or a stable point; the attributes are ``settings.POINT_FIELDS``."""

    x: float
    y: float
    kind: str  # landslide or stable
    outcome: str  # one of settings.OUTCOMES
    susceptibility: float
    zone: int  # 0 where there is none
    subset: str  # train, validation, test, or empty outside all windows
    region: str
    feature: int | None  # number of the feature in its layer, from 1; None for a drawn point


def point_features(
    data: ValidationData, sample: Sample | tuple[np.ndarray, CellValues], kind: str, other_region: str = ""
) -> list[PointFeature]:
    """Return landslides as hits and misses, or stable points as false alarms and correct rejections. ``sample``: cells
    of features, or coordinates, shape (points, 2), and values of drawn points. ``other_region``: of points in none of
    the regions.
    """
    if isinstance(sample, Sample):
        xy, cells, numbers = sample.xy, sample.cell_values, [int(number) + 1 for number in sample.feature]
    else:
        (xy, cells), numbers = sample, None
    names = data.layers.regions.labels if data.layers.regions is not None else []
    subsets = {code: name for name, code in SUBSET_CODES.items()}
    outcomes = OUTCOMES[:2] if kind == "landslide" else OUTCOMES[2:]
    positive = cells.values >= data.options.threshold
    features = []
    for index, (x, y) in enumerate(xy):
        outcome, number = outcomes[0 if positive[index] else 1], None if numbers is None else numbers[index]
        susceptibility, zone = float(cells.values[index]), int(cells.zones[index])
        subset = subsets.get(int(cells.subset[index]), "")
        region = "; ".join(names[place] for place in np.flatnonzero(cells.regions[index])) or other_region
        attributes = kind, outcome, susceptibility, zone, subset, region, number
        features.append(PointFeature(float(x), float(y), *attributes))
    return features


Row = tuple[str, str, Estimate]


def count_rows(role: str, counts: SampleCounts | None) -> list[Row]:
    """Return what became of the features of a layer, ``role`` being ``landslide`` or ``stable``."""
    entries = {} if counts is None else counts.table()
    return [("input", f"{role}_{name}", Estimate(float(value))) for name, value in entries.items()]


def scope_rows(result: ScopeResult) -> list[Row]:
    """Return all numbers of one scope."""
    points = {"landslides": result.landslides, "stable_points": result.stable, "repeats": result.repeats}
    outcomes = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    counts = dict(zip(outcomes, dataclasses.astuple(result.confusion)))
    plain: dict[str, float] = {**points, "area_km2": result.area_km2, **counts}
    plain["youden_threshold"], plain["expected_calibration_error"] = result.youden_threshold, result.calibration.ece
    plain["landslides_without_zone"] = result.unzoned
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


def as_metrics(rows: Sequence[Row]) -> dict[str, dict[str, object]]:
    """Return the table as nested mappings for the run record: scope, measure, then value or value and interval."""
    result: dict[str, dict[str, object]] = {}
    for scope, measure, estimate in rows:
        value = estimate.value if math.isfinite(estimate.value) else None
        ends = {"low": estimate.low, "high": estimate.high, "interval": estimate.interval}
        result.setdefault(scope, {})[measure] = {"value": value, **ends} if estimate.has_interval else value
    return result
