"""Reading the cells of a susceptibility raster, cutting them into zones, and writing the zone raster."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import TooFewData
from ..grid import Grid
from ..inputs.rasters import REGION_TAG, create_raster, read_window
from ..progress import Progress, stop_if_cancelled
from .attributes import ClassRow, write_attributes
from .quantiles import Walk
from .schemes import NODATA, zone_colours, zone_names


@dataclass
class ZoneCounts:
    """Cells and area of each zone, from the least to the most susceptible."""

    cells: list[int]
    km2: list[float]
    minimum: float
    """Smallest value of the cells."""

    maximum: float


def cells_of_raster(dataset: rasterio.DatasetReader, grid: Grid, progress: Callable[[], Progress]) -> Walk:
    """Return a walk over the cells with data of a raster's first band, weighted by their area in square metres.

    Args:
        dataset: the open raster.
        grid: its grid.
        progress: called at the start of each walk for the progress to report to.
    """
    def walk():
        stretch, done, total = progress(), 0, grid.block_count()
        for block in grid.blocks():
            stop_if_cancelled(stretch)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            valid = np.isfinite(values)
            areas = np.broadcast_to(grid.cell_area(block.row, block.height)[:, None], values.shape)
            yield values[valid], areas[valid]
            done += 1
            stretch.report(done / total)
    return walk


def values_at(dataset: rasterio.DatasetReader, grid: Grid, xy: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the first band's value at map coordinates, float32, shape (points,), NaN outside or without data."""
    row, column, inside = grid.cells_of(xy)
    found = np.full(len(xy), np.nan, dtype=np.float32)
    for block in grid.blocks():
        here = np.flatnonzero(inside & (row >= block.row) & (row < block.row + block.height)
                              & (column >= block.column) & (column < block.column + block.width))
        if len(here):
            stop_if_cancelled(progress)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            found[here] = values[row[here] - block.row, column[here] - block.column]
    return found


def zones_of(values: np.ndarray, breaks: Sequence[float]) -> np.ndarray:
    """Return the zone of each value, uint8: 1 up to and with the first break, and so on; 0 where it is NaN."""
    zones = np.ones(values.shape, dtype=np.uint8)
    for limit in breaks:
        zones += values > np.float32(limit)
    zones[~np.isfinite(values)] = NODATA
    return zones


def write_zones(dataset: rasterio.DatasetReader, grid: Grid, breaks: Sequence[float], method: str,
                output: str | os.PathLike, region: str, progress: Progress, more_tags: Mapping[str, str] | None = None
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
    tags = {"METHOD": method, "BREAKS": ", ".join(f"{limit:.9g}" for limit in breaks),
            **({REGION_TAG: region} if region else {}), **(more_tags or {})}
    band = {"kind": "categorical", "classes": json.dumps({str(n): name for n, name in enumerate(names, 1)})}
    done, total = 0, grid.block_count()
    with create_raster(output, grid, "uint8", NODATA, ["susceptibility zone"], [band], tags,
                       overviews=Resampling.mode, colours=zone_colours(zones)) as target:
        for block in grid.blocks():
            stop_if_cancelled(progress)
            values = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
            classes = zones_of(values, breaks)
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


def write_names(output: str | os.PathLike, counts: ZoneCounts) -> None:
    """Write the names and the attribute table of the zones beside their raster."""
    zones = len(counts.cells)
    colours = zone_colours(zones)
    write_attributes(output, [ClassRow(number, name, colours[number], counts.cells[number - 1], counts.km2[number - 1])
                              for number, name in enumerate(zone_names(zones), 1)])
