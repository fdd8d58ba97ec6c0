"""Parameter values as the run record keeps them: plain JSON that Processing takes back as it stands.
The inputs of a recorded run, found again.
The shell's part of the run record: the call as it was made, so that ``scarp:rerun`` can make it again.

The core knows what it was handed: paths, arrays, settings. What QGIS was asked for, under the names that the user
knows, is added to the records that the core wrote; vector layers, which QGIS writes, get a record as well.
"""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path
from typing import Any

from qgis.core import (
    NULL,
    Qgis,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterDefinition,
    QgsProcessingUtils,
)

from ...model.errors import InputMissing, OutputNotWritable, ParameterInvalid
from ...model.outputs.atomic import RECORD_SUFFIX, describe_input, read_record, write_record
from ...model.progress import Progress
from ...model.provenance.call import RecordedRun
from ...translation import tr
from .arguments import Arguments
from .values import LAYER_TYPES, is_given, plain, source_text, strip_password

TEMPORARY = "temporary"
"""Key under which a layer stands that only QGIS's memory holds; its value is the layer's name."""
SOURCE, SELECTED, LIMIT, FILTER = "source", "selected_only", "feature_limit", "filter"
"""Keys of a layer of which only some features were taken."""
_BY_PATH = ("ogr", "gdal")
"""Providers that Processing takes a path to be for."""
_MEMORY = "memory"


def serialize_parameter(arguments: Arguments, definition: QgsProcessingParameterDefinition) -> Any:
    """Return the value of an input parameter with its default filled in; None for what was left empty."""
    name, kind = definition.name(), definition.type()
    value = arguments.parameters.get(name)
    if not is_given(value) and (kind in LAYER_TYPES or definition.defaultValue() in (None, NULL)):
        return None
    if kind == "multilayer":
        if definition.layerType() == QgsProcessing.SourceType.TypeFile:
            return [_absolute(path) for path in arguments.files(name)]
        layers = arguments.algorithm.parameterAsLayerList(arguments.parameters, name, arguments.context)
        return [_source_of(layer) for layer in layers]
    if kind in LAYER_TYPES:
        return _layer(value, arguments.context)
    if kind == "file":
        return ";".join(_absolute(path) for path in _paths(arguments.file(name) or ""))
    if kind == "number":
        return (
            arguments.integer(name)
            if definition.dataType() == type(definition).Type.Integer
            else arguments.number(name)
        )
    if kind == "boolean":
        return arguments.flag(name)
    if kind == "enum":
        return arguments.choice(name)
    if kind == "matrix":
        return arguments.table(name)
    return str(plain(value)) if kind == "field" else arguments.text(name)


def recorded_paths(definition: QgsProcessingParameterDefinition, value: Any) -> list[str]:
    """Return the files that a recorded value names, of layers without what follows the path in their source."""
    if definition.type() != "file" and definition.type() not in LAYER_TYPES:
        return []
    found = []
    for one in value if isinstance(value, list) else [value]:
        text = one.get(SOURCE) if isinstance(one, dict) else one
        for path in _paths(str(text).split("|")[0]) if text else ():
            if os.path.isfile(path):
                found.append(path)
    return found


def _paths(text: str) -> list[str]:
    # Several models stand in one text with semicolons between them.
    return [text] if os.path.exists(text) else [part.strip() for part in text.split(";") if part.strip()]


def _absolute(source: str) -> str:
    """Return a source with its path made absolute, if it is one of a file."""
    path, bar, rest = source.partition("|")
    return f"{os.path.abspath(path)}{bar}{rest}" if os.path.exists(path) else source


def _layer(value: Any, context: QgsProcessingContext) -> Any:
    inner = plain(value)
    layer = inner if isinstance(inner, QgsMapLayer) else context.getMapLayer(str(inner))
    source = _source_of(layer) if layer is not None else _absolute(source_text(inner, context))
    part = _part(value)
    return {SOURCE: source, **part} if part and isinstance(source, str) else source


def _source_of(layer: QgsMapLayer) -> Any:
    if layer.providerType() == _MEMORY:
        return {TEMPORARY: layer.name()}
    source = strip_password(layer.source())
    if layer.providerType() in _BY_PATH:
        return _absolute(source)
    return QgsProcessingUtils.encodeProviderKeyAndUri(layer.providerType(), source)


def _part(value: Any) -> dict[str, Any]:
    """Return what limits the features that are taken of a layer."""
    if not isinstance(value, QgsProcessingFeatureSourceDefinition):
        return {}
    part: dict[str, Any] = {}
    if value.selectedFeaturesOnly:
        part[SELECTED] = True
    if value.featureLimit >= 0:
        part[LIMIT] = value.featureLimit
    # QGIS 3.32 and newer.
    if getattr(value, "filterExpression", ""):
        part[FILTER] = value.filterExpression
    return part


def deserialize_parameter(value: Any) -> Any:
    """Return a recorded value as Processing takes it."""
    if not isinstance(value, dict):
        return value
    definition = QgsProcessingFeatureSourceDefinition(str(value[SOURCE]), False, int(value.get(LIMIT, -1)))
    if FILTER in value:
        definition.filterExpression = str(value[FILTER])
    return definition


def parse_replacements(text: str, call: RecordedRun, without: Container[str]) -> dict[str, str]:
    """Read the lines ``NAME=value`` of REPLACE.

    Args:
        text: lines, or parts with semicolons between them.
        call: the recorded run.
        without: names that cannot be set.

    Raises:
        ParameterInvalid: a line is no such pair, or names no parameter of the run.
    """
    found = {}
    for line in text.replace(";", "\n").splitlines():
        if not line.strip():
            continue
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or name not in call.parameters or name in without:
            names = ", ".join(name for name in call.parameters if name not in without)
            raise ParameterInvalid(
                tr('REPLACE has the line "{line}", which should be NAME=path with one of these names: {names}.').format(
                    line=line.strip(), names=names
                )
            )
        found[name] = value
    return found


def restore_inputs(call: RecordedRun, replaced: dict[str, str], progress: Progress) -> dict[str, Any]:
    """Return the recorded parameters as Processing takes them, with files found where they lie now.

    Args:
        call: the recorded run.
        replaced: what the user names instead, by parameter.
        progress: hears of files that were found elsewhere.

    Raises:
        InputMissing: an input cannot be had again; all of them are named.
    """
    found, gone = {}, []
    for name, value in call.parameters.items():
        if name in replaced:
            found[name] = replaced[name]
            continue
        problem = _problem(name, value)
        if problem:
            gone.append(problem)
        elif isinstance(value, list) and call.files.get(name):
            found[name] = [_relocate(name, one, call, progress, gone) for one in value]
        elif value is not None:
            found[name] = deserialize_parameter(_relocate(name, value, call, progress, gone))
    if gone:
        raise InputMissing(
            tr("The run cannot be repeated as it was. {problems} Save or find these, and name them in REPLACE.").format(
                problems=" ".join(gone)
            )
        )
    return found


def _problem(name: str, value: Any) -> str:
    """Return why a recorded value cannot be had again, empty when it can."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and TEMPORARY in one:
            return tr('{name} was the temporary layer "{layer}", which no file holds.').format(
                name=name, layer=one[TEMPORARY]
            )
        if isinstance(one, dict) and one.get(SELECTED):
            return tr("{name} was the selected features of {layer} alone, and which ones is not recorded.").format(
                name=name, layer=one.get(SOURCE)
            )
    return ""


def _relocate(name: str, value: Any, call: RecordedRun, progress: Progress, gone: list[str]) -> Any:
    """Return a value with the path in it as it is now; a file that is gone may lie beside the record."""
    source = value.get(SOURCE) if isinstance(value, dict) else value
    known = {one.source for one in call.files.get(name, [])}
    if not isinstance(source, str) or not known:
        return value
    for path in sorted(known, key=len, reverse=True):
        if os.path.exists(path) or path not in source:
            continue
        beside = Path(call.record).parent / Path(path.replace("\\", "/")).name
        if not beside.is_file():
            gone.append(tr("{name}: {path} does not exist any more.").format(name=name, path=path))
            continue
        progress.report(
            0.0,
            tr("{name}: {path} is gone; {beside} is taken in its place.").format(name=name, path=path, beside=beside),
        )
        source = source.replace(path, str(beside))
    return {**value, SOURCE: source} if isinstance(value, dict) else source


def record_call(arguments: Arguments, results: dict[str, Any]) -> None:
    """Add the call to the records of a run that has succeeded.

    Args:
        arguments: of the run.
        results: outputs by name, as the algorithm returns them.
    """
    outputs = _files(arguments, results)
    if not outputs:
        return
    try:
        _write(arguments, results, outputs)
    except (OutputNotWritable, OSError, ValueError) as error:
        arguments.progress.warn(
            tr('The run record could not be completed, so "Repeat a run" cannot repeat this run: {error}').format(
                error=error
            )
        )


def _files(arguments: Arguments, results: dict[str, Any]) -> dict[str, str]:
    """Return the outputs that are files or folders, by name."""
    paths = {
        definition.name(): str(results.get(definition.name()) or "").split("|")[0]
        for definition in arguments.algorithm.destinationParameterDefinitions()
    }
    return {name: os.path.abspath(path) for name, path in paths.items() if path and os.path.exists(path)}


def _write(arguments: Arguments, results: dict[str, Any], outputs: dict[str, str]) -> None:
    algorithm = f"scarp:{arguments.algorithm.name()}"
    core_outputs = [path for name, path in outputs.items() if name not in arguments.written]
    core_outputs = [one for path in core_outputs for one in _outputs_with_core_record(path, algorithm)]
    common = read_record(core_outputs[0]) if core_outputs else {"algorithm": algorithm}
    qgis_outputs = {name: describe_input(path) for name, path in outputs.items() if name in arguments.written}
    call = _call(arguments, results, common.get("inputs") or {})
    for path in [*core_outputs, *(outputs[name] for name in qgis_outputs)]:
        content = read_record(path) if path in core_outputs else common
        write_record(path, {**content, "outputs": {**content.get("outputs", {}), **qgis_outputs}, "call": call})


def _outputs_with_core_record(path: str, algorithm: str) -> list[str]:
    """Return the files, an output or those in an output folder, beside which the core has written a record."""
    if os.path.isfile(path):
        return [path] if os.path.isfile(f"{path}{RECORD_SUFFIX}") else []
    beside = [str(record)[: -len(RECORD_SUFFIX)] for record in sorted(Path(path).glob(f"*{RECORD_SUFFIX}"))]
    return [one for one in beside if os.path.isfile(one) and read_record(one).get("algorithm") == algorithm]


def _call(arguments: Arguments, results: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the call: parameters as Processing takes them, what was read, what came out."""
    known = {
        str(one["source"]).split("|")[0]: one
        for value in inputs.values()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, dict) and "sha256" in one
    }
    parameters, files = {}, {}
    for definition in arguments.algorithm.parameterDefinitions():
        name = definition.name()
        if definition.isDestination():
            continue
        parameters[name] = serialize_parameter(arguments, definition)
        paths = recorded_paths(definition, parameters[name])
        if paths:
            # The core has read through the large ones already.
            files[name] = [
                {"source": path, **{key: known[path][key] for key in ("bytes", "sha256")}}
                if path in known
                else describe_input(path)
                for path in paths
            ]
    outputs = {
        definition.name(): results.get(definition.name())
        for definition in arguments.algorithm.destinationParameterDefinitions()
    }
    numbers = {name: value for name, value in results.items() if name not in outputs and value is not None}
    return {
        "parameters": parameters,
        "files": files,
        "layers": arguments.read,
        "outputs": outputs,
        "written": arguments.written,
        "numbers": numbers,
        "qgis": Qgis.QGIS_VERSION,
    }
