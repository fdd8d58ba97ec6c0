"""Land cover of the demo: surficial material and landform, settlements and roads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from ..progress import Progress, stop_if_cancelled
from .drainage import HALF_NEIGHBOURS, MIN_RIVER_KM2
from .frame import CELL, fractal, neighbours, resample, resample_nearest, smooth_borders, smooth_classes
from .geology import Bedrock, rock_number
from .regions import Layout
from .terrain import Terrain

LANDFORMS = {
    "lakes": 0.0119,
    "glaciers": 0.0263,
    "plains or terraces of sedimentary or glacial deposits": 0.0260,
    "plains or terraces of alluvial, fluvial or lacustrine deposits": 0.0225,
    "mountains": 0.0129,
}
"""Landform classes and their regional coefficient k in 1/mm (table 3)."""
LAKE, GLACIER, GLACIAL_PLAIN, RIVER_PLAIN, MOUNTAIN = range(len(LANDFORMS))


@dataclass
class SurfaceCover:
    """The land's form and cover on the study area at full resolution."""

    slope: np.ndarray  # degrees, float32
    above_river: np.ndarray  # metres above the river that the cell drains to, float32
    rock: np.ndarray  # index into ``ROCKS``, loose deposits included, uint8
    landform: np.ndarray  # index into ``LANDFORMS``, uint8


def make_cover(
    layout: Layout, bedrock: Bedrock, terrain: Terrain, rng: np.random.Generator, progress: Progress
) -> SurfaceCover:
    """Lay till and alluvium over the bedrock and classify the landforms."""
    frame, height = layout.frame, terrain.height
    slope = np.degrees(np.arctan(np.hypot(*np.gradient(height, CELL)))).astype(np.float32)
    gentle = ndimage.gaussian_filter(slope, 1.5)
    stop_if_cancelled(progress)
    river = terrain.flow.first_downstream(terrain.area >= MIN_RIVER_KM2)
    above = (height - height.ravel()[river]).astype(np.float32)
    ice = layout.full("glacial")
    patchy = resample(frame.noise(rng, 2500, 250, 1.6), frame.side)
    stop_if_cancelled(progress)

    landform = np.full(height.shape, MOUNTAIN, dtype=np.uint8)
    landform[(gentle < 10) & (above < 45)] = RIVER_PLAIN
    landform[(gentle < 15) & (above < 160) & (ice > 0.35)] = GLACIAL_PLAIN
    smooth = ndimage.gaussian_filter(height, 4) + 300 * ice + 60 * patchy
    landform[(smooth > max(float(np.quantile(smooth, 0.965)), 4500.0)) & (gentle < 36)] = GLACIER
    landform = smooth_classes(frame.crop(landform), 4.0, 60)
    lake = frame.crop(terrain.lake)
    landform[lake] = LAKE
    stop_if_cancelled(progress)

    rock = frame.crop(smooth_borders(bedrock.rock, 0.7, frame.side)).copy()
    stop_if_cancelled(progress)
    till = ice * np.exp(-np.maximum(above, 0) / 200) * (1 + 0.5 * patchy) > 0.35
    rock[frame.crop(till & (gentle < 35))] = rock_number("glacial till")
    rock[(landform == RIVER_PLAIN) | lake] = rock_number("alluvium")
    return SurfaceCover(frame.crop(slope), frame.crop(above), smooth_classes(rock, 1.2, 24), landform)


@dataclass
class Infrastructure:
    """Where people live and drive, positions in the frame."""

    settlements: np.ndarray  # shape (settlements, 2)
    roads: list[np.ndarray]


def make_infrastructure(layout: Layout, cover: SurfaceCover, rng: np.random.Generator) -> Infrastructure:
    """Found villages on gentle ground by rivers, hamlets on the slopes of the settled region, and build roads.

    The main road follows the main river's valley; every village joins it by the cheapest way.
    """
    frame = layout.frame
    homes = _settlements(layout, cover, rng)
    side = min(frame.size, 400)
    cell = frame.size * CELL / side
    slope = resample_nearest(cover.slope, side)
    cost = 1 + (slope / 9) ** 2 + 30.0 * (resample_nearest(cover.landform, side) == LAKE)
    cost *= np.exp(0.5 * fractal(rng, side, frame.size * CELL, 2500, exponent=1.2))
    graph = _cost_graph(cost)
    margin = frame.pad * CELL

    def node(xy: np.ndarray) -> np.ndarray:
        column, row = np.clip(((xy - margin) / cell).astype(np.int64), 0, side - 1).T
        return row * side + column

    def line(nodes: list[int]) -> np.ndarray:
        row, column = np.divmod(np.array(nodes), side)
        xy = np.column_stack([column + 0.5, row + 0.5]) * cell + margin
        for _ in range(2):
            xy[1:-1] = 0.25 * xy[:-2] + 0.5 * xy[1:-1] + 0.25 * xy[2:]
        return xy

    inner = layout.river[((layout.river > margin) & (layout.river < frame.extent - margin)).all(axis=1)]
    ends = node(inner[[0, -1]])
    _, before = csgraph.dijkstra(graph, indices=int(ends[0]), return_predecessors=True)
    main = _trace(before, int(ends[1]), set())
    roads = [line(main)]
    _, before, _ = csgraph.dijkstra(graph, indices=np.unique(main), return_predecessors=True, min_only=True)
    built = set(main)
    for home in node(homes):
        way = _trace(before, int(home), built)
        built.update(way)
        if len(way) > 2:
            roads.append(line(way))
    return Infrastructure(homes, roads)


def _settlements(layout: Layout, cover: SurfaceCover, rng: np.random.Generator) -> np.ndarray:
    """Choose cells: villages by weight of the region, and as many hamlets on slopes where people are the cause."""
    frame = layout.frame
    settled = np.array([region.cause == "human" for region in layout.regions])[frame.classes(layout.region)]
    dry = cover.landform != LAKE
    villages = dry & (cover.slope < 9) & (cover.above_river > 0.5) & (cover.above_river < 80)
    hamlets = dry & settled & (cover.slope > 8) & (cover.slope < 27)
    hamlets &= (cover.above_river > 80) & (cover.above_river < 500)
    count = int(np.clip(round(frame.area_km2 / 18), 2, 120))
    wanted = ((villages & settled, count // 2), (hamlets, round(0.8 * count)), (villages & ~settled, -(-count // 3)))
    chosen = []
    for fit, number in wanted:
        cells = np.flatnonzero(fit.ravel())
        chosen.append(rng.choice(cells, size=min(number, cells.size), replace=False))
    row, column = np.divmod(np.concatenate(chosen).astype(np.float64), frame.size)
    return np.column_stack([column + 0.5 + frame.pad, row + 0.5 + frame.pad]) * CELL


def _cost_graph(cost: np.ndarray) -> sparse.csr_matrix:
    index = np.arange(cost.size).reshape(cost.shape)
    start, end, price = [], [], []
    for down, right in HALF_NEIGHBOURS:
        here, there = neighbours(cost.shape, down, right)
        start.append(index[here].ravel())
        end.append(index[there].ravel())
        price.append((np.hypot(down, right) * (cost[here] + cost[there]) / 2).ravel())
    one, other, each = np.concatenate(start), np.concatenate(end), np.concatenate(price)
    half = sparse.csr_matrix((each, (one, other)), shape=(cost.size, cost.size))
    return half + half.T


def _trace(before: np.ndarray, node: int, built: set[int]) -> list[int]:
    way = [node]
    while way[-1] not in built and before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return way
