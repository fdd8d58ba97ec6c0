"""Maps that are compared: their rasters, and several rasters of one model as one map."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from ..errors import NoOverlap, ParameterInvalid
from ..grid import BLOCK, Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import (
    GDAL_ERRORS,
    declare_nodata,
    met_undeclared_nodata,
    raster_path,
    read_block,
    read_window,
    region_name,
)
from ..inputs.undeclared_nodata import find_undeclared_nodata
from ..progress import NullProgress, Progress, WarningLog, stop_if_cancelled
from ..validation.map_layers import MapBlock, MapLayers, Regions, SubsetMap, ZoneSource


class Source:
    """One of the rasters, on its own grid: a map, or a piece of one."""

    def __init__(self, dataset: rasterio.DatasetReader, name: str, progress: Progress | None = None) -> None:
        """Keep an open raster; ``name`` is that of the map. With a ``progress``, nodata that is not declared is looked
        for. Raises ``CrsMissing``, ``GridUnsupported`` as
        ``Grid.from_dataset``.
        """
        self.dataset, self.name = dataset, name
        self.grid = Grid.from_dataset(dataset, f'susceptibility ("{name}")')
        self.label = region_name(dataset) or Path(raster_path(dataset)).stem
        """Name of the piece: the region that the raster states, else its file's name."""
        self._opened: list[rasterio.DatasetReader] = []
        self._sentinels = () if progress is None else tuple(find_undeclared_nodata(dataset, self.grid, progress))
        self.take_sentinels_out(dataset)

    @property
    def undeclared_nodata(self) -> list[float]:
        """Values that stand for no data without being declared, of those cells that were read."""
        return sorted({value for one in self._opened for value in met_undeclared_nodata(one)})

    def take_sentinels_out(self, dataset: rasterio.DatasetReader) -> None:
        """Let the undeclared nodata values that were found count as such in the raster or a view of it."""
        declare_nodata(dataset, 1, self._sentinels)
        self._opened.append(dataset)

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground."""
        return self.grid.cell_size() / self.grid.scale_factor()


class ResampledSource:
    """A raster read on a grid: each cell has the value of the raster's cell that its centre lies in."""

    def __init__(self, source: Source, grid: Grid, stack: contextlib.ExitStack) -> None:
        """Prepare to read ``source`` on ``grid``; ``stack`` closes what is opened."""
        self._source, self._grid = source, grid
        self._view: WarpedVRT | None = None
        if source.grid.crs != grid.crs:
            nodata = source.dataset.nodata
            if nodata is None and source.dataset.dtypes[0].startswith("float"):
                nodata = np.nan
            target = {"crs": grid.crs, "transform": grid.transform, "width": grid.width, "height": grid.height}
            values = {"src_nodata": nodata, "nodata": np.nan, "dtype": "float32", "resampling": Resampling.nearest}
            self._view = stack.enter_context(WarpedVRT(source.dataset, **target, **values))
            source.take_sentinels_out(self._view)
        left, bottom, right, top = bounds_in(source.grid, grid)
        t = grid.transform
        self._columns = (left - t.c) / t.a, (right - t.c) / t.a
        self._rows = (top - t.f) / t.e, (bottom - t.f) / t.e

    def intersects(self, block: Block) -> bool:
        """Whether the raster's rectangle overlaps a block."""
        in_rows = self._rows[0] < block.row + block.height and self._rows[1] > block.row
        return in_rows and self._columns[0] < block.column + block.width and self._columns[1] > block.column

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32, NaN where there are none."""
        mine, theirs = self._source.grid, self._grid
        if self._view is not None or mine == theirs:
            return read_block(self._view or self._source.dataset, block)
        a, b = mine.transform, theirs.transform
        columns = np.floor((b.c + b.a * (block.column + np.arange(block.width) + 0.5) - a.c) / a.a).astype(np.int64)
        rows = np.floor((b.f + b.e * (block.row + np.arange(block.height) + 0.5) - a.f) / a.e).astype(np.int64)
        size = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        cells = read_window(self._source.dataset, int(rows[0]), int(columns[0]), *size, [1])[0]
        return cells[np.ix_(rows - rows[0], columns - columns[0])]


@contextlib.contextmanager
def open_sources(
    paths: Sequence[str | os.PathLike], names: Sequence[str], progress: Progress | None = None
) -> Iterator[list[Source]]:
    """Open all rasters. ``names``: of the maps they belong to, one a raster. With a ``progress``, nodata that is not
    declared is looked for. Raises ``InputMissing``, ``InputCorrupt``,
    ``CrsMissing``, ``GridUnsupported`` if a raster cannot be used.
    """
    with contextlib.ExitStack() as stack:
        yield [
            Source(stack.enter_context(_open_map(path, name, progress or NullProgress())), name, progress)
            for path, name in zip(paths, names)
        ]


def _open_map(
    path: str | os.PathLike, name: str, progress: Progress
) -> contextlib.AbstractContextManager[rasterio.DatasetReader]:
    # Classes can be compared too, so a colour table is no reason to refuse the raster.
    return open_band(path, f'susceptibility ("{name}")', progress)


def finest(maps: Sequence[Source] | Sequence[Mosaic]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals: all are read on its grid."""
    sizes = [one.cell_size for one in maps]
    # Cells of one size measure a little differently in another projection; that alone makes none the finer.
    return next(number for number, size in enumerate(sizes) if size <= min(sizes) * 1.01)


def bounds_in(grid: Grid, other: Grid) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of a grid in the CRS of another; infinite where PROJ has no way there."""
    if grid.crs == other.crs:
        return grid.bounds
    try:
        return transform_bounds(grid.crs, other.crs, *grid.bounds)
    except GDAL_ERRORS:
        return -np.inf, -np.inf, np.inf, np.inf


def iterate_fitting_blocks(grid: Grid, maps: Sequence[Mosaic], progress: Progress) -> Iterator[Block]:
    """Give the blocks of a grid, so small that no map has many more cells in one than in a block of its own."""
    size = grid.cell_size() / grid.scale_factor()
    ratio = max([1.0, *(size / one.cell_size for one in maps)])
    side = max(1, int(BLOCK / ratio))
    total = grid.block_count(side)
    for done, block in enumerate(grid.blocks(side)):
        stop_if_cancelled(progress)
        progress.report(done / total)
        yield block


_ALIGNMENT_TOLERANCE = 1e-6
"""Share of a cell by which two grids may be apart and still count as one, so that rounding adds no row."""


class Mosaic:
    """A map under one name: one raster, or several that lie beside each other."""

    def __init__(self, name: str, pieces: Sequence[Source]) -> None:
        """Join the pieces. ``pieces``: open rasters; where they overlap the first one counts. Raises ``NoOverlap`` if a
        piece cannot be brought into the CRS of the finest one.
        """
        self.name, self.pieces = name, list(pieces)
        self.anchor = finest(self.pieces)  # number of the piece whose cells the whole map has
        self.grid = _union_grid(name, self.pieces, self.anchor)

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres on the ground, of the finest piece."""
        return self.pieces[self.anchor].cell_size

    @property
    def undeclared_nodata(self) -> list[float]:
        """Values that stand for no data without being declared, of those cells that were read."""
        return sorted({value for piece in self.pieces for value in piece.undeclared_nodata})


def group_into_mosaics(sources: Sequence[Source]) -> list[Mosaic]:
    """Return one map for each name, in the order in which the names come first; errors as :class:`Mosaic`."""
    by_name: dict[str, list[Source]] = {}
    for source in sources:
        by_name.setdefault(source.name, []).append(source)
    return [Mosaic(name, pieces) for name, pieces in by_name.items()]


def finest_raster(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the file on whose cells everything is compared: the finest one of the finest map. ``names``:
    of the maps they belong to, one a raster. Raises ``NoOverlap`` as :class:`Mosaic`; the other errors of
    :func:`open_sources`.
    """
    with open_sources(paths, names) as sources:
        maps = group_into_mosaics(sources)
        reference = maps[finest(maps)]
        return sources.index(reference.pieces[reference.anchor])


class ResampledMosaic:
    """A map read on a grid: each cell has the value of the first piece with data there, of its nearest cell."""

    def __init__(self, mosaic: Mosaic, grid: Grid, stack: contextlib.ExitStack) -> None:
        """Prepare to read ``mosaic`` on ``grid``; ``stack`` closes what is opened. Raises ``NoOverlap`` if no piece
        overlaps the grid.
        """
        self.mosaic = mosaic
        self.pieces = [ResampledSource(piece, grid, stack) for piece in mosaic.pieces]
        if not any(piece.intersects(grid.whole) for piece in self.pieces):
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

    def read_pieces(self, block: Block) -> dict[int, np.ndarray]:
        """Return the values of each piece that may overlap a block, by its number; the first one counts."""
        return {number: piece.read(block) for number, piece in enumerate(self.pieces) if piece.intersects(block)}


def _union_grid(name: str, pieces: Sequence[Source], anchor: int) -> Grid:
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
    """Look for pieces of one map that cover each other. Raises ``ParameterInvalid`` if most of a piece is covered by
    the pieces before it.
    """
    areas = [(one, np.zeros(len(one.pieces)), np.zeros(len(one.pieces))) for one in maps if len(one.pieces) > 1]
    for block in grid.blocks_with_progress(progress) if areas else ():
        cell_area = grid.cell_area(block.row, block.height)
        for one, piece_area, covered in areas:
            taken = np.zeros((block.height, block.width), dtype=bool)
            for number, cells in one.read_pieces(block).items():
                known = np.isfinite(cells)
                piece_area[number] += float(known.sum(axis=1) @ cell_area)
                covered[number] += float((known & taken).sum(axis=1) @ cell_area)
                taken |= known
    for one, piece_area, covered in areas:
        name = one.mosaic.name
        for piece, own, others in zip(one.mosaic.pieces, piece_area, covered):
            if others > MAX_PIECE_OVERLAP * own:
                raise ParameterInvalid(
                    f'NAMES lists "{name}" twice or more, which makes the rasters of that name pieces of one map, but '
                    f'{others / own:.0%} of "{piece.label}" lies on the ground of those before it. Give each map of '
                    "the same ground a name of its own."
                )
        if covered.any():
            warning_log.warn(
                f'Pieces of the map "{name}" overlap on {covered.sum() / 1e6:,.2f} km²; there the one that comes first '
                "in the list counts."
            )


class PieceRegions(Regions):
    """The pieces of a map as regions with numbers of their own."""

    def __init__(self, one: ResampledMosaic) -> None:
        """Take the labels of a map's pieces."""
        super().__init__([piece.label for piece in one.mosaic.pieces])
        self._map = one
        self._last: tuple[Block, np.ndarray] | None = None

    def _may_intersect(self, block: Block) -> np.ndarray:
        return np.array([piece.intersects(block) for piece in self._map.pieces])

    def read(self, block: Block, region: int) -> np.ndarray:
        """Return whether each cell has its value from a region, bool, shape of the block."""
        # The regions of a block are asked for one after another.
        if self._last is None or self._last[0] != block:
            found = np.full(block.shape, -1, dtype=np.int16)
            for number, cells in self._map.read_pieces(block).items():
                found[(found < 0) & np.isfinite(cells)] = self._number[number]
            self._last = block, found
        return self._last[1] == region


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
