"""Logistic regression, its penalty chosen by cross-validation over blocks of land."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from torch import nn

from ..networks import build_network
from ..progress import Progress, stop_if_cancelled

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Values tried for scikit-learn's C; smaller ones hold the weights back more."""
_FOLDS = 5
_USUAL = 1e-2
_ROUNDS = 1000


def fit_regression(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray | None,
                   progress: Progress) -> tuple[nn.Module, dict, str]:
    """Fit a logistic regression.

    Args:
        values: encoded, float32 (cells, channels).
        labels: (cells,): 1 landslide, 0 stable.
        weights: of the cells.
        groups: block of each cell; ``None`` when it is not known.
        progress: 0 to 1.

    Returns:
        Network, its architecture, and what was chosen, in words.
    """
    strength, told = _choose(values, labels, weights, groups, progress)
    fitted = _fit(values, labels, weights, strength)
    architecture = {"type": "linear", "channels": values.shape[1]}
    network = build_network(architecture)
    with torch.no_grad():
        network.layer.weight.copy_(torch.from_numpy(fitted.coef_.reshape(1, -1, 1, 1)))
        network.layer.bias.copy_(torch.from_numpy(fitted.intercept_))
    return network, architecture, told


def _choose(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray | None,
            progress: Progress) -> tuple[float, str]:
    """Return the strength with the lowest loss on blocks held back, and a sentence about it."""
    count = 0 if groups is None else min(_FOLDS, len(np.unique(groups)))
    if count < 2:
        return _USUAL, f"C is {_USUAL:g}, because there are too few blocks to choose it by."
    folds = [(train, test) for train, test in GroupKFold(count).split(values, labels, groups)
             if len(np.unique(labels[train])) == 2]
    if not folds:
        return _USUAL, f"C is {_USUAL:g}, because landslide and stable cells share no block to choose it by."
    losses = np.zeros(len(STRENGTHS))
    for place, strength in enumerate(STRENGTHS):
        found, tested = [], []
        for train, test in folds:
            stop_if_cancelled(progress)
            found.append(_fit(values[train], labels[train], weights[train], strength).predict_proba(values[test])[:, 1])
            tested.append(test)
        chosen = np.concatenate(tested)
        losses[place] = log_loss(labels[chosen], np.concatenate(found), sample_weight=weights[chosen], labels=[0, 1])
        progress.report((place + 1) / (len(STRENGTHS) + 1))
    best = STRENGTHS[int(losses.argmin())]
    return best, f"C is {best:g}, the best of {len(STRENGTHS)} values over {len(folds)} folds of blocks."


def _fit(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float) -> LogisticRegression:
    regression = LogisticRegression(C=strength, max_iter=_ROUNDS)
    return regression.fit(values.astype(np.float64), labels, sample_weight=weights / weights.mean())
