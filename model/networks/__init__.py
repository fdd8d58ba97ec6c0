"""Networks that turn encoded factors into two logits per cell, built from a plain description.

A description ("architecture") is a dictionary with a ``type`` and the type's parameters. It is what a model file
stores, so it is validated like any untrusted input before a network is built from it. Beside the usual members of
torch a network has ``align`` (tile origins must be a multiple of it), ``halo`` (cells around such a tile on which its
logits depend) and ``patch`` (side in cells of a square with a single prediction; 1 if every cell has its own). One
whose numbers could be wrong in ways that torch does not notice has ``check()``, called after they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import ParameterInvalid
from .parts import PcumParts
from .patch_classifiers import Bpnn, ResNet
from .per_cell import Linear, Splines, Tables
from .pointwise import AdditivePointwise
from .trees import BoostedTrees, Forest
from .unet import AdditiveUNet, UNet

_CHANNELS, _PATCH, _WIDTH, _DEPTH, _DROPOUT = (1, 4096), (2, 1024), (1, 256), (1, 6), (0.0, 0.95)
_UNET = {"channels": _CHANNELS, "width": _WIDTH, "depth": _DEPTH, "dropout": _DROPOUT}
_POINTWISE: dict[str, tuple[float, float]] = {
    "channels": _CHANNELS,
    "width": (1, 4096),
    "dropout": _DROPOUT,
    "channel_dropout": _DROPOUT,
    "continuous": (0, 4096),
    "knots": (2, 64),
}
_TREES: dict[str, tuple[float, float]] = {
    "channels": _CHANNELS,
    "trees": (1, 2000),
    "nodes": (1, 40_000_000),
    "depth": (0, 64),
}
NETWORKS: dict[str, tuple[Any, dict[str, tuple[float, float]]]] = {
    "unet": (UNet, _UNET),
    "additive_unet": (AdditiveUNet, {**_UNET, "continuous": (1, 4096), "knots": (2, 64)}),
    "additive_pointwise": (AdditivePointwise, _POINTWISE),
    "pcum_parts": (
        PcumParts,
        {
            **_POINTWISE,
            "unet_width": _WIDTH,
            "unet_depth": (0, 6),
            "trees": (0, 2000),
            "nodes": (0, 40_000_000),
            "tree_depth": (0, 64),
        },
    ),
    "bpnn": (Bpnn, {"channels": _CHANNELS, "patch": _PATCH, "width": (1, 4096), "dropout": _DROPOUT}),
    "resnet": (ResNet, {"channels": _CHANNELS, "patch": _PATCH, "width": _WIDTH, "dropout": _DROPOUT}),
    "linear": (Linear, {"channels": _CHANNELS}),
    "tables": (Tables, {"channels": _CHANNELS, "continuous": (0, 4096), "bins": (2, 1000)}),
    "splines": (Splines, {"channels": _CHANNELS, "continuous": (0, 4096), "knots": (2, 64)}),
    "forest": (Forest, _TREES),
    "boosted_trees": (BoostedTrees, _TREES),
}
"""Class of each type, and the limits of its parameters."""

_BATCH_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norm: measured, not trained
MAX_PARAMETERS = 200_000_000  # larger networks are refused: 800 MB of weights is far beyond what these data can train


def check_architecture(architecture: Mapping[str, Any]) -> None:
    """Check a description without building anything.

    Raises ``ParameterInvalid`` if the type is not known, a parameter is missing, too many or out of its range.
    """
    kind = architecture.get("type")
    if not isinstance(kind, str) or kind not in NETWORKS:
        raise ParameterInvalid(f'The network type "{kind}" is not known; known are: {", ".join(NETWORKS)}.')
    limits = NETWORKS[kind][1]
    if set(architecture) != {"type", *limits}:
        raise ParameterInvalid(f"A network of type {kind} takes exactly the parameters {', '.join(limits)}.")
    for name, (lowest, highest) in limits.items():
        value = architecture[name]
        numeric = isinstance(value, (int, float) if name.endswith("dropout") else int) and not isinstance(value, bool)
        if not numeric or not lowest <= value <= highest:
            raise ParameterInvalid(f"The network's {name} is {value!r}, but must lie between {lowest} and {highest}.")


def build_network(architecture: Mapping[str, Any], seed: int | None = None) -> nn.Module:
    """Build a network from ``{"type": "unet", "channels": 40, "width": 16, "depth": 2, "dropout": 0.2}``, say.

    ``seed`` is that of the initial weights; by default they come from torch's global generator. Raises
    ``ParameterInvalid`` if the description is wrong, or the network would be too large.
    """
    check_architecture(architecture)
    kind, _ = NETWORKS[architecture["type"]]
    parameters = {name: value for name, value in architecture.items() if name != "type"}
    with torch.device("meta"):
        network = kind(**parameters)
    state = network.state_dict().items()
    size = sum(value.numel() for name, value in state if not name.endswith(_BATCH_STATISTICS))
    if size > MAX_PARAMETERS:
        raise ParameterInvalid(
            f"A network of this width and depth has {size:,} parameters; the maximum is {MAX_PARAMETERS:,}. Make WIDTH "
            "or DEPTH smaller."
        )
    if seed is None:
        return kind(**parameters)
    network.to_empty(device="cpu")
    _initialise(network, torch.Generator().manual_seed(seed))
    return network


def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Initialise as torch does by default, but from a separate generator."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, AdditivePointwise):
            module.share.fill_(1.0)
    if isinstance(network, AdditiveUNet):
        network.reset_to_zero()
    elif isinstance(network, (AdditivePointwise, PcumParts)):
        network.curves.reset_to_zero()
