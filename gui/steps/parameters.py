"""Values of the parameters of a call: layers and files that the dock knows, and the options of the last run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from qgis.core import QgsMapLayer, QgsProcessing, QgsProcessingOutputLayerDefinition, QgsVectorLayer

from ...algorithms.base.parameters import LAYER_TYPES, file_of
from ...algorithms.base.record import SOURCE, deserialize_parameter, source_of
from ...model.outputs.run_record import read_record
from ..suggestions import guess_field, guess_unit
from .chain import FIELDS, NEED_FIELD, TEMPORARY, UNITS, Call
from .regions import Region, Regions

_OUT_OF_FOLD, _WINDOWS = "OUT_OF_FOLD", "WINDOWS"


def call_parameters(
    regions: Regions, region: Region, call: Call, algorithm: Any, recorded: Mapping[str, Any], load: bool = True
) -> dict[str, Any]:
    """Return the parameters of a call as Processing takes them.

    ``recorded`` are those of its last run, whose options stay; ``load`` has QGIS load the results that are layers.
    """
    values = {
        definition.name(): deserialize_parameter(recorded[definition.name()])
        for definition in algorithm.parameterDefinitions()
        if not definition.isDestination()
        and recorded.get(definition.name()) is not None
        and (definition.type() not in (*LAYER_TYPES, "file") or _is_there(recorded[definition.name()]))
    }
    for name in (*call.files, *call.optional_files):
        values.pop(name, None)
    layers = regions.layers(region)
    for name in call.layers:
        values.update(_layer_values(name, layers, region, recorded))
    values.update({name: regions.file(region, key) for name, key in call.files.items()})
    values.update(_optional_files(regions, region, call))
    for name, key in call.outputs.items():
        path = QgsProcessing.TEMPORARY_OUTPUT if key == TEMPORARY else regions.file(region, key)
        loaded = load and name in call.shown
        values[name] = QgsProcessingOutputLayerDefinition(path, regions.project) if loaded else path
    return {name: value for name, value in values.items() if value is not None}


def missing_inputs(
    regions: Regions, region: Region, call: Call, algorithm: Any, recorded: Mapping[str, Any]
) -> list[str]:
    """Return the labels of the required layers and fields that are not chosen, in the language of QGIS."""
    layers = regions.layers(region)
    fields = [
        f"{name}_FIELD"
        for name in call.layers
        if name in NEED_FIELD
        and isinstance(layers.get(name), QgsVectorLayer)
        and not field_of(f"{name}_FIELD", layers[name], region, recorded, name)
    ]
    return [
        definition.description()
        for definition in algorithm.parameterDefinitions()
        for name in [definition.name()]
        if name in call.layers
        and not definition.flags() & definition.Flag.FlagOptional
        and layers.get(name) is None
        and (name in layers or not _is_there(recorded.get(name)))
    ] + [algorithm.parameterDefinition(name).description() for name in fields]


def field_of(
    parameter: str, layer: QgsMapLayer | None, region: Region, recorded: Mapping[str, Any], input_: str
) -> str:
    """Return the field of a layer to use for a parameter: the chosen one, that of the last run, or the likeliest."""
    if not isinstance(layer, QgsVectorLayer):
        return ""
    names = layer.fields().names()
    if region.fields.get(parameter, None) in ("", *names):
        return region.fields[parameter]
    if recorded.get(input_) == source_of(layer):
        return str(recorded.get(parameter) or "")
    return guess_field(parameter, names) or ""


def unit_of(parameter: str, layer: QgsMapLayer | None, region: Region, recorded: Mapping[str, Any], input_: str) -> str:
    """Return the unit of a layer: the chosen one, that of the last run, or what its name says."""
    if layer is None:
        return ""
    if parameter in region.fields:
        return region.fields[parameter]
    if recorded.get(input_) == source_of(layer) and recorded.get(parameter):
        return str(recorded[parameter])
    return guess_unit(parameter, layer.name())


def _layer_values(
    name: str, layers: Mapping[str, QgsMapLayer | None], region: Region, recorded: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a layer and of its fields; nothing where the last run's stay."""
    if name not in layers:
        return {}
    layer = layers[name]
    fields = {field: field_of(field, layer, region, recorded, name) or None for field in FIELDS.get(name, ())}
    unit = UNITS.get(name)
    if unit is not None and layer is not None:
        fields[unit] = unit_of(unit, layer, region, recorded, name)
    return {name: None if layer is None else layer.id(), **fields}


def _optional_files(regions: Regions, region: Region, call: Call) -> dict[str, Any]:
    """Return what the training left to validate with: the out-of-fold map, or without one the windows."""
    if not call.optional_files:
        return {}
    try:
        outputs = read_record(regions.file(region, "model")).get("outputs")
    except (OSError, ValueError):
        return {}
    written = outputs if isinstance(outputs, dict) else {}
    paths = {name: regions.file(region, key) for name, key in call.optional_files.items()}
    there = [name for name, path in paths.items() if f"OUTPUT_{name}" in written and os.path.isfile(path)]
    if _OUT_OF_FOLD in there:
        there = [name for name in there if name != _WINDOWS]
    return {name: paths[name] for name in there}


def _is_there(recorded: Any) -> bool:
    """Return whether a recorded layer or file can be read again."""
    if isinstance(recorded, list):
        return bool(recorded) and all(map(_is_there, recorded))
    source = recorded.get(SOURCE) if isinstance(recorded, Mapping) else recorded
    if not source or not isinstance(source, str):
        return False
    path = file_of(source)
    return os.path.isfile(path) or not os.path.isabs(path)
