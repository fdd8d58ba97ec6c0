"""Options of slope units."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterInvalid
from ..inputs.units import AUTO, ELEVATION_UNITS
from ..options import Options, choice, number

UNIT_FIELDS = ("id", "kind", "area_m2", "slope", "aspect", "variance", "elevation")
"""Attributes of a unit."""

_MIN_AREA = (
    "Smallest area of a slope unit in m²; smaller pieces join the neighbour that faces the same way. Automatic: the "
    "area between 25,000 and 400,000 m², with 64 cells or more, at which units are homogeneous and neighbours differ "
    "most."
)
_MAX_AREA = (
    "Largest area of a unit in m²: larger ones are split even where they face one way, as far as streams allow. "
    "Without it only ASPECT_VARIANCE decides. Flat land is not split."
)
_ASPECT_VARIANCE = (
    "Circular variance of the aspect up to which a unit counts as homogeneous and is not split: 0 if all cells face "
    "one way, 1 if they face every way alike. Automatic: chosen as MIN_AREA is."
)
_FLAT_SLOPE = "Land less steep than this, in degrees, over MIN_AREA or more is a unit of flat land. 0: none is."
_DEM_UNIT = "Unit of the elevations. auto: as the DEM states it, else metres."


@dataclass(frozen=True)
class SlopeUnitOptions(Options):
    """Settings of the delineation."""

    min_area: float | None = number(None, 1, 1e12, "Smallest area (m²)", _MIN_AREA, decimals=0, automatic=True)
    max_area: float | None = number(None, 1, 1e15, "Largest area (m²)", _MAX_AREA, decimals=0)
    aspect_variance: float | None = number(
        None, 0, 1, "Variance of the aspect", _ASPECT_VARIANCE, decimals=3, automatic=True
    )
    flat_slope: float = number(2.0, 0, 45, "Slope of flat land (degrees)", _FLAT_SLOPE, decimals=2, advanced=True)
    dem_unit: str = choice(AUTO, ELEVATION_UNITS, "Unit of the elevations", _DEM_UNIT, advanced=True)

    def __post_init__(self) -> None:
        """Check the two areas against each other too."""
        super().__post_init__()
        if self.min_area is not None and self.max_area is not None and self.max_area < 2 * self.min_area:
            raise ParameterInvalid(
                f"MAX_AREA is {self.max_area:,.0f} m², less than twice MIN_AREA ({self.min_area:,.0f} m²), so units "
                "could not be split. Raise MAX_AREA or lower MIN_AREA."
            )
