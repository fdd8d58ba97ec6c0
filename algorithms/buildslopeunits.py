"""``scarp:buildslopeunits``: half-basins whose slopes face one way, from a DEM."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from qgis.core import QgsGeometry, QgsProcessingUtils

from ..model.slope_units.settings import UNIT_FIELDS, SlopeUnitOptions
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import INTEGER, REAL, TEXT, WkbType, write_sink

_TYPES = {"id": INTEGER, "kind": TEXT}
FIELDS = tuple((name, _TYPES.get(name, REAL)) for name in UNIT_FIELDS)


class BuildSlopeUnits(ScarpAlgorithm):
    ID = "buildslopeunits"
    TITLE = "Build slope units"
    PLACE = 6
    GROUP = PREPARE
    TAGS = ("slope unit", "half-basin", "watershed", "catchment", "aspect", "mapping unit")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": "slope_units"}
    SUMMARY = (
        "Divides the land of a DEM into slope units: hillsides between ridges and streams that face one way. They are "
        "the mapping units of many susceptibility maps, since a landslide stays on its hillside.\n"
        "Half-basins on the left and right of streams are split along smaller and smaller streams until their aspect "
        "is homogeneous (after Alvioli et al. 2016, 2020). Without settings, those are chosen whose units are "
        "homogeneous and differ most from their neighbours. The units cover all cells with data, without gaps and "
        "overlaps. Flat land and lakes are units of their own.\n"
        'Give the units to "Aggregate susceptibility" for a map by slope unit.'
    )
    NUMBERS = {
        "UNITS": "units",
        "FLAT_UNITS": "units of flat land",
        "MEAN_AREA": "mean area of the other units (m²)",
        "MIN_AREA": "smallest area (m²), given or chosen",
        "ASPECT_VARIANCE": "variance of the aspect up to which units were not split, given or chosen",
        "INTERNAL_VARIANCE": "circular variance of the aspect in a unit, mean by area",
        "MORAN": "Moran's I of the mean aspect of neighbouring units; low where neighbours face other ways",
    }
    HELP = {
        "DEM": "Elevations, on a grid in metres or degrees. Nodata belongs to no unit; water leaves the land there and "
        "at the border. Take a DEM that reaches one ridge beyond the land to map: units at its border are cut off.",
        "OUTPUT": "Polygons with id, kind (slope or flat), area_m2, mean slope and mean aspect in degrees, circular "
        "variance of the aspect (0 one way, 1 all ways) and mean elevation in metres.",
        "OUTPUT_RASTER": "GeoTIFF on the grid of the DEM with the id of the unit of each cell; 0 is no data.",
    }

    def define(self) -> None:
        self.declare(p.raster("DEM", "Elevation"))
        self.declare_options(SlopeUnitOptions, "min_area", "max_area", "aspect_variance", "flat_slope", "dem_unit")
        self.declare(p.vector_output("OUTPUT", "Slope units", p.POLYGON, FIELDS))
        self.declare(p.raster_output("OUTPUT_RASTER", "Raster of slope units", optional=True))

    def check(self, arguments: Arguments) -> None:
        arguments.options(SlopeUnitOptions)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        dem, options = str(arguments.raster("DEM")), arguments.options(SlopeUnitOptions)
        crs = arguments.grid_crs(dem, "DEM")
        path = QgsProcessingUtils.generateTempFilename("units.sqlite") if arguments.given("OUTPUT") else None
        named = {"output_raster": arguments.output("OUTPUT_RASTER"), "polygons": path}
        summary = arguments.core.call("build_slope_units", dem, options=options, progress=arguments.progress, **named)
        try:
            rows = _rows(path) if path is not None else iter(())
            layer = write_sink(arguments, "OUTPUT", FIELDS, WkbType.Polygon, crs, rows)
        finally:
            if path is not None:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        numbers = {
            "UNITS": summary.units,
            "FLAT_UNITS": summary.flat_units,
            "MEAN_AREA": summary.mean_area,
            "MIN_AREA": summary.min_area,
            "ASPECT_VARIANCE": summary.aspect_variance,
            "INTERNAL_VARIANCE": summary.internal_variance,
            "MORAN": summary.moran,
        }
        return {"OUTPUT": layer, **numbers}


def _rows(path: str) -> Iterator[tuple[QgsGeometry, Sequence[Any]]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        for *values, shape in database.execute("SELECT units.*, shape FROM units JOIN shapes USING (id) ORDER BY id"):
            geometry = QgsGeometry()
            geometry.fromWkb(shape)
            yield geometry, values
