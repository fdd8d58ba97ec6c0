"""The whole chain as child processes of ``qgis_process``, as scripts and ``./run demo`` use it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from scarp.tests.qgis.child import PROGRAM, child_environment, needs_qgis_process
from scarp.tests.qgis.tiny import NETWORK

RADII = "giant,150,large,120,medium,90,small,60,unrecorded,60"
TRAINING = {**NETWORK, "EPOCHS": 2, "BATCH": 16}

pytestmark = needs_qgis_process


@pytest.fixture(scope="module")
def qgis(tmp_path_factory):
    """Return a function that runs qgis_process with Scarp enabled in a profile of its own."""
    environment = child_environment(tmp_path_factory.mktemp("profile"))

    def call(*arguments: str, code: int | None = 0) -> subprocess.CompletedProcess:
        command = [PROGRAM, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
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
    names = """
        createdemodata buildfactorstack checkfactors buildbufferedlabels buildsafetyfactor trainpcum
        traincomparisonmodel predictsusceptibility classifyzones rainfallwarning validatewithpoints comparemodels
        explainsusceptibility factorstozones
    """
    assert not [name for name in names.split() if f"scarp:{name}" not in listed]
    shown = qgis("help", "scarp:trainpcum").stdout
    assert not [word for word in ("hinge", "LEARNING_RATE", "windows") if word not in shown]


@pytest.fixture(scope="module")
def demo(step, tmp_path_factory):
    """Folder with tiny demo data."""
    folder = tmp_path_factory.mktemp("chain") / "data"
    step("createdemodata", SIZE=100, SEED=3, OUTPUT=folder)
    return folder


def inputs(data: Path) -> dict:
    names = (
        "dem.tif",
        "rivers.gpkg",
        "faults.gpkg",
        "precipitation.tif",
        "temperature.tif",
        "landform.gpkg",
        "seismic.gpkg",
    )
    layers = {name.split(".")[0].upper(): data / name for name in names}
    layers["LITHOLOGY"] = f"{data / 'lithology.gpkg'}|layername=lithology"
    return {**layers, "LANDFORM_FIELD": "landform", "LITHOLOGY_FIELD": "lithology", "SEISMIC_FIELD": "intensity"}


def test_the_chain(step, demo):
    out, slides = demo.parent, demo / "landslides.gpkg"
    stack, labels, safety, zones = (out / f"{name}.tif" for name in ("stack", "labels", "safety", "zones"))
    step("buildfactorstack", **inputs(demo), OUTPUT=stack)
    scales = {"LANDSLIDES": slides, "SCALE_FIELD": "scale", "RADII": RADII}
    assert step("buildbufferedlabels", REFERENCE=stack, OUTPUT=labels, **scales)["LANDSLIDE_CELLS"] > 0
    reports = {"OUTPUT_HTML": out / "check.html", "OUTPUT_TABLE": out / "check.csv"}
    step("checkfactors", STACK=stack, LABELS=labels, **reports)
    fields = {"ALPHA_FIELD": "alpha", "BETA_FIELD": "beta", "RAINY_DAYS_FIELD": "rainy_days"}
    climate = {"PRECIPITATION": demo / "precipitation.tif", "CLIMATE": demo / "climate.gpkg", **fields}
    terrain = {"TOPOGRAPHY": demo / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform", "LANDSLIDES": slides}
    step("buildsafetyfactor", REFERENCE=stack, OUTPUT=safety, **climate, **terrain)
    for name in ("first", "second"):
        model = out / f"{name}.safetensors"
        rasters = {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety}
        outputs = {"OUTPUT": model, "OUTPUT_WINDOWS": out / f"{name}.gpkg", "OUTPUT_HTML": out / "training.html"}
        step("trainpcum", PHYSICS="hinge", **rasters, **outputs, **TRAINING)
        step("predictsusceptibility", STACK=stack, MODEL=model, OUTPUT=out / f"{name}.tif")
    for suffix in ("safetensors", "tif"):
        first, second = (out / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), "the same seed on the same machine gives the same bytes"
    shares = {"SHARES": "30,20,20,20,10", "OUTPUT": zones, "OUTPUT_TABLE": out / "zones.csv"}
    step("classifyzones", SUSCEPTIBILITY=out / "first.tif", **shares)
    layers = {"LANDSLIDES": slides, "ZONES": zones, "WINDOWS": out / "first.gpkg", "DISTANCE": 150, "REPEATS": 20}
    files = {"OUTPUT_HTML": "report.html", "OUTPUT_TABLE": "numbers.csv", "OUTPUT_POINTS": "points.gpkg"}
    outputs = {name: out / file for name, file in files.items()}
    result = step("validatewithpoints", SUSCEPTIBILITY=out / "first.tif", **layers, **outputs)
    assert 0 <= result["AUC"] <= 1
    assert 0 <= result["RECALL"] <= 1
    with rasterio.open(zones) as classes, rasterio.open(stack) as factors:
        assert classes.shape == factors.shape
        assert set(np.unique(classes.read(1))) <= {0, 1, 2, 3, 4, 5}
    assert {path.suffix for path in out.glob("*.run.json")} == {".json"}
    assert not [path for path in out.iterdir() if ".part" in path.name]


def test_a_failure_is_one_message_and_an_exit_code(qgis, demo, tmp_path):
    values = (f"DEM={demo / 'dem.tif'}", "RIVER_RADIUS=far", f"OUTPUT={tmp_path / 'stack.tif'}")
    result = qgis("run", "scarp:buildfactorstack", "--", *values, code=None)
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
    slides = {"LANDSLIDES": demo / "landslides.gpkg", "SCALE_FIELD": "scale", "RADII": RADII, "DISTANCE": 150}
    files = {name: tmp_path / file for name, file in outputs.items()}
    values = {**inputs(demo), **slides, **TRAINING, **files}
    qgis("run", "scarp:factorstozones", "--", *(f"{name}={value}" for name, value in values.items()))
    for file in outputs.values():
        assert (tmp_path / file).stat().st_size > 0
