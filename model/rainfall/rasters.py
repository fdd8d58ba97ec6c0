"""Daily rain from rasters with a band for each day, read at single cells only."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence

import numpy as np
import rasterio
from rasterio.warp import transform

from ..errors import GridMismatch, InputCorrupt, NoOverlap, ParameterInvalid
from ..grid import require_crs
from ..inputs.bands import data_bands
from ..inputs.dates import NO_DAY, as_text, date_in_name, read_dates
from ..inputs.rasters import north_up_transform, open_raster, raster_path, read_window
from ..progress import Progress, stop_if_cancelled
from ..virtual_rasters import FULL_CIRCLE
from .series import DailyRain, clean_rain, require_days_in_order
from .settings import RainThresholdOptions

ROLE = "daily rain"
_BANDS_AT_ONCE = 64
_TILE = 256  # cells along a side of what is read at once
_SINCE = re.compile(r"(day|hour|minute|second)s? since (\d{4}-\d{1,2}-\d{1,2})", re.IGNORECASE)
_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")


def rain_at(
    rasters: Sequence[tuple[str, str]], xy: np.ndarray, crs_wkt: str, options: RainThresholdOptions, progress: Progress
) -> tuple[DailyRain, np.ndarray]:
    """Return the rain of the cells under some points, and the number of the cell of each point, -1 outside.

    Args:
        rasters: path and name of each; together they have a band for each day.
        xy: points in ``crs_wkt``, shape (points, 2).

    Raises:
        InputCorrupt: the days of the bands are unknown, or one occurs twice.
        GridMismatch: the rasters have different grids.
        NoOverlap: no point lies on them.
        ParameterInvalid, TooFewData: see ``clean_rain``.
    """
    days, parts, cells, units = [], [], None, set()
    owner = np.empty(0, dtype=np.int64)
    first: tuple[str, tuple[int, int], rasterio.Affine] | None = None
    if options.start_date.strip() and len(rasters) > 1:
        raise ParameterInvalid(
            "START_DATE is for one raster. Rasters of several files must state their days themselves."
        )
    for number, (path, name) in enumerate(rasters):
        with open_raster(path, ROLE) as dataset:
            require_crs(dataset, ROLE)
            bands = data_bands(dataset)
            days.append(band_days(dataset, bands, name, options))
            affine = north_up_transform(dataset)
            if affine is None:
                raise InputCorrupt(
                    f"The {ROLE} raster {raster_path(dataset)} is rotated. Make it north-up with Raster > Projections "
                    "> Warp (reproject)."
                )
            if first is None or cells is None:
                first = name, dataset.shape, affine
                cells, owner = _cells_of(dataset, affine, xy, crs_wkt)
            elif dataset.shape != first[1] or not affine.almost_equals(first[2], abs(affine.a) / 100):
                raise GridMismatch(
                    f'The {ROLE} rasters "{first[0]}" and "{name}" are on different grids. Give rasters of one grid.'
                )
            units.add((dataset.units[bands[0] - 1] or "").strip())
            done = number / len(rasters), (number + 1) / len(rasters)
            parts.append(_read_cells(dataset, cells, bands, progress, done))
    what = f"The {ROLE} of {rasters[0][1]}" if len(rasters) == 1 else f"The {ROLE} of {len(rasters)} rasters"
    if len(units) > 1:
        listed = ", ".join(sorted(one or "none" for one in units))
        raise InputCorrupt(f"{what} states different units: {listed}. Convert the rasters to one unit.")
    stated = units.pop() if units else ""
    every = np.concatenate(days)
    order = require_days_in_order(every, what)
    columns = (every[order] - every[order[0]]).astype(np.int64)
    values = np.concatenate(parts, axis=1)[:, order]
    rain = np.full((len(values), int(columns[-1]) + 1), np.nan)
    rain[:, columns] = values
    rain = clean_rain(rain, what, stated, options, progress)
    gaps = rain.shape[1] - len(columns)
    if gaps:
        progress.warn(
            f"{what} lacks {gaps:,} of {rain.shape[1]:,} days from {as_text(every.min())} to {as_text(every.max())}. "
            "Rain events that reach such a day are not used."
        )
    rows, places = cells if cells is not None else (np.empty(0), np.empty(0))
    names = [f"row {row + 1}, column {column + 1}" for row, column in zip(rows.tolist(), places.tolist())]
    return DailyRain(every[order[0]], rain, names, is_raster=True), owner


def _cells_of(
    dataset: rasterio.DatasetReader, affine: rasterio.Affine, xy: np.ndarray, crs_wkt: str
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return row and column of the distinct cells under points, and the cell of each point, -1 outside."""
    x, y = (np.array(one, dtype=np.float64) for one in transform(crs_wkt, dataset.crs, xy[:, 0], xy[:, 1]))
    if dataset.crs.is_geographic:
        # Longitudes may count from 0 to 360.
        x = affine.c + (x - affine.c) % FULL_CIRCLE
    with np.errstate(invalid="ignore"):
        columns, rows = ~affine * (x, y)
        inside = (rows >= 0) & (rows < dataset.height) & (columns >= 0) & (columns < dataset.width)
    if not inside.any():
        raise NoOverlap(
            f"No landslide lies on the {ROLE} raster {raster_path(dataset)}. Check the CRS of both, or give the "
            "raster of this area."
        )
    row, column = (np.floor(one[inside]).astype(np.int64) for one in (rows, columns))
    flat, number = np.unique(row * dataset.width + column, return_inverse=True)
    owner = np.full(len(xy), -1, dtype=np.int64)
    owner[inside] = number.reshape(-1)
    return (flat // dataset.width, flat % dataset.width), owner


def _read_cells(
    dataset: rasterio.DatasetReader,
    cells: tuple[np.ndarray, np.ndarray],
    bands: Sequence[int],
    progress: Progress,
    share: tuple[float, float],
) -> np.ndarray:
    """Return the values of cells, float64, shape (cells, bands): cells in one tile are read together."""
    rows, columns = cells
    values = np.full((len(rows), len(bands)), np.nan)
    tiles = (rows // _TILE) * (dataset.width // _TILE + 1) + columns // _TILE
    work = [(tile, start) for tile in np.unique(tiles) for start in range(0, len(bands), _BANDS_AT_ONCE)]
    for done, (tile, start) in enumerate(work):
        stop_if_cancelled(progress)
        progress.report(share[0] + (share[1] - share[0]) * done / len(work))
        here = np.flatnonzero(tiles == tile)
        top, left = int(rows[here].min()), int(columns[here].min())
        height, width = int(rows[here].max()) - top + 1, int(columns[here].max()) - left + 1
        chunk = bands[start : start + _BANDS_AT_ONCE]
        block = read_window(dataset, top, left, height, width, chunk)
        values[here, start : start + len(chunk)] = block[:, rows[here] - top, columns[here] - left].T
    return values


def band_days(
    dataset: rasterio.DatasetReader, bands: Sequence[int], name: str, options: RainThresholdOptions
) -> np.ndarray:
    """Return the day of each band, from START_DATE, names or times of bands, or for a single band the file's name.

    Raises:
        InputCorrupt: a band does not state its day.
        ParameterInvalid: START_DATE is no day.
    """
    start = options.start_date.strip()
    if start:
        first = read_dates([start], "START_DATE", options.date_order).days[0]
        if np.isnat(first):
            raise ParameterInvalid(f'START_DATE is "{start}". Give a day such as 2015-01-01.')
        return first + np.arange(len(bands)).astype("timedelta64[D]")
    found = [stated_day(dataset, band) for band in bands]
    if len(bands) == 1 and np.isnat(found[0]):
        by_name = (date_in_name(text) for text in (os.path.basename(raster_path(dataset)), name))
        found = [next((day for day in by_name if day is not None), NO_DAY)]
    missing = [band for band, day in zip(bands, found) if np.isnat(day)]
    if missing:
        description = dataset.descriptions[missing[0] - 1] or "no name"
        raise InputCorrupt(
            f"The {ROLE} raster {raster_path(dataset)} does not state the day of {len(missing):,} of {len(bands):,} "
            f"bands (band {missing[0]}: {description}). Name the bands by their days, such as 2019-07-03; or give the "
            "first day as START_DATE, if there is a band for each day."
        )
    return np.array(found, dtype="datetime64[D]")


def stated_day(dataset: rasterio.DatasetReader, band: int) -> np.datetime64:
    """Return the day that a band states in its name or as a time of NetCDF, NaT without."""
    described = dataset.descriptions[band - 1] or ""
    tags = dataset.tags(band)
    for text in (described, tags.get("DATE", ""), tags.get("date", "")):
        day = date_in_name(text)
        if day is not None:
            return day
    return _netcdf_day(dataset, tags)


def _netcdf_day(dataset: rasterio.DatasetReader, tags: dict[str, str]) -> np.datetime64:
    for key, value in tags.items():
        if not key.startswith("NETCDF_DIM_"):
            continue
        dimension, common = key[len("NETCDF_DIM_") :], dataset.tags()
        since = _SINCE.search(common.get(f"{dimension}#units", ""))
        calendar = common.get(f"{dimension}#calendar", "").lower()
        if since is None:
            continue
        if calendar not in _CALENDARS:
            raise InputCorrupt(
                f'The {ROLE} raster {raster_path(dataset)} counts days by the calendar "{calendar}", which is not '
                "the usual one. Give the first day as START_DATE if it has a band for each day."
            )
        with contextlib.suppress(ValueError, OverflowError):
            year, month, day = map(int, since[2].split("-"))
            seconds = float(value) * _SECONDS[since[1].lower()]
            first = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "s")
            return (first + np.timedelta64(int(np.floor(seconds)), "s")).astype("datetime64[D]")
    return NO_DAY
