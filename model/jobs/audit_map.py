"""Any susceptibility map and an inventory in; an audit of what its numbers support out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..audit import claims
from ..audit.audited_map import AuditedMap
from ..audit.beside import HEIGHT, SLOPE, BesideLayers, read_beside
from ..audit.closeness import judge_closeness
from ..audit.factors import judge_applicability, judge_factors
from ..audit.ground import Ground, missing_text, near_distance, sample_ground
from ..audit.judge import Judge
from ..audit.negatives import judge_negatives
from ..audit.regions import judge_regions
from ..audit.result import AuditResult, BaselineRow, ProbabilityCheck, ZonesResult
from ..audit.settings import TABLE_COLUMNS, AuditLayers, AuditOptions
from ..audit.splits import judge_splits
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..options import automatic_values
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog, stop_if_cancelled
from ..provenance.records import is_out_of_fold, read_warnings, trained_on_all_land, warn_stale_inputs
from ..report.audit import audit_page
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..statistics import Estimate
from ..tables import write_table
from ..validation.map_layers import RegionMap
from ..validation.metrics import placements
from ..validation.zone_table import zone_table
from . import sources_of


@dataclass
class AuditSummary:
    """The main numbers of an audit; None for those that could not be computed."""

    auc: float
    auc_low: float | None
    auc_high: float | None
    auc_near: float | None  # against land within DISTANCE of landslides
    auc_same_slope: float | None
    easy_share: float | None  # of the skill that is from easy land
    slope_difference: float | None  # AUC of the map less that of slope alone
    auc_zones_random: float | None
    auc_zones_blocks: float | None
    flaws: int
    distance: float
    findings: list[dict[str, str]] = field(default_factory=list)
    claims: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def audit_map(
    susceptibility: str | os.PathLike,
    vectors: AuditLayers,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    options: AuditOptions,
    *,
    zones: str | os.PathLike | None = None,
    dem: str | os.PathLike | None = None,
    stack: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> AuditSummary:
    """Audit a susceptibility map of any tool: which of its numbers hold, and which claims they support.

    Args:
        susceptibility: raster of any scale, or of classes; first band.
        vectors: inventory and further layers in the CRS of the raster.
        zones: zone raster on the same grid; without it the classes of a map of few, or shares of its area.
        dem: elevation on any grid, for slope and elevation.
        stack: factors on any grid.

    Raises:
        LayerEmpty: a layer is empty, or no landslide lies on the map.
        TooFewData: too few landslides, or no other land.
        GridMismatch: the zones are on another grid.
        NoOverlap: DEM, stack or study area lie elsewhere.
        FieldUnusable: the field of the regions is missing.
        InputCorrupt: the map has one value only, or the zones are none.
    """
    outputs = {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_DOCUMENT": output_document}
    check_writable(*outputs.values())
    log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, log)
    layers = {
        "LANDSLIDES": vectors.landslides,
        "LANDSLIDES_TRAINING": vectors.training,
        "REGIONS": vectors.regions,
        "AREA": vectors.area,
    }
    rasters = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones, "DEM": dem, "STACK": stack}
    parameters = {**options.record(), "REGION_FIELD": vectors.region_field}
    record = RunRecord("auditmap", parameters, sources_of(**rasters, **layers), background=True)
    warn_stale_inputs({"susceptibility map": susceptibility}, log)
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_band(susceptibility, "susceptibility", log))
        grid = Grid.from_dataset(dataset, "susceptibility")
        take_out_undeclared_nodata(dataset, grid, "susceptibility", log)
        regions = None
        if vectors.regions is not None:
            regions = RegionMap(grid, vectors.regions, vectors.region_field)
        asked = options
        if options.distance is None:
            options = replace(options, distance=near_distance(grid))
            log.report(0.0, f"DISTANCE is automatic: {options.distance:g} m, about ten cells.")
        mapped = AuditedMap(dataset, grid, AreaMask(grid, vectors.area), options.inverted, regions)
        zone_raster = None if zones is None else opened.enter_context(open_band(zones, "zone", log))
        mapped.cut(zone_raster, SubProgress(log, 0.0, 0.2))
        tags = dataset.tags()
        for text in read_warnings(tags):
            log.report(0.2, f"Warning stored in the map: {text}")
        sampling = WarningLog(SubProgress(log, 0.2, 0.45))
        ground = sample_ground(mapped, vectors, options, float(options.distance or 0.0), sampling)
        missing = missing_text(vectors.landslides.name, ground.left_out)
        if missing:
            log.warn(missing)
        beside = read_beside(ground, grid, dem, stack, SubProgress(log, 0.45, 0.6))
        stop_if_cancelled(progress)
        judge = Judge(ground, grid, _other_placements(ground), options.repeats, options.seed, log)
        result = _audit(mapped, ground, judge, beside, options, SubProgress(log, 0.6, 0.95))
        result.held_out, result.seen = is_out_of_fold(tags), trained_on_all_land(tags)
        result.zones.made = _made(mapped, zones is not None)
    found, uses = claims.findings(result), claims.claims(result)
    for one in found:
        log.report(0.95, f"{one.level.capitalize()}: {one.title}. {one.text}")
    summary = _summary(result, found, uses)
    summary.warnings = log.warnings
    settings = {**parameters, "DISTANCE": options.distance, "Zones": result.zones.made}
    if report.wanted:
        names = os.path.basename(str(susceptibility)), vectors.landslides.name
        report.write(audit_page(names, result, found, uses, beside.sources, settings, log.warnings, progress))
    if output_table is not None:
        write_table(output_table, TABLE_COLUMNS, list(_rows(result, found, uses)))
    record.write(outputs, summary=asdict(summary), automatic=automatic_values(asked, options), warnings=log.warnings)
    log.report(1.0)
    return summary


def _other_placements(ground: Ground) -> list[np.ndarray]:
    """Return the placement values in a slope map, whose differences from the map may reach farther."""
    slope = ground.landslides.terrain.get(SLOPE)
    if slope is None or not np.isfinite(slope).all():
        return []
    land = ground.land.terrain[SLOPE]
    known = np.isfinite(land)
    return [placements(slope, land[known]).landslide] if known.any() else []


def _audit(
    mapped: AuditedMap, ground: Ground, judge: Judge, beside: BesideLayers, options: AuditOptions, progress: Progress
) -> AuditResult:
    negatives = judge_negatives(judge, ground, beside.slope_unit)
    progress.report(0.3)
    splits = judge_splits(judge, ground, beside.factors, options.seed, progress)
    progress.report(0.5)
    closeness = judge_closeness(judge, ground, mapped, options.seed, SubProgress(progress, 0.5, 0.75))
    names = [] if mapped.regions is None else mapped.regions.labels
    regions = judge_regions(judge, ground, names, list(mapped.zones.names))
    result = AuditResult(
        landslides=len(ground.landslides),
        training=None if ground.training is None else len(ground.training),
        distance=ground.distance,
        range_m=judge.spatial.range_m,
        block_side_m=judge.spatial.side_m,
        independent=judge.resamples.independent,
        sure=judge.sure,
        resemblance=judge.resemblance,
        testable=judge.resamples.testable and judge.sure,
        held_out=False,
        seen=False,
        negatives=negatives,
        splits=splits,
        closeness=closeness,
        zones=_zones(mapped, ground, judge),
        baselines=list(_baselines(judge, ground, beside)),
        regions=regions,
        probability=_probability(mapped, ground),
        stated_auc=options.stated_auc,
    )
    progress.report(0.8)
    if beside.factors:
        result.factors = judge_factors(judge, ground, beside.factors, options.seed, progress)
        result.applicability = judge_applicability(judge, ground, beside.factors, len(names), options.seed)
        if result.applicability is not None:
            for one, outside in zip(regions, result.applicability.by_region):
                one.outside = outside
    return result


def _zones(mapped: AuditedMap, ground: Ground, judge: Judge) -> ZonesResult:
    slides, land = ground.landslides, ground.land
    places = judge.resamples.places(judge.of_landslides)
    rows = zone_table(slides.zones, places, judge.resamples, ground.zone_area, mapped.zones.names)
    zones = [np.where(cells.zones > 0, cells.zones, np.nan).astype(np.float32) for cells in (slides, land)]
    return ZonesResult(rows, judge.auc((zones[0], zones[1])), "")


def _made(mapped: AuditedMap, given: bool) -> str:
    if given:
        return "those of ZONES"
    return "the classes of the map" if mapped.classes else "shares of its area: 30, 20, 20, 20, 10 %"


def _baselines(judge: Judge, ground: Ground, beside: BesideLayers) -> Iterator[BaselineRow]:
    slides, land = ground.landslides, ground.land
    for key, title in ((SLOPE, "Slope alone"), (HEIGHT, "Elevation alone, in the better direction")):
        if key not in beside.sources:
            continue
        scores = slides.terrain[key], land.terrain[key]
        auc = judge.auc(scores)
        if key == HEIGHT and auc.value < 0.5:
            auc = auc.turned()
        known = [np.isfinite(one) for one in scores]
        own = judge.auc((slides.values, land.values), known[0], known[1])
        yield BaselineRow(key, title, auc, own, own.less(auc))


def _probability(mapped: AuditedMap, ground: Ground) -> ProbabilityCheck | None:
    """Return the check of values from 0 to 1; None for other scales, classes and inverted maps."""
    land = ground.land
    if mapped.classes or not 0 <= mapped.lowest <= mapped.highest <= 1 or float(land.values.max()) < 0:
        return None
    mean = float(land.values @ land.area / land.area.sum())
    return ProbabilityCheck(mean, 1 - float(land.area.sum()) / ground.map_area)


def _summary(result: AuditResult, found: list[claims.Finding], uses: list[claims.Claim]) -> AuditSummary:
    auc, negatives, slope = result.auc.estimate(), result.negatives, result.baseline(SLOPE)
    zones = result.splits.of("zones")

    def plain(value: float | None) -> float | None:
        return float(value) if value is not None and np.isfinite(value) else None

    return AuditSummary(
        auc=auc.value,
        auc_low=plain(auc.low),
        auc_high=plain(auc.high),
        auc_near=plain(None if negatives.near is None else negatives.near.value),
        auc_same_slope=plain(None if negatives.hard is None else negatives.hard.value),
        easy_share=plain(negatives.easy_share),
        slope_difference=plain(None if slope is None else slope.difference.value),
        auc_zones_random=plain(None if zones is None else zones.random.value),
        auc_zones_blocks=plain(None if zones is None else zones.blocks.value),
        flaws=sum(one.level == claims.FLAW for one in found),
        distance=result.distance,
        findings=[asdict(one) for one in found],
        claims=[asdict(one) for one in uses],
    )


Row = tuple[Any, ...]


def _row(part: str, subject: str, measure: str, number: Estimate | float) -> Row:
    one = number if isinstance(number, Estimate) else Estimate(float(number))
    ends = (one.low, one.high, one.interval) if one.has_interval else (None, None, "")
    return part, subject, measure, one.value if np.isfinite(one.value) else None, *ends


def _rows(result: AuditResult, found: list[claims.Finding], uses: list[claims.Claim]) -> Iterator[Row]:
    """Give the rows of OUTPUT_TABLE."""
    for one in found:
        yield _row("findings", one.key, one.level, 1.0)
    order = (claims.SUPPORTED, claims.WEAKLY, claims.UNKNOWN, claims.NOT_SUPPORTED)
    for use in uses:
        yield _row("claims", use.key, use.verdict, float(order.index(use.verdict)))
    counts = {"landslides": result.landslides, "independent_blocks": result.independent}
    counts |= {} if result.training is None else {"training": result.training}
    sizes = {"range_m": result.range_m, "block_side_m": result.block_side_m, "distance": result.distance}
    for name, value in {**counts, **sizes}.items():
        yield _row("input", "map", name, float(value))
    for kind in (*result.negatives.definitions, *result.negatives.rings):
        yield _row("negatives", kind.key, "auc", kind.auc.estimate())
        yield _row("negatives", kind.key, "land_share", kind.auc.share)
    if result.negatives.drop is not None:
        yield _row("negatives", "same_slope", "loss", result.negatives.drop.estimate("difference"))
    for part in result.negatives.parts:
        yield _row("skill", part.title, "land_share", part.share)
        yield _row("skill", part.title, "share", part.of_skill)
    for row in result.splits.rows:
        yield _row("splits", row.key, "auc_random", row.random.estimate())
        yield _row("splits", row.key, "auc_blocks", row.blocks.estimate())
        yield _row("splits", row.key, "difference", row.gap.estimate("difference"))
    yield from _closeness_rows(result)
    yield _row("zones", "in_order", "auc", result.zones.in_order.estimate())
    for zone in result.zones.rows:
        yield _row("zones", zone.name, "landslides", zone.landslides)
        yield _row("zones", zone.name, "area_share", zone.area_share)
        yield _row("zones", zone.name, "frequency_ratio", zone.frequency_ratio)
        yield _row("zones", zone.name, "p_rise", zone.p_rise)
    for base in result.baselines:
        yield _row("baselines", base.key, "auc", base.auc.estimate())
        yield _row("baselines", base.key, "difference", base.difference.estimate("difference"))
    for region in result.regions:
        yield _row("regions", region.name, "landslides", region.landslides)
        yield _row("regions", region.name, "area_share", region.area)
        yield _row("regions", region.name, "auc", region.auc.estimate())
        yield _row("regions", region.name, "outside", region.outside)
        for number, ratio in region.zone_ratio.items():
            yield _row("regions", region.name, f"zone_{number}_frequency_ratio", ratio)
    for factor in result.factors:
        yield _row("factors", factor.name, "auc", factor.auc.estimate())
        yield _row("factors", factor.name, "rank_correlation_with_distance", factor.correlation)
    if result.applicability is not None:
        yield _row("applicability", "map", "outside", result.applicability.outside)


def _closeness_rows(result: AuditResult) -> Iterator[Row]:
    close = result.closeness
    yield _row("memory", "peaks", "excess", close.peaks.estimate("difference"))
    yield _row("memory", "halo", "chance", close.halo.estimate())
    if close.fit is None or close.test is None or close.gap is None or close.nearness is None:
        return
    yield _row("memory", "training", "auc_fit", close.fit.estimate())
    yield _row("memory", "training", "auc_test", close.test.estimate())
    yield _row("memory", "training", "difference", close.gap.estimate("difference"))
    yield _row("memory", "training", "auc_nearness", close.nearness.estimate())
    yield _row("memory", "training", "share_within_distance", close.within)
    yield _row("memory", "training", "share_same_cell", close.same_cell)
    for one in close.classes or []:
        yield _row("memory", one.title, "auc", one.auc.estimate())
