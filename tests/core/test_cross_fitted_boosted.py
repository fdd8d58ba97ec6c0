"""ENSEMBLE=gradient_boosting beside a model of cross-fitting."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.artifact import load_model
from scarp.model.classical import boosted_pcum
from scarp.model.progress import NullProgress
from scarp.model.training import pointwise_fit
from scarp.tests.core.conftest import Listener, read_band
from scarp.tests.core.cross_fitting import area, collect, fit_to, train
from scarp.tests.core.prediction_models import predict

BOOSTED = {"ensemble": "gradient_boosting", "block": 200.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area whose landslides depend on two factors together, as trees see best."""
    result = tmp_path_factory.mktemp("area")
    area(result, 150, strength=3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        patch.setattr(boosted_pcum, "MAX_ROUNDS", 50)
        yield result


@pytest.fixture(scope="module")
def fits(folder):
    """Cells, the fit to them, and the same with trees."""
    cells = collect(folder)
    plain = fit_to(cells)
    return cells, plain, boosted_pcum.add_boosting(plain, 1, NullProgress())


@pytest.fixture(scope="module")
def trained(folder):
    train(folder, "boosted.safetensors", **BOOSTED)
    return folder / "boosted.safetensors"


def test_the_mean_of_the_logits_is_taken_where_it_is_better(fits):
    cells, plain, both = fits
    before, after = (plain.problem.losses(one.out_of_fold)[-1] for one in (plain, both))
    assert after < before and "Gradient boosting beside it adds" in both.choice.text
    assert both.fitted.architecture["type"] == "pcum_parts" and len(both.of_folds) == len(cells.roles)
    # Each tree model learns from the land of its fold alone: of the others the logit is another one.
    assert not np.allclose(both.out_of_fold, both.on_training, equal_nan=True)


def test_where_it_is_no_better_it_is_left_out(folder, monkeypatch):
    cells = collect(folder)
    plain = fit_to(cells)
    monkeypatch.setattr(boosted_pcum, "_logit", None)
    monkeypatch.setattr(plain.problem, "losses", lambda logit: [0.0 if logit is plain.out_of_fold else 1.0])
    assert boosted_pcum.add_boosting(plain, 1, NullProgress()) is plain
    assert "left out" in plain.choice.text and plain.fitted.architecture["type"] == "additive_pointwise"


def test_a_model_with_trees_works_like_any_other(folder, tmp_path):
    log, model = Listener(), folder / "model.safetensors"
    result = train(folder, progress=log, probability=True, **BOOSTED)
    assert any("Gradient boosting beside it adds" in text for text in log.texts)
    made = load_model(model)
    assert made.calibration is not None and made.settings["ensemble"] == "gradient_boosting"
    assert "Gradient boosting" in made.training["choice"]["text"] and 0.5 < result.metrics["auc"] <= 1
    predict(folder / "stack.tif", [model], tmp_path / "map.tif", samples=2, output_uncertainty=tmp_path / "spread.tif")
    assert np.nanmax(read_band(tmp_path / "spread.tif")) > 0
    predict(folder / "stack.tif", [model], tmp_path / "map.tif", tile=64)
    assert np.isfinite(read_band(tmp_path / "map.tif")).mean() > 0.95
    train(folder, "again.safetensors", probability=True, **BOOSTED)
    assert (folder / "again.safetensors").read_bytes() == model.read_bytes()


def test_a_model_predicts_what_its_training_says(folder, fits, trained, tmp_path):
    cells, _, both = fits
    predict(folder / "stack.tif", [trained], tmp_path / "map.tif")
    found = read_band(tmp_path / "map.tif").ravel()[cells.places]
    assert np.allclose(found, 1 / (1 + np.exp(-both.on_training)), atol=1e-4)


def test_its_trees_are_no_part_of_fine_tuning(folder, trained):
    log = Listener()
    train(folder, "tuned.safetensors", log, block=200.0, start_from=trained)
    assert any("boosted trees and U-Net are left out" in text for text in log.texts)
    assert load_model(folder / "tuned.safetensors").architecture["type"] == "additive_pointwise"
