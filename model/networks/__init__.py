"""Networks that turn encoded factors into two logits a cell, built from a plain description.

A description ("architecture") is a dictionary with a ``type`` and the type's parameters. It is what a model file
stores, so it is checked as strictly as any input before a network is built from it. A network has, beside the usual
of torch, ``align`` (tile origins must be a multiple of it), ``halo`` (cells beyond such a tile that its answer depends
on, on every side) and ``patch`` (cells along the side of a square that share one answer; 1 where every cell has its
own). One whose numbers could be wrong in ways that torch does not notice has ``check()``, called after they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Callable

import torch
from torch import nn

from ..errors import ParameterInvalid
from .additive import AdditiveUNet
from .patch_classifiers import Bpnn, ResNet
from .per_cell import Forest, Linear, Tables
from .unet import UNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "additive_unet": AdditiveUNet,
    "bpnn": Bpnn,
    "resnet": ResNet,
    "linear": Linear,
    "tables": Tables,
    "forest": Forest,
}
_CHANNELS, _PATCH, _WIDTH, _DROPOUT = (1, 4096), (2, 1024), (1, 256), (0.0, 0.95)

_LIMITS: dict[str, dict[str, tuple[float, float]]] = {
    "unet": {"channels": _CHANNELS, "width": _WIDTH, "depth": (1, 6), "dropout": _DROPOUT},
    "additive_unet": {
        "channels": _CHANNELS,
        "width": _WIDTH,
        "depth": (1, 6),
        "dropout": _DROPOUT,
        "continuous": (1, 4096),
        "knots": (2, 64),
    },
    "bpnn": {"channels": _CHANNELS, "patch": _PATCH, "width": (1, 4096), "dropout": _DROPOUT},
    "resnet": {"channels": _CHANNELS, "patch": _PATCH, "width": _WIDTH, "dropout": _DROPOUT},
    "linear": {"channels": _CHANNELS},
    "tables": {"channels": _CHANNELS, "continuous": (0, 4096), "bins": (2, 1000)},
    "forest": {"channels": _CHANNELS, "trees": (1, 2000), "nodes": (1, 40_000_000), "depth": (0, 64)},
}
_REAL = {"dropout"}

MAX_PARAMETERS = 200_000_000
"""Larger networks are refused: 800 MB of weights is far beyond what these data can train."""


def check_architecture(architecture: Mapping[str, Any]) -> None:
    """Check a description without building anything.

    Raises:
        ParameterInvalid: the type is not known, a parameter is missing, too many or out of its range.
    """
    kind = architecture.get("type")
    if not isinstance(kind, str) or kind not in _LIMITS:
        raise ParameterInvalid(f'The network type "{kind}" is not known; known are: {", ".join(_LIMITS)}.')
    limits = _LIMITS[kind]
    if set(architecture) != {"type", *limits}:
        raise ParameterInvalid(f"A network of type {kind} takes exactly the parameters {', '.join(limits)}.")
    for name, (lowest, highest) in limits.items():
        value = architecture[name]
        numeric = isinstance(value, (int, float) if name in _REAL else int) and not isinstance(value, bool)
        if not numeric or not lowest <= value <= highest:
            raise ParameterInvalid(f"The network's {name} is {value!r}, but must lie between {lowest} and {highest}.")


def build_network(architecture: Mapping[str, Any], seed: int | None = None) -> nn.Module:
    """Build a network.

    Args:
        architecture: ``{"type": "unet", "channels": 40, "width": 16, "depth": 2, "dropout": 0.2}``.
        seed: of the first weights; by default they come from torch's global generator.

    Raises:
        ParameterInvalid: the description is wrong, or the network would be too large.
    """
    check_architecture(architecture)
    kind = architecture["type"]
    parameters = {name: value for name, value in architecture.items() if name != "type"}
    size = NETWORKS[kind].parameter_count(**parameters)
    if size > MAX_PARAMETERS:
        raise ParameterInvalid(
            f"A network of this width and depth has {size:,} parameters; the most is "
            f"{MAX_PARAMETERS:,}. Make WIDTH or DEPTH smaller."
        )
    if seed is None:
        return NETWORKS[kind](**parameters)
    with torch.device("meta"):
        network = NETWORKS[kind](**parameters)
    network.to_empty(device="cpu")
    _initialise(network, torch.Generator().manual_seed(seed))
    return network


def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Give a network the first weights that torch would give it, drawn from a generator of its own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    if isinstance(network, AdditiveUNet):
        network.reset_to_zero()
