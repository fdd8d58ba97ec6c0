"""The U-Net: shapes, receptive field, tiles, dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scarp.model import networks
from scarp.model.errors import ParameterInvalid
from scarp.model.networks import build_network, check_architecture
from scarp.model.networks.unet import set_sample


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


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_output_has_the_size_of_the_input(depth, width, size):
    net = network(width=width, depth=depth).eval()
    height, width_ = (2 * net.align * side for side in size)
    assert net(torch.zeros(2, 3, height, width_)).shape == (2, 2, height, width_)


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
        rows = np.flatnonzero(image.grad[0].abs().sum(dim=(0, 2)).numpy())
        columns = np.flatnonzero(image.grad[0].abs().sum(dim=(0, 1)).numpy())
        assert rows.min() > 0
        assert rows.max() < size - 1
        farthest = max(
            farthest,
            *(first - ends.min() for ends in (rows, columns)),
            *(ends.max() - (first + net.align - 1) for ends in (rows, columns)),
        )
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
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_seeded_weights_are_spread_like_those_of_torch():
    description = {"type": "unet", "channels": 8, "width": 16, "depth": 2, "dropout": 0.3}
    seeded, default = build_network(description, 1).state_dict(), build_network(description).state_dict()
    for mine, theirs in zip(seeded.values(), default.values()):
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        if mine.numel() < 100:
            continue
        wanted = float(theirs.double().std(correction=0))
        assert float(mine.double().std(correction=0)) == pytest.approx(wanted, rel=0.2)


WRONG = [{"width": 0}, {"width": 257}, {"width": "8"}, {"depth": 7}, {"depth": 1.0}, {"dropout": 1.0}]


@pytest.mark.parametrize("change", [*WRONG, {"channels": True}, {"type": "vit"}, {"extra": 1}])
def test_a_wrong_description_is_refused(change):
    with pytest.raises(ParameterInvalid):
        check_architecture({"type": "unet", "channels": 3, "width": 4, "depth": 2, "dropout": 0.1, **change})


def test_far_too_large_network_is_refused_before_it_is_built():
    with pytest.raises(ParameterInvalid, match="parameters"):
        build_network({"type": "unet", "channels": 4096, "width": 256, "depth": 6, "dropout": 0.1})
