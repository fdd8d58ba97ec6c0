"""``scarp:rainfallthresholds``: rainfall thresholds from dated landslides and daily rain, tested on years held back."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem

from ..model.errors import ParameterInvalid, ParameterMissing
from ..model.rainfall.settings import RainThresholdInputs, RainThresholdOptions
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, ScarpAlgorithm
from .base.arguments import Arguments

_TABLE_FIELDS = ("RAIN_DATE_FIELD", "RAIN_STATION_FIELD", "RAIN_FIELD")
_NUMBERS = {"LANDSLIDE_DAYS": "landslide_days", "GAMMA": "gamma", "ALPHA": "alpha", "POD": "pod", "POFA": "pofa"}
_SCORES = {"TSS": "tss", "TSS_BEST": "tss_tuned", "TSS_DAILY": "tss_daily"}


class RainfallThresholds(ScarpAlgorithm):
    ID = "rainfallthresholds"
    TITLE = "Rainfall thresholds"
    GROUP = MAP
    PLACE = 5
    TAGS = (
        "early warning",
        "threshold",
        "rain",
        "intensity",
        "duration",
        "ctrl-t",
        "non-exceedance",
        "trigger",
        "hazard",
    )
    REQUIRED_MODULES = (*CORE, "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Fits rainfall thresholds E = α × D^γ (cumulated rain in mm, duration in days) to dated landslides and daily "
        "rain, by susceptibility zone and for several non-exceedance probabilities, with intervals, and tests them on "
        "years that "
        'had no part in the fit. "Rainfall warning" makes a map from them.\n'
        "Rain events are separated by dry days. Of each day with landslides the rain from the beginning of the event "
        "to that day counts. A line through the logarithms is shifted to the quantiles of the distances from it "
        "(frequentist method). All zones share its slope; each has its own intercept, and zones with few landslides "
        "are joined.\nThe test counts hits, misses and false alarms by zone and year, and compares with a threshold "
        "of daily rain alone, chosen from the same years.\n"
        "Thresholds from daily rain lie below those from hourly rain and hold for daily rain of the same source only."
    )
    NUMBERS = {
        "LANDSLIDE_DAYS": "days with landslides in the fit",
        "GAMMA": "slope γ",
        "ALPHA": "intercept α in mm of the lowest probability, in the most susceptible zones",
        "POD": "probability of detection of the lowest probability in the years held back",
        "POFA": "share of false alarms among its warnings there",
        "TSS": "its true skill statistic there",
        "TSS_BEST": "true skill statistic there of the threshold with the best one in the years of the fit",
        "TSS_DAILY": "true skill statistic there of daily rain, chosen alike",
    }
    HELP = {
        "LANDSLIDES": "Inventory of dated landslides, points or polygons. At least ten different days with landslides "
        "and rain are needed for the fit; thirty make it worth much.",
        "DATE_FIELD": "Field with the day of each landslide: a date, or text such as 2019-07-03, 03.07.2019, 3 Jul "
        "2019 or in Chinese. A time of day is cut off; landslides with a year or month only are left out.",
        "RAIN_TABLE": "Daily rain of gauges: CSV, spreadsheet or any layer. Either a column of days and one column "
        "for each gauge, or a row for each gauge and day with a column of gauges. Years, months and days may be "
        "columns of their own.",
        "RAIN_DATE_FIELD": "Field of the days. Without it the one that is named so, or the first that holds days.",
        "RAIN_STATION_FIELD": "Field of the gauges, in a table with a row for each gauge and day. Without it the one "
        "that is named so (station, gauge and others), if there is one.",
        "RAIN_FIELD": "Field of the rain. Without it all other fields with numbers are gauges.",
        "RAIN_STATIONS": "Points of the gauges; a landslide gets the rain of the nearest one. Not needed for one "
        "gauge.",
        "STATION_FIELD": "Field of RAIN_STATIONS with the names of the gauges as in the table.",
        "RAIN_RASTERS": "In place of the table: rasters with a band for each day, GeoTIFF or NetCDF, one or several "
        "files (years, for instance). Bands state their days by name or as a time of NetCDF; a file of one band by "
        "its own name. Only cells under landslides are read.",
        "ZONES": 'Raster from "Classify zones", or any whole numbers from 1 to 20, each of which gets its own '
        "threshold. Without it one threshold holds for all land.",
        "OUTPUT_THRESHOLDS": "CSV, a row for each zone and probability: α, γ and their intervals, the share of "
        "landslide days "
        'below and of other rain events above, and the counts of the test. "Rainfall warning" takes it as THRESHOLDS.',
        "OUTPUT_EVENTS": "CSV of all rain events at the places of landslides: first and last day, duration, rain, "
        "landslides, and D and E up to the day of the landslides.",
        "OUTPUT_TABLE": "CSV of the test: hits, misses, false alarms, correct negatives and scores of each rule, as a "
        "whole, by zones and by year.",
        "OUTPUT_HTML": "One file with rain events and thresholds in a figure, the numbers, the test, and the limits "
        "of the method.",
    }

    def define(self) -> None:
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON))
        self.declare(p.field("DATE_FIELD", "Date field", "LANDSLIDES"))
        self.declare(p.vector("RAIN_TABLE", "Daily rain (table)", p.TABLE, optional=True))
        self.declare(p.field("RAIN_DATE_FIELD", "Field of the days", "RAIN_TABLE"))
        self.declare(p.field("RAIN_STATION_FIELD", "Field of the gauges", "RAIN_TABLE"))
        self.declare(p.field("RAIN_FIELD", "Field of the rain", "RAIN_TABLE"))
        self.declare(p.vector("RAIN_STATIONS", "Gauges", p.POINT, optional=True))
        self.declare(p.field("STATION_FIELD", "Field with the name of the gauge", "RAIN_STATIONS"))
        self.declare(p.rasters("RAIN_RASTERS", "Daily rain (rasters)"))
        self.declare(p.raster("ZONES", "Zones", optional=True))
        names = ("dry_rain", "dry_days", "probabilities", "hold_out_years", "min_landslides", "gauge_distance")
        self.declare_options(RainThresholdOptions, *names)
        names = ("rain_unit", "missing_days", "date_order", "start_date", "repeats", "seed")
        self.declare_options(RainThresholdOptions, *names)
        self.declare(p.file_output("OUTPUT_THRESHOLDS", "Thresholds", p.CSV))
        self.declare(p.file_output("OUTPUT_EVENTS", "Rain events", p.CSV, optional=True, by_default=False))
        self.declare(p.file_output("OUTPUT_TABLE", "Test of the thresholds", p.CSV, optional=True))
        self.declare(p.file_output("OUTPUT_HTML", "Report", p.HTML, optional=True))
        self.declare_document()

    def check(self, arguments: Arguments) -> None:
        arguments.options(RainThresholdOptions)
        if not arguments.given("DATE_FIELD"):
            raise ParameterMissing(tr("DATE_FIELD is missing. Choose the field with the day of each landslide."))
        table, rasters = arguments.given("RAIN_TABLE"), arguments.given("RAIN_RASTERS")
        if table and rasters:
            raise ParameterInvalid(tr("Both RAIN_TABLE and RAIN_RASTERS are given. Keep one of them."))
        if not table and not rasters:
            raise ParameterMissing(tr("There is no rain. Give RAIN_TABLE, daily rain of gauges, or RAIN_RASTERS."))
        if arguments.given("RAIN_STATIONS") and not arguments.given("STATION_FIELD"):
            raise ParameterMissing(
                tr("RAIN_STATIONS was given without STATION_FIELD. Choose the field with the names of the gauges.")
            )

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        zones, date = arguments.raster("ZONES"), str(arguments.field("DATE_FIELD"))
        crs = QgsCoordinateReferenceSystem("EPSG:4326") if zones is None else arguments.grid_crs(zones, "zones")
        station = arguments.field("STATION_FIELD")
        day, gauge, rain = (arguments.field(name) for name in _TABLE_FIELDS)
        inputs = RainThresholdInputs(
            arguments.landslides("LANDSLIDES", crs, [date]),
            date,
            crs.toWkt(),
            arguments.table_rows("RAIN_TABLE"),
            day,
            gauge,
            rain,
            arguments.points("RAIN_STATIONS", crs, [station]),
            station,
            arguments.named_rasters("RAIN_RASTERS"),
            zones,
        )
        options = arguments.options(RainThresholdOptions)
        summary = self.call(arguments, "rainfall_thresholds", inputs, options=options)
        return {name: getattr(summary, key) for name, key in {**_NUMBERS, **_SCORES}.items()}
