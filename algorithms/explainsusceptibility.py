"""``scarp:explainsusceptibility``: what drives a model's map."""

from __future__ import annotations

from typing import Any

from ..model.explanation.settings import BLOCK, BLOCKS, LIMITS, REFERENCES, REPEATS
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import SIDECAR_STYLE, style_output

NUMBERS = (("AUC", "AUC of the map on the labelled cells"), ("BLOCKS_USED", "blocks of land looked at"))


class ExplainSusceptibility(ScarpAlgorithm):
    """Parameters in, one call to ``explain_susceptibility``, report, table and raster out."""

    ID = "explainsusceptibility"
    TITLE = "Explain susceptibility"
    GROUP = VALIDATE
    TAGS = ("importance", "permutation", "partial dependence", "shapley", "factors", "plausibility", "xai")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Shows what drives a susceptibility map: which factors the model needs, how it answers to each, whether that "
        "makes sense, and which factor leads where.\n"
        "Importance: how much worse the map gets when a factor comes from other places, whole blocks at a time. "
        "Response: the mean susceptibility when a factor takes one value everywhere, beside the share of landslides "
        "that land of this value has. Plausibility: whether susceptibility rises with slope, rain, rivers and faults "
        "as it should, with numbers. All have intervals.\n"
        "It explains the model, not the mountains: a factor can be important to the map and cause nothing. Works with "
        "every kind of model, looks at a sample of blocks, and takes minutes for an area of any size; only the map of "
        "the leading factor takes longer for a larger area."
    )

    def define(self) -> None:
        self.declare(
            p.raster("STACK", "Factor stack"),
            'Raster from "Build factor stack" with all factors that the model was trained on.',
        )
        self.declare(p.model_file("MODEL", "Trained model"), "A .safetensors file from a training algorithm.")
        self.declare(
            p.raster("LABELS", "Landslide labels"),
            'Raster from "Build landslide labels" on the grid of the stack. Labels that the model was not '
            "trained on give an honest measure; those of its training flatter it.",
        )
        self.declare(
            p.vector("AREA", "Area to explain", p.POLYGON, optional=True),
            "Polygons; cells outside are not looked at. Without it the whole stack is.",
        )
        self.declare(
            p.number("BLOCK", "Block (m)", BLOCK, *LIMITS["block"]),
            "Side of the blocks of land that are swapped and drawn as a whole. Neighbouring cells are alike, "
            "so single cells would say little; a few times the size of a slope is sensible.",
            advanced=True,
        )
        self.declare(
            p.integer("BLOCKS", "Most blocks", BLOCKS, *LIMITS["blocks"]),
            "How many blocks are looked at, half of them with landslides. More give narrower intervals and "
            "take longer.",
            advanced=True,
        )
        self.declare(
            p.integer("REPEATS", "Repeats", REPEATS, *LIMITS["repeats"]),
            "How often each factor is swapped.",
            advanced=True,
        )
        self.declare(
            p.integer("REFERENCES", "Typical lands", REFERENCES, *LIMITS["references"]),
            "With how many typical lands of the area each cell is compared to find its leading factor. More "
            "are more exact and take longer.",
            advanced=True,
        )
        self.declare(
            p.integer("SEED", "Seed", 1, 0, 2147483647),
            "Start of the random draws; the same seed gives the same report.",
            advanced=True,
        )
        self.declare(p.device(), p.DEVICE_HELP, advanced=True)
        self.declare(
            p.file_output("OUTPUT_HTML", "Report", p.HTML),
            "One file with figures and tables, to open in any browser, print or send by mail.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Numbers", p.CSV),
            "All numbers of the report as a table, with their intervals; the same as JSON beside it.",
        )
        self.declare(
            p.raster_output("OUTPUT_LEADING", "Leading factor", optional=True),
            "GeoTIFF with the number of the factor that adds or takes most in each cell; 0 is no data. Names "
            "and colours are in it.",
        )
        for name, label in NUMBERS:
            self.declare_number(name, label)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack = arguments.raster("STACK")
        html, table, leading = (arguments.output(name) for name in ("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_LEADING"))
        area = None
        if arguments.given("AREA"):
            area = arguments.polygons("AREA", arguments.grid_crs(stack, "factor stack"))
        summary = arguments.core.call(
            "explain_susceptibility",
            stack,
            arguments.file("MODEL"),
            arguments.raster("LABELS"),
            html,
            table,
            output_leading=leading,
            area=area,
            block=arguments.number("BLOCK"),
            blocks=arguments.integer("BLOCKS"),
            repeats=arguments.integer("REPEATS"),
            references=arguments.integer("REFERENCES"),
            seed=arguments.integer("SEED"),
            device=arguments.choice("DEVICE"),
            progress=arguments.progress,
        )
        style_output(arguments.context, leading, SIDECAR_STYLE)
        return {
            "OUTPUT_HTML": html,
            "OUTPUT_TABLE": table,
            "OUTPUT_LEADING": leading,
            "AUC": summary.auc,
            "BLOCKS_USED": summary.blocks,
        }
