"""From QGIS layers to what the core takes: paths of raster files, and plain points, lines and polygons.

Vector layers arrive in the CRS of the study grid, in two dimensions, without curves, with valid polygons; what was
mended or left out is counted and said.
"""

from __future__ import annotations

import math
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

from ..model.errors import CrsMissing, InputCorrupt, LayerEmpty, ParameterInvalid
from ..model.inputs.vectors import Lines, Points, Polygons
from ..model.progress import Progress, stop_if_cancelled
from ..translation import tr
from .content import content_of
from .date_line import brought_near, reaches_over
from .values import require_field_of
from .wkb import line_parts, polygon_parts

POINT = QgsWkbTypes.GeometryType.PointGeometry
LINE = QgsWkbTypes.GeometryType.LineGeometry
POLYGON = QgsWkbTypes.GeometryType.PolygonGeometry
MANY = 20_000
"""Features from which only those near the grid are read; fewer are quickly read."""
_PER_CHECK = 1000
"""Features between two looks at whether the user cancelled."""
_MENDED = "mended"
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
        raise InputCorrupt(tr('The raster layer "{layer}" is no raster file (its kind is {kind}). Save it as a GeoTIFF '
                              "with Export > Save As, and use that.").format(layer=layer.name(), kind=kind))
    if layer.crs() != provider.crs():
        progress.warn(tr('The raster layer "{layer}" was given the CRS {given} in this project, but its file says '
                         "{found}. Scarp reads the file. Write the CRS into the file with Raster > Projections > "
                         "Assign projection.").format(layer=layer.name(), given=layer.crs().authid() or tr("none"),
                                                      found=provider.crs().authid() or tr("none")))
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
    def _over_the_date_line(self) -> bool:
        """Whether a place of the grid may have another longitude in the layer."""
        return self.bounds is not None and self.crs.isGeographic() and reaches_over(self.bounds[0], self.bounds[2])

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
        return self._noted(Points(self.name, self.text, values, np.array(xy, dtype=float).reshape(-1, 2)))

    def lines(self) -> Lines:
        """Return the lines, one a part of a multi-line."""
        parts: list[np.ndarray] = []
        for geometry, _ in self._features(LINE, {}):
            parts += line_parts(bytes(geometry.asWkb()))
        return self._noted(Lines(self.name, self.text, {}, parts))

    def polygons(self, fields: Sequence[str] = ()) -> Polygons:
        """Return the polygons as GeoJSON mappings with rings as arrays, one a feature, with the fields named."""
        columns = self._columns(fields)
        geometries: list[dict[str, Any]] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for geometry, attributes in self._features(POLYGON, columns):
            polygons = polygon_parts(bytes(geometry.asWkb()))
            geometries.append({"type": "MultiPolygon", "coordinates": polygons} if len(polygons) > 1 else
                              {"type": "Polygon", "coordinates": polygons[0]})
            for name, index in columns.items():
                values[name].append(_plain(attributes[index]))
        return self._noted(Polygons(self.name, self.text, values, geometries))

    def _noted(self, layer: Any) -> Any:
        self.read[self.parameter] = {"layer": self.name, **content_of(layer)}
        return layer

    def _columns(self, names: Sequence[str]) -> dict[str, int]:
        """Return the index of each field; a field that is not there is said with those that are."""
        fields = self.source.fields()
        return {name: require_field_of(self.name, self.parameter, fields, name) for name in names if name}

    def require_kind(self, *wanted: Any) -> None:
        """Raise :class:`ParameterInvalid` when the layer holds none of some types of geometry."""
        if self.geometry_type not in wanted:
            raise ParameterInvalid(tr('{parameter} takes {wanted}, but the layer "{layer}" holds {held}. Choose '
                                      "another layer.").format(
                parameter=self.parameter, wanted=tr(" or ").join(map(_named, wanted)), layer=self.name,
                held=_named(self.geometry_type)))

    def _features(self, wanted: Any, columns: dict[str, int]) -> Iterator[tuple[QgsGeometry, list[Any]]]:
        """Walk the features with clean geometries in the CRS of the grid."""
        self.require_kind(wanted)
        if not self.source.sourceCrs().isValid():
            raise CrsMissing(tr('The layer "{layer}" for {parameter} has no coordinate reference system. Set it in '
                                "QGIS: Layer > Set CRS of Layer.").format(layer=self.name, parameter=self.parameter))
        transform = QgsCoordinateTransform(self.source.sourceCrs(), self.crs, self.context.transformContext())
        # An invalid transformation would hand the coordinates on as they are.
        if not transform.isValid():
            raise CrsMissing(tr('There is no way from the coordinate reference system of the layer "{layer}" for '
                                "{parameter} ({crs}) to that of the grid. Set the right one in QGIS: Layer > Set CRS "
                                "of Layer.").format(layer=self.name, parameter=self.parameter,
                                                    crs=self.source.sourceCrs().description() or tr("a local one")))
        request = QgsFeatureRequest().setSubsetOfAttributes(list(columns.values()))
        rectangle = self._rectangle(transform)
        if rectangle is not None:
            request.setFilterRect(rectangle)
        self._counts = {}
        used = False
        for number, feature in enumerate(self.source.getFeatures(request, _SKIP_CHECK)):
            if number % _PER_CHECK == 0:
                stop_if_cancelled(self.progress)
            geometry = self._clean(feature.geometry(), wanted, transform)
            if geometry is not None:
                used = True
                yield geometry, feature.attributes()
        if self._counts and not used:
            raise LayerEmpty(tr('{parameter}: no feature of "{layer}" can be used; {counts}. Draw them again, or '
                                "choose another layer.").format(
                parameter=self.parameter, layer=self.name,
                counts=", ".join(f"{number} {why}" for why, number in self._counts.items())))
        self._say_counts(wanted)

    def _rectangle(self, transform: QgsCoordinateTransform) -> QgsRectangle | None:
        """Return the part of a layer of many features to read, in its own CRS; None for all of it."""
        if self.near is None or self.source.featureCount() < MANY or self._over_the_date_line:
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
            return self._left_out(tr("without geometry"))
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
                return self._left_out(tr("with a shape that could not be mended"))
            self._count(_MENDED)
        try:
            geometry.transform(transform)
        except QgsCsException:
            return self._left_out(tr("that cannot be brought into the CRS of the grid"))
        box = geometry.boundingBox()
        if not all(map(math.isfinite, (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()))):
            return self._left_out(tr("with coordinates that are no numbers"))
        if self.bounds is not None and self._over_the_date_line:
            geometry = brought_near(geometry, self.bounds[0], self.bounds[2])
        return geometry

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _left_out(self, why: str) -> None:
        self._count(why)

    def _say_counts(self, wanted: Any) -> None:
        for why, number in self._counts.items():
            if why == _MENDED:
                self.progress.report(0.0, tr('{parameter}: {number} invalid {shapes} of "{layer}" were mended.').format(
                    parameter=self.parameter, number=number, shapes=_named(wanted), layer=self.name))
            else:
                self.progress.warn(tr('{parameter}: {number} features of "{layer}" {why} were left out.').format(
                    parameter=self.parameter, number=number, layer=self.name, why=why))


def _named(geometry_type: Any) -> str:
    """Return a type of geometry in words."""
    return {POINT: tr("points"), LINE: tr("lines"), POLYGON: tr("polygons")}.get(
        geometry_type, tr("no points, lines or polygons"))


def _plain(value: Any) -> Any:
    """Return an attribute as a plain number, text, truth value or None; dates become text."""
    if value is None or value == NULL:
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    return value.toString() if hasattr(value, "toString") else str(value)
