"""All measures of one scope with their intervals, and the tables they stand in.

Landslides are compared with two kinds of ground. The main AUC takes all other mapped land by area, every cell that
holds no landslide. ``auc_stable`` and the measures at a threshold take stable points, drawn away from landslides or
given; they leave out the land next to landslides, which is the hardest to tell from them.

There are three kinds of interval. *blocks*: blocks of land are resampled, landslides and other ground together, and the
stable points drawn again (``spatial_blocks.py``); it shows what other land and another inventory of the same kind would
give. *draws*: the stable points were drawn again, the landslides stay; it shows only the luck of the draw. *DeLong*:
the AUC's variance in closed form, as if landslides were independent of each other (DeLong et al. 1988).
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..progress import Progress, stop_if_cancelled
from ..statistics import Estimate, from_repeats
from . import metrics
from .map_layers import CellValues, Scope
from .metrics import MEASURES, Calibration, Confusion, Curve, ThresholdCurve
from .preparation import ScopeSample, ValidationData
from .sampling import MapStatistics, Sample, SampleCounts
from .settings import OUTCOMES, SUBSET_CODES
from .spatial_blocks import AucOfWeights
from .zone_table import ZoneRow

BAND_REPEATS = 100  # repeats that the bands of the curves are made of


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
    landslide_share: float  # share of the area in cells that hold a landslide
    range_m: float  # range of spatial autocorrelation
    block_side_m: float
    independent_blocks: int  # blocks that hold landslides
    testable: bool  # whether there are enough of them for a test
    auc: Estimate  # landslides against all other land by area
    auc_delong: Estimate  # the same, if landslides were independent
    auc_stable: Estimate  # against stable points, mean over the draws
    auc_draws: Estimate  # the same mean with the interval over the draws alone
    average_precision: Estimate  # against stable points
    map_precision: float  # average precision at the true share of landslide cells
    map_curve: Curve  # its curve, without a band
    measures: dict[str, Estimate]  # MEASURES at the threshold, means over the draws
    confusion: Confusion  # mean counts over the draws
    first_draw: Confusion  # counts of the first draw, the one in the point layer
    youden_threshold: float  # threshold with the largest sum of recall and specificity
    success_rate_auc: Estimate  # area under the success-rate curve: against the whole area, landslides included
    brier: Estimate  # against stable points
    roc: Curve  # against all other land
    roc_stable: Curve
    precision: Curve
    calibration: Calibration  # against stable points
    map_calibration: Calibration  # at the true share of landslide cells; its points are shares of the area
    zones: list[ZoneRow]
    unzoned: int  # landslides in cells without a zone
    auc_repeats: np.ndarray
    """The AUC in each resample. All maps of a scope have the same resamples, so their differences are paired."""
    auc_fit: float | None = None  # of the map itself, where it is judged by values out of fold
    rules: dict[str, BesideRule] = field(default_factory=dict)  # rules without a model, at the same cells

    def sentence(self) -> str:
        """Return the main numbers as a sentence."""
        interval = f" (95 % interval {self.auc.low:.3f} to {self.auc.high:.3f})" if self.auc.has_interval else ""
        return (
            f"AUC {self.auc.value:.3f}{interval} against all other land, recall {self.measures['recall'].value:.3f} "
            f"and kappa {self.measures['kappa'].value:.3f} at a threshold of {self.threshold:g}, from "
            f"{self.landslides:,} landslides in {self.independent_blocks:,} independent blocks."
        )


@dataclass(frozen=True)
class BesideRule:
    """A rule without a model, such as slope alone, beside a map."""

    auc: Estimate  # against all other mapped land
    difference: Estimate  # AUC of the map less that of the rule, in the same resamples


def judge_rule(sample: ScopeSample, statistics: MapStatistics, result: ScopeResult, number: int) -> BesideRule:
    """Return the AUC of a rule on the scope of a result, and by how much the map is ahead.

    ``number`` is that of the rule among the maps of the sample.
    """
    ranked = AucOfWeights(sample.landslides.cell_values.values_by_map[number], sample.land[number])
    drawn = [(row[sample.landslide_places], row[sample.land_places]) for row in sample.resamples.weights]
    repeats = np.array([ranked.auc(*weights) for weights in drawn])
    value = float(statistics.placements[number].result().mean())
    differences = result.auc_repeats - repeats
    ahead = sample.resamples.estimate(result.auc.value - value, differences, "difference")
    return BesideRule(sample.resamples.estimate(value, repeats, "share"), ahead)


def evaluate_scope(
    data: ValidationData,
    scope: Scope,
    sample: ScopeSample,
    statistics: MapStatistics,
    success_area: float,
    zones: Sequence[ZoneRow],
    unzoned: int,
    progress: Progress,
    number: int = 0,
) -> ScopeResult:
    """Evaluate one map on one scope.

    Args:
        success_area: area under the success-rate curve.
        number: of the map, where there are several.
    """
    threshold, land = data.options.threshold, sample.land[number]
    landslide, stable = sample.landslides.cell_values.values_by_map[number], sample.stable[number]
    placed = statistics.placements[number].result()
    against_stable = [metrics.placements(landslide, draw).auc for draw in stable]
    counts = [metrics.confusion_at(landslide, draw, threshold) for draw in stable]
    repeats = _Repeats(data, sample, landslide, land, stable, progress)
    mean = Confusion(*np.mean([dataclasses.astuple(count) for count in counts], axis=0).tolist())
    means = {name: _mean([getattr(count, name) for count in counts]) for name in MEASURES}
    auc, delong = float(placed.mean()), metrics.placements(landslide, land).variance
    pooled, share = stable.ravel(), 1 / len(stable)
    curve = ThresholdCurve(landslide, pooled, None, share)
    calibration = metrics.calibration(landslide, pooled, share)
    prevalence = statistics.landslide_share
    true_weights = np.full(len(landslide), prevalence / len(landslide)), (1 - prevalence) / len(land)
    on_map = ThresholdCurve(landslide, land, *true_weights)
    return ScopeResult(
        scope=scope,
        landslides=len(landslide),
        stable=stable.shape[1],
        repeats=data.repeats,
        drawn=data.drawn,
        threshold=threshold,
        area_km2=statistics.area_m2 / 1e6,
        landslide_share=prevalence,
        range_m=sample.blocks.range_m,
        block_side_m=sample.blocks.side_m,
        independent_blocks=sample.resamples.independent,
        testable=sample.resamples.testable,
        auc=repeats.estimate("auc", auc),
        auc_delong=Estimate(auc, *metrics.normal_interval(auc, delong), "DeLong"),
        auc_stable=repeats.estimate("auc stable", float(np.mean(against_stable))),
        auc_draws=from_repeats(float(np.mean(against_stable)), np.array(against_stable), "draws"),
        average_precision=repeats.estimate("average precision", curve.average_precision()),
        map_precision=on_map.average_precision(),
        map_curve=metrics.curve_with_band(on_map.precision(), []),
        # Kappa may be negative, the others are shares.
        measures={name: repeats.estimate(name, means[name], _SCALES.get(name, "share")) for name in MEASURES},
        confusion=mean,
        first_draw=counts[0],
        youden_threshold=curve.best_threshold(),
        success_rate_auc=repeats.estimate("auc", success_area),
        brier=repeats.estimate("brier", calibration.brier),
        roc=metrics.curve_with_band(metrics.success_rate_curve(1 - placed), repeats.bands["roc"]),
        roc_stable=metrics.curve_with_band(curve.roc(), repeats.bands["roc stable"]),
        precision=metrics.curve_with_band(curve.precision(), repeats.bands["precision"]),
        calibration=calibration,
        map_calibration=metrics.calibration(landslide, land, true_weights[1], true_weights[0]),
        zones=list(zones),
        unzoned=unzoned,
        auc_repeats=np.array(repeats.values["auc"]),
    )


_SCALES = {"kappa": "difference"}


class _Repeats:
    """Measures and curves of each resample of the blocks."""

    def __init__(
        self,
        data: ValidationData,
        sample: ScopeSample,
        landslide: np.ndarray,
        land: np.ndarray,
        stable: np.ndarray,
        progress: Progress,
    ) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)
        self.bands: dict[str, list[np.ndarray]] = defaultdict(list)
        self._resamples = sample.resamples
        ranked = AucOfWeights(landslide, land)
        for repeat, drawn in enumerate(sample.resamples.weights):
            stop_if_cancelled(progress)
            progress.report(repeat / data.repeats)
            weights, on_land = drawn[sample.landslide_places], drawn[sample.land_places]
            draw = repeat % len(stable)  # given points are one draw
            points, on_stable = stable[draw], drawn[sample.stable_places[draw]]
            if not (weights.any() and on_land.any() and on_stable.any()):
                self.values["auc"].append(math.nan)
                continue
            placed = ranked.placements(on_land)
            self.values["auc"].append(_weighted(placed, weights))
            against_stable = AucOfWeights(landslide, points).placements(on_stable)
            self.values["auc stable"].append(_weighted(against_stable, weights))
            confusion = metrics.confusion_at(landslide, points, data.options.threshold, weights, on_stable)
            for name in MEASURES:
                self.values[name].append(getattr(confusion, name))
            errors = (
                _weighted((1.0 - landslide.astype(float)) ** 2, weights),
                _weighted(points.astype(float) ** 2, on_stable),
            )
            self.values["brier"].append(float(np.average(errors, weights=(len(landslide), len(points)))))
            if repeat < BAND_REPEATS:
                scale = on_stable * (len(points) / on_stable.sum()), weights * (len(landslide) / weights.sum())
                curve = ThresholdCurve(landslide, points, scale[1], scale[0])
                self.bands["roc"].append(metrics.success_rate_curve(1 - placed, weights))
                self.bands["roc stable"].append(curve.roc())
                self.bands["precision"].append(curve.precision())
                self.values["average precision"].append(curve.average_precision())

    def estimate(self, name: str, value: float, scale: str = "share") -> Estimate:
        return self._resamples.estimate(value, np.array(self.values[name]), scale)


def _weighted(values: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ values / weights.sum())


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
    plain["landslide_cell_share"] = result.landslide_share
    plain["range_m"], plain["block_side_m"] = result.range_m, result.block_side_m
    plain["independent_blocks"] = result.independent_blocks
    plain["average_precision_on_map"], plain["brier_score_on_map"] = result.map_precision, result.map_calibration.brier
    plain["youden_threshold"], plain["expected_calibration_error"] = result.youden_threshold, result.calibration.ece
    plain["landslides_without_zone"] = result.unzoned
    if result.auc_fit is not None:
        plain["auc_fit"] = result.auc_fit
    estimates = {
        "auc": result.auc,
        "auc_delong": result.auc_delong,
        "auc_stable": result.auc_stable,
        "auc_over_draws": result.auc_draws,
        "success_rate_area": result.success_rate_auc,
        "average_precision": result.average_precision,
        **result.measures,
        "brier_score": result.brier,
    }
    for key, rule in result.rules.items():
        estimates[f"{key}_auc"], estimates[f"{key}_difference"] = rule.auc, rule.difference
    for row in result.zones:
        zone = f"zone_{row.zone}"
        plain[f"{zone}_landslides"] = row.landslides
        plain[f"{zone}_area_km2"] = row.area_km2
        plain[f"{zone}_area_share"] = row.area_share
        estimates[f"{zone}_landslide_share"] = row.landslide_share
        estimates[f"{zone}_frequency_ratio"] = row.frequency_ratio
        plain[f"{zone}_p_rise"] = row.p_rise
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
