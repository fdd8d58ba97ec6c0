"""Logistic regression, its penalty chosen by cross-validation over spatial blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from ..networks import build_network
from ..progress import Progress, stop_if_cancelled

C_VALUES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidates for scikit-learn's C; smaller values penalise the weights more."""
_INNER_FOLDS = 5
_DEFAULT_C = 1e-2
_MAX_ITERATIONS = 1000


def fit_regression(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray | None, progress: Progress
) -> tuple[Any, dict, str]:
    """Fit a logistic regression.

    Args:
        values: encoded, float32 (cells, channels).
        labels: (cells,): 1 landslide, 0 stable.
        weights: of the cells.
        groups: block of each cell, if known.
        progress: receives progress.

    Returns:
        Network, its architecture, and a summary for the log.
    """
    c_value, summary = _choose_c(values, labels, weights, groups, progress)
    fitted = _fit(values, labels, weights, c_value)
    architecture = {"type": "linear", "channels": values.shape[1]}
    network: Any = build_network(architecture)
    with torch.no_grad():
        network.layer.weight.copy_(torch.from_numpy(fitted.coef_.reshape(1, -1, 1, 1)))
        network.layer.bias.copy_(torch.from_numpy(fitted.intercept_))
    return network, architecture, summary


def _choose_c(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray | None, progress: Progress
) -> tuple[float, str]:
    """Return the C with the lowest loss on held-out blocks, and a summary."""
    count = 0 if groups is None else min(_INNER_FOLDS, len(np.unique(groups)))
    if count < 2:
        return _DEFAULT_C, f"C is {_DEFAULT_C:g}, because there are too few blocks to choose it by."
    folds = [
        (train, test)
        for train, test in GroupKFold(count).split(values, labels, groups)
        if len(np.unique(labels[train])) == 2
    ]
    if not folds:
        return _DEFAULT_C, f"C is {_DEFAULT_C:g}, because landslide and stable cells share no block to choose it by."
    losses = np.zeros(len(C_VALUES))
    for place, c_value in enumerate(C_VALUES):
        found, tested = [], []
        for train, test in folds:
            stop_if_cancelled(progress)
            found.append(_fit(values[train], labels[train], weights[train], c_value).predict_proba(values[test])[:, 1])
            tested.append(test)
        chosen = np.concatenate(tested)
        losses[place] = log_loss(labels[chosen], np.concatenate(found), sample_weight=weights[chosen], labels=[0, 1])
        progress.report((place + 1) / (len(C_VALUES) + 1))
    best = C_VALUES[int(losses.argmin())]
    return best, f"C is {best:g}, the best of {len(C_VALUES)} values over {len(folds)} folds of blocks."


def _fit(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, c_value: float) -> LogisticRegression:
    regression = LogisticRegression(C=c_value, max_iter=_MAX_ITERATIONS)
    return regression.fit(values.astype(np.float64), labels, sample_weight=weights / weights.mean())
