"""Hillshade under the maps of a report: from a DEM, or from the slope and aspect of a factor stack.

The DEM is the one that the user chose. Without one, the run records lead to it: the susceptibility map's names the
factor stack, and the stack's names the DEM.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_bounds
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_of

from ..errors import ScarpError
from ..factors.definitions import CATEGORICAL
from ..grid import Grid
from ..inputs.rasters import create_raster, open_raster
from ..outputs.run_record import read_record
from ..stack import open_stack

AZIMUTH, ZENITH = math.radians(315), math.radians(45)
"""The light of cartographers: from the north-west, halfway up."""
FLAT = math.cos(ZENITH)  # shade of flat ground
_TARGET_SLOPE = math.tan(math.radians(35))
_MAX_EXAGGERATION = 6.0
_MAX_AVERAGED_CELLS = 40_000_000
"""A larger DEM without overviews is thinned instead of averaged, which would read all of it."""
_OVERSAMPLING = 2
"""Slope and aspect are read this much finer than the image, and their shade averaged: directions have no mean."""
_MAX_FILE_SIDE = 2400
_STEPS = 32

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Relief:
    """Where the shape of the ground is known from."""

    path: str
    is_stack: bool  # a factor stack with slope and aspect, else a DEM


def find_relief(susceptibility: str | os.PathLike, dem: str | os.PathLike | None = None) -> Relief | None:
    """Return the DEM given, else the DEM or the stack that the map's run record leads to; ``None`` without either.

    Raises:
        InputMissing: the given DEM does not exist.
        InputCorrupt: the given DEM cannot be opened.
    """
    if dem is not None:
        with open_raster(dem, "DEM"):
            return Relief(str(dem), False)
    stack = _input_of(susceptibility, "STACK")
    return None if stack is None else relief_of_stack(stack)


def relief_of_stack(stack: str | os.PathLike) -> Relief | None:
    """Return the DEM that a factor stack was made from, else its own slope and aspect, ``None`` without either."""
    found = _input_of(stack, "DEM")
    if found is not None:
        with contextlib.suppress(ScarpError), open_raster(found, "DEM"):
            return Relief(str(found), False)
    with contextlib.suppress(ScarpError), open_stack(stack) as opened:
        if {"slope", "aspect"} <= set(opened.names):
            return Relief(str(stack), True)
    return None


def relief_covers(relief: Relief, crs: CRS, bounds: Bounds) -> bool:
    """Whether a DEM has cells within the bounds of a map.

    Raises:
        InputCorrupt: the DEM cannot be opened, or nothing leads from the CRS of the map to its own.
    """
    with open_raster(relief.path, "DEM") as dem:
        return _window_within(dem, _bounds_in(dem, crs, bounds)) is not None


def compute_hillshade(
    relief: Relief, crs: CRS, bounds: Bounds, shape: tuple[int, int], metres_east: float, metres_north: float
) -> np.ndarray:
    """Return the hillshade.

    Args:
        relief: from :func:`find_relief`.
        crs: of the map.
        bounds: left, bottom, right, top of the image in map units.
        shape: rows and columns of the image.
        metres_east: metres per map unit from west to east.
        metres_north: metres per map unit from south to north.

    Returns:
        float32 of ``shape``, cosine of the angle of incidence (Horn 1981), 0 in self-shadow, NaN where there is no
        data. Gentle relief is exaggerated up to six times.

    Raises:
        InputCorrupt: the raster cannot be read.
    """
    if relief.is_stack:
        return _hillshade_from_stack(relief.path, crs, bounds, shape)
    with open_raster(relief.path, "DEM") as dem:
        height = _elevation(dem, crs, bounds, shape)
    left, bottom, right, top = bounds
    if min(shape) < 2:
        return np.full(shape, np.nan, dtype=np.float32)
    south, east = np.gradient(
        height.astype(np.float64), (top - bottom) * metres_north / shape[0], (right - left) * metres_east / shape[1]
    )
    return _shade(np.hypot(east, south), np.arctan2(-east, south))


def apply_hillshade(colours: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Return shaded colours; flat ground keeps its colour, so that the legend holds.

    Args:
        colours: red, green and blue from 0 to 1, shape (rows, columns, 3).
        shade: from :func:`compute_hillshade`, shape (rows, columns); NaN leaves the colour as it is.
    """
    # In steps that are hardly visible, so that the image file is a third of the size.
    beyond = np.round(np.nan_to_num(shade - FLAT, nan=0.0) * _STEPS)[..., None] / _STEPS
    return np.where(beyond < 0, colours * (1 + 0.8 * np.minimum(beyond, 0)), colours + (1 - colours) * 0.9 * beyond)


def write_hillshade(output: str | os.PathLike, susceptibility: str | os.PathLike, relief: Relief) -> None:
    """Write the hillshade of a map as a grey GeoTIFF of at most 2,400 cells a side, 1 dark to 255 bright, 0 no data.

    Raises:
        InputCorrupt: the relief cannot be read.
        OutputNotWritable: the file cannot be written.
    """
    grid = Grid.from_file(susceptibility, "susceptibility")
    factor = max(1.0, max(grid.shape) / _MAX_FILE_SIDE)
    rows, columns = (max(1, round(side / factor)) for side in grid.shape)
    width, height = grid.spacing(grid.height // 2, 1)
    east, north = float(width[0]) / abs(grid.transform.a), float(height[0]) / abs(grid.transform.e)
    shade = compute_hillshade(relief, grid.crs, grid.bounds, (rows, columns), east, north)
    # A layer is multiplied with it, so flat ground is nearly white.
    grey = np.nan_to_num(np.clip(shade / 0.8, 0, 1) * 0.6 + 0.4, nan=0.0) * 255
    small = Grid(grid.crs, from_bounds(*grid.bounds, columns, rows), columns, rows)
    with create_raster(output, small, "uint8", 0, ["hillshade"], overviews=None) as dataset:
        dataset.write(np.round(grey).astype(np.uint8), 1)


def _shade(steepness: np.ndarray, facing: np.ndarray) -> np.ndarray:
    """Return the shade of ground that rises by ``steepness`` and faces ``facing`` (radians clockwise from north)."""
    known = steepness[np.isfinite(steepness)]
    steep = float(np.percentile(known, 95)) if known.size else 0.0
    slope = np.arctan(steepness * min(max(_TARGET_SLOPE / steep, 1.0), _MAX_EXAGGERATION) if steep > 0 else steepness)
    shade = math.cos(ZENITH) * np.cos(slope) + math.sin(ZENITH) * np.sin(slope) * np.cos(AZIMUTH - facing)
    return np.maximum(shade, 0).astype(np.float32)


def _elevation(dem: rasterio.DatasetReader, crs: CRS, bounds: Bounds, shape: tuple[int, int]) -> np.ndarray:
    """Return elevation on the cells of the image, float32, NaN where there is none."""
    result = np.full(shape, np.nan, dtype=np.float32)
    window = _window_within(dem, _bounds_in(dem, crs, bounds))
    if window is None:
        return result
    factor = max(1.0, max(window.height, window.width) / max(shape))
    small = max(1, round(window.height / factor)), max(1, round(window.width / factor))
    thin = not dem.overviews(1) and window.width * window.height > _MAX_AVERAGED_CELLS
    resampling = Resampling.nearest if thin else Resampling.average
    cells = dem.read(1, window=window, out_shape=small, masked=True, resampling=resampling)
    transform = dem.window_transform(window) * rasterio.Affine.scale(window.width / small[1], window.height / small[0])
    reproject(
        cells.astype(np.float32).filled(np.nan),
        result,
        src_transform=transform,
        src_crs=dem.crs or crs,
        src_nodata=np.nan,
        dst_transform=from_bounds(*bounds, shape[1], shape[0]),
        dst_crs=crs,
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    return result


def _hillshade_from_stack(path: str, crs: CRS, bounds: Bounds, shape: tuple[int, int]) -> np.ndarray:
    """Return the shade from slope in degrees and aspect, in classes or in degrees."""
    with open_stack(path) as stack:
        slope, aspect = stack.factor("slope"), stack.factor("aspect")
        if stack.grid.crs != crs:
            return np.full(shape, np.nan, dtype=np.float32)
        cells = stack.dataset.read(
            [slope.band, aspect.band],
            boundless=True,
            fill_value=np.nan,
            window=window_of(*bounds, transform=stack.grid.transform),
            out_shape=(2, _OVERSAMPLING * shape[0], _OVERSAMPLING * shape[1]),
            resampling=Resampling.nearest,
        )
    facing = np.radians(45 * (cells[1] - 2) if aspect.kind == CATEGORICAL else cells[1])
    flat = cells[1] < 2 if aspect.kind == CATEGORICAL else cells[1] < 0
    shade = _shade(np.where(flat, 0, np.tan(np.radians(cells[0].astype(np.float64)))), facing)
    return shade.reshape(shape[0], _OVERSAMPLING, shape[1], _OVERSAMPLING).mean(axis=(1, 3))


def _bounds_in(dem: rasterio.DatasetReader, crs: CRS, bounds: Bounds) -> Bounds:
    """Return bounds in the CRS of the DEM."""
    return transform_bounds(crs, dem.crs, *bounds) if dem.crs and dem.crs != crs else bounds


def _window_within(dataset: rasterio.DatasetReader, bounds: Bounds) -> Window | None:
    """Return the cells of a raster within bounds and two more on every side, ``None`` when there are none."""
    left, bottom, right, top = bounds
    corners = [~dataset.transform * corner for corner in ((left, top), (right, bottom))]
    columns, rows = zip(*corners)
    first_row, first_column = max(math.floor(min(rows)) - 2, 0), max(math.floor(min(columns)) - 2, 0)
    last_row = min(math.ceil(max(rows)) + 2, dataset.height)
    last_column = min(math.ceil(max(columns)) + 2, dataset.width)
    if last_row <= first_row or last_column <= first_column:
        return None
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def _input_of(output: str | os.PathLike, name: str) -> Path | None:
    """Return an input that the run record of an output names, at its path or beside the output, if it is there."""
    try:
        inputs: Any = {key.lower(): value for key, value in read_record(output)["inputs"].items()}
        source = Path(inputs[name.lower()]["source"])
        return next((path for path in (source, Path(output).parent / source.name) if path.is_file()), None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
