"""PCUM by cross-fitting with parts that see more than curves and single cells do: a U-Net, boosted trees, or both."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ParameterInvalid
from .pointwise import AdditivePointwise
from .trees import BoostedTrees
from .unet import Curves, UNet


class PcumParts(nn.Module):
    """Curves and a network of single cells, plus a U-Net; with boosted trees the mean of the logits of both.

    A ``unet_depth`` of 0 is no U-Net, and 0 ``trees`` are none.
    """

    patch = 1

    def __init__(
        self,
        channels: int,
        width: int,
        dropout: float,
        channel_dropout: float,
        continuous: int,
        knots: int,
        unet_width: int,
        unet_depth: int,
        trees: int,
        nodes: int,
        tree_depth: int,
    ) -> None:
        super().__init__()
        self.pointwise = AdditivePointwise(channels, width, dropout, channel_dropout, continuous, knots)
        self.unet = UNet(channels, unet_width, unet_depth, dropout) if unet_depth else None
        self.trees = BoostedTrees(channels, trees, nodes, tree_depth) if trees else None
        if self.unet is None and self.trees is None:
            raise ParameterInvalid("A network of parts needs a U-Net or trees.")
        self.align: int = self.unet.align if self.unet is not None else 1
        self.halo: int = self.unet.halo if self.unet is not None else 0

    @property
    def curves(self) -> Curves:
        """The curves and class weights."""
        return self.pointwise.curves

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        logits = self.pointwise(image)
        if self.unet is not None:
            logits = logits + self.unet(image).float()
        return logits if self.trees is None else (logits + self.trees(image)) / 2

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless knots and trees are as they must be."""
        self.pointwise.check()
        if self.trees is not None:
            self.trees.check()
