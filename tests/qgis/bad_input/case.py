"""What a case of bad input is, and the place in which it is made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, ContextManager

from scarp.tests.qgis.tiny import RADII, TRAINING, stack_inputs


@dataclass
class Workplace:
    """Where a case makes its input and leaves its output."""

    folder: Path
    """Empty; for what the case is given."""
    out: Path
    """Empty but for the output of an earlier run; a case may choose another one."""
    area: Path
    """Folder with the good inputs of the tiny study area."""
    chain: Mapping[str, Path]
    """Good outputs of the whole chain."""


@dataclass
class Outcome:
    """What came of a run that works."""

    results: Mapping[str, Any]
    said: str
    """All that was said on the way, warnings among it, a line each."""
    at: Workplace


def _nothing_around(at: Workplace) -> ContextManager:
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Case:
    """One bad or unusual input."""

    name: str
    """Of the test; one of its kind."""
    algorithm: str
    given: str
    """What is given, in a sentence for the table."""
    make: Callable[[Workplace], dict[str, Any]]
    """Makes the input; returns the parameters that differ from the good ones. ``None`` leaves one out."""
    error: str = ""
    """Regular expression that the message must match; empty for what must work."""
    works: str = ""
    """What must hold when it works, in a sentence for the table."""
    said: str = ""
    """Regular expression of something that must be said on the way when it works."""
    holds: Callable[[Outcome], None] = field(default=lambda outcome: None)
    """Asserts what must hold when it works."""
    around: Callable[[Workplace], ContextManager] = _nothing_around
    """What is there only while the algorithm runs, such as a disk that is full."""
    stays: tuple[str, ...] = ()
    """Names of outputs that are complete and stay although the run fails, because they took long to make."""


OUTPUTS: dict[str, dict[str, str]] = {
    "createdemodata": {"OUTPUT": "demo"},
    "buildfactorstack": {"OUTPUT": "stack.tif"},
    "checkfactors": {"OUTPUT_HTML": "check.html", "OUTPUT_TABLE": "check.csv"},
    "buildbufferedlabels": {"OUTPUT": "labels.tif"},
    "buildsafetyfactor": {"OUTPUT": "safety.tif", "OUTPUT_RAINFALL": "rain.tif", "OUTPUT_TABLE": "thresholds.csv"},
    "trainpcum": {"OUTPUT": "model.safetensors", "OUTPUT_WINDOWS": "windows.gpkg", "OUTPUT_HTML": "model.html"},
    "traincomparisonmodel": {
        "OUTPUT": "model.safetensors",
        "OUTPUT_WINDOWS": "windows.gpkg",
        "OUTPUT_HTML": "model.html",
    },
    "crossvalidate": {"OUTPUT": "folds.tif", "OUTPUT_TABLE": "folds.csv", "OUTPUT_FOLDS": "folds.gpkg"},
    "predictsusceptibility": {"OUTPUT": "map.tif", "OUTPUT_APPLICABILITY": "outside.tif"},
    "classifyzones": {"OUTPUT": "zones.tif", "OUTPUT_TABLE": "zones.csv"},
    "rainfallwarning": {"OUTPUT": "warning.tif", "OUTPUT_TABLE": "warning.csv", "OUTPUT_SAFETY_FACTOR": "fs.tif"},
    "validatewithpoints": {"OUTPUT_HTML": "report.html", "OUTPUT_TABLE": "report.csv", "OUTPUT_POINTS": "points.gpkg"},
    "comparemodels": {"OUTPUT_HTML": "report.html", "OUTPUT_TABLE": "report.csv", "OUTPUT_DIFFERENCE": "minus.tif"},
    "explainsusceptibility": {
        "OUTPUT_HTML": "report.html",
        "OUTPUT_TABLE": "report.csv",
        "OUTPUT_LEADING": "leading.tif",
    },
}
"""Names of all outputs that a case asks for, by parameter."""


def good_inputs(algorithm: str, at: Workplace) -> dict[str, Any]:
    """Return inputs with which an algorithm works; a case spoils one of them."""
    area, chain = at.area, at.chain
    learned = {"STACK": chain["stack"], "LABELS": chain["labels"]}
    judged = {"SUSCEPTIBILITY": chain["susceptibility"], "LANDSLIDES": area / "landslides.gpkg", "REPEATS": 2}
    return {
        "createdemodata": {"SIZE": 64},
        "buildfactorstack": {"DEM": area / "dem.tif"},
        "checkfactors": learned,
        "buildbufferedlabels": {
            "LANDSLIDES": area / "landslides.gpkg",
            "SCALE_FIELD": "scale",
            "RADII": RADII,
            "REFERENCE": chain["stack"],
        },
        "buildsafetyfactor": {
            "REFERENCE": chain["stack"],
            "PRECIPITATION": area / "precipitation.tif",
            "K_TABLE": "all,0.01",
        },
        "trainpcum": {**learned, **TRAINING},
        "traincomparisonmodel": {**learned, "KIND": "frequency_ratio", "BLOCK": 900},
        "crossvalidate": {
            **learned,
            "LANDSLIDES": area / "landslides.gpkg",
            "KIND": "frequency_ratio",
            "BLOCK": 900,
            "FOLDS": 2,
            "RANDOM_SPLIT": False,
        },
        "predictsusceptibility": {"STACK": chain["stack"], "MODEL": chain["model"]},
        "classifyzones": {"SUSCEPTIBILITY": chain["susceptibility"]},
        "rainfallwarning": {"SUSCEPTIBILITY": chain["susceptibility"], "RAIN": area / "precipitation.tif", "K": 0.01},
        "validatewithpoints": judged,
        "comparemodels": {
            **judged,
            "SUSCEPTIBILITY": [chain["susceptibility"], chain["susceptibility"]],
            "NAMES": "first,second",
        },
        "explainsusceptibility": {**learned, "MODEL": chain["model"], "BLOCK": 900, "REPEATS": 2},
    }[algorithm]


ALL_FACTORS = stack_inputs
"""Inputs of a stack with all ten factors, from the folder of the study area."""
