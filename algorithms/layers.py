"""From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
mended or left out is counted and said.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any, Iterator, Sequence

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

from ..model.errors import CrsMissing, FieldUnusable, InputCorrupt, ParameterInvalid
from ..model.grid import Grid
from ..model.inputs.vectors import Lines, Points, Polygons
from ..model.progress import Progress, stop_if_cancelled

POINT = QgsWkbTypes.GeometryType.PointGeometry
LINE = QgsWkbTypes.GeometryType.LineGeometry
POLYGON = QgsWkbTypes.GeometryType.PolygonGeometry
_NAMES = {POINT: "points", LINE: "lines", POLYGON: "polygons"}
_LINE_STRING, _MULTI_POLYGON = 2, 6
"""Types in WKB."""
_HEAD, _COUNT = struct.Struct("<BII"), struct.Struct("<I")
"""Numbers in WKB: byte order, type and count; and a count alone."""
MANY = 20_000
"""Features from which only those near the grid are read; fewer are quickly read."""
_PER_CHECK = 1000
"""Features between two looks at whether the user cancelled."""
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
        raise InputCorrupt(f'The raster layer "{layer.name()}" is no raster file (its kind is {kind}). Save it as a '
                           "GeoTIFF with Export > Save As, and use that.")
    if layer.crs() != provider.crs():
        progress.warn(f'The raster layer "{layer.name()}" was given the CRS {layer.crs().authid() or "none"} in this '
                      f'project, but its file says {provider.crs().authid() or "none"}. Scarp reads the file. Write '
                      "the CRS into the file with Raster > Projections > Assign projection.")
    return layer.source().split("|")[0]


def grid_crs(path: str, role: str) -> QgsCoordinateReferenceSystem:
    """Return the CRS of the study grid, as the core reads it from the raster.

    Raises:
        CrsMissing: the raster has none; the core's other errors when it cannot be opened.
    """
    grid = Grid.of_file(path, role)
    crs = QgsCoordinateReferenceSystem.fromWkt(grid.crs.to_wkt())
    if not crs.isValid():
        raise CrsMissing(f"QGIS does not know the coordinate reference system of the {role} raster {path}. Reproject "
                         "it with Raster > Projections > Warp (reproject).")
    return crs


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

    def points(self, fields: Sequence[str] = ()) -> Points:
        """Return the points, one a part of a multi-point, with the fields named."""
        columns = self._columns(fields)
        xy: list[tuple[float, float]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POINT, columns):
            for point in (geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]):
                xy.append((point.x(), point.y()))
                for name, index in columns.items():
                    values[name].append(_plain(attributes[index]))
        return Points(self.name, self.text, values, np.array(xy, dtype=float).reshape(-1, 2))

    def lines(self) -> Lines:
        """Return the lines, one a part of a multi-line."""
        parts: list[np.ndarray] = []
        for geometry, _ in self._features(LINE, {}):
            parts += _line_parts(bytes(geometry.asWkb()))
        return Lines(self.name, self.text, {}, parts)

    def polygons(self, fields: Sequence[str] = ()) -> Polygons:
        """Return the polygons as GeoJSON mappings with rings as arrays, one a feature, with the fields named."""
        columns = self._columns(fields)
        geometries: list[dict[str, Any]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POLYGON, columns):
            polygons = _polygon_parts(bytes(geometry.asWkb()))
            geometries.append({"type": "MultiPolygon", "coordinates": polygons} if len(polygons) > 1 else
                              {"type": "Polygon", "coordinates": polygons[0]})
            for name, index in columns.items():
                values[name].append(_plain(attributes[index]))
        return Polygons(self.name, self.text, values, geometries)

    def _columns(self, names: Sequence[str]) -> dict[str, int]:
        """Return the index of each field; a field that is not there is said with those that are."""
        fields = self.source.fields()
        found = {name: fields.lookupField(name) for name in names if name}
        for name, index in found.items():
            if index < 0:
                known = ", ".join(item.name() for item in fields) or "none"
                raise FieldUnusable(f'The layer "{self.name}" for {self.parameter} has no field "{name}". Its fields: '
                                    f"{known}.")
        return found

    def _features(self, wanted: Any, columns: dict[str, int]) -> Iterator[tuple[QgsGeometry, list[Any]]]:
        """Walk the features with clean geometries in the CRS of the grid."""
        if self.geometry_type != wanted:
            held = _NAMES.get(self.geometry_type, "no points, lines or polygons")
            raise ParameterInvalid(f'{self.parameter} takes {_NAMES[wanted]}, but the layer "{self.name}" holds '
                                   f"{held}. Choose another layer.")
        if not self.source.sourceCrs().isValid():
            raise CrsMissing(f'The layer "{self.name}" for {self.parameter} has no coordinate reference system. Set '
                             "it in QGIS: Layer > Set CRS of Layer.")
        transform = QgsCoordinateTransform(self.source.sourceCrs(), self.crs, self.context.transformContext())
        # An invalid transformation would hand the coordinates on as they are.
        if not transform.isValid():
            raise CrsMissing(f'There is no way from the coordinate reference system of the layer "{self.name}" for '
                             f"{self.parameter} ({self.source.sourceCrs().description() or 'a local one'}) to that of "
                             "the grid. Set the right one in QGIS: Layer > Set CRS of Layer.")
        request = QgsFeatureRequest().setSubsetOfAttributes(list(columns.values()))
        rectangle = self._rectangle(transform)
        if rectangle is not None:
            request.setFilterRect(rectangle)
        self._counts = {}
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _PER_CHECK == 0:
                stop_if_cancelled(self.progress)
            geometry = self._clean(feature.geometry(), wanted, transform)
            if geometry is not None:
                yield geometry, feature.attributes()
        self._say_counts(wanted)

    def _rectangle(self, transform: QgsCoordinateTransform) -> QgsRectangle | None:
        """Return the part of a layer of many features to read, in its own CRS; None for all of it."""
        if self.near is None or self.source.featureCount() < MANY:
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
            if number % _PER_CHECK == 0:
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
            return self._left_out("without geometry")
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
                return self._left_out("with a shape that could not be mended")
            self._count("mended")
        try:
            geometry.transform(transform)
        except QgsCsException:
            return self._left_out("that cannot be brought into the CRS of the grid")
        box = geometry.boundingBox()
        if not all(map(math.isfinite, (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()))):
            return self._left_out("with coordinates that are no numbers")
        return geometry

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _left_out(self, why: str) -> None:
        self._count(why)

    def _say_counts(self, wanted: Any) -> None:
        for why, number in self._counts.items():
            if why == "mended":
                self.progress.report(0.0, f'{self.parameter}: {number} invalid {_NAMES[wanted]} of "{self.name}" were '
                                          "mended.")
            else:
                self.progress.warn(f'{self.parameter}: {number} features of "{self.name}" {why} were left out.')


def _plain(value: Any) -> Any:
    """Return an attribute as a plain number, text, truth value or None; dates become text."""
    if value is None or value == NULL:
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    return value.toString() if hasattr(value, "toString") else str(value)


def _line_parts(wkb: bytes) -> list[np.ndarray]:
    """Return the lines of a two-dimensional WKB line string or multi-line string, each of shape (vertices, 2).

    WKB: byte order, type and number of vertices or lines; each line of a multi-line has such a head again.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    single = kind == _LINE_STRING
    offset, parts = 0 if single else _HEAD.size, []
    for _ in range(1 if single else count):
        vertices = _HEAD.unpack_from(wkb, offset)[2]
        part, offset = _vertices(wkb, offset + _HEAD.size, vertices)
        parts.append(part)
    return parts


def _polygon_parts(wkb: bytes) -> list[list[np.ndarray]]:
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
            ring, offset = _vertices(wkb, offset + _COUNT.size, vertices)
            rings.append(ring)
        polygons.append(rings)
    return polygons


def _vertices(wkb: bytes, offset: int, count: int) -> tuple[np.ndarray, int]:
    """Return vertices as an array of shape (count, 2), and where they end."""
    return np.frombuffer(wkb, "<f8", 2 * count, offset).reshape(-1, 2).astype(float), offset + 16 * count
