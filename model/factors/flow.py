"""Flow routing over a whole DEM with pyflwdir: contributing area, topographic wetness index, height above drainage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import GridUnsupported, LibraryMissing
from ..grid import Block, Grid
from ..progress import Progress, stop_if_cancelled
from .definitions import FactorReader
from .source_rasters import SourceRaster
from .terrain import TerrainFactors

if TYPE_CHECKING:
    from types import ModuleType

MAX_CELLS = 8192 * 8192  # water flows from anywhere, so all cells are in memory: 80 bytes each, 5.4 GB
DRAINAGE_AREA = 500_000.0  # square metres; cells with a larger contributing area are drainage
MIN_SLOPE = 0.1  # degrees; on flatter ground the wetness index would grow without bound


_CHOSEN = "TERRAIN has flow", "leave flow out of TERRAIN"


def require_flow(grid: Grid, why: str = _CHOSEN[0], instead: str = _CHOSEN[1]) -> ModuleType:
    """Return pyflwdir; ``why`` it is needed and what can be done ``instead`` are for messages.

    Raises:
        LibraryMissing: it is not installed.
        GridUnsupported: the grid has too many cells.
    """
    if grid.width * grid.height > MAX_CELLS:
        cells = f"The DEM has {grid.width:,} × {grid.height:,} cells"
        raise GridUnsupported(
            f"{cells}; flow routing holds all of them in memory and takes up to {MAX_CELLS:,}. "
            f"{instead[0].upper()}{instead[1:]}, or take a coarser DEM."
        )
    try:
        import pyflwdir
    except ImportError as error:
        raise LibraryMissing(
            f"{why}, but the Python that runs Scarp has no package pyflwdir ({error}). Install it "
            f"(python3 -m pip install pyflwdir), or {instead}: nothing else needs it."
        ) from error
    return pyflwdir


class FlowFactors(FactorReader):
    """The flow factors of a grid, which are computed once and held in memory."""

    def __init__(self, values: np.ndarray) -> None:
        """Keep the values, float32, shape (3, height, width)."""
        self._values = values

    @classmethod
    def compute(cls, source: SourceRaster, grid: Grid, method: str, progress: Progress, *messages: str) -> FlowFactors:
        """Fill depressions, lead water to the lowest neighbour, and add up what flows through each cell.

        Water leaves at the border of the data. Depressions are filled to where they spill (Wang and Liu 2006). The
        values are the common logarithm of the contributing area in m², the natural logarithm of specific contributing
        area over the tangent of the slope (Beven and Kirkby 1979), and the height above the cell where the flow reaches
        drainage or leaves (Nobre et al. 2011). ``method`` is that of the slope. Errors and ``messages`` as in
        :func:`require_flow`.
        """
        pyflwdir = require_flow(grid, *messages)
        progress.report(0, "Routing the flow of water over the whole DEM.")
        elevation, slope = (np.empty(grid.shape, dtype=np.float32) for _ in range(2))
        with TerrainFactors.open(source, grid, method, ("elevation",)) as reader:
            for block in grid.blocks():
                stop_if_cancelled(progress)
                values = reader.read(block)
                slope[block.slices], elevation[block.slices] = values[0], values[3]
        missing = np.isnan(elevation)
        filled, directions = pyflwdir.dem.fill_depressions(elevation, nodata=np.nan)
        del elevation
        stop_if_cancelled(progress)
        flow = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
        cell_area = grid.cell_area()[:, None]
        area = flow.accuflux(np.broadcast_to(cell_area, grid.shape).copy())
        stop_if_cancelled(progress)
        result = np.empty((3, *grid.shape), dtype=np.float32)
        result[2] = flow.hand(area > DRAINAGE_AREA, filled)
        del flow, filled, directions
        area[missing] = np.nan
        np.log10(area, out=result[0], casting="same_kind")
        area /= np.sqrt(cell_area)
        np.maximum(slope, MIN_SLOPE, out=slope)
        area /= np.tan(np.radians(slope))
        np.log(area, out=result[1], casting="same_kind")
        result[2, missing] = np.nan
        return cls(result)

    def read(self, block: Block) -> np.ndarray:
        """Return the three factors of a block."""
        return self._values[:, block.slices[0], block.slices[1]]
