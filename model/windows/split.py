"""Spatial blocks: which part of the area serves training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..grid import Grid

SUBSETS = ("train", "validation", "test")
SHARES = (0.6, 0.2, 0.2)
"""Of the paper (section 3.2.2)."""
NO_SUBSET = 255
RANDOM_ASSIGNMENTS = 256
"""Random assignments tried; the best balanced is taken."""
MAX_ASSIGNED_BLOCKS = 25_000_000
"""Blocks dealt out in all draws together at most: where blocks are very many, any draw is balanced."""


@dataclass(frozen=True)
class Blocks:
    """A regular division of the grid into rectangles of ``rows`` × ``columns`` cells."""

    rows: int
    columns: int
    shape: tuple[int, int]
    """Blocks down and across."""

    @classmethod
    def of(cls, grid: Grid, side: float) -> Blocks:
        """Divide a grid into blocks of about ``side`` metres (by the spacing in its middle row)."""
        width, height = grid.spacing(grid.height // 2, 1)
        rows, columns = max(1, round(side / float(height[0]))), max(1, round(side / float(width[0])))
        return cls(rows, columns, (-(-grid.height // rows), -(-grid.width // columns)))

    def bounds(self, grid: Grid, row: int, column: int) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of a block in map units, cut at the grid's border."""
        top, left = row * self.rows, column * self.columns
        bottom, right = min(top + self.rows, grid.height), min(left + self.columns, grid.width)
        t = grid.transform
        return t.c + t.a * left, t.f + t.e * bottom, t.c + t.a * right, t.f + t.e * top

    def sums(self, mask: np.ndarray, row: int, column: int, total: np.ndarray) -> None:
        """Add the true cells of a piece of the grid to the table of blocks.

        Args:
            mask: bool, shape (height, width).
            row: grid row of its first row.
            column: grid column of its first column.
            total: integer table of shape ``shape``, changed in place.
        """
        down = (row + np.arange(mask.shape[0])) // self.rows
        across = (column + np.arange(mask.shape[1])) // self.columns
        starts_down = np.flatnonzero(np.diff(down, prepend=-1))
        starts_across = np.flatnonzero(np.diff(across, prepend=-1))
        counts = np.add.reduceat(np.add.reduceat(mask.astype(np.int64), starts_down, axis=0), starts_across, axis=1)
        total[np.ix_(down[starts_down], across[starts_across])] += counts


@dataclass(frozen=True)
class BlockSplit:
    """Blocks with the subset of each."""

    blocks: Blocks
    subsets: np.ndarray
    """uint8 table of blocks: index into the subsets (or fold), ``NO_SUBSET`` where a block is not used."""

    def cell_groups(self, row: int, column: int, height: int, width: int) -> np.ndarray:
        """Return the subset of each cell of a rectangle, uint8 (height, width); ``NO_SUBSET`` outside the grid."""
        down = (row + np.arange(height)) // self.blocks.rows
        across = (column + np.arange(width)) // self.blocks.columns
        inside = ((down >= 0) & (down < self.blocks.shape[0]))[:, None] & (
            (across >= 0) & (across < self.blocks.shape[1])
        )[None, :]
        table = self.subsets[np.clip(down, 0, self.blocks.shape[0] - 1)][
            :, np.clip(across, 0, self.blocks.shape[1] - 1)
        ]
        return np.where(inside, table, np.uint8(NO_SUBSET))


def assign_blocks(landslide: np.ndarray, labelled: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """Share blocks out so that every subset has about its share of landslide cells and of labelled cells.

    Of many random assignments the best balanced is taken. Blocks with landslides and blocks without are shared out
    apart, so that every subset has landslides wherever that is possible.

    Args:
        landslide: landslide cells a block, any shape.
        labelled: labelled cells a block, same shape.
        shares: target of each subset; their sum is 1.
        seed: of the draws.

    Returns:
        uint8, same shape: index of the subset, ``NO_SUBSET`` where nothing is labelled.

    Raises:
        TooFewData: fewer blocks hold landslides than there are subsets.
    """
    slides, cells = landslide.ravel().astype(np.float64), labelled.ravel().astype(np.float64)
    with_slides = np.flatnonzero(slides > 0)
    without = np.flatnonzero((slides == 0) & (cells > 0))
    if len(with_slides) < len(shares):
        number = f"{len(with_slides)} block{'' if len(with_slides) == 1 else 's'}"
        raise TooFewData(
            f"Landslides lie in {number} only, but each of the {len(shares)} subsets "
            "needs at least one. Make BLOCK smaller, use more landslides, or use SPLIT=random."
        )
    generator = np.random.default_rng([seed, 1])
    best, best_cost = np.full(slides.shape, NO_SUBSET, dtype=np.uint8), np.inf
    target = np.asarray(shares, dtype=np.float64)
    for _ in range(min(RANDOM_ASSIGNMENTS, max(1, MAX_ASSIGNED_BLOCKS // slides.size))):
        subsets = np.full(slides.shape, NO_SUBSET, dtype=np.uint8)
        _assign_randomly(with_slides, slides, target, generator, subsets)
        _assign_randomly(without, cells, target, generator, subsets)
        cost = 0.0
        for values in (slides, cells):
            found = (
                np.bincount(subsets[subsets != NO_SUBSET], weights=values[subsets != NO_SUBSET], minlength=len(target))
                / values.sum()
            )
            cost += float(((found - target) ** 2 / target).sum())
            cost += 1000.0 * float((found == 0).sum())
        if cost < best_cost:
            best, best_cost = subsets, cost
    return _fill_empty(best, slides, len(target)).reshape(landslide.shape)


def _assign_randomly(
    blocks: np.ndarray, weight: np.ndarray, shares: np.ndarray, generator: np.random.Generator, subsets: np.ndarray
) -> None:
    """Put blocks in random order and cut the order where the summed weight reaches each share."""
    if not len(blocks):
        return
    order = generator.permutation(blocks)
    weights = weight[order]
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    subsets[order] = np.minimum(np.searchsorted(np.cumsum(shares), middle, side="right"), len(shares) - 1)


def _fill_empty(subsets: np.ndarray, slides: np.ndarray, count: int) -> np.ndarray:
    """Give a subset without landslides the smallest landslide block of the subset that has the most of them."""
    for subset in range(count):
        if not ((subsets == subset) & (slides > 0)).any():
            blocks = [np.flatnonzero((subsets == other) & (slides > 0)) for other in range(count)]
            donor = max(blocks, key=len)
            subsets[donor[np.argmin(slides[donor])]] = subset
    return subsets
