"""Where water goes: steepest descent, a way out of every pit, and work along the tree of flow level by level.

Method: receivers by steepest descent among eight neighbours; basins that end in a pit are joined to the outlets along
the minimum spanning tree of the passes between basins (Cordonnier, Bovy & Braun 2019, Earth Surf. Dynam. 7, 549), and
the path from pass to pit is turned round. All steps are array operations; loops run over path lengths, not cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass
class Flow:
    """A forest of flow: every cell's receiver, and the cells sorted from the outlets up.

    Work runs in flow order: ``order[i]`` is the flat index of the i-th cell, ``parent[i]`` the place of its receiver
    in that order, and ``starts`` cuts the order into levels, each of which depends on the one before it alone.
    """

    receiver: np.ndarray
    """Flat index of the receiver of each cell, itself at an outlet; int32, shape (cells,)."""
    order: np.ndarray
    parent: np.ndarray
    starts: np.ndarray

    def levels(self, upwards: bool):
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
        return self._back(total, amount.shape)

    def count_donors(self, chosen: np.ndarray) -> np.ndarray:
        """Return how many of the chosen cells flow directly into each cell; int64, flat."""
        cells = np.flatnonzero(chosen.ravel() & (self.receiver != np.arange(self.receiver.size)))
        return np.bincount(self.receiver[cells], minlength=self.receiver.size)

    def enforce_descent(self, height: np.ndarray, drop: float) -> np.ndarray:
        """Raise cells that lie below where they flow to, so that each path descends by ``drop`` a step at least."""
        level = height.ravel()[self.order].astype(np.float64)
        for span in self.levels(upwards=True):
            level[span] = np.maximum(level[span], level[self.parent[span]] + drop)
        return self._back(level, height.shape)

    def first_downstream(self, chosen: np.ndarray) -> np.ndarray:
        """Return the flat index of the first chosen cell at or below each cell, its outlet where there is none."""
        found = self.order.copy()
        marks = chosen.ravel()[self.order]
        for span in self.levels(upwards=True):
            found[span] = np.where(marks[span], found[span], found[self.parent[span]])
        return self._back(found, chosen.shape)

    def propagate_upstream(self, seed: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Carry the positive values of ``seed`` upstream through allowed cells; same shape as ``seed``."""
        value = seed.ravel()[self.order].copy()
        free = allowed.ravel()[self.order]
        for span in self.levels(upwards=True):
            value[span] = np.where((value[span] <= 0) & free[span], value[self.parent[span]], value[span])
        return self._back(value, seed.shape)

    def _back(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        result = np.empty_like(values)
        result[self.order] = values
        return result.reshape(shape)


def route(height: np.ndarray, outlets: np.ndarray, preference: np.ndarray | None = None) -> Flow:
    """Find the receiver of every cell.

    Args:
        height: elevation, shape (rows, columns).
        outlets: cells where water leaves, bool, the same shape; at least one.
        preference: factor on the slope towards each cell, the same shape; a little noise breaks the straight lines
            that eight directions would draw.

    Returns:
        The flow; every cell's path ends at an outlet.
    """
    receiver = _steepest(height, outlets, preference)
    root = _roots(receiver)
    is_outlet = outlets.ravel()
    pits = np.flatnonzero((receiver == np.arange(receiver.size, dtype=np.int32)) & ~is_outlet)
    if pits.size:
        _join_basins(height, receiver, root, pits)
        root = None
    return _sorted(receiver)


def _steepest(height: np.ndarray, outlets: np.ndarray, preference: np.ndarray | None) -> np.ndarray:
    rows, columns = height.shape
    best = np.zeros(height.shape, dtype=np.float32)
    receiver = np.arange(height.size, dtype=np.int32).reshape(height.shape)
    for down, right in NEIGHBOURS:
        here = (slice(max(-down, 0), rows - max(down, 0)), slice(max(-right, 0), columns - max(right, 0)))
        there = (slice(max(down, 0), rows + min(down, 0)), slice(max(right, 0), columns + min(right, 0)))
        slope = ((height[here] - height[there]) / np.hypot(down, right)).astype(np.float32)
        if preference is not None:
            slope *= preference[there]
        better = slope > best[here]
        best[here][better] = slope[better]
        index = np.arange(height.size, dtype=np.int32).reshape(height.shape)[there]
        receiver[here][better] = index[better]
    receiver = receiver.ravel()
    own = np.flatnonzero(outlets.ravel())
    receiver[own] = own
    return receiver


def _roots(receiver: np.ndarray) -> np.ndarray:
    """Follow every path to its end by pointer doubling."""
    root = receiver
    while True:
        further = root[root]
        if np.array_equal(further, root):
            return root
        root = further


def _join_basins(height: np.ndarray, receiver: np.ndarray, root: np.ndarray, pits: np.ndarray) -> None:
    """Give every pit's basin a way out over its lowest pass; changes ``receiver`` in place."""
    number = np.zeros(receiver.size, dtype=np.int32)
    number[pits] = np.arange(1, pits.size + 1, dtype=np.int32)
    basin = number[root].reshape(height.shape)
    index = np.arange(receiver.size, dtype=np.int32).reshape(height.shape)
    rows, columns = height.shape
    first, second, level = [], [], []
    for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
        here = (slice(0, rows - down), slice(max(-right, 0), columns - max(right, 0)))
        there = (slice(down, rows), slice(max(right, 0), columns + min(right, 0)))
        border = basin[here] != basin[there]
        first.append(index[here][border])
        second.append(index[there][border])
        level.append(np.maximum(height[here][border], height[there][border]))
    a, b, w = np.concatenate(first), np.concatenate(second), np.concatenate(level)
    low, high = basin.ravel()[a].astype(np.int64), basin.ravel()[b].astype(np.int64)
    swap = low > high
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    key = np.minimum(low, high) * (pits.size + 1) + np.maximum(low, high)
    lowest = np.lexsort((w, key))
    keys, at = np.unique(key[lowest], return_index=True)
    passes = lowest[at]
    # Passes over the same cell are equally low. By their rank no two are, so that every version of SciPy finds the same
    # tree; in the order of the keys among equals.
    weight = np.empty(passes.size)
    weight[np.argsort(w[passes], kind="stable")] = np.arange(1, passes.size + 1)
    shape = (pits.size + 1, pits.size + 1)
    graph = sparse.csr_matrix((weight, (keys // shape[0], keys % shape[0])), shape=shape)
    tree = csgraph.minimum_spanning_tree(graph)
    _, towards = csgraph.breadth_first_order(tree, 0, directed=False, return_predecessors=True)
    mine = np.arange(1, pits.size + 1, dtype=np.int64)
    theirs = towards[1:].astype(np.int64)
    edge = passes[np.searchsorted(keys, np.minimum(mine, theirs) * shape[0] + np.maximum(mine, theirs))]
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
