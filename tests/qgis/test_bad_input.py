"""Wrong input gets one clear message, and leaves no output."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessingException

from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP, TRAINING, memory_layer, write_raster

VALIDATION = ("OUTPUT_HTML", "OUTPUT_TABLE")


@pytest.fixture
def fails(run, tmp_path):
    """Return a function that runs an algorithm, expects a message with all the words, and no output."""
    def run_and_expect(algorithm, *words, outputs=("OUTPUT",), **parameters):
        endings = {"OUTPUT_HTML": "html", "OUTPUT_TABLE": "csv"}
        ending = "safetensors" if algorithm == "trainpcum" else "tif"
        paths = {name: tmp_path / f"out-{name}.{endings.get(name, ending)}" for name in outputs}
        with pytest.raises(QgsProcessingException) as caught:
            run(algorithm, **{**paths, **parameters})
        message = str(caught.value)
        for word in words:
            assert word in message, message
        assert "Traceback" not in message and "did not foresee" not in message
        assert message.rstrip().endswith("."), "a sentence"
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(("out-", ".out-"))]
        return message
    return run_and_expect


def far_away(path):
    return write_raster(path, np.ones((20, 20)), left=LEFT + 1e6, top=TOP + 1e6)


def test_rasters_that_do_not_overlap(fails, area, tmp_path):
    rain = far_away(tmp_path / "far.tif")
    fails("buildfactorstack", "recipitation", "overlap", DEM=area / "dem.tif", PRECIPITATION=rain)


def test_dem_without_crs(fails, tmp_path):
    dem = write_raster(tmp_path / "dem.tif", np.random.default_rng(0).normal(size=(30, 30)), crs=None)
    fails("buildfactorstack", "DEM", "coordinate reference system", DEM=dem)


@pytest.mark.parametrize("transform, word", [((CELL, 2, LEFT, 2, -CELL, TOP), "rotated"),
                                             ((CELL, 0, LEFT, 0, CELL, TOP), "south-up")])
def test_dem_that_is_not_north_up(fails, tmp_path, transform, word):
    dem = write_raster(tmp_path / "dem.tif", np.random.default_rng(0).normal(size=(30, 30)))
    with rasterio.open(dem, "r+") as dataset:
        dataset.transform = rasterio.Affine(*transform)
    fails("buildfactorstack", "DEM", word, "Warp", DEM=dem)


def test_lines_that_are_not_there(fails, area):
    fails("buildfactorstack", "empty rivers", "no line", DEM=area / "dem.tif",
          RIVERS=memory_layer("LineString", "", [], name="empty rivers"))
    fails("buildfactorstack", "far rivers", "outside", DEM=area / "dem.tif",
          RIVERS=memory_layer("LineString", "", [(f"LineString ({LEFT - 9e5} {TOP}, {LEFT - 8e5} {TOP})", [])],
                              name="far rivers"))


def test_classes_from_what_has_none(fails, area, tmp_path):
    rock = {"DEM": area / "dem.tif", "LITHOLOGY": area / "lithology.gpkg", "LITHOLOGY_FIELD": "rock"}
    fails("buildfactorstack", "nowhere.tif", "does not exist", CLASSES_FROM=tmp_path / "nowhere.tif", **rock)
    fails("buildfactorstack", "CLASSES_FROM", "*.safetensors", CLASSES_FROM=area / "lithology.gpkg", **rock)
    fails("buildfactorstack", "Band 1", "no name", CLASSES_FROM=area / "dem.tif", **rock)


def test_rain_that_does_not_reach_the_grid_of_the_safety_factor(fails, chain, tmp_path):
    message = fails("buildsafetyfactor", "overlap", "grid", REFERENCE=chain["stack"], K_TABLE="all,0.01",
                    PRECIPITATION=far_away(tmp_path / "far.tif"))
    assert "DEM" not in message


def test_missing_raster(fails, tmp_path):
    fails("buildfactorstack", "DEM", "nowhere.tif", "cannot be opened", DEM=tmp_path / "nowhere.tif")


def test_damaged_raster(fails, tmp_path):
    path = tmp_path / "dem.tif"
    path.write_bytes(b"II*\x00 this is no raster")
    fails("buildfactorstack", "DEM", "dem.tif", DEM=path)


def test_required_input_left_out(fails):
    fails("buildfactorstack", "DEM", "is missing")


def test_empty_point_layer(fails, chain):
    fails("buildbufferedlabels", "empty slides", "no feature", REFERENCE=chain["stack"],
          LANDSLIDES=memory_layer("Point", "", [], name="empty slides"))


def test_no_point_inside_the_grid(fails, chain):
    fails("buildbufferedlabels", "inside", REFERENCE=chain["stack"],
          LANDSLIDES=memory_layer("Point", "", [(f"Point ({LEFT - 90000} {TOP})", [])], name="elsewhere"))


def test_layer_without_crs(fails, chain):
    fails("buildbufferedlabels", "LANDSLIDES", "coordinate reference system", REFERENCE=chain["stack"],
          LANDSLIDES=memory_layer("Point", "", [(f"Point ({LEFT} {TOP})", [])], crs=""))


def test_model_whose_factors_the_stack_lacks(fails, run, chain, area, tmp_path):
    run("buildfactorstack", DEM=area / "dem.tif", OUTPUT=tmp_path / "small.tif")
    fails("predictsusceptibility", "lithology", "slope", STACK=tmp_path / "small.tif", MODEL=chain["model"])


@pytest.mark.parametrize("values, words", [
    ({"LABELS": "shifted"}, ["grid", "label"]), ({"LABELS": "stable"}, ["LABELS", "no landslide cell"]),
    ({"BLOCK": 5000}, ["BLOCK", "block of"]), ({"REPEATS": "many"}, ["REPEATS", "many"]),
    ({"MODEL": "nowhere.safetensors"}, ["does not exist"]),
])
def test_maps_that_cannot_be_explained(fails, chain, tmp_path, values, words):
    zeros = np.zeros((SIZE, SIZE))
    made = {"shifted": lambda: write_raster(tmp_path / "l.tif", zeros, left=LEFT + CELL / 2),
            "stable": lambda: write_raster(tmp_path / "l.tif", zeros)}
    given = {"STACK": chain["stack"], "MODEL": chain["model"], "LABELS": chain["labels"], "BLOCK": 450, **values}
    given["LABELS"] = made[values["LABELS"]]() if "LABELS" in values else given["LABELS"]
    fails("explainsusceptibility", *words, outputs=("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_LEADING"), **given)


def test_a_file_that_is_no_model(fails, chain, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00nothing of use here")
    fails("predictsusceptibility", "broken.safetensors", STACK=chain["stack"], MODEL=path)
    fails("predictsusceptibility", "does not exist", STACK=chain["stack"], MODEL=tmp_path / "none.safetensors")


def test_labels_on_another_grid(fails, chain, tmp_path):
    labels = write_raster(tmp_path / "labels.tif", np.zeros((SIZE, SIZE)), left=LEFT + CELL / 2)
    fails("trainpcum", "grid", "label", STACK=chain["stack"], LABELS=labels, **TRAINING)


def test_labels_of_one_class(fails, chain, tmp_path):
    labels = write_raster(tmp_path / "labels.tif", np.zeros((SIZE, SIZE)))
    fails("trainpcum", "landslide", STACK=chain["stack"], LABELS=labels, **TRAINING)


@pytest.mark.parametrize("field", ["note"])
def test_text_field_where_a_number_is_needed(fails, area, field):
    rows = [(f"Point ({LEFT + 100 * x} {TOP - 100 * x})", [f"about {x}"]) for x in range(1, 9)]
    fails("buildfactorstack", field, "number", DEM=area / "dem.tif", PRECIPITATION_FIELD=field,
          PRECIPITATION=memory_layer("Point", f"{field}:string", rows, name="stations"))


def test_text_field_of_the_climate_zones(fails, area, chain):
    shape = f"Polygon (({LEFT} {TOP}, {LEFT + 9000} {TOP}, {LEFT + 9000} {TOP - 9000}, {LEFT} {TOP}))"
    fails("buildsafetyfactor", "alpha", "number", REFERENCE=chain["stack"], PRECIPITATION=area / "precipitation.tif",
          K_TABLE="all,0.01", ALPHA_FIELD="alpha",
          CLIMATE=memory_layer("Polygon", "alpha:string", [(shape, ["much"])], name="climate"))


def test_field_that_is_not_there(fails, area):
    fails("buildfactorstack", "LITHOLOGY", "stone", "rock", DEM=area / "dem.tif", LITHOLOGY=area / "lithology.gpkg",
          LITHOLOGY_FIELD="stone")


def test_polygons_without_their_field(fails, area):
    fails("buildfactorstack", "LANDFORM_FIELD", DEM=area / "dem.tif", LANDFORM=area / "landform.gpkg")


def test_wrong_geometry(fails, area):
    fails("buildfactorstack", "RIVERS", DEM=area / "dem.tif", RIVERS=area / "landslides.gpkg")


@pytest.mark.parametrize("algorithm, values, words", [
    ("classifyzones", {"SHARES": "30,20"}, ["SHARES", "100"]),
    ("classifyzones", {"SHARES": "30,twenty,50"}, ["SHARES", "twenty"]),
    ("classifyzones", {"METHOD": "breaks"}, ["BREAKS"]),
    ("classifyzones", {"METHOD": "breaks", "BREAKS": "0.5,0.2"}, ["BREAKS"]),
    ("classifyzones", {"METHOD": "equal_interval", "BREAKS": "0.2,0.5"}, ["BREAKS", "equal_interval"]),
    ("classifyzones", {"METHOD": "landslide_share"}, ["LANDSLIDES"]),
    ("classifyzones", {"BREAKS_FROM": "nowhere.csv"}, ["BREAKS_FROM", "nowhere.csv"]),
    ("classifyzones", {"BREAKS_FROM": "nowhere.csv", "BREAKS": "0.5"}, ["BREAKS_FROM", "Leave one", "BREAKS"]),
    ("classifyzones", {"BREAKS_FROM": "nowhere.csv", "METHOD": "natural_breaks"}, ["BREAKS_FROM", "natural_breaks"]),
    ("classifyzones", {"METHOD": "jenks"}, ["METHOD", "jenks", "natural_breaks"]),
])
def test_zones_that_cannot_be(fails, chain, algorithm, values, words):
    fails(algorithm, *words, SUSCEPTIBILITY=chain["susceptibility"], **values)


@pytest.mark.parametrize("values, words", [
    ({}, ["K", "TOPOGRAPHY"]), ({"K": "much"}, ["K", "much", "number"]), ({"K": 0}, ["K is 0"]),
    ({"K_TABLE": "lakes,0.01"}, ["lakes", "TOPOGRAPHY is empty"]), ({"K_TABLE": "lakes"}, ["K_TABLE", "rows of two"]),
    ({"K": 0.01, "P_LOW": 0.7}, ["P_LOW", "P_HIGH"]), ({"K": 0.01, "FS_CRITICAL": "1"}, ["FS_CRITICAL"]),
    ({"K": 0.01, "FS_WATCH": 0.3}, ["FS_WATCH", "FS_CRITICAL"]), ({"K": 0.01, "RAIN": "far"}, ["rain", "overlap"]),
    ({"TOPOGRAPHY": "landform.gpkg"}, ["TOPOGRAPHY_FIELD"]),
    ({"TOPOGRAPHY": "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}, ["valley", "K or K_TABLE"]),
    ({"K": 0.01, "REGIONS": "regions.gpkg", "REGION_FIELD": "district"}, ["district", "region"]),
])
def test_warnings_that_cannot_be(fails, chain, area, tmp_path, values, words):
    values = {name: area / value if str(value).endswith(".gpkg") else value for name, value in values.items()}
    if values.get("RAIN") == "far":
        values["RAIN"] = far_away(tmp_path / "far.tif")
    fails("rainfallwarning", *words, outputs=("OUTPUT", "OUTPUT_TABLE", "OUTPUT_SAFETY_FACTOR"),
          **{"SUSCEPTIBILITY": chain["susceptibility"], "RAIN": area / "precipitation.tif", **values})


@pytest.mark.parametrize("values, words", [
    ({"RADII": "large,150,small"}, ["RADII", "rows of two"]),
    ({"RADII": "large,far"}, ["RADII", "far"]),
    ({"RADII": "large,-5"}, ["RADII"]),
    ({"RING": -1}, ["RING", "-1"]),
    ({"RING": "wide"}, ["RING", "wide", "number"]),
])
def test_labels_that_cannot_be(fails, chain, area, values, words):
    fails("buildbufferedlabels", *words, LANDSLIDES=area / "landslides.gpkg", REFERENCE=chain["stack"], **values)


@pytest.mark.parametrize("values, words", [
    ({"PHYSICS": "quantum"}, ["PHYSICS", "hinge"]), ({"LEARNING_RATE": 5}, ["LEARNING_RATE"]),
    ({"DROPOUT": -0.1}, ["DROPOUT"]), ({"EPOCHS": "many"}, ["EPOCHS", "many"]), ({"WINDOW": 20}, ["WINDOW"]),
])
def test_trainings_that_cannot_be(fails, chain, values, words):
    fails("trainpcum", *words, STACK=chain["stack"], LABELS=chain["labels"], **{**TRAINING, **values})


def test_device_that_is_not_there(fails, chain):
    import torch

    device = "mps" if torch.cuda.is_available() else "cuda"
    fails("predictsusceptibility", device, STACK=chain["stack"], MODEL=chain["model"], DEVICE=device)


def test_uncertainty_of_a_single_map(fails, chain):
    fails("predictsusceptibility", "SAMPLES", STACK=chain["stack"], MODEL=chain["model"],
          outputs=("OUTPUT", "OUTPUT_UNCERTAINTY"))


def test_subset_without_windows(fails, chain, area):
    fails("validatewithpoints", "WINDOWS", SUSCEPTIBILITY=chain["susceptibility"], LANDSLIDES=area / "landslides.gpkg",
          SUBSET="test", outputs=VALIDATION)


def test_landslides_off_the_map(fails, chain):
    fails("validatewithpoints", "map", SUSCEPTIBILITY=chain["susceptibility"], outputs=VALIDATION,
          LANDSLIDES=memory_layer("Point", "", [(f"Point ({LEFT - 90000} {TOP})", [])], name="elsewhere"))


@pytest.mark.parametrize("values, words", [
    ({"SUSCEPTIBILITY": []}, ["SUSCEPTIBILITY"]), ({"SUSCEPTIBILITY": ["map"]}, ["SUSCEPTIBILITY", "1 map"]),
    ({"SUSCEPTIBILITY": ["map", "nowhere.tif"]}, ["SUSCEPTIBILITY"]),
    ({"SUSCEPTIBILITY": ["map", "far.tif"]}, ["far", "no common ground"]),
    ({"NAMES": "one"}, ["NAMES", "2 maps"]), ({"NAMES": "one, one"}, ["OUTPUT_DIFFERENCE", "one map"]),
    ({"SHARES": "30,20"}, ["SHARES", "100"]), ({"SUBSET": "test"}, ["WINDOWS"]), ({"REPEATS": "many"}, ["REPEATS"]),
    ({"THRESHOLD": 2}, ["THRESHOLD"]),
])
def test_comparisons_that_cannot_be(fails, chain, area, tmp_path, values, words):
    places = {"map": chain["susceptibility"], "far.tif": far_away(tmp_path / "far.tif")}
    maps = [str(places.get(name, name)) for name in values.get("SUSCEPTIBILITY", ["map", "map"])]
    fails("comparemodels", *words, outputs=(*VALIDATION, "OUTPUT_DIFFERENCE"),
          **{"LANDSLIDES": area / "landslides.gpkg", **values, "SUSCEPTIBILITY": maps})


def test_output_folder_that_is_not_there(fails, chain, tmp_path):
    fails("classifyzones", "does not exist", SUSCEPTIBILITY=chain["susceptibility"],
          OUTPUT=tmp_path / "no such folder" / "zones.tif")


@pytest.mark.parametrize("output", ["OUTPUT", "OUTPUT_WINDOWS", "OUTPUT_HTML"])
def test_output_folder_that_cannot_be_written(fails, chain, output):
    """Not even an administrator can write to /proc; it says so before the training starts."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("There is no /proc here to stand for a folder that nobody can write.")
    fails("trainpcum", "cannot be written", STACK=chain["stack"], LABELS=chain["labels"],
          **{**TRAINING, output: f"/proc/self/out.{'gpkg' if output == 'OUTPUT_WINDOWS' else 'safetensors'}"})


def test_an_older_output_survives_a_failure(run, chain, tmp_path):
    output = tmp_path / "zones.tif"
    shutil.copy(chain["zones"], output)
    with pytest.raises(QgsProcessingException):
        run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], SHARES="30,20", OUTPUT=output)
    assert output.read_bytes() == chain["zones"].read_bytes()
