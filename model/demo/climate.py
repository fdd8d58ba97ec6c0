"""Rain and temperature at about 1 km, and the safety factor that they give with the tables of the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import ndimage

from ..grid import Grid
from ..progress import Progress, stop_if_cancelled
from .frame import CELL, ORIGIN, DemoFrame
from .land_cover import GLACIAL_PLAIN, LAKE, LANDFORMS, RIVER_PLAIN, SurfaceCover
from .regions import Layout
from .terrain import Terrain

CLIMATE_CELL = 1000.0  # cell side of the climate rasters in metres, as in the paper
WARNED_SHARE = 0.1
"""Share of the study area on which the safety factor is below 0.5; the amounts of rain are fitted to it."""
LAPSE_RATE = 6.2  # fall of the annual mean temperature in °C per kilometre
TEMPERATURE_AT_3000_M = 8.6  # annual mean in °C, where no region asks for another
FREEZE_THAW_TEMPERATURE = 0.3  # annual mean in °C that the median of the region of freeze-thaw is brought to


@dataclass
class ClimateFields:
    """Climate of the study area."""

    grid: Grid  # of the coarse rasters; it reaches a cell beyond the study area on every side
    rain: np.ndarray  # annual precipitation in mm on that grid, float32
    temperature: np.ndarray  # annual mean temperature in °C on that grid, float32
    fine_temperature: np.ndarray  # the temperature interpolated onto the study area, float32
    threshold_ratio: np.ndarray
    """Seven-day rainfall over its threshold, R7 / Rc = k · R7, on the study area; Fs = 1 / (1 + ratio); float32."""


def make_climate(
    layout: Layout, terrain: Terrain, cover: SurfaceCover, rng: np.random.Generator, progress: Progress
) -> ClimateFields:
    """Make temperature that falls with height, and rain that grows from dry valleys to mid slopes and windward sides.

    The amounts are fitted so that the safety factor is below 0.5 on a tenth of the area, spread over the regions.
    """
    frame = layout.frame
    count = int(np.ceil(frame.size * CELL / CLIMATE_CELL)) + 2
    west, north = ORIGIN[0] - CLIMATE_CELL, ORIGIN[1] + CLIMATE_CELL
    grid = Grid(frame.grid.crs, Affine(CLIMATE_CELL, 0, west, 0, -CLIMATE_CELL, north), count, count)
    place = ((np.arange(count) - 0.5) * CLIMATE_CELL) / CELL + frame.pad - 0.5

    def at(field: np.ndarray) -> np.ndarray:
        scaled = (place + 0.5) * field.shape[0] / frame.side - 0.5
        return ndimage.map_coordinates(field, np.meshgrid(scaled, scaled, indexing="ij"), order=1, mode="nearest")

    land = ndimage.gaussian_filter(terrain.height, 400 / CELL)
    wide = ndimage.gaussian_filter(terrain.height, min(4000 / CELL, frame.side / 4))
    height, around = at(land), at(wide)
    stop_if_cancelled(progress)
    noise = [at(frame.noise(rng, frame.extent / 2, 1500, 1.8)) for _ in range(2)]
    region = frame.classes(layout.region)
    temperature = TEMPERATURE_AT_3000_M - LAPSE_RATE * (height - 3000) / 1000 + 0.25 * noise[0]
    frosty = [index for index, one in enumerate(layout.regions) if one.cause == "frost"]
    inside = region == (frosty[0] if frosty else 255)
    if inside.any():
        temperature += FREEZE_THAW_TEMPERATURE - float(np.median(_to_study_area(temperature, frame)[inside]))
    rising = np.gradient(around, CLIMATE_CELL)[0] if count > 1 else 0.0
    lift = np.clip((height - around) / 1000, -1, 1)
    rain = at(layout.blend([climate.rainfall for climate in layout.climates], 1500.0, layout.climate))
    plain = np.isin(cover.landform, (GLACIAL_PLAIN, RIVER_PLAIN, LAKE))
    plain = np.pad(ndimage.gaussian_filter(plain.astype(np.float32), 350 / CELL), frame.pad, mode="edge")
    rain = rain * np.exp(0.6 * lift - 1.0 * np.maximum(lift, 0) ** 2 - 0.5 * np.tanh(rising / 0.25) + 0.07 * noise[1])
    rain = rain * (1 - 0.45 * np.minimum(1.6 * at(plain), 1.0))

    zone = frame.classes(layout.climate)
    per_mm = np.array([c.alpha * c.beta * 7 / c.rainy_days for c in layout.climates], dtype=np.float32)[zone]
    per_mm *= np.array(list(LANDFORMS.values()), dtype=np.float32)[cover.landform]
    ratio = per_mm * _to_study_area(rain, frame)
    factors = [1 / _warned(ratio[region == index]) for index in range(len(layout.regions))]
    rain = rain * at(layout.blend(factors, 1500.0))
    ratio = per_mm * _to_study_area(rain, frame)
    scale = 1 / _warned(ratio)
    rain, ratio, fine = rain * scale, ratio * scale, _to_study_area(temperature, frame)
    return ClimateFields(grid, *(field.astype(np.float32) for field in (rain, temperature, fine, ratio)))


def _warned(ratio: np.ndarray) -> float:
    return float(np.quantile(ratio, 1 - WARNED_SHARE)) if ratio.size else 1.0


def _to_study_area(coarse: np.ndarray, frame: DemoFrame) -> np.ndarray:
    place = ((np.arange(frame.size) + 0.5) * CELL / CLIMATE_CELL + 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    part = (place - low).astype(np.float32)
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    return (rows[:, low] * (1 - part) + rows[:, low + 1] * part).astype(np.float32)
