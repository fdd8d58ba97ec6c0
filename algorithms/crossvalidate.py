"""``scarp:crossvalidate``: how good a kind of model is on areas that it has not seen."""

from __future__ import annotations

from typing import Any

from ..model.training.settings import CrossValidationOptions, TrainingSettings
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import INTEGER, REAL
from .base.styles import style_output

FOLD_FIELDS = (("fold", INTEGER), ("landslide_cells", INTEGER), ("labelled_cells", INTEGER), ("auc", REAL))
NUMBERS = (
    ("AUC", "mean AUC over the folds", "auc"),
    ("AUC_LOWEST", "AUC of the worst fold", "lowest"),
    ("AUC_POOLED", "AUC of the whole out-of-fold map", "pooled"),
    ("AUC_RANDOM", "mean AUC with a random split", "random"),
    ("GAP", "optimism of the random split", "gap"),
)


class CrossValidate(ScarpAlgorithm):
    """Parameters in, one call to ``cross_validate``, map, table and folds out."""

    ID = "crossvalidate"
    TITLE = "Cross-validate"
    GROUP = VALIDATE
    TAGS = ("spatial cross validation", "k-fold", "roc", "auc", "comparison", "out of fold")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy")
    SUMMARY = (
        "Estimates how good a kind of model is on areas that it has not seen. The area is cut into blocks, and the "
        "blocks are divided into folds. Each fold is predicted by a model that was trained on all other folds only. "
        "The result is a map in which every cell comes from a model that did not see its block, and a table with the "
        "AUC of each fold.\n"
        "The same is done with small patches that are assigned at random, as is often published. Test cells then lie "
        "beside training cells, and the AUC is better than on new areas: GAP is the difference.\n"
        "It takes as long as training FOLDS times, and twice that with the random split."
    )

    def define(self) -> None:
        self.declare_option(CrossValidationOptions, "kind")
        training.declare_rasters(self)
        self.declare(
            p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON),
            "The inventory from which the labels were made. The folds are evaluated at its points, one cell per "
            "point, against cells that the labels call stable.",
        )
        self.declare(
            p.raster("SAFETY_FACTOR", "Safety factor", optional=True),
            'For PCUM: raster from "Build safety factor", or any other safety factor, on the stack\'s grid.',
        )
        self.declare_option(CrossValidationOptions, "folds")
        self.declare_option(CrossValidationOptions, "random_split")
        training.declare_settings(self, *(name for name in training.SETTINGS if name != "split"))
        self.declare(
            p.raster_output("OUTPUT", "Out-of-fold susceptibility"),
            "Susceptibility of each cell by the model that did not see its block. Seams between blocks are real: they "
            "show how much the models differ. For a map to use, train on everything.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Table of folds", p.CSV),
            "AUC of each fold with its 95 % interval (DeLong), for blocks and for the random split.",
        )
        self.declare(
            p.vector_output("OUTPUT_FOLDS", "Folds", p.POLYGON, by_default=False),
            "The blocks with their fold, landslide cells, labelled cells and the AUC of their fold.",
        )
        for name, label, _ in NUMBERS:
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        self._options(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack = str(arguments.raster("STACK"))
        output, table = (arguments.output(name) for name in ("OUTPUT", "OUTPUT_TABLE"))
        crs = arguments.grid_crs(stack, "factor stack")
        options, settings = self._options(arguments)
        training.log_overrides(arguments, options.kind)
        result = arguments.core.call(
            "cross_validate",
            *(stack, arguments.raster("LABELS"), arguments.points_or_polygons("LANDSLIDES", crs), output),
            options=options,
            settings=settings,
            safety_factor=arguments.raster("SAFETY_FACTOR"),
            output_table=table,
            progress=arguments.progress,
        )
        folds = training.write_rectangles(arguments, "OUTPUT_FOLDS", FOLD_FIELDS, result.blocks, crs, "folds")
        style_output(arguments.context, output, "susceptibility")
        numbers = {name: getattr(result, attribute) for name, _, attribute in NUMBERS}
        return {"OUTPUT": output, "OUTPUT_TABLE": table, "OUTPUT_FOLDS": folds, **numbers}

    @staticmethod
    def _options(arguments: Arguments) -> tuple[CrossValidationOptions, TrainingSettings]:
        options = arguments.options(CrossValidationOptions)
        return options, training.read_settings(arguments, options.kind)
