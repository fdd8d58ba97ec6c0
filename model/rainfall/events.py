"""Rain events from daily rain, and the rain of an event up to a day.

A day with at least DRY_RAIN is wet. An event goes from its first wet day to its last one; DRY_DAYS dry days in a row,
or a day without a value, end it. Cumulated rain E and duration D (days) count from the first day of the event to a wet
day of it. An event whose beginning is unknown, because a day without a value comes shortly before it, gives no E and D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NO_EVENT, UNKNOWN_EVENT = -1, -2
"""In place of the number of a wet day: no rain event reaches a day; a missing day hides whether one does."""


@dataclass
class RainEvents:
    """Wet days of all places in order of place and day, and the events that they form."""

    place: np.ndarray  # of each wet day, int64, and so on
    column: np.ndarray
    event: np.ndarray
    duration: np.ndarray  # days from the first day of the event, that day included
    total: np.ndarray  # mm since the first day of the event
    peak: np.ndarray  # highest rain of a day so far in the event, mm
    first: np.ndarray  # number of the first wet day of each event
    last: np.ndarray  # of the last one
    known_start: np.ndarray  # whether the days before the first one are known, by event
    known_end: np.ndarray  # whether the days after the last one are known

    def __len__(self) -> int:
        return len(self.first)


def find_events(rain: np.ndarray, dry_rain: float, dry_days: int) -> RainEvents:
    """Return the events of daily rain in mm, shape (places, days), NaN where it is unknown."""
    unknown = np.isnan(rain)
    wet = np.zeros_like(unknown)
    np.greater_equal(rain, dry_rain, out=wet, where=~unknown)
    place, column = np.nonzero(wet)
    missing_before = np.zeros((rain.shape[0], rain.shape[1] + 1), dtype=np.int64)
    np.cumsum(unknown, axis=1, out=missing_before[:, 1:])
    sums = np.zeros(missing_before.shape)
    np.cumsum(np.where(unknown, 0.0, rain), axis=1, out=sums[:, 1:])
    begins = np.ones(len(place), dtype=bool)
    if len(place) > 1:
        same = place[1:] == place[:-1]
        gap = column[1:] - column[:-1] - 1
        broken = missing_before[place[1:], column[1:]] > missing_before[place[:-1], column[:-1]]
        begins[1:] = ~same | (gap >= dry_days) | (same & broken)
    event = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(place))[: len(first)] - 1
    start = column[first][event]
    total = sums[place, column + 1] - sums[place, start]
    peak = _running_maximum(rain[place, column], first, last)
    known_start = _all_known(missing_before, place[first], column[first] - dry_days, column[first])
    known_end = _all_known(missing_before, place[last], column[last] + 1, column[last] + 1 + dry_days)
    return RainEvents(place, column, event, column - start + 1, total, peak, first, last, known_start, known_end)


def _all_known(missing_before: np.ndarray, place: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return whether all days from ``begin`` to before ``end`` are in the record and have a value."""
    days = missing_before.shape[1] - 1
    inside = (begin >= 0) & (end <= days)
    low, high = np.clip(begin, 0, days), np.clip(end, 0, days)
    return inside & (missing_before[place, high] == missing_before[place, low])


def _running_maximum(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    result = np.empty(len(values))
    for begin, end in zip(first.tolist(), last.tolist()):
        np.maximum.accumulate(values[begin : end + 1], out=result[begin : end + 1])
    return result


def running_severity(events: RainEvents, slope: float) -> np.ndarray:
    """Return log10 E - slope · log10 D of each wet day, the highest so far in its event.

    A threshold E = a · D^slope was exceeded in the event by that day exactly if this is above log10 a.
    """
    return _running_maximum(np.log10(events.total) - slope * np.log10(events.duration), events.first, events.last)


def wet_days_before(
    events: RainEvents, rain: np.ndarray, place: np.ndarray, column: np.ndarray, dry_days: int
) -> np.ndarray:
    """Return the wet day that ends the rain before each landslide, :data:`NO_EVENT` or :data:`UNKNOWN_EVENT`.

    That is the last wet day up to the day of the landslide, if it is not more than ``dry_days`` days before it.

    Args:
        rain: as of :func:`find_events`.
        place: of each landslide, and ``column``, its day; both int64.
    """
    days = rain.shape[1]
    key = events.place * days + events.column
    inside = (column >= 0) & (column < days)
    index = np.searchsorted(key, place * days + np.where(inside, column, 0), side="right") - 1
    result = np.full(len(place), NO_EVENT, dtype=np.int64)
    for number, (at, where, day) in enumerate(zip(index.tolist(), place.tolist(), column.tolist())):
        if not inside[number]:
            result[number] = UNKNOWN_EVENT
            continue
        found = at >= 0 and events.place[at] == where
        since = int(events.column[at]) + 1 if found else 0
        begin = max(since, day - dry_days)
        # A day without a value between the last rain and the landslide may have been wet.
        if np.isnan(rain[where, begin : day + 1]).any() or (not found and day < dry_days):
            result[number] = UNKNOWN_EVENT
        elif found and day - (since - 1) <= dry_days:
            result[number] = at if events.known_start[events.event[at]] else UNKNOWN_EVENT
    return result
