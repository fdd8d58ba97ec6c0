"""The history of a training by cross-fitting, and stopping it by hand."""

from __future__ import annotations

import json

import pytest

from scarp.model.artifact import load_model
from scarp.model.artifact_header import read_header_of_file
from scarp.model.history import writing
from scarp.model.history.reading import history_of_model
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.progress import NullProgress
from scarp.model.training import additive_fit, checkpoint, pointwise_fit, unet_fit
from scarp.model.training.settings import CrossValidationOptions, preset_settings
from scarp.tests.core.cross_fitting import area, train
from scarp.tests.core.test_training_history import followed, lines_of, only

CHECKPOINTS = (10, 30, 60)
STEPS = [0, *CHECKPOINTS]


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Short training of the networks, and a state in the checkpoint at every chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", CHECKPOINTS)
        patch.setattr(writing, "_STOP_CHECK_INTERVAL", 0.0)
        patch.setattr(checkpoint, "WRITE_INTERVAL", 0.0)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area with 60 landslides."""
    return tmp_path_factory.mktemp("area")


@pytest.fixture(scope="module", autouse=True)
def slides(folder):
    """The points of the landslides."""
    return area(folder, 60)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """The folder of the histories, one of its own for each test."""
    monkeypatch.setenv("SCARP_STATE", str(tmp_path / "state"))
    return writing.histories_folder()


def test_the_history_is_that_of_the_model_file_and_its_best_entry_is_the_model(folder, state):
    result = train(folder, block=200.0)
    path, model, choice = only(state), folder / "model.safetensors", load_model(folder / "model.safetensors").training
    entries, history = load_model(model).history, followed(path).history
    lines = [line for line in lines_of(path) if writing.EPOCH in line]
    assert [{name: line[name] for name in entry} for line, entry in zip(lines, entries)] == entries == result.history
    assert list(history.head.steps) == STEPS and history.head.patience == pointwise_fit.PATIENCE
    assert (
        history.ended == result.ended == choice["ended"] == history_of_model(read_header_of_file(model), model, 0).ended
    )
    # The best entry has what the choice and the test of the model say.
    best, choice = entries[history.best_epoch - 1], choice["choice"]
    assert best["steps"] == choice["steps"] and best["validation_auc"] == choice["auc"]
    assert entries[0]["validation_auc"] == choice["auc_additive"]
    assert best["validation_loss"] == pytest.approx(min(row[2] for row in choice["residuals"]), abs=1e-6)
    for name in ("accuracy", "recall"):
        assert best[f"validation_{name}"] == pytest.approx(result.metrics[name], abs=1e-6)
    assert all(entry["train_loss"] < entry["validation_loss"] for entry in entries)


class Asked(writing.TrainingLog):
    """Asked to stop at a number of entries and a share of the way to the next."""

    entries, share = 0, 0.0

    def epoch(self, numbers, timed=True):
        super().epoch(numbers, timed)
        self._ask(numbers["epoch"], 0.0)

    def report_epoch_share(self, epoch, share):
        super().report_epoch_share(epoch, share)
        self._ask(epoch - 1, share)

    def _ask(self, entries, share):
        if (entries, share) >= (self.entries, self.share):
            writing.request_stop(self.path)


@pytest.fixture(scope="module")
def whole(folder, slides):
    """A model whose training was not stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "_DRAWN_STEPS", 7)
        train(folder, "whole.safetensors", block=200.0)
    return (folder / "whole.safetensors").read_bytes()


@pytest.mark.parametrize(("entries", "share", "left"), [(0, 0.1, 1), (1, 0.0, 1), (2, 0.0, 2), (3, 0.5, 3)])
def test_a_stopped_training_takes_the_best_so_far_and_goes_on_from_its_checkpoint(
    folder, whole, state, tmp_path, monkeypatch, entries, share, left
):
    monkeypatch.setattr(pointwise_fit, "_DRAWN_STEPS", 7)
    monkeypatch.setattr(Asked, "entries", entries)
    monkeypatch.setattr(Asked, "share", share)
    given = {"checkpoint": tmp_path / "state.ckpt", "block": 200.0}
    with monkeypatch.context() as patch:
        patch.setattr(writing, "TrainingLog", Asked)
        result = train(folder, "stopped.safetensors", **given)
    model, history = load_model(folder / "stopped.safetensors"), followed(only(state)).history
    choice = model.training["choice"]
    assert history.ended == result.ended == model.training["ended"] == writing.STOPPED
    assert len(result.history) == history.epoch == left and "stopped by hand" in " ".join(result.warnings)
    tried = len(additive_fit.PENALTIES) if entries else 1
    assert len(choice["penalties"]) == tried and choice["steps"] in STEPS[:left]
    assert model.network.has_residual == (choice["steps"] > 0)
    assert json.loads((folder / "stopped.safetensors.run.json").read_text())["ended"] == writing.STOPPED
    # The stopped training has changed nothing in what follows.
    train(folder, "on.safetensors", **given)
    assert (folder / "on.safetensors").read_bytes() == whole


def test_a_stop_ends_the_unets(folder, state, monkeypatch):
    monkeypatch.setattr(
        unet_fit._UNets, "_step", lambda *_: writing.request_stop(next(state.glob(f"*{writing.SUFFIX}")))
    )
    result = train(folder, "unet.safetensors", block=200.0, depth=2)
    choice = load_model(folder / "unet.safetensors").training["choice"]
    assert result.ended == followed(only(state)).history.ended == writing.STOPPED
    assert [row[:3] for row in choice["unets"]] == [[1, 0, 0]] and choice["depth"] == 0
    assert "fewer U-Nets" in " ".join(result.warnings)


def test_folds_have_histories_that_cannot_be_stopped(folder, slides, state, tmp_path):
    options = CrossValidationOptions("pcum", folds=3, random_split=False, processes=1)
    files = folder / "stack.tif", folder / "labels.tif", Points("slides", xy=slides), tmp_path / "map.tif"
    cross_validate(*files, options=options, settings=preset_settings("recommended", {}), progress=NullProgress())
    found = [followed(path).history for path in state.iterdir()]
    assert {one.head.part for one in found} == {f"fold {number} of 3, spatial split" for number in (1, 2, 3)}
    assert all(one.ended and not one.head.stoppable and list(one.head.steps) == STEPS for one in found)
