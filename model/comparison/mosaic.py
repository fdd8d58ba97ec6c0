"""One map made of several rasters: those of five regions, say, that one model made, read as if they were one."""

from __future__ import annotations

import contextlib
import math
import os
from typing import Sequence

import numpy as np
from affine import Affine

from ..errors import NoOverlap
from ..grid import Block, Grid
from .sources import Sampled, Source, bounds_in, finest, open_sources

_ALIGNED = 1e-6
"""Share of a cell by which two grids may be apart and still count as one, so that rounding adds no row."""


class Mosaic:
    """A map under one name: one raster, or several that lie beside each other."""

    def __init__(self, name: str, pieces: Sequence[Source]) -> None:
        """Join the pieces.

        Args:
            name: of the map.
            pieces: open rasters; where they overlap the first one counts.

        Raises:
            NoOverlap: a piece cannot be brought into the CRS of the finest one.
        """
        self.name, self.pieces = name, list(pieces)
        self.anchor = finest(self.pieces)
        """Number of the piece whose cells the whole map has."""
        self.grid = _joined(name, self.pieces, self.anchor)

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground, of the finest piece."""
        return self.pieces[self.anchor].cell_size

    @property
    def bands(self) -> int:
        """Most bands that a piece has."""
        return max(piece.dataset.count for piece in self.pieces)

    @property
    def marks_found(self) -> bool:
        """Whether a piece holds values such as -9999 that it does not declare as no data."""
        return any(piece.marks_found for piece in self.pieces)


def join_sources(sources: Sequence[Source]) -> list[Mosaic]:
    """Return one map for each name, in the order in which the names come first; errors as :class:`Mosaic`."""
    by_name: dict[str, list[Source]] = {}
    for source in sources:
        by_name.setdefault(source.name, []).append(source)
    return [Mosaic(name, pieces) for name, pieces in by_name.items()]


def finest_of_files(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the file on whose cells everything is compared: the finest one of the finest map.

    Args:
        paths: of the rasters.
        names: of the maps they belong to, one a raster.

    Raises:
        NoOverlap: as :class:`Mosaic`; the other errors of :func:`open_sources`.
    """
    with open_sources(paths, names) as sources:
        maps = join_sources(sources)
        reference = maps[finest(maps)]
        return sources.index(reference.pieces[reference.anchor])


class SampledMosaic:
    """A map read on a grid: each cell has the value of the first piece with data there, of its nearest cell."""

    def __init__(self, mosaic: Mosaic, grid: Grid, stack: contextlib.ExitStack) -> None:
        """Prepare the way from the pieces to the grid.

        Args:
            mosaic: the map.
            grid: the grid to read it on.
            stack: closes what is opened.

        Raises:
            NoOverlap: no piece has ground in common with the grid.
        """
        self.mosaic = mosaic
        self.pieces = [Sampled(piece, grid, stack) for piece in mosaic.pieces]
        if not any(piece.reaches(Block(0, 0, grid.height, grid.width)) for piece in self.pieces):
            raise NoOverlap(f'The map "{mosaic.name}" of SUSCEPTIBILITY has no common ground with the others. Choose '
                            "maps of one area, and check that each has its right CRS.")

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32, NaN where no piece has one."""
        result = None
        for cells in self.read_pieces(block).values():
            result = cells if result is None else np.where(np.isfinite(result), result, cells)
        return np.full((block.height, block.width), np.nan, dtype=np.float32) if result is None else result

    def is_void(self, grid: Grid) -> bool:
        """Whether no cell of the grid has a value; a walk over all of it."""
        return not any(np.isfinite(self.read(block)).any() for block in grid.blocks())

    def read_pieces(self, block: Block) -> dict[int, np.ndarray]:
        """Return the values of each piece that may reach into a block, by its number; the first one counts."""
        return {number: piece.read(block) for number, piece in enumerate(self.pieces) if piece.reaches(block)}


def _joined(name: str, pieces: Sequence[Source], anchor: int) -> Grid:
    """Return the grid of one piece, made so large that all of them lie on it."""
    own = pieces[anchor].grid
    if len(pieces) == 1:
        return own
    every = [bounds_in(piece.grid, own) for piece in pieces]
    for piece, bounds in zip(pieces, every):
        if not all(map(math.isfinite, bounds)):
            raise NoOverlap(f'The piece "{piece.label}" of the map "{name}" cannot be brought into the CRS of its '
                            f'piece "{pieces[anchor].label}". Check that each has its right CRS.')
    left, bottom, right, top = (choose(side) for choose, side in zip((min, min, max, max), zip(*every)))
    t = own.transform
    first_column, first_row = (math.floor(place + _ALIGNED) for place in ((left - t.c) / t.a, (top - t.f) / t.e))
    last_column, last_row = (math.ceil(place - _ALIGNED) for place in ((right - t.c) / t.a, (bottom - t.f) / t.e))
    return Grid(own.crs, t * Affine.translation(first_column, first_row), last_column - first_column,
                last_row - first_row)
