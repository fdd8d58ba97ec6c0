"""Cells for cross-fitting: a sample of all land, with the folds, and the part of a landslide that a cell stands for."""

from __future__ import annotations

from collections.abc import Sequence
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
MIN_CELLS = 5_000  # of each class of an area, whatever the number of areas
_REACH = 0.75  # cells beyond its radius in which a cell counts for a disc: the own cell always does
_POINTS_AT_ONCE = 2000


@dataclass
class FoldedLand:
    """The blocks of one area."""

    held_out: BlockSplit
    """The fold that holds out each cell, with none for unused land and for cells of a landslide of another fold."""
    landslide: np.ndarray  # landslide cells of each block
    labelled: np.ndarray  # labelled cells of each block

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their fold; all of them train the model."""
        result, table, blocks = [], self.held_out.subsets, self.held_out.blocks
        for row, column in np.argwhere(table != NO_SUBSET).tolist():
            share = float(self.landslide[row, column] / max(self.labelled[row, column], 1))
            bounds, fold = blocks.bounds(grid, row, column), int(table[row, column]) + 1
            result.append(WindowFeature.of(bounds, SUBSETS[TRAIN], share, seed, fold))
        return result


@dataclass
class FoldedCells:
    """Sampled cells with data in every factor: landslide and stable ones, and those of the ring.

    They are of one area or, joined, of several: then each cell has the number of its area, and its place is one on the
    grid of that area.
    """

    values: np.ndarray  # float32 (cells, factors), physical values and class codes
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable, 255 ring
    places: np.ndarray  # row × columns of the grid + column, int64 (cells,)
    counts: np.ndarray  # cells of the area that each stands for, in cells of the first area, float64 (cells,)
    shares: np.ndarray  # landslides that each landslide cell stands for, else 0, float64 (cells,)
    roles: np.ndarray  # uint8 (folds, cells): TRAIN, TEST for the held-out fold, ``NO_SUBSET`` for unused cells
    areas: np.ndarray  # number of the area of each, index of ``lands``, uint8 (cells,)
    lands: list[FoldedLand]
    safety: np.ndarray | None = None  # safety factor, float32 (cells,), NaN where unknown

    @classmethod
    def joined(cls, parts: Sequence[FoldedCells]) -> FoldedCells:
        """Return the cells of several areas, or other cells of an area with those of the model, as one set.

        All have the same factors, classes with the same codes (:func:`~..training.areas.open_areas`), and the same
        number of folds. A safety factor that a part lacks is unknown there. Numbers of areas count on from part to
        part.
        """
        if len(parts) == 1:
            return parts[0]
        names = ("values", "labels", "places", "counts", "shares")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        before = np.cumsum([0, *(len(part.lands) for part in parts)])
        areas = np.concatenate([part.areas + np.uint8(first) for part, first in zip(parts, before)])
        safety = None
        if any(part.safety is not None for part in parts):
            unknown = [np.full(len(part.labels), np.nan, dtype=np.float32) for part in parts]
            safety = np.concatenate(
                [none if part.safety is None else part.safety for part, none in zip(parts, unknown)]
            )
        roles = np.concatenate([part.roles for part in parts], axis=1)
        lands = [land for part in parts for land in part.lands]
        return cls(**columns, roles=roles, areas=areas, lands=lands, safety=safety)

    @property
    def landslides(self) -> float:
        """Number of landslides in the sample."""
        return float(self.shares.sum())

    def describe(self) -> list[dict[str, object]]:
        """Return for each fold what ``TrainingResult.subsets`` says of a subset."""
        result: list[dict[str, object]] = []
        for fold in range(len(self.roles)):
            mine = [land.held_out.subsets == fold for land in self.lands]
            blocks = [land.landslide[own] for land, own in zip(self.lands, mine)]
            landslide = sum(int(counts.sum()) for counts in blocks)
            labelled = sum(int(land.labelled[own].sum()) for land, own in zip(self.lands, mine))
            result.append(
                {
                    "name": f"fold {fold + 1}",
                    "windows": sum(int(own.sum()) for own in mine),
                    "landslide_windows": sum(int((counts > 0).sum()) for counts in blocks),
                    "landslide_cells": landslide,
                    "stable_cells": labelled - landslide,
                    "landslide_share": landslide / max(labelled, 1),
                }
            )
        return result


def collect_folded_cells(
    areas: Sequence[TrainingRasters], block: float, buffer: float | None, seed: int, progress: Progress
) -> FoldedCells:
    """Sample all land of one or more areas and divide it into folds of blocks with a side of ``block`` metres.

    Each fold holds out blocks of each area, as far as the area has enough of them with landslides. ``buffer`` is in
    metres; ``None`` for the automatic one. Raises ``TooFewData`` if the landslides lie in one block only, or a fold
    leaves none to train on; ``InputCorrupt`` if labels are not 0, 1 or 255.
    """
    drawn: list[_Drawn] = []
    for number, rasters in enumerate(areas):
        part = SubProgress(progress, 0.95 * number / len(areas), 0.95 * (number + 1) / len(areas))
        blocks = Blocks.for_grid(rasters.grid, block)
        scan = scan_labels(rasters, blocks, blocks, seed, SubProgress(part, 0.0, 0.4))
        ownership = find_ownership(rasters.labels, rasters.grid, blocks, SubProgress(part, 0.4, 0.5))
        folds = Folds(blocks, np.zeros(blocks.shape, np.uint8), scan.landslide, scan.labelled, 1, ownership, buffer)
        land = BlockSplit(blocks, np.where(scan.labelled > 0, np.uint8(TRAIN), np.uint8(NO_SUBSET)))
        most = max(MAX_CELLS // len(areas), MIN_CELLS)
        drawn.append(_draw(rasters, folds, land, most, seed, SubProgress(part, 0.5, 1.0)))
    for one, rasters in zip(drawn, areas):
        one.counts *= (rasters.grid.cell_size() / areas[0].grid.cell_size()) ** 2
    return _divide(drawn, seed, SubProgress(progress, 0.95, 1.0))


def collect_outside(rasters: TrainingRasters, folds: Folds, fold: int, seed: int, progress: Progress) -> FoldedCells:
    """Do the same on the land outside a fold of a cross validation, by its rules; it is divided into folds again."""
    land = folds.split_excluding(fold, seed, validate=False)
    drawn = _draw(rasters, folds, land, MAX_CELLS, seed, SubProgress(progress, 0.0, 0.95))
    return _divide([drawn], seed, SubProgress(progress, 0.95, 1.0))


@dataclass
class _Drawn:
    """Cells of the training land of a split, as in :class:`FoldedCells`, and its blocks; they have no folds yet."""

    values: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    counts: np.ndarray
    shares: np.ndarray
    safety: np.ndarray | None
    folds: Folds  # of another purpose: its blocks, their groups, ownership and buffer count
    used: np.ndarray  # bool table of blocks: whether they are training land
    width: int  # columns of the grid

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Landslide cells and labelled cells of each block of the training land."""
        return np.where(self.used, self.folds.landslide, 0), np.where(self.used, self.folds.labelled, 0)

    @property
    def holding(self) -> int:
        """Number of groups of blocks that hold landslides."""
        return int((self.folds.grouped(self.cells[0]) > 0).sum())


def _draw(rasters: TrainingRasters, folds: Folds, land: BlockSplit, most: int, seed: int, progress: Progress) -> _Drawn:
    """Sample at most so many cells of each class of the training land of a split."""
    sample = sample_cells(rasters, land, most, seed, SubProgress(progress, 0.0, 0.8), with_ring=True)
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
    safety = _safety_at(rasters, places, SubProgress(progress, 0.9, 1.0))
    columns = values, labels, places, np.concatenate(counts), shares, safety
    return _Drawn(*columns, folds, land.subsets == TRAIN, rasters.grid.width)


def _divide(drawn: Sequence[_Drawn], seed: int, progress: Progress) -> FoldedCells:
    """Divide the blocks of areas into folds; there are fewer folds where few blocks hold landslides."""
    holding = sum(one.holding for one in drawn)
    if holding < 2:
        raise TooFewData(
            "Landslides lie in one block only, but spatial folds need at least two. Make BLOCK smaller, or use more "
            "landslides."
        )
    landslides = sum(float(one.shares.sum()) for one in drawn)
    number = min(FOLDS if landslides >= FEW_LANDSLIDES else FEW_FOLDS, holding)
    parts: list[FoldedCells] = []
    held = np.zeros(number)  # landslides by fold, of all areas so far
    for one in drawn:
        table = _fold_table(one, number, seed)
        if parts:
            # An area with few blocks has few folds; these then join those that hold the fewest landslides.
            counts = np.bincount(table[one.used], one.cells[0][one.used], minlength=number)[:number]
            order = np.empty(number, dtype=np.uint8)
            order[np.argsort(-counts, kind="stable")] = np.argsort(held, kind="stable")
            table = np.where(table == NO_SUBSET, table, order[np.minimum(table, number - 1)])
        parts.append(_with_folds(one, table, number, progress))
        held += (parts[-1].shares * (parts[-1].roles == TEST)).sum(axis=1)
    cells = FoldedCells.joined(parts)
    for role in cells.roles:
        for label, what in ((LANDSLIDE, "landslide"), (STABLE, "stable")):
            if not ((role == TRAIN) & (cells.labels == label)).any():
                raise TooFewData(
                    f"A fold leaves no {what} cell to train on. Use more landslides, a larger area, another BLOCK, or "
                    "a smaller BUFFER."
                )
    return cells


def _with_folds(drawn: _Drawn, table: np.ndarray, number: int, progress: Progress) -> FoldedCells:
    """Return the cells of an area with their role in each of so many folds, from the fold of each block."""
    folds, roles, strangers = drawn.folds, [], []
    cells = np.stack([drawn.places // drawn.width, drawn.places % drawn.width], axis=1)
    for fold in range(number):
        stop_if_cancelled(progress)
        split = _without(folds, table, fold)
        roles.append(split.groups_of(cells))
        strangers.append(split.strangers_for_test())
    table = np.where(drawn.used, table, np.uint8(NO_SUBSET))
    apart = SparseCells(np.sort(np.concatenate(strangers)), drawn.width)
    land = FoldedLand(BlockSplit(folds.blocks, table, apart), *drawn.cells)
    columns = drawn.values, drawn.labels, drawn.places, drawn.counts, drawn.shares
    return FoldedCells(*columns, np.stack(roles), np.zeros(len(cells), dtype=np.uint8), [land], drawn.safety)


def _safety_at(rasters: TrainingRasters, places: np.ndarray, progress: Progress) -> np.ndarray | None:
    """Return the safety factor at cells, float32 (cells,), NaN where unknown; ``None`` if there is no raster of it."""
    return None if rasters.safety is None else values_at(rasters.safety, rasters.grid, places, progress)


def values_at(dataset: rasterio.DatasetReader, grid: Grid, places: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the values of a raster at cells, float32 (cells,), NaN where unknown."""
    result = np.full(len(places), np.nan, dtype=np.float32)
    rows, columns = places // grid.width, places % grid.width
    for block in grid.blocks_with_progress(progress):
        row, column = rows - block.row, columns - block.column
        some = np.flatnonzero((row >= 0) & (row < block.height) & (column >= 0) & (column < block.width))
        if len(some):
            values = read_window(dataset, block.row, block.column, *block.shape, bands=[1])[0]
            result[some] = values[row[some], column[some]]
    return result


def _fold_table(drawn: _Drawn, number: int, seed: int) -> np.ndarray:
    """Return the fold of each block, of at most so many folds."""
    folds, number = drawn.folds, min(number, drawn.holding)
    landslide, labelled = map(folds.grouped, drawn.cells)
    table = assign_blocks(landslide, labelled, [1 / number] * number, seed)
    table = table.repeat(folds.group[0], axis=0).repeat(folds.group[1], axis=1)
    return table[: drawn.used.shape[0], : drawn.used.shape[1]]


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
