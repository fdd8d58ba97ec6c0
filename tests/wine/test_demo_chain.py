"""The whole chain without QGIS, from the demo's data to the report: the values are those of Linux."""

from __future__ import annotations

import json

from scarp.tests.golden.chain import VALUES, measure, surroundings
from scarp.tests.golden.comparing import differences
from scarp.tests.golden.without_qgis import WithoutQgis


def test_the_demo_chain_gives_the_golden_values(tmp_path):
    golden = json.loads(VALUES.read_text(encoding="utf-8"))
    moved = differences(golden["values"], measure(WithoutQgis(), tmp_path))
    assert not moved, "\n".join([*moved, f"Computed with {surroundings()}."])
