"""Grids, rasters and listeners that the tests of the core share; import them from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS

from scarp.model.grid import Grid
from scarp.model.progress import NullProgress

UTM, DEGREES = CRS.from_epsg(32645), CRS.from_epsg(4326)


@pytest.fixture(autouse=True, scope="session")
def no_bf16_by_itself():
    """Let ``auto`` mean fp32 on every processor; tests that are about bf16 ask for it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            patch.setattr(torch.cpu, name, lambda: False, raising=False)
        yield


def utm_grid(height: int = 20, width: int = 30, cell: float = 30.0, left: float = 5e5, top: float = 3e6) -> Grid:
    """A grid in metres."""
    return Grid(UTM, Affine(cell, 0, left, 0, -cell, top), width, height)


def degree_grid(
    height: int = 20, width: int = 30, cell: float = 1 / 3600, left: float = 86.0, top: float = 28.0
) -> Grid:
    """A geographic grid."""
    return Grid(DEGREES, Affine(cell, 0, left, 0, -cell, top), width, height)


def write_raster(
    path: Path,
    values: np.ndarray,
    grid: Grid | None = None,
    *,
    nodata: float | None = None,
    transform: Affine | None = None,
    crs: Any = None,
    **profile: Any,
) -> str:
    """Write (height, width) or (bands, height, width) as GeoTIFF and return the path as text.

    Args:
        grid: gives transform and CRS; by default a grid in metres of the size of the values.
        transform: instead of the grid's.
        crs: instead of the grid's.
    """
    bands = values[None] if values.ndim == 2 else values
    grid = grid or utm_grid(*bands.shape[1:])
    profile = {
        "driver": "GTiff",
        "dtype": values.dtype,
        "nodata": nodata,
        "transform": transform or grid.transform,
        "crs": grid.crs if crs is None else crs,
        **profile,
    }
    with rasterio.open(path, "w", count=len(bands), height=bands.shape[1], width=bands.shape[2], **profile) as dataset:
        dataset.write(bands)
    return str(path)


class Listener(NullProgress):
    """Keeps fractions, texts and warnings; cancels after some questions or at a share of the work."""

    def __init__(self, cancel_after: float = np.inf, cancel_at: float = np.inf) -> None:
        super().__init__()
        self.fractions: list[float] = []
        self.texts: list[str] = []
        self.questions, self.cancel_after, self.cancel_at = 0, cancel_after, cancel_at

    def report(self, fraction: float, text: str = "") -> None:
        self.fractions.append(fraction)
        if text:
            self.texts.append(text)

    def cancelled(self) -> bool:
        self.questions += 1
        return self.questions > self.cancel_after or max(self.fractions, default=0.0) >= self.cancel_at
