"""Plausibility checks of units: questions for the user about values that look wrong; nothing is changed."""

from __future__ import annotations

import re

MAX_LAND_ELEVATION = 8850.0  # metres; Mount Everest
MAX_FLAT_MEAN_SLOPE, MAX_LOW_ELEVATION = 0.05, 12.0
"""A lower mean slope in degrees and a lower maximum elevation in metres together suggest kilometres."""
MAX_MEAN_SLOPE = 48.0  # degrees; no mountain range has such a mean slope, however small the cells
SPIKE_SLOPE = 80.0
"""Degrees; on cells of :data:`SPIKE_MIN_CELL_SIZE` and more, steeper cells are wrong elevations rather than land."""
SPIKE_MIN_CELL_SIZE = 10.0  # metres

_QUANTITY_WORDS = {
    "slope": ("slope", "gradient", "坡度"),
    "temperature": ("temperature", "temp", "气温", "温度"),
    "precipitation": ("precipitation", "precip", "rainfall", "rain", "降水", "降雨", "雨量"),
}
"""Words in the name of a layer, by the factor that they stand for."""
_UNIT_PATTERN = re.compile(r"percent|pct|prozent|rad|kelvin|fahrenheit|month|monthly|daily|day|week|inch|百分|弧度")


_AREA_UNIT_PATTERN = re.compile(
    r"(?:^|[^a-z])(km2|km²|km_?2|sq_?km|ha|hectares?|acres?|ft2|sq_?ft)(?:$|[^a-z0-9²])|(公顷|平方公里|平方千米|亩)"
)
MIN_MEDIAN_AREA = 10.0  # m²; no inventory consists of smaller landslides


def quantity_from_name(name: str) -> str:
    """Return the factor that a layer's name stands for; the name itself if there is none, or if it states its unit."""
    words = re.split(r"[\W_\d]+", name.lower())
    if any(_UNIT_PATTERN.fullmatch(word) or (not word.isascii() and _UNIT_PATTERN.search(word)) for word in words):
        return name
    for factor, known in _QUANTITY_WORDS.items():
        if any(one in words or (not one.isascii() and one in name) for one in known):
            return factor
    return name


def suspect_elevation_unit(lowest: float, highest: float, mean_slope: float) -> str:
    """Return a question about the unit of a DEM, empty when it looks like metres; the mean slope is in degrees."""
    if highest > MAX_LAND_ELEVATION:
        return (
            f"The DEM goes up to {highest:,.0f} m, higher than any land. Are its elevations in feet or in "
            "decimetres? Then slopes come out too steep: choose their unit with DEM_UNIT."
        )
    if highest < MAX_LOW_ELEVATION and highest - lowest > 0.1 and mean_slope < MAX_FLAT_MEAN_SLOPE:
        return (
            f"The DEM goes from {lowest:.3g} to {highest:.3g} m, and the mean slope is {mean_slope:.2g} degrees. "
            "Are its elevations in kilometres? Then choose that unit with DEM_UNIT."
        )
    if mean_slope > MAX_MEAN_SLOPE:
        return (
            f"The mean slope is {mean_slope:.0f} degrees, steeper than any mountains. Are the elevations of the "
            "DEM in another unit than metres, or are its coordinates degrees though its CRS says metres?"
        )
    return ""


def suspect_spikes(steep: int, cells: int, cell_size: float) -> str:
    """Return a question about the cells of a DEM that are steeper than :data:`SPIKE_SLOPE`, empty when plausible."""
    if not steep or cell_size < SPIKE_MIN_CELL_SIZE:
        return ""
    return (
        f"{steep:,} of {cells:,} cells are steeper than {SPIKE_SLOPE:g} degrees: these are spikes, holes or seams of "
        "the DEM rather than land. Look at them on the map, and fill or smooth the DEM there."
    )


def suspect_value_unit(factor: str, lowest: float, highest: float) -> str:
    """Return a question about the unit of a continuous factor by its name and range, empty when it is plausible."""
    quantity = quantity_from_name(factor)
    nowhere_above = f"{factor} is nowhere above {highest:.3g}: is it in"
    up_to, between = f"{factor} goes up to", f"{factor} goes from {lowest:.4g} to {highest:.4g}: is it in"
    if quantity == "precipitation":
        if lowest >= 0 and 0 < highest < 20:
            return f"{nowhere_above} metres, in cm, or for a day, and not in mm a year?"
        if highest > 30000:
            return f"{up_to} {highest:,.0f}: is it in tenths of a millimetre, and not in mm a year?"
    if quantity == "temperature":
        if lowest > 150:
            return f"{between} kelvin or in tenths of a degree, not in °C?"
        if highest > 60 or lowest < -90:
            return f"{between} tenths of a degree, and not in °C?"
    if quantity == "slope" and factor != "slope":
        if highest > 90.5:
            return f"{up_to} {highest:.4g}: is it in percent, and not in degrees?"
        if lowest >= 0 and 0.05 < highest < 1.6:
            return f"{nowhere_above} radians, or a tangent, and not in degrees?"
    return ""


def suspect_area_unit(field: str, median: float) -> str:
    """Return a question about areas of landslides that look like another unit than m², by the name of their field and
    their median; empty when they do not.
    """
    unit = _AREA_UNIT_PATTERN.search(field.lower())
    question = ""
    if unit:
        question = f'Is the field "{field}" in {unit[1] or unit[2]}, as its name says?'
    elif median < MIN_MEDIAN_AREA:
        small = f'Half of the landslides have less than {median:.3g} in the field "{field}"'
        question = f"{small}: is it in hectares, in km² or in square degrees?"
    return f"{question} AREA_FIELD takes m²: convert them with the field calculator." if question else ""


def suspect_distance_unit(parameter: str, metres: float, cell_size: float) -> str:
    """Return a question about a distance that is smaller than a cell, empty when it is not; both in metres."""
    if not 0 < metres < cell_size:
        return ""
    return (
        f"{parameter} is {metres:g} m, less than a cell of {cell_size:.3g} m. Is it in degrees or in kilometres? "
        "Distances are given in metres."
    )
