"""Calibrate a trained model on predictions of models that did not see the land, and judge it on the land for test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..artifact import TrainedModel
from ..calibration import Calibration
from ..grid import Block
from ..progress import NullProgress, Progress, SubProgress
from ..training.automatic import number_of_folds
from ..training.settings import TrainingSettings, learns_from_cells
from ..validation import out_of_fold as oof
from ..validation.probability import ProbabilityCounts, count_mapped
from ..windows import collection
from ..windows import split as splits
from ..windows.ownership import find_ownership
from . import train_pcum as shared
from .cross_validate_fold import FoldStudy, cross_validate_fold

NAME = "calibration"  # of this split in logs


@dataclass(frozen=True)
class CalibrationRun:
    """What a calibration reads, and where it may write."""

    kind: str
    settings: TrainingSettings
    stack: str
    labels: str
    safety_factor: str | None
    output: str  # the model file, named in the histories
    folder: Path  # for maps of some minutes
    split: splits.BlockSplit  # of the training
    scan: splits.LabelScan


def out_of_fold_counts(run: CalibrationRun, progress: Progress) -> ProbabilityCounts:
    """Count the land for training and validation by the logit that models give it that did not see it.

    Its blocks are divided into five folds, or as many as hold landslides; for each, a model of the same kind and
    settings is trained on the others and predicts it. Raises ``TooFewData`` if there are too few blocks with
    landslides; errors as training does.
    """
    with splits.open_training_rasters(run.stack, run.labels, run.safety_factor, NullProgress()) as rasters:
        study = _study(run, rasters)
    fields = {field.name: getattr(study, field.name) for field in dataclasses.fields(study)}
    counts = ProbabilityCounts()
    for fold in range(study.count):
        part = SubProgress(progress, fold / study.count, (fold + 0.95) / study.count)
        progress.report(fold / study.count, f"Calibration: training without fold {fold + 1} of {study.count}.")
        cross_validate_fold(fields, fold, threads=None, progress=part)
        part = SubProgress(progress, (fold + 0.95) / study.count, (fold + 1) / study.count)
        count_mapped(run.labels, study.map(fold), _strangers(run.split), counts, part)
        study.map(fold).unlink()
    counts.require_both("in the land for training and validation")
    return counts


def calibrate(run: CalibrationRun, progress: Progress) -> Calibration:
    """Return the calibration of the model that the run trained; see :func:`out_of_fold_counts`."""
    progress.report(0.0, "PROBABILITY: more models are trained, each without a fold of the blocks.")
    counts = out_of_fold_counts(run, progress)
    found = counts.fit()
    before, after = counts.scores(), counts.scores(found)
    progress.report(
        1.0,
        f"Calibrated: the logit times {found.slope:.3g}, plus {found.offset:.3g}. Landslide cells are "
        f"{100 * found.share:.3g} % of the mapped land for training and validation. Brier score out of fold "
        f"{after.brier:.4f}, {before.brier:.4f} without calibration, {after.brier_constant:.4f} for the same share "
        "everywhere.",
    )
    if after.skill <= 0:
        progress.warn(
            "On land that it did not see the calibrated model is no better than the same probability everywhere. Do "
            "not use its probabilities."
        )
    return found


def count_test_land(run: CalibrationRun, model: TrainedModel, progress: Progress) -> ProbabilityCounts:
    """Count the land for test by the logit that a trained model gives it."""
    path = run.folder / "test.tif"
    with splits.open_training_rasters(run.stack, run.labels, run.safety_factor, NullProgress()) as rasters:
        land: Any = splits.DividedLand(run.split.blocks, run.split.subsets)
        model.to(run.settings.device)
        oof.predict_fold(rasters.stack, model, land, splits.TEST, path, SubProgress(progress, 0.0, 0.9))
        model.to("cpu")
    counts, part = ProbabilityCounts(), SubProgress(progress, 0.9, 1.0)
    counts = count_mapped(run.labels, path, _strangers(run.split), counts, part)
    path.unlink()
    return counts


def _strangers(split: splits.BlockSplit) -> Any:
    """Return a function that tells the landslide cells that lie in the land of another subset than their landslide."""
    strangers = split.strangers

    def excluded(block: Block) -> np.ndarray:
        return np.zeros(block.shape, dtype=bool) if strangers is None else strangers.mask(block)

    return excluded


def _study(run: CalibrationRun, rasters: splits.TrainingRasters) -> FoldStudy:
    grid, scan, blocks = rasters.grid, run.scan, run.split.blocks
    outside = ~np.isin(run.split.subsets, (splits.TRAIN, splits.VALIDATION))
    landslide, labelled = np.where(outside, 0, scan.landslide), np.where(outside, 0, scan.labelled)
    folds = splits.make_folds(blocks, landslide, labelled, number_of_folds(landslide), run.settings.seed)
    side, count = _windows(run, rasters)
    ownership = find_ownership(rasters.labels, grid, blocks, NullProgress())
    return FoldStudy(
        kind=run.kind,
        settings=run.settings,
        stack=run.stack,
        labels=run.labels,
        safety_factor=run.safety_factor,
        output=run.output,
        folder=str(run.folder),
        split=NAME,
        count=folds.count,
        blocks=(blocks.rows, blocks.columns),
        # No fold predicts the land for test.
        subsets=np.where(outside, np.uint8(splits.NO_SUBSET), folds.subsets),
        landslide=landslide,
        labelled=labelled,
        ownership=_fields_of(ownership),
        fine_blocks=(scan.fine_blocks.rows, scan.fine_blocks.columns),
        fine_labelled=scan.fine_labelled,
        cells=scan.cells,
        side=side,
        max_windows=count,
    )


def _fields_of(ownership: Any) -> Mapping[str, Any]:
    names = [field.name for field in dataclasses.fields(ownership)]
    return {name: getattr(ownership, name) for name in names if name not in ("grid", "blocks")}


def _windows(run: CalibrationRun, rasters: splits.TrainingRasters) -> tuple[int, int]:
    if learns_from_cells(run.kind, run.settings):
        return 0, 0
    plan = shared.window_plan(run.kind, run.settings, rasters.grid.cell_size())
    # A window on the border between training and validation is kept once for each.
    return collection.window_capacity(rasters.grid, len(rasters.factors), plan, 2)
