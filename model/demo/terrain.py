"""The land surface: uplift against rivers that cut and hillslopes that fail, from coarse cells to fine ones.

Rivers follow the stream power law with n = 1, solved implicitly from the outlets up (Braun & Willett 2013,
Geomorphology 180-181, 170), with hillslopes no steeper than the angle they stand at, and soil creep as diffusion.
Valley floors, troughs that ice widened, lakes and roughness are added to the carved land.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np
from scipy import ndimage

from ..progress import Progress, SubProgress, stop_if_cancelled
from .drainage import Flow, route
from .frame import CELL, NO_LINE, DemoFrame, distance_to, resample
from .layout import Bedrock, Layout, rock_property

CONCAVITY = 0.45  # exponent m of the drainage area; with n = 1 also the concavity of river profiles
STEEPNESS = 150.0
"""Slope of a river with one square metre of drainage area, in the mean of the area: S = steepness · A^-m."""
UPLIFT = 1e-3  # metres a year; only its ratio to the erodibility, the steepness, shapes the land
OUTLET_ELEVATION = 2700.0  # of the main river where it leaves the frame, metres
INFLOW_KM2 = 9000.0  # drainage area of the main river where it enters
MAIN_FLOOR = 420.0  # width of the main river's valley floor in metres, before the regions' factors
RELAXATION_STEPS = 2  # how often hillslopes fail after something cut into their feet
GULLY_DEPTH = 2.0  # metres that a gully deepens with each doubling of its drainage area
MIN_DROP = 0.01  # metres that every cell lies above the one it flows to, at least
MIN_LAKE_CELLS = 12


@dataclass
class Terrain:
    """The land and its drainage on the whole frame at full resolution."""

    height: np.ndarray  # elevation in metres, float32
    flow: Flow
    area: np.ndarray  # drainage area in km², what the main river brings included, float32
    lake: np.ndarray  # where there is a lake, bool


Fields = tuple[Union[np.ndarray, np.float32], np.ndarray, np.ndarray]  # uplift, erodibility, tangent of the angle
Step = tuple[float, float]  # cell side in metres, years


@dataclass
class Forcing:
    """What shapes the land, on the base grid."""

    uplift: np.ndarray  # metres a year
    erodibility: np.ndarray
    angle: np.ndarray  # of hillslopes, degrees

    def at(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uplift, erodibility and the tangent of the angle on ``side`` × ``side`` cells."""
        steepest = np.tan(np.radians(resample(self.angle, side)))
        return resample(self.uplift, side), resample(self.erodibility, side), steepest


def make_forcing(layout: Layout, bedrock: Bedrock, rng: np.random.Generator) -> Forcing:
    """Set uplift, erodibility and hillslope angle from regions, rocks and faults, with some randomness."""
    frame = layout.frame
    uplift = UPLIFT * layout.blend([region.uplift for region in layout.regions], 900)
    uplift *= 1 + 0.2 * frame.noise(rng, 12_000, 2_000, 1.8)
    hardness = rock_property("erodibility")[bedrock.rock]
    crushed = np.exp(-((distance_to(bedrock.faults, frame, frame.base_side) / 200) ** 2))
    erodibility = ndimage.gaussian_filter(hardness, 1.0) * (1 + 1.2 * crushed)
    erodibility *= np.exp(0.35 * frame.noise(rng, 4_000, exponent=1.2))
    angle = ndimage.gaussian_filter(rock_property("angle")[bedrock.rock], 1.5)
    angle = angle + layout.blend([region.hillslope for region in layout.regions])
    angle += -7.5 + 4.5 * frame.noise(rng, 2_500, exponent=0.9)
    return Forcing(np.maximum(uplift, 0.2 * UPLIFT), erodibility * UPLIFT / STEEPNESS, np.clip(angle, 12, 44))


def evolve_terrain(layout: Layout, forcing: Forcing, rng: np.random.Generator, progress: Progress) -> np.ndarray:
    """Let rivers and hillslopes shape the land until both keep pace with uplift; return the elevation, float32."""
    frame = layout.frame
    sides = [frame.side]
    while sides[0] > 110:
        sides.insert(0, -(-sides[0] // 2))
    steps = [140, 60, 30, 16][: len(sides)] + [8] * (len(sides) - 4)
    if len(sides) > 1:
        steps[-1] = 4
    work = np.array([count * side**2 for count, side in zip(steps, sides)], dtype=float)
    work += 140 * 64**2  # what a step costs beside its cells
    done = np.concatenate([[0], np.cumsum(work)]) / work.sum()
    # Smaller rivers leave at places on the border: position along it (0 to 4 sides) and elevation.
    outlets = int(np.clip(round(4 * frame.extent / 12_000), 2, 40))
    place = (np.arange(outlets) + rng.uniform(0.1, 0.9, outlets)) * 4 / outlets
    border_outlets = np.column_stack([place, OUTLET_ELEVATION + rng.uniform(300, 800, outlets)])
    height = np.empty(0)
    for number, (side, count) in enumerate(zip(sides, steps)):
        cell = frame.extent / side
        bed = _fixed_bed(layout, border_outlets, side)
        fixed = bed > 0
        noise = frame.noise(rng, frame.extent / 2, exponent=1.6, side=side)
        if number == 0:
            away = np.minimum(distance_to([layout.river], frame, side), 5000)
            height = np.where(fixed, bed, OUTLET_ELEVATION + 400 + 0.15 * away + 250 * noise)
        else:
            rough = frame.noise(rng, 12 * cell, exponent=0.6, side=side)
            height = np.where(fixed, bed, resample(height, side) + 0.04 * cell * rough)
        fields = forcing.at(side)
        part = SubProgress(progress, done[number], done[number + 1])
        for step in range(count):
            years = (120_000 if step < 0.7 * count else 40_000) * (0.6**number)
            height = _advance(height, fixed, fields, (cell, years), rng, progress)
            part.report((step + 1) / count)
    return height.astype(np.float32)


def _fixed_bed(layout: Layout, border_outlets: np.ndarray, side: int) -> np.ndarray:
    """Return the elevation of the main river's bed and of the notches in the border, 0 elsewhere."""
    frame = layout.frame
    bed = np.zeros((side, side))
    for place, height in border_outlets:
        edge, along = int(place) % 4, min(int((place % 1) * side), side - 1)
        row, column = ((0, along), (along, side - 1), (side - 1, along), (along, 0))[edge]
        bed[row, column] = height
    cells = np.clip((layout.river / frame.extent * side).astype(np.int64), 0, side - 1)
    course = np.zeros((side, side))
    # The main river falls evenly to where it leaves.
    steps = np.hypot(*np.diff(layout.river, axis=0).T)
    level = OUTLET_ELEVATION + 0.004 * np.concatenate([np.cumsum(steps[::-1])[::-1], [0]])
    course[cells[:, 1], cells[:, 0]] = level
    distance, nearest = ndimage.distance_transform_edt(course == 0, sampling=frame.extent / side, return_indices=True)
    distance = distance.astype(np.float32)
    width = MAIN_FLOOR * min(1.0, max(frame.extent / 15_000, 0.35))  # a small area is not to be all floor
    width = width * np.exp(0.45 * resample(layout.unevenness, side))
    floor = distance <= width / 2 * layout.full("floor", side)
    bed[floor] = (course[nearest[0], nearest[1]] + 0.008 * distance)[floor]
    return bed


def _advance(
    height: np.ndarray, fixed: np.ndarray, fields: Fields, step: Step, rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    """Take one implicit step of uplift, incision and slope failure, and one of creep."""
    (uplift, erodibility, steepest), (cell, years) = fields, step
    preference = 1 + 0.25 * rng.standard_normal(height.shape, dtype=np.float32)
    stop_if_cancelled(progress)
    flow = route(height, fixed, np.clip(preference, 0.4, 1.6))
    stop_if_cancelled(progress)
    area = flow.accumulate(np.full(height.shape, cell * cell)).ravel()
    order, parent = flow.order, flow.parent
    side = height.shape[1]
    here, there = np.divmod(order, side), np.divmod(flow.receiver[order], side)
    length = cell * np.hypot(here[0] - there[0], here[1] - there[1])
    length[: flow.starts[1]] = cell
    power = erodibility.ravel()[order] * years * area[order] ** CONCAVITY / length
    level = np.where(fixed, height, height + uplift * years).ravel()[order].astype(np.float64)
    rise = steepest.ravel()[order] * length
    for span in flow.levels(upwards=True):
        below = level[parent[span]]
        cut = (level[span] + power[span] * below) / (1 + power[span])
        level[span] = np.minimum(cut, below + rise[span])
    result = flow.to_grid(level, height.shape)
    creep = 0.2 * min(1.0, 60 / cell)
    return np.where(fixed, height, result + creep * ndimage.laplace(result, mode="nearest"))


def finish_terrain(
    layout: Layout, forcing: Forcing, height: np.ndarray, rng: np.random.Generator, progress: Progress
) -> Terrain:
    """Widen valleys of the carved land, add lakes and roughness, and route the water, which descends to the border."""

    def done(share: float) -> None:
        progress.report(share)
        stop_if_cancelled(progress)

    height = _warp(layout.frame, height, rng)
    flow, area = _route_drainage(layout, height)
    stop_if_cancelled(progress)
    height = flow.enforce_descent(height, MIN_DROP)
    done(0.15)
    height = _relax_hillslopes(layout.frame, forcing, _valleys(layout, height, area), rng, progress)
    done(0.4)
    height = _roughen(layout.frame, height, area, rng)
    stop_if_cancelled(progress)
    flow, area = _route_drainage(layout, height)
    done(0.6)
    height, lake = _lakes(layout, flow.enforce_descent(height, MIN_DROP), flow, area, rng)
    stop_if_cancelled(progress)
    flow, area = _route_drainage(layout, height)
    done(0.9)
    full = flow.enforce_descent(height, MIN_DROP).astype(np.float32)
    lake = _drop_small_lakes(lake | (full - height > 3.0))
    progress.report(1.0)
    return Terrain(full, flow, area, lake)


def _route_drainage(layout: Layout, height: np.ndarray) -> tuple[Flow, np.ndarray]:
    """Return the flow over the frame with its whole border open, and the drainage area in km², float32."""
    frame = layout.frame
    # The main river enters at the lowest cell near the end of its course, off the border.
    entry = (layout.river[0] / frame.extent * frame.side).astype(np.int64)
    entry = np.clip(entry[::-1], 1, frame.side - 2)
    top, left = np.maximum(entry - 12, 1)
    bottom, right = np.minimum(entry + 13, frame.side - 1)
    part = height[top:bottom, left:right]
    row, column = np.unravel_index(np.argmin(part), part.shape)
    flow = route(height, frame.border())
    water = np.full(height.shape, CELL * CELL / 1e6)
    water[top + row, left + column] += INFLOW_KM2
    return flow, flow.accumulate(water).astype(np.float32)


def _warp(frame: DemoFrame, height: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warp the land smoothly, so that valleys wind and do not keep to the eight directions of the routing."""
    side = frame.side
    index = np.arange(side, dtype=np.float32)
    rows, columns = index[:, None], index[None, :]
    for longest, amount in ((5000, 210.0), (2200, 100.0), (900, 35.0)):
        shift = [frame.noise(rng, longest, 0.45 * longest, 2.0) for _ in range(2)]
        rows = rows + resample(shift[0], side) * (amount / CELL)
        columns = columns + resample(shift[1], side) * (amount / CELL)
    return ndimage.map_coordinates(height, [rows, columns], order=1, mode="nearest").astype(np.float32)


def _relax_hillslopes(
    frame: DemoFrame, forcing: Forcing, height: np.ndarray, rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    """Let slopes fail that something cut too steep; cliffs somewhat steeper than hillslopes stay."""
    _, erodibility, _ = forcing.at(frame.side)
    steepest = np.tan(np.radians(np.clip(resample(forcing.angle, frame.side) + 12, 38, 50)))
    # A slope that fails leaves a cliff at the divide, which fails to this side next time.
    for _ in range(RELAXATION_STEPS):
        fields = np.float32(0), erodibility, steepest
        height = _advance(height, frame.border(), fields, (CELL, 1.0), rng, progress)
    return height.astype(np.float32)


def _valleys(layout: Layout, height: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Cut floors as wide as the rivers' size asks, and troughs with parabolic sides where there was ice."""
    distance, river, size = _nearest_river(height, area, 1.5)
    half = 11 * np.clip(size, 0, 100) ** 0.5 * layout.full("floor")
    half = half * np.exp(0.4 * resample(layout.unevenness, layout.frame.side))
    height = np.minimum(height, river + 0.015 * distance + 3.0 * np.maximum(distance - half, 0))
    ice = layout.full("glacial")
    if ice.max() > 0:
        distance, river, size = _nearest_river(height, area, 3.0)
        reach = 200 * np.clip(size / 4, 0.5, 4) ** 0.3
        limit = river + distance**2 / (2.0 * reach)
        height = height - ice * np.maximum(height - limit, 0) * np.exp(-((distance / (1.6 * reach)) ** 4))
    return height


def _nearest_river(height: np.ndarray, area: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not (area >= least).any():
        return np.full(height.shape, NO_LINE, dtype=np.float32), height, area
    distance, (row, column) = ndimage.distance_transform_edt(area < least, sampling=CELL, return_indices=True)
    return distance.astype(np.float32), height[row, column], area[row, column]


def _steepness(height: np.ndarray) -> np.ndarray:
    return np.clip(np.hypot(*np.gradient(ndimage.gaussian_filter(height, 2.0), CELL)) / 0.5, 0, 1.2)


def _roughen(frame: DemoFrame, height: np.ndarray, area: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deepen the lines that water gathers in on slopes, and add hollows and ribs there, not on the beds of rivers."""
    doublings = np.clip(np.log2(np.maximum(area, 1e-6) / 0.004), 0, 6)  # of the drainage area of a gully
    steep = ndimage.gaussian_filter(_steepness(height), 2.0)
    height = height - GULLY_DEPTH * ndimage.gaussian_filter(doublings, 0.8) * steep
    side = frame.side
    distance = ndimage.distance_transform_edt(area < 0.05, sampling=CELL)
    calm = np.clip((distance - CELL) / 150, 0, 1)
    rough = 5.0 * frame.noise(rng, 900, 150, 1.5, side)
    rough += 0.6 * frame.noise(rng, 150, exponent=0.5, side=side)
    bars = 0.8 * frame.noise(rng, 500, 60, 1.2, side)
    return ndimage.gaussian_filter(height + (rough * _steepness(height) + bars) * calm, 0.7)


def _lakes(
    layout: Layout, height: np.ndarray, flow: Flow, area: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Dam a few valleys, mostly where ice left moraines, and fill them; return the land and where the lakes are."""
    frame = layout.frame
    count = int(np.clip(round(frame.area_km2 / 40), 1, 200))
    ice = resample(layout.blend([0.1 + region.glacial for region in layout.regions]), frame.side)
    inner = np.zeros(height.shape, dtype=bool)
    frame.crop(inner)[:] = True
    fit = np.flatnonzero((inner & (area > 0.8) & (area < 25)).ravel())
    if not fit.size:
        return height, np.zeros(height.shape, dtype=bool)
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


def _drop_small_lakes(lake: np.ndarray) -> np.ndarray:
    parts, number = ndimage.label(lake, structure=np.ones((3, 3)))
    return lake & (np.bincount(parts.ravel(), minlength=number + 1)[parts] >= MIN_LAKE_CELLS)
