"""``scarp:traincomparisonmodel``: the models that PCUM is compared with, trained on the same data."""

from __future__ import annotations

from typing import Any

from ..model.training.settings import ComparisonModelOptions
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, TRAIN, ScarpAlgorithm
from .base.arguments import Arguments

_PHYSICS = ("physics", "lambda_", "p_low", "fs_critical", "prior", "monotone", "monotone_angle")
PCUM_SETTINGS = {*_PHYSICS, "ensemble"}  # of PCUM alone


class TrainComparisonModel(ScarpAlgorithm):
    ID = "traincomparisonmodel"
    TITLE = "Train comparison model"
    GROUP = TRAIN
    PLACE = 3
    TAGS = (
        *("logistic regression", "random forest", "frequency ratio", "weights of evidence"),
        *("gradient boosting", "gam", "additive model"),
        *("u-net", "resnet", "bpnn", "neural network", "benchmark", "training"),
    )
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = training.STYLES
    SUMMARY = (
        "Trains another kind of model on the same factor stack and labels, to compare with PCUM or to use as it is. "
        'The result is a model file for "Predict susceptibility", like PCUM\'s.\n'
        "Models that analysts know: logistic regression, random forest, gradient boosting, an additive model (GAM), "
        "frequency ratio and weights of evidence. They predict each cell from its own factors, train in seconds, and "
        "are hard to beat where landslides are few. Networks of the paper: the U-Net without the physics constraint, "
        "and BPNN and ResNet, which predict one value per 600 m × 600 m, so that their maps have cells of 600 m.\n"
        'With the same BLOCK and SEED all kinds are tested on the same blocks as "Train PCUM"; AUC says how well they '
        "rank landslide cells there above all other mapped land, the ring around landslides included. The same seed on "
        "the same machine gives the same model."
    )
    NUMBERS = {
        **training.HELD_OUT_NUMBERS,
        "AUC": "AUC of the test windows or blocks: landslide cells against all other mapped land",
        "RECALL": "recall of the test windows or blocks",
        "ACCURACY": "share of test cells classified correctly",
        "LOSS": "loss on the test windows or blocks",
        "EPOCHS": "epochs run, of networks",
        "BEST_EPOCH": "epoch whose weights were kept, of networks",
    }
    HELP = {
        "CHECKPOINT": "File that keeps the state of a network's training. If it exists and fits, training resumes "
        "from it; otherwise it is created. Leave it empty for a fresh start.",
        "OUTPUT": "One .safetensors file with the model, its factors, settings and metrics. It holds no program code, "
        "whatever the kind.",
        "OUTPUT_WINDOWS": "Polygons with subset (train, validation, test), kind (landslide, stable) and share of "
        'landslide cells: the windows of networks, the blocks of the other kinds. "Validate with points" reads it to '
        "evaluate on the test area only.",
        "OUTPUT_HTML": "Test metrics, and what the model learned: curves by epoch or by factor, coefficients, class "
        "weights, or permutation importance.",
    }

    def define(self) -> None:
        self.declare_options(ComparisonModelOptions, "kind")
        training.declare_rasters(self)
        training.declare_settings(self, *(name for name in training.SETTINGS if name not in PCUM_SETTINGS))
        self.declare(p.input_file("CHECKPOINT", "Checkpoint", "Checkpoint (*)"), advanced=True)
        self.declare(p.file_output("OUTPUT", "Trained model", p.MODEL_FILE))
        self.declare(p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON, training.FIELDS))
        self.declare(p.file_output("OUTPUT_HTML", "Training report", p.HTML, optional=True))
        self.declare_document()

    def check(self, arguments: Arguments) -> None:
        training.read_settings(arguments, arguments.choice("KIND"))

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        return training.automatic_call(arguments, arguments.choice("KIND"))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        kind = arguments.choice("KIND")
        common = training.job_arguments(arguments, kind)
        crs = arguments.grid_crs(common["stack"], "factor stack")
        result = self.call(arguments, "train_comparison_model", kind, **common)
        return training.job_outputs(arguments, result, crs, self.NUMBERS)
