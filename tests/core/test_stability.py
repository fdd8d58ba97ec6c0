"""Factor of safety of an infinite slope: closed forms, worked examples, quadrature, tables, units."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import rasterio
from scipy import integrate

from scarp.model.errors import Cancelled, GridMismatch, LibraryMissing, ParameterInvalid, ParameterMissing, TooFewData
from scarp.model.factors.definitions import CATEGORICAL, CONTINUOUS, FactorDefinition
from scarp.model.factors.settings import CategoricalInput
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs.build_factor_of_safety import build_factor_of_safety
from scarp.model.progress import NullProgress
from scarp.model.safety import infinite_slope
from scarp.model.safety.infinite_slope import draw, factor_of_safety, relative_wetness
from scarp.model.safety.kinds import FACTOR_OF_SAFETY
from scarp.model.safety.stability_settings import StabilityInputs, StabilityOptions, read_values
from scarp.model.stack import create_stack
from scarp.tests.core.conftest import (
    Listener,
    box,
    build,
    build_factor_stack,
    degree_grid,
    read_band,
    utm_grid,
    write_raster,
)

GRID = utm_grid(40, 50)
SLOPE = np.random.default_rng(3).uniform(1, 60, GRID.shape).astype(np.float32)
AREA = (10 ** np.random.default_rng(4).uniform(3, 6, GRID.shape)).astype(np.float32)
FOOT, POUND = 0.3048, 0.15708746  # metres; kN/m³ of a pound per cubic foot


def safety(tmp_path, reference=None, progress=None, grid=GRID, **given):
    reference = reference or write_raster(tmp_path / "reference.tif", np.ones(grid.shape, dtype=np.float32), grid)
    settings = {"rasters": {}, **given}
    arguments = build(StabilityInputs, settings, reference), tmp_path / "fs.tif", build(StabilityOptions, settings)
    return build_factor_of_safety(*arguments, progress or NullProgress(), **settings)


def slope_raster(tmp_path, values=SLOPE, grid=GRID):
    return write_raster(tmp_path / "slope.tif", values, grid)


def stack_of(tmp_path, grid=GRID, slope=SLOPE, **classes):
    """A stack with slope, contributing area and layers of classes, given as codes and labels."""
    factors = [FactorDefinition("slope", CONTINUOUS), FactorDefinition("contributing_area", CONTINUOUS, "log10 m²")]
    factors += [FactorDefinition(name, CATEGORICAL, classes=labels) for name, (_, labels) in classes.items()]
    bands = np.stack([slope, np.log10(AREA[: grid.height, : grid.width]), *(codes for codes, _ in classes.values())])
    with create_stack(tmp_path / "stack.tif", grid, factors) as target:
        target.write(bands.astype(np.float32))
    return str(tmp_path / "stack.tif")


WORKED = [
    # Slope, depth in feet, cohesion in pounds per square foot, friction, unit weight in pcf, saturation, result:
    # lecture notes CEG 4012 of Florida International University, fall 2011, infinite slopes of sand and sandy clay.
    (30, 12, 0, 35, 120, 0, 1.21),
    (30, 12, 0, 35, 120, 1, 0.58),
    (30, 12, 600, 10, 120, 0, 1.27),
    (30, 12, 600, 10, 120, 1, 1.11),
]


@pytest.mark.parametrize(("slope", "feet", "psf", "friction", "pcf", "wet", "expected"), WORKED)
def test_published_worked_examples(slope, feet, psf, friction, pcf, wet, expected):
    soil = feet * FOOT, psf * POUND * FOOT, friction, pcf * POUND, wet
    assert factor_of_safety(slope, *soil) == pytest.approx(expected, abs=0.006)


def test_closed_forms():
    """Dry sand slides at its friction angle; saturated sand at tan θ = (1 − γw/γ) tan φ; cohesion adds c / (γ z sc)."""
    assert factor_of_safety(33.0, 2.0, 0.0, 33.0, 18.0, 0.0) == pytest.approx(1)
    steepest = math.degrees(math.atan((1 - 9.81 / 18) * math.tan(math.radians(33))))
    assert factor_of_safety(steepest, 2.0, 0.0, 33.0, 18.0, 1.0) == pytest.approx(1)
    added = factor_of_safety(40.0, 2.0, 5.0, 33.0, 18.0, 0.3) - factor_of_safety(40.0, 2.0, 0.0, 33.0, 18.0, 0.3)
    assert added == pytest.approx(5 / (18 * 2 * math.sin(math.radians(40)) * math.cos(math.radians(40))))
    # An earthquake brings a dry slope without cohesion down at k = tan(φ − θ).
    assert factor_of_safety(20.0, 2.0, 0.0, 35.0, 18.0, 0.0, math.tan(math.radians(15))) == pytest.approx(1)
    assert factor_of_safety(60.0, 2.0, 0.0, 35.0, 18.0, 0.0, 1.0) == 0, "a slope that is lifted off has no friction"


def test_critical_area_is_that_of_shalstab():
    """Montgomery and Dietrich (1994): a / b = T / q · sin θ · γ / γw · (1 − tan θ / tan φ) without cohesion."""
    slope, friction, unit_weight, recharge, transmissivity, width = 32.0, 40.0, 17.0, 60.0, 65.0, 10.0
    theta, phi = math.radians(slope), math.radians(friction)
    per_width = transmissivity / (recharge / 1000) * math.sin(theta) * unit_weight / 9.81
    per_width *= 1 - math.tan(theta) / math.tan(phi)
    wet = relative_wetness(recharge, per_width * width, width, transmissivity, slope)
    assert 0 < wet < 1 and factor_of_safety(slope, 1.5, 0.0, friction, unit_weight, wet) == pytest.approx(1)
    assert relative_wetness(recharge, 1e9, width, transmissivity, slope) == 1


def test_ranges_against_quadrature(tmp_path):
    """Mean of log Fs and P(Fs < 1) over uniform cohesion, friction and transmissivity, by nested quadrature."""
    slope, area = slope_raster(tmp_path), write_raster(tmp_path / "area.tif", AREA, GRID)
    ranges = {"cohesion": (1, 6), "friction": (28, 40), "transmissivity": (20, 80)}
    given = {name: f"{low}-{high}" for name, (low, high) in ranges.items()}
    progress = Listener()
    chance = tmp_path / "p.tif"
    inputs = {"slope": slope, "contributing_area": area, "output_probability": chance, "progress": progress}
    made = safety(tmp_path, soil_depth="1.5", unit_weight="18", recharge="40", **inputs, **given)
    assert made.ranges == list(ranges) and any("256 draws" in text for text in progress.texts)
    factor, probability = read_band(tmp_path / "fs.tif"), read_band(chance)

    def cell(row, column):
        steep, gathered = float(SLOPE[row, column]), float(AREA[row, column])

        def of(cohesion, friction, transmissivity):
            wet = min(1, 0.04 * gathered / (30 * transmissivity * math.sin(math.radians(steep))))
            theta, phi = math.radians(steep), math.radians(friction)
            strength = cohesion + (18 - wet * 9.81) * 1.5 * math.cos(theta) ** 2 * math.tan(phi)
            return strength / (18 * 1.5 * math.sin(theta) * math.cos(theta))

        volume = math.prod(high - low for low, high in ranges.values())
        coarse = {"opts": {"epsrel": 1e-3, "limit": 20}}
        mean = integrate.nquad(lambda *soil: math.log(of(*soil)), list(ranges.values()), **coarse)[0] / volume
        # Fs is linear in the cohesion, so the share of cohesions below the critical one is exact.
        low, high = ranges["cohesion"]

        def below(friction, transmissivity):
            at_low, at_high = of(low, friction, transmissivity), of(high, friction, transmissivity)
            return min(max((1 - at_low) / (at_high - at_low), 0), 1)

        share = integrate.nquad(below, [ranges["friction"], ranges["transmissivity"]], **coarse)[0]
        return math.exp(mean), share * (high - low) / volume

    unsure = np.argwhere((probability > 0.1) & (probability < 0.9))[:3]
    assert len(unsure) == 3
    for row, column in [*unsure, (0, 0)]:
        expected, share = cell(row, column)
        assert factor[row, column] == pytest.approx(expected, rel=0.003)
        assert probability[row, column] == pytest.approx(share, abs=0.015)


def test_draws_divide_each_range_evenly():
    places = draw(5)
    assert places.shape == (256, 5)
    assert (np.sort(places, axis=0) == (np.arange(256)[:, None] + 0.5) / 256).all()
    assert draw(0).shape == (1, 0)


def test_numbers_tables_and_rasters_by_hand(tmp_path):
    """Friction by the stack's lithology, depth by TOPOGRAPHY, cohesion by a raster, one row for all others."""
    codes = np.repeat([1, 2], [20, 30])[None].repeat(40, axis=0)
    stack = stack_of(tmp_path, lithology=(codes, {1: "Granite", 2: "schist, grey"}))
    left, bottom, _, top = GRID.bounds
    west = Polygons(name="land", geometries=[box(left, bottom, left + 10 * 30, top)], fields={"name": ["fan"]})
    cohesion = np.full(GRID.shape, 3.0, dtype=np.float32)
    cohesion[0] = np.nan
    made = safety(
        tmp_path,
        stack,
        topography=CategoricalInput(west, "name"),
        rasters={"cohesion": write_raster(tmp_path / "cohesion.tif", cohesion, GRID)},
        friction="granite: 35; schist, grey: 25",
        soil_depth="fan: 4; all: 1,5",
        unit_weight="18.5",
        saturation="0.5",
        seismic_coefficient="0.05",
    )
    column = np.arange(50)
    friction, depth = np.where(column < 20, 35.0, 25.0), np.where(column < 10, 4.0, 1.5)
    expected = factor_of_safety(SLOPE.astype(float), depth, 3.0, friction, 18.5, 0.5, 0.05)
    found = read_band(tmp_path / "fs.tif")
    assert np.isnan(found[0]).all() and made.cells == 39 * 50 and made.draws == 1
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-5)
    assert made.share_warned == pytest.approx((expected[1:] < 1).mean(), abs=1e-6)
    assert "lithology" in made.sources["friction"] and "TOPOGRAPHY" in made.sources["soil_depth"]
    with rasterio.open(tmp_path / "fs.tif") as dataset:
        assert dataset.descriptions == (FACTOR_OF_SAFETY,) and "no rain index" in dataset.tags()["MEANING"]


def test_wetness_from_the_stack_and_from_a_raster_agree_also_in_degrees(tmp_path):
    grid = degree_grid(40, 50)
    stack = stack_of(tmp_path, grid)
    settings = {"recharge": "30", "transmissivity": "40", "cohesion": "2", "friction": "35", "grid": grid}
    safety(tmp_path, stack, **settings)
    by_stack = read_band(tmp_path / "fs.tif")
    safety(tmp_path, stack, contributing_area=write_raster(tmp_path / "area.tif", AREA, grid), **settings)
    np.testing.assert_allclose(read_band(tmp_path / "fs.tif"), by_stack, rtol=1e-5)
    width = np.sqrt(grid.cell_area())[:, None]
    wet = relative_wetness(30.0, AREA.astype(float), width, 40.0, SLOPE.astype(float))
    expected = factor_of_safety(SLOPE.astype(float), 1.0, 2.0, 35.0, 20.0, wet)
    np.testing.assert_allclose(by_stack, expected, rtol=1e-5)


def test_cells_do_not_depend_on_the_blocks(tmp_path, monkeypatch):
    stack = stack_of(tmp_path)
    settings = {"output_probability": tmp_path / "p.tif"}
    safety(tmp_path, stack, **settings)
    whole = read_band(tmp_path / "fs.tif"), read_band(tmp_path / "p.tif")
    blocks = Grid.blocks
    monkeypatch.setattr(Grid, "blocks", lambda grid: blocks(grid, 17))
    monkeypatch.setattr(infinite_slope, "_DRAWN_CELLS", 7 * 256)
    safety(tmp_path, stack, **settings)
    assert np.array_equal(read_band(tmp_path / "fs.tif"), whole[0])
    assert np.array_equal(read_band(tmp_path / "p.tif"), whole[1])


def test_flat_and_bare_ground_stand_and_nodata_stays(tmp_path):
    slope, depth = np.full(GRID.shape, 50.0, dtype=np.float32), np.ones(GRID.shape, dtype=np.float32)
    slope[0], slope[1], depth[2] = 0, np.nan, 0
    rasters = {"soil_depth": write_raster(tmp_path / "depth.tif", depth, GRID)}
    safety(tmp_path, slope=slope_raster(tmp_path, slope), rasters=rasters, saturation="1", cohesion="1", friction="30")
    found = read_band(tmp_path / "fs.tif")
    assert (found[[0, 2]] == 100).all() and np.isnan(found[1]).all() and (found[3:] < 1).all()


READ = {
    "8": {"all": (8, 8)},
    "2,5": {"all": (2.5, 2.5)},
    "2-8": {"all": (2, 8)},
    "2.5 – 8": {"all": (2.5, 8)},
    ".5-1": {"all": (0.5, 1)},
    "1e1": {"all": (10, 10)},
    "granite: 2-8; old: schist: 5 ;All:4;": {"granite": (2, 8), "old: schist": (5, 5), "all": (4, 4)},
}


@pytest.mark.parametrize("text", READ)
def test_notation(text):
    assert read_values(text, "cohesion") == READ[text]


WRONG = {
    ("friction", "0.6"): r"FRICTION is 0\.6\. Is it in radians, or a tangent\? The friction angle is in degrees",
    ("friction", "70"): "in percent",
    ("cohesion", "5000"): r"COHESION is 5000\. Is it in Pa\? The cohesion is in kPa, from 0 to 500",
    ("unit_weight", "1800"): "kg/m³",
    ("unit_weight", "1.8"): "t/m³",
    ("soil_depth", "150"): "centimetres",
    ("saturation", "granite: 0.2; all: 50"): r'SATURATION, row "all", is 50\. Is it in percent\?',
    ("transmissivity", "0.0007"): "m²/s",
    ("recharge", "0.03"): "m/day",
    ("seismic_coefficient", "1.5"): "percent, or in m/s²",
    ("cohesion", "much"): 'COHESION has "much", but takes a number or a range in kPa. Write it as',
    ("cohesion", "8-2"): "falls. Write the smaller number first",
    ("cohesion", "-2"): "from 0 to 500",
    ("cohesion", "nan"): "takes a number",
    ("cohesion", "a: 2; a: 3"): 'lists "a" twice',
    ("cohesion", ": 3"): "a row without a class",
}


@pytest.mark.parametrize("name_and_text", WRONG)
def test_values_in_other_units_and_of_other_form_are_questioned(name_and_text):
    name, text = name_and_text
    with pytest.raises(ParameterInvalid, match=WRONG[name_and_text]):
        StabilityOptions(**{name: text})


def test_rasters_in_other_units_are_questioned(tmp_path):
    def given(values):
        return write_raster(tmp_path / "raster.tif", np.broadcast_to(np.float32(values), GRID.shape), GRID)

    dry = {"saturation": "0"}
    for slope, question in ((np.tan(np.radians(SLOPE)), "radians, or a tangent"), (SLOPE * 2, "in percent")):
        with pytest.raises(ParameterInvalid, match=f"SLOPE, the raster .*slope.tif, goes from .*{question}"):
            safety(tmp_path, slope=slope_raster(tmp_path, np.clip(slope, 0, None)), **dry)
    slope = slope_raster(tmp_path)
    for name, value, question in (("friction", 0.6, "radians"), ("cohesion", 4e3, "Pa"), ("soil_depth", -1, "nodata")):
        with pytest.raises(ParameterInvalid, match=f"{name.upper()}, the raster .*{question}"):
            safety(tmp_path, slope=slope, rasters={name: given(value)}, **dry)
    for area in (np.log10(AREA), AREA / 900, AREA / 30):
        with pytest.raises(ParameterInvalid, match="cells, as a logarithm, or m²/m"):
            safety(tmp_path, slope=slope, contributing_area=given(area))
    assert not (tmp_path / "fs.tif").exists()


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(ParameterMissing, match="needs the slope. Give a factor stack"):
        safety(tmp_path)
    slope = slope_raster(tmp_path)
    with pytest.raises(ParameterMissing, match="TERRAIN as REFERENCE, or the elevations as DEM, or give CONTRIBUTING"):
        safety(tmp_path, slope=slope)
    monkeypatch.setitem(sys.modules, "pyflwdir", None)
    dem = write_raster(tmp_path / "dem.tif", SLOPE * 20, GRID)
    with pytest.raises(LibraryMissing, match="pip install pyflwdir.*or give CONTRIBUTING_AREA .* or SATURATION"):
        safety(tmp_path, dem=dem)
    with pytest.raises(GridMismatch, match="contributing area"):
        safety(tmp_path, slope=slope, contributing_area=write_raster(tmp_path / "a.tif", AREA[:20], utm_grid(20, 50)))
    with pytest.raises(ParameterInvalid, match="rows for granite, but no layer has .*together. Give TOPOGRAPHY"):
        safety(tmp_path, slope=slope, friction="granite: 30; all: 35", saturation="0")
    codes = np.ones(GRID.shape)
    stack = stack_of(tmp_path, lithology=(codes, {1: "granite", 2: "schist"}))
    with pytest.raises(ParameterInvalid, match="no row for these classes of lithology: schist"):
        safety(tmp_path, stack, friction="granite: 30")
    with pytest.raises(ParameterInvalid, match="rows for granit, but .*written there: lithology: granite, schist"):
        safety(tmp_path, stack, friction="granit: 30; all: 35")
    void = {"cohesion": write_raster(tmp_path / "void.tif", np.full(GRID.shape, np.nan, np.float32), GRID)}
    with pytest.raises(TooFewData, match="No cell has a factor of safety"):
        safety(tmp_path, slope=slope, rasters=void, saturation="0")


def test_slope_and_area_from_a_dem_are_those_of_its_stack(tmp_path):
    pytest.importorskip("pyflwdir", reason="pyflwdir is not installed.")
    rows, columns = np.mgrid[:40, :50]
    surface = 2000 - 12.0 * rows + 4.0 * np.abs(columns - 25)
    dem = write_raster(tmp_path / "dem.tif", surface.astype(np.float32), GRID)
    build_factor_stack(dem, tmp_path / "flow.tif", terrain=("flow",))
    build_factor_stack(dem, tmp_path / "elevation.tif", terrain=("elevation",))
    made = safety(tmp_path, tmp_path / "flow.tif", cohesion="2")
    found, wanted = made.sources["contributing_area"], read_band(tmp_path / "fs.tif")
    assert found == "band contributing_area of the stack" and wanted.min() < wanted.max()
    for given, source in (
        ({"dem": dem}, "routed over the DEM"),
        ({"reference": tmp_path / "elevation.tif"}, "band el"),
    ):
        made = safety(tmp_path, cohesion="2", **given)
        assert source in made.sources["contributing_area"]
        np.testing.assert_allclose(read_band(tmp_path / "fs.tif"), wanted, rtol=1e-5)


def test_defaults_and_doubtful_results_are_said(tmp_path):
    progress = Listener()
    safety(tmp_path, stack_of(tmp_path), progress=progress)
    (defaults,) = (text for text in progress.warnings if "default" in text)
    assert all(name in defaults for name in ("SOIL_DEPTH", "COHESION", "FRICTION", "RECHARGE", "TRANSMISSIVITY"))
    assert "SEISMIC" not in defaults and "SATURATION" not in defaults
    progress = Listener()
    soil = {"soil_depth": "3", "cohesion": "0", "friction": "20", "unit_weight": "18", "saturation": "1"}
    safety(tmp_path, slope=slope_raster(tmp_path), progress=progress, **soil)
    (doubt,) = progress.warnings
    assert "but most land stands" in doubt


def test_cancelling_leaves_nothing(tmp_path):
    slope = slope_raster(tmp_path)
    listener = Listener()
    safety(tmp_path, slope=slope, saturation="0-1", progress=listener)
    (tmp_path / "fs.tif").unlink()
    for questions in range(listener.questions):
        with pytest.raises(Cancelled):
            safety(tmp_path, slope=slope, saturation="0-1", progress=Listener(cancel_after=questions))
        assert not (tmp_path / "fs.tif").exists()
    assert listener.questions > 2
