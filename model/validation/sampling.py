"""Landslides and stable points of a layer, brought to distinct cells of the map; what is left out is counted.
Random stable points: cells drawn with a chance proportional to their true area, without the map in memory.

A first walk over the map counts, per row of each window, the cells that may be drawn; on a geographic grid all cells of
a row have one area. The draw picks a row by its total area and a cell in it by number. A second walk over the windows
with drawn cells finds where those are and what the map says there.
The points of a validation as plain features, for the layer that shows where the map was right and where wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rasterio.features import rasterize

from ..errors import TooFewData
from ..factors.polygons import extents_intersect, polygon_extents
from ..grid import Block, Grid
from ..inputs.vectors import Points, Polygons
from ..labels.buffers import Buffers, interior_point
from ..progress import Progress, SubProgress, stop_if_cancelled
from .map_layers import CellValues, MapLayers
from .scopes import Scope
from .settings import OUTCOMES, SUBSET_CODES


@dataclass(frozen=True)
class SampleCounts:
    """Where the features of a layer went."""

    features: int
    """Features in the layer."""
    off_map: int
    """Features outside the raster, or without coordinates."""
    places: int
    """Cells to look at: one a feature, or every cell of a polygon."""
    on_nodata: int
    """Places where the map has no value."""
    duplicates: int
    """Places in a cell that another one already stands for."""
    thinned: int = 0
    """Places left out at random because there are very many."""
    without: tuple[int, ...] = ()
    """Places without a value in each of the maps."""


@dataclass
class Sample:
    """Distinct cells with a value, one per place that counts."""

    rows: np.ndarray
    columns: np.ndarray
    xy: np.ndarray
    """Map coordinates of the feature (of the cell's centre, for every cell of a polygon), shape (cells, 2)."""
    feature: np.ndarray
    """Number of the feature in its layer, from 0."""
    cell_values: CellValues
    counts: SampleCounts

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray, counts: SampleCounts | None = None) -> Sample:
        """Return part of the sample, ``chosen`` being a mask or numbers."""
        return Sample(
            self.rows[chosen],
            self.columns[chosen],
            self.xy[chosen],
            self.feature[chosen],
            self.cell_values.take(chosen),
            counts or self.counts,
        )


def sample_layer(
    layer: Points | Polygons,
    layers: MapLayers,
    every_cell: bool,
    max_cells: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Sample:
    """Bring a layer to cells of the map.

    A cell counts once, whatever the number of features in it: two landslides mapped in one cell say the same about
    the map.

    Args:
        layer: points, or polygons.
        layers: the map.
        every_cell: take every cell of a polygon instead of one.
        most: thin the cells at random down to this number.
        rng: for the thinning.
        progress: reported to and asked whether to stop.
    """
    if isinstance(layer, Polygons) and every_cell:
        rows, columns, feature, off_map = _covered_cells(layers.grid, layer, SubProgress(progress, 0.0, 0.5))
        t = layers.grid.transform
        xy = np.stack([t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5)], axis=1)
    else:
        points = representative_points(layer)
        rows, columns, inside = layers.grid.cell_indices(points)
        rows, columns, feature, off_map = rows[inside], columns[inside], np.flatnonzero(inside), int((~inside).sum())
        xy = points[inside]
    places = len(rows)
    cell_values = layers.cell_values(rows, columns, SubProgress(progress, 0.5, 1.0))
    valid = cell_values.valid
    _, first = np.unique((rows * layers.grid.width + columns)[valid], return_index=True)
    kept = np.flatnonzero(valid)[np.sort(first)]
    distinct = len(kept)
    if distinct > max_cells:
        kept = np.sort(rng.choice(kept, max_cells, replace=False))
    counts = SampleCounts(
        len(layer),
        off_map,
        places,
        int((~valid).sum()),
        int(valid.sum()) - distinct,
        distinct - len(kept),
        tuple((~np.isfinite(cell_values.values_by_map)).sum(axis=1).tolist()),
    )
    return Sample(rows, columns, xy, feature, cell_values, counts).take(kept, counts)


def representative_points(layer: Points | Polygons) -> np.ndarray:
    """Return map coordinates of one point a feature: the point, or one well inside the polygon; shape (features, 2)."""
    if isinstance(layer, Polygons):
        return np.array([interior_point(shape) for shape in layer.geometries]).reshape(-1, 2)
    return layer.xy


def _covered_cells(
    grid: Grid, polygons: Polygons, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return row, column and polygon number of every cell whose centre is in a polygon, and the polygons off the map.

    A polygon too small to hold a centre has the cell of a point inside it. Where polygons overlap, the later one has
    the cell.
    """
    extent = polygon_extents(grid, polygons)
    on_map = extents_intersect(extent, Block(0, 0, grid.height, grid.width))
    seen = np.zeros(len(polygons), dtype=bool)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for done, block in enumerate(grid.blocks()):
        stop_if_cancelled(progress)
        progress.report(done / grid.block_count())
        chosen = np.flatnonzero(extents_intersect(extent, block))
        if len(chosen):
            shapes = ((polygons.geometries[index], int(index) + 1) for index in chosen)
            numbers = rasterize(
                shapes,
                out_shape=(block.height, block.width),
                fill=0,
                dtype=np.int32,
                transform=grid.block_transform(block),
            )
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
    off_map = int((~on_map).sum())
    if not parts:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty, off_map
    rows, columns, feature = (np.concatenate(list(column)) for column in zip(*parts))
    return rows, columns, feature, off_map


@dataclass
class SamplingFrame:
    """The cells from which stable points of one part of the map are drawn, counted by row of each window."""

    blocks: list[Block] = field(default_factory=list)
    _cells: list[np.ndarray] = field(default_factory=list)
    _areas: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block, cells: np.ndarray, area: np.ndarray) -> None:
        """Add a window: cells that may be drawn by row, and the area of a cell by row, both of shape (rows,)."""
        if cells.any():
            self.blocks.append(block)
            self._cells.append(cells.astype(np.int64))
            self._areas.append(area.astype(np.float64))

    @property
    def cells(self) -> int:
        """How many cells may be drawn."""
        return int(sum(int(cells.sum()) for cells in self._cells))

    @property
    def block_offsets(self) -> np.ndarray:
        """Number of the first cell of each window, and the number of all cells at the end."""
        return np.concatenate([[0], np.cumsum([int(cells.sum()) for cells in self._cells])]).astype(np.int64)

    def draw(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draw distinct cells, one after another with a chance proportional to the area of those that are left.

        Args:
            rng: source of randomness.
            number: how many; all cells when there are not as many.

        Returns:
            Numbers of the cells in the order of the windows and of rows within them, int64.

        Raises:
            TooFewData: there is no cell.
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
class Draws:
    """Stable points of one part of the map, drawn again and again."""

    values_by_map: np.ndarray
    """Susceptibility in each of the maps, float32, shape (maps, repeats, points)."""
    rows: np.ndarray
    """Rows of the first draw's cells, shape (points,)."""
    columns: np.ndarray
    """Columns of the first draw's cells."""

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map, float32, shape (repeats, points)."""
        return self.values_by_map[0]


def draw_stable(
    layers: MapLayers,
    scopes: dict[str, tuple[Scope, SamplingFrame, int]],
    buffers: Buffers,
    repeats: int,
    seed: int,
    progress: Progress,
) -> dict[str, Draws]:
    """Draw stable points for several parts of the map.

    Args:
        layers: the map.
        scopes: by name the part, the cells to draw from, and how many points a draw has.
        buffers: the same that the frames were counted with.
        repeats: number of draws.
        seed: of the randomness; each part has its own stream.
        progress: reported to and asked whether to stop.

    Returns:
        The draws by name.
    """
    drawn: dict[str, np.ndarray] = {}
    result: dict[str, Draws] = {}
    wanted: dict[Block, list[tuple[str, np.ndarray, int]]] = {}
    for name, (scope, frame, number) in scopes.items():
        rng = np.random.default_rng([seed, 1, scope.seed_offset])
        ids = []
        for _ in range(repeats):
            stop_if_cancelled(progress)
            ids.append(frame.draw(rng, number))
        drawn[name] = np.stack(ids)
        points = drawn[name].shape[1]
        result[name] = Draws(
            np.full((layers.maps, *drawn[name].shape), np.nan, dtype=np.float32),
            np.zeros(points, dtype=np.int64),
            np.zeros(points, dtype=np.int64),
        )
        first = frame.block_offsets
        flat = drawn[name].ravel()
        order = np.argsort(flat, kind="stable")
        edges = np.searchsorted(flat[order], first)
        for index, block in enumerate(frame.blocks):
            chosen = order[edges[index] : edges[index + 1]]
            if len(chosen):
                wanted.setdefault(block, []).append((name, chosen, int(first[index])))
    for done, (block, parts) in enumerate(wanted.items()):
        stop_if_cancelled(progress)
        progress.report(done / len(wanted))
        view = layers.read(block)
        near_landslide = layers.near_landslide(buffers, block)
        for name, chosen, first_cell in parts:
            candidates = layers.candidates(view, scopes[name][0], near_landslide)
            places = np.flatnonzero(candidates)
            cells = places[drawn[name].ravel()[chosen] - first_cell]
            for drawn_values, values in zip(result[name].values_by_map, view.values_by_map):
                drawn_values.ravel()[chosen] = values.ravel()[cells]
            of_first = chosen < len(result[name].rows)
            result[name].rows[chosen[of_first]] = cells[of_first] // block.width + block.row
            result[name].columns[chosen[of_first]] = cells[of_first] % block.width + block.column
    return result


@dataclass(frozen=True)
class PointFeature:
    """A landslide or a stable point; the attributes are ``settings.POINT_FIELDS``."""

    x: float
    y: float
    kind: str
    """``landslide`` or ``stable``."""
    outcome: str
    """One of ``settings.OUTCOMES``."""
    susceptibility: float
    zone: int
    """0 where there is none."""
    subset: str
    """``train``, ``validation``, ``test``, or empty outside all windows."""
    region: str
    feature: int | None
    """Number of the feature in its layer, from 1; ``None`` for a drawn point."""


def landslide_points(sample: Sample, threshold: float, regions: Sequence[str]) -> list[PointFeature]:
    """Return the landslides of a sample as hits and misses."""
    return _features(sample.xy, sample.cell_values, sample.feature + 1, threshold, regions, "landslide", OUTCOMES[:2])


def stable_points(sample: Sample, threshold: float, regions: Sequence[str]) -> list[PointFeature]:
    """Return given stable points as false alarms and correct rejections."""
    return _features(sample.xy, sample.cell_values, sample.feature + 1, threshold, regions, "stable", OUTCOMES[2:])


def drawn_points(
    grid: Grid, rows: np.ndarray, columns: np.ndarray, cell_values: CellValues, threshold: float, regions: Sequence[str]
) -> list[PointFeature]:
    """Return drawn stable points, at the centres of their cells, as false alarms and correct rejections."""
    t = grid.transform
    xy = np.stack([t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5)], axis=1)
    return _features(xy, cell_values, None, threshold, regions, "stable", OUTCOMES[2:])


def _features(
    xy: np.ndarray,
    cell_values: CellValues,
    feature: np.ndarray | None,
    threshold: float,
    regions: Sequence[str],
    kind: str,
    outcomes: Sequence[str],
) -> list[PointFeature]:
    subsets = {code: name for name, code in SUBSET_CODES.items()}
    called = cell_values.values >= threshold
    return [
        PointFeature(
            float(xy[index, 0]),
            float(xy[index, 1]),
            kind,
            outcomes[0] if called[index] else outcomes[1],
            float(cell_values.values[index]),
            int(cell_values.zones[index]),
            subsets.get(int(cell_values.subset[index]), ""),
            "; ".join(regions[region] for region in np.flatnonzero(cell_values.regions[index])),
            int(feature[index]) if feature is not None else None,
        )
        for index in range(len(xy))
    ]
