"""Factor of safety of an infinite slope with the usual soil everywhere: a textbook's rule that needs nothing measured.

With one soil for all land it is a function of slope and water alone, so it is computed once for a table of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from ..errors import ParameterInvalid
from ..stack import match_names
from .infinite_slope import MIN_SLOPE, draw, stability
from .stability_settings import ALL, QUANTITIES, StabilityOptions

HALF_SATURATED = "0.5"  # saturation where nothing tells how water gathers
_STEEPEST = 89.0  # degrees
_SLOPES, _WETNESSES = 81, 16  # values of the table; both lie where the logarithm of Fs is nearly straight between them


class UsualSoil:
    """Mean logarithm of the factor of safety with the defaults of ``buildsafetyfactor``.

    It differs by less than 0.005 from :func:`.infinite_slope.stability`.
    """

    def __init__(self, has_water: bool) -> None:
        """Prepare the table: with water that gathers from above, or for soil that is half saturated everywhere."""
        self.options = StabilityOptions() if has_water else StabilityOptions(saturation=HALF_SATURATED)
        values = {name: table[ALL] for name, table in self.options.values().items()}
        recharge, transmissivity = values["recharge"][0] / 1000, values["transmissivity"]
        if not has_water:
            del values["recharge"], values["transmissivity"]
        varying = [name for name in QUANTITIES if name in values and values[name][0] < values[name][1]]
        places = dict(zip(varying, draw(len(varying)).T))
        # Water is counted in parts of what saturates the least permeable soil: the saturation is straight in it.
        self._per_supply = recharge / transmissivity[0]
        self._wettest = transmissivity[1] / transmissivity[0]
        tangent = np.linspace(_log_tangent(np.array(MIN_SLOPE)), _log_tangent(np.array(_STEEPEST)), _SLOPES)
        wet = np.linspace(0.0, self._wettest, _WETNESSES if has_water else 2)
        slope, wetness = (
            one.ravel() for one in np.meshgrid(np.degrees(np.arctan(np.exp(tangent))), wet, indexing="ij")
        )
        supply = wetness * np.sin(np.radians(slope)) / self._per_supply if has_water else None
        mean, _ = stability(slope, values, supply, np.ones(slope.shape), places)
        self._table = RegularGridInterpolator((tangent, wet), mean.reshape(len(tangent), -1))

    def log_factor(self, slope: np.ndarray, supply: np.ndarray | None) -> np.ndarray:
        """Return the mean logarithm of Fs, float64 (cells,), NaN where an input is.

        Args:
            slope: degrees, shape (cells,).
            supply: contributing area per width of the cell in metres, likewise; ``None`` for soil half saturated.
        """
        steep = np.clip(slope.astype(np.float64), MIN_SLOPE, _STEEPEST)
        wetness = np.zeros(steep.shape)
        if supply is not None:
            wetness = np.minimum(supply * self._per_supply / np.sin(np.radians(steep)), self._wettest)
        result = np.full(steep.shape, np.nan)
        known = np.isfinite(steep) & np.isfinite(wetness)
        ends = self._table.grid[0][[0, -1]]
        tangent = np.clip(_log_tangent(steep[known]), *ends)
        result[known] = self._table(np.stack([tangent, wetness[known]], axis=1))
        return result


def _log_tangent(degrees: np.ndarray) -> np.ndarray:
    return np.log(np.tan(np.radians(degrees)))


SLOPE, AREA, WETNESS = "slope", "contributing_area", "wetness_index"


def usual_factor_of_safety(values: np.ndarray, names: Sequence[str], width: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the factor of safety of cells, float32 (cells,), and what it comes from, in words.

    Water follows from the contributing area or the wetness index where the stack has one; without either the soil is
    half saturated.

    Args:
        values: physical values of the cells, (cells, factors), of the factors ``names``.
        width: of the cells in m, (cells,).

    Raises ``ParameterInvalid`` if the slope is not among the factors.
    """
    known = match_names([SLOPE, AREA, WETNESS], names)
    if SLOPE not in known:
        raise ParameterInvalid(
            "PHYSICS=stability needs a factor of safety, but SAFETY_FACTOR is empty and the factor stack has no slope "
            "to compute it from. Build the stack with the slope, or give SAFETY_FACTOR."
        )
    columns = {name: values[:, list(names).index(found)].astype(np.float64) for name, found in known.items()}
    supply, source = None, "a soil half saturated"
    if AREA in known:
        supply, source = 10.0 ** columns[AREA] / width, f"the factor {AREA}"
    elif WETNESS in known:
        steep = np.radians(np.clip(columns[SLOPE], MIN_SLOPE, _STEEPEST))
        supply, source = np.exp(columns[WETNESS]) * np.tan(steep), f"the factor {WETNESS}"
    found = UsualSoil(supply is not None).log_factor(columns[SLOPE], supply)
    return np.exp(found).astype(np.float32), f"the factor {SLOPE}, {source} and the usual soil of METHOD=infinite_slope"
