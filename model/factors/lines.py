"""Preparing line layers for densities: duplicates, cutting, thinning, and coordinates in cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import LayerEmpty, NoOverlap
from ..grid import Grid
from ..inputs.vectors import Lines
from ..progress import Progress

TOLERANCE = 0.01
"""Share of a cell, or of the radius if that is smaller, by which thinned lines may deviate from the layer's."""

GEOGRAPHIC_PIECE = 2000.0
"""Longest straight piece in metres on a geographic grid, where one scale holds along a piece."""


@dataclass
class Pieces:
    """Straight pieces of lines in cell coordinates: ``start`` and ``end`` as (column, row), shape (pieces, 2)."""

    start: np.ndarray
    end: np.ndarray
    length: np.ndarray
    """Length of line in metres that lies evenly along each piece, shape (pieces,)."""

    def __len__(self) -> int:
        return len(self.length)

    def take(self, chosen: np.ndarray) -> "Pieces":
        """Return some of the pieces."""
        return Pieces(self.start[chosen], self.end[chosen], self.length[chosen])


class Scale:
    """Cell width and height in metres at any row, also beyond the grid."""

    def __init__(self, grid: Grid, reach: float) -> None:
        """Tabulate the rows of ``grid`` and those within ``reach`` metres of it."""
        self.varies = grid.is_geographic
        smallest = float(grid.spacing(0, 1)[1][0])
        self._margin = math.ceil(1.1 * reach / smallest) + 2 if self.varies else 0
        rows = grid.height + 2 * self._margin if self.varies else 1
        self._width, self._height = grid.spacing(-self._margin, rows)

    def at(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cell width and height at rows (float), each of the shape of ``row`` or a single number."""
        if not self.varies:
            return self._width[0], self._height[0]
        index = np.clip(row.astype(np.int64) + self._margin, 0, len(self._width) - 1)
        return self._width[index], self._height[index]

    def smallest_width(self) -> float:
        """Return the smallest cell width in metres."""
        return float(self._width.min())

    def smallest_height(self) -> float:
        """Return the smallest cell height in metres."""
        return float(self._height.min())


def prepare_lines(lines: Lines, grid: Grid, radius: float, scale: Scale, role: str, progress: Progress) -> Pieces:
    """Turn a line layer into straight pieces that lie within the radius of the grid.

    Lines that are there twice, also in the opposite direction, count once. Vertices far finer than the cell are
    thinned: what is left deviates by at most ``TOLERANCE`` and keeps the length of the layer.

    Args:
        lines: the layer, in the grid's CRS.
        grid: the study grid.
        radius: of the density, in metres.
        scale: metres per cell, at least ``radius`` beyond the grid.
        role: what the lines are ("rivers"), for messages.
        progress: told of duplicates and when no line comes near.

    Raises:
        LayerEmpty: there is no line.
        NoOverlap: the whole layer lies elsewhere.
    """
    distinct = _distinct(lines, role, progress)
    if not distinct:
        raise LayerEmpty(f'The layer "{lines.name}" ({role}) has no line with a length. Choose another layer or leave '
                         f"the {role} out.")
    vertices = np.concatenate(distinct)
    inverse = ~grid.transform
    vertices = np.stack([vertices[:, 0] * inverse.a + inverse.c, vertices[:, 1] * inverse.e + inverse.f], axis=1)
    reach = np.array([radius / scale.smallest_width(), radius / scale.smallest_height()])
    low, high = -reach, np.array([grid.width, grid.height]) + reach
    if (vertices.max(axis=0) < low).any() or (vertices.min(axis=0) > high).any():
        raise NoOverlap(f'The layer "{lines.name}" ({role}) lies outside the DEM. Check its CRS, or choose the layer '
                        "of this area.")
    counts = np.array([len(part) for part in distinct])
    joined = np.ones(len(vertices), dtype=bool)
    joined[np.cumsum(counts) - 1] = False
    first = np.flatnonzero(joined)
    start, end = vertices[first], vertices[first + 1]
    near = (np.maximum(start, end) >= low).all(axis=1) & (np.minimum(start, end) <= high).all(axis=1)
    start, end, first = start[near], end[near], first[near]
    if not len(start):
        progress.warn(f'No line of the layer "{lines.name}" ({role}) comes within {radius:g} m of the DEM, so the '
                      "density is 0 everywhere. Check that this is so in nature.")
    if scale.varies:
        start, end, first = _cut(start, end, first, scale, min(radius, GEOGRAPHIC_PIECE))
    pieces = Pieces(start, end, _lengths(start, end, scale))
    kept = pieces.length > 0
    cell = min(scale.smallest_width(), scale.smallest_height())
    pieces = _thin(pieces.take(kept), scale, TOLERANCE * min(cell, radius))
    return pieces.take(np.argsort(pieces.start[:, 1] + pieces.end[:, 1], kind="stable"))


def _distinct(lines: Lines, role: str, progress: Progress) -> list[np.ndarray]:
    """Return the parts that have a length, each once."""
    seen: set[bytes] = set()
    distinct = []
    twice = broken = 0
    for part in lines.parts:
        part = np.asarray(part, dtype=np.float64)[:, :2]
        usable = part[np.isfinite(part).all(axis=1)]
        broken += len(usable) < len(part)
        if len(usable) < 2 or (usable == usable[0]).all():
            continue
        forward, backward = usable.tobytes(), usable[::-1].tobytes()
        key = min(forward, backward)
        if key in seen:
            twice += 1
            continue
        seen.add(key)
        distinct.append(usable)
    if twice:
        progress.warn(f'{twice} lines of the layer "{lines.name}" ({role}) are there more than once and are counted '
                      "once.")
    if broken:
        progress.warn(f'{broken} lines of the layer "{lines.name}" ({role}) have vertices without coordinates, which '
                      "are left out.")
    return distinct


def _lengths(start: np.ndarray, end: np.ndarray, scale: Scale) -> np.ndarray:
    width, height = scale.at((start[:, 1] + end[:, 1]) / 2)
    return np.hypot((end[:, 0] - start[:, 0]) * width, (end[:, 1] - start[:, 1]) * height)


def _cut(start: np.ndarray, end: np.ndarray, first: np.ndarray, scale: Scale, longest: float
         ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut segments into equal pieces of at most ``longest`` metres."""
    step = end - start
    width = np.maximum(scale.at(start[:, 1])[0], scale.at(end[:, 1])[0])
    height = scale.at(start[:, 1])[1]
    counts = np.ceil(np.hypot(step[:, 0] * width, step[:, 1] * height) / longest).astype(np.int64).clip(1)
    owner = np.repeat(np.arange(len(start)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (number / counts[owner])[:, None], ((number + 1) / counts[owner])[:, None]
    origin, step = start[owner], step[owner]
    return origin + share[0] * step, origin + share[1] * step, first[owner]


def _thin(pieces: Pieces, scale: Scale, tolerance: float) -> Pieces:
    """Join consecutive pieces as long as every point of the line stays within ``tolerance`` metres.

    Pairs are joined, then pairs of pairs: each pass adds to the deviation of a piece the distance of the vertex it
    gives up from the point of the new piece at the same length along the line.
    """
    start, end, length = pieces.start, pieces.end, pieces.length
    deviation = np.zeros(len(length))
    quiet = 0
    while len(length) > 1 and quiet < 2:
        follows = np.zeros(len(length), dtype=bool)
        follows[1:] = (start[1:] == end[:-1]).all(axis=1)
        # Rank along the line: even pieces may take the one after them; a quiet pass shifts the pairs by one.
        number = np.arange(len(length))
        rank = number - np.maximum.accumulate(np.where(follows, 0, number)) + quiet
        left = np.flatnonzero((rank[:-1] % 2 == 0) & follows[1:])
        right = left + 1
        total = length[left] + length[right]
        share = (length[left] / total)[:, None]
        away = end[left] - (start[left] + share * (end[right] - start[left]))
        width, height = scale.at(end[left][:, 1])
        moved = np.maximum(deviation[left], deviation[right]) + np.hypot(away[:, 0] * width, away[:, 1] * height)
        joins = moved <= tolerance
        left, right = left[joins], right[joins]
        quiet = quiet + 1 if len(left) * 50 < len(length) else 0
        end[left], length[left], deviation[left] = end[right], total[joins], moved[joins]
        kept = np.ones(len(length), dtype=bool)
        kept[right] = False
        start, end, length, deviation = start[kept], end[kept], length[kept], deviation[kept]
    return Pieces(start, end, length)
