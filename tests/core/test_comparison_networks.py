"""Networks of the comparison: one answer a patch, exact forests and tables, and files that are not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from scarp.model.artifact import HEADER_KEY, TrainedModel, load_model, save_model
from scarp.model.classical import sklearn_models
from scarp.model.classical.bivariate import BINS, bin_edges, class_weight, fit_tables
from scarp.model.classical.sklearn_models import TrainingCells, fit_regression, forest_to_network
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.errors import ModelFileInvalid, ParameterInvalid
from scarp.model.networks import build_network, check_architecture
from scarp.model.networks.per_cell import MIN_SHARE
from scarp.model.progress import NullProgress

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
    network, _, told = fit_regression(TrainingCells(values, labels, weights, groups, groups < 0, 1), NullProgress())
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
]


@pytest.mark.parametrize(("name", "place", "value"), WRONG_ARRAYS)
def test_arrays_that_cannot_be_used_are_refused(tmp_path, name, place, value):
    path, (values, labels, weights) = tmp_path / "f.safetensors", cells(300)
    kind, network, architecture = "random_forest", *forest_to_network(grown())
    if name == "edges":
        kind = "frequency_ratio"
        network, architecture, _ = fit_tables(kind, ENCODING, values, labels, weights, weights)
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
    "forest": ({"channels": 3, "trees": 5, "nodes": 10, "depth": 3}, {"nodes": 4}, {"nodes": 10**9}, {"depth": 10**6}),
    "tables": ({"channels": 3, "continuous": 2, "bins": 10}, {"continuous": 4}),
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
