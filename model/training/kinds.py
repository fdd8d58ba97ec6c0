"""The kinds of model and what each asks of the training settings; importable without torch, for the shell."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from ..errors import ParameterInvalid
from .presets import PAPER, settings_of
from .settings import TrainingSettings

PCUM, UNET, BPNN, RESNET = "pcum", "unet", "bpnn", "resnet"
REGRESSION, FOREST = "logistic_regression", "random_forest"
RATIO, EVIDENCE = "frequency_ratio", "weights_of_evidence"

NETWORK_KINDS = (PCUM, UNET, BPNN, RESNET)
"""Learn from windows."""
PATCH_KINDS = (BPNN, RESNET)
"""Give one answer for a whole patch of land."""
TABLE_KINDS = (RATIO, EVIDENCE)
"""Give each class of each factor a weight."""
CELL_KINDS = (REGRESSION, FOREST, *TABLE_KINDS)
"""Learn from single cells."""
COMPARISONS = (UNET, BPNN, RESNET, *CELL_KINDS)
"""All that PCUM is compared with."""
KINDS = (PCUM, *COMPARISONS)

PATCH = 600.0
"""Side in metres of the land that BPNN and ResNet answer for at once, as in the paper."""

TITLES = {PCUM: "PCUM", UNET: "U-Net", BPNN: "BP neural network", RESNET: "ResNet",
          REGRESSION: "logistic regression", FOREST: "random forest", RATIO: "frequency ratio",
          EVIDENCE: "weights of evidence"}

_OWN: dict[str, dict[str, Any]] = {
    UNET: {"weight_landslide": 4.0, "weight_stable": 1.0},
    BPNN: {"window": PATCH, "width": 64},
    RESNET: {"window": PATCH},
}
"""Where a kind's recommended settings are not those of PCUM. One patch a window, and 1 : 4 for the U-Net as printed."""
_PRINTED: dict[str, dict[str, Any]] = {
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
    _check(kind)
    own = (_PRINTED if preset == PAPER else _OWN).get(kind, {})
    return fitted_settings(kind, settings_of(preset, {**own, **given}))


def fitted_settings(kind: str, settings: TrainingSettings) -> TrainingSettings:
    """Return settings with what a kind leaves no choice in: the physics term is PCUM's alone, and frequency ratio and
    weights of evidence take classes as classes.

    Raises:
        ParameterInvalid: there is no such kind.
    """
    _check(kind)
    fixed: dict[str, Any] = {} if kind == PCUM else {"physics": "none"}
    if kind in TABLE_KINDS:
        fixed["encoding"] = "one_hot"
    return dataclasses.replace(settings, **fixed)


def patch_of(kind: str, cell: float) -> int:
    """Return how many cells along the side of a square share one answer; 1 where every cell has its own.

    Args:
        kind: one of ``KINDS``.
        cell: size of a cell in metres.
    """
    return max(2, round(PATCH / cell)) if kind in PATCH_KINDS else 1


def align_of(kind: str, settings: TrainingSettings, cell: float) -> int:
    """Return of what the sides of training windows must be a multiple, for ``collect_windows``."""
    return patch_of(kind, cell) if kind in PATCH_KINDS else 2 ** settings.depth


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise ParameterInvalid(f'KIND is "{kind}". Choose one of: {", ".join(KINDS)}.')
