"""Rain and temperature at about 1 km, and the safety factor that they give with the tables of the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import ndimage

from ..grid import Grid
from ..progress import Progress, stop_if_cancelled
from .frame import CELL, ORIGIN, DemoFrame, fractal
from .regions import Layout, sample
from .surficial_cover import GLACIAL_PLAINS, LAKES, LANDFORMS, RIVER_PLAINS, Cover
from .terrain import Terrain

CLIMATE_CELL = 1000.0
"""Cell side of the climate rasters in metres, as in the paper."""

WARNED_SHARE = 0.1
"""Share of the study area on which the safety factor is below 0.5; the amounts of rain are fitted to it."""

LAPSE_RATE = 6.2
"""Fall of the annual mean temperature in °C a kilometre."""

TEMPERATURE_AT_3000_M = 8.6
"""Annual mean temperature at 3000 m in °C, where no region asks for another."""

FREEZE_THAW_TEMPERATURE = 0.3
"""Annual mean temperature in °C that the median of the region of freeze-thaw is brought to."""


@dataclass
class ClimateFields:
    """Climate of the study area."""

    grid: Grid
    """Grid of the coarse rasters; it reaches a cell beyond the study area on every side."""
    rain: np.ndarray
    """Annual precipitation in mm on that grid, float32."""
    temperature: np.ndarray
    """Annual mean temperature in °C on that grid, float32."""
    fine_temperature: np.ndarray
    """The temperature interpolated onto the study area, float32."""
    threshold_ratio: np.ndarray
    """Seven-day rainfall over its threshold, R7 / Rc = k · R7, on the study area; Fs = 1 / (1 + ratio); float32."""


def make_climate(
    frame: DemoFrame, layout: Layout, terrain: Terrain, cover: Cover, rng: np.random.Generator, progress: Progress
) -> ClimateFields:
    """Make temperature that falls with height, and rain that grows from dry valleys to mid slopes and windward sides.

    The amounts are fitted so that the safety factor is below 0.5 on a tenth of the area, spread over the regions.
    """
    count = int(np.ceil(frame.size * CELL / CLIMATE_CELL)) + 2
    grid = Grid(
        frame.grid.crs,
        Affine(CLIMATE_CELL, 0, ORIGIN[0] - CLIMATE_CELL, 0, -CLIMATE_CELL, ORIGIN[1] + CLIMATE_CELL),
        count,
        count,
    )
    place = ((np.arange(count) - 0.5) * CLIMATE_CELL) / CELL + frame.pad - 0.5

    def at(field: np.ndarray) -> np.ndarray:
        scaled = (place + 0.5) * field.shape[0] / frame.side - 0.5
        return ndimage.map_coordinates(field, np.meshgrid(scaled, scaled, indexing="ij"), order=1, mode="nearest")

    land = ndimage.gaussian_filter(terrain.height, 400 / CELL)
    wide = ndimage.gaussian_filter(terrain.height, min(4000 / CELL, frame.side / 4))
    height, around = at(land), at(wide)
    stop_if_cancelled(progress)
    noise = [at(fractal(rng, frame.base_side, frame.extent, frame.extent / 2, 1500, 1.8)) for _ in range(2)]
    temperature = TEMPERATURE_AT_3000_M - LAPSE_RATE * (height - 3000) / 1000 + 0.25 * noise[0]
    frosty = [index for index, region in enumerate(layout.regions) if region.cause == "frost"]
    inside = frame.crop(sample(layout.region, frame.side)) == (frosty[0] if frosty else 255)
    if inside.any():
        temperature += FREEZE_THAW_TEMPERATURE - float(np.median(_onto(temperature, frame)[inside]))
    rising = np.gradient(around, CLIMATE_CELL)[0] if count > 1 else 0.0
    lift = np.clip((height - around) / 1000, -1, 1)
    rain = at(layout.blend_climate([climate.rainfall for climate in layout.climates], frame))
    plain = np.isin(cover.landform, [list(LANDFORMS).index(name) for name in (GLACIAL_PLAINS, RIVER_PLAINS, LAKES)])
    plain = np.pad(ndimage.gaussian_filter(plain.astype(np.float32), 350 / CELL), frame.pad, mode="edge")
    rain = (
        rain
        * np.exp(0.6 * lift - 1.0 * np.maximum(lift, 0) ** 2 - 0.5 * np.tanh(rising / 0.25) + 0.07 * noise[1])
        * (1 - 0.45 * np.minimum(1.6 * at(plain), 1.0))
    )

    zone = frame.crop(sample(layout.climate, frame.side))
    per_mm = np.array([c.alpha * c.beta * 7 / c.rainy_days for c in layout.climates], dtype=np.float32)[zone]
    per_mm *= np.array(list(LANDFORMS.values()), dtype=np.float32)[cover.landform]
    factors = []
    ratio = per_mm * _onto(rain, frame)
    region = frame.crop(sample(layout.region, frame.side))
    for index in range(len(layout.regions)):
        factors.append(1 / _upper(ratio[region == index]))
    rain = rain * at(layout.blend(factors, frame, 1500.0))
    ratio = per_mm * _onto(rain, frame)
    scale = 1 / _upper(ratio)
    return ClimateFields(
        grid,
        (rain * scale).astype(np.float32),
        temperature.astype(np.float32),
        _onto(temperature, frame),
        (ratio * scale).astype(np.float32),
    )


def _upper(ratio: np.ndarray) -> float:
    return float(np.quantile(ratio, 1 - WARNED_SHARE)) if ratio.size else 1.0


def _onto(coarse: np.ndarray, frame: DemoFrame) -> np.ndarray:
    """Interpolate a coarse raster bilinearly onto the cells of the study area."""
    place = ((np.arange(frame.size) + 0.5) * CELL / CLIMATE_CELL + 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    part = (place - low).astype(np.float32)
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    return (rows[:, low] * (1 - part) + rows[:, low + 1] * part).astype(np.float32)
