"""The back-propagation network of the paper's comparison (Zhang and Deng 2026, section 5.2): one answer a patch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .dropout import ChannelDropout
from .patches import PatchNetwork, repeat_patches

HIDDEN = 3
"""Hidden layers, as in the paper."""


class Bpnn(PatchNetwork):
    """All channels of all cells of a patch as one list of numbers, three hidden layers, two logits for the patch."""

    def __init__(self, channels: int, patch: int, width: int, dropout: float) -> None:
        """Build the layers.

        Args:
            channels: of the input.
            patch: cells along the side of a patch.
            width: neurons of a hidden layer.
            dropout: share of neurons dropped in training.
        """
        super().__init__(channels, patch)
        layers: list[nn.Module] = []
        for index in range(HIDDEN):
            layers += [nn.Conv2d(channels * patch ** 2 if index == 0 else width, width, 1), nn.Sigmoid(),
                       ChannelDropout(width, dropout)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 2, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Args:
            image: encoded factors, shape (batch, channels, height, width), height and width multiples of ``patch``.

        Returns:
            Shape (batch, 2, height, width): stable, landslide; the same in all cells of a patch.
        """
        # A patch becomes a pixel with channels · patch² channels, so layers over patches are 1 × 1 convolutions.
        logits = self.layers(functional.pixel_unshuffle(image, self.patch))
        return repeat_patches(logits, self.patch)

    @staticmethod
    def parameter_count(channels: int, patch: int, width: int, dropout: float) -> int:
        """Return how many weights such a network has, without building it."""
        return channels * patch ** 2 * width + (HIDDEN - 1) * width ** 2 + HIDDEN * width + 2 * width + 2
