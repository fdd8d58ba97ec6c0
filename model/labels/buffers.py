"""Buffers of landslides and the rings around them, block by block.

Distances are metres on the ground. Within a buffer the ellipsoid is approximated by a plane whose cell size is the mean
of those at the cell's row and at the landslide's row; on a 1 arc-second grid this is within a millimetre of the
geodesic for radii up to 1 km and latitudes up to 75 degrees.
"""

from __future__ import annotations

import math
from typing import Any, Union

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..factors.polygons import PolygonBurner
from ..grid import Block, Grid
from ..inputs.vectors import Landslides, Points, PointsAndPolygons, Polygons, polygon_parts
from ..progress import Progress, stop_if_cancelled

RADIUS_TOLERANCE = 1e-6
"""Cells by which a radius is widened, so that a centre exactly on the circle counts despite rounding."""
MAX_SPANS = 1 << 21  # rows of discs that are computed at once; bounds the memory for large inventories


class PointBuffers:
    """Discs around points (map coordinates, shape (points, 2)); those outside the grid count where discs intersect it.

    ``radius`` is in metres, one per point; the ring reaches from it to ``ring`` metres from the point, one per point or
    one for all, 0 for none.
    """

    def __init__(self, grid: Grid, xy: np.ndarray, radius: np.ndarray, ring: np.ndarray | float) -> None:
        self._grid = grid
        columns = (xy[:, 0] - grid.transform.c) / grid.transform.a
        rows = (xy[:, 1] - grid.transform.f) / grid.transform.e
        # Points farther outside reach no cell, and would only make the table of cell sizes long.
        height = grid.spacing(0, grid.height)[1]
        ring = np.broadcast_to(ring, radius.shape)
        farthest = float(np.maximum(radius, ring).max(initial=0.0))
        margin = math.ceil(farthest / float(height.min()) * 1.01) + 2
        with np.errstate(invalid="ignore"):
            near = (rows >= -margin) & (rows <= grid.height + margin)
        self._row, self._column = rows[near], columns[near]
        self._radius = radius[near].astype(np.float64)
        self._ring = ring[near].astype(np.float64)
        self._margin = 2 * margin + 2
        self._width, self._height = grid.spacing(-self._margin, grid.height + 2 * self._margin)
        reach = np.maximum(self._radius, self._ring)
        own = np.floor(self._row).astype(np.int64)
        self._rows_reached = np.ceil(reach / self._height.min()) + 1
        far = self._rows_reached.astype(np.int64)
        narrowest = np.minimum(self._at(self._width, own - far), self._at(self._width, own + far))
        self._columns_reached = np.ceil(reach / narrowest) + 1

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a radius and whether within the ring, both bool.

        The cell of a point is always within, even if its centre is farther away than the radius.
        """
        chosen = np.flatnonzero(
            (self._row + self._rows_reached >= block.row)
            & (self._row - self._rows_reached <= block.row + block.height)
            & (self._column + self._columns_reached >= block.column)
            & (self._column - self._columns_reached <= block.column + block.width)
        )
        inside = self._discs(block, chosen, self._radius)
        _, own = block.locate(*(np.floor(index[chosen]).astype(np.int64) for index in (self._row, self._column)))
        inside[own] = True
        if not self._ring.any():
            return inside, np.zeros_like(inside)
        return inside, self._discs(block, chosen[self._ring[chosen] > 0], self._ring)

    def _discs(self, block: Block, chosen: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Fill discs row by row: a disc is a span of columns in each row, and spans are summed along the row."""
        edges = np.zeros(block.height * (block.width + 1), dtype=np.int64)
        rows = float(2 * self._rows_reached[chosen].max(initial=0) + 1)
        step = max(int(MAX_SPANS / rows), 1)
        for part in (chosen[start : start + step] for start in range(0, len(chosen), step)):
            top, bottom = (np.floor(self._row[part] + sign * self._rows_reached[part]) for sign in (-1, 1))
            first = np.maximum(top, block.row).astype(np.int64)
            last = np.minimum(bottom, block.row + block.height - 1).astype(np.int64)
            length = np.maximum(last - first + 1, 0)
            point = np.repeat(part, length)
            if not len(point):
                continue
            row = np.arange(len(point)) - np.repeat(np.cumsum(length) - length - first, length)
            own = np.floor(self._row[point]).astype(np.int64)
            height, width = ((self._at(sizes, row) + self._at(sizes, own)) / 2 for sizes in (self._height, self._width))
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

    def _at(self, sizes: np.ndarray, row: np.ndarray) -> np.ndarray:
        return sizes[np.clip(row + self._margin, 0, len(sizes) - 1)]


class PolygonBuffers:
    """Landslide polygons, and the cells around them when a radius is given.

    A cell is in a polygon when its centre is. A polygon too small to contain a centre gets the cell of an interior
    point. The buffer (``radius``, metres, one per polygon) is measured from the centres of a polygon's cells, and the
    ring reaches from it to ``ring`` metres, one per polygon or one for all; 0 for none. The polygons are in the CRS of
    the grid.
    """

    def __init__(
        self, grid: Grid, polygons: Polygons, radius: np.ndarray, ring: np.ndarray | float, progress: Progress
    ) -> None:
        self._grid, self._reach = grid, np.stack([radius, np.broadcast_to(ring, radius.shape)], axis=1)
        self._burner = PolygonBurner(polygons, grid)
        self.points = landslide_points(polygons)  # a point inside each polygon, map coordinates, shape (polygons, 2)
        self._small = self._polygons_without_centre(progress)
        self.small = len(self._small)  # polygons of the grid that contain no cell centre
        self._small_row, self._small_column, inside = grid.cell_indices(self.points[self._small])
        self._small_row[~inside] = -1

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a polygon or its buffer and whether within the ring, bool."""
        inside, near = np.zeros((2, *block.shape), dtype=bool)
        width, height = self._grid.spacing(block.row, block.height)
        sampling = float(height[len(height) // 2]), float(width[len(width) // 2])
        for pair in np.unique(self._reach, axis=0):
            radius, ring = map(float, pair)
            reach = max(radius, ring)
            halo = math.ceil(reach / min(width.min(), height.min())) + 1 if reach else 0
            core = self._polygon_cells(block.padded(halo), (self._reach == pair).all(axis=1))
            if core is None:
                continue
            middle = (slice(halo, halo + block.height), slice(halo, halo + block.width))
            inside |= core[middle]
            if halo:
                distance = distance_transform_edt(~core, sampling=sampling)[middle]
                inside |= distance <= radius + RADIUS_TOLERANCE * sampling[0]
                if ring:
                    near |= distance <= ring + RADIUS_TOLERANCE * sampling[0]
        return inside, near

    def _polygon_cells(self, block: Block, group: np.ndarray) -> np.ndarray | None:
        chosen = np.flatnonzero(self._burner.touching(block) & group)
        if not len(chosen):
            return None
        cells = self._burner.covers(block, chosen)
        small = group[self._small] & (self._small_row >= 0)
        _, own = block.locate(self._small_row[small], self._small_column[small])
        cells[own] = True
        return cells if cells.any() else None

    def _polygons_without_centre(self, progress: Progress) -> np.ndarray:
        grid, burner = self._grid, self._burner
        seen = np.zeros(len(self.points) + 1, dtype=bool)
        for block in grid.blocks():
            stop_if_cancelled(progress)
            chosen = burner.intersecting(block)
            if len(chosen):
                seen[np.unique(burner.last(block, chosen, chosen + 1))] = True
        unseen = np.flatnonzero(~seen[1:] & burner.touching(grid.whole))
        # A polygon may also be hidden under another one; each that was not seen is tested alone.
        empty = []
        for index in unseen:
            stop_if_cancelled(progress)
            left, bottom, right, top = burner.bounds[index]
            (left, top), (right, bottom) = ~grid.transform * (left, top), ~grid.transform * (right, bottom)
            top, left, bottom, right = math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right)
            block = Block(top, left, bottom - top + 1, right - left + 1)
            small = block.height * block.width <= MAX_SPANS
            if small and not burner.covers(block, [index]).any():
                empty.append(index)
        return np.array(empty, dtype=np.int64)


class MixedBuffers:
    """Buffers of points and of polygons together; see :class:`PointBuffers` and :class:`PolygonBuffers`."""

    def __init__(self, points: PointBuffers, polygons: PolygonBuffers) -> None:
        self._points, self._polygons = points, polygons

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return for each cell whether it is within a radius or polygon and whether within a ring, both bool."""
        inside, near = self._points.read(block)
        more_inside, more_near = self._polygons.read(block)
        return inside | more_inside, near | more_near


Buffers = Union[PointBuffers, PolygonBuffers, MixedBuffers]


def landslide_buffers(
    grid: Grid, landslides: Landslides, radius: np.ndarray, ring: np.ndarray | float, progress: Progress
) -> tuple[Buffers, np.ndarray, int]:
    """Return the buffers of landslides, a point of each, and how many polygons contain no cell centre.

    ``radius`` is in metres, one per landslide; the ring reaches from it to ``ring`` metres, one per landslide or one
    for all, 0 for none.
    """
    ring = np.broadcast_to(ring, radius.shape)
    if isinstance(landslides, Points):
        return PointBuffers(grid, landslides.xy, radius, ring), landslides.xy, 0
    if isinstance(landslides, Polygons):
        polygons = PolygonBuffers(grid, landslides, radius, ring, progress)
        return polygons, polygons.points, polygons.small
    xy = landslides.points.xy
    polygons = PolygonBuffers(grid, landslides.polygons, radius[len(xy) :], ring[len(xy) :], progress)
    points = PointBuffers(grid, xy, radius[: len(xy)], ring[: len(xy)])
    return MixedBuffers(points, polygons), np.concatenate([xy, polygons.points]), polygons.small


def landslide_points(landslides: Landslides) -> np.ndarray:
    """Return one point per landslide, an interior point for polygons: map coordinates, shape (landslides, 2)."""
    if isinstance(landslides, Points):
        return landslides.xy
    if isinstance(landslides, PointsAndPolygons):
        return np.concatenate([landslides.points.xy, landslide_points(landslides.polygons)])
    return np.array([interior_point(shape) for shape in landslides.geometries]).reshape(-1, 2)


def interior_point(geometry: dict[str, Any]) -> tuple[float, float]:
    """Return a point inside a GeoJSON polygon or multi-polygon: the middle of the widest span of a line across it.

    The line crosses the largest part at half its height, or near it when it would only touch corners there.
    """
    parts = ([np.asarray(ring, dtype=float)[:, :2] for ring in part] for part in polygon_parts(geometry))
    rings = max(parts, key=lambda part: _ring_area(part[0]))
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
