"""What lies on the land: loose deposits over the bedrock, and the five landform classes of the paper's table 3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..progress import Progress, stop_if_cancelled
from .drainage import MIN_RIVER_KM2
from .frame import CELL, resample, smooth_borders, smooth_classes
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
