"""Sets of training settings with a name; importable without torch, so that the shell can show their values."""

from __future__ import annotations

from typing import Any, Mapping

from ..errors import ParameterInvalid
from .settings import TrainingSettings, default, parameter_name

RECOMMENDED, PAPER = "recommended", "paper"
PRESETS = (RECOMMENDED, PAPER)

AS_PRINTED: dict[str, Any] = {
    "physics": "indicator", "lambda_": 0.1, "p_low": 0.15, "fs_critical": 0.5, "weight_landslide": 5.0,
    "weight_stable": 1.0, "window": 1500.0, "split": "random", "epochs": 1000, "patience": 0, "learning_rate": 1e-4,
    "augment": False, "encoding": "codes", "knots": 0, "averaging": 0.0,
    # Not printed; chosen here.
    "width": 32, "depth": 4, "batch": 32, "dropout": 0.2,
}
"""What Zhang and Deng (2026) print: sections 3.2.3 and 3.3, equations 1 and 5. Width, depth, batch and dropout are not
printed. All other settings, and all of ``recommended``, are the defaults of :class:`TrainingSettings`."""


def governed(name: str) -> bool:
    """Return whether the presets say something about a setting, such as ``window``."""
    return name in AS_PRINTED


def preset_value(preset: str, name: str) -> Any:
    """Return the value of one setting under a preset.

    Raises:
        ParameterInvalid: there is no such preset.
    """
    if preset not in PRESETS:
        raise ParameterInvalid(f'PRESET is "{preset}". Choose one of: {", ".join(PRESETS)}.')
    return AS_PRINTED[name] if preset == PAPER and governed(name) else default(name)


def settings_of(preset: str, given: Mapping[str, Any]) -> TrainingSettings:
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


def overruled(usual: TrainingSettings, given: Mapping[str, Any]) -> list[str]:
    """Return for each given value that differs from the usual one a sentence that says so.

    Args:
        usual: settings of the preset when nothing is given.
        given: settings that the user set.
    """
    return [f"{parameter_name(name)}={in_words(value)} was given and wins over the preset's "
            f"{in_words(getattr(usual, name))}."
            for name, value in given.items() if governed(name) and value != getattr(usual, name)]


def preset_help(name: str) -> str:
    """Return what a setting is when it is not given, under each preset, as a sentence."""
    usual, printed = (in_words(preset_value(preset, name)) for preset in PRESETS)
    return f"When not given: {usual}." if usual == printed else \
        f"When not given: {usual}, or {printed} with PRESET={PAPER}."


def in_words(value: Any) -> str:
    """Return a value as one types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def summary(settings: TrainingSettings) -> str:
    """Return all settings as one line for the log."""
    return ", ".join(f"{parameter_name(name)} {in_words(value)}" for name, value in settings.as_dict().items())
