"""``scarp:trainpcum``: the physics-constrained U-Net, trained on a stack and its labels."""

from __future__ import annotations

from typing import Any

from ..model.training.settings import CROSS_FITTED, require_cross_fitting
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, TRAIN, ScarpAlgorithm
from .base.arguments import Arguments


class TrainPcum(ScarpAlgorithm):
    ID = "trainpcum"
    TITLE = "Train PCUM"
    GROUP = TRAIN
    PLACE = 1
    TAGS = ("u-net", "deep learning", "neural network", "physics", "training")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = {**training.STYLES, "OUTPUT_OUT_OF_FOLD": "susceptibility"}
    SUMMARY = (
        "Trains PCUM, the physics-constrained U-Net of Zhang and Deng (2026), on a factor stack and landslide labels. "
        'The result is a model file for "Predict susceptibility".\n'
        "With the preset recommended the area is divided into folds of spatial blocks. Curves of the factors and a "
        "small network of single cells are fitted without one fold at a time, and count as much as they help to "
        "predict it. Then all land trains the model. Its AUC is that of the folds: it says how well landslide cells "
        "rank above all other mapped land, by models that did not see them.\n"
        "With the preset windows or paper a U-Net is trained on windows of a part of the area, and evaluated on test "
        "windows that are held out. With either, a physics constraint can help: where the rain index says that a wet "
        "week exceeds the threshold of the landform, the model is penalised for predicting low susceptibility.\n"
        "All settings have defaults that need no knowledge of machine learning. The same seed on the same machine "
        "gives the same model."
    )
    NUMBERS = {
        **training.HELD_OUT_NUMBERS,
        "EPOCHS": "epochs run",
        "BEST_EPOCH": "epoch whose weights were kept",
        "VIOLATION_RATE_UNLABELLED": "with PHYSICS=stability, share of the unstable land without labels, or of TARGET, "
        "that the model calls safe",
        "VIOLATION_RATE": "share of cells held out and under warning that the model calls safe",
    }
    HELP = {
        "SAFETY_FACTOR": 'Rain index or factor of safety, from "Build safety factor" or another program, on the grid '
        "of the stack; for a factor of safety of another program set FS_CRITICAL to 1. Without it the model is trained "
        "without the physics constraint. PHYSICS=stability takes a factor of safety only, and without it computes one "
        "from the slope with usual soil.",
        "MORE_STACKS": "Factor stacks of more areas, to train on all of them at once, with PRESET=recommended. CRS, "
        "extent and cell size may differ. They need the factors of STACK; classes are matched by label, and an area "
        "may have classes that others lack. OUTPUT_OUT_OF_FOLD and OUTPUT_WINDOWS are those of STACK; the report has "
        "the AUC of each area.",
        "TARGET": "With PHYSICS=stability: factor stack of land without landslides of its own, whose map is wanted, "
        "built like STACK. Its factors are matched by name and its classes by label. The model learns where slopes "
        "fail there from a rule of slope stability, and has no network of single cells, which does not carry over. "
        "It is made for this land; make the map with it.",
        "TARGET_SAFETY_FACTOR": "Factor of safety on the grid of TARGET. Without it it is computed from the slope.",
        "START_FROM": "A PCUM or U-Net model file to fine-tune, for an area with few landslides of its own. Factors "
        "are matched by name and classes by label. Method, network and normalisation come from the model, so leave "
        "WIDTH, DEPTH, ENCODING and DROPOUT empty. By cross-fitting it is changed as far as spatial folds show that "
        "it pays; on windows the learning rate is a tenth of the usual one unless given.",
        "CHECKPOINT": "File that keeps the state of the training. If it exists and fits, training resumes from it; "
        "otherwise it is created. Leave it empty for a fresh start.",
        "OUTPUT": "One .safetensors file with the network, its factors, settings, history and metrics.",
        "OUTPUT_WINDOWS": "Polygons of the blocks, with their fold, or of the windows, with subset (train, validation, "
        'test), kind (landslide, stable) and share of landslide cells. With windows "Validate with points" evaluates '
        "on the test windows only.",
        "OUTPUT_HTML": "Verdict on the model and metrics of the land held out; with windows also curves of loss, "
        "accuracy, recall and violation rate by epoch.",
        "OUTPUT_OUT_OF_FOLD": "Out-of-fold map: GeoTIFF with the susceptibility of each cell by the model of the fold "
        'that did not see its block. Give it to "Validate with points" as OUT_OF_FOLD: all landslides train the model, '
        "so its own map would show a fit. Not for maps to use: seams between blocks are differences of the models. It "
        "takes as long as a map; a training on windows has none.",
    }

    def define(self) -> None:
        training.declare_rasters(self)
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor", optional=True))
        self.declare(p.raster("TARGET", "Factor stack of the land whose map is wanted", optional=True), advanced=True)
        self.declare(p.raster("TARGET_SAFETY_FACTOR", "Factor of safety of that land", optional=True), advanced=True)
        training.declare_more_areas(self)
        training.declare_settings(self, *training.SETTINGS)
        self.declare(p.input_file("START_FROM", "Fine-tune from model", p.MODEL_FILE), advanced=True)
        self.declare(p.input_file("CHECKPOINT", "Checkpoint", "Checkpoint (*)"), advanced=True)
        self.declare(p.file_output("OUTPUT", "Trained model", p.MODEL_FILE))
        self.declare(p.vector_output("OUTPUT_WINDOWS", "Windows", p.POLYGON, training.FIELDS))
        self.declare(p.file_output("OUTPUT_HTML", "Training report", p.HTML, optional=True))
        self.declare(p.raster_output("OUTPUT_OUT_OF_FOLD", "Out-of-fold map", optional=True, by_default=True))
        self.declare_document()

    def check(self, arguments: Arguments) -> None:
        require_cross_fitting(training.read_settings(arguments), training.has_more_areas(arguments))

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        return training.automatic_call(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        common, given = training.job_arguments(arguments), list(training.explicit_settings(arguments))
        crs = arguments.grid_crs(common["stack"], "factor stack")
        more = {"safety_factor": arguments.raster("SAFETY_FACTOR"), "start_from": arguments.file("START_FROM")}
        more |= {name: arguments.raster(name.upper()) for name in ("target", "target_safety_factor")}
        areas = training.more_areas(arguments)
        result = self.call(arguments, "train_pcum", **common, **more, **areas, given=given)
        outputs = training.job_outputs(arguments, result, crs, self.NUMBERS)
        if result.settings.method != CROSS_FITTED:
            arguments.load_no_layer("OUTPUT_OUT_OF_FOLD")
            outputs["OUTPUT_OUT_OF_FOLD"] = None
        return outputs
