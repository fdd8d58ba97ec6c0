"""Open rasters with helpful messages, read windows that may extend beyond the border, write complete GeoTIFFs."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ..errors import InputCorrupt, InputMissing, OutputNotWritable
from ..outputs.atomic import atomic_output

if TYPE_CHECKING:
    from ..grid import Block, Grid


TILE = 256  # side of a block of the GeoTIFFs that Scarp writes, in cells
REGION_TAG = "REGION"  # metadata item of a map that names the region it shows, where the user gave one
GDAL_ERRORS = (RasterioError, CPLE_BaseError)  # what rasterio raises; it passes some of GDAL's own errors on unchanged
MAX_PLAUSIBLE_VALUE = 1e30  # no physical quantity is as large; the extreme float32 numbers often are undeclared nodata
MAX_BANDS = 5000  # looking up the nodata value of more bands would take seconds for every window
GDAL_CACHE_BYTES = 128 * 1024 * 1024
"""Block cache of GDAL, in bytes because rasterio passes the number on as it is; GDAL's own default, a share of the
machine's memory, would grow with the machine."""
_INCOMPLETE = "not all of it reached the disk"
_roles: WeakKeyDictionary[rasterio.DatasetReader, str] = WeakKeyDictionary()  # role of each open raster in its run


def is_complete(path: str | os.PathLike) -> bool:
    """Return whether every block of a tiled GeoTIFF and of its overviews was written and lies inside the file.

    GDAL writes cached blocks only when the file is closed, and then reports no error: on a full disk libtiff just
    prints a line to the console. Looking up the offset of a block takes some microseconds; no cell is read.

    The GeoTIFF must not be sparse.

    Raises:
        RasterioError: not even its header is complete.
    """
    size = os.path.getsize(path)
    with rasterio.open(path) as dataset:
        for band in dataset.indexes:
            block_height, block_width = dataset.block_shapes[band - 1]
            for level, factor in [(None, 1), *enumerate(dataset.overviews(band))]:
                rows, columns = -(-dataset.height // factor), -(-dataset.width // factor)
                for y, x in itertools.product(range(-(-rows // block_height)), range(-(-columns // block_width))):
                    # GDAL knows no offset of a block that was never written.
                    first, length = (
                        int(dataset.get_tag_item(f"{item}_{x}_{y}", "TIFF", bidx=band, ovr=level) or 0)
                        for item in ("BLOCK_OFFSET", "BLOCK_SIZE")
                    )
                    if not (first and 0 < length <= size - first):
                        return False
    return True


@contextlib.contextmanager
def open_raster(path: str | os.PathLike, role: str) -> Iterator[rasterio.DatasetReader]:
    """Open any raster that GDAL reads; ``role`` says in messages what it is in this run ("DEM", "factor stack").

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: the file is not a raster, or GDAL fails to read it.
    """
    is_file = ":" not in str(path)[2:] and not str(path).startswith("/vsi")
    if is_file and not os.path.exists(path):
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
                    f"to {MAX_BANDS:,}. If it is not damaged, extract the bands that you need "
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
    mask_implausible: bool = True,
) -> np.ndarray:
    """Read cells as float32, with NaN at declared nodata and outside the raster.

    Args:
        dataset: an open raster (or a view warped onto a grid).
        row: first row; may be negative, and so may ``column``.
        bands: 1-based band numbers; all bands by default.
        mask_implausible: whether infinite and implausibly large numbers become NaN as well.

    Returns:
        float32 array of shape (bands, height, width).
    """
    numbers = list(bands) if bands is not None else list(dataset.indexes)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + height, dataset.height), min(column + width, dataset.width)
    if top >= bottom or left >= right:
        return np.full((len(numbers), height, width), np.nan, dtype=np.float32)
    try:
        cells = _read_cells(dataset, numbers, Window(left, top, right - left, bottom - top))
    except GDAL_ERRORS as error:
        # Not left to open_raster: code that reads while it writes would take it for an error of the output.
        raise _read_error(_roles.get(dataset, "input"), dataset.name, error) from error
    if mask_implausible:
        cells = _mask_implausible(cells)
    if cells.shape[1:] == (height, width):
        return cells
    result = np.full((len(numbers), height, width), np.nan, dtype=np.float32)
    result[:, top - row : bottom - row, left - column : right - column] = cells
    return result


def _read_error(role: str, path: str | os.PathLike, error: BaseException) -> InputCorrupt:
    # rasterio's own text only points to GDAL's.
    while error.__cause__ is not None:
        error = error.__cause__
    failure = f"Reading the {role} raster {path} failed: {str(error).rstrip('.')}"
    return InputCorrupt(f"{failure}. The file may be damaged; open it in QGIS, or make it again.")


def _read_cells(dataset: rasterio.DatasetReader, numbers: Sequence[int], window: Window) -> np.ndarray:
    simple = {MaskFlags.all_valid, MaskFlags.nodata}
    flags = dataset.mask_flag_enums
    if not all(simple.issuperset(flags[number - 1]) for number in numbers):
        # A mask band or an alpha band.
        return dataset.read(numbers, window=window, masked=True).astype(np.float32).filled(np.nan)
    cells = dataset.read(numbers, window=window, out_dtype="float32")
    for band, number in zip(cells, numbers):
        nodata = dataset.nodatavals[number - 1]
        if nodata is not None and not np.isnan(nodata):
            with np.errstate(over="ignore"):
                band[band == np.float32(nodata)] = np.nan
    return cells


def _mask_implausible(cells: np.ndarray) -> np.ndarray:
    # Finding the extremes is several times as fast as testing each cell, and mostly enough.
    lowest, highest = (find.reduce(cells, axis=None, initial=0) for find in (np.fmin, np.fmax))
    if lowest < -MAX_PLAUSIBLE_VALUE or highest > MAX_PLAUSIBLE_VALUE:
        with np.errstate(invalid="ignore"):
            cells[np.abs(cells) > MAX_PLAUSIBLE_VALUE] = np.nan
    return cells


def read_block(dataset: rasterio.DatasetReader, block: Block, band: int = 1) -> np.ndarray:
    """Read one band of a block as :func:`read_window` does, shape of the block."""
    return read_window(dataset, block.row, block.column, block.height, block.width, [band])[0]


def read_scaled(dataset: rasterio.DatasetReader, block: Block, band: int = 1) -> np.ndarray:
    """Read one band of a block, scaled as declared; float32 (height, width), NaN at nodata and outside the raster."""
    values = read_block(dataset, block, band)
    scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if scale != 1:
        values *= np.float32(scale)
    if offset != 0:
        values += np.float32(offset)
    return values


_LAYOUT = {"driver": "GTiff", "tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "band"}
_COMPRESSION = {"compress": "zstd", "zstd_level": 1, "predictor": 2, "bigtiff": "if_safer", "num_threads": "all_cpus"}


@contextlib.contextmanager
def create_raster(
    path: str | os.PathLike,
    grid: Grid,
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

    Storage as measured in ``benchmarks/factors_storage.py``: band interleaving reads three times as fast as pixel
    interleaving, and zstd level 1 with predictor 2 is a fifth smaller than deflate and written four times as fast.

    Args:
        path: final path.
        dtype: ``float32`` or ``uint8``.
        bands: one description per band, as ``band_tags`` has metadata per band.
        overviews: resampling method of the overviews; ``None`` for no overviews.
        colours: colour table of the first band, red green blue alpha by value.
        options: GTiff creation options that override the defaults.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    profile: dict[str, Any] = {"count": len(bands), "dtype": dtype, "nodata": nodata, "crs": grid.crs}
    profile.update(width=grid.width, height=grid.height, transform=grid.transform)
    profile.update(**_LAYOUT, **_COMPRESSION)
    profile.update(options or {})
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
    incomplete = (TypeError, *GDAL_ERRORS) if mode == "r+" else (TypeError,)
    try:
        return rasterio.open(path, mode, **profile)
    except incomplete as error:
        # The file was just created: it is empty or truncated because the disk is full.
        raise RasterioError(_INCOMPLETE) from error


def _write_error(path: str | os.PathLike, why: str) -> OutputNotWritable:
    failure = f"{Path(path)} could not be written: {why.rstrip('.')}"
    return OutputNotWritable(f"{failure}. Check that the disk has room, or choose another place for the output.")


def _add_overviews(path: Path, resampling: Resampling) -> None:
    with _open_writer(path, "r+") as dataset:
        largest = max(dataset.width, dataset.height)
        factors = [1 << level for level in range(1, largest.bit_length()) if largest >> level >= TILE]
        if factors:
            dataset.build_overviews(factors, resampling)
