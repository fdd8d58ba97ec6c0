"""``scarp:trainbestmodel``: PCUM and the simple kinds of model on the same folds, and the best as model file."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingOutputString

from ..model.training.settings import PCUM, RECOMMENDED, TITLES, TrainingSettings, settings_of_kind
from ..translation import tr
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, TRAIN, ScarpAlgorithm
from .base.arguments import Arguments

_SETTINGS = ("block", "buffer", "embedding_components", "probability", "seed", "device")


class TrainBestModel(ScarpAlgorithm):
    ID = "trainbestmodel"
    TITLE = "Train the best model"
    GROUP = TRAIN
    PLACE = 2
    TAGS = (
        *("choose", "compare", "best", "automatic", "model selection", "training"),
        *("logistic regression", "random forest", "gradient boosting", "gam", "additive model"),
    )
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = {**training.STYLES, "OUTPUT_OUT_OF_FOLD": "susceptibility"}
    SUMMARY = (
        "Trains PCUM, logistic regression, an additive model (GAM), a random forest and gradient boosting on the same "
        "cells and the same folds of blocks, and keeps one of them: the simplest of those that cannot be told apart "
        'from the best. The result is a model file for "Predict susceptibility", as from "Train PCUM".\n'
        "Each kind is judged by its AUC out of fold: how well landslide cells rank above all other mapped land, by "
        "models that did not see them. Two kinds cannot be told apart if the 95 % interval of the difference of their "
        "AUCs, paired over resampled blocks of land, holds 0 or is unknown. From the simplest on: logistic regression, "
        "GAM, PCUM, random forest, gradient boosting. The log, the report, the table and the run record show all of "
        "them side by side.\n"
        "The AUC of the best of several is slightly too good, since chance helps to choose it; the log says by about "
        "how much. Of the kinds only PCUM tells how uncertain its map is and where it may be trusted. For other "
        'settings use "Train PCUM".'
    )
    NUMBERS = {
        **training.HELD_OUT_NUMBERS,
        "AUC": "AUC out of fold of the model that is kept: landslide cells against all other mapped land",
    }
    HELP = {
        "SAFETY_FACTOR": 'Rain index or factor of safety, from "Build safety factor" or another program, on the grid '
        "of the stack. PCUM alone learns with it.",
        "MORE_STACKS": "Factor stacks of more areas, to train on all of them at once. CRS, extent and cell size may "
        "differ. They need the factors of STACK; classes are matched by label. OUTPUT_OUT_OF_FOLD and OUTPUT_WINDOWS "
        "are those of STACK.",
        "OUTPUT": "One .safetensors file with the model that is kept, its factors, settings and metrics, and the "
        "numbers of the kinds that were tried.",
        "OUTPUT_WINDOWS": "Polygons of the blocks, with their fold.",
        "OUTPUT_HTML": "Verdict on the model that is kept, the kinds side by side, and what the model learned.",
        "OUTPUT_TABLE": "One row a kind: AUC out of fold with its interval, against stable land and of the fit, and "
        "how far it is behind the best, with the paired interval.",
        "OUTPUT_OUT_OF_FOLD": "Out-of-fold map: GeoTIFF with the susceptibility of each cell by the model of the fold "
        'that did not see its block. Give it to "Validate with points" as OUT_OF_FOLD: all landslides train the model, '
        "so its own map would show a fit. Not for maps to use: seams between blocks are differences of the models. It "
        "takes as long as a map.",
    }

    def define(self) -> None:
        training.declare_rasters(self)
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor", optional=True))
        training.declare_more_areas(self)
        self.declare_options(TrainingSettings, *_SETTINGS)
        self.declare(p.file_output("OUTPUT", "Trained model", p.MODEL_FILE))
        self.declare(p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON, training.FIELDS))
        self.declare(p.file_output("OUTPUT_HTML", "Training report", p.HTML, optional=True))
        self.declare(p.file_output("OUTPUT_TABLE", "Kinds side by side", p.CSV, optional=True))
        self.declare(p.raster_output("OUTPUT_OUT_OF_FOLD", "Out-of-fold map", optional=True, by_default=True))
        self.declare_document()
        self.addOutput(QgsProcessingOutputString("KIND", tr("kind of the model that is kept")))

    def check(self, arguments: Arguments) -> None:
        self._settings(arguments)

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        return training.automatic_call(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, labels = arguments.raster("STACK"), arguments.raster("LABELS")
        crs = arguments.grid_crs(str(stack), "factor stack")
        inputs = {"safety_factor": arguments.raster("SAFETY_FACTOR"), **training.more_areas(arguments)}
        result = self.call(arguments, "train_best_model", stack, labels, settings=self._settings(arguments), **inputs)
        outputs = training.job_outputs(arguments, result, crs, self.NUMBERS)
        return {**outputs, "KIND": TITLES.get(result.kind, result.kind)}

    @staticmethod
    def _settings(arguments: Arguments) -> TrainingSettings:
        return settings_of_kind(PCUM, RECOMMENDED, training.explicit_settings(arguments))
