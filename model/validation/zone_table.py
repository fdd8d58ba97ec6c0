"""The table of zones (table 4 of the paper): landslides, area and frequency ratio of each, and whether they rise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics import Estimate
from .spatial_blocks import BlockResamples


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
    p_rise: float
    """One-sided p of a ratio so much above that of the zone below; NaN for the lowest zone, where the ratio does not
    rise, and where no test is possible."""
    p_fall: float = math.nan
    """One-sided p of a ratio so much below that of the zone below; NaN where it does not fall, likewise."""


def zone_table(
    landslide_zones: np.ndarray,
    places: np.ndarray,
    resamples: BlockResamples,
    area_m2: Mapping[int, float],
    names: Mapping[int, str],
) -> list[ZoneRow]:
    """Return table 4.

    The area is known, the landslides are a sample: the interval of the frequency ratio is that of the share of
    landslides, from resampled blocks, divided by the share of area. It also holds for a zone without any landslide.

    Args:
        landslide_zones: zone of each landslide, 0 where there is none, shape (landslides,).
        places: column of the resamples' weights of each landslide.
        names: zone names in the order of the table, from the least susceptible.
    """
    zones, blocks = list(names), resamples.weights.shape[1]
    counts = np.array([np.bincount(places[landslide_zones == zone], minlength=blocks) for zone in zones])
    # Row by row: the weights as floating-point numbers may be very large.
    resampled = np.stack([row @ counts.T for row in resamples.weights])
    in_zones, all_area = counts.sum(), sum(area_m2.get(zone, 0.0) for zone in zones)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = resampled / resampled.sum(axis=1, keepdims=True)
    rows: list[ZoneRow] = []
    below: tuple[float, np.ndarray] | None = None
    for zone, count, repeats in zip(zones, counts.sum(axis=1).tolist(), shares.T):
        area = area_m2.get(zone, 0.0)
        share = resamples.estimate(count / in_zones if in_zones else math.nan, repeats, "share")
        area_share = area / all_area if all_area else math.nan
        divisor = area_share or math.nan
        ratio = Estimate(share.value / divisor, share.low / divisor, share.high / divisor, share.interval)
        p_rise = p_fall = math.nan
        if math.isfinite(ratio.value):
            if below is not None:
                p = resamples.p(ratio.value - below[0], repeats / divisor - below[1]) / 2
                p_rise, p_fall = (p, math.nan) if ratio.value > below[0] else (math.nan, p)
            below = ratio.value, repeats / divisor
        rows.append(ZoneRow(zone, names[zone], count, share, area / 1e6, area_share, ratio, p_rise, p_fall))
    return rows


def non_monotonic_pairs(rows: Sequence[ZoneRow]) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose frequency ratio does not rise, lower zone first.

    Zones without area are passed over. A useful map has none.
    """
    return [
        (low.name, high.name)
        for low, high in _neighbours(rows)
        if high.frequency_ratio.value <= low.frequency_ratio.value
    ]


def insignificant_increases(rows: Sequence[ZoneRow], level: float = 0.05) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose ratio rises, but by no more than chance may make, lower zone first.

    The difference of the two ratios is tested over resampled blocks, one-sided at ``level``.
    """
    return [(low.name, high.name) for low, high in _neighbours(rows) if high.p_rise > level]


def significant_decreases(rows: Sequence[ZoneRow], level: float = 0.05) -> list[tuple[str, str]]:
    """Return the pairs of neighbouring zones whose ratio falls by more than chance may make, lower zone first."""
    return [(low.name, high.name) for low, high in _neighbours(rows) if high.p_fall < level]


def _neighbours(rows: Sequence[ZoneRow]) -> list[tuple[ZoneRow, ZoneRow]]:
    known = [row for row in rows if math.isfinite(row.frequency_ratio.value)]
    return list(zip(known, known[1:]))
