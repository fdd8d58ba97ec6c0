"""Models of single cells in the folds of a training by cross-fitting: one without each fold, and one of all land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..encoding import ONE_HOT, Encoding, FactorSpec
from ..labels import UNKNOWN
from ..progress import Progress, SubProgress
from ..training.fit import FittedNetwork
from ..training.settings import TrainingSettings
from ..windows.cells import CellSet
from ..windows.folded_cells import FoldedCells
from ..windows.split import SUBSETS, TEST, TRAIN, VALIDATION
from .fit import encoded, fit_cell_model, predict_logits

_MIN_FOLDS_TO_CHOOSE = 3  # with fewer, a fold leaves no other one to choose hyperparameters by


@dataclass
class FoldedFit:
    """A model of all land, those of the folds, and the logits of the sampled cells, float64 (cells,)."""

    fitted: FittedNetwork
    of_folds: list[Any]
    out_of_fold: np.ndarray  # by the model that did not see the cell's fold; NaN where no fold holds it out
    on_training: np.ndarray  # by the model of all land


def fit_by_folds(
    kind: str,
    cells: FoldedCells,
    widths: Sequence[int],
    specs: Sequence[FactorSpec],
    settings: TrainingSettings,
    progress: Progress,
) -> FoldedFit:
    """Fit one of ``CELL_KINDS`` on the land outside each fold, and on all land.

    Hyperparameters of each are chosen on one of the folds that it learns from, or for regressions by blocks of all of
    them. All have the channels of ``specs``, with classes one-hot.

    Args:
        widths: columns of the grid of each area.
        specs: statistics and classes of the factors, from all land.
        settings: seed and weights.
    """
    encoding, labelled = Encoding(specs, ONE_HOT), cells.labels != UNKNOWN
    values, groups, folds = encoded(encoding, cells.values), _groups(cells, widths), len(cells.roles)
    fold_of = np.full(len(cells.labels), -1, dtype=np.int64)
    for fold, roles in enumerate(cells.roles):
        fold_of[roles == TEST] = fold
    out_of_fold, networks = np.full(len(cells.labels), np.nan), []
    for model in range(folds + 1):
        whole = model == folds
        part = SubProgress(progress, model / (folds + 1), (model + 1) / (folds + 1))
        rows = np.flatnonzero(labelled if whole else labelled & (cells.roles[model] == TRAIN))
        subsets = np.full(len(rows), TRAIN, dtype=np.uint8)
        if whole or folds >= _MIN_FOLDS_TO_CHOOSE:
            subsets[fold_of[rows] == (model + 1) % folds] = VALIDATION
        learned = CellSet(
            values=cells.values[rows],
            labels=cells.labels[rows],
            subsets=subsets,
            groups=groups[rows],
            totals=np.zeros((len(SUBSETS), 2), dtype=np.int64),
            places=cells.places[rows],
            stands_for=cells.counts[rows],
        )
        # What is chosen in each fold is no news; warnings are those of the training of PCUM.
        told = SubProgress(part, 0.0, 0.9) if whole else _Quiet(part, 0.0, 0.9)
        fitted = fit_cell_model(kind, learned, specs, settings, told, specs)
        mine = np.arange(len(values)) if whole else np.flatnonzero(fold_of == model)
        logits = predict_logits(fitted.network, values[mine], SubProgress(part, 0.9, 1.0)).double().numpy()
        if not whole:
            networks.append(fitted.network)
            out_of_fold[mine] = logits
    return FoldedFit(fitted, networks, out_of_fold, logits)


def _groups(cells: FoldedCells, widths: Sequence[int]) -> np.ndarray:
    """Return the number of the block of each cell, int32 (cells,)."""
    result, first = np.zeros(len(cells.labels), dtype=np.int32), 0
    for area, (land, width) in enumerate(zip(cells.lands, widths)):
        blocks, mine = land.held_out.blocks, cells.areas == area
        row, column = np.divmod(cells.places[mine], width)
        down, across = blocks.shape
        result[mine] = first + (row // blocks.rows) * across + column // blocks.columns
        first += down * across
    return result


class _Quiet(SubProgress):
    """Reports no texts and no warnings."""

    def report(self, fraction: float, text: str = "") -> None:
        """Report the share alone."""
        super().report(fraction)

    def warn(self, text: str) -> None:
        """Say nothing."""
