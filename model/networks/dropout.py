"""Dropout of whole channels, in training and, with a fixed seed, for samples of a trained network."""

from __future__ import annotations

import torch
from torch import nn


class ChannelDropout(nn.Module):
    """Sets a share of the channels to zero and scales the others up.

    Neighbouring cells of a feature map are so alike that dropping single cells hardly disturbs it; whole channels do
    (Tompson et al. 2015). It also makes samples of a trained network (Gal and Ghahramani 2016) fit together over
    tiles: with one mask for the whole map the sample does not depend on the tiles.
    """

    def __init__(self, features: int, share: float) -> None:
        """Keep the number of channels and the share of them to drop."""
        super().__init__()
        self.features, self.share = features, share
        self.mask: torch.Tensor | None = None
        self.generator: torch.Generator | None = None
        """Of the training's own, on the network's device; torch's global one by default."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Drop channels while training or while a sample's mask is set."""
        if self.share == 0:
            return image
        if self.mask is not None:
            return image * self.mask.to(device=image.device, dtype=image.dtype)
        if not self.training:
            return image
        keep = torch.rand(image.shape[:2], device=image.device, generator=self.generator) >= self.share
        return image * (keep.to(image.dtype) / (1 - self.share))[:, :, None, None]


def set_generator(network: nn.Module, generator: torch.Generator | None) -> None:
    """Let all dropout layers draw from one generator, on the network's device."""
    for module in network.modules():
        if isinstance(module, ChannelDropout):
            module.generator = generator


def set_sample(network: nn.Module, seed: int | None) -> None:
    """Fix the masks of all dropout layers for one sample, or free them.

    Args:
        network: holds :class:`ChannelDropout` layers, or none.
        seed: names the sample; ``None`` goes back to the network without dropout.
    """
    generator = torch.Generator()
    if seed is not None:
        generator.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, ChannelDropout):
            module.mask = None
            if seed is not None:
                keep = torch.rand(module.features, generator=generator) >= module.share
                module.mask = (keep.to(torch.float32) / (1 - module.share))[None, :, None, None]
