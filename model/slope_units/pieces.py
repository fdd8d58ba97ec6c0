"""Pieces: connected parts of half-basins, with what their cells add up to and how long their common borders are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..grid import Grid
from ..progress import Progress
from .flow_routing import strips

SUMS = ("cells", "area", "cosine", "sine", "facing", "slope", "elevation")
"""Cells, m², sums of cosine and sine of the aspect, cells that have an aspect, sums of slope and elevation."""


@dataclass
class Pieces:
    """Table of pieces, or of unions of them; piece n of a raster, counted from 1, is row n - 1."""

    sums: np.ndarray  # float64, shape (SUMS, pieces)
    pairs: np.ndarray  # int64, shape (2, borders): pieces that touch along sides of cells, the lower number first
    border: np.ndarray  # float64: metres that they touch along

    def __len__(self) -> int:
        return self.sums.shape[1]

    def __getitem__(self, name: str) -> np.ndarray:
        """Return one of :data:`SUMS`."""
        return self.sums[SUMS.index(name)]

    def merged(self, unit: np.ndarray, count: int) -> Pieces:
        """Return the table of units, given the unit of each piece, 0 to ``count`` - 1."""
        sums = np.stack([np.bincount(unit, one, count) for one in self.sums])
        first, second = unit[self.pairs]
        return Pieces(sums, *add_up(first, second, self.border, count))

    def variance(self) -> np.ndarray:
        """Return the circular variance of the aspect, 0 to 1; NaN where no cell has one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 - np.minimum(np.hypot(self["cosine"], self["sine"]) / self["facing"], 1)

    def aspect(self) -> np.ndarray:
        """Return the mean aspect in degrees clockwise from north; NaN where no cell has one."""
        angle = np.degrees(np.arctan2(self["sine"], self["cosine"])) % 360
        return np.where(self["facing"] > 0, angle, np.nan)


def add_up(first: np.ndarray, second: np.ndarray, border: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each pair of different numbers below ``count`` once, shape (2, pairs), and its total border."""
    apart = first != second
    low, high = np.minimum(first, second)[apart].astype(np.int64), np.maximum(first, second)[apart]
    keys, place = np.unique(low * count + high, return_inverse=True)
    return np.stack([keys // max(count, 1), keys % max(count, 1)]), np.bincount(place, border[apart], len(keys))


def number_pieces(values: np.ndarray, nodata: int, progress: Progress) -> np.ndarray:
    """Replace the numbers of a raster by those of its connected parts, 1 on, 0 for ``nodata``.

    The raster, int32, has a border of nodata. Cells are connected along their sides.

    Returns:
        The former number of each part.
    """
    runs, pairs, held = 0, [], []
    last_value = last_run = np.empty(0, dtype=np.int64)
    for rows in strips(values.shape, progress):
        part = values[rows]
        starts = np.ones(part.shape, dtype=bool)
        starts[:, 1:] = part[:, 1:] != part[:, :-1]
        run = np.cumsum(starts.ravel(), dtype=np.int64).reshape(part.shape) + (runs - 1)
        runs = int(run[-1, -1]) + 1
        held.append(part[starts])
        above = part[:-1], run[:-1], part[1:], run[1:]
        if rows.start > 1:
            pairs.append(_touching(last_value, last_run, part[:1], run[:1], nodata))
        pairs.append(_touching(*above, nodata))
        last_value, last_run = part[-1:].copy(), run[-1:].copy()
    first, second = (np.concatenate(part) for part in zip(*pairs))
    graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(runs, runs))
    del first, second, pairs
    _, label = connected_components(graph, directed=False)
    value = np.concatenate(held)
    valid = value != nodata
    # In the order of their first cells, whatever SciPy's order is.
    found, places, numbers = np.unique(label[valid], return_index=True, return_inverse=True)
    rank, by_place = np.empty(len(found), dtype=np.int32), np.argsort(places)
    rank[by_place] = np.arange(1, len(found) + 1)
    of_run = np.zeros(runs, dtype=np.int32)
    of_run[valid] = rank[numbers]
    done = 0
    for rows in strips(values.shape):
        part = values[rows]
        starts = np.ones(part.shape, dtype=bool)
        starts[:, 1:] = part[:, 1:] != part[:, :-1]
        number = np.cumsum(starts.ravel(), dtype=np.int64) + (done - 1)
        done = int(number[-1]) + 1
        part[:] = of_run[number].reshape(part.shape)
    return value[valid][places[by_place]]


def _touching(
    value: np.ndarray, run: np.ndarray, value_below: np.ndarray, run_below: np.ndarray, nodata: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of runs of two rows that touch and have one value, each once for each stretch."""
    same = (value == value_below) & (value != nodata)
    new = same.copy()
    new[:, 1:] &= (run[:, 1:] != run[:, :-1]) | (run_below[:, 1:] != run_below[:, :-1]) | ~same[:, :-1]
    return run[new], run_below[new]


class PieceCounter:
    """Adds up the cells of pieces, row strip by row strip from north to south."""

    def __init__(self, pieces: int, grid: Grid) -> None:
        """Start with the number of pieces."""
        self._sums = np.zeros((len(SUMS), pieces))
        self._widths, self._heights = grid.spacing()
        self._last: np.ndarray | None = None
        self._pairs: list[np.ndarray] = []
        self._border: list[np.ndarray] = []

    def add(self, first_row: int, piece: np.ndarray, terrain: np.ndarray) -> None:
        """Add rows of the grid.

        Args:
            first_row: of the grid.
            piece: numbers of pieces, int32, shape (rows, columns).
            terrain: slope in degrees, northness, eastness and elevation, float32, shape (4, rows, columns).
        """
        count = self._sums.shape[1]
        starts = np.ones(piece.shape, dtype=bool)
        starts[:, 1:] = piece[:, 1:] != piece[:, :-1]
        begin = np.flatnonzero(starts)
        number = piece.ravel()[begin]
        row_area = (self._widths * self._heights)[first_row : first_row + len(piece), None]
        slope, north, east, elevation = terrain
        facing = (north != 0) | (east != 0)
        ones = np.ones(piece.shape)
        values = (ones, ones * row_area, north * facing, east * facing, facing, slope, elevation)
        found, place = np.unique(number, return_inverse=True)
        for sums, one in zip(self._sums, values):
            by_run = np.add.reduceat(one.ravel().astype(np.float64), begin)
            total = np.bincount(place, by_run, len(found))
            sums[found[found > 0] - 1] += total[found > 0]
        heights = np.broadcast_to(self._heights[first_row : first_row + len(piece), None], (len(piece), 1))
        self._touch(piece[:, :-1], piece[:, 1:], heights, count)
        upper = piece if self._last is None else np.concatenate([self._last, piece])
        rows = len(upper) - 1
        widths = self._widths[first_row + len(piece) - rows : first_row + len(piece), None]
        self._touch(upper[:-1], upper[1:], widths, count)
        self._last = piece[-1:].copy()

    def _touch(self, one: np.ndarray, other: np.ndarray, metres: np.ndarray, count: int) -> None:
        touches = (one != other) & (one > 0) & (other > 0)
        length = np.broadcast_to(metres, one.shape)[touches]
        pairs, border = add_up(one[touches].astype(np.int64) - 1, other[touches].astype(np.int64) - 1, length, count)
        self._pairs.append(pairs)
        self._border.append(border)

    def finish(self) -> Pieces:
        """Return the table."""
        first, second = np.concatenate(self._pairs, axis=1)
        return Pieces(self._sums, *add_up(first, second, np.concatenate(self._border), self._sums.shape[1]))
