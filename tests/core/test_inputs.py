"""What comes in: the study grid in metres everywhere, rasters read and written whole, tables, options."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from scarp.model import errors
from scarp.model.errors import ParameterInvalid
from scarp.model.grid import Block, Grid, metres_per_degree
from scarp.model.inputs.rasters import create_raster, open_raster, read_block, read_window
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.options import Options, choice, flag, number, text
from scarp.model.progress import NullProgress
from scarp.model.tables import read_numbers, read_pairs
from scarp.tests.core.conftest import box, degree_grid, utm_grid, write_raster

# The grid

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
        assert (width[row], height[row]) == pytest.approx((x[0], y[1] - y[2]), rel=1e-6)


def test_spacing_on_a_projected_grid_is_the_cell_in_metres():
    width, height = Grid(CRS.from_epsg(32645), Affine(20, 0, 0, 0, -35, 0), 5, 4).spacing()
    assert (width == 20).all() and (height == 35).all()
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
    grid, seen = utm_grid(*shape), np.zeros(shape, dtype=int)
    for block in grid.blocks(side):
        seen[block.slices] += 1
    assert (seen == 1).all()
    assert grid.block_count(side) == len(list(grid.blocks(side)))


LOCAL = 'LOCAL_CS["site",UNIT["metre",1]]'


@pytest.mark.parametrize(
    ("change", "error", "problem"),
    [
        ({"transform": Affine(30, 5, 0, 5, -30, 0)}, errors.GridUnsupported, "rotated.*Warp"),
        ({"transform": Affine(30, 5, 0, -5, 30, 0)}, errors.GridUnsupported, "rotated.*Warp"),
        ({"transform": Affine.identity()}, errors.GridUnsupported, "not where its cells lie.*Georeferencer"),
        ({"crs": CRS()}, errors.CrsMissing, "no coordinate.*Set CRS of Layer"),
        ({"crs": LOCAL}, errors.CrsMissing, "local.*Save As"),
    ],
)
def test_a_raster_that_cannot_serve_as_grid_is_refused(tmp_path, change, error, problem):
    path = write_raster(tmp_path / "dem.tif", np.ones((4, 5), np.float32), **change)
    with pytest.raises(error, match=problem):
        Grid.from_file(path, "DEM")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        *(({"crs": CRS.from_epsg(32646)}, "CRS"), ({"width": 31}, "cells")),
        ({"transform": Affine(30.1, 0, 500_000, 0, -30, 3_000_000)}, "cell size"),
        ({"transform": Affine(30, 0, 500_015, 0, -30, 3_000_000)}, "corner"),
    ],
)
def test_another_grid_is_told_apart(change, word):
    mine = utm_grid()
    mine.require_same(utm_grid(), "stack", "labels")
    other = Grid(**{"crs": mine.crs, "transform": mine.transform, "width": 30, "height": 20, **change})
    with pytest.raises(errors.GridMismatch, match=word):
        mine.require_same(other, "stack", "labels")


def test_cells_of_points_are_the_cells_they_lie_in():
    xy = np.array([[500_015.0, 2_999_985.0], [500_030.0, 2_999_970.0], [499_999.0, 2_999_985.0], [np.nan, 0.0]])
    rows, columns, inside = utm_grid().cell_indices(xy)
    assert rows[:2].tolist() == columns[:2].tolist() == [0, 1]
    assert inside.tolist() == [True, True, False, False]


# Rasters

FLOATS = [("float32", math.nan), ("float32", -3.4028234663852886e38), ("float64", -1e30)]
PIXELS = Affine(1, 0, 0, 0, -1, 0)
GRID = utm_grid(260, 300)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", None), ("uint8", 3), ("int16", -9999), ("int32", None), *FLOATS]
)
@pytest.mark.parametrize("window", [(0, 0, 12, 9), (-2, -3, 20, 15), (5, 4, 3, 3), (50, 0, 2, 2)])
def test_a_window_holds_the_values_and_nan_where_there_are_none(tmp_path, dtype, nodata, window):
    values = np.random.default_rng(0).integers(0, 5, (2, 12, 9)).astype(dtype)
    if nodata is not None:
        values[:, 3:5, 2:4] = nodata
    expected = values.astype(np.float64)
    if nodata is not None:
        expected[values == np.dtype(dtype).type(nodata)] = np.nan
    path = write_raster(tmp_path / "raster.tif", values, transform=PIXELS, nodata=nodata)
    row, column, height, width = window
    padded = np.pad(expected, ((0, 0), (60, 60), (60, 60)), constant_values=np.nan)
    wanted = padded[:, 60 + row : 60 + row + height, 60 + column : 60 + column + width]
    with rasterio.open(path) as dataset:
        got, second = read_window(dataset, *window), read_window(dataset, *window, bands=[2])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(second, wanted[1:])


def test_a_mask_band_counts_as_nodata(tmp_path):
    path = write_raster(tmp_path / "masked.tif", np.ones((6, 6), np.float32), transform=PIXELS)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.tri(6, dtype=bool))
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(np.isfinite(read_window(dataset, 0, 0, 6, 6)[0]), np.tri(6, dtype=bool))


def test_declared_scale_and_offset_are_applied(tmp_path):
    path = write_raster(tmp_path / "scaled.tif", np.full((3, 3), 125, np.int16), transform=PIXELS)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.1,), (-2.0,)
    with rasterio.open(path) as dataset:
        assert read_block(dataset, Block(0, 0, 3, 3)) == pytest.approx(10.5)


def test_raster_is_written_tiled_with_descriptions_and_tags(tmp_path):
    described = ("a", "b"), ({"unit": "m"}, {"unit": "mm"}), {"KIND": "x"}
    with create_raster(tmp_path / "a.tif", GRID, "float32", np.nan, *described) as dataset:
        dataset.write(np.ones((2, 260, 300), dtype=np.float32))
    with open_raster(tmp_path / "a.tif", "test") as dataset:
        assert (dataset.descriptions, dataset.tags(2)["unit"], dataset.tags()["KIND"]) == (("a", "b"), "mm", "x")
        assert dataset.profile["tiled"] and dataset.block_shapes[0] == (256, 256)
        assert Grid.from_dataset(dataset, "test") == GRID


def test_failures_name_role_and_path(tmp_path):
    (tmp_path / "text.tif").write_text("no raster")
    for error, problem in (("InputMissing", "none.tif does not exist"), ("InputCorrupt", "text.tif cannot be opened")):
        path, message = tmp_path / problem.split()[0], f"DEM raster .*{problem}"
        with pytest.raises(getattr(errors, error), match=message), open_raster(path, "DEM"):
            pass
    with pytest.raises(errors.OutputNotWritable), create_raster(tmp_path / "nowhere" / "a.tif", GRID, "uint8", 255):
        pass


def test_truncated_raster_is_reported_while_reading(tmp_path):
    path = tmp_path / "a.tif"
    with create_raster(path, GRID, "float32", np.nan, overviews=None) as dataset:
        dataset.write(np.random.default_rng(0).random((1, 260, 300), dtype=np.float32))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(errors.InputCorrupt, match="label raster"), open_raster(path, "label") as dataset:
        read_window(dataset, 0, 0, 260, 300)


# Tables and layers


def test_numbers_and_pairs_come_as_text_list_or_rows():
    numbers = ("30, 20,20 ,20,10", [30, "20", 20.0, 20, 10], [[30, 20], [20, 20, 10]], "30;20;20;20;10")
    assert [read_numbers(one, "SHARES") for one in numbers] == 4 * [[30, 20, 20, 20, 10]]
    rows = [["giant", 600], [" 特大型 ", "600"], ["", ""]]
    pairs = ("giant, 600, 特大型, 600", ["giant", "600", "特大型", 600], rows)
    assert [read_pairs(one, "RADII") for one in pairs] == 3 * [{"giant": 600.0, "特大型": 600.0}]
    for nothing in (None, "", "  ", []):
        assert (read_numbers(nothing, "BREAKS"), read_pairs(nothing, "RADII")) == ([], {})


@pytest.mark.parametrize("value", ["30, x", "nan", "inf", "-1", "101", "1,,2"])
def test_bad_numbers_are_refused_by_name(value):
    with pytest.raises(errors.ParameterInvalid, match="SHARES"):
        read_numbers(value, "SHARES", 0, 100)


@pytest.mark.parametrize("value", ["giant, 600, large", "giant, x", "giant, -5", "a, 1, a, 2"])
def test_bad_pairs_are_refused_by_name(value):
    with pytest.raises(errors.ParameterInvalid, match="RADII"):
        read_pairs(value, "RADII", minimum=0)


def test_numbers_of_a_field_may_be_text_and_empty():
    points = Points("inventory", xy=np.zeros((4, 2)), fields={"a": ["1", None, " 2,5 ", ""], "b": ["1", "x", "", ""]})
    np.testing.assert_array_equal(points.numbers("a", NullProgress()), [1, np.nan, 2.5, np.nan])
    for field, message in (("b", '"b".*"inventory".*feature 2 has "x"'), ("c", "one of its fields: a, b")):
        with pytest.raises(errors.FieldUnusable, match=message):
            points.numbers(field, NullProgress())


def test_polygon_bounds_cover_all_parts():
    far = [[5, 5], [6, 5], [6, 7], [5, 5]]
    parts = {"type": "MultiPolygon", "coordinates": [box(0, 0, 2, 1)["coordinates"], [far]]}
    layer = Polygons("a", geometries=[box(0, 0, 2, 1), parts])
    np.testing.assert_array_equal(layer.bounds(), [[0, 0, 2, 1], [0, 0, 6, 7]])


# Options: one declaration gives default, limits, choices, check and record


@dataclasses.dataclass(frozen=True)
class Example(Options):
    lambda_: float = number(0.1, 0.0, 1.0, "Weight", "Weight of the term.", decimals=4)
    threshold: float = number(0.5, 0.0, 1.0, open_limits=True)
    repeats: int = number(200, 1, 10000, advanced=True)
    mode: str = choice("fast", ("fast", "exact"))
    augment: bool = flag(True)
    region: str = text("")
    ring: float = number(0, 0, 9)
    trees: int | None = number(None, 1, 9)


def test_defaults_pass_their_own_check():
    numbers = {"lambda_": 0.1, "threshold": 0.5, "repeats": 200, "ring": 0, "trees": None}
    assert Example().as_dict() == {**numbers, "mode": "fast", "augment": True, "region": ""}
    assert Example(lambda_=1.0).record()["LAMBDA"] == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lambda_": 1.5}, "LAMBDA is 1.5, but must lie between 0 and 1."),
        *(({"lambda_": math.nan}, "must lie between"), ({"lambda_": math.inf}, "must lie between")),
        *(({"threshold": 0}, "both excluded"), ({"threshold": 1.0}, "both excluded")),
        *(({"repeats": 2.5}, "must be a whole number"), ({"repeats": True}, "must be a whole number")),
        *(({"lambda_": "1"}, "must be a number"), ({"mode": "slow"}, "Choose one of: fast, exact")),
        *(({"augment": 1}, "must be true or false"), ({"trees": 1.5}, "must be a whole number")),
    ],
)
def test_invalid_values_name_parameter_and_remedy(values, message):
    with pytest.raises(ParameterInvalid, match=message.replace(".", r"\.")):
        Example(**values)


def test_option_describes_its_field():
    option = Example.option("lambda_")
    assert (option.parameter, option.label, option.limits, option.decimals) == ("LAMBDA", "Weight", (0.0, 1.0), 4)
    assert Example.option("repeats").advanced
    assert [option.name for option in Example.options() if option.is_integer] == ["repeats", "trees"]
    assert Example(ring=0.5).ring == 0.5


@pytest.mark.parametrize("nodata", [-1.7976931348623157e308, 1.7976931348623157e308, -1e300, 1e39])
def test_nodata_beyond_single_precision_is_read_without_a_warning(tmp_path, nodata):
    values = np.array([[1.5, nodata], [nodata, 3.0]])
    path = write_raster(tmp_path / "f64.tif", values, nodata=nodata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_raster(path, "map") as dataset:
            cells = read_window(dataset, 0, 0, 2, 2)[0]
    assert np.array_equal(cells, [[1.5, np.nan], [np.nan, 3.0]], equal_nan=True)
