"""Geometries of layers made plain: one kind, two dimensions, straight, valid, in the CRS of the grid."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from qgis.core import (  # type: ignore[attr-defined]  # the stubs lack the exceptions
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
    QgsUnitTypes,
    QgsWkbTypes,
)

_GeometryType: Any = QgsWkbTypes.GeometryType
POINT, LINE, POLYGON = _GeometryType.PointGeometry, _GeometryType.LineGeometry, _GeometryType.PolygonGeometry
_Type: Any = QgsWkbTypes.Type
_COLLECTION = _Type.GeometryCollection
_PLAIN = frozenset(
    (_Type.Point, _Type.MultiPoint, _Type.LineString, _Type.MultiLineString, _Type.Polygon, _Type.MultiPolygon)
)
FULL_CIRCLE, HALF_CIRCLE, POLE = 360.0, 180.0, 90.0
LONG_EDGE_DEGREES, LONG_EDGE_METRES = 0.05, 5000.0
"""Longer edges get vertices in between before they are transformed: a straight line in one CRS is none in another.
Edges of this length deviate by less than a metre up to a latitude of 70 degrees."""
FAR_DEGREES, FAR_METRES = 10.0, 1e6
"""Lines and polygons are cut this far beyond the grid, farther than any sensible radius: its projection may not be
defined for all of the Earth."""
MAX_COORDINATE = 1e12  # larger ones, in any unit, are as good as infinite
MAX_EDGES = 100_000  # vertices that a layer with impossible coordinates may get
_BORDER_POINTS = 9  # points on each side of the grid from which its place in the CRS of the layer is found


def parts_of(geometry: QgsGeometry, wanted: tuple[Any, ...]) -> tuple[QgsGeometry | None, Any, bool]:
    """Return the parts of a geometry that are of the first wanted kind it holds, straight and in two dimensions.

    Returns:
        The parts as a copy, ``None`` if there is none; their kind, or that of the geometry, ``None`` for several kinds;
        and whether it holds parts of other kinds as well.
    """
    if QgsWkbTypes.flatType(geometry.wkbType()) != _COLLECTION:
        kind = geometry.type()
        return (_flat(geometry) if kind in wanted else None), kind, False
    by_kind: dict[Any, list[QgsGeometry]] = {}
    for leaf in _leaves(geometry):
        by_kind.setdefault(leaf.type(), []).append(_flat(leaf))
    for kind in wanted:
        parts = [part for part in by_kind.get(kind, ()) if not part.isEmpty()]
        if parts:
            whole = parts[0] if len(parts) == 1 else QgsGeometry.collectGeometry(parts)
            return whole, kind, len(by_kind) > 1
    return None, next(iter(by_kind)) if len(by_kind) == 1 else None, False


def _leaves(geometry: QgsGeometry) -> Iterator[QgsGeometry]:
    """Give the geometries of a collection and of those within it, or the geometry itself; not empty ones."""
    if QgsWkbTypes.flatType(geometry.wkbType()) == _COLLECTION:
        for part in geometry.asGeometryCollection():
            yield from _leaves(part)
    elif not geometry.isEmpty():
        yield geometry


def _flat(geometry: QgsGeometry) -> QgsGeometry:
    geometry, kind = QgsGeometry(geometry), geometry.wkbType()
    if kind in _PLAIN:
        return geometry
    if QgsWkbTypes.isCurvedType(kind):
        geometry.convertToStraightSegment()
    if QgsWkbTypes.hasZ(kind) or QgsWkbTypes.hasM(kind):
        shape: Any = geometry.get()
        shape.dropZValue()
        shape.dropMValue()
    return geometry


def repaired(geometry: QgsGeometry) -> QgsGeometry | None:
    """Return an invalid polygon as valid ones; ``None`` if nothing of it has an area."""
    geometry = geometry.makeValid()
    # What remains of a bow-tie or a spike may hold lines and points beside the polygons.
    geometry.convertGeometryCollectionToSubclass(POLYGON)
    return None if geometry.isEmpty() or geometry.type() != POLYGON else geometry


class GridTransform:
    """Brings the geometries of one layer to the CRS of the grid.

    Long edges follow the ground, and what lies far beyond the grid is cut off.
    """

    def __init__(
        self,
        own: QgsCoordinateReferenceSystem,
        grid: QgsCoordinateReferenceSystem,
        context: QgsCoordinateTransformContext,
        bounds: tuple[float, float, float, float] | None,
    ) -> None:
        """Keep the CRS of the layer and of the grid; ``bounds`` are those of the grid, if they are known."""
        self.transform = QgsCoordinateTransform(own, grid, context)
        self._bounds, self._grid_in_degrees, self._degrees = bounds, grid.isGeographic(), own.isGeographic()
        metric = QgsCoordinateReferenceSystem("EPSG:3857").mapUnits()
        unit = 1.0 if self._degrees else QgsUnitTypes.fromUnitToUnitFactor(own.mapUnits(), metric)
        self._far = FAR_DEGREES if self._degrees else FAR_METRES / unit
        self._step = LONG_EDGE_DEGREES if self._degrees else LONG_EDGE_METRES / unit
        # Between two CRS in degrees edges remain straight.
        self._bends = not self.transform.isShortCircuited() and not (self._degrees and self._grid_in_degrees)
        self._near: list[tuple[QgsRectangle, float]] | None = None

    def apply(self, geometry: QgsGeometry, kind: Any) -> QgsGeometry:
        """Return a geometry in the CRS of the grid, which may be changed in place.

        Raises:
            QgsCsException: it cannot be transformed.
        """
        if self._bends and kind != POINT:
            geometry = self._ready(geometry, kind)
        geometry.transform(self.transform)
        if self._bounds is not None and self._grid_in_degrees:
            left, right = self._bounds[0], self._bounds[2]
            box = geometry.boundingBox()
            beyond = box.xMinimum() < -HALF_CIRCLE or box.xMaximum() > HALF_CIRCLE
            if crosses_antimeridian(left, right) or (beyond and box.isFinite()):
                return wrap_near_grid(geometry, left, right)
        return geometry

    def _ready(self, geometry: QgsGeometry, kind: Any) -> QgsGeometry:
        """Return a line or polygon cut and with additional vertices; as it is if it is small or lies elsewhere."""
        box = geometry.boundingBox()
        length = max(box.width(), box.height())
        if not length > self._step or not box.isFinite():
            return geometry
        if self._near is None:
            self._near = self._rectangles()
        inside = [(rectangle, turn) for rectangle, turn in self._near if rectangle.intersects(box)]
        if self._near and not inside:
            return geometry
        if inside and not (inside[0][0].contains(box) and inside[0][1] == 0):
            cut = [_cut(geometry, rectangle, turn, kind) for rectangle, turn in inside]
            pieces = [piece for piece in cut if piece is not None]
            if not pieces:
                return geometry
            geometry = pieces[0] if len(pieces) == 1 else QgsGeometry.collectGeometry(pieces)
        step = max(self._step, length / MAX_EDGES if not self._near else 0.0)
        return geometry.densifyByDistance(step)

    def _rectangles(self) -> list[tuple[QgsRectangle, float]]:
        """Return the land around the grid in the CRS of the layer; nothing where it cannot be found.

        In degrees it is there once for each full circle, since layers may count longitudes from 0 or from -180: with
        each rectangle comes by how much it lies too far east. None reaches over the antimeridian, where projections
        may be cut.
        """
        if self._bounds is None:
            return []
        left, bottom, right, top = self._bounds
        shares = np.linspace(0, 1, _BORDER_POINTS)
        x = np.concatenate(
            [left + shares * (right - left)] * 2 + [np.full(len(shares), side) for side in (left, right)]
        )
        y = np.concatenate(
            [np.full(len(shares), side) for side in (bottom, top)] + [bottom + shares * (top - bottom)] * 2
        )
        try:
            places = [
                self.transform.transform(QgsPointXY(*place), Qgis.TransformDirection.Reverse) for place in zip(x, y)
            ]
        except QgsCsException:
            return []
        x, y = np.array([(place.x(), place.y()) for place in places]).T
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return []
        if not self._degrees:
            low, high = (x.min() - self._far, y.min() - self._far), (x.max() + self._far, y.max() + self._far)
            return [(QgsRectangle(*low, *high), 0.0)]
        x = x[0] + (x - x[0] + HALF_CIRCLE) % FULL_CIRCLE - HALF_CIRCLE
        low, high = max(y.min() - self._far, -POLE), min(y.max() + self._far, POLE)
        west, east = x.min() - self._far, x.max() + self._far
        if east - west >= FULL_CIRCLE:
            west, east = -HALF_CIRCLE, HALF_CIRCLE
        first = math.floor((west + HALF_CIRCLE) / FULL_CIRCLE)
        last = math.ceil((east + HALF_CIRCLE) / FULL_CIRCLE)
        found = []
        for number in range(first, last):
            middle = number * FULL_CIRCLE
            left, right = (max(west, middle - HALF_CIRCLE) - middle, min(east, middle + HALF_CIRCLE) - middle)
            turns = (0.0, -FULL_CIRCLE, FULL_CIRCLE)
            found += [(QgsRectangle(left + turn, low, right + turn, high), turn) for turn in turns]
        return found


def _cut(geometry: QgsGeometry, rectangle: QgsRectangle, turn: float, kind: Any) -> QgsGeometry | None:
    """Return the part of a line or polygon in a rectangle, moved west by ``turn``; ``None`` if there is none."""
    # An intersection would join the parts of a line that doubles back.
    cut = geometry.clipped(rectangle) if kind == LINE else geometry.intersection(QgsGeometry.fromRect(rectangle))
    if cut.isNull() or cut.isEmpty():
        return None
    part, _, _ = parts_of(cut, (kind,))
    if part is not None and turn:
        part.translate(-turn, 0.0)
    return part


def crosses_antimeridian(left: float, right: float) -> bool:
    """Whether a grid in degrees reaches over the antimeridian, where 181° and -179° are the same place."""
    return left < -HALF_CIRCLE or right > HALF_CIRCLE


def wrap_near_grid(geometry: QgsGeometry, left: float, right: float) -> QgsGeometry:
    """Return a geometry with each part moved by whole circles to where it is nearest to a grid.

    Layers have longitudes from -180 to 180 and split what crosses the antimeridian there. A part that reaches into the
    grid from both sides, such as a box around the world, is there twice.

    ``left`` and ``right`` are the longitudes of the grid's borders, all in degrees.
    """
    parts = []
    for item in geometry.asGeometryCollection() if geometry.isMultipart() else [geometry]:
        box = item.boundingBox()
        nearest = round(((left + right) / 2 - box.center().x()) / FULL_CIRCLE)
        turns = [nearest + more for more in (-1, 0, 1)]
        inside = [
            turn
            for turn in turns
            if box.xMinimum() + turn * FULL_CIRCLE < right and box.xMaximum() + turn * FULL_CIRCLE > left
        ]
        for turn in inside or [nearest]:
            part = QgsGeometry(item)
            if turn:
                part.translate(turn * FULL_CIRCLE, 0.0)
            parts.append(part)
    return QgsGeometry.collectGeometry(parts) if geometry.isMultipart() or len(parts) > 1 else parts[0]


Content = Any
"""Points as a list of pairs, lines as a list of arrays of shape (vertices, 2), polygons as a GeoJSON mapping."""
_LINE_STRING, _POLYGON, _TRIANGLE = 2, 3, 17  # types in well-known binary (WKB)
_HEAD, _COUNT = struct.Struct("<BII"), struct.Struct("<I")  # byte order, type and count; and a count alone


def content_of(geometry: QgsGeometry, kind: Any) -> Content | None:
    """Return points, lines or polygons as plain values; ``None`` if no part has finite coordinates."""
    if kind == POINT:
        points = geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]
        places = [(point.x(), point.y()) for point in points]
        # NaN fails every comparison.
        return [place for place in places if abs(place[0]) < MAX_COORDINATE and abs(place[1]) < MAX_COORDINATE] or None
    box = geometry.boundingBox()
    sides = (box.xMinimum(), box.xMaximum(), box.yMinimum(), box.yMaximum())
    if not all(abs(side) < MAX_COORDINATE for side in sides):
        return None
    wkb = bytes(geometry.asWkb())
    if kind == LINE:
        return _wkb_lines(wkb) or None
    parts = _wkb_polygons(wkb)
    if not parts or not all(np.isfinite(ring).all() for part in parts for ring in part):
        return None
    single = len(parts) == 1
    return {"type": "Polygon" if single else "MultiPolygon", "coordinates": parts[0] if single else parts}


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
    return [part for part in parts if len(part)]


def _wkb_polygons(wkb: bytes) -> list[list[np.ndarray]]:
    """Return the polygons of a two-dimensional WKB polygon or multi-polygon as lists of rings of shape (vertices, 2).

    WKB: byte order, type and number of rings or polygons; each polygon of a multi-polygon has such a head again, each
    ring only its number of vertices. Polygons without an outer ring are left out.
    """
    _, kind, count = _HEAD.unpack_from(wkb)
    multiple = kind not in (_POLYGON, _TRIANGLE)
    offset, polygons = _HEAD.size if multiple else 0, []
    for _ in range(count if multiple else 1):
        rings = []
        number = _HEAD.unpack_from(wkb, offset)[2]
        offset += _HEAD.size
        for _ in range(number):
            vertices = _COUNT.unpack_from(wkb, offset)[0]
            ring, offset = _wkb_vertices(wkb, offset + _COUNT.size, vertices)
            rings.append(ring)
        if rings and len(rings[0]):
            polygons.append([ring for ring in rings if len(ring)])
    return polygons


def _wkb_vertices(wkb: bytes, offset: int, count: int) -> tuple[np.ndarray, int]:
    """Return vertices as an array of shape (count, 2), and where they end."""
    return np.frombuffer(wkb, "<f8", 2 * count, offset).reshape(-1, 2).astype(float), offset + 16 * count
