"""Compute all factors block by block in several threads or on a cluster, with nodata made common to all factors."""

from __future__ import annotations

import contextlib
import math
import os
import queue
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
import rasterio

from ..cluster import shared_storage
from ..cluster.tasks import Cluster, cached
from ..errors import LayerEmpty, TooFewData
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import GDAL_CACHE_BYTES, TILE
from ..inputs.unit_checks import SPIKE_SLOPE, suspect_elevation_unit, suspect_spikes, suspect_value_unit
from ..memory import retain_freed_memory
from ..progress import Progress, stop_if_cancelled
from .definitions import CONTINUOUS, FactorReader, is_terrain_factor
from .polygons import AreaMask
from .sources import FactorSource

MAX_WORKERS = 4  # each holds a block of all factors and its intermediate arrays, some 80 MB
MAX_BLOCK_BYTES = 64 * 1024 * 1024  # of the values of all factors: 16 of them in blocks of 1,024 × 1,024 cells


@dataclass
class StackSources:
    """What each worker needs; lines and polygons are in it, rasters only by their paths."""

    sources: Sequence[FactorSource]
    mask: AreaMask


@dataclass
class BlockStatistics:
    """Counts and value ranges of one block, or of several that were added up."""

    counts: np.ndarray
    """int64 of shape (sources + 1, 2): first the cells of the area and those without elevation; for each further source
    its cells without data and those that only it lacks; last the cells with elevation and those with all factors."""
    overlapping: np.ndarray  # cells in more than one polygon by source, int64 of shape (sources,)
    undeclared_nodata: float = math.inf  # lowest elevation that no land has
    elevation: tuple[float, float] = (math.inf, -math.inf)
    slopes: tuple[int, float, int] = (0, 0.0, 0)
    """Cells with a slope, their sum in degrees, and the cells steeper than :data:`SPIKE_SLOPE`."""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value by continuous factor with data."""

    @classmethod
    def empty(cls, sources: int) -> BlockStatistics:
        """Return the statistics of no block."""
        return cls(np.zeros((sources + 1, 2), dtype=np.int64), np.zeros(sources, dtype=np.int64))

    def add(self, other: BlockStatistics) -> None:
        """Add another block."""
        self.counts += other.counts
        self.overlapping += other.overlapping
        self.undeclared_nodata = min(self.undeclared_nodata, other.undeclared_nodata)
        self.elevation = _union_range(self.elevation, other.elevation)
        cells, degrees, steep = (mine + more for mine, more in zip(self.slopes, other.slopes))
        self.slopes = int(cells), float(degrees), int(steep)
        for name, found in other.ranges.items():
            self.ranges[name] = _union_range(self.ranges.get(name, found), found)


BlockResult = tuple[Block, np.ndarray, BlockStatistics]
"""A block, the values of all factors, float32 of shape (factors, height, width), and its statistics."""


def _union_range(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return min(first[0], second[0]), max(first[1], second[1])


def block_side(grid: Grid, inputs: StackSources) -> int:
    """Return the side of the blocks that a grid is computed in.

    It depends on grid and factors alone, so that sums over blocks round in the same way on every machine.
    """
    side = BLOCK
    # Blocks of many factors are smaller, unless most of what is read for them lay around them then.
    halo = max(source.halo for source in inputs.sources)
    while side > max(TILE, 4 * halo) and 4 * side * side * band_count(inputs.sources) > MAX_BLOCK_BYTES:
        side //= 2
    while side > TILE and grid.block_count(side) < 2 * MAX_WORKERS:
        side //= 2
    return side


def iterate_blocks(grid: Grid, inputs: StackSources, progress: Progress) -> Generator[BlockResult, None, None]:
    """Compute the blocks in several threads and yield them in order."""
    side = block_side(grid, inputs)
    total = grid.block_count(side)
    workers = min(os.cpu_count() or 1, MAX_WORKERS, total)
    with retain_freed_memory(), contextlib.ExitStack() as opened:
        idle: queue.SimpleQueue[list[FactorReader]] = queue.SimpleQueue()
        for _ in range(workers):
            idle.put([opened.enter_context(source.open()) for source in inputs.sources])

        def compute(block: Block) -> BlockResult:
            readers = idle.get()
            try:
                with rasterio.Env():
                    return block, *compute_block(block, readers, inputs)
            finally:
                idle.put(readers)

        blocks = grid.blocks(side)
        pending: deque[Future] = deque()
        with ThreadPoolExecutor(workers) as pool:
            try:
                for done in range(total):
                    # One more block than there are workers is queued, so that no worker idles while we write.
                    while len(pending) <= workers and (block := next(blocks, None)) is not None:
                        pending.append(pool.submit(compute, block))
                    yield _wait_for_result(pending.popleft(), progress)
                    progress.report((done + 1) / total)
            finally:
                for future in pending:
                    future.cancel()


def _wait_for_result(future: Future, progress: Progress) -> BlockResult:
    stop_if_cancelled(progress)
    while not wait([future], timeout=0.5).done:
        stop_if_cancelled(progress)
    return future.result()


def compute_block(
    block: Block, readers: Sequence[FactorReader], inputs: StackSources
) -> tuple[np.ndarray, BlockStatistics]:
    """Return all factors of a block, NaN where any has no data, and its statistics."""
    sources, mask = inputs.sources, inputs.mask
    statistics = BlockStatistics.empty(len(sources))
    counts = statistics.counts
    values = np.empty((band_count(sources), *block.shape), dtype=np.float32)
    if not mask.may_intersect(block):
        values[:] = np.nan
        return values, statistics
    study = mask.read(block)
    missing_masks = []
    first = 0
    for index, (reader, source) in enumerate(zip(readers, sources)):
        last = first + len(source.definitions)
        values[first:last] = reader.read(block)
        statistics.overlapping[index] = reader.overlapping
        statistics.undeclared_nodata = min(statistics.undeclared_nodata, reader.undeclared_nodata)
        statistics.elevation = _union_range(statistics.elevation, reader.elevation_range)
        missing_masks.append(~np.isfinite(values[first]))
        if first == 0:
            counts[0] = np.count_nonzero(study), np.count_nonzero(study & missing_masks[0])
            study &= ~missing_masks[0]
            if not study.any():
                values[:] = np.nan
                return values, statistics
        first = last
    missing_count = np.zeros(study.shape, dtype=np.uint8)
    for missing_mask in missing_masks[1:]:
        missing_count += missing_mask
    single = study & (missing_count == 1)
    for index, missing_mask in enumerate(missing_masks[1:], 1):
        counts[index] = np.count_nonzero(missing_mask & study), np.count_nonzero(missing_mask & single)
    valid = study & (missing_count == 0)
    counts[-1] = np.count_nonzero(study), np.count_nonzero(valid)
    if not valid.all():
        values[:, ~valid] = np.nan
    _record_ranges(values, sources, statistics)
    return values, statistics


def _record_ranges(values: np.ndarray, sources: Sequence[FactorSource], statistics: BlockStatistics) -> None:
    definitions = [definition for source in sources for definition in source.definitions]
    for definition, band in zip(definitions, values):
        # Only values that the user gave can have a wrong unit; the range of the slope is known to everyone.
        if (
            definition.kind == CONTINUOUS
            and not definition.group
            and (definition.name == "slope" or not is_terrain_factor(definition.name))
        ):
            low = float(np.fmin.reduce(band, axis=None, initial=np.inf))
            if low < math.inf:
                statistics.ranges[definition.name] = low, float(np.fmax.reduce(band, axis=None, initial=-np.inf))
    if definitions[0].name == "slope" and "slope" in statistics.ranges:
        slope = values[0]
        cells, degrees = np.count_nonzero(~np.isnan(slope)), np.nansum(slope, dtype=np.float64)
        statistics.slopes = int(cells), float(degrees), int(np.count_nonzero(slope > SPIKE_SLOPE))


def band_count(sources: Sequence[FactorSource]) -> int:
    """Return how many factors all sources give."""
    return sum(len(source.definitions) for source in sources)


class StackStatistics:
    """Sum of the statistics of all blocks: how many cells each factor lacks, and what looks wrong."""

    def __init__(self, sources: Sequence[FactorSource]) -> None:
        self._names = [source.definitions[0].name for source in sources]
        self._titles = {source.definitions[0].name: source.definitions[0].group for source in sources}
        self._sum = BlockStatistics.empty(len(sources))
        self.add, self._counts = self._sum.add, self._sum.counts

    @property
    def study(self) -> int:
        """Cells of the area with elevation."""
        return int(self._counts[-1, 0])

    @property
    def valid(self) -> int:
        """Cells with data in all factors."""
        return int(self._counts[-1, 1])

    def overlapping(self) -> dict[str, int]:
        """Return cells that lie in more than one polygon, by factor that has any."""
        return {name: int(cells) for name, cells in zip(self._names, self._sum.overlapping) if cells}

    def without_data(self) -> dict[str, int]:
        """Return cells without data by factor."""
        return {"elevation": int(self._counts[0, 1]), **self._by_factor(0)}

    def lost_alone(self) -> dict[str, int]:
        """Return the cells that only one factor lacks, by that factor."""
        return self._by_factor(1)

    def _by_factor(self, column: int) -> dict[str, int]:
        return {name: int(cells) for name, cells in zip(self._names[1:], self._counts[1:-1, column])}

    def _title(self, name: str) -> str:
        """Return the name of a source for messages: of many bands that of their group."""
        return self._titles.get(name) or name

    def require_data(self, output: str | os.PathLike) -> None:
        """Raise an error when no cell is left."""
        if not self._counts[0, 0]:
            raise LayerEmpty("No cell centre lies in the polygons given as AREA. Check the area, or use smaller cells.")
        if not self.study:
            raise TooFewData("The DEM has no data in the study area. Check the DEM and the area.")
        if not self.valid:
            missing = ", ".join(
                f"{self._title(name)} {cells:,}" for name, cells in self.without_data().items() if cells
            )
            raise TooFewData(
                f"No cell has data in all factors, so {output} would be empty. Of {self.study:,} cells with elevation, "
                f"these have no data: {missing}. Check the extent of these layers, or leave one out."
            )

    def log_summary(self, progress: Progress) -> None:
        """Log how many cells each factor lacks."""
        area, bare = (int(count) for count in self._counts[0])
        usable = f"{self.valid:,} of {area:,} cells ({self.valid / area:.1%}) have data in all factors"
        progress.report(1, f"{usable}; {bare:,} have no elevation.")
        lost_alone = self.lost_alone()
        for name, cells in self.without_data().items():
            if name != "elevation" and cells:
                share = f"{cells / self.study:.2%} of those with elevation"
                lacking = f"{self._title(name)} has no data in {cells:,} cells ({share})"
                progress.warn(f"{lacking}; in {lost_alone[name]:,} of them it is the only missing factor.")

    def log_suspicions(self, cell_size: float, progress: Progress) -> None:
        """Warn about undeclared nodata, wrong-looking units and overlapping polygons; ``cell_size`` is in metres."""
        cells, degrees, steep = self._sum.slopes
        nodata = self._sum.undeclared_nodata
        messages = []
        # Undeclared nodata makes slopes of its own.
        if nodata < math.inf:
            messages.append(
                f"The DEM holds elevations down to {nodata:g} m, which are nodata that was not declared: the cells "
                "there and beside them have wrong slopes. Set the nodata value of the DEM "
                '(Raster > Conversion > Translate, "Assign a specified NoData value"), and build the stack again.'
            )
        elif cells:
            question = suspect_elevation_unit(*self._sum.elevation, degrees / cells)
            messages.append(question or suspect_spikes(steep, cells, cell_size))
        messages += [suspect_value_unit(name, *found) for name, found in self._sum.ranges.items()]
        messages += [
            f"{name}: {overlaps:,} cells lie in more than one polygon; the later one in the layer was taken."
            for name, overlaps in self.overlapping().items()
        ]
        for message in filter(None, messages):
            progress.warn(message)


def iterate_blocks_on_cluster(
    cluster: Cluster, output: str | os.PathLike, grid: Grid, inputs: StackSources, progress: Progress
) -> Generator[BlockResult, None, None]:
    """Like :func:`iterate_blocks`, with the same values, on a cluster; blocks come through files beside the output."""
    blocks = list(grid.blocks(block_side(grid, inputs)))
    with shared_storage.partial_results_folder(output) as folder, retain_freed_memory():
        shared = shared_storage.share_object(inputs, folder / "inputs")
        parts = [folder / f"{number}.npy" for number in range(len(blocks))]
        jobs = [(shared, block, str(part)) for block, part in zip(blocks, parts)]
        with contextlib.closing(cluster.run(build_block, jobs, progress, ordered=True)) as results:
            for number, (statistics, has_data) in results:
                block = blocks[number]
                if has_data:
                    values = shared_storage.load_partial_result(parts[number])
                else:
                    values = np.full((band_count(inputs.sources), *block.shape), np.nan, dtype=np.float32)
                yield block, values, statistics


def build_block(shared: shared_storage.SharedObject, block: Block, part: str) -> tuple[BlockStatistics, bool]:
    """Compute a block on a worker, and write its values to the path ``part`` if there are data.

    Returns:
        Its statistics, and whether there are data.
    """
    inputs = cached(shared_storage.open_shared, shared)
    # Rasters are opened for each block: a tenth of a second in the worst case, and no file stays open on a worker.
    with contextlib.ExitStack() as opened:
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES))
        opened.enter_context(retain_freed_memory())
        readers = [opened.enter_context(source.open()) for source in inputs.sources]
        values, statistics = compute_block(block, readers, inputs)
        has_data = bool(statistics.counts[-1, 1])
        if has_data:
            shared_storage.save_partial_result(part, values)
    return statistics, has_data
