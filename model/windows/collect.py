"""From stack and labels to windows, or to single cells, in memory: the whole stage in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import ParameterInvalid
from ..grid import Grid
from ..progress import Part, Progress
from .cells import MOST_CELLS, CellSet, sample_cells
from .placement import MOST_WINDOWS, place_windows
from .reading import WindowFeature, WindowSet, padded_side, read_windows
from .split import NO_SUBSET, SHARES, SUBSETS, Blocks, BlockSplit, assign_blocks
from .survey import Survey, survey

LEAST_SIDE = 4
"""Cells of the smallest window."""
MOST_BYTES = 1_500_000_000
"""Of factor values in memory; with the tensors made of them, training stays well under 4 GB."""


@dataclass
class Collected:
    """Windows and what is to be said of them."""

    windows: WindowSet
    survey: Survey
    split: BlockSplit | None
    """``None`` for a random split."""


@dataclass
class CollectedCells:
    """Single cells and what is to be said of them."""

    cells: CellSet
    survey: Survey
    split: BlockSplit | None
    """``None`` for a random split."""

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their subset and share of landslide cells; none for a random split of the cells."""
        if self.split is None:
            return []
        result = []
        for row, column in np.argwhere(self.split.subsets != NO_SUBSET).tolist():
            share = self.survey.landslide[row, column] / max(self.survey.labelled[row, column], 1)
            result.append(WindowFeature(*self.split.blocks.bounds(grid, row, column),
                                        SUBSETS[self.split.subsets[row, column]],
                                        "landslide" if share > 0 else "stable", float(share), seed))
        return result


def window_room(stack: Any, window: float, align: int, least: int = 2, copies: int = 1) -> tuple[int, int]:
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
    size, smallest = stack.grid.cell_size(), align if least == 1 else LEAST_SIDE
    side = round(window / size)
    if side < smallest:
        raise ParameterInvalid(f"WINDOW is {window:g} m, which is {side} cell{'' if side == 1 else 's'} of {size:.4g} "
                               f"m. Make it at least {math.ceil(smallest * size)} m.")
    if side > max(stack.grid.shape):
        raise ParameterInvalid(f"WINDOW is {window:g} m, but the factor stack is only "
                               f"{max(stack.grid.shape) * size:.0f} m across. Make WINDOW smaller.")
    padded = padded_side(side, align, least)
    most = min(MOST_WINDOWS, MOST_BYTES // (4 * copies * len(stack.factors) * padded * padded))
    if most < len(SUBSETS):
        raise ParameterInvalid(f"WINDOW is {window:g} m, which is {side} cells; windows of this size with "
                               f"{len(stack.factors)} factors do not fit into memory. Make WINDOW smaller.")
    return side, int(most)


def fine_blocks(grid: Grid, side: int) -> Blocks:
    """Return blocks of a quarter of a window's side, by which windows are placed."""
    step = max(1, side // 4)
    return Blocks(step, step, (-(-grid.height // step), -(-grid.width // step)))


def collect_windows(stack: Any, labels: rasterio.DatasetReader, safety: rasterio.DatasetReader | None, *,
                    window: float, block: float, spatial: bool, align: int, seed: int, progress: Progress,
                    least: int = 2) -> Collected:
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
    side, most = window_room(stack, window, align, least)
    if spatial and block < window:
        raise ParameterInvalid(f"BLOCK is {block:g} m, smaller than WINDOW ({window:g} m), so no window would fit into "
                               "a block. Make BLOCK at least twice WINDOW.")
    blocks = Blocks.of(stack.grid, block)
    found = survey(stack, labels, blocks, fine_blocks(stack.grid, side), seed, Part(progress, 0.0, 0.4))
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, seed)) if spatial else None
    sites = place_windows(found, side, most, seed)
    windows = read_windows(stack, labels, safety, sites, side, align, split, seed, Part(progress, 0.4, 1.0),
                           least)
    return Collected(windows, found, split)


def collect_cells(stack: Any, labels: rasterio.DatasetReader, *, block: float, spatial: bool, seed: int,
                  progress: Progress, most: int = MOST_CELLS) -> CollectedCells:
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
    found = survey(stack, labels, blocks, blocks, seed, Part(progress, 0.0, 0.5))
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, seed)) if spatial else None
    cells = sample_cells(stack, labels, split, most, seed, Part(progress, 0.5, 1.0))
    return CollectedCells(cells, found, split)
