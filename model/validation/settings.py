"""Choices and defaults of a validation; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

SUBSETS = ("all", "train", "validation", "test")
SUBSET_CODES = {"train": 1, "validation": 2, "test": 3}
"""Codes of a cell's subset; 0 is a cell in no window. A cell in windows of several subsets has the lowest code."""

SUBSET_SPELLINGS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}

POLYGON_MODES = ("representative", "cells")
"""One cell per landslide polygon (that of a point well inside it), or every cell."""

THRESHOLD = 0.5
DISTANCE = 600.0
"""Metres between a stable point and the next landslide: the largest label radius of the paper (giant landslides)."""
REPEATS = 200

MIN_LANDSLIDES = 2
FEW_LANDSLIDES = 30
"""Fewer than this, and the report warns that the numbers are rough."""

MAX_CELLS = 250_000
"""More landslide cells than this (every cell of large polygons) are thinned at random."""
MAX_DRAWN = 5_000_000
"""Stable points over all repeats that are held in memory; more repeats than that are cut."""

OUTCOMES = ("hit", "miss", "false_alarm", "correct_rejection")
"""A landslide at or above the threshold, one below, a stable point at or above, one below."""

POINT_FIELDS = (
    ("kind", "text"),
    ("outcome", "text"),
    ("susceptibility", "real"),
    ("zone", "integer"),
    ("subset", "text"),
    ("region", "text"),
    ("feature", "integer"),
)
"""Attributes of the validation points, in the order of :class:`PointFeature`."""

TABLE_COLUMNS = ("scope", "measure", "value", "low", "high", "interval")
