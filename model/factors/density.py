"""Line density: exact length of line within a circle around each cell, without drawing any circle.

The cell centres of a row whose circle contains a whole segment form an interval, and so do those whose circle contains
a part of it. The whole segment needs two additions, at the ends of the first interval, and a running sum along the row;
only the fringe between the two intervals needs the length of a chord, in closed form. The work grows with the length of
the lines times the radius, not with the number of cells times the area of the circle.
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
from .definitions import FactorReader
from .lines import CellSizeByRow, Segments, prepare_lines

MAX_THREADS = 4  # shares that the lines are divided into where the whole grid is one block
CHUNK = 1 << 17
"""Pairs of a segment and a row that are processed at once; small enough for the cache, enough for threads to pay."""


class LineDensity(FactorReader):
    """Density of the lines of one layer, block by block."""

    def __init__(self, lines: Lines, grid: Grid, radius: float, role: str, progress: Progress) -> None:
        """Prepare the lines.

        Args:
            lines: in the grid's CRS; lines beyond the border count where they lie within a circle.
            radius: of the circle in metres on the ground.
            role: what the lines are ("rivers"), for messages.

        Raises:
            ParameterInvalid: the radius is not positive, or smaller than half a cell.
            LayerEmpty: there is no line.
            NoOverlap: the whole layer lies elsewhere.
        """
        if not math.isfinite(radius) or radius <= 0:
            raise ParameterInvalid(f"The radius of the density of {role} is {radius:g} m, but must be above 0.")
        if radius < grid.cell_size() / 2:
            raise ParameterInvalid(
                f"The radius of the density of {role}, {radius:g} m, is less than half a cell ({grid.cell_size():.4g} "
                "m), so most lines would be missed. Is it in degrees or in kilometres? Give a larger one, in metres."
            )
        self._radius, self._progress = float(radius), progress
        self._cell_size = CellSizeByRow(grid, radius)
        # Blocks are computed side by side; a grid of few blocks would leave cores idle, so there the lines are divided.
        self._threads = max(1, MAX_THREADS // grid.block_count())
        self._segments = prepare_lines(lines, grid, radius, self._cell_size, role, progress)
        self._reach = radius / np.array(self._cell_size.smallest)
        # Segments are roughly sorted by the row of their middle: that row, made monotonic, the largest change that this
        # took, and the height of the tallest segment in rows.
        row = (self._segments.start[1] + self._segments.end[1]) / 2
        self._row = np.maximum.accumulate(row)
        self._slack = float((self._row - row).max(initial=0))
        self._tall = float(np.abs(self._segments.end[1] - self._segments.start[1]).max(initial=0))

    def __getstate__(self) -> dict[str, Any]:
        """Drop the progress when the lines go to another process."""
        return {**self.__dict__, "_progress": NullProgress()}

    def read(self, block: Block) -> np.ndarray:
        """Return the length within the radius of each cell centre over the circle's area, float32, km/km²."""
        segments = self._segments_near(block)
        if not len(segments):
            return np.zeros(block.shape, dtype=np.float32)
        rows = min(np.abs(segments.end[1] - segments.start[1]).max() + 2 * self._reach[1], block.height)
        count = max(1, min(CHUNK // (int(rows) + 2), -(-len(segments) // self._threads)))
        chunks = [slice(first, first + count) for first in range(0, len(segments), count)]
        if self._threads == 1:
            partial, steps = self._sums(segments, chunks, block)
        else:
            shares = [chunks[thread :: self._threads] for thread in range(self._threads)]
            with ThreadPoolExecutor(min(self._threads, os.cpu_count() or 1)) as pool:
                (partial, steps), *others = pool.map(lambda share: self._sums(segments, share, block), shares)
            # Always in this order, so that the sums do not depend on the number of cores.
            for more_partial, more_steps in others:
                partial += more_partial
                steps += more_steps
        np.cumsum(steps, axis=1, out=steps)
        partial += steps
        # Tiny remainders of the running sum are rounding errors.
        partial[partial < 1e-7 * self._radius] = 0
        return (partial[:, :-1] * (1000 / (math.pi * self._radius**2))).astype(np.float32)

    def _sums(self, segments: Segments, chunks: Sequence[slice], block: Block) -> tuple[np.ndarray, np.ndarray]:
        # One column more than the block has, where intervals that extend beyond its border end.
        partial, steps = (np.zeros((block.height, block.width + 1)) for _ in range(2))
        for chunk in chunks:
            stop_if_cancelled(self._progress)
            coverage = _SegmentCoverage(segments.take(chunk), self._radius, self._cell_size, block)
            if coverage.rows:
                add_segment_lengths(coverage, block, partial, steps)
        return partial, steps

    def _segments_near(self, block: Block) -> Segments:
        """Return the segments that may lie within a circle of a block, roughly in the order of their rows."""
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
    coverage: _SegmentCoverage, block: Block, partial_lengths: np.ndarray, full_length_steps: np.ndarray
) -> None:
    """Add the length of some segments within the radius of each cell centre of a block.

    ``partial_lengths``, metres by cell, float64, shape (height, width + 1), receives what lies in the fringe;
    ``full_length_steps``, their change from one cell to the next along the row, receives whole segments.
    """
    line = coverage.row * partial_lengths.shape[1]
    left, full_left, full_right, right = coverage.intervals(block)
    full = np.flatnonzero(full_left < full_right)
    lengths = np.take(coverage.length, full // coverage.rows)
    offset = np.take(line, full)
    ends = np.concatenate([offset + np.take(full_left, full), offset + np.take(full_right, full)])
    _add(full_length_steps, ends, np.concatenate([lengths, -lengths]))
    for first, last in ((left, full_left), (full_right, right)):
        _add_fringe(coverage, line, first, last, partial_lengths)


def _add_fringe(
    coverage: _SegmentCoverage, line: np.ndarray, first: np.ndarray, last: np.ndarray, partial_lengths: np.ndarray
) -> None:
    """Add the parts of segments within the circles of the cells from ``first`` up to ``last`` of each row."""
    # Most fringes are one or two cells wide: those are handled with whole arrays, the others are selected. What a row
    # does not need goes to the spare column.
    spare = np.int32(partial_lengths.shape[1] - 1)
    column = first
    needed = column < last
    while np.count_nonzero(needed) * 4 > needed.size:
        index = np.where(needed, column, spare)
        index += line
        _add(partial_lengths, index.ravel(), coverage.chord_lengths(column).ravel())
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
    _add(partial_lengths, np.take(line, runs) + column, coverage.chord_lengths(column, runs))


class _SegmentCoverage:
    """The rows of cells that some segments reach, and the columns there; arrays of shape (segments, rows).

    All lengths are metres from the middle of each segment, eastward and southward, so that single precision is enough:
    it errs by a ten-thousandth of a cell.
    """

    def __init__(self, segments: Segments, radius: float, cell_size: CellSizeByRow, block: Block) -> None:
        self.length = segments.length
        # Each segment runs southward or level, so that dy >= 0.
        flipped = segments.end[1] < segments.start[1]
        start, end = np.where(flipped, segments.end, segments.start), np.where(flipped, segments.start, segments.end)
        middle = (start + end) / 2
        width, height = (np.broadcast_to(one, len(segments)) for one in cell_size.size_at(middle[1]))
        dx, dy = (end[0] - start[0]) * width, (end[1] - start[1]) * height
        # A segment without extent is a point; a tiny length keeps the divisions defined.
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
        # Column of the middle of the segment, from the block's first cell centre: the integer part and the fraction.
        column = np.floor(middle[0])
        self._base, self._shift = _column(column - block.column), _column(middle[0] - column - 0.5)
        self._cell = np.asarray(width[0], dtype=np.float32)
        if cell_size.varies:
            # The cell size halfway between the segment and the row makes the distance exact to the second order.
            self._cell = cell_size.size_at(middle[1][:, None] + y / (2 * height[:, None]))[0].astype(np.float32)

    def intervals(self, block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the columns where the fringe starts, the full part starts, the full part ends and the fringe ends.

        Ends are exclusive, and all lie between 0 and the width of the block. Where no circle of the row contains the
        whole segment, the fringe is one run and the full part is empty.
        """
        r, y, half_x, half_y = self._radius, self._y, self._half_x, self._half_y
        # Half the chord that the row cuts out of the circle around either end.
        reach0 = np.sqrt(np.maximum(r * r - np.square(y + half_y), 0))
        reach1 = np.sqrt(np.maximum(r * r - np.square(y - half_y), 0))
        left0, left1 = -half_x - reach0, half_x - reach1
        right0, right1 = np.subtract(reach0, half_x, out=reach0), np.add(reach1, half_x, out=reach1)
        full_left, full_right = np.maximum(left0, left1), np.minimum(right0, right1)
        # The border of the stadium: the circle around one end, the long side, the circle around the other end.
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
        x /= self._cell
        x += self._shift
        rounded(x, out=x)
        x += self._base
        return x.astype(np.int32)

    def chord_lengths(self, column: np.ndarray, pairs: np.ndarray | None = None) -> np.ndarray:
        """Return the metres of line within the circle around a cell of each pair of a segment and a row.

        ``column`` of the cells has the shape of all pairs or of ``pairs``, their flat indices.
        """
        y, cell = self._y, self._cell
        by_segment = self._base, self._shift, self._cos, self._sin, self._half, self._density
        if pairs is not None:
            y = np.take(y, pairs)
            cell = np.take(cell, pairs) if np.ndim(cell) else cell
            segment = pairs // self.rows
            by_segment = tuple(np.take(one, segment) for one in by_segment)
        base, shift, cos, sin, half, density = by_segment
        x = column.astype(np.float32)
        x -= base
        x -= shift
        x *= cell
        # Foot of the perpendicular along the segment, distance from its line, and half the chord.
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
    if not len(index):
        return
    first = int(index.min())
    sums = np.bincount(index - first, values)
    target.reshape(-1)[first : first + len(sums)] += sums
