"""``scarp:rainfallwarning``: where the rain of seven days calls for a landslide warning."""

from __future__ import annotations

from typing import Any

from ..model.errors import ParameterMissing
from ..model.tables import read_pairs
from ..model.warning.classes import WarningInputs, WarningOptions
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import style_output


class RainfallWarning(ScarpAlgorithm):
    """Parameters in, one call to ``rainfall_warning``, warning map and table out."""

    ID = "rainfallwarning"
    TITLE = "Rainfall warning"
    GROUP = MAP
    TAGS = ("early warning", "threshold", "forecast", "rain", "alert", "nowcast")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Turns a susceptibility map and the rain of seven days, measured or forecast, into a landslide warning map, "
        "and a table of the area under warning by region and susceptibility zone.\nThe rain is compared with the "
        "threshold 1/k of the terrain class by the safety factor Fs = 1 / (1 + k × rain), which is below 0.5 exactly "
        "where the rain exceeds the threshold; p is the susceptibility.\n1 no warning: Fs is FS_CRITICAL (0.5) or "
        "more.\n2 watch: Fs is below FS_CRITICAL and p below P_LOW (0.15), where the map calls the slope safe; with "
        "FS_WATCH also p from P_LOW on and Fs below FS_WATCH, when the rain comes near the threshold.\n3 warning: Fs "
        "is below FS_CRITICAL and p from P_LOW to P_HIGH (0.5).\n4 severe warning: Fs is below FS_CRITICAL and p is "
        "P_HIGH or more.\n5 not assessed: no rain data or no k; this does not mean safe. 0: off the map.\nAll default "
        "thresholds are the paper's, for its area and its model: before you issue a warning, compare them with past "
        "weeks of rain in your area."
    )

    def define(self) -> None:
        self.declare(
            p.raster("SUSCEPTIBILITY", "Susceptibility"),
            'Map from "Predict susceptibility", or any other raster from 0 (stable) to 1.',
        )
        self.declare(
            p.raster("RAIN", "Rain of seven days (mm)"),
            "Millimetres in the last or the coming seven days, in any coordinate system and cell size; "
            "coarse rasters are smoothed onto the map.",
        )
        self.declare(
            p.rasters("MORE_RAIN", "More rain to add (mm)"),
            "Further rasters that are added to RAIN, for daily rain: one day as RAIN, the other six here. Cells "
            "without data in one of them are not assessed.",
        )
        self.declare_option(WarningOptions, "rain_unit")
        self.declare_option(WarningOptions, "k")
        self.declare(
            p.raster_or_vector("TOPOGRAPHY", "Terrain classes", p.POLYGON),
            'Polygons or a raster of class numbers, as for "Build safety factor"; each class has its own threshold. '
            "Needed when there is no K.",
        )
        self.declare(
            p.raster_or_vector_field("TOPOGRAPHY_FIELD", "Terrain field"),
            "Field with the terrain class of each polygon. Needed for polygons only.",
        )
        self.declare(
            p.table("K_TABLE", "k by terrain class (1/mm)", ["Terrain class", "k (1/mm)"]),
            'One row per class: its name and k, for instance those that "Build safety factor" found from your '
            "landslides. As text: lakes,0.0119,glaciers,0.0263. Classes without a row get K; without K the paper's "
            "table applies, where the names match.",
        )
        for name in ("p_low", "p_high", "fs_critical", "fs_watch"):
            self.declare_option(WarningOptions, name)
        self.declare(
            p.raster("ZONES", "Zones", optional=True),
            'Raster from "Classify zones" on the map\'s grid, for the table. Without it the map is cut into '
            "five zones by area shares.",
        )
        self.declare(
            p.vector("REGIONS", "Regions", p.POLYGON, optional=True),
            "Polygons, districts for instance, for each of which the table has the areas.",
        )
        self.declare(
            p.field("REGION_FIELD", "Region field", "REGIONS"),
            "Field with the name of each region. Without it they are numbered.",
        )
        self.declare(
            p.raster_output("OUTPUT", "Landslide warning"),
            "GeoTIFF of warning classes from 1, no warning, to 4, severe; names and colours are in it.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Areas under warning", p.CSV),
            "Area of each class in km² and as a share of the row, mean and highest rain: for the whole map "
            "and each region, all zones together and each zone.",
        )
        self.declare(
            p.raster_output("OUTPUT_SAFETY_FACTOR", "Safety factor of this rain", optional=True),
            "GeoTIFF, 0 to 1. Below 0.5 the rain exceeds the threshold.",
        )
        self.declare_number("WARNED_SHARE", "share of the map with a warning or a severe one")
        self.declare_number("SEVERE_SHARE", "share of the map with a severe warning")
        self.declare_number("HIGHEST_RAIN", "highest rain on the map in mm")

    def check(self, arguments: Arguments) -> None:
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the terrain class"))
        options = self._options(arguments)
        if options.k is None and not arguments.given("TOPOGRAPHY") and not options.k_table:
            raise ParameterMissing(
                tr(
                    "There is no threshold to compare the rain with. Give K, for example 0.0129 for 77.5 mm in seven "
                    "days, or TOPOGRAPHY with the terrain classes."
                )
            )

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility, options = str(arguments.raster("SUSCEPTIBILITY")), self._options(arguments)
        output, table = arguments.output("OUTPUT"), arguments.output("OUTPUT_TABLE")
        safety = arguments.output("OUTPUT_SAFETY_FACTOR")
        crs = arguments.grid_crs(susceptibility, "susceptibility")
        inputs = WarningInputs(
            susceptibility,
            [str(arguments.raster("RAIN")), *(path for path, _ in arguments.named_rasters("MORE_RAIN"))],
            arguments.classes("TOPOGRAPHY", crs),
            arguments.raster("ZONES"),
            arguments.polygons("REGIONS", crs, [options.region_field]),
        )
        summary = arguments.core.call(
            "rainfall_warning", inputs, output, table, options, output_safety=safety, progress=arguments.progress
        )
        style_output(arguments.context, output, "warning")
        style_output(arguments.context, safety, "safety_factor")
        outputs = {"OUTPUT": output, "OUTPUT_TABLE": table, "OUTPUT_SAFETY_FACTOR": safety}
        shares = {"WARNED_SHARE": summary.warned_share, "SEVERE_SHARE": summary.shares["severe"]}
        return {**outputs, **shares, "HIGHEST_RAIN": summary.highest_rain}

    @staticmethod
    def _options(arguments: Arguments) -> WarningOptions:
        table = read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0)
        return arguments.options(WarningOptions, k_table=table, region_field=arguments.field("REGION_FIELD"))
