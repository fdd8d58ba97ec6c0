"""Soil and water of an infinite slope: options, units and limits; imports nothing heavy, so that the shell can."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ParameterInvalid
from ..options import Option, Options, text
from ..texts import clean_label, shorten
from ..written_numbers import read_number

if TYPE_CHECKING:
    from ..factors.settings import CategoricalInput

RAIN_THRESHOLD, INFINITE_SLOPE = "rain_threshold", "infinite_slope"
METHOD = Option(
    "method",
    RAIN_THRESHOLD,
    "Method",
    "rain_threshold: the rain index of the paper, from the rain of the wettest week; it needs PRECIPITATION. "
    "infinite_slope: the factor of safety of a sheet of soil, from slope, soil and water, with the parameters that "
    "begin with Infinite slope. Parameters of the other method are not used.",
    choices=(RAIN_THRESHOLD, INFINITE_SLOPE),
)
ALL = "all"  # row of a table for classes without a row of their own, and for cells without a class
Range = tuple[float, float]  # lowest and highest value, equal for a single one


@dataclass(frozen=True)
class Quantity:
    """What one property of soil or water is measured in, and which values are possible."""

    title: str
    unit: str
    highest: float
    above: str  # unit that a larger value suggests
    lowest: float = 0.0
    under: str = ""  # unit that a smaller value suggests
    small: float = 0.0
    below: str = ""  # unit that is suggested if no value is above ``small``

    def question(self, found: Range, name: str, where: str = "") -> str:
        """Return what is wrong with a range of values, empty if nothing is; ``where`` is the raster or the row."""
        low, high = found
        if high > self.highest:
            other = self.above
        elif 0 < high < self.small:
            other = self.below
        elif low < self.lowest:
            other = self.under
        else:
            return ""
        subject = f"{name}, {where}," if where else name
        values = f"is {low:g}" if low == high else f"goes from {low:g} to {high:g}"
        unit = f"is in {self.unit}" if self.unit else "is a share"
        limits = f"from {self.lowest:g} to {self.highest:g}" if math.isfinite(self.highest) else "of a cell at least"
        question = f" Is it in {other}?" if other else ""
        nodata = " Declare the number as nodata if it stands for no data." if where and low < self.lowest else ""
        return f"{subject} {values}.{question} The {self.title} {unit}, {limits}.{nodata}"


QUANTITIES = {
    "soil_depth": Quantity("soil depth", "m", 50, "centimetres"),
    "cohesion": Quantity("cohesion", "kPa", 500, "Pa"),
    "friction": Quantity("friction angle", "degrees", 60, "percent", small=2, below="radians, or a tangent"),
    "unit_weight": Quantity("unit weight", "kN/m³", 30, "kg/m³", 10, "t/m³"),
    "saturation": Quantity("saturation", "", 1, "percent"),
    "recharge": Quantity("recharge", "mm/day", 2000, "mm a year", small=0.1, below="m/day"),
    "transmissivity": Quantity("transmissivity", "m²/day", 1e5, "cm²/s", small=0.05, below="m²/s or m²/hour"),
    "seismic_coefficient": Quantity("seismic coefficient", "parts of gravity", 1, "percent, or in m/s²"),
}
"""By the name of the option."""

_DEPTH = (
    "Vertical depth from the surface to the plane on which the soil slides, in metres. A number, a range or a table by "
    "class."
)
_COHESION = (
    "Effective cohesion of the soil and the roots in it, together, in kPa. A number, a range or a table by class."
)
_FRICTION = "Effective angle of internal friction, in degrees. A number, a range or a table by class."
_WEIGHT = "Weight of a cubic metre of moist soil, in kN/m³. A number, a range or a table by class."
_SATURATION = (
    "Share of the soil depth that is below the water table, 0 dry to 1 saturated: a number, a range or a table by "
    "class. Given, it replaces the wetness that follows from RECHARGE, TRANSMISSIVITY and the contributing area."
)
_RECHARGE = (
    "Water that reaches the water table in a wet spell, in mm/day: a number, a range or a table by class. The "
    "saturation is recharge × contributing area ÷ (width of the cell × transmissivity × sine of the slope), at most 1."
)
_TRANSMISSIVITY = (
    "Hydraulic conductivity of the saturated soil times its thickness, in m²/day: a number, a range or a table by "
    "class. Only its ratio to RECHARGE matters."
)
_SEISMIC = (
    "Horizontal acceleration of an earthquake as part of gravity, such as 0.1; 0 without one. A number, a range or a "
    "table by class, such as VII: 0.05; VIII: 0.1 for the seismic intensity of the stack."
)


@dataclass(frozen=True)
class StabilityOptions(Options):
    """Soil and water of an infinite slope, as texts; :meth:`values` reads them. Defaults are SINMAP's."""

    soil_depth: str = text("1", "Infinite slope: soil depth (m)", _DEPTH)
    cohesion: str = text("0-5", "Infinite slope: cohesion with roots (kPa)", _COHESION)
    friction: str = text("30-45", "Infinite slope: friction angle (degrees)", _FRICTION)
    unit_weight: str = text("20", "Infinite slope: unit weight of the soil (kN/m³)", _WEIGHT)
    saturation: str = text("", "Infinite slope: saturation (0 to 1)", _SATURATION)
    recharge: str = text("25", "Infinite slope: recharge (mm/day)", _RECHARGE)
    transmissivity: str = text("50-75", "Infinite slope: transmissivity (m²/day)", _TRANSMISSIVITY)
    seismic_coefficient: str = text("0", "Infinite slope: seismic coefficient", _SEISMIC)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values()

    def values(self) -> dict[str, dict[str, Range]]:
        """Return the ranges by class, :data:`ALL` for all others, by option; options that are empty are left out.

        Raises ``ParameterInvalid`` if a text is no number, range or table, or a value looks like another unit.
        """
        given = {name: getattr(self, name) or type(self).option(name).default for name in QUANTITIES}
        return {name: read_values(value, name) for name, value in given.items() if value}

    def defaults(self) -> list[str]:
        """Return the options that have their default."""
        return [option.name for option in self.options() if getattr(self, option.name) in ("", option.default)]


@dataclass
class StabilityInputs:
    """Layers of an infinite slope; vector layers are in the CRS of the reference."""

    reference: str | os.PathLike  # raster with the grid and the cells with data, such as the factor stack
    slope: str | os.PathLike | None = None  # in degrees; without it the band of the stack, else from the DEM
    dem: str | os.PathLike | None = None  # elevations in metres on the grid, for slope and contributing area
    contributing_area: str | os.PathLike | None = None  # in m² on the grid
    topography: CategoricalInput | None = None  # classes of tables
    rasters: Mapping[str, str] = field(default_factory=dict)
    """Rasters of values by option, which replace the texts of the options."""


_RANGE = re.compile(r"(?P<low>\d[^-–]*?|\.\d[^-–]*?)\s*[-–]\s*(?P<high>\d.*|\.\d.*)")
_EXPONENT = re.compile(r"[\d.]+e[-+]?\d+", re.IGNORECASE)


def read_values(value: str, name: str) -> dict[str, Range]:
    """Read a number, a range or a table of an option; errors as in :meth:`StabilityOptions.values`."""
    parameter, quantity = name.upper(), QUANTITIES[name]
    table: dict[str, Range] = {}
    for row in filter(None, map(str.strip, value.split(";"))):
        label, colon, amount = row.rpartition(":")
        label = clean_label(label) if colon else ALL
        label = ALL if label.casefold() == ALL else label
        if label in table or not label:
            twice = f'lists "{label}" twice' if label else f'has a row without a class: "{shorten(row)}"'
            raise ParameterInvalid(f"{parameter} {twice}. Write a row as class: value, and rows between semicolons.")
        table[label] = _read_range(amount.strip(), parameter, quantity.unit)
        question = quantity.question(table[label], parameter, f'row "{label}"' if colon else "")
        if question:
            raise ParameterInvalid(question)
    return table


def _read_range(amount: str, parameter: str, unit: str) -> Range:
    found = None if _EXPONENT.fullmatch(amount) else _RANGE.fullmatch(amount)
    try:
        numbers = [read_number(one) for one in (found.groups() if found else (amount,))]
    except ValueError:
        wanted = f"a number or a range in {unit}" if unit else "a number or a range"
        raise ParameterInvalid(
            f'{parameter} has "{shorten(amount)}", but takes {wanted}. Write it as 2.5 or 2-8, or a table by class as '
            '"granite: 2-8; all: 4".'
        ) from None
    low, high = numbers[0], numbers[-1]
    if not low <= high:
        raise ParameterInvalid(f'{parameter} has the range "{amount}", which falls. Write the smaller number first.')
    return low, high
