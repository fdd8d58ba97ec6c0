"""Daily rain of gauges and landslides that follow a threshold with a known law, for tests of rainfall thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio.crs import CRS

from scarp.model.inputs.vectors import Points, Table
from scarp.model.progress import NullProgress
from scarp.model.rainfall.settings import RainThresholdInputs, RainThresholdOptions

GAMMA, ALPHA, SPREAD = 0.45, {1: 90.0, 2: 55.0, 3: 35.0}, 0.12
FIRST = np.datetime64("2008-01-01")
DEGREES = CRS.from_epsg(4326)
LEFT, TOP, STEP = 100.0, 31.0, 0.5  # of gauges a step apart, one after the other to the east


@dataclass
class RainStudy:
    """Rain in mm of shape (gauges, days), and landslides in arrays of one length."""

    rain: np.ndarray
    gauge: np.ndarray
    zone: np.ndarray
    day: np.ndarray  # number of the day in the record
    duration: np.ndarray  # of the rain event up to that day
    total: np.ndarray

    @property
    def days(self) -> np.ndarray:
        """The calendar days of the record."""
        return FIRST + np.arange(self.rain.shape[1])

    @property
    def years(self) -> np.ndarray:
        """The year of each landslide."""
        return self.days[self.day].astype("datetime64[Y]").astype(int) + 1970

    @property
    def gauges(self) -> Points:
        """The gauges, of which number n is called Gn."""
        xy = np.array([(LEFT + STEP * gauge, TOP) for gauge in range(len(self.rain))])
        return Points("gauges", fields={"name": [f"G{gauge}" for gauge in range(len(self.rain))]}, xy=xy)

    def slides(self, dates: list | None = None) -> Points:
        """The landslides, a few kilometres from their gauge, each zone in a line of latitude of its own."""
        places = [
            (LEFT + STEP * gauge + 0.02, TOP - 0.01 * zone)
            for gauge, zone in zip(self.gauge.tolist(), self.zone.tolist())
        ]
        dates = [str(day) for day in self.days[self.day]] if dates is None else dates
        return Points("slides", fields={"day": dates}, xy=np.array(places))

    def table(self) -> Table:
        """The rain with a column for each gauge."""
        columns = {f"G{gauge}": values.tolist() for gauge, values in enumerate(self.rain)}
        return Table("rain", fields={"date": [str(day) for day in self.days], **columns})

    def inputs(self, **more) -> RainThresholdInputs:
        given = {
            "slides": self.slides(),
            "rain_table": self.table(),
            "stations": self.gauges,
            "station_field": "name",
            **more,
        }
        return RainThresholdInputs(given.pop("slides"), "day", DEGREES.to_wkt(), **given)


def make_study(years: int = 12, gauges: int = 3, zones: int = 3, seed: int = 1, share: float = 0.35) -> RainStudy:
    """Return rain events that are three to nine dry days apart; ``share`` of them trigger a landslide.

    Rain with a landslide has log10 E = log10 α + γ log10 D + spread · N(0, 1); other events have a third of it.
    """
    rng = np.random.default_rng(seed)
    rain = np.zeros((gauges, round(365.25 * years)))
    found: list[tuple] = []
    for gauge in range(gauges):
        day = int(rng.integers(5, 12))
        while True:
            length = int(min(rng.geometric(0.25), 15))
            if day + length + 12 > rain.shape[1]:
                break
            zone = int(rng.integers(1, zones + 1))
            slide = rng.random() < share
            total = ALPHA[zone] * length**GAMMA * 10 ** (SPREAD * rng.standard_normal()) * (1 if slide else 0.3)
            total = max(total, 2.0 * length)
            parts = rng.dirichlet(np.ones(length)) * (total - 1.5 * length) + 1.5
            rain[gauge, day : day + length] = parts
            if slide:
                found.append((gauge, zone, day + length - 1, length, parts.sum()))
            day += length + int(rng.integers(3, 10))
    gauge_, zone_, day_, duration, total_ = map(np.array, zip(*found))
    return RainStudy(rain, gauge_, zone_, day_, duration, total_)


def thresholds(inputs, output, progress=None, **settings):
    """Run the job; settings are options and paths."""
    from scarp.model.jobs.rainfall_thresholds import rainfall_thresholds as job
    from scarp.tests.core.conftest import build

    settings.setdefault("repeats", 200)
    options = build(RainThresholdOptions, settings)
    return job(inputs, output, options=options, progress=progress or NullProgress(), **settings)
