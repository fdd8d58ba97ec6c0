"""What a model of single cells has learned, in tables that a person can read."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score
from torch import nn

from ..encoding import ONE_HOT, Encoding
from ..progress import Progress
from .bivariate import NEUTRAL_WEIGHT
from .fit import predict_logits

MAX_CELLS = 3000
"""Of each class, for the worth of factors."""


def channel_names(encoding: Encoding) -> list[tuple[str, str]]:
    """Return factor and class of each channel; the class is empty where the channel is no class."""
    names = [(encoding.factors[index].name, "") for index in encoding.continuous]
    for index in encoding.categorical:
        spec = encoding.factors[index]
        names += (
            [(spec.name, spec.classes.get(code, f"code {code}")) for code in spec.seen]
            if encoding.mode == ONE_HOT
            else [(spec.name, "")]
        )
    return names


def coefficients(network: nn.Module, encoding: Encoding) -> list[tuple[str, str, float]]:
    """Return factor, class and coefficient of a logistic regression, strongest first."""
    weights = network.layer.weight.detach().reshape(-1).tolist()
    rows = [(factor, name, weight) for (factor, name), weight in zip(channel_names(encoding), weights)]
    return sorted(rows, key=lambda row: -abs(row[2]))


def class_weight_rows(kind: str, network: nn.Module, encoding: Encoding) -> list[tuple[str, str, float]]:
    """Return factor, class (or range of values) and weight of each table, in the order of the factors."""
    rows, neutral, names = [], NEUTRAL_WEIGHT[kind], channel_names(encoding)
    for factor, index in enumerate(encoding.continuous):
        spec = encoding.factors[index]
        edges = np.unique(network.edges[factor].double().numpy()) if spec.std > 0 else np.empty(0)
        ends = [spec.minimum, *(edges * spec.std + spec.mean), spec.maximum]
        weights = network.bins[factor].tolist()
        rows += [
            (spec.name, f"{ends[place]:.4g} to {ends[place + 1]:.4g}", weights[place] + neutral)
            for place in range(len(edges) + 1)
        ]
    classes = network.classes.tolist()
    return rows + [(*names[network.continuous + place], weight + neutral) for place, weight in enumerate(classes)]


def permutation_importance(
    network: nn.Module, encoding: Encoding, values: np.ndarray, labels: np.ndarray, seed: int, progress: Progress
) -> list[tuple[str, float]]:
    """Return by how much the AUC falls when the values of one factor are shuffled among the cells, largest first.

    Args:
        network: of single cells, on the CPU.
        encoding: of its factors.
        values: encoded, float32 (cells, channels); cells that training never saw.
        labels: (cells,): 1 landslide, 0 stable.
        seed: of the shuffling.
        progress: asked whether to stop.

    Returns:
        Factor and fall, empty when one of the classes is missing.
    """
    generator = np.random.default_rng([seed, 7])
    chosen = np.sort(
        np.concatenate([generator.permutation(np.flatnonzero(labels == label))[:MAX_CELLS] for label in (0, 1)])
    )
    values, labels = values[chosen], labels[chosen]
    if len(np.unique(labels)) < 2:
        return []
    baseline = _auc(network, values, labels, progress)
    names = np.array([factor for factor, _ in channel_names(encoding)])
    drops = []
    for name in dict.fromkeys(names):
        shuffled, columns = values.copy(), names == name
        shuffled[:, columns] = values[generator.permutation(len(values))][:, columns]
        drops.append((str(name), baseline - _auc(network, shuffled, labels, progress)))
    return sorted(drops, key=lambda drop: -drop[1])


def _auc(network: nn.Module, values: np.ndarray, labels: np.ndarray, progress: Progress) -> float:
    return float(roc_auc_score(labels, predict_logits(network, values, progress).numpy()))
