"""Longitudes on a grid in degrees that reaches over the antimeridian, where 181° and -179° are the same place."""

from __future__ import annotations

from qgis.core import QgsGeometry

CIRCLE, HALF = 360.0, 180.0


def reaches_over(left: float, right: float) -> bool:
    """Whether a grid in degrees from west to east holds places whose longitudes may be written in two ways."""
    return left < -HALF or right > HALF


def brought_near(geometry: QgsGeometry, left: float, right: float) -> QgsGeometry:
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
        circles = round((middle - part.boundingBox().center().x()) / CIRCLE)
        if circles:
            part.translate(circles * CIRCLE, 0.0)
        moved.append(part)
    return QgsGeometry.collectGeometry(moved) if geometry.isMultipart() else moved[0]
