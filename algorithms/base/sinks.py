"""Vector outputs: features of the core written to Processing sinks and to the GeoPackages of the demo.

A file has either its complete new content or that of before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qgis.core import (  # type: ignore[attr-defined]  # the stubs lack the exceptions
    Qgis,
    QgsCoordinateReferenceSystem,
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
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QMetaType, QVariant

from ...model.errors import OutputNotWritable
from ...model.outputs.transaction import commit, output_transaction, place_of, temp_path_beside
from ...translation import tr
from .arguments import Arguments
from .feedback import FeedbackProgress
from .parameters import output_path

WkbType = QgsWkbTypes.Type
TEXT, INTEGER, REAL = "text", "integer", "real"
Columns = Sequence[tuple[str, str]]  # names of fields with the types TEXT, INTEGER and REAL
Rows = Iterable[tuple[QgsGeometry, Sequence[Any]]]
_SQLITE_SIDECARS = ("-journal", "-wal", "-shm")
_SHAPEFILE_SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix")
"""Suffixes that are committed before the file that is opened by name."""

POINTS, WINDOWS, FOLDS = "points", "windows", "folds"
_OWN_FIELDS = {
    POINTS: ("kind", "outcome", "susceptibility"),
    WINDOWS: ("subset", "kind", "landslide_share"),
    FOLDS: ("fold", "landslide_cells", "labelled_cells"),
}
"""Fields by which a layer that Scarp wrote is recognised, so that none is taken for an inventory."""
_SHAPEFILE_LENGTH = 10  # letters of a field's name that a Shapefile keeps


@contextlib.contextmanager
def atomic_layer(path: str, progress: FeedbackProgress) -> Iterator[Path]:
    """Give a place to write a vector file to; it takes its final name only when the block succeeds.

    The place has the same file name, after which a GeoPackage names its layer, in a hidden folder beside. The progress
    is told if a file there is open, so that the new one is beside it. Raises ``OutputNotWritable`` if the file cannot
    be written.
    """
    final = Path(path)
    folder = temp_path_beside(final, ".part")
    try:
        folder.mkdir()
        yield folder / final.name
        made = sorted(folder.iterdir(), key=lambda item: item.suffix.lower() not in _SHAPEFILE_SIDECARS)
        with output_transaction() as moved:
            place = place_of(final, (final.parent / item.name for item in made))
            for item in made:
                # SQLite would apply a journal of the older file to the new one.
                for suffix in _SQLITE_SIDECARS if place == final else ():
                    with contextlib.suppress(OSError):
                        (final.parent / f"{item.name}{suffix}").unlink()
                commit(item, final.parent / f"{place.stem}{item.name[len(final.stem) :]}")
        for name, beside in moved.items():
            progress.moved(str(name), str(beside))
    except OutputNotWritable as error:
        # The user knows the file by its final name.
        raise OutputNotWritable(str(error).replace(str(folder / final.name), str(final))) from error
    except OSError as error:
        raise _file_not_written(str(final), str(error.strerror or error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def has_feature_count(destination: str, features: int) -> bool:
    """Whether a file holds as many features as were written to it; what is no file is not checked.

    What SQLite cannot store when it closes a file is only printed to the console.
    """
    if not os.path.isfile(destination.split("|")[0]):
        return True
    layer = QgsVectorLayer(destination, "written", "ogr")
    # Some formats do not know how many features they hold: -1.
    return layer.isValid() and layer.featureCount() in (features, -1)


def write_sink(
    arguments: Arguments, name: str, columns: Columns, wkb_type: Any, crs: QgsCoordinateReferenceSystem, rows: Rows
) -> str | None:
    """Write features into the sink of an output; return its layer id or path, None if it is not wanted.

    The sink is only made here, after the computation, so that a cancelled run leaves no empty layer. Raises
    ``OutputNotWritable`` if the layer cannot be made or filled.
    """
    if not arguments.given(name):
        return None
    value, path = arguments.parameters[name], output_path(arguments.parameters.get(name))
    layer = (_fields(columns), wkb_type, crs)
    if path is None:
        return _fill_sink(arguments, name, value, layer, rows)
    loads = isinstance(value, QgsProcessingOutputLayerDefinition)
    with atomic_layer(path, arguments.progress) as temporary:
        target: Any = str(temporary)
        if loads:
            # The temporary file must not be loaded into the project.
            target = QgsProcessingOutputLayerDefinition(value)
            target.sink, target.destinationProject = QgsProperty.fromValue(str(temporary)), None
        written = _fill_sink(arguments, name, target, layer, rows)
    # QGIS adds a suffix to a file without one.
    suffix = written[len(str(temporary)) :]
    moved = arguments.progress.outputs_moved
    destination = moved.get(path + suffix) or moved.get(path, path) + suffix
    if loads and value.destinationProject is not None:
        title = value.destinationName or arguments.algorithm.parameterDefinition(name).description()
        hint = QgsProcessingUtils.LayerHint.Vector
        details = QgsProcessingContext.LayerDetails(title, value.destinationProject, name, hint)
        arguments.context.addLayerToLoadOnCompletion(destination, details)
    return destination


def _fill_sink(arguments: Arguments, name: str, value: Any, layer: tuple[QgsFields, Any, Any], rows: Rows) -> str:
    # Not at the top: it imports NumPy, which QGIS would then load at its start.
    from .layers import LayerChecksum

    parameters = {**arguments.parameters, name: value}
    try:
        sink, destination = arguments.algorithm.parameterAsSink(parameters, name, arguments.context, *layer)
    except QgsProcessingException as error:
        raise _sink_not_written(name, str(error)) from error
    if sink is None:
        raise _sink_not_written(name, tr("it cannot be made"))
    content, written = LayerChecksum(), 0
    for geometry, values in rows:
        content.add(bytes(geometry.asWkb()), values)
        written += 1
        if not sink.addFeature(_feature(layer[0], geometry, values), QgsFeatureSink.Flag.FastInsert):
            raise _sink_not_written(name, sink.lastError())
    # Deleting the sink closes the file.
    del sink
    if not has_feature_count(destination, written):
        raise _sink_not_written(name, tr("part of it did not reach the disk"))
    arguments.written[name] = content.summary()
    return destination


def _sink_not_written(name: str, why: str) -> OutputNotWritable:
    text = tr(
        "{name} could not be written: {error}. Check that the disk has room, or choose another "
        "place for it. The other outputs are complete and stay."
    )
    return OutputNotWritable(text.format(name=name, error=_brief(why.strip().rstrip("."))))


def _file_not_written(name: str, why: str) -> OutputNotWritable:
    text = tr("{name} could not be written: {error}. Check that the disk has room.")
    return OutputNotWritable(text.format(name=name, error=_brief(why)))


def _brief(why: str) -> str:
    """Return the two ends of a long text: SQLite repeats all its statements between what failed and why."""
    ends = 160
    return why if len(why) <= 2 * ends else f"{why[:ends]} … {why[-ends:]}"


def point(x: float, y: float) -> QgsGeometry:
    """Return a point."""
    return QgsGeometry.fromPointXY(QgsPointXY(x, y))


def write_vectors(
    folder: Path, layers: Mapping[str, Any], crs_wkt: str, context: QgsProcessingContext
) -> dict[str, dict[str, Any]]:
    """Write points, lines and polygons as one GeoPackage each, ``NAME.gpkg``; return their checksums by file name.
    Raises ``OutputNotWritable`` if a file cannot be written.
    """
    from .layers import layer_checksum

    crs, options = QgsCoordinateReferenceSystem.fromWkt(crs_wkt), QgsVectorFileWriter.SaveVectorOptions()
    for name, layer in layers.items():
        path = str(folder / f"{name}.gpkg")
        fields = _fields([(name, type_of(values)) for name, values in layer.fields.items()])
        wkb_type, shapes = shapes_of(layer)
        options.driverName, options.layerName = "GPKG", name
        writer = QgsVectorFileWriter.create(path, fields, wkb_type, crs, context.transformContext(), options)
        written = 0
        for number, shape in enumerate(shapes):
            values = [column[number] for column in layer.fields.values()]
            writer.addFeature(_feature(fields, shape, values), QgsFeatureSink.Flag.FastInsert)
            written += 1
        failed = writer.hasError() != QgsVectorFileWriter.WriterError.NoError
        message = writer.errorMessage()
        # Deleting the writer closes the file.
        del writer
        if failed or not has_feature_count(path, written):
            raise _file_not_written(f"{name}.gpkg", message or tr("part of it did not reach the disk"))
    return {f"{name}.gpkg": layer_checksum(layer) for name, layer in layers.items()}


def shapes_of(layer: Any) -> tuple[Any, Iterator[QgsGeometry]]:
    """Return the kind of geometry of points, lines or polygons of the core, and their geometries."""
    from ...model.inputs.vectors import Lines, Points, polygon_parts

    if isinstance(layer, Points):
        return WkbType.Point, (point(x, y) for x, y in layer.xy)
    if isinstance(layer, Lines):
        lines = (QgsGeometry.fromPolylineXY([QgsPointXY(x, y) for x, y in part]) for part in layer.parts)
        return WkbType.LineString, lines
    shapes = (
        [[[QgsPointXY(vertex[0], vertex[1]) for vertex in ring] for ring in part] for part in polygon_parts(shape)]
        for shape in layer.geometries
    )
    return WkbType.MultiPolygon, map(QgsGeometry.fromMultiPolygonXY, shapes)


def _fields(columns: Columns) -> QgsFields:
    # QGIS 3.38 changed from the types of QVariant to those of QMetaType; older versions refuse the new ones.
    if Qgis.versionInt() >= 33800:
        types = {TEXT: QMetaType.Type.QString, INTEGER: QMetaType.Type.Int, REAL: QMetaType.Type.Double}
    else:
        # By name: Qt 6 has no QVariant.Type, and QGIS's checker for Qt 6 wants no line that mentions it.
        names = {TEXT: "QString", INTEGER: "int", REAL: "double"}
        types = {kind: QVariant.nameToType(name) for kind, name in names.items()}
    fields = QgsFields()
    for name, kind in columns:
        fields.append(QgsField(name, types[kind]))
    return fields


def _feature(fields: QgsFields, geometry: QgsGeometry, values: Sequence[Any]) -> QgsFeature:
    feature = QgsFeature(fields)
    feature.setGeometry(geometry)
    # NaN becomes an empty cell.
    feature.setAttributes([None if isinstance(value, float) and value != value else value for value in values])
    return feature


def type_of(values: Sequence[Any]) -> str:
    """Return the type of a field that holds some plain values."""
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, int) for value in given):
        return INTEGER
    return REAL if given and all(isinstance(value, (int, float)) for value in given) else TEXT


def own_kind(fields: Iterable[str]) -> str:
    """Return which layer of Scarp has such fields: ``points``, ``windows`` or ``folds``; empty for none."""
    names = {name.lower()[:_SHAPEFILE_LENGTH] for name in fields}
    for kind, own in _OWN_FIELDS.items():
        if names.issuperset(name[:_SHAPEFILE_LENGTH] for name in own):
            return kind
    return ""


def describe_own(kind: str) -> str:
    """Return what a kind of layer is, in the language of QGIS, for a sentence."""
    return {
        POINTS: tr("landslides and stable points with their outcome, written by a validation"),
        WINDOWS: tr("training windows, written by a training"),
        FOLDS: tr("blocks of a cross validation"),
    }[kind]
