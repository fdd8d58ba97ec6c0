"""Which band of a raster is used where one is meant, and its bands where each is a factor of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import rasterio
from rasterio.enums import ColorInterp

from ..errors import InputCorrupt
from ..progress import Progress
from ..virtual_rasters import RasterName
from .rasters import open_raster, raster_path
from .units import PRECIPITATION, TEMPERATURE

MONTHS = 12
_PICTURE = {ColorInterp.red, ColorInterp.green, ColorInterp.blue}


@contextlib.contextmanager
def open_band(
    name: str | os.PathLike, role: str, progress: Progress, quantity: str = ""
) -> Iterator[rasterio.DatasetReader]:
    """Open the band of a raster that :func:`choose_band` chooses, as a raster of its own.

    Raises:
        InputMissing, InputCorrupt: as :func:`choose_band`.
    """
    with open_raster(choose_band(name, role, progress, quantity), role) as dataset:
        yield dataset


def choose_band(name: str | os.PathLike, role: str, progress: Progress, quantity: str = "", hint: str = "") -> str:
    """Return the name of the one band of a raster that is used, and say which one where there are several.

    Args:
        name: as ``open_raster`` takes it.
        role: what it is in this run, for messages.
        quantity: that its values measure; without one they may be numbers of a colour table.
        hint: what to do with several bands; without it twelve of precipitation or temperature are refused as months.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: it holds complex numbers, is a colour picture, holds a band for each month, or cannot be opened.
    """
    with open_raster(name, role) as dataset:
        what = f"The {role} raster {raster_path(dataset)}"
        if any("complex" in dtype for dtype in dataset.dtypes):
            raise InputCorrupt(f"{what} holds complex numbers. Give a raster of real numbers.")
        meanings = set(dataset.colorinterp)
        if meanings >= _PICTURE and set(dataset.dtypes) == {"uint8"}:
            raise InputCorrupt(
                f"{what} is a colour picture (red, green, blue), not values. Give the raster that it was made from; if "
                "its bands are values all the same, extract one with Raster > Conversion > Translate."
            )
        if quantity and ColorInterp.palette in meanings:
            raise InputCorrupt(
                f"{what} holds numbers of a colour table, not measured values. Give the raster it was made from."
            )
        bands = data_bands(dataset)
        if bands == [1]:
            return os.fspath(name)
        if len(bands) == MONTHS and quantity in (PRECIPITATION, TEMPERATURE) and not hint:
            total = "sum" if quantity == PRECIPITATION else "mean"
            raise InputCorrupt(
                f"{what} has {MONTHS} bands. Are they months? Give the {total} of the year instead, made with the "
                "raster calculator; if one band holds the year, extract it with Raster > Conversion > Translate."
            )
        if len(bands) > 1:
            progress.warn(f"{what} has {len(bands)} bands; {_band_name(dataset, bands[0])} is used.{hint}")
        given = RasterName.parse(name)
        return str(RasterName(given.file, given.crs, bands[0]))


def split_bands(name: str, title: str, role: str) -> list[tuple[str, str]]:
    """Return name and title of each band of a raster that gives a factor a band.

    Raises:
        InputMissing, InputCorrupt: it cannot be opened.
    """
    with open_raster(name, role) as dataset:
        bands = data_bands(dataset)
        if len(bands) == 1 or RasterName.parse(name).band:
            return [(name, title)]
        given = RasterName.parse(name)
        names = [str(RasterName(given.file, given.crs, band)) for band in bands]
        return [(one, f"{title} {_short_name(dataset, band)}") for one, band in zip(names, bands)]


def _short_name(dataset: rasterio.DatasetReader, band: int) -> str:
    return (dataset.descriptions[band - 1] or "").strip() or f"band {band}"


def _band_name(dataset: rasterio.DatasetReader, band: int) -> str:
    described = (dataset.descriptions[band - 1] or "").strip()
    return f"band {band} ({described})" if described else f"band {band}"


def data_bands(dataset: rasterio.DatasetReader) -> list[int]:
    """Return the bands that hold values and do not state where there is data."""
    bands = [band for band, meaning in zip(dataset.indexes, dataset.colorinterp) if meaning != ColorInterp.alpha]
    return bands or list(dataset.indexes)
