"""Where water goes: steepest descent, a way out of every pit, accumulation along the tree of flow, and rivers as lines.

Method: receivers by steepest descent among eight neighbours; basins that end in a pit are joined to the outlets along
the minimum spanning tree of the passes between basins (Cordonnier, Bovy & Braun 2019, Earth Surf. Dynam. 7, 549), and
the path from pass to pit is turned round. All steps are array operations; loops run over path lengths, not cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from ..inputs.vectors import Lines
from .frame import CELL, DemoFrame, neighbours

HALF_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))  # each pair of neighbours once
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), *HALF_NEIGHBOURS)
MIN_RIVER_KM2 = 1.0  # drainage area from which flowing water counts as a river


@dataclass
class Flow:
    """A forest of flow: every cell's receiver, and the cells sorted from the outlets up.

    Work runs in flow order: ``order[i]`` is the flat index of the i-th cell, ``parent[i]`` the place of its receiver
    in that order, and ``starts`` cuts the order into levels, each of which depends on the one before it alone.
    """

    receiver: np.ndarray  # flat index of the receiver of each cell, itself at an outlet; int32, shape (cells,)
    order: np.ndarray
    parent: np.ndarray
    starts: np.ndarray

    def levels(self, upwards: bool) -> Iterator[slice]:
        """Give slices of the flow order, from the level above the outlets to the sources or the other way."""
        spans = range(1, len(self.starts) - 1)
        for level in spans if upwards else reversed(spans):
            yield slice(self.starts[level], self.starts[level + 1])

    def accumulate(self, amount: np.ndarray) -> np.ndarray:
        """Return the sum of ``amount`` over each cell and all cells upstream; same shape, float64."""
        total = amount.ravel()[self.order].astype(np.float64)
        for level in range(len(self.starts) - 2, 0, -1):
            low, middle, high = self.starts[level - 1 : level + 2]
            total[low:middle] += np.bincount(self.parent[middle:high] - low, total[middle:high], middle - low)
        return self.to_grid(total, amount.shape)

    def enforce_descent(self, height: np.ndarray, drop: float) -> np.ndarray:
        """Raise cells that lie below where they flow to, so that each path descends by ``drop`` a step at least."""
        level = height.ravel()[self.order].astype(np.float64)
        for span in self.levels(upwards=True):
            level[span] = np.maximum(level[span], level[self.parent[span]] + drop)
        return self.to_grid(level, height.shape)

    def first_downstream(self, chosen: np.ndarray) -> np.ndarray:
        """Return the flat index of the first chosen cell at or below each cell, its outlet where there is none."""
        found = self.order.copy()
        marks = chosen.ravel()[self.order]
        for span in self.levels(upwards=True):
            found[span] = np.where(marks[span], found[span], found[self.parent[span]])
        return self.to_grid(found, chosen.shape)

    def propagate_upstream(self, seed: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Carry the positive values of ``seed`` upstream through allowed cells; same shape as ``seed``."""
        value = seed.ravel()[self.order].copy()
        free = allowed.ravel()[self.order]
        for span in self.levels(upwards=True):
            value[span] = np.where((value[span] <= 0) & free[span], value[self.parent[span]], value[span])
        return self.to_grid(value, seed.shape)

    def to_grid(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return values in flow order as a raster."""
        result = np.empty_like(values)
        result[self.order] = values
        return result.reshape(shape)


def route(height: np.ndarray, outlets: np.ndarray, preference: np.ndarray | None = None) -> Flow:
    """Find the receiver of every cell, so that each path ends at an outlet, of which there is at least one.

    ``preference`` is a factor on the slope towards each cell: noise breaks the straight lines of eight directions.
    """
    receiver = _steepest(height, outlets, preference)
    pits = np.flatnonzero((receiver == np.arange(receiver.size, dtype=np.int32)) & ~outlets.ravel())
    if pits.size:
        _join_basins(height, receiver, _ends(receiver), pits)
    return _sorted(receiver)


def _steepest(height: np.ndarray, outlets: np.ndarray, preference: np.ndarray | None) -> np.ndarray:
    best = np.zeros(height.shape, dtype=np.float32)
    index = np.arange(height.size, dtype=np.int32).reshape(height.shape)
    receiver = index.copy()
    for down, right in NEIGHBOURS:
        here, there = neighbours(height.shape, down, right)
        slope = ((height[here] - height[there]) / np.hypot(down, right)).astype(np.float32)
        if preference is not None:
            slope *= preference[there]
        better = slope > best[here]
        best[here][better] = slope[better]
        receiver[here][better] = index[there][better]
    receiver = receiver.ravel()
    own = np.flatnonzero(outlets.ravel())
    receiver[own] = own
    return receiver


def _ends(pointer: np.ndarray) -> np.ndarray:
    """Follow every path of flat indices to its end, by pointer doubling."""
    while True:
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            return pointer
        pointer = further


def _join_basins(height: np.ndarray, receiver: np.ndarray, root: np.ndarray, pits: np.ndarray) -> None:
    """Give every pit's basin a way out over its lowest pass; changes ``receiver`` in place."""
    number = np.zeros(receiver.size, dtype=np.int32)
    number[pits] = np.arange(1, pits.size + 1, dtype=np.int32)
    basin = number[root].reshape(height.shape)
    index = np.arange(receiver.size, dtype=np.int32).reshape(height.shape)
    first, second, level = [], [], []
    for down, right in HALF_NEIGHBOURS:
        here, there = neighbours(height.shape, down, right)
        border = basin[here] != basin[there]
        first.append(index[here][border])
        second.append(index[there][border])
        level.append(np.maximum(height[here][border], height[there][border]))
    a, b, w = np.concatenate(first), np.concatenate(second), np.concatenate(level)
    low, high = basin.ravel()[a].astype(np.int64), basin.ravel()[b].astype(np.int64)
    swap = low > high
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    basins = pits.size + 1
    key = np.minimum(low, high) * basins + np.maximum(low, high)
    lowest = np.lexsort((w, key))
    keys, at = np.unique(key[lowest], return_index=True)
    passes = lowest[at]
    # Passes over the same cell are equally low. By their rank no two are, so that every version of SciPy finds the same
    # tree; in the order of the keys among equals.
    weight = np.empty(passes.size)
    weight[np.argsort(w[passes], kind="stable")] = np.arange(1, passes.size + 1)
    graph = sparse.csr_matrix((weight, (keys // basins, keys % basins)), shape=(basins, basins))
    tree = csgraph.minimum_spanning_tree(graph)
    _, towards = csgraph.breadth_first_order(tree, 0, directed=False, return_predecessors=True)
    mine = np.arange(1, basins, dtype=np.int64)
    theirs = towards[1:].astype(np.int64)
    edge = passes[np.searchsorted(keys, np.minimum(mine, theirs) * basins + np.maximum(mine, theirs))]
    inner = np.where(mine < theirs, a[edge], b[edge])
    target = np.where(mine < theirs, b[edge], a[edge])
    while inner.size:
        onward = receiver[inner].copy()
        receiver[inner] = target
        moving = onward != inner
        target, inner = inner[moving], onward[moving]


def _sorted(receiver: np.ndarray) -> Flow:
    depth = (receiver != np.arange(receiver.size, dtype=np.int32)).astype(np.int32)
    jump = receiver
    while True:
        depth = depth + depth[jump]
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    short = depth.astype(np.uint16) if depth.max() < 65536 else depth  # 16 bits are sorted by radix, much faster
    order = np.argsort(short, kind="stable").astype(np.int32)
    place = np.empty_like(order)
    place[order] = np.arange(order.size, dtype=np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(depth))])
    return Flow(receiver, order, place[receiver[order]], starts)


def draw_rivers(frame: DemoFrame, flow: Flow, area: np.ndarray) -> Lines:
    """Trace the rivers inside the study area, one line downhill from each source or confluence to the next.

    Fields: ``upstream_km2``, the drainage area at the lower end, and ``strahler``, the order of the line.
    """
    inside = np.zeros((frame.side, frame.side), dtype=bool)
    frame.crop(inside)[:] = True
    river = (area >= MIN_RIVER_KM2) & inside
    flat = river.ravel()
    flowing = np.flatnonzero(flat & (flow.receiver != np.arange(flat.size)))
    donors = np.bincount(flow.receiver[flowing], minlength=flat.size)  # river cells that flow directly into each cell
    order = _strahler(flow, river)
    cells = flow.order[flat[flow.order]][::-1]
    if not cells.size:
        return Lines("rivers", fields={"upstream_km2": [], "strahler": []})
    below = flow.receiver[cells]
    pointer = np.arange(flat.size, dtype=np.int32)
    pointer[cells] = np.where(~flat[below] | (donors[below] > 1), cells, below)
    last = _ends(pointer)[cells]
    sort = np.argsort(last, kind="stable")
    parts, upstream, strahler = [], [], []
    for line in np.split(cells[sort], np.flatnonzero(np.diff(last[sort])) + 1):
        end = flow.receiver[line[-1]]
        row, column = np.divmod(np.append(line, end).astype(np.float64), frame.side)
        xy = np.column_stack([column + 0.5, row + 0.5]) * CELL
        if not flat[end]:
            xy[-1] = (xy[-1] + xy[-2]) / 2
        parts.append(frame.to_map(_soften(xy)))
        upstream.append(round(float(area.flat[line[-1]]), 3))
        strahler.append(int(order.flat[line[-1]]))
    return Lines("rivers", fields={"upstream_km2": upstream, "strahler": strahler}, parts=parts)


def _strahler(flow: Flow, river: np.ndarray) -> np.ndarray:
    marks = river.ravel()[flow.order]
    highest = np.where(marks, 1, 0).astype(np.int32)
    for span in flow.levels(upwards=False):
        chosen = np.flatnonzero(marks[span]) + span.start
        parent, value = flow.parent[chosen], highest[chosen]
        sort = np.lexsort((-value, parent))
        parent, value = parent[sort], value[sort]
        first = np.flatnonzero(np.diff(parent, prepend=-1))
        second = first + 1
        safe = np.minimum(second, max(parent.size - 1, 0))
        twice = (second < parent.size) & (parent[safe] == parent[first]) & (value[safe] == value[first])
        highest[parent[first]] = np.maximum(highest[parent[first]], value[first] + twice)
    return np.where(river, flow.to_grid(highest, river.shape), 0)


def _soften(xy: np.ndarray) -> np.ndarray:
    """Round the corners of a path over cells; every point stays within its cell, so that the line still descends."""
    if len(xy) < 3:
        return xy
    soft = xy.copy()
    soft[1:-1] += np.clip(0.25 * (xy[:-2] - 2 * xy[1:-1] + xy[2:]), -0.45 * CELL, 0.45 * CELL)
    return soft
