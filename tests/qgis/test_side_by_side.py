"""The folds of a cross validation in processes side by side: the same result, one way to stop, one message."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProcessingException, QgsVectorLayer

from scarp.running import core
from scarp.running.process import SubprocessCore
from scarp.tests.qgis.tiny import TRAINING, Listener


def ended(processes: list[SubprocessCore]) -> bool:
    return all(one._process.poll() is not None for one in processes)


def cross_validate(run, area, chain, folder, name, listener=None, **more: Any) -> dict[str, Any]:
    inputs = {"STACK": chain["stack"], "LABELS": chain["labels"], "LANDSLIDES": area / "landslides.gpkg", "FOLDS": 3}
    outputs = {"OUTPUT": folder / f"{name}.tif", "OUTPUT_TABLE": folder / f"{name}.csv"}
    given = {"BLOCK": 600, "KIND": "logistic_regression", "RANDOM_SPLIT": False, **more}
    return run("crossvalidate", listener, **inputs, **given, **outputs)


@pytest.mark.parametrize("mode", ["inside", "process"])
def test_processes_do_not_change_the_result(run, area, chain, tmp_path, monkeypatch, started, mode):
    monkeypatch.setenv("SCARP_RUN", mode)
    listener, hashes = Listener(), []
    for processes in (1, 3):
        name = f"with{processes}"
        found = cross_validate(run, area, chain, tmp_path, name, listener, PROCESSES=processes)
        files = (tmp_path / f"{name}{suffix}" for suffix in (".tif", ".csv"))
        hashes.append([found["AUC"], *(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)])
    assert hashes[0] == hashes[1]
    assert len(started) == (3 if mode == "inside" else 5) and ended(started)
    assert any(line.startswith("Fold 2 of 3, spatial split: C is") for line in listener.lines)


def test_without_a_python_one_process_computes_all(run, area, chain, tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_RUN", "inside")
    monkeypatch.setattr(core, "_qgis_python", lambda: None)
    listener = Listener()
    assert cross_validate(run, area, chain, tmp_path, "alone", listener, PROCESSES=2)["AUC"] > 0
    assert any("one process computes all" in text for text in listener.warnings)


@pytest.mark.parametrize("kill", [False, True])
def test_cancel_and_a_crash_end_all_of_them(run, area, chain, tmp_path, monkeypatch, started, kill):
    """Folds that would train for hours end at once; a process that is killed takes the others with it."""
    monkeypatch.setenv("SCARP_RUN", "inside")

    class Strike(Listener):
        def pushInfo(self, info: str) -> None:
            super().pushInfo(info)
            if "Epoch 1" in info or "epoch 1" in info:
                if kill:
                    # A later line may still come when it is gone.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(started[0]._process.pid, signal.SIGKILL)
                else:
                    self.cancel()

    settings = {**TRAINING, "EPOCHS": 100000, "KIND": "unet", "PROCESSES": 2}
    with pytest.raises(QgsProcessingException, match="memory ran out" if kill else "Cancelled"):
        cross_validate(run, area, chain, tmp_path, "stopped", Strike(), **settings)
    assert len(started) == 2 and ended(started) and not list(tmp_path.iterdir())


def test_ways_to_hold_back_are_checked_before_the_run(step, chain):
    with pytest.raises(QgsProcessingException, match="Choose one way"):
        step("crossvalidate", SPLIT_FIELD="scale", DATE_FIELD="scale", SPLIT_DATE="2005")
    with pytest.raises(QgsProcessingException, match="DATE_FIELD was given without SPLIT_DATE"):
        step("crossvalidate", DATE_FIELD="scale")


def test_regions_and_later_landslides(run, area, chain, tmp_path):
    """Regions are written as they were drawn, with their names; the report opens like those of other algorithms."""
    given = {"REGIONS": area / "regions.gpkg", "REGION_FIELD": "region", "OUTPUT_FOLDS": tmp_path / "folds.gpkg"}
    found = cross_validate(run, area, chain, tmp_path, "regions", OUTPUT_HTML=tmp_path / "page.html", BUFFER=0, **given)
    assert Path(found["OUTPUT_HTML"]).read_text(encoding="utf-8").count("Region by region") == 1
    layer, drawn = (QgsVectorLayer(str(path)) for path in (tmp_path / "folds.gpkg", area / "regions.gpkg"))
    shapes = {feature["region"]: feature.geometry() for feature in drawn.getFeatures()}
    folds = {feature["name"]: feature for feature in layer.getFeatures()}
    assert folds.keys() == shapes.keys() == {"east", "west"}
    assert all(folds[name].geometry().symDifference(shape).area() < 1 for name, shape in shapes.items())
    assert {feature["fold"] for feature in folds.values()} == {1, 2}
    later = cross_validate(run, area, chain, tmp_path, "later", DATE_FIELD="year", SPLIT_DATE="2050-06", BUFFER=0)
    assert 0 < later["AUC"] == later["AUC_POOLED"] and "GAP" not in later
