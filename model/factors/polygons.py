"""Rasterize polygons into blocks of a grid, fast also for polygons with very many vertices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
from rasterio.enums import MergeAlg
from rasterio.features import rasterize

from ..errors import LayerEmpty, NoOverlap
from ..grid import Block, Grid
from ..inputs.vectors import Polygons, polygon_parts

Bounds = tuple[float, float, float, float]
Geometry = dict[str, Any]
Numbers = Union[Sequence[int], np.ndarray]


class PolygonBurner:
    """The polygons of one layer, in the grid's CRS, ready to be burned into any block."""

    def __init__(self, polygons: Polygons, grid: Grid) -> None:
        self._grid, self._geometries = grid, polygons.geometries
        self._shapes = [_rings(geometry) for geometry in polygons.geometries]
        self.bounds = np.array([_bounds(shape) for shape in self._shapes]).reshape(-1, 4)
        """Left, bottom, right and top of each feature in map units, shape (features, 4)."""

    def intersecting(self, block: Block) -> np.ndarray:
        """Return the indices of the features whose bounding box intersects a block."""
        left, bottom, right, top = self._extent(block)
        west, south, east, north = self.bounds.T
        return np.flatnonzero((west < right) & (east > left) & (south < top) & (north > bottom))

    def touching(self, block: Block) -> np.ndarray:
        """Return which features' bounding boxes intersect or touch a block, bool, shape (features,)."""
        left, bottom, right, top = self._extent(block)
        west, south, east, north = self.bounds.T
        return (west <= right) & (east >= left) & (south <= top) & (north >= bottom)

    def covers(self, block: Block, features: Numbers) -> np.ndarray:
        """Return whether each cell's centre lies in any of some features, bool, shape (height, width)."""
        return self.last(block, features, [1] * len(features), np.uint8).astype(bool)

    def last(self, block: Block, features: Numbers, values: Numbers, dtype: type = np.int32) -> np.ndarray:
        """Return the value of the last of some features that each cell's centre lies in, 0 outside all of them."""
        return self._burn(block, self._shapes_in(block, features, values), dtype)

    def burn(self, block: Block, features: Numbers, values: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """Return what :meth:`last` does, of values up to 65535, and how many features cover each cell, both uint16."""
        chosen = self._shapes_in(block, features, values)
        burned = self._burn(block, chosen, np.uint16)
        if len(chosen) < 2:
            return burned, (burned > 0).astype(np.uint16)
        return burned, self._burn(block, [(shape, 1) for shape, _ in chosen], np.uint16, MergeAlg.add)

    def _shapes_in(self, block: Block, features: Numbers, values: Numbers) -> list[tuple[Geometry, int]]:
        extent = left, bottom, right, top = self._extent(block)
        west, south, east, north = self.bounds[np.asarray(features, dtype=np.int64)].T
        # Most features of a layer with very many lie within a block: to cut them takes longer than to burn them.
        within = (west >= left) & (south >= bottom) & (east <= right) & (north <= top)
        shapes = []
        for feature, value, whole in zip(features, values, within):
            shape = self._shapes[feature] if whole else _clip_to_extent(self._shapes[feature], extent)
            if shape:
                cut = {"type": "MultiPolygon", "coordinates": shape}
                shapes.append((self._geometries[feature] if whole else cut, value))
        return shapes

    def _extent(self, block: Block) -> Bounds:
        t = self._grid.block_transform(block)
        return t.c, t.f + block.height * t.e, t.c + block.width * t.a, t.f

    def _burn(
        self, block: Block, shapes: Sequence[tuple[Geometry, int]], dtype: type, merge: MergeAlg = MergeAlg.replace
    ) -> np.ndarray:
        if not shapes:
            return np.zeros(block.shape, dtype=dtype)
        transform = self._grid.block_transform(block)
        return rasterize(shapes, out_shape=block.shape, transform=transform, fill=0, dtype=dtype, merge_alg=merge)


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


def _clip_to_extent(polygons: list[list[np.ndarray]], extent: Bounds) -> list[list[np.ndarray]]:
    """Return polygons that cover the same part of an extent with as few vertices as possible."""
    result = []
    for outer, *holes in polygons:
        simple = _simplify_ring(outer, extent)
        if simple is not None:
            inner = (_simplify_ring(hole, extent) for hole in holes)
            result.append([simple, *(hole for hole in inner if hole is not None)])
    return result


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

    def __init__(self, grid: Grid, area: Polygons | None) -> None:
        self.grid, self._burner = grid, None if area is None else PolygonBurner(area, grid)
        if area is None:
            return
        if not len(area):
            empty = f'The layer "{area.name}" given as AREA has no polygon'
            raise LayerEmpty(f"{empty}. Draw the area, or leave AREA empty to use the whole raster.")
        if not self.may_intersect(grid.whole):
            outside = f'No polygon of the layer "{area.name}" given as AREA overlaps the raster'
            raise NoOverlap(f"{outside}. Check the CRS of both and that the area is the right one.")

    def may_intersect(self, block: Block) -> bool:
        """Return whether a polygon's bounding box intersects the block; if not, no cell is in the area."""
        return self._burner is None or bool(self._burner.touching(block).any())

    def extent(self) -> Block:
        """Return the smallest rectangle of cells of the grid outside of which no cell is in the area."""
        if self._burner is None:
            return self.grid.whole
        left, bottom, right, top = (
            reduce(ends) for reduce, ends in zip((np.min, np.min, np.max, np.max), self._burner.bounds.T)
        )
        columns, rows = ~self.grid.transform * (np.array([left, right]), np.array([top, bottom]))
        first_column, last_column = np.clip([np.floor(columns[0]), np.ceil(columns[1])], 0, self.grid.width).astype(int)
        first_row, last_row = np.clip([np.floor(rows[0]), np.ceil(rows[1])], 0, self.grid.height).astype(int)
        return Block(int(first_row), int(first_column), int(last_row - first_row), int(last_column - first_column))

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the area and the grid, bool of shape (height, width)."""
        rows, columns = block.row + np.arange(block.height), block.column + np.arange(block.width)
        in_rows, in_columns = (rows >= 0) & (rows < self.grid.height), (columns >= 0) & (columns < self.grid.width)
        inside = in_rows[:, None] & in_columns
        if self._burner is None:
            return inside
        return inside & self._burner.covers(block, self._burner.intersecting(block))
