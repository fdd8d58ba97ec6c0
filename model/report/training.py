"""The report of a training run: numbers, curves, windows, factors and settings.
The report of a comparison model: numbers, what it learned, windows or blocks, factors and settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..artifact import TrainedModel
from ..classical.fit import encoded
from ..classical.permutation_importance import class_weight_rows, coefficients, permutation_importance
from ..grid import Grid
from ..progress import Progress
from ..training.fit import TrainingResult
from ..training.settings import CELL_KINDS, FREQUENCY_RATIO, REGRESSION, TABLE_KINDS, TITLES, parameter_name
from ..windows.cells import CellSet
from ..windows.reading import TEST
from ..windows.split import SUBSETS
from .charts import BLUE, GREEN, SOFT, VERMILION, new_figure, style
from .hillshade import compute_hillshade, relief_of_stack
from .maps import MapImage, draw_north_arrow, draw_scale_bar
from .page import Page

_COLOURS = {"train": BLUE, "validation": GREEN, "test": VERMILION}
_LONGEST = 420
_CURVES = (("loss", "Loss"), ("accuracy", "Accuracy"), ("recall", "Recall"), ("violation_rate", "Violation rate"))


def write_training_page(
    path: str | os.PathLike,
    result: TrainingResult,
    model: TrainedModel,
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    safety_factor: str | os.PathLike | None,
    progress: Progress,
) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        result: of the training.
        model: as saved.
        stack: factor stack, for the subtitle.
        labels: label raster, for the subtitle.
        safety_factor: safety factor, if there was one.
        progress: asked whether to stop.

    Raises:
        OutputNotWritable: the file cannot be written.
        Cancelled: by the user.
    """
    inputs = [Path(item).name for item in (stack, labels, safety_factor) if item is not None]
    page = Page("Training of PCUM", f"From {', '.join(inputs)}; model {Path(result.model).name}", progress)
    for warning in result.warnings:
        page.warning(warning)
    _numbers(page, result)
    page.figure(
        "Training",
        history_figure(result.history, result.metrics["best_epoch"]),
        "Each epoch is one pass over the training windows. The dotted line marks the epoch with the lowest "
        "validation loss, whose weights the model has. Training numbers are measured while dropout is on, so "
        "they can be worse than those of validation.",
    )
    page.figure(
        "Windows",
        windows_figure(result, stack),
        "Where the windows lie and what they serve. Cells of another "
        "subset inside a window are hidden from it. Filled windows hold landslide cells.",
    )
    page.table(
        "",
        ["Subset", "Windows", "With landslides", "Landslide cells", "Stable cells", "Landslide share, %"],
        [
            [
                item["name"],
                item["windows"],
                item["landslide_windows"],
                item["landslide_cells"],
                item["stable_cells"],
                100 * item["landslide_share"],
            ]
            for item in result.subsets
        ],
        "A cell counts once for every window that holds it.",
    )
    page.table(
        "Factors",
        ["Factor", "Kind", "Unit", "Mean", "Standard deviation", "Trained range or classes"],
        [factor_row(spec) for spec in model.factors],
        "All from labelled cells of training windows only.",
    )
    page.settings(
        "Settings",
        {parameter_name(name): value for name, value in model.settings.items()},
        f"Trained on {result.device} in {result.precision}{_start(model)}.",
    )
    page.write(path)


def _numbers(page: Page, result: TrainingResult) -> None:
    metrics = result.metrics
    numbers = [
        (
            "AUC",
            metrics["auc"],
            "Test windows: how well the model ranks landslide cells above stable ones; 0.5 is chance, 1 is perfect.",
        ),
        ("Recall", metrics["recall"], "Test windows: share of landslide cells with a susceptibility of at least 0.5."),
        (
            "Accuracy",
            metrics["accuracy"],
            "Test windows: share of cells on the right side of 0.5. Where landslides are rare it says little.",
        ),
    ]
    if metrics["violation_rate"] is not None:
        numbers.append(
            (
                "Violation rate",
                metrics["violation_rate"],
                f"Test windows: share of cells under a warning (safety factor below "
                f"{result.settings.fs_critical:g}) with a susceptibility below {result.settings.p_low:g}.",
            )
        )
    page.key_numbers(numbers)


def _start(model: TrainedModel) -> str:
    start = model.training.get("start_from")
    return f", from the weights of {start['name']} on" if start else ""


def factor_row(spec: Any) -> list[Any]:
    """Return name, kind, unit, mean, standard deviation, and range or classes of a factor."""
    if spec.is_categorical:
        classes = ", ".join(spec.classes.get(code, str(code)) for code in spec.seen)
        return [spec.name, spec.kind, "", None, None, classes]
    return [spec.name, spec.kind, spec.unit, spec.mean, spec.std, f"{spec.minimum:.4g} to {spec.maximum:.4g}"]


def history_figure(history: list[dict[str, Any]], best_epoch: int) -> Figure:
    """Return loss, accuracy, recall and violation rate by epoch (the paper's figure 7, and more)."""
    shown = [
        (name, title) for name, title in _CURVES if any(epoch[f"validation_{name}"] is not None for epoch in history)
    ]
    with style():
        figure = new_figure(2.2 * ((len(shown) + 1) // 2))
        axes = figure.subplots((len(shown) + 1) // 2, 2, squeeze=False).ravel()
        epochs = [epoch["epoch"] for epoch in history]
        for axis, (name, title) in zip(axes, shown):
            for subset, dash in (("train", "-"), ("validation", "--")):
                values = [epoch[f"{subset}_{name}"] for epoch in history]
                axis.plot(
                    epochs,
                    [float("nan") if value is None else value for value in values],
                    dash,
                    color=_COLOURS[subset],
                    label=subset,
                    marker="." if len(epochs) < 3 else None,
                )
            axis.axvline(best_epoch, color=SOFT, linestyle=":", linewidth=1)
            axis.set_title(title)
            axis.set_xlabel("Epoch")
        axes[0].legend()
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
    return figure


def windows_figure(result: TrainingResult, stack: str | os.PathLike) -> Figure:
    """Return a map of the windows, coloured by subset, over the relief of the stack if it is known."""
    windows = result.windows
    left, right = min(item.left for item in windows), max(item.right for item in windows)
    bottom, top = min(item.bottom for item in windows), max(item.top for item in windows)
    with style():
        figure = new_figure(min(7.0, max(2.5, 5.0 * (top - bottom) / (right - left))))
        axis = figure.subplots()
        place = _draw_relief(axis, stack, (left, bottom, right, top))
        for item in windows:
            colour = _COLOURS[item.subset]
            axis.add_patch(
                Rectangle(
                    (item.left, item.bottom),
                    item.right - item.left,
                    item.top - item.bottom,
                    facecolor=colour if item.kind == "landslide" else "none",
                    edgecolor=colour,
                    alpha=0.35,
                    linewidth=0.5,
                )
            )
        axis.set_xlim(left, right)
        axis.set_ylim(bottom, top)
        axis.grid(False)
        axis.set_aspect(place.metres_north / place.metres_east)
        draw_scale_bar(axis, place)
        draw_north_arrow(axis)
        axis.ticklabel_format(useOffset=False, style="plain")
        axis.tick_params(labelsize=7)
        axis.legend(
            handles=[Patch(color=_COLOURS[name], label=name) for name in SUBSETS],
            loc="upper left",
            bbox_to_anchor=(1, 1),
        )
    return figure


def _draw_relief(axis: Axes, stack: str | os.PathLike, bounds: tuple[float, float, float, float]) -> MapImage:
    """Lay the relief into axes, if it is known, and return the place that they show."""
    left, bottom, right, top = bounds
    grid = Grid.from_file(stack, "factor stack")
    widths, heights = grid.spacing(grid.height // 2, 1)
    east, north = float(widths[0]) / abs(grid.transform.a), float(heights[0]) / abs(grid.transform.e)
    factor = _LONGEST / max((right - left) * east, (top - bottom) * north)
    shape = max(2, round((top - bottom) * north * factor)), max(2, round((right - left) * east * factor))
    place = MapImage(np.full(shape, np.nan, dtype=np.float32), bounds, east, north)
    relief = relief_of_stack(stack)
    if relief is not None:
        shade = compute_hillshade(relief, grid.crs, bounds, shape, east, north)
        # Pale, so that the windows stand out, and in few steps, which make a small picture.
        axis.imshow(np.round(shade * 24) / 24, cmap="gray", vmin=-1.0, vmax=1.0, extent=(left, right, bottom, top))
    return place


def write_comparison_page(
    path: str | os.PathLike,
    result: TrainingResult,
    model: TrainedModel,
    cells: CellSet | None,
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    progress: Progress,
) -> None:
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
    page = Page(
        f"Training: {TITLES[model.kind]}",
        f"From {Path(stack).name}, {Path(labels).name}; model {Path(result.model).name}",
        progress,
    )
    for warning in result.warnings:
        page.warning(warning)
    _comparison_numbers(page, result, what)
    if cells is not None:
        _add_learned_parameters(page, model, cells, progress)
    else:
        page.figure(
            "Training",
            history_figure(result.history, int(result.metrics["best_epoch"] or 1)),
            "Each epoch is one pass over the training windows. The dotted line marks the epoch with the "
            "lowest validation loss, whose weights the model has. Training numbers are measured while dropout "
            "is on, so they can be worse than those of validation.",
        )
    heading = f"{what.capitalize()}s"
    if result.windows:
        page.figure(
            heading,
            windows_figure(result, stack),
            f"Where the {what}s lie and what they serve. Filled ones hold landslide cells.",
        )
        heading = ""
    page.table(
        heading,
        ["Subset", f"{what.capitalize()}s", "With landslides", "Landslide cells", "Stable cells", "Landslide share, %"],
        [
            [
                item["name"],
                item["windows"],
                item["landslide_windows"],
                item["landslide_cells"],
                item["stable_cells"],
                100 * item["landslide_share"],
            ]
            for item in result.subsets
        ],
        "A cell counts once for every window that holds it, and as the patch it lies in where the model judges "
        "whole patches."
        if what == "window"
        else "All labelled cells; the model learns from a sample of them.",
    )
    page.table(
        "Factors",
        ["Factor", "Kind", "Unit", "Mean", "Standard deviation", "Trained range or classes"],
        [factor_row(spec) for spec in model.factors],
        f"All from labelled cells of {what}s to learn from.",
    )
    page.settings(
        "Settings",
        {parameter_name(name): value for name, value in model.settings.items()},
        f"Trained on {result.device} in {result.precision}. What {TITLES[model.kind]} has no use for had no effect.",
    )
    page.write(path)


def _comparison_numbers(page: Page, result: TrainingResult, what: str) -> None:
    metrics = result.metrics
    page.key_numbers(
        [
            (
                "AUC",
                metrics["auc"],
                f"Test {what}s: how well the model ranks landslide cells above stable ones; 0.5 is "
                "chance, 1 is perfect.",
            ),
            (
                "Recall",
                metrics["recall"],
                f"Test {what}s: share of landslide cells with a susceptibility of at least 0.5.",
            ),
            (
                "Accuracy",
                metrics["accuracy"],
                f"Test {what}s: share of cells on the right side of 0.5. Where landslides are rare it says little.",
            ),
        ]
    )


def _add_learned_parameters(page: Page, model: TrainedModel, cells: CellSet, progress: Progress) -> None:
    rows = cells.rows(TEST)
    falls = permutation_importance(
        model.network,
        model.encoder,
        encoded(model.encoder, cells.values[rows]),
        cells.labels[rows],
        model.seed,
        progress,
    )
    if falls:
        page.table(
            "What the factors are worth",
            ["Factor", "Fall of the AUC"],
            [list(fall) for fall in falls],
            "By how much the AUC of the test blocks falls when the values of one factor are shuffled among the "
            "cells. A factor that others can replace falls little.",
        )
    if model.kind == REGRESSION:
        page.table(
            "Coefficients",
            ["Factor", "Class", "Coefficient"],
            [list(row) for row in coefficients(model.network, model.encoder)],
            "Of the logit, for one standard deviation of a continuous factor or for being of a class.",
        )
    elif model.kind in TABLE_KINDS:
        name = "Frequency ratio" if model.kind == FREQUENCY_RATIO else "Contrast"
        note = (
            "Share of the landslide cells in a class ÷ its share of the area; above 1 there are more landslides "
            "than elsewhere."
            if model.kind == FREQUENCY_RATIO
            else "W+ − W−: above 0 there are more landslides in the class than elsewhere."
        )
        page.table(
            name,
            ["Factor", "Class or range", name],
            [list(row) for row in class_weight_rows(model.kind, model.network, model.encoder)],
            note,
        )
