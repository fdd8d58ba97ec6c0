"""``scarp:buildfactorstack``: all factors of landslides on one grid, in one file."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem

from ..model.factors.definitions import FAULT_RADIUS, HORN, RIVER_RADIUS, SLOPE_METHODS
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import style_output


class BuildFactorStack(ScarpAlgorithm):
    """Parameters in, one call to ``build_factor_stack``, the stack out."""

    ID = "buildfactorstack"
    TITLE = "Build factor stack"
    GROUP = PREPARE
    TAGS = ("slope", "curvature", "aspect", "density", "lithology", "stack", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Brings everything that may cause landslides onto the grid of the DEM and writes it as one raster with a band "
        "a factor, which the other steps read.\n"
        "From the DEM come slope gradient (degrees), profile curvature (1/m, convex positive; ArcGIS has the opposite "
        "sign and 100 times the number) and slope aspect (flat and eight directions). Each further input adds a "
        "factor; leave out what you do not have. The paper uses ten: the three from the DEM, landform, river density, "
        "annual precipitation, annual mean temperature, fault density, lithology and seismic intensity.\n"
        "Layers may be in any coordinate reference system. All distances are metres on the ground, also on a grid in "
        "degrees. A cell where any factor has no data has no data in the whole stack; the log says how many cells "
        "each factor costs."
    )

    def define(self) -> None:
        self.declare(
            p.raster("DEM", "Elevation model (DEM)"),
            "Elevation in metres. Its grid becomes the study grid: the map will have its cells. 30 m and a "
            "projected CRS suit best; degrees work as well.",
        )
        self.declare(
            p.vector("AREA", "Study area", p.POLYGON, optional=True),
            "Polygons; cells outside them get no data. Without it the whole DEM is used.",
        )
        self.declare(
            p.raster_or_vector("LANDFORM", "Landform", p.POLYGON),
            "Kinds of terrain (mountain, plain, glacier ...): polygons, or a raster of class numbers.",
        )
        self.declare(
            p.raster_or_vector_field("LANDFORM_FIELD", "Landform field"),
            "Field with the class of each landform polygon. Needed for polygons only.",
        )
        self.declare(
            p.vector("RIVERS", "Rivers", p.LINE, optional=True),
            "Lines; give them beyond the border of the DEM too if you can, so that densities are right there.",
        )
        self.declare(
            p.number("RIVER_RADIUS", "Search radius for rivers (m)", RIVER_RADIUS, 1, 1e6),
            "River density is the length of the rivers within this distance of a cell, divided by the area "
            "of the circle (km/km²).",
            advanced=True,
        )
        self.declare(
            p.raster_or_vector("PRECIPITATION", "Annual precipitation", p.POINT),
            "Millimetres a year: a raster, coarse ones (1 km) are smoothed onto the grid; or the points of "
            "weather stations, between which is interpolated.",
        )
        self.declare(
            p.raster_or_vector_field("PRECIPITATION_FIELD", "Precipitation field"),
            "Field with the millimetres. Needed for station points only.",
        )
        self.declare(
            p.raster_or_vector("TEMPERATURE", "Annual mean temperature", p.POINT),
            "Degrees Celsius: a raster or station points. Some data sets store tenths of a degree or kelvin; "
            "convert them first.",
        )
        self.declare(
            p.raster_or_vector_field("TEMPERATURE_FIELD", "Temperature field"),
            "Field with the degrees Celsius. Needed for station points only.",
        )
        self.declare(
            p.vector("FAULTS", "Faults", p.LINE, optional=True),
            "Lines of geological faults, beyond the border of the DEM too if you can.",
        )
        self.declare(
            p.number("FAULT_RADIUS", "Search radius for faults (m)", FAULT_RADIUS, 1, 1e6),
            "As for rivers, for fault density (km/km²). Faults act farther, so it is larger.",
            advanced=True,
        )
        self.declare(
            p.raster_or_vector("LITHOLOGY", "Lithology", p.POLYGON),
            "Kinds of rock: polygons, or a raster of class numbers.",
        )
        self.declare(
            p.raster_or_vector_field("LITHOLOGY_FIELD", "Lithology field"),
            "Field with the rock of each polygon. Needed for polygons only.",
        )
        self.declare(
            p.raster_or_vector("SEISMIC", "Seismic intensity", p.POLYGON),
            "Zones of earthquake intensity or peak ground acceleration: polygons, or a raster of class numbers.",
        )
        self.declare(
            p.raster_or_vector_field("SEISMIC_FIELD", "Seismic intensity field"),
            "Field with the intensity of each polygon. Needed for polygons only.",
        )
        self.declare(
            p.rasters("EXTRA_CONTINUOUS", "Extra factors, measured"),
            "Further rasters of amounts, such as distance to roads or a vegetation index. Each becomes a "
            "factor named after its layer.",
        )
        self.declare(
            p.rasters("EXTRA_CATEGORICAL", "Extra factors, classes"),
            "Further rasters of class numbers, such as land cover. Each becomes a factor named after its layer.",
        )
        self.declare(
            p.choice("SLOPE_METHOD", "Slope formula", SLOPE_METHODS, HORN),
            "horn (1981) uses eight neighbours and is what ArcGIS and GDAL use; zevenbergen_thorne (1987) "
            "uses four and suits smooth terrain.",
            advanced=True,
        )
        self.declare(
            p.input_file(
                "CLASSES_FROM", "Classes of an earlier stack", "Factor stack or model (*.tif *.tiff *.safetensors)"
            ),
            "A factor stack built before, or a trained model, whose class numbers are used again for equal "
            "class names, so that the bands of two areas can be compared. Models match classes by name in "
            "any case.",
            advanced=True,
        )
        self.declare(p.scheduler(), p.SCHEDULER_HELP, advanced=True)
        self.declare(
            p.raster_output("OUTPUT", "Factor stack"),
            "GeoTIFF with one band a factor, in physical units, named and described.",
        )
        self.declare_number("FACTORS", "factors in the stack")
        self.declare_number("VALID_CELLS", "cells with data in all factors")

    def check(self, arguments: Arguments) -> None:
        for name, what in (
            ("LANDFORM", tr("the class")),
            ("LITHOLOGY", tr("the class")),
            ("SEISMIC", tr("the class")),
            ("PRECIPITATION", tr("the millimetres")),
            ("TEMPERATURE", tr("the degrees")),
        ):
            arguments.require_field(name, f"{name}_FIELD", what)
        arguments.scheduler()

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        from ..model.factors.sources import CategoricalInput

        dem, output = arguments.raster("DEM"), arguments.output("OUTPUT")
        river_radius, fault_radius = arguments.number("RIVER_RADIUS"), arguments.number("FAULT_RADIUS")
        crs, bounds, near_rivers, near_faults = arguments.grid(dem, "DEM", river_radius, fault_radius)
        summary = arguments.core.call(
            "build_factor_stack",
            dem,
            output,
            area=arguments.polygons("AREA", crs, near=bounds),
            slope_method=arguments.choice("SLOPE_METHOD"),
            landform=arguments.classes("LANDFORM", crs, bounds),
            rivers=arguments.lines("RIVERS", crs, near_rivers),
            river_radius=river_radius,
            precipitation=self._climate("PRECIPITATION", crs, arguments),
            temperature=self._climate("TEMPERATURE", crs, arguments),
            faults=arguments.lines("FAULTS", crs, near_faults),
            fault_radius=fault_radius,
            lithology=arguments.classes("LITHOLOGY", crs, bounds),
            seismic=arguments.classes("SEISMIC", crs, bounds),
            extra_continuous=arguments.named_rasters("EXTRA_CONTINUOUS"),
            extra_categorical=[
                CategoricalInput(raster=path, name=name) for path, name in arguments.named_rasters("EXTRA_CATEGORICAL")
            ],
            class_table=arguments.file("CLASSES_FROM"),
            scheduler=arguments.scheduler(),
            progress=arguments.progress,
        )
        style_output(arguments.context, output, "stack")
        return {"OUTPUT": output, "FACTORS": len(summary.factors), "VALID_CELLS": summary.valid_cells}

    @staticmethod
    def _climate(name: str, crs: QgsCoordinateReferenceSystem, arguments: Arguments) -> Any:
        """Return the path of a raster, or station points with their field."""
        from ..model.factors.sources import StationPoints

        if not arguments.given(name) or arguments.is_raster(name):
            return arguments.raster(name)
        field = arguments.field(f"{name}_FIELD")
        return StationPoints(arguments.points(name, crs, [field]), field)
