"""Options and vector inputs of an audit; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..options import Options, flag, number

if TYPE_CHECKING:
    from ..inputs.vectors import Landslides, Polygons

TABLE_COLUMNS = ("part", "subject", "measure", "value", "low", "high", "interval")
NEAR_CELLS, FAR_CELLS = 10_000, 20_000  # of other land that are drawn within DISTANCE of a landslide, and beyond it
FEW_IN_REGION = 10  # landslides; of a region with fewer nothing is said

_INVERTED = "The highest values are the safest, as of a factor of safety. Otherwise more means more susceptible."
_STATED_AUC = "AUC that is claimed for the map, in a paper or a report, to compare with. Leave empty if none is."
_DISTANCE = (
    "Land within this distance of a landslide is near land, which is hard to tell from landslides; stable points of "
    "many studies are drawn beyond it. Automatic: ten cells, rounded down to 1, 2 or 5 times a power of ten."
)
_REPEATS = "How often blocks of land are resampled for the intervals."
_SEED = "Start of the random draw; the same seed gives the same report."


@dataclass(frozen=True)
class AuditOptions(Options):
    """What a user can set about an audit."""

    inverted: bool = flag(False, "Highest is safest", _INVERTED)
    stated_auc: float | None = number(None, 0, 1, "Stated AUC", _STATED_AUC, decimals=4)
    distance: float | None = number(None, 0, 1e6, "Near land (m)", _DISTANCE, decimals=1, automatic=True)
    repeats: int = number(200, 20, 10000, "Repeats", _REPEATS, advanced=True)
    seed: int = number(1, 0, 2147483647, "Seed", _SEED, advanced=True)


@dataclass(frozen=True)
class AuditLayers:
    """Vector layers of an audit, in the CRS of the map."""

    landslides: Landslides  # that the map is judged by
    training: Landslides | None = None  # that the map was made from
    regions: Polygons | None = None  # polygons that get numbers of their own
    region_field: str | None = None
    area: Polygons | None = None  # land in which landslides were mapped
