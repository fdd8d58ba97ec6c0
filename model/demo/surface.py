"""What lies on the carved land: surficial material and landform, settlements and roads, rain and temperature at about
1 km, and the safety factor that these give with the tables of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from ..grid import Grid
from ..progress import Progress, stop_if_cancelled
from .drainage import HALF_NEIGHBOURS, MIN_RIVER_KM2
from .frame import (
    CELL,
    ORIGIN,
    DemoFrame,
    fractal,
    neighbours,
    resample,
    resample_nearest,
    smooth_borders,
    smooth_classes,
)
from .layout import Bedrock, Layout, rock_number
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


CLIMATE_CELL = 1000.0  # cell side of the climate rasters in metres, as in the paper
WARNED_SHARE = 0.1
"""Share of the study area on which the safety factor is below 0.5; the amounts of rain are fitted to it."""
LAPSE_RATE = 6.2  # fall of the annual mean temperature in °C per kilometre
TEMPERATURE_AT_3000_M = 8.6  # annual mean in °C, where no region asks for another
FREEZE_THAW_TEMPERATURE = 0.3  # annual mean in °C that the median of the region of freeze-thaw is brought to


@dataclass
class ClimateFields:
    """Climate of the study area."""

    grid: Grid  # of the coarse rasters; it reaches a cell beyond the study area on every side
    rain: np.ndarray  # annual precipitation in mm on that grid, float32
    temperature: np.ndarray  # annual mean temperature in °C on that grid, float32
    fine_temperature: np.ndarray  # the temperature interpolated onto the study area, float32
    threshold_ratio: np.ndarray
    """Seven-day rainfall over its threshold, R7 / Rc = k · R7, on the study area; Fs = 1 / (1 + ratio); float32."""


def make_climate(
    layout: Layout, terrain: Terrain, cover: SurfaceCover, rng: np.random.Generator, progress: Progress
) -> ClimateFields:
    """Make temperature that falls with height, and rain that grows from dry valleys to mid slopes and windward sides.

    The amounts are fitted so that the safety factor is below 0.5 on a tenth of the area, spread over the regions.
    """
    frame = layout.frame
    count = int(np.ceil(frame.size * CELL / CLIMATE_CELL)) + 2
    west, north = ORIGIN[0] - CLIMATE_CELL, ORIGIN[1] + CLIMATE_CELL
    grid = Grid(frame.grid.crs, Affine(CLIMATE_CELL, 0, west, 0, -CLIMATE_CELL, north), count, count)
    place = ((np.arange(count) - 0.5) * CLIMATE_CELL) / CELL + frame.pad - 0.5

    def at(field: np.ndarray) -> np.ndarray:
        scaled = (place + 0.5) * field.shape[0] / frame.side - 0.5
        return ndimage.map_coordinates(field, np.meshgrid(scaled, scaled, indexing="ij"), order=1, mode="nearest")

    land = ndimage.gaussian_filter(terrain.height, 400 / CELL)
    wide = ndimage.gaussian_filter(terrain.height, min(4000 / CELL, frame.side / 4))
    height, around = at(land), at(wide)
    stop_if_cancelled(progress)
    noise = [at(frame.noise(rng, frame.extent / 2, 1500, 1.8)) for _ in range(2)]
    region = frame.classes(layout.region)
    temperature = TEMPERATURE_AT_3000_M - LAPSE_RATE * (height - 3000) / 1000 + 0.25 * noise[0]
    frosty = [index for index, one in enumerate(layout.regions) if one.cause == "frost"]
    inside = region == (frosty[0] if frosty else 255)
    if inside.any():
        temperature += FREEZE_THAW_TEMPERATURE - float(np.median(_to_study_area(temperature, frame)[inside]))
    rising = np.gradient(around, CLIMATE_CELL)[0] if count > 1 else 0.0
    lift = np.clip((height - around) / 1000, -1, 1)
    rain = at(layout.blend([climate.rainfall for climate in layout.climates], 1500.0, layout.climate))
    plain = np.isin(cover.landform, (GLACIAL_PLAIN, RIVER_PLAIN, LAKE))
    plain = np.pad(ndimage.gaussian_filter(plain.astype(np.float32), 350 / CELL), frame.pad, mode="edge")
    rain = rain * np.exp(0.6 * lift - 1.0 * np.maximum(lift, 0) ** 2 - 0.5 * np.tanh(rising / 0.25) + 0.07 * noise[1])
    rain = rain * (1 - 0.45 * np.minimum(1.6 * at(plain), 1.0))

    zone = frame.classes(layout.climate)
    per_mm = np.array([c.alpha * c.beta * 7 / c.rainy_days for c in layout.climates], dtype=np.float32)[zone]
    per_mm *= np.array(list(LANDFORMS.values()), dtype=np.float32)[cover.landform]
    ratio = per_mm * _to_study_area(rain, frame)
    factors = [1 / _warned(ratio[region == index]) for index in range(len(layout.regions))]
    rain = rain * at(layout.blend(factors, 1500.0))
    ratio = per_mm * _to_study_area(rain, frame)
    scale = 1 / _warned(ratio)
    rain, ratio, fine = rain * scale, ratio * scale, _to_study_area(temperature, frame)
    return ClimateFields(grid, *(field.astype(np.float32) for field in (rain, temperature, fine, ratio)))


def _warned(ratio: np.ndarray) -> float:
    return float(np.quantile(ratio, 1 - WARNED_SHARE)) if ratio.size else 1.0


def _to_study_area(coarse: np.ndarray, frame: DemoFrame) -> np.ndarray:
    place = ((np.arange(frame.size) + 0.5) * CELL / CLIMATE_CELL + 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    part = (place - low).astype(np.float32)
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    return (rows[:, low] * (1 - part) + rows[:, low + 1] * part).astype(np.float32)
