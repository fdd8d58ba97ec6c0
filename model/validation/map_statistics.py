"""One walk over the map that counts, for each part of it, area, zones, the ranking, and where stable points may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..labels.buffers import Buffers
from ..progress import Progress, stop_if_cancelled
from ..statistics.ranking import SusceptibilityHistogram, bin_index
from .map_layers import MapLayers
from .sampling import SamplingFrame
from .scopes import Scope


@dataclass
class MapStatistics:
    """What one part of the map holds."""

    cells: int = 0
    area_m2: float = 0.0
    zone_area_m2: dict[int, float] = field(default_factory=dict)
    zone_cells: dict[int, int] = field(default_factory=dict)
    ranking: SusceptibilityHistogram = field(default_factory=SusceptibilityHistogram)
    frame: SamplingFrame = field(default_factory=SamplingFrame)
    """Cells from which stable points are drawn; empty when none are to be drawn."""


def collect_map_statistics(
    layers: MapLayers, scopes: Sequence[Scope], buffers: Buffers | None, progress: Progress
) -> dict[str, MapStatistics]:
    """Walk the map once.

    Args:
        layers: the map.
        scopes: parts to count.
        buffers: cells near landslides, where no stable point may lie; ``None`` when none will be drawn.
        progress: reported to and asked whether to stop.

    Returns:
        A census by name of the scope.
    """
    result = {scope.name: MapStatistics() for scope in scopes}
    total = layers.grid.block_count()
    for number, block in enumerate(layers.grid.blocks()):
        stop_if_cancelled(progress)
        progress.report(number / total)
        view = layers.read(block)
        if not view.valid.any():
            continue
        area = layers.grid.cell_area(block.row, block.height)
        areas = np.broadcast_to(area[:, None], view.values.shape)
        bins = np.zeros(view.values.shape, dtype=np.int64)
        bins[view.valid] = bin_index(view.values[view.valid])
        near_landslide = layers.near_landslide(buffers, block) if buffers is not None else None
        for scope in scopes:
            stop_if_cancelled(progress)
            inside = layers.inside(view, scope)
            if inside is None or not inside.any():
                continue
            census = result[scope.name]
            census.cells += int(inside.sum())
            census.area_m2 += float(inside.sum(axis=1) @ area)
            census.ranking.add(bins[inside], areas[inside])
            _add_zone_counts(census, view.zones[inside], areas[inside])
            if near_landslide is not None:
                census.frame.add(block, (inside & ~near_landslide).sum(axis=1), area)
    return result


def _add_zone_counts(census: MapStatistics, zones: np.ndarray, areas: np.ndarray) -> None:
    cells, area = np.bincount(zones), np.bincount(zones, weights=areas)
    for zone in np.flatnonzero(cells):
        if zone:
            census.zone_cells[int(zone)] = census.zone_cells.get(int(zone), 0) + int(cells[zone])
            census.zone_area_m2[int(zone)] = census.zone_area_m2.get(int(zone), 0.0) + float(area[zone])
