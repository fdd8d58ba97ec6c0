"""Cells for models of single cells: an even sample of each subset, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..grid import Block
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress
from ..stack import UndeclaredNodataCheck
from .mapped import RingCells
from .split import NO_SUBSET, SHARES, SUBSETS, TRAIN, BlockSplit, TrainingRasters, read_labels

MAX_CELLS = 30_000  # of each class in each subset; neighbours are alike, so more cells add little
_RANDOM_GROUPS = 10
_RING = 2  # stands for ring cells while cells are drawn
_CLASSES = (STABLE, LANDSLIDE, _RING)
Columns = tuple[np.ndarray, ...]


@dataclass
class CellSet:
    """Labelled cells with data in every factor, in row-major order."""

    values: np.ndarray  # float32 (cells, factors), physical values and class codes
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable
    subsets: np.ndarray  # index into ``SUBSETS``, uint8 (cells,)
    groups: np.ndarray  # spatial block of each cell, int32 (cells,)
    totals: np.ndarray  # all cells of each subset, int64 (subsets, 2): stable, landslide
    places: np.ndarray  # row × columns of the grid + column of each cell, int64 (cells,)
    ring: CellSet | None = None
    """Ring cells, which no model learns from, with the label 255; ``totals`` has their number in the first column."""
    stands_for: np.ndarray | None = None  # :meth:`weights` of cells of several areas, float64 (cells,)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, *subsets: int) -> np.ndarray:
        """Return the indices of the cells of some subsets."""
        return np.flatnonzero(np.isin(self.subsets, subsets))

    def weights(self) -> np.ndarray:
        """Return the number of cells of the area that each cell represents, float64 (cells,)."""
        if self.stands_for is not None:
            return self.stands_for
        result = np.ones(len(self))
        for (subset, label), total in np.ndenumerate(self.totals):
            some = (self.subsets == subset) & (self.labels == label)
            result[some] = total / max(some.sum(), 1)
        return result


def sample_cells(
    rasters: TrainingRasters,
    split: BlockSplit | None,
    max_cells: int,
    seed: int,
    progress: Progress,
    with_ring: bool = False,
) -> CellSet:
    """Draw cells evenly over the area of each subset, landslide cells and stable ones separately.

    Every cell gets a random key; those with the lowest keys, ``max_cells`` of each class in each subset, are the
    sample. So the memory is bounded. Without a split, cells are assigned to the subsets at random. With ``with_ring``
    ring cells are drawn as well, from random numbers of their own. Raises
    ``InputCorrupt`` if labels are not 0, 1 or 255, or a factor holds undeclared nodata; ``TooFewData`` if the training
    subset has no landslide cell or no stable one.
    """
    generator = np.random.default_rng([seed, 6])
    ring_generator, rings = np.random.default_rng([seed, 12]), RingCells(rasters.labels, rasters.grid)
    totals = np.zeros((len(SUBSETS), len(_CLASSES)), dtype=np.int64)
    marks = UndeclaredNodataCheck(rasters.stack)
    kept: Columns = ()
    for block in rasters.grid.blocks_with_progress(progress):
        labels = read_labels(rasters.labels, block)
        if (labels != UNKNOWN).any():
            values = rasters.stack.read(block)
            parts = [_cells_of_block(rasters, values, labels, block, split, generator, marks)]
            ring = rings.read(block) if with_ring else np.zeros(block.shape, dtype=bool)
            if ring.any():
                labels = np.where(ring, np.uint8(_RING), np.uint8(UNKNOWN))
                parts.append(_cells_of_block(rasters, values, labels, block, split, ring_generator, marks))
            for found in parts:
                np.add.at(totals, (found[-2], found[-1]), 1)
            kept = _lowest_keys([kept, *parts] if kept else parts, max_cells)
    marks.require_none()
    for label, name in ((STABLE, "stable"), (LANDSLIDE, "landslide")):
        if not totals[TRAIN, label]:
            raise TooFewData(
                f"There is no {name} cell in the training blocks. Use more landslides or a larger area, a smaller "
                "BLOCK or BUFFER, or another SEED."
            )
    is_ring = kept[-1] == _RING
    ring_set = _cell_set(tuple(column[is_ring] for column in kept), totals[:, _RING:]) if with_ring else None
    cells = _cell_set(tuple(column[~is_ring] for column in kept), totals[:, :_RING])
    cells.ring = ring_set
    return cells


def _cell_set(columns: Columns, totals: np.ndarray) -> CellSet:
    """Return columns of :func:`_cells_of_block` in row-major order."""
    _, places, groups, values, subsets, labels = columns
    order = np.argsort(places)
    labels = np.where(labels == _RING, np.uint8(UNKNOWN), labels)[order]
    values = np.ascontiguousarray(values[order], dtype=np.float32)
    return CellSet(values, labels, subsets[order], groups[order], totals, places[order])


def _cells_of_block(
    rasters: TrainingRasters,
    values: np.ndarray,
    labels: np.ndarray,
    block: Block,
    split: BlockSplit | None,
    generator: np.random.Generator,
    marks: UndeclaredNodataCheck,
) -> Columns:
    """Return random key, place, group, values, subset and label of the cells of a block that can be used."""
    row, column = np.nonzero((labels != UNKNOWN) & np.isfinite(values).all(axis=0))
    marks.add(values[:, row, column])
    keys = generator.random(len(row))
    if split is None:
        subset = np.searchsorted(np.cumsum(SHARES)[:-1], generator.random(len(row)), side="right").astype(np.uint8)
        group = generator.integers(0, _RANDOM_GROUPS, len(row)).astype(np.int32)
    else:
        subset = split.cell_groups(block.row, block.column, block.height, block.width)[row, column]
        blocks, (tall, wide) = split.blocks, split.group
        down, across = (block.row + row) // (tall * blocks.rows), (block.column + column) // (wide * blocks.columns)
        group = (down * blocks.shape[1] + across).astype(np.int32)
    place = (block.row + row) * np.int64(rasters.grid.width) + block.column + column
    used = subset != NO_SUBSET
    columns = keys, place, group, values[:, row, column].T, subset, labels[row, column]
    return tuple(each[used] for each in columns)


def _lowest_keys(parts: list[Columns], max_cells: int) -> Columns:
    """Return the cells with the lowest keys of each class in each subset."""
    columns = [np.concatenate(column) for column in zip(*parts)]
    keys, *_, subsets, labels = columns
    chosen = [np.empty(0, dtype=np.int64)]
    for subset, label in np.ndindex(len(SUBSETS), len(_CLASSES)):
        mine = np.flatnonzero((subsets == subset) & (labels == label))
        chosen.append(mine[np.argpartition(keys[mine], max_cells)[:max_cells]] if len(mine) > max_cells else mine)
    kept = np.concatenate(chosen)
    return tuple(column[kept] for column in columns)
