"""Cancel stops every algorithm and leaves nothing under an output's name."""

from __future__ import annotations

import pytest
from qgis.core import QgsProcessingException

from scarp.tests.qgis.tiny import RADII, TRAINING, Listener, stack_inputs

CASES = {
    "createdemodata": ({"SIZE": 200}, "OUTPUT=demo"),
    "buildfactorstack": ({}, "OUTPUT=stack.tif"),
    "checkfactors": ({}, "OUTPUT_HTML=check.html OUTPUT_TABLE=check.csv"),
    "buildbufferedlabels": ({"SCALE_FIELD": "scale", "RADII": RADII}, "OUTPUT=labels.tif"),
    "buildsafetyfactor": ({}, "OUTPUT=fs.tif OUTPUT_RAINFALL=r7.tif OUTPUT_TABLE=k.csv"),
    "trainpcum": ({**TRAINING, "EPOCHS": 5000}, "OUTPUT=m.safetensors OUTPUT_WINDOWS=w.gpkg OUTPUT_HTML=t.html"),
    "traincomparisonmodel": (
        {"BLOCK": 900, "KIND": "random_forest"},
        "OUTPUT=m.safetensors OUTPUT_WINDOWS=w.gpkg OUTPUT_HTML=t.html",
    ),
    "predictsusceptibility": (
        {"SAMPLES": 3, "TILE": 32},
        "OUTPUT=s.tif OUTPUT_UNCERTAINTY=u.tif OUTPUT_APPLICABILITY=a.tif",
    ),
    "classifyzones": ({}, "OUTPUT=z.tif OUTPUT_TABLE=z.csv"),
    "rainfallwarning": ({"K": 0.01}, "OUTPUT=r.tif OUTPUT_TABLE=r.csv OUTPUT_SAFETY_FACTOR=rf.tif"),
    "validatewithpoints": (
        {"DISTANCE": 100, "REPEATS": 5000},
        "OUTPUT_HTML=v.html OUTPUT_TABLE=v.csv OUTPUT_POINTS=p.gpkg OUTPUT_PDF=v.pdf",
    ),
    "comparemodels": (
        {"DISTANCE": 100, "REPEATS": 2000},
        "OUTPUT_HTML=c.html OUTPUT_TABLE=c.csv OUTPUT_DIFFERENCE=c.tif",
    ),
    "explainsusceptibility": (
        {"BLOCK": 600, "REPEATS": 200},
        "OUTPUT_HTML=e.html OUTPUT_TABLE=e.csv OUTPUT_LEADING=e.tif",
    ),
}
"""Inputs beside the usual ones, and outputs."""


@pytest.mark.parametrize("reports", [1, 3])
@pytest.mark.parametrize("algorithm", CASES)
def test_a_cancelled_run_leaves_no_outputs(step, area, chain, tmp_path, algorithm, reports):
    inputs, text = CASES[algorithm]
    outputs = dict(item.split("=") for item in text.split())
    if algorithm == "buildfactorstack":
        inputs = stack_inputs(area)
    elif algorithm == "comparemodels":
        inputs = {**inputs, "SUSCEPTIBILITY": [str(chain["susceptibility"]), str(area / "dem.tif")]}
    elif algorithm in ("checkfactors", "buildsafetyfactor"):
        inputs = (
            {"LABELS": chain["labels"]} if algorithm == "checkfactors" else {"LANDSLIDES": area / "landslides.gpkg"}
        )
    listener = Listener(cancel_after=reports)
    message = ""
    try:
        step(algorithm, listener, **inputs, **{name: tmp_path / file for name, file in outputs.items()})
    except QgsProcessingException as error:
        message = str(error)
    assert listener.isCanceled()
    if message:
        assert "Cancelled" in message
        assert not list(tmp_path.iterdir())
    else:
        # So small an area may be done at the third report; then it is complete.
        assert reports > 1
        assert {path.name for path in tmp_path.iterdir()} >= set(outputs.values())


def test_cancel_in_the_middle_of_training_keeps_an_older_model(step, chain, tmp_path):
    output = tmp_path / "model.safetensors"
    output.write_bytes(chain["model"].read_bytes())
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        step("trainpcum", Listener(cancel_after=15), OUTPUT=output, **{**TRAINING, "EPOCHS": 5000})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert output.read_bytes() == chain["model"].read_bytes()
