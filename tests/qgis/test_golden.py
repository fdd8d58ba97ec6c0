"""The numbers of the whole demo chain stay what they were, on every version of QGIS and of the libraries."""

from __future__ import annotations

import copy
import json

import pytest

from scarp.tests.golden.chain import VALUES, measure, surroundings
from scarp.tests.golden.comparing import differences


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads(VALUES.read_text(encoding="utf-8"))


def test_the_demo_chain_gives_its_golden_values(run, golden, tmp_path):
    found = measure(run, tmp_path)
    moved = differences(golden["values"], found)
    here = surroundings()
    others = {
        name: f"{golden['made_with'].get(name)} then, {value} now"
        for name, value in here.items()
        if golden["made_with"].get(name) != value
    }
    assert not moved, "\n".join([*moved, f"made with something else: {others}", "See tools/make_golden.py."])


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["factors"]["slope"].update(by_row=values["factors"]["slope"]["by_row"] * (1 + 1 / 240)),
        lambda values: values["factors"]["precipitation"].update(
            mean=values["factors"]["precipitation"]["mean"] * 1.0001
        ),
        lambda values: values["labels"].update({"1": values["labels"]["1"] + 1}),
        lambda values: values["factors"]["lithology"].update({"1": values["factors"]["lithology"]["1"] + 58}),
        lambda values: values["pcum"]["susceptibility"]["quantiles"].__setitem__(3, 0.9),
        lambda values: values["pcum"]["pieces"][2].reverse(),
        lambda values: values["frequency_ratio"]["zones"]["breaks"].reverse(),
        lambda values: values["pcum"]["zones"]["cells"].__setitem__(4, values["pcum"]["zones"]["cells"][4] + 200),
        lambda values: values["frequency_ratio"]["validation"].update(
            auc=values["frequency_ratio"]["validation"]["auc"] - 0.03
        ),
        lambda values: values["windows"]["test"].update(windows=0),
        lambda values: values["factors"].pop("aspect"),
    ],
)
def test_what_should_be_noticed_is(golden, change):
    values = copy.deepcopy(golden["values"])
    assert not differences(golden["values"], values)
    change(values)
    assert differences(golden["values"], values)
