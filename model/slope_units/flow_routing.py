"""Flow routing over a whole DEM with NumPy and SciPy: directions to one of eight neighbours and contributing area.

Depressions are carved: the path from where a depression spills down to its lowest cell is turned round (Cordonnier,
Bovy and Braun 2019). Elevations stay as they are, so that the land in depressions keeps its own streams.

All arrays have a border of one cell without data, and cells are numbers in the flat array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ..grid import Grid
from ..progress import Progress, SubProgress, stop_if_cancelled

STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Row and column to the eight neighbours, clockwise from north; the number of a direction is its place here."""
OUTLET, PIT, NO_FLOW, NODATA = 8, 9, 10, 255  # water leaves the land; lowest cell; not yet known; no data
STRIP_CELLS = 1 << 20
LEVELS_PER_CHECK = 256


@dataclass
class FlowRouting:
    """Where water flows, for all cells in the order from ridges to outlets."""

    direction: np.ndarray  # uint8, shape (rows + 2, columns + 2): a direction, OUTLET or NODATA
    area: np.ndarray  # float32, likewise: contributing area in m², the cell's own included
    order: np.ndarray  # int32: cells with data, those that water reaches from others after these
    levels: np.ndarray  # int64: where each level begins in the order, and its end; no cell flows to one of its level
    scratch: np.ndarray  # int32 of the same shape, for free use

    @property
    def offsets(self) -> np.ndarray:
        """Difference between the number of a cell and that of the cell it flows to, by direction; 0 for OUTLET."""
        return _offsets(self.direction.shape[1])


def route_flow(elevation: np.ndarray, grid: Grid, progress: Progress) -> FlowRouting:
    """Lead water from every cell to the border of the data.

    Args:
        elevation: float32 in metres, with a border of one cell of NaN; NaN without data.
        grid: of the elevations, without the border.
    """
    direction = _steepest(elevation, grid, SubProgress(progress, 0.0, 0.15))
    _resolve_flats(elevation, direction, progress)
    scratch = np.empty(elevation.shape, dtype=np.int32)
    _carve_depressions(elevation, direction, scratch, SubProgress(progress, 0.15, 0.6))
    return _accumulate(direction, grid, scratch, SubProgress(progress, 0.6, 1.0))


def strips(shape: tuple[int, ...], progress: Progress | None = None) -> Iterator[slice]:
    """Give the rows of an array with a border, without it, in parts."""
    rows = shape[0] - 2
    step = max(1, STRIP_CELLS // shape[1])
    for first in range(1, rows + 1, step):
        if progress is not None:
            stop_if_cancelled(progress)
            progress.report((first - 1) / rows)
        yield slice(first, min(first + step, rows + 1))


def neighbour(array: np.ndarray, rows: slice, direction: int) -> np.ndarray:
    """Return the neighbours in one direction of the cells of some rows, the border left out."""
    row, column = STEPS[direction]
    return array[rows.start + row : rows.stop + row, 1 + column : array.shape[1] - 1 + column]


def _offsets(width: int) -> np.ndarray:
    result = np.zeros(256, dtype=np.int32)
    result[:8] = [row * width + column for row, column in STEPS]
    return result


def _steepest(elevation: np.ndarray, grid: Grid, progress: Progress) -> np.ndarray:
    """Return the direction of the steepest descent; OUTLET beside nodata, NO_FLOW elsewhere where none is lower."""
    direction = np.full(elevation.shape, NODATA, dtype=np.uint8)
    widths, heights = (size.astype(np.float32)[:, None] for size in grid.spacing())
    for rows in strips(elevation.shape, progress):
        centre = elevation[rows, 1:-1]
        width, height = widths[rows.start - 1 : rows.stop - 1], heights[rows.start - 1 : rows.stop - 1]
        diagonal = np.hypot(width, height)
        best = np.zeros(centre.shape, dtype=np.float32)
        found = np.full(centre.shape, NO_FLOW, dtype=np.uint8)
        at_border = np.zeros(centre.shape, dtype=bool)
        for number, (row, column) in enumerate(STEPS):
            drop = centre - neighbour(elevation, rows, number)
            at_border |= np.isnan(drop)
            drop /= diagonal if row and column else height if row else width
            steeper = drop > best
            best[steeper] = drop[steeper]
            found[steeper] = number
        found[at_border & (found == NO_FLOW)] = OUTLET
        found[np.isnan(centre)] = NODATA
        direction[rows, 1:-1] = found
    return direction


def _resolve_flats(elevation: np.ndarray, direction: np.ndarray, progress: Progress) -> None:
    """Lead flat cells to the nearest cell of their height that flows on, or to one pit in each closed flat."""
    z, to, offsets = elevation.ravel(), direction.ravel(), _offsets(direction.shape[1])
    flat = np.flatnonzero(to == NO_FLOW)
    found = np.full(len(flat), NO_FLOW, dtype=np.uint8)
    for number in range(7, -1, -1):
        beside = flat + offsets[number]
        found[(to[beside] <= OUTLET) & (z[beside] == z[flat])] = number
    reached = found != NO_FLOW
    to[flat[reached]] = found[reached]
    _spread(z, to, flat[reached], offsets, progress)
    flat = flat[~reached]
    flat = flat[to[flat] == NO_FLOW]
    if not len(flat):
        return
    pairs = []
    for number in range(1, 5):
        beside = flat + offsets[number]
        here = np.flatnonzero((to[beside] == NO_FLOW) & (z[beside] == z[flat]))
        pairs.append((here, np.searchsorted(flat, beside[here])))
    first, second = (np.concatenate(part) for part in zip(*pairs))
    graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(flat), len(flat)))
    _, label = connected_components(graph, directed=False)
    pits = flat[np.unique(label, return_index=True)[1]]
    to[pits] = PIT
    _spread(z, to, np.sort(pits), offsets, progress)


def _spread(z: np.ndarray, to: np.ndarray, front: np.ndarray, offsets: np.ndarray, progress: Progress) -> None:
    """Lead flat cells to ``front``, ring by ring."""
    rounds = 0
    while len(front):
        rounds += 1
        if rounds % LEVELS_PER_CHECK == 0:
            stop_if_cancelled(progress)
        reached = []
        for number in range(8):
            beside = front + offsets[number]
            flat = beside[(to[beside] == NO_FLOW) & (z[beside] == z[front])]
            to[flat] = (number + 4) % 8
            reached.append(flat)
        front = np.concatenate(reached)


def _carve_depressions(elevation: np.ndarray, direction: np.ndarray, basin: np.ndarray, progress: Progress) -> None:
    """Turn round the paths in depressions, so that every cell flows to an outlet."""
    pits = _label_basins(direction, basin, SubProgress(progress, 0.0, 0.4))
    if not pits:
        return
    passes = _find_passes(elevation, basin, SubProgress(progress, 0.4, 0.9))
    lowest, highest, _, cell, number = passes.T.astype(np.int64)
    # Ranks instead of heights: SciPy takes a weight of 0 for no edge, and no two ranks tie.
    rank = np.arange(1.0, len(lowest) + 1)
    graph = coo_matrix((rank, (lowest, highest)), shape=(pits + 1, pits + 1)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    _, before = breadth_first_order(tree.tocsr(), 0, directed=False)
    stop_if_cancelled(progress)
    chosen = tree.data.astype(np.int64) - 1
    one, other = tree.row.astype(np.int64), tree.col.astype(np.int64)
    child = np.where(before[other] == one, other, one)
    offsets = _offsets(direction.shape[1]).astype(np.int64)
    cell, number = cell[chosen], number[chosen]
    labels, to = basin.ravel(), direction.ravel()
    own = (labels[cell] == child) | (number == OUTLET)
    current = np.where(own, cell, cell + offsets[number])
    onward = np.where(own, number, (number + 4) % 8).astype(np.uint8)
    while len(current):
        earlier = to[current]
        to[current] = onward
        further = earlier < OUTLET
        earlier = earlier[further]
        current = current[further] + offsets[earlier]
        onward = (earlier + 4) % 8


def _label_basins(direction: np.ndarray, basin: np.ndarray, progress: Progress) -> int:
    """Number the depression that each cell drains to: 1 on, 0 for none, -1 without data. Return how many there are."""
    to, label = direction.ravel(), basin.ravel()
    offsets = _offsets(direction.shape[1])
    pits = np.flatnonzero(to == PIT)
    parts = [slice(first, first + STRIP_CELLS) for first in range(0, len(to), STRIP_CELLS)]
    # While cells are followed, label holds the next cell, or -1 - basin; cell 0 is a part of the border.
    for part in parts:
        where = to[part]
        label[part] = np.arange(part.start, part.start + len(where), dtype=np.int32) + offsets[where]
        label[part][where == NODATA] = 0
        label[part][where == OUTLET] = -1
    label[pits] = -2 - np.arange(len(pits), dtype=np.int32)
    rounds = 0
    while parts:
        rounds += 1
        unfinished = []
        for part in parts:
            stop_if_cancelled(progress)
            values = label[part]
            moving = np.flatnonzero(values > 0)
            if len(moving):
                values[moving] = label[values[moving]]
                unfinished.append(part)
        parts = unfinished
        progress.report(1 - 0.8**rounds)
    np.subtract(-1, label, out=label)
    return len(pits)


def _find_passes(elevation: np.ndarray, basin: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the lowest pass between each two basins that touch, from the lowest to the highest.

    Returns:
        float64, shape (passes, 5): the two basins, the lower number first; the height; a cell; the direction from it
        across the pass, OUTLET at the border of the data. float64 holds whole numbers up to 2^53.
    """
    width, kept = basin.shape[1], []
    for rows in strips(basin.shape, progress):
        own, height = basin[rows, 1:-1], elevation[rows, 1:-1]
        found = []
        at_border = np.zeros(own.shape, dtype=bool)
        for number in range(8):
            other = neighbour(basin, rows, number)
            at_border |= other < 0
            if 2 <= number <= 5:
                row, column = np.nonzero((own != other) & (own >= 0) & (other >= 0))
                a, b = own[row, column], other[row, column]
                higher = np.maximum(height[row, column], neighbour(elevation, rows, number)[row, column])
                cell = (row + rows.start) * width + column + 1
                found.append((np.minimum(a, b), np.maximum(a, b), higher, cell, np.full(len(a), number)))
        row, column = np.nonzero(at_border & (own > 0))
        cell = (row + rows.start) * width + column + 1
        found.append((np.zeros(len(row)), own[row, column], height[row, column], cell, np.full(len(row), OUTLET)))
        kept.append(_lowest(np.column_stack([np.concatenate(part) for part in zip(*found)]).astype(np.float64)))
    passes = _lowest(np.concatenate(kept))
    return passes[np.lexsort((passes[:, 4], passes[:, 3], passes[:, 2]))]


def _lowest(passes: np.ndarray) -> np.ndarray:
    """Return the lowest pass of each pair of basins, of equals the one of the first cell."""
    passes = passes[np.lexsort((passes[:, 4], passes[:, 3], passes[:, 2], passes[:, 1], passes[:, 0]))]
    first = np.ones(len(passes), dtype=bool)
    first[1:] = (np.diff(passes[:, 0]) != 0) | (np.diff(passes[:, 1]) != 0)
    return passes[first]


def _accumulate(direction: np.ndarray, grid: Grid, scratch: np.ndarray, progress: Progress) -> FlowRouting:
    area = np.zeros(direction.shape, dtype=np.float32)
    donors = np.zeros(direction.shape, dtype=np.uint8)
    cell_area = grid.cell_area()[:, None]
    cells, sources = 0, []
    for rows in strips(direction.shape):
        known = direction[rows, 1:-1] != NODATA
        cells += int(known.sum())
        area[rows, 1:-1] = known * cell_area[rows.start - 1 : rows.stop - 1]
        count = donors[rows, 1:-1]
        for number in range(8):
            count += neighbour(direction, rows, number) == (number + 4) % 8
        row, column = np.nonzero(known & (count == 0))
        sources.append((row + rows.start) * direction.shape[1] + column + 1)
    order = np.empty(cells, dtype=np.int32)
    to, flowing, waiting = direction.ravel(), area.ravel(), donors.ravel()
    offsets = _offsets(direction.shape[1])
    front, done, levels = np.concatenate(sources), 0, [0]
    while len(front):
        order[done : done + len(front)] = front
        done += len(front)
        levels.append(done)
        if len(levels) % LEVELS_PER_CHECK == 0:
            stop_if_cancelled(progress)
            progress.report(done / cells)
        where, ready = to[front], []
        for number in range(8):
            # No two cells flow to the same one in the same direction.
            upper = front[where == number]
            if len(upper):
                lower = upper + offsets[number]
                flowing[lower] += flowing[upper]
                left = waiting[lower] - 1
                waiting[lower] = left
                ready.append(lower[left == 0])
        front = np.concatenate(ready) if ready else front[:0]
    return FlowRouting(direction, area, order, np.array(levels), scratch)
