"""Options and inputs of the rain index; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ParameterInvalid
from ..factors.settings import PRECIPITATION_UNIT_HELP
from ..inputs.units import AUTO, PRECIPITATION_UNITS
from ..options import Options, choice, number

if TYPE_CHECKING:
    from ..factors.settings import CategoricalInput
    from ..inputs.vectors import Landslides, Polygons


_ALPHA = (
    "Share of the annual precipitation that falls in the rainy season, 0 to 1. The paper has 0.75 to 0.9 in Tibet. "
    "Used everywhere when no climate zones are given."
)
_BETA = (
    "Ratio of the rain in the wettest week of the season to the mean. The paper has 2.0 to 2.5; its printed "
    "formula omits this factor, which is the same as 1."
)
_RAINY_DAYS = (
    "Number of days with rain in the rainy season. The paper does not print its numbers: take yours from a weather "
    "station."
)


_PRESET = "Value of PERCENTILE when it is empty. recommended: 5. paper: 95, as printed by Zhang and Deng (2026)."
_PERCENTILE = (
    "Percentile of the rain at the historical landslides that becomes the threshold. The hit rate at these landslides "
    "is 100 minus the percentile by construction: with 5, the lower edge of the rain that triggered landslides, the "
    "threshold catches 95 % of them; with 95, as printed in the paper, only 5 %. A lower threshold puts more land "
    "under warning; the log compares the percentiles from 5 to 95. Empty: the preset's."
)
RECOMMENDED_PERCENTILE = 5.0
PERCENTILE_OF_PRESET = {"recommended": RECOMMENDED_PERCENTILE, "paper": 95.0}
CLIMATOLOGICAL, REAL, UNKNOWN = "climatological", "real", "unknown"
"""Weeks from which a threshold comes: annual rain times constants, or the week before each landslide."""


@dataclass(frozen=True)
class SafetyOptions(Options):
    """Rainy season and thresholds; the fields of climate zones override the single values."""

    alpha: float = number(0.8, 0, 1, "Share of the rainy season (alpha)", _ALPHA, decimals=4)
    beta: float = number(2.2, 0, 100, "Peak factor (beta)", _BETA, decimals=4)
    rainy_days: float = number(90, 1, 366, "Rainy days in the season", _RAINY_DAYS, decimals=2)
    precipitation_unit: str = choice(
        AUTO, PRECIPITATION_UNITS, "Unit of the precipitation", PRECIPITATION_UNIT_HELP, advanced=True, added=True
    )
    preset: str = choice("recommended", tuple(PERCENTILE_OF_PRESET), "Preset", _PRESET, added=True)
    percentile: float | None = number(
        None, 0, 100, "Percentile of the rain at landslides", _PERCENTILE, open_limits=True, decimals=2
    )
    alpha_field: str | None = None  # field of the climate zones with alpha; the next two likewise
    beta_field: str | None = None
    rainy_days_field: str | None = None
    event_rain_field: str | None = None  # of the landslides, with the rain in mm of the week before each
    k_table: Mapping[str, float] = field(default_factory=dict)
    """k in 1/mm by class label; the row ``all`` stands for classes and cells without another."""

    def __post_init__(self) -> None:
        if 1 < self.alpha <= 100:
            raise ParameterInvalid(
                f"ALPHA is {self.alpha:g}, but must lie between 0 and 1. A percentage must be divided by 100 first."
            )
        super().__post_init__()
        for name in ("alpha", "beta"):
            if not getattr(self, name):
                raise ParameterInvalid(
                    f"{name.upper()} is 0, but must be above 0: no rain at all would trigger landslides."
                )

    @property
    def threshold_percentile(self) -> float:
        """The given percentile, or the preset's."""
        return PERCENTILE_OF_PRESET[self.preset] if self.percentile is None else self.percentile


@dataclass
class SafetyInputs:
    """Layers of the rain index; vector layers are in the CRS of the reference."""

    reference: str | os.PathLike  # raster with the grid and the cells with data, such as the factor stack
    precipitation: str | os.PathLike  # annual precipitation in mm, on any grid and CRS
    climate: Polygons | None = None  # climate zones
    topography: CategoricalInput | None = None  # landform classes; ``None`` for one k everywhere
    landslides: Landslides | None = None  # historical landslides
