"""``scarp:buildsafetyfactor``: the rain-threshold safety factor that the physics constraint reads."""

from __future__ import annotations

from typing import Any

from ..model.tables import read_pairs
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import style_output


class BuildSafetyFactor(ScarpAlgorithm):
    """Parameters in, one call to ``build_safety_factor``, the safety factor out."""

    ID = "buildsafetyfactor"
    TITLE = "Build safety factor"
    GROUP = PREPARE
    TAGS = ("rainfall", "threshold", "physics", "stability")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Computes where a wet week brings more rain than slopes of that kind have stood so far. The training uses it "
        'as a rule of physics: where the safety factor is below 0.5, the model shall not say "safe".\n'
        "R7, the rain of the wettest seven days, is estimated as ALPHA × BETA × 7 / RAINY_DAYS × annual precipitation "
        "(mm). The safety factor is Fs = 1 / (1 + k × R7). k is 1 divided by the threshold rain of a kind of terrain, "
        "so Fs is below 0.5 exactly where R7 is above the threshold. For each kind of terrain k comes from K_TABLE; "
        "else from your landslides, as the rain that 95 in 100 of those on that terrain stayed below (of all, where "
        "that terrain has too few); else from the paper's table, where the names match.\n"
        "Any other safety factor raster (from a slope stability model, say) can be used for training instead."
    )

    def define(self) -> None:
        self.declare(
            p.raster("REFERENCE", "Reference raster"), "Raster whose grid the result takes, normally the factor stack."
        )
        self.declare(
            p.raster("PRECIPITATION", "Annual precipitation (mm)"),
            "Millimetres a year, at any resolution; coarse rasters are smoothed onto the grid.",
        )
        self.declare(
            p.number("ALPHA", "Share of the rainy season (alpha)", 0.8, 0, 1, decimals=4),
            "Which share of the year's rain falls in the rainy season, 0 to 1. The paper has 0.75 to 0.9 in "
            "Tibet. Used everywhere when no climate zones are given.",
        )
        self.declare(
            p.number("BETA", "Peak factor (beta)", 2.2, 0, 100, decimals=4),
            "How many times more than on average it rains in the wettest week of the season. The paper has "
            "2.0 to 2.5; its printed formula leaves this factor out, which is the same as 1.",
        )
        self.declare(
            p.number("RAINY_DAYS", "Rainy days in the season", 90, 1, 366, decimals=2),
            "Number of days with rain in the rainy season. The paper does not print its numbers: take yours "
            "from a weather station.",
        )
        self.declare(
            p.vector("CLIMATE", "Climate zones", p.POLYGON, optional=True),
            "Polygons with alpha, beta and rainy days of their own, as fields. Where a zone has no value, "
            "and outside all zones, the numbers above are used.",
        )
        self.declare(p.field("ALPHA_FIELD", "Alpha field", "CLIMATE"), "Field of the climate zones with alpha.")
        self.declare(p.field("BETA_FIELD", "Beta field", "CLIMATE"), "Field of the climate zones with beta.")
        self.declare(
            p.field("RAINY_DAYS_FIELD", "Rainy days field", "CLIMATE"),
            "Field of the climate zones with the rainy days.",
        )
        self.declare(
            p.raster_or_vector("TOPOGRAPHY", "Kinds of terrain", p.POLYGON),
            "Polygons or a raster of class numbers; each kind has its own threshold. Landform will do. "
            "Without it one threshold holds everywhere.",
        )
        self.declare(
            p.raster_or_vector_field("TOPOGRAPHY_FIELD", "Terrain field"),
            "Field with the kind of terrain of each polygon. Needed for polygons only.",
        )
        self.declare(
            p.table("K_TABLE", "k by kind of terrain (1/mm)", ["Kind of terrain", "k (1/mm)"]),
            'One row a kind: its name and k, which is 1 divided by the threshold in mm. The row "all" '
            "stands for kinds without a row, and for the whole area without kinds. As text: "
            "lakes,0.0119,glaciers,0.0263. Empty: from LANDSLIDES, or the paper's table by name.",
        )
        self.declare(
            p.vector("LANDSLIDES", "Historical landslides", p.POINT, p.POLYGON, optional=True),
            "The inventory to take the thresholds from: the 95th percentile of R7 at the landslides of each "
            "kind of terrain. Kinds with too few landslides get the value of all together.",
        )
        self.declare(
            p.raster_output("OUTPUT", "Safety factor"), "GeoTIFF, 0 to 1. Below 0.5 the rain exceeds the threshold."
        )
        self.declare(
            p.raster_output("OUTPUT_RAINFALL", "Rain of the wettest week", optional=True),
            "GeoTIFF with R7 in millimetres.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Thresholds", p.CSV, optional=True, by_default=False),
            "Threshold and k of each kind of terrain, where they come from, and how many landslides they rest on.",
        )
        self.declare_number("WARNED_SHARE", "share of the area with a safety factor below 0.5")

    def check(self, arguments: Arguments) -> None:
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the kind of terrain"))
        read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference, output = arguments.raster("REFERENCE"), arguments.output("OUTPUT")
        rainfall, table = arguments.output("OUTPUT_RAINFALL"), arguments.output("OUTPUT_TABLE")
        crs = arguments.grid_crs(reference, "reference")
        fields = {name: arguments.field(name.upper()) for name in ("alpha_field", "beta_field", "rainy_days_field")}
        summary = arguments.core.call(
            "build_safety_factor",
            reference,
            arguments.raster("PRECIPITATION"),
            output,
            alpha=arguments.number("ALPHA"),
            beta=arguments.number("BETA"),
            rainy_days=arguments.number("RAINY_DAYS"),
            climate=arguments.polygons("CLIMATE", crs, list(fields.values())),
            **fields,
            topography=arguments.classes("TOPOGRAPHY", crs),
            k_table=read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0),
            landslides=arguments.points_or_polygons("LANDSLIDES", crs),
            output_rainfall=rainfall,
            output_table=table,
            progress=arguments.progress,
        )
        style_output(arguments.context, output, "safety_factor")
        style_output(arguments.context, rainfall, "rainfall")
        return {
            "OUTPUT": output,
            "OUTPUT_RAINFALL": rainfall,
            "OUTPUT_TABLE": table,
            "WARNED_SHARE": summary.share_warned,
        }
