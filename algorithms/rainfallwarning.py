"""``scarp:rainfallwarning``: where the rain of seven days calls for a landslide warning."""

from __future__ import annotations

from typing import Any

from ..model.errors import ParameterInvalid, ParameterMissing
from ..model.tables import read_pairs
from ..model.warning.classes import (
    BY_EVENTS,
    BY_RAIN_INDEX,
    METHOD,
    EventWarningInputs,
    EventWarningOptions,
    WarningInputs,
    WarningOptions,
)
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, SIDECAR_STYLE, ScarpAlgorithm
from .base.arguments import Arguments

_LEVELS = ("event_days", "watch_probability", "warning_probability", "severe_probability")


class RainfallWarning(ScarpAlgorithm):
    ID = "rainfallwarning"
    TITLE = "Rainfall warning"
    GROUP = MAP
    PLACE = 6
    TELLS_TIME = True
    TAGS = ("early warning", "threshold", "forecast", "rain", "alert", "nowcast")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": SIDECAR_STYLE, "OUTPUT_SAFETY_FACTOR": "safety_factor"}
    ONLY_WITH = {
        BY_RAIN_INDEX: (
            *("K", "TOPOGRAPHY", "TOPOGRAPHY_FIELD", "K_TABLE", "SAFETY_FACTOR", "HIT_RATE", "P_LOW", "P_HIGH"),
            *("FS_CRITICAL", "FS_WATCH"),
        ),
        BY_EVENTS: ("THRESHOLDS", *(name.upper() for name in _LEVELS)),
    }
    SUMMARY = (
        "Turns a susceptibility map and the rain of seven days, measured or forecast, into a landslide warning map, "
        "and a table of the area under warning by region and susceptibility zone.\n"
        "METHOD=event_thresholds compares the rain event so far, cumulated rain and duration, with the thresholds by "
        'zone of "Rainfall thresholds" instead: watch, warning and severe warning above the thresholds of 5, 20 and '
        "50 % non-exceedance. The rest of this text is about METHOD=rain_index.\n"
        "The rain is compared with the threshold 1/k of the terrain class by the rain index Fs = 1 / (1 + k × rain), "
        "which is below 0.5 exactly where the rain exceeds the threshold; p is the susceptibility.\n"
        "1 below threshold: Fs is FS_CRITICAL (0.5) or more. What that is worth depends on the hit rate of the "
        "threshold, the share of past landslides that it caught; the legend and the log state it, or that it is "
        "unknown.\n"
        "2 watch: Fs is below FS_CRITICAL and p below P_LOW (0.15), where the map calls the slope safe; with FS_WATCH "
        "also p from P_LOW on and Fs below FS_WATCH, when the rain comes near the threshold.\n"
        "3 warning: Fs is below FS_CRITICAL and p from P_LOW to P_HIGH (0.5).\n"
        "4 severe warning: Fs is below FS_CRITICAL and p is P_HIGH or more.\n"
        "5 not assessed: no rain data or no k; this does not mean safe. 0: off the map.\n"
        "All default thresholds are the paper's, for its area and its model: before you issue a warning, compare them "
        "with past weeks of rain in your area."
    )
    NUMBERS = {
        "WARNED_SHARE": "share of the map with a warning or a severe one",
        "SEVERE_SHARE": "share of the map with a severe warning",
        "HIGHEST_RAIN": "highest rain on the map in mm",
    }
    HELP = {
        "SUSCEPTIBILITY": 'Map from "Predict susceptibility", or any other raster from 0 (stable) to 1.',
        "RAIN": "Millimetres in the last or the coming seven days, in any coordinate system and cell size; coarse "
        "rasters are smoothed onto the map. With METHOD=event_thresholds daily rain with a band for each day up to "
        "now, two weeks at least, or the cumulated rain of an event with EVENT_DAYS.",
        "THRESHOLDS": 'OUTPUT_THRESHOLDS of "Rainfall thresholds". Needed with METHOD=event_thresholds.',
        "MORE_RAIN": "Further rasters that are added to RAIN, for daily rain: one day as RAIN, the other six here. "
        "Cells without data in one of them are not assessed.",
        "TOPOGRAPHY": 'Polygons or a raster of class numbers, as for "Build safety factor"; each class has its own '
        "threshold. Needed when there is neither K nor SAFETY_FACTOR.",
        "TOPOGRAPHY_FIELD": "Field with the terrain class of each polygon. Needed for polygons only.",
        "K_TABLE": "One row per class: its name and k, for instance from past weeks of rain with landslides. It "
        "overrides SAFETY_FACTOR. As text: lakes,0.0119,glaciers,0.0263. Classes without a row get K; without K the "
        "paper's table applies, where the names match.",
        "SAFETY_FACTOR": 'Rain index from "Build safety factor": the thresholds and their hit rate are taken from it, '
        "not its values. With thresholds by terrain class TOPOGRAPHY needs the same classes. A threshold from "
        "climatological weeks is another quantity than the rain of a real week, and the log says so.",
        "ZONES": 'Raster from "Classify zones" on the map\'s grid, for the table. Without it the map is cut into '
        "five zones by area shares. METHOD=event_thresholds needs it for thresholds by zone, cut as those of the fit.",
        "REGIONS": "Polygons, districts for instance, for each of which the table has the areas.",
        "OUTPUT": "GeoTIFF of warning classes from 1, below the threshold, to 4, severe; names and colours are in it.",
        "OUTPUT_TABLE": "Area of each class in km² and as a share of the row, mean and highest rain: for the whole "
        "map and each region, all zones together and each zone.",
        "OUTPUT_SAFETY_FACTOR": "GeoTIFF, 0 to 1. Below 0.5 the rain exceeds the threshold.",
    }

    def define(self) -> None:
        self.declare(p.raster("SUSCEPTIBILITY", "Susceptibility"))
        self.declare(p.option(METHOD), METHOD.help)
        self.declare(p.raster("RAIN", "Rain of seven days (mm)"))
        self.declare(p.rasters("MORE_RAIN", "More rain to add (mm)"))
        self.declare_options(WarningOptions, "rain_unit", "k")
        self.declare(p.raster_or_vector("TOPOGRAPHY", "Terrain classes", p.POLYGON))
        self.declare(p.raster_or_vector_field("TOPOGRAPHY_FIELD", "Terrain field"))
        self.declare(p.table("K_TABLE", "k by terrain class (1/mm)", ["Terrain class", "k (1/mm)"]))
        self.declare(p.raster("SAFETY_FACTOR", "Rain index with thresholds", optional=True))
        self.declare_options(WarningOptions, "hit_rate", "p_low", "p_high", "fs_critical", "fs_watch")
        self.declare(p.input_file("THRESHOLDS", "Thresholds of rain events", p.CSV))
        self.declare_options(EventWarningOptions, *_LEVELS)
        self.declare(p.raster("ZONES", "Zones", optional=True))
        self.declare_regions()
        self.declare(p.raster_output("OUTPUT", "Landslide warning"))
        self.declare(p.file_output("OUTPUT_TABLE", "Areas under warning", p.CSV))
        self.declare(p.raster_output("OUTPUT_SAFETY_FACTOR", "Rain index of this rain", optional=True))

    def check(self, arguments: Arguments) -> None:
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the terrain class"))
        if _method(arguments) == BY_EVENTS:
            arguments.options(EventWarningOptions)
            if not arguments.given("THRESHOLDS"):
                text = tr(
                    'THRESHOLDS is missing. METHOD=event_thresholds needs the table that "Rainfall thresholds" '
                    "writes as OUTPUT_THRESHOLDS."
                )
                raise ParameterMissing(text)
            if arguments.given("OUTPUT_SAFETY_FACTOR"):
                text = tr("{name} is not written by METHOD={method}. Leave it empty, or choose the other method.")
                raise ParameterInvalid(text.format(name="OUTPUT_SAFETY_FACTOR", method=BY_EVENTS))
            return
        options = self._options(arguments)
        if options.k is None and not options.k_table and not any(map(arguments.given, ("TOPOGRAPHY", "SAFETY_FACTOR"))):
            raise ParameterMissing(
                tr(
                    "There is no threshold to compare the rain with. Give K, for example 0.0129 for 77.5 mm in seven "
                    "days, or SAFETY_FACTOR with the thresholds, or TOPOGRAPHY with the terrain classes."
                )
            )

    def files(self, arguments: Arguments) -> dict[str, str | None]:
        files = super().files(arguments)
        if _method(arguments) == BY_EVENTS:
            del files["OUTPUT_SAFETY_FACTOR"]
        return files

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        self.tell_unused(arguments, _method(arguments))
        susceptibility = str(arguments.raster("SUSCEPTIBILITY"))
        crs = arguments.grid_crs(susceptibility, "susceptibility")
        rain = [str(arguments.raster("RAIN")), *(path for path, _ in arguments.named_rasters("MORE_RAIN"))]
        zones, field = arguments.raster("ZONES"), arguments.field("REGION_FIELD")
        if _method(arguments) == BY_EVENTS:
            thresholds, regions = str(arguments.file("THRESHOLDS")), arguments.polygons("REGIONS", crs, [field])
            given = EventWarningInputs(susceptibility, rain, thresholds, zones, regions)
            levels = arguments.options(EventWarningOptions, region_field=field)
            summary = self.call(arguments, "warn_by_events", given, options=levels)
        else:
            inputs = WarningInputs(
                susceptibility,
                rain,
                arguments.classes("TOPOGRAPHY", crs),
                arguments.raster("SAFETY_FACTOR"),
                zones,
                arguments.polygons("REGIONS", crs, [field]),
            )
            summary = self.call(arguments, "rainfall_warning", inputs, options=self._options(arguments))
        shares = {"WARNED_SHARE": summary.warned_share, "SEVERE_SHARE": summary.shares["severe"]}
        return {**shares, "HIGHEST_RAIN": summary.highest_rain}

    @staticmethod
    def _options(arguments: Arguments) -> WarningOptions:
        table = read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0, unit="1/mm")
        return arguments.options(WarningOptions, k_table=table, region_field=arguments.field("REGION_FIELD"))


def _method(arguments: Arguments) -> str:
    return arguments.choice("METHOD") if arguments.given("METHOD") else METHOD.default
