"""``scarp:comparemodels``: which of several maps is the best, and whether that could be chance."""

from __future__ import annotations

import math
from typing import Any

from qgis.core import QgsProcessingOutputString

from ..model.comparison.settings import ComparisonOptions, map_names
from ..model.tables import read_numbers, read_texts
from ..model.zones.schemes import AREA_SHARES, DEFAULT_SHARES, read_scheme
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .validatewithpoints import declare_evaluation_layers, evaluation_layers


class CompareModels(ScarpAlgorithm):
    ID = "comparemodels"
    TITLE = "Compare models"
    GROUP = VALIDATE
    PLACE = 2
    TAGS = ("roc", "auc", "delong", "kappa", "agreement", "difference", "rank correlation", "report")
    REQUIRED_MODULES = (*CORE, "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = {"OUTPUT_DIFFERENCE": "difference"}
    SUMMARY = (
        "Compares several susceptibility maps of one area on the same landslides, the same stable points and the same "
        "ground: AUC of each map and region, tests whether a difference could be chance, how far the maps agree in "
        "their zones and in the order of the cells, and where they differ.\nThe maps may have different cell sizes, "
        "extents and coordinate reference systems; everything is compared on the cells of the finest map, where all "
        "maps have data. A map of another agency can be one of them: any values that rise with susceptibility will do, "
        "including classes. Measures at a threshold are only given for maps from 0 to 1.\nMaps of several regions "
        "count as one: give all rasters of a model the same name in NAMES, and the summary table has one row a region. "
        "One model alone is enough for that.\nA map looks better on the landslides it was trained on. Give the "
        "training windows and look at the test windows, take landslides that none of the maps has seen, or compare "
        "out-of-fold maps."
    )
    NUMBERS = {
        "AUC": "area under the ROC curve of the best map, landslides against all other land",
        "AUC_LOW": "lower end of its 95 % interval",
        "AUC_HIGH": "upper end of its 95 % interval",
        "LEAD": "by how much its AUC is above that of the second best map",
        "P": "probability of such a lead between equally good maps, corrected for all pairs; none with fewer than 15 "
        "independent blocks of land",
    }
    HELP = {
        "SUSCEPTIBILITY": "Two to twelve maps in which more means more susceptible. OUTPUT_DIFFERENCE is the first "
        "minus the second. A map may be in several rasters, one a region; see NAMES.",
        "NAMES": "One name a raster, in their order, for report and tables. Rasters with the same name are pieces of "
        "one map, such as the maps of five regions. Empty: the names of the layers.",
        "REGIONS": "Polygons for which the numbers are given separately, with their mean and the worst one. Without "
        "them the pieces of a map are the regions.",
        "WINDOWS": "Layer of windows that a training wrote, with the field subset. They count for all maps.",
        "SHARES": "Percent of the common ground by zone, from the least to the most susceptible, 100 in all. All maps "
        "are cut alike, so that their zones can be compared.",
        "OUTPUT_HTML": "One file with tables and figures, to open in any browser, print or send by e-mail.",
        "OUTPUT_TABLE": "All numbers of the report as a table, with their intervals; the same as JSON beside it.",
        "OUTPUT_SUMMARY": "One row a region with the main numbers of each map, then the whole, the mean and the worst "
        "region.",
        "OUTPUT_DIFFERENCE": "First map minus the second, on the grid of the first. Where one of them is not within 0 "
        "to 1, ranks are subtracted: the share of the ground that is less susceptible.",
    }

    def define(self) -> None:
        self.declare(p.rasters("SUSCEPTIBILITY", "Susceptibility maps", optional=False))
        self.declare(p.table("NAMES", "Names of the maps", ["Name"]))
        declare_evaluation_layers(self)
        self.declare_options(ComparisonOptions, "subset", "threshold", "distance")
        shares = [int(share) for share in DEFAULT_SHARES]
        self.declare(p.table("SHARES", "Shares of the zones (%)", ["Share (%)"], shares), advanced=True)
        self.declare_options(ComparisonOptions, "repeats", "seed")
        self.declare(p.file_output("OUTPUT_HTML", "Comparison report", p.HTML))
        self.declare(p.file_output("OUTPUT_TABLE", "Numbers", p.CSV))
        self.declare(p.file_output("OUTPUT_SUMMARY", "Summary by region", p.CSV, optional=True))
        self.declare(p.raster_output("OUTPUT_DIFFERENCE", "Difference of the first two maps", optional=True))
        self.declare_document()
        self.addOutput(QgsProcessingOutputString("BEST", tr("name of the map with the highest AUC")))

    def check(self, arguments: Arguments) -> None:
        read_scheme(AREA_SHARES, read_numbers(arguments.table("SHARES"), "SHARES"), [])
        if arguments.given("SUSCEPTIBILITY"):
            rasters = arguments.named_rasters("SUSCEPTIBILITY")
            map_names(read_texts(arguments.table("NAMES")), [name for _, name in rasters])

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        if not arguments.given("SUSCEPTIBILITY"):
            return None
        paths = [path for path, _ in arguments.named_rasters("SUSCEPTIBILITY")]
        return {"asked": arguments.options(ComparisonOptions), "paths": paths}

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        maps = arguments.named_rasters("SUSCEPTIBILITY")
        paths = [path for path, _ in maps]
        names = map_names(read_texts(arguments.table("NAMES")), [name for _, name in maps])
        shares = read_numbers(arguments.table("SHARES"), "SHARES")
        crs = arguments.grid_crs(paths[arguments.core.call("finest_map", paths, names)], "susceptibility")
        layers = evaluation_layers(arguments, crs)
        options = arguments.options(ComparisonOptions, names=names, shares=shares)
        summary = self.call(arguments, "compare_models", paths, layers, options=options)
        auc = {"AUC": summary.auc.value, "AUC_LOW": summary.auc.low, "AUC_HIGH": summary.auc.high}
        p_value = summary.p if summary.p is not None and math.isfinite(summary.p) else None
        return {**auc, "BEST": summary.best, "LEAD": summary.lead, "P": p_value}
