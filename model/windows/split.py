"""Split of the labelled land into training, validation and test blocks or folds, after one scan of the labels."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio

from ..errors import InputCorrupt, TooFewData
from ..grid import BLOCK, Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import raster_path, read_window
from ..inputs.survey import ValueSurvey, percent
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import NullProgress, Progress
from ..stack import Stack, open_stack
from ..texts import join_names
from .labelled_land import LabelledLand
from .unused_cells import DeadZone, SparseCells

if TYPE_CHECKING:
    from .ownership import Ownership

SUBSETS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
SHARES = (0.6, 0.2, 0.2)  # of the paper (section 3.2.2)
NO_SUBSET = 255
RANDOM_ASSIGNMENTS = 256  # as many are tried, and the best balanced one is taken
MAX_ASSIGNED_BLOCKS = 25_000_000  # in all assignments together: with very many blocks, any assignment is balanced
VALIDATION_SHARE = 0.2  # of the landslides outside a fold, for early stopping; the rest is for training
MIN_RANDOM_PATCH_SIDE = 5  # cells; small patches put neighbours into different folds, like a random draw of cells


@dataclass(frozen=True)
class Blocks:
    """A regular division of the grid into rectangles of ``rows`` × ``columns`` cells."""

    rows: int
    columns: int
    shape: tuple[int, int]  # blocks down and across

    @classmethod
    def for_grid(cls, grid: Grid, side: float) -> Blocks:
        """Divide a grid into blocks of about ``side`` metres (by the spacing in its middle row)."""
        width, height = grid.spacing(grid.height // 2, 1)
        return cls.of_cells(grid, max(1, round(side / float(height[0]))), max(1, round(side / float(width[0]))))

    @classmethod
    def of_cells(cls, grid: Grid, rows: int, columns: int) -> Blocks:
        """Divide a grid into blocks of ``rows`` × ``columns`` cells."""
        return cls(rows, columns, (-(-grid.height // rows), -(-grid.width // columns)))

    def bounds(self, grid: Grid, row: int, column: int) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of a block in map units, clipped to the grid."""
        top, left = row * self.rows, column * self.columns
        bottom, right = min(top + self.rows, grid.height), min(left + self.columns, grid.width)
        t = grid.transform
        return t.c + t.a * left, t.f + t.e * bottom, t.c + t.a * right, t.f + t.e * top

    def sums(self, mask: np.ndarray, row: int, column: int, total: np.ndarray) -> None:
        """Add the true cells of a bool mask, whose first cell is at ``row`` and ``column``, to the counts of blocks."""
        down = (row + np.arange(mask.shape[0])) // self.rows
        across = (column + np.arange(mask.shape[1])) // self.columns
        starts_down = np.flatnonzero(np.diff(down, prepend=-1))
        starts_across = np.flatnonzero(np.diff(across, prepend=-1))
        counts = np.add.reduceat(np.add.reduceat(mask.astype(np.int64), starts_down, axis=0), starts_across, axis=1)
        total[np.ix_(down[starts_down], across[starts_across])] += counts


@dataclass(frozen=True)
class DividedLand:
    """Blocks with the subset or fold of each."""

    blocks: Blocks
    subsets: np.ndarray  # uint8 table of blocks: index of the subset (or fold), ``NO_SUBSET`` for unused blocks

    def cell_groups(self, row: int, column: int, height: int, width: int) -> np.ndarray:
        """Return the subset of each cell of a rectangle, uint8 (height, width); ``NO_SUBSET`` outside the grid."""
        down = (row + np.arange(height)) // self.blocks.rows
        across = (column + np.arange(width)) // self.blocks.columns
        (most_down, most_across), table = self.blocks.shape, self.subsets
        inside = np.outer((down >= 0) & (down < most_down), (across >= 0) & (across < most_across))
        table = table[np.ix_(np.clip(down, 0, most_down - 1), np.clip(across, 0, most_across - 1))]
        return np.where(inside, table, np.uint8(NO_SUBSET))

    def rectangles(self, cells: Block) -> Iterator[tuple[int, Block]]:
        """Yield rectangles that divide one of cells within the grid, each in neighbouring blocks of one subset, with
        the subset; none for unused blocks.
        """
        rows, columns = self.blocks.rows, self.blocks.columns
        bottom, right = cells.row + cells.height, cells.column + cells.width
        for down in range(cells.row // rows, -(-bottom // rows)):
            first = cells.column // columns
            of_row = self.subsets[down, first : -(-right // columns)]
            ends = [*np.flatnonzero(np.diff(of_row)) + 1, len(of_row)]
            top, height = max(down * rows, cells.row), min((down + 1) * rows, bottom)
            for start, end in zip([0, *ends], ends):
                left, last = max((first + start) * columns, cells.column), min((first + end) * columns, right)
                if of_row[start] != NO_SUBSET:
                    yield int(of_row[start]), Block(top, left, height - top, last - left)


@dataclass(frozen=True)
class BlockSplit(DividedLand):
    """Blocks with the subset of each, and the cells in them that no subset uses."""

    strangers: SparseCells | None = None  # landslide cells in the land of another subset than their landslide
    dead_zone: DeadZone | None = None  # around the land for test: its cells neither train nor validate
    group: tuple[int, int] = (1, 1)  # blocks down and across that train or validate together

    def cell_groups(self, row: int, column: int, height: int, width: int) -> np.ndarray:
        """Return the subset that uses each cell of a rectangle, uint8 (height, width); ``NO_SUBSET`` outside the grid
        and for cells that are not used.
        """
        groups, block = super().cell_groups(row, column, height, width), Block(row, column, height, width)
        if self.dead_zone is not None:
            groups[(groups != TEST) & self.dead_zone.mask(block)] = NO_SUBSET
        if self.strangers is not None:
            groups[self.strangers.mask(block)] = NO_SUBSET
        return groups

    def kept_apart(self, ownership: Ownership, buffer: float | None) -> BlockSplit:
        """Return the split in which each landslide serves one subset, and land within ``buffer`` metres of the land for
        test serves none; ``None`` for the automatic buffer.
        """
        buffer = ownership.automatic_buffer if buffer is None else buffer
        zone = DeadZone(ownership.grid, self.blocks, self.subsets == TEST, buffer) if buffer else None
        return dataclasses.replace(self, strangers=ownership.strangers(self.subsets), dead_zone=zone)

    def strangers_for_test(self) -> np.ndarray:
        """Return the strangers in the land for test, row × width + column of the grid, int64, increasing."""
        if self.strangers is None:
            return np.empty(0, dtype=np.int64)
        row, column = np.divmod(self.strangers.flat, self.strangers.width)
        return self.strangers.flat[self.subsets[row // self.blocks.rows, column // self.blocks.columns] == TEST]

    def groups_of(self, cells: np.ndarray) -> np.ndarray:
        """Return the subset that uses each of some cells of the grid, rows and columns (cells, 2); uint8 (cells,)."""
        result = np.full(len(cells), NO_SUBSET, dtype=np.uint8)
        tiles, tile = np.unique(cells // BLOCK, axis=0, return_inverse=True)
        for number, (row, column) in enumerate(tiles.tolist()):
            some = np.flatnonzero(tile.ravel() == number)
            places = tuple((cells[some] - np.array([row, column]) * BLOCK).T)
            result[some] = self.cell_groups(row * BLOCK, column * BLOCK, BLOCK, BLOCK)[places]
        return result


def assign_blocks(landslide: np.ndarray, labelled: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """Assign blocks to subsets so that each has about its share of landslide cells and of labelled cells.

    The best balanced of many random assignments is taken. Blocks with and without landslides are assigned separately,
    so that every subset has landslides wherever possible.

    Landslide cells and labelled cells per block have any shape; the result has it too, uint8: index of the subset,
    ``NO_SUBSET`` where nothing is labelled. The sum of the shares is 1. Raises ``TooFewData`` if fewer blocks hold
    landslides than there are subsets.
    """
    slides, cells = landslide.ravel().astype(np.float64), labelled.ravel().astype(np.float64)
    with_slides = np.flatnonzero(slides > 0)
    without = np.flatnonzero((slides == 0) & (cells > 0))
    if len(with_slides) < len(shares):
        number = f"{len(with_slides)} block{'' if len(with_slides) == 1 else 's'}"
        raise TooFewData(
            f"Landslides lie in {number} only, but each of the {len(shares)} subsets needs at least one. Make BLOCK "
            "smaller, use more landslides, or use SPLIT=random."
        )
    generator = np.random.default_rng([seed, 1])
    best, best_cost = np.full(slides.shape, NO_SUBSET, dtype=np.uint8), np.inf
    target = np.asarray(shares, dtype=np.float64)
    for _ in range(min(RANDOM_ASSIGNMENTS, max(1, MAX_ASSIGNED_BLOCKS // slides.size))):
        subsets = np.full(slides.shape, NO_SUBSET, dtype=np.uint8)
        _assign_randomly(with_slides, slides, target, generator, subsets)
        _assign_randomly(without, cells, target, generator, subsets)
        used, cost = subsets != NO_SUBSET, 0.0
        for values in (slides, cells):
            found = np.bincount(subsets[used], weights=values[used], minlength=len(target)) / values.sum()
            cost += float(((found - target) ** 2 / target).sum())
            cost += 1000.0 * float((found == 0).sum())
        if cost < best_cost:
            best, best_cost = subsets, cost
    return _fill_empty(best, slides, len(target)).reshape(landslide.shape)


def _assign_randomly(
    blocks: np.ndarray, weight: np.ndarray, shares: np.ndarray, generator: np.random.Generator, subsets: np.ndarray
) -> None:
    """Shuffle blocks and cut the order where the cumulative weight reaches each share."""
    if not len(blocks):
        return
    order = generator.permutation(blocks)
    weights = weight[order]
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    subsets[order] = np.minimum(np.searchsorted(np.cumsum(shares), middle, side="right"), len(shares) - 1)


def _fill_empty(subsets: np.ndarray, slides: np.ndarray, count: int) -> np.ndarray:
    """Give a subset without landslides the smallest landslide block of the subset that has the most of them."""
    for subset in range(count):
        if not ((subsets == subset) & (slides > 0)).any():
            blocks = [np.flatnonzero((subsets == other) & (slides > 0)) for other in range(count)]
            donor = max(blocks, key=len)
            subsets[donor[np.argmin(slides[donor])]] = subset
    return subsets


@dataclass(frozen=True)
class Folds(DividedLand):
    """Blocks for cross validation, each in one fold, which stands for the subset, with labels or without."""

    landslide: np.ndarray  # landslide cells of each block
    labelled: np.ndarray  # labelled cells of each block
    count: int
    ownership: Ownership | None = None  # ``None`` shares landslides among the folds: for folds of random patches
    buffer: float | None = None  # metres around the fold that is held out; see :meth:`BlockSplit.kept_apart`
    group: tuple[int, int] = (1, 1)  # blocks down and across that train or validate together, where folds are regions
    hidden: SparseCells | None = None
    """Landslide cells that are held out in place of land: of later landslides. Then there is one fold, of all land."""

    @property
    def strangers(self) -> SparseCells | None:
        """Landslide cells in the land of another fold than their landslide, which the model of this land has seen."""
        return None if self.ownership is None else self.ownership.strangers(self.subsets)

    def split_excluding(self, fold: int, seed: int, validate: bool = True) -> BlockSplit:
        """Return the split of the run that holds out a fold: the fold is for test, the rest to train and validate, or
        all of it to train. Raises ``TooFewData`` if landslides outside the fold lie in fewer than two blocks and some
        of it is to validate.
        """
        held_out = self.subsets == fold
        if self.hidden is not None:
            held_out = np.zeros_like(held_out)
        landslide, labelled = (self.grouped(np.where(held_out, 0, one)) for one in (self.landslide, self.labelled))
        groups = np.where(labelled > 0, np.uint8(TRAIN), np.uint8(NO_SUBSET))
        if validate:
            groups = assign_blocks(landslide, labelled, (1 - VALIDATION_SHARE, VALIDATION_SHARE), seed)
        subsets = groups.repeat(self.group[0], axis=0).repeat(self.group[1], axis=1)
        subsets = subsets[: held_out.shape[0], : held_out.shape[1]].copy()
        subsets[held_out & (self.labelled > 0)] = TEST
        split = BlockSplit(self.blocks, subsets, group=self.group)
        if self.ownership is not None:
            split = split.kept_apart(self.ownership, self.buffer)
        if self.hidden is not None:
            unused = self.hidden.flat if split.strangers is None else np.union1d(self.hidden.flat, split.strangers.flat)
            split = dataclasses.replace(split, strangers=SparseCells(unused, self.hidden.width))
        return split

    def grouped(self, counts: np.ndarray) -> np.ndarray:
        """Return the sums over groups of blocks."""
        (down, across), (rows, columns) = self.group, counts.shape
        padded = np.pad(counts, ((0, -rows % down), (0, -columns % across)))
        shape = padded.shape[0] // down, down, padded.shape[1] // across, across
        return padded.reshape(shape).sum(axis=(1, 3))


def make_folds(blocks: Blocks, landslide: np.ndarray, labelled: np.ndarray, count: int, seed: int) -> Folds:
    """Divide blocks into folds with about the same number of landslide cells and of labelled cells. Raises
    ``TooFewData`` if fewer blocks hold landslides than there are folds, or outside a fold fewer than the two to train
    and to validate on.
    """
    with_landslides = int((landslide > 0).sum())
    table = None if with_landslides < count else assign_blocks(landslide, labelled, [1 / count] * count, seed)
    held_out = 0 if table is None else np.bincount(table[landslide > 0], minlength=count).max()
    if table is None or with_landslides - held_out < 2:
        less = "" if with_landslides < 3 else f"FOLDS={min(max(count - 1, 3), with_landslides)} would do. "
        blocks_held = "1 block" if with_landslides == 1 else f"{with_landslides} blocks"
        raise TooFewData(
            f"Landslides lie in {blocks_held} only, too few for {count} folds with a block to train and one "
            f"to validate on outside each. {less}Make BLOCK smaller, or use more landslides."
        )
    # No model sees a block without labels, so any of them may predict it.
    empty = np.flatnonzero(table.ravel() == NO_SUBSET)
    table.ravel()[empty] = np.arange(len(empty)) % count
    return Folds(blocks, table, landslide, labelled, count)


MAX_CELLS_PER_BLOCK = 20_000  # landslide cells kept per working block for placing windows: enough to find them all


@dataclass(frozen=True)
class TrainingRasters:
    """The open rasters of a training run, all on one grid."""

    stack: Stack
    labels: rasterio.DatasetReader
    safety: rasterio.DatasetReader | None = None
    scanned: dict[int, LabelledLand] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """What :func:`scan_labels` read, by seed, so that stack and labels are scanned once."""

    @property
    def grid(self) -> Grid:
        """Of all rasters."""
        return self.stack.grid

    @property
    def factors(self) -> list[Any]:
        """Of the stack."""
        return self.stack.factors


@contextlib.contextmanager
def open_training_rasters(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    safety: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> Iterator[TrainingRasters]:
    """Open stack, labels and, if given, safety factor; warn of bands and of undeclared nodata values. Raises
    ``GridMismatch`` if labels or safety factor lie on another grid; ``ScarpError`` if an input cannot be read; see
    ``open_stack`` and ``open_raster``.
    """
    progress = NullProgress() if progress is None else progress
    with contextlib.ExitStack() as opened:
        factors = opened.enter_context(open_stack(stack))
        rasters = []
        for path, role, quantity in ((labels, "label", ""), (safety, "safety factor", "safety factor")):
            if path is None:
                continue
            raster = opened.enter_context(open_band(path, role, progress, quantity))
            factors.grid.require_same(Grid.from_dataset(raster, role), "factor stack", f"{role} raster")
            if quantity:
                # Labels have checks of their own.
                take_out_undeclared_nodata(raster, factors.grid, role, progress, limits=(0.0, np.inf))
            rasters.append(raster)
        yield TrainingRasters(factors, *rasters)


@dataclass
class LabelScan:
    """Counts of labelled cells, and the landslide cells."""

    grid: Grid
    landslide: np.ndarray  # landslide cells per block of the split
    labelled: np.ndarray  # labelled cells per block of the split
    fine_blocks: Blocks
    fine_labelled: np.ndarray  # labelled cells per fine block, for placing windows
    cells: np.ndarray  # row and column of landslide cells (a sample if they are very many), int64 (cells, 2)


def read_labels(dataset: rasterio.DatasetReader, block: Block) -> np.ndarray:
    """Return labels as uint8 (height, width): 1 landslide, 0 stable, 255 unknown or outside. Raises ``InputCorrupt`` if
    the raster holds other values.
    """
    values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
    known = np.isfinite(values) & (values != UNKNOWN)
    wrong = values[known & (values != STABLE) & (values != LANDSLIDE)]
    if wrong.size:
        found = ValueSurvey.of(dataset, NullProgress())
        raise InputCorrupt(
            f"The label raster {raster_path(dataset)} holds {found.text()}. Labels are 1 (landslide), 0 (stable) and "
            f"255 (unknown). {_label_advice(found)}"
        )
    return np.where(known, np.where(values == LANDSLIDE, LANDSLIDE, STABLE), UNKNOWN).astype(np.uint8)


def _label_advice(found: ValueSurvey) -> str:
    values = [value for value in found.values if value != UNKNOWN]
    make = 'or make labels with "Build landslide labels"'
    if not values or not found.whole:
        return f"Shares or probabilities are no labels. Reclassify them to 0 and 1, {make}."
    reclassify = "Reclassify them (Raster analysis > Reclassify by table)"
    if len(values) == 2 and STABLE in values:
        return f"{reclassify}: {max(values, key=abs):g} to 1 if it marks landslides, {make}."
    if len(values) == 2:
        return f"{reclassify}: the value of landslides to 1, that of stable land to 0, {make}."
    return f"{reclassify} to these three, {make}."


def missing_label(dataset: rasterio.DatasetReader, label: int) -> str:
    """Return why no cell of a label raster is landslide, or stable, as far as the raster tells; may be empty."""
    found = ValueSurvey.of(dataset, NullProgress())
    what, other = ("landslide", STABLE) if label == LANDSLIDE else ("stable", LANDSLIDE)
    if found.nodata == label:
        return (
            f"{found.without_data()}. Declare 255 as nodata in its place if {label} means {what}: Raster > Conversion "
            "> Translate, assign a specified nodata value."
        )
    unknown = (found.counts or {}).get(float(UNKNOWN), 0)
    if label == LANDSLIDE and unknown:
        share = percent(unknown, found.cells)
        return f"{unknown:,} cells ({share}) are 255, which means unknown. Reclassify it to 1 if 255 marks landslides."
    if found.counts == {float(other): found.known} and found.known < found.cells:
        lost = found.without_data() or f"{found.cells - found.known:,} of {found.cells:,} cells have no data"
        return f"{lost}. Fill them with {label} (Fill NoData cells) if they are {what}."
    return ""


def scan_labels(
    rasters: TrainingRasters, blocks: Blocks, fine_blocks: Blocks, seed: int, progress: Progress
) -> LabelScan:
    """Scan stack and labels, once as long as they are open, and count by the blocks of the split and by blocks finer
    than a window. Raises ``TooFewData`` if there are no landslide cells, or no stable ones, with data in every factor.
    """
    land = scan_land(rasters, seed, progress)
    landslide, labelled = land.count(blocks)
    fine = labelled if fine_blocks == blocks else land.count(fine_blocks)[1]
    return LabelScan(rasters.grid, landslide, labelled, fine_blocks, fine, land.cells)


def scan_land(rasters: TrainingRasters, seed: int, progress: Progress) -> LabelledLand:
    """Return what :func:`scan_labels` counts; raises as it."""
    if seed not in rasters.scanned:
        rasters.scanned[seed] = _scan(rasters, seed, progress)
    return rasters.scanned[seed]


def _scan(rasters: TrainingRasters, seed: int, progress: Progress) -> LabelledLand:
    grid, labels = rasters.grid, rasters.labels
    generator = np.random.default_rng([seed, 2])
    cells = [np.empty((0, 2), dtype=np.int64)]
    result = LabelledLand(cells[0])
    lost = np.zeros((2, len(rasters.factors) + 1), dtype=np.int64)
    rasters.stack.report_names(progress)
    for block in grid.blocks_with_progress(progress):
        values = read_labels(labels, block)
        if (values != UNKNOWN).any():
            has_data = np.isfinite(rasters.stack.read(block))
            valid, slide = has_data.all(axis=0), values == LANDSLIDE
            for row, mine in enumerate((slide, values == STABLE)):
                lost[row] += [int((mine & ~valid).sum()), *(mine & ~has_data).sum(axis=(1, 2))]
            slide, known = slide & valid, (values != UNKNOWN) & valid
            result.add(block, slide, known)
            found = np.argwhere(slide) + np.array([block.row, block.column])
            if len(found) > MAX_CELLS_PER_BLOCK:
                found = found[np.sort(generator.choice(len(found), MAX_CELLS_PER_BLOCK, replace=False))]
            cells.append(found)
    result.cells = np.concatenate(cells)
    _check(result, lost, rasters, progress)
    return result


def _check(result: LabelledLand, lost: np.ndarray, rasters: TrainingRasters, progress: Progress) -> None:
    """Check that there are cells to learn from; ``lost`` counts landslide and stable cells, shape (2, 1 + factors),
    without data in any factor and in each.
    """
    counts = (("landslide", LANDSLIDE, result.landslide), ("stable", STABLE, result.labelled - result.landslide))
    for row, (kind, label, cells) in enumerate(counts):
        if cells:
            continue
        what = f"The label raster {raster_path(rasters.labels)} gives no {kind} cell to learn from"
        if lost[row, 0]:
            raise TooFewData(
                f"{what}: its {lost[row, 0]:,} {kind} cells all lie where {_lacking(lost[row, 1:], rasters)}. Check "
                "the extent of these layers, or build the stack without them."
            )
        remedy = "Use smaller label radii, or a larger area." if row else "Check the landslides."
        raise TooFewData(f"{what}: {missing_label(rasters.labels, label) or f'it has none. {remedy}'}")
    if lost[0, 0]:
        where = _lacking(lost[0, 1:], rasters)
        progress.warn(f"{lost[0, 0]:,} landslide cells are not used: there {where}.")


def _lacking(lost: np.ndarray, rasters: TrainingRasters) -> str:
    """Return which factors have no data, worst first, with the cells that each lacks; of a mixture the two worst."""
    names = [factor.name for factor in rasters.factors]
    order = [int(index) for index in np.argsort(-lost, kind="stable") if lost[index]]
    # In a stack of Scarp's own every factor lacks the cells that any lacks.
    if len(order) > 1 and len(set(lost[order].tolist())) == 1:
        alike = join_names([names[index] for index in order])
        return f"{'every factor has' if len(order) == len(names) else f'{alike} have'} no data"
    parts = [f"{names[index]} has no data ({lost[index]:,} cells)" for index in order[:2]]
    more = f" and {len(order) - 2} more factors lack some" if len(order) > 2 else ""
    return f"{' and '.join(parts)}{more}"
