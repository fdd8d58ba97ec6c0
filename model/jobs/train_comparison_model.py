"""Train what PCUM is compared with: other networks, and models of single cells."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..artifact import save_model
from ..classical.fit import fit_cells
from ..files import RunRecord, check_writable, sha256
from ..history.writing import TrainingLog
from ..progress import Noting, Part, Progress
from ..provenance.lineage import warn_of_changes
from ..provenance.origin import training_inputs
from ..stack import Stack, open_stack
from ..training.architectures import patch_labels
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, fit_network
from ..training.kinds import CELL_KINDS, PATCH_KINDS, TITLES, align_of, fitted_settings, patch_of
from ..training.presets import summary
from ..training.settings import TrainingSettings, parameter_name
from ..windows.cells import CellSet
from ..windows.collect import Collected, CollectedCells, collect_cells, collect_windows
from ..windows.split import NO_SUBSET, SUBSETS
from .training_run import (TrainingResult, describe_windows, label_settings, logged,
                           model_stays, on_grid, trained_model, with_weight)


def train_comparison_model(kind: str, stack: str | os.PathLike, labels: str | os.PathLike, output: str | os.PathLike,
                           *, settings: TrainingSettings, checkpoint: str | os.PathLike | None = None,
                           output_html: str | os.PathLike | None = None, progress: Progress) -> TrainingResult:
    """Train one of the systems that PCUM is compared with and write the model file.

    The spatial split has the same blocks as that of ``train_pcum`` with the same BLOCK and SEED, so all kinds are
    tested on the same land. Models of single cells learn from an even sample of the cells of these blocks.

    Args:
        kind: ``unet``, ``bpnn``, ``resnet``, ``logistic_regression``, ``random_forest``, ``frequency_ratio`` or
            ``weights_of_evidence``.
        stack: factor stack.
        labels: label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown.
        output: the model file, ``.safetensors``.
        settings: from ``settings_of_kind``; what a kind has no use for is not looked at.
        checkpoint: file for the state of a network's training; models of single cells need none.
        output_html: report.
        progress: hears how far it is.

    Returns:
        As for ``train_pcum``; for models of single cells ``windows`` are the blocks, and there is no history.

    Raises:
        GridMismatch: the labels lie on another grid.
        TooFewData: there are too few landslides or stable cells for three subsets.
        ParameterInvalid: there is no such kind, a setting does not fit the data, or the checkpoint is another run's.
        DeviceUnavailable: the device asked for is not there.
        OutputNotWritable: an output cannot be written.
        ScarpError: an input cannot be read; see ``open_stack`` and ``open_raster``.
    """
    settings = fitted_settings(kind, settings)
    progress = noted = Noting(progress)
    for path in (output, output_html, checkpoint):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    asked = {parameter_name(name): value for name, value in settings.as_dict().items()}
    record = RunRecord("traincomparisonmodel",
                       {"KIND": kind, **asked, "CHECKPOINT": None if checkpoint is None else str(checkpoint)},
                       {"STACK": stack, "LABELS": labels})
    warn_of_changes({"factor stack": stack, "labels": labels}, progress)
    with logged(kind, output, settings, progress, output_html) as log:
        with open_stack(stack) as opened, on_grid(labels, "label", opened) as label_raster:
            grid, factors = opened.grid, opened.factors
            collected = (_collect_cells if kind in CELL_KINDS else _collect_windows)(
                kind, opened, label_raster, settings, Part(progress, 0.0, 0.08))
        if isinstance(collected, CollectedCells):
            fitted, settings, subsets = _train_cells(kind, collected, factors, settings, progress)
        else:
            fitted, settings, subsets = _train_windows(kind, collected, factors, settings, grid.cell_size(),
                                                       checkpoint, progress, log)
        training = {"subsets": subsets, "labels": label_settings(labels), **training_inputs(record.inputs(), grid)}
        model = trained_model(kind, fitted, settings, grid, training)
        save_model(model, output)
        windows = collected if isinstance(collected, CollectedCells) else collected.windows
        result = TrainingResult(str(output), sha256(output), fitted.metrics, fitted.history,
                                windows.features(grid, settings.seed), subsets, settings, noted.warnings, fitted.device,
                                fitted.precision, fitted.ended)
        _report_result(result, progress)
        if output_html is not None:
            from .comparison_page import write_comparison_page

            cells = collected.cells if isinstance(collected, CollectedCells) else None
            with model_stays(output):
                write_comparison_page(output_html, result, model, cells, stack, labels, progress)
        record.write({"OUTPUT": output, "OUTPUT_HTML": output_html}, metrics=result.metrics, windows=subsets,
                     settings_used=settings.as_dict(), seed=settings.seed, device=result.device,
                     precision=result.precision, ended=result.ended, warnings=result.warnings)
        log.finish(result.ended, result.metrics)
    progress.report(1.0)
    return result


def _collect_windows(kind: str, stack: Stack, labels: Any, settings: TrainingSettings, progress: Progress
                     ) -> Collected:
    return collect_windows(stack, labels, None, window=settings.window, block=settings.block,
                           spatial=settings.split != "random", align=align_of(kind, settings, stack.grid.cell_size()),
                           seed=settings.seed, progress=progress, least=1 if kind in PATCH_KINDS else 2)


def _collect_cells(kind: str, stack: Stack, labels: Any, settings: TrainingSettings, progress: Progress
                   ) -> CollectedCells:
    return collect_cells(stack, labels, block=settings.block, spatial=settings.split != "random", seed=settings.seed,
                         progress=progress)


def _train_windows(kind: str, collected: Collected, factors: Any, settings: TrainingSettings, cell: float,
                   checkpoint: Any, progress: Progress, log: TrainingLog
                   ) -> tuple[FittedNetwork, TrainingSettings, list[dict[str, Any]]]:
    patch, windows = patch_of(kind, cell), collected.windows
    # Weight and numbers are of what the network is shown: for a patch that is its one answer.
    subsets = describe_windows(patch_labels(windows, patch))
    settings = with_weight(settings, subsets[0], progress)
    counts = ", ".join(f"{item['windows']} {item['name']}" for item in subsets)
    progress.report(0.08, f"{len(windows)} windows of {windows.side} × {windows.side} cells: {counts}. Landslide "
                          f"{'patches' if patch > 1 else 'cells'} are {100 * subsets[0]['landslide_share']:.1f} % of "
                          "those for training.")
    if patch > 1:
        progress.report(0.08, f"The {TITLES[kind]} judges {patch} × {patch} cells ({patch * cell:.0f} m) as a whole.")
    _warn_random(collected.split, progress)
    progress.report(0.08, f"Settings: {summary(settings)}.")
    fitted = fit_network(windows, factors, settings, Part(progress, 0.08, 0.97), checkpoint, kind=kind, cell=cell,
                         log=log)
    return fitted, settings, subsets


def _train_cells(kind: str, collected: CollectedCells, factors: Any, settings: TrainingSettings, progress: Progress
                 ) -> tuple[FittedNetwork, TrainingSettings, list[dict[str, Any]]]:
    subsets = _describe_cells(collected)
    learned = collected.cells.rows(0, 1)
    progress.report(0.08, f"{len(learned):,} cells to learn from, {int(collected.cells.labels[learned].sum()):,} of "
                          f"them landslide; {len(collected.cells) - len(learned):,} to test on.")
    _warn_random(collected.split, progress)
    fitted = fit_cells(kind, collected.cells, factors, settings, Part(progress, 0.08, 0.97))
    return fitted, settings, subsets


def _describe_cells(collected: CollectedCells) -> list[dict[str, Any]]:
    """Return for each subset what :attr:`TrainingResult.subsets` says, with blocks as windows."""
    totals = _totals(collected.cells)
    table = None if collected.split is None else collected.split.subsets
    result = []
    for number, name in enumerate(SUBSETS):
        mine = np.zeros(0, dtype=bool) if table is None else (table == number) & (table != NO_SUBSET)
        stable, slides = (int(total) for total in totals[number])
        result.append({"name": name, "windows": int(mine.sum()),
                       "landslide_windows": int((mine & (collected.survey.landslide > 0)).sum()) if mine.any() else 0,
                       "landslide_cells": slides, "stable_cells": stable,
                       "landslide_share": slides / max(slides + stable, 1)})
    return result


def _totals(cells: CellSet) -> np.ndarray:
    if cells.totals is not None:
        return cells.totals
    return np.array([[int(((cells.subsets == number) & (cells.labels == label)).sum()) for label in (0, 1)]
                     for number in range(len(SUBSETS))])


def _warn_random(split: Any, progress: Progress) -> None:
    if split is None:
        progress.warn("SPLIT is random, as published: training and test are neighbours, so the numbers are better "
                      "than they would be in another place. Use SPLIT=spatial_blocks for an honest figure.")


def _report_result(result: TrainingResult, progress: Progress) -> None:
    metrics = result.metrics
    if metrics["auc"] is None:
        progress.report(0.98, "There is no test: the test blocks lack landslide cells or stable ones.")
        return
    where = "windows" if result.history else "blocks"
    text = (f"On the test {where}: AUC {metrics['auc']:.3f}, recall {100 * metrics['recall']:.0f} %, accuracy "
            f"{100 * metrics['accuracy']:.0f} %")
    if result.history:
        text += f"; weights of epoch {metrics['best_epoch']} of {metrics['epochs']}"
    progress.report(0.98, f"{text}.")
