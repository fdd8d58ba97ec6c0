"""Logistic regression and random forest, fitted with scikit-learn and stored as torch modules."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from ..networks import build_network
from ..progress import Progress, SubProgress, stop_if_cancelled

C_VALUES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of scikit-learn's C; smaller ones penalise the weights more
_INNER_FOLDS = 5
_DEFAULT_C = 1e-2
_MAX_ITERATIONS = 1000


@dataclass
class TrainingCells:
    """Cells that a model is fitted to."""

    values: np.ndarray  # encoded, float32 (cells, channels)
    labels: np.ndarray  # (cells,): 1 landslide, 0 stable
    weights: np.ndarray  # (cells,)
    groups: np.ndarray  # (cells,): block of each cell
    validation: np.ndarray  # bool (cells,): cells that choose hyperparameters first
    continuous: int  # number of channels that are no classes; they come first
    seed: int

    @property
    def can_choose(self) -> bool:
        """Whether both classes are among the validation cells, and among the others."""
        return all(len(np.unique(self.labels[some])) == 2 for some in (self.validation, ~self.validation))


class Classifier(Protocol):
    """What scikit-learn's classifiers have."""

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Return the probability of stable and of landslide, (cells, 2)."""


FitPenalised = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Classifier]  # values, labels, weights, C


def fit_regression(cells: TrainingCells, progress: Progress) -> tuple[Any, dict, str]:
    """Fit a logistic regression; return its network, the architecture, and a summary for the log."""
    c_value, summary = choose_c(cells, _fit, C_VALUES, _DEFAULT_C, progress)
    fitted = _fit(cells.values, cells.labels, cells.weights, c_value)
    architecture = {"type": "linear", "channels": cells.values.shape[1]}
    network: Any = build_network(architecture)
    with torch.no_grad():
        network.layer.weight.copy_(torch.from_numpy(fitted.coef_.reshape(1, -1, 1, 1)))
        network.layer.bias.copy_(torch.from_numpy(fitted.intercept_))
    return network, architecture, summary


def choose_c(
    cells: TrainingCells, fit: FitPenalised, c_values: Sequence[float], default: float, progress: Progress
) -> tuple[float, str]:
    """Return the C with the lowest loss on held-out blocks, or the default without enough of them, and a summary."""
    values, labels, weights, groups = cells.values, cells.labels, cells.weights, cells.groups
    count = min(_INNER_FOLDS, len(np.unique(groups)))
    if count < 2:
        return default, f"C is {default:g}, because there are too few blocks to choose it by."
    all_folds = GroupKFold(count).split(values, labels, groups)
    folds = [(train, test) for train, test in all_folds if len(np.unique(labels[train])) == 2]
    if not folds:
        return default, f"C is {default:g}, because landslide and stable cells share no block to choose it by."
    losses = np.zeros(len(c_values))
    for place, c_value in enumerate(c_values):
        found, tested = [], []
        for train, test in folds:
            stop_if_cancelled(progress)
            found.append(fit(values[train], labels[train], weights[train], c_value).predict_proba(values[test])[:, 1])
            tested.append(test)
        chosen = np.concatenate(tested)
        losses[place] = log_loss(labels[chosen], np.concatenate(found), sample_weight=weights[chosen], labels=[0, 1])
        progress.report((place + 1) / (len(c_values) + 1))
    best = c_values[int(losses.argmin())]
    return best, f"C is {best:g}, the best of {len(c_values)} values over {len(folds)} folds of blocks."


def _fit(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, c_value: float) -> LogisticRegression:
    regression = LogisticRegression(C=c_value, max_iter=_MAX_ITERATIONS)
    return regression.fit(values.astype(np.float64), labels, sample_weight=weights / weights.mean())


TREES = 300
LEAF_SIZES = (5, 20, 80, 320)  # minimum cells of a leaf, tried on the validation blocks; small leaves overfit
DEFAULT_LEAF_SIZE = 20
MAX_DEPTH = 64
_TUNING_TREES = 40
_CANCEL_CHECK_SECONDS = 0.7  # approximate seconds between two checks for cancellation, whatever the number of trees


def fit_forest(cells: TrainingCells, progress: Progress) -> tuple[Any, dict, str]:
    """Grow a forest; the result is that of :func:`fit_regression`.

    Validation cells choose the leaf size, and then train too.
    """
    values, labels, weights = cells.values, cells.labels, cells.weights
    validation, seed = cells.validation, cells.seed
    leaf, summary = DEFAULT_LEAF_SIZE, f"A leaf has at least {DEFAULT_LEAF_SIZE} cells."
    if cells.can_choose:
        losses = []
        train = values[~validation], labels[~validation], weights[~validation]
        for number, size in enumerate(LEAF_SIZES):
            part = SubProgress(progress, 0.1 * number, 0.1 * (number + 1))
            candidate = _grow(*train, _TUNING_TREES, size, seed, part)
            probability = np.clip(candidate.predict_proba(values[validation])[:, 1], 1e-4, 1 - 1e-4)
            truth, weight = labels[validation], weights[validation]
            losses.append(log_loss(truth, probability, sample_weight=weight, labels=[0, 1]))
        leaf = LEAF_SIZES[int(np.argmin(losses))]
        tried = ", ".join(map(str, LEAF_SIZES))
        summary = f"A leaf has at least {leaf} cells, the best of {tried} on the validation blocks."
    forest = _grow(values, labels, weights, TREES, leaf, seed, SubProgress(progress, 0.4, 1.0))
    network, architecture = forest_to_network(forest)
    return network, architecture, f"{summary} {TREES} trees with {architecture['nodes']:,} nodes."


def forest_to_network(forest: RandomForestClassifier) -> tuple[Any, dict]:
    """Return a fitted forest of the classes 0 and 1 as an equivalent network, and its architecture."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    sizes = [tree.node_count for tree in trees]
    architecture = {
        "type": "forest",
        "channels": int(forest.n_features_in_),
        "trees": len(trees),
        "nodes": int(sum(sizes)),
        "depth": int(max(tree.max_depth for tree in trees)),
    }
    network: Any = build_network(architecture)
    fill_trees(network, sizes, _flatten_trees(trees))
    return network, architecture


def fill_trees(network: Any, sizes: Sequence[int], columns: dict[str, np.ndarray]) -> None:
    """Store the nodes of trees in a network of :mod:`..networks.trees`.

    The ``columns`` hold one number per node, one tree after the other. Children are counted from their tree's root,
    which is 0; a node whose left child is not above 0 is a leaf. Thresholds are float64: rounded down, those in
    float32 split float32 values as they do.
    """
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    own, root = np.arange(sum(sizes)), np.repeat(roots, sizes)
    leaf = columns["left"] <= 0
    threshold = np.where(leaf, 0.0, columns["threshold"])
    near = threshold.astype(np.float32)
    nodes = {
        **columns,
        "feature": np.where(leaf, 0, columns["feature"]),
        "threshold": np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near),
        **{side: np.where(leaf, own, columns[side] + root) for side in ("left", "right")},
    }
    with torch.no_grad():
        network.roots.copy_(torch.from_numpy(roots))
        for name, column in nodes.items():
            getattr(network, name).copy_(torch.from_numpy(column))
    network.check()


def _flatten_trees(trees: Sequence) -> dict[str, np.ndarray]:
    counts = np.concatenate([tree.value[:, 0, :] for tree in trees])
    names = {"feature": "feature", "threshold": "threshold", "left": "children_left", "right": "children_right"}
    columns = {name: np.concatenate([getattr(tree, attribute) for tree in trees]) for name, attribute in names.items()}
    return {**columns, "share": counts[:, 1] / counts.sum(axis=1)}


def _grow(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, trees: int, leaf: int, seed: int, progress: Progress
) -> RandomForestClassifier:
    min_step = step = os.cpu_count() or 1
    options = {"min_samples_leaf": leaf, "max_depth": MAX_DEPTH, "random_state": seed, "n_jobs": min_step}
    forest = RandomForestClassifier(n_estimators=0, warm_start=True, **options)
    while forest.n_estimators < trees:
        stop_if_cancelled(progress)
        began = time.monotonic()
        forest.n_estimators = min(forest.n_estimators + step, trees)
        forest.fit(values, labels, sample_weight=weights)
        progress.report(forest.n_estimators / trees)
        step = max(min_step, int(step * min(_CANCEL_CHECK_SECONDS / max(time.monotonic() - began, 1e-3), 4.0)))
    return forest
