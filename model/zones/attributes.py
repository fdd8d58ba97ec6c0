"""Names, counts and colours of the classes of a raster, where GDAL and QGIS look for them."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from ..files import write_text


@dataclass(frozen=True)
class ClassRow:
    """One class of a raster."""

    value: int
    name: str
    colour: tuple[int, int, int, int]
    cells: int
    km2: float


def write_attributes(output: str | os.PathLike, rows: Sequence[ClassRow]) -> None:
    """Write class names and raster attribute table beside a raster as ``OUTPUT.aux.xml``, and its style as ``.qml``.

    GDAL keeps an attribute table of a GeoTIFF nowhere but there. Colours and names are in the GeoTIFF itself too, for
    when it travels alone; but its colour table always has 256 entries, all of which QGIS would list in the legend, so
    the style that QGIS takes from beside a raster has the classes only.

    Args:
        output: path of the raster.
        rows: classes by rising value from 1, without gap; 0 is no data.
    """
    # Type 0 is a whole number, 1 a real number, 2 text; usage 1 the cell count, 2 the name, 5 the value, 6 to 8 colour.
    columns = [("Value", 0, 5), ("Count", 1, 1), ("Name", 2, 2), ("km2", 1, 0), ("Share", 1, 0), ("Red", 0, 6),
               ("Green", 0, 7), ("Blue", 0, 8)]
    fields = "".join(f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage>'
                     "</FieldDefn>" for index, (name, kind, usage) in enumerate(columns))
    total = sum(row.km2 for row in rows)
    lines = ""
    for index, row in enumerate(rows):
        share = row.km2 / total if total else 0.0
        entries = [row.value, row.cells, html.escape(row.name), f"{row.km2:.6f}", f"{share:.8f}", *row.colour[:3]]
        lines += f'<Row index="{index}">' + "".join(f"<F>{entry}</F>" for entry in entries) + "</Row>"
    names = "".join(f"<Category>{html.escape(name)}</Category>" for name in ["no data", *(row.name for row in rows)])
    write_text(f"{output}.aux.xml",
               f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames>'
               f'<GDALRasterAttributeTable tableType="thematic">{fields}{lines}</GDALRasterAttributeTable>'
               "</PAMRasterBand></PAMDataset>\n")
    entries = "".join(
        '<paletteEntry value="{}" color="#{:02x}{:02x}{:02x}" alpha="{}" label="{}"/>'.format(
            row.value, *row.colour, html.escape(row.name)) for row in rows)
    write_text(Path(output).with_suffix(".qml"),
               '<qgis version="3.22.0" styleCategories="Symbology"><pipe><rasterrenderer type="paletted" band="1" '
               f'alphaBand="-1" opacity="1" nodataColor=""><colorPalette>{entries}</colorPalette></rasterrenderer>'
               "</pipe></qgis>\n")
