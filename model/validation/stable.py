"""Random stable points: cells drawn with a chance proportional to their true area, without the map in memory.

A first walk over the map counts, per row of each window, the cells that may be drawn; on a geographic grid all cells of
a row have one area. The draw picks a row by its total area and a cell in it by number. A second walk over the windows
with drawn cells finds where those are and what the map says there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import TooFewData
from ..grid import Block
from ..labels.buffers import Buffers
from ..progress import Progress, stop_if_cancelled
from .layers import MapLayers
from .scopes import Scope


@dataclass
class Frame:
    """The cells from which stable points of one part of the map are drawn, counted by row of each window."""

    blocks: list[Block] = field(default_factory=list)
    _cells: list[np.ndarray] = field(default_factory=list)
    _areas: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block, cells: np.ndarray, area: np.ndarray) -> None:
        """Add a window: cells that may be drawn by row, and the area of a cell by row, both of shape (rows,)."""
        if cells.any():
            self.blocks.append(block)
            self._cells.append(cells.astype(np.int64))
            self._areas.append(area.astype(np.float64))

    @property
    def cells(self) -> int:
        """How many cells may be drawn."""
        return int(sum(int(cells.sum()) for cells in self._cells))

    @property
    def first_of_block(self) -> np.ndarray:
        """Number of the first cell of each window, and the number of all cells at the end."""
        return np.concatenate([[0], np.cumsum([int(cells.sum()) for cells in self._cells])]).astype(np.int64)

    def draw(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draw distinct cells, one after another with a chance proportional to the area of those that are left.

        Args:
            rng: source of randomness.
            number: how many; all cells when there are not as many.

        Returns:
            Numbers of the cells in the order of the windows and of rows within them, int64.

        Raises:
            TooFewData: there is no cell.
        """
        total = self.cells
        if not total:
            raise TooFewData("There is no cell from which stable points could be drawn.")
        number = min(number, total)
        cells, areas = np.concatenate(self._cells), np.concatenate(self._areas)
        if 2 * number >= total:
            # Exponential clocks with rates proportional to area ring in the same order as such a draw.
            clocks = rng.exponential(size=total) / np.repeat(areas, cells)
            return np.argsort(clocks, kind="stable")[:number]
        first = np.concatenate([[0], np.cumsum(cells)])
        reached = np.cumsum(cells * areas)
        drawn = np.empty(0, dtype=np.int64)
        while len(drawn) < number:
            picks = rng.random((2, max(2 * (number - len(drawn)), 16)))
            row = np.minimum(np.searchsorted(reached, picks[0] * reached[-1], side="right"), len(cells) - 1)
            cell = first[row] + np.minimum((picks[1] * cells[row]).astype(np.int64), np.maximum(cells[row] - 1, 0))
            drawn = np.concatenate([drawn, cell[cells[row] > 0]])
            _, when = np.unique(drawn, return_index=True)
            drawn = drawn[np.sort(when)]
        return drawn[:number]


@dataclass
class Draws:
    """Stable points of one part of the map, drawn again and again."""

    every: np.ndarray
    """Susceptibility in each of the maps, float32, shape (maps, repeats, points)."""
    rows: np.ndarray
    """Rows of the first draw's cells, shape (points,)."""
    columns: np.ndarray
    """Columns of the first draw's cells."""

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map, float32, shape (repeats, points)."""
        return self.every[0]


def draw_stable(layers: MapLayers, scopes: dict[str, tuple[Scope, Frame, int]], buffers: Buffers, repeats: int,
                seed: int, progress: Progress) -> dict[str, Draws]:
    """Draw stable points for several parts of the map.

    Args:
        layers: the map.
        scopes: by name the part, the cells to draw from, and how many points a draw has.
        buffers: the same that the frames were counted with.
        repeats: number of draws.
        seed: of the randomness; each part has its own stream.
        progress: reported to and asked whether to stop.

    Returns:
        The draws by name.
    """
    drawn: dict[str, np.ndarray] = {}
    result: dict[str, Draws] = {}
    wanted: dict[Block, list[tuple[str, np.ndarray, int]]] = {}
    for name, (scope, frame, number) in scopes.items():
        rng = np.random.default_rng([seed, 1, scope.stream])
        ids = []
        for _ in range(repeats):
            stop_if_cancelled(progress)
            ids.append(frame.draw(rng, number))
        drawn[name] = np.stack(ids)
        points = drawn[name].shape[1]
        result[name] = Draws(np.full((layers.maps, *drawn[name].shape), np.nan, dtype=np.float32),
                             np.zeros(points, dtype=np.int64), np.zeros(points, dtype=np.int64))
        first = frame.first_of_block
        flat = drawn[name].ravel()
        order = np.argsort(flat, kind="stable")
        edges = np.searchsorted(flat[order], first)
        for index, block in enumerate(frame.blocks):
            chosen = order[edges[index]:edges[index + 1]]
            if len(chosen):
                wanted.setdefault(block, []).append((name, chosen, int(first[index])))
    for done, (block, parts) in enumerate(wanted.items()):
        stop_if_cancelled(progress)
        progress.report(done / len(wanted))
        view = layers.read(block)
        near = layers.near(buffers, block)
        for name, chosen, first_cell in parts:
            candidates = layers.candidates(view, scopes[name][0], near)
            places = np.flatnonzero(candidates)
            cells = places[drawn[name].ravel()[chosen] - first_cell]
            for drawn_values, values in zip(result[name].every, view.every):
                drawn_values.ravel()[chosen] = values.ravel()[cells]
            of_first = chosen < len(result[name].rows)
            result[name].rows[chosen[of_first]] = cells[of_first] // block.width + block.row
            result[name].columns[chosen[of_first]] = cells[of_first] % block.width + block.column
    return result
