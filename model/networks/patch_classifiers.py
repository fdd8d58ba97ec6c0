"""Networks that predict one value per patch: BPNN and ResNet of the paper's comparison (section 5.2)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .unet import SLOPE, ChannelDropout

HIDDEN_LAYERS = 3  # of BPNN, as in the paper
BLOCKS = 3  # residual blocks of ResNet, as in the paper; each is followed by pooling that halves the resolution


class PatchNetwork(nn.Module):
    """A network whose prediction for a patch depends on the cells of the patch alone.

    ``forward`` returns logits, (batch, 2, height, width), equal in all cells of a patch, of encoded factors (batch,
    channels, height, width); height and width are multiples of ``patch``.
    """

    halo = 0

    def __init__(self, channels: int, patch: int) -> None:
        super().__init__()
        self.channels, self.patch, self.align = channels, patch, patch


def repeat_patches(logits: torch.Tensor, patch: int) -> torch.Tensor:
    """Repeat each pixel of (batch, 2, rows, columns) over a patch of cells."""
    batch, two, rows, columns = logits.shape
    spread = logits[:, :, :, None, :, None].expand(batch, two, rows, patch, columns, patch)
    return spread.reshape(batch, two, rows * patch, columns * patch)


class Bpnn(PatchNetwork):
    """Back-propagation network: all channels of all cells of a patch as a vector, and three hidden layers."""

    def __init__(self, channels: int, patch: int, width: int, dropout: float) -> None:
        super().__init__(channels, patch)
        layers: list[nn.Module] = []
        for index in range(HIDDEN_LAYERS):
            inputs = channels * patch**2 if index == 0 else width
            layers += [nn.Conv2d(inputs, width, 1), nn.Sigmoid(), ChannelDropout(width, dropout)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 2, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        # A patch becomes a pixel with channels · patch² channels, so layers over patches are 1 × 1 convolutions.
        return repeat_patches(self.layers(functional.pixel_unshuffle(image, self.patch)), self.patch)


class ResNet(PatchNetwork):
    """Residual network: three residual blocks with pooling and two fully connected layers over a patch.

    The paper prints neither the number of channels nor the size of the first fully connected layer. Here each block
    has twice the channels of the one before, and that layer has as many outputs as the last block has channels.
    """

    def __init__(self, channels: int, patch: int, width: int, dropout: float) -> None:
        super().__init__(channels, patch)
        widths = [channels, *(width * 2**block for block in range(BLOCKS))]
        self.blocks = nn.ModuleList(ResidualBlock(widths[i], widths[i + 1]) for i in range(BLOCKS))
        # A convolution as large as the map after all poolings, which round up, is a fully connected layer.
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], -(-patch // 2**BLOCKS)),
            nn.LeakyReLU(SLOPE, inplace=True),
            ChannelDropout(widths[-1], dropout),
            nn.Conv2d(widths[-1], 2, 1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        batch, channels, height, width = image.shape
        rows, columns, side = height // self.patch, width // self.patch, self.patch
        cut = image.reshape(batch, channels, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        patches = cut.reshape(batch * rows * columns, channels, side, side)
        for block in self.blocks:
            patches = functional.max_pool2d(block(patches), 2, ceil_mode=True)
        logits = self.head(patches).reshape(batch, rows, columns, 2).permute(0, 3, 1, 2)
        return repeat_patches(logits, self.patch)


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norm and LeakyReLU, added to the input (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
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
