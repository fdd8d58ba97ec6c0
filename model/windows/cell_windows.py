"""Small windows around sampled cells, for networks that see the surroundings of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Block
from ..inputs.rasters import TILE
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from .collection import WindowSet
from .folded_cells import FoldedCells
from .split import TrainingRasters

MAX_WINDOWS = 3000  # around landslide cells, around stable cells, and around those of the ring
MAX_BYTES = 400_000_000  # of factor values


@dataclass
class CellWindows:
    """Windows around sampled cells."""

    rows: np.ndarray  # of the cells in the sample, int64 (windows,)
    places: np.ndarray  # row and column of the cell in its window, int64 (windows, 2)
    windows: WindowSet


def collect_cell_windows(
    areas: Sequence[TrainingRasters], cells: FoldedCells, side: int, align: int, seed: int, progress: Progress
) -> CellWindows:
    """Read windows of ``side`` cells around some of the sampled cells, with origins at multiples of ``align``.

    Landslide cells are drawn by the landslides they stand for, the others evenly. Windows
    have no labels. ``areas`` are those of the cells.
    """
    factors, generator = len(areas[0].factors), np.random.default_rng([seed, 23])
    most = int(min(MAX_WINDOWS, MAX_BYTES // (3 * 4 * factors * side**2)))
    chosen = []
    for label in (LANDSLIDE, STABLE, UNKNOWN):
        rows = np.flatnonzero(cells.labels == label)
        weights = cells.shares[rows] if label == LANDSLIDE else np.ones(len(rows))
        some = weights > 0
        if some.sum() > most:
            drawn = generator.choice(len(rows), most, replace=False, p=weights / weights.sum())
            some = np.isin(np.arange(len(rows)), drawn)
        chosen.append(rows[some])
    rows = np.concatenate(chosen)
    area = cells.areas[rows]
    width = np.array([rasters.grid.width for rasters in areas])[area]
    origins = np.stack([cells.places[rows] // width, cells.places[rows] % width], axis=1)
    # In the order of the raster's tiles, each tile is read once or twice and not for every window.
    order = np.lexsort((origins[:, 1], origins[:, 0] // TILE, area))
    # A network that halves the resolution sees a cell otherwise in an odd row than in an even one.
    rows, cell, area = rows[order], origins[order], area[order]
    origins = (cell - side // 2 // align * align) // align * align
    values = np.empty((len(rows), factors, side, side), dtype=np.float32)
    for index, (row, column) in enumerate(origins.tolist()):
        stop_if_cancelled(progress)
        values[index] = areas[area[index]].stack.read(Block(row, column, side, side))
        if index % 64 == 0:
            progress.report(index / len(rows))
    labels = np.full((len(rows), side, side), UNKNOWN, dtype=np.uint8)
    windows = WindowSet(origins, side, 0, values, labels, None, np.zeros(len(rows), dtype=np.uint8))
    return CellWindows(rows, cell - origins, windows)
