"""A running average of a network's weights, which errs less from step to step than the weights themselves."""

from __future__ import annotations

import copy
from typing import Mapping

import torch
from torch import nn

_LAG = 10
"""In the first steps the average forgets faster, or the random first weights would stay in it for long."""


class Average:
    """Exponential moving average of weights and batch-norm statistics (Polyak and Juditsky 1992).

    The validation loss of single steps over a few blocks of land jumps about; that of the average is smoother, so that
    the best epoch is less a matter of luck.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start from a network's present weights.

        Args:
            network: in its final memory format and on its device, before it is wrapped in anything.
            decay: share that a step leaves of the average, 0 to 1; with 0 the network itself is its average.
        """
        self.decay = decay
        self.network = copy.deepcopy(network) if decay else network
        self._source, self._target = network, self.network

    def update(self, step: int) -> None:
        """Move towards the weights after a step, counted from 1 over the whole training."""
        if not self.decay:
            return
        share = 1 - min(self.decay, step / (_LAG + step))
        source, target = self._source.state_dict(), self._target.state_dict()
        floats = [name for name, value in target.items() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([target[name] for name in floats], [source[name] for name in floats], share)
            for name in target.keys() - set(floats):
                target[name].copy_(source[name])

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the average."""
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go on from weights of a checkpoint."""
        if self.decay:
            self.network.load_state_dict(weights)
