"""What runs the demo chain without QGIS: the jobs of the core alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from scarp.model.demo import DemoOptions
from scarp.model.factors.settings import CategoricalInput, StackInputs, StackOptions
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs import job
from scarp.model.labels.settings import LabelOptions
from scarp.model.options import Options
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.safety.settings import SafetyInputs, SafetyOptions
from scarp.model.training.settings import PCUM, RECOMMENDED, TrainingSettings, settings_of_kind
from scarp.model.validation.settings import EvaluationLayers, ValidationOptions
from scarp.model.warning.classes import WarningInputs, WarningOptions
from scarp.model.zones.schemes import ZoneOptions

Given = dict[str, Any]


class WithoutQgis:
    """Runs algorithms as ``measure`` names them. Vector layers stay in memory: what reads and writes them is QGIS."""

    def __init__(self) -> None:
        self.layers: dict[Path, Any] = {}

    def __call__(self, algorithm: str, **given: Any) -> dict[str, Any]:
        return getattr(self, algorithm)(given)

    def createdemodata(self, given: Given) -> dict[str, Any]:
        made = self._job("create_demo_data", given["OUTPUT"], options(DemoOptions, given))
        self.layers = {given["OUTPUT"] / f"{name}.gpkg": layer for name, layer in made.vectors.items()}
        return {"LANDSLIDES": made.summary["landslides"]}

    def buildfactorstack(self, given: Given) -> dict[str, Any]:
        layers = {name: self._layer(given, name.upper()) for name in ("area", "rivers", "faults")}
        classes = {name: self._classes(given, name.upper()) for name in ("landform", "lithology", "seismic")}
        rasters = {name: given[name.upper()] for name in ("precipitation", "temperature")}
        inputs = StackInputs(given["DEM"], **layers, **classes, **rasters)
        chosen = options(StackOptions, given, terrain=(given["TERRAIN"],))
        return vars(self._job("build_factor_stack", inputs, given["OUTPUT"], chosen))

    def buildbufferedlabels(self, given: Given) -> dict[str, Any]:
        landslides, chosen = self._layer(given, "LANDSLIDES"), LabelOptions(scale_field=given["SCALE_FIELD"])
        return vars(self._job("build_buffered_labels", landslides, given["REFERENCE"], given["OUTPUT"], chosen))

    def buildsafetyfactor(self, given: Given) -> dict[str, Any]:
        layers = {"climate": self._layer(given, "CLIMATE"), "topography": self._classes(given, "TOPOGRAPHY")}
        fields = {name: given[name.upper()] for name in ("alpha_field", "beta_field", "rainy_days_field")}
        inputs = SafetyInputs(given["REFERENCE"], given["PRECIPITATION"], **layers)
        return vars(self._job("build_safety_factor", inputs, given["OUTPUT"], SafetyOptions(**fields)))

    def trainpcum(self, given: Given) -> dict[str, Any]:
        known = {option.parameter: option.name for option in TrainingSettings.options()}
        chosen = {known[name]: value for name, value in given.items() if name in known}
        outputs = {"safety_factor": given["SAFETY_FACTOR"], "output_out_of_fold": given.get("OUTPUT_OUT_OF_FOLD")}
        settings = settings_of_kind(PCUM, RECOMMENDED, chosen)
        paths = given["STACK"], given["LABELS"], given["OUTPUT"]
        return self._trained(given, self._job("train_pcum", *paths, settings=settings, given=list(chosen), **outputs))

    def traincomparisonmodel(self, given: Given) -> dict[str, Any]:
        settings = settings_of_kind(given["KIND"], RECOMMENDED, {"block": given["BLOCK"], "seed": given["SEED"]})
        paths = given["STACK"], given["LABELS"], given["OUTPUT"]
        return self._trained(given, self._job("train_comparison_model", given["KIND"], *paths, settings=settings))

    def predictsusceptibility(self, given: Given) -> dict[str, Any]:
        chosen = options(PredictionOptions, given)
        return vars(self._job("predict_susceptibility", given["STACK"], [given["MODEL"]], given["OUTPUT"], chosen))

    def classifyzones(self, given: Given) -> dict[str, Any]:
        return vars(self._job("classify_zones", given["SUSCEPTIBILITY"], given["OUTPUT"], ZoneOptions()))

    def validatewithpoints(self, given: Given) -> dict[str, Any]:
        layers = EvaluationLayers(self._layer(given, "LANDSLIDES"), windows=self._layer(given, "WINDOWS"))
        outputs = given["OUTPUT_HTML"], given["OUTPUT_TABLE"]
        rasters = {"zones": given["ZONES"], "out_of_fold": given.get("OUT_OF_FOLD")}
        chosen = options(ValidationOptions, given)
        judged = self._job("validate_with_points", given["SUSCEPTIBILITY"], layers, *outputs, chosen, **rasters)
        test = next((result for result in judged.results if result.scope.name == "test"), None)
        numbers = {name.upper(): getattr(judged, name) for name in ("auc", "auc_low", "auc_high", "recall", "kappa")}
        return {**numbers, "AUC_TEST": None if test is None else test.auc.value}

    def rainfallwarning(self, given: Given) -> dict[str, Any]:
        inputs = WarningInputs(given["SUSCEPTIBILITY"], [given["RAIN"]], zones=given["ZONES"])
        chosen = options(WarningOptions, given)
        warned = self._job("rainfall_warning", inputs, given["OUTPUT"], given["OUTPUT_TABLE"], chosen)
        return {"WARNED_SHARE": warned.warned_share}

    @staticmethod
    def _job(name: str, *values: Any, **named: Any) -> Any:
        found: Callable[..., Any] = job(name)
        return found(*values, **named, progress=NullProgress())

    def _trained(self, given: Given, result: Any) -> dict[str, Any]:
        if "OUTPUT_WINDOWS" in given:
            self.layers[given["OUTPUT_WINDOWS"]] = window_layer(result.windows)
        return {measure.upper(): value for measure, value in result.metrics.items()}

    def _layer(self, given: Given, name: str) -> Any:
        return self.layers[given[name]] if name in given else None

    def _classes(self, given: Given, name: str) -> CategoricalInput:
        polygons = self._layer(given, name)
        return CategoricalInput(polygons=polygons, field=given[f"{name}_FIELD"], name=polygons.name)


def options(kind: type[Options], given: Given, **more: Any) -> Any:
    """Return the options of a job whose parameters are given, the others with their defaults."""
    named = {one.name: given[one.parameter] for one in kind.options() if one.parameter in given}
    return kind(**{**named, **more})


def window_layer(windows: list[Any]) -> Polygons:
    """Return the layer of windows that an algorithm writes."""
    corners = [[(w.left, w.bottom), (w.right, w.bottom), (w.right, w.top), (w.left, w.top)] for w in windows]
    shapes = [{"type": "Polygon", "coordinates": [[*ring, ring[0]]]} for ring in corners]
    fields = {name: [getattr(window, name) for window in windows] for name in ("subset", "kind")}
    return Polygons("windows", fields=fields, geometries=shapes)
