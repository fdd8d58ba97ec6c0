"""Which cells lie within the buffer of a landslide, or in the ring around it, window by window.

Distances are metres on the ground. Over a buffer's few hundred metres the ellipsoid is taken as a plane whose cell
width and height are the mean of those at the cell's row and at the landslide's row; on a 1 arc-second grid this is
within a millimetre of the geodesic for radii up to 1 km and latitudes up to 75 degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt

from ..factors.polygons import burn, extents_intersect, polygon_extents
from ..grid import Block, Grid
from ..inputs.vectors import Polygons
from ..progress import Progress, stop_if_cancelled

RADIUS_TOLERANCE = 1e-6
"""Cells by which a radius is widened, so that a centre exactly on the circle counts whatever the rounding."""

MAX_SPANS = 1 << 21
"""Rows of discs that are computed at once; bounds the memory for large inventories."""


class Buffers(Protocol):
    """The landslides of an inventory, seen as cells."""

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a radius and whether within the ring, both bool."""


class PointBuffers:
    """Discs around landslide points."""

    def __init__(self, grid: Grid, xy: np.ndarray, radius: np.ndarray, ring: float) -> None:
        """Prepare the points.

        Args:
            grid: the study grid.
            xy: map coordinates, shape (points, 2); points outside the grid count where they reach into it.
            radius: metres, one a point.
            ring: metres from the point up to which cells outside the radius are in the ring; 0 for none.
        """
        self._grid = grid
        columns = (xy[:, 0] - grid.transform.c) / grid.transform.a
        rows = (xy[:, 1] - grid.transform.f) / grid.transform.e
        # Points far outside would only make the table of cell sizes long; no reach goes past this margin.
        height = grid.spacing(0, grid.height)[1]
        farthest = max(float(radius.max(initial=0.0)), ring)
        margin = math.ceil(farthest / float(height.min()) * 1.01) + 2
        with np.errstate(invalid="ignore"):
            near = (rows >= -margin) & (rows <= grid.height + margin)
        self._row, self._column = rows[near], columns[near]
        self._radius = radius[near].astype(np.float64)
        self._ring = float(ring)
        self._margin = 2 * margin + 2
        self._width, self._height = grid.spacing(-self._margin, grid.height + 2 * self._margin)
        reach = np.maximum(self._radius, self._ring)
        own = np.floor(self._row).astype(np.int64)
        self._rows_reached = np.ceil(reach / self._height.min()) + 1
        far = self._rows_reached.astype(np.int64)
        narrowest = np.minimum(self._width_at(own - far), self._width_at(own + far))
        self._columns_reached = np.ceil(reach / narrowest) + 1

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a radius and whether within the ring, both bool.

        The cell that holds a point is always within, also when its centre is farther than the radius.
        """
        chosen = np.flatnonzero(
            (self._row + self._rows_reached >= block.row)
            & (self._row - self._rows_reached <= block.row + block.height)
            & (self._column + self._columns_reached >= block.column)
            & (self._column - self._columns_reached <= block.column + block.width)
        )
        inside = self._discs(block, chosen, self._radius)
        row = np.floor(self._row[chosen]).astype(np.int64) - block.row
        column = np.floor(self._column[chosen]).astype(np.int64) - block.column
        here = (row >= 0) & (row < block.height) & (column >= 0) & (column < block.width)
        inside[row[here], column[here]] = True
        if not self._ring:
            return inside, np.zeros_like(inside)
        return inside, self._discs(block, chosen, np.full(len(self._radius), self._ring))

    def _discs(self, block: Block, chosen: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Fill discs row by row: a disc is a span of columns in each row, and spans add up along the row."""
        edges = np.zeros(block.height * (block.width + 1), dtype=np.int64)
        for part in self._point_chunks(chosen):
            first = np.maximum(np.floor(self._row[part] - self._rows_reached[part]), block.row).astype(np.int64)
            last = np.minimum(
                np.floor(self._row[part] + self._rows_reached[part]), block.row + block.height - 1
            ).astype(np.int64)
            length = np.maximum(last - first + 1, 0)
            point = np.repeat(part, length)
            if not len(point):
                continue
            row = np.arange(len(point)) - np.repeat(np.cumsum(length) - length - first, length)
            own = np.floor(self._row[point]).astype(np.int64)
            height = (self._height_at(row) + self._height_at(own)) / 2
            width = (self._width_at(row) + self._width_at(own)) / 2
            north = (row + 0.5 - self._row[point]) * height
            half = (radius[point] + RADIUS_TOLERANCE * height) ** 2 - north**2
            crossed = half >= 0
            half = np.sqrt(half[crossed]) / width[crossed]
            centre = self._column[point[crossed]] - 0.5 - block.column
            start = np.clip(np.ceil(centre - half), 0, block.width).astype(np.int64)
            stop = np.clip(np.floor(centre + half) + 1, 0, block.width).astype(np.int64)
            some = start < stop
            line = (row[crossed][some] - block.row) * (block.width + 1)
            edges += np.bincount(line + start[some], minlength=len(edges))
            edges -= np.bincount(line + stop[some], minlength=len(edges))
        return np.cumsum(edges.reshape(block.height, -1), axis=1)[:, :-1] > 0

    def _point_chunks(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        if len(chosen):
            rows = float(2 * self._rows_reached[chosen].max() + 1)
            step = max(int(MAX_SPANS / rows), 1)
            for start in range(0, len(chosen), step):
                yield chosen[start : start + step]

    def _width_at(self, row: np.ndarray) -> np.ndarray:
        return self._width[np.clip(row + self._margin, 0, len(self._width) - 1)]

    def _height_at(self, row: np.ndarray) -> np.ndarray:
        return self._height[np.clip(row + self._margin, 0, len(self._height) - 1)]


class PolygonBuffers:
    """Landslide polygons, and the cells around them when a radius is given.

    A cell is in a polygon when its centre is. A polygon too small to hold a centre gets the cell of a point inside it.
    The buffer is measured from the centres of a polygon's cells.
    """

    def __init__(self, grid: Grid, polygons: Polygons, radius: np.ndarray, ring: float, progress: Progress) -> None:
        """Prepare the polygons; finds the ones without a cell centre.

        Args:
            grid: the study grid.
            polygons: landslides in the CRS of the grid.
            radius: buffer in metres, one a polygon.
            ring: metres from the polygon up to which cells outside the buffer are in the ring; 0 for none.
            progress: asked whether to stop.
        """
        self._grid, self._polygons, self._radius, self._ring = grid, polygons, radius, float(ring)
        self._extent = polygon_extents(grid, polygons)
        self.points = np.array([interior_point(shape) for shape in polygons.geometries]).reshape(-1, 2)
        """A point inside each polygon, map coordinates, shape (polygons, 2)."""
        small = self._polygons_without_centre(progress)
        self.small = len(small)
        """Polygons of the grid that hold no cell centre."""
        self._small = small
        self._small_row, self._small_column, inside = grid.cell_indices(self.points[small])
        self._small_row[~inside] = -1

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a polygon or its buffer and whether within the ring, bool."""
        inside = np.zeros((block.height, block.width), dtype=bool)
        near = np.zeros_like(inside)
        for radius in np.unique(self._radius):
            group = self._radius == radius
            halo, sampling = self._halo(block, max(float(radius), self._ring))
            padded = block.padded(halo)
            core = self._polygon_cells(padded, group)
            if core is None:
                continue
            middle = (slice(halo, halo + block.height), slice(halo, halo + block.width))
            inside |= core[middle]
            if halo:
                distance = distance_transform_edt(~core, sampling=sampling)[middle]
                inside |= distance <= radius + RADIUS_TOLERANCE * sampling[0]
                if self._ring:
                    near |= distance <= self._ring + RADIUS_TOLERANCE * sampling[0]
        return inside, near

    def _polygon_cells(self, block: Block, group: np.ndarray) -> np.ndarray | None:
        """Return the cells of a group's polygons in a block, ``None`` when there are none."""
        chosen = np.flatnonzero(extents_intersect(self._extent, block) & group)
        if not len(chosen):
            return None
        cells = burn(self._grid, block, [self._polygons.geometries[index] for index in chosen])
        here = group[self._small] & (self._small_row >= 0)
        row, column = self._small_row[here] - block.row, self._small_column[here] - block.column
        within = (row >= 0) & (row < block.height) & (column >= 0) & (column < block.width)
        cells[row[within], column[within]] = True
        return cells if cells.any() else None

    def _halo(self, block: Block, reach: float) -> tuple[int, tuple[float, float]]:
        width, height = self._grid.spacing(block.row, block.height)
        sampling = float(height[len(height) // 2]), float(width[len(width) // 2])
        return (math.ceil(reach / min(width.min(), height.min())) + 1 if reach else 0), sampling

    def _polygons_without_centre(self, progress: Progress) -> np.ndarray:
        """Return the numbers of the polygons in the grid that hold no cell centre."""
        grid = self._grid
        whole = Block(0, 0, grid.height, grid.width)
        seen = np.zeros(len(self._polygons) + 1, dtype=bool)
        for block in grid.blocks():
            stop_if_cancelled(progress)
            chosen = np.flatnonzero(extents_intersect(self._extent, block))
            if len(chosen):
                shapes = ((self._polygons.geometries[index], int(index) + 1) for index in chosen)
                numbers = rasterize(
                    shapes,
                    out_shape=(block.height, block.width),
                    fill=0,
                    dtype=np.int32,
                    transform=grid.block_transform(block),
                )
                seen[np.unique(numbers)] = True
        unseen = np.flatnonzero(~seen[1:] & extents_intersect(self._extent, whole))
        # A polygon may also be hidden under another one; each that was not seen is looked at alone.
        empty = []
        for index in unseen:
            stop_if_cancelled(progress)
            top, left, bottom, right = self._extent[index]
            block = Block(
                math.floor(top),
                math.floor(left),
                math.ceil(bottom) - math.floor(top) + 1,
                math.ceil(right) - math.floor(left) + 1,
            )
            small = block.height * block.width <= MAX_SPANS
            if small and not burn(grid, block, [self._polygons.geometries[index]]).any():
                empty.append(index)
        return np.array(empty, dtype=np.int64)


def interior_point(geometry: dict) -> tuple[float, float]:
    """Return a point inside a GeoJSON polygon or multi-polygon: the middle of the widest span of a line across it.

    The line crosses the largest part at half its height, or near it when it would only touch corners there.
    """
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    rings = max(
        ([np.asarray(ring, dtype=float)[:, :2] for ring in part] for part in parts),
        key=lambda part: _ring_area(part[0]),
    )
    low, high = rings[0][:, 1].min(), rings[0][:, 1].max()
    best = (0.0, float(rings[0][0, 0]), float(rings[0][0, 1]))
    for share in (0.5, 0.4871, 0.3173, 0.6871):
        y = low + share * (high - low)
        crossings = np.sort(np.concatenate([_crossings(ring, y) for ring in rings]))
        spans = crossings[1::2] - crossings[::2][: len(crossings) // 2]
        if len(spans):
            widest = int(np.argmax(spans))
            if spans[widest] > best[0]:
                best = float(spans[widest]), float(crossings[2 * widest] + spans[widest] / 2), float(y)
        if best[0] > 0:
            break
    return best[1], best[2]


def _ring_area(ring: np.ndarray) -> float:
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2


def _crossings(ring: np.ndarray, y: float) -> np.ndarray:
    start, end = ring[:-1], ring[1:]
    crossed = (start[:, 1] <= y) != (end[:, 1] <= y)
    start, end = start[crossed], end[crossed]
    return start[:, 0] + (y - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end[:, 0] - start[:, 0])
