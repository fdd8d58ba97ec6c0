"""The rasters of a training run, and one pass over stack and labels: where are labels, and where landslides?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import InputCorrupt, TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import open_raster, read_window
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack, open_stack
from .split import Blocks

MAX_CELLS_PER_BLOCK = 20_000
"""Landslide cells kept per working block for placing windows: enough to find them all, and bounded."""


@dataclass(frozen=True)
class TrainingRasters:
    """The open rasters of a training run, all on one grid."""

    stack: Stack
    labels: rasterio.DatasetReader
    safety: rasterio.DatasetReader | None = None

    @property
    def grid(self) -> Grid:
        """Of all rasters."""
        return self.stack.grid

    @property
    def factors(self) -> list[Any]:
        """Of the stack."""
        return self.stack.factors


@contextlib.contextmanager
def open_training_rasters(
    stack: str | os.PathLike, labels: str | os.PathLike, safety: str | os.PathLike | None = None
) -> Iterator[TrainingRasters]:
    """Open stack, labels and, if given, safety factor.

    Raises:
        GridMismatch: labels or safety factor lie on another grid.
        ScarpError: an input cannot be read; see ``open_stack`` and ``open_raster``.
    """
    with contextlib.ExitStack() as opened:
        factors = opened.enter_context(open_stack(stack))
        rasters = []
        for path, role in ((labels, "label"), (safety, "safety factor")):
            if path is None:
                continue
            raster = opened.enter_context(open_raster(path, role))
            factors.grid.require_same(Grid.from_dataset(raster, role), "factor stack", f"{role} raster")
            rasters.append(raster)
        yield TrainingRasters(factors, *rasters)


@dataclass
class LabelScan:
    """Counts of labelled cells, and the landslide cells."""

    grid: Grid
    landslide: np.ndarray  # landslide cells per block of the split
    labelled: np.ndarray  # labelled cells per block of the split
    fine_blocks: Blocks
    fine_labelled: np.ndarray  # labelled cells per fine block, for placing windows
    cells: np.ndarray  # row and column of landslide cells (a sample if they are very many), int64 (cells, 2)


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
            f"The label raster {dataset.name} holds the value {wrong[0]:g}. Labels are 1 (landslide), 0 (stable) and "
            "255 (unknown); make them with Build landslide labels."
        )
    return np.where(known, np.where(values == LANDSLIDE, LANDSLIDE, STABLE), UNKNOWN).astype(np.uint8)


def scan_labels(
    rasters: TrainingRasters, blocks: Blocks, fine_blocks: Blocks, seed: int, progress: Progress
) -> LabelScan:
    """Scan stack and labels once.

    Args:
        rasters: stack and labels.
        blocks: of the spatial split.
        fine_blocks: smaller than a window.
        seed: for the sample of landslide cells.
        progress: receives progress and warnings.

    Raises:
        TooFewData: there are no landslide cells, or no stable ones, with data in every factor.
    """
    grid, labels = rasters.grid, rasters.labels
    generator = np.random.default_rng([seed, 2])
    landslide, labelled, fine = (np.zeros(item.shape, dtype=np.int64) for item in (blocks, blocks, fine_blocks))
    cells, lost, count = [np.empty((0, 2), dtype=np.int64)], 0, grid.block_count()
    for index, block in enumerate(grid.blocks()):
        stop_if_cancelled(progress)
        values = read_labels(labels, block)
        if (values != UNKNOWN).any():
            valid = np.isfinite(rasters.stack.read(block)).all(axis=0)
            slide = values == LANDSLIDE
            lost += int((slide & ~valid).sum())
            slide, known = slide & valid, (values != UNKNOWN) & valid
            blocks.sums(slide, block.row, block.column, landslide)
            blocks.sums(known, block.row, block.column, labelled)
            fine_blocks.sums(known, block.row, block.column, fine)
            found = np.argwhere(slide) + np.array([block.row, block.column])
            if len(found) > MAX_CELLS_PER_BLOCK:
                found = found[np.sort(generator.choice(len(found), MAX_CELLS_PER_BLOCK, replace=False))]
            cells.append(found)
        progress.report((index + 1) / count)
    result = LabelScan(grid, landslide, labelled, fine_blocks, fine, np.concatenate(cells))
    _check(result, lost, labels.name, progress)
    return result


def _check(result: LabelScan, lost: int, name: str, progress: Progress) -> None:
    if not result.landslide.any():
        reason = f"its {lost:,} landslide cells all lie where a factor has no data" if lost else "it has none"
        raise TooFewData(
            f"The label raster {name} gives no landslide cell to learn from: {reason}. Check the landslides and the "
            "extent of the factors."
        )
    if result.labelled.sum() == result.landslide.sum():
        raise TooFewData(
            f"The label raster {name} gives no stable cell to learn from. Use smaller label radii, or a larger area."
        )
    if lost:
        progress.warn(f"{lost:,} landslide cells lie where a factor has no data and are not used.")
