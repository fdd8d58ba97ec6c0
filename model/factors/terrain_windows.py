"""Terrain around a cell: means, standard deviations and ranges over square windows, with the same values in any block.

Sums over windows are differences of running sums. These add whole numbers (values rounded to a fixed fine step), which
float64 and int64 hold exactly, so no value depends on where a block starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..progress import Progress
from .definitions import MEAN_CURVATURE, MEAN_SLOPE, POSITION, RELIEF, ROUGHNESS

MAX_REACH = 1000  # cells from the middle of a window to its side; wider windows would take too much memory
DISTANCES = (50, 100, 200, 400, 800)  # metres from the middle of a window to its side
ELEVATION_STEP, SLOPE_STEP = 2.0**-15, 2.0**-14
"""Metres and degrees to which values are rounded before they are added: far below what any DEM resolves. The sums of
elevations up to 16 km over 3,024² cells, a block of 1,024² with its surroundings, stay below 2⁵³."""
STRIP_CELLS = 1 << 14  # cells processed at once, so that the arrays of the formulas stay in the processor's cache


@dataclass(frozen=True)
class Window:
    """A window of 2 r + 1 rows and 2 c + 1 columns around each cell; r and c are one at least."""

    metres: int  # from the middle to the side
    rows: np.ndarray  # r by row of the grid, int64
    columns: np.ndarray  # c by row of the grid

    @property
    def reach(self) -> int:
        """Cells from the middle to the farthest side."""
        return int(max(self.rows.max(), self.columns.max()))

    def equals(self, other: Window) -> bool:
        """Whether two windows hold the same cells everywhere."""
        return np.array_equal(self.rows, other.rows) and np.array_equal(self.columns, other.columns)


def windows_of(grid: Grid, progress: Progress) -> list[Window]:
    """Return the windows of a grid from the smallest to the largest, of equal ones only the last.

    Windows that reach farther than :data:`MAX_REACH` cells are left out, with a warning.
    """
    width, height = grid.spacing()
    windows = [Window(metres, _reach(metres, height), _reach(metres, width)) for metres in DISTANCES]
    fitting = [window for window in windows if window.reach <= MAX_REACH]
    if len(fitting) < len(windows):
        left_out = ", ".join(f"{window.metres} m" for window in windows[len(fitting) :])
        progress.warn(
            f"Terrain factors in windows of {left_out} are left out: they would reach more than {MAX_REACH:,} cells. "
            "Resample the DEM to cells of 1 m or more for them."
        )
    return [one for one, larger in zip(fitting, [*fitting[1:], None]) if larger is None or not one.equals(larger)]


def _reach(metres: int, spacing: np.ndarray) -> np.ndarray:
    # The limit keeps the numbers finite near the poles, where cells in degrees are narrow.
    return np.clip(np.floor(metres / spacing + 0.5), 1, MAX_REACH + 1).astype(np.int64)


def curvature_step(grid: Grid) -> float:
    """Return the step for curvatures (1/m), with which sums stay exact on all terrain between −16 and 16 km."""
    smallest = min(float(size.min()) for size in grid.spacing())
    return float(2.0 ** (math.ceil(17 - 2 * math.log2(smallest)) - 29))


class WindowFactors:
    """The terrain factors in windows of one grid."""

    def __init__(self, windows: Sequence[Window], groups: Sequence[str], curvature_step: float) -> None:
        """Keep the windows and the groups of factors that are wanted of each."""
        self._windows, self._groups, self._curvature_step = windows, groups, curvature_step
        self.halo = max((window.reach for window in windows), default=0)  # cells needed around a block
        self.needs_slope = MEAN_SLOPE in groups or ROUGHNESS in groups
        self.needs_curvature = MEAN_CURVATURE in groups

    def fill(
        self,
        first_row: int,
        elevation: np.ndarray,
        slope: np.ndarray | None,
        curvature: np.ndarray | None,
        out: Mapping[str, Sequence[np.ndarray]],
    ) -> None:
        """Fill the factors of a block, NaN where there is no elevation; windows take the cells with data.

        Args:
            first_row: of the block, in the grid.
            elevation: of the block and ``halo`` cells around it, metres, float32, NaN without data and outside.
            slope: the same of slopes in degrees; ``None`` if not needed.
            curvature: the same of curvatures.
            out: by group one array a window, float32, of the shape of the block.
        """
        halo = self.halo
        shape = elevation.shape[0] - 2 * halo, elevation.shape[1] - 2 * halo
        missing = np.isnan(elevation)
        here = missing[halo : halo + shape[0], halo : halo + shape[1]]
        if here.all():
            for arrays in out.values():
                for array in arrays:
                    array[:] = np.nan
            return
        parts = list(self._parts(first_row, *shape))
        some_missing = missing if missing.any() else None
        counts = _Counts(some_missing, halo, parts, shape)
        if POSITION in out:
            self._position(elevation, some_missing, parts, counts, out[POSITION])
        if RELIEF in out:
            for part in parts:
                _fill_relief(elevation, some_missing, halo, part, [array[part.rows] for array in out[RELIEF]])
        if slope is not None:
            self._slopes(slope, some_missing, parts, counts, out)
        if curvature is not None:
            sums = _RunningSums(curvature, some_missing, self._curvature_step)
            for rows, window, cells, total in _window_sums(sums.sums, halo, parts, shape):
                np.multiply(total, self._curvature_step, out=total)
                np.divide(
                    total, counts.of(window, rows, cells), out=out[MEAN_CURVATURE][window][rows], casting="unsafe"
                )
        if here.any():
            for arrays in out.values():
                for array in arrays:
                    np.copyto(array, np.nan, where=here)

    def _parts(self, first_row: int, height: int, width: int) -> Iterator[_Part]:
        """Give runs of rows in which every window has one size: on a grid in metres, all rows at once."""
        sizes = np.array(
            [half[first_row : first_row + height] for one in self._windows for half in (one.rows, one.columns)]
        )
        changes = np.flatnonzero(np.diff(sizes, axis=1).any(axis=0)) + 1
        for start, stop in zip([0, *changes.tolist()], [*changes.tolist(), height]):
            halves = sizes[:, start].tolist()
            yield _Part(start, stop, list(zip(halves[::2], halves[1::2])), max(1, STRIP_CELLS // width))

    def _position(
        self,
        elevation: np.ndarray,
        missing: np.ndarray | None,
        parts: Sequence[_Part],
        counts: _Counts,
        out: Sequence[np.ndarray],
    ) -> None:
        """Elevation of a cell minus the mean of its window, as a difference of whole numbers: 0 on level ground."""
        halo, shape = self.halo, (out[0].shape[0], out[0].shape[1])
        sums = _RunningSums(elevation, missing, ELEVATION_STEP)
        middle = np.rint(elevation[halo : halo + shape[0], halo : halo + shape[1]].astype(np.float64) / ELEVATION_STEP)
        for rows, window, cells, total in _window_sums(sums.sums, halo, parts, shape):
            count = counts.of(window, rows, cells)
            np.subtract(middle[rows] * count, total, out=total)
            np.multiply(total, ELEVATION_STEP, out=total)
            np.divide(total, count, out=out[window][rows], casting="unsafe")

    def _slopes(
        self,
        slope: np.ndarray,
        missing: np.ndarray | None,
        parts: Sequence[_Part],
        counts: _Counts,
        out: Mapping[str, Sequence[np.ndarray]],
    ) -> None:
        means, deviations = out.get(MEAN_SLOPE), out.get(ROUGHNESS)
        halo, shape = self.halo, (slope.shape[0] - 2 * self.halo, slope.shape[1] - 2 * self.halo)
        sums = _RunningSums(slope, missing, SLOPE_STEP, squares=deviations is not None)
        squares = _window_sums(sums.squares, halo, parts, shape) if deviations is not None else None
        for rows, window, cells, total in _window_sums(sums.sums, halo, parts, shape):
            count = counts.of(window, rows, cells)
            if squares is not None and deviations is not None:
                # n Σ s² − (Σ s)² of whole numbers: 0 where all slopes are equal.
                spread = next(squares)[3] * count
                spread -= total * total
                np.maximum(spread, 0, out=spread)
                np.sqrt(spread, out=spread)
                spread *= SLOPE_STEP
                np.divide(spread, count, out=deviations[window][rows], casting="unsafe")
            if means is not None:
                np.multiply(total, SLOPE_STEP, out=total)
                np.divide(total, count, out=means[window][rows], casting="unsafe")


@dataclass(frozen=True)
class _Part:
    """Rows of a block in which every window has one size."""

    start: int
    stop: int
    halves: list[tuple[int, int]]  # rows and columns from the middle to the side, by window
    strip: int  # rows processed at once

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)


class _RunningSums:
    """Sums of all cells above and to the left of a corner, of values in whole steps; 0 where data are missing."""

    def __init__(self, values: np.ndarray, missing: np.ndarray | None, step: float, squares: bool = False) -> None:
        height, width = values.shape
        self.sums = np.zeros((height + 1, width + 1))  # float64
        self.squares = np.zeros((height + 1, width + 1) if squares else (0, 0), dtype=np.int64)
        strip = max(1, STRIP_CELLS // width)
        for first in range(0, height, strip):
            last = min(first + strip, height)
            whole = values[first:last].astype(np.float64)
            whole *= 1 / step
            np.rint(whole, out=whole)
            if missing is not None:
                np.copyto(whole, 0, where=missing[first:last])
            if squares:
                square = whole.astype(np.int64)
                square *= square
                _accumulate(square, self.squares, first)
            _accumulate(whole, self.sums, first)


def _accumulate(strip: np.ndarray, sums: np.ndarray, first: int) -> None:
    np.cumsum(strip, axis=1, out=strip)
    strip[0] += sums[first, 1:]
    np.cumsum(strip, axis=0, out=sums[first + 1 : first + 1 + len(strip), 1:])


class _Counts:
    """Cells with data in each window."""

    def __init__(self, missing: np.ndarray | None, halo: int, parts: Sequence[_Part], shape: tuple[int, int]) -> None:
        self._counts: list[np.ndarray] = []
        if missing is None:
            return
        self._counts = [np.empty(shape, dtype=np.float32) for _ in parts[0].halves]
        sums = np.zeros((missing.shape[0] + 1, missing.shape[1] + 1), dtype=np.int32)
        np.cumsum(np.cumsum(~missing, axis=1, dtype=np.int32), axis=0, out=sums[1:, 1:])
        for rows, window, _, total in _window_sums(sums, halo, parts, shape):
            # A window without any data belongs to a cell without data, whose values are taken out in the end.
            self._counts[window][rows] = np.maximum(total, 1)

    def of(self, window: int, rows: slice, cells: int) -> np.ndarray | float:
        """Return the cells with data in a window around the cells of some rows; ``cells`` are all that it has."""
        return self._counts[window][rows].astype(np.float64) if self._counts else float(cells)


def _window_sums(
    sums: np.ndarray, halo: int, parts: Sequence[_Part], shape: tuple[int, int]
) -> Iterator[tuple[slice, int, int, np.ndarray]]:
    """Give rows, the number of a window, its cells, and the sum in it around every cell of these rows, float64."""
    width = shape[1]
    for part in parts:
        for first in range(part.start, part.stop, part.strip):
            last = min(first + part.strip, part.stop)
            for window, (up, left) in enumerate(part.halves):
                across = slice(halo - left, halo + left + 1 + width)
                below = sums[first + halo + up + 1 : last + halo + up + 1, across]
                strips = below - sums[first + halo - up : last + halo - up, across]
                total = np.subtract(strips[:, 2 * left + 1 :], strips[:, :width], dtype=strips.dtype)
                yield slice(first, last), window, (2 * up + 1) * (2 * left + 1), total.astype(np.float64, copy=False)


def _fill_relief(
    elevation: np.ndarray, missing: np.ndarray | None, halo: int, part: _Part, out: Sequence[np.ndarray]
) -> None:
    """Fill the highest minus the lowest elevation in each window around the rows of a part.

    The extremes of a window are those of the next smaller one, shifted until the shifts cover it.
    """
    reach = max(up for up, _ in part.halves)
    rows = slice(part.start + halo - reach, part.stop + halo + reach)
    inside = elevation[rows]
    highest = lowest = inside
    if missing is not None:
        highest = np.where(missing[rows], np.float32(-np.inf), inside)
        lowest = np.where(missing[rows], np.float32(np.inf), inside)
    done = [0, 0]
    for window, halves in enumerate(part.halves):
        for axis in (0, 1):
            while done[axis] < halves[axis]:
                shift = min(halves[axis] - done[axis], 2 * done[axis] + 1)
                highest, lowest = (
                    _widen(extreme, function, axis, shift, done[axis])
                    for extreme, function in ((highest, np.maximum), (lowest, np.minimum))
                )
                done[axis] += shift
        top, left = reach - done[0], halo - done[1]
        cells = slice(top, top + part.stop - part.start), slice(left, left + out[window].shape[1])
        with np.errstate(invalid="ignore"):
            np.subtract(highest[cells], lowest[cells], out=out[window])


def _widen(extreme: np.ndarray, function: np.ufunc, axis: int, shift: int, done: int) -> np.ndarray:
    """Return the extremes of windows that reach ``shift`` cells farther than those of ``done`` cells."""
    length = extreme.shape[axis]

    def shifted(by: int) -> np.ndarray:
        cells = [slice(None), slice(None)]
        cells[axis] = slice(shift + by, length - shift + by)
        return extreme[tuple(cells)]

    result = function(shifted(-shift), shifted(shift))
    return function(result, shifted(0), out=result) if shift > done else result
