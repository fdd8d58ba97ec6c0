"""Train the models that PCUM is compared with: other networks, and models of single cells."""

from __future__ import annotations

import os

from ..classical.fit import fit_cell_model
from ..progress import Progress, SubProgress
from ..report.settings import DocumentDetails
from ..training.fit import TrainingResult
from ..training.reduced import reduce_cells
from ..training.settings import CELL_KINDS, TrainingSettings, enforce_kind_settings
from ..windows.collection import CellCollection, collect_cells, collect_windows
from ..windows.split import TRAIN, VALIDATION, open_training_rasters
from .train_pcum import TrainingRun, warn_random_split, window_plan
from .trained_on import OnCells


def train_comparison_model(
    kind: str,
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    output: str | os.PathLike,
    *,
    settings: TrainingSettings,
    checkpoint: str | os.PathLike | None = None,
    output_html: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> TrainingResult:
    """Train one of ``COMPARISON_KINDS`` and write the model file; arguments, result and errors are ``train_pcum``'s.

    The spatial split has the same blocks as that of ``train_pcum`` with the same BLOCK and SEED, so all kinds are
    tested on the same area. Models of single cells learn from an even sample of the cells of these blocks; they have
    neither checkpoint nor history, and the ``windows`` of their result are the blocks. Settings come from
    ``settings_of_kind``; those that a kind does not use are ignored.
    """
    settings = enforce_kind_settings(kind, settings)
    inputs = {"STACK": stack, "LABELS": labels}
    outputs = {"OUTPUT": output, "OUTPUT_HTML": output_html, "OUTPUT_DOCUMENT": output_document}
    run = TrainingRun(kind, settings, inputs, outputs, checkpoint, progress, details=details)
    with run.start_log() as log:
        with open_training_rasters(stack, labels, progress=run.progress) as rasters:
            grid, factors, part = rasters.grid, rasters.factors, SubProgress(run.progress, 0.0, 0.08)
            with run.complete_settings([rasters], SubProgress(part, 0.0, 0.2)):
                plan = window_plan(kind, run.settings, grid.cell_size())
                collect = collect_cells if kind in CELL_KINDS else collect_windows
                collected = collect(rasters, plan, SubProgress(part, 0.2, 1.0))
        if isinstance(collected, CellCollection):
            collected.cells, factors = reduce_cells(collected.cells, factors, settings, part)
            cells = collected.cells
            rows = cells.rows(TRAIN, VALIDATION)
            landslide, test = int(cells.labels[rows].sum()), len(cells) - len(rows)
            text = f"{len(rows):,} cells to learn from, {landslide:,} of them landslide; {test:,} to test on."
            run.progress.report(0.08, text)
            warn_random_split(collected, run.progress)
            data = OnCells(collected, encoding=settings.encoding)
            run.balance_classes(*data.subsets()[:2])
            part = SubProgress(run.progress, 0.08, run.fit_end)
            return run.finish(fit_cell_model(kind, cells, factors, run.settings, part), data, grid, log)
        return run.finish(*run.fit_windows(collected, factors, grid.cell_size(), log), grid, log)
