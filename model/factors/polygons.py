"""Burning polygons into blocks of a grid, also polygons with very many vertices and grids with very many blocks.
The mapped area: which cells of a window lie in the polygons that the user drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rasterio.enums import MergeAlg
from rasterio.features import rasterize

from ..errors import LayerEmpty, NoOverlap
from ..grid import Block, Grid
from ..inputs.vectors import Polygons


class PolygonBurner:
    """The polygons of one layer, ready to be burned into any block."""

    def __init__(self, polygons: Polygons, grid: Grid) -> None:
        """Take the geometries, in the grid's CRS."""
        self._grid = grid
        self._shapes = [_rings(geometry) for geometry in polygons.geometries]
        self._bounds = np.array([_bounds(shape) for shape in self._shapes]).reshape(-1, 4)

    def reaching(self, block: Block) -> np.ndarray:
        """Return the numbers of the features whose bounding box reaches into a block."""
        left, bottom, right, top = self._extent(block)
        bounds = self._bounds
        return np.flatnonzero(
            (bounds[:, 0] < right) & (bounds[:, 2] > left) & (bounds[:, 1] < top) & (bounds[:, 3] > bottom)
        )

    def burn(self, block: Block, features: Sequence[int], values: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return which polygon each cell centre lies in.

        Args:
            block: cells of the grid.
            features: numbers of the features to burn; where several cover a cell, the last one counts.
            values: one a feature, 1 to 65535.

        Returns:
            The values, uint16 with 0 where no polygon is, and how many features cover each cell, uint16; both of
            shape (height, width).
        """
        extent = self._extent(block)
        chosen = [
            (geometry, value)
            for number, value in zip(features, values)
            for geometry in [_clip_to_extent(self._shapes[number], extent)]
            if geometry
        ]
        shape = (block.height, block.width)
        if not chosen:
            return np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.uint16)
        common = {"out_shape": shape, "transform": self._grid.block_transform(block), "fill": 0, "dtype": np.uint16}
        burned = rasterize(chosen, **common)
        if len(chosen) == 1:
            return burned, (burned > 0).astype(np.uint16)
        return burned, rasterize([(geometry, 1) for geometry, _ in chosen], merge_alg=MergeAlg.add, **common)

    def _extent(self, block: Block) -> tuple[float, float, float, float]:
        transform = self._grid.block_transform(block)
        return (
            transform.c,
            transform.f + block.height * transform.e,
            transform.c + block.width * transform.a,
            transform.f,
        )


def _rings(geometry: dict[str, Any]) -> list[list[np.ndarray]]:
    """Return the polygons of a GeoJSON geometry as lists of rings, shape (vertices, 2) each."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [
        [np.asarray(ring, dtype=np.float64)[:, :2] for ring in polygon if len(ring) > 3]
        for polygon in polygons
        if len(polygon) and len(polygon[0]) > 3
    ]


def _bounds(polygons: list[list[np.ndarray]]) -> tuple[float, ...]:
    if not polygons:
        return np.inf, np.inf, -np.inf, -np.inf
    corners = np.concatenate([polygon[0] for polygon in polygons])
    return (*corners.min(axis=0), *corners.max(axis=0))


def _clip_to_extent(
    polygons: list[list[np.ndarray]], extent: tuple[float, float, float, float]
) -> dict[str, Any] | None:
    """Return a geometry that covers the same part of an extent with as few vertices as possible; None for none."""
    coordinates = []
    for polygon in polygons:
        outer = _simplify_ring(polygon[0], extent)
        if outer is not None:
            holes = [ring for ring in (_simplify_ring(ring, extent) for ring in polygon[1:]) if ring is not None]
            coordinates.append([outer, *holes])
    return {"type": "MultiPolygon", "coordinates": coordinates} if coordinates else None


def _simplify_ring(ring: np.ndarray, extent: tuple[float, float, float, float]) -> np.ndarray | None:
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
    """Cells whose centre lies in any polygon of a layer; every cell when there is no layer."""

    def __init__(self, grid: Grid, area: Polygons | None, role: str = "AREA") -> None:
        """Check the layer against the grid.

        Args:
            grid: the study grid.
            area: polygons in the CRS of the grid, or ``None`` for the whole grid.
            role: parameter name for messages.

        Raises:
            LayerEmpty: the layer has no polygon.
            NoOverlap: no polygon reaches into the grid.
        """
        self._grid, self._area = grid, area
        if area is None:
            return
        if not len(area):
            raise LayerEmpty(
                f'The layer "{area.name}" given as {role} has no polygon. Draw the area, or leave {role} '
                "empty to use the whole raster."
            )
        self._extent = polygon_extents(grid, area)
        if not any(self._intersecting(Block(0, 0, grid.height, grid.width))):
            raise NoOverlap(
                f'No polygon of the layer "{area.name}" given as {role} overlaps the raster. Check the '
                "CRS of both and that the area is the right one."
            )

    def touches(self, block: Block) -> bool:
        """Whether a polygon's bounding box reaches into the block; ``False`` means that no cell is in the area."""
        return self._area is None or bool(self._intersecting(block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the area and the grid, bool, shape (block.height, block.width)."""
        if self._area is None:
            return inside_grid(self._grid, block)
        chosen = np.flatnonzero(self._intersecting(block))
        if not len(chosen):
            return np.zeros((block.height, block.width), dtype=bool)
        shapes = [self._area.geometries[index] for index in chosen]
        return burn(self._grid, block, shapes) & inside_grid(self._grid, block)

    def _intersecting(self, block: Block) -> np.ndarray:
        return extents_intersect(self._extent, block)


def burn(grid: Grid, block: Block, shapes: list) -> np.ndarray:
    """Return whether each cell's centre lies in any of the GeoJSON geometries, bool, shape of the block."""
    return rasterize(
        ((shape, 1) for shape in shapes),
        out_shape=(block.height, block.width),
        fill=0,
        dtype=np.uint8,
        transform=grid.block_transform(block),
    ).astype(bool)


def polygon_extents(grid: Grid, polygons: Polygons) -> np.ndarray:
    """Return first row, first column, last row, last column (fractional) of each polygon, shape (features, 4)."""
    left, bottom, right, top = polygons.bounds().T
    t = grid.transform
    return np.stack([(top - t.f) / t.e, (left - t.c) / t.a, (bottom - t.f) / t.e, (right - t.c) / t.a], axis=1)


def extents_intersect(extent: np.ndarray, block: Block, halo: float | np.ndarray = 0.0) -> np.ndarray:
    """Return which extents (see :func:`polygon_extents`), grown by ``halo`` cells, reach into a block."""
    top, left, bottom, right = extent.T
    return (
        (bottom + halo >= block.row)
        & (top - halo <= block.row + block.height)
        & (right + halo >= block.column)
        & (left - halo <= block.column + block.width)
    )


def inside_grid(grid: Grid, block: Block) -> np.ndarray:
    """Return which cells of a block, which may reach over the border, lie in the grid."""
    rows = np.arange(block.row, block.row + block.height)
    columns = np.arange(block.column, block.column + block.width)
    return ((rows >= 0) & (rows < grid.height))[:, None] & ((columns >= 0) & (columns < grid.width))[None]
