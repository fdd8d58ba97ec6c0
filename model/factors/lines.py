"""Preparing line layers for densities: duplicates, cutting, thinning, and coordinates in cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import LayerEmpty, NoOverlap
from ..grid import Grid
from ..inputs.vectors import Lines
from ..progress import Progress, stop_if_cancelled

CELL_TOLERANCE, RADIUS_TOLERANCE = 1 / 100, 1 / 3000
"""Shares of the cell and of the radius, the smaller of which thinned lines may deviate from the layer's."""

BATCH = 1 << 18
"""Vertices that are prepared at once."""

MAX_SEGMENT_SHARE = 0.5
"""Longest straight piece as a share of the radius, so that all pieces reach about as many rows."""

MAX_GEOGRAPHIC_SEGMENT = 2000.0
"""Longest straight piece in metres on a geographic grid, where one scale holds along a piece."""


SORT_BANDS = 30_000
"""Bands of rows that pieces are sorted by: few enough for a radix sort of 16 bits."""


@dataclass
class Segments:
    """Straight pieces of lines in cell coordinates: ``start`` and ``end`` as (columns, rows), shape (2, pieces)."""

    start: np.ndarray
    end: np.ndarray
    length: np.ndarray
    """Length of line in metres that lies evenly along each piece, shape (pieces,)."""

    def __len__(self) -> int:
        return len(self.length)

    def take(self, chosen: np.ndarray | slice) -> Segments:
        """Return some of the pieces."""
        return Segments(self.start[:, chosen], self.end[:, chosen], self.length[chosen])


class CellSizeByRow:
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


def prepare_lines(
    lines: Lines, grid: Grid, radius: float, scale: CellSizeByRow, role: str, progress: Progress
) -> Segments:
    """Turn a line layer into straight pieces that lie within the radius of the grid, roughly in the order of rows.

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
    reach = np.array([[radius / scale.smallest_width()], [radius / scale.smallest_height()]])
    low, high = -reach, np.array([[grid.width], [grid.height]]) + reach
    cell = min(scale.smallest_width(), scale.smallest_height())
    tolerance = min(CELL_TOLERANCE * cell, RADIUS_TOLERANCE * radius)
    longest = max(MAX_SEGMENT_SHARE * radius, 4 * cell)
    if scale.varies:
        longest = min(longest, MAX_GEOGRAPHIC_SEGMENT)
    inverse = ~grid.transform
    least, most = np.full((2, 1), np.inf), np.full((2, 1), -np.inf)
    broken = 0
    batches = []
    for group in _line_batches(_unique_lines(lines, role, progress)):
        stop_if_cancelled(progress)
        vertices, ends, lost = _concatenate_lines(group)
        broken += lost
        # A vertex alone is no line.
        if vertices.shape[1] == np.count_nonzero(ends):
            continue
        vertices *= [[inverse.a], [inverse.e]]
        vertices += [[inverse.c], [inverse.f]]
        lowest, highest = vertices.min(axis=1, keepdims=True), vertices.max(axis=1, keepdims=True)
        least, most = np.minimum(least, lowest), np.maximum(most, highest)
        if (lowest < low).any() or (highest > high).any():
            vertices, ends = _drop_distant_steps(vertices, ends, low, high)
        vertices, length = _split_long_segments(vertices, ends, scale, longest)
        vertices, length = _simplify(vertices, length, scale, tolerance, longest)
        at = np.flatnonzero(length)
        batches.append(Segments(vertices[:, at], vertices[:, at + 1], length[at]))
    if broken:
        progress.warn(f'{broken} vertices of the layer "{lines.name}" ({role}) have no coordinates and are left out.')
    if not batches:
        raise LayerEmpty(
            f'The layer "{lines.name}" ({role}) has no line with a length. Choose another layer or leave '
            f"the {role} out."
        )
    if (most < low).any() or (least > high).any():
        raise NoOverlap(
            f'The layer "{lines.name}" ({role}) lies outside the study grid. Check its CRS, or choose the '
            "layer of this area."
        )
    segments = _sort_by_row(batches)
    if not len(segments):
        progress.warn(
            f'No line of the layer "{lines.name}" ({role}) comes within {radius:g} m of the study grid, so '
            "the density is 0 everywhere. Check that this is so in nature."
        )
    return segments


def _unique_lines(lines: Lines, role: str, progress: Progress) -> list[np.ndarray]:
    """Return the coordinates of the lines that have two vertices or more, each line once."""
    parts = [part for part in lines.parts if len(part) > 1]
    if not parts:
        return []
    # Lines can only be equal when they agree in vertices and ends; of those all coordinates are compared.
    ends = np.concatenate([part[:1] for part in parts]) + np.concatenate([part[-1:] for part in parts])
    key = np.nan_to_num(ends[:, :2]) @ [1.0, math.sqrt(2)] + np.array([len(part) for part in parts])
    order = np.argsort(key)
    same = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    repeated: set[int] = set()
    seen: set[bytes] = set()
    for suspect in np.unique(np.concatenate([order[same], order[same + 1]])).tolist():
        stop_if_cancelled(progress)
        part = _concatenate_lines([parts[suspect]])[0] + 0.0
        if part.shape[1] > 1:
            code = min(part.tobytes(), part[:, ::-1].tobytes())
            if code in seen:
                repeated.add(suspect)
            seen.add(code)
    if not repeated:
        return parts
    progress.warn(
        f'{len(repeated)} lines of the layer "{lines.name}" ({role}) are there more than once and are counted once.'
    )
    return [part for number, part in enumerate(parts) if number not in repeated]


def _line_batches(parts: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Give lines in groups of about ``BATCH`` vertices."""
    first = count = 0
    for number, part in enumerate(parts, 1):
        count += len(part)
        if count >= BATCH or number == len(parts):
            yield parts[first:number]
            first, count = number, 0


def _concatenate_lines(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the vertices of some lines one line after the other, and where lines end.

    Vertices without coordinates are left out, and so are those that repeat the one before.

    Returns:
        Coordinates, float64, shape (2, vertices); whether each vertex is the last of its line; and how many had no
        coordinates.
    """
    vertices = np.ascontiguousarray(np.concatenate(parts)[:, :2].T, dtype=np.float64)
    counts = np.array([len(part) for part in parts])
    ends = np.zeros(vertices.shape[1], dtype=bool)
    ends[np.cumsum(counts) - 1] = True
    lost = 0
    if not np.isfinite(vertices).all():
        usable = np.isfinite(vertices).all(axis=0)
        lost = int(np.count_nonzero(~usable))
        owner = np.repeat(np.arange(len(parts)), counts)[usable]
        vertices, ends = vertices[:, usable], np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    repeats = (vertices[0, 1:] == vertices[0, :-1]) & (vertices[1, 1:] == vertices[1, :-1]) & ~ends[:-1]
    if repeats.any():
        # The last of equal vertices stays: it is the one that knows whether the line ends.
        kept = np.append(~repeats, True)
        vertices, ends = vertices[:, kept], ends[kept]
    return vertices, ends, lost


def _drop_distant_steps(
    vertices: np.ndarray, ends: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the steps between vertices that lie beyond ``low`` or ``high``, both of shape (2, 1)."""
    below, above = vertices < low, vertices > high
    away = ((below[:, 1:] & below[:, :-1]) | (above[:, 1:] & above[:, :-1])).any(axis=0)
    ends = ends.copy()
    ends[:-1] |= away
    kept = ~ends
    kept[1:] |= ~ends[:-1]
    return vertices[:, kept], ends[kept]


def _split_long_segments(
    vertices: np.ndarray, ends: np.ndarray, scale: CellSizeByRow, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the steps from vertex to vertex, and cut those longer than ``longest`` metres into equal pieces.

    Returns:
        Vertices, shape (2, vertices), and metres from each to the next, 0 where a line ends.
    """
    length = _segment_lengths(vertices, ends, scale)
    if not (length > longest).any():
        return vertices, length
    counts = np.ceil(length / longest).astype(np.int64).clip(1)
    owner = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[owner]
    step = np.diff(vertices, axis=1, append=vertices[:, -1:])
    vertices = vertices[:, owner] + share * step[:, owner]
    return vertices, _segment_lengths(vertices, ends[owner], scale)


def _segment_lengths(vertices: np.ndarray, ends: np.ndarray, scale: CellSizeByRow) -> np.ndarray:
    """Return the metres from each vertex to the next, 0 where a line ends."""
    width, height = scale.at((vertices[1, 1:] + vertices[1, :-1]) / 2)
    length = np.zeros(len(ends))
    length[:-1] = np.sqrt(np.square(np.diff(vertices[0]) * width) + np.square(np.diff(vertices[1]) * height))
    length[ends] = 0
    return length


def _simplify(
    vertices: np.ndarray, length: np.ndarray, scale: CellSizeByRow, tolerance: float, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out vertices as long as every point of a line stays within ``tolerance`` metres of the place it had.

    Each pass looks at every second vertex of a line, counted from its start so that the other lines do not matter, and
    adds to the deviation of the pieces beside it the distance of the vertex from the point of the joined piece at the
    same length along the line. No piece grows beyond ``longest``.
    """
    deviation = np.zeros(len(length))
    quiet = 0
    while len(length) > 2 and quiet < 2:
        # A pass that leaves little out is followed by one over the others.
        between = _alternate_vertices(length, 1 + quiet)
        first, second = length[between - 1], length[between]
        total = first + second
        near = np.flatnonzero(total <= longest)
        between, total, share = between[near], total[near], first[near] / total[near]
        at, onward = vertices[:, between - 1], vertices[:, between + 1]
        away = at - vertices[:, between] + share * (onward - at)
        width, height = scale.at(vertices[1, between])
        moved = np.maximum(deviation[between - 1], deviation[between])
        moved += np.sqrt(np.square(away[0] * width) + np.square(away[1] * height))
        joins = np.flatnonzero(moved <= tolerance)
        quiet = quiet + 1 if len(joins) * 50 < len(length) else 0
        if len(joins):
            left_out = between[joins]
            length[left_out - 1], deviation[left_out - 1] = total[joins], moved[joins]
            kept = np.ones(len(length), dtype=bool)
            kept[left_out] = False
            at = np.flatnonzero(kept)
            vertices, length, deviation = np.take(vertices, at, axis=1), length[at], deviation[at]
    return vertices, length


def _alternate_vertices(length: np.ndarray, first: int) -> np.ndarray:
    """Return the numbers of every second vertex of each line, from its ``first`` one on, except where lines end."""
    ends = np.flatnonzero(length == 0)
    starts = np.append(0, ends[:-1] + 1) if len(ends) else np.zeros(1, dtype=np.int64)
    chosen = np.zeros(len(length) + 1, dtype=bool)
    place = np.arange(len(length), dtype=np.int32) - np.repeat(starts + first, np.diff(np.append(starts, len(length))))
    np.equal(place & 1, 0, out=chosen[:-1])
    chosen[:-1] &= (place >= 0) & (length > 0)
    return np.flatnonzero(chosen[:-1])


def _sort_by_row(batches: list[Segments]) -> Segments:
    """Bring pieces into the order of the row of their middle, to within a band of rows.

    One array after the other, and none kept longer than needed: millions of pieces fill memory.
    """
    middle = np.concatenate([batch.start[1] + batch.end[1] for batch in batches])
    if len(middle):
        middle -= middle.min()
        middle *= SORT_BANDS / max(float(middle.max()), SORT_BANDS)
    order = np.argsort(middle.astype(np.int16), kind="stable")
    arrays = []
    for name in ("start", "end", "length"):
        arrays.append(np.take(np.concatenate([getattr(batch, name) for batch in batches], axis=-1), order, axis=-1))
        for batch in batches:
            setattr(batch, name, None)
    return Segments(*arrays)
