"""Terrain in context against brute force, SciPy, gdaldem and SAGA's rasters, in any blocks and beside nodata."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy import ndimage

from scarp.model.errors import GridUnsupported, LibraryMissing, ParameterInvalid
from scarp.model.factors import flow
from scarp.model.factors.definitions import CELL_TERRAIN, WINDOW_TERRAIN, is_terrain_factor
from scarp.model.factors.settings import StackOptions
from scarp.model.factors.sources import terrain_sources
from scarp.model.factors.terrain_windows import windows_of
from scarp.model.grid import Grid
from scarp.model.progress import NullProgress
from scarp.model.stack import open_stack
from scarp.tests.core.conftest import DEGREES, UTM, build_factor_stack, by_blocks, read_band, run_gdal, write_raster

ALL = (*CELL_TERRAIN, *WINDOW_TERRAIN)
STATISTICS = {
    "tpi": lambda z, slope, curvature, middle: middle - z.mean(),
    "relief": lambda z, slope, curvature, middle: np.ptp(z),
    "mean_slope": lambda z, slope, curvature, middle: slope.mean(),
    "roughness": lambda z, slope, curvature, middle: slope.std(),
    "mean_curvature": lambda z, slope, curvature, middle: curvature.mean(),
}
GRIDS = {
    "oblong": Grid(UTM, Affine(30, 0, 2e5, 0, -25, 36e5), 90, 110),
    "degrees": Grid(DEGREES, Affine(1 / 600, 0, 20, 0, -1 / 600, 68.2), 60, 250),
    "coarse": Grid(UTM, Affine(400, 0, 2e5, 0, -400, 36e5), 30, 31),
}


def compute(path, groups=ALL, side=1024, method="horn"):
    """Return the terrain factors of a DEM by name."""
    grid = Grid.from_file(path, "DEM")
    (source,) = terrain_sources(path, grid, method, "auto", NullProgress(), groups)
    with source.open() as reader:
        return dict(zip([one.name for one in source.definitions], by_blocks(grid, reader.read, side)))


def holed(shape, seed=0):
    """Return rough land with single cells and an area without data, also at the border."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    surface = 2000 + 300 * np.sin(x / 9) * np.cos(y / 7) + random.normal(0, 8, shape)
    surface[random.random(shape) < 0.03] = np.nan
    surface[8:16, 10:22] = surface[0, 0] = np.nan
    return surface.astype(np.float32)


def windows_by_metres(grid):
    return {window.metres: window for window in windows_of(grid, NullProgress())}


@pytest.mark.parametrize("name", GRIDS)
def test_windows_equal_brute_force_over_the_cells_with_data(tmp_path, name):
    grid, surface = GRIDS[name], holed(GRIDS[name].shape)
    found = compute(write_raster(tmp_path / "dem.tif", surface, grid))
    random = np.random.default_rng(1)
    rows = np.concatenate([[0, 0, grid.height - 1], random.integers(0, grid.height, 40)])
    columns = np.concatenate([[1, grid.width - 1, 0], random.integers(0, grid.width, 40)])
    layers = surface.astype(np.float64), found["slope"].astype(np.float64), found["curvature"].astype(np.float64)
    assert all(np.array_equal(np.isnan(band), np.isnan(surface)) for band in found.values())
    for row, column in zip(rows, columns):
        if np.isnan(surface[row, column]):
            continue
        for metres, window in windows_by_metres(grid).items():
            up, left = window.rows[row], window.columns[row]
            around = np.s_[max(0, row - up) : row + up + 1, max(0, column - left) : column + left + 1]
            valid = np.isfinite(surface[around])
            cells = [layer[around][valid] for layer in layers]
            for statistic, function in STATISTICS.items():
                expected = function(*cells, layers[0][row, column])
                assert found[f"{statistic}_{metres}m"][row, column] == pytest.approx(expected, rel=1e-5, abs=5e-5)


@pytest.mark.parametrize("side", [16, 33, 64])
@pytest.mark.parametrize("name", GRIDS)
def test_the_same_values_in_any_blocks(tmp_path, name, side):
    path = write_raster(tmp_path / "dem.tif", holed(GRIDS[name].shape), GRIDS[name])
    whole, blocks = compute(path), compute(path, side=side)
    for factor, band in whole.items():
        np.testing.assert_array_equal(blocks[factor], band, err_msg=factor)


def test_each_group_alone_gives_what_it_gives_among_all(tmp_path):
    path = write_raster(tmp_path / "dem.tif", holed((40, 45)), GRIDS["oblong"])
    whole = compute(path)
    seen = set()
    for group in ALL:
        alone = compute(path, (group,))
        for factor, band in alone.items():
            np.testing.assert_array_equal(band, whole[factor], err_msg=factor)
        seen |= alone.keys()
    assert seen == whole.keys() and all(map(is_terrain_factor, seen))


def test_windows_are_in_metres_in_every_row_and_equal_ones_appear_once():
    degrees = windows_by_metres(GRIDS["degrees"])
    width, height = GRIDS["degrees"].spacing()
    assert list(degrees) == [100, 200, 400, 800]
    assert np.abs(degrees[800].columns * width - 800).max() <= width.max() / 2
    assert np.abs(degrees[800].rows * height - 800).max() <= height.max() / 2
    assert len(set(degrees[800].columns)) > 1, "rows far from each other have windows of different widths"
    assert list(windows_by_metres(GRIDS["coarse"])) == [400, 800]
    progress = NullProgress()
    fine = Grid(UTM, Affine(0.5, 0, 2e5, 0, -0.5, 36e5), 9, 9)
    assert [window.metres for window in windows_of(fine, progress)] == [50, 100, 200, 400]
    assert "800 m are left out" in progress.warnings[0]


def test_windows_equal_scipy_on_a_real_dem(real_data):
    found = compute(real_data / "kaghan_pk" / "dem.tif")
    z, slope = read_band(real_data / "kaghan_pk" / "dem.tif").astype(np.float64), found["slope"].astype(np.float64)
    # Cells of 28.6 m: 200 m are 7 of them.
    inner, size = np.s_[8:-8, 8:-8], 15
    highest, lowest = ndimage.maximum_filter(z, size), ndimage.minimum_filter(z, size)
    mean = ndimage.uniform_filter(slope, size)
    deviation = np.sqrt(ndimage.uniform_filter(slope**2, size) - mean**2)
    np.testing.assert_array_equal(found["relief_200m"][inner], (highest - lowest)[inner].astype(np.float32))
    assert np.abs(found["tpi_200m"] - (z - ndimage.uniform_filter(z, size)))[inner].max() < 1e-4
    assert np.abs(found["mean_slope_200m"] - mean)[inner].max() < 1e-4
    assert np.abs(found["roughness_200m"] - deviation)[inner].max() < 1e-4


def test_position_in_nine_cells_is_that_of_gdaldem(tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.nan_to_num(holed((31, 30)), nan=2000), GRIDS["coarse"])
    run_gdal("gdaldem", "TPI", path, tmp_path / "tpi.tif", "-q")
    # gdaldem takes the mean of the eight neighbours.
    expected = read_band(tmp_path / "tpi.tif") * 8 / 9
    assert np.abs(compute(path)["tpi_400m"] - expected)[1:-1, 1:-1].max() < 1e-3


def test_tangential_curvature_is_sagas_plan_curvature_times_the_sine_of_the_slope(real_data):
    found = compute(real_data / "ecuador_rbsf" / "dem.tif", method="zevenbergen_thorne")
    with rasterio.open(real_data / "ecuador_rbsf" / "terrain_attributes_saga.tif") as dataset:
        plan = dataset.read(dataset.descriptions.index("cplan") + 1)
    inner = ndimage.binary_erosion(np.isfinite(found["slope"]), np.ones((3, 3)))
    difference = np.abs(found["tangential_curvature"] - plan * np.sin(np.radians(found["slope"])))[inner]
    assert np.nanmax(difference) < 1e-6


@pytest.mark.parametrize("facing", [0, 75, 180, 300])
def test_a_plane_has_its_direction_and_no_curvature(tmp_path, facing):
    y, x = np.mgrid[:40, :40] * 30.0
    east, north = np.sin(np.radians(facing)), np.cos(np.radians(facing))
    plane = 3000 - 0.4 * (x * east - y * north)
    grid = Grid(UTM, Affine(30, 0, 2e5, 0, -30, 36e5), 40, 40)
    found = compute(write_raster(tmp_path / "dem.tif", plane, grid))
    # The four corners follow gdaldem, which repeats the outer column there.
    for name, expected in (("eastness", east), ("northness", north)):
        assert np.abs(found[name] - expected)[1:-1].max() < 1e-3
    for name in ("tangential_curvature", "curvature", "mean_curvature_200m"):
        assert np.abs(found[name]).max() < 1e-5
    assert found["roughness_100m"][4:-4, 4:-4].max() < 0.01
    assert np.abs(found["tpi_100m"])[4:-4, 4:-4].max() < 1e-3


def test_flat_land_is_exactly_zero_in_all_but_elevation(tmp_path):
    found = compute(write_raster(tmp_path / "dem.tif", np.full((30, 30), 1234.567, np.float32), GRIDS["coarse"]))
    for name, band in found.items():
        value = {"elevation": np.float32(1234.567), "aspect": 1}.get(name, 0)
        assert (band == value).all(), name


def test_a_stack_has_all_of_it_by_default_and_the_papers_factors_unchanged(tmp_path):
    surface = holed(GRIDS["oblong"].shape)
    dem = write_raster(tmp_path / "dem.tif", surface, GRIDS["oblong"])
    feet = write_raster(tmp_path / "feet.tif", surface / np.float32(0.3048), GRIDS["oblong"])
    extra = {"extra_continuous": [(dem, "Relief 50m")]}
    plain = build_factor_stack(dem, tmp_path / "plain.tif", **extra)
    assert plain.factors == ["slope", "profile_curvature", "aspect", "relief_50m"]
    made = build_factor_stack(dem, tmp_path / "all.tif", terrain=ALL, **extra)
    build_factor_stack(feet, tmp_path / "feet_all.tif", terrain=ALL, dem_unit="ft")
    assert len(made.factors) == 34 and made.factors[-1] == "relief_50m_2"
    missing = int(np.isnan(surface).sum())
    assert made.without_data == {"elevation": missing, "relief_50m_2": 0} and made.valid_cells == plain.valid_cells
    with open_stack(tmp_path / "plain.tif") as one, open_stack(tmp_path / "all.tif") as other:
        names = ["slope", "profile_curvature", "aspect"]
        np.testing.assert_array_equal(one.read(one.grid.whole, names), other.read(other.grid.whole, names))
        assert (other.factor("tpi_200m").unit, other.factor("mean_curvature_50m").kind) == ("m", "continuous")
        metres = other.read(other.grid.whole, ["relief_400m"])
    with open_stack(tmp_path / "feet_all.tif") as stack:
        np.testing.assert_allclose(stack.read(stack.grid.whole, ["relief_400m"]), metres, atol=1e-3)


@pytest.mark.parametrize(("words", "message"), [(("none", "relief"), "alone"), (("hills",), "hills"), ((), "empty")])
def test_terrain_that_is_no_choice_is_refused(words, message):
    with pytest.raises(ParameterInvalid, match=message):
        StackOptions(terrain=words)


def test_flow_without_its_library_says_how_to_get_it(tmp_path, monkeypatch):
    dem = write_raster(tmp_path / "dem.tif", holed((40, 45)), GRIDS["oblong"])
    monkeypatch.setitem(sys.modules, "pyflwdir", None)
    with pytest.raises(LibraryMissing, match="pip install pyflwdir.*leave flow out of TERRAIN"):
        build_factor_stack(dem, tmp_path / "stack.tif", terrain=("relief", "flow"))
    monkeypatch.setattr(flow, "MAX_CELLS", 1000)
    with pytest.raises(GridUnsupported, match="takes up to 1,000. Leave flow out"):
        build_factor_stack(dem, tmp_path / "stack.tif", terrain=("flow",))


def test_flow_gathers_in_a_valley_and_adds_up(tmp_path):
    pytest.importorskip("pyflwdir", reason="pyflwdir is not installed.")
    y, x = np.mgrid[:60, :41]
    valley = 1000 + 5.0 * np.abs(x - 20) - 2.0 * y
    valley[30:33, 3:6] = np.nan
    grid = Grid(UTM, Affine(30, 0, 2e5, 0, -30, 36e5), 41, 60)
    dem = write_raster(tmp_path / "dem.tif", valley.astype(np.float32), grid)
    made = build_factor_stack(dem, tmp_path / "stack.tif", terrain=("flow",))
    assert made.factors[3:] == ["contributing_area", "wetness_index", "height_above_drainage"]
    with open_stack(tmp_path / "stack.tif") as stack:
        slope, area, wetness, height = stack.read(stack.grid.whole, ["slope", *made.factors[3:]])
    assert all(np.array_equal(np.isnan(band), np.isnan(valley)) for band in (area, wetness, height))
    assert np.nanmin(area) == pytest.approx(np.log10(900)) and (np.nanargmax(area, axis=1)[5:] == 20).all()
    expected = np.log(10**area / 30 / np.tan(np.radians(np.maximum(slope, 0.1))))
    np.testing.assert_allclose(wetness, expected, rtol=1e-4)
    drainage = 10.0**area > 5e5
    assert drainage[-1, 20] and (height[drainage] == 0).all() and np.nanmin(height) == 0
    # Far down the valley a slope leads straight to the drainage in its middle.
    assert height[50, 25] == pytest.approx(25, abs=12)


def test_contributing_area_equals_water_led_from_the_highest_cell_to_the_lowest_neighbour(tmp_path):
    pytest.importorskip("pyflwdir", reason="pyflwdir is not installed.")
    random = np.random.default_rng(5)
    y, x = np.mgrid[:50, :60]
    surface = (2000 - 3.0 * x - 2.0 * y + random.random((50, 60))).astype(np.float32)
    grid = Grid(DEGREES, Affine(1 / 1200, 0, 20, 0, -1 / 1200, 48), 60, 50)
    dem = write_raster(tmp_path / "dem.tif", surface, grid)
    build_factor_stack(dem, tmp_path / "stack.tif", terrain=("flow",))
    expected = np.repeat(grid.cell_area()[:, None], 60, axis=1)
    for row, column in zip(*np.unravel_index(np.argsort(-surface, axis=None), surface.shape)):
        near = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
        lowest = surface[near].min()
        if lowest < surface[row, column]:
            expected[near][surface[near] == lowest] += expected[row, column]
    with open_stack(tmp_path / "stack.tif") as stack:
        (area,) = stack.read(stack.grid.whole, ["contributing_area"])
    np.testing.assert_allclose(area, np.log10(expected), rtol=1e-5)
