"""``scarp:explainsusceptibility``: what drives a model's map."""

from __future__ import annotations

from typing import Any

from ..model.explanation.settings import ExplanationInputs, ExplanationOptions
from .base import parameters as p
from .base.algorithm import CORE, SIDECAR_STYLE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments


class ExplainSusceptibility(ScarpAlgorithm):
    ID = "explainsusceptibility"
    TITLE = "Explain susceptibility"
    GROUP = VALIDATE
    PLACE = 4
    TAGS = ("importance", "permutation", "partial dependence", "shapley", "factors", "plausibility", "xai")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy", "matplotlib", "jinja2")
    STYLES = {"OUTPUT_LEADING": SIDECAR_STYLE}
    SUMMARY = (
        "Shows what drives a susceptibility map: which factors the model needs, how it responds to each, whether that "
        "is plausible, and which factor dominates where.\nImportance: how much worse the map gets when a factor is "
        "permuted among blocks. Response: the mean susceptibility when a factor takes one value everywhere, beside the "
        "observed share of landslides. Plausibility: whether susceptibility rises with slope, rain, rivers and faults "
        "as it should, with numbers. All have intervals.\nIt explains the model, not landslide causes: a factor can be "
        "important to the map and cause nothing. Works with every kind of model, evaluates a sample of blocks, and "
        "takes minutes for an area of any size; only the map of the dominant factor takes longer for a larger area."
    )
    NUMBERS = {"AUC": "AUC of the map on the labelled cells", "BLOCKS_USED": "sampled blocks"}
    HELP = {
        "STACK": 'Raster from "Build factor stack" with all factors that the model was trained on.',
        "MODEL": "A .safetensors file from a training algorithm.",
        "LABELS": 'Raster from "Build landslide labels" on the grid of the stack. Labels that the model was not '
        "trained on give an unbiased evaluation; those of its training flatter it.",
        "AREA": "Polygons; cells outside are ignored. Default: the whole stack.",
        "OUTPUT_HTML": "One file with figures and tables, to open in any browser, print or send by mail.",
        "OUTPUT_TABLE": "All numbers of the report as a table, with their intervals; the same as JSON beside it.",
        "OUTPUT_LEADING": "GeoTIFF with the number of the factor that adds or takes most in each cell; 0 is no data. "
        "Names and colours are in it.",
    }

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"))
        self.declare(p.input_file("MODEL", "Trained model", p.MODEL_FILE, optional=False))
        self.declare(p.raster("LABELS", "Landslide labels"))
        self.declare(p.vector("AREA", "Area to explain", p.POLYGON, optional=True))
        self.declare_options(ExplanationOptions, "block", "blocks", "repeats", "references", "seed", "device")
        self.declare(p.file_output("OUTPUT_HTML", "Explanation report", p.HTML))
        self.declare(p.file_output("OUTPUT_TABLE", "Numbers", p.CSV))
        self.declare(p.raster_output("OUTPUT_LEADING", "Dominant factor", optional=True))
        self.declare_document()

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        if not (arguments.given("LABELS") and arguments.given("MODEL")) or arguments.given("AREA"):
            return None
        paths = [arguments.raster("LABELS"), arguments.file("MODEL")]
        return {"asked": arguments.options(ExplanationOptions), "paths": paths}

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, model, labels = arguments.raster("STACK"), arguments.file("MODEL"), arguments.raster("LABELS")
        area = None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(str(stack), "factor stack"))
        inputs = ExplanationInputs(str(stack), str(model), str(labels), area)
        summary = self.call(arguments, "explain_susceptibility", inputs, arguments.options(ExplanationOptions))
        return {"AUC": summary.auc, "BLOCKS_USED": summary.blocks}
