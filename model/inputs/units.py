"""Units of elevation, precipitation and temperature: which one a layer is in, and how it becomes Scarp's own.

Scarp computes in metres, millimetres and degrees Celsius. A unit is what the user says, else what the band states, else
Scarp's own; elevations in a CRS whose unit of length is not the metre must have one that is stated or chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ParameterInvalid

if TYPE_CHECKING:
    import numpy as np

AUTO = "auto"
ELEVATION, PRECIPITATION, TEMPERATURE = "elevation", "precipitation", "temperature"
ELEVATION_UNITS = (AUTO, "m", "ft", "us_ft", "cm", "dm", "km")
PRECIPITATION_UNITS = (AUTO, "mm", "tenth_mm", "cm", "m", "inch")
TEMPERATURE_UNITS = (AUTO, "celsius", "tenth_celsius", "kelvin", "fahrenheit")
OWN_UNIT = {ELEVATION: "m", PRECIPITATION: "mm", TEMPERATURE: "celsius"}


@dataclass(frozen=True)
class Conversion:
    """A value in Scarp's own unit is ``factor`` × the layer's value + ``offset``."""

    factor: float = 1.0
    offset: float = 0.0

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Convert floating-point values in place and return them."""
        if self.factor != 1:
            values *= values.dtype.type(self.factor)
        if self.offset != 0:
            values += values.dtype.type(self.offset)
        return values

    def invert(self, value: float) -> float:
        """Return the layer's value for one in Scarp's own unit."""
        return (value - self.offset) / self.factor


NO_CONVERSION = Conversion()
_CONVERSIONS = {
    ELEVATION: {
        "m": NO_CONVERSION,
        "ft": Conversion(0.3048),
        "us_ft": Conversion(1200 / 3937),
        "cm": Conversion(0.01),
        "dm": Conversion(0.1),
        "km": Conversion(1000.0),
        "mm": Conversion(0.001),
    },
    PRECIPITATION: {
        "mm": NO_CONVERSION,
        "tenth_mm": Conversion(0.1),
        "cm": Conversion(10.0),
        "m": Conversion(1000.0),
        "inch": Conversion(25.4),
    },
    TEMPERATURE: {
        "celsius": NO_CONVERSION,
        "tenth_celsius": Conversion(0.1),
        "kelvin": Conversion(1.0, -273.15),
        "fahrenheit": Conversion(5 / 9, -160 / 9),
    },
}
_SPELLINGS = {
    ELEVATION: {
        "m": "m metre metres meter meters",
        "ft": "ft foot feet international_foot",
        "us_ft": "us_ft ft_us ftus us_survey_foot us_survey_feet foot_us survey_foot",
        "cm": "cm centimetre centimeter centimetres centimeters",
        "dm": "dm decimetre decimeter decimetres decimeters",
        "km": "km kilometre kilometer kilometres kilometers",
        "mm": "mm millimetre millimeter",
    },
    PRECIPITATION: {
        "mm": "mm millimetre millimeter millimetres millimeters mm/year mm/yr mm/a mm_yr-1 mm_a-1 mm_year-1 kg_m-2 "
        "kg/m2 kg_m-2_yr-1 kg_m-2_year-1 l/m2",
        "tenth_mm": "0.1_mm 1/10_mm mm*10 mm/10 tenth_mm tenths_of_mm dmm",
        "cm": "cm centimetre centimeter cm/year",
        "m": "m metre meter metres meters m/year",
        "inch": "in inch inches in/year inches/year",
    },
    TEMPERATURE: {
        "celsius": "°c c degc deg_c celsius degree_celsius degrees_celsius degrees_c degree_c ℃",
        "tenth_celsius": "0.1_°c 1/10_°c °c*10 °c/10 c*10 c/10 degc*10 degc/10 0.1_degc 0.1_c tenth_celsius",
        "kelvin": "k kelvin degk deg_k",
        "fahrenheit": "f °f degf deg_f fahrenheit degree_fahrenheit degrees_fahrenheit ℉",
    },
}
_BY_SPELLING = {
    quantity: {text: unit for unit, texts in spellings.items() for text in texts.split()}
    for quantity, spellings in _SPELLINGS.items()
}
PLAUSIBLE = {ELEVATION: (-500.0, 9000.0), PRECIPITATION: (0.0, 30000.0), TEMPERATURE: (-95.0, 65.0)}
"""Lowest and highest value of land on Earth, in Scarp's own units."""


def find_conversion(
    quantity: str, chosen: str, stated: str, what: str, parameter: str = "", crs_unit: float = 1.0
) -> tuple[Conversion, str, str]:
    """Return how the values of a layer become Scarp's own.

    Args:
        quantity: :data:`ELEVATION`, :data:`PRECIPITATION` or :data:`TEMPERATURE`; others are taken as they are.
        chosen: the unit that the user chose, :data:`AUTO` for the layer's own.
        stated: the unit that the band states, empty for none.
        what: the layer in messages: "The DEM raster x.tif".
        parameter: that chooses the unit, for messages; empty if there is none.
        crs_unit: metres per unit of length of the layer's CRS.

    Returns:
        The conversion, a sentence for the log and a warning; both texts may be empty.

    Raises:
        ParameterInvalid: the unit chosen is none of the quantity, or that of elevations is unknown where the CRS counts
            in another unit of length than the metre.
    """
    if quantity not in _CONVERSIONS:
        return NO_CONVERSION, "", ""
    own, known = OWN_UNIT[quantity], _CONVERSIONS[quantity]
    spelling = re.sub(r"[\s_]+", "_", stated.strip().lower()).strip("_")
    found = _BY_SPELLING[quantity].get(spelling, "")
    advice = f" Choose the unit with {parameter}." if parameter else ""
    if chosen != AUTO:
        if chosen not in known:
            raise ParameterInvalid(f'The {quantity} unit "{chosen}" is unknown. Choose one of: {", ".join(known)}.')
        differs = found and known[found] != known[chosen]
        warning = f'{what} states the unit "{stated.strip()}", but {chosen} was chosen and counts.' if differs else ""
        return known[chosen], _converted(what, chosen, own) if known[chosen] != NO_CONVERSION else "", warning
    if found:
        return known[found], _converted(what, found, own) if known[found] != NO_CONVERSION else "", ""
    if spelling:
        return NO_CONVERSION, "", f'{what} states the unit "{stated.strip()}"; its values are taken as {own}.{advice}'
    if quantity == ELEVATION and abs(crs_unit - 1) > 1e-6:
        feet = "feet" if 0.3 < crs_unit < 0.31 else f"units of {crs_unit:g} m"
        question = f"{what} has a CRS in {feet} and states no unit of its elevations."
        raise ParameterInvalid(f"{question} Feet taken as metres make slopes three times too steep.{advice}")
    return NO_CONVERSION, "", ""


def _converted(what: str, unit: str, own: str) -> str:
    return f"{what}: values in {unit} are converted to {own}."
