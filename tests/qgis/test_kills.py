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
from scarp.tests.qgis.tiny import Listener

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are watched as Linux shows them")
def test_a_dozen_kills():
    """In a process of its own: after QGIS and the libraries have started threads here, none could be forked."""
    names = ("buildfactorstack", "buildbufferedlabels", "classifyzones")
    result = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tests" / "reliability" / "faults_kill.py"),
            "--kills",
            "2",
            "--changes",
            "3",
            "--in-a-process",
            "0",
            "--only",
            *names,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "SCARP_RUN": "inside"},
    )
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


def test_a_checkpoint_that_another_training_writes_is_left_to_it(run, chain, tmp_path):
    with Meanwhile(tmp_path / "state.ckpt"), pytest.raises(QgsProcessingException, match="state.ckpt is being written"):
        run(
            "trainpcum",
            STACK=chain["stack"],
            LABELS=chain["labels"],
            CHECKPOINT=tmp_path / "state.ckpt",
            OUTPUT=tmp_path / "m.safetensors",
            OUTPUT_WINDOWS=tmp_path / "w.gpkg",
        )
    assert not list(tmp_path.iterdir())


def points(run, chain, area, output):
    return run(
        "validatewithpoints",
        SUSCEPTIBILITY=chain["susceptibility"],
        LANDSLIDES=area / "landslides.gpkg",
        DISTANCE=100,
        REPEATS=2,
        OUTPUT_HTML=output.parent / "v.html",
        OUTPUT_TABLE=output.parent / "v.csv",
        OUTPUT_POINTS=output,
    )


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson"])
def test_a_layer_takes_the_place_of_an_older_one_at_once(run, chain, area, tmp_path, ending):
    output = tmp_path / f"points{ending}"
    points(run, chain, area, output)
    first = QgsVectorLayer(str(output), "", "ogr").featureCount()
    before = output.stat().st_ino
    Path(f"{output}-wal").write_bytes(b"of the older one")
    points(run, chain, area, output)
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


def test_a_layer_that_cannot_be_written_leaves_the_older_one(run, chain, area, tmp_path, monkeypatch):
    from scarp.algorithms.base import sinks

    output = tmp_path / "points.gpkg"
    points(run, chain, area, output)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("points*")}
    monkeypatch.setattr(sinks, "has_feature_count", lambda *_: False)
    with pytest.raises(QgsProcessingException, match="part of it did not reach the disk"):
        points(run, chain, area, output)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("points*")} == before
    assert not list(tmp_path.glob(".*"))


def test_a_layer_without_an_ending_and_one_to_be_loaded_lie_where_they_should(plugin, run, chain, area, tmp_path):
    from qgis.core import QgsApplication, QgsProcessingUtils

    result = points(run, chain, area, tmp_path / "points")
    assert Path(result["OUTPUT_POINTS"]).parent == tmp_path
    assert Path(result["OUTPUT_POINTS"]).is_file()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("scarp:validatewithpoints")
    definition = QgsProcessingOutputLayerDefinition(str(tmp_path / "loaded.gpkg"), QgsProject.instance())
    found = algorithm.processAlgorithm(
        {
            "SUSCEPTIBILITY": str(chain["susceptibility"]),
            "LANDSLIDES": str(area / "landslides.gpkg"),
            "DISTANCE": 100,
            "REPEATS": 2,
            "OUTPUT_HTML": str(tmp_path / "v.html"),
            "OUTPUT_TABLE": str(tmp_path / "v.csv"),
            "OUTPUT_POINTS": definition,
        },
        context,
        Listener(),
    )
    assert found["OUTPUT_POINTS"] == str(tmp_path / "loaded.gpkg")
    details = context.layerToLoadOnCompletionDetails(found["OUTPUT_POINTS"])
    label = algorithm.parameterDefinition("OUTPUT_POINTS").description()
    assert (details.outputName, details.name) == ("OUTPUT_POINTS", label)
    assert set(context.layersToLoadOnCompletion()) == {found["OUTPUT_POINTS"]}
    assert QgsProcessingUtils.mapLayerFromString(found["OUTPUT_POINTS"], context).isValid()
