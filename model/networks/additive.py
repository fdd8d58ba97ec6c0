"""A U-Net plus a generalised additive branch: one curve per factor."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ParameterInvalid
from .unet import UNet


class AdditiveUNet(nn.Module):
    """The sum of a U-Net's logits and of one curve per factor.

    Where landslides are few, a U-Net alone is no better than tables of classes (frequency ratio, weights of evidence),
    because it must find in small patches what these derive from the whole area. The curves are such tables without
    steps: piecewise linear in each continuous factor, one weight per class (a generalised additive model, Hastie and
    Tibshirani 1986). The U-Net starts at zero and adds the effect of surroundings and interactions.
    """

    patch = 1

    def __init__(self, channels: int, width: int, depth: int, dropout: float, continuous: int, knots: int) -> None:
        super().__init__()
        self.unet = UNet(channels, width, depth, dropout)
        self.curves = Curves(channels, continuous, knots)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        return self.unet(image).float() + self.curves(image)

    def reset_to_zero(self) -> None:
        """Set the last layers to zero, so that the initial prediction is one half everywhere."""
        nn.init.zeros_(self.unet.head.weight)
        if self.unet.head.bias is not None:
            nn.init.zeros_(self.unet.head.bias)
        self.curves.reset_to_zero()

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless the knots of every curve increase."""
        if (self.curves.knots[:, 1:] <= self.curves.knots[:, :-1]).any():
            raise ParameterInvalid("the knots of its curves do not increase")

    @property
    def align(self) -> int:
        """Of the U-Net."""
        return self.unet.align

    @property
    def halo(self) -> int:
        """Of the U-Net."""
        return self.unet.halo

    @staticmethod
    def parameter_count(channels: int, width: int, depth: int, dropout: float, continuous: int, knots: int) -> int:
        """Return the number of weights, without building the network."""
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have curves.")
        return UNet.parameter_count(channels, width, depth, dropout) + 3 * continuous * knots + 2 * channels + 2


class Curves(nn.Module):
    """A piecewise-linear curve per continuous factor, constant beyond its outer knots, and a weight per class."""

    knots: torch.Tensor  # increasing z-scores at which a curve bends, (continuous factors, knots)

    def __init__(self, channels: int, continuous: int, knots: int) -> None:
        super().__init__()
        self.continuous = continuous
        self.register_buffer("knots", torch.linspace(-2, 2, knots).repeat(continuous, 1))
        self.heights = nn.Parameter(torch.zeros(continuous, 2, knots))  # logits at the knots, for stable and landslide
        self.linear = nn.Conv2d(channels, 2, 1)

    def reset_to_zero(self) -> None:
        """Set curves, slopes and weights to zero, and the knots to evenly spaced ones."""
        for weights in (self.heights, *self.linear.parameters()):
            nn.init.zeros_(weights)
        with torch.no_grad():
            self.knots.copy_(torch.linspace(-2, 2, self.knots.shape[1]).repeat(self.continuous, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the sum of all curves and weights, float32 (batch, 2, height, width)."""
        # 16 bits would save no time here and blur the curves.
        with torch.autocast(image.device.type, enabled=False):
            image = image.float()
            low, high = self.knots[:, :1, None], self.knots[:, -1:, None]
            values = torch.minimum(torch.maximum(image[:, : self.continuous], low), high)
            total = self.linear(torch.cat([values, image[:, self.continuous :]], dim=1))
            for factor in range(self.continuous):
                hats = _hat_basis(values[:, factor : factor + 1], self.knots[factor])
                total = total + functional.conv2d(hats, self.heights[factor][:, :, None, None])
        return total


def _hat_basis(values: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    """Return a hat function per knot: 1 at the knot, 0 at its neighbours, linear between; their sum is 1.

    Args:
        values: (batch, 1, height, width), within the outer knots.
        knots: increasing.

    Returns:
        (batch, knots, height, width).
    """
    steps = torch.diff(knots)
    # There is nothing beyond the outer knots, so the length of these steps does not matter.
    left, right = torch.cat([steps[:1], steps]), torch.cat([steps, steps[-1:]])
    offset = values - knots[:, None, None]
    return torch.minimum(1 + offset / left[:, None, None], 1 - offset / right[:, None, None]).clamp(min=0)
