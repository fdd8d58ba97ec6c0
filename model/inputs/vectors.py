"""Vector layers as plain arrays, already in the CRS of the study grid.

Whoever calls the core reads the layer (QGIS does, with the user's own transformation settings), so the core needs no
vector library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import FieldUnusable


@dataclass
class _Layer:
    name: str
    """Name of the layer, for messages."""
    source: str = ""
    """Path or URI, for the run record."""
    fields: dict[str, list[Any]] = field(default_factory=dict)
    """Attribute values by field name, one a feature; ``None`` where the attribute is empty."""

    def column(self, name: str) -> list[Any]:
        """Return the values of one field.

        Raises:
            FieldUnusable: the layer has no such field.
        """
        if name not in self.fields:
            known = ", ".join(self.fields) or "none"
            raise FieldUnusable(f'The layer "{self.name}" has no field "{name}". Choose one of its fields: {known}.')
        return self.fields[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a field as float64, shape (features,), NaN where it is empty; numbers stored as text are read.

        Raises:
            FieldUnusable: a value is not a number.
        """
        numbers = np.full(len(self.column(name)), np.nan)
        for index, value in enumerate(self.column(name)):
            if value is None or str(value).strip() == "":
                continue
            try:
                numbers[index] = float(str(value).strip().replace(",", "."))
            except ValueError:
                raise FieldUnusable(
                    f'The field "{name}" of the layer "{self.name}" should hold numbers, but feature '
                    f'{index + 1} has "{value}". Choose another field, or mend the value.'
                ) from None
        return numbers


@dataclass
class Points(_Layer):
    """Points; a multi-point becomes one point a part, with its attributes repeated."""

    xy: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    """Map coordinates, float64, shape (points, 2)."""

    def __len__(self) -> int:
        return len(self.xy)


@dataclass
class Lines(_Layer):
    """Lines; a multi-line becomes one line a part. Attributes are not kept."""

    parts: list[np.ndarray] = field(default_factory=list)
    """One array of map coordinates a line, float64, shape (vertices, 2)."""

    def __len__(self) -> int:
        return len(self.parts)


@dataclass
class Polygons(_Layer):
    """Polygons and multi-polygons, with holes."""

    geometries: list[dict[str, Any]] = field(default_factory=list)
    """GeoJSON geometry mappings (``Polygon`` or ``MultiPolygon``) in map coordinates, one a feature. Their rings may be
    arrays of shape (vertices, 2), which take a tenth of the memory of lists."""

    def __len__(self) -> int:
        return len(self.geometries)

    def bounds(self) -> np.ndarray:
        """Return minimum x, minimum y, maximum x, maximum y of each feature, shape (features, 4)."""
        result = np.empty((len(self.geometries), 4))
        for index, geometry in enumerate(self.geometries):
            rings = geometry["coordinates"]
            if geometry["type"] == "MultiPolygon":
                rings = [ring for polygon in rings for ring in polygon]
            corners = np.concatenate([np.asarray(ring, dtype=float)[:, :2] for ring in rings])
            result[index] = (*corners.min(axis=0), *corners.max(axis=0))
        return result
