"""From a DEM to a raster of slope units and their table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from ..errors import GridUnsupported, TooFewData
from ..factors.settings import HORN
from ..factors.source_rasters import SourceRaster
from ..factors.terrain import TerrainFactors, terrain_definitions
from ..grid import Block, Grid
from ..memory import available_memory
from ..progress import Progress, SubProgress, stop_if_cancelled
from .delineation import Hierarchy, Quality, candidate_areas, choose_settings, join_small, measure
from .flow_routing import STRIP_CELLS, route_flow, strips
from .half_basins import NO_HALF, coarser_halves, find_half_basins
from .pieces import PieceCounter, Pieces, number_pieces
from .settings import SlopeUnitOptions

BYTES_PER_CELL = 30  # of large grids 25, as measured in benchmarks/slope_units.py
FLAT_WINDOW = 5  # cells; land is flat where most cells of the square around are
_TERRAIN = ("direction", "elevation")
_BANDS = [one.name for one in terrain_definitions(_TERRAIN, ())]


@dataclass
class SlopeUnits:
    """Slope units of a DEM; unit n of the raster is row n - 1 of the table."""

    raster: np.ndarray  # int32 with a border of one cell, 0 without data
    table: Pieces
    flat: np.ndarray  # bool, of units
    chosen: Quality
    tried: list[Quality]
    internal: float  # circular variance of the aspect in units, mean by area
    external: float  # Moran's I of the mean aspect of neighbours


def build_units(source: SourceRaster, grid: Grid, options: SlopeUnitOptions, progress: Progress) -> SlopeUnits:
    """Divide the land of a DEM into slope units.

    Raises:
        GridUnsupported: the grid has too many cells for the memory.
        TooFewData: the DEM has no cell with data.
    """
    _require_memory(grid)
    elevation, flat = _read(source, grid, options, SubProgress(progress, 0.0, 0.1))
    cells = np.isfinite(elevation[1:-1, 1:-1]).sum(axis=1)
    land = float(cells @ grid.cell_area())
    if not land:
        raise TooFewData("The DEM has no cell with data. Choose another DEM.")
    areas = candidate_areas(options, land / int(cells.sum()), land)
    progress.report(0.1, "Leading water over the land.")
    flow = route_flow(elevation, grid, SubProgress(progress, 0.1, 0.45))
    del elevation
    half, links = find_half_basins(flow, areas[0], SubProgress(progress, 0.45, 0.6))
    largest = float(links.area.max())
    del flow
    progress.report(0.6, f"{len(links):,} stream links drain {areas[0]:,.0f} m² or more, or leave the land.")
    for rows in strips(half.shape):
        part = half[rows]
        known = part != NO_HALF
        part[known] = 2 * part[known] + flat[rows][known]
    del flat
    values = number_pieces(half, NO_HALF, SubProgress(progress, 0.6, 0.7))
    pieces = _count(source, grid, half, len(values), SubProgress(progress, 0.7, 0.85))
    steps = 1 + max(0, int(np.ceil(np.log2(largest / areas[0]))))
    coarser = coarser_halves(links, areas[0] * 2.0 ** np.arange(steps))[::-1]
    hierarchy = Hierarchy(pieces, (values & 1).astype(bool), coarser[:, values >> 1])
    chosen, tried = choose_settings(hierarchy, areas, options, SubProgress(progress, 0.85, 0.92))
    limit = np.inf if options.max_area is None else options.max_area
    cut = hierarchy.cut(chosen.min_area, limit, chosen.aspect_variance)
    unit = join_small(hierarchy, cut, chosen.min_area, progress)
    table = pieces.merged(unit, int(unit.max()) + 1)
    flat_area = np.bincount(unit, pieces["area"] * hierarchy.flat, len(table))
    is_flat = flat_area > table["area"] / 2
    number = np.concatenate([[0], unit + 1]).astype(np.int32)
    for rows in strips(half.shape):
        half[rows] = number[half[rows]]
    half[[0, -1]] = 0
    return SlopeUnits(half, table, is_flat, chosen, tried, *measure(table, is_flat))


def _require_memory(grid: Grid) -> None:
    cells = grid.width * grid.height
    have, needed = available_memory(), cells * BYTES_PER_CELL
    too_many = (grid.width + 2) * (grid.height + 2) >= 2**30
    if too_many or (have is not None and needed > have):
        free = "" if have is None else f", and {have / 1e9:.1f} GB are free"
        raise GridUnsupported(
            f"The DEM has {grid.width:,} × {grid.height:,} cells. Water flows over all of them, so slope units need "
            f"about {needed / 1e9:.1f} GB of memory{free}. Close other programs, take a coarser DEM, or divide it "
            "along a large river."
        )


def _read(
    source: SourceRaster, grid: Grid, options: SlopeUnitOptions, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return elevations, float32, and whether land is flat, uint8; both with a border of one cell."""
    elevation = np.full((grid.height + 2, grid.width + 2), np.nan, dtype=np.float32)
    flat = np.zeros(elevation.shape, dtype=np.uint8)
    with TerrainFactors.open(source, grid, HORN, _TERRAIN) as reader:
        for block in grid.blocks_with_progress(progress):
            values = reader.read(block)
            inside = (
                slice(block.row + 1, block.row + block.height + 1),
                slice(block.column + 1, block.column + block.width + 1),
            )
            elevation[inside] = values[_BANDS.index("elevation")]
            flat[inside] = values[_BANDS.index("slope")] < options.flat_slope
    if options.flat_slope:
        _smooth(flat)
    return elevation, flat


def _smooth(flat: np.ndarray) -> None:
    """Keep as flat what most of the square around is, without speckles."""
    halo = FLAT_WINDOW // 2
    earlier = flat[:0]
    for rows in strips(flat.shape):
        below = flat[rows.start : min(rows.stop + halo, len(flat))]
        window = np.concatenate([earlier, below])
        mean = uniform_filter(window.astype(np.float32), FLAT_WINDOW, mode="nearest")
        kept = flat[max(rows.stop - halo, 0) : rows.stop].copy()
        flat[rows] = (mean > 0.5)[len(earlier) : len(earlier) + rows.stop - rows.start]
        earlier = kept
    flat[[0, -1]] = 0


def _count(source: SourceRaster, grid: Grid, raster: np.ndarray, pieces: int, progress: Progress) -> Pieces:
    counter = PieceCounter(pieces, grid)
    step = max(1, STRIP_CELLS // grid.width)
    bands = [_BANDS.index(name) for name in ("slope", "northness", "eastness", "elevation")]
    with TerrainFactors.open(source, grid, HORN, _TERRAIN) as reader:
        for row in range(0, grid.height, step):
            stop_if_cancelled(progress)
            block = Block(row, 0, min(step, grid.height - row), grid.width)
            values = np.nan_to_num(reader.read(block), nan=0.0)
            counter.add(row, raster[row + 1 : row + 1 + block.height, 1:-1], values[bands])
            progress.report((row + block.height) / grid.height)
    return counter.finish()
