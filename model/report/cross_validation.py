"""The report of a cross validation: how good the models are on land not seen, by fold, and beside baselines."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..grid import Grid
from ..progress import Progress
from ..statistics import Estimate
from ..validation.fold_scores import REPEATS, FoldResult, SplitScores
from ..validation.metrics import Curve
from ..validation.spatial_blocks import MIN_BLOCKS, SpatialBlocks
from ..validation.verdict import Verdict
from ..windows.split import NO_SUBSET, Folds
from . import charts, maps
from .page import MISSING, Page, interval_sentence, interval_text, no_test_text

_MAP_SIDE = 420  # cells along the longer side of the map of folds
FOLD_COLUMNS = ("Landslides", "Blocks", "AUC", "95 % interval", "If independent", "Against stable land")
BASELINES = {"slope": "Slope alone", "safety_factor": "Safety factor alone"}


@dataclass
class CrossValidationContent:
    """What the report is made of."""

    title: str  # the kind of model
    way: str  # what was held out, as a sentence
    fold_word: str  # fold, region or test
    scores: SplitScores
    random: SplitScores | None
    gap: Estimate | None
    verdict: Verdict
    blocks: SpatialBlocks
    roc: Sequence[tuple[str, Curve]]
    prediction_rate: tuple[float, Curve]
    folds: Folds
    grid: Grid
    epochs: Sequence[list[int] | None]
    ring: float
    settings: Mapping[str, Any]
    inputs: Sequence[str | os.PathLike]
    warnings: Sequence[str]


def cross_validation_page(content: CrossValidationContent, progress: Progress) -> Page:
    """Return the report."""
    names = ", ".join(Path(item).name for item in content.inputs)
    page = Page(f"Cross validation: {content.title}", f"From {names}", progress, content.warnings)
    with charts.style():
        for add in (_add_summary, _add_folds, _add_curves, _add_baselines, _add_map, _add_random, _add_method):
            add(page, content)
    page.settings("Settings", content.settings)
    return page


def _add_summary(page: Page, content: CrossValidationContent) -> None:
    scores, mean = content.scores, content.scores.mean
    meaning = "chance that a landslide has a higher susceptibility than other mapped land; 0.5 is a coin toss."
    where = f"{interval_sentence(mean.auc)}{mean.blocks} independent blocks of land hold the landslides."
    cards = [content.verdict.card()]
    if len(scores.single) > 1:
        values = [row.auc.value for row in scores.single if np.isfinite(row.auc.value)]
        title, worst = f"Mean AUC over the {content.fold_word}s", f"Worst {content.fold_word}"
        cards += [(title, f"{mean.auc.value:.3f}", f"Land not seen: {meaning} {where}")]
        cards += [(worst, f"{min(values):.3f}", "Land like it may be met elsewhere.")]
    else:
        cards += [("AUC of later landslides", f"{mean.auc.value:.3f}", f"{meaning.capitalize()} {where}")]
    slope = mean.baselines.get("slope")
    if slope is not None:
        gain = f"AUC of the model less that of slope: {slope.difference.value:.3f} ({interval_text(slope.difference)})."
        cards += [("Slope alone", f"{slope.auc.value:.3f}", f"Needs no training. {gain}")]
    page.key_numbers(cards)
    stable = (
        f"Against land that the labels call stable the AUC is {mean.auc_stable.value:.3f}. That flatters the model: "
        "it leaves out the land beside landslides, which is the hardest to tell from them. Quote the first number."
    )
    text = [content.way, stable]
    if mean.blocks < MIN_BLOCKS:
        text.append(no_test_text(mean.blocks))
    page.text("In short", *text)


def _add_folds(page: Page, content: CrossValidationContent) -> None:
    rows, epochs = content.scores.rows, list(content.epochs)
    trained = any(epochs)
    if len(content.scores.single) == 1:
        rows = rows[:1]
    table = []
    for place, row in enumerate(rows):
        last = epochs[place] if place < len(epochs) else None
        cells = [_name(row, content), *fold_cells(row)]
        table.append([*cells, MISSING if last is None else f"{last[0]} of {last[1]}"] if trained else cells)
    note = (
        "Blocks: independent blocks of land that hold the landslides. Intervals resample these blocks. The one in the "
        "column If independent (DeLong) takes single landslides for independent and is too narrow. Whole map: all "
        "cells ranked together, although the models of different folds may differ in level."
    )
    columns = [content.fold_word.capitalize(), *FOLD_COLUMNS, *(["Best epoch"] if trained else [])]
    heading = f"{content.fold_word.capitalize()} by {content.fold_word}" if len(table) > 1 else "The test"
    page.table(heading, columns, table, note if len(table) > 1 else note.partition(" Whole map:")[0])


def _name(row: FoldResult, content: CrossValidationContent) -> str:
    if row is content.scores.pooled:
        return "Whole map"
    return "Mean" if row is content.scores.mean else row.fold


def fold_cells(row: FoldResult) -> list[object]:
    """Return the cells of ``FOLD_COLUMNS`` for a row."""
    first = [row.landslides, row.blocks, value_text(row.auc), interval_text(row.auc), interval_text(row.delong)]
    return [*first, value_text(row.auc_stable)]


def value_text(estimate: Estimate) -> str:
    """Return a number with three decimals."""
    return f"{estimate.value:.3f}" if np.isfinite(estimate.value) else MISSING


def _add_curves(page: Page, content: CrossValidationContent) -> None:
    area, curve = content.prediction_rate
    page.figure(
        "How well unseen landslides are found",
        charts.curve_chart([(f"prediction rate, area {area:.3f}", curve)], "Share of the mapped area", "Landslides"),
        "Prediction-rate curve of the out-of-fold map: share of the landslides on the most susceptible land, the "
        "landslides' own cells included. The dashed diagonal is chance. Band 95 %, from resampled blocks of land.",
        half=True,
    )
    page.figure(
        "",
        charts.curve_chart(content.roc, "Other land, share of its area", "Landslides found"),
        "ROC curve against all other mapped land.",
        half=True,
    )


def _add_baselines(page: Page, content: CrossValidationContent) -> None:
    rows = []
    for row in content.scores.rows if len(content.scores.single) > 1 else content.scores.rows[:1]:
        for name, found in row.baselines.items():
            numbers = [value_text(found.auc), interval_text(found.auc), value_text(found.model)]
            gain = [value_text(found.difference), interval_text(found.difference)]
            rows.append([_name(row, content), BASELINES.get(name, name), *numbers, *gain])
    if rows:
        columns = [content.fold_word.capitalize(), "Map", "AUC", "95 % interval", "Model", "Model less baseline"]
        page.table(
            "Baselines that cost nothing",
            [*columns, "95 % interval"],
            rows,
            "Steeper is more susceptible; a lower safety factor is more susceptible. Nothing is fitted. Judged at the "
            "same cells as the model, and the difference is paired: both are judged in the same resamples.",
        )


def _add_map(page: Page, content: CrossValidationContent) -> None:
    if content.folds.count > 1:
        page.figure("Where the folds lie", folds_figure(content.folds, content.grid, _names(content)))


def _names(content: CrossValidationContent) -> list[str]:
    return [row.fold for row in content.scores.single]


def folds_figure(folds: Folds, grid: Grid, names: Sequence[str]) -> Figure:
    """Return a map of the folds, with the blocks that hold landslides stronger and the number of their fold in them."""
    image = maps.empty_map(grid, _MAP_SIDE)
    height, width = image.cells.shape
    rows = ((np.arange(height) + 0.5) * grid.height / height).astype(np.int64) // folds.blocks.rows
    columns = ((np.arange(width) + 0.5) * grid.width / width).astype(np.int64) // folds.blocks.columns
    fold, known, slides = (table[np.ix_(rows, columns)] for table in (folds.subsets, folds.labelled, folds.landslide))
    colours = np.array([_rgb(charts.SERIES[number % len(charts.SERIES)]) for number in range(folds.count)])
    shown = np.ones((height, width, 3))
    used = fold != NO_SUBSET
    strength = np.where(slides > 0, 0.85, np.where(known > 0, 0.4, 0.12))[..., None]
    shown[used] = (colours[fold[used]] * strength[used]) + (1 - strength[used])
    figure = charts.new_figure(min(5.0, max(2.2, 4.2 * image.height_ratio)))
    axes = figure.subplots()
    left, bottom, right, top = grid.bounds
    axes.imshow(shown, extent=(left, right, bottom, top), interpolation="nearest")
    axes.set_aspect(image.metres_north / image.metres_east)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    blocks = np.argwhere((folds.landslide > 0) & (folds.subsets != NO_SUBSET)).tolist()
    marks = [str(folds.subsets[row, column] + 1) for row, column in blocks]
    maps.write_marks(axes, [folds.blocks.bounds(grid, row, column) for row, column in blocks], marks)
    maps.draw_scale_bar(axes, image)
    handles = [
        Patch(color=charts.SERIES[number % len(charts.SERIES)], label=charts.escape_mathtext(charts.shorten(name, 24)))
        for number, name in enumerate(_numbered(names[:12]))
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names with their numbers before them, but for names that are these numbers."""
    return [name if name == str(number) else f"{number}: {name}" for number, name in enumerate(names, 1)]


def _rgb(colour: str) -> list[float]:
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def _add_random(page: Page, content: CrossValidationContent) -> None:
    random, gap = content.random, content.gap
    if random is None or gap is None:
        return
    rows = [[_name_random(row, random), *fold_cells(row)] for row in random.rows]
    page.table(
        "The same with a random split",
        ["Fold", *FOLD_COLUMNS],
        rows,
        f"Small patches are held out in place of blocks, so test cells lie beside training cells. Its mean AUC is "
        f"{random.mean.auc.value:.3f}, {gap.value:.3f} more ({interval_text(gap)}, paired, from "
        f"{content.scores.mean.blocks} independent blocks). That difference is the "
        "optimism of a random split; do not quote its AUC for land not seen.",
    )


def _name_random(row: FoldResult, scores: SplitScores) -> str:
    return "Whole map" if row is scores.pooled else "Mean" if row is scores.mean else row.fold


def _add_method(page: Page, content: CrossValidationContent) -> None:
    pooled, blocks = content.scores.pooled, content.blocks
    ring = f", that within {content.ring:g} m of a landslide included" if content.ring else ""
    held = "fold"
    apart = "Cells of a landslide outside its own fold, and land within BUFFER of held-out land, are used by no model."
    if content.folds.hidden is not None:
        held, cells = "test", f"{len(content.folds.hidden):,} landslide cells of no earlier landslide"
        apart = f"{cells} are unknown in training. A later landslide in the cell of an earlier one does not count."
    page.text(
        "How this was computed",
        f"A landslide counts once in its cell ({pooled.landslides:,} cells). Other land is all mapped land without a "
        f"landslide{ring}: {pooled.land:,} cells drawn evenly by true area. Stable land is where the labels are 0.",
        f"Everything that is chosen (early stopping, hyperparameters, class weights) is chosen inside the training "
        f"land of each {held}: the folds are nested. {apart}",
        f"Range of spatial autocorrelation of the landslides' ranks {blocks.range_m:,.0f} m (variogram); blocks of "
        f"{blocks.side_m:,.0f} m, of which {pooled.blocks} hold landslides, were drawn with replacement {REPEATS:,} "
        "times. All numbers share the draws, so differences are paired.",
    )
