"""What a vector layer held when a run read or wrote it, as a checksum.

The file says little: a GeoPackage changes when QGIS only looks at it, and a memory layer is no file at all. The
checksum is of the coordinates in the CRS of the grid and of the fields that were used, in the order of the features.
Longitudes on a grid in degrees that reaches over the antimeridian, where 181° and -179° are the same place.
The well-known binary form of lines and polygons as arrays; much faster than asking QGIS for each vertex.
From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
mended or left out is counted and said.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qgis.core import (
    NULL,
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsRasterLayer,
    QgsRectangle,
    QgsWkbTypes,
)

from ...model.errors import CrsMissing, InputCorrupt, LayerEmpty, ParameterInvalid
from ...model.inputs.vectors import Lines, Points, Polygons
from ...model.progress import Progress, stop_if_cancelled
from ...translation import tr
from .values import require_field_of

if TYPE_CHECKING:
    from ...model.inputs.vectors import Lines, Points, Polygons


class LayerChecksum:
    """Takes the features of a layer one after the other."""

    def __init__(self) -> None:
        """Begin with no feature."""
        self._digest = hashlib.sha256()
        self._features = 0

    def add(self, geometry: bytes, values: Sequence[Any]) -> None:
        """Take a feature: its geometry in any fixed form of bytes, and its attributes as plain values."""
        text = json.dumps(list(values), ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
        for part in (geometry, text):
            # With its length, so that no two features look like one of another cut.
            self._digest.update(len(part).to_bytes(8, "little"))
            self._digest.update(part)
        self._features += 1

    def summary(self) -> dict[str, Any]:
        """Return the number of features and the checksum, as the run record has them."""
        return {"features": self._features, "content_sha256": self._digest.hexdigest()}


def layer_checksum(layer: Points | Lines | Polygons) -> dict[str, Any]:
    """Return number of features and checksum of what was read of a layer."""
    content = LayerChecksum()
    for number, geometry in enumerate(_geometries(layer)):
        content.add(geometry, _attributes(layer.fields, number))
    return content.summary()


def _geometries(layer: Points | Lines | Polygons) -> Iterable[bytes]:
    # Imported when needed: QGIS loads this module when it starts, and its start should cost little.
    import numpy as np

    from ...model.inputs.vectors import Lines, Points

    if isinstance(layer, Points):
        return (place.tobytes() for place in np.ascontiguousarray(layer.xy, dtype="<f8"))
    if isinstance(layer, Lines):
        return (_vertices(part) for part in layer.parts)
    return (b"".join(_vertices(ring) for part in _parts(shape) for ring in part) for shape in layer.geometries)


def _parts(shape: Mapping[str, Any]) -> Sequence[Any]:
    return shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]


def _vertices(ring: Any) -> bytes:
    import numpy as np

    vertices = np.ascontiguousarray(ring, dtype="<f8")
    return len(vertices).to_bytes(8, "little") + vertices.tobytes()


def _attributes(fields: Mapping[str, Sequence[Any]], number: int) -> list[Any]:
    return [[name, values[number]] for name, values in sorted(fields.items()) if number < len(values)]


FULL_CIRCLE, HALF_CIRCLE = 360.0, 180.0


def crosses_antimeridian(left: float, right: float) -> bool:
    """Whether a grid in degrees from west to east holds places whose longitudes may be written in two ways."""
    return left < -HALF_CIRCLE or right > HALF_CIRCLE


def wrap_near_grid(geometry: QgsGeometry, left: float, right: float) -> QgsGeometry:
    """Return a geometry with each of its parts moved by whole circles to where it is nearest to a grid.

    Layers write longitudes from -180 to 180 and cut what crosses the antimeridian into parts there.

    Args:
        geometry: in degrees.
        left: longitude of the grid's western border.
        right: of its eastern border.
    """
    middle = (left + right) / 2
    parts = geometry.asGeometryCollection() if geometry.isMultipart() else [geometry]
    moved = []
    for part in parts:
        part = QgsGeometry(part)
        circles = round((middle - part.boundingBox().center().x()) / FULL_CIRCLE)
        if circles:
            part.translate(circles * FULL_CIRCLE, 0.0)
        moved.append(part)
    return QgsGeometry.collectGeometry(moved) if geometry.isMultipart() else moved[0]


_LINE_STRING, _MULTI_POLYGON = 2, 6
"""Types in WKB."""
_HEAD, _COUNT = struct.Struct("<BII"), struct.Struct("<I")
"""Numbers in WKB: byte order, type and count; and a count alone."""


def line_parts(wkb: bytes) -> list[np.ndarray]:
    """Return the lines of a two-dimensional WKB line string or multi-line string, each of shape (vertices, 2).

    WKB: byte order, type and number of vertices or lines; each line of a multi-line has such a head again.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    single = kind == _LINE_STRING
    offset, parts = 0 if single else _HEAD.size, []
    for _ in range(1 if single else count):
        vertices = _HEAD.unpack_from(wkb, offset)[2]
        part, offset = _wkb_vertices(wkb, offset + _HEAD.size, vertices)
        parts.append(part)
    return parts


def polygon_parts(wkb: bytes) -> list[list[np.ndarray]]:
    """Return the polygons of a two-dimensional WKB polygon or multi-polygon as lists of rings of shape (vertices, 2).

    WKB: byte order, type and number of rings or polygons; each polygon of a multi-polygon has such a head again, each
    ring only its number of vertices.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    single = kind != _MULTI_POLYGON
    offset, polygons = 0 if single else _HEAD.size, []
    for _ in range(1 if single else count):
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


POINT = QgsWkbTypes.GeometryType.PointGeometry
LINE = QgsWkbTypes.GeometryType.LineGeometry
POLYGON = QgsWkbTypes.GeometryType.PolygonGeometry
LARGE_LAYER = 20_000
"""Features from which only those near the grid are read; fewer are quickly read."""
_FEATURES_PER_CANCEL_CHECK = 1000
"""Features between two looks at whether the user cancelled."""
_REPAIRED = "mended"
_SKIP_CHECK = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
"""QGIS's own check would stop at the first invalid geometry; here it is mended."""


def raster_path(layer: QgsRasterLayer, progress: Progress) -> str:
    """Return what GDAL opens for a raster layer.

    Raises:
        InputCorrupt: the layer is not one that GDAL reads.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "gdal":
        kind = provider.name() if provider is not None else "unknown"
        raise InputCorrupt(
            tr(
                'The raster layer "{layer}" is no raster file (its kind is {kind}). Save it as a GeoTIFF '
                "with Export > Save As, and use that."
            ).format(layer=layer.name(), kind=kind)
        )
    if layer.crs() != provider.crs():
        progress.warn(
            tr(
                'The raster layer "{layer}" was given the CRS {given} in this project, but its file says '
                "{found}. Scarp reads the file. Write the CRS into the file with Raster > Projections > "
                "Assign projection."
            ).format(
                layer=layer.name(),
                given=layer.crs().authid() or tr("none"),
                found=provider.crs().authid() or tr("none"),
            )
        )
    return layer.source().split("|")[0]


@dataclass
class VectorReader:
    """Reads one vector source into the CRS of the study grid."""

    source: QgsProcessingFeatureSource
    parameter: str
    """Name of the parameter, for messages."""
    text: str
    """Path or URI, for the run record."""
    crs: QgsCoordinateReferenceSystem
    context: QgsProcessingContext
    progress: Progress
    near: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top in the CRS of the grid: what lies beyond is of no use and may be left unread."""
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Takes by parameter what was read, for the run record."""
    bounds: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top of the grid itself."""
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.source.sourceName() or self.parameter

    @property
    def geometry_type(self) -> Any:
        """POINT, LINE, POLYGON or another type of QGIS."""
        return QgsWkbTypes.geometryType(self.source.wkbType())

    @property
    def _grid_crosses_antimeridian(self) -> bool:
        """Whether a place of the grid may have another longitude in the layer."""
        return (
            self.bounds is not None and self.crs.isGeographic() and crosses_antimeridian(self.bounds[0], self.bounds[2])
        )

    def has_field(self, name: str) -> bool:
        """Whether the layer has a field."""
        return self.source.fields().lookupField(name) >= 0

    def points(self, fields: Sequence[str] = ()) -> Points:
        """Return the points, one a part of a multi-point, with the fields named."""
        columns = self._columns(fields)
        xy: list[tuple[float, float]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POINT, columns):
            for point in geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]:
                xy.append((point.x(), point.y()))
                for name, index in columns.items():
                    values[name].append(_plain(attributes[index]))
        return self._with_checksum(Points(self.name, self.text, values, np.array(xy, dtype=float).reshape(-1, 2)))

    def lines(self) -> Lines:
        """Return the lines, one a part of a multi-line."""
        parts: list[np.ndarray] = []
        for geometry, _ in self._features(LINE, {}):
            parts += line_parts(bytes(geometry.asWkb()))
        return self._with_checksum(Lines(self.name, self.text, {}, parts))

    def polygons(self, fields: Sequence[str] = ()) -> Polygons:
        """Return the polygons as GeoJSON mappings with rings as arrays, one a feature, with the fields named."""
        columns = self._columns(fields)
        geometries: list[dict[str, Any]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POLYGON, columns):
            polygons = polygon_parts(bytes(geometry.asWkb()))
            geometries.append(
                {"type": "MultiPolygon", "coordinates": polygons}
                if len(polygons) > 1
                else {"type": "Polygon", "coordinates": polygons[0]}
            )
            for name, index in columns.items():
                values[name].append(_plain(attributes[index]))
        return self._with_checksum(Polygons(self.name, self.text, values, geometries))

    def _with_checksum(self, layer: Any) -> Any:
        self.read[self.parameter] = {"layer": self.name, **layer_checksum(layer)}
        return layer

    def _columns(self, names: Sequence[str]) -> dict[str, int]:
        """Return the index of each field; a field that is not there is said with those that are."""
        fields = self.source.fields()
        return {name: require_field_of(self.name, self.parameter, fields, name) for name in names if name}

    def require_kind(self, *wanted: Any) -> None:
        """Raise :class:`ParameterInvalid` when the layer holds none of some types of geometry."""
        if self.geometry_type not in wanted:
            raise ParameterInvalid(
                tr('{parameter} takes {wanted}, but the layer "{layer}" holds {held}. Choose another layer.').format(
                    parameter=self.parameter,
                    wanted=tr(" or ").join(map(_named, wanted)),
                    layer=self.name,
                    held=_named(self.geometry_type),
                )
            )

    def _features(self, wanted: Any, columns: dict[str, int]) -> Iterator[tuple[QgsGeometry, list[Any]]]:
        """Walk the features with clean geometries in the CRS of the grid."""
        self.require_kind(wanted)
        if not self.source.sourceCrs().isValid():
            raise CrsMissing(
                tr(
                    'The layer "{layer}" for {parameter} has no coordinate reference system. Set it in '
                    "QGIS: Layer > Set CRS of Layer."
                ).format(layer=self.name, parameter=self.parameter)
            )
        transform = QgsCoordinateTransform(self.source.sourceCrs(), self.crs, self.context.transformContext())
        # An invalid transformation would hand the coordinates on as they are.
        if not transform.isValid():
            raise CrsMissing(
                tr(
                    'There is no way from the coordinate reference system of the layer "{layer}" for '
                    "{parameter} ({crs}) to that of the grid. Set the right one in QGIS: Layer > Set CRS "
                    "of Layer."
                ).format(
                    layer=self.name,
                    parameter=self.parameter,
                    crs=self.source.sourceCrs().description() or tr("a local one"),
                )
            )
        request = QgsFeatureRequest().setSubsetOfAttributes(list(columns.values()))
        rectangle = self._rectangle(transform)
        if rectangle is not None:
            request.setFilterRect(rectangle)
        self._counts = {}
        used = False
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _FEATURES_PER_CANCEL_CHECK == 0:
                stop_if_cancelled(self.progress)
            geometry = self._clean(feature.geometry(), wanted, transform)
            if geometry is not None:
                used = True
                yield geometry, feature.attributes()
        if self._counts and not used:
            raise LayerEmpty(
                tr(
                    '{parameter}: no feature of "{layer}" can be used; {counts}. Draw them again, or '
                    "choose another layer."
                ).format(
                    parameter=self.parameter,
                    layer=self.name,
                    counts=", ".join(f"{number} {why}" for why, number in self._counts.items()),
                )
            )
        self._log_counts(wanted)

    def _rectangle(self, transform: QgsCoordinateTransform) -> QgsRectangle | None:
        """Return the part of a layer of many features to read, in its own CRS; None for all of it."""
        if self.near is None or self.source.featureCount() < LARGE_LAYER or self._grid_crosses_antimeridian:
            return None
        near = QgsRectangle(*self.near)
        try:
            rectangle = transform.transformBoundingBox(near, Qgis.TransformDirection.Reverse)
        except QgsCsException:
            return None
        if not rectangle.isFinite():
            return None
        # Long straight lines are curved in the other CRS: as much again on every side is more than they deviate.
        rectangle.scale(3)
        # A layer without any feature near the grid is read whole, so that what is then said holds for all of it.
        request = QgsFeatureRequest(rectangle).setNoAttributes()
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _FEATURES_PER_CANCEL_CHECK == 0:
                stop_if_cancelled(self.progress)
            geometry = QgsGeometry(feature.geometry())
            try:
                geometry.transform(transform)
            except QgsCsException:
                continue
            if geometry.boundingBoxIntersects(near):
                return rectangle
        return None

    def _clean(self, geometry: QgsGeometry, wanted: Any, transform: QgsCoordinateTransform) -> QgsGeometry | None:
        """Return the geometry flat, straight, valid and in the CRS of the grid; None when that cannot be."""
        if geometry.isNull() or geometry.isEmpty():
            return self._skipped_text(tr("without geometry"))
        geometry = QgsGeometry(geometry)
        if QgsWkbTypes.isCurvedType(geometry.wkbType()):
            geometry.convertToStraightSegment()
        if QgsWkbTypes.hasZ(geometry.wkbType()) or QgsWkbTypes.hasM(geometry.wkbType()):
            shape = geometry.get()
            shape.dropZValue()
            shape.dropMValue()
        if wanted == POLYGON and not geometry.isGeosValid():
            geometry = geometry.makeValid()
            # What remains of a bow-tie or a spike may hold lines and points beside the polygons.
            geometry.convertGeometryCollectionToSubclass(POLYGON)
            if geometry.isEmpty() or geometry.type() != POLYGON:
                return self._skipped_text(tr("with a shape that could not be mended"))
            self._count(_REPAIRED)
        try:
            geometry.transform(transform)
        except QgsCsException:
            return self._skipped_text(tr("that cannot be brought into the CRS of the grid"))
        box = geometry.boundingBox()
        if not all(map(math.isfinite, (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()))):
            return self._skipped_text(tr("with coordinates that are no numbers"))
        if self.bounds is not None and self._grid_crosses_antimeridian:
            geometry = wrap_near_grid(geometry, self.bounds[0], self.bounds[2])
        return geometry

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _skipped_text(self, why: str) -> None:
        self._count(why)

    def _log_counts(self, wanted: Any) -> None:
        for why, number in self._counts.items():
            if why == _REPAIRED:
                self.progress.report(
                    0.0,
                    tr('{parameter}: {number} invalid {shapes} of "{layer}" were mended.').format(
                        parameter=self.parameter, number=number, shapes=_named(wanted), layer=self.name
                    ),
                )
            else:
                self.progress.warn(
                    tr('{parameter}: {number} features of "{layer}" {why} were left out.').format(
                        parameter=self.parameter, number=number, layer=self.name, why=why
                    )
                )


def _named(geometry_type: Any) -> str:
    """Return a type of geometry in words."""
    return {POINT: tr("points"), LINE: tr("lines"), POLYGON: tr("polygons")}.get(
        geometry_type, tr("no points, lines or polygons")
    )


def _plain(value: Any) -> Any:
    """Return an attribute as a plain number, text, truth value or None; dates become text."""
    if value is None or value == NULL:
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    return value.toString() if hasattr(value, "toString") else str(value)
