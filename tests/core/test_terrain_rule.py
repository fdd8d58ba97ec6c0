"""The rule of the terrain: its scores, its fit, and what it is worth beside labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from scarp.model.progress import NullProgress
from scarp.model.training import additive_fit, cross_fitted, pointwise_fit, terrain_rule
from scarp.model.training.cross_fitted import FitInputs
from scarp.model.training.settings import preset_settings
from scarp.model.training.terrain_rule import TERMS, TerrainPrior, fit_rule, scores_of, terms_of
from scarp.tests.core.conftest import Listener
from scarp.tests.core.cross_fitting import FACTORS, area, collect


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        yield


def test_the_rule_is_a_ridge_logistic_regression_towards_the_usual_weights():
    generator = np.random.default_rng(1)
    terms = list(TERMS)
    scores = generator.normal(0, 1, (3000, len(terms)))
    labels = generator.random(3000) < expit(scores @ [1.5, 0.1, 0.6, 0.3] - 0.4)
    weights = generator.random(3000) + 0.1
    rule = fit_rule(scores, labels, weights, terms)
    usual = np.array([TERMS[term][1] for term in terms])
    # The pull is towards the usual weights, which scikit-learn cannot do: at the minimum the gradient is zero.
    found, share = np.array(list(rule.weights.values())), weights / weights.sum()
    residual = share * (expit(rule.logit(scores)) - labels)
    assert abs(residual.sum()) < 1e-4
    assert np.allclose(scores.T @ residual + terrain_rule.RIDGE * (found - usual), 0, atol=1e-4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terrain_rule, "RIDGE", 0.0)
        free = fit_rule(scores, labels, weights, terms)
    known = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(scores, labels, weights)
    assert np.allclose(list(free.weights.values()), known.coef_[0], atol=2e-3)
    wrong = fit_rule(-3 * scores, labels, weights, terms)
    assert min(wrong.weights.values()) >= 0


def test_scores_are_those_of_each_area():
    generator = np.random.default_rng(2)
    values = generator.normal(20, 5, (400, 3)).astype(np.float32)
    values[200:] = 3 * values[200:] + 100
    names = ["slope", "tpi_50m", "tpi_400m"]
    safety = np.exp(generator.normal(0, 0.4, 400))
    areas, counts = np.repeat([0, 1], 200), np.ones(400)
    scores = scores_of(values, names, safety, counts, areas)
    assert terms_of(names) == {"stability": "", "position": "tpi_400m"} and scores.shape == (400, 2)
    for number in (0, 1):
        mine = areas == number
        raw = np.stack([-np.log(safety[mine]), -values[mine, 2]], axis=1)
        low, high = np.quantile(raw, [0.01, 0.99], axis=0, method="inverted_cdf")
        assert np.allclose(scores[mine].mean(axis=0), 0, atol=1e-6) and np.allclose(scores[mine].std(axis=0), 1)
        inside = ((raw > low) & (raw < high)).all(axis=1)
        for term in (0, 1):
            assert np.corrcoef(raw[inside, term], scores[mine][inside, term])[0, 1] > 0.9999
    twice = scores_of(values, names, safety, np.where(np.arange(400) % 2, 2.0, 1.0), areas)
    repeated = np.repeat(np.arange(400), np.where(np.arange(400) % 2, 2, 1))
    again = scores_of(values[repeated], names, safety[repeated], np.ones(len(repeated)), areas[repeated])
    assert np.allclose(twice[repeated], again, atol=1e-9)


def prior_of(cells, weight=30.0, **given):
    """The prior on sampled cells, and what a fit needs beside it."""
    settings = preset_settings("recommended", {"prior": weight, **given})
    return FitInputs(cells, FACTORS, settings)


def test_mixed_labels_are_those_of_cells_that_stand_twice():
    generator = np.random.default_rng(4)
    image = generator.normal(0, 1, (300, 2)).astype(np.float32)
    slide = np.arange(300) < 60
    weights = np.where(slide, 1.0, 60 / 240)
    prior = TerrainPrior(30.0, {}, image[:, 0].astype(np.float64))
    labels, mixed = prior.mixed(np.arange(300), slide, weights)
    knots = additive_fit.knots_of(image)
    columns, matrix = additive_fit.basis(image, knots), additive_fit.penalty(2, 2, 1.0, 1.0)
    found = additive_fit.fit(columns, labels, mixed, matrix, lambda: None)

    def balance(constant):
        return (np.average(expit(constant[0] + image[:, 0]), weights=weights) - 0.5) ** 2

    constant = minimize(balance, [0.0], tol=1e-12).x[0]
    soft = expit(constant + image[~slide, 0].astype(np.float64))
    twice = np.concatenate([columns, columns[~slide]])
    own = np.concatenate([weights, np.full(240, 30 / 240)])
    known = additive_fit.fit(twice, np.concatenate([slide, soft]), own, matrix, lambda: None)
    assert np.allclose(found.logit(columns), known.logit(columns), atol=5e-3)
    assert mixed.sum() == pytest.approx(weights.sum() + 30) and (labels[slide] == 1).all()


def test_no_prior_is_none(tmp_path):
    area(tmp_path, 40)
    cells = collect(tmp_path)
    found = {weight: cross_fitted.fit_cross_fitted(prior_of(cells, weight), NullProgress()) for weight in (0.0, 30.0)}
    assert found[0.0].problem.prior is None and not found[0.0].choice.prior
    rows, labels, weights = found[0.0].problem.labels_of(found[0.0].problem.training_weights(0))
    assert set(labels.tolist()) == {0.0, 1.0} and np.array_equal(weights, found[0.0].problem.training_weights(0)[rows])
    assert found[30.0].choice.prior["weight"] == 30 and found[30.0].choice.prior["rule"] == {"slope": 0.8}
    assert not np.allclose(found[0.0].on_training, found[30.0].on_training)
    without = [dataclasses.replace(FACTORS[0], name="other"), *FACTORS[1:]]
    plain = cross_fitted.fit_cross_fitted(dataclasses.replace(prior_of(cells), factors=without), NullProgress())
    assert np.array_equal(plain.on_training, found[0.0].on_training)


def test_a_strong_prior_orders_land_by_the_rule(tmp_path):
    area(tmp_path, 20, strength=-2.0)
    cells, log = collect(tmp_path), Listener()
    strong = cross_fitted.fit_cross_fitted(prior_of(cells, 20000.0), log)
    plain = cross_fitted.fit_cross_fitted(prior_of(cells, 0.0), NullProgress())
    found = []
    for fit in (strong, plain):
        additive = additive_fit.read_curves(fit.fitted.network.curves)[0].logit(fit.problem.columns)
        found.append(np.corrcoef(additive, cells.values[:, 0])[0, 1])
    assert found[0] > 0.8 > found[1] + 0.2
    assert any("counts as 20000 landslides beside the labels (slope +0.8)" in text for text in log.texts)
