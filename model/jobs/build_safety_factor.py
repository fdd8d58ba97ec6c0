"""Compute the rain index from annual precipitation, landform and historical landslides."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field

import numpy as np

from ..factors.climate import ContinuousRaster
from ..factors.source_rasters import scan_source
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.units import PRECIPITATION
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..safety import thresholds
from ..safety.rasters import (
    LandslideRain,
    RainfallLayers,
    SafetyStatistics,
    open_landform,
    rainfall_at_landslides,
    write_layers,
)
from ..safety.settings import REAL, UNKNOWN, SafetyInputs, SafetyOptions
from ..safety.thresholds import (
    ClassCoefficient,
    PercentileRow,
    RainySeason,
    choose_coefficients,
    coefficients_by_class,
    coefficients_by_percentile,
    under_warning,
)
from ..tables import write_table
from . import sources_of

COLUMNS = ("class", "landslides", "critical_rainfall_mm", "k", "source", "cells", "share_below_critical", "hit_rate")


@dataclass
class SafetySummary:
    """What a rain index holds and where its coefficients come from."""

    classes: list[ClassCoefficient]
    """One per landform class that has cells or a coefficient; a single one without topography."""
    cells: int  # cells with a rain index
    share_warned: float  # share of their area with a rain index below 0.5
    landslides_used: int  # landslides with rainfall, coincident ones counted once
    rainfall_minimum: float  # smallest seven-day rainfall in mm
    rainfall_maximum: float
    share_outside_climate: float = 0.0
    """Share of the cells outside the polygons of CLIMATE, where the single values hold."""
    cells_without_class: int = 0  # cells with rainfall but without a landform class
    hit_rate: float | None = None  # share of the landslides with a rain index below 0.5; None without landslides
    weeks: str = UNKNOWN  # that the thresholds come from: climatological, real or unknown
    percentile: float | None = None  # of the rain at the landslides; None if no k comes from them
    percentiles: list[PercentileRow] = field(default_factory=list)  # other percentiles; empty if no k comes from them
    landslides_without_rain: int = 0  # landslides without a value in EVENT_RAIN_FIELD


def build_safety_factor(
    inputs: SafetyInputs,
    output: str | os.PathLike,
    options: SafetyOptions,
    progress: Progress,
    *,
    output_rainfall: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
) -> SafetySummary:
    """Write the rain index Fs = 1 / (1 + k · R7), with R7 = α · β · (7 / n) · annual precipitation.

    Fs is below 0.5 exactly where the seven-day rainfall exceeds the critical rainfall 1/k (Zhang & Deng 2026,
    section 3.2.4). k is looked up per landform class: K_TABLE, then the percentile of the rain at the landslides of
    the class, then that of all landslides, then the paper's table 3 by label. The hit rate is measured at the
    landslides, with the rain that the percentile is taken of.

    Args:
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata; ``output_rainfall`` gets R7 in mm likewise.
        output_table: path of a CSV with one row per class.

    Raises:
        ParameterInvalid: a class has no k, or CLIMATE has no field.
        FieldUnusable: a field of the climate zones is missing or holds impossible values.
        NoOverlap: precipitation or climate zones do not overlap the grid.
        LayerEmpty: no landslide lies on a cell with rainfall, or has a value in EVENT_RAIN_FIELD.
        TooFewData: no k, since there are too few landslides; or no cell has rainfall.
    """
    outputs = {"OUTPUT": output, "OUTPUT_RAINFALL": output_rainfall, "OUTPUT_TABLE": output_table}
    check_writable(*outputs.values())
    progress = warning_log = WarningLog(progress)
    record = RunRecord("buildsafetyfactor", options.record(), sources_of(**vars(inputs)))
    with open_raster(inputs.reference, "reference") as dataset:
        grid = Grid.from_dataset(dataset, "reference")
        season = RainySeason(options, inputs.climate, grid, progress)
        part, unit = SubProgress(progress, 0.0, 0.1), options.precipitation_unit
        path, parameter = str(inputs.precipitation), "PRECIPITATION_UNIT"
        source = scan_source(path, grid, PRECIPITATION, part, PRECIPITATION, unit, parameter)
        with ContinuousRaster.open(source, grid) as rain, open_landform(inputs.topography, grid, part) as land:
            layers = RainfallLayers(dataset, grid, rain, season, land)
            part, field, rain_there = SubProgress(progress, 0.1, 0.3), options.event_rain_field, None
            if inputs.landslides is not None:
                rain_there = rainfall_at_landslides(layers, inputs.landslides, field, part)
            rainfall, classes = (None, None) if rain_there is None else (rain_there.rainfall, rain_there.classes)
            labels, table, percentile = layers.labels, options.k_table, options.threshold_percentile
            chosen = choose_coefficients(labels, table, rainfall, classes, progress, percentile=percentile)
            hit_rate, weeks = None, UNKNOWN
            if rain_there is not None:
                hit_rate = _count_hits(*chosen, rain_there, coefficients_by_class(labels, *chosen))
                weeks = rain_there.weeks
            found = thresholds.thresholds_of(*chosen, hit_rate, weeks, percentile)
            alternatives: dict[float, np.ndarray] = {}
            if found.percentile is not None and rainfall is not None and classes is not None:
                alternatives = coefficients_by_percentile(labels, table, rainfall, classes)
            part = SubProgress(progress, 0.3, 0.97)
            statistics = write_layers(
                layers, *chosen, output, output_rainfall, part, tags=found.tags(), alternatives=alternatives
            )
    rows = [
        PercentileRow(one, _hit_rate(rain_there, k), statistics.warned_m2[one] / statistics.m2)
        for one, k in alternatives.items()
        if rain_there is not None
    ]
    summary = SafetySummary(
        classes=statistics.classes,
        cells=statistics.cells,
        share_warned=sum(one.warned_m2 for one in statistics.classes) / statistics.m2,
        landslides_used=0 if rain_there is None else len(rain_there.rainfall),
        rainfall_minimum=statistics.minimum,
        rainfall_maximum=statistics.maximum,
        share_outside_climate=statistics.outside_climate / statistics.cells_with_rain,
        cells_without_class=statistics.without_class,
        hit_rate=found.hit_rate,
        weeks=found.weeks,
        percentile=found.percentile,
        percentiles=rows,
        landslides_without_rain=0 if rain_there is None else rain_there.without_rain,
    )
    _report(summary, statistics, progress)
    if output_table is not None:
        names = ("label", "landslides", "critical_rainfall", "k", "source", "cells", "share_warned", "hit_rate")
        write_table(output_table, COLUMNS, [[getattr(one, name) for name in names] for one in summary.classes])
    record.write(outputs, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


def _count_hits(
    coefficients: list[ClassCoefficient], fallback: ClassCoefficient | None, rain: LandslideRain, k: np.ndarray
) -> float:
    """Fill in the landslides of each class whose rain exceeds its threshold, and return their share of all landslides;
    those on land without k count as missed.
    """
    hits = under_warning(rain.rainfall, k[rain.classes])
    if len(k) == 1:
        coefficients[0].hits = int(hits.sum())
    else:
        for number, one in enumerate(coefficients):
            one.hits = int(hits[rain.classes == number].sum())
    if fallback is not None:
        fallback.hits = int(hits[rain.classes < 0].sum())
    return float(hits.mean())


def _hit_rate(rain: LandslideRain, k: np.ndarray) -> float:
    return float(under_warning(rain.rainfall, k[rain.classes]).mean())


def _report_hits(summary: SafetySummary, progress: Progress) -> None:
    if summary.hit_rate is None:
        progress.warn(
            "The hit rate of the threshold is unknown, because LANDSLIDES is empty: nobody knows how many past "
            "landslides it would have caught."
        )
        return
    weeks = "their climatological week (annual rain times constants), not the week in which they slid"
    if summary.weeks == REAL:
        weeks = "the week before each of them"
    rate, warned = _percent(summary.hit_rate), _percent(summary.share_warned)
    caught = f"Hit rate: the threshold catches {rate} of {summary.landslides_used:,} past landslides, by {weeks}"
    progress.report(0.98, f"{caught}. It puts {warned} of the land under warning.")
    for row in summary.percentiles:
        numbers = f"hit rate {_percent(row.hit_rate)}, {_percent(row.share_warned)} of the land under warning"
        progress.report(0.98, f"Percentile {row.percentile:g}: {numbers}.")
    if summary.percentile is not None and summary.percentile > thresholds.HIGH_PERCENTILE:
        missed = f"PERCENTILE is {summary.percentile:g}, so the threshold misses about that share of the landslides"
        progress.warn(
            f"{missed} by construction: its hit rate is {rate}. That is no threshold for a warning; those take a low "
            "percentile, such as 5."
        )
    if summary.hit_rate <= summary.share_warned < 1:
        progress.warn(
            f"The threshold catches {rate} of the past landslides and puts {warned} of the land under warning: by its "
            "rain, landslides cannot be told from other land."
        )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def _report(summary: SafetySummary, statistics: SafetyStatistics, progress: Progress) -> None:
    critical = f"{thresholds.CRITICAL_SAFETY_FACTOR:g}"
    for one in summary.classes:
        k = f"{one.label}: k {one.k:.4f} ({one.source}), critical rainfall {one.critical_rainfall:.1f} mm"
        warned = f"{one.cells:,} cells, {one.share_warned or 0:.1%} of the land under warning"
        progress.report(0.98, f"{k}, {warned}, hit rate {_percent(one.hit_rate)}.")
    rainfall = f"Seven-day rainfall {summary.rainfall_minimum:.1f} to {summary.rainfall_maximum:.1f} mm"
    warned = f"{summary.share_warned:.1%} of the land has a rain index below {critical} and is under warning"
    progress.report(0.98, f"{rainfall}; {warned}.")
    _report_hits(summary, progress)
    question = thresholds.suspect_rainfall_unit(summary.rainfall_maximum)
    if question:
        progress.warn(question)
    if statistics.negative:
        negative = f"{statistics.negative:,} cells have negative rain and are nodata"
        progress.warn(f"{negative}. Set the nodata value of the precipitation raster if these stand for no data.")
    if summary.share_outside_climate:
        outside = f"{summary.share_outside_climate:.1%} of the cells lie outside the polygons of CLIMATE"
        progress.warn(f"{outside}; the single ALPHA, BETA and RAINY_DAYS hold there.")
    if summary.cells_without_class:
        result = 'are nodata; give LANDSLIDES or a row "all" in K_TABLE for a coefficient there'
        if any(one.label == thresholds.UNCLASSIFIED for one in summary.classes):
            result = 'take k from all landslides or the row "all"'
        progress.warn(f"{summary.cells_without_class:,} cells with rain have no landform class and {result}.")
    if summary.share_warned == 0:
        none = f"No cell has a rain index below {critical}, so the constraint has no effect in training"
        progress.warn(f"{none}. Check ALPHA, BETA, RAINY_DAYS and k against the rainfall above.")
