"""What a map says of itself: what its values are, and what may mislead in them. Kept in the file, wherever it goes.

Light enough for the shell to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rasterio


MEANING_TAG = "MEANING"
WARNINGS_TAG = "WARNINGS"
"""Metadata items: what the values are; warnings, one a line."""
STACK_TAG, MODEL_TAG, MAP_TAG = "STACK_SHA256", "MODEL_SHA256", "SUSCEPTIBILITY_SHA256"
"""Metadata items: checksums of what a map was made from."""

MEANING = "relative susceptibility, not a calibrated probability"
ZONE_MEANING = "zones of relative susceptibility; not a probability, and not comparable between maps with other breaks"

MOST_WARNINGS = 20
LONGEST = 1000
"""Characters of a warning that are kept; tags are shown in QGIS as they are."""


def warning_tags(warnings: Sequence[str]) -> dict[str, str]:
    """Return the metadata item for warnings; nothing without any."""
    lines = [" ".join(text.split())[:LONGEST] for text in dict.fromkeys(warnings) if text.strip()]
    if len(lines) > MOST_WARNINGS:
        lines[MOST_WARNINGS - 1 :] = [f"{len(lines) - MOST_WARNINGS + 1} more warnings are in the run record."]
    return {WARNINGS_TAG: "\n".join(lines)} if lines else {}


def stored_warnings(dataset: rasterio.DatasetReader) -> list[str]:
    """Return the warnings that an open map carries."""
    return read_warnings(dataset.tags())


def read_warnings(tags: Mapping[str, str]) -> list[str]:
    """Return the warnings among a map's metadata items, of which nothing is to be believed but that they are texts."""
    return [line.strip()[:LONGEST] for line in tags.get(WARNINGS_TAG, "").splitlines() if line.strip()][:MOST_WARNINGS]
