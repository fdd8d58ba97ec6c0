"""Days from dates as people write them: ISO, with slashes or points, Chinese, month names, eight digits."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FieldUnusable
from ..texts import clean_label, is_no_value, shorten

AUTO, DAY_FIRST, MONTH_FIRST = "auto", "day_first", "month_first"
DATE_ORDERS = (AUTO, DAY_FIRST, MONTH_FIRST)
NO_DAY = np.datetime64("NaT", "D")
Parts = tuple[int, int, int]  # year, month, day

_TIME = r"(?:(?:[T ,]+|(?<=日)|(?<=号))\D*\d.*)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})\s?[-/.年]\s?(\d{{1,2}})\s?[-/.月]\s?(\d{{1,2}})\s?[日号]?{_TIME}")
_ROUGH = re.compile(r"\d{4}年?|\d{4}\s?[-/.年]\s?\d{1,2}月?")
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?\d{2}(?::?\d{2}){0,2}(?:\.\d+)?Z?)?")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")
_DAY_NAME_YEAR = re.compile(rf"(\d{{1,2}})[-\s/.]+([A-Za-z]{{3,9}})\.?[-\s/,.]+(\d{{4}}){_TIME}")
_NAME_DAY_YEAR = re.compile(rf"([A-Za-z]{{3,9}})\.?\s+(\d{{1,2}}),?\s+(\d{{4}}){_TIME}")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXCEL_DAYS = range(15000, 60000)  # serial numbers of days from 1941 to 2064


@dataclass
class Dates:
    """The days of a column."""

    days: np.ndarray  # datetime64[D], NaT where there is no day
    rough: int = 0  # values that give a year or a month only
    empty: int = 0  # values that give nothing
    order: str = ""  # DAY_FIRST or MONTH_FIRST if that was taken from the values


def read_dates(values: Sequence[Any], where: str, order: str = AUTO) -> Dates:
    """Return the day of each value; a time of day is cut off.

    Whether 03/07/2019 is in March or July is taken from the whole column; a column that leaves it open is refused.
    With points, 03.07.2019, the day always comes first.

    Args:
        values: texts, numbers such as 20190703, or ``None``.
        where: the field and its layer, at the beginning of a sentence.
        order: one of :data:`DATE_ORDERS`, for days between slashes or dashes with the year last.

    Raises:
        FieldUnusable: a value is no date, or day and month cannot be told apart.
    """
    found = Dates(np.full(len(values), NO_DAY))
    year_last: list[tuple[int, int, int, int]] = []
    wrong: list[int] = []
    for index, value in enumerate(values):
        text = _text_of(value)
        if not text or is_no_value(text):
            found.empty += 1
            continue
        slashed = _YEAR_LAST.fullmatch(text)
        if slashed and slashed[2] != ".":
            year_last.append((index, int(slashed[1]), int(slashed[3]), int(slashed[4])))
            continue
        parts = _parts_of(text)
        day = None if parts is None else _day(*parts)
        if day is not None:
            found.days[index] = day
        elif parts is None and _ROUGH.fullmatch(text):
            found.rough += 1
        else:
            wrong.append(index)
    if year_last:
        found.order = order if order != AUTO else _order_of(year_last, values, where)
        for index, first, second, year in year_last:
            month, number = (second, first) if found.order == DAY_FIRST else (first, second)
            day = _day(year, month, number)
            if day is None:
                wrong.append(index)
            else:
                found.days[index] = day
    if wrong:
        raise FieldUnusable(_problem(values, sorted(wrong), where))
    return found


def date_in_name(text: str) -> np.datetime64 | None:
    """Return the day that stands in a name, such as that of a band or a file; ``None`` if there is none, or several."""
    found = set()
    for year, month, day in re.findall(r"(?<!\d)(\d{4})[-_./年]?(\d{2})[-_./月]?(\d{2})(?!\d{3})", text):
        parsed = _day(int(year), int(month), int(day))
        if parsed is not None and 1800 <= int(year) <= 2200:
            found.add(parsed)
    return found.pop() if len(found) == 1 else None


def as_text(day: np.datetime64) -> str:
    """Return a day as in ISO 8601."""
    return str(day.astype("datetime64[D]"))


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return clean_label(str(value))


def _parts_of(text: str) -> Parts | None:
    """Return year, month and day of a text whose order of these is known."""
    found = _YEAR_FIRST.fullmatch(text) or _DIGITS.fullmatch(text)
    if found:
        return int(found[1]), int(found[2]), int(found[3])
    found = _YEAR_LAST.fullmatch(text)
    if found:
        return int(found[4]), int(found[3]), int(found[1])
    found = _DAY_NAME_YEAR.fullmatch(text)
    day, name, year = (found[1], found[2], found[3]) if found else ("", "", "")
    if not found:
        found = _NAME_DAY_YEAR.fullmatch(text)
        day, name, year = (found[2], found[1], found[3]) if found else ("", "", "")
    month = name[:3].lower()
    return (int(year), _MONTHS.index(month) + 1, int(day)) if month in _MONTHS else None


def _day(year: int, month: int, day: int) -> np.datetime64 | None:
    try:
        return np.datetime64(datetime.date(year, month, day), "D")
    except ValueError:
        return None


def _order_of(dates: Sequence[tuple[int, int, int, int]], values: Sequence[Any], where: str) -> str:
    day_first = next((index for index, first, _, _ in dates if first > 12), None)
    month_first = next((index for index, _, second, _ in dates if second > 12), None)
    if day_first is not None and month_first is not None:
        raise FieldUnusable(
            f'{where} has dates in two orders: "{shorten(values[day_first])}" in feature {day_first + 1} begins with '
            f'the day, "{shorten(values[month_first])}" in feature {month_first + 1} with the month. Write all dates '
            "as 2019-07-03."
        )
    if day_first is not None:
        return DAY_FIRST
    if month_first is not None or all(first == second for _, first, second, _ in dates):
        return MONTH_FIRST
    index = next(index for index, first, second, _ in dates if first != second)
    raise FieldUnusable(
        f'{where} has dates such as "{shorten(values[index])}", in which day and month cannot be told apart. Set '
        "DATE_ORDER, or write the dates as 2019-07-03."
    )


def _problem(values: Sequence[Any], wrong: Sequence[int], where: str) -> str:
    value = values[wrong[0]]
    more = f" ({len(wrong):,} such values)" if len(wrong) > 1 else ""
    remedy = "Write dates as 2019-07-03, or choose another field."
    text = _text_of(value)
    if text.isdigit() and int(text) in _EXCEL_DAYS:
        remedy = f"Is it a day number of a spreadsheet? Format the column as dates there first. {remedy}"
    return f'{where} has "{shorten(value)}" in feature {wrong[0] + 1:,}{more}, which is no date. {remedy}'
