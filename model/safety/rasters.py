"""Rainfall, season and landform on the study grid block by block, and the rasters computed from them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import rasterio

from ..errors import LayerEmpty, TooFewData
from ..factors.categorical import PolygonClasses, RasterClasses
from ..factors.climate import ContinuousRaster
from ..factors.settings import CategoricalInput
from ..grid import Block, Grid
from ..inputs.rasters import create_raster, read_window
from ..inputs.vectors import Landslides
from ..labels.buffers import landslide_points
from ..progress import Progress
from .thresholds import CRITICAL_SAFETY_FACTOR, ClassCoefficient, RainySeason, safety_factor, seven_day_rainfall

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
    """All inputs of the safety factor on one grid."""

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


def rainfall_at_landslides(
    layers: RainfallLayers, landslides: Landslides, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return seven-day rainfall in mm and class (−1 for none) at the historical landslides on cells with rainfall.

    Landslides at exactly the same place count once. A polygon is represented by an interior point. Raises
    ``LayerEmpty`` if none lies on a cell with rainfall.
    """
    points = landslide_points(landslides)
    unique = np.unique(points, axis=0)
    if len(unique) < len(points):
        twice = f'{len(points) - len(unique):,} landslides of "{landslides.name}" coincide with another one'
        progress.warn(f"{twice} and do not count for the critical rainfall.")
    row, column, inside = layers.grid.cell_indices(unique)
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
            f'None of the {len(unique)} landslides of "{landslides.name}" lies on a cell with rainfall. '
            "Check the CRS of both and that they show the same area."
        )
    if not usable.all():
        outside = f'{int((~usable).sum()):,} landslides of "{landslides.name}" lie outside the reference raster'
        progress.warn(f"{outside} or where there is no rainfall, and are left out.")
    return rainfall[usable], classes[usable]


@dataclass
class SafetyStatistics:
    """Counts and range of the cells that were written."""

    classes: list[ClassCoefficient]
    cells: int = 0
    cells_with_rain: int = 0
    outside_climate: int = 0  # cells with rainfall outside the climate zones
    without_class: int = 0  # cells with rainfall but without a landform class, although there is a landform layer
    negative: int = 0
    minimum: float = np.inf
    maximum: float = -np.inf


def write_layers(
    layers: RainfallLayers,
    coefficients: Sequence[ClassCoefficient],
    fallback: ClassCoefficient | None,
    output: str | os.PathLike,
    output_rainfall: str | os.PathLike | None,
    progress: Progress,
) -> SafetyStatistics:
    """Write the safety factor and, if wanted, the seven-day rainfall.

    Args:
        coefficients: one per class of ``layers.labels``; a single one when there are none.
        fallback: coefficient of cells without a class; ``None`` makes them nodata.
        output: path of the safety factor; ``output_rainfall`` is that of the rainfall, or ``None``.

    Raises ``TooFewData`` if no cell has a safety factor.
    """
    statistics = SafetyStatistics(list(coefficients))
    single_class = not layers.labels
    # Class −1 takes the last entry.
    table = [*coefficients, coefficients[0] if single_class else fallback]
    k = np.array([np.nan if one is None else one.k for one in table])
    meaning = {"MEANING": f"1 / (1 + k R7); a warning stands under {CRITICAL_SAFETY_FACTOR:g}"}
    storage = layers.grid, "float32", np.nan
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(create_raster(output, *storage, ["safety factor"], tags=meaning))
        rain_target = None
        if output_rainfall is not None:
            rain = create_raster(output_rainfall, *storage, ["seven-day rainfall"], [{"unit": "mm"}])
            rain_target = opened.enter_context(rain)
        for block in layers.grid.blocks_with_progress(progress):
            values = layers.read(block)
            factor = safety_factor(values.rainfall, k[values.classes]).astype(np.float32)
            target.write(factor, 1, window=block.window)
            if rain_target is not None:
                rain_target.write(values.rainfall.astype(np.float32), 1, window=block.window)
            _update_statistics(statistics, values, factor, table, single_class)
        if not statistics.cells:
            negative = f" {statistics.negative:,} cells have negative rain." if statistics.negative else ""
            raise TooFewData(
                "No cell has a safety factor: REFERENCE, PRECIPITATION and TOPOGRAPHY have no cell with "
                f"data in common. Look at them in QGIS for the one without.{negative}"
            )
    if not single_class and fallback is not None and fallback.cells:
        statistics.classes.append(fallback)
    return statistics


Coefficients = Sequence[Optional[ClassCoefficient]]


def _update_statistics(
    statistics: SafetyStatistics, values: RainfallBlock, factor: np.ndarray, table: Coefficients, single_class: bool
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
    cells = np.bincount(numbers[valid], minlength=len(table))
    warned = np.bincount(numbers[valid & (factor < CRITICAL_SAFETY_FACTOR)], minlength=len(table))
    # The single coefficient is in the table twice.
    for coefficient, number, low in zip(table[:1] if single_class else table, cells, warned):
        if coefficient is not None:
            coefficient.cells += int(number)
            coefficient.warned += int(low)
