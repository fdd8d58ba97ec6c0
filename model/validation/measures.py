"""All measures of one part of the map, with their intervals.

Three kinds of interval, because there are two kinds of chance. *draws*: the stable points were drawn again, the
landslides stay; it shows only the luck of the draw. *bootstrap*: the stable points were drawn again and the landslides
resampled with replacement (Efron 1979), whole features at a time; it shows what another inventory of the same size
would give. *DeLong*: the AUC's variance over both samples in closed form (DeLong et al. 1988), averaged over the draws.
Recall and the shares of table 4 depend on the landslides alone and have Wilson's interval.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

import numpy as np

from ..progress import Progress, stop_if_cancelled
from .calibration import Calibration, calibration
from .confusion import MEASURES, Confusion, confusion_at
from .curves import Curve, Cuts, success_at, with_band
from .intervals import Estimate, from_repeats, wilson_interval
from .roc import normal_interval, placements
from .scopes import Scope
from .zone_table import ZoneRow

CURVES = 100
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
    youden: float
    """Threshold with the largest sum of recall and specificity."""
    success_area: Estimate
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


def measure(scope: Scope, landslide: np.ndarray, feature: np.ndarray, positions: np.ndarray, stable: np.ndarray,
            drawn: bool, repeats: int, threshold: float, area_km2: float, zones: Sequence[ZoneRow], unzoned: int,
            seed: int, progress: Progress) -> ScopeResult:
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
    rng = np.random.default_rng([seed, 2, scope.stream])
    _, cluster = np.unique(feature, return_inverse=True)
    clusters = int(cluster.max()) + 1
    placed = [placements(landslide, points) for points in stable]
    counts = [confusion_at(landslide, points, threshold) for points in stable]
    again: dict[str, list[float]] = {name: [] for name in ("auc", "precision area", "success", "brier", *MEASURES)}
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
        again["auc"].append(float(weights @ below / weights.sum()))
        confusion = confusion_at(landslide, points, threshold, weights)
        for name in MEASURES:
            again[name].append(getattr(confusion, name))
        again["success"].append(1 - float(weights @ positions / weights.sum()))
        again["brier"].append(calibration(landslide, points, 1.0, weights).brier)
        if repeat < CURVES:
            cuts = Cuts(landslide, points, weights)
            bands["roc"].append(cuts.roc())
            bands["precision"].append(cuts.precision())
            bands["success"].append(success_at(positions, weights))
            again["precision area"].append(cuts.average_precision())
    mean = Confusion(*(float(np.mean([getattr(count, name) for count in counts]))
                       for name in ("hits", "misses", "false_alarms", "correct_rejections")))
    measures = {name: from_repeats(_mean([getattr(count, name) for count in counts]), np.array(again[name]),
                                   "bootstrap") for name in MEASURES}
    if clusters == len(landslide):
        # Cells of one polygon are not independent, which Wilson's interval asks for.
        measures["recall"] = Estimate(mean.recall, *wilson_interval(mean.hits, len(landslide)), "Wilson")
    aucs = np.array([one.auc for one in placed])
    auc, variance = float(aucs.mean()), float(np.mean([one.variance for one in placed]))
    pooled, share = stable.ravel(), 1 / len(stable)
    cuts, reliability = Cuts(landslide, pooled, None, share), calibration(landslide, pooled, share)
    return ScopeResult(
        scope=scope, landslides=len(landslide), stable=stable.shape[1], repeats=repeats, drawn=drawn,
        area_km2=area_km2,
        auc=from_repeats(auc, np.array(again["auc"]), "bootstrap"),
        auc_draws=from_repeats(auc, aucs, "draws"),
        auc_delong=Estimate(auc, *normal_interval(auc, variance), "DeLong"),
        average_precision=from_repeats(cuts.average_precision(), np.array(again["precision area"]), "bootstrap"),
        measures=measures, confusion=mean, first=counts[0], youden=cuts.best_threshold(),
        success_area=from_repeats(1 - float(positions.mean()), np.array(again["success"]), "bootstrap"),
        brier=from_repeats(reliability.brier, np.array(again["brier"]), "bootstrap"),
        roc=with_band(cuts.roc(), bands["roc"]),
        precision=with_band(cuts.precision(), bands["precision"]),
        success=with_band(success_at(positions), bands["success"]),
        calibration=reliability, zones=list(zones), unzoned=unzoned, auc_repeats=np.array(again["auc"]))


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the finite values, NaN when there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
