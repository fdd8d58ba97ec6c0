"""What a network of single cells says of many cells, in parts, so that a user who cancels need not wait for all.
From cells to a fitted model with its numbers: what all models of single cells share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from ..encoding import Encoding, fit_factors
from ..errors import ParameterInvalid
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..training.fit import FittedNetwork
from ..training.settings import CELL_KINDS, FOREST, REGRESSION, TrainingSettings, enforce_kind_settings
from ..windows.cells import CellSet
from ..windows.reading import TEST, TRAIN, VALIDATION
from .bivariate import fit_tables
from .logistic_regression import fit_regression
from .random_forest import fit_forest

CHUNK_CELLS = 8192
"""Cells between two looks at whether to stop: a large forest takes a second for them."""


def predict_logits(network: nn.Module, values: np.ndarray, progress: Progress) -> torch.Tensor:
    """Return by how much the logit of landslide is above that of stable, one number a cell.

    Args:
        network: of single cells, on the CPU.
        values: encoded, float32 (cells, channels).
        progress: asked whether to stop.

    Raises:
        Cancelled: by the user.
    """
    logit_parts = [torch.zeros(0)]
    with torch.inference_mode():
        for start in range(0, len(values), CHUNK_CELLS):
            stop_if_cancelled(progress)
            logits = network(torch.from_numpy(values[start : start + CHUNK_CELLS].T[None, :, :, None].copy()))[
                0, :, :, 0
            ]
            logit_parts.append(logits[1] - logits[0])
    return torch.cat(logit_parts)


def fit_cell_model(
    kind: str, cells: CellSet, factors: Sequence[Any], settings: TrainingSettings, progress: Progress
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
        raise ParameterInvalid(
            f'KIND is "{kind}", which does not learn from single cells. Choose one of: {", ".join(CELL_KINDS)}.'
        )
    settings = enforce_kind_settings(kind, settings)
    rows = cells.rows(TRAIN, VALIDATION)
    specs = fit_factors(factors, [cells.values[rows].T])
    for spec in specs:
        if spec.std == 0:
            progress.warn(
                f'The factor "{spec.name}" has the same value in all training cells, so the model cannot use it.'
            )
    encoding = Encoding(specs, settings.encoding)
    values, labels, area = encoded(encoding, cells.values[rows]), cells.labels[rows].astype(np.int64), cells.weights()
    weights = sample_weights(labels, area[rows], settings)
    stop_if_cancelled(progress)
    inner = SubProgress(progress, 0.02, 0.95)
    if kind == REGRESSION:
        groups = None if cells.groups is None else cells.groups[rows]
        network, architecture, summary = fit_regression(values, labels, weights, groups, inner)
    elif kind == FOREST:
        network, architecture, summary = fit_forest(
            values, labels, weights, cells.subsets[rows] == VALIDATION, settings.seed, inner
        )
    else:
        network, architecture, summary = fit_tables(kind, encoding, values, labels, area[rows], weights)
    progress.report(0.95, summary)
    tested = cells.rows(TEST)
    metrics = cell_metrics(
        network,
        encoded(encoding, cells.values[tested]),
        cells.labels[tested],
        area[tested],
        settings,
        SubProgress(progress, 0.95, 1.0),
    )
    progress.report(1.0)
    return FittedNetwork(network.eval(), architecture, specs, [], 0, metrics, "cpu", "fp32")


def encoded(encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Return the channels of cells, float32 (cells, channels), of physical values (cells, factors)."""
    image, _ = encoding.encode(np.ascontiguousarray(values.T)[:, :, None])
    return np.ascontiguousarray(image[:, :, 0].T)


def sample_weights(labels: np.ndarray, area: np.ndarray, settings: TrainingSettings) -> np.ndarray:
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


def cell_metrics(
    network: nn.Module,
    values: np.ndarray,
    labels: np.ndarray,
    area: np.ndarray,
    settings: TrainingSettings,
    progress: Progress,
) -> dict[str, float | None]:
    """Return loss, accuracy, recall and AUC over the area that the cells stand for; ``None`` without both classes."""
    names = ("loss", "accuracy", "recall", "violation_rate", "auc", "best_epoch", "epochs")
    metrics: dict[str, float | None] = dict.fromkeys(names)
    if len(np.unique(labels)) < 2:
        return metrics
    share = torch.sigmoid(predict_logits(network, values, progress).double()).numpy()
    right = (share >= 0.5) == (labels == 1)
    metrics.update(
        {
            "loss": float(log_loss(labels, share, sample_weight=sample_weights(labels, area, settings), labels=[0, 1])),
            "accuracy": float(np.average(right, weights=area)),
            "recall": float(right[labels == 1].mean()),
            "auc": float(roc_auc_score(labels, share, sample_weight=area)),
        }
    )
    return metrics
