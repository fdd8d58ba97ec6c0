"""Cells of a susceptibility raster and their zones, attribute tables of class rasters, breaks of earlier runs."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import InputCorrupt, InputMissing, ParameterInvalid, TooFewData
from ..grid import Grid
from ..inputs.rasters import REGION_TAG, create_raster, open_raster, read_block
from ..outputs.atomic import write_text
from ..outputs.transaction import RECORD_SUFFIX
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..safe_json import read_json
from ..statistics import CellScan
from .schemes import MAX_ZONES, NODATA, zone_colours, zone_names

# Name, type (0 whole number, 1 real number, 2 text) and usage (1 cell count, 2 name, 5 value, 6 to 8 colour) in GDAL.
_ATTRIBUTES = (
    ("Value", 0, 5),
    ("Count", 1, 1),
    ("Name", 2, 2),
    ("km2", 1, 0),
    ("Share", 1, 0),
    ("Red", 0, 6),
    ("Green", 0, 7),
    ("Blue", 0, 8),
)


def write_class_attributes(
    output: str | os.PathLike,
    names: Mapping[int, str],
    colours: Mapping[int, tuple[int, int, int, int]],
    cells: Iterable[int],
    km2: Sequence[float],
    legend_suffix: str = "",
) -> None:
    """Write class names and raster attribute table beside a raster as ``OUTPUT.aux.xml``, and its style as ``.qml``.

    GDAL keeps an attribute table of a GeoTIFF nowhere else. Colours and names are in the GeoTIFF itself too, for when
    it travels alone; but its colour table always has 256 entries, all of which QGIS would list in the legend, so the
    style that QGIS reads from beside a raster has the classes only.

    The first name in the style's legend gets ``legend_suffix``.

    Classes rise from 1 without gap, and 0 is no data; cells and areas are in the order of the names.
    """
    fields = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for index, (name, kind, usage) in enumerate(_ATTRIBUTES)
    )
    total = sum(km2)
    lines = entries = ""
    categories = "<Category>no data</Category>"
    for index, ((value, text), count, area) in enumerate(zip(names.items(), cells, km2)):
        name, share = html.escape(text), area / total if total else 0.0
        red, green, blue, alpha = colours[value]
        values = [value, count, name, f"{area:.6f}", f"{share:.8f}", red, green, blue]
        lines += f'<Row index="{index}">' + "".join(f"<F>{value}</F>" for value in values) + "</Row>"
        categories += f"<Category>{name}</Category>"
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        label = name if index else name + html.escape(legend_suffix)
        entries += f'<paletteEntry value="{value}" color="{colour}" alpha="{alpha}" label="{label}"/>'
    write_text(
        f"{output}.aux.xml",
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{categories}</CategoryNames>'
        f'<GDALRasterAttributeTable tableType="thematic">{fields}{lines}</GDALRasterAttributeTable>'
        "</PAMRasterBand></PAMDataset>\n",
    )
    write_text(
        Path(output).with_suffix(".qml"),
        '<qgis version="3.22.0" styleCategories="Symbology"><pipe><rasterrenderer type="paletted" band="1" '
        f'alphaBand="-1" opacity="1" nodataColor=""><colorPalette>{entries}</colorPalette></rasterrenderer>'
        "</pipe></qgis>\n",
    )


@dataclass
class ZoneCounts:
    """Cells and area of each zone, from the least to the most susceptible, and the range of the cells' values."""

    cells: list[int]
    km2: list[float]
    minimum: float
    maximum: float


def scan_cells(dataset: rasterio.DatasetReader, grid: Grid, progress: Progress) -> CellScan:
    """Return a scan of the cells with data of a raster's first band, weighted by their area in square metres.

    The first scan reports the first half of the progress, the following ones the second.
    """
    halves = [SubProgress(progress, 0.5, 1.0), SubProgress(progress, 0.0, 0.5)]

    def scan() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for block in grid.blocks_with_progress(halves.pop() if len(halves) > 1 else halves[0]):
            values = read_block(dataset, block)
            valid = np.isfinite(values)
            areas = np.broadcast_to(grid.cell_area(block.row, block.height)[:, None], values.shape)
            yield values[valid], areas[valid]

    return scan


def values_at(dataset: rasterio.DatasetReader, grid: Grid, xy: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the first band's value at map coordinates, float32, shape (points,), NaN outside or without data."""
    row, column, inside = grid.cell_indices(xy)
    result = np.full(len(xy), np.nan, dtype=np.float32)
    result[inside] = values_of_cells(dataset, grid, row[inside], column[inside], progress)
    return result


def values_of_cells(
    dataset: rasterio.DatasetReader, grid: Grid, rows: np.ndarray, columns: np.ndarray, progress: Progress
) -> np.ndarray:
    """Return the first band's value at cells of the grid, float32, shape (cells,), NaN without data."""
    result = np.full(len(rows), np.nan, dtype=np.float32)
    for block in grid.blocks():
        stop_if_cancelled(progress)
        here, cell = block.locate(rows, columns)
        if len(here):
            result[here] = read_block(dataset, block)[cell]
    return result


def assign_zones(values: np.ndarray, breaks: Sequence[float]) -> np.ndarray:
    """Return the zone of each value, uint8: 1 up to and including the first break, and so on; 0 where it is NaN."""
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
    """Write the zone raster with colours, class names and overviews; return its counts.

    A value equal to a break belongs to the lower zone. Raises ``TooFewData`` if no cell has data.
    """
    names = dict(enumerate(zone_names(len(breaks) + 1), 1))
    cells, areas = np.zeros(len(names) + 1, dtype=np.int64), np.zeros(len(names) + 1)
    minimum, maximum = np.inf, -np.inf
    tags = {"METHOD": method, "BREAKS": ", ".join(f"{limit:.9g}" for limit in breaks)}
    tags |= {REGION_TAG: region} if region else {}
    tags |= extra_tags or {}
    band = {"kind": "categorical", "classes": json.dumps({str(number): name for number, name in names.items()})}
    described, colours = ["susceptibility zone"], zone_colours(len(names))
    with create_raster(
        output, grid, "uint8", NODATA, described, [band], tags, overviews=Resampling.mode, colours=colours
    ) as target:
        for block in grid.blocks_with_progress(progress):
            values = read_block(dataset, block)
            classes = assign_zones(values, breaks)
            target.write(classes, 1, window=block.window)
            # Infinite cells are no data; fmin and fmax pass over NaN.
            values[np.isinf(values)] = np.nan
            minimum = min(minimum, float(np.fmin.reduce(values, axis=None, initial=np.inf)))
            maximum = max(maximum, float(np.fmax.reduce(values, axis=None, initial=-np.inf)))
            cell_area = grid.cell_area(block.row, block.height)
            for zone in names:
                by_row = np.count_nonzero(classes == zone, axis=1)
                cells[zone] += int(by_row.sum())
                areas[zone] += float(by_row @ cell_area)
        if not cells.any():
            raise TooFewData("The susceptibility raster has no cell with data. Choose another map, or make it again.")
    return ZoneCounts(cells[1:].tolist(), (areas[1:] / 1e6).tolist(), minimum, maximum)


def write_zone_attributes(output: str | os.PathLike, counts: ZoneCounts, legend_suffix: str = "") -> None:
    """Write the names and the attribute table of the zones beside their raster; see :func:`write_class_attributes`."""
    zones = len(counts.cells)
    names = dict(enumerate(zone_names(zones), 1))
    write_class_attributes(output, names, zone_colours(zones), counts.cells, counts.km2, legend_suffix)


ALGORITHM = "scarp:classifyzones"
MAX_TABLE_BYTES = 1024 * 1024  # bytes of a zone table; the longest that this plugin writes has some thousand


def read_breaks(path: str | os.PathLike) -> list[float]:
    """Return the breaks that an earlier run of :data:`ALGORITHM` used, exactly as it compared them with the cells.

    ``path`` is its zone raster (``.tif``), the run record of one of its outputs (``.run.json``), or its zone table
    (``.csv``, or the ``.json`` beside it).

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: it is damaged, or comes from something else.
        ParameterInvalid: it is a file of another kind.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise InputMissing(f"BREAKS_FROM: the file {source} does not exist. Check the path.")
    rasters = dict.fromkeys((".tif", ".tiff"), _breaks_from_raster)
    reader = {**rasters, ".csv": _breaks_from_csv, ".json": _breaks_from_json}.get(source.suffix.lower())
    if reader is None:
        raise ParameterInvalid(
            f"BREAKS_FROM is {source.name}, but breaks are read from a zone raster (.tif), its run record "
            f"({RECORD_SUFFIX}), or its zone table (.csv or .json)."
        )
    try:
        found = reader(source)
    except (OSError, ValueError, csv.Error) as error:
        message = f"BREAKS_FROM: {source} cannot be read: {error}. Choose the file as Scarp wrote it."
        raise InputCorrupt(message) from error
    breaks = _valid_breaks(found)
    if not breaks:
        name = source.stem if source.suffix == ".tif" else "zones"
        raise InputCorrupt(
            f"BREAKS_FROM: {source} holds no breaks of {ALGORITHM}. Choose a zone raster that it made, the run record "
            f"beside it ({name}.tif{RECORD_SUFFIX}), or its zone table."
        )
    return breaks


def stated_breaks(dataset: rasterio.DatasetReader) -> list[float]:
    """Return the breaks in the tags of an open zone raster; none if it does not state them."""
    return _valid_breaks(_breaks_in_tags(dataset))


def _valid_breaks(found: Sequence[Any]) -> list[float]:
    """Return breaks as they were compared with the cells; none if they cannot be breaks."""
    try:
        # Nine digits name a float32; read back as one, the breaks are those of that run to the bit.
        with np.errstate(over="ignore"):
            breaks = [float(np.float32(float(value))) for value in found]
    except (TypeError, ValueError, OverflowError):
        return []
    rising = all(low <= high for low, high in zip(breaks, breaks[1:]))
    return breaks if 1 <= len(breaks) < MAX_ZONES and all(map(math.isfinite, breaks)) and rising else []


def _breaks_in_tags(dataset: rasterio.DatasetReader) -> list[str]:
    return [entry for entry in dataset.tags().get("BREAKS", "").split(",") if entry.strip()]


def _breaks_from_raster(source: Path) -> list[Any]:
    # The raster states its breaks itself, so its record is not needed.
    with open_raster(source, "zone") as dataset:
        return list(_breaks_in_tags(dataset))


def _breaks_from_csv(source: Path) -> list[Any]:
    with open(source, "rb") as stream:
        content = stream.read(MAX_TABLE_BYTES + 1)
    if len(content) > MAX_TABLE_BYTES:
        raise ValueError("it is far larger than any zone table")
    return _breaks_from_rows(list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))))


def _breaks_from_json(source: Path) -> list[Any]:
    content = read_json(source)
    if not isinstance(content, dict):
        return _breaks_from_rows(content)
    summary = content.get("summary")
    breaks = summary.get("breaks") if isinstance(summary, dict) else None
    return breaks if content.get("algorithm") == ALGORITHM and isinstance(breaks, list) else []


def _breaks_from_rows(rows: Any) -> list[Any]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"zone", "upper"} <= set(row) for row in rows):
        return []
    return [row["upper"] for row in rows[:-1]]
