"""Each map measured on the same points, part of the ground by part, and every pair of maps tested."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Sequence

import numpy as np

from ..progress import Part, Progress, stop_if_cancelled
from ..validation.measures import ScopeResult, measure
from ..validation.preparation import Run, stable_values
from ..validation.scopes import ALL
from ..validation.stable import Draws
from ..validation.zone_table import zone_table
from .paired import PairTest, pair_tests
from .survey import Survey


@dataclass
class Measured:
    """Numbers by part of the ground."""

    results: dict[str, list[ScopeResult]] = field(default_factory=dict)
    """By scope, one of each map."""
    tests: dict[str, list[PairTest]] = field(default_factory=dict)
    """By scope, one of each pair of maps."""


def measure_maps(run: Run, survey: Survey, draws: Mapping[str, Draws], zones: Sequence[np.ndarray],
                 zone_names: Mapping[int, str], progress: Progress) -> Measured:
    """Measure all maps on all parts of the ground.

    Args:
        run: the points.
        survey: parts of the ground and ranks of the maps.
        draws: stable points by scope; empty when they were given.
        zones: zone by bin of the ranks, of each map.
        zone_names: names by zone.
        progress: reported to and asked whether to stop.

    Raises:
        LayerEmpty: no given stable point lies in the main part.
    """
    found = Measured()
    for number, scope in enumerate(run.scopes):
        stretch = Part(progress, number / len(run.scopes), (number + 1) / len(run.scopes))
        stable = stable_values(run, draws, scope)
        if stable is None:
            continue
        sample = run.landslides.take(run.landslides.at.within(scope))
        landslides = sample.at.every
        results = []
        for index, ranks in enumerate(survey.ranks):
            stop_if_cancelled(progress)
            positions = 1 - ranks.rank(landslides[index])
            table = []
            if scope.name == ALL:
                counts = np.bincount(zones[index][ranks.index(landslides[index])], minlength=len(zone_names) + 1)
                areas = ranks.shares(zones[index], len(zone_names)) * survey.joint_m2
                table = zone_table(dict(enumerate(counts.tolist())), dict(enumerate(areas.tolist(), 1)), zone_names)
            results.append(measure(
                scope, landslides[index], sample.feature, positions, stable[index], run.stable is None, run.repeats,
                run.threshold, survey.parts[scope.name].area_m2 / 1e6, table, 0, run.seed,
                Part(stretch, 0.8 * index / len(survey.ranks), 0.8 * (index + 1) / len(survey.ranks))))
        clustered = len(np.unique(sample.feature)) < len(sample)
        found.results[scope.name] = results
        found.tests[scope.name] = pair_tests(results, landslides, stable, clustered, Part(stretch, 0.8, 1.0))
    return found
