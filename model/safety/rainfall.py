"""Seven-day rainfall and the safety factor that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio.features import rasterize

from ..errors import FieldUnusable, NoOverlap, ParameterInvalid
from ..grid import Block, Grid
from ..inputs.vectors import Polygons
from ..labels.area import polygon_extents, reaches
from ..progress import Progress

CRITICAL = 0.5
"""Safety factor under which a warning stands: exactly where the seven-day rainfall exceeds the critical one."""

_LIMITS = {"ALPHA": (0.0, 1.0), "BETA": (0.0, 1000.0), "RAINY_DAYS": (0.0, 366.0)}


DRY_WEEK, WET_WEEK = 5.0, 1500.0
"""mm in the wettest week of a year between which most land on Earth lies."""


def about_week(highest: float) -> str:
    """Return a question about the unit of the rain by its highest seven days in mm, empty when they are plausible."""
    if highest < DRY_WEEK:
        return (f"The seven-day rainfall is nowhere above {highest:.3g} mm. Is PRECIPITATION in metres, in inches or "
                "for a month, or ALPHA too small? PRECIPITATION is in mm a year.")
    if highest > WET_WEEK:
        return (f"The seven-day rainfall is up to {highest:,.0f} mm, more than nearly anywhere. Is PRECIPITATION in "
                "tenths of a millimetre, or RAINY_DAYS too small? PRECIPITATION is in mm a year.")
    return ""


def seven_day_rainfall(annual: np.ndarray, alpha: np.ndarray | float, beta: np.ndarray | float,
                       rainy_days: np.ndarray | float) -> np.ndarray:
    """Return R7 = α · β · (7 / n) · R_annual in mm, NaN where the annual rainfall is.

    Zhang & Deng (2026), equation 4, with the factor β that the text and table 2 give and the printed equation leaves
    out; β = 1 is the printed form.

    Args:
        annual: annual rainfall in mm.
        alpha: share of the rainy season in the annual rainfall, above 0 and up to 1.
        beta: ratio of the maximum to the mean rainfall in the season.
        rainy_days: rainy days in the season.
    """
    return alpha * beta * (7.0 / rainy_days) * annual


def safety_factor(rainfall: np.ndarray, k: np.ndarray | float) -> np.ndarray:
    """Return Fs = 1 / (1 + k · R7) (Zhang & Deng 2026, equation 2), between 0 and 1.

    Args:
        rainfall: seven-day rainfall R7 in mm, not negative.
        k: regional coefficient in 1/mm.
    """
    return 1.0 / (1.0 + k * rainfall)


@dataclass
class Season:
    """Parameters of the rainy season: one value each, or polygons of climate zones that override them."""

    alpha: float
    beta: float
    rainy_days: float
    zones: Polygons | None = None
    alpha_field: str | None = None
    beta_field: str | None = None
    rainy_days_field: str | None = None

    def prepare(self, grid: Grid, progress: Progress) -> None:
        """Check the values and read the fields.

        Raises:
            ParameterInvalid: a value is out of its range, or CLIMATE comes without any field.
            FieldUnusable: a field is missing, or a value in it is no number or out of range.
            NoOverlap: no climate zone reaches into the grid.
        """
        for name, value in (("ALPHA", self.alpha), ("BETA", self.beta), ("RAINY_DAYS", self.rainy_days)):
            low, high = _LIMITS[name]
            if not low < value <= high:
                percent = " A percentage is divided by 100 first." if name == "ALPHA" and 1 < value <= 100 else ""
                raise ParameterInvalid(f"{name} is {value:g}, but it must lie above {low:g} and not above {high:g}."
                                       f"{percent}")
        if self.rainy_days < 7:
            progress.warn(f"RAINY_DAYS is {self.rainy_days:g}: with fewer than 7 rainy days the formula gives more "
                          "rain in a week than in the whole season.")
        self._fields = {name: field for name, field in (
            ("ALPHA", self.alpha_field), ("BETA", self.beta_field), ("RAINY_DAYS", self.rainy_days_field)) if field}
        if self.zones is None:
            return
        if not self._fields:
            raise ParameterInvalid("CLIMATE is given, but none of ALPHA_FIELD, BETA_FIELD and RAINY_DAYS_FIELD. Choose "
                                   "the fields that hold the values of each zone.")
        self._grid = grid
        self._extent = polygon_extents(grid, self.zones) if len(self.zones) else np.empty((0, 4))
        if not reaches(self._extent, Block(0, 0, grid.height, grid.width)).any():
            raise NoOverlap(f'No polygon of the layer "{self.zones.name}" given as CLIMATE overlaps the reference '
                            "raster. Check the CRS of both.")
        self._values = {name: self._read_field(name, field, progress) for name, field in self._fields.items()}

    def read(self, block: Block) -> tuple[np.ndarray | float, np.ndarray | float, np.ndarray | float, np.ndarray]:
        """Return alpha, beta and rainy days of a block's cells, and which cells lie in a climate zone.

        Where zones overlap the later one counts; outside them, and where a field is empty, the single value does.
        """
        single = {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}
        shape = (block.height, block.width)
        if self.zones is None:
            return (*single.values(), np.ones(shape, dtype=bool))
        chosen = np.flatnonzero(reaches(self._extent, block))
        zone = np.zeros(shape, dtype=np.int32)
        if len(chosen):
            shapes = ((self.zones.geometries[index], number) for number, index in enumerate(chosen, 1))
            zone = rasterize(shapes, out_shape=shape, fill=0, dtype=np.int32,
                             transform=self._grid.block_transform(block))
        read = []
        for name, value in single.items():
            table = np.array([value, *(self._values[name][chosen] if name in self._values else ())])
            read.append(table[zone] if name in self._values else value)
        return read[0], read[1], read[2], zone > 0

    def _read_field(self, name: str, field: str, progress: Progress) -> np.ndarray:
        values = self.zones.numbers(field)
        low, high = _LIMITS[name]
        with np.errstate(invalid="ignore"):
            wrong = values[(values <= low) | (values > high)]
        if len(wrong):
            raise FieldUnusable(f'The field "{field}" of the layer "{self.zones.name}" holds {wrong[0]:g} for {name}, '
                                f"but it must lie above {low:g} and not above {high:g}.")
        empty = np.isnan(values)
        if empty.any():
            single = {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}[name]
            progress.warn(f'The field "{field}" of the layer "{self.zones.name}" is empty in {int(empty.sum())} '
                          f"polygons; {name} is {single:g} there.")
        return np.where(empty, {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}[name], values)
