"""The map under audit, on any scale: its values so that more means more susceptible, its zones, its regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import rasterio

from ..errors import InputCorrupt
from ..factors.categorical import class_names
from ..factors.polygons import AreaMask
from ..grid import Block, Grid
from ..inputs.rasters import raster_path, read_block
from ..progress import Progress, SubProgress
from ..statistics import CellScan, weighted_quantiles
from ..validation.map_layers import MapBlock, MapLayers, RegionMap, ZoneSource
from ..zones.schemes import AREA_SHARES, MAX_ZONES, read_scheme, zone_names


class AuditedMap(MapLayers):
    """A map whose values may be of any scale, or classes."""

    classes: tuple[float, ...] = ()  # values of a map of few classes, from the safest on; empty for others

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        area: AreaMask,
        inverted: bool,
        regions: RegionMap | None = None,
    ) -> None:
        """Join the layers, all on ``grid``; :meth:`cut` gives the map its zones."""
        super().__init__(dataset, grid, ZoneSource(()), None, regions)
        self._area, self._sign = area, np.float32(-1 if inverted else 1)
        self.lowest, self.highest = np.nan, np.nan  # of the values as they are stored

    def values(self, block: Block) -> np.ndarray:
        """Return the values of a block, also beyond the grid, float32; more is more susceptible, NaN for none."""
        values = read_block(self.dataset, block) * self._sign
        values[~(np.isfinite(values) & self._area.read(block))] = np.nan
        return values

    def read(self, block: Block) -> MapBlock:
        """Return a block."""
        values = self.values(block)
        zones = self.zones.read(block, values)
        return MapBlock(block, values[None], np.isfinite(values), zones, self.read_subset(block))

    def cut(self, zones: rasterio.DatasetReader | None, progress: Progress) -> None:
        """Give the map its zones: of a raster, its own classes if they are few, or by shares of its area.

        Raises:
            InputCorrupt: the map has one value everywhere, or the zones cannot be used; see ``ZoneSource.from_raster``.
            GridMismatch: the zones are on another grid.
            TooFewData: the map has no data.
        """
        distinct: set[float] = set()
        scan = self._scan(distinct, progress)
        scheme = read_scheme(AREA_SHARES, [], [])
        found = weighted_quantiles(scan, scheme.shares)
        ends = sorted(float(self._sign) * value for value in (found.minimum, found.maximum))
        self.lowest, self.highest = ends
        if found.minimum == found.maximum:
            raise InputCorrupt(
                f"The susceptibility raster {raster_path(self.dataset)} holds {self.lowest:g} in all of its cells, so "
                "there is nothing to audit. Give the map itself, not a mask of its area."
            )
        if len(distinct) <= MAX_ZONES:
            self.classes = tuple(sorted(distinct))
        if zones is not None:
            mapped = self.dataset if self._sign > 0 else None
            self.zones = ZoneSource.from_raster(zones, self.grid, SubProgress(progress, 0.9, 1.0), mapped)
        elif self.classes:
            self.zones = ZoneSource(self._class_names(), self.classes[:-1])
        else:
            self.zones = ZoneSource(zone_names(scheme.zones), found.values)

    def _scan(self, distinct: set[float], progress: Progress) -> CellScan:
        """Return a scan of values and areas of cells, whose first pass collects values while they are few."""
        parts = [SubProgress(progress, 0.45, 0.9), SubProgress(progress, 0.0, 0.45)]

        def scan() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for block in self.grid.blocks_with_progress(parts.pop() if len(parts) > 1 else parts[0]):
                values = self.values(block)
                known = np.isfinite(values)
                if len(distinct) <= MAX_ZONES:
                    distinct.update(np.unique(values[known]).tolist())
                areas = np.broadcast_to(self.grid.cell_area(block.row, block.height)[:, None], values.shape)
                yield values[known], areas[known]

        return scan

    def _class_names(self) -> Sequence[str]:
        named = class_names(self.dataset)
        stored = [float(self._sign) * value for value in self.classes]
        return [named.get(int(one), f"class {one:g}") if one == int(one) else f"class {one:g}" for one in stored]
