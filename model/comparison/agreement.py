"""How two maps agree, cell by cell: zones (matrix, kappa), ranks (Spearman), and the mean difference.
The walks over all maps at once: what each part of the ground holds, the ranks of each map, and how maps agree.
The map of how two maps differ, on the grid of the first.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..errors import NoOverlap
from ..inputs.rasters import create_raster
from ..labels.buffers import Buffers
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..statistics.area_ranks import AreaRanks
from ..validation.map_layers import MapBlock
from ..validation.map_statistics import MapStatistics
from ..validation.scopes import Scope
from .mosaic import JointLayers, Mosaic, ResampledMosaic
from .sources import iterate_fitting_blocks


class PairAccumulator:
    """Sums over the cells of two maps, weighted by area."""

    def __init__(self, zones: int) -> None:
        """Start at zero for maps of ``zones`` zones."""
        self.matrix = np.zeros((zones, zones))
        """Square metres by zone of the first map (rows) and of the second (columns)."""
        self.ranks = 0.0
        """Sum of area × rank × rank, ranks counted from their mean."""
        self.difference = 0.0
        self.absolute_difference = 0.0

    def add(
        self,
        zone_a: np.ndarray,
        zone_b: np.ndarray,
        rank_a: np.ndarray,
        rank_b: np.ndarray,
        a: np.ndarray,
        b: np.ndarray,
        areas: np.ndarray | float,
    ) -> None:
        """Add cells: zones from 1, ranks less one half, values, all of shape (cells,), and areas in square metres."""
        zones = len(self.matrix)
        place = (zone_a.astype(np.int64) - 1) * zones + (zone_b - 1)
        difference = a.astype(np.float64) - b
        if isinstance(areas, float):
            counted = np.bincount(place, minlength=zones * zones) * areas
            self.ranks += float(rank_a @ rank_b) * areas
            self.difference += float(difference.sum()) * areas
            self.absolute_difference += float(np.abs(difference).sum()) * areas
        else:
            counted = np.bincount(place, weights=areas, minlength=zones * zones)
            self.ranks += float((areas * rank_a) @ rank_b)
            self.difference += float(areas @ difference)
            self.absolute_difference += float(areas @ np.abs(difference))
        self.matrix += counted.reshape(zones, zones)


@dataclass(frozen=True)
class Agreement:
    """How two maps agree."""

    first: int
    second: int
    matrix_km2: np.ndarray
    """Area by zone of the first map (rows) and of the second (columns)."""
    same: float
    """Share of the area in the same zone of both."""
    same_or_adjacent: float
    """Share of the area in the same zone or a neighbouring one."""
    kappa: float
    weighted_kappa: float
    """Kappa with quadratic weights: a disagreement counts by the square of the zones it reaches over."""
    spearman: float
    """Rank correlation; NaN where a map has one value only."""
    mean_difference: float
    """First minus second, mean over the area; NaN unless both are susceptibilities from 0 to 1."""
    mean_absolute_difference: float


def agreement(
    pair: tuple[int, int], sums: PairAccumulator, variances: tuple[float, float], comparable_values: bool
) -> Agreement:
    """Return what the sums say.

    Args:
        pair: numbers of the maps.
        sums: over all cells.
        variances: of the ranks of either map.
        alike: whether the values of both can be subtracted.
    """
    area = float(sums.matrix.sum())
    steps = np.abs(np.subtract.outer(np.arange(len(sums.matrix)), np.arange(len(sums.matrix))))
    spread = math.sqrt(variances[0] * variances[1])
    spearman = float(np.clip(sums.ranks / area / spread, -1, 1)) if spread > 0 else math.nan
    return Agreement(
        *pair,
        sums.matrix / 1e6,
        float(sums.matrix[steps == 0].sum() / area),
        float(sums.matrix[steps <= 1].sum() / area),
        kappa(sums.matrix, steps > 0),
        kappa(sums.matrix, steps**2),
        spearman,
        sums.difference / area if comparable_values else math.nan,
        sums.absolute_difference / area if comparable_values else math.nan,
    )


def kappa(matrix: np.ndarray, weights: np.ndarray) -> float:
    """Return agreement beyond chance (Cohen 1960, 1968).

    Args:
        matrix: counts or areas, shape (classes, classes).
        weights: how much each disagreement counts, 0 on the diagonal, the same shape.

    Returns:
        1 for full agreement, 0 for that of chance; NaN where chance alone would agree wholly.
    """
    shares = matrix / matrix.sum()
    chance = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    expected = float((weights * chance).sum())
    return 1 - float((weights * shares).sum()) / expected if expected > 0 else math.nan


@dataclass
class MapScan:
    """What the walks found."""

    parts: dict[str, MapStatistics]
    """By name of the scope: cells, area, and where stable points may lie."""
    ranks: list[AreaRanks]
    """By map, over the ground where all maps have data."""
    area_m2: list[float] = field(default_factory=list)
    """By map, the area of its own data on the common grid."""
    common_area_m2: float = 0.0
    """Area where all maps have data."""


def scan_maps(layers: JointLayers, scopes: Sequence[Scope], buffers: Buffers | None, progress: Progress) -> MapScan:
    """Walk the maps twice: for the parts of the ground and the rough ranks, then for the exact ones.

    Args:
        layers: the maps.
        scopes: parts to count.
        buffers: cells near landslides, where no stable point may lie; ``None`` when none will be drawn.
        progress: reported to and asked whether to stop.

    Raises:
        NoOverlap: there is no cell where all maps have data.
    """
    found = MapScan(
        {scope.name: MapStatistics() for scope in scopes},
        [AreaRanks() for _ in range(layers.maps)],
        [0.0] * layers.maps,
    )
    for view, area in _iterate_blocks(layers, SubProgress(progress, 0.0, 0.6)):
        for number, values in enumerate(view.values_by_map):
            found.area_m2[number] += float(np.isfinite(values).sum(axis=1) @ area)
        if not view.valid.any():
            continue
        found.common_area_m2 += float(view.valid.sum(axis=1) @ area)
        _count(found.ranks, view, area)
        near_landslide = layers.near_landslide(buffers, view.block) if buffers is not None else None
        for scope in scopes:
            inside = layers.inside(view, scope)
            if inside is None or not inside.any():
                continue
            part = found.parts[scope.name]
            part.cells += int(inside.sum())
            part.area_m2 += float(inside.sum(axis=1) @ area)
            if near_landslide is not None:
                part.frame.add(view.block, (inside & ~near_landslide).sum(axis=1), area)
    if not found.common_area_m2:
        raise NoOverlap(
            "There is no cell where all maps have data, so nothing can be compared. Leave out the map that "
            "covers other ground, or check the CRS of each."
        )
    for ranks in found.ranks:
        ranks.refine()
    for view, area in _iterate_blocks(layers, SubProgress(progress, 0.6, 1.0)):
        _count(found.ranks, view, area)
    for ranks in found.ranks:
        ranks.finish()
    return found


def accumulate_agreement(
    layers: JointLayers, ranks: Sequence[AreaRanks], zones: Sequence[np.ndarray], count: int, progress: Progress
) -> dict[tuple[int, int], PairAccumulator]:
    """Walk the maps once more and sum up, for each pair, how zones and ranks go together.

    Args:
        layers: the maps.
        ranks: of each map.
        zones: zone by bin of the ranks, of each map.
        count: number of zones.
        progress: reported to and asked whether to stop.

    Returns:
        Sums by pair of map numbers, the smaller first.
    """
    sums = {pair: PairAccumulator(count) for pair in combinations(range(layers.maps), 2)}
    for view, area in _iterate_blocks(layers, progress):
        if not view.valid.any():
            continue
        areas = _areas(view, area)
        values = [one[view.valid] for one in view.values_by_map]
        bins = [one.index(cells) for one, cells in zip(ranks, values)]
        zone = [of_bin[index] for of_bin, index in zip(zones, bins)]
        rank = [one.midranks[index] - 0.5 for one, index in zip(ranks, bins)]
        for (first, second), total in sums.items():
            total.add(zone[first], zone[second], rank[first], rank[second], values[first], values[second], areas)
    return sums


def _iterate_blocks(layers: JointLayers, progress: Progress) -> Iterator[tuple[MapBlock, np.ndarray]]:
    """Give each window, and the area of a cell by row in square metres."""
    total = layers.grid.block_count()
    for number, block in enumerate(layers.grid.blocks()):
        stop_if_cancelled(progress)
        progress.report(number / total)
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


def compute_difference(first: np.ndarray, second: np.ndarray, ranks: tuple[AreaRanks, AreaRanks] | None) -> np.ndarray:
    """Return first minus second, float32, NaN where either has no value.

    Args:
        first: values of the first map.
        second: of the second, the same shape.
        ranks: subtract ranks instead of values, for maps whose values mean different things.
    """
    if ranks is None:
        return first - second
    return (ranks[0].rank(first) - ranks[1].rank(second)).astype(np.float32)


def write_difference(
    first: Mosaic,
    second: Mosaic,
    ranks: tuple[AreaRanks, AreaRanks] | None,
    output: str | os.PathLike,
    progress: Progress,
) -> None:
    """Write the difference as float32 GeoTIFF, NaN nodata.

    Args:
        first: map whose grid the result has.
        second: map to subtract, its nearest cell.
        ranks: as in :func:`compute_difference`.
        output: path of the GeoTIFF.
        progress: reported to and asked whether to stop.

    Raises:
        NoOverlap: no cell has data in both.
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
