"""``scarp:rainfallwarning``: where the rain of seven days calls for a landslide warning."""

from __future__ import annotations

from typing import Any

from ..model.errors import ParameterMissing
from ..model.tables import read_pairs
from ..model.warning.classes import FS_CRITICAL, P_HIGH, P_LOW, Thresholds
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
        "and a table of the area under warning by region and susceptibility zone.\n"
        "The rain is held against the threshold 1/k of the kind of terrain by the safety factor Fs = 1 / (1 + k × "
        "rain), which is below 0.5 exactly where the rain exceeds the threshold; p is the susceptibility.\n"
        "1 no warning: Fs is FS_CRITICAL (0.5) or more.\n"
        "2 watch: Fs is below FS_CRITICAL and p below P_LOW (0.15), where the map calls the slope safe; with FS_WATCH "
        "also p from P_LOW on and Fs below FS_WATCH, the rain coming near the threshold.\n"
        "3 warning: Fs is below FS_CRITICAL and p from P_LOW to P_HIGH (0.5).\n"
        "4 severe warning: Fs is below FS_CRITICAL and p is P_HIGH or more.\n"
        "5 not judged: no rain data or no k, which is no all-clear. 0: off the map.\n"
        "All thresholds start as in the paper. They are for its area and its model: before a warning goes out, "
        "compare them with past weeks of rain in yours."
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
            "Further rasters that are added to RAIN, for rain that comes by the day: one day as RAIN, the "
            "other six here. Where one of them has no data there is no judgement.",
        )
        self.declare(
            p.number("K", "k (1/mm)", None, 0, 1, optional=True, decimals=4),
            "1 divided by the threshold in mm: 0.0129 is 77.5 mm, the paper's value for mountains in "
            "southeastern Tibet. With TOPOGRAPHY it is for land without another k.",
        )
        self.declare(
            p.raster_or_vector("TOPOGRAPHY", "Kinds of terrain", p.POLYGON),
            'Polygons or a raster of class numbers, as for "Build safety factor"; each kind has its own '
            "threshold. Needed when there is no K.",
        )
        self.declare(
            p.raster_or_vector_field("TOPOGRAPHY_FIELD", "Terrain field"),
            "Field with the kind of terrain of each polygon. Needed for polygons only.",
        )
        self.declare(
            p.table("K_TABLE", "k by kind of terrain (1/mm)", ["Kind of terrain", "k (1/mm)"]),
            'One row a kind: its name and k, for instance those that "Build safety factor" found from your '
            "landslides. As text: lakes,0.0119,glaciers,0.0263. Kinds without a row get K; without K the "
            "paper's table holds, where the names match.",
        )
        self.declare(
            p.number("P_LOW", "Safe below this susceptibility", P_LOW, 0, 1, decimals=4),
            "Slopes below it are only watched when the threshold is exceeded, those from it on are warned "
            "of. 0.15 as in the paper.",
        )
        self.declare(
            p.number("P_HIGH", "Severe from this susceptibility on", P_HIGH, 0, 1, decimals=4),
            "Slopes from it on get a severe warning when the threshold is exceeded. 0.5, from which the "
            "paper counts a cell as a landslide.",
        )
        self.declare(
            p.number("FS_CRITICAL", "Critical safety factor", FS_CRITICAL, 0, 1, decimals=4),
            "The threshold counts as exceeded below it. 0.5, as in the paper, is rain equal to 1/k; 0.4 is "
            "one and a half times as much.",
        )
        self.declare(
            p.number("FS_WATCH", "Watch below this safety factor", None, 0, 1, optional=True, decimals=4),
            "Slopes from P_LOW on are watched below it already: 0.5556 is from four fifths of the threshold "
            "on. Empty: no watch before the threshold is exceeded.",
            advanced=True,
        )
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
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the kind of terrain"))
        table = read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0)
        self._limits(arguments)
        if not arguments.given("K") and not arguments.given("TOPOGRAPHY") and not table:
            raise ParameterMissing(
                tr(
                    "There is no threshold to hold the rain against. Give K, for example 0.0129 for "
                    "77.5 mm in seven days, or TOPOGRAPHY with the kinds of terrain."
                )
            )

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility, output = arguments.raster("SUSCEPTIBILITY"), arguments.output("OUTPUT")
        table, safety = arguments.output("OUTPUT_TABLE"), arguments.output("OUTPUT_SAFETY_FACTOR")
        crs = arguments.grid_crs(susceptibility, "susceptibility")
        region_field = arguments.field("REGION_FIELD")
        more = [path for path, _ in arguments.named_rasters("MORE_RAIN")]
        summary = arguments.core.call(
            "rainfall_warning",
            susceptibility,
            [arguments.raster("RAIN"), *more],
            output,
            table,
            k=arguments.optional_number("K"),
            topography=arguments.classes("TOPOGRAPHY", crs),
            k_table=read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0),
            limits=self._limits(arguments),
            zones=arguments.raster("ZONES"),
            regions=arguments.polygons("REGIONS", crs, [region_field]),
            region_field=region_field,
            output_safety=safety,
            progress=arguments.progress,
        )
        style_output(arguments.context, output, "warning")
        style_output(arguments.context, safety, "safety_factor")
        return {
            "OUTPUT": output,
            "OUTPUT_TABLE": table,
            "OUTPUT_SAFETY_FACTOR": safety,
            "WARNED_SHARE": summary.warned_share,
            "SEVERE_SHARE": summary.shares["severe"],
            "HIGHEST_RAIN": summary.highest_rain,
        }

    @staticmethod
    def _limits(arguments: Arguments) -> Thresholds:
        return Thresholds(
            arguments.number("P_LOW"),
            arguments.number("P_HIGH"),
            arguments.number("FS_CRITICAL"),
            arguments.optional_number("FS_WATCH"),
        )
