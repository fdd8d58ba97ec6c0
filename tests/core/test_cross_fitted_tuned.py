"""START_FROM with a model of cross-fitting."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
import rasterio
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model, save_model
from scarp.model.errors import Cancelled, ParameterInvalid
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import checkpoint, pointwise_fit
from scarp.model.training.settings import preset_settings
from scarp.tests.core.conftest import Listener, read_band, write_stack
from scarp.tests.core.cross_fitting import FACTORS, GRID, StopAt, area, few_steps, train  # noqa: F401
from scarp.tests.core.prediction_models import predict


@pytest.fixture(scope="module")
def areas(tmp_path_factory):
    """An area with many landslides and its model; another with 8; the same with many, to judge by."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "few", "many")]
    for folder, landslides, seed in zip(folders, (250, 8, 300), (3, 8, 8)):
        area(folder, landslides, seed=seed)
    train(folders[0], block=200.0)
    return folders


def judge(model, many, output):
    """Return the AUC of a model at the landslides of an area."""
    predict(many / "stack.tif", [model], output)
    labels, found = read_band(many / "labels.tif").ravel(), read_band(output).ravel()
    known = (labels != 255) & np.isfinite(found)
    return roc_auc_score(labels[known] == 1, found[known])


def test_few_landslides_are_better_used_with_a_start(areas, tmp_path):
    first, few, many = areas
    log = Listener()
    tuned = train(few, "tuned.safetensors", log, block=200.0, start_from=first / "model.safetensors")
    train(few, "fresh.safetensors", block=200.0)
    start, own, other = (
        judge(path, many, tmp_path / "map.tif")
        for path in (first / "model.safetensors", few / "tuned.safetensors", few / "fresh.safetensors")
    )
    assert own > other + 0.01 and own > start - 0.02
    assert any("Fine-tuning the model model.safetensors" in text for text in log.texts)
    assert any("Out of fold, the model model.safetensors has an AUC of" in text for text in log.texts)
    made = load_model(few / "tuned.safetensors")
    assert made.training["start_from"]["name"] == "model.safetensors"
    before = load_model(first / "model.safetensors")
    assert [(spec.mean, spec.std) for spec in made.factors] == [(spec.mean, spec.std) for spec in before.factors]
    assert (made.network.curves.knots == before.network.curves.knots).all()
    assert tuned.metrics["chosen_auc_start"] is not None


def test_no_change_is_a_candidate(areas, tmp_path, monkeypatch):
    """Where it is the only one, the model stays as it is to the last digits."""
    first, few, many = areas
    monkeypatch.setattr("scarp.model.training.additive_fit.START_PENALTIES", ((1e9, 1e9),))
    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", ())
    train(few, "same.safetensors", block=200.0, start_from=first / "model.safetensors")
    for model, name in ((few / "same.safetensors", "a.tif"), (first / "model.safetensors", "b.tif")):
        predict(many / "stack.tif", [model], tmp_path / name)
    assert np.allclose(read_band(tmp_path / "a.tif"), read_band(tmp_path / "b.tif"), atol=1e-6, equal_nan=True)


def test_the_loss_is_never_above_that_of_the_start(areas):
    first, few, _ = areas
    train(few, "tuned.safetensors", block=200.0, start_from=first / "model.safetensors")
    choice = load_model(few / "tuned.safetensors").training["choice"]
    unchanged, chosen = choice["penalties"][0], min(row[-1] for row in choice["residuals"])
    assert unchanged[:2] == [1e9, 1e9] and chosen <= choice["residuals"][0][-1] <= unchanged[-1] + 1e-6  # rounding


def test_factors_and_classes_are_matched(areas, tmp_path):
    """Another order of the factors, other codes, one more class and factor."""
    first, few, _ = areas
    rock = {1: "till", 2: "granite", 3: "schist", 4: "basalt"}
    with rasterio.open(few / "stack.tif") as dataset:
        values = dataset.read()
    codes = values[2].copy()
    for old, new in ((1, 2), (2, 3), (3, 1)):
        codes[values[2] == old] = new
    codes[60:70, 60:80] = 4
    factors = [dataclasses.replace(FACTORS[2], classes=rock), FACTORS[1], StackFactor("rain", "continuous"), FACTORS[0]]
    bands = np.stack([codes, values[1], values[0] ** 2, values[0]])
    write_stack(tmp_path / "stack.tif", bands.astype(np.float32), factors, GRID)
    os.link(few / "labels.tif", tmp_path / "labels.tif")
    log = Listener()
    train(tmp_path, progress=log, block=200.0, start_from=first / "model.safetensors")
    model = load_model(tmp_path / "model.safetensors")
    assert [spec.name for spec in model.factors] == ["slope", "relief", "rock"]
    assert "basalt" in model.factors[2].classes.values() and len(model.factors[2].seen) == 4
    assert any("rain" in text and "ignored" in text for text in log.texts)


def test_it_resumes_to_the_same_weights(areas, tmp_path, monkeypatch):
    first, few, _ = areas
    monkeypatch.setattr(checkpoint, "WRITE_INTERVAL", 0.0)
    given = {"block": 200.0, "start_from": first / "model.safetensors"}
    train(few, "whole.safetensors", **given)
    for share in (0.5, 0.58):
        with pytest.raises(Cancelled):
            train(few, "resumed.safetensors", StopAt(share), checkpoint=tmp_path / "state", **given)
    train(few, "resumed.safetensors", checkpoint=tmp_path / "state", **given)
    assert (few / "resumed.safetensors").read_bytes() == (few / "whole.safetensors").read_bytes()
    with pytest.raises(ParameterInvalid, match="belongs to a run"):
        train(few, "resumed.safetensors", checkpoint=tmp_path / "state", block=200.0)


def test_the_method_is_that_of_the_model(areas, tmp_path):
    first, few, _ = areas
    files = few / "stack.tif", few / "labels.tif", tmp_path / "model.safetensors"
    quiet = {"progress": NullProgress()}
    with pytest.raises(ParameterInvalid, match="is fine-tuned by cross-fitting"):
        start = {"settings": preset_settings("windows", {}), "start_from": first / "model.safetensors"}
        train_pcum(*files, **start, **quiet)
    small = {"epochs": 1, "window": 100.0, "block": 300.0, "width": 4, "buffer": 0.0}
    train_pcum(*files, settings=preset_settings("windows", small), **quiet)
    log, given = Listener(), {"block": 300.0, "buffer": 0.0}
    settings = dataclasses.replace(preset_settings("recommended", given), epochs=1, window=100.0)
    tuned = tmp_path / "tuned.safetensors"
    found = train_pcum(*files[:2], tuned, settings=settings, start_from=files[2], given=given, progress=log)
    assert found.settings.method == "windows" and found.history
    assert any("PRESET=windows" in text for text in log.texts)
    assert load_model(tuned).architecture["type"] == "additive_unet"


def test_a_model_of_trees_is_no_start(areas, tmp_path):
    first, few, _ = areas
    model = load_model(first / "model.safetensors")
    save_model(dataclasses.replace(model, kind="random_forest"), tmp_path / "other.safetensors")
    with pytest.raises(ParameterInvalid, match="random_forest"):
        train(few, "refused.safetensors", start_from=tmp_path / "other.safetensors")
    assert not (few / "refused.safetensors").exists()
