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
from .strips import GPU_STRIP_BYTES, STRIP_BYTES
from .tiles import Tiling, up

MEMORY = 1.0e9
"""Bytes that tiles may take on a CPU; with libraries and caches the whole stays under 2 GB."""

CPU_SHARE = 0.25
"""Share of a small computer's memory that tiles may take."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that tiles may take."""

ON_GPU = 2
"""Tiles at once on a GPU: one is copied while the other is computed."""

STRIPS = 7.5
"""Feature maps of a strip that are alive at once."""

SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Sides among which the automatic choice picks, largest first; multiples of a GeoTIFF block where they can be."""

LARGEST_SIDE = 16384

SHARED = 0.85
"""Speed of threads that share a tile, for threads that have their own."""

READ_AHEAD = 1
"""Tiles that are read while others are computed."""


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
    per_cell, raw = ensemble.bytes_per_cell(engines), ensemble.bytes_raw
    cores = torch.get_num_threads() if device.type == "cpu" else ON_GPU
    budget = _memory(device)
    strip = STRIPS * (STRIP_BYTES if device.type == "cpu" else GPU_STRIP_BYTES)
    options = [workers] if workers else _divisors(cores)
    plans = []
    for count in options:
        threads = max(cores // count, 1) if device.type == "cpu" else 1
        for candidate in [side] if side else SIDES:
            tiling = Tiling.of(grid, candidate, halo, align)
            count = min(count, max(len(tiling), 1))
            expected = (tiling.cells_read * (count * (per_cell + raw) + READ_AHEAD * raw) + count * strip)
            plans.append(Plan(tiling, count, threads, expected))
    fitting = [plan for plan in plans if plan.bytes_expected <= budget] or [min(plans, key=lambda plan:
                                                                                plan.bytes_expected)]
    return min(fitting, key=_duration)


def _duration(plan: Plan) -> float:
    """Return what a plan is expected to take, in any unit."""
    tiling, grid = plan.tiling, plan.tiling.grid
    core = min(tiling.side, up(grid.height, tiling.align)) * min(tiling.side, up(grid.width, tiling.align))
    # About half of the work is on the way down, where the halo counts.
    work = (core + tiling.cells_read) / 2
    rounds = math.ceil(len(tiling) / plan.workers)
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
