"""One pass over a susceptibility map: units, squares of several sizes, landslides and a sample of cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rasterio import DatasetReader

from ..factors.polygons import PolygonBurner
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..inputs.vectors import Polygons
from ..labels.buffers import interior_point
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..validation.area_placements import AreaPlacements
from ..validation.spatial_blocks import metric_positions
from .unit_sums import UnitSums, burn_units

LAND_CELLS = 20_000  # cells that are drawn for the resamples
SQUARE_SIZES = (0.25, 1.0, 4.0, 16.0)  # areas of squares in mean areas of a unit


@dataclass
class Squares:
    """Squares of land of one size, in rows from the upper left corner of the grid."""

    rows: int  # cells along a side
    columns: int
    across: int  # squares in a row
    sums: UnitSums
    landslides: np.ndarray  # int64, by square

    @classmethod
    def of_area(cls, grid: Grid, area: float) -> Squares | None:
        """Return squares of about an area in m²; None if they are no larger than a cell."""
        width, height = (float(size[0]) for size in grid.spacing(grid.height // 2, 1))
        rows, columns = (max(1, round(math.sqrt(area) / size)) for size in (height, width))
        if rows * columns < 2:
            return None
        across, down = math.ceil(grid.width / columns), math.ceil(grid.height / rows)
        return cls(rows, columns, across, UnitSums(across * down), np.zeros(across * down, dtype=np.int64))

    def number(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the square of each cell."""
        return rows // self.rows * self.across + columns // self.columns


@dataclass
class LandslideCells:
    """Cells of landslides that lie in a unit and have a value."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


@dataclass
class LandSample:
    """Cells in units that hold no landslide, drawn at random."""

    x: list[np.ndarray] = field(default_factory=list)  # metres
    y: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    areas: list[np.ndarray] = field(default_factory=list)


class MapScan:
    """Reads the map and its uncertainty by blocks, with the units of each cell."""

    def __init__(self, dataset: DatasetReader, doubt: DatasetReader | None, grid: Grid, units: Polygons) -> None:
        """Take the open rasters, the second on the grid of the first, and the polygons in its CRS."""
        self.dataset, self.doubt, self.grid, self.units = dataset, doubt, grid, units
        self.burner = PolygonBurner(units, grid)

    def sum_units(self, threshold: float, progress: Progress) -> UnitSums:
        """Add up all units; one without the centre of a cell has the cell of a point inside it."""
        sums = UnitSums(len(self.units))
        for block in self.grid.blocks_with_progress(progress):
            chosen = self.burner.intersecting(block)
            if not len(chosen):
                continue
            values = self._values(block)
            doubt = None if self.doubt is None else read_block(self.doubt, block)
            for number in burn_units(self.burner, block, chosen):
                row, column = np.nonzero((number > 0) & np.isfinite(values))
                self._add(sums, block, (row, column), number[row, column] - 1, values, doubt, threshold)
        empty = np.flatnonzero((sums.cells == 0) & self.burner.touching(self.grid.whole))
        if len(empty):
            self._add_points(sums, empty, threshold)
        return sums

    def _values(self, block: Block) -> np.ndarray:
        values = read_block(self.dataset, block)
        values[np.isinf(values)] = np.nan
        return values

    def _add(
        self,
        sums: UnitSums,
        block: Block,
        cells: tuple[np.ndarray, np.ndarray],
        unit: np.ndarray,
        values: np.ndarray,
        doubt: np.ndarray | None,
        threshold: float,
    ) -> None:
        areas = self.grid.cell_area(block.row, block.height)[cells[0]]
        position = metric_positions(self.grid, cells[0] + block.row, cells[1] + block.column)
        sums.add(unit, values[cells], areas, threshold, position, None if doubt is None else doubt[cells])

    def _add_points(self, sums: UnitSums, units: np.ndarray, threshold: float) -> None:
        points = np.array([interior_point(self.units.geometries[unit]) for unit in units]).reshape(-1, 2)
        rows, columns, inside = self.grid.cell_indices(points)
        for block in self.grid.blocks():
            here, cells = block.locate(np.where(inside, rows, -1), columns)
            if len(here):
                values = self._values(block)
                doubt = None if self.doubt is None else read_block(self.doubt, block)
                known = np.isfinite(values[cells])
                cells = cells[0][known], cells[1][known]
                self._add(sums, block, cells, units[here[known]], values, doubt, threshold)

    def locate(self, xy: np.ndarray, progress: Progress) -> tuple[np.ndarray, LandslideCells, int]:
        """Return the landslides by unit, the cells that they lie in, each once, and how many landslides count.

        A landslide belongs to the units that hold the centre of its cell.
        """
        rows, columns, inside = self.grid.cell_indices(xy)
        by_unit = np.zeros(len(self.units), dtype=np.int64)
        counted, kept = 0, []
        for block in self.grid.blocks():
            stop_if_cancelled(progress)
            here, (row, column) = block.locate(np.where(inside, rows, -1), columns)
            if not len(here):
                continue
            values = self._values(block)[row, column]
            within = np.zeros(len(here), dtype=bool)
            for number in burn_units(self.burner, block, self.burner.intersecting(block)):
                unit = number[row, column].astype(np.int64)
                unit[~np.isfinite(values)] = 0
                by_unit += np.bincount(unit, minlength=len(by_unit) + 1)[1:]
                within |= unit > 0
            counted += int(within.sum())
            kept.append(np.stack([row[within] + block.row, column[within] + block.column, values[within]]))
        found = np.unique(np.concatenate(kept, axis=1), axis=1) if kept else np.zeros((3, 0))
        cells = LandslideCells(found[0].astype(int), found[1].astype(int), found[2].astype(np.float32))
        return by_unit, cells, counted

    def judge_cells(
        self, cells: LandslideCells, squares: Sequence[Squares], land: int, seed: int, progress: Progress
    ) -> tuple[AreaPlacements, LandSample]:
        """Rank landslide cells among all other cells in units, fill the squares, and draw about :data:`LAND_CELLS` of
        the ``land`` cells.
        """
        placements, sample = AreaPlacements(cells.values), LandSample()
        for one in squares:
            one.landslides += np.bincount(one.number(cells.rows, cells.columns), minlength=len(one.landslides))
        share = LAND_CELLS / max(land, 1)
        for number, block in enumerate(self.grid.blocks_with_progress(SubProgress(progress, 0.0, 1.0))):
            chosen = self.burner.intersecting(block)
            if not len(chosen):
                continue
            values = self._values(block)
            inside = self.burner.covers(block, chosen) & np.isfinite(values)
            row, column = np.nonzero(inside)
            rows, columns = row + block.row, column + block.column
            areas = self.grid.cell_area(block.row, block.height)[row]
            position = metric_positions(self.grid, rows, columns)
            for one in squares:
                one.sums.add(one.number(rows, columns), values[inside], areas, math.inf, position)
            _, held = block.locate(cells.rows, cells.columns)
            other = np.ones(block.shape, dtype=bool)
            other[held] = False
            other = other[inside]
            placements.add(values[inside][other], areas[other])
            drawn = other & (np.random.default_rng([seed, number]).random(len(row)) < share)
            parts = (*position, values[inside], areas)
            for kept, part in zip((sample.x, sample.y, sample.values, sample.areas), parts):
                kept.append(part[drawn])
        return placements, sample
