"""The maps of a comparison at the size of a page, all on one grid so that they can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from ..comparison.difference import difference_of
from ..comparison.ranks import Ranks
from ..comparison.sources import Source, bounds_in
from .hillshade import find_relief, shade_of
from .maps import MapImage, read_map

LONGEST = 500
"""Cells along the longer side."""


@dataclass(frozen=True)
class ComparisonImages:
    """What is drawn."""

    zones: list[MapImage]
    """Zones of each map, by the breaks of the common ground."""
    difference: MapImage
    """First map minus the second."""


def comparison_images(sources: Sequence[Source], reference: int, ranks: Sequence[Ranks], zones: Sequence[np.ndarray],
                      by_rank: tuple[Ranks, Ranks] | None) -> ComparisonImages:
    """Read all maps small.

    Args:
        sources: the open maps.
        reference: number of the one whose ground is drawn.
        ranks: of each map.
        zones: zone by bin of the ranks, of each map.
        by_rank: ranks of the first two maps where those are subtracted instead of the values.
    """
    frame = _read(sources[reference], sources[reference].grid.bounds)
    relief = find_relief(sources[reference].dataset.name)
    if relief is not None:
        frame = replace(frame, shade=shade_of(relief, sources[reference].grid.crs, frame.bounds, frame.cells.shape,
                                              frame.metres_east, frame.metres_north))
    values = [frame.cells if source is sources[reference] else _onto(source, sources[reference], frame)
              for source in sources]
    shown = []
    for cells, one, of_bin in zip(values, ranks, zones):
        known = np.isfinite(cells)
        zone = np.full(cells.shape, np.nan, dtype=np.float32)
        zone[known] = of_bin[one.index(cells[known])]
        shown.append(replace(frame, cells=zone))
    return ComparisonImages(shown, replace(frame, cells=difference_of(values[0], values[1], by_rank)))


def _read(source: Source, bounds: tuple[float, float, float, float]) -> MapImage:
    image = read_map(source.dataset, source.grid, source.whole_numbers or source.marks_found, bounds, LONGEST)
    return replace(image, cells=source.clean(image.cells))


def _onto(source: Source, reference: Source, frame: MapImage) -> np.ndarray:
    """Return a map's cells at the places of the frame's, float32; the nearest ones, as everything is compared."""
    left, bottom, right, top = bounds_in(reference.grid, source.grid)
    low_x, low_y, high_x, high_y = source.grid.bounds
    own = _read(source, (max(left, low_x), max(bottom, low_y), min(right, high_x), min(top, high_y)))
    result = np.full(frame.cells.shape, np.nan, dtype=np.float32)
    reproject(own.cells, result, src_transform=_transform(own), src_crs=source.grid.crs, src_nodata=np.nan,
              dst_transform=_transform(frame), dst_crs=reference.grid.crs, dst_nodata=np.nan,
              resampling=Resampling.nearest)
    return result


def _transform(image: MapImage) -> Affine:
    left, bottom, right, top = image.bounds
    rows, columns = image.cells.shape
    return Affine((right - left) / columns, 0, left, 0, (bottom - top) / rows, top)
