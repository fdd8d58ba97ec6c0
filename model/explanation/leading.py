"""The factor that leads in each cell: the one that adds or takes most."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Sequence

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import TooFewData
from ..grid import Grid
from ..inputs.rasters import create_raster
from ..labels.area import AreaMask
from ..memory import kept_memory
from ..prediction.tiles import Tile, Tiling
from ..progress import Part, Progress, stop_if_cancelled
from ..zones.attributes import ClassRow, write_attributes
from .contributions import TypicalLand, contributions
from .sample import Tiles
from .subject import Subject

NODATA = 0
SIDE = 256
"""Side of a tile in cells: large beside the default network's halo, and a step of the progress each second or so."""

_COLOURS = ("#e69f00", "#332288", "#ddcc77", "#117733", "#0072b2", "#88ccee", "#cc6677", "#882255", "#999933",
            "#aa4499", "#44aa99", "#777777", "#661100", "#6699cc", "#000000", "#bbbbbb")
"""Tol's muted scheme (2021) with two of Okabe and Ito's (2008), for any kind of colour vision, and more for many."""


@dataclass
class Leadership:
    """Who leads, in figures."""

    share: np.ndarray
    """Share of the area in which each factor leads, (factors,)."""
    raising: np.ndarray
    """The part of that in which it raises the susceptibility, (factors,)."""
    size: np.ndarray
    """Mean absolute contribution of each factor in logits, (factors,)."""
    cells: int
    """Cells that were looked at."""
    cells_led: np.ndarray
    """Of these, those in which each factor leads, int64 (factors,)."""
    km2: np.ndarray
    """Their area; of blocks alone, their number weighted."""
    whole: bool
    """Whether that was the whole area and not the blocks alone."""


class _Sums:
    """Adds up contributions cell by cell."""

    def __init__(self, factors: int) -> None:
        self.led, self.raised, self.size = np.zeros(factors), np.zeros(factors), np.zeros(factors)
        self.cells, self.count = np.zeros(factors, dtype=np.int64), 0
        self.area = 0.0

    def add(self, found: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Count the cells wanted, weighted by (height, width); return the leading factors from 1, 0 elsewhere."""
        wanted = wanted & np.isfinite(found).all(axis=0)
        lead = np.where(wanted, np.abs(np.nan_to_num(found)).argmax(axis=0) + 1, NODATA).astype(np.uint8)
        weight, index, parts = weights[wanted], lead[wanted] - 1, found[:, wanted]
        if len(index):
            ahead = parts[index, np.arange(len(index))] > 0
            factors = len(self.led)
            self.led += np.bincount(index, weight, minlength=factors)
            self.raised += np.bincount(index, weight * ahead, minlength=factors)
            self.cells += np.bincount(index, minlength=factors)
            self.size += np.abs(parts, dtype=np.float64) @ weight
            self.area += float(weight.sum())
            self.count += len(index)
        return lead

    def result(self, whole: bool) -> Leadership:
        """Return shares and means."""
        if not self.count:
            raise TooFewData("No cell of the area has data in all of the model's factors.")
        with np.errstate(invalid="ignore"):
            raising = self.raised / self.led
        return Leadership(self.led / self.area, raising, self.size / self.area, self.count, self.cells,
                          self.led / 1e6, whole)


def leading_of_tiles(subject: Subject, tiles: Tiles, lands: TypicalLand, progress: Progress) -> Leadership:
    """Find who leads in the blocks that are in memory."""
    sums = _Sums(len(subject.factors))
    with kept_memory():
        for some in tiles.batches():
            raw = np.concatenate([tiles.raw(tile) for tile in some], axis=1)
            found, _ = contributions(subject, raw, lands, Part(progress, some[0] / len(tiles), some.stop / len(tiles)))
            for tile, one in zip(some, np.split(found, len(some), axis=1)):
                sums.add(tiles.core(one), tiles.inside[tile], np.full(tiles.inside[tile].shape, tiles.weights[tile]))
    return sums.result(False)


def write_leading(subject: Subject, grid: Grid, mask: AreaMask, lands: TypicalLand,
                  output: str | os.PathLike, progress: Progress, side: int = SIDE) -> Leadership:
    """Write the leading factor of every cell of the area.

    Tiles are aligned and carry the network's halo, so the raster does not depend on them.

    Args:
        subject: the model.
        grid: of its stack.
        mask: cells outside it become nodata.
        lands: typical lands to compare with.
        output: path of the uint8 GeoTIFF: number of the factor in the model's order from 1, 0 nodata.
        progress: 0 to 1 over the tiles.
        side: of a tile in cells.

    Raises:
        TooFewData: no cell has all factors.
    """
    sums, tiling = _Sums(len(subject.factors)), Tiling.of(grid, side, subject.model.halo, subject.model.align)
    colours = {NODATA: (0, 0, 0, 0), **{number: colour_of(number - 1) for number in range(1, len(sums.led) + 1)}}
    band = {"kind": "categorical",
            "classes": json.dumps({str(n): title for n, title in enumerate(subject.titles, 1)}, ensure_ascii=False)}
    tags = {"MEANING": "factor that adds or takes most, against typical land", "REFERENCES": str(len(lands)),
            "FACTORS": ", ".join(subject.model.factor_names)}
    with kept_memory(), create_raster(output, grid, "uint8", NODATA, ["leading factor"], [band], tags,
                                      overviews=Resampling.mode, colours=colours) as target:
        for number, tile in enumerate(tiling):
            stop_if_cancelled(progress)
            part = Part(progress, number / len(tiling), (number + 1) / len(tiling))
            _write_tile(target, subject, grid, mask, tile, lands, sums, part)
            part.report(1.0)
        result = sums.result(True)
    return result


def write_names(output: str | os.PathLike, titles: Sequence[str], found: Leadership) -> None:
    """Write names, cells and area of the factors beside the raster of leading factors."""
    write_attributes(output, [ClassRow(number, title, colour_of(number - 1), int(cells), float(km2))
                              for number, (title, cells, km2) in enumerate(zip(titles, found.cells_led, found.km2), 1)])


def colour_of(factor: int) -> tuple[int, int, int, int]:
    """Return red, green, blue, alpha of a factor by its number in the model's order."""
    text = _COLOURS[factor % len(_COLOURS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16), 255


def _write_tile(target: rasterio.io.DatasetWriter, subject: Subject, grid: Grid, mask: AreaMask, tile: Tile,
                lands: TypicalLand, sums: _Sums, progress: Progress) -> None:
    core, (row, column) = tile.core, tile.offset
    lead = np.full((core.height, core.width), NODATA, dtype=np.uint8)
    if mask.touches(core):
        wanted = mask.read(core)
        raw = subject.read(tile.read) if wanted.any() else None
        if raw is not None:
            wanted &= np.isfinite(raw[:, row:row + core.height, column:column + core.width]).all(axis=0)
            if wanted.any():
                found, _ = contributions(subject, raw, lands, progress)
                rows, columns = slice(row, row + core.height), slice(column, column + core.width)
                area = np.broadcast_to(grid.cell_area(core.row, core.height)[:, None], wanted.shape)
                lead = sums.add(found[:, rows, columns], wanted, area)
    target.write(lead, 1, window=core.window)
