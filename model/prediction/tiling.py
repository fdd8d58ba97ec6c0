"""Tiles: which cells are computed at once, and how much around them is read so that the result is exact.

A network that halves its resolution sees cells in groups of ``align``; a tile that starts in the middle of a group sees
other groups and gives other values, however much context it has. So every tile, halo included, starts at a multiple of
``align`` counted from the raster's corner, and its halo is at least the network's receptive field.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from ..grid import Block, Grid

MIN_SIDE = 64  # smaller tiles are not split when memory runs out: the halo would cost more than is saved
BAND = 2048  # width in cells of the bands walked from top to bottom; blocks of ten factors of twice that are too much


@dataclass(frozen=True)
class Tile:
    """One step of the prediction."""

    core: Block  # cells whose result is kept
    read: Block  # cells that the network sees; extends over the raster's border

    @property
    def offset(self) -> tuple[int, int]:
        """Row and column of the core within the cells read."""
        return self.core.row - self.read.row, self.core.column - self.read.column


@dataclass(frozen=True)
class Tiling:
    """A grid cut into tiles, row by row."""

    grid: Grid
    side: int  # width of a tile
    halo: int
    align: int
    height: int

    @classmethod
    def of(cls, grid: Grid, side: int, halo: int, align: int, height: int | None = None) -> Tiling:
        """Return the tiling whose sides and halo are rounded up to multiples of ``align``."""
        height = round_up(side if height is None else height, align)
        return cls(grid, round_up(side, align), round_up(halo, align), align, height)

    def __len__(self) -> int:
        return math.ceil(self.grid.height / self.height) * math.ceil(self.grid.width / self.side)

    def __iter__(self) -> Iterator[Tile]:
        """Walk down bands of :data:`BAND` cells: what tiles share with those below is then still in GDAL's cache."""
        band = max(1, BAND // self.side) * self.side
        whole = Block(0, 0, self.grid.height, self.grid.width)
        for first in range(0, self.grid.width, band):
            for row in range(0, self.grid.height, self.height):
                for column in range(first, min(first + band, self.grid.width), self.side):
                    yield self.around(_clip(row, column, self.height, self.side, whole))

    def around(self, core: Block) -> Tile:
        """Return the tile of a core that starts on the alignment."""
        height, width = (round_up(size, self.align) + 2 * self.halo for size in (core.height, core.width))
        return Tile(core, Block(core.row - self.halo, core.column - self.halo, height, width))

    def quarters(self, tile: Tile) -> list[Tile]:
        """Return the tiles that a tile can be split into; itself alone if it is too small for that."""
        core = tile.core
        longest = max(core.height, core.width)
        side = round_up(-(-longest // 2), self.align)
        if side < MIN_SIDE or side >= longest:
            return [tile]
        return [
            self.around(_clip(row, column, side, side, core))
            for row in range(core.row, core.row + core.height, side)
            for column in range(core.column, core.column + core.width, side)
        ]

    @property
    def largest(self) -> tuple[int, int]:
        """Height and width of the largest tile with its halo."""
        return (
            round_up(min(self.height, self.grid.height), self.align) + 2 * self.halo,
            round_up(min(self.side, self.grid.width), self.align) + 2 * self.halo,
        )


def _clip(row: int, column: int, height: int, width: int, box: Block) -> Block:
    return Block(row, column, min(height, box.row + box.height - row), min(width, box.column + box.width - column))


def coarse_grid(grid: Grid, patch: int) -> Grid:
    """Return the grid whose cells are ``patch`` × ``patch`` cells of another, from the same corner and covering it."""
    width, height = math.ceil(grid.width / patch), math.ceil(grid.height / patch)
    return replace(grid, transform=grid.transform * Affine.scale(patch), width=width, height=height)


def coarse_block(block: Block, patch: int) -> Block:
    """Return a block of the coarse grid; the first row and column of the fine one are multiples of ``patch``."""
    height, width = math.ceil(block.height / patch), math.ceil(block.width / patch)
    return Block(block.row // patch, block.column // patch, height, width)


def coarsen(values: np.ndarray, patch: int) -> np.ndarray:
    """Return one value for each patch of cells that share it: NaN where less than half of its cells have it.

    ``values`` are float (height, width), NaN nodata, from the corner of a patch on, and may end within patches.
    """
    if patch == 1:
        return values
    padded = np.pad(values, [(0, -size % patch) for size in values.shape], constant_values=np.nan)
    rows, columns = padded.shape[0] // patch, padded.shape[1] // patch
    parts = padded.reshape(rows, patch, columns, patch).transpose(0, 2, 1, 3).reshape(rows, columns, patch**2)
    known = np.isfinite(parts)
    # All known cells of a patch have the same value; the largest is any of them.
    largest = np.where(known, parts, -np.inf).max(axis=2)
    return np.where(2 * known.sum(axis=2) >= patch**2, largest, np.nan).astype(values.dtype)


def round_up(number: int, step: int) -> int:
    """Return the least multiple of ``step`` that is no smaller than a number."""
    return math.ceil(number / step) * step
