"""Folds for cross validation: every block of land is held back once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from .reading import TEST, TRAIN, VALIDATION, WindowSet
from .split import NO_SUBSET, Blocks, BlockSplit, assign_blocks

VALIDATION_SHARE = 0.2
"""Of the landslides outside the fold that decide when training stops; the rest trains."""

MIN_RANDOM_PATCH_SIDE = 5
"""Least side in cells of the patches that a random split shares out: neighbours end up in different folds, as they do
when single cells or points are drawn."""

MIN_LABELLED_SHARE = 0.1
"""Windows of which less than this share is labelled in their subset are left out of it."""


@dataclass(frozen=True)
class Folds:
    """Blocks of land, each in one fold."""

    blocks: Blocks
    table: np.ndarray
    """Fold of each block, uint8; every block has one, also where nothing is labelled."""
    landslide: np.ndarray
    """Landslide cells of each block."""
    labelled: np.ndarray
    """Labelled cells of each block."""
    count: int

    def cell_groups(self, row: int, column: int, height: int, width: int) -> np.ndarray:
        """Return the fold of each cell of a rectangle, uint8 (height, width); ``NO_SUBSET`` outside the grid."""
        return BlockSplit(self.blocks, self.table).cell_groups(row, column, height, width)

    def split_excluding(self, fold: int, seed: int) -> BlockSplit:
        """Return the split of the run that never sees a fold: the fold for the test, the rest to train and validate.

        Raises:
            TooFewData: outside the fold, landslides lie in fewer than two blocks.
        """
        held_out = self.table == fold
        subsets = assign_blocks(
            np.where(held_out, 0, self.landslide),
            np.where(held_out, 0, self.labelled),
            (1 - VALIDATION_SHARE, VALIDATION_SHARE),
            seed,
        )
        subsets[held_out & (self.labelled > 0)] = TEST
        return BlockSplit(self.blocks, subsets)


def make_folds(blocks: Blocks, landslide: np.ndarray, labelled: np.ndarray, count: int, seed: int) -> Folds:
    """Share blocks out into folds with about the same number of landslide cells and of labelled cells.

    Args:
        blocks: of the grid.
        landslide: landslide cells a block.
        labelled: labelled cells a block.
        count: folds.
        seed: of the draw.

    Raises:
        TooFewData: fewer blocks hold landslides than there are folds, or outside a fold fewer than the two to train
            and to validate on.
    """
    with_landslides = int((landslide > 0).sum())
    table = None if with_landslides < count else assign_blocks(landslide, labelled, [1 / count] * count, seed)
    held_out = 0 if table is None else np.bincount(table[landslide > 0], minlength=count).max()
    if table is None or with_landslides - held_out < 2:
        raise TooFewData(
            f"Landslides lie in {with_landslides} blocks only, too few for {count} folds with a block to "
            "train and one to validate on outside each. Make BLOCK smaller, use more landslides, or "
            "change FOLDS."
        )
    # No model sees a block without labels, so any of them may predict it.
    empty = np.flatnonzero(table.ravel() == NO_SUBSET)
    table.ravel()[empty] = np.arange(len(empty)) % count
    return Folds(blocks, table, landslide, labelled, count)


def split_windows(windows: WindowSet, split: BlockSplit) -> WindowSet:
    """Return the windows once for training and once for validation, each with the labels of its part only.

    A window on the border between two parts serves both with the cells that lie in them: labels are never shared,
    and the factors around a cell are what the network sees there in prediction as well.

    Args:
        windows: with all their labels.
        split: the part of each cell.

    Raises:
        TooFewData: no landslide cell, or no stable one, is left to train or to validate on.
    """
    padded = windows.labels.shape[-1]
    first = windows.origins - windows.margin
    parts = np.stack([split.cell_groups(int(row), int(column), padded, padded) for row, column in first])
    known = windows.labels != UNKNOWN
    numbers, subsets = [], []
    for subset in (TRAIN, VALIDATION):
        enough = np.flatnonzero((known & (parts == subset)).sum(axis=(1, 2)) >= MIN_LABELLED_SHARE * windows.side**2)
        mine = windows.labels[enough][parts[enough] == subset]
        for value, what in ((LANDSLIDE, "landslide"), (STABLE, "stable")):
            if not (mine == value).any():
                raise TooFewData(
                    f"A fold leaves no {what} cell to {'train' if subset == TRAIN else 'validate'} on. "
                    "Use more landslides, a smaller BLOCK, a smaller WINDOW, another SEED, or other "
                    "FOLDS."
                )
        numbers.append(enough)
        subsets.append(np.full(len(enough), subset, dtype=np.uint8))
    chosen, subset_of = np.concatenate(numbers), np.concatenate(subsets)
    mine = parts[chosen] == subset_of[:, None, None]
    safety = None if windows.safety is None else np.where(mine, windows.safety[chosen], np.float32(np.nan))
    return dataclasses.replace(
        windows,
        origins=windows.origins[chosen],
        factors=windows.factors[chosen],
        safety=safety,
        labels=np.where(mine, windows.labels[chosen], np.uint8(UNKNOWN)),
        subsets=subset_of,
    )
