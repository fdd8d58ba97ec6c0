"""Runs into files that layers of the project show, under the rules of Windows: nothing is lost, layers come back."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path

import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingAlgRunnerTask,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication, QEvent

from scarp.algorithms.base import algorithm as module
from scarp.model.outputs import atomic
from scarp.model.outputs.run_record import RECORD_SUFFIX, read_record
from scarp.running import process
from scarp.tests.qgis.tiny import Listener, memory_layer, new_context
from scarp.tests.reliability.open_files import is_held, windows_rules
from scarp.tests.reliability.steps import OUTPUTS, steps
from scarp.tests.reliability.wholeness import temporaries

REPLACING = [name for name in OUTPUTS if name != "rerun"]  # that one writes into new folders only
LAYERS = {".tif": QgsRasterLayer, ".gpkg": QgsVectorLayer}


@pytest.fixture(scope="module")
def all_steps(area, chain, run, tmp_path_factory):
    return steps(area, chain, run, tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def project(qgis_app):
    yield QgsProject.instance()
    QgsProject.instance().clear()
    gc.collect()


def results_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in LAYERS]


def show(project, files) -> dict[str, str]:
    """Load files as layers that keep them open; return the file by the id of its layer."""
    layers = {}
    for path in files:
        layer = LAYERS[path.suffix](str(path), f"layer {path.stem}")
        assert layer.isValid() and is_held(path)
        project.addMapLayer(layer)
        layers[layer.id()] = str(path)
    return layers


def parameters_of(step, folder: Path):
    return {name: str(value) if isinstance(value, Path) else value for name, value in step.parameters(folder).items()}


@pytest.mark.parametrize("algorithm", REPLACING)
def test_layers_let_go_of_outputs_and_show_the_new_ones(all_steps, run, project, tmp_path, algorithm):
    step = all_steps[algorithm]
    run(algorithm, **parameters_of(step, tmp_path))
    files = results_in(tmp_path)
    ids = {path: path.stat().st_ino for path in files}
    layers = show(project, files)
    for layer in map(project.mapLayer, layers):
        layer.setOpacity(0.5)
    listener = Listener()
    with windows_rules() as refused:
        run(algorithm, listener, **parameters_of(step, tmp_path))
    assert not refused and not [text for text in listener.warnings if "could not be replaced" in text]
    assert results_in(tmp_path) == files and not temporaries(tmp_path)
    for path in files:
        assert path.stat().st_ino != ids[path], path
    for number, path in layers.items():
        layer = project.mapLayer(number)
        assert layer.isValid() and layer.source() == path and layer.opacity() == 0.5 and is_held(path)


@pytest.mark.parametrize("algorithm", REPLACING)
def test_a_file_opened_during_the_run_stays_and_the_result_is_kept_beside_it(
    all_steps, run, project, tmp_path, monkeypatch, algorithm
):
    step = all_steps[algorithm]
    run(algorithm, **parameters_of(step, tmp_path))
    files = results_in(tmp_path)
    everything = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    show(project, files)
    # As if they had been opened after the check.
    monkeypatch.setattr(module, "released_layers", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(atomic, "_check_on_windows", lambda final: None)
    listener = Listener()
    with windows_rules() as refused:
        results = run(algorithm, listener, **parameters_of(step, tmp_path))
    told = [text for text in listener.warnings if "could not be replaced" in text]
    assert bool(told) == bool(refused) == bool(files)
    if algorithm == "createdemodata":
        assert Path(results["OUTPUT"]).name == "demo_2" and results_in(tmp_path / "demo_2")
        assert "layer dem" in "".join(told)
        return
    for path in files:
        beside = path.with_name(f"{path.stem}_2{path.suffix}")
        assert path.read_bytes() == everything[path] and str(beside) in results.values()
        assert LAYERS[path.suffix](str(beside), "new").isValid()
        record = Path(f"{path}{RECORD_SUFFIX}")
        assert record.read_bytes() == everything[record], "the record of the older file stays"
        assert read_record(beside)["algorithm"] == f"scarp:{algorithm}"
        assert any(str(path) in text and f"layer {path.stem}" in text for text in told), told
    for name, path in step.outputs.items():
        assert name == "CHECKPOINT" or Path(results[name]).exists(), path


def test_a_layer_that_is_edited_is_named_before_the_work(all_steps, run, project, tmp_path):
    step, windows = all_steps["traincomparisonmodel"], tmp_path / "w.gpkg"
    run("traincomparisonmodel", **parameters_of(step, tmp_path))
    show(project, [windows])
    layer = project.mapLayersByName("layer w")[0]
    assert layer.startEditing()
    older = windows.read_bytes()
    with windows_rules(), pytest.raises(QgsProcessingException, match='open as this layer of the project: "layer w"'):
        run("traincomparisonmodel", **parameters_of(step, tmp_path))
    assert windows.read_bytes() == older and layer.isEditable() and layer.isValid()
    layer.rollBack()


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_layers_come_back_after_a_run_without_result(all_steps, run, project, tmp_path, how):
    step, file = all_steps["predictsusceptibility"], tmp_path / "s.tif"
    run("predictsusceptibility", **parameters_of(step, tmp_path))
    layers = show(project, results_in(tmp_path))
    more = {"AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 1 0, 1 1, 0 0))", [])])} if how == "failed" else {}
    listener = Listener(cancel_after=3) if how == "cancelled" else Listener()
    older = file.read_bytes()
    with windows_rules(), pytest.raises(QgsProcessingException):
        run("predictsusceptibility", listener, **{**parameters_of(step, tmp_path), **more})
    assert file.read_bytes() == older and not temporaries(tmp_path)
    assert all(project.mapLayer(number).isValid() for number in layers)


def test_a_run_in_the_background_asks_the_main_thread(all_steps, run, project, tmp_path):
    step = all_steps["classifyzones"]
    run("classifyzones", **parameters_of(step, tmp_path))
    (number,) = show(project, [tmp_path / "z.tif"])
    registry = QgsApplication.processingRegistry()
    algorithm, context, feedback = registry.createAlgorithmById("scarp:classifyzones"), new_context(), Listener()
    done: list[bool] = []
    with windows_rules() as refused:
        task = QgsProcessingAlgRunnerTask(algorithm, parameters_of(step, tmp_path), context, feedback)
        task.executed.connect(lambda successful, _: done.append(successful))
        QgsApplication.taskManager().addTask(task)
        while not done:
            QCoreApplication.processEvents()
    assert done == [True] and not refused
    assert not [text for text in feedback.warnings if "could not be replaced" in text]
    QCoreApplication.sendPostedEvents(None, QEvent.Type.MetaCall)
    assert project.mapLayer(number).isValid()


def test_a_project_saved_during_the_run_keeps_the_layer(all_steps, run, project, tmp_path, monkeypatch):
    step, saved = all_steps["classifyzones"], tmp_path / "project.qgs"
    run("classifyzones", **parameters_of(step, tmp_path))
    (number,) = show(project, [tmp_path / "z.tif"])
    compute = type(QgsApplication.processingRegistry().createAlgorithmById("scarp:classifyzones")).compute

    def save_and_compute(self, arguments):
        assert not project.mapLayer(number).isValid() and project.write(str(saved))
        return compute(self, arguments)

    monkeypatch.setattr(f"{compute.__module__}.ClassifyZones.compute", save_and_compute)
    with windows_rules():
        run("classifyzones", **parameters_of(step, tmp_path))
    read = QgsProject()
    assert read.read(str(saved)) and read.mapLayer(number).isValid()
    assert Path(read.mapLayer(number).source()) == tmp_path / "z.tif"


WORKER = """
import os, runpy, sys
rename = os.replace
def replace(source, final):
    if str(final).endswith("/z.tif"):
        raise PermissionError(13, "The process cannot access the file", str(final))
    rename(source, final)
os.replace = replace
sys.argv[0] = {script!r}
runpy.run_path({script!r}, run_name="__main__")
"""


def test_the_worker_process_tells_where_the_result_is(all_steps, run, started, tmp_path, monkeypatch):
    step, file = all_steps["classifyzones"], tmp_path / "z.tif"
    run("classifyzones", **parameters_of(step, tmp_path))
    older = file.read_bytes()
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(script=str(process.WORKER_SCRIPT)))
    monkeypatch.setattr(process, "WORKER_SCRIPT", script)
    monkeypatch.setenv("SCARP_RUN", "process")
    listener = Listener()
    results = run("classifyzones", listener, **parameters_of(step, tmp_path))
    assert started and results["OUTPUT"] == str(tmp_path / "z_2.tif") and file.read_bytes() == older
    assert [text for text in listener.warnings if str(file) in text]
    assert (tmp_path / f"z_2.tif{RECORD_SUFFIX}").is_file() and (tmp_path / "z_2.qml").is_file()
