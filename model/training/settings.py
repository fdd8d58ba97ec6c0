"""Settings of a training run; importable without torch, so that the shell can show choices, limits and defaults."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import ParameterInvalid

PHYSICS = ("hinge", "indicator", "none")
SPLITS = ("spatial_blocks", "random")
ENCODINGS = ("codes", "one_hot")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
DEVICES = ("auto", "cpu", "cuda", "mps")
"""Fixed names of devices; ``cuda:N`` names one of several GPUs."""


def _number(default: float, lowest: float, highest: float) -> Any:
    return field(default=default, metadata={"limits": (lowest, highest)})


def _choice(default: str, choices: tuple[str, ...]) -> Any:
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class TrainingSettings:
    """What a user can set about training. Every value is checked when the object is made.

    Raises:
        ParameterInvalid: a value is out of its range or not among its choices.
    """

    physics: str = _choice("hinge", PHYSICS)
    """``hinge`` trains, ``indicator`` is the term as printed, which has no gradient, ``none`` is the plain U-Net."""
    lambda_: float = _number(0.1, 0.0, 1000.0)
    """Strength of the physics term (paper: 0.1)."""
    p_low: float = _number(0.15, 0.001, 1.0)
    """Below this probability a cell under warning breaks the constraint (paper: 0.15)."""
    fs_critical: float = _number(0.5, 0.0, 10.0)
    """Below this safety factor a warning stands (paper: 0.5)."""
    weight_landslide: float = _number(0.0, 0.0, 10000.0)
    """Weight of landslide cells in the cross-entropy (paper: 5, with one landslide cell to five stable ones); 0 lets
    both classes count the same, whatever their numbers."""
    weight_stable: float = _number(1.0, 0.01, 10000.0)
    """Weight of stable cells in the cross-entropy (paper: 1)."""
    window: float = _number(750.0, 1.0, 1000000.0)
    """Side of a training window in metres (paper: 1500). A shallow network sees a few hundred metres at most, so
    smaller windows teach it the same in less time."""
    split: str = _choice("spatial_blocks", SPLITS)
    """How windows are shared out among training, validation and test."""
    block: float = _number(4000.0, 1.0, 10000000.0)
    """Side of a block of the spatial split in metres."""
    epochs: int = _number(100, 1, 100000)
    """Most passes over the training windows (paper: 1000)."""
    patience: int = _number(10, 0, 100000)
    """Stop after this many epochs without a better validation loss; 0 never stops early."""
    learning_rate: float = _number(3e-4, 1e-8, 1.0)
    """Step size of the optimiser (paper: 1e-4)."""
    averaging: float = _number(0.99, 0.0, 0.9999)
    """Share that a step leaves of the running average of the weights, which is what is judged and kept; 0 keeps the
    weights of single steps, as in the paper."""
    batch: int = _number(32, 1, 65536)
    """Windows a step."""
    augment: bool = True
    """Whether windows are turned and mirrored, with their aspect codes."""
    encoding: str = _choice("one_hot", ENCODINGS)
    """How classes reach the network: ``codes`` as plain numbers (paper) or ``one_hot``, one channel a class."""
    width: int = _number(16, 1, 256)
    """Channels of the first level of the U-Net; every level below has twice as many."""
    depth: int = _number(1, 1, 6)
    """How often the U-Net halves the resolution. One was the best on blocks of land never seen, on the demo and on
    real data: a network that sees farther learns the place."""
    knots: int = _number(8, 0, 64)
    """Knots of the curve that each continuous factor has beside the U-Net; 0 for a U-Net alone, as in the paper. With
    curves the map is better where landslides are few: they say of each factor what tables of classes would say."""
    dropout: float = _number(0.2, 0.0, 0.95)
    """Share of channels dropped in training."""
    seed: int = _number(1, 0, 2 ** 31 - 1)
    """Seed of everything random."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: str = _choice("auto", PRECISIONS)
    """Arithmetic of the network."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", str(self.device)):
            raise ParameterInvalid(f'DEVICE is "{self.device}". Choose auto, cpu, cuda, cuda:0, cuda:1 ... or mps.')

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values by name, for headers and run records."""
        return dataclasses.asdict(self)


def default(name: str) -> Any:
    """Return the default of one setting, such as ``window``."""
    return _fields()[name].default


def limits(name: str) -> tuple[float, float]:
    """Return the lowest and highest value of a number, such as ``epochs``."""
    return _fields()[name].metadata["limits"]


def choices(name: str) -> tuple[str, ...]:
    """Return the choices of an enumeration, such as ``physics``."""
    return _fields()[name].metadata["choices"]


def parameter_name(name: str) -> str:
    """Return a setting's name as the user sees it: ``lambda_`` is LAMBDA."""
    return name.rstrip("_").upper()


def _fields() -> dict[str, dataclasses.Field]:
    return {item.name: item for item in dataclasses.fields(TrainingSettings)}


def _check(item: dataclasses.Field, value: Any) -> None:
    name = parameter_name(item.name)
    if "choices" in item.metadata:
        if value not in item.metadata["choices"]:
            raise ParameterInvalid(f'{name} is "{value}". Choose one of: {", ".join(item.metadata["choices"])}.')
    elif "limits" in item.metadata:
        lowest, highest = item.metadata["limits"]
        whole = isinstance(item.default, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ParameterInvalid(f"{name} is {value!r}, but must be a {'whole ' if whole else ''}number.")
        if not math.isfinite(value) or not lowest <= value <= highest:
            raise ParameterInvalid(f"{name} is {value:g}, but must lie between {lowest:g} and {highest:g}.")
    elif isinstance(item.default, bool) and not isinstance(value, bool):
        raise ParameterInvalid(f"{name} is {value!r}, but must be true or false.")
