"""Parameter values as users give them, in the Toolbox, in models, in Python and on the command line."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    NULL,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProperty,
)

LAYER_TYPES = {"raster": "a raster", "source": "a vector layer", "layer": "a raster or vector layer",
               "multilayer": "layers", "vector": "a vector layer"}


def plain(value: Any) -> Any:
    """Return what stands behind the wrappers that Processing puts around layers, outputs and data-defined values."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        return plain(value.source)
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        return plain(value.sink)
    if isinstance(value, QgsProperty):
        return plain(value.staticValue())
    return None if value is None or value == NULL else value


def is_given(value: Any) -> bool:
    """Whether the user gave something."""
    value = plain(value)
    return value is not None and value != "" and value != []


def rows_of(value: Any) -> Any:
    """Return a table as text or as a flat list in which ``1.0`` of a number cell is ``1``, as the user typed it."""
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, (list, tuple)):
        value = [value]
    flat = [cell for row in value for cell in (row if isinstance(row, (list, tuple)) else [row])]
    return [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in flat
            if cell is not None and cell != NULL]


def source_text(value: Any, context: QgsProcessingContext) -> str:
    """Return the source of a layer value, for the run record: path, URI or the layer's own source."""
    value = plain(value)
    if hasattr(value, "source"):
        return str(value.source())
    text = "" if value is None else str(value)
    layer = context.getMapLayer(text) if text else None
    return layer.source() if layer is not None else text


def output_path(value: Any) -> str | None:
    """Return the file that an output goes to; None for temporary and memory layers and for databases."""
    text = plain(value)
    if not isinstance(text, str) or not text or text == QgsProcessing.TEMPORARY_OUTPUT:
        return None
    if text.startswith(("memory:", "ogr:", "postgis:", "database:", "spatialite:", "mssql:", "oracle:", "hana:")):
        return None
    return text


def problem_of(definition: QgsProcessingParameterDefinition, parameters: dict[str, Any],
               context: QgsProcessingContext) -> str:
    """Return what is wrong with the value of one input parameter, in words; empty when nothing is.

    QGIS itself only says "Incorrect parameter value for X".
    """
    if definition.isDestination():
        return ""
    value = parameters.get(definition.name())
    title = f"{definition.name()} ({definition.description()})"
    optional = bool(definition.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
    if not is_given(value):
        has_default = definition.defaultValue() is not None and definition.defaultValue() != NULL
        return "" if optional or has_default else f"{title} is missing. Give {_wanted(definition)}."
    if definition.checkValueIsAcceptable(value, context):
        return ""
    shown = plain(value)
    shown = shown.name() if hasattr(shown, "name") else shown
    if definition.type() in LAYER_TYPES:
        return (f'{title}: "{shown}" cannot be opened as {_wanted(definition)}. Check that the file or layer exists, '
                "is whole and is of the right kind.")
    return f'{title} is "{shown}", but should be {_wanted(definition)}.'


def default_in_words(definition: QgsProcessingParameterDefinition) -> str:
    """Return `` Default: VALUE.`` for the help, as one would type it; empty when there is none."""
    value = definition.defaultValue()
    if definition.isDestination() or value is None or value == NULL:
        return ""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, (list, tuple)):
        text = ",".join(str(cell) for cell in value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f" Default: {text}."


def _wanted(definition: QgsProcessingParameterDefinition) -> str:
    kind = definition.type()
    if kind in LAYER_TYPES:
        return LAYER_TYPES[kind]
    if kind == "enum":
        return f"one of {', '.join(definition.options())}"
    if kind == "number":
        return f"a number from {definition.minimum():g} to {definition.maximum():g}"
    if kind == "file":
        return f"a file of this kind: {definition.fileFilter()}" if definition.fileFilter() else "a file"
    return {"field": "the name of a field", "boolean": "true or false",
            "matrix": "comma-separated text or a table"}.get(kind, "a value")
