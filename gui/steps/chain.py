"""The six steps of a map: which algorithms they call, with which layers and files. Knows nothing of QGIS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DATA, CHECK, TRAIN, MAP, VALIDATE, REPORT = "data", "check", "train", "map", "validate", "report"

FILES = {
    "factors": "factors.tif",
    "labels": "labels.tif",
    "check": "check.html",
    "check_table": "check.csv",
    "model": "model.safetensors",
    "windows": "windows.gpkg",
    "training": "training.html",
    "kinds": "kinds.csv",
    "out_of_fold": "out_of_fold.tif",
    "susceptibility": "susceptibility.tif",
    "zones": "zones.tif",
    "zone_table": "zones.csv",
    "validation": "validation.html",
    "validation_table": "validation.csv",
    "points": "points.gpkg",
    "sheet": "map_sheet.pdf",
}
"""Name of each file in the folder of a region, by its key."""
TEMPORARY = "temporary"  # key of an output that nobody needs afterwards


@dataclass(frozen=True)
class Call:
    """One call of an algorithm in a step."""

    algorithm: str
    outputs: Mapping[str, str]  # file key by output parameter; the first one's run record stands for the call
    layers: tuple[str, ...] = ()  # parameters that take a layer of the project, under this name
    files: Mapping[str, str] = field(default_factory=dict)  # file key by parameter
    optional_files: Mapping[str, str] = field(default_factory=dict)  # those given if the step before wrote them
    cosmetic: tuple[str, ...] = ()  # layers on which no number depends: another one makes nothing outdated
    shown: tuple[str, ...] = ()  # outputs that are loaded into the project

    @property
    def main_file(self) -> str:
        """Key of the file whose run record stands for the call."""
        return next(key for key in self.outputs.values() if key != TEMPORARY)


@dataclass(frozen=True)
class Step:
    """One of the six steps."""

    name: str
    calls: tuple[Call, ...]
    needs: tuple[str, ...] = ()  # steps whose results it reads


_FACTOR_LAYERS = ("DEM", "AREA", "LANDFORM", "RIVERS", "PRECIPITATION", "TEMPERATURE", "FAULTS", "LITHOLOGY", "SEISMIC")
_VALIDATED = {"SUSCEPTIBILITY": "susceptibility", "ZONES": "zones"}
_JUDGED_BY = {"OUT_OF_FOLD": "out_of_fold", "WINDOWS": "windows"}
_EVALUATION = ("LANDSLIDES", "STABLE", "REGIONS", "BUILDINGS", "ROADS", "DEM")
_TRAINED = {
    "OUTPUT": "model",
    "OUTPUT_WINDOWS": "windows",
    "OUTPUT_HTML": "training",
    "OUTPUT_OUT_OF_FOLD": "out_of_fold",
}

STEPS = (
    Step(
        DATA,
        (
            Call("buildfactorstack", {"OUTPUT": "factors"}, layers=_FACTOR_LAYERS, shown=("OUTPUT",)),
            Call(
                "buildbufferedlabels",
                {"OUTPUT": "labels"},
                layers=("LANDSLIDES", "STABLE", "AREA"),
                files={"REFERENCE": "factors"},
                shown=("OUTPUT",),
            ),
        ),
    ),
    Step(
        CHECK,
        (
            Call(
                "checkfactors",
                {"OUTPUT_HTML": "check", "OUTPUT_TABLE": "check_table"},
                files={"STACK": "factors", "LABELS": "labels"},
            ),
        ),
        needs=(DATA,),
    ),
    Step(
        TRAIN,
        (
            Call(
                "trainpcum",
                _TRAINED,
                layers=("SAFETY_FACTOR",),
                files={"STACK": "factors", "LABELS": "labels"},
                shown=("OUTPUT_WINDOWS",),
            ),
        ),
        needs=(DATA,),
    ),
    Step(
        MAP,
        (
            Call(
                "predictsusceptibility",
                {"OUTPUT": "susceptibility"},
                files={"STACK": "factors", "MODEL": "model"},
                shown=("OUTPUT",),
            ),
            Call(
                "classifyzones",
                {"OUTPUT": "zones", "OUTPUT_TABLE": "zone_table"},
                files={"SUSCEPTIBILITY": "susceptibility"},
                shown=("OUTPUT",),
            ),
        ),
        needs=(DATA, TRAIN),
    ),
    Step(
        VALIDATE,
        (
            Call(
                "validatewithpoints",
                {"OUTPUT_HTML": "validation", "OUTPUT_TABLE": "validation_table", "OUTPUT_POINTS": "points"},
                layers=_EVALUATION,
                cosmetic=("DEM",),
                files=_VALIDATED,
                optional_files=_JUDGED_BY,
                shown=("OUTPUT_POINTS",),
            ),
        ),
        needs=(TRAIN, MAP),
    ),
    Step(
        REPORT,
        (
            # The sheet is an output of the validation; its other outputs are those of the step before.
            Call(
                "validatewithpoints",
                {
                    "OUTPUT_PDF": "sheet",
                    "OUTPUT_HTML": TEMPORARY,
                    "OUTPUT_TABLE": TEMPORARY,
                    "OUTPUT_POINTS": TEMPORARY,
                },
                layers=_EVALUATION,
                cosmetic=("DEM",),
                files=_VALIDATED,
                optional_files=_JUDGED_BY,
            ),
        ),
        needs=(MAP, VALIDATE),
    ),
)
STEP = {step.name: step for step in STEPS}
CHOOSING = Call(
    "trainbestmodel",
    {**_TRAINED, "OUTPUT_TABLE": "kinds"},
    layers=("SAFETY_FACTOR",),
    files={"STACK": "factors", "LABELS": "labels"},
    shown=("OUTPUT_WINDOWS",),
)
"""The call of the step Train where the kind of model is to be chosen from the data."""

REQUIRED = ("DEM", "LANDSLIDES")
INPUTS = (*REQUIRED, *_FACTOR_LAYERS[1:], "SAFETY_FACTOR", "STABLE", "REGIONS", "BUILDINGS", "ROADS")
"""Layers of the project that the steps take, in the order in which the dock asks for them."""
NEED_FIELD = ("LANDFORM", "LITHOLOGY", "SEISMIC", "PRECIPITATION", "TEMPERATURE")
"""Layers that, if they are vector layers, are of no use without a field."""
FIELDS = {
    "LANDSLIDES": ("SCALE_FIELD", "AREA_FIELD"),
    "REGIONS": ("REGION_FIELD",),
    **{name: (f"{name}_FIELD",) for name in NEED_FIELD},
}
"""Parameters of a field by that of its layer."""

UNITS = {name: f"{name}_UNIT" for name in ("DEM", "PRECIPITATION", "TEMPERATURE")}
"""Parameter of the unit of a layer by that of the layer."""


def details_of(parameter: str) -> tuple[str, ...]:
    """Return the parameters of the fields and of the unit of a layer."""
    return (*FIELDS.get(parameter, ()), *([UNITS[parameter]] if parameter in UNITS else []))


def calls_of(step: str, choosing: bool) -> tuple[Call, ...]:
    """Return the calls of a step, in a region where the kind of model is to be chosen from the data or is PCUM."""
    return (CHOOSING,) if choosing and step == TRAIN else STEP[step].calls


def call_of(parameter: str) -> Call:
    """Return the first call that takes a layer."""
    return next(call for step in STEPS for call in step.calls if parameter in call.layers)


def steps_after(name: str) -> set[str]:
    """Return the steps that read results of a step, directly or through others."""
    found = {name}
    for step in STEPS:
        if found & set(step.needs):
            found.add(step.name)
    return found - {name}
