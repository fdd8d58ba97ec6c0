"""The pieces of a map: whether they are pieces at all or the same ground twice, and the regions that they stand for."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Block, Grid
from ..progress import Progress, stop_if_cancelled
from ..validation.plan import Notes
from ..validation.scopes import natural
from .mosaic import SampledMosaic

MOST_HIDDEN = 0.5
"""Share of a piece that earlier ones may cover. Neighbours share a rim; two maps of one area share nearly all."""


def check_pieces(maps: Sequence[SampledMosaic], grid: Grid, notes: Notes, progress: Progress) -> None:
    """Walk the maps that have pieces, and look for those that lie on each other.

    Args:
        maps: read on ``grid``.
        grid: the common grid.
        notes: told of pieces that share a rim.
        progress: reported to and asked whether to stop.

    Raises:
        ParameterInvalid: most of a piece is covered by the pieces before it.
    """
    joined = [one for one in maps if len(one.pieces) > 1]
    own = [np.zeros(len(one.pieces)) for one in joined]
    hidden = [np.zeros(len(one.pieces)) for one in joined]
    total = grid.block_count()
    for done, block in enumerate(grid.blocks()):
        if not joined:
            return
        stop_if_cancelled(progress)
        progress.report(done / total)
        area = grid.cell_area(block.row, block.height)
        for one, of_piece, covered in zip(joined, own, hidden):
            taken = np.zeros((block.height, block.width), dtype=bool)
            for number, cells in one.read_pieces(block).items():
                known = np.isfinite(cells)
                of_piece[number] += float(known.sum(axis=1) @ area)
                covered[number] += float((known & taken).sum(axis=1) @ area)
                taken |= known
    for one, of_piece, covered in zip(joined, own, hidden):
        _judge(one, of_piece, covered, notes)


def _judge(one: SampledMosaic, of_piece: np.ndarray, covered: np.ndarray, notes: Notes) -> None:
    pieces = one.mosaic.pieces
    for number, piece in enumerate(pieces):
        if covered[number] > MOST_HIDDEN * of_piece[number]:
            raise ParameterInvalid(
                f'NAMES lists "{one.mosaic.name}" twice or more, which makes the rasters of that name pieces of one '
                f'map, but {covered[number] / of_piece[number]:.0%} of "{piece.label}" lies on the ground of those '
                "before it. Give each map of the same ground a name of its own.")
    if covered.any():
        notes.warn(f'Pieces of the map "{one.mosaic.name}" overlap on {covered.sum() / 1e6:,.2f} km²; there the one '
                   "that comes first in the list counts.")


class PieceRegions:
    """The pieces of a map as regions with numbers of their own; pieces with the same label are one region."""

    def __init__(self, one: SampledMosaic) -> None:
        """Take the labels of a map's pieces."""
        self._map = one
        labels = [piece.label for piece in one.mosaic.pieces]
        self.labels = sorted(set(labels), key=natural)
        """Names in the order of the report."""
        self._number = [self.labels.index(label) for label in labels]
        self._last: tuple[Block, np.ndarray] | None = None

    def reaching(self, block: Block) -> list[int]:
        """Return the numbers of the regions that may have cells in a block."""
        return sorted({self._number[number] for number, piece in enumerate(self._map.pieces) if piece.reaches(block)})

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
