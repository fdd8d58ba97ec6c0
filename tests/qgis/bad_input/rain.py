"""Dated landslides and daily rain that cannot be right, and thresholds of rain events that are none."""

from __future__ import annotations

from typing import Any, Callable

from scarp.tests.qgis.bad_input.case import Workplace, read_cases
from scarp.tests.qgis.tiny import cell_point, memory_layer


def _dates(dates: list[str]) -> Callable[[Workplace], dict[str, Any]]:
    rows = [(cell_point(10 + number % 90, 20), [dates[number % len(dates)]]) for number in range(30)]
    return lambda at: {"LANDSLIDES": memory_layer("Point", "day:string", rows, name="slides")}


def _rain(change: Callable[[list[str]], list[str]]) -> Callable[[Workplace], dict[str, Any]]:
    """Return a maker of the table of rain with other lines."""

    def make(at: Workplace) -> dict[str, Any]:
        path = at.folder / "rain.csv"
        lines = (at.area / "rain.csv").read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
        return {"RAIN_TABLE": path}

    return make


def _values(change: Callable[[float], float]) -> Callable[[list[str]], list[str]]:
    def lines(rows: list[str]) -> list[str]:
        cells = (row.split(",") for row in rows[1:])
        return [rows[0], *(",".join([day, *(f"{change(float(one)):g}" for one in rain)]) for day, *rain in cells)]

    return lines


def _thresholds(text: str) -> Callable[[Workplace], dict[str, Any]]:
    def make(at: Workplace) -> dict[str, Any]:
        path = at.folder / "thresholds.csv"
        path.write_text(text, encoding="utf-8")
        return {"METHOD": "event_thresholds", "THRESHOLDS": path, "EVENT_DAYS": 3, "OUTPUT_SAFETY_FACTOR": None}

    return make


_HEAD = "zone,probability,alpha,gamma,dry_rain_mm,dry_days\n"
_CASES = """
[rainfallthresholds]
slides-day-or-month :: Dates 03/04/2010, day or month :: day and month cannot be told apart.*DATE_ORDER
slides-two-orders :: Dates with the day first, and with the month first :: dates in two orders
slides-words-as-dates :: "last summer" as a date :: "last summer".*is no date
slides-years-only :: Years as dates :: no landslide with a day.*year or a month only
slides-before-the-rain :: Landslides before the record of rain :: falls into the record of rain.*from 1990
daily-rain-negative :: A day with -5 mm :: negative values, the lowest -5 mm
daily-rain-tenths :: Rain in tenths of a millimetre :: RAIN_UNIT
daily-rain-zero :: Rain that is 0 on all days :: is 0 on all days
daily-rain-twice :: A day that occurs twice :: 2 rows of .* on 2008-01-01
daily-rain-wet-days :: Only days with rain, of one gauge :: lists days with rain only.*MISSING_DAYS=dry
daily-rain-no-table :: Neither a table nor rasters of rain :: There is no rain
daily-rain-held-years :: HOLD_OUT_YEARS before all landslides :: HOLD_OUT_YEARS 1990 has no landslide
daily-rain-undeclared :: Days of -9999 mm :: works: They count as unknown. :: -9999 in .* days.*count as unknown
[rainfallwarning]
thresholds-other-table :: A table of something else as THRESHOLDS :: no column probability, alpha
thresholds-negative :: A negative alpha in THRESHOLDS :: impossible zone, probability or alpha in line 2
thresholds-level-missing :: THRESHOLDS without the probability of a warning ::
    WARNING_PROBABILITY is 20 %.*probabilities: 5
"""
_MAKERS: dict[str, Callable[[Workplace], dict[str, Any]]] = {
    "slides-day-or-month": _dates(["03/04/2010", "05/06/2011"]),
    "slides-two-orders": _dates(["25/12/2010", "12/25/2010"]),
    "slides-words-as-dates": _dates(["2010-05-01", "last summer"]),
    "slides-years-only": _dates(["2010", "2011"]),
    "slides-before-the-rain": _dates(["1990-05-01", "1995-06-02"]),
    "daily-rain-negative": _rain(lambda rows: [*rows[:40], rows[40].split(",")[0] + ",-5,0", *rows[41:]]),
    "daily-rain-tenths": _rain(_values(lambda value: 10 * value + 250)),
    "daily-rain-zero": _rain(_values(lambda value: 0.0)),
    "daily-rain-twice": _rain(lambda rows: [*rows, rows[1]]),
    "daily-rain-wet-days": _rain(
        lambda rows: ["date,G0", *(row.rpartition(",")[0] for row in rows[1:] if float(row.split(",")[1]) >= 1)]
    ),
    "daily-rain-no-table": lambda at: {"RAIN_TABLE": None},
    "daily-rain-held-years": lambda at: {"HOLD_OUT_YEARS": "1990"},
    "daily-rain-undeclared": _rain(
        lambda rows: [*rows[:9], *(f"{row.split(',')[0]},-9999,-9999" for row in rows[9:12]), *rows[12:]]
    ),
    "thresholds-other-table": _thresholds("zone,km2\n1,5\n"),
    "thresholds-negative": _thresholds(f"{_HEAD}0,5,-3,0.4,1,2\n"),
    "thresholds-level-missing": _thresholds(f"{_HEAD}0,5,30,0.4,1,2\n"),
}
CASES = read_cases(_CASES, _MAKERS)
