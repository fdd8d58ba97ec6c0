"""GDAL's virtual rasters (VRT) over one raster: with another CRS, one band of several, or its longitudes repeated.

Their names have options, as GDAL has them: ``vrt://PATH?bands=2&a_srs=EPSG:4326``. GDAL itself understands these only
in part before version 3.7, so Scarp reads them. The shell reads names too, so no library is needed for them.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote
from xml.etree import ElementTree  # nosec B405  # reads only what GDAL itself wrote

if TYPE_CHECKING:
    import rasterio

VRT_PREFIX, _CRS, _BAND = "vrt://", "a_srs", "bands"
FULL_CIRCLE = 360.0


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
        file, mark, options = text[len(VRT_PREFIX) :].rpartition("?")
        if not (text.startswith(VRT_PREFIX) and mark):
            return cls(text)
        found = dict(parse_qsl(options))
        band = found.get(_BAND, "0")
        return cls(file, found.get(_CRS, ""), int(band) if band.isdigit() else 0)

    def __str__(self) -> str:
        options = [f"{_BAND}={self.band}"] if self.band else []
        options += [f"{_CRS}={quote(self.crs, safe=':')}"] if self.crs else []
        return f"{VRT_PREFIX}{self.file}?{'&'.join(options)}" if options else self.file


def raster_file(name: str | os.PathLike) -> str:
    """Return the file of a raster that may have a name with options."""
    return RasterName.parse(name).file


def vrt_text(dataset: rasterio.DatasetReader) -> str:
    """Return the XML of a virtual raster of a dataset: its layout and metadata as GDAL states them, in any format."""
    import rasterio.shutil
    from rasterio.io import MemoryFile

    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(dataset, memory.name, driver="VRT")
        return bytes(memory.getbuffer()).decode("utf-8", "replace")


def vrt_with_options(dataset: rasterio.DatasetReader, name: RasterName) -> str:
    """Return the XML of a virtual raster of a dataset with the options of a name; an alpha band stays beside a band."""
    root = _parse(vrt_text(dataset))
    if name.crs and not dataset.crs:
        for old in root.findall("SRS"):
            root.remove(old)
        ElementTree.SubElement(root, "SRS").text = name.crs
    if name.band:
        alpha = [band for band, meaning in zip(dataset.indexes, dataset.colorinterp) if meaning.name == "alpha"]
        kept = [name.band, *(band for band in alpha if band != name.band)]
        bands = {int(band.get("band", "0")): band for band in root.findall("VRTRasterBand")}
        for band in bands.values():
            root.remove(band)
        # GDAL counts them in the order of the text.
        for place, number in enumerate(kept, 1):
            bands[number].set("band", str(place))
            root.append(bands[number])
    return ElementTree.tostring(root, encoding="unicode")


def vrt_around_the_earth(dataset: rasterio.DatasetReader) -> str | None:
    """Return the XML of a virtual raster that holds a raster in degrees thrice, a full circle apart.

    It has data wherever one of the longitudes of a place, which differ by full circles, lies on the raster. None if the
    copies would not fall on the raster's own cells.
    """
    transform = dataset.transform
    circle = round(FULL_CIRCLE / transform.a)
    if transform.a <= 0 or dataset.width > circle + 1 or abs(circle * transform.a - FULL_CIRCLE) > transform.a / 100:
        return None
    root = _parse(vrt_text(dataset))
    sources = [(band, one) for band in root.iter("VRTRasterBand") for one in list(band) if one.tag.endswith("Source")]
    if not sources:
        return None
    root.set("rasterXSize", str(dataset.width + 2 * circle))
    west = transform.c - circle * transform.a
    values = west, transform.a, transform.b, transform.f, transform.d, transform.e
    root.findall("GeoTransform")[0].text = ", ".join(f"{value:.17g}" for value in values)
    for band, one in sources:
        text = ElementTree.tostring(one, encoding="unicode")
        for turn in (2, 1, 0):
            copy = one if turn == 0 else _parse(text)
            for place in copy.findall("DstRect"):
                place.set("xOff", f"{float(place.get('xOff', '0')) + turn * circle:.17g}")
            if copy is not one:
                band.append(copy)
    return ElementTree.tostring(root, encoding="unicode")


def turns_to(longitude: float, left: float, right: float) -> int | None:
    """Return by how many full circles a longitude must be turned to lie between two, None if none brings it there."""
    turns = math.ceil((left - longitude) / FULL_CIRCLE)
    return turns if longitude + turns * FULL_CIRCLE <= right else None


def _parse(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314  # nosec B314  # GDAL wrote it, without entities of its own
