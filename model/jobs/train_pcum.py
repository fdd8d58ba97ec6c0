"""Train PCUM: factor stack, labels and safety factor in, a model file out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..artifact import load_model, save_model
from ..loss import NONE
from ..outputs.atomic import RunRecord, check_writable, sha256
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.lineage import training_inputs, warn_stale_inputs
from ..stack import open_stack
from ..training.devices import choose_device, training_precision
from ..training.fine_tuning import StartModel, check_pixel_size, fine_tune_settings
from ..training.fit import TrainingResult, fit_network
from ..training.settings import TrainingSettings, parameter_name, summary
from ..windows.collection import WindowCollection, collect_windows
from .training_run import (
    describe_windows,
    keep_model_if_report_fails,
    label_settings,
    open_on_grid,
    safety_factor_mask,
    start_training_log,
    trained_model,
    with_class_weight,
)


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
    progress: Progress,
) -> TrainingResult:
    """Train a physics-constrained U-Net (Zhang and Deng 2026) and write the model file.

    Args:
        stack: factor stack.
        labels: label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown.
        output: the model file, ``.safetensors``.
        safety_factor: safety factor on the stack's grid; without it the physics term cannot be computed, and the
            network trains without it and says so.
        settings: of the training; the defaults otherwise.
        start_from: a model of kind ``pcum`` or ``unet`` to train on from; its network and encoding stay, and the
            learning rate is a tenth of the settings'.
        given: names of the settings that the user set; what a start would change of these is an error.
        checkpoint: file for the state of the run; when it exists, the run goes on from it.
        output_html: report with the curves.
        progress: hears how far it is.

    Raises:
        GridMismatch: labels or safety factor lie on another grid.
        TooFewData: there are too few landslides or stable cells for three subsets.
        ParameterInvalid: a setting does not fit the data, or the checkpoint belongs to another run.
        FactorMissing: the stack lacks a factor of the model to start from.
        DeviceUnavailable: the device asked for is not there.
        OutputNotWritable: an output cannot be written.
        ScarpError: an input cannot be read; see ``open_stack`` and ``open_raster``.
    """
    progress = warning_log = WarningLog(progress)
    settings = settings or TrainingSettings()
    for path in (output, output_html, checkpoint):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    requested_settings = {parameter_name(name): value for name, value in settings.as_dict().items()}
    requested_settings["CHECKPOINT"] = None if checkpoint is None else str(checkpoint)
    record = RunRecord(
        "trainpcum",
        requested_settings,
        {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety_factor, "START_FROM": start_from},
    )
    warn_stale_inputs({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, progress)
    start = None if start_from is None else read_initial_model(start_from)
    if start is not None:
        settings = fine_tune_settings(start, settings, given)
        progress.report(
            0.0, f"Training goes on from the model {start.name}, with a learning rate of {settings.learning_rate:g}."
        )
    settings = with_physics_setting(settings, safety_factor, progress)
    with start_training_log("pcum", output, settings, progress, output_html) as log:
        with (
            open_stack(stack) as opened,
            open_on_grid(labels, "label", opened) as label_raster,
            open_on_grid(safety_factor, "safety factor", opened) as safety_raster,
        ):
            collected = collect_windows(
                opened,
                label_raster,
                safety_raster,
                window=settings.window,
                block=settings.block,
                spatial=settings.split != "random",
                align=2**settings.depth,
                seed=settings.seed,
                progress=SubProgress(progress, 0.0, 0.08),
            )
            factors, grid = opened.factors, opened.grid
        if start is not None:
            check_pixel_size(start, grid.cell_size(), progress)
        subsets = describe_windows(collected.windows)
        settings = with_class_weight(settings, subsets[0], progress)
        _report_windows(subsets, collected, settings, progress)
        progress.report(0.08, f"Settings: {summary(settings)}.")
        fitted = fit_network(
            collected.windows, factors, settings, SubProgress(progress, 0.08, 0.97), checkpoint, start=start, log=log
        )
        training = {"subsets": subsets, "labels": label_settings(labels), **training_inputs(record.inputs(), grid)}
        if start is not None:
            training["start_from"] = {"name": start.name, "sha256": start.sha256}
        model = trained_model("pcum", fitted, settings, grid, training)
        save_model(model, output)
        result = TrainingResult(
            str(output),
            sha256(output),
            fitted.metrics,
            fitted.history,
            collected.windows.features(grid, settings.seed),
            subsets,
            settings,
            warning_log.warnings,
            fitted.device,
            fitted.precision,
            fitted.ended,
        )
        _report_result(result, progress)
        if output_html is not None:
            from ..report.training import write_training_page

            with keep_model_if_report_fails(output):
                write_training_page(output_html, result, model, stack, labels, safety_factor, progress)
        record.write(
            {"OUTPUT": output, "OUTPUT_HTML": output_html},
            metrics=result.metrics,
            windows=subsets,
            settings_used=settings.as_dict(),
            seed=settings.seed,
            device=result.device,
            precision=result.precision,
            ended=result.ended,
            warnings=result.warnings,
        )
        log.finish(result.ended, result.metrics)
    progress.report(1.0)
    return result


def read_initial_model(path: str | os.PathLike) -> StartModel:
    """Read a model to train on from.

    Raises:
        InputMissing: there is no such file.
        ModelFileInvalid: it is no model of Scarp's.
        ParameterInvalid: training cannot go on from a model of its kind.
    """
    model = load_model(path)
    return StartModel(
        Path(path).name,
        sha256(path),
        model.kind,
        model.architecture,
        model.encoding,
        model.factors,
        model.network,
        model.pixel_size,
    )


def with_physics_setting(settings: TrainingSettings, safety_factor: Any, progress: Progress) -> TrainingSettings:
    if safety_factor is not None or settings.physics == NONE:
        return settings
    progress.warn(
        f"PHYSICS is {settings.physics}, but no SAFETY_FACTOR was given, so the model is trained without the "
        "physics constraint, as a plain U-Net with these weights. Build a safety factor first, or choose "
        "PHYSICS=none."
    )
    return dataclasses.replace(settings, physics=NONE)


def _report_windows(
    subsets: list[dict[str, Any]], collected: WindowCollection, settings: TrainingSettings, progress: Progress
) -> None:
    windows = collected.windows
    counts = ", ".join(f"{item['windows']} {item['name']}" for item in subsets)
    progress.report(
        0.08,
        f"{len(windows)} windows of {windows.side} × {windows.side} cells: {counts}. Landslide cells "
        f"are {100 * subsets[0]['landslide_share']:.1f} % of the training cells.",
    )
    if collected.split is None:
        progress.warn(
            "SPLIT is random, as published: neighbouring windows overlap between training and test, so the "
            "numbers are better than they would be in another place. Use SPLIT=spatial_blocks for an honest "
            "figure."
        )
    if windows.safety is not None:
        known = safety_factor_mask(windows)
        with np.errstate(invalid="ignore"):
            warned = (windows.safety[windows.of(0)] < settings.fs_critical).sum()
        progress.report(
            0.08,
            f"The safety factor is below {settings.fs_critical:g} in "
            f"{100 * warned / known.sum():.1f} % of the training cells.",
        )
        if not warned and settings.physics != NONE:
            progress.warn(
                f"No training cell has a safety factor below {settings.fs_critical:g}, so the physics "
                "constraint has no effect here."
            )


def _report_result(result: TrainingResult, progress: Progress) -> None:
    metrics = result.metrics
    violation = metrics["violation_rate"]
    progress.report(
        0.98,
        f"On the test windows: AUC {metrics['auc']:.3f}, recall {100 * metrics['recall']:.0f} %, "
        f"accuracy {100 * metrics['accuracy']:.0f} %"
        + (f", violation rate {100 * violation:.1f} %" if violation is not None else "")
        + f"; weights of epoch {metrics['best_epoch']} of {metrics['epochs']}.",
    )
