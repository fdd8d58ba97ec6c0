"""Vector layers as plain arrays, already in the CRS of the study grid.

The caller reads the layer (QGIS does, with the user's own transformation settings): the core needs no vector library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from ..errors import FieldUnusable
from ..progress import Progress
from ..texts import join_names
from ..written_numbers import read_column

Ring = Any
"""Vertices as an array of shape (vertices, 2), which takes a tenth of the memory of a list, or as a list of pairs."""


@dataclass
class _Layer:
    name: str  # name of the layer, for messages
    source: str = ""  # path or URI, for the run record
    fields: dict[str, list[Any]] = field(default_factory=dict)
    """Attribute values by field name, one per feature; ``None`` where the attribute is empty."""

    @property
    def source_or_name(self) -> str:
        """Where the layer comes from, for the run record."""
        return self.source or self.name

    def column(self, name: str) -> list[Any]:
        """Return the values of one field; raises :class:`FieldUnusable` if there is no such field."""
        if name not in self.fields:
            known = join_names(list(self.fields), 20) or "none"
            raise FieldUnusable(f'The layer "{self.name}" has no field "{name}". Choose one of its fields: {known}.')
        return self.fields[name]

    def numbers(self, name: str, progress: Progress, unit: str = "") -> np.ndarray:
        """Return a field as float64, shape (features,), NaN where it is empty; numbers stored as text are read.

        ``unit`` is that of the numbers, a key of ``written_numbers.UNITS``, and may stand behind them. How text was
        read is logged, and what counts as missing is a warning.

        Raises:
            FieldUnusable: there is no such field, or a value is not a number or may be one of two numbers.
        """
        column = read_column(self.column(name), f'The field "{name}" of the layer "{self.name}"', unit)
        for note in column.notes:
            progress.report(0.0, note)
        for warning in column.warnings:
            progress.warn(warning)
        return np.array(column.values, dtype=np.float64)


@dataclass
class Table(_Layer):
    """A table without geometry: only its fields."""

    def __len__(self) -> int:
        return max(map(len, self.fields.values()), default=0)


@dataclass
class Points(_Layer):
    """Points; a multi-point becomes one point per part, with its attributes repeated."""

    xy: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))  # map coordinates, float64, shape (points, 2)

    def __len__(self) -> int:
        return len(self.xy)


@dataclass
class Lines(_Layer):
    """Lines; a multi-line becomes one line per part, with its attributes repeated."""

    parts: list[np.ndarray] = field(default_factory=list)
    """One array of map coordinates per line, float64, shape (vertices, 2)."""

    def __len__(self) -> int:
        return len(self.parts)


@dataclass
class Polygons(_Layer):
    """Polygons and multi-polygons, with holes."""

    geometries: list[dict[str, Any]] = field(default_factory=list)
    """GeoJSON geometry mappings (``Polygon`` or ``MultiPolygon``) in map coordinates, one per feature."""

    def __len__(self) -> int:
        return len(self.geometries)

    def bounds(self) -> np.ndarray:
        """Return minimum x, minimum y, maximum x, maximum y of each feature, shape (features, 4)."""
        result = np.empty((len(self.geometries), 4))
        for index, geometry in enumerate(self.geometries):
            rings = [np.asarray(ring, dtype=float)[:, :2] for part in polygon_parts(geometry) for ring in part]
            corners = np.concatenate(rings)
            result[index] = (*corners.min(axis=0), *corners.max(axis=0))
        return result


@dataclass
class PointsAndPolygons(_Layer):
    """The features of a layer that holds both: first the points, then the polygons, the fields in that order too."""

    points: Points = field(default_factory=lambda: Points(""))
    polygons: Polygons = field(default_factory=lambda: Polygons(""))

    def __len__(self) -> int:
        return len(self.points) + len(self.polygons)


Landslides = Union[Points, Polygons, PointsAndPolygons]
"""An inventory."""


def polygon_parts(geometry: dict[str, Any]) -> list[list[Ring]]:
    """Return the polygons of a GeoJSON polygon or multi-polygon, each as its outer ring followed by the holes."""
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
