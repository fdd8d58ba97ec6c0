"""A logistic regression over the channels of a cell, as a network."""

from __future__ import annotations

import torch
from torch import nn


class Linear(nn.Module):
    """One weight a channel and a constant: the logit of landslide; that of stable is 0."""

    patch = align = 1
    halo = 0

    def __init__(self, channels: int) -> None:
        """Build the layer.

        Args:
            channels: of the input.
        """
        super().__init__()
        self.channels = channels
        self.layer = nn.Conv2d(channels, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        # Rounding to 16 bits would gain no time here.
        with torch.autocast(image.device.type, enabled=False):
            logit = self.layer(image.float())
        return torch.cat([torch.zeros_like(logit), logit], dim=1)

    @staticmethod
    def parameter_count(channels: int) -> int:
        """Return how many weights such a network has, without building it."""
        return channels + 1
