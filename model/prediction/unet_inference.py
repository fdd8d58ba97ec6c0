"""A trained U-Net for whole tiles: the same function as :class:`~..networks.unet.UNet`, with less work and memory.

- Batch norm, and the masks of a dropout sample, are folded into the convolutions.
- Of the two logits only the difference is computed.
- A 3 × 3 convolution over a nearest interpolation reads each coarse cell four times. It is the same as a transposed
  4 × 4 convolution of stride 2 over the coarse cells, which takes four ninths of the multiplications; so the first
  convolution of a decoder level is one over the skip connection plus one of these, and nothing is joined.
- The halo is there for the deep levels. On the way up only what the core needs is computed.
- Every level is computed in strips of rows as the level that reads it asks for them, and forgets them when they are no
  longer looked at. So a tile takes the memory of a band of rows, and may be tall: the halo then costs little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import nn
from torch.nn import functional

from ..networks.unet import CONVOLUTIONS, SLOPE, ChannelDropout, UNet


class RowBuffer:
    """The rows of an image that are still needed, in the pieces in which they came, from row ``first`` on."""

    def __init__(self, first: int) -> None:
        self.end = first  # number of the row after the last that is there
        self._pieces: deque[tuple[int, torch.Tensor]] = deque()

    def add(self, rows: torch.Tensor) -> None:
        """Append rows, shape (1, channels, rows, width); they are kept and not copied."""
        self._pieces.append((self.end, rows))
        self.end += rows.shape[2]

    def get(self, first: int, last: int) -> torch.Tensor:
        """Return rows first … last (not included), channels last; they must be there."""
        parts = []
        for start, piece in self._pieces:
            top, bottom = max(first - start, 0), min(last - start, piece.shape[2])
            if top < bottom:
                parts.append(piece[:, :, top:bottom])
        if len(parts) == 1:
            return parts[0]
        size = (1, parts[0].shape[1], last - first, parts[0].shape[3])
        joined = torch.empty(size, dtype=parts[0].dtype, device=parts[0].device, memory_format=torch.channels_last)
        row = 0
        for part in parts:
            joined[:, :, row : row + part.shape[2]] = part
            row += part.shape[2]
        return joined

    def forget(self, first: int) -> None:
        """Drop pieces that end before this row."""
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].shape[2] <= first:
            self._pieces.popleft()


# Rows of a strip of the first level, halved from level to level, and the fewest. Two rows are computed twice; more rows
# would take more of the processor's cache, and keep more rows of the levels above waiting.
STRIP_ROWS, MIN_ROWS = 96, 8
GPU_STRIP_ROWS = 1024  # the same on a GPU, which wants large pieces of work
Step = Callable[[float], None]  # receives the share of the work done since the last call; may raise to stop


@dataclass(frozen=True)
class Span:
    """Rows and columns of an image, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    def slab(self, margin: int, height: int, width: int) -> Span:
        """Return the span with a margin, out to even rows and columns, within an image of a size."""
        top, left = (max((start - margin) // 2 * 2, 0) for start in (self.top, self.left))
        bottom, right = (-(-(end + margin) // 2) * 2 for end in (self.bottom, self.right))
        return Span(top, left, min(bottom, height), min(right, width))

    def halved(self) -> Span:
        """Return what an even span covers at half the resolution."""
        return Span(self.top // 2, self.left // 2, self.bottom // 2, self.right // 2)


def rows_of_strip(level: int, device: torch.device) -> int:
    """Return the rows of a strip of a level, an even number."""
    rows = STRIP_ROWS if device.type == "cpu" else GPU_STRIP_ROWS
    return max(rows >> level, MIN_ROWS) // 2 * 2


MARGIN = CONVOLUTIONS  # cells beyond its output that the convolutions of a level read
PADDING = (0, 1)  # of rows and columns: rows beyond a strip are there, and no output depends on cells beyond the sides
# Memory for the rows that wait, and feature maps of a strip that are alive at once; measured, including what the C
# library holds back: twice the sum of what is alive.
WAITING_ROWS_FACTOR, LIVE_MAPS_FACTOR = 2.4, 8.0
Weights = tuple[torch.Tensor, torch.Tensor]  # of a convolution: weight and bias
Strips = Iterator[tuple[int, int, torch.Tensor]]  # first and last row (not included), and what is computed of them
Image = Callable[[int, int], torch.Tensor]
"""Returns rows first … last (not included) of an image, shape (1, channels, rows, width), channels last."""


@dataclass(frozen=True)
class _Level:
    """The two convolutions of a level."""

    first: Weights
    second: Weights
    coarse: Any = None  # of the decoder: transposed convolution over the level below; the bias is in first


class FastUNet:
    """The logit of landslide over stable of a trained U-Net, on one device and in one dtype."""

    def __init__(self, unet: UNet, device: torch.device, dtype: torch.dtype) -> None:
        """Fold the weights of a U-Net in evaluation mode; with its masks set (``set_sample``) it is that sample."""
        self.depth, self.width = unet.depth, unet.head.in_channels
        self.device, self._dtype = device, dtype
        last = unet.depth

        def ready(weight: torch.Tensor, bias: torch.Tensor) -> Weights:
            # Rounded before it is moved: Apple GPUs know no double precision.
            weight = weight.to(dtype).to(device).contiguous(memory_format=torch.channels_last)
            return weight, bias.to(dtype).to(device)

        def second(level: Any) -> Weights:
            weight, bias = _folded(level, 1)
            return ready(_masked(weight, level, 0), bias)

        def resampling(layer: Any, source: Any) -> Weights:
            return ready(_masked(layer.weight.double(), source, 1), layer.bias.double())

        self.encoder = [_Level(ready(*_folded(level, 0)), second(level)) for level in unet.encoder]
        self.down = [resampling(layer, level) for layer, level in zip(unet.down, unet.encoder)]
        self.decoder, self.upsample = [], []
        for place, level in enumerate(unet.decoder):
            weight, bias = _folded(level, 0)
            skip = _masked(weight[:, : len(weight)], unet.encoder[place], 1)
            coarse = as_transposed_convolution(weight[:, len(weight) :]).to(dtype).to(device)
            coarse = coarse.contiguous(memory_format=torch.channels_last)
            self.decoder.append(_Level(ready(skip, bias), second(level), coarse))
            below = unet.encoder[last] if place + 1 == last else unet.decoder[place + 1]
            self.upsample.append(resampling(unet.up[place], below))
        head: Any = unet.head
        weight = head.weight.double()
        # In full precision: 16 bits of a logit alone would move the susceptibility by a thousandth.
        difference = _masked(weight[1:] - weight[:1], unet.decoder[0], 1), head.bias.double().diff()
        self._head: Weights = (difference[0].float().to(device), difference[1].float().to(device))

    @property
    def bytes_per_column(self) -> float:
        """Memory for a column of a tile: the rows that wait until deeper levels have caught up, and a strip."""
        rows = lag = 0.0
        for level in reversed(range(self.depth + 1)):
            strip = rows_of_strip(level, self.device)
            lag = 2 * lag + strip + 4 * MARGIN
            rows += WAITING_ROWS_FACTOR * lag + LIVE_MAPS_FACTOR * strip
        return torch.finfo(self._dtype).bits // 8 * self.width * rows

    def logit(self, image: Image, height: int, width: int, core: Span, step: Step) -> Strips:
        """Compute a tile whose sides are multiples of ``2 ** depth``, and that extends the halo beyond the core wanted.

        Yields first and last row (not included) of a strip of the core, counted in the tile, and its logits, float32
        (rows, columns of the core).
        """
        reported = 0.0

        def counted(share: float) -> None:
            nonlocal reported
            reported += share
            step(share)

        forward = _StripForward(self, image, height, width, core, counted)
        try:
            for first, last, features in forward.up(0):
                yield first, last, functional.conv2d(features.float(), *self._head)[0, 0]
        finally:
            forward.close()
        step(1 - reported)


class _StripForward:
    def __init__(self, unet: FastUNet, image: Image, height: int, width: int, core: Span, step: Step) -> None:
        depth = unet.depth
        self._unet, self._image, self._step = unet, image, step
        wanted, slabs = [core], []
        for level in range(depth):
            slabs.append(wanted[level].slab(MARGIN, height >> level, width >> level))
            wanted.append(slabs[level].halved())
        self._wanted, self._slabs = wanted, slabs
        # First and last row of each level on the way down that any output looks at.
        self._needed = [(wanted[depth].top, wanted[depth].bottom)]
        for _ in range(depth):
            first, last = self._needed[0]
            self._needed.insert(0, (2 * (first - MARGIN), 2 * (last + MARGIN)))
        if self._needed[0][0] < MARGIN or self._needed[0][1] > height - MARGIN:
            raise ValueError("the tile does not reach far enough beyond its core")
        self._done = [first for first, _ in self._needed]
        self._skips = [RowBuffer(slab.top) for slab in slabs]
        self._coarse = [RowBuffer(self._done[level] // 2) for level in range(depth)]
        self._below = [RowBuffer(wanted[level + 1].top) for level in range(depth)]
        self._upsampled = [self._upsample_rows(level) for level in range(depth)]

    def close(self) -> None:
        """Free all memory now: it is held in a reference cycle, which Python would collect only later."""
        self._upsampled.clear()

    def up(self, level: int) -> Strips:
        """Yield the features of a level on the way up, in strips: first and last row, columns wanted."""
        if level == self._unet.depth:
            yield from self._bottom()
            return
        weights, slab, wanted = self._unet.decoder[level], self._slabs[level], self._wanted[level]
        skips, below = self._skips[level], self._below[level]
        for first, last in self._strips(level, wanted.top, wanted.bottom):
            # Out to even rows, because each coarse row covers two.
            top, bottom = first - MARGIN - first % 2, last + MARGIN + last % 2
            while below.end < bottom // 2:
                below.add(next(self._upsampled[level]))
            self._down_to(level, bottom)
            features = functional.conv2d(skips.get(top, bottom), *weights.first, padding=PADDING)
            coarse = below.get(top // 2, bottom // 2)
            features += functional.conv_transpose2d(coarse, weights.coarse, stride=2, padding=1)[:, :, 1:-1]
            features = _pair(features, weights)
            rows = slice(first % 2, first % 2 + last - first)
            yield first, last, features[:, :, rows, wanted.left - slab.left : wanted.right - slab.left]
            top = last - MARGIN - last % 2
            skips.forget(top)
            below.forget(top // 2)
            self._step(0.5 / self._unet.depth * (last - first) / wanted.height)

    def _upsample_rows(self, level: int) -> Iterator[torch.Tensor]:
        for _, _, features in self.up(level + 1):
            yield functional.conv2d(features, *self._unet.upsample[level])

    def _bottom(self) -> Strips:
        depth, (top, bottom) = self._unet.depth, self._needed[-1]
        wanted, coarse = self._wanted[depth], self._coarse[depth - 1]
        for first, last in self._strips(depth, top, bottom):
            self._down_to(depth - 1, 2 * (last + MARGIN))
            features = self._features(depth, coarse.get(first - MARGIN, last + MARGIN))
            coarse.forget(last - MARGIN)
            yield first, last, features[..., wanted.left : wanted.right]
            self._step(0.5 / (depth + 1) * (last - first) / (bottom - top))

    def _down_to(self, level: int, end: int) -> None:
        """Compute a level on the way down until the rows before ``end`` are there."""
        slab, (top, bottom) = self._slabs[level], self._needed[level]
        while self._done[level] < end:
            first = self._done[level]
            last = min(first + rows_of_strip(level, self._unet.device), bottom)
            if level:
                self._down_to(level - 1, 2 * (last + MARGIN))
                image = self._coarse[level - 1].get(first - MARGIN, last + MARGIN)
            else:
                image = self._image(first - MARGIN, last + MARGIN)
            features = self._features(level, image)
            if level:
                self._coarse[level - 1].forget(last - MARGIN)
            self._coarse[level].add(functional.conv2d(features, *self._unet.down[level], stride=2))
            above, under = max(first, slab.top), min(last, slab.bottom)
            if above < under:
                self._skips[level].add(features[:, :, above - first : under - first, slab.left : slab.right])
            self._done[level] = last
            self._step(0.5 / (self._unet.depth + 1) * (last - first) / (bottom - top))

    def _features(self, level: int, image: torch.Tensor) -> torch.Tensor:
        """Return both convolutions of a level on the way down, without the rows that they read beyond."""
        weights = self._unet.encoder[level]
        return _pair(functional.conv2d(image, *weights.first, padding=PADDING), weights)

    def _strips(self, level: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        rows = rows_of_strip(level, self._unet.device)
        for row in range(first, last, rows):
            yield row, min(row + rows, last)


def _pair(features: torch.Tensor, weights: _Level) -> torch.Tensor:
    """Return the output of a level from its first convolution's result, which is overwritten."""
    return _activated(functional.conv2d(_activated(features), *weights.second, padding=PADDING))


def _activated(features: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu_(features, SLOPE)


def _folded(level: Any, number: int) -> Weights:
    """Return convolution and batch norm of a level as one convolution, in double precision."""
    layers: list[Any] = [layer for layer in level if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))]
    convolution, norm = layers[2 * number : 2 * number + 2]
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = convolution.weight.double() * scale[:, None, None, None]
    return weight, norm.bias.double() - norm.running_mean.double() * scale


def _masked(weight: torch.Tensor, level: Any, number: int) -> torch.Tensor:
    """Return the weight of a convolution over what a dropout layer of a level gives: a mask scales its input."""
    mask = [layer for layer in level if isinstance(layer, ChannelDropout)][number].mask
    return weight if mask is None else weight * mask.to(weight.device, weight.dtype)


def as_transposed_convolution(weight: torch.Tensor) -> torch.Tensor:
    """Return the transposed convolution that equals a 3 × 3 convolution over a nearest interpolation by two.

    From shape (outputs, inputs, 3, 3) and a padding of 1 to (inputs, outputs, 4, 4), a stride of 2 and that padding.
    """
    # Tap t of output row r reads fine row r + t - 1, which belongs to coarse row 0 when that is 0 or 1; row k of the
    # result is output row k - 1. So it adds up the taps from 2 - k to 1 - k + 2 that exist.
    fold = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return torch.einsum("kt,ls,oits->iokl", fold, fold, weight)
