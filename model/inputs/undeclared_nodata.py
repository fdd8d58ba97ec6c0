"""Values that stand for no data without being declared: one rule for all rasters and tables of measured values.

A value counts when it is one of :data:`SENTINELS` and lies far from all others: at least half their range away, or
below zero where no other value is. It is never taken out in silence; who takes it out says so, with the number of
cells.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

from ..errors import InputCorrupt
from ..progress import Progress, stop_if_cancelled
from .rasters import GDAL_ERRORS, declare_nodata, north_up_transform, raster_path, read_window

if TYPE_CHECKING:
    from ..grid import Grid

SENTINELS = (
    *(-9999.0, -99999.0, -32768.0, -32767.0, -2147483648.0, float(np.finfo(np.float32).min), -999.0, -1e20),
    *(9999.0, 32767.0, 65535.0, 99999.0, 2147483647.0, 1e20, float(np.finfo(np.float32).max)),
)
"""Numbers that rasters and tables often hold in place of data without declaring them."""
BYTE_SENTINELS = {"uint8": (255.0,), "int8": (-128.0,)}  # further ones, by type of the cells
MIN_GAP = 0.5  # distance of a sentinel value from all other values, as a share of their range
NO_LIMITS = -math.inf, math.inf
_SIDE = 1024  # cells along a side of what is read at once

Limits = tuple[float, float]  # lowest and highest plausible value


class SentinelCounter:
    """Counts sentinel values in values that come piece by piece."""

    def __init__(self, limits: Limits = NO_LIMITS, more: Iterable[float] = ()) -> None:
        """Begin to count; a sentinel beyond the plausible ``limits`` counts however near the other values are."""
        self._limits = limits
        # As float32, in which all values are read.
        self._sentinels = {float(np.float32(value)) for value in (*SENTINELS, *more)}
        self._counts: dict[float, int] = {}
        self._low, self._high = math.inf, -math.inf  # of the other values

    def add(self, values: np.ndarray) -> None:
        """Add values of any shape; NaN and infinite ones are ignored."""
        values = np.asarray(values, dtype=np.float32)
        while values.size:
            low, high = (float(find.reduce(values, axis=None)) for find in (np.fmin, np.fmax))
            found = {value for value in (low, high) if value in self._sentinels or math.isinf(value)}
            if not found:
                if not math.isnan(low):
                    self._low, self._high = min(self._low, low), max(self._high, high)
                return
            for value in found:
                where = values == np.float32(value)
                if value in self._sentinels:
                    self._counts[value] = self._counts.get(value, 0) + int(np.count_nonzero(where))
                values = values[~where]

    def isolated(self) -> dict[float, int]:
        """Return the sentinels that are far from all other values, and how often each occurs."""
        low, high, result = self._low, self._high, {}
        # From the nearest to the farthest: one that is not isolated is a value like the others.
        for sentinel in sorted(self._counts, key=lambda value: max(low - value, value - high)):
            gap = max(low - sentinel, sentinel - high)
            implausible = not self._limits[0] <= sentinel <= self._limits[1] or sentinel < 0 <= low < math.inf
            if implausible or (math.isfinite(gap) and gap > 0 and gap >= MIN_GAP * (high - low)):
                result[sentinel] = self._counts[sentinel]
            else:
                low, high = min(low, sentinel), max(high, sentinel)
        return result


def sentinels_far_from(low: float, high: float) -> list[float]:
    """Return the sentinels that would be isolated among values between two."""
    counter = SentinelCounter()
    counter.add(np.array([low, high]))
    if low in SENTINELS or high in SENTINELS:
        return []
    counter.add(np.array(SENTINELS))
    return list(counter.isolated())


def isolated_sentinels(values: Any, limits: Limits = NO_LIMITS) -> dict[float, int]:
    """Return the sentinels among values that are isolated, with their counts; see the head of this module."""
    counter = SentinelCounter(limits)
    counter.add(np.asarray(values))
    return counter.isolated()


def find_undeclared_nodata(
    dataset: rasterio.DatasetReader, grid: Grid, progress: Progress, band: int = 1, limits: Limits = NO_LIMITS
) -> dict[float, int]:
    """Return the isolated sentinels in the part of a raster that lies on a grid, as stored, with the number of cells.

    Args:
        dataset: an open raster, in any CRS.
        limits: plausible values, with the scale and offset that the band declares.
    """
    scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    low, high = sorted((limit - offset) / scale for limit in limits)
    counter = SentinelCounter((low, high), BYTE_SENTINELS.get(dataset.dtypes[band - 1], ()))
    for window in _windows_on(dataset, grid):
        stop_if_cancelled(progress)
        counter.add(read_window(dataset, *window, bands=[band], scaled=False))
    return counter.isolated()


def take_out_undeclared_nodata(
    dataset: rasterio.DatasetReader,
    grid: Grid,
    role: str,
    progress: Progress,
    band: int = 1,
    limits: Limits = NO_LIMITS,
) -> tuple[float, ...]:
    """Find isolated sentinels in a raster, warn of them, let them count as no data, and return them.

    ``role`` says in the warning what the raster is in this run.
    """
    found = find_undeclared_nodata(dataset, grid, progress, band, limits)
    if found:
        progress.warn(f"The {role} raster {raster_path(dataset)} holds {described_sentinels(found)}. {TAKEN_OUT}")
        declare_nodata(dataset, band, tuple(found))
    return tuple(found)


TAKEN_OUT = "They are taken as no data. If they are real values, add something to all values of the raster first."


def described_sentinels(found: dict[float, int], unit: str = "cells") -> str:
    """Return sentinels and counts in words: "−9999 in 2,400 cells, far from all other values"."""
    named = " and ".join(f"{sentinel:.10g} in {count:,} {unit}" for sentinel, count in sorted(found.items()))
    return f"{named}, far from all other values and not declared as nodata"


def only_nodata(dataset: rasterio.DatasetReader, undeclared: Iterable[float], role: str, band: int = 1) -> Any:
    """Return the one stored value of a band that stands for no data, None without any: GDAL's warper knows no second.

    Raises:
        InputCorrupt: several values stand for no data.
    """
    declared = dataset.nodatavals[band - 1]
    known = () if declared is None or math.isnan(declared) else (declared,)
    values = sorted({*known, *undeclared})
    if len(values) > 1:
        numbers = " and ".join(f"{value:.10g}" for value in values)
        raise InputCorrupt(
            f"In the {role} raster {raster_path(dataset)} several values stand for no data: {numbers}. Replace them by "
            "one (Raster analysis > Reclassify by table), and declare that as nodata."
        )
    return values[0] if values else declared


def _windows_on(dataset: rasterio.DatasetReader, grid: Grid) -> Iterator[tuple[int, int, int, int]]:
    """Give row, column, height and width of windows over the part of a raster on a grid; all of it if in doubt."""
    first_row, first_column, last_row, last_column = 0, 0, dataset.height, dataset.width
    t = north_up_transform(dataset)
    if t is not None and dataset.crs:
        try:
            left, bottom, right, top = transform_bounds(grid.crs, dataset.crs, *grid.bounds)
        except GDAL_ERRORS:
            left, bottom, right, top = [math.inf] * 4
        if np.isfinite([left, bottom, right, top]).all():
            first_row = max(math.floor((top - t.f) / t.e) - 2, 0)
            last_row = min(math.ceil((bottom - t.f) / t.e) + 2, dataset.height)
            # Longitudes may be counted from 0 to 360 in one and from -180 to 180 in the other.
            if not dataset.crs.is_geographic:
                first_column = max(math.floor((left - t.c) / t.a) - 2, 0)
                last_column = min(math.ceil((right - t.c) / t.a) + 2, dataset.width)
    for row, column in itertools.product(range(first_row, last_row, _SIDE), range(first_column, last_column, _SIDE)):
        yield row, column, min(_SIDE, last_row - row), min(_SIDE, last_column - column)
