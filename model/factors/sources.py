"""What a factor may be made from, as the shell hands it over (no rasterio, no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterInvalid
from ..inputs.vectors import Points, Polygons


@dataclass
class CategoricalInput:
    """Classes: either polygons with a field that names the class, or a raster of whole numbers."""

    polygons: Polygons | None = None
    field: str | None = None
    """Field of the polygons whose values are the class labels."""
    raster: str | None = None
    """Path of a class raster in any CRS."""
    name: str = ""
    """Name of the layer; extra factors are named after it."""

    def __post_init__(self) -> None:
        if (self.polygons is None) == (self.raster is None):
            raise ParameterInvalid(f'Classes "{self.name}" take polygons or a raster: give one of the two.')
        if self.polygons is not None and not self.field:
            raise ParameterInvalid(
                f'The polygons "{self.polygons.name}" need a field that names the class. '
                "Choose it in the parameter beside the layer."
            )

    @property
    def source(self) -> str:
        """Path or URI, for the run record."""
        return self.raster if self.raster is not None else self.polygons.source


@dataclass
class StationPoints:
    """Measurements at stations (rain, temperature) that are to be interpolated."""

    points: Points
    field: str
    """Field with the measured values."""
