"""Train PCUM: factor stack, labels and safety factor in, a model file out. The other training jobs share its steps."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from ..artifact import TrainedModel, load_model, save_model
from ..artifact_header import is_storable
from ..errors import OutputNotWritable, ParameterInvalid
from ..grid import Grid
from ..history.writing import RunInfo, TrainingLog, begin_history
from ..inputs.rasters import open_raster
from ..labels.discs import read_discs
from ..networks.unet import NONE
from ..options import automatic_values
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord, read_record, sha256, versions
from ..outputs.transaction import commit_partial, where_written
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import training_inputs, warn_stale_inputs
from ..report.settings import DocumentDetails
from ..training import automatic, pointwise_fit
from ..training import settings as training_settings
from ..training.areas import AreaFiles, MoreAreas, match_areas, open_areas
from ..training.devices import choose_device, training_precision
from ..training.fine_tuning import StartModel, check_pixel_size, fine_tune_settings
from ..training.fit import FittedNetwork, TrainingResult, fit_network
from ..training.reduced import reduce_windows, warn_of_scars
from ..training.settings import PCUM, TrainingSettings, patch_cells
from ..validation import unseen_land
from ..validation.probability import ProbabilityCounts
from ..validation.verdict import Evidence, judge, tell
from ..windows.collection import CellCollection, WindowCollection, WindowPlan, collect_windows
from ..windows.split import TEST, TRAIN, TrainingRasters, open_training_rasters
from .physics import tell_warned, training_safety, with_physics_setting
from .trained_on import OnWindows, TrainedOn

Files = Mapping[str, Union[str, os.PathLike, None]]  # by parameter


def train_pcum(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    output: str | os.PathLike,
    *,
    safety_factor: str | os.PathLike | None = None,
    settings: TrainingSettings | None = None,
    start_from: str | os.PathLike | None = None,
    given: Collection[str] = (),
    checkpoint: str | os.PathLike | None = None,
    output_html: str | os.PathLike | None = None,
    output_out_of_fold: str | os.PathLike | None = None,
    more_stacks: Sequence[str | os.PathLike] = (),
    more_labels: Sequence[str | os.PathLike] = (),
    more_safety_factors: Sequence[str | os.PathLike] = (),
    target: str | os.PathLike | None = None,
    target_safety_factor: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> TrainingResult:
    """Train a physics-constrained U-Net (Zhang and Deng 2026) and write the model file.

    Args:
        labels: label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown.
        output: the model file, ``.safetensors``.
        safety_factor: on the stack's grid; without it the network is trained without physics, with a warning.
        start_from: a model of kind ``pcum`` or ``unet`` to fine-tune; its method, network and encoding stay, and on
            windows the learning rate is a tenth of the settings'.
        given: names of the settings that the user gave; it is an error if ``start_from`` would change one.
        checkpoint: file for the state of the run; if it exists, the run resumes from it.
        output_html: report with the training curves.
        output_out_of_fold: GeoTIFF with the susceptibility of each cell by the model of the fold that did not see it;
            of cross-fitting only, else it is left out with a warning. Of several areas it is that of ``stack``.
        more_stacks: factor stacks of more areas to train on, of cross-fitting only; see :mod:`..training.areas`.
        more_labels: their labels, each on the grid of its stack, in any order.
        more_safety_factors: the same, as far as there are any.
        target: factor stack of land whose map is wanted, for PHYSICS=stability.
        target_safety_factor: factor of safety on its grid; without it it is computed.
        output_document: the report for Word.
        details: of the office that hands the report on.

    Raises:
        GridMismatch: labels or safety factor lie on another grid.
        TooFewData: there are too few landslides or stable cells for three subsets.
        ParameterInvalid: a setting does not fit the data, or the checkpoint belongs to another run.
        FactorMissing: the stack lacks a factor of the start model.
        DeviceUnavailable: there is no such device.
    """
    settings = settings or TrainingSettings()
    inputs = {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety_factor, "START_FROM": start_from}
    inputs.update(TARGET=target, TARGET_SAFETY_FACTOR=target_safety_factor)
    outputs = {"OUTPUT": output, "OUTPUT_HTML": output_html, "OUTPUT_OUT_OF_FOLD": output_out_of_fold}
    outputs["OUTPUT_DOCUMENT"] = output_document
    more = MoreAreas(more_stacks, more_labels, more_safety_factors)
    run = TrainingRun(PCUM, settings, inputs, outputs, checkpoint, progress, more, details)
    if start_from is not None:
        model = load_model(start_from)
        names = ("kind", "architecture", "encoding", "factors", "network", "pixel_size")
        values = {name: getattr(model, name) for name in names}
        run.start = start = StartModel(Path(start_from).name, sha256(start_from), **values)
        method, settings = settings.method, fine_tune_settings(start, settings, given)
        run.progress.report(0.0, _fine_tuning_line(start, method, settings))
    training_settings.check_parts(settings, target is not None)
    if target is None and target_safety_factor is not None:
        raise ParameterInvalid("TARGET_SAFETY_FACTOR is that of TARGET, which is empty. Give TARGET too, or neither.")
    training_settings.require_cross_fitting(settings, bool(more))
    if settings.method == training_settings.CROSS_FITTED:
        run.settings = settings
        return _train_by_cross_fitting(run)
    if outputs.pop("OUTPUT_OUT_OF_FOLD") is not None:
        run.progress.warn(
            "OUTPUT_OUT_OF_FOLD is left out: a training on windows has no folds, but land for test that the model did "
            "not see. Validate there, with OUTPUT_WINDOWS, or train with PRESET=recommended."
        )
    if settings.ensemble != NONE:
        run.progress.warn("ENSEMBLE has no effect on a training on windows. Use PRESET=recommended without WINDOW etc.")
    run.settings = with_physics_setting(settings, safety_factor, run.progress)
    with run.start_log() as log:
        with open_training_rasters(stack, labels, safety_factor, run.progress) as rasters:
            grid, factors = rasters.grid, rasters.factors
            with run.complete_settings([rasters], SubProgress(run.progress, 0.0, 0.02)):
                plan = window_plan(PCUM, run.settings, grid.cell_size())
                collected = collect_windows(rasters, plan, SubProgress(run.progress, 0.02, 0.08))
        if run.start is not None:
            check_pixel_size(run.start, grid.cell_size(), run.progress)
        fitted, data = run.fit_windows(collected, factors, grid.cell_size(), log)
        return run.finish(fitted, data, grid, log)


def _train_by_cross_fitting(run: TrainingRun) -> TrainingResult:
    from .cross_fitted import train_by_cross_fitting

    files = run.inputs["STACK"] or "", run.inputs["LABELS"] or "", run.inputs["SAFETY_FACTOR"]
    areas = run.areas = match_areas(*files, run.more)
    safety_factor = next((area.safety_factor for area in areas if area.safety_factor is not None), None)
    run.settings = with_physics_setting(run.settings, safety_factor, run.progress)
    with run.start_log() as log:
        with open_areas(areas, run.progress) as opened:
            grid, part = opened[0].grid, SubProgress(run.progress, 0.1, 0.95)
            if run.start is not None:
                check_pixel_size(run.start, grid.cell_size(), run.progress)
            with run.complete_settings(opened, SubProgress(run.progress, 0.0, 0.1)):
                given = run.settings, part, run.checkpoint, run.start, log, [area.name for area in areas], run.target
                collected = train_by_cross_fitting(opened, *given)
        return run.finish(collected.result.fitted, collected, grid, log)


def _fine_tuning_line(start: StartModel, method: str, settings: TrainingSettings) -> str:
    if start.is_cross_fitted:
        less = " Its boosted trees and U-Net are left out." if start.is_reduced else ""
        return f"Fine-tuning the model {start.name}, as far as spatial folds show that it pays.{less}"
    why = "" if settings.method == method else " It was trained on windows, and so is this one (PRESET=windows)."
    return f"Fine-tuning the model {start.name}, with a learning rate of {settings.learning_rate:g}.{why}"


class TrainingRun:
    """One training job: its inputs, its outputs and the settings in use, which change as the data become known. Raises
    ``DeviceUnavailable`` if there is no such device, or it lacks the precision; ``OutputNotWritable`` if an output
    cannot be written.
    """

    start: StartModel | None = None
    areas: Sequence[AreaFiles] = ()  # where there may be several
    chosen: Mapping[str, Any] = {}  # how the kind was chosen, where several were tried; for model file and record

    def __init__(
        self,
        kind: str,
        settings: TrainingSettings,
        inputs: Files,
        outputs: Files,
        checkpoint: Any,
        progress: Progress,
        more: MoreAreas | None = None,
        details: DocumentDetails | None = None,
        algorithm: str = "",
    ) -> None:
        self.more = more = more or MoreAreas()
        self.kind, self.settings, self.inputs, self.outputs = kind, settings, inputs, outputs
        self._asked = self.settings_of_folds = settings  # an automatic class weight is automatic in each fold
        self.fit_end = 0.22 if settings.probability else 0.97  # share of the run after which the network is fitted
        self.output, self.checkpoint, self.progress = str(outputs["OUTPUT"]), checkpoint, WarningLog(progress)
        self._details = details
        training_settings.check_probability(settings, inputs.get("START_FROM"))
        check_writable(*outputs.values(), checkpoint)
        training_precision(settings.precision, choose_device(settings.device))
        parameters = {**settings.record(), "CHECKPOINT": None if checkpoint is None else str(checkpoint)}
        if kind != PCUM:
            parameters = {"KIND": kind, **parameters}
        algorithm = algorithm or ("trainpcum" if kind == PCUM else "traincomparisonmodel")
        self.record = RunRecord(algorithm, parameters, {**inputs, **more.record()})
        roles = {"factor stack": "STACK", "labels": "LABELS", "safety factor": "SAFETY_FACTOR"}
        roles.update({"target": "TARGET", "safety factor of the target": "TARGET_SAFETY_FACTOR"})
        warn_stale_inputs({role: inputs.get(name) for role, name in roles.items()}, self.progress)
        for role, paths in zip(roles, (more.stacks, more.labels, more.safety_factors)):
            for path in paths:
                warn_stale_inputs({role: path}, self.progress)

    def start_log(self) -> TrainingLog:
        """Begin the history."""
        return start_training_log(self.kind, self.output, self.settings, self.progress, self.outputs["OUTPUT_HTML"])

    @property
    def target(self) -> tuple[Any, Any] | None:
        """TARGET and TARGET_SAFETY_FACTOR, if there is a target."""
        found = self.inputs.get("TARGET"), self.inputs.get("TARGET_SAFETY_FACTOR")
        return None if found[0] is None else found

    @contextlib.contextmanager
    def complete_settings(self, areas: Sequence[TrainingRasters], progress: Progress) -> Iterator[None]:
        """Give automatic settings their values for the work within; its errors name values that would do."""
        given = self.settings
        warn_of_scars(areas, self.progress)
        self.settings = automatic.complete(given, self.kind, areas, progress)
        with automatic.advice(given, self.kind, areas):
            yield

    def balance_classes(self, *subsets: dict[str, Any]) -> None:
        """Give an automatic weight of landslide cells its value, from what is known of subsets."""
        self.settings_of_folds = self.settings
        stable, landslide = (sum(subset[name] for subset in subsets) for name in ("stable_cells", "landslide_cells"))
        part = SubProgress(self.progress, 0.08, 0.08)
        self.settings = automatic.with_class_weight(self.settings, stable, landslide, part)

    def fit_windows(
        self, collected: WindowCollection, factors: list[Any], cell: float, log: TrainingLog
    ) -> tuple[FittedNetwork, OnWindows]:
        """Train a network on windows of cells of ``cell`` metres."""
        given = collected.windows, factors, self.settings, SubProgress(self.progress, 0.08, 0.08), self.start
        collected.windows, factors = reduce_windows(*given)
        patch, windows = patch_cells(self.kind, cell), collected.windows
        # Weights and counts are those of the labels that the network sees: one per patch.
        trained_on = OnWindows(collected, factors=factors, patch=patch)
        subsets = trained_on.subsets()
        self.balance_classes(subsets[TRAIN])
        counts = ", ".join(f"{item['windows']} {item['name']}" for item in subsets)
        what, share = "patches" if patch > 1 else "cells", 100 * subsets[TRAIN]["landslide_share"]
        text = f"{len(windows)} windows of {windows.side} × {windows.side} cells: {counts}. Landslide {what} are "
        self.progress.report(0.08, f"{text}{share:.1f} % of the training {what}.")
        if patch > 1:
            side = f"{patch} × {patch} cells ({patch * cell:.0f} m)"
            self.progress.report(0.08, f"The {training_settings.TITLES[self.kind]} predicts one value per {side}.")
        warn_random_split(collected, self.progress)
        if windows.safety is not None:
            tell_warned(training_safety(windows), self.settings, 0.08, self.progress)
        self.progress.report(0.08, f"Settings: {training_settings.settings_line(self.settings)}.")
        part = SubProgress(self.progress, 0.08, self.fit_end)
        data = windows, factors, self.settings, part
        return fit_network(*data, self.checkpoint, self.kind, self.start, cell, log), trained_on

    def finish(self, fitted: FittedNetwork, data: TrainedOn, grid: Grid, log: TrainingLog) -> TrainingResult:
        """Test the model; write model file, report and run record, and return the result."""
        settings, subsets = self.settings, data.subsets()
        fitted.metrics.update(self._test(fitted, data, grid))
        chosen = automatic_values(self._asked, settings)
        training: dict[str, Any] = {"subsets": subsets, "labels": label_settings(self.inputs["LABELS"] or "")}
        training["automatic"] = chosen
        training.update(data.describe())
        training.update(self.chosen)
        more = [Grid.from_file(area.stack, "factor stack") for area in self.areas[1:]]
        training.update(training_inputs(self.record.inputs(), grid, more))
        verdict = judge(Evidence.of_training(self.kind, fitted.metrics, settings.as_dict()))
        training["verdict"] = verdict.as_dict()
        if self.start is not None:
            training["start_from"] = {"name": self.start.name, "sha256": self.start.sha256}
        model, counts = trained_model(self.kind, fitted, settings, grid, training), None
        data.add_uncertainty(model)
        if settings.probability:
            counts = data.calibrate(model, self)
            self._tell_calibrated(model, counts, data.where)
        data.give_index(model, self, grid)
        save_model(model, self.output)
        written = str(where_written(self.output))
        result = TrainingResult(
            model=written,
            sha256=sha256(written),
            windows=data.features(grid, settings.seed),
            subsets=subsets,
            settings=settings,
            warnings=self.progress.warnings,
            kind=self.kind,
            **{name: getattr(fitted, name) for name in ("metrics", "history", "device", "precision", "ended")},
        )
        self.progress.report(0.98, _result_line(result, data))
        tell(verdict, self.progress, 0.98)
        try:
            data.write_out_of_fold(model, result.sha256, self)
            self._write_report(result, model, data, counts)
        except OutputNotWritable as error:
            # A model that took hours to train is kept.
            commit_partial()
            raise OutputNotWritable(f"{error} The model is complete and stays: {written}.") from error
        used = {
            "metrics": result.metrics,
            "verdict": verdict.as_dict(),
            "windows": subsets,
            "settings_used": settings.as_dict(),
            "automatic": chosen,
            **self.chosen,
        }
        ran = {name: getattr(result, name) for name in ("device", "precision", "ended", "warnings")}
        self.record.write(self.outputs, **used, seed=settings.seed, **ran)
        log.finish(result.ended, result.metrics, verdict.text)
        self.progress.report(1.0)
        return result

    def _write_report(
        self, result: TrainingResult, model: TrainedModel, data: TrainedOn, counts: ProbabilityCounts | None
    ) -> None:
        """Write the report, if one is wanted."""
        files = (self.outputs["OUTPUT_HTML"], self.outputs["OUTPUT_DOCUMENT"])
        if files == (None, None):
            return
        from ..report.files import ReportFiles
        from ..report.training import training_page

        report = ReportFiles.of_run(*files, self._details, self.progress)
        report.write(training_page(result, model, self.inputs, data.sample, counts, self.progress))

    def _test(self, fitted: FittedNetwork, data: TrainedOn, grid: Grid) -> dict[str, float | None]:
        """Return the metrics of :func:`~..validation.unseen_land.evaluate`; those of each area go to the data."""
        areas = self.area_grids(grid)
        test, train = (data.scores(subset, fitted, grid, self.progress) for subset in (TEST, TRAIN))
        if len(areas) > 1:
            data.tell_areas(unseen_land.evaluate_each(test, train, areas, self.settings.seed), self.progress)
        return unseen_land.evaluate(test, train, areas, self.settings.seed)

    def area_grids(self, grid: Grid) -> list[unseen_land.AreaGrid]:
        """Return the grid and the largest label radius of each area; ``grid`` is that of the first."""
        areas = [unseen_land.AreaGrid(grid, self._radius(self.inputs["LABELS"] or "", grid))]
        for more in self.areas[1:]:
            other = Grid.from_file(more.stack, "factor stack")
            areas.append(unseen_land.AreaGrid(other, self._radius(more.labels, other)))
        return areas

    def _radius(self, path: str | os.PathLike, grid: Grid) -> float:
        """Return the largest radius of a label raster in metres, 0 if it does not tell, which is said."""
        with open_raster(path, "label") as labels:
            discs = read_discs(labels, grid)
        if discs is None:
            self.progress.report(
                0.97,
                "The label raster does not say how wide its ring is, so its unknown cells do not count in the test. "
                'Build it again with "Build landslide labels" if it has a ring.',
            )
        return 0.0 if discs is None else discs.largest

    def _tell_calibrated(self, model: TrainedModel, counts: Any, where: str) -> None:
        """Add the scores of a calibrated model on some land to its metrics."""
        if counts.complete:
            found = counts.scores()
            model.metrics.update(
                brier=found.brier, brier_skill=found.skill, average_precision=found.average_precision, share=found.share
            )
            text = f"{where}: Brier score {found.brier:.4f}, skill {found.skill:.3f} against the same "
            self.progress.report(0.97, f"{text}share everywhere ({100 * found.share:.3g} % landslide cells).")


def window_plan(kind: str, settings: TrainingSettings, cell: float) -> WindowPlan:
    """Return how windows of a kind of model are cut and split, on cells of ``cell`` metres."""
    align = training_settings.window_alignment(kind, settings, cell)
    least = 1 if kind in training_settings.PATCH_KINDS else 2
    spatial = settings.split != "random"
    return WindowPlan(settings.window, settings.block, spatial, align, least, settings.seed, settings.buffer)


def start_training_log(
    kind: str, output: Any, settings: TrainingSettings, progress: Progress, report: Any = None, part: str = ""
) -> TrainingLog:
    """Begin the history of a training; kinds of model without epochs have none.

    ``output`` and ``report`` are paths of the job's. ``part`` says which of several trainings of the job this is; these
    are compared, so none may be stopped early by hand.
    """
    limits = settings.epochs, settings.patience
    steps: tuple[int, ...] = ()
    if settings.method == training_settings.CROSS_FITTED:
        steps = (0, *pointwise_fit.CHECKPOINTS)
        limits = len(steps), pointwise_fit.PATIENCE
    elif training_settings.learns_from_cells(kind, settings):
        return TrainingLog()
    html = "" if report is None else os.path.abspath(report)
    head = RunInfo(kind, os.path.abspath(output), *limits, html, part, stoppable=not part, steps=steps)
    return begin_history(head, progress.warn)


def warn_random_split(collected: WindowCollection | CellCollection, progress: Progress) -> None:
    """Warn that the metrics of a random split are optimistic."""
    if collected.split is None:
        progress.warn(
            "SPLIT is random, as published: training and test cells are neighbours, so the metrics are better than "
            "they would be in another area. Use SPLIT=spatial_blocks for an unbiased estimate."
        )


def label_settings(labels: str | os.PathLike) -> dict[str, Any]:
    """Return the parameters of a label raster from the run record beside it; empty without one."""
    try:
        found = {str(name): value for name, value in read_record(labels)["parameters"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    # A model file is self-contained, so only what it may hold is kept.
    return found if len(json.dumps(found)) < 10000 and is_storable(found) else {}


def trained_model(
    kind: str, fitted: FittedNetwork, settings: TrainingSettings, grid: Grid, training: dict[str, Any]
) -> TrainedModel:
    """Return the content of a model file; ``training`` describes windows or cells, labels and inputs."""
    environment = {"device": fitted.device, "precision": fitted.precision}
    if fitted.ended:
        environment["ended"] = fitted.ended
    return TrainedModel(
        kind=kind,
        encoding=settings.encoding,
        pixel_size=grid.cell_size(),
        settings=settings.as_dict(),
        seed=settings.seed,
        training={**training, **environment},
        versions=versions(),
        **{name: getattr(fitted, name) for name in ("architecture", "factors", "history", "metrics", "network")},
    )


def _result_line(result: TrainingResult, data: TrainedOn) -> str:
    metrics = result.metrics
    auc, recall, accuracy, violation = (metrics[name] for name in ("auc", "recall", "accuracy", "violation_rate"))
    if auc is None or recall is None or accuracy is None:
        return "Test metrics are not available: the test blocks lack landslide cells or stable cells."
    text = f"{data.where}: AUC {auc:.3f} against all other mapped land"
    if metrics["auc_low"] is not None:
        ends = f"{metrics['auc_low']:.3f} to {metrics['auc_high']:.3f}"
        text += f" (95 % interval {ends} from {metrics['blocks']} independent blocks of land)"
    names = {"auc_stable": "against stable land alone", "auc_slope": "slope alone", "auc_train": "on the training land"}
    more = [f"{name} {metrics[key]:.3f}" for key, name in names.items() if metrics[key] is not None]
    text += f"; {', '.join(more)}. Recall {100 * recall:.0f} %, accuracy {100 * accuracy:.0f} %"
    if violation is not None:
        text += f", violation rate {100 * violation:.1f} %"
    if metrics["best_epoch"] is not None:
        text += f"; weights of epoch {metrics['best_epoch']} of {metrics['epochs']}"
    return f"{text}. {data.note}".rstrip()
