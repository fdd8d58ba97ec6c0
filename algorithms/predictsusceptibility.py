"""``scarp:predictsusceptibility``: a trained model applied to a factor stack."""

from __future__ import annotations

import os
from typing import Any

from ..model.errors import InputMissing
from ..model.training.settings import PRECISIONS
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
        "The stack may be of another area than the one trained on, if it has the factors that the model needs, with "
        "cells of about the same size. Factors are found by name, classes by their label. The map is computed in "
        "tiles that overlap enough to leave no seam, so its size does not matter. A large map that was cancelled goes "
        "on where it stopped when it is started again with the same inputs and an output in the same folder. The "
        "values rank slopes; they are no probability per year."
    )

    def define(self) -> None:
        self.declare(
            p.raster("STACK", "Factor stack"),
            'Raster from "Build factor stack" with all factors that the model was trained on.',
        )
        self.declare(
            p.model_file("MODEL", "Trained model"),
            "A .safetensors file from a training algorithm. It knows its factors and how to scale them. "
            "Several, with semicolons between them, are averaged.",
        )
        self.declare(
            p.vector("AREA", "Area to map", p.POLYGON, optional=True),
            "Polygons; cells outside get no data. Without it the whole stack is mapped.",
        )
        self.declare(
            p.region(),
            "Name of the region that the map shows, for work on several regions. It is kept in the maps, and "
            "the tables of the next steps get a column with it. Leave it empty for a single map.",
        )
        self.declare(
            p.integer("TILE", "Tile size (cells)", 0, 0, 16384),
            "Side of the tiles. 0 chooses it by the memory there is. It changes speed and memory, not the map.",
            advanced=True,
        )
        self.declare(p.device(), p.DEVICE_HELP, advanced=True)
        self.declare(p.choice("PRECISION", "Arithmetic", PRECISIONS, "auto"), p.PRECISION_HELP, advanced=True)
        self.declare(
            p.integer("SAMPLES", "Samples for uncertainty", 0, 0, 1000),
            "How often each cell is computed with some of the network switched off at random (Monte-Carlo "
            "dropout). The spread says how sure the model is. 0: not at all; 20 is a fair number and takes "
            "20 times as long.",
            advanced=True,
        )
        self.declare(
            p.model_files("MORE_MODELS", "More models for an ensemble"),
            "Further models, whose maps are averaged with that of the first.",
            advanced=True,
        )
        self.declare(p.scheduler(), p.SCHEDULER_HELP, advanced=True)
        self.declare(
            p.raster_output("OUTPUT", "Susceptibility"),
            "GeoTIFF, 0 to 1, more is more susceptible. On the stack's cells, or on cells of 600 m when all "
            "models judge patches of 600 m as a whole (BPNN and ResNet).",
        )
        self.declare(
            p.raster_output("OUTPUT_UNCERTAINTY", "Uncertainty", optional=True),
            "GeoTIFF with the standard deviation over samples and models. Needs SAMPLES or several models.",
        )
        self.declare(
            p.raster_output("OUTPUT_APPLICABILITY", "Applicability", optional=True),
            "GeoTIFF with the number of factors that lie outside what the model was trained on; 0 is inside. "
            "Do not trust the map where many do.",
        )
        for name, label in (("CELLS", "cells mapped"), ("OUTSIDE_SHARE", "share of cells outside the training range")):
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        arguments.scheduler()
        for path in self._models(arguments):
            if not os.path.isfile(path):
                raise InputMissing(
                    tr("MODEL: {path} does not exist. Check the path, or train a model first.").format(path=path)
                )

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, output = arguments.raster("STACK"), arguments.output("OUTPUT")
        uncertainty = arguments.output("OUTPUT_UNCERTAINTY")
        applicability = arguments.output("OUTPUT_APPLICABILITY")
        area = None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(stack, "factor stack"))
        summary = arguments.core.call(
            "predict_susceptibility",
            stack,
            self._models(arguments),
            output,
            area=area,
            tile=arguments.integer("TILE"),
            device=arguments.choice("DEVICE"),
            precision=arguments.choice("PRECISION"),
            samples=arguments.integer("SAMPLES"),
            scheduler=arguments.scheduler(),
            region=arguments.text("REGION"),
            output_uncertainty=uncertainty,
            output_applicability=applicability,
            progress=arguments.progress,
        )
        style_output(arguments.context, output, "susceptibility")
        style_output(arguments.context, uncertainty, "uncertainty")
        style_output(arguments.context, applicability, "applicability")
        return {
            "OUTPUT": output,
            "OUTPUT_UNCERTAINTY": uncertainty,
            "OUTPUT_APPLICABILITY": applicability,
            "CELLS": summary.cells,
            "OUTSIDE_SHARE": summary.share_outside,
        }

    @staticmethod
    def _models(arguments: Arguments) -> list[str]:
        """Return the paths of all models; a name with a semicolon in it is taken as it is when it is a file."""
        first = arguments.file("MODEL") or ""
        paths = [first] if os.path.isfile(first) else [part.strip() for part in first.split(";") if part.strip()]
        return paths + arguments.files("MORE_MODELS")
