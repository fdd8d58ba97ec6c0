"""PRESET=cross_fitted: the additive part, the choice by folds, the weight of landslides, and the jobs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from scarp.model.artifact import load_model, save_model
from scarp.model.errors import Cancelled, ModelFileInvalid, ParameterInvalid, TooFewData
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.networks import build_network
from scarp.model.networks.pointwise import BOUND
from scarp.model.progress import NullProgress
from scarp.model.training import additive_fit, cross_fitted, pointwise_fit
from scarp.model.training.fold_problem import FoldProblem
from scarp.model.training.settings import CrossValidationOptions, preset_settings
from scarp.model.windows import folded_cells
from scarp.model.windows.split import NO_SUBSET, TEST, TRAIN, open_training_rasters
from scarp.tests.core.conftest import read_band, write_raster
from scarp.tests.core.cross_fitting import (  # noqa: F401
    FACTORS,
    GRID,
    SIZE,
    StopAt,
    area,
    collect,
    few_steps,
    fit_to,
    random_cells,
    train,
)
from scarp.tests.core.prediction_models import predict


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An area with 80 landslides, its cells and the fit to them."""
    folder = tmp_path_factory.mktemp("study")
    xy = area(folder, 80)
    cells = collect(folder)
    fit = fit_to(cells)
    train(folder, block=200.0)
    return folder, xy, cells, fit


@pytest.mark.parametrize("linear", (3.0, 30.0))
def test_without_curves_it_is_ridge_logistic_regression(linear):
    image, labels, weights = random_cells()
    knots = additive_fit.knots_of(image[:, :3])
    columns = additive_fit.basis(image, knots)
    matrix = additive_fit.penalty(5, 3, 1e9, linear)
    found = additive_fit.fit(columns, labels, weights, matrix, lambda: None)
    clipped = columns[:, 1:6].astype(np.float64)
    known = LogisticRegression(C=1 / linear, tol=1e-10, max_iter=1000).fit(clipped, labels, weights)
    assert np.allclose(found.coefficients[1:6], known.coef_[0], atol=1e-3)
    assert np.isclose(found.coefficients[0], known.intercept_[0], atol=1e-3)


def test_a_start_changes_nothing():
    image, labels, weights = random_cells()
    columns, matrix = additive_fit.basis(image, additive_fit.knots_of(image[:, :3])), additive_fit.penalty(5, 3, 10, 3)
    first = additive_fit.fit(columns, labels, weights, matrix, lambda: None)
    far = additive_fit.Additive(np.random.default_rng(1).normal(0, 1, len(matrix)))
    again = additive_fit.fit(columns, labels, weights, matrix, lambda: None, far)
    assert np.allclose(first.logit(columns), again.logit(columns), atol=2e-3)


def test_the_curves_of_a_network_are_the_additive_part():
    image, labels, weights = random_cells()
    knots = additive_fit.knots_of(image[:, :3])
    columns = additive_fit.basis(image, knots)
    found = additive_fit.fit(columns, labels, weights, additive_fit.penalty(5, 3, 1.0, 1.0), lambda: None)
    architecture = {"type": "additive_pointwise", "channels": 5, "width": 4, "dropout": 0.3, "channel_dropout": 0.2}
    network = build_network({**architecture, "continuous": 3, "knots": additive_fit.KNOTS}, 1)
    additive_fit.write_curves(found, knots, network.curves)
    beyond = np.concatenate([image, 4 * image])
    with torch.inference_mode():
        logits = network.eval().curves(torch.from_numpy(beyond.T[None, :, :, None].copy()))[0, :, :, 0]
    expected = found.logit(additive_fit.basis(beyond, knots))
    assert np.allclose(logits[1] - logits[0], expected, atol=1e-4)


def test_a_network_adds_at_most_its_share_of_the_bound():
    architecture = {"type": "additive_pointwise", "channels": 5, "width": 4, "dropout": 0.3, "channel_dropout": 0.2}
    network = build_network({**architecture, "continuous": 3, "knots": additive_fit.KNOTS}, 1).eval()
    image = torch.from_numpy(random_cells()[0].T[None, :, :, None].copy())
    with torch.inference_mode():
        little = network.residual(image)
        network.layers[-1].weight.mul_(1000)
        network.share.fill_(0.25)
        much = network.residual(image)
    reached = float(much.abs().max())
    assert 0 < float(little.abs().max()) < BOUND and 0.24 * BOUND < reached <= 0.25 * BOUND
    network.share.fill_(1.5)
    with pytest.raises(ParameterInvalid, match="share of a network is 1.5"):
        network.check()


def test_a_model_predicts_with_the_share_of_its_network(tmp_path, monkeypatch):
    area(tmp_path, 60)
    # The network is taken as it is, whether it pays or not.
    monkeypatch.setattr(pointwise_fit, "_best", lambda tried: (int(tried[-2:][0][0]), tried[-2:][0][1], tried))
    inputs = cross_fitted.FitInputs(collect(tmp_path), FACTORS, preset_settings("recommended", {}))
    fit = cross_fitted.fit_cross_fitted(inputs, NullProgress())
    network, problem = fit.fitted.network, fit.problem
    assert network.has_residual and float(network.share) == fit.choice.shrink == pointwise_fit.SHRINKAGE[-2]
    with torch.inference_mode():
        logits = network(torch.from_numpy(problem.image.T[None, :, :, None].copy()))[0, :, :, 0]
    assert np.allclose(logits[1] - logits[0], fit.on_training, atol=1e-4)


def test_the_choice_is_never_worse_out_of_fold_than_the_additive_part(study):
    _, _, _, fit = study
    choice, losses = fit.choice, [row[-1] for row in fit.choice.residuals]
    alone, found = choice.residuals[0], np.array([row[-1] for row in choice.penalties])
    # The loss is convex, so that of a mean is at most the mean of the losses.
    weights = np.exp((found.min() - found) / additive_fit.LOSS_SCALE)
    weights[weights < additive_fit.MIN_WEIGHT] = 0
    assert alone[:2] == [0, 0] and alone[2] <= np.average(found, weights=weights)
    assert [choice.steps, choice.shrink, min(losses)] in choice.residuals and min(losses) <= alone[2]


def test_where_nothing_can_be_learned_the_network_is_left_out(tmp_path):
    area(tmp_path, 40, strength=0.0)
    cells = collect(tmp_path)
    fit = fit_to(cells)
    steps, shrink, loss = min(fit.choice.residuals, key=lambda row: row[-1])
    assert (fit.choice.steps, fit.choice.shrink) == (steps, shrink) and loss <= fit.choice.residuals[0][2]
    assert fit.fitted.network.has_residual == (steps > 0)


def test_a_model_predicts_what_its_training_says(study, tmp_path):
    folder, _, cells, fit = study
    predict(folder / "stack.tif", [folder / "model.safetensors"], tmp_path / "map.tif")
    found = read_band(tmp_path / "map.tif").ravel()[cells.places]
    assert np.allclose(found, 1 / (1 + np.exp(-fit.on_training)), atol=1e-4)


def test_no_cell_trains_the_model_that_is_tested_on_it(study):
    _, _, cells, _ = study
    held_out = cells.roles == TEST
    assert held_out.sum(axis=0).max() == 1 and (held_out.any(axis=0).mean() > 0.9)
    row, column = cells.places // SIZE, cells.places % SIZE
    for mine, role in zip(held_out, cells.roles):
        near = (abs(row[mine][:, None] - row[role == TRAIN]) <= 1) & (
            abs(column[mine][:, None] - column[role == TRAIN]) == 0
        )
        assert not near.any(), "the buffer keeps neighbours apart"


def test_land_and_sample_have_the_same_folds(study):
    cells = study[2]
    held_out = np.where((cells.roles == TEST).any(axis=0), np.argmax(cells.roles == TEST, axis=0), NO_SUBSET)
    assert len(cells.lands[0].held_out.strangers) and (held_out == NO_SUBSET).any()
    assert np.array_equal(cells.lands[0].held_out.groups_of(np.stack(np.divmod(cells.places, SIZE), axis=1)), held_out)


def test_each_landslide_weighs_one(study, tmp_path):
    folder, xy, cells, _ = study
    assert np.isclose(cells.landslides, len(xy))
    assert (cells.shares[cells.labels != 1] == 0).all()
    # Without the points in the metadata, patches of touching cells stand for landslides.
    labels = np.zeros((SIZE, SIZE), dtype=np.uint8)
    labels[10:13, 10:14], labels[50, 50], labels[80:110:6, 20:110:6] = 1, 1, 1
    write_raster(tmp_path / "labels.tif", labels, GRID, nodata=255)
    with open_training_rasters(folder / "stack.tif", tmp_path / "labels.tif") as rasters:
        places = np.flatnonzero(labels)
        shares = folded_cells.landslide_shares(rasters.labels, rasters.grid, places, NullProgress())
    assert np.isclose(shares.sum(), 2 + 5 * 15)
    assert np.allclose(shares[np.isin(places, [10 * SIZE + 10, 12 * SIZE + 13])], 1 / 12)


@pytest.mark.parametrize("landslides", (6, 20))
def test_few_landslides_are_enough(tmp_path, landslides):
    area(tmp_path, landslides)
    result = train(tmp_path, probability=True)
    assert {feature.fold for feature in result.windows} == {1, 2, 3} and result.settings.block >= 100
    assert 0 <= result.metrics["auc"] <= 1 and result.metrics["auc_train"] > 0.5
    model = load_model(tmp_path / "model.safetensors")
    assert model.calibration is not None and model.training["choice"]["folds"] == 3


def test_the_same_seed_gives_the_same_model_on_any_number_of_threads(study):
    folder, _, _, _ = study
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(train(folder, f"threads{threads}.safetensors", block=200.0).sha256)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] != train(folder, "other.safetensors", block=200.0, seed=2).sha256


def test_cross_validation_chooses_without_the_fold(study, tmp_path):
    folder, xy, _, _ = study
    settings = preset_settings("recommended", {})
    options = CrossValidationOptions("pcum", folds=3, random_split=False, processes=1)
    files = folder / "stack.tif", folder / "labels.tif", Points("slides", xy=xy), tmp_path / "map.tif"
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        original = FoldProblem.__init__

        def remember(self, cells, *rest):
            seen.append(set(cells.places.tolist()))
            original(self, cells, *rest)

        patch.setattr(FoldProblem, "__init__", remember)
        result = cross_validate(*files, options=options, settings=settings, progress=NullProgress())
    assert result.auc > 0.6 and len(seen) == 3
    assert not set.intersection(*seen) - set.union(*seen) and all(len(one) < len(set.union(*seen)) for one in seen)
    assert np.isfinite(read_band(tmp_path / "map.tif")).mean() > 0.95


def test_landslides_in_one_block_are_refused(tmp_path):
    area(tmp_path, 20)
    with pytest.raises(TooFewData, match="one block only"):
        collect(tmp_path, block=5000.0)


def test_it_can_be_cancelled_anywhere(study):
    folder, _, _, _ = study
    for share in (0.05, 0.4, 0.6):
        with pytest.raises(Cancelled):
            train(folder, "cancelled.safetensors", StopAt(share), block=200.0)
        assert not (folder / "cancelled.safetensors").exists()


def test_a_model_with_curves_of_other_factors_is_refused(study, tmp_path):
    folder, _, _, _ = study
    model = load_model(folder / "model.safetensors")
    wrong = {**model.architecture, "continuous": 1}
    other = dataclasses.replace(model, architecture=wrong, network=build_network(wrong, 1))
    save_model(other, tmp_path / "wrong.safetensors")
    with pytest.raises(ModelFileInvalid, match="curves of other factors"):
        load_model(tmp_path / "wrong.safetensors")
