"""Walking the grid: all factors of a block at once, in several threads, with nodata made common to all.
Computing the blocks of a factor stack on the workers of a cluster.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import rasterio

from ..cluster.shared_storage import (
    SharedObject,
    load_partial_result,
    open_shared,
    partial_results_folder,
    save_partial_result,
    share,
)
from ..cluster.tasks import Cluster, cached
from ..errors import LayerEmpty, TooFewData
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import GDAL_CACHE_BYTES, TILE
from ..memory import retain_freed_memory
from ..progress import Progress, stop_if_cancelled
from .definitions import CONTINUOUS
from .factor_makers import FactorSource, Reader
from .unit_checks import SPIKE_SLOPE, suspect_elevation_unit, suspect_spikes, suspect_value_unit

MAX_WORKERS = 4
"""Each holds a block of all factors and the work on it, some 80 MB."""


class Mask(Protocol):
    """The study area."""

    def touches(self, block: Block) -> bool:
        """Whether any cell of the block may be in the area."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are, bool of shape (height, width)."""


@dataclass
class BlockStatistics:
    """What is noted of a block for :class:`StackStatistics`."""

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
    """Cells with a slope, the sum of it in degrees, and those steeper than :data:`SPIKE_SLOPE`."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value by continuous factor that has any."""

    @classmethod
    def empty(cls, inputs: int) -> BlockStatistics:
        """Return the notes of no block."""
        return cls(np.zeros((inputs + 1, 2), dtype=np.int64), np.zeros(inputs, dtype=np.int64))

    def add(self, other: BlockStatistics) -> None:
        """Add the notes of another block."""
        self.counts += other.counts
        self.overlapping += other.overlapping
        self.lowest = min(self.lowest, other.lowest)
        self.elevation = _union_range(self.elevation, other.elevation)
        cells, degrees, steep = (mine + more for mine, more in zip(self.slopes, other.slopes))
        self.slopes = int(cells), float(degrees), int(steep)
        for name, reach in other.extremes.items():
            self.extremes[name] = _union_range(self.extremes.get(name, reach), reach)


def _union_range(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return min(first[0], second[0]), max(first[1], second[1])


def block_side(grid: Grid) -> int:
    """Return the side of the blocks that a grid is computed in; by the grid alone, so that sums in the blocks round
    alike on every machine.
    """
    side = BLOCK
    while side > TILE and grid.block_count(side) < 2 * MAX_WORKERS:
        side //= 2
    return side


def walk(
    grid: Grid, factor_sources: Sequence[FactorSource], mask: Mask, progress: Progress
) -> Iterator[tuple[Block, np.ndarray, BlockStatistics]]:
    """Compute blocks in several threads and give them in order: block, values of all factors, and notes."""
    side = block_side(grid)
    total = grid.block_count(side)
    workers = min(os.cpu_count() or 1, MAX_WORKERS, total)
    with retain_freed_memory(), contextlib.ExitStack() as opened:
        idle: queue.SimpleQueue[list[Reader]] = queue.SimpleQueue()
        for _ in range(workers):
            idle.put([opened.enter_context(factor_source.open()) for factor_source in factor_sources])

        def compute(block: Block) -> tuple[Block, np.ndarray, BlockStatistics]:
            readers = idle.get()
            try:
                with rasterio.Env():
                    return block, *compute_block(block, readers, factor_sources, mask)
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
                    yield _wait_for_result(pending.popleft(), progress)
                    progress.report((done + 1) / total)
            finally:
                for future in pending:
                    future.cancel()


def _wait_for_result(future: Future, progress: Progress) -> tuple[Block, np.ndarray, BlockStatistics]:
    """Return what a future brings, and ask meanwhile whether to stop."""
    stop_if_cancelled(progress)
    while not wait([future], timeout=0.5).done:
        stop_if_cancelled(progress)
    return future.result()


def compute_block(
    block: Block, readers: Sequence[Reader], factor_sources: Sequence[FactorSource], mask: Mask
) -> tuple[np.ndarray, BlockStatistics]:
    """Return all factors of a block, NaN where any has no data, and what :class:`StackStatistics` adds up."""
    values = np.empty((band_count(factor_sources), block.height, block.width), dtype=np.float32)
    statistics = BlockStatistics.empty(len(factor_sources))
    counts = statistics.counts
    if not mask.touches(block):
        values[:] = np.nan
        return values, statistics
    study = mask.read(block)
    inside = np.count_nonzero(study)
    missing_masks = []
    first = 0
    for place, (reader, factor_source) in enumerate(zip(readers, factor_sources)):
        last = first + len(factor_source.definitions)
        values[first:last] = reader.read(block)
        statistics.overlapping[place] = getattr(reader, "overlapping", 0)
        statistics.lowest = min(statistics.lowest, getattr(reader, "lowest", math.inf))
        statistics.elevation = getattr(reader, "extremes", statistics.elevation)
        missing_masks.append(~np.isfinite(values[first]))
        if first == 0:
            counts[0] = inside, np.count_nonzero(study & missing_masks[0])
            study &= ~missing_masks[0]
            if not study.any():
                values[:] = np.nan
                return values, statistics
        first = last
    missing_count = np.zeros(study.shape, dtype=np.uint8)
    for missing_mask in missing_masks[1:]:
        missing_count += missing_mask
    single = study & (missing_count == 1)
    for place, missing_mask in enumerate(missing_masks[1:], 1):
        counts[place] = np.count_nonzero(missing_mask & study), np.count_nonzero(missing_mask & single)
    valid = study & (missing_count == 0)
    counts[-1] = np.count_nonzero(study), np.count_nonzero(valid)
    if not valid.all():
        values[:, ~valid] = np.nan
    _record_ranges(values, factor_sources, statistics)
    return values, statistics


def _record_ranges(values: np.ndarray, factor_sources: Sequence[FactorSource], statistics: BlockStatistics) -> None:
    """Note what tells a wrong unit: extremes of amounts, and slopes."""
    definitions = [definition for factor_source in factor_sources for definition in factor_source.definitions]
    for definition, band in zip(definitions, values):
        if definition.kind != CONTINUOUS:
            continue
        low = float(np.fmin.reduce(band, axis=None, initial=np.inf))
        if low < math.inf:
            statistics.extremes[definition.name] = low, float(np.fmax.reduce(band, axis=None, initial=-np.inf))
    if definitions[0].name == "slope" and "slope" in statistics.extremes:
        slope = values[0]
        statistics.slopes = (
            int(np.count_nonzero(~np.isnan(slope))),
            float(np.nansum(slope, dtype=np.float64)),
            int(np.count_nonzero(slope > SPIKE_SLOPE)),
        )


def band_count(factor_sources: Sequence[FactorSource]) -> int:
    """Return how many factors all inputs give."""
    return sum(len(factor_source.definitions) for factor_source in factor_sources)


class StackStatistics:
    """How many cells each factor costs."""

    def __init__(self, names: list[str]) -> None:
        """Take a name for each input; the first is the elevation."""
        self._names = names
        self._sum = BlockStatistics.empty(len(names))
        self._counts = self._sum.counts

    def add(self, statistics: BlockStatistics) -> None:
        """Add the notes of a block."""
        self._sum.add(statistics)

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
            messages = []
        else:
            messages = [suspect_elevation_unit(low, high, degrees / cells)]
            messages = messages if messages[0] else [suspect_spikes(steep, cells, cell_size)]
        messages += [suspect_value_unit(name, *reach) for name, reach in self._sum.extremes.items()]
        return [text for text in messages if text]

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

    def without_data(self) -> dict[str, int]:
        """Return cells without data by factor."""
        return {
            "elevation": int(self._counts[0, 1]),
            **{name: int(self._counts[place, 0]) for place, name in enumerate(self._names) if place},
        }

    def lost_alone(self) -> dict[str, int]:
        """Return cells by the only factor without data."""
        return {name: int(self._counts[place, 1]) for place, name in enumerate(self._names) if place}

    def check(self, output: str | os.PathLike) -> None:
        """Raise an error when nothing is left."""
        if not self._counts[0, 0]:
            raise LayerEmpty("No cell centre lies in the polygons given as AREA. Check the area, or use smaller cells.")
        if not self.study:
            raise TooFewData("The DEM has no data in the study area. Check the DEM and the area.")
        if not self.valid:
            costs = ", ".join(f"{name} {cells:,}" for name, cells in self.without_data().items() if cells)
            raise TooFewData(
                f"No cell has data in all factors, so {output} would be empty. Of {self.study:,} cells "
                f"with elevation these have none: {costs}. Check the extent of these layers, or leave "
                "one out."
            )

    def log_summary(self, progress: Progress) -> None:
        """Log what each factor costs."""
        area, bare = (int(count) for count in self._counts[0])
        progress.report(
            1,
            f"{self.valid:,} of {area:,} cells ({self.valid / area:.1%}) have data in all factors; "
            f"{bare:,} have no elevation.",
        )
        lost_alone = self.lost_alone()
        for name, cells in self.without_data().items():
            if name != "elevation" and cells:
                progress.warn(
                    f"{name} costs cells: it has no data in {cells:,} cells ({cells / self.study:.2%} of "
                    f"those with elevation), in {lost_alone[name]:,} of them it alone."
                )


@dataclass
class WorkerInputs:
    """What each worker needs; lines and polygons are in it, rasters only by their paths."""

    factor_sources: Sequence[FactorSource]
    mask: Mask


def iterate_blocks_on_cluster(
    cluster: Cluster,
    output: str | os.PathLike,
    grid: Grid,
    factor_sources: Sequence[FactorSource],
    mask: Mask,
    progress: Progress,
) -> Iterator[tuple[Block, np.ndarray, BlockStatistics]]:
    """Do what ``walk`` does, to the same values, on a cluster; blocks come through files beside the output."""
    blocks = list(grid.blocks(block_side(grid)))
    with partial_results_folder(output) as folder, retain_freed_memory():
        inputs = share(WorkerInputs(factor_sources, mask), folder / "inputs")
        parts = [folder / f"{number}.npy" for number in range(len(blocks))]
        jobs = [(inputs, block, str(part)) for block, part in zip(blocks, parts)]
        with contextlib.closing(cluster.run(build_block, jobs, progress, ordered=True)) as results:
            for number, (statistics, has_data) in results:
                block = blocks[number]
                if has_data:
                    values = load_partial_result(parts[number], remove=True)
                else:
                    values = np.full((band_count(factor_sources), block.height, block.width), np.nan, dtype=np.float32)
                yield block, values, statistics


def build_block(shared: SharedObject, block: Block, part: str) -> tuple[BlockStatistics, bool]:
    """Compute a block on a worker.

    Args:
        shared: the ``WorkerInputs``.
        block: cells to compute.
        part: path to write the values to, float32 of shape (factors, height, width).

    Returns:
        Notes for the tally, and whether there are data; where not, no part is written.
    """
    inputs = cached(open_shared, shared)
    # Rasters are opened for each block: a tenth of a second in the worst case, and no file stays open on a worker.
    with contextlib.ExitStack() as opened:
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES))
        opened.enter_context(retain_freed_memory())
        readers = [opened.enter_context(factor_source.open()) for factor_source in inputs.factor_sources]
        values, statistics = compute_block(block, readers, inputs.factor_sources, inputs.mask)
        has_data = bool(statistics.counts[-1, 1])
        if has_data:
            save_partial_result(part, values)
    return statistics, has_data
