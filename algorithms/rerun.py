"""``scarp:rerun``: a recorded run repeated, and compared with the earlier results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingMultiStepFeedback,
    QgsProcessingParameterString,
)

from ..model.errors import InputMissing, ParameterInvalid
from ..model.outputs.transaction import RECORD_SUFFIX
from ..model.progress import SubProgress
from ..model.provenance.records import RecordedRun, read_recorded_run
from ..translation import tr
from .base import parameters as p
from .base.algorithm import CORE, VALIDATE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.record import parse_replacements, restore_inputs

RERUN_ID = "rerun"
EXCLUDED_PARAMETERS = ("CHECKPOINT", "SCHEDULER")
"""Parameters that are not repeated: a record is not trusted with a file to write or an address to connect to. Training
from the start and computing here instead of on a cluster give the same."""
OUTPUT_SUFFIXES = {"rasterDestination": ".tif", "sink": ".gpkg"}


class Rerun(ScarpAlgorithm):
    ID = RERUN_ID
    TITLE = "Repeat a run"
    GROUP = VALIDATE
    PLACE = 5
    TAGS = ("reproduce", "repeat", "provenance", "run record", "hash", "audit")
    REQUIRED_MODULES = (*CORE, "torch", "safetensors", "scipy")
    SUMMARY = (
        "Repeats a recorded run with the recorded inputs and parameters, and tests whether it gives the same results.\n"
        "Beside every output of Scarp lies its run record, a file that ends in .run.json. It names the algorithm, all "
        "its parameters, and the inputs with checksums of their content. The outputs are made again in a folder of "
        "their own and compared with the earlier ones: rasters cell by cell, tables row by row, models weight by "
        "weight, numbers to the last digit. Inputs that have changed since are listed.\n"
        "On the same machine with the same versions everything should be the same. Other versions, another processor "
        "or a GPU round differently, which shows in the last digits."
    )
    NUMBERS = {
        "SAME": "1 when all outputs and numbers are the same, else 0",
        "COMPARED": "outputs and numbers compared",
        "DIFFERENT": "outputs and numbers that differ",
        "INPUTS_CHANGED": "inputs that have changed since",
    }
    HELP = {
        "RECORD": "The .run.json file beside an output. Any output of the run will do; all are made again.",
        "REPLACE": "One line per input, such as STACK=/data/factors.tif, for inputs that were moved, or that were "
        "temporary layers and have been saved since. Files beside the record are found by their name.",
        "FOLDER": "Where the outputs are made again, under their names. It must not hold files of these names.",
        "OUTPUT_TABLE": "Inputs, outputs and numbers, then and now, one per row, with what differs.",
    }

    def define(self) -> None:
        self.declare(p.input_file("RECORD", "Run record", "Run record (*.run.json)", optional=False))
        self.declare(QgsProcessingParameterString("REPLACE", "Moved inputs", None, True, True), advanced=True)
        self.declare(p.folder_output("FOLDER", "Folder for the repetition"))
        self.declare(p.file_output("OUTPUT_TABLE", "Comparison", p.CSV))

    def check(self, arguments: Arguments) -> None:
        _algorithm(read_recorded_run(arguments.file("RECORD") or ""))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        earlier, progress = read_recorded_run(arguments.file("RECORD") or ""), arguments.progress
        folder, table = Path(str(arguments.output("FOLDER"))), arguments.output("OUTPUT_TABLE")
        algorithm = _algorithm(earlier)
        replacements = parse_replacements(arguments.text("REPLACE"), earlier, EXCLUDED_PARAMETERS)
        inputs = restore_inputs(earlier, replacements, progress)
        for name in [name for name in EXCLUDED_PARAMETERS if inputs.pop(name, None)]:
            progress.report(0.0, tr("{name} is left out: the run is repeated without it.").format(name=name))
        outputs = _outputs(algorithm, earlier, folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = tr("Running {algorithm} again, first run at {time}.")
        progress.report(0.0, text.format(algorithm=earlier.algorithm, time=earlier.started))
        record = _record_of(_run(algorithm, {**inputs, **outputs}, arguments))
        pairs, part = _pairs(earlier, outputs), SubProgress(progress, 0.5, 1.0)
        summary = arguments.core.call("compare_runs", earlier.record, record, pairs, table, progress=part)
        counts = {"COMPARED": summary.compared, "DIFFERENT": summary.different, "INPUTS_CHANGED": len(summary.changed)}
        return {"SAME": int(summary.same), **counts}


def _algorithm(earlier: RecordedRun) -> QgsProcessingAlgorithm:
    registry: Any = QgsApplication.processingRegistry()  # optional in the stubs
    algorithm = registry.createAlgorithmById(earlier.algorithm)
    if not isinstance(algorithm, ScarpAlgorithm) or algorithm.name() == RERUN_ID:
        raise ParameterInvalid(
            tr(
                "RECORD is of {algorithm}, which this version of Scarp cannot run again. Choose the record of another "
                "run."
            ).format(algorithm=earlier.algorithm)
        )
    return algorithm


def _outputs(algorithm: QgsProcessingAlgorithm, earlier: RecordedRun, folder: Path) -> dict[str, str]:
    """Return where each output of the earlier run is made again. Raises ``ParameterInvalid`` if there is a file of that
    name.
    """
    outputs: dict[str, str] = {}
    for definition in algorithm.destinationParameterDefinitions():
        parameter = definition.name()
        before = earlier.outputs.get(parameter)
        if before is None:
            continue
        if definition.type() == "folderDestination":
            outputs[parameter] = str(folder)
            continue
        name = Path(before.split("|")[0]).name
        if not Path(name).suffix:
            # The id of a layer in memory.
            name = parameter.lower() + OUTPUT_SUFFIXES.get(definition.type(), "")
        if name in {Path(path).name for path in outputs.values()}:
            name = f"{parameter.lower()}_{name}"
        outputs[parameter] = str(folder / name)
    taken = [path for path in outputs.values() if os.path.isfile(path)]
    if taken or (str(folder) in outputs.values() and folder.is_dir() and any(folder.iterdir())):
        text = tr("FOLDER {folder} already holds files that the repetition would overwrite. Choose a new folder.")
        raise ParameterInvalid(text.format(folder=folder))
    return outputs


def _run(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], arguments: Arguments) -> dict[str, Any]:
    context = QgsProcessingContext()
    context.setProject(arguments.context.project())
    context.setTransformContext(arguments.context.transformContext())
    accepted, problem = algorithm.checkParameterValues(parameters, context)
    if not accepted:
        raise ParameterInvalid(problem)
    feedback = QgsProcessingMultiStepFeedback(2, arguments.progress.feedback)
    # Called directly, not through run(), which would turn a failure into a line of the log.
    return algorithm.processAlgorithm(parameters, context, feedback)


def _record_of(results: dict[str, Any]) -> str:
    for path in [Path(value) for value in results.values() if isinstance(value, str)]:
        records = sorted(path.glob(f"*{RECORD_SUFFIX}")) if path.is_dir() else [Path(f"{path}{RECORD_SUFFIX}")]
        for record in filter(Path.is_file, records):
            return str(record)
    raise InputMissing(
        tr("The repetition left no run record, so it cannot be compared. Check that its folder is writable.")
    )


def _pairs(earlier: RecordedRun, outputs: dict[str, str]) -> dict[str, tuple[str, str]]:
    pairs = {}
    for name, after in outputs.items():
        before = earlier.outputs[name].split("|")[0]
        if not os.path.isdir(after):
            pairs[name] = before, after
            continue
        for path in sorted(Path(after).iterdir()):
            if path.is_file() and not path.name.endswith(RECORD_SUFFIX):
                pairs[f"{name}/{path.name}"] = str(Path(before) / path.name), str(path)
    return pairs
