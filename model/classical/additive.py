"""Additive model (GAM): a spline per continuous factor, fitted with scikit-learn and stored as a torch module."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from scipy.interpolate import BSpline, PPoly
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import SplineTransformer

from ..networks import build_network
from ..progress import Progress, SubProgress, stop_if_cancelled
from .sklearn_models import TrainingCells, choose_c

KNOTS = 8  # per continuous factor
C_VALUES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # of scikit-learn's C; smaller ones penalise the curves more
DEFAULT_C = 0.1
TUNING_CELLS = 20_000  # drawn to choose C by
MAX_NUMBERS = 40_000_000  # values of basis functions in memory; with many factors fewer cells are drawn
WEIGHT = 10_000.0  # sum of the weights of all cells, so that a C means the same whatever their number
OUTER_SHARE = 0.01  # of the cells lie below the first knot, and above the last
MIN_GAP = 0.01  # between knots, in standard deviations: many cells may share a value
_DEGREE = 3


def fit_additive(cells: TrainingCells, progress: Progress) -> tuple[Any, dict, str]:
    """Fit splines and class weights; the result is that of :func:`.sklearn_models.fit_regression`.

    Blocks of training and validation cells choose the ridge penalty, C, as they do for logistic regression.
    """

    def fit(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, c_value: float) -> Pipeline:
        return fit_pipeline(values, labels, weights, cells.continuous, c_value)

    most = MAX_NUMBERS // (cells.values.shape[1] + cells.continuous * (KNOTS + _DEGREE - 2))
    part = SubProgress(progress, 0.0, 0.8)
    c_value, summary = choose_c(_drawn(cells, min(TUNING_CELLS, most)), fit, C_VALUES, DEFAULT_C, part)
    stop_if_cancelled(progress)
    used = _drawn(cells, most)
    network, architecture = additive_to_network(fit(used.values, used.labels, used.weights, c_value), cells.continuous)
    return network, architecture, f"{summary} Continuous factors have splines with {KNOTS} knots."


def fit_pipeline(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, continuous: int, c_value: float
) -> Pipeline:
    """Fit a logistic regression with a ridge penalty on cubic B-splines of the first channels, and on the others.

    The bases are one step, the regression the next. Channels without variation are left as they are.
    """
    knots = [quantile_knots(values[:, channel]) for channel in range(continuous)]
    bases = [
        (str(channel), SplineTransformer(degree=_DEGREE, knots=found[:, None], extrapolation="constant"), [channel])
        for channel, found in enumerate(knots)
        if len(found) > 1
    ]
    # Newton's method is exact in a few steps; there are few columns.
    regression = LogisticRegression(C=c_value, solver="newton-cholesky", max_iter=100)
    pipeline = Pipeline([("bases", ColumnTransformer(bases, remainder="passthrough")), ("regression", regression)])
    scaled = weights * (WEIGHT / weights.sum())
    return pipeline.fit(values.astype(np.float64), labels, regression__sample_weight=scaled)


def quantile_knots(values: np.ndarray) -> np.ndarray:
    """Return at most ``KNOTS`` quantiles of z-scores that increase, float64 of float32 values; one if all are equal."""
    shares = np.linspace(OUTER_SHARE, 1 - OUTER_SHARE, KNOTS)
    found = np.unique(np.quantile(values, shares).astype(np.float32))
    if len(found) < 2:
        # Rare lines have no density in nearly all cells.
        found = np.unique([values.min(), values.max()]).astype(np.float32)
    kept = [found[0]]
    for knot in found[1:]:
        if knot - kept[-1] >= MIN_GAP:
            kept.append(knot)
    return np.array(kept, dtype=np.float64)


def additive_to_network(pipeline: Pipeline, continuous: int) -> tuple[Any, dict]:
    """Return a fitted pipeline of the classes 0 and 1 as an equivalent network, and its architecture."""
    bases, regression = pipeline[0], pipeline[1]
    classes = int(bases.n_features_in_) - continuous
    architecture = {"type": "splines", "channels": continuous + classes, "continuous": continuous, "knots": KNOTS}
    network: Any = build_network(architecture)
    weights = regression.coef_[0]
    with torch.no_grad():
        network.constant.copy_(torch.from_numpy(regression.intercept_))
        for name, transformer, _ in bases.transformers_:
            if name == "remainder":
                continue
            channel, own = int(name), transformer.bsplines_[0]
            spline = BSpline(own.t, own.c @ weights[bases.output_indices_[name]], _DEGREE)
            pieces = PPoly.from_spline(spline)
            # The outer knots, beyond which the basis goes on, bound no piece.
            knots, polynomials = pieces.x[_DEGREE:-_DEGREE], pieces.c[:, _DEGREE:-_DEGREE]
            network.knots[channel] = torch.from_numpy(np.pad(knots, (0, KNOTS - len(knots)), mode="edge"))
            missing = KNOTS - 1 - polynomials.shape[1]
            network.pieces[channel] = torch.from_numpy(np.pad(polynomials, [(0, 0), (0, missing)]))
        # Channels without a spline are passed on in their order; those of classes are the last.
        network.classes.copy_(torch.from_numpy(weights[len(weights) - classes :]))
    network.check()
    return network, architecture


def _drawn(cells: TrainingCells, most: int) -> TrainingCells:
    """Return at most so many of the cells, drawn at random."""
    if len(cells.labels) <= most:
        return cells
    chosen = np.sort(np.random.default_rng([cells.seed, 8]).permutation(len(cells.labels))[:most])
    names = ("values", "labels", "weights", "groups", "validation")
    return dataclasses.replace(cells, **{name: getattr(cells, name)[chosen] for name in names})
