"""Vector files that QGIS writes: whole under their final name, or as before.
From plain features of the core to vector layers: Processing sinks, and the GeoPackages of the demo.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QMetaType, QVariant

from ...model.errors import OutputNotWritable
from ...model.outputs.temp_files import temp_path_beside
from ...model.outputs.transaction import commit, output_transaction
from ...translation import tr
from .arguments import Arguments
from .layers import LayerChecksum, layer_checksum
from .values import output_path

_SQLITE_SIDECARS = ("-journal", "-wal", "-shm")
"""Endings of what SQLite keeps beside a database that is open."""
_SHAPEFILE_SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix")
"""Endings that get their names before the file that is opened by name."""


@contextlib.contextmanager
def atomic_layer(path: str) -> Iterator[Path]:
    """Give a place to write a vector file to; the file takes its name only when the block succeeds.

    Args:
        path: final path.

    Yields:
        A path with the same file name, after which a GeoPackage names its layer, in a hidden folder beside.

    Raises:
        OutputNotWritable: the file cannot be given its name.
    """
    final = Path(path)
    folder = temp_path_beside(final, ".part")
    try:
        folder.mkdir()
        yield folder / final.name
        made = sorted(folder.iterdir(), key=lambda item: item.suffix.lower() not in _SHAPEFILE_SIDECARS)
        with output_transaction():
            for item in made:
                _commit(item, final.parent / item.name)
    except OutputNotWritable as error:
        # The analyst knows the file by its own name.
        raise OutputNotWritable(str(error).replace(str(folder / final.name), str(final))) from error
    except OSError as error:
        raise OutputNotWritable(
            tr("{name} could not be written: {error}. Check that the disk has room.").format(
                name=final, error=error.strerror or error
            )
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _commit(temporary: Path, final: Path) -> None:
    # What SQLite has not yet brought into the older file would be brought into the new one.
    for ending in _SQLITE_SIDECARS:
        with contextlib.suppress(OSError):
            Path(f"{final}{ending}").unlink()
    commit(temporary, final)


def has_feature_count(destination: str, features: int) -> bool:
    """Return whether as many features as were written are to be read; what is no file is believed.

    What SQLite cannot store when a file is closed is only said on the console.
    """
    if not os.path.isfile(destination.split("|")[0]):
        return True
    layer = QgsVectorLayer(destination, "written", "ogr")
    # Some formats do not know how many features they hold.
    return layer.isValid() and layer.featureCount() in (features, -1)


WkbType = QgsWkbTypes.Type
TEXT, INTEGER, REAL = "text", "integer", "real"


def fields_of(columns: Iterable[tuple[str, str]]) -> QgsFields:
    """Return the fields of a layer from names and the types ``text``, ``integer`` and ``real``."""
    # QGIS 3.38 went over from the types of QVariant to those of QMetaType; older ones refuse the new.
    if Qgis.QGIS_VERSION_INT >= 33800:
        types = {TEXT: QMetaType.Type.QString, INTEGER: QMetaType.Type.Int, REAL: QMetaType.Type.Double}
    else:
        # By name: Qt 6 has no QVariant.Type, and QGIS's checker for Qt 6 wants no line that mentions it.
        types = {
            TEXT: QVariant.nameToType("QString"),
            INTEGER: QVariant.nameToType("int"),
            REAL: QVariant.nameToType("double"),
        }
    fields = QgsFields()
    for name, kind in columns:
        fields.append(QgsField(name, types[kind]))
    return fields


def write_sink(
    arguments: Arguments,
    name: str,
    columns: Sequence[tuple[str, str]],
    wkb_type: Any,
    crs: QgsCoordinateReferenceSystem,
    rows: Iterable[tuple[QgsGeometry, Sequence[Any]]],
) -> str | None:
    """Write features into the sink of an output; return its layer id or path, None when it is not wanted.

    The sink is only made here, after the computation, so that a cancelled run leaves no empty layer.

    Raises:
        OutputNotWritable: the layer cannot be made or filled.
    """
    if not arguments.given(name):
        return None
    value, path = arguments.parameters[name], output_path(arguments.parameters.get(name))
    if path is None:
        return _fill_sink(arguments, name, value, fields_of(columns), wkb_type, crs, rows)
    with atomic_layer(path) as temporary:
        written = _fill_sink(
            arguments, name, _redirect_sink(value, str(temporary)), fields_of(columns), wkb_type, crs, rows
        )
    # QGIS gives a file without an ending one of its own.
    destination = path + written[len(str(temporary)) :]
    if isinstance(value, QgsProcessingOutputLayerDefinition) and value.destinationProject is not None:
        title = value.destinationName or arguments.algorithm.parameterDefinition(name).description()
        arguments.context.addLayerToLoadOnCompletion(
            destination,
            QgsProcessingContext.LayerDetails(
                title, value.destinationProject, name, QgsProcessingUtils.LayerHint.Vector
            ),
        )
    return destination


def _redirect_sink(value: Any, path: str) -> Any:
    """Return the value of an output that is written to another place, and not loaded from there."""
    if not isinstance(value, QgsProcessingOutputLayerDefinition):
        return path
    moved = QgsProcessingOutputLayerDefinition(value)
    moved.sink, moved.destinationProject = QgsProperty.fromValue(path), None
    return moved


def _fill_sink(
    arguments: Arguments,
    name: str,
    value: Any,
    fields: QgsFields,
    wkb_type: Any,
    crs: QgsCoordinateReferenceSystem,
    rows: Iterable[tuple[QgsGeometry, Sequence[Any]]],
) -> str:
    try:
        sink, destination = arguments.algorithm.parameterAsSink(
            {**arguments.parameters, name: value}, name, arguments.context, fields, wkb_type, crs
        )
    except QgsProcessingException as error:
        raise _not_written(name, str(error)) from error
    if sink is None:
        raise _not_written(name, tr("it cannot be made"))
    content, written = LayerChecksum(), 0
    for geometry, values in rows:
        content.add(bytes(geometry.asWkb()), values)
        written += 1
        if not sink.addFeature(_feature(fields, geometry, values), QgsFeatureSink.Flag.FastInsert):
            raise _not_written(name, sink.lastError())
    # Deleting the sink closes the file.
    del sink
    if not has_feature_count(destination, written):
        raise _not_written(name, tr("not all of it reached the disk"))
    arguments.written[name] = content.summary()
    return destination


def _not_written(name: str, why: str) -> OutputNotWritable:
    return OutputNotWritable(
        tr(
            "{name} could not be written: {error}. Check that the disk has room, or choose another "
            "place for it. The other outputs are complete and stay."
        ).format(name=name, error=why.strip().rstrip("."))
    )


def rectangle(left: float, bottom: float, right: float, top: float) -> QgsGeometry:
    """Return a rectangle as a polygon."""
    return QgsGeometry.fromRect(QgsRectangle(left, bottom, right, top))


def point(x: float, y: float) -> QgsGeometry:
    """Return a point."""
    return QgsGeometry.fromPointXY(QgsPointXY(x, y))


def write_vectors(
    folder: Path, layers: Mapping[str, Any], crs_wkt: str, context: QgsProcessingContext
) -> dict[str, dict[str, Any]]:
    """Write points, lines and polygons as one GeoPackage each, ``NAME.gpkg``; return what each holds, by file name.

    Raises:
        OutputNotWritable: a file cannot be written.
    """
    crs = QgsCoordinateReferenceSystem.fromWkt(crs_wkt)
    for name, layer in layers.items():
        _write_geopackage(folder / f"{name}.gpkg", name, layer, crs, context.transformContext())
    return {f"{name}.gpkg": layer_checksum(layer) for name, layer in layers.items()}


def _write_geopackage(
    path: Path, name: str, layer: Any, crs: QgsCoordinateReferenceSystem, transforms: QgsCoordinateTransformContext
) -> None:
    from ...model.inputs.vectors import Lines, Points

    columns = [(field, _type_of(values)) for field, values in layer.fields.items()]
    fields = fields_of(columns)
    if isinstance(layer, Points):
        kind, shapes = WkbType.Point, (point(x, y) for x, y in layer.xy)
    elif isinstance(layer, Lines):
        kind, shapes = (
            WkbType.LineString,
            (QgsGeometry.fromPolylineXY([QgsPointXY(x, y) for x, y in part]) for part in layer.parts),
        )
    else:
        kind, shapes = WkbType.MultiPolygon, (_multi_polygon(shape) for shape in layer.geometries)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = name
    writer = QgsVectorFileWriter.create(str(path), fields, kind, crs, transforms, options)
    written = 0
    for number, shape in enumerate(shapes):
        written += 1
        values = [layer.fields[field][number] for field, _ in columns]
        writer.addFeature(_feature(fields, shape, values), QgsFeatureSink.Flag.FastInsert)
    failed = writer.hasError() != QgsVectorFileWriter.WriterError.NoError
    message = writer.errorMessage()
    # Deleting the writer closes the file.
    del writer
    if failed or not has_feature_count(str(path), written):
        raise OutputNotWritable(
            tr("{name} could not be written: {error}. Check that the disk has room.").format(
                name=path.name, error=message or tr("not all of it reached the disk")
            )
        )


def _feature(fields: QgsFields, geometry: QgsGeometry, values: Sequence[Any]) -> QgsFeature:
    feature = QgsFeature(fields)
    feature.setGeometry(geometry)
    # NaN has no place in a table; it becomes an empty cell.
    feature.setAttributes([None if isinstance(value, float) and value != value else value for value in values])
    return feature


def _type_of(values: Sequence[Any]) -> str:
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, int) for value in given):
        return INTEGER
    if given and all(isinstance(value, (int, float)) for value in given):
        return REAL
    return TEXT


def _multi_polygon(shape: Mapping[str, Any]) -> QgsGeometry:
    """Return a GeoJSON polygon or multi-polygon as a QGIS geometry."""
    parts = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
    return QgsGeometry.fromMultiPolygonXY(
        [[[QgsPointXY(vertex[0], vertex[1]) for vertex in ring] for ring in part] for part in parts]
    )
