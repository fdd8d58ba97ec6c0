"""``scarp:exposurebyzone``: buildings, roads and other things in each susceptibility zone."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsGeometry

from ..model.errors import ParameterMissing
from ..model.exposure.settings import FIELDS, ExposureLayers, ExposureOptions
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import WkbType, write_sink


class ExposureByZone(ScarpAlgorithm):
    ID = "exposurebyzone"
    TITLE = "Exposure by zone"
    GROUP = MAP
    PLACE = 3
    TAGS = ("elements at risk", "buildings", "roads", "infrastructure", "overlay", "municipality", "risk")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Counts what lies in each susceptibility zone: number of buildings, their area, length of roads, and number, "
        "length or area of any other layer; with REGIONS for each municipality as well.\n"
        "Areas and lengths are exact and in metres on the ground, whatever the coordinate system. Layers in another "
        "one are transformed. Exposure says what stands in a zone, not what a landslide would do to it."
    )
    HELP = {
        "ZONES": 'Raster from "Classify zones", or any raster of zones numbered from 1, the least susceptible.',
        "REGIONS": "Polygons, municipalities for instance, for each of which the table has rows of its own. A cell "
        "belongs to the region in which its centre lies.",
        "OUTPUT": "Table with a row for each layer, kind, region and zone: number of points or polygons, length in m, "
        "area in m², and the share of the layer in that region. The region all is the whole map; zone 0 is land of "
        "the map without a zone.",
        "OUTPUT_TABLE": "The same table as a CSV file.",
    }

    def define(self) -> None:
        self.declare(p.raster("ZONES", "Zones"))
        self.declare_exposure(kinds=True)
        self.declare_regions()
        self.declare_options(ExposureOptions, "count_in")
        self.declare(p.vector_output("OUTPUT", "Exposure", p.TABLE, FIELDS))
        self.declare(p.file_output("OUTPUT_TABLE", "Exposure table", p.CSV))

    def check(self, arguments: Arguments) -> None:
        if not any(map(arguments.given, ("BUILDINGS", "ROADS", "EXPOSURE"))):
            raise ParameterMissing(tr("There is nothing to count. Give BUILDINGS, ROADS, or other layers as EXPOSURE."))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        zones, region_field = str(arguments.raster("ZONES")), arguments.field("REGION_FIELD")
        crs = arguments.grid_crs(zones, "zones")
        layers = ExposureLayers(
            arguments.exposed(crs), arguments.polygons("REGIONS", crs, [region_field]), region_field
        )
        options = arguments.options(ExposureOptions)
        summary = self.call(arguments, "exposure_by_zone", zones, layers, options=options)
        rows = ((QgsGeometry(), row) for row in summary.rows)
        return {"OUTPUT": write_sink(arguments, "OUTPUT", FIELDS, WkbType.NoGeometry, crs, rows)}
