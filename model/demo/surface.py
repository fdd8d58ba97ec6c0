"""Finishing touches on carved land: valley floors, valleys that ice widened, lakes, roughness, and its drainage."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..progress import Progress, stop_if_cancelled
from .drainage import Flow, route
from .frame import CELL, DemoFrame, fractal, resample
from .regions import Layout
from .terrain import INFLOW_KM2, Forcing, Terrain, relax_hillslopes

GULLY_DEPTH = 2.0
"""Metres that a gully deepens with each doubling of its drainage area."""

MIN_DROP = 0.01
"""Metres that every cell lies above the one it flows to, at least."""


def finish_terrain(
    frame: DemoFrame, layout: Layout, forcing: Forcing, height: np.ndarray, rng: np.random.Generator, progress: Progress
) -> Terrain:
    """Widen valleys, add lakes and roughness, and route the water on the result.

    Args:
        frame: the frame.
        layout: regions and main river.
        forcing: what shaped the land.
        height: carved land on the frame at full resolution.
        rng: source of randomness.
        progress: where to report.

    Returns:
        The land, on which every path of water descends to the border of the frame.
    """
    height = _warp(frame, height, rng)
    flow, area = route_drainage(frame, layout, height)
    stop_if_cancelled(progress)
    height = flow.enforce_descent(height, MIN_DROP)
    progress.report(0.15)
    stop_if_cancelled(progress)
    height = relax_hillslopes(frame, forcing, _valleys(frame, layout, height, area), rng, progress)
    progress.report(0.4)
    stop_if_cancelled(progress)
    height = _gullies(height, area)
    stop_if_cancelled(progress)
    height = _roughen(frame, height, area, rng)
    stop_if_cancelled(progress)
    flow, area = route_drainage(frame, layout, height)
    progress.report(0.6)
    stop_if_cancelled(progress)
    height, lake = _lakes(frame, layout, flow.enforce_descent(height, MIN_DROP), flow, area, rng)
    stop_if_cancelled(progress)
    flow, area = route_drainage(frame, layout, height)
    progress.report(0.9)
    stop_if_cancelled(progress)
    full = flow.enforce_descent(height, MIN_DROP).astype(np.float32)
    lake = _drop_small_lakes(lake | (full - height > 3.0))
    height = full
    progress.report(1.0)
    return Terrain(height, flow, area, lake)


def route_drainage(frame: DemoFrame, layout: Layout, height: np.ndarray) -> tuple[Flow, np.ndarray]:
    """Route water over the frame, its whole border open.

    Returns:
        The flow, and the drainage area in km², float32, with what the main river brings from beyond.
    """
    border = np.zeros(height.shape, dtype=bool)
    border[[0, -1], :] = border[:, [0, -1]] = True
    entry = (layout.river[0] / frame.extent * frame.side).astype(np.int64)
    row, column = _lowest_near(height, np.clip(entry[::-1], 1, frame.side - 2))
    flow = route(height, border)
    water = np.full(height.shape, CELL * CELL / 1e6)
    water[row, column] += INFLOW_KM2
    return flow, flow.accumulate(water).astype(np.float32)


def _lowest_near(height: np.ndarray, cell: np.ndarray, reach: int = 12) -> tuple[int, int]:
    """Return the lowest cell within ``reach`` cells, off the border, where the main river enters."""
    top, left = np.maximum(cell - reach, 1)
    bottom, right = np.minimum(cell + reach + 1, height.shape[0] - 1)
    part = height[top:bottom, left:right]
    row, column = np.unravel_index(np.argmin(part), part.shape)
    return top + row, left + column


def _warp(frame: DemoFrame, height: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warp the land smoothly, so that valleys wind and do not keep to the eight directions of the routing."""
    side = frame.side
    index = np.arange(side, dtype=np.float32)
    rows, columns = index[:, None], index[None, :]
    for longest, amount in ((5000, 210.0), (2200, 100.0), (900, 35.0)):
        shift = [fractal(rng, frame.base_side, frame.extent, longest, 0.45 * longest, 2.0) for _ in range(2)]
        rows = rows + resample(shift[0], side) * (amount / CELL)
        columns = columns + resample(shift[1], side) * (amount / CELL)
    return ndimage.map_coordinates(height, [rows, columns], order=1, mode="nearest").astype(np.float32)


def _valleys(frame: DemoFrame, layout: Layout, height: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Cut floors as wide as the rivers' size asks, and troughs with parabolic sides where there was ice."""
    floor = resample(layout.blend([region.floor for region in layout.regions], frame), frame.side)
    distance, river, size = _nearest_river(height, area, 1.5)
    half = 11 * np.clip(size, 0, 100) ** 0.5 * floor * np.exp(0.4 * resample(layout.unevenness, frame.side))
    height = np.minimum(height, river + 0.015 * distance + 3.0 * np.maximum(distance - half, 0))
    ice = resample(layout.blend([region.glacial for region in layout.regions], frame), frame.side)
    if ice.max() > 0:
        distance, river, size = _nearest_river(height, area, 3.0)
        reach = 200 * np.clip(size / 4, 0.5, 4) ** 0.3
        limit = river + distance**2 / (2.0 * reach)
        height = height - ice * np.maximum(height - limit, 0) * np.exp(-((distance / (1.6 * reach)) ** 4))
    return height


def _nearest_river(height: np.ndarray, area: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance to, elevation and drainage area of the nearest river of at least ``least`` km²."""
    if not (area >= least).any():
        return np.full(height.shape, 1e6, dtype=np.float32), height, area
    distance, (row, column) = ndimage.distance_transform_edt(area < least, sampling=CELL, return_indices=True)
    return distance.astype(np.float32), height[row, column], area[row, column]


def _gullies(height: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Deepen the lines that water gathers in on slopes, more with each doubling of the area."""
    down, across = np.gradient(ndimage.gaussian_filter(height, 2.0), CELL)
    steep = np.clip(np.hypot(down, across) / 0.5, 0, 1.2)
    doublings = np.clip(np.log2(np.maximum(area, 1e-6) / 0.004), 0, 6)
    return height - GULLY_DEPTH * ndimage.gaussian_filter(doublings, 0.8) * ndimage.gaussian_filter(steep, 2.0)


def _roughen(frame: DemoFrame, height: np.ndarray, area: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add what rivers do not make, hollows and ribs, on slopes and not on the beds of rivers."""
    down, across = np.gradient(ndimage.gaussian_filter(height, 2.0), CELL)
    steep = np.clip(np.hypot(down, across) / 0.5, 0, 1.2)
    distance = ndimage.distance_transform_edt(area < 0.05, sampling=CELL)
    calm = np.clip((distance - CELL) / 150, 0, 1)
    rough = 5.0 * fractal(rng, frame.side, frame.extent, 900, 150, exponent=1.5)
    rough += 0.6 * fractal(rng, frame.side, frame.extent, 150, exponent=0.5)
    bars = 0.8 * fractal(rng, frame.side, frame.extent, 500, 60, exponent=1.2)
    return ndimage.gaussian_filter(height + (rough * steep + bars) * calm, 0.7)


def _lakes(
    frame: DemoFrame, layout: Layout, height: np.ndarray, flow: Flow, area: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Dam a few valleys, mostly where ice left moraines, and fill them."""
    count = int(np.clip(round(frame.area_km2 / 40), 1, 200))
    ice = resample(layout.blend([0.1 + region.glacial for region in layout.regions], frame), frame.side)
    lake = np.zeros(height.shape, dtype=bool)
    inner = np.zeros(height.shape, dtype=bool)
    frame.crop(inner)[:] = True
    fit = np.flatnonzero((inner & (area > 0.8) & (area < 25)).ravel())
    if not fit.size:
        return height, lake
    fall = height.ravel()[fit] - height.ravel()[flow.receiver[flow.receiver[flow.receiver[fit]]]]
    weight = ice.ravel()[fit] ** 2 / np.maximum(fall, 3.0)
    dams = rng.choice(fit, size=min(count, fit.size), replace=False, p=weight / weight.sum())
    seed = np.zeros(height.shape, dtype=np.float32)
    seed.ravel()[dams] = height.ravel()[dams] + rng.uniform(10, 28, dams.size)
    level = flow.propagate_upstream(seed, np.ones(height.shape, dtype=bool))
    drowned = (level > 0) & (height < level)
    drowned = drowned & (flow.propagate_upstream(np.where(seed > 0, 1.0, 0.0), drowned) > 0)
    lake = _drop_small_lakes(drowned)
    to_dam = ndimage.distance_transform_edt(seed == 0)  # millimetres, so that water crosses a lake by the short way
    return np.where(lake, level + 0.002 * to_dam, height), lake


def _drop_small_lakes(lake: np.ndarray, least: int = 12) -> np.ndarray:
    """Keep lakes of at least ``least`` cells."""
    parts, number = ndimage.label(lake, structure=np.ones((3, 3)))
    return lake & (np.bincount(parts.ravel(), minlength=number + 1)[parts] >= least)
