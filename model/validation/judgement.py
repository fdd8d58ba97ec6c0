"""Warnings about results: what makes the numbers look better or firmer than they are."""

from __future__ import annotations

from typing import Sequence

from .layers import MapLayers
from .measures import ScopeResult
from .plan import Notes
from .samples import Sample
from .scopes import ALL
from .settings import FEW_LANDSLIDES, SUBSET_CODES
from .zone_table import falls


def judge(results: Sequence[ScopeResult], main: ScopeResult, landslides: Sample, layers: MapLayers, notes: Notes
          ) -> None:
    """Warn of fits taken for tests, of few landslides, and of maps that are no use.

    Args:
        results: of all parts of the map.
        main: the one of the chosen subset.
        landslides: all that lie on the map.
        layers: the map.
        notes: told.
    """
    trained = int((landslides.at.subset == SUBSET_CODES["train"]).sum())
    if layers.subsets is None:
        notes.warn("No window layer was given, so Scarp cannot tell which landslides the model was trained on. If "
                   "these are the training landslides, the numbers show a fit, not a test.")
    elif main.scope.name == ALL and trained:
        text = (f"{trained:,} of {len(landslides):,} landslides lie in training windows: for those the map shows a "
                "fit, not a test.")
        test = next((result for result in results if result.scope.name == "test"), None)
        if test is not None:
            text += (f" The {test.landslides:,} landslides of the test windows alone give an AUC of "
                     f"{test.auc.value:.3f}, against {main.auc.value:.3f} for all.")
        notes.warn(text)
    elif main.scope.name == "train":
        notes.warn("The numbers are for the training windows: they show a fit, not a test.")
    if main.landslides < FEW_LANDSLIDES:
        notes.warn(f"Only {main.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if main.unzoned:
        notes.warn(f"{main.unzoned:,} landslides lie in cells without a zone and are not in the zone table.")
    if main.auc.value < 0.5:
        notes.warn(f"The AUC is {main.auc.value:.3f}, below 0.5: landslides lie on less susceptible cells than stable "
                   "points do. Is the map turned round, or of another area?")
    wrong = falls(main.zones)
    if wrong:
        pairs = ", ".join(f"{low} to {high}" for low, high in wrong)
        notes.warn(f"The frequency ratio should rise from zone to zone, but it does not from {pairs}.")
