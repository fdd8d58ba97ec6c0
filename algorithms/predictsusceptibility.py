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
from .base.styles import style_output


class PredictSusceptibility(ScarpAlgorithm):
    """Parameters in, one call to ``predict_susceptibility``, the map out."""

    ID = "predictsusceptibility"
    TITLE = "Predict susceptibility"
    GROUP = MAP
    TAGS = ("inference", "map", "ensemble", "uncertainty")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy")
    SUMMARY = (
        "Applies a trained model to a factor stack: a map of landslide susceptibility from 0 to 1 at the stack's own "
        "resolution.\n"
        "The stack may cover another area than the one trained on, if it has the factors that the model needs, with "
        "cells of about the same size. Factors are found by name, classes by label. The map is computed in tiles that "
        "overlap enough to leave no seam, so its size does not matter. A large map that was cancelled resumes when it "
        "is started again with the same inputs and an output in the same folder. The values rank slopes; they are no "
        "probability per year."
    )

    def define(self) -> None:
        self.declare(
            p.raster("STACK", "Factor stack"),
            'Raster from "Build factor stack" with all factors that the model was trained on.',
        )
        self.declare(
            p.model_file("MODEL", "Trained model"),
            "A .safetensors file from a training algorithm. It contains its factors and how to scale them. "
            "Several models, separated by semicolons, are averaged.",
        )
        self.declare(
            p.vector("AREA", "Area to map", p.POLYGON, optional=True),
            "Polygons; cells outside are nodata. Without it the whole stack is mapped.",
        )
        for name in ("region", "tile", "device", "precision", "samples"):
            self.declare_option(PredictionOptions, name)
        self.declare(
            p.model_files("MORE_MODELS", "More models for an ensemble"),
            "Further models, whose maps are averaged with that of the first.",
            advanced=True,
        )
        self.declare_option(PredictionOptions, "scheduler")
        self.declare(
            p.raster_output("OUTPUT", "Susceptibility"),
            "GeoTIFF, 0 to 1, more is more susceptible. On the stack's cells, or on cells of 600 m if all "
            "models predict patches of 600 m (BPNN and ResNet).",
        )
        self.declare(
            p.raster_output("OUTPUT_UNCERTAINTY", "Uncertainty", optional=True),
            "GeoTIFF with the standard deviation over samples and models. Needs SAMPLES or several models.",
        )
        self.declare(
            p.raster_output("OUTPUT_APPLICABILITY", "Applicability", optional=True),
            "GeoTIFF with the number of factors outside the training data of the model; 0 is inside. "
            "Do not trust the map where many are outside.",
        )
        for name, label in (("CELLS", "cells mapped"), ("OUTSIDE_SHARE", "share of cells outside the training range")):
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        arguments.scheduler()
        for path in self._models(arguments):
            if not os.path.isfile(path):
                text = tr("MODEL: {path} does not exist. Check the path, or train a model first.")
                raise InputMissing(text.format(path=path))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack = str(arguments.raster("STACK"))
        names = ("OUTPUT", "OUTPUT_UNCERTAINTY", "OUTPUT_APPLICABILITY")
        outputs = {name: arguments.output(name) for name in names}
        area = None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(stack, "factor stack"))
        options = arguments.options(PredictionOptions, scheduler=arguments.scheduler())
        more = {"area": area, "progress": arguments.progress, **{name.lower(): outputs[name] for name in names[1:]}}
        values = (stack, self._models(arguments), outputs["OUTPUT"], options)
        summary = arguments.core.call("predict_susceptibility", *values, **more)
        for name, style in zip(names, ("susceptibility", "uncertainty", "applicability")):
            style_output(arguments.context, outputs[name], style)
        return {**outputs, "CELLS": summary.cells, "OUTSIDE_SHARE": summary.share_outside}

    @staticmethod
    def _models(arguments: Arguments) -> list[str]:
        """Return the paths of all models; a name that contains a semicolon and is a file is one path."""
        first = arguments.file("MODEL") or ""
        paths = [first] if os.path.isfile(first) else [part.strip() for part in first.split(";") if part.strip()]
        return paths + arguments.files("MORE_MODELS")
