"""One fold of a cross validation: trained without it, predicted with it; here, in another process or on a cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..classical.fit import fit_cell_model
from ..grid import Grid
from ..history.writing import TrainingLog
from ..progress import NullProgress, Progress, SubProgress
from ..threads import limited_to
from ..training.automatic import with_class_weight
from ..training.fit import FittedNetwork, fit_network, label_patches
from ..training.reduced import reduce_cells, reduce_windows
from ..training.settings import CELL_KINDS, CROSS_FITTED, TrainingSettings, patch_cells
from ..windows import collection
from ..windows import split as splits
from ..windows.cells import MAX_CELLS, sample_cells
from ..windows.ownership import Ownership, report_unused
from ..windows.unused_cells import SparseCells
from . import train_pcum as shared
from .cross_fitted import fit_outside
from .fold_runner import Study
from .physics import training_safety
from .trained_on import describe_windows


@dataclass(frozen=True)
class FoldStudy(Study):
    """What all folds of one split share."""

    stack: str
    labels: str
    safety_factor: str | None
    blocks: tuple[int, int]  # rows and columns of a block
    subsets: np.ndarray  # with the next two the fields of ``Folds``
    landslide: np.ndarray
    labelled: np.ndarray
    ownership: Mapping[str, Any] | None  # its fields
    fine_blocks: tuple[int, int]  # with the next two the fields of ``LabelScan``
    fine_labelled: np.ndarray
    cells: np.ndarray
    side: int  # cells along the side of a window; 0 for kinds that learn from single cells
    max_windows: int
    names: list[str] = field(default_factory=list)  # of the folds; empty for numbers
    group: tuple[int, int] = (1, 1)  # with the next one fields of ``Folds``
    hidden: np.ndarray | None = None

    def folds(self, grid: Grid) -> splits.Folds:
        """Return the folds."""
        blocks = splits.Blocks.of_cells(grid, *self.blocks)
        ownership = None if self.ownership is None else Ownership(grid, blocks, **self.ownership)
        tables = self.subsets, self.landslide, self.labelled, self.count
        hidden = None if self.hidden is None else SparseCells(self.hidden, grid.width)
        # Where no land is held out there is nothing to keep away from.
        buffer = self.settings.buffer if hidden is None else 0.0
        return splits.Folds(blocks, *tables, ownership, buffer, self.group, hidden)

    def scan(self, grid: Grid) -> splits.LabelScan:
        """Return the label scan."""
        fine = splits.Blocks.of_cells(grid, *self.fine_blocks)
        return splits.LabelScan(grid, self.landslide, self.labelled, fine, self.fine_labelled, self.cells)

    def title(self, fold: int) -> str:
        """Return a fold in words."""
        number = str(fold + 1)
        name = self.names[fold] if self.names else number
        return f"{super().title(fold)}, {self.split} split{'' if name == number else f', {name}'}"


def cross_validate_fold(
    study: Mapping[str, Any], fold: int, *, threads: int | None = 1, progress: Progress
) -> list[int] | None:
    """Train without a fold and predict its cells.

    Numbers depend on the seed alone and not on who else computes: by default everything runs on one thread, because
    sums differ in their last digits with the number of threads.

    Args:
        study: the fields of :class:`FoldStudy`.
        fold: from 0.
        threads: ``None`` for those of any training.

    Returns best epoch and number of epochs of a network, ``None`` for other kinds. Raises errors as training and
    prediction do.
    """
    work = FoldStudy(**study)
    # What is odd about the inputs was said when the study began.
    opened = splits.open_training_rasters(work.stack, work.labels, work.safety_factor, NullProgress())
    with limited_to(threads), opened as rasters:
        folds = work.folds(rasters.grid)
        with work.training_log(fold, progress) as log:
            fitted, settings = _fit(work, rasters, folds, fold, SubProgress(progress, 0.0, 0.85), log)
            log.finish(fitted.ended, fitted.metrics)
        model = shared.trained_model(work.kind, fitted, settings, rasters.grid, {})
        work.predict(fold, model, rasters.stack, folds, fold, SubProgress(progress, 0.85, 1.0))
    return [fitted.best_epoch, len(fitted.history)] if fitted.best_epoch else None


def _fit(
    work: FoldStudy,
    rasters: splits.TrainingRasters,
    folds: splits.Folds,
    fold: int,
    progress: Progress,
    log: TrainingLog,
) -> tuple[FittedNetwork, TrainingSettings]:
    """Train on the other folds. All that is chosen is chosen there: early stopping, hyperparameters, class weight."""
    kind, settings = work.kind, work.settings
    if settings.method == CROSS_FITTED:
        return fit_outside(rasters, folds, fold, settings, progress, log), settings
    split, factors, cell = folds.split_excluding(fold, settings.seed), rasters.factors, rasters.grid.cell_size()
    if folds.hidden is None:
        report_unused(rasters.labels, rasters.grid, split, SubProgress(progress, 0.0, 0.0))
    else:
        cells = f"{len(folds.hidden):,} landslide cells of no earlier landslide"
        progress.report(0.0, f"Set aside: {cells}; they are unknown in training.")
    if kind in CELL_KINDS:
        sample = sample_cells(rasters, split, MAX_CELLS, settings.seed, SubProgress(progress, 0.0, 0.3))
        sample, factors = reduce_cells(sample, factors, settings, SubProgress(progress, 0.3, 0.3))
        return fit_cell_model(kind, sample, factors, settings, SubProgress(progress, 0.3, 1.0)), settings
    # Landslides of the held-out fold place no windows.
    scan, part = work.scan(rasters.grid), SubProgress(progress, 0.0, 0.05)
    learned_from = np.isin(split.groups_of(scan.cells), (splits.TRAIN, splits.VALIDATION))
    scan = dataclasses.replace(scan, cells=scan.cells[learned_from])
    origins = collection.place_windows(scan, work.side, work.max_windows, settings.seed)
    plan = shared.window_plan(kind, settings, cell)
    windows = collection.read_windows(rasters, origins, work.side, plan, None, part, assign_subsets=False)
    windows = label_patches(collection.split_windows(windows, split), patch_cells(kind, cell))
    windows, factors = reduce_windows(windows, factors, settings, SubProgress(progress, 0.05, 0.05))
    if windows.safety is not None:
        training_safety(windows)
    train = describe_windows(windows)[splits.TRAIN]
    settings = with_class_weight(settings, train["stable_cells"], train["landslide_cells"], NullProgress())
    part = SubProgress(progress, 0.05, 1.0)
    return fit_network(windows, factors, settings, part, kind=kind, cell=cell, log=log), settings
