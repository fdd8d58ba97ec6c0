"""The U-Net: shapes, receptive field, tiles, dropout; its loss against torch's cross-entropy and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from scarp.model import networks
from scarp.model.errors import ParameterInvalid
from scarp.model.networks import build_network, check_architecture
from scarp.model.networks.unet import PcumLoss, set_sample


def network(channels=3, width=2, depth=2, dropout=0.3):
    torch.manual_seed(0)
    return build_network({"type": "unet", "channels": channels, "width": width, "depth": depth, "dropout": dropout})


def settled(**options):
    """A network in double precision whose batch norms have seen something."""
    net = network(**options).double()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(torch.randn(4, 3, 64, 64, dtype=torch.float64))
    return net.eval()


@pytest.mark.parametrize(("channels", "width", "depth"), [(1, 1, 1), (7, 4, 2), (40, 16, 3), (3, 2, 6)])
def test_more_parameters_than_the_maximum_are_refused(channels, width, depth, monkeypatch):
    count = sum(item.numel() for item in network(channels, width, depth).parameters())
    monkeypatch.setattr(networks, "MAX_PARAMETERS", count)
    network(channels, width, depth)
    monkeypatch.setattr(networks, "MAX_PARAMETERS", count - 1)
    with pytest.raises(ParameterInvalid, match=f"has {count:,} parameters"):
        network(channels, width, depth)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_halo_is_the_exact_receptive_field(depth):
    """The farthest input cell with a gradient lies ``halo`` cells beyond an aligned tile, never farther."""
    net = settled(width=1, depth=depth, dropout=0.0)
    for module in net.modules():
        # Positive weights, so that nothing cancels and every dependence shows.
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.abs_()
    size = 2 * net.align * -(-(net.halo + 2 * net.align) // net.align)
    farthest = 0
    for place in range(net.align):
        first, cell = size // 2, size // 2 + place
        image = torch.randn(1, 3, size, size, dtype=torch.float64, requires_grad=True)
        net(image)[0, 1, cell, cell].backward()
        seen = image.grad[0].abs().sum(dim=0).numpy()
        for ends in (np.flatnonzero(seen.sum(axis=1)), np.flatnonzero(seen.sum(axis=0))):
            assert ends.min() > 0 and ends.max() < size - 1
            farthest = max(farthest, first - ends.min(), ends.max() - (first + net.align - 1))
    assert farthest == net.halo


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_aligned_tile_with_halo_equals_the_whole(depth):
    net = settled(width=4, depth=depth)
    halo = -(-net.halo // net.align) * net.align
    size = 4 * halo
    image = torch.randn(1, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        whole = net(image)[..., halo:-halo, halo:-halo]
        for row in range(0, size - 2 * halo, halo):
            tile = net(image[..., row : row + 3 * halo, :])[..., halo:-halo, halo:-halo]
            assert torch.allclose(tile, whole[..., row : row + halo, :], atol=1e-12)
        # A tile that begins off the 2^depth grid is another computation.
        shifted = net(image[..., 1 : 1 + size - net.align, :])[..., halo : halo + 1, halo:-halo]
        assert (shifted - whole[..., 1:2, :]).abs().max() > 0.01


def test_dropout_acts_in_training_and_in_samples_only():
    net = network().eval()
    image = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        plain = net(image)
        assert torch.equal(net(image), plain)
        set_sample(net, 5)
        first = net(image)
        assert not torch.allclose(first, plain)
        assert torch.equal(net(image), first)
        # One mask for all windows: the sample of a window does not depend on its neighbours.
        assert torch.allclose(net(image[1:]), first[1:], atol=1e-6)
        set_sample(net, 6)
        assert not torch.allclose(net(image), first)
        set_sample(net, None)
        assert torch.equal(net(image), plain)
        net.train()
        assert not torch.allclose(net(image), net(image))


def test_seeds_have_nothing_to_do_with_the_global_generator():
    description = {"type": "unet", "channels": 3, "width": 2, "depth": 2, "dropout": 0.3}
    state = torch.get_rng_state()
    nets = [build_network(description, seed) for seed in (1, 1, 2)]
    set_sample(nets[0], 3)
    assert torch.equal(torch.get_rng_state(), state)
    one, two, other = (torch.cat([item.flatten() for item in net.state_dict().values()]) for net in nets)
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_seeded_weights_are_spread_like_those_of_torch():
    description = {"type": "unet", "channels": 8, "width": 16, "depth": 2, "dropout": 0.3}
    seeded, default = build_network(description, 1).state_dict(), build_network(description).state_dict()
    for mine, theirs in zip(seeded.values(), default.values()):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        if mine.numel() < 100:
            continue
        wanted = float(theirs.double().std(correction=0))
        assert float(mine.double().std(correction=0)) == pytest.approx(wanted, rel=0.2)


UNET = {"type": "unet", "channels": 3, "width": 4, "depth": 2, "dropout": 0.1}
WRONG = [{"width": 0}, {"width": 257}, {"width": "8"}, {"depth": 7}, {"depth": 1.0}, {"dropout": 1.0}]


@pytest.mark.parametrize("change", [*WRONG, {"channels": True}, {"type": "vit"}, {"extra": 1}])
def test_a_wrong_description_is_refused(change):
    with pytest.raises(ParameterInvalid):
        check_architecture({**UNET, **change})


def test_far_too_large_network_is_refused_before_it_is_built():
    with pytest.raises(ParameterInvalid, match="parameters"):
        build_network({**UNET, "channels": 4096, "width": 256, "depth": 6})


# The loss


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
    weight = torch.tensor([weights[1], weights[0]])
    total = functional.cross_entropy(logits, labels.long(), weight, ignore_index=255, reduction="sum")
    assert torch.allclose(loss("none", *weights)(logits, labels, None).loss, total / (labels != 255).sum(), rtol=1e-5)


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
    counts = (terms.safety_known, terms.constrained, terms.violations, terms.labelled)
    assert [count.item() for count in counts] == [5, 4, 2, 0]
    assert terms.loss.item() == pytest.approx(terms.physics.item() / 5, rel=1e-6)


def gradient(physics, probability, safety):
    logits = logits_of(torch.tensor([probability])).requires_grad_()
    terms = loss(physics)(logits, torch.full((1, 1, 1), 255, dtype=torch.uint8), torch.tensor([[[safety]]]))
    terms.loss.backward()
    return (logits.grad[0, 1] - logits.grad[0, 0]).item()


def test_hinge_raises_the_probability_where_a_warning_is_not_heeded_and_is_silent_elsewhere():
    # Descent goes against the gradient: a negative one raises the landslide logit.
    assert all(gradient("hinge", p, fs) < 0 for p in (0.01, 0.1, 0.14) for fs in (0.1, 0.4, 0.499))
    elsewhere = ((0.16, 0.1), (0.9, 0.1), (0.01, 0.5), (0.01, 0.9), (0.01, math.nan))
    assert [gradient("hinge", *one) for one in elsewhere] == [0] * 5


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
    assert (given.grad[hidden] == 0).all() and torch.isfinite(given.grad).all()


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
    assert torch.isfinite(terms.loss) and torch.isfinite(logits.grad).all()
