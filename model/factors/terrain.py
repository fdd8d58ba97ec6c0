"""Factors of a DEM in one pass: slope, curvature, aspect and those of the land around; in metres on any grid."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import rasterio

from ..errors import GridUnsupported, ParameterInvalid
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..inputs.units import NO_CONVERSION, Conversion
from .definitions import (
    CELL_TERRAIN,
    FACTORS,
    TERRAIN_FACTORS,
    WINDOW_TERRAIN,
    FactorDefinition,
    FactorReader,
    window_definition,
)
from .settings import HORN, SLOPE_METHODS
from .source_rasters import SourceRaster, open_source
from .terrain_windows import Window, WindowFactors, curvature_step

STRIP_CELLS = 1 << 14
"""Cells processed at once: small enough for the ten or so float64 arrays of the formulas to stay in the cache."""
MIN_LAND_ELEVATION = -9000.0  # lower elevations are undeclared nodata
TAN_22_5 = math.sqrt(2) - 1
CURVATURES = {"profile_curvature", "tangential_curvature", "curvature"}
LOCAL_FACTORS = ("slope", "aspect", "northness", "eastness", *sorted(CURVATURES))
"""Factors of a cell and its eight neighbours."""
NEIGHBOURS = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]


# Class by the four comparisons in ``_aspect``, of which north is the lowest bit: level with a compass direction, mainly
# east or west, mainly north or south, and between two directions.
ASPECT_LOOKUP = np.array([8, 8, 4, 4, 6, 2, 6, 2, *(7, 9, 5, 3) * 2], dtype=np.float32)


class TerrainFactors(FactorReader):
    """The terrain factors of one DEM, block by block."""

    def __init__(
        self,
        dem: rasterio.DatasetReader,
        grid: Grid,
        method: str = HORN,
        conversion: Conversion = NO_CONVERSION,
        groups: Sequence[str] = (),
        windows: Sequence[Window] = (),
    ) -> None:
        """Check the DEM, whose elevations a conversion brings to metres, and the method for slope and aspect.

        Horn (1981), as ArcGIS and gdaldem, or Zevenbergen & Thorne (1987), which curvatures always use. ``groups`` of
        further factors are those of ``CELL_TERRAIN`` and, in each of the windows, of ``WINDOW_TERRAIN``. Raises
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
        self._windows = None
        in_windows = [group for group in WINDOW_TERRAIN if group in groups]
        if in_windows and windows:
            self._windows = WindowFactors(windows, in_windows, curvature_step(grid))
        self._names = [definition.name for definition in terrain_definitions(groups, windows)]
        self._by_group = {group: [window_definition(group, one.metres).name for one in windows] for group in in_windows}

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, source: SourceRaster, grid: Grid, method: str, groups: Sequence[str] = (), windows: Sequence[Window] = ()
    ) -> Iterator[TerrainFactors]:
        """Open a DEM that was scanned."""
        with open_source(source) as dataset:
            yield cls(dataset, grid, method, source.conversion, groups, windows)

    def read(self, block: Block) -> np.ndarray:
        """Return slope, profile curvature, aspect and the further factors of a block.

        Slope and aspect at the border and beside nodata equal those of ``gdaldem -compute_edges``: a row or column
        outside extrapolates the last two, and a neighbour without data is level with the cell. Only the four corners of
        a grid in degrees differ: they extrapolate in both directions. Curvatures mirror the opposite neighbour about
        the cell instead, as SAGA does.

        Returns:
            float32 array of shape (factors, height, width), in the order of :func:`terrain_definitions`: slope in
            degrees, profile curvature in 1/m (convex positive, 0 where flat), aspect as class codes 1 to 9, and so on;
            NaN where the DEM has no data.
        """
        halo = self._windows.halo if self._windows else 0
        outer = block.padded(halo)
        window = self._conversion.apply(read_block(self._dem, outer.padded(1)))
        near = window[halo : halo + block.height + 2, halo : halo + block.width + 2]
        lowest = float(np.fmin.reduce(near, axis=None, initial=np.inf))
        self.elevation_range = lowest, float(np.fmax.reduce(near, axis=None, initial=-np.inf))
        self.undeclared_nodata = lowest if lowest < MIN_LAND_ELEVATION else math.inf
        result = np.empty((len(self._names), *block.shape), dtype=np.float32)
        bands = dict(zip(self._names, result))
        elevation = window[1:-1, 1:-1]
        if "elevation" in bands:
            bands["elevation"][:] = elevation[halo : halo + block.height, halo : halo + block.width]
        inside = slice(halo, halo + block.height), slice(halo, halo + block.width)
        around: dict[str, np.ndarray] = {}
        if self._windows and self._windows.needs_slope:
            around["slope"] = np.full(outer.shape, np.nan, dtype=np.float32)
        if self._windows and self._windows.needs_curvature:
            around["curvature"] = np.full(outer.shape, np.nan, dtype=np.float32)
        wanted = {name: bands[name] for name in LOCAL_FACTORS if name in bands}
        own = {**wanted, **{name: array[inside] for name, array in around.items()}}
        filled = self._extrapolated(window, outer)
        self._fill(outer, window, filled, inside, own)
        if around:
            for frame in _frames(outer, halo, self._grid):
                self._fill(outer, window, filled, frame, {name: array[frame] for name, array in around.items()})
        for name in around.keys() & wanted.keys():
            wanted[name][:] = own[name]
        if self._windows:
            out = {group: [bands[name] for name in names] for group, names in self._by_group.items()}
            self._windows.fill(block.row, elevation, around.get("slope"), around.get("curvature"), out)
        return result

    def _extrapolated(self, window: np.ndarray, outer: Block) -> np.ndarray:
        """Return elevations with the rows and columns just outside the grid, of ``outer`` and a border of one cell."""
        grid = self._grid
        top, left = -outer.row, -outer.column  # indices of those rows and columns in the window
        bottom, right = grid.height - outer.row + 1, grid.width - outer.column + 1
        height, width = window.shape
        if not any(0 <= row < height for row in (top, bottom)) and not any(0 <= one < width for one in (left, right)):
            return window
        filled = window.copy()
        for outside, of_columns, step in ((left, True, 1), (right, True, -1), (top, False, 1), (bottom, False, -1)):
            border = filled.T if of_columns else filled
            if 0 <= outside < len(border):
                border[outside] = 2 * border[outside + step] - border[outside + 2 * step]
        return filled

    def _fill(
        self,
        outer: Block,
        window: np.ndarray,
        filled: np.ndarray,
        cells: tuple[slice, slice],
        out: Mapping[str, np.ndarray],
    ) -> None:
        """Fill the factors of some cells of ``outer``, whose elevations have a border of one cell."""
        rows, columns = cells
        with_border = slice(rows.start, rows.stop + 2), slice(columns.start, columns.stop + 2)
        width, height = self._grid.spacing(outer.row + rows.start, rows.stop - rows.start)
        terrain_derivatives(window[with_border], filled[with_border], width, height, out, self._method)
        if self._grid.is_geographic:
            return
        # In a corner gdaldem extrapolates along the column and repeats the outer column, which halves the gradient
        # across. Match gdaldem on projected grids; on geographic grids extrapolate in both directions.
        for row in {-outer.row, self._grid.height - 1 - outer.row}:
            for column, side in ((-outer.column, 0), (self._grid.width - 1 - outer.column, 2)):
                if rows.start <= row < rows.stop and columns.start <= column < columns.stop:
                    square = slice(row, row + 3), slice(column, column + 3)
                    corner = filled[square].copy()
                    corner[:, side] = corner[:, 1]
                    here = slice(row - rows.start, row - rows.start + 1), slice(column - columns.start, None)
                    at = {name: array[here][:, :1] for name, array in out.items()}
                    size = width[here[0]], height[here[0]]
                    terrain_derivatives(window[square], corner, *size, at, self._method)


def _frames(outer: Block, halo: int, grid: Grid) -> Iterator[tuple[slice, slice]]:
    """Give the four sides around a block of which ``outer`` has ``halo`` cells, as far as they lie in the grid."""
    first_row, first_column = max(0, -outer.row), max(0, -outer.column)
    last_row = min(outer.height, grid.height - outer.row)
    last_column = min(outer.width, grid.width - outer.column)
    bottom, right = outer.height - halo, outer.width - halo
    columns = slice(first_column, last_column)
    sides = (
        (slice(first_row, halo), columns),
        (slice(bottom, last_row), columns),
        (slice(halo, min(bottom, last_row)), slice(first_column, halo)),
        (slice(halo, min(bottom, last_row)), slice(right, last_column)),
    )
    yield from (side for side in sides if side[0].start < side[0].stop and side[1].start < side[1].stop)


def terrain_definitions(groups: Sequence[str], windows: Sequence[Window]) -> list[FactorDefinition]:
    """Return the terrain factors in the order of the bands: the three of the paper, then those of the groups."""
    found = [FACTORS[name] for name in TERRAIN_FACTORS]
    found += [one for group, definitions in CELL_TERRAIN.items() if group in groups for one in definitions]
    return found + [
        window_definition(group, one.metres) for group in WINDOW_TERRAIN if group in groups for one in windows
    ]


def terrain_derivatives(
    elevation: np.ndarray,
    filled: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
    out: Mapping[str, np.ndarray],
    method: str = HORN,
) -> None:
    """Fill factors of single cells, as :class:`TerrainFactors` does.

    Args:
        elevation: in metres, shape (rows + 2, columns + 2), with a border of one cell; NaN at nodata and outside.
        filled: the same with extrapolated cells outside, for slope and aspect; ``elevation`` itself is allowed.
        width: cell width in metres of each row without the border, shape (rows,); ``height`` likewise.
        out: float32 arrays of shape (rows, columns) by name, some of :data:`LOCAL_FACTORS`.
        method: as in :class:`TerrainFactors`.
    """
    rows, columns = elevation.shape[0] - 2, elevation.shape[1] - 2
    strip = max(1, STRIP_CELLS // columns)
    curved, sloped = CURVATURES & out.keys(), out.keys() - CURVATURES
    for first in range(0, rows, strip):
        last = min(first + strip, rows)
        part = {name: array[first:last] for name, array in out.items()}
        widths, heights = width[first:last, None], height[first:last, None]
        # float64, because curvature is a difference of differences of nearly equal elevations.
        z = elevation[first : last + 2].astype(np.float64)
        missing = np.isnan(z)
        if not missing.any():
            neighbours = _NeighbourDifferences(z)
            if sloped:
                _slope_and_aspect(neighbours, widths, heights, method, part)
            if curved:
                _curvatures(neighbours, widths, heights, part)
            continue
        if sloped:
            level = filled[first : last + 2].astype(np.float64)
            _slope_and_aspect(_NeighbourDifferences(level, "level"), widths, heights, method, part)
        if curved:
            _curvatures(_NeighbourDifferences(z, "mirrored"), widths, heights, part)
        for array in part.values():
            array[missing[1:-1, 1:-1]] = np.nan


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
    around: _NeighbourDifferences, width: np.ndarray, height: np.ndarray, method: str, out: Mapping[str, np.ndarray]
) -> None:
    """Fill slopes in degrees, aspect classes, and the parts of the downhill direction to the north and to the east."""
    if method == HORN:
        east = (around.east_above + 2 * around.east + around.east_below) / (8 * width)
        north = (around.south_left + 2 * around.south + around.south_right) / (-8 * height)
    else:
        east, north = around.east / (2 * width), around.south / (-2 * height)
    square = east * east
    square += north * north
    np.sqrt(square, out=square)
    if "northness" in out:
        # 0 where the land is flat and faces nowhere.
        steep = np.where(square > 0, square, -np.inf)
        for name, uphill in (("northness", north), ("eastness", east)):
            np.divide(uphill, -steep, out=out[name], casting="same_kind")
    if "slope" in out:
        np.arctan(square, out=square)
        np.multiply(square, 180 / math.pi, out=out["slope"], casting="same_kind")
    if "aspect" in out:
        _aspect(east, north, out["aspect"])


def _curvatures(
    around: _NeighbourDifferences, width: np.ndarray, height: np.ndarray, out: Mapping[str, np.ndarray]
) -> None:
    """Fill curvatures in 1/m, convex positive, by the derivatives of Zevenbergen & Thorne (1987).

    Profile: −(p²r + 2pqs + q²t) / ((p² + q²)(1 + p² + q²)^1.5). Tangential: −(q²r − 2pqs + p²t) /
    ((p² + q²)(1 + p² + q²)^0.5), which is plan curvature × sine of the slope. Curvature: −(r + t).
    """
    r = around.second_difference_east / (width * width)
    t = around.second_difference_south / (height * height)
    if "curvature" in out:
        np.subtract(-r, t, out=out["curvature"], casting="same_kind")
    if "profile_curvature" not in out:
        return
    p = around.east / (2 * width)
    q = around.south / (-2 * height)
    s = (around.east_above - around.east_below) / (4 * width * height)
    numerator = p * q
    numerator *= s
    numerator *= 2
    np.square(p, out=p)
    np.square(q, out=q)
    across = q * r + p * t - numerator if "tangential_curvature" in out else None
    r *= p
    t *= q
    numerator += r
    numerator += t
    p += q
    flat = p == 0
    p[flat] = 1
    np.add(p, 1, out=q)
    if across is not None:
        across /= p
        across[flat] = 0
    p *= q
    root = np.sqrt(q, out=q)
    p *= root
    np.divide(numerator, p, out=numerator)
    numerator[flat] = 0
    np.negative(numerator, out=out["profile_curvature"], casting="same_kind")
    if across is not None:
        np.divide(across, -root, out=out["tangential_curvature"], casting="same_kind")


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
