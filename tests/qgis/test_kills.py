"""Runs that are killed, and runs that meet: no file is half written, and none is that of two runs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)

from scarp.model.outputs.lock import output_lock
from scarp.tests.qgis.study import completed
from scarp.tests.qgis.tiny import Listener

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are watched as Linux shows them")
def test_runs_that_are_killed_leave_complete_files():
    """In a process of its own: after QGIS and the libraries have started threads here, none could be forked."""
    names = ("buildfactorstack", "buildbufferedlabels", "classifyzones")
    options = ["--kills", "2", "--changes", "3", "--in-a-process", "0", "--only", *names]
    command = [sys.executable, str(ROOT / "tests" / "reliability" / "faults_kill.py"), *options]
    environment = {**os.environ, "SCARP_RUN": "inside"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    result.stdout += result.stderr
    assert result.returncode == 0, result.stdout[-4000:]
    found = json.loads((ROOT / ".build" / "reliability" / "faults_kill_some.json").read_text(encoding="utf-8"))
    assert found["counts"]["kills"] >= 9 and found["counts"]["algorithms"] == len(names), result.stdout[-4000:]


class Meanwhile:
    """Another run that writes an output."""

    def __init__(self, *outputs: Path) -> None:
        self._outputs, self._begun, self._end = outputs, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        with output_lock(self._outputs):
            self._begun.set()
            self._end.wait()

    def __enter__(self) -> None:
        self._thread.start()
        assert self._begun.wait(60)

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()


@pytest.mark.parametrize("name", ["map.tif", "table.csv"])
def test_an_output_that_another_run_writes_is_left_to_it(run, chain, tmp_path, name):
    outputs = {"OUTPUT": tmp_path / "map.tif", "OUTPUT_TABLE": tmp_path / "table.csv"}
    outputs["OUTPUT"].write_bytes(b"older")
    with Meanwhile(tmp_path / name), pytest.raises(QgsProcessingException) as refused:
        run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], **outputs)
    assert f"{tmp_path / name} is being written by another run (process {os.getpid()} on " in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]
    assert outputs["OUTPUT"].read_bytes() == b"older"
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], **outputs)
    assert not list(tmp_path.glob(".*"))


def test_a_checkpoint_that_another_training_writes_is_left_to_it(step, tmp_path):
    with Meanwhile(tmp_path / "state.ckpt"), pytest.raises(QgsProcessingException, match="state.ckpt is being written"):
        step("trainpcum", CHECKPOINT=tmp_path / "state.ckpt", OUTPUT_WINDOWS=tmp_path / "w.gpkg")
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
    layer = QgsVectorLayer(str(output), "", "ogr")
    assert layer.isValid()
    assert layer.featureCount() == first > 0
    assert output.stat().st_ino != before, "the older file is not written into"
    assert not Path(f"{output}-wal").exists()
    assert not list(tmp_path.glob(".*"))
    if ending == ".gpkg":
        base = sqlite3.connect(output)
        assert base.execute("SELECT table_name FROM gpkg_contents").fetchall() == [("points",)]
        base.close()


def test_a_layer_that_cannot_be_written_leaves_the_older_one(step, tmp_path, monkeypatch):
    from scarp.algorithms.base import sinks

    output = tmp_path / "points.gpkg"
    write_points(step, output)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("points*")}
    monkeypatch.setattr(sinks, "has_feature_count", lambda *_: False)
    with pytest.raises(QgsProcessingException, match="part of it did not reach the disk"):
        write_points(step, output)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("points*")} == before
    assert not list(tmp_path.glob(".*"))


def test_a_layer_without_a_suffix_and_one_to_be_loaded_are_in_their_places(plugin, step, chain, area, tmp_path):
    from qgis.core import QgsApplication, QgsProcessingUtils

    result = write_points(step, tmp_path / "points")
    assert Path(result["OUTPUT_POINTS"]).parent == tmp_path
    assert Path(result["OUTPUT_POINTS"]).is_file()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("scarp:validatewithpoints")
    definition = QgsProcessingOutputLayerDefinition(str(tmp_path / "loaded.gpkg"), QgsProject.instance())
    values = completed(algorithm, {"DISTANCE": 100, "REPEATS": 2}, area, chain, tmp_path)
    values = {**{name: str(value) for name, value in values.items()}, "OUTPUT_POINTS": definition}
    found = algorithm.processAlgorithm(values, context, Listener())
    assert found["OUTPUT_POINTS"] == str(tmp_path / "loaded.gpkg")
    details = context.layerToLoadOnCompletionDetails(found["OUTPUT_POINTS"])
    label = algorithm.parameterDefinition("OUTPUT_POINTS").description()
    assert (details.outputName, details.name) == ("OUTPUT_POINTS", label)
    assert set(context.layersToLoadOnCompletion()) == {found["OUTPUT_POINTS"]}
    assert QgsProcessingUtils.mapLayerFromString(found["OUTPUT_POINTS"], context).isValid()
