"""The AUC to expect as a function of dissimilarity, from land that was held out of training.

The logit of a model separates landslides from other land less where land is unlike the training cells. On held-out
land its slope is estimated: by how much the log odds of a landslide rise where the logit rises by one. It is 1 where
the model is right about itself, and 0 where it knows nothing. It is estimated for ranges of dissimilarity and made
monotone (isotonic regression), so that dissimilar land never promises more.

Slope and distribution of the logits give an AUC without any landslide: if the density of landslides is that of the land
times exp(slope × logit), the AUC is the mean share of the land below a landslide. So a map of even land promises less
than one of varied land with the same slope, as it is in truth. This is the error profile of Meyer and Pebesma (2021)
for ranks: they fit an error directly, which for the AUC would mix up what land is like with how well it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .held_out import REGION, HeldOut

RANGES, MIN_LANDSLIDES = 8, 20  # of dissimilarity with a slope of their own, at most; landslides in each, at least
COVERED = 0.99  # share of the held-out landslides up to whose dissimilarity the profile is valid
MIN_SETS = 2  # sets of held-out land
ERROR_LANDSLIDES = 15  # of a region that tells how far off an expected AUC is
_MAX_EXPONENT = 60.0


@dataclass(frozen=True)
class ErrorProfile:
    """Slope and expected AUC by dissimilarity."""

    dissimilarity: np.ndarray  # increasing, float64 (knots,)
    slope: np.ndarray  # of the logit, not increasing, at least 0
    auc: np.ndarray  # to expect on land whose logits vary as those of the training land, not increasing
    limit: float  # largest dissimilarity that held-out land covers
    error: float | None  # root mean square of expected minus measured AUC over held-out regions

    def slopes(self, dissimilarity: np.ndarray) -> np.ndarray:
        """Return the slope of the logit; of land beyond the limit that at the limit."""
        return np.interp(dissimilarity, self.dissimilarity, self.slope)

    def expected(self, dissimilarity: np.ndarray) -> np.ndarray:
        """Return the AUC to expect, NaN beyond the limit; like the profile itself of land like that of the training."""
        found = np.interp(dissimilarity, self.dissimilarity, self.auc)
        return np.where(dissimilarity <= self.limit, found, np.nan)


def fit_profile(sets: Sequence[HeldOut], logit: np.ndarray, area: np.ndarray) -> ErrorProfile | None:
    """Return the profile; ``None`` if too little land was held out. ``logit`` and ``area`` are of the training land."""
    # Here, because a map that reads the profile needs no scikit-learn.
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import roc_auc_score

    if len(sets) < MIN_SETS:
        return None
    parts = [_balanced(one) for one in sets]
    score, slide, weight, dissimilarity = (np.concatenate(column) for column in zip(*parts))
    slides = weight[slide].sum()
    number = int(np.clip(slides // MIN_LANDSLIDES, 1, RANGES))
    edges = _weighted_quantiles(dissimilarity[slide], weight[slide], np.linspace(0, 1, number + 1)[1:-1])
    place = np.searchsorted(np.unique(edges), dissimilarity, side="right")
    slope, middle, count = _slopes(score, slide, weight, dissimilarity, place)
    monotone = IsotonicRegression(increasing=False).fit(middle, np.maximum(slope, 0.0), sample_weight=count)
    slope = monotone.predict(middle)
    auc = np.array([expected_auc(logit, area, value) for value in slope])
    limit = float(_weighted_quantiles(dissimilarity[slide], weight[slide], np.array([COVERED]))[0])
    profile = ErrorProfile(middle, slope, np.minimum.accumulate(auc), limit, None)
    errors = []
    for one in sets:
        if one.way == REGION and one.landslides >= ERROR_LANDSLIDES:
            land = ~one.slide
            slopes = profile.slopes(one.dissimilarity[land])
            expected = expected_auc(one.logit[land], one.weight[land], slopes)
            errors.append(expected - roc_auc_score(one.slide, one.logit, sample_weight=one.weight))
    error = float(np.sqrt(np.mean(np.square(errors)))) if errors else None
    return ErrorProfile(middle, slope, profile.auc, limit, error)


def expected_auc(logit: np.ndarray, area: np.ndarray, slope: np.ndarray | float) -> float:
    """Return the AUC of landslides against land from the logits of the land and their slope in each cell."""
    order = np.argsort(logit, kind="stable")
    score, area = logit[order].astype(np.float64), area[order].astype(np.float64)
    slopes = np.broadcast_to(slope, logit.shape)[order]
    exponent = slopes * (score - np.average(score, weights=area))
    landslides = area * np.exp(np.maximum(exponent - exponent.max(), -_MAX_EXPONENT))
    # Cells with the same logit share the land between them.
    _, first, inverse = np.unique(score, return_index=True, return_inverse=True)
    equal = np.add.reduceat(area, first)
    below = (np.cumsum(equal) - equal / 2)[inverse.reshape(-1)]
    return float((landslides * below).sum() / landslides.sum() / area.sum())


def _balanced(one: HeldOut) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return logits from their mean, and weights with which land weighs as much as landslides."""
    land, weight = ~one.slide, one.weight.astype(np.float64).copy()
    weight[land] *= one.landslides / weight[land].sum()
    return one.logit - np.average(one.logit[land], weights=weight[land]), one.slide, weight, one.dissimilarity


def _slopes(
    score: np.ndarray, slide: np.ndarray, weight: np.ndarray, dissimilarity: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope, mean dissimilarity and weight of the ranges ``place`` that hold landslides and land."""
    from sklearn.linear_model import LogisticRegression

    kept = [number for number in np.unique(place) if len(np.unique(slide[place == number])) == 2]
    mine = [place == number for number in kept]
    # Each range has a constant of its own: landslides are not as frequent in all of them.
    columns = np.stack([*(np.where(some, score, 0.0) for some in mine), *(some.astype(float) for some in mine)], axis=1)
    fit = LogisticRegression(C=1e6, max_iter=500, fit_intercept=False).fit(columns, slide, sample_weight=weight)
    middle = [np.average(dissimilarity[some], weights=weight[some]) for some in mine]
    return fit.coef_[0][: len(kept)], np.array(middle), np.array([weight[some].sum() for some in mine])


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return values[order][np.minimum(np.searchsorted(below, shares * below[-1]), len(values) - 1)]
