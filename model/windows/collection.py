"""Training windows: placed over stack and labels, read into memory, and each with the labels of its subset only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterInvalid, TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import TILE, read_window
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..stack import UndeclaredNodataCheck
from .cells import MAX_CELLS, CellSet, sample_cells
from .mapped import RingCells
from .ownership import find_ownership, report_unused
from .split import (
    NO_SUBSET,
    SHARES,
    SUBSETS,
    TRAIN,
    VALIDATION,
    Blocks,
    BlockSplit,
    LabelScan,
    TrainingRasters,
    assign_blocks,
    read_labels,
    scan_labels,
)

MIN_LABELLED_SHARE = 0.25  # windows with a smaller labelled share in their subset are dropped
MIN_FOLD_LABELLED_SHARE = 0.1  # the same in cross validation, where a window may serve two subsets
TWO_CLASSES = ((LANDSLIDE, "landslide"), (STABLE, "stable"))


@dataclass(frozen=True)
class WindowPlan:
    """How windows are cut and split."""

    window: float | None  # side in metres; ``None`` for single cells
    block: float | None  # side in metres of the blocks of the spatial split; ``None`` without one
    spatial: bool = True  # split by blocks; else windows are split at random, and neighbours overlap
    align: int = 1  # number of cells of which padded sides must be a multiple
    min_multiple: int = 2
    """Smallest such multiple. Batch norm needs two cells at the coarsest level of a network that halves its
    resolution; 1 is for networks that predict a patch of ``align`` cells as a whole."""
    seed: int = 1
    buffer: float | None = None  # metres around the land for test that no subset uses; ``None`` for the automatic one

    def padded_side(self, side: int) -> int:
        """Return the side in cells of a padded window."""
        return max(-(-side // self.align), self.min_multiple) * self.align


@dataclass
class WindowSet:
    """Windows with their data, padded to a size that the network can halve.

    The padding holds the real surroundings where there are any, without labels.
    """

    origins: np.ndarray  # grid row and column of the first cell, without padding, int64 (windows, 2)
    side: int  # cells, without padding
    margin: int  # cells of padding before the first cell; there may be one more after the last
    factors: np.ndarray  # float32 (windows, factors, padded, padded), physical values and codes, NaN without data
    labels: np.ndarray
    """uint8 (windows, padded, padded): 255 in the padding, without data, and in cells of other subsets."""
    safety: np.ndarray | None  # float32 (windows, padded, padded): NaN where unknown or not of the subset
    subsets: np.ndarray  # index into ``SUBSETS``, uint8 (windows,)
    ring: np.ndarray | None = None
    """Ring cells of the subset, which are mapped but unknown to training, bool as ``labels``."""

    def __len__(self) -> int:
        return len(self.origins)

    def indices_of(self, subset: int) -> np.ndarray:
        """Return the indices of the windows of one subset."""
        return np.flatnonzero(self.subsets == subset)

    def landslide_shares(self) -> np.ndarray:
        """Return landslide cells ÷ labelled cells of each window, float64."""
        slides = (self.labels == LANDSLIDE).sum(axis=(1, 2))
        return slides / np.maximum((self.labels != UNKNOWN).sum(axis=(1, 2)), 1)

    def training_cells(self, subset: int = TRAIN, per_batch: int = 64) -> Iterator[np.ndarray]:
        """Yield the labelled cells of a subset in batches of shape (factors, cells)."""
        indices = self.indices_of(subset)
        for start in range(0, len(indices), per_batch):
            part = indices[start : start + per_batch]
            yield np.moveaxis(self.factors[part], 1, 0)[:, self.labels[part] != UNKNOWN]

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the windows as polygons in map units."""
        result, t = [], grid.transform
        for (row, column), subset, share in zip(self.origins.tolist(), self.subsets, self.landslide_shares()):
            left, top = t.c + t.a * column, t.f + t.e * row
            bounds = left, top + t.e * self.side, left + t.a * self.side, top
            result.append(WindowFeature.of(bounds, SUBSETS[subset], float(share), seed))
        return result


@dataclass(frozen=True)
class WindowFeature:
    """One window for the layer of windows; bounds in map units."""

    left: float
    bottom: float
    right: float
    top: float
    subset: str
    kind: str  # ``landslide`` if it holds a landslide cell, else ``stable``
    landslide_share: float  # landslide cells ÷ labelled cells of its subset in it
    seed: int
    fold: int | None = None  # from 1, where all land trains the model and is tested by folds

    @classmethod
    def of(
        cls, bounds: tuple[float, float, float, float], subset: str, share: float, seed: int, fold: int | None = None
    ) -> WindowFeature:
        """Return the feature of a window."""
        return cls(*bounds, subset, "landslide" if share > 0 else "stable", share, seed, fold)


def read_windows(
    rasters: TrainingRasters,
    origins: np.ndarray,
    side: int,
    plan: WindowPlan,
    split: BlockSplit | None,
    progress: Progress,
    assign_subsets: bool = True,
) -> WindowSet:
    """Read windows, assign each to a subset and hide the cells of other subsets.

    Args:
        rasters: to read from.
        origins: first row and column of each window.
        side: cells of a window.
        plan: padding, and seed of a random split.
        split: spatial blocks; ``None`` for a random split of the windows, as published.
        assign_subsets: without, all windows are in the first subset, for :func:`split_windows`.

    Raises ``TooFewData`` if a subset is left without landslide cells or without stable ones; ``InputCorrupt`` if a
    factor holds undeclared nodata.
    """
    padded = plan.padded_side(side)
    margin = (padded - side) // 2
    # In the order of the raster's tiles, each tile is read once or twice and not for every window.
    origins = origins[np.lexsort((origins[:, 1], origins[:, 0] // TILE))]
    factors = np.empty((len(origins), len(rasters.factors), padded, padded), dtype=np.float32)
    label_values = np.empty((len(origins), padded, padded), dtype=np.uint8)
    safety = None if rasters.safety is None else np.empty((len(origins), padded, padded), dtype=np.float32)
    subsets = np.zeros(len(origins), dtype=np.uint8)
    ring = np.zeros(label_values.shape, dtype=bool) if assign_subsets else None
    rings = RingCells(rasters.labels, rasters.grid)
    kept: list[int] = []
    inner = np.zeros((padded, padded), dtype=bool)
    inner[margin : margin + side, margin : margin + side] = True
    undeclared = UndeclaredNodataCheck(rasters.stack)
    for index, (row, column) in enumerate(origins.tolist()):
        stop_if_cancelled(progress)
        block = Block(row - margin, column - margin, padded, padded)
        labels, values = read_labels(rasters.labels, block), rasters.stack.read(block)
        undeclared.add(values)
        valid = np.isfinite(values).all(axis=0)
        labels[~inner | ~valid] = UNKNOWN
        mine, place = inner, len(kept)
        if split is not None:
            groups = split.cell_groups(block.row, block.column, padded, padded)
            known = (labels != UNKNOWN) & (groups != NO_SUBSET)
            subsets[place] = int(np.bincount(groups[known], minlength=len(SUBSETS)).argmax())
            mine = groups == subsets[place]
            labels[~mine] = UNKNOWN
        if (labels != UNKNOWN).sum() >= MIN_LABELLED_SHARE * side * side:
            factors[place], label_values[place] = values, labels
            if ring is not None:
                ring[place] = rings.read(block) & inner & mine & valid
            if safety is not None and rasters.safety is not None:
                fs = read_window(rasters.safety, block.row, block.column, padded, padded, bands=[1])[0]
                safety[place] = np.where(inner & mine & valid, fs, np.nan)
            kept.append(index)
        if index % 16 == 0:
            progress.report(index / len(origins))
    undeclared.require_none()
    count = len(kept)
    if split is None and assign_subsets:
        subsets[:count] = _random_subsets((label_values[:count] == LANDSLIDE).any(axis=(1, 2)), plan.seed)
    known_safety = None if safety is None else safety[:count]
    data = factors[:count], label_values[:count], known_safety, subsets[:count]
    result = WindowSet(origins[kept], side, margin, *data, None if ring is None else ring[:count])
    if assign_subsets:
        _check(result)
    return result


def _random_subsets(landslide: np.ndarray, seed: int) -> np.ndarray:
    """Assign windows with and without landslides separately, each 60/20/20."""
    generator = np.random.default_rng([seed, 4])
    subsets = np.empty(len(landslide), dtype=np.uint8)
    for kind in (True, False):
        order = generator.permutation(np.flatnonzero(landslide == kind))
        places = (np.arange(len(order)) + 0.5) / max(len(order), 1)
        subsets[order] = np.minimum(np.searchsorted(np.cumsum(SHARES), places, side="right"), len(SHARES) - 1)
    return subsets


def _check(windows: WindowSet) -> None:
    for subset, name in enumerate(SUBSETS):
        labels = windows.labels[windows.indices_of(subset)]
        for value, what in TWO_CLASSES:
            if not (labels == value).any():
                raise TooFewData(
                    f"The {name} windows hold no {what} cell ({len(labels)} of {len(windows)} windows are for {name}). "
                    "Use more landslides or a larger area, a smaller WINDOW, BLOCK or BUFFER, another SEED, or "
                    "SPLIT=random."
                )


def split_windows(windows: WindowSet, split: BlockSplit) -> WindowSet:
    """Return the windows once for training and once for validation, each with the labels of its subset only.

    A window on the border between the two serves both with the cells that lie in them: labels are never shared, and the
    factors around a cell are what the network sees there in prediction as well. Raises ``TooFewData`` if no landslide
    cell, or no stable one, is left to train or to validate on.
    """
    padded = windows.labels.shape[-1]
    first = windows.origins - windows.margin
    groups = np.stack([split.cell_groups(int(row), int(column), padded, padded) for row, column in first])
    known = windows.labels != UNKNOWN
    indices, subsets = [], []
    for subset in (TRAIN, VALIDATION):
        count = (known & (groups == subset)).sum(axis=(1, 2))
        enough = np.flatnonzero(count >= MIN_FOLD_LABELLED_SHARE * windows.side**2)
        labels = windows.labels[enough][groups[enough] == subset]
        for value, what in TWO_CLASSES:
            if not (labels == value).any():
                raise TooFewData(
                    f"A fold leaves no {what} cell to {'train' if subset == TRAIN else 'validate'} on. Use more "
                    "landslides, a smaller BLOCK, BUFFER or WINDOW, another SEED, or other FOLDS."
                )
        indices.append(enough)
        subsets.append(np.full(len(enough), subset, dtype=np.uint8))
    chosen, subset_of = np.concatenate(indices), np.concatenate(subsets)
    mine = groups[chosen] == subset_of[:, None, None]
    return dataclasses.replace(
        windows,
        origins=windows.origins[chosen],
        factors=windows.factors[chosen],
        safety=None if windows.safety is None else np.where(mine, windows.safety[chosen], np.float32(np.nan)),
        labels=np.where(mine, windows.labels[chosen], np.uint8(UNKNOWN)),
        subsets=subset_of,
    )


MAX_WINDOWS = 4000  # about the paper's number (3,991)
TARGET_WINDOWS = 1200
MAX_LATTICES = 4  # a small area is covered up to this many times, each time shifted
JITTER = (0.1, 0.9)  # position in a window, as a share of its side, of the landslide cell for which it was placed
_MIN_EXPECTED_SHARE = 0.15
MIN_SIDE = 4  # cells of the smallest window
MAX_BYTES = 1_500_000_000  # of factor values in memory; with the tensors made of them, training stays under 4 GB


@dataclass
class WindowCollection:
    """Windows, the label scan and the split; ``split`` is ``None`` for a random split."""

    windows: WindowSet
    scan: LabelScan
    split: BlockSplit | None


@dataclass
class CellCollection:
    """The same with single cells instead of windows."""

    cells: CellSet
    scan: LabelScan
    split: BlockSplit | None

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the blocks with their subset and share of landslide cells; none for a random split of the cells."""
        result: list[WindowFeature] = []
        if self.split is None:
            return result
        for row, column in np.argwhere(self.split.subsets != NO_SUBSET).tolist():
            share = float(self.scan.landslide[row, column] / max(self.scan.labelled[row, column], 1))
            bounds, subset = self.split.blocks.bounds(grid, row, column), self.split.subsets[row, column]
            result.append(WindowFeature.of(bounds, SUBSETS[subset], share, seed))
        return result


def place_windows(scan: LabelScan, side: int, max_count: int, seed: int) -> np.ndarray:
    """Place at most ``max_count`` windows of ``side`` cells, jittered by a seed.

    Most windows cover the area evenly: a network that mostly sees slopes near landslides learns the neighbourhood and
    not the region, yet its map is evaluated over the region. Windows at landslides, never centred on them, only make
    sure that each landslide is seen whole and at different positions in a window.

    Returns:
        Row and column of each window's first cell, int64 (windows, 2), sorted, without repetition.
    """
    generator = np.random.default_rng([seed, 3])
    at_landslides = _landslide_windows(scan, side, max(1, max_count // 2), generator)
    even = _lattice_windows(scan, side, generator)
    room = max_count - len(at_landslides)
    if len(even) > room:
        even = even[generator.choice(len(even), room, replace=False)]
    return np.unique(np.concatenate([at_landslides, even]), axis=0)


def _lattice_windows(scan: LabelScan, side: int, generator: np.random.Generator) -> np.ndarray:
    offset = generator.integers(0, side, size=2)
    half = side // 2
    origins = np.empty((0, 2), dtype=np.int64)
    for shift in ((0, 0), (half, half), (0, half), (half, 0))[:MAX_LATTICES]:
        starts = [np.arange(-((offset[axis] + shift[axis]) % side), scan.grid.shape[axis], side) for axis in (0, 1)]
        lattice = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)
        lattice = _inside(lattice, scan, side)
        labelled = lattice[_labelled(lattice, scan, side) >= _MIN_EXPECTED_SHARE * side * side]
        origins = np.concatenate([origins, labelled])
        if len(origins) >= TARGET_WINDOWS:
            break
    return np.unique(origins, axis=0)


def _labelled(origins: np.ndarray, scan: LabelScan, side: int) -> np.ndarray:
    """Estimate the labelled cells of each window from the fine blocks."""
    fine = scan.fine_blocks
    sums = np.zeros((fine.shape[0] + 1, fine.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = scan.fine_labelled.cumsum(axis=0).cumsum(axis=1)

    def edge(cells: np.ndarray, step: int, last: int) -> np.ndarray:
        return np.clip(np.rint(cells / step).astype(np.int64), 0, last)

    top, bottom = (edge(origins[:, 0] + offset, fine.rows, fine.shape[0]) for offset in (0, side))
    left, right = (edge(origins[:, 1] + offset, fine.columns, fine.shape[1]) for offset in (0, side))
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _landslide_windows(scan: LabelScan, side: int, max_count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw uncovered landslide cells and place a window off-centre around each, until all are covered."""
    cells = scan.cells[np.lexsort((scan.cells[:, 1], scan.cells[:, 0]))]
    covered = np.zeros(len(cells), dtype=bool)
    order = generator.permutation(len(cells))
    position = 0
    origins: list[np.ndarray] = []
    while len(origins) < max_count:
        open_ = np.flatnonzero(~covered[order[position : position + 4096]])
        if not len(open_):
            position += 4096
            if position >= len(order):
                break
            continue
        position += int(open_[0])
        place = np.floor(generator.uniform(*JITTER, size=2) * side).astype(np.int64)
        origin = _inside((cells[order[position]] - place)[None], scan, side)[0]
        first, last = np.searchsorted(cells[:, 0], [origin[0], origin[0] + side])
        covered[first:last] |= (cells[first:last, 1] >= origin[1]) & (cells[first:last, 1] < origin[1] + side)
        covered[order[position]] = True
        origins.append(origin)
    return np.array(origins, dtype=np.int64).reshape(-1, 2)


def _inside(origins: np.ndarray, scan: LabelScan, side: int) -> np.ndarray:
    """Shift windows that cross the border of the grid back into it, as far as the grid is large enough."""
    sizes = np.array(scan.grid.shape)
    return np.clip(origins, np.minimum(0, (sizes - side) // 2), np.maximum(sizes - side, 0))


def window_capacity(grid: Grid, factors: int, plan: WindowPlan, copies: int = 1) -> tuple[int, int]:
    """Return the side of a window in cells, and the number of windows that fit into memory, each in some copies. Raises
    ``ParameterInvalid`` if the window is too small, larger than the raster, or too large for the memory.
    """
    window, size = plan.window or 0.0, grid.cell_size()
    smallest, side = plan.align if plan.min_multiple == 1 else MIN_SIDE, round(window / size)
    if side < smallest:
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cell{'' if side == 1 else 's'} of {size:.4g} m. Make it at least "
            f"{math.ceil(smallest * size)} m."
        )
    if side > max(grid.shape):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, but the factor stack is only {max(grid.shape) * size:.0f} m across. Make WINDOW "
            "smaller."
        )
    max_count = min(MAX_WINDOWS, MAX_BYTES // (4 * copies * factors * plan.padded_side(side) ** 2))
    if max_count < len(SUBSETS):
        raise ParameterInvalid(
            f"WINDOW is {window:g} m, which is {side} cells; windows of this size with {factors} factors do not fit "
            "into memory. Make WINDOW smaller."
        )
    return side, int(max_count)


def fine_blocks(grid: Grid, side: int) -> Blocks:
    """Return blocks of a quarter of a window's side, for placing windows."""
    step = max(1, side // 4)
    return Blocks.of_cells(grid, step, step)


def collect_windows(rasters: TrainingRasters, plan: WindowPlan, progress: Progress) -> WindowCollection:
    """Scan the labels, split the area, place windows and read them.

    Raises:
        ParameterInvalid: window or block do not fit the raster or each other.
        InputCorrupt: labels are not 0, 1 or 255.
        TooFewData: too few landslides for three subsets.
    """
    side, max_count = window_capacity(rasters.grid, len(rasters.factors), plan)
    block, window = plan.block or 0.0, plan.window or 0.0
    if plan.spatial and block < window:
        raise ParameterInvalid(
            f"BLOCK is {block:g} m, smaller than WINDOW ({window:g} m), so no window would fit into a block. Make "
            f"BLOCK at least twice WINDOW, {2 * window:g} m."
        )
    fine = fine_blocks(rasters.grid, side)
    scan, split = _scan_and_split(rasters, plan, fine, SubProgress(progress, 0.0, 0.4))
    origins = place_windows(scan, side, max_count, plan.seed)
    windows = read_windows(rasters, origins, side, plan, split, SubProgress(progress, 0.4, 1.0))
    return WindowCollection(windows, scan, split)


def collect_cells(
    rasters: TrainingRasters, plan: WindowPlan, progress: Progress, max_cells: int = MAX_CELLS
) -> CellCollection:
    """Scan the labels, split the area into the same blocks as :func:`collect_windows`, and sample cells. Raises
    ``InputCorrupt`` if labels are not 0, 1 or 255; ``TooFewData`` if there are too few landslides for three subsets.
    """
    scan, split = _scan_and_split(rasters, plan, None, SubProgress(progress, 0.0, 0.5))
    cells = sample_cells(rasters, split, max_cells, plan.seed, SubProgress(progress, 0.5, 1.0), with_ring=True)
    return CellCollection(cells, scan, split)


def _scan_and_split(
    rasters: TrainingRasters, plan: WindowPlan, fine: Blocks | None, progress: Progress
) -> tuple[LabelScan, BlockSplit | None]:
    blocks = Blocks.of_cells(rasters.grid, *rasters.grid.shape)
    if plan.spatial and plan.block is not None:
        blocks = Blocks.for_grid(rasters.grid, plan.block)
    scan = scan_labels(rasters, blocks, fine or blocks, plan.seed, SubProgress(progress, 0.0, 0.6))
    if not plan.spatial:
        return scan, None
    split = BlockSplit(blocks, assign_blocks(scan.landslide, scan.labelled, SHARES, plan.seed))
    ownership = find_ownership(rasters.labels, rasters.grid, blocks, SubProgress(progress, 0.6, 0.8))
    split = split.kept_apart(ownership, plan.buffer)
    report_unused(rasters.labels, rasters.grid, split, SubProgress(progress, 0.8, 1.0))
    return scan, split
