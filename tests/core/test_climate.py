"""Rasters of amounts and stations on the study grid, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform
from scipy.ndimage import map_coordinates

from scarp.model.factors.climate import ContinuousRaster, StationSurface
from scarp.model.factors.settings import StationPoints
from scarp.model.factors.source_rasters import scan_source
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import at_cells, degree_grid, write_raster

COARSE, LEFT, TOP = 1 / 6, 92.0, 33.0
UTM = Grid(CRS.from_epsg(32646), Affine(90, 0, 500_000, 0, -90, 3_500_000), 400, 300)
DEGREES = degree_grid(300, 400, 1 / 1200, 93.31, 31.27)
GRIDS = pytest.mark.parametrize("grid", [UTM, DEGREES], ids=["utm", "degrees"])
PLACE = Affine(COARSE, 0, LEFT, 0, -COARSE, TOP)


def write(path, values, crs=DEGREES.crs, nodata=-9999, transform=PLACE):
    return write_raster(path, values, crs=crs, nodata=nodata, transform=transform)


def coarse(dtype="int16", seed=0):
    return np.random.default_rng(seed).integers(100, 3000, (40, 40)).astype(dtype)


def read(path, grid, block=None):
    source = scan_source(str(path), grid, "precipitation", NullProgress())
    with ContinuousRaster.open(source, grid) as raster:
        return raster.read(block or grid.whole)


def degrees_of(grid):
    """Return longitude and latitude of each cell centre."""
    rows, columns = np.indices(grid.shape)
    x, y = at_cells(grid, rows.ravel(), columns.ravel()).T
    return (np.array(values).reshape(grid.shape) for values in transform(grid.crs, "EPSG:4326", x, y))


@GRIDS
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64"])
def test_bilinear_between_cell_centres_without_shift(tmp_path, grid, dtype):
    values = coarse(dtype)
    got = read(write(tmp_path / "rain.tif", values, nodata=None), grid)
    longitude, latitude = degrees_of(grid)
    place = [(TOP - latitude) / COARSE - 0.5, (longitude - LEFT) / COARSE - 0.5]
    expected = map_coordinates(values.astype(float), place, order=1)
    # Neighbouring cells differ by up to 2,900 mm, of which a ten-thousandth may be lost.
    assert np.abs(got - expected).max() < 0.3


def test_no_stair_steps_from_whole_numbers(tmp_path):
    # A ramp of one unit a coarse cell: rounding would leave 200 equal cells, then a step.
    ramp = np.tile(np.arange(40, dtype=np.int16), (40, 1))
    got = read(write(tmp_path / "temperature.tif", ramp), DEGREES)
    steps = np.diff(got, axis=1)
    assert 0 < steps.min() <= steps.max() < 1.5 / 200
    longitude, _ = degrees_of(DEGREES)
    np.testing.assert_allclose(got, (longitude - LEFT) / COARSE - 0.5, atol=2e-3)


@GRIDS
def test_blockwise_equals_whole_grid(tmp_path, grid):
    path = write(tmp_path / "rain.tif", coarse())
    part = Block(77, 130, 101, 99)
    np.testing.assert_allclose(read(path, grid, part), read(path, grid)[77:178, 130:229], atol=0.3)


@pytest.mark.parametrize("nodata", [-9999, np.nan, -3.4028234663852886e38])
def test_nodata_does_not_bleed_in(tmp_path, nodata):
    values = coarse("float32")
    values[5:9, 6:12] = nodata
    grid = degree_grid(200, 200, COARSE / 10, LEFT, TOP)
    got = read(write(tmp_path / "rain.tif", values, nodata=None if np.isnan(nodata) else nodata), grid)
    good = values[np.isfinite(values) & (values > 0)]
    assert good.min() <= np.nanmin(got) <= np.nanmax(got) <= good.max()
    missing = np.isnan(got)
    assert missing[55:85, 65:115].all()
    missing[50:90, 60:120] = False
    assert not missing.any()


def test_what_the_raster_does_not_cover_is_nan(tmp_path):
    grid = degree_grid(50, 100, COARSE / 10, LEFT - 1, TOP)
    missing = np.isnan(read(write(tmp_path / "rain.tif", coarse()), grid))
    assert missing[:, :60].all() and not missing[:, 60:].any()


def test_a_finer_raster_is_averaged(tmp_path):
    random = np.random.default_rng(0)
    fine = random.normal(100, 30, (1200, 1600)).astype(np.float32)
    grid = Grid(UTM.crs, Affine(80, 0, 500_000, 0, -80, 3_500_000), 100, 75)
    path = write(tmp_path / "fine.tif", fine, UTM.crs, None, Affine(5, 0, 500_000, 0, -5, 3_500_000))
    assert read(path, grid).std() < 5


def stations(count, grid=UTM, seed=0, value=None):
    left, bottom, right, top = grid.bounds
    xy = np.random.default_rng(seed).uniform((left, bottom), (right, top), (count, 2))
    values = (500 + (xy[:, 0] - left) / (right - left) * 400 if value is None else np.full(count, value)).tolist()
    return StationPoints(Points(name="stations", fields={"rain": values}, xy=xy), "rain")


@GRIDS
def test_the_surface_passes_through_the_stations_without_seams(grid):
    points = stations(30, grid)
    surface = StationSurface(points, grid, "precipitation", NullProgress())
    got = surface.read(grid.whole)
    rows, columns, _ = grid.cell_indices(points.points.xy)
    assert np.abs(got[rows, columns] - points.points.fields["rain"]).max() < 15
    assert 480 < got.min() <= got.max() < 920
    np.testing.assert_allclose(surface.read(Block(50, 60, 70, 33)), got[50:120, 60:93], rtol=1e-6)


def test_equal_stations_give_a_level_surface():
    surface = StationSurface(stations(10, value=700.0), UTM, "precipitation", NullProgress())
    assert surface.read(Block(0, 0, 100, 100)) == pytest.approx(700, abs=1e-3)


def test_stations_without_value_and_duplicates_are_warned_about():
    points = stations(10)
    points.points.fields["rain"][3] = None
    points.points.xy[5] = points.points.xy[6]
    progress = NullProgress()
    surface = StationSurface(points, UTM, "precipitation", progress)
    assert surface.count == 8
    assert all(any(word in text for text in progress.warnings) for word in ("no value", "mean"))
