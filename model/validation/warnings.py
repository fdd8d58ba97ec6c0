"""Warnings about results: what makes the numbers look better or firmer than they are."""

from __future__ import annotations

from collections.abc import Sequence

from .map_layers import MapLayers
from .measures import ScopeResult, non_monotonic_pairs
from .preparation import WarningLog
from .sampling import Sample
from .scopes import ALL
from .settings import FEW_LANDSLIDES, SUBSET_CODES


def warn_about_validation(
    results: Sequence[ScopeResult], main: ScopeResult, landslides: Sample, layers: MapLayers, warning_log: WarningLog
) -> None:
    """Warn of fits taken for tests, of few landslides, and of maps that are no use.

    Args:
        results: of all parts of the map.
        main: the one of the chosen subset.
        landslides: all that lie on the map.
        layers: the map.
        notes: told.
    """
    trained = int((landslides.cell_values.subset == SUBSET_CODES["train"]).sum())
    if layers.subsets is None:
        warning_log.warn(
            "No window layer was given, so Scarp cannot tell which landslides the model was trained on. If "
            "these are the training landslides, the numbers show a fit, not a test."
        )
    elif main.scope.name == ALL and trained:
        text = (
            f"{trained:,} of {len(landslides):,} landslides lie in training windows: for those the map shows a "
            "fit, not a test."
        )
        test = next((result for result in results if result.scope.name == "test"), None)
        if test is not None:
            text += (
                f" The {test.landslides:,} landslides of the test windows alone give an AUC of "
                f"{test.auc.value:.3f}, against {main.auc.value:.3f} for all."
            )
        warning_log.warn(text)
    elif main.scope.name == "train":
        warning_log.warn("The numbers are for the training windows: they show a fit, not a test.")
    if main.landslides < FEW_LANDSLIDES:
        warning_log.warn(f"Only {main.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if main.unzoned:
        warning_log.warn(f"{main.unzoned:,} landslides lie in cells without a zone and are not in the zone table.")
    if main.auc.value < 0.5:
        warning_log.warn(
            f"The AUC is {main.auc.value:.3f}, below 0.5: landslides lie on less susceptible cells than stable "
            "points do. Is the map turned round, or of another area?"
        )
    wrong = non_monotonic_pairs(main.zones)
    if wrong:
        pairs = ", ".join(f"{low} to {high}" for low, high in wrong)
        warning_log.warn(f"The frequency ratio should rise from zone to zone, but it does not from {pairs}.")
