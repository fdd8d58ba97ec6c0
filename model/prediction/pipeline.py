"""How a prediction is shared out: tiles small enough for the memory, and threads that do not wait for each other.

On a processor each thread computes tiles of its own: layers that several threads share make all of them wait for the
slowest, and reading and writing always take one of them away for a while. Only where tiles would get so small that
most of the work goes into their halos do threads share a tile.
The walk over the tiles: one thread reads, some compute, the caller's writes.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
import torch

from ..errors import Cancelled, ParameterInvalid
from ..grid import Grid
from ..memory import retain_freed_memory
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack
from .applicability import Applicability
from .engines import Engine
from .ensemble import Ensemble
from .tile_cache import TileCache
from .tile_inference import MEAN, OUTSIDE, READ_ROWS, SPREAD, TileResult, TileWork
from .tiling import Tile, Tiling, coarse_block, round_up

MEMORY = 1.05e9
"""Bytes that tiles may take on a CPU; with libraries and caches the whole stays under 2 GB."""

CPU_SHARE = 0.25
"""Share of a small computer's memory that tiles may take."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that tiles may take."""

GPU_WORKERS = 2
"""Tiles at once on a GPU: one is copied while the other is computed."""

SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Sides among which the automatic choice picks, largest first; multiples of a GeoTIFF block where they can be."""

HEIGHT_RATIOS = (4, 2, 1)
"""Heights of a tile in its widths: a U-Net is computed in rows, so tall tiles have less halo and take little more."""

MAX_SIDE = 16384

SHARED_THREAD_EFFICIENCY = 0.85
"""Speed of threads that share a tile, for threads that have their own."""

FIRST_READ = 0.1
"""Time to read a tile, for the time to compute one."""

READ_AHEAD = 1
"""Tiles that are read while others are computed."""

BYTES_RAW = 12
"""Memory for a cell and factor while rows are read, normalised and looked at."""


@dataclass(frozen=True)
class Plan:
    """Tiles and threads of a prediction."""

    tiling: Tiling
    workers: int
    """Tiles computed at once."""
    threads: int
    """Of each worker."""
    bytes_expected: float
    """Memory for tiles on the device, and on the computer for those waiting."""


def make_plan(
    grid: Grid,
    ensemble: Ensemble,
    engines: Sequence[Engine],
    device: torch.device,
    side: int = 0,
    workers: int | None = None,
) -> Plan:
    """Choose tiles and threads.

    Args:
        grid: of the stack.
        ensemble: the models.
        engines: of the models.
        device: that they are on.
        side: of a tile in cells; 0 for the one that is expected to be fastest.
        workers: tiles computed at once; by default as many as the processor can, or :data:`GPU_WORKERS`.

    Raises:
        ParameterInvalid: the side asked for is negative or far too large, or no tile suits all models.
    """
    align, halo = ensemble.align, ensemble.halo
    if side < 0 or side > MAX_SIDE:
        raise ParameterInvalid(f"TILE is {side}, but it is a number of cells up to {MAX_SIDE}, or 0 for automatic.")
    if align > SIDES[0]:
        raise ParameterInvalid(
            f"The models of MODEL judge patches of land whose sizes fit together only every "
            f"{align:,} cells. Predict with each of them by itself."
        )
    cores = torch.get_num_threads() if device.type == "cpu" else GPU_WORKERS
    budget = _memory(device)
    plans = []
    for count in [workers] if workers else _divisors(cores):
        threads = max(cores // count, 1) if device.type == "cpu" else 1
        for width, height in (
            [(side, side)] if side else [(width, times * width) for width in SIDES for times in HEIGHT_RATIOS]
        ):
            tiling = Tiling.of(grid, width, halo, align, height)
            busy = min(count, len(tiling))
            plans.append(Plan(tiling, busy, threads, _bytes(tiling, ensemble, engines, busy)))
    fitting = [plan for plan in plans if plan.bytes_expected <= budget]
    return min(fitting, key=_duration) if fitting else min(plans, key=lambda plan: plan.bytes_expected)


def _bytes(tiling: Tiling, ensemble: Ensemble, engines: Sequence[Engine], workers: int) -> float:
    """Return the memory that a plan takes."""
    height, width = tiling.largest
    tile = height * width * ensemble.bytes_per_cell
    computing = width * max(engine.bytes_per_column for engine in engines)
    reading = READ_ROWS * width * BYTES_RAW * len(ensemble.factors)
    return workers * (tile + computing) + READ_AHEAD * tile + reading


def _duration(plan: Plan) -> float:
    """Return what a plan is expected to take, in any unit."""
    tiling, grid = plan.tiling, plan.tiling.grid
    core = min(tiling.height, round_up(grid.height, tiling.align)) * min(
        tiling.side, round_up(grid.width, tiling.align)
    )
    # About half of the work is on the way down, where the halo counts.
    work = (core + math.prod(tiling.largest)) / 2
    # Nothing can be computed while the first tile is read.
    rounds = math.ceil(len(tiling) / plan.workers) + FIRST_READ
    return rounds * work / plan.threads / (1.0 if plan.threads == 1 else SHARED_THREAD_EFFICIENCY)


def _divisors(number: int) -> list[int]:
    return [count for count in range(number, 0, -1) if number % count == 0]


def _memory(device: torch.device) -> float:
    """Return the bytes that tiles may take."""
    if device.type == "cuda":
        return GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    try:
        # Apple GPUs share the computer's memory.
        return min(MEMORY, CPU_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return MEMORY


POLL = 0.1
"""Seconds between two looks at whether the user asked to stop."""


@dataclass
class OutputRasters:
    """Open rasters to write to; ``None`` for those not asked for."""

    mean: rasterio.io.DatasetWriter
    """On the grid of the ensemble's patches, as ``spread``."""
    spread: rasterio.io.DatasetWriter | None = None
    outside: rasterio.io.DatasetWriter | None = None

    @property
    def names(self) -> list[str]:
        """Arrays that a tile must have."""
        return [
            name
            for name, raster in ((MEAN, self.mean), (SPREAD, self.spread), (OUTSIDE, self.outside))
            if raster is not None
        ]

    def write(self, tile: Tile, done: TileResult, patch: int) -> None:
        """Write a tile."""
        coarse = coarse_block(tile.core, patch)
        for name, raster, block in (
            (MEAN, self.mean, coarse),
            (SPREAD, self.spread, coarse),
            (OUTSIDE, self.outside, tile.core),
        ):
            if raster is not None:
                raster.write(done.arrays[name], 1, window=block.window)


@dataclass
class PredictionTotals:
    """What was computed."""

    tiles: int = 0
    skipped: int = 0
    """Tiles without any cell to predict."""

    reused: int = 0
    """Tiles of an earlier run that was stopped."""

    cells: int = 0
    """Cells of the map predicted."""

    lost: int = 0
    """Cells with all factors for which the network gave no number (fp16 overflows)."""

    total: float = 0.0
    """Sum of the susceptibility over the cells predicted."""

    minimum: float = np.inf
    maximum: float = -np.inf

    def add(self, facts: Mapping[str, Any], applicability: Applicability) -> None:
        """Add up one tile."""
        self.tiles += 1
        self.skipped += facts["skipped"]
        self.cells += facts["cells"]
        self.lost += facts["lost"]
        if facts["cells"]:
            self.total += facts["total"]
            self.minimum, self.maximum = min(self.minimum, facts["minimum"]), max(self.maximum, facts["maximum"])
        for found in facts.get("outside", []):
            applicability.add(found)


def write_tiles(
    tiles: Iterable[tuple[Tile, TileResult]], outputs: OutputRasters, patch: int, applicability: Applicability
) -> PredictionTotals:
    """Write tiles as they come and add up what is said of them.

    Args:
        tiles: from :func:`compute_tiles`, or from a cluster.
        outputs: open rasters on the stack's grid, or on that of the patches.
        patch: cells of the stack along the side of a cell of the map.
        applicability: adds up what is outside the training data.
    """
    tally = PredictionTotals()
    for tile, done in tiles:
        outputs.write(tile, done, patch)
        tally.add(done.facts, applicability)
        tally.reused += done.facts.get("taken", 0)
    return tally


def compute_tiles(
    stack: Stack, work: TileWork, plan: Plan, progress: Progress, parts: TileCache | None = None
) -> Iterator[tuple[Tile, TileResult]]:
    """Compute all tiles and give them in the order of the tiling, whatever the threads do.

    Args:
        stack: the open factor stack.
        work: computes a tile.
        plan: tiles and threads.
        progress: 0 to 1 over the tiles; asked ten times a second whether to stop.
        parts: where tiles of an earlier run lie and new ones are kept; ``None`` to keep none.

    Raises:
        Cancelled: the user asked to stop.
    """
    known = parts.known() if parts is not None else set()
    counter = _ProgressCounter(len(plan.tiling), progress)

    def one(number: int, tile: Tile, read: Future) -> TileResult:
        if number in known and parts is not None:
            found = parts.load(number, work.shapes(tile))
            if found is not None:
                counter.step(1.0)
                return TileResult(found[0], {**found[1], "taken": 1})
            # Damaged: as if it were not there.
            read = reader.submit(work.read, stack, tile)
        done = work.compute(tile, read.result(), counter.step)
        if parts is not None and not done.facts["skipped"]:
            parts.save(number, done.arrays, done.facts)
        return done

    def read(number: int, tile: Tile) -> Any:
        return None if number in known else work.read(stack, tile)

    # One reader, for a dataset bears one thread at a time, and neighbours find in its cache what they share.
    with (
        retain_freed_memory(),
        _threads(plan),
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(plan.workers) as pool,
    ):
        waiting: deque[tuple[Tile, Future]] = deque()
        try:
            for number, tile in enumerate(plan.tiling):
                waiting.append((tile, pool.submit(one, number, tile, reader.submit(read, number, tile))))
                if len(waiting) > plan.workers + READ_AHEAD:
                    yield _next_result(waiting, counter)
            while waiting:
                yield _next_result(waiting, counter)
        finally:
            # After a failure or cancel nobody waits for what is still queued or under way.
            counter.stop.set()
            reader.shutdown(wait=True, cancel_futures=True)
            pool.shutdown(wait=True, cancel_futures=True)


class _ProgressCounter:
    """Adds up what the threads have done, and tells them to stop."""

    def __init__(self, tiles: int, progress: Progress) -> None:
        self.stop = threading.Event()
        self._tiles, self._progress = max(tiles, 1), progress
        self._done = 0.0
        self._lock = threading.Lock()

    def step(self, share: float) -> None:
        """Count a share of a tile; raise :class:`Cancelled` in the thread that calls when it is to stop."""
        if self.stop.is_set():
            raise Cancelled()
        with self._lock:
            self._done += share

    def report_progress(self) -> None:
        """Report from the caller's thread, and stop all when the user asks for it."""
        stop_if_cancelled(self._progress)
        self._progress.report(min(self._done / self._tiles, 1.0))


def _next_result(waiting: deque[tuple[Tile, Future]], counter: _ProgressCounter) -> tuple[Tile, TileResult]:
    tile, future = waiting.popleft()
    counter.report_progress()
    while not wait([future], timeout=POLL).done:
        counter.report_progress()
    return tile, future.result()


@contextlib.contextmanager
def _threads(plan: Plan) -> Iterator[None]:
    """Let torch use the plan's threads in each worker, and put its setting back."""
    before = torch.get_num_threads()
    torch.set_num_threads(plan.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
