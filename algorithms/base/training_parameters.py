"""The parameters of training settings, and the layer of training windows, shared by all algorithms that train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qgis.core import QgsGeometry, QgsPointXY, QgsProcessingParameterEnum, QgsRectangle

from ...model.training.settings import (
    PCUM,
    PRESETS,
    RECOMMENDED,
    TrainingSettings,
    in_preset,
    preset_note,
    preset_overrides,
    settings_of_kind,
)
from . import parameters as p
from .algorithm import preset_sentence
from .arguments import Arguments
from .sinks import INTEGER, REAL, TEXT, WkbType, write_sink

if TYPE_CHECKING:
    from .algorithm import ScarpAlgorithm

PRESET_HELP = (
    "Values of the settings that you leave empty. recommended, for PCUM: curves of the factors and a small network of "
    "single cells beside them; spatial folds choose how much of either is used, down to a penalised logistic "
    "regression, and all land trains the model. windows: a U-Net on windows of the training land, as recommended by "
    "version 0.1; the other kinds of model are always trained on a part of the land, as with windows. paper: as "
    "printed by Zhang and Deng (2026), to reproduce their work; it trains for long. A setting that you give overrides "
    "the preset, and the log says so; one that only a training on windows has, such as WINDOW or EPOCHS, chooses it."
)
SETTINGS = tuple(option.name for option in TrainingSettings.options() if option.name != "method")
HELD_OUT_NUMBERS = {
    "AUC": "AUC of the land held out: landslide cells against all other mapped land",
    "AUC_LOW": "lower end of its 95 % interval, from resampled blocks of land",
    "AUC_HIGH": "upper end",
    "BLOCKS": "independent blocks of land behind the interval",
    "AUC_STABLE": "AUC against stable cells of the labels alone, the easier question",
    "AUC_SLOPE": "AUC of slope alone on the same cells",
    "RECALL": "recall of the land held out",
    "ACCURACY": "share of cells held out that are classified correctly",
    "LOSS": "loss on the land held out",
}
"""Numbers that every training tells, with their help."""


def declare_rasters(algorithm: ScarpAlgorithm) -> None:
    """Declare the parameters STACK and LABELS."""
    algorithm.declare(p.raster("STACK", "Factor stack"), 'Raster from "Build factor stack".')
    help_text = 'Raster from "Build landslide labels", on the stack\'s grid.'
    algorithm.declare(p.raster("LABELS", "Landslide labels"), help_text)


MORE_LABELS = {"MORE_LABELS": "Labels of more areas", "MORE_SAFETY_FACTORS": "Safety factors of more areas"}
MORE_HELP = {
    "MORE_LABELS": "The landslide labels of MORE_STACKS, in any order: each belongs to the stack with its grid.",
    "MORE_SAFETY_FACTORS": "Rain index or factor of safety of MORE_STACKS, in any order, as far as there is one.",
}
"""Parameters of more areas beside MORE_STACKS."""


def declare_more_areas(algorithm: ScarpAlgorithm) -> None:
    """Declare the rasters of more areas; the help of MORE_STACKS is the algorithm's own."""
    algorithm.declare(p.rasters("MORE_STACKS", "Factor stacks of more areas"), advanced=True)
    for name, label in MORE_LABELS.items():
        algorithm.declare(p.rasters(name, label), MORE_HELP[name], advanced=True)


def more_areas(arguments: Arguments) -> dict[str, list[str]]:
    """Return the rasters of more areas by the argument of the job."""
    return {name.lower(): [path for path, _ in arguments.named_rasters(name)] for name in ("MORE_STACKS", *MORE_LABELS)}


def has_more_areas(arguments: Arguments) -> bool:
    """Whether rasters of more areas are given."""
    return any(map(arguments.given, ("MORE_STACKS", *MORE_LABELS)))


def declare_settings(algorithm: ScarpAlgorithm, *names: str) -> None:
    """Declare the parameter PRESET and those of some settings.

    Settings of the presets are empty by default, so that a given value can be told from a preset's.
    """
    preset = QgsProcessingParameterEnum("PRESET", "Preset", list(PRESETS), False, RECOMMENDED, True, True)
    algorithm.declare(preset, PRESET_HELP)
    for name in names:
        ending = preset_sentence(name) if in_preset(name) else ""
        algorithm.declare_options(TrainingSettings, name, ending=ending, without_default=in_preset(name))


def explicit_settings(arguments: Arguments) -> dict[str, Any]:
    """Return the settings that the user gave, and those of no preset, among an algorithm's parameters."""
    declared = {definition.name() for definition in arguments.algorithm.parameterDefinitions()}
    return {
        option.name: arguments.option(option)
        for option in TrainingSettings.options()
        if option.parameter in declared and (not in_preset(option.name) or arguments.given(option.parameter))
    }


def read_settings(arguments: Arguments, kind: str = PCUM) -> TrainingSettings:
    """Return the settings of a run: its preset, adapted to the kind of model, overridden by what was given. Raises
    ``ParameterInvalid`` if a value is out of its range.
    """
    return settings_of_kind(kind, _preset(arguments), explicit_settings(arguments))


def log_overrides(arguments: Arguments, kind: str) -> None:
    """Log the given values that differ from the preset's for this kind of model."""
    preset, given = _preset(arguments), explicit_settings(arguments)
    note = preset_note(preset, kind, given)
    for text in [note] if note else preset_overrides(settings_of_kind(kind, preset, {}), given):
        arguments.progress.report(0.0, text)


def _preset(arguments: Arguments) -> str:
    return arguments.choice("PRESET") if arguments.given("PRESET") else RECOMMENDED


def automatic_call(arguments: Arguments, kind: str = PCUM, held_out: int = 0) -> dict[str, Any] | None:
    """Return the arguments of the job ``automatic_values``; None without stack and labels."""
    if not (arguments.given("STACK") and arguments.given("LABELS")):
        return None
    paths = [arguments.raster("STACK"), arguments.raster("LABELS")]
    found = {"asked": read_settings(arguments, kind), "paths": paths, "kind": kind, "held_out": held_out}
    more = more_areas(arguments) if has_more_areas(arguments) else {}
    return {**found, **{name: more[name] for name in ("more_stacks", "more_labels") if name in more}}


def job_arguments(arguments: Arguments, kind: str = PCUM) -> dict[str, Any]:
    """Return the arguments that all training jobs of the core take, beside the files to write."""
    log_overrides(arguments, kind)
    inputs = {"stack": arguments.raster("STACK"), "labels": arguments.raster("LABELS")}
    return {**inputs, "settings": read_settings(arguments, kind), "checkpoint": arguments.file("CHECKPOINT")}


def job_outputs(arguments: Arguments, result: Any, crs: Any, metrics: Iterable[str]) -> dict[str, Any]:
    """Write the windows of a training job's result, and return the algorithm's outputs."""
    windows = write_rectangles(arguments, "OUTPUT_WINDOWS", FIELDS, result.windows, crs)
    return {"OUTPUT_WINDOWS": windows, **{name: result.metrics.get(name.lower()) for name in metrics}}


STYLES = {"OUTPUT_WINDOWS": "windows"}
FIELDS = (("subset", TEXT), ("kind", TEXT), ("landslide_share", REAL), ("seed", INTEGER), ("fold", INTEGER))


def write_rectangles(
    arguments: Arguments,
    name: str,
    fields: Sequence[tuple[str, Any]],
    features: Iterable[Any],
    crs: Any,
    regions: Any = None,
) -> Any:
    """Write objects with bounds, whose attributes are the fields, to an output; return the output's value.

    Of an object that consists of ``members``, numbers of the polygons ``regions``, these are the shape.
    """
    rows = ((_shape(item, regions), [getattr(item, field) for field, _ in fields]) for item in features)
    return write_sink(arguments, name, fields, WkbType.MultiPolygon if regions else WkbType.Polygon, crs, rows)


def _shape(item: Any, regions: Any) -> QgsGeometry:
    if regions is None:
        return QgsGeometry.fromRect(QgsRectangle(item.left, item.bottom, item.right, item.top))
    from ...model.inputs.vectors import polygon_parts  # imports NumPy, which the start of QGIS does without

    parts = [part for member in item.members for part in polygon_parts(regions.geometries[member])]
    return QgsGeometry.fromMultiPolygonXY([[[QgsPointXY(*xy[:2]) for xy in ring] for ring in part] for part in parts])
