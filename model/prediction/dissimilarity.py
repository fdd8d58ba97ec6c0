"""How unlike the training cells the cells of a tile are, and what AUC that lets a whole map expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..applicability.index import ApplicabilityIndex
from ..applicability.profile import expected_auc
from ..applicability.space import class_slices
from ..artifact import TrainedModel
from ..encoding import Encoding
from ..grid import Grid
from .engines import ClassTables, CompactTile

CHUNK = 1024
"""Cells computed at once, always so many: a product of another shape may differ in its last digits, and the map would
depend on the tiles. Their distances to all prototypes stay in the cache of a processor."""
MAX_DENSITY = 254  # local point densities above it are written as this
SAMPLED_FROM, MAX_STRIDE = 250_000, 4
"""Cells of a grid from which the numbers of a map are from every second, and at most every fourth, row and column."""
SCORE_STEP, SCORE_END = 0.125, 20.0  # of the log odds of a map, in the table from which its expected AUC is computed
INDEX_BINS = 24  # of dissimilarity up to the limit of a profile, in the same table


@dataclass(frozen=True)
class CellIndexes:
    """Some cells of a tile by one model, each array (cells,)."""

    dissimilarity: np.ndarray  # float32
    inside: np.ndarray  # in the area of applicability, bool
    density: np.ndarray  # training cells within the threshold, float32


class IndexEngine:
    """Computes the dissimilarity index of one model on one device; several threads may use one."""

    def __init__(
        self, index: ApplicabilityIndex, tables: ClassTables, encoding: Encoding, device: torch.device
    ) -> None:
        self._device, self._mean = device, index.mean_distance
        self._limit = (index.threshold * index.mean_distance) ** 2
        continuous, axes = len(encoding.continuous), index.axes.astype(np.float64)

        def on_device(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

        self._scales = on_device(index.scales[:continuous, None])
        self._centre = on_device(index.centre[:continuous, None])
        self._axes = on_device(axes[:continuous].T)
        # One product gives −2 p·x + p² for each prototype p; the last coordinate of x is 1.
        prototypes = index.prototypes.astype(np.float64)
        squares = (prototypes**2).sum(axis=1)[:, None]
        self._prototypes = on_device(np.concatenate([-2 * prototypes, squares], axis=1))
        self._cells = on_device(index.cells[None])
        columns = [_class_columns(index, part, axes) for part in class_slices(encoding)]
        width = axes.shape[1] + 1
        # What the classes of all factors of a table add up to.
        self._tables = [
            table.reshape(len(table), -1, width).sum(dim=1).to(device) for table in tables.combined(columns)
        ]

    def compute(self, tile: CompactTile, cells: np.ndarray, with_density: bool) -> CellIndexes:
        """Return the indexes of cells, places in the flattened tile, int64 (cells,); densities are 0 unless wanted."""
        count = len(cells)
        padded = np.concatenate([cells, np.repeat(cells[-1:], -count % CHUNK)]) if count else cells
        scores = tile.scores.reshape(len(tile.scores), -1)
        keys = [key.reshape(-1) for key in tile.keys]
        square, density = np.empty(len(padded), dtype=np.float32), np.zeros(len(padded), dtype=np.float32)
        inside = np.empty(len(padded), dtype=bool)
        buffer = torch.empty(len(self._prototypes), CHUNK, device=self._device)
        point = torch.ones(self._prototypes.shape[1], CHUNK, device=self._device)
        along = point[:-1]
        with torch.inference_mode():
            for first in range(0, len(padded), CHUNK):
                part = slice(first, first + CHUNK)
                some = torch.from_numpy(padded[part])
                centred = scores.index_select(1, some).to(self._device) * self._scales - self._centre
                torch.mm(self._axes, centred, out=along)
                length = (centred * centred).sum(dim=0)
                for table, key in zip(self._tables, keys):
                    added = table.index_select(0, key.index_select(0, some).to(self._device))
                    along += added[:, :-1].t()
                    length += added[:, -1]
                # Squared distances to the prototypes, but for the length of the cell itself.
                torch.mm(self._prototypes, point, out=buffer)
                nearest, limit = buffer.amin(dim=0), self._limit - length
                square[part] = (nearest + length).cpu().numpy()
                inside[part] = (nearest <= limit).cpu().numpy()
                if with_density:
                    # In place, as 0 and 1: a product with truth values would copy them first.
                    density[part] = (self._cells @ buffer.le_(limit))[0].cpu().numpy()
        dissimilarity = np.sqrt(np.maximum(square, 0)) / np.float32(self._mean)
        return CellIndexes(dissimilarity[:count], inside[:count], density[:count])


def _class_columns(index: ApplicabilityIndex, part: slice, axes: np.ndarray) -> np.ndarray:
    """Return for each class number of a factor its share of the coordinates along the axes, and of the squared length.

    Row 0 is no data, the last one a class that training did not see: as far from all classes as they from each other.
    """
    scales, centre = index.scales[part].astype(np.float64), index.centre[part].astype(np.float64)
    count = len(scales)
    rows = np.concatenate([np.zeros((1, count)), np.diag(scales), np.zeros((1, count))]) - centre
    rows[0] = 0
    length = (rows**2).sum(axis=1)
    length[-1] += scales.max(initial=0.0) ** 2
    return np.concatenate([rows @ axes[part], length[:, None]], axis=1)


def sampling_stride(grid: Grid) -> int:
    """Return how far apart the rows and columns are from which the numbers of a map are taken."""
    return int(np.clip(np.sqrt(grid.width * grid.height / SAMPLED_FROM), 1, MAX_STRIDE))


@dataclass(frozen=True)
class MapExpectation:
    """What dissimilarity lets a whole map expect, by the worst of its models."""

    inside: float  # share of the map in the area of applicability of all models
    beyond: float  # share of the map beyond the land that was held out in training
    auc: float | None  # to expect on the rest of the map; ``None`` without a profile or any such land
    error: float | None  # root mean square error of that AUC on regions held out in training


class IndexTotals:
    """Adds up the cells of a map by log odds and dissimilarity."""

    def __init__(self, models: Sequence[TrainedModel]) -> None:
        """Start with no cell; all models have an index."""
        self._models = [(one.applicability, one.calibration) for one in models if one.applicability is not None]
        self._bins = int(2 * SCORE_END / SCORE_STEP)
        self._tables = [np.zeros(self._bins * (INDEX_BINS + 1), dtype=np.int64) for _ in self._models]
        self.cells = self.inside = 0

    def find(self, probability: np.ndarray, found: Sequence[CellIndexes]) -> dict[str, Any]:
        """Return the facts of some cells for :meth:`add`, as plain numbers; may be called by several threads."""
        bounded = np.clip(probability.astype(np.float64), 1e-12, 1 - 1e-12)
        score = np.floor((np.log(bounded / (1 - bounded)) + SCORE_END) / SCORE_STEP)
        row = np.clip(score, 0, self._bins - 1).astype(np.int64)
        tables = []
        for (index, _), one in zip(self._models, found):
            column = np.floor(one.dissimilarity / _limit(index) * INDEX_BINS)
            place = row * (INDEX_BINS + 1) + np.clip(column, 0, INDEX_BINS).astype(np.int64)
            places, counts = np.unique(place, return_counts=True)
            tables.append([places.tolist(), counts.tolist()])
        inside = np.logical_and.reduce([one.inside for one in found])
        return {"cells": len(probability), "inside": int(inside.sum()), "tables": tables}

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add up what was found in one tile."""
        self.cells += facts["cells"]
        self.inside += facts["inside"]
        for table, (places, counts) in zip(self._tables, facts["tables"]):
            table[places] += counts

    def expectation(self) -> MapExpectation | None:
        """Return what the map may expect; ``None`` without cells."""
        if not self.cells:
            return None
        parts = [self._of_model(*one) for one in zip(self._models, self._tables)]
        known = [(auc, error) for auc, error, _ in parts if auc is not None]
        auc, error = min(known) if len(known) == len(parts) else (None, None)
        return MapExpectation(self.inside / self.cells, max(beyond for _, _, beyond in parts), auc, error)

    def _of_model(self, model: tuple[ApplicabilityIndex, Any], table: np.ndarray) -> tuple[Any, Any, float]:
        (index, calibration), counts = model, table.reshape(self._bins, INDEX_BINS + 1)
        beyond = float(counts[:, -1].sum() / counts.sum())
        row, column = np.nonzero(counts[:, :-1])
        if index.profile is None or not len(row):
            return None, None, beyond
        score = (row + 0.5) * SCORE_STEP - SCORE_END
        # A calibrated map has another scale than the logit that the profile is of.
        score /= 1.0 if calibration is None else calibration.slope
        slopes = index.profile.slopes((column + 0.5) / INDEX_BINS * _limit(index))
        return expected_auc(score, counts[row, column].astype(np.float64), slopes), index.profile.error, beyond


def _limit(index: ApplicabilityIndex) -> float:
    """Return the dissimilarity beyond which nothing is known."""
    return max(index.threshold if index.profile is None else index.profile.limit, 1e-9)
