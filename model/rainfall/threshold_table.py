"""The table of thresholds: a row for each zone and probability, written by the fit and read by the warning."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputCorrupt, InputMissing, ParameterInvalid
from ..texts import join_names

ALL_LAND = 0  # zone number of a threshold for all land
COLUMNS = (
    *("zone", "zone_name", "group", "probability", "alpha", "alpha_low", "alpha_high", "alpha_sd"),
    *("gamma", "gamma_low", "gamma_high", "gamma_sd", "spread", "dry_rain_mm", "dry_days"),
    *("landslide_days", "shortest_days", "longest_days", "share_below", "events_above_share", "warnings_per_year"),
    *("test_hits", "test_misses", "test_false_alarms", "test_correct_negatives"),
)
"""``probability`` is the non-exceedance probability in %; E = alpha · D^gamma with E in mm and D in days."""
MAX_BYTES = 10_000_000
MAX_ZONE = 255


@dataclass
class WarningThresholds:
    """Thresholds as the warning uses them."""

    zones: list[int]  # with a threshold; only ALL_LAND if there is one for all land
    probabilities: list[float]  # in %, ascending
    log_alpha: dict[tuple[int, float], float]  # log10 of α in mm, by zone and probability
    gamma: float
    dry_rain: float  # mm
    dry_days: int
    longest_days: float  # duration up to which landslides were fitted
    hit_rates: dict[float, float]  # of the test by probability, all zones together; none without a test

    @property
    def for_all_land(self) -> bool:
        """Whether one threshold holds for all land."""
        return self.zones == [ALL_LAND]

    def table(self, probability: float) -> np.ndarray:
        """Return log10 α by zone number from 0, NaN for zones without a threshold."""
        result = np.full(MAX_ZONE + 1, np.nan)
        for zone in self.zones:
            result[zone] = self.log_alpha[zone, probability]
        return result

    def require(self, probability: float, parameter: str) -> float:
        """Return a probability in % as the table has it; raises ``ParameterInvalid`` if it does not."""
        found = next((one for one in self.probabilities if math.isclose(one, probability, rel_tol=1e-6)), None)
        if found is None:
            known = ", ".join(f"{one:g}" for one in self.probabilities)
            raise ParameterInvalid(
                f"{parameter} is {probability:g} %, but THRESHOLDS has these non-exceedance probabilities: {known}. "
                "Choose one of them, or fit the thresholds again with PROBABILITIES."
            )
        return found


def read_thresholds(path: str | os.PathLike) -> WarningThresholds:
    """Read a table of thresholds.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: it is no table of thresholds, or a number in it is impossible.
    """
    if not os.path.isfile(path):
        raise InputMissing(f"The file {path} given as THRESHOLDS does not exist. Check the path.")
    what = f"The file {path} given as THRESHOLDS"
    if os.path.getsize(path) > MAX_BYTES:
        raise InputCorrupt(f"{what} is too large for a table of thresholds. {_REMEDY}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputCorrupt(f"{what} cannot be read as CSV ({error}). {_REMEDY}") from error
    needed = ("zone", "probability", "alpha", "gamma", "dry_rain_mm", "dry_days")
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise InputCorrupt(f"{what} has no column {join_names(missing)}. {_REMEDY}")
    found: dict[tuple[int, float], float] = {}
    for number, row in enumerate(rows, 2):
        zone, probability, alpha = (_number(row, name, number, what) for name in ("zone", "probability", "alpha"))
        if not (zone.is_integer() and 0 <= zone <= MAX_ZONE and 0 < probability < 100 and alpha > 0):
            raise InputCorrupt(f"{what} has an impossible zone, probability or alpha in line {number}. {_REMEDY}")
        if (int(zone), probability) in found:
            raise InputCorrupt(f"{what} has zone {zone:g} with {probability:g} % twice. Keep one of the rows.")
        found[int(zone), probability] = math.log10(alpha)
    common = {}
    for name in ("gamma", "dry_rain_mm", "dry_days"):
        values = {_number(row, name, number, what) for number, row in enumerate(rows, 2)}
        if len(values) > 1:
            raise InputCorrupt(f"{what} has several values of {name}; all rows must have the same. {_REMEDY}")
        common[name] = values.pop()
    zones, probabilities = sorted({key[0] for key in found}), sorted({key[1] for key in found})
    if len(found) != len(zones) * len(probabilities) or (ALL_LAND in zones and len(zones) > 1):
        raise InputCorrupt(
            f"{what} lacks a probability for some zones, or mixes zone 0 (all land) with others. {_REMEDY}"
        )
    if common["dry_rain_mm"] <= 0 or common["dry_days"] < 1 or not common["dry_days"].is_integer():
        raise InputCorrupt(f"{what} has an impossible dry_rain_mm or dry_days. {_REMEDY}")
    longest = [value for value in (_optional(row, "longest_days") for row in rows) if value is not None]
    hits = {one: _hit_rate(rows, one) for one in probabilities}
    return WarningThresholds(
        zones,
        probabilities,
        found,
        common["gamma"],
        common["dry_rain_mm"],
        int(common["dry_days"]),
        max(longest, default=math.inf),
        {one: rate for one, rate in hits.items() if rate is not None},
    )


_REMEDY = 'Give OUTPUT_THRESHOLDS of "Rainfall thresholds".'


def _number(row: dict[str, Any], name: str, line: int, what: str) -> float:
    value = _optional(row, name)
    if value is None:
        raise InputCorrupt(f'{what} has "{row.get(name)}" as {name} in line {line}, which is no number. {_REMEDY}')
    return value


def _optional(row: dict[str, Any], name: str) -> float | None:
    try:
        value = float(row.get(name) or "")
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _hit_rate(rows: Sequence[dict[str, Any]], probability: float) -> float | None:
    """Return the share of the landslide days of the test above the threshold; zones of a group share their counts."""
    groups: dict[str, tuple[float, float]] = {}
    for row in rows:
        hits, misses = _optional(row, "test_hits"), _optional(row, "test_misses")
        if _optional(row, "probability") == probability and hits is not None and misses is not None:
            groups[str(row.get("group"))] = hits, misses
    hits, total = sum(one for one, _ in groups.values()), sum(sum(one) for one in groups.values())
    return hits / total if total else None
