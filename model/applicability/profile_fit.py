"""The fit of an error profile to land that was held out; apart from it, since a map reads one without scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from .held_out import REGION, HeldOut
from .profile import ErrorProfile, expected_auc

RANGES, MIN_LANDSLIDES = 8, 20  # of dissimilarity with a slope of their own, at most; landslides in each, at least
COVERED = 0.99  # share of the held-out landslides up to whose dissimilarity the profile is valid
MIN_SETS = 2  # sets of held-out land
ERROR_LANDSLIDES = 15  # of a region that tells how far off an expected AUC is


def fit_profile(sets: Sequence[HeldOut], logit: np.ndarray, area: np.ndarray) -> ErrorProfile | None:
    """Return the profile; ``None`` if too little land was held out. ``logit`` and ``area`` are of the training land."""
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


def _balanced(one: HeldOut) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return logits from their mean, and weights with which land weighs as much as landslides."""
    land, weight = ~one.slide, one.weight.astype(np.float64).copy()
    weight[land] *= one.landslides / weight[land].sum()
    return one.logit - np.average(one.logit[land], weights=weight[land]), one.slide, weight, one.dissimilarity


def _slopes(
    score: np.ndarray, slide: np.ndarray, weight: np.ndarray, dissimilarity: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope, mean dissimilarity and weight of the ranges ``place`` that hold landslides and land."""
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
