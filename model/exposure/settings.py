"""Options and inputs of an exposure. Light: the Processing shell reads them from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from ..options import Options, choice

if TYPE_CHECKING:
    from ..inputs.vectors import Lines, Points, Polygons

    Exposed = Union[Points, Lines, Polygons]

POINTS, LINES, POLYGONS = "points", "lines", "polygons"
LARGEST_PART, HIGHEST_ZONE = "largest_part", "highest_zone"
ALL = "all"  # the whole map, in the column of regions
NO_ZONE = "no zone"  # land of the map without a zone
FIELDS = (
    ("layer", "text"),
    ("geometry", "text"),
    ("kind", "text"),
    ("region", "text"),
    ("zone", "integer"),
    ("name", "text"),
    ("number", "integer"),
    ("length_m", "real"),
    ("area_m2", "real"),
    ("share", "real"),
)
"""Columns of the table: a row for each layer, kind, region and zone. Number is that of points and polygons, length that
of lines, area that of polygons; share is that of the number of points, length of lines, area of polygons in the region.
"""
MAX_KINDS = 100

_COUNT_IN = (
    "Zone in which a polygon, such as a building, is counted once: largest_part, that of its largest part, or "
    "highest_zone, the most susceptible one that it reaches. Areas and lengths are always cut at the borders of zones."
)


@dataclass(frozen=True)
class ExposureOptions(Options):
    """How things are counted."""

    count_in: str = choice(LARGEST_PART, (LARGEST_PART, HIGHEST_ZONE), "Count a polygon in", _COUNT_IN, advanced=True)


@dataclass(frozen=True)
class ExposureLayers:
    """Vector layers of an exposure, in the CRS of the zones."""

    exposed: Sequence[Exposed]  # each with the one field that names its kinds, or none
    regions: Polygons | None = None
    region_field: str | None = None  # attribute with the regions' names
