"""From stack and labels to windows, or to single cells, in memory: the whole stage in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Grid
from ..progress import Progress, SubProgress
from .cells import MAX_CELLS, CellSet, sample_cells
from .reading import WindowFeature, WindowPlan, WindowSet, read_windows
from .split import (
    NO_SUBSET,
    SHARES,
    SUBSETS,
    Blocks,
    BlockSplit,
    LabelScan,
    TrainingRasters,
    assign_blocks,
    scan_labels,
)

MAX_WINDOWS = 4000  # about the paper's number (3,991)
TARGET_WINDOWS = 1200
MAX_LATTICES = 4  # a small area is covered up to this many times, each time shifted
JITTER = (0.1, 0.9)  # position in a window, as a share of its side, of the landslide cell for which it was placed
_MIN_EXPECTED_SHARE = 0.15
MIN_SIDE = 4  # cells of the smallest window
MAX_BYTES = 1_500_000_000
"""Of factor values in memory; with the tensors made of them, training stays well under 4 GB."""


@dataclass
class WindowCollection:
    """Windows, the label scan and the split; ``split`` is ``None`` for a random split."""

    windows: WindowSet
    scan: LabelScan
    split: BlockSplit | None


@dataclass
class CellCollection:
    """Single cells, the label scan and the split; ``split`` is ``None`` for a random split."""

    cells: CellSet
    scan: LabelScan
    split: BlockSplit | None

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their subset and share of landslide cells; none for a random split of the cells."""
        result: list[WindowFeature] = []
        if self.split is None:
            return result
        for row, column in np.argwhere(self.split.subsets != NO_SUBSET).tolist():
            share = float(self.scan.landslide[row, column] / max(self.scan.labelled[row, column], 1))
            bounds, subset = self.split.blocks.bounds(grid, row, column), self.split.subsets[row, column]
            result.append(WindowFeature.of(bounds, SUBSETS[subset], share, seed))
        return result


def place_windows(scan: LabelScan, side: int, max_count: int, seed: int) -> np.ndarray:
    """Place at most ``max_count`` windows of ``side`` cells, jittered by a seed.

    Most windows cover the area evenly: a network that mostly sees slopes near landslides learns the neighbourhood and
    not the region, yet its map is evaluated over the region. Windows at landslides, never centred on them, only make
    sure that each landslide is seen whole and at different positions in a window.

    Returns:
        Row and column of each window's first cell, int64 (windows, 2), sorted, without repetition.
    """
    generator = np.random.default_rng([seed, 3])
    at_landslides = _landslide_windows(scan, side, max(1, max_count // 2), generator)
    even = _lattice_windows(scan, side, generator)
    room = max_count - len(at_landslides)
    if len(even) > room:
        even = even[generator.choice(len(even), room, replace=False)]
    return np.unique(np.concatenate([at_landslides, even]), axis=0)


def _lattice_windows(scan: LabelScan, side: int, generator: np.random.Generator) -> np.ndarray:
    offset = generator.integers(0, side, size=2)
    half = side // 2
    origins = np.empty((0, 2), dtype=np.int64)
    for shift in ((0, 0), (half, half), (0, half), (half, 0))[:MAX_LATTICES]:
        starts = [np.arange(-((offset[axis] + shift[axis]) % side), scan.grid.shape[axis], side) for axis in (0, 1)]
        lattice = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)
        lattice = _inside(lattice, scan, side)
        labelled = lattice[_labelled(lattice, scan, side) >= _MIN_EXPECTED_SHARE * side * side]
        origins = np.concatenate([origins, labelled])
        if len(origins) >= TARGET_WINDOWS:
            break
    return np.unique(origins, axis=0)


def _labelled(origins: np.ndarray, scan: LabelScan, side: int) -> np.ndarray:
    """Estimate the labelled cells of each window from the fine blocks."""
    fine = scan.fine_blocks
    sums = np.zeros((fine.shape[0] + 1, fine.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = scan.fine_labelled.cumsum(axis=0).cumsum(axis=1)

    def edge(cells: np.ndarray, step: int, last: int) -> np.ndarray:
        return np.clip(np.rint(cells / step).astype(np.int64), 0, last)

    top, bottom = (edge(origins[:, 0] + offset, fine.rows, fine.shape[0]) for offset in (0, side))
    left, right = (edge(origins[:, 1] + offset, fine.columns, fine.shape[1]) for offset in (0, side))
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _landslide_windows(scan: LabelScan, side: int, max_count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw uncovered landslide cells and place a window off-centre around each, until all are covered."""
    cells = scan.cells[np.lexsort((scan.cells[:, 1], scan.cells[:, 0]))]
    covered = np.zeros(len(cells), dtype=bool)
    order = generator.permutation(len(cells))
    position = 0
    origins: list[np.ndarray] = []
    while len(origins) < max_count:
        open_ = np.flatnonzero(~covered[order[position : position + 4096]])
        if not len(open_):
            position += 4096
            if position >= len(order):
                break
            continue
        position += int(open_[0])
        place = np.floor(generator.uniform(*JITTER, size=2) * side).astype(np.int64)
        origin = _inside((cells[order[position]] - place)[None], scan, side)[0]
        first, last = np.searchsorted(cells[:, 0], [origin[0], origin[0] + side])
        covered[first:last] |= (cells[first:last, 1] >= origin[1]) & (cells[first:last, 1] < origin[1] + side)
        covered[order[position]] = True
        origins.append(origin)
    return np.array(origins, dtype=np.int64).reshape(-1, 2)


def _inside(origins: np.ndarray, scan: LabelScan, side: int) -> np.ndarray:
    """Shift windows that cross the border of the grid back into it, as far as the grid is large enough."""
    sizes = np.array(scan.grid.shape)
    return np.clip(origins, np.minimum(0, (sizes - side) // 2), np.maximum(sizes - side, 0))


def window_capacity(grid: Grid, factors: int, plan: WindowPlan, copies: int = 1) -> tuple[int, int]:
    """Return the side of a window in cells, and the number of windows that fit into memory.

    Args:
        grid: of the stack.
        factors: of the stack.
        plan: of the windows.
        copies: of a window in memory.

    Raises:
        ParameterInvalid: the window is too small, larger than the raster, or too large for the memory.
    """
    window, size = plan.window, grid.cell_size()
    smallest, side = plan.align if plan.min_multiple == 1 else MIN_SIDE, round(window / size)
    if side < smallest:
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cell{'' if side == 1 else 's'} of {size:.4g} m. Make it at least "
            f"{math.ceil(smallest * size)} m."
        )
    if side > max(grid.shape):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, but the factor stack is only {max(grid.shape) * size:.0f} m across. Make WINDOW "
            "smaller."
        )
    max_count = min(MAX_WINDOWS, MAX_BYTES // (4 * copies * factors * plan.padded_side(side) ** 2))
    if max_count < len(SUBSETS):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cells; windows of this size with {factors} factors do not fit "
            "into memory. Make WINDOW smaller."
        )
    return side, int(max_count)


def fine_blocks(grid: Grid, side: int) -> Blocks:
    """Return blocks of a quarter of a window's side, for placing windows."""
    step = max(1, side // 4)
    return Blocks.of_cells(grid, step, step)


def collect_windows(rasters: TrainingRasters, plan: WindowPlan, progress: Progress) -> WindowCollection:
    """Scan the labels, split the area, place windows and read them.

    Raises:
        ParameterInvalid: window or block do not fit the raster or each other.
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    side, max_count = window_capacity(rasters.grid, len(rasters.factors), plan)
    if plan.spatial and plan.block < plan.window:
        raise ParameterInvalid(
            f"BLOCK is {plan.block:g} m, smaller than WINDOW ({plan.window:g} m), so no window would fit into a block. "
            "Make BLOCK at least twice WINDOW."
        )
    fine = fine_blocks(rasters.grid, side)
    scan, split = _scan_and_split(rasters, plan, fine, SubProgress(progress, 0.0, 0.4))
    origins = place_windows(scan, side, max_count, plan.seed)
    windows = read_windows(rasters, origins, side, plan, split, SubProgress(progress, 0.4, 1.0))
    return WindowCollection(windows, scan, split)


def collect_cells(
    rasters: TrainingRasters, plan: WindowPlan, progress: Progress, max_cells: int = MAX_CELLS
) -> CellCollection:
    """Scan the labels, split the area into the same blocks as :func:`collect_windows`, and sample cells.

    Args:
        rasters: stack and labels.
        plan: blocks, split and seed.
        progress: receives progress and warnings.
        max_cells: of each class in each subset.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    scan, split = _scan_and_split(rasters, plan, None, SubProgress(progress, 0.0, 0.5))
    cells = sample_cells(rasters, split, max_cells, plan.seed, SubProgress(progress, 0.5, 1.0))
    return CellCollection(cells, scan, split)


def _scan_and_split(
    rasters: TrainingRasters, plan: WindowPlan, fine: Blocks | None, progress: Progress
) -> tuple[LabelScan, BlockSplit | None]:
    blocks = Blocks.for_grid(rasters.grid, plan.block)
    scan = scan_labels(rasters, blocks, fine or blocks, plan.seed, progress)
    if not plan.spatial:
        return scan, None
    return scan, BlockSplit(blocks, assign_blocks(scan.landslide, scan.labelled, SHARES, plan.seed))
