"""Presets: their values, overrides, help and log line."""

from __future__ import annotations

import dataclasses

import pytest

from scarp.model.errors import ParameterInvalid
from scarp.model.options import parameter_name
from scarp.model.training import settings as training
from scarp.model.training.settings import (
    PAPER,
    PAPER_VALUES,
    PRESETS,
    RECOMMENDED,
    TrainingSettings,
    default,
    preset_overrides,
    preset_settings,
    preset_value,
)

NAMES = [item.name for item in dataclasses.fields(TrainingSettings)]


def test_recommended_is_what_the_settings_say():
    assert preset_settings(RECOMMENDED, {}) == TrainingSettings()
    assert PRESETS[0] == RECOMMENDED


def test_paper_is_as_printed():
    paper = preset_settings(PAPER, {})
    assert (paper.lambda_, paper.p_low, paper.fs_critical) == (0.1, 0.15, 0.5)
    assert (paper.weight_landslide, paper.weight_stable) == (5, 1)
    assert (paper.window, paper.split, paper.encoding, paper.augment) == (1500, "random", "codes", False)
    assert (paper.epochs, paper.patience, paper.learning_rate) == (1000, 0, 1e-4)
    for name in ("seed", "device", "precision", "block"):
        assert not training.in_preset(name)
        assert getattr(paper, name) == default(name)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", sorted(PAPER_VALUES))
def test_a_given_value_wins_over_either_preset(preset, name):
    other = preset_value(PAPER if preset == RECOMMENDED else RECOMMENDED, name)
    settings = preset_settings(preset, {name: other})
    assert getattr(settings, name) == other
    assert dataclasses.replace(settings, **{name: preset_value(preset, name)}) == preset_settings(preset, {})
    told = preset_overrides(preset_settings(preset, {}), {name: other})
    assert bool(told) == (other != preset_value(preset, name))
    assert all(text.startswith(f"{parameter_name(name)}=") and "overrides the preset's" in text for text in told)


def test_the_check_box_overrides_the_preset():
    told = preset_overrides(preset_settings(PAPER, {}), {"augment": True, "seed": 3})
    assert told == ["AUGMENT=true was given and overrides the preset's false."]


def test_unknown_presets_and_settings_are_refused():
    with pytest.raises(ParameterInvalid, match="recommended, paper"):
        preset_settings("best", {})
    with pytest.raises(ParameterInvalid, match="momentum"):
        preset_settings(PAPER, {"momentum": 0.9})
    with pytest.raises(ParameterInvalid, match="EPOCHS"):
        preset_settings(PAPER, {"epochs": 0})


def test_help_and_log_hold_the_values():
    assert "1000 with PRESET=paper" in training.preset_help("epochs")
    assert str(default("epochs")) in training.preset_help("epochs")
    line = training.settings_line(preset_settings(PAPER, {}))
    assert "LAMBDA 0.1," in line
    assert "AUGMENT false" in line
    assert "\n" not in line
    assert all(parameter_name(name) in line for name in NAMES)
