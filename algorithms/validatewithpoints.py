"""``scarp:validatewithpoints``: the accuracy of a susceptibility map."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingUtils

from ..model.report.settings import SheetOptions
from ..model.validation.settings import POINT_FIELDS, EvaluationLayers, EvaluationOptions, ValidationOptions
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import WkbType, point, write_sink

_RASTERS = "ZONES", "DEM", "OUT_OF_FOLD", "STACK", "SAFETY_FACTOR"


def declare_evaluation_layers(algorithm: ScarpAlgorithm) -> None:
    """Declare the vector layers of a validation or comparison, which has a help of its own for REGIONS and WINDOWS."""
    landslides = p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON)
    algorithm.declare(landslides, "The inventory; preferably one that was not used for training.")
    algorithm.declare_options(EvaluationOptions, "polygon_mode")
    stable = p.vector("STABLE", "Known stable land", p.POINT, p.POLYGON, optional=True)
    help_text = (
        "Points known to be stable, or polygons of which all cells are, for recall and kappa. Without them stable "
        "points are drawn at random."
    )
    algorithm.declare(stable, help_text)
    algorithm.declare_regions()
    algorithm.declare(p.vector("WINDOWS", "Training windows", p.POLYGON, optional=True))


def evaluation_layers(arguments: Arguments, crs: QgsCoordinateReferenceSystem) -> EvaluationLayers:
    """Return the vector layers of a validation or comparison."""
    region_field = arguments.field("REGION_FIELD")
    return EvaluationLayers(
        arguments.landslides("LANDSLIDES", crs),
        arguments.landslides("STABLE", crs),
        arguments.polygons("REGIONS", crs, [region_field]),
        region_field,
        arguments.polygons("WINDOWS", crs, ["subset"], ["kind"]),
    )


class ValidateWithPoints(ScarpAlgorithm):
    ID = "validatewithpoints"
    TITLE = "Validate with points"
    GROUP = VALIDATE
    PLACE = 1
    TAGS = ("roc", "auc", "kappa", "recall", "frequency ratio", "report", "accuracy")
    REQUIRED_MODULES = (*CORE, "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = {"OUTPUT_POINTS": "points"}
    WRITTEN_BY_QGIS = ("OUTPUT_PDF",)
    SUMMARY = (
        "Compares a susceptibility map with landslides, other land and stable points, and writes a report: ROC curve "
        "and AUC, recall, kappa and confusion matrix, calibration, and for each zone its share of the landslides "
        "against its share of the area.\nThe AUC compares landslides with all other mapped land by area. Stable "
        "points, for recall and kappa, are drawn at random, as many as landslides, away from them. Intervals resample "
        "blocks of land, because landslides near each other resemble each other. A map always fits the landslides it "
        'was trained on: give the out-of-fold map that "Train PCUM" wrote, and every place is judged by a model that '
        "has not seen it. For models that were trained on windows give the training windows: the report then has the "
        "numbers of the test windows beside those of all. Trust those."
    )
    NUMBERS = {
        "AUC": "area under the ROC curve of landslides against all other mapped land",
        "AUC_LOW": "lower end of its 95 % interval",
        "AUC_HIGH": "upper end of its 95 % interval",
        "RECALL": "share of landslides found",
        "KAPPA": "Cohen's kappa",
        "AUC_TEST": "AUC of the points in test windows, when WINDOWS is given",
        "AUC_FIT": "AUC of the map itself, when OUT_OF_FOLD is given and the other numbers are those of its values",
    }
    HELP = {
        "SUSCEPTIBILITY": 'Map from "Predict susceptibility", or any other raster from 0 (stable) to 1.',
        "ZONES": 'Raster from "Classify zones", for the table of landslides and area per zone.',
        "REGIONS": "Polygons for which all numbers are given separately.",
        "WINDOWS": "Layer of windows that the training wrote, with the field subset.",
        "OUT_OF_FOLD": 'Raster that "Train PCUM" wrote as OUTPUT_OUT_OF_FOLD with the model that made the map. All '
        "numbers, zones and points then have its values: of each cell by a model that did not see its land. The map "
        "itself is judged beside it in one line, as a fit.",
        "DEM": "DEM whose relief is drawn under the maps of the report and the PDF. Without it Scarp looks for the "
        "one that the run records of map and factor stack name, or uses the stack's slope and aspect.",
        "STACK": "Factor stack on the grid of the map. Slope alone, and the factor of safety of an infinite slope with "
        "usual values of the soil, are then judged beside the map, on the same landslides and cells: a map that is not "
        "ahead of them is not worth its model.",
        "SAFETY_FACTOR": 'Raster from "Build safety factor" on the grid of the map, judged beside it likewise; with '
        "STACK instead of the usual soil. Cells where it has no data are left out for the map as well.",
        "OUTPUT_HTML": "One file with the verdict on the map, tables and figures, to open in any browser, print or "
        "send by e-mail. With WINDOWS it begins with the numbers of the test windows. With BUILDINGS, ROADS or "
        "EXPOSURE it says how many of them lie in the zones of the map.",
        "OUTPUT_TABLE": "All numbers of the report as a table, with their intervals. The row verdict is 0 for usable, "
        "1 for weak and 2 for do not use.",
        "OUTPUT_POINTS": "Landslide and stable points with their susceptibility and outcome: hit, miss, false_alarm, "
        "correct_rejection.",
        "OUTPUT_PDF": "The map of zones as PDF on one sheet of SHEET, at a round scale, with relief, landslides, "
        "borders of the regions, grid, legend, north arrow, zone table and document details, drawn by QGIS's layout "
        "engine. Only made on request.",
    }

    def define(self) -> None:
        self.declare(p.raster("SUSCEPTIBILITY", "Susceptibility"))
        self.declare(p.raster("ZONES", "Zones", optional=True))
        declare_evaluation_layers(self)
        self.declare_options(ValidationOptions, "region", "subset", "threshold", "distance", "repeats", "seed")
        self.declare(p.raster("DEM", "Elevation for the relief", optional=True), advanced=True)
        self.declare(p.raster("OUT_OF_FOLD", "Out-of-fold map", optional=True))
        self.declare(p.raster("STACK", "Factor stack for slope alone", optional=True), advanced=True)
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor to compare with", optional=True), advanced=True)
        self.declare_exposure(kinds=False)
        self.declare(p.file_output("OUTPUT_HTML", "Validation report", p.HTML))
        self.declare(p.file_output("OUTPUT_TABLE", "Numbers", p.CSV))
        self.declare(p.vector_output("OUTPUT_POINTS", "Validation points", p.POINT, POINT_FIELDS))
        self.declare(p.file_output("OUTPUT_PDF", "Map sheet", p.PDF, optional=True, by_default=False))
        self.declare_options(SheetOptions, "sheet")
        self.declare_document()

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        if not arguments.given("SUSCEPTIBILITY"):
            return None
        paths = [arguments.raster("SUSCEPTIBILITY")]
        return {"asked": arguments.options(ValidationOptions), "paths": paths}

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        from .base.map_pdf import has_fonts, write_pdf

        susceptibility, pdf = arguments.raster("SUSCEPTIBILITY"), arguments.output("OUTPUT_PDF")
        crs = arguments.grid_crs(susceptibility or "", "susceptibility")
        layers, options = evaluation_layers(arguments, crs), arguments.options(ValidationOptions)
        more: dict[str, Any] = {name.lower(): arguments.raster(name) for name in _RASTERS}
        more["exposed"] = arguments.exposed(crs)
        if pdf is not None and not has_fonts():
            text = tr(
                "OUTPUT_PDF is left out: this computer has no font, so the sheet would show a black box for each "
                "letter. Install one, such as the package fonts-dejavu-core, and run this again."
            )
            arguments.progress.warn(text)
            pdf = None
        if pdf is not None:
            more["sheet_relief"] = QgsProcessingUtils.generateTempFilename("relief.tif")
        summary = self.call(arguments, "validate_with_points", susceptibility, layers, options=options, **more)
        rows = ((point(item.x, item.y), [getattr(item, name) for name, _ in POINT_FIELDS]) for item in summary.points)
        points = write_sink(arguments, "OUTPUT_POINTS", POINT_FIELDS, WkbType.Point, crs, rows)
        if pdf is not None:
            write_pdf(pdf, summary.sheet, arguments.options(SheetOptions).sheet, arguments.progress)
        test = next((result for result in summary.results if result.scope.name == "test"), None)
        numbers = {name: getattr(summary, name.lower()) for name in self.NUMBERS if hasattr(summary, name.lower())}
        return {
            "OUTPUT_POINTS": points,
            "OUTPUT_PDF": pdf,
            "AUC_TEST": test.auc.value if test is not None else None,
            **numbers,
        }
