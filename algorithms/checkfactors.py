"""``scarp:checkfactors``: checks of a factor stack before training."""

from __future__ import annotations

from typing import Any

from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments


class CheckFactors(ScarpAlgorithm):
    """Parameters in, one call to ``check_factors``, report and table out."""

    ID = "checkfactors"
    TITLE = "Check factors"
    GROUP = PREPARE
    TAGS = ("collinearity", "correlation", "vif", "outliers", "report", "quality")
    REQUIRED_MODULES = (*CORE, "matplotlib", "jinja2")
    SUMMARY = (
        "Checks a factor stack before training and reports potential problems and how to fix them.\n"
        "It looks for constant bands, impossible values and wrong units (slope over 90 degrees, temperature in "
        "kelvin), outliers, classes with hardly any cells, missing data, and redundant factors: Pearson correlation "
        "over 0.7, variance inflation factor over 10, Cramér's V between classes. With labels, the report shows how "
        "each factor differs where landslides are.\n"
        "It never stops at the first problem, and changes nothing."
    )

    def define(self) -> None:
        self.declare(p.raster("STACK", "Factor stack"), 'Raster from "Build factor stack".')
        self.declare(
            p.raster("LABELS", "Landslide labels", optional=True),
            'Raster from "Build landslide labels" on the same grid. With it the report compares landslide cells with '
            "the others.",
        )
        output_html = p.file_output("OUTPUT_HTML", "Report", p.HTML)
        self.declare(output_html, "One file with tables and figures that opens in any browser.")
        self.declare(p.file_output("OUTPUT_TABLE", "Findings", p.CSV), "The findings as a table, one per row.")
        self.declare_number("ERRORS", "findings to fix before training")
        self.declare_number("WARNINGS", "findings to read before training")
        self.declare_number("NOTES", "further remarks")

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        html, table = arguments.output("OUTPUT_HTML"), arguments.output("OUTPUT_TABLE")
        given = {"labels": arguments.raster("LABELS"), "progress": arguments.progress}
        summary = arguments.core.call("check_factors", arguments.raster("STACK"), html, table, **given)
        counts = {"ERRORS": summary.errors, "WARNINGS": summary.warnings, "NOTES": summary.notes}
        return {"OUTPUT_HTML": html, "OUTPUT_TABLE": table, **counts}
