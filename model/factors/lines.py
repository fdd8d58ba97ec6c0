"""Preparing line layers for densities: duplicates, cutting, thinning, and coordinates in cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy as np

from ..errors import LayerEmpty, NoOverlap
from ..grid import Grid
from ..inputs.vectors import Lines
from ..progress import Progress, stop_if_cancelled

CELL_TOLERANCE, RADIUS_TOLERANCE = 1 / 100, 1 / 3000
"""Shares of the cell and of the radius, the smaller of which thinned lines may deviate from the layer's."""

BATCH = 1 << 18
"""Vertices that are prepared at once."""

LONGEST = 0.5
"""Longest straight piece as a share of the radius, so that all pieces reach about as many rows."""

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
    kept = _distinct(lines, role, progress)
    if not kept:
        raise LayerEmpty(f'The layer "{lines.name}" ({role}) has no line with a length. Choose another layer or leave '
                         f"the {role} out.")
    reach = np.array([radius / scale.smallest_width(), radius / scale.smallest_height()])
    low, high = -reach, np.array([grid.width, grid.height]) + reach
    cell = min(scale.smallest_width(), scale.smallest_height())
    tolerance = min(CELL_TOLERANCE * cell, RADIUS_TOLERANCE * radius)
    longest = max(LONGEST * radius, 4 * cell)
    if scale.varies:
        longest = min(longest, GEOGRAPHIC_PIECE)
    inverse = ~grid.transform
    least, most = np.full(2, np.inf), np.full(2, -np.inf)
    batches = []
    for group in _groups(lines, kept):
        stop_if_cancelled(progress)
        vertices, joined, _ = _joined(lines, group)
        vertices = vertices * [inverse.a, inverse.e] + [inverse.c, inverse.f]
        least, most = np.minimum(least, vertices.min(axis=0)), np.maximum(most, vertices.max(axis=0))
        first = np.flatnonzero(joined)
        start, end = vertices[first], vertices[first + 1]
        near = (np.maximum(start, end) >= low).all(axis=1) & (np.minimum(start, end) <= high).all(axis=1)
        start, end = start[near], end[near]
        start, end = _cut(start, end, scale, longest)
        batches.append(_thin(Pieces(start, end, _lengths(start, end, scale)), scale, tolerance, longest))
    if (most < low).any() or (least > high).any():
        raise NoOverlap(f'The layer "{lines.name}" ({role}) lies outside the DEM. Check its CRS, or choose the layer '
                        "of this area.")
    order = np.argsort(np.concatenate([batch.start[:, 1] + batch.end[:, 1] for batch in batches]), kind="stable")
    # One array after the other, and none kept longer than needed: millions of pieces fill memory.
    sorted_arrays = []
    for name in ("start", "end", "length"):
        sorted_arrays.append(np.concatenate([getattr(batch, name) for batch in batches])[order])
        for batch in batches:
            setattr(batch, name, None)
    pieces = Pieces(*sorted_arrays)
    if not len(pieces):
        progress.warn(f'No line of the layer "{lines.name}" ({role}) comes within {radius:g} m of the DEM, so the '
                      "density is 0 everywhere. Check that this is so in nature.")
    return pieces


def _groups(lines: Lines, kept: Sequence[int]) -> Iterator[list[int]]:
    """Give the numbers of the lines in groups of about ``BATCH`` vertices."""
    group: list[int] = []
    count = 0
    for number in kept:
        group.append(number)
        count += len(lines.parts[number])
        if count >= BATCH:
            yield group
            group, count = [], 0
    if group:
        yield group


def _joined(lines: Lines, group: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vertices of some lines, whether a line goes on from each to the next, and the place of its line.

    Vertices without coordinates are left out.
    """
    parts = [np.asarray(lines.parts[number], dtype=np.float64)[:, :2] for number in group]
    vertices, owner = np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    usable = np.isfinite(vertices).all(axis=1)
    if not usable.all():
        vertices, owner = vertices[usable], owner[usable]
    joined = np.zeros(len(vertices), dtype=bool)
    joined[:-1] = (owner[1:] == owner[:-1]) & (vertices[1:] != vertices[:-1]).any(axis=1)
    return vertices, joined, owner


def _distinct(lines: Lines, role: str, progress: Progress) -> list[int]:
    """Return the numbers of the lines that have a length, each line once."""
    numbers, extents, broken = [], [], 0
    for group in _groups(lines, range(len(lines.parts))):
        stop_if_cancelled(progress)
        vertices, joined, owner = _joined(lines, group)
        present, starts, counts = np.unique(owner, return_index=True, return_counts=True)
        broken += sum(len(lines.parts[number]) for number in group) - len(vertices)
        if not len(present):
            continue
        real = np.logical_or.reduceat(joined, starts)
        numbers.append(np.asarray(group)[present[real]])
        extents.append(np.column_stack([counts, np.minimum.reduceat(vertices, starts),
                                        np.maximum.reduceat(vertices, starts)])[real])
    if broken:
        progress.warn(f'{broken} vertices of the layer "{lines.name}" ({role}) have no coordinates and are left out.')
    if not numbers:
        return []
    # Lines can only be equal when they agree in vertices and extent; of those the coordinates are compared.
    number, extent = np.concatenate(numbers), np.concatenate(extents)
    _, kind, kinds = np.unique(extent, axis=0, return_inverse=True, return_counts=True)
    repeated: set[int] = set()
    seen: set[bytes] = set()
    for suspect in number[kinds[kind.reshape(-1)] > 1]:
        part = _joined(lines, [suspect])[0] + 0.0
        key = min(part.tobytes(), part[::-1].tobytes())
        if key in seen:
            repeated.add(int(suspect))
        seen.add(key)
    if repeated:
        progress.warn(f'{len(repeated)} lines of the layer "{lines.name}" ({role}) are there more than once and are '
                      "counted once.")
    return [int(one) for one in number if int(one) not in repeated]


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


def _thin(pieces: Pieces, scale: Scale, tolerance: float, longest: float) -> Pieces:
    """Join consecutive pieces up to ``longest`` metres as long as every point stays within ``tolerance`` metres.

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
        joins = (moved <= tolerance) & (total <= longest)
        left, right = left[joins], right[joins]
        quiet = quiet + 1 if len(left) * 50 < len(length) else 0
        end[left], length[left], deviation[left] = end[right], total[joins], moved[joins]
        kept = np.ones(len(length), dtype=bool)
        kept[right] = False
        start, end, length, deviation = start[kept], end[kept], length[kept], deviation[kept]
    return Pieces(start, end, length)
