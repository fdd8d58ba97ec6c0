"""What a vector layer held when a run read or wrote it, as a checksum.

The file says little: a GeoPackage changes when QGIS only looks at it, and a memory layer is no file at all. The
checksum is of the coordinates in the CRS of the grid and of the fields that were used, in the order of the features.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

if TYPE_CHECKING:
    from ..model.inputs.vectors import Lines, Points, Polygons


class Content:
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


def content_of(layer: Points | Lines | Polygons) -> dict[str, Any]:
    """Return number of features and checksum of what was read of a layer."""
    content = Content()
    for number, geometry in enumerate(_geometries(layer)):
        content.add(geometry, _attributes(layer.fields, number))
    return content.summary()


def _geometries(layer: Points | Lines | Polygons) -> Iterable[bytes]:
    # Imported when needed: QGIS loads this module when it starts, and its start should cost little.
    import numpy as np

    from ..model.inputs.vectors import Lines, Points

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
