"""Two rasters cell by cell."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import rasterio

from ..grid import Grid
from ..inputs.rasters import open_raster, read_window
from ..progress import Progress, stop_if_cancelled
from .difference import Difference


@dataclass
class _Band:
    cells: int = 0
    """Cells that differ in value."""
    largest: float = 0.0
    """Largest difference of two values."""
    one_sided: int = 0
    """Cells with data in one of the two only."""

    @property
    def same(self) -> bool:
        return not self.cells and not self.one_sided


def compare_rasters(then: str | os.PathLike, now: str | os.PathLike, progress: Progress) -> Difference:
    """Return where two rasters differ, by windows, whatever their storage.

    Args:
        then: the earlier one.
        now: the later one.
        progress: asked whether to stop.

    Raises:
        InputMissing, InputCorrupt: one of them cannot be read.
    """
    with open_raster(then, "earlier") as first, open_raster(now, "repeated") as second:
        if first.count != second.count:
            return Difference(False, f"{first.count} bands then, {second.count} now")
        grid, other = Grid.of(first, "earlier"), Grid.of(second, "repeated")
        if first.shape != second.shape or not first.transform.almost_equals(second.transform) \
                or first.crs != second.crs:
            return Difference(False, f"another grid: {_shape(grid)} then, {_shape(other)} now")
        bands = [_Band() for _ in first.indexes]
        total = grid.block_count()
        for done, block in enumerate(grid.blocks(), 1):
            stop_if_cancelled(progress)
            place = block.row, block.column, block.height, block.width
            for band, before, after in zip(bands, read_window(first, *place), read_window(second, *place)):
                _add(band, before, after)
            progress.report(done / total)
        if all(band.same for band in bands):
            return Difference(True, "the same in every cell" + _described(first, second))
        return Difference(False, "; ".join(
            _in_words(number, band, first) for number, band in enumerate(bands, 1) if not band.same))


def _add(band: _Band, before: np.ndarray, after: np.ndarray) -> None:
    data, again = ~np.isnan(before), ~np.isnan(after)
    band.one_sided += int(np.count_nonzero(data != again))
    both = data & again
    first, second = before[both].astype(np.float64), after[both].astype(np.float64)
    # Equal infinities differ by nothing, though their difference is no number.
    differ = first != second
    band.cells += int(np.count_nonzero(differ))
    if differ.any():
        band.largest = max(band.largest, float(np.abs(first[differ] - second[differ]).max()))


def _in_words(number: int, band: _Band, dataset: rasterio.DatasetReader) -> str:
    name = dataset.descriptions[number - 1] or f"band {number}"
    parts = []
    if band.cells:
        parts.append(f"{band.cells:,} cells differ, by {band.largest:.3g} at most")
    if band.one_sided:
        parts.append(f"{band.one_sided:,} cells have data in one of the two only")
    return f"{name}: {', '.join(parts)}"


def _described(first: rasterio.DatasetReader, second: rasterio.DatasetReader) -> str:
    before, after = first.tags(), second.tags()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return f"; other metadata: {', '.join(changed)}" if changed else "; stored in another way"


def _shape(grid: Grid) -> str:
    left, _, _, top = grid.bounds
    return f"{grid.width:,} × {grid.height:,} cells from {left:.10g}, {top:.10g}"
