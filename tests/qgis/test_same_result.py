"""The core gives the same results, bit by bit, in a worker process as inside QGIS, for every algorithm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from qgis.core import QgsVectorLayer

from scarp.tests.qgis.test_dependencies import START
from scarp.tests.qgis.tiny import RADII, TRAINING, stack_inputs

ROOT = Path(__file__).resolve().parents[2]


def steps(area: Path, made: Callable[[str], Path]) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Return algorithm, inputs and outputs of the whole chain; ``made`` gives the path of an earlier output."""
    slides, stack, labels, mapped = area / "landslides.gpkg", made("stack.tif"), made("labels.tif"), made("map.tif")
    rain, regions = area / "precipitation.tif", area / "regions.gpkg"
    training, sample = {"STACK": stack, "LABELS": labels}, {"LANDSLIDES": slides, "DISTANCE": 100, "REPEATS": 20}
    buffers = {"LANDSLIDES": slides, "SCALE_FIELD": "scale", "RADII": RADII, "REFERENCE": stack}
    terrain = {"TOPOGRAPHY": area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}
    safety = {"REFERENCE": stack, "PRECIPITATION": rain, "LANDSLIDES": slides, **terrain}
    folds = {**training, "KIND": "logistic_regression", "LANDSLIDES": slides, "BLOCK": 900, "FOLDS": 2}
    prediction = {"STACK": stack, "MODEL": made("model.safetensors"), "SAMPLES": 2, "DEVICE": "cpu", "AREA": regions}
    warning = {"SUSCEPTIBILITY": mapped, "RAIN": rain, "K": 0.01, "REGIONS": regions, "REGION_FIELD": "region"}
    maps = [str(mapped), str(made("folds.tif"))]
    explained = {"MODEL": made("forest.safetensors"), "BLOCK": 600, "REPEATS": 2, "BLOCKS": 20}
    return [
        _step("createdemodata", {"SIZE": 64, "REGIONS": 2, "SEED": 3}, "demo"),
        _step("buildfactorstack", stack_inputs(area), "stack.tif"),
        _step("checkfactors", {"STACK": stack}, HTML="check.html", TABLE="check.csv"),
        _step("buildbufferedlabels", buffers, "labels.tif"),
        _step("buildsafetyfactor", safety, "safety.tif", RAINFALL="rain.tif", TABLE="k.csv"),
        _step(
            "trainpcum",
            {**training, "SAFETY_FACTOR": made("safety.tif"), **TRAINING},
            "model.safetensors",
            WINDOWS="windows.gpkg",
        ),
        _step(
            "traincomparisonmodel",
            {**training, "KIND": "random_forest", "BLOCK": 900, "SEED": 1},
            "forest.safetensors",
            WINDOWS="blocks.gpkg",
        ),
        _step("crossvalidate", {**folds, "RANDOM_SPLIT": False}, "folds.tif", TABLE="folds.csv", FOLDS="folds.gpkg"),
        _step("predictsusceptibility", prediction, "map.tif", UNCERTAINTY="spread.tif", APPLICABILITY="outside.tif"),
        _step("classifyzones", {"SUSCEPTIBILITY": mapped}, "zones.tif", TABLE="zones.csv"),
        _step("rainfallwarning", warning, "warning.tif", TABLE="warning.csv"),
        _step(
            "validatewithpoints",
            {**sample, "SUSCEPTIBILITY": mapped, "WINDOWS": made("windows.gpkg"), "SEED": 1},
            HTML="report.html",
            TABLE="report.csv",
            POINTS="points.gpkg",
            PDF="sheet.pdf",
        ),
        _step(
            "comparemodels",
            {**sample, "SUSCEPTIBILITY": maps},
            HTML="compare.html",
            TABLE="compare.csv",
            DIFFERENCE="difference.tif",
        ),
        _step(
            "explainsusceptibility",
            {**training, **explained},
            HTML="explained.html",
            TABLE="explained.csv",
            LEADING="leading.tif",
        ),
    ]


def _step(
    algorithm: str, inputs: dict[str, Any], output: str = "", **outputs: str
) -> tuple[str, dict[str, Any], dict[str, str]]:
    named = {f"OUTPUT_{name}": file for name, file in outputs.items()}
    return algorithm, inputs, {"OUTPUT": output, **named} if output else named


BLOCKED = "torch,rasterio,sklearn,scipy,safetensors,matplotlib,jinja2,affine,PIL"
IN_A_PROCESS = """
import json
from qgis.core import QgsProject
context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
context.setProject(QgsProject.instance())
for name, parameters in json.loads(sys.argv[2]):
    algorithm = provider.algorithm(name).create()
    accepted, message = algorithm.checkParameterValues(parameters, context)
    results, ok = algorithm.run(parameters, context, feedback) if accepted else ({}, message)
    print(json.dumps([name, results if ok is True else f"{ok} {feedback.textLog()[-2000:]}"]))
print(json.dumps(["imported", sorted({module.split(".")[0] for module in sys.modules} & BLOCKED)]))
"""
"""Runs the chain in a QGIS whose own Python has nothing but NumPy."""


@pytest.fixture(scope="module")
def both(area, run, tmp_path_factory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Folder and results of the chain, by where it ran."""
    folder = tmp_path_factory.mktemp("inside")
    inside = {
        algorithm: run(algorithm, **inputs, **{name: folder / file for name, file in outputs.items()})
        for algorithm, inputs, outputs in steps(area, folder.joinpath)
    }
    other = tmp_path_factory.mktemp("process")
    todo = [
        (algorithm, {**inputs, **{name: other / file for name, file in outputs.items()}})
        for algorithm, inputs, outputs in steps(area, other.joinpath)
    ]
    path = os.pathsep.join([str(ROOT / ".build" / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])])
    chosen = {"QT_QPA_PLATFORM": "offscreen", "SCARP_RUN": "auto", "SCARP_PYTHON": sys.executable, "PYTHONPATH": path}
    command = [sys.executable, "-c", START + IN_A_PROCESS, BLOCKED, json.dumps(todo, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **chosen}, timeout=900)
    assert done.returncode == 0, done.stderr
    results = dict(json.loads(line) for line in done.stdout.splitlines())
    assert not [result for result in results.values() if isinstance(result, str)]
    return {"inside": (folder, inside), "process": (other, results)}


def test_qgis_itself_needs_none_of_the_libraries(both):
    assert both["process"][1]["imported"] == []


ALL = [(algorithm, file) for algorithm, _, outputs in steps(Path(), Path) for file in outputs.values()]


@pytest.mark.parametrize(("algorithm", "file"), ALL, ids=[file for _, file in ALL])
def test_every_output_is_the_same(both, algorithm, file):
    one, other = (both[way][0] / file for way in ("inside", "process"))
    assert one.exists()
    assert other.exists()
    if one.is_dir():
        names = sorted(path.name for path in one.iterdir())
        assert names == sorted(path.name for path in other.iterdir())
        assert len(names) > 10
        for name in names:
            same(one / name, other / name)
    else:
        same(one, other)


def same(one: Path, other: Path) -> None:
    """Compare two files: layers by their features, reports and records without times and paths, the rest by bytes."""
    if one.suffix == ".gpkg":
        assert features(one) == features(other)
    elif one.suffix == ".pdf":
        assert abs(one.stat().st_size - other.stat().st_size) < 2000
    elif one.suffix in (".html", ".json"):
        assert plain(one) == plain(other)
    else:
        assert one.read_bytes() == other.read_bytes()


def features(path: Path) -> list[tuple[str, list[Any]]]:
    layer = QgsVectorLayer(str(path))
    assert layer.isValid()
    assert layer.featureCount()
    return [(feature.geometry().asWkt(), feature.attributes()) for feature in layer.getFeatures()]


def plain(path: Path) -> str:
    """Return a text without what differs from run to run."""
    text = path.read_text(encoding="utf-8").replace(str(path.parent), "FOLDER")
    if path.suffix == ".json":
        content = json.loads(text)
        if isinstance(content, dict):
            for name in ("started", "seconds", "inputs", "outputs"):
                content.pop(name, None)
        return json.dumps(content)
    # Hashes of GeoPackages differ, because there is a time in them.
    return re.sub("[0-9a-f]{16}…", "HASH", "\n".join(line for line in text.splitlines() if "seconds" not in line))


@pytest.mark.parametrize("algorithm", [algorithm for algorithm, _, _ in steps(Path(), Path)])
def test_the_numbers_returned_are_the_same(both, algorithm):
    one, other = (both[way][1][algorithm] for way in ("inside", "process"))
    assert set(one) == set(other)
    for name, value in one.items():
        if not isinstance(value, str) or "/" not in value:
            assert other[name] == value or (value != value and other[name] != other[name]), name


def test_the_record_describes_the_process_that_computed(both):
    one, other = (json.loads((both[way][0] / "model.safetensors.run.json").read_text()) for way in both)
    assert one["device"] == other["device"]
    assert one["versions"] == other["versions"]
    assert one["versions"]["torch"]
