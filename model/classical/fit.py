"""From cells to a fitted model with its numbers: what all models of single cells share."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from ..encoding import Encoding, fit_factors
from ..errors import ParameterInvalid
from ..progress import Part, Progress, stop_if_cancelled
from ..training.fit import FittedNetwork
from ..training.kinds import CELL_KINDS, FOREST, REGRESSION, fitted_settings
from ..training.settings import TrainingSettings
from ..windows.cells import CellSet
from ..windows.reading import TEST, TRAIN, VALIDATION
from .answers import leanings
from .evidence import fit_tables
from .forest import fit_forest
from .regression import fit_regression


def fit_cells(kind: str, cells: CellSet, factors: Sequence[Any], settings: TrainingSettings, progress: Progress
              ) -> FittedNetwork:
    """Fit a model on the cells for training and validation, and measure it on those for test.

    Validation cells serve to choose what the method leaves open (C of the regression, by blocks of both; leaves of the
    forest), and then to fit as well: nothing else of these models needs them.

    Args:
        kind: ``logistic_regression``, ``random_forest``, ``frequency_ratio`` or ``weights_of_evidence``.
        cells: with physical values.
        factors: the stack's factors, in the order of the values.
        settings: give encoding, weights and seed; the encoding is ``one_hot`` for the last two kinds whatever it says.
        progress: 0 to 1 over the whole.

    Returns:
        The network on the CPU; ``metrics`` of the test cells are ``None`` where there are none, and as over the whole
        area of the test blocks, whatever the sample. There is no history.

    Raises:
        ParameterInvalid: the kind is not of single cells.
    """
    if kind not in CELL_KINDS:
        raise ParameterInvalid(f'KIND is "{kind}", which does not learn from single cells. Choose one of: '
                               f"{', '.join(CELL_KINDS)}.")
    settings = fitted_settings(kind, settings)
    rows = cells.rows(TRAIN, VALIDATION)
    specs = fit_factors(factors, [cells.values[rows].T])
    for spec in specs:
        if spec.std == 0:
            progress.warn(f'The factor "{spec.name}" has the same value in all training cells, so the model cannot '
                          "use it.")
    encoding = Encoding(specs, settings.encoding)
    values, labels, area = encoded(encoding, cells.values[rows]), cells.labels[rows].astype(np.int64), cells.weights()
    weights = class_weights(labels, area[rows], settings)
    stop_if_cancelled(progress)
    inner = Part(progress, 0.02, 0.95)
    if kind == REGRESSION:
        groups = None if cells.groups is None else cells.groups[rows]
        network, architecture, told = fit_regression(values, labels, weights, groups, inner)
    elif kind == FOREST:
        network, architecture, told = fit_forest(values, labels, weights, cells.subsets[rows] == VALIDATION,
                                                 settings.seed, inner)
    else:
        network, architecture, told = fit_tables(kind, encoding, values, labels, area[rows], weights)
    progress.report(0.95, told)
    tested = cells.rows(TEST)
    metrics = cell_metrics(network, encoded(encoding, cells.values[tested]), cells.labels[tested], area[tested],
                           settings, Part(progress, 0.95, 1.0))
    progress.report(1.0)
    return FittedNetwork(network.eval(), architecture, specs, [], 0, metrics, "cpu", "fp32")


def encoded(encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Return the channels of cells, float32 (cells, channels), of physical values (cells, factors)."""
    image, _ = encoding.encode(np.ascontiguousarray(values.T)[:, :, None])
    return np.ascontiguousarray(image[:, :, 0].T)


def class_weights(labels: np.ndarray, area: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Return how much each cell counts, float64 (cells,).

    Args:
        labels: (cells,): 1 landslide, 0 stable.
        area: how many cells of the area each cell stands for.
        settings: ``weight_landslide`` 0 lets both classes count the same; else each cell of the area counts as its
            class's weight says.
    """
    weights = area.astype(np.float64).copy()
    slide = labels == 1
    stable_sum, slide_sum = weights[~slide].sum(), weights[slide].sum()
    factor = settings.weight_landslide / settings.weight_stable or stable_sum / slide_sum
    weights[slide] *= factor
    return weights / weights.mean()


def cell_metrics(network: nn.Module, values: np.ndarray, labels: np.ndarray, area: np.ndarray,
                 settings: TrainingSettings, progress: Progress) -> dict[str, float | None]:
    """Return loss, accuracy, recall and AUC over the area that the cells stand for; ``None`` without both classes."""
    names = ("loss", "accuracy", "recall", "violation_rate", "auc", "best_epoch", "epochs")
    metrics: dict[str, float | None] = dict.fromkeys(names)
    if len(np.unique(labels)) < 2:
        return metrics
    share = torch.sigmoid(leanings(network, values, progress).double()).numpy()
    right = (share >= 0.5) == (labels == 1)
    metrics.update({
        "loss": float(log_loss(labels, share, sample_weight=class_weights(labels, area, settings), labels=[0, 1])),
        "accuracy": float(np.average(right, weights=area)), "recall": float(right[labels == 1].mean()),
        "auc": float(roc_auc_score(labels, share, sample_weight=area))})
    return metrics
