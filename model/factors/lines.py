"""Preparing line layers for densities: duplicates, cutting, thinning, and coordinates in cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import LayerEmpty, NoOverlap
from ..grid import Grid
from ..inputs.vectors import Lines
from ..progress import Progress

CELL_TOLERANCE, RADIUS_TOLERANCE = 1 / 40, 1 / 1000
"""Shares of the cell and of the radius, the smaller of which thinned lines may deviate from the layer's."""

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
    thinned: what is left deviates by a small share of cell and radius and keeps the layer's length.

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
    vertices, joined = _distinct(lines, role, progress)
    if not joined.any():
        raise LayerEmpty(f'The layer "{lines.name}" ({role}) has no line with a length. Choose another layer or leave '
                         f"the {role} out.")
    inverse = ~grid.transform
    vertices = np.stack([vertices[:, 0] * inverse.a + inverse.c, vertices[:, 1] * inverse.e + inverse.f], axis=1)
    reach = np.array([radius / scale.smallest_width(), radius / scale.smallest_height()])
    low, high = -reach, np.array([grid.width, grid.height]) + reach
    if (vertices.max(axis=0) < low).any() or (vertices.min(axis=0) > high).any():
        raise NoOverlap(f'The layer "{lines.name}" ({role}) lies outside the DEM. Check its CRS, or choose the layer '
                        "of this area.")
    first = np.flatnonzero(joined)
    start, end = vertices[first], vertices[first + 1]
    near = (np.maximum(start, end) >= low).all(axis=1) & (np.minimum(start, end) <= high).all(axis=1)
    start, end = start[near], end[near]
    if not len(start):
        progress.warn(f'No line of the layer "{lines.name}" ({role}) comes within {radius:g} m of the DEM, so the '
                      "density is 0 everywhere. Check that this is so in nature.")
    if scale.varies:
        start, end = _cut(start, end, scale, min(radius, GEOGRAPHIC_PIECE))
    pieces = Pieces(start, end, _lengths(start, end, scale))
    kept = pieces.length > 0
    cell = min(scale.smallest_width(), scale.smallest_height())
    pieces = _thin(pieces.take(kept), scale, min(CELL_TOLERANCE * cell, RADIUS_TOLERANCE * radius))
    return pieces.take(np.argsort(pieces.start[:, 1] + pieces.end[:, 1], kind="stable"))


def _distinct(lines: Lines, role: str, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of all lines, each line once, and whether a line goes on from each vertex to the next."""
    if not lines.parts:
        return np.empty((0, 2)), np.zeros(0, dtype=bool)
    vertices = np.concatenate([np.asarray(part, dtype=np.float64)[:, :2] for part in lines.parts])
    owner = np.repeat(np.arange(len(lines.parts)), [len(part) for part in lines.parts])
    usable = np.isfinite(vertices).all(axis=1)
    if not usable.all():
        progress.warn(f'{len(np.unique(owner[~usable]))} lines of the layer "{lines.name}" ({role}) have vertices '
                      "without coordinates, which are left out.")
        vertices, owner = vertices[usable], owner[usable]
    # Lines can only be equal when they agree in vertices and extent; of those the coordinates are compared.
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    counts = np.diff(starts, append=len(owner))
    extents = np.column_stack([counts, np.minimum.reduceat(vertices, starts), np.maximum.reduceat(vertices, starts)])
    _, kind, kinds = np.unique(extents, axis=0, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(kinds[kind.reshape(-1)] > 1)
    kept = np.ones(len(starts), dtype=bool)
    seen: set[bytes] = set()
    for line in suspects:
        part = vertices[starts[line]:starts[line] + counts[line]] + 0.0
        key = min(part.tobytes(), part[::-1].tobytes())
        kept[line] = key not in seen
        seen.add(key)
    if not kept.all():
        progress.warn(f'{np.count_nonzero(~kept)} lines of the layer "{lines.name}" ({role}) are there more than once '
                      "and are counted once.")
    joined = np.zeros(len(vertices), dtype=bool)
    joined[:-1] = (owner[1:] == owner[:-1]) & (vertices[1:] != vertices[:-1]).any(axis=1)
    joined &= np.repeat(kept, counts)
    return vertices, joined


def _lengths(start: np.ndarray, end: np.ndarray, scale: Scale) -> np.ndarray:
    width, height = scale.at((start[:, 1] + end[:, 1]) / 2)
    return np.hypot((end[:, 0] - start[:, 0]) * width, (end[:, 1] - start[:, 1]) * height)


def _cut(start: np.ndarray, end: np.ndarray, scale: Scale, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Cut segments into equal pieces of at most ``longest`` metres."""
    step = end - start
    width = np.maximum(scale.at(start[:, 1])[0], scale.at(end[:, 1])[0])
    height = scale.at(start[:, 1])[1]
    counts = np.ceil(np.hypot(step[:, 0] * width, step[:, 1] * height) / longest).astype(np.int64).clip(1)
    if not (counts > 1).any():
        return start, end
    owner = np.repeat(np.arange(len(start)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    corner = start[owner] + (number / counts[owner])[:, None] * step[owner]
    last = number == counts[owner] - 1
    following = np.empty_like(corner)
    following[:-1] = corner[1:]
    following[last] = end
    return corner, following


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
