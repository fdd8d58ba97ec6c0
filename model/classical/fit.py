"""Fit and evaluate models of single cells, predict with them, and tell what they have learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from ..encoding import Encoding, FactorSpec, fit_factors
from ..errors import ParameterInvalid
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..training.fit import FittedNetwork
from ..training.settings import BOOSTING, CELL_KINDS, FOREST, GAM, REGRESSION, TrainingSettings, enforce_kind_settings
from ..windows.cells import CellSet
from ..windows.split import TEST, TRAIN, VALIDATION
from .additive import fit_additive
from .bivariate import NEUTRAL_WEIGHT, fit_tables
from .boosting import fit_boosting
from .sklearn_models import TrainingCells, fit_forest, fit_regression

CHUNK_CELLS = 8192  # cells between two checks for cancellation: a large forest takes a second for them
CURVE_POINTS = 101  # of a curve of the additive model
MAX_PERMUTED_CELLS = 3000  # of each class, for the permutation importance

Fit = Callable[[TrainingCells, Progress], tuple[Any, dict, str]]
SKLEARN_KINDS: dict[str, Fit] = {
    REGRESSION: fit_regression,
    FOREST: fit_forest,
    BOOSTING: fit_boosting,
    GAM: fit_additive,
}
"""Functions that fit the kinds of model of single cells that are no tables."""


def predict_logits(network: nn.Module, values: np.ndarray, progress: Progress) -> torch.Tensor:
    """Return the logit of landslide minus that of stable, one number per cell.

    The network is one of single cells on the CPU; ``values`` are encoded, float32 (cells, channels).
    """
    parts = [torch.zeros(0)]
    with torch.inference_mode():
        for start in range(0, len(values), CHUNK_CELLS):
            stop_if_cancelled(progress)
            image = torch.from_numpy(values[start : start + CHUNK_CELLS].T[None, :, :, None].copy())
            logits = network(image)[0, :, :, 0]
            parts.append(logits[1] - logits[0])
    return torch.cat(parts)


def fit_cell_model(
    kind: str,
    cells: CellSet,
    factors: Sequence[Any],
    settings: TrainingSettings,
    progress: Progress,
    specs: Sequence[FactorSpec] | None = None,
) -> FittedNetwork:
    """Fit a model on the training and validation cells, and evaluate it on the test cells.

    Validation cells choose the hyperparameters (C of the regression and of the additive model, by blocks of both
    subsets; leaf size of the forest; trees, leaves and leaf size of gradient boosting), and then serve for training
    too. The cells have physical values, in the order of the stack's ``factors``, whose means, deviations and classes
    are those of the training cells, unless ``specs`` gives them.
    Metrics refer to the whole area of the test blocks and are ``None`` without test cells; there is no history.

    Raises:
        ParameterInvalid: the kind is none of ``CELL_KINDS``.
    """
    if kind not in CELL_KINDS:
        raise ParameterInvalid(
            f'KIND is "{kind}", which does not learn from single cells. Choose one of: {", ".join(CELL_KINDS)}.'
        )
    settings = enforce_kind_settings(kind, settings)
    rows = cells.rows(TRAIN, VALIDATION)
    specs = fit_factors(factors, [cells.values[rows].T]) if specs is None else list(specs)
    for spec in specs:
        if spec.std == 0:
            progress.warn(f'The factor "{spec.name}" is constant in all training cells, so the model cannot use it.')
    encoding = Encoding(specs, settings.encoding)
    values, labels, area = encoded(encoding, cells.values[rows]), cells.labels[rows].astype(np.int64), cells.weights()
    weights = sample_weights(labels, area[rows], settings)
    stop_if_cancelled(progress)
    inner = SubProgress(progress, 0.02, 0.95)
    if kind in SKLEARN_KINDS:
        is_validation = cells.subsets[rows] == VALIDATION
        more = cells.groups[rows], is_validation, len(encoding.continuous), settings.seed
        training = TrainingCells(values, labels, weights, *more)
        network, architecture, summary = SKLEARN_KINDS[kind](training, inner)
    else:
        network, architecture, summary = fit_tables(kind, encoding, values, labels, area[rows], weights)
    progress.report(0.95, summary)
    test = cells.rows(TEST)
    scores = predict_logits(network, encoded(encoding, cells.values[test]), SubProgress(progress, 0.95, 1.0))
    metrics = cell_metrics(scores, cells.labels[test], area[test], settings)
    progress.report(1.0)
    return FittedNetwork(network.eval(), architecture, specs, [], 0, metrics, "cpu", "fp32")


def encoded(encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Return the channels, float32 (cells, channels), of physical values (cells, factors)."""
    image, _ = encoding.encode(np.ascontiguousarray(values.T)[:, :, None])
    return np.ascontiguousarray(image[:, :, 0].T)


def sample_weights(labels: np.ndarray, area: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Return the weight of each cell, float64 (cells,), from labels and the cells of the area that each represents.

    Without a ``weight_landslide`` the classes are balanced; else each cell of the area has its class's weight.
    """
    weights = area.astype(np.float64).copy()
    slide = labels == 1
    stable_sum, slide_sum = weights[~slide].sum(), weights[slide].sum()
    weights[slide] *= (settings.weight_landslide or 0.0) / settings.weight_stable or stable_sum / slide_sum
    return weights / weights.mean()


def cell_metrics(
    logits: torch.Tensor, labels: np.ndarray, area: np.ndarray, settings: TrainingSettings
) -> dict[str, float | None]:
    """Return loss, accuracy and recall over the area that the cells represent; ``None`` without both classes."""
    names = ("loss", "accuracy", "recall", "violation_rate", "best_epoch", "epochs")
    metrics: dict[str, float | None] = dict.fromkeys(names)
    if len(np.unique(labels)) == 2:
        probability = torch.sigmoid(logits.double()).numpy()
        weights = sample_weights(labels, area, settings)
        metrics["loss"] = float(log_loss(labels, probability, sample_weight=weights, labels=[0, 1]))
        metrics["accuracy"] = float(np.average((probability >= 0.5) == (labels == 1), weights=area))
        metrics["recall"] = float((probability >= 0.5)[labels == 1].mean())
    return metrics


def channel_names(encoding: Encoding) -> list[tuple[str, str]]:
    """Return factor and class of each channel; the class is empty unless the channel is a class."""
    sources = ((encoding.factors[index], code) for index, code in encoding.channel_sources)
    return [(spec.name, "" if code is None else spec.classes.get(code, f"code {code}")) for spec, code in sources]


def coefficients(network: Any, encoding: Encoding) -> list[tuple[str, str, float]]:
    """Return factor, class and coefficient of a logistic regression, largest magnitude first."""
    weights = network.layer.weight.detach().reshape(-1).tolist()
    rows = [(factor, name, weight) for (factor, name), weight in zip(channel_names(encoding), weights)]
    return sorted(rows, key=lambda row: -abs(row[2]))


def class_weight_rows(kind: str, network: Any, encoding: Encoding) -> list[tuple[str, str, float]]:
    """Return factor, class (or range of values) and weight of each table, in the order of the factors."""
    rows: list[tuple[str, str, float]] = []
    neutral, names = NEUTRAL_WEIGHT[kind], channel_names(encoding)
    for factor, index in enumerate(encoding.continuous):
        spec = encoding.factors[index]
        edges = np.unique(network.edges[factor].double().numpy()) if spec.std > 0 else np.empty(0)
        ends = [spec.minimum, *(edges * spec.std + spec.mean), spec.maximum]
        for low, high, weight in zip(ends, ends[1:], network.bins[factor].tolist()):
            rows.append((spec.name, f"{low:.4g} to {high:.4g}", weight + neutral))
    classes = network.classes.tolist()
    return rows + [(*names[network.continuous + place], weight + neutral) for place, weight in enumerate(classes)]


def class_contributions(network: Any, encoding: Encoding) -> list[tuple[str, str, float]]:
    """Return factor, class and what it adds to the logit of an additive model, in the order of the factors."""
    names = channel_names(encoding)[network.continuous :]
    return [(factor, name, weight) for (factor, name), weight in zip(names, network.classes.tolist())]


def contribution_curves(network: Any, encoding: Encoding) -> list[tuple[FactorSpec, np.ndarray, np.ndarray]]:
    """Return the continuous factors of an additive model, values over their ranges, and what these add to the logit.

    Factors without variation are left out, and so are components of embeddings, whose axes have no meaning. A range is
    that of training; a curve has ``CURVE_POINTS`` points, float64.
    """
    curves = []
    for factor, index in enumerate(encoding.continuous):
        spec = encoding.factors[index]
        if spec.std > 0 and spec.component is None:
            values = np.linspace(spec.minimum, spec.maximum, CURVE_POINTS)
            scores = torch.from_numpy(((values - spec.mean) / spec.std).astype(np.float32))
            curves.append((spec, values, network.contribution(factor, scores).double().numpy()))
    return curves


def additive_curves(curves: Any, encoding: Encoding) -> list[tuple[FactorSpec, np.ndarray, np.ndarray]]:
    """Return the same as :func:`contribution_curves` of the curves beside a network, each with a mean of 0."""
    result = []
    for factor, index in enumerate(encoding.continuous):
        spec = encoding.factors[index]
        if spec.std > 0 and spec.component is None:
            values = np.linspace(spec.minimum, spec.maximum, CURVE_POINTS)
            image = torch.zeros(1, curves.linear.weight.shape[1], 1, CURVE_POINTS)
            image[0, factor, 0] = torch.from_numpy((values - spec.mean) / spec.std)
            with torch.inference_mode():
                stable, slide = curves(image)[0, :, 0].double().numpy()
            result.append((spec, values, slide - stable - (slide - stable).mean()))
    return result


def permutation_importance(
    network: nn.Module, encoding: Encoding, values: np.ndarray, labels: np.ndarray, seed: int, progress: Progress
) -> list[tuple[str, float]]:
    """Return factor and drop in AUC when the values of the factor are permuted among the cells, largest first.

    The cells are not seen in training, and ``values`` are encoded, float32 (cells, channels). Without both labels, 1
    landslide and 0 stable, the result is empty.
    """
    generator = np.random.default_rng([seed, 7])
    drawn = [generator.permutation(np.flatnonzero(labels == label))[:MAX_PERMUTED_CELLS] for label in (0, 1)]
    chosen = np.sort(np.concatenate(drawn))
    values, labels = values[chosen], labels[chosen]
    if len(np.unique(labels)) < 2:
        return []
    baseline = _auc(network, values, labels, progress)
    names = np.array([encoding.factors[index].shown_name for index, _ in encoding.channel_sources])
    drops = []
    for name in dict.fromkeys(names):
        permuted, columns = values.copy(), names == name
        permuted[:, columns] = values[generator.permutation(len(values))][:, columns]
        drops.append((str(name), baseline - _auc(network, permuted, labels, progress)))
    return sorted(drops, key=lambda drop: -drop[1])


def _auc(network: nn.Module, values: np.ndarray, labels: np.ndarray, progress: Progress) -> float:
    return float(roc_auc_score(labels, predict_logits(network, values, progress).numpy()))
