"""The mapped area: which cells of a window lie in the polygons that the user drew."""

from __future__ import annotations

import numpy as np
from rasterio.features import rasterize

from ..errors import LayerEmpty, NoOverlap
from ..grid import Block, Grid
from ..inputs.vectors import Polygons


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
            raise LayerEmpty(f'The layer "{area.name}" given as {role} has no polygon. Draw the area, or leave {role} '
                             "empty to use the whole raster.")
        self._extent = polygon_extents(grid, area)
        if not any(self._among(Block(0, 0, grid.height, grid.width))):
            raise NoOverlap(f'No polygon of the layer "{area.name}" given as {role} overlaps the raster. Check the '
                            "CRS of both and that the area is the right one.")

    def touches(self, block: Block) -> bool:
        """Whether a polygon's bounding box reaches into the block; ``False`` means that no cell is in the area."""
        return self._area is None or bool(self._among(block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the area and the grid, bool, shape (block.height, block.width)."""
        if self._area is None:
            return inside_grid(self._grid, block)
        chosen = np.flatnonzero(self._among(block))
        if not len(chosen):
            return np.zeros((block.height, block.width), dtype=bool)
        shapes = [self._area.geometries[index] for index in chosen]
        return burn(self._grid, block, shapes) & inside_grid(self._grid, block)

    def _among(self, block: Block) -> np.ndarray:
        return reaches(self._extent, block)


def burn(grid: Grid, block: Block, shapes: list) -> np.ndarray:
    """Return whether each cell's centre lies in any of the GeoJSON geometries, bool, shape of the block."""
    return rasterize(((shape, 1) for shape in shapes), out_shape=(block.height, block.width), fill=0, dtype=np.uint8,
                     transform=grid.block_transform(block)).astype(bool)


def polygon_extents(grid: Grid, polygons: Polygons) -> np.ndarray:
    """Return first row, first column, last row, last column (fractional) of each polygon, shape (features, 4)."""
    left, bottom, right, top = polygons.bounds().T
    t = grid.transform
    return np.stack([(top - t.f) / t.e, (left - t.c) / t.a, (bottom - t.f) / t.e, (right - t.c) / t.a], axis=1)


def reaches(extent: np.ndarray, block: Block, halo: float | np.ndarray = 0.0) -> np.ndarray:
    """Return which extents (see :func:`polygon_extents`), grown by ``halo`` cells, reach into a block."""
    top, left, bottom, right = extent.T
    return ((bottom + halo >= block.row) & (top - halo <= block.row + block.height)
            & (right + halo >= block.column) & (left - halo <= block.column + block.width))


def inside_grid(grid: Grid, block: Block) -> np.ndarray:
    """Return which cells of a block, which may reach over the border, lie in the grid."""
    rows = np.arange(block.row, block.row + block.height)
    columns = np.arange(block.column, block.column + block.width)
    return (((rows >= 0) & (rows < grid.height))[:, None] & ((columns >= 0) & (columns < grid.width))[None])
