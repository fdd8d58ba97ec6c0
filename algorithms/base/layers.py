"""From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
repaired or skipped is counted and logged.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
from qgis.core import (  # type: ignore[attr-defined]  # the stubs lack the exceptions
    NULL,
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsRectangle,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QByteArray, QDate, QDateTime, QTime

from ...model.errors import CrsMissing, FieldUnusable, LayerEmpty, ParameterInvalid
from ...model.inputs.vectors import Landslides, Lines, Points, PointsAndPolygons, Polygons, Table, polygon_parts
from ...model.progress import Progress, stop_if_cancelled
from ...model.texts import REPLACEMENT
from ...translation import tr
from .geometry import LINE, POINT, POLYGON, GridTransform, content_of, crosses_antimeridian, parts_of, repaired
from .parameters import encoding_problem, require_field_of
from .sinks import describe_own, own_kind

Layer = Union[Points, Lines, Polygons, PointsAndPolygons]
LARGE_LAYER = 20_000  # features from which only those near the grid are read
_FEATURES_PER_CANCEL_CHECK = 1000
_REPAIRED, _PARTS = "repaired", "parts"
_SourceFlag: Any = QgsProcessingFeatureSource.Flag
_SKIP_CHECK = _SourceFlag.FlagSkipGeometryValidityChecks
"""QGIS's own check would stop at the first invalid geometry; here it is repaired."""
_NO_GEOMETRY: Any = QgsWkbTypes.GeometryType.NullGeometry  # type: ignore[attr-defined]  # stubs of QGIS 4


@dataclass
class VectorReader:
    """Reads one vector source into the CRS of the study grid."""

    source: QgsProcessingFeatureSource
    parameter: str  # name of the parameter, for messages
    text: str  # path or URI, for the run record
    crs: QgsCoordinateReferenceSystem
    context: QgsProcessingContext
    progress: Progress
    near: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top in the CRS of the grid; features beyond are not needed."""
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Receives name and checksum of the layer by parameter, for the run record."""
    bounds: tuple[float, float, float, float] | None = None  # of the grid itself
    file_crs: QgsCoordinateReferenceSystem | None = None
    """CRS that the file states; QGIS hands none on of a layer of geometry collections."""
    _counts: dict[str, int] = field(default_factory=dict)
    _others: dict[Any, int] = field(default_factory=dict)  # features of other kinds of geometry

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.source.sourceName() or self.parameter

    def has_field(self, name: str) -> bool:
        """Whether the layer has a field."""
        return self.source.fields().lookupField(name) >= 0

    def require_class_field(self, name: str) -> None:
        """Raise :class:`FieldUnusable` for a field that cannot name classes, such as one of dates."""
        fields = self.source.fields()
        index = require_field_of(self.name, self.parameter, fields, name)
        if fields.at(index).isDateOrTime():
            text = tr(
                'The field "{field}" of the layer "{layer}" for {parameter} holds dates. '
                "Choose the field that names the class."
            )
            raise FieldUnusable(text.format(field=name, layer=self.name, parameter=self.parameter))

    def refuse_own_layer(self) -> None:
        """Raise :class:`ParameterInvalid` for a layer that Scarp itself wrote: it is no inventory."""
        kind = own_kind(self.source.fields().names())
        if kind:
            text = tr(
                '{parameter}: the layer "{layer}" holds {held}. Choose another layer, such as that of the inventory.'
            )
            raise ParameterInvalid(text.format(parameter=self.parameter, layer=self.name, held=describe_own(kind)))

    def points(self, fields: Sequence[str] = ()) -> Points:
        """Return the points, one per part of a multi-point, with the fields named."""
        found = self._read((POINT,), fields)
        return self._with_checksum(self._points(found, fields))

    def lines(self) -> Lines:
        """Return the lines, one per part of a multi-line."""
        return self._with_checksum(self._lines(self._read((LINE,), ()), ()))

    def polygons(self, fields: Sequence[str] = ()) -> Polygons:
        """Return the polygons as GeoJSON mappings with rings as arrays, one per feature, with the fields named."""
        found = self._read((POLYGON,), fields)
        return self._with_checksum(self._polygons(found, fields))

    def landslides(self, fields: Sequence[str] = ()) -> Landslides:
        """Return the points and polygons, whichever the layer holds, with the fields named."""
        self.refuse_own_layer()
        found = self._read((POLYGON, POINT), fields)
        points = self._points([one for one in found if one[0] == POINT], fields)
        polygons = self._polygons([one for one in found if one[0] == POLYGON], fields)
        if len(points) and len(polygons):
            columns = {name: points.fields[name] + polygons.fields[name] for name in fields}
            both = PointsAndPolygons(self.name, self.text, columns, points=points, polygons=polygons)
            return self._with_checksum(both)
        empty_as_polygons = not found and self.geometry_type == POLYGON
        return self._with_checksum(polygons if len(polygons) or empty_as_polygons else points)

    def table(self) -> Table:
        """Return all fields of a layer or table, whatever its geometry."""
        names = self.source.fields().names()
        columns = list(range(len(names)))
        content, rows = LayerChecksum(), []
        for feature in self._walk(QgsFeatureRequest()):
            row = self._row(feature.attributes(), columns)
            content.add(b"", row)
            rows.append(row)
        self.read[self.parameter] = {"layer": self.name, **content.summary()}
        return Table(self.name, self.text, _by_field(names, rows))

    def exposed(self, wanted: tuple[Any, ...], fields: Sequence[str] = ()) -> list[Points | Lines | Polygons]:
        """Return the points, lines and polygons of a layer of what may be exposed, one layer for each wanted kind."""
        found = self._read(wanted, fields)
        if not found:
            return [self._points([], fields)]
        by_kind = {kind: [one for one in found if one[0] == kind] for kind in wanted}
        makers: dict[Any, Any] = {POINT: self._points, LINE: self._lines, POLYGON: self._polygons}
        made = [makers[kind](features, fields) for kind, features in by_kind.items() if features]
        for layer in made:
            # A list of layers, or one with several kinds of geometry, has an entry for each.
            keys = (f"{self.parameter} {number}" for number in itertools.count(1))
            self.read[next(key for key in keys if key not in self.read)] = {"layer": self.name, **layer_checksum(layer)}
        return made

    def _lines(self, found: Sequence[_Found], fields: Sequence[str]) -> Lines:
        parts = [part for _, content, _ in found for part in content]
        rows = [row for _, content, row in found for _ in content]
        return Lines(self.name, self.text, _by_field(fields, rows), parts)

    def _points(self, found: Sequence[_Found], fields: Sequence[str]) -> Points:
        xy = [place for _, places, _ in found for place in places]
        rows = [row for _, places, row in found for _ in places]
        return Points(self.name, self.text, _by_field(fields, rows), np.array(xy, dtype=float).reshape(-1, 2))

    def _polygons(self, found: Sequence[_Found], fields: Sequence[str]) -> Polygons:
        rows = [row for _, _, row in found]
        return Polygons(self.name, self.text, _by_field(fields, rows), [shape for _, shape, _ in found])

    def _with_checksum(self, layer: Any) -> Any:
        self.read[self.parameter] = {"layer": self.name, **layer_checksum(layer)}
        return layer

    def _read(self, wanted: tuple[Any, ...], fields: Sequence[str]) -> list[_Found]:
        """Return kind, content and attributes of each feature; those of other kinds are left out, with a warning."""
        columns = [require_field_of(self.name, self.parameter, self.source.fields(), name) for name in fields]
        if self.geometry_type == _NO_GEOMETRY:
            raise self._other_kind(wanted, [self.geometry_type])
        to_grid = self._transform()
        request = QgsFeatureRequest().setSubsetOfAttributes(columns)
        rectangle = self._rectangle(to_grid.transform)
        if rectangle is not None:
            request.setFilterRect(rectangle)
        self._counts, self._others = {}, {}
        found: list[_Found] = []
        for feature in self._walk(request):
            content = self._content(feature.geometry(), wanted, to_grid)
            if isinstance(content, str):
                self._count(content)
            elif content is not None:
                attributes = feature.attributes()
                found.append((*content, self._row(attributes, columns)))
        if not found:
            self._raise_unusable(wanted)
        self._log_counts(wanted)
        return found

    @property
    def geometry_type(self) -> Any:
        """The geometry type that the layer states; that of its first feature if it holds several."""
        return QgsWkbTypes.geometryType(self.source.wkbType())

    def _row(self, attributes: Sequence[Any], columns: Sequence[int]) -> list[Any]:
        row = [_plain(attributes[column]) for column in columns]
        for place, (value, column) in enumerate(zip(row, columns)):
            if isinstance(value, str) and REPLACEMENT in value:
                if _is_cut_off(value, self.source.fields().at(column).length()):
                    row[place] = value.rstrip(REPLACEMENT)
                    continue
                field = self.source.fields().at(column).name()
                raise FieldUnusable(encoding_problem(self.name, self.parameter, field, value))
            if isinstance(value, bytes):
                text = tr(
                    'The field "{field}" of the layer "{layer}" for {parameter} holds binary data. '
                    "Choose another field."
                )
                field = self.source.fields().at(column).name()
                raise FieldUnusable(text.format(field=field, layer=self.name, parameter=self.parameter))
        return row

    def _raise_unusable(self, wanted: tuple[Any, ...]) -> None:
        """Raise for a layer of which no feature can be used; not for one without features."""
        if self._others and not self._counts:
            raise self._other_kind(wanted, list(self._others))
        counts = self._count_texts()
        if counts:
            text = tr('{parameter}: no feature of "{layer}" can be used; {counts}. Fix them, or choose another layer.')
            listed = ", ".join(f"{number:,} {why}" for why, number in counts.items())
            raise LayerEmpty(text.format(parameter=self.parameter, layer=self.name, counts=listed))
        known = (POINT, LINE, POLYGON)
        if self.geometry_type in known and self.geometry_type not in wanted:
            raise self._other_kind(wanted, [self.geometry_type])

    def _other_kind(self, wanted: tuple[Any, ...], held: Sequence[Any]) -> ParameterInvalid:
        text = tr('{parameter} takes {wanted}, but the layer "{layer}" holds {held}. Choose another layer.')
        joined = (tr(" or ").join(map(_named, sorted(wanted))), tr(" and ").join(map(_named, held)))
        names = dict(zip(("wanted", "held"), joined))
        return ParameterInvalid(text.format(parameter=self.parameter, layer=self.name, **names))

    def _walk(self, request: QgsFeatureRequest) -> Iterator[Any]:
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _FEATURES_PER_CANCEL_CHECK == 0:
                stop_if_cancelled(self.progress)
            yield feature

    def _transform(self) -> GridTransform:
        own = self.source.sourceCrs()
        if not own.isValid() and self.file_crs is not None:
            own = self.file_crs
        if not own.isValid():
            text = tr(
                'The layer "{layer}" for {parameter} has no coordinate reference system. Set it in '
                "QGIS: Layer > Set CRS of Layer."
            )
            raise CrsMissing(text.format(layer=self.name, parameter=self.parameter))
        to_grid = GridTransform(own, self.crs, self.context.transformContext(), self.bounds)
        # An invalid transform would return the coordinates unchanged.
        if not to_grid.transform.isValid():
            text = tr(
                'The layer "{layer}" for {parameter} cannot be transformed from its coordinate reference system '
                "({crs}) to that of the grid. Set the right one in QGIS: Layer > Set CRS of Layer."
            )
            crs = own.description() or tr("a local one")
            raise CrsMissing(text.format(layer=self.name, parameter=self.parameter, crs=crs))
        return to_grid

    def _rectangle(self, transform: QgsCoordinateTransform) -> QgsRectangle | None:
        """Return the part of a large layer to read, in its own CRS; None for all of it."""
        if self.near is None or self.source.featureCount() < LARGE_LAYER or self._grid_crosses_antimeridian:
            return None
        near = QgsRectangle(*self.near)
        try:
            rectangle = transform.transformBoundingBox(near, Qgis.TransformDirection.Reverse)
        except QgsCsException:
            return None
        if not rectangle.isFinite():
            return None
        # Long straight lines are curved in the other CRS, by less than the size of the rectangle.
        rectangle.scale(3)
        # A layer without any feature near the grid is read whole, so that messages hold for all of it.
        for feature in self._walk(QgsFeatureRequest(rectangle).setNoAttributes()):
            geometry = QgsGeometry(feature.geometry())
            try:
                geometry.transform(transform)
            except QgsCsException:
                continue
            if geometry.boundingBoxIntersects(near):
                return rectangle
        return None

    @property
    def _grid_crosses_antimeridian(self) -> bool:
        """Whether a place of the grid may have another longitude in the layer."""
        if self.bounds is None or not self.crs.isGeographic():
            return False
        return crosses_antimeridian(self.bounds[0], self.bounds[2])

    def _content(
        self, geometry: QgsGeometry, wanted: tuple[Any, ...], to_grid: GridTransform
    ) -> tuple[Any, Any] | str | None:
        """Return kind and content of a geometry in the CRS of the grid, or why it has none.

        One of another kind has none either, and is counted.
        """
        if geometry.isNull() or geometry.isEmpty():
            return tr("without geometry")
        parts, kind, has_others = parts_of(geometry, wanted)
        if parts is None:
            self._others[kind] = self._others.get(kind, 0) + 1
            return None
        was_repaired = kind == POLYGON and not parts.isGeosValid()
        if was_repaired:
            parts = repaired(parts)
        if parts is None:
            return tr("with a shape that could not be repaired")
        try:
            content = content_of(to_grid.apply(parts, kind), kind)
        except QgsCsException:
            return tr("that cannot be transformed to the CRS of the grid")
        if content is None:
            return tr("with coordinates that are not finite")
        if was_repaired:
            self._count(_REPAIRED)
        if has_others:
            self._count(_PARTS)
        return kind, content

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _count_texts(self) -> dict[str, int]:
        """Return the number of features that were left out by why they were."""
        kinds = {POINT: tr("that are points"), LINE: tr("that are lines"), POLYGON: tr("that are polygons")}
        counts = {why: number for why, number in self._counts.items() if why not in (_REPAIRED, _PARTS)}
        for kind, number in self._others.items():
            counts[kinds.get(kind, tr("with another kind of geometry"))] = number
        return counts

    def _log_counts(self, wanted: tuple[Any, ...]) -> None:
        names = {"parameter": self.parameter, "layer": self.name}
        if _REPAIRED in self._counts:
            text = tr('{parameter}: {number} invalid {shapes} of "{layer}" were repaired.')
            number = self._counts[_REPAIRED]
            self.progress.report(0.0, text.format(shapes=_named(POLYGON), number=number, **names))
        if _PARTS in self._counts:
            text = tr(
                '{parameter}: {number} features of "{layer}" are collections; their parts that are no {shapes} were '
                "left out."
            )
            shapes = tr(" or ").join(map(_named, sorted(wanted)))
            self.progress.warn(text.format(shapes=shapes, number=self._counts[_PARTS], **names))
        for why, number in self._count_texts().items():
            text = tr('{parameter}: {number} features of "{layer}" {why} were skipped.')
            self.progress.warn(text.format(why=why, number=number, **names))


_Found = tuple[Any, Any, list[Any]]  # kind, content and attributes of a feature


def _by_field(fields: Sequence[str], rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {name: [row[column] for row in rows] for column, name in enumerate(fields)}


def _named(geometry_type: Any) -> str:
    names = {POINT: tr("points"), LINE: tr("lines"), POLYGON: tr("polygons")}
    return names.get(geometry_type, tr("no points, lines or polygons"))


def _plain(value: Any) -> Any:
    """Return an attribute as a plain number, text, truth value, bytes or None.

    Dates become text as in ISO 8601, lists text with commas.
    """
    if value is None or value == NULL:
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    for kind, form in _DATE_FORMATS.items():
        if isinstance(value, kind):
            return value.toString(form) or None
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return bytes(value) if isinstance(value, (bytes, QByteArray)) else str(value)


def _is_cut_off(value: str, width: int) -> bool:
    """Whether a text in UTF-8 fills its field, in the middle of a letter: some programs cut it there."""
    text = value.rstrip(REPLACEMENT)
    return REPLACEMENT not in text and not text.isascii() and width - 4 < len(text.encode()) < width


_DATE_FORMATS: dict[Any, str] = {QDateTime: "yyyy-MM-ddTHH:mm:ss", QDate: "yyyy-MM-dd", QTime: "HH:mm:ss"}


class LayerChecksum:
    """Checksum of the content of a layer, feature by feature.

    It is of the coordinates in the CRS of the grid and of the fields used. A checksum of the file would not do: a
    GeoPackage changes when QGIS only looks at it, and a memory layer has no file.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._features = 0

    def add(self, geometry: bytes, values: Sequence[Any]) -> None:
        """Add a feature: its geometry in any fixed form of bytes, and its attributes as plain values."""
        text = json.dumps(list(values), ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
        for part in (geometry, text):
            # With its length, so that the same bytes split in another way differ.
            self._digest.update(len(part).to_bytes(8, "little"))
            self._digest.update(part)
        self._features += 1

    def summary(self) -> dict[str, Any]:
        """Return the number of features and the checksum, as in the run record."""
        return {"features": self._features, "content_sha256": self._digest.hexdigest()}


def layer_checksum(layer: Layer) -> dict[str, Any]:
    """Return the number of features and the checksum of a layer that was read."""
    content = LayerChecksum()
    fields = sorted(layer.fields.items())
    for number, geometry in enumerate(_geometry_bytes(layer)):
        content.add(geometry, [[name, values[number]] for name, values in fields if number < len(values)])
    return content.summary()


def _geometry_bytes(layer: Layer) -> Iterable[bytes]:
    if isinstance(layer, Points):
        return (place.tobytes() for place in np.ascontiguousarray(layer.xy, dtype="<f8"))
    if isinstance(layer, PointsAndPolygons):
        return itertools.chain(_geometry_bytes(layer.points), _geometry_bytes(layer.polygons))
    if isinstance(layer, Lines):
        return (_vertex_bytes(part) for part in layer.parts)
    return (
        b"".join(_vertex_bytes(ring) for part in polygon_parts(shape) for ring in part) for shape in layer.geometries
    )


def _vertex_bytes(ring: Any) -> bytes:
    vertices = np.ascontiguousarray(ring, dtype="<f8")
    return len(vertices).to_bytes(8, "little") + vertices.tobytes()
