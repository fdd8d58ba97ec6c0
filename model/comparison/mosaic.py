"""Maps that may be made of several rasters, such as those of five regions, and several maps on one grid.

The pieces of a map are read as if they were one raster; without a layer of regions they are the regions.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence

import numpy as np
from affine import Affine

from ..errors import NoOverlap, ParameterInvalid
from ..grid import Block, Grid
from ..progress import Progress, WarningLog, stop_if_cancelled
from ..validation.map_layers import MapBlock, MapLayers, Regions, SubsetMap, ZoneSource, natural_sort_key
from .sources import ResampledSource, Source, bounds_in, finest, open_sources

_ALIGNMENT_TOLERANCE = 1e-6
"""Share of a cell by which two grids may be apart and still count as one, so that rounding adds no row."""


class Mosaic:
    """A map under one name: one raster, or several that lie beside each other."""

    def __init__(self, name: str, pieces: Sequence[Source]) -> None:
        """Join the pieces.

        Args:
            pieces: open rasters; where they overlap the first one counts.

        Raises:
            NoOverlap: a piece cannot be brought into the CRS of the finest one.
        """
        self.name, self.pieces = name, list(pieces)
        self.anchor = finest(self.pieces)  # number of the piece whose cells the whole map has
        self.grid = _union_grid(name, self.pieces, self.anchor)

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground, of the finest piece."""
        return self.pieces[self.anchor].cell_size

    @property
    def bands(self) -> int:
        """Most bands that a piece has."""
        return max(piece.dataset.count for piece in self.pieces)

    @property
    def has_sentinel_values(self) -> bool:
        """Whether a piece holds values such as -9999 that it does not declare as no data."""
        return any(piece.has_sentinel_values for piece in self.pieces)


def group_into_mosaics(sources: Sequence[Source]) -> list[Mosaic]:
    """Return one map for each name, in the order in which the names come first; errors as :class:`Mosaic`."""
    by_name: dict[str, list[Source]] = {}
    for source in sources:
        by_name.setdefault(source.name, []).append(source)
    return [Mosaic(name, pieces) for name, pieces in by_name.items()]


def finest_raster(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the file on whose cells everything is compared: the finest one of the finest map.

    Args:
        names: of the maps they belong to, one a raster.

    Raises:
        NoOverlap: as :class:`Mosaic`; the other errors of :func:`open_sources`.
    """
    with open_sources(paths, names) as sources:
        maps = group_into_mosaics(sources)
        reference = maps[finest(maps)]
        return sources.index(reference.pieces[reference.anchor])


class ResampledMosaic:
    """A map read on a grid: each cell has the value of the first piece with data there, of its nearest cell."""

    def __init__(self, mosaic: Mosaic, grid: Grid, stack: contextlib.ExitStack) -> None:
        """Prepare to read ``mosaic`` on ``grid``; ``stack`` closes what is opened.

        Raises:
            NoOverlap: no piece overlaps the grid.
        """
        self.mosaic = mosaic
        self.pieces = [ResampledSource(piece, grid, stack) for piece in mosaic.pieces]
        if not any(piece.intersects(Block(0, 0, grid.height, grid.width)) for piece in self.pieces):
            raise NoOverlap(
                f'The map "{mosaic.name}" of SUSCEPTIBILITY has no common ground with the others. Choose '
                "maps of one area, and check that each has the right CRS."
            )

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32, NaN where no piece has one."""
        result = None
        for cells in self.read_pieces(block).values():
            result = cells if result is None else np.where(np.isfinite(result), result, cells)
        return np.full((block.height, block.width), np.nan, dtype=np.float32) if result is None else result

    def is_empty(self, grid: Grid) -> bool:
        """Whether no cell of the grid has a value; reads all of it."""
        return not any(np.isfinite(self.read(block)).any() for block in grid.blocks())

    def read_pieces(self, block: Block) -> dict[int, np.ndarray]:
        """Return the values of each piece that may overlap a block, by its number; the first one counts."""
        return {number: piece.read(block) for number, piece in enumerate(self.pieces) if piece.intersects(block)}


def _union_grid(name: str, pieces: Sequence[Source], anchor: int) -> Grid:
    """Return the grid of one piece, made so large that all of them lie on it."""
    own = pieces[anchor].grid
    if len(pieces) == 1:
        return own
    extents = [bounds_in(piece.grid, own) for piece in pieces]
    for piece, bounds in zip(pieces, extents):
        if not all(map(math.isfinite, bounds)):
            raise NoOverlap(
                f'The piece "{piece.label}" of the map "{name}" cannot be brought into the CRS of its '
                f'piece "{pieces[anchor].label}". Check that each has the right CRS.'
            )
    left, bottom, right, top = (choose(side) for choose, side in zip((min, min, max, max), zip(*extents)))
    t, tolerance = own.transform, _ALIGNMENT_TOLERANCE
    column, row = math.floor((left - t.c) / t.a + tolerance), math.floor((top - t.f) / t.e + tolerance)
    last_column, last_row = math.ceil((right - t.c) / t.a - tolerance), math.ceil((bottom - t.f) / t.e - tolerance)
    return Grid(own.crs, t * Affine.translation(column, row), last_column - column, last_row - row)


MAX_PIECE_OVERLAP = 0.5
"""Share of a piece that earlier ones may cover: neighbours share a rim, two maps of one area nearly all."""


def check_piece_overlap(
    maps: Sequence[ResampledMosaic], grid: Grid, warning_log: WarningLog, progress: Progress
) -> None:
    """Look for pieces of one map that cover each other.

    Args:
        warning_log: receives pieces that share a rim.

    Raises:
        ParameterInvalid: most of a piece is covered by the pieces before it.
    """
    areas = [(one, np.zeros(len(one.pieces)), np.zeros(len(one.pieces))) for one in maps if len(one.pieces) > 1]
    total = grid.block_count()
    for done, block in enumerate(grid.blocks()):
        if not areas:
            return
        stop_if_cancelled(progress)
        progress.report(done / total)
        cell_area = grid.cell_area(block.row, block.height)
        for one, piece_area, covered in areas:
            taken = np.zeros((block.height, block.width), dtype=bool)
            for number, cells in one.read_pieces(block).items():
                known = np.isfinite(cells)
                piece_area[number] += float(known.sum(axis=1) @ cell_area)
                covered[number] += float((known & taken).sum(axis=1) @ cell_area)
                taken |= known
    for one, piece_area, covered in areas:
        _check_overlap(one, piece_area, covered, warning_log)


def _check_overlap(one: ResampledMosaic, piece_area: np.ndarray, covered: np.ndarray, warning_log: WarningLog) -> None:
    pieces = one.mosaic.pieces
    for number, piece in enumerate(pieces):
        if covered[number] > MAX_PIECE_OVERLAP * piece_area[number]:
            raise ParameterInvalid(
                f'NAMES lists "{one.mosaic.name}" twice or more, which makes the rasters of that name pieces of one '
                f'map, but {covered[number] / piece_area[number]:.0%} of "{piece.label}" lies on the ground of those '
                "before it. Give each map of the same ground a name of its own."
            )
    if covered.any():
        warning_log.warn(
            f'Pieces of the map "{one.mosaic.name}" overlap on {covered.sum() / 1e6:,.2f} km²; there the one '
            "that comes first in the list counts."
        )


class PieceRegions:
    """The pieces of a map as regions with numbers of their own; pieces with the same label are one region."""

    def __init__(self, one: ResampledMosaic) -> None:
        """Take the labels of a map's pieces."""
        self._map = one
        labels = [piece.label for piece in one.mosaic.pieces]
        self.labels = sorted(set(labels), key=natural_sort_key)  # names in the order of the report
        self._number = [self.labels.index(label) for label in labels]
        self._last: tuple[Block, np.ndarray] | None = None

    def regions_in_block(self, block: Block) -> list[int]:
        """Return the numbers of the regions that may have cells in a block."""
        return sorted(
            {self._number[number] for number, piece in enumerate(self._map.pieces) if piece.intersects(block)}
        )

    def read(self, block: Block, region: int) -> np.ndarray:
        """Return whether each cell has its value from a region, bool, shape of the block."""
        # The regions of a block are asked for one after another.
        if self._last is None or self._last[0] != block:
            self._last = block, self._regions(block)
        return self._last[1] == region

    def _regions(self, block: Block) -> np.ndarray:
        found = np.full((block.height, block.width), -1, dtype=np.int16)
        for number, cells in self._map.read_pieces(block).items():
            found[(found < 0) & np.isfinite(cells)] = self._number[number]
        return found


class JointLayers(MapLayers):
    """Maps read on one grid, with windows and regions. They have no zones of their own here."""

    def __init__(
        self,
        maps: Sequence[ResampledMosaic],
        grid: Grid,
        zone_names: Sequence[str],
        subsets: SubsetMap | None = None,
        regions: Regions | None = None,
    ) -> None:
        """Join the maps; all are read on ``grid`` and will be cut into zones of these names."""
        super().__init__(None, grid, ZoneSource(zone_names), subsets, regions)
        self.map_count = len(maps)
        self._maps = list(maps)

    def read(self, block: Block) -> MapBlock:
        """Return a block: the values of each map, and where all of them have one."""
        values = np.stack([one.read(block) for one in self._maps])
        valid = np.isfinite(values).all(axis=0)
        return MapBlock(block, values, valid, np.zeros(valid.shape, dtype=np.uint8), self.read_subset(block))
