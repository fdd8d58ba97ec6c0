"""Whether all of a GeoTIFF reached the disk.
Opening rasters with messages that help, reading windows that may reach over the border, writing whole files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ..errors import InputCorrupt, InputMissing, OutputNotWritable
from ..outputs.atomic import atomic_output


def is_complete(path: str | os.PathLike) -> bool:
    """Return whether every block of a tiled GeoTIFF, overviews among them, was written and lies inside the file.

    What GDAL keeps back until a file is closed is written when nobody listens any more: on a full disk the TIFF
    library then only prints a line to the console, and the file is closed as if all were well. Looking up where the
    blocks lie takes some microseconds each; nothing is read.

    Args:
        path: a GeoTIFF in which no block is left out on purpose.

    Raises:
        RasterioError: not even its head is whole.
    """
    size = os.path.getsize(path)
    with rasterio.open(path) as dataset:
        for band in dataset.indexes:
            block_height, block_width = dataset.block_shapes[band - 1]
            levels = [(None, 1), *enumerate(dataset.overviews(band))]
            for level, factor in levels:
                rows, columns = -(-dataset.height // factor), -(-dataset.width // factor)
                for y in range(-(-rows // block_height)):
                    for x in range(-(-columns // block_width)):
                        if not _is_block_complete(dataset, band, level, f"{x}_{y}", size):
                            return False
    return True


def _is_block_complete(dataset: rasterio.DatasetReader, band: int, level: int | None, block: str, size: int) -> bool:
    """Whether a block begins and ends inside the file; GDAL knows no place of a block that was never written."""
    first = dataset.get_tag_item(f"BLOCK_OFFSET_{block}", "TIFF", bidx=band, ovr=level)
    length = dataset.get_tag_item(f"BLOCK_SIZE_{block}", "TIFF", bidx=band, ovr=level)
    return bool(first and length) and int(length) > 0 and int(first) + int(length) <= size


TILE = 256
"""Side of a block of the GeoTIFFs that Scarp writes, in cells."""

REGION_TAG = "REGION"
"""Metadata item of a map that names the region it shows, where the user gave one."""

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises; it hands some of GDAL's own errors on as they are."""

_INCOMPLETE = "not all of it reached the disk"

_roles: WeakKeyDictionary[rasterio.DatasetReader, str] = WeakKeyDictionary()
"""What each open raster is in its run."""

MAX_PLAUSIBLE_VALUE = 1e30
"""No quantity on Earth is as large; lowest and highest float32 numbers often stand for no data without saying so."""

MAX_BANDS = 5000
"""More than any survey takes; asking about each of them for every window would take seconds."""

GDAL_CACHE_BYTES = 128 * 1024 * 1024
"""Block cache of GDAL, in bytes because rasterio hands the number on as it is; GDAL's own default, a share of the
machine's memory, would grow with the machine."""


@contextlib.contextmanager
def open_raster(path: str | os.PathLike, role: str) -> Iterator[rasterio.DatasetReader]:
    """Open a raster for reading.

    Args:
        path: any raster that GDAL reads.
        role: what the raster is in this run ("DEM", "factor stack"), for the message.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: the file is no raster, or GDAL fails to read it.
    """
    if (
        not os.path.exists(path)
        and "://" not in str(path)
        and ":" not in str(path)[2:]
        and not str(path).startswith("/vsi")
    ):
        raise InputMissing(f"The {role} raster {path} does not exist. Check the path.")
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):
        try:
            dataset = rasterio.open(path)
        except GDAL_ERRORS as error:
            raise InputCorrupt(
                f"The {role} raster {path} cannot be opened: {error}. Is it a raster, and whole?"
            ) from error
        with dataset:
            _roles[dataset] = role
            if dataset.count > MAX_BANDS:
                raise InputCorrupt(
                    f"The {role} raster {path} has {dataset.count:,} bands; Scarp reads rasters of up "
                    f"to {MAX_BANDS:,}. If it is not damaged, take the bands that you need out of it "
                    "with Raster > Conversion > Translate."
                )
            try:
                yield dataset
            except GDAL_ERRORS as error:
                raise _read_error(role, path, error) from error


def region_name(dataset: rasterio.DatasetReader, given: str = "") -> str:
    """Return the name of the region that a map shows: the one given, else what the map itself states, else nothing."""
    return given.strip() or dataset.tags().get(REGION_TAG, "").strip()


def read_window(
    dataset: rasterio.DatasetReader,
    row: int,
    column: int,
    height: int,
    width: int,
    bands: Sequence[int] | None = None,
    fill: float = np.nan,
    sound: bool = True,
) -> np.ndarray:
    """Read cells as float32, with declared nodata as NaN; cells outside the raster hold ``fill``.


    Args:
        dataset: an open raster (or a view warped onto a grid).
        row: first row; may be negative.
        column: first column; may be negative.
        height: rows to return.
        width: columns to return.
        bands: 1-based band numbers; all bands by default.
        fill: value outside the raster.
        sound: whether infinity, and numbers as large as no quantity is, become NaN as well.

    Returns:
        float32 array of shape (bands, height, width).
    """
    numbers = list(bands) if bands is not None else list(dataset.indexes)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + height, dataset.height), min(column + width, dataset.width)
    if top >= bottom or left >= right:
        return np.full((len(numbers), height, width), fill, dtype=np.float32)
    try:
        cells = _read_cells(dataset, numbers, Window(left, top, right - left, bottom - top))
    except GDAL_ERRORS as error:
        # Said here: whoever reads in the midst of writing would take it for an error of the output.
        raise _read_error(_roles.get(dataset, "input"), dataset.name, error) from error
    if sound:
        cells = _mask_implausible(cells)
    if cells.shape[1:] == (height, width):
        return cells
    result = np.full((len(numbers), height, width), fill, dtype=np.float32)
    result[:, top - row : bottom - row, left - column : right - column] = cells
    return result


def _read_error(role: str, path: str | os.PathLike, error: BaseException) -> InputCorrupt:
    # rasterio's own words only point at those of GDAL.
    while error.__cause__ is not None:
        error = error.__cause__
    return InputCorrupt(
        f"Reading the {role} raster {path} failed: {str(error).rstrip('.')}. The file may be damaged; "
        "open it in QGIS, or make it again."
    )


def _read_cells(dataset: rasterio.DatasetReader, numbers: Sequence[int], window: Window) -> np.ndarray:
    """Read a window inside a raster as float32, NaN at nodata."""
    simple = {MaskFlags.all_valid, MaskFlags.nodata}
    flags = dataset.mask_flag_enums
    if not all(simple.issuperset(flags[number - 1]) for number in numbers):
        # A mask band or an alpha band says where data are.
        return dataset.read(numbers, window=window, masked=True).astype(np.float32).filled(np.nan)
    cells = dataset.read(numbers, window=window, out_dtype="float32")
    for band, number in zip(cells, numbers):
        nodata = dataset.nodatavals[number - 1]
        if nodata is not None and not np.isnan(nodata):
            with np.errstate(over="ignore"):
                band[band == np.float32(nodata)] = np.nan
    return cells


def _mask_implausible(cells: np.ndarray) -> np.ndarray:
    """Return cells with NaN where numbers are larger than any quantity."""
    # Looking for the extremes is several times as fast as looking at each cell, and mostly enough.
    lowest, highest = (find.reduce(cells, axis=None, initial=0) for find in (np.fmin, np.fmax))
    if lowest < -MAX_PLAUSIBLE_VALUE or highest > MAX_PLAUSIBLE_VALUE:
        with np.errstate(invalid="ignore"):
            cells[np.abs(cells) > MAX_PLAUSIBLE_VALUE] = np.nan
    return cells


def read_scaled(dataset: rasterio.DatasetReader, block: Any, band: int = 1) -> np.ndarray:
    """Read one band of a ``Block`` as float32 with the band's declared scale and offset applied.

    Returns:
        float32 array of shape (height, width), NaN at nodata and outside the raster.
    """
    values = read_window(dataset, block.row, block.column, block.height, block.width, [band])[0]
    scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if scale != 1:
        values *= np.float32(scale)
    if offset != 0:
        values += np.float32(offset)
    return values


@contextlib.contextmanager
def create_raster(
    path: str | os.PathLike,
    grid: Any,
    dtype: str,
    nodata: float,
    bands: Sequence[str] = ("",),
    band_tags: Sequence[Mapping[str, str]] = (),
    tags: Mapping[str, str] | None = None,
    overviews: Resampling | None = Resampling.average,
    colours: Mapping[int, tuple[int, int, int, int]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[rasterio.io.DatasetWriter]:
    """Create a tiled, compressed GeoTIFF that gets its name only when it is complete.

    Storage as measured in ``benchmarks/factors_storage.py``: bands apart read three times as fast as bands mixed, and
    zstd at level 1 with horizontal differences is a fifth smaller than deflate and written four times as fast.

    Args:
        path: final path.
        grid: a ``Grid``.
        dtype: ``float32`` or ``uint8``.
        nodata: value of cells without data.
        bands: one description a band.
        band_tags: metadata a band, in the same order.
        tags: metadata of the file.
        overviews: how overviews are resampled; ``None`` for no overviews.
        colours: colour table of the first band, red green blue alpha by value.
        options: further creation options of the GTiff driver, over the defaults.

    Yields:
        The open dataset; write windows to it.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": dtype,
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "predictor": 2,
        "bigtiff": "if_safer",
        "num_threads": "all_cpus",
        **(options or {}),
    }
    with atomic_output(path) as temporary:
        try:
            with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES, GDAL_TIFF_OVR_BLOCKSIZE=TILE):
                with _open_writer(temporary, "w", **profile) as dataset:
                    dataset.update_tags(**(tags or {}))
                    for index, description in enumerate(bands, 1):
                        if description:
                            dataset.set_band_description(index, description)
                        if band_tags:
                            dataset.update_tags(index, **band_tags[index - 1])
                    if colours:
                        dataset.write_colormap(1, dict(colours))
                    yield dataset
                if overviews is not None:
                    _add_overviews(temporary, overviews)
                whole = is_complete(temporary)
        except GDAL_ERRORS as error:
            raise _write_error(path, str(error)) from error
        if not whole:
            raise _write_error(path, _INCOMPLETE)


def _open_writer(path: Path, mode: str, **profile: Any) -> rasterio.io.DatasetWriter:
    try:
        return rasterio.open(path, mode, **profile)
    except (TypeError, *(GDAL_ERRORS if mode == "r+" else ())) as error:
        # The file was just made: it is empty, or has no end, because the disk is full.
        raise RasterioError(_INCOMPLETE) from error


def _write_error(path: str | os.PathLike, why: str) -> OutputNotWritable:
    return OutputNotWritable(
        f"{Path(path)} could not be written: {why.rstrip('.')}. Check that the disk has room, or "
        "choose another place for the output."
    )


def _add_overviews(path: Path, resampling: Resampling) -> None:
    with _open_writer(path, "r+") as dataset:
        factors, factor = [], 2
        while max(dataset.width, dataset.height) // factor >= TILE:
            factors.append(factor)
            factor *= 2
        if factors:
            dataset.build_overviews(factors, resampling)
