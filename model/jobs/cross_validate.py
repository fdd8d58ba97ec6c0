"""Spatial cross validation of any kind of model: every cell predicted by a model that did not see its block."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classical.fit import fit_cell_model
from ..history.writing import TrainingLog
from ..inputs.vectors import Points, Polygons
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.run_record import RunRecord
from ..progress import NullProgress, Progress, SubProgress
from ..provenance.records import MEANING, MEANING_TAG, warn_stale_inputs
from ..tables import write_table
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, fit_network, label_patches
from ..training.settings import (
    CELL_KINDS,
    PCUM,
    TITLES,
    CrossValidationOptions,
    TrainingSettings,
    enforce_kind_settings,
    patch_cells,
)
from ..validation import out_of_fold as oof
from ..validation.out_of_fold import EvaluationSample, FoldResult
from ..windows.cells import MAX_CELLS, sample_cells
from ..windows.collection import (
    WindowPlan,
    WindowSet,
    fine_blocks,
    place_windows,
    read_windows,
    split_windows,
    window_capacity,
)
from ..windows.split import (
    MIN_RANDOM_PATCH_SIDE,
    TEST,
    TRAIN,
    Blocks,
    BlockSplit,
    Folds,
    LabelScan,
    TrainingRasters,
    make_folds,
    open_training_rasters,
    scan_labels,
)
from . import train_pcum as shared

SPATIAL, RANDOM = "spatial", "random"
COLUMNS = ("split", "fold", "landslides", "stable_cells", "auc", "auc_low", "auc_high", "best_epoch", "epochs")
_WINDOW_COPIES = 2  # a window on the border between training and validation is kept once for each


@dataclass
class FoldFeature:
    """One block for the layer of folds; bounds in map units."""

    left: float
    bottom: float
    right: float
    top: float
    fold: int  # from 1
    landslide_cells: int
    labelled_cells: int
    auc: float | None  # of the block's whole fold


@dataclass
class CrossValidation:
    """Result of a cross validation."""

    auc: float  # mean over the folds
    lowest: float  # AUC of the worst fold
    pooled: float  # AUC of the whole out-of-fold map
    random: float | None  # mean over the folds of a random split, if requested
    gap: float | None  # optimism of the random split: ``random`` − ``auc``
    folds: list[FoldResult]
    blocks: list[FoldFeature]


@dataclass(frozen=True)
class _Study:
    """What all folds share and none changes."""

    kind: str
    settings: TrainingSettings
    rasters: TrainingRasters
    plan: WindowPlan
    scan: LabelScan
    output: str | os.PathLike  # of the job, named in the histories
    side: int = 0  # cells along the side of a window; 0 for kinds that learn from single cells
    max_windows: int = 0


@dataclass(frozen=True)
class _FoldTask:
    """One fold of one split: trained and predicted on its own, so that folds could run side by side."""

    study: _Study
    folds: Folds
    split: str  # ``SPATIAL`` or ``RANDOM``
    fold: int  # from 0
    path: Path  # of the map to make, with no data outside the fold

    def run(self, progress: Progress) -> tuple[int, int] | None:
        """Train without the fold and predict it; return best epoch and number of epochs, of networks."""
        study = self.study
        title = f"{self.fold + 1} of {self.folds.count}, {self.split} split"
        progress.report(0.0, f"Fold {title}.")
        # Folds are compared, so none may be stopped early by hand.
        head = study.kind, study.output, study.settings, progress
        with shared.start_training_log(*head, part=f"fold {title}", stoppable=False) as log:
            split = self.folds.split_excluding(self.fold, study.settings.seed)
            fitted, settings = _fit(study, split, SubProgress(progress, 0.0, 0.85), log)
            log.finish(fitted.ended, fitted.metrics)
        model = shared.trained_model(study.kind, fitted, settings, study.rasters.grid, {})
        model.to(settings.device)
        oof.predict_fold(study.rasters.stack, model, self.folds, self.fold, self.path, SubProgress(progress, 0.85, 1.0))
        return (fitted.best_epoch, len(fitted.history)) if fitted.history else None


@dataclass
class _SplitResult:
    """Scores of the folds of one split; best epoch and number of epochs of each fold, of networks."""

    scores: list[FoldResult]
    epochs: list[tuple[int, int] | None]
    map: Path


def cross_validate(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    landslides: Points | Polygons,
    output: str | os.PathLike,
    *,
    options: CrossValidationOptions,
    settings: TrainingSettings,
    safety_factor: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    progress: Progress,
) -> CrossValidation:
    """Cross-validate a kind of model over spatial blocks.

    Each fold's blocks are predicted by a model trained on the others, of which a fifth serves for early stopping. With
    a random split the same is done with patches of a few cells, to show its optimism; for models that predict a patch
    as a whole these have its size. The outputs are written when all is done.

    Args:
        stack: factor stack.
        labels: label raster on its grid.
        landslides: inventory in the grid's CRS, at which the maps are evaluated; a cell counts once.
        output: the out-of-fold map, a GeoTIFF on the stack's grid.
        options: kind of model, number of folds, and whether to use a random split too, which takes as long again.
        settings: of the training; SPLIT does not apply.
        safety_factor: on the stack's grid; only PCUM uses it.
        output_table: CSV with one row per fold.

    Raises:
        ParameterInvalid: there is no such kind, or a setting does not fit the data.
        TooFewData: too few blocks with landslides, or no landslide on the map.
        GridMismatch: labels or safety factor lie on another grid.
        ScarpError: as for training and prediction.
    """
    kind = options.kind
    settings = enforce_kind_settings(kind, settings)
    if kind != PCUM:
        safety_factor = None
    for path in (output, output_table):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    inputs: dict[str, Any] = {"STACK": stack, "LABELS": labels}
    inputs.update(LANDSLIDES=landslides.source or landslides.name, SAFETY_FACTOR=safety_factor)
    record = RunRecord("crossvalidate", {**options.record(), **settings.record()}, inputs)
    warn_stale_inputs({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, progress)
    if kind == PCUM:
        settings = shared.with_physics_setting(settings, safety_factor, progress)
    with oof.temporary_folder_beside(output) as folder, open_training_rasters(stack, labels, safety_factor) as rasters:
        grid = rasters.grid
        study = _prepare(kind, settings, rasters, output, SubProgress(progress, 0.0, 0.05))
        landslide, blocks = study.scan.landslide, Blocks.for_grid(grid, settings.block)
        folds = make_folds(blocks, landslide, study.scan.labelled, options.folds, settings.seed)
        count = int((landslide > 0).sum())
        text = f"{options.folds} folds of blocks of {settings.block:g} m; {count} blocks hold landslides."
        progress.report(0.05, f"{TITLES[kind]}: {text}")
        sample = oof.draw_evaluation_sample(grid, labels, landslides, settings.seed, SubProgress(progress, 0.05, 0.07))
        end = 0.5 if options.random_split else 0.95
        spatial = _evaluate_split(study, folds, SPATIAL, sample, folder, SubProgress(progress, 0.07, end))
        random = None
        if options.random_split:
            patches = _random_patches(study, options.folds, SubProgress(progress, end, end + 0.02))
            part = SubProgress(progress, end + 0.02, 0.97)
            random = _evaluate_split(study, patches, RANDOM, sample, folder, part)
        # Not before: a run that fails or is cancelled leaves no map that looks finished.
        with atomic_output(output) as temporary:
            os.replace(spatial.map, temporary)
    result = _summarise(spatial, random, folds, grid)
    if output_table is not None:
        rows = [*_rows(SPATIAL, spatial), *(_rows(RANDOM, random) if random else ())]
        write_table(output_table, COLUMNS, rows)
    _report(result, progress)
    scores = {"auc": result.auc, "auc_lowest": result.lowest, "auc_pooled": result.pooled}
    metrics = {**scores, "auc_random": result.random, "gap": result.gap}
    record.write({"OUTPUT": output, "OUTPUT_TABLE": output_table}, seed=settings.seed, metrics=metrics)
    progress.report(1.0)
    return result


def _prepare(
    kind: str, settings: TrainingSettings, rasters: TrainingRasters, output: str | os.PathLike, progress: Progress
) -> _Study:
    grid = rasters.grid
    plan = shared.window_plan(kind, settings, grid.cell_size())
    fine, side, count = Blocks.of_cells(grid, grid.height, grid.width), 0, 0
    if kind not in CELL_KINDS:
        side, count = window_capacity(grid, len(rasters.factors), plan, _WINDOW_COPIES)
        fine = fine_blocks(grid, side)
    scan = scan_labels(rasters, Blocks.for_grid(grid, settings.block), fine, settings.seed, progress)
    return _Study(kind, settings, rasters, plan, scan, output, side, count)


def _random_patches(study: _Study, folds: int, progress: Progress) -> Folds:
    """Return folds of patches assigned at random: of a few cells, or of those that a model predicts as a whole."""
    grid, seed = study.rasters.grid, study.settings.seed
    side = max(MIN_RANDOM_PATCH_SIDE, patch_cells(study.kind, grid.cell_size()))
    blocks, whole = Blocks.of_cells(grid, side, side), Blocks.of_cells(grid, grid.height, grid.width)
    scan = scan_labels(study.rasters, blocks, whole, seed, progress)
    return make_folds(blocks, scan.landslide, scan.labelled, folds, seed)


def _evaluate_split(
    study: _Study, folds: Folds, split: str, sample: EvaluationSample, folder: Path, progress: Progress
) -> _SplitResult:
    """Train, predict and evaluate all folds of one split."""
    tasks = [_FoldTask(study, folds, split, fold, folder / f"fold{fold + 1}.tif") for fold in range(folds.count)]
    epochs = list(_run_tasks(tasks, SubProgress(progress, 0.0, 0.96)))
    meaning = f"{MEANING}; of each cell by a model that did not see its block"
    tags = {MEANING_TAG: meaning, "KIND": study.kind, "FOLDS": str(folds.count), "SPLIT": split}
    whole, maps = folder / f"{split}.tif", {task.fold: task.path for task in tasks}
    oof.merge_folds(maps, folds, study.rasters.grid, whole, tags, SubProgress(progress, 0.96, 0.98))
    values = oof.sample_raster(whole, sample, SubProgress(progress, 0.98, 1.0))
    return _SplitResult(oof.score_folds(values, sample, folds), epochs, whole)


def _run_tasks(tasks: list[_FoldTask], progress: Progress) -> Iterator[tuple[int, int] | None]:
    """Run folds one after the other: forests are large, and one model at a time is enough."""
    for number, task in enumerate(tasks):
        yield task.run(SubProgress(progress, number / len(tasks), (number + 1) / len(tasks)))


def _fit(
    study: _Study, split: BlockSplit, progress: Progress, log: TrainingLog
) -> tuple[FittedNetwork, TrainingSettings]:
    rasters, settings, kind = study.rasters, study.settings, study.kind
    factors, cell = rasters.factors, rasters.grid.cell_size()
    if kind in CELL_KINDS:
        cells = sample_cells(rasters, split, MAX_CELLS, settings.seed, SubProgress(progress, 0.0, 0.3))
        return fit_cell_model(kind, cells, factors, settings, SubProgress(progress, 0.3, 1.0)), settings
    windows = label_patches(_windows(study, split, SubProgress(progress, 0.0, 0.05)), patch_cells(kind, cell))
    if windows.safety is not None:
        shared.training_safety(windows)
    settings = shared.with_class_weight(settings, shared.describe_windows(windows)[TRAIN], NullProgress())
    part = SubProgress(progress, 0.05, 1.0)
    return fit_network(windows, factors, settings, part, kind=kind, cell=cell, log=log), settings


def _windows(study: _Study, split: BlockSplit, progress: Progress) -> WindowSet:
    """Read the windows of one fold's training; landslides of the held-out fold place no windows."""
    cells, blocks = study.scan.cells, split.blocks
    mine = split.subsets[cells[:, 0] // blocks.rows, cells[:, 1] // blocks.columns] != TEST
    scan = dataclasses.replace(study.scan, cells=cells[mine])
    origins = place_windows(scan, study.side, study.max_windows, study.settings.seed)
    windows = read_windows(study.rasters, origins, study.side, study.plan, None, progress, assign_subsets=False)
    return split_windows(windows, split)


def _summarise(spatial: _SplitResult, random: _SplitResult | None, folds: Folds, grid: Any) -> CrossValidation:
    single = [row for row in spatial.scores if row.fold != oof.ALL]
    auc, random_auc = oof.mean_auc(spatial.scores), oof.mean_auc(random.scores) if random else None
    features = []
    for row, column in np.argwhere(folds.labelled > 0).tolist():
        fold, bounds = int(folds.table[row, column]), folds.blocks.bounds(grid, row, column)
        counts = int(folds.landslide[row, column]), int(folds.labelled[row, column])
        value = single[fold].auc
        features.append(FoldFeature(*bounds, fold + 1, *counts, value if math.isfinite(value) else None))
    lowest = float(np.nanmin([row.auc for row in single]))
    gap = None if random_auc is None else random_auc - auc
    return CrossValidation(auc, lowest, spatial.scores[-1].auc, random_auc, gap, spatial.scores, features)


def _report(result: CrossValidation, progress: Progress) -> None:
    without = [row.fold for row in result.folds if not row.landslides]
    if without:
        progress.warn(
            f"No landslide of LANDSLIDES lies in these folds, so they do not count: {', '.join(without)}. Make FOLDS "
            "or BLOCK smaller."
        )
    text = f"Mean AUC over the folds {result.auc:.3f}, worst fold {result.lowest:.3f}, whole out-of-fold map "
    progress.report(0.98, f"{text}{result.pooled:.3f}.")
    if result.random is None or result.gap is None:
        return
    text = "no more than over blocks: neighbouring training cells do not favour this model."
    if result.gap > 0:
        reason = "because test cells are neighbours of training cells. In new areas expect the AUC of the blocks."
        text = f"{result.gap:.3f} more, {reason}"
    progress.report(0.98, f"With a random split the mean AUC is {result.random:.3f}, {text}")


def _rows(split: str, result: _SplitResult) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for row in result.scores:
        epochs = None if row.fold == oof.ALL else result.epochs[int(row.fold) - 1]
        numbers = row.landslides, row.stable, row.auc, row.low, row.high
        rows.append((split, row.fold, *numbers, *(epochs or (None, None))))
    return rows
