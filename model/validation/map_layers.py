"""The susceptibility map with its zones, windows and regions, read block by block and at points.

A scope is a part of the map with numbers of its own: all of it, the training, validation and test windows, regions.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import rasterio

from ..errors import FieldUnusable, InputCorrupt, LayerEmpty
from ..factors.categorical import class_names
from ..factors.polygons import PolygonBurner
from ..grid import BLOCK, Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import raster_path, read_block
from ..inputs.survey import ROUNDING, ValueSurvey, listed, percent, susceptibility_problem
from ..inputs.vectors import Polygons
from ..progress import NullProgress, Progress, stop_if_cancelled
from ..safe_json import parse_json
from ..statistics import weighted_quantiles
from ..texts import clean_label, shorten
from ..zones.raster import assign_zones, scan_cells, stated_breaks
from ..zones.schemes import AREA_SHARES, MAX_ZONES, read_scheme, zone_names
from .settings import SUBSET_CODES, SUBSET_SPELLINGS


@dataclass(frozen=True)
class Scope:
    """A part of the map."""

    name: str  # as it stands in the table: all, train, validation, test or region: LABEL
    subset: int = 0  # code of the subset whose windows it is limited to; 0 for no limit
    region: int | None = None  # number of the region it is limited to
    seed_offset: int = 0
    """Number of its own stream of random numbers, so that one scope's draw does not change another's."""


class SubsetMap:
    """Which subset each cell's window belongs to."""

    def __init__(self, grid: Grid, windows: Polygons) -> None:
        """Read the field ``subset``. Raises ``LayerEmpty`` if the layer has no window; ``FieldUnusable`` if the field
        is missing, or a value is none of ``train``, ``validation`` and ``test``.
        """
        if not len(windows):
            raise LayerEmpty(
                f'The layer "{windows.name}" given as WINDOWS has no window. Give the windows that '
                "scarp:trainpcum wrote, or leave WINDOWS empty."
            )
        self._grid, self._burner = grid, PolygonBurner(windows, grid)
        codes = []
        for index, value in enumerate(windows.column("subset")):
            name = SUBSET_SPELLINGS.get(str(value).strip().lower())
            if name is None:
                raise FieldUnusable(
                    f'The field "subset" of the layer "{windows.name}" given as WINDOWS has '
                    f'"{shorten(value)}" in feature {index + 1}. It must be train, validation or test.'
                )
            codes.append(SUBSET_CODES[name])
        self._codes = np.array(codes)

    @property
    def codes(self) -> set[int]:
        """Codes of the subsets that have windows on the map."""
        return set(self._codes[self._burner.touching(self._grid.whole)].tolist())

    def read(self, block: Block) -> np.ndarray:
        """Return the code of each cell, uint8, shape of the block; 0 where there is no window.

        Where windows overlap, a training window wins over a validation window and that over a test window: cells that
        the model has seen are no test.
        """
        result = np.zeros((block.height, block.width), dtype=np.uint8)
        near = self._burner.touching(block)
        for code in sorted(SUBSET_CODES.values(), reverse=True):
            chosen = np.flatnonzero(near & (self._codes == code))
            if len(chosen):
                result[self._burner.covers(block, chosen)] = code
        return result


class Regions:
    """Parts of the map with names; parts with the same name are one region."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Number the regions by the name of each part."""
        self.labels = sorted(set(labels), key=natural_sort_key)  # in the order of the report
        self._number = np.array([self.labels.index(label) for label in labels])

    def regions_in_block(self, block: Block) -> list[int]:
        """Return the numbers of the regions that may have cells in a block."""
        return sorted(set(self._number[self._may_intersect(block)].tolist()))

    def read(self, block: Block, region: int) -> np.ndarray:
        """Return whether each cell's centre lies in a region, bool, shape of the block."""
        raise NotImplementedError

    def _may_intersect(self, block: Block) -> np.ndarray:
        raise NotImplementedError


class RegionMap(Regions):
    """Regions given as polygons."""

    def __init__(self, grid: Grid, regions: Polygons, field: str | None) -> None:
        """Read the regions' names. ``field``: attribute with the name; features are numbered without it. Raises
        ``LayerEmpty`` if the layer has no polygon; ``FieldUnusable`` if there is no such field.
        """
        if not len(regions):
            raise LayerEmpty(
                f'The layer "{regions.name}" given as REGIONS has no polygon. Draw the regions, or leave REGIONS empty.'
            )
        self._regions, self._burner = regions, PolygonBurner(regions, grid)
        values: Sequence[Any] = regions.column(field) if field else list(range(1, len(regions) + 1))
        # Numbers without fractions may be stored as 1.0.
        whole = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
        labels = ["(no name)" if value is None else clean_label(str(value)) or "(no name)" for value in whole]
        super().__init__(labels)

    def _may_intersect(self, block: Block) -> np.ndarray:
        return self._burner.touching(block)

    def read(self, block: Block, region: int) -> np.ndarray:
        """Return whether each cell's centre lies in a region, bool, shape of the block."""
        return self._burner.covers(block, np.flatnonzero(self._may_intersect(block) & (self._number == region)))

    def members(self, region: int) -> list[int]:
        """Return the numbers of the polygons of a region."""
        return np.flatnonzero(self._number == region).tolist()

    def geometries(self, region: int) -> list[dict]:
        """Return the GeoJSON geometries of a region."""
        return [self._regions.geometries[index] for index in self.members(region)]


def natural_sort_key(label: str) -> tuple[int, float, str]:
    """Sort numbers by amount and before names."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


class ZoneSource:
    """Zones of a map: from a zone raster on the same grid, or by breaks."""

    def __init__(
        self, names: Sequence[str], breaks: Sequence[float] = (), dataset: rasterio.DatasetReader | None = None
    ) -> None:
        """Keep either breaks or an open raster. ``breaks``: upper bounds of all zones but the last. ``dataset``: open
        zone raster; takes precedence over the breaks.
        """
        self.names = dict(enumerate(names, 1))
        self.breaks = [float(limit) for limit in breaks]
        self.dataset = dataset

    @classmethod
    def open(
        cls,
        path: str | os.PathLike | None,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        opened: contextlib.ExitStack,
        progress: Progress,
    ) -> ZoneSource:
        """Return the zones of a raster, or without one those of a map by the default shares of its area. Errors as
        :meth:`from_raster`; ``opened`` closes the raster.
        """
        if path is not None:
            raster = opened.enter_context(open_band(path, "zone", progress))
            return cls.from_raster(raster, grid, progress, dataset)
        scheme = read_scheme(AREA_SHARES, [], [])
        quantiles = weighted_quantiles(scan_cells(dataset, grid, progress), scheme.shares)
        return cls(zone_names(scheme.zones), quantiles.values)

    @classmethod
    def from_raster(
        cls,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        progress: Progress,
        mapped: rasterio.DatasetReader | None = None,
    ) -> ZoneSource:
        """Check a zone raster and read its names. Raises ``GridMismatch`` if it is not on the map's grid;
        ``InputCorrupt`` if its values are no zone numbers, or fall where the susceptibility of the map rises.

        ``mapped`` is the open susceptibility map; with it, cells of the map without a zone are warned of.
        """
        grid.require_same(Grid.from_dataset(dataset, "zones"), "susceptibility map", "zone raster given as ZONES")
        counts, sums = np.zeros(MAX_ZONES + 1, dtype=np.int64), np.zeros(MAX_ZONES + 1)
        on_map, undeclared = 0, 0
        for block in grid.blocks_with_progress(progress):
            cells = read_block(dataset, block)
            known = np.isfinite(cells)
            values = cells[known]
            if values.size and (values.min() < 0 or values.max() > MAX_ZONES or np.any(values != np.floor(values))):
                found = ValueSurvey.of(dataset, progress)
                raise InputCorrupt(
                    f"The zone raster {raster_path(dataset)} holds {found.text()}. Zones are whole numbers from 1 "
                    f"(very low) to at most {MAX_ZONES}, 0 for no data. {_zone_advice(found)}"
                )
            susceptibility = np.zeros_like(cells) if mapped is None else read_block(mapped, block)
            inside = np.isfinite(susceptibility)
            on_map += int(np.count_nonzero(inside))
            undeclared += int(np.count_nonzero((cells == 0) & inside))
            both = known & inside
            zone = cells[both].astype(np.int64)
            counts += np.bincount(zone, minlength=len(counts))
            sums += np.bincount(zone, susceptibility[both], minlength=len(counts))
        zones = [zone for zone in range(1, MAX_ZONES + 1) if counts[zone]]
        if not zones:
            raise InputCorrupt(f"The zone raster {raster_path(dataset)} has no zone at all. {_MAKE_ZONES}")
        source = cls(declared_zone_names(dataset, zones[-1]), dataset=dataset)
        if mapped is not None:
            _check_zones(dataset, counts, sums, on_map, undeclared, progress)
        return source

    def by_breaks(self, mapped: rasterio.DatasetReader, grid: Grid, progress: Progress) -> ZoneSource:
        """Return the same zones by their breaks, for other values than those of the map that was cut.

        A raster that does not state its breaks has the highest susceptibility of each zone; ``mapped`` is the map.
        """
        if self.dataset is None:
            return self
        names = list(self.names.values())
        breaks = stated_breaks(self.dataset)
        if len(breaks) != len(names) - 1:
            breaks = self._highest(mapped, grid, len(names), progress)
            progress.warn(
                f"The zone raster {raster_path(self.dataset)} does not state its breaks. The zones of the out-of-fold "
                "values are cut at the highest susceptibility that the map has in each zone."
            )
        return ZoneSource(names, breaks)

    def _highest(self, mapped: rasterio.DatasetReader, grid: Grid, count: int, progress: Progress) -> list[float]:
        highest = np.full(count + 1, -np.inf, dtype=np.float32)
        for block in grid.blocks_with_progress(progress):
            values = read_block(mapped, block)
            zone, known = self.read(block, values), np.isfinite(values)
            np.maximum.at(highest, zone[known], values[known])
        return np.maximum.accumulate(np.maximum(highest[1:-1], 0)).tolist()

    def read(self, block: Block, values: np.ndarray) -> np.ndarray:
        """Return the zone of each cell, uint8, shape of the block; 0 where there is none."""
        if self.dataset is None:
            return assign_zones(values, self.breaks)
        return np.nan_to_num(read_block(self.dataset, block), nan=0.0).astype(np.uint8)


_MAKE_ZONES = "Make it with scarp:classifyzones."


def _zone_advice(found: ValueSurvey) -> str:
    if found.whole and found.low < 0:
        return f"Reclassify it (Raster analysis > Reclassify by table). {_MAKE_ZONES}"
    if found.whole and found.high <= 255 and found.counts is not None:
        return (
            f"Number the zones from 1 on (Raster analysis > Reclassify by table), or leave ZONES empty. {_MAKE_ZONES}"
        )
    return f"It looks like a map of values, not of zones. {_MAKE_ZONES}"


def _check_zones(
    dataset: rasterio.DatasetReader,
    counts: np.ndarray,
    sums: np.ndarray,
    on_map: int,
    undeclared: int,
    progress: Progress,
) -> None:
    """Refuse zones that count from 0 or down; warn of cells of the map without a zone and of zones without cells."""
    what = f"The zone raster {raster_path(dataset)}"
    if undeclared:
        raise InputCorrupt(
            f"{what} holds 0 in {undeclared:,} cells ({percent(undeclared, on_map)}) of the map, not declared as "
            "nodata. Zones count from 1 (very low). If 0 is a zone, add 1 to all with the raster calculator; if it "
            "means no data, declare it: Raster > Conversion > Translate, assign a specified nodata value."
        )
    zones = np.flatnonzero(counts)
    means = sums[zones] / counts[zones]
    if len(zones) > 2 and np.all(np.diff(means) < 0):
        first, last = zones[0], zones[-1]
        raise InputCorrupt(
            f"{what} counts down: the mean susceptibility falls from {means[0]:.3g} in zone {first} to "
            f"{means[-1]:.3g} in zone {last}, but zone 1 is the least susceptible. Replace each number by "
            f"{first + last} less the number with the raster calculator, or leave ZONES empty."
        )
    without = on_map - int(counts.sum())
    if without:
        progress.warn(
            f"{without:,} cells of the map ({percent(without, on_map)}) have no zone in {raster_path(dataset)}; they "
            "are not in the numbers by zone."
        )
    gaps = [zone for zone in range(1, zones[-1]) if zone not in zones]
    if gaps:
        numbers = listed(gaps)
        progress.warn(f"{what} has no cell of zone {numbers} on the map; its numbers are kept as they are.")


def declared_zone_names(dataset: rasterio.DatasetReader, highest: int) -> list[str]:
    """Return the names that the zone raster states in metadata, categories or attribute table, else the usual ones."""
    usual = zone_names(max(highest, 2))
    try:
        stated = parse_json(dataset.tags(1).get("classes", "{}"))
    except ValueError:
        return usual
    if stated == {}:
        stated = {str(value): name for value, name in class_names(dataset).items() if 1 <= value <= highest}
    if not isinstance(stated, dict) or not stated:
        return usual
    # Digits of other scripts, or raised ones, are digits too.
    numbers = [int(key) for key in stated if key.isascii() and key.isdigit() and len(key) <= 3]
    count = max([highest, *(number for number in numbers if number <= MAX_ZONES)])
    usual = zone_names(max(count, 2))
    return [str(stated.get(str(number), usual[number - 1])) for number in range(1, count + 1)]


@dataclass
class MapBlock:
    """A block of the map, or of several maps on one grid."""

    block: Block
    values_by_map: np.ndarray
    """Susceptibility in each of the maps, float32, NaN where there is none, shape (maps, height, width)."""
    valid: np.ndarray  # whether all maps have a susceptibility, bool
    zones: np.ndarray  # zone, uint8, 0 where there is none
    subset: np.ndarray  # code of the subset, uint8

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map."""
        return self.values_by_map[0]


@dataclass
class CellValues:
    """Values of the map at some cells."""

    values_by_map: np.ndarray
    """Susceptibility in each of the maps, float32, NaN where there is none, shape (maps, cells)."""
    zones: np.ndarray
    subset: np.ndarray
    regions: np.ndarray  # whether the cell is in each region, bool, shape (cells, regions)

    @property
    def values(self) -> np.ndarray:
        """Susceptibility in the first map, float32, shape (cells,)."""
        return self.values_by_map[0]

    @property
    def valid(self) -> np.ndarray:
        """Whether all maps have a susceptibility, bool, shape (cells,)."""
        return np.isfinite(self.values_by_map).all(axis=0)

    def take(self, chosen: np.ndarray) -> CellValues:
        """Return the values of some of the cells."""
        return CellValues(self.values_by_map[:, chosen], self.zones[chosen], self.subset[chosen], self.regions[chosen])

    def in_scope(self, scope: Scope) -> np.ndarray:
        """Return which cells belong to a scope, bool, shape (cells,)."""
        inside = self.valid
        if scope.subset:
            inside = inside & (self.subset == scope.subset)
        return inside & self.regions[:, scope.region] if scope.region is not None else inside


class MapLayers:
    """A susceptibility map with its zones, windows and regions."""

    map_count = 1  # how many maps there are on the grid; several when maps are compared
    held_out = False  # whether every value is from a model that did not see the land of its cell
    seen = False  # whether all landslides trained the model

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        zones: ZoneSource,
        subsets: SubsetMap | None = None,
        regions: Regions | None = None,
    ) -> None:
        """Join the layers; all lie on ``grid``."""
        self.grid, self.zones, self.subsets, self.regions = grid, zones, subsets, regions
        self.dataset = dataset

    def read(self, block: Block) -> MapBlock:
        """Return a block. Raises ``InputCorrupt`` if a value is not a susceptibility between 0 and 1."""
        values = _susceptibility(self.dataset, block)
        return MapBlock(
            block, values[None], np.isfinite(values), self.zones.read(block, values), self.read_subset(block)
        )

    def read_subset(self, block: Block) -> np.ndarray:
        """Return the code of each cell's subset, uint8; 0 everywhere without windows."""
        return np.zeros((block.height, block.width), np.uint8) if self.subsets is None else self.subsets.read(block)

    def scope_mask(self, view: MapBlock, scope: Scope) -> np.ndarray:
        """Return which cells of a block belong to a scope, bool."""
        mask = view.valid
        if scope.subset:
            mask = mask & (view.subset == scope.subset)
        if scope.region is None:
            return mask
        if self.regions is None or scope.region not in self.regions.regions_in_block(view.block):
            return np.zeros_like(mask)
        return mask & self.regions.read(view.block, scope.region)

    def cell_values(self, rows: np.ndarray, columns: np.ndarray, progress: Progress) -> CellValues:
        """Return the values at cells within the grid, both of shape (cells,)."""
        labels = self.regions.labels if self.regions is not None else []
        values = np.full((self.map_count, len(rows)), np.nan, dtype=np.float32)
        zones, subset = np.zeros((2, len(rows)), dtype=np.uint8)
        result = CellValues(values, zones, subset, np.zeros((len(rows), len(labels)), dtype=bool))
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


class HeldOutLayers(MapLayers):
    """A susceptibility map that is judged by its out-of-fold map: by the value of each cell from a model that did not
    see the cell's land. The map's own values are the second map.
    """

    map_count, held_out, seen = 2, True, True

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        out_of_fold: rasterio.DatasetReader,
        grid: Grid,
        zones: ZoneSource,
        subsets: SubsetMap | None = None,
        regions: Regions | None = None,
    ) -> None:
        """Join the layers, all on ``grid``; the zones are breaks."""
        super().__init__(dataset, grid, zones, subsets, regions)
        self._out_of_fold = out_of_fold

    def read(self, block: Block) -> MapBlock:
        """Return a block; zones are those of the values out of fold. Errors as of :class:`MapLayers`."""
        values = np.stack([_susceptibility(one, block) for one in (self._out_of_fold, self.dataset)])
        valid = np.isfinite(values).all(axis=0)
        return MapBlock(block, values, valid, self.zones.read(block, values[0]), self.read_subset(block))


class LayersWithRules(MapLayers):
    """Layers of a map, with scores by rules that are judged beside it at the same cells: its last maps."""

    def __init__(self, layers: MapLayers, rules: Mapping[str, Callable[[Block], np.ndarray]]) -> None:
        """Add rules by key: float32 scores of a block, NaN where there is none."""
        super().__init__(layers.dataset, layers.grid, layers.zones, layers.subsets, layers.regions)
        self.own, self.rules = layers, rules
        self.map_count, self.held_out, self.seen = layers.map_count + len(rules), layers.held_out, layers.seen

    def read(self, block: Block) -> MapBlock:
        """Return a block; only cells that have a score by all rules are valid. Errors as of :class:`MapLayers`."""
        view = self.own.read(block)
        scores = np.stack([rule(block) for rule in self.rules.values()])
        valid = view.valid & np.isfinite(scores).all(axis=0)
        return MapBlock(block, np.concatenate([view.values_by_map, scores]), valid, view.zones, view.subset)


def own_layers(layers: MapLayers) -> MapLayers:
    """Return the layers of a map without rules."""
    return layers.own if isinstance(layers, LayersWithRules) else layers


def _susceptibility(dataset: rasterio.DatasetReader, block: Block) -> np.ndarray:
    values = read_block(dataset, block)
    valid = np.isfinite(values)
    if valid.any():
        low, high = float(values[valid].min()), float(values[valid].max())
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise InputCorrupt(susceptibility_problem(dataset, NullProgress()))
    values[~valid] = np.nan
    return values


def cells_by_block(
    grid: Grid, rows: np.ndarray, columns: np.ndarray, progress: Progress
) -> Iterator[tuple[Block, np.ndarray]]:
    """Give the blocks of the grid that hold any of some cells, with the numbers of those cells."""
    across = math.ceil(grid.width / BLOCK)
    numbers = (rows // BLOCK) * across + columns // BLOCK
    order = np.argsort(numbers, kind="stable")
    blocks, first = np.unique(numbers[order], return_index=True)
    parts = np.split(order, first[1:]) if len(blocks) else []
    for done, (number, chosen) in enumerate(zip(blocks, parts)):
        stop_if_cancelled(progress)
        progress.report(done / len(blocks))
        row, column = int(number) // across * BLOCK, int(number) % across * BLOCK
        yield Block(row, column, min(BLOCK, grid.height - row), min(BLOCK, grid.width - column)), chosen
