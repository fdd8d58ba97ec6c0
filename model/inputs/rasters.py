"""Open rasters with helpful messages, read windows that may extend beyond the border, write complete GeoTIFFs.

Every cell that Scarp uses comes through :func:`read_window` or a view warped from the same raster, so that nodata,
scale and offset, orientation and signed bytes are handled in one place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ..errors import InputCorrupt, InputMissing, OutputNotWritable
from ..outputs.atomic import atomic_output
from ..virtual_rasters import VRT_PREFIX, RasterName, vrt_with_options
from .overviews import ThinningWriter

if TYPE_CHECKING:
    from ..grid import Block, Grid


TILE = 256  # side of a block of the GeoTIFFs that Scarp writes, in cells
REGION_TAG = "REGION"  # metadata item of a map that names the region it shows, where the user gave one
GDAL_ERRORS = (RasterioError, CPLE_BaseError)  # what rasterio raises; it passes some of GDAL's own errors on unchanged
MAX_PLAUSIBLE_VALUE = 1e30  # no physical quantity is as large; the extreme float32 numbers often are undeclared nodata
MAX_BANDS = 5000  # looking up the nodata value of more bands would take seconds for every window
MANY_BANDS = 16  # a raster with more has no overview of half its size, and takes the others from its blocks
GDAL_CACHE_BYTES = 128 * 1024 * 1024
"""Block cache of GDAL, in bytes because rasterio passes the number on as it is; GDAL's own default, a share of the
machine's memory, would grow with the machine."""
_INCOMPLETE = "not all of it reached the disk"
_ARCHIVES = {".zip": "/vsizip/", ".gz": "/vsigzip/", ".tgz": "/vsitar/", ".tar": "/vsitar/"}


@dataclass
class _Reading:
    """How the stored cells of an open raster become values."""

    role: str = "input"  # what the raster is in its run, for messages
    path: str = ""  # as the user gave it
    nodata: Sequence[float | None] = ()  # by band, and so are the next four
    scales: Sequence[float] = ()
    offsets: Sequence[float] = ()
    masked: Sequence[bool] = ()  # whether a mask or an alpha band says where there is data
    signed_bytes: Sequence[bool] = ()
    """Whether GDAL hands out int8 as the uint8 of the same bits, as it does before 3.7 unless int8 is asked for."""
    south_up: bool = False
    mirrored: bool = False
    undeclared: dict[int, frozenset[float]] = field(default_factory=dict)
    """By band, stored values that stand for no data without being declared."""
    met: set[float] = field(default_factory=set)  # those of them that were read so far
    refused: dict[int, tuple[frozenset[float], str]] = field(default_factory=dict)
    """By band, stored values that must not be there, and why."""


_readings: WeakKeyDictionary[rasterio.DatasetReader, _Reading] = WeakKeyDictionary()


def is_complete(path: str | os.PathLike) -> bool:
    """Return whether every block of a tiled GeoTIFF and of its overviews was written and lies inside the file.

    GDAL writes cached blocks only when the file is closed, and then reports no error: on a full disk libtiff just
    prints a line to the console. Looking up the offset of a block takes some microseconds; no cell is read.

    The GeoTIFF must not be sparse. One that cannot be opened is not complete.
    """
    try:
        with rasterio.open(path) as dataset:
            return _has_all_blocks(dataset, os.path.getsize(path))
    except GDAL_ERRORS:
        return False  # not even its header reached the disk


def _has_all_blocks(dataset: rasterio.DatasetReader, size: int) -> bool:
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

    Besides files, GDAL's names of parts (``NETCDF:…``) and of files in archives are accepted, archives by their own
    name as well, and names with options (see :class:`~..virtual_rasters.RasterName`).

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: the file is not a raster, or GDAL fails to read it.
    """
    text = os.fspath(path)
    name = RasterName.parse(text) if text.startswith(VRT_PREFIX) else RasterName(text)
    file = name.file
    is_file = ":" not in file[2:] and not file.startswith("/vsi")
    if is_file and not os.path.exists(file):
        raise InputMissing(f"The {role} raster {file} does not exist. Check the path.")
    with contextlib.ExitStack() as opened:
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES))
        try:
            dataset = opened.enter_context(_open_archived(file))
            if name.band > dataset.count:
                raise InputCorrupt(f"The {role} raster {file} has no band {name.band}, only {dataset.count}.")
            if name != RasterName(file):
                dataset = opened.enter_context(rasterio.open(vrt_with_options(dataset, name)))
        except GDAL_ERRORS as error:
            raise InputCorrupt(
                f"The {role} raster {file} cannot be opened: {error}. Is it a raster, and whole?"
            ) from error
        if dataset.count > MAX_BANDS:
            raise InputCorrupt(
                f"The {role} raster {file} has {dataset.count:,} bands; Scarp reads rasters of up "
                f"to {MAX_BANDS:,}. If it is not damaged, extract the bands that you need "
                "with Raster > Conversion > Translate."
            )
        if not dataset.count:
            parts = ", ".join(name.rsplit(":", 1)[-1] for name in dataset.subdatasets[:8])
            raise InputCorrupt(
                f"The {role} raster {file} holds several variables ({parts}) and no raster of its own. Add the one you "
                "need to the project as a layer (Layer > Add Layer > Add Raster Layer), and choose that layer."
                if parts
                else f"The {role} raster {file} has no bands. Is it a raster, and whole?"
            )
        reading = _reading(dataset)
        reading.role, reading.path = role, file
        try:
            yield dataset
        except GDAL_ERRORS as error:
            raise _read_error(role, file, error) from error


def raster_path(dataset: rasterio.DatasetReader) -> str:
    """Return the path of an open raster as the user gave it, for messages."""
    return _reading(dataset).path or dataset.name


def _open_archived(path: str) -> rasterio.DatasetReader:
    """Open a raster by its path, with or without GDAL's prefix for archives, whichever GDAL knows it by.

    QGIS puts the prefix before a zipped tile of SRTM, which GDAL's driver recognises by the name of the zip alone.
    """
    prefix = next((one for one in ("/vsizip/", "/vsigzip/", "/vsitar/") if path.startswith(one)), "")
    added = _ARCHIVES.get(os.path.splitext(path)[1].lower(), "")
    other = path[len(prefix) :] if prefix else f"{added}{path}" if added else ""
    try:
        return rasterio.open(path)
    except GDAL_ERRORS:
        if not other:
            raise
        with contextlib.suppress(*GDAL_ERRORS):
            return rasterio.open(other)
        raise


def _reading(dataset: rasterio.DatasetReader) -> _Reading:
    if dataset not in _readings:
        simple = {MaskFlags.all_valid, MaskFlags.nodata}
        straight = not (dataset.transform.b or dataset.transform.d)
        _readings[dataset] = _Reading(
            nodata=dataset.nodatavals,
            scales=dataset.scales,
            offsets=dataset.offsets,
            masked=[not simple.issuperset(flags) for flags in dataset.mask_flag_enums],
            signed_bytes=[
                dtype in ("uint8", "int8") and dataset.tags(band, ns="IMAGE_STRUCTURE").get("PIXELTYPE") == "SIGNEDBYTE"
                for band, dtype in zip(dataset.indexes, dataset.dtypes)
            ],
            south_up=straight and dataset.transform.e > 0,
            mirrored=straight and dataset.transform.a < 0,
        )
    return _readings[dataset]


def north_up_transform(dataset: rasterio.DatasetReader) -> Affine | None:
    """Return the transform of the cells that :func:`read_window` gives; None if the raster is rotated or sheared."""
    a, b, c, d, e, f = dataset.transform[:6]
    if b or d:
        return None
    return Affine(abs(a), 0, c + min(a, 0) * dataset.width, 0, -abs(e), f + max(e, 0) * dataset.height)


def declare_nodata(dataset: rasterio.DatasetReader, band: int, values: Iterable[float]) -> None:
    """Let stored values of a band of an open raster count as no data, besides what the file declares."""
    _reading(dataset).undeclared[band] = _stored(values)


def met_undeclared_nodata(dataset: rasterio.DatasetReader) -> list[float]:
    """Return the values of :func:`declare_nodata` that were met in what was read so far."""
    return sorted(_reading(dataset).met)


def refuse_values(dataset: rasterio.DatasetReader, band: int, values: Iterable[float], why: str) -> None:
    """Let reading raise :class:`InputCorrupt` where a band of an open raster holds one of some stored values."""
    _reading(dataset).refused[band] = _stored(values), why


def _stored(values: Iterable[float]) -> frozenset[float]:
    # As float32, in which all cells are read.
    return frozenset(float(np.float32(value)) for value in values)


def undeclared_nodata(dataset: rasterio.DatasetReader, band: int = 1) -> frozenset[float]:
    """Return the values that :func:`declare_nodata` was given for a band."""
    return _reading(dataset).undeclared.get(band, frozenset())


def has_signed_bytes(dataset: rasterio.DatasetReader, band: int = 1) -> bool:
    """Whether GDAL hands out a band of int8 as uint8, which :func:`read_window` corrects and GDAL's warper does not."""
    return _reading(dataset).signed_bytes[band - 1]


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
    scaled: bool = True,
) -> np.ndarray:
    """Read cells of the raster as it lies north-up, as float32, with NaN at declared nodata and outside.

    Args:
        dataset: an open raster (or a view warped onto a grid).
        row: first row; may be negative, and so may ``column``.
        bands: 1-based band numbers; all bands by default.
        mask_implausible: whether infinite and implausibly large numbers become NaN as well.
        scaled: whether the scale and offset that a band declares are applied.

    Returns:
        float32 array of shape (bands, height, width).
    """
    numbers = list(bands) if bands is not None else list(dataset.indexes)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + height, dataset.height), min(column + width, dataset.width)
    if top >= bottom or left >= right:
        return np.full((len(numbers), height, width), np.nan, dtype=np.float32)
    how = _reading(dataset)
    window = stored_window(dataset, Window(left, top, right - left, bottom - top))
    try:
        cells = _read_cells(dataset, how, numbers, window, mask_implausible, scaled)
    except GDAL_ERRORS as error:
        # Not left to open_raster: code that reads while it writes would take it for an error of the output.
        raise _read_error(how.role, how.path or dataset.name, error) from error
    cells = north_up(dataset, cells)
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


def _read_cells(
    dataset: rasterio.DatasetReader,
    how: _Reading,
    numbers: Sequence[int],
    window: Window,
    mask_implausible: bool,
    scaled: bool,
) -> np.ndarray:
    if any(how.masked[number - 1] for number in numbers):
        cells = _as_float32(dataset.read(numbers, window=window, masked=True))
    else:
        cells = dataset.read(numbers, window=window, out_dtype="float32")
    return _to_values(dataset, cells, how, numbers, mask_implausible, scaled)


def _as_float32(cells: np.ma.MaskedArray) -> np.ndarray:
    """Return float32 with NaN for masked cells; what is beyond its range, such as a nodata of -1.8e308, is infinite."""
    with np.errstate(over="ignore"):
        return np.ma.filled(cells.astype(np.float32), np.nan)


def _to_values(
    dataset: rasterio.DatasetReader,
    cells: np.ndarray,
    how: _Reading,
    numbers: Sequence[int],
    mask_implausible: bool = True,
    scaled: bool = True,
) -> np.ndarray:
    """Turn stored numbers of some bands, float32 of shape (bands, rows, columns), into values in place."""
    for band, number in zip(cells, numbers):
        nodata = how.nodata[number - 1]
        if how.signed_bytes[number - 1]:
            band[band > 127] -= 256
        if nodata is not None and not np.isnan(nodata):
            with np.errstate(over="ignore"):
                band[band == np.float32(nodata)] = np.nan
    if mask_implausible or how.undeclared or how.refused:
        # Finding the extremes is several times as fast as testing each cell, and mostly enough.
        lowest, highest = (find.reduce(cells, axis=None, initial=0) for find in (np.fmin, np.fmax))
        if how.undeclared or how.refused:
            _take_out_or_refuse(dataset, how, numbers, cells, float(lowest), float(highest))
        if mask_implausible and (lowest < -MAX_PLAUSIBLE_VALUE or highest > MAX_PLAUSIBLE_VALUE):
            with np.errstate(invalid="ignore"):
                cells[np.abs(cells) > MAX_PLAUSIBLE_VALUE] = np.nan
    for band, number in zip(cells, numbers):
        scale, offset = how.scales[number - 1], how.offsets[number - 1]
        if scaled and scale != 1:
            band *= np.float32(scale)
        if scaled and offset != 0:
            band += np.float32(offset)
    return cells


def _take_out_or_refuse(
    dataset: rasterio.DatasetReader,
    how: _Reading,
    numbers: Sequence[int],
    cells: np.ndarray,
    lowest: float,
    highest: float,
) -> None:
    """Set undeclared nodata to NaN in place, and refuse what :func:`refuse_values` refuses.

    ``lowest`` and ``highest`` are of all bands, and enough to know most windows as good.
    """
    for band, number in zip(cells, numbers):
        taken, (refused, why) = how.undeclared.get(number, frozenset()), how.refused.get(number, (frozenset(), ""))
        for value in sorted(taken | refused):
            if not lowest <= value <= highest:
                continue
            found = band == np.float32(value)
            if not found.any():
                continue
            if value in refused:
                name = dataset.descriptions[number - 1] or f"band {number}"
                raise InputCorrupt(
                    f"The {how.role} raster {how.path or dataset.name} holds {value:.10g} in {name} "
                    f"({np.count_nonzero(found):,} cells of the part that was read), not declared as nodata. {why}"
                )
            band[found] = np.nan
            how.met.add(value)


def read_reduced(
    dataset: rasterio.DatasetReader, window: Window, shape: tuple[int, int], resampling: Resampling
) -> np.ndarray:
    """Read a window of the first band, as stored, in a smaller shape for pictures; float32 with NaN for no data."""
    how = _reading(dataset)
    if how.met:
        # Averages would mix values with those that stand for no data.
        resampling = Resampling.nearest
    cells = dataset.read([1], window=window, out_shape=(1, *shape), masked=True, resampling=resampling)
    return _to_values(dataset, _as_float32(cells), how, [1])[0]


def stored_window(dataset: rasterio.DatasetReader, window: Window) -> Window:
    """Return where a window of the raster as it lies north-up is stored in the file."""
    how = _reading(dataset)
    row = dataset.height - window.row_off - window.height if how.south_up else window.row_off
    column = dataset.width - window.col_off - window.width if how.mirrored else window.col_off
    return Window(column, row, window.width, window.height)


def north_up(dataset: rasterio.DatasetReader, cells: np.ndarray) -> np.ndarray:
    """Return cells as stored, rows and columns last, as they lie north-up."""
    how = _reading(dataset)
    if not (how.south_up or how.mirrored):
        return cells
    return np.ascontiguousarray(cells[..., :: -1 if how.south_up else 1, :: -1 if how.mirrored else 1])


def read_block(dataset: rasterio.DatasetReader, block: Block, band: int = 1) -> np.ndarray:
    """Read one band of a block as :func:`read_window` does, shape of the block."""
    return read_window(dataset, block.row, block.column, block.height, block.width, [band])[0]


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
                thinning = None
                with _open_writer(temporary, "w", **profile) as dataset:
                    dataset.update_tags(**(tags or {}))
                    for index, description in enumerate(bands, 1):
                        if description:
                            dataset.set_band_description(index, description)
                        if band_tags:
                            dataset.update_tags(index, **band_tags[index - 1])
                    if colours:
                        dataset.write_colormap(1, dict(colours))
                    if overviews is Resampling.nearest and len(bands) > MANY_BANDS:
                        thinning = ThinningWriter(dataset, temporary, TILE)
                    with contextlib.closing(thinning) if thinning else contextlib.nullcontext():
                        yield thinning or dataset
                if thinning:
                    _fill_overviews(thinning)
                elif overviews is not None:
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


def _fill_overviews(thinning: ThinningWriter) -> None:
    try:
        thinning.fill_overviews()
    except GDAL_ERRORS as error:
        # The file was just written: it is truncated because the disk is full.
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
