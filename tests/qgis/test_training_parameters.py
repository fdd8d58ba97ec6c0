"""PRESET and START_FROM through Processing: what is left empty, what is given, and what the log and the file say."""

from __future__ import annotations

import json

import pytest
from qgis.core import QgsProcessingException

from scarp.model.artifact import load_model
from scarp.model.outputs.run_record import sha256
from scarp.model.training.settings import default
from scarp.tests.qgis.tiny import TRAINING, Listener


@pytest.fixture
def train(run, chain, tmp_path):
    """Return a function that trains and gives the log and the settings as used."""

    def call(**parameters):
        output, log = tmp_path / "model.safetensors", Listener()
        inputs = {"STACK": chain["stack"], "LABELS": chain["labels"], "SAFETY_FACTOR": chain["safety"]}
        run("trainpcum", log, **inputs, OUTPUT=output, **parameters)
        record = json.loads(output.with_name("model.safetensors.run.json").read_text(encoding="utf-8"))
        return log, record["settings_used"]

    return call


@pytest.mark.parametrize("augment", [None, True, False])
def test_the_preset_paper_gives_what_is_left_empty(train, augment):
    given = {**TRAINING, "EPOCHS": 1} if augment is None else {**TRAINING, "EPOCHS": 1, "AUGMENT": augment}
    log, used = train(PRESET="paper", **given)
    found = used["encoding"], used["split"], used["learning_rate"], used["physics"]
    assert found == ("codes", "random", 1e-4, "indicator")
    assert (used["weight_landslide"], used["weight_stable"]) == (5, 1)
    assert (used["epochs"], used["width"], used["window"]) == (1, TRAINING["WIDTH"], TRAINING["WINDOW"])
    assert used["augment"] is bool(augment)
    told = "AUGMENT=true was given and overrides the preset's false." in log.lines
    assert told is bool(augment)
    assert "EPOCHS=1 was given and overrides the preset's 1000." in log.lines
    settings = [line for line in log.lines if line.startswith("Settings: ")]
    assert len(settings) == 1
    assert "ENCODING codes" in settings[0]
    assert "LEARNING_RATE 0.0001" in settings[0]


def test_empty_values_are_the_presets(train):
    """As a dialog hands them on: every parameter is there, the empty ones as None."""
    empty = dict.fromkeys(("PHYSICS", "LAMBDA", "SPLIT", "LEARNING_RATE", "ENCODING", "DROPOUT", "WEIGHT_STABLE"))
    log, used = train(PRESET="recommended", AUGMENT=True, **empty, **TRAINING)
    assert (used["physics"], used["split"], used["encoding"]) == ("hinge", "spatial_blocks", "one_hot")
    assert not [line for line in log.lines if line.startswith("AUGMENT")]


def test_a_model_is_fine_tuned(train, chain, tmp_path):
    given = {name: value for name, value in TRAINING.items() if name not in ("WIDTH", "DEPTH")}
    _, used = train(START_FROM=str(chain["model"]), **given)
    assert used["width"] == TRAINING["WIDTH"]
    assert used["learning_rate"] == pytest.approx(default("learning_rate") / 10)
    model = load_model(tmp_path / "model.safetensors")
    assert model.training["start_from"] == {"name": "model.safetensors", "sha256": sha256(chain["model"])}
    assert model.factors == load_model(chain["model"]).factors


@pytest.mark.parametrize("wrong", [{"WIDTH": 9}, {"ENCODING": "codes"}])
def test_what_the_model_cannot_change_is_refused(train, chain, wrong):
    with pytest.raises(QgsProcessingException, match=f"{next(iter(wrong))} is .* Leave {next(iter(wrong))} empty"):
        train(START_FROM=str(chain["model"]), **{**TRAINING, **wrong})


def test_a_start_that_is_no_model_is_refused(train, chain):
    with pytest.raises(QgsProcessingException, match="START_FROM .* should be a file of this kind: Scarp model"):
        train(START_FROM=str(chain["stack"]), **TRAINING)
