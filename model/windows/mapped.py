"""Ring cells of a label raster: unknown because a landslide is near, and not because nobody mapped them."""

from __future__ import annotations

import math

import numpy as np
import rasterio
from scipy.ndimage import distance_transform_edt

from ..grid import Block, Grid
from ..labels import LANDSLIDE, UNKNOWN
from ..labels.discs import read_discs
from .split import read_labels


class RingCells:
    """Unknown cells within RING metres of a landslide cell; other unknown cells count as not mapped.

    The width of the ring comes from the metadata of the labels; without them no unknown cell counts as mapped.
    """

    def __init__(self, labels: rasterio.DatasetReader, grid: Grid) -> None:
        discs = read_discs(labels, grid)
        self.is_known = discs is not None  # whether the labels tell how wide their ring is
        self._labels, self._ring = labels, 0.0 if discs is None else discs.ring
        self._width, self._height = grid.spacing()

    def read(self, block: Block) -> np.ndarray:
        """Return which cells of a rectangle are in a ring, bool (block.height, block.width)."""
        nothing = np.zeros(block.shape, dtype=bool)
        if not self._ring:
            return nothing
        middle = min(max(block.row + block.height // 2, 0), len(self._width) - 1)
        sampling = float(self._height[middle]), float(self._width[middle])
        halo = math.ceil(self._ring / min(sampling)) + 1
        labels = read_labels(self._labels, block.padded(halo))
        unknown = labels[halo:-halo, halo:-halo] == UNKNOWN
        slide = labels == LANDSLIDE
        if not slide.any() or not unknown.any():
            return nothing
        return unknown & (distance_transform_edt(~slide, sampling)[halo:-halo, halo:-halo] <= self._ring)
