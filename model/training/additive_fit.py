"""The additive part of PCUM, fitted as one penalised convex problem: a curve per factor and a weight per class.

A generalised additive model (Hastie and Tibshirani 1986). The curve of a continuous factor is a linear term plus a
piecewise-linear one with its knots at quantiles (P-splines, Eilers and Marx 1996). With a large penalty on the curves
it is ridge logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import lsq_linear
from scipy.special import expit

from ..networks.unet import Curves

SHARES = (0.005, 0.02, *np.linspace(0.02, 0.98, 8)[1:-1].tolist(), 0.98, 0.995)
"""Quantiles at which the knots of a factor lie. Linear terms end at the outer ones, curves at the next."""
KNOTS = len(SHARES)
MIN_KNOT_STEP = 1e-3  # between two knots, in standard deviations: many cells may share a value
LINEAR_ONLY = 1e4  # penalty of the curves with which they are flat
PENALTIES = ((LINEAR_ONLY, 30.0), (LINEAR_ONLY, 3.0), (100.0, 30.0), (10.0, 30.0), (10.0, 3.0))
"""Penalties of the curves and of the linear terms and classes that are tried. Each class weighs the number of
landslides, so they mean less where there are more."""
LOSS_SCALE, MIN_WEIGHT = 0.02, 0.01
"""A fit whose mean loss out of fold is so much above the lowest weighs 1/e of it in the mean of all. Fits below the
least weight are left out."""
UNCHANGED = 1e9  # penalty of a candidate that leaves a model to fine-tune as it is
START_PENALTIES = ((UNCHANGED, UNCHANGED), (LINEAR_ONLY, 1e4), (LINEAR_ONLY, 300.0), *PENALTIES)
"""The same for fine-tuning, where they pull towards the given model. The second changes little but the constant."""
_BEND, _HEIGHT = 4.0, 0.1  # weights of squared second differences and of squared heights of a curve
_STEPS, _TOLERANCE = 50, 1e-7  # of Newton's method; the tolerance is a share of the sum of the weights


@dataclass(frozen=True)
class Additive:
    """A fitted additive part."""

    coefficients: np.ndarray  # in the order of the columns of a basis

    def logit(self, columns: np.ndarray) -> np.ndarray:
        """Return the logit of landslide, float64 (cells,)."""
        # In the precision of the columns: a copy of all of them in float64 would take most of the time.
        return (columns @ self.coefficients.astype(columns.dtype)).astype(np.float64)


@dataclass(frozen=True)
class Bounded:
    """Variables in which a problem has bounds: the coefficients are ``matrix`` times them."""

    matrix: np.ndarray  # float64 (coefficients, variables), invertible
    bounded: np.ndarray  # whether a variable must not be negative, bool (variables,)


def knots_of(scores: np.ndarray) -> np.ndarray:
    """Return the knots of continuous factors from z-scores (cells, factors): increasing, float32 (factors, KNOTS)."""
    found = np.quantile(scores.astype(np.float64), SHARES, axis=0).T.reshape(-1, KNOTS)
    return (found + MIN_KNOT_STEP * np.arange(KNOTS)).astype(np.float32)


def basis(image: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the columns of encoded cells (cells, channels): a constant, a linear term per channel, the curves.

    The continuous channels come first; a curve has a hat function for each knot but the outer ones. Float32.
    """
    continuous = len(knots)
    count = knots.shape[1] - 2
    columns = np.empty((len(image), 1 + image.shape[1] + continuous * count), dtype=np.float32)
    columns[:, 0] = 1
    columns[:, 1 : 1 + continuous] = np.clip(image[:, :continuous], knots[:, 0], knots[:, -1])
    columns[:, 1 + continuous : 1 + image.shape[1]] = image[:, continuous:]
    hats = np.eye(count)
    first = 1 + image.shape[1]
    for factor in range(continuous):
        for number in range(count):
            # Beyond its outer knots a curve is level, as np.interp is.
            place = first + factor * count + number
            columns[:, place] = np.interp(image[:, factor], knots[factor, 1:-1], hats[number])
    return columns


def penalty(channels: int, continuous: int, curves: float, linear: float, knots: int = KNOTS) -> np.ndarray:
    """Return the matrix P of the penalty ½ βᵀPβ on the coefficients of a basis, float64."""
    hats = knots - 2
    size = 1 + channels + continuous * hats
    result = np.zeros((size, size))
    result[range(1, 1 + channels), range(1, 1 + channels)] = linear
    bends = np.diff(np.eye(hats), 2, axis=0)
    block = curves * (_BEND * bends.T @ bends + _HEIGHT * np.eye(hats))
    for first in range(1 + channels, size, hats):
        result[first : first + hats, first : first + hats] = block
    return result


def fit(
    columns: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    check: Callable[[], None],
    start: Additive | None = None,
    centre: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    bounds: Bounded | None = None,
) -> Additive:
    """Minimise Σ w · log loss + ½ (β − centre)ᵀP(β − centre) with Newton's method; the centre is 0 by default.

    ``columns`` are float32 (cells, columns), ``labels`` 1 or 0, or between them for soft ones; ``offset`` is a part of
    each cell's logit that stays; ``check`` is called before each step and may raise to stop. The minimum is unique, so
    that ``start`` only saves steps. With ``bounds`` each step is the minimum of the quadratic problem within them.
    """
    if bounds is not None:
        matrix, inverse = bounds.matrix, np.linalg.inv(bounds.matrix)
        inner = columns @ matrix.astype(np.float32), labels, weights, matrix.T @ penalties @ matrix
        lowest = np.where(bounds.bounded, 0.0, -np.inf)
        first = np.zeros(len(inverse)) if start is None else inverse @ start.coefficients
        if centre is not None:
            offset = columns @ centre if offset is None else offset + columns @ centre
            lowest, first = lowest - inverse @ centre, first - (inverse @ centre if start is not None else 0.0)
        found = _newton(*inner, check, np.maximum(first, lowest), offset, lowest).coefficients
        return Additive(matrix @ found + (0.0 if centre is None else centre))
    if centre is not None:
        # The same problem for the difference from the centre.
        offset = columns @ centre if offset is None else offset + columns @ centre
        start = None if start is None else Additive(start.coefficients - centre)
        return Additive(centre + fit(columns, labels, weights, penalties, check, start, None, offset).coefficients)
    return _newton(columns, labels, weights, penalties, check, None if start is None else start.coefficients, offset)


def _newton(
    columns: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    check: Callable[[], None],
    start: np.ndarray | None,
    offset: np.ndarray | None,
    lowest: np.ndarray | None = None,
) -> Additive:
    fixed = np.zeros(len(columns)) if offset is None else offset
    coefficients = np.zeros(columns.shape[1]) if start is None else start
    value, logit = _objective(columns, labels, weights, penalties, fixed, coefficients)
    for _ in range(_STEPS):
        check()
        probability = expit(logit)
        gradient = columns.T @ (weights * (probability - labels)).astype(np.float32) + penalties @ coefficients
        curvature = np.sqrt(weights * probability * (1 - probability)).astype(np.float32)
        scaled = columns * curvature[:, None]
        hessian = (scaled.T @ scaled).astype(np.float64) + penalties
        # The constant has no penalty, and in single precision a column of zeros may become a little negative.
        hessian[np.diag_indices_from(hessian)] += 1e-6 * weights.sum() / len(hessian)
        if lowest is None:
            step = cho_solve(cho_factor(hessian), gradient)
        else:
            step = -_step_within(hessian, gradient, lowest - coefficients)
        decrement, length = float(gradient @ step), 1.0
        while length > 1e-4:
            tried = coefficients - length * step
            reached, new = _objective(columns, labels, weights, penalties, fixed, tried)
            if reached <= value:
                coefficients, value, logit = tried, reached, new
                break
            length /= 2
        if length <= 1e-4 or decrement < _TOLERANCE * weights.sum():
            break
    return Additive(coefficients)


def _step_within(hessian: np.ndarray, gradient: np.ndarray, lowest: np.ndarray) -> np.ndarray:
    """Return the step d that minimises ½ dᵀHd + gᵀd with d ≥ ``lowest``, which has few finite values, 0 or less."""
    some = np.isfinite(lowest)
    free, own = ~some, np.minimum(lowest[some], 0.0)
    factor = cho_factor(hessian[np.ix_(free, free)])
    # The free variables follow from the others, so that a small problem is left (Schur complement).
    across = hessian[np.ix_(free, some)]
    back, alone = cho_solve(factor, across), cho_solve(factor, gradient[free])
    inner = cholesky(hessian[np.ix_(some, some)] - across.T @ back, lower=True)
    target = solve_triangular(inner, across.T @ alone - gradient[some], lower=True)
    result = np.empty(len(gradient))
    result[some] = np.maximum(lsq_linear(inner.T, target, (own, np.inf), method="bvls", tol=1e-12).x, own)
    result[free] = -alone - back @ result[some]
    return result


def _objective(
    columns: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    fixed: np.ndarray,
    coefficients: np.ndarray,
) -> tuple[float, np.ndarray]:
    logit = fixed + (columns @ coefficients.astype(np.float32)).astype(np.float64)
    losses = np.logaddexp(0, np.where(labels == 1, -logit, logit))
    soft = (labels > 0) & (labels < 1)
    losses[soft] -= labels[soft] * logit[soft]
    loss = weights @ losses
    return float(loss + coefficients @ penalties @ coefficients / 2), logit


def write_curves(fitted: Additive, knots: np.ndarray, curves: Curves) -> None:
    """Write a fitted additive part into the curves of a network, with the same knots."""
    channels = curves.linear.weight.shape[1]
    constant, linear, heights = np.split(fitted.coefficients, [1, 1 + channels])
    curves.reset_to_zero()
    with torch.no_grad():
        curves.knots.copy_(torch.from_numpy(knots))
        curves.linear.weight[1, :, 0, 0] = torch.from_numpy(linear).float()
        bias: Any = curves.linear.bias
        bias[1] = float(constant[0])
        inner = torch.from_numpy(heights.reshape(len(knots), -1)).float()
        curves.heights[:, 1, 1:-1] = inner
        curves.heights[:, 1, 0], curves.heights[:, 1, -1] = inner[:, 0], inner[:, -1]


def read_curves(curves: Curves) -> tuple[Additive, np.ndarray]:
    """Return what :func:`write_curves` wrote into the curves of a network: the fitted additive part, and its knots."""
    with torch.no_grad():
        bias: Any = curves.linear.bias
        constant = (bias[1] - bias[0]).reshape(1)
        linear = (curves.linear.weight[1] - curves.linear.weight[0]).reshape(-1)
        heights = (curves.heights[:, 1, 1:-1] - curves.heights[:, 0, 1:-1]).reshape(-1)
        return Additive(torch.cat([constant, linear, heights]).double().numpy()), curves.knots.numpy().copy()
