"""Ring cells of a label raster: unknown because a landslide is near, and not because nobody mapped them."""

from __future__ import annotations

import math

import numpy as np
import rasterio
from scipy.ndimage import distance_transform_edt

from ..grid import Block, Grid
from ..labels import LANDSLIDE, UNKNOWN
from ..labels.buffers import RADIUS_TOLERANCE
from ..labels.discs import read_discs
from .split import read_labels


class RingCells:
    """Unknown cells in the ring of a landslide; other unknown cells count as not mapped.

    The ring comes from the metadata of the labels, which have that of each disc. Around landslide cells of no disc it
    reaches as far as the widest of the labels. Without metadata it is ``ring`` metres around all landslide cells.
    """

    def __init__(self, labels: rasterio.DatasetReader, grid: Grid, ring: float = 0.0) -> None:
        discs = read_discs(labels, grid)
        self.is_known = discs is not None  # whether the labels tell how wide their ring is
        self._labels, self._ring = labels, ring if discs is None else discs.ring
        self._discs = discs.buffers(grid, rings=True) if discs is not None and len(discs) and discs.ring else None
        self._width, self._height = grid.spacing()

    def read(self, block: Block) -> np.ndarray:
        """Return which cells of a rectangle are in a ring, bool (block.height, block.width)."""
        nothing = np.zeros(block.shape, dtype=bool)
        if not self._ring:
            return nothing
        middle = min(max(block.row + block.height // 2, 0), len(self._width) - 1)
        sampling = float(self._height[middle]), float(self._width[middle])
        halo = math.ceil(self._ring / min(sampling)) + 1
        padded = block.padded(halo)
        labels = read_labels(self._labels, padded)
        unknown, slide = labels[halo:-halo, halo:-halo] == UNKNOWN, labels == LANDSLIDE
        if not slide.any() or not unknown.any():
            return nothing
        reach = self._ring + RADIUS_TOLERANCE * sampling[0]
        distance = distance_transform_edt(~slide, sampling)
        near = distance <= reach
        if self._discs is not None:
            inside, ring = self._discs.read(padded)
            # Unknown cells in a disc were not mapped; nor was the ring of a landslide whose own cell is unknown.
            own = distance <= reach + math.hypot(*sampling) / 2
            near, loose = ring & ~inside & own, slide & ~inside
            if loose.any():
                near |= distance_transform_edt(~loose, sampling) <= reach
        return unknown & near[halo:-halo, halo:-halo]
