"""How a prediction is shared out: tiles small enough for the memory, and threads that do not wait for each other.

On a processor each thread computes tiles of its own: layers that several threads share make all of them wait for the
slowest, and reading and writing always take one of them away for a while. Only where tiles would get so small that
most of the work goes into their halos do threads share a tile.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Sequence

import torch

from ..errors import ParameterInvalid
from ..grid import Grid
from .engines import Engine
from .ensemble import Ensemble
from .tile_work import READ_ROWS
from .tiles import Tiling, up

MEMORY = 1.05e9
"""Bytes that tiles may take on a CPU; with libraries and caches the whole stays under 2 GB."""

CPU_SHARE = 0.25
"""Share of a small computer's memory that tiles may take."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that tiles may take."""

ON_GPU = 2
"""Tiles at once on a GPU: one is copied while the other is computed."""

SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Sides among which the automatic choice picks, largest first; multiples of a GeoTIFF block where they can be."""

HEIGHTS = (4, 2, 1)
"""Heights of a tile in its widths: a U-Net is computed in rows, so tall tiles have less halo and take little more."""

LARGEST_SIDE = 16384

SHARED = 0.85
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


def make_plan(grid: Grid, ensemble: Ensemble, engines: Sequence[Engine], device: torch.device, side: int = 0,
              workers: int | None = None) -> Plan:
    """Choose tiles and threads.

    Args:
        grid: of the stack.
        ensemble: the models.
        engines: of the models.
        device: that they are on.
        side: of a tile in cells; 0 for the one that is expected to be fastest.
        workers: tiles computed at once; by default as many as the processor can, or :data:`ON_GPU`.

    Raises:
        ParameterInvalid: the side asked for is negative or far too large, or no tile suits all models.
    """
    align, halo = ensemble.align, ensemble.halo
    if side < 0 or side > LARGEST_SIDE:
        raise ParameterInvalid(f"TILE is {side}, but it is a number of cells up to {LARGEST_SIDE}, or 0 for automatic.")
    if align > SIDES[0]:
        raise ParameterInvalid(f"The models of MODEL judge patches of land whose sizes fit together only every "
                               f"{align:,} cells. Predict with each of them by itself.")
    cores = torch.get_num_threads() if device.type == "cpu" else ON_GPU
    budget = _memory(device)
    plans = []
    for count in [workers] if workers else _divisors(cores):
        threads = max(cores // count, 1) if device.type == "cpu" else 1
        for width, height in [(side, side)] if side else [(width, times * width) for width in SIDES
                                                          for times in HEIGHTS]:
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
    core = min(tiling.height, up(grid.height, tiling.align)) * min(tiling.side, up(grid.width, tiling.align))
    # About half of the work is on the way down, where the halo counts.
    work = (core + math.prod(tiling.largest)) / 2
    # Nothing can be computed while the first tile is read.
    rounds = math.ceil(len(tiling) / plan.workers) + FIRST_READ
    return rounds * work / plan.threads / (1.0 if plan.threads == 1 else SHARED)


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
