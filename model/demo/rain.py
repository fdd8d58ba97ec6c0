"""Daily rain of four gauges, and a day for each landslide of the inventory: what rainfall thresholds are fitted to.

Storms pass over all gauges, more often in the wet season. A landslide happens on the first day on which the rain event
at its gauge exceeds a limit E = α · D^0.4 of cumulated rain and duration; α falls with the true landslide probability
of its place. Of the events that exceed it one is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..inputs.vectors import Points
from .generate import World

FIRST, LAST = np.datetime64("2005-01-01"), np.datetime64("2019-12-31")
SLOPE = 0.4  # γ of the limits
ALPHAS = 160.0, 40.0  # mm, of the less probable half of the land and of the most probable place
SPREAD = 0.08  # standard deviation of log10 α at places of one probability
DRY_RAIN, DRY_DAYS = 1.0, 2
STORM_DAYS = 14  # of the raster of a storm
UNDATED_SHARE = 0.05  # of the landslides
_STREAM = 100  # number of the random stream


@dataclass
class DemoRain:
    """Rain in mm, shape (gauges, days), and the layers."""

    days: np.ndarray  # datetime64[D]
    rain: np.ndarray
    gauges: Points  # field ``name``, as the columns of :meth:`table`
    landslides: Points  # those of the inventory with the field ``date``

    def storm(self, grid: Grid) -> tuple[list[str], np.ndarray]:
        """Return the days up to a storm that exceeds the lowest limits only, and their rain on a grid.

        The rain has the shape (days, height, width). Between gauges it is weighted by the inverse square of the
        distance.
        """
        severity = np.stack([_severity(values)[1] for values in self.rain])
        mean = np.where(np.isfinite(severity), severity, 0.0).mean(axis=0)
        last = int(np.argmin(np.abs(mean - np.log10(1.3 * ALPHAS[1]))[STORM_DAYS:])) + STORM_DAYS
        days = slice(last + 1 - STORM_DAYS, last + 1)
        row, column = np.mgrid[: grid.height, : grid.width] + 0.5
        x, y = grid.transform * (column, row)
        gauges = self.gauges.xy[:, :, None, None]
        weight = 1 / ((x - gauges[:, 0]) ** 2 + (y - gauges[:, 1]) ** 2 + 1.0)
        weight /= weight.sum(axis=0)
        return [str(day) for day in self.days[days]], np.tensordot(self.rain[:, days].T, weight, axes=1)

    def table(self) -> str:
        """Return the rain as CSV, a column for each gauge."""
        lines = [",".join(["date", *self.gauges.fields["name"]])]
        lines += [f"{day},{','.join(f'{value:.1f}' for value in rain)}" for day, rain in zip(self.days, self.rain.T)]
        return "\n".join(lines) + "\n"


def make_rain(world: World, seed: int) -> DemoRain:
    """Return daily rain and dated landslides of a demo area; the same seed gives the same."""
    rng = np.random.default_rng([seed, _STREAM])
    left, bottom, right, top = world.frame.grid.bounds
    shares = np.array([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)])
    xy = np.array([left, bottom]) + shares * np.array([right - left, top - bottom])
    gauges = Points(
        "gauges", fields={"name": ["north-west", "north-east", "south-west", "south-east"]}, xy=xy[[2, 3, 0, 1]]
    )
    days = np.arange(FIRST, LAST + 1)
    rain = _draw_rain(days, len(xy), rng)
    slides = world.landslides
    nearest = np.argmin(((slides.xy[:, None] - gauges.xy) ** 2).sum(axis=2), axis=1)
    row, column, _ = world.frame.grid.cell_indices(slides.xy)
    probability = world.truth.probability
    ranks = np.searchsorted(np.sort(probability.ravel()), probability[row, column]) / probability.size
    highest, lowest = np.log10(ALPHAS)
    limits = highest + (lowest - highest) * np.clip(2 * ranks - 1, 0, 1) + SPREAD * rng.standard_normal(len(slides))
    severity = [_severity(values) for values in rain]
    dates = [_draw_day(severity[gauge], limit, rng) for gauge, limit in zip(nearest.tolist(), limits.tolist())]
    undated = rng.random(len(dates)) < UNDATED_SHARE
    texts = [None if missing else str(days[day]) for day, missing in zip(dates, undated)]
    return DemoRain(days, rain, gauges, Points("dated_landslides", fields={"date": texts}, xy=slides.xy))


def _draw_rain(days: np.ndarray, gauges: int, rng: np.random.Generator) -> np.ndarray:
    """Return rain in mm: days of a storm follow each other, and most storms reach all gauges."""
    season = np.sin(np.pi * ((days - days.astype("datetime64[Y]")).astype(np.int64) / 366.0)) ** 2
    storm = np.zeros(len(days), dtype=bool)
    draw = rng.random(len(days))
    for day in range(1, len(days)):
        storm[day] = draw[day] < (0.62 if storm[day - 1] else 0.04 + 0.16 * season[day])
    amount = rng.gamma(0.8, 10.0 + 12.0 * season)
    local = rng.gamma(2.0, 0.5, (gauges, len(days))) * (rng.random((gauges, len(days))) < 0.9)
    return np.round(storm * amount * local, 1)


def _severity(rain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the event of each day, -1 without, and log10 E - γ log10 D of its wet days, else -inf."""
    event, severity = np.full(len(rain), -1), np.full(len(rain), -np.inf)
    number, first, last, total = -1, 0, -99, 0.0
    for day in np.flatnonzero(rain >= DRY_RAIN).tolist():
        if day - last - 1 >= DRY_DAYS:
            number, first, total = number + 1, day, 0.0
            last = day - 1
        total += float(rain[last + 1 : day + 1].sum())
        last = day
        event[day], severity[day] = number, np.log10(total) - SLOPE * np.log10(day - first + 1)
    return event, severity


def _draw_day(of_gauge: tuple[np.ndarray, np.ndarray], limit: float, rng: np.random.Generator) -> int:
    """Return the first day above the limit in one of the events that exceed it; else the day of the heaviest event."""
    event, severity = of_gauge
    above = np.flatnonzero(severity >= limit)
    if not len(above):
        return int(np.argmax(severity))
    _, first = np.unique(event[above], return_index=True)
    return int(above[rng.choice(first)])
