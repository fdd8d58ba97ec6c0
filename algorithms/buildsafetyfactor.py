"""``scarp:buildsafetyfactor``: the rain index that the physics constraint uses."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterEnum

from ..model.safety.settings import SafetyInputs, SafetyOptions
from ..model.tables import read_pairs
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments

_FIELDS = ("alpha_field", "beta_field", "rainy_days_field", "event_rain_field")


class BuildSafetyFactor(ScarpAlgorithm):
    ID = "buildsafetyfactor"
    TITLE = "Build rain index"
    GROUP = PREPARE
    TAGS = ("rainfall", "threshold", "physics", "safety factor", "hit rate")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": "safety_factor", "OUTPUT_RAINFALL": "rainfall"}
    SUMMARY = (
        "Computes where the wettest week of a mean year brings more rain than the threshold of its landform. Training "
        "uses it as the physics constraint: where the rain index is below 0.5, the model is penalised for predicting "
        "low susceptibility.\n"
        "R7, the rain of the wettest seven days, is estimated as ALPHA × BETA × 7 / RAINY_DAYS × annual precipitation "
        "(mm): a climatological week, not a real one. The rain index is Fs = 1 / (1 + k × R7). k is 1 divided by the "
        "critical rainfall of a terrain class, so Fs is below 0.5 exactly where R7 exceeds the critical rainfall. "
        "Zhang and Deng call Fs a safety factor; it is no factor of safety of a slope, because strength and stress are "
        "not in it.\n"
        "For each terrain class k comes from K_TABLE; else from your landslides, as the PERCENTILE of R7 at those in "
        "that class (in all, where that class has too few); else from the paper's table, where the names match. The "
        "log states the hit rate, which is the share of the landslides under warning, and the share of the land under "
        "warning. The paper's 95th percentile has a hit rate of about 5 % by construction.\n"
        "A factor of safety from a slope stability model can be used for training instead."
    )
    NUMBERS = {"WARNED_SHARE": "share of the area with a rain index below 0.5"}
    HELP = {
        "REFERENCE": "Raster with the grid of the result, normally the factor stack.",
        "PRECIPITATION": "Millimetres per year, at any resolution; coarse rasters are interpolated to the grid.",
        "CLIMATE": "Polygons with alpha, beta and rainy days of their own, as fields. Where a zone has no value, and "
        "outside all zones, the numbers above are used.",
        "ALPHA_FIELD": "Field of the climate zones with alpha.",
        "BETA_FIELD": "Field of the climate zones with beta.",
        "RAINY_DAYS_FIELD": "Field of the climate zones with the rainy days.",
        "TOPOGRAPHY": "Polygons or a raster of class numbers; each class has its own critical rainfall. The landform "
        "layer is suitable. Without it one critical rainfall holds everywhere.",
        "TOPOGRAPHY_FIELD": "Field with the terrain class of each polygon. Needed for polygons only.",
        "K_TABLE": "One row per class: its name and k, which is 1 divided by the critical rainfall in mm. The row "
        '"all" is for classes without a row, and for the whole area without classes. As text: '
        "lakes,0.0119,glaciers,0.0263. Empty: from LANDSLIDES, or the paper's table by name.",
        "LANDSLIDES": "Inventory for the critical rainfall, the PERCENTILE of R7 at the landslides of each terrain "
        "class, and for its hit rate. Classes with too few landslides get the value of all together.",
        "EVENT_RAIN_FIELD": "Field of the landslides with the rain in millimetres of the week before each of them. It "
        "replaces the climatological week there, so the threshold and its hit rate come from real weeks, like the rain "
        'that "Rainfall warning" compares. Landslides without a value are left out.',
        "OUTPUT": "GeoTIFF, 0 to 1. Below 0.5 the rain exceeds the critical rainfall.",
        "OUTPUT_RAINFALL": "GeoTIFF with R7 in millimetres.",
        "OUTPUT_TABLE": "Critical rainfall and k of each terrain class, their source, the number of landslides behind "
        "them, the share of the land under warning, and the hit rate.",
    }

    def define(self) -> None:
        self.declare(p.raster("REFERENCE", "Reference raster"))
        self.declare(p.raster("PRECIPITATION", "Annual precipitation (mm)"))
        self.declare_options(SafetyOptions, "precipitation_unit", "alpha", "beta", "rainy_days")
        self.declare(p.vector("CLIMATE", "Climate zones", p.POLYGON, optional=True))
        self.declare(p.field("ALPHA_FIELD", "Alpha field", "CLIMATE"))
        self.declare(p.field("BETA_FIELD", "Beta field", "CLIMATE"))
        self.declare(p.field("RAINY_DAYS_FIELD", "Rainy days field", "CLIMATE"))
        self.declare(p.raster_or_vector("TOPOGRAPHY", "Terrain classes", p.POLYGON))
        self.declare(p.raster_or_vector_field("TOPOGRAPHY_FIELD", "Terrain field"))
        self.declare(p.table("K_TABLE", "k by terrain class (1/mm)", ["Terrain class", "k (1/mm)"]))
        self.declare(p.vector("LANDSLIDES", "Historical landslides", p.POINT, p.POLYGON, optional=True))
        self.declare(p.field("EVENT_RAIN_FIELD", "Rain before the landslide (mm)", "LANDSLIDES"))
        preset = SafetyOptions.option("preset")
        # Optional, so that graphical models made before it was there stay valid.
        choices = list(preset.choices or ())
        declared = QgsProcessingParameterEnum("PRESET", preset.label, choices, False, preset.default, True, True)
        self.declare(declared, preset.help)
        self.declare_options(SafetyOptions, "percentile")
        self.declare(p.raster_output("OUTPUT", "Rain index"))
        self.declare(p.raster_output("OUTPUT_RAINFALL", "Rain of the wettest week", optional=True))
        self.declare(p.file_output("OUTPUT_TABLE", "Thresholds", p.CSV, optional=True, by_default=False))

    def check(self, arguments: Arguments) -> None:
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the terrain class"))
        read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0, unit="1/mm")

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference = str(arguments.raster("REFERENCE"))
        crs = arguments.grid_crs(reference, "reference")
        fields = {name: arguments.field(name.upper()) for name in _FIELDS}
        k_table = read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0, unit="1/mm")
        inputs = SafetyInputs(
            reference,
            str(arguments.raster("PRECIPITATION")),
            climate=arguments.polygons("CLIMATE", crs, [fields[name] for name in _FIELDS[:3]]),
            topography=arguments.classes("TOPOGRAPHY", crs),
            landslides=arguments.landslides("LANDSLIDES", crs, [fields["event_rain_field"]]),
        )
        preset = arguments.choice("PRESET") if arguments.given("PRESET") else SafetyOptions.option("preset").default
        options = arguments.options(SafetyOptions, **fields, preset=preset, k_table=k_table)
        summary = self.call(arguments, "build_safety_factor", inputs, options=options)
        return {"WARNED_SHARE": summary.share_warned}
