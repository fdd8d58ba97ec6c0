"""Curves and class weights with a small network of single cells beside them: PCUM as it is trained by cross-fitting."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ParameterInvalid
from .unet import ChannelDropout, Curves

BOUND = 2.0
"""What a network can add to a logit, up or down. Without a bound it says of land unlike any in training that it is
extremely stable, whatever its curves say."""


class AdditivePointwise(nn.Module):
    """The sum of a curve per continuous factor, a weight per class, and a network of 1 × 1 convolutions.

    The network reads the channels as the curves do: continuous ones end at the outer knots. What it adds is bounded,
    and multiplied by the share of it that is used. With a last layer of zeros the model is the additive part alone.
    """

    share: torch.Tensor

    patch = align = 1
    halo = 0

    def __init__(
        self, channels: int, width: int, dropout: float, channel_dropout: float, continuous: int, knots: int
    ) -> None:
        super().__init__()
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have curves.")
        self.width = width
        self.curves = Curves(channels, continuous, knots)
        self.drops = nn.ModuleList(
            ChannelDropout(features, rate)
            for features, rate in ((channels, channel_dropout), (width, dropout), (width, dropout))
        )
        sizes = ((channels, width), (width, width), (width, 1))
        self.layers = nn.ModuleList(nn.Conv2d(inputs, outputs, 1) for inputs, outputs in sizes)
        self.register_buffer("share", torch.ones(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        logits = self.curves(image)
        if self.has_residual:
            logits = torch.cat([logits[:, :1], logits[:, 1:] + self.residual(image)], dim=1)
        return logits

    @property
    def has_residual(self) -> bool:
        """Whether the network adds anything to the curves."""
        return any(bool(values.any()) for values in self.layers[-1].parameters())

    def residual(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the network adds to the logit of landslide, float32 (batch, 1, height, width)."""
        with torch.autocast(image.device.type, enabled=False):
            image, curves = image.float(), self.curves
            if curves.continuous:
                low, high = curves.knots[:, :1, None], curves.knots[:, -1:, None]
                inside = torch.minimum(torch.maximum(image[:, : curves.continuous], low), high)
                image = torch.cat([inside, image[:, curves.continuous :]], dim=1)
            first, second, last = self.layers
            drop_channels, *drops = self.drops
            image = drops[0](functional.silu(first(drop_channels(image))))
            return self.share * bounded(last(drops[1](functional.silu(second(image)))))

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless the knots of every curve increase and the share is one."""
        self.curves.check()
        if not 0 <= float(self.share) <= 1:
            raise ParameterInvalid(f"The share of a network is {float(self.share):g}, but must lie between 0 and 1.")


def bounded(added: torch.Tensor) -> torch.Tensor:
    """Return what a network adds to logits within ``BOUND``; small numbers hardly change."""
    return BOUND * torch.tanh(added / BOUND)
