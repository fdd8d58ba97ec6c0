"""Networks: U-Nets and their loss, curves, patches, exact forests and tables, and files that are not to be trusted."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from scarp.model import networks
from scarp.model.artifact import HEADER_KEY, TrainedModel, load_model, save_model
from scarp.model.classical import additive, boosting, sklearn_models
from scarp.model.classical.additive import additive_to_network, fit_additive, fit_pipeline
from scarp.model.classical.bivariate import BINS, bin_edges, class_weight, fit_tables
from scarp.model.classical.boosting import boosting_to_network, fit_boosting
from scarp.model.classical.sklearn_models import TrainingCells, fit_regression, forest_to_network
from scarp.model.encoding import Encoding, FactorSpec, fit_factors
from scarp.model.errors import ModelFileInvalid, ParameterInvalid
from scarp.model.networks import build_network, check_architecture
from scarp.model.networks.trees import MIN_SHARE
from scarp.model.networks.unet import PcumLoss, set_sample
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.fit import network_architecture, quantile_knots
from scarp.model.training.settings import TrainingSettings
from scarp.model.windows.collection import WindowSet

# The U-Net: shapes, receptive field, dropout


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


# A curve for each factor

ADDITIVE = {"type": "additive_unet", "channels": 7, "width": 3, "depth": 1, "dropout": 0.2, "continuous": 3, "knots": 5}
KNOTS = [[-1.5, -0.3, 0.0, 0.2, 2.0], [-3.0, -2.0, -1.0, 0.0, 1.0], [0.0, 0.1, 0.2, 0.3, 5.0]]


def filled():
    """A network whose numbers are all random, but for its knots."""
    network = build_network(ADDITIVE, 1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        network.curves.knots.copy_(torch.tensor(KNOTS))
    return network.eval()


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_at_one_half(training):
    network = build_network(ADDITIVE, 3).train(training)
    assert (network(torch.randn(2, 7, 8, 8)) == 0).all()


def test_it_is_the_sum_of_its_parts_and_the_curves_are_those_of_interp():
    network, image = filled(), torch.randn(2, 7, 8, 8) * 2
    with torch.no_grad():
        result = (network(image) - network.unet(image)).numpy()
    weight, bias = (item.detach().numpy() for item in (network.curves.linear.weight, network.curves.linear.bias))
    for logit in (0, 1):
        expected = np.full((2, 8, 8), bias[logit])
        for channel in range(7):
            values = image[:, channel].numpy()
            if channel < 3:
                knots, heights = np.array(KNOTS[channel]), network.curves.heights[channel, logit].detach().numpy()
                expected += np.interp(values, knots, heights)
                values = np.clip(values, knots[0], knots[-1])
            expected += weight[logit, channel, 0, 0] * values
        assert np.abs(result[:, logit] - expected).max() < 2e-5


@pytest.mark.parametrize("knots", [[0.0, 0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0, -1.0]])
def test_a_file_whose_knots_do_not_rise_is_refused(tmp_path, knots):
    network = filled()
    with torch.no_grad():
        network.curves.knots[1] = torch.tensor(knots)
    factors = [FactorSpec(f"factor{index}", "continuous", maximum=1.0) for index in range(3)]
    factors.append(FactorSpec("rock", "categorical", seen=(1, 2, 3, 4)))
    model = TrainedModel("pcum", ADDITIVE, "one_hot", factors, 30.0, {}, 1, [], {}, {}, {}, network)
    save_model(model, tmp_path / "model.safetensors")
    with pytest.raises(ModelFileInvalid, match="knots"):
        load_model(tmp_path / "model.safetensors")


@pytest.mark.parametrize("count", [2, 8, 64])
def test_knots_lie_at_quantiles_of_the_training_cells(count):
    random = np.random.default_rng(5)
    size = 40, 12, 12
    # Mostly one value, as the density of rivers where there are few.
    rivers = np.where(random.random(size) < 0.9, 0.0, random.random(size))
    factors = np.stack([random.gamma(2.0, 10.0, size), rivers, random.integers(1, 4, size)], axis=1).astype(np.float32)
    labels = np.where(random.random(size) < 0.3, 255, 0).astype(np.uint8)
    subsets = np.repeat([0, 1], 20).astype(np.uint8)
    factors[subsets == 1, 0] += 1000
    windows = WindowSet(np.zeros((40, 2), dtype=np.int64), 12, 0, factors, labels, None, subsets)
    stack = [StackFactor("rain", "continuous"), StackFactor("rivers", "continuous"), StackFactor("rock", "categorical")]
    encoding = Encoding(fit_factors(stack, windows.training_cells()), "one_hot")
    knots = quantile_knots(encoding, windows, count)
    assert (knots.shape, knots.dtype) == ((2, count), np.float32)
    assert (np.diff(knots, axis=1) > 0).all()
    cells = factors[:20, 0][labels[:20] != 255]
    physical = knots[0] * encoding.factors[0].std + encoding.factors[0].mean
    shares = [(cells <= value).mean() for value in physical]
    assert shares == pytest.approx(np.linspace(0.02, 0.98, count), abs=0.06)


def test_settings_decide_on_curves():
    with_curves = network_architecture("pcum", 7, TrainingSettings(), 30.0, 3)
    assert (with_curves["type"], with_curves["knots"]) == ("additive_unet", TrainingSettings().knots)
    assert network_architecture("unet", 7, TrainingSettings(), 30.0, 3) == with_curves
    for settings, continuous in ((TrainingSettings(knots=0), 3), (TrainingSettings(), 0)):
        assert network_architecture("pcum", 7, settings, 30.0, continuous)["type"] == "unet"
    with pytest.raises(ParameterInvalid, match="KNOTS"):
        network_architecture("pcum", 7, TrainingSettings(knots=1), 30.0, 3)


# Networks of the comparison models

SPECS = [
    FactorSpec("slope", "continuous", "degrees", "Slope", {}, 20.0, 8.0, 0.0, 60.0),
    FactorSpec("rain", "continuous", "mm", "Rain", {}, 900.0, 200.0, 300.0, 1500.0),
    FactorSpec("rock", "categorical", "", "Rock", {1: "granite", 2: "schist"}, 2.0, 1.0, 1.0, 7.0, (1, 2, 7)),
]
ENCODING = Encoding(SPECS, "one_hot")


def cells(count=2000, seed=0):
    """Encoded cells whose landslides follow slope and rock, labels, and how much each counts."""
    generator = np.random.default_rng(seed)
    values = np.zeros((count, ENCODING.channels), dtype=np.float32)
    values[:, :2] = generator.normal(size=(count, 2))
    rock = generator.integers(0, 3, count)
    values[np.arange(count), 2 + rock] = 1
    odds = 1.5 * values[:, 0] - 0.5 * values[:, 1] ** 2 + (rock == 1) - 1
    labels = (generator.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return values, labels, generator.uniform(0.5, 2.0, count)


def image(values, width=40):
    """Cells as an image of one batch, and the answer of a network for each of them."""
    return torch.from_numpy(np.ascontiguousarray(values.T).reshape(1, values.shape[1], -1, width))


def shares(network, values):
    with torch.inference_mode():
        logits = network(image(values))[0].double()
    return torch.sigmoid(logits[1] - logits[0]).reshape(-1).numpy()


def grown(seed=1, trees=12, leaf=3, **settings):
    values, labels, weights = cells()
    forest = RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed, **settings)
    return forest.fit(values, labels, sample_weight=weights)


@pytest.mark.parametrize("kind", ["bpnn", "resnet"])
@pytest.mark.parametrize("patch", [2, 5, 20])
def test_a_patch_has_one_answer_that_depends_on_nothing_else(kind, patch):
    architecture = {"type": kind, "channels": 4, "patch": patch, "width": 6, "dropout": 0.3}
    network = build_network(architecture, 1).eval()
    assert (network.align, network.halo, network.patch) == (patch, 0, patch)
    torch.manual_seed(0)
    values = torch.randn(2, 4, 3 * patch, 2 * patch)
    with torch.inference_mode():
        logits = network(values)
        alone = network(values[1:, :, patch : 2 * patch, :patch])
    assert logits.shape == (2, 2, 3 * patch, 2 * patch)
    blocks = logits.reshape(2, 2, 3, patch, 2, patch)
    assert torch.equal(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks))
    assert torch.allclose(alone, logits[1:, :, patch : 2 * patch, :patch], atol=1e-5)
    assert logits[:, :, ::patch, ::patch].std() > 1e-4


def test_bpnn_is_three_dense_layers_over_the_flattened_patch():
    patch, channels = 4, 3
    network = build_network({"type": "bpnn", "channels": channels, "patch": patch, "width": 5, "dropout": 0.0}, 1)
    values = torch.randn(1, channels, patch, patch, generator=torch.Generator().manual_seed(0))
    expected = values.reshape(-1)
    dense = [layer for layer in network.eval().layers if hasattr(layer, "weight")]
    for layer in dense[:-1]:
        expected = torch.sigmoid(layer.weight[:, :, 0, 0] @ expected + layer.bias)
    expected = dense[-1].weight[:, :, 0, 0] @ expected + dense[-1].bias
    assert torch.allclose(network(values)[0, :, 0, 0], expected, atol=1e-5)
    assert len(dense) == 4


@pytest.mark.parametrize("groups", [np.zeros(2000), np.arange(2000) // 100])
def test_regression_equals_scikit_learn_cell_by_cell(groups):
    values, labels, weights = cells()
    network, _, told = fit_regression(TrainingCells(values, labels, weights, groups, groups < 0, 2, 1), NullProgress())
    strength = float(told.split(" is ")[1].split(",")[0])
    assert strength in sklearn_models.C_VALUES
    expected = LogisticRegression(C=strength, max_iter=1000).fit(values, labels, sample_weight=weights / weights.mean())
    assert np.abs(shares(network, values) - expected.predict_proba(values)[:, 1]).max() < 1e-5


@pytest.mark.parametrize("settings", [{}, {"leaf": 1}, {"max_depth": 1}, {"trees": 1, "leaf": 1900}])
def test_forest_equals_scikit_learn_exactly(settings):
    """The same leaf of every tree for every cell, those at thresholds included, and the same share."""
    forest = grown(**settings)
    network, _ = forest_to_network(forest)
    values = cells(2000, seed=5)[0]
    # Cells that lie exactly on a threshold, where it can be written in float32, and one step above it.
    thresholds = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in forest.estimators_])
    for row, threshold in enumerate(thresholds[:400]):
        values[row, :2] = np.float32(threshold) if row % 2 else np.nextafter(np.float32(threshold), np.float32(9))
    leaves = torch.stack(list(network.leaves(torch.from_numpy(values.T.copy()))), dim=1) - network.roots.long()
    assert np.array_equal(leaves.numpy(), forest.apply(values))
    expected = forest.predict_proba(values)[:, 1]
    assert np.abs(network.shares(torch.from_numpy(values.T.copy())).numpy() - expected).max() < 1e-7
    assert np.abs(shares(network, values) - expected).max() < 2 * MIN_SHARE


@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 2}, {"min_samples_leaf": 1200}])
def test_boosted_trees_equal_scikit_learn(settings):
    """For every cell, those at thresholds included."""
    values, labels, weights = cells()
    options = {"max_iter": 30, "min_samples_leaf": 5, "early_stopping": False, **settings}
    boosted = HistGradientBoostingClassifier(**options).fit(values, labels, sample_weight=weights)
    network, _ = boosting_to_network(boosted)
    values = cells(2000, seed=5)[0]
    nodes = np.concatenate([tree.nodes for (tree,) in boosted._predictors])
    inner = nodes[nodes["is_leaf"] == 0]
    assert len(inner) > 100 or settings
    for row, node in enumerate(inner[:1000]):
        near = np.float32(node["num_threshold"])
        away = np.float32(np.inf if row % 2 else -np.inf)
        values[row, node["feature_idx"]] = near if row % 3 else np.nextafter(near, away)
    expected = boosted.decision_function(values)
    with torch.inference_mode():
        assert np.abs(network(image(values))[0, 1].reshape(-1).numpy() - expected).max() < 1e-5
    assert np.std(expected) > 0.1 or "min_samples_leaf" in settings


def test_boosted_trees_of_bins_equal_scikit_learn():
    """For values on the edges of the bins and one step beside them; also with a channel of few values, and of one."""
    values, labels, weights = cells()
    values[:, 1] = np.where(np.arange(len(values)) % 200, 0, 1.5)
    values[:, 4] = 0
    edges = boosting.bin_edges(values)
    assert [len(own) for own in edges] == [boosting.BINS - 1, 1, 1, 1, 0]
    boosted = HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=5, early_stopping=False)
    boosted.fit(boosting.bin_numbers(values, edges), labels, sample_weight=weights)
    network, _ = boosting_to_network(boosted, edges)
    asked = cells(2000, seed=5)[0]
    steps = [np.nextafter(edges[0], np.float32(end)) for end in (-9, 9)]
    asked[: 3 * len(edges[0]), 0] = np.concatenate([edges[0], *steps])
    asked[::3, 1] = 1.5
    expected = boosted.decision_function(boosting.bin_numbers(asked, edges))
    with torch.inference_mode():
        assert np.abs(network(image(asked))[0, 1].reshape(-1).numpy() - expected).max() < 1e-5
    assert np.std(expected) > 0.5


def test_boosting_chooses_on_the_validation_cells():
    """With noise for validation, one round is the best; the classes that both subsets lack leave the defaults."""
    values, labels, weights = cells()
    validation = np.arange(len(labels)) % 4 == 0
    some = TrainingCells(values, labels, weights, validation, validation, 2, 1)
    _, architecture, told = fit_boosting(some, NullProgress())
    assert 10 < architecture["trees"] < boosting.MAX_ROUNDS and "chosen" in told
    wrong = np.where(validation, 1 - labels, labels)
    _, architecture, _ = fit_boosting(dataclasses.replace(some, labels=wrong), NullProgress())
    assert architecture["trees"] == 1
    _, architecture, told = fit_boosting(dataclasses.replace(some, validation=validation & False), NullProgress())
    assert architecture["trees"] == boosting.DEFAULT_ROUNDS and "chosen" not in told


@pytest.mark.parametrize("flat", ["none", "constant", "rare", "two values"])
def test_additive_model_equals_scikit_learn(flat):
    """Inside and outside the knots, and on them; also where a factor has hardly any variation."""
    values, labels, weights = cells()
    places = np.arange(len(values))
    second = {"constant": 0 * places, "rare": np.where(places % 300, 0, places / 300), "two values": places % 2}
    values[:, 1] = second.get(flat, values[:, 1])
    pipeline = fit_pipeline(values, labels, weights, 2, 10.0)
    network, _ = additive_to_network(pipeline, 2)
    asked = cells(2000, seed=5)[0]
    asked[:, :2] *= 3
    knots = network.knots.numpy()
    asked[: knots.shape[1], :2] = knots.T
    if flat == "constant":
        asked[:, 1] = 0
    expected = pipeline.decision_function(asked.astype(np.float64))
    with torch.inference_mode():
        assert np.abs(network(image(asked))[0, 1].reshape(-1).numpy() - expected).max() < 1e-4
    assert np.std(expected) > 0.3
    assert (network.contribution(1, torch.linspace(-9, 9, 50)).std() > 0.01) == (flat != "constant")


def test_an_additive_model_needs_no_classes():
    values, labels, weights = cells()
    pipeline = fit_pipeline(values[:, :2], labels, weights, 2, 1.0)
    network, architecture = additive_to_network(pipeline, 2)
    expected = pipeline.predict_proba(values[:, :2].astype(np.float64))[:, 1]
    assert architecture["channels"] == 2 and np.abs(shares(network, values[:, :2].copy()) - expected).max() < 1e-5


def test_additive_model_chooses_the_penalty_by_blocks():
    """With labels that follow the block and nothing else, the strongest penalty is best."""
    values, labels, weights = cells()
    blocks = np.arange(len(labels)) // 100
    some = TrainingCells(values, labels, weights, blocks, blocks < 0, 2, 1)
    assert float(fit_additive(some, NullProgress())[2].split(" is ")[1].split(",")[0]) > additive.C_VALUES[0]
    place = np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32)
    values[:, :2] = place[blocks] + 0.01 * values[:, :2]
    noise = np.random.default_rng(2).integers(0, 2, 20)[blocks]
    told = fit_additive(dataclasses.replace(some, labels=noise, values=values), NullProgress())[2]
    assert f"C is {additive.C_VALUES[0]:g}," in told


def test_frequency_ratio_and_contrast_by_hand():
    """100 cells, 20 of them landslide; the class holds 40 cells, 15 of them landslide."""
    inside, slide = np.arange(100) < 40, (np.arange(100) < 15) | (np.arange(100) >= 95)
    ones = np.ones(100)
    assert class_weight("frequency_ratio", inside, slide, ones) == pytest.approx((15 / 20) / (40 / 100))
    present, absent = (15.5 / 21) / (25.5 / 81), (5.5 / 21) / (55.5 / 81)
    assert class_weight("weights_of_evidence", inside, slide, ones) == pytest.approx(np.log(present) - np.log(absent))
    # A sample in which each stable cell stands for ten: 15 of 20 landslides lie in 15 + 250 of 20 + 800 cells.
    area = np.where(slide, 1.0, 10.0)
    assert class_weight("frequency_ratio", inside, slide, area) == pytest.approx((15 / 20) / (265 / 820))
    for kind, neutral in (("frequency_ratio", 1.0), ("weights_of_evidence", 0.0)):
        for nothing_said in (inside & False, inside | True):
            assert class_weight(kind, nothing_said, slide, ones) == neutral


def test_bins_have_equal_area():
    values = np.arange(1000, dtype=np.float32)
    heavy = bin_edges(values, np.where(values < 500, 9.0, 1.0))
    assert (heavy < 500).sum() == 8
    # The last: rare lines, no density in 95 of 100 cells.
    rare = np.where(np.arange(100) < 95, 0, 1 + np.arange(100))
    expected = [range(100, 1000, 100), [], [1], [96]]
    for some, edges in zip((values, np.zeros(50), np.repeat([0, 1], 50), rare), expected):
        assert bin_edges(some.astype(np.float32), np.ones(len(some))).tolist() == list(edges)


@pytest.mark.parametrize("kind", ["frequency_ratio", "weights_of_evidence"])
def test_tables_sum_the_weight_of_each_class(kind):
    values, labels, weights = cells()
    values[:, 1] = 0.0  # a factor that never varies
    area = np.where(labels == 1, 1.0, 4.0)
    network, _, _ = fit_tables(kind, ENCODING, values, labels, area, weights)
    neutral = 1.0 if kind == "frequency_ratio" else 0.0
    edges = bin_edges(values[:, 0], area)
    place = np.searchsorted(edges, values[:, 0], side="right")
    expected = np.zeros(len(values))
    for number in range(BINS):
        expected[place == number] = class_weight(kind, place == number, labels == 1, area) - neutral
    for channel in range(2, 5):
        inside = values[:, channel] > 0
        expected[inside] += class_weight(kind, inside, labels == 1, area) - neutral
    index = network.index(image(values)).reshape(-1).numpy()
    assert np.abs(index - expected).max() < 1e-4
    # The order of the index is the order of the map.
    share, order = shares(network, values), np.argsort(index, kind="stable")
    assert (np.diff(share[order]) >= -1e-7).all() and share.std() > 0.05
    # A class never seen is no channel at all: it adds nothing.
    unseen = values[:1].copy()
    unseen[:, 2:] = 0
    assert network.index(image(unseen, 1)).item() == pytest.approx(network.bins[0][place[0]].item(), abs=1e-5)


WRONG_ARRAYS = [
    *[("left", 0, 10**6), ("left", 0, -1), ("left", 3, 0), ("right", 0, 2**31 - 1), ("right", 1, 1)],
    *[("feature", 0, 5), ("feature", 0, -1), ("roots", 0, 1), ("roots", 1, 0), ("roots", -1, 10**6)],
    *[("share", 0, 1.5), ("share", 0, -0.1), ("share", 0, np.nan), ("threshold", 0, np.inf)],
    ("right", 0, lambda tensors: tensors["roots"][1]),  # a child in another tree
    ("left", None, lambda tensors: tensors["left"].astype(np.float32)),
    ("edges", 0, lambda tensors: tensors["edges"][0][::-1].copy()),
    ("knots", 0, lambda tensors: tensors["knots"][0][::-1].copy()),
    *[("value", 0, np.nan), ("value", None, lambda tensors: tensors["value"][1:])],
]


@pytest.mark.parametrize(("name", "place", "value"), WRONG_ARRAYS)
def test_arrays_that_cannot_be_used_are_refused(tmp_path, name, place, value):
    path, (values, labels, weights) = tmp_path / "f.safetensors", cells(300)
    kind, network, architecture = "random_forest", *forest_to_network(grown())
    if name == "edges":
        kind = "frequency_ratio"
        network, architecture, _ = fit_tables(kind, ENCODING, values, labels, weights, weights)
    if name == "knots":
        kind = "gam"
        network, architecture = additive_to_network(fit_pipeline(values, labels, weights, 2, 1.0), 2)
    if name == "value":
        kind, boosted = "gradient_boosting", HistGradientBoostingClassifier(max_iter=3)
        network, architecture = boosting_to_network(boosted.fit(values, labels))
    save_model(TrainedModel(kind, architecture, "one_hot", SPECS, 30.0, {}, 1, [], {}, {}, {}, network), path)
    with safe_open(str(path), framework="np") as stream:
        header = stream.metadata()[HEADER_KEY]
    tensors = load_file(path)
    value = value(tensors) if callable(value) else value
    if place is None:
        tensors[name] = value
    else:
        tensors[name][place] = value
    save_file(tensors, path, metadata={HEADER_KEY: header})
    with pytest.raises(ModelFileInvalid, match="cannot be used"):
        load_model(path)


WRONG = {
    "unet": (
        {"channels": 3, "width": 4, "depth": 2, "dropout": 0.1},
        *[{"width": 0}, {"width": 257}, {"width": "8"}, {"depth": 7}, {"depth": 1.0}, {"dropout": 1.0}],
        *[{"channels": True}, {"type": "vit"}, {"extra": 1}],
    ),
    "forest": ({"channels": 3, "trees": 5, "nodes": 10, "depth": 3}, {"nodes": 4}, {"nodes": 10**9}, {"depth": 10**6}),
    "tables": ({"channels": 3, "continuous": 2, "bins": 10}, {"continuous": 4}),
    "boosted_trees": ({"channels": 3, "trees": 5, "nodes": 10, "depth": 3}, {"nodes": 4}, {"depth": 65}),
    "splines": ({"channels": 3, "continuous": 2, "knots": 8}, {"continuous": 4}, {"knots": 1}, {"knots": 10**6}),
    "bpnn": ({"channels": 4, "patch": 4, "width": 4, "dropout": 0.1}, {"channels": 4096, "patch": 1024, "width": 64}),
    "resnet": ({"channels": 3, "patch": 2, "width": 4, "dropout": 0.1}, {"patch": 1}),
    "linear": ({"channels": 3}, {"channels": 0}, {"width": 4}),
    "additive_unet": (
        {"channels": 7, "width": 3, "depth": 1, "dropout": 0.2, "continuous": 3, "knots": 5},
        *[{"continuous": 8}, {"continuous": 0}, {"knots": 1}, {"knots": 65}, {"knots": 2.5}],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_impossible_descriptions_are_refused(kind):
    sound, *changes = WRONG[kind]
    build_network({"type": kind, **sound})
    for change in changes:
        with pytest.raises(ParameterInvalid):
            check_architecture({"type": kind, **sound, **change})
            build_network({"type": kind, **sound, **change})
