"""The table of zones (table 4 of the paper): landslides, area and frequency ratio of each, and whether they rise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from ..statistics import Estimate, wilson_interval


@dataclass(frozen=True)
class ZoneRow:
    """One zone of table 4."""

    zone: int
    name: str
    landslides: int
    landslide_share: Estimate  # of all landslides inside zones, 0 to 1
    area_km2: float
    area_share: float  # of the area inside zones, 0 to 1
    frequency_ratio: Estimate  # share of the landslides divided by share of the area: 1 is as many as by chance


def zone_table(landslides: Mapping[int, int], area_m2: Mapping[int, float], names: Mapping[int, str]) -> list[ZoneRow]:
    """Return table 4.

    The area is known, the landslides are a sample: the interval of the frequency ratio is Wilson's interval of the
    share of landslides, divided by the share of area. It also holds for a zone without any landslide. ``names``: zone
    names in the order of the table, from the least susceptible.
    """
    all_landslides = sum(landslides.get(zone, 0) for zone in names)
    all_area = sum(area_m2.get(zone, 0.0) for zone in names)
    rows = []
    for zone, name in names.items():
        count, area = landslides.get(zone, 0), area_m2.get(zone, 0.0)
        share = count / all_landslides if all_landslides else math.nan
        low, high = wilson_interval(count, all_landslides)
        area_share = area / all_area if all_area else math.nan
        divisor = area_share or math.nan
        ratio = Estimate(share / divisor, low / divisor, high / divisor, "Wilson")
        rows.append(ZoneRow(zone, name, count, Estimate(share, low, high, "Wilson"), area / 1e6, area_share, ratio))
    return rows


def non_monotonic_pairs(rows: Sequence[ZoneRow]) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose frequency ratio does not rise, lower zone first.

    Zones without area are passed over. A useful map has none.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    return [
        (low.name, high.name)
        for low, high in zip(known, known[1:])
        if high.frequency_ratio.value <= low.frequency_ratio.value
    ]


def insignificant_increases(rows: Sequence[ZoneRow], level: float = 0.05) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose ratio rises, but by no more than chance may make, lower zone first.

    Were the density of landslides the same in both, the landslides of the two would fall into the upper one with the
    chance of its share of their area: a one-sided binomial test at ``level``.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    unsure = []
    for low, high in zip(known, known[1:]):
        if high.frequency_ratio.value <= low.frequency_ratio.value:
            continue
        chance = high.area_share / (low.area_share + high.area_share)
        test = binomtest(high.landslides, low.landslides + high.landslides, chance, alternative="greater")
        if test.pvalue > level:
            unsure.append((low.name, high.name))
    return unsure
