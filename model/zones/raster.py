"""Names, counts and colours of the classes of a raster, where GDAL and QGIS look for them.
Reading the cells of a susceptibility raster, cutting them into zones, and writing the zone raster.
Breaks of an earlier run, so that maps of several years or regions are cut at the same values.
"""

from __future__ import annotations

import csv
import html
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import InputCorrupt, InputMissing, ParameterInvalid, TooFewData
from ..grid import Grid
from ..inputs.rasters import REGION_TAG, create_raster, open_raster, read_window
from ..outputs.atomic import RECORD_SUFFIX, write_text
from ..progress import Progress, stop_if_cancelled
from ..safe_json import read_json
from ..statistics.weighted_quantiles import CellScan
from .schemes import MAX_ZONES, NODATA, zone_colours, zone_names


@dataclass(frozen=True)
class ClassRow:
    """One class of a raster."""

    value: int
    name: str
    colour: tuple[int, int, int, int]
    cells: int
    km2: float


def write_class_attributes(output: str | os.PathLike, rows: Sequence[ClassRow]) -> None:
    """Write class names and raster attribute table beside a raster as ``OUTPUT.aux.xml``, and its style as ``.qml``.

    GDAL keeps an attribute table of a GeoTIFF nowhere but there. Colours and names are in the GeoTIFF itself too, for
    when it travels alone; but its colour table always has 256 entries, all of which QGIS would list in the legend, so
    the style that QGIS takes from beside a raster has the classes only.

    Args:
        output: path of the raster.
        rows: classes by rising value from 1, without gap; 0 is no data.
    """
    # Type 0 is a whole number, 1 a real number, 2 text; usage 1 the cell count, 2 the name, 5 the value, 6 to 8 colour.
    columns = [
        ("Value", 0, 5),
        ("Count", 1, 1),
        ("Name", 2, 2),
        ("km2", 1, 0),
        ("Share", 1, 0),
        ("Red", 0, 6),
        ("Green", 0, 7),
        ("Blue", 0, 8),
    ]
    fields = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for index, (name, kind, usage) in enumerate(columns)
    )
    total = sum(row.km2 for row in rows)
    lines = ""
    for index, row in enumerate(rows):
        share = row.km2 / total if total else 0.0
        entries = [row.value, row.cells, html.escape(row.name), f"{row.km2:.6f}", f"{share:.8f}", *row.colour[:3]]
        lines += f'<Row index="{index}">' + "".join(f"<F>{entry}</F>" for entry in entries) + "</Row>"
    names = "".join(f"<Category>{html.escape(name)}</Category>" for name in ["no data", *(row.name for row in rows)])
    write_text(
        f"{output}.aux.xml",
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames>'
        f'<GDALRasterAttributeTable tableType="thematic">{fields}{lines}</GDALRasterAttributeTable>'
        "</PAMRasterBand></PAMDataset>\n",
    )
    entries = "".join(
        '<paletteEntry value="{}" color="#{:02x}{:02x}{:02x}" alpha="{}" label="{}"/>'.format(
            row.value, *row.colour, html.escape(row.name)
        )
        for row in rows
    )
    write_text(
        Path(output).with_suffix(".qml"),
        '<qgis version="3.22.0" styleCategories="Symbology"><pipe><rasterrenderer type="paletted" band="1" '
        f'alphaBand="-1" opacity="1" nodataColor=""><colorPalette>{entries}</colorPalette></rasterrenderer>'
        "</pipe></qgis>\n",
    )


@dataclass
class ZoneCounts:
    """Cells and area of each zone, from the least to the most susceptible."""

    cells: list[int]
    km2: list[float]
    minimum: float
    """Smallest value of the cells."""

    maximum: float


def scan_cells(dataset: rasterio.DatasetReader, grid: Grid, progress: Callable[[], Progress]) -> CellScan:
    """Return a walk over the cells with data of a raster's first band, weighted by their area in square metres.

    Args:
        dataset: the open raster.
        grid: its grid.
        progress: called at the start of each walk for the progress to report to.
    """

    def scan():
        scan_progress, done, total = progress(), 0, grid.block_count()
        for block in grid.blocks():
            stop_if_cancelled(scan_progress)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            valid = np.isfinite(values)
            areas = np.broadcast_to(grid.cell_area(block.row, block.height)[:, None], values.shape)
            yield values[valid], areas[valid]
            done += 1
            scan_progress.report(done / total)

    return scan


def values_at(dataset: rasterio.DatasetReader, grid: Grid, xy: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the first band's value at map coordinates, float32, shape (points,), NaN outside or without data."""
    row, column, inside = grid.cell_indices(xy)
    found = np.full(len(xy), np.nan, dtype=np.float32)
    for block in grid.blocks():
        here = np.flatnonzero(
            inside
            & (row >= block.row)
            & (row < block.row + block.height)
            & (column >= block.column)
            & (column < block.column + block.width)
        )
        if len(here):
            stop_if_cancelled(progress)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            found[here] = values[row[here] - block.row, column[here] - block.column]
    return found


def assign_zones(values: np.ndarray, breaks: Sequence[float]) -> np.ndarray:
    """Return the zone of each value, uint8: 1 up to and with the first break, and so on; 0 where it is NaN."""
    zones = np.ones(values.shape, dtype=np.uint8)
    for limit in breaks:
        zones += values > np.float32(limit)
    zones[~np.isfinite(values)] = NODATA
    return zones


def write_zones(
    dataset: rasterio.DatasetReader,
    grid: Grid,
    breaks: Sequence[float],
    method: str,
    output: str | os.PathLike,
    region: str,
    progress: Progress,
    extra_tags: Mapping[str, str] | None = None,
) -> ZoneCounts:
    """Write the zone raster with colours, class names and overviews; return what is in it.

    Args:
        dataset: open susceptibility raster.
        grid: its grid.
        breaks: upper bounds of all zones but the last; a value equal to a break belongs to the lower zone.
        method: kept in the file's tags.
        region: name of the region, kept in them as well unless it is empty.
        output: path of the GeoTIFF.
        progress: 0 to 1 over the cells.
        more_tags: further metadata of the file.

    Raises:
        TooFewData: no cell has data.
    """
    zones = len(breaks) + 1
    names = zone_names(zones)
    cells, areas = np.zeros(zones + 1, dtype=np.int64), np.zeros(zones + 1)
    minimum, maximum = np.inf, -np.inf
    tags = {
        "METHOD": method,
        "BREAKS": ", ".join(f"{limit:.9g}" for limit in breaks),
        **({REGION_TAG: region} if region else {}),
        **(extra_tags or {}),
    }
    band = {"kind": "categorical", "classes": json.dumps({str(n): name for n, name in enumerate(names, 1)})}
    done, total = 0, grid.block_count()
    with create_raster(
        output,
        grid,
        "uint8",
        NODATA,
        ["susceptibility zone"],
        [band],
        tags,
        overviews=Resampling.mode,
        colours=zone_colours(zones),
    ) as target:
        for block in grid.blocks():
            stop_if_cancelled(progress)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            classes = assign_zones(values, breaks)
            target.write(classes, 1, window=block.window)
            # Infinite cells are no data; fmin and fmax pass over NaN.
            values[np.isinf(values)] = np.nan
            minimum = min(minimum, float(np.fmin.reduce(values, axis=None, initial=np.inf)))
            maximum = max(maximum, float(np.fmax.reduce(values, axis=None, initial=-np.inf)))
            cell_area = grid.cell_area(block.row, block.height)
            for zone in range(1, zones + 1):
                by_row = np.count_nonzero(classes == zone, axis=1)
                cells[zone] += int(by_row.sum())
                areas[zone] += float(by_row @ cell_area)
            done += 1
            progress.report(done / total)
        if not cells[1:].any():
            raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    return ZoneCounts(cells[1:].tolist(), (areas[1:] / 1e6).tolist(), minimum, maximum)


def write_zone_attributes(output: str | os.PathLike, counts: ZoneCounts) -> None:
    """Write the names and the attribute table of the zones beside their raster."""
    zones = len(counts.cells)
    colours = zone_colours(zones)
    write_class_attributes(
        output,
        [
            ClassRow(number, name, colours[number], counts.cells[number - 1], counts.km2[number - 1])
            for number, name in enumerate(zone_names(zones), 1)
        ],
    )


ALGORITHM = "scarp:classifyzones"
RASTERS = (".tif", ".tiff")
MAX_TABLE_BYTES = 1024 * 1024
"""Bytes of a zone table; the longest that this plugin writes has some thousand."""


def read_breaks(path: str | os.PathLike) -> list[float]:
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
        breaks = _breaks_from_raster(source)
    elif kind == ".csv":
        breaks = _breaks_from_table(_csv_rows(source), source)
    elif kind == ".json":
        content = _json(source)
        breaks = (
            _breaks_from_record(content, source) if isinstance(content, dict) else _breaks_from_table(content, source)
        )
    else:
        raise ParameterInvalid(
            f"BREAKS_FROM is {source.name}, but breaks are read from a zone raster (.tif), its run "
            f"record ({RECORD_SUFFIX}), or its zone table (.csv or .json)."
        )
    if not 1 <= len(breaks) < MAX_ZONES:
        raise _no_breaks_error(source)
    # Nine digits name a float32; read back as one, the breaks are those of that run to the bit.
    with np.errstate(over="ignore"):
        breaks = [float(np.float32(value)) for value in breaks]
    if not all(map(math.isfinite, breaks)) or any(low > high for low, high in zip(breaks, breaks[1:])):
        raise _no_breaks_error(source)
    return breaks


def _breaks_from_raster(source: Path) -> list[float]:
    # The raster states its breaks itself, so it serves also without its record.
    with open_raster(source, "zone") as dataset:
        text = dataset.tags().get("BREAKS", "")
    try:
        return [float(entry) for entry in text.split(",") if entry.strip()]
    except ValueError:
        raise _no_breaks_error(source) from None


def _breaks_from_record(content: dict[str, Any], source: Path) -> list[float]:
    found = content.get("summary")
    if content.get("algorithm") != ALGORITHM or not isinstance(found, dict):
        raise _no_breaks_error(source)
    return _numbers(found.get("breaks"), source)


def _breaks_from_table(rows: Any, source: Path) -> list[float]:
    """Return the upper values of all rows of a zone table but the last."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"zone", "upper"} <= set(row) for row in rows):
        raise _no_breaks_error(source)
    return _numbers([row["upper"] for row in rows[:-1]], source)


def _numbers(values: Any, source: Path) -> list[float]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _no_breaks_error(source)
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        raise _no_breaks_error(source) from None


def _csv_rows(source: Path) -> list[dict[str, str]]:
    try:
        with open(source, "rb") as stream:
            content = stream.read(MAX_TABLE_BYTES + 1)
        if len(content) > MAX_TABLE_BYTES:
            raise ValueError("it is far larger than any zone table")
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise InputCorrupt(
            f"BREAKS_FROM: {source} cannot be read: {error}. Give the zone table as it was written."
        ) from error


def _json(source: Path) -> Any:
    try:
        return read_json(source)
    except (OSError, ValueError) as error:
        raise InputCorrupt(
            f"BREAKS_FROM: {source} cannot be read: {error}. Give the file as it was written."
        ) from error


def _no_breaks_error(source: Path) -> InputCorrupt:
    return InputCorrupt(
        f"BREAKS_FROM: {source} holds no breaks of {ALGORITHM}. Give a zone raster that it made, the "
        f"run record beside it ({source.stem if source.suffix == '.tif' else 'zones'}.tif"
        f"{RECORD_SUFFIX}), or its zone table."
    )
