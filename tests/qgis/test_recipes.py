"""The recipes for the Python console: the page's own code, run block by block on a small area with short trainings."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "console-recipes.md"
SHORTER = {
    'folder = Path.home() / "scarp-recipes"': "folder = FOLDER",
    '{"SIZE": 400, "SEED": 1,': '{"SIZE": 200, "SEED": 1,',
    "distance = 300": "distance = 150",
    'training = {"SEED": 1}': 'training = {"SEED": 1, "EPOCHS": 3, "WIDTH": 4, "DEPTH": 1, "WINDOW": 600}',
    "giant,300,large,250,medium,200,small,150,unrecorded,150": "giant,150,large,120,medium,90,small,60,unrecorded,60",
}
"""What of the page is made smaller: the place of the files, the area, its distances, and the trainings."""


def blocks() -> dict[str, str]:
    """Return the code of the page by its headings, the setting up first."""
    found: dict[str, str] = {}
    heading = ""
    parts = re.compile(r"^(## [^\n]+|```python\n.*?^```)$", re.MULTILINE | re.DOTALL)
    for part in parts.split(PAGE.read_text(encoding="utf-8")):
        if part.startswith("## "):
            heading = part[3:]
        elif part.startswith("```python"):
            found[heading] = found.get(heading, "") + part[len("```python\n") : -len("```")]
    return found


@pytest.fixture(scope="module")
def console(run, tmp_path_factory) -> dict[str, Any]:
    """What the console knows after all blocks were pasted, each after the one before, with what they printed."""
    names: dict[str, Any] = {"FOLDER": tmp_path_factory.mktemp("recipes"), "printed": []}
    names["print"] = lambda *values: names["printed"].append(" ".join(map(str, values)))
    for heading, code in blocks().items():
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        exec(compile(code, f"{PAGE.name}: {heading or 'start'}", "exec"), names)  # the page is ours
    return names


def test_the_page_has_three_recipes_and_what_is_shortened():
    page, recipes = PAGE.read_text(encoding="utf-8"), blocks()
    assert [heading[:1] for heading in recipes] == ["", "1", "2", "3"]
    for text in SHORTER:
        assert page.count(text) == 1, text
    assert max(len(line) for code in recipes.values() for line in code.splitlines()) <= 120


def test_the_chain_makes_its_files(console):
    for value in console["chain"].values():
        assert not isinstance(value, str) or Path(value.split("|")[0]).stat().st_size > 0
    assert any("report.html" in line for line in console["printed"])


def test_the_ensemble_is_the_mean_and_has_a_spread(console):
    folder = console["FOLDER"]
    with rasterio.open(folder / "uncertainty.tif") as spread, rasterio.open(folder / "ensemble.tif") as mean:
        deviation, values = spread.read(1), mean.read(1)
    assert np.nanmax(deviation) > 0
    assert np.nanmin(deviation) >= 0
    assert np.nanmin(values) >= 0
    assert np.nanmax(values) <= 1
    assert np.isfinite(values).sum() == console["ensemble"]["CELLS"]


def test_five_regions_have_a_row_each(console):
    folder = console["FOLDER"] / "regions"
    with open(folder / "summary.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(console["maps"]) == 5
    names = {"Great bend", "Gorges", "Till valleys", "High ranges", "Settled valley"}
    # There is a row of the test windows if they hold enough landslides.
    summary = {"(all)", "(mean of the regions)", "(worst region)"}
    assert {row["region"] for row in rows} - {"(test windows)"} == names | summary
    for name in names:
        for table in (f"zones_{name}.csv", f"numbers_{name}.csv"):
            with open(folder / table, encoding="utf-8", newline="") as stream:
                assert {row["region"] for row in csv.DictReader(stream)} == {name}, table
    # What is printed is the table.
    assert sum(" AUC " in line for line in console["printed"]) == len(rows)
