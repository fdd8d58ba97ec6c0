"""The sample of an explanation: blocks of the area, their tiles for the network, and single cells of more blocks."""

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
from ..inputs.rasters import raster_path
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..windows.split import missing_label, read_labels
from .explained_model import ExplainedModel

BLOCK_SIDE = 2000.0  # metres, of an automatic block
WANTED_BLOCKS = 60  # with labels; an automatic block is smaller where there are fewer
LEAST_SIDE, _SHRINK = 5, 0.8  # cells of an automatic block; from one side that is tried to the next
MIN_BLOCKS = 8  # fewer blocks can neither be permuted nor resampled in a useful way
MAX_TILE_BYTES = 400e6  # memory that the tiles may take
MAX_CELLWISE_SIDE = 24
"""Of a block only this many cells squared are predicted by a model that sees single cells: neighbours add little, and a
forest is slow."""
BATCH_CELLS = 65_536  # cells per call of the network: many small blocks one by one would cost a forest most of its time
CELL_BLOCKS = 600  # blocks from which single cells are drawn
CELLS = 400_000  # single cells in all: enough for shares of a thousandth, and 16 MB with ten factors
_MAX_BLOCKS = 20_000_000


@dataclass(frozen=True)
class LabelledArea:
    """What is explained: a model over its stack, with the labels and the area on the same grid."""

    explained: ExplainedModel
    grid: Grid
    labels: rasterio.DatasetReader
    mask: AreaMask


@dataclass(frozen=True)
class LabelBlocks:
    """Labelled cells of each block, int64 (block rows, block columns)."""

    side: int  # of a block in cells
    landslide: np.ndarray
    stable: np.ndarray

    @property
    def labelled(self) -> int:
        """Number of blocks with labels."""
        return int((self.landslide + self.stable > 0).sum())


@dataclass(frozen=True)
class BlockSample:
    """Sampled blocks, from top left to bottom right."""

    blocks: list[Block]  # all of one size; may reach over the border of the grid
    weights: np.ndarray  # how many blocks of the area each stands for, float64
    total_blocks: int  # blocks with labels in the area


def block_side_cells(grid: Grid, metres: float, align: int) -> int:
    """Return the side of a block in cells, a multiple of ``align``.

    Raises ``ParameterInvalid`` if the grid would have far too many blocks.
    """
    side = max(1, math.ceil(round(metres / grid.cell_size()) / align)) * align
    count = grid.block_count(side)
    if count > _MAX_BLOCKS:
        raise ParameterInvalid(
            f"BLOCK is {metres:g} m, which cuts the area into {count:,} blocks. Set it to one or two kilometres."
        )
    return side


def automatic_blocks(area: LabelledArea, align: int, progress: Progress) -> LabelBlocks:
    """Return the labels in blocks of a side that suits the area, and tell it; raises as :func:`count_labels`."""
    size, least = area.grid.cell_size(), -(-LEAST_SIDE // align) * align
    metres, done = BLOCK_SIDE, 0.0
    while True:
        part, done = SubProgress(progress, done, (1 + done) / 2), (1 + done) / 2
        counts = count_labels(area, max(block_side_cells(area.grid, metres, align), least), part)
        if counts.labelled >= WANTED_BLOCKS or counts.side == least:
            break
        metres = min(_SHRINK * metres, (counts.side - align) * size)
    progress.report(1.0, f"BLOCK is automatic: {counts.side * size:.4g} m; {counts.labelled:,} blocks have labels.")
    return counts


def count_labels(area: LabelledArea, side: int, progress: Progress) -> LabelBlocks:
    """Count the labels of the area in blocks of ``side`` cells, window by window.

    Raises:
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: there is no landslide cell, or no stable one.
    """
    grid, labels, mask = area.grid, area.labels, area.mask
    shape = math.ceil(grid.height / side), math.ceil(grid.width / side)
    counts = {value: np.zeros(shape, dtype=np.int64) for value in (STABLE, LANDSLIDE)}
    window = side * max(1, BLOCK // side)
    total = grid.block_count(window)
    for number, block in enumerate(grid.blocks(window), 1):
        stop_if_cancelled(progress)
        if mask.may_intersect(block):
            marks = read_labels(labels, block)
            marks[~mask.read(block)] = UNKNOWN
            rows, columns = np.arange(0, block.height, side), np.arange(0, block.width, side)
            row, column = block.row // side, block.column // side
            for value, count in counts.items():
                sums = np.add.reduceat(np.add.reduceat(marks == value, rows, axis=0, dtype=np.int64), columns, axis=1)
                count[row : row + len(rows), column : column + len(columns)] = sums
        progress.report(number / total)
    for value, name, remedy in (
        (LANDSLIDE, "landslide", "Choose the labels of an area with landslides."),
        (STABLE, "stable", "Labels need stable cells (0) too; make them with Build landslide labels."),
    ):
        if not counts[value].any():
            remedy = missing_label(labels, value) or remedy
            raise TooFewData(
                f"LABELS {raster_path(labels)} has no {name} cell in the area, so nothing can be evaluated. {remedy}"
            )
    return LabelBlocks(side, counts[LANDSLIDE], counts[STABLE])


def sample_blocks(counts: LabelBlocks, most: int, seed: int) -> BlockSample:
    """Draw at most ``most`` blocks, half of them with landslides as far as there are.

    Landslides are rare, so an even draw over a large area would hardly meet any; the weights correct for it. With the
    same seed, a smaller sample is part of a larger one.

    Raises:
        TooFewData: there are fewer than :data:`MIN_BLOCKS` blocks.
    """
    labelled = counts.landslide + counts.stable > 0
    total, side = int(labelled.sum()), counts.side
    if total < MIN_BLOCKS:
        raise TooFewData(
            f"LABELS has labels in {total} block{'' if total == 1 else 's'} of {side} × {side} cells of the area only, "
            f"but at least {MIN_BLOCKS} are needed. Set BLOCK to a smaller distance, or choose a larger area."
        )
    generator = np.random.default_rng([seed, 20])
    strata = [
        generator.permutation(np.flatnonzero(labelled & (counts.landslide > 0))),
        generator.permutation(np.flatnonzero(labelled & (counts.landslide == 0))),
    ]
    first = min(len(strata[0]), max(most // 2, most - len(strata[1])))
    taken = [first, min(len(strata[1]), most - first)]
    numbers = np.concatenate([stratum[:count] for stratum, count in zip(strata, taken)])
    weights = np.concatenate([np.full(count, len(stratum) / max(count, 1)) for stratum, count in zip(strata, taken)])
    order = np.argsort(numbers)
    rows, columns = np.unravel_index(numbers[order], labelled.shape)
    blocks = [Block(int(row) * side, int(column) * side, side, side) for row, column in zip(rows, columns)]
    return BlockSample(blocks, weights[order], total)


@dataclass
class Tiles:
    """Blocks with their surroundings, as the network sees them."""

    side: int  # of a block, which lies in the middle of its tile
    halo: int  # cells around it on every side
    values: np.ndarray  # float32 (tiles, factors, size, size); gaps hold the value of the nearest cell with data
    valid: np.ndarray  # cells with data in every factor, bool (tiles, size, size)
    labels: np.ndarray  # uint8 (tiles, side, side): 1 landslide, 0 stable, 255 unknown
    inside: np.ndarray  # cells with data and within the area, bool (tiles, side, side)
    weights: np.ndarray  # blocks of the area that each stands for, float64 (tiles,)
    blocks: list[Block]

    def __len__(self) -> int:
        return len(self.values)

    def raw(self, tile: int) -> np.ndarray:
        """Return the factors of a tile, NaN without data."""
        return np.where(self.valid[tile], self.values[tile], np.float32(np.nan))

    def permuted(self, factors: tuple[int, ...], sources: np.ndarray) -> Callable[[int], np.ndarray]:
        """Return a function that returns a tile's factors, some of them taken from its source tile.

        They come with their own surroundings, so that no seam runs through what the network sees.
        """

        def tile_input(tile: int) -> np.ndarray:
            result = self.values[tile].copy()
            result[list(factors)] = self.values[sources[tile]][list(factors)]
            result[:, ~self.valid[tile]] = np.nan
            return result

        return tile_input

    def with_value(self, factor: int, value: float) -> Callable[[int], np.ndarray]:
        """Return a tile's factors with one of them set to a constant."""

        def tile_input(tile: int) -> np.ndarray:
            result = self.raw(tile)
            result[factor, self.valid[tile]] = value
            return result

        return tile_input

    def core(self, array: np.ndarray) -> np.ndarray:
        """Return the block within an array of a whole tile, shape (..., size, size)."""
        return array[..., self.halo : self.halo + self.side, self.halo : self.halo + self.side]

    def iterate_predictions(
        self, explained: ExplainedModel, tile_input: Callable[[int], np.ndarray], progress: Progress
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of each tile and the susceptibility of its block, float32 (side, side), NaN without data.

        Several tiles go through the network as one image. Each carries its halo and has sizes that are multiples of
        ``align``, so the neighbours do not change the result. ``tile_input`` returns the factors of a tile.
        """
        for batch in self.batches():
            stop_if_cancelled(progress)
            image = explained.model.probability(np.concatenate([tile_input(tile) for tile in batch], axis=1))
            for tile, probability in zip(batch, np.split(image, len(batch), axis=0)):
                yield tile, self.core(probability)

    def batches(self) -> Iterator[range]:
        """Yield the numbers of the tiles that go through the network at once."""
        count = max(1, BATCH_CELLS // self.values.shape[-1] ** 2)
        for start in range(0, len(self), count):
            yield range(start, min(start + count, len(self)))

    def subsample(self, count: int, seed: int) -> Tiles:
        """Return some of the tiles, drawn at random, in their order."""
        if count >= len(self):
            return self
        some = np.sort(np.random.default_rng([seed, 23]).permutation(len(self))[:count])
        return self.select(some, self.weights[some] * len(self) / count, [self.blocks[number] for number in some])

    def select(self, tiles: np.ndarray | slice, weights: np.ndarray, blocks: list[Block]) -> Tiles:
        """Return some of the tiles, with their new weights and with their blocks."""
        values, valid, labels, inside = (array[tiles] for array in (self.values, self.valid, self.labels, self.inside))
        return Tiles(self.side, self.halo, values, valid, labels, inside, weights, blocks)


@dataclass
class Cells:
    """Single cells with data."""

    values: np.ndarray  # float32 (factors, cells), in the model's class codes
    labels: np.ndarray  # uint8 (cells,): 1 landslide, 0 stable, 255 unknown
    weights: np.ndarray  # cells of the area that each stands for, float64 (cells,)
    blocks: np.ndarray  # number of the block of each, int32 (cells,)


def max_tiles(explained: ExplainedModel, side: int, wanted: int) -> int:
    """Return how many blocks fit into memory, at most as many as wanted."""
    size = min(side, MAX_CELLWISE_SIDE) if explained.is_cellwise else side + 2 * explained.halo
    return max(2, min(wanted, int(MAX_TILE_BYTES // (4 * len(explained.of_row) * size**2))))


def read_tiles(area: LabelledArea, sample: BlockSample, seed: int, progress: Progress) -> Tiles:
    """Read blocks with their surroundings; of large ones only some cells if the model sees single cells.

    Raises:
        TooFewData: too few of them hold cells with all factors and a label, or only one class of label.
    """
    explained = area.explained
    whole, halo, count = sample.blocks[0].height, explained.halo, len(sample.blocks)
    side = min(whole, MAX_CELLWISE_SIDE) if explained.is_cellwise else whole
    # The same cells of every block, so that permuted blocks exchange cells of the same position.
    thinned = np.sort(np.random.default_rng([seed, 26]).permutation(whole**2)[: side**2]) if side < whole else None
    size = side + 2 * halo
    tiles = Tiles(
        side,
        halo,
        np.empty((count, len(explained.of_row), size, size), dtype=np.float32),
        np.empty((count, size, size), dtype=bool),
        np.empty((count, side, side), dtype=np.uint8),
        np.empty((count, side, side), dtype=bool),
        sample.weights,
        sample.blocks,
    )
    kept: list[int] = []
    for number, block in enumerate(sample.blocks):
        stop_if_cancelled(progress)
        values, wanted = explained.read(block.padded(halo)), area.mask.read(block)
        marks = read_labels(area.labels, block)
        valid = np.isfinite(values).all(axis=0)
        values = _fill_gaps(values, valid)
        if thinned is not None:
            values, valid, wanted, marks = (
                array.reshape(*array.shape[:-2], -1)[..., thinned].reshape(*array.shape[:-2], side, side)
                for array in (values, valid, wanted, marks)
            )
        inside = tiles.core(valid) & wanted
        marks[~inside] = UNKNOWN
        if (marks != UNKNOWN).any():
            row = len(kept)
            tiles.values[row], tiles.valid[row], tiles.labels[row], tiles.inside[row] = values, valid, marks, inside
            kept.append(number)
        progress.report((number + 1) / count)
    tiles = tiles.select(slice(len(kept)), sample.weights[kept], [sample.blocks[number] for number in kept])
    slides, stable = int((tiles.labels == LANDSLIDE).sum()), int((tiles.labels == STABLE).sum())
    if len(kept) < 2 or not slides or not stable:
        raise TooFewData(
            f"The {len(kept)} blocks with data in all factors of the model hold {slides:,} landslide and {stable:,} "
            "stable cells, but both are needed. Check that stack and labels cover the same area, and set BLOCK to a "
            "smaller distance."
        )
    return tiles


def read_cells(area: LabelledArea, sample: BlockSample, seed: int, progress: Progress) -> Cells:
    """Draw single cells evenly from each block; raises ``TooFewData`` if no cell has all factors."""
    generator = np.random.default_rng([seed, 21])
    most = max(1, CELLS // len(sample.blocks))
    parts: list[tuple[np.ndarray, ...]] = []
    for number, block in enumerate(sample.blocks):
        stop_if_cancelled(progress)
        values = area.explained.read(block)
        row, column = np.nonzero(np.isfinite(values).all(axis=0) & area.mask.read(block))
        if len(row):
            weight = sample.weights[number] * len(row) / min(len(row), most)
            if len(row) > most:
                some = np.sort(generator.choice(len(row), most, replace=False))
                row, column = row[some], column[some]
            marks = read_labels(area.labels, block)[row, column]
            of_block = np.full(len(row), number, dtype=np.int32)
            parts.append((values[:, row, column], marks, np.full(len(row), weight), of_block))
        progress.report((number + 1) / len(sample.blocks))
    if not parts:
        raise TooFewData(
            "No labelled cell has data in all factors of the model. Check that stack and labels cover the same area."
        )
    planes, marks, weights, blocks = zip(*parts)
    return Cells(np.concatenate(planes, axis=1), *(np.concatenate(part) for part in (marks, weights, blocks)))


def _fill_gaps(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return values with gaps filled from the nearest valid cell, for tiles that have no such gaps."""
    if valid.all() or not valid.any():
        return np.where(np.isfinite(values), values, 0)
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return values[:, nearest[0], nearest[1]]
