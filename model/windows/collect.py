"""From stack and labels to windows in memory: the whole stage in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rasterio

from ..errors import ParameterInvalid
from ..progress import Part, Progress
from .placement import MOST_WINDOWS, place_windows
from .reading import WindowSet, padded_side, read_windows
from .split import SHARES, Blocks, BlockSplit, assign_blocks
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


def window_side(stack: Any, window: float) -> int:
    """Return the side of a window in cells.

    Args:
        stack: gives the grid.
        window: metres.

    Raises:
        ParameterInvalid: the window is smaller than four cells, or larger than the raster.
    """
    size = stack.grid.cell_size()
    side = round(window / size)
    if side < LEAST_SIDE:
        raise ParameterInvalid(f"WINDOW is {window:g} m, which is {side} cells of {size:.4g} m. Make it at least "
                               f"{LEAST_SIDE * size:.0f} m.")
    if side > max(stack.grid.shape):
        raise ParameterInvalid(f"WINDOW is {window:g} m, but the factor stack is only "
                               f"{max(stack.grid.shape) * size:.0f} m across. Make WINDOW smaller.")
    return side


def collect_windows(stack: Any, labels: rasterio.DatasetReader, safety: rasterio.DatasetReader | None, *,
                    window: float, block: float, spatial: bool, align: int, seed: int, progress: Progress
                    ) -> Collected:
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

    Raises:
        ParameterInvalid: window or block do not fit the raster or each other.
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    side = window_side(stack, window)
    if spatial and block < window:
        raise ParameterInvalid(f"BLOCK is {block:g} m, smaller than WINDOW ({window:g} m), so no window would fit into "
                               "a block. Make BLOCK at least twice WINDOW.")
    padded = padded_side(side, align)
    most = min(MOST_WINDOWS, MOST_BYTES // (4 * len(stack.factors) * padded * padded))
    if most < 3:
        raise ParameterInvalid(f"WINDOW is {window:g} m, which is {side} cells; windows of this size with "
                               f"{len(stack.factors)} factors do not fit into memory. Make WINDOW smaller.")
    blocks = Blocks.of(stack.grid, block)
    step = max(1, side // 4)
    fine = Blocks(step, step, (-(-stack.grid.height // step), -(-stack.grid.width // step)))
    found = survey(stack, labels, blocks, fine, seed, Part(progress, 0.0, 0.4))
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, seed)) if spatial else None
    sites = place_windows(found, side, int(most), seed)
    windows = read_windows(stack, labels, safety, sites, side, align, split, seed, Part(progress, 0.4, 1.0))
    return Collected(windows, found, split)
