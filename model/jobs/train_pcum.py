"""Train PCUM: factor stack, labels and safety factor in, a model file out."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from ..artifact import load_model
from ..outputs.run_record import sha256
from ..progress import Progress, SubProgress
from ..training.fine_tuning import StartModel, check_pixel_size, fine_tune_settings
from ..training.fit import TrainingResult
from ..training.settings import PCUM, TrainingSettings
from ..windows.collection import collect_windows
from ..windows.split import open_training_rasters
from .training_run import TrainingRun, window_plan, with_physics_setting


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
        safety_factor: on the stack's grid; without it the network is trained without physics, with a warning.
        settings: the defaults if not given.
        start_from: a model of kind ``pcum`` or ``unet`` to fine-tune; its network and encoding stay, and the learning
            rate is a tenth of the settings'.
        given: names of the settings that the user gave; it is an error if ``start_from`` would change one.
        checkpoint: file for the state of the run; if it exists, the run resumes from it.
        output_html: report with the training curves.
        progress: receives progress and warnings.

    Raises:
        GridMismatch: labels or safety factor lie on another grid.
        TooFewData: there are too few landslides or stable cells for three subsets.
        ParameterInvalid: a setting does not fit the data, or the checkpoint belongs to another run.
        FactorMissing: the stack lacks a factor of the start model.
        DeviceUnavailable: there is no such device.
        OutputNotWritable: an output cannot be written.
        ScarpError: an input cannot be read; see ``open_stack`` and ``open_raster``.
    """
    settings = settings or TrainingSettings()
    inputs = {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety_factor, "START_FROM": start_from}
    run = TrainingRun("trainpcum", PCUM, settings, inputs, output, output_html, checkpoint, progress)
    start = None if start_from is None else read_start_model(start_from)
    if start is not None:
        settings = fine_tune_settings(start, settings, given)
        text = f"Fine-tuning the model {start.name}, with a learning rate of {settings.learning_rate:g}."
        run.progress.report(0.0, text)
    run.settings = with_physics_setting(settings, safety_factor, run.progress)
    with run.start_log() as log:
        with open_training_rasters(stack, labels, safety_factor) as rasters:
            grid, factors = rasters.grid, rasters.factors
            plan = window_plan(PCUM, run.settings, grid.cell_size())
            collected = collect_windows(rasters, plan, SubProgress(run.progress, 0.0, 0.08))
        if start is not None:
            check_pixel_size(start, grid.cell_size(), run.progress)
        fitted, subsets = run.fit_windows(collected, factors, grid.cell_size(), log, start)
        return run.finish(fitted, collected, subsets, grid, log, start)


def read_start_model(path: str | os.PathLike) -> StartModel:
    """Read a model to fine-tune.

    Raises:
        InputMissing: there is no such file.
        ModelFileInvalid: it is no Scarp model.
        ParameterInvalid: its kind cannot be fine-tuned.
    """
    model = load_model(path)
    names = ("kind", "architecture", "encoding", "factors", "network", "pixel_size")
    return StartModel(Path(path).name, sha256(path), **{name: getattr(model, name) for name in names})
