"""Where windows lie: evenly over the labelled area, and once more at the landslides, never centred on them.

A network that mostly sees slopes near landslides learns the neighbourhood and not the region, yet its map is judged
over the region. So most windows cover the area evenly, and those at landslides only make sure that each of them is
met whole and in different places of a window.
From stack and labels to windows, or to single cells, in memory: the whole stage in one call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import ParameterInvalid
from ..grid import Grid
from ..progress import Progress, SubProgress
from .cells import MAX_CELLS, CellSet, sample_cells
from .reading import WindowFeature, WindowSet, padded_side, read_windows
from .scan import LabelScan, survey
from .split import NO_SUBSET, SHARES, SUBSETS, Blocks, BlockSplit, assign_blocks

MAX_WINDOWS = 4000
"""About the paper's number (3,991)."""
TARGET_WINDOWS = 1200
MAX_LATTICES = 4
"""A small area is covered up to this many times, each time shifted."""
JITTER = (0.1, 0.9)
"""Where in a window, as a share of its side, the landslide cell may come to lie that it was drawn for."""
_MIN_EXPECTED_SHARE = 0.15


def place_windows(survey: LabelScan, side: int, most: int, seed: int) -> np.ndarray:
    """Choose windows.

    Args:
        survey: of the area.
        side: of a window in cells.
        most: windows at most.
        seed: of the jitter.

    Returns:
        Row and column of each window's first cell, int64 (windows, 2), sorted, without repetition.
    """
    generator = np.random.default_rng([seed, 3])
    at_landslides = _landslide_windows(survey, side, max(1, most // 2), generator)
    even = _lattice_windows(survey, side, generator)
    room = most - len(at_landslides)
    if len(even) > room:
        even = even[generator.choice(len(even), room, replace=False)]
    return np.unique(np.concatenate([at_landslides, even]), axis=0)


def _lattice_windows(survey: LabelScan, side: int, generator: np.random.Generator) -> np.ndarray:
    offset = generator.integers(0, side, size=2)
    half = side // 2
    origins = np.empty((0, 2), dtype=np.int64)
    for shift in ((0, 0), (half, half), (0, half), (half, 0))[:MAX_LATTICES]:
        starts = [np.arange(-((offset[axis] + shift[axis]) % side), survey.grid.shape[axis], side) for axis in (0, 1)]
        lattice = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)
        lattice = _inside(lattice, survey, side)
        origins = np.concatenate(
            [origins, lattice[_labelled(lattice, survey, side) >= _MIN_EXPECTED_SHARE * side * side]]
        )
        if len(origins) >= TARGET_WINDOWS:
            break
    return np.unique(origins, axis=0)


def _labelled(origins: np.ndarray, survey: LabelScan, side: int) -> np.ndarray:
    """Return about how many labelled cells each window has, from the table of fine blocks."""
    fine = survey.fine_blocks
    sums = np.zeros((fine.shape[0] + 1, fine.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = survey.fine_labelled.cumsum(axis=0).cumsum(axis=1)

    def edge(cells: np.ndarray, step: int, most: int) -> np.ndarray:
        return np.clip(np.rint(cells / step).astype(np.int64), 0, most)

    top, bottom = (edge(origins[:, 0] + more, fine.rows, fine.shape[0]) for more in (0, side))
    left, right = (edge(origins[:, 1] + more, fine.columns, fine.shape[1]) for more in (0, side))
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _landslide_windows(survey: LabelScan, side: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a landslide cell that no window holds yet, lay a window around it off the centre, until all are held."""
    cells = survey.cells[np.lexsort((survey.cells[:, 1], survey.cells[:, 0]))]
    covered = np.zeros(len(cells), dtype=bool)
    order = generator.permutation(len(cells))
    origins, position = [], 0
    while len(origins) < most:
        open_ = np.flatnonzero(~covered[order[position : position + 4096]])
        if not len(open_):
            position += 4096
            if position >= len(order):
                break
            continue
        position += int(open_[0])
        place = np.floor(generator.uniform(*JITTER, size=2) * side).astype(np.int64)
        origin = _inside((cells[order[position]] - place)[None], survey, side)[0]
        first, last = np.searchsorted(cells[:, 0], [origin[0], origin[0] + side])
        covered[first:last] |= (cells[first:last, 1] >= origin[1]) & (cells[first:last, 1] < origin[1] + side)
        covered[order[position]] = True
        origins.append(origin)
    return np.array(origins, dtype=np.int64).reshape(-1, 2)


def _inside(origins: np.ndarray, survey: LabelScan, side: int) -> np.ndarray:
    """Shift windows that reach over the border of the grid back into it, as far as the grid is large enough."""
    return np.stack(
        [
            np.clip(origins[:, axis], min(0, (size - side) // 2), max(size - side, 0))
            for axis, size in enumerate(survey.grid.shape)
        ],
        axis=1,
    )


MIN_SIDE = 4
"""Cells of the smallest window."""
MAX_BYTES = 1_500_000_000
"""Of factor values in memory; with the tensors made of them, training stays well under 4 GB."""


@dataclass
class WindowCollection:
    """Windows and what is to be said of them."""

    windows: WindowSet
    survey: LabelScan
    split: BlockSplit | None
    """``None`` for a random split."""


@dataclass
class CellCollection:
    """Single cells and what is to be said of them."""

    cells: CellSet
    survey: LabelScan
    split: BlockSplit | None
    """``None`` for a random split."""

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their subset and share of landslide cells; none for a random split of the cells."""
        if self.split is None:
            return []
        result = []
        for row, column in np.argwhere(self.split.subsets != NO_SUBSET).tolist():
            share = self.survey.landslide[row, column] / max(self.survey.labelled[row, column], 1)
            result.append(
                WindowFeature(
                    *self.split.blocks.bounds(grid, row, column),
                    SUBSETS[self.split.subsets[row, column]],
                    "landslide" if share > 0 else "stable",
                    float(share),
                    seed,
                )
            )
        return result


def window_capacity(stack: Any, window: float, align: int, least: int = 2, copies: int = 1) -> tuple[int, int]:
    """Return the side of a window in cells, and how many windows are read at most, so that they fit into memory.

    Args:
        stack: gives grid and factors.
        window: metres.
        align: what padded windows must be a multiple of.
        least: as for :func:`collect_windows`; with 1 a window holds a whole patch of ``align`` cells.
        copies: how often a window is kept in memory.

    Raises:
        ParameterInvalid: the window is too small, larger than the raster, or too large for the memory.
    """
    size, smallest = stack.grid.cell_size(), align if least == 1 else MIN_SIDE
    side = round(window / size)
    if side < smallest:
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cell{'' if side == 1 else 's'} of {size:.4g} "
            f"m. Make it at least {math.ceil(smallest * size)} m."
        )
    if side > max(stack.grid.shape):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, but the factor stack is only "
            f"{max(stack.grid.shape) * size:.0f} m across. Make WINDOW smaller."
        )
    padded = padded_side(side, align, least)
    most = min(MAX_WINDOWS, MAX_BYTES // (4 * copies * len(stack.factors) * padded * padded))
    if most < len(SUBSETS):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cells; windows of this size with "
            f"{len(stack.factors)} factors do not fit into memory. Make WINDOW smaller."
        )
    return side, int(most)


def fine_blocks(grid: Grid, side: int) -> Blocks:
    """Return blocks of a quarter of a window's side, by which windows are placed."""
    step = max(1, side // 4)
    return Blocks(step, step, (-(-grid.height // step), -(-grid.width // step)))


def collect_windows(
    stack: Any,
    labels: rasterio.DatasetReader,
    safety: rasterio.DatasetReader | None,
    *,
    window: float,
    block: float,
    spatial: bool,
    align: int,
    seed: int,
    progress: Progress,
    least: int = 2,
) -> WindowCollection:
    """Survey the area, share it out, place windows and read them.

    Args:
        stack: an open stack.
        labels: an open label raster on its grid.
        safety: an open safety-factor raster on its grid, or none.
        window: side of a window in metres.
        block: side of a block of the spatial split in metres.
        spatial: whether to split by blocks; else windows are shared out at random, and neighbours overlap.
        align: what padded windows must be a multiple of.
        seed: of split and places.
        progress: 0 to 1 over all.
        least: fewest multiples of ``align`` along a padded side; 1 for networks that answer for a patch of ``align``
            cells as a whole.

    Raises:
        ParameterInvalid: window or block do not fit the raster or each other.
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    side, most = window_capacity(stack, window, align, least)
    if spatial and block < window:
        raise ParameterInvalid(
            f"BLOCK is {block:g} m, smaller than WINDOW ({window:g} m), so no window would fit into "
            "a block. Make BLOCK at least twice WINDOW."
        )
    blocks = Blocks.of(stack.grid, block)
    found = survey(stack, labels, blocks, fine_blocks(stack.grid, side), seed, SubProgress(progress, 0.0, 0.4))
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, seed)) if spatial else None
    origins = place_windows(found, side, most, seed)
    windows = read_windows(
        stack, labels, safety, origins, side, align, split, seed, SubProgress(progress, 0.4, 1.0), least
    )
    return WindowCollection(windows, found, split)


def collect_cells(
    stack: Any,
    labels: rasterio.DatasetReader,
    *,
    block: float,
    spatial: bool,
    seed: int,
    progress: Progress,
    most: int = MAX_CELLS,
) -> CellCollection:
    """Survey the area, share it out in the same blocks as :func:`collect_windows`, and draw cells.

    Args:
        stack: an open stack.
        labels: an open label raster on its grid.
        block: side of a block of the spatial split in metres.
        spatial: whether to split by blocks; else cells are shared out at random, and neighbours are in both.
        seed: of split and draws.
        progress: 0 to 1 over all.
        most: landslide cells, and stable cells, of a subset.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    blocks = Blocks.of(stack.grid, block)
    found = survey(stack, labels, blocks, blocks, seed, SubProgress(progress, 0.0, 0.5))
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, seed)) if spatial else None
    cells = sample_cells(stack, labels, split, most, seed, SubProgress(progress, 0.5, 1.0))
    return CellCollection(cells, found, split)
