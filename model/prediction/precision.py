"""Choosing device and arithmetic; a faster one is used when it gives the map that the processor gives in fp32."""

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
from .engines import Engine, effective_dtype
from .ensemble import Ensemble
from .tile_inference import Mask
from .tiling import Tile, Tiling
from .unet_inference import Span
from .unet_weights import CompactTile

MAX_DIFFERENCE = 0.002
"""Mean difference of the susceptibility that is accepted."""

MIN_RANK_CORRELATION = 0.9995
"""Of the two maps; zones by shares of the area know only ranks."""

SAMPLE_SIDE = 160
"""Of a place where both are computed, cells."""

SAMPLE_TILES = 4
"""Where both are computed; as many are looked for as it takes to find them with data."""

SMALL_MAP_CELLS = 1_000_000
"""Cells up to which a map is computed in fp32 unless asked otherwise: there is no time to be gained."""

_MAX_CANDIDATES = 64


@dataclass
class ComputeSetup:
    """What a map is computed with."""

    device: torch.device
    dtypes: list[torch.dtype]
    """One a model."""
    engines: list[Engine]

    @property
    def name(self) -> str:
        """The lowest arithmetic in use."""
        return str(min(self.dtypes, key=lambda dtype: torch.finfo(dtype).bits)).replace("torch.", "")


def choose_compute_setup(
    stack: Stack, ensemble: Ensemble, mask: Mask, device: str, precision: str, progress: Progress
) -> ComputeSetup:
    """Choose device and arithmetic, and check that they give the map of the processor in fp32.

    Args:
        stack: the open factor stack.
        ensemble: the models.
        mask: cells of interest.
        device: ``auto`` (CUDA, else Apple's GPU, else the processor), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto`` (bf16 where the device multiplies in it), ``fp32``, ``bf16`` or ``fp16``.
        progress: told what was found; warned when it is not good enough and fp32 is taken instead.

    Raises:
        DeviceUnavailable: the device or its arithmetic is not there.
    """
    chosen = choose_device(device)
    if device == "auto" and chosen.type == "cpu" and torch.backends.mps.is_available():
        chosen = torch.device("mps")
    cpu = torch.device("cpu")
    dtype = choose_precision(precision, chosen)
    if (
        precision == "auto"
        and chosen.type == "cpu"
        and cpu_has_bf16()
        and stack.grid.width * stack.grid.height > SMALL_MAP_CELLS
    ):
        dtype = torch.bfloat16

    def made(where: torch.device, wanted: torch.dtype) -> ComputeSetup:
        dtypes = [effective_dtype(model, wanted) for model in ensemble.models]
        return ComputeSetup(where, dtypes, ensemble.engines(where, dtypes))

    exact = made(cpu, torch.float32)
    tried = [(chosen, dtype)] if dtype == torch.float32 else [(chosen, dtype), (chosen, torch.float32)]
    for where, wanted in tried:
        try:
            fast = made(where, wanted)
            if where == cpu and set(fast.dtypes) == {torch.float32}:
                break
            found = compare_engines(stack, ensemble, mask, exact.engines, fast.engines)
        except (RuntimeError, NotImplementedError) as error:
            if where == cpu:
                raise
            # A driver, a missing operation, memory that others took: a map on the processor is better than none.
            progress.warn(
                f"{where} failed when it was tried with {wanted} ({str(error).splitlines()[0][:200]}), so "
                "it is not used, and the map takes longer."
            )
            continue
        if found is not None and found.is_acceptable:
            progress.report(0.01, f"{fast.name} on {where} against float32 on the processor: {found}.")
            return fast
        if found is None and wanted == torch.float32:
            return fast
        if found is not None:
            progress.warn(
                f"{fast.name} on {where} does not give the map that float32 on the processor gives: {found}; "
                f"accepted are a difference under {MAX_DIFFERENCE} and a correlation over "
                f"{MIN_RANK_CORRELATION}. So it is not used, and the map takes longer."
            )
    return exact


@dataclass
class Agreement:
    """How two ways to compute the same map agree in a few places."""

    cells: int
    difference: float
    """Mean difference of the susceptibility."""
    rank_correlation: float

    @property
    def is_acceptable(self) -> bool:
        """Whether the faster way may be used."""
        return self.difference < MAX_DIFFERENCE and self.rank_correlation > MIN_RANK_CORRELATION

    def __str__(self) -> str:
        return (
            f"mean difference {self.difference:.5f}, rank correlation {self.rank_correlation:.5f} in "
            f"{self.cells:,} cells"
        )


def compare_engines(
    stack: Stack, ensemble: Ensemble, mask: Mask, one: Sequence[Engine], other: Sequence[Engine]
) -> Agreement | None:
    """Compute a few places both ways; ``None`` when no place with data is found.

    Args:
        stack: the open factor stack.
        ensemble: the models; dropout samples are left out.
        mask: cells of interest.
        one: engines of all models.
        other: likewise.
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for tile in _sample_tiles(stack, ensemble):
        if not mask.touches(tile.core):
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
    maps = [
        1 / (1 + np.exp(-engine.logit(tile, core, None, lambda share: None).astype(np.float64)))
        for engine, tile in zip(engines, tiles)
    ]
    return np.mean(maps, axis=0)


def _sample_tiles(stack: Stack, ensemble: Ensemble) -> Iterator[Tile]:
    """Give tiles spread over the grid, in the same order every time."""
    tiling = Tiling.of(stack.grid, SAMPLE_SIDE, ensemble.halo, ensemble.align)
    rows, columns = (-(-size // tiling.side) for size in stack.grid.shape)
    order = np.random.default_rng(0).permutation(rows * columns)[:_MAX_CANDIDATES]
    for number in order.tolist():
        row, column = number // columns * tiling.side, number % columns * tiling.side
        yield tiling.around(
            Block(row, column, min(tiling.side, stack.grid.height - row), min(tiling.side, stack.grid.width - column))
        )
