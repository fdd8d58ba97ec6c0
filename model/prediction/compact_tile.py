"""What a network needs of a tile, in little memory: z-scores, and one number for all classes of a cell.

A one-hot image has a channel for each class, most of them zero. Written out for a whole tile it takes several times the
memory of the factors and as long as a convolution. Here it is looked up, a few rows at a time, in tables with one row
for each combination of classes, in the dtype and memory order that the convolutions want.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..encoding import Encoding

MAX_TABLE_ROWS = 16384  # rows of a table; what it holds then stays in the fast memory of a processor


@dataclass
class CompactTile:
    """One tile as one model sees it."""

    scores: torch.Tensor  # z-scores of the continuous factors, float32 (factors, height, width), 0 without data
    keys: list[torch.Tensor]  # for each table the row of each cell, int32 (height, width)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in cells."""
        return self.scores.shape[-2], self.scores.shape[-1]

    def part(self, row: int, column: int, height: int, width: int) -> CompactTile:
        """Return a rectangle of the tile."""
        rows, columns = slice(row, row + height), slice(column, column + width)
        return CompactTile(self.scores[:, rows, columns], [key[rows, columns] for key in self.keys])

    def to(self, device: torch.device) -> CompactTile:
        """Return the tile on a device."""
        if device.type == "cpu":
            return self

        def moved(array: torch.Tensor) -> torch.Tensor:
            if device.type == "cuda":
                # Pinned memory is copied while the GPU still computes the tile before.
                array = array.contiguous().pin_memory()
            return array.to(device, non_blocking=device.type == "cuda")

        return CompactTile(moved(self.scores), [moved(key) for key in self.keys])


class ClassTables:
    """The class channels of an :class:`Encoding`, as few tables whose rows are combinations of classes."""

    def __init__(self, encoding: Encoding) -> None:
        """Combine the tables of the factors while they stay small."""
        self._encoding = encoding
        self.groups: list[list[int]] = []  # places among the categorical factors that share a table
        rows = 1
        for place, table in enumerate(encoding.tables):
            if not self.groups or rows * len(table) > MAX_TABLE_ROWS:
                self.groups.append([])
                rows = 1
            self.groups[-1].append(place)
            rows *= len(table)

    @property
    def continuous(self) -> int:
        """Channels before those of the classes."""
        return len(self._encoding.continuous)

    @property
    def channels(self) -> int:
        """Channels that the network reads."""
        return self._encoding.channels

    def pack(self, raw: np.ndarray) -> tuple[CompactTile, np.ndarray, np.ndarray]:
        """Return a tile, class numbers and validity.

        Args:
            raw: physical values and class codes, float32 (factors, height, width), NaN where there is no data.

        Returns:
            The tile; what :meth:`Encoding.split` says of the classes, uint8 (categorical factors, height, width), and
            of the cells with data, bool (height, width).
        """
        scores, numbers, valid = self._encoding.split(raw)
        keys = []
        for group in self.groups:
            key = numbers[group[0]].astype(np.int32)
            for place in group[1:]:
                key *= len(self._encoding.tables[place])
                key += numbers[place]
            keys.append(torch.from_numpy(key))
        return CompactTile(torch.from_numpy(scores), keys), numbers, valid

    def combined(self, columns: list[np.ndarray]) -> list[torch.Tensor]:
        """Return for each group the table that its keys look up.

        Args:
            columns: for each categorical factor, what its classes stand for, float (classes, values).

        Returns:
            float32 (combinations, values of all factors of the group).
        """
        tables = []
        for group in self.groups:
            sizes = [len(columns[place]) for place in group]
            parts = []
            for number, place in enumerate(group):
                row = np.arange(int(np.prod(sizes))) // int(np.prod(sizes[number + 1 :])) % sizes[number]
                parts.append(np.asarray(columns[place], dtype=np.float32)[row])
            tables.append(torch.from_numpy(np.concatenate(parts, axis=1)))
        return tables


class StripEncoder:
    """Writes rows of a compact tile as the image that a network reads."""

    def __init__(self, tables: ClassTables, encoding: Encoding, device: torch.device, dtype: torch.dtype) -> None:
        """Put the tables on a device, in the arithmetic of the network."""
        self._continuous, self._channels = tables.continuous, tables.channels
        self._tables = [table.to(device, dtype) for table in tables.combined(encoding.tables)]
        self._dtype = dtype
        if len(self._tables) == 1:
            # With the places of the scores in it, one look-up gives the whole image.
            empty = torch.zeros(len(self._tables[0]), self._continuous, device=device, dtype=dtype)
            self._tables = [torch.cat([empty, self._tables[0]], dim=1)]

    def image(self, tile: CompactTile, first: int, last: int) -> torch.Tensor:
        """Return rows ``first`` … ``last`` (not included), shape (1, channels, rows, width), channels last."""
        width = tile.shape[1]
        scores = tile.scores[:, first:last].to(self._dtype)
        keys = [key[first:last].reshape(-1) for key in tile.keys]
        if len(keys) == 1:
            flat = torch.embedding(self._tables[0], keys[0])
        else:
            flat = torch.empty((last - first) * width, self._channels, dtype=self._dtype, device=scores.device)
            column = self._continuous
            for table, key in zip(self._tables, keys):
                flat[:, column : column + table.shape[1]] = torch.embedding(table, key)
                column += table.shape[1]
        for channel in range(self._continuous):
            flat[:, channel] = scores[channel].reshape(-1)
        return flat.view(1, last - first, width, self._channels).permute(0, 3, 1, 2)
