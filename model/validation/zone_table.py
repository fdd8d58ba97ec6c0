"""Table 4 of the paper: landslides and area by zone, and their frequency ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping, Sequence

from scipy.stats import binomtest

from .intervals import Estimate, wilson_interval


@dataclass(frozen=True)
class ZoneRow:
    """One zone of table 4."""

    zone: int
    name: str
    landslides: int
    landslide_share: Estimate
    """Of all landslides inside zones, 0 to 1."""
    area_km2: float
    area_share: float
    """Of the area inside zones, 0 to 1."""
    frequency_ratio: Estimate
    """Share of the landslides divided by share of the area: 1 is as many as by chance."""


def zone_table(landslides: Mapping[int, int], area_m2: Mapping[int, float], names: Mapping[int, str]) -> list[ZoneRow]:
    """Make table 4.

    The area is known, the landslides are a sample: the interval of the frequency ratio is Wilson's interval of the
    share of landslides, divided by the share of area. It also holds for a zone without any landslide.

    Args:
        landslides: landslides by zone.
        area_m2: area by zone in square metres.
        names: zone names in the order of the table, from the least susceptible.
    """
    all_landslides = sum(landslides.get(zone, 0) for zone in names)
    all_area = sum(area_m2.get(zone, 0.0) for zone in names)
    rows = []
    for zone, name in names.items():
        count, area = landslides.get(zone, 0), area_m2.get(zone, 0.0)
        share = count / all_landslides if all_landslides else math.nan
        low, high = wilson_interval(count, all_landslides)
        area_share = area / all_area if all_area else math.nan
        ratio = Estimate(*(value / area_share if area_share else math.nan for value in (share, low, high)), "Wilson")
        rows.append(ZoneRow(zone, name, count, Estimate(share, low, high, "Wilson"), area / 1e6, area_share, ratio))
    return rows


def falls(rows: Sequence[ZoneRow]) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose frequency ratio does not rise, lower zone first.

    Zones without area are passed over. A useful map has none.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    return [(low.name, high.name) for low, high in zip(known, known[1:])
            if high.frequency_ratio.value <= low.frequency_ratio.value]


def unsure_rises(rows: Sequence[ZoneRow], level: float = 0.05) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose ratio rises, but by no more than chance may make, lower zone first.

    Were the density of landslides the same in both, the landslides of the two would fall into the upper one with the
    chance of its share of their area: a binomial test, one-sided.

    Args:
        rows: the table.
        level: of the test.
    """
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    unsure = []
    for low, high in zip(known, known[1:]):
        both = low.landslides + high.landslides
        if high.frequency_ratio.value > low.frequency_ratio.value and binomtest(
                high.landslides, both, high.area_share / (low.area_share + high.area_share),
                alternative="greater").pvalue > level:
            unsure.append((low.name, high.name))
    return unsure
