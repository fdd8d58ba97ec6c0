"""Train PCUM and the simple kinds of model on the same folds, and keep the best, or the simplest of those as good."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..artifact import TrainedModel
from ..classical.fit import cell_metrics
from ..classical.folded_fit import FoldedFit, fit_by_folds
from ..comparison.kinds import KINDS_TRIED, TABLE_COLUMNS, KindChoice, choose_kind
from ..grid import Grid
from ..labels import UNKNOWN
from ..progress import Progress, SubProgress
from ..report.settings import DocumentDetails
from ..tables import write_table
from ..training.areas import MoreAreas, match_areas, open_areas
from ..training.fit import TrainingResult
from ..training.settings import PCUM, RECOMMENDED, TITLES, TrainingSettings, settings_of_kind
from ..validation.unseen_land import ScoredCells, evaluate
from ..windows.split import TEST, TRAIN
from .cross_fitted import CrossFittedRun, train_by_cross_fitting
from .physics import with_physics_setting
from .train_pcum import TrainingRun

_PCUM_SHARE = 0.35  # of the progress


def train_best_model(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    output: str | os.PathLike,
    *,
    safety_factor: str | os.PathLike | None = None,
    settings: TrainingSettings | None = None,
    output_html: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    output_out_of_fold: str | os.PathLike | None = None,
    more_stacks: Sequence[str | os.PathLike] = (),
    more_labels: Sequence[str | os.PathLike] = (),
    more_safety_factors: Sequence[str | os.PathLike] = (),
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> TrainingResult:
    """Train :data:`~..comparison.kinds.KINDS_TRIED` by cross-fitting, choose one and write its model file.

    All learn from the same cells and are judged out of fold on the same cells; see
    :func:`~..comparison.kinds.choose_kind`. The one that is kept is trained on all land, as the others were.

    Args:
        settings: those of PCUM by cross-fitting; the other kinds take seed and weights from them.
        output_table: CSV with one row per kind.

    The other arguments and the errors are those of :func:`.train_pcum.train_pcum`.
    """
    settings = settings or settings_of_kind(PCUM, RECOMMENDED, {})
    inputs = {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety_factor}
    outputs = {"OUTPUT": output, "OUTPUT_HTML": output_html, "OUTPUT_OUT_OF_FOLD": output_out_of_fold}
    outputs |= {"OUTPUT_TABLE": output_table, "OUTPUT_DOCUMENT": output_document}
    more = MoreAreas(more_stacks, more_labels, more_safety_factors)
    run = TrainingRun(PCUM, settings, inputs, outputs, None, progress, more, details, "trainbestmodel")
    areas = run.areas = match_areas(stack, labels, safety_factor, more)
    known = next((area.safety_factor for area in areas if area.safety_factor is not None), None)
    run.settings = with_physics_setting(run.settings, known, run.progress)
    names = [area.name for area in areas]
    with run.start_log() as log:
        with open_areas(areas, run.progress) as opened:
            grids = [rasters.grid for rasters in opened]
            with run.complete_settings(opened, SubProgress(run.progress, 0.0, 0.05)):
                began = time.perf_counter()
                part = SubProgress(run.progress, 0.05, _PCUM_SHARE)
                pcum = train_by_cross_fitting(opened, run.settings, part, log=log, names=names)
                seconds = {PCUM: time.perf_counter() - began}
        runs: dict[str, CrossFittedRun] = {PCUM: pcum}
        others = [kind for kind in KINDS_TRIED if kind != PCUM]
        for number, kind in enumerate(others):
            share = (0.9 - _PCUM_SHARE) / len(others)
            part = SubProgress(run.progress, *(_PCUM_SHARE + share * step for step in (number, number + 1)))
            part.report(0.0, f"{TITLES[kind][:1].upper()}{TITLES[kind][1:]}, on the same folds.")
            began = time.perf_counter()
            runs[kind] = _fit(kind, pcum, [grid.width for grid in grids], names, part)
            seconds[kind] = time.perf_counter() - began
        choice = _choose(run, runs, seconds, grids[0])
        run.kind, chosen = choice.chosen, runs[choice.chosen]
        run.record.content["parameters"]["KIND"] = choice.chosen
        run.chosen = {"kinds": choice.rows(), "chosen": f"{choice.text} {choice.note}"}
        for text in (*_lines(choice), choice.text, choice.note):
            run.progress.report(0.93, text)
        if output_table is not None:
            write_table(output_table, TABLE_COLUMNS, [[row[name] for name in TABLE_COLUMNS] for row in choice.rows()])
        return run.finish(chosen.result.fitted, chosen, grids[0], log)


@dataclasses.dataclass
class SimpleKindRun(CrossFittedRun):
    """A kind of model of single cells, trained in the folds of PCUM."""

    where, note = "Out of fold", ""

    def describe(self) -> dict[str, Any]:
        """Return what the model file tells of the areas, where there are several."""
        return {"areas": self.areas} if self.areas else {}

    def add_uncertainty(self, model: TrainedModel) -> None:
        """Add nothing: the interval of the landslide density, and models of the folds, are PCUM's."""

    def give_index(self, model: TrainedModel, run: TrainingRun, grid: Grid) -> None:
        """Give none: the applicability index is made from PCUM's curves."""


def _fit(
    kind: str, pcum: CrossFittedRun, widths: Sequence[int], names: Sequence[str], progress: Progress
) -> SimpleKindRun:
    cells, settings = pcum.cells, pcum.settings
    found: FoldedFit = fit_by_folds(kind, cells, widths, pcum.result.fitted.factors, settings, progress)
    of_kind = dataclasses.replace(
        pcum.result,
        fitted=found.fitted,
        out_of_fold=found.out_of_fold,
        on_training=found.on_training,
        of_folds=found.of_folds,
        fold_architectures=[],
    )
    some = np.isfinite(found.out_of_fold) & (cells.labels != UNKNOWN)
    numbers = cell_metrics(torch.from_numpy(found.out_of_fold[some]), cells.labels[some], cells.counts[some], settings)
    found.fitted.metrics.update(numbers)
    return SimpleKindRun(cells, of_kind, settings, names)


def _choose(
    run: TrainingRun, runs: Mapping[str, CrossFittedRun], seconds: Mapping[str, float], grid: Grid
) -> KindChoice:
    part, areas, seed = SubProgress(run.progress, 0.9, 0.92), run.area_grids(grid), run.settings.seed
    tests: dict[str, ScoredCells] = {}
    metrics = {}
    for kind, one in runs.items():
        tests[kind], train = (one.scores(subset, one.result.fitted, grid, part) for subset in (TEST, TRAIN))
        metrics[kind] = evaluate(tests[kind], train, areas, seed)
    held_out = runs[PCUM].cells.roles == TEST
    fold_of = held_out.argmax(axis=0)[held_out.any(axis=0)]
    return choose_kind(tests, metrics, seconds, fold_of, areas, seed)


def _lines(choice: KindChoice) -> list[str]:
    """Return a line of the log for each kind."""
    lines = []
    for one in choice.results:
        auc, low, high = (one.metrics[name] for name in ("auc", "auc_low", "auc_high"))
        text = f"{TITLES[one.kind]}: AUC {auc:.3f} out of fold"
        text += "" if low is None else f" ({low:.3f} to {high:.3f})"
        if one.kind != choice.best:
            text += f", {one.behind.value:.3f} behind the best"
            text += f" ({one.behind.low:.3f} to {one.behind.high:.3f})" if one.behind.has_interval else ""
        lines.append(f"{text}; {one.seconds:.0f} s.".replace("(-", "(−").replace("to -", "to −"))
    return lines
