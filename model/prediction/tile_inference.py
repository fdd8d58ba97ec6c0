"""What is done for one tile: read, look at, compute. The same on this computer and on a cluster's workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ..encoding import complete_cells
from ..errors import DeviceUnavailable
from ..grid import Block
from ..inputs.rasters import TILE
from ..memory import is_out_of_memory
from ..progress import Progress
from ..stack import Stack
from ..training.devices import is_device_failure
from .applicability import NODATA as NOT_APPLICABLE
from .applicability import Applicability
from .engines import Engine, effective_dtype
from .ensemble import Ensemble, EnsembleResult
from .tiling import Tile, Tiling, coarse_block, coarsen
from .unet_inference import Span, Step
from .unet_weights import CompactTile

READ_ROWS = TILE // 2
"""Rows read at once: half a block of a raster, whose other half then comes from GDAL's cache."""

MEAN, SPREAD, OUTSIDE = "mean", "spread", "outside"
"""Arrays of a tile."""


class Mask(Protocol):
    """Cells to predict."""

    def touches(self, block: Block) -> bool:
        """Whether any cell of the block may be wanted."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are, bool (height, width)."""


@dataclass
class TileInput:
    """A tile as it was read."""

    tiles: list[CompactTile]
    """As each model sees it, with halo; empty when no cell is wanted."""
    wanted: np.ndarray
    """Cells of the core to predict that have all factors."""
    outside: np.ndarray
    """Factors outside the training data."""
    found: list[dict[str, Any]]
    """What there is to say of that, by rows."""


@dataclass
class TileResult:
    """A tile as it is written: arrays of the core by name, and what there is to say of it in plain numbers."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class TileWork:
    """Computes tiles; several threads may use one."""

    def __init__(
        self,
        ensemble: Ensemble,
        engines: Sequence[Engine],
        tiling: Tiling,
        mask: Mask,
        applicability: Applicability,
        names: Sequence[str],
        device: torch.device,
        progress: Progress,
    ) -> None:
        """Keep what all tiles need.

        Args:
            ensemble: the models.
            engines: of the models, on the device.
            tiling: the tiles.
            mask: cells to predict.
            applicability: finds factors outside the training data.
            names: arrays wanted: ``mean``, ``spread``, ``outside``.
            device: of the engines.
            progress: told when a GPU has to give up.
        """
        self._ensemble, self._engines, self.tiling, self._mask = ensemble, engines, tiling, mask
        self._applicability, self.names, self._device, self._progress = applicability, tuple(names), device, progress
        self._lock = threading.Lock()
        self._streams = threading.local()
        self._free_tiles: list[list[CompactTile]] = []

    def read(self, stack: Stack, tile: Tile) -> TileInput:
        """Read a tile, some rows at a time; one thread at a time for one stack."""
        shape = tile.core.height, tile.core.width
        read = TileInput([], np.zeros(shape, dtype=bool), np.full(shape, NOT_APPLICABLE, dtype=np.uint8), [])
        if not self._mask.touches(tile.core):
            return read
        read.wanted = self._mask.read(tile.core)
        if not read.wanted.any():
            return read
        row, column = tile.offset
        tiles = self._allocate_tiles(tile.read.height, tile.read.width)
        for first, last in _rows(tile.read):
            values = stack.read(
                Block(tile.read.row + first, tile.read.column, last - first, tile.read.width),
                self._ensemble.factor_names,
            )
            numbers = self._ensemble.pack(values, tiles, first)
            top, bottom = max(first, row), min(last, row + shape[0])
            if top >= bottom:
                continue
            here = slice(top - first, bottom - first), slice(column, column + shape[1])
            wanted = read.wanted[top - row : bottom - row]
            wanted &= complete_cells(values[(slice(None), *here)])
            if wanted.any():
                outside, found = self._applicability.find(
                    values[(slice(None), *here)], [[plane[here] for plane in planes] for planes in numbers], wanted
                )
                read.outside[top - row : bottom - row] = outside
                read.found.append(found)
        if read.wanted.any():
            read.tiles = tiles
        else:
            self._free_tiles.append(tiles)
        return read

    def compute(self, tile: Tile, read: TileInput, step: Step) -> TileResult:
        """Compute a tile.

        Args:
            tile: from the tiling.
            read: from :meth:`read`.
            step: hears the share of the tile done since its last call; may raise to stop.
        """
        if not read.tiles:
            step(1.0)
            return self.empty(tile)
        counted_so_far = 0.0

        def counted(share: float) -> None:
            nonlocal counted_so_far
            counted_so_far += share
            step(share)

        mean, spread = self._predict(tile, read, counted)
        # What nobody wanted.
        step(max(1 - counted_so_far, 0.0))
        self._free_tiles.append(read.tiles)
        predicted = read.wanted & np.isfinite(mean)
        facts: dict[str, Any] = {
            "skipped": 0,
            "outside": read.found,
            "lost": int(np.count_nonzero(read.wanted) - np.count_nonzero(predicted)),
        }
        mean[~predicted] = np.nan
        read.outside[~predicted] = NOT_APPLICABLE
        mean = coarsen(mean, self._ensemble.patch)
        if spread is not None:
            spread[~predicted] = np.nan
            spread = coarsen(spread, self._ensemble.patch)
        known = mean[np.isfinite(mean)]
        facts["cells"] = len(known)
        if len(known):
            facts.update(
                total=float(known.sum(dtype=np.float64)), minimum=float(known.min()), maximum=float(known.max())
            )
        arrays = {MEAN: mean, SPREAD: spread, OUTSIDE: read.outside}
        return TileResult({name: arrays[name] for name in self.names}, facts)

    def empty(self, tile: Tile) -> TileResult:
        """Return a tile without any cell to predict."""
        arrays = {
            name: np.full(shape, NOT_APPLICABLE, dtype=np.uint8)
            if name == OUTSIDE
            else np.full(shape, np.nan, dtype=np.float32)
            for name, shape in self.shapes(tile).items()
        }
        return TileResult(arrays, {"skipped": 1, "cells": 0, "lost": 0})

    def shapes(self, tile: Tile) -> dict[str, tuple[int, int]]:
        """Return the shapes of the arrays of a tile."""
        coarse = coarse_block(tile.core, self._ensemble.patch)
        return {
            name: (tile.core.height, tile.core.width) if name == OUTSIDE else (coarse.height, coarse.width)
            for name in self.names
        }

    def _allocate_tiles(self, height: int, width: int) -> list[CompactTile]:
        """Return room for a tile; that of an earlier one where it fits, for fresh memory is slow at first."""
        while self._free_tiles:
            with contextlib.suppress(IndexError):
                spare = self._free_tiles.pop()
                if spare[0].shape == (height, width):
                    return spare
        return self._ensemble.packed(height, width)

    def _predict(self, tile: Tile, read: TileInput, step: Step) -> tuple[np.ndarray, np.ndarray | None]:
        """Return mean and spread of a core, in pieces where a GPU's memory is too small for the tile."""
        tiles = read.tiles
        mean = np.full((tile.core.height, tile.core.width), np.nan, dtype=np.float32)
        spread = mean.copy() if self._ensemble.members > 1 else None
        waiting = [self._crop_to_wanted(tile, read.wanted)]
        while waiting:
            piece, device = waiting.pop(), self._device
            try:
                result = self._predict_piece(tile, piece, tiles, step)
            except (RuntimeError, MemoryError) as error:
                waiting += self._fallback(piece, device, error)
                continue
            row, column = piece.core.row - tile.core.row, piece.core.column - tile.core.column
            mean[row : row + piece.core.height, column : column + piece.core.width] = result.mean
            if spread is not None:
                spread[row : row + piece.core.height, column : column + piece.core.width] = result.spread
        return mean, spread

    def _fallback(self, piece: Tile, device: torch.device, error: Exception) -> list[Tile]:
        """Return what to compute instead of a piece at which a device gave up; raises what is no fault of devices."""
        if not is_out_of_memory(error):
            if not is_device_failure(error) or device.type == "cpu":
                raise error
            words = str(error).strip().splitlines() or [type(error).__name__]
            self._fall_back_to_cpu(device, f"{device} failed ({words[0][:200]})")
            return [piece]
        smaller = self.tiling.quarters(piece)
        if len(smaller) == 1:
            self._fall_back_to_cpu(device, f"The memory of {device} is too small even for small tiles of this model")
            return [piece]
        if device.type == "cuda":
            # Which fails when the card does; the pieces then tell.
            with contextlib.suppress(RuntimeError):
                torch.cuda.empty_cache()
        return smaller

    def _crop_to_wanted(self, tile: Tile, wanted: np.ndarray) -> Tile:
        """Return the part of a tile outside of which no cell is wanted."""
        core, align = tile.core, self.tiling.align
        (top, bottom), (left, right) = (
            (found[0] // align * align, found[-1] + 1)
            for found in (np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0)))
        )
        return self.tiling.around(
            Block(core.row + int(top), core.column + int(left), int(bottom - top), int(right - left))
        )

    def _predict_piece(self, tile: Tile, piece: Tile, tiles: list[CompactTile], step: Step) -> EnsembleResult:
        """Compute a piece of a tile from what was read for the whole tile."""
        row, column = piece.read.row - tile.read.row, piece.read.column - tile.read.column
        height, width = piece.read.height, piece.read.width
        if piece.read != tile.read:
            tiles = [one.part(row, column, height, width) for one in tiles]
        row, column = piece.offset
        core = Span(row, column, row + piece.core.height, column + piece.core.width)
        share = piece.core.height * piece.core.width / (tile.core.height * tile.core.width)
        if self._device.type != "cuda":
            return self._ensemble.predict(self._engines, tiles, core, lambda part: step(share * part))
        # A stream a thread, so that one tile is copied while another is computed.
        stream = getattr(self._streams, "stream", None)
        if stream is None:
            stream = self._streams.stream = torch.cuda.Stream(self._device)
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            return self._ensemble.predict(self._engines, tiles, core, lambda part: step(share * part))

    def _fall_back_to_cpu(self, device: torch.device, why: str) -> None:
        """Go on on the processor.

        Args:
            device: on which it failed.
            why: for the user.
        """
        with self._lock:
            if self._device != device:
                # Another thread has gone over meanwhile.
                return
            if device.type == "cpu":
                raise DeviceUnavailable(
                    "The memory is too small for the smallest tiles. Close other programs, or use a smaller model."
                )
            self._progress.warn(
                f"{why}; the rest of the map is computed on the processor, which is slower and gives the same."
            )
            cpu = torch.device("cpu")
            # The engines first: threads that compute do not wait for the lock.
            self._engines = self._ensemble.engines(
                cpu, [effective_dtype(model, torch.float32) for model in self._ensemble.models]
            )
            self._device = cpu


def _rows(read: Block) -> Iterator[tuple[int, int]]:
    """Cut the rows of a tile where a raster's blocks end, so that none is decoded twice."""
    first = 0
    while first < read.height:
        last = min(first + READ_ROWS - (read.row + first) % READ_ROWS, read.height)
        yield first, last
        first = last
