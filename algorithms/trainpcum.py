"""``scarp:trainpcum``: the physics-constrained U-Net, trained on a stack and its labels."""

from __future__ import annotations

from typing import Any

from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, TRAIN, ScarpAlgorithm
from .base.arguments import Arguments
from .base.training_parameters import write_windows

METRICS = (
    ("AUC", "AUC of the test windows"),
    ("RECALL", "recall of the test windows"),
    ("ACCURACY", "share of test cells classed rightly"),
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
        "The area is cut into windows, which are shared out among training, validation and test. The network looks at "
        "a window of all factors and says for each cell how likely a landslide is. It learns from the training "
        "windows, stops when the validation windows no longer get better, and is judged on the test windows. A rule "
        "of physics helps: where the safety factor says that a wet week exceeds what slopes have stood, the network "
        'is pushed away from saying "safe".\n'
        "All settings have defaults that need no knowledge of machine learning. The same seed on the same machine "
        "gives the same model."
    )

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"), 'Raster from "Build factor stack".')
        self.declare(
            p.raster("LABELS", "Landslide labels"), 'Raster from "Build landslide labels", on the stack\'s grid.'
        )
        self.declare(
            p.raster("SAFETY_FACTOR", "Safety factor", optional=True),
            'Raster from "Build safety factor", or any other safety factor, on the stack\'s grid. Without '
            "it the model is trained without the rule of physics.",
        )
        training.declare_preset(self)
        training.declare_settings(self, *training.SETTINGS)
        self.declare(p.input_file("START_FROM", "Train on from", p.MODEL_FILE), training.START_FROM_HELP, advanced=True)
        self.declare(
            p.input_file("CHECKPOINT", "Checkpoint", "Checkpoint (*)"),
            "File in which the training keeps where it stands. If it is there and fits, training goes on "
            "from it; if it is not there, it is made. Leave it empty for a fresh start.",
            advanced=True,
        )
        self.declare(
            p.file_output("OUTPUT", "Trained model", p.MODEL_FILE),
            "One .safetensors file with the network, its factors, settings, history and numbers.",
        )
        self.declare(
            p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON),
            "Polygons of the windows with subset (train, validation, test), kind (landslide, stable) and "
            'share of landslide cells. "Validate with points" reads it to judge on test windows alone.',
        )
        self.declare(
            p.file_output("OUTPUT_HTML", "Report", p.HTML, optional=True),
            "Curves of loss, accuracy, recall and broken rules by epoch, and the numbers of the test windows.",
        )
        for name, label in METRICS:
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        training.read_settings(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, output, html = arguments.raster("STACK"), arguments.output("OUTPUT"), arguments.output("OUTPUT_HTML")
        crs = arguments.grid_crs(stack, "factor stack")
        training.log_overrides(arguments)
        result = arguments.core.call(
            "train_pcum",
            stack,
            arguments.raster("LABELS"),
            output,
            safety_factor=arguments.raster("SAFETY_FACTOR"),
            settings=training.read_settings(arguments),
            start_from=arguments.file("START_FROM"),
            given=list(training.explicit_settings(arguments)),
            checkpoint=arguments.file("CHECKPOINT"),
            output_html=html,
            progress=arguments.progress,
        )
        windows = write_windows(arguments, result.windows, crs)
        numbers = {name: result.metrics.get(name.lower()) for name, _ in METRICS}
        return {"OUTPUT": output, "OUTPUT_WINDOWS": windows, "OUTPUT_HTML": html, **numbers}
