"""From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
mended or left out is counted and said.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any, Iterator, Sequence

import numpy as np
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsRasterLayer,
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
_LINE_STRING = 2
"""Type of a line string in WKB."""
_PER_CHECK = 1000
"""Features between two looks at whether the user cancelled."""


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
        """Return the polygons as GeoJSON mappings, one a feature, with the fields named."""
        columns = self._columns(fields)
        geometries: list[dict[str, Any]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POLYGON, columns):
            geometries.append(json.loads(geometry.asJson(17)))
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
        request = QgsFeatureRequest().setSubsetOfAttributes(list(columns.values()))
        self._counts = {}
        # QGIS's own check would stop at the first invalid geometry; here it is mended.
        skip_check = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
        for number, feature in enumerate(self.source.getFeatures(request, skip_check)):
            if number % _PER_CHECK == 0:
                stop_if_cancelled(self.progress)
            geometry = self._clean(feature.geometry(), wanted, transform)
            if geometry is not None:
                yield geometry, feature.attributes()
        self._say_counts(wanted)

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
    head = struct.Struct("<BII")
    _, kind, count = head.unpack_from(wkb)
    single = kind == _LINE_STRING
    offset, parts = 0 if single else head.size, []
    for _ in range(1 if single else count):
        vertices = head.unpack_from(wkb, offset)[2]
        offset += head.size
        parts.append(np.frombuffer(wkb, "<f8", 2 * vertices, offset).reshape(-1, 2).astype(float))
        offset += 16 * vertices
    return parts
