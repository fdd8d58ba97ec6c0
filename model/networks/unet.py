"""PCUM (Zhang and Deng 2026): the U-Net (section 3.2.3, figure 6), curves beside it, the loss (equations 1 and 5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from ..errors import ParameterInvalid
from ..labels import LANDSLIDE, UNKNOWN

CONVOLUTIONS = 2  # 3 × 3 convolutions at each level, in the encoder and in the decoder; ``halo`` is made for two
SLOPE = 0.01  # of LeakyReLU below zero


class ChannelDropout(nn.Module):
    """Sets a share of the channels to zero and scales the others up.

    Neighbouring cells of a feature map are so alike that dropping single cells hardly disturbs it; whole channels do
    (Tompson et al. 2015). Samples of a trained network (Gal and Ghahramani 2016) use one mask for the whole map, so
    that a sample does not depend on the tiles.
    """

    def __init__(self, features: int, rate: float) -> None:
        super().__init__()
        self.features, self.rate = features, rate
        self.mask: torch.Tensor | None = None
        self.generator: torch.Generator | None = None  # of the training run; torch's global one by default

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Drop channels in training, or with the mask of a sample."""
        if self.rate == 0:
            return image
        if self.mask is not None:
            return image * self.mask.to(device=image.device, dtype=image.dtype)
        if not self.training:
            return image
        keep = torch.rand(image.shape[:2], device=image.device, generator=self.generator) >= self.rate
        return image * (keep.to(image.dtype) / (1 - self.rate))[:, :, None, None]


def set_generator(network: nn.Module, generator: torch.Generator | None) -> None:
    """Let all dropout layers draw from one generator, on the network's device."""
    for module in network.modules():
        if isinstance(module, ChannelDropout):
            module.generator = generator


def set_sample(network: nn.Module, seed: int | None) -> None:
    """Fix the masks of all dropout layers for the sample of a seed, or with ``None`` remove them."""
    generator = torch.Generator()
    if seed is not None:
        generator.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, ChannelDropout):
            module.mask = None
            if seed is not None:
                keep = torch.rand(module.features, generator=generator) >= module.rate
                module.mask = (keep.to(torch.float32) / (1 - module.rate))[None, :, None, None]


class UNet(nn.Module):
    """Encoder and decoder with skip connections, two logits per cell (stable, landslide).

    Level by level: 3 × 3 convolution, batch norm, LeakyReLU, dropout, twice. Down by a 2 × 2 convolution of stride 2,
    which doubles the channels; up by nearest interpolation and a 1 × 1 convolution, which halves them.
    """

    patch = 1

    def __init__(self, channels: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.channels, self.depth, self.align = channels, depth, 2**depth
        # The convolutions of the deepest level see two of its cells, and those of the decoder, halved level by level,
        # up to two more. On the way to the input each level doubles that and adds two cells of its own.
        self.halo = (4 + min(depth, 2)) * self.align - 2
        widths = [width * 2**level for level in range(depth + 1)]
        self.encoder = nn.ModuleList(
            _level(channels if level == 0 else widths[level], widths[level], dropout) for level in range(depth + 1)
        )
        self.down = nn.ModuleList(nn.Conv2d(widths[level], widths[level + 1], 2, stride=2) for level in range(depth))
        self.up = nn.ModuleList(nn.Conv2d(widths[level + 1], widths[level], 1) for level in range(depth))
        self.decoder = nn.ModuleList(_level(2 * widths[level], widths[level], dropout) for level in range(depth))
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width).

        Height and width are multiples of ``align``.
        """
        skips = []
        for level in range(self.depth):
            image = self.encoder[level](image)
            skips.append(image)
            image = self.down[level](image)
        image = self.encoder[self.depth](image)
        for level in reversed(range(self.depth)):
            # A 1 × 1 convolution and a nearest interpolation may change places: a quarter of the work.
            image = functional.interpolate(self.up[level](image), scale_factor=2, mode="nearest")
            image = self.decoder[level](torch.cat([skips.pop(), image], dim=1))
        return self.head(image)


def _level(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(CONVOLUTIONS):
        layers += [
            nn.Conv2d(inputs if index == 0 else outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(SLOPE, inplace=True),
            ChannelDropout(outputs, dropout),
        ]
    return nn.Sequential(*layers)


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
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have curves.")
        self.unet = UNet(channels, width, depth, dropout)
        self.align, self.halo = self.unet.align, self.unet.halo
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
        self.curves.check()


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

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless the knots of every curve increase."""
        if (self.knots[:, 1:] <= self.knots[:, :-1]).any():
            raise ParameterInvalid("the knots of its curves do not increase")

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
    """Return a hat function per knot, (batch, knots, height, width): 1 at the knot, 0 at its neighbours, else linear.

    Their sum is 1 for values, (batch, 1, height, width), within the outer knots, which increase.
    """
    steps = torch.diff(knots)
    # There is nothing beyond the outer knots, so the length of these steps does not matter.
    left, right = torch.cat([steps[:1], steps]), torch.cat([steps, steps[-1:]])
    offset = values - knots[:, None, None]
    return torch.minimum(1 + offset / left[:, None, None], 1 - offset / right[:, None, None]).clamp(min=0)


HINGE, INDICATOR, NONE = "hinge", "indicator", "none"


@dataclass
class LossTerms:
    """Sums and counts over cells, which can be added up over batches before dividing."""

    cross_entropy: torch.Tensor  # weighted, over labelled cells
    labelled: torch.Tensor
    physics: torch.Tensor  # over cells with a safety factor, λ included
    safety_known: torch.Tensor
    constrained: torch.Tensor  # cells with a safety factor below the critical one
    violations: torch.Tensor  # constrained cells with a low probability
    correct: torch.Tensor  # labelled cells on the right side of p = 0.5
    landslides: torch.Tensor
    hits: torch.Tensor  # landslide cells with p at least 0.5

    @property
    def loss(self) -> torch.Tensor:
        """Equation 1 of the paper: mean over labelled cells plus mean over cells with a safety factor."""
        return self.cross_entropy / self.labelled.clamp(min=1) + self.physics / self.safety_known.clamp(min=1)

    def sums(self) -> torch.Tensor:
        """Return all nine numbers without gradient, float64, in the order of the fields."""
        values = torch.stack([value.detach().float() for value in vars(self).values()])
        # Apple GPUs have no float64.
        return values.cpu().double() if values.device.type == "mps" else values.double()


@dataclass
class PcumLoss:
    """Weighted cross-entropy over labelled cells plus physics over cells with a safety factor.

    The weights multiply each cell's cross-entropy, and the sum is divided by the number of labelled cells (not by the
    sum of weights), so the effect of a weight does not depend on the rest of the batch.

    Physics terms, at cells where Fs is below ``fs_critical``:

    * ``indicator``: λ · 1[p < p_low] · sigmoid(1 − Fs), equation 5 as printed. It is a step in p, so it has no
      gradient and adds to the reported loss only.
    * ``hinge``: λ · sigmoid(1 − Fs) · max(0, p_low − p) / p_low. Same cells, same bound, same strength at p = 0, and
      a gradient that raises p.
    """

    physics: str
    physics_weight: float
    p_low: float
    fs_critical: float
    weight_landslide: float
    weight_stable: float

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, safety: torch.Tensor | None) -> LossTerms:
        """Return the terms of a batch.

        Logits are (batch, 2, height, width), stable and landslide; labels uint8 (batch, height, width), 1, 0, and 255
        for cells to ignore; the safety factor, if any, float (batch, height, width), NaN for cells to ignore.
        """
        # With two classes, softmax of the logits is the logistic function of their difference.
        difference = (logits[:, 1] - logits[:, 0]).float()
        probability = torch.sigmoid(difference)
        slide, known_label = labels == LANDSLIDE, labels != UNKNOWN
        weight = torch.where(slide, self.weight_landslide, self.weight_stable) * known_label
        entropy = functional.softplus(torch.where(slide, -difference, difference))
        zero = difference.new_zeros(())
        correct = ((difference >= 0) == slide) & known_label
        hits = slide & (difference >= 0)
        sums = (weight * entropy).sum(), known_label.sum(), zero, zero, zero, zero, correct.sum(), slide.sum()
        terms = LossTerms(*sums, hits.sum())
        if safety is None:
            return terms
        term, constrained, low = constraint(self.physics, probability, safety, self.p_low, self.fs_critical)
        terms.safety_known, terms.constrained = torch.isfinite(safety).sum(), constrained.sum()
        terms.violations, terms.physics = low.sum(), self.physics_weight * term.sum()
        return terms


def constraint(
    physics: str, probability: torch.Tensor, safety: torch.Tensor, p_low: float, critical: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the physics term of each cell without λ, where the constraint holds, and where it is violated.

    The safety factor is NaN where it is unknown; for the terms see :class:`PcumLoss`.
    """
    fs = torch.where(torch.isfinite(safety), safety.to(probability.dtype), torch.full_like(probability, torch.inf))
    constrained = fs < critical
    low = constrained & (probability < p_low)
    if physics == INDICATOR:
        return low * torch.sigmoid(1 - fs), constrained, low
    if physics == HINGE:
        return constrained * torch.sigmoid(1 - fs) * (torch.relu(p_low - probability) / p_low), constrained, low
    return torch.zeros_like(probability), constrained, low
