"""The report of a training run: metrics, what the model learned, windows or blocks, factors and settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..artifact import TrainedModel
from ..classical import fit as learned
from ..encoding import FactorSpec
from ..factors.definitions import CONTINUOUS, EMBEDDINGS
from ..grid import Grid
from ..options import parameter_name
from ..progress import Progress
from ..texts import join_names
from ..training.fit import TrainingResult
from ..training.settings import CROSS_FITTED, FREQUENCY_RATIO, GAM, PCUM, REGRESSION, TABLE_KINDS, TITLES
from ..validation.probability import ProbabilityCounts
from ..validation.verdict import Evidence, judge
from ..windows.cells import CellSet
from ..windows.split import TEST
from .applicability import add_applicability
from .charts import BLUE, DASHES, GREEN, INK, SERIES, SOFT, VERMILION, new_figure, style
from .maps import (
    MapImage,
    compute_hillshade,
    draw_north_arrow,
    draw_scale_bar,
    metres_per_unit,
    relief_of_stack,
    write_marks,
)
from .page import Page, percent
from .probability import add_probability

_COLOURS = {"train": BLUE, "validation": GREEN, "test": VERMILION}
_RELIEF_PIXELS = 420
_CURVES_TOGETHER = 9  # panels in a figure
_MARKS = {"validation": "V", "test": "T"}  # in the blocks, for pages printed in grey; folds have their numbers
_CURVES = (("loss", "Loss"), ("accuracy", "Accuracy"), ("recall", "Recall"), ("violation_rate", "Violation rate"))
SUBSET_COLUMNS = ("With landslides", "Landslide cells", "Stable cells", "Landslide share, %")
FACTOR_COLUMNS = ("Factor", "Kind", "Unit", "Mean", "Standard deviation", "Trained range or classes")


def training_page(
    result: TrainingResult,
    model: TrainedModel,
    inputs: Mapping[str, str | os.PathLike | None],
    cells: CellSet | None,
    counts: ProbabilityCounts | None,
    progress: Progress,
) -> Page:
    """Return the report.

    Args:
        inputs: of the run by parameter name, with at least ``STACK``.
        cells: on which a model of single cells was trained; ``None`` for networks.
        counts: of the land for test by the calibrated model; ``None`` without calibration.
    """
    choice, areas = model.training.get("choice"), model.training.get("areas") or []
    in_folds = result.settings.method == CROSS_FITTED
    what = "window" if cells is None and not in_folds else "block"
    names = [Path(item).name for name, item in inputs.items() if item is not None and name != "START_FROM"]
    subtitle = f"From {', '.join(names)}; model {Path(result.model).name}"
    page = Page(f"Training: {TITLES[model.kind]}", subtitle, progress, result.warnings)
    verdict = judge(Evidence.of_training(model.kind, result.metrics, model.settings))
    page.key_numbers([verdict.card(), *_key_numbers(result, what)])
    if counts is not None and model.calibration is not None:
        add_probability(page, model.calibration, counts)
    if model.training.get("kinds"):
        _add_kinds(page, model.training["kinds"], str(model.training.get("chosen", "")))
    if areas:
        _add_areas(page, areas)
    if choice is not None:
        _add_choice(page, model, choice)
    elif cells is not None or in_folds:
        _add_learned_parameters(page, model, cells, progress)
    else:
        page.figure(
            "Training",
            history_figure(result.history, int(result.metrics["best_epoch"] or 1)),
            "Each epoch is one pass over the training windows. The dotted line marks the epoch with the lowest "
            "validation loss, whose weights the model has. Training metrics are measured with dropout, so they can be "
            "worse than validation metrics.",
        )
    heading, hidden = f"{what.capitalize()}s", " Cells of another subset inside a window are hidden from it."
    if result.windows:
        caption = f"Location and subset of the {what}s. Filled ones hold landslide cells."
        if in_folds:
            caption = "The blocks and their folds. All train the model. Filled ones hold landslide cells."
            caption += f" Of the area {areas[0]['name']}." if areas else ""
        caption += hidden if what == "window" else ""
        page.figure(heading, windows_figure(result, inputs["STACK"] or ""), caption)
    note = "All labelled cells; the model learns from a sample of them."
    if what == "window":
        note = "A cell counts once for every window that holds it, and as its patch if the model predicts patches."
    if model.applicability is not None:
        add_applicability(page, model.applicability, model.factors)
    columns = ["Fold" if in_folds else "Subset", f"{what.capitalize()}s", *SUBSET_COLUMNS]
    names = ["name", "windows", "landslide_windows", "landslide_cells", "stable_cells"]
    rows = [[*(item[name] for name in names), 100 * item["landslide_share"]] for item in result.subsets]
    page.table(heading, columns, rows, note)
    note = f"All from labelled cells of training {what}s only."
    components = [spec.component for spec in model.factors if spec.component is not None]
    rows = [factor_row(spec) for spec in model.factors if spec.component is None]
    if components:
        share, bands = sum(one.share for one in components), len(components[0].bands)
        held = f"{len(components)} components of {bands} bands, {percent(share, 1)} of their variance"
        rows.append([EMBEDDINGS, CONTINUOUS, "", None, None, held])
        note += " The components of the embeddings are one factor; they have no curves, for their axes have no meaning."
    page.table("Factors", FACTOR_COLUMNS, rows, note)
    start = model.training.get("start_from")
    note = f"Trained on {result.device} in {result.precision}{', fine-tuned from ' + start['name'] if start else ''}."
    if model.kind != PCUM:
        note += f" Settings that {TITLES[model.kind]} does not use had no effect."
    automatic = model.training.get("automatic")
    note += f" Automatic: {join_names(list(automatic))}." if automatic else ""
    page.settings("Settings", {parameter_name(name): value for name, value in model.settings.items()}, note)
    return page


def _key_numbers(result: TrainingResult, what: str) -> list[tuple[str, Any, str]]:
    auc = "how well the model ranks landslide cells above all other mapped cells; 0.5 is chance, 1 is perfect."
    stable = "the same against stable cells alone. With a RING the hardest cells are left out, so it is higher."
    accuracy = "share of cells on the right side of 0.5. With few landslides it says little."
    settings, metrics = result.settings, result.metrics
    where = f"Test {what}s" if settings.method != CROSS_FITTED else "By folds, each cell by a model that did not see it"
    violation = metrics["violation_rate"]
    numbers = [
        ("AUC", metrics["auc"], f"{where}: {auc}{_interval(metrics)}"),
        ("AUC against stable land", metrics["auc_stable"], f"{where}: {stable}"),
        ("Recall", metrics["recall"], f"{where}: share of landslide cells with a susceptibility ≥ 0.5."),
        ("Accuracy", metrics["accuracy"], f"{where}: {accuracy}"),
    ]
    if metrics["auc_slope"] is not None:
        text = f"{where}: AUC of the slope angle alone, without any model."
        numbers.insert(2, ("AUC of slope alone", metrics["auc_slope"], text))
    if violation is not None:
        warned = f"cells under warning (safety factor below {settings.critical:g})"
        text = f"{where}: share of {warned} with a susceptibility below {settings.p_low:g}."
        numbers.append(("Violation rate", violation, text))
    elsewhere = metrics.get("violation_rate_unlabelled")
    if elsewhere is not None:
        text = "The same on land without labels, or on TARGET: share of land with a factor of safety below "
        text += f"{settings.critical:g} that has a susceptibility below {settings.p_low:g}."
        numbers.append(("Violation rate, land without labels", elsewhere, text))
    return numbers


def _interval(metrics: Mapping[str, Any]) -> str:
    if metrics["auc_low"] is None:
        return ""
    ends = f"{metrics['auc_low']:.3f} to {metrics['auc_high']:.3f}"
    return f" 95 % interval {ends}, from {metrics['blocks']} independent blocks of land."


def factor_row(spec: Any) -> list[Any]:
    """Return name, kind, unit, mean, standard deviation, and range or classes of a factor."""
    if spec.is_categorical:
        classes = ", ".join(spec.classes.get(code, str(code)) for code in spec.seen)
        return [spec.name, spec.kind, "", None, None, classes]
    return [spec.name, spec.kind, spec.unit, spec.mean, spec.std, f"{spec.minimum:.4g} to {spec.maximum:.4g}"]


def history_figure(history: list[dict[str, Any]], best_epoch: int) -> Figure:
    """Return loss, accuracy, recall and violation rate by epoch (the paper's figure 7, and more)."""
    shown = [item for item in _CURVES if any(epoch[f"validation_{item[0]}"] is not None for epoch in history)]
    epochs = [epoch["epoch"] for epoch in history]
    with style():
        figure = new_figure(2.2 * ((len(shown) + 1) // 2))
        axes = figure.subplots((len(shown) + 1) // 2, 2, squeeze=False).ravel()
        for axis, (name, title) in zip(axes, shown):
            for subset, dash in (("train", "-"), ("validation", "--")):
                values = [epoch[f"{subset}_{name}"] for epoch in history]
                values = [float("nan") if value is None else value for value in values]
                marker = "." if len(epochs) < 3 else None
                axis.plot(epochs, values, dash, color=_COLOURS[subset], label=subset, marker=marker)
            axis.axvline(best_epoch, color=SOFT, linestyle=":", linewidth=1)
            axis.set(title=title, xlabel="Epoch")
        axes[0].legend()
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
    return figure


def steps_figure(choice: Mapping[str, Any], history: list[dict[str, Any]]) -> Figure:
    """Return the loss out of fold by steps of the network and share of it, and beside it that of training."""
    rows, alone = choice["residuals"][1:], choice["residuals"][0][-1]
    steps = sorted({0, *(int(row[0]) for row in rows)})
    with style():
        figure = new_figure(2.6)
        left, right = figure.subplots(1, 2)
        left.axhline(alone, color=SOFT, linestyle=":", linewidth=1, label="without network")
        for place, share in enumerate(sorted({row[1] for row in rows})):
            losses = [alone, *(row[-1] for row in rows if row[1] == share)]
            dash, colour = DASHES[place % len(DASHES)], SERIES[place % len(SERIES)]
            left.plot(range(len(losses)), losses, linestyle=dash, color=colour, label=f"{100 * share:.0f} %")
        lowest = min(choice["residuals"], key=lambda row: row[-1])
        left.plot(steps.index(int(lowest[0])), lowest[-1], "o", color=INK, label="chosen")
        left.set(title="Loss out of fold by share")
        for subset, dash, label in (("train", "-", "training"), ("validation", "--", "out of fold")):
            losses = [entry[f"{subset}_loss"] for entry in history]
            right.plot(range(len(losses)), losses, dash, color=_COLOURS[subset], label=label, marker=".")
        right.set(title="Loss, best share")
        for axis in (left, right):
            axis.set(xlabel="Steps of the network")
            axis.set_xticks(range(len(steps)), [str(step) for step in steps])
            axis.legend()
    return figure


def _chosen(choice: Mapping[str, Any]) -> str:
    if choice.get("land", {}).get("is_target"):
        return "no network, because what it learns does not carry over to TARGET"
    if not choice["steps"]:
        return "no network, because none has a lower loss than the additive part alone"
    return f"{choice['steps']} steps and {100 * choice['shrink']:.0f} %"


def _add_curves(page: Page, curves: list[tuple[FactorSpec, np.ndarray, np.ndarray]], part: str = "") -> None:
    """Add the curves in figures of no more than half a page, the factor with the widest range first."""
    curves = sorted(curves, key=lambda curve: -np.ptp(curve[2]))
    caption = (
        f"What each factor adds to the logit{part}, over its trained range. Dotted: 0. All panels have the same "
        "vertical axis; the factor with the widest range, which matters most, comes first."
    )
    heights = np.concatenate([[0.0], *(added for _, _, added in curves)])
    room = 0.05 * np.ptp(heights) or 1.0
    for first in range(0, len(curves), _CURVES_TOGETHER):
        some = curves[first : first + _CURVES_TOGETHER]
        figure = curves_figure(some, (heights.min() - room, heights.max() + room))
        page.figure("" if first else "Curves", figure, "" if first else caption)


def curves_figure(curves: list[tuple[FactorSpec, np.ndarray, np.ndarray]], ends: tuple[float, float]) -> Figure:
    """Return one panel for each factor, its values and what they add to the logit; ``ends`` of the vertical axis."""
    columns = 3
    rows = -(-len(curves) // columns)
    with style():
        figure = new_figure(1.75 * rows)
        axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for axis, (spec, values, added) in zip(axes, curves):
            axis.plot(values, added, color=BLUE)
            axis.axhline(0.0, color=SOFT, linestyle=":", linewidth=1)
            axis.set(xlabel=f"{spec.name} ({spec.unit})" if spec.unit else spec.name, ylim=ends)
        for axis in axes[len(curves) :]:
            axis.set_visible(False)
    return figure


def windows_figure(result: TrainingResult, stack: str | os.PathLike) -> Figure:
    """Return a map of the windows, coloured by subset or fold, over the hillshade of the stack if its DEM is known."""
    windows = result.windows
    left, right = min(item.left for item in windows), max(item.right for item in windows)
    bottom, top = min(item.bottom for item in windows), max(item.top for item in windows)
    with style():
        figure = new_figure(min(7.0, max(2.5, 5.0 * (top - bottom) / (right - left))))
        axis = figure.subplots()
        place = _draw_relief(axis, stack, (left, bottom, right, top))
        colours = dict(_COLOURS) if windows[0].fold is None else _fold_colours(item.fold for item in windows)
        for item in windows:
            colour = colours[item.subset if item.fold is None else f"fold {item.fold}"]
            fill = colour if item.kind == "landslide" else "none"
            corner, size = (item.left, item.bottom), (item.right - item.left, item.top - item.bottom)
            axis.add_patch(Rectangle(corner, *size, facecolor=fill, edgecolor=colour, alpha=0.35, linewidth=0.5))
        marks = [_MARKS.get(item.subset, "") if item.fold is None else str(item.fold) for item in windows]
        write_marks(axis, [(one.left, one.bottom, one.right, one.top) for one in windows], marks)
        axis.set(xlim=(left, right), ylim=(bottom, top))
        axis.grid(False)
        axis.set_aspect(place.metres_north / place.metres_east)
        draw_scale_bar(axis, place)
        draw_north_arrow(axis)
        axis.ticklabel_format(useOffset=False, style="plain")
        axis.tick_params(labelsize=7)
        names = {name: f"{name} ({_MARKS[name]})" if name in _MARKS else name for name in colours}
        legend = [Patch(color=colour, label=names[name]) for name, colour in colours.items()]
        axis.legend(handles=legend, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _fold_colours(folds: Iterable[int | None]) -> dict[str, str]:
    return {f"fold {fold}": SERIES[(fold - 1) % len(SERIES)] for fold in sorted({fold for fold in folds if fold})}


def _draw_relief(axis: Axes, stack: str | os.PathLike, bounds: tuple[float, float, float, float]) -> MapImage:
    """Draw the hillshade, if the DEM is known, and return the extent that the axes show."""
    left, bottom, right, top = bounds
    grid = Grid.from_file(stack, "factor stack")
    east, north = metres_per_unit(grid, grid.height // 2)
    factor = _RELIEF_PIXELS / max((right - left) * east, (top - bottom) * north)
    shape = max(2, round((top - bottom) * north * factor)), max(2, round((right - left) * east * factor))
    place = MapImage(np.full(shape, np.nan, dtype=np.float32), bounds, east, north)
    relief = relief_of_stack(stack)
    if relief is not None:
        shade = compute_hillshade(relief, grid.crs, place)
        # Pale, so that the windows stand out, and in few steps, which make a small picture.
        axis.imshow(np.round(shade * 24) / 24, cmap="gray", vmin=-1.0, vmax=1.0, extent=(left, right, bottom, top))
    return place


def _add_areas(page: Page, areas: Sequence[Mapping[str, Any]]) -> None:
    """Add what is known of each area of a training on several."""
    columns = ["Area", "Landslides", "Landslide cells", "Stable cells", "AUC", "95 % interval", "AUC of slope alone"]
    rows = [
        [
            *(area[name] for name in ("name", "landslides", "landslide_cells", "stable_cells", "auc")),
            "" if area["auc_low"] is None else f"{area['auc_low']:.3f} to {area['auc_high']:.3f}",
            area["auc_slope"],
        ]
        for area in areas
    ]
    page.table(
        "Areas",
        columns,
        rows,
        "AUC of each area by folds, its landslides against its own other mapped land. Each fold holds out blocks of "
        "all areas, so the model knew other land of the area; what it is worth in an area that it does not know, "
        '"Cross-validate" tells, which leaves out one area after the other. The AUC above is the mean of the areas.',
    )


def _add_kinds(page: Page, kinds: Sequence[Mapping[str, Any]], text: str) -> None:
    """Add the kinds of model of which one was chosen."""
    page.text("Choice of the model", text)
    columns = ["Kind", "AUC out of fold", "95 % interval", "Behind the best", "95 % interval of that", "AUC of the fit"]
    rows = [
        [
            f"{TITLES.get(one['kind'], one['kind'])}{' (chosen)' if one['chosen'] else ''}",
            one["auc"],
            _ends(one["auc_low"], one["auc_high"]),
            one["behind"],
            _ends(one["behind_low"], one["behind_high"]),
            one["auc_train"],
        ]
        for one in kinds
    ]
    page.table(
        "Kinds side by side",
        columns,
        rows,
        "The simplest first. All learned from the same cells and were judged on the same land, each block by models "
        "that did not see it. The intervals are from resampled blocks of land, paired for the differences. Two kinds "
        "cannot be told apart where the interval of their difference holds 0. The fit is the AUC on the land that the "
        "model was trained on, and no test.",
    )


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}".replace("-", "−")


def _add_choice(page: Page, model: TrainedModel, choice: Mapping[str, Any]) -> None:
    """Add what the folds of a cross-fitted model chose, and the curves of its additive part."""
    prior = choice.get("prior", {}).get("text", "")
    page.text("Parts of the model", f"{choice['text']} {prior} {choice['note']}".replace("  ", " "))
    tried = choice.get("land", {}).get("tried")
    if tried:
        page.table(
            "Land without labels",
            ["λ", "Log loss on the land left out", "AUC on the land left out"],
            [list(row) for row in tried],
            "Means over the parts of the land, or the areas, that were left out one by one; λ is the weight of all "
            "land without labels as a multiple of the labelled land.",
        )
    page.table(
        "Penalties",
        ["Of the curves", "Of linear terms and classes", "Weight in the mean", "Log loss out of fold"],
        [list(row) for row in choice["penalties"]],
        "The additive part is the mean of the fits with these penalties. A penalty of 10,000 makes the curves straight "
        "lines.",
    )
    loss = "log loss with the physics term" if len(choice["residuals"][0]) > 3 else "log loss"
    page.figure(
        "Network",
        steps_figure(choice, model.history),
        f"Left: {loss} out of fold by steps of the network, for each share of it that is added. Chosen: "
        f"{_chosen(choice)}. Right: the best share of each step; a training loss far below that out of fold shows that "
        "the network learns what does not hold elsewhere.",
    )
    if choice.get("unets"):
        columns = ["Depth", "Steps", "Share of it that is added", "Log loss out of fold", "With the physics term"]
        tried = [list(row) for row in choice["unets"]]
        page.table("U-Net", columns[: len(tried[0])], tried, choice["unet"])
    curves = learned.additive_curves(model.network.curves, model.encoder)
    _add_curves(page, curves, " in the additive part")


def _add_learned_parameters(page: Page, model: TrainedModel, cells: CellSet | None, progress: Progress) -> None:
    encoder, network = model.encoder, model.network
    drops: list[tuple[str, float]] = []
    if cells is not None:
        rows = cells.rows(TEST)
        values, labels = learned.encoded(encoder, cells.values[rows]), cells.labels[rows]
        drops = learned.permutation_importance(network, encoder, values, labels, model.seed, progress)
    if drops:
        page.table(
            "Permutation importance",
            ["Factor", "Drop in AUC"],
            [list(drop) for drop in drops],
            "Drop in the AUC of the test blocks when the values of one factor are permuted among the cells. It is "
            "small for a factor that others can replace.",
        )
    if model.kind == REGRESSION:
        page.table(
            "Coefficients",
            ["Factor", "Class", "Coefficient"],
            [list(row) for row in learned.coefficients(network, encoder)],
            "Of the logit, for one standard deviation of a continuous factor or for being of a class.",
        )
    elif model.kind == GAM:
        curves = learned.contribution_curves(network, encoder)
        _add_curves(page, curves)
        classes = [list(row) for row in learned.class_contributions(network, encoder)]
        if classes:
            page.table("Classes", ["Factor", "Class", "Contribution"], classes, "What a class adds to the logit.")
    elif model.kind in TABLE_KINDS:
        name, note = "Contrast", "W+ − W−: above 0 there are more landslides in the class than elsewhere."
        if model.kind == FREQUENCY_RATIO:
            name = "Frequency ratio"
            note = (
                "Share of landslide cells in a class ÷ its share of the area; above 1 landslides are over-represented."
            )
        weights = [list(row) for row in learned.class_weight_rows(model.kind, network, encoder)]
        page.table(name, ["Factor", "Class or range", name], weights, note)
