"""The walks over all maps at once: what each part of the ground holds, the ranks of each map, and how maps agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Iterator, Sequence

import numpy as np

from ..errors import NoOverlap
from ..labels.buffers import Buffers
from ..progress import Part, Progress, stop_if_cancelled
from ..validation.census import Census
from ..validation.layers import View
from ..validation.scopes import Scope
from .agreement import PairSums
from .joint import JointLayers
from .ranks import Ranks


@dataclass
class Survey:
    """What the walks found."""

    parts: dict[str, Census]
    """By name of the scope: cells, area, and where stable points may lie."""
    ranks: list[Ranks]
    """By map, over the ground where all maps have data."""
    area_m2: list[float] = field(default_factory=list)
    """By map, the area of its own data on the common grid."""
    joint_m2: float = 0.0
    """Area where all maps have data."""


def take_survey(layers: JointLayers, scopes: Sequence[Scope], buffers: Buffers | None, progress: Progress) -> Survey:
    """Walk the maps twice: for the parts of the ground and the rough ranks, then for the exact ones.

    Args:
        layers: the maps.
        scopes: parts to count.
        buffers: cells near landslides, where no stable point may lie; ``None`` when none will be drawn.
        progress: reported to and asked whether to stop.

    Raises:
        NoOverlap: there is no cell where all maps have data.
    """
    found = Survey({scope.name: Census() for scope in scopes}, [Ranks() for _ in range(layers.maps)],
                   [0.0] * layers.maps)
    for view, area in _walk(layers, Part(progress, 0.0, 0.6)):
        for number, values in enumerate(view.every):
            found.area_m2[number] += float(np.isfinite(values).sum(axis=1) @ area)
        if not view.valid.any():
            continue
        found.joint_m2 += float(view.valid.sum(axis=1) @ area)
        _count(found.ranks, view, area)
        near = layers.near(buffers, view.block) if buffers is not None else None
        for scope in scopes:
            inside = layers.inside(view, scope)
            if inside is None or not inside.any():
                continue
            part = found.parts[scope.name]
            part.cells += int(inside.sum())
            part.area_m2 += float(inside.sum(axis=1) @ area)
            if near is not None:
                part.frame.add(view.block, (inside & ~near).sum(axis=1), area)
    if not found.joint_m2:
        raise NoOverlap("There is no cell where all maps have data, so nothing can be compared. Leave out the map that "
                        "covers other ground, or check the CRS of each.")
    for ranks in found.ranks:
        ranks.refine()
    for view, area in _walk(layers, Part(progress, 0.6, 1.0)):
        _count(found.ranks, view, area)
    for ranks in found.ranks:
        ranks.finish()
    return found


def compare_ground(layers: JointLayers, ranks: Sequence[Ranks], zones: Sequence[np.ndarray], count: int,
                   progress: Progress) -> dict[tuple[int, int], PairSums]:
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
    sums = {pair: PairSums(count) for pair in combinations(range(layers.maps), 2)}
    for view, area in _walk(layers, progress):
        if not view.valid.any():
            continue
        areas = _areas(view, area)
        values = [one[view.valid] for one in view.every]
        bins = [one.index(cells) for one, cells in zip(ranks, values)]
        zone = [of_bin[index] for of_bin, index in zip(zones, bins)]
        rank = [one.mid[index] - 0.5 for one, index in zip(ranks, bins)]
        for (first, second), total in sums.items():
            total.add(zone[first], zone[second], rank[first], rank[second], values[first], values[second], areas)
    return sums


def _walk(layers: JointLayers, progress: Progress) -> Iterator[tuple[View, np.ndarray]]:
    """Give each window, and the area of a cell by row in square metres."""
    total = layers.grid.block_count()
    for number, block in enumerate(layers.grid.blocks()):
        stop_if_cancelled(progress)
        progress.report(number / total)
        yield layers.read(block), layers.grid.cell_area(block.row, block.height)


def _areas(view: View, area: np.ndarray) -> np.ndarray | float:
    """Return the area of each compared cell, or one number where all have the same."""
    if area[0] == area[-1]:
        return float(area[0])
    return np.broadcast_to(area[:, None], view.valid.shape)[view.valid]


def _count(ranks: Sequence[Ranks], view: View, area: np.ndarray) -> None:
    if view.valid.any():
        areas = _areas(view, area)
        for one, values in zip(ranks, view.every):
            one.count(values[view.valid], areas)
