"""``scarp:classifyzones``: a susceptibility map cut into zones."""

from __future__ import annotations

from typing import Any

from ..model.errors import ParameterInvalid
from ..model.tables import read_numbers
from ..model.zones.schemes import AREA_SHARES, BREAKS, DEFAULT_SHARES, LANDSLIDE_SHARE, ZoneOptions, read_scheme
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, SIDECAR_STYLE, ScarpAlgorithm
from .base.arguments import Arguments


class ClassifyZones(ScarpAlgorithm):
    ID = "classifyzones"
    TITLE = "Classify zones"
    GROUP = MAP
    PLACE = 2
    TELLS_TIME = True
    TAGS = ("zonation", "classes", "quantiles", "jenks", "hazard map")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Cuts a susceptibility map into zones, normally five: very low, low, medium, high, very high.\n"
        "By default the zones have fixed shares of the area: 30, 20, 20, 20 and 10 % from the least to the most "
        "susceptible, as in the paper, exact and by true area on the ground. To cut another map, of a later year or of "
        "the neighbouring region, at the same values, give these zones as BREAKS_FROM."
    )
    HELP = {
        "SUSCEPTIBILITY": 'Map from "Predict susceptibility", or any raster in which more means more susceptible.',
        "SHARES": "Percent of each zone from the least to the most susceptible, 100 in all, for area_shares and "
        "landslide_share (which takes 1, 4, 15, 30, 50 if this is not changed). There are as many zones as numbers; "
        "equal_interval and natural_breaks use only their count.",
        "BREAKS": "Rising values at which zones end, one fewer than there are zones. For METHOD breaks; METHOD need "
        "not be changed if they are given.",
        "BREAKS_FROM": "Zone raster of an earlier run, the record beside it (.run.json) or its zone table: this map "
        "is cut at the same values. METHOD and BREAKS need not be changed.",
        "LANDSLIDES": "The inventory, for METHOD landslide_share.",
        "OUTPUT": "GeoTIFF of zone numbers from 1, very low; 0 is no data. Names and colours are in it. The verdict is "
        "that of the map, and do not use where zones are closer together than the noise of the model.",
        "OUTPUT_TABLE": "Range of values, cells, km² and share of each zone.",
    }

    def define(self) -> None:
        self.declare(p.raster("SUSCEPTIBILITY", "Susceptibility"))
        self.declare_options(ZoneOptions, "method")
        self.declare(p.table("SHARES", "Shares (%)", ["Share (%)"], [int(share) for share in DEFAULT_SHARES]))
        self.declare(p.table("BREAKS", "Breaks", ["Upper value"]))
        self.declare(p.input_file("BREAKS_FROM", "Breaks of an earlier run", p.ZONES_FILTER))
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON, optional=True))
        self.declare_options(ZoneOptions, "region")
        self.declare(p.raster_output("OUTPUT", "Susceptibility zones"))
        self.declare(p.file_output("OUTPUT_TABLE", "Zone table", p.CSV, optional=True, by_default=False))

    def check(self, arguments: Arguments) -> None:
        options = self._options(arguments)
        if not arguments.given("BREAKS_FROM"):
            read_scheme(options.method, options.shares, options.breaks)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility, options, landslides = str(arguments.raster("SUSCEPTIBILITY")), self._options(arguments), None
        if options.method == LANDSLIDE_SHARE:
            crs = arguments.grid_crs(susceptibility, "susceptibility")
            landslides = arguments.landslides("LANDSLIDES", crs)
        more = {"breaks_from": arguments.file("BREAKS_FROM"), "landslides": landslides}
        summary = self.call(arguments, "classify_zones", susceptibility, options=options, **more)
        from .base.styles import style_output

        style = "zones" if len(summary.names) == 5 else SIDECAR_STYLE
        style_output(arguments.context, arguments.output("OUTPUT"), style)
        return {}

    @staticmethod
    def _options(arguments: Arguments) -> ZoneOptions:
        """Return the options; breaks, given or of an earlier run, are enough to choose the method."""
        method = arguments.choice("METHOD")
        shares = read_numbers(arguments.table("SHARES"), "SHARES")
        breaks = read_numbers(arguments.table("BREAKS"), "BREAKS")
        given = "BREAKS" if breaks else "BREAKS_FROM" if arguments.given("BREAKS_FROM") else None
        untouched = tuple(shares) == DEFAULT_SHARES
        if given and method == AREA_SHARES and untouched:
            method = BREAKS
        if given and method != BREAKS:
            raise ParameterInvalid(
                tr(
                    "{given} is given, but METHOD is {method}, which does not use it. Set METHOD to breaks, or leave "
                    "{given} empty."
                ).format(given=given, method=method)
            )
        # The default shares are of the area; the core has others for landslides.
        if untouched and method == LANDSLIDE_SHARE:
            shares = []
        return ZoneOptions(method, shares, breaks, arguments.text("REGION"))
