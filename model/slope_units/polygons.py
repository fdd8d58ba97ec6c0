"""Slope units as polygons in an SQLite file, which the caller turns into a layer of any format."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from affine import Affine
from rasterio.features import shapes

from ..errors import OutputNotWritable
from ..progress import Progress, stop_if_cancelled
from .build import SlopeUnits

SLOPE, FLAT = "slope", "flat"
_UNITS = "CREATE TABLE units (id INTEGER PRIMARY KEY, kind, area_m2, slope, aspect, variance, elevation)"
_POLYGONS_PER_CHECK = 1000


def attributes(units: SlopeUnits) -> Iterator[tuple[Any, ...]]:
    """Give the attributes of each unit in the order of ``settings.UNIT_FIELDS``; None where there is no aspect."""
    table = units.table
    columns = (
        table["area"],
        table["slope"] / table["cells"],
        table.aspect(),
        table.variance(),
        table["elevation"] / table["cells"],
    )
    for number, (flat, *values) in enumerate(zip(units.flat.tolist(), *(column.tolist() for column in columns)), 1):
        yield number, FLAT if flat else SLOPE, *(None if math.isnan(value) else value for value in values)


def write_polygons(path: str | os.PathLike, units: SlopeUnits, transform: Affine, progress: Progress) -> None:
    """Write the tables ``units``, of ``settings.UNIT_FIELDS``, and ``shapes``, of polygons as WKB.

    ``transform`` is that of the grid.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    try:
        # The inner context commits, the outer one closes.
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(_UNITS)
            database.execute("CREATE TABLE shapes (id INTEGER PRIMARY KEY, shape BLOB)")
            database.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?, ?, ?)", attributes(units))
            found = _polygons(units.raster, transform * Affine.translation(-1, -1), len(units.table), progress)
            database.executemany("INSERT INTO shapes VALUES (?, ?)", found)
    except (sqlite3.Error, OSError) as error:
        raise OutputNotWritable(f"The slope units could not be written to {path}: {error}. Check the disk.") from error


def _polygons(raster: np.ndarray, transform: Affine, count: int, progress: Progress) -> Iterator[tuple[int, bytes]]:
    # Units are connected along sides of cells, so each is one polygon.
    found = shapes(raster, mask=raster > 0, connectivity=4, transform=transform)
    for number, (geometry, value) in enumerate(found):
        if number % _POLYGONS_PER_CHECK == 0:
            stop_if_cancelled(progress)
            progress.report(number / count)
        yield int(value), _wkb(geometry["coordinates"])


def _wkb(rings: list[Any]) -> bytes:
    parts = [struct.pack("<BII", 1, 3, len(rings))]
    for ring in rings:
        parts += [struct.pack("<I", len(ring)), np.asarray(ring, dtype="<f8").tobytes()]
    return b"".join(parts)
