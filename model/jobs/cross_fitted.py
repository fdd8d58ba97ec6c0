"""PCUM by cross-fitting, in a training and in a fold of a cross validation."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import expit

from ..applicability.fit import fit_index
from ..applicability.index import describe_index
from ..artifact import TrainedModel
from ..classical.boosted_pcum import add_boosting
from ..classical.fit import cell_metrics
from ..errors import TooFewData
from ..grid import Grid
from ..history.writing import STOPPED, TrainingLog
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..networks.unet import NONE
from ..progress import NullProgress, Progress, SubProgress
from ..provenance import records
from ..stack import open_stack
from ..texts import join_names
from ..training import additive_fit
from ..training.areas import numbers_of_areas, warn_of_overlap
from ..training.cross_fitted import CHOSEN_NOTE, CrossFitted, FitInputs, fit_cross_fitted
from ..training.fine_tuning import StartModel, adapt_cells
from ..training.fit import FittedNetwork
from ..training.left_out_areas import fit_interval
from ..training.reduced import reduce_folded
from ..training.settings import STABILITY, TrainingSettings
from ..training.unet_fit import add_unet, window_side
from ..uncertainty import DensityInterval
from ..validation.out_of_fold import predict_every_fold
from ..validation.probability import ProbabilityCounts
from ..validation.unseen_land import SLOPE, ScoredCells
from ..validation.verdict import Evidence
from ..windows.cell_windows import collect_cell_windows
from ..windows.cells import CellSet
from ..windows.collection import WindowFeature
from ..windows.folded_cells import FoldedCells, collect_folded_cells, collect_outside
from ..windows.land_regions import LeftOut
from ..windows.split import TEST, Folds, TrainingRasters
from ..windows.unlabelled_cells import UnlabelledCells
from .physics import require_known, tell_warned
from .stability import with_stability

if TYPE_CHECKING:
    from .train_pcum import TrainingRun


@dataclasses.dataclass
class CrossFittedRun:
    """Cells, fitted model and settings of a training."""

    cells: FoldedCells
    result: CrossFitted
    settings: TrainingSettings
    names: Sequence[str] = ()  # of the areas
    areas: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # what is known of each, where several are
    where, note = "Out of fold", CHOSEN_NOTE
    sample: CellSet | None = None
    interval: DensityInterval | None = None

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks of the first area with their fold."""
        return self.cells.lands[0].features(grid, seed)

    def subsets(self) -> list[dict[str, Any]]:
        """Return what is known of each fold."""
        return self.cells.describe()

    def scores(self, subset: int, fitted: FittedNetwork, grid: Grid, progress: Progress) -> ScoredCells:
        """Return the cells that have a fold, with the logit of the model that did not see it or of the model itself."""
        known = self.result.out_of_fold
        return self._scored(known if subset == TEST else np.where(np.isfinite(known), self.result.on_training, np.nan))

    def _scored(self, logits: np.ndarray) -> ScoredCells:
        some, cells = np.isfinite(logits), self.cells
        names = [spec.name for spec in self.result.fitted.factors]
        slope = cells.values[some, names.index(SLOPE)] if SLOPE in names else None
        parts = logits[some], cells.labels[some], cells.places[some], cells.counts[some], slope
        return ScoredCells(*parts, cells.areas[some])

    def tell_areas(self, found: list[dict[str, float | None]], progress: Progress) -> None:
        """Take and say the numbers of :func:`~..validation.unseen_land.evaluate_each`."""
        self.areas = [{**known, **numbers} for known, numbers in zip(numbers_of_areas(self.cells, self.names), found)]
        for area in self.areas:
            auc = "no AUC" if area["auc"] is None else f"AUC {area['auc']:.3f}"
            slope = "" if area["auc_slope"] is None else f", slope alone {area['auc_slope']:.3f}"
            progress.report(0.97, f"Out of fold in {area['name']}: {auc}{slope}; {area['landslides']:,} landslides.")
        behind = [
            area["name"]
            for area in self.areas
            if area["auc"] is not None and area["auc_slope"] is not None and area["auc"] < area["auc_slope"]
        ]
        if behind:
            progress.warn(
                f"Out of fold, slope alone is better than the model in {join_names(behind)}. A model of several areas "
                "follows those with the most landslides. For a good map there, train on that area alone, or fine-tune "
                "this model there (START_FROM)."
            )

    def describe(self) -> dict[str, Any]:
        """Return what the model file tells of the choice, and of the areas where there are several."""
        choice = self.result.choice
        found: dict[str, Any] = {"choice": {**dataclasses.asdict(choice), "text": choice.text, "note": CHOSEN_NOTE}}
        return {**found, "areas": self.areas} if self.areas else found

    def add_uncertainty(self, model: TrainedModel) -> None:
        """Give the model the networks of its folds and its interval; see :class:`~.trained_on.TrainedOn`."""
        model.folds, model.interval = self.result.fold_networks, self.interval

    def calibrate(self, model: TrainedModel, run: TrainingRun) -> ProbabilityCounts:
        """Calibrate on the predictions out of fold; see :class:`~.trained_on.TrainedOn`."""
        cells = self._scored(self.result.out_of_fold)
        before, after = ProbabilityCounts(), ProbabilityCounts()
        slide = cells.labels == LANDSLIDE
        before.add(expit(cells.scores), slide, cells.counts)
        before.require_both("in the folds")
        model.calibration = before.fit()
        after.add(expit(model.calibration(cells.scores)), slide, cells.counts)
        return after

    def give_index(self, model: TrainedModel, run: TrainingRun, grid: Grid) -> None:
        """Give the model its applicability index; see :class:`~.trained_on.TrainedOn`."""
        part, settings = SubProgress(run.progress, 0.95, 0.97), self.settings
        part.report(0.0, "Comparing the training land with itself, to tell later where the model may be trusted.")
        index = fit_index(self.result, self.cells, settings.encoding, grid.width, settings.seed, part)
        model.applicability = index
        run.progress.report(0.97, describe_index(index))

    def write_out_of_fold(self, model: TrainedModel, checksum: str, run: TrainingRun) -> None:
        """Write each cell by the network of the fold that holds it out; see :class:`~.trained_on.TrainedOn`."""
        output, land = run.outputs.get("OUTPUT_OUT_OF_FOLD"), self.cells.lands[0].held_out
        if output is None:
            return
        band, meaning = records.OUT_OF_FOLD_SUSCEPTIBILITY, records.MEANING
        tags = {
            "MODEL_KIND": model.kind,
            records.METHOD_TAG: self.settings.method,
            records.OUT_OF_FOLD_TAG: checksum,
            "FOLDS": str(len(self.result.of_folds)),
            "SPLIT": "spatial",
        }
        if model.calibration is not None:
            band, meaning = records.OUT_OF_FOLD_PROBABILITY, records.PROBABILITY_MEANING
            tags[records.PROBABILITY_TAG] = repr(model.calibration.share)
        tags[records.MEANING_TAG] = f"{meaning}; {records.OUT_OF_FOLD_MEANING}"
        if run.start is not None:
            start = f"If the model {run.start.name} (START_FROM) was trained on this land"
            text = f"{start}, the out-of-fold map is not of land not seen."
            run.progress.warn(text)
            tags |= records.warning_tags([text])
        evidence = Evidence.of_training(model.kind, model.metrics, model.settings)
        left_out = len(land.strangers or ())
        text = f"; {left_out:,} landslide cells have no value, because a landslide of another fold covers them"
        what = f"Predicting each cell by the model of the fold that holds it out{text if left_out else ''}."
        run.progress.report(0.98, what)
        model.to(self.settings.device)
        with open_stack(run.inputs["STACK"] or "") as stack:
            given = stack, model, self.result.of_folds, land, output, band, tags, evidence
            predict_every_fold(*given, SubProgress(run.progress, 0.98, 1.0))


def train_by_cross_fitting(
    areas: Sequence[TrainingRasters],
    settings: TrainingSettings,
    progress: Progress,
    checkpoint: str | os.PathLike | None = None,
    start: StartModel | None = None,
    log: TrainingLog | None = None,
    names: Sequence[str] = (),
    target: tuple[Any, Any] | None = None,
) -> CrossFittedRun:
    """Sample all land, choose by folds and fit; see :mod:`..training.cross_fitted`. Raises ``TooFewData`` if landslides
    are too few for two folds.

    ``areas`` are from :func:`~..training.areas.open_areas`, with their ``names`` where there are several.
    ``target`` are the paths of TARGET and TARGET_SAFETY_FACTOR, which may be ``None``.
    """
    part = SubProgress(progress, 0.0, 0.2)
    cells = collect_folded_cells(areas, settings.block_side, settings.buffer, settings.seed, part)
    counts = np.unique(cells.labels, return_counts=True)
    number = dict(zip(counts[0].tolist(), counts[1].tolist()))
    progress.report(
        0.2,
        f"{cells.landslides:,.0f} landslides in {number.get(LANDSLIDE, 0):,} cells, each landslide weighing one, and "
        f"{number.get(STABLE, 0):,} stable cells, in {len(cells.roles)} folds of blocks of {settings.block_side:.0f} "
        'm. "Out of fold" means: each block by a model that did not see it.',
    )
    if len(areas) > 1:
        warn_of_overlap(cells, areas, names, progress)
        for one in numbers_of_areas(cells, names):
            text = f"{one['landslides']:,} landslides, {one['landslide_cells']:,} landslide and "
            progress.report(0.2, f"Area {one['name']}: {text}{one['stable_cells']:,} stable cells.")
    cells, areas = reduce_folded(cells, areas, settings, progress, start)
    unlabelled: UnlabelledCells | None = None
    left_out: Sequence[LeftOut] = ()
    if settings.physics == STABILITY:
        part = SubProgress(progress, 0.19, 0.2)
        cells, unlabelled, left_out = with_stability(areas, cells, settings, target, None, part)
    if cells.safety is not None:
        require_known(cells.safety, "cell")
        tell_warned(cells.safety, settings, 0.3, progress, cells.counts)
    factors: Sequence[Any] = areas[0].factors
    if start is not None:
        if unlabelled is not None:
            # Ranges and new classes are those of labelled land.
            own, _ = adapt_cells(start, unlabelled.values, factors, NullProgress())
            unlabelled = dataclasses.replace(unlabelled, values=own)
        values, factors = adapt_cells(start, cells.values, factors, progress)
        cells = dataclasses.replace(cells, values=values)
    inputs = FitInputs(cells, factors, settings, checkpoint, start, log or TrainingLog(), unlabelled, left_out)
    result = _fit(areas, inputs, SubProgress(progress, 0.2, 0.97))
    if result.counts is not None:
        cells = dataclasses.replace(cells, counts=result.counts)
    labelled = np.isfinite(result.out_of_fold) & (cells.labels != UNKNOWN)
    if len(np.unique(cells.labels[labelled])) < 2:
        raise TooFewData("The folds hold no landslide cell, or no stable one. Use a smaller BUFFER, or another BLOCK.")
    logits = torch.from_numpy(result.out_of_fold[labelled])
    numbers = cell_metrics(logits, cells.labels[labelled], cells.counts[labelled], settings)
    result.fitted.metrics.update(numbers, violation_rate=result.choice.violation)
    run = CrossFittedRun(cells, result, settings, names)
    curves = additive_fit.read_curves(result.fitted.network.curves)[0]
    chosen = result.choice.curves, result.choice.linear
    widths, part = [rasters.grid.width for rasters in areas], SubProgress(progress, 0.97, 1.0)
    run.interval = fit_interval(result.problem, cells, widths, curves, chosen, part)
    return run


def fit_outside(
    rasters: TrainingRasters, folds: Folds, fold: int, settings: TrainingSettings, progress: Progress, log: TrainingLog
) -> FittedNetwork:
    """Fit on the land outside a fold of a cross validation; everything is chosen there.

    With PHYSICS=stability a region that is held out is the target, without its labels; a fold of blocks is not used.
    """
    cells = collect_outside(rasters, folds, fold, settings.seed, SubProgress(progress, 0.0, 0.2))
    cells, (rasters,) = reduce_folded(cells, [rasters], settings, SubProgress(progress, 0.2, 0.2))
    inputs = FitInputs(cells, rasters.factors, settings, log=log)
    if settings.physics == STABILITY:
        part = SubProgress(progress, 0.19, 0.2)
        # Of later landslides no land is held out.
        held_out = (folds, fold) if folds.hidden is None else None
        cells, unlabelled, left_out = with_stability([rasters], cells, settings, None, held_out, part)
        inputs = dataclasses.replace(inputs, cells=cells, unlabelled=unlabelled, left_out=left_out)
    return _fit([rasters], inputs, SubProgress(progress, 0.2, 1.0)).fitted


def _fit(areas: Sequence[TrainingRasters], inputs: FitInputs, progress: Progress) -> CrossFitted:
    """Fit the curves and the network of single cells, and with them what the settings add to them."""
    cells, settings = inputs.cells, inputs.settings
    depths = range(1, settings.depth + 1) if inputs.start is None else ()
    ends = [1.0, 0.6][settings.ensemble != NONE] * (0.4 if depths else 1.0), 0.6 if settings.ensemble != NONE else 1.0
    result = fit_cross_fitted(inputs, SubProgress(progress, 0.0, ends[0]))
    if depths and result.fitted.ended != STOPPED:
        part = SubProgress(progress, ends[0], ends[0])
        around = [
            collect_cell_windows(areas, cells, window_side(depth), 2**depth, settings.seed, part) for depth in depths
        ]
        result = add_unet(result, cells, around, settings, SubProgress(progress, *ends), inputs.log)
    if settings.ensemble != NONE and result.fitted.ended != STOPPED:
        result = add_boosting(result, settings.seed, SubProgress(progress, ends[1], 1.0))
    return result
