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

from ..classical.fit import fit_cells
from ..crossvalidation.judgement import ALL, FoldResult, Sample, draw_sample, judge_folds, mean_auc, values_at
from ..crossvalidation.outoffold import beside, merge, predict_fold
from ..errors import ParameterInvalid
from ..files import RunRecord, check_writable, complete_or_absent
from ..history.writing import TrainingLog
from ..inputs.vectors import Points, Polygons
from ..progress import Part, Progress, Silent
from ..provenance.lineage import warn_of_changes
from ..provenance.trust import MEANING, MEANING_TAG
from ..stack import Stack, open_stack
from ..tables import write_table
from ..training.architectures import patch_labels
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, fit_network
from ..training.kinds import CELL_KINDS, PATCH_KINDS, PCUM, TITLES, align_of, fitted_settings, patch_of
from ..training.settings import TrainingSettings, parameter_name
from ..windows.cells import MOST_CELLS, sample_cells
from ..windows.collect import fine_blocks, window_room
from ..windows.folds import RANDOM_SIDE, Folds, cut, make_folds
from ..windows.placement import place_windows
from ..windows.reading import TEST, TRAIN, WindowSet, read_windows
from ..windows.split import Blocks, BlockSplit
from ..windows.survey import Survey, survey
from .train_pcum import with_physics
from .training_run import describe_windows, known_safety, logged, on_grid, trained_model, with_weight

SPATIAL, RANDOM = "spatial", "random"
COLUMNS = ("split", "fold", "landslides", "stable_cells", "auc", "auc_low", "auc_high", "best_epoch", "epochs")
LEAST_FOLDS, MOST_FOLDS = 2, 50
_COPIES = 2
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
class _Run:
    """What the steps hand on."""

    kind: str
    settings: TrainingSettings
    stack: Stack
    labels: rasterio.DatasetReader
    safety: rasterio.DatasetReader | None
    found: Survey
    side: int = 0
    """Cells along the side of a window; 0 for kinds that learn from single cells."""
    most: int = 0
    """Windows at most."""
    output: str | os.PathLike = ""
    """The map to make."""


def cross_validate(stack: str | os.PathLike, labels: str | os.PathLike, landslides: Points | Polygons,
                   output: str | os.PathLike, *, kind: str, settings: TrainingSettings, folds: int,
                   safety_factor: str | os.PathLike | None = None, random_split: bool = True,
                   output_table: str | os.PathLike | None = None, progress: Progress) -> CrossValidation:
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
    settings = fitted_settings(kind, settings)
    if kind != PCUM:
        safety_factor = None
    if not LEAST_FOLDS <= folds <= MOST_FOLDS:
        raise ParameterInvalid(f"FOLDS is {folds}, but must lie between {LEAST_FOLDS} and {MOST_FOLDS}.")
    for path in (output, output_table):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    asked = {parameter_name(name): value for name, value in settings.as_dict().items()}
    record = RunRecord("crossvalidate", {"KIND": kind, "FOLDS": folds, "RANDOM_SPLIT": random_split, **asked},
                       {"STACK": stack, "LABELS": labels, "LANDSLIDES": landslides.source or landslides.name,
                        "SAFETY_FACTOR": safety_factor})
    warn_of_changes({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, progress)
    if kind == PCUM:
        settings = with_physics(settings, safety_factor, progress)
    with beside(output) as folder, open_stack(stack) as opened, on_grid(labels, "label", opened) as raster, \
            on_grid(safety_factor, "safety factor", opened) as safety_raster:
        grid = opened.grid
        blocks = Blocks.of(grid, settings.block)
        run = _prepare(kind, settings, opened, raster, safety_raster, blocks, Part(progress, 0.0, 0.05))
        run.output = output
        spatial = make_folds(blocks, run.found.landslide, run.found.labelled, folds, settings.seed)
        progress.report(0.05, f"{TITLES[kind]}: {folds} folds of blocks of {settings.block:g} m; "
                              f"{int((run.found.landslide > 0).sum())} blocks hold landslides.")
        sample = draw_sample(grid, labels, landslides, settings.seed, Part(progress, 0.05, 0.07))
        end = 0.5 if random_split else 0.95
        results, epochs = _judge(run, spatial, SPATIAL, sample, folder, Part(progress, 0.07, end))
        compared: list[FoldResult] = []
        if random_split:
            patches = _patches(run, folds, Part(progress, end, end + 0.02))
            compared, others = _judge(run, patches, RANDOM, sample, folder, Part(progress, end + 0.02, 0.97))
            epochs |= others
        # Not before: a run that fails or is cancelled leaves no map that looks finished.
        with complete_or_absent(output) as temporary:
            os.replace(_map_of(SPATIAL, folder), temporary)
    summary = _summary(results, compared, spatial, grid)
    if output_table is not None:
        write_table(output_table, COLUMNS, _rows(
            [*((SPATIAL, row) for row in results), *((RANDOM, row) for row in compared)], epochs))
    without = [row.fold for row in results if not row.landslides]
    if without:
        progress.warn(f"No landslide of LANDSLIDES lies in these folds, so they do not count: {', '.join(without)}. "
                      "Make FOLDS or BLOCK smaller.")
    progress.report(0.98, f"Mean AUC over the folds {summary.auc:.3f}, worst fold {summary.lowest:.3f}, whole "
                          f"out-of-fold map {summary.pooled:.3f}.")
    if summary.random is not None and summary.gap is not None:
        progress.report(0.98, f"With a random split the mean AUC is {summary.random:.3f}, "
                        + (f"{summary.gap:.3f} more, because it judges neighbours of training cells. On new land "
                           "expect the figure of the blocks." if summary.gap > 0 else
                           "no more than over blocks: neighbours of training cells do not flatter this model."))
    record.write({"OUTPUT": output, "OUTPUT_TABLE": output_table}, seed=settings.seed,
                 metrics={"auc": summary.auc, "auc_lowest": summary.lowest, "auc_pooled": summary.pooled,
                          "auc_random": summary.random, "gap": summary.gap})
    progress.report(1.0)
    return summary


def _prepare(kind: str, settings: TrainingSettings, stack: Stack, labels: rasterio.DatasetReader,
             safety: rasterio.DatasetReader | None, blocks: Blocks, progress: Progress) -> _Run:
    """Survey the area."""
    grid = stack.grid
    if kind in CELL_KINDS:
        fine = Blocks(grid.height, grid.width, (1, 1))
        return _Run(kind, settings, stack, labels, safety, survey(stack, labels, blocks, fine, settings.seed, progress))
    side, most = window_room(stack, settings.window, align_of(kind, settings, grid.cell_size()), _least(kind), _COPIES)
    found = survey(stack, labels, blocks, fine_blocks(grid, side), settings.seed, progress)
    return _Run(kind, settings, stack, labels, safety, found, side, most)


def _patches(run: _Run, folds: int, progress: Progress) -> Folds:
    """Return folds of patches shared out at random: of a few cells, or of the land that a model judges as a whole."""
    grid, seed = run.stack.grid, run.settings.seed
    side = max(RANDOM_SIDE, patch_of(run.kind, grid.cell_size()))
    blocks = Blocks(side, side, (-(-grid.height // side), -(-grid.width // side)))
    found = survey(run.stack, run.labels, blocks, Blocks(grid.height, grid.width, (1, 1)), seed, progress)
    return make_folds(blocks, found.landslide, found.labelled, folds, seed)


def _judge(run: _Run, folds: Folds, split: str, sample: Sample, folder: Path, progress: Progress
           ) -> tuple[list[FoldResult], dict[tuple[str, int], tuple[int, int]]]:
    """Train, predict and judge all folds of one split; its map lies in the folder at the end.

    Returns:
        The rows of the table; best epoch and epochs by split and fold, of networks.
    """
    # Not the models: forests are large, and one at a time is enough.
    maps, epochs = {}, {}
    for fold in range(folds.count):
        part = Part(progress, 0.96 * fold / folds.count, 0.96 * (fold + 1) / folds.count)
        part.report(0.0, f"Fold {fold + 1} of {folds.count}, {split} split.")
        # Folds are compared, so none may be ended before its time.
        with logged(run.kind, run.output, run.settings, part, part=f"fold {fold + 1} of {folds.count}, {split} split",
                    stoppable=False) as log:
            fitted, settings = _fit(run, folds.split_without(fold, run.settings.seed), Part(part, 0.0, 0.85), log)
            log.finish(fitted.ended, fitted.metrics)
        maps[fold] = folder / f"fold{fold + 1}.tif"
        model = trained_model(run.kind, fitted, settings, run.stack.grid, {})
        model.to(settings.device)
        predict_fold(run.stack, model, folds, fold, maps[fold], Part(part, 0.85, 1.0))
        if fitted.history:
            epochs[split, fold] = fitted.best_epoch, len(fitted.history)
    tags = {MEANING_TAG: f"{MEANING}; of each cell by a model that did not see its block", "KIND": run.kind,
            "FOLDS": str(folds.count), "SPLIT": split}
    whole = _map_of(split, folder)
    merge(maps, folds, run.stack.grid, whole, tags, Part(progress, 0.96, 0.98))
    return judge_folds(values_at(whole, sample, Part(progress, 0.98, 1.0)), sample, folds), epochs


def _map_of(split: str, folder: Path) -> Path:
    return folder / f"{split}.tif"


def _fit(run: _Run, split: BlockSplit, progress: Progress, log: TrainingLog) -> tuple[FittedNetwork, TrainingSettings]:
    factors, settings, cell = run.stack.factors, run.settings, run.stack.grid.cell_size()
    if run.kind in CELL_KINDS:
        cells = sample_cells(run.stack, run.labels, split, MOST_CELLS, settings.seed, Part(progress, 0.0, 0.3))
        return fit_cells(run.kind, cells, factors, settings, Part(progress, 0.3, 1.0)), settings
    windows = patch_labels(_windows(run, split, Part(progress, 0.0, 0.05)), patch_of(run.kind, cell))
    if windows.safety is not None:
        known_safety(windows)
    settings = with_weight(settings, describe_windows(windows)[TRAIN], Silent())
    return fit_network(windows, factors, settings, Part(progress, 0.05, 1.0), kind=run.kind, cell=cell,
                       log=log), settings


def _windows(run: _Run, split: BlockSplit, progress: Progress) -> WindowSet:
    """Read the windows of one run and cut them to its parts; landslides of the fold held back draw no windows."""
    cells, blocks, seed = run.found.cells, split.blocks, run.settings.seed
    mine = split.subsets[cells[:, 0] // blocks.rows, cells[:, 1] // blocks.columns] != TEST
    sites = place_windows(dataclasses.replace(run.found, cells=cells[mine]), run.side, run.most, seed)
    return cut(read_windows(run.stack, run.labels, run.safety, sites, run.side,
                            align_of(run.kind, run.settings, run.stack.grid.cell_size()), None, None, progress,
                            _least(run.kind)), split)


def _least(kind: str) -> int:
    return 1 if kind in PATCH_KINDS else 2


def _summary(results: list[FoldResult], compared: list[FoldResult], folds: Folds, grid: Any) -> CrossValidation:
    single = [row for row in results if row.fold != ALL]
    auc = mean_auc(results)
    random = mean_auc(compared) if compared else None
    features = []
    for row, column in np.argwhere(folds.labelled > 0).tolist():
        fold = int(folds.table[row, column])
        value = single[fold].auc
        features.append(FoldFeature(
            *folds.blocks.bounds(grid, row, column), fold + 1,
            int(folds.landslide[row, column]), int(folds.labelled[row, column]),
            value if math.isfinite(value) else None))
    return CrossValidation(auc, float(np.nanmin([row.auc for row in single])), results[-1].auc, random,
                           None if random is None else random - auc, results, features)


def _rows(rows: list[tuple[str, FoldResult]], epochs: dict[tuple[str, int], tuple[int, int]]
          ) -> list[tuple[object, ...]]:
    none = (None, None)
    return [(split, row.fold, row.landslides, row.stable, row.auc, row.low, row.high,
             *(none if row.fold == ALL else epochs.get((split, int(row.fold) - 1), none))) for split, row in rows]
