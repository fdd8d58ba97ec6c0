"""Options and inputs of the safety factor; imports nothing heavy, so that the Processing shell can show them."""

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


@dataclass(frozen=True)
class SafetyOptions(Options):
    """Rainy season and thresholds; the fields of climate zones override the single values."""

    alpha: float = number(0.8, 0, 1, "Share of the rainy season (alpha)", _ALPHA, decimals=4)
    beta: float = number(2.2, 0, 100, "Peak factor (beta)", _BETA, decimals=4)
    rainy_days: float = number(90, 1, 366, "Rainy days in the season", _RAINY_DAYS, decimals=2)
    precipitation_unit: str = choice(
        AUTO, PRECIPITATION_UNITS, "Unit of the precipitation", PRECIPITATION_UNIT_HELP, advanced=True
    )
    alpha_field: str | None = None  # field of the climate zones with alpha; the next two likewise
    beta_field: str | None = None
    rainy_days_field: str | None = None
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


@dataclass
class SafetyInputs:
    """Layers of the safety factor; vector layers are in the CRS of the reference."""

    reference: str | os.PathLike  # raster with the grid and the cells with data, such as the factor stack
    precipitation: str | os.PathLike  # annual precipitation in mm, on any grid and CRS
    climate: Polygons | None = None  # climate zones
    topography: CategoricalInput | None = None  # landform classes; ``None`` for one k everywhere
    landslides: Landslides | None = None  # historical landslides
