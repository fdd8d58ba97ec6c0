"""Reports: everything escaped, nothing fetched, figures the same on every run."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster, open_raster
from scarp.model.report.charts import escape_mathtext, new_figure, shorten, style, svg_data
from scarp.model.report.maps import MOST_MARKS, PointGroup, clip_to_geometries, read_map, write_marks, zone_map
from scarp.model.report.page import MISSING, Page, format_cell, ratio_text, round_angle, round_length, round_scale
from scarp.model.zones.schemes import COLOUR_RAMP, zone_colours
from scarp.tests.core.conftest import utm_grid


def small_figure(label: str = "a line"):
    with style():
        figure = new_figure(2)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], label=escape_mathtext(label))
        axes.set_title(escape_mathtext(label))
        axes.legend()
    return figure


def test_page_asks_the_network_for_nothing():
    """Hostile texts are the subject of test_escaping.py."""
    page = Page("plain", "words")
    page.figure("a figure", small_figure(), "of a line", half=True)
    assert not re.search(r"https?://|@import|url\(", page.html())


def test_warnings_come_first_and_once():
    page = Page("Title", warnings=["Mind the gap"] * 2)
    page.text("Later", "some text")
    html = page.html()
    assert html.count("Mind the gap") == 1 and html.index("Mind the gap") < html.index("Later")
    assert "Read this first" not in Page("Title").html()


def test_a_heading_that_repeats_or_is_empty_continues_the_section():
    page = Page("Title")
    for heading in ("First", "First", "", "First", "Second", "First"):
        page.text(heading, "words")
    assert re.findall("<h2>(.*?)</h2>", page.html()) == ["First", "Second", "First"]


def test_rows_must_fit_the_columns():
    with pytest.raises(ValueError, match="3 cells for 2 columns"):
        Page("Title").table("Heading", ["a", "b"], [[1, 2, 3]])


def test_numbers_stand_flush_right_and_texts_do_not():
    page = Page("Title")
    page.table("Heading", ["name", "value", "range"], [["slope", 1.5, "0.1 – 0.3"], ["aspect", None, MISSING]])
    heads = re.findall(r"<th\b([^>]*)>", page.html())
    assert ['class="number"' in attributes for attributes in heads] == [False, True, True]


CELLS = [
    *[(None, MISSING), (float("nan"), MISSING), (np.float32("nan"), MISSING), (True, "yes"), (12345, "12,345")],
    *[(np.int64(7), "7"), (0.123456, "0.1235"), (np.float32(0.5), "0.5"), (98765.4, "98,765"), ("1 km", "1 km")],
    ([1, 2.5], "1, 2.5"),
]


@pytest.mark.parametrize(("value", "text"), CELLS)
def test_cells(value, text):
    assert format_cell(value) == text


@pytest.mark.parametrize(("label", "as_text"), [("a line $5 and $6", False), ("特大型 landslides", True)])
def test_figures_are_svg_and_repeatable(label, as_text):
    first, second = svg_data(small_figure(label)), svg_data(small_figure(label))
    assert first == second
    root = ElementTree.fromstring(base64.b64decode(first.partition(",")[2]))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert (label in texts) == as_text


def test_short_texts():
    assert (shorten("short", 10), shorten("much too long", 6)) == ("short", "muc…ng")
    assert shorten("Topographic position, 50 m", 24) == "Topographic pos…on, 50 m"


@pytest.mark.parametrize(("metres", "expected"), [(1, 1), (1.9, 1), (2, 2), (4999, 2000), (5000, 5000), (99999, 50000)])
def test_scale_bars_have_round_lengths(metres, expected):
    assert round_length(metres) == expected


SCALES = [(1, 1), (24_999, 25_000), (25_000, 25_000), (25_001, 30_000), (104_600, 125_000), (760_000, 1_000_000)]


@pytest.mark.parametrize(("needed", "expected"), SCALES)
def test_scales_are_round_and_show_all(needed, expected):
    assert round_scale(needed) == expected


@pytest.mark.parametrize(("degrees", "seconds"), [(0.1, 300), (0.0843, 300), (1 / 60, 60), (2.4, 7200), (1e-9, 1)])
def test_grids_in_degrees_are_round(degrees, seconds):
    assert round_angle(degrees) * 3600 == pytest.approx(seconds)


def test_frequency_ratios_have_one_order_of_decimals():
    values = (0.0, 0.001, 0.0606, 0.127, 4.76, 12.3456, float("nan"))
    texts = [ratio_text(value) for value in values]
    assert texts == ["0.00", "<\N{NO-BREAK SPACE}0.01", "0.06", "0.13", "4.76", "12.35", MISSING]


def test_zones_can_be_told_apart_in_grey():
    colours = np.array([zone_colours(5)[number][:3] for number in range(1, 6)])
    grey = colours @ (0.299, 0.587, 0.114)
    assert np.all(np.diff(grey) < -30), "each zone is darker than the one before, visibly so"


PLACES = [(32646, (500000.0, 3300000.0), 30.0), (4326, (95.0, 30.0), 1 / 1200)]


def image_of(path, grid, values, **part):
    """Write a map and read it as an image; ``part`` is what of it."""
    with create_raster(path, grid, "float32", np.nan, ["value"], overviews=None) as dataset:
        dataset.write(values, 1)
    with open_raster(path, "map") as dataset:
        return read_map(dataset, grid, **part)


@pytest.mark.parametrize(("epsg", "origin", "cell"), PLACES)
def test_map_image_keeps_place_and_proportions(tmp_path, epsg, origin, cell):
    grid = Grid(CRS.from_epsg(epsg), from_origin(*origin, cell, cell), 300, 200)
    values = np.add.outer(np.zeros(200), np.arange(300)).astype(np.float32)
    left, bottom, right, top = grid.bounds
    whole = image_of(tmp_path / "map.tif", grid, values, max_side=100)
    east_half = image_of(tmp_path / "map.tif", grid, values, bounds=((left + right) / 2, bottom, right, top))
    assert (whole.cells.shape, whole.bounds) == ((67, 100), pytest.approx(grid.bounds))
    assert np.all(np.diff(whole.cells, axis=1) > 0)
    np.testing.assert_array_equal(east_half.cells, values[:, 150:])
    width, height = grid.spacing(100, 1)
    assert whole.metres_east / whole.metres_north == pytest.approx(float(width[0] / height[0]))


def test_map_is_cut_to_a_region(tmp_path):
    grid = utm_grid(10, 10, 10.0, 0.0, 100.0)
    image = image_of(tmp_path / "map.tif", grid, np.ones((10, 10), dtype=np.float32))
    corner = {"type": "Polygon", "coordinates": [[(0, 0), (50, 0), (50, 30), (0, 30), (0, 0)]]}
    expected = np.full((10, 10), np.nan)
    expected[7:, :5] = 1
    np.testing.assert_array_equal(clip_to_geometries(image, [corner]).cells, expected)
    with style():
        points = [PointGroup("found", np.array([[5.0, 5.0]]), "k", "w")]
        outlines = {"region": [np.array(corner["coordinates"][0])]}
        figure = zone_map(image, {1: "low $5", 2: "high"}, points, outlines)
    assert svg_data(figure).startswith("data:image/svg+xml")


def test_few_colours_are_stored_as_a_palette_and_stay_alike():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (200, 4), dtype=np.uint8)
    colours[:, 3] = np.where(np.arange(200) < 5, 0, 255)
    painted = colours[rng.integers(0, 200, (60, 80))]
    with style():
        figure = new_figure(2)
        figure.subplots().imshow(painted, interpolation="none")
    svg = base64.b64decode(svg_data(figure).partition(",")[2])
    data = base64.b64decode(re.search(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)", svg)[1])
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), painted)


def lightness(colour: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(colour, 0, 1)
    x, y, z = (np.cbrt(part) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("missing", ["none", "green", "red"])
def test_zone_colours_can_be_told_apart_without_red_or_green(missing):
    """Green- and red-blindness after Vienot, Brettel and Mollon (1999)."""
    cones = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    seen = {
        "none": np.eye(3),
        "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
        "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    }[missing]
    ramp = np.array(COLOUR_RAMP) / 255
    linear = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)
    found = np.array([lightness(np.linalg.inv(cones) @ seen @ cones @ colour) for colour in linear])
    assert np.all(np.diff(found[:, 0]) < 0), "from light to dark"
    assert np.all(np.linalg.norm(np.diff(found, axis=0), axis=1) > 15), "2.3 is the least difference that is seen"


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (MOST_MARKS, MOST_MARKS), (MOST_MARKS + 1, 0)])
def test_marks_stand_in_the_middle_of_their_blocks_unless_they_are_too_many(count, shown):
    axes = new_figure(3).subplots()
    write_marks(axes, [(number, 10.0, number + 2.0, 14.0) for number in range(count)], [str(n) for n in range(count)])
    assert [(text.get_text(), text.get_position()) for text in axes.texts] == [
        (str(number), (number + 1.0, 12.0)) for number in range(shown)
    ]
