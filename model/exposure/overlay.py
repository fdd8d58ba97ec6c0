"""Points, lines and polygons laid over the cells of a grid: exact lengths and areas by cell.

Edges are cut where they cross borders of cells. The area of a polygon in a cell follows from the edges in the cell and
to the left of it (Green's theorem, as in the exact coverage of font rasterizers), so it is exact up to rounding, holes
and narrow shapes included. Memory is that of the vertices and of a block of cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Block, Grid
from ..inputs.vectors import Polygons, polygon_parts

MAX_CELLS, MAX_EDGES = 2_000_000, 500_000  # of the polygons that are laid over a block at once
_ROUNDING = 1e-9  # share of a cell that is no more than rounding


@dataclass
class Pieces:
    """What some features have in the cells of a block."""

    feature: np.ndarray  # number of the feature, shape (pieces,)
    row: np.ndarray  # of the block
    column: np.ndarray
    size: np.ndarray  # length in metres, or area in square metres


class Edges:
    """Lines, or rings of polygons, as vertices one after the other, with the bounds of each part."""

    def __init__(self, parts: Sequence[np.ndarray], feature: np.ndarray, grid: Grid) -> None:
        """``parts`` are arrays of shape (vertices, 2) in map coordinates, ``feature`` the number of each one's."""
        counts = np.array([len(part) for part in parts], dtype=np.int64)
        self._grid, self._feature = grid, feature
        vertices = np.concatenate([part[:, :2] for part in parts]) if len(parts) else np.empty((0, 2))
        # In cells, so that borders of cells are whole numbers.
        self.x, self.y = ~grid.transform * (vertices[:, 0].astype(float), vertices[:, 1].astype(float))
        self._start, self._edges = np.cumsum(counts) - counts, np.maximum(counts - 1, 0)
        self.bounds = np.empty((4, len(parts)))  # left, top, right, bottom in cells
        if len(parts):
            for place, values in enumerate((self.x, self.y)):
                self.bounds[place] = np.minimum.reduceat(values, self._start)
                self.bounds[2 + place] = np.maximum.reduceat(values, self._start)

    def __len__(self) -> int:
        return len(self._feature)

    def touching(self, block: Block) -> np.ndarray:
        """Return the numbers of the parts whose bounds reach into a block."""
        left, top, right, bottom = self.bounds
        inside = (left <= block.column + block.width) & (right >= block.column)
        return np.flatnonzero(inside & (top <= block.row + block.height) & (bottom >= block.row))

    def edges_of(self, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first vertex of each edge of some parts, and which of them it belongs to."""
        counts = self._edges[parts]
        owner = np.repeat(np.arange(len(parts)), counts)
        return np.arange(len(owner)) + np.repeat(self._start[parts] - (np.cumsum(counts) - counts), counts), owner

    def batches(self, parts: np.ndarray, cells: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield slices of some parts with a limited number of edges, and of ``cells`` by part."""
        load = self._edges[parts] / MAX_EDGES + (0 if cells is None else cells / MAX_CELLS)
        number = np.floor(np.cumsum(load)).astype(np.int64)
        for chosen in np.split(np.arange(len(parts)), np.flatnonzero(np.diff(number)) + 1):
            if len(chosen):
                yield chosen

    def lengths(self, block: Block) -> Iterator[Pieces]:
        """Yield the lines in the cells of a block."""
        width, height = ground_spacing(self._grid, block)
        touching = self.touching(block)
        for chosen in self.batches(touching):
            parts = touching[chosen]
            first, owner = self.edges_of(parts)
            x, y = self.x - block.column, self.y - block.row
            edge, x0, y0, x1, y1 = _cut(x[first], y[first], x[first + 1], y[first + 1], block.height, block.width)
            row, column = np.floor((y0 + y1) / 2).astype(np.int64), np.floor((x0 + x1) / 2).astype(np.int64)
            inside = (row >= 0) & (row < block.height) & (column >= 0) & (column < block.width)
            row, column, edge = row[inside], column[inside], edge[inside]
            dx, dy = (x1 - x0)[inside] * width[row], (y1 - y0)[inside] * height[row]
            yield Pieces(self._feature[parts[owner[edge]]], row, column, np.hypot(dx, dy))


class Rings(Edges):
    """The rings of polygons."""

    def __init__(self, polygons: Polygons, grid: Grid) -> None:
        parts, feature, outer = [], [], []
        for number, geometry in enumerate(polygons.geometries):
            for polygon in polygon_parts(geometry):
                for place, ring in enumerate(polygon):
                    vertices = np.asarray(ring, dtype=float)[:, :2]
                    if len(vertices) < 3:
                        continue
                    closed = bool((vertices[0] == vertices[-1]).all())
                    parts.append(vertices if closed else np.concatenate([vertices, vertices[:1]]))
                    feature.append(number)
                    outer.append(place == 0)
        super().__init__(parts, np.array(feature, dtype=np.int64), grid)
        # Files keep no rule for the direction of rings: outer ones count as positive, holes as negative.
        self._sign = np.where(np.array(outer, dtype=bool), 1.0, -1.0)
        if len(self):
            first, owner = self.edges_of(np.arange(len(self)))
            # From the first vertex on, so that large coordinates do not round the area away.
            x, y = self.x - np.repeat(self.x[self._start], self._edges + 1), self.y
            twice = np.bincount(owner, (x[first] + x[first + 1]) * (y[first + 1] - y[first]), minlength=len(self))
            self._sign *= np.where(twice > 0, -1.0, 1.0)

    def areas(self, block: Block) -> Iterator[Pieces]:
        """Yield the parts of polygons in the cells of a block; a feature may have several of one cell."""
        width, height = ground_spacing(self._grid, block)
        cell = width * height
        touching = self.touching(block)
        left, top, right, bottom = self.bounds[:, touching]
        first_row = np.clip(np.floor(top) - block.row, 0, block.height).astype(np.int64)
        last_row = np.clip(np.ceil(bottom) - block.row, 0, block.height).astype(np.int64)
        first_column = np.clip(np.floor(left) - block.column, 0, block.width).astype(np.int64)
        last_column = np.clip(np.ceil(right) - block.column, 0, block.width).astype(np.int64)
        rows, columns = last_row - first_row, last_column - first_column
        there = np.flatnonzero((rows > 0) & (columns > 0))
        for chosen in self.batches(touching[there], (rows * (columns + 1))[there]):
            window = there[chosen]
            parts = touching[window]
            first, owner = self.edges_of(parts)
            # In cells of the window of each part; rows of all windows follow one another, with a column for what
            # lies to the right.
            x = self.x[first] - block.column - first_column[window][owner]
            x2 = self.x[first + 1] - block.column - first_column[window][owner]
            y, y2 = self.y[first] - block.row, self.y[first + 1] - block.row
            edge, x0, y0, x1, y1 = _cut(x, y, x2, y2, block.height, block.width)
            owner, row = owner[edge], np.floor((y0 + y1) / 2).astype(np.int64)
            middle = (x0 + x1) / 2
            row = row - first_row[window][owner]
            inside = (row >= 0) & (row < rows[window][owner]) & (middle < columns[window][owner])
            owner, row, middle, rise = owner[inside], row[inside], np.maximum(middle[inside], 0), (y1 - y0)[inside]
            stride = columns[window] + 1
            start = np.cumsum(rows[window] * stride) - rows[window] * stride
            column = np.floor(middle).astype(np.int64)
            place = start[owner] + row * stride[owner] + column
            share = middle - column
            signed = rise * self._sign[parts[owner]]
            total = int((rows[window] * stride).sum())
            cover = np.bincount(place, signed * (1 - share), minlength=total + 1)
            cover += np.bincount(place + 1, signed * share, minlength=total + 1)
            yield self._pieces(cover[:total], block, window, parts, (first_row, first_column, rows, columns), cell)

    def _pieces(
        self,
        change: np.ndarray,
        block: Block,
        window: np.ndarray,
        parts: np.ndarray,
        windows: tuple[np.ndarray, ...],
        cell: np.ndarray,
    ) -> Pieces:
        """Return the pieces from the changes of cover along the rows of all windows."""
        first_row, first_column, rows, columns = (one[window] for one in windows)
        line_part = np.repeat(np.arange(len(parts)), rows)  # of each row of each window
        stride = (columns + 1)[line_part]
        line_start = np.cumsum(stride) - stride
        line = np.repeat(np.arange(len(line_part)), stride)
        cover = np.cumsum(change)
        before = np.concatenate([[0.0], cover])[line_start]
        cover -= before[line]
        found = np.flatnonzero(np.abs(cover) > _ROUNDING)
        column, part = found - line_start[line[found]], line_part[line[found]]
        within = column < columns[part]
        found, column, part = found[within], column[within], part[within]
        line_row = np.arange(len(line_part)) - np.repeat(np.cumsum(rows) - rows, rows)
        row = line_row[line[found]] + first_row[part]
        size = cover[found] * cell[row]
        return Pieces(self._feature[parts[part]], row, column + first_column[part], size)


def ground_spacing(grid: Grid, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return width and height of the cells of each row in metres on the ground, float64, shape (rows,).

    Unlike ``Grid.spacing`` it takes out the scale of the projection, which is that of three rows, linear in between.
    """
    rows = [0, block.height // 2, block.height - 1]
    scales = [grid.scale_factor(Block(block.row + row, block.column, 1, block.width)) for row in rows]
    scale = np.interp(np.arange(block.height), rows, scales)
    width, height = grid.spacing(block.row, block.height)
    return width / scale, height / scale


def _cut(
    x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut edges at the borders of the cells from 0 to ``height`` and ``width``; return edge and ends of each piece.

    Edges above or below are left out.
    """
    kept = np.flatnonzero((np.maximum(y0, y1) > 0) & (np.minimum(y0, y1) < height) | ((y0 == y1) & (y0 == 0)))
    x0, y0, x1, y1 = x0[kept], y0[kept], x1[kept], y1[kept]
    at_rows, at_columns = _crossings(y0, y1, height), _crossings(x0, x1, width)
    every = np.arange(len(kept))
    edge = np.concatenate([every, every, at_rows[0], at_columns[0]])
    place = np.concatenate([np.zeros(len(kept)), np.ones(len(kept)), at_rows[1], at_columns[1]])
    order = np.lexsort((place, edge))
    edge, place = edge[order], place[order]
    pieces = np.flatnonzero((edge[1:] == edge[:-1]) & (place[1:] > place[:-1]))
    edge, begin, end = edge[pieces], place[pieces], place[pieces + 1]
    dx, dy = (x1 - x0)[edge], (y1 - y0)[edge]
    ends = x0[edge] + begin * dx, y0[edge] + begin * dy, x0[edge] + end * dx, y0[edge] + end * dy
    return kept[edge], *ends


def _crossings(start: np.ndarray, end: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return edge and place, 0 to 1 along it, of each crossing of a border from 0 to ``last``."""
    low = np.clip(np.ceil(np.minimum(start, end)), 0, last + 1).astype(np.int64)
    high = np.clip(np.floor(np.maximum(start, end)), -1, last).astype(np.int64)
    counts = np.where(start == end, 0, np.maximum(high - low + 1, 0))
    edge = np.repeat(np.arange(len(start)), counts)
    border = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + low[edge]
    return edge, np.clip((border - start[edge]) / (end - start)[edge], 0, 1)
