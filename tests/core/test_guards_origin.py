"""What was made from what: changes are noticed, and maps, zones and models say what they are and what misleads."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.artifact import load_model, save_model
from scarp.model.artifact_header import read_header
from scarp.model.errors import InputCorrupt, InputMissing
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.jobs.compare_runs import compare_runs
from scarp.model.jobs.rainfall_warning import rainfall_warning
from scarp.model.outputs.run_record import RunRecord, read_record, sha256, write_record
from scarp.model.progress import NullProgress
from scarp.model.provenance.call import read_recorded_run
from scarp.model.provenance.lineage import changed_since_training, changes_since, recorded_checksum, training_inputs
from scarp.model.provenance.map_tags import LONGEST, MOST_WARNINGS, read_warnings, warning_tags
from scarp.model.provenance.run_comparison import compare_rasters, compare_recorded_runs, compare_tables
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import validate_with_points
from scarp.tests.core.prediction_models import predict as predict_with

GRID = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 64, 64)
ROWS, COLUMNS = np.mgrid[:64, :64]


def raster(path, values: np.ndarray, grid: Grid = GRID, bands: int = 1) -> str:
    with create_raster(
        path, grid, "float32", np.nan, [f"band {number}" for number in range(1, bands + 1)], overviews=None
    ) as dataset:
        for number in range(1, bands + 1):
            dataset.write((values + number - 1).astype("float32"), number)
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
    assert changes_since(output) == []
    assert recorded_checksum(output, "ONE") == sha256(tmp_path / "a.tif")
    assert recorded_checksum(output, "TWO") == ""
    later(tmp_path / "a.tif")
    assert changes_since(output) == [], "touched only"
    (tmp_path / "a.tif").write_bytes(b"A.tif" * 100)
    later(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"longer" * 100)
    assert [(change.parameter, os.path.basename(change.path)) for change in changes_since(output)] == [
        ("ONE", "a.tif"),
        ("MORE", "b.tif"),
    ]
    (tmp_path / "c.gpkg").write_bytes(b"changed by looking at it")
    later(tmp_path / "c.gpkg")
    (tmp_path / "a.tif").unlink()
    assert [change.parameter for change in changes_since(output)] == ["MORE"], "gone is not changed"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[]",
        '{"inputs": 3}',
        '{"inputs": {"A": 3, "B": [4, {"source": 1}]}}',
        '{"inputs": {"A": {"source": "\\u0000", "bytes": "x", "sha256": 3}}, "started": {}}',
    ],
)
def test_a_record_of_others_says_nothing_and_breaks_nothing(tmp_path, record):
    (tmp_path / "made.tif.run.json").write_text(record)
    assert changes_since(tmp_path / "made.tif") == []
    assert recorded_checksum(tmp_path / "made.tif", "A") == ""


# Models know what they were trained on


@pytest.fixture
def stack(tmp_path) -> str:
    return prediction_models.stack(tmp_path / "stack.tif", prediction_models.values(64, 64))


def model_of(path, stack: str, kind: str = "linear", pixel: float = 30.0) -> str:
    trained = prediction_models.model(kind)
    with rasterio.open(stack) as dataset:
        grid = Grid.from_dataset(dataset, "stack")
    trained.training = training_inputs({"STACK": {"sha256": sha256(stack)}, "LABELS": {"sha256": "0" * 64}}, grid)
    trained.pixel_size = pixel
    save_model(trained, path)
    return str(path)


def predict(stack, model, output, **options) -> list[str]:
    listener = NullProgress()
    predict_with(stack, [model], output, progress=listener, **options)
    return listener.warnings


def test_a_stack_that_changed_since_training_is_noticed(tmp_path, stack):
    model = model_of(tmp_path / "m.safetensors", stack)
    assert not [text for text in predict(stack, model, tmp_path / "same.tif") if "changed since" in text]
    other = prediction_models.stack(tmp_path / "other.tif", prediction_models.values(64, 64, seed=2))
    said = [text for text in predict(other, model, tmp_path / "map.tif") if "changed since" in text]
    assert len(said) == 1
    assert "m.safetensors" in said[0]
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert said[0] in read_warnings(dataset.tags())
    assert said[0] in read_record(tmp_path / "map.tif")["warnings"]
    elsewhere = prediction_models.stack(tmp_path / "elsewhere.tif", prediction_models.values(64, 80))
    assert not [text for text in predict(elsewhere, model, tmp_path / "new.tif") if "changed since" in text], (
        "another area is another stack"
    )


def test_a_model_file_keeps_checksums_and_no_paths(tmp_path, stack):
    trained = load_model(model_of(tmp_path / "m.safetensors", stack))
    assert trained.training["inputs"]["STACK"] == sha256(stack)
    assert str(tmp_path) not in json.dumps(trained.training)
    with rasterio.open(stack) as dataset:
        grid = Grid.from_dataset(dataset, "stack")
    assert changed_since_training(trained.training, "STACK", "1" * 64, grid)
    assert not changed_since_training(trained.training, "STACK", "", grid)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"inputs": 3},
        {"inputs": {"STACK": 4, "grid": []}},
        {"inputs": {"STACK": "ab", "grid": [1, 2, "3", 4, 5, 6]}},
        {"inputs": {"STACK": "ab"}},
    ],
)
def test_models_without_checksums_give_no_warning(told):
    assert not changed_since_training(told, "STACK", "1" * 64, GRID)


def test_header_reader_takes_what_training_keeps():
    assert callable(read_header)
    assert set(training_inputs(None, GRID)["inputs"]) == {"grid"}


# Maps say what they are and what misleads in them


def test_another_cell_size_and_unseen_values_stay_with_the_map(tmp_path, stack):
    model = model_of(tmp_path / "m.safetensors", stack, pixel=90.0)
    said = predict(stack, model, tmp_path / "map.tif")
    assert any("trained on cells of 90 m" in text for text in said)
    assert any("outside the training data" in text for text in said)
    record = read_record(tmp_path / "map.tif")
    assert record["warnings"] == said
    with rasterio.open(tmp_path / "map.tif") as dataset:
        tags = dataset.tags()
        assert dataset.descriptions == ("relative landslide susceptibility",)
    assert read_warnings(tags) == [" ".join(text.split())[:LONGEST] for text in said]
    assert tags["STACK_SHA256"] == sha256(stack)
    assert tags["MODEL_SHA256"] == sha256(model)
    assert "not a calibrated probability" in tags["MEANING"]


def test_warnings_go_along_from_the_map_to_zones_warning_and_report(tmp_path):
    shares = tmp_path / "map.tif"
    tags = {**warning_tags(["The cells are of another size."]), "MODEL_SHA256": "a" * 64}
    with create_raster(shares, GRID, "float32", np.nan, tags=tags, overviews=None) as dataset:
        dataset.write(((ROWS + COLUMNS / 7) / 80).astype("float32"), 1)
    classify_zones(shares, tmp_path / "zones.tif", progress=NullProgress())
    listener = NullProgress()
    rainfall_warning(
        shares,
        [raster(tmp_path / "rain.tif", 60 + ROWS)],
        tmp_path / "warning.tif",
        tmp_path / "w.csv",
        k=0.0129,
        zones=tmp_path / "zones.tif",
        progress=listener,
    )
    for name in ("zones.tif", "warning.tif"):
        with rasterio.open(tmp_path / name) as dataset:
            assert any("another size" in text for text in read_warnings(dataset.tags())), name
    assert any("another size" in text for text in listener.warnings)
    slides = Points("slides", xy=np.array([(500100.0 + 60 * number, 3299000.0 - 30 * number) for number in range(25)]))
    summary = validate_with_points(
        shares,
        slides,
        tmp_path / "report.html",
        tmp_path / "t.csv",
        distance=90,
        repeats=2,
        zones=tmp_path / "zones.tif",
        progress=NullProgress(),
    )
    assert any("another size" in text for text in summary.warnings)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The cells are of another size." in page
    assert "a map of relative landslide susceptibility" in page
    assert summary.warnings == read_record(tmp_path / "t.csv")["warnings"]


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ([], []),
        (["one\nline   only"], ["one line only"]),
        (["twice", "twice"], ["twice"]),
        (["x" * 5000], ["x" * LONGEST]),
        (
            [f"number {number}" for number in range(50)],
            [*(f"number {number}" for number in range(MOST_WARNINGS - 1)), "31 more warnings are in the run record."],
        ),
    ],
)
def test_warnings_in_a_file_are_lines_of_bounded_number_and_length(texts, kept):
    assert read_warnings(warning_tags(texts)) == kept


def test_tags_of_others_are_texts_of_bounded_number_and_length():
    found = read_warnings({"WARNINGS": "\n".join(["<script>" * 1000] * 1000)})
    assert len(found) == MOST_WARNINGS
    assert max(map(len, found)) == LONGEST


# Zones and windows belong to the map


@pytest.fixture
def judged(tmp_path):
    """A map of a model with its zones and windows, and a way to validate it."""
    shares = tmp_path / "map.tif"

    def write(values: np.ndarray, models: str = "a" * 64) -> None:
        with create_raster(shares, GRID, "float32", np.nan, tags={"MODEL_SHA256": models}, overviews=None) as dataset:
            dataset.write(values.astype("float32"), 1)

    write((ROWS + COLUMNS / 7) / 80)
    (tmp_path / "windows.gpkg").write_bytes(b"windows")
    write_record(tmp_path / "windows.gpkg", {"outputs": {"OUTPUT": {"source": "m.safetensors", "sha256": "a" * 64}}})
    windows = Polygons(
        "windows",
        str(tmp_path / "windows.gpkg|layername=windows"),
        {"subset": ["train"]},
        [
            {
                "type": "Polygon",
                "coordinates": [
                    [(500000, 3300000), (502000, 3300000), (502000, 3298000), (500000, 3298000), (500000, 3300000)]
                ],
            }
        ],
    )
    slides = Points("slides", xy=np.array([(500100.0 + 60 * number, 3299000.0 - 30 * number) for number in range(25)]))

    def validate(**options) -> list[str]:
        return validate_with_points(
            shares, slides, None, tmp_path / "t.csv", distance=90, repeats=2, progress=NullProgress(), **options
        ).warnings

    return write, validate, windows


def test_zones_of_another_state_of_the_map_are_noticed(tmp_path, judged):
    write, validate, _ = judged
    classify_zones(tmp_path / "map.tif", tmp_path / "zones.tif", progress=NullProgress())
    assert not [text for text in validate(zones=tmp_path / "zones.tif") if "zones" in text.lower()]
    write((COLUMNS + ROWS / 7) / 80)
    later(tmp_path / "map.tif")
    said = " ".join(validate(zones=tmp_path / "zones.tif"))
    assert "were cut from another state of the map" in said
    assert "zones.tif was made from map.tif (SUSCEPTIBILITY), which has changed since" in said
    os.remove(tmp_path / "zones.tif.run.json")
    assert "were cut from another state" in " ".join(validate(zones=tmp_path / "zones.tif")), "the raster knows itself"


@pytest.mark.parametrize(
    ("models", "word"),
    [
        ("a" * 64, None),
        ("b" * 64, "not those of the model"),
        (f"{'a' * 64}, {'b' * 64}", "mean of 2 models"),
        ("", None),
    ],
)
def test_windows_of_another_training_are_noticed(judged, models, word):
    write, validate, windows = judged
    write((ROWS + COLUMNS / 7) / 80, models)
    said = [text for text in validate(windows=windows) if "training windows are" in text]
    assert [word in text for text in said] == ([] if word is None else [True])


def test_a_map_older_than_its_stack_or_model_is_noticed(tmp_path, stack, judged):
    model = model_of(tmp_path / "m.safetensors", stack)
    predict(stack, model, tmp_path / "fresh.tif")
    listener = NullProgress()
    classify_zones(tmp_path / "fresh.tif", tmp_path / "z.tif", progress=listener)
    assert not [text for text in listener.warnings if "changed since" in text]
    prediction_models.stack(stack, prediction_models.values(64, 64, seed=5))
    later(stack)
    listener = NullProgress()
    classify_zones(tmp_path / "fresh.tif", tmp_path / "z.tif", progress=listener)
    assert [
        text for text in listener.warnings if "fresh.tif was made from stack.tif (STACK), which has changed" in text
    ]
    assert listener.warnings == read_record(tmp_path / "z.tif")["warnings"]


# Comparing a run with its repetition


def test_rasters_are_compared_cell_by_cell(tmp_path):
    values = ROWS * 1.0
    values[5, 5] = np.nan
    first = raster(tmp_path / "a.tif", values, bands=2)
    assert compare_rasters(first, raster(tmp_path / "b.tif", values, bands=2), NullProgress()).same
    changed = values.copy()
    changed[7, 7:10] += 0.25
    changed[5, 5] = 1
    found = compare_rasters(first, raster(tmp_path / "c.tif", changed, bands=2), NullProgress())
    assert not found.same
    assert "band 1: 3 cells differ, by 0.25 at most, 1 cells have data in one of the two only" in found.text
    moved = Grid(GRID.crs, from_origin(500030.0, 3300000.0, 30.0, 30.0), 64, 64)
    assert "another grid" in compare_rasters(first, raster(tmp_path / "d.tif", values, moved, 2), NullProgress()).text
    assert compare_rasters(first, raster(tmp_path / "e.tif", values), NullProgress()).text == "2 bands then, 1 now"


def test_tables_are_compared_row_by_row(tmp_path):
    def table(name: str, *rows: str) -> str:
        (tmp_path / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    first = table("a.csv", "zone,share", "low,0.5", "high,0.5")
    assert compare_tables(first, table("b.csv", "zone,share", "low,0.5", "high,0.5")).same
    found = compare_tables(first, table("c.csv", "zone,share", "low,0.4", "high,0.5", "top,0.1"))
    assert not found.same
    assert "row 1 (share: 0.5 then, 0.4 now)" in found.text
    assert "row 3 is new" in found.text
    assert "2 rows then, 3 now" in found.text


def test_models_are_compared_weight_by_weight(tmp_path):
    from scarp.model.provenance.run_comparison import compare_model_files

    first = prediction_models.saved(tmp_path / "a.safetensors", "unet1")
    same = prediction_models.model("unet1")
    same.versions = {"torch": "0"}
    save_model(same, tmp_path / "b.safetensors")
    assert compare_model_files(first, tmp_path / "b.safetensors").same
    found = compare_model_files(first, prediction_models.saved(tmp_path / "c.safetensors", "unet1", seed=2))
    assert not found.same
    assert "weights differ by" in found.text
    assert "seed" in found.text
    assert not compare_model_files(first, prediction_models.saved(tmp_path / "d.safetensors", "linear")).same


def call(folder, name: str, numbers=None, algorithm="scarp:classifyzones", **more) -> str:
    content = {
        "algorithm": algorithm,
        "versions": {"torch": name},
        "outputs": {},
        "call": {"parameters": {}, "numbers": numbers or {}, **more},
    }
    write_record(folder / name, content)
    return f"{folder / name}.run.json"


def test_differences_in_numbers_environment_and_inputs_are_distinguished(tmp_path):
    files = {"STACK": [{"source": "s.tif", "sha256": "a" * 64}]}
    then = call(tmp_path, "1.0", {"AUC": 0.75, "GAP": float("nan"), "NOTE": "x"}, files=files)
    same = call(tmp_path, "2.0", {"AUC": 0.75, "GAP": float("nan"), "NOTE": "x"}, files=files)
    listener = NullProgress()
    summary = compare_runs(then, same, {}, tmp_path / "table.csv", progress=listener)
    assert summary.same
    assert summary.compared == 3
    assert not summary.changed
    assert not listener.warnings
    other = call(
        tmp_path, "3.0", {"AUC": 0.76, "GAP": float("nan")}, files={"STACK": [{"source": "s.tif", "sha256": "b" * 64}]}
    )
    listener = NullProgress()
    summary = compare_runs(then, other, {}, None, progress=listener)
    assert not summary.same
    assert summary.different == 2
    assert summary.changed == ["STACK"]
    said = " ".join(listener.warnings)
    assert "AUC: differs by 0.01 (0.75 then, 0.76 now)" in said
    assert "torch 1.0 then, 3.0 now" in said
    text = (tmp_path / "table.csv").read_text(encoding="utf-8")
    assert "ran on,torch,no,another,1.0,2.0" in text


def test_nothing_compared_is_not_called_the_same(tmp_path):
    listener = NullProgress()
    summary = compare_runs(call(tmp_path, "1.0"), call(tmp_path, "1.0b"), {}, None, progress=listener)
    assert not summary.same
    assert "Nothing could be compared" in " ".join(listener.warnings)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, InputMissing),
        ("{", InputCorrupt),
        ("[]", InputCorrupt),
        ('{"algorithm": "gdal:x"}', InputCorrupt),
        ('{"algorithm": "scarp:x", "call": 3}', InputCorrupt),
        ('{"algorithm": "scarp:x; rm", "call": {"parameters": {}}}', InputCorrupt),
    ],
)
def test_a_record_that_cannot_be_repeated_says_why(tmp_path, content, error):
    if content is not None:
        (tmp_path / "a.run.json").write_text(content)
    with pytest.raises(error):
        read_recorded_run(tmp_path / "a")


def test_a_record_with_odd_parts_is_read_without_them(tmp_path):
    (tmp_path / "a.run.json").write_text(
        json.dumps(
            {
                "algorithm": "scarp:x",
                "outputs": {"A": 3, "B": {"source": 4, "sha256": "zz"}},
                "versions": [1],
                "call": {
                    "parameters": {"P": [1, {}]},
                    "files": {"F": [1, {"sha256": "a" * 64}], "G": {}},
                    "layers": {"L": 1},
                    "outputs": {"O": 5, "P": "p.tif"},
                    "numbers": 7,
                    "written": None,
                },
            }
        )
    )
    found = read_recorded_run(tmp_path / "a")
    assert found.outputs == {"P": "p.tif"}
    assert found.layers == {} == found.written == found.numbers
    assert [len(one.sha256) for one in found.files["F"]] == [64]
    assert found.made["B"].sha256 == ""
    assert compare_recorded_runs(found, found, {}, NullProgress())


def test_an_earlier_output_that_was_changed_is_told_apart(tmp_path):
    shutil.copy(raster(tmp_path / "a.tif", ROWS * 1.0), tmp_path / "b.tif")
    content = {
        "algorithm": "scarp:classifyzones",
        "call": {"parameters": {}, "outputs": {"OUTPUT": "a.tif"}},
        "outputs": {"OUTPUT": {"source": str(tmp_path / "a.tif"), "sha256": "c" * 64}},
    }
    write_record(tmp_path / "a.tif", content)
    found = read_recorded_run(tmp_path / "a.tif")
    lines = compare_recorded_runs(
        found, found, {"OUTPUT": (str(tmp_path / "a.tif"), str(tmp_path / "b.tif"))}, NullProgress()
    )
    line = next(line for line in lines if line.part == "output")
    assert line.found.same
    assert "has been changed since it was made" in line.found.text
    (tmp_path / "a.tif").unlink()
    lines = compare_recorded_runs(
        found, found, {"OUTPUT": (str(tmp_path / "a.tif"), str(tmp_path / "b.tif"))}, NullProgress()
    )
    assert next(line for line in lines if line.part == "output").found.same is False
