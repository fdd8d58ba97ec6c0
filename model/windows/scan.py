"""One pass over stack and labels: where labels are, and where landslides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import InputCorrupt, TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import read_window
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from .split import Blocks

MAX_CELLS_PER_BLOCK = 20_000
"""Landslide cells kept of a working block for placing windows: enough to find them all, and bounded."""


@dataclass
class LabelScan:
    """What the pass found."""

    grid: Grid
    landslide: np.ndarray
    """Landslide cells of each block of the split."""
    labelled: np.ndarray
    """Labelled cells of each block of the split."""
    fine_blocks: Blocks
    fine_labelled: np.ndarray
    """Labelled cells of each fine block, for a first choice of windows."""
    cells: np.ndarray
    """Row and column of landslide cells (a sample of them where they are very many), int64 (cells, 2)."""

    @property
    def landslide_cells(self) -> int:
        """All landslide cells with data in every factor."""
        return int(self.landslide.sum())

    @property
    def stable_cells(self) -> int:
        """All stable cells with data in every factor."""
        return int(self.labelled.sum()) - self.landslide_cells


def read_labels(dataset: rasterio.DatasetReader, block: Block) -> np.ndarray:
    """Return labels as uint8 (height, width): 1 landslide, 0 stable, 255 unknown or outside.

    Raises:
        InputCorrupt: the raster holds other values.
    """
    values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
    known = np.isfinite(values) & (values != UNKNOWN)
    wrong = values[known & (values != STABLE) & (values != LANDSLIDE)]
    if wrong.size:
        raise InputCorrupt(
            f"The label raster {dataset.name} holds the value {wrong[0]:g}. Labels are 1 (landslide), "
            "0 (stable) and 255 (unknown); make them with Build landslide labels."
        )
    return np.where(known, np.where(values == LANDSLIDE, LANDSLIDE, STABLE), UNKNOWN).astype(np.uint8)


def survey(
    stack: Any, labels: rasterio.DatasetReader, blocks: Blocks, fine_blocks: Blocks, seed: int, progress: Progress
) -> LabelScan:
    """Walk stack and labels once.

    Args:
        stack: an open stack.
        labels: an open label raster on the stack's grid.
        blocks: of the spatial split.
        fine_blocks: a fraction of a window.
        seed: for the sample of landslide cells.
        progress: 0 to 1 over this pass.

    Raises:
        TooFewData: there are no landslide cells, or no stable ones, with data in every factor.
    """
    grid: Grid = stack.grid
    generator = np.random.default_rng([seed, 2])
    landslide, labelled = (np.zeros(blocks.shape, dtype=np.int64) for _ in range(2))
    fine = np.zeros(fine_blocks.shape, dtype=np.int64)
    cells, lost, count = [], 0, grid.block_count()
    for index, block in enumerate(grid.blocks()):
        stop_if_cancelled(progress)
        values = read_labels(labels, block)
        if (values != UNKNOWN).any():
            valid = np.isfinite(stack.read(block)).all(axis=0)
            slide = values == LANDSLIDE
            lost += int((slide & ~valid).sum())
            slide, known = slide & valid, (values != UNKNOWN) & valid
            blocks.sums(slide, block.row, block.column, landslide)
            blocks.sums(known, block.row, block.column, labelled)
            fine_blocks.sums(known, block.row, block.column, fine)
            found = [*np.argwhere(slide), block.row, block.column]
            if len(found) > MAX_CELLS_PER_BLOCK:
                found = found[np.sort(generator.choice(len(found), MAX_CELLS_PER_BLOCK, replace=False))]
            cells.append(found)
        progress.report((index + 1) / count)
    result = LabelScan(
        grid,
        landslide,
        labelled,
        fine_blocks,
        fine,
        np.concatenate(cells) if cells else np.empty((0, 2), dtype=np.int64),
    )
    _check(result, lost, labels.name, progress)
    return result


def _check(result: LabelScan, lost: int, name: str, progress: Progress) -> None:
    if not result.landslide_cells:
        reason = f"its {lost:,} landslide cells all lie where a factor has no data" if lost else "it has none"
        raise TooFewData(
            f"The label raster {name} gives no landslide cell to learn from: {reason}. Check the "
            "landslides and the extent of the factors."
        )
    if not result.stable_cells:
        raise TooFewData(
            f"The label raster {name} gives no stable cell to learn from. Use smaller label radii, or a larger area."
        )
    if lost:
        progress.warn(f"{lost:,} landslide cells lie where a factor has no data and are not used.")
