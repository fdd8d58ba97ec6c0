"""Annual rain, landform and historical landslides in, safety factor out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..factors.sources import CategoricalInput
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Points, Polygons
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress, WarningLog
from ..safety.rasters import SafetyStatistics, open_layers, rainfall_at_landslides, write_layers
from ..safety.thresholds import (
    CRITICAL_SAFETY_FACTOR,
    UNCLASSIFIED,
    ClassCoefficient,
    RainySeason,
    choose_coefficients,
    suspect_rainfall_unit,
)
from ..tables import write_table

COLUMNS = ("class", "landslides", "critical_rainfall_mm", "k", "source", "cells", "share_below_critical")


@dataclass
class SafetySummary:
    """What a safety-factor raster holds and where its coefficients come from."""

    classes: list[ClassCoefficient]
    """One a landform class that has cells or a coefficient; one in all without topography."""

    cells: int
    """Cells with a safety factor."""

    share_warned: float
    """Share of them with a safety factor under 0.5."""

    landslides_used: int
    """Landslides with rainfall, doubled ones counted once."""

    rainfall_minimum: float
    """Smallest seven-day rainfall in mm."""

    rainfall_maximum: float
    share_outside_climate: float = 0.0
    """Share of the cells outside the polygons of CLIMATE, where the single values hold."""

    cells_without_class: int = 0
    """Cells with rainfall but without a landform class."""


def build_safety_factor(
    reference: str | os.PathLike,
    precipitation: str | os.PathLike,
    output: str | os.PathLike,
    *,
    alpha: float,
    beta: float,
    rainy_days: float,
    climate: Polygons | None = None,
    alpha_field: str | None = None,
    beta_field: str | None = None,
    rainy_days_field: str | None = None,
    topography: CategoricalInput | None = None,
    k_table: Mapping[str, float] | None = None,
    landslides: Points | Polygons | None = None,
    output_rainfall: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    progress: Progress,
) -> SafetySummary:
    """Write the safety factor Fs = 1 / (1 + k · R7), with R7 = α · β · (7 / n) · annual rain.

    Fs is under 0.5 exactly where the seven-day rainfall exceeds the critical rainfall 1/k (Zhang & Deng 2026,
    section 3.2.4). k is looked up per landform class: K_TABLE, then the 95th percentile of R7 at the landslides of
    the class, then that of all landslides, then the paper's table 3 by label.

    Args:
        reference: raster that gives the grid and the cells with data, such as the factor stack.
        precipitation: annual rain in mm, any grid and CRS.
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata.
        alpha: share of the rainy season in the annual rain.
        beta: ratio of maximum to mean rainfall in the season; 1 for equation 4 as printed.
        rainy_days: rainy days in the season, n.
        climate: polygons of climate zones whose fields override the three values.
        alpha_field: field of ``climate`` with alpha.
        beta_field: field with beta.
        rainy_days_field: field with the rainy days.
        topography: landform classes; ``None`` for one k everywhere.
        k_table: k in 1/mm by class label; the row ``all`` stands for classes and cells without another.
        landslides: historical landslides.
        output_rainfall: path of a float32 GeoTIFF with R7 in mm.
        output_table: path of a CSV with one row a class.
        progress: hears coefficients and shares.

    Raises:
        ParameterInvalid: a value is out of range, or a class has no k.
        FieldUnusable: a field of ``climate`` is missing or holds impossible values.
        NoOverlap: rain or climate zones do not reach into the grid.
        LayerEmpty: no landslide lies on a cell with rainfall.
        TooFewData: no k, since there are too few landslides; or no cell has rainfall.
    """
    for path in (output, output_rainfall, output_table):
        if path is not None:
            check_writable(path)
    progress = warning_log = WarningLog(progress)
    season = RainySeason(
        float(alpha), float(beta), float(rainy_days), climate, alpha_field, beta_field, rainy_days_field
    )
    table = dict(k_table or {})
    record = RunRecord(
        "buildsafetyfactor",
        {
            "ALPHA": alpha,
            "BETA": beta,
            "RAINY_DAYS": rainy_days,
            "ALPHA_FIELD": alpha_field,
            "BETA_FIELD": beta_field,
            "RAINY_DAYS_FIELD": rainy_days_field,
            "K_TABLE": table,
        },
        {
            "REFERENCE": reference,
            "PRECIPITATION": precipitation,
            "CLIMATE": _source(climate),
            "TOPOGRAPHY": topography.source if topography is not None else None,
            "LANDSLIDES": _source(landslides),
        },
    )
    with open_raster(reference, "reference") as dataset:
        grid = Grid.of(dataset, "reference")
        season.prepare(grid, progress)
        with open_layers(dataset, grid, precipitation, season, topography, SubProgress(progress, 0.0, 0.1)) as layers:
            rainfall, classes = None, None
            if landslides is not None:
                rainfall, classes = rainfall_at_landslides(layers, landslides, SubProgress(progress, 0.1, 0.3))
            coefficients, fallback = choose_coefficients(layers.labels, table, rainfall, classes, progress)
            statistics = write_layers(
                layers, coefficients, fallback, output, output_rainfall, SubProgress(progress, 0.3, 0.97)
            )
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
        write_table(output_table, COLUMNS, _rows(summary))
    record.write(
        {"OUTPUT": output, "OUTPUT_RAINFALL": output_rainfall, "OUTPUT_TABLE": output_table},
        summary=asdict(summary),
        warnings=warning_log.warnings,
    )
    progress.report(1.0)
    return summary


def _source(layer: Points | Polygons | None) -> str | None:
    return None if layer is None else layer.source or layer.name


def _report(summary: SafetySummary, statistics: SafetyStatistics, progress: Progress) -> None:
    for one in summary.classes:
        share = one.warned / one.cells if one.cells else 0.0
        progress.report(
            0.98,
            f"{one.label}: k {one.k:.4f} ({one.source}), critical rainfall "
            f"{one.critical_rainfall:.1f} mm, {one.cells:,} cells, {share:.1%} with a safety factor "
            f"under {CRITICAL_SAFETY_FACTOR:g}.",
        )
    progress.report(
        0.98,
        f"Seven-day rainfall {summary.rainfall_minimum:.1f} to {summary.rainfall_maximum:.1f} mm; "
        f"{summary.share_warned:.1%} of {summary.cells:,} cells have a safety factor under "
        f"{CRITICAL_SAFETY_FACTOR:g}.",
    )
    question = suspect_rainfall_unit(summary.rainfall_maximum)
    if question:
        progress.warn(question)
    if statistics.negative:
        progress.warn(
            f"{statistics.negative:,} cells have negative rain and are nodata. Set the nodata value of the "
            "precipitation raster if these stand for no data."
        )
    if summary.share_outside_climate:
        progress.warn(
            f"{summary.share_outside_climate:.1%} of the cells lie outside the polygons of CLIMATE; the "
            "single ALPHA, BETA and RAINY_DAYS hold there."
        )
    if summary.cells_without_class:
        with_k = any(one.label == UNCLASSIFIED for one in summary.classes)
        what = (
            'take k from all landslides or the row "all"'
            if with_k
            else 'are nodata; give LANDSLIDES or a row "all" in K_TABLE for a coefficient there'
        )
        progress.warn(f"{summary.cells_without_class:,} cells with rain have no landform class and {what}.")
    if summary.share_warned == 0:
        progress.warn(
            "No cell has a safety factor under 0.5, so the constraint has no effect in training. Check "
            "ALPHA, BETA, RAINY_DAYS and k against the rainfall above."
        )


def _rows(summary: SafetySummary) -> list[tuple[object, ...]]:
    return [
        (
            one.label,
            one.landslides,
            one.critical_rainfall,
            one.k,
            one.source,
            one.cells,
            one.warned / one.cells if one.cells else None,
        )
        for one in summary.classes
    ]
