"""Tiles: which cells are computed at once, and how much around them is read so that the result is exact.

A network that halves its resolution sees cells in groups of ``align``; a tile that starts in the middle of a group is
seen with other groups and gets other values, however much context it has. So every tile, halo included, starts at a
multiple of ``align`` counted from the raster's corner, and its halo is no narrower than what the network looks at.
Cells outside the raster are read as without data, for tiles and for the whole raster alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Iterator

import numpy as np
from affine import Affine

from ..errors import ParameterInvalid
from ..grid import Block, Grid

SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Sides among which the automatic choice picks, largest first; multiples of a GeoTIFF block where they can be."""

LARGEST_SIDE = 16384


@dataclass(frozen=True)
class Tile:
    """One step of the prediction."""

    core: Block
    """Cells whose result is kept."""

    read: Block
    """Cells that the network sees; reaches over the raster's border."""

    @property
    def offset(self) -> tuple[int, int]:
        """Row and column of the core in what is read."""
        return self.core.row - self.read.row, self.core.column - self.read.column


@dataclass(frozen=True)
class Tiling:
    """A grid cut into tiles, row by row."""

    grid: Grid
    side: int
    halo: int
    align: int

    @classmethod
    def of(cls, grid: Grid, side: int, halo: int, align: int) -> "Tiling":
        """Return the tiling whose side and halo are rounded up to multiples of ``align``."""
        return cls(grid, _up(side, align), _up(halo, align), align)

    def __len__(self) -> int:
        return self.grid.block_count(self.side)

    def __iter__(self) -> Iterator[Tile]:
        for core in self.grid.blocks(self.side):
            yield Tile(core, Block(core.row - self.halo, core.column - self.halo,
                                   _up(core.height, self.align) + 2 * self.halo,
                                   _up(core.width, self.align) + 2 * self.halo))

    @property
    def cells_read(self) -> int:
        """Cells of the largest tile with its halo."""
        height = _up(min(self.side, self.grid.height), self.align) + 2 * self.halo
        width = _up(min(self.side, self.grid.width), self.align) + 2 * self.halo
        return height * width


def choose_side(grid: Grid, side: int, halo: int, align: int, bytes_per_cell: float, budget: float,
                largest: int = SIDES[0]) -> int:
    """Return the side of a tile in cells.

    Args:
        grid: the study grid.
        side: what the user asked for; 0 for the largest that fits the budget.
        halo: cells of context on every side.
        align: sides are multiples of it.
        bytes_per_cell: memory that the computation takes for a cell of the tile with its halo.
        budget: bytes that it may take in all.
        largest: side that the automatic choice does not go beyond.

    Raises:
        ParameterInvalid: the side asked for is negative or far too large, or no tile suits all models.
    """
    if side < 0 or side > LARGEST_SIDE:
        raise ParameterInvalid(f"TILE is {side}, but it is a number of cells up to {LARGEST_SIDE}, or 0 for automatic.")
    if align > SIDES[0]:
        raise ParameterInvalid(f"The models of MODEL judge patches of land whose sizes fit together only every "
                               f"{align:,} cells. Predict with each of them by itself.")
    if side:
        return _up(side, align)
    for candidate in (size for size in SIDES if size <= largest):
        tiling = Tiling.of(grid, candidate, halo, align)
        if tiling.cells_read * bytes_per_cell <= budget:
            return tiling.side
    return _up(SIDES[-1], align)


def coarse_grid(grid: Grid, patch: int) -> Grid:
    """Return the grid whose cells are ``patch`` × ``patch`` cells of another, from the same corner and covering it."""
    return replace(grid, transform=grid.transform * Affine.scale(patch), width=math.ceil(grid.width / patch),
                   height=math.ceil(grid.height / patch))


def coarse_block(block: Block, patch: int) -> Block:
    """Return a block of the coarse grid; the first row and column of the fine one are multiples of ``patch``."""
    return Block(block.row // patch, block.column // patch, math.ceil(block.height / patch),
                 math.ceil(block.width / patch))


def coarsen(values: np.ndarray, patch: int) -> np.ndarray:
    """Return one value for each patch of cells that share it: NaN where less than half of its cells have it.

    Args:
        values: float (height, width), NaN without data, from the corner of a patch on; it may end within patches.
        patch: cells along the side of a patch.
    """
    if patch == 1:
        return values
    padded = np.pad(values, [(0, -size % patch) for size in values.shape], constant_values=np.nan)
    rows, columns = padded.shape[0] // patch, padded.shape[1] // patch
    parts = padded.reshape(rows, patch, columns, patch).transpose(0, 2, 1, 3).reshape(rows, columns, patch ** 2)
    known = np.isfinite(parts)
    # All known cells of a patch have the same value; the largest is any of them.
    largest = np.where(known, parts, -np.inf).max(axis=2)
    return np.where(2 * known.sum(axis=2) >= patch ** 2, largest, np.nan).astype(values.dtype)


def _up(number: int, step: int) -> int:
    return math.ceil(number / step) * step
