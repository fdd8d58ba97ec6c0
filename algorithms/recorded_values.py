"""Parameter values as the run record keeps them: plain JSON that Processing takes back as it stands."""

from __future__ import annotations

import os
from typing import Any

from qgis.core import (
    NULL,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterDefinition,
    QgsProcessingUtils,
)

from .arguments import Arguments
from .values import LAYER_TYPES, is_given, plain, source_text, without_password

TEMPORARY = "temporary"
"""Key under which a layer stands that only QGIS's memory holds; its value is the layer's name."""
SOURCE, SELECTED, LIMIT, FILTER = "source", "selected_only", "feature_limit", "filter"
"""Keys of a layer of which only some features were taken."""
_BY_PATH = ("ogr", "gdal")
"""Providers that Processing takes a path to be for."""
_MEMORY = "memory"


def recorded(arguments: Arguments, definition: QgsProcessingParameterDefinition) -> Any:
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
        return arguments.integer(name) if definition.dataType() == type(definition).Type.Integer \
            else arguments.number(name)
    if kind == "boolean":
        return arguments.flag(name)
    if kind == "enum":
        return arguments.choice(name)
    if kind == "matrix":
        return arguments.table(name)
    return str(plain(value)) if kind == "field" else arguments.text(name)


def paths_in(definition: QgsProcessingParameterDefinition, value: Any) -> list[str]:
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
    source = without_password(layer.source())
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


def given_back(value: Any) -> Any:
    """Return a recorded value as Processing takes it."""
    if not isinstance(value, dict):
        return value
    definition = QgsProcessingFeatureSourceDefinition(str(value[SOURCE]), False, int(value.get(LIMIT, -1)))
    if FILTER in value:
        definition.filterExpression = str(value[FILTER])
    return definition
