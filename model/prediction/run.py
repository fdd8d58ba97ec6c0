"""The walk over the tiles: reading, network and writing overlap, each in a thread of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np
import rasterio

from ..grid import Block
from ..labels.area import AreaMask
from ..memory import kept_memory
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack
from .applicability import NODATA as NOT_APPLICABLE
from .applicability import Applicability
from .ensemble import Ensemble
from .tiles import Tile, Tiling, coarse_block, coarsen

AHEAD = 2
"""Tiles that may be read, or wait to be written, while one is computed; bounds the memory."""


@dataclass
class Outputs:
    """Open rasters to write to; ``None`` for those not asked for."""

    mean: rasterio.io.DatasetWriter
    """On the grid of the ensemble's patches, as ``spread``."""
    spread: rasterio.io.DatasetWriter | None = None
    outside: rasterio.io.DatasetWriter | None = None


@dataclass
class Tally:
    """What was computed."""

    tiles: int = 0
    skipped: int = 0
    """Tiles without any cell to predict."""

    cells: int = 0
    """Cells of the map predicted."""

    lost: int = 0
    """Cells with all factors for which the network gave no number (fp16 overflows)."""

    total: float = 0.0
    """Sum of the susceptibility over the cells predicted."""

    minimum: float = np.inf
    maximum: float = -np.inf


def predict_tiles(stack: Stack, ensemble: Ensemble, tiling: Tiling, mask: AreaMask, applicability: Applicability,
                  outputs: Outputs, progress: Progress) -> Tally:
    """Predict all tiles of a stack and write them.

    The tiles are computed and written in one fixed order whatever the threads do.

    Args:
        stack: the open factor stack.
        ensemble: the models.
        tiling: tiles over the stack's grid.
        mask: cells outside it become nodata.
        applicability: counts what is outside the training data.
        outputs: open rasters on the stack's grid, or on that of the ensemble's patches.
        progress: 0 to 1 over the tiles.
    """
    tally = Tally()
    total = len(tiling)
    # One thread each: GDAL datasets bear one thread at a time, and the order of writing stays fixed.
    with kept_memory(), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        writing: list[Future] = []
        try:
            for tile, values, wanted in _read_ahead(reader, tiling, lambda tile: _read(stack, ensemble, mask, tile)):
                stop_if_cancelled(progress)
                arrays = _compute(ensemble, applicability, tile, values, wanted, tally)
                writing.append(writer.submit(_write, outputs, tile.core, arrays, ensemble.patch))
                if len(writing) > AHEAD:
                    writing.pop(0).result()
                tally.tiles += 1
                progress.report(tally.tiles / total)
            for written in writing:
                written.result()
        finally:
            # After a failure or cancel nobody waits for what is still queued.
            reader.shutdown(wait=True, cancel_futures=True)
            writer.shutdown(wait=True, cancel_futures=True)
    return tally


def _read_ahead(reader: ThreadPoolExecutor, tiling: Tiling,
                read: Callable[[Tile], tuple[np.ndarray | None, np.ndarray]]):
    """Give each tile with what was read of it, while the next ones are read."""
    waiting: list[tuple[Tile, Future]] = []
    for tile in tiling:
        waiting.append((tile, reader.submit(read, tile)))
        if len(waiting) > AHEAD:
            first, future = waiting.pop(0)
            yield (first, *future.result())
    for first, future in waiting:
        yield (first, *future.result())


def _read(stack: Stack, ensemble: Ensemble, mask: AreaMask, tile: Tile) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the factors of a tile, ``None`` when no cell of its core is wanted, and the cells wanted."""
    nothing = np.zeros((tile.core.height, tile.core.width), dtype=bool)
    if not mask.touches(tile.core):
        return None, nothing
    wanted = mask.read(tile.core)
    if not wanted.any():
        return None, nothing
    values = stack.read(tile.read, ensemble.factor_names)
    wanted &= np.isfinite(_core(values, tile)).all(axis=0)
    return (values, wanted) if wanted.any() else (None, nothing)


def _compute(ensemble: Ensemble, applicability: Applicability, tile: Tile, values: np.ndarray | None,
             wanted: np.ndarray, tally: Tally) -> Sequence[np.ndarray | None]:
    """Return susceptibility, spread and factors outside of a tile's core."""
    if values is None:
        tally.skipped += 1
        empty = coarsen(np.full(wanted.shape, np.nan, dtype=np.float32), ensemble.patch)
        return empty, empty, np.full(wanted.shape, NOT_APPLICABLE, dtype=np.uint8)
    translated = ensemble.translate(values)
    result = ensemble.predict(translated)
    mean = _core(result.mean, tile).copy()
    told = wanted & np.isfinite(mean)
    tally.lost += int(wanted.sum()) - int(told.sum())
    wanted = told
    mean[~wanted] = np.nan
    mean = coarsen(mean, ensemble.patch)
    found = mean[np.isfinite(mean)]
    if len(found):
        tally.cells += len(found)
        tally.total += float(found.sum(dtype=np.float64))
        tally.minimum, tally.maximum = min(tally.minimum, float(found.min())), max(tally.maximum, float(found.max()))
    spread = None
    if result.spread is not None:
        spread = coarsen(np.where(wanted, _core(result.spread, tile), np.float32(np.nan)), ensemble.patch)
    by_factor = [[_core(plane, tile) for plane in planes] for planes in ensemble.by_factor(translated)]
    return mean, spread, applicability.add(_core(values, tile), by_factor, wanted)


def _write(outputs: Outputs, block: Block, arrays: Sequence[np.ndarray | None], patch: int) -> None:
    coarse = coarse_block(block, patch)
    for dataset, array, place in zip((outputs.mean, outputs.spread, outputs.outside), arrays, (coarse, coarse, block)):
        if dataset is not None and array is not None:
            dataset.write(array, 1, window=place.window)


def _core(array: np.ndarray, tile: Tile) -> np.ndarray:
    row, column = tile.offset
    return array[..., row:row + tile.core.height, column:column + tile.core.width]
