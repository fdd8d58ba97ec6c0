"""Line density: exact length of line within a circle about each cell, without drawing any circle.

The set of cell centres whose circle holds a whole straight piece is an interval of each row, and so is the set of
those whose circle holds a part of it. The first interval needs two additions, at its ends, and a running sum along the
row; only the fringe between the two needs the length of a chord, in closed form. The work grows with the length of the
lines times the radius, not with the number of cells times the area of the circle.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Block, Grid
from ..inputs.vectors import Lines
from ..progress import Progress, stop_if_cancelled
from .lines import Pieces, Scale, prepare_lines

CHUNK = 1 << 15
"""Pairs of a piece and a row that are worked on at once."""


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
            raise ParameterInvalid(f"The radius of the density of {role}, {radius:g} m, is less than half a cell "
                                   f"({grid.cell_size():.4g} m), so most lines would be missed. Choose a larger one.")
        self._grid, self._radius, self._progress = grid, float(radius), progress
        self._scale = Scale(grid, radius)
        self._pieces = prepare_lines(lines, grid, radius, self._scale, role, progress)
        start, end = self._pieces.start, self._pieces.end
        reach = radius / np.array([self._scale.smallest_width(), self._scale.smallest_height()])
        self._low, self._high = np.minimum(start, end) - reach, np.maximum(start, end) + reach

    def read(self, block: Block) -> np.ndarray:
        """Return the density of a block: length within the radius of the cell centre, over the circle's area.

        Returns:
            float32 array of shape (height, width) in km/km².
        """
        low, high = self._low, self._high
        chosen = np.flatnonzero((low[:, 1] < block.row + block.height) & (high[:, 1] > block.row)
                                & (low[:, 0] < block.column + block.width) & (high[:, 0] > block.column))
        lengths = np.zeros((block.height, block.width + 1))
        if len(chosen):
            # One column more, where intervals that end at the block's border are closed.
            changes = np.zeros((block.height, block.width + 1))
            pieces = self._pieces.take(chosen)
            rows = (pieces.end[:, 1] - pieces.start[:, 1]).__abs__() + 2 * self._radius / self._scale.smallest_height()
            rows = np.minimum(rows + 1, block.height)
            bounds = np.searchsorted(np.cumsum(rows), np.arange(CHUNK, rows.sum() + CHUNK, CHUNK))
            for first, last in zip([0, *bounds[:-1]], bounds):
                stop_if_cancelled(self._progress)
                add_lengths(pieces.take(slice(first, last)), self._radius, self._scale, block, lengths, changes)
            lengths += np.cumsum(changes, axis=1)
            # What the running sum leaves of nothing is rounding, not line.
            lengths[lengths < 1e-9 * self._radius] = 0
        return (lengths[:, :-1] * (1000 / (math.pi * self._radius ** 2))).astype(np.float32)


def add_lengths(pieces: Pieces, radius: float, scale: Scale, block: Block, lengths: np.ndarray, changes: np.ndarray
                ) -> None:
    """Add the length of pieces within the radius of each cell centre of a block.

    Args:
        pieces: straight pieces in cell coordinates of the grid.
        radius: in metres.
        scale: metres per cell at any row.
        block: cells wanted.
        lengths: metres by cell, float64, shape (height, width + 1); cells whose circle holds a part of a piece gain it.
        changes: change of the metres from one cell to the next along the row, same shape; takes whole pieces.
    """
    pair = _Pairs(pieces, radius, scale, block)
    if not len(pair.row):
        return
    _add(changes, pair.row, pair.full_start, pair.length)
    _add(changes, pair.row, pair.full_end, -pair.length)

    # The fringe: cells from the left border of the stadium to the full interval, and from there to the right border.
    run_start = np.concatenate([pair.start, pair.full_end])
    counts = np.concatenate([pair.full_start, pair.end]) - run_start
    np.maximum(counts, 0, out=counts)
    runs = np.flatnonzero(counts)
    counts = counts[runs]
    if not len(counts):
        return
    owner = np.repeat(runs % len(pair.row), counts)
    ends = np.cumsum(counts)
    column = np.arange(ends[-1]) + np.repeat(run_start[runs] - (ends - counts), counts)
    # Both the foot of the perpendicular along the piece and the distance from its line change evenly along a row.
    foot = pair.foot[owner]
    foot += column * pair.foot_step[owner]
    half = pair.offset[owner]
    half += column * pair.offset_step[owner]
    np.square(half, out=half)
    np.subtract(pair.reach2[owner], half, out=half)
    np.maximum(half, 0, out=half)
    np.sqrt(half, out=half)
    share = np.minimum(foot + half, 1)
    share -= np.maximum(foot - half, 0)
    np.maximum(share, 0, out=share)
    share *= pair.length[owner]
    _add(lengths, pair.row[owner], column, share)


class _Pairs:
    """Pairs of a piece and a row of cells that it reaches, with the intervals of columns; arrays of one length."""

    def __init__(self, pieces: Pieces, radius: float, scale: Scale, block: Block) -> None:
        reach = radius / scale.smallest_height()
        top = np.minimum(pieces.start[:, 1], pieces.end[:, 1]) - reach - 0.5
        bottom = np.maximum(pieces.start[:, 1], pieces.end[:, 1]) + reach - 0.5
        first = np.maximum(np.ceil(top).astype(np.int64), block.row)
        last = np.minimum(np.floor(bottom).astype(np.int64), block.row + block.height - 1)
        counts = np.maximum(last - first + 1, 0)
        ends = np.cumsum(counts)
        owner = np.repeat(np.arange(len(pieces)), counts)
        row = np.arange(len(owner)) + np.repeat(first - (ends - counts), counts)
        self.row = row - block.row
        self.length = pieces.length[owner]
        centre = row + 0.5
        if scale.varies:
            # The scale halfway between piece and row makes the distance right to the second order.
            middle = (pieces.start[owner, 1] + pieces.end[owner, 1]) / 2
            width, height = scale.at((middle + centre) / 2)
        else:
            width, height = scale.at(centre)
        # Metres, with the row through the origin and the block's first cell centre at 0.
        x0 = (pieces.start[owner, 0] - (block.column + 0.5)) * width
        x1 = (pieces.end[owner, 0] - (block.column + 0.5)) * width
        y0 = (pieces.start[owner, 1] - centre) * height
        y1 = (pieces.end[owner, 1] - centre) * height
        self._intervals(x0, y0, x1, y1, radius, width, block.width)
        self._chords(x0, y0, x1, y1, radius, width)

    def _intervals(self, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray, radius: float,
                   width: np.ndarray, columns: int) -> None:
        """Find the cells whose circle holds the whole piece, and those whose circle holds a part of it."""
        reach0, reach1 = radius ** 2 - y0 * y0, radius ** 2 - y1 * y1
        outside0, outside1 = reach0 < 0, reach1 < 0
        reach0, reach1 = np.sqrt(np.maximum(reach0, 0)), np.sqrt(np.maximum(reach1, 0))
        left0, left1, right0, right1 = x0 - reach0, x1 - reach1, x0 + reach0, x1 + reach1
        full_left, full_right = np.maximum(left0, left1), np.minimum(right0, right1)
        full_right[outside0 | outside1] = -np.inf
        left0[outside0], right0[outside0] = np.inf, -np.inf
        left1[outside1], right1[outside1] = np.inf, -np.inf
        left, right = np.minimum(left0, left1), np.maximum(right0, right1)
        # The long sides of the stadium, the piece shifted by the radius to either side.
        dx, dy = x1 - x0, y1 - y0
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = radius / np.hypot(dx, dy)
            for side in (scaled, -scaled):
                share = -(y0 + side * dx) / dy
                x = x0 + share * dx - side * dy
                crosses = (share > 0) & (share < 1)
                np.minimum(left, x, out=left, where=crosses)
                np.maximum(right, x, out=right, where=crosses)
        empty = full_left > full_right
        with np.errstate(invalid="ignore"):
            start, end, full_start, full_end = (
                np.clip(edge, -1, columns).astype(np.int64) for edge in (
                    np.ceil(left / width), np.floor(right / width) + 1,
                    np.ceil(full_left / width), np.floor(full_right / width) + 1))
        start = np.maximum(start, 0)
        end = np.maximum(end, start)
        full_start, full_end = np.maximum(full_start, 0), np.maximum(full_end, 0)
        empty |= full_start >= full_end
        # No full interval: the fringe is one run, from the left border to the right one.
        self.start, self.end = start, end
        self.full_start, self.full_end = np.where(empty, end, full_start), np.where(empty, end, full_end)

    def _chords(self, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray, radius: float,
                width: np.ndarray) -> None:
        """Prepare foot of the perpendicular, distance and reach in units of the piece, linear in the column."""
        dx, dy = x1 - x0, y1 - y0
        # A piece that closes on itself is a point: its fringe is empty, and only the division must not fail.
        square = np.maximum(dx * dx + dy * dy, 1e-12)
        self.foot = -(x0 * dx + y0 * dy) / square
        self.foot_step = dx * width / square
        self.offset = (x0 * dy - y0 * dx) / square
        self.offset_step = -dy * width / square
        self.reach2 = radius ** 2 / square


def _add(target: np.ndarray, row: np.ndarray, column: np.ndarray, values: np.ndarray) -> None:
    """Add values to cells, of which several may fall on one."""
    first, last = int(row.min()), int(row.max()) + 1
    width = target.shape[1]
    index = (row - first) * width
    index += column
    target[first:last] += np.bincount(index, values, (last - first) * width).reshape(-1, width)
