"""Units that look wrong are asked about, plausible ones are not, and nothing is changed by asking."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from scarp.model.errors import ParameterInvalid
from scarp.model.inputs import unit_checks
from scarp.model.inputs.unit_checks import suspect_distance_unit
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.jobs.check_factors import check_factors
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
    warnings_of,
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


DEMS = {
    "metres": (HILLS, None),
    "km": (HILLS / 1000, "kilometres"),
    "feet": (HILLS * 10, "feet or in decimetres"),
    "other": ((HILLS - 1500) * 15, "steeper than any mountains"),
    "spike": (HILLS + 900 * ((ROWS == 40) & (COLUMNS == 50)), "spikes, holes or seams"),
    "plain": (np.full_like(HILLS, 3.0) + ROWS / 1e5, None),
    "coast": (HILLS - 1400, None),
}


@pytest.mark.parametrize(("dem", "word"), DEMS.values(), ids=DEMS)
def test_suspect_dem_units_are_warned_about(tmp_path, dem, word):
    said = stack_warnings(tmp_path, dem)
    assert [word in text for text in said[:1]] == ([] if word is None else [True]), said


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
        *(("my slope", ROWS / 2.0, None), ("my slope", ROWS * 1.5, "percent"), ("slope", ROWS * 1.5, "percent")),
        *(("坡度", ROWS * 1.5, "percent"), ("slope percent", ROWS * 1.5, None)),
        *(("Slope_rad", ROWS / 100, None), ("Slope", ROWS / 100, "radians")),
        *(("mean temp", 280 + ROWS / 50, "kelvin"), ("temp kelvin", 280 + ROWS / 50, None)),
        *(("rain July", ROWS / 9.0 + 60, None), ("rain", ROWS / 900, "metres")),
        ("distance to roads", ROWS * 1e5, None),
    ],
)
def test_layers_of_the_users_own_are_known_by_their_name(tmp_path, layer, values, word):
    said = stack_warnings(tmp_path, HILLS, extra_continuous=[(raster(tmp_path / "own.tif", values), layer)])
    asked = [text for text in said if text.endswith("?")]
    assert [word in text for text in asked] == ([] if word is None else [True]), said


def test_quantities_are_recognised_from_layer_names():
    names = {"slope_2": "slope", "坡度图": "slope", "annual_precipitation": "precipitation"}
    names |= {"template": "template", "drainage": "drainage"}
    assert {name: unit_checks.quantity_from_name(name) for name in names} == names


def test_a_radius_in_degrees_is_refused(tmp_path):
    left, bottom, right, top = GRID.bounds
    rivers = Lines("rivers", parts=[np.array([(left, top), (right, bottom)])])
    with pytest.raises(ParameterInvalid, match="Is it in degrees or in kilometres"):
        stack_warnings(tmp_path, HILLS, rivers=rivers, river_radius=5)
    assert not stack_warnings(tmp_path, HILLS, rivers=rivers, river_radius=500)


@pytest.mark.parametrize(("radius", "ring", "asked"), [(0.003, 0, 1), (100, 0, 0), (100, 0.005, 2), (0, 0, 0)])
def test_label_radii_below_a_cell_are_warned_about(tmp_path, radius, ring, asked):
    slides = Points("slides", xy=np.array([(501000.0, 3299000.0), (501500.0, 3298500.0)]))
    paths, settings = (raster(tmp_path / "r.tif", HILLS), tmp_path / "l.tif"), {"radii": {"unrecorded": radius}}
    said = warnings_of(build_buffered_labels, slides, *paths, **settings, ring=ring)
    # A ring within the radius is told of besides.
    assert len([text for text in said if "is" in text and ("degrees" in text or "RING" in text)]) == asked


@pytest.mark.parametrize(("annual", "word"), [(800.0, None), (0.8, "metres"), (12.0, "inches"), (90000.0, "tenths")])
def test_suspect_rainfall_of_the_safety_factor_is_warned_about(tmp_path, annual, word):
    reference = raster(tmp_path / "reference.tif", HILLS)
    rain = raster(tmp_path / "rain.tif", annual * (1 + ROWS / SIZE / 10))
    said = warnings_of(build_safety_factor, reference, rain, tmp_path / "safety.tif", k_table={"all": 0.0129})
    said = [text for text in said if "PRECIPITATION is in mm a year" in text]
    assert [word in text for text in said] == ([] if word is None else [True])


def test_alpha_as_a_percentage_explains_the_fix(tmp_path):
    reference = raster(tmp_path / "reference.tif", HILLS)
    with pytest.raises(ParameterInvalid, match="ALPHA is 80.*divided by 100"):
        build_safety_factor(reference, reference, tmp_path / "safety.tif", alpha=80)


@pytest.mark.parametrize(("rain", "word"), [(80.0, None), (0.08, "metres"), (900.0, "month or a year")])
def test_suspect_rainfall_of_a_warning_is_warned_about(tmp_path, rain, word):
    shares = raster(tmp_path / "map.tif", ROWS / SIZE)
    week = raster(tmp_path / "rain.tif", rain * (1 + COLUMNS / SIZE / 10))
    said = warnings_of(rainfall_warning, shares, [week], tmp_path / "w.tif", tmp_path / "w.csv", k=0.0129)
    said = [text for text in said if text.startswith("RAIN is")]
    assert [word in text for text in said] == ([] if word is None else [True])


def test_a_map_in_percent_is_told_apart(tmp_path):
    """Only what needs values from 0 to 1 refuses others; zones by shares of the area take any order."""
    percent = raster(tmp_path / "percent.tif", 100 * ROWS / SIZE)
    with pytest.raises(ParameterInvalid, match="looks like percent. Divide it by 100"):
        rainfall_warning(percent, [percent], tmp_path / "w.tif", tmp_path / "w.csv", k=0.01)
    said = warnings_of(classify_zones, percent, tmp_path / "zones.tif")
    assert any("percent" in text for text in said)
    assert not warnings_of(classify_zones, raster(tmp_path / "shares.tif", ROWS / SIZE), tmp_path / "zones.tif")


def test_a_stable_point_distance_in_degrees_is_warned_about(tmp_path):
    shares = raster(tmp_path / "map.tif", (ROWS + COLUMNS / 7) / (2 * SIZE))
    for distance, asked in ((0.001, True), (300.0, False)):
        settings = {"distance": distance, "repeats": 2}
        said = warnings_of(validate_with_points, shares, SLIDES, None, tmp_path / "table.csv", **settings)
        assert any(text.startswith("DISTANCE is") for text in said) == asked


def test_check_factors_flags_inches_months_and_user_layers(tmp_path):
    months = raster(tmp_path / "months.tif", 60 + ROWS / 2.0)
    own = raster(tmp_path / "own.tif", ROWS * 1.5)
    inputs = {"precipitation": months, "extra_continuous": [(own, "slope"), (own, "slope percent")]}
    build_factor_stack(raster(tmp_path / "dem.tif", HILLS), tmp_path / "stack.tif", **inputs)
    summary = check_factors(tmp_path / "stack.tif", tmp_path / "r.html", tmp_path / "t.csv", progress=NullProgress())
    found = {one.factor: (one.severity, one.message) for one in summary.findings if one.check == "unit"}
    for factor, word in (("precipitation", "inches"), ("slope_2", "percent")):
        assert found[factor][0] == "warning" and word in found[factor][1]
    assert not {"slope_percent", "slope"} & set(found)


def test_polygons_need_no_radius(tmp_path):
    slides = Polygons("slides", geometries=[box(500300, 3298400, 500900, 3299000)])
    assert not warnings_of(build_buffered_labels, slides, raster(tmp_path / "r.tif", HILLS), tmp_path / "labels.tif")


def test_plausible_values_and_real_terrain_raise_no_warning():
    terrains = [(-400, 4000, 25.0), (0, 8848, 30.0), (2, 9, 0.5), (100, 101, 0.01)]
    assert not [one for one in terrains if unit_checks.suspect_elevation_unit(*one)]
    ranges = {"precipitation": (20, 11000), "temperature": (-25, 30), "slope": (0, 89), "roads": (0, 1e9)}
    assert not [name for name, values in ranges.items() if unit_checks.suspect_value_unit(name, *values)]
    assert not suspect_distance_unit("RADII", 0, 30) and not suspect_distance_unit("RADII", 30, 30)


def test_rasters_stay_as_they_were(tmp_path):
    said = stack_warnings(tmp_path, HILLS * 10)
    assert said
    with rasterio.open(tmp_path / "stack.tif") as stack, rasterio.open(tmp_path / "dem.tif") as dem:
        slope = stack.read(1)
        down, across = np.gradient(dem.read(1), 30.0)
    inner = (slice(2, -2), slice(2, -2))
    expected = np.degrees(np.arctan(np.hypot(down, across)))[inner]
    assert np.abs(slope[inner] - expected).mean() < 2, "a question changes nothing"
