"""Options and inputs of rainfall thresholds; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ParameterInvalid
from ..inputs.units import AUTO, PRECIPITATION_UNITS
from ..options import Options, choice, number, text
from ..tables import read_numbers

if TYPE_CHECKING:
    from ..inputs.vectors import Landslides, Points, Table

UNKNOWN, DRY = "unknown", "dry"
NONE = "none"
DATE_ORDERS = ("auto", "day_first", "month_first")
_YEARS = re.compile(r"(\d{4})(?:\s*[-\u2013]\s*(\d{4}))?")

_DRY_RAIN = "A day with less rain in mm is dry."
_DRY_DAYS = (
    "As many dry days in a row end a rain event. 2, the 48 hours of Melillo et al. (2018) in the warm season; in a "
    "cold or wet season 4 may be right."
)
_PROBABILITIES = (
    "Non-exceedance probabilities in %, between commas. The threshold of 5 % is such that 5 % of the rain conditions "
    "with landslides are expected below it."
)
_HOLD_OUT = (
    "Years whose landslides and rain are kept out of the fit and judge the thresholds, such as 2017-2019, 2021. Empty: "
    "the last years with about a third of the landslides. none: no year, and the thresholds are not tested."
)
_LEAST = (
    "Zones with fewer days with landslides in the fit are joined with the zone above or below. All zones have the same "
    "slope of the threshold; each group of zones has its own intercept."
)
_DISTANCE = "Landslides farther than this from every gauge, in metres, are left out. Not used with a raster of rain."
_UNIT = "auto takes the unit that the rasters state, else millimetres. tenth_mm is a tenth of a millimetre."
_MISSING = (
    "What a day that the table does not list, or without a value, means. unknown: no rain event reaches over it. dry: "
    "no rain fell, for tables that list days with rain only."
)
_ORDER = (
    "Which comes first in dates such as 03/07/2019. auto: what follows from the other dates; a column that leaves it "
    "open is refused."
)
_START = "Day of the first band, such as 2015-01-01, of rasters whose bands do not state their days."
_REPEATS = "How often landslides and months are resampled for the intervals."
_SEED = "Start of the random draw; the same seed gives the same intervals."


@dataclass(frozen=True)
class RainThresholdOptions(Options):
    """Settings of rainfall thresholds.

    Raises:
        ParameterInvalid: a value is out of range or cannot be read.
    """

    dry_rain: float = number(1.0, 0.0, 50.0, "Dry day below (mm)", _DRY_RAIN, open_limits=True, decimals=2)
    dry_days: int = number(2, 1, 30, "Dry days that end an event", _DRY_DAYS)
    probabilities: str = text("5, 10, 20, 35, 50", "Non-exceedance probabilities (%)", _PROBABILITIES)
    hold_out_years: str = text("", "Years held back", _HOLD_OUT)
    min_landslides: int = number(10, 3, 10000, "Fewest landslide days of a zone", _LEAST)
    gauge_distance: float = number(15000.0, 1.0, 1e6, "Farthest gauge (m)", _DISTANCE, decimals=0)
    rain_unit: str = choice(AUTO, PRECIPITATION_UNITS, "Unit of the rain", _UNIT, advanced=True)
    missing_days: str = choice(UNKNOWN, (UNKNOWN, DRY), "Days without a value", _MISSING, advanced=True)
    date_order: str = choice("auto", DATE_ORDERS, "Order of day and month", _ORDER, advanced=True)
    start_date: str = text("", "First day of the bands", _START, advanced=True)
    repeats: int = number(1000, 20, 100000, "Repeats", _REPEATS, advanced=True)
    seed: int = number(1, 0, 2147483647, "Seed", _SEED, advanced=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.levels()
        self.held_years()

    def levels(self) -> list[float]:
        """Return the probabilities in ascending order, 0 to 1; raises ``ParameterInvalid``."""
        found = read_numbers(self.probabilities.replace("%", ""), "PROBABILITIES", 0.1, 99.9)
        if not found:
            raise ParameterInvalid("PROBABILITIES is empty. Give one at least, such as 5.")
        return sorted({one / 100 for one in found})

    def held_years(self) -> list[int] | None:
        """Return the years that are held back, none with NONE, ``None`` if they follow from the data."""
        given = self.hold_out_years.strip()
        if not given:
            return None
        if given.casefold() == NONE:
            return []
        years: set[int] = set()
        for part in filter(None, (one.strip() for one in re.split("[,;]", given))):
            found = _YEARS.fullmatch(part)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if not 1800 <= first <= last <= 2200:
                raise ParameterInvalid(
                    f'HOLD_OUT_YEARS has "{part}". Give years such as 2017-2019, 2021, none for no test, or leave it '
                    "empty."
                )
            years.update(range(first, last + 1))
        return sorted(years)


@dataclass
class RainThresholdInputs:
    """What thresholds are made from. Landslides, stations and zones are in one CRS."""

    landslides: Landslides
    date_field: str  # of the landslides
    crs_wkt: str  # of landslides and stations
    rain_table: Table | None = None  # daily rain of gauges
    rain_date_field: str | None = None  # found by its name or values without
    rain_station_field: str | None = None  # of a table with a row for each gauge and day
    rain_field: str | None = None  # with the rain
    stations: Points | None = None  # the gauges
    station_field: str | None = None  # of the stations, with their names in the table
    rain_rasters: Sequence[tuple[str, str]] = ()  # path and name of rasters with a band for each day
    zones: str | os.PathLike | None = None  # raster of whole numbers
