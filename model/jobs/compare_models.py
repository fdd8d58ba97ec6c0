"""Several susceptibility maps and landslides in; report, tables and difference map out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..comparison import mosaic, paired_tests
from ..comparison.agreement import Agreement, agreements, scan_maps, write_difference
from ..comparison.mosaic import JointLayers, PieceRegions, ResampledMosaic
from ..comparison.paired_tests import Comparison, PairTest
from ..comparison.settings import TABLE_COLUMNS, ComparisonOptions, map_names
from ..comparison.summary import as_metrics, summary_columns, summary_rows, table_rows
from ..errors import LayerEmpty, ParameterInvalid, TooFewData
from ..inputs.survey import ROUNDING
from ..options import automatic_values
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog, stop_if_cancelled
from ..provenance.records import is_out_of_fold, read_warnings, trained_on_all_land, warn_stale_inputs
from ..report.comparison import comparison_page
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..statistics import Estimate
from ..tables import write_table
from ..validation.map_layers import RegionMap, Regions, SubsetMap
from ..validation.measures import ScopeResult
from ..validation.preparation import (
    complete_options,
    draw_for_scopes,
    prepare_validation,
    require_on_map,
    require_windows,
)
from ..validation.settings import ALL, EvaluationLayers
from ..validation.verdict import Evidence, judge, weakest
from ..zones.schemes import AREA_SHARES, DEFAULT_SHARES, read_scheme, zone_names
from . import sources_of


@dataclass
class ComparisonSummary:
    """Results of a comparison."""

    names: list[str]
    best: str  # name of the map with the highest AUC on the chosen subset
    auc: Estimate  # its AUC
    lead: float | None  # by how much that is above the second best; None for one map
    p: float | None
    """Probability of such a lead between equally good maps, corrected for all pairs; ``None`` when not known."""
    results: dict[str, list[ScopeResult]]  # by scope, one of each map
    tests: dict[str, list[PairTest]]
    agreements: list[Agreement]
    warnings: list[str] = field(default_factory=list)


def compare_models(
    susceptibility: Sequence[str | os.PathLike],
    vectors: EvaluationLayers,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    options: ComparisonOptions,
    *,
    output_difference: str | os.PathLike | None = None,
    output_summary: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> ComparisonSummary:
    """Compare maps on the same landslides, the same stable points and the same ground.

    Rasters to which NAMES gives the same name are pieces of one map: where they overlap the first one counts. Without
    a layer of regions the pieces are the regions, named by their tag ``REGION``, else by their files. One map in
    pieces may stand alone; it has numbers and no tests.

    Everything happens on the grid of the map with the smallest cells; of the others the nearest cell is read. The
    AUC of each map and scope with its intervals, and table 6 of Zhang & Deng (2026) with a paired test.

    Args:
        susceptibility: rasters, first band; any CRS, cell size and extent, and any values that rise with
            susceptibility.
        vectors: inventory and further layers in the CRS of the finest map (``comparison.mosaic.finest_raster``).
        output_difference: path of the GeoTIFF of the first map less the second.
        output_summary: path of the CSV with one row a region.
        output_document: the report for Word.
        details: of the office that hands the report on.

    Raises:
        ParameterInvalid: SUBSET is given without WINDOWS, there are too few maps, or pieces of one map cover each
            other.
        NoOverlap: the maps have no common ground.
        LayerEmpty: a layer is empty, or no landslide lies where all maps have data.
        TooFewData: too few landslides, or no cell is left for stable points.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    require_windows(vectors, options)
    names = map_names(options.names, [os.path.splitext(os.path.basename(str(path)))[0] for path in susceptibility])
    if output_difference is not None and len(set(names)) < 2:
        raise ParameterInvalid(
            "OUTPUT_DIFFERENCE is the first map minus the second, but there is one map only. Leave "
            "OUTPUT_DIFFERENCE empty."
        )
    scheme = read_scheme(AREA_SHARES, options.shares, [])
    outputs = {
        "OUTPUT_HTML": output_html,
        "OUTPUT_TABLE": output_table,
        "OUTPUT_SUMMARY": output_summary,
        "OUTPUT_DIFFERENCE": output_difference,
        "OUTPUT_DOCUMENT": output_document,
    }
    check_writable(*outputs.values())
    shares = list(options.shares) or list(DEFAULT_SHARES)
    given = dict(vars(vectors))
    parameters = {**options.record(), "NAMES": names, "SHARES": shares, "REGION_FIELD": given.pop("region_field")}
    inputs = {"SUSCEPTIBILITY": [str(path) for path in susceptibility], **sources_of(**given)}
    record = RunRecord("comparemodels", parameters, inputs)
    warning_log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, warning_log)
    for path in susceptibility:
        warn_stale_inputs({"susceptibility map": path}, warning_log)
    with mosaic.open_sources(susceptibility, names, warning_log) as sources, contextlib.ExitStack() as stack:
        maps = mosaic.group_into_mosaics(sources)
        reference = mosaic.finest(maps)
        grid = maps[reference].grid
        resampled = [ResampledMosaic(one, grid, stack) for one in maps]
        asked, options = options, complete_options(options, susceptibility, grid, warning_log)
        require_on_map(vectors.landslides, grid)
        mosaic.check_piece_overlap(resampled, grid, warning_log, SubProgress(progress, 0.0, 0.03))
        zone_labels = zone_names(scheme.zones)
        subsets = SubsetMap(grid, vectors.windows) if vectors.windows is not None else None
        regions: Regions | None = next((PieceRegions(one) for one in resampled if len(one.pieces) > 1), None)
        if vectors.regions is not None:
            regions = RegionMap(grid, vectors.regions, vectors.region_field)
        layers = JointLayers(resampled, grid, zone_labels, subsets, regions)
        tags = [[piece.dataset.tags() for piece in one.pieces] for one in maps]
        held_out = [all(map(is_out_of_fold, one)) for one in tags]
        layers.held_out = all(held_out)
        try:
            data = prepare_validation(layers, vectors, options, warning_log, SubProgress(progress, 0.03, 0.08))
        except LayerEmpty:
            # When a map has no ground of its own here, the landslides are not the cause.
            for one in resampled:
                if not any(np.isfinite(one.read(block)).any() for block in grid.blocks()):
                    raise TooFewData(
                        f'The map "{one.mosaic.name}" of SUSCEPTIBILITY has no cell with data on the ground of '
                        "the others. Choose another map, or make it again."
                    ) from None
            raise
        progress.report(0.08, f"{len(data.landslides):,} cells with data in all maps hold a landslide.")
        part = SubProgress(progress, 0.08, 0.4)
        scan = scan_maps(layers, data.scopes, data.landslides, data.buffers, part)
        zones = [ranks.zones(scheme.shares) for ranks in scan.ranks]
        probabilities = [ranks.minimum >= -ROUNDING and ranks.maximum <= 1 + ROUNDING for ranks in scan.ranks]
        labels = dict(enumerate(zone_labels, 1))
        comparison = Comparison(maps, reference, data, scan, zones, labels, probabilities)
        comparison.held_out, comparison.seen = held_out, [any(map(trained_on_all_land, one)) for one in tags]
        draws = draw_for_scopes(data, scan.parts, SubProgress(progress, 0.4, 0.55))
        paired_tests.evaluate_maps(comparison, draws, SubProgress(progress, 0.55, 0.7))
        del draws
        comparison.agreements = agreements(layers, scan.ranks, zones, probabilities, SubProgress(progress, 0.7, 0.85))
        for source in sources:
            for text in read_warnings(source.dataset.tags()):
                warning_log.warn(f'When the map "{source.name}" was made: {text}')
        verdicts = _verdicts(comparison, tags, progress)
        paired_tests.warn_about_inputs(comparison)
        paired_tests.warn_about_zones(comparison, np.diff([0.0, *scheme.shares, 1.0]))
        paired_tests.warn_about_results(comparison)
        by_rank = None if all(probabilities[:2]) or len(maps) < 2 else (scan.ranks[0], scan.ranks[1])
        page = None
        if report.wanted:
            settings = {**parameters, "DISTANCE": options.metres, "Repeats made": data.repeats, **inputs}
            page = comparison_page(comparison, by_rank, vectors.landslides.name, settings, verdicts)
        stop_if_cancelled(progress)
        if output_difference is not None:
            write_difference(maps[0], maps[1], by_rank, output_difference, SubProgress(progress, 0.9, 0.99))
    # Everything is computed: nothing that takes long, or may be cancelled, stands between the outputs.
    if page is not None:
        report.write(page)
    rows = table_rows(comparison)
    if output_table is not None:
        write_table(output_table, TABLE_COLUMNS, rows)
    if output_summary is not None:
        write_table(output_summary, summary_columns(comparison), summary_rows(comparison))
    more = {"verdicts": {name: one.as_dict() for name, one in verdicts.items()}, "warnings": warning_log.warnings}
    more["automatic"] = automatic_values(asked, options)
    record.write(outputs, metrics=as_metrics(rows), **more)
    return _summarise(comparison, progress)


def _verdicts(
    comparison: Comparison, tags: Sequence[Sequence[Mapping[str, str]]], progress: Progress
) -> dict[str, Any]:
    """Return and report the verdict on each map; ``tags`` are those of its pieces."""
    verdicts = {}
    for number, name in enumerate(comparison.names):
        found = {scope: of_maps[number] for scope, of_maps in comparison.results.items()}
        of_pieces = [Evidence.of_map(one, found) for one in tags[number]]
        if comparison.held_out[number]:
            of_pieces = [one.of_held_out(found[ALL]) for one in of_pieces]
        verdicts[name] = verdict = judge(weakest(of_pieces))
        progress.report(0.85, f'"{name}": {verdict.text}')
    return verdicts


def _summarise(comparison: Comparison, progress: Progress) -> ComparisonSummary:
    main, names = comparison.main, comparison.names
    best, *others = comparison.ranking
    lead = p = None
    text = f'The AUC of "{names[best]}" is {main[best].auc.value:.3f}.'
    if others:
        lead, p = main[best].auc.value - main[others[0]].auc.value, comparison.test_of_best().p_corrected
        text = f'The highest AUC is {main[best].auc.value:.3f}, of "{names[best]}".'
    progress.report(1.0, text)
    found = comparison.results, comparison.tests, comparison.agreements
    return ComparisonSummary(names, names[best], main[best].auc, lead, p, *found, comparison.data.warning_log.warnings)
