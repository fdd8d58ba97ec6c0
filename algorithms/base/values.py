"""Parameter values as users give them, in the Toolbox, in models, in Python and on the command line."""

from __future__ import annotations

import os
from typing import Any

from qgis.core import (
    NULL,
    QgsDataSourceUri,
    QgsFields,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterNumber,
    QgsProperty,
)

from ...model.errors import FieldUnusable
from ...translation import tr

LAYER_TYPES = ("raster", "source", "layer", "multilayer", "vector")
"""Types of parameters, as QGIS names them, that take layers."""


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


def is_required(definition: QgsProcessingParameterDefinition) -> bool:
    """Whether a run needs a value from the user."""
    optional = bool(definition.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
    has_default = definition.defaultValue() is not None and definition.defaultValue() != NULL
    return not optional and not has_default and not definition.isDestination()


def rows_of(value: Any) -> Any:
    """Return a table as text or as a flat list in which ``1.0`` of a number cell is ``1``, as the user typed it."""
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, (list, tuple)):
        value = [value]
    flat = [cell for row in value for cell in (row if isinstance(row, (list, tuple)) else [row])]
    return [
        int(cell) if isinstance(cell, float) and cell.is_integer() else cell
        for cell in flat
        if cell is not None and cell != NULL
    ]


def source_text(value: Any, context: QgsProcessingContext) -> str:
    """Return the source of a layer value, for the run record: path, URI or the layer's own source."""
    value = plain(value)
    if hasattr(value, "source"):
        return strip_password(str(value.source()))
    text = "" if value is None else str(value)
    layer = context.getMapLayer(text) if text else None
    return strip_password(layer.source() if layer is not None else text)


def strip_password(source: str) -> str:
    """Return the source of a layer as it may be kept in a file: that of a database without its password."""
    return QgsDataSourceUri.removePassword(source) if "password" in source.lower() else source


def output_path(value: Any) -> str | None:
    """Return the file that an output goes to; None for temporary and memory layers and for databases."""
    text = plain(value)
    if not isinstance(text, str) or not text or text == QgsProcessing.TEMPORARY_OUTPUT:
        return None
    if text.startswith(("memory:", "ogr:", "postgis:", "database:", "spatialite:", "mssql:", "oracle:", "hana:")):
        return None
    return text


def require_field_of(layer: str, parameter: str, fields: QgsFields, name: str) -> int:
    """Return the index of a field.

    Args:
        layer: name of the layer, for the message.
        parameter: name of the input that the layer was given for.
        fields: of the layer.
        name: of the field.

    Raises:
        FieldUnusable: the layer has no such field.
    """
    index = fields.lookupField(name)
    if index < 0:
        known = ", ".join(item.name() for item in fields) or tr("none")
        raise FieldUnusable(
            tr(
                'The layer "{layer}" for {parameter} has no field "{field}". It has: {known}. '
                "Choose one of these, or another layer."
            ).format(layer=layer, parameter=parameter, field=name, known=known)
        )
    return int(index)


def parameter_problem(
    definition: QgsProcessingParameterDefinition, parameters: dict[str, Any], context: QgsProcessingContext
) -> str:
    """Return what is wrong with the value of one input parameter, in words; empty when nothing is.

    QGIS itself only says "Incorrect parameter value for X".
    """
    if definition.isDestination():
        return ""
    value = parameters.get(definition.name())
    title = f"{definition.name()} ({definition.description()})"
    if not is_given(value):
        return (
            tr("{title} is missing. Give {wanted}.").format(title=title, wanted=_expected_type(definition))
            if is_required(definition)
            else ""
        )
    if definition.type() == "number" and number_problem(definition, value):
        return number_problem(definition, value)
    if definition.checkValueIsAcceptable(value, context):
        return ""
    shown = plain(value)
    items = shown if isinstance(shown, (list, tuple)) else [shown]
    shown = ", ".join(item.name() if hasattr(item, "name") else str(item) for item in items)
    problem = tr('{title} is "{value}", but should be {wanted}.')
    if definition.type() in LAYER_TYPES:
        gone = [str(item) for item in items if _is_missing_file(item)]
        if gone:
            return tr('{title}: there is no file or layer "{value}". Check the path.').format(
                title=title, value=", ".join(gone)
            )
        problem = tr(
            '{title}: "{value}" cannot be opened as {wanted}. Check that the file or layer exists, is whole '
            "and is of the right kind."
        )
    return problem.format(title=title, value=shown, wanted=_expected_type(definition))


def _is_missing_file(item: Any) -> bool:
    """Whether a value is the path of a file that does not exist, as far as can be told of what may be any source."""
    path = item.split("|")[0] if isinstance(item, str) else ""
    return (
        bool(os.path.splitext(path)[1])
        and "=" not in path
        and "://" not in path
        and not path.startswith("/vsi")
        and not os.path.exists(path)
    )


def number_problem(definition: QgsProcessingParameterDefinition, value: Any) -> str:
    """Return what is wrong with a value as a number, in words; empty when nothing is.

    QGIS takes a text for 0 where a number may be left out, cuts a fraction off a whole number, and makes a large
    negative number of NaN.
    """
    shown = plain(value)
    if shown is None or shown == "" or not isinstance(shown, (int, float, str)):
        return ""
    try:
        number = float(shown)
        whole = definition.dataType() != QgsProcessingParameterNumber.Type.Integer or number == int(number)
        low, high = definition.minimum(), definition.maximum()
        # NaN lies nowhere.
        if whole and low <= number <= high:
            return ""
    except (ValueError, OverflowError):
        pass
    return tr('{title} is "{value}", but should be {wanted}.').format(
        title=f"{definition.name()} ({definition.description()})", value=shown, wanted=_expected_type(definition)
    )


def _expected_type(definition: QgsProcessingParameterDefinition) -> str:
    """Return in words what a parameter takes."""
    kind = definition.type()
    if kind == "enum":
        return tr("one of {choices}").format(choices=", ".join(definition.options()))
    if kind == "number":
        text = (
            tr("a whole number from {lowest} to {highest}")
            if definition.dataType() == QgsProcessingParameterNumber.Type.Integer
            else tr("a number from {lowest} to {highest}")
        )
        return text.format(lowest=f"{definition.minimum():.10g}", highest=f"{definition.maximum():.10g}")
    if kind == "file" and definition.fileFilter():
        return tr("a file of this kind: {filter}").format(filter=definition.fileFilter())
    return {
        "raster": tr("a raster"),
        "source": tr("a vector layer"),
        "vector": tr("a vector layer"),
        "layer": tr("a raster or vector layer"),
        "multilayer": tr("layers"),
        "file": tr("a file"),
        "field": tr("the name of a field"),
        "boolean": tr("true or false"),
        "matrix": tr("comma-separated text or a table"),
    }.get(kind, tr("a value"))
