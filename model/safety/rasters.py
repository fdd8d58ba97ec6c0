"""Rain, season and landform on the study grid, window by window, and the rasters made from them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import LayerEmpty, TooFewData
from ..factors.categorical import PolygonClasses, RasterClasses
from ..factors.climate import ContinuousRaster
from ..factors.sources import CategoricalInput
from ..grid import Block, Grid
from ..inputs.rasters import create_raster, read_window
from ..inputs.vectors import Points, Polygons
from ..labels.buffers import interior_point
from ..progress import Progress, stop_if_cancelled
from .thresholds import CRITICAL_SAFETY_FACTOR, ClassCoefficient, RainySeason, safety_factor, seven_day_rainfall


@dataclass
class RainfallBlock:
    """What one block of the grid holds."""

    rainfall: np.ndarray
    """Seven-day rainfall in mm, float64, NaN without rain or where the reference has no data."""

    classes: np.ndarray
    """Number of the landform class, an index into ``RainfallLayers.labels``, −1 for none."""

    in_zone: np.ndarray
    """Whether a climate zone gives the season; all true without zones."""

    negative: int
    """Cells with negative rain, which count as without."""


class RainfallLayers:
    """All inputs of the safety factor on one grid."""

    def __init__(
        self,
        reference: rasterio.DatasetReader,
        grid: Grid,
        rain: ContinuousRaster,
        season: RainySeason,
        landform: PolygonClasses | RasterClasses | None,
        classes: Mapping[int, str],
    ) -> None:
        """Join open inputs and the label of each landform code; :func:`open_layers` opens them."""
        self.grid = grid
        self.labels = [classes[code] for code in sorted(classes)]
        """Names of the landform classes; empty without topography."""
        self._reference, self._rain, self._season, self._landform = reference, rain, season, landform
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
def open_layers(
    reference: rasterio.DatasetReader,
    grid: Grid,
    precipitation: str | os.PathLike,
    season: RainySeason,
    topography: CategoricalInput | None,
    progress: Progress,
) -> Iterator[RainfallLayers]:
    """Open rain and landform on the grid of the reference.

    Raises:
        NoOverlap: one of them lies elsewhere.
        InputMissing, InputCorrupt, CrsMissing, FieldUnusable, LayerEmpty, ParameterInvalid: it cannot be used.
    """
    with contextlib.ExitStack() as opened:
        rain = opened.enter_context(ContinuousRaster.open(str(precipitation), grid, "precipitation"))
        landform, classes = opened.enter_context(open_landform(topography, grid, progress))
        yield RainfallLayers(reference, grid, rain, season, landform, classes)


@contextlib.contextmanager
def open_landform(
    topography: CategoricalInput | None, grid: Grid, progress: Progress
) -> Iterator[tuple[PolygonClasses | RasterClasses | None, Mapping[int, str]]]:
    """Open the landform on a grid, with the label of each code; nothing and no labels without one.

    Raises:
        NoOverlap: it lies elsewhere.
        InputMissing, InputCorrupt, CrsMissing, FieldUnusable, LayerEmpty, ParameterInvalid: it cannot be used.
    """
    if topography is None:
        yield None, {}
    elif topography.polygons is not None:
        landform = PolygonClasses(topography.polygons, topography.field or "", grid, "topography", None, progress)
        yield landform, landform.classes
    else:
        path = str(topography.raster)
        class_table = RasterClasses.scan(path, grid, "topography", None, progress)
        with RasterClasses.open(path, grid, "topography", class_table) as opened:
            yield opened, class_table.classes


def rainfall_at_landslides(
    layers: RainfallLayers, landslides: Points | Polygons, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return rainfall and class at the historical landslides that lie on cells with rainfall.

    Landslides at exactly the same place count once. Of polygons a point inside stands for each.

    Returns:
        Seven-day rainfall in mm and number of the class (−1 for none), both of shape (landslides used,).

    Raises:
        LayerEmpty: none lies on a cell with rainfall.
    """
    if isinstance(landslides, Polygons):
        places = np.array([interior_point(shape) for shape in landslides.geometries]).reshape(-1, 2)
    else:
        places = landslides.xy
    unique = np.unique(places, axis=0)
    if len(unique) < len(places):
        progress.warn(
            f'{len(places) - len(unique):,} landslides of "{landslides.name}" lie at the place of another '
            "one and do not count for the critical rainfall."
        )
    row, column, inside = layers.grid.cell_indices(unique)
    rainfall, classes = np.full(len(unique), np.nan), np.full(len(unique), -1, dtype=np.int64)
    done, total = 0, layers.grid.block_count()
    for block in layers.grid.blocks():
        stop_if_cancelled(progress)
        here = np.flatnonzero(
            inside
            & (row >= block.row)
            & (row < block.row + block.height)
            & (column >= block.column)
            & (column < block.column + block.width)
        )
        if len(here):
            window = layers.read(block)
            at = row[here] - block.row, column[here] - block.column
            rainfall[here], classes[here] = window.rainfall[at], window.classes[at]
        done += 1
        progress.report(done / total)
    usable = np.isfinite(rainfall)
    if not usable.any():
        raise LayerEmpty(
            f'None of the {len(unique)} landslides of "{landslides.name}" lies on a cell with rainfall. '
            "Check the CRS of both and that they show the same area."
        )
    if not usable.all():
        progress.warn(
            f'{int((~usable).sum()):,} landslides of "{landslides.name}" lie outside the reference raster or '
            "where there is no rainfall, and are left out."
        )
    return rainfall[usable], classes[usable]


@dataclass
class SafetyStatistics:
    """What was written."""

    classes: list[ClassCoefficient]
    cells: int = 0
    cells_with_rain: int = 0
    """Cells with rainfall."""

    outside_climate: int = 0
    """Of those, cells outside the climate zones."""

    without_class: int = 0
    """Of those, cells without a landform class, although there is a landform layer."""

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
        layers: the inputs.
        coefficients: one a class of ``layers.labels``; one in all when there are none.
        rest: coefficient of cells without a class; ``None`` makes them nodata.
        output: path of the safety factor.
        output_rainfall: path of the rainfall, or ``None``.
        progress: 0 to 1 over the cells.

    Raises:
        TooFewData: no cell has a safety factor.
    """
    single_class = not layers.labels
    statistics = SafetyStatistics(list(coefficients))
    # The last entry is what a class number of −1 finds.
    table = [*coefficients, coefficients[0] if single_class else fallback]
    k = np.array([np.nan if one is None else one.k for one in table])
    done, total = 0, layers.grid.block_count()
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(
            create_raster(
                output,
                layers.grid,
                "float32",
                np.nan,
                ["safety factor"],
                overviews=Resampling.average,
                tags={"MEANING": f"1 / (1 + k R7); a warning stands under {CRITICAL_SAFETY_FACTOR:g}"},
            )
        )
        rain_target = None
        if output_rainfall is not None:
            rain_target = opened.enter_context(
                create_raster(
                    output_rainfall,
                    layers.grid,
                    "float32",
                    np.nan,
                    ["seven-day rainfall"],
                    [{"unit": "mm"}],
                    overviews=Resampling.average,
                )
            )
        for block in layers.grid.blocks():
            stop_if_cancelled(progress)
            window = layers.read(block)
            factor = safety_factor(window.rainfall, k[window.classes]).astype(np.float32)
            target.write(factor, 1, window=block.window)
            if rain_target is not None:
                rain_target.write(window.rainfall.astype(np.float32), 1, window=block.window)
            _update_statistics(statistics, window, factor, table, single_class)
            done += 1
            progress.report(done / total)
        if not statistics.cells:
            negative = f" {statistics.negative:,} cells have negative rain." if statistics.negative else ""
            raise TooFewData(
                "No cell has a safety factor: REFERENCE, PRECIPITATION and TOPOGRAPHY have no cell with "
                f"data in common. Look at them in QGIS for the one without.{negative}"
            )
    if not single_class and fallback is not None and fallback.cells:
        statistics.classes.append(fallback)
    return statistics


def _update_statistics(
    statistics: SafetyStatistics,
    window: RainfallBlock,
    factor: np.ndarray,
    table: Sequence[ClassCoefficient | None],
    single_class: bool,
) -> None:
    cells_with_rain = np.isfinite(window.rainfall)
    valid = np.isfinite(factor)
    statistics.negative += window.negative
    statistics.cells_with_rain += int(cells_with_rain.sum())
    statistics.outside_climate += int((cells_with_rain & ~window.in_zone).sum())
    statistics.cells += int(valid.sum())
    if not single_class:
        statistics.without_class += int((cells_with_rain & (window.classes < 0)).sum())
    if cells_with_rain.any():
        statistics.minimum = min(statistics.minimum, float(window.rainfall[cells_with_rain].min()))
        statistics.maximum = max(statistics.maximum, float(window.rainfall[cells_with_rain].max()))
    numbers = np.where(window.classes < 0, len(table) - 1, window.classes)
    cells = np.bincount(numbers[valid], minlength=len(table))
    warned = np.bincount(numbers[valid & (factor < CRITICAL_SAFETY_FACTOR)], minlength=len(table))
    if single_class:
        cells, warned = [cells.sum()], [warned.sum()]
    for one, number, low in zip(table, cells, warned):
        if one is not None:
            one.cells += int(number)
            one.warned += int(low)
