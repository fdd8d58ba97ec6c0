"""Compute the safety factor from annual precipitation, landform and historical landslides."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

from ..factors.climate import ContinuousRaster
from ..factors.source_rasters import scan_source
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.units import PRECIPITATION
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..safety import thresholds
from ..safety.rasters import RainfallLayers, SafetyStatistics, open_landform, rainfall_at_landslides, write_layers
from ..safety.settings import SafetyInputs, SafetyOptions
from ..safety.thresholds import ClassCoefficient, RainySeason, choose_coefficients
from ..tables import write_table
from . import sources_of

COLUMNS = ("class", "landslides", "critical_rainfall_mm", "k", "source", "cells", "share_below_critical")


@dataclass
class SafetySummary:
    """What a safety-factor raster holds and where its coefficients come from."""

    classes: list[ClassCoefficient]
    """One per landform class that has cells or a coefficient; a single one without topography."""
    cells: int  # cells with a safety factor
    share_warned: float  # share of them with a safety factor below 0.5
    landslides_used: int  # landslides with rainfall, coincident ones counted once
    rainfall_minimum: float  # smallest seven-day rainfall in mm
    rainfall_maximum: float
    share_outside_climate: float = 0.0
    """Share of the cells outside the polygons of CLIMATE, where the single values hold."""
    cells_without_class: int = 0  # cells with rainfall but without a landform class


def build_safety_factor(
    inputs: SafetyInputs,
    output: str | os.PathLike,
    options: SafetyOptions,
    progress: Progress,
    *,
    output_rainfall: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
) -> SafetySummary:
    """Write the safety factor Fs = 1 / (1 + k · R7), with R7 = α · β · (7 / n) · annual precipitation.

    Fs is below 0.5 exactly where the seven-day rainfall exceeds the critical rainfall 1/k (Zhang & Deng 2026,
    section 3.2.4). k is looked up per landform class: K_TABLE, then the 95th percentile of R7 at the landslides of
    the class, then that of all landslides, then the paper's table 3 by label.

    Args:
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata; ``output_rainfall`` gets R7 in mm likewise.
        output_table: path of a CSV with one row per class.

    Raises:
        ParameterInvalid: a class has no k, or CLIMATE has no field.
        FieldUnusable: a field of the climate zones is missing or holds impossible values.
        NoOverlap: precipitation or climate zones do not overlap the grid.
        LayerEmpty: no landslide lies on a cell with rainfall.
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
            rainfall, classes = None, None
            if inputs.landslides is not None:
                part = SubProgress(progress, 0.1, 0.3)
                rainfall, classes = rainfall_at_landslides(layers, inputs.landslides, part)
            coefficients, fallback = choose_coefficients(layers.labels, options.k_table, rainfall, classes, progress)
            part = SubProgress(progress, 0.3, 0.97)
            statistics = write_layers(layers, coefficients, fallback, output, output_rainfall, part)
    summary = SafetySummary(
        classes=statistics.classes,
        cells=statistics.cells,
        share_warned=sum(one.warned for one in statistics.classes) / statistics.cells,
        landslides_used=0 if rainfall is None else len(rainfall),
        rainfall_minimum=statistics.minimum,
        rainfall_maximum=statistics.maximum,
        share_outside_climate=statistics.outside_climate / statistics.cells_with_rain,
        cells_without_class=statistics.without_class,
    )
    _report(summary, statistics, progress)
    if output_table is not None:
        names = ("label", "landslides", "critical_rainfall", "k", "source", "cells", "share_warned")
        write_table(output_table, COLUMNS, [[getattr(one, name) for name in names] for one in summary.classes])
    record.write(outputs, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


def _report(summary: SafetySummary, statistics: SafetyStatistics, progress: Progress) -> None:
    critical = f"{thresholds.CRITICAL_SAFETY_FACTOR:g}"
    for one in summary.classes:
        k = f"{one.label}: k {one.k:.4f} ({one.source}), critical rainfall {one.critical_rainfall:.1f} mm"
        warned = f"{one.cells:,} cells, {one.share_warned or 0:.1%} with a safety factor below {critical}"
        progress.report(0.98, f"{k}, {warned}.")
    rainfall = f"Seven-day rainfall {summary.rainfall_minimum:.1f} to {summary.rainfall_maximum:.1f} mm"
    warned = f"{summary.share_warned:.1%} of {summary.cells:,} cells have a safety factor below {critical}"
    progress.report(0.98, f"{rainfall}; {warned}.")
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
        none = f"No cell has a safety factor below {critical}, so the constraint has no effect in training"
        progress.warn(f"{none}. Check ALPHA, BETA, RAINY_DAYS and k against the rainfall above.")
