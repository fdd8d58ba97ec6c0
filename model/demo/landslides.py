"""The inventory: points drawn from the true probability, with the flaws of real inventories."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..inputs.vectors import Points
from .frame import CELL, DemoFrame, distance_to
from .settlements_roads import Infrastructure
from .terrain import Terrain

LANDSLIDES_PER_KM2, MIN_LANDSLIDES = 0.85, 60
"""Landslides a square kilometre, and the least number, below which nothing could be trained."""

SCALES = ("giant", "large", "medium", "small")
SCALE_SHARES = (0.05, 0.15, 0.32, 0.48)
"""Size classes and how often they occur."""

UNSIZED_SHARE = 0.08
"""Share of points without a size."""

DUPLICATE_SHARE = 0.015
"""Share of points that were entered twice; two at least."""

MIN_DETECTION, DETECTION_DISTANCE = 0.15, 1500.0
"""Chance that a landslide far from everything gets into the inventory, and the distance in metres over which the
chance falls from 1 to that."""


def detection_probability(frame: DemoFrame, terrain: Terrain, people: Infrastructure) -> np.ndarray:
    """Return the chance that a landslide is recorded, high near roads and large valleys; float32 (size, size)."""
    road = frame.crop(distance_to(people.roads, frame, frame.side))
    valley = terrain.area >= 15
    if valley.any():
        road = np.minimum(road, frame.crop(ndimage.distance_transform_edt(~valley, sampling=CELL)))
    return (MIN_DETECTION + (1 - MIN_DETECTION) * np.exp(-((road / DETECTION_DISTANCE) ** 1.5))).astype(np.float32)


def draw_inventory(
    frame: DemoFrame,
    probability: np.ndarray,
    detection_chance: np.ndarray,
    relief: np.ndarray,
    rng: np.random.Generator,
) -> Points:
    """Draw landslide points, each in another cell, with chance proportional to probability × detection.

    Args:
        frame: the frame.
        probability: true probability, shape (size, size).
        seen: chance of being recorded, the same shape.
        relief: what the size of a landslide grows with, the same shape.
        rng: source of randomness.

    Returns:
        Points in map coordinates with the field ``scale``: giant, large, medium, small, or None where not recorded.
        The last ones repeat others exactly.
    """
    count = max(MIN_LANDSLIDES, int(round(LANDSLIDES_PER_KM2 * frame.area_km2)))
    with np.errstate(divide="ignore"):
        keys = np.log((probability * detection_chance).astype(np.float64).ravel())
    keys += rng.gumbel(size=keys.size)
    cells = np.argpartition(-keys, count)[:count]
    cells = cells[np.argsort(-keys[cells], kind="stable")]
    row, column = np.divmod(cells, frame.size)
    xy = np.column_stack([column, row]) + rng.random((count, 2)) + frame.pad
    xy = np.round(frame.to_map(xy * CELL), 1)
    rank = np.argsort(np.argsort(-(relief.ravel()[cells] / max(float(relief.std()), 1e-9) + rng.normal(0, 1.5, count))))
    scale = [SCALES[k] for k in np.searchsorted(np.cumsum(SCALE_SHARES)[:-1], (rank + 0.5) / count)]
    for index in rng.choice(count, size=max(2, round(UNSIZED_SHARE * count)), replace=False):
        scale[index] = None
    again = rng.choice(count, size=max(2, round(DUPLICATE_SHARE * count)), replace=False)
    return Points(
        "landslides", fields={"scale": scale + [scale[index] for index in again]}, xy=np.vstack([xy, xy[again]])
    )
