"""The map of how two maps differ, on the grid of the first."""

from __future__ import annotations

import contextlib
import os

import numpy as np

from ..errors import NoOverlap
from ..inputs.rasters import create_raster
from ..progress import Progress
from .mosaic import Mosaic, SampledMosaic
from .ranks import Ranks
from .sources import fitting_blocks


def difference_of(first: np.ndarray, second: np.ndarray, ranks: tuple[Ranks, Ranks] | None) -> np.ndarray:
    """Return first minus second, float32, NaN where either has no value.

    Args:
        first: values of the first map.
        second: of the second, the same shape.
        ranks: subtract ranks instead of values, for maps whose values mean different things.
    """
    if ranks is None:
        return first - second
    return (ranks[0].rank(first) - ranks[1].rank(second)).astype(np.float32)


def write_difference(first: Mosaic, second: Mosaic, ranks: tuple[Ranks, Ranks] | None, output: str | os.PathLike,
                     progress: Progress) -> None:
    """Write the difference as float32 GeoTIFF, NaN nodata.

    Args:
        first: map whose grid the result has.
        second: map to subtract, its nearest cell.
        ranks: as in :func:`difference_of`.
        output: path of the GeoTIFF.
        progress: reported to and asked whether to stop.

    Raises:
        NoOverlap: no cell has data in both.
    """
    what = "difference of susceptibility" if ranks is None else "difference of ranks"
    tags = {"FIRST": first.name, "SECOND": second.name, "MEANING": f"{what}, first minus second"}
    seen = False
    with contextlib.ExitStack() as stack:
        a, b = (SampledMosaic(one, first.grid, stack) for one in (first, second))
        with create_raster(output, first.grid, "float32", np.nan, [what], tags=tags) as target:
            for block in fitting_blocks(first.grid, [second], progress):
                cells = difference_of(a.read(block), b.read(block), ranks)
                seen = seen or bool(np.isfinite(cells).any())
                target.write(cells, 1, window=block.window)
            if not seen:
                raise NoOverlap(f'No cell has data in both "{first.name}" and "{second.name}", so there is no '
                                "difference to draw.")
