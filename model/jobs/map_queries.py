"""What the Processing shell asks about rasters before it reads vector layers: CRS, bounds, and the finest map."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..comparison.mosaic import finest_raster
from ..grid import Grid

Bounds = tuple[float, float, float, float]


def finest_map(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals; layers are read in its CRS."""
    return finest_raster(paths, names)


@dataclass
class RasterExtent:
    """Where a raster lies: left, bottom, right, top in map units."""

    crs_wkt: str
    bounds: Bounds
    buffered_bounds: list[Bounds]
    """The bounds grown by each distance asked for."""


def raster_extent(path: str | os.PathLike, role: str, *, reaches: Sequence[float] = ()) -> RasterExtent:
    """Return where a raster lies, and its bounds grown by distances in metres; ``role`` names it in messages.

    Raises:
        CrsMissing, GridUnsupported, InputMissing, InputCorrupt: the raster cannot be used; see ``Grid.from_file``.
    """
    grid = Grid.from_file(path, role)
    return RasterExtent(grid.crs.to_wkt(), grid.bounds, [grid.buffered_bounds(metres) for metres in reaches])
