"""From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
repaired or skipped is counted and logged.
"""

from __future__ import annotations

import hashlib
import json
import struct
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

from ...model.errors import CrsMissing, LayerEmpty, ParameterInvalid
from ...model.inputs.vectors import Lines, Points, Polygons, polygon_parts
from ...model.progress import Progress, stop_if_cancelled
from ...translation import tr
from .parameters import require_field_of

Layer = Union[Points, Lines, Polygons]
_GeometryType: Any = QgsWkbTypes.GeometryType
POINT, LINE, POLYGON = _GeometryType.PointGeometry, _GeometryType.LineGeometry, _GeometryType.PolygonGeometry
LARGE_LAYER = 20_000  # features from which only those near the grid are read
_FEATURES_PER_CANCEL_CHECK = 1000
_REPAIRED = "repaired"
_SourceFlag: Any = QgsProcessingFeatureSource.Flag
_SKIP_CHECK = _SourceFlag.FlagSkipGeometryValidityChecks
"""QGIS's own check would stop at the first invalid geometry; here it is repaired."""


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
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.source.sourceName() or self.parameter

    @property
    def geometry_type(self) -> Any:
        """POINT, LINE, POLYGON or another type of QGIS."""
        return QgsWkbTypes.geometryType(self.source.wkbType())

    def has_field(self, name: str) -> bool:
        """Whether the layer has a field."""
        return self.source.fields().lookupField(name) >= 0

    def require_kind(self, *wanted: Any) -> None:
        """Raise :class:`ParameterInvalid` if the layer has another geometry type."""
        if self.geometry_type not in wanted:
            text = tr('{parameter} takes {wanted}, but the layer "{layer}" holds {held}. Choose another layer.')
            names = {"wanted": tr(" or ").join(map(_named, wanted)), "held": _named(self.geometry_type)}
            raise ParameterInvalid(text.format(parameter=self.parameter, layer=self.name, **names))

    def points(self, fields: Sequence[str] = ()) -> Points:
        """Return the points, one per part of a multi-point, with the fields named."""
        xy: list[tuple[float, float]] = []
        rows = []
        for geometry, row in self._features(POINT, fields):
            for point in geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]:
                xy.append((point.x(), point.y()))
                rows.append(row)
        places = np.array(xy, dtype=float).reshape(-1, 2)
        return self._with_checksum(Points(self.name, self.text, _by_field(fields, rows), places))

    def lines(self) -> Lines:
        """Return the lines, one per part of a multi-line."""
        parts: list[np.ndarray] = []
        for geometry, _ in self._features(LINE, ()):
            parts += _wkb_lines(bytes(geometry.asWkb()))
        return self._with_checksum(Lines(self.name, self.text, {}, parts))

    def polygons(self, fields: Sequence[str] = ()) -> Polygons:
        """Return the polygons as GeoJSON mappings with rings as arrays, one per feature, with the fields named."""
        shapes: list[dict[str, Any]] = []
        rows = []
        for geometry, row in self._features(POLYGON, fields):
            parts = _wkb_polygons(bytes(geometry.asWkb()))
            single = len(parts) == 1
            kind = "Polygon" if single else "MultiPolygon"
            shapes.append({"type": kind, "coordinates": parts[0] if single else parts})
            rows.append(row)
        return self._with_checksum(Polygons(self.name, self.text, _by_field(fields, rows), shapes))

    def _with_checksum(self, layer: Any) -> Any:
        self.read[self.parameter] = {"layer": self.name, **layer_checksum(layer)}
        return layer

    def _features(self, wanted: Any, fields: Sequence[str]) -> Iterator[tuple[QgsGeometry, list[Any]]]:
        columns = [require_field_of(self.name, self.parameter, self.source.fields(), name) for name in fields]
        self.require_kind(wanted)
        transform = self._transform()
        request = QgsFeatureRequest().setSubsetOfAttributes(columns)
        rectangle = self._rectangle(transform)
        if rectangle is not None:
            request.setFilterRect(rectangle)
        self._counts = {}
        used = False
        for feature in self._walk(request):
            geometry = self._clean(feature.geometry(), wanted, transform)
            if geometry is None:
                continue
            used = True
            attributes = feature.attributes()
            yield geometry, [_plain(attributes[column]) for column in columns]
        if self._counts and not used:
            text = tr('{parameter}: no feature of "{layer}" can be used; {counts}. Fix them, or choose another layer.')
            counts = ", ".join(f"{number} {why}" for why, number in self._counts.items())
            raise LayerEmpty(text.format(parameter=self.parameter, layer=self.name, counts=counts))
        self._log_counts(wanted)

    def _walk(self, request: QgsFeatureRequest) -> Iterator[Any]:
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _FEATURES_PER_CANCEL_CHECK == 0:
                stop_if_cancelled(self.progress)
            yield feature

    def _transform(self) -> QgsCoordinateTransform:
        own = self.source.sourceCrs()
        if not own.isValid():
            text = tr(
                'The layer "{layer}" for {parameter} has no coordinate reference system. Set it in '
                "QGIS: Layer > Set CRS of Layer."
            )
            raise CrsMissing(text.format(layer=self.name, parameter=self.parameter))
        transform = QgsCoordinateTransform(own, self.crs, self.context.transformContext())
        # An invalid transform would return the coordinates unchanged.
        if not transform.isValid():
            text = tr(
                'The layer "{layer}" for {parameter} cannot be transformed from its coordinate reference system '
                "({crs}) to that of the grid. Set the right one in QGIS: Layer > Set CRS of Layer."
            )
            crs = own.description() or tr("a local one")
            raise CrsMissing(text.format(layer=self.name, parameter=self.parameter, crs=crs))
        return transform

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

    def _clean(self, geometry: QgsGeometry, wanted: Any, transform: QgsCoordinateTransform) -> QgsGeometry | None:
        """Return the geometry flat, straight, valid and in the CRS of the grid; None, and counted, if it cannot be."""
        if geometry.isNull() or geometry.isEmpty():
            self._count(tr("without geometry"))
            return None
        geometry = QgsGeometry(geometry)
        if QgsWkbTypes.isCurvedType(geometry.wkbType()):
            geometry.convertToStraightSegment()
        if QgsWkbTypes.hasZ(geometry.wkbType()) or QgsWkbTypes.hasM(geometry.wkbType()):
            shape: Any = geometry.get()
            shape.dropZValue()
            shape.dropMValue()
        if wanted == POLYGON and not geometry.isGeosValid():
            geometry = geometry.makeValid()
            # What remains of a bow-tie or a spike may hold lines and points beside the polygons.
            geometry.convertGeometryCollectionToSubclass(POLYGON)
            if geometry.isEmpty() or geometry.type() != POLYGON:
                self._count(tr("with a shape that could not be repaired"))
                return None
            self._count(_REPAIRED)
        try:
            geometry.transform(transform)
        except QgsCsException:
            self._count(tr("that cannot be transformed to the CRS of the grid"))
            return None
        if not geometry.boundingBox().isFinite():
            self._count(tr("with coordinates that are not finite"))
            return None
        if self.bounds is not None and self._grid_crosses_antimeridian:
            geometry = wrap_near_grid(geometry, self.bounds[0], self.bounds[2])
        return geometry

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _log_counts(self, wanted: Any) -> None:
        for why, number in self._counts.items():
            names = {"parameter": self.parameter, "number": number, "layer": self.name}
            if why == _REPAIRED:
                text = tr('{parameter}: {number} invalid {shapes} of "{layer}" were repaired.')
                self.progress.report(0.0, text.format(shapes=_named(wanted), **names))
            else:
                text = tr('{parameter}: {number} features of "{layer}" {why} were skipped.')
                self.progress.warn(text.format(why=why, **names))


def _by_field(fields: Sequence[str], rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {name: [row[column] for row in rows] for column, name in enumerate(fields)}


def _named(geometry_type: Any) -> str:
    names = {POINT: tr("points"), LINE: tr("lines"), POLYGON: tr("polygons")}
    return names.get(geometry_type, tr("no points, lines or polygons"))


def _plain(value: Any) -> Any:
    """Return an attribute as a plain number, text, truth value or None; dates become text."""
    if value is None or value == NULL:
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    return value.toString() if hasattr(value, "toString") else str(value)


FULL_CIRCLE, HALF_CIRCLE = 360.0, 180.0


def crosses_antimeridian(left: float, right: float) -> bool:
    """Whether a grid in degrees reaches over the antimeridian, where 181° and -179° are the same place."""
    return left < -HALF_CIRCLE or right > HALF_CIRCLE


def wrap_near_grid(geometry: QgsGeometry, left: float, right: float) -> QgsGeometry:
    """Return a geometry with each part moved by whole circles to where it is nearest to a grid.

    Layers have longitudes from -180 to 180 and split what crosses the antimeridian there.

    ``left`` and ``right`` are the longitudes of the grid's borders, all in degrees.
    """
    parts = []
    for item in geometry.asGeometryCollection() if geometry.isMultipart() else [geometry]:
        part = QgsGeometry(item)
        circles = round(((left + right) / 2 - part.boundingBox().center().x()) / FULL_CIRCLE)
        if circles:
            part.translate(circles * FULL_CIRCLE, 0.0)
        parts.append(part)
    return QgsGeometry.collectGeometry(parts) if geometry.isMultipart() else parts[0]


_LINE_STRING, _MULTI_POLYGON = 2, 6  # types in well-known binary (WKB)
_HEAD, _COUNT = struct.Struct("<BII"), struct.Struct("<I")  # byte order, type and count; and a count alone


def _wkb_lines(wkb: bytes) -> list[np.ndarray]:
    """Return the lines of a two-dimensional WKB line string or multi-line string, each of shape (vertices, 2).

    WKB: byte order, type and number of vertices or lines; each line of a multi-line has such a head again. Reading it
    is much faster than asking QGIS for each vertex.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    single = kind == _LINE_STRING
    offset, parts = 0 if single else _HEAD.size, []
    for _ in range(1 if single else count):
        vertices = _HEAD.unpack_from(wkb, offset)[2]
        part, offset = _wkb_vertices(wkb, offset + _HEAD.size, vertices)
        parts.append(part)
    return parts


def _wkb_polygons(wkb: bytes) -> list[list[np.ndarray]]:
    """Return the polygons of a two-dimensional WKB polygon or multi-polygon as lists of rings of shape (vertices, 2).

    WKB: byte order, type and number of rings or polygons; each polygon of a multi-polygon has such a head again, each
    ring only its number of vertices.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    multiple = kind == _MULTI_POLYGON
    offset, polygons = _HEAD.size if multiple else 0, []
    for _ in range(count if multiple else 1):
        rings = []
        number = _HEAD.unpack_from(wkb, offset)[2]
        offset += _HEAD.size
        for _ in range(number):
            vertices = _COUNT.unpack_from(wkb, offset)[0]
            ring, offset = _wkb_vertices(wkb, offset + _COUNT.size, vertices)
            rings.append(ring)
        polygons.append(rings)
    return polygons


def _wkb_vertices(wkb: bytes, offset: int, count: int) -> tuple[np.ndarray, int]:
    """Return vertices as an array of shape (count, 2), and where they end."""
    return np.frombuffer(wkb, "<f8", 2 * count, offset).reshape(-1, 2).astype(float), offset + 16 * count


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
    if isinstance(layer, Lines):
        return (_vertex_bytes(part) for part in layer.parts)
    return (
        b"".join(_vertex_bytes(ring) for part in polygon_parts(shape) for ring in part) for shape in layer.geometries
    )


def _vertex_bytes(ring: Any) -> bytes:
    vertices = np.ascontiguousarray(ring, dtype="<f8")
    return len(vertices).to_bytes(8, "little") + vertices.tobytes()
