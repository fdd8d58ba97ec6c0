"""The rain event of each cell up to the last day, and its warning class by the thresholds of the cell's zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .classes import NO_WARNING, NODATA, NOT_ASSESSED, SEVERE, WARNING, WATCH


@dataclass
class EventRain:
    """The rain event of cells, shape (height, width)."""

    total: np.ndarray  # mm so far, 0 without an event; NaN where it is unknown
    duration: np.ndarray  # days, 0 without an event
    severity: np.ndarray  # log10 E - γ log10 D, the highest so far; -inf without an event, NaN where it is unknown
    cut: np.ndarray  # whether the event may have begun before the first day


def event_so_far(rain: np.ndarray, dry_rain: float, dry_days: int, slope: float) -> EventRain:
    """Return the rain event that reaches the last day, as ``rainfall.events`` defines events.

    It reaches the last day if its last wet day is not more than ``dry_days`` days before it: so it is for landslides in
    the fit. A threshold that was exceeded earlier in the event stays exceeded.

    Args:
        rain: mm of each day, shape (days, height, width), NaN where it is unknown.
        slope: γ of the thresholds.
    """
    days, shape = len(rain), rain.shape[1:]
    first, last = np.full((2, *shape), -1)
    gap = np.zeros(shape, dtype=np.int64)
    going, unknown = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for day in range(days - 1, -1, -1):
        missing = np.isnan(rain[day])
        unknown |= going & missing
        going &= ~missing
        wet = going & (np.nan_to_num(rain[day], nan=0.0) >= dry_rain)
        last[wet & (last < 0)] = day
        first[wet] = day
        gap = np.where(wet, 0, gap + 1)
        going &= gap < np.where(first < 0, dry_days + 1, dry_days)
    running, severity = np.zeros(shape), np.full(shape, -np.inf)
    duration = np.where(first >= 0, last - first + 1, 0)
    for day in range(days):
        inside = (first >= 0) & (day >= first) & (day <= last)
        running[inside] += rain[day][inside]
        wet = inside & (np.nan_to_num(rain[day], nan=0.0) >= dry_rain)
        now = np.log10(running[wet]) - slope * np.log10(day - first[wet] + 1)
        severity[wet] = np.maximum(severity[wet], now)
    running[unknown] = severity[unknown] = np.nan
    return EventRain(running, duration, severity, going & ~unknown)


def event_of_total(total: np.ndarray, days: int, slope: float) -> EventRain:
    """Return the rain event of cells from its cumulated rain in mm and its duration."""
    with np.errstate(divide="ignore", invalid="ignore"):
        severity = np.log10(total) - slope * np.log10(days)
    duration = np.where(total > 0, days, 0)
    return EventRain(total, duration, severity, np.zeros(total.shape, dtype=bool))


def classify_events(event: EventRain, limits: np.ndarray, on_map: np.ndarray) -> np.ndarray:
    """Return the warning class of each cell, uint8.

    Args:
        limits: log10 α of watch, warning and severe warning in the cell's zone, shape (3, height, width); NaN for cells
            without a threshold.
        on_map: whether a cell has a susceptibility.
    """
    result = np.full(event.severity.shape, NO_WARNING, dtype=np.uint8)
    with np.errstate(invalid="ignore"):
        for limit, number in zip(limits, (WATCH, WARNING, SEVERE)):
            result[event.severity >= limit] = number
    result[np.isnan(event.severity) | np.isnan(limits[0])] = NOT_ASSESSED
    result[~on_map] = NODATA
    return result
