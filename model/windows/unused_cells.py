"""Cells that a spatial split leaves unused: single ones, and a dead zone around held-out land."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..grid import Block, Grid

if TYPE_CHECKING:
    from .split import Blocks

_MAX_SPANS = 1 << 20  # rows of cells beside runs of held-out blocks that are computed at once


@dataclass(frozen=True)
class SparseCells:
    """Some cells of a grid."""

    flat: np.ndarray  # row × ``width`` + column of each cell, int64, increasing
    width: int  # cells across the grid

    def __len__(self) -> int:
        return len(self.flat)

    def mask(self, block: Block) -> np.ndarray:
        """Return which cells of a rectangle are among them, bool (block.height, block.width)."""
        result = np.zeros(block.shape, dtype=bool)
        first, last = np.searchsorted(self.flat, [block.row * self.width, (block.row + block.height) * self.width])
        some = self.flat[first:last]
        _, here = block.locate(some // self.width, some % self.width)
        result[here] = True
        return result


class DeadZone:
    """Cells whose centre lies less than ``buffer`` metres from blocks of held-out land, or on it.

    Distances are metres on the ground, to the edge of the land, with the mean of the cell sizes at the cell's row and
    at the nearest row of the land.
    """

    def __init__(self, grid: Grid, blocks: Blocks, held_out: np.ndarray, buffer: float) -> None:
        """``held_out``: bool table of blocks."""
        self.buffer = buffer
        self._width, self._height = grid.spacing()
        self._reach = [math.ceil(buffer / float(size.min())) + 1 for size in (self._height, self._width)]
        # Neighbouring blocks of a row of blocks are one rectangle: top, bottom, left, right in cells.
        edges = np.diff(np.pad(held_out.astype(np.int8), ((0, 0), (1, 1))), axis=1)
        (row, first), (_, last) = np.nonzero(edges == 1), np.nonzero(edges == -1)
        top, left, right = row * blocks.rows, first * blocks.columns, last * blocks.columns
        bottom = np.minimum(top + blocks.rows, grid.height)
        self._land = np.stack([top, bottom, left, np.minimum(right, grid.width)])

    def mask(self, block: Block) -> np.ndarray:
        """Return which cells of a rectangle lie in the zone or on the land, bool (block.height, block.width)."""
        down, across = self._reach
        top, bottom, left, right = self._land
        near = (top < block.row + block.height + down) & (bottom > block.row - down)
        near &= (left < block.column + block.width + across) & (right > block.column - across)
        edges = np.zeros(block.height * (block.width + 1), dtype=np.int64)
        chosen = np.flatnonzero(near)
        step = max(1, _MAX_SPANS // max(block.height, 1))
        for part in (chosen[start : start + step] for start in range(0, len(chosen), step)):
            top, bottom, left, right = self._land[:, part, None]
            middle = block.row + np.arange(block.height)[None] + 0.5
            nearest = np.clip(middle, top, bottom)
            own, other = self._index(middle), self._index(np.minimum(nearest, bottom - 0.5))
            north = (middle - nearest) * (self._height[own] + self._height[other]) / 2
            half = self.buffer**2 - north**2
            half = np.sqrt(np.maximum(half, 0)) / ((self._width[own] + self._width[other]) / 2)
            # A cell that only touches the zone is outside it, so that a buffer of 0 is no zone.
            start = np.floor(left - half - 0.5).astype(np.int64) + 1 - block.column
            stop = np.ceil(right + half - 0.5).astype(np.int64) - block.column
            start, stop = np.clip(start, 0, block.width), np.clip(stop, 0, block.width)
            line = np.arange(block.height)[None] * (block.width + 1)
            some = (np.abs(north) < self.buffer) & (start < stop)
            some |= (middle == nearest) & (start < stop)
            edges += np.bincount((line + start)[some], minlength=len(edges))
            edges -= np.bincount((line + stop)[some], minlength=len(edges))
        return np.cumsum(edges.reshape(block.height, -1), axis=1)[:, :-1] > 0

    def _index(self, row: np.ndarray) -> np.ndarray:
        return np.clip(np.floor(row), 0, len(self._width) - 1).astype(np.int64)
