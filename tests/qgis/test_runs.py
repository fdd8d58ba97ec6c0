"""Runs that are cancelled or killed, that meet and that follow each other: no file is half written or of two runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rasterio
from qgis.core import QgsProcessingException, QgsProcessingOutputLayerDefinition, QgsRasterLayer, QgsVectorLayer

from scarp.algorithms.base import sinks
from scarp.model.outputs.atomic import output_lock
from scarp.model.outputs.run_record import read_record
from scarp.tests.qgis.child import ROOT
from scarp.tests.qgis.study import completed
from scarp.tests.qgis.tiny import TRAINING, Listener, in_project, new_context
from scarp.tests.reliability.load import enlarge, held, queue
from scarp.tests.reliability.steps import OUTPUTS, Step, steps
from scarp.tests.reliability.wholeness import temporaries


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are watched as Linux shows them")
def test_runs_that_are_killed_leave_complete_files():
    """In a process of its own: after QGIS and the libraries have started threads here, none could be forked."""
    names = ("buildfactorstack", "buildbufferedlabels", "classifyzones")
    options = ["--kills", "2", "--changes", "3", "--in-a-process", "0", "--only", *names]
    command = [sys.executable, str(ROOT / "tests" / "reliability" / "faults_kill.py"), *options]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    result = subprocess.run(command, timeout=600, env={**os.environ, "SCARP_RUN": "inside"}, **output)
    assert result.returncode == 0, result.stdout[-4000:]
    found = json.loads((ROOT / ".build" / "reliability" / "faults_kill_some.json").read_text(encoding="utf-8"))
    assert found["counts"]["kills"] >= 9 and found["counts"]["algorithms"] == len(names), result.stdout[-4000:]


@contextlib.contextmanager
def another_writes(*outputs: Path):
    begun, end = threading.Event(), threading.Event()

    def write() -> None:
        with output_lock(outputs):
            begun.set()
            end.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write)
        try:
            assert begun.wait(60)
            yield
        finally:
            end.set()


@pytest.mark.parametrize("name", ["map.tif", "table.csv"])
def test_an_output_that_another_run_writes_is_left_to_it(run, chain, tmp_path, name):
    outputs = {"OUTPUT": tmp_path / "map.tif", "OUTPUT_TABLE": tmp_path / "table.csv"}
    outputs["OUTPUT"].write_bytes(b"older")
    (tmp_path / "map.tif.run.json").write_text('{"algorithm": "scarp:classifyzones"}')
    with another_writes(tmp_path / name), pytest.raises(QgsProcessingException) as refused:
        run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], **outputs)
    assert f"{tmp_path / name} is being written by another run (process {os.getpid()} on " in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.tif", "map.tif.run.json"]
    assert outputs["OUTPUT"].read_bytes() == b"older"
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], **outputs)
    assert not list(tmp_path.glob(".*"))


def test_a_checkpoint_that_another_training_writes_is_left_to_it(step, tmp_path):
    state = tmp_path / "state.ckpt"
    with another_writes(state), pytest.raises(QgsProcessingException, match="state.ckpt is being written"):
        step("trainpcum", CHECKPOINT=state, OUTPUT_WINDOWS=tmp_path / "w.gpkg")
    assert not list(tmp_path.iterdir())


def write_points(step, output):
    return step("validatewithpoints", DISTANCE=100, REPEATS=2, OUTPUT_POINTS=output)


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson"])
def test_a_layer_replaces_an_older_one_at_once(step, tmp_path, ending):
    output = tmp_path / f"points{ending}"
    write_points(step, output)
    first = QgsVectorLayer(str(output), "", "ogr").featureCount()
    before = output.stat().st_ino
    Path(f"{output}-wal").write_bytes(b"of the older one")
    write_points(step, output)
    assert QgsVectorLayer(str(output), "", "ogr").featureCount() == first > 0
    assert output.stat().st_ino != before, "the older file is not written into"
    assert not Path(f"{output}-wal").exists() and not list(tmp_path.glob(".*"))
    if ending == ".gpkg":
        with contextlib.closing(sqlite3.connect(output)) as base:
            assert base.execute("SELECT table_name FROM gpkg_contents").fetchall() == [("points",)]


def test_a_layer_that_cannot_be_written_leaves_the_older_one(step, tmp_path, monkeypatch):
    output = tmp_path / "points.gpkg"
    write_points(step, output)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("points*")}
    monkeypatch.setattr(sinks, "has_feature_count", lambda *_: False)
    with pytest.raises(QgsProcessingException, match="part of it did not reach the disk"):
        write_points(step, output)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("points*")} == before
    assert not list(tmp_path.glob(".*"))


def test_a_layer_without_a_suffix_and_one_to_be_loaded_are_in_their_places(plugin, step, chain, area, tmp_path):
    points = Path(write_points(step, tmp_path / "points")["OUTPUT_POINTS"])
    assert points.parent == tmp_path and points.is_file()
    context = new_context()
    algorithm = plugin.provider.algorithm("validatewithpoints").create()
    definition = QgsProcessingOutputLayerDefinition(str(tmp_path / "loaded.gpkg"), context.project())
    values = completed(algorithm, {"DISTANCE": 100, "REPEATS": 2}, area, chain, tmp_path)
    values = {**{name: str(value) for name, value in values.items()}, "OUTPUT_POINTS": definition}
    found = algorithm.processAlgorithm(values, context, Listener())
    assert found["OUTPUT_POINTS"] == str(tmp_path / "loaded.gpkg")
    details = context.layerToLoadOnCompletionDetails(found["OUTPUT_POINTS"])
    label = algorithm.parameterDefinition("OUTPUT_POINTS").description()
    assert (details.outputName, details.name) == ("OUTPUT_POINTS", label)
    assert set(context.layersToLoadOnCompletion()) == {found["OUTPUT_POINTS"]}
    assert QgsVectorLayer(found["OUTPUT_POINTS"]).isValid()


LONGER = {
    "createdemodata": {"SIZE": 200},
    "trainpcum": {"EPOCHS": 5000},
    "predictsusceptibility": {"SAMPLES": 3, "TILE": 32},
    "validatewithpoints": {"REPEATS": 5000},
    "comparemodels": {"REPEATS": 2000},
    "explainsusceptibility": {"REPEATS": 200},
}


@pytest.fixture(scope="module")
def every_step(area, chain, run, tmp_path_factory) -> dict[str, Step]:
    return steps(area, chain, run, tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("reports", [1, 3, 8])
@pytest.mark.parametrize("algorithm", [name for name in OUTPUTS if name != "rerun"])
def test_a_cancelled_run_leaves_no_outputs(run, every_step, tmp_path, algorithm, reports):
    listener, message = Listener(cancel_after=reports), ""
    parameters = {**every_step[algorithm].parameters(tmp_path), **LONGER.get(algorithm, {})}
    parameters.pop("CHECKPOINT", None)
    try:
        run(algorithm, listener, **parameters)
    except QgsProcessingException as error:
        message = str(error)
    if message:
        assert "Cancelled" in message and not list(tmp_path.iterdir())
    else:
        # So small an area may be done at the third report, or before the eighth; then it is complete.
        assert reports > 1 and (listener.isCanceled() or reports > 3)
        assert {path.name for path in tmp_path.iterdir()} >= set(every_step[algorithm].outputs.values())


def test_cancel_in_the_middle_of_training_keeps_an_older_model(step, chain, tmp_path):
    output = tmp_path / "model.safetensors"
    output.write_bytes(chain["model"].read_bytes())
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        step("trainpcum", Listener(cancel_after=15), OUTPUT=output, **{**TRAINING, "EPOCHS": 5000})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert output.read_bytes() == chain["model"].read_bytes()


def cells(path):
    with rasterio.open(path) as dataset:
        return dataset.read().tobytes()


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="looks at the process by /proc")
def test_handles_threads_and_temporary_files_do_not_leak(run, chain, tmp_path):
    seen = []
    for _ in range(6):
        run("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], OUTPUT=tmp_path / "map.tif")
        seen.append(held())
    assert seen[-1].handles <= seen[1].handles and seen[-1].threads <= seen[1].threads
    assert not temporaries(tmp_path)


@pytest.mark.parametrize("way", ["inside", "process"])
def test_a_queue_of_tasks_gives_what_runs_one_by_one_give(run, chain, tmp_path, monkeypatch, way):
    monkeypatch.setenv("SCARP_RUN", way)
    monkeypatch.setenv("SCARP_PYTHON", sys.executable)
    predict = ("predictsusceptibility", {"STACK": chain["stack"], "MODEL": chain["model"]})
    calls = [predict, ("classifyzones", {"SUSCEPTIBILITY": chain["susceptibility"]}), predict]
    tasks = [(name, {**inputs, "OUTPUT": tmp_path / f"{number}.tif"}) for number, (name, inputs) in enumerate(calls)]
    assert queue(tasks, 120) == [True] * 3
    for number, expected in enumerate(("susceptibility", "zones", "susceptibility")):
        assert cells(tmp_path / f"{number}.tif") == cells(chain[expected])
    assert not temporaries(tmp_path)


def shown(layer):
    block = layer.dataProvider().block(1, layer.extent(), layer.width(), layer.height())
    places = itertools.product(range(block.height()), range(block.width()))
    return [0.0 if block.isNoData(*place) else block.value(*place) for place in places]


@pytest.mark.parametrize("grid", ["same", "another"])
def test_an_open_map_shows_the_new_file(run, chain, tmp_path, grid):
    path, source, asked = tmp_path / "map.tif", chain["susceptibility"], []
    run("classifyzones", SUSCEPTIBILITY=source, OUTPUT=path, METHOD="area_shares")
    with in_project(QgsRasterLayer(str(path), "map")) as layer:
        layer.repaintRequested.connect(lambda *_: asked.append(1))
        before, renderer = shown(layer), type(layer.renderer())
        if grid == "another":
            stack, source = enlarge(chain["stack"], tmp_path / "large.tif", 200), tmp_path / "s.tif"
            run("predictsusceptibility", STACK=stack, MODEL=chain["model"], OUTPUT=source)
        run("classifyzones", SUSCEPTIBILITY=source, OUTPUT=path, METHOD="equal_interval")
        assert layer.isValid() and asked and type(layer.renderer()) is renderer
        fresh = QgsRasterLayer(str(path), "fresh")
        assert shown(layer) == shown(fresh) != before
        extents = [(one.extent(), one.width(), one.height()) for one in (layer, fresh)]
        assert extents[0] == extents[1]


def shapes(layer):
    return sorted(feature.geometry().asWkt() for feature in layer.getFeatures())


def test_an_open_vector_layer_shows_the_new_file(step, tmp_path):
    path = tmp_path / "points.gpkg"
    parameters = {"DISTANCE": 100, "REPEATS": 20, "OUTPUT_POINTS": path}
    step("validatewithpoints", SEED=1, **parameters)
    with in_project(QgsVectorLayer(str(path), "points", "ogr")) as layer:
        before = shapes(layer)
        step("validatewithpoints", SEED=2, **parameters)
        assert shapes(layer) == shapes(QgsVectorLayer(str(path), "fresh", "ogr")) != before


def test_a_result_is_kept_beside_a_locked_file(run, chain, tmp_path, monkeypatch):
    """As Windows does with a file that a program has open: it cannot be replaced and stays."""
    path, record = tmp_path / "zones.tif", tmp_path / "zones.tif.run.json"
    shutil.copy(chain["zones"], path)
    shutil.copy(f"{chain['zones']}.run.json", record)
    replace = os.replace

    def forbidden(source, target):
        if str(target) == str(path):
            text = "The process cannot access the file because it is being used by another process"
            raise PermissionError(13, text, str(source), 32, str(target))
        return replace(source, target)

    monkeypatch.setattr(os, "replace", forbidden)
    result = run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=path)
    beside = tmp_path / "zones_2.tif"
    assert Path(result["OUTPUT"]) == beside and read_record(beside)["algorithm"] == "scarp:classifyzones"
    assert cells(path) == cells(beside) == cells(chain["zones"])
    assert json.loads(record.read_text(encoding="utf-8"))["algorithm"] == "scarp:classifyzones"
    assert not temporaries(tmp_path)
