"""Reading windows into memory, cut to their subset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import TILE, read_window
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..progress import Progress, stop_if_cancelled
from .scan import read_labels
from .split import NO_SUBSET, SHARES, SUBSETS, BlockSplit

MIN_LABELLED_SHARE = 0.25
"""Windows of which less than this share is labelled in their subset are dropped."""
TRAIN, VALIDATION, TEST = range(3)


@dataclass
class WindowSet:
    """Windows with what a network needs of them, padded to a size that it can halve.

    The padding holds the real surroundings where there are any, and its labels are unknown.
    """

    origins: np.ndarray
    """Grid row and column of the first cell, padding not counted, int64 (windows, 2)."""
    side: int
    """Cells, padding not counted."""
    margin: int
    """Cells of padding before the first cell; behind the last there may be one more."""
    factors: np.ndarray
    """float32 (windows, factors, padded, padded), physical values and codes, NaN where there is no data."""
    labels: np.ndarray
    """uint8 (windows, padded, padded): 255 in the padding, without data, and in cells of other subsets."""
    safety: np.ndarray | None
    """float32 (windows, padded, padded): NaN where unknown, and wherever a window may not learn."""
    subsets: np.ndarray
    """Index into ``SUBSETS``, uint8 (windows,)."""

    def __len__(self) -> int:
        return len(self.origins)

    def of(self, subset: int) -> np.ndarray:
        """Return the numbers of the windows of one subset."""
        return np.flatnonzero(self.subsets == subset)

    def landslide_shares(self) -> np.ndarray:
        """Return landslide cells ÷ labelled cells of each window, float64."""
        slides = (self.labels == LANDSLIDE).sum(axis=(1, 2))
        return slides / np.maximum((self.labels != UNKNOWN).sum(axis=(1, 2)), 1)

    def training_cells(self, subset: int = TRAIN, per_batch: int = 64) -> Any:
        """Walk the labelled cells of a subset in batches of shape (factors, cells)."""
        numbers = self.of(subset)
        for start in range(0, len(numbers), per_batch):
            part = numbers[start : start + per_batch]
            yield np.moveaxis(self.factors[part], 1, 0)[:, self.labels[part] != UNKNOWN]

    def features(self, grid: Grid, seed: int) -> list[WindowFeature]:
        """Return the windows as plain polygons in map coordinates."""
        result = []
        for origin, subset, share in zip(self.origins, self.subsets, self.landslide_shares()):
            transform = grid.transform
            left, top = transform.c + transform.a * float(origin[1]), transform.f + transform.e * float(origin[0])
            right, bottom = left + transform.a * self.side, top + transform.e * self.side
            result.append(
                WindowFeature(
                    left,
                    bottom,
                    right,
                    top,
                    SUBSETS[subset],
                    "landslide" if share > 0 else "stable",
                    float(share),
                    seed,
                )
            )
        return result


@dataclass(frozen=True)
class WindowFeature:
    """One window for the layer of windows; bounds in map units."""

    left: float
    bottom: float
    right: float
    top: float
    subset: str
    """``train``, ``validation`` or ``test``."""
    kind: str
    """``landslide`` when it holds a landslide cell, else ``stable``."""
    landslide_share: float
    """Landslide cells ÷ labelled cells of its subset in it."""
    seed: int


def padded_side(side: int, align: int, least: int = 2) -> int:
    """Return the least multiple of ``align`` that holds a window, and at least ``least`` cells at the coarsest level.

    Batch norm on a single cell would have nothing to average, so networks that halve their resolution need two; those
    that answer for a patch as a whole need one patch.
    """
    return max(-(-side // align), least) * align


def read_windows(
    stack: Any,
    labels: rasterio.DatasetReader,
    safety: rasterio.DatasetReader | None,
    origins: np.ndarray,
    side: int,
    align: int,
    split: BlockSplit | None,
    seed: int | None,
    progress: Progress,
    least: int = 2,
) -> WindowSet:
    """Read windows, give each to a subset and hide the cells of other subsets.

    Args:
        stack: an open stack.
        labels: an open label raster on the stack's grid.
        safety: an open safety-factor raster on the stack's grid, or none.
        sites: first row and column of each window.
        side: cells of a window.
        align: what padded sizes must be a multiple of.
        split: spatial blocks; ``None`` for a random split of the windows, as published.
        seed: of the random split; ``None`` leaves all windows in the first subset, to be cut up later.
        progress: 0 to 1 over the reading.
        least: fewest multiples of ``align`` along a side.

    Raises:
        TooFewData: a subset is left without landslide cells or without stable ones.
    """
    padded = padded_side(side, align, least)
    margin = (padded - side) // 2
    # In the order of the raster's tiles, each is read once or twice and not for every window.
    origins = origins[np.lexsort((origins[:, 1], origins[:, 0] // TILE))]
    factors = np.empty((len(origins), len(stack.factors), padded, padded), dtype=np.float32)
    label_values = np.empty((len(origins), padded, padded), dtype=np.uint8)
    known = np.empty((len(origins), padded, padded), dtype=np.float32) if safety is not None else None
    subsets, kept = np.zeros(len(origins), dtype=np.uint8), 0
    inner = np.zeros((padded, padded), dtype=bool)
    inner[margin : margin + side, margin : margin + side] = True
    chosen = []
    for index, (row, column) in enumerate(origins.tolist()):
        stop_if_cancelled(progress)
        block = Block(row - margin, column - margin, padded, padded)
        window_labels = read_labels(labels, block)
        window_labels[~inner] = UNKNOWN
        values = stack.read(block)
        window_labels[~np.isfinite(values).all(axis=0)] = UNKNOWN
        mine = inner
        if split is not None:
            cell_groups = split.cell_groups(block.row, block.column, padded, padded)
            counts = np.bincount(
                cell_groups[(window_labels != UNKNOWN) & (cell_groups != NO_SUBSET)], minlength=len(SUBSETS)
            )
            subsets[kept] = int(counts.argmax())
            mine = cell_groups == subsets[kept]
            window_labels[~mine] = UNKNOWN
        if (window_labels != UNKNOWN).sum() >= MIN_LABELLED_SHARE * side * side:
            factors[kept], label_values[kept] = values, window_labels
            if known is not None:
                fs = read_window(safety, block.row, block.column, padded, padded, bands=[1])[0]
                known[kept] = np.where(inner & mine & np.isfinite(values).all(axis=0), fs, np.nan)
            chosen.append(index)
            kept += 1
        if index % 16 == 0:
            progress.report(index / len(origins))
    if split is None and seed is not None:
        subsets[:kept] = _random_subsets((label_values[:kept] == LANDSLIDE).any(axis=(1, 2)), seed)
    result = WindowSet(
        origins[chosen],
        side,
        margin,
        factors[:kept],
        label_values[:kept],
        None if known is None else known[:kept],
        subsets[:kept],
    )
    if split is not None or seed is not None:
        _check(result)
    return result


def _random_subsets(landslide: np.ndarray, seed: int) -> np.ndarray:
    """Share out windows with and without landslides, each 60/20/20."""
    generator = np.random.default_rng([seed, 4])
    subsets = np.empty(len(landslide), dtype=np.uint8)
    for kind in (True, False):
        order = generator.permutation(np.flatnonzero(landslide == kind))
        places = (np.arange(len(order)) + 0.5) / max(len(order), 1)
        subsets[order] = np.minimum(np.searchsorted(np.cumsum(SHARES), places, side="right"), len(SHARES) - 1)
    return subsets


def _check(windows: WindowSet) -> None:
    for number, name in enumerate(SUBSETS):
        labels = windows.labels[windows.of(number)]
        for value, what in ((LANDSLIDE, "landslide"), (STABLE, "stable")):
            if not (labels == value).any():
                raise TooFewData(
                    f"The {name} windows hold no {what} cell ({len(labels)} of {len(windows)} windows are "
                    f"for {name}). Use more landslides or a larger area, a smaller WINDOW, a smaller "
                    "BLOCK, another SEED, or SPLIT=random."
                )
