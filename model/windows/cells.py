"""Cells for models of single cells: an even sample of each subset, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..grid import Block
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress
from ..stack import UndeclaredNodataCheck
from .split import NO_SUBSET, SHARES, SUBSETS, TRAIN, BlockSplit, TrainingRasters, read_labels

MAX_CELLS = 30_000  # of each class in each subset; neighbours are alike, so more cells add little
_RANDOM_GROUPS = 10


@dataclass
class CellSet:
    """Labelled cells with data in every factor, in row-major order."""

    values: np.ndarray  # float32 (cells, factors), physical values and class codes
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable
    subsets: np.ndarray  # index into ``SUBSETS``, uint8 (cells,)
    groups: np.ndarray  # spatial block of each cell, int32 (cells,)
    totals: np.ndarray  # all cells of each subset, int64 (subsets, 2): stable, landslide

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, *subsets: int) -> np.ndarray:
        """Return the indices of the cells of some subsets."""
        return np.flatnonzero(np.isin(self.subsets, subsets))

    def weights(self) -> np.ndarray:
        """Return the number of cells of the area that each cell represents, float64 (cells,)."""
        result = np.ones(len(self))
        for (subset, label), total in np.ndenumerate(self.totals):
            some = (self.subsets == subset) & (self.labels == label)
            result[some] = total / max(some.sum(), 1)
        return result


def sample_cells(
    rasters: TrainingRasters, split: BlockSplit | None, max_cells: int, seed: int, progress: Progress
) -> CellSet:
    """Draw cells evenly over the area of each subset, landslide cells and stable ones separately.

    Every cell gets a random key; those with the lowest keys, ``max_cells`` of each class in each subset, are the
    sample. So the memory is bounded. Without a split, cells are assigned to the subsets at random. Raises
    ``InputCorrupt`` if labels are not 0, 1 or 255, or a factor holds undeclared nodata; ``TooFewData`` if the training
    subset has no landslide cell or no stable one.
    """
    generator = np.random.default_rng([seed, 6])
    kept = {(subset, label): _KeySample(max_cells) for subset in range(len(SUBSETS)) for label in (STABLE, LANDSLIDE)}
    undeclared = UndeclaredNodataCheck(rasters.stack)
    for block in rasters.grid.blocks_with_progress(progress):
        labels = read_labels(rasters.labels, block)
        if (labels != UNKNOWN).any():
            _add(kept, rasters, labels, block, split, generator, undeclared)
    undeclared.require_none()
    return _merge_samples(kept, len(rasters.factors))


class _KeySample:
    """The cells with the lowest keys of all that were added."""

    def __init__(self, max_cells: int) -> None:
        self.max_cells, self.total, self.limit = max_cells, 0, np.inf
        self.keys: list[np.ndarray] = []
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def admit(self, keys: np.ndarray) -> np.ndarray:
        """Count cells and return the indices of those whose keys are low enough."""
        self.total += len(keys)
        return np.flatnonzero(keys < self.limit)

    def add(self, keys: np.ndarray, places: np.ndarray, groups: np.ndarray, values: np.ndarray) -> None:
        """Keep cells, and prune when there are far too many."""
        self.keys.append(keys)
        self.parts.append((places, groups, values))
        if sum(map(len, self.keys)) > 2 * self.max_cells:
            self.prune()

    def prune(self) -> None:
        """Drop all but the lowest keys."""
        if not self.keys:
            return
        keys = np.concatenate(self.keys)
        places, groups, values = (np.concatenate(columns) for columns in zip(*self.parts))
        if len(keys) > self.max_cells:
            lowest = np.argpartition(keys, self.max_cells)[: self.max_cells]
            keys, places, groups, values = keys[lowest], places[lowest], groups[lowest], values[lowest]
            self.limit = keys.max()
        self.keys, self.parts = [keys], [(places, groups, values)]


def _add(
    kept: dict[tuple[int, int], _KeySample],
    rasters: TrainingRasters,
    labels: np.ndarray,
    block: Block,
    split: BlockSplit | None,
    generator: np.random.Generator,
    undeclared: UndeclaredNodataCheck,
) -> None:
    values = rasters.stack.read(block)
    row, column = np.nonzero((labels != UNKNOWN) & np.isfinite(values).all(axis=0))
    undeclared.add(values[:, row, column])
    label, keys = labels[row, column], generator.random(len(row))
    if split is None:
        subset = np.searchsorted(np.cumsum(SHARES)[:-1], generator.random(len(row)), side="right")
        group = generator.integers(0, _RANDOM_GROUPS, len(row)).astype(np.int32)
    else:
        subset = split.cell_groups(block.row, block.column, block.height, block.width)[row, column]
        blocks = split.blocks
        down, across = (block.row + row) // blocks.rows, (block.column + column) // blocks.columns
        group = (down * blocks.shape[1] + across).astype(np.int32)
    place = (block.row + row) * np.int64(rasters.grid.width) + block.column + column
    for (number, value), lowest in kept.items():
        mine = np.flatnonzero((subset == number) & (subset != NO_SUBSET) & (label == value))
        mine = mine[lowest.admit(keys[mine])]
        lowest.add(keys[mine], place[mine], group[mine], values[:, row[mine], column[mine]].T)


def _merge_samples(kept: dict[tuple[int, int], _KeySample], factors: int) -> CellSet:
    columns: list[list[np.ndarray]] = [[] for _ in range(5)]
    totals = np.zeros((len(SUBSETS), 2), dtype=np.int64)
    for (subset, label), lowest in kept.items():
        totals[subset, label] = lowest.total
        if subset == TRAIN and not lowest.total:
            raise TooFewData(
                f"There is no {'landslide' if label else 'stable'} cell in the training blocks. Use more landslides or "
                "a larger area, a smaller BLOCK, or another SEED."
            )
        lowest.prune()
        for places, groups, values in lowest.parts:
            constants = (np.full(len(places), number, dtype=np.uint8) for number in (label, subset))
            for column, part in zip(columns, (places, groups, values.reshape(-1, factors), *constants)):
                column.append(part)
    places, groups, values, labels, subsets = (np.concatenate(column) for column in columns)
    order = np.argsort(places)
    return CellSet(
        np.ascontiguousarray(values[order], dtype=np.float32), labels[order], subsets[order], groups[order], totals
    )
