"""Where cells are labelled, kept in memory after one scan, to be counted by any blocks."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..grid import Block

if TYPE_CHECKING:
    from .split import Blocks


@dataclass
class LabelledLand:
    """Labelled cells with data in every factor, in bits that are deflated: far less than a byte a cell."""

    cells: np.ndarray  # row and column of landslide cells (a sample if they are very many), int64 (cells, 2)
    labelled: int = 0  # number of labelled cells
    landslide: int = 0  # number of those with a landslide
    _parts: list[tuple[Block, bytes, bytes]] = field(default_factory=list)

    def add(self, block: Block, slide: np.ndarray, known: np.ndarray) -> None:
        """Add a rectangle of cells: which are landslide cells, and which are labelled at all, bool of its shape."""
        count = int(known.sum())
        if count:
            slide_bits, known_bits = (zlib.compress(np.packbits(mask).tobytes(), 1) for mask in (slide, known))
            self._parts.append((block, slide_bits, known_bits))
        self.labelled, self.landslide = self.labelled + count, self.landslide + int(slide.sum())

    def count(self, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
        """Return the landslide cells and the labelled cells of each block, int64 of the blocks' shape."""
        landslide, labelled = (np.zeros(blocks.shape, dtype=np.int64) for _ in range(2))
        for block, *parts in self._parts:
            for bits, total in zip(parts, (landslide, labelled)):
                mask = np.unpackbits(np.frombuffer(zlib.decompress(bits), np.uint8), count=block.height * block.width)
                blocks.sums(mask.reshape(block.shape), block.row, block.column, total)
        return landslide, labelled
