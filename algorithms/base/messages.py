"""Messages as a window shows them: with the labels of parameters and choices in words, in the language of QGIS.

Without a window, in ``qgis_process`` and scripts, they keep the names that are typed there.
"""

from __future__ import annotations

import re
from typing import Any

from qgis.core import QgsApplication

from ...model.parameter_names import with_labels
from ...processing_provider.provider import PROVIDER
from ...processing_provider.settings import has_window
from ...translation import of_core, tr

_OUTPUTS = "OUTPUT"  # prefix of names that mean another thing in each algorithm


def shown(algorithm: Any, text: str) -> str:
    """Return a message of a run in the language of QGIS; in a window with labels."""
    return in_words(algorithm, text) if has_window() else of_core(text)


def in_words(algorithm: Any, text: str) -> str:
    """Return a message in the language of QGIS, with labels of parameters, the algorithm's before those of others."""
    return _with_labels(algorithm, of_core(text))


def _with_labels(algorithm: Any, text: str) -> str:
    if not re.search(r"[A-Z]{3}", text):
        return text
    own = {item.name(): item.description() for item in algorithm.parameterDefinitions()}
    return with_labels(text, {**_labels_of_others(), **own}, _choices(algorithm))


def help_in_words(algorithm: Any, text: str) -> str:
    """Return the help of a parameter as a dialog shows it: choices, such as ``area_shares: …``, in words as well."""
    known: dict[str, str] = {}
    for words in _choices(algorithm).values():
        known.update({word: shown for word, shown in words.items() if word != shown})
    for word, shown in known.items():
        # A word of one part may be an ordinary one: it is a choice where its meaning follows.
        end = r"(?!\w)" if "_" in word else r"(?=:)"
        text = re.sub(rf"(?<![\w=]){re.escape(word)}{end}", f"“{shown}”", text)
    return _with_labels(algorithm, text)


def _choices(algorithm: Any) -> dict[str, dict[str, str]]:
    enums = [item for item in algorithm.parameterDefinitions() if item.type() == "enum"]
    return {item.name(): {word: choice_in_words(item.name(), word) for word in item.options()} for item in enums}


def _labels_of_others() -> dict[str, str]:
    """Return the label of each input of Scarp's algorithms: the check of factors may speak of the labels' RADII."""
    registry: Any = QgsApplication.processingRegistry()
    provider = registry.providerById(PROVIDER)
    found: dict[str, str] = {}
    for algorithm in provider.algorithms() if provider is not None else ():
        for item in algorithm.parameterDefinitions():
            if not item.name().startswith(_OUTPUTS):
                found.setdefault(item.name(), item.description())
    return found


def choice_in_words(parameter: str, word: str) -> str:
    """Return what dialogs show for a choice of an enumeration; the word itself where there is nothing better."""
    return _words(parameter).get(word, word)


def _words(parameter: str) -> dict[str, str]:
    automatic = {"auto": tr("automatic")}
    if parameter.endswith("_UNIT"):
        return {
            **automatic,
            "ft": tr("feet"),
            "us_ft": tr("US survey feet"),
            "inch": tr("inches"),
            "tenth_mm": tr("1/10 mm"),
            "celsius": "°C",
            "tenth_celsius": "1/10 °C",
            "kelvin": "K",
            "fahrenheit": "°F",
        }
    return {
        "PRESET": lambda: {
            "recommended": tr("recommended"),
            "windows": tr("on windows of cells"),
            "paper": tr("as in the paper"),
        },
        "METHOD": lambda: {
            "rain_threshold": tr("rain index"),
            "infinite_slope": tr("infinite slope"),
            "rain_index": tr("rain of seven days"),
            "event_thresholds": tr("thresholds of rain events"),
            "area_shares": tr("fixed shares of the area"),
            "equal_interval": tr("equal intervals"),
            "natural_breaks": tr("natural breaks"),
            "landslide_share": tr("shares of the landslides"),
            "breaks": tr("breaks that you give"),
        },
        "SLOPE_METHOD": lambda: {"horn": "Horn", "zevenbergen_thorne": "Zevenbergen & Thorne"},
        "POLYGON_MODE": lambda: {
            "representative": tr("one point for each polygon"),
            "cells": tr("all cells of a polygon"),
        },
        "SUBSET": lambda: {
            "all": tr("all of the map"),
            "train": tr("training windows"),
            "validation": tr("validation windows"),
            "test": tr("test windows"),
        },
        "KIND": lambda: {
            "pcum": "PCUM",
            "unet": "U-Net",
            "bpnn": tr("neural network (BPNN)"),
            "resnet": "ResNet",
            "logistic_regression": tr("logistic regression"),
            "random_forest": tr("random forest"),
            "frequency_ratio": tr("frequency ratio"),
            "weights_of_evidence": tr("weights of evidence"),
            "gradient_boosting": tr("gradient boosting"),
            "gam": tr("additive model (GAM)"),
        },
        "PHYSICS": lambda: {
            "hinge": tr("graded penalty"),
            "indicator": tr("fixed penalty, as in the paper"),
            "none": tr("none"),
            "stability": tr("stability of the slope"),
        },
        "ENCODING": lambda: {"codes": tr("codes of classes"), "one_hot": tr("one column for each class")},
        "ENSEMBLE": lambda: {"none": tr("none"), "gradient_boosting": tr("with gradient boosting")},
        "MONOTONE": lambda: {
            "none": tr("none"),
            "slope": tr("slope"),
            "factor_of_safety": tr("factor of safety"),
            "both": tr("both"),
        },
        "DEVICE": lambda: {**automatic, "cpu": "CPU", "cuda": tr("NVIDIA GPU"), "mps": tr("GPU of an Apple computer")},
        "PRECISION": lambda: automatic,
        "SPLIT": lambda: {"spatial_blocks": tr("blocks of land"), "random": tr("random windows")},
        "SHEET": lambda: {
            "a4_portrait": tr("A4 portrait"),
            "a4_landscape": tr("A4 landscape"),
            "a3_portrait": tr("A3 portrait"),
            "a3_landscape": tr("A3 landscape"),
        },
    }.get(parameter, dict)()
