"""Half-basins: the land on the left and on the right of each link of a stream network, nested for every threshold.

The main stem of a stream goes on above its head to the ridge, along the largest contributing area, so that the land
above the head has two sides too, and a half-basin of a coarse network is a union of half-basins of each finer one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import Progress, stop_if_cancelled
from .flow_routing import LEVELS_PER_CHECK, OUTLET, FlowRouting, neighbour, strips

LEFT, RIGHT = 0, 1
NO_HALF = np.iinfo(np.int32).min  # where there are no data
_NO_DONOR, _JUNCTION = 15, 16


@dataclass
class StreamLinks:
    """Links of a stream network between junctions, those downstream before those upstream."""

    downstream: np.ndarray  # int64: link that it flows into, -1 where water leaves the land
    side: np.ndarray  # int8: side of that link on which it arrives; no meaning for main stems
    is_main: np.ndarray  # bool: whether it is the main stem of the junction at its lower end
    area: np.ndarray  # float64: contributing area at its lowest cell, m²
    joined_from: np.ndarray
    """float64: threshold from which it is one with the link downstream, or with its hillside; infinite at outlets."""

    def __len__(self) -> int:
        return len(self.area)


def find_half_basins(flow: FlowRouting, threshold: float, progress: Progress) -> tuple[np.ndarray, StreamLinks]:
    """Divide the land into the half-basins of the streams with a contributing area of at least ``threshold`` m².

    Returns:
        int32 with the border of ``flow``: 2 · link + side, :data:`NO_HALF` without data. It is ``flow.scratch``.
        Cells of a stream are on its right.
    """
    main = _main_donors(flow, threshold, progress)
    label = flow.scratch
    label.fill(NO_HALF)
    half, to, stem, area = label.ravel(), flow.direction.ravel(), main.ravel(), flow.area.ravel()
    offsets, count = flow.offsets, 0
    made: list[tuple[np.ndarray, ...]] = []
    # While cells are labelled, those of a stem hold -1 - link.
    for level in range(len(flow.levels) - 2, -1, -1):
        if level % LEVELS_PER_CHECK == 0:
            stop_if_cancelled(progress)
            progress.report(1 - flow.levels[level + 1] / len(flow.order))
        cells = flow.order[flow.levels[level] : flow.levels[level + 1]]
        number = to[cells]
        below = cells + offsets[number]
        values = half[below]
        at_outlet = number == OUTLET
        on_stem = (values < 0) & ~at_outlet
        came_from, stem_below = (number + 4) & 7, stem[below]
        is_main, large = (stem_below & 15) == came_from, area[cells] >= threshold
        new = at_outlet | (on_stem & large & (~is_main | (stem_below >= _JUNCTION)))
        joins = np.flatnonzero(on_stem & ~is_main & ~large)
        if len(joins):
            side = _side(to[below[joins]], stem_below[joins] & 15, came_from[joins])
            values[joins] = 2 * (-1 - values[joins]) + side
        place = np.flatnonzero(new)
        if len(place):
            made.append((cells[place], np.where(at_outlet[place], -1, -1 - half[below[place]]), is_main[place]))
            values[place] = -1 - np.arange(count, count + len(place), dtype=np.int32)
            count += len(place)
        half[cells] = values
    links = _links(flow, stem, made)
    for rows in strips(label.shape):
        part = label[rows]
        on_stem = (part < 0) & (part != NO_HALF)
        part[on_stem] = 2 * (-1 - part[on_stem]) + RIGHT
    return label, links


def _main_donors(flow: FlowRouting, threshold: float, progress: Progress) -> np.ndarray:
    """Return the direction to the neighbour from which most water comes, uint8, 15 for none; 16 is added at junctions
    of two streams or more.
    """
    main = np.full(flow.direction.shape, _NO_DONOR, dtype=np.uint8)
    for rows in strips(main.shape):
        stop_if_cancelled(progress)
        best, second = np.zeros((2, rows.stop - rows.start, main.shape[1] - 2), dtype=np.float32)
        found = main[rows, 1:-1]
        for number in range(8):
            gives = neighbour(flow.direction, rows, number) == (number + 4) % 8
            area = np.where(gives, neighbour(flow.area, rows, number), np.float32(0))
            np.maximum(second, np.minimum(best, area), out=second)
            larger = area > best
            found[larger] = number
            np.maximum(best, area, out=best)
        found[second >= threshold] += _JUNCTION
    return main


def _side(onward: np.ndarray, stem: np.ndarray, came_from: np.ndarray) -> np.ndarray:
    """Return on which side of a stem water arrives, seen downstream; three directions at the cell that it reaches."""
    # Where water leaves the land, straight on from where the stem comes from.
    onward = np.where(onward == OUTLET, (stem + 4) & 7, onward)
    return np.where(((came_from - onward) & 7) < ((stem - onward) & 7), RIGHT, LEFT).astype(np.int32)


def _links(flow: FlowRouting, stem: np.ndarray, made: list[tuple[np.ndarray, ...]]) -> StreamLinks:
    cells, downstream, is_main = (np.concatenate(part) for part in zip(*made))
    to, area, offsets = flow.direction.ravel(), flow.area.ravel(), flow.offsets
    number = to[cells]
    below = cells + offsets[number]
    side = _side(to[below], stem[below] & 15, (number + 4) & 7).astype(np.int8)
    own = area[cells].astype(np.float64)
    second = np.zeros(len(cells))
    for direction in range(8):
        beside = below + offsets[direction]
        gives = (to[beside] == (direction + 4) % 8) & (beside != cells)
        second = np.maximum(second, np.where(gives, area[beside], 0))
    joined = np.where(downstream < 0, np.inf, np.where(is_main, second, own))
    return StreamLinks(downstream.astype(np.int64), side, is_main, own, joined)


def coarser_halves(links: StreamLinks, thresholds: np.ndarray) -> np.ndarray:
    """Return the half-basin of coarser networks that each half-basin lies in.

    Args:
        links: of the finest network.
        thresholds: contributing areas in m², rising.

    Returns:
        int32, shape (thresholds, 2 · links): 2 · link + side, of the lowest of the links that are one.
    """
    count = len(links)
    # Of a link: -1 - the link that it is a part of, or the half-basin that it lies in.
    state = np.empty((len(thresholds), count), dtype=np.int32)
    depth = _depths(links.downstream)
    by_depth = np.argsort(depth, kind="stable")
    starts = np.searchsorted(depth[by_depth], np.arange(int(depth.max()) + 2)) if count else np.zeros(1, dtype=int)
    for first, last in zip(starts[:-1], starts[1:]):
        these = by_depth[first:last]
        below = state[:, np.maximum(links.downstream[these], 0)]
        beside = np.where(below < 0, 2 * (-1 - below) + links.side[these], below)
        joined = np.where(links.is_main[these], below, beside)
        own = links.joined_from[these] >= thresholds[:, None]
        state[:, these] = np.where(own, -1 - these, joined)
    result = np.empty((len(thresholds), 2 * count), dtype=np.int32)
    for side in (LEFT, RIGHT):
        result[:, side::2] = np.where(state < 0, 2 * (-1 - state) + side, state)
    return result


def _depths(downstream: np.ndarray) -> np.ndarray:
    """Return how many links are downstream of each."""
    depth = np.where(downstream < 0, 0, 1).astype(np.int64)
    ahead = np.where(downstream < 0, np.arange(len(downstream)), downstream)
    while True:
        further = depth[ahead]
        if not further.any():
            return depth
        depth, ahead = depth + further, ahead[ahead]
