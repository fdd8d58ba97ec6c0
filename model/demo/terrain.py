"""The land surface: uplift against rivers that cut and hillslopes that fail, from coarse cells to fine ones.

Rivers follow the stream power law with n = 1, solved implicitly from the outlets up (Braun & Willett 2013,
Geomorphology 180-181, 170), with hillslopes no steeper than the angle they stand at, and soil creep as diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..progress import Progress, SubProgress, stop_if_cancelled
from .drainage import Flow, route
from .frame import CELL, DemoFrame, distance_to, fractal, resample
from .geology import ROCKS, Bedrock
from .regions import Layout

CONCAVITY = 0.45
"""Exponent m of the drainage area; with n = 1 also the concavity of river profiles."""

STEEPNESS = 150.0
"""Slope of a river with one square metre of drainage area, in the mean of the area: S = steepness · A^-m."""

UPLIFT = 1e-3
"""Metres a year; only its ratio to the erodibility, the steepness, shapes the land."""

OUTLET_ELEVATION = 2700.0
"""Elevation of the main river where it leaves the frame, metres."""

MAIN_FLOOR = 420.0
"""Width of the main river's valley floor in metres, before the regions' factors."""

RELAXATION_STEPS = 2
"""How often hillslopes fail after something cut into their feet."""

INFLOW_KM2 = 9000.0
"""Drainage area of the main river where it enters."""


@dataclass
class Terrain:
    """The land and its drainage on the whole frame at full resolution."""

    height: np.ndarray
    """Elevation in metres, float32."""
    flow: Flow
    area: np.ndarray
    """Drainage area in square kilometres, what the main river brings included, float32."""
    lake: np.ndarray
    """Where there is a lake, bool."""


@dataclass
class Forcing:
    """What shapes the land, on the base grid: uplift (m a year), erodibility and the angle of hillslopes (degrees)."""

    uplift: np.ndarray
    erodibility: np.ndarray
    angle: np.ndarray

    def at(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uplift, erodibility and the tangent of the angle on ``side`` × ``side`` cells."""
        return (
            resample(self.uplift, side),
            resample(self.erodibility, side),
            np.tan(np.radians(resample(self.angle, side))),
        )


def evolve_terrain(
    frame: DemoFrame, layout: Layout, forcing: Forcing, rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    """Let rivers and hillslopes shape the land until both keep pace with uplift.

    Returns:
        Elevation on the frame at full resolution, float32, before valley floors, ice and roughness.
    """
    sides = [frame.side]
    while sides[0] > 110:
        sides.insert(0, -(-sides[0] // 2))
    steps = [140, 60, 30, 16][: len(sides)] + [8] * (len(sides) - 4)
    if len(sides) > 1:
        steps[-1] = 4
    work = np.array([count * side**2 for count, side in zip(steps, sides)], dtype=float)
    work += 140 * 64**2  # what a step costs beside its cells
    done = np.concatenate([[0], np.cumsum(work)]) / work.sum()
    border_outlets = _border_outlets(frame, rng)
    height = None
    for number, (side, count) in enumerate(zip(sides, steps)):
        cell = frame.extent / side
        bed, fixed = _fixed(frame, layout, border_outlets, side)
        noise = fractal(rng, side, frame.extent, frame.extent / 2, exponent=1.6)
        if height is None:
            away = np.minimum(distance_to([layout.river], frame, side), 5000)
            height = np.where(fixed, bed, OUTLET_ELEVATION + 400 + 0.15 * away + 250 * noise)
        else:
            rough = fractal(rng, side, frame.extent, 12 * cell, exponent=0.6)
            height = np.where(fixed, bed, resample(height, side) + 0.04 * cell * rough)
        fields = forcing.at(side)
        part = SubProgress(progress, done[number], done[number + 1])
        for step in range(count):
            years = (120_000 if step < 0.7 * count else 40_000) * (0.6**number)
            height = _advance(height, fixed, fields, cell, years, rng, progress)
            part.report((step + 1) / count)
    return height.astype(np.float32)


def relax_hillslopes(
    frame: DemoFrame, forcing: Forcing, height: np.ndarray, rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    """Let slopes fail that something cut too steep; cliffs somewhat steeper than hillslopes stay."""
    border = np.zeros(height.shape, dtype=bool)
    border[[0, -1], :] = border[:, [0, -1]] = True
    _, erodibility, _ = forcing.at(frame.side)
    steepest = np.tan(np.radians(np.clip(resample(forcing.angle, frame.side) + 12, 38, 50)))
    for _ in range(
        RELAXATION_STEPS
    ):  # a slope that fails leaves a cliff at the divide, which fails to this side next time
        height = _advance(height, border, (np.float32(0), erodibility, steepest), CELL, 1.0, rng, progress)
    return height.astype(np.float32)


def _advance(
    height: np.ndarray,
    fixed: np.ndarray,
    fields: tuple[np.ndarray, np.ndarray, np.ndarray],
    cell: float,
    years: float,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """Take one implicit step of uplift, incision and slope failure, and one of creep."""
    uplift, erodibility, steepest = fields
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
    result = np.empty(height.size)
    result[order] = level
    result = result.reshape(height.shape)
    creep = 0.2 * min(1.0, 60 / cell)
    smooth = result + creep * ndimage.laplace(result, mode="nearest")
    return np.where(fixed, height, smooth)


def make_forcing(frame: DemoFrame, layout: Layout, bedrock: Bedrock, rng: np.random.Generator) -> Forcing:
    """Set uplift, erodibility and hillslope angle from regions, rocks and faults, with some chance."""
    side, extent = frame.base_side, frame.extent
    uplift = UPLIFT * layout.blend([region.uplift for region in layout.regions], frame, 900)
    uplift *= 1 + 0.2 * fractal(rng, side, extent, 12_000, 2_000, 1.8)
    hardness = np.array([rock.erodibility for rock in ROCKS], dtype=np.float32)[bedrock.rock]
    crushed = np.exp(-((distance_to(bedrock.faults, frame, side) / 200) ** 2))
    erodibility = ndimage.gaussian_filter(hardness, 1.0) * (1 + 1.2 * crushed)
    erodibility *= np.exp(0.35 * fractal(rng, side, extent, 4_000, exponent=1.2))
    angle = np.array([rock.angle for rock in ROCKS], dtype=np.float32)[bedrock.rock]
    angle = ndimage.gaussian_filter(angle, 1.5) + layout.blend([r.hillslope for r in layout.regions], frame)
    angle += -7.5 + 4.5 * fractal(rng, side, extent, 2_500, exponent=0.9)
    return Forcing(np.maximum(uplift, 0.2 * UPLIFT), erodibility * UPLIFT / STEEPNESS, np.clip(angle, 12, 44))


def _border_outlets(frame: DemoFrame, rng: np.random.Generator) -> np.ndarray:
    """Choose places on the border where smaller rivers leave: position along it (0 to 4 sides) and elevation."""
    count = int(np.clip(round(4 * frame.extent / 12_000), 2, 40))
    place = (np.arange(count) + rng.uniform(0.1, 0.9, count)) * 4 / count
    return np.column_stack([place, OUTLET_ELEVATION + rng.uniform(300, 800, count)])


def _fixed(frame: DemoFrame, layout: Layout, border_outlets: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the elevation of the main river's bed and of the notches, and where they are."""
    bed = np.zeros((side, side))
    for place, height in border_outlets:
        edge, along = int(place) % 4, min(int((place % 1) * side), side - 1)
        row, column = ((0, along), (along, side - 1), (side - 1, along), (along, 0))[edge]
        bed[row, column] = height
    cells = np.clip((layout.river / frame.extent * side).astype(np.int64), 0, side - 1)
    course = np.zeros((side, side))
    course[cells[:, 1], cells[:, 0]] = river_level(layout.river)
    distance, nearest = ndimage.distance_transform_edt(course == 0, sampling=frame.extent / side, return_indices=True)
    distance = distance.astype(np.float32)
    width = MAIN_FLOOR * min(1.0, max(frame.extent / 15_000, 0.35))  # a small area is not to be all floor
    width = width * np.exp(0.45 * resample(layout.unevenness, side))
    floor = distance <= width / 2 * resample(layout.blend([region.floor for region in layout.regions], frame), side)
    bed[floor] = (course[nearest[0], nearest[1]] + 0.008 * distance)[floor]
    return bed, bed > 0


def river_level(course: np.ndarray) -> np.ndarray:
    """Return the elevation of the main river along its course, metres, from the distance to where it leaves."""
    steps = np.hypot(*np.diff(course, axis=0).T)
    return OUTLET_ELEVATION + 0.004 * np.concatenate([np.cumsum(steps[::-1])[::-1], [0]])
