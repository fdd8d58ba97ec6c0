"""Susceptibility map and landslides in; report, table and points with their outcome out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio import DatasetReader

from ..comparison.textbook_baselines import open_baselines
from ..exposure.count import Exposure, count_exposure
from ..exposure.settings import LARGEST_PART, ExposureLayers
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import open_raster, read_block, region_name
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..options import automatic_values
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog, stop_if_cancelled
from ..provenance.records import (
    PROBABILITY_TAG,
    is_out_of_fold,
    read_choice,
    read_warnings,
    require_out_of_fold_of,
    trained_on_all_land,
    warn_inconsistent_layers,
    warn_stale_inputs,
)
from ..report.files import ReportFiles
from ..report.map_sheet import MapSheet, validation_sheet
from ..report.maps import find_relief, relief_covers, write_hillshade
from ..report.settings import DocumentDetails
from ..report.validation import ValidationReportInput, validation_page
from ..statistics import Estimate
from ..tables import prepend_region, write_table
from ..validation import measures, preparation
from ..validation.map_layers import (
    HeldOutLayers,
    LayersWithRules,
    MapLayers,
    RegionMap,
    SubsetMap,
    ZoneSource,
    own_layers,
)
from ..validation.measures import PointFeature, ScopeResult, point_features
from ..validation.preparation import ScopeDraws, ValidationData
from ..validation.sampling import MapStatistics, collect_map_statistics, drawn_points
from ..validation.settings import (
    ALL,
    FEW_LANDSLIDES,
    SUBSET_CODES,
    TABLE_COLUMNS,
    EvaluationLayers,
    ValidationOptions,
    no_test_text,
)
from ..validation.verdict import LEVELS, Evidence, judge, tell
from ..validation.zone_table import non_monotonic_pairs, zone_table
from . import sources_of

if TYPE_CHECKING:
    from ..exposure.settings import Exposed


@dataclass
class ValidationSummary:
    """Results of a validation; the numbers are those of the chosen subset."""

    auc: float
    auc_low: float
    auc_high: float
    recall: float
    kappa: float
    auc_fit: float | None  # of the map itself, where the others are those of its values out of fold
    landslides: int  # landslides that count
    stable: int  # stable points of one draw
    results: list[ScopeResult]  # the whole map first, then subsets, then regions
    points: list[PointFeature]  # landslides and the first draw of stable points, or the given ones
    verdict: dict[str, Any]  # level and reasons, of ``validation.verdict``
    warnings: list[str] = field(default_factory=list)
    sheet: MapSheet | None = None  # content of a printed map, when one was asked for

    def of(self, name: str) -> ScopeResult | None:
        """Return the result of one scope by its name, ``None`` when it has none."""
        return next((result for result in self.results if result.scope.name == name), None)


def validate_with_points(
    susceptibility: str | os.PathLike,
    vectors: EvaluationLayers,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    options: ValidationOptions,
    *,
    zones: str | os.PathLike | None = None,
    out_of_fold: str | os.PathLike | None = None,
    dem: str | os.PathLike | None = None,
    stack: str | os.PathLike | None = None,
    safety_factor: str | os.PathLike | None = None,
    sheet_relief: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    exposed: Sequence[Exposed] = (),
    details: DocumentDetails | None = None,
    progress: Progress,
) -> ValidationSummary:
    """Test a susceptibility map against landslides and stable points (Zhang & Deng 2026, section 4.2).

    Args:
        susceptibility: raster with values from 0 to 1, first band.
        vectors: inventory and further layers in the CRS of the raster.
        zones: zone raster on the same grid; without it, zones by area shares 30, 20, 20, 20, 10.
        out_of_fold: out-of-fold map of the model that made the map, on the same grid. Landslides, stable points and
            zones then have its values, and those of the map serve one number for comparison.
        dem: elevation for the relief under the maps; without it, the run records lead to one.
        stack: factor stack on the map's grid, whose slope alone, and factor of safety of an infinite slope with the
            usual soil, are judged beside the map at the same cells.
        safety_factor: factor of safety or rain index on the map's grid, judged likewise.
        sheet_relief: where to write the relief of a printed map, which the summary then describes.
        output_document: the report for Word.
        exposed: layers of buildings, roads and other things that the report counts in the zones of the map.
        details: of the office that hands report and map on.

    Raises:
        ParameterInvalid: SUBSET is given without WINDOWS, or the out-of-fold map is of another model.
        LayerEmpty: a layer is empty, or no landslide lies on the map.
        TooFewData: too few landslides, or no cell is left for stable points.
        GridMismatch: zones, out-of-fold map, stack or safety factor are on another grid.
        InputCorrupt: the raster's values are not between 0 and 1.
        FieldUnusable: a field is missing or holds other values than it must.
    """
    preparation.require_windows(vectors, options)
    outputs = {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_DOCUMENT": output_document}
    check_writable(*outputs.values())
    given = dict(vars(vectors))
    parameters = {**options.record(), "REGION_FIELD": given.pop("region_field")}
    if not options.region:
        del parameters["REGION"]
    layer_sources = sources_of(**given)
    if exposed:
        layer_sources["EXPOSURE"] = [layer.source_or_name for layer in exposed]
    rasters = {"SUSCEPTIBILITY": susceptibility, "OUT_OF_FOLD": out_of_fold, "ZONES": zones}
    inputs = {**rasters, **layer_sources, "DEM": dem}
    beside = {"STACK": stack, "SAFETY_FACTOR": safety_factor}
    inputs.update({name: path for name, path in beside.items() if path is not None})
    warning_log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, warning_log)
    roles = {"susceptibility map": susceptibility, "out-of-fold map": out_of_fold, "zone raster": zones}
    warn_stale_inputs(roles, warning_log)
    relief = find_relief(susceptibility, dem, warning_log)
    record = RunRecord("validatewithpoints", parameters, inputs, background=True)
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_band(susceptibility, "susceptibility", warning_log, "susceptibility"))
        region = region_name(dataset, options.region)
        grid = Grid.from_dataset(dataset, "susceptibility")
        take_out_undeclared_nodata(dataset, grid, "susceptibility", warning_log, limits=(0.0, 1.0))
        if dem is not None and relief is not None and not relief_covers(relief, grid.crs, grid.bounds):
            warning_log.warn(
                f"The DEM {dem} does not cover the map, so there is no relief under the maps of the report. Give the "
                "DEM of this area, or leave DEM empty."
            )
            relief = None
        asked, options = options, preparation.complete_options(options, [susceptibility], grid, warning_log)
        preparation.require_on_map(vectors.landslides, grid)
        zone_source = ZoneSource.open(zones, dataset, grid, opened, SubProgress(warning_log, 0.0, 0.1))
        subsets = SubsetMap(grid, vectors.windows) if vectors.windows is not None else None
        regions = None if vectors.regions is None else RegionMap(grid, vectors.regions, vectors.region_field)
        parts = zone_source, subsets, regions
        layers = _layers(dataset, out_of_fold, grid, parts, opened, SubProgress(warning_log, 0.1, 0.15))
        baselines = opened.enter_context(open_baselines(stack, safety_factor, grid, "susceptibility map", warning_log))
        if baselines.found:
            layers = LayersWithRules(layers, {one.key: partial(one.scores, grid=grid) for one in baselines.found})
        data = preparation.prepare_validation(layers, vectors, options, warning_log, SubProgress(progress, 0.15, 0.25))
        progress.report(0.25, f"{len(data.landslides):,} cells of the map hold a landslide.")
        part = SubProgress(progress, 0.25, 0.45)
        statistics = collect_map_statistics(layers, data.scopes, data.landslides, data.buffers, part)
        draws = preparation.draw_for_scopes(data, statistics, SubProgress(progress, 0.45, 0.7))
        results = _evaluate(data, statistics, draws, SubProgress(progress, 0.7, 0.88))
        main = next(result for result in results if result.scope.name == data.main.name)
        warn_inconsistent_layers(dataset, record.inputs() or {}, warning_log, zones, layer_sources["WINDOWS"])
        seen = _seen_text(layers)
        _warn_about_results(results, main, data, seen)
        verdict = judge(_evidence(layers, zones, statistics, results))
        tell(verdict, warning_log, 0.88)
        # Points in none of the regions of a layer are in the region that the map shows.
        points = point_features(data, data.landslides.in_scope(data.main), "landslide", region)
        if data.stable is not None:
            points += point_features(data, data.stable.in_scope(data.main), "stable", region)
        first = draws[data.main.name].stable
        if first is not None:
            drawn = drawn_points(first, layers, SubProgress(progress, 0.88, 0.92))
            points += point_features(data, drawn, "stable", region)
        rows = [
            (ALL, "verdict", Estimate(float(LEVELS.index(verdict.level)), interval=verdict.level)),
            *measures.count_rows("landslide", data.landslides.counts),
            *measures.count_rows("stable", data.stable.counts if data.stable is not None else None),
            *(row for result in results for row in measures.scope_rows(result)),
        ]
        stop_if_cancelled(progress)
        names = os.path.basename(str(susceptibility)), vectors.landslides.name
        settings = {**parameters, "DISTANCE": options.metres, "Repeats made": data.repeats}
        recorded = record.inputs() or {}
        calibrated, used = PROBABILITY_TAG in dataset.tags(), (settings, recorded)
        content = ValidationReportInput(*names, data, results, main, points, *used, verdict, relief, calibrated)
        content.seen, content.choice = seen, read_choice(dataset.tags())
        content.baselines = baselines
        if exposed:
            part = SubProgress(progress, 0.92, 0.97)
            content.exposure = _count_exposure(dataset, zone_source, grid, vectors, exposed, part)
        content.zone_areas_m2 = {name: of_scope.zone_area_m2 for name, of_scope in statistics.items()}
        if report.wanted:
            report.write(validation_page(content, progress))
        stop_if_cancelled(progress)
        sheet = None
        if sheet_relief is not None:
            if relief is not None:
                write_hillshade(sheet_relief, susceptibility, relief)
            hillshade = None if relief is None else str(sheet_relief)
            sheet = validation_sheet(susceptibility, zones, hillshade, content, report.details)
    if output_table is not None:
        cells = [(scope, name, one.value, one.low, one.high, one.interval) for scope, name, one in rows]
        write_table(output_table, *prepend_region(TABLE_COLUMNS, cells, region))
    more = {"verdict": verdict.as_dict(), "warnings": warning_log.warnings}
    more["automatic"] = automatic_values(asked, options)
    record.write(outputs, metrics=measures.as_metrics(rows), **more)
    for line in filter(None, (*content.sentences(), *content.rule_sentences(), content.choice)):
        progress.report(1.0, line)
    auc = main.auc
    numbers = auc.value, auc.low, auc.high, main.measures["recall"].value, main.measures["kappa"].value
    counts = main.auc_fit, main.landslides, main.stable
    return ValidationSummary(*numbers, *counts, results, points, verdict.as_dict(), warning_log.warnings, sheet)


def _count_exposure(
    dataset: DatasetReader,
    zones: ZoneSource,
    grid: Grid,
    vectors: EvaluationLayers,
    exposed: Sequence[Exposed],
    progress: Progress,
) -> Exposure:
    """Return what lies in the zones of the map itself, also where its numbers are those of the out-of-fold map."""

    def read_zones(block: Block) -> np.ndarray:
        values = read_block(dataset, block)
        return np.where(np.isfinite(values), zones.read(block, values), np.uint8(0))

    layers = ExposureLayers(exposed, vectors.regions, vectors.region_field)
    return count_exposure(grid, read_zones, zones.names, layers, LARGEST_PART, progress)


def _layers(
    dataset: DatasetReader,
    out_of_fold: str | os.PathLike | None,
    grid: Grid,
    parts: tuple[ZoneSource, SubsetMap | None, RegionMap | None],
    opened: contextlib.ExitStack,
    progress: Progress,
) -> MapLayers:
    """Return the layers of the map, with its out-of-fold map if there is one; ``opened`` closes that."""
    zones, subsets, regions = parts
    if out_of_fold is None:
        layers, tags = MapLayers(dataset, grid, zones, subsets, regions), dataset.tags()
        layers.held_out, layers.seen = is_out_of_fold(tags), trained_on_all_land(tags)
        if subsets is not None and subsets.codes == {SUBSET_CODES["train"]} and not layers.held_out:
            layers.seen = True
        return layers
    held_out = opened.enter_context(open_band(out_of_fold, "out-of-fold", progress, "susceptibility"))
    name, map_name = (os.path.basename(str(path)) for path in (out_of_fold, dataset.name))
    require_out_of_fold_of(name, held_out.tags(), map_name, dataset.tags())
    what = "susceptibility map", "raster given as OUT_OF_FOLD"
    grid.require_same(Grid.from_dataset(held_out, "out-of-fold map"), *what)
    for text in read_warnings(held_out.tags()):
        progress.warn(f"When the out-of-fold map was made: {text}")
    return HeldOutLayers(dataset, held_out, grid, zones.by_breaks(dataset, grid, progress), subsets, regions)


def _seen_text(layers: MapLayers) -> str:
    """Return what is wrong with a map of a model that all landslides trained; empty for others."""
    if not layers.seen or layers.held_out:
        return ""
    known = Evidence.from_tags(layers.dataset.tags())
    own = ""
    if known.auc is not None:
        interval = ""
        if known.auc_low is not None and known.auc_high is not None:
            blocks = "" if known.blocks is None else f", {known.blocks} blocks of land"
            interval = f" ({known.auc_low:.3f} to {known.auc_high:.3f}{blocks})"
        own = f" Out of fold, the training states an AUC of {known.auc:.3f}{interval}."
    return (
        f"All landslides trained the model, so the numbers of its map show a fit, not a test.{own} To judge each place "
        'by a model that has not seen it, run "Train PCUM" with OUTPUT_OUT_OF_FOLD, and give that raster here as '
        "OUT_OF_FOLD."
    )


def _evidence(
    layers: MapLayers,
    zones: str | os.PathLike | None,
    statistics: Mapping[str, MapStatistics],
    results: Sequence[ScopeResult],
) -> Evidence:
    """Return what the tags of the map tell, with its AUC in the test windows, its values and breaks of zones."""
    known = Evidence.of_map(layers.dataset.tags(), {result.scope.name: result for result in results})
    if layers.held_out:
        whole = next(result for result in results if result.scope.name == ALL)
        known = known.of_held_out(whole)
    if ALL in statistics and known.span is None:
        low, high = statistics[ALL].ranking.values_at([0.05, 0.95])
        known = replace(known, low_value=low, high_value=high)
    if zones is None:
        return replace(known, breaks=tuple(layers.zones.breaks))
    with open_raster(zones, "zones") as opened:
        return replace(known, breaks=Evidence.from_tags(opened.tags()).breaks)


def _evaluate(
    data: ValidationData, statistics: Mapping[str, MapStatistics], draws: Mapping[str, ScopeDraws], progress: Progress
) -> list[ScopeResult]:
    results = []
    blocks = preparation.estimate_blocks(data, statistics, progress)
    for number, scope in enumerate(data.scopes):
        sample = preparation.sample_scope(data, blocks, draws, scope)
        if sample is None:
            continue
        cells, of_scope = sample.landslides.cell_values, statistics[scope.name]
        names, areas = data.layers.zones.names, of_scope.zone_area_m2
        table = zone_table(cells.zones, sample.landslide_places, sample.resamples, areas, names)
        success = 1 - float(of_scope.ranking.share_above(cells.values).mean())
        unzoned = int((cells.zones == 0).sum())
        part = SubProgress(progress, number / len(data.scopes), (number + 1) / len(data.scopes))
        results.append(measures.evaluate_scope(data, scope, sample, of_scope, success, table, unzoned, part))
        if isinstance(own_layers(data.layers), HeldOutLayers):
            results[-1].auc_fit = float(of_scope.placements[1].result().mean())
        if isinstance(data.layers, LayersWithRules):
            for place, key in enumerate(data.layers.rules, data.layers.own.map_count):
                results[-1].rules[key] = measures.judge_rule(sample, of_scope, results[-1], place)
    return results


def _warn_about_results(results: Sequence[ScopeResult], main: ScopeResult, data: ValidationData, seen: str) -> None:
    warn, trained = data.warning_log.warn, data.subset_counts().get("train", 0)
    if seen:
        warn(seen)
    elif data.layers.held_out:
        pass
    elif data.layers.subsets is None:
        warn(
            "No window layer was given, so Scarp cannot tell which landslides the model was trained on. If "
            "these are the training landslides, the numbers show a fit, not a test."
        )
    elif main.scope.name == ALL and trained:
        text = (
            f"{trained:,} of {len(data.landslides):,} landslides lie in training windows: for those the map shows a "
            "fit, not a test."
        )
        test = next((result for result in results if result.scope.name == "test"), None)
        if test is not None:
            text += (
                f" The {test.landslides:,} landslides of the test windows alone give an AUC of "
                f"{test.auc.value:.3f}, against {main.auc.value:.3f} for all."
            )
        warn(text)
    elif main.scope.name == "train":
        warn("The numbers are for the training windows: they show a fit, not a test.")
    if main.landslides < FEW_LANDSLIDES:
        warn(f"Only {main.landslides} landslides count, so all numbers are rough; look at the intervals.")
    if not main.testable:
        warn(f"{no_test_text(main.independent_blocks)} The intervals are too narrow.")
    if main.unzoned:
        warn(f"{main.unzoned:,} landslides lie in cells without a zone and are not in the zone table.")
    if main.auc.value < 0.5:
        warn(
            f"The AUC is {main.auc.value:.3f}, below 0.5: landslides lie on less susceptible cells than other "
            "land does. Is the map inverted, or of another area?"
        )
    pairs = ", ".join(f"{low} to {high}" for low, high in non_monotonic_pairs(main.zones))
    if pairs:
        warn(f"The frequency ratio should rise from zone to zone, but it does not from {pairs}.")
