"""Line density: exact length of line within a circle about each cell, without drawing any circle.

The cell centres of a row whose circle holds a whole straight piece form an interval, and so do those whose circle
holds a part of it. The whole piece needs two additions, at the ends of the first interval, and a running sum along the
row; only the fringe between the two intervals needs the length of a chord, in closed form. The work grows with the
length of the lines times the radius, not with the number of cells times the area of the circle.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Block, Grid
from ..inputs.vectors import Lines
from ..progress import NullProgress, Progress, stop_if_cancelled
from .lines import CellSizeByRow, Segments, prepare_lines

MAX_THREADS = 4
"""Parts that the lines are shared out into where the whole grid is one block."""

CHUNK = 1 << 17
"""Pairs of a piece and a row that are worked on at once; small enough for the cache, enough for threads to pay."""


class LineDensity:
    """Density of the lines of one layer, block by block."""

    def __init__(self, lines: Lines, grid: Grid, radius: float, role: str, progress: Progress) -> None:
        """Prepare the lines.

        Args:
            lines: in the grid's CRS; lines beyond the border count when they reach into a circle.
            grid: the study grid.
            radius: of the circle in metres on the ground.
            role: what the lines are ("rivers"), for messages.
            progress: told of duplicates; asked whether to go on.

        Raises:
            ParameterInvalid: the radius is not positive, or smaller than half a cell.
            LayerEmpty: there is no line.
            NoOverlap: the whole layer lies elsewhere.
        """
        if not math.isfinite(radius) or radius <= 0:
            raise ParameterInvalid(f"The radius of the density of {role} is {radius:g} m; it should be above 0.")
        if radius < grid.cell_size() / 2:
            raise ParameterInvalid(
                f"The radius of the density of {role}, {radius:g} m, is less than half a cell "
                f"({grid.cell_size():.4g} m), so most lines would be missed. Is it in "
                "degrees or in kilometres? Give a larger one, in metres."
            )
        self._radius, self._progress = float(radius), progress
        self._scale = CellSizeByRow(grid, radius)
        # Blocks are computed side by side; a grid of few blocks would leave cores idle, so there the lines are shared
        # out instead.
        self._threads = max(1, MAX_THREADS // grid.block_count())
        self._segments = prepare_lines(lines, grid, radius, self._scale, role, progress)
        self._reach = radius / np.array([self._scale.smallest_width(), self._scale.smallest_height()])
        # Pieces lie about in the order of the row of their middle: that row, made to rise, how much that changed it at
        # most, and the height of the tallest piece in rows.
        row = (self._segments.start[1] + self._segments.end[1]) / 2
        self._row = np.maximum.accumulate(row)
        self._slack = float((self._row - row).max(initial=0))
        self._tall = float(np.abs(self._segments.end[1] - self._segments.start[1]).max(initial=0))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the progress here when the lines go to another process."""
        return {**self.__dict__, "_progress": NullProgress()}

    def read(self, block: Block) -> np.ndarray:
        """Return the density of a block: length within the radius of the cell centre, over the circle's area.

        Returns:
            float32 array of shape (height, width) in km/km².
        """
        segments = self._segments_near(block)
        if not len(segments):
            return np.zeros((block.height, block.width), dtype=np.float32)
        rows = min(np.abs(segments.end[1] - segments.start[1]).max() + 2 * self._reach[1], block.height)
        count = max(1, min(CHUNK // (int(rows) + 2), -(-len(segments) // self._threads)))
        chunks = [slice(first, first + count) for first in range(0, len(segments), count)]
        if self._threads == 1:
            partial_lengths, full_length_steps = self._sums(segments, chunks, block)
        else:
            shares = [chunks[thread :: self._threads] for thread in range(self._threads)]
            with ThreadPoolExecutor(min(self._threads, os.cpu_count() or 1)) as pool:
                (partial_lengths, full_length_steps), *others = pool.map(
                    lambda share: self._sums(segments, share, block), shares
                )
            # In this order always, so that the sums do not depend on how many cores there are.
            for more_parts, more_wholes in others:
                partial_lengths += more_parts
                full_length_steps += more_wholes
        np.cumsum(full_length_steps, axis=1, out=full_length_steps)
        partial_lengths += full_length_steps
        # What the running sum leaves of nothing is rounding, not line.
        partial_lengths[partial_lengths < 1e-7 * self._radius] = 0
        return (partial_lengths[:, :-1] * (1000 / (math.pi * self._radius**2))).astype(np.float32)

    def _sums(self, segments: Segments, chunks: Sequence[slice], block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return what :func:`add_segment_lengths` adds up of some of the pieces."""
        # One column more than the block has, where intervals that reach over its border end.
        partial_lengths, full_length_steps = (np.zeros((block.height, block.width + 1)) for _ in range(2))
        for chunk in chunks:
            stop_if_cancelled(self._progress)
            add_segment_lengths(
                segments.take(chunk), self._radius, self._scale, block, partial_lengths, full_length_steps
            )
        return partial_lengths, full_length_steps

    def _segments_near(self, block: Block) -> Segments:
        """Return the pieces whose circles may reach into a block, about in the order of their rows."""
        reach = self._reach[1] + self._tall / 2
        first, last = np.searchsorted(self._row, [block.row - reach, block.row + block.height + reach + self._slack])
        segments = self._segments.take(slice(first, last))
        low = np.array([block.column, block.row]) - self._reach
        high = np.array([block.column + block.width, block.row + block.height]) + self._reach
        start, end = segments.start, segments.end
        near = np.ones(len(segments), dtype=bool)
        for axis in range(2):
            near &= np.maximum(start[axis], end[axis]) > low[axis]
            near &= np.minimum(start[axis], end[axis]) < high[axis]
        return segments if near.all() else segments.take(near)


def add_segment_lengths(
    segments: Segments,
    radius: float,
    scale: CellSizeByRow,
    block: Block,
    partial_lengths: np.ndarray,
    full_length_steps: np.ndarray,
) -> None:
    """Add the length of some pieces within the radius of each cell centre of a block.

    Everything is measured from the middle of each piece, in metres eastward and southward, so that single precision
    is enough: it errs by a ten-thousandth of a cell. Arrays have one row a piece and one column a row of cells.

    Args:
        pieces: straight pieces in cell coordinates of the grid, about in the order of their rows.
        radius: in metres.
        scale: metres per cell at any row.
        block: cells wanted.
        parts: metres by cell, float64, shape (height, width + 1); takes what lies in the fringe.
        wholes: change of the metres from one cell to the next along the row, same shape; takes whole pieces.
    """
    reach = _SegmentCoverage(segments, radius, scale, block)
    if not reach.rows:
        return
    line = reach.row * partial_lengths.shape[1]
    left, full_left, full_right, right = reach.intervals(block)
    full = np.flatnonzero(full_left < full_right)
    lengths = np.take(segments.length, full // reach.rows)
    at = np.take(line, full)
    _add(
        full_length_steps,
        np.concatenate([at + np.take(full_left, full), at + np.take(full_right, full)]),
        np.concatenate([lengths, -lengths]),
    )
    for first, last in ((left, full_left), (full_right, right)):
        _add_fringe(reach, line, first, last, partial_lengths)


def _add_fringe(
    reach: _SegmentCoverage, line: np.ndarray, first: np.ndarray, last: np.ndarray, partial_lengths: np.ndarray
) -> None:
    """Add the parts of pieces within the circles of the cells from ``first`` up to ``last`` of each row."""
    # Most fringes are a cell or two wide: those go through whole arrays, the rest is picked out. What a row does not
    # need goes to the spare column.
    spare = np.int32(partial_lengths.shape[1] - 1)
    column = first
    needed = column < last
    while np.count_nonzero(needed) * 4 > needed.size:
        place = np.where(needed, column, spare)
        place += line
        _add(partial_lengths, place.ravel(), reach.chord_lengths(column).ravel())
        column = column + 1
        needed = column < last
    runs = np.flatnonzero(needed)
    if not len(runs):
        return
    start = np.take(column, runs)
    counts = np.take(last, runs) - start
    ends = np.cumsum(counts)
    start -= ends - counts
    column = np.repeat(start, counts)
    column += np.arange(ends[-1], dtype=column.dtype)
    runs = np.repeat(runs, counts)
    _add(partial_lengths, np.take(line, runs) + column, reach.chord_lengths(column, runs))


class _SegmentCoverage:
    """The rows of cells that some pieces reach, and where; arrays of shape (pieces, rows)."""

    def __init__(self, segments: Segments, radius: float, scale: CellSizeByRow, block: Block) -> None:
        # Each piece runs southward or level, so that dy >= 0.
        flipped = segments.end[1] < segments.start[1]
        start, end = np.where(flipped, segments.end, segments.start), np.where(flipped, segments.start, segments.end)
        middle = (start + end) / 2
        width, height = (np.broadcast_to(one, len(segments)) for one in scale.at(middle[1]))
        dx, dy = (end[0] - start[0]) * width, (end[1] - start[1]) * height
        # A piece that closes on itself is a point; a hair of length keeps the divisions defined.
        size = np.maximum(np.hypot(dx, dy), 1e-6 * radius)
        self._radius = np.float32(radius)
        self._density = _column(segments.length / size)
        self._cos, self._sin, self._half = _column(dx / size), _column(dy / size), _column(size / 2)
        self._half_x, self._half_y = _column(dx / 2), _column(dy / 2)

        above = np.maximum(np.ceil(start[1] - radius / height - 0.5).astype(np.int32), block.row)
        below = np.minimum(np.floor(end[1] + radius / height - 0.5).astype(np.int32), block.row + block.height - 1)
        self.rows = max(int((below - above).max()) + 1, 0)
        row = above[:, None] + np.arange(self.rows, dtype=np.int32)
        self._outside = row > below[:, None]
        self.row = np.minimum(row, block.row + block.height - 1) - np.int32(block.row)
        y = (row + (0.5 - middle[1][:, None])) * height[:, None]
        self._y = y.astype(np.float32)
        # Column of the middle of the piece, from the block's first cell centre; the whole part apart from the rest.
        column = np.floor(middle[0])
        self._base, self._shift = _column(column - block.column), _column(middle[0] - column - 0.5)
        if scale.varies:
            # The scale halfway between the piece and the row makes the distance right to the second order.
            self._cell = scale.at(middle[1][:, None] + y / (2 * height[:, None]))[0].astype(np.float32)
        else:
            self._cell = np.float32(width[0])

    def intervals(self, block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the columns where the fringe starts, the whole starts, the whole ends and the fringe ends.

        Ends are exclusive, and all lie between 0 and the width of the block. Where no circle of the row holds the
        whole piece, the fringe is one run and the whole is empty.
        """
        r, y, half_x, half_y = self._radius, self._y, self._half_x, self._half_y
        # Half the chord that the row cuts out of the circle about either end.
        reach0 = np.sqrt(np.maximum(r * r - np.square(y + half_y), 0))
        reach1 = np.sqrt(np.maximum(r * r - np.square(y - half_y), 0))
        left0, left1 = -half_x - reach0, half_x - reach1
        right0, right1 = np.subtract(reach0, half_x, out=reach0), np.add(reach1, half_x, out=reach1)
        full_left, full_right = np.maximum(left0, left1), np.minimum(right0, right1)
        # The stadium's border: the circle about one end, the long side, the circle about the other end.
        sin = np.maximum(self._sin, np.float32(1e-6))
        lean, tangent, side = r * self._cos, y * (self._cos / sin), r / sin
        np.copyto(left0, left1, where=y > lean + half_y)
        np.copyto(left0, tangent - side, where=np.abs(y - lean) <= half_y)
        np.copyto(right0, right1, where=y > half_y - lean)
        np.copyto(right0, tangent + side, where=np.abs(y + lean) <= half_y)

        none = np.abs(y) + half_y >= r
        edge = np.int32(block.width)
        left, right = self._columns(left0, np.ceil), self._columns(right0, np.floor)
        full_left, full_right = self._columns(full_left, np.ceil), self._columns(full_right, np.floor)
        right += 1
        full_right += 1
        none |= full_left >= full_right
        np.clip(left, 0, edge, out=left)
        np.clip(right, left, edge, out=right)
        np.copyto(right, left, where=self._outside)
        np.copyto(full_left, right, where=none)
        np.copyto(full_right, right, where=none)
        np.clip(full_left, left, right, out=full_left)
        np.clip(full_right, full_left, right, out=full_right)
        return left, full_left, full_right, right

    def _columns(self, x: np.ndarray, rounded: np.ufunc) -> np.ndarray:
        """Turn metres from the middle of the piece into whole columns of the block; overwrites ``x``."""
        x /= self._cell
        x += self._shift
        rounded(x, out=x)
        x += self._base
        return x.astype(np.int32)

    def chord_lengths(self, column: np.ndarray, pairs: np.ndarray | None = None) -> np.ndarray:
        """Return the metres of line within the circle about a cell of each pair of a piece and a row.

        Args:
            column: of the cells, the shape of all pairs or of ``pairs``.
            pairs: flat indices of pairs; all by default.
        """
        if pairs is None:
            y, cell = self._y, self._cell
            base, shift, cos, sin, half, density = (
                self._base,
                self._shift,
                self._cos,
                self._sin,
                self._half,
                self._density,
            )
        else:
            segment = pairs // self.rows
            y = np.take(self._y, pairs)
            cell = np.take(self._cell, pairs) if np.ndim(self._cell) else self._cell
            base, shift, cos, sin, half, density = (
                np.take(one, segment)
                for one in (self._base, self._shift, self._cos, self._sin, self._half, self._density)
            )
        x = column.astype(np.float32)
        x -= base
        x -= shift
        x *= cell
        # Foot of the perpendicular along the piece, distance from its line, and half the chord.
        foot = x * cos
        foot += y * sin
        x *= sin
        x -= y * cos
        np.square(x, out=x)
        np.subtract(self._radius * self._radius, x, out=x)
        np.maximum(x, 0, out=x)
        np.sqrt(x, out=x)
        chord = foot + x
        foot -= x
        np.minimum(chord, half, out=chord)
        chord -= np.maximum(foot, -half, out=foot)
        np.maximum(chord, 0, out=chord)
        chord *= density
        return chord


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None]


def _add(target: np.ndarray, index: np.ndarray, values: np.ndarray) -> None:
    """Add values to cells, of which several may fall on one."""
    if not len(index):
        return
    first = int(index.min())
    sums = np.bincount(index - first, values)
    target.reshape(-1)[first : first + len(sums)] += sums
