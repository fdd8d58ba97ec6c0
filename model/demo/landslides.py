"""The inventory: points drawn from the true probability, with the flaws of real inventories."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..inputs.vectors import Points
from .frame import CELL, Frame, distance_to
from .people import People
from .terrain import Terrain

PER_KM2, FEWEST = 0.85, 60
"""Landslides a square kilometre, and the least number, below which nothing could be trained."""

SCALES = ("giant", "large", "medium", "small")
SCALE_SHARES = (0.05, 0.15, 0.32, 0.48)
"""Size classes and how often they occur."""

UNSIZED = 0.08
"""Share of points without a size."""

TWICE = 0.015
"""Share of points that were entered twice; two at least."""

SEEN_LEAST, SEEN_WITHIN = 0.15, 1500.0
"""Chance that a landslide far from everything gets into the inventory, and the distance in metres over which the
chance falls from 1 to that."""


def detection(frame: Frame, terrain: Terrain, people: People) -> np.ndarray:
    """Return the chance that a landslide is recorded, high near roads and large valleys; float32 (size, size)."""
    road = frame.crop(distance_to(people.roads, frame, frame.side))
    valley = terrain.area >= 15
    if valley.any():
        road = np.minimum(road, frame.crop(ndimage.distance_transform_edt(~valley, sampling=CELL)))
    return (SEEN_LEAST + (1 - SEEN_LEAST) * np.exp(-(road / SEEN_WITHIN) ** 1.5)).astype(np.float32)


def draw_inventory(frame: Frame, probability: np.ndarray, seen: np.ndarray, relief: np.ndarray,
                   rng: np.random.Generator) -> Points:
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
    count = max(FEWEST, int(round(PER_KM2 * frame.area_km2)))
    with np.errstate(divide="ignore"):
        keys = np.log((probability * seen).astype(np.float64).ravel())
    keys += rng.gumbel(size=keys.size)
    cells = np.argpartition(-keys, count)[:count]
    cells = cells[np.argsort(-keys[cells], kind="stable")]
    row, column = np.divmod(cells, frame.size)
    xy = np.column_stack([column, row]) + rng.random((count, 2)) + frame.pad
    xy = np.round(frame.to_map(xy * CELL), 1)
    rank = np.argsort(np.argsort(-(relief.ravel()[cells] / max(float(relief.std()), 1e-9) + rng.normal(0, 1.5, count))))
    scale = [SCALES[k] for k in np.searchsorted(np.cumsum(SCALE_SHARES)[:-1], (rank + 0.5) / count)]
    for index in rng.choice(count, size=max(2, round(UNSIZED * count)), replace=False):
        scale[index] = None
    again = rng.choice(count, size=max(2, round(TWICE * count)), replace=False)
    return Points("landslides", fields={"scale": scale + [scale[index] for index in again]},
                  xy=np.vstack([xy, xy[again]]))
