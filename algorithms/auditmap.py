"""``scarp:auditmap``: which numbers of a susceptibility map hold, and which claims they support."""

from __future__ import annotations

from typing import Any

from ..model.audit.settings import AuditLayers, AuditOptions
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments

_RASTERS = "ZONES", "DEM", "STACK"


class AuditMap(ScarpAlgorithm):
    ID = "auditmap"
    TITLE = "Audit a susceptibility map"
    GROUP = VALIDATE
    PLACE = 6
    TAGS = ("review", "audit", "leakage", "overfitting", "random split", "negatives", "auc", "third party", "heuristic")
    REQUIRED_MODULES = (*CORE, "sklearn", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Tells which numbers of a susceptibility map hold, whoever made it and with whatever tool: a raster of any "
        "scale, or of classes. One report for reviewers of other people's maps: AUC by definition of the negatives, "
        "by distance to landslides and by region; how much of it comes from land that no landslide could be on; what "
        "a random split would report and what blocks of land do; whether the map has learned its landslides by heart; "
        "whether its zones rise by more than chance; whether it is better than slope; which factors give landslides "
        "away; and which claims all this supports, in words.\n"
        "The map and the inventory are enough. Each further input answers more: DEM slope and flat land, "
        "LANDSLIDES_TRAINING memory, STACK leaks and applicability, REGIONS whether it holds everywhere. Intervals "
        "resample blocks of land."
    )
    NUMBERS = {
        "AUC": "area under the ROC curve of landslides against all other land",
        "AUC_LOW": "lower end of its 95 % interval",
        "AUC_HIGH": "upper end of its 95 % interval",
        "AUC_NEAR": "against land within DISTANCE of a landslide",
        "AUC_SAME_SLOPE": "against land of the same slope, with DEM or STACK",
        "EASY_SHARE": "share of the skill (AUC less 0.5) that comes from flat land; without DEM or STACK, from land "
        "beyond DISTANCE of all landslides",
        "SLOPE_DIFFERENCE": "AUC of the map less that of slope alone",
        "AUC_ZONES_RANDOM": "AUC of the zones, weighed by the landslides of other folds, under a random split",
        "AUC_ZONES_BLOCKS": "the same under a split by blocks of land",
        "FLAWS": "number of flaws found",
    }
    HELP = {
        "SUSCEPTIBILITY": "Map of any tool: values of any scale, or classes numbered in the order of their "
        "susceptibility. For a map of Scarp give the out-of-fold map, which is a test; the map itself shows a fit.",
        "LANDSLIDES": "Points or polygons that the map is judged by; if possible none that it was made from.",
        "LANDSLIDES_TRAINING": "Landslides that the map was made from, if they are known. Memory is then measured: how "
        "much better the map is at them, and near them.",
        "ZONES": "Zones of the map as a raster on its grid, numbered from 1, the least susceptible. Without it a map "
        "of up to 20 values is one of zones, and others are cut at 30, 20, 20, 20 and 10 % of the area.",
        "AREA": "Polygons of the land in which landslides were looked for. Land outside does not count.",
        "DEM": "Elevation on any grid, for slope alone, land of the same slope and flat land.",
        "STACK": 'Factors of the map, on any grid: a stack of "Build factor stack", or any raster with a named band '
        "per factor. It shows factors that give landslides away and land that is unlike theirs, and slope if there is "
        "no DEM.",
        "REGIONS": "Polygons for which AUC, zones and applicability are given separately.",
        "OUTPUT_HTML": "One file with findings, claims, tables and figures, to open in any browser, print or send by "
        "e-mail.",
        "OUTPUT_TABLE": "All numbers of the report with their intervals. Of claims the value is 0 for supported, 1 for "
        "weakly supported, 2 for cannot be told and 3 for not supported.",
    }

    def define(self) -> None:
        self.declare(p.raster("SUSCEPTIBILITY", "Susceptibility"))
        self.declare_options(AuditOptions, "inverted")
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON))
        self.declare(p.vector("LANDSLIDES_TRAINING", "Landslides of the training", p.POINT, p.POLYGON, optional=True))
        self.declare(p.raster("ZONES", "Zones", optional=True))
        self.declare(p.vector("AREA", "Mapped area", p.POLYGON, optional=True))
        self.declare(p.raster("DEM", "Elevation model (DEM)", optional=True))
        self.declare(p.raster("STACK", "Factor stack", optional=True))
        self.declare_regions()
        self.declare_options(AuditOptions, "stated_auc", "distance", "repeats", "seed")
        self.declare(p.file_output("OUTPUT_HTML", "Audit report", p.HTML))
        self.declare(p.file_output("OUTPUT_TABLE", "Numbers", p.CSV, optional=True))
        self.declare_document()

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility, region_field = str(arguments.raster("SUSCEPTIBILITY")), arguments.field("REGION_FIELD")
        crs = arguments.grid_crs(susceptibility, "susceptibility")
        layers = AuditLayers(
            arguments.landslides("LANDSLIDES", crs),
            arguments.landslides("LANDSLIDES_TRAINING", crs),
            arguments.polygons("REGIONS", crs, [region_field]),
            region_field,
            arguments.polygons("AREA", crs),
        )
        more = {name.lower(): arguments.raster(name) for name in _RASTERS}
        options = arguments.options(AuditOptions)
        summary = self.call(arguments, "audit_map", susceptibility, layers, options=options, **more)
        return {name: getattr(summary, name.lower()) for name in self.NUMBERS}
