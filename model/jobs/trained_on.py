"""What a model was trained on, as the rest of a training job sees it: windows, or single cells, of three subsets.

Land in folds is :class:`.cross_fitted.CrossFittedRun`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..artifact import TrainedModel
from ..cluster.shared_storage import partial_results_folder
from ..errors import ParameterInvalid
from ..grid import Grid
from ..labels import LANDSLIDE, STABLE
from ..progress import Progress, SubProgress
from ..training.fit import FittedNetwork, label_patches
from ..validation import unseen_land
from ..validation.probability import ProbabilityCounts
from ..windows.cells import CellSet
from ..windows.collection import CellCollection, WindowCollection, WindowFeature, WindowSet
from ..windows.split import NO_SUBSET, SUBSETS

if TYPE_CHECKING:
    from .train_pcum import TrainingRun


class TrainedOn(Protocol):
    """Land that a model was trained and tested on."""

    where: str  # the land of the test in words, such as ``On the test land``
    note: str  # said after the numbers of the test; may be empty
    sample: CellSet | None  # for the report: cells of a model of single cells

    def tell_areas(self, found: list[dict[str, float | None]], progress: Progress) -> None:
        """Take the numbers of each area, where there are several."""

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the polygons of OUTPUT_WINDOWS."""

    def subsets(self) -> list[dict[str, Any]]:
        """Return for each subset or fold what ``TrainingResult.subsets`` says."""

    def describe(self) -> dict[str, Any]:
        """Return what the model file tells of the training beside this."""

    def scores(self, subset: int, fitted: FittedNetwork, grid: Grid, progress: Progress) -> unseen_land.ScoredCells:
        """Return the cells of the test or training subset with the score of a model."""

    def calibrate(self, model: TrainedModel, run: TrainingRun) -> ProbabilityCounts:
        """Give the model its calibration; return the counts of land that neither saw."""

    def add_uncertainty(self, model: TrainedModel) -> None:
        """Give the model what tells how uncertain it is, if there is anything."""

    def give_index(self, model: TrainedModel, run: TrainingRun, grid: Grid) -> None:
        """Give the model its applicability index, if there are folds to make it from."""

    def write_out_of_fold(self, model: TrainedModel, checksum: str, run: TrainingRun) -> None:
        """Write OUTPUT_OUT_OF_FOLD, if the run has it; ``checksum`` is that of the model file."""


@dataclass
class _InSubsets:
    """Land in three subsets."""

    collected: Any  # with label scan and split

    where, note = "On the test land", ""
    sample: CellSet | None = None

    def tell_areas(self, found: list[dict[str, float | None]], progress: Progress) -> None:
        """Do nothing: there is one area."""

    def describe(self) -> dict[str, Any]:
        """Return what the model file tells; see :class:`TrainedOn`."""
        return {}

    def calibrate(self, model: TrainedModel, run: TrainingRun) -> ProbabilityCounts:
        """Calibrate on models that are trained without a fold each; see :class:`TrainedOn`."""
        from .calibrate import CalibrationRun, calibrate, count_test_land

        if self.collected.split is None:
            raise ParameterInvalid("PROBABILITY needs SPLIT=spatial_blocks.")
        files = (run.inputs.get(name) for name in ("STACK", "LABELS", "SAFETY_FACTOR"))
        stack, labels, safety_factor = (None if path is None else os.fspath(path) for path in files)
        with partial_results_folder(run.output) as folder:
            head = run.kind, run.settings_of_folds, stack or "", labels or "", safety_factor, run.output, folder
            work = CalibrationRun(*head, self.collected.split, self.collected.scan)
            model.calibration = calibrate(work, SubProgress(run.progress, run.fit_end, 0.95))
            return count_test_land(work, model, SubProgress(run.progress, 0.95, 0.97))

    def add_uncertainty(self, model: TrainedModel) -> None:
        """Add nothing: there are no folds."""

    def give_index(self, model: TrainedModel, run: TrainingRun, grid: Grid) -> None:
        """Give none: there are no folds."""

    def write_out_of_fold(self, model: TrainedModel, checksum: str, run: TrainingRun) -> None:
        """Write nothing: there are no folds."""


@dataclass
class OnWindows(_InSubsets):
    """Windows of three subsets."""

    collected: WindowCollection
    factors: Sequence[Any] = ()  # of the stack, in the order of the windows' values
    patch: int = 1  # side in cells of a patch with one label

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the windows."""
        return self.collected.windows.features(grid, seed)

    def subsets(self) -> list[dict[str, Any]]:
        """Return what the network sees of each subset: one label per patch."""
        return describe_windows(label_patches(self.collected.windows, self.patch))

    def scores(self, subset: int, fitted: FittedNetwork, grid: Grid, progress: Progress) -> unseen_land.ScoredCells:
        """Return the cells of the windows of a subset."""
        return unseen_land.score_windows(self.collected.windows, fitted, self.factors, subset, grid)


@dataclass
class OnCells(_InSubsets):
    """Single cells of three subsets."""

    collected: CellCollection
    encoding: str = ""

    def __post_init__(self) -> None:
        self.sample = self.collected.cells

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks."""
        return self.collected.features(grid, seed)

    def subsets(self) -> list[dict[str, Any]]:
        """Return each subset with all its cells; blocks stand for windows."""
        landslides, split = self.collected.scan.landslide > 0, self.collected.split
        table = np.full(landslides.shape, NO_SUBSET) if split is None else split.subsets
        result = []
        for subset in range(len(SUBSETS)):
            blocks, (stable, landslide) = table == subset, self.collected.cells.totals[subset]
            numbers = int(blocks.sum()), int((blocks & landslides).sum())
            result.append(describe_subset(subset, *numbers, landslide, stable))
        return result

    def scores(self, subset: int, fitted: FittedNetwork, grid: Grid, progress: Progress) -> unseen_land.ScoredCells:
        """Return the sampled cells of a subset, with those of the ring."""
        return unseen_land.score_cells(self.collected.cells, fitted, self.encoding, subset, progress)


def describe_windows(windows: WindowSet) -> list[dict[str, Any]]:
    """Return for each subset what ``TrainingResult.subsets`` says."""
    shares, result = windows.landslide_shares(), []
    for subset in range(len(SUBSETS)):
        some = windows.indices_of(subset)
        counts = np.bincount(windows.labels[some].ravel(), minlength=256)
        with_landslides = int((shares[some] > 0).sum())
        result.append(describe_subset(subset, len(some), with_landslides, counts[LANDSLIDE], counts[STABLE]))
    return result


def describe_subset(subset: int, windows: int, with_landslides: int, landslide: Any, stable: Any) -> dict[str, Any]:
    """Return one entry of ``TrainingResult.subsets``."""
    return {
        "name": SUBSETS[subset],
        "windows": windows,
        "landslide_windows": with_landslides,
        "landslide_cells": int(landslide),
        "stable_cells": int(stable),
        "landslide_share": int(landslide) / max(int(landslide) + int(stable), 1),
    }
