"""Messages name parameters; windows and reports show their labels instead."""

from __future__ import annotations

import pytest

from scarp.model.parameter_names import for_report, labels_of_run, title_for_report, with_labels
from scarp.model.report.page import Page

LABELS = {
    "BLOCK": "Block (m)",
    "BREAKS": "Breaks",
    "BREAKS_FROM": "Zones of an earlier map",
    "PRESET": "Preset",
    "AREA": "Mapped area",
    "DEM": "DEM for the relief",
}
MESSAGES = {
    "Make BLOCK smaller.": "Make “Block (m)” smaller.",
    "BLOCK (Block (m)) is missing.": "“Block (m)” is missing.",
    "Or use PRESET=paper.": "Or use “Preset” = as in the paper.",
    "Set PRESET=other, or BREAKS_FROM; not BREAKS": "Set “Preset” = other, or “Zones of an earlier map”; not “Breaks”",
    "请缩小BLOCK。": "请缩小“Block (m)”。",
    'The layer "AREA" lies outside AREA.': 'The layer "AREA" lies outside “Mapped area”.',
    "/data/AREA/AREA.tif and C:\\AREA\\x, AREA-2.tif": "/data/AREA/AREA.tif and C:\\AREA\\x, “Mapped area”-2.tif",
    "The DEM has no data in BLOCKS.": "The DEM has no data in BLOCKS.",
    "DEM (DEM for the relief) is missing.": "“DEM for the relief” is missing.",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_labels_take_the_place_of_names(text):
    assert with_labels(text, LABELS, {"PRESET": {"paper": "as in the paper"}}) == MESSAGES[text]
    assert with_labels(text, {}) == text


def test_reports_have_the_labels_of_their_run():
    def page() -> str:
        made = Page("Title", warnings=["Make BLOCK smaller."])
        made.text("Heading", "BLOCK was 5 m.")
        made.settings("Settings", {"BLOCK": 5, "OTHER": 1})
        return made.html()

    with labels_of_run(LABELS):
        html = page()
        assert title_for_report("BLOCK") == "Block (m) [BLOCK]" and title_for_report("OTHER") == "OTHER"
    assert "Make “Block (m)” smaller." in html and "“Block (m)” was 5 m." in html and "Block (m) [BLOCK]" in html
    assert for_report("BLOCK") == "BLOCK" and "Make BLOCK smaller." in page()
