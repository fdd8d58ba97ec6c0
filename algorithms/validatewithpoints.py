"""``scarp:validatewithpoints``: the accuracy of a susceptibility map."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingUtils

from ..model.validation.settings import POINT_FIELDS, EvaluationLayers, ValidationOptions
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import WkbType, point, write_sink
from .base.styles import style_output

NUMBERS = (
    ("AUC", "area under the ROC curve"),
    ("AUC_LOW", "lower end of its 95 % interval"),
    ("AUC_HIGH", "upper end of its 95 % interval"),
    ("RECALL", "share of landslides found"),
    ("KAPPA", "Cohen's kappa"),
)
TEST_NUMBER = ("AUC_TEST", "AUC of the points in test windows, when WINDOWS is given")


def evaluation_layers(arguments: Arguments, crs: QgsCoordinateReferenceSystem) -> EvaluationLayers:
    """Return the vector layers of a validation or comparison."""
    region_field = arguments.field("REGION_FIELD")
    return EvaluationLayers(
        arguments.points_or_polygons("LANDSLIDES", crs),
        arguments.points("STABLE", crs),
        arguments.polygons("REGIONS", crs, [region_field]),
        region_field,
        arguments.polygons("WINDOWS", crs, ["subset"], ["kind"]),
    )


class ValidateWithPoints(ScarpAlgorithm):
    """Parameters in, one call to ``validate_with_points``, report, table and points out."""

    ID = "validatewithpoints"
    TITLE = "Validate with points"
    GROUP = VALIDATE
    TAGS = ("roc", "auc", "kappa", "recall", "frequency ratio", "report", "accuracy")
    REQUIRED_MODULES = (*CORE, "sklearn", "scipy", "matplotlib", "jinja2")
    SUMMARY = (
        "Compares a susceptibility map with landslides and with stable points, and writes a report: ROC curve and AUC, "
        "recall, kappa and confusion matrix, success-rate curve, calibration, and for each zone its share of the "
        "landslides against its share of the area.\nStable points are drawn at random, as many as landslides, away "
        "from them; the draw is repeated and intervals are given. A map always fits the landslides it was trained on: "
        "give the training windows, and the report states how many points lie in them and gives the numbers of the "
        "test windows beside those of all. Trust those of the test windows."
    )

    def define(self) -> None:
        self.declare(
            p.raster("SUSCEPTIBILITY", "Susceptibility"),
            'Map from "Predict susceptibility", or any other raster from 0 (stable) to 1.',
        )
        self.declare(
            p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON),
            "The inventory; preferably one that was not used for training.",
        )
        self.declare_option(ValidationOptions, "polygon_mode")
        self.declare(
            p.vector("STABLE", "Stable points", p.POINT, optional=True),
            "Points known to be stable. Without them they are drawn at random.",
        )
        self.declare(
            p.raster("ZONES", "Zones", optional=True),
            'Raster from "Classify zones", for the table of landslides and area per zone.',
        )
        self.declare(
            p.vector("REGIONS", "Regions", p.POLYGON, optional=True),
            "Polygons for which all numbers are given separately.",
        )
        self.declare(
            p.field("REGION_FIELD", "Region field", "REGIONS"),
            "Field with the name of each region. Without it they are numbered.",
        )
        self.declare_option(ValidationOptions, "region")
        self.declare(
            p.vector("WINDOWS", "Training windows", p.POLYGON, optional=True),
            "Layer of windows that the training wrote, with the field subset.",
        )
        for name in ("subset", "threshold", "distance", "repeats", "seed"):
            self.declare_option(ValidationOptions, name)
        self.declare(
            p.raster("DEM", "Elevation for the relief", optional=True),
            "DEM whose relief is drawn under the maps of the report and the PDF. Without it Scarp looks for the one "
            "that the run records of map and factor stack name, or uses the stack's slope and aspect.",
            advanced=True,
        )
        self.declare(
            p.file_output("OUTPUT_HTML", "Report", p.HTML),
            "One file with tables and figures, to open in any browser, print or send by e-mail.",
        )
        self.declare(
            p.file_output("OUTPUT_TABLE", "Numbers", p.CSV),
            "All numbers of the report as a table, with their intervals.",
        )
        self.declare(
            p.vector_output("OUTPUT_POINTS", "Points by outcome", p.POINT),
            "Landslide and stable points with their susceptibility and outcome: hit, miss, false_alarm, "
            "correct_rejection.",
        )
        self.declare(
            p.file_output("OUTPUT_PDF", "Map sheet", p.PDF, optional=True, by_default=False),
            "The map of zones as PDF on one A4 sheet, with relief, landslides, legend, scale bar, north arrow "
            "and zone table, drawn by QGIS's layout engine. Only made on request.",
        )
        for name, label in (*NUMBERS, TEST_NUMBER):
            self.declare_number(name, label)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility = arguments.raster("SUSCEPTIBILITY")
        html, table, pdf = (arguments.output(name) for name in ("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_PDF"))
        crs = arguments.grid_crs(susceptibility or "", "susceptibility")
        layers, options = evaluation_layers(arguments, crs), arguments.options(ValidationOptions)
        more = {"zones": arguments.raster("ZONES"), "dem": arguments.raster("DEM"), "progress": arguments.progress}
        if pdf is not None:
            more["sheet_relief"] = QgsProcessingUtils.generateTempFilename("relief.tif")
        summary = arguments.core.call("validate_with_points", susceptibility, layers, html, table, options, **more)
        rows = ((point(item.x, item.y), [getattr(item, name) for name, _ in POINT_FIELDS]) for item in summary.points)
        points = write_sink(arguments, "OUTPUT_POINTS", POINT_FIELDS, WkbType.Point, crs, rows)
        style_output(arguments.context, points, "points")
        if pdf is not None:
            from .base.map_pdf import write_pdf

            write_pdf(pdf, summary.sheet, arguments.progress)
        test = next((result for result in summary.results if result.scope.name == "test"), None)
        outputs = {"OUTPUT_HTML": html, "OUTPUT_TABLE": table, "OUTPUT_POINTS": points, "OUTPUT_PDF": pdf}
        numbers = {name: getattr(summary, name.lower()) for name, _ in NUMBERS}
        return {**outputs, "AUC_TEST": test.auc.value if test is not None else None, **numbers}
