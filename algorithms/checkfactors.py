"""``scarp:checkfactors``: checks of a factor stack before training."""

from __future__ import annotations

from typing import Any

from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments


class CheckFactors(ScarpAlgorithm):
    ID = "checkfactors"
    TITLE = "Check factors"
    GROUP = PREPARE
    PLACE = 5
    TAGS = ("collinearity", "correlation", "vif", "outliers", "report", "quality")
    REQUIRED_MODULES = (*CORE, "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Checks a factor stack before training and reports potential problems and how to fix them.\n"
        "It looks for constant bands, impossible values and wrong units (slope over 90 degrees, temperature in "
        "kelvin), outliers, classes with hardly any cells, missing data, and redundant factors: Pearson correlation "
        "over 0.7, variance inflation factor over 10, Cramér's V between classes. Of many factors that correlate, it "
        "says which ones to keep. With labels, the report shows how each factor differs where landslides are.\n"
        "It never stops at the first problem, and changes nothing."
    )
    NUMBERS = {
        "ERRORS": "findings to fix before training",
        "WARNINGS": "findings to read before training",
        "NOTES": "further remarks",
    }
    HELP = {
        "STACK": 'Raster from "Build factor stack".',
        "LABELS": 'Raster from "Build landslide labels" on the same grid. With it the report compares landslide cells '
        "with the others.",
        "OUTPUT_HTML": "One file with tables and figures that opens in any browser.",
        "OUTPUT_TABLE": "The findings as a table, one per row.",
    }

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"))
        self.declare(p.raster("LABELS", "Landslide labels", optional=True))
        self.declare(p.file_output("OUTPUT_HTML", "Report on the factors", p.HTML))
        self.declare(p.file_output("OUTPUT_TABLE", "Findings", p.CSV))
        self.declare_document()

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack, labels = arguments.raster("STACK"), arguments.raster("LABELS")
        summary = self.call(arguments, "check_factors", stack, labels=labels)
        return {"ERRORS": summary.errors, "WARNINGS": summary.warnings, "NOTES": summary.notes}
