"""Prepare line layers for densities: remove duplicates, clip, split, simplify, and convert to cell coordinates."""

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
"""Simplified lines deviate from the layer's by at most the smaller of these shares of the cell and of the radius."""
BATCH = 1 << 18  # vertices that are prepared at once
MAX_SEGMENT_SHARE = 0.5  # longest segment as a share of the radius, so that all segments reach about as many rows
MAX_GEOGRAPHIC_SEGMENT = 2000.0
"""Longest segment in metres on a geographic grid, where one scale is used along a segment."""
SORT_BANDS = 30_000  # bands of rows that segments are sorted by: few enough for a radix sort of 16 bits


@dataclass
class Segments:
    """Straight segments of lines in cell coordinates: ``start`` and ``end`` as (columns, rows), shape (2, segments)."""

    start: np.ndarray
    end: np.ndarray
    length: np.ndarray  # length of line in metres, spread evenly along each segment, shape (segments,)

    def __len__(self) -> int:
        return len(self.length)

    def take(self, chosen: np.ndarray | slice) -> Segments:
        """Return some of the segments."""
        return Segments(self.start[:, chosen], self.end[:, chosen], self.length[chosen])


class CellSizeByRow:
    """Cell width and height in metres at any row of the grid and within ``reach`` metres of it."""

    def __init__(self, grid: Grid, reach: float) -> None:
        self.varies = grid.is_geographic
        smallest = float(grid.spacing(0, 1)[1][0])
        self._margin = math.ceil(1.1 * reach / smallest) + 2 if self.varies else 0
        rows = grid.height + 2 * self._margin if self.varies else 1
        self._width, self._height = grid.spacing(-self._margin, rows)

        self.smallest = float(self._width.min()), float(self._height.min())  # smallest cell width and height in metres

    def size_at(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cell width and height at rows (float), each of the shape of ``row`` or a single number."""
        if not self.varies:
            return self._width[0], self._height[0]
        index = np.clip(row.astype(np.int64) + self._margin, 0, len(self._width) - 1)
        return self._width[index], self._height[index]


def prepare_lines(
    lines: Lines, grid: Grid, radius: float, cell_size: CellSizeByRow, role: str, progress: Progress
) -> Segments:
    """Turn a line layer into the segments that lie within the radius of the grid, roughly in the order of rows.

    Duplicate lines, also those in the opposite direction, count once. Lines with vertices far finer than the cell are
    simplified: the result deviates by a small share of cell and radius and keeps the layer's length.

    Args:
        lines: the layer, in the grid's CRS.
        radius: of the density, in metres; ``cell_size`` reaches at least as far beyond the grid.
        role: what the lines are ("rivers"), for messages.

    Raises ``LayerEmpty`` if there is no line; ``NoOverlap`` if the whole layer lies elsewhere.
    """
    layer = f'layer "{lines.name}" ({role})'
    reach = radius / np.array(cell_size.smallest)[:, None]
    low, high = -reach, np.array([[grid.width], [grid.height]]) + reach
    cell = min(cell_size.smallest)
    tolerance = min(CELL_TOLERANCE * cell, RADIUS_TOLERANCE * radius)
    longest = max(MAX_SEGMENT_SHARE * radius, 4 * cell)
    if cell_size.varies:
        longest = min(longest, MAX_GEOGRAPHIC_SEGMENT)
    inverse = ~grid.transform
    least, most = np.full((2, 1), np.inf), np.full((2, 1), -np.inf)
    broken = 0
    batches = []
    for group in _line_batches(_unique_lines(lines.parts, layer, progress)):
        stop_if_cancelled(progress)
        vertices, ends, lost = _concatenate_lines(group)
        broken += lost
        # A single vertex is not a line.
        if vertices.shape[1] == np.count_nonzero(ends):
            continue
        vertices *= [[inverse.a], [inverse.e]]
        vertices += [[inverse.c], [inverse.f]]
        lowest, highest = vertices.min(axis=1, keepdims=True), vertices.max(axis=1, keepdims=True)
        least, most = np.minimum(least, lowest), np.maximum(most, highest)
        if (lowest < low).any() or (highest > high).any():
            vertices, ends = _drop_distant_steps(vertices, ends, low, high)
        vertices, length = _split_long_segments(vertices, ends, cell_size, longest)
        vertices, length = _simplify(vertices, length, cell_size, tolerance, longest)
        index = np.flatnonzero(length)
        batches.append(Segments(vertices[:, index], vertices[:, index + 1], length[index]))
    if broken:
        progress.warn(f"{broken} vertices of the {layer} have no coordinates and are left out.")
    if not batches:
        raise LayerEmpty(f"The {layer} has no line with a length. Choose another layer or leave the {role} out.")
    if (most < low).any() or (least > high).any():
        raise NoOverlap(f"The {layer} lies outside the study grid. Check its CRS, or choose another layer.")
    segments = _sort_by_row(batches)
    if not len(segments):
        far = f"No line of the {layer} comes within {radius:g} m of the study grid"
        progress.warn(f"{far}, so the density is 0 everywhere. Check that this is plausible.")
    return segments


def _unique_lines(parts: list[np.ndarray], layer: str, progress: Progress) -> list[np.ndarray]:
    parts = [part for part in parts if len(part) > 1]
    if not parts:
        return []
    # Equal lines agree in the number of vertices and in the ends; only of such lines all coordinates are compared.
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
    progress.warn(f"{len(repeated)} lines of the {layer} are duplicates of others and are ignored.")
    return [part for number, part in enumerate(parts) if number not in repeated]


def _line_batches(parts: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    first = count = 0
    for number, part in enumerate(parts, 1):
        count += len(part)
        if count >= BATCH or number == len(parts):
            yield parts[first:number]
            first, count = number, 0


def _concatenate_lines(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """Join the vertices of some lines, without those that have no coordinates or repeat the one before.

    Returns coordinates, shape (2, vertices), whether each is the last of its line, and how many had no coordinates.
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
        # The last of equal vertices stays: it is the one that marks the end of the line.
        kept = np.append(~repeats, True)
        vertices, ends = vertices[:, kept], ends[kept]
    return vertices, ends, lost


def _drop_distant_steps(
    vertices: np.ndarray, ends: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Drop the steps between vertices that lie beyond ``low`` or ``high``, both of shape (2, 1)."""
    below, above = vertices < low, vertices > high
    away = ((below[:, 1:] & below[:, :-1]) | (above[:, 1:] & above[:, :-1])).any(axis=0)
    ends = ends.copy()
    ends[:-1] |= away
    kept = ~ends
    kept[1:] |= ~ends[:-1]
    return vertices[:, kept], ends[kept]


def _split_long_segments(
    vertices: np.ndarray, ends: np.ndarray, cell_size: CellSizeByRow, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Split steps longer than ``longest`` metres into equal segments; return vertices and metres between them."""
    length = _segment_lengths(vertices, ends, cell_size)
    if not (length > longest).any():
        return vertices, length
    counts = np.ceil(length / longest).astype(np.int64).clip(1)
    owner = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[owner]
    step = np.diff(vertices, axis=1, append=vertices[:, -1:])
    vertices = vertices[:, owner] + share * step[:, owner]
    return vertices, _segment_lengths(vertices, ends[owner], cell_size)


def _segment_lengths(vertices: np.ndarray, ends: np.ndarray, cell_size: CellSizeByRow) -> np.ndarray:
    width, height = cell_size.size_at((vertices[1, 1:] + vertices[1, :-1]) / 2)
    length = np.zeros(len(ends))
    length[:-1] = np.sqrt(np.square(np.diff(vertices[0]) * width) + np.square(np.diff(vertices[1]) * height))
    length[ends] = 0
    return length


def _simplify(
    vertices: np.ndarray, length: np.ndarray, cell_size: CellSizeByRow, tolerance: float, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Drop vertices as long as no point of a line moves by more than ``tolerance`` metres.

    Each pass tests every second vertex of a line, counted from its start so that the other lines do not matter, and
    adds to the deviation of the segments beside it the distance of the vertex from the point of the joined segment at
    the same length along the line. No segment grows beyond ``longest``.
    """
    deviation = np.zeros(len(length))
    quiet = 0
    while len(length) > 2 and quiet < 2:
        # A pass that drops few vertices is followed by one over the others.
        between = _alternate_vertices(length, 1 + quiet)
        first, second = length[between - 1], length[between]
        total = first + second
        near = np.flatnonzero(total <= longest)
        between, total, share = between[near], total[near], first[near] / total[near]
        before, after = vertices[:, between - 1], vertices[:, between + 1]
        away = before - vertices[:, between] + share * (after - before)
        width, height = cell_size.size_at(vertices[1, between])
        moved = np.maximum(deviation[between - 1], deviation[between])
        moved += np.sqrt(np.square(away[0] * width) + np.square(away[1] * height))
        joins = np.flatnonzero(moved <= tolerance)
        quiet = quiet + 1 if len(joins) * 50 < len(length) else 0
        if len(joins):
            dropped = between[joins]
            length[dropped - 1], deviation[dropped - 1] = total[joins], moved[joins]
            mask = np.ones(len(length), dtype=bool)
            mask[dropped] = False
            kept = np.flatnonzero(mask)
            vertices, length, deviation = np.take(vertices, kept, axis=1), length[kept], deviation[kept]
    return vertices, length


def _alternate_vertices(length: np.ndarray, first: int) -> np.ndarray:
    """Return the indices of every second vertex of each line, from its ``first`` one on, except where lines end."""
    ends = np.flatnonzero(length == 0)
    starts = np.append(0, ends[:-1] + 1) if len(ends) else np.zeros(1, dtype=np.int64)
    counts = np.diff(np.append(starts, len(length)))
    index = np.arange(len(length), dtype=np.int32) - np.repeat(starts + first, counts)
    return np.flatnonzero((index & 1 == 0) & (index >= 0) & (length > 0))


def _sort_by_row(batches: list[Segments]) -> Segments:
    """Sort segments by the row of their middle, to within a band of rows.

    One array after the other, and none kept longer than needed: millions of segments fill memory.
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
