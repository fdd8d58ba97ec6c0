"""The susceptibility map and what lies over it, read window by window and at points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio

from ..errors import InputCorrupt
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import read_window
from ..labels.buffers import Buffers
from ..progress import Progress, stop_if_cancelled
from ..safe_json import parse_json
from ..zones.raster import assign_zones
from ..zones.schemes import MAX_ZONES, zone_names
from .scopes import RegionMap, Scope, SubsetMap

_ROUNDING = 1e-4


@dataclass
class MapBlock:
    """A window of the map."""

    block: Block
    values_by_map: np.ndarray
    """Susceptibility in each of the maps, float32, NaN where there is none, shape (maps, height, width)."""
    valid: np.ndarray
    """Whether all maps have a susceptibility, bool."""
    zones: np.ndarray
    """Zone, uint8, 0 where there is none."""
    subset: np.ndarray
    """Code of the subset, uint8."""

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map, float32, shape (height, width)."""
        return self.values_by_map[0]


@dataclass
class CellValues:
    """What the map says at some cells."""

    values_by_map: np.ndarray
    """Susceptibility in each of the maps, float32, NaN where there is none, shape (maps, cells)."""
    zones: np.ndarray
    subset: np.ndarray
    regions: np.ndarray
    """Whether the cell is in each region, bool, shape (cells, regions)."""

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map, float32, shape (cells,)."""
        return self.values_by_map[0]

    @property
    def valid(self) -> np.ndarray:
        """Whether all maps have a susceptibility, bool, shape (cells,)."""
        return np.isfinite(self.values_by_map).all(axis=0)

    def take(self, chosen: np.ndarray) -> CellValues:
        """Return the attributes of some of the cells."""
        return CellValues(self.values_by_map[:, chosen], self.zones[chosen], self.subset[chosen], self.regions[chosen])

    def in_scope(self, scope: Scope) -> np.ndarray:
        """Return which cells belong to a part of the map, bool, shape (cells,)."""
        inside = self.valid
        if scope.subset:
            inside = inside & (self.subset == scope.subset)
        return inside & self.regions[:, scope.region] if scope.region is not None else inside


class ZoneSource:
    """Zones of a map: from a zone raster on the same grid, or by breaks."""

    def __init__(
        self, names: Sequence[str], breaks: Sequence[float] = (), dataset: rasterio.DatasetReader | None = None
    ) -> None:
        """Keep either breaks or an open raster.

        Args:
            names: names of zones 1, 2, …
            breaks: upper bounds of all zones but the last.
            dataset: open zone raster; wins over the breaks.
        """
        self.names = dict(enumerate(names, 1))
        self.breaks = [float(limit) for limit in breaks]
        self._dataset = dataset

    @classmethod
    def from_raster(cls, dataset: rasterio.DatasetReader, grid: Grid, progress: Progress) -> ZoneSource:
        """Check a zone raster and read its names.

        Raises:
            GridMismatch: it is not on the map's grid.
            InputCorrupt: its values are no zone numbers.
        """
        grid.require_same(Grid.of(dataset, "zones"), "susceptibility map", "zone raster given as ZONES")
        highest = 0
        for block in grid.blocks():
            stop_if_cancelled(progress)
            cells = read_window(dataset, block.row, block.column, block.height, block.width, [1])[0]
            found = cells[np.isfinite(cells)]
            if found.size:
                low, high = float(found.min()), float(found.max())
                if low < 0 or high > MAX_ZONES or np.any(found != np.floor(found)):
                    raise InputCorrupt(
                        f"The zone raster {dataset.name} holds values from {low:g} to {high:g}. Zones "
                        f"are whole numbers from 1 (very low) to at most {MAX_ZONES}, 0 for no data. "
                        "Make it with scarp:classifyzones."
                    )
                highest = max(highest, int(high))
        if not highest:
            raise InputCorrupt(f"The zone raster {dataset.name} has no zone at all. Make it with scarp:classifyzones.")
        return cls(declared_zone_names(dataset, highest), dataset=dataset)

    def read(self, block: Block, values: np.ndarray) -> np.ndarray:
        """Return the zone of each cell, uint8, shape of the block; 0 where there is none."""
        if self._dataset is None:
            return assign_zones(values, self.breaks)
        cells = read_window(self._dataset, block.row, block.column, block.height, block.width, [1])[0]
        return np.nan_to_num(cells, nan=0.0).astype(np.uint8)


class MapLayers:
    """A susceptibility map with its zones, windows, regions and landslide buffers."""

    maps = 1
    """How many maps there are on the grid; several when maps are compared."""

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        zones: ZoneSource,
        subsets: SubsetMap | None = None,
        regions: RegionMap | None = None,
    ) -> None:
        """Join the layers; all lie on ``grid``."""
        self.grid, self.zones, self.subsets, self.regions = grid, zones, subsets, regions
        self._dataset = dataset

    def read(self, block: Block) -> MapBlock:
        """Return a window of the map.

        Raises:
            InputCorrupt: a value is not a susceptibility between 0 and 1.
        """
        values = read_window(self._dataset, block.row, block.column, block.height, block.width, [1])[0]
        valid = np.isfinite(values)
        if valid.any():
            low, high = float(values[valid].min()), float(values[valid].max())
            if low < -_ROUNDING or high > 1 + _ROUNDING:
                raise InputCorrupt(
                    f"The susceptibility raster {self._dataset.name} holds values from {low:g} to "
                    f"{high:g}, but susceptibility lies between 0 and 1. Choose the raster that "
                    "scarp:predictsusceptibility wrote, or rescale this one with the raster calculator."
                )
        values[~valid] = np.nan
        subset = np.zeros(values.shape, dtype=np.uint8) if self.subsets is None else self.subsets.read(block)
        return MapBlock(block, values[None], valid, self.zones.read(block, values), subset)

    def inside(self, view: MapBlock, scope: Scope) -> np.ndarray | None:
        """Return which cells of a window belong to a part of the map, bool; ``None`` when none can."""
        if scope.region is not None and (
            self.regions is None or scope.region not in self.regions.regions_in_block(view.block)
        ):
            return None
        inside = view.valid
        if scope.subset:
            inside = inside & (view.subset == scope.subset)
        if scope.region is not None and self.regions is not None:
            inside = inside & self.regions.read(view.block, scope.region)
        return inside

    def candidates(self, view: MapBlock, scope: Scope, near_landslide: np.ndarray) -> np.ndarray | None:
        """Return where a stable point of a part of the map may lie: inside it and not near a landslide."""
        inside = self.inside(view, scope)
        return None if inside is None else inside & ~near_landslide

    def near_landslide(self, buffers: Buffers, block: Block) -> np.ndarray:
        """Return which cells of a window are near a landslide, bool."""
        return buffers.read(block)[0]

    def cell_values(self, rows: np.ndarray, columns: np.ndarray, progress: Progress) -> CellValues:
        """Return what the map says at cells.

        Args:
            rows: shape (cells,), within the grid.
            columns: shape (cells,), within the grid.
            progress: reported to and asked whether to stop.
        """
        labels = self.regions.labels if self.regions is not None else []
        result = CellValues(
            np.full((self.maps, len(rows)), np.nan, dtype=np.float32),
            np.zeros(len(rows), dtype=np.uint8),
            np.zeros(len(rows), dtype=np.uint8),
            np.zeros((len(rows), len(labels)), dtype=bool),
        )
        for block, chosen in cells_by_block(self.grid, rows, columns, progress):
            view = self.read(block)
            cell = rows[chosen] - block.row, columns[chosen] - block.column
            result.values_by_map[:, chosen] = view.values_by_map[:, cell[0], cell[1]]
            result.zones[chosen] = view.zones[cell]
            result.subset[chosen] = view.subset[cell]
            if self.regions is not None:
                for region in self.regions.regions_in_block(block):
                    result.regions[chosen, region] = self.regions.read(block, region)[cell]
        return result


def cells_by_block(
    grid: Grid, rows: np.ndarray, columns: np.ndarray, progress: Progress
) -> Iterator[tuple[Block, np.ndarray]]:
    """Walk the windows of the grid that hold any of some cells, with the numbers of those cells."""
    across = math.ceil(grid.width / BLOCK)
    numbers = (rows // BLOCK) * across + columns // BLOCK
    order = np.argsort(numbers, kind="stable")
    found, first = np.unique(numbers[order], return_index=True)
    parts = np.split(order, first[1:]) if len(found) else []
    for done, (number, chosen) in enumerate(zip(found, parts)):
        stop_if_cancelled(progress)
        progress.report(done / len(found))
        row, column = int(number) // across * BLOCK, int(number) % across * BLOCK
        yield Block(row, column, min(BLOCK, grid.height - row), min(BLOCK, grid.width - column)), chosen


def declared_zone_names(dataset: rasterio.DatasetReader, highest: int) -> list[str]:
    """Return the names that the zone raster states in its band metadata, else the usual ones."""
    usual = zone_names(max(highest, 2))
    try:
        stated = parse_json(dataset.tags(1).get("classes", "{}"))
    except ValueError:
        return usual
    if not isinstance(stated, dict) or not stated:
        return usual
    # Digits of other scripts, or raised ones, are digits too.
    numbers = [int(key) for key in stated if key.isascii() and key.isdigit() and len(key) <= 3]
    count = max([highest, *(number for number in numbers if number <= MAX_ZONES)])
    usual = zone_names(max(count, 2))
    return [str(stated.get(str(number), usual[number - 1])) for number in range(1, count + 1)]
