"""``scarp:trainpcum``: the physics-constrained U-Net, trained on a stack and its labels."""

from __future__ import annotations

from typing import Any

from ..model.training.settings import TrainingSettings, choices, default, limits
from . import parameters as p
from .arguments import Arguments
from .base import CORE, TRAIN, ScarpAlgorithm
from .styles import style_output
from .writing import INTEGER, REAL, TEXT, WkbType, rectangle, write_sink

WINDOW_FIELDS = (("subset", TEXT), ("kind", TEXT), ("landslide_share", REAL), ("seed", INTEGER))
METRICS = (("AUC", "AUC of the test windows"), ("RECALL", "recall of the test windows"),
           ("ACCURACY", "share of test cells classed rightly"), ("LOSS", "loss on the test windows"),
           ("EPOCHS", "epochs run"), ("BEST_EPOCH", "epoch whose weights were kept"),
           ("VIOLATION_RATE", "share of test cells under warning that the model calls safe"))


def _number(name: str, label: str, setting: str, decimals: int | None = None) -> Any:
    """Return the parameter of a training setting, with the core's default and limits."""
    value, (lowest, highest) = default(setting), limits(setting)
    if isinstance(value, int):
        return p.integer(name, label, value, int(lowest), int(highest))
    return p.number(name, label, value, lowest, highest, decimals=decimals)


def _choice(name: str, label: str, setting: str) -> Any:
    return p.choice(name, label, choices(setting), default(setting))


class TrainPcum(ScarpAlgorithm):
    """Parameters in, one call to ``train_pcum``, model, windows and report out."""

    ID = "trainpcum"
    TITLE = "Train PCUM"
    GROUP = TRAIN
    TAGS = ("u-net", "deep learning", "neural network", "physics", "training")
    NEEDS = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Trains PCUM, the physics-constrained U-Net of Zhang and Deng (2026), on a factor stack and landslide labels. "
        "The result is a model file for \"Predict susceptibility\".\n"
        "The area is cut into windows, which are shared out among training, validation and test. The network looks at "
        "a window of all factors and says for each cell how likely a landslide is. It learns from the training "
        "windows, stops when the validation windows no longer get better, and is judged on the test windows. A rule "
        "of physics helps: where the safety factor says that a wet week exceeds what slopes have stood, the network "
        "is pushed away from saying \"safe\".\n"
        "All settings have defaults that need no knowledge of machine learning. The same seed on the same machine "
        "gives the same model.")

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"), "Raster from \"Build factor stack\".")
        self.declare(p.raster("LABELS", "Landslide labels"),
                     "Raster from \"Build landslide labels\", on the stack's grid.")
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor", optional=True),
                     "Raster from \"Build safety factor\", or any other safety factor, on the stack's grid. Without "
                     "it the model is trained without the rule of physics.")
        self.declare(_choice("PHYSICS", "Rule of physics", "physics"),
                     "hinge: below the critical safety factor, a low susceptibility costs the more the lower it is. "
                     "indicator: the term as printed in the paper, for comparison; it has no gradient, so it changes "
                     "the reported loss and not the model. none: a plain U-Net.")
        self.declare(_number("LAMBDA", "Strength of the rule (lambda)", "lambda_", 4),
                     "Weight of the rule beside the labels. 0.1 as in the paper.", advanced=True)
        self.declare(_number("P_LOW", "Low susceptibility", "p_low", 4),
                     "Below this susceptibility a cell under warning breaks the rule. 0.15 as in the paper.",
                     advanced=True)
        self.declare(_number("FS_CRITICAL", "Critical safety factor", "fs_critical", 4),
                     "Below this safety factor a cell is under warning. 0.5 as in the paper: the rain exceeds the "
                     "threshold.", advanced=True)
        self.declare(_number("WEIGHT_LANDSLIDE", "Weight of landslide cells", "weight_landslide", 3),
                     "How much a landslide cell counts. 0 lets landslide and stable cells count the same, however many "
                     "there are of each. The paper takes 5, with five stable cells to one landslide cell.",
                     advanced=True)
        self.declare(_number("WEIGHT_STABLE", "Weight of stable cells", "weight_stable", 3),
                     "How much a stable cell counts, as in the paper.", advanced=True)
        self.declare(_number("WINDOW", "Window (m)", "window"),
                     "Side of a training window in metres. 1500 as in the paper, which is 50 cells of 30 m.",
                     advanced=True)
        self.declare(_choice("SPLIT", "Split", "split"),
                     "How windows are shared out. spatial_blocks: whole blocks of land are held back for validation "
                     "and test, so that the test is on land never seen. random: window by window as in the paper, "
                     "which gives better numbers because neighbours are alike.")
        self.declare(_number("BLOCK", "Block (m)", "block"),
                     "Side of a block of the spatial split in metres; several windows wide.", advanced=True)
        self.declare(_number("EPOCHS", "Epochs at most", "epochs"),
                     "How often the training windows are gone through, if training does not end earlier; see "
                     "PATIENCE. The paper has 1000.")
        self.declare(_number("PATIENCE", "Patience (epochs)", "patience"),
                     "Training ends after so many epochs in which the validation windows did not get better. 0 never "
                     "ends early. The best epoch is kept in any case.", advanced=True)
        self.declare(_number("LEARNING_RATE", "Learning rate", "learning_rate", 8),
                     "Step size of the training. Larger ones suit few epochs; the paper has 0.0001 with 1000 epochs.",
                     advanced=True)
        self.declare(_number("BATCH", "Batch (windows)", "batch"),
                     "Windows a step. Fewer if memory runs out.", advanced=True)
        self.declare(p.flag("AUGMENT", "Turn and mirror windows", default("augment")),
                     "Shows each window turned and mirrored as well, with its slope aspects turned along. Helps with "
                     "few landslides.", advanced=True)
        self.declare(_choice("ENCODING", "Classes as", "encoding"),
                     "How kinds of rock, landform and so on reach the network. one_hot: each class as a yes or no. "
                     "codes: as a plain number, as in the paper, though class 4 is not twice class 2.", advanced=True)
        self.declare(_number("WIDTH", "Width of the network", "width"),
                     "Channels of its first level. More learns finer things, takes longer, and needs more "
                     "landslides.", advanced=True)
        self.declare(_number("DEPTH", "Depth of the network", "depth"),
                     "How often it halves the resolution to see farther.", advanced=True)
        self.declare(_number("DROPOUT", "Dropout", "dropout", 3),
                     "Share of the network switched off at random while training, so that it does not learn the area "
                     "by heart.", advanced=True)
        self.declare(_number("SEED", "Seed", "seed"),
                     "Start of everything random. Another seed gives a slightly different model.")
        self.declare(p.device(), p.DEVICE_HELP, advanced=True)
        self.declare(_choice("PRECISION", "Arithmetic", "precision"), p.PRECISION_HELP, advanced=True)
        self.declare(p.input_file("CHECKPOINT", "Checkpoint", "Checkpoint (*)"),
                     "File in which the training keeps where it stands. If it is there and fits, training goes on "
                     "from it; if it is not there, it is made. Leave it empty for a fresh start.", advanced=True)
        self.declare(p.file_output("OUTPUT", "Trained model", p.MODEL_FILE),
                     "One .safetensors file with the network, its factors, settings, history and numbers.")
        self.declare(p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON),
                     "Polygons of the windows with subset (train, validation, test), kind (landslide, stable) and "
                     "share of landslide cells. \"Validate with points\" reads it to judge on test windows alone.")
        self.declare(p.file_output("OUTPUT_HTML", "Report", p.HTML, optional=True),
                     "Curves of loss, accuracy, recall and broken rules by epoch, and the numbers of the test "
                     "windows.")
        for name, label in METRICS:
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        self._settings(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        from ..model.jobs.train_pcum import train_pcum

        stack, output, html = arguments.raster("STACK"), arguments.output("OUTPUT"), arguments.output("OUTPUT_HTML")
        crs = arguments.grid_crs(stack, "factor stack")
        result = train_pcum(stack, arguments.raster("LABELS"), output,
                            safety_factor=arguments.raster("SAFETY_FACTOR"), settings=self._settings(arguments),
                            checkpoint=arguments.file("CHECKPOINT"), output_html=html, progress=arguments.progress)
        windows = write_sink(
            arguments, "OUTPUT_WINDOWS", WINDOW_FIELDS, WkbType.Polygon, crs,
            ((rectangle(window.left, window.bottom, window.right, window.top),
              [window.subset, window.kind, window.landslide_share, window.seed]) for window in result.windows))
        style_output(arguments.context, windows, "windows")
        numbers = {name: result.metrics.get(name.lower()) for name, _ in METRICS}
        return {"OUTPUT": output, "OUTPUT_WINDOWS": windows, "OUTPUT_HTML": html, **numbers}

    @staticmethod
    def _settings(arguments: Arguments) -> TrainingSettings:
        numbers = {name: arguments.number(name.upper().rstrip("_")) for name in (
            "lambda_", "p_low", "fs_critical", "weight_landslide", "weight_stable", "window", "block",
            "learning_rate", "dropout")}
        whole = {name: arguments.integer(name.upper()) for name in (
            "epochs", "patience", "batch", "width", "depth", "seed")}
        words = {name: arguments.choice(name.upper()) for name in (
            "physics", "split", "encoding", "device", "precision")}
        return TrainingSettings(augment=arguments.flag("AUGMENT"), **numbers, **whole, **words)
