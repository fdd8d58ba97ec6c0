"""The part of a training report on probabilities: reliability, precision and recall on the land for test."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..calibration import Calibration
from ..validation.probability import ProbabilityCounts
from .charts import BLUE, SOFT, new_figure, style
from .page import Page

COLUMNS = ("Cells", "Landslide cells", "Mean probability", "Share of landslide cells")


def add_probability(page: Page, calibration: Calibration, counts: ProbabilityCounts) -> None:
    """Add scores, curves and the table of the reliability curve; ``counts`` are those of the land for test."""
    note = (
        "Values of the map are the share of cells like this one that are landslide cells in the inventory; no "
        "probability per year. The logit of the model was calibrated with a straight line (Platt 1999) on land for "
        "training and validation, each block predicted by a model that did not see it. Recall and accuracy at 0.5 "
        "above are those before calibration."
    )
    rows = [
        ["Landslide cells in the mapped land for training and validation", calibration.share],
        ["Calibrated logit = slope × logit + offset: slope", calibration.slope],
        ["Offset", calibration.offset],
    ]
    if counts.complete:
        found = counts.scores()
        rows += [
            ["Landslide cells in the mapped land for test", found.share],
            ["Brier score on the land for test (0 is perfect)", found.brier],
            ["Brier score of the same share everywhere", found.brier_constant],
            ["Brier skill score (1 perfect, 0 as good as the same share everywhere)", found.skill],
            ["Log loss on the land for test", found.log_loss],
            ["Area under the precision–recall curve (chance: the share of landslide cells)", found.average_precision],
        ]
    page.table("Probability", ["Measure", "Value"], rows, note)
    if counts.complete:
        note = (
            "All cells of the land for test, at their true share of landslide cells. Left: groups of cells with about "
            "the same sum of probabilities; on the dotted line probabilities are right. Right: precision, the share of "
            "landslide cells among those above a threshold, against recall; dotted: chance."
        )
        page.figure("Reliability, precision and recall", probability_figure(counts), note)
        groups = [[cells, slides, mean, share] for mean, share, cells, slides in counts.reliability()]
        page.table("Reliability", COLUMNS, groups, "The groups of the figure.")


def probability_figure(counts: ProbabilityCounts) -> Figure:
    """Return the reliability curve and the precision–recall curve."""
    groups, (recall, precision) = counts.reliability(), counts.precision_recall()
    with style():
        figure = new_figure(2.8)
        left, right = figure.subplots(1, 2)
        means, shares = [row[0] for row in groups], [row[1] for row in groups]
        highest = max(*means, *shares)
        left.plot([0, highest], [0, highest], color=SOFT, linestyle=":", linewidth=1)
        left.plot(means, shares, color=BLUE, marker="o", markersize=3)
        left.set(xlabel="Mean probability", ylabel="Share of landslide cells")
        right.plot(recall, precision, color=BLUE)
        right.axhline(counts.scores().share, color=SOFT, linestyle=":", linewidth=1)
        right.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1))
    return figure
