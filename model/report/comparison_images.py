"""The maps of a comparison at the size of a page, all on one grid so that they can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from ..comparison.difference import difference_of
from ..comparison.mosaic import Mosaic
from ..comparison.ranks import Ranks
from ..comparison.sources import Source, bounds_in
from ..grid import Grid
from .hillshade import find_relief, shade_of
from .maps import MapImage, read_map

LONGEST = 500
"""Cells along the longer side."""


@dataclass(frozen=True)
class ComparisonImages:
    """What is drawn."""

    zones: list[MapImage]
    """Zones of each map, by the breaks of the common ground."""
    difference: MapImage | None
    """First map minus the second; ``None`` for one map."""


def comparison_images(maps: Sequence[Mosaic], reference: int, ranks: Sequence[Ranks], zones: Sequence[np.ndarray],
                      by_rank: tuple[Ranks, Ranks] | None) -> ComparisonImages:
    """Read all maps small.

    Args:
        maps: the open maps.
        reference: number of the one whose ground is drawn.
        ranks: of each map.
        zones: zone by bin of the ranks, of each map.
        by_rank: ranks of the first two maps where those are subtracted instead of the values.
    """
    grid = maps[reference].grid
    frame = _frame(maps[reference])
    relief = find_relief(maps[reference].pieces[0].dataset.name) if len(maps[reference].pieces) == 1 else None
    if relief is not None:
        frame = replace(frame, shade=shade_of(relief, grid.crs, frame.bounds, frame.cells.shape,
                                              frame.metres_east, frame.metres_north))
    values = [frame.cells if one is maps[reference] else _onto(one, grid, frame) for one in maps]
    shown = []
    for cells, one, of_bin in zip(values, ranks, zones):
        known = np.isfinite(cells)
        zone = np.full(cells.shape, np.nan, dtype=np.float32)
        zone[known] = of_bin[one.index(cells[known])]
        shown.append(replace(frame, cells=zone))
    if len(maps) < 2:
        return ComparisonImages(shown, None)
    return ComparisonImages(shown, replace(frame, cells=difference_of(values[0], values[1], by_rank)))


def _frame(one: Mosaic) -> MapImage:
    """Return a whole map small."""
    if len(one.pieces) == 1:
        return _read(one.pieces[0], one.grid.bounds)
    grid = one.grid
    factor = max(1.0, max(grid.shape) / LONGEST)
    width, height = grid.spacing(grid.height // 2, 1)
    empty = np.full([max(1, round(side / factor)) for side in grid.shape], np.nan, dtype=np.float32)
    frame = MapImage(empty, grid.bounds, float(width[0]) / abs(grid.transform.a),
                     float(height[0]) / abs(grid.transform.e))
    return replace(frame, cells=_onto(one, grid, frame))


def _read(source: Source, bounds: tuple[float, float, float, float]) -> MapImage:
    image = read_map(source.dataset, source.grid, source.whole_numbers or source.marks_found, bounds, LONGEST)
    return replace(image, cells=source.clean(image.cells))


def _onto(one: Mosaic, grid: Grid, frame: MapImage) -> np.ndarray:
    """Return a map's cells at the places of a frame of a grid, float32; the nearest ones, as everything is compared."""
    result = np.full(frame.cells.shape, np.nan, dtype=np.float32)
    for piece in one.pieces:
        left, bottom, right, top = bounds_in(grid, piece.grid)
        low_x, low_y, high_x, high_y = piece.grid.bounds
        left, bottom, right, top = max(left, low_x), max(bottom, low_y), min(right, high_x), min(top, high_y)
        if left >= right or bottom >= top:
            continue
        own = _read(piece, (left, bottom, right, top))
        cells = np.full(frame.cells.shape, np.nan, dtype=np.float32)
        reproject(own.cells, cells, src_transform=_transform(own), src_crs=piece.grid.crs, src_nodata=np.nan,
                  dst_transform=_transform(frame), dst_crs=grid.crs, dst_nodata=np.nan,
                  resampling=Resampling.nearest)
        result = np.where(np.isfinite(result), result, cells)
    return result


def _transform(image: MapImage) -> Affine:
    left, bottom, right, top = image.bounds
    rows, columns = image.cells.shape
    return Affine((right - left) / columns, 0, left, 0, (bottom - top) / rows, top)
