"""From dated landslides and daily rain to the cases of fit and test: where each landslide lies, its day, its rain."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from rasterio.warp import transform
from scipy.spatial import cKDTree

from ..errors import LayerEmpty, NoOverlap, TooFewData
from ..inputs.dates import AUTO, as_text, read_dates
from ..inputs.vectors import Landslides, Points
from ..progress import Progress
from ..texts import clean_label
from .events import UNKNOWN_EVENT, RainEvents, running_severity, wet_days_before
from .series import DailyRain, label_of
from .settings import RainThresholdInputs, RainThresholdOptions
from .skill import Cases
from .thresholds import FEWEST, Conditions

_EARTH_RADIUS = 6371008.8  # metres, mean
_HELD_SHARE = 1 / 3  # of the landslide days, that are held back by default
_FIRST_OF_YEAR = 0.2  # share of landslides on 1 January from which their dates are doubted


@dataclass
class Inventory:
    """Landslides with a day, a zone and a place of rain."""

    place: np.ndarray  # number of the gauge or cell, int64
    zone: np.ndarray  # 0 without zones
    column: np.ndarray  # day in the record of rain, int64
    counts: dict[str, int] = field(default_factory=dict)  # what became of all landslides of the layer, in words
    distances: np.ndarray = field(default_factory=lambda: np.empty(0))  # to the gauges in metres; empty for rasters

    def __len__(self) -> int:
        return len(self.place)


def landslide_days(landslides: Landslides, name: str, options: RainThresholdOptions, progress: Progress) -> np.ndarray:
    """Return the day of each landslide, NaT without one.

    Raises:
        FieldUnusable: a value is no date, or day and month cannot be told apart.
        TooFewData: no landslide has a day.
    """
    where = f'The field "{name}" of the layer "{landslides.name}"'
    found = read_dates(landslides.column(name), where, options.date_order)
    dated = int(np.count_nonzero(~np.isnat(found.days)))
    if not dated:
        rough = f" {found.rough:,} give a year or a month only." if found.rough else ""
        raise TooFewData(f"{where} has no landslide with a day.{rough} Choose the field of the dates as DATE_FIELD.")
    if found.rough:
        progress.warn(f"{where} has {found.rough:,} landslides with a year or a month only. They are left out.")
    if found.empty:
        progress.warn(f"{where} has no date for {found.empty:,} of {len(found.days):,} landslides. They are left out.")
    if found.order and options.date_order == AUTO:
        words = found.order.replace("_", " ")
        progress.report(0.0, f"{where} is read with the {words}, as its other dates show.")
    days = found.days[~np.isnat(found.days)]
    new_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) == 0
    if len(days) >= FEWEST and new_year.mean() > _FIRST_OF_YEAR:
        progress.warn(
            f"{int(new_year.sum()):,} of {dated:,} landslides are dated 1 January. Is only their year known? Then "
            "leave their dates empty."
        )
    return found.days


def station_positions(stations: Points, name: str | None) -> dict[str, np.ndarray]:
    """Return the place of each gauge by its name; raises ``LayerEmpty`` for a layer without points."""
    if not len(stations):
        raise LayerEmpty(f'The layer "{stations.name}" given as RAIN_STATIONS has no point. Give the gauges.')
    labels = stations.column(name) if name else list(range(1, len(stations) + 1))
    return {label_of(label): place for label, place in zip(labels, stations.xy) if clean_label(str(label))}


def nearest_gauge(daily: DailyRain, xy: np.ndarray, crs_wkt: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest gauge of each point and its distance on the sphere in metres; 0 and 0 for a single one
    without a place.
    """
    if daily.xy is None:
        return np.zeros(len(xy), dtype=np.int64), np.zeros(len(xy))
    gauges, points = _on_sphere(daily.xy, crs_wkt), _on_sphere(xy, crs_wkt)
    chord, number = cKDTree(gauges).query(points)
    return number.astype(np.int64), 2 * _EARTH_RADIUS * np.arcsin(np.minimum(chord / 2, 1.0))


def _on_sphere(xy: np.ndarray, crs_wkt: str) -> np.ndarray:
    longitude, latitude = (np.radians(one) for one in transform(crs_wkt, "EPSG:4326", xy[:, 0], xy[:, 1]))
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)


def take_inventory(
    days: np.ndarray,
    place: np.ndarray,
    zone: np.ndarray,
    distance: np.ndarray | None,
    daily: DailyRain,
    inputs: RainThresholdInputs,
    options: RainThresholdOptions,
    progress: Progress,
) -> Inventory:
    """Return the landslides that have all, and say what became of the others.

    Args:
        days: of all landslides of the layer, NaT without.
        place: -1 for those off the raster of rain.
        zone: 0 for those without a zone, if there are zones.
        distance: to the gauge in metres; ``None`` for rasters.

    Raises:
        NoOverlap: no landslide is left.
    """
    name = inputs.landslides.name
    column = np.where(np.isnat(days), -1, daily.columns(days))
    inside = (column >= 0) & (column < daily.rain.shape[1])
    near = place >= 0 if distance is None else distance <= options.gauge_distance
    zoned = np.ones(len(days), bool) if inputs.zones is None else zone > 0
    dated = ~np.isnat(days)
    record = f"{as_text(daily.first_day)} to {as_text(daily.last_day)}"
    far = "off the raster of rain" if distance is None else f"farther than {options.gauge_distance:,.0f} m from a gauge"
    steps = (
        ("without a day", dated),
        (f"outside the record of rain ({record})", dated & inside),
        (far, dated & inside & near),
        ("without a zone", dated & inside & near & zoned),
    )
    counts, left = {"in the layer": len(days)}, np.ones(len(days), dtype=bool)
    for text, kept in steps:
        lost = int(np.count_nonzero(left & ~kept))
        if lost:
            counts[text] = lost
            if not kept.any():
                raise NoOverlap(_nothing_left(text, lost, name, days, distance, record))
            if text != "without a day":
                progress.warn(f'{lost:,} of {len(days):,} landslides of "{name}" are {text} and are left out.')
        left = kept
    counts["used"] = int(left.sum())
    used = np.flatnonzero(left)
    shown = np.empty(0) if distance is None or daily.xy is None else distance[used]
    return Inventory(place[used], zone[used], column[used], counts, shown)


def _nothing_left(text: str, lost: int, name: str, days: np.ndarray, distance: np.ndarray | None, record: str) -> str:
    known = days[~np.isnat(days)]
    if text.startswith("outside"):
        return (
            f'No landslide of "{name}" falls into the record of rain: landslides from {as_text(known.min())} to '
            f"{as_text(known.max())}, rain from {record}. Give the rain of these years, and check the fields of the "
            "days."
        )
    if distance is not None and text.startswith("farther"):
        return (
            f'All {lost:,} landslides of "{name}" are {text}; the nearest is {float(np.min(distance)):,.0f} m away. '
            "Check the CRS of both layers, or set GAUGE_DISTANCE."
        )
    return f'All landslides of "{name}" that have a day and rain are {text}. Check the CRS of the layers, and ZONES.'


@dataclass
class Study:
    """Landslide days and rain events, with what is needed to fit and to judge."""

    daily: DailyRain
    events: RainEvents
    place: np.ndarray  # of each landslide day, int64
    zone: np.ndarray
    column: np.ndarray
    landslides: np.ndarray  # on that day, at that place and in that zone
    wet_day: np.ndarray  # that ends the rain, or NO_EVENT or UNKNOWN_EVENT

    @property
    def known(self) -> np.ndarray:
        """Which landslide days have a rain event with known beginning."""
        return self.wet_day >= 0

    @property
    def year(self) -> np.ndarray:
        """Calendar year of each landslide day."""
        return self.daily.years(self.column)

    def conditions(self, chosen: np.ndarray, group_of_zone: dict[int, int]) -> Conditions:
        """Return the rain conditions of some landslide days, by a mask; those without known rain are left out."""
        here = np.flatnonzero(chosen & self.known)
        wet = self.wet_day[here]
        group = np.array([group_of_zone[zone] for zone in self.zone[here].tolist()], dtype=np.int64)
        duration = self.events.duration[wet].astype(np.float64)
        return Conditions(group, duration, self.events.total[wet], self.column[here])

    def cases(self, years: set[int], group_of_zone: dict[int, int], slope: float, paired: np.ndarray) -> Cases:
        """Return landslide days and rain events without landslides of some years.

        A rain event counts once for each group of zones that has a landslide at its place, of the landslide days that
        ``paired`` chooses. Events whose days are not all known do not count.
        """
        severity = running_severity(self.events, slope)
        wet = self.wet_day
        in_years = np.isin(self.year, list(years)) & (wet != UNKNOWN_EVENT)
        groups = np.array([group_of_zone[zone] for zone in self.zone.tolist()], dtype=np.int64)
        here = np.flatnonzero(in_years)
        rained = wet[here] >= 0
        at = np.where(rained, wet[here], 0)
        slide_severity = np.where(rained, severity[at] if len(severity) else 0.0, -np.inf)
        slide_peak = np.where(rained, self.events.peak[at] if len(severity) else 0.0, 0.0)
        pairs = np.unique(np.stack([self.place[paired], groups[paired]], axis=1), axis=0)
        last = self.events.last
        event_place, event_column = self.events.place[last], self.events.column[last]
        usable = self.events.known_start & self.events.known_end
        usable &= np.isin(self.daily.years(event_column), list(years))
        hit = wet >= 0
        taken = {(int(self.events.event[one]), int(group)) for one, group in zip(wet[hit], groups[hit])}
        chosen, owner = [], []
        for place, group in pairs.tolist():
            for event in np.flatnonzero(usable & (event_place == place)).tolist():
                if (event, group) not in taken:
                    chosen.append(event)
                    owner.append(group)
        ends = last[np.array(chosen, dtype=np.int64)]
        column = np.concatenate([self.column[here], self.events.column[ends]])
        return Cases(
            np.concatenate([np.ones(len(here), bool), np.zeros(len(ends), bool)]),
            np.concatenate([groups[here], np.array(owner, dtype=np.int64)]),
            self.daily.years(column),
            self.daily.months(column),
            np.concatenate([slide_severity, severity[ends]]),
            np.concatenate([slide_peak, self.events.peak[ends]]),
        )


def landslide_study(inventory: Inventory, daily: DailyRain, events: RainEvents, dry_days: int) -> Study:
    """Return the landslide days: landslides at one place, in one zone and on one day count once."""
    keys = np.stack([inventory.place, inventory.zone, inventory.column], axis=1)
    unique, counts = np.unique(keys, axis=0, return_counts=True)
    place, zone, column = unique.T
    wet = wet_days_before(events, daily.rain, place, column, dry_days)
    return Study(daily, events, place, zone, column, counts, wet)


def years_held_back(study: Study, options: RainThresholdOptions, progress: Progress) -> set[int]:
    """Return the calendar years that judge the thresholds, none if there is no test.

    Raises:
        TooFewData: the years that were given have no landslide with rain, or no day of rain.
    """
    last = int(study.daily.years(np.array([study.daily.rain.shape[1] - 1]))[0])
    given, years = options.held_years(), study.year[study.known]
    if given is not None:
        chosen = set(given)
        if given and not np.isin(years, given).any():
            known = f"{years.min()} to {years.max()}" if len(years) else "no year"
            raise TooFewData(
                f"HOLD_OUT_YEARS {options.hold_out_years} has no landslide with a known rain event; they are from "
                f"{known}. Choose other years, or none."
            )
        return chosen
    best: set[int] = set()
    for first in sorted(set(years.tolist()), reverse=True):
        later = years >= first
        if len(years) - int(later.sum()) < FEWEST:
            break
        best = set(range(first, last + 1))
        if later.mean() >= _HELD_SHARE:
            break
    if not best:
        progress.warn(
            f"No year can be held back: {len(years)} landslide days with rain lie in {len(set(years.tolist()))} "
            f"years, and {FEWEST} are needed for the fit. The thresholds are not tested."
        )
    return best
