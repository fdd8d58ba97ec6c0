"""The U-Net with a curve for each factor: what it computes and where its knots lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scarp.model.artifact import TrainedModel, load_model, save_model
from scarp.model.encoding import Encoding, FactorSpec, fit_factors
from scarp.model.errors import ModelFileInvalid, ParameterInvalid
from scarp.model.networks import build_network
from scarp.model.stack import StackFactor
from scarp.model.training.fit import network_architecture, quantile_knots
from scarp.model.training.settings import TrainingSettings
from scarp.model.windows.collection import WindowSet

UNET = {"type": "additive_unet", "channels": 7, "width": 3, "depth": 1, "dropout": 0.2, "continuous": 3, "knots": 5}
KNOTS = [[-1.5, -0.3, 0.0, 0.2, 2.0], [-3.0, -2.0, -1.0, 0.0, 1.0], [0.0, 0.1, 0.2, 0.3, 5.0]]


def filled():
    """A network whose numbers are all random, but for its knots."""
    network = build_network(UNET, 1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        network.curves.knots.copy_(torch.tensor(KNOTS))
    return network.eval()


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_at_one_half(training):
    network = build_network(UNET, 3).train(training)
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
    model = TrainedModel("pcum", UNET, "one_hot", factors, 30.0, {}, 1, [], {}, {}, {}, network)
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
