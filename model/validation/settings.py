"""Options and vector inputs of a validation; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..options import Options, choice, number, text

if TYPE_CHECKING:
    from ..inputs.vectors import Landslides, Polygons

ALL = "all"
REGION_PREFIX = "region: "  # starts the name of a scope that is a region
SUBSETS = (ALL, "train", "validation", "test")
SUBSET_CODES = {"train": 1, "validation": 2, "test": 3}
"""Codes of a cell's subset; 0 is a cell in no window. A cell in windows of several subsets has the lowest code."""
SUBSET_SPELLINGS = {
    **{name: name for name in SUBSET_CODES},
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "testing": "test",
}
POLYGON_MODES = ("representative", "cells")
"""One cell per landslide polygon (that of a point well inside it), or every cell."""
MIN_LANDSLIDES = 2
MIN_BLOCKS = 15  # with fewer blocks of land that hold landslides, no test is possible
MIN_INTERVAL_BLOCKS = 5  # with fewer, an interval would reach over most of the possible values and say nothing
FEW_LANDSLIDES = 30  # fewer than this, and the report warns that the numbers are rough
MAX_CELLS = 250_000  # more landslide cells than this (every cell of large polygons) are thinned at random
MAX_DRAWN = 5_000_000  # stable points over all repeats that are held in memory; more repeats than that are cut
LAND_CELLS, MIN_LAND_CELLS = 20_000, 2_000  # cells of other land that are drawn for the resamples of a scope
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
"""Attributes of the validation points, in the order of ``measures.PointFeature``."""
TABLE_COLUMNS = ("scope", "measure", "value", "low", "high", "interval")


def no_test_text(blocks: int) -> str:
    """Return that there are too few independent blocks for a test."""
    plural = "" if blocks == 1 else "s"
    return f"No test is possible with {blocks:,} independent block{plural}; it takes {MIN_BLOCKS}."


_SUBSET = (
    "Points that the main numbers are computed from: all, or those in train, validation or test windows. The report "
    "has all of them whenever WINDOWS is given."
)
_THRESHOLD = (
    "From this susceptibility on a cell is classified as landslide, for recall, kappa and the confusion matrix of maps "
    "from 0 to 1. 0.5 as in the paper. Values of a calibrated map (PROBABILITY) are far smaller: take the share of "
    "landslide cells, which the report of the training has."
)
_DISTANCE = (
    "Stable points are drawn at least this far from every landslide. They serve recall, kappa and the second AUC; the "
    "main AUC takes all other land. Automatic: as far as the radius or ring of the labels reaches that the map's model "
    "learned from, where the run records lead to them; at least two cells."
)
_REPEATS = "How often blocks of land are resampled and stable points drawn, for intervals and tests."
_SEED = "Start of the random draw; the same seed gives the same report."
_POLYGON_MODE = (
    "representative: one cell of each polygon, one well inside it. cells: every cell, so that large landslides count "
    "more. Without effect on points."
)


@dataclass(frozen=True)
class EvaluationOptions(Options):
    """What validation and comparison share."""

    subset: str = choice(ALL, SUBSETS, "Evaluation subset", _SUBSET)
    threshold: float = number(0.5, 0, 1, "Threshold", _THRESHOLD, open_limits=True, decimals=4)
    distance: float | None = number(
        None, 0, 1e6, "Distance of stable points (m)", _DISTANCE, decimals=1, automatic=True
    )
    repeats: int = number(200, 1, 10000, "Repeats", _REPEATS, advanced=True)
    seed: int = number(1, 0, 2147483647, "Seed", _SEED, advanced=True)
    polygon_mode: str = choice(
        "representative", POLYGON_MODES, "Landslide polygons count as", _POLYGON_MODE, advanced=True
    )

    @property
    def metres(self) -> float:
        """DISTANCE once it has a value; raises ``ValueError`` before."""
        if self.distance is None:
            raise ValueError("DISTANCE has no value yet")
        return self.distance


@dataclass(frozen=True)
class ValidationOptions(EvaluationOptions):
    """What a user can set about a validation."""

    region: str = text(
        "",
        "Region",
        "Name of the region that the map shows, for a column of the table of numbers and of the points. Empty: the "
        "one that the map states, if any.",
    )


@dataclass(frozen=True)
class EvaluationLayers:
    """Vector layers of a validation or comparison, in the CRS of its grid."""

    landslides: Landslides  # the inventory
    stable: Landslides | None = None  # points or polygons known to be stable, used instead of random points
    regions: Polygons | None = None  # polygons that get numbers of their own
    region_field: str | None = None  # attribute with the regions' names
    windows: Polygons | None = None  # windows of the training run, with the attribute subset
