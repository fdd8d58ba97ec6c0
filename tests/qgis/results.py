"""What runs have written, read back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio


def rows_of(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def record_of(output: str | Path) -> dict[str, Any]:
    """Return the run record of an output."""
    return json.loads(Path(f"{output}.run.json").read_text(encoding="utf-8"))


def read_band(path: str | Path, band: int = 1) -> np.ma.MaskedArray:
    """Return a band of a raster, masked where it has no data."""
    with rasterio.open(path) as source:
        return source.read(band, masked=True)
