"""Inference of one tile: read, find where a model extrapolates, compute. The same here and on a cluster."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from ..encoding import FactorSpec, complete_cells
from ..errors import DeviceUnavailable
from ..factors.definitions import EMBEDDINGS
from ..grid import Block
from ..inputs.rasters import TILE
from ..memory import is_out_of_memory
from ..progress import Progress
from ..stack import Stack, StackFactor
from ..texts import MAX_LISTED
from ..training.devices import is_device_failure
from .dissimilarity import MAX_DENSITY, CellIndexes, IndexEngine, IndexTotals, sampling_stride
from .engines import CompactTile, ComputeSetup
from .ensemble import Ensemble
from .tiling import Tile, Tiling, coarse_block, coarsen
from .unet_inference import Span, Step

NOT_APPLICABLE = 255
WARN_SHARE = 0.01  # share of cells outside from which a warning is given and not only a line in the log
_LISTED = 8


@dataclass
class FactorExtrapolation:
    """How far one factor of the stack leaves the training data."""

    name: str
    trained: tuple[float, float] = (np.nan, np.nan)  # trained range (continuous factors)
    cells: int = 0  # cells outside
    lowest: float = np.inf  # least value below the trained range (continuous factors); infinite when there is none
    highest: float = -np.inf  # greatest value above it
    unseen: Counter = field(default_factory=Counter)  # cells by label of classes that training never saw (categorical)


class Applicability:
    """Finds, tile by tile, the factors outside the training data of any of the models, and adds up the cells."""

    def __init__(self, factors: Sequence[StackFactor], specs: Sequence[Sequence[FactorSpec]]) -> None:
        """Start counting; ``specs`` has for each factor of the stack its specification in the models that use it."""
        self._factors, self._specs = factors, specs
        self.outside = [FactorExtrapolation(factor.name) for factor in factors]
        if any(factor.group for factor in factors):
            # Components of an embedding count as one factor.
            self.outside.append(FactorExtrapolation(EMBEDDINGS))
        self.cells = self.cells_outside = 0
        for found, known in zip(self.outside, specs):
            if not known[0].is_categorical:
                found.trained = max(spec.minimum for spec in known), min(spec.maximum for spec in known)

    def find(
        self, raw: np.ndarray, numbers: Sequence[Sequence[np.ndarray]], valid: np.ndarray
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Find what lies outside in one tile; may be called by several threads.

        ``raw`` are values of the stack (factors, height, width), ``numbers`` for each categorical factor its class
        numbers (:meth:`Encoding.split`) for each of the models that use it, and ``valid`` cells to count. Returns the
        number of factors outside, uint8 (height, width), :data:`NOT_APPLICABLE` where not valid; and what :meth:`add`
        takes, plain numbers by name.
        """
        count, grouped = (np.zeros(valid.shape, dtype=kind) for kind in (np.uint8, bool))
        factors: dict[str, dict[str, Any]] = {}
        for index, (found, known) in enumerate(zip(self.outside, self._specs)):
            plane = raw[index]
            if known[0].is_categorical:
                beyond = np.zeros(valid.shape, dtype=bool)
                for spec, of_model in zip(known, numbers[index]):
                    beyond |= of_model == len(spec.seen) + 1
            else:
                low, high = (np.float32(end) for end in found.trained)
                beyond = plane < low
                beyond |= plane > high
            beyond &= valid
            if not beyond.any():
                continue
            if self._factors[index].group:
                grouped |= beyond
                continue
            count += beyond
            values = plane[beyond]
            facts: dict[str, Any] = {"cells": len(values)}
            if known[0].is_categorical:
                facts["unseen"] = self._labels(index, values)
            else:
                facts["lowest"] = float(values.min()) if values.min() < low else None
                facts["highest"] = float(values.max()) if values.max() > high else None
            factors[found.name] = facts
        if grouped.any():
            count += grouped
            factors[EMBEDDINGS] = {"cells": int(np.count_nonzero(grouped))}
        cells, cells_outside = int(np.count_nonzero(valid)), int(np.count_nonzero(count))
        count[~valid] = NOT_APPLICABLE
        return count, {"cells": cells, "cells_outside": cells_outside, "factors": factors}

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add up what was found in one tile."""
        self.cells += facts["cells"]
        self.cells_outside += facts["cells_outside"]
        for found in self.outside:
            one = facts["factors"].get(found.name)
            if one is None:
                continue
            found.cells += one["cells"]
            found.unseen.update(one.get("unseen", {}))
            if one.get("lowest") is not None:
                found.lowest = min(found.lowest, one["lowest"])
            if one.get("highest") is not None:
                found.highest = max(found.highest, one["highest"])

    @property
    def share_outside(self) -> float:
        """Share of the predicted cells with at least one factor outside."""
        return self.cells_outside / self.cells if self.cells else 0.0

    def report(self, progress: Progress) -> None:
        """Report what lies outside, worst first."""
        if not self.cells_outside:
            progress.report(1.0, "All cells lie within the range and the classes of the training data.")
            return
        worst = sorted((found for found in self.outside if found.cells), key=lambda found: -found.cells)
        parts = [self._sentence(found) for found in worst[:MAX_LISTED]]
        parts += [f"and {len(worst) - MAX_LISTED} more factors"] if len(worst) > MAX_LISTED else []
        text = (
            f"{self.cells_outside:,} cells ({self.share_outside:.2%}) lie outside the training data in at least "
            f"one factor: {'; '.join(parts)}."
        )
        if self.share_outside >= WARN_SHARE:
            progress.warn(f"{text} There the map extrapolates; OUTPUT_APPLICABILITY shows where.")
        else:
            progress.report(1.0, text)

    def _sentence(self, found: FactorExtrapolation) -> str:
        share = f"{found.name} {found.cells / self.cells:.2%}"
        if found.name == EMBEDDINGS:
            return f"{share} (beyond the trained range of one of their components, or several)"
        if not found.unseen:
            ends = [f"down to {found.lowest:.4g}"] if np.isfinite(found.lowest) else []
            ends += [f"up to {found.highest:.4g}"] if np.isfinite(found.highest) else []
            return f"{share} (trained on {found.trained[0]:.4g} to {found.trained[1]:.4g}, here {' and '.join(ends)})"
        listed = ", ".join(f'"{label}" {cells:,} cells' for label, cells in found.unseen.most_common(_LISTED))
        more = f" and {len(found.unseen) - _LISTED} more" if len(found.unseen) > _LISTED else ""
        return f"{share} (classes not seen in training: {listed}{more})"

    def _labels(self, index: int, codes: np.ndarray) -> dict[str, int]:
        labels = self._factors[index].classes
        found: Counter = Counter()
        for code, cells in zip(*np.unique(codes, return_counts=True)):
            found[labels.get(int(code), f"code {code:g}")] += int(cells)
        return dict(found)


READ_ROWS = TILE // 2  # rows read at once: half a block of a raster, whose other half then comes from GDAL's cache
MEAN, SPREAD, OUTSIDE = "mean", "spread", "outside"  # arrays of a tile
BIVARIATE = "bivariate"  # an output that is made of them when they are written
INSIDE, DENSITY = "inside", "density"  # area of applicability and local point density
DISSIMILARITY, EXPECTED = "dissimilarity", "expected"  # index, and the AUC to expect
COUNTS = (OUTSIDE, INSIDE, DENSITY)  # arrays of small numbers, uint8
OF_INDEX = (INSIDE, DENSITY, DISSIMILARITY, EXPECTED)
OF_CELLS = (OUTSIDE, *OF_INDEX)  # arrays with a value for each cell of the stack, whatever the models predict


class Mask(Protocol):
    """Cells to predict."""

    def may_intersect(self, block: Block) -> bool:
        """Whether any cell of the block may be wanted."""

    def read(self, block: Block) -> np.ndarray:
        """Return which cells are wanted, bool (height, width)."""


@dataclass
class TileInput:
    """A tile as it was read."""

    tiles: list[CompactTile]  # for each model, with halo; empty if no cell is wanted
    wanted: np.ndarray  # cells of the core to predict that have all factors
    outside: np.ndarray  # number of factors outside the training data
    found: list[dict[str, Any]]  # facts about them for ``Applicability.add``, by rows


@dataclass
class TileResult:
    """A tile as it is written: arrays of the core by name, and facts about them as plain numbers."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class TileWork:
    """Computes tiles; several threads may use one."""

    def __init__(
        self, ensemble: Ensemble, setup: ComputeSetup, tiling: Tiling, mask: Mask, names: Sequence, progress: Progress
    ) -> None:
        """Keep what all tiles need; ``names`` are the arrays wanted, ``progress`` is warned if a GPU fails."""
        self.tiling, self.names, self.patch = tiling, tuple(names), ensemble.patch
        self.applicability = Applicability(ensemble.factors, ensemble.specs)
        self.indexes = None if ensemble.without_index else IndexTotals(ensemble.models)
        self._stride, self._index_engines = sampling_stride(tiling.grid), dict[str, list[IndexEngine]]()
        self._ensemble, self._setup, self._mask, self._progress = ensemble, setup, mask, progress
        self._lock, self._streams = threading.Lock(), threading.local()
        self._free_tiles: list[list[CompactTile]] = []

    def read(self, stack: Stack, tile: Tile) -> TileInput:
        """Read a tile, some rows at a time; one thread at a time for one stack."""
        shape = tile.core.height, tile.core.width
        read = TileInput([], np.zeros(shape, dtype=bool), np.full(shape, NOT_APPLICABLE, dtype=np.uint8), [])
        if self._mask.may_intersect(tile.core):
            read.wanted = self._mask.read(tile.core)
        if not read.wanted.any():
            return read
        row, column = tile.offset
        tiles = self._allocate_tiles(tile.read.height, tile.read.width)
        for first, last in _rows(tile.read):
            block = Block(tile.read.row + first, tile.read.column, last - first, tile.read.width)
            values = self._ensemble.read(stack, block)
            numbers = self._ensemble.pack(values, tiles, first)
            top, bottom = max(first, row), min(last, row + shape[0])
            if top >= bottom:
                continue
            here = slice(top - first, bottom - first), slice(column, column + shape[1])
            of_core = values[(slice(None), here[0], here[1])]
            wanted = read.wanted[top - row : bottom - row]
            wanted &= complete_cells(of_core)
            if wanted.any():
                classes = [[plane[here] for plane in planes] for planes in numbers]
                outside, found = self.applicability.find(of_core, classes, wanted)
                read.outside[top - row : bottom - row] = outside
                read.found.append(found)
        if read.wanted.any():
            read.tiles = tiles
        else:
            self._free_tiles.append(tiles)
        return read

    def compute(self, tile: Tile, read: TileInput, step: Step) -> TileResult:
        """Compute a tile that was read; ``step`` receives the share done since its last call and may raise to stop."""
        if not read.tiles:
            step(1.0)
            return self.empty(tile)
        counted_so_far = 0.0

        def counted(share: float) -> None:
            nonlocal counted_so_far
            counted_so_far += share
            step(share)

        mean, spread = self._predict(tile, read, counted)
        # The cells that are not wanted.
        step(max(1 - counted_so_far, 0.0))
        predicted = read.wanted & np.isfinite(mean)
        lost = int(np.count_nonzero(read.wanted) - np.count_nonzero(predicted))
        mean[~predicted] = np.nan
        read.outside[~predicted] = NOT_APPLICABLE
        mean = coarsen(mean, self.patch)
        arrays = {MEAN: mean, OUTSIDE: read.outside}
        if spread is not None:
            spread[~predicted] = np.nan
            arrays[SPREAD] = coarsen(spread, self.patch)
        known = mean[np.isfinite(mean)]
        facts: dict[str, Any] = {"skipped": 0, "outside": read.found, "lost": lost, "cells": len(known)}
        if len(known):
            total = float(known.sum(dtype=np.float64))
            facts.update(total=total, minimum=float(known.min()), maximum=float(known.max()))
        if self.indexes is not None:
            of_index, facts["index"] = self._find_indexes(self.indexes, tile, read, predicted, arrays[MEAN])
            arrays.update(of_index)
        self._free_tiles.append(read.tiles)
        return TileResult({name: arrays[name] for name in self.names}, facts)

    def empty(self, tile: Tile) -> TileResult:
        """Return a tile without any cell to predict."""
        arrays = {
            name: np.full(shape, NOT_APPLICABLE, np.uint8) if name in COUNTS else np.full(shape, np.nan, np.float32)
            for name, shape in self.shapes(tile).items()
        }
        return TileResult(arrays, {"skipped": 1, "cells": 0, "lost": 0})

    def shapes(self, tile: Tile) -> dict[str, tuple[int, int]]:
        """Return the shapes of the arrays of a tile."""
        coarse = coarse_block(tile.core, self.patch)
        return {
            name: (tile.core.height, tile.core.width) if name in OF_CELLS else (coarse.height, coarse.width)
            for name in self.names
        }

    def _find_indexes(
        self, totals: IndexTotals, tile: Tile, read: TileInput, predicted: np.ndarray, mean: np.ndarray
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays of :data:`OF_INDEX` that are wanted, and facts on the whole tile."""
        height, width = predicted.shape
        sampled = predicted.copy()
        rows, columns = tile.core.row + np.arange(height), tile.core.column + np.arange(width)
        sampled &= (rows % self._stride == 0)[:, None] & (columns % self._stride == 0)
        wanted = set(OF_INDEX) & set(self.names)
        row, column = np.nonzero(predicted if wanted else sampled)
        top, left = tile.offset
        places = (row + top) * tile.read.width + column + left
        found = self._indexes_of(read.tiles, places, DENSITY in wanted)
        chosen = sampled[row, column]
        parts = [CellIndexes(one.dissimilarity[chosen], one.inside[chosen], one.density[chosen]) for one in found]
        facts = totals.find(mean[row, column][chosen], parts)
        if not wanted:
            return {}, facts
        profiles = self._ensemble.profiles()
        expected = [
            np.full(len(row), np.nan) if profile is None else profile.expected(one.dissimilarity)
            for profile, one in zip(profiles, found)
        ]
        # Of several models the worst.
        inside = np.logical_and.reduce([one.inside for one in found])
        density = np.minimum.reduce([np.where(one.inside, one.density, 0) for one in found])
        values = {
            INSIDE: inside,
            DENSITY: np.minimum(density, MAX_DENSITY),
            DISSIMILARITY: np.maximum.reduce([one.dissimilarity for one in found]),
            EXPECTED: np.minimum.reduce(expected),
        }
        arrays = {}
        for name in wanted:
            kind, empty = (np.uint8, NOT_APPLICABLE) if name in COUNTS else (np.float32, np.nan)
            arrays[name] = np.full(predicted.shape, empty, dtype=kind)
            arrays[name][row, column] = values[name]
        return arrays, facts

    def _indexes_of(self, tiles: list[CompactTile], places: np.ndarray, density: bool) -> list[CellIndexes]:
        """Return the indexes of cells for each model, on the device of the map or, if that fails, on the processor."""
        device = self._setup.device if self._setup.device.type == "cuda" else torch.device("cpu")
        try:
            return self._compute_indexes(device, tiles, places, density)
        except RuntimeError:
            if device.type == "cpu":
                raise
            return self._compute_indexes(torch.device("cpu"), tiles, places, density)

    def _compute_indexes(
        self, device: torch.device, tiles: list[CompactTile], places: np.ndarray, density: bool
    ) -> list[CellIndexes]:
        with self._lock:
            if device.type not in self._index_engines:
                self._index_engines[device.type] = self._ensemble.index_engines(device)
            engines = self._index_engines[device.type]
        return [engine.compute(tile, places, density) for engine, tile in zip(engines, tiles)]

    def _allocate_tiles(self, height: int, width: int) -> list[CompactTile]:
        """Return an earlier tile of this size, or a new one: the first use of fresh memory is slow."""
        with contextlib.suppress(IndexError):
            while (spare := self._free_tiles.pop())[0].shape != (height, width):
                pass
            return spare
        return self._ensemble.packed(height, width)

    def _predict(self, tile: Tile, read: TileInput, step: Step) -> tuple[np.ndarray, np.ndarray | None]:
        """Return mean and spread of a core, in pieces where a GPU's memory is too small for the tile."""
        mean = np.full((tile.core.height, tile.core.width), np.nan, dtype=np.float32)
        spread = mean.copy() if self._ensemble.members > 1 else None
        waiting = [self._crop_to_wanted(tile, read.wanted)]
        while waiting:
            piece, setup = waiting.pop(), self._setup
            try:
                piece_mean, piece_spread = self._predict_piece(setup, tile, piece, read.tiles, step)
            except (RuntimeError, MemoryError) as error:
                waiting += self._fallback(piece, setup.device, error)
                continue
            row, column = piece.core.row - tile.core.row, piece.core.column - tile.core.column
            place = slice(row, row + piece.core.height), slice(column, column + piece.core.width)
            mean[place] = piece_mean
            if spread is not None:
                spread[place] = piece_spread
        return mean, spread

    def _crop_to_wanted(self, tile: Tile, wanted: np.ndarray) -> Tile:
        """Return the part of a tile outside of which no cell is wanted."""
        core, align = tile.core, self.tiling.align
        (top, bottom), (left, right) = (
            (int(found[0] // align * align), int(found[-1]) + 1)
            for found in (np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0)))
        )
        return self.tiling.around(Block(core.row + top, core.column + left, bottom - top, right - left))

    def _predict_piece(
        self, setup: ComputeSetup, tile: Tile, piece: Tile, tiles: list[CompactTile], step: Step
    ) -> tuple[np.ndarray, np.ndarray | None]:
        row, column = piece.read.row - tile.read.row, piece.read.column - tile.read.column
        if piece.read != tile.read:
            tiles = [one.part(row, column, piece.read.height, piece.read.width) for one in tiles]
        row, column = piece.offset
        core = Span(row, column, row + piece.core.height, column + piece.core.width)
        share = piece.core.height * piece.core.width / (tile.core.height * tile.core.width)
        if setup.device.type != "cuda":
            return self._ensemble.predict(setup.engines, tiles, core, lambda part: step(share * part))
        # One stream per thread, so that one tile is copied while another is computed.
        stream = getattr(self._streams, "stream", None)
        if stream is None:
            stream = self._streams.stream = torch.cuda.Stream(setup.device)
        with torch.cuda.device(setup.device), torch.cuda.stream(stream):
            return self._ensemble.predict(setup.engines, tiles, core, lambda part: step(share * part))

    def _fallback(self, piece: Tile, device: torch.device, error: Exception) -> list[Tile]:
        """Return what to compute instead of a piece on which a device failed; raise errors of other kinds."""
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
            # This fails if the GPU does; the pieces then tell.
            with contextlib.suppress(RuntimeError):
                torch.cuda.empty_cache()
        return smaller

    def _fall_back_to_cpu(self, device: torch.device, reason: str) -> None:
        """Continue on the CPU, unless another thread has already left the device that failed."""
        with self._lock:
            if self._setup.device != device:
                return
            if device.type == "cpu":
                raise DeviceUnavailable(
                    "The memory is too small for the smallest tiles. Close other programs, or use a smaller model."
                )
            self._progress.warn(
                f"{reason}; the rest of the map is computed on the processor, which is slower and gives the same map."
            )
            self._setup = self._ensemble.setup(torch.device("cpu"), torch.float32)


def _rows(read: Block) -> Iterator[tuple[int, int]]:
    """Split the rows of a tile where a raster's blocks end, so that none is decoded twice."""
    first = 0
    while first < read.height:
        last = min(first + READ_ROWS - (read.row + first) % READ_ROWS, read.height)
        yield first, last
        first = last
