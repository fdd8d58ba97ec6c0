"""Slope, curvature and aspect against gdaldem, SAGA's rasters and surfaces whose slope is known."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import transform
from scipy.ndimage import binary_dilation

from scarp.model.factors.definitions import ASPECT_CLASSES
from scarp.model.factors.settings import HORN, SLOPE_METHODS, ZEVENBERGEN_THORNE
from scarp.model.factors.terrain import TerrainFactors
from scarp.model.grid import Grid
from scarp.tests.core.conftest import by_blocks, degree_grid, read_band, run_gdal, write_raster

GDALDEM = {HORN: "Horn", ZEVENBERGEN_THORNE: "ZevenbergenThorne"}
LATITUDES = [0, 30, 60, -45]


METRES = Affine(30, 0, 0, 0, -30, 0)


def write(path, values, transform=METRES, crs=None, nodata=None):
    write_raster(path, values, transform=transform, crs=crs, nodata=nodata)
    return path


def compute(path, method=HORN, side=1024):
    """Return slope, curvature and aspect of a whole file, block by block."""
    with rasterio.open(path) as dataset:
        grid = Grid.from_dataset(dataset, "DEM")
        terrain = TerrainFactors(dataset, grid, method)
        return by_blocks(grid, terrain.read, side)


def gdaldem(factor, path, method):
    output = path.with_name(f"{path.stem}-{factor}.tif")
    run_gdal("gdaldem", factor, path, output, "-compute_edges", "-q", "-alg", GDALDEM[method])
    values = read_band(output)
    return np.where(values == -9999, np.nan, values)


def aspect_class(degrees):
    """Return the class of an aspect in degrees, 1 where gdaldem finds none."""
    return np.where(np.isnan(degrees), 1, 2 + np.floor((degrees + 22.5) / 45) % 8)


def rough(shape=(61, 47), seed=0):
    """Return a rough surface in eighths of a metre, which float32 adds without rounding."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    surface = 2000 + 300 * np.sin(x / 9) * np.cos(y / 7) + random.normal(0, 8, shape)
    surface[10:16, 5:12] = 1500
    return (np.round(surface * 8) / 8).astype(np.float32)


@pytest.mark.parametrize("method", SLOPE_METHODS)
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("cell", [(30.0, 30.0), (10.0, 25.0)])
def test_equal_to_gdaldem_with_borders_holes_and_oblong_cells(tmp_path, method, holes, cell):
    surface = rough()
    if holes:
        random = np.random.default_rng(1)
        surface[random.random(surface.shape) < 0.08] = -9999
        surface[0, 0] = surface[-1, 20] = -9999
    path = write(tmp_path / "dem.tif", surface, Affine(cell[0], 0, 0, 0, -cell[1], 0), nodata=-9999)
    slope, _, aspect = compute(path, method, side=16)
    np.testing.assert_allclose(slope, gdaldem("slope", path, method), atol=2e-5, rtol=0)
    assert np.array_equal(np.isnan(aspect), surface == -9999)
    if cell[0] == cell[1]:
        known = surface != -9999
        expected = aspect_class(gdaldem("aspect", path, method))
        np.testing.assert_array_equal(aspect[known], expected[known])


@pytest.mark.parametrize("method", SLOPE_METHODS)
def test_equal_to_gdaldem_on_a_real_dem(real_data, tmp_path, method):
    path = tmp_path / "dem.tif"
    shutil.copy(real_data / "kaghan_pk" / "dem.tif", path)
    slope, _, aspect = compute(path, method)
    # Horn's sums of four elevations of 4,000 m are rounded to a thousandth of a metre in gdaldem.
    assert np.abs(slope - gdaldem("slope", path, method)).max() < 1e-3
    assert np.mean(aspect != aspect_class(gdaldem("aspect", path, method))) < 1e-5


def test_equal_to_saga_on_a_real_dem(real_data):
    folder = real_data / "ecuador_rbsf"
    slope, curvature, _ = compute(folder / "dem.tif", ZEVENBERGEN_THORNE)
    with rasterio.open(folder / "terrain_attributes_saga.tif") as dataset:
        names = list(dataset.descriptions)
        saga_slope, saga_curvature = (dataset.read(names.index(name) + 1) for name in ("slope", "cprof"))
    assert np.nanmax(np.abs(curvature - saga_curvature)) < 1e-8
    # Beside nodata slope follows gdaldem, which takes a missing neighbour as level; SAGA mirrors the opposite one.
    missing = np.pad(np.isnan(slope), 1, constant_values=True)
    beside = binary_dilation(missing, np.ones((3, 3)))[1:-1, 1:-1]
    valid = np.isfinite(slope)
    np.testing.assert_array_equal(valid, np.isfinite(saga_slope))
    assert np.abs(slope - saga_slope)[~beside].max() < 1e-5, "every cell with all eight neighbours"
    assert (valid.sum(), np.count_nonzero(beside & valid)) == (158_326, 1_592), "cells that are left out"
    # Even of those nearly all agree: SAGA continues the slope over the border of the raster too.
    assert np.count_nonzero(np.abs(slope - saga_slope)[beside & valid] > 1e-5) == 91


def local(grid):
    """Return metres east and north of the middle of a geographic grid, by PROJ."""
    rows, columns = np.mgrid[: grid.height, : grid.width] + 0.5
    longitude, latitude = grid.transform * (columns, rows)
    middle = f"+proj=aeqd +lat_0={latitude.mean()} +lon_0={longitude.mean()} +datum=WGS84 +units=m"
    x, y = transform("EPSG:4326", middle, longitude.ravel(), latitude.ravel())
    return np.array(x).reshape(rows.shape), np.array(y).reshape(rows.shape)


def arcsecond_grid(latitude, side=61):
    return degree_grid(side, side, left=94.0, top=latitude + side / 7200)


@pytest.mark.parametrize("method", SLOPE_METHODS)
@pytest.mark.parametrize("latitude", LATITUDES)
@pytest.mark.parametrize(("facing", "dip"), [(90, 15), (90, 45), (45, 30), (200, 5), (317, 60), (0, 45)])
def test_a_tilted_plane_in_degrees_has_its_slope_and_aspect(tmp_path, method, latitude, facing, dip):
    grid = arcsecond_grid(latitude)
    x, y = local(grid)
    downhill = x * np.sin(np.radians(facing)) + y * np.cos(np.radians(facing))
    plane = (3000 - np.tan(np.radians(dip)) * downhill).astype(np.float32)
    slope, curvature, aspect = compute(write(tmp_path / "dem.tif", plane, grid.transform, grid.crs), method)
    assert np.abs(slope - dip).max() < 0.02
    assert (aspect == aspect_class(np.array(float(facing)))).all()
    assert np.abs(curvature).max() < 2e-5


@pytest.mark.parametrize("method", SLOPE_METHODS)
@pytest.mark.parametrize("latitude", LATITUDES)
def test_a_gaussian_hill_in_degrees_has_its_slope_and_curvature(tmp_path, method, latitude):
    grid = arcsecond_grid(latitude, 121)
    x, y = local(grid)
    width, square = 1200.0, x**2 + y**2
    hill = 600.0 * np.exp(-square / (2 * width**2))
    steep = hill * np.sqrt(square) / width**2
    path = write(tmp_path / "dem.tif", (2000 + hill).astype(np.float64), grid.transform, grid.crs)
    slope, curvature, aspect = compute(path, method)
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(slope - np.degrees(np.arctan(steep)))[inner].max() < 0.02
    # Along the radius the profile is z(ρ); its curvature z″ / (1 + z′²)^1.5 with the sign turned is convex positive.
    bend = hill * (square / width**4 - 1 / width**2)
    away = np.sqrt(square) > 100
    expected = -bend / (1 + steep**2) ** 1.5
    assert np.abs(curvature - expected)[inner][away[inner]].max() < 5e-6
    facing = np.degrees(np.arctan2(x, y)) % 360
    clear = away & (np.abs(facing % 45 - 22.5) > 0.5)
    assert (aspect == aspect_class(facing))[clear].all()


def test_flat_ground_is_class_one_without_slope_or_curvature(tmp_path):
    path = write(tmp_path / "dem.tif", np.full((8, 9), 1234.5, np.float32))
    slope, curvature, aspect = compute(path)
    assert not slope.any() and not curvature.any() and (aspect == 1).all() and ASPECT_CLASSES[1] == "flat"


@pytest.mark.parametrize(("code", "label"), [(code, label) for code, label in ASPECT_CLASSES.items() if code > 1])
def test_each_direction_has_its_class(tmp_path, code, label):
    east, north = ("E" in label) - ("W" in label), ("N" in label) - ("S" in label)
    y, x = np.mgrid[:9, :9]
    plane = (500.0 - 3 * (x * east - y * north)).astype(np.float32)
    assert (compute(write(tmp_path / "dem.tif", plane))[2] == code).all()


@pytest.mark.parametrize("method", SLOPE_METHODS)
@pytest.mark.parametrize("side", [5, 16, 33])
def test_blockwise_equals_whole_grid(tmp_path, method, side):
    surface = rough()
    surface[20:24, 30:33] = np.nan
    path = write(tmp_path / "dem.tif", surface)
    np.testing.assert_array_equal(compute(path, method, side), compute(path, method))


def test_integer_elevations_serve(tmp_path):
    surface = np.round(rough()).astype(np.int16)
    whole = write(tmp_path / "int.tif", surface, nodata=-32768)
    same = write(tmp_path / "float.tif", surface.astype(np.float32))
    np.testing.assert_array_equal(compute(whole), compute(same))
