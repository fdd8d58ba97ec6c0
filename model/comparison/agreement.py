"""Agreement of two maps, cell by cell: zones (matrix, kappa), ranks (Spearman), mean difference, difference map."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..errors import NoOverlap
from ..inputs.rasters import create_raster
from ..progress import Progress, SubProgress
from ..statistics import AreaRanks
from ..validation.map_layers import MapBlock, Scope
from ..validation.sampling import LandslideBuffers, MapStatistics, Sample
from .mosaic import JointLayers, Mosaic, ResampledMosaic, iterate_fitting_blocks

MapCells = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Values, zones from 1, and ranks less one half (their mean) of cells of one map, all of shape (cells,)."""


class PairAccumulator:
    """Sums over the cells of two maps, weighted by area."""

    def __init__(self, zones: int) -> None:
        self.matrix = np.zeros((zones, zones))
        """Square metres by zone of the first map (rows) and of the second (columns)."""
        self.ranks = 0.0  # sum of area × rank × rank, ranks counted from their mean
        self.difference = 0.0
        self.absolute_difference = 0.0

    def add(self, first: MapCells, second: MapCells, areas: np.ndarray | float) -> None:
        """Add cells of both maps and their area in square metres."""
        zones = len(self.matrix)
        (values, zone, ranks), (other_values, other_zone, other_ranks) = first, second
        place = (zone.astype(np.int64) - 1) * zones + (other_zone - 1)
        difference = values.astype(np.float64) - other_values
        if isinstance(areas, float):
            counted: np.ndarray = np.bincount(place, minlength=zones * zones) * areas
            self.ranks += float(ranks @ other_ranks) * areas
            self.difference += float(difference.sum()) * areas
            self.absolute_difference += float(np.abs(difference).sum()) * areas
        else:
            counted = np.bincount(place, weights=areas, minlength=zones * zones)
            self.ranks += float((areas * ranks) @ other_ranks)
            self.difference += float(areas @ difference)
            self.absolute_difference += float(areas @ np.abs(difference))
        self.matrix += counted.reshape(zones, zones)


@dataclass(frozen=True)
class Agreement:
    """How two maps agree."""

    first: int
    second: int
    matrix_km2: np.ndarray  # area by zone of the first map (rows) and of the second (columns)
    same_zone_share: float  # share of the area in the same zone of both
    same_or_adjacent: float  # share of the area in the same zone or a neighbouring one
    kappa: float
    weighted_kappa: float  # kappa with quadratic weights: a disagreement counts by the square of the distance in zones
    spearman: float  # rank correlation; NaN where a map has one value only
    mean_difference: float  # first minus second, mean over the area; NaN unless both are susceptibilities from 0 to 1
    mean_absolute_difference: float


def summarise_agreement(
    pair: tuple[int, int], sums: PairAccumulator, variances: tuple[float, float], comparable_values: bool
) -> Agreement:
    """Return the measures of agreement. ``variances``: of the ranks of either map. ``comparable_values``: whether the
    values of both can be subtracted.
    """
    area = float(sums.matrix.sum())
    steps = np.abs(np.subtract.outer(np.arange(len(sums.matrix)), np.arange(len(sums.matrix))))
    spread = math.sqrt(variances[0] * variances[1])
    spearman = float(np.clip(sums.ranks / area / spread, -1, 1)) if spread > 0 else math.nan
    same, adjacent = (float(sums.matrix[steps <= distance].sum() / area) for distance in (0, 1))
    kappas = kappa(sums.matrix, steps > 0), kappa(sums.matrix, steps**2)
    differences = math.nan, math.nan
    if comparable_values:
        differences = sums.difference / area, sums.absolute_difference / area
    return Agreement(*pair, sums.matrix / 1e6, same, adjacent, *kappas, spearman, *differences)


def kappa(matrix: np.ndarray, weights: np.ndarray) -> float:
    """Return agreement beyond chance (Cohen 1960, 1968): 1 in full, 0 by chance; NaN where chance would agree fully.

    ``matrix`` has counts or areas, shape (classes, classes), ``weights`` those of disagreements, 0 on the diagonal.
    """
    shares = matrix / matrix.sum()
    chance = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    expected = float((weights * chance).sum())
    return 1 - float((weights * shares).sum()) / expected if expected > 0 else math.nan


@dataclass
class MapScan:
    """Statistics of all maps on the common ground."""

    parts: dict[str, MapStatistics]  # by name of the scope: cells, area, placements, and what points are drawn from
    ranks: list[AreaRanks]  # by map, over the ground where all maps have data
    area_m2: list[float]  # by map, the area of its own data on the common grid
    common_area_m2: float = 0.0  # area where all maps have data


def scan_maps(
    layers: JointLayers, scopes: Sequence[Scope], landslides: Sample, buffers: LandslideBuffers, progress: Progress
) -> MapScan:
    """Read the maps twice: for the scopes and the rough ranks, then for the exact ones. Raises ``NoOverlap`` if there
    is no cell where all maps have data.
    """
    parts = MapStatistics.of_scopes(scopes, landslides)
    count = layers.map_count
    scan = MapScan(parts, [AreaRanks() for _ in range(count)], [0.0] * count)
    for view, area in _iterate_blocks(layers, SubProgress(progress, 0.0, 0.6)):
        for number, values in enumerate(view.values_by_map):
            scan.area_m2[number] += float(np.isfinite(values).sum(axis=1) @ area)
        if not view.valid.any():
            continue
        scan.common_area_m2 += float(view.valid.sum(axis=1) @ area)
        _count(scan.ranks, view, area)
        cells = buffers.read(view.block)
        for scope in scopes:
            mask = layers.scope_mask(view, scope)
            if mask.any():
                parts[scope.name].add(view, mask, area, cells)
    if not scan.common_area_m2:
        raise NoOverlap(
            "There is no cell where all maps have data, so nothing can be compared. Leave out the map that "
            "covers other ground, or check the CRS of each."
        )
    for ranks in scan.ranks:
        ranks.refine()
    for view, area in _iterate_blocks(layers, SubProgress(progress, 0.6, 1.0)):
        _count(scan.ranks, view, area)
    for ranks in scan.ranks:
        ranks.finish()
    return scan


def agreements(
    layers: JointLayers, ranks: Sequence[AreaRanks], zones: Sequence[np.ndarray], likely: list[bool], progress: Progress
) -> list[Agreement]:
    """Read the maps once more and return how each pair of them agrees.

    ``zones`` are by bin of the ranks, of each map; ``likely`` says whether a map's values are from 0 to 1.
    """
    pairs = combinations(range(layers.map_count), 2)
    sums = {pair: PairAccumulator(len(layers.zones.names)) for pair in pairs}
    for view, area in _iterate_blocks(layers, progress) if sums else ():
        if not view.valid.any():
            continue
        areas = _areas(view, area)
        cells = []
        for values, of_map, of_bin in zip(view.values_by_map, ranks, zones):
            index = of_map.index(values[view.valid])
            cells.append((values[view.valid], of_bin[index], of_map.midranks[index] - 0.5))
        for (first, second), total in sums.items():
            total.add(cells[first], cells[second], areas)
    return [
        summarise_agreement((a, b), total, (ranks[a].variance, ranks[b].variance), likely[a] and likely[b])
        for (a, b), total in sums.items()
    ]


def _iterate_blocks(layers: JointLayers, progress: Progress) -> Iterator[tuple[MapBlock, np.ndarray]]:
    """Give each block, and the area of a cell by row in square metres."""
    for block in layers.grid.blocks_with_progress(progress):
        yield layers.read(block), layers.grid.cell_area(block.row, block.height)


def _areas(view: MapBlock, area: np.ndarray) -> np.ndarray | float:
    """Return the area of each compared cell, or one number where all have the same."""
    if area[0] == area[-1]:
        return float(area[0])
    return np.broadcast_to(area[:, None], view.valid.shape)[view.valid]


def _count(ranks: Sequence[AreaRanks], view: MapBlock, area: np.ndarray) -> None:
    if view.valid.any():
        areas = _areas(view, area)
        for one, values in zip(ranks, view.values_by_map):
            one.count(values[view.valid], areas)


RankPair = tuple[AreaRanks, AreaRanks]


def compute_difference(first: np.ndarray, second: np.ndarray, ranks: RankPair | None) -> np.ndarray:
    """Return first minus second, float32, NaN where either has no value; of their ``ranks``, where these are given."""
    return first - second if ranks is None else (ranks[0].rank(first) - ranks[1].rank(second)).astype(np.float32)


def write_difference(
    first: Mosaic, second: Mosaic, ranks: RankPair | None, output: str | os.PathLike, progress: Progress
) -> None:
    """Write the difference as float32 GeoTIFF, NaN nodata.

    Args:
        first: map whose grid the result has.
        second: map to subtract, its nearest cell.
        ranks: as in :func:`compute_difference`.

    Raises ``NoOverlap`` if no cell has data in both.
    """
    what = "difference of susceptibility" if ranks is None else "difference of ranks"
    tags = {"FIRST": first.name, "SECOND": second.name, "MEANING": f"{what}, first minus second"}
    seen = False
    with contextlib.ExitStack() as stack:
        a, b = (ResampledMosaic(one, first.grid, stack) for one in (first, second))
        with create_raster(output, first.grid, "float32", np.nan, [what], tags=tags) as target:
            for block in iterate_fitting_blocks(first.grid, [second], progress):
                cells = compute_difference(a.read(block), b.read(block), ranks)
                seen = seen or bool(np.isfinite(cells).any())
                target.write(cells, 1, window=block.window)
            if not seen:
                raise NoOverlap(
                    f'No cell has data in both "{first.name}" and "{second.name}", so there is no difference to draw.'
                )
