"""Presets: their values, overrides, help and log line."""

from __future__ import annotations

import dataclasses

import pytest

from scarp.model.errors import ParameterInvalid
from scarp.model.options import parameter_name
from scarp.model.training import settings as training
from scarp.model.training.settings import (
    PAPER,
    PRESETS,
    RECOMMENDED,
    WINDOWS,
    TrainingSettings,
    default,
    preset_settings,
)

NAMES = [item.name for item in dataclasses.fields(TrainingSettings)]


def test_windows_is_what_the_settings_say():
    assert preset_settings(WINDOWS, {}) == TrainingSettings()
    assert PRESETS[0] == RECOMMENDED
    assert preset_settings(RECOMMENDED, {}).method == training.CROSS_FITTED


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
    base = WINDOWS if training.of_windows({name: other}) and preset == RECOMMENDED else preset
    assert dataclasses.replace(settings, **{name: own}) == preset_settings(base, {name: own})
    told = training.preset_overrides(preset_settings(preset, {}), {name: other})
    assert bool(told) == (other != own)
    assert all(text.startswith(f"{parameter_name(name)}=") and "overrides the preset's" in text for text in told)


def test_cross_fitting_is_one_of_pcum():
    settings = training.settings_of_kind("pcum", RECOMMENDED, {})
    assert settings.method == training.CROSS_FITTED and settings.block is None
    assert training.settings_of_kind("pcum", RECOMMENDED, {"block": 900.0}).block == 900
    assert training.settings_of_kind("gam", RECOMMENDED, {}) == training.settings_of_kind("gam", WINDOWS, {})


def test_a_setting_of_windows_chooses_them():
    for given in ({"window": 600.0}, {"epochs": 3}, {"split": "random"}):
        settings, usual = preset_settings(RECOMMENDED, given), preset_settings(WINDOWS, given)
        assert settings == usual and settings.method == WINDOWS
        note = training.preset_note(RECOMMENDED, "pcum", given)
        assert note.startswith(f"{parameter_name(next(iter(given)))} was given") and "PRESET=windows" in note
        assert not training.preset_note(WINDOWS, "pcum", given) and not training.preset_note(RECOMMENDED, "gam", given)
    for given in ({"split": "spatial_blocks"}, {"augment": True}, {"block": 900.0, "seed": 3}):
        assert preset_settings(RECOMMENDED, given).method == training.CROSS_FITTED
        assert not training.preset_note(RECOMMENDED, "pcum", given)
    assert preset_settings(RECOMMENDED, {"window": 600.0, "method": "cross_fitted"}).method == training.CROSS_FITTED


def test_the_check_box_overrides_the_preset():
    told = training.preset_overrides(preset_settings(PAPER, {}), {"augment": True, "seed": 3})
    assert told == ["AUGMENT=true was given and overrides the preset's false."]


def test_unknown_presets_and_settings_are_refused():
    for arguments, match in (
        (("best", {}), "recommended, windows, paper"),
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
