"""Units that look wrong are asked about, plausible ones are not, and nothing is changed by asking."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from scarp.model.errors import InputCorrupt, ParameterInvalid
from scarp.model.factors import unit_checks
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.jobs.check_factors import check_factors
from scarp.model.labels.buffers import suspect_distance_unit
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import (
    box,
    build_buffered_labels,
    build_factor_stack,
    build_safety_factor,
    classify_zones,
    rainfall_warning,
    utm_grid,
    validate_with_points,
    write_raster,
)

SIZE = 90
GRID = utm_grid(SIZE, SIZE, top=3.3e6)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
HILLS = (1500 + 300 * np.sin(COLUMNS / 9) * np.cos(ROWS / 11) + 60 * np.sin(ROWS / 4)).astype("float32")


def raster(path, values: np.ndarray) -> str:
    return write_raster(path, values.astype("float32"), GRID)


SLIDES = Points("slides", xy=np.array([(500100.0 + 90 * number, 3299000.0 - 40 * number) for number in range(25)]))


def stack_warnings(folder, dem: np.ndarray, **inputs) -> list[str]:
    listener = NullProgress()
    summary = build_factor_stack(raster(folder / "dem.tif", dem), folder / "stack.tif", progress=listener, **inputs)
    assert summary.warnings == listener.warnings, "what is said is kept for the record"
    return listener.warnings


def spiked() -> np.ndarray:
    dem = HILLS.copy()
    dem[40, 50] += 900
    return dem


@pytest.mark.parametrize(
    ("dem", "word"),
    [
        (HILLS, None),
        (HILLS / 1000, "kilometres"),
        (HILLS * 10, "feet or in decimetres"),
        ((HILLS - 1500) * 15, "steeper than any mountains"),
        (spiked(), "spikes, holes or seams"),
        (np.full_like(HILLS, 3.0) + ROWS / 1e5, None),
        (HILLS - 1400, None),
    ],
    ids=["metres", "km", "feet", "other", "spike", "plain", "coast"],
)
def test_suspect_dem_units_are_warned_about(tmp_path, dem, word):
    said = stack_warnings(tmp_path, dem)
    assert bool(said) == (word is not None), said
    assert word is None or word in said[0]


@pytest.mark.parametrize(
    ("name", "values", "word"),
    [
        ("precipitation", 400 + 300 * ROWS / SIZE, None),
        ("precipitation", 0.4 + 0.3 * ROWS / SIZE, "metres"),
        ("precipitation", 40000 + ROWS, "tenths of a millimetre"),
        ("temperature", 5 + ROWS / 20, None),
        ("temperature", 278 + ROWS / 20, "kelvin"),
        ("temperature", 50 + ROWS * 2, "tenths of a degree"),
    ],
    ids=["mm", "m", "tenths", "celsius", "kelvin", "tenths of degrees"],
)
def test_suspect_climate_units_are_warned_about(tmp_path, name, values, word):
    said = stack_warnings(tmp_path, HILLS, **{name: raster(tmp_path / "climate.tif", values)})
    assert [word in text for text in said] == ([] if word is None else [True]), said


@pytest.mark.parametrize(
    ("layer", "values", "word"),
    [
        ("my slope", ROWS / 2.0, None),
        ("my slope", ROWS * 1.5, "percent"),
        ("slope", ROWS * 1.5, "percent"),
        ("slope percent", ROWS * 1.5, None),
        ("Slope_rad", ROWS / 100, None),
        ("Slope", ROWS / 100, "radians"),
        ("坡度", ROWS * 1.5, "percent"),
        ("mean temp", 280 + ROWS / 50, "kelvin"),
        ("temp kelvin", 280 + ROWS / 50, None),
        ("rain July", ROWS / 9.0 + 60, None),
        ("rain", ROWS / 900, "metres"),
        ("distance to roads", ROWS * 1e5, None),
    ],
)
def test_layers_of_the_users_own_are_known_by_their_name(tmp_path, layer, values, word):
    said = stack_warnings(tmp_path, HILLS, extra_continuous=[(raster(tmp_path / "own.tif", values), layer)])
    asked = [text for text in said if text.endswith("?")]
    assert [word in text for text in asked] == ([] if word is None else [True]), said


def test_quantities_are_recognised_from_layer_names():
    assert unit_checks.quantity_from_name("slope_2") == unit_checks.quantity_from_name("坡度图") == "slope"
    assert unit_checks.quantity_from_name("annual_precipitation") == "precipitation"
    assert unit_checks.quantity_from_name("template") == "template"
    assert unit_checks.quantity_from_name("drainage") == "drainage"


def test_a_radius_in_degrees_is_refused(tmp_path):
    left, bottom, right, top = GRID.bounds
    rivers = Lines("rivers", parts=[np.array([(left, top), (right, bottom)])])
    with pytest.raises(ParameterInvalid, match="Is it in degrees or in kilometres"):
        stack_warnings(tmp_path, HILLS, rivers=rivers, river_radius=5)
    assert not stack_warnings(tmp_path, HILLS, rivers=rivers, river_radius=500)


@pytest.mark.parametrize(("radius", "ring", "asked"), [(0.003, 0, 1), (100, 0, 0), (100, 0.005, 2), (0, 0, 0)])
def test_label_radii_below_a_cell_are_warned_about(tmp_path, radius, ring, asked):
    reference = raster(tmp_path / "reference.tif", HILLS)
    listener = NullProgress()
    slides = Points("slides", xy=np.array([(501000.0, 3299000.0), (501500.0, 3298500.0)]))
    settings = {"radii": {"unrecorded": radius}, "ring": ring, "progress": listener}
    build_buffered_labels(slides, reference, tmp_path / "labels.tif", **settings)
    # A ring within the radius is told of besides.
    assert len([text for text in listener.warnings if "is" in text and ("degrees" in text or "RING" in text)]) == asked


@pytest.mark.parametrize(("annual", "word"), [(800.0, None), (0.8, "metres"), (12.0, "inches"), (90000.0, "tenths")])
def test_suspect_rainfall_of_the_safety_factor_is_warned_about(tmp_path, annual, word):
    reference = raster(tmp_path / "reference.tif", HILLS)
    rain = raster(tmp_path / "rain.tif", annual * (1 + ROWS / SIZE / 10))
    listener = NullProgress()
    build_safety_factor(reference, rain, tmp_path / "safety.tif", k_table={"all": 0.0129}, progress=listener)
    said = [text for text in listener.warnings if "PRECIPITATION is in mm a year" in text]
    assert [word in text for text in said] == ([] if word is None else [True])


def test_alpha_as_a_percentage_explains_the_fix(tmp_path):
    reference = raster(tmp_path / "reference.tif", HILLS)
    with pytest.raises(ParameterInvalid, match="ALPHA is 80.*divided by 100"):
        build_safety_factor(reference, reference, tmp_path / "safety.tif", alpha=80)


@pytest.mark.parametrize(("rain", "word"), [(80.0, None), (0.08, "metres"), (900.0, "month or a year")])
def test_suspect_rainfall_of_a_warning_is_warned_about(tmp_path, rain, word):
    shares = raster(tmp_path / "map.tif", ROWS / SIZE)
    week = raster(tmp_path / "rain.tif", rain * (1 + COLUMNS / SIZE / 10))
    listener = NullProgress()
    rainfall_warning(shares, [week], tmp_path / "warning.tif", tmp_path / "warning.csv", k=0.0129, progress=listener)
    said = [text for text in listener.warnings if text.startswith("RAIN is")]
    assert [word in text for text in said] == ([] if word is None else [True])


def test_a_map_in_percent_is_refused_or_warned_about(tmp_path):
    """Only what needs values from 0 to 1 refuses others; zones by shares of the area take any order."""
    percent = raster(tmp_path / "percent.tif", 100 * ROWS / SIZE)
    with pytest.raises(InputCorrupt, match="between 0 and 1"):
        validate_with_points(percent, SLIDES, None, tmp_path / "table.csv", distance=90, repeats=2)
    with pytest.raises(ParameterInvalid, match="scale yours to 0 to 1"):
        rainfall_warning(percent, [percent], tmp_path / "w.tif", tmp_path / "w.csv", k=0.01)
    listener = NullProgress()
    classify_zones(percent, tmp_path / "zones.tif", progress=listener)
    assert any("percent" in text for text in listener.warnings)
    listener = NullProgress()
    classify_zones(raster(tmp_path / "shares.tif", ROWS / SIZE), tmp_path / "zones.tif", progress=listener)
    assert not listener.warnings


def test_a_stable_point_distance_in_degrees_is_warned_about(tmp_path):
    shares = raster(tmp_path / "map.tif", (ROWS + COLUMNS / 7) / (2 * SIZE))
    for distance, asked in ((0.001, True), (300.0, False)):
        listener = NullProgress()
        validate_with_points(
            shares, SLIDES, None, tmp_path / "table.csv", distance=distance, repeats=2, progress=listener
        )
        assert any(text.startswith("DISTANCE is") for text in listener.warnings) == asked


def findings_of(folder, **inputs) -> dict[str, tuple[str, str]]:
    build_factor_stack(raster(folder / "dem.tif", HILLS), folder / "stack.tif", progress=NullProgress(), **inputs)
    summary = check_factors(folder / "stack.tif", folder / "r.html", folder / "t.csv", progress=NullProgress())
    return {one.factor: (one.severity, one.message) for one in summary.findings if one.check == "unit"}


def test_check_factors_flags_inches_months_and_user_layers(tmp_path):
    months = raster(tmp_path / "months.tif", 60 + ROWS / 2.0)
    own = raster(tmp_path / "own.tif", ROWS * 1.5)
    found = findings_of(tmp_path, precipitation=months, extra_continuous=[(own, "slope"), (own, "slope percent")])
    assert found["precipitation"][0] == "warning"
    assert "inches" in found["precipitation"][1]
    assert found["slope_2"][0] == "warning"
    assert "percent" in found["slope_2"][1]
    assert "slope_percent" not in found
    assert "slope" not in found


def test_polygons_need_no_radius(tmp_path):
    reference = raster(tmp_path / "reference.tif", HILLS)
    slides, listener = Polygons("slides", geometries=[box(500300, 3298400, 500900, 3299000)]), NullProgress()
    build_buffered_labels(slides, reference, tmp_path / "labels.tif", progress=listener)
    assert not listener.warnings


@pytest.mark.parametrize(
    ("lowest", "highest", "slope"), [(-400, 4000, 25.0), (0, 8848, 30.0), (2, 9, 0.5), (100, 101, 0.01)]
)
def test_real_terrain_raises_no_warning(lowest, highest, slope):
    assert unit_checks.suspect_elevation_unit(lowest, highest, slope) == ""


def test_plausible_values_raise_no_warning():
    assert not unit_checks.suspect_value_unit("precipitation", 20, 11000)
    assert not unit_checks.suspect_value_unit("temperature", -25, 30)
    assert not unit_checks.suspect_value_unit("slope", 0, 89)
    assert not unit_checks.suspect_value_unit("roads", 0, 1e9)
    assert not suspect_distance_unit("RADII", 0, 30)
    assert not suspect_distance_unit("RADII", 30, 30)


def test_rasters_stay_as_they_were(tmp_path):
    said = stack_warnings(tmp_path, HILLS * 10)
    assert said
    with rasterio.open(tmp_path / "stack.tif") as stack, rasterio.open(tmp_path / "dem.tif") as dem:
        slope = stack.read(1)
        down, across = np.gradient(dem.read(1), 30.0)
    inner = (slice(2, -2), slice(2, -2))
    expected = np.degrees(np.arctan(np.hypot(down, across)))[inner]
    assert np.abs(slope[inner] - expected).mean() < 2, "a question changes nothing"
