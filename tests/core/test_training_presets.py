"""Presets: their values, overrides, help and log line."""

from __future__ import annotations

import dataclasses

import pytest

from scarp.model.errors import ParameterInvalid
from scarp.model.options import parameter_name
from scarp.model.training import settings as training
from scarp.model.training.settings import PAPER, PRESETS, RECOMMENDED, TrainingSettings, default, preset_settings

NAMES = [item.name for item in dataclasses.fields(TrainingSettings)]


def test_recommended_is_what_the_settings_say():
    assert preset_settings(RECOMMENDED, {}) == TrainingSettings()
    assert PRESETS[0] == RECOMMENDED


def test_paper_is_as_printed():
    paper = preset_settings(PAPER, {})
    printed = {"lambda_": 0.1, "p_low": 0.15, "fs_critical": 0.5, "weight_landslide": 5, "weight_stable": 1}
    printed |= {"window": 1500, "split": "random", "encoding": "codes", "augment": False}
    printed |= {"epochs": 1000, "patience": 0, "learning_rate": 1e-4}
    assert {name: getattr(paper, name) for name in printed} == printed
    for name in ("seed", "device", "precision"):
        assert not training.in_preset(name) and getattr(paper, name) == default(name)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", sorted(training.PAPER_VALUES))
def test_a_given_value_wins_over_the_preset(preset, name):
    own, other = (training.preset_value(one, name) for one in (preset, RECOMMENDED if preset == PAPER else PAPER))
    settings = preset_settings(preset, {name: other})
    assert getattr(settings, name) == other
    assert dataclasses.replace(settings, **{name: own}) == preset_settings(preset, {})
    told = training.preset_overrides(preset_settings(preset, {}), {name: other})
    assert bool(told) == (other != own)
    assert all(text.startswith(f"{parameter_name(name)}=") and "overrides the preset's" in text for text in told)


def test_cross_fitting_is_one_of_pcum():
    settings = training.settings_of_kind("pcum", training.CROSS_FITTED, {})
    assert settings.method == training.CROSS_FITTED and settings.block is None
    assert training.settings_of_kind("pcum", training.CROSS_FITTED, {"block": 900.0}).block == 900
    assert training.settings_of_kind("gam", training.CROSS_FITTED, {}) == training.settings_of_kind(
        "gam", PRESETS[0], {}
    )


def test_the_check_box_overrides_the_preset():
    told = training.preset_overrides(preset_settings(PAPER, {}), {"augment": True, "seed": 3})
    assert told == ["AUGMENT=true was given and overrides the preset's false."]


def test_unknown_presets_and_settings_are_refused():
    for arguments, match in (
        (("best", {}), "recommended, paper"),
        ((PAPER, {"momentum": 0.9}), "momentum"),
        ((PAPER, {"epochs": 0}), "EPOCHS"),
    ):
        with pytest.raises(ParameterInvalid, match=match):
            preset_settings(*arguments)


def test_help_and_log_hold_the_values():
    text, line = training.preset_help("epochs"), training.settings_line(preset_settings(PAPER, {}))
    assert "1000 with PRESET=paper" in text and str(default("epochs")) in text
    assert "LAMBDA 0.1," in line and "AUGMENT false" in line and "\n" not in line
    assert all(parameter_name(name) in line for name in NAMES)
