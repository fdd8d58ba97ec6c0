"""A weight for each class of each factor, as a network: frequency ratio and weights of evidence."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ParameterInvalid


class Tables(nn.Module):
    """The sum of one weight a factor, made into a logit by ``scale · sum + offset``.

    Continuous factors are looked up by the bin that their z-score lies in. Classes come as one channel each; a class
    that no channel stands for adds nothing, so it is neutral.
    """

    patch = align = 1
    halo = 0

    def __init__(self, channels: int, continuous: int, bins: int) -> None:
        """Build the tables.

        Args:
            channels: of the input, continuous factors first, then one a class.
            continuous: factors among them that have bins.
            bins: most bins of a factor.
        """
        super().__init__()
        self.channels, self.continuous = channels, continuous
        self.register_buffer("edges", torch.zeros(continuous, bins - 1))
        """Lower ends of all bins but the first, rising; repeated at the end where a factor has fewer bins."""
        self.register_buffer("bins", torch.zeros(continuous, bins))
        """Weight of each bin."""
        self.register_buffer("classes", torch.zeros(channels - continuous))
        """Weight of each class."""
        self.register_buffer("scale", torch.zeros(1))
        self.register_buffer("offset", torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        logit = self.scale * self.index(image) + self.offset
        return torch.stack([torch.zeros_like(logit), logit], dim=1)

    def index(self, image: torch.Tensor) -> torch.Tensor:
        """Return the sum of weights, float32 (batch, height, width)."""
        image = image.float()
        total = torch.zeros_like(image[:, 0])
        for factor in range(self.continuous):
            place = torch.bucketize(image[:, factor].contiguous(), self.edges[factor], right=True)
            total += self.bins[factor][place]
        for channel in range(self.channels - self.continuous):
            total += image[:, self.continuous + channel] * self.classes[channel]
        return total

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` when the edges of a factor's bins do not rise."""
        if (self.edges[:, 1:] < self.edges[:, :-1]).any():
            raise ParameterInvalid("the edges of its bins do not rise")

    @staticmethod
    def parameter_count(channels: int, continuous: int, bins: int) -> int:
        """Return how many numbers such a network has, without building it."""
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have bins.")
        return continuous * (2 * bins - 1) + channels - continuous + 2
