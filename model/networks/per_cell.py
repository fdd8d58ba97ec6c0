"""Models of single cells as networks: logistic regression, tables of class weights, and additive splines."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ParameterInvalid


class Linear(nn.Module):
    """Logistic regression: one weight per channel and a constant; the logit of stable is 0."""

    patch = align = 1
    halo = 0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layer = nn.Conv2d(channels, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        # 16 bits would save no time here.
        with torch.autocast(image.device.type, enabled=False):
            logit = self.layer(image.float())
        return torch.cat([torch.zeros_like(logit), logit], dim=1)


class Tables(nn.Module):
    """Frequency ratio and weights of evidence: the sum of one weight per factor; the logit is ``scale · sum + offset``.

    Continuous factors are looked up by the bin of their z-score. Classes are one channel each; a class without a
    channel adds nothing, so it is neutral.
    """

    patch = align = 1
    halo = 0
    edges: torch.Tensor
    """Lower ends of all bins but the first, increasing; the last is repeated if a factor has fewer bins."""
    bins: torch.Tensor  # weight of each bin
    classes: torch.Tensor  # weight of each class
    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, channels: int, continuous: int, bins: int) -> None:
        super().__init__()
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have bins.")
        self.channels, self.continuous = channels, continuous
        self.register_buffer("edges", torch.zeros(continuous, bins - 1))
        self.register_buffer("bins", torch.zeros(continuous, bins))
        self.register_buffer("classes", torch.zeros(channels - continuous))
        for name in ("scale", "offset"):
            self.register_buffer(name, torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
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
        """Raise :class:`ParameterInvalid` unless the edges of all bins increase."""
        if (self.edges[:, 1:] < self.edges[:, :-1]).any():
            raise ParameterInvalid("the edges of its bins do not increase")


class Splines(nn.Module):
    """Additive model: the sum of one cubic spline per continuous factor, one weight per class, and a constant.

    A spline is stored as its polynomials between the knots of its factor, in z-scores. Beyond the outer knots it is
    constant. A factor with fewer knots repeats its last one.
    """

    patch = align = 1
    halo = 0
    knots: torch.Tensor  # (continuous, knots)
    pieces: torch.Tensor  # (continuous, 4, knots − 1): coefficients of t³, t², t and 1, t measured from the left knot
    classes: torch.Tensor  # weight of each class
    constant: torch.Tensor

    def __init__(self, channels: int, continuous: int, knots: int) -> None:
        super().__init__()
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have splines.")
        self.channels, self.continuous = channels, continuous
        self.register_buffer("knots", torch.zeros(continuous, knots))
        self.register_buffer("pieces", torch.zeros(continuous, 4, knots - 1))
        self.register_buffer("classes", torch.zeros(channels - continuous))
        self.register_buffer("constant", torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        image = image.float()
        logit = self.constant.expand(image[:, 0].shape).clone()
        for factor in range(self.continuous):
            logit += self.contribution(factor, image[:, factor])
        for channel in range(self.channels - self.continuous):
            logit += image[:, self.continuous + channel] * self.classes[channel]
        return torch.stack([torch.zeros_like(logit), logit], dim=1)

    def contribution(self, factor: int, scores: torch.Tensor) -> torch.Tensor:
        """Return what z-scores of a continuous factor add to the logit, float32 of the same shape."""
        knots, pieces = self.knots[factor], self.pieces[factor]
        inside = scores.clamp(knots[0], knots[-1]).contiguous()
        place = torch.bucketize(inside, knots[1:-1])
        reach = inside - knots[place]
        result = pieces[0][place]
        for power in range(1, 4):
            result = result * reach + pieces[power][place]
        return result

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless the knots increase."""
        if (self.knots[:, 1:] < self.knots[:, :-1]).any():
            raise ParameterInvalid("the knots of its splines do not increase")
