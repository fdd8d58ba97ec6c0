"""Warnings about a comparison: what makes one map look better than it is, and what numbers cannot be compared."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from ..validation.measures import ScopeResult
from ..validation.plan import Notes
from ..validation.preparation import Run
from ..validation.scopes import ALL
from ..validation.settings import FEW_LANDSLIDES, LEAST_REPEATS, SUBSET_CODES
from .mosaic import Mosaic
from .ranks import Ranks
from .survey import Survey

_MUCH = 0.01
"""Share of the area, or of the points, above which a loss is worth a warning; also that of zones off their shares."""


def judge_inputs(maps: Sequence[Mosaic], survey: Survey, run: Run, probabilities: Sequence[bool], notes: Notes
                 ) -> None:
    """Warn of ground and points that maps lack, and of maps whose values are no probabilities.

    Args:
        maps: the maps.
        survey: what they hold.
        run: the points.
        probabilities: by map, whether its values are from 0 to 1.
        notes: told.
    """
    largest = max(survey.area_m2)
    for one, area, without, ranks, probability in zip(maps, survey.area_m2, run.landslides.counts.without,
                                                      survey.ranks, probabilities):
        if area < largest * (1 - _MUCH):
            notes.warn(f'The map "{one.name}" has data on {area / 1e6:,.1f} km² of the {largest / 1e6:,.1f} km² '
                       "that the largest map has here. Only ground that all maps have is compared.")
        if without:
            notes.warn(f'{without:,} of the landslides lie where "{one.name}" has no data; no map is judged by '
                       "them.")
        if one.marks_found:
            notes.warn(f'The map "{one.name}" does not say which value means no data, and holds values such as '
                       "-9999; these count as no data.")
        if one.bands > 1:
            notes.warn(f'The map "{one.name}" has {one.bands} bands; the first one is used.')
        if ranks.minimum == ranks.maximum:
            notes.warn(f'The map "{one.name}" has the value {ranks.minimum:g} everywhere, so it ranks nothing.')
        elif not probability:
            notes.warn(f'The values of "{one.name}" run from {ranks.minimum:g} to {ranks.maximum:g}, not within 0 '
                       "to 1. Its order counts: AUC, ranks and zones. It has no numbers at a threshold, and maps of "
                       "differences show ranks. High values must mean more susceptible.")


def judge_zones(names: Sequence[str], ranks: Sequence[Ranks], shares: Sequence[np.ndarray], wanted: Sequence[float],
                notes: Notes) -> None:
    """Warn of maps that cannot be cut into the zones asked for, because many cells have one value.

    Args:
        names: of the maps.
        ranks: of the maps.
        shares: by map, the share of the area in each zone.
        wanted: the shares asked for.
        notes: told.
    """
    for name, one, found in zip(names, ranks, shares):
        if one.bins == len(wanted):
            notes.warn(f'The map "{name}" has {len(wanted)} values; these are taken for its zones, which have '
                       f"{', '.join(f'{share:.0%}' for share in found)} of the area, from the least susceptible on.")
        elif np.abs(found - np.asarray(wanted)).max() > _MUCH:
            notes.warn(f'Many cells of "{name}" have the same value, so its zones do not have the shares asked for '
                       f"but {', '.join(f'{share:.0%}' for share in found)} of the area, from the least susceptible "
                       "on. Read the agreement of its zones with that in mind.")


def judge_results(results: Mapping[str, Sequence[ScopeResult]], main: str, names: Sequence[str], run: Run,
                  notes: Notes) -> None:
    """Warn of fits taken for tests, of few landslides, and of maps that are no use.

    Args:
        results: by scope, one of each map.
        main: name of the scope that the main numbers are for.
        names: of the maps.
        run: the points.
        notes: told.
    """
    trained = int((run.landslides.at.subset == SUBSET_CODES["train"]).sum())
    if run.layers.subsets is None:
        notes.warn("No window layer was given, so Scarp cannot tell which landslides the models were trained on. A "
                   "map looks better on its own training landslides: the comparison is only fair if none of the maps "
                   "has seen these landslides, or all of them have.")
    else:
        if main == ALL and trained:
            notes.warn(f"{trained:,} of {len(run.landslides):,} landslides lie in training windows, where maps show a "
                       "fit, not a test." + (" The numbers of the test windows stand beside those of all; trust those."
                                             if "test" in results else ""))
        elif main == "train":
            notes.warn("The numbers are for the training windows: they show a fit, not a test.")
        notes.warn("The training windows count for all maps. A map that was trained on other ground may have seen "
                   "landslides of the test windows.")
    first = results[main][0]
    if first.landslides < FEW_LANDSLIDES:
        notes.warn(f"Only {first.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if first.repeats < LEAST_REPEATS:
        notes.warn(f"With fewer than {LEAST_REPEATS} repeats there is no bootstrap interval. Set REPEATS to 200.")
    for name, result in zip(names, results[main]):
        if result.auc.value < 0.5:
            notes.warn(f'The AUC of "{name}" is {result.auc.value:.3f}, below 0.5: landslides lie on lower values '
                       "than stable points do. Is the map turned round, so that low values mean more susceptible?")
