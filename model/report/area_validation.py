"""The report of a leave-one-area-out validation: how good a kind of model is in areas that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import Progress
from ..validation.fold_scores import REPEATS, FoldResult
from ..validation.verdict import Verdict
from . import charts
from .cross_validation import BASELINES, FOLD_COLUMNS, fold_cells, value_text
from .page import Page, interval_sentence, interval_text

if TYPE_CHECKING:
    from ..jobs.cross_validate_areas import JudgedArea


def area_validation_page(
    title: str,
    judged: Sequence[JudgedArea],
    mean: FoldResult,
    verdict: Verdict,
    settings: Mapping[str, Any],
    inputs: Sequence[str],
    warnings: Sequence[str],
    progress: Progress,
) -> Page:
    """Return the report; ``title`` is the kind of model, ``inputs`` are names of files."""
    page = Page(f"Validation on areas left out: {title}", f"From {', '.join(inputs)}", progress, warnings)
    rows = [*(one.row for one in judged), mean]
    with charts.style():
        _add_summary(page, judged, mean, verdict)
        _add_areas(page, rows)
        page.figure(
            "Landslides found in each area",
            charts.curve_chart(
                [(f"{one.name}, AUC {one.row.auc.value:.3f}", one.roc) for one in judged],
                "Other land of the area, share",
                "Landslides found",
            ),
            "ROC curves against all other mapped land of the area that was left out. The dashed diagonal is chance.",
        )
        _add_baselines(page, rows)
    page.text(
        "How this was computed",
        "Each area was left out once: the model, and everything that is chosen (penalties, hyperparameters, steps), "
        "comes from the other areas. Landslides of the first area are those of LANDSLIDES; of the others those of "
        "their labels, one cell each. They are ranked among the other mapped land of their own area.",
        f"Intervals resample blocks of land within each area {REPEATS:,} times; the mean counts each area once. Its "
        "interval is for these areas. How much a further area may differ, their spread shows.",
    )
    page.settings("Settings", settings)
    return page


def _add_summary(page: Page, judged: Sequence[JudgedArea], mean: FoldResult, verdict: Verdict) -> None:
    worst = judged[int(np.nanargmin([one.row.auc.value for one in judged]))]
    meaning = "chance that a landslide has a higher susceptibility than other mapped land of its area."
    where = f"{interval_sentence(mean.auc)}{mean.blocks} independent blocks of land hold the landslides."
    cards = [
        verdict.card(),
        ("Mean AUC over the areas", f"{mean.auc.value:.3f}", f"Areas not seen: {meaning} {where}"),
        ("Worst area", f"{worst.row.auc.value:.3f}", f"{worst.name}. An area like it may be met elsewhere."),
    ]
    slope = mean.baselines.get("slope")
    text = [f"{len(judged)} areas were left out one by one, and predicted by a model that was trained on the others."]
    if slope is not None:
        gain = f"AUC of the model less that of slope: {slope.difference.value:.3f} ({interval_text(slope.difference)})."
        cards.append(("Slope alone", f"{slope.auc.value:.3f}", f"Needs no training. {gain}"))
        behind = [one.name for one in judged if one.row.baselines["slope"].difference.value < 0]
        if behind:
            text.append(f"Slope alone ranks the landslides of these areas better than the model: {', '.join(behind)}.")
    page.key_numbers(cards)
    page.text("In short", *text)


def _add_areas(page: Page, rows: Sequence[FoldResult]) -> None:
    note = (
        "Blocks: independent blocks of land that hold the landslides. Intervals resample these blocks. The one in the "
        "column If independent (DeLong) takes single landslides for independent and is too narrow."
    )
    names = [*(row.fold for row in rows[:-1]), "Mean"]
    page.table(
        "Area by area", ["Area", *FOLD_COLUMNS], [[name, *fold_cells(row)] for name, row in zip(names, rows)], note
    )


def _add_baselines(page: Page, rows: Sequence[FoldResult]) -> None:
    table = []
    for row in rows:
        for name, found in row.baselines.items():
            numbers = [value_text(found.auc), interval_text(found.auc), value_text(found.model)]
            gain = [value_text(found.difference), interval_text(found.difference)]
            area = "Mean" if row is rows[-1] else row.fold
            table.append([area, BASELINES.get(name, name), *numbers, *gain])
    if table:
        page.table(
            "Baselines that cost nothing",
            ["Area", "Map", "AUC", "95 % interval", "Model", "Model less baseline", "95 % interval"],
            table,
            "Steeper is more susceptible; a lower safety factor is more susceptible. Nothing is fitted. Judged at the "
            "same cells as the model, and the difference is paired.",
        )
