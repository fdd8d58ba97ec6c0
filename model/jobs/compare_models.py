"""Several susceptibility maps and landslides in; report, tables and difference map out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..comparison.agreement import Agreement, MapScan, accumulate_agreement, agreement, scan_maps, write_difference
from ..comparison.mosaic import (
    JointLayers,
    Mosaic,
    PieceRegions,
    ResampledMosaic,
    check_piece_overlap,
    group_into_mosaics,
)
from ..comparison.paired_tests import (
    ComparisonResults,
    PairTest,
    evaluate_maps,
    warn_about_inputs,
    warn_about_results,
    warn_about_zones,
)
from ..comparison.settings import TABLE_COLUMNS, map_names
from ..comparison.sources import finest, open_sources
from ..comparison.summary import (
    agreement_rows,
    as_metrics,
    find_pair_test,
    number_row,
    pair_rows,
    rank_by_auc,
    result_rows,
    summary_columns,
    summary_rows,
)
from ..errors import LayerEmpty, ParameterInvalid, TooFewData
from ..grid import Grid
from ..inputs.vectors import Points, Polygons
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..provenance.lineage import warn_stale_inputs
from ..provenance.map_tags import stored_warnings
from ..report.comparison import ComparisonReportInput, MapFacts, comparison_page
from ..report.comparison_figures import comparison_images
from ..statistics.intervals import Estimate
from ..tables import write_table
from ..validation.measures import ScopeResult
from ..validation.preparation import (
    ValidationData,
    WarningLog,
    check_settings,
    draw_for_scopes,
    layer_source,
    main_scope,
    prepare_validation,
    require_on_map,
)
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
    lead: float | None
    """By how much that is above the second best; ``None`` for one map."""
    p: float | None
    """Probability of such a lead between equally good maps, corrected for all pairs; ``None`` when not known."""
    results: dict[str, list[ScopeResult]]
    """By part of the ground, one of each map."""
    tests: dict[str, list[PairTest]]
    agreements: list[Agreement]
    warnings: list[str] = field(default_factory=list)

    def test_of(self, first: str, second: str, scope: str = ALL) -> PairTest:
        """Return the test between two maps, named in the order of the input."""
        pair = self.names.index(first), self.names.index(second)
        return next(test for test in self.tests[scope] if (test.first, test.second) == pair)


def compare_models(
    susceptibility: Sequence[str | os.PathLike],
    landslides: Points | Polygons,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    *,
    names: Sequence[str] = (),
    stable: Points | None = None,
    regions: Polygons | None = None,
    region_field: str | None = None,
    windows: Polygons | None = None,
    subset: str = ALL,
    threshold: float = THRESHOLD,
    distance: float = DISTANCE,
    repeats: int = REPEATS,
    seed: int = 0,
    shares: Sequence[float] = (),
    polygon_mode: str = POLYGON_MODES[0],
    output_difference: str | os.PathLike | None = None,
    output_summary: str | os.PathLike | None = None,
    progress: Progress,
) -> ComparisonSummary:
    """Compare maps on the same landslides, the same stable points and the same ground.

    Rasters that ``names`` gives the same name are pieces of one map: where they overlap the first one counts. Without
    ``regions`` the pieces are the regions, called by what they state as ``REGION``, else by their files. One map in
    pieces may stand alone; it has numbers and no tests.

    Everything happens on the grid of the map with the smallest cells; of the others the nearest cell is read. The
    AUC of each map and part with its intervals, and table 6 of Zhang & Deng (2026) with a paired test.

    Args:
        susceptibility: rasters, first band; any CRS, cell size and extent, and any values that rise with
            susceptibility.
        landslides: inventory in the CRS of the finest map (``comparison.mosaic.finest_raster``), as all layers.
        output_html: path of the report.
        output_table: path of the CSV with all numbers.
        names: of the map that each raster belongs to; by default the names of the files.
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
        output_summary: path of the CSV with one row a region.
        progress: hears warnings and the main numbers.

    Raises:
        ParameterInvalid: a parameter is out of its range, there are too few maps, or pieces of one map lie on each
            other.
        NoOverlap: the maps have no common ground.
        LayerEmpty: a layer is empty, or no landslide lies where all maps have data.
        TooFewData: too few landslides, or no cell is left for stable points.
        InputMissing, InputCorrupt, CrsMissing, GridUnsupported: a raster cannot be used.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    check_settings(subset, windows, threshold, distance, repeats, seed, polygon_mode)
    belongs_to = map_names(names, [os.path.splitext(os.path.basename(str(path)))[0] for path in susceptibility])
    titles = list(dict.fromkeys(belongs_to))
    if output_difference is not None and len(titles) < 2:
        raise ParameterInvalid(
            "OUTPUT_DIFFERENCE is the first map minus the second, but there is one map only. Leave "
            "OUTPUT_DIFFERENCE empty."
        )
    scheme = read_scheme(AREA_SHARES, shares, [])
    outputs = {
        "OUTPUT_HTML": output_html,
        "OUTPUT_TABLE": output_table,
        "OUTPUT_SUMMARY": output_summary,
        "OUTPUT_DIFFERENCE": output_difference,
    }
    for path in outputs.values():
        if path is not None:
            check_writable(path)
    parameters = {
        "NAMES": belongs_to,
        "SUBSET": subset,
        "THRESHOLD": threshold,
        "DISTANCE": distance,
        "REPEATS": repeats,
        "SEED": seed,
        "SHARES": list(shares) or list(DEFAULT_SHARES),
        "POLYGON_MODE": polygon_mode,
        "REGION_FIELD": region_field,
    }
    inputs = {
        "SUSCEPTIBILITY": [str(path) for path in susceptibility],
        "LANDSLIDES": layer_source(landslides),
        "STABLE": layer_source(stable),
        "REGIONS": layer_source(regions),
        "WINDOWS": layer_source(windows),
    }
    record = RunRecord("comparemodels", parameters, inputs)
    warning_log = WarningLog(progress)
    for path in susceptibility:
        warn_stale_inputs({"susceptibility map": path}, warning_log)
    labels = dict(enumerate(zone_names(scheme.zones), 1))
    with open_sources(susceptibility, belongs_to) as sources, contextlib.ExitStack() as stack:
        maps = group_into_mosaics(sources)
        reference = finest(maps)
        grid = maps[reference].grid
        sampled = [ResampledMosaic(one, grid, stack) for one in maps]
        require_on_map(landslides, grid)
        check_piece_overlap(sampled, grid, warning_log, SubProgress(progress, 0.0, 0.03))
        layers = JointLayers(
            sampled,
            grid,
            list(labels.values()),
            SubsetMap(grid, windows) if windows is not None else None,
            _regions(sampled, grid, regions, region_field),
        )
        try:
            data = prepare_validation(
                layers,
                landslides,
                stable,
                main_scope(subset),
                repeats,
                distance,
                threshold,
                seed,
                polygon_mode == "cells",
                warning_log,
                SubProgress(progress, 0.03, 0.08),
            )
        except LayerEmpty:
            _raise_if_map_empty(sampled, grid)
            raise
        progress.report(0.08, f"{len(data.landslides):,} cells with data in all maps hold a landslide.")
        survey = scan_maps(
            layers, data.scopes, data.buffers if stable is None else None, SubProgress(progress, 0.08, 0.4)
        )
        zones = [ranks.zones(scheme.shares) for ranks in survey.ranks]
        probabilities = [ranks.minimum >= -_ROUNDING and ranks.maximum <= 1 + _ROUNDING for ranks in survey.ranks]
        draws = draw_for_scopes(data, survey.parts, SubProgress(progress, 0.4, 0.55))
        measured = evaluate_maps(data, survey, draws, zones, labels, SubProgress(progress, 0.55, 0.7))
        del draws
        agreements = _agreements(layers, survey, zones, probabilities, len(labels), SubProgress(progress, 0.7, 0.85))
        found = [ranks.shares(of_bin, len(labels)) for ranks, of_bin in zip(survey.ranks, zones)]
        wanted = np.diff([0.0, *scheme.shares, 1.0])
        for source in sources:
            for text in stored_warnings(source.dataset):
                warning_log.warn(f'When the map "{source.name}" was made: {text}')
        warn_about_inputs(maps, survey, data, probabilities, warning_log)
        warn_about_zones(titles, survey.ranks, found, wanted, warning_log)
        warn_about_results(measured.results, data.main.name, titles, data, warning_log)
        by_rank = None if all(probabilities[:2]) or len(maps) < 2 else (survey.ranks[0], survey.ranks[1])
        rows = _rows(data, survey, measured, agreements, titles, probabilities)
        page = None
        if output_html is not None:
            facts = _facts(maps, survey, data, probabilities)
            images = comparison_images(maps, reference, survey.ranks, zones, by_rank)
            settings = {**parameters, "Repeats made": data.repeats, **inputs}
            page = comparison_page(
                ComparisonReportInput(
                    facts,
                    landslides.name,
                    data.landslides.counts,
                    data.stable is not None,
                    measured.results,
                    measured.tests,
                    agreements,
                    data.main.name,
                    labels,
                    images,
                    by_rank is not None,
                    threshold,
                    distance,
                    f"{maps[reference].cell_size:,.4g} m, those of {titles[reference]}",
                    survey.common_area_m2 / 1e6,
                    warning_log.warnings,
                    {name: value for name, value in settings.items() if value is not None},
                )
            )
        stop_if_cancelled(progress)
        if output_difference is not None:
            write_difference(maps[0], maps[1], by_rank, output_difference, SubProgress(progress, 0.9, 0.99))
    # Everything is computed: nothing that takes long, or may be cancelled, stands between the outputs.
    if page is not None and output_html is not None:
        page.write(output_html)
    if output_table is not None:
        write_table(output_table, TABLE_COLUMNS, rows)
    if output_summary is not None:
        write_table(
            output_summary,
            summary_columns(titles, probabilities),
            summary_rows(measured.results, measured.tests, data.main.name, titles, probabilities),
        )
    record.write(outputs, metrics=as_metrics(rows), warnings=warning_log.warnings)
    main = measured.results[data.main.name]
    best, *others = rank_by_auc(main)
    lead = p = None
    if others:
        lead = main[best].auc.value - main[others[0]].auc.value
        p = find_pair_test(measured.tests[data.main.name], best, others[0]).p_corrected
    progress.report(
        1.0,
        f'The highest AUC is {main[best].auc.value:.3f}, of "{titles[best]}".'
        if others
        else f'The AUC of "{titles[best]}" is {main[best].auc.value:.3f}.',
    )
    return ComparisonSummary(
        titles,
        titles[best],
        main[best].auc,
        lead,
        p,
        measured.results,
        measured.tests,
        agreements,
        warning_log.warnings,
    )


def _raise_if_map_empty(maps: Sequence[ResampledMosaic], grid: Grid) -> None:
    """Raise when landslides are on no common ground because a map has none: then it is not the landslides' fault."""
    for one in maps:
        if one.is_empty(grid):
            raise TooFewData(
                f'The map "{one.mosaic.name}" of SUSCEPTIBILITY has no cell with data on the ground of '
                "the others. Choose another map, or make it again."
            )


def _regions(
    maps: Sequence[ResampledMosaic], grid: Grid, regions: Polygons | None, field: str | None
) -> RegionMap | PieceRegions | None:
    """Return the regions: the polygons given, else the pieces of the first map that has some."""
    if regions is not None:
        return RegionMap(grid, regions, field)
    return next((PieceRegions(one) for one in maps if len(one.pieces) > 1), None)


def _agreements(
    layers: JointLayers,
    survey: MapScan,
    zones: Sequence[np.ndarray],
    probabilities: Sequence[bool],
    count: int,
    progress: Progress,
) -> list[Agreement]:
    if layers.maps < 2:
        return []
    sums = accumulate_agreement(layers, survey.ranks, zones, count, progress)
    return [
        agreement(
            pair,
            total,
            (survey.ranks[pair[0]].variance, survey.ranks[pair[1]].variance),
            probabilities[pair[0]] and probabilities[pair[1]],
        )
        for pair, total in sums.items()
    ]


def _rows(
    data: ValidationData,
    survey: MapScan,
    measured: ComparisonResults,
    agreements: Sequence[Agreement],
    names: Sequence[str],
    probabilities: Sequence[bool],
) -> list[tuple]:
    counts = data.landslides.counts
    rows = [
        number_row("input", "", f"landslide_{name}", value)
        for name, value in (
            ("features", counts.features),
            ("off_map", counts.off_map),
            ("places", counts.places),
            ("on_nodata", counts.on_nodata),
            ("doubled", counts.duplicates),
            ("thinned", counts.thinned),
        )
    ]
    rows.append(number_row("input", "", "compared_km2", survey.common_area_m2 / 1e6))
    for name, without, area in zip(names, counts.without, survey.area_m2):
        rows += [
            number_row("input", name, "landslides_without_value", without),
            number_row("input", name, "area_km2", area / 1e6),
        ]
    for number, name in enumerate(names):
        values = [maps[number].auc.value for scope, maps in measured.results.items() if scope.startswith(REGION_PREFIX)]
        if values:
            rows += [
                number_row("regions", name, "auc_mean", float(np.mean(values))),
                number_row("regions", name, "auc_worst", min(values)),
            ]
    return [
        *rows,
        *result_rows(measured.results, names, probabilities),
        *pair_rows(measured.tests, names),
        *agreement_rows(agreements, names),
    ]


def _facts(
    maps: Sequence[Mosaic], survey: MapScan, data: ValidationData, probabilities: Sequence[bool]
) -> list[MapFacts]:
    return [
        MapFacts(
            one.name, len(one.pieces), one.cell_size, (ranks.minimum, ranks.maximum), probability, area / 1e6, without
        )
        for one, ranks, probability, area, without in zip(
            maps, survey.ranks, probabilities, survey.area_m2, data.landslides.counts.without
        )
    ]
