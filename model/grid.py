"""The study grid: one CRS, origin, cell size and shape for all rasters, with distances in metres on the ground."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from .errors import CrsMissing, GridMismatch, GridUnsupported
from .inputs.rasters import GDAL_ERRORS, north_up_transform, open_raster, raster_path
from .progress import Progress, stop_if_cancelled

BLOCK = 1024  # side of a block in cells: ten float32 bands of it take 40 MB
MAX_CELLS_PER_SIDE = 40_000_000  # the Earth's circumference in cells of 1 m
_CELL_SIZE_RANGE, _MAX_COORDINATE = (1e-12, 1e9), 1e12  # plausible ones, in map units of any kind
_COORDINATE_RESOLUTION = 1e-13  # smallest cell size relative to the coordinates: float64 holds about 16 digits


@dataclass(frozen=True)
class Block:
    """A rectangle of cells: first row and column, and size."""

    row: int
    column: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def window(self) -> rasterio.windows.Window:
        """The same rectangle for rasterio."""
        return rasterio.windows.Window(self.column, self.row, self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The same rectangle as index into an array of the whole grid."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)

    def padded(self, halo: int) -> Block:
        """Return the block with ``halo`` more cells on every side; it may extend beyond the grid."""
        return Block(self.row - halo, self.column - halo, self.height + 2 * halo, self.width + 2 * halo)

    def locate(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return the indices of those cells of the grid that lie in the block, and their rows and columns in it."""
        row, column = row - self.row, column - self.column
        here = np.flatnonzero((row >= 0) & (row < self.height) & (column >= 0) & (column < self.width))
        return here, (row[here], column[here])


@dataclass(frozen=True)
class Grid:
    """A north-up raster grid."""

    crs: CRS
    transform: Affine
    width: int
    height: int

    @classmethod
    def from_dataset(cls, dataset: rasterio.DatasetReader, role: str) -> Grid:
        """Return the grid of an open raster; ``role`` is what it is in this run, for messages.

        Raises:
            CrsMissing: it has no CRS, or a local one.
            GridUnsupported: it is rotated or sheared, empty, has no place, or its geotransform is implausible.
        """
        require_crs(dataset, role)
        name = f"The {role} raster {raster_path(dataset)}"
        transform = north_up_transform(dataset)
        if transform is None:
            warp = "Make it north-up with Raster > Projections > Warp (reproject)."
            raise GridUnsupported(f"{name} is rotated or sheared. {warp}")
        if dataset.transform.is_identity:
            raise GridUnsupported(
                f"{name} states a coordinate reference system but not where its cells lie. Place it on the map with "
                "Layer > Georeferencer, or give it its world file back."
            )
        if dataset.width < 1 or dataset.height < 1:
            raise GridUnsupported(f"{name} has no cells.")
        grid = cls(dataset.crs, transform, dataset.width, dataset.height)
        _check_transform(grid, name)
        if grid.is_geographic:
            _check_degrees(grid, name)
        return grid

    @classmethod
    def from_file(cls, path: str | os.PathLike, role: str) -> Grid:
        """Return the grid of a raster file; errors as in :meth:`from_dataset` and ``open_raster``."""
        with open_raster(path, role) as dataset:
            return cls.from_dataset(dataset, role)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def whole(self) -> Block:
        """All cells as one block."""
        return Block(0, 0, self.height, self.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in map units."""
        t = self.transform
        return t.c, t.f + t.e * self.height, t.c + t.a * self.width, t.f

    def buffered_bounds(self, metres: float) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top in map units of the grid and a buffer around it.

        On a geographic grid the smallest cell gives the length of a degree, so that no distance is underestimated.
        """
        left, bottom, right, top = self.bounds
        width, height = (float(size.min()) for size in self.spacing())
        x, y = metres * abs(self.transform.a) / width, metres * abs(self.transform.e) / height
        return left - x, bottom - y, right + x, top + y

    @property
    def is_geographic(self) -> bool:
        """Whether map units are degrees."""
        return bool(self.crs.is_geographic)

    def blocks(self, side: int = BLOCK) -> Iterator[Block]:
        """Iterate over the grid in blocks of at most ``side`` × ``side`` cells, row by row."""
        for row in range(0, self.height, side):
            for column in range(0, self.width, side):
                yield Block(row, column, min(side, self.height - row), min(side, self.width - column))

    def blocks_with_progress(self, progress: Progress) -> Iterator[Block]:
        """Iterate over the blocks, check for cancellation before each and report the share done after it."""
        total = self.block_count()
        for done, block in enumerate(self.blocks(), 1):
            stop_if_cancelled(progress)
            yield block
            progress.report(done / total)

    def block_count(self, side: int = BLOCK) -> int:
        """Return how many blocks :meth:`blocks` gives."""
        return math.ceil(self.height / side) * math.ceil(self.width / side)

    def block_transform(self, block: Block) -> Affine:
        """Return the affine transform of a block."""
        return self.transform * Affine.translation(block.column, block.row)

    def spacing(self, first_row: int = 0, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return cell width and cell height in metres for each row, float64, shape (rows,).

        On a geographic grid one degree is M(φ)·π/180 m north and N(φ)·cos φ·π/180 m east on the ellipsoid of the
        CRS, with φ the latitude of the row's centre. Rows outside the grid are allowed (a halo).
        """
        rows = self.height if rows is None else rows
        width, height = abs(self.transform.a), abs(self.transform.e)
        if not self.is_geographic:
            factor = metres_per_unit(self.crs)
            return np.full(rows, width * factor), np.full(rows, height * factor)
        latitude = np.radians(self.transform.f + self.transform.e * (first_row + np.arange(rows) + 0.5))
        east, north = metres_per_degree(np.clip(latitude, -math.pi / 2, math.pi / 2), self.crs)
        return width * np.maximum(east, 1e-6), height * north

    def cell_area(self, first_row: int = 0, rows: int | None = None) -> np.ndarray:
        """Return the area of a cell of each row in square metres, float64, shape (rows,)."""
        width, height = self.spacing(first_row, rows)
        return width * height

    def cell_size(self) -> float:
        """Return the mean of cell width and height in the middle row, in metres."""
        width, height = self.spacing(self.height // 2, 1)
        return float(width[0] + height[0]) / 2

    def scale_factor(self, block: Block | None = None) -> float:
        """Return the map scale factor in the middle of a block, or of the grid: map metres per metre on the ground.

        It is 1 on degrees.

        UTM stays within a thousandth in its zone; web Mercator gives 2 at a latitude of 60 degrees.
        """
        if self.is_geographic:
            return 1.0
        block = block or self.whole
        column, row = block.column + block.width / 2, block.row + block.height / 2
        xs, ys = zip(*(self.transform * cell for cell in ((column, row), (column + 1, row), (column, row + 1))))
        try:
            longitude, latitude = (np.radians(np.array(one)) for one in transform(self.crs, "EPSG:4326", xs, ys))
        except GDAL_ERRORS:
            return 1.0
        if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
            return 1.0
        east, north = (one[0] for one in metres_per_degree(latitude, CRS.from_epsg(4326)))
        steps = np.degrees(np.stack([longitude[1:] - longitude[0], latitude[1:] - latitude[0]]))
        ground = np.hypot(steps[0] * east, steps[1] * north)
        width, height = self.spacing(int(row), 1)
        return float(np.sqrt(width[0] * height[0] / (ground[0] * ground[1])))

    def cell_indices(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, column and whether inside, for map coordinates of shape (points, 2)."""
        columns, rows = ~self.transform * (xy[:, 0], xy[:, 1])
        with np.errstate(invalid="ignore"):
            inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        row, column = (np.floor(np.where(inside, index, 0)).astype(np.int64) for index in (rows, columns))
        return row, column, inside

    def require_same(self, other: Grid, mine: str, theirs: str) -> None:
        """Check that another raster lies on this grid, to a hundredth of a cell; two texts name them in the message.

        Raises:
            GridMismatch: CRS, size, cell size or origin differ; the message says which.
        """
        differences = []
        if self.crs != other.crs:
            differences.append(f"CRS {_crs_name(self.crs)} against {_crs_name(other.crs)}")
        if self.shape != other.shape:
            differences.append(f"{self.width} × {self.height} cells against {other.width} × {other.height}")
        a, b = self.transform, other.transform
        if abs(a.a - b.a) * self.width > abs(a.a) / 100 or abs(a.e - b.e) * self.height > abs(a.e) / 100:
            differences.append(f"cell size {a.a:g} × {-a.e:g} against {b.a:g} × {-b.e:g}")
        if abs(a.c - b.c) > abs(a.a) / 100 or abs(a.f - b.f) > abs(a.e) / 100:
            differences.append(f"upper left corner {a.c:.10g}, {a.f:.10g} against {b.c:.10g}, {b.f:.10g}")
        if differences:
            raise GridMismatch(
                f"The {mine} and the {theirs} are not on the same grid: {'; '.join(differences)}. "
                f"Make the {theirs} with the {mine} as its reference."
            )


def require_crs(dataset: rasterio.DatasetReader, role: str) -> None:
    """Raise :class:`CrsMissing` if a raster has no CRS, or a local one that cannot be transformed."""
    if not dataset.crs and dataset.gcps[0]:
        problem = "is placed by ground control points alone"
        remedy = "Turn it into a north-up raster with Raster > Projections > Warp (reproject)."
    elif not dataset.crs:
        problem = "has no coordinate reference system"
        remedy = (
            "Set it for the layer in QGIS (Layer > Set CRS of Layer) and choose that layer; or save the raster as a "
            "GeoTIFF with its CRS (Export > Save As)."
        )
    elif not (dataset.crs.is_geographic or dataset.crs.is_projected):
        problem = "has a local coordinate reference system, which cannot be transformed into any other"
        remedy = "Save it as a GeoTIFF in the CRS that it was surveyed in (Export > Save As)."
    else:
        return
    raise CrsMissing(f"The {role} raster {raster_path(dataset)} {problem}. {remedy}")


def metres_per_degree(latitude: np.ndarray, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Return metres per degree of longitude and of latitude on the ellipsoid of a geographic CRS, float64.

    Latitudes are in radians; both results have their shape.
    """
    semi_major, flattening = ellipsoid(crs)
    eccentricity2 = flattening * (2 - flattening)
    w2 = 1 - eccentricity2 * np.sin(latitude) ** 2
    meridian = semi_major * (1 - eccentricity2) / w2**1.5
    normal = semi_major / np.sqrt(w2)
    return normal * np.cos(latitude) * math.pi / 180, meridian * math.pi / 180


def ellipsoid(crs: CRS) -> tuple[float, float]:
    """Return semi-major axis in metres and flattening of a CRS's ellipsoid, WGS 84's when it states none."""
    found = re.search(r'(?:ELLIPSOID|SPHEROID)\["[^"]*",\s*([0-9.eE+]+)\s*,\s*([0-9.eE+]+)', crs.to_wkt())
    if not found:
        return 6378137.0, 1 / 298.257223563
    inverse = float(found.group(2))
    return float(found.group(1)), 1 / inverse if inverse else 0.0


def _check_transform(grid: Grid, name: str) -> None:
    """Refuse a geotransform as only a damaged header has it; areas and distances would not be finite."""
    a, _, c, _, e, f = grid.transform[:6]
    side, farthest = max(grid.shape), abs(c) + abs(f)
    low, high = max(_CELL_SIZE_RANGE[0], farthest * _COORDINATE_RESOLUTION), _CELL_SIZE_RANGE[1]
    # Comparisons with NaN are false.
    if not (low < abs(a) < high and low < abs(e) < high and farthest < _MAX_COORDINATE and side <= MAX_CELLS_PER_SIDE):
        raise GridUnsupported(
            f"{name} has {side:,} cells along a side, of {a:g} × {abs(e):g} map units, with its corner at {c:g}, "
            f"{f:g}. No map is like that: is the file damaged? Make it again."
        )


def _check_degrees(grid: Grid, name: str) -> None:
    """Refuse coordinates that are not degrees; rasters of the whole Earth may extend a cell beyond it."""
    left, bottom, right, top = grid.bounds
    wide, tall = grid.transform.a, -grid.transform.e
    latitudes = -90 - tall <= bottom and top <= 90 + tall
    if not (latitudes and left >= -2 * 360 and right <= 2 * 360 and right - left <= 360 + 2 * wide):
        raise GridUnsupported(
            f"{name} has a coordinate reference system in degrees, but reaches from {left:.10g} to "
            f"{right:.10g} in longitude and from {bottom:.10g} to {top:.10g} in latitude. If its "
            "coordinates are metres, save it as a GeoTIFF with the right system (Export > Save As)."
        )


def metres_per_unit(crs: CRS) -> float:
    """Return metres per unit of length of a projected CRS; 1 if it states none."""
    try:
        return float(crs.linear_units_factor[1])
    except (rasterio.errors.CRSError, TypeError, ValueError):
        return 1.0


def _crs_name(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.to_string()[:60]
