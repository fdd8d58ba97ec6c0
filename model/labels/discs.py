"""The landslide points behind a label raster, in its metadata: a disc cannot be told from its neighbours in the cells.

The metadata have a namespace of their own, which QGIS does not show. Another program may drop or damage them, or copy
them to a raster of another grid; then they count as absent.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass

import numpy as np
import rasterio

from ..grid import Grid
from .buffers import PointBuffers

NAMESPACE = "SCARP_LANDSLIDES"
_ARRAYS = ("<f8", "<f8", "<f4")  # row, column, radius
_POINT_BYTES = sum(np.dtype(kind).itemsize for kind in _ARRAYS)
_MAX_POINTS = 50_000_000


@dataclass(frozen=True)
class LandslideDiscs:
    """Landslide points of a label raster, each with its radius, and the ring of all landslides."""

    row: np.ndarray  # float64 (points,), in cells from the top of the grid; points may lie outside it
    column: np.ndarray  # float64 (points,)
    radius: np.ndarray  # float64 (points,), metres
    largest: float  # largest radius of the labels in metres, of polygons too
    ring: float  # metres from the landslide to the outer edge of its ring, the largest; 0 for none
    beyond: float = 0.0  # metres beyond the radius of each landslide to that edge; 0 where it is ``ring`` for all

    @classmethod
    def of_points(
        cls, grid: Grid, xy: np.ndarray, radius: np.ndarray, ring: float, largest: float = 0.0, beyond: float = 0.0
    ) -> LandslideDiscs:
        """Return the discs of points in map coordinates, shape (points, 2); those that are no numbers are left out."""
        column, row = ~grid.transform * (xy[:, 0], xy[:, 1])
        finite = np.isfinite(row) & np.isfinite(column)
        largest = max(largest, float(radius.max(initial=0.0)))
        return cls(row[finite], column[finite], radius[finite].astype(np.float64), largest, float(ring), beyond)

    def __len__(self) -> int:
        return len(self.row)

    def buffers(self, grid: Grid, chosen: np.ndarray | None = None, rings: bool = False) -> PointBuffers:
        """Return the discs of all points or of those with some indices, with or without their rings."""
        some = slice(None) if chosen is None else chosen
        x, y = grid.transform * (self.column[some], self.row[some])  # type: ignore[operator]  # not in its annotations
        xy = np.stack([x, y], axis=1)
        ring = self.radius[some] + self.beyond if self.beyond else self.ring
        return PointBuffers(grid, xy, self.radius[some], ring if rings else 0.0)

    def tags(self, grid: Grid) -> dict[str, str]:
        """Return the metadata items for a label raster on a grid."""
        raw = b"".join(
            array.astype(kind).tobytes() for array, kind in zip((self.row, self.column, self.radius), _ARRAYS)
        )
        packed = base64.b64encode(zlib.compress(raw, 9)).decode("ascii")
        numbers = {"COUNT": str(len(self)), "RADIUS": repr(self.largest), "RING": repr(self.ring)}
        numbers["BEYOND"] = repr(self.beyond)
        return {"GRID": _grid_text(grid), **numbers, "POINTS": packed}


def read_discs(dataset: rasterio.DatasetReader, grid: Grid) -> LandslideDiscs | None:
    """Return the discs of a label raster on a grid; ``None`` if it has none that can be read and belong to the grid."""
    try:
        # Damaged text is a ValueError too.
        tags = dataset.tags(ns=NAMESPACE)
        if tags["GRID"] != _grid_text(grid):
            return None
        count, largest, ring = int(tags["COUNT"]), float(tags["RADIUS"]), float(tags["RING"])
        beyond = float(tags.get("BEYOND", "0"))  # not in labels of earlier versions
        if not (0 <= count <= _MAX_POINTS and all(0 <= metres < math.inf for metres in (ring, largest, beyond))):
            return None
        packed, stream = base64.b64decode(tags["POINTS"], validate=True), zlib.decompressobj()
        # Damaged data must not fill the memory.
        raw = stream.decompress(packed, _POINT_BYTES * count + 1)
    except (KeyError, ValueError, OverflowError, binascii.Error, zlib.error):
        return None
    if len(raw) != _POINT_BYTES * count or not stream.eof:
        return None
    arrays, start = [], 0
    for kind in _ARRAYS:
        arrays.append(np.frombuffer(raw, kind, count, start).astype(np.float64))
        start += arrays[-1].size * np.dtype(kind).itemsize
    row, column, radius = arrays
    if not (all(np.isfinite(array).all() for array in arrays) and (radius >= 0).all()):
        return None
    return LandslideDiscs(row, column, radius, largest, ring, beyond)


def _grid_text(grid: Grid) -> str:
    transform = grid.transform
    return " ".join(repr(item) for item in (grid.width, grid.height, *map(float, transform[:6])))
