"""Number, length and area of exposed things by kind, region and zone, block by block of the map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import LayerEmpty, NoOverlap, ParameterInvalid
from ..grid import Block, Grid
from ..inputs.vectors import Lines, Points, Polygons
from ..progress import Progress, stop_if_cancelled
from ..texts import clean_label, shorten
from ..validation.map_layers import RegionMap, natural_sort_key
from .overlay import Edges, Pieces, Rings
from .settings import ALL, HIGHEST_ZONE, LINES, MAX_KINDS, NO_ZONE, POINTS, POLYGONS, ExposureLayers

ReadZones = Callable[[Block], np.ndarray]
"""Returns the zone of each cell of a block, uint8, 0 where there is none."""
_NO_AREA = 1e-9  # share of a polygon that is no more than rounding


@dataclass
class ExposedLayer:
    """What is exposed of one layer; arrays have the shape (regions, kinds, zones), zone 0 is land without a zone."""

    name: str
    geometry: str  # points, lines or polygons
    kinds: list[str]  # one empty name where no field was given
    number: np.ndarray  # of points or polygons; 0 for lines
    size: np.ndarray  # metres of lines, square metres of polygons; 0 for points
    features: int  # in the layer
    off_map: int  # of them that reach no cell of the map

    @property
    def measure(self) -> np.ndarray:
        """What the shares are of: number of points, metres of lines, square metres of polygons."""
        return self.number if self.geometry == POINTS else self.size

    def amount(self, zones: slice) -> str:
        """Return how much of it lies in some zones of the map, in words."""
        number, size = self.total("number", zones=zones), self.total("size", zones=zones)
        if self.geometry == LINES:
            return f"{size / 1000:,.1f} km"
        text = f"{number:,.0f}"
        return text if self.geometry == POINTS else f"{text}, {size / 1e4:,.1f} ha"

    def total(self, of: str, region: int = 0, zones: slice = slice(None)) -> float:
        """Return the ``number`` or ``size`` of all kinds in some zones of a region."""
        return float(getattr(self, of)[region, :, zones].sum())


@dataclass
class Exposure:
    """What is exposed on a map."""

    layers: list[ExposedLayer]
    regions: list[str]  # the whole map, then the regions
    zones: dict[int, str]  # names by number from 1, the least susceptible
    warnings: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows of the table; see ``settings.FIELDS``. Kinds that a region lacks are left out."""
        for layer in self.layers:
            for kind, kind_name in enumerate(layer.kinds):
                for region, region_name in enumerate(self.regions):
                    number, size = layer.number[region, kind], layer.size[region, kind]
                    total = float(layer.measure[region, kind].sum())
                    if not total and (kind_name or region):
                        continue
                    place = layer.name, layer.geometry, kind_name, region_name
                    for zone in [*self.zones, *([0] if number[0] or size[0] else [])]:
                        counted = None if layer.geometry == LINES else int(number[zone])
                        length = float(size[zone]) if layer.geometry == LINES else None
                        area = float(size[zone]) if layer.geometry == POLYGONS else None
                        share = float(layer.measure[region, kind, zone]) / total if total else None
                        yield [*place, zone, self.zones.get(zone, NO_ZONE), counted, length, area, share]


def count_exposure(
    grid: Grid, read_zones: ReadZones, zones: dict[int, str], layers: ExposureLayers, count_in: str, progress: Progress
) -> Exposure:
    """Count what is exposed in each zone and region.

    Length of lines and area of polygons are cut at the borders of zones, exactly; a region has the cells whose centre
    lies in it. A polygon is counted once, as a whole, in one zone, and in the region of its largest piece there.

    Args:
        zones: their names by number from 1.
        count_in: see ``ExposureOptions``.

    Raises:
        LayerEmpty: a layer has nothing in it.
        NoOverlap: no layer, or no region, reaches the map.
        ParameterInvalid: a field has too many values to be kinds.
    """
    regions = None if layers.regions is None else RegionMap(grid, layers.regions, layers.region_field)
    if layers.regions is not None and regions is not None and not regions.regions_in_block(grid.whole):
        raise NoOverlap(
            f'No polygon of the layer "{layers.regions.name}" given as REGIONS overlaps the map. Check the CRS of '
            "both, or leave REGIONS empty."
        )
    names = [ALL, *(regions.labels if regions is not None else [])]
    more = grid, len(names), max(zones), count_in
    counters = [_COUNTERS[type(layer)](layer, *more) for layer in layers.exposed]
    for block in grid.blocks_with_progress(progress):
        near = [counter for counter in counters if counter.reaches(block)]
        if not near:
            continue
        cells = read_zones(block)
        inside: list[tuple[int, np.ndarray | None]] = [(0, None)]
        if regions is not None:
            inside += [(number + 1, regions.read(block, number)) for number in regions.regions_in_block(block)]
        for counter in near:
            counter.add(block, cells, inside)
            stop_if_cancelled(progress)
    if regions is not None:
        for block in grid.blocks():
            stop_if_cancelled(progress)
            for counter in counters:
                counter.add_regions(block, regions)
    found = Exposure([counter.result() for counter in counters], names, zones)
    _warn(found, progress)
    return found


def _warn(found: Exposure, progress: Progress) -> None:
    if all(layer.off_map == layer.features for layer in found.layers):
        listed = ", ".join(f'"{layer.name}"' for layer in found.layers)
        raise NoOverlap(f"Nothing of {listed} lies on the map. Check the CRS of the layers and of the zones.")
    for layer in found.layers:
        if layer.off_map:
            text = f'{layer.off_map:,} of {layer.features:,} {layer.geometry} of "{layer.name}" lie off the map.'
            found.warnings.append(text)
            progress.warn(text)


class _Counter:
    """Counts one layer."""

    geometry = ""

    def __init__(self, layer: Any, grid: Grid, regions: int, zones: int, count_in: str) -> None:
        if not len(layer):
            raise LayerEmpty(f'The layer "{layer.name}" has nothing to count. Choose another, or leave it out.')
        self.layer, self.grid, self.count_in = layer, grid, count_in
        self.kinds, self.kind = _kinds(layer)
        shape = (regions, len(self.kinds), zones + 1)
        self.number, self.size = np.zeros(shape, dtype=np.int64), np.zeros(shape)

    def reaches(self, block: Block) -> bool:
        raise NotImplementedError

    def add(self, block: Block, zones: np.ndarray, regions: list[tuple[int, Any]]) -> None:
        """Add what lies in a block; regions are numbers with the cells of each, ``None`` for all."""
        raise NotImplementedError

    def add_regions(self, block: Block, regions: RegionMap) -> None:
        """Add to regions what can be told only when all blocks are read."""

    def off_map(self) -> int:
        raise NotImplementedError

    def result(self) -> ExposedLayer:
        return ExposedLayer(
            self.layer.name, self.geometry, self.kinds, self.number, self.size, len(self.layer), self.off_map()
        )

    def _add_to(self, target: np.ndarray, kind: np.ndarray, zone: np.ndarray, weights: np.ndarray | None) -> None:
        kinds, zones = target.shape
        found = np.bincount(kind * zones + zone, weights, minlength=kinds * zones)
        target += found.reshape(target.shape).astype(target.dtype)

    def _add_sizes(self, pieces: Pieces, zones: np.ndarray, regions: list[tuple[int, Any]]) -> np.ndarray:
        """Add lengths or areas, and return the zone of each piece."""
        zone, kind = zones[pieces.row, pieces.column].astype(np.int64), self.kind[pieces.feature]
        for number, cells in regions:
            chosen = slice(None) if cells is None else cells[pieces.row, pieces.column]
            self._add_to(self.size[number], kind[chosen], zone[chosen], pieces.size[chosen])
        return zone


class _PointCounter(_Counter):
    geometry = POINTS

    def __init__(self, layer: Points, *more: Any) -> None:
        super().__init__(layer, *more)
        row, column, inside = self.grid.cell_indices(layer.xy)
        self._inside = np.flatnonzero(inside)
        self._row, self._column = row[self._inside], column[self._inside]

    def reaches(self, block: Block) -> bool:
        return bool(len(block.locate(self._row, self._column)[0]))

    def add(self, block: Block, zones: np.ndarray, regions: list[tuple[int, Any]]) -> None:
        here, cell = block.locate(self._row, self._column)
        kind, zone = self.kind[self._inside[here]], zones[cell].astype(np.int64)
        for number, cells in regions:
            chosen = slice(None) if cells is None else cells[cell]
            self._add_to(self.number[number], kind[chosen], zone[chosen], None)

    def off_map(self) -> int:
        return len(self.layer) - len(self._inside)


class _LineCounter(_Counter):
    geometry = LINES

    def __init__(self, layer: Lines, *more: Any) -> None:
        super().__init__(layer, *more)
        self._edges = Edges(layer.parts, np.arange(len(layer)), self.grid)
        self._met = np.zeros(len(layer), dtype=bool)

    def reaches(self, block: Block) -> bool:
        return bool(len(self._edges.touching(block)))

    def add(self, block: Block, zones: np.ndarray, regions: list[tuple[int, Any]]) -> None:
        for pieces in self._edges.lengths(block):
            self._met[pieces.feature] = True
            self._add_sizes(pieces, zones, regions)

    def off_map(self) -> int:
        return int(np.count_nonzero(~self._met))


class _PolygonCounter(_Counter):
    geometry = POLYGONS

    def __init__(self, layer: Polygons, *more: Any) -> None:
        super().__init__(layer, *more)
        self._rings = Rings(layer, self.grid)
        shape = (len(layer), self.number.shape[2])
        self._area, self._largest = np.zeros(shape), np.zeros(shape)  # of each feature by zone, and its largest piece
        self._row, self._column = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)  # of that piece
        self._zone: np.ndarray | None = None

    def reaches(self, block: Block) -> bool:
        return bool(len(self._rings.touching(block)))

    def add(self, block: Block, zones: np.ndarray, regions: list[tuple[int, Any]]) -> None:
        count = self._area.shape[1]
        for pieces in self._rings.areas(block):
            zone = self._add_sizes(pieces, zones, regions)
            place = pieces.feature * count + zone
            np.add.at(self._area.reshape(-1), place, pieces.size)
            # The first of equal pieces stays, so that the order of blocks decides nothing.
            order = np.lexsort((np.arange(len(place)), -pieces.size, place))
            first = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
            first = first[pieces.size[first] > self._largest.reshape(-1)[place[first]]]
            where = place[first]
            self._largest.reshape(-1)[where] = pieces.size[first]
            self._row.reshape(-1)[where] = pieces.row[first] + block.row
            self._column.reshape(-1)[where] = pieces.column[first] + block.column

    def _zones(self) -> np.ndarray:
        """Return the zone that each polygon is counted in, −1 for one that is off the map."""
        if self._zone is None:
            total = self._area.sum(axis=1)
            if self.count_in == HIGHEST_ZONE:
                reached = self._area > _NO_AREA * total[:, None]
                zone = self._area.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)
            else:
                zone = np.argmax(self._area, axis=1)
            self._zone = np.where(total > 0, zone, -1)
            there = self._zone >= 0
            self._add_to(self.number[0], self.kind[there], self._zone[there], None)
        return self._zone

    def add_regions(self, block: Block, regions: RegionMap) -> None:
        zone = self._zones()
        there = np.flatnonzero(zone >= 0)
        here, cell = block.locate(self._row[there, zone[there]], self._column[there, zone[there]])
        if not len(here):
            return
        feature = there[here]
        for number in regions.regions_in_block(block):
            chosen = feature[regions.read(block, number)[cell]]
            self._add_to(self.number[number + 1], self.kind[chosen], zone[chosen], None)

    def off_map(self) -> int:
        return int(np.count_nonzero(self._zones() < 0))


_COUNTERS: dict[type, type[_Counter]] = {Points: _PointCounter, Lines: _LineCounter, Polygons: _PolygonCounter}


def _kinds(layer: Any) -> tuple[list[str], np.ndarray]:
    """Return the names of the kinds of a layer in their order, and the number of each feature's."""
    field = next(iter(layer.fields), "")
    if not field:
        return [""], np.zeros(len(layer), dtype=np.int64)
    values = layer.column(field)
    labels = ["(no kind)" if value is None else clean_label(str(value)) or "(no kind)" for value in values]
    names = sorted(set(labels), key=natural_sort_key)
    if len(names) > MAX_KINDS:
        raise ParameterInvalid(
            f'The field "{shorten(field)}" of the layer "{layer.name}" has {len(names):,} different values, but kinds '
            f"are at most {MAX_KINDS}. Choose a field with few values, such as the use of a building, or none."
        )
    numbers = {name: number for number, name in enumerate(names)}
    return names, np.array([numbers[label] for label in labels], dtype=np.int64)
