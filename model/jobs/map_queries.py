"""Which of several maps has the smallest cells: layers are read in its CRS.
CRS and bounds of a raster: what the shell must know to read vector layers beside it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..comparison.mosaic import finest_raster
from ..grid import Grid


def finest_map(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals.

    Args:
        paths: of the maps.
        names: one a map, for messages.

    Raises:
        CrsMissing, GridUnsupported, InputMissing, InputCorrupt: a raster cannot be used.
    """
    return finest_raster(paths, names)


@dataclass
class RasterExtent:
    """Where a raster lies."""

    crs_wkt: str
    bounds: tuple[float, float, float, float]  # left, bottom, right, top in map units
    buffered_bounds: list[tuple[float, float, float, float]]  # the bounds grown by each distance asked for


def raster_extent(path: str | os.PathLike, role: str, *, reaches: Sequence[float] = ()) -> RasterExtent:
    """Return where a raster lies.

    Args:
        path: of the raster.
        role: what it is in this run, for messages.
        reaches: distances in metres by which the bounds are wanted grown.

    Raises:
        CrsMissing, GridUnsupported, InputMissing, InputCorrupt: the raster cannot be used; see ``Grid.from_file``.
    """
    grid = Grid.from_file(path, role)
    return RasterExtent(grid.crs.to_wkt(), grid.bounds, [grid.buffered_bounds(metres) for metres in reaches])
