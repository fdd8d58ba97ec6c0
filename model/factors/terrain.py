"""Slope, profile curvature and aspect of a DEM in one pass, with distances in metres on any north-up grid."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
import rasterio

from ..errors import GridUnsupported, ParameterInvalid
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..inputs.units import NO_CONVERSION, Conversion
from .definitions import FactorReader
from .settings import HORN, SLOPE_METHODS
from .source_rasters import SourceRaster, open_source

STRIP_CELLS = 1 << 14
"""Cells processed at once: small enough for the ten or so float64 arrays of the formulas to stay in the cache."""
MIN_LAND_ELEVATION = -9000.0  # lower elevations are undeclared nodata
TAN_22_5 = math.sqrt(2) - 1
NEIGHBOURS = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]


# Class by the four comparisons in ``_aspect``, of which north is the lowest bit: level with a compass direction, mainly
# east or west, mainly north or south, and between two directions.
ASPECT_LOOKUP = np.array([8, 8, 4, 4, 6, 2, 6, 2, *(7, 9, 5, 3) * 2], dtype=np.float32)


class TerrainFactors(FactorReader):
    """The three terrain factors of one DEM, block by block."""

    def __init__(
        self, dem: rasterio.DatasetReader, grid: Grid, method: str = HORN, conversion: Conversion = NO_CONVERSION
    ) -> None:
        """Check the DEM, whose elevations a conversion brings to metres, and the method for slope and aspect.

        Horn (1981), as ArcGIS and gdaldem, or Zevenbergen & Thorne (1987), which profile curvature always uses. Raises
        ``ParameterInvalid`` if the method is unknown; ``GridUnsupported`` if the grid has fewer than two rows or
        columns, so no slope.
        """
        if method not in SLOPE_METHODS:
            methods = ", ".join(SLOPE_METHODS)
            raise ParameterInvalid(f'The slope method "{method}" is unknown. Choose one of: {methods}.')
        if min(grid.shape) < 2:
            cells = f"The DEM {dem.name} has {grid.width} × {grid.height} cells"
            raise GridUnsupported(f"{cells}. Slopes need at least two rows and two columns. Give a larger DEM.")
        self._dem, self._grid, self._method, self._conversion = dem, grid, method, conversion

    @classmethod
    @contextlib.contextmanager
    def open(cls, source: SourceRaster, grid: Grid, method: str) -> Iterator[TerrainFactors]:
        """Open a DEM that was scanned."""
        with open_source(source) as dataset:
            yield cls(dataset, grid, method, source.conversion)

    def read(self, block: Block) -> np.ndarray:
        """Return slope, profile curvature and aspect of a block.

        Slope and aspect at the border and beside nodata equal those of ``gdaldem -compute_edges``: a row or column
        outside extrapolates the last two, and a neighbour without data is level with the cell. Only the four corners of
        a grid in degrees differ: they extrapolate in both directions. Curvature mirrors the opposite neighbour about
        the cell instead, as SAGA does.

        Returns:
            float32 array of shape (3, height, width): slope in degrees, profile curvature in 1/m (convex positive, 0
            where flat), aspect as class codes 1 to 9; NaN where the DEM has no data.
        """
        window = self._conversion.apply(read_block(self._dem, block.padded(1)))
        lowest = float(np.fmin.reduce(window, axis=None, initial=np.inf))
        self.elevation_range = lowest, float(np.fmax.reduce(window, axis=None, initial=-np.inf))
        self.undeclared_nodata = lowest if lowest < MIN_LAND_ELEVATION else math.inf
        filled, grid = window, self._grid
        top, left = block.row == 0, block.column == 0
        bottom = block.row + block.height == grid.height
        right = block.column + block.width == grid.width
        if top or left or bottom or right:
            filled = window.copy()
        for outside, border in ((left, filled.T), (right, filled.T[::-1]), (top, filled), (bottom, filled[::-1])):
            if outside:
                border[0] = 2 * border[1] - border[2]
        width, height = grid.spacing(block.row, block.height)
        result = terrain_derivatives(window, filled, width, height, self._method)
        if grid.is_geographic:
            return result
        # In a corner gdaldem extrapolates along the column and repeats the outer column, which halves the gradient
        # across. Match gdaldem on projected grids; on geographic grids extrapolate in both directions.
        for at_row, row in ((top, 0), (bottom, block.height - 1)):
            for at_column, column, outer in ((left, 0, 0), (right, block.width - 1, 2)):
                if at_row and at_column:
                    rows, columns = slice(row, row + 3), slice(column, column + 3)
                    corner = filled[rows, columns].copy()
                    corner[:, outer] = corner[:, 1]
                    result[:, row : row + 1, column : column + 1] = terrain_derivatives(
                        window[rows, columns], corner, width[row : row + 1], height[row : row + 1], self._method
                    )
        return result


def terrain_derivatives(
    elevation: np.ndarray, filled: np.ndarray, width: np.ndarray, height: np.ndarray, method: str = HORN
) -> np.ndarray:
    """Return slope, profile curvature and aspect, float32 of shape (3, rows, columns), as :class:`TerrainFactors` does.

    Args:
        elevation: in metres, shape (rows + 2, columns + 2), with a border of one cell; NaN at nodata and outside.
        filled: the same with extrapolated cells outside, for slope and aspect; ``elevation`` itself is allowed.
        width: cell width in metres of each row without the border, shape (rows,); ``height`` likewise.
        method: as in :class:`TerrainFactors`.
    """
    rows, columns = elevation.shape[0] - 2, elevation.shape[1] - 2
    result = np.empty((3, rows, columns), dtype=np.float32)
    strip = max(1, STRIP_CELLS // columns)
    for first in range(0, rows, strip):
        last = min(first + strip, rows)
        out = result[:, first:last]
        widths, heights = width[first:last, None], height[first:last, None]
        # float64, because curvature is a difference of differences of nearly equal elevations.
        z = elevation[first : last + 2].astype(np.float64)
        missing = np.isnan(z)
        if not missing.any():
            neighbours = _NeighbourDifferences(z)
            _slope_and_aspect(neighbours, widths, heights, method, out)
            _profile_curvature(neighbours, widths, heights, out[1])
            continue
        level = filled[first : last + 2].astype(np.float64)
        _slope_and_aspect(_NeighbourDifferences(level, "level"), widths, heights, method, out)
        _profile_curvature(_NeighbourDifferences(z, "mirrored"), widths, heights, out[1])
        out[:, missing[1:-1, 1:-1]] = np.nan
    return result


class _NeighbourDifferences:
    """Differences between the neighbours of each cell: eastward in three rows, southward in three columns."""

    def __init__(self, z: np.ndarray, missing: str = "") -> None:
        """Compute the differences of elevations with a border of one cell, float64, shape (rows + 2, columns + 2).

        ``missing`` is what replaces a neighbour without data: the cell itself (``level``) or the opposite neighbour
        mirrored about the cell (``mirrored``; level where that is missing too); empty if none is missing.
        """
        self.centre = z[1:-1, 1:-1]
        if missing:
            rows, columns = self.centre.shape
            around = [z[row : row + rows, column : column + columns] for row, column in NEIGHBOURS]
            if missing == "mirrored":
                pairs = zip(around, around[::-1])
                around = [np.where(np.isnan(one), 2 * self.centre - opposite, one) for one, opposite in pairs]
            around = [np.where(np.isnan(one), self.centre, one) for one in around]
            z00, z01, z02, z10, z12, z20, z21, z22 = around
            self.east_above, self.east, self.east_below = z02 - z00, z12 - z10, z22 - z20
            self.south_left, self.south, self.south_right = z20 - z00, z21 - z01, z22 - z02
        else:
            z01, z10, z12, z21 = z[:-2, 1:-1], z[1:-1, :-2], z[1:-1, 2:], z[2:, 1:-1]
            eastward = z[:, 2:] - z[:, :-2]
            southward = z[2:] - z[:-2]
            self.east_above, self.east, self.east_below = eastward[:-2], eastward[1:-1], eastward[2:]
            self.south_left, self.south, self.south_right = southward[:, :-2], southward[:, 1:-1], southward[:, 2:]
        self.second_difference_east = (z12 - self.centre) + (z10 - self.centre)
        self.second_difference_south = (z21 - self.centre) + (z01 - self.centre)


def _slope_and_aspect(
    around: _NeighbourDifferences, width: np.ndarray, height: np.ndarray, method: str, out: np.ndarray
) -> None:
    """Fill ``out[0]`` with slopes in degrees and ``out[2]`` with aspect classes."""
    if method == HORN:
        east = (around.east_above + 2 * around.east + around.east_below) / (8 * width)
        north = (around.south_left + 2 * around.south + around.south_right) / (-8 * height)
    else:
        east, north = around.east / (2 * width), around.south / (-2 * height)
    square = east * east
    square += north * north
    np.sqrt(square, out=square)
    np.arctan(square, out=square)
    np.multiply(square, 180 / math.pi, out=out[0], casting="same_kind")
    _aspect(east, north, out[2])


def _profile_curvature(around: _NeighbourDifferences, width: np.ndarray, height: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with −(p²r + 2pqs + q²t) / ((p² + q²)(1 + p² + q²)^1.5) (Zevenbergen & Thorne 1987)."""
    p = around.east / (2 * width)
    q = around.south / (-2 * height)
    r = around.second_difference_east / (width * width)
    t = around.second_difference_south / (height * height)
    s = (around.east_above - around.east_below) / (4 * width * height)
    numerator = p * q
    numerator *= s
    numerator *= 2
    np.square(p, out=p)
    np.square(q, out=q)
    r *= p
    t *= q
    numerator += r
    numerator += t
    p += q
    flat = p == 0
    p[flat] = 1
    np.add(p, 1, out=q)
    p *= q
    p *= np.sqrt(q, out=q)
    np.divide(numerator, p, out=numerator)
    numerator[flat] = 0
    np.negative(numerator, out=out, casting="same_kind")


def _aspect(east: np.ndarray, north: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with the class of the downhill direction, from the uphill gradients to the east and to the north."""
    across, along = np.abs(east), np.abs(north)
    # Two classes meet where the tangent is the irrational √2 − 1, so no exact tie can arise.
    diagonal = (across > TAN_22_5 * along) & (along > TAN_22_5 * across)
    index = np.zeros(east.shape, dtype=np.uint8)
    for bit, condition in enumerate((north < 0, east < 0, along > across, diagonal)):
        index |= condition.view(np.uint8) << np.uint8(bit)
    np.take(ASPECT_LOOKUP, index, out=out)
    out[(east == 0) & (north == 0)] = 1
