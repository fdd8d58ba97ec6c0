"""``scarp:trainpcum``: the physics-constrained U-Net, trained on a stack and its labels."""

from __future__ import annotations

from typing import Any

from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, TRAIN, ScarpAlgorithm
from .base.arguments import Arguments

METRICS = (
    ("AUC", "AUC of the test windows"),
    ("RECALL", "recall of the test windows"),
    ("ACCURACY", "share of test cells classified correctly"),
    ("LOSS", "loss on the test windows"),
    ("EPOCHS", "epochs run"),
    ("BEST_EPOCH", "epoch whose weights were kept"),
    ("VIOLATION_RATE", "share of test cells under warning that the model calls safe"),
)


class TrainPcum(ScarpAlgorithm):
    """Parameters in, one call to ``train_pcum``, model, windows and report out."""

    ID = "trainpcum"
    TITLE = "Train PCUM"
    GROUP = TRAIN
    TAGS = ("u-net", "deep learning", "neural network", "physics", "training")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Trains PCUM, the physics-constrained U-Net of Zhang and Deng (2026), on a factor stack and landslide labels. "
        'The result is a model file for "Predict susceptibility".\n'
        "The area is cut into windows, which are divided into training, validation and test windows. The network reads "
        "a window of all factors and predicts the landslide susceptibility of each cell. It learns from the training "
        "windows, stops when the validation loss no longer falls, and is evaluated on the test windows. A physics "
        "constraint helps: where the safety factor says that a wet week exceeds what slopes have withstood, the model "
        "is penalised for predicting low susceptibility.\n"
        "All settings have defaults that need no knowledge of machine learning. The same seed on the same machine "
        "gives the same model."
    )

    def define(self) -> None:
        training.declare_rasters(self)
        self.declare(
            p.raster("SAFETY_FACTOR", "Safety factor", optional=True),
            'Raster from "Build safety factor", or any other safety factor, on the stack\'s grid. Without it the '
            "model is trained without the physics constraint.",
        )
        training.declare_settings(self, *training.SETTINGS)
        self.declare(
            p.input_file("START_FROM", "Fine-tune from model", p.MODEL_FILE),
            "A PCUM or U-Net model file to fine-tune, for an area with few landslides of its own. Factors are matched "
            "by name and classes by label. Network and normalisation come from the model, so leave WIDTH, DEPTH, "
            "ENCODING and DROPOUT empty. The learning rate is a tenth of the usual one unless given.",
            advanced=True,
        )
        self.declare(
            p.input_file("CHECKPOINT", "Checkpoint", "Checkpoint (*)"),
            "File that keeps the state of the training. If it exists and fits, training resumes from it; otherwise it "
            "is created. Leave it empty for a fresh start.",
            advanced=True,
        )
        self.declare(
            p.file_output("OUTPUT", "Trained model", p.MODEL_FILE),
            "One .safetensors file with the network, its factors, settings, history and metrics.",
        )
        self.declare(
            p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON),
            "Polygons of the windows with subset (train, validation, test), kind (landslide, stable) and share of "
            'landslide cells. "Validate with points" reads it to evaluate on test windows only.',
        )
        self.declare(
            p.file_output("OUTPUT_HTML", "Report", p.HTML, optional=True),
            "Curves of loss, accuracy, recall and violation rate by epoch, and the metrics of the test windows.",
        )
        for name, label in METRICS:
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        training.read_settings(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        files, common = training.job_arguments(arguments)
        crs = arguments.grid_crs(files[0], "factor stack")
        result = arguments.core.call(
            "train_pcum",
            *files,
            **common,
            safety_factor=arguments.raster("SAFETY_FACTOR"),
            start_from=arguments.file("START_FROM"),
            given=list(training.explicit_settings(arguments)),
        )
        return training.job_outputs(arguments, result, crs, METRICS)
