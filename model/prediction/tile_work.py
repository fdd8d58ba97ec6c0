"""What is done for one tile: read, look at, compute. The same on this computer and on a cluster's workers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol, Sequence

import numpy as np
import torch

from ..encoding import complete_cells
from ..errors import DeviceUnavailable
from ..grid import Block
from ..progress import Progress
from ..stack import Stack
from .applicability import NODATA as NOT_APPLICABLE
from .applicability import Applicability
from .engines import Engine, lowered
from .ensemble import Ensemble, Packed, Result
from .strips import Span, Step
from .tiles import Tile, Tiling, coarse_block, coarsen

MEAN, SPREAD, OUTSIDE = "mean", "spread", "outside"
"""Arrays of a tile."""


class Mask(Protocol):
    """Cells to predict."""

    def touches(self, block: Block) -> bool:
        """Whether any cell of the block may be wanted."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are, bool (height, width)."""


@dataclass
class Read:
    """A tile as it was read."""

    values: np.ndarray | None
    """Of all factors, float32 (factors, height, width) with halo; ``None`` when no cell is wanted."""
    wanted: np.ndarray
    """Cells of the core to predict that have all factors."""


@dataclass
class Done:
    """A tile as it is written: arrays of the core by name, and what there is to say of it in plain numbers."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class TileWork:
    """Computes tiles; several threads may use one."""

    def __init__(self, ensemble: Ensemble, engines: Sequence[Engine], tiling: Tiling, mask: Mask,
                 applicability: Applicability, names: Sequence[str], device: torch.device, progress: Progress) -> None:
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

    def read(self, stack: Stack, tile: Tile) -> Read:
        """Read a tile; one thread at a time for one stack."""
        nothing = Read(None, np.zeros((tile.core.height, tile.core.width), dtype=bool))
        if not self._mask.touches(tile.core):
            return nothing
        wanted = self._mask.read(tile.core)
        if not wanted.any():
            return nothing
        values = stack.read(tile.read, self._ensemble.factor_names)
        wanted &= complete_cells(_core(values, tile))
        return Read(values, wanted) if wanted.any() else nothing

    def compute(self, tile: Tile, read: Read, step: Step) -> Done:
        """Compute a tile.

        Args:
            tile: from the tiling.
            read: from :meth:`read`; its values are let go of as soon as they can be.
            step: hears the share of the tile done since its last call; may raise to stop.
        """
        values, wanted = read.values, read.wanted
        if values is None:
            step(1.0)
            return self.empty(tile)
        packed = self._ensemble.pack(values)
        numbers = [[_core(plane, tile) for plane in planes] for planes in packed.numbers]
        outside, found = self._applicability.find(_core(values, tile), numbers, wanted)
        packed.numbers.clear()
        read.values = values = None
        mean, spread = self._predict(tile, packed, step)
        told = wanted & np.isfinite(mean)
        facts: dict[str, Any] = {"skipped": 0, "lost": int(np.count_nonzero(wanted) - np.count_nonzero(told)),
                                 "outside": found}
        mean[~told] = np.nan
        outside[~told] = NOT_APPLICABLE
        mean = coarsen(mean, self._ensemble.patch)
        if spread is not None:
            spread[~told] = np.nan
            spread = coarsen(spread, self._ensemble.patch)
        known = mean[np.isfinite(mean)]
        facts["cells"] = len(known)
        if len(known):
            facts.update(total=float(known.sum(dtype=np.float64)), minimum=float(known.min()),
                         maximum=float(known.max()))
        arrays = {MEAN: mean, SPREAD: spread, OUTSIDE: outside}
        return Done({name: arrays[name] for name in self.names}, facts)

    def empty(self, tile: Tile) -> Done:
        """Return a tile without any cell to predict."""
        arrays = {name: np.full(shape, NOT_APPLICABLE, dtype=np.uint8) if name == OUTSIDE
                  else np.full(shape, np.nan, dtype=np.float32) for name, shape in self.shapes(tile).items()}
        return Done(arrays, {"skipped": 1, "cells": 0, "lost": 0})

    def shapes(self, tile: Tile) -> dict[str, tuple[int, int]]:
        """Return the shapes of the arrays of a tile."""
        coarse = coarse_block(tile.core, self._ensemble.patch)
        return {name: (tile.core.height, tile.core.width) if name == OUTSIDE else (coarse.height, coarse.width)
                for name in self.names}

    def _predict(self, tile: Tile, packed: Packed, step: Step) -> tuple[np.ndarray, np.ndarray | None]:
        """Return mean and spread of a core, in pieces where a GPU's memory is too small for the tile."""
        mean = np.empty((tile.core.height, tile.core.width), dtype=np.float32)
        spread = np.empty_like(mean) if self._ensemble.members > 1 else None
        waiting = [tile]
        while waiting:
            piece = waiting.pop()
            try:
                result = self._piece(tile, piece, packed, step)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                smaller = self.tiling.quarters(piece)
                if len(smaller) == 1:
                    self._to_cpu()
                    smaller = [piece]
                elif self._device.type == "cuda":
                    torch.cuda.empty_cache()
                waiting += smaller
                continue
            row, column = piece.core.row - tile.core.row, piece.core.column - tile.core.column
            mean[row:row + piece.core.height, column:column + piece.core.width] = result.mean
            if spread is not None:
                spread[row:row + piece.core.height, column:column + piece.core.width] = result.spread
        return mean, spread

    def _piece(self, tile: Tile, piece: Tile, packed: Packed, step: Step) -> Result:
        """Compute a piece of a tile from what was read for the whole tile."""
        row, column = piece.read.row - tile.read.row, piece.read.column - tile.read.column
        height, width = piece.read.height, piece.read.width
        if piece is not tile:
            packed = packed.part(row, column, height, width)
        row, column = piece.offset
        core = Span(row, column, row + piece.core.height, column + piece.core.width)
        share = piece.core.height * piece.core.width / (tile.core.height * tile.core.width)
        if self._device.type != "cuda":
            return self._ensemble.predict(self._engines, packed, core, lambda part: step(share * part))
        # A stream a thread, so that one tile is copied while another is computed.
        stream = getattr(self._streams, "stream", None)
        if stream is None:
            stream = self._streams.stream = torch.cuda.Stream(self._device)
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            return self._ensemble.predict(self._engines, packed, core, lambda part: step(share * part))

    def _to_cpu(self) -> None:
        """Go on on the processor."""
        with self._lock:
            if self._device.type == "cpu":
                raise DeviceUnavailable("The memory is too small for the smallest tiles. Close other programs, or use "
                                        "a smaller model.")
            self._progress.warn(f"The memory of {self._device} is too small even for small tiles of this model; the "
                                "rest of the map is computed on the processor, which is slower and gives the same.")
            self._device = torch.device("cpu")
            self._engines = self._ensemble.engines(
                self._device, [lowered(model, torch.float32) for model in self._ensemble.models])


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether the device's memory was too small; on processors and Apple GPUs only the words say so."""
    words = str(error).lower()
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or "out of memory" in words \
        or "can't allocate memory" in words


def _core(array: np.ndarray, tile: Tile) -> np.ndarray:
    row, column = tile.offset
    return array[..., row:row + tile.core.height, column:column + tile.core.width]
