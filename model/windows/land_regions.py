"""Parts of the training land, each left out as if it were another area."""

from __future__ import annotations

import numpy as np

from ..grid import Grid
from ..labels import LANDSLIDE, STABLE
from .folded_cells import FoldedCells
from .split import NO_SUBSET

REGIONS, MIN_LANDSLIDES = 4, 5  # parts, and landslides that a part and the rest need at least
LeftOut = tuple[np.ndarray, np.ndarray]  # which cells train and which are left out, bool (cells,) each


def left_out_regions(cells: FoldedCells, grid: Grid) -> list[LeftOut]:
    """Return up to four large parts of the land of one area, each with the cells that train where it is left out.

    The land is halved twice, each time across its longer side, with as many landslide cells on either side. Blocks that
    touch a part do not train where it is left out. Parts with few landslides are left out of the list.
    """
    (land,) = cells.lands
    blocks, table = land.held_out.blocks, land.held_out.subsets
    parts = [np.argwhere(table != NO_SUBSET)]
    while len(parts) < REGIONS:
        parts = [half for part in parts for half in _halves(part, land.landslide)]
    rows, columns = (cells.places // grid.width) // blocks.rows, (cells.places % grid.width) // blocks.columns
    result = []
    for part in parts:
        region = np.zeros((table.shape[0] + 2, table.shape[1] + 2), dtype=bool)
        region[part[:, 0] + 1, part[:, 1] + 1] = True
        near = np.zeros_like(region)
        for down, across in np.ndindex(3, 3):
            near |= np.roll(region, (down - 1, across - 1), (0, 1))
        left, train = region[rows + 1, columns + 1], ~near[rows + 1, columns + 1]
        enough = all(cells.shares[some].sum() >= MIN_LANDSLIDES for some in (left, train))
        if enough and all((cells.labels[some] == STABLE).any() for some in (left, train)):
            result.append((train, left))
    return result


def left_out_areas(cells: FoldedCells) -> list[LeftOut]:
    """Return each area of a training on several, with the cells of the others that train where it is left out."""
    result = []
    for area in range(len(cells.lands)):
        left = cells.areas == area
        if all({LANDSLIDE, STABLE} <= set(cells.labels[some].tolist()) for some in (left, ~left)):
            result.append((~left, left))
    return result if len(result) > 1 else []


def _halves(part: np.ndarray, landslide: np.ndarray) -> list[np.ndarray]:
    """Divide blocks, rows and columns (blocks, 2), across their longer side."""
    if len(part) < 2:
        return [part, part[:0]]
    axis = int(np.argmax(np.ptp(part, axis=0)))
    order = np.argsort(part[:, axis], kind="stable")
    counts = np.cumsum(landslide[part[order, 0], part[order, 1]])
    place = int(np.searchsorted(counts, counts[-1] / 2)) + 1
    # Not within a row or column of blocks.
    middle = part[order[min(place, len(part) - 1)], axis]
    low = part[:, axis] < middle
    return [part[low], part[~low]]
