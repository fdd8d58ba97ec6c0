"""``scarp:crossvalidate``: how good a kind of model is on land that it has not seen."""

from __future__ import annotations

from typing import Any

from ..model.training.settings import KINDS, PCUM
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import INTEGER, REAL, WkbType, rectangle, write_sink
from .base.styles import style_output

FOLD_FIELDS = (("fold", INTEGER), ("landslide_cells", INTEGER), ("labelled_cells", INTEGER), ("auc", REAL))
NUMBERS = (
    ("AUC", "mean AUC over the folds", "auc"),
    ("AUC_LOWEST", "AUC of the worst fold", "lowest"),
    ("AUC_POOLED", "AUC of the whole out-of-fold map", "pooled"),
    ("AUC_RANDOM", "mean AUC with a random split", "random"),
    ("GAP", "by how much the random split flatters", "gap"),
)
APPLICABLE_SETTINGS = tuple(name for name in training.SETTINGS if name != "split")


class CrossValidate(ScarpAlgorithm):
    """Parameters in, one call to ``cross_validate``, map, table and folds out."""

    ID = "crossvalidate"
    TITLE = "Cross-validate"
    GROUP = VALIDATE
    TAGS = ("spatial cross validation", "k-fold", "roc", "auc", "comparison", "out of fold")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy")
    SUMMARY = (
        "Says how good a kind of model is on land that it has not seen. The area is cut into blocks, and the blocks "
        "are shared out into folds. Each fold is predicted by a model that was trained on all other folds only. The "
        "result is a map in which every cell comes from a model that did not see its block, and a table with the AUC "
        "of each fold.\n"
        "The same is done with small patches shared out at random, as is often published. There, cells beside "
        "training cells are judged, and the figure is better than on new land: GAP says by how much.\n"
        "It takes as long as training FOLDS times, and twice that with the random split."
    )

    def define(self) -> None:
        self.declare(
            p.choice("KIND", "Kind of model", KINDS, PCUM),
            'PCUM, or one of the models to compare it with; see "Train PCUM" and "Train comparison model".',
        )
        self.declare(p.raster("STACK", "Factor stack"), 'Raster from "Build factor stack".')
        self.declare(
            p.raster("LABELS", "Landslide labels"), 'Raster from "Build landslide labels", on the stack\'s grid.'
        )
        self.declare(
            p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON),
            "The inventory that the labels were made from. The folds are judged at its points, one cell a "
            "point, against cells that the labels call stable.",
        )
        self.declare(
            p.raster("SAFETY_FACTOR", "Safety factor", optional=True),
            'For PCUM: raster from "Build safety factor", or any other safety factor, on the stack\'s grid.',
        )
        self.declare(p.integer("FOLDS", "Folds", 5, 2, 50), "How many parts the blocks are shared out into.")
        self.declare(
            p.flag("RANDOM_SPLIT", "Compare with a random split", True),
            "Does all again with patches of a few cells shared out at random.",
            advanced=True,
        )
        training.declare_preset(self)
        training.declare_settings(self, *APPLICABLE_SETTINGS)
        self.declare(
            p.raster_output("OUTPUT", "Out-of-fold susceptibility"),
            "Susceptibility of each cell by the model that did not see its block. Seams between blocks are "
            "real: they show how much the models differ. For a map to use, train on everything.",
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
        self._settings(arguments)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, output, table = arguments.raster("STACK"), arguments.output("OUTPUT"), arguments.output("OUTPUT_TABLE")
        crs = arguments.grid_crs(stack, "factor stack")
        training.log_overrides(arguments, arguments.choice("KIND"))
        result = arguments.core.call(
            "cross_validate",
            stack,
            arguments.raster("LABELS"),
            arguments.points_or_polygons("LANDSLIDES", crs),
            output,
            kind=arguments.choice("KIND"),
            settings=self._settings(arguments),
            folds=arguments.integer("FOLDS"),
            safety_factor=arguments.raster("SAFETY_FACTOR"),
            random_split=arguments.flag("RANDOM_SPLIT"),
            output_table=table,
            progress=arguments.progress,
        )
        folds = write_sink(
            arguments,
            "OUTPUT_FOLDS",
            FOLD_FIELDS,
            WkbType.Polygon,
            crs,
            (
                (
                    rectangle(block.left, block.bottom, block.right, block.top),
                    [block.fold, block.landslide_cells, block.labelled_cells, block.auc],
                )
                for block in result.blocks
            ),
        )
        style_output(arguments.context, output, "susceptibility")
        style_output(arguments.context, folds, "folds")
        return {
            "OUTPUT": output,
            "OUTPUT_TABLE": table,
            "OUTPUT_FOLDS": folds,
            **{name: getattr(result, attribute) for name, _, attribute in NUMBERS},
        }

    @staticmethod
    def _settings(arguments: Arguments) -> Any:
        return training.read_settings(arguments, arguments.choice("KIND"))
