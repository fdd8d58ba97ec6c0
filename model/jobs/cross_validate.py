"""Spatial cross validation of any kind of model: every cell predicted by a model that did not see its block."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classical.fit import fit_cell_model
from ..cluster.shared_storage import partial_results_folder
from ..history.writing import TrainingLog
from ..inputs.vectors import Landslides
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.run_record import RunRecord
from ..progress import NullProgress, Progress, SubProgress
from ..provenance.records import MEANING, MEANING_TAG, warn_stale_inputs
from ..tables import write_table
from ..training import settings as training_settings
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, fit_network, label_patches
from ..training.settings import CELL_KINDS, PCUM, TITLES, CrossValidationOptions, TrainingSettings, patch_cells
from ..validation import out_of_fold as oof
from ..validation.out_of_fold import EvaluationSample, FoldResult
from ..windows import collection
from ..windows import split as splits
from ..windows.cells import MAX_CELLS, sample_cells
from ..windows.ownership import find_ownership, report_unused
from . import sources_of
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
    rasters: splits.TrainingRasters
    plan: collection.WindowPlan
    scan: splits.LabelScan
    output: str | os.PathLike  # of the job, named in the histories
    side: int  # cells along the side of a window; 0 for kinds that learn from single cells
    max_windows: int


@dataclass
class _SplitResult:
    """Results of the folds of one split."""

    scores: list[FoldResult]
    epochs: list[tuple[int, int] | None]  # of networks: best epoch and number of epochs, by fold
    map: Path


def cross_validate(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    landslides: Landslides,
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
    settings = training_settings.enforce_kind_settings(kind, settings)
    if kind != PCUM:
        safety_factor = None
    check_writable(output, output_table)
    training_precision(settings.precision, choose_device(settings.device))
    inputs = sources_of(stack=stack, labels=labels, landslides=landslides, safety_factor=safety_factor)
    record = RunRecord("crossvalidate", {**options.record(), **settings.record()}, inputs)
    warn_stale_inputs({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, progress)
    if kind == PCUM:
        settings = shared.with_physics_setting(settings, safety_factor, progress)
    with (
        partial_results_folder(output) as folder,
        splits.open_training_rasters(stack, labels, safety_factor, progress) as rasters,
    ):
        grid = rasters.grid
        plan = shared.window_plan(kind, settings, grid.cell_size())
        blocks = splits.Blocks.for_grid(grid, settings.block)
        fine, side, count = splits.Blocks.of_cells(grid, grid.height, grid.width), 0, 0
        if kind not in CELL_KINDS:
            side, count = collection.window_capacity(grid, len(rasters.factors), plan, _WINDOW_COPIES)
            fine = collection.fine_blocks(grid, side)
        scan = splits.scan_labels(rasters, blocks, fine, settings.seed, SubProgress(progress, 0.0, 0.05))
        study = _Study(kind, settings, rasters, plan, scan, output, side, count)
        folds = splits.make_folds(blocks, scan.landslide, scan.labelled, options.folds, settings.seed)
        ownership = find_ownership(rasters.labels, grid, blocks, NullProgress())
        folds = dataclasses.replace(folds, ownership=ownership, buffer=settings.buffer)
        holding = int((scan.landslide > 0).sum())
        text = f"{options.folds} folds of blocks of {settings.block:g} m; {holding} blocks hold landslides."
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


def _random_patches(study: _Study, folds: int, progress: Progress) -> splits.Folds:
    """Return folds of patches assigned at random: of a few cells, or of those that a model predicts as a whole."""
    grid, seed = study.rasters.grid, study.settings.seed
    side = max(splits.MIN_RANDOM_PATCH_SIDE, patch_cells(study.kind, grid.cell_size()))
    blocks, whole = splits.Blocks.of_cells(grid, side, side), splits.Blocks.of_cells(grid, grid.height, grid.width)
    scan = splits.scan_labels(study.rasters, blocks, whole, seed, progress)
    return splits.make_folds(blocks, scan.landslide, scan.labelled, folds, seed)


def _evaluate_split(
    study: _Study, folds: splits.Folds, split: str, sample: EvaluationSample, folder: Path, progress: Progress
) -> _SplitResult:
    """Train, predict and evaluate all folds of one split."""
    maps = {fold: folder / f"fold{fold + 1}.tif" for fold in range(folds.count)}
    epochs = []
    # One after the other: forests are large, and one model at a time is enough.
    for fold, path in maps.items():
        part = SubProgress(progress, 0.96 * fold / folds.count, 0.96 * (fold + 1) / folds.count)
        epochs.append(_run_fold(study, folds, split, fold, path, part))
    meaning = f"{MEANING}; of each cell by a model that did not see its block"
    tags = {MEANING_TAG: meaning, "KIND": study.kind, "FOLDS": str(folds.count), "SPLIT": split}
    whole = folder / f"{split}.tif"
    oof.merge_folds(maps, folds, study.rasters.grid, whole, tags, SubProgress(progress, 0.96, 0.98))
    values = oof.sample_raster(whole, sample, SubProgress(progress, 0.98, 1.0))
    return _SplitResult(oof.score_folds(values, sample, folds), epochs, whole)


def _run_fold(
    study: _Study, folds: splits.Folds, split: str, fold: int, path: Path, progress: Progress
) -> tuple[int, int] | None:
    """Train without a fold and predict its cells to ``path``; return best epoch and number of epochs, of networks."""
    title = f"{fold + 1} of {folds.count}, {split} split"
    progress.report(0.0, f"Fold {title}.")
    head = study.kind, study.output, study.settings, progress
    with shared.start_training_log(*head, part=f"fold {title}") as log:
        excluding = folds.split_excluding(fold, study.settings.seed)
        report_unused(study.rasters.labels, study.rasters.grid, excluding, SubProgress(progress, 0.0, 0.0))
        fitted, settings = _fit(study, excluding, SubProgress(progress, 0.0, 0.85), log)
        log.finish(fitted.ended, fitted.metrics)
    model = shared.trained_model(study.kind, fitted, settings, study.rasters.grid, {})
    model.to(settings.device)
    oof.predict_fold(study.rasters.stack, model, folds, fold, path, SubProgress(progress, 0.85, 1.0))
    return (fitted.best_epoch, len(fitted.history)) if fitted.history else None


def _fit(
    study: _Study, split: splits.BlockSplit, progress: Progress, log: TrainingLog
) -> tuple[FittedNetwork, TrainingSettings]:
    rasters, settings, kind = study.rasters, study.settings, study.kind
    factors, cell = rasters.factors, rasters.grid.cell_size()
    if kind in CELL_KINDS:
        sample = sample_cells(rasters, split, MAX_CELLS, settings.seed, SubProgress(progress, 0.0, 0.3))
        return fit_cell_model(kind, sample, factors, settings, SubProgress(progress, 0.3, 1.0)), settings
    # Landslides of the held-out fold place no windows.
    cells, part = study.scan.cells, SubProgress(progress, 0.0, 0.05)
    learned_from = np.isin(split.groups_of(cells), (splits.TRAIN, splits.VALIDATION))
    scan = dataclasses.replace(study.scan, cells=cells[learned_from])
    origins = collection.place_windows(scan, study.side, study.max_windows, settings.seed)
    windows = collection.read_windows(rasters, origins, study.side, study.plan, None, part, assign_subsets=False)
    windows = label_patches(collection.split_windows(windows, split), patch_cells(kind, cell))
    if windows.safety is not None:
        shared.training_safety(windows)
    settings = shared.with_class_weight(settings, shared.describe_windows(windows)[splits.TRAIN], NullProgress())
    part = SubProgress(progress, 0.05, 1.0)
    return fit_network(windows, factors, settings, part, kind=kind, cell=cell, log=log), settings


def _summarise(spatial: _SplitResult, random: _SplitResult | None, folds: splits.Folds, grid: Any) -> CrossValidation:
    single = [row for row in spatial.scores if row.fold != oof.ALL]
    auc, random_auc = oof.mean_auc(spatial.scores), oof.mean_auc(random.scores) if random else None
    features = []
    for row, column in np.argwhere(folds.labelled > 0).tolist():
        fold, bounds = int(folds.subsets[row, column]), folds.blocks.bounds(grid, row, column)
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
