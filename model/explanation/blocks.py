"""The study area in square blocks: where labels are, and which blocks are looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import rasterio

from ..errors import ParameterInvalid, TooFewData
from ..grid import BLOCK, Block, Grid
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..labels.area import AreaMask
from ..progress import Progress, stop_if_cancelled
from ..windows.survey import read_labels

LEAST_BLOCKS = 8
"""Fewer blocks than this can neither be swapped nor resampled to any purpose."""

_MOST_BLOCKS = 20_000_000


@dataclass(frozen=True)
class LabelBlocks:
    """Labelled cells of each block."""

    side: int
    """Cells along the side of a block."""
    landslide: np.ndarray
    """int64 (block rows, block columns)."""
    stable: np.ndarray
    """int64 (block rows, block columns)."""


@dataclass(frozen=True)
class Chosen:
    """Blocks that are looked at, from top left to bottom right."""

    places: list[Block]
    """May reach over the border of the grid; all of one size."""
    weights: np.ndarray
    """How many blocks of the area each stands for, float64 (blocks,)."""
    of: int
    """Blocks with labels there are in all."""


def side_in_cells(grid: Grid, metres: float, align: int) -> int:
    """Return the side of a block in cells, a multiple of ``align``.

    Raises:
        ParameterInvalid: the grid would have far too many blocks.
    """
    side = max(1, math.ceil(round(metres / grid.cell_size()) / align)) * align
    if grid.block_count(side) > _MOST_BLOCKS:
        raise ParameterInvalid(f"BLOCK is {metres:g} m, which cuts the area into {grid.block_count(side):,} blocks. "
                               "Set it to a kilometre or two.")
    return side


def survey_labels(labels: rasterio.DatasetReader, grid: Grid, mask: AreaMask, side: int, progress: Progress
                  ) -> LabelBlocks:
    """Count the labels in the blocks, by windows.

    Args:
        labels: open label raster on the grid.
        grid: the study grid.
        mask: cells outside it do not count.
        side: of a block in cells.
        progress: 0 to 1 over the cells.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: there is no landslide cell, or no stable one.
    """
    shape = math.ceil(grid.height / side), math.ceil(grid.width / side)
    counts = {value: np.zeros(shape, dtype=np.int64) for value in (STABLE, LANDSLIDE)}
    window = side * max(1, BLOCK // side)
    total = grid.block_count(window)
    for number, block in enumerate(grid.blocks(window)):
        stop_if_cancelled(progress)
        if mask.touches(block):
            marks = read_labels(labels, block)
            marks[~mask.read(block)] = UNKNOWN
            rows, columns = np.arange(0, block.height, side), np.arange(0, block.width, side)
            for value, count in counts.items():
                found = np.add.reduceat(np.add.reduceat(marks == value, rows, axis=0, dtype=np.int64), columns, axis=1)
                count[block.row // side:block.row // side + len(rows),
                      block.column // side:block.column // side + len(columns)] = found
        progress.report((number + 1) / total)
    for value, name, mend in ((LANDSLIDE, "landslide", "Give the labels of an area with landslides."),
                              (STABLE, "stable", "Labels need stable cells (0) too; make them with Build landslide "
                                                 "labels.")):
        if not counts[value].any():
            raise TooFewData(f"LABELS {labels.name} has no {name} cell in the area, so nothing can be measured. {mend}")
    return LabelBlocks(side, counts[LANDSLIDE], counts[STABLE])


def choose_blocks(found: LabelBlocks, most: int, seed: int) -> Chosen:
    """Draw blocks: half of them with landslides, half without, as far as there are.

    Landslides are rare, so an even draw over a large area would hardly meet any; the weights make up for it. With the
    same seed, fewer blocks are a part of more blocks.

    Raises:
        TooFewData: there are fewer than :data:`LEAST_BLOCKS` blocks.
    """
    labelled = found.landslide + found.stable > 0
    of = int(labelled.sum())
    if of < LEAST_BLOCKS:
        number = f"{of} block{'' if of == 1 else 's'} of {found.side} × {found.side} cells"
        raise TooFewData(f"LABELS has labels in {number} of the area only, but it takes {LEAST_BLOCKS} at least. Set "
                         "BLOCK to a smaller distance, or take a larger area.")
    generator = np.random.default_rng([seed, 20])
    strata = [generator.permutation(np.flatnonzero(labelled & (found.landslide > 0))),
              generator.permutation(np.flatnonzero(labelled & (found.landslide == 0)))]
    first = min(len(strata[0]), max(most // 2, most - len(strata[1])))
    taken = [first, min(len(strata[1]), most - first)]
    numbers = np.concatenate([stratum[:count] for stratum, count in zip(strata, taken)])
    weights = np.concatenate([np.full(count, len(stratum) / max(count, 1)) for stratum, count in zip(strata, taken)])
    order = np.argsort(numbers)
    rows, columns = np.unravel_index(numbers[order], labelled.shape)
    side = found.side
    return Chosen([Block(int(row) * side, int(column) * side, side, side) for row, column in zip(rows, columns)],
                  weights[order], of)
