"""Where windows lie: evenly over the labelled area, and once more at the landslides, never centred on them.

A network that mostly sees slopes near landslides learns the neighbourhood and not the region, yet its map is judged
over the region. So most windows cover the area evenly, and those at landslides only make sure that each of them is
met whole and in different places of a window.
"""

from __future__ import annotations

import numpy as np

from .survey import Survey

MOST_WINDOWS = 4000
"""About the paper's number (3,991)."""
ENOUGH_WINDOWS = 1200
MOST_LATTICES = 4
"""A small area is covered up to this many times, each time shifted."""
JITTER = (0.1, 0.9)
"""Where in a window, as a share of its side, the landslide cell may come to lie that it was drawn for."""
_LIKELY_SHARE = 0.15


def place_windows(survey: Survey, side: int, most: int, seed: int) -> np.ndarray:
    """Choose windows.

    Args:
        survey: of the area.
        side: of a window in cells.
        most: windows at most.
        seed: of the jitter.

    Returns:
        Row and column of each window's first cell, int64 (windows, 2), sorted, without repetition.
    """
    generator = np.random.default_rng([seed, 3])
    at_landslides = _at_landslides(survey, side, max(1, most // 2), generator)
    even = _evenly(survey, side, generator)
    room = most - len(at_landslides)
    if len(even) > room:
        even = even[generator.choice(len(even), room, replace=False)]
    return np.unique(np.concatenate([at_landslides, even]), axis=0)


def _evenly(survey: Survey, side: int, generator: np.random.Generator) -> np.ndarray:
    offset = generator.integers(0, side, size=2)
    half = side // 2
    sites = np.empty((0, 2), dtype=np.int64)
    for shift in ((0, 0), (half, half), (0, half), (half, 0))[:MOST_LATTICES]:
        starts = [np.arange(-((offset[axis] + shift[axis]) % side), survey.grid.shape[axis], side) for axis in (0, 1)]
        lattice = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)
        lattice = _inside(lattice, survey, side)
        sites = np.concatenate([sites, lattice[_labelled(lattice, survey, side) >= _LIKELY_SHARE * side * side]])
        if len(sites) >= ENOUGH_WINDOWS:
            break
    return np.unique(sites, axis=0)


def _labelled(sites: np.ndarray, survey: Survey, side: int) -> np.ndarray:
    """Return about how many labelled cells each window has, from the table of fine blocks."""
    fine = survey.fine_blocks
    sums = np.zeros((fine.shape[0] + 1, fine.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = survey.fine_labelled.cumsum(axis=0).cumsum(axis=1)

    def edge(cells: np.ndarray, step: int, most: int) -> np.ndarray:
        return np.clip(np.rint(cells / step).astype(np.int64), 0, most)

    top, bottom = (edge(sites[:, 0] + more, fine.rows, fine.shape[0]) for more in (0, side))
    left, right = (edge(sites[:, 1] + more, fine.columns, fine.shape[1]) for more in (0, side))
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _at_landslides(survey: Survey, side: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a landslide cell that no window holds yet, lay a window around it off the centre, until all are held."""
    cells = survey.cells[np.lexsort((survey.cells[:, 1], survey.cells[:, 0]))]
    covered = np.zeros(len(cells), dtype=bool)
    order = generator.permutation(len(cells))
    sites, position = [], 0
    while len(sites) < most:
        open_ = np.flatnonzero(~covered[order[position:position + 4096]])
        if not len(open_):
            position += 4096
            if position >= len(order):
                break
            continue
        position += int(open_[0])
        place = np.floor(generator.uniform(*JITTER, size=2) * side).astype(np.int64)
        site = _inside((cells[order[position]] - place)[None], survey, side)[0]
        first, last = np.searchsorted(cells[:, 0], [site[0], site[0] + side])
        covered[first:last] |= (cells[first:last, 1] >= site[1]) & (cells[first:last, 1] < site[1] + side)
        covered[order[position]] = True
        sites.append(site)
    return np.array(sites, dtype=np.int64).reshape(-1, 2)


def _inside(sites: np.ndarray, survey: Survey, side: int) -> np.ndarray:
    """Shift windows that reach over the border of the grid back into it, as far as the grid is large enough."""
    return np.stack([np.clip(sites[:, axis], min(0, (size - side) // 2), max(size - side, 0))
                     for axis, size in enumerate(survey.grid.shape)], axis=1)
