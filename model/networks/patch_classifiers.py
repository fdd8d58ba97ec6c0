"""What networks share that give one answer for a whole patch of land.
The back-propagation network of the paper's comparison (Zhang and Deng 2026, section 5.2): one answer a patch.
The residual network of the paper's comparison (Zhang and Deng 2026, section 5.2): one answer a patch.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .dropout import ChannelDropout
from .unet import SLOPE


class PatchNetwork(nn.Module):
    """A network whose answer for a patch depends on the cells of the patch alone."""

    halo = 0

    def __init__(self, channels: int, patch: int) -> None:
        """Keep the channels of the input and the cells along the side of a patch."""
        super().__init__()
        self.channels, self.patch = channels, patch

    @property
    def align(self) -> int:
        """Sizes and tile origins must be multiples of this."""
        return self.patch


def repeat_patches(logits: torch.Tensor, patch: int) -> torch.Tensor:
    """Repeat each pixel of (batch, 2, rows, columns) over a patch of cells."""
    batch, two, rows, columns = logits.shape
    spread = logits[:, :, :, None, :, None].expand(batch, two, rows, patch, columns, patch)
    return spread.reshape(batch, two, rows * patch, columns * patch)


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
            layers += [
                nn.Conv2d(channels * patch**2 if index == 0 else width, width, 1),
                nn.Sigmoid(),
                ChannelDropout(width, dropout),
            ]
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
        return channels * patch**2 * width + (HIDDEN - 1) * width**2 + HIDDEN * width + 2 * width + 2


BLOCKS = 3
"""Residual blocks, as in the paper; each is followed by a pooling that halves the resolution."""


class ResNet(PatchNetwork):
    """Three residual blocks with pooling and two fully connected layers over one patch, two logits for the patch.

    The paper prints neither the number of channels nor the size of the first fully connected layer. Here each block
    has twice the channels of the one before, and that layer has as many outputs as the last block has channels.
    """

    def __init__(self, channels: int, patch: int, width: int, dropout: float) -> None:
        """Build the layers.

        Args:
            channels: of the input.
            patch: cells along the side of a patch.
            width: channels of the first block.
            dropout: share of channels dropped in training before the last layer.
        """
        super().__init__(channels, patch)
        widths = [channels, *(width * 2**block for block in range(BLOCKS))]
        self.blocks = nn.ModuleList(ResidualBlock(widths[i], widths[i + 1]) for i in range(BLOCKS))
        # A convolution as large as the map that is left is a fully connected layer.
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], _pooled(patch)),
            nn.LeakyReLU(SLOPE, inplace=True),
            ChannelDropout(widths[-1], dropout),
            nn.Conv2d(widths[-1], 2, 1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Args:
            image: encoded factors, shape (batch, channels, height, width), height and width multiples of ``patch``.

        Returns:
            Shape (batch, 2, height, width): stable, landslide; the same in all cells of a patch.
        """
        batch, channels, height, width = image.shape
        rows, columns, side = height // self.patch, width // self.patch, self.patch
        cut = image.reshape(batch, channels, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        patches = cut.reshape(batch * rows * columns, channels, side, side)
        for block in self.blocks:
            patches = functional.max_pool2d(block(patches), 2, ceil_mode=True)
        logits = self.head(patches).reshape(batch, rows, columns, 2).permute(0, 3, 1, 2)
        return repeat_patches(logits, self.patch)

    @staticmethod
    def parameter_count(channels: int, patch: int, width: int, dropout: float) -> int:
        """Return how many weights such a network has, without building it."""
        total, inputs = 0, channels
        for block in range(BLOCKS):
            outputs = width * 2**block
            total += 9 * inputs * outputs + 9 * outputs**2 + 4 * outputs
            total += inputs * outputs if inputs != outputs else 0
            inputs = outputs
        return total + _pooled(patch) ** 2 * inputs**2 + inputs + 2 * inputs + 2


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norm and LeakyReLU, whose result is added to the input (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Build the layers; the input passes a 1 × 1 convolution when the number of channels changes."""
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs, height, width)."""
        return functional.leaky_relu(self.inner(image) + self.skip(image), SLOPE)


def _pooled(patch: int) -> int:
    """Return the side of a patch after all poolings, in which an odd rest counts as a whole."""
    for _ in range(BLOCKS):
        patch = -(-patch // 2)
    return patch
