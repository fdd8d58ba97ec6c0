"""Several maps as one: what the stages of a validation ask of a map, for the ground where all of them have data."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..grid import Block, Grid
from ..validation.layers import MapLayers, View, ZoneSource
from ..validation.scopes import RegionMap, SubsetMap
from .mosaic import SampledMosaic
from .pieces import PieceRegions


class JointLayers(MapLayers):
    """Maps read on one grid, with windows, regions and landslide buffers. They have no zones of their own here."""

    def __init__(self, maps: Sequence[SampledMosaic], grid: Grid, names: Sequence[str],
                 subsets: SubsetMap | None = None, regions: RegionMap | PieceRegions | None = None) -> None:
        """Join the maps; all are read on ``grid``.

        Args:
            maps: the maps.
            grid: the grid of the finest.
            names: names of the zones that the maps will be cut into.
            subsets: training windows.
            regions: regions with numbers of their own.
        """
        super().__init__(None, grid, ZoneSource(names), subsets, regions)
        self.maps = len(maps)
        self._maps = list(maps)

    def read(self, block: Block) -> View:
        """Return a window: the values of each map, and where all of them have one."""
        every = np.stack([one.read(block) for one in self._maps])
        valid = np.isfinite(every).all(axis=0)
        subset = np.zeros(valid.shape, dtype=np.uint8) if self.subsets is None else self.subsets.read(block)
        return View(block, every, valid, np.zeros(valid.shape, dtype=np.uint8), subset)
