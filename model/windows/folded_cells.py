"""Cells for cross-fitting: a sample of all land, with the folds, and the part of a landslide that a cell stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import rasterio
from scipy.spatial import cKDTree

from ..errors import TooFewData
from ..grid import Grid
from ..inputs.rasters import read_window
from ..labels import LANDSLIDE, STABLE
from ..labels.discs import LandslideDiscs, read_discs
from ..progress import NullProgress, Progress, SubProgress, stop_if_cancelled
from .cells import MAX_CELLS, sample_cells
from .collection import WindowFeature
from .ownership import cells_of_no_disc, find_ownership, touching_patches
from .split import (
    NO_SUBSET,
    SUBSETS,
    TEST,
    TRAIN,
    Blocks,
    BlockSplit,
    Folds,
    TrainingRasters,
    assign_blocks,
    scan_labels,
)
from .unused_cells import SparseCells

FOLDS, FEW_FOLDS, FEW_LANDSLIDES = 5, 3, 50  # with fewer landslides each fold would hold too few to choose by
_REACH = 0.75  # cells beyond its radius in which a cell counts for a disc: the own cell always does
_POINTS_AT_ONCE = 2000


@dataclass
class FoldedCells:
    """Sampled cells with data in every factor: landslide and stable ones, and those of the ring."""

    values: np.ndarray  # float32 (cells, factors), physical values and class codes
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable, 255 ring
    places: np.ndarray  # row × columns of the grid + column, int64 (cells,)
    counts: np.ndarray  # cells of the area that each stands for, float64 (cells,)
    shares: np.ndarray  # landslides that each landslide cell stands for, else 0, float64 (cells,)
    roles: np.ndarray  # uint8 (folds, cells): TRAIN, TEST for the held-out fold, ``NO_SUBSET`` for unused cells
    land: BlockSplit
    """The fold that holds out each cell, with none for unused land and for cells of a landslide of another fold."""
    landslide: np.ndarray  # landslide cells of each block
    labelled: np.ndarray  # labelled cells of each block
    safety: np.ndarray | None = None  # safety factor, float32 (cells,), NaN where unknown

    @property
    def landslides(self) -> float:
        """Number of landslides in the sample."""
        return float(self.shares.sum())

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their fold; all of them train the model."""
        result = []
        for row, column in np.argwhere(self.land.subsets != NO_SUBSET).tolist():
            share = float(self.landslide[row, column] / max(self.labelled[row, column], 1))
            bounds, fold = self.land.blocks.bounds(grid, row, column), int(self.land.subsets[row, column]) + 1
            result.append(WindowFeature.of(bounds, SUBSETS[TRAIN], share, seed, fold))
        return result

    def describe(self) -> list[dict[str, object]]:
        """Return for each fold what ``TrainingResult.subsets`` says of a subset."""
        result: list[dict[str, object]] = []
        for fold in range(len(self.roles)):
            mine = self.land.subsets == fold
            landslide, labelled = int(self.landslide[mine].sum()), int(self.labelled[mine].sum())
            result.append(
                {
                    "name": f"fold {fold + 1}",
                    "windows": int(mine.sum()),
                    "landslide_windows": int((self.landslide[mine] > 0).sum()),
                    "landslide_cells": landslide,
                    "stable_cells": labelled - landslide,
                    "landslide_share": landslide / max(labelled, 1),
                }
            )
        return result


def collect_folded_cells(
    rasters: TrainingRasters, block: float, buffer: float | None, seed: int, progress: Progress
) -> FoldedCells:
    """Sample all land and divide it into folds of blocks with a side of ``block`` metres.

    ``buffer`` is in metres; ``None`` for the automatic one. Raises ``TooFewData`` if the landslides lie in one block
    only, or a fold leaves none to train on; ``InputCorrupt`` if labels are not 0, 1 or 255.
    """
    blocks = Blocks.for_grid(rasters.grid, block)
    scan = scan_labels(rasters, blocks, blocks, seed, SubProgress(progress, 0.0, 0.4))
    ownership = find_ownership(rasters.labels, rasters.grid, blocks, SubProgress(progress, 0.4, 0.5))
    folds = Folds(blocks, np.zeros(blocks.shape, np.uint8), scan.landslide, scan.labelled, 1, ownership, buffer)
    land = BlockSplit(blocks, np.where(scan.labelled > 0, np.uint8(TRAIN), np.uint8(NO_SUBSET)))
    return _sample(rasters, folds, land, seed, SubProgress(progress, 0.5, 1.0))


def collect_outside(rasters: TrainingRasters, folds: Folds, fold: int, seed: int, progress: Progress) -> FoldedCells:
    """Do the same on the land outside a fold of a cross validation, by its rules; it is divided into folds again."""
    return _sample(rasters, folds, folds.split_excluding(fold, seed, validate=False), seed, progress)


def _sample(rasters: TrainingRasters, folds: Folds, land: BlockSplit, seed: int, progress: Progress) -> FoldedCells:
    """Sample the cells of the training land of a split, and divide its blocks into folds."""
    sample = sample_cells(rasters, land, MAX_CELLS, seed, SubProgress(progress, 0.0, 0.8), with_ring=True)
    parts = [sample] if sample.ring is None else [sample, sample.ring]
    chosen = [part.rows(TRAIN) for part in parts]
    values, labels, places = (
        np.concatenate([getattr(part, name)[rows] for part, rows in zip(parts, chosen)])
        for name in ("values", "labels", "places")
    )
    counts = [sample.weights()[chosen[0]]]
    if sample.ring is not None:
        counts.append(np.full(len(chosen[1]), sample.ring.totals[TRAIN, 0] / max(len(chosen[1]), 1)))
    slides = np.flatnonzero(labels == LANDSLIDE)
    shares = np.zeros(len(labels))
    part = SubProgress(progress, 0.8, 0.9)
    shares[slides] = landslide_shares(rasters.labels, rasters.grid, places[slides], part)
    used = land.subsets == TRAIN
    landslide, labelled = np.where(used, folds.landslide, 0), np.where(used, folds.labelled, 0)
    number = FOLDS if shares.sum() >= FEW_LANDSLIDES else FEW_FOLDS
    table = _fold_table(folds, landslide, labelled, number, seed)
    rows, columns = places // rasters.grid.width, places % rasters.grid.width
    cells, roles, strangers = np.stack([rows, columns], axis=1), [], []
    for fold in range(int(table[used].max()) + 1):
        stop_if_cancelled(progress)
        split = _without(folds, table, fold)
        roles.append(split.groups_of(cells))
        strangers.append(split.strangers_for_test())
        for label, what in ((LANDSLIDE, "landslide"), (STABLE, "stable")):
            if not ((roles[-1] == TRAIN) & (labels == label)).any():
                raise TooFewData(
                    f"A fold leaves no {what} cell to train on. Use more landslides, a larger area, another BLOCK, or "
                    "a smaller BUFFER."
                )
    table = np.where(used, table, np.uint8(NO_SUBSET))
    held_out = BlockSplit(folds.blocks, table, SparseCells(np.sort(np.concatenate(strangers)), rasters.grid.width))
    safety = _safety_at(rasters, places, SubProgress(progress, 0.9, 1.0))
    counted = held_out, landslide, labelled, safety
    return FoldedCells(values, labels, places, np.concatenate(counts), shares, np.stack(roles), *counted)


def _safety_at(rasters: TrainingRasters, places: np.ndarray, progress: Progress) -> np.ndarray | None:
    """Return the safety factor at cells, float32 (cells,), NaN where unknown; ``None`` if there is no raster of it."""
    if rasters.safety is None:
        return None
    result = np.full(len(places), np.nan, dtype=np.float32)
    rows, columns = places // rasters.grid.width, places % rasters.grid.width
    for block in rasters.grid.blocks_with_progress(progress):
        row, column = rows - block.row, columns - block.column
        some = np.flatnonzero((row >= 0) & (row < block.height) & (column >= 0) & (column < block.width))
        if len(some):
            values = read_window(rasters.safety, block.row, block.column, *block.shape, bands=[1])[0]
            result[some] = values[row[some], column[some]]
    return result


def _fold_table(folds: Folds, landslide: np.ndarray, labelled: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return the fold of each block; there are fewer folds where few blocks hold landslides."""
    grouped = folds.grouped(landslide), folds.grouped(labelled)
    holding = int((grouped[0] > 0).sum())
    if holding < 2:
        raise TooFewData(
            "Landslides lie in one block only, but spatial folds need at least two. Make BLOCK smaller, or use more "
            "landslides."
        )
    number = min(number, holding)
    table = assign_blocks(*grouped, [1 / number] * number, seed)
    table = table.repeat(folds.group[0], axis=0).repeat(folds.group[1], axis=1)
    return table[: landslide.shape[0], : landslide.shape[1]]


def _without(folds: Folds, table: np.ndarray, fold: int) -> BlockSplit:
    """Return the split that holds a fold out for test and trains on the others."""
    subsets = np.where(table == fold, np.uint8(TEST), np.uint8(TRAIN))
    subsets[table == NO_SUBSET] = NO_SUBSET
    split = BlockSplit(folds.blocks, subsets, group=folds.group)
    return split if folds.ownership is None else split.kept_apart(folds.ownership, folds.buffer)


def landslide_shares(labels: rasterio.DatasetReader, grid: Grid, places: np.ndarray, progress: Progress) -> np.ndarray:
    """Return how many landslides each landslide cell of a sample stands for, float64 (cells,).

    Each landslide counts one, shared equally by the sampled cells of its disc; without discs, by those of a patch of
    touching cells. ``places`` are row × columns of the grid + column, increasing.
    """
    result, discs = np.zeros(len(places)), read_discs(labels, grid)
    if discs is not None and len(discs) and len(places):
        result += _shares_of_discs(discs, grid, places, progress)
    loose = np.flatnonzero(result == 0)
    if len(loose):
        cells = cells_of_no_disc(labels, grid, discs, NullProgress())
        place = np.minimum(np.searchsorted(cells, places[loose]), max(len(cells) - 1, 0))
        loose = loose[cells[place] == places[loose]] if len(cells) else loose[:0]
        if len(loose):
            patch = touching_patches(cells, grid)[1][np.searchsorted(cells, places[loose])]
            result[loose] = 1 / np.bincount(patch)[patch]
    return result


def _shares_of_discs(discs: LandslideDiscs, grid: Grid, places: np.ndarray, progress: Progress) -> np.ndarray:
    # In cells, and not on the ground: a share need not be exact to the last cell of a disc.
    width, height = grid.spacing()
    aspect = float(width.mean() / height.mean())
    tree = cKDTree(np.stack([places // grid.width + 0.5, (places % grid.width + 0.5) * aspect], axis=1))
    row = np.clip(discs.row, 0, grid.height - 1).astype(np.int64)
    points, reach = np.stack([discs.row, discs.column * aspect], axis=1), discs.radius / height[row] + _REACH
    result = np.zeros(len(places))
    for start in range(0, len(points), _POINTS_AT_ONCE):
        stop_if_cancelled(progress)
        some = slice(start, start + _POINTS_AT_ONCE)
        for found in tree.query_ball_point(points[some], reach[some]):
            if found:
                result[found] += 1 / len(found)
    return result
