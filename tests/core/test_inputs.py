"""Tables typed by users, attribute columns, and rasters opened, read over the border and written whole."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.errors import FieldUnusable, InputCorrupt, InputMissing, OutputNotWritable, ParameterInvalid
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster, open_raster, read_window
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.tables import read_numbers, read_pairs
from scarp.tests.core.conftest import utm_grid


@pytest.mark.parametrize(
    "value", ["30, 20,20 ,20,10", [30, "20", 20.0, 20, 10], [[30, 20], [20, 20, 10]], "30;20;20;20;10"]
)
def test_numbers_come_as_text_or_rows(value):
    assert read_numbers(value, "SHARES") == [30, 20, 20, 20, 10]


@pytest.mark.parametrize("value", [None, "", "  ", []])
def test_nothing_given_is_an_empty_list(value):
    assert read_numbers(value, "BREAKS") == []
    assert read_pairs(value, "RADII") == {}


@pytest.mark.parametrize("value", ["30, x", "nan", "inf", "-1", "101", "1,,2"])
def test_bad_numbers_are_refused_by_name(value):
    with pytest.raises(ParameterInvalid, match="SHARES"):
        read_numbers(value, "SHARES", 0, 100)


def test_pairs_come_as_text_flat_list_or_rows():
    wanted = {"giant": 600.0, "特大型": 600.0}
    assert read_pairs("giant, 600, 特大型, 600", "RADII") == wanted
    assert read_pairs(["giant", "600", "特大型", 600], "RADII") == wanted
    assert read_pairs([["giant", 600], [" 特大型 ", "600"], ["", ""]], "RADII") == wanted


@pytest.mark.parametrize("value", ["giant, 600, large", "giant, x", "giant, -5", "a, 1, a, 2"])
def test_bad_pairs_are_refused_by_name(value):
    with pytest.raises(ParameterInvalid, match="RADII"):
        read_pairs(value, "RADII", minimum=0)


def test_numbers_of_a_field_may_be_text_and_empty():
    points = Points("inventory", xy=np.zeros((4, 2)), fields={"a": ["1", None, " 2,5 ", ""], "b": ["1", "x", "", ""]})
    np.testing.assert_array_equal(points.numbers("a"), [1, np.nan, 2.5, np.nan])
    with pytest.raises(FieldUnusable, match='"b".*"inventory".*feature 2 has "x"'):
        points.numbers("b")
    with pytest.raises(FieldUnusable, match="one of its fields: a, b"):
        points.numbers("c")


def test_polygon_bounds_cover_all_parts():
    square = [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]
    far = [[5, 5], [6, 5], [6, 7], [5, 5]]
    shapes = [{"type": "Polygon", "coordinates": [square]}]
    shapes.append({"type": "MultiPolygon", "coordinates": [[square], [far]]})
    layer = Polygons("a", geometries=shapes)
    np.testing.assert_array_equal(layer.bounds(), [[0, 0, 2, 1], [0, 0, 6, 7]])


GRID = utm_grid(260, 300)


def test_raster_is_written_tiled_with_overviews_and_read_over_the_border(tmp_path):
    path = tmp_path / "a.tif"
    values = np.random.default_rng(0).random((2, 260, 300), dtype=np.float32)
    values[:, 5, 7] = np.nan
    described = ("a", "b"), ({"unit": "m"}, {"unit": "mm"}), {"KIND": "x"}
    with create_raster(path, GRID, "float32", np.nan, *described) as dataset:
        dataset.write(values)
    with open_raster(path, "test") as dataset:
        assert dataset.descriptions == ("a", "b")
        assert dataset.tags(2)["unit"] == "mm"
        assert dataset.tags()["KIND"] == "x"
        assert dataset.profile["tiled"]
        assert dataset.block_shapes[0] == (256, 256)
        assert Grid.from_dataset(dataset, "test") == GRID
        window = read_window(dataset, -3, 290, 10, 20, bands=[2])
    assert window.shape == (1, 10, 20)
    assert np.isnan(window[:, :3]).all()
    assert np.isnan(window[:, :, 10:]).all()
    np.testing.assert_array_equal(window[0, 3:, :10], values[1, :7, 290:])


def test_cells_far_outside_are_all_fill(tmp_path):
    with create_raster(tmp_path / "a.tif", GRID, "uint8", 255) as dataset:
        dataset.write(np.ones((1, 260, 300), dtype=np.uint8))
    with open_raster(tmp_path / "a.tif", "test") as dataset:
        assert np.isnan(read_window(dataset, 1000, 1000, 4, 4)).all()
        assert np.isnan(read_window(dataset, 256, 0, 8, 4)[0, 4:]).all()


def test_failures_name_role_and_path(tmp_path):
    with (
        pytest.raises(InputMissing, match="DEM raster .*none.tif does not exist"),
        open_raster(tmp_path / "none.tif", "DEM"),
    ):
        pass
    (tmp_path / "text.tif").write_text("no raster")
    with (
        pytest.raises(InputCorrupt, match="DEM raster .*text.tif cannot be opened"),
        open_raster(tmp_path / "text.tif", "DEM"),
    ):
        pass
    with pytest.raises(OutputNotWritable), create_raster(tmp_path / "nowhere" / "a.tif", GRID, "uint8", 255):
        pass


def test_truncated_raster_is_reported_while_reading(tmp_path):
    path = tmp_path / "a.tif"
    with create_raster(path, GRID, "float32", np.nan, overviews=None) as dataset:
        dataset.write(np.random.default_rng(0).random((1, 260, 300), dtype=np.float32))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputCorrupt, match="label raster"), open_raster(path, "label") as dataset:
        read_window(dataset, 0, 0, 260, 300)
