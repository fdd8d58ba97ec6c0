"""Landslides and stable points of a layer, brought to distinct cells of the map; what is left out is counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio.features import rasterize

from ..grid import Block, Grid
from ..inputs.vectors import Points, Polygons
from ..labels.area import polygon_extents, reaches
from ..labels.buffers import point_inside
from ..progress import Part, Progress, stop_if_cancelled
from .layers import Attributes, MapLayers


@dataclass(frozen=True)
class Counts:
    """Where the features of a layer went."""

    features: int
    """Features in the layer."""
    off_map: int
    """Features outside the raster, or without coordinates."""
    places: int
    """Cells to look at: one a feature, or every cell of a polygon."""
    on_nodata: int
    """Places where the map has no value."""
    doubled: int
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
    at: Attributes
    counts: Counts

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray, counts: Counts | None = None) -> "Sample":
        """Return part of the sample, ``chosen`` being a mask or numbers."""
        return Sample(self.rows[chosen], self.columns[chosen], self.xy[chosen], self.feature[chosen],
                      self.at.take(chosen), counts or self.counts)


def place(layer: Points | Polygons, layers: MapLayers, every_cell: bool, most: int, rng: np.random.Generator,
          progress: Progress) -> Sample:
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
        rows, columns, feature, off_map = _covered_cells(layers.grid, layer, Part(progress, 0.0, 0.5))
        t = layers.grid.transform
        xy = np.stack([t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5)], axis=1)
    else:
        points = one_point_each(layer)
        rows, columns, inside = layers.grid.cells_of(points)
        rows, columns, feature, off_map = rows[inside], columns[inside], np.flatnonzero(inside), int((~inside).sum())
        xy = points[inside]
    places = len(rows)
    at = layers.at(rows, columns, Part(progress, 0.5, 1.0))
    valid = at.valid
    _, first = np.unique((rows * layers.grid.width + columns)[valid], return_index=True)
    kept = np.flatnonzero(valid)[np.sort(first)]
    distinct = len(kept)
    if distinct > most:
        kept = np.sort(rng.choice(kept, most, replace=False))
    counts = Counts(len(layer), off_map, places, int((~valid).sum()), int(valid.sum()) - distinct,
                    distinct - len(kept), tuple((~np.isfinite(at.every)).sum(axis=1).tolist()))
    return Sample(rows, columns, xy, feature, at, counts).take(kept, counts)


def one_point_each(layer: Points | Polygons) -> np.ndarray:
    """Return map coordinates of one point a feature: the point, or one well inside the polygon; shape (features, 2)."""
    if isinstance(layer, Polygons):
        return np.array([point_inside(shape) for shape in layer.geometries]).reshape(-1, 2)
    return layer.xy


def _covered_cells(grid: Grid, polygons: Polygons, progress: Progress
                   ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return row, column and polygon number of every cell whose centre is in a polygon, and the polygons off the map.

    A polygon too small to hold a centre has the cell of a point inside it. Where polygons overlap, the later one has
    the cell.
    """
    extent = polygon_extents(grid, polygons)
    on_map = reaches(extent, Block(0, 0, grid.height, grid.width))
    seen = np.zeros(len(polygons), dtype=bool)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for done, block in enumerate(grid.blocks()):
        stop_if_cancelled(progress)
        progress.report(done / grid.block_count())
        chosen = np.flatnonzero(reaches(extent, block))
        if len(chosen):
            shapes = ((polygons.geometries[index], int(index) + 1) for index in chosen)
            numbers = rasterize(shapes, out_shape=(block.height, block.width), fill=0, dtype=np.int32,
                                transform=grid.block_transform(block))
            row, column = np.nonzero(numbers)
            number = numbers[row, column].astype(np.int64) - 1
            seen[number] = True
            parts.append((row + block.row, column + block.column, number))
    unseen = np.flatnonzero(~seen & on_map)
    if len(unseen):
        points = np.array([point_inside(polygons.geometries[index]) for index in unseen]).reshape(-1, 2)
        row, column, inside = grid.cells_of(points)
        parts.append((row[inside], column[inside], unseen[inside]))
        on_map[unseen[~inside]] = False
    off_map = int((~on_map).sum())
    if not parts:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty, off_map
    rows, columns, feature = (np.concatenate(list(column)) for column in zip(*parts))
    return rows, columns, feature, off_map
