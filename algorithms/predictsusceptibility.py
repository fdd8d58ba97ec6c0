"""``scarp:predictsusceptibility``: apply a trained model to a factor stack."""

from __future__ import annotations

import os
from typing import Any

from ..model.errors import InputMissing
from ..model.prediction.settings import PredictionOptions
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, MAP, ScarpAlgorithm
from .base.arguments import Arguments


class PredictSusceptibility(ScarpAlgorithm):
    ID = "predictsusceptibility"
    TITLE = "Predict susceptibility"
    GROUP = MAP
    PLACE = 1
    TELLS_TIME = True
    TAGS = ("inference", "map", "ensemble", "uncertainty")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy")
    STYLES = {
        "OUTPUT": "susceptibility",
        "OUTPUT_UNCERTAINTY": "uncertainty",
        "OUTPUT_APPLICABILITY": "applicability",
        "OUTPUT_DISAGREEMENT": "difference",
        "OUTPUT_BIVARIATE": "bivariate",
        "OUTPUT_DISSIMILARITY": "dissimilarity",
    }
    SUMMARY = (
        "Applies a trained model to a factor stack: a map of landslide susceptibility from 0 to 1 at the stack's own "
        "resolution.\n"
        "The stack may cover another area than the one trained on, if it has the factors that the model needs, with "
        "cells of about the same size. Factors are found by name, classes by label. The map is computed in tiles that "
        "overlap enough to leave no seam, so its size does not matter. A large map that was cancelled resumes when it "
        "is started again with the same inputs and an output in the same folder. The values rank slopes; they are no "
        "probability per year. Those of models trained with PROBABILITY are the share of cells like this one that are "
        "landslide cells in the inventory.\n"
        "On land that is new to the model nothing tells how good its map is. The log then compares the order of the "
        "cells with two rules of a textbook, slope alone and the factor of safety of an infinite slope, and the report "
        "shows all three and where they disagree. A model that is carried to other mountains may do worse than slope."
    )
    NUMBERS = {
        "CELLS": "cells mapped",
        "OUTSIDE_SHARE": "share of cells outside the training range",
        "APPLICABLE_SHARE": "share of cells in the area of applicability; empty without an index",
        "EXPECTED_AUC": "AUC to expect on this land; empty where none can be",
    }
    HELP = {
        "STACK": 'Raster from "Build factor stack" with all factors that the model was trained on.',
        "MODEL": "A .safetensors file from a training algorithm. It contains its factors and how to scale them. "
        "Several models, separated by semicolons, are averaged.",
        "AREA": "Polygons; cells outside are nodata. Without it the whole stack is mapped.",
        "MORE_MODELS": "Further models, whose maps are averaged with that of the first.",
        "OUTPUT": "GeoTIFF, 0 to 1, more is more susceptible. On the stack's cells, or on cells of 600 m if all "
        "models predict patches of 600 m (BPNN and ResNet). The log and the layer state the verdict: usable, weak or "
        "do not use, and why.",
        "OUTPUT_UNCERTAINTY": "GeoTIFF. One model of PRESET=recommended: its standard error, by the models of its "
        "folds, each of which was trained without a fifth of the land; and lower and upper bound of an interval that "
        "held the landslide density of nine tenths of the areas that were left out whole, for low, medium and high "
        "susceptibility. With SAMPLES or several models: the standard deviation over them. Models of earlier versions "
        "and other kinds need one of these.",
        "OUTPUT_APPLICABILITY": "GeoTIFF. Band 1: number of factors outside the training data of the model; 0 is "
        "inside. Do not trust the map where many are outside. With models of the recommended training also band 2: "
        "area of applicability, 1 inside, 0 outside; and band 3: local point density, how many training cells are as "
        "much like a cell as land in the area is, at most 254. Of several models the worst counts.",
        "OUTPUT_DISSIMILARITY": "GeoTIFF. Band 1: dissimilarity index, how unlike the training land a cell is by what "
        "matters to the model; 1 is the mean distance between two training cells. Band 2: AUC to expect on land like "
        "this cell, of the variety of the training land; no data where none can be expected. The log states the AUC to "
        "expect of the whole map. Needs models of the recommended training.",
        "SAFETY_FACTOR": 'Raster from "Build safety factor" on the grid of the stack, with which log and report '
        "compare the map; it does not change the map. Without it the factor of safety is that of an infinite slope "
        "with usual values of the soil, from the stack's slope and, if it has one, contributing area or wetness index.",
        "OUTPUT_HTML": "One file that says whether the land is new to the model, and shows the map beside slope alone "
        "and the factor of safety: rank correlations, maps, where they disagree and by which factors, and what lies "
        "outside the training data. Needs matplotlib and jinja2.",
        "OUTPUT_DISAGREEMENT": "GeoTIFF with the rank of each cell on the map less its rank by slope alone (band 1) "
        "and by the factor of safety (band 2), −1 to 1. Ranks are shares of the land with a lower value.",
        "OUTPUT_BIVARIATE": "GeoTIFF with nine classes of susceptibility and uncertainty in one map. Low is less than "
        "half the mean landslide density of the training land, high more than twice. Certain is a standard error of "
        "the susceptibility below 0.05, very uncertain from 0.1 on. It needs what OUTPUT_UNCERTAINTY needs.",
    }

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"))
        self.declare(p.input_file("MODEL", "Trained model", p.MODEL_FILE, optional=False))
        self.declare(p.vector("AREA", "Area to map", p.POLYGON, optional=True))
        self.declare_options(PredictionOptions, "region", "tile", "device", "precision", "samples")
        self.declare(p.rasters("MORE_MODELS", "More models for an ensemble", kind=p.Source.TypeFile), advanced=True)
        self.declare_options(PredictionOptions, "scheduler")
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor to compare with", optional=True), advanced=True)
        self.declare(p.raster_output("OUTPUT", "Susceptibility"))
        self.declare(p.raster_output("OUTPUT_UNCERTAINTY", "Uncertainty", optional=True))
        self.declare(p.raster_output("OUTPUT_APPLICABILITY", "Applicability", optional=True))
        self.declare(p.file_output("OUTPUT_HTML", "Report on the new land", p.HTML, optional=True, by_default=False))
        disagreement = p.raster_output(
            "OUTPUT_DISAGREEMENT", "Difference from slope and factor of safety", optional=True
        )
        self.declare(disagreement)
        self.declare(p.raster_output("OUTPUT_BIVARIATE", "Susceptibility and uncertainty", optional=True))
        self.declare(p.raster_output("OUTPUT_DISSIMILARITY", "Dissimilarity and expected AUC", optional=True))
        self.declare_document()

    def check(self, arguments: Arguments) -> None:
        arguments.scheduler()
        for path in self._models(arguments):
            if not os.path.isfile(path):
                text = tr("MODEL: {path} does not exist. Check the path, or train a model first.")
                raise InputMissing(text.format(path=path))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, area = str(arguments.raster("STACK")), None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(stack, "factor stack"))
        options = arguments.options(PredictionOptions, scheduler=arguments.scheduler())
        models = self._models(arguments)
        layers = {"area": area, "safety_factor": arguments.raster("SAFETY_FACTOR")}
        summary = self.call(arguments, "predict_susceptibility", stack, models, options=options, **layers)
        numbers = {"APPLICABLE_SHARE": summary.share_applicable, "EXPECTED_AUC": summary.expected_auc}
        known = {name: value for name, value in numbers.items() if value is not None}
        return {"CELLS": summary.cells, "OUTSIDE_SHARE": summary.share_outside, **known}

    @staticmethod
    def _models(arguments: Arguments) -> list[str]:
        """Return the paths of all models; a name that contains a semicolon and is a file is one path."""
        first = arguments.file("MODEL") or ""
        paths = [first] if os.path.isfile(first) else [part.strip() for part in first.split(";") if part.strip()]
        return paths + arguments.files("MORE_MODELS")
