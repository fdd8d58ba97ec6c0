"""Rivers as lines, taken from the drainage of the finished land."""

from __future__ import annotations

import numpy as np

from ..inputs.vectors import Lines
from .frame import CELL, DemoFrame
from .terrain import Terrain

MIN_RIVER_KM2 = 1.0
"""Drainage area from which flowing water counts as a river."""


def draw_rivers(frame: DemoFrame, terrain: Terrain) -> Lines:
    """Trace the river network inside the study area, one line from each source or confluence to the next.

    Returns:
        Lines in map coordinates, each running downhill; a line ends where another begins or at the area's border.
        Fields: ``upstream_km2``, the drainage area at the lower end, and ``strahler``, the order of the line.
    """
    side, flow = frame.side, terrain.flow
    inside = np.zeros((side, side), dtype=bool)
    frame.crop(inside)[:] = True
    river = (terrain.area >= MIN_RIVER_KM2) & inside
    flat = river.ravel()
    donors = flow.count_donors(river)
    order = _strahler(terrain, river)
    cells = flow.order[flat[flow.order]][::-1]
    if not cells.size:
        return Lines("rivers", fields={"upstream_km2": [], "strahler": []})
    below = flow.receiver[cells]
    last = ~flat[below] | (donors[below] > 1)
    link = _last_cell(cells, below, last, flat.size)
    sort = np.argsort(link, kind="stable")
    cuts = np.flatnonzero(np.diff(link[sort])) + 1
    parts, area, strahler = [], [], []
    for line in np.split(cells[sort], cuts):
        end = flow.receiver[line[-1]]
        row, column = np.divmod(np.append(line, end).astype(np.float64), side)
        xy = np.column_stack([column + 0.5, row + 0.5]) * CELL
        if not flat[end]:
            xy[-1] = (xy[-1] + xy[-2]) / 2
        parts.append(frame.to_map(_soften(xy)))
        area.append(round(float(terrain.area.flat[line[-1]]), 3))
        strahler.append(int(order.flat[line[-1]]))
    return Lines("rivers", fields={"upstream_km2": area, "strahler": strahler}, parts=parts)


def _last_cell(cells: np.ndarray, below: np.ndarray, last: np.ndarray, total: int) -> np.ndarray:
    """Return for each river cell the cell that ends its line, by pointer doubling."""
    pointer = np.arange(total, dtype=np.int32)
    pointer[cells] = np.where(last, cells, below)
    while True:
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            return pointer[cells]
        pointer = further


def _strahler(terrain: Terrain, river: np.ndarray) -> np.ndarray:
    """Return Strahler's order of each river cell, 0 elsewhere, int32."""
    flow = terrain.flow
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
    result = np.empty_like(highest)
    result[flow.order] = highest
    return np.where(river, result.reshape(river.shape), 0)


def _soften(xy: np.ndarray) -> np.ndarray:
    """Round the corners of a path over cells; every point stays within its cell, so that the line still descends."""
    if len(xy) < 3:
        return xy
    soft = xy.copy()
    soft[1:-1] += np.clip(0.25 * (xy[:-2] - 2 * xy[1:-1] + xy[2:]), -0.45 * CELL, 0.45 * CELL)
    return soft
