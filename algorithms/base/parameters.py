"""Parameter definitions in one line each: id and label side by side, and what works on every QGIS from 3.22."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsProcessing,
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
)

from ...model.options import Option
from ...translation import tr

Source: Any = QgsProcessing.SourceType
POINT, LINE, POLYGON = Source.TypeVectorPoint, Source.TypeVectorLine, Source.TypeVectorPolygon
RASTER = Source.TypeRaster
FILE = QgsProcessingParameterFile.Behavior.File

MODEL_FILE = "Scarp model (*.safetensors)"
HTML = "HTML (*.html)"
CSV = "CSV (*.csv)"
PDF = "PDF (*.pdf)"
ZONES_FILTER = "Zones, run record or zone table (*.tif *.tiff *.json *.csv)"
RASTER_OR_VECTOR_FIELD = "_FIELD"
"""Suffix of the parameter of a field, after the name of an input that may be a raster or a vector layer."""


def option(declared: Option, without_default: bool = False) -> QgsProcessingParameterDefinition:
    """Return the parameter of an option of the core.

    Args:
        declared: gives name, label, default, limits and choices.
        without_default: leave the parameter empty and optional, to distinguish given values from a preset's.
    """
    name, label = declared.parameter, declared.label
    default = None if without_default else declared.default
    optional = without_default or declared.default is None
    if isinstance(declared.default, bool):
        return QgsProcessingParameterBoolean(name, label, declared.default)
    if declared.choices is not None:
        return QgsProcessingParameterEnum(name, label, list(declared.choices), False, default, optional, True)
    if declared.limits is None:
        return QgsProcessingParameterString(name, label, default or None, False, True)
    kind = (
        QgsProcessingParameterNumber.Type.Integer if declared.is_integer else QgsProcessingParameterNumber.Type.Double
    )
    definition = QgsProcessingParameterNumber(name, label, kind, default, optional, *declared.limits)
    if declared.decimals is not None:
        # Those of the input box, which cuts off further ones.
        definition.setMetadata({"widget_wrapper": {"decimals": declared.decimals}})
    return definition


def raster(name: str, label: str, optional: bool = False) -> QgsProcessingParameterRasterLayer:
    """Return a raster input."""
    return QgsProcessingParameterRasterLayer(name, label, None, optional)


def rasters(name: str, label: str, optional: bool = True) -> QgsProcessingParameterMultipleLayers:
    """Return a list of rasters."""
    return QgsProcessingParameterMultipleLayers(name, label, RASTER, None, optional)


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


def model_file(name: str, label: str) -> QgsProcessingParameterFile:
    """Return a trained model to read."""
    return QgsProcessingParameterFile(name, label, FILE, "", None, False, tr(MODEL_FILE))


def model_files(name: str, label: str) -> QgsProcessingParameterMultipleLayers:
    """Return an optional list of trained models."""
    return QgsProcessingParameterMultipleLayers(name, label, Source.TypeFile, None, True)


def input_file(name: str, label: str, file_filter: str) -> QgsProcessingParameterFile:
    """Return an optional file to read."""
    return QgsProcessingParameterFile(name, label, FILE, "", None, True, tr(file_filter))


def raster_output(name: str, label: str, optional: bool = False) -> QgsProcessingParameterRasterDestination:
    """Return a GeoTIFF to write; an optional one is not made unless asked for."""
    return QgsProcessingParameterRasterDestination(name, label, None, optional, not optional)


def file_output(
    name: str, label: str, file_filter: str, optional: bool = False, by_default: bool = True
) -> QgsProcessingParameterFileDestination:
    """Return a file to write."""
    return QgsProcessingParameterFileDestination(name, label, tr(file_filter), None, optional, by_default)


def vector_output(name: str, label: str, geometry: Any, by_default: bool = True) -> QgsProcessingParameterFeatureSink:
    """Return an optional vector layer to write."""
    return QgsProcessingParameterFeatureSink(name, label, geometry, None, True, by_default)


def folder_output(name: str, label: str) -> QgsProcessingParameterFolderDestination:
    """Return a folder to write to."""
    return QgsProcessingParameterFolderDestination(name, label)


def choice(name: str, label: str, options: Sequence[str], default: str) -> QgsProcessingParameterEnum:
    """Return a choice of fixed words, which commands and models name as they are: ``PHYSICS=hinge``."""
    return QgsProcessingParameterEnum(name, label, list(options), False, default, False, True)


def region() -> QgsProcessingParameterString:
    """Return the parameter REGION."""
    return QgsProcessingParameterString("REGION", "Region", None, False, True)
