"""Stability of an infinite slope: a sheet of soil of even depth that slides on a plane parallel to the surface.

Skempton and DeLory (1957); wetness from steady recharge as in SHALSTAB (Montgomery and Dietrich 1994,
doi:10.1029/93WR02979) and SINMAP (Pack, Tarboton and Goodwin 1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

import numpy as np
from scipy.stats import qmc

Values = Union[np.ndarray, float]
WATER = 9.81  # unit weight of water in kN/m³
CRITICAL = 1.0  # factor of safety below which the slope fails
MIN_SLOPE = 0.1  # degrees; flatter ground would have a factor of safety without bound
LIMITS = 0.01, 100.0  # lowest and highest factor of safety
DRAWS = 256  # values of each range
_DRAWN_CELLS = 1 << 16  # values computed at once: small enough for the cache
_THIN = 1e-3  # metres; bare rock has no soil to slide, so its factor of safety is very high


def relative_wetness(recharge: Values, area: Values, width: Values, transmissivity: Values, slope: Values) -> Values:
    """Return the share of the soil depth below the water table, 0 to 1: min(1, R · A / (b · T · sin θ)).

    Recharge in mm/day, contributing area in m², width of the cell in m, transmissivity in m²/day, slope in degrees.
    """
    sine = np.sin(np.radians(slope))
    return np.minimum(recharge / 1000 * area / (width * np.maximum(transmissivity, 1e-9) * sine), 1.0)


def factor_of_safety(
    slope: Values,
    soil_depth: Values,
    cohesion: Values,
    friction: Values,
    unit_weight: Values,
    saturation: Values,
    seismic_coefficient: Values = 0.0,
) -> Values:
    """Return strength over stress on a plane parallel to the surface, with water that flows parallel to it.

    Fs = [c / (γ z) + (cos²θ − k sin θ cos θ − m γw / γ · cos²θ) tan φ] / [sin θ cos θ + k cos²θ].

    Slope θ and friction φ in degrees, vertical depth z in m, cohesion c in kPa, unit weight γ in kN/m³, saturation m 0
    to 1, horizontal seismic coefficient k. A normal stress below zero counts as none.
    """
    sine, cosine = np.sin(np.radians(slope)), np.cos(np.radians(slope))
    normal = cosine * (cosine - seismic_coefficient * sine) - saturation * WATER / unit_weight * cosine**2
    friction_part = np.maximum(normal, 0.0) * np.tan(np.radians(friction))
    driving = cosine * (sine + seismic_coefficient * cosine)
    return (cohesion / (unit_weight * np.maximum(soil_depth, _THIN)) + friction_part) / driving


def draw(ranges: int) -> np.ndarray:
    """Return places within ranges, 0 to 1, shape (draws, ranges): the same for every cell and run.

    The points of Sobol's sequence, in the middle of their intervals: each range alone is divided evenly.
    """
    if not ranges:
        return np.zeros((1, 0))
    points = qmc.Sobol(ranges, scramble=False).random_base2(DRAWS.bit_length() - 1)
    return points + 0.5 / DRAWS


def stability(
    slope: np.ndarray,
    soil: Mapping[str, tuple[Values, Values]],
    area: np.ndarray | None,
    width: np.ndarray,
    places: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the logarithm of the factor of safety and the share of the draws in which it is below 1.

    Args:
        slope: degrees, shape (cells,), NaN for none; the results have its shape.
        soil: lowest and highest value by option of ``StabilityOptions``, numbers or shape (cells,). Without
            ``saturation`` it follows from ``recharge``, ``transmissivity`` and the contributing area.
        area: contributing area in m², shape (cells,); ``width`` of the cells in m likewise.
        places: column of :func:`draw`, shape (draws,), by option with a range.
    """
    mean, probability = np.full(slope.shape, np.nan), np.full(slope.shape, np.nan)
    draws = max((one.size for one in places.values()), default=1)
    step = _DRAWN_CELLS // draws
    for first in range(0, len(slope), step):
        cells = slice(first, first + step)
        # A row per cell: the order of the sums is then the same whatever the cells beside it.
        steep = np.maximum(slope[cells, None], MIN_SLOPE)
        values = {}
        for name, limits in soil.items():
            low, high = (one[cells, None] if isinstance(one, np.ndarray) else one for one in limits)
            values[name] = low + (high - low) * places[name] if name in places else low
        if "saturation" not in values and area is not None:
            flow = values.pop("recharge"), area[cells, None], width[cells, None], values.pop("transmissivity")
            values["saturation"] = relative_wetness(*flow, steep)
        found = np.clip(factor_of_safety(steep, **values), *LIMITS)
        mean[cells] = np.log(found).mean(axis=1)
        probability[cells] = (found < CRITICAL).mean(axis=1)
    probability[np.isnan(mean)] = np.nan
    return mean, probability
