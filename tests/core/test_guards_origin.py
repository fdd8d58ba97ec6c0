"""Provenance: changed inputs are found, and maps, zones and models store what they are and what may mislead."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import rasterio

from scarp.model.artifact import load_model, save_model
from scarp.model.errors import InputCorrupt, InputMissing
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.compare_runs import compare_runs
from scarp.model.outputs.run_record import RunRecord, read_record, sha256, write_record
from scarp.model.progress import NullProgress
from scarp.model.provenance import records
from scarp.model.provenance.run_comparison import (
    compare_model_files,
    compare_rasters,
    compare_recorded_runs,
    compare_tables,
)
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import (
    Listener,
    box,
    classify_zones,
    rainfall_warning,
    utm_grid,
    validate_with_points,
    warnings_of,
    write_raster,
)
from scarp.tests.core.prediction_models import predict as predict_with

GRID = utm_grid(64, 64)
ROWS, COLUMNS = np.mgrid[:64, :64]
LEFT, _, _, TOP = GRID.bounds
PLANE, OTHER_PLANE = (ROWS + COLUMNS / 7) / 80, (COLUMNS + ROWS / 7) / 80
STEPS, NUMBERED = np.arange(25), [f"number {number}" for number in range(50)]
SLIDES = Points("slides", xy=np.stack([LEFT + 100 + 60 * STEPS, TOP - 1000 - 30 * STEPS], axis=1))


def raster(path, values: np.ndarray, grid: Grid = GRID, bands: int = 1) -> str:
    planes = np.stack([values + number for number in range(bands)]).astype("float32")
    return write_raster(path, planes, grid, nodata=np.nan)


def tagged_map(path, values: np.ndarray = PLANE, **tags: str) -> str:
    with create_raster(path, GRID, "float32", np.nan, tags=tags, overviews=None) as dataset:
        dataset.write(values.astype("float32"), 1)
    return str(path)


def later(path) -> None:
    """Give a file a time after that of any record here."""
    os.utime(path, (2_000_000_000, 2_000_000_000))


# What a file was made from


def made(folder, **inputs) -> str:
    output = folder / "made.tif"
    record = RunRecord("classifyzones", {}, inputs)
    output.write_bytes(b"made")
    record.write({"OUTPUT": output})
    return str(output)


def test_changed_inputs_are_found_by_their_content(tmp_path):
    for name in ("a.tif", "b.tif", "c.gpkg"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    output = made(tmp_path, ONE=tmp_path / "a.tif", MORE=[tmp_path / "b.tif"], SLIDES=tmp_path / "c.gpkg")
    assert records.changes_since(output) == []
    assert [records.recorded_checksum(output, name) for name in ("ONE", "TWO")] == [sha256(tmp_path / "a.tif"), ""]
    later(tmp_path / "a.tif")
    assert records.changes_since(output) == [], "touched only"
    (tmp_path / "a.tif").write_bytes(b"A.tif" * 100)
    later(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"longer" * 100)
    changes = [(change.parameter, os.path.basename(change.path)) for change in records.changes_since(output)]
    assert changes == [("ONE", "a.tif"), ("MORE", "b.tif")]
    (tmp_path / "c.gpkg").write_bytes(b"changed by opening it")
    later(tmp_path / "c.gpkg")
    (tmp_path / "a.tif").unlink()
    assert [change.parameter for change in records.changes_since(output)] == ["MORE"], "gone is not changed"


MALFORMED = ["", "{", "[]", '{"inputs": 3}', '{"inputs": {"A": 3, "B": [4, {"source": 1}]}}']
MALFORMED += ['{"inputs": {"A": {"source": "\\u0000", "bytes": "x", "sha256": 3}}, "started": {}}']


@pytest.mark.parametrize("record", MALFORMED)
def test_a_malformed_record_is_ignored(tmp_path, record):
    output = tmp_path / "made.tif"
    output.with_name("made.tif.run.json").write_text(record)
    assert (records.changes_since(output), records.recorded_checksum(output, "A")) == ([], "")


# Models know what they were trained on


@pytest.fixture
def stack(tmp_path) -> str:
    return prediction_models.stack(tmp_path / "stack.tif", prediction_models.values(64, 64))


def model_of(path, stack: str, kind: str = "linear", pixel: float = 30.0) -> str:
    trained = prediction_models.model(kind)
    grid = Grid.from_file(stack, "stack")
    inputs = {"STACK": {"sha256": sha256(stack)}, "LABELS": {"sha256": "0" * 64}}
    trained.training = records.training_inputs(inputs, grid)
    trained.pixel_size = pixel
    save_model(trained, path)
    return str(path)


def predict(stack, model, output) -> list[str]:
    return warnings_of(predict_with, stack, [model], output)


def tags_of(path) -> dict[str, str]:
    with rasterio.open(path) as dataset:
        return dataset.tags()


def having(text: str, texts: list[str]) -> list[str]:
    return [one for one in texts if text in one]


def test_a_stack_that_changed_since_training_gives_a_warning(tmp_path, stack):
    model = model_of(tmp_path / "m.safetensors", stack)
    assert not having("changed since", predict(stack, model, tmp_path / "same.tif"))
    other = prediction_models.stack(tmp_path / "other.tif", prediction_models.values(64, 64, seed=2))
    texts = having("changed since", predict(other, model, tmp_path / "map.tif"))
    assert len(texts) == len(having("m.safetensors", texts)) == 1
    assert texts[0] in records.read_warnings(tags_of(tmp_path / "map.tif"))
    assert texts[0] in read_record(tmp_path / "map.tif")["warnings"]
    elsewhere = prediction_models.stack(tmp_path / "elsewhere.tif", prediction_models.values(64, 80))
    assert not having("changed since", predict(elsewhere, model, tmp_path / "new.tif"))


def test_a_model_file_keeps_checksums_and_no_paths(tmp_path, stack):
    trained = load_model(model_of(tmp_path / "m.safetensors", stack))
    assert trained.training["inputs"]["STACK"] == sha256(stack)
    assert str(tmp_path) not in json.dumps(trained.training)
    grid = Grid.from_file(stack, "stack")
    found = [records.changed_since_training(trained.training, "STACK", checksum, grid) for checksum in ("1" * 64, "")]
    assert list(map(bool, found)) == [True, False]


UNKNOWN = [{}, {"inputs": 3}, {"inputs": {"STACK": 4, "grid": []}}, {"inputs": {"STACK": "ab"}}]


@pytest.mark.parametrize("training", [*UNKNOWN, {"inputs": {"STACK": "ab", "grid": [1, 2, "3", 4, 5, 6]}}])
def test_models_without_checksums_give_no_warning(training):
    assert not records.changed_since_training(training, "STACK", "1" * 64, GRID)
    assert set(records.training_inputs(None, GRID)["inputs"]) == {"grid", "crs"}


# Maps store what they are and what may mislead


def test_warnings_of_a_prediction_are_stored_in_the_map(tmp_path, stack):
    model = model_of(tmp_path / "m.safetensors", stack, pixel=90.0)
    texts = predict(stack, model, tmp_path / "map.tif")
    assert having("trained on cells of 90 m", texts) and having("outside the training data", texts)
    assert read_record(tmp_path / "map.tif")["warnings"] == texts
    tags = tags_of(tmp_path / "map.tif")
    assert records.read_warnings(tags) == [" ".join(text.split())[: records.MAX_LENGTH] for text in texts]
    assert (tags["STACK_SHA256"], tags["MODEL_SHA256"]) == (sha256(stack), sha256(model))


def test_warnings_pass_from_the_map_to_zones_warning_and_report(tmp_path):
    tags = {**records.warning_tags(["The cells are of another size."]), "MODEL_SHA256": "a" * 64}
    shares, zones, listener = tagged_map(tmp_path / "map.tif", **tags), tmp_path / "zones.tif", Listener()
    classify_zones(shares, zones)
    rain, outputs = [raster(tmp_path / "rain.tif", 60 + ROWS)], (tmp_path / "warning.tif", tmp_path / "w.csv")
    rainfall_warning(shares, rain, *outputs, k=0.0129, zones=zones, progress=listener)
    for name in ("zones.tif", "warning.tif"):
        assert having("another size", records.read_warnings(tags_of(tmp_path / name))), name
    assert having("another size", listener.warnings)
    report, table = tmp_path / "report.html", tmp_path / "t.csv"
    summary = validate_with_points(shares, SLIDES, report, table, distance=90.0, repeats=2, zones=zones)
    assert having("another size", summary.warnings)
    page = report.read_text(encoding="utf-8")
    assert "The cells are of another size." in page and "a map of relative landslide susceptibility" in page
    assert summary.warnings == read_record(table)["warnings"]


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        *(([], []), (["one\nline   only"], ["one line only"]), (["twice", "twice"], ["twice"])),
        (["x" * 5000], ["x" * records.MAX_LENGTH]),
        (NUMBERED, [*NUMBERED[: records.MAX_WARNINGS - 1], "31 more warnings are in the run record."]),
    ],
)
def test_warnings_in_a_file_are_lines_of_bounded_number_and_length(texts, kept):
    assert records.read_warnings(records.warning_tags(texts)) == kept


def test_untrusted_tags_are_texts_of_bounded_number_and_length():
    found = records.read_warnings({"WARNINGS": "\n".join(["<script>" * 1000] * 1000)})
    assert list(map(len, found)) == [records.MAX_LENGTH] * records.MAX_WARNINGS


# Zones and windows belong to the map


@pytest.fixture
def validate(tmp_path):
    """Validate ``map.tif`` and return the warnings."""
    tagged_map(tmp_path / "map.tif", MODEL_SHA256="a" * 64)

    def run(**layers) -> list[str]:
        settings = {"distance": 90.0, "repeats": 2, **layers}
        return validate_with_points(tmp_path / "map.tif", SLIDES, None, tmp_path / "t.csv", **settings).warnings

    return run


def test_zones_of_another_version_of_the_map_give_a_warning(tmp_path, validate):
    zones = tmp_path / "zones.tif"
    classify_zones(tmp_path / "map.tif", zones)
    assert not having("zones", [text.lower() for text in validate(zones=zones)])
    tagged_map(tmp_path / "map.tif", OTHER_PLANE, MODEL_SHA256="a" * 64)
    later(tmp_path / "map.tif")
    texts = " ".join(validate(zones=zones))
    assert "were cut from another version of the map" in texts
    assert "zones.tif was made from map.tif (SUSCEPTIBILITY), which has changed since" in texts
    os.remove(tmp_path / "zones.tif.run.json")
    assert "were cut from another version" in " ".join(validate(zones=zones)), "the raster itself states its map"


@pytest.mark.parametrize(
    ("models", "word"), [("a", None), ("b", "not those of the model"), ("a, b", "mean of 2 models"), ("", None)]
)
def test_windows_of_another_training_give_a_warning(tmp_path, validate, models, word):
    (tmp_path / "windows.gpkg").write_bytes(b"windows")
    write_record(tmp_path / "windows.gpkg", {"outputs": {"OUTPUT": {"source": "m.safetensors", "sha256": "a" * 64}}})
    source = str(tmp_path / "windows.gpkg|layername=windows")
    windows = Polygons("windows", source, {"subset": ["train"]}, [box(LEFT, TOP - 2000, LEFT + 2000, TOP)])
    checksums = ", ".join(name * 64 for name in models.split(", "))
    tagged_map(tmp_path / "map.tif", MODEL_SHA256=checksums)
    texts = having("training windows are", validate(windows=windows))
    assert [word in text for text in texts] == ([] if word is None else [True])


def test_a_map_older_than_its_stack_gives_a_warning(tmp_path, stack):
    predict(stack, model_of(tmp_path / "m.safetensors", stack), tmp_path / "fresh.tif")
    step = (classify_zones, tmp_path / "fresh.tif", tmp_path / "z.tif")
    assert not having("changed since", warnings_of(*step))
    prediction_models.stack(stack, prediction_models.values(64, 64, seed=5))
    later(stack)
    warnings = warnings_of(*step)
    assert having("fresh.tif was made from stack.tif (STACK), which has changed", warnings)
    assert warnings == read_record(tmp_path / "z.tif")["warnings"]


# Comparing a run with its repetition


def test_rasters_are_compared_cell_by_cell(tmp_path):
    values = ROWS * 1.0
    values[5, 5] = np.nan
    first = raster(tmp_path / "a.tif", values, bands=2)

    def compare(*other, **more):
        return compare_rasters(first, raster(tmp_path / "b.tif", *other, **more), NullProgress())

    assert compare(values, bands=2).same
    changed = values.copy()
    changed[7, 7:10] += 0.25
    changed[5, 5] = 1
    difference = compare(changed, bands=2)
    assert not difference.same
    assert "band 1: 3 cells differ, by 0.25 at most, 1 cells have data in one of the two only" in difference.text
    assert "another grid" in compare(values, utm_grid(64, 64, left=LEFT + 30), 2).text
    assert compare(values).text == "2 bands then, 1 now"


def test_tables_are_compared_row_by_row(tmp_path):
    def table(name: str, *rows: str) -> str:
        (tmp_path / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    first = table("a.csv", "zone,share", "low,0.5", "high,0.5")
    assert compare_tables(first, table("b.csv", "zone,share", "low,0.5", "high,0.5")).same
    difference = compare_tables(first, table("c.csv", "zone,share", "low,0.4", "high,0.5", "top,0.1"))
    texts = ("row 1 (share: 0.5 then, 0.4 now)", "row 3 is new", "2 rows then, 3 now")
    assert not difference.same and all(text in difference.text for text in texts)


def test_models_are_compared_weight_by_weight(tmp_path):
    first = prediction_models.saved(tmp_path / "a.safetensors", "unet1")
    same = prediction_models.model("unet1")
    same.versions = {"torch": "0"}
    save_model(same, tmp_path / "b.safetensors")
    assert compare_model_files(first, tmp_path / "b.safetensors").same
    found = compare_model_files(first, prediction_models.saved(tmp_path / "c.safetensors", "unet1", seed=2))
    assert not found.same and "weights differ by" in found.text and "seed" in found.text
    assert not compare_model_files(first, prediction_models.saved(tmp_path / "d.safetensors", "linear")).same


def call(folder, name: str, numbers=None, **more) -> str:
    content = {"algorithm": "scarp:classifyzones", "versions": {"torch": name}, "outputs": {}}
    write_record(folder / name, {**content, "call": {"parameters": {}, "numbers": numbers or {}, **more}})
    return f"{folder / name}.run.json"


def test_differences_in_numbers_environment_and_inputs_are_distinguished(tmp_path):
    files = {"STACK": [{"source": "s.tif", "sha256": "a" * 64}]}
    numbers, listener = {"AUC": 0.75, "GAP": float("nan"), "NOTE": "x"}, Listener()
    then = call(tmp_path, "1.0", numbers, files=files)
    summary = compare_runs(then, call(tmp_path, "2.0", numbers, files=files), {}, tmp_path / "t.csv", progress=listener)
    assert (summary.same, summary.compared, summary.changed) == (True, 3, [])
    assert not listener.warnings
    assert "ran on,torch,no,another,1.0,2.0" in (tmp_path / "t.csv").read_text(encoding="utf-8")
    changed = {"STACK": [{"source": "s.tif", "sha256": "b" * 64}]}
    other = call(tmp_path, "3.0", {"AUC": 0.76, "GAP": float("nan")}, files=changed)
    summary = compare_runs(then, other, {}, None, progress=listener)
    assert (summary.same, summary.different, summary.changed) == (False, 2, ["STACK"])
    for text in ("AUC: differs by 0.01 (0.75 then, 0.76 now)", "torch 1.0 then, 3.0 now"):
        assert having(text, listener.warnings)


def test_nothing_compared_is_not_called_the_same(tmp_path):
    listener = Listener()
    assert not compare_runs(call(tmp_path, "1.0"), call(tmp_path, "1.0b"), {}, None, progress=listener).same
    assert having("Nothing could be compared", listener.warnings)


CORRUPT = ["{", "[]", '{"algorithm": "gdal:x"}', '{"algorithm": "scarp:x", "call": 3}']
CORRUPT += ['{"algorithm": "scarp:x; rm", "call": {"parameters": {}}}']


@pytest.mark.parametrize(("content", "error"), [(None, InputMissing), *((text, InputCorrupt) for text in CORRUPT)])
def test_a_record_that_cannot_be_repeated_says_why(tmp_path, content, error):
    if content is not None:
        (tmp_path / "a.run.json").write_text(content)
    with pytest.raises(error):
        records.read_recorded_run(tmp_path / "a")


def test_malformed_parts_of_a_record_are_left_out(tmp_path):
    call = {"parameters": {"P": [1, {}]}, "files": {"F": [1, {"sha256": "a" * 64}], "G": {}}, "layers": {"L": 1}}
    call |= {"outputs": {"O": 5, "P": "p.tif"}, "numbers": 7, "written": None}
    outputs = {"A": 3, "B": {"source": 4, "sha256": "zz"}}
    content = {"algorithm": "scarp:x", "outputs": outputs, "versions": [1], "call": call}
    (tmp_path / "a.run.json").write_text(json.dumps(content))
    found = records.read_recorded_run(tmp_path / "a")
    assert (found.outputs, found.output_files["B"].sha256) == ({"P": "p.tif"}, "")
    assert found.layers == {} == found.written_layers == found.numbers
    assert [len(one.sha256) for one in found.files["F"]] == [64]
    assert compare_recorded_runs(found, found, {}, NullProgress())


def test_a_changed_earlier_output_is_reported(tmp_path):
    earlier, repeated = (str(tmp_path / name) for name in ("a.tif", "b.tif"))
    shutil.copy(raster(tmp_path / "a.tif", ROWS * 1.0), repeated)
    call = {"parameters": {}, "outputs": {"OUTPUT": "a.tif"}}
    outputs = {"OUTPUT": {"source": earlier, "sha256": "c" * 64}}
    write_record(tmp_path / "a.tif", {"algorithm": "scarp:classifyzones", "call": call, "outputs": outputs})
    run = records.read_recorded_run(earlier)

    def compare():
        lines = compare_recorded_runs(run, run, {"OUTPUT": (earlier, repeated)}, NullProgress())
        return next(line.difference for line in lines if line.part == "output")

    assert compare().same
    assert "has been changed since it was made" in compare().text
    os.remove(earlier)
    assert compare().same is False
