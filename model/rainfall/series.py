"""Daily rain by place: from a table of gauges, or from rasters with a band for each day at the cells of landslides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import FieldUnusable, InputCorrupt, LayerEmpty, ParameterInvalid, ParameterMissing, TooFewData
from ..inputs.dates import as_text, read_dates
from ..inputs.undeclared_nodata import SentinelCounter, described_sentinels
from ..inputs.units import AUTO, PRECIPITATION, find_conversion
from ..inputs.vectors import Table
from ..progress import Progress
from ..texts import clean_label, join_names, shorten
from .settings import DRY, RainThresholdInputs, RainThresholdOptions

MOST_RAIN = 2000.0  # mm in a day; the highest that was ever measured is 1,825 mm
MOST_YEARLY_RAIN = 12000.0  # mm; the wettest places of the Earth have as much in a mean year
_TRACE = (32700.0, 999990.0)  # numbers of the Chinese daily data set for rain too small to measure
_SENTINELS = (32766.0, 32744.0, 999999.0, 999998.0, 99999.9, 9999.9, 999.9, -99.0, -99.9, -9.0)
_YEAR = 365.25
_MOST_DAYS = 200 * 366
_DATES = "date day datum fecha data time datetime tag dia giorno 日期 时间 观测日期".split()
_PARTS = (("year", "yyyy", "yr", "年", "年份"), ("month", "mon", "mm", "mo", "月", "月份"), ("day", "dd", "日"))
_STATIONS = (
    "station station_id stationid stationname station_name gauge gauge_id gaugeid site site_id stn stn_id "
    "站号 区站号 站点 台站号"
).split()
_IGNORED = ("fid", "ogc_fid")


@dataclass
class DailyRain:
    """Rain of each place and day without a gap in the calendar."""

    first_day: np.datetime64
    rain: np.ndarray  # mm, float64, shape (places, days), NaN where it is unknown
    names: list[str]  # of the places
    xy: np.ndarray | None = None  # of the places, shape (places, 2); None if one gauge stands for all land
    is_raster: bool = False

    @property
    def last_day(self) -> np.datetime64:
        """The last day with a column."""
        return self.first_day + np.timedelta64(self.rain.shape[1] - 1, "D")

    def columns(self, days: np.ndarray) -> np.ndarray:
        """Return the column of each day, datetime64[D]; below zero or too large outside the record."""
        return (days - self.first_day).astype(np.int64)

    def day(self, column: int) -> np.datetime64:
        """Return the day of a column."""
        return self.first_day + np.timedelta64(int(column), "D")

    def years(self, columns: np.ndarray) -> np.ndarray:
        """Return the calendar year of columns, int64."""
        return (self.first_day + np.asarray(columns).astype("timedelta64[D]")).astype("datetime64[Y]").astype(
            np.int64
        ) + 1970

    def months(self, columns: np.ndarray) -> np.ndarray:
        """Return the months of columns, counted from January 1970, int64."""
        return (self.first_day + np.asarray(columns).astype("timedelta64[D]")).astype("datetime64[M]").astype(np.int64)


def clean_rain(
    rain: np.ndarray, what: str, stated: str, options: RainThresholdOptions, progress: Progress
) -> np.ndarray:
    """Return rain in mm from values in any unit, NaN for what stands for no data; the values are changed in place.

    Args:
        rain: values of any shape, float64.
        what: the table or raster, at the beginning of a sentence.
        stated: the unit that the raster states, empty for none.

    Raises:
        ParameterInvalid: the values are negative, too large for rain in mm, or so small that the unit is another one.
        TooFewData: no day has a value, or all days are zero.
    """
    stated = re.sub(r"(?i)\s*(/\s*(day|d|24h)|[\s_.]*(day|d)\s*\^?-1)\s*$", "", stated.strip())
    conversion, note, warning = find_conversion(PRECIPITATION, options.rain_unit, stated, what, "RAIN_UNIT")
    if note:
        progress.report(0.0, note)
    if warning:
        progress.warn(warning)
    rain[~np.isfinite(rain)] = np.nan
    trace = np.isin(rain, _TRACE)
    if trace.any():
        rain[trace] = 0.0
        progress.warn(f"{what} has {np.count_nonzero(trace):,} values of 32700 or 999990. They count as 0, a trace.")
    counter = SentinelCounter((0.0, conversion.invert(MOST_RAIN)), _SENTINELS)
    counter.add(rain)
    undeclared = counter.isolated()
    if undeclared:
        rain[np.isin(rain.astype(np.float32), np.array(list(undeclared), dtype=np.float32))] = np.nan
        progress.warn(f"{what} holds {described_sentinels(undeclared, 'days')}. They count as unknown.")
    conversion.apply(rain)
    if np.isnan(rain).all():
        raise TooFewData(f"{what} has no day with a value. Check the field, the nodata value and the place.")
    lowest, highest = float(np.nanmin(rain)), float(np.nanmax(rain))
    if lowest < 0:
        count = int(np.count_nonzero(rain < 0))
        raise ParameterInvalid(
            f"{what} has {count:,} negative values, the lowest {lowest:g} mm. Leave these days empty, or declare the "
            "nodata value, if they stand for no data; correct them if they are an error."
        )
    if highest == 0:
        raise TooFewData(f"{what} is 0 on all days. Check that it is the right field or raster.")
    if highest > MOST_RAIN:
        raise ParameterInvalid(
            f"{what} has up to {highest:,.0f} mm in a day; the most that was ever measured is 1,825 mm. Set RAIN_UNIT "
            "(tenth_mm for tenths of a millimetre), or leave days without data empty."
        )
    yearly = float(np.nanmean(rain)) * _YEAR
    if options.rain_unit == AUTO and not stated and yearly > MOST_YEARLY_RAIN:
        raise ParameterInvalid(
            f"{what} has {yearly:,.0f} mm in a mean year, more than the wettest places of the Earth. Is it in tenths "
            "of a millimetre? Then set RAIN_UNIT=tenth_mm; RAIN_UNIT=mm if it is right."
        )
    if highest < options.dry_rain:
        raise ParameterInvalid(
            f"{what} is nowhere above {highest:.3g} mm in a day, so all days are dry. Set RAIN_UNIT (m, cm or inch), "
            "or a lower DRY_RAIN."
        )
    if options.rain_unit == AUTO and not stated and highest < 10:
        progress.warn(
            f"{what} has at most {highest:.3g} mm in a day, little for rain with landslides. Is it in cm or inches? "
            "Then set RAIN_UNIT."
        )
    return rain


def rain_of_table(inputs: RainThresholdInputs, options: RainThresholdOptions, progress: Progress) -> DailyRain:
    """Return the rain of the gauges of a table.

    The table has a column of days and one column for each gauge; or, with a column of gauges, a row for each gauge and
    day. Days may be in three columns: year, month, day.

    Raises:
        FieldUnusable: the days or values cannot be read, or a day occurs twice.
        ParameterMissing: several columns may hold the rain, or several gauges have no place.
        LayerEmpty: the table has no row.
        ParameterInvalid, TooFewData: see ``clean_rain``.
    """
    table = inputs.rain_table
    if table is None or not len(table):
        name = "" if table is None else table.name
        raise LayerEmpty(f'The table "{name}" given as RAIN_TABLE has no row. Give daily rain.')
    where = f'The table "{table.name}" given as RAIN_TABLE'
    days, used = _days(table, inputs.rain_date_field, options, where)
    known = ~np.isnat(days)
    if not known.any():
        raise FieldUnusable(f"{where} has no row with a day. Choose the field of the days as RAIN_DATE_FIELD.")
    rest = [name for name in table.fields if name not in used and name.casefold() not in _IGNORED]
    station = _station_field(inputs, rest)
    if station is None:
        names, values, rows = _by_column(table, inputs.rain_field, rest, where, progress)
        owner = np.repeat(np.arange(len(names)), len(rows))
        days, values, known = np.tile(days, len(names)), values.reshape(-1), np.tile(known, len(names))
    else:
        names, owner, values = _by_row(table, station, inputs.rain_field, rest, where, progress)
        known &= owner >= 0
    days, values, owner = days[known], values[known], owner[known]
    first = days.min()
    columns = (days - first).astype(np.int64)
    length = int(columns.max()) + 1
    if length > _MOST_DAYS:
        raise FieldUnusable(
            f"{where} goes from {as_text(first)} to {as_text(days.max())}, which is no record of daily rain. Correct "
            "the wrong day."
        )
    _require_single_days(owner, columns, names, first, where)
    rain = np.full((len(names), length), np.nan)
    rain[owner, columns] = values
    rain = clean_rain(rain, where, "", options, progress)
    if options.missing_days == DRY:
        rain[np.isnan(rain)] = 0.0
    else:
        _tell_gaps(rain, names, options.dry_rain, where, progress)
    return DailyRain(first, rain, names)


def _days(
    table: Table, given: str | None, options: RainThresholdOptions, where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the day of each row, and the fields that it was taken from."""
    order = options.date_order
    by_name = {name.strip().casefold(): name for name in table.fields}
    if given:
        return read_dates(table.column(given), f'The field "{given}" of {where[0].lower()}{where[1:]}', order).days, (
            given,
        )
    parts = [next((by_name[one] for one in names if one in by_name), None) for names in _PARTS]
    if all(parts) and len(set(parts)) == len(parts):
        fields = tuple(map(str, parts))
        rows = zip(*(table.column(name) for name in fields))
        texts = [None if None in row else "-".join(str(_whole(one)) for one in row) for row in rows]
        listed = join_names(fields)
        return read_dates(texts, f"{where}, fields {listed},").days, fields
    named = [by_name[name] for name in _DATES if name in by_name]
    for name in [*named, *(one for one in table.fields if one not in named)]:
        field = f'The field "{name}" of {where[0].lower()}{where[1:]}'
        try:
            found = read_dates(table.column(name), field, order)
        except FieldUnusable:
            if name in named:
                raise
            continue
        if not found.rough and found.empty < len(found.days):
            return found.days, (name,)
    raise FieldUnusable(
        f"{where} has no field of days that can be read. Its fields: {join_names(list(table.fields), 20)}. Write days "
        "as 2019-07-03 and choose the field as RAIN_DATE_FIELD."
    )


def _whole(value: object) -> object:
    number = float(value) if isinstance(value, (int, float)) else value
    return int(number) if isinstance(number, float) and number.is_integer() else str(value).strip()


def _station_field(inputs: RainThresholdInputs, rest: Sequence[str]) -> str | None:
    if inputs.rain_station_field:
        return inputs.rain_station_field
    by_name = {name.strip().casefold(): name for name in rest}
    return next((by_name[name] for name in _STATIONS if name in by_name), None)


def _by_column(
    table: Table, given: str | None, rest: Sequence[str], where: str, progress: Progress
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the gauges and their values by row, shape (gauges, rows), of a table with a column for each gauge."""
    chosen = [given] if given else [name for name in rest if any(_is_value(one) for one in table.column(name))]
    if not chosen:
        raise FieldUnusable(f"{where} has no field with rain beside the days. Choose it as RAIN_FIELD.")
    values = np.stack([table.numbers(name, progress, "mm") for name in chosen])
    return chosen, values, np.arange(values.shape[1])


def _by_row(
    table: Table, station: str, given: str | None, rest: Sequence[str], where: str, progress: Progress
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the gauges, the gauge of each row (-1 for none), and the value of each row."""
    candidates = [given] if given else [name for name in rest if name != station]
    if len(candidates) > 1:
        wet = [name for name in candidates if re.search("(?i)rain|prec|prcp|雨|降水", name)]
        candidates = wet if len(wet) == 1 else candidates
    if len(candidates) != 1:
        listed = join_names(candidates, 20) or "none"
        raise ParameterMissing(
            f"{where} has several fields that may hold the rain: {listed}. Choose one as RAIN_FIELD."
        )
    labels = [label_of(value) for value in table.column(station)]
    names = sorted(set(labels) - {""})
    if not names:
        raise FieldUnusable(f'{where} has no gauge in the field "{station}". Choose another RAIN_STATION_FIELD.')
    number = {name: index for index, name in enumerate(names)}
    owner = np.array([number.get(label, -1) for label in labels])
    return names, owner, table.numbers(candidates[0], progress, "mm")


def label_of(value: object) -> str:
    """Return the name of a gauge as text: 51463.0 is 51463."""
    return "" if value is None else clean_label(str(_whole(value)))


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return any(letter.isdigit() for letter in value)
    return value is not None


def _require_single_days(
    owner: np.ndarray, columns: np.ndarray, names: Sequence[str], first: np.datetime64, where: str
) -> None:
    keys, counts = np.unique(owner * (int(columns.max()) + 1) + columns, return_counts=True)
    twice = keys[counts > 1]
    if not len(twice):
        return
    gauge, column = divmod(int(twice[0]), int(columns.max()) + 1)
    day = as_text(first + np.timedelta64(column, "D"))
    hourly = counts.max() >= 8
    remedy = "Is the rain hourly? Sum it to days first." if hourly else "Keep one row for each day and gauge."
    raise FieldUnusable(
        f'{where} has {counts.max()} rows of "{shorten(names[gauge])}" on {day}, and {len(twice):,} days occur more '
        f"than once. {remedy}"
    )


def _tell_gaps(rain: np.ndarray, names: Sequence[str], dry_rain: float, where: str, progress: Progress) -> None:
    unknown = np.isnan(rain)
    if not unknown.any():
        return
    share = float(unknown.mean())
    if share > 0.2 and not np.any(rain < dry_rain):
        raise ParameterInvalid(
            f"{where} lists days with rain only; {share:.0%} of the days are not there. Set MISSING_DAYS=dry if no "
            "rain fell on them; else add the dry days as 0."
        )
    by_gauge = unknown.sum(axis=1)
    worst = np.argsort(-by_gauge, kind="stable")
    listed = join_names([f"{names[one]} ({by_gauge[one]:,})" for one in worst if by_gauge[one]], 5)
    progress.warn(
        f"{where} has no value on {int(unknown.sum()):,} of {unknown.size:,} days of gauges ({share:.1%}): {listed}. "
        "Rain events that reach such a day are not used."
    )


def place_gauges(daily: DailyRain, positions: Mapping[str, np.ndarray], progress: Progress) -> DailyRain:
    """Return the gauges that have a place, with their positions; ``positions`` are by name.

    Raises:
        ParameterInvalid: no gauge of the table is among the stations.
    """
    found = [index for index, name in enumerate(daily.names) if name in positions]
    if not found:
        raise ParameterInvalid(
            f"No gauge of RAIN_TABLE is among RAIN_STATIONS. The table has {join_names(daily.names)}, the stations "
            f"{join_names(sorted(positions))}. Choose the field with these names as STATION_FIELD."
        )
    left_out = [name for name in daily.names if name not in positions]
    if left_out:
        progress.warn(
            f"These gauges of RAIN_TABLE are not among RAIN_STATIONS and are left out: {join_names(left_out)}."
        )
    names = [daily.names[index] for index in found]
    return DailyRain(daily.first_day, daily.rain[found], names, np.array([positions[name] for name in names]))


def require_place(daily: DailyRain) -> None:
    """Raise ``ParameterMissing`` for several gauges without a place."""
    if len(daily.names) > 1:
        raise ParameterMissing(
            f"RAIN_TABLE has {len(daily.names):,} gauges ({join_names(daily.names)}), and nothing says which one is "
            "near a landslide. Give their points as RAIN_STATIONS, or one gauge as RAIN_FIELD."
        )


def require_days_in_order(days: np.ndarray, what: str) -> np.ndarray:
    """Return the order of the days of bands; raises ``InputCorrupt`` if a day occurs twice."""
    order = np.argsort(days, kind="stable")
    twice = np.flatnonzero(np.diff(days[order]) == np.timedelta64(0, "D"))
    if len(twice):
        day = as_text(days[order][twice[0]])
        raise InputCorrupt(f"{what} has the day {day} more than once. Give each day once; sum hours to days first.")
    return order
