"""What makes prediction fast changes nothing: each piece against the plain way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.networks.unet import Curves, set_sample
from scarp.model.prediction import engines, unet_inference
from scarp.model.prediction.engines import ClassTables, FastCurves, StripEncoder
from scarp.model.prediction.unet_inference import FastUNet, Span, as_transposed_convolution
from scarp.tests.core.prediction_models import SPECS, model, values

CPU = torch.device("cpu")


def test_a_transposed_convolution_is_one_over_a_nearest_interpolation():
    weight, image = torch.randn(5, 7, 3, 3).double(), torch.randn(1, 7, 6, 9).double()
    plain = functional.conv2d(functional.interpolate(image, scale_factor=2, mode="nearest"), weight, padding=1)
    assert torch.allclose(
        plain, functional.conv_transpose2d(image, as_transposed_convolution(weight), stride=2, padding=1)
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [8, 22, 10_000])
@pytest.mark.parametrize("sample", [None, 4])
def test_the_fast_unet_is_the_trained_one(monkeypatch, depth, rows, sample):
    """In strips of any height, for the core alone, with and without a sample's masks."""
    monkeypatch.setattr(unet_inference, "STRIP_ROWS", rows)
    monkeypatch.setattr(unet_inference, "MIN_ROWS", 2)
    network = model("unet1", depth=depth, width=4).network.eval()
    set_sample(network, sample)
    halo = -(-network.halo // network.align) * network.align
    height, width = 70, 41
    size = [-(-side // network.align) * network.align + 2 * halo for side in (height, width)]
    image = torch.randn(1, network.channels, *size).contiguous(memory_format=torch.channels_last)
    core, shares = Span(halo, halo, halo + height, halo + width), []
    found = torch.full((height, width), torch.nan)
    with torch.inference_mode():
        logits = network(image)[0]
        fast = FastUNet(network, CPU, torch.float32)
        for first, last, part in fast.logit(lambda top, bottom: image[:, :, top:bottom], *size, core, shares.append):
            found[first - halo : last - halo] = part
    expected = (logits[1] - logits[0])[halo : halo + height, halo : halo + width]
    assert (found - expected).abs().max() < 1e-5 * max(1, float(expected.abs().max()))
    assert expected.std() > 0.01
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("spacing", [1.0, 1e-3])
@pytest.mark.parametrize("encoding", ["one_hot", "codes"])
def test_the_fast_curves_are_the_trained_ones(spacing, encoding):
    """Also where knots lie a thousandth of a standard deviation apart."""
    torch.manual_seed(3)
    encoder = Encoding(SPECS, encoding)
    trained = Curves(encoder.channels, 2, 6)
    with torch.no_grad():
        trained.knots.copy_(
            torch.tensor([[-2.0, -1.5, 0.0, 0.1, 1.0, 2.0], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]])
            * torch.tensor([[1.0], [spacing]])
        )
        for value in trained.parameters():
            value.normal_(std=2)
    raw = values(90, 101)[[2, 1, 0, 3]]
    tables = ClassTables(encoder)
    tile, _, _ = tables.pack(raw)
    image, _ = encoder.encode(raw)
    with torch.inference_mode():
        logits = trained(torch.from_numpy(image)[None])[0]
        found = FastCurves(trained, tables, encoder, CPU).logit(tile, 7, 80, 3, 99)
    assert (found - (logits[1] - logits[0])[7:80, 3:99]).abs().max() < 4e-5


@pytest.mark.parametrize("encoding", ["one_hot", "codes"])
@pytest.mark.parametrize("largest", [1, 20, 10_000])
def test_rows_of_a_compact_tile_are_the_encoded_image(monkeypatch, encoding, largest):
    """With one table for all classes, and with one a factor."""
    monkeypatch.setattr(engines, "MAX_TABLE_ROWS", largest)
    encoder = Encoding(SPECS, encoding)
    tables = ClassTables(encoder)
    raw = values(60, 70)[[2, 1, 0, 3]]
    tile, numbers, valid = tables.pack(raw)
    image, known = encoder.encode(raw)
    assert len(tables.groups) == (1 if largest > 20 else 2)
    assert np.array_equal(valid, known)
    assert np.array_equal(numbers, encoder.split(raw)[1])
    found = StripEncoder(tables, encoder, CPU, torch.float32).image(tile, 11, 40)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(found[0].numpy(), image[:, 11:40])


@pytest.mark.parametrize("kinds", [["continuous"], ["categorical"]])
def test_factors_of_one_kind_only(kinds):
    encoder = Encoding([spec for spec in SPECS if spec.kind in kinds], "one_hot")
    tables = ClassTables(encoder)
    raw = np.ones((2, 8, 9), dtype=np.float32)
    tile, _, _ = tables.pack(raw)
    image = StripEncoder(tables, encoder, CPU, torch.float32).image(tile, 0, 8)
    assert np.array_equal(image[0].numpy(), encoder.encode(raw)[0])


def test_sums_too_large_for_their_type_are_no_gap():
    factors = [FactorSpec("a", "continuous", mean=0, std=1e38), FactorSpec("b", "continuous", mean=0, std=1e38)]
    raw = np.full((2, 2, 2), 3e38, dtype=np.float32)
    raw[0, 0, 0] = np.inf
    raw[1, 1, 1] = np.nan
    assert ClassTables(Encoding(factors, "codes")).pack(raw)[2].tolist() == [[False, True], [True, False]]
