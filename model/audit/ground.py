"""The cells that a map is audited on: landslides, and a sample of all other mapped land, dense near landslides.

The AUC against all other land is exact; every other number is from the sample. A cell of it stands for as much land as
its part of the land, within or beyond the near distance, has for each cell that was drawn there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from ..errors import LayerEmpty, TooFewData
from ..grid import Block, Grid
from ..inputs.vectors import Landslides
from ..labels.buffers import Buffers, landslide_buffers
from ..progress import Progress, SubProgress, WarningLog
from ..texts import join_names
from ..validation.area_placements import AreaPlacements
from ..validation.map_layers import Scope
from ..validation.sampling import Frame, Sample, SamplingFrame, draw_cells, sample_layer
from ..validation.settings import ALL, MAX_CELLS, MIN_LANDSLIDES
from ..validation.spatial_blocks import metric_positions
from .audited_map import AuditedMap
from .settings import FAR_CELLS, NEAR_CELLS, AuditLayers, AuditOptions

_NEAR_STREAM, _FAR_STREAM = 21, 22  # of random numbers


@dataclass
class Cells:
    """Cells of the map; all arrays have one row a cell."""

    rows: np.ndarray
    columns: np.ndarray
    x: np.ndarray  # metres, of ``metric_positions``
    y: np.ndarray
    values: np.ndarray  # of the map, float32, more is more susceptible
    zones: np.ndarray  # uint8, 0 where there is none
    regions: np.ndarray  # bool (cells, regions)
    area: np.ndarray  # m² of land that a cell stands for; 1 for landslides
    distance: np.ndarray  # to the nearest other landslide of the inventory or of the training, in metres
    terrain: dict[str, np.ndarray] = field(default_factory=dict)  # slope, elevation: float32, NaN without data
    factors: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))  # (cells, factors)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Ground:
    """What an audit is computed from."""

    landslides: Cells
    land: Cells  # other land
    training: Cells | None  # landslides that the map was made from
    to_training: np.ndarray | None  # metres from each landslide to the nearest of these
    land_to_training: np.ndarray | None  # the same of the land
    features: int  # landslides in the layer
    left_out: dict[str, int]  # landslides that do not count, by the reason
    placements: np.ndarray  # exact placement of each landslide among all other land
    zone_area: Mapping[int, float]  # m²
    map_area: float  # m²
    near_share: float  # of other land within the near distance
    distance: float  # near distance in metres


class _Joined:
    """Buffers of several layers together."""

    def __init__(self, parts: Sequence[Buffers]) -> None:
        self._parts = parts

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        found = [part.read(block)[0] for part in self._parts]
        inside = np.logical_or.reduce(found)
        return inside, np.zeros_like(inside)


class _AllBut:
    """What a stratum leaves out: landslides and, of near land, all that is far."""

    def __init__(self, held: _Joined, near: _Joined) -> None:
        self._held, self._near = held, near

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        held, near = self._held.read(block)[0], self._near.read(block)[0]
        return held | ~near, np.zeros_like(held)


def near_distance(grid: Grid) -> float:
    """Return the automatic DISTANCE in metres: ten cells, rounded down to 1, 2 or 5 times a power of ten."""
    return round_metres(10 * grid.cell_size())


def round_metres(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 … metres that is not longer than ``metres``."""
    power = 10.0 ** np.floor(np.log10(metres))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9)))


def sample_ground(
    layers: AuditedMap, vectors: AuditLayers, options: AuditOptions, distance: float, log: WarningLog
) -> Ground:
    """Bring the landslides to the map, read the map once, and draw other land.

    Raises:
        LayerEmpty: no landslide lies on the map.
        TooFewData: they lie in too few cells, or there is no other land.
    """
    grid, progress = layers.grid, SubProgress(log, 0.0, 0.3)
    inventory = [one for one in (vectors.landslides, vectors.training) if one is not None]
    sample = _on_map(vectors.landslides, layers, options.seed, "LANDSLIDES", log)
    training = None
    if vectors.training is not None:
        training = _on_map(vectors.training, layers, options.seed, "LANDSLIDES_TRAINING", log)
    if len(sample) < MIN_LANDSLIDES:
        raise TooFewData(
            f"The landslides lie in {len(sample)} cell of the map only; an audit needs them in at least "
            f"{MIN_LANDSLIDES}, and says little below 30. Give a larger inventory as LANDSLIDES."
        )
    held, near = (
        _Joined([landslide_buffers(grid, one, np.full(len(one), metres), 0.0, progress)[0] for one in inventory])
        for metres in (0.0, distance)
    )
    placements, zone_area, frames = AreaPlacements(sample.cell_values.values), dict[int, float](), {}
    frames = {"near": SamplingFrame(), "far": SamplingFrame()}
    map_area = 0.0
    for block in grid.blocks_with_progress(SubProgress(log, 0.3, 0.6)):
        view = layers.read(block)
        if not view.valid.any():
            continue
        area = grid.cell_area(block.row, block.height)
        areas = np.broadcast_to(area[:, None], view.valid.shape)
        other, close = view.valid & ~held.read(block)[0], near.read(block)[0]
        placements.add(view.values[other], areas[other])
        frames["near"].add(block, (other & close).sum(axis=1), area)
        frames["far"].add(block, (view.valid & ~close).sum(axis=1), area)
        sums = np.bincount(view.zones[view.valid], weights=areas[view.valid])
        for zone in np.flatnonzero(sums):
            zone_area[int(zone)] = zone_area.get(int(zone), 0.0) + float(sums[zone])
        map_area += float(areas[view.valid].sum())
    if not placements.area:
        raise TooFewData("Every cell of the map holds a landslide, so there is no other land to compare with.")
    land, near_share = _draw(layers, frames, (_AllBut(held, near), near), options.seed, SubProgress(log, 0.6, 1.0))
    landslides = _cells(layers, sample, np.ones(len(sample)))
    trained = None if training is None else _cells(layers, training, np.ones(len(training)))
    places = [_places(layers, one, options.seed, progress) for one in inventory]
    _measure(landslides, land, trained, places)
    to_training = land_to_training = None
    if trained is not None:
        tree = cKDTree(places[1])
        to_training, land_to_training = (tree.query(_xy(cells))[0] for cells in (landslides, land))
    counts = sample.counts
    left_out = {
        "outside the map": counts.off_map,
        "on cells without a value": counts.on_nodata,
        "in a cell that another one already stands for": counts.duplicates,
    }
    return Ground(
        landslides,
        land,
        trained,
        to_training,
        land_to_training,
        counts.features,
        {reason: number for reason, number in left_out.items() if number},
        placements.result(),
        {zone: area for zone, area in zone_area.items() if zone},
        map_area,
        near_share,
        distance,
    )


def _on_map(layer: Landslides, layers: AuditedMap, seed: int, parameter: str, log: WarningLog) -> Sample:
    if not len(layer):
        raise LayerEmpty(f'The layer "{layer.name}" given as {parameter} has no feature. Choose an inventory.')
    sample = sample_layer(layer, layers, False, MAX_CELLS, np.random.default_rng([seed, 0]), SubProgress(log, 0.0, 0.1))
    if not len(sample):
        raise LayerEmpty(
            f'None of the {len(layer):,} landslides of "{layer.name}" given as {parameter} lies on the map: '
            f"{sample.counts.off_map:,} outside the raster, {sample.counts.on_nodata:,} on cells without data. Check "
            "the CRS of both layers and that they show the same area."
        )
    return sample


def _draw(
    layers: AuditedMap,
    frames: Mapping[str, SamplingFrame],
    excluded: tuple[_AllBut, _Joined],
    seed: int,
    progress: Progress,
) -> tuple[Cells, float]:
    numbers = dict(zip(frames, ((NEAR_CELLS, excluded[0], _NEAR_STREAM), (FAR_CELLS, excluded[1], _FAR_STREAM))))
    asked = {
        name: Frame(Scope(ALL), frame, without, number, 1, stream)  # type: ignore[arg-type]  # read() is all they need
        for name, (number, without, stream) in numbers.items()
        for frame in [frames[name]]
        if frame.cells
    }
    drawn = draw_cells(layers, asked, seed, SubProgress(progress, 0.0, 0.6))
    areas = {name: frames[name].area for name in asked}
    rows, columns = (
        np.concatenate([getattr(one, side)[0].astype(np.int64) for one in drawn.values()])
        for side in ("rows", "columns")
    )
    weights = np.concatenate(
        [np.full(one.rows.shape[1], areas[name] / one.rows.shape[1]) for name, one in drawn.items()]
    )
    found = layers.cell_values(rows, columns, SubProgress(progress, 0.6, 1.0))
    x, y = metric_positions(layers.grid, rows, columns)
    none = np.full(len(rows), np.inf)
    land = Cells(rows, columns, x, y, found.values, found.zones, found.regions, weights, none)
    return land, areas.get("near", 0.0) / sum(areas.values())


def _cells(layers: AuditedMap, sample: Sample, area: np.ndarray) -> Cells:
    x, y = metric_positions(layers.grid, sample.rows, sample.columns)
    found, far = sample.cell_values, np.full(len(sample), np.inf)
    return Cells(sample.rows, sample.columns, x, y, found.values, found.zones, found.regions, area, far)


def _places(layers: AuditedMap, layer: Landslides, seed: int, progress: Progress) -> np.ndarray:
    """Return where landslides are, every cell of a polygon: metres, float64 (places, 2)."""
    every = sample_layer(layer, layers, True, MAX_CELLS, np.random.default_rng([seed, 1]), progress)
    return np.stack(metric_positions(layers.grid, every.rows, every.columns), axis=1)


def _measure(landslides: Cells, land: Cells, training: Cells | None, places: Sequence[np.ndarray]) -> None:
    """Set the distances: of land to any landslide, of landslides to the nearest other one."""
    land.distance = cKDTree(np.concatenate(places)).query(_xy(land))[0]
    for cells in (landslides, training):
        if cells is not None and len(cells) > 1:
            cells.distance = cKDTree(_xy(cells)).query(_xy(cells), k=2)[0][:, 1]


def _xy(cells: Cells) -> np.ndarray:
    return np.stack([cells.x, cells.y], axis=1)


def missing_text(name: str, counts: Mapping[str, int]) -> str:
    """Return which landslides of a layer do not count, as a sentence; empty if all do."""
    return (
        f'Landslides of "{name}" left out: {join_names([f"{n:,} {why}" for why, n in counts.items()])}.'
        if counts
        else ""
    )
