"""Metadata that stay with a map wherever it goes: what its values are, and what may mislead in them.

Light enough for the shell to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rasterio

MEANING_TAG = "MEANING"
WARNINGS_TAG = "WARNINGS"  # one warning per line
STACK_TAG, MODEL_TAG, MAP_TAG = "STACK_SHA256", "MODEL_SHA256", "SUSCEPTIBILITY_SHA256"
"""Checksums of what a map was made from."""
MEANING = "relative susceptibility, not a calibrated probability"
ZONE_MEANING = "zones of relative susceptibility; not a probability, and not comparable between maps with other breaks"
MAX_WARNINGS = 20
MAX_LENGTH = 1000
"""Characters of a warning that are kept; QGIS shows tags as they are."""


def warning_tags(warnings: Sequence[str]) -> dict[str, str]:
    """Return the metadata item for warnings; nothing without any."""
    lines = [" ".join(text.split())[:MAX_LENGTH] for text in dict.fromkeys(warnings) if text.strip()]
    if len(lines) > MAX_WARNINGS:
        lines[MAX_WARNINGS - 1 :] = [f"{len(lines) - MAX_WARNINGS + 1} more warnings are in the run record."]
    return {WARNINGS_TAG: "\n".join(lines)} if lines else {}


def stored_warnings(dataset: rasterio.DatasetReader) -> list[str]:
    """Return the warnings stored in an open map."""
    return read_warnings(dataset.tags())


def read_warnings(tags: Mapping[str, str]) -> list[str]:
    """Return the warnings among a map's metadata items, as untrusted texts of bounded number and length."""
    lines = [line.strip() for line in tags.get(WARNINGS_TAG, "").splitlines() if line.strip()]
    return [line[:MAX_LENGTH] for line in lines[:MAX_WARNINGS]]
