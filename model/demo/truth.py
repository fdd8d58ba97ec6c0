"""The true landslide probability of the demo: the stability of an infinite slope, weakened by regional causes.

For every cell of slope θ the factor of safety of an infinite slope with seepage along it is

    F = c / (γ z sin θ cos θ) + (1 - m γw / γ) tan φ / tan θ

with cohesion c and friction angle φ of the rock or deposit, and wetness m = q a / (T sin θ), at most 1, from the
drainage area per width a and a rain q that grows with the seven-day rainfall (Montgomery & Dietrich 1994, Water
Resour. Res. 30, 1153). Each cause j, an index from 0 to 1, divides it by its weight in the region:

    F' = F / (1 + w1 c1 + w2 c2 + ...)

and the probability is 1 / (1 + exp((ln F' - t) / s)), averaged over the size of a landslide. The threshold t of each
region is set such that the mean probability in the region is the one that ``layout`` states. The inventory is drawn
from that probability, with the flaws of real inventories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..inputs.vectors import Points
from ..progress import Progress, stop_if_cancelled
from .frame import CELL, DemoFrame, distance_to
from .layout import ROCKS, Bedrock, Layout, rock_number, rock_property
from .surface import LAKE, ClimateFields, Infrastructure, SurfaceCover
from .terrain import Terrain

COVER_DEPTH = 5.0  # thickness z of what slides, metres
UNIT_WEIGHT, WATER_WEIGHT = 20.0, 9.81  # γ and γw in kN/m³
TRANSMISSIVITY = 40.0  # T in m²/day
SHARPNESS = 0.1  # s: how gradually the probability falls with ln F'
LANDSLIDE_SIZE = 50.0  # standard deviation in metres of the averaging over a landslide's body
BACKGROUND_WEIGHT = 0.1  # of a cause outside the region where it dominates; that region states its own
RAIN_WEIGHT, SHAKING_WEIGHT = 1.4, 0.15  # of heavy rain and of strong shaking, the same everywhere
LANDSLIDES_PER_KM2, MIN_LANDSLIDES = 0.85, 60
"""Landslides per square kilometre, and the least number, below which nothing could be trained."""
SCALES = ("giant", "large", "medium", "small")
SCALE_SHARES = (0.05, 0.15, 0.32, 0.48)
UNSIZED_SHARE = 0.08  # of the points have no size
DUPLICATE_SHARE = 0.015  # of the points were entered twice; two at least
MIN_DETECTION, DETECTION_DISTANCE = 0.15, 1500.0
"""Chance that a landslide far from everything gets into the inventory, and the distance in metres over which the
chance falls from 1 to that."""


@dataclass
class TrueProbability:
    """What is true about landslides in the study area."""

    probability: np.ndarray  # of a landslide, float32, shape (size, size)
    causes: dict[str, np.ndarray]  # index of each cause, 0 to 1, float32, by the names in ``layout``


@dataclass
class Land:
    """The study area before there are landslides."""

    layout: Layout
    bedrock: Bedrock
    terrain: Terrain
    cover: SurfaceCover
    infrastructure: Infrastructure
    climate: ClimateFields


def compute_truth(land: Land, progress: Progress) -> TrueProbability:
    """Compute the true probability field as the module states it."""
    layout, frame, ratio = land.layout, land.layout.frame, land.climate.threshold_ratio
    causes = _causes(land)
    progress.report(0.4)
    stop_if_cancelled(progress)
    region = frame.classes(layout.region)
    weight = np.full(region.shape, 1.0, dtype=np.float32)
    for name, index in causes.items():
        share = [home.weight if home.cause == name else BACKGROUND_WEIGHT for home in layout.regions]
        weight += frame.refine(layout.blend(share)) * index
    weight += RAIN_WEIGHT / (1 + np.exp(-(ratio - 1) / 0.08))
    weight += SHAKING_WEIGHT * frame.classes(land.bedrock.intensity) / 2
    progress.report(0.6)
    stop_if_cancelled(progress)
    margin = np.log(_safety(land)) - np.log(weight)
    margin[land.cover.landform == LAKE] += 1.0
    threshold = [_threshold(margin[region == k], home.mean_probability) for k, home in enumerate(layout.regions)]
    limit = frame.refine(layout.blend(threshold))
    probability = ndimage.gaussian_filter(_logistic(margin - limit), LANDSLIDE_SIZE / CELL, mode="nearest")
    progress.report(1.0)
    return TrueProbability(np.clip(probability, 0, 1).astype(np.float32), causes)


def _safety(land: Land) -> np.ndarray:
    cover = land.cover
    angle = np.radians(np.maximum(ndimage.gaussian_filter(cover.slope, 0.8), 0.5))
    cohesion = rock_property("cohesion")[cover.rock]
    friction = np.tan(np.radians([rock.angle for rock in ROCKS])).astype(np.float32)[cover.rock]
    drained = np.minimum(land.layout.frame.crop(land.terrain.area), 0.5)
    width_area = ndimage.gaussian_filter(drained, 1.0) * 1e6 / CELL
    rain = 0.012 * np.clip(land.climate.threshold_ratio, 0.2, 2)
    wet = np.minimum(rain * width_area / (TRANSMISSIVITY * np.sin(angle)), 1.0)
    safety = cohesion / (UNIT_WEIGHT * COVER_DEPTH * np.sin(angle) * np.cos(angle))
    safety += (1 - wet * WATER_WEIGHT / UNIT_WEIGHT) * friction / np.tan(angle)
    return np.minimum(safety, 100.0)


def _causes(land: Land) -> dict[str, np.ndarray]:
    frame, terrain = land.layout.frame, land.terrain
    height = frame.crop(terrain.height).astype(np.float32)
    wide = frame.crop(ndimage.gaussian_filter(terrain.height, 700 / CELL))
    fault = np.exp(-frame.refine(distance_to(land.bedrock.faults, frame, frame.base_side)) / 400)
    till = ndimage.gaussian_filter((land.cover.rock == rock_number("glacial till")).astype(np.float32), 2)
    sunny = 0.5 + 0.5 * np.tanh(3 * np.gradient(ndimage.gaussian_filter(height, 2), CELL)[0])
    freezing = np.exp(-(((land.climate.fine_temperature + 0.5) / 2.2) ** 2))
    road = frame.crop(distance_to(land.infrastructure.roads, frame, frame.side))
    homes = [np.vstack([place, place + 1.0]) for place in land.infrastructure.settlements]
    home = frame.crop(distance_to(homes, frame, frame.side))
    causes = {
        "river": np.maximum(_near_water(frame, terrain, 4.0, 260), 0.6 * _near_water(frame, terrain, 1.0, 160)),
        "incision": (wide - height) / 260,
        "till_and_faults": np.maximum(fault, 0.75 * till),
        "frost": freezing * (0.45 + 0.55 * sunny),
        "human": np.maximum(np.exp(-road / 140), 0.7 * np.exp(-home / 250)),
    }
    return {name: np.clip(index, 0, 1).astype(np.float32) for name, index in causes.items()}


def _near_water(frame: DemoFrame, terrain: Terrain, least: float, reach: float) -> np.ndarray:
    """Return 1 at rivers of at least ``least`` km² of drainage area, falling to 1/e at ``reach`` metres."""
    dry = terrain.area < least
    if dry.all():
        return np.zeros((frame.size, frame.size), dtype=np.float32)
    return np.exp(-frame.crop(ndimage.distance_transform_edt(dry, sampling=CELL)) / reach).astype(np.float32)


def _logistic(margin: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(np.clip(margin / SHARPNESS, -50, 50)))


def _threshold(margin: np.ndarray, mean: float) -> float:
    """Find t such that the mean of 1 / (1 + exp((margin - t) / s)) is ``mean``, by bisection."""
    if not margin.size:
        return 0.0
    some = margin[:: max(margin.size // 200_000, 1)]
    low, high = float(some.min()) - 3, float(some.max()) + 3
    for _ in range(50):
        middle = (low + high) / 2
        if np.mean(_logistic(some - middle)) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def detection_probability(frame: DemoFrame, terrain: Terrain, infrastructure: Infrastructure) -> np.ndarray:
    """Return the chance that a landslide is recorded, high near roads and large valleys; float32 (size, size)."""
    road = frame.crop(distance_to(infrastructure.roads, frame, frame.side))
    valley = terrain.area >= 15
    if valley.any():
        road = np.minimum(road, frame.crop(ndimage.distance_transform_edt(~valley, sampling=CELL)))
    return (MIN_DETECTION + (1 - MIN_DETECTION) * np.exp(-((road / DETECTION_DISTANCE) ** 1.5))).astype(np.float32)


def draw_inventory(frame: DemoFrame, chance: np.ndarray, relief: np.ndarray, rng: np.random.Generator) -> Points:
    """Draw landslide points, each in another cell, with the field ``scale``; the last ones repeat others exactly.

    ``chance`` is true probability × chance of being recorded, to which the draw is proportional, shape (size, size);
    ``relief`` is what the size of a landslide grows with, the same shape.
    """
    count = max(MIN_LANDSLIDES, round(LANDSLIDES_PER_KM2 * frame.area_km2))
    with np.errstate(divide="ignore"):
        keys = np.log(chance.astype(np.float64).ravel())
    keys += rng.gumbel(size=keys.size)
    cells = np.argpartition(-keys, count)[:count]
    cells = cells[np.argsort(-keys[cells], kind="stable")]
    row, column = np.divmod(cells, frame.size)
    xy = np.column_stack([column, row]) + rng.random((count, 2)) + frame.pad
    xy = np.round(frame.to_map(xy * CELL), 1)
    size = relief.ravel()[cells] / max(float(relief.std()), 1e-9) + rng.normal(0, 1.5, count)
    rank = np.argsort(np.argsort(-size))
    scale: list[str | None] = [SCALES[k] for k in np.searchsorted(np.cumsum(SCALE_SHARES)[:-1], (rank + 0.5) / count)]
    for index in rng.choice(count, size=max(2, round(UNSIZED_SHARE * count)), replace=False):
        scale[index] = None
    again = rng.choice(count, size=max(2, round(DUPLICATE_SHARE * count)), replace=False)
    scale += [scale[index] for index in again]
    return Points("landslides", fields={"scale": scale}, xy=np.vstack([xy, xy[again]]))
