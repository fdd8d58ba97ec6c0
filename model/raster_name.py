"""Names of rasters with options, as GDAL has them: ``vrt://PATH?bands=2&a_srs=EPSG:4326``.

GDAL itself understands these names only in part before version 3.7, so Scarp reads them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

_PREFIX, _CRS, _BAND = "vrt://", "a_srs", "bands"


@dataclass(frozen=True)
class RasterName:
    """A raster as GDAL names it: its file, and options."""

    file: str
    crs: str = ""  # code or WKT of the CRS to take where the file has none
    band: int = 0  # the only band to take, from 1; 0 for all

    @classmethod
    def parse(cls, name: str | os.PathLike) -> RasterName:
        """Read a name; a plain path is one without options."""
        text = os.fspath(name)
        file, mark, options = text[len(_PREFIX) :].rpartition("?")
        if not (text.startswith(_PREFIX) and mark):
            return cls(text)
        found = dict(parse_qsl(options))
        band = found.get(_BAND, "0")
        return cls(file, found.get(_CRS, ""), int(band) if band.isdigit() else 0)

    def __str__(self) -> str:
        options = [f"{_BAND}={self.band}"] if self.band else []
        options += [f"{_CRS}={quote(self.crs, safe=':')}"] if self.crs else []
        return f"{_PREFIX}{self.file}?{'&'.join(options)}" if options else self.file


def raster_file(name: str | os.PathLike) -> str:
    """Return the file of a raster that may have a name with options."""
    return RasterName.parse(name).file
