"""How a map orders the cells beside the rules of a textbook: ranks at a sample of cells, and where they disagree.

The sample has one cell in each square of the land, so it is a small picture of the map as well. Which cells it has
follows from the grid and the seed alone; values are gathered while the tiles of a map pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..grid import Block, Grid
from ..progress import Progress
from ..validation.map_layers import cells_by_block
from .textbook_baselines import Baseline

MAP = "map"
HIGH, LOW = 0.8, 0.4  # a cell is disputed where one rule has it in the top fifth and another in the bottom two fifths
MIN_CELLS = 100  # with fewer, ranks tell nothing
_SEED = 31


class RankSample:
    """One cell in each square of a part of a grid, with its value on a map."""

    def __init__(self, grid: Grid, part: Block, most: int, seed: int = 0) -> None:
        """Choose the cells: all of the part, or at most about ``most``, one at random in each square."""
        self.grid, self.part = grid, part
        self.step = max(1, math.ceil(math.sqrt(part.height * part.width / most)))
        starts = [np.arange(0, size, self.step) for size in (part.height, part.width)]
        self.shape = len(starts[0]), len(starts[1])
        rng = np.random.default_rng([seed, _SEED])
        row, column = rng.random((2, *self.shape))
        sizes = [np.minimum(self.step, size - start) for size, start in zip(part.shape, starts)]
        self.rows = (part.row + starts[0][:, None] + (row * sizes[0][:, None]).astype(np.int64)).ravel()
        self.columns = (part.column + starts[1] + (column * sizes[1]).astype(np.int64)).ravel()
        self.values = np.full(len(self.rows), np.nan, dtype=np.float32)

    def add(self, block: Block, values: np.ndarray, patch: int = 1) -> None:
        """Take the values of a block of the map; with one value a patch, as many cells wide, the patch's."""
        here, (row, column) = block.locate(self.rows, self.columns)
        self.values[here] = values[row // patch, column // patch]

    def scores(self, baselines: Sequence[Baseline], progress: Progress) -> dict[str, np.ndarray]:
        """Read the inputs of baselines and return their scores by key, float32 (cells,), NaN off the map."""
        found = {one.key: np.full(len(self.rows), np.nan, dtype=np.float32) for one in baselines}
        width = np.sqrt(self.grid.cell_area())
        on_map = np.flatnonzero(np.isfinite(self.values))
        for block, chosen in cells_by_block(self.grid, self.rows[on_map], self.columns[on_map], progress):
            cells = on_map[chosen]
            row, column = self.rows[cells], self.columns[cells]
            for one in baselines:
                inputs = one.read(block)[:, row - block.row, column - block.column]
                found[one.key][cells] = one.score(inputs, width[row])
        return found

    def image(self, cells: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return values at some of the cells as a picture of the part, float32 (rows, columns), NaN elsewhere."""
        picture = np.full(len(self.rows), np.nan, dtype=np.float32)
        picture[cells] = values
        return picture.reshape(self.shape)


class SampleRanks:
    """Area ranks by the cells of a sample: the share of the land with a lower value, half of that with the same."""

    def __init__(self, values: np.ndarray, areas: np.ndarray) -> None:
        """Take values without NaN and the area of each cell, both of shape (cells,)."""
        self._values, place = np.unique(values, return_inverse=True)
        self._share = np.concatenate([[0.0], np.cumsum(np.bincount(place, areas)) / areas.sum()])

    def rank(self, values: np.ndarray) -> np.ndarray:
        """Return the rank of values, of the sample or not, 0 to 1, float64; NaN stays NaN."""
        place = np.searchsorted(self._values, values)
        tied = self._values[np.minimum(place, len(self._values) - 1)] == values
        ranks = (self._share[place] + self._share[place + tied]) / 2
        return np.where(np.isnan(values), np.nan, ranks)


@dataclass(frozen=True)
class Dispute:
    """Land that is high in one order and low in another."""

    high: str  # key of the order that has it in the top fifth
    low: str  # key of the one that has it in the bottom two fifths
    cells: np.ndarray  # which of the compared cells, int64
    share: float  # of the compared land


@dataclass
class RankComparison:
    """Orders of the same cells by a map and by baselines."""

    cells: np.ndarray  # cells of the sample where all have a value, int64
    areas: np.ndarray  # area of each in square metres, float64
    values: dict[str, np.ndarray]  # by key, the map's under :data:`MAP`, float32 (cells,)
    ranks: dict[str, SampleRanks] = field(default_factory=dict)
    rank_of: dict[str, np.ndarray] = field(default_factory=dict)  # area rank of each cell, 0 to 1, float64
    correlations: dict[tuple[str, str], float] = field(default_factory=dict)
    """Spearman's rank correlation of two orders, by area, ties sharing the mean of their ranks; NaN without any order.
    """

    @classmethod
    def of(cls, sample: RankSample, scores: Mapping[str, np.ndarray]) -> RankComparison | None:
        """Compare the map's order with those of scores of :meth:`RankSample.scores`; ``None`` for too few cells."""
        values = {MAP: sample.values, **scores}
        cells = np.flatnonzero(np.isfinite(np.stack(list(values.values()))).all(axis=0))
        if len(cells) < MIN_CELLS:
            return None
        areas = sample.grid.cell_area()[sample.rows[cells]]
        found = cls(cells, areas, {key: one[cells] for key, one in values.items()})
        for key, one in found.values.items():
            found.ranks[key] = SampleRanks(one, areas)
            found.rank_of[key] = found.ranks[key].rank(one)
        for first, second in combinations(values, 2):
            found.correlations[first, second] = _correlation(found.rank_of[first], found.rank_of[second], areas)
        return found

    def with_map(self, key: str) -> float:
        """Return the rank correlation of a baseline with the map."""
        return self.correlations[MAP, key]

    def disputes(self) -> Iterator[Dispute]:
        """Give the land on which the map and each of the baselines disagree, both ways."""
        for key in list(self.values)[1:]:
            for high, low in ((MAP, key), (key, MAP)):
                cells = np.flatnonzero((self.rank_of[high] >= HIGH) & (self.rank_of[low] <= LOW))
                yield Dispute(high, low, cells, float(self.areas[cells].sum() / self.areas.sum()))


def _correlation(first: np.ndarray, second: np.ndarray, areas: np.ndarray) -> float:
    one, other = (ranks - np.average(ranks, weights=areas) for ranks in (first, second))
    spread = math.sqrt(float(areas @ one**2) * float(areas @ other**2))
    return float(areas @ (one * other)) / spread if spread > 0 else math.nan
