"""A synthetic study area of any size for the factor benchmarks: DEM, lines, climate rasters and polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from scarp.model.factors.settings import CategoricalInput, StackInputs
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Lines, Polygons

CELL = 30.0
RIVERS, FAULTS = 20_000, 2_000
"""Lines on the largest grid, 16,384 cells a side; smaller ones get as many a square kilometre."""

LARGEST = 16_384


def make_grid(side: int) -> Grid:
    """Return a UTM grid of ``side`` × ``side`` cells of 30 m."""
    return Grid(CRS.from_epsg(32645), Affine(CELL, 0, 200_000, 0, -CELL, 3_600_000), side, side)


def write_dem(path: Path, grid: Grid, **options: Any) -> None:
    """Write hills and roughness, float32; only a strip at a time is in memory."""
    random = np.random.default_rng(0)
    x = np.arange(grid.width, dtype=np.float32) * CELL
    waves = [
        (2 * np.pi / length, random.random() * 6, random.random() * 6, length / 12)
        for length in (40_000, 17_000, 7_000, 3_100, 1_300, 600)
    ]
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": 1,
        "dtype": "float32",
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": -9999,
        "bigtiff": "if_safer",
        **options,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for row in range(0, grid.height, 256):
            rows = min(256, grid.height - row)
            y = (np.arange(row, row + rows, dtype=np.float32) * CELL)[:, None]
            z = np.full((rows, grid.width), 2500, dtype=np.float32)
            for number, phase, other, height in waves:
                z += height * np.sin(number * x + phase + np.sin(number * y * 0.6)) * np.cos(number * y + other)
            z += random.random(z.shape, dtype=np.float32)
            dataset.write(z, 1, window=rasterio.windows.Window(0, row, grid.width, rows))


def make_lines(grid: Grid, count: int, vertices: int, step: float, name: str, seed: int) -> Lines:
    """Return meandering lines over the grid and a little beyond."""
    random = np.random.default_rng(seed)
    left, bottom, right, _ = grid.bounds
    heading = random.random((count, 1)) * 2 * np.pi + np.cumsum(random.normal(0, 0.25, (count, vertices)), axis=1)
    steps = np.stack([np.cos(heading), np.sin(heading)], axis=2) * step
    origin = np.array([left, bottom]) - 5000 + random.random((count, 1, 2)) * (right - left + 10_000)
    return Lines(name=name, parts=list(origin + np.cumsum(steps, axis=1)))


def make_polygons(grid: Grid, across: int, classes: int, name: str, seed: int) -> CategoricalInput:
    """Return a mesh of ``across`` × ``across`` four-sided areas with shifted corners and densely wavy sides."""
    random = np.random.default_rng(seed)
    left, bottom, right, _ = grid.bounds
    step = (right - left) / across
    nodes = np.stack(np.meshgrid(left + np.arange(across + 1) * step, bottom + np.arange(across + 1) * step), axis=2)
    nodes[1:-1, 1:-1] += random.uniform(-0.3, 0.3, nodes[1:-1, 1:-1].shape) * step
    share = np.linspace(0, 1, 101)[:, None]
    wave = 0.03 * step * np.sin(share * 6 * np.pi) * np.sin(share * np.pi)

    def side(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return start + share * (end - start) + wave

    geometries = []
    for row in range(across):
        for column in range(across):
            corners = [nodes[row, column], nodes[row, column + 1], nodes[row + 1, column + 1], nodes[row + 1, column]]
            ring = np.concatenate(
                [
                    side(corners[0], corners[1]),
                    side(corners[1], corners[2]),
                    side(corners[3], corners[2])[::-1],
                    side(corners[0], corners[3])[::-1],
                ]
            )
            geometries.append({"type": "Polygon", "coordinates": [ring]})
    labels = [f"{name} {number}" for number in random.integers(1, classes + 1, len(geometries))]
    return CategoricalInput(Polygons(name=name, fields={"class": labels}, geometries=geometries), "class", name=name)


def write_climate(path: Path, grid: Grid, low: float, high: float, seed: int) -> None:
    """Write a raster of about 1 km in degrees that covers the grid."""
    from rasterio.warp import transform_bounds

    random = np.random.default_rng(seed)
    left, bottom, right, top = transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)
    cell = 1 / 120
    width, height = int((right - left) / cell) + 5, int((top - bottom) / cell) + 5
    values = random.uniform(low, high, (height // 16 + 3, width // 16 + 3))
    values = np.kron(values, np.ones((16, 16)))[:height, :width].astype(np.float32)
    place = Affine(cell, 0, left - 2 * cell, 0, -cell, top + 2 * cell)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=1,
        dtype="float32",
        nodata=-9999,
        crs="EPSG:4326",
        transform=place,
    ) as dataset:
        dataset.write(values, 1)


def ten_factors(folder: Path, side: int) -> StackInputs:
    """Write and make everything for a ten-factor stack."""
    grid = make_grid(side)
    share = (side / LARGEST) ** 2
    write_dem(folder / "dem.tif", grid, tiled=True, compress="zstd", zstd_level=1, predictor=3)
    write_climate(folder / "rain.tif", grid, 300, 2500, 1)
    write_climate(folder / "temperature.tif", grid, -8, 20, 2)
    return StackInputs(
        dem=folder / "dem.tif",
        landform=make_polygons(grid, max(2, round(20 * side / LARGEST)), 6, "landform", 3),
        rivers=make_lines(grid, max(1, round(RIVERS * share)), 200, 50.0, "rivers", 4),
        precipitation=folder / "rain.tif",
        temperature=folder / "temperature.tif",
        faults=make_lines(grid, max(1, round(FAULTS * share)), 150, 200.0, "faults", 5),
        lithology=make_polygons(grid, max(2, round(40 * side / LARGEST)), 30, "lithology", 6),
        seismic=make_polygons(grid, max(2, round(8 * side / LARGEST)), 5, "intensity", 7),
    )
