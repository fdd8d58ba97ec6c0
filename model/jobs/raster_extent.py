"""CRS and bounds of a raster: what the shell must know to read vector layers beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Sequence

from ..grid import Grid


@dataclass
class RasterExtent:
    """Where a raster lies."""

    crs_wkt: str
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top in map units."""
    reached: list[tuple[float, float, float, float]]
    """The bounds grown by each distance asked for."""


def raster_extent(path: str | os.PathLike, role: str, *, reaches: Sequence[float] = ()) -> RasterExtent:
    """Return where a raster lies.

    Args:
        path: of the raster.
        role: what it is in this run, for messages.
        reaches: distances in metres by which the bounds are wanted grown.

    Raises:
        CrsMissing, GridUnsupported, InputMissing, InputCorrupt: the raster cannot be used; see ``Grid.of_file``.
    """
    grid = Grid.of_file(path, role)
    return RasterExtent(grid.crs.to_wkt(), grid.bounds, [grid.bounds_within(metres) for metres in reaches])
