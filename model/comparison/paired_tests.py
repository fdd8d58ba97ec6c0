"""Paired tests between maps on the same landslides and the same land, over resampled blocks, corrected for many pairs.

Both maps have the same resamples, so the spread of the difference in AUC over them is its standard error, and Student's
t over the independent blocks its test. DeLong's test stands beside it, as if landslides were independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from scipy.stats import norm

from ..progress import Progress, SubProgress, stop_if_cancelled
from ..statistics import MIN_REPEATS, Estimate, z_value
from ..texts import join_names
from ..validation.measures import ScopeResult, evaluate_scope
from ..validation.metrics import difference_variance
from ..validation.preparation import ScopeDraws, ScopeSample, ValidationData, estimate_blocks, sample_scope
from ..validation.settings import ALL, FEW_LANDSLIDES, no_test_text
from ..validation.zone_table import ZoneRow, zone_table
from .agreement import Agreement, MapScan
from .mosaic import Mosaic


@dataclass(frozen=True)
class PairTest:
    """Whether two maps differ in AUC on one scope."""

    first: int
    second: int
    difference: Estimate  # of the AUC, first minus second, with the interval from resampled blocks
    p: float
    """Two-sided probability of such a difference, or a larger one, between equally good maps, over resampled blocks;
    NaN where there are too few of them for a test."""
    independent_blocks: int
    delong: Estimate  # the same difference with DeLong's interval, if landslides were independent
    p_delong: float
    p_corrected: float = math.nan  # the decisive p, after Holm (1979) for all pairs tested together


def pair_tests(results: Sequence[ScopeResult], sample: ScopeSample, progress: Progress) -> list[PairTest]:
    """Test all pairs of maps on one scope. ``results``: of each map, evaluated on ``sample``."""
    pairs = list(combinations(range(len(results)), 2))
    landslides, land, resamples = sample.landslides.cell_values.values_by_map, sample.land, sample.resamples
    tests = []
    for done, (a, b) in enumerate(pairs):
        stop_if_cancelled(progress)
        progress.report(done / len(pairs))
        difference = results[a].auc.value - results[b].auc.value
        resampled = results[a].auc_repeats - results[b].auc_repeats
        estimate = resamples.estimate(difference, resampled, "difference")
        error = math.nan
        if landslides.shape[1] > 1 and land.shape[1] > 1:
            error = math.sqrt(max(0.0, difference_variance(landslides[a], land[a], landslides[b], land[b])))
        half = z_value() * error
        delong = Estimate(difference, difference - half, difference + half, "DeLong")
        p = resamples.p(difference, resampled)
        tests.append(PairTest(a, b, estimate, p, resamples.independent, delong, _two_sided_p(difference, error)))
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


def _two_sided_p(difference: float, error: float) -> float:
    """Return the two-sided p of a difference with a standard error; 1 for no difference at all."""
    if difference == 0:
        return 1.0
    if not math.isfinite(error):
        return math.nan
    return float(2 * norm.sf(abs(difference) / error)) if error > 0 else 0.0


@dataclass
class Comparison:
    """Several maps and how they compare."""

    maps: list[Mosaic]
    reference: int  # number of the map on whose grid everything is compared
    data: ValidationData
    scan: MapScan
    zones: list[np.ndarray]  # zone by bin of the ranks, of each map
    zone_names: dict[int, str]
    probabilities: list[bool]  # by map, whether its values are from 0 to 1, as measures at a threshold need
    results: dict[str, list[ScopeResult]] = field(default_factory=dict)  # by scope, one of each map
    tests: dict[str, list[PairTest]] = field(default_factory=dict)  # by scope, one of each pair of maps
    agreements: list[Agreement] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)  # by map, whether it is an out-of-fold map
    seen: list[bool] = field(default_factory=list)  # by map, whether all landslides trained its model

    @property
    def names(self) -> list[str]:
        """Names of the maps."""
        return [one.name for one in self.maps]

    @property
    def main(self) -> list[ScopeResult]:
        """Results of each map on the main scope."""
        return self.results[self.data.main.name]

    @property
    def ranking(self) -> list[int]:
        """Numbers of the maps, the highest AUC on the main scope first."""
        return rank_by_auc(self.main)

    def test_of_best(self) -> PairTest:
        """Return the test of the two best maps on the main scope."""
        return find_pair_test(self.tests[self.data.main.name], *self.ranking[:2])


def rank_by_auc(maps: Sequence[ScopeResult]) -> list[int]:
    """Return the numbers of the maps, the highest AUC first."""
    return sorted(range(len(maps)), key=lambda number: -maps[number].auc.value)


def find_pair_test(tests: Sequence[PairTest], one: int, other: int) -> PairTest:
    """Return the test of two maps, in either order."""
    return next(test for test in tests if {test.first, test.second} == {one, other})


def evaluate_maps(comparison: Comparison, draws: Mapping[str, ScopeDraws], progress: Progress) -> None:
    """Evaluate all maps on all scopes, and keep results and tests. Raises ``LayerEmpty`` if no given stable point lies
    in the main scope.
    """
    data, scan = comparison.data, comparison.scan
    blocks = estimate_blocks(data, scan.parts, progress)
    for number, scope in enumerate(data.scopes):
        part = SubProgress(progress, number / len(data.scopes), (number + 1) / len(data.scopes))
        sample = sample_scope(data, blocks, draws, scope)
        if sample is None:
            continue
        results = []
        for index, ranks in enumerate(scan.ranks):
            stop_if_cancelled(progress)
            values = sample.landslides.cell_values.values_by_map[index]
            success = float(ranks.rank(values).mean())
            table = _zone_table(comparison, index, sample) if scope.name == ALL else []
            own = SubProgress(part, 0.8 * index / len(scan.ranks), 0.8 * (index + 1) / len(scan.ranks))
            statistics = scan.parts[scope.name]
            results.append(evaluate_scope(data, scope, sample, statistics, success, table, 0, own, index))
        comparison.results[scope.name] = results
        comparison.tests[scope.name] = pair_tests(results, sample, SubProgress(part, 0.8, 1.0))


def _zone_table(comparison: Comparison, index: int, sample: ScopeSample) -> list[ZoneRow]:
    ranks, zones, names = comparison.scan.ranks[index], comparison.zones[index], comparison.zone_names
    of_landslides = zones[ranks.index(sample.landslides.cell_values.values_by_map[index])]
    areas = dict(enumerate((ranks.shares(zones, len(names)) * comparison.scan.common_area_m2).tolist(), 1))
    return zone_table(of_landslides, sample.landslide_places, sample.resamples, areas, names)


_NOTABLE_SHARE = 0.01
"""Share of the area, or of the points, above which a loss is worth a warning; also that of zones off their shares."""


def warn_about_inputs(comparison: Comparison) -> None:
    """Warn of ground and points that maps lack, and of maps whose values are no probabilities."""
    scan, warn = comparison.scan, comparison.data.warning_log.warn
    largest = max(scan.area_m2)
    without_data = comparison.data.landslides.counts.without_data
    for one, area, without, ranks, probability in zip(
        comparison.maps, scan.area_m2, without_data, scan.ranks, comparison.probabilities
    ):
        if area < largest * (1 - _NOTABLE_SHARE):
            warn(
                f'The map "{one.name}" has data on {area / 1e6:,.1f} km² of the {largest / 1e6:,.1f} km² '
                "that the largest map has here. Only ground that all maps have is compared."
            )
        if without:
            warn(f'{without:,} of the landslides lie where "{one.name}" has no data; no map is evaluated on them.')
        if one.undeclared_nodata:
            values = ", ".join(f"{value:.10g}" for value in one.undeclared_nodata)
            warn(f'The map "{one.name}" holds {values} without declaring it as nodata; these cells count as no data.')
        if ranks.minimum == ranks.maximum:
            warn(f'The map "{one.name}" has the value {ranks.minimum:g} everywhere, so it ranks nothing.')
        elif not probability:
            warn(
                f'The values of "{one.name}" run from {ranks.minimum:g} to {ranks.maximum:g}, not within 0 '
                "to 1. Its order counts: AUC, ranks and zones. It has no numbers at a threshold, and maps of "
                "differences show ranks. High values must mean more susceptible."
            )


def warn_about_zones(comparison: Comparison, shares: np.ndarray) -> None:
    """Warn of maps that cannot be cut into zones of some shares, because many cells have one value."""
    count, warn = len(comparison.zone_names), comparison.data.warning_log.warn
    for name, ranks, zones in zip(comparison.names, comparison.scan.ranks, comparison.zones):
        actual = ranks.shares(zones, count)
        listed = ", ".join(f"{share:.0%}" for share in actual)
        if ranks.bins == count:
            warn(
                f'The map "{name}" has {count} values; these are taken for its zones, which have {listed} of the area, '
                "from the least susceptible on."
            )
        elif np.abs(actual - shares).max() > _NOTABLE_SHARE:
            warn(
                f'Many cells of "{name}" have the same value, so its zones do not have the shares asked for but '
                f"{listed} of the area, from the least susceptible on. Read the agreement of its zones with that in "
                "mind."
            )


def warn_about_results(comparison: Comparison) -> None:
    """Warn of fits taken for tests, of few landslides, and of maps that are no use."""
    data, main, warn = comparison.data, comparison.data.main.name, comparison.data.warning_log.warn
    trained = data.subset_counts().get("train", 0)
    if any(comparison.seen):
        names = join_names([f'"{name}"' for name, seen in zip(comparison.names, comparison.seen) if seen])
        warn(
            f"All landslides trained the model of {names}: the map shows a fit, not a test, and is not to be compared "
            'with maps that have not seen these landslides. Compare the out-of-fold map in its place: "Train PCUM" '
            'writes it as OUTPUT_OUT_OF_FOLD, and "Cross-validate" makes one of any kind of model.'
        )
    if all(map(any, zip(comparison.seen, comparison.held_out))):
        pass
    elif data.layers.subsets is None:
        warn(
            "No window layer was given, so Scarp cannot tell which landslides the models were trained on. A "
            "map looks better on its own training landslides: the comparison is only fair if none of the maps "
            "has seen these landslides, as out-of-fold maps have not, or all of them have."
        )
    else:
        if main == ALL and trained:
            has_test = "test" in comparison.results
            test = " The numbers of the test windows stand beside those of all; trust those." if has_test else ""
            warn(
                f"{trained:,} of {len(data.landslides):,} landslides lie in training windows, where maps show a fit, "
                f"not a test.{test}"
            )
        elif main == "train":
            warn("The numbers are for the training windows: they show a fit, not a test.")
        warn(
            "The training windows count for all maps. A map that was trained on other ground may have seen "
            "landslides of the test windows."
        )
    first = comparison.main[0]
    if first.landslides < FEW_LANDSLIDES:
        warn(f"Only {first.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if not first.testable:
        warn(f"{no_test_text(first.independent_blocks)} The intervals are too narrow.")
    if first.repeats < MIN_REPEATS:
        warn(f"With fewer than {MIN_REPEATS} repeats there is no interval and no test. Set REPEATS to 200.")
    for name, result in zip(comparison.names, comparison.main):
        if result.auc.value < 0.5:
            warn(
                f'The AUC of "{name}" is {result.auc.value:.3f}, below 0.5: landslides lie on lower values '
                "than other land does. Is the map inverted, so that low values mean more susceptible?"
            )
