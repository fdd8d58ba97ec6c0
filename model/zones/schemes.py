"""How zones are cut, named and coloured. Light: the Processing shell reads the options from here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterInvalid
from ..options import Options, choice, text

AREA_SHARES = "area_shares"
EQUAL_INTERVAL = "equal_interval"
NATURAL_BREAKS = "natural_breaks"
LANDSLIDE_SHARE = "landslide_share"
BREAKS = "breaks"
METHODS = (AREA_SHARES, EQUAL_INTERVAL, NATURAL_BREAKS, LANDSLIDE_SHARE, BREAKS)

DEFAULT_SHARES = (30.0, 20.0, 20.0, 20.0, 10.0)
"""Percent of the area from the least to the most susceptible zone (Zhang & Deng 2026, section 4.1)."""
DEFAULT_LANDSLIDE_SHARES = (1.0, 4.0, 15.0, 30.0, 50.0)
"""Percent of the landslides from the least to the most susceptible zone, when SHARES is empty."""
NODATA = 0  # zone of cells without susceptibility
DEFAULT_ZONE_NAMES = ("very low", "low", "medium", "high", "very high")
COLOUR_RAMP = ((224, 243, 214), (214, 206, 110), (240, 150, 50), (205, 82, 30), (125, 14, 30))
"""Green to red as in the paper, and from light to dark in steps of at least 30 of 255 grey values, so that it reads
without red-green vision and on a print in grey."""
MAX_ZONES = 20
_ROUNDING = 1e-6

_METHOD = (
    "area_shares: shares of the area. equal_interval: equal steps between lowest and highest value. natural_breaks: "
    "steps at gaps of the values (Jenks). landslide_share: shares of the landslides in LANDSLIDES. breaks: the values "
    "in BREAKS or of BREAKS_FROM."
)
_REGION = "Name of the region for a column of the zone table. Empty: the one that the map states, if any."


@dataclass(frozen=True)
class ZoneOptions(Options):
    """How a map is cut into zones; :func:`read_scheme` checks the values against each other."""

    method: str = choice(AREA_SHARES, METHODS, "Method", _METHOD)
    shares: Sequence[float] = ()
    breaks: Sequence[float] = ()
    region: str = text("", "Region", _REGION)

    def record(self) -> dict[str, Any]:
        """Return the values by parameter name, without an empty region."""
        values = super().record()
        return values if self.region else {name: value for name, value in values.items() if name != "REGION"}


@dataclass(frozen=True)
class Scheme:
    """A checked method with what it needs."""

    method: str
    shares: tuple[float, ...]  # cumulative shares up to each break, 0 to 1, for methods that cut by share; else empty
    breaks: tuple[float, ...]  # upper bounds of all zones but the last, for method breaks; else empty
    zones: int


def read_scheme(method: str, shares: Sequence[float], breaks: Sequence[float]) -> Scheme:
    """Check method, shares and breaks against each other.

    Shares are percent per zone from the least susceptible on, empty for the method's own default; methods that do not
    cut by share take the number of zones from them. Breaks are upper bounds of all zones but the last, rising.

    Raises:
        ParameterInvalid: the method is unknown, the shares do not sum to 100, or the breaks are missing or do not
            rise.
    """
    ZoneOptions.option("method").check(method)
    if method == BREAKS:
        return Scheme(method, (), _checked_breaks(breaks), len(breaks) + 1)
    default = DEFAULT_LANDSLIDE_SHARES if method == LANDSLIDE_SHARE else DEFAULT_SHARES
    percent = [float(share) for share in shares] or list(default)
    if not 2 <= len(percent) <= MAX_ZONES:
        raise ParameterInvalid(
            f"SHARES has {len(percent)} entries, but a map has 2 to {MAX_ZONES} zones. Give one share for each zone."
        )
    if method in (EQUAL_INTERVAL, NATURAL_BREAKS):
        return Scheme(method, (), (), len(percent))
    if min(percent) < 0 or abs(sum(percent) - 100) > _ROUNDING:
        raise ParameterInvalid(
            f"SHARES sums to {sum(percent):g}, but it is the percent per zone and must sum to 100, none below 0. "
            "Example: 30, 20, 20, 20, 10 from the least to the most susceptible."
        )
    cumulative = [sum(percent[:count]) / 100 for count in range(1, len(percent))]
    return Scheme(method, tuple(cumulative), (), len(percent))


def _checked_breaks(breaks: Sequence[float]) -> tuple[float, ...]:
    values = tuple(float(value) for value in breaks)
    if not values:
        raise ParameterInvalid(
            "METHOD is breaks, but BREAKS is empty. Give the upper bounds of all zones but the last, for example 0.2, "
            "0.4, 0.6, 0.8 for five zones."
        )
    if len(values) >= MAX_ZONES:
        raise ParameterInvalid(
            f"BREAKS has {len(values)} entries, but a map has at most {MAX_ZONES} zones. Leave some of them out."
        )
    if math.isnan(values[0]) or not all(low < high for low, high in zip(values, values[1:])):
        raise ParameterInvalid(
            f"BREAKS is {', '.join(f'{value:g}' for value in values)}, but each break must be greater than the one "
            "before."
        )
    return values


def zone_names(zones: int) -> list[str]:
    """Return the names of zones 1 to ``zones`` from the least to the most susceptible."""
    if zones == len(DEFAULT_ZONE_NAMES):
        return list(DEFAULT_ZONE_NAMES)
    names = [f"zone {number}" for number in range(1, zones + 1)]
    names[0], names[-1] = f"{names[0]} (least susceptible)", f"{names[-1]} (most susceptible)"
    return names


def zone_colours(zones: int) -> dict[int, tuple[int, int, int, int]]:
    """Return red, green, blue, alpha by zone, nodata transparent; numbers of zones other than five are blended."""
    colours = {NODATA: (0, 0, 0, 0)}
    for number in range(zones):
        position = number * (len(COLOUR_RAMP) - 1) / max(zones - 1, 1)
        low = min(int(position), len(COLOUR_RAMP) - 2)
        pairs = zip(COLOUR_RAMP[low], COLOUR_RAMP[low + 1])
        red, green, blue = (round(a + (b - a) * (position - low)) for a, b in pairs)
        colours[number + 1] = (red, green, blue, 255)
    return colours
