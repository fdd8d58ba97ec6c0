"""The well-known binary form of lines and polygons as arrays; much faster than asking QGIS for each vertex."""

from __future__ import annotations

import struct

import numpy as np

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
        part, offset = _vertices(wkb, offset + _HEAD.size, vertices)
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
            ring, offset = _vertices(wkb, offset + _COUNT.size, vertices)
            rings.append(ring)
        polygons.append(rings)
    return polygons


def _vertices(wkb: bytes, offset: int, count: int) -> tuple[np.ndarray, int]:
    """Return vertices as an array of shape (count, 2), and where they end."""
    return np.frombuffer(wkb, "<f8", 2 * count, offset).reshape(-1, 2).astype(float), offset + 16 * count
