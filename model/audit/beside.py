"""Terrain and factors at the cells of an audit, read from rasters on grids of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
from rasterio.warp import transform

from ..comparison.textbook_baselines import in_degrees, slope_factor
from ..errors import NoOverlap
from ..factors.source_rasters import scan_source
from ..factors.terrain import TerrainFactors
from ..grid import Block, Grid
from ..inputs.units import ELEVATION
from ..progress import Progress, SubProgress
from ..stack import StackFactor, open_stack
from ..validation.map_layers import cells_by_block
from .ground import Cells, Ground

SLOPE, HEIGHT = "slope", "elevation"


@dataclass
class BesideLayers:
    """What was read beside the map."""

    factors: list[StackFactor]  # of the stack, in the order of ``Cells.factors``; empty without one
    sources: dict[str, str]  # where slope and elevation come from, in words
    slope_unit: str = "°"  # empty if it is not known


def read_beside(
    ground: Ground, grid: Grid, dem: str | os.PathLike | None, stack: str | os.PathLike | None, progress: Progress
) -> BesideLayers:
    """Read slope and elevation of a DEM, or of a stack without one, and all factors of a stack, at all cells.

    Raises:
        NoOverlap: DEM or stack have no data at any of the landslides.
    """
    parts = [cells for cells in (ground.landslides, ground.land, ground.training) if cells is not None]
    found = BesideLayers([], {})
    if stack is not None:
        with open_stack(stack) as opened:
            found.factors = opened.factors
            values = _read(parts, grid, opened.grid, len(opened.factors), opened.read, SubProgress(progress, 0.0, 0.5))
        _require_data(values[0], "factor stack", stack)
        for cells, read in zip(parts, values):
            cells.factors = read
    if dem is not None:
        own = Grid.from_file(dem, "DEM")
        source = scan_source(str(dem), own, "DEM", progress, ELEVATION)
        with TerrainFactors.open(source, own, "horn", ("elevation",)) as reader:

            def terrain(block: Block) -> np.ndarray:
                return reader.read(block)[[0, -1]]

            values = _read(parts, grid, own, 2, terrain, SubProgress(progress, 0.5, 1.0))
        _require_data(values[0], "DEM", dem)
        for cells, read in zip(parts, values):
            cells.terrain = {SLOPE: read[:, 0], HEIGHT: read[:, 1]}
        found.sources = dict.fromkeys((SLOPE, HEIGHT), "the DEM")
    elif found.factors:
        _take_from_stack(parts, found)
    return found


def _take_from_stack(parts: Sequence[Cells], found: BesideLayers) -> None:
    slope = slope_factor(found.factors)
    if slope is not None and not in_degrees(slope):
        found.slope_unit = f" {slope.unit}" if slope.unit else ""
    names = {SLOPE: "" if slope is None else slope.name, HEIGHT: HEIGHT}
    for number, factor in enumerate(found.factors):
        for key, name in names.items():
            if factor.name == name:
                found.sources[key] = f"the band {name} of the stack"
                for cells in parts:
                    cells.terrain[key] = cells.factors[:, number]


def _read(
    parts: Sequence[Cells], grid: Grid, own: Grid, bands: int, read: Callable[[Block], np.ndarray], progress: Progress
) -> list[np.ndarray]:
    """Return the values of bands at cells of ``grid`` from a raster on its ``own`` grid, float32 (cells, bands)."""
    sizes = [len(cells) for cells in parts]
    rows, columns = (np.concatenate([getattr(cells, side) for cells in parts]) for side in ("rows", "columns"))
    xy = np.stack(grid.transform * (columns + 0.5, rows + 0.5), axis=1)
    if own.crs != grid.crs:
        xy = np.stack([np.array(one) for one in transform(grid.crs, own.crs, *xy.T)], axis=1)
    row, column, inside = own.cell_indices(xy)
    values = np.full((sum(sizes), bands), np.nan, dtype=np.float32)
    known = np.flatnonzero(inside)
    for block, chosen in cells_by_block(own, row[known], column[known], progress):
        some = known[chosen]
        values[some] = read(block)[:, row[some] - block.row, column[some] - block.column].T
    return np.split(values, np.cumsum(sizes)[:-1])


def _require_data(values: np.ndarray, role: str, path: str | os.PathLike) -> None:
    if not np.isfinite(values).any():
        raise NoOverlap(
            f"The {role} {path} has no data at any landslide on the map. Check its CRS, or choose the raster of this "
            "area."
        )
