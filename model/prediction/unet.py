"""A trained U-Net for whole tiles: the same function as :class:`~..networks.unet.UNet`, with less work and memory.

- Batch norm, and the masks of a dropout sample, are folded into the convolutions.
- Of the two logits only the difference is computed.
- A 3 × 3 convolution over a nearest interpolation reads each coarse cell four times. It is the same as a transposed
  4 × 4 convolution of stride 2 over the coarse cells, which takes four ninths of the multiplications; so the first
  convolution of a decoder level is one over the skip connection plus one of these, and nothing is joined.
- The halo is there for the deep levels. On the way up only what the core needs is computed.
- Levels are computed in strips, so that what lies between two convolutions never exists as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional

from ..networks.dropout import ChannelDropout
from ..networks.unet import CONVOLUTIONS, SLOPE, UNet
from .strips import Span, Step, strips

READ = CONVOLUTIONS
"""Cells beyond its output that the convolutions of a level read."""

Weights = tuple[torch.Tensor, torch.Tensor]
"""Of a convolution: weight and bias."""

Rows = Callable[[int, int], torch.Tensor]
"""Gives rows first … last (not included) of an image, shape (1, channels, rows, width), channels last."""


@dataclass(frozen=True)
class _Level:
    """The two convolutions of a level."""

    first: Weights
    second: Weights
    coarse: torch.Tensor | None = None
    """Of a decoder level, the transposed convolution over the level below; the bias is in ``first``."""


class FastUNet:
    """The logit of landslide over stable of a trained U-Net, on one device and in one arithmetic."""

    def __init__(self, unet: UNet, device: torch.device, dtype: torch.dtype) -> None:
        """Fold the weights.

        Args:
            unet: trained, in evaluation mode. With its masks set (see ``set_sample``) it is that sample.
            device: to compute on.
            dtype: of weights and feature maps.
        """
        self.depth, self.width = unet.depth, unet.head.in_channels
        self._device, self._dtype = device, dtype
        last = unet.depth

        def ready(weight: torch.Tensor, bias: torch.Tensor) -> Weights:
            # Rounded before it is moved: Apple GPUs know no double precision.
            return (weight.to(dtype).to(device).contiguous(memory_format=torch.channels_last),
                    bias.to(dtype).to(device))

        def second(level: nn.Sequential) -> Weights:
            weight, bias = _folded(level, 1)
            return ready(_masked(weight, level, 0), bias)

        self._encoder = [_Level(ready(*_folded(level, 0)), second(level)) for level in unet.encoder]
        self._down = [ready(_masked(layer.weight.double(), level, 1), layer.bias.double())
                      for layer, level in zip(unet.down, unet.encoder)]
        self._decoder, self._up = [], []
        for place, level in enumerate(unet.decoder):
            weight, bias = _folded(level, 0)
            skip = _masked(weight[:, :len(weight)], unet.encoder[place], 1)
            coarse = transposed(weight[:, len(weight):]).to(dtype).to(device)
            self._decoder.append(_Level(ready(skip, bias), second(level),
                                        coarse.contiguous(memory_format=torch.channels_last)))
            below = unet.encoder[last] if place + 1 == last else unet.decoder[place + 1]
            self._up.append(ready(_masked(unet.up[place].weight.double(), below, 1), unet.up[place].bias.double()))
        head = unet.head.weight.double()
        # In full precision: 16 bits of a logit alone would move the susceptibility by a thousandth.
        self._head = [part.to(torch.float32).to(device) for part in (
            _masked(head[1:] - head[:1], unet.decoder[0], 1), unet.head.bias.double().diff())]

    @property
    def bytes_per_cell(self) -> float:
        """Memory for a cell of the tile at the worst moment: skip connections, and a level's input and output."""
        return torch.finfo(self._dtype).bits // 8 * self.width * (2.25 if self.depth > 1 else 2.0)

    def logit(self, image: Rows, height: int, width: int, core: Span, step: Step
              ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Compute a tile.

        Args:
            image: gives rows of the encoded tile.
            height: of the tile, a multiple of ``2 ** depth``.
            width: likewise.
            core: what is wanted; the tile reaches at least the network's halo beyond it.
            step: hears of the progress.

        Yields:
            First and last row (not included) of a strip of the core, counted in the tile, and its logits, float32,
            shape (rows, columns of the core).
        """
        wanted, slabs, skips = [core], [], []
        for level in range(self.depth):
            slabs.append(wanted[level].slab(READ, height >> level, width >> level))
            wanted.append(slabs[level].halved())
        share = 0.5 / (self.depth + 1)
        for level in range(self.depth):
            skip, coarse = self._encode(level, image, height >> level, width >> level, slabs[level], share, step)
            skips.append(skip)
            image = _rows_of(coarse)
        share = 0.5 / self.depth
        below = self._bottom(image, height >> self.depth, width >> self.depth, wanted[self.depth])
        step(0.5 / (self.depth + 1))
        for level in range(self.depth - 1, 0, -1):
            found = self._empty(self._up[level - 1], wanted[level].height, wanted[level].width)
            for first, last, features in self._decode(level, skips.pop(), below, slabs[level], wanted[level], share,
                                                      step):
                top = wanted[level].top
                found[:, :, first - top:last - top] = functional.conv2d(features, *self._up[level - 1])
            below = found
        for first, last, features in self._decode(0, skips.pop(), below, slabs[0], core, share, step):
            yield first, last, functional.conv2d(features.float(), *self._head)[0, 0]

    def _encode(self, level: int, image: Rows, height: int, width: int, slab: Span, share: float, step: Step
                ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the skip connection over a slab, and the next level's input as a whole."""
        weights = self._encoder[level]
        skip = self._empty(weights.second, slab.height, slab.width)
        coarse = self._empty(self._down[level], height // 2, width // 2)
        for first, last in strips(0, height, width * self._bytes(weights), self._device):
            above, under = max(first - READ, 0), min(last + READ, height)
            features = _pair(_activated(functional.conv2d(image(above, under), *weights.first, padding=1)), weights)
            features = features[:, :, first - above:last - above]
            coarse[:, :, first // 2:last // 2] = functional.conv2d(features, *self._down[level], stride=2)
            top, bottom = max(first, slab.top), min(last, slab.bottom)
            if top < bottom:
                skip[:, :, top - slab.top:bottom - slab.top] = \
                    features[:, :, top - first:bottom - first, slab.left:slab.right]
            step(share * (last - first) / height)
        return skip, coarse

    def _bottom(self, image: Rows, height: int, width: int, wanted: Span) -> torch.Tensor:
        """Return the deepest level, ready for the one above."""
        weights = self._encoder[self.depth]
        features = _pair(_activated(functional.conv2d(image(0, height), *weights.first, padding=1)), weights)
        features = features[:, :, wanted.top:wanted.bottom, wanted.left:wanted.right]
        return functional.conv2d(features, *self._up[self.depth - 1])

    def _decode(self, level: int, skip: torch.Tensor, below: torch.Tensor, slab: Span, wanted: Span, share: float,
                step: Step) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Give a decoder level in strips: first and last row, and features over the columns wanted."""
        weights = self._decoder[level]
        for first, last in strips(wanted.top, wanted.bottom, slab.width * self._bytes(weights),
                                  self._device):
            part = Span(first, wanted.left, last, wanted.right).slab(READ, slab.bottom, slab.right)
            top, bottom = part.top - slab.top, part.bottom - slab.top
            features = functional.conv2d(skip[:, :, top:bottom], *weights.first, padding=1)
            features += functional.conv_transpose2d(below[:, :, top // 2:bottom // 2], weights.coarse, stride=2,
                                                    padding=1)
            features = _pair(_activated(features), weights)
            yield first, last, features[:, :, first - part.top:last - part.top,
                                        wanted.left - slab.left:wanted.right - slab.left]
            step(share * (last - first) / wanted.height)

    def _empty(self, weights: Weights, height: int, width: int) -> torch.Tensor:
        """Return room for what a convolution gives."""
        return torch.empty((1, len(weights[0]), height, width), device=self._device, dtype=self._dtype,
                           memory_format=torch.channels_last)

    def _bytes(self, weights: _Level) -> int:
        """Return the bytes of a cell of a level's feature maps."""
        return len(weights.first[0]) * torch.finfo(self._dtype).bits // 8


def _pair(features: torch.Tensor, weights: _Level) -> torch.Tensor:
    """Return the second convolution of a level over the first."""
    return _activated(functional.conv2d(features, *weights.second, padding=1))


def _activated(features: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu_(features, SLOPE)


def _rows_of(image: torch.Tensor) -> Rows:
    return lambda first, last: image[:, :, first:last]


def _folded(level: nn.Sequential, number: int) -> Weights:
    """Return convolution and batch norm of a level as one convolution, in double precision."""
    layers = [layer for layer in level if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))]
    convolution, norm = layers[2 * number:2 * number + 2]
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return (convolution.weight.double() * scale[:, None, None, None],
            norm.bias.double() - norm.running_mean.double() * scale)


def _masked(weight: torch.Tensor, level: nn.Sequential, number: int) -> torch.Tensor:
    """Return the weight of a convolution over what a dropout layer of a level gives: a mask scales its input."""
    mask = [layer for layer in level if isinstance(layer, ChannelDropout)][number].mask
    return weight if mask is None else weight * mask.to(weight.device, weight.dtype)


def transposed(weight: torch.Tensor) -> torch.Tensor:
    """Return the transposed convolution that equals a 3 × 3 convolution over a nearest interpolation by two.

    Args:
        weight: shape (outputs, inputs, 3, 3), of a convolution with a padding of one.

    Returns:
        Shape (inputs, outputs, 4, 4), for a stride of 2 and a padding of 1.
    """
    # Tap t of output row r reads fine row r + t - 1, which belongs to coarse row 0 when that is 0 or 1; row k of the
    # result is output row k - 1. So it adds up the taps from 2 - k to 1 - k + 2 that exist.
    fold = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return torch.einsum("kt,ls,oits->iokl", fold, fold, weight)
