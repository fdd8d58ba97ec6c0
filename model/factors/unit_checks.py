"""Units that look wrong, asked about by what values can be; nothing is changed and nothing stopped."""

from __future__ import annotations

import re

MAX_LAND_ELEVATION = 8850.0
"""Metres; Mount Everest."""
MAX_FLAT_MEAN_SLOPE, MAX_LOW_ELEVATION = 0.05, 12.0
"""Mean slope in degrees under which, and elevation in metres below which, all of an area looks like kilometres."""
MAX_MEAN_SLOPE = 48.0
"""Degrees; no mountain range has such a mean slope, however small the cells."""
SPIKE_SLOPE = 80.0
"""Degrees of slope over cells of :data:`SPIKE_MIN_CELL_SIZE` and more that single wrong elevations have and hardly any land."""
SPIKE_MIN_CELL_SIZE = 10.0
"""Metres."""

_QUANTITY_WORDS = {
    "slope": ("slope", "gradient", "坡度"),
    "temperature": ("temperature", "temp", "气温", "温度"),
    "precipitation": ("precipitation", "precip", "rainfall", "rain", "降水", "降雨", "雨量"),
}
"""What the name of a layer says it is, by factor."""
_UNIT_PATTERN = re.compile(r"percent|pct|prozent|rad|kelvin|fahrenheit|month|monthly|daily|day|week|inch|百分|弧度")


def quantity_from_name(name: str) -> str:
    """Return the factor that a layer's name says it is, the name itself when it says none or states its unit."""
    words = re.split(r"[\W_\d]+", name.lower())
    if any(_UNIT_PATTERN.fullmatch(word) or (not word.isascii() and _UNIT_PATTERN.search(word)) for word in words):
        return name
    return next(
        (
            factor
            for factor, known in _QUANTITY_WORDS.items()
            if any(one in words or (not one.isascii() and one in name) for one in known)
        ),
        name,
    )


def suspect_elevation_unit(lowest: float, highest: float, mean_slope: float) -> str:
    """Return a question about the unit of a DEM, empty when it looks like metres.

    Args:
        lowest: elevation met.
        highest: elevation met.
        mean_slope: in degrees, as computed with the elevations taken as metres.
    """
    if highest > MAX_LAND_ELEVATION:
        return (
            f"The DEM goes up to {highest:,.0f} m, higher than any land. Are its elevations in feet or in "
            "decimetres? Then slopes come out too steep: convert it to metres first (Raster calculator)."
        )
    if highest < MAX_LOW_ELEVATION and highest - lowest > 0.1 and mean_slope < MAX_FLAT_MEAN_SLOPE:
        return (
            f"The DEM goes from {lowest:.3g} to {highest:.3g} m, and the mean slope is {mean_slope:.2g} degrees. "
            "Are its elevations in kilometres? Then multiply it by 1000 first (Raster calculator)."
        )
    if mean_slope > MAX_MEAN_SLOPE:
        return (
            f"The mean slope is {mean_slope:.0f} degrees, steeper than any mountains. Are the elevations of the "
            "DEM in another unit than metres, or are its coordinates degrees though its CRS says metres?"
        )
    return ""


def suspect_spikes(steep: int, cells: int, cell_size: float) -> str:
    """Return a question about single spikes and holes of a DEM, empty when there are none.

    Args:
        steep: cells steeper than :data:`SPIKE_SLOPE`.
        cells: all cells.
        cell_size: metres.
    """
    if not steep or cell_size < SPIKE_MIN_CELL_SIZE:
        return ""
    return (
        f"{steep:,} of {cells:,} cells are steeper than {SPIKE_SLOPE:g} degrees: these are spikes, holes or seams of the "
        "DEM rather than land. Look at them on the map, and fill or smooth the DEM there."
    )


def suspect_value_unit(factor: str, lowest: float, highest: float) -> str:
    """Return a question about the unit of a continuous factor by its extremes, empty when they are plausible.

    Args:
        factor: its name in the stack; of layers of the user's own the name may say what they are.
        lowest: value met.
        highest: value met.
    """
    quantity = quantity_from_name(factor)
    if quantity == "precipitation" and lowest >= 0 and 0 < highest < 20:
        return f"{factor} is nowhere above {highest:.3g}: is it in metres, in cm, or for a day, and not in mm a year?"
    if quantity == "precipitation" and highest > 30000:
        return f"{factor} goes up to {highest:,.0f}: is it in tenths of a millimetre, and not in mm a year?"
    if quantity == "temperature" and lowest > 150:
        return f"{factor} goes from {lowest:.4g} to {highest:.4g}: is it in kelvin or in tenths of a degree, not in °C?"
    if quantity == "temperature" and (highest > 60 or lowest < -90):
        return f"{factor} goes from {lowest:.4g} to {highest:.4g}: is it in tenths of a degree, and not in °C?"
    if quantity == "slope" and factor != "slope" and highest > 90.5:
        return f"{factor} goes up to {highest:.4g}: is it in percent, and not in degrees?"
    if quantity == "slope" and factor != "slope" and lowest >= 0 and 0.05 < highest < 1.6:
        return f"{factor} is nowhere above {highest:.3g}: is it in radians, or a tangent, and not in degrees?"
    return ""


def suspect_distance_unit(parameter: str, metres: float, cell_size: float) -> str:
    """Return a question about a distance that is smaller than a cell, empty when it is not.

    Args:
        parameter: its name.
        metres: as given.
        cell_size: metres.
    """
    if not 0 < metres < cell_size:
        return ""
    return (
        f"{parameter} is {metres:g} m, less than a cell of {cell_size:.3g} m. Is it in degrees or in kilometres? "
        "Distances are given in metres."
    )
