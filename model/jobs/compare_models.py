"""Several susceptibility maps and landslides in; report, table and difference map out."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Sequence

import numpy as np

from ..comparison.agreement import Agreement, agreement
from ..comparison.difference import write_difference
from ..comparison.joint import JointLayers
from ..comparison.judgement import judge_inputs, judge_results, judge_zones
from ..comparison.measuring import Measured, measure_maps
from ..comparison.paired import PairTest
from ..comparison.settings import TABLE_COLUMNS, map_names
from ..comparison.sources import Sampled, Source, finest, open_sources
from ..comparison.survey import Survey, compare_ground, take_survey
from ..comparison.table import agreement_rows, as_metrics, number_row, pair_rows, result_rows
from ..files import RunRecord, check_writable
from ..inputs.vectors import Points, Polygons
from ..progress import Part, Progress, stop_if_cancelled
from ..report.comparison_images import comparison_images
from ..report.comparison_input import ComparisonInput, MapFacts
from ..report.comparison_page import comparison_page
from ..tables import write_table
from ..validation.intervals import Estimate
from ..validation.measures import ScopeResult
from ..validation.plan import Notes, main_scope
from ..validation.preparation import Run, check_settings, draw, prepare, require_on_map, source_of
from ..validation.scopes import ALL, REGION_PREFIX, RegionMap, SubsetMap
from ..validation.settings import DISTANCE, POLYGON_MODES, REPEATS, THRESHOLD
from ..zones.schemes import AREA_SHARES, DEFAULT_SHARES, read_scheme, zone_names

_ROUNDING = 1e-4
"""How far a susceptibility may lie outside 0 to 1 by rounding."""


@dataclass
class ComparisonSummary:
    """What a comparison found."""

    names: list[str]
    best: str
    """Name of the map with the highest AUC on the chosen subset."""
    auc: Estimate
    """Its AUC."""
    lead: float
    """By how much that is above the second best."""
    p: float
    """Probability of such a lead between equally good maps, corrected for all pairs."""
    results: dict[str, list[ScopeResult]]
    """By part of the ground, one of each map."""
    tests: dict[str, list[PairTest]]
    agreements: list[Agreement]
    warnings: list[str] = field(default_factory=list)

    def test_of(self, first: str, second: str, scope: str = ALL) -> PairTest:
        """Return the test between two maps, named in the order of the input."""
        pair = self.names.index(first), self.names.index(second)
        return next(test for test in self.tests[scope] if (test.first, test.second) == pair)


def compare_models(susceptibility: Sequence[str | os.PathLike], landslides: Points | Polygons,
                   output_html: str | os.PathLike | None, output_table: str | os.PathLike | None, *,
                   names: Sequence[str] = (), stable: Points | None = None, regions: Polygons | None = None,
                   region_field: str | None = None, windows: Polygons | None = None, subset: str = ALL,
                   threshold: float = THRESHOLD, distance: float = DISTANCE, repeats: int = REPEATS, seed: int = 0,
                   shares: Sequence[float] = (), polygon_mode: str = POLYGON_MODES[0],
                   output_difference: str | os.PathLike | None = None, progress: Progress) -> ComparisonSummary:
    """Compare maps on the same landslides, the same stable points and the same ground.

    Everything happens on the grid of the map with the smallest cells; of the others the nearest cell is read. The
    AUC of each map and part with its intervals, and table 6 of Zhang & Deng (2026) with a paired test.

    Args:
        susceptibility: rasters, first band; any CRS, cell size and extent, and any values that rise with
            susceptibility.
        landslides: inventory in the CRS of the finest map (``comparison.sources.finest_of_files``), as all layers.
        output_html: path of the report.
        output_table: path of the CSV with all numbers.
        names: one a map; by default the names of the files.
        stable: points known to be stable, used instead of random ones.
        regions: polygons that get numbers of their own.
        region_field: attribute with the regions' names.
        windows: polygons of the training run, with the attribute ``subset``.
        subset: ``all``, or the windows that the numbers are limited to.
        threshold: from this susceptibility on a point is called landslide.
        distance: metres between a random stable point and the next landslide.
        repeats: draws of stable points.
        seed: of all randomness.
        shares: percent of the area by zone; 30, 20, 20, 20, 10 by default.
        polygon_mode: ``representative`` (one cell a landslide polygon) or ``cells``.
        output_difference: path of the GeoTIFF of the first map less the second.
        progress: hears warnings and the main numbers.

    Raises:
        ParameterInvalid: a parameter is out of its range, or there are too few maps.
        NoOverlap: the maps have no common ground.
        LayerEmpty: a layer is empty, or no landslide lies where all maps have data.
        TooFewData: too few landslides, or no cell is left for stable points.
        InputMissing, InputCorrupt, CrsMissing, GridUnsupported: a raster cannot be used.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    check_settings(subset, windows, threshold, distance, repeats, seed, polygon_mode)
    titles = map_names(names, [os.path.splitext(os.path.basename(str(path)))[0] for path in susceptibility])
    scheme = read_scheme(AREA_SHARES, shares, [])
    outputs = {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_DIFFERENCE": output_difference}
    for path in outputs.values():
        if path is not None:
            check_writable(path)
    parameters = {"NAMES": titles, "SUBSET": subset, "THRESHOLD": threshold, "DISTANCE": distance, "REPEATS": repeats,
                  "SEED": seed, "SHARES": list(shares) or list(DEFAULT_SHARES), "POLYGON_MODE": polygon_mode,
                  "REGION_FIELD": region_field}
    inputs = {"SUSCEPTIBILITY": [str(path) for path in susceptibility], "LANDSLIDES": source_of(landslides),
              "STABLE": source_of(stable), "REGIONS": source_of(regions), "WINDOWS": source_of(windows)}
    record = RunRecord("comparemodels", parameters, inputs)
    notes = Notes(progress)
    labels = dict(enumerate(zone_names(scheme.zones), 1))
    with open_sources(susceptibility, titles) as sources, contextlib.ExitStack() as stack:
        reference = finest(sources)
        grid = sources[reference].grid
        require_on_map(landslides, grid)
        layers = JointLayers([Sampled(source, grid, stack) for source in sources], grid, list(labels.values()),
                             SubsetMap(grid, windows) if windows is not None else None,
                             RegionMap(grid, regions, region_field) if regions is not None else None)
        run = prepare(layers, landslides, stable, main_scope(subset), repeats, distance, threshold, seed,
                      polygon_mode == "cells", notes, Part(progress, 0.0, 0.08))
        progress.report(0.08, f"{len(run.landslides):,} cells with data in all maps hold a landslide.")
        survey = take_survey(layers, run.scopes, run.buffers if stable is None else None, Part(progress, 0.08, 0.4))
        zones = [ranks.zones(scheme.shares) for ranks in survey.ranks]
        probabilities = [ranks.minimum >= -_ROUNDING and ranks.maximum <= 1 + _ROUNDING for ranks in survey.ranks]
        draws = draw(run, survey.parts, Part(progress, 0.4, 0.55))
        measured = measure_maps(run, survey, draws, zones, labels, Part(progress, 0.55, 0.7))
        del draws
        agreements = _agreements(layers, survey, zones, probabilities, len(labels), Part(progress, 0.7, 0.85))
        found = [ranks.shares(of_bin, len(labels)) for ranks, of_bin in zip(survey.ranks, zones)]
        wanted = np.diff([0.0, *scheme.shares, 1.0])
        judge_inputs(sources, survey, run, probabilities, notes)
        judge_zones(titles, survey.ranks, found, wanted, notes)
        judge_results(measured.results, run.main.name, titles, run, notes)
        by_rank = None if probabilities[0] and probabilities[1] else (survey.ranks[0], survey.ranks[1])
        rows = _rows(run, survey, measured, agreements, titles, probabilities)
        page = None
        if output_html is not None:
            facts = _facts(sources, survey, run, probabilities)
            images = comparison_images(sources, reference, survey.ranks, zones, by_rank)
            settings = {**parameters, "Repeats made": run.repeats, **inputs}
            page = comparison_page(ComparisonInput(
                facts, landslides.name, run.landslides.counts, run.stable is not None, measured.results, measured.tests,
                agreements, run.main.name, labels, images, by_rank is not None, threshold, distance,
                f"{sources[reference].cell_size:,.4g} m, those of {titles[reference]}", survey.joint_m2 / 1e6,
                notes.texts, {name: value for name, value in settings.items() if value is not None}))
        stop_if_cancelled(progress)
        if output_difference is not None:
            write_difference(sources[0], sources[1], by_rank, output_difference, Part(progress, 0.9, 0.99))
    # Everything is computed: nothing that takes long, or may be cancelled, stands between the outputs.
    if page is not None and output_html is not None:
        page.write(output_html)
    if output_table is not None:
        write_table(output_table, TABLE_COLUMNS, rows)
    record.write(outputs, metrics=as_metrics(rows), warnings=notes.texts)
    main = measured.results[run.main.name]
    best, second = (int(number) for number in np.argsort([-result.auc.value for result in main], kind="stable")[:2])
    test = next(one for one in measured.tests[run.main.name] if {one.first, one.second} == {best, second})
    progress.report(1.0, f'The highest AUC is {main[best].auc.value:.3f}, of "{titles[best]}".')
    return ComparisonSummary(titles, titles[best], main[best].auc, main[best].auc.value - main[second].auc.value,
                             test.p_corrected, measured.results, measured.tests, agreements, notes.texts)


def _agreements(layers: JointLayers, survey: Survey, zones: Sequence[np.ndarray], probabilities: Sequence[bool],
                count: int, progress: Progress) -> list[Agreement]:
    sums = compare_ground(layers, survey.ranks, zones, count, progress)
    return [agreement(pair, total, (survey.ranks[pair[0]].variance, survey.ranks[pair[1]].variance),
                      probabilities[pair[0]] and probabilities[pair[1]]) for pair, total in sums.items()]


def _rows(run: Run, survey: Survey, measured: Measured, agreements: Sequence[Agreement], names: Sequence[str],
          probabilities: Sequence[bool]) -> list[tuple]:
    counts = run.landslides.counts
    rows = [number_row("input", "", f"landslide_{name}", value) for name, value in (
        ("features", counts.features), ("off_map", counts.off_map), ("places", counts.places),
        ("on_nodata", counts.on_nodata), ("doubled", counts.doubled), ("thinned", counts.thinned))]
    rows.append(number_row("input", "", "compared_km2", survey.joint_m2 / 1e6))
    for name, without, area in zip(names, counts.without, survey.area_m2):
        rows += [number_row("input", name, "landslides_without_value", without),
                 number_row("input", name, "area_km2", area / 1e6)]
    for number, name in enumerate(names):
        values = [maps[number].auc.value for scope, maps in measured.results.items()
                  if scope.startswith(REGION_PREFIX)]
        if values:
            rows += [number_row("regions", name, "auc_mean", float(np.mean(values))),
                     number_row("regions", name, "auc_worst", min(values))]
    return [*rows, *result_rows(measured.results, names, probabilities), *pair_rows(measured.tests, names),
            *agreement_rows(agreements, names)]


def _facts(sources: Sequence[Source], survey: Survey, run: Run, probabilities: Sequence[bool]) -> list[MapFacts]:
    return [MapFacts(source.name, source.cell_size, (ranks.minimum, ranks.maximum), probability, area / 1e6, without)
            for source, ranks, probability, area, without in zip(
                sources, survey.ranks, probabilities, survey.area_m2, run.landslides.counts.without)]
