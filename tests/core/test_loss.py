"""The loss: cross-entropy against torch's, the physics term against numbers by hand, and its gradients."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from scarp.model.networks.unet import PcumLoss


def loss(physics="none", weight_landslide=5.0, weight_stable=1.0):
    return PcumLoss(physics, 0.1, 0.15, 0.5, weight_landslide, weight_stable)


def logits_of(probability):
    """Logits with these landslide probabilities, shape (1, 2, 1, cells)."""
    odds = torch.log(probability / (1 - probability))
    return torch.stack([torch.zeros_like(odds), odds])[None, :, None, :]


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(3, 2, 6, 5, generator=generator)
    labels = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(3, (3, 6, 5), generator=generator)]
    safety = torch.rand(3, 6, 5, generator=generator)
    safety[torch.rand(3, 6, 5, generator=generator) < 0.3] = torch.nan
    return logits, labels, safety


@pytest.mark.parametrize("weights", [(5.0, 1.0), (4.0, 1.0), (1.0, 2.5)])
@pytest.mark.parametrize("seed", range(3))
def test_cross_entropy_is_the_mean_of_weighted_torch_cross_entropy(weights, seed):
    logits, labels, _ = batch(seed)
    expected = (
        functional.cross_entropy(
            logits, labels.long(), torch.tensor([weights[1], weights[0]]), ignore_index=255, reduction="sum"
        )
        / (labels != 255).sum()
    )
    assert torch.allclose(loss("none", *weights)(logits, labels, None).loss, expected, rtol=1e-5)


@pytest.mark.parametrize("physics", ["hinge", "indicator"])
def test_physics_by_hand(physics):
    probability = torch.tensor([0.05, 0.05, 0.14, 0.16, 0.9, 0.01])
    safety = torch.tensor([[[0.3, 0.6, 0.49, 0.2, 0.1, math.nan]]])
    labels = torch.full((1, 1, 6), 255, dtype=torch.uint8)
    terms = loss(physics)(logits_of(probability), labels, safety)

    def step(p, fs):
        strength = (0.15 - p) / 0.15 if physics == "hinge" else 1
        return 0.1 * strength / (1 + math.exp(fs - 1))

    assert terms.physics.item() == pytest.approx(step(0.05, 0.3) + step(0.14, 0.49), rel=1e-4)
    assert terms.safety_known.item() == 5
    assert terms.constrained.item() == 4
    assert terms.violations.item() == 2
    assert terms.loss.item() == pytest.approx(terms.physics.item() / 5, rel=1e-6)
    assert terms.labelled.item() == 0


def gradient(physics, probability, safety, label=255):
    logits = logits_of(torch.tensor([probability])).requires_grad_()
    terms = loss(physics)(logits, torch.full((1, 1, 1), label, dtype=torch.uint8), torch.tensor([[[safety]]]))
    terms.loss.backward()
    return (logits.grad[0, 1] - logits.grad[0, 0]).item()


@pytest.mark.parametrize(("probability", "safety"), list(itertools.product([0.01, 0.1, 0.14], [0.1, 0.4, 0.499])))
def test_hinge_raises_the_probability_where_a_warning_is_not_heeded(probability, safety):
    # Descent goes against the gradient: a negative one raises the landslide logit.
    assert gradient("hinge", probability, safety) < 0


@pytest.mark.parametrize(
    ("probability", "safety"), [(0.16, 0.1), (0.9, 0.1), (0.01, 0.5), (0.01, 0.9), (0.01, math.nan)]
)
def test_hinge_is_silent_elsewhere(probability, safety):
    assert gradient("hinge", probability, safety) == 0


@pytest.mark.parametrize("seed", range(3))
def test_indicator_has_no_gradient_and_changes_only_the_reported_loss(seed):
    logits, labels, safety = batch(seed)
    gradients, values = {}, {}
    for physics in ("none", "indicator", "hinge"):
        given = logits.clone().requires_grad_()
        terms = loss(physics)(given, labels, safety)
        terms.loss.backward()
        gradients[physics], values[physics] = given.grad, terms.loss.item()
    assert torch.equal(gradients["indicator"], gradients["none"])
    assert not torch.allclose(gradients["hinge"], gradients["none"])
    assert values["indicator"] > values["hinge"] > values["none"]


@pytest.mark.parametrize("physics", ["none", "indicator", "hinge"])
def test_masked_cells_have_no_effect(physics):
    logits, labels, safety = batch()
    changed = logits.clone()
    hidden = ((labels == 255) & torch.isnan(safety))[:, None].expand_as(logits)
    assert hidden.any()
    changed[hidden] = 1000
    one, two = loss(physics)(logits, labels, safety), loss(physics)(changed, labels, safety)
    assert torch.equal(one.sums(), two.sums())
    given = changed.clone().requires_grad_()
    loss(physics)(given, labels, safety).loss.backward()
    assert (given.grad[hidden] == 0).all()
    assert torch.isfinite(given.grad).all()


@pytest.mark.parametrize("physics", ["none", "hinge"])
def test_counts_and_sums_add_up_over_batches(physics):
    logits, labels, safety = batch()
    function = loss(physics)
    whole = function(logits, labels, safety).sums()
    parts = sum(function(logits[i : i + 1], labels[i : i + 1], safety[i : i + 1]).sums() for i in range(3))
    assert torch.allclose(whole, parts, rtol=1e-6)
    difference = (logits[:, 1] - logits[:, 0]).numpy()
    truth, known = labels.numpy() == 1, labels.numpy() != 255
    expected = [known.sum(), ((difference >= 0) == truth)[known].sum(), truth.sum(), (truth & (difference >= 0)).sum()]
    assert np.array_equal(whole[[1, 6, 7, 8]].numpy(), expected)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([1e4, -1e4]).reshape(1, 2, 1, 1).requires_grad_()
    terms = loss("hinge")(logits, torch.ones(1, 1, 1, dtype=torch.uint8), torch.full((1, 1, 1), 0.1))
    terms.loss.backward()
    assert torch.isfinite(terms.loss)
    assert torch.isfinite(logits.grad).all()
