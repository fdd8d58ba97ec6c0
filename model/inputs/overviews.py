"""Overviews of rasters with many bands, taken from the blocks that are written instead of reading all of them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

STEP = 4  # the first overview has every fourth row and column; one of half the size would be a quarter of the raster
_BLOCK = 512  # side of the blocks in which overviews are written, in cells


class ThinningWriter:
    """An open raster that keeps every fourth row and column of what is written to it, in a file beside it."""

    def __init__(self, dataset: rasterio.io.DatasetWriter, path: Path, smallest: int) -> None:
        """Make empty overviews of the raster at ``path``, the last at least ``smallest`` cells wide or high."""
        self._dataset, self._path, self.factors = dataset, path, []
        factor, side = STEP, max(dataset.width, dataset.height)
        while side // factor >= smallest:
            self.factors.append(factor)
            factor *= 2
        self._rows, self._columns = (
            np.minimum(np.arange(-(-length // STEP)) * STEP + STEP // 2, length - 1) for length in dataset.shape
        )
        self._thin: rasterio.io.DatasetWriter | None = None
        if self.factors:
            # They are small, and GDAL would compress them at its own level, which takes longer than all the rest.
            with rasterio.Env(COMPRESS_OVERVIEW="NONE"):
                dataset.build_overviews(self.factors, Resampling.nearest)
            size = {"width": len(self._columns), "height": len(self._rows), "count": dataset.count}
            tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band", "bigtiff": "if_safer"}
            kind = {"driver": "GTiff", "dtype": dataset.dtypes[0], "nodata": dataset.nodata}
            kind["transform"] = dataset.transform * Affine.scale(STEP)  # without a place, rasterio would warn
            self._thin = rasterio.open(self._thin_path, "w", **size, **tiles, **kind)

    @property
    def _thin_path(self) -> str:
        # ``atomic_output`` removes what has a longer name than its temporary file.
        return f"{self._path}.thin.tif"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def write(self, values: np.ndarray, window: Window | None = None) -> None:
        """Write all bands of a window, shape (bands, height, width)."""
        self._dataset.write(values, window=window)
        if self._thin is None:
            return
        top, left = (0, 0) if window is None else (int(window.row_off), int(window.col_off))
        rows, columns = _within(self._rows, top, values.shape[1]), _within(self._columns, left, values.shape[2])
        if rows.size and columns.size:
            part = Window(columns[0], rows[0], columns.size, rows.size)
            cells = values[:, _slice(self._rows[rows] - top)][:, :, _slice(self._columns[columns] - left)]
            self._thin.write(cells, window=part)

    def close(self) -> None:
        """Close what was kept."""
        if self._thin is not None:
            self._thin.close()

    def fill_overviews(self) -> None:
        """Fill the overviews from what was kept, after the raster is closed."""
        if not self.factors:
            return
        with rasterio.open(self._thin_path) as thin:
            for level, factor in enumerate(self.factors):
                step = factor // STEP
                with rasterio.open(self._path, "r+", overview_level=level) as overview:
                    for row in range(0, overview.height, _BLOCK):
                        for column in range(0, overview.width, _BLOCK):
                            height, width = min(_BLOCK, overview.height - row), min(_BLOCK, overview.width - column)
                            cells = Window(column * step, row * step, width * step, height * step)
                            source = cells.intersection(Window(0, 0, thin.width, thin.height))
                            values = thin.read(window=source, out_shape=(thin.count, height, width))
                            overview.write(values, window=Window(column, row, width, height))


def _within(indices: np.ndarray, first: int, count: int) -> np.ndarray:
    return np.flatnonzero((indices >= first) & (indices < first + count))


def _slice(indices: np.ndarray) -> slice | np.ndarray:
    """Return indices as a slice, of which NumPy makes no copy, unless the last one is nearer: at the raster's end."""
    regular = int(indices[-1] - indices[0]) == STEP * (len(indices) - 1)
    return slice(int(indices[0]), int(indices[-1]) + 1, STEP) if regular else indices
