"""What a random split would report here, and what blocks of land report.

The map is fixed, so what is validated is what is fitted on top of it: weights of its zones, and a memory of where
landslides are. A map that only knows the latter is a measure of what a random split gives away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from ..comparison.rank_sample import SampleRanks
from ..factors.definitions import CATEGORICAL
from ..progress import Progress, stop_if_cancelled
from ..stack import StackFactor
from ..validation.settings import MIN_INTERVAL_BLOCKS
from .ground import Ground
from .judge import Judge, Measured

FOLDS = 5
MIN_LANDSLIDES = 20  # with fewer nothing is fitted
FITTED_LAND = 10_000  # cells of land that a reference model learns from, at most
MAX_CLASSES = 250  # of a categorical factor
_STREAM = 25  # of random numbers


@dataclass
class SplitRow:
    """One thing that is fitted, under both splits."""

    key: str
    title: str
    random: Measured
    blocks: Measured
    gap: Measured


@dataclass
class Splits:
    """All of them; none where there are too few landslides or blocks."""

    rows: list[SplitRow]
    why_none: str = ""

    def of(self, key: str) -> SplitRow | None:
        """Return one row, None if it is not there."""
        return next((row for row in self.rows if row.key == key), None)


def judge_splits(judge: Judge, ground: Ground, factors: Sequence[StackFactor], seed: int, progress: Progress) -> Splits:
    """Validate what can be fitted on top of the map, by random folds and by folds of blocks."""
    count = len(ground.landslides)
    if count < MIN_LANDSLIDES:
        return Splits([], f"Nothing can be validated by folds with {count} landslides; it takes {MIN_LANDSLIDES}.")
    independent = len(np.unique(judge.of_landslides))
    if independent < MIN_INTERVAL_BLOCKS:
        return Splits([], f"The landslides lie in {independent} independent blocks, too few to be held out by blocks.")
    rng = np.random.default_rng([seed, _STREAM])
    random = rng.integers(0, FOLDS, count), rng.integers(0, FOLDS, len(ground.land))
    blocks = _block_folds(judge, rng)
    fits = {
        "zones": ("Zones, weighed by the landslides of the other folds", _by_zones),
        "nearness": ("Nearness to the landslides of the other folds alone: no map", _by_nearness),
        "map_and_nearness": ("The map and that nearness", _by_map_and_nearness),
    }
    rows = []
    for key, (title, fit) in fits.items():
        stop_if_cancelled(progress)
        rows.append(_row(judge, key, title, [fit(ground, folds) for folds in (random, blocks)]))
    if factors:
        chosen = _for_reference(ground, rng)
        scores = [_by_factors(ground, factors, folds, chosen, seed, progress) for folds in (random, blocks)]
        rows.append(_row(judge, "reference", "Gradient boosting on the factors of STACK: not the map", scores))
    return Splits(rows)


Folds = tuple[np.ndarray, np.ndarray]  # of landslides and of land


def _row(judge: Judge, key: str, title: str, scores: Sequence[Folds]) -> SplitRow:
    random, blocks = (judge.auc(one) for one in scores)
    return SplitRow(key, title, random, blocks, random.less(blocks))


def _block_folds(judge: Judge, rng: np.random.Generator) -> Folds:
    """Return folds of whole blocks with about as many landslides each."""
    blocks, place = np.unique(np.concatenate([judge.of_landslides, judge.of_land]), return_inverse=True)
    slides = np.bincount(place[: len(judge.of_landslides)], minlength=len(blocks))
    fold, filled = rng.integers(0, FOLDS, len(blocks)), np.zeros(FOLDS)
    for block in np.argsort(-slides, kind="stable")[: int((slides > 0).sum())]:
        fold[block] = int(np.argmin(filled))
        filled[fold[block]] += slides[block]
    return fold[place[: len(judge.of_landslides)]], fold[place[len(judge.of_landslides) :]]


def _by_zones(ground: Ground, folds: Folds) -> Folds:
    """Return the frequency ratio of the zone of each cell, by the other folds; 0.5 of a landslide is added to each."""
    slides, land = ground.landslides, ground.land
    zones = int(max(slides.zones.max(), land.zones.max())) + 1
    scores = np.full(len(slides), np.nan), np.full(len(land), np.nan)
    for fold in range(FOLDS):
        learned = folds[0] != fold, folds[1] != fold
        counts = np.bincount(slides.zones[learned[0]], minlength=zones) + 0.5
        areas = np.bincount(land.zones[learned[1]], land.area[learned[1]], zones)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(areas > 0, counts / areas, np.nan)
        ratio[0] = np.nan
        for part, cells, of in zip(scores, (slides, land), folds):
            part[of == fold] = ratio[cells.zones[of == fold]]
    return scores


def _distances(ground: Ground, folds: Folds, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the metres to the nearest landslide of the other folds, of landslides to another one."""
    slides, land = ground.landslides, ground.land
    places = [np.stack([cells.x, cells.y], axis=1) for cells in (slides, land)]
    learned = folds[0] != fold
    tree = cKDTree(places[0][learned])
    two = tree.query(places[0], k=2)[0]
    return np.where(learned, two[:, 1], two[:, 0]), tree.query(places[1])[0]


def _by_nearness(ground: Ground, folds: Folds) -> Folds:
    scores = np.full(len(ground.landslides), np.nan), np.full(len(ground.land), np.nan)
    for fold in range(FOLDS):
        for part, of, distance in zip(scores, folds, _distances(ground, folds, fold)):
            part[of == fold] = -distance[of == fold]
    return scores


def _by_map_and_nearness(ground: Ground, folds: Folds) -> Folds:
    slides, land = ground.landslides, ground.land
    ranks = SampleRanks(land.values, land.area)
    ranked = ranks.rank(slides.values), ranks.rank(land.values)
    scores = np.full(len(slides), np.nan), np.full(len(land), np.nan)
    for fold in range(FOLDS):
        columns = [
            np.stack([rank, np.log(np.maximum(distance, 1.0))], axis=1)
            for rank, distance in zip(ranked, _distances(ground, folds, fold))
        ]
        learned = [of != fold for of in folds]
        weights = _balanced(*(cells.area[mine] for cells, mine in zip((slides, land), learned)))
        truth = np.repeat([1, 0], [int(mine.sum()) for mine in learned])
        inputs = np.concatenate([column[mine] for column, mine in zip(columns, learned)])
        model = LogisticRegression(max_iter=1000).fit(inputs, truth, weights)
        for part, of, column in zip(scores, folds, columns):
            if (of == fold).any():
                part[of == fold] = model.decision_function(column[of == fold])
    return scores


def _balanced(slides: np.ndarray, land: np.ndarray) -> np.ndarray:
    """Return weights by which landslides and land count as much."""
    return np.concatenate([slides / slides.sum(), land / land.sum()]) * (len(slides) + len(land)) / 2


def _for_reference(ground: Ground, rng: np.random.Generator) -> np.ndarray:
    """Return which cells of land a reference model learns from: a draw by area."""
    chosen = np.zeros(len(ground.land), dtype=bool)
    share = ground.land.area / ground.land.area.sum()
    chosen[rng.choice(len(ground.land), min(FITTED_LAND, len(ground.land)), replace=False, p=share)] = True
    return chosen


def _by_factors(
    ground: Ground, factors: Sequence[StackFactor], folds: Folds, chosen: np.ndarray, seed: int, progress: Progress
) -> Folds:
    slides, land = ground.landslides.factors, ground.land.factors
    kinds = [factor.kind == CATEGORICAL for factor in factors]
    if any(kinds):
        slides, land = _coded(slides, land, kinds)
    known = np.isfinite(slides).any(axis=1), np.isfinite(land).any(axis=1)
    scores = np.full(len(slides), np.nan), np.full(len(land), np.nan)
    for fold in range(FOLDS):
        stop_if_cancelled(progress)
        mine, others = (folds[0] != fold) & known[0], (folds[1] != fold) & known[1] & chosen
        # Without weights, with which the binning of features takes a hundred times as long; the order needs none.
        model = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=15, categorical_features=kinds if any(kinds) else None, random_state=seed
        )
        truth = np.repeat([1, 0], [int(mine.sum()), int(others.sum())])
        model.fit(np.concatenate([slides[mine], land[others]]), truth)
        for part, of, values, good in zip(scores, folds, (slides, land), known):
            held = (of == fold) & good
            if held.any():
                part[held] = model.decision_function(values[held])
    return scores


def _coded(slides: np.ndarray, land: np.ndarray, kinds: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors with classes numbered from 0 by their land, the rarest beyond a limit without a number."""
    slides, land = slides.copy(), land.copy()
    for number, categorical in enumerate(kinds):
        if not categorical:
            continue
        known = land[:, number][np.isfinite(land[:, number])]
        codes, counts = np.unique(known, return_counts=True)
        codes = np.sort(codes[np.argsort(-counts, kind="stable")[:MAX_CLASSES]])
        for values in (slides, land):
            column = values[:, number]
            place = np.searchsorted(codes, column)
            found = np.isfinite(column) & (place < len(codes))
            found[found] = codes[place[found]] == column[found]
            values[:, number] = np.where(found, place, np.nan)
    return slides, land
