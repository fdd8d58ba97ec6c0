"""The whole chain as child processes of ``qgis_process``, as scripts and ``./run demo`` use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).resolve().parent.parent.parent
# Debian 12 wraps qgis_process with an option that the program refuses; the program itself is fine.
PROGRAM = os.environ.get("SCARP_QGIS_PROCESS") or shutil.which("qgis_process.bin") or shutil.which("qgis_process")
RADII = "giant,150,large,120,medium,90,small,60,unrecorded,60"
TRAINING = {
    "WINDOW": 600,
    "BLOCK": 900,
    "EPOCHS": 2,
    "WIDTH": 4,
    "DEPTH": 1,
    "BATCH": 16,
    "SEED": 1,
    "PRECISION": "fp32",
}

pytestmark = pytest.mark.skipif(not PROGRAM, reason="qgis_process is not installed")


@pytest.fixture(scope="module")
def qgis(tmp_path_factory):
    """Return a function that runs qgis_process with Scarp enabled in a profile of its own."""
    profile = tmp_path_factory.mktemp("profile")
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(profile),
        "HOME": str(profile),
        "QGIS_PLUGINPATH": str(ROOT / ".build" / "plugins"),
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }

    def call(*arguments: str, code: int | None = 0) -> subprocess.CompletedProcess:
        result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, env=environment, timeout=300)
        assert code is None or result.returncode == code, result.stdout + result.stderr
        return result

    call("plugins", "enable", "scarp")
    return call


@pytest.fixture(scope="module")
def step(qgis):
    """Return a function that runs one algorithm and gives its results."""

    def run(algorithm: str, **parameters) -> dict:
        values = [f"{name}={value}" for name, value in parameters.items()]
        output = qgis("--json", "run", f"scarp:{algorithm}", "--", *values).stdout
        return json.loads(output[output.index("{") :])["results"]

    return run


def test_list_and_help(qgis):
    listed = qgis("list").stdout
    for name in (
        "createdemodata",
        "buildfactorstack",
        "checkfactors",
        "buildbufferedlabels",
        "buildsafetyfactor",
        "trainpcum",
        "traincomparisonmodel",
        "predictsusceptibility",
        "classifyzones",
        "rainfallwarning",
        "validatewithpoints",
        "comparemodels",
        "explainsusceptibility",
        "factorstozones",
    ):
        assert f"scarp:{name}" in listed
    shown = qgis("help", "scarp:trainpcum").stdout
    assert "hinge" in shown
    assert "LEARNING_RATE" in shown
    assert "windows" in shown


@pytest.fixture(scope="module")
def demo(step, tmp_path_factory):
    """Folder with tiny demo data."""
    folder = tmp_path_factory.mktemp("chain") / "data"
    step("createdemodata", SIZE=100, SEED=3, OUTPUT=folder)
    return folder


def inputs(data: Path) -> dict:
    return {
        "DEM": data / "dem.tif",
        "RIVERS": data / "rivers.gpkg",
        "FAULTS": data / "faults.gpkg",
        "PRECIPITATION": data / "precipitation.tif",
        "TEMPERATURE": data / "temperature.tif",
        "LANDFORM": data / "landform.gpkg",
        "LANDFORM_FIELD": "landform",
        "LITHOLOGY": f"{data / 'lithology.gpkg'}|layername=lithology",
        "LITHOLOGY_FIELD": "lithology",
        "SEISMIC": data / "seismic.gpkg",
        "SEISMIC_FIELD": "intensity",
    }


def test_the_chain(step, demo):
    out = demo.parent
    slides = demo / "landslides.gpkg"
    step("buildfactorstack", **inputs(demo), OUTPUT=out / "stack.tif")
    labels = step(
        "buildbufferedlabels",
        LANDSLIDES=slides,
        SCALE_FIELD="scale",
        RADII=RADII,
        REFERENCE=out / "stack.tif",
        OUTPUT=out / "labels.tif",
    )
    assert labels["LANDSLIDE_CELLS"] > 0
    step(
        "checkfactors",
        STACK=out / "stack.tif",
        LABELS=out / "labels.tif",
        OUTPUT_HTML=out / "check.html",
        OUTPUT_TABLE=out / "check.csv",
    )
    step(
        "buildsafetyfactor",
        REFERENCE=out / "stack.tif",
        PRECIPITATION=demo / "precipitation.tif",
        CLIMATE=demo / "climate.gpkg",
        ALPHA_FIELD="alpha",
        BETA_FIELD="beta",
        RAINY_DAYS_FIELD="rainy_days",
        TOPOGRAPHY=demo / "landform.gpkg",
        TOPOGRAPHY_FIELD="landform",
        LANDSLIDES=slides,
        OUTPUT=out / "safety.tif",
    )
    for name in ("first", "second"):
        step(
            "trainpcum",
            STACK=out / "stack.tif",
            LABELS=out / "labels.tif",
            SAFETY_FACTOR=out / "safety.tif",
            PHYSICS="hinge",
            OUTPUT=out / f"{name}.safetensors",
            OUTPUT_WINDOWS=out / f"{name}.gpkg",
            OUTPUT_HTML=out / "training.html",
            **TRAINING,
        )
        step(
            "predictsusceptibility",
            STACK=out / "stack.tif",
            MODEL=out / f"{name}.safetensors",
            OUTPUT=out / f"{name}.tif",
        )
    for ending in ("safetensors", "tif"):
        assert (out / f"first.{ending}").read_bytes() == (out / f"second.{ending}").read_bytes(), (
            "the same seed on the same machine must give the same bytes"
        )
    step(
        "classifyzones",
        SUSCEPTIBILITY=out / "first.tif",
        SHARES="30,20,20,20,10",
        OUTPUT=out / "zones.tif",
        OUTPUT_TABLE=out / "zones.csv",
    )
    result = step(
        "validatewithpoints",
        SUSCEPTIBILITY=out / "first.tif",
        LANDSLIDES=slides,
        ZONES=out / "zones.tif",
        WINDOWS=out / "first.gpkg",
        DISTANCE=150,
        REPEATS=20,
        OUTPUT_HTML=out / "report.html",
        OUTPUT_TABLE=out / "numbers.csv",
        OUTPUT_POINTS=out / "points.gpkg",
    )
    assert 0 <= result["AUC"] <= 1
    assert 0 <= result["RECALL"] <= 1
    with rasterio.open(out / "zones.tif") as zones, rasterio.open(out / "stack.tif") as stack:
        assert zones.shape == stack.shape
        assert set(np.unique(zones.read(1))) <= {0, 1, 2, 3, 4, 5}
    assert {path.suffix for path in out.glob("*.run.json")} == {".json"}
    assert not [path for path in out.iterdir() if ".part" in path.name]


def test_a_failure_is_one_message_and_an_exit_code(qgis, demo, tmp_path):
    result = qgis(
        "run",
        "scarp:buildfactorstack",
        "--",
        f"DEM={demo / 'dem.tif'}",
        "RIVER_RADIUS=far",
        f"OUTPUT={tmp_path / 'stack.tif'}",
        code=None,
    )
    assert result.returncode != 0
    assert "RIVER_RADIUS" in result.stdout + result.stderr
    assert "far" in result.stdout + result.stderr
    assert not (tmp_path / "stack.tif").exists()


def test_the_graphical_model(qgis, demo, tmp_path):
    outputs = {
        "stack:STACK": "stack.tif",
        "labels:LABELS": "labels.tif",
        "safety:SAFETY_FACTOR": "safety.tif",
        "training:MODEL": "model.safetensors",
        "training:WINDOWS": "windows.gpkg",
        "map:SUSCEPTIBILITY": "map.tif",
        "zones:ZONES": "zones.tif",
        "validation:REPORT": "report.html",
        "validation:NUMBERS": "numbers.csv",
    }
    values = {
        **inputs(demo),
        "LANDSLIDES": demo / "landslides.gpkg",
        "SCALE_FIELD": "scale",
        "RADII": RADII,
        "DISTANCE": 150,
        **TRAINING,
        **{name: tmp_path / file for name, file in outputs.items()},
    }
    qgis("run", "scarp:factorstozones", "--", *(f"{name}={value}" for name, value in values.items()))
    for file in outputs.values():
        assert (tmp_path / file).stat().st_size > 0
