"""Breaks of an earlier run, so that maps of several years or regions are cut at the same values."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ..errors import InputCorrupt, InputMissing, ParameterInvalid
from ..files import RECORD_SUFFIX
from ..inputs.rasters import open_raster
from ..json_text import read_json
from .schemes import MOST_ZONES

ALGORITHM = "scarp:classifyzones"
RASTERS = (".tif", ".tiff")
LARGEST_TABLE = 1024 * 1024
"""Bytes of a zone table; the longest that this plugin writes has some thousand."""


def breaks_of_run(path: str | os.PathLike) -> list[float]:
    """Return the breaks that an earlier run of :data:`ALGORITHM` used.

    Args:
        path: its zone raster (``.tif``), the run record of one of its outputs (``.run.json``), or its zone table
            (``.csv``, or the ``.json`` beside it).

    Returns:
        Upper bounds of all zones but the last, exactly as that run compared them with the cells.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: it is damaged, or comes from something else.
        ParameterInvalid: it is a file of another kind.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise InputMissing(f"BREAKS_FROM: the file {source} does not exist. Check the path.")
    kind = source.suffix.lower()
    if kind in RASTERS:
        breaks = _of_raster(source)
    elif kind == ".csv":
        breaks = _of_rows(_csv_rows(source), source)
    elif kind == ".json":
        content = _json(source)
        breaks = _of_record(content, source) if isinstance(content, dict) else _of_rows(content, source)
    else:
        raise ParameterInvalid(f"BREAKS_FROM is {source.name}, but breaks are read from a zone raster (.tif), its run "
                               f"record ({RECORD_SUFFIX}), or its zone table (.csv or .json).")
    if not 1 <= len(breaks) < MOST_ZONES:
        raise _foreign(source)
    # Nine digits name a float32; read back as one, the breaks are those of that run to the bit.
    with np.errstate(over="ignore"):
        breaks = [float(np.float32(value)) for value in breaks]
    if not all(map(math.isfinite, breaks)) or any(low > high for low, high in zip(breaks, breaks[1:])):
        raise _foreign(source)
    return breaks


def _of_raster(source: Path) -> list[float]:
    # The raster states its breaks itself, so it serves also without its record.
    with open_raster(source, "zone") as dataset:
        text = dataset.tags().get("BREAKS", "")
    try:
        return [float(entry) for entry in text.split(",") if entry.strip()]
    except ValueError:
        raise _foreign(source) from None


def _of_record(content: dict[str, Any], source: Path) -> list[float]:
    found = content.get("summary")
    if content.get("algorithm") != ALGORITHM or not isinstance(found, dict):
        raise _foreign(source)
    return _numbers(found.get("breaks"), source)


def _of_rows(rows: Any, source: Path) -> list[float]:
    """Return the upper values of all rows of a zone table but the last."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"zone", "upper"} <= set(row) for row in rows):
        raise _foreign(source)
    return _numbers([row["upper"] for row in rows[:-1]], source)


def _numbers(values: Any, source: Path) -> list[float]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _foreign(source)
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        raise _foreign(source) from None


def _csv_rows(source: Path) -> list[dict[str, str]]:
    try:
        with open(source, "rb") as stream:
            content = stream.read(LARGEST_TABLE + 1)
        if len(content) > LARGEST_TABLE:
            raise ValueError("it is far larger than any zone table")
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise InputCorrupt(f"BREAKS_FROM: {source} cannot be read: {error}. Give the zone table as it was written."
                           ) from error


def _json(source: Path) -> Any:
    try:
        return read_json(source)
    except (OSError, ValueError) as error:
        raise InputCorrupt(f"BREAKS_FROM: {source} cannot be read: {error}. Give the file as it was written."
                           ) from error


def _foreign(source: Path) -> InputCorrupt:
    return InputCorrupt(f"BREAKS_FROM: {source} holds no breaks of {ALGORITHM}. Give a zone raster that it made, the "
                        f"run record beside it ({source.stem if source.suffix == '.tif' else 'zones'}.tif"
                        f"{RECORD_SUFFIX}), or its zone table.")
