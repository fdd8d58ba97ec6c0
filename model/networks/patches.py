"""What networks share that give one answer for a whole patch of land."""

from __future__ import annotations

import torch
from torch import nn


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
