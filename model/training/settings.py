"""Settings of a training run; importable without torch, so that the shell can show choices, limits and defaults.
Sets of training settings with a name; importable without torch, so that the shell can show their values.
The kinds of model and what each asks of the training settings; importable without torch, for the shell.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
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
    seed: int = _number(1, 0, 2**31 - 1)
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


RECOMMENDED, PAPER = "recommended", "paper"
PRESETS = (RECOMMENDED, PAPER)

PAPER_VALUES: dict[str, Any] = {
    "physics": "indicator",
    "lambda_": 0.1,
    "p_low": 0.15,
    "fs_critical": 0.5,
    "weight_landslide": 5.0,
    "weight_stable": 1.0,
    "window": 1500.0,
    "split": "random",
    "epochs": 1000,
    "patience": 0,
    "learning_rate": 1e-4,
    "augment": False,
    "encoding": "codes",
    "knots": 0,
    "averaging": 0.0,
    # Not printed; chosen here.
    "width": 32,
    "depth": 4,
    "batch": 32,
    "dropout": 0.2,
}
"""What Zhang and Deng (2026) print: sections 3.2.3 and 3.3, equations 1 and 5. Width, depth, batch and dropout are not
printed. All other settings, and all of ``recommended``, are the defaults of :class:`TrainingSettings`."""


def in_preset(name: str) -> bool:
    """Return whether the presets say something about a setting, such as ``window``."""
    return name in PAPER_VALUES


def preset_value(preset: str, name: str) -> Any:
    """Return the value of one setting under a preset.

    Raises:
        ParameterInvalid: there is no such preset.
    """
    if preset not in PRESETS:
        raise ParameterInvalid(f'PRESET is "{preset}". Choose one of: {", ".join(PRESETS)}.')
    return PAPER_VALUES[name] if preset == PAPER and in_preset(name) else default(name)


def preset_settings(preset: str, given: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of a preset, with single ones put in their place.

    Args:
        preset: ``recommended`` or ``paper``.
        given: settings that the user set; they win over the preset.

    Raises:
        ParameterInvalid: there is no such preset or setting, or a value is out of its range.
    """
    names = TrainingSettings.__dataclass_fields__
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ParameterInvalid(f"There is no training setting {', '.join(unknown)}. There are: {', '.join(names)}.")
    return TrainingSettings(**{**{name: preset_value(preset, name) for name in names}, **given})


def preset_overrides(usual: TrainingSettings, given: Mapping[str, Any]) -> list[str]:
    """Return for each given value that differs from the usual one a sentence that says so.

    Args:
        usual: settings of the preset when nothing is given.
        given: settings that the user set.
    """
    return [
        f"{parameter_name(name)}={in_words(value)} was given and wins over the preset's "
        f"{in_words(getattr(usual, name))}."
        for name, value in given.items()
        if in_preset(name) and value != getattr(usual, name)
    ]


def preset_help(name: str) -> str:
    """Return what a setting is when it is not given, under each preset, as a sentence."""
    usual, printed = (in_words(preset_value(preset, name)) for preset in PRESETS)
    return (
        f"When not given: {usual}."
        if usual == printed
        else f"When not given: {usual}, or {printed} with PRESET={PAPER}."
    )


def in_words(value: Any) -> str:
    """Return a value as one types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def summary(settings: TrainingSettings) -> str:
    """Return all settings as one line for the log."""
    return ", ".join(f"{parameter_name(name)} {in_words(value)}" for name, value in settings.as_dict().items())


PCUM, UNET, BPNN, RESNET = "pcum", "unet", "bpnn", "resnet"
REGRESSION, FOREST = "logistic_regression", "random_forest"
FREQUENCY_RATIO, WEIGHTS_OF_EVIDENCE = "frequency_ratio", "weights_of_evidence"

NETWORK_KINDS = (PCUM, UNET, BPNN, RESNET)
"""Learn from windows."""
PATCH_KINDS = (BPNN, RESNET)
"""Give one answer for a whole patch of land."""
TABLE_KINDS = (FREQUENCY_RATIO, WEIGHTS_OF_EVIDENCE)
"""Give each class of each factor a weight."""
CELL_KINDS = (REGRESSION, FOREST, *TABLE_KINDS)
"""Learn from single cells."""
COMPARISON_KINDS = (UNET, BPNN, RESNET, *CELL_KINDS)
"""All that PCUM is compared with."""
KINDS = (PCUM, *COMPARISON_KINDS)

PATCH = 600.0
"""Side in metres of the land that BPNN and ResNet answer for at once, as in the paper."""

TITLES = {
    PCUM: "PCUM",
    UNET: "U-Net",
    BPNN: "BP neural network",
    RESNET: "ResNet",
    REGRESSION: "logistic regression",
    FOREST: "random forest",
    FREQUENCY_RATIO: "frequency ratio",
    WEIGHTS_OF_EVIDENCE: "weights of evidence",
}

_RECOMMENDED_OVERRIDES: dict[str, dict[str, Any]] = {
    UNET: {"weight_landslide": 4.0, "weight_stable": 1.0},
    BPNN: {"window": PATCH, "width": 64},
    RESNET: {"window": PATCH},
}
"""Where a kind's recommended settings are not those of PCUM. One patch a window, and 1 : 4 for the U-Net as printed."""
_PAPER_OVERRIDES: dict[str, dict[str, Any]] = {
    UNET: {"weight_landslide": 4.0},
    BPNN: {"window": PATCH, "width": 64, "learning_rate": 2e-5},
    RESNET: {"window": PATCH, "width": 16, "learning_rate": 5e-5},
}
"""The same for the preset ``paper`` (Zhang and Deng 2026, sections 5.1 and 5.2; widths are not printed)."""


def settings_of_kind(kind: str, preset: str, given: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of a run: what was given, else what suits the kind, else the preset's.

    Args:
        kind: one of ``KINDS``.
        preset: ``recommended`` or ``paper``.
        given: settings that the user set.

    Raises:
        ParameterInvalid: there is no such kind, preset or setting, or a value is out of its range.
    """
    _check_kind(kind)
    own = (_PAPER_OVERRIDES if preset == PAPER else _RECOMMENDED_OVERRIDES).get(kind, {})
    return enforce_kind_settings(kind, preset_settings(preset, {**own, **given}))


def enforce_kind_settings(kind: str, settings: TrainingSettings) -> TrainingSettings:
    """Return settings with what a kind leaves no choice in: the physics term is PCUM's alone, and frequency ratio and
    weights of evidence take classes as classes.

    Raises:
        ParameterInvalid: there is no such kind.
    """
    _check_kind(kind)
    fixed: dict[str, Any] = {} if kind == PCUM else {"physics": "none"}
    if kind in TABLE_KINDS:
        fixed["encoding"] = "one_hot"
    return dataclasses.replace(settings, **fixed)


def patch_cells(kind: str, cell: float) -> int:
    """Return how many cells along the side of a square share one answer; 1 where every cell has its own.

    Args:
        kind: one of ``KINDS``.
        cell: size of a cell in metres.
    """
    return max(2, round(PATCH / cell)) if kind in PATCH_KINDS else 1


def window_alignment(kind: str, settings: TrainingSettings, cell: float) -> int:
    """Return of what the sides of training windows must be a multiple, for ``collect_windows``."""
    return patch_cells(kind, cell) if kind in PATCH_KINDS else 2**settings.depth


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ParameterInvalid(f'KIND is "{kind}". Choose one of: {", ".join(KINDS)}.')
