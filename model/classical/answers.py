"""What a network of single cells says of many cells, in parts, so that a user who cancels need not wait for all."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..progress import Progress, stop_if_cancelled

PART = 8192
"""Cells between two looks at whether to stop: a large forest takes a second for them."""


def leanings(network: nn.Module, values: np.ndarray, progress: Progress) -> torch.Tensor:
    """Return by how much the logit of landslide is above that of stable, one number a cell.

    Args:
        network: of single cells, on the CPU.
        values: encoded, float32 (cells, channels).
        progress: asked whether to stop.

    Raises:
        Cancelled: by the user.
    """
    found = [torch.zeros(0)]
    with torch.inference_mode():
        for start in range(0, len(values), PART):
            stop_if_cancelled(progress)
            logits = network(torch.from_numpy(values[start:start + PART].T[None, :, :, None].copy()))[0, :, :, 0]
            found.append(logits[1] - logits[0])
    return torch.cat(found)
