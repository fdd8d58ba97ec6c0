"""The graphical models that come with Scarp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessing, QgsProcessingModelAlgorithm

from scarp.tests.qgis.tiny import RADII, TRAINING, stack_inputs

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "resources" / "models" / "factorstozones.model3"


@pytest.fixture(scope="module")
def model(plugin):
    return plugin.provider.algorithm("factorstozones")


def test_the_model_is_registered_with_title_group_and_help(model):
    assert model.id() == "scarp:factorstozones"
    assert model.displayName() == "Landslide susceptibility, from factors to zones"
    assert model.group().startswith("5") and "whole chain" in model.shortHelpString()
    assert not model.icon().isNull()
    instance = model.create()
    for item in [*model.parameterDefinitions(), *instance.parameterDefinitions()]:
        assert item.help(), item.name()
        assert item.help() in model.shortHelpString()


def test_every_step_is_valid(model):
    for child in model.childAlgorithms():
        assert model.validateChildAlgorithm(child) == (True, [])


def test_the_file_holds_the_defaults_of_today(plugin, model):
    """``tools/make_models.py`` copies defaults into the file; run it again when a default changes."""
    for step in model.childAlgorithms().values():
        algorithm = plugin.provider.algorithm(step.algorithm().name())
        for name, sources in step.parameterSources().items():
            if sources[0].source() == sources[0].Source.StaticValue:
                assert sources[0].staticValue() == algorithm.parameterDefinition(name).defaultValue(), name
        given = {item.name() for item in model.parameterDefinitions()}
        for item in algorithm.parameterDefinitions():
            if item.name() in given and not item.isDestination() and item.name() != "AREA":
                assert model.parameterDefinition(item.name()).defaultValue() == item.defaultValue(), item.name()


def test_it_opens_as_a_plain_model(plugin):
    opened = QgsProcessingModelAlgorithm()
    assert opened.fromFile(str(MODEL))
    assert "scarp:trainpcum" in "".join(opened.asPythonCode(
        QgsProcessing.PythonOutputType.PythonQgsProcessingAlgorithmSubclass, 4))


def test_the_whole_chain_in_one_go(run, area, tmp_path):
    names = {"stack:STACK": "stack.tif", "labels:LABELS": "labels.tif", "safety:SAFETY_FACTOR": "safety.tif",
             "training:MODEL": "model.safetensors", "training:WINDOWS": "windows.gpkg", "map:SUSCEPTIBILITY": "map.tif",
             "zones:ZONES": "zones.tif", "zones:ZONE_TABLE": "zones.csv", "validation:REPORT": "report.html",
             "validation:NUMBERS": "numbers.csv", "validation:POINTS": "points.gpkg"}
    outputs = {name: tmp_path / file for name, file in names.items()}
    training = {name: value for name, value in TRAINING.items() if name != "PATIENCE"}
    run("factorstozones", LANDSLIDES=area / "landslides.gpkg", SCALE_FIELD="scale", RADII=RADII, DISTANCE=150,
        **stack_inputs(area), **training, **outputs)
    for path in outputs.values():
        assert path.stat().st_size > 0, path.name
    with rasterio.open(tmp_path / "zones.tif") as zones:
        assert set(np.unique(zones.read(1))) == {1, 2, 3, 4, 5}


def test_it_runs_without_the_optional_layers(run, area, tmp_path):
    training = {name: value for name, value in TRAINING.items() if name != "PATIENCE"}
    result = run("factorstozones", DEM=area / "dem.tif", LANDSLIDES=area / "landslides.gpkg", RADII=RADII,
                 PRECIPITATION=area / "precipitation.tif", DISTANCE=150, **{**training, "EPOCHS": 1},
                 **{name: QgsProcessing.TEMPORARY_OUTPUT for name in (
                     "stack:STACK", "labels:LABELS", "safety:SAFETY_FACTOR", "training:MODEL", "training:WINDOWS",
                     "map:SUSCEPTIBILITY", "zones:ZONES", "validation:REPORT", "validation:NUMBERS")})
    with rasterio.open(result["map:SUSCEPTIBILITY"]) as found:
        assert np.isfinite(found.read(1)).any()
    assert "test windows" in Path(result["validation:REPORT"]).read_text(encoding="utf-8")
