"""Cancel stops every algorithm and leaves nothing under an output's name."""

from __future__ import annotations

import pytest
from qgis.core import QgsProcessingException

from scarp.tests.qgis.tiny import RADII, TRAINING, Listener, stack_inputs


def parameters_of(algorithm, area, chain):
    """Return the inputs and the outputs of an algorithm."""
    slides = area / "landslides.gpkg"
    return {
        "createdemodata": ({"SIZE": 200}, {"OUTPUT": "demo"}),
        "buildfactorstack": (stack_inputs(area), {"OUTPUT": "stack.tif"}),
        "checkfactors": (
            {"STACK": chain["stack"], "LABELS": chain["labels"]},
            {"OUTPUT_HTML": "check.html", "OUTPUT_TABLE": "check.csv"},
        ),
        "buildbufferedlabels": (
            {"LANDSLIDES": slides, "SCALE_FIELD": "scale", "RADII": RADII, "REFERENCE": chain["stack"]},
            {"OUTPUT": "labels.tif"},
        ),
        "buildsafetyfactor": (
            {"REFERENCE": chain["stack"], "PRECIPITATION": area / "precipitation.tif", "LANDSLIDES": slides},
            {"OUTPUT": "fs.tif", "OUTPUT_RAINFALL": "r7.tif", "OUTPUT_TABLE": "k.csv"},
        ),
        "trainpcum": (
            {"STACK": chain["stack"], "LABELS": chain["labels"], **TRAINING, "EPOCHS": 5000},
            {"OUTPUT": "m.safetensors", "OUTPUT_WINDOWS": "w.gpkg", "OUTPUT_HTML": "t.html"},
        ),
        "traincomparisonmodel": (
            {"STACK": chain["stack"], "LABELS": chain["labels"], "BLOCK": 900, "KIND": "random_forest"},
            {"OUTPUT": "m.safetensors", "OUTPUT_WINDOWS": "w.gpkg", "OUTPUT_HTML": "t.html"},
        ),
        "predictsusceptibility": (
            {"STACK": chain["stack"], "MODEL": chain["model"], "SAMPLES": 3, "TILE": 32},
            {"OUTPUT": "s.tif", "OUTPUT_UNCERTAINTY": "u.tif", "OUTPUT_APPLICABILITY": "a.tif"},
        ),
        "classifyzones": ({"SUSCEPTIBILITY": chain["susceptibility"]}, {"OUTPUT": "z.tif", "OUTPUT_TABLE": "z.csv"}),
        "rainfallwarning": (
            {"SUSCEPTIBILITY": chain["susceptibility"], "RAIN": area / "precipitation.tif", "K": 0.01},
            {"OUTPUT": "r.tif", "OUTPUT_TABLE": "r.csv", "OUTPUT_SAFETY_FACTOR": "rf.tif"},
        ),
        "validatewithpoints": (
            {"SUSCEPTIBILITY": chain["susceptibility"], "LANDSLIDES": slides, "DISTANCE": 100, "REPEATS": 5000},
            {"OUTPUT_HTML": "v.html", "OUTPUT_TABLE": "v.csv", "OUTPUT_POINTS": "p.gpkg", "OUTPUT_PDF": "v.pdf"},
        ),
        "comparemodels": (
            {
                "SUSCEPTIBILITY": [str(chain["susceptibility"]), str(area / "dem.tif")],
                "LANDSLIDES": slides,
                "DISTANCE": 100,
                "REPEATS": 2000,
            },
            {"OUTPUT_HTML": "c.html", "OUTPUT_TABLE": "c.csv", "OUTPUT_DIFFERENCE": "c.tif"},
        ),
        "explainsusceptibility": (
            {"STACK": chain["stack"], "MODEL": chain["model"], "LABELS": chain["labels"], "BLOCK": 600, "REPEATS": 200},
            {"OUTPUT_HTML": "e.html", "OUTPUT_TABLE": "e.csv", "OUTPUT_LEADING": "e.tif"},
        ),
    }[algorithm]


@pytest.mark.parametrize("reports", [1, 3])
@pytest.mark.parametrize(
    "algorithm",
    [
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
    ],
)
def test_cancel(run, area, chain, tmp_path, algorithm, reports):
    inputs, outputs = parameters_of(algorithm, area, chain)
    listener = Listener(cancel_after=reports)
    try:
        run(algorithm, listener, **inputs, **{name: tmp_path / file for name, file in outputs.items()})
    except QgsProcessingException as error:
        assert "Cancelled" in str(error)
        assert not list(tmp_path.iterdir())
    else:
        # So small an area may be done at the third report; then it is done wholly.
        assert reports > 1
        assert {path.name for path in tmp_path.iterdir()} >= set(outputs.values())
    assert listener.isCanceled()


def test_cancel_in_the_middle_of_training_keeps_an_older_model(run, chain, tmp_path):
    output = tmp_path / "model.safetensors"
    output.write_bytes(chain["model"].read_bytes())
    listener = Listener(cancel_after=15)
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run(
            "trainpcum",
            listener,
            STACK=chain["stack"],
            LABELS=chain["labels"],
            OUTPUT=output,
            **{**TRAINING, "EPOCHS": 5000},
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert output.read_bytes() == chain["model"].read_bytes()
