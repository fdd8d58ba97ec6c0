"""Landslides and stable points as distinct cells of the map; features that cannot be used are counted.

Random stable points are drawn with a chance proportional to the true area of a cell, without the map in memory. A first
pass counts, per row of each block, the cells that may be drawn (on a geographic grid all cells of a row have one area)
and collects the statistics of each scope. The draw picks a row by its total area and a cell in it by number. A second
pass over the blocks with drawn cells finds where those are and reads their values.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import TypeVar

import numpy as np

from ..errors import TooFewData
from ..factors.polygons import PolygonBurner
from ..grid import Block, Grid
from ..inputs.vectors import Landslides, PointsAndPolygons, Polygons
from ..labels.buffers import Buffers, interior_point, landslide_points
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..statistics import SusceptibilityHistogram, bin_index
from .area_placements import AreaPlacements
from .map_layers import CellValues, MapBlock, MapLayers, Scope

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class SampleCounts:
    """What became of the features of a layer."""

    features: int  # features in the layer
    off_map: int  # features outside the raster, or without coordinates
    candidate_cells: int  # cells to look at: one a feature, or every cell of a polygon
    on_nodata: int  # candidate cells where the map has no value
    duplicates: int  # candidate cells that another one already stands for
    thinned: int = 0  # candidate cells left out at random because there are very many
    without_data: tuple[int, ...] = ()  # candidate cells without a value in each of the maps

    @property
    def used(self) -> int:
        """Cells that count."""
        return self.candidate_cells - self.on_nodata - self.duplicates - self.thinned

    def table(self) -> dict[str, int]:
        """Return the counts by their names in tables."""
        names = ("features", "off_map", "places", "on_nodata", "doubled", "thinned")
        return dict(zip(names, astuple(self)))


@dataclass
class Sample:
    """Distinct cells with a value."""

    rows: np.ndarray
    columns: np.ndarray
    xy: np.ndarray
    """Map coordinates of the feature (of the cell's centre, for every cell of a polygon), shape (cells, 2)."""
    feature: np.ndarray  # number of the feature in its layer, from 0
    cell_values: CellValues
    counts: SampleCounts

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray, counts: SampleCounts | None = None) -> Sample:
        """Return part of the sample, ``chosen`` being a mask or numbers."""
        rows, columns, xy, feature = (array[chosen] for array in (self.rows, self.columns, self.xy, self.feature))
        return Sample(rows, columns, xy, feature, self.cell_values.take(chosen), counts or self.counts)

    def in_scope(self, scope: Scope) -> Sample:
        """Return the part in a scope."""
        return self.take(self.cell_values.in_scope(scope))


def sample_layer(
    layer: Landslides, layers: MapLayers, every_cell: bool, max_cells: int, rng: np.random.Generator, progress: Progress
) -> Sample:
    """Bring a layer to cells of the map.

    A cell counts once, whatever the number of features in it. ``every_cell``: take every cell of a polygon instead of
    one. ``max_cells``: thin the cells at random down to this number.
    """
    rows, columns, feature, off_map, xy = _cells_of(layer, layers.grid, every_cell, SubProgress(progress, 0.0, 0.5))
    cell_values = layers.cell_values(rows, columns, SubProgress(progress, 0.5, 1.0))
    valid = cell_values.valid
    _, first = np.unique((rows * layers.grid.width + columns)[valid], return_index=True)
    kept = np.flatnonzero(valid)[np.sort(first)]
    distinct = len(kept)
    if distinct > max_cells:
        kept = np.sort(rng.choice(kept, max_cells, replace=False))
    left_out = int((~valid).sum()), int(valid.sum()) - distinct, distinct - len(kept)
    without_data = tuple((~np.isfinite(cell_values.values_by_map)).sum(axis=1).tolist())
    counts = SampleCounts(len(layer), off_map, len(rows), *left_out, without_data)
    return Sample(rows, columns, xy, feature, cell_values, counts).take(kept, counts)


def _cells_of(
    layer: Landslides, grid: Grid, every_cell: bool, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray]:
    """Return row, column and feature number of the cells of a layer, the features off the map, and map coordinates."""
    if every_cell and isinstance(layer, PointsAndPolygons):
        of_points = _cells_of(layer.points, grid, every_cell, progress)
        rows, columns, feature, off_map, xy = _cells_of(layer.polygons, grid, every_cell, progress)
        pairs = zip(of_points[:3], (rows, columns, feature + len(layer.points)))
        rows, columns, feature = map(np.concatenate, pairs)
        return rows, columns, feature, of_points[3] + off_map, np.concatenate([of_points[4], xy])
    if every_cell and isinstance(layer, Polygons):
        rows, columns, feature, off_map = _covered_cells(grid, layer, progress)
        return rows, columns, feature, off_map, _cell_centres(grid, rows, columns)
    points = landslide_points(layer)
    rows, columns, inside = grid.cell_indices(points)
    return rows[inside], columns[inside], np.flatnonzero(inside), int((~inside).sum()), points[inside]


def _cell_centres(grid: Grid, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    t = grid.transform
    return np.stack([t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5)], axis=1)


def _covered_cells(
    grid: Grid, polygons: Polygons, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return row, column and polygon number of every cell whose centre is in a polygon, and the polygons off the map.

    A polygon too small to hold a centre has the cell of a point inside it. Where polygons overlap, the later one has
    the cell.
    """
    burner = PolygonBurner(polygons, grid)
    on_map = burner.touching(grid.whole)
    seen = np.zeros(len(polygons), dtype=bool)
    parts = [(np.empty(0, dtype=np.int64),) * 3]
    for block in grid.blocks_with_progress(progress):
        chosen = burner.intersecting(block)
        if len(chosen):
            numbers = burner.last(block, chosen, chosen + 1)
            row, column = np.nonzero(numbers)
            number = numbers[row, column].astype(np.int64) - 1
            seen[number] = True
            parts.append((row + block.row, column + block.column, number))
    unseen = np.flatnonzero(~seen & on_map)
    if len(unseen):
        points = np.array([interior_point(polygons.geometries[index]) for index in unseen]).reshape(-1, 2)
        row, column, inside = grid.cell_indices(points)
        parts.append((row[inside], column[inside], unseen[inside]))
        on_map[unseen[~inside]] = False
    rows, columns, feature = (np.concatenate(list(column)) for column in zip(*parts))
    return rows, columns, feature, int((~on_map).sum())


@dataclass
class SamplingFrame:
    """The cells from which stable points of a scope are drawn, counted by row of each block."""

    blocks: list[Block] = field(default_factory=list)
    _cells: list[np.ndarray] = field(default_factory=list)
    _areas: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block, cells: np.ndarray, area: np.ndarray) -> None:
        """Add a block: cells that may be drawn by row, and the area of a cell by row, both of shape (rows,)."""
        if cells.any():
            self.blocks.append(block)
            self._cells.append(cells.astype(np.int64))
            self._areas.append(area.astype(np.float64))

    @property
    def cells(self) -> int:
        """How many cells may be drawn."""
        return int(sum(int(cells.sum()) for cells in self._cells))

    @property
    def area(self) -> float:
        """Area of the cells that may be drawn, in the unit of the areas."""
        return float(sum(float(cells @ area) for cells, area in zip(self._cells, self._areas)))

    @property
    def block_offsets(self) -> np.ndarray:
        """Number of the first cell of each block, and the number of all cells at the end."""
        return np.concatenate([[0], np.cumsum([int(cells.sum()) for cells in self._cells])]).astype(np.int64)

    def draw(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draw distinct cells, one after another with a chance proportional to the area of those that are left.

        Return numbers of cells, int64, in the order of the blocks and of rows within them; all if there are not as many
        as asked for. Raises ``TooFewData`` if there is none.
        """
        total = self.cells
        if not total:
            raise TooFewData("There is no cell from which stable points could be drawn.")
        number = min(number, total)
        cells, areas = np.concatenate(self._cells), np.concatenate(self._areas)
        if 2 * number >= total:
            # Exponential clocks with rates proportional to area ring in the same order as such a draw.
            clocks = rng.exponential(size=total) / np.repeat(areas, cells)
            return np.argsort(clocks, kind="stable")[:number]
        first = np.concatenate([[0], np.cumsum(cells)])
        reached = np.cumsum(cells * areas)
        drawn = np.empty(0, dtype=np.int64)
        while len(drawn) < number:
            picks = rng.random((2, max(2 * (number - len(drawn)), 16)))
            row = np.minimum(np.searchsorted(reached, picks[0] * reached[-1], side="right"), len(cells) - 1)
            cell = first[row] + np.minimum((picks[1] * cells[row]).astype(np.int64), np.maximum(cells[row] - 1, 0))
            drawn = np.concatenate([drawn, cell[cells[row] > 0]])
            _, when = np.unique(drawn, return_index=True)
            drawn = drawn[np.sort(when)]
        return drawn[:number]


@dataclass
class MapStatistics:
    """Statistics of a scope, from one pass over all blocks."""

    placements: list[AreaPlacements]  # of the scope's landslides among its other land, in each of the maps
    cells: int = 0
    area_m2: float = 0.0
    zone_area_m2: dict[int, float] = field(default_factory=dict)
    ranking: SusceptibilityHistogram = field(default_factory=SusceptibilityHistogram)
    frame: SamplingFrame = field(default_factory=SamplingFrame)
    """Cells from which stable points are drawn; empty when none are to be drawn."""
    land: SamplingFrame = field(default_factory=SamplingFrame)
    """Cells that hold no landslide, from which the cells of other land are drawn that the resamples need."""

    @classmethod
    def of_scopes(cls, scopes: Sequence[Scope], landslides: Sample) -> dict[str, MapStatistics]:
        """Return empty statistics by name of the scope."""
        values = {scope.name: landslides.in_scope(scope).cell_values.values_by_map for scope in scopes}
        return {name: cls([AreaPlacements(one) for one in of_maps]) for name, of_maps in values.items()}

    @property
    def landslide_share(self) -> float:
        """Share of the area in cells that hold a landslide."""
        return 1 - self.placements[0].area / self.area_m2

    def add(self, view: MapBlock, mask: np.ndarray, area: np.ndarray, cells: LandslideCells) -> None:
        """Add the cells of a block in a mask; ``area`` is that of a cell by row in square metres."""
        self.cells += int(mask.sum())
        self.area_m2 += float(mask.sum(axis=1) @ area)
        if cells.near is not None:
            self.frame.add(view.block, (mask & ~cells.near).sum(axis=1), area)
        other = mask & ~cells.held
        self.land.add(view.block, other.sum(axis=1), area)
        areas = np.repeat(area, other.sum(axis=1))
        for placements, values in zip(self.placements, view.values_by_map):
            placements.add(values[other], areas)


@dataclass(frozen=True)
class LandslideCells:
    """Which cells of a block landslides lie in, and are near to."""

    held: np.ndarray  # bool: the cell of a point, or any cell of a polygon
    near: np.ndarray | None  # bool: no stable point may be drawn here; None when none will be drawn


@dataclass(frozen=True)
class LandslideBuffers:
    """The cells of landslides and those near them, read block by block."""

    held: Buffers  # with a radius of 0
    near: Buffers | None  # None when no stable points will be drawn

    def read(self, block: Block) -> LandslideCells:
        """Return the cells of a block."""
        return LandslideCells(self.held.read(block)[0], None if self.near is None else self.near.read(block)[0])


def collect_map_statistics(
    layers: MapLayers, scopes: Sequence[Scope], landslides: Sample, buffers: LandslideBuffers, progress: Progress
) -> dict[str, MapStatistics]:
    """Read the map once and return the statistics by name of the scope."""
    result = MapStatistics.of_scopes(scopes, landslides)
    for block in layers.grid.blocks_with_progress(progress):
        view = layers.read(block)
        if not view.valid.any():
            continue
        area = layers.grid.cell_area(block.row, block.height)
        areas = np.broadcast_to(area[:, None], view.values.shape)
        bins = np.zeros(view.values.shape, dtype=np.int64)
        bins[view.valid] = bin_index(view.values[view.valid])
        landslide_cells = buffers.read(block)
        for scope in scopes:
            stop_if_cancelled(progress)
            mask = layers.scope_mask(view, scope)
            if not mask.any():
                continue
            statistics = result[scope.name]
            statistics.add(view, mask, area, landslide_cells)
            statistics.ranking.add(bins[mask], areas[mask])
            zone_areas = np.bincount(view.zones[mask], weights=areas[mask])
            for zone in np.flatnonzero(np.bincount(view.zones[mask])[1:]) + 1:
                summed = statistics.zone_area_m2.get(int(zone), 0.0)
                statistics.zone_area_m2[int(zone)] = summed + float(zone_areas[zone])
    return result


@dataclass(frozen=True)
class Frame:
    """What cells of a scope are drawn from, and how many."""

    scope: Scope
    cells: SamplingFrame
    excluded: Buffers  # the same that the cells were counted without
    number: int  # of points in a draw
    repeats: int
    stream: int  # number of its own stream of random numbers, beside the scope's


@dataclass
class Draws:
    """Repeated random samples of the cells of a scope."""

    values_by_map: np.ndarray  # susceptibility in each of the maps, float32, shape (maps, repeats, points)
    rows: np.ndarray  # int32, shape (repeats, points)
    columns: np.ndarray


def draw_cells(layers: MapLayers, frames: Mapping[Key, Frame], seed: int, progress: Progress) -> dict[Key, Draws]:
    """Draw cells from several frames and return the draws by their keys."""
    drawn: dict[Key, np.ndarray] = {}
    result: dict[Key, Draws] = {}
    by_block: dict[Block, list[tuple[Key, np.ndarray, int]]] = {}
    for key, frame in frames.items():
        rng = np.random.default_rng([seed, frame.stream, frame.scope.seed_offset])
        ids = []
        for _ in range(frame.repeats):
            stop_if_cancelled(progress)
            ids.append(frame.cells.draw(rng, frame.number))
        drawn[key] = np.stack(ids)
        shape = drawn[key].shape
        values = np.full((layers.map_count, *shape), np.nan, dtype=np.float32)
        result[key] = Draws(values, *np.zeros((2, *shape), dtype=np.int32))
        first = frame.cells.block_offsets
        flat = drawn[key].ravel()
        order = np.argsort(flat, kind="stable")
        edges = np.searchsorted(flat[order], first)
        for index, block in enumerate(frame.cells.blocks):
            chosen = order[edges[index] : edges[index + 1]]
            if len(chosen):
                by_block.setdefault(block, []).append((key, chosen, int(first[index])))
    for done, (block, parts) in enumerate(by_block.items()):
        stop_if_cancelled(progress)
        progress.report(done / len(by_block))
        view = layers.read(block)
        excluded: dict[int, np.ndarray] = {}
        for key, chosen, first_cell in parts:
            frame, draws = frames[key], result[key]
            if id(frame.excluded) not in excluded:
                excluded[id(frame.excluded)] = frame.excluded.read(block)[0]
            places = np.flatnonzero(layers.scope_mask(view, frame.scope) & ~excluded[id(frame.excluded)])
            cells = places[drawn[key].ravel()[chosen] - first_cell]
            for drawn_values, values in zip(draws.values_by_map, view.values_by_map):
                drawn_values.ravel()[chosen] = values.ravel()[cells]
            draws.rows.ravel()[chosen] = cells // block.width + block.row
            draws.columns.ravel()[chosen] = cells % block.width + block.column
    return result


def drawn_points(draws: Draws, layers: MapLayers, progress: Progress) -> tuple[np.ndarray, CellValues]:
    """Return coordinates and values of the first draw, at the centres of its cells."""
    cells = layers.cell_values(draws.rows[0], draws.columns[0], progress)
    return _cell_centres(layers.grid, draws.rows[0], draws.columns[0]), cells
