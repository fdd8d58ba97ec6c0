"""Single cells for models that look at one cell at a time: an even sample of each subset, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import TooFewData
from ..grid import Block
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from .scan import read_labels
from .split import NO_SUBSET, SHARES, SUBSETS, BlockSplit

MAX_CELLS = 30_000
"""Landslide cells, and as many stable ones, of each subset. Neighbours are alike, so more say little that is new."""
_RANDOM_GROUPS = 10
_TRAIN = 0


@dataclass
class CellSet:
    """Labelled cells with data in every factor, ordered by their place."""

    values: np.ndarray
    """float32 (cells, factors), physical values and class codes."""
    labels: np.ndarray
    """uint8 (cells,): 1 landslide, 0 stable."""
    subsets: np.ndarray
    """Index into ``SUBSETS``, uint8 (cells,)."""
    groups: np.ndarray | None = None
    """Number of the spatial block of each cell, int32 (cells,), to keep neighbours together; ``None`` if unknown."""
    totals: np.ndarray | None = None
    """How many cells there are in all, int64 (subsets, 2): stable, landslide; ``None`` where the cells are all."""

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, *subsets: int) -> np.ndarray:
        """Return the numbers of the cells of some subsets."""
        return np.flatnonzero(np.isin(self.subsets, subsets))

    def weights(self) -> np.ndarray:
        """Return how many cells of the area each cell stands for, float64 (cells,)."""
        result = np.ones(len(self))
        if self.totals is not None:
            for subset, totals in enumerate(self.totals):
                for label, total in enumerate(totals):
                    some = (self.subsets == subset) & (self.labels == label)
                    result[some] = total / max(some.sum(), 1)
        return result


def sample_cells(
    stack: Any, labels: rasterio.DatasetReader, split: BlockSplit | None, most: int, seed: int, progress: Progress
) -> CellSet:
    """Draw cells evenly over the area of each subset, landslide cells and stable ones apart.

    Every cell draws a number; those with the lowest numbers are the sample. So the memory is bounded, and the sample
    does not depend on how the raster is cut into working blocks, but for the order of the draws.

    Args:
        stack: an open stack.
        labels: an open label raster on its grid.
        split: gives the subset of each block; ``None`` shares the cells out at random.
        most: landslide cells, and stable cells, of a subset.
        seed: of the draws.
        progress: 0 to 1 over the pass.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: the training subset has no landslide cell or no stable one.
    """
    generator = np.random.default_rng([seed, 6])
    kept = {(subset, label): _KeySample(most) for subset in range(len(SUBSETS)) for label in (STABLE, LANDSLIDE)}
    count = stack.grid.block_count()
    for index, block in enumerate(stack.grid.blocks()):
        stop_if_cancelled(progress)
        label_values = read_labels(labels, block)
        if (label_values != UNKNOWN).any():
            _add(kept, stack, label_values, block, split, generator)
        progress.report((index + 1) / count)
    return _merge_samples(kept, len(stack.factors))


class _KeySample:
    """The cells with the lowest numbers of all that were added."""

    def __init__(self, most: int) -> None:
        self.most, self.total, self.limit = most, 0, np.inf
        self.keys: list[np.ndarray] = []
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def admit(self, keys: np.ndarray) -> np.ndarray:
        """Count cells and return which of them are low enough."""
        self.total += len(keys)
        return np.flatnonzero(keys < self.limit)

    def add(self, keys: np.ndarray, places: np.ndarray, groups: np.ndarray, values: np.ndarray) -> None:
        """Keep cells, and drop the highest when there are far too many."""
        self.keys.append(keys)
        self.parts.append((places, groups, values))
        if sum(map(len, self.keys)) > 2 * self.most:
            self.prune()

    def prune(self) -> None:
        """Drop all but the lowest."""
        if not self.keys:
            return
        keys = np.concatenate(self.keys)
        parts = tuple(np.concatenate(columns) for columns in zip(*self.parts))
        if len(keys) > self.most:
            lowest = np.argpartition(keys, self.most)[: self.most]
            keys, parts = keys[lowest], tuple(part[lowest] for part in parts)
            self.limit = keys.max()
        self.keys, self.parts = [keys], [parts]


def _add(
    kept: dict[tuple[int, int], _KeySample],
    stack: Any,
    label_values: np.ndarray,
    block: Block,
    split: BlockSplit | None,
    generator: np.random.Generator,
) -> None:
    values = stack.read(block)
    row, column = np.nonzero((label_values != UNKNOWN) & np.isfinite(values).all(axis=0))
    label, keys = label_values[row, column], generator.random(len(row))
    if split is None:
        subset = np.searchsorted(np.cumsum(SHARES)[:-1], generator.random(len(row)), side="right")
        group = generator.integers(0, _RANDOM_GROUPS, len(row)).astype(np.int32)
    else:
        subset = split.cell_groups(block.row, block.column, block.height, block.width)[row, column]
        blocks = split.blocks
        group = ((block.row + row) // blocks.rows * blocks.shape[1] + (block.column + column) // blocks.columns).astype(
            np.int32
        )
    place = (block.row + row) * np.int64(stack.grid.width) + block.column + column
    for (number, value), lowest in kept.items():
        mine = np.flatnonzero((subset == number) & (subset != NO_SUBSET) & (label == value))
        mine = mine[lowest.admit(keys[mine])]
        lowest.add(keys[mine], place[mine], group[mine], values[:, row[mine], column[mine]].T)


def _merge_samples(kept: dict[tuple[int, int], _KeySample], factors: int) -> CellSet:
    columns: list[list[np.ndarray]] = [[] for _ in range(5)]
    totals = np.zeros((len(SUBSETS), 2), dtype=np.int64)
    for (subset, label), lowest in kept.items():
        totals[subset, label] = lowest.total
        if subset == _TRAIN and not lowest.total:
            raise TooFewData(
                f"There is no {'landslide' if label else 'stable'} cell in the blocks for training. Use "
                "more landslides or a larger area, a smaller BLOCK, or another SEED."
            )
        lowest.prune()
        for places, groups, values in lowest.parts:
            some = (
                places,
                groups,
                values.reshape(-1, factors),
                np.full(len(places), label, dtype=np.uint8),
                np.full(len(places), subset, dtype=np.uint8),
            )
            for column, part in zip(columns, some):
                column.append(part)
    places, groups, values, labels, subsets = (np.concatenate(column) for column in columns)
    order = np.argsort(places)
    return CellSet(
        np.ascontiguousarray(values[order], dtype=np.float32), labels[order], subsets[order], groups[order], totals
    )
