"""Spatial cross validation of any kind of model: every cell predicted by a model that did not see its block."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from ..classical.fit import fit_cell_model
from ..errors import ParameterInvalid
from ..history.writing import TrainingLog
from ..inputs.vectors import Points, Polygons
from ..outputs.atomic import RunRecord, atomic_output, check_writable
from ..progress import NullProgress, Progress, SubProgress
from ..provenance.lineage import warn_stale_inputs
from ..provenance.map_tags import MEANING, MEANING_TAG
from ..stack import Stack, open_stack
from ..tables import write_table
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, fit_network, label_patches
from ..training.settings import (
    CELL_KINDS,
    PATCH_KINDS,
    PCUM,
    TITLES,
    TrainingSettings,
    enforce_kind_settings,
    parameter_name,
    patch_cells,
    window_alignment,
)
from ..validation.fold_scores import (
    ALL,
    EvaluationSample,
    FoldResult,
    draw_evaluation_sample,
    mean_auc,
    sample_raster,
    score_folds,
)
from ..validation.out_of_fold import merge_folds, predict_fold, temporary_folder_beside
from ..windows.cells import MAX_CELLS, sample_cells
from ..windows.collection import fine_blocks, place_windows, window_capacity
from ..windows.folds import MIN_RANDOM_PATCH_SIDE, Folds, make_folds, split_windows
from ..windows.reading import TEST, TRAIN, WindowSet, read_windows
from ..windows.scan import LabelScan, survey
from ..windows.split import Blocks, BlockSplit
from .train_pcum import with_physics_setting
from .training_run import (
    describe_windows,
    open_on_grid,
    safety_factor_mask,
    start_training_log,
    trained_model,
    with_class_weight,
)

SPATIAL, RANDOM = "spatial", "random"
COLUMNS = ("split", "fold", "landslides", "stable_cells", "auc", "auc_low", "auc_high", "best_epoch", "epochs")
MIN_FOLDS, MAX_FOLDS = 2, 50
_BORDER_COPIES = 2
"""A window on the border between two parts of the land is kept once for each."""


@dataclass
class FoldFeature:
    """One block for the layer of folds; bounds in map units."""

    left: float
    bottom: float
    right: float
    top: float
    fold: int
    """From 1."""
    landslide_cells: int
    labelled_cells: int
    auc: float | None
    """Of the block's whole fold."""


@dataclass
class CrossValidation:
    """What a cross validation found."""

    auc: float
    """Mean over the folds."""
    lowest: float
    """AUC of the worst fold."""
    pooled: float
    """AUC of the whole out-of-fold map."""
    random: float | None
    """Mean over the folds of a random split; ``None`` when it was not asked for."""
    gap: float | None
    """By how much the random split flatters: ``random`` − ``auc``."""
    folds: list[FoldResult]
    blocks: list[FoldFeature]


@dataclass
class _FoldContext:
    """What the steps hand on."""

    kind: str
    settings: TrainingSettings
    stack: Stack
    labels: rasterio.DatasetReader
    safety: rasterio.DatasetReader | None
    found: LabelScan
    side: int = 0
    """Cells along the side of a window; 0 for kinds that learn from single cells."""
    most: int = 0
    """Windows at most."""
    output: str | os.PathLike = ""
    """The map to make."""


def cross_validate(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    landslides: Points | Polygons,
    output: str | os.PathLike,
    *,
    kind: str,
    settings: TrainingSettings,
    folds: int,
    safety_factor: str | os.PathLike | None = None,
    random_split: bool = True,
    output_table: str | os.PathLike | None = None,
    progress: Progress,
) -> CrossValidation:
    """Cross-validate a kind of model over blocks of land.

    Each fold's blocks are predicted by a model trained on the others, of which a fifth decides when training stops.
    The same is done with patches of a few cells shared out at random, to show by how much a random split flatters; for
    models that judge a patch of land as a whole these are of its size. The outputs are written when all is done.

    Args:
        stack: factor stack.
        labels: label raster on its grid.
        landslides: inventory in the grid's CRS, at which the maps are judged; a cell counts once.
        output: the out-of-fold map, a GeoTIFF on the stack's grid.
        kind: one of ``KINDS``.
        settings: of the training; SPLIT does not apply.
        folds: how many.
        safety_factor: on the stack's grid; only PCUM reads it.
        random_split: whether to do the same with a random split; takes as long again.
        output_table: CSV with one row a fold.
        progress: hears how far it is.

    Raises:
        ParameterInvalid: there is no such kind, FOLDS is out of its range, or a setting does not fit the data.
        TooFewData: too few blocks with landslides, or no landslide on the map.
        GridMismatch: labels or safety factor lie on another grid.
        ScarpError: as for training and prediction.
    """
    settings = enforce_kind_settings(kind, settings)
    if kind != PCUM:
        safety_factor = None
    if not MIN_FOLDS <= folds <= MAX_FOLDS:
        raise ParameterInvalid(f"FOLDS is {folds}, but must lie between {MIN_FOLDS} and {MAX_FOLDS}.")
    for path in (output, output_table):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    requested_settings = {parameter_name(name): value for name, value in settings.as_dict().items()}
    record = RunRecord(
        "crossvalidate",
        {"KIND": kind, "FOLDS": folds, "RANDOM_SPLIT": random_split, **requested_settings},
        {
            "STACK": stack,
            "LABELS": labels,
            "LANDSLIDES": landslides.source or landslides.name,
            "SAFETY_FACTOR": safety_factor,
        },
    )
    warn_stale_inputs({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, progress)
    if kind == PCUM:
        settings = with_physics_setting(settings, safety_factor, progress)
    with (
        temporary_folder_beside(output) as folder,
        open_stack(stack) as opened,
        open_on_grid(labels, "label", opened) as raster,
        open_on_grid(safety_factor, "safety factor", opened) as safety_raster,
    ):
        grid = opened.grid
        blocks = Blocks.of(grid, settings.block)
        context = _prepare(kind, settings, opened, raster, safety_raster, blocks, SubProgress(progress, 0.0, 0.05))
        context.output = output
        spatial = make_folds(blocks, context.found.landslide, context.found.labelled, folds, settings.seed)
        progress.report(
            0.05,
            f"{TITLES[kind]}: {folds} folds of blocks of {settings.block:g} m; "
            f"{int((context.found.landslide > 0).sum())} blocks hold landslides.",
        )
        sample = draw_evaluation_sample(grid, labels, landslides, settings.seed, SubProgress(progress, 0.05, 0.07))
        end = 0.5 if random_split else 0.95
        results, epochs = _evaluate_split(context, spatial, SPATIAL, sample, folder, SubProgress(progress, 0.07, end))
        compared: list[FoldResult] = []
        if random_split:
            patches = _patches(context, folds, SubProgress(progress, end, end + 0.02))
            compared, others = _evaluate_split(
                context, patches, RANDOM, sample, folder, SubProgress(progress, end + 0.02, 0.97)
            )
            epochs |= others
        # Not before: a run that fails or is cancelled leaves no map that looks finished.
        with atomic_output(output) as temporary:
            os.replace(_map_of(SPATIAL, folder), temporary)
    summary = _summary(results, compared, spatial, grid)
    if output_table is not None:
        write_table(
            output_table,
            COLUMNS,
            _rows([*((SPATIAL, row) for row in results), *((RANDOM, row) for row in compared)], epochs),
        )
    without = [row.fold for row in results if not row.landslides]
    if without:
        progress.warn(
            f"No landslide of LANDSLIDES lies in these folds, so they do not count: {', '.join(without)}. "
            "Make FOLDS or BLOCK smaller."
        )
    progress.report(
        0.98,
        f"Mean AUC over the folds {summary.auc:.3f}, worst fold {summary.lowest:.3f}, whole "
        f"out-of-fold map {summary.pooled:.3f}.",
    )
    if summary.random is not None and summary.gap is not None:
        progress.report(
            0.98,
            f"With a random split the mean AUC is {summary.random:.3f}, "
            + (
                f"{summary.gap:.3f} more, because it judges neighbours of training cells. On new land "
                "expect the figure of the blocks."
                if summary.gap > 0
                else "no more than over blocks: neighbours of training cells do not flatter this model."
            ),
        )
    record.write(
        {"OUTPUT": output, "OUTPUT_TABLE": output_table},
        seed=settings.seed,
        metrics={
            "auc": summary.auc,
            "auc_lowest": summary.lowest,
            "auc_pooled": summary.pooled,
            "auc_random": summary.random,
            "gap": summary.gap,
        },
    )
    progress.report(1.0)
    return summary


def _prepare(
    kind: str,
    settings: TrainingSettings,
    stack: Stack,
    labels: rasterio.DatasetReader,
    safety: rasterio.DatasetReader | None,
    blocks: Blocks,
    progress: Progress,
) -> _FoldContext:
    """Survey the area."""
    grid = stack.grid
    if kind in CELL_KINDS:
        fine = Blocks(grid.height, grid.width, (1, 1))
        return _FoldContext(
            kind, settings, stack, labels, safety, survey(stack, labels, blocks, fine, settings.seed, progress)
        )
    side, most = window_capacity(
        stack, settings.window, window_alignment(kind, settings, grid.cell_size()), _min_windows(kind), _BORDER_COPIES
    )
    found = survey(stack, labels, blocks, fine_blocks(grid, side), settings.seed, progress)
    return _FoldContext(kind, settings, stack, labels, safety, found, side, most)


def _patches(context: _FoldContext, folds: int, progress: Progress) -> Folds:
    """Return folds of patches shared out at random: of a few cells, or of the land that a model judges as a whole."""
    grid, seed = context.stack.grid, context.settings.seed
    side = max(MIN_RANDOM_PATCH_SIDE, patch_cells(context.kind, grid.cell_size()))
    blocks = Blocks(side, side, (-(-grid.height // side), -(-grid.width // side)))
    found = survey(context.stack, context.labels, blocks, Blocks(grid.height, grid.width, (1, 1)), seed, progress)
    return make_folds(blocks, found.landslide, found.labelled, folds, seed)


def _evaluate_split(
    context: _FoldContext, folds: Folds, split: str, sample: EvaluationSample, folder: Path, progress: Progress
) -> tuple[list[FoldResult], dict[tuple[str, int], tuple[int, int]]]:
    """Train, predict and judge all folds of one split; its map lies in the folder at the end.

    Returns:
        The rows of the table; best epoch and epochs by split and fold, of networks.
    """
    # Not the models: forests are large, and one at a time is enough.
    maps, epochs = {}, {}
    for fold in range(folds.count):
        part = SubProgress(progress, 0.96 * fold / folds.count, 0.96 * (fold + 1) / folds.count)
        part.report(0.0, f"Fold {fold + 1} of {folds.count}, {split} split.")
        # Folds are compared, so none may be ended before its time.
        with start_training_log(
            context.kind,
            context.output,
            context.settings,
            part,
            part=f"fold {fold + 1} of {folds.count}, {split} split",
            stoppable=False,
        ) as log:
            fitted, settings = _fit(
                context, folds.split_excluding(fold, context.settings.seed), SubProgress(part, 0.0, 0.85), log
            )
            log.finish(fitted.ended, fitted.metrics)
        maps[fold] = folder / f"fold{fold + 1}.tif"
        model = trained_model(context.kind, fitted, settings, context.stack.grid, {})
        model.to(settings.device)
        predict_fold(context.stack, model, folds, fold, maps[fold], SubProgress(part, 0.85, 1.0))
        if fitted.history:
            epochs[split, fold] = fitted.best_epoch, len(fitted.history)
    tags = {
        MEANING_TAG: f"{MEANING}; of each cell by a model that did not see its block",
        "KIND": context.kind,
        "FOLDS": str(folds.count),
        "SPLIT": split,
    }
    whole = _map_of(split, folder)
    merge_folds(maps, folds, context.stack.grid, whole, tags, SubProgress(progress, 0.96, 0.98))
    return score_folds(sample_raster(whole, sample, SubProgress(progress, 0.98, 1.0)), sample, folds), epochs


def _map_of(split: str, folder: Path) -> Path:
    return folder / f"{split}.tif"


def _fit(
    context: _FoldContext, split: BlockSplit, progress: Progress, log: TrainingLog
) -> tuple[FittedNetwork, TrainingSettings]:
    factors, settings, cell = context.stack.factors, context.settings, context.stack.grid.cell_size()
    if context.kind in CELL_KINDS:
        cells = sample_cells(
            context.stack, context.labels, split, MAX_CELLS, settings.seed, SubProgress(progress, 0.0, 0.3)
        )
        return fit_cell_model(context.kind, cells, factors, settings, SubProgress(progress, 0.3, 1.0)), settings
    windows = label_patches(_windows(context, split, SubProgress(progress, 0.0, 0.05)), patch_cells(context.kind, cell))
    if windows.safety is not None:
        safety_factor_mask(windows)
    settings = with_class_weight(settings, describe_windows(windows)[TRAIN], NullProgress())
    return fit_network(
        windows, factors, settings, SubProgress(progress, 0.05, 1.0), kind=context.kind, cell=cell, log=log
    ), settings


def _windows(context: _FoldContext, split: BlockSplit, progress: Progress) -> WindowSet:
    """Read the windows of one run and cut them to its parts; landslides of the fold held back draw no windows."""
    cells, blocks, seed = context.found.cells, split.blocks, context.settings.seed
    mine = split.subsets[cells[:, 0] // blocks.rows, cells[:, 1] // blocks.columns] != TEST
    origins = place_windows(dataclasses.replace(context.found, cells=cells[mine]), context.side, context.most, seed)
    return split_windows(
        read_windows(
            context.stack,
            context.labels,
            context.safety,
            origins,
            context.side,
            window_alignment(context.kind, context.settings, context.stack.grid.cell_size()),
            None,
            None,
            progress,
            _min_windows(context.kind),
        ),
        split,
    )


def _min_windows(kind: str) -> int:
    return 1 if kind in PATCH_KINDS else 2


def _summary(results: list[FoldResult], compared: list[FoldResult], folds: Folds, grid: Any) -> CrossValidation:
    single = [row for row in results if row.fold != ALL]
    auc = mean_auc(results)
    random = mean_auc(compared) if compared else None
    features = []
    for row, column in np.argwhere(folds.labelled > 0).tolist():
        fold = int(folds.table[row, column])
        value = single[fold].auc
        features.append(
            FoldFeature(
                *folds.blocks.bounds(grid, row, column),
                fold + 1,
                int(folds.landslide[row, column]),
                int(folds.labelled[row, column]),
                value if math.isfinite(value) else None,
            )
        )
    return CrossValidation(
        auc,
        float(np.nanmin([row.auc for row in single])),
        results[-1].auc,
        random,
        None if random is None else random - auc,
        results,
        features,
    )


def _rows(
    rows: list[tuple[str, FoldResult]], epochs: dict[tuple[str, int], tuple[int, int]]
) -> list[tuple[object, ...]]:
    none = (None, None)
    return [
        (
            split,
            row.fold,
            row.landslides,
            row.stable,
            row.auc,
            row.low,
            row.high,
            *(none if row.fold == ALL else epochs.get((split, int(row.fold) - 1), none)),
        )
        for split, row in rows
    ]
