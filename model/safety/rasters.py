"""Rainfall, season and landform on the study grid block by block, and the rasters computed from them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

import numpy as np
import rasterio

from ..errors import FieldUnusable, LayerEmpty, TooFewData
from ..factors.categorical import PolygonClasses, RasterClasses
from ..factors.climate import ContinuousRaster
from ..factors.settings import CategoricalInput
from ..grid import Block, Grid
from ..inputs.rasters import create_raster, read_window
from ..inputs.vectors import Landslides
from ..labels.buffers import landslide_points
from ..progress import Progress
from .kinds import RAIN_INDEX
from .settings import CLIMATOLOGICAL, REAL
from .thresholds import (
    CRITICAL_SAFETY_FACTOR,
    ClassCoefficient,
    RainySeason,
    coefficients_by_class,
    safety_factor,
    seven_day_rainfall,
    under_warning,
)

MEANING = (
    f"rain index 1 / (1 + k R7) of Zhang and Deng, below {CRITICAL_SAFETY_FACTOR:g} where the rain exceeds the "
    "threshold 1/k; no factor of safety of a slope"
)

Landform = tuple[Union[PolygonClasses, RasterClasses, None], Mapping[int, str]]
"""The open landform, ``None`` without one, and its labels by code."""


@dataclass
class RainfallBlock:
    """Rainfall and landform of one block of the grid."""

    rainfall: np.ndarray  # seven-day rainfall in mm, float64, NaN without rain or where the reference has no data
    classes: np.ndarray  # landform class, an index into ``RainfallLayers.labels``, −1 for none
    in_zone: np.ndarray  # whether a climate zone gives the season; all true without zones
    negative: int  # cells with negative rain, which count as without


class RainfallLayers:
    """All inputs of the rain index on one grid."""

    def __init__(
        self, reference: rasterio.DatasetReader, grid: Grid, rain: ContinuousRaster, season: RainySeason, land: Landform
    ) -> None:
        self._landform, classes = land
        self.grid, self._reference, self._rain, self._season = grid, reference, rain, season
        self.labels = [classes[code] for code in sorted(classes)]  # of the landform; empty without topography
        self._number = np.full(max(classes, default=0) + 1, -1, dtype=np.int64)
        self._number[sorted(classes)] = np.arange(len(self.labels))

    def read(self, block: Block) -> RainfallBlock:
        """Return rainfall and class of a block's cells."""
        annual = self._rain.read(block).astype(np.float64)
        reference = read_window(self._reference, block.row, block.column, block.height, block.width)
        annual[~np.isfinite(reference).all(axis=0)] = np.nan
        with np.errstate(invalid="ignore"):
            negative = annual < 0
        annual[negative] = np.nan
        alpha, beta, rainy_days, in_zone = self._season.read(block)
        classes = np.full(annual.shape, -1, dtype=np.int64)
        if self._landform is not None:
            codes = self._landform.read(block)
            known = np.isfinite(codes)
            classes[known] = self._number[codes[known].astype(np.int64)]
        return RainfallBlock(seven_day_rainfall(annual, alpha, beta, rainy_days), classes, in_zone, int(negative.sum()))


@contextlib.contextmanager
def open_landform(topography: CategoricalInput | None, grid: Grid, progress: Progress) -> Iterator[Landform]:
    """Open the landform on a grid, with the label of each code; ``None`` and no labels without one. Raises
    ``NoOverlap`` if it lies elsewhere; ``InputMissing``, ``InputCorrupt``, ``CrsMissing``, ``FieldUnusable``,
    ``LayerEmpty``, ``ParameterInvalid`` if it cannot be used.
    """
    if topography is None:
        yield None, {}
    elif topography.polygons is not None:
        landform = PolygonClasses(topography.polygons, topography.field or "", grid, "topography", None, progress)
        yield landform, landform.classes
    else:
        path = str(topography.raster)
        table = RasterClasses.scan(path, grid, "topography", None, progress)
        with RasterClasses.open(table, grid) as opened:
            yield opened, table.classes


@dataclass
class LandslideRain:
    """Rain and landform at the landslides on cells with rainfall."""

    rainfall: np.ndarray  # of seven days in mm, float64, without NaN
    classes: np.ndarray  # an index into ``RainfallLayers.labels``, −1 for none
    weeks: str  # CLIMATOLOGICAL or REAL
    without_rain: int = 0  # landslides without a value in the field of event rain, left out


def rainfall_at_landslides(
    layers: RainfallLayers, landslides: Landslides, event_rain_field: str | None, progress: Progress
) -> LandslideRain:
    """Return seven-day rainfall and class at the historical landslides on cells with rainfall.

    The rainfall is that of the climatological week, or that of the field: the week before each landslide. Landslides
    at exactly the same place (with the same rain of the field) count once. A polygon is represented by an interior
    point. Raises ``LayerEmpty`` if none lies on a cell with rainfall or has a value; ``FieldUnusable`` if the field is
    missing, or a value is no number or negative.
    """
    points, name, without_rain = landslide_points(landslides), landslides.name, 0
    if event_rain_field:
        event = _event_rain(landslides, event_rain_field, progress)
        points = np.column_stack([points, event])[np.isfinite(event)]
        without_rain = len(event) - len(points)
        if without_rain:
            field = f'have no value in the field "{event_rain_field}" and are left out'
            progress.warn(f'{without_rain:,} of {len(event):,} landslides of "{name}" {field}.')
    unique = np.unique(points, axis=0)
    if len(unique) < len(points):
        twice = f'{len(points) - len(unique):,} landslides of "{name}" coincide with another one'
        progress.warn(f"{twice} and do not count for the critical rainfall.")
    row, column, inside = layers.grid.cell_indices(unique[:, :2])
    row[~inside] = -1
    rainfall, classes = np.full(len(unique), np.nan), np.full(len(unique), -1, dtype=np.int64)
    for block in layers.grid.blocks_with_progress(progress):
        here, cells = block.locate(row, column)
        if len(here):
            values = layers.read(block)
            rainfall[here], classes[here] = values.rainfall[cells], values.classes[cells]
    usable = np.isfinite(rainfall)
    if not usable.any():
        raise LayerEmpty(
            f'None of the {len(unique)} landslides of "{name}" lies on a cell with rainfall. '
            "Check the CRS of both and that they show the same area."
        )
    if not usable.all():
        outside = f'{int((~usable).sum()):,} landslides of "{name}" lie outside the reference raster'
        progress.warn(f"{outside} or where there is no rainfall, and are left out.")
    if event_rain_field:
        return LandslideRain(unique[usable, 2], classes[usable], REAL, without_rain)
    return LandslideRain(rainfall[usable], classes[usable], CLIMATOLOGICAL)


def _event_rain(landslides: Landslides, field: str, progress: Progress) -> np.ndarray:
    """Return the rain in mm of the week before each landslide, NaN for none."""
    event, layer = landslides.numbers(field, progress, "mm"), f'The field "{field}" of the layer "{landslides.name}"'
    with np.errstate(invalid="ignore"):
        negative = event[event < 0]
    if len(negative):
        raise FieldUnusable(
            f"{layer} holds {negative[0]:g}, but rain is 0 mm or more. Empty the field where the rain is not known."
        )
    if not np.isfinite(event).any():
        raise LayerEmpty(f"{layer} has no value. Fill in the rain in mm of the week before each landslide.")
    return event


@dataclass
class SafetyStatistics:
    """Counts and range of the cells that were written."""

    classes: list[ClassCoefficient]
    cells: int = 0
    m2: float = 0.0
    cells_with_rain: int = 0
    outside_climate: int = 0  # cells with rainfall outside the climate zones
    without_class: int = 0  # cells with rainfall but without a landform class, although there is a landform layer
    negative: int = 0
    minimum: float = np.inf
    maximum: float = -np.inf
    warned_m2: dict[float, float] = field(default_factory=dict)
    """Area under warning, by percentile of the rain at landslides."""


def write_layers(
    layers: RainfallLayers,
    coefficients: Sequence[ClassCoefficient],
    fallback: ClassCoefficient | None,
    output: str | os.PathLike,
    output_rainfall: str | os.PathLike | None,
    progress: Progress,
    *,
    tags: Mapping[str, str],
    alternatives: Mapping[float, np.ndarray],
) -> SafetyStatistics:
    """Write the rain index and, if wanted, the seven-day rainfall.

    Args:
        coefficients: one per class of ``layers.labels``; a single one when there are none.
        fallback: coefficient of cells without a class; ``None`` makes them nodata.
        output: path of the rain index; ``output_rainfall`` is that of the rainfall, or ``None``.
        tags: of the rain index, beside what its values mean.
        alternatives: k by class number for percentiles whose area under warning is counted.

    Raises ``TooFewData`` if no cell has a rain index.
    """
    statistics = SafetyStatistics(list(coefficients), warned_m2=dict.fromkeys(alternatives, 0.0))
    single_class = not layers.labels
    # Class −1 takes the last entry.
    table = [*coefficients, coefficients[0] if single_class else fallback]
    k = coefficients_by_class(layers.labels, coefficients, fallback)
    meaning = {"MEANING": MEANING, "RAIN": "climatological week: annual rain times constants, not a real week", **tags}
    storage = layers.grid, "float32", np.nan
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(create_raster(output, *storage, [RAIN_INDEX], tags=meaning))
        rain_target = None
        if output_rainfall is not None:
            rain = create_raster(output_rainfall, *storage, ["seven-day rainfall"], [{"unit": "mm"}])
            rain_target = opened.enter_context(rain)
        for block in layers.grid.blocks_with_progress(progress):
            values = layers.read(block)
            factor = safety_factor(values.rainfall, k[values.classes]).astype(np.float32)
            row_area = layers.grid.cell_area(block.row, block.height)
            target.write(factor, 1, window=block.window)
            if rain_target is not None:
                rain_target.write(values.rainfall.astype(np.float32), 1, window=block.window)
            _update_statistics(statistics, values, factor, table, single_class, row_area)
            for percentile, other in alternatives.items():
                warned = under_warning(values.rainfall, other[values.classes])
                statistics.warned_m2[percentile] += float(warned.sum(axis=1) @ row_area)
        if not statistics.cells:
            negative = f" {statistics.negative:,} cells have negative rain." if statistics.negative else ""
            raise TooFewData(
                "No cell has a rain index: REFERENCE, PRECIPITATION and TOPOGRAPHY have no cell with "
                f"data in common. Look at them in QGIS for the one without.{negative}"
            )
    if not single_class and fallback is not None and fallback.cells:
        statistics.classes.append(fallback)
    return statistics


Coefficients = Sequence[Optional[ClassCoefficient]]


def _update_statistics(
    statistics: SafetyStatistics,
    values: RainfallBlock,
    factor: np.ndarray,
    table: Coefficients,
    single_class: bool,
    row_area: np.ndarray,
) -> None:
    with_rain, valid = np.isfinite(values.rainfall), np.isfinite(factor)
    statistics.negative += values.negative
    statistics.cells_with_rain += int(with_rain.sum())
    statistics.outside_climate += int((with_rain & ~values.in_zone).sum())
    statistics.cells += int(valid.sum())
    if not single_class:
        statistics.without_class += int((with_rain & (values.classes < 0)).sum())
    if with_rain.any():
        statistics.minimum = min(statistics.minimum, float(values.rainfall[with_rain].min()))
        statistics.maximum = max(statistics.maximum, float(values.rainfall[with_rain].max()))
    numbers = np.where(values.classes < 0, len(table) - 1, values.classes)
    if single_class:
        numbers[:] = 0
    warned, areas = valid & (factor < CRITICAL_SAFETY_FACTOR), np.broadcast_to(row_area[:, None], factor.shape)
    size = len(table)
    counts = np.bincount(numbers[valid], minlength=size)
    m2 = np.bincount(numbers[valid], areas[valid], minlength=size)
    warned_m2 = np.bincount(numbers[warned], areas[warned], minlength=size)
    statistics.m2 += float(m2.sum())
    # The single coefficient is in the table twice.
    for coefficient, *found in zip(table[:1] if single_class else table, counts, m2, warned_m2):
        if coefficient is not None:
            coefficient.cells += int(found[0])
            coefficient.m2 += float(found[1])
            coefficient.warned_m2 += float(found[2])
