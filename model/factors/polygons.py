"""Rasterize polygons into blocks of a grid, fast also for polygons with very many vertices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rasterio.enums import MergeAlg
from rasterio.features import rasterize

from ..errors import LayerEmpty, NoOverlap
from ..grid import Block, Grid
from ..inputs.vectors import Polygons, polygon_parts

Bounds = tuple[float, float, float, float]
Geometry = dict[str, Any]


class PolygonBurner:
    """The polygons of one layer, in the grid's CRS, ready to be burned into any block."""

    def __init__(self, polygons: Polygons, grid: Grid) -> None:
        self._grid = grid
        self._shapes = [_rings(geometry) for geometry in polygons.geometries]
        self._bounds = np.array([_bounds(shape) for shape in self._shapes]).reshape(-1, 4)

    def intersecting(self, block: Block) -> np.ndarray:
        """Return the indices of the features whose bounding box intersects a block."""
        left, bottom, right, top = self._extent(block)
        west, south, east, north = self._bounds.T
        return np.flatnonzero((west < right) & (east > left) & (south < top) & (north > bottom))

    def burn(self, block: Block, features: Sequence[int], values: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the value (1 to 65535) of the last of some features that each cell centre lies in, 0 outside all.

        And how many of the features cover each cell; both uint16 of shape (height, width).
        """
        extent = self._extent(block)
        shapes = [_clip_to_extent(self._shapes[feature], extent) for feature in features]
        chosen = [(shape, value) for shape, value in zip(shapes, values) if shape]
        if not chosen:
            return np.zeros(block.shape, dtype=np.uint16), np.zeros(block.shape, dtype=np.uint16)
        burned = burn_values(self._grid, block, chosen, np.uint16)
        if len(chosen) == 1:
            return burned, (burned > 0).astype(np.uint16)
        ones = [(shape, 1) for shape, _ in chosen]
        return burned, burn_values(self._grid, block, ones, np.uint16, MergeAlg.add)

    def _extent(self, block: Block) -> Bounds:
        t = self._grid.block_transform(block)
        return t.c, t.f + block.height * t.e, t.c + block.width * t.a, t.f


def _rings(geometry: Geometry) -> list[list[np.ndarray]]:
    return [
        [np.asarray(ring, dtype=np.float64)[:, :2] for ring in polygon if len(ring) > 3]
        for polygon in polygon_parts(geometry)
        if len(polygon) and len(polygon[0]) > 3
    ]


def _bounds(polygons: list[list[np.ndarray]]) -> tuple[float, ...]:
    if not polygons:
        return np.inf, np.inf, -np.inf, -np.inf
    corners = np.concatenate([polygon[0] for polygon in polygons])
    return (*corners.min(axis=0), *corners.max(axis=0))


def _clip_to_extent(polygons: list[list[np.ndarray]], extent: Bounds) -> Geometry | None:
    """Return a geometry that covers the same part of an extent with as few vertices as possible; None for none."""
    coordinates = []
    for outer, *holes in polygons:
        simple = _simplify_ring(outer, extent)
        if simple is not None:
            inner = (_simplify_ring(hole, extent) for hole in holes)
            coordinates.append([simple, *(hole for hole in inner if hole is not None)])
    return {"type": "MultiPolygon", "coordinates": coordinates} if coordinates else None


def _simplify_ring(ring: np.ndarray, extent: Bounds) -> np.ndarray | None:
    """Drop vertices between two others on the same outer side of an extent: no edge there can enter it."""
    left, bottom, right, top = extent
    x, y = ring.T
    side = np.where(x < left, 1, np.where(x > right, 2, np.where(y < bottom, 3, np.where(y > top, 4, 0))))
    if side[0] and (side == side[0]).all():
        return None
    redundant = np.zeros(len(ring), dtype=bool)
    redundant[1:-1] = (side[1:-1] > 0) & (side[1:-1] == side[:-2]) & (side[1:-1] == side[2:])
    return ring[~redundant]


class AreaMask:
    """Cells whose centre lies in any polygon of a layer; every cell of the grid when there is no layer. Raises
    ``LayerEmpty`` if the layer has no polygon; ``NoOverlap`` if no polygon intersects the grid.
    """

    def __init__(self, grid: Grid, area: Polygons | None, role: str = "AREA") -> None:
        self.grid, self._area = grid, area
        if area is None:
            return
        if not len(area):
            empty = f'The layer "{area.name}" given as {role} has no polygon'
            raise LayerEmpty(f"{empty}. Draw the area, or leave {role} empty to use the whole raster.")
        self._extent = polygon_extents(grid, area)
        if not self.may_intersect(grid.whole):
            outside = f'No polygon of the layer "{area.name}" given as {role} overlaps the raster'
            raise NoOverlap(f"{outside}. Check the CRS of both and that the area is the right one.")

    def may_intersect(self, block: Block) -> bool:
        """Return whether a polygon's bounding box intersects the block; if not, no cell is in the area."""
        return self._area is None or bool(extents_intersect(self._extent, block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the area and the grid, bool of shape (height, width)."""
        rows, columns = block.row + np.arange(block.height), block.column + np.arange(block.width)
        in_rows, in_columns = (rows >= 0) & (rows < self.grid.height), (columns >= 0) & (columns < self.grid.width)
        inside = in_rows[:, None] & in_columns
        if self._area is None:
            return inside
        chosen = np.flatnonzero(extents_intersect(self._extent, block))
        return inside & burn(self.grid, block, [self._area.geometries[index] for index in chosen])


def burn(grid: Grid, block: Block, shapes: Sequence[Geometry]) -> np.ndarray:
    """Return whether each cell's centre lies in any of the GeoJSON geometries, bool of the shape of the block."""
    if not len(shapes):
        return np.zeros(block.shape, dtype=bool)
    return burn_values(grid, block, ((shape, 1) for shape in shapes), np.uint8).astype(bool)


Shapes = Iterable[tuple[Geometry, int]]


def burn_values(
    grid: Grid, block: Block, shapes: Shapes, dtype: type = np.int32, merge: MergeAlg = MergeAlg.replace
) -> np.ndarray:
    """Return the value of the last of some geometries that each cell's centre lies in, 0 outside all of them."""
    transform = grid.block_transform(block)
    return rasterize(shapes, out_shape=block.shape, transform=transform, fill=0, dtype=dtype, merge_alg=merge)


def polygon_extents(grid: Grid, polygons: Polygons) -> np.ndarray:
    """Return first row, first column, last row, last column (fractional) of each polygon, shape (features, 4)."""
    left, bottom, right, top = polygons.bounds().T
    t = grid.transform
    return np.stack([(top - t.f) / t.e, (left - t.c) / t.a, (bottom - t.f) / t.e, (right - t.c) / t.a], axis=1)


def extents_intersect(extent: np.ndarray, block: Block) -> np.ndarray:
    """Return which extents (see :func:`polygon_extents`) intersect or touch a block."""
    top, left, bottom, right = extent.T
    below, beyond = block.row + block.height, block.column + block.width
    return (bottom >= block.row) & (top <= below) & (right >= block.column) & (left <= beyond)
