"""``scarp:buildsafetyfactor``: the rain index or the factor of safety that the physics constraint uses."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterEnum

from ..model.errors import ParameterInvalid, ParameterMissing
from ..model.safety.settings import SafetyInputs, SafetyOptions
from ..model.safety.stability_settings import INFINITE_SLOPE, METHOD, RAIN_THRESHOLD, StabilityInputs, StabilityOptions
from ..model.tables import read_pairs
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments

_SOIL = tuple(option.name for option in StabilityOptions.options())
_RASTERS = {
    "SOIL_DEPTH_RASTER": "Infinite slope: raster of soil depth (m)",
    "COHESION_RASTER": "Infinite slope: raster of cohesion (kPa)",
    "FRICTION_RASTER": "Infinite slope: raster of friction angle (degrees)",
    "UNIT_WEIGHT_RASTER": "Infinite slope: raster of unit weight (kN/m³)",
    "SATURATION_RASTER": "Infinite slope: raster of saturation (0 to 1)",
    "RECHARGE_RASTER": "Infinite slope: raster of recharge (mm/day)",
    "TRANSMISSIVITY_RASTER": "Infinite slope: raster of transmissivity (m²/day)",
    "SEISMIC_COEFFICIENT_RASTER": "Infinite slope: raster of the seismic coefficient",
}
_FIELDS = ("alpha_field", "beta_field", "rainy_days_field", "event_rain_field")


class BuildSafetyFactor(ScarpAlgorithm):
    ID = "buildsafetyfactor"
    TITLE = "Build safety factor"
    GROUP = PREPARE
    PLACE = 4
    TELLS_TIME = True
    TAGS = (
        *("rainfall", "rain index", "threshold", "physics", "safety factor", "hit rate"),
        *("slope stability", "factor of safety", "infinite slope", "shalstab", "sinmap", "geotechnical"),
    )
    REQUIRED_MODULES = (*CORE, "scipy")
    ONLY_WITH = {
        RAIN_THRESHOLD: (
            *("PRECIPITATION", "PRECIPITATION_UNIT", "ALPHA", "BETA", "RAINY_DAYS", "CLIMATE", "ALPHA_FIELD"),
            *("BETA_FIELD", "RAINY_DAYS_FIELD", "K_TABLE", "LANDSLIDES", "EVENT_RAIN_FIELD", "PRESET", "PERCENTILE"),
        ),
        INFINITE_SLOPE: ("SLOPE", *(name.upper() for name in _SOIL), "CONTRIBUTING_AREA", "DEM", *_RASTERS),
    }
    STYLES = {"OUTPUT": "safety_factor", "OUTPUT_RAINFALL": "rainfall", "OUTPUT_PROBABILITY": "susceptibility"}
    SUMMARY = (
        "Computes what the physics constraint of the training needs, by one of two methods: where rain exceeds a "
        "threshold (rain index), or where the soil on a slope would slide (factor of safety).\n"
        "METHOD=rain_threshold computes where the wettest week of a mean year brings more rain than the threshold of "
        "its landform. Where the rain index is below 0.5, a model is penalised for predicting low susceptibility.\n"
        "R7, the rain of the wettest seven days, is estimated as ALPHA × BETA × 7 / RAINY_DAYS × annual precipitation "
        "(mm): a climatological week, not a real one. The rain index is Fs = 1 / (1 + k × R7). k is 1 divided by the "
        "critical rainfall of a terrain class, so Fs is below 0.5 exactly where R7 exceeds the critical rainfall. "
        "Zhang and Deng call Fs a safety factor; it is no factor of safety of a slope, because strength and stress are "
        "not in it.\n"
        "For each terrain class k comes from K_TABLE; else from your landslides, as the PERCENTILE of R7 at those in "
        "that class (in all, where that class has too few); else from the paper's table, where the names match. The "
        "log states the hit rate, which is the share of the landslides under warning, and the share of the land under "
        "warning. The paper's 95th percentile has a hit rate of about 5 % by construction.\n"
        "METHOD=infinite_slope computes the factor of safety of a sheet of soil that slides on a plane parallel to the "
        "surface: strength over stress, below 1 where it fails. It takes the slope from the factor stack, and soil and "
        "water as numbers, as ranges such as 2-8, within which every value is equally likely, as rasters, or as tables "
        "by class with rows between semicolons, such as granite: 2-8; schist: 5-12; all: 4. Classes are those of "
        "TOPOGRAPHY, else of a band of the stack, such as its lithology; all is for the others. With ranges the result "
        "is the geometric mean over 256 draws, and OUTPUT_PROBABILITY the share of them below 1. The "
        "defaults are usual values, not those of your area."
    )
    NUMBERS = {"WARNED_SHARE": "share of the area with a rain index below 0.5, or a factor of safety below 1"}
    HELP = {
        "REFERENCE": "Raster with the grid of the result, normally the factor stack, whose bands of slope, "
        "contributing area and classes METHOD=infinite_slope takes.",
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
        "SLOPE": "Slope in degrees. Without it the band slope of the stack is used, else the slope of the DEM.",
        "DEM": "Elevations on the grid of REFERENCE. Where neither the stack nor CONTRIBUTING_AREA has the "
        "contributing area, water is led over them, which needs the package pyflwdir.",
        "CONTRIBUTING_AREA": "Land that drains through a cell, in square metres, the cell itself included, on the grid "
        "of REFERENCE; flow accumulation of SAGA or GRASS. Without it the band contributing_area of the stack is used "
        "(TERRAIN with flow), else the DEM.",
        "OUTPUT": "GeoTIFF. The rain index is 0 to 1; below 0.5 the rain exceeds the critical rainfall. The factor of "
        "safety is 0.01 to 100; below 1 the slope fails.",
        "OUTPUT_PROBABILITY": "GeoTIFF of METHOD=infinite_slope: share of the draws from the ranges in which the "
        "factor of safety is below 1. It can be validated like a susceptibility.",
        "OUTPUT_RAINFALL": "GeoTIFF with R7 in millimetres.",
        "OUTPUT_TABLE": "Critical rainfall and k of each terrain class, their source, the number of landslides behind "
        "them, the share of the land under warning, and the hit rate.",
    }

    def define(self) -> None:
        self.declare(p.raster("REFERENCE", "Reference raster"))
        # Optional, so that graphical models made before it was there stay valid.
        methods = list(METHOD.choices or ())
        method = QgsProcessingParameterEnum("METHOD", METHOD.label, methods, False, METHOD.default, True, True)
        self.declare(method, METHOD.help)
        self.declare(p.raster("PRECIPITATION", "Annual precipitation (mm)", optional=True))
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
        choices = list(preset.choices or ())
        declared = QgsProcessingParameterEnum("PRESET", preset.label, choices, False, preset.default, True, True)
        self.declare(declared, preset.help)
        self.declare_options(SafetyOptions, "percentile")
        self.declare(p.raster("SLOPE", "Infinite slope: slope (degrees)", optional=True))
        self.declare_options(StabilityOptions, *_SOIL)
        self.declare(p.raster("CONTRIBUTING_AREA", "Infinite slope: contributing area (m²)", optional=True))
        self.declare(p.raster("DEM", "Infinite slope: elevation model", optional=True), advanced=True)
        for name, label in _RASTERS.items():
            text = "Raster that replaces the parameter of this name without _RASTER, in the same unit, on any grid."
            self.declare(p.raster(name, label, optional=True), text, advanced=True)
        self.declare(p.raster_output("OUTPUT", "Rain index or factor of safety"))
        self.declare(p.raster_output("OUTPUT_RAINFALL", "Rain of the wettest week", optional=True))
        self.declare(p.file_output("OUTPUT_TABLE", "Thresholds", p.CSV, optional=True, by_default=False))
        self.declare(p.raster_output("OUTPUT_PROBABILITY", "Probability of failure", optional=True))

    def check(self, arguments: Arguments) -> None:
        arguments.require_field("TOPOGRAPHY", "TOPOGRAPHY_FIELD", tr("the terrain class"))
        for name in self._other_outputs(arguments):
            if arguments.given(name):
                text = tr("{name} is not written by METHOD={method}. Leave it empty, or choose the other method.")
                raise ParameterInvalid(text.format(name=name, method=_method(arguments)))
        if _method(arguments) == INFINITE_SLOPE:
            arguments.options(StabilityOptions)
            return
        if not arguments.given("PRECIPITATION"):
            label = tr("Annual precipitation (mm)")
            text = tr("{title} is missing. Give {wanted}.")
            raise ParameterMissing(text.format(title=f"PRECIPITATION ({label})", wanted=tr("a raster")))
        read_pairs(arguments.table("K_TABLE"), "K_TABLE", 0, unit="1/mm")

    @staticmethod
    def _other_outputs(arguments: Arguments) -> tuple[str, ...]:
        """Return the outputs that only the other method writes."""
        rain = _method(arguments) != INFINITE_SLOPE
        return ("OUTPUT_PROBABILITY",) if rain else ("OUTPUT_RAINFALL", "OUTPUT_TABLE")

    def files(self, arguments: Arguments) -> dict[str, str | None]:
        others = self._other_outputs(arguments)
        return {name: path for name, path in super().files(arguments).items() if name not in others}

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        self.tell_unused(arguments, _method(arguments))
        reference = str(arguments.raster("REFERENCE"))
        crs = arguments.grid_crs(reference, "reference")
        if _method(arguments) == INFINITE_SLOPE:
            layers = {name: arguments.raster(name.upper()) for name in ("slope", "dem", "contributing_area")}
            given = {name: f"{name.upper()}_RASTER" for name in _SOIL if arguments.given(f"{name.upper()}_RASTER")}
            rasters = {name: str(arguments.raster(parameter)) for name, parameter in given.items()}
            classes, soil = arguments.classes("TOPOGRAPHY", crs), arguments.options(StabilityOptions)
            slope = StabilityInputs(reference, **layers, topography=classes, rasters=rasters)
            found = self.call(arguments, "build_factor_of_safety", slope, options=soil)
            return {"WARNED_SHARE": found.share_warned}
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


def _method(arguments: Arguments) -> str:
    return arguments.choice("METHOD") if arguments.given("METHOD") else METHOD.default
