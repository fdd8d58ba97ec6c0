"""Train PCUM: factor stack, labels and safety factor in, a model file out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import rasterio

from ..artifact import TrainedModel, save_model
from ..artifact_header import plain_values
from ..errors import ParameterInvalid
from ..files import RECORD_SUFFIX, RunRecord, check_writable, sha256, versions
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..labels import LANDSLIDE, STABLE
from ..loss import NONE
from ..progress import Part, Progress
from ..stack import Stack, open_stack
from ..training.devices import choose_device, choose_precision
from ..training.fit import FittedNetwork, fit_network
from ..training.settings import TrainingSettings, limits, parameter_name
from ..windows.collect import Collected, collect_windows
from ..windows.reading import WindowFeature, WindowSet
from ..windows.split import SUBSETS


@dataclass
class TrainingResult:
    """What the caller shows and writes."""

    model: str
    """Path of the model file."""
    sha256: str
    """Of the model file."""
    metrics: dict[str, float | None]
    """Of the test windows: ``loss``, ``accuracy``, ``recall``, ``violation_rate`` (``None`` without a safety factor),
    ``auc``; and ``best_epoch`` and ``epochs``."""
    history: list[dict[str, Any]]
    """Numbers of each epoch, training and validation."""
    windows: list[WindowFeature]
    subsets: list[dict[str, Any]]
    """For each subset ``name``, ``windows``, ``landslide_windows``, ``landslide_cells``, ``stable_cells`` and
    ``landslide_share``; a cell counts once for every window that holds it."""
    settings: TrainingSettings
    """As used: ``physics`` is ``none`` when there was no safety factor, and an automatic weight is a number."""
    warnings: list[str]
    device: str
    precision: str


def train_pcum(stack: str | os.PathLike, labels: str | os.PathLike, output: str | os.PathLike, *,
               safety_factor: str | os.PathLike | None = None, settings: TrainingSettings | None = None,
               checkpoint: str | os.PathLike | None = None, output_html: str | os.PathLike | None = None,
               progress: Progress) -> TrainingResult:
    """Train a physics-constrained U-Net (Zhang and Deng 2026) and write the model file.

    Args:
        stack: factor stack.
        labels: label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown.
        output: the model file, ``.safetensors``.
        safety_factor: safety factor on the stack's grid; without it the physics term cannot be computed, and the
            network trains without it and says so.
        settings: of the training; the defaults otherwise.
        checkpoint: file for the state of the run; when it exists, the run goes on from it.
        output_html: report with the curves.
        progress: hears how far it is.

    Raises:
        GridMismatch: labels or safety factor lie on another grid.
        TooFewData: there are too few landslides or stable cells for three subsets.
        ParameterInvalid: a setting does not fit the data, or the checkpoint belongs to another run.
        DeviceUnavailable: the device asked for is not there.
        OutputNotWritable: an output cannot be written.
        ScarpError: an input cannot be read; see ``open_stack`` and ``open_raster``.
    """
    progress = noted = _Noting(progress)
    settings = settings or TrainingSettings()
    for path in (output, output_html, checkpoint):
        if path is not None:
            check_writable(path)
    choose_precision(settings.precision, choose_device(settings.device))
    asked = {parameter_name(name): value for name, value in settings.as_dict().items()}
    asked["CHECKPOINT"] = None if checkpoint is None else str(checkpoint)
    record = RunRecord("trainpcum", asked, {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety_factor})
    settings = _with_physics(settings, safety_factor, progress)
    with open_stack(stack) as opened, _on_grid(labels, "label", opened) as label_raster, \
            _on_grid(safety_factor, "safety factor", opened) as safety_raster:
        collected = collect_windows(opened, label_raster, safety_raster, window=settings.window,
                                    block=settings.block, spatial=settings.split != "random",
                                    align=2 ** settings.depth, seed=settings.seed, progress=Part(progress, 0.0, 0.08))
        factors, grid = opened.factors, opened.grid
    subsets = _describe(collected.windows)
    settings = _with_weight(settings, subsets[0], progress)
    _report_windows(subsets, collected, settings, progress)
    fitted = fit_network(collected.windows, factors, settings, Part(progress, 0.08, 0.97), checkpoint)
    model = _model(fitted, settings, grid, {"subsets": subsets, "labels": label_settings(labels)})
    save_model(model, output)
    result = TrainingResult(str(output), sha256(output), fitted.metrics, fitted.history,
                            collected.windows.features(grid, settings.seed), subsets, settings, noted.warnings,
                            fitted.device, fitted.precision)
    _report_result(result, progress)
    if output_html is not None:
        from .training_page import write_training_page

        write_training_page(output_html, result, model, stack, labels, safety_factor)
    record.write({"OUTPUT": output, "OUTPUT_HTML": output_html}, metrics=result.metrics, windows=subsets,
                 settings_used=settings.as_dict(), seed=settings.seed, device=result.device,
                 precision=result.precision, warnings=result.warnings)
    progress.report(1.0)
    return result


class _Noting(Part):
    """Passes everything on and keeps the warnings for report and record."""

    def __init__(self, whole: Progress) -> None:
        super().__init__(whole, 0.0, 1.0)
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        super().warn(text)


def _with_physics(settings: TrainingSettings, safety_factor: Any, progress: Progress) -> TrainingSettings:
    if safety_factor is not None or settings.physics == NONE:
        return settings
    progress.warn(f"PHYSICS is {settings.physics}, but no SAFETY_FACTOR was given, so the model is trained without the "
                  "physics constraint, as a plain U-Net with these weights. Build a safety factor first, or choose "
                  "PHYSICS=none.")
    return dataclasses.replace(settings, physics=NONE)


def _with_weight(settings: TrainingSettings, train: dict[str, Any], progress: Progress) -> TrainingSettings:
    """Put a number in the place of an automatic weight: both classes count the same over the training windows."""
    if settings.weight_landslide > 0:
        return settings
    weight = settings.weight_stable * train["stable_cells"] / train["landslide_cells"]
    weight = min(float(f"{weight:.3g}"), limits("weight_landslide")[1])
    progress.report(0.08, f"WEIGHT_LANDSLIDE is automatic: {weight:g}, so that landslide and stable cells count the "
                          "same.")
    return dataclasses.replace(settings, weight_landslide=weight)


@contextlib.contextmanager
def _on_grid(path: str | os.PathLike | None, role: str, stack: Stack) -> Iterator[rasterio.DatasetReader | None]:
    """Open a raster that must lie on the stack's grid; nothing for no path."""
    if path is None:
        yield None
        return
    with open_raster(path, role) as dataset:
        stack.grid.require_same(Grid.of(dataset, role), "factor stack", f"{role} raster")
        yield dataset


def _describe(windows: WindowSet) -> list[dict[str, Any]]:
    shares, result = windows.landslide_shares(), []
    for number, name in enumerate(SUBSETS):
        some = windows.of(number)
        counts = np.bincount(windows.labels[some].ravel(), minlength=256)
        slides, stable = int(counts[LANDSLIDE]), int(counts[STABLE])
        result.append({"name": name, "windows": len(some), "landslide_windows": int((shares[some] > 0).sum()),
                       "landslide_cells": slides, "stable_cells": stable,
                       "landslide_share": slides / (slides + stable)})
    return result


def _report_windows(subsets: list[dict[str, Any]], collected: Collected, settings: TrainingSettings,
                    progress: Progress) -> None:
    windows = collected.windows
    counts = ", ".join(f"{item['windows']} {item['name']}" for item in subsets)
    progress.report(0.08, f"{len(windows)} windows of {windows.side} × {windows.side} cells: {counts}. Landslide cells "
                          f"are {100 * subsets[0]['landslide_share']:.1f} % of the training cells.")
    if collected.split is None:
        progress.warn("SPLIT is random, as published: neighbouring windows overlap between training and test, so the "
                      "numbers are better than they would be in another place. Use SPLIT=spatial_blocks for an honest "
                      "figure.")
    if windows.safety is not None:
        known = np.isfinite(windows.safety[windows.of(0)])
        if not known.any():
            raise ParameterInvalid("The safety factor has no data in any training window. Check that it covers the "
                                   "area of the labels.")
        with np.errstate(invalid="ignore"):
            warned = (windows.safety[windows.of(0)] < settings.fs_critical).sum()
        progress.report(0.08, f"The safety factor is below {settings.fs_critical:g} in "
                              f"{100 * warned / known.sum():.1f} % of the training cells.")
        if not warned and settings.physics != NONE:
            progress.warn(f"No training cell has a safety factor below {settings.fs_critical:g}, so the physics "
                          "constraint has no effect here.")


def label_settings(labels: str | os.PathLike) -> dict[str, Any]:
    """Return the parameters that a label raster was made with, from the run record beside it; empty without one."""
    try:
        record = json.loads(Path(f"{labels}{RECORD_SUFFIX}").read_text(encoding="utf-8"))
        found = {str(name): value for name, value in record["parameters"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    # A model file stands on its own, so only what it may hold goes in.
    return found if len(json.dumps(found)) < 10000 and plain_values(found) else {}


def _model(fitted: FittedNetwork, settings: TrainingSettings, grid: Grid, training: dict[str, Any]) -> TrainedModel:
    return TrainedModel(
        kind="pcum", architecture=fitted.architecture, encoding=settings.encoding, factors=fitted.factors,
        pixel_size=grid.cell_size(), settings=settings.as_dict(), seed=settings.seed, history=fitted.history,
        metrics=fitted.metrics, training={**training, "device": fitted.device, "precision": fitted.precision},
        versions=versions(), network=fitted.network)


def _report_result(result: TrainingResult, progress: Progress) -> None:
    metrics = result.metrics
    violation = metrics["violation_rate"]
    progress.report(0.98, f"On the test windows: AUC {metrics['auc']:.3f}, recall {100 * metrics['recall']:.0f} %, "
                          f"accuracy {100 * metrics['accuracy']:.0f} %"
                    + (f", violation rate {100 * violation:.1f} %" if violation is not None else "")
                    + f"; weights of epoch {metrics['best_epoch']} of {metrics['epochs']}.")
