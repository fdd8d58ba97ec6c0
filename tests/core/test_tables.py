"""Tables: CSV and JSON say the same."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from scarp.model.errors import OutputNotWritable
from scarp.model.tables import json_sibling, write_table


def test_csv_and_json_hold_the_same(tmp_path):
    rows = [
        ['Tal, "oben"', 3, 0.1 + 0.2, True],
        ["滑坡", np.int64(7), np.float32(0.5), None],
        ["", 0, math.nan, False],
        ["x", -1, math.inf, True],
    ]
    path = tmp_path / "table.csv"
    write_table(path, ["name", "count", "value", "known"], rows)
    with open(path, newline="", encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    told = json.loads(json_sibling(path).read_text(encoding="utf-8"))
    assert [row["value"] for row in told] == [0.3, 0.5, None, None]
    assert [
        [
            row["name"],
            str(row["count"]),
            "" if row["value"] is None else str(row["value"]),
            "" if row["known"] is None else str(row["known"]),
        ]
        for row in told
    ] == [list(row.values()) for row in read]
    assert told[1]["name"] == "滑坡"
    assert told[1]["count"] == 7
    assert told[0]["known"] is True


def test_no_folder_no_table(tmp_path):
    with pytest.raises(OutputNotWritable):
        write_table(tmp_path / "none" / "t.csv", ["a"], [[1]])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("t.csv", "t.json"),
        ("t.CSV", "t.json"),
        ("run 1.2", "run 1.2.json"),
        ("t.json", "t.json.json"),
        ("t", "t.json"),
        ("t.txt", "t.txt.json"),
    ],
)
def test_the_second_form_never_takes_the_place_of_the_first_or_of_another_table(tmp_path, name, beside):
    write_table(tmp_path / name, ["a"], [[1.7e308], [float("nan")]])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, beside])
    assert (tmp_path / name).read_text(encoding="utf-8").splitlines()[0] == "a"
    assert json.loads((tmp_path / beside).read_text(encoding="utf-8")) == [{"a": 1.7e308}, {"a": None}]


def test_the_largest_number_stays_a_number(tmp_path):
    write_table(tmp_path / "t.csv", ["a"], [[1.7976931348623157e308]])
    assert "Infinity" not in (tmp_path / "t.json").read_text(encoding="utf-8")
