"""Reading windows into memory, each with the labels of its subset only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import TILE, read_window
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from .split import NO_SUBSET, SHARES, SUBSETS, TRAIN, VALIDATION, BlockSplit, TrainingRasters, read_labels

MIN_LABELLED_SHARE = 0.25  # windows with a smaller labelled share in their subset are dropped
MIN_FOLD_LABELLED_SHARE = 0.1  # the same in cross validation, where a window may serve two subsets
TWO_CLASSES = ((LANDSLIDE, "landslide"), (STABLE, "stable"))


@dataclass(frozen=True)
class WindowPlan:
    """How windows are cut and split."""

    window: float  # side in metres
    block: float  # side in metres of the blocks of the spatial split
    spatial: bool = True
    """Split by blocks; else windows are split at random, and neighbours overlap."""
    align: int = 1  # number of cells of which padded sides must be a multiple
    min_multiple: int = 2
    """Smallest such multiple. Batch norm needs two cells at the coarsest level of a network that halves its
    resolution; 1 is for networks that predict a patch of ``align`` cells as a whole."""
    seed: int = 1

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
    margin: int
    """Cells of padding before the first cell; there may be one more after the last."""
    factors: np.ndarray  # float32 (windows, factors, padded, padded), physical values and codes, NaN without data
    labels: np.ndarray
    """uint8 (windows, padded, padded): 255 in the padding, without data, and in cells of other subsets."""
    safety: np.ndarray | None  # float32 (windows, padded, padded): NaN where unknown or not of the subset
    subsets: np.ndarray  # index into ``SUBSETS``, uint8 (windows,)

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

    @classmethod
    def of(cls, bounds: tuple[float, float, float, float], subset: str, share: float, seed: int) -> WindowFeature:
        """Return the feature of a window."""
        return cls(*bounds, subset, "landslide" if share > 0 else "stable", share, seed)


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
        progress: receives progress.
        assign_subsets: without, all windows are in the first subset, for :func:`split_windows`.

    Raises:
        TooFewData: a subset is left without landslide cells or without stable ones.
    """
    padded = plan.padded_side(side)
    margin = (padded - side) // 2
    # In the order of the raster's tiles, each tile is read once or twice and not for every window.
    origins = origins[np.lexsort((origins[:, 1], origins[:, 0] // TILE))]
    factors = np.empty((len(origins), len(rasters.factors), padded, padded), dtype=np.float32)
    label_values = np.empty((len(origins), padded, padded), dtype=np.uint8)
    safety = None if rasters.safety is None else np.empty((len(origins), padded, padded), dtype=np.float32)
    subsets = np.zeros(len(origins), dtype=np.uint8)
    kept: list[int] = []
    inner = np.zeros((padded, padded), dtype=bool)
    inner[margin : margin + side, margin : margin + side] = True
    for index, (row, column) in enumerate(origins.tolist()):
        stop_if_cancelled(progress)
        block = Block(row - margin, column - margin, padded, padded)
        labels, values = read_labels(rasters.labels, block), rasters.stack.read(block)
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
            if safety is not None and rasters.safety is not None:
                fs = read_window(rasters.safety, block.row, block.column, padded, padded, bands=[1])[0]
                safety[place] = np.where(inner & mine & valid, fs, np.nan)
            kept.append(index)
        if index % 16 == 0:
            progress.report(index / len(origins))
    count = len(kept)
    if split is None and assign_subsets:
        subsets[:count] = _random_subsets((label_values[:count] == LANDSLIDE).any(axis=(1, 2)), plan.seed)
    known_safety = None if safety is None else safety[:count]
    data = factors[:count], label_values[:count], known_safety, subsets[:count]
    result = WindowSet(origins[kept], side, margin, *data)
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
                    "Use more landslides or a larger area, a smaller WINDOW, a smaller BLOCK, another SEED, or "
                    "SPLIT=random."
                )


def split_windows(windows: WindowSet, split: BlockSplit) -> WindowSet:
    """Return the windows once for training and once for validation, each with the labels of its subset only.

    A window on the border between the two serves both with the cells that lie in them: labels are never shared, and
    the factors around a cell are what the network sees there in prediction as well.

    Args:
        windows: with all their labels.
        split: the subset of each cell.

    Raises:
        TooFewData: no landslide cell, or no stable one, is left to train or to validate on.
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
                    "landslides, a smaller BLOCK, a smaller WINDOW, another SEED, or other FOLDS."
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
