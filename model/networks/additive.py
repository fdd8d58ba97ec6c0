"""A U-Net beside a branch that looks at each factor of a cell by itself."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ParameterInvalid
from .unet import UNet


class AdditiveUNet(nn.Module):
    """The sum of a U-Net's logits and of one curve a factor.

    Where landslides are few, a U-Net alone is no better than what tables of classes say (frequency ratio, weights of
    evidence), because it must find in small patches what these know from the whole area. The curves are such tables
    without steps: piecewise-linear in each continuous factor, one weight a class (a generalised additive model, Hastie
    and Tibshirani 1986). The U-Net starts at zero and adds what the surroundings and the factors together say.
    """

    patch = 1

    def __init__(self, channels: int, width: int, depth: int, dropout: float, continuous: int, knots: int) -> None:
        """Build both parts.

        Args:
            channels: of the input, continuous factors first.
            width: channels of the U-Net's first level.
            depth: how often it halves the resolution.
            dropout: share of its channels dropped in training.
            continuous: how many of the channels have curves.
            knots: of a curve.
        """
        super().__init__()
        self.unet = UNet(channels, width, depth, dropout)
        self.curves = Curves(channels, continuous, knots)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        return self.unet(image).float() + self.curves(image)

    def reset_to_zero(self) -> None:
        """Set all that is added up to zero, so that the first answer is one half everywhere."""
        nn.init.zeros_(self.unet.head.weight)
        nn.init.zeros_(self.unet.head.bias)
        self.curves.reset_to_zero()

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` when the knots of a curve do not rise."""
        if (self.curves.knots[:, 1:] <= self.curves.knots[:, :-1]).any():
            raise ParameterInvalid("the knots of its curves do not rise")

    @property
    def align(self) -> int:
        """Sizes and tile origins must be multiples of this."""
        return self.unet.align

    @property
    def halo(self) -> int:
        """Cells that the logits of a tile depend on beyond the tile; see :class:`UNet`."""
        return self.unet.halo

    @staticmethod
    def parameter_count(channels: int, width: int, depth: int, dropout: float, continuous: int, knots: int) -> int:
        """Return how many weights such a network has, without building it."""
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have curves.")
        return UNet.parameter_count(channels, width, depth, dropout) + 3 * continuous * knots + 2 * channels + 2


class Curves(nn.Module):
    """One piecewise-linear curve a continuous factor, level beyond its outer knots, and one weight a class."""

    def __init__(self, channels: int, continuous: int, knots: int) -> None:
        """Build curves that are zero everywhere; see :class:`AdditiveUNet`."""
        super().__init__()
        self.continuous = continuous
        self.register_buffer("knots", torch.linspace(-2, 2, knots).repeat(continuous, 1))
        """Rising z-scores at which a curve bends, shape (continuous factors, knots)."""
        self.heights = nn.Parameter(torch.zeros(continuous, 2, knots))
        """Logits at the knots, for stable and landslide."""
        self.linear = nn.Conv2d(channels, 2, 1)

    def reset_to_zero(self) -> None:
        """Set curves, slopes and weights to zero, and the knots to evenly spaced ones."""
        nn.init.zeros_(self.heights)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.knots.copy_(torch.linspace(-2, 2, self.knots.shape[1]).repeat(self.continuous, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the sum of all curves and weights, float32 (batch, 2, height, width)."""
        # Rounding to 16 bits would gain no time here and blur the curves.
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
    """Return how near each value is to each knot: 1 at the knot, 0 at its neighbours, linear between.

    Args:
        values: (batch, 1, height, width), within the outer knots.
        knots: rising.

    Returns:
        Shape (batch, knots, height, width); the sum over the knots is 1.
    """
    steps = torch.diff(knots)
    # Beyond the outer knots there is nothing, so the length of these steps does not matter.
    left, right = torch.cat([steps[:1], steps]), torch.cat([steps, steps[-1:]])
    offset = values - knots[:, None, None]
    return torch.minimum(1 + offset / left[:, None, None], 1 - offset / right[:, None, None]).clamp(min=0)
