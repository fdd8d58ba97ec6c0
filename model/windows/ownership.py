"""Which landslide each landslide cell belongs to, so that a landslide serves one subset only.

A disc belongs to the block of its point; a point outside the grid counts for the nearest block. Landslide cells of no
disc, which come from polygons or from labels without their points, belong together where they touch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import rasterio
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..grid import BLOCK, Block, Grid
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..labels.discs import LandslideDiscs, read_discs
from ..progress import Progress, SubProgress, stop_if_cancelled
from .split import NO_SUBSET, TEST, Blocks, BlockSplit, DividedLand, read_labels
from .unused_cells import SparseCells

_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))  # each pair of the eight neighbours once


@dataclass(frozen=True)
class Ownership:
    """Landslide cells that lie in another block than their landslide, or whose patch lies in several blocks.

    The memory is proportional to the landslide cells.
    """

    grid: Grid
    blocks: Blocks
    disc_cells: np.ndarray  # row × width + column, int64; a cell counts once for each block of landslides that cover it
    owners: np.ndarray  # block of the landslide of each, row × blocks across + column, int64
    patch_cells: np.ndarray  # cells of the patches, as ``disc_cells``
    patches: np.ndarray  # number of the patch of each, int64
    radius: float  # the largest of the labels, metres; 0 if there is none, or the labels do not tell
    ring: float  # metres, as ``radius``

    @property
    def automatic_buffer(self) -> float:
        """BUFFER where none is given: the largest label radius, else the ring, else 0; metres."""
        return self.radius or self.ring

    def strangers(self, subsets: np.ndarray) -> SparseCells:
        """Return the landslide cells in the land of another subset than their landslide.

        ``subsets`` is the table of a :class:`~.split.BlockSplit`. A disc cell is one if a landslide that covers it lies
        in another subset, or in a block of none; a cell of a patch if most of the patch lies in another subset.
        """
        table = subsets.ravel()
        foreign = self.disc_cells[table[self.owners] != table[self._block_of(self.disc_cells)]]
        of_patch = table[self._block_of(self.patch_cells)].astype(np.int64)
        count = int(self.patches.max(initial=-1)) + 1
        used = np.unique(table[table != NO_SUBSET])
        of_subset = [np.bincount(self.patches[of_patch == subset], minlength=count) for subset in used]
        most = used[np.argmax(of_subset, axis=0)]
        apart = self.patch_cells[of_patch != most[self.patches]]
        return SparseCells(np.unique(np.concatenate([foreign, apart])), self.grid.width)

    def _block_of(self, cells: np.ndarray) -> np.ndarray:
        return _block_of(cells // self.grid.width, cells % self.grid.width, self.blocks)


def find_ownership(labels: rasterio.DatasetReader, grid: Grid, blocks: Blocks, progress: Progress) -> Ownership:
    """Read whom the landslide cells of a label raster belong to, for a split into blocks. Raises ``InputCorrupt`` if
    labels are not 0, 1 or 255.
    """
    discs = read_discs(labels, grid)
    loose = cells_of_no_disc(labels, grid, discs, SubProgress(progress, 0.0, 0.5))
    patch_cells, patches = _patches(loose, grid, blocks)
    cells, owners = np.empty((2, 0), dtype=np.int64)
    if discs is not None and len(discs):
        cells, owners = _crossing_cells(discs, grid, blocks, SubProgress(progress, 0.5, 1.0))
    radius, ring = (0.0, 0.0) if discs is None else (discs.largest, discs.ring)
    return Ownership(grid, blocks, cells, owners, patch_cells, patches, radius, ring)


def report_unused(labels: rasterio.DatasetReader, grid: Grid, split: BlockSplit, progress: Progress) -> None:
    """Say how many labelled cells a split leaves unused, and why."""
    counts = np.zeros((2, 2), dtype=np.int64)  # strangers, dead zone; landslide, stable
    for block in grid.blocks_with_progress(progress):
        values = read_labels(labels, block)
        inside = DividedLand(split.blocks, split.subsets).cell_groups(block.row, block.column, *block.shape)
        known = (values != UNKNOWN) & (inside != NO_SUBSET)
        nobody = np.zeros(block.shape, dtype=bool)
        stranger = nobody if split.strangers is None else split.strangers.mask(block)
        dead = nobody if split.dead_zone is None else split.dead_zone.mask(block) & (inside != TEST) & ~stranger
        for row, mine in enumerate((stranger & known, dead & known)):
            counts[row] += (mine & (values == LANDSLIDE)).sum(), (mine & (values == STABLE)).sum()
    parts = []
    if counts[0, 0]:
        where = "in the land of another subset than their landslide"
        parts.append(f"{counts[0, 0]:,} landslide cells that lie {where}")
    if split.dead_zone is not None:
        what = f"{counts[1, 0]:,} landslide and {counts[1, 1]:,} stable cells"
        parts.append(f"{what} within {split.dead_zone.buffer:g} m of the land for test (BUFFER)")
    if parts:
        progress.report(1.0, f"Set aside: {'; '.join(parts)}.")


def _block_of(row: np.ndarray, column: np.ndarray, blocks: Blocks) -> np.ndarray:
    return row // blocks.rows * blocks.shape[1] + column // blocks.columns


def _crossing_cells(
    discs: LandslideDiscs, grid: Grid, blocks: Blocks, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells of discs in other blocks than that of their point, and the block of the point."""
    rows, columns = (
        np.clip(np.floor(index), 0, size - 1).astype(np.int64)
        for index, size in ((discs.row, grid.height), (discs.column, grid.width))
    )
    owner = _block_of(rows, columns, blocks)
    order = np.argsort(owner, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    width, height = grid.spacing()
    found: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    owners: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    for done, group in enumerate(groups, 1):
        stop_if_cancelled(progress)
        radius, mine = float(discs.radius[group].max()), int(owner[group[0]])
        reach = math.ceil(radius / float(height.min())) + 2, math.ceil(radius / float(width.min())) + 2
        buffers = discs.buffers(grid, group)
        top, left = (max(int(index[group].min()) - far, 0) for index, far in zip((rows, columns), reach))
        bottom = min(int(rows[group].max()) + reach[0] + 1, grid.height)
        right = min(int(columns[group].max()) + reach[1] + 1, grid.width)
        for part in Grid(grid.crs, grid.transform, right - left, bottom - top).blocks(BLOCK):
            row, column = np.nonzero(buffers.read(Block(top + part.row, left + part.column, *part.shape))[0])
            row, column = row + top + part.row, column + left + part.column
            elsewhere = _block_of(row, column, blocks) != mine
            found.append((row * np.int64(grid.width) + column)[elsewhere])
            owners.append(np.full(len(found[-1]), mine, dtype=np.int64))
        progress.report(done / len(groups))
    return np.concatenate(found), np.concatenate(owners)


def cells_of_no_disc(
    labels: rasterio.DatasetReader, grid: Grid, discs: LandslideDiscs | None, progress: Progress
) -> np.ndarray:
    """Return the landslide cells outside every disc: row × width + column, int64, increasing."""
    buffers = discs.buffers(grid) if discs is not None and len(discs) else None
    found = [np.empty(0, dtype=np.int64)]
    for block in grid.blocks_with_progress(progress):
        slide = read_labels(labels, block) == LANDSLIDE
        if buffers is not None and slide.any():
            slide &= ~buffers.read(block)[0]
        row, column = np.nonzero(slide)
        found.append((row + block.row) * np.int64(grid.width) + column + block.column)
    return np.sort(np.concatenate(found))


def touching_patches(cells: np.ndarray, grid: Grid) -> tuple[int, np.ndarray]:
    """Return the number of patches of touching cells (eight neighbours), and the patch of each cell from 0.

    The cells, row × width + column, increase.
    """
    column = cells % grid.width
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for down, across in _NEIGHBOURS:
        inside = np.flatnonzero((column + across >= 0) & (column + across < grid.width))
        wanted = cells[inside] + down * grid.width + across
        place = np.minimum(np.searchsorted(cells, wanted), max(len(cells) - 1, 0))
        there = cells[place] == wanted
        pairs.append(np.stack([inside[there], place[there]]))
    start, end = np.concatenate(pairs, axis=1)
    graph = coo_matrix((np.ones(len(start), dtype=bool), (start, end)), shape=(len(cells), len(cells)))
    count, patch = connected_components(graph, directed=False)
    return int(count), patch


def _patches(cells: np.ndarray, grid: Grid, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return those cells whose patch of touching cells lies in several blocks, and its number."""
    column, (count, patch) = cells % grid.width, touching_patches(cells, grid)
    block = _block_of(cells // grid.width, column, blocks)
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1, dtype=np.int64)
    np.minimum.at(low, patch, block)
    np.maximum.at(high, patch, block)
    several = np.flatnonzero((low < high)[patch])
    _, number = np.unique(patch[several], return_inverse=True)
    return cells[several], number.astype(np.int64)
