"""Parameters: their definitions in one line each, their values as users give them, and the checks of these.

QGIS's own check only reports "Incorrect parameter value for X"; the messages here state what is expected.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from qgis.core import (
    NULL,
    QgsDataSourceUri,
    QgsFields,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProperty,
)

from ...model.errors import FieldUnusable, ParameterMissing, ScarpError
from ...model.options import Option
from ...model.outputs.transaction import fold_case
from ...model.texts import REPLACEMENT, join_names, shorten
from ...translation import tr
from .messages import in_words

LAYER_TYPES = ("raster", "source", "layer", "multilayer", "vector")
"""Types of parameters, as QGIS names them, that take layers."""
_OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional  # type: ignore[attr-defined]  # stubs of QGIS 4
MODEL_SUFFIX = "safetensors"
VECTOR_FIELDS = "scarp_fields"  # key of the names of the fields of a vector output in the metadata of its definition
AUTOMATIC = "scarp_automatic"  # key in the metadata of a definition: whether an empty value follows from the data
Definition = Any  # a ``QgsProcessingParameterDefinition``, whose attributes depend on its type
_NOT_FILES = ("memory:", "ogr:", "postgis:", "database:", "spatialite:", "mssql:", "oracle:", "hana:")
"""Prefixes of outputs that go to memory or into a database."""


def plain(value: Any) -> Any:
    """Return the value inside the wrappers that Processing puts around layers, outputs and data-defined values."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        return plain(value.source)
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        return plain(value.sink)
    if isinstance(value, QgsProperty):
        return plain(value.staticValue())
    return None if value is None or value == NULL else value


def is_given(value: Any) -> bool:
    """Whether the user gave a value."""
    return plain(value) not in (None, "", [])


def is_required(definition: Definition) -> bool:
    """Whether a run needs a value from the user."""
    optional = bool(definition.flags() & _OPTIONAL)
    return not optional and definition.defaultValue() in (None, NULL) and not definition.isDestination()


def rows_of(value: Any) -> Any:
    """Return a table as text or as a flat list in which ``1.0`` of a number cell is ``1``, as the user typed it."""
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    rows = value if isinstance(value, (list, tuple)) else [value]
    cells = [cell for row in rows for cell in (row if isinstance(row, (list, tuple)) else [row])]
    cells = [cell for cell in cells if cell is not None and cell != NULL]
    return [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]


def source_text(value: Any, context: QgsProcessingContext) -> str:
    """Return the source of a layer value, for the run record: path, URI or the layer's own source."""
    value = plain(value)
    if not hasattr(value, "source"):
        text = "" if value is None else str(value)
        layer = context.getMapLayer(text) if text else None
        return strip_password(layer.source() if layer is not None else text)
    return strip_password(str(value.source()))


def strip_password(source: str) -> str:
    """Return the source of a layer without the password of its database."""
    return QgsDataSourceUri.removePassword(source) if "password" in source.lower() else source


def file_of(source: str) -> str:
    """Return the file in the source of a layer, which may name a layer of the file after a ``|``."""
    return source if "|" not in source or os.path.exists(source) else source.split("|")[0]


def output_path(value: Any) -> str | None:
    """Return the file of an output; None for temporary and memory layers and for databases."""
    text = plain(value)
    if not isinstance(text, str) or not text or text == QgsProcessing.TEMPORARY_OUTPUT or text.startswith(_NOT_FILES):
        return None
    return text


def absolute_path(path: str) -> str:
    """Return a path under which a file can be compared with others: real, and in one case where case is ignored."""
    return fold_case(os.path.realpath(path))


def require_field_of(layer: str, parameter: str, fields: QgsFields, name: str) -> int:
    """Return the index of the field ``name``; ``layer`` is the layer's name, ``parameter`` the input's. Raises
    ``FieldUnusable`` if the layer has no such field.
    """
    index = fields.lookupField(name)
    garbled = [known for known in fields.names() if REPLACEMENT in known]
    if REPLACEMENT in name or (index < 0 and garbled):
        raise FieldUnusable(encoding_problem(layer, parameter, name if REPLACEMENT in name else garbled[0]))
    if index < 0:
        known = join_names(fields.names(), 20) or tr("none")
        text = tr(
            'The layer "{layer}" for {parameter} has no field "{field}". It has: {known}. '
            "Choose one of these, or another layer."
        )
        raise FieldUnusable(text.format(layer=layer, parameter=parameter, field=name, known=known))
    return int(index)


def encoding_problem(layer: str, parameter: str, field: str, value: str = "") -> str:
    """Return the message about text that could not be decoded; without ``value`` it is the name of the field."""
    if value:
        text = tr(
            '{parameter}: the layer "{layer}" is read in a wrong encoding: the field "{field}" holds "{value}". Set '
            "the encoding under Layer Properties > Source > Data source encoding, e.g. GBK; or put a .cpg file beside "
            "it."
        )
    else:
        text = tr(
            '{parameter}: the layer "{layer}" is read in a wrong encoding: it has a field "{field}". Set '
            "the encoding under Layer Properties > Source > Data source encoding, e.g. GBK; or put a .cpg file beside "
            "it."
        )
    return text.format(parameter=parameter, layer=layer, field=shorten(field), value=shorten(value))


def parameter_problem(definition: Definition, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    """Return what is wrong with the value of one input parameter; empty if nothing is."""
    value = parameters.get(definition.name())
    if definition.isDestination() or (not is_given(value) and not is_required(definition)):
        return ""
    title, wanted = _title(definition), _expected_type(definition)
    if not is_given(value):
        return tr("{title} is missing. Give {wanted}.").format(title=title, wanted=wanted)
    if definition.type() == "layer" and isinstance(value, QgsProcessingFeatureSourceDefinition):
        # QGIS accepts it and then opens nothing.
        layer = plain(value)
        text = tr(
            '{title} takes a whole layer, not a selection of features. Give the layer "{value}" itself, or export the '
            "selected features to a layer of their own and give that."
        )
        return text.format(title=title, value=layer.name() if hasattr(layer, "name") else layer)
    problem = number_problem(definition, value) if definition.type() == "number" else ""
    if problem or definition.checkValueIsAcceptable(_option_words(definition, value), context):
        return problem
    items = plain(value)
    items = items if isinstance(items, (list, tuple)) else [items]
    shown = ", ".join(item.name() if hasattr(item, "name") else str(item) for item in items)
    if definition.type() not in LAYER_TYPES:
        return tr('{title} is "{value}", but should be {wanted}.').format(title=title, value=shown, wanted=wanted)
    barred = ", ".join(item for item in items if isinstance(item, str) and "|" in item and os.path.exists(item))
    if barred:
        text = tr(
            '{title}: the name of "{value}" has a "|" in it, after which QGIS expects the name of a layer. '
            "Rename the file."
        )
        return text.format(title=title, value=barred)
    gone = ", ".join(item for item in items if _is_missing_file(item))
    if gone:
        return tr('{title}: there is no file or layer "{value}". Check the path.').format(title=title, value=gone)
    text = tr(
        '{title}: "{value}" cannot be opened as {wanted}. Check that the file or layer exists, is complete '
        "and is of the right kind."
    )
    return text.format(title=title, value=shown, wanted=wanted)


def with_option_words(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameter values in which options that were given by their number, counted from 0, are words.

    The help of ``qgis_process`` asks for the number, and scripts for QGIS's own algorithms give it. What is neither a
    number nor a word of the list stays as it is.
    """
    enums = [item for item in algorithm.parameterDefinitions() if item.type() == "enum" and item.name() in parameters]
    return {**parameters, **{item.name(): _option_words(item, parameters[item.name()]) for item in enums}}


def _option_words(definition: Definition, value: Any) -> Any:
    if definition.type() != "enum" or not definition.usesStaticStrings():
        return value
    options, given = definition.options(), plain(value)
    if definition.allowMultiple() and isinstance(given, str):
        given = given.split(",")
    if isinstance(given, (list, tuple)):
        return [_option_word(options, item) for item in given]
    word = _option_word(options, given)
    return value if word is given else word


def _option_word(options: Sequence[str], given: Any) -> Any:
    """Return the word for the number of an option, also as text or as a whole real number; else what was given."""
    if isinstance(given, bool) or not isinstance(given, (int, float, str)) or given in options:
        return given
    try:
        number = float(given)
    except ValueError:
        return given
    return options[int(number)] if number in range(len(options)) else given


def number_problem(definition: Definition, value: Any) -> str:
    """Return what is wrong with a value as a number; empty if nothing is.

    QGIS reads text as 0 where a number is optional, truncates a fraction to a whole number, and turns NaN into a large
    negative number.
    """
    shown = plain(value)
    if shown is None or shown == "" or not isinstance(shown, (int, float, str)):
        return ""
    try:
        number = float(shown)
        whole = definition.dataType() != QgsProcessingParameterNumber.Type.Integer or number == int(number)
        # NaN fails every comparison.
        if whole and definition.minimum() <= number <= definition.maximum():
            return ""
    except (ValueError, OverflowError):
        pass
    text = tr('{title} is "{value}", but should be {wanted}.')
    return text.format(title=_title(definition), value=shown, wanted=_expected_type(definition))


def _title(definition: Definition) -> str:
    return f"{definition.name()} ({definition.description()})"


def _is_missing_file(item: Any) -> bool:
    """Whether a value looks like the path of a file that does not exist; it may be any source of a layer."""
    path = item.split("|")[0] if isinstance(item, str) else ""
    is_uri = "=" in path or "://" in path or path.startswith("/vsi")
    return bool(os.path.splitext(path)[1]) and not is_uri and not os.path.exists(path)


def _expected_type(definition: Definition) -> str:
    kind = definition.type()
    if kind == "enum":
        text = tr("one of {choices}, or its number in this list, from 0 to {last}")
        if definition.allowMultiple():
            text = tr("some of {choices}, or their numbers in this list, from 0 to {last}")
        return text.format(choices=", ".join(definition.options()), last=len(definition.options()) - 1)
    if kind == "number":
        integer = definition.dataType() == QgsProcessingParameterNumber.Type.Integer
        text = tr("a whole number from {lowest} to {highest}" if integer else "a number from {lowest} to {highest}")
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


def live_validation_message(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> str:
    """Return what is wrong with the values while the user fills in the dialog, with its labels; empty if nothing is.

    What is still empty is no error yet, and missing libraries are not an error of a value. The algorithm may be a
    graphical model. Files that are opened stay open in the context.
    """
    return in_words(algorithm, _live_problem(algorithm, parameters, context))


def _live_problem(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    unfinished = False
    for definition in algorithm.parameterDefinitions():
        if not is_given(parameters.get(definition.name())):
            unfinished = unfinished or is_required(definition)
            continue
        problem = parameter_problem(definition, parameters, context)
        if problem:
            return problem
    try:
        # A graphical model has no check of its own.
        if hasattr(algorithm, "check_values"):
            algorithm.check_values(parameters, context)
    except ParameterMissing as error:
        return "" if unfinished else str(error)
    except ScarpError as error:
        return str(error)
    except ImportError:
        # A check that needs the core's libraries is made when the algorithm runs, where they are.
        return ""
    return ""


Source: Any = QgsProcessing.SourceType
POINT, LINE, POLYGON = Source.TypeVectorPoint, Source.TypeVectorLine, Source.TypeVectorPolygon
RASTER, ANY_VECTOR, TABLE = Source.TypeRaster, Source.TypeVectorAnyGeometry, Source.TypeVector
FILE = QgsProcessingParameterFile.Behavior.File
folder_output = QgsProcessingParameterFolderDestination  # name and label of a folder to write to

MODEL_FILE = "Scarp model (*.safetensors)"
HTML = "HTML (*.html)"
CSV = "CSV (*.csv)"
PDF = "PDF (*.pdf)"
DOCX = "Word document (*.docx)"
DETAILS = "Document details (*.json)"
ZONES_FILTER = "Zones, run record or zone table (*.tif *.tiff *.json *.csv)"
RASTER_OR_VECTOR_FIELD = "_FIELD"
"""Suffix of the parameter of a field, after the name of an input that may be a raster or a vector layer."""


def option(declared: Option, without_default: bool = False) -> QgsProcessingParameterDefinition:
    """Return the parameter of an option of the core.

    ``without_default`` leaves it empty and optional, to distinguish given values from a preset's.
    """
    name, label = declared.parameter, declared.label
    default = None if without_default else declared.default
    optional = without_default or declared.default is None or declared.added
    if isinstance(declared.default, bool):
        return QgsProcessingParameterBoolean(name, label, declared.default, optional)
    if declared.choices is not None:
        choices, several = list(declared.choices), declared.several
        default = list(default) if several and default is not None else default
        # QGIS takes an empty list, in which nothing is chosen, for optional parameters only.
        return QgsProcessingParameterEnum(name, label, choices, several, default, optional or several, True)
    if declared.limits is None:
        return QgsProcessingParameterString(name, label, default or None, False, True)
    kinds = QgsProcessingParameterNumber.Type
    kind = kinds.Integer if declared.is_integer else kinds.Double
    definition = QgsProcessingParameterNumber(name, label, kind, default, optional, *declared.limits)
    metadata: dict[str, Any] = {AUTOMATIC: declared.automatic}
    if declared.decimals is not None:
        # Those of the input box, which cuts off further ones.
        metadata["widget_wrapper"] = {"decimals": declared.decimals}
    definition.setMetadata(metadata)
    return definition


def raster(name: str, label: str, optional: bool = False) -> QgsProcessingParameterRasterLayer:
    """Return a raster input."""
    return QgsProcessingParameterRasterLayer(name, label, None, optional)


def rasters(name: str, label: str, optional: bool = True, kind: Any = RASTER) -> QgsProcessingParameterMultipleLayers:
    """Return a list of rasters, or of layers or files of another kind of ``Source``."""
    return QgsProcessingParameterMultipleLayers(name, label, kind, None, optional)


def vector(name: str, label: str, *types: Any, optional: bool = False) -> QgsProcessingParameterFeatureSource:
    """Return a vector input of the geometry types POINT, LINE, POLYGON."""
    return QgsProcessingParameterFeatureSource(name, label, list(types), None, optional)


def raster_or_vector(name: str, label: str, geometry: Any) -> QgsProcessingParameterMapLayer:
    """Return an optional input that is a raster or a vector layer of one geometry type."""
    return QgsProcessingParameterMapLayer(name, label, None, True, [RASTER, geometry])


def field(name: str, label: str, parent: str) -> QgsProcessingParameterField:
    """Return an optional field of the layer ``parent``; of any type, because numbers are often stored as text."""
    return QgsProcessingParameterField(name, label, None, parent, QgsProcessingParameterField.DataType.Any, False, True)


def raster_or_vector_field(name: str, label: str) -> QgsProcessingParameterString:
    """Return an optional field of an input that may be a raster: a text, for which dialogs offer the fields.

    A field parameter would fit better, but QGIS crashes (3.22 to 3.44 and newer) if its layer is a raster.
    """
    return QgsProcessingParameterString(name, label, None, False, True)


def table(name: str, label: str, columns: Sequence[str], default: Sequence[Any] = ()) -> QgsProcessingParameterMatrix:
    """Return a table that can also be typed as comma-separated text, row after row.

    It is optional for QGIS, which otherwise reports an empty matrix as missing in spite of its default.
    """
    rows, headings = max(len(default) // len(columns), 1), [tr(column) for column in columns]
    return QgsProcessingParameterMatrix(name, label, rows, False, headings, list(default) or None, True)


def input_file(name: str, label: str, file_filter: str, optional: bool = True) -> QgsProcessingParameterFile:
    """Return a file to read."""
    return QgsProcessingParameterFile(name, label, FILE, "", None, optional, tr(file_filter))


def raster_output(
    name: str, label: str, optional: bool = False, by_default: bool = False
) -> QgsProcessingParameterRasterDestination:
    """Return a GeoTIFF to write; an optional one is not made unless asked for, or a dialog does so by default."""
    return QgsProcessingParameterRasterDestination(name, label, None, optional, by_default or not optional)


def file_output(
    name: str, label: str, file_filter: str, optional: bool = False, by_default: bool = True
) -> QgsProcessingParameterFileDestination:
    """Return a file to write."""
    return QgsProcessingParameterFileDestination(name, label, tr(file_filter), None, optional, by_default)


def vector_output(
    name: str, label: str, geometry: Any, fields: Sequence[tuple[str, str]], by_default: bool = True
) -> QgsProcessingParameterFeatureSink:
    """Return an optional vector layer to write; ``fields`` are names and types."""
    definition = QgsProcessingParameterFeatureSink(name, label, geometry, None, True, by_default)
    definition.setMetadata({VECTOR_FIELDS: [field for field, _ in fields]})
    return definition
