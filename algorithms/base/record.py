"""The call in the run record: what QGIS was asked for, so that ``scarp:rerun`` can repeat it.

The core records paths, arrays and settings. The parameters of the Processing algorithm are added here, as plain JSON
that Processing takes back; vector layers, which QGIS writes, get a record of their own.
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
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterNumber,
    QgsProcessingUtils,
)

from ...model.errors import InputMissing, OutputNotWritable, ParameterInvalid
from ...model.outputs.run_record import describe_input, read_record, write_record
from ...model.outputs.transaction import RECORD_SUFFIX
from ...model.progress import Progress
from ...model.provenance.records import RecordedRun
from ...translation import tr
from .arguments import Arguments
from .parameters import LAYER_TYPES, Definition, Source, file_of, is_given, plain, source_text, strip_password

TEMPORARY = "temporary"  # key of the name of a layer that exists in QGIS's memory only
SOURCE, SELECTED, LIMIT, FILTER = "source", "selected_only", "feature_limit", "filter"
"""Keys of a layer of which only some features were used."""
_PATH_PROVIDERS = ("ogr", "gdal")  # providers whose sources Processing takes as paths


def serialize_parameter(arguments: Arguments, definition: Definition) -> Any:
    """Return the value of an input parameter with its default filled in; None if it was left empty."""
    name, kind = definition.name(), definition.type()
    value = arguments.parameters.get(name)
    if not is_given(value) and (kind in LAYER_TYPES or definition.defaultValue() in (None, NULL)):
        return None
    if kind == "multilayer":
        if definition.layerType() == Source.TypeFile:
            return [_absolute(path) for path in arguments.files(name)]
        layers = arguments.algorithm.parameterAsLayerList(arguments.parameters, name, arguments.context)
        return [source_of(layer) for layer in layers]
    if kind in LAYER_TYPES:
        return _layer(value, arguments.context)
    if kind == "file":
        return ";".join(_absolute(path) for path in _paths(arguments.file(name) or ""))
    if kind == "field":
        return str(plain(value))
    if kind == "number":
        integer = definition.dataType() == QgsProcessingParameterNumber.Type.Integer
        return arguments.integer(name) if integer else arguments.number(name)
    if kind == "enum" and definition.allowMultiple():
        return list(arguments.choices(name))
    readers = {"boolean": arguments.flag, "enum": arguments.choice, "matrix": arguments.table}
    return readers.get(kind, arguments.text)(name)


def deserialize_parameter(value: Any) -> Any:
    """Return a recorded value as Processing takes it."""
    if not isinstance(value, dict):
        return value
    definition = QgsProcessingFeatureSourceDefinition(str(value[SOURCE]), False, int(value.get(LIMIT, -1)))
    if FILTER in value:
        definition.filterExpression = str(value[FILTER])
    return definition


def recorded_paths(definition: Definition, value: Any) -> list[str]:
    """Return the files that a recorded value names."""
    if definition.type() not in (*LAYER_TYPES, "file"):
        return []
    items = value if isinstance(value, list) else [value]
    texts = [item.get(SOURCE) if isinstance(item, dict) else item for item in items]
    paths = [path for text in texts if text for path in _paths(file_of(str(text)))]
    return [path for path in paths if os.path.isfile(path)]


def _paths(text: str) -> list[str]:
    # Several models may stand in one text, separated by semicolons.
    return [text] if os.path.exists(text) else [part.strip() for part in text.split(";") if part.strip()]


def _absolute(source: str) -> str:
    path, bar, rest = source.partition("|")
    return f"{os.path.abspath(path)}{bar}{rest}" if os.path.exists(path) else source


def _layer(value: Any, context: QgsProcessingContext) -> Any:
    inner = plain(value)
    layer = inner if isinstance(inner, QgsMapLayer) else context.getMapLayer(str(inner))
    source = source_of(layer) if layer is not None else _absolute(source_text(inner, context))
    limits: dict[str, Any] = {}
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        if value.selectedFeaturesOnly:
            limits[SELECTED] = True
        if value.featureLimit >= 0:
            limits[LIMIT] = value.featureLimit
        # QGIS 3.32 and newer.
        if getattr(value, "filterExpression", ""):
            limits[FILTER] = value.filterExpression
    return {SOURCE: source, **limits} if limits and isinstance(source, str) else source


def source_of(layer: QgsMapLayer) -> Any:
    """Return the source of a layer as the run record has it: a path, a URI, or the name of a layer in memory."""
    if layer.providerType() == "memory":
        return {TEMPORARY: layer.name()}
    source = strip_password(layer.source())
    if layer.providerType() in _PATH_PROVIDERS:
        return _absolute(source)
    return QgsProcessingUtils.encodeProviderKeyAndUri(layer.providerType(), source)


def record_call(arguments: Arguments, results: dict[str, Any]) -> None:
    """Add the call to the records of a run that has succeeded; results as the algorithm returns them."""
    outputs = {}
    for definition in arguments.algorithm.destinationParameterDefinitions():
        path = file_of(str(results.get(definition.name()) or ""))
        if path and os.path.exists(path):
            outputs[definition.name()] = os.path.abspath(path)
    if not outputs:
        return
    try:
        _add_call(arguments, results, outputs)
    except (OutputNotWritable, OSError, ValueError) as error:
        text = tr('The run record could not be completed, so "Repeat a run" cannot repeat this run: {error}')
        arguments.progress.warn(text.format(error=error))


def _add_call(arguments: Arguments, results: dict[str, Any], outputs: dict[str, str]) -> None:
    algorithm = f"scarp:{arguments.algorithm.name()}"
    written_by_qgis = (*arguments.written, *arguments.algorithm.WRITTEN_BY_QGIS)
    by_qgis = {name: path for name, path in outputs.items() if name in written_by_qgis}
    by_core = [
        path
        for name, output in outputs.items()
        if name not in by_qgis
        for path in _outputs_with_core_record(output, algorithm)
    ]
    common: Any = read_record(by_core[0]) if by_core else {"algorithm": algorithm}
    described = {name: describe_input(path) for name, path in by_qgis.items()}
    call = _call(arguments, results, common.get("inputs") or {})
    for path in [*by_core, *by_qgis.values()]:
        content: Any = read_record(path) if path in by_core else common
        write_record(path, {**content, "outputs": {**content.get("outputs", {}), **described}, "call": call})


def _outputs_with_core_record(path: str, algorithm: str) -> list[str]:
    """Return the files, an output or those in an output folder, for which the core has written a record."""
    if os.path.isfile(path):
        return [path] if os.path.isfile(f"{path}{RECORD_SUFFIX}") else []
    files = [str(record)[: -len(RECORD_SUFFIX)] for record in sorted(Path(path).glob(f"*{RECORD_SUFFIX}"))]
    return [file for file in files if os.path.isfile(file) and read_record(file).get("algorithm") == algorithm]


def _call(arguments: Arguments, results: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the call: parameters as Processing takes them, the layers read, the outputs.

    The checksums of large files in ``inputs``, of the core's record, are used again.
    """
    described = [item for value in inputs.values() for item in (value if isinstance(value, list) else [value])]
    known = {
        file_of(str(item["source"])): {key: item[key] for key in ("bytes", "sha256")}
        for item in described
        if isinstance(item, dict) and "sha256" in item
    }
    parameters, files = {}, {}
    for definition in arguments.algorithm.parameterDefinitions():
        if definition.isDestination():
            continue
        name = definition.name()
        parameters[name] = serialize_parameter(arguments, definition)
        paths = recorded_paths(definition, parameters[name])
        if paths:
            files[name] = [{"source": path, **known[path]} if path in known else describe_input(path) for path in paths]
    destinations = [definition.name() for definition in arguments.algorithm.destinationParameterDefinitions()]
    return {
        "parameters": parameters,
        "files": files,
        "layers": arguments.read,
        "outputs": {name: results.get(name) for name in destinations},
        "written": arguments.written,
        "numbers": {name: value for name, value in results.items() if name not in destinations and value is not None},
        "qgis": Qgis.version(),
    }


def parse_replacements(text: str, call: RecordedRun, excluded: Container[str]) -> dict[str, str]:
    """Return the pairs in the lines, or parts between semicolons, ``NAME=value`` of REPLACE. Raises
    ``ParameterInvalid`` if a line is no such pair, or names no parameter of the run or an excluded one.
    """
    allowed = [name for name in call.parameters if name not in excluded]
    found = {}
    for line in filter(str.strip, text.replace(";", "\n").splitlines()):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or name not in allowed:
            message = tr('REPLACE has the line "{line}", which must be NAME=path with one of these names: {names}.')
            raise ParameterInvalid(message.format(line=line.strip(), names=", ".join(allowed)))
        found[name] = value
    return found


def restore_inputs(call: RecordedRun, replaced: dict[str, str], progress: Progress) -> dict[str, Any]:
    """Return the recorded parameters as Processing takes them, with files found where they are now.

    ``replaced`` has values that the user gives instead, by parameter. Raises ``InputMissing`` if inputs cannot be
    restored; all of them are named.
    """
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in call.parameters.items():
        problem = "" if name in replaced else _problem(name, value)
        if name in replaced:
            found[name] = replaced[name]
        elif problem:
            problems.append(problem)
        elif isinstance(value, list) and call.files.get(name):
            found[name] = [_relocate(name, item, call, progress, problems) for item in value]
        elif value is not None:
            found[name] = deserialize_parameter(_relocate(name, value, call, progress, problems))
    if problems:
        text = tr("The run cannot be repeated as it was. {problems} Save or find these, and name them in REPLACE.")
        raise InputMissing(text.format(problems=" ".join(problems)))
    return found


def _problem(name: str, value: Any) -> str:
    """Return why a recorded value cannot be restored, empty if it can."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and TEMPORARY in item:
            text = tr('{name} was the temporary layer "{layer}", which was not saved in a file.')
            return text.format(name=name, layer=item[TEMPORARY])
        if isinstance(item, dict) and item.get(SELECTED):
            text = tr("{name} was only the selected features of {layer}, and which ones is not recorded.")
            return text.format(name=name, layer=item.get(SOURCE))
    return ""


def _relocate(name: str, value: Any, call: RecordedRun, progress: Progress, problems: list[str]) -> Any:
    """Return a value with the path in it as it is now; a missing file may lie beside the record."""
    source = value.get(SOURCE) if isinstance(value, dict) else value
    known = {item.source for item in call.files.get(name, [])}
    if not isinstance(source, str) or not known:
        return value
    for path in sorted(known, key=len, reverse=True):
        if os.path.exists(path) or path not in source:
            continue
        beside = Path(call.record).parent / Path(path.replace("\\", "/")).name
        if not beside.is_file():
            problems.append(tr("{name}: {path} does not exist any more.").format(name=name, path=path))
            continue
        text = tr("{name}: {path} does not exist any more; using {beside} instead.")
        progress.report(0.0, text.format(name=name, path=path, beside=beside))
        source = source.replace(path, str(beside))
    return {**value, SOURCE: source} if isinstance(value, dict) else source
