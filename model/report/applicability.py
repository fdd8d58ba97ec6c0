"""Where a model may be trusted, in the report of its training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..applicability.index import ApplicabilityIndex, describe_index
from ..applicability.profile import ErrorProfile
from ..encoding import FactorSpec
from .charts import BLUE, SOFT, new_figure, style
from .page import Page

COLUMNS = ("Factor", "Importance")


def add_applicability(page: Page, index: ApplicabilityIndex, factors: Sequence[FactorSpec]) -> None:
    """Add what the index says of the training land, the error profile, and the importances that weigh distances."""
    page.text("Where the model may be trusted", describe_index(index))
    profile = index.profile
    if profile is not None:
        error = ""
        if profile.error is not None:
            error = f" On regions that were held out the expected AUC was {profile.error:.3f} off (root mean square)."
        page.figure(
            "",
            profile_figure(profile, index.threshold),
            "AUC to expect by dissimilarity, on land of the variety of the training land: from folds, regions, "
            "clusters of the factor space and sides of the land that were held out. Dotted: end of the area of "
            f"applicability. The line ends where no held-out land is left.{error}",
        )
    # Components of an embedding are permuted one by one; what they change together is the root of the sum of squares.
    squares: dict[str, float] = {}
    for spec, importance in zip(factors, index.importances.astype(np.float64)):
        squares[spec.shown_name] = squares.get(spec.shown_name, 0.0) + float(importance) ** 2
    rows = [[name, square**0.5] for name, square in sorted(squares.items(), key=lambda item: -item[1])]
    page.table(
        "Importance of the factors to the model",
        list(COLUMNS),
        rows,
        "Standard deviation over the training land of what a factor changes of the logit, with which distances are "
        "weighed. Associated factors share it.",
    )


def profile_figure(profile: ErrorProfile, threshold: float) -> Figure:
    """Return the expected AUC by dissimilarity index."""
    with style():
        figure = new_figure(2.4)
        axis = figure.subplots()
        ends = np.concatenate([[0.0], profile.dissimilarity, [max(profile.limit, profile.dissimilarity[-1])]])
        axis.plot(ends, np.interp(ends, profile.dissimilarity, profile.auc), color=BLUE)
        axis.axvline(threshold, color=SOFT, linestyle=":", linewidth=1)
        axis.set(xlabel="Dissimilarity index", ylabel="Expected AUC", ylim=(0.5, 1.0))
    return figure
