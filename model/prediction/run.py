"""The walk over the tiles: one thread reads, some compute, the caller's writes."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping

import numpy as np
import rasterio
import torch

from ..errors import Cancelled
from ..memory import kept_memory
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack
from .applicability import Applicability
from .parts import Parts
from .plan import READ_AHEAD, Plan
from .tile_work import MEAN, OUTSIDE, SPREAD, Done, TileWork
from .tiles import Tile, coarse_block

POLL = 0.1
"""Seconds between two looks at whether the user asked to stop."""


@dataclass
class Outputs:
    """Open rasters to write to; ``None`` for those not asked for."""

    mean: rasterio.io.DatasetWriter
    """On the grid of the ensemble's patches, as ``spread``."""
    spread: rasterio.io.DatasetWriter | None = None
    outside: rasterio.io.DatasetWriter | None = None

    @property
    def names(self) -> list[str]:
        """Arrays that a tile must have."""
        return [name for name, raster in ((MEAN, self.mean), (SPREAD, self.spread), (OUTSIDE, self.outside))
                if raster is not None]

    def write(self, tile: Tile, done: Done, patch: int) -> None:
        """Write a tile."""
        coarse = coarse_block(tile.core, patch)
        for name, raster, block in ((MEAN, self.mean, coarse), (SPREAD, self.spread, coarse),
                                    (OUTSIDE, self.outside, tile.core)):
            if raster is not None:
                raster.write(done.arrays[name], 1, window=block.window)


@dataclass
class Tally:
    """What was computed."""

    tiles: int = 0
    skipped: int = 0
    """Tiles without any cell to predict."""

    taken: int = 0
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


def write_tiles(tiles: Iterable[tuple[Tile, Done]], outputs: Outputs, patch: int, applicability: Applicability
                ) -> Tally:
    """Write tiles as they come and add up what is said of them.

    Args:
        tiles: from :func:`compute_tiles`, or from a cluster.
        outputs: open rasters on the stack's grid, or on that of the patches.
        patch: cells of the stack along the side of a cell of the map.
        applicability: adds up what is outside the training data.
    """
    tally = Tally()
    for tile, done in tiles:
        outputs.write(tile, done, patch)
        tally.add(done.facts, applicability)
        tally.taken += done.facts.get("taken", 0)
    return tally


def compute_tiles(stack: Stack, work: TileWork, plan: Plan, progress: Progress, parts: Parts | None = None
                  ) -> Iterator[tuple[Tile, Done]]:
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
    pace = _Pace(len(plan.tiling), progress)

    def one(number: int, tile: Tile, read: Future) -> Done:
        if number in known and parts is not None:
            found = parts.load(number, work.shapes(tile))
            if found is not None:
                pace.step(1.0)
                return Done(found[0], {**found[1], "taken": 1})
            # Damaged: as if it were not there.
            read = reader.submit(work.read, stack, tile)
        done = work.compute(tile, read.result(), pace.step)
        if parts is not None and not done.facts["skipped"]:
            parts.save(number, done.arrays, done.facts)
        return done

    def read(number: int, tile: Tile) -> Any:
        return None if number in known else work.read(stack, tile)

    # One reader, for a dataset bears one thread at a time, and neighbours find in its cache what they share.
    with kept_memory(), _threads(plan), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(plan.workers) as pool:
        waiting: deque[tuple[Tile, Future]] = deque()
        try:
            for number, tile in enumerate(plan.tiling):
                waiting.append((tile, pool.submit(one, number, tile, reader.submit(read, number, tile))))
                if len(waiting) > plan.workers + READ_AHEAD:
                    yield _first(waiting, pace)
            while waiting:
                yield _first(waiting, pace)
        finally:
            # After a failure or cancel nobody waits for what is still queued or under way.
            pace.stop.set()
            reader.shutdown(wait=True, cancel_futures=True)
            pool.shutdown(wait=True, cancel_futures=True)


class _Pace:
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

    def tell(self) -> None:
        """Report from the caller's thread, and stop all when the user asks for it."""
        stop_if_cancelled(self._progress)
        self._progress.report(min(self._done / self._tiles, 1.0))


def _first(waiting: deque[tuple[Tile, Future]], pace: _Pace) -> tuple[Tile, Done]:
    tile, future = waiting.popleft()
    pace.tell()
    while not wait([future], timeout=POLL).done:
        pace.tell()
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
