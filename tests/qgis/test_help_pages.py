"""The Help button of every dialog opens a page that the repository has, at a section that the page has."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest

from scarp.algorithms.base.algorithm import PAGES

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def algorithms(plugin) -> dict[str, Any]:
    return {algorithm.name(): algorithm for algorithm in plugin.provider.algorithms()}


def anchors(page: Path) -> set[str]:
    """Return the sections of a page by the names that links to them have."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_dialog_has_a_page_and_no_page_is_left_over(algorithms):
    assert set(PAGES) == set(algorithms)


@pytest.mark.parametrize("name", PAGES)
def test_the_help_button_opens_a_section_that_is_there(algorithms, name):
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "metadata.txt", encoding="utf-8")
    start = metadata["general"]["repository"] + "/blob/main/"
    # A fresh object, as a dialog has it: QGIS asks that one.
    address = algorithms[name].create().helpUrl()
    assert address.startswith(start)
    page, _, section = address[len(start) :].partition("#")
    assert (ROOT / page).is_file()
    assert not section or section in anchors(ROOT / page)
