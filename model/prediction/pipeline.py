"""How a prediction is organised: device and precision, tiles small enough for the memory, and threads.

On a CPU each thread computes tiles of its own: layers that several threads share make all of them wait for the slowest,
and reading and writing always take one of them away for a while. Threads share a tile only where tiles would get so
small that most of the work goes into their halos. One thread reads, some compute, and the caller's writes.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
import torch

from ..errors import Cancelled, ParameterInvalid
from ..grid import Block, Grid
from ..memory import retain_freed_memory, total_memory
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack
from ..statistics import SusceptibilityHistogram, bin_index, log_odds_spread
from ..training.devices import choose_device, choose_precision, cpu_has_bf16
from .engines import CompactTile, ComputeSetup, Engine
from .ensemble import Ensemble
from .settings import PredictionOptions
from .tile_cache import TileCache
from .tile_inference import MEAN, OF_CELLS, READ_ROWS, SPREAD, Mask, TileResult, TileWork
from .tiling import Tile, Tiling, coarse_block, round_up
from .unet_inference import Span

MAX_DIFFERENCE = 0.002  # mean difference of the susceptibility that is accepted
MIN_RANK_CORRELATION = 0.9995  # of the two maps; zones by area shares depend only on ranks
SAMPLE_SIDE = 160  # of a place where both are computed, cells
SAMPLE_TILES = 4  # places with data where both are computed
SMALL_MAP_CELLS = 1_000_000  # cells up to which a map is computed in fp32 by default: there is no time to be gained
_MAX_CANDIDATES = 64


def choose_compute_setup(
    stack: Stack, ensemble: Ensemble, mask: Mask, options: PredictionOptions, progress: Progress
) -> ComputeSetup:
    """Choose device and precision, and check that they give the map of the CPU in fp32; warn if fp32 is used instead.

    For ``device`` auto is CUDA, else Apple's GPU, else the CPU; for ``precision`` bf16 where the device computes in it.
    Raises DeviceUnavailable if the device does not exist or does not support the precision.
    """
    device, cpu = choose_device(options.device), torch.device("cpu")
    if options.device == "auto" and device == cpu and torch.backends.mps.is_available():
        device = torch.device("mps")
    dtype = choose_precision(options.precision, device)
    large = stack.grid.width * stack.grid.height > SMALL_MAP_CELLS
    if options.precision == "auto" and device.type == "cpu" and cpu_has_bf16() and large:
        dtype = torch.bfloat16
    exact = ensemble.setup(cpu, torch.float32)
    for wanted in (torch.float32,) if dtype == torch.float32 else (dtype, torch.float32):
        try:
            fast = ensemble.setup(device, wanted)
            if device == cpu and set(fast.dtypes) == {torch.float32}:
                break
            found = compare_engines(stack, ensemble, mask, exact.engines, fast.engines)
        except (RuntimeError, NotImplementedError) as error:
            if device == cpu:
                raise
            # A driver, a missing operation, memory used by others: a map on the CPU is better than none.
            progress.warn(
                f"{device} failed when it was tried with {wanted} ({str(error).splitlines()[0][:200]}), so "
                "it is not used, and the map takes longer."
            )
            continue
        if found is None and wanted == torch.float32:
            return fast
        if found is not None:
            if found.difference < MAX_DIFFERENCE and found.rank_correlation > MIN_RANK_CORRELATION:
                progress.report(0.01, f"{fast.name} on {device} against float32 on the processor: {found}.")
                return fast
            progress.warn(
                f"{fast.name} on {device} does not give the map that float32 on the processor gives: {found}; "
                f"accepted are a difference under {MAX_DIFFERENCE} and a correlation over "
                f"{MIN_RANK_CORRELATION}. So it is not used, and the map takes longer."
            )
    return exact


@dataclass
class Agreement:
    """Agreement of two ways to compute the same map, in a few places."""

    cells: int
    difference: float  # mean difference of the susceptibility
    rank_correlation: float

    def __str__(self) -> str:
        correlation = f"rank correlation {self.rank_correlation:.5f}"
        return f"mean difference {self.difference:.5f}, {correlation} in {self.cells:,} cells"


def compare_engines(
    stack: Stack, ensemble: Ensemble, mask: Mask, one: Sequence[Engine], other: Sequence[Engine]
) -> Agreement | None:
    """Compute a few places both ways, without dropout; ``None`` if no place with data is found."""
    found: list[tuple[np.ndarray, ...]] = []
    for tile in _sample_tiles(stack, ensemble):
        if not mask.may_intersect(tile.core):
            continue
        values = ensemble.read(stack, tile.read)
        row, column = tile.offset
        core = Span(row, column, row + tile.core.height, column + tile.core.width)
        wanted = mask.read(tile.core)
        wanted &= np.isfinite(values[:, core.top : core.bottom, core.left : core.right]).all(axis=0)
        if not wanted.any():
            continue
        tiles = ensemble.packed(*values.shape[1:])
        ensemble.pack(values, tiles, 0)
        found.append(tuple(_mean(engines, tiles, core)[wanted] for engines in (one, other)))
        if len(found) == SAMPLE_TILES:
            break
    if not found:
        return None
    left, right = (np.concatenate(parts) for parts in zip(*found))
    if not np.isfinite(left).all() or not np.isfinite(right).all():
        return Agreement(len(left), np.inf, 0.0)
    difference = float(np.abs(left - right).mean())
    if np.ptp(left) == 0 and np.ptp(right) == 0:
        return Agreement(len(left), difference, 1.0)
    from scipy.stats import spearmanr  # slow to import, and only some maps need it

    return Agreement(len(left), difference, float(np.nan_to_num(spearmanr(left, right)[0])))


def _mean(engines: Sequence[Engine], tiles: Sequence[CompactTile], core: Span) -> np.ndarray:
    logits = [engine.logit(tile, core, None, lambda share: None) for engine, tile in zip(engines, tiles)]
    return np.mean([1 / (1 + np.exp(-logit.astype(np.float64))) for logit in logits], axis=0)


def _sample_tiles(stack: Stack, ensemble: Ensemble) -> Iterator[Tile]:
    """Yield tiles spread over the grid, in the same order every time."""
    tiling = Tiling.of(stack.grid, SAMPLE_SIDE, ensemble.halo, ensemble.align)
    side, (height, width) = tiling.side, stack.grid.shape
    rows, columns = -(-height // side), -(-width // side)
    for number in np.random.default_rng(0).permutation(rows * columns)[:_MAX_CANDIDATES].tolist():
        row, column = number // columns * side, number % columns * side
        yield tiling.around(Block(row, column, min(side, height - row), min(side, width - column)))


MEMORY = 1.05e9  # bytes that tiles may take on a CPU; with libraries and caches the whole stays under 2 GB
CPU_SHARE = 0.25  # share of a small computer's memory that tiles may take
GPU_SHARE = 0.5  # share of a GPU's free memory that tiles may take
GPU_WORKERS = 2  # tiles at once on a GPU: one is copied while the other is computed
SIDES = (2048, 1536, 1024, 768, 512, 384, 256)  # of the automatic choice; multiples of a GeoTIFF block where possible
# Heights of a tile in widths: a U-Net is computed in rows, so tall tiles have less halo and hardly more memory.
HEIGHT_RATIOS = (4, 2, 1)
SHARED_THREAD_EFFICIENCY = 0.85  # speed of threads that share a tile, relative to threads that have their own
FIRST_READ = 0.1  # time to read a tile, relative to the time to compute one
READ_AHEAD = 1  # tiles that are read while others are computed
BYTES_RAW = 12  # memory for a cell and factor while rows are read, normalised and checked
POLL = 0.1  # seconds between two checks whether the user cancelled


@dataclass(frozen=True)
class Plan:
    """Tiles and threads of a prediction."""

    tiling: Tiling
    workers: int  # tiles computed at once
    threads: int  # of each worker
    bytes_expected: float  # memory for tiles on the device, and on the computer for those waiting


def make_plan(grid: Grid, ensemble: Ensemble, setup: ComputeSetup, side: int = 0) -> Plan:
    """Choose threads, and tiles of a side in cells or (0) the fastest; raises ParameterInvalid if none suits all."""
    align, device = ensemble.align, setup.device
    if align > SIDES[0]:
        raise ParameterInvalid(
            f"The models of MODEL predict patches whose borders coincide only every {align:,} cells. "
            "Predict with each of them by itself."
        )
    cores = torch.get_num_threads() if device.type == "cpu" else GPU_WORKERS
    sizes = [(side, side)] if side else [(width, ratio * width) for width in SIDES for ratio in HEIGHT_RATIOS]
    plans = []
    for count in (count for count in range(cores, 0, -1) if cores % count == 0):
        threads = max(cores // count, 1) if device.type == "cpu" else 1
        for width, height in sizes:
            tiling = Tiling.of(grid, width, ensemble.halo, align, height)
            busy = min(count, len(tiling))
            plans.append(Plan(tiling, busy, threads, _bytes(tiling, ensemble, setup, busy)))
    budget = _memory(device)
    fitting = [plan for plan in plans if plan.bytes_expected <= budget]
    return min(fitting, key=_duration) if fitting else min(plans, key=lambda plan: plan.bytes_expected)


def _bytes(tiling: Tiling, ensemble: Ensemble, setup: ComputeSetup, workers: int) -> float:
    height, width = tiling.largest
    tile = height * width * ensemble.bytes_per_cell
    computing = width * max(engine.bytes_per_column for engine in setup.engines)
    reading = READ_ROWS * width * BYTES_RAW * len(ensemble.factors)
    return workers * (tile + computing) + READ_AHEAD * tile + reading


def _duration(plan: Plan) -> float:
    tiling, grid = plan.tiling, plan.tiling.grid
    height = min(tiling.height, round_up(grid.height, tiling.align))
    width = min(tiling.side, round_up(grid.width, tiling.align))
    # About half of the work is in the encoder, where the halo counts.
    work = (height * width + math.prod(tiling.largest)) / 2
    # Nothing can be computed while the first tile is read.
    rounds = math.ceil(len(tiling) / plan.workers) + FIRST_READ
    return rounds * work / plan.threads / (1.0 if plan.threads == 1 else SHARED_THREAD_EFFICIENCY)


def _memory(device: torch.device) -> float:
    if device.type == "cuda":
        return GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    # Apple GPUs share the computer's memory.
    total = total_memory()
    return MEMORY if total is None else min(MEMORY, CPU_SHARE * total)


MadeLayer = Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray]
"""Makes one or several bands of the arrays of a tile and the area of a cell in each of its rows, in square metres."""


@dataclass
class PredictionTotals:
    """Sums over all tiles."""

    tiles: int = 0
    skipped: int = 0  # tiles without any cell to predict
    reused: int = 0  # tiles of an earlier run that was stopped
    cells: int = 0  # cells of the map predicted
    lost: int = 0  # cells with all factors for which the network returned no number (fp16 overflows)
    total: float = 0.0  # sum of the susceptibility over the cells predicted
    minimum: float = np.inf
    maximum: float = -np.inf
    histogram: SusceptibilityHistogram = field(default_factory=SusceptibilityHistogram)  # of the map by area
    spread: float = 0.0  # sum over the cells of the standard deviation of the log odds; 0 without OUTPUT_UNCERTAINTY


def write_tiles(
    tiles: Iterable[tuple[Tile, TileResult]],
    rasters: Mapping[str, rasterio.io.DatasetWriter],
    work: TileWork,
    grid: Grid,
    made: Mapping[str, MadeLayer] | None = None,
) -> PredictionTotals:
    """Write tiles as they come, each array to its raster, and add up their facts, on applicability in the work;
    ``grid`` is that of the map. A raster in ``made`` gets what is made of the arrays there.
    """
    totals = PredictionTotals()
    for tile, done in tiles:
        coarse = coarse_block(tile.core, work.patch)
        if done.facts["cells"]:
            _add_values(totals, done.arrays, grid.cell_area(coarse.row, coarse.height))
        for name, raster in rasters.items():
            make = (made or {}).get(name)
            values = done.arrays[name] if make is None else make(done.arrays, grid.cell_area(coarse.row, coarse.height))
            values = values if values.ndim == 3 else values[None]
            raster.write(values, window=(tile.core if name in OF_CELLS else coarse).window)
        facts = done.facts
        totals.tiles += 1
        totals.skipped += facts["skipped"]
        totals.reused += facts.get("taken", 0)
        totals.cells += facts["cells"]
        totals.lost += facts["lost"]
        if facts["cells"]:
            totals.total += facts["total"]
            totals.minimum = min(totals.minimum, facts["minimum"])
            totals.maximum = max(totals.maximum, facts["maximum"])
        for found in facts.get("outside", []):
            work.applicability.add(found)
        if work.indexes is not None and "index" in facts:
            work.indexes.add(facts["index"])
    return totals


def _add_values(totals: PredictionTotals, arrays: Mapping[str, np.ndarray], row_area: np.ndarray) -> None:
    values, spread = arrays[MEAN], arrays.get(SPREAD)
    known = np.isfinite(values)
    totals.histogram.add(bin_index(values[known]), np.broadcast_to(row_area[:, None], values.shape)[known])
    if spread is not None:
        totals.spread += float(log_odds_spread(values[known], spread[known]).sum())


def compute_tiles(
    stack: Stack, work: TileWork, plan: Plan, progress: Progress, cache: TileCache | None = None
) -> Generator[tuple[Tile, TileResult], None, None]:
    """Compute all tiles of an open stack and yield them in the order of the tiling, whatever the threads do.

    The cache has tiles of an earlier run and receives new ones. Raises Cancelled when the user asked to stop.
    """
    known = set() if cache is None else cache.known()
    counter = _ProgressCounter(len(plan.tiling), progress)

    def one(number: int, tile: Tile, read: Future) -> TileResult:
        if number in known and cache is not None:
            if (found := cache.load(number, work.shapes(tile))) is not None:
                counter.step(1.0)
                return TileResult(found[0], {**found[1], "taken": 1})
            # Damaged: compute it anew.
            read = reader.submit(work.read, stack, tile)
        done = work.compute(tile, read.result(), counter.step)
        if cache is not None and not done.facts["skipped"]:
            cache.save(number, done.arrays, done.facts)
        return done

    def read(number: int, tile: Tile) -> Any:
        return None if number in known else work.read(stack, tile)

    # GDAL datasets are not thread-safe; a single reader also reuses the block cache.
    with (
        retain_freed_memory(),
        contextlib.ExitStack() as restoring,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(plan.workers) as pool,
    ):
        restoring.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(plan.threads)
        waiting: deque[tuple[Tile, Future]] = deque()
        try:
            for number, tile in enumerate(plan.tiling):
                waiting.append((tile, pool.submit(one, number, tile, reader.submit(read, number, tile))))
                if len(waiting) > plan.workers + READ_AHEAD:
                    yield counter.next_result(waiting)
            while waiting:
                yield counter.next_result(waiting)
        finally:
            # After a failure or cancel, do not wait for what is still queued or under way.
            counter.stop.set()
            reader.shutdown(wait=True, cancel_futures=True)
            pool.shutdown(wait=True, cancel_futures=True)


class _ProgressCounter:
    def __init__(self, tiles: int, progress: Progress) -> None:
        self.stop, self._lock = threading.Event(), threading.Lock()
        self._tiles, self._progress, self._done = max(tiles, 1), progress, 0.0

    def step(self, share: float) -> None:
        """Count a share of a tile; raise :class:`Cancelled` in the calling thread if it is to stop."""
        if self.stop.is_set():
            raise Cancelled()
        with self._lock:
            self._done += share

    def next_result(self, waiting: deque[tuple[Tile, Future]]) -> tuple[Tile, TileResult]:
        """Wait for the first tile and return it, reporting the progress meanwhile."""
        tile, future = waiting.popleft()
        while True:
            stop_if_cancelled(self._progress)
            self._progress.report(min(self._done / self._tiles, 1.0))
            if wait([future], timeout=POLL).done:
                return tile, future.result()
