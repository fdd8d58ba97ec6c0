"""Rocks, faults and seismic intensity: what lies under the land and is there before the rivers cut it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .frame import distance_to, smooth_classes
from .regions import Layout


@dataclass(frozen=True)
class Rock:
    """A lithological unit and its strength."""

    name: str
    erodibility: float  # factor on the speed at which rivers cut it
    angle: float  # friction angle in degrees
    cohesion: float  # of the weathered cover, kPa


ROCKS = (
    Rock("granite", 0.75, 39.0, 14.0),
    Rock("gneiss", 0.8, 37.5, 13.0),
    Rock("limestone", 0.9, 37.0, 13.0),
    Rock("sandstone and shale", 1.15, 33.0, 9.0),
    Rock("slate", 1.25, 32.0, 8.5),
    Rock("schist", 1.3, 31.0, 8.0),
    Rock("glacial till", 1.4, 31.5, 5.0),
    Rock("alluvium", 1.4, 32.0, 4.0),
)
FOLDED = ("gneiss", "schist", "slate", "sandstone and shale", "limestone", "slate", "sandstone and shale", "schist")
"""The folded sequence, across the strike."""
INTENSITIES = ("VII", "VIII", "IX")


@dataclass
class Bedrock:
    """Rocks and faults before the land surface exists, on the frame's base grid."""

    rock: np.ndarray  # index into ``ROCKS``, uint8
    faults: list[np.ndarray]  # traces, positions in the frame
    intensity: np.ndarray  # index into ``INTENSITIES``, uint8


def make_bedrock(layout: Layout, rng: np.random.Generator) -> Bedrock:
    """Fold the sequence, put plutons into it and cut it by faults."""
    faults = _faults(layout, rng)
    return Bedrock(_rocks(layout, rng), faults, _intensity(layout, faults, rng))


def rock_number(name: str) -> int:
    """Return the index of a rock in ``ROCKS``."""
    return next(index for index, rock in enumerate(ROCKS) if rock.name == name)


def rock_property(name: str) -> np.ndarray:
    """Return a property of all rocks, such as ``cohesion``, float32, to be indexed by rock."""
    return np.array([getattr(rock, name) for rock in ROCKS], dtype=np.float32)


def _rocks(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    frame = layout.frame
    side, extent = frame.base_side, frame.extent
    width = float(np.clip(extent / 8, 500, 5000))
    along, down = (np.arange(side) + 0.5)[None, :] * extent / side, (np.arange(side) + 0.5)[:, None] * extent / side
    across = -np.sin(layout.strike) * along + np.cos(layout.strike) * down
    folds = across / width + 0.9 * frame.noise(rng, 5 * width, width / 3, 2.2) + rng.uniform(0, len(FOLDED))
    folded = np.array([rock_number(name) for name in FOLDED])[np.floor(folds).astype(np.int64) % len(FOLDED)]
    plutons = frame.noise(rng, 3.5 * width, width / 2, 2.2)
    rock = np.where(plutons > np.quantile(plutons, 0.8), rock_number("granite"), folded)
    return smooth_classes(rock.astype(np.uint8), max(1.0, 90 / (extent / side)), 40)


def _faults(layout: Layout, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw long, slightly curved traces of two families; half of them where ice and faults are the cause."""
    frame = layout.frame
    count = int(np.clip(round(frame.area_km2 / 36), 3, 60))
    home = [index for index, region in enumerate(layout.regions) if region.cause == "till_and_faults"]
    faults = []
    for number in range(count):
        start = rng.uniform(0.08, 0.92, 2) * frame.extent
        at_home = bool(home) and number % 2 == 0
        if at_home:
            rows, columns = np.nonzero(layout.region == home[0])
            pick = int(rng.integers(rows.size))
            start = (np.array([columns[pick], rows[pick]]) + 0.5) * frame.extent / frame.base_side
        length = rng.uniform(0.35, 0.8) * min(frame.extent, 50_000)
        if at_home:
            length *= 0.55
        heading = layout.strike + (0 if number % 3 else np.radians(62)) + rng.normal(0, np.radians(7))
        steps = max(int(length / 150), 8)
        half = steps // 2
        bend = np.cumsum(rng.normal(0, 0.018, steps)) + np.linspace(-1, 1, steps) * rng.normal(0, 0.2)
        angle = heading + bend - bend[half]
        trace = np.cumsum(150 * np.column_stack([np.cos(angle), np.sin(angle)]), axis=0)
        faults.append(trace - trace[half] + start)
    return faults


def _intensity(layout: Layout, faults: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Set zones by the distance to faults: the nearest 16 % are IX, the next 42 % VIII, the rest VII."""
    frame, side = layout.frame, layout.frame.base_side
    near = np.exp(-distance_to(faults, frame, side) / (0.07 * min(frame.extent, 40_000)))
    near = ndimage.gaussian_filter(near, 0.03 * side) + 0.05 * frame.noise(rng, frame.extent / 3)
    low, high = np.quantile(near, [0.42, 0.84])
    return smooth_classes((near > low).astype(np.uint8) + (near > high).astype(np.uint8), 2.0, 120)
