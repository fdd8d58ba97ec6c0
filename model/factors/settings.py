"""Options and inputs of a factor stack; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from ..errors import ParameterInvalid
from ..inputs.units import AUTO, ELEVATION_UNITS, PRECIPITATION_UNITS, TEMPERATURE_UNITS
from ..options import NONE, Options, choice, number, scheduler, several
from .definitions import CELL_TERRAIN, FLOW_TERRAIN, MEAN_SLOPE, POSITION, RELIEF, WINDOW_TERRAIN

if TYPE_CHECKING:
    from ..inputs.vectors import Lines, Points, Polygons

TERRAIN_GROUPS = (*CELL_TERRAIN, *WINDOW_TERRAIN, *FLOW_TERRAIN)
DEFAULT_TERRAIN = (*CELL_TERRAIN, POSITION, RELIEF, MEAN_SLOPE)
"""What helped where it was tried; roughness and mean curvature in windows added nothing to it."""
HORN = "horn"
ZEVENBERGEN_THORNE = "zevenbergen_thorne"
SLOPE_METHODS = (HORN, ZEVENBERGEN_THORNE)


_TERRAIN = (
    "Further factors from the DEM. direction: northness and eastness; curvature: tangential curvature and curvature; "
    "position, relief, mean_slope, roughness, mean_curvature: each in windows that reach 50, 100, 200, 400 and 800 m "
    "from the cell; flow: contributing area, wetness index and height above drainage, which need the package pyflwdir. "
    "none leaves the three factors of the paper."
)
_SLOPE_METHOD = (
    "horn (1981) uses eight neighbours, as ArcGIS and GDAL do; zevenbergen_thorne (1987) uses four and suits "
    "smooth terrain."
)
_RIVERS = (
    "River density is the length of the rivers within this distance of a cell, divided by the area of the circle "
    "(km/km²)."
)
_FAULTS = "The same for fault density (km/km²). Faults have an effect over longer distances, so it is larger."
_DEM_UNIT = (
    "auto takes the unit that the raster states, else metres; with a CRS in feet and no unit stated, choose one. ft is "
    "the international foot (0.3048 m), us_ft the US survey foot."
)
PRECIPITATION_UNIT_HELP = (
    "auto takes the unit that the raster states, else millimetres a year. tenth_mm is a tenth of a millimetre."
)
_TEMPERATURE_UNIT = (
    "auto takes the unit that the raster states, else degrees Celsius. tenth_celsius is a tenth of a degree, as in "
    "WorldClim 1."
)
_KIND = (
    "How the raster of embeddings stores them. auto: alphaearth if it has 64 bands called A00 to A63, or 64 bands of "
    "whole numbers with −128 for no data; else linear if its bands state a scale or offset; else none. alphaearth: "
    "whole numbers are signed bytes, whose squares, with their sign, are the values. linear: scale and offset of the "
    "bands. none: the values as they are."
)
_YEAR = (
    "Year of the images behind the embeddings. Left empty: the year in the name of the file, in its metadata or in the "
    "names of its folders."
)
_LANDSLIDE_YEAR = (
    "Year of the first landslides that the model will learn from. From embeddings of that year or later it would learn "
    "to find their scars, so there is a warning. Left empty, it is asked about in the log."
)
AUTO_KIND, ALPHAEARTH, LINEAR, STORED = "auto", "alphaearth", "linear", "none"
EMBEDDING_KINDS = (AUTO_KIND, ALPHAEARTH, LINEAR, STORED)


@dataclass(frozen=True)
class StackOptions(Options):
    """Settings of a factor stack."""

    terrain: tuple[str, ...] = several(DEFAULT_TERRAIN, (NONE, *TERRAIN_GROUPS), "Terrain in context", _TERRAIN)
    slope_method: str = choice(HORN, SLOPE_METHODS, "Slope formula", _SLOPE_METHOD, advanced=True)
    river_radius: float = number(1000.0, 1, 1e6, "Search radius for rivers (m)", _RIVERS, decimals=1, advanced=True)
    fault_radius: float = number(5000.0, 1, 1e6, "Search radius for faults (m)", _FAULTS, decimals=1, advanced=True)
    dem_unit: str = choice(AUTO, ELEVATION_UNITS, "Unit of the elevations", _DEM_UNIT, advanced=True, added=True)
    precipitation_unit: str = choice(
        AUTO, PRECIPITATION_UNITS, "Unit of the precipitation", PRECIPITATION_UNIT_HELP, advanced=True, added=True
    )
    temperature_unit: str = choice(
        AUTO, TEMPERATURE_UNITS, "Unit of the temperature", _TEMPERATURE_UNIT, advanced=True, added=True
    )
    embeddings_kind: str = choice(
        AUTO_KIND, EMBEDDING_KINDS, "Kind of the embeddings", _KIND, advanced=True, added=True
    )
    embeddings_year: int | None = number(None, 1972, 2100, "Year of the embeddings", _YEAR, advanced=True, added=True)
    landslide_year: int | None = number(
        None, 1, 2100, "Year of the first landslides", _LANDSLIDE_YEAR, advanced=True, added=True
    )
    scheduler: str = scheduler()


@dataclass
class CategoricalInput:
    """Classes: either polygons with a field that names the class, or a raster of whole numbers in any CRS."""

    polygons: Polygons | None = None
    field: str | None = None  # field of the polygons with the class labels
    raster: str | None = None  # path of a class raster
    name: str = ""  # name of the layer; extra factors are named after it

    def __post_init__(self) -> None:
        if (self.polygons is None) == (self.raster is None):
            raise ParameterInvalid(f'Classes "{self.name}" take polygons or a raster: give one of the two.')
        if self.polygons is not None and not self.field:
            raise ParameterInvalid(
                f'The polygons "{self.polygons.name}" need a field that names the class. Choose it in the parameter '
                "beside the layer."
            )

    @property
    def source(self) -> str:
        """Path or URI, for the run record."""
        return self.polygons.source if self.polygons is not None else str(self.raster)


@dataclass
class StationPoints:
    """Measurements at weather stations, to be interpolated."""

    points: Points
    field: str  # field with the measured values

    @property
    def source(self) -> str:
        """Path or URI, for the run record."""
        return self.points.source


RasterPath = Union[str, "os.PathLike[str]"]
ContinuousInput = Union[RasterPath, StationPoints]
"""A raster of measured values in any CRS, or stations between which they are interpolated."""


@dataclass
class StackInputs:
    """Layers of a factor stack; vector layers are in the CRS of the DEM. Inputs that are not given make no factor."""

    dem: RasterPath  # elevations in metres; its grid becomes the study grid
    area: Polygons | None = None  # study area; cells outside get no data
    landform: CategoricalInput | None = None
    rivers: Lines | None = None
    precipitation: ContinuousInput | None = None  # annual precipitation in mm
    temperature: ContinuousInput | None = None  # annual mean in °C
    faults: Lines | None = None
    lithology: CategoricalInput | None = None
    seismic: CategoricalInput | None = None  # classes of seismic intensity
    extra_continuous: Sequence[tuple[RasterPath, str]] = ()  # path and layer name of further rasters of measured values
    extra_categorical: Sequence[CategoricalInput] = ()
    embeddings: RasterPath | None = None  # multi-band raster of a satellite embedding
    class_table: RasterPath | None = None
    """An earlier stack or a trained model whose class codes are reused for equal labels."""

    def sources(self) -> dict[str, Any]:
        """Return path or URI by input, for the run record."""
        layers = {name: getattr(layer, "source", layer) for name, layer in vars(self).items()}
        layers["extra_continuous"] = [path for path, _ in self.extra_continuous] or None
        layers["extra_categorical"] = [layer.source for layer in self.extra_categorical] or None
        return layers

    def fields(self) -> dict[str, str]:
        """Return the attribute field by input, for the run record."""
        names = ("landform", "lithology", "seismic", "precipitation", "temperature")
        found = {name: getattr(getattr(self, name), "field", None) for name in names}
        return {name: field for name, field in found.items() if field}

    def rasters(self) -> list[RasterPath]:
        """Return the paths of all rasters."""
        layers: list[Any] = [self.dem, self.embeddings, self.landform, self.precipitation, self.temperature]
        layers += [self.lithology, self.seismic]
        layers += [*(path for path, _ in self.extra_continuous), *self.extra_categorical]
        paths = [layer.raster if isinstance(layer, CategoricalInput) else layer for layer in layers]
        return [path for path in paths if isinstance(path, (str, os.PathLike))]
