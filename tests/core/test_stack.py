"""The factor stack as a file, and the job that builds it."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import rasterio
from affine import Affine

from scarp.model import errors
from scarp.model.artifact import TrainedModel, save_model
from scarp.model.encoding import FactorSpec
from scarp.model.factors import block_pipeline
from scarp.model.factors.definitions import ASPECT_CLASSES, FACTORS, factor_name
from scarp.model.factors.settings import CategoricalInput
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Lines, Polygons
from scarp.model.networks import build_network
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack, open_stack
from scarp.tests.core.conftest import Listener, box, build_factor_stack, utm_grid, write_raster

GRID = utm_grid(280, 300)
LEFT, BOTTOM, RIGHT, TOP = GRID.bounds
COARSE = Affine(900, 0, LEFT, 0, -900, TOP)


def part(left, bottom, right, top):
    """Return a rectangle in shares of the grid."""
    width, height = RIGHT - LEFT, TOP - BOTTOM
    return box(LEFT + left * width, BOTTOM + bottom * height, LEFT + right * width, BOTTOM + top * height)


def geology(*rows):
    *bounds, labels = zip(*rows)
    shapes = [part(*one) for one in zip(*bounds)]
    return CategoricalInput(Polygons(name="geology", geometries=shapes, fields={"rock": list(labels)}), "rock")


ROCKS = [(-0.1, -0.1, 0.5, 1.1, "shale"), (0.5, -0.1, 1.1, 1.1, "granite")]
MIDDLE = Polygons(name="area", geometries=[part(0.25, 0.25, 0.75, 0.75)])


def read_all(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def noise(dtype=np.float32):
    return np.random.default_rng(0).normal(0, 9, (40, 40)).astype(dtype)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """DEM with a hole, rain that misses the east, temperature, a class raster, rivers and faults."""
    folder = tmp_path_factory.mktemp("inputs")
    y, x = np.mgrid[: GRID.height, : GRID.width]
    dem = (1500 + 200 * np.sin(x / 20) * np.cos(y / 25)).astype(np.float32)
    dem[:20, :30] = -9999
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(0, 40, (5, 200, 2)), axis=1) + np.array([LEFT + 4000, BOTTOM + 4000])

    def write(name, values, transform=None, nodata=-9999):
        return write_raster(folder / name, values, GRID, nodata=nodata, transform=transform)

    return {
        "dem": write("dem.tif", dem),
        "precipitation": write("rain.tif", random.uniform(500, 900, (10, 8)).astype(np.float32), COARSE),
        "temperature": write("temperature.tif", random.uniform(2, 9, (10, 11)).astype(np.float32), COARSE),
        "cover": write("Land Cover.tif", random.integers(1, 4, GRID.shape).astype(np.uint8), nodata=None),
        "wetness": write("wetness.tif", random.normal(0, 1, GRID.shape).astype(np.float32)),
        "rivers": Lines(name="rivers", parts=list(walk)),
        "faults": Lines(name="faults", parts=list(walk[:2])),
    }


def build(inputs, output, *names, **settings):
    return build_factor_stack(inputs["dem"], output, **{name: inputs[name] for name in names}, **settings)


def read(path, names=None):
    with open_stack(path) as stack:
        return stack.read(stack.grid.whole, names)


def test_all_ten_factors_and_extra_ones_in_their_order(inputs, tmp_path):
    output = tmp_path / "stack.tif"
    layers = dict.fromkeys(("landform", "lithology", "seismic"), geology(*ROCKS))
    layers["extra_continuous"] = [(inputs["wetness"], "wetness")]
    layers["extra_categorical"] = [CategoricalInput(raster=inputs["cover"], name="Land Cover")]
    summary = build(inputs, output, "precipitation", "temperature", "rivers", "faults", **layers)
    with open_stack(output) as stack:
        assert stack.names == [*FACTORS, "wetness", "land_cover"] == summary.factors and stack.grid == GRID
        classes = [stack.factor(name).classes for name in ("aspect", "lithology", "land_cover")]
        assert classes == [ASPECT_CLASSES, {1: "granite", 2: "shale"}, {1: "1", 2: "2", 3: "3"}]
        for factor in stack.factors[:10]:
            definition = FACTORS[factor.name]
            assert (factor.kind, factor.unit, factor.title) == (definition.kind, definition.unit, definition.title)
        assert (stack.dataset.tags()["SCARP_STACK"], set(stack.dataset.dtypes)) == ("1", {"float32"})
        assert np.isnan(stack.dataset.nodata)


def test_a_dem_alone_gives_the_terrain(inputs, tmp_path):
    summary = build(inputs, tmp_path / "stack.tif")
    assert summary.factors == ["slope", "profile_curvature", "aspect"]
    assert (summary.valid_cells, summary.without_data) == (GRID.width * GRID.height - 600, {"elevation": 600})


def test_nodata_is_the_union_and_the_loss_per_factor_is_reported(inputs, tmp_path):
    output, progress = tmp_path / "stack.tif", NullProgress()
    rocks = geology((-0.1, 0.1, 1.1, 1.1, "shale"))
    summary = build(inputs, output, "precipitation", "temperature", progress=progress, lithology=rocks)
    missing = np.isnan(read(output))
    assert (missing == missing[0]).all()
    # Rain covers 240 of 300 columns; the lowest tenth, 28 rows, has no rock; both lack the corner.
    assert summary.without_data == {"elevation": 600, "precipitation": 16800, "temperature": 0, "lithology": 8400}
    assert summary.lost_alone == {"precipitation": 252 * 60, "temperature": 0, "lithology": 28 * 240}
    assert summary.valid_cells == np.count_nonzero(~missing[0]) == 252 * 240 - 600
    assert [text.split()[0] for text in progress.warnings] == ["precipitation", "lithology"]
    assert summary.warnings == progress.warnings
    assert "16,800 cells" in progress.warnings[0], "280 rows of 60 columns"
    assert f"{280 * 60 / (280 * 300 - 600):.2%} of those" in progress.warnings[0], "the uncovered share"
    # Any copy of the file says so too.
    with rasterio.open(output) as dataset:
        assert dataset.tags()["study_cells"] == str(280 * 300 - 600)
        counts = [dataset.tags(band).get("nodata_cells") for band in dataset.indexes]
        assert counts == [None, None, None, "16800", "0", "8400"]


def test_values_are_the_same_inside_and_outside_of_an_area(inputs, tmp_path):
    summary = build(inputs, tmp_path / "part.tif", "rivers", area=MIDDLE)
    build(inputs, tmp_path / "whole.tif", "rivers")
    part, whole = read(tmp_path / "part.tif"), read(tmp_path / "whole.tif")
    inside = np.isfinite(part[0])
    np.testing.assert_array_equal(part[:, inside], whole[:, inside])
    assert inside[70:210, 75:225].all() and inside.sum() == summary.valid_cells == 140 * 150
    assert summary.without_data["elevation"] == 0


def test_overlapping_polygons_are_counted_and_reported(inputs, tmp_path):
    progress = NullProgress()
    rocks = geology((-0.1, -0.1, 0.6, 1.1, "shale"), ROCKS[1])
    summary = build(inputs, tmp_path / "stack.tif", progress=progress, lithology=rocks)
    assert summary.overlapping == {"lithology": 280 * 30}
    assert any("more than one polygon" in text for text in progress.warnings)


@pytest.mark.parametrize("source", ["stack", "model"])
def test_a_second_area_takes_the_classes_of_the_first_or_of_a_trained_model(inputs, tmp_path, source):
    known, progress, classes = tmp_path / "known", NullProgress(), {1: "granite", 2: "shale"}
    if source == "stack":
        build(inputs, known, lithology=geology(*ROCKS))
    else:
        classes = {1: "shale", 2: "granite"}
        network = {"type": "unet", "channels": 2, "width": 2, "depth": 1, "dropout": 0.0}
        specs = [
            FactorSpec("slope", "continuous"),
            FactorSpec("lithology", "categorical", classes=classes, seen=(1, 2)),
        ]
        rest = {}, 1, [], {}, {}, {}, build_network(network)
        known = tmp_path / "known.safetensors"
        save_model(TrainedModel("pcum", network, "codes", specs, 30.0, *rest), known)
    rocks = geology(*ROCKS, (0.4, 0.4, 0.6, 0.6, "basalt"))
    build(inputs, tmp_path / "second.tif", lithology=rocks, class_table=known, progress=progress)
    with open_stack(tmp_path / "second.tif") as stack:
        assert stack.factor("lithology").classes == {**classes, 3: "basalt"}
        # A factor that the model does not have keeps its own classes.
        assert stack.factor("aspect").classes == ASPECT_CLASSES
    west, east = read(tmp_path / "second.tif", ["lithology"])[0, 30, [50, 250]]
    assert [classes[west], classes[east]] == ["shale", "granite"]
    assert any("basalt" in text for text in progress.warnings)


def test_the_file_is_the_same_with_any_number_of_workers(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(block_pipeline, "TILE", 64)
    contents = []
    for workers in (1, 3, 3):
        monkeypatch.setattr(os, "cpu_count", lambda workers=workers: workers)
        layers = {"lithology": geology(*ROCKS), "extra_continuous": [(inputs["wetness"], "wetness")]}
        build(inputs, tmp_path / "stack.tif", "precipitation", "temperature", "rivers", "faults", **layers)
        contents.append((tmp_path / "stack.tif").read_bytes())
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9])
def test_cancel_leaves_nothing(inputs, tmp_path, share):
    whole = Listener()
    build(inputs, tmp_path / "whole.tif", "rivers", "faults", progress=whole)
    assert whole.fractions == sorted(whole.fractions) and whole.fractions[-1] >= 0.9 and len(set(whole.fractions)) > 3
    # Workers ask too, some once more and some once less from run to run.
    stop = Listener(cancel_after=share * whole.questions)
    with pytest.raises(errors.Cancelled):
        build(inputs, tmp_path / "stack.tif", "rivers", "faults", progress=stop)
    assert not [path.name for path in tmp_path.iterdir() if not path.name.startswith("whole.tif")]


def test_a_run_record_lies_beside_the_stack(inputs, tmp_path):
    summary = build(inputs, tmp_path / "stack.tif", "precipitation", "rivers", river_radius=800.0)
    record = json.loads((tmp_path / "stack.tif.run.json").read_text(encoding="utf-8"))
    assert (record["algorithm"], record["parameters"]["river_radius"]) == ("scarp:buildfactorstack", 800.0)
    assert (record["valid_cells"], record["warnings"]) == (summary.valid_cells, summary.warnings)
    assert len(record["inputs"]["dem"]["sha256"]) == 64


def warnings_of(tmp_path, elevations, unit="", **profile):
    """Return what the job says of a DEM."""
    dem, progress = write_raster(tmp_path / "dem.tif", elevations, **profile), NullProgress()
    with rasterio.open(dem, "r+") as dataset:
        dataset.units = (unit,)
    build_factor_stack(dem, tmp_path / "stack.tif", progress=progress)
    return progress.warnings


def test_a_projection_with_large_scale_error_is_warned_about(tmp_path):
    mercator = Affine(30, 0, 0, 0, -30, 8_400_000)
    assert "UTM" in warnings_of(tmp_path, noise(), transform=mercator, crs="EPSG:3857")[0]


@pytest.mark.parametrize("nodata", [-9999, -32768])
def test_undeclared_nodata_of_the_dem_is_taken_out_with_a_warning(tmp_path, nodata):
    elevations = np.random.default_rng(0).integers(500, 530, (40, 40)).astype(np.int16)
    assert not warnings_of(tmp_path, elevations)
    elevations[7:9, 3:5] = nodata
    assert not warnings_of(tmp_path, elevations, nodata=nodata)
    expected = read_all(tmp_path / "stack.tif")
    (warning,) = warnings_of(tmp_path, elevations)
    assert f"holds {nodata} in 4 cells" in warning
    np.testing.assert_array_equal(read_all(tmp_path / "stack.tif"), expected)


@pytest.mark.parametrize(
    ("stated", "chosen", "metres"),
    [
        *(("ft", "auto", 0.3048), ("US survey foot", "auto", 1200 / 3937), ("m", "auto", 1), ("", "auto", 1)),
        *(("", "ft", 0.3048), ("cm", "auto", 0.01), ("dm", "auto", 0.1), ("Kilometre", "auto", 1000), ("ft", "m", 1)),
    ],
)
def test_elevations_are_converted_to_metres(tmp_path, stated, chosen, metres):
    """The slopes are those of a DEM that the raster calculator converted."""
    elevations = noise().astype(np.float64)
    build_factor_stack(
        write_raster(tmp_path / "m.tif", (elevations * metres).astype(np.float32)), tmp_path / "m_stack.tif"
    )
    dem = write_raster(tmp_path / "dem.tif", elevations.astype(np.float32))
    with rasterio.open(dem, "r+") as dataset:
        dataset.units = (stated,)
    progress = NullProgress()
    build_factor_stack(dem, tmp_path / "stack.tif", progress=progress, dem_unit=chosen)
    expected = read_all(tmp_path / "m_stack.tif")
    np.testing.assert_allclose(read_all(tmp_path / "stack.tif"), expected, rtol=1e-3, atol=1e-4)
    assert any("was chosen and counts" in text for text in progress.warnings) == (stated == "ft" and chosen == "m")


NAMED = [("Soil Wetness", [], "soil_wetness"), ("slope", FACTORS, "slope_2"), ("a b", ["a_b", "a_b_2"], "a_b_3")]


@pytest.mark.parametrize(
    ("layer", "taken", "name"), [*NAMED, ("  §§ ", [], "factor"), ("Distance (m)", [], "distance_m")]
)
def test_extra_factors_get_names_of_their_own(layer, taken, name):
    assert factor_name(layer, taken) == name


@pytest.fixture
def some_stack(tmp_path):
    """Return a function that writes a stack of two factors of some names."""

    def write(*names):
        with create_stack(tmp_path / "stack.tif", utm_grid(3, 4), [StackFactor(name, "continuous") for name in names]):
            return tmp_path / "stack.tif"

    return write


def test_missing_factors_are_all_named(some_stack):
    missing = pytest.raises(errors.FactorMissing, match="aspect, lithology.*slope, geology")
    with open_stack(some_stack("slope", "geology")) as stack:
        assert stack.band_indexes(["geology", "slope"]) == [2, 1]
        with missing:
            stack.band_indexes(["aspect", "slope", "lithology"])


DAMAGED = [("", {}, "no name"), ("x", {"kind": "colour"}, "colour"), ("x", {"classes": "[1, 2]"}, "class table")]


@pytest.mark.parametrize(("name", "tags", "problem"), DAMAGED)
def test_damaged_stacks_are_refused(tmp_path, name, tags, problem):
    with create_raster(tmp_path / "odd.tif", utm_grid(3, 4), "float32", np.nan, [name], [tags]):
        pass
    with pytest.raises(errors.InputCorrupt, match=problem), open_stack(tmp_path / "odd.tif"):
        pass


def test_bands_with_equal_names_are_refused(some_stack):
    with pytest.raises(errors.InputCorrupt, match="slope"), open_stack(some_stack("slope", "slope")):
        pass


SPELLINGS = (  # names of bands, wanted factors, their bands
    (("SLOPE", "RIVER DENSITY"), ("slope", "river_density"), [1, 2]),
    (("Profile-Curvature", "lithology"), ("lithology", "profile_curvature"), [2, 1]),
    (("ndvi mean", "slope"), ("NDVI_mean",), [1]),
    (("slope", "SLOPE"), ("SLOPE", "slope"), [2, 1]),
    (("riverdensity",), ("river_density",), [1]),
)


@pytest.mark.parametrize(("bands", "wanted", "found"), SPELLINGS)
def test_another_spelling_of_a_name_is_read_and_said(some_stack, bands, wanted, found):
    progress = Listener()
    with open_stack(some_stack(*bands)) as stack:
        assert stack.band_indexes(wanted) == found
        assert [stack.factor(name).name for name in wanted] == list(wanted)
        for _ in range(2):
            stack.report_names(progress)
    others = [(band, name) for name, band in zip(wanted, (bands[number - 1] for number in found)) if band != name]
    assert len(progress.texts) == bool(others)
    assert all(f'"{band}" as {name}' in progress.texts[0] for band, name in others)


def test_a_standard_factor_of_another_spelling_is_of_its_kind(tmp_path):
    names = "Aspect", "TEMPERATURE", "my index"
    with create_raster(tmp_path / "s.tif", utm_grid(3, 4), "float32", np.nan, names, [{}, {}, {}]):
        pass
    with open_stack(tmp_path / "s.tif") as stack:
        assert stack.names == ["aspect", "temperature", "my index"]
        assert [factor.kind for factor in stack.factors] == [FACTORS["aspect"].kind, "continuous", "continuous"]
        assert stack.factors[0].classes == ASPECT_CLASSES and stack.factors[1].unit == FACTORS["temperature"].unit


AMBIGUOUS = ((("My index", "my_index"), ["my-index"]), (("my index",), ["my_index", "My Index"]))


@pytest.mark.parametrize(("bands", "wanted"), AMBIGUOUS)
def test_ambiguous_names_are_named(some_stack, bands, wanted):
    caught = pytest.raises(errors.FactorMissing, match=r"differ only in case.*SetDescription")
    with open_stack(some_stack(*bands)) as stack, caught as failure:
        stack.band_indexes(wanted)
    assert all(name in str(failure.value) for name in (*bands, *wanted))


@pytest.mark.parametrize("named", [(), ("slope",), ("slope", "aspect")])
def test_bands_without_names_have_two_remedies(tmp_path, named):
    names = [*named, *[""] * (12 - len(named))]
    with create_raster(tmp_path / "s.tif", utm_grid(3, 4), "float32", np.nan, names, [{} for _ in names]):
        pass
    first, more = len(named) + 1, 4 - len(named)
    text = f"Bands {first}, {first + 1}.*{more} more.*have no name.*Bands with a name: {', '.join(named) or 'none'}"
    refused = pytest.raises(errors.InputCorrupt, match=f"{text}.*buildfactorstack.*SetDescription")
    with refused as caught, open_stack(tmp_path / "s.tif"):
        pass
    assert len(str(caught.value)) < 700


def test_sixty_missing_factors_are_listed_in_part(some_stack):
    with open_stack(some_stack("slope")) as stack, pytest.raises(errors.FactorMissing, match="and 52 more") as caught:
        stack.band_indexes([f"factor {number}" for number in range(60)])
    assert len(str(caught.value)) < 700
