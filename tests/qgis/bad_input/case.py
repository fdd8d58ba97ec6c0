"""What a case of bad input is, and the place in which it is made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from scarp.tests.qgis.tiny import RADII, TRAINING, daily_rain, stack_inputs
from scarp.tests.reliability.steps import named_files


@dataclass
class Workplace:
    """Where a case makes its input and leaves its output."""

    folder: Path  # empty; for what the case is given
    out: Path  # empty but for the output of an earlier run; a case may choose another one
    area: Path  # folder with the good inputs of the tiny study area
    chain: Mapping[str, Path]  # good outputs of the whole chain


@dataclass
class Outcome:
    """What came of a run that works."""

    results: Mapping[str, Any]
    said: str  # all that was said on the way, warnings among it, a line each
    at: Workplace


def _nothing_around(at: Workplace) -> AbstractContextManager:
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Case:
    """One bad or unusual input."""

    name: str  # of the test; one of its kind
    algorithm: str
    given: str  # what is given, in a sentence for the table
    make: Callable[[Workplace], dict[str, Any]]
    """Makes the input; returns the parameters that differ from the good ones. ``None`` leaves one out."""
    error: str = ""  # regular expression that the message must match; empty for what must work
    works: str = ""  # what must hold when it works, in a sentence for the table
    said: str = ""  # regular expression of something that must be said on the way when it works
    holds: Callable[[Outcome], None] = field(default=lambda outcome: None)  # asserts what must hold when it works
    around: Callable[[Workplace], AbstractContextManager] = _nothing_around
    """What is there only while the algorithm runs, such as a disk that is full."""
    stays: tuple[str, ...] = ()
    """Names of outputs that are complete and stay although the run fails, because they took long to make."""


def read_cases(table: str, makers: Mapping[str, Any], holds: Mapping[str, Any] | None = None) -> tuple[Case, ...]:
    """Return the cases of a table.

    Args:
        table: an algorithm in brackets, then a row per case of it: name :: given :: error, or
            name :: given :: works: what must hold :: said. An indented line continues the row above.
        makers: ``make`` by name.
        holds: ``holds`` by name.
    """
    cases, algorithm = [], ""
    for row in table.replace("\n    ", " ").strip().split("\n"):
        if row.startswith("["):
            algorithm = row.strip("[]")
            continue
        name, given, result, *said = row.split(" :: ")
        works = result.startswith("works: ")
        kept = {"works": result[7:], "said": "".join(said)} if works else {"error": result}
        if name in (holds or {}):
            kept["holds"] = holds[name]
        cases.append(Case(name, algorithm, given, makers[name], **kept))
    assert {case.name for case in cases} == set(makers), "a row without a maker, or the other way round"
    return tuple(cases)


_REPORT = "OUTPUT_HTML report.html OUTPUT_TABLE report.csv"
_MODEL = "OUTPUT model.safetensors OUTPUT_WINDOWS windows.gpkg OUTPUT_HTML model.html"
OUTPUTS = {
    algorithm: named_files(files)
    for algorithm, files in {
        "createdemodata": "OUTPUT demo",
        "buildfactorstack": "OUTPUT stack.tif",
        "checkfactors": "OUTPUT_HTML check.html OUTPUT_TABLE check.csv",
        "buildbufferedlabels": "OUTPUT labels.tif",
        "buildsafetyfactor": "OUTPUT safety.tif OUTPUT_RAINFALL rain.tif OUTPUT_TABLE thresholds.csv",
        "trainpcum": _MODEL,
        "traincomparisonmodel": _MODEL,
        "trainbestmodel": f"{_MODEL} OUTPUT_TABLE kinds.csv",
        "crossvalidate": "OUTPUT folds.tif OUTPUT_TABLE folds.csv OUTPUT_FOLDS folds.gpkg",
        "predictsusceptibility": "OUTPUT map.tif OUTPUT_APPLICABILITY outside.tif",
        "classifyzones": "OUTPUT zones.tif OUTPUT_TABLE zones.csv",
        "buildslopeunits": "OUTPUT_RASTER units.tif OUTPUT units.gpkg",
        "aggregatesusceptibility": f"{_REPORT} OUTPUT by_unit.gpkg",
        "exposurebyzone": "OUTPUT_TABLE exposure.csv OUTPUT exposure.gpkg",
        "rainfallthresholds": "OUTPUT_THRESHOLDS thresholds.csv OUTPUT_EVENTS events.csv OUTPUT_HTML report.html",
        "rainfallwarning": "OUTPUT warning.tif OUTPUT_TABLE warning.csv OUTPUT_SAFETY_FACTOR fs.tif",
        "validatewithpoints": f"{_REPORT} OUTPUT_POINTS points.gpkg",
        "auditmap": _REPORT,
        "comparemodels": f"{_REPORT} OUTPUT_DIFFERENCE minus.tif",
        "explainsusceptibility": f"{_REPORT} OUTPUT_LEADING leading.tif",
    }.items()
}
"""Names of all outputs that a case asks for, by parameter."""


def good_inputs(algorithm: str, at: Workplace) -> dict[str, Any]:
    """Return inputs with which an algorithm works; a case spoils one of them."""
    area, chain = at.area, at.chain
    slides, rain = {"LANDSLIDES": area / "landslides.gpkg"}, area / "precipitation.tif"
    stack, mapped = {"STACK": chain["stack"]}, {"SUSCEPTIBILITY": chain["susceptibility"]}
    learned = {**stack, "LABELS": chain["labels"]}
    ratios = {"KIND": "frequency_ratio", "BLOCK": 900}
    maps = {"SUSCEPTIBILITY": [chain["susceptibility"]] * 2, "NAMES": "first,second"}
    return {
        "createdemodata": {"SIZE": 64},
        "buildfactorstack": {"DEM": area / "dem.tif"},
        "checkfactors": learned,
        "buildbufferedlabels": {**slides, "SCALE_FIELD": "scale", "RADII": RADII, "REFERENCE": chain["stack"]},
        "buildsafetyfactor": {"REFERENCE": chain["stack"], "PRECIPITATION": rain, "K_TABLE": "all,0.01"},
        "trainpcum": {**learned, **TRAINING},
        "traincomparisonmodel": {**learned, **ratios},
        "trainbestmodel": {**learned, "BLOCK": 900},
        "crossvalidate": {**learned, **slides, **ratios, "FOLDS": 2, "RANDOM_SPLIT": False},
        "predictsusceptibility": {**stack, "MODEL": chain["model"]},
        "classifyzones": mapped,
        "buildslopeunits": {"DEM": area / "dem.tif", "MIN_AREA": 60_000, "ASPECT_VARIANCE": 0.2},
        "aggregatesusceptibility": {**mapped, **slides, "UNITS": area / "lithology.gpkg", "REPEATS": 20},
        "exposurebyzone": {"ZONES": chain["zones"], "BUILDINGS": area / "landslides.gpkg"},
        "rainfallthresholds": {**daily_rain(area), "REPEATS": 20},
        "rainfallwarning": {**mapped, "RAIN": rain, "K": 0.01},
        "validatewithpoints": {**mapped, **slides, "REPEATS": 2},
        "auditmap": {**mapped, **slides, "REPEATS": 20},
        "comparemodels": {**maps, **slides, "REPEATS": 2},
        "explainsusceptibility": {**learned, "MODEL": chain["model"], "BLOCK": 900, "REPEATS": 2},
    }[algorithm]


ALL_FACTORS = stack_inputs  # inputs of a stack with all ten factors, from the folder of the study area
