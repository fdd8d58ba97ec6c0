"""The report of a comparison model: numbers, what it learned, windows or blocks, factors and settings."""

from __future__ import annotations

import os
from pathlib import Path

from ..artifact import TrainedModel
from ..classical.describe import class_rows, coefficients, worth_of_factors
from ..classical.fit import encoded
from ..progress import Progress
from ..report.page import Page
from ..training.kinds import CELL_KINDS, RATIO, REGRESSION, TABLE_KINDS, TITLES
from ..training.settings import parameter_name
from ..windows.cells import CellSet
from ..windows.reading import TEST
from .training_page import curves_figure, factor_row, windows_figure
from .training_run import TrainingResult


def write_comparison_page(path: str | os.PathLike, result: TrainingResult, model: TrainedModel, cells: CellSet | None,
                          stack: str | os.PathLike, labels: str | os.PathLike, progress: Progress) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        result: of the training.
        model: as saved.
        cells: that a model of single cells learned from; ``None`` for networks.
        stack: factor stack, for the subtitle.
        labels: label raster, for the subtitle.
        progress: asked whether to stop.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    what = "block" if model.kind in CELL_KINDS else "window"
    page = Page(f"Training: {TITLES[model.kind]}",
                f"From {Path(stack).name}, {Path(labels).name}; model {Path(result.model).name}",
                progress)
    for warning in result.warnings:
        page.warning(warning)
    _numbers(page, result, what)
    if cells is not None:
        _learned(page, model, cells, progress)
    else:
        page.figure("Training", curves_figure(result.history, int(result.metrics["best_epoch"] or 1)),
                    "Each epoch is one pass over the training windows. The dotted line marks the epoch with the "
                    "lowest validation loss, whose weights the model has. Training numbers are measured while dropout "
                    "is on, so they can be worse than those of validation.")
    heading = f"{what.capitalize()}s"
    if result.windows:
        page.figure(heading, windows_figure(result, stack), f"Where the {what}s lie and what they serve. Filled ones "
                    "hold landslide cells.")
        heading = ""
    page.table(heading, ["Subset", f"{what.capitalize()}s", "With landslides", "Landslide cells", "Stable cells",
                         "Landslide share, %"],
               [[item["name"], item["windows"], item["landslide_windows"], item["landslide_cells"],
                 item["stable_cells"], 100 * item["landslide_share"]] for item in result.subsets],
               "A cell counts once for every window that holds it, and as the patch it lies in where the model judges "
               "whole patches." if what == "window" else "All labelled cells; the model learns from a sample of them.")
    page.table("Factors", ["Factor", "Kind", "Unit", "Mean", "Standard deviation", "Trained range or classes"],
               [factor_row(spec) for spec in model.factors], f"All from labelled cells of {what}s to learn from.")
    page.settings("Settings", {parameter_name(name): value for name, value in model.settings.items()},
                  f"Trained on {result.device} in {result.precision}. What {TITLES[model.kind]} has no use for had no "
                  "effect.")
    page.write(path)


def _numbers(page: Page, result: TrainingResult, what: str) -> None:
    metrics = result.metrics
    page.key_numbers([
        ("AUC", metrics["auc"], f"Test {what}s: how well the model ranks landslide cells above stable ones; 0.5 is "
                                "chance, 1 is perfect."),
        ("Recall", metrics["recall"], f"Test {what}s: share of landslide cells with a susceptibility of at least "
                                      "0.5."),
        ("Accuracy", metrics["accuracy"], f"Test {what}s: share of cells on the right side of 0.5. Where landslides "
                                          "are rare it says little."),
    ])


def _learned(page: Page, model: TrainedModel, cells: CellSet, progress: Progress) -> None:
    rows = cells.rows(TEST)
    falls = worth_of_factors(model.network, model.encoder, encoded(model.encoder, cells.values[rows]),
                             cells.labels[rows], model.seed, progress)
    if falls:
        page.table("What the factors are worth", ["Factor", "Fall of the AUC"], [list(fall) for fall in falls],
                   "By how much the AUC of the test blocks falls when the values of one factor are shuffled among the "
                   "cells. A factor that others can replace falls little.")
    if model.kind == REGRESSION:
        page.table("Coefficients", ["Factor", "Class", "Coefficient"],
                   [list(row) for row in coefficients(model.network, model.encoder)],
                   "Of the logit, for one standard deviation of a continuous factor or for being of a class.")
    elif model.kind in TABLE_KINDS:
        name = "Frequency ratio" if model.kind == RATIO else "Contrast"
        note = ("Share of the landslide cells in a class ÷ its share of the area; above 1 there are more landslides "
                "than elsewhere." if model.kind == RATIO else
                "W+ − W−: above 0 there are more landslides in the class than elsewhere.")
        page.table(name, ["Factor", "Class or range", name],
                   [list(row) for row in class_rows(model.kind, model.network, model.encoder)], note)
