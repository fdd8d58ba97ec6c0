"""A recorded run repeated: what is the same, what changed, and what cannot be repeated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import QgsApplication, QgsProcessingException, QgsProcessingFeatureSourceDefinition, QgsVectorLayer

from scarp.algorithms.base.parameters import strip_password
from scarp.tests.qgis.results import record_of, rows_of
from scarp.tests.qgis.tiny import (
    RADII,
    TRAINING,
    Listener,
    cell_point,
    in_project,
    memory_layer,
    stack_inputs,
    write_layer,
)


def repeat(run, tmp_path, output, listener=None, **more):
    """Return what the repetition returned, and the rows of its table by part and name; in a new folder each time."""
    folder = tmp_path / f"again{len(list(tmp_path.glob('again*')))}"
    outputs = {"FOLDER": folder, "OUTPUT_TABLE": tmp_path / "comparison.csv"}
    result = run("rerun", listener or Listener(), RECORD=f"{output}.run.json", **outputs, **more)
    return result, {(row["part"], row["name"]): row for row in rows_of(tmp_path / "comparison.csv")}


def label(run, chain, tmp_path, landslides, **settings) -> Path:
    """Build labels and return their path."""
    output = tmp_path / "labels.tif"
    run("buildbufferedlabels", LANDSLIDES=landslides, REFERENCE=chain["stack"], OUTPUT=output, **settings)
    return output


@pytest.fixture(scope="module")
def numbers(run, chain, area, tmp_path_factory) -> Path:
    """A validation with all of its outputs."""
    folder = tmp_path_factory.mktemp("numbers")
    layers = {name.upper(): chain[name] for name in ("susceptibility", "zones", "windows")}
    names = {"OUTPUT_HTML": "report.html", "OUTPUT_TABLE": "numbers.csv", "OUTPUT_POINTS": "points.gpkg"}
    outputs = {key: folder / name for key, name in names.items()}
    run("validatewithpoints", LANDSLIDES=area / "landslides.gpkg", REPEATS=3, **layers, **outputs)
    return folder / "numbers.csv"


@pytest.mark.parametrize("step", ["stack", "labels", "safety", "model", "susceptibility", "zones"])
def test_every_step_of_the_chain_gives_the_same_again(run, chain, tmp_path, step):
    outputs = {"OUTPUT", "OUTPUT_WINDOWS"} if step == "model" else {"OUTPUT"}
    before = {path: path.read_bytes() for path in chain.values()}
    result, rows = repeat(run, tmp_path, chain[step])
    different = {key: row for key, row in rows.items() if row["same"] == "no"}
    assert result["SAME"] == 1 and not different and result["DIFFERENT"] == 0, different
    assert outputs <= {name for part, name in rows if part == "output"} and result["INPUTS_CHANGED"] == 0
    assert {path: path.read_bytes() for path in chain.values()} == before, "the earlier outputs stay as they were"
    for name in outputs:
        assert Path(rows["output", name]["now"]).is_file()


def test_a_validation_gives_the_same_numbers_and_points(run, numbers, tmp_path):
    result, rows = repeat(run, tmp_path, numbers)
    same = {name: row["same"] for (part, name), row in rows.items() if part == "output"}
    assert same == {"OUTPUT_TABLE": "yes", "OUTPUT_POINTS": "yes", "OUTPUT_HTML": "not compared"}
    assert result["SAME"] == 1 and rows["number", "AUC"]["then"] == rows["number", "AUC"]["now"] != ""


def test_demo_data_are_compared_file_by_file(run, tmp_path):
    run("createdemodata", SIZE=64, REGIONS=2, SEED=4, OUTPUT=tmp_path / "demo")
    result, rows = repeat(run, tmp_path, tmp_path / "demo" / "dem.tif")
    same = [rows["output", f"OUTPUT/{name}"]["same"] for name in ("dem.tif", "rivers.gpkg", "landslides.gpkg")]
    assert (result["SAME"], same) == (1, ["yes"] * 3)


def test_a_vector_output_has_a_record_and_any_output_leads_to_all(run, chain, tmp_path):
    one, other = (record_of(chain[name]) for name in ("windows", "model"))
    assert (one["algorithm"], one["call"]) == ("scarp:trainpcum", other["call"])
    assert one["outputs"]["OUTPUT"]["sha256"] == other["outputs"]["OUTPUT"]["sha256"]


def test_the_record_holds_every_parameter_under_its_name(chain, plugin):
    algorithm = QgsApplication.processingRegistry().algorithmById("scarp:trainpcum")
    call = record_of(chain["model"])["call"]
    declared = {one.name() for one in algorithm.parameterDefinitions()}
    assert set(call["parameters"]) | set(call["outputs"]) == declared
    assert {**call["parameters"], **TRAINING, "DEVICE": "auto", "LAMBDA": None} == call["parameters"]
    assert set(call["files"]) == {"STACK", "LABELS", "SAFETY_FACTOR"}
    assert all(len(one["sha256"]) == 64 for files in call["files"].values() for one in files)


def test_a_changed_raster_and_its_effect_are_named(run, area, tmp_path):
    folder = tmp_path / "inputs"
    shutil.copytree(area, folder)
    run("buildfactorstack", OUTPUT=tmp_path / "stack.tif", **stack_inputs(folder))
    with rasterio.open(folder / "dem.tif", "r+") as dem:
        heights = dem.read(1)
        heights[40:44, 50:54] += 30
        dem.write(heights, 1)
    listener = Listener()
    result, rows = repeat(run, tmp_path, tmp_path / "stack.tif", listener)
    assert (result["SAME"], result["INPUTS_CHANGED"]) == (0, 1)
    assert {name for (part, name), row in rows.items() if part == "input" and row["same"] == "no"} == {"DEM"}
    difference, texts = rows["output", "OUTPUT"]["what"], " ".join(listener.warnings)
    assert "slope" in difference and "cells differ" in difference and "temperature" not in difference
    assert "Inputs have changed since the run: DEM" in texts and "the inputs named above have changed" in texts


def test_a_layer_is_compared_by_its_features_and_not_by_its_file(run, area, chain, tmp_path):
    """GeoPackages change when they are opened; what counts is what was read."""
    slides = tmp_path / "landslides.gpkg"
    shutil.copy(area / "landslides.gpkg", slides)
    output = label(run, chain, tmp_path, slides, SCALE_FIELD="scale", RADII=RADII)
    layer = QgsVectorLayer(str(slides), "", "ogr")
    note = layer.fields().lookupField("note")
    first = next(layer.getFeatures())
    layer.dataProvider().changeAttributeValues({first.id(): {note: "a field that no one asked for"}})
    result, rows = repeat(run, tmp_path, output)
    assert (result["SAME"], rows["input", "LANDSLIDES"]["same"]) == (1, "yes")
    layer.dataProvider().deleteFeatures([first.id()])
    result, rows = repeat(run, tmp_path, output)
    assert (result["INPUTS_CHANGED"], rows["input", "LANDSLIDES"]["what"]) == (1, "90 features then, 89 now")


def test_temporary_layers_are_named_and_can_be_replaced(run, area, chain, tmp_path):
    places = [(cell_point(40, 20 + 7 * number), ["small"]) for number in range(9)]
    layer = memory_layer("Point", "scale:string", places, name="sketched")
    output = label(run, chain, tmp_path, layer, RADII=RADII)
    with pytest.raises(QgsProcessingException, match='LANDSLIDES was the temporary layer "sketched".*REPLACE'):
        repeat(run, tmp_path, output)
    saved = write_layer(tmp_path / "sketched.gpkg", "Point", "scale:string", places)
    result, rows = repeat(run, tmp_path, output, REPLACE=f"LANDSLIDES={saved}")
    assert (result["SAME"], rows["input", "LANDSLIDES"]["same"]) == (1, "yes")


def test_selected_features_are_refused(run, area, chain, tmp_path):
    with in_project(QgsVectorLayer(str(area / "landslides.gpkg"), "slides", "ogr")) as layer:
        layer.selectByIds([1, 2, 3])
        output = label(run, chain, tmp_path, QgsProcessingFeatureSourceDefinition(layer.id(), True))
    with pytest.raises(QgsProcessingException, match="LANDSLIDES was only the selected features"):
        repeat(run, tmp_path, output)


def test_a_subset_of_features_is_repeated(run, area, chain, tmp_path):
    output = label(run, chain, tmp_path, f'{area / "landslides.gpkg"}|subset="year" < 2040', RADII=RADII)
    assert record_of(output)["call"]["layers"]["LANDSLIDES"]["features"] == 40
    result, rows = repeat(run, tmp_path, output)
    assert (result["SAME"], rows["input", "LANDSLIDES"]["what"]) == (1, "the same 40 features")


def test_a_moved_folder_is_found_beside_its_record(run, chain, tmp_path):
    first, moved = tmp_path / "first", tmp_path / "moved"
    first.mkdir()
    shutil.copy(chain["susceptibility"], first / "map.tif")
    run("classifyzones", SUSCEPTIBILITY=first / "map.tif", OUTPUT=first / "zones.tif")
    first.rename(moved)
    listener = Listener()
    result, _ = repeat(run, tmp_path, moved / "zones.tif", listener)
    assert result["SAME"] == 1 and any("instead" in line for line in listener.lines)
    (moved / "map.tif").unlink()
    with pytest.raises(QgsProcessingException, match="SUSCEPTIBILITY: .*map.tif does not exist any more.*REPLACE"):
        repeat(run, tmp_path, moved / "zones.tif")


def test_the_earlier_outputs_are_never_written_over(run, chain, tmp_path):
    folder, record = chain["zones"].parent, f"{chain['zones']}.run.json"
    with pytest.raises(QgsProcessingException, match="already holds files"):
        run("rerun", RECORD=record, FOLDER=folder, OUTPUT_TABLE=tmp_path / "comparison.csv")


def test_changed_and_missing_earlier_outputs_are_distinguished(run, chain, tmp_path):
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif")
    (tmp_path / "zones.tif").unlink()
    result, _ = repeat(run, tmp_path, tmp_path / "zones.tif")
    assert result["SAME"] == 1, "the checksum in the record is enough"
    shutil.copy(tmp_path / "again0" / "zones.tif", tmp_path / "zones.tif")
    with rasterio.open(tmp_path / "zones.tif", "r+") as zones:
        cells = zones.read(1)
        cells[tuple(np.argwhere(cells == 3)[0])] = 5
        zones.write(cells, 1)
    result, _ = repeat(run, tmp_path, tmp_path / "zones.tif")
    assert result["SAME"] == 1, "the repetition is what was made then, whatever became of the file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ('{"algorithm": "scarp:trainpcum"}', "does not say with which parameters"),
        ('{"algorithm": "scarp:rerun", "call": {"parameters": {}}}', "cannot run again"),
        ('{"algorithm": "scarp:nothing", "call": {"parameters": {}}}', "cannot run again"),
    ],
)
def test_a_record_that_cannot_be_used_says_why(run, tmp_path, content, message):
    (tmp_path / "bad.tif.run.json").write_text(content)
    with pytest.raises(QgsProcessingException, match=message):
        repeat(run, tmp_path, tmp_path / "bad.tif")


def test_a_record_of_others_writes_and_calls_nowhere_else(run, chain, tmp_path):
    """A checkpoint would be written, an address called: neither is taken from a record."""
    record = record_of(chain["model"])
    record["call"]["parameters"]["CHECKPOINT"] = str(tmp_path / "elsewhere.state")
    (tmp_path / "model.safetensors.run.json").write_text(json.dumps(record))
    repeat(run, tmp_path, tmp_path / "model.safetensors")
    assert not (tmp_path / "elsewhere.state").exists()
    record = record_of(chain["susceptibility"])
    record["call"]["parameters"]["SCHEDULER"] = "tcp://203.0.113.1:8786"
    (tmp_path / "map.tif.run.json").write_text(json.dumps(record))
    result, _ = repeat(run, tmp_path, tmp_path / "map.tif")
    assert result["SAME"] == 1


def test_layers_in_memory_are_compared_by_their_content(run, chain, tmp_path):
    outputs = {"OUTPUT": tmp_path / "model.safetensors", "OUTPUT_WINDOWS": "TEMPORARY_OUTPUT"}
    run("trainpcum", STACK=chain["stack"], LABELS=chain["labels"], PHYSICS="none", **outputs, **TRAINING)
    _, rows = repeat(run, tmp_path, tmp_path / "model.safetensors")
    assert rows["output", "OUTPUT_WINDOWS"]["same"] == "yes"


def test_a_password_is_not_kept():
    kept = strip_password("dbname='slides' host=db.example.org user='anna' password='hush' table=\"a\".\"b\" (geom)")
    assert "hush" not in kept and "anna" in kept
