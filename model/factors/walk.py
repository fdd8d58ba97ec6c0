"""Walking the grid: all factors of a block at once, in several threads, with nodata made common to all."""

from __future__ import annotations

import contextlib
import math
import os
import queue
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Iterator, Protocol, Sequence

import numpy as np
import rasterio

from ..errors import LayerEmpty, TooFewData
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import TILE
from ..memory import kept_memory
from ..progress import Progress, stop_if_cancelled
from .definitions import CONTINUOUS
from .plan import FactorMaker, Reader
from .questions import STEEP, about_elevation, about_steep_cells, about_values

MOST_WORKERS = 4
"""Each holds a block of all factors and the work on it, some 80 MB."""


class Mask(Protocol):
    """The study area."""

    def touches(self, block: Block) -> bool:
        """Whether any cell of the block may be in the area."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are, bool of shape (height, width)."""


@dataclass
class Notes:
    """What is noted of a block for :class:`Tally`."""

    counts: np.ndarray
    """int64 of shape (inputs + 1, 2): cells of the area and those without elevation; for each further input cells
    without data and those it costs alone; cells with elevation and cells with data in all factors."""
    overlapping: np.ndarray
    """Cells in more than one polygon by input, int64 of shape (inputs,)."""
    lowest: float = math.inf
    """Lowest elevation that no land has."""
    elevation: tuple[float, float] = (math.inf, -math.inf)
    """Lowest and highest elevation."""
    slopes: tuple[int, float, int] = (0, 0.0, 0)
    """Cells with a slope, the sum of it in degrees, and those steeper than :data:`STEEP`."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value by continuous factor that has any."""

    @classmethod
    def empty(cls, inputs: int) -> "Notes":
        """Return the notes of no block."""
        return cls(np.zeros((inputs + 1, 2), dtype=np.int64), np.zeros(inputs, dtype=np.int64))

    def add(self, other: "Notes") -> None:
        """Add the notes of another block."""
        self.counts += other.counts
        self.overlapping += other.overlapping
        self.lowest = min(self.lowest, other.lowest)
        self.elevation = _wider(self.elevation, other.elevation)
        cells, degrees, steep = (mine + more for mine, more in zip(self.slopes, other.slopes))
        self.slopes = int(cells), float(degrees), int(steep)
        for name, reach in other.extremes.items():
            self.extremes[name] = _wider(self.extremes.get(name, reach), reach)


def _wider(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return min(first[0], second[0]), max(first[1], second[1])


def block_side(grid: Grid) -> int:
    """Return the side of the blocks that a grid is computed in; by the grid alone, so that sums in the blocks round
    alike on every machine."""
    side = BLOCK
    while side > TILE and grid.block_count(side) < 2 * MOST_WORKERS:
        side //= 2
    return side


def walk(grid: Grid, makers: Sequence[FactorMaker], mask: Mask, progress: Progress
         ) -> Iterator[tuple[Block, np.ndarray, Notes]]:
    """Compute blocks in several threads and give them in order: block, values of all factors, and notes."""
    side = block_side(grid)
    total = grid.block_count(side)
    workers = min(os.cpu_count() or 1, MOST_WORKERS, total)
    with kept_memory(), contextlib.ExitStack() as opened:
        idle: queue.SimpleQueue[list[Reader]] = queue.SimpleQueue()
        for _ in range(workers):
            idle.put([opened.enter_context(maker.open()) for maker in makers])

        def compute(block: Block) -> tuple[Block, np.ndarray, Notes]:
            readers = idle.get()
            try:
                with rasterio.Env():
                    return block, *compute_block(block, readers, makers, mask)
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


def _wait(future: Future, progress: Progress) -> tuple[Block, np.ndarray, Notes]:
    """Return what a future brings, and ask meanwhile whether to stop."""
    stop_if_cancelled(progress)
    while not wait([future], timeout=0.5).done:
        stop_if_cancelled(progress)
    return future.result()


def compute_block(block: Block, readers: Sequence[Reader], makers: Sequence[FactorMaker], mask: Mask
                  ) -> tuple[np.ndarray, Notes]:
    """Return all factors of a block, NaN where any has no data, and what :class:`Tally` adds up."""
    values = np.empty((band_count(makers), block.height, block.width), dtype=np.float32)
    notes = Notes.empty(len(makers))
    counts = notes.counts
    if not mask.touches(block):
        values[:] = np.nan
        return values, notes
    study = mask.read(block)
    inside = np.count_nonzero(study)
    lacks = []
    first = 0
    for place, (reader, maker) in enumerate(zip(readers, makers)):
        last = first + len(maker.definitions)
        values[first:last] = reader.read(block)
        notes.overlapping[place] = getattr(reader, "overlapping", 0)
        notes.lowest = min(notes.lowest, getattr(reader, "lowest", math.inf))
        notes.elevation = getattr(reader, "extremes", notes.elevation)
        lacks.append(~np.isfinite(values[first]))
        if first == 0:
            counts[0] = inside, np.count_nonzero(study & lacks[0])
            study &= ~lacks[0]
            if not study.any():
                values[:] = np.nan
                return values, notes
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
    _look(values, makers, notes)
    return values, notes


def _look(values: np.ndarray, makers: Sequence[FactorMaker], notes: Notes) -> None:
    """Note what tells a wrong unit: extremes of amounts, and slopes."""
    definitions = [definition for maker in makers for definition in maker.definitions]
    for definition, band in zip(definitions, values):
        if definition.kind != CONTINUOUS:
            continue
        low = float(np.fmin.reduce(band, axis=None, initial=np.inf))
        if low < math.inf:
            notes.extremes[definition.name] = low, float(np.fmax.reduce(band, axis=None, initial=-np.inf))
    if definitions[0].name == "slope" and "slope" in notes.extremes:
        slope = values[0]
        notes.slopes = (int(np.count_nonzero(~np.isnan(slope))), float(np.nansum(slope, dtype=np.float64)),
                        int(np.count_nonzero(slope > STEEP)))


def band_count(makers: Sequence[FactorMaker]) -> int:
    """Return how many factors all inputs give."""
    return sum(len(maker.definitions) for maker in makers)


class Tally:
    """How many cells each factor costs."""

    def __init__(self, names: list[str]) -> None:
        """Take a name for each input; the first is the elevation."""
        self._names = names
        self._sum = Notes.empty(len(names))
        self._counts = self._sum.counts

    def add(self, notes: Notes) -> None:
        """Add the notes of a block."""
        self._sum.add(notes)

    @property
    def lowest(self) -> float:
        """Lowest elevation that stands for nodata which was not declared; infinite without any."""
        return self._sum.lowest

    def questions(self, cell_size: float) -> list[str]:
        """Return what to ask about units that look wrong.

        Args:
            cell_size: of the grid, metres.
        """
        cells, degrees, steep = self._sum.slopes
        low, high = self._sum.elevation
        # An elevation that stands for nodata is told of by itself, and makes slopes of its own.
        if self.lowest < math.inf or not cells:
            about = []
        else:
            about = [about_elevation(low, high, degrees / cells)]
            about = about if about[0] else [about_steep_cells(steep, cells, cell_size)]
        about += [about_values(name, *reach) for name, reach in self._sum.extremes.items()]
        return [text for text in about if text]

    def overlapping(self) -> dict[str, int]:
        """Return cells that lie in more than one polygon, by factor that has any."""
        return {name: int(cells) for name, cells in zip(self._names, self._sum.overlapping) if cells}

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
