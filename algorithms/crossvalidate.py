"""``scarp:crossvalidate``: how good a kind of model is on areas that it has not seen."""

from __future__ import annotations

from typing import Any

from ..model.progress import SubProgress
from ..model.training.settings import CrossValidationOptions, TrainingSettings, require_cells
from .base import parameters as p
from .base import training_parameters as training
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import INTEGER, REAL, TEXT

_COUNTS = (("landslide_cells", INTEGER), ("labelled_cells", INTEGER))
FOLD_FIELDS = (("fold", INTEGER), *_COUNTS, ("auc", REAL), ("name", TEXT))


class CrossValidate(ScarpAlgorithm):
    ID = "crossvalidate"
    TITLE = "Cross-validate"
    GROUP = VALIDATE
    PLACE = 3
    TAGS = ("spatial cross validation", "k-fold", "roc", "auc", "comparison", "out of fold")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "sklearn", "scipy", "matplotlib", "jinja2")
    STYLES = {"OUTPUT": "susceptibility", "OUTPUT_FOLDS": "folds"}
    SUMMARY = (
        "Estimates how good a kind of model is on areas that it has not seen. The area is cut into blocks, and the "
        "blocks are divided into folds. Each fold is predicted by a model that was trained on all other folds only. "
        "The result is a map in which every cell comes from a model that did not see its block, and a report with the "
        "AUC of each fold, of the mean, and of slope alone, with intervals. Instead of blocks, REGIONS may be left out "
        "one by one, or the landslides after a date (SPLIT_DATE). With MORE_STACKS one area after the other is left "
        "out, whole, and the model is trained on the others: that is how good it is in an area that it does not know.\n"
        "The same is done with small patches that are assigned at random, as is often published. Test cells then lie "
        "beside training cells, and the AUC is better than on new areas: GAP is the difference.\n"
        "It takes as long as training FOLDS times, and twice that with the random split."
    )
    NUMBERS = {
        "AUC": "mean AUC over the folds",
        "AUC_LOWEST": "AUC of the worst fold",
        "AUC_POOLED": "AUC of the whole out-of-fold map",
        "AUC_RANDOM": "mean AUC with a random split",
        "GAP": "optimism of the random split",
        "AUC_SLOPE": "mean AUC of slope alone over the folds",
    }
    HELP = {
        "LANDSLIDES": "The inventory from which the labels were made. The folds are evaluated at its points, one cell "
        "per point, against all other mapped land, and again against cells that the labels call stable.",
        "SAFETY_FACTOR": 'Rain index or factor of safety, from "Build safety factor" or another program, on the grid '
        "of the stack. PCUM learns with it; for every kind it is judged alone, as a baseline. With PHYSICS=stability "
        "land without labels is used too. Of blocks that are held out nothing is used; of a region (REGIONS) that is "
        "held out the factors are, as those of TARGET in the training, and not its labels: the test is then of a map "
        "that was made for that region.",
        "REGIONS": "Polygons of which one after the other is left out: each is a fold, in place of FOLDS. BLOCK serves "
        "the validation inside the rest. Land outside all regions trains every model and is nodata in OUTPUT.",
        "MORE_STACKS": "Factor stacks of more areas, each left out once in place of FOLDS, as is that of STACK. For "
        "PCUM with PRESET=recommended and for kinds that learn from single cells. CRS, extent and cell size may "
        "differ; the areas need the factors of STACK, and classes are matched by label. Landslides of these areas are "
        "those of their labels. There is no random split.",
        "REGION_FIELD": "Field with the name of each region. Without it they are numbered.",
        "SPLIT_FIELD": "Field of LANDSLIDES with train or test: one model is trained on the ones and tested on the "
        "others, on the same land. Landslides without a value are left out.",
        "DATE_FIELD": "Field of LANDSLIDES with a year or date, for SPLIT_DATE. Landslides without one are left out.",
        "OUTPUT": "Susceptibility of each cell by the model that did not see its block. Seams between blocks are "
        "real: they show how much the models differ. For a map to use, train on everything.",
        "OUTPUT_MORE": "Folder for the maps of MORE_STACKS, each by the model that was trained without its area, with "
        "the name of the stack.",
        "OUTPUT_HTML": "Mean AUC on land not seen with its interval, folds, curves, baselines, map of the folds and "
        "random split, in one file that opens in any browser.",
        "OUTPUT_TABLE": "AUC of each fold, of the whole map and of the mean, against all other land and against stable "
        "land, with 95 % intervals from blocks of land; AUC of the baselines; for blocks and for the random split.",
        "OUTPUT_FOLDS": "The blocks with their fold, landslide cells, labelled cells and the AUC of their fold; with "
        "MORE_STACKS a rectangle for each area.",
    }

    def define(self) -> None:
        self.declare_options(CrossValidationOptions, "kind")
        training.declare_rasters(self)
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON))
        self.declare(p.raster("SAFETY_FACTOR", "Safety factor", optional=True))
        self.declare_options(CrossValidationOptions, "folds", "random_split")
        self.declare(p.vector("REGIONS", "Regions to leave out", p.POLYGON, optional=True))
        self.declare(p.field("REGION_FIELD", "Region field", "REGIONS"))
        self.declare(p.field("SPLIT_FIELD", "Train/test field", "LANDSLIDES"))
        self.declare(p.field("DATE_FIELD", "Date field", "LANDSLIDES"))
        self.declare_options(CrossValidationOptions, "split_date")
        training.declare_more_areas(self)
        training.declare_settings(self, *(name for name in training.SETTINGS if name not in ("split", "probability")))
        self.declare_options(CrossValidationOptions, "processes", "scheduler")
        self.declare(p.raster_output("OUTPUT", "Out-of-fold susceptibility"))
        self.declare(p.folder_output("OUTPUT_MORE", "Maps of more areas", None, True, False))
        self.declare(p.file_output("OUTPUT_HTML", "Cross-validation report", p.HTML, optional=True))
        self.declare(p.file_output("OUTPUT_TABLE", "Table of folds", p.CSV))
        self.declare(p.vector_output("OUTPUT_FOLDS", "Folds", p.POLYGON, FOLD_FIELDS, by_default=False))
        self.declare_document()

    def check(self, arguments: Arguments) -> None:
        self._options(arguments)

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        options, _ = self._options(arguments)
        return training.automatic_call(arguments, options.kind, options.folds or 3)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        stack = str(arguments.raster("STACK"))
        crs = arguments.grid_crs(stack, "factor stack")
        options, settings = self._options(arguments)
        training.log_overrides(arguments, options.kind)
        fields = options.split_field, options.date_field
        inputs = stack, arguments.raster("LABELS"), arguments.landslides("LANDSLIDES", crs, fields)
        regions = arguments.polygons("REGIONS", crs, [options.region_field])
        more = {"settings": settings, "safety_factor": arguments.raster("SAFETY_FACTOR"), "regions": regions}
        more.update(training.more_areas(arguments))

        def run_jobs(
            job: str, calls: list[dict[str, Any]], titles: list[str], processes: int, start: float, end: float
        ) -> list[Any] | None:
            part = SubProgress(arguments.progress, start, end)
            return arguments.core.side_by_side(job, calls, titles, processes, part)

        result = self.call(arguments, "cross_validate", *inputs, options=options, run_jobs=run_jobs, **more)
        folds = training.write_rectangles(arguments, "OUTPUT_FOLDS", FOLD_FIELDS, result.blocks, crs, regions)
        names = "auc", "lowest", "pooled", "random", "gap", "auc_slope"
        return {"OUTPUT_FOLDS": folds, **dict(zip(self.NUMBERS, (getattr(result, name) for name in names)))}

    @staticmethod
    def _options(arguments: Arguments) -> tuple[CrossValidationOptions, TrainingSettings]:
        names = ("region_field", "split_field", "date_field")
        fields = {name: arguments.field(name.upper()) for name in names}
        options = arguments.options(CrossValidationOptions, scheduler=arguments.scheduler(), **fields)
        several = training.has_more_areas(arguments)
        options.require_one_way(arguments.given("REGIONS"), several)
        settings = training.read_settings(arguments, options.kind)
        require_cells(options.kind, settings, several)
        return options, settings
