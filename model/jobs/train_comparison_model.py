"""Train what PCUM is compared with: other networks, and models of single cells."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..artifact import save_model
from ..classical.fit import fit_cell_model
from ..history.writing import TrainingLog
from ..outputs.atomic import RunRecord, check_writable, sha256
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.lineage import training_inputs, warn_stale_inputs
from ..stack import Stack, open_stack
from ..training.devices import choose_device, training_precision
from ..training.fit import FittedNetwork, TrainingResult, fit_network, label_patches
from ..training.settings import (
    CELL_KINDS,
    PATCH_KINDS,
    TITLES,
    TrainingSettings,
    enforce_kind_settings,
    parameter_name,
    patch_cells,
    summary,
    window_alignment,
)
from ..windows.cells import CellSet
from ..windows.collection import CellCollection, WindowCollection, collect_cells, collect_windows
from ..windows.split import NO_SUBSET, SUBSETS
from .training_run import (
    describe_windows,
    keep_model_if_report_fails,
    label_settings,
    open_on_grid,
    start_training_log,
    trained_model,
    with_class_weight,
)


def train_comparison_model(
    kind: str,
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    output: str | os.PathLike,
    *,
    settings: TrainingSettings,
    checkpoint: str | os.PathLike | None = None,
    output_html: str | os.PathLike | None = None,
    progress: Progress,
) -> TrainingResult:
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
    settings = enforce_kind_settings(kind, settings)
    progress = warning_log = WarningLog(progress)
    for path in (output, output_html, checkpoint):
        if path is not None:
            check_writable(path)
    training_precision(settings.precision, choose_device(settings.device))
    requested_settings = {parameter_name(name): value for name, value in settings.as_dict().items()}
    record = RunRecord(
        "traincomparisonmodel",
        {"KIND": kind, **requested_settings, "CHECKPOINT": None if checkpoint is None else str(checkpoint)},
        {"STACK": stack, "LABELS": labels},
    )
    warn_stale_inputs({"factor stack": stack, "labels": labels}, progress)
    with start_training_log(kind, output, settings, progress, output_html) as log:
        with open_stack(stack) as opened, open_on_grid(labels, "label", opened) as label_raster:
            grid, factors = opened.grid, opened.factors
            collected = (_collect_cells if kind in CELL_KINDS else _collect_windows)(
                kind, opened, label_raster, settings, SubProgress(progress, 0.0, 0.08)
            )
        if isinstance(collected, CellCollection):
            fitted, settings, subsets = _train_cells(kind, collected, factors, settings, progress)
        else:
            fitted, settings, subsets = _train_windows(
                kind, collected, factors, settings, grid.cell_size(), checkpoint, progress, log
            )
        training = {"subsets": subsets, "labels": label_settings(labels), **training_inputs(record.inputs(), grid)}
        model = trained_model(kind, fitted, settings, grid, training)
        save_model(model, output)
        windows = collected if isinstance(collected, CellCollection) else collected.windows
        result = TrainingResult(
            str(output),
            sha256(output),
            fitted.metrics,
            fitted.history,
            windows.features(grid, settings.seed),
            subsets,
            settings,
            warning_log.warnings,
            fitted.device,
            fitted.precision,
            fitted.ended,
        )
        _report_result(result, progress)
        if output_html is not None:
            from ..report.training import write_comparison_page

            cells = collected.cells if isinstance(collected, CellCollection) else None
            with keep_model_if_report_fails(output):
                write_comparison_page(output_html, result, model, cells, stack, labels, progress)
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


def _collect_windows(
    kind: str, stack: Stack, labels: Any, settings: TrainingSettings, progress: Progress
) -> WindowCollection:
    return collect_windows(
        stack,
        labels,
        None,
        window=settings.window,
        block=settings.block,
        spatial=settings.split != "random",
        align=window_alignment(kind, settings, stack.grid.cell_size()),
        seed=settings.seed,
        progress=progress,
        least=1 if kind in PATCH_KINDS else 2,
    )


def _collect_cells(
    kind: str, stack: Stack, labels: Any, settings: TrainingSettings, progress: Progress
) -> CellCollection:
    return collect_cells(
        stack, labels, block=settings.block, spatial=settings.split != "random", seed=settings.seed, progress=progress
    )


def _train_windows(
    kind: str,
    collected: WindowCollection,
    factors: Any,
    settings: TrainingSettings,
    cell: float,
    checkpoint: Any,
    progress: Progress,
    log: TrainingLog,
) -> tuple[FittedNetwork, TrainingSettings, list[dict[str, Any]]]:
    patch, windows = patch_cells(kind, cell), collected.windows
    # Weight and numbers are of what the network is shown: for a patch that is its one answer.
    subsets = describe_windows(label_patches(windows, patch))
    settings = with_class_weight(settings, subsets[0], progress)
    counts = ", ".join(f"{item['windows']} {item['name']}" for item in subsets)
    progress.report(
        0.08,
        f"{len(windows)} windows of {windows.side} × {windows.side} cells: {counts}. Landslide "
        f"{'patches' if patch > 1 else 'cells'} are {100 * subsets[0]['landslide_share']:.1f} % of "
        "those for training.",
    )
    if patch > 1:
        progress.report(0.08, f"The {TITLES[kind]} judges {patch} × {patch} cells ({patch * cell:.0f} m) as a whole.")
    _warn_random_split(collected.split, progress)
    progress.report(0.08, f"Settings: {summary(settings)}.")
    fitted = fit_network(
        windows, factors, settings, SubProgress(progress, 0.08, 0.97), checkpoint, kind=kind, cell=cell, log=log
    )
    return fitted, settings, subsets


def _train_cells(
    kind: str, collected: CellCollection, factors: Any, settings: TrainingSettings, progress: Progress
) -> tuple[FittedNetwork, TrainingSettings, list[dict[str, Any]]]:
    subsets = _describe_cells(collected)
    learned = collected.cells.rows(0, 1)
    progress.report(
        0.08,
        f"{len(learned):,} cells to learn from, {int(collected.cells.labels[learned].sum()):,} of "
        f"them landslide; {len(collected.cells) - len(learned):,} to test on.",
    )
    _warn_random_split(collected.split, progress)
    fitted = fit_cell_model(kind, collected.cells, factors, settings, SubProgress(progress, 0.08, 0.97))
    return fitted, settings, subsets


def _describe_cells(collected: CellCollection) -> list[dict[str, Any]]:
    """Return for each subset what :attr:`TrainingResult.subsets` says, with blocks as windows."""
    totals = _totals(collected.cells)
    table = None if collected.split is None else collected.split.subsets
    result = []
    for number, name in enumerate(SUBSETS):
        mine = np.zeros(0, dtype=bool) if table is None else (table == number) & (table != NO_SUBSET)
        stable, slides = (int(total) for total in totals[number])
        result.append(
            {
                "name": name,
                "windows": int(mine.sum()),
                "landslide_windows": int((mine & (collected.survey.landslide > 0)).sum()) if mine.any() else 0,
                "landslide_cells": slides,
                "stable_cells": stable,
                "landslide_share": slides / max(slides + stable, 1),
            }
        )
    return result


def _totals(cells: CellSet) -> np.ndarray:
    if cells.totals is not None:
        return cells.totals
    return np.array(
        [
            [int(((cells.subsets == number) & (cells.labels == label)).sum()) for label in (0, 1)]
            for number in range(len(SUBSETS))
        ]
    )


def _warn_random_split(split: Any, progress: Progress) -> None:
    if split is None:
        progress.warn(
            "SPLIT is random, as published: training and test are neighbours, so the numbers are better "
            "than they would be in another place. Use SPLIT=spatial_blocks for an honest figure."
        )


def _report_result(result: TrainingResult, progress: Progress) -> None:
    metrics = result.metrics
    if metrics["auc"] is None:
        progress.report(0.98, "There is no test: the test blocks lack landslide cells or stable ones.")
        return
    where = "windows" if result.history else "blocks"
    text = (
        f"On the test {where}: AUC {metrics['auc']:.3f}, recall {100 * metrics['recall']:.0f} %, accuracy "
        f"{100 * metrics['accuracy']:.0f} %"
    )
    if result.history:
        text += f"; weights of epoch {metrics['best_epoch']} of {metrics['epochs']}"
    progress.report(0.98, f"{text}.")
