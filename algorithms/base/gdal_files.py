"""Files that GDAL may open, without exceptions and without a word on the console."""

from __future__ import annotations

from typing import Any

from osgeo import gdal

RASTER, VECTOR = gdal.OF_RASTER, gdal.OF_VECTOR


def open_quietly(path: str, kind: int = RASTER) -> Any:
    """Return the dataset of a raster or vector file, opened for reading; None for what GDAL cannot open."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        return gdal.OpenEx(path, kind | gdal.OF_READONLY)
    except RuntimeError:
        # So it is where another plugin, or a newer GDAL, has switched GDAL's exceptions on.
        return None
    finally:
        gdal.PopErrorHandler()
