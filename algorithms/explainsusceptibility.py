"""``scarp:explainsusceptibility``: what drives a model's map."""

from __future__ import annotations

from typing import Any

from ..model.explanation.settings import ExplanationInputs, ExplanationOptions
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import SIDECAR_STYLE, style_output


class ExplainSusceptibility(ScarpAlgorithm):
    """Parameters in, one call to ``explain_susceptibility``, report, table and raster out."""

    ID = "explainsusceptibility"
    TITLE = "Explain susceptibility"
    GROUP = VALIDATE
    TAGS = ("importance", "permutation", "partial dependence", "shapley", "factors", "plausibility", "xai")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Shows what drives a susceptibility map: which factors the model needs, how it responds to each, whether that "
        "is plausible, and which factor dominates where.\nImportance: how much worse the map gets when a factor is "
        "permuted among blocks. Response: the mean susceptibility when a factor takes one value everywhere, beside the "
        "observed share of landslides. Plausibility: whether susceptibility rises with slope, rain, rivers and faults "
        "as it should, with numbers. All have intervals.\nIt explains the model, not landslide causes: a factor can be "
        "important to the map and cause nothing. Works with every kind of model, evaluates a sample of blocks, and "
        "takes minutes for an area of any size; only the map of the dominant factor takes longer for a larger area."
    )

    def define(self) -> None:
        self.declare(
            p.raster("STACK", "Factor stack"),
            'Raster from "Build factor stack" with all factors that the model was trained on.',
        )
        self.declare(p.model_file("MODEL", "Trained model"), "A .safetensors file from a training algorithm.")
        self.declare(
            p.raster("LABELS", "Landslide labels"),
            'Raster from "Build landslide labels" on the grid of the stack. Labels that the model was not trained on '
            "give an unbiased evaluation; those of its training flatter it.",
        )
        self.declare(
            p.vector("AREA", "Area to explain", p.POLYGON, optional=True),
            "Polygons; cells outside are ignored. Default: the whole stack.",
        )
        for name in ("block", "blocks", "repeats", "references", "seed", "device"):
            self.declare_option(ExplanationOptions, name)
        self.declare(
            p.file_output("OUTPUT_HTML", "Report", p.HTML),
            "One file with figures and tables, to open in any browser, print or send by mail.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Numbers", p.CSV),
            "All numbers of the report as a table, with their intervals; the same as JSON beside it.",
        )
        self.declare(
            p.raster_output("OUTPUT_LEADING", "Dominant factor", optional=True),
            "GeoTIFF with the number of the factor that adds or takes most in each cell; 0 is no data. Names and "
            "colours are in it.",
        )
        self.declare_number("AUC", "AUC of the map on the labelled cells")
        self.declare_number("BLOCKS_USED", "sampled blocks")

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, model, labels = arguments.raster("STACK"), arguments.file("MODEL"), arguments.raster("LABELS")
        area = None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(str(stack), "factor stack"))
        inputs = ExplanationInputs(str(stack), str(model), str(labels), area)
        options = arguments.options(ExplanationOptions)
        html, table, raster = (arguments.output(name) for name in ("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_LEADING"))
        outputs = {"OUTPUT_HTML": html, "OUTPUT_TABLE": table, "OUTPUT_LEADING": raster}
        paths = {name.lower(): path for name, path in outputs.items()}
        summary = arguments.core.call("explain_susceptibility", inputs, options, **paths, progress=arguments.progress)
        style_output(arguments.context, raster, SIDECAR_STYLE)
        return {**outputs, "AUC": summary.auc, "BLOCKS_USED": summary.blocks}
