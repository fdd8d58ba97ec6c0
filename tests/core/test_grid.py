"""The study grid: distances in metres everywhere, refusals, windows of rasters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from scarp.model.errors import CrsMissing, GridMismatch, GridUnsupported
from scarp.model.grid import Block, Grid, metres_per_degree
from scarp.model.inputs.rasters import read_block, read_window
from scarp.tests.core.conftest import degree_grid, utm_grid, write_raster

SECOND = 1 / 3600


def geographic(latitude: float) -> Grid:
    return degree_grid(left=94.0, top=latitude + 10 * SECOND)


@pytest.mark.parametrize("latitude", [-45, 0, 30, 60, 80])
def test_spacing_on_a_geographic_grid_equals_proj(latitude):
    grid = geographic(latitude)
    width, height = grid.spacing()
    _, top = grid.transform * (0, 0)
    for row in (0, 7, 19):
        phi = top - (row + 0.5) * SECOND
        local = f"+proj=aeqd +lat_0={phi} +lon_0=94 +datum=WGS84 +units=m"
        x, y = transform("EPSG:4326", local, [94 + SECOND, 94, 94], [phi, phi + SECOND / 2, phi - SECOND / 2])
        assert width[row] == pytest.approx(x[0], rel=1e-6)
        assert height[row] == pytest.approx(y[1] - y[2], rel=1e-6)


def test_spacing_on_a_projected_grid_is_the_cell_in_metres():
    width, height = Grid(CRS.from_epsg(32645), Affine(20, 0, 0, 0, -35, 0), 5, 4).spacing()
    assert (width == 20).all()
    assert (height == 35).all()
    feet = CRS.from_epsg(2263)
    width, _ = Grid(feet, Affine(100, 0, 0, 0, -100, 0), 5, 4).spacing()
    assert width[0] == pytest.approx(30.48, rel=1e-4)


@pytest.mark.parametrize(
    ("crs", "x", "y", "expected"), [(32645, 500_000, 3_000_000, 0.9996), (3857, 0, 0, 1.0), (3857, 0, 8_399_738, 2.0)]
)
def test_the_scale_factor_of_a_projection_is_known(crs, x, y, expected):
    grid = Grid(CRS.from_epsg(crs), Affine(30, 0, x - 300, 0, -30, y + 300), 20, 20)
    # Web Mercator treats the ellipsoid as a sphere, so its stretch is not quite 1 / cos of the latitude.
    assert grid.scale_factor() == pytest.approx(expected, rel=0.006)
    assert geographic(60).scale_factor() == 1.0


def test_bounds_within_a_distance():
    assert utm_grid().buffered_bounds(0) == utm_grid().bounds
    assert utm_grid().buffered_bounds(90) == (500_000 - 90, 3_000_000 - 690, 500_990, 3_000_090)
    left, _, _, top = geographic(60).buffered_bounds(10_000)
    # A degree of longitude measures 55.8 km there, one of latitude 111.4.
    assert geographic(60).bounds[0] - left == pytest.approx(10 / 55.8, rel=2e-3)
    assert top - geographic(60).bounds[3] == pytest.approx(10 / 111.4, rel=2e-3)


def test_one_degree_is_what_the_ellipsoid_says():
    east, north = metres_per_degree(np.array([0.0, math.radians(45)]), CRS.from_epsg(4326))
    assert east == pytest.approx([111319.491, 78846.835], abs=0.01)
    assert north == pytest.approx([110574.276, 111131.778], abs=0.01)


@pytest.mark.parametrize("side", [1, 7, 16, 100])
@pytest.mark.parametrize("shape", [(1, 1), (20, 30), (16, 32)])
def test_blocks_cover_every_cell_once(side, shape):
    grid = utm_grid(*shape)
    seen = np.zeros(shape, dtype=int)
    for block in grid.blocks(side):
        seen[block.slices] += 1
    assert (seen == 1).all()
    assert grid.block_count(side) == len(list(grid.blocks(side)))


@pytest.mark.parametrize(
    ("transform_", "what"),
    [
        (Affine(30, 5, 0, 5, -30, 0), "rotated.*Warp"),
        (Affine(30, 5, 0, -5, 30, 0), "rotated.*Warp"),
        (Affine.identity(), "not where its cells lie.*Georeferencer"),
    ],
)
def test_grids_that_would_come_out_wrong_are_refused(tmp_path, transform_, what):
    path = write_raster(tmp_path / "dem.tif", np.ones((4, 5), np.float32), transform=transform_)
    with pytest.raises(GridUnsupported, match=what):
        Grid.from_file(path, "DEM")


@pytest.mark.parametrize(
    ("crs", "problem"),
    [(CRS(), "no coordinate.*Set CRS of Layer"), ('LOCAL_CS["site",UNIT["metre",1]]', "local.*Save As")],
)
def test_a_raster_without_a_usable_crs_is_refused(tmp_path, crs, problem):
    path = write_raster(tmp_path / "dem.tif", np.ones((4, 5), np.float32), crs=crs)
    with pytest.raises(CrsMissing, match=problem):
        Grid.from_file(path, "DEM")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"crs": CRS.from_epsg(32646)}, "CRS"),
        ({"width": 31}, "cells"),
        ({"transform": Affine(30.1, 0, 500_000, 0, -30, 3_000_000)}, "cell size"),
        ({"transform": Affine(30, 0, 500_015, 0, -30, 3_000_000)}, "corner"),
    ],
)
def test_another_grid_is_told_apart(change, word):
    mine = utm_grid()
    mine.require_same(utm_grid(), "stack", "labels")
    other = Grid(**{"crs": mine.crs, "transform": mine.transform, "width": 30, "height": 20, **change})
    with pytest.raises(GridMismatch, match=word):
        mine.require_same(other, "stack", "labels")


def test_cells_of_points_are_the_cells_they_lie_in():
    grid = utm_grid()
    xy = np.array([[500_015.0, 2_999_985.0], [500_030.0, 2_999_970.0], [499_999.0, 2_999_985.0], [np.nan, 0.0]])
    rows, columns, inside = grid.cell_indices(xy)
    assert rows[:2].tolist() == [0, 1]
    assert columns[:2].tolist() == [0, 1]
    assert inside.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint8", None),
        ("uint8", 3),
        ("int16", -9999),
        ("float32", math.nan),
        ("float32", -3.4028234663852886e38),
        ("float64", -1e30),
        ("int32", None),
    ],
)
@pytest.mark.parametrize("window", [(0, 0, 12, 9), (-2, -3, 20, 15), (5, 4, 3, 3), (50, 0, 2, 2)])
def test_a_window_holds_the_values_and_nan_where_there_are_none(tmp_path, dtype, nodata, window):
    values = np.random.default_rng(0).integers(0, 5, (2, 12, 9)).astype(dtype)
    if nodata is not None:
        values[:, 3:5, 2:4] = nodata
    expected = values.astype(np.float64)
    if nodata is not None:
        expected[values == np.dtype(dtype).type(nodata)] = np.nan
    path = write_raster(tmp_path / "raster.tif", values, transform=Affine(1, 0, 0, 0, -1, 0), nodata=nodata)
    row, column, height, width = window
    padded = np.pad(expected, ((0, 0), (60, 60), (60, 60)), constant_values=np.nan)
    with rasterio.open(path) as dataset:
        got = read_window(dataset, *window)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, padded[:, 60 + row : 60 + row + height, 60 + column : 60 + column + width])


def test_a_mask_band_counts_as_nodata(tmp_path):
    path = write_raster(tmp_path / "masked.tif", np.ones((6, 6), np.float32), transform=Affine(1, 0, 0, 0, -1, 0))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.tri(6, dtype=bool))
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(np.isfinite(read_window(dataset, 0, 0, 6, 6)[0]), np.tri(6, dtype=bool))


def test_declared_scale_and_offset_are_applied(tmp_path):
    path = write_raster(tmp_path / "scaled.tif", np.full((3, 3), 125, np.int16), transform=Affine(1, 0, 0, 0, -1, 0))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.1,), (-2.0,)
    with rasterio.open(path) as dataset:
        assert read_block(dataset, Block(0, 0, 3, 3)) == pytest.approx(10.5)
