"""Gradient boosting, fitted with scikit-learn and stored as a torch module."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from ..networks import build_network
from ..progress import Progress, SubProgress, stop_if_cancelled
from .sklearn_models import TrainingCells, fill_trees

LEAVES = (4, 8, 16)  # of a tree, tried on the validation blocks
LEAF_SIZES = (20, 200)  # minimum cells of a leaf, tried likewise
MAX_ROUNDS = 200
BINS = (
    128  # of a channel, of about the same number of cells; scikit-learn takes a minute to find bins of weighted cells
)
DEFAULT_LEAVES, DEFAULT_LEAF_SIZE, DEFAULT_ROUNDS = 8, 20, 50
LEARNING_RATE = 0.1
L2 = 1.0  # penalty on the values of the leaves
PATIENCE = 30  # rounds without a lower loss on the validation blocks
STEP = 50  # rounds between two checks for cancellation


def fit_boosting(cells: TrainingCells, progress: Progress) -> tuple[Any, dict, str]:
    """Fit boosted trees; the result is that of :func:`.sklearn_models.fit_regression`.

    Validation cells choose the leaves of a tree, their size and the number of rounds, and then train too.
    """
    leaves, size, rounds = DEFAULT_LEAVES, DEFAULT_LEAF_SIZE, DEFAULT_ROUNDS
    edges = bin_edges(cells.values)
    cells = dataclasses.replace(cells, values=bin_numbers(cells.values, edges))
    # In parallel, sums are rounded differently from run to run.
    with threadpool_limits(1, "openmp"):
        if cells.can_choose:
            tried, found = [(leaves, size) for leaves in LEAVES for size in LEAF_SIZES], []
            for place, candidate in enumerate(tried):
                part = SubProgress(progress, 0.8 * place / len(tried), 0.8 * (place + 1) / len(tried))
                found.append((*_lowest_loss(cells, *candidate, part), *candidate))
            _, rounds, leaves, size = min(found)
        everything = cells.values, cells.labels, cells.weights
        boosted = boost(classifier(leaves, size, cells.seed), *everything, rounds, SubProgress(progress, 0.8, 1.0))
    network, architecture = boosting_to_network(boosted, edges)
    chosen = ", chosen on the validation blocks" if cells.can_choose else ""
    text = f"{rounds} rounds of trees with at most {leaves} leaves of at least {size} cells{chosen}."
    return network, architecture, text


def bin_edges(values: np.ndarray) -> list[np.ndarray]:
    """Return for each channel of cells (cells, channels) the upper ends of all bins but the last, float32."""
    quantiles = np.quantile(values, np.arange(1, BINS) / BINS, axis=0).astype(np.float32)
    highest = values.max(axis=0)
    return [np.unique(quantiles[quantiles[:, channel] < top, channel]) for channel, top in enumerate(highest)]


def bin_numbers(values: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Return the bins of cells (cells, channels), float32: a value is at most the edge of its bin."""
    return np.stack([np.searchsorted(own, values[:, k]) for k, own in enumerate(edges)], axis=1).astype(np.float32)


def boosting_to_network(
    boosted: HistGradientBoostingClassifier, edges: list[np.ndarray] | None = None, rounds: int | None = None
) -> tuple[Any, dict]:
    """Return fitted boosted trees of the classes 0 and 1 as an equivalent network, and its architecture.

    With ``edges`` the trees were fitted to numbers of bins, and the network reads values. Only the first ``rounds``
    trees are taken, if given.
    """
    trees = [tree.nodes for (tree,) in boosted._predictors[:rounds]]
    sizes, nodes = [len(tree) for tree in trees], np.concatenate(trees)
    architecture = {
        "type": "boosted_trees",
        "channels": int(boosted.n_features_in_),
        "trees": len(trees),
        "nodes": len(nodes),
        "depth": int(nodes["depth"].max()),
    }
    network: Any = build_network(architecture)
    network.constant.fill_(float(np.ravel(boosted._baseline_prediction)[0]))
    names = {"feature": "feature_idx", "threshold": "num_threshold", "left": "left", "right": "right", "value": "value"}
    columns = {name: nodes[column].astype(np.float64) for name, column in names.items()}
    if edges is not None:
        channels, numbers = nodes["feature_idx"], np.floor(columns["threshold"]).astype(np.int64)
        for node in np.flatnonzero(nodes["is_leaf"] == 0):
            columns["threshold"][node] = edges[channels[node]][numbers[node]]
    fill_trees(network, sizes, columns)
    return network, architecture


def _lowest_loss(cells: TrainingCells, leaves: int, size: int, progress: Progress) -> tuple[float, int]:
    """Return the lowest loss on the validation cells, and after how many rounds it is reached."""
    known, unseen = ~cells.validation, cells.validation
    boosted, slide, weights = classifier(leaves, size, cells.seed), cells.labels[unseen], cells.weights[unseen]
    train = cells.values[known], cells.labels[known], cells.weights[known]
    for rounds in range(STEP, MAX_ROUNDS + 1, STEP):
        boost(boosted, *train, rounds, SubProgress(progress, (rounds - STEP) / MAX_ROUNDS, rounds / MAX_ROUNDS))
        # The logistic loss.
        logits = boosted.staged_decision_function(cells.values[unseen])
        losses = [np.average(np.logaddexp(0, logit) - slide * logit, weights=weights) for logit in logits]
        best = int(np.argmin(losses))
        if best < rounds - PATIENCE:
            break
    return float(losses[best]), best + 1


def classifier(leaves: int, size: int, seed: int) -> HistGradientBoostingClassifier:
    """Return boosted trees of so many leaves, of at least so many cells each, that can be continued."""
    return HistGradientBoostingClassifier(
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=leaves,
        min_samples_leaf=size,
        l2_regularization=L2,
        early_stopping=False,
        warm_start=True,
        random_state=seed,
    )


def boost(
    boosted: HistGradientBoostingClassifier,
    values: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    rounds: int,
    progress: Progress,
) -> HistGradientBoostingClassifier:
    """Continue up to a number of rounds."""
    done = getattr(boosted, "n_iter_", 0)
    for count in [*range(done + STEP, rounds, STEP), rounds]:
        stop_if_cancelled(progress)
        boosted.set_params(max_iter=count).fit(values, labels, sample_weight=weights)
        progress.report(count / rounds)
    return boosted
