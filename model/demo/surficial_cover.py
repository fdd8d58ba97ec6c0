"""What lies on the land: loose deposits over the bedrock, and the five landform classes of the paper's table 3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..progress import Progress, stop_if_cancelled
from .frame import CELL, DemoFrame, fractal, resample, smooth_classes
from .geology import ROCKS, Bedrock, rock_number
from .regions import Layout
from .rivers import MIN_RIVER_KM2
from .terrain import Terrain

LAKES = "lakes"
GLACIERS = "glaciers"
GLACIAL_PLAINS = "plains or terraces of sedimentary or glacial deposits"
RIVER_PLAINS = "plains or terraces of alluvial, fluvial or lacustrine deposits"
MOUNTAINS = "mountains"

LANDFORMS = {LAKES: 0.0119, GLACIERS: 0.0263, GLACIAL_PLAINS: 0.0260, RIVER_PLAINS: 0.0225, MOUNTAINS: 0.0129}
"""Landform classes and their regional coefficient k in 1/mm (table 3)."""


@dataclass
class Cover:
    """The land's form and cover on the study area at full resolution."""

    slope: np.ndarray
    """Degrees, float32."""
    above_river: np.ndarray
    """Metres above the river that the cell drains to, float32."""
    rock: np.ndarray
    """Index into ``ROCKS``, loose deposits included, uint8."""
    landform: np.ndarray
    """Index into ``LANDFORMS``, uint8."""


def cover(
    frame: DemoFrame, layout: Layout, bedrock: Bedrock, terrain: Terrain, rng: np.random.Generator, progress: Progress
) -> Cover:
    """Lay till and alluvium over the bedrock and tell the landforms apart."""
    height = terrain.height
    down, across = np.gradient(height, CELL)
    slope = np.degrees(np.arctan(np.hypot(down, across))).astype(np.float32)
    gentle = ndimage.gaussian_filter(slope, 1.5)
    stop_if_cancelled(progress)
    river = terrain.flow.first_downstream(terrain.area >= MIN_RIVER_KM2)
    above = (height - height.ravel()[river]).astype(np.float32)
    ice = resample(layout.blend([region.glacial for region in layout.regions], frame), frame.side)
    patchy = fractal(rng, frame.base_side, frame.extent, 2500, 250, 1.6)
    patchy = resample(patchy, frame.side)
    stop_if_cancelled(progress)

    landform = np.full(height.shape, _number(MOUNTAINS), dtype=np.uint8)
    landform[(gentle < 10) & (above < 45)] = _number(RIVER_PLAINS)
    landform[(gentle < 15) & (above < 160) & (ice > 0.35)] = _number(GLACIAL_PLAINS)
    smooth = ndimage.gaussian_filter(height, 4) + 300 * ice + 60 * patchy
    landform[(smooth > max(float(np.quantile(smooth, 0.965)), 4500.0)) & (gentle < 36)] = _number(GLACIERS)
    landform = smooth_classes(frame.crop(landform), 4.0, 60)
    lake = frame.crop(terrain.lake)
    landform[lake] = _number(LAKES)
    stop_if_cancelled(progress)

    rock = frame.crop(_smooth_rock(bedrock.rock, frame.side)).copy()
    stop_if_cancelled(progress)
    till = ice * np.exp(-np.maximum(above, 0) / 200) * (1 + 0.5 * patchy) > 0.35
    rock[frame.crop(till & (gentle < 35))] = rock_number("glacial till")
    rock[(landform == _number(RIVER_PLAINS)) | lake] = rock_number("alluvium")
    return Cover(frame.crop(slope), frame.crop(above), smooth_classes(rock, 1.2, 24), landform)


def _number(landform: str) -> int:
    return list(LANDFORMS).index(landform)


def _smooth_rock(rock: np.ndarray, side: int) -> np.ndarray:
    """Take the rocks over to finer cells with smooth borders."""
    best, answer = np.full((side, side), -1.0, dtype=np.float32), np.zeros((side, side), dtype=np.uint8)
    for value in range(len(ROCKS)):
        weight = resample(ndimage.gaussian_filter((rock == value).astype(np.float32), 0.7), side)
        better = weight > best
        best[better], answer[better] = weight[better], value
    return answer
