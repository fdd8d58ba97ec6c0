"""The numbers of the whole demo chain stay what they were, on every version of QGIS and of the libraries."""

from __future__ import annotations

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
