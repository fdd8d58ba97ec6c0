"""The study area in square blocks: where labels are, and which blocks are looked at.
The blocks in memory: whole, with the land around them, for the network; and single cells of more blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

import numpy as np
import rasterio
from scipy import ndimage

from ..errors import ParameterInvalid, TooFewData
from ..factors.polygons import AreaMask
from ..grid import BLOCK, Block, Grid
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from ..windows.scan import read_labels
from .explained_model import ExplainedModel

MIN_BLOCKS = 8
"""Fewer blocks than this can neither be swapped nor resampled to any purpose."""

_MAX_BLOCKS = 20_000_000


@dataclass(frozen=True)
class LabelBlocks:
    """Labelled cells of each block."""

    side: int
    """Cells along the side of a block."""
    landslide: np.ndarray
    """int64 (block rows, block columns)."""
    stable: np.ndarray
    """int64 (block rows, block columns)."""


@dataclass(frozen=True)
class BlockSample:
    """Blocks that are looked at, from top left to bottom right."""

    places: list[Block]
    """May reach over the border of the grid; all of one size."""
    weights: np.ndarray
    """How many blocks of the area each stands for, float64 (blocks,)."""
    of: int
    """Blocks with labels there are in all."""


def block_side_cells(grid: Grid, metres: float, align: int) -> int:
    """Return the side of a block in cells, a multiple of ``align``.

    Raises:
        ParameterInvalid: the grid would have far too many blocks.
    """
    side = max(1, math.ceil(round(metres / grid.cell_size()) / align)) * align
    if grid.block_count(side) > _MAX_BLOCKS:
        raise ParameterInvalid(
            f"BLOCK is {metres:g} m, which cuts the area into {grid.block_count(side):,} blocks. "
            "Set it to a kilometre or two."
        )
    return side


def count_labels(
    labels: rasterio.DatasetReader, grid: Grid, mask: AreaMask, side: int, progress: Progress
) -> LabelBlocks:
    """Count the labels in the blocks, by windows.

    Args:
        labels: open label raster on the grid.
        grid: the study grid.
        mask: cells outside it do not count.
        side: of a block in cells.
        progress: 0 to 1 over the cells.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: there is no landslide cell, or no stable one.
    """
    shape = math.ceil(grid.height / side), math.ceil(grid.width / side)
    counts = {value: np.zeros(shape, dtype=np.int64) for value in (STABLE, LANDSLIDE)}
    window = side * max(1, BLOCK // side)
    total = grid.block_count(window)
    for number, block in enumerate(grid.blocks(window)):
        stop_if_cancelled(progress)
        if mask.touches(block):
            marks = read_labels(labels, block)
            marks[~mask.read(block)] = UNKNOWN
            rows, columns = np.arange(0, block.height, side), np.arange(0, block.width, side)
            for value, count in counts.items():
                found = np.add.reduceat(np.add.reduceat(marks == value, rows, axis=0, dtype=np.int64), columns, axis=1)
                count[
                    block.row // side : block.row // side + len(rows),
                    block.column // side : block.column // side + len(columns),
                ] = found
        progress.report((number + 1) / total)
    for value, name, remedy in (
        (LANDSLIDE, "landslide", "Give the labels of an area with landslides."),
        (STABLE, "stable", "Labels need stable cells (0) too; make them with Build landslide labels."),
    ):
        if not counts[value].any():
            raise TooFewData(
                f"LABELS {labels.name} has no {name} cell in the area, so nothing can be measured. {remedy}"
            )
    return LabelBlocks(side, counts[LANDSLIDE], counts[STABLE])


def sample_blocks(found: LabelBlocks, most: int, seed: int) -> BlockSample:
    """Draw blocks: half of them with landslides, half without, as far as there are.

    Landslides are rare, so an even draw over a large area would hardly meet any; the weights make up for it. With the
    same seed, fewer blocks are a part of more blocks.

    Raises:
        TooFewData: there are fewer than :data:`MIN_BLOCKS` blocks.
    """
    labelled = found.landslide + found.stable > 0
    of = int(labelled.sum())
    if of < MIN_BLOCKS:
        number = f"{of} block{'' if of == 1 else 's'} of {found.side} × {found.side} cells"
        raise TooFewData(
            f"LABELS has labels in {number} of the area only, but it takes {MIN_BLOCKS} at least. Set "
            "BLOCK to a smaller distance, or take a larger area."
        )
    generator = np.random.default_rng([seed, 20])
    strata = [
        generator.permutation(np.flatnonzero(labelled & (found.landslide > 0))),
        generator.permutation(np.flatnonzero(labelled & (found.landslide == 0))),
    ]
    first = min(len(strata[0]), max(most // 2, most - len(strata[1])))
    taken = [first, min(len(strata[1]), most - first)]
    numbers = np.concatenate([stratum[:count] for stratum, count in zip(strata, taken)])
    weights = np.concatenate([np.full(count, len(stratum) / max(count, 1)) for stratum, count in zip(strata, taken)])
    order = np.argsort(numbers)
    rows, columns = np.unravel_index(numbers[order], labelled.shape)
    side = found.side
    return BlockSample(
        [Block(int(row) * side, int(column) * side, side, side) for row, column in zip(rows, columns)],
        weights[order],
        of,
    )


MAX_TILE_BYTES = 400e6
"""Bytes that the blocks for the network may take."""

MAX_CELLWISE_SIDE = 24
"""A model that judges each cell by itself is asked for this many cells squared of a block: its neighbours say little
that is new, and a forest takes its time."""

BATCH_CELLS = 65_536
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

    def with_factors_from(self, tile: int, factors: tuple[int, ...], source: int) -> np.ndarray:
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
        return array[..., self.halo : self.halo + self.side, self.halo : self.halo + self.side]

    def iterate_predictions(
        self, subject: ExplainedModel, tile_input: Callable[[int], np.ndarray], progress: Progress
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
            found = subject.probability(np.concatenate([tile_input(tile) for tile in some], axis=1))
            for tile, one in zip(some, np.split(found, len(some), axis=0)):
                yield tile, self.core(one)

    def batches(self) -> Iterator[range]:
        """Give the numbers of the tiles that go through the network at once."""
        several = max(1, BATCH_CELLS // self.values.shape[-1] ** 2)
        for start in range(0, len(self), several):
            yield range(start, min(start + several, len(self)))

    def first(self, count: int, seed: int) -> Tiles:
        """Return some of the tiles, drawn, in their order."""
        if count >= len(self):
            return self
        some = np.sort(np.random.default_rng([seed, 23]).permutation(len(self))[:count])
        return Tiles(
            self.side,
            self.halo,
            self.values[some],
            self.valid[some],
            self.labels[some],
            self.inside[some],
            self.weights[some] * len(self) / count,
            [self.places[number] for number in some],
        )


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


def max_tiles(subject: ExplainedModel, side: int, asked: int) -> int:
    """Return how many blocks fit the memory, at most as many as asked for."""
    halo = _round_up(subject.model.halo, subject.model.align)
    size = min(side, MAX_CELLWISE_SIDE) if is_cellwise(subject) else side + 2 * halo
    return max(2, min(asked, int(MAX_TILE_BYTES // (4 * len(subject.factors) * size**2))))


def is_cellwise(subject: ExplainedModel) -> bool:
    """Whether the model judges each cell by itself."""
    return subject.model.halo == 0 and subject.model.align == 1


def read_tiles(
    subject: ExplainedModel,
    labels: rasterio.DatasetReader,
    mask: AreaMask,
    chosen: BlockSample,
    seed: int,
    progress: Progress,
) -> Tiles:
    """Read blocks whole and with the land around them; of large ones only some cells if the model judges each alone.

    Raises:
        TooFewData: too few of them hold cells with all factors and a label, or only one class of label.
    """
    whole, halo = chosen.places[0].height, _round_up(subject.model.halo, subject.model.align)
    side = min(whole, MAX_CELLWISE_SIDE) if is_cellwise(subject) else whole
    # The same cells of every block, so that a swapped block brings those that lie alike.
    some = np.sort(np.random.default_rng([seed, 26]).permutation(whole**2)[: side**2]) if side < whole else None
    size, count = side + 2 * halo, len(chosen.places)
    tiles = Tiles(
        side,
        halo,
        np.empty((count, len(subject.factors), size, size), dtype=np.float32),
        np.empty((count, size, size), dtype=bool),
        np.empty((count, side, side), dtype=np.uint8),
        np.empty((count, side, side), dtype=bool),
        chosen.weights.copy(),
        [],
    )
    kept = 0
    for number, place in enumerate(chosen.places):
        stop_if_cancelled(progress)
        values, wanted, marks = subject.read(place.padded(halo)), mask.read(place), read_labels(labels, place)
        valid = np.isfinite(values).all(axis=0)
        values = _filled(values, valid)
        if some is not None:
            values, valid, wanted, marks = (
                array.reshape(*array.shape[:-2], -1)[..., some].reshape(*array.shape[:-2], side, side)
                for array in (values, valid, wanted, marks)
            )
        inside = tiles.core(valid) & wanted
        marks[~inside] = UNKNOWN
        if (marks != UNKNOWN).any():
            tiles.values[kept], tiles.valid[kept] = values, valid
            tiles.labels[kept], tiles.inside[kept] = marks, inside
            tiles.weights[kept] = chosen.weights[number]
            tiles.places.append(place)
            kept += 1
        progress.report((number + 1) / count)
    tiles = Tiles(
        side,
        halo,
        tiles.values[:kept],
        tiles.valid[:kept],
        tiles.labels[:kept],
        tiles.inside[:kept],
        tiles.weights[:kept],
        tiles.places,
    )
    slides, stable = int((tiles.labels == LANDSLIDE).sum()), int((tiles.labels == STABLE).sum())
    if kept < 2 or not slides or not stable:
        raise TooFewData(
            f"The {kept} blocks that have data in all of the model's factors hold {slides:,} landslide "
            f"and {stable:,} stable cells, but it takes both. Check that stack and labels cover the same "
            "land, and set BLOCK to a smaller distance."
        )
    return tiles


def read_cells(
    subject: ExplainedModel,
    labels: rasterio.DatasetReader,
    mask: AreaMask,
    chosen: BlockSample,
    seed: int,
    progress: Progress,
) -> Cells:
    """Draw single cells evenly from each of some blocks."""
    generator = np.random.default_rng([seed, 21])
    share = max(1, CELLS // len(chosen.places))
    parts: list[tuple[np.ndarray, ...]] = []
    for number, place in enumerate(chosen.places):
        stop_if_cancelled(progress)
        values = subject.read(place)
        row, column = np.nonzero(np.isfinite(values).all(axis=0) & mask.read(place))
        if len(row):
            some = (
                np.arange(len(row)) if len(row) <= share else np.sort(generator.choice(len(row), share, replace=False))
            )
            weight = chosen.weights[number] * len(row) / len(some)
            row, column = row[some], column[some]
            parts.append(
                (
                    values[:, row, column],
                    read_labels(labels, place)[row, column],
                    np.full(len(some), weight),
                    np.full(len(some), number, dtype=np.int32),
                )
            )
        progress.report((number + 1) / len(chosen.places))
    if not parts:
        raise TooFewData(
            "No cell with a label has data in all of the model's factors. Check that stack and labels "
            "cover the same land."
        )
    values, marks, weights, blocks = zip(*parts)
    return Cells(np.concatenate(values, axis=1), np.concatenate(marks), np.concatenate(weights), np.concatenate(blocks))


def _filled(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return values with those of the nearest valid cell where there are none: land for a tile without such gaps."""
    if valid.all() or not valid.any():
        return np.where(np.isfinite(values), values, 0)
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return values[:, nearest[0], nearest[1]]


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
