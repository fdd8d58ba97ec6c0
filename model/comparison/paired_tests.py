"""Tests between two maps on the same points: DeLong's paired test and a paired bootstrap, corrected for many pairs.

Each draw of stable points gives one DeLong test. The difference is the mean over all draws and its variance the mean of
the draws' variances: the variance of a single draw, so the test does not grow surer by drawing more stable points.
Each map measured on the same points, part of the ground by part, and every pair of maps tested.
Warnings about a comparison: what makes one map look better than it is, and what numbers cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from scipy.stats import norm

from ..progress import Progress, SubProgress, stop_if_cancelled
from ..statistics.area_ranks import AreaRanks
from ..statistics.intervals import LEVEL, MIN_REPEATS, Estimate, from_repeats
from ..validation.measures import ScopeResult, evaluate_scope, zone_table
from ..validation.metrics import compare_auc
from ..validation.preparation import ValidationData, WarningLog, stable_values
from ..validation.sampling import Draws
from ..validation.scopes import ALL
from ..validation.settings import FEW_LANDSLIDES, SUBSET_CODES
from .agreement import MapScan
from .mosaic import Mosaic

MAX_DELONG_DRAWS = 200
"""Draws that the variance of a difference is taken from; more would hardly change their mean."""


@dataclass(frozen=True)
class PairTest:
    """Whether two maps differ in AUC on one part of the ground."""

    first: int
    second: int
    bootstrap: Estimate
    """Difference of the AUC, first minus second, with the interval of the paired bootstrap."""
    delong: Estimate
    """The same difference with DeLong's interval."""
    p_delong: float
    """Two-sided probability of such a difference, or a larger one, between equally good maps."""
    p_bootstrap: float
    """The same from the spread of the bootstrap; NaN with few repeats."""
    clustered: bool
    """Whether several points belong to one landslide: DeLong's test takes them for independent, the bootstrap not."""
    p_corrected: float = math.nan
    """The p to judge by, after Holm (1979) for all pairs tested together."""

    @property
    def p(self) -> float:
        """The p to judge by, for this pair alone."""
        return self.p_bootstrap if self.clustered else self.p_delong

    @property
    def estimate(self) -> Estimate:
        """The difference with the interval to judge by."""
        return self.delong if not self.clustered or not self.bootstrap.has_interval else self.bootstrap


def pair_tests(
    results: Sequence[ScopeResult], landslides: np.ndarray, stable: np.ndarray, clustered: bool, progress: Progress
) -> list[PairTest]:
    """Test all pairs of maps on one part of the ground.

    Args:
        results: of each map, measured with the same seed.
        landslides: susceptibility at the landslides, shape (maps, landslides).
        stable: at the stable points, shape (maps, draws, points).
        clustered: whether several points belong to one landslide.
        progress: reported to and asked whether to stop.
    """
    pairs = list(combinations(range(len(results)), 2))
    tests = []
    for done, (a, b) in enumerate(pairs):
        stop_if_cancelled(progress)
        progress.report(done / len(pairs))
        tests.append(_test(a, b, results, landslides, stable, clustered))
    return [replace(test, p_corrected=p) for test, p in zip(tests, holm_correction([test.p for test in tests]))]


def holm_correction(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for testing all of them at once (Holm 1979); NaN stays NaN and does not count."""
    result = [math.nan] * len(p)
    known = sorted((value, number) for number, value in enumerate(p) if math.isfinite(value))
    highest = 0.0
    for place, (value, number) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - place)))
        result[number] = highest
    return result


def _test(
    a: int, b: int, results: Sequence[ScopeResult], landslides: np.ndarray, stable: np.ndarray, clustered: bool
) -> PairTest:
    difference = results[a].auc.value - results[b].auc.value
    variances = []
    if landslides.shape[1] > 1 and stable.shape[2] > 1:
        variances = [
            compare_auc(landslides[a], stable[a, draw], landslides[b], stable[b, draw]).standard_error ** 2
            for draw in range(min(stable.shape[1], MAX_DELONG_DRAWS))
        ]
    error = math.sqrt(float(np.mean(variances))) if variances else math.nan
    half = float(norm.ppf(0.5 + LEVEL / 2)) * error
    resampled = results[a].auc_repeats - results[b].auc_repeats
    spread = float(np.std(resampled, ddof=1)) if len(resampled) >= MIN_REPEATS else math.nan
    return PairTest(
        a,
        b,
        from_repeats(difference, resampled, "bootstrap"),
        Estimate(difference, difference - half, difference + half, "DeLong"),
        _two_sided_p(difference, error),
        _two_sided_p(difference, spread),
        clustered,
    )


def _two_sided_p(difference: float, error: float) -> float:
    """Return the two-sided p of a difference with a standard error; 1 for no difference at all."""
    if difference == 0:
        return 1.0
    if not math.isfinite(error):
        return math.nan
    return float(2 * norm.sf(abs(difference) / error)) if error > 0 else 0.0


@dataclass
class ComparisonResults:
    """Numbers by part of the ground."""

    results: dict[str, list[ScopeResult]] = field(default_factory=dict)
    """By scope, one of each map."""
    tests: dict[str, list[PairTest]] = field(default_factory=dict)
    """By scope, one of each pair of maps."""


def evaluate_maps(
    data: ValidationData,
    survey: MapScan,
    draws: Mapping[str, Draws],
    zones: Sequence[np.ndarray],
    zone_names: Mapping[int, str],
    progress: Progress,
) -> ComparisonResults:
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
    found = ComparisonResults()
    for number, scope in enumerate(data.scopes):
        subprogress = SubProgress(progress, number / len(data.scopes), (number + 1) / len(data.scopes))
        stable = stable_values(data, draws, scope)
        if stable is None:
            continue
        sample = data.landslides.take(data.landslides.cell_values.in_scope(scope))
        landslides = sample.cell_values.values_by_map
        results = []
        for index, ranks in enumerate(survey.ranks):
            stop_if_cancelled(progress)
            shares_above = 1 - ranks.rank(landslides[index])
            table = []
            if scope.name == ALL:
                counts = np.bincount(zones[index][ranks.index(landslides[index])], minlength=len(zone_names) + 1)
                areas = ranks.shares(zones[index], len(zone_names)) * survey.common_area_m2
                table = zone_table(dict(enumerate(counts.tolist())), dict(enumerate(areas.tolist(), 1)), zone_names)
            results.append(
                evaluate_scope(
                    scope,
                    landslides[index],
                    sample.feature,
                    shares_above,
                    stable[index],
                    data.stable is None,
                    data.repeats,
                    data.threshold,
                    survey.parts[scope.name].area_m2 / 1e6,
                    table,
                    0,
                    data.seed,
                    SubProgress(subprogress, 0.8 * index / len(survey.ranks), 0.8 * (index + 1) / len(survey.ranks)),
                )
            )
        clustered = len(np.unique(sample.feature)) < len(sample)
        found.results[scope.name] = results
        found.tests[scope.name] = pair_tests(results, landslides, stable, clustered, SubProgress(subprogress, 0.8, 1.0))
    return found


_NOTABLE_SHARE = 0.01
"""Share of the area, or of the points, above which a loss is worth a warning; also that of zones off their shares."""


def warn_about_inputs(
    maps: Sequence[Mosaic],
    survey: MapScan,
    data: ValidationData,
    probabilities: Sequence[bool],
    warning_log: WarningLog,
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
    for one, area, without, ranks, probability in zip(
        maps, survey.area_m2, data.landslides.counts.without, survey.ranks, probabilities
    ):
        if area < largest * (1 - _NOTABLE_SHARE):
            warning_log.warn(
                f'The map "{one.name}" has data on {area / 1e6:,.1f} km² of the {largest / 1e6:,.1f} km² '
                "that the largest map has here. Only ground that all maps have is compared."
            )
        if without:
            warning_log.warn(
                f'{without:,} of the landslides lie where "{one.name}" has no data; no map is judged by them.'
            )
        if one.has_sentinel_values:
            warning_log.warn(
                f'The map "{one.name}" does not say which value means no data, and holds values such as '
                "-9999; these count as no data."
            )
        if one.bands > 1:
            warning_log.warn(f'The map "{one.name}" has {one.bands} bands; the first one is used.')
        if ranks.minimum == ranks.maximum:
            warning_log.warn(f'The map "{one.name}" has the value {ranks.minimum:g} everywhere, so it ranks nothing.')
        elif not probability:
            warning_log.warn(
                f'The values of "{one.name}" run from {ranks.minimum:g} to {ranks.maximum:g}, not within 0 '
                "to 1. Its order counts: AUC, ranks and zones. It has no numbers at a threshold, and maps of "
                "differences show ranks. High values must mean more susceptible."
            )


def warn_about_zones(
    names: Sequence[str],
    ranks: Sequence[AreaRanks],
    shares: Sequence[np.ndarray],
    wanted: Sequence[float],
    warning_log: WarningLog,
) -> None:
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
            warning_log.warn(
                f'The map "{name}" has {len(wanted)} values; these are taken for its zones, which have '
                f"{', '.join(f'{share:.0%}' for share in found)} of the area, from the least susceptible on."
            )
        elif np.abs(found - np.asarray(wanted)).max() > _NOTABLE_SHARE:
            warning_log.warn(
                f'Many cells of "{name}" have the same value, so its zones do not have the shares asked for '
                f"but {', '.join(f'{share:.0%}' for share in found)} of the area, from the least susceptible "
                "on. Read the agreement of its zones with that in mind."
            )


def warn_about_results(
    results: Mapping[str, Sequence[ScopeResult]],
    main: str,
    names: Sequence[str],
    data: ValidationData,
    warning_log: WarningLog,
) -> None:
    """Warn of fits taken for tests, of few landslides, and of maps that are no use.

    Args:
        results: by scope, one of each map.
        main: name of the scope that the main numbers are for.
        names: of the maps.
        run: the points.
        notes: told.
    """
    trained = int((data.landslides.cell_values.subset == SUBSET_CODES["train"]).sum())
    if data.layers.subsets is None:
        warning_log.warn(
            "No window layer was given, so Scarp cannot tell which landslides the models were trained on. A "
            "map looks better on its own training landslides: the comparison is only fair if none of the maps "
            "has seen these landslides, or all of them have."
        )
    else:
        if main == ALL and trained:
            warning_log.warn(
                f"{trained:,} of {len(data.landslides):,} landslides lie in training windows, where maps show a "
                "fit, not a test."
                + (
                    " The numbers of the test windows stand beside those of all; trust those."
                    if "test" in results
                    else ""
                )
            )
        elif main == "train":
            warning_log.warn("The numbers are for the training windows: they show a fit, not a test.")
        warning_log.warn(
            "The training windows count for all maps. A map that was trained on other ground may have seen "
            "landslides of the test windows."
        )
    first = results[main][0]
    if first.landslides < FEW_LANDSLIDES:
        warning_log.warn(f"Only {first.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if first.repeats < MIN_REPEATS:
        warning_log.warn(f"With fewer than {MIN_REPEATS} repeats there is no bootstrap interval. Set REPEATS to 200.")
    for name, result in zip(names, results[main]):
        if result.auc.value < 0.5:
            warning_log.warn(
                f'The AUC of "{name}" is {result.auc.value:.3f}, below 0.5: landslides lie on lower values '
                "than stable points do. Is the map turned round, so that low values mean more susceptible?"
            )
