"""Factors that give landslides away, and land that is unlike the land whose landslides are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import spearmanr

from ..applicability.prototypes import fit_prototypes, upper_whisker
from ..factors.definitions import CATEGORICAL
from ..progress import Progress, stop_if_cancelled
from ..stack import StackFactor
from .ground import Cells, Ground
from .judge import Judge, Measured

LEAK_AUC = 0.95  # of a factor alone, in either direction
LEAK_CORRELATION = 0.8  # rank correlation of a factor with the distance to the nearest landslide, in either direction
KNOWN_LAND, JUDGED_LAND = 6000, 20_000  # cells that make and that get the dissimilarity index, at most
MAX_CLASSES = 60  # of a categorical factor that count
FOLDS = 5
_STREAM = 26  # of random numbers


@dataclass
class FactorAlone:
    """How well one factor alone tells landslides from other land."""

    name: str
    auc: Measured  # in the direction that is better; of classes, by their landslides in other folds
    correlation: float  # rank correlation with the distance to the nearest landslide; NaN for classes

    @property
    def leaks(self) -> bool:
        """Whether it knows where landslides are."""
        return self.auc.value >= LEAK_AUC or abs(self.correlation) >= LEAK_CORRELATION


@dataclass
class Applicability:
    """How much land is unlike that around the landslides."""

    known_share: float  # of the land, around landslides
    reach: float  # metres from a landslide that count as around it: half a block
    outside: float  # share of all land outside the area of applicability
    by_region: list[float] = field(default_factory=list)


def judge_factors(
    judge: Judge, ground: Ground, factors: Sequence[StackFactor], seed: int, progress: Progress
) -> list[FactorAlone]:
    """Return the AUC of each factor alone, the best first."""
    slides, land = ground.landslides, ground.land
    rng, found = np.random.default_rng([seed, _STREAM]), []
    for number, factor in enumerate(factors):
        stop_if_cancelled(progress)
        scores, correlation = (slides.factors[:, number], land.factors[:, number]), float("nan")
        if factor.kind == CATEGORICAL:
            scores = _class_rates(judge, ground, scores, rng)
        else:
            known = np.isfinite(scores[1])
            if known.sum() > 2 and np.ptp(scores[1][known]) > 0:
                rows = rng.choice(np.flatnonzero(known), 5000, p=_shares(land.area[known]))
                correlation = float(spearmanr(scores[1][rows], land.distance[rows])[0])
        auc = judge.auc(scores)
        if auc.value < 0.5:
            auc = auc.turned()
        if np.isfinite(auc.value):
            found.append(FactorAlone(factor.name, auc, correlation))
    return sorted(found, key=lambda one: -one.auc.value)


def _shares(area: np.ndarray) -> np.ndarray:
    return area / area.sum()


def _class_rates(
    judge: Judge, ground: Ground, codes: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return landslides per land of the class of each cell, from blocks of other folds."""
    blocks, place = np.unique(np.concatenate([judge.of_landslides, judge.of_land]), return_inverse=True)
    fold = rng.integers(0, FOLDS, len(blocks))[place]
    folds = fold[: len(judge.of_landslides)], fold[len(judge.of_landslides) :]
    known = [np.isfinite(one) for one in codes]
    _, number = np.unique(np.concatenate([one[ok] for one, ok in zip(codes, known)]), return_inverse=True)
    split = int(known[0].sum())
    numbers, count = (number[:split], number[split:]), int(number.max(initial=-1)) + 1
    scores = np.full(len(codes[0]), np.nan), np.full(len(codes[1]), np.nan)
    for one in range(FOLDS):
        learned = [of[ok] != one for of, ok in zip(folds, known)]
        counts = np.bincount(numbers[0][learned[0]], minlength=count) + 0.5
        areas = np.bincount(numbers[1][learned[1]], ground.land.area[known[1]][learned[1]], count)
        with np.errstate(divide="ignore"):
            rate = np.where(areas > 0, counts / areas, np.nan)
        for part, of, ok, mine in zip(scores, folds, known, numbers):
            held = of == one
            part[held & ok] = rate[mine[held[ok]]]
    return scores


def judge_applicability(
    judge: Judge, ground: Ground, factors: Sequence[StackFactor], regions: int, seed: int
) -> Applicability | None:
    """Return how much land is unlike that around the landslides, in all factors alike.

    Distance is that of standardised factors, classes as one coordinate each; its limit is the upper whisker of the
    dissimilarity index of the known land to other blocks (Meyer and Pebesma 2021). Landslides of the training count as
    known instead of the others, where there are any. None if all of the known land lies in one fold.
    """
    distance = ground.land.distance if ground.land_to_training is None else ground.land_to_training
    valid, reach = np.isfinite(ground.land.factors).all(axis=1), judge.spatial.side_m / 2
    known = valid & (distance <= reach)
    if known.sum() < 100:
        return None
    rng = np.random.default_rng([seed, _STREAM, 1])
    coordinates = _coordinates(ground.land, known, factors)
    learned = rng.choice(
        np.flatnonzero(known), min(KNOWN_LAND, int(known.sum())), False, _shares(ground.land.area[known])
    )
    _, place = np.unique(judge.of_land[learned], return_inverse=True)
    folds = rng.integers(0, FOLDS, int(place.max()) + 1)[place]
    if len(np.unique(folds)) < 2:
        return None
    prototypes = fit_prototypes(coordinates[learned], folds, seed)
    by_folds = prototypes.dissimilarity_by_folds(coordinates[learned], folds)
    limit = upper_whisker(by_folds[np.isfinite(by_folds)])
    judged = np.flatnonzero(valid)
    if len(judged) > JUDGED_LAND:
        judged = np.sort(rng.choice(judged, JUDGED_LAND, replace=False))
    outside = prototypes.dissimilarity(coordinates[judged], np.ones(len(prototypes.points), bool)) > limit
    area, inside = ground.land.area[judged], ground.land.regions[judged]
    by_region = []
    for number in range(regions):
        mine = inside[:, number]
        by_region.append(float(area[mine & outside].sum() / area[mine].sum()) if mine.any() else float("nan"))
    share = float(ground.land.area[known].sum() / ground.land.area[valid].sum())
    return Applicability(share, reach, float(area[outside].sum() / area.sum()), by_region)


def _coordinates(land: Cells, known: np.ndarray, factors: Sequence[StackFactor]) -> np.ndarray:
    """Return standardised factors, and classes of known land as one coordinate each, float64 (cells, coordinates)."""
    columns = []
    for number, factor in enumerate(factors):
        values = land.factors[:, number].astype(np.float64)
        if factor.kind == CATEGORICAL:
            codes, counts = np.unique(values[known], return_counts=True)
            share = counts / counts.sum()
            differ = np.sqrt(max(1 - float((share**2).sum()), 1e-3))
            columns += [(values == code) / differ for code in codes[np.argsort(-counts, kind="stable")[:MAX_CLASSES]]]
        elif np.std(values[known]) > 0:
            columns.append((values - values[known].mean()) / values[known].std())
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((len(land), 1))
