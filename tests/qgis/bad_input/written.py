"""Numbers written as text: decimal commas, thousands, units and marks, in fields and in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
from scarp.tests.qgis.bad_input.making import WHOLE, points
from scarp.tests.qgis.tiny import CELL, LEFT, TOP, memory_layer

_PLACES = [(LEFT + 150.0 + 1100.0 * (i % 3), TOP - 150.0 - 1100.0 * (i // 3)) for i in range(9)]


def _rain(values: Sequence[Any], kind: str = "string", parameter: str = "PRECIPITATION", **more: Any):
    """Return a maker of a stack's parameters with stations that measured some values."""

    def make(at: Workplace) -> dict:
        rows = [[value] for value in values]
        stations = points(_PLACES[: len(rows)], f"value:{kind}", rows, name="stations")
        return {parameter: stations, f"{parameter}_FIELD": "value", **more}

    return make


def _measured(*expected: float | None, band: str = "precipitation"):
    """Return a check that the surface is near the stations' values; ``None`` for those that are left out.

    It is exact at points of a lattice only, and stations lie between these.
    """

    def holds(outcome: Outcome) -> None:
        with rasterio.open(outcome.results["OUTPUT"]) as dataset:
            values = dataset.read(dataset.descriptions.index(band) + 1)
        spread = float(np.nanmax(values) - np.nanmin(values))
        for (x, y), number in zip(_PLACES, expected):
            if number is not None:
                found = values[int((TOP - y) / CELL), int((x - LEFT) / CELL)]
                assert abs(found - number) <= 0.15 * spread + 0.01, (found, number)

    return holds


def _zone(fields: str, values: Sequence[Any], **more: str):
    def make(at: Workplace) -> dict:
        return {"CLIMATE": memory_layer("Polygon", fields, [(WHOLE, list(values))], name="climate"), **more}

    return make


def _used(number: int, cells: int):
    def holds(outcome: Outcome) -> None:
        assert outcome.results["LANDSLIDES_USED"] == number
        assert abs(outcome.results["LANDSLIDE_CELLS"] - cells) <= 4 * number

    return holds


def _disc(*radii: float) -> int:
    return round(sum(np.pi * (radius / CELL) ** 2 for radius in radii))


_MIDDLE = [(LEFT + CELL * (cells + 0.5), TOP - CELL * (cells + 0.5)) for cells in (40, 80)]


def _sized(values: Sequence[Any], radii: Any, kind: str = "string"):
    return lambda at: {
        "LANDSLIDES": points(_MIDDLE, f"size:{kind}", [[value] for value in values], name="slides"),
        "SCALE_FIELD": "size",
        "RADII": radii,
    }


_MAKERS = {
    "rain-thousands": _rain(["1,200.5", "900", "1,050", "980.25"]),
    "rain-thousands-comma": _rain(["1.200,5", "900", "1.050", "980,25"]),
    "rain-blanks-in": _rain(["1 200", "900", "1\u00a0050", "1\u202f980"]),
    "rain-apostrophes": _rain(["1'200", "900", "1\u2019050.5", "980"]),
    "rain-ambiguous": _rain(["1,200", "2,900", "1,050"]),
    "rain-both-marks": _rain(["1200.5", "900,5", "1,050"]),
    "rain-unit": _rain(["1200 mm", "900mm", "1050 mm/a", "980 毫米"]),
    "rain-unit-some": _rain(["1200 mm", "900", "1050", "980"]),
    "rain-other-unit": _rain(["47 in", "35 in", "41 in"]),
    "rain-mixed-units": _rain(["1200 mm", "90 cm", "1050 mm"]),
    "rain-a-day": _rain(["12 mm/d", "9 mm/d", "10 mm/d"]),
    "rain-marks": _rain(["1200", "NA", "-", "1050", "980", "n/a", "?"]),
    "rain-only-marks": _rain(["NA", "-", "n/a", "NA"]),
    "rain-null": _rain(["1200", None, "", "  ", "1050", "980"]),
    "rain-full-width": _rain(["１２００", "９００．５", "１０５０"]),
    "rain-range": _rain(["1200-1300", "900", "1050"]),
    "rain-about": _rain(["~1200", "900", "1050"]),
    "rain-footnote": _rain(["1200²", "900", "1050"]),
    "rain-exponent": _rain(["1.2e3", "9E2", "1050"]),
    "rain-date": _rain(["2008-05-12", "2009-05-12", "2010-05-12"]),
    "stations-infinite": _rain([1200.0, float("inf"), 900.0, 1000.0], "double"),
    "rain-undeclared": _rain([1200.0, 900.0, -9999.0, 1050.0, 980.0, 1010.0, 1100.0, 950.0], "double"),
    "rain-undeclared-999": _rain([1200.0, 900.0, -999.0, 1050.0, 980.0, -999.0, 1100.0, 950.0], "double"),
    "rain-undeclared-text": _rain(["1200", "900", "-9999", "1050", "980", "1010", "1100", "950"]),
    "rain-undeclared-high": _rain([1200.0, 900.0, 32767.0, 1050.0, 980.0, 1010.0, 1100.0, 950.0], "double"),
    "warmth-undeclared": _rain([12.0, 9.0, 9999.0, 10.5, 9.8, 10.1, 11.0, 9.5], "double", "TEMPERATURE"),
    "rain-inches": _rain(["47.2 in", "35.4 in", "41.3"], PRECIPITATION_UNIT="inch"),
    "warmth-zero": _rain([2.0, 0.0, -1.0, 0.5], "double", "TEMPERATURE"),
    "warmth-unit": _rain(["12.5 °C", "9 ℃", "−1,5"], parameter="TEMPERATURE"),
    "warmth-fahrenheit": _rain(["54 °F", "48 °F", "50 °F"], parameter="TEMPERATURE"),
    "alpha-percent-sign": _zone("alpha:string", ["80 %"], ALPHA_FIELD="alpha"),
    "alpha-comma": _zone("alpha:string", ["0,8"], ALPHA_FIELD="alpha"),
    "alpha-mark": _zone("alpha:string", ["NA"], ALPHA_FIELD="alpha"),
    "alpha-ambiguous": _zone("beta:string", ["1,234"], BETA_FIELD="beta"),
    "days-unit": _zone("days:string", ["60 days"], RAINY_DAYS_FIELD="days"),
    "k-comma-cells": lambda at: {"K_TABLE": ["all", "0,0129"]},
    "k-semicolons": lambda at: {"K_TABLE": "all;0,0129"},
    "k-unit": lambda at: {"K_TABLE": "all,0.0129 1/mm"},
    "k-other-unit": lambda at: {"K_TABLE": "all,77 mm"},
    "radii-unit": _sized(["large", "small"], "large,150 m,small,90 m,unrecorded,60 m"),
    "radii-kilometres": _sized(["large", "small"], "large,0.15 km,small,90"),
    "radii-semicolons": _sized(["1", "2"], "1;150,5;2;90,5"),
    "radii-rows": _sized(["1", "2"], "1,150;2,90"),
    "radii-thousands": _sized(["large", "small"], ["large", "1,500", "small", "90"]),
    "sizes-comma": _sized(["1,0", "2,0"], "1,150,2,90"),
    "sizes-full-width": _sized(["１", "２"], "1,150,2,90"),
}
_HOLDS = {
    "rain-thousands": _measured(1200.5, 900, 1050, 980.25),
    "rain-thousands-comma": _measured(1200.5, 900, 1050, 980.25),
    "rain-blanks-in": _measured(1200, 900, 1050, 1980),
    "rain-apostrophes": _measured(1200, 900, 1050.5, 980),
    "rain-unit": _measured(1200, 900, 1050, 980),
    "rain-unit-some": _measured(1200, 900, 1050, 980),
    "rain-marks": _measured(1200, None, None, 1050, 980),
    "rain-null": _measured(1200, None, None, None, 1050, 980),
    "rain-full-width": _measured(1200, 900.5, 1050),
    "rain-exponent": _measured(1200, 900, 1050),
    "stations-infinite": _measured(1200, None, 900, 1000),
    "rain-undeclared": _measured(1200, 900, None, 1050, 980, 1010, 1100, 950),
    "rain-undeclared-999": _measured(1200, 900, None, 1050, 980, None, 1100, 950),
    "rain-undeclared-text": _measured(1200, 900, None, 1050, 980, 1010, 1100, 950),
    "rain-undeclared-high": _measured(1200, 900, None, 1050, 980, 1010, 1100, 950),
    "warmth-undeclared": _measured(12, 9, None, 10.5, 9.8, 10.1, 11, 9.5, band="temperature"),
    "rain-inches": _measured(1198.88, 899.16, 1049.02),
    "warmth-zero": _measured(2, 0, -1, 0.5, band="temperature"),
    "warmth-unit": _measured(12.5, 9, -1.5, band="temperature"),
    "radii-unit": _used(2, _disc(150, 90)),
    "radii-semicolons": _used(2, _disc(150.5, 90.5)),
    "radii-rows": _used(2, _disc(150, 90)),
    "sizes-comma": _used(2, _disc(150, 90)),
    "sizes-full-width": _used(2, _disc(150, 90)),
}
CASES = read_cases(
    r"""
[buildfactorstack]
rain-thousands :: Rain as 1,200.5 and 1,050 :: works: The comma stands between thousands. :: "1,200\.5" as 1200\.5
rain-thousands-comma :: Rain as 1.200,5 and 1.050 :: works: The comma is the decimal mark. :: "1\.200,5" as 1200\.5
rain-blanks-in :: Rain as 1 200 with three kinds of blanks :: works: The blank stands between thousands. :: as 1200
rain-apostrophes :: Rain as 1'200 :: works: The apostrophe stands between thousands. :: as 1200
rain-ambiguous :: Rain as 1,200 and 2,900, which may be either :: "value" of the layer "stations" has "1,200".*1200 or
    1\.2 \(3 such values\)
rain-both-marks :: Rain with decimal points, decimal commas, and 1,050 :: "1,050".*1050 or 1\.05
rain-unit :: Rain as 1200 mm, 900mm and 1050 mm/a :: works: The unit is read. :: "1200 mm" as 1200
rain-unit-some :: Rain with a unit behind one number :: works: The unit is read. :: "1200 mm" as 1200
rain-other-unit :: Rain in inches, which the values say :: "value" of the layer "stations" should hold numbers in
    mm.*"47 in" \(3 such values\)
rain-mixed-units :: Rain in mm and cm :: should hold numbers in mm.*"90 cm"
rain-a-day :: Rain in mm a day, which the values say :: should hold numbers in mm.*"12 mm/d"
rain-marks :: Rain with NA, - and ? among numbers :: works: They are left out, with a warning. :: marks that are no
    numbers: "NA" \(1\), "-" \(1\)
rain-only-marks :: Nothing but NA and - as rain :: "stations" \(precipitation\) has stations with a value at 0 places
rain-null :: Rain with empty, blank and null values :: works: They are left out, with a warning. :: 3 stations
    .*no value
rain-full-width :: Rain in full-width digits :: works: They are read.
rain-range :: Rain as 1200-1300 :: should hold numbers.*"1200-1300"
rain-about :: Rain as ~1200 :: should hold numbers.*"~1200"
rain-footnote :: Rain with a raised 2 behind it :: "1200²"
rain-exponent :: Rain as 1.2e3 :: works: It is read.
rain-date :: Dates as rain :: should hold numbers.*"2008-05-12", and 2 more
stations-infinite :: A station with infinite rain :: works: It is left out, with a warning. :: 1 stations .*no value
rain-undeclared :: Rain of -9999 at one station :: works: It is left out, with a warning. :: -9999
rain-undeclared-999 :: Rain of -999 at two stations :: works: They are left out, with a warning. :: -999
rain-undeclared-text :: Rain of -9999 as text :: works: It is left out, with a warning. :: -9999
rain-undeclared-high :: Rain of 32767 at one station :: works: It is left out, with a warning. :: 32767
warmth-undeclared :: A temperature of 9999 at one station :: works: It is left out, with a warning. :: 9999
rain-inches :: Rain in inches, as the values and PRECIPITATION_UNIT say :: works: The unit is read. :: "47\.2 in" as
    47\.2
warmth-zero :: Temperatures around 0 :: works: 0 is a temperature.
warmth-unit :: Temperatures with °C and decimal commas :: works: They are read. :: "9 ℃" as 9
warmth-fahrenheit :: Temperatures in °F, which the values say :: should hold numbers in °C.*"54 °F"
[buildsafetyfactor]
alpha-percent-sign :: An alpha of 80 % :: "alpha" of the layer "climate" should hold numbers without a unit.*"80 %"
alpha-comma :: An alpha of 0,8 :: works: It is read. :: "0,8" as 0\.8
alpha-mark :: An alpha of NA :: works: The single ALPHA holds, with a warning. :: "NA" \(1\)
alpha-ambiguous :: A beta of 1,234 :: "1,234".*1234 or 1\.234
days-unit :: 60 days as rainy days :: works: The unit is read. :: "60 days" as 60
k-comma-cells :: A k of 0,0129 in a cell of the table :: works: It is read.
k-semicolons :: K_TABLE with semicolons and decimal commas :: works: It is read.
k-unit :: A k of 0.0129 1/mm :: works: The unit is read.
k-other-unit :: A critical rainfall where k should be :: K_TABLE.*"77 mm"
[buildbufferedlabels]
radii-unit :: Radii as 150 m :: works: The unit is read.
radii-kilometres :: A radius of 0.15 km :: RADII, row "large".*"0\.15 km"
radii-semicolons :: RADII with semicolons and decimal commas :: works: They are read.
radii-rows :: RADII as rows between semicolons :: works: They are read.
radii-thousands :: A radius of 1,500 :: RADII, row "large".*"1,500"
sizes-comma :: Size codes as 1,0 and 2,0 :: works: They are size 1 and 2.
sizes-full-width :: Size codes in full-width digits :: works: They are size 1 and 2.
""",
    _MAKERS,
    _HOLDS,
)
