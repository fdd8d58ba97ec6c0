"""The true landslide probability of the demo: the stability of an infinite slope, weakened by regional causes.

For every cell of slope θ the factor of safety of an infinite slope with seepage along it is

    F = c / (γ z sin θ cos θ) + (1 - m γw / γ) tan φ / tan θ

with cohesion c and friction angle φ of the rock or deposit, and wetness m = q a / (T sin θ), at most 1, from the
drainage area per width a and a rain q that grows with the seven-day rainfall (Montgomery & Dietrich 1994, Water
Resour. Res. 30, 1153). Each cause j, an index from 0 to 1, divides it by its weight in the region:

    F' = F / (1 + w1 c1 + w2 c2 + ...)

and the probability is 1 / (1 + exp((ln F' - t) / s)), averaged over the size of a landslide. The threshold t of each
region is set such that the mean probability in the region is the one that ``regions`` states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..progress import Progress, stop_if_cancelled
from .climate import ClimateFields
from .frame import CELL, DemoFrame, distance_to, resample
from .geology import ROCKS, Bedrock, rock_number
from .regions import Layout, sample
from .settlements_roads import Infrastructure
from .surficial_cover import LAKES, LANDFORMS, Cover
from .terrain import Terrain

COVER_DEPTH = 5.0
"""Thickness z of what slides, metres."""

UNIT_WEIGHT, WATER_WEIGHT = 20.0, 9.81
"""γ and γw in kN/m³."""

TRANSMISSIVITY = 40.0
"""T in m²/day."""

SHARPNESS = 0.1
"""s: how gradually the probability falls with ln F'."""

LANDSLIDE_SIZE = 50.0
"""Standard deviation in metres of the averaging over a landslide's body."""

BACKGROUND_WEIGHT = 0.1
"""Weight of a cause outside the region where it dominates; that region states its own."""

RAIN_WEIGHT, SHAKING_WEIGHT = 1.4, 0.15
"""Weights of heavy rain and of strong shaking, the same everywhere."""


@dataclass
class Truth:
    """What is true about landslides in the study area."""

    probability: np.ndarray
    """True probability of a landslide, float32, shape (size, size)."""
    causes: dict[str, np.ndarray]
    """Index of each cause, 0 to 1, float32, by the names in ``regions``."""


def compute_truth(
    frame: DemoFrame,
    layout: Layout,
    bedrock: Bedrock,
    terrain: Terrain,
    cover: Cover,
    climate_fields: ClimateFields,
    people: Infrastructure,
    progress: Progress,
) -> Truth:
    """Compute the true probability field as the module states it."""
    causes = _causes(frame, bedrock, terrain, cover, climate_fields, people)
    progress.report(0.4)
    stop_if_cancelled(progress)
    region = frame.crop(sample(layout.region, frame.side))
    weight = np.full(region.shape, 1.0, dtype=np.float32)
    for name, index in causes.items():
        share = [home.weight if home.cause == name else BACKGROUND_WEIGHT for home in layout.regions]
        weight += frame.crop(resample(layout.blend(share, frame), frame.side)) * index
    weight += RAIN_WEIGHT / (1 + np.exp(-(climate_fields.threshold_ratio - 1) / 0.08))
    weight += SHAKING_WEIGHT * frame.crop(sample(bedrock.intensity, frame.side)) / 2
    progress.report(0.6)
    stop_if_cancelled(progress)
    log_safety_margin = np.log(_safety(frame, terrain, cover, climate_fields)) - np.log(weight)
    log_safety_margin[cover.landform == list(LANDFORMS).index(LAKES)] += 1.0
    threshold = [
        _threshold(log_safety_margin[region == number], home.mean_probability)
        for number, home in enumerate(layout.regions)
    ]
    limit = frame.crop(resample(layout.blend(threshold, frame), frame.side))
    probability = 1 / (1 + np.exp(np.clip((log_safety_margin - limit) / SHARPNESS, -50, 50)))
    probability = ndimage.gaussian_filter(probability, LANDSLIDE_SIZE / CELL, mode="nearest")
    progress.report(1.0)
    return Truth(np.clip(probability, 0, 1).astype(np.float32), causes)


def _safety(frame: DemoFrame, terrain: Terrain, cover: Cover, climate_fields: ClimateFields) -> np.ndarray:
    """Return the factor of safety of an infinite slope, at most 100 where the land is flat."""
    angle = np.radians(np.maximum(ndimage.gaussian_filter(cover.slope, 0.8), 0.5))
    cohesion = np.array([rock.cohesion for rock in ROCKS], dtype=np.float32)[cover.rock]
    friction = np.tan(np.radians([rock.angle for rock in ROCKS])).astype(np.float32)[cover.rock]
    width_area = ndimage.gaussian_filter(np.minimum(frame.crop(terrain.area), 0.5), 1.0) * 1e6 / CELL
    rain = 0.012 * np.clip(climate_fields.threshold_ratio, 0.2, 2)
    wet = np.minimum(rain * width_area / (TRANSMISSIVITY * np.sin(angle)), 1.0)
    safety = cohesion / (UNIT_WEIGHT * COVER_DEPTH * np.sin(angle) * np.cos(angle))
    safety += (1 - wet * WATER_WEIGHT / UNIT_WEIGHT) * friction / np.tan(angle)
    return np.minimum(safety, 100.0)


def _causes(
    frame: DemoFrame,
    bedrock: Bedrock,
    terrain: Terrain,
    cover: Cover,
    climate_fields: ClimateFields,
    people: Infrastructure,
) -> dict[str, np.ndarray]:
    """Return the index of each cause on the study area, 0 to 1."""
    height = frame.crop(terrain.height).astype(np.float32)
    wide = frame.crop(ndimage.gaussian_filter(terrain.height, 700 / CELL))
    bank = np.maximum(_near_water(frame, terrain, 4.0, 260), 0.6 * _near_water(frame, terrain, 1.0, 160))
    fault = np.exp(-frame.crop(resample(distance_to(bedrock.faults, frame, frame.base_side), frame.side)) / 400)
    till = ndimage.gaussian_filter((cover.rock == rock_number("glacial till")).astype(np.float32), 2)
    down = np.gradient(ndimage.gaussian_filter(height, 2), CELL)[0]
    sunny = 0.5 + 0.5 * np.tanh(3 * down)
    frost = np.exp(-(((climate_fields.fine_temperature + 0.5) / 2.2) ** 2)) * (0.45 + 0.55 * sunny)
    road = distance_to(people.roads, frame, frame.side)
    home = [np.vstack([place, place + 1.0]) for place in people.settlements]
    human = np.maximum(
        np.exp(-frame.crop(road) / 140), 0.7 * np.exp(-frame.crop(distance_to(home, frame, frame.side)) / 250)
    )
    return {
        name: np.clip(index, 0, 1).astype(np.float32)
        for name, index in {
            "river": bank,
            "incision": np.clip((wide - height) / 260, 0, 1),
            "till_and_faults": np.maximum(fault, 0.75 * till),
            "frost": frost,
            "human": human,
        }.items()
    }


def _near_water(frame: DemoFrame, terrain: Terrain, least: float, reach: float) -> np.ndarray:
    """Return 1 at rivers of at least ``least`` km² of drainage area, falling to 1/e at ``reach`` metres."""
    dry = terrain.area < least
    if dry.all():
        return np.zeros((frame.size, frame.size), dtype=np.float32)
    return np.exp(-frame.crop(ndimage.distance_transform_edt(dry, sampling=CELL)) / reach).astype(np.float32)


def _threshold(log_safety_margin: np.ndarray, mean: float) -> float:
    """Find t such that the mean of 1 / (1 + exp((reserve - t) / s)) is ``mean``, by bisection."""
    if not log_safety_margin.size:
        return 0.0
    some = log_safety_margin[:: max(log_safety_margin.size // 200_000, 1)]
    low, high = float(some.min()) - 3, float(some.max()) + 3
    for _ in range(50):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(np.clip((some - middle) / SHARPNESS, -50, 50)))) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2
