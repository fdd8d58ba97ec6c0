"""Choice of device and precision; a faster one is used if it gives the map that the CPU gives in fp32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr

from ..grid import Block
from ..progress import Progress
from ..stack import Stack
from ..training.devices import choose_device, choose_precision, cpu_has_bf16
from .compact_tile import CompactTile
from .engines import ComputeSetup, Engine
from .ensemble import Ensemble
from .settings import PredictionOptions
from .tile_inference import Mask
from .tiling import Tile, Tiling
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
    """Choose device and precision, and check that they give the map of the CPU in fp32.

    Args:
        stack: the open factor stack.
        ensemble: the models.
        mask: cells of interest.
        options: give ``device`` (auto: CUDA, else Apple's GPU, else the CPU) and ``precision`` (auto: bf16 where the
            device multiplies in it).
        progress: receives the comparison, and a warning if fp32 is used instead.

    Raises:
        DeviceUnavailable: the device does not exist or does not support the precision.
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
        if found is not None and found.is_acceptable:
            progress.report(0.01, f"{fast.name} on {device} against float32 on the processor: {found}.")
            return fast
        if found is None and wanted == torch.float32:
            return fast
        if found is not None:
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

    @property
    def is_acceptable(self) -> bool:
        """Whether the faster way may be used."""
        return self.difference < MAX_DIFFERENCE and self.rank_correlation > MIN_RANK_CORRELATION

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
        values = stack.read(tile.read, ensemble.factor_names)
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
