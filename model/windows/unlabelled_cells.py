"""Cells whose labels a training does not have: land outside the mapped area, a region that is left out, a new area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np

from ..errors import TooFewData
from ..grid import Block, Grid
from ..labels import UNKNOWN
from ..progress import Progress
from ..stack import Stack, UndeclaredNodataCheck
from .folded_cells import FoldedCells, values_at
from .split import Folds, TrainingRasters, read_labels

MAX_UNLABELLED = 8_000  # cells that are drawn, about as many as stable ones
Read = Callable[[Block], np.ndarray]


@dataclass
class UnlabelledCells:
    """A sample of cells with data in every factor, whose labels are not known or not used."""

    values: np.ndarray  # float32 (cells, factors), as those of the labelled cells
    safety: np.ndarray  # factor of safety, float32 (cells,), NaN where unknown
    counts: np.ndarray  # cells of the area that each stands for, float64 (cells,)
    width: np.ndarray  # side of each cell in metres, float64 (cells,)
    areas: np.ndarray  # number of the area of each, on from those of labelled land for a target, int64 (cells,)
    roles: np.ndarray  # whether the model of each fold may learn from them, bool (folds, cells)
    is_target: bool = False  # whether they are all cells of land whose map is wanted, and not of the training's area

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def joined(cls, parts: Sequence[UnlabelledCells]) -> UnlabelledCells:
        """Return the cells of several areas, which are no target, as one set."""
        names = ("values", "safety", "counts", "width", "areas")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**columns, roles=np.concatenate([part.roles for part in parts], axis=1))


def collect_unlabelled(
    rasters: TrainingRasters,
    area: int,
    cells: FoldedCells,
    seed: int,
    progress: Progress,
    held_out: tuple[Folds, int] | None = None,
) -> UnlabelledCells | None:
    """Sample land of an area of the training, by its number, without labels; ``None`` if there is none.

    The model of a fold learns from that outside the blocks that the fold holds out. Land that a cross validation holds
    out is left out. Where it holds out regions, ``held_out`` is the target: all its cells, whatever their labels, which
    are not read.
    """
    grid, is_target = rasters.grid, held_out is not None and held_out[0].group != (1, 1)

    def wanted(block: Block) -> np.ndarray:
        mask = np.zeros(block.shape, dtype=bool)
        if held_out is not None:
            mask = _of_fold(*held_out, block)
        return mask if is_target else ~mask & (read_labels(rasters.labels, block) == UNKNOWN)

    values, places, total = draw_cells(rasters.stack, wanted, seed, progress)
    if not len(places):
        return None
    rows_columns = np.stack([places // grid.width, places % grid.width], axis=1)
    land = cells.lands[area].held_out
    own = land.blocks
    table = land.subsets[rows_columns[:, 0] // own.rows, rows_columns[:, 1] // own.columns]
    roles = np.stack([(table != fold) | is_target for fold in range(len(cells.roles))])
    safety = np.full(len(places), np.nan, dtype=np.float32)
    if rasters.safety is not None:
        safety = values_at(rasters.safety, grid, places, progress)
    counts = np.full(len(places), total / len(places))
    areas = np.full(len(places), len(cells.lands) if is_target else area)
    return UnlabelledCells(values, safety, counts, cell_widths(grid, places), areas, roles, is_target)


def _of_fold(folds: Folds, fold: int, block: Block) -> np.ndarray:
    rows = (block.row + np.arange(block.height)) // folds.blocks.rows
    columns = (block.column + np.arange(block.width)) // folds.blocks.columns
    return folds.subsets[np.ix_(rows, columns)] == fold


def draw_cells(
    stack: Stack, wanted: Read, seed: int, progress: Progress, read: Read | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw cells with data in every factor evenly; return values (cells, factors), places in order, and their number.

    ``wanted`` returns which cells of a block may be drawn, ``read`` the factors of a block, by default all of the
    stack. Raises ``InputCorrupt`` if a factor holds undeclared nodata.
    """
    generator, marks = np.random.default_rng([seed, 26]), UndeclaredNodataCheck(stack)
    kept: tuple[np.ndarray, ...] = ()
    total = 0
    for keys, values, places in _cells(stack.grid, wanted, read or stack.read, generator, progress):
        if read is None:
            marks.add(values.T)
        total += len(keys)
        parts = [*zip(kept, (keys, values, places))] if kept else [(one,) for one in (keys, values, places)]
        kept = tuple(np.concatenate(part) for part in parts)
        if len(kept[0]) > MAX_UNLABELLED:
            least = np.argpartition(kept[0], MAX_UNLABELLED)[:MAX_UNLABELLED]
            kept = tuple(part[least] for part in kept)
    marks.require_none()
    if not kept:
        return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64), 0
    order = np.argsort(kept[2])
    return np.ascontiguousarray(kept[1][order]), kept[2][order], total


def _cells(
    grid: Grid, wanted: Read, read: Read, generator: np.random.Generator, progress: Progress
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield random keys, values and places of the cells of each block that may be drawn."""
    for block in grid.blocks_with_progress(progress):
        mask = wanted(block)
        if not mask.any():
            continue
        values = read(block)
        row, column = np.nonzero(mask & np.isfinite(values).all(axis=0))
        if len(row):
            places = (block.row + row) * np.int64(grid.width) + block.column + column
            yield generator.random(len(row)), values[:, row, column].T.astype(np.float32), places


def cell_widths(grid: Grid, places: np.ndarray) -> np.ndarray:
    """Return the side in metres of each cell, the square root of its area."""
    return np.sqrt(grid.cell_area())[places // grid.width]


def require_some(places: np.ndarray, what: str) -> None:
    """Raise ``TooFewData`` if no cell of a raster has data in every factor."""
    if not len(places):
        raise TooFewData(f"No cell of {what} has data in every factor. Check its extent and the layers behind it.")
