"""Maps of any cell size, extent and CRS, read window by window on one grid: the nearest cell of each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import GDAL_ERRORS, open_raster, read_window, region_name
from ..progress import Progress, stop_if_cancelled

NODATA_SENTINELS = np.array([-9999, -99999, -32768, np.finfo(np.float32).min], dtype=np.float32)
"""Values that rasters use for no data without declaring it; no susceptibility has such a value."""


class Source:
    """One of the rasters, on its own grid: a map, or a piece of one."""

    def __init__(self, dataset: rasterio.DatasetReader, name: str) -> None:
        """Keep an open raster; ``name`` is that of the map.

        Raises:
            CrsMissing, GridUnsupported: as ``Grid.from_dataset``.
        """
        self.dataset, self.name = dataset, name
        self.grid = Grid.from_dataset(dataset, f'susceptibility ("{name}")')
        self.label = region_name(dataset) or Path(dataset.name).stem
        """Name of the piece: the region that the raster states, else its file's name."""
        self.nodata_undeclared = dataset.nodata is None
        self.has_sentinel_values = False
        """Whether cells with one of ``NODATA_SENTINELS`` were read."""

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground."""
        return self.grid.cell_size() / self.grid.scale_factor()

    @property
    def is_integer(self) -> bool:
        """Whether the raster holds whole numbers, such as classes, which must not be averaged for a picture."""
        return np.issubdtype(np.dtype(self.dataset.dtypes[0]), np.integer)

    def mask_nodata(self, cells: np.ndarray) -> np.ndarray:
        """Return values (float32) scaled as the raster declares, with NaN for no data; changes its input."""
        if self.nodata_undeclared:
            sentinels = np.isin(cells, NODATA_SENTINELS)
            if sentinels.any():
                self.has_sentinel_values = True
                cells[sentinels] = np.nan
        cells[~np.isfinite(cells)] = np.nan
        scale, offset = self.dataset.scales[0], self.dataset.offsets[0]
        if (scale, offset) != (1, 0):
            cells *= np.float32(scale)
            cells += np.float32(offset)
        return cells


class ResampledSource:
    """A raster read on a grid: each cell has the value of the raster's cell that its centre lies in."""

    def __init__(self, source: Source, grid: Grid, stack: contextlib.ExitStack) -> None:
        """Prepare to read ``source`` on ``grid``; ``stack`` closes what is opened."""
        self._source, self._grid = source, grid
        self._view: WarpedVRT | None = None
        if source.grid.crs != grid.crs:
            nodata = source.dataset.nodata
            if nodata is None and source.dataset.dtypes[0].startswith("float"):
                nodata = np.nan
            target = {"crs": grid.crs, "transform": grid.transform, "width": grid.width, "height": grid.height}
            values = {"src_nodata": nodata, "nodata": np.nan, "dtype": "float32", "resampling": Resampling.nearest}
            self._view = stack.enter_context(WarpedVRT(source.dataset, **target, **values))
        left, bottom, right, top = bounds_in(source.grid, grid)
        t = grid.transform
        self._columns = (left - t.c) / t.a, (right - t.c) / t.a
        self._rows = (top - t.f) / t.e, (bottom - t.f) / t.e

    def intersects(self, block: Block) -> bool:
        """Whether the raster's rectangle overlaps a block."""
        return (
            self._rows[0] < block.row + block.height
            and self._rows[1] > block.row
            and self._columns[0] < block.column + block.width
            and self._columns[1] > block.column
        )

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32, NaN where there are none."""
        mine, theirs = self._source.grid, self._grid
        if self._view is not None or mine == theirs:
            raster = self._view or self._source.dataset
            cells = read_window(raster, block.row, block.column, block.height, block.width, [1])[0]
            return self._source.mask_nodata(cells)
        a, b = mine.transform, theirs.transform
        columns = np.floor((b.c + b.a * (block.column + np.arange(block.width) + 0.5) - a.c) / a.a).astype(np.int64)
        rows = np.floor((b.f + b.e * (block.row + np.arange(block.height) + 0.5) - a.f) / a.e).astype(np.int64)
        size = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        cells = read_window(self._source.dataset, int(rows[0]), int(columns[0]), *size, [1])[0]
        return self._source.mask_nodata(cells)[np.ix_(rows - rows[0], columns - columns[0])]


@contextlib.contextmanager
def open_sources(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> Iterator[list[Source]]:
    """Open all rasters.

    Args:
        names: of the maps they belong to, one a raster.

    Raises:
        InputMissing, InputCorrupt, CrsMissing, GridUnsupported: a raster cannot be used.
    """
    with contextlib.ExitStack() as stack:
        yield [
            Source(stack.enter_context(open_raster(path, f'susceptibility ("{name}")')), name)
            for path, name in zip(paths, names)
        ]


class HasCellSize(Protocol):
    """A raster or a map with cells of a size."""

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground."""


def finest(maps: Sequence[HasCellSize]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals: all are read on its grid."""
    sizes = [one.cell_size for one in maps]
    # Cells of one size measure a little differently in another projection; that alone makes none the finer.
    return next(number for number, size in enumerate(sizes) if size <= min(sizes) * 1.01)


def bounds_in(grid: Grid, other: Grid) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of a grid in the CRS of another; infinite where PROJ has no way there."""
    if grid.crs == other.crs:
        return grid.bounds
    try:
        return transform_bounds(grid.crs, other.crs, *grid.bounds)
    except GDAL_ERRORS:
        return -np.inf, -np.inf, np.inf, np.inf


def iterate_fitting_blocks(grid: Grid, maps: Sequence[HasCellSize], progress: Progress) -> Iterator[Block]:
    """Give the blocks of a grid, so small that no map has many more cells in one than in a block of its own."""
    size = grid.cell_size() / grid.scale_factor()
    ratio = max([1.0, *(size / one.cell_size for one in maps)])
    side = max(1, int(BLOCK / ratio))
    total = grid.block_count(side)
    for done, block in enumerate(grid.blocks(side)):
        stop_if_cancelled(progress)
        progress.report(done / total)
        yield block
