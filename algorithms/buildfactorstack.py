"""``scarp:buildfactorstack``: all conditioning factors on one grid, in one file."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem

from ..model.factors.settings import CategoricalInput, StackInputs, StackOptions, StationPoints
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments


class BuildFactorStack(ScarpAlgorithm):
    ID = "buildfactorstack"
    TITLE = "Build factor stack"
    GROUP = PREPARE
    PLACE = 2
    TELLS_TIME = True
    TAGS = ("slope", "curvature", "aspect", "density", "lithology", "stack", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": "stack"}
    SUMMARY = (
        "Resamples all conditioning factors of landslides to the DEM grid and writes them as one raster with a band "
        "per factor, which the other steps read.\n"
        "From the DEM come slope gradient (degrees), profile curvature (1/m, convex positive; ArcGIS has the opposite "
        "sign and 100 times the number) and slope aspect (flat and eight directions). Each further input adds a "
        "factor; leave out what you do not have. The paper uses ten: the three from the DEM, landform, river density, "
        "annual precipitation, annual mean temperature, fault density, lithology and seismic intensity.\n"
        "Layers may be in any coordinate reference system. All distances are metres on the ground, also on a grid in "
        "degrees. A cell where any factor has no data has no data in the whole stack; the log states how many cells "
        "each factor lacks."
    )
    NUMBERS = {"FACTORS": "factors in the stack; embeddings are one", "VALID_CELLS": "cells with data in all factors"}
    HELP = {
        "DEM": "Elevation in metres, or in the unit that the raster states or that you choose below. Its grid becomes "
        "the study grid: the map will have its cells. 30 m and a projected CRS are best; degrees work as well.",
        "AREA": "Polygons; cells outside them get no data. Without it the whole DEM is used.",
        "LANDFORM": "Terrain classes (mountain, plain, glacier ...): polygons, or a raster of class numbers.",
        "LANDFORM_FIELD": "Field with the class of each landform polygon. Needed for polygons only.",
        "RIVERS": "Lines. Extend the layer beyond the DEM by the search radius to avoid edge effects.",
        "PRECIPITATION": "Millimetres per year: a raster, interpolated to the grid if it is coarse (1 km); or points "
        "of weather stations, which are interpolated.",
        "PRECIPITATION_FIELD": "Field with the millimetres. Needed for station points only.",
        "TEMPERATURE": "Degrees Celsius: a raster or station points. Some data sets store tenths of a degree or "
        "kelvin: choose their unit below.",
        "TEMPERATURE_FIELD": "Field with the degrees Celsius. Needed for station points only.",
        "FAULTS": "Lines of geological faults, beyond the border of the DEM if available.",
        "LITHOLOGY": "Rock types: polygons, or a raster of class numbers.",
        "LITHOLOGY_FIELD": "Field with the rock type of each polygon. Needed for polygons only.",
        "SEISMIC": "Zones of earthquake intensity or peak ground acceleration: polygons, or a raster of class numbers.",
        "SEISMIC_FIELD": "Field with the intensity of each polygon. Needed for polygons only.",
        "EXTRA_CONTINUOUS": "Further rasters of measured values, such as distance to roads or a vegetation index. "
        "Each becomes a factor named after its layer.",
        "EXTRA_CATEGORICAL": "Further rasters of class numbers, such as land cover. Each becomes a factor named after "
        "its layer.",
        "EMBEDDINGS": "Satellite embeddings of a year before the landslides: one raster with all bands of the model, "
        "such as AlphaEarth (64) or Tessera (128). They are interpolated to the grid and kept as bands that count as "
        "one factor; each training reduces them to a few principal components on its own land. Of several files make "
        "a virtual raster first (Raster > Miscellaneous > Build Virtual Raster).",
        "CLASSES_FROM": "A factor stack built before, or a trained model, whose class numbers are reused for equal "
        "class names, so that the bands of two areas can be compared. Models match classes by name in any case.",
        "OUTPUT": "GeoTIFF with one band per factor, in physical units, with names and descriptions.",
    }

    def define(self) -> None:
        self.declare(p.raster("DEM", "Elevation model (DEM)"))
        self.declare(p.vector("AREA", "Study area", p.POLYGON, optional=True))
        self.declare_options(StackOptions, "terrain")
        self.declare(p.raster_or_vector("LANDFORM", "Landform", p.POLYGON))
        self.declare(p.raster_or_vector_field("LANDFORM_FIELD", "Landform field"))
        self.declare(p.vector("RIVERS", "Rivers", p.LINE, optional=True))
        self.declare_options(StackOptions, "river_radius")
        self.declare(p.raster_or_vector("PRECIPITATION", "Annual precipitation", p.POINT))
        self.declare(p.raster_or_vector_field("PRECIPITATION_FIELD", "Precipitation field"))
        self.declare(p.raster_or_vector("TEMPERATURE", "Annual mean temperature", p.POINT))
        self.declare(p.raster_or_vector_field("TEMPERATURE_FIELD", "Temperature field"))
        self.declare(p.vector("FAULTS", "Faults", p.LINE, optional=True))
        self.declare_options(StackOptions, "fault_radius")
        self.declare(p.raster_or_vector("LITHOLOGY", "Lithology", p.POLYGON))
        self.declare(p.raster_or_vector_field("LITHOLOGY_FIELD", "Lithology field"))
        self.declare(p.raster_or_vector("SEISMIC", "Seismic intensity", p.POLYGON))
        self.declare(p.raster_or_vector_field("SEISMIC_FIELD", "Seismic intensity field"))
        self.declare(p.rasters("EXTRA_CONTINUOUS", "Extra factors, continuous"))
        self.declare(p.rasters("EXTRA_CATEGORICAL", "Extra factors, categorical"))
        self.declare(p.raster("EMBEDDINGS", "Satellite embeddings", optional=True))
        self.declare_options(StackOptions, "embeddings_kind", "embeddings_year", "landslide_year")
        self.declare_options(StackOptions, "dem_unit", "precipitation_unit", "temperature_unit", "slope_method")
        kinds = "Factor stack or model (*.tif *.tiff *.safetensors)"
        self.declare(p.input_file("CLASSES_FROM", "Classes of an earlier stack", kinds), advanced=True)
        self.declare_options(StackOptions, "scheduler")
        self.declare(p.raster_output("OUTPUT", "Factor stack"))

    def check(self, arguments: Arguments) -> None:
        for name, what in (
            ("LANDFORM", tr("the class")),
            ("LITHOLOGY", tr("the class")),
            ("SEISMIC", tr("the class")),
            ("PRECIPITATION", tr("the millimetres")),
            ("TEMPERATURE", tr("the degrees")),
        ):
            arguments.require_field(name, f"{name}_FIELD", what)
        arguments.terrain()
        arguments.scheduler()

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        dem = str(arguments.raster("DEM"))
        options = arguments.options(StackOptions, terrain=arguments.terrain(), scheduler=arguments.scheduler())
        radii = options.river_radius, options.fault_radius
        crs, bounds, near_rivers, near_faults = arguments.grid(dem, "DEM", *radii)
        extra_classes = arguments.named_rasters("EXTRA_CATEGORICAL")
        inputs = StackInputs(
            dem,
            area=arguments.polygons("AREA", crs, near=bounds),
            landform=arguments.classes("LANDFORM", crs, bounds),
            rivers=arguments.lines("RIVERS", crs, near_rivers),
            precipitation=self._climate("PRECIPITATION", crs, arguments),
            temperature=self._climate("TEMPERATURE", crs, arguments),
            faults=arguments.lines("FAULTS", crs, near_faults),
            lithology=arguments.classes("LITHOLOGY", crs, bounds),
            seismic=arguments.classes("SEISMIC", crs, bounds),
            extra_continuous=arguments.named_rasters("EXTRA_CONTINUOUS"),
            extra_categorical=[CategoricalInput(raster=path, name=name) for path, name in extra_classes],
            embeddings=arguments.raster("EMBEDDINGS"),
            class_table=arguments.file("CLASSES_FROM"),
        )
        summary = self.call(arguments, "build_factor_stack", inputs, options=options)
        return {"FACTORS": summary.count, "VALID_CELLS": summary.valid_cells}

    @staticmethod
    def _climate(name: str, crs: QgsCoordinateReferenceSystem, arguments: Arguments) -> Any:
        if not arguments.given(name) or arguments.is_raster(name):
            return arguments.raster(name)
        field = arguments.field(f"{name}_FIELD") or ""
        return StationPoints(arguments.points(name, crs, [field]), field)
