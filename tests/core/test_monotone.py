"""MONOTONE: curves that do not fall with slope, nor rise with a factor of safety."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
import torch
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit

from scarp.model.artifact import load_model
from scarp.model.errors import ParameterInvalid
from scarp.model.networks import build_network
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import additive_fit, cross_fitted, monotone, pointwise_fit
from scarp.model.training.monotone import MonotoneCurve
from scarp.model.training.settings import preset_settings
from scarp.tests.core.conftest import write_stack
from scarp.tests.core.cross_fitting import FACTORS, GRID, area, collect, few_steps, random_cells, train  # noqa: F401

CURVES = [MonotoneCurve(0, 1, 0.4), MonotoneCurve(1, -1)]


def fit_cells(cells, factors, settings):
    return cross_fitted.fit_cross_fitted(cross_fitted.FitInputs(cells, factors, settings), NullProgress())


def problem():
    """Cells whose odds fall where a bound lets them rise, and the reverse."""
    image, labels, weights = random_cells()
    odds = -2 * image[:, 0] + 3 * (image[:, 0] > 0.4) + np.sin(3 * image[:, 1])
    labels = np.clip(expit(odds) + np.where(labels, 0.1, -0.1), 0, 1)  # most of them soft
    knots = additive_fit.knots_of(image[:, :3])
    return image, labels, weights, knots, additive_fit.basis(image, knots), additive_fit.penalty(5, 3, 0.3, 1.0)


def heights(coefficients, knots, channel):
    """Heights of a curve at its knots, the linear term included."""
    own, count = knots[channel].astype(np.float64), knots.shape[1] - 2
    first = 1 + 5 + channel * count
    inner = coefficients[first : first + count]
    return coefficients[1 + channel] * own + np.concatenate([inner[:1], inner, inner[-1:]])


def value_and_gradient(x, columns, labels, weights, matrix):
    logit = columns @ x
    value = weights @ (np.logaddexp(0, logit) - labels * logit) + x @ matrix @ x / 2
    return value, columns.T @ (weights * (expit(logit) - labels)) + matrix @ x


def test_soft_labels_are_fitted_as_by_a_general_solver():
    _, labels, weights, _, columns, matrix = problem()
    found = additive_fit.fit(columns, labels, weights, matrix, lambda: None).coefficients
    data = columns.astype(np.float64), labels, weights, matrix
    known = minimize(value_and_gradient, np.zeros(len(matrix)), data, "L-BFGS-B", True, options={"maxiter": 5000})
    assert np.allclose(columns @ found, columns @ known.x, atol=3e-3)
    assert value_and_gradient(found, *data)[0] <= known.fun * (1 + 1e-6)


@pytest.mark.parametrize("centre", (False, True))
def test_bounds_are_those_of_a_general_solver(centre):
    _, labels, weights, knots, columns, matrix = problem()
    middle = np.random.default_rng(3).normal(0, 0.1, len(matrix)) if centre else np.zeros(len(matrix))
    bounds = monotone.bounds(CURVES, 5, knots)
    if centre:
        inside = np.linalg.solve(bounds.matrix, middle)
        middle = bounds.matrix @ np.where(bounds.bounded, np.abs(inside), inside)
    found = additive_fit.fit(columns, labels, weights, matrix, lambda: None, None, middle, None, bounds).coefficients
    rows = []
    for curve in CURVES:
        every = np.stack([heights(one, knots, curve.channel) for one in np.eye(len(matrix))], axis=1)
        slopes = curve.sign * np.diff(every, axis=0) / np.diff(knots[curve.channel].astype(np.float64))[:, None]
        rows.append(slopes[curve.segments(knots[curve.channel])])
    wide = columns.astype(np.float64)

    def shifted(x):
        value, gradient = value_and_gradient(x, wide, labels, weights, matrix)
        return value - x @ matrix @ middle + middle @ matrix @ middle / 2, gradient - matrix @ middle

    limits = LinearConstraint(np.concatenate(rows), 0, np.inf)
    known = minimize(shifted, np.zeros(len(matrix)), method="SLSQP", jac=True, constraints=[limits], tol=1e-12)
    assert shifted(found)[0] <= known.fun + 1e-4 * abs(known.fun)
    assert np.allclose(columns @ found, columns @ known.x, atol=2e-2)
    assert (np.concatenate(rows) @ found >= -1e-9).all() and (np.concatenate(rows) @ found < 1e-9).any()


def test_without_need_bounds_change_nothing():
    image, labels, weights, knots, columns, matrix = problem()
    labels = expit(2 * image[:, 0] - image[:, 1])
    plain = additive_fit.fit(columns, labels, weights, matrix, lambda: None)
    steep = monotone.bounds([MonotoneCurve(0, 1)], 5, knots)
    bound = additive_fit.fit(columns, labels, weights, matrix, lambda: None, bounds=steep)
    assert np.allclose(plain.logit(columns), bound.logit(columns), atol=2e-3)


def test_the_part_beyond_the_angle_is_free():
    knots = np.array([np.linspace(-2, 2, additive_fit.KNOTS)], dtype=np.float32)
    bounded = monotone.bounds([MonotoneCurve(0, 1, 0.1)], 1, knots).bounded
    hats = additive_fit.KNOTS - 2
    assert bounded[1] and bounded[2:].sum() == (knots[0, 1:-2] < 0.1).sum() < hats - 1 and not bounded[2]


def falling(folder):
    """An area where landslides lie on gentle slopes."""
    xy = area(folder, 60)
    with rasterio.open(folder / "stack.tif") as dataset:
        values = dataset.read()
    values[0] = 50 - values[0]
    write_stack(folder / "stack.tif", values, FACTORS, GRID)
    return xy


def logits_by_slope(model, seed=4):
    """Logits on a grid of 300 slopes of 20 cells, (cells, slopes), and the slopes."""
    slopes = np.linspace(0, 80, 300)
    generator = np.random.default_rng(seed)
    relief, rock = generator.normal(100, 40, (20, 1)), generator.integers(1, 4, (20, 1))
    raw = np.stack(np.broadcast_arrays(slopes[None], relief, rock)).astype(np.float32)
    image, _ = model.encoder.encode(raw)
    with torch.inference_mode():
        found = model.network.double().eval()(torch.from_numpy(image[None]).double())[0]
    return (found[1] - found[0]).numpy(), slopes


def test_a_trained_model_does_not_fall_with_slope(tmp_path, monkeypatch):
    falling(tmp_path)
    # The network is taken as it is, whether it pays or not.
    monkeypatch.setattr(pointwise_fit, "_best", lambda tried: (int(tried[-1][0]), tried[-1][1], tried))
    train(tmp_path, "free.safetensors", block=200.0)
    result = train(tmp_path, "bound.safetensors", block=200.0, monotone="slope", monotone_angle=30.0)
    free, bound = (load_model(tmp_path / f"{name}.safetensors") for name in ("free", "bound"))
    assert bound.settings["monotone"] == "slope" and result.metrics["auc"] > 0.5
    found, slopes = logits_by_slope(bound)
    below = slopes < 30
    assert (np.diff(found[:, below], axis=1) >= -1e-6).all() and np.ptp(found, axis=0).max() > 0.1
    assert (np.diff(logits_by_slope(free)[0][:, below], axis=1) < -1e-3).any()
    first = bound.network.layers[0].weight
    assert bound.network.has_residual and not first[:, 0].any() and first[:, 1].any()


def test_it_is_fine_tuned_only_from_its_like(tmp_path):
    area(tmp_path, 60)
    train(tmp_path, "free.safetensors", block=200.0)
    train(tmp_path, "bound.safetensors", block=200.0, monotone="slope")
    with pytest.raises(ParameterInvalid, match="without it. Choose MONOTONE=none"):
        train(tmp_path, "t.safetensors", start_from=tmp_path / "free.safetensors", block=200.0, monotone="slope")
    again = tmp_path / "bound.safetensors"
    train(tmp_path, "tuned.safetensors", start_from=again, block=200.0, monotone="slope", seed=3)
    found, slopes = logits_by_slope(load_model(tmp_path / "tuned.safetensors"))
    assert (np.diff(found[:, slopes < 45], axis=1) >= -1e-6).all()


def test_a_factor_of_safety_in_the_stack_only_lowers(tmp_path):
    area(tmp_path, 60)
    cells = collect(tmp_path)
    factors = [dataclasses.replace(FACTORS[0], name="Factor of safety", unit=""), *FACTORS[1:]]
    settings = preset_settings("recommended", {"monotone": "factor_of_safety"})
    fit = fit_cells(cells, factors, settings)
    curve = MonotoneCurve(0, -1)
    assert monotone.is_kept(curve, fit.fitted.network) and all(monotone.is_kept(curve, one) for one in fit.of_folds)
    plain = fit_cells(cells, factors, preset_settings("recommended", {}))
    assert not monotone.is_kept(curve, plain.fitted.network)


def test_what_cannot_be_kept_is_refused(tmp_path):
    area(tmp_path, 60)
    for more, text in (
        ({"depth": 1}, "MONOTONE cannot be used with DEPTH"),
        ({"ensemble": "gradient_boosting"}, "MONOTONE cannot be used with ENSEMBLE"),
        ({"window": 300.0}, "trained on windows"),
        ({"monotone": "both"}, "no factor factor_of_safety"),
    ):
        with pytest.raises(ParameterInvalid, match=text):
            train(tmp_path, block=200.0, **{"monotone": "slope", **more})
    percent = [dataclasses.replace(FACTORS[0], unit="%"), *FACTORS[1:]]
    with pytest.raises(ParameterInvalid, match="is in %"):
        monotone.monotone_curves(preset_settings("recommended", {"monotone": "slope"}), percent)
    rock = [StackFactor("slope", "categorical", classes={1: "a"})]
    with pytest.raises(ParameterInvalid, match="has classes"):
        monotone.monotone_curves(preset_settings("recommended", {"monotone": "slope"}), rock)


def test_a_network_that_sees_the_factor_is_told_apart():
    architecture = {"type": "additive_pointwise", "channels": 2, "width": 4, "dropout": 0.0, "channel_dropout": 0.0}
    network = build_network({**architecture, "continuous": 2, "knots": 10}, 1)
    network.curves.reset_to_zero()
    assert network.has_residual and not monotone.is_kept(MonotoneCurve(0, 1), network)
    with torch.no_grad():
        network.layers[0].weight[:, 0] = 0
    assert monotone.is_kept(MonotoneCurve(0, 1), network)
