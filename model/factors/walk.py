"""Walking the grid: all factors of a block at once, in several threads, with nodata made common to all."""

from __future__ import annotations

import contextlib
import os
import queue
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Iterator, Protocol, Sequence

import numpy as np
import rasterio

from ..errors import LayerEmpty, TooFewData
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import TILE
from ..memory import kept_memory
from ..progress import Progress, stop_if_cancelled
from .plan import FactorMaker, Reader

MOST_WORKERS = 4
"""Each holds a block of all factors and the work on it, some 80 MB."""


class Mask(Protocol):
    """The study area."""

    def touches(self, block: Block) -> bool:
        """Whether any cell of the block may be in the area."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are, bool of shape (height, width)."""


def walk(grid: Grid, makers: Sequence[FactorMaker], mask: Mask, progress: Progress
         ) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:
    """Compute blocks in several threads and give them in order: block, values, and counts for :class:`Tally`."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    # By the grid alone, so that sums in the blocks round alike on every machine.
    side = BLOCK
    while side > TILE and grid.block_count(side) < 2 * MOST_WORKERS:
        side //= 2
    total = grid.block_count(side)
    workers = min(workers, total)
    bands = sum(len(maker.definitions) for maker in makers)
    with kept_memory(), contextlib.ExitStack() as opened:
        idle: queue.SimpleQueue[list[Reader]] = queue.SimpleQueue()
        for _ in range(workers):
            idle.put([opened.enter_context(maker.open()) for maker in makers])

        def compute(block: Block) -> tuple[Block, np.ndarray, np.ndarray]:
            readers = idle.get()
            try:
                with rasterio.Env():
                    return block, *compute_block(block, readers, makers, mask, bands)
            finally:
                idle.put(readers)

        blocks = grid.blocks(side)
        pending: deque[Future] = deque()
        with ThreadPoolExecutor(workers) as pool:
            try:
                for done in range(total):
                    # One block more than there are workers waits, so that writing never lets a worker stand still.
                    while len(pending) <= workers and (block := next(blocks, None)) is not None:
                        pending.append(pool.submit(compute, block))
                    yield _wait(pending.popleft(), progress)
                    progress.report((done + 1) / total)
            finally:
                for future in pending:
                    future.cancel()


def _wait(future: Future, progress: Progress) -> tuple[Block, np.ndarray, np.ndarray]:
    """Return what a future brings, and ask meanwhile whether to stop."""
    stop_if_cancelled(progress)
    while not wait([future], timeout=0.5).done:
        stop_if_cancelled(progress)
    return future.result()


def compute_block(block: Block, readers: Sequence[Reader], makers: Sequence[FactorMaker], mask: Mask, bands: int
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Return all factors of a block, NaN where any has no data, and what :class:`Tally` adds up."""
    values = np.empty((bands, block.height, block.width), dtype=np.float32)
    counts = np.zeros((len(makers) + 1, 2), dtype=np.int64)
    if not mask.touches(block):
        values[:] = np.nan
        return values, counts
    study = mask.read(block)
    inside = np.count_nonzero(study)
    lacks = []
    first = 0
    for reader, maker in zip(readers, makers):
        last = first + len(maker.definitions)
        values[first:last] = reader.read(block)
        lacks.append(~np.isfinite(values[first]))
        if first == 0:
            counts[0] = inside, np.count_nonzero(study & lacks[0])
            study &= ~lacks[0]
            if not study.any():
                values[:] = np.nan
                return values, counts
        first = last
    lacking = np.zeros(study.shape, dtype=np.uint8)
    for lack in lacks[1:]:
        lacking += lack
    single = study & (lacking == 1)
    for place, lack in enumerate(lacks[1:], 1):
        counts[place] = np.count_nonzero(lack & study), np.count_nonzero(lack & single)
    valid = study & (lacking == 0)
    counts[-1] = np.count_nonzero(study), np.count_nonzero(valid)
    if not valid.all():
        values[:, ~valid] = np.nan
    return values, counts


class Tally:
    """How many cells each factor costs."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._counts = np.zeros((len(names) + 1, 2), dtype=np.int64)

    def add(self, counts: np.ndarray) -> None:
        """Add the counts of a block: cells of the area and those without elevation; for each further factor cells
        without data and those it costs alone; cells with elevation and cells with data in all factors."""
        self._counts += counts

    @property
    def study(self) -> int:
        """Cells of the area with elevation."""
        return int(self._counts[-1, 0])

    @property
    def valid(self) -> int:
        """Cells with data in all factors."""
        return int(self._counts[-1, 1])

    def lost(self) -> dict[str, int]:
        """Return cells without data by factor."""
        return {"elevation": int(self._counts[0, 1]),
                **{name: int(self._counts[place, 0]) for place, name in enumerate(self._names) if place}}

    def alone(self) -> dict[str, int]:
        """Return cells by the only factor without data."""
        return {name: int(self._counts[place, 1]) for place, name in enumerate(self._names) if place}

    def check(self, output: str | os.PathLike) -> None:
        """Raise an error when nothing is left."""
        if not self._counts[0, 0]:
            raise LayerEmpty("No cell centre lies in the polygons given as AREA. Check the area, or use smaller cells.")
        if not self.study:
            raise TooFewData("The DEM has no data in the study area. Check the DEM and the area.")
        if not self.valid:
            costs = ", ".join(f"{name} {cells:,}" for name, cells in self.lost().items() if cells)
            raise TooFewData(f"No cell has data in all factors, so {output} would be empty. Of {self.study:,} cells "
                             f"with elevation these have none: {costs}. Check the extent of these layers, or leave "
                             "one out.")

    def tell(self, progress: Progress) -> None:
        """Log what each factor costs."""
        area, bare = (int(count) for count in self._counts[0])
        progress.report(1, f"{self.valid:,} of {area:,} cells ({self.valid / area:.1%}) have data in all factors; "
                           f"{bare:,} have no elevation.")
        alone = self.alone()
        for name, cells in self.lost().items():
            if name != "elevation" and cells:
                progress.warn(f"{name} costs cells: it has no data in {cells:,} cells ({cells / self.study:.2%} of "
                              f"those with elevation), in {alone[name]:,} of them it alone.")
