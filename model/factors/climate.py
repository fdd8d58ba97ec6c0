"""Precipitation, temperature and other measured values, from rasters in any CRS or from weather stations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from scipy.interpolate import RBFInterpolator

from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..inputs.undeclared_nodata import NO_LIMITS, described_sentinels, isolated_sentinels
from ..inputs.units import AUTO, PLAUSIBLE, PRECIPITATION, TEMPERATURE, Conversion, find_conversion
from ..progress import Progress
from .definitions import FactorReader
from .settings import StationPoints
from .source_rasters import SourceRaster, open_source, warped_view

TOLERANCE = 0.0001
"""Largest error of the transformation between grids, in cells of the input. GDAL's own 0.125 would be two kilometres
on a climate raster of 10 arc-minutes."""
LATTICE_STEP = 8  # cells between the points at which stations are interpolated exactly; bilinear in between
MAX_GLOBAL_STATIONS = 4000  # with more stations, only the nearest ``NEIGHBOURS`` determine a value
NEIGHBOURS = 64
_WRITTEN_UNITS = {
    PRECIPITATION: {AUTO: "mm", "mm": "mm", "cm": "cm", "m": "m", "inch": "in"},
    TEMPERATURE: {AUTO: "°C", "celsius": "°C", "kelvin": "K", "fahrenheit": "°F"},
}
"""What may stand behind the numbers of stations in a unit, a key of ``written_numbers.UNITS``."""


class ContinuousRaster(FactorReader):
    """A raster of measured values on the study grid: bilinear, in single precision, without half-cell shift."""

    def __init__(self, view: WarpedVRT, conversion: Conversion) -> None:
        self._view, self._conversion = view, conversion

    @classmethod
    @contextlib.contextmanager
    def open(cls, source: SourceRaster, grid: Grid) -> Iterator[ContinuousRaster]:
        """Open a raster in any CRS that was scanned.

        A coarse raster is interpolated between its cell centres; a finer one is averaged over the cell. Cells without
        data are ignored, and cells of the grid that the raster does not cover become NaN.

        Raises:
            InputMissing, InputCorrupt: it cannot be used.
        """
        how = source.role, Resampling.bilinear, TOLERANCE
        with open_source(source) as dataset, warped_view(dataset, grid, *how) as view:
            yield cls(view, source.conversion)

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32 of shape (height, width), NaN where the raster has none."""
        return self._conversion.apply(read_block(self._view, block))


class StationSurface(FactorReader):
    """A surface through the values of stations, by SciPy's radial basis functions.

    A linear kernel with a constant, equal to ordinary kriging with a linear variogram: it passes through every station,
    hardly overshoots, and levels off beyond them.
    """

    def __init__(self, stations: StationPoints, grid: Grid, role: str, progress: Progress, unit: str = AUTO) -> None:
        """Fit the surface to stations in the grid's CRS; ``role`` is the factor that is measured, in that unit.

        Values that stand for no data without being declared are left out, with a warning.

        Raises:
            FieldUnusable: the field is missing, or holds text that is no number.
            TooFewData: fewer than three stations with a value.
        """
        points = stations.points
        layer = f'The layer "{points.name}" ({role})'
        conversion, note, _ = find_conversion(role if role in PLAUSIBLE else "", unit, "", layer)
        if note:
            progress.report(0, note)
        values = points.numbers(stations.field, progress, _WRITTEN_UNITS.get(role, {}).get(unit, ""))
        limits = sorted(conversion.invert(limit) for limit in PLAUSIBLE.get(role, NO_LIMITS))
        undeclared = isolated_sentinels(values, (limits[0], limits[1]))
        if undeclared:
            found = described_sentinels(undeclared, "stations")
            progress.warn(
                f'The field "{stations.field}" of the layer "{points.name}" ({role}) holds {found}. They are left out.'
            )
            values[np.isin(values.astype(np.float32), np.array(list(undeclared), dtype=np.float32))] = np.nan
        # A value beyond single precision, in which factors are stored, is none.
        usable = (np.abs(values) < np.finfo(np.float32).max) & np.isfinite(points.xy).all(axis=1)
        if not usable.all():
            empty = f'{np.count_nonzero(~usable)} stations of the layer "{points.name}" ({role}) have no value'
            progress.warn(f'{empty} in the field "{stations.field}" and are left out.')
        # Metres at the middle of the grid; one scale is enough, as only the weights of stations depend on it.
        self._grid = grid
        width, height = grid.spacing(grid.height // 2, 1)
        self._size = np.array([width[0], height[0]])
        cells = np.stack(~grid.transform * points.xy[usable].T, axis=1) * self._size
        places, owner, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        if len(places) < 3:
            number = f"{len(places)} place{'' if len(places) == 1 else 's'}"
            raise TooFewData(
                f'The layer "{points.name}" ({role}) has stations with a value at {number}; at least 3 '
                "are needed to interpolate. Add stations, or give a raster."
            )
        means = np.bincount(owner.reshape(-1), conversion.apply(values[usable])) / count
        if (count > 1).any():
            twice = f'{int((count - 1).sum())} stations of the layer "{points.name}" ({role}) coincide'
            progress.warn(f"{twice} with another one; their mean is taken.")
        neighbours = NEIGHBOURS if len(places) > MAX_GLOBAL_STATIONS else None
        self._surface = RBFInterpolator(places, means, kernel="linear", degree=0, neighbors=neighbours)
        self.count = len(places)

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32 of shape (height, width)."""
        # The lattice belongs to the grid, not to the block, so that blocks join without a seam.
        rows, row_share = _lattice(block.row, block.height)
        columns, column_share = _lattice(block.column, block.width)
        x, y = np.meshgrid((columns * LATTICE_STEP + 0.5) * self._size[0], (rows * LATTICE_STEP + 0.5) * self._size[1])
        nodes = self._surface(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
        index, share = row_share
        bands = nodes[index] * (1 - share)[:, None] + nodes[index + 1] * share[:, None]
        index, share = column_share
        return (bands[:, index] * (1 - share) + bands[:, index + 1] * share).astype(np.float32)


def _lattice(first: int, count: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the lattice lines around some cells, and for each cell the index of the line before it and its weight."""
    cells = np.arange(first, first + count)
    before = cells // LATTICE_STEP
    lines = np.arange(before[0], before[-1] + 2)
    return lines, (before - before[0], (cells % LATTICE_STEP) / LATTICE_STEP)
