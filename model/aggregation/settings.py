"""Options of an aggregation; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Options, number

UNIT_FIELDS = (
    ("unit", "text"),
    ("cells", "integer"),
    ("susc_mean", "real"),
    ("susc_max", "real"),
    ("susc_share", "real"),
    ("landslides", "integer"),
    ("susc_unc", "real"),
    ("zone", "integer"),
    ("zone_name", "text"),
)
"""What a unit gets: name, cells with data, mean, maximum, share of the area above THRESHOLD, landslides, uncertainty,
zone."""

_THRESHOLD = (
    "The share of the area of a unit that is more susceptible than this is computed. Automatic: the lower end of the "
    "highest zone."
)
_REPEATS = "How often blocks of land are resampled for the intervals."
_SEED = "Start of the random draw; the same seed gives the same report."


@dataclass(frozen=True)
class AggregationOptions(Options):
    """Settings of an aggregation."""

    threshold: float | None = number(None, -1e30, 1e30, "Threshold", _THRESHOLD, decimals=4, automatic=True)
    repeats: int = number(200, 1, 10000, "Repeats", _REPEATS, advanced=True)
    seed: int = number(1, 0, 2147483647, "Seed", _SEED, advanced=True)
