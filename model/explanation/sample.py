"""The blocks in memory: whole, with the land around them, for the network; and single cells of more blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

import numpy as np
import rasterio
from scipy import ndimage

from ..errors import TooFewData
from ..grid import Block
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..labels.area import AreaMask
from ..progress import Progress, stop_if_cancelled
from ..windows.survey import read_labels
from .blocks import Chosen
from .subject import Subject

MEMORY = 400e6
"""Bytes that the blocks for the network may take."""

THINNED = 24
"""A model that judges each cell by itself is asked for this many cells squared of a block: its neighbours say little
that is new, and a forest takes its time."""

AT_ONCE = 65_536
"""Cells that go through the network at once: many small blocks one by one would cost a forest most of its time."""

CELL_BLOCKS = 600
"""Blocks of which single cells are taken."""

CELLS = 400_000
"""Single cells in all: enough for shares of a thousandth, and 16 MB with ten factors."""


@dataclass
class Tiles:
    """Blocks with the land around them, as the network sees them."""

    side: int
    """Cells of a block, which lies in the middle of its tile."""
    halo: int
    """Cells around it on every side."""
    values: np.ndarray
    """float32 (tiles, factors, size, size); where there is no data the value of the next cell that has some."""
    valid: np.ndarray
    """Cells with data in every factor, bool (tiles, size, size)."""
    labels: np.ndarray
    """uint8 (tiles, side, side): 1 landslide, 0 stable, 255 not judged."""
    inside: np.ndarray
    """Cells of the block with data and in the area, bool (tiles, side, side)."""
    weights: np.ndarray
    """Blocks of the area that each stands for, float64 (tiles,)."""
    places: list[Block]

    def __len__(self) -> int:
        return len(self.values)

    def raw(self, tile: int) -> np.ndarray:
        """Return the factors of a tile as they are, NaN without data."""
        return np.where(self.valid[tile], self.values[tile], np.float32(np.nan))

    def swapped(self, tile: int, factors: tuple[int, ...], source: int) -> np.ndarray:
        """Return a tile with some factors from the land of another one.

        Args:
            tile: where.
            factors: which.
            source: tile that they come from, with its own surroundings, so that no seam runs through what the
                network sees.
        """
        result = self.values[tile].copy()
        result[list(factors)] = self.values[source][list(factors)]
        result[:, ~self.valid[tile]] = np.nan
        return result

    def with_value(self, tile: int, factor: int, value: float) -> np.ndarray:
        """Return a tile with one factor set to one value everywhere."""
        result = self.raw(tile)
        result[factor, self.valid[tile]] = value
        return result

    def core(self, array: np.ndarray) -> np.ndarray:
        """Return the block of an array of a whole tile, shape (..., size, size)."""
        return array[..., self.halo:self.halo + self.side, self.halo:self.halo + self.side]

    def predicted(self, subject: Subject, land: Callable[[int], np.ndarray], progress: Progress
                  ) -> Iterator[tuple[int, np.ndarray]]:
        """Give the number of each tile and the susceptibility of its block, float32 (side, side), NaN without data.

        Several tiles go through the network as one image. Each carries its halo and has sizes that are multiples of
        ``align``, so what they say in the middle does not depend on the neighbours.

        Args:
            subject: the model.
            land: gives the factors of a tile by its number.
            progress: asked for a cancel.
        """
        for some in self.batches():
            stop_if_cancelled(progress)
            found = subject.probability(np.concatenate([land(tile) for tile in some], axis=1))
            for tile, one in zip(some, np.split(found, len(some), axis=0)):
                yield tile, self.core(one)

    def batches(self) -> Iterator[range]:
        """Give the numbers of the tiles that go through the network at once."""
        several = max(1, AT_ONCE // self.values.shape[-1] ** 2)
        for start in range(0, len(self), several):
            yield range(start, min(start + several, len(self)))

    def first(self, count: int, seed: int) -> "Tiles":
        """Return some of the tiles, drawn, in their order."""
        if count >= len(self):
            return self
        some = np.sort(np.random.default_rng([seed, 23]).permutation(len(self))[:count])
        return Tiles(self.side, self.halo, self.values[some], self.valid[some], self.labels[some], self.inside[some],
                     self.weights[some] * len(self) / count, [self.places[number] for number in some])


@dataclass
class Cells:
    """Single cells with data."""

    values: np.ndarray
    """float32 (factors, cells), in the model's class codes."""
    labels: np.ndarray
    """uint8 (cells,): 1 landslide, 0 stable, 255 unknown."""
    weights: np.ndarray
    """Cells of the area that each stands for, float64 (cells,)."""
    blocks: np.ndarray
    """Number of the block of each, int32 (cells,)."""


def most_tiles(subject: Subject, side: int, asked: int) -> int:
    """Return how many blocks fit the memory, at most as many as asked for."""
    halo = _up(subject.model.halo, subject.model.align)
    size = min(side, THINNED) if is_cellwise(subject) else side + 2 * halo
    return max(2, min(asked, int(MEMORY // (4 * len(subject.factors) * size ** 2))))


def is_cellwise(subject: Subject) -> bool:
    """Whether the model judges each cell by itself."""
    return subject.model.halo == 0 and subject.model.align == 1


def read_tiles(subject: Subject, labels: rasterio.DatasetReader, mask: AreaMask, chosen: Chosen, seed: int,
               progress: Progress) -> Tiles:
    """Read blocks whole and with the land around them; of large ones only some cells if the model judges each alone.

    Raises:
        TooFewData: too few of them hold cells with all factors and a label, or only one class of label.
    """
    whole, halo = chosen.places[0].height, _up(subject.model.halo, subject.model.align)
    side = min(whole, THINNED) if is_cellwise(subject) else whole
    # The same cells of every block, so that a swapped block brings those that lie alike.
    some = np.sort(np.random.default_rng([seed, 26]).permutation(whole ** 2)[:side ** 2]) if side < whole else None
    size, count = side + 2 * halo, len(chosen.places)
    tiles = Tiles(side, halo, np.empty((count, len(subject.factors), size, size), dtype=np.float32),
                  np.empty((count, size, size), dtype=bool), np.empty((count, side, side), dtype=np.uint8),
                  np.empty((count, side, side), dtype=bool), chosen.weights.copy(), [])
    kept = 0
    for number, place in enumerate(chosen.places):
        stop_if_cancelled(progress)
        values, wanted, marks = subject.read(place.grown(halo)), mask.read(place), read_labels(labels, place)
        valid = np.isfinite(values).all(axis=0)
        values = _filled(values, valid)
        if some is not None:
            values, valid, wanted, marks = (array.reshape(*array.shape[:-2], -1)[..., some].reshape(
                *array.shape[:-2], side, side) for array in (values, valid, wanted, marks))
        inside = tiles.core(valid) & wanted
        marks[~inside] = UNKNOWN
        if (marks != UNKNOWN).any():
            tiles.values[kept], tiles.valid[kept] = values, valid
            tiles.labels[kept], tiles.inside[kept] = marks, inside
            tiles.weights[kept] = chosen.weights[number]
            tiles.places.append(place)
            kept += 1
        progress.report((number + 1) / count)
    tiles = Tiles(side, halo, tiles.values[:kept], tiles.valid[:kept], tiles.labels[:kept], tiles.inside[:kept],
                  tiles.weights[:kept], tiles.places)
    slides, stable = int((tiles.labels == LANDSLIDE).sum()), int((tiles.labels == STABLE).sum())
    if kept < 2 or not slides or not stable:
        raise TooFewData(f"The {kept} blocks that have data in all of the model's factors hold {slides:,} landslide "
                         f"and {stable:,} stable cells, but it takes both. Check that stack and labels cover the same "
                         "land, and set BLOCK to a smaller distance.")
    return tiles


def read_cells(subject: Subject, labels: rasterio.DatasetReader, mask: AreaMask, chosen: Chosen, seed: int,
               progress: Progress) -> Cells:
    """Draw single cells evenly from each of some blocks."""
    generator = np.random.default_rng([seed, 21])
    share = max(1, CELLS // len(chosen.places))
    parts: list[tuple[np.ndarray, ...]] = []
    for number, place in enumerate(chosen.places):
        stop_if_cancelled(progress)
        values = subject.read(place)
        row, column = np.nonzero(np.isfinite(values).all(axis=0) & mask.read(place))
        if len(row):
            some = np.arange(len(row)) if len(row) <= share else np.sort(
                generator.choice(len(row), share, replace=False))
            weight = chosen.weights[number] * len(row) / len(some)
            row, column = row[some], column[some]
            parts.append((values[:, row, column], read_labels(labels, place)[row, column],
                          np.full(len(some), weight), np.full(len(some), number, dtype=np.int32)))
        progress.report((number + 1) / len(chosen.places))
    if not parts:
        raise TooFewData("No cell with a label has data in all of the model's factors. Check that stack and labels "
                         "cover the same land.")
    values, marks, weights, blocks = zip(*parts)
    return Cells(np.concatenate(values, axis=1), np.concatenate(marks), np.concatenate(weights),
                 np.concatenate(blocks))


def _filled(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return values with those of the nearest valid cell where there are none: land for a tile without such gaps."""
    if valid.all() or not valid.any():
        return np.where(np.isfinite(values), values, 0)
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return values[:, nearest[0], nearest[1]]


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
