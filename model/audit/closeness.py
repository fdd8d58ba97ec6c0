"""Whether a map knows its landslides by heart: how it lies around them, and around the landslides of its training.

Two tests compare landslides with other land of the same value on the map. If the values hold what is known of the land,
landslides are spread over land of one value at random: such land is no flatter around them, and no nearer to other
landslides. A map that was fitted to the places of landslides breaks both.

*Peaks*: the share of the cells around a landslide that are less susceptible, less the same share around other land of
the same value. *Halo*: how often other land of the same value is nearer to a landslide than that landslide is to the
next one. Among landslides at random it is 0.5 (the distance from an event to the nearest other one is distributed as
that from any place of the same intensity: van Lieshout and Baddeley 1996), in clusters less. Both hold for any map
without knowing how it was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import Progress, SubProgress
from ..validation.map_layers import cells_by_block
from .audited_map import AuditedMap
from .ground import Cells, Ground
from .judge import NOTHING, Judge, Measured

ALIKE = 4  # cells of land of the same value for each landslide
NEIGHBOURS = 25  # of a landslide in the order of values, to both sides, from which they are drawn
POOL = 20_000  # cells of land that stand for all of it
MOST = 3000  # landslides whose surroundings are read
RADII = 5, 25  # cells, least and most, of the surroundings
MIN_PEAK = 0.05  # excess of peaks that counts as a finding
MIN_HALO = 0.55
MIN_GAP = 0.05  # AUC at landslides of the training less that at others that counts
_STREAM = 24  # of random numbers


@dataclass
class DistanceClass:
    """Landslides at some distance from those of the training, against land at the same distance."""

    title: str
    auc: Measured


@dataclass
class Closeness:
    """What was found."""

    peaks: Measured  # excess of the share of less susceptible neighbours
    peak_landslides: float  # mean share of less susceptible neighbours around landslides
    peak_alike: float  # around other land of the same value
    radius: float  # of the surroundings in metres
    halo: Measured  # chance that land of the same value is nearer to a landslide than that landslide to the next one
    of_training: bool  # whether both are of the landslides of the training
    median_own: float  # median distance of a landslide to the next one, metres
    median_alike: float  # of land of the same value to the nearest landslide
    fit: Measured | None = None  # AUC at the landslides of the training
    test: Measured | None = None  # AUC at the others, on the same land
    gap: Measured | None = None
    classes: list[DistanceClass] | None = None
    nearness: Measured | None = None  # AUC of nearness to landslides of the training alone, at the others
    within: float = float("nan")  # share of the landslides within the near distance of one of the training
    same_cell: float = float("nan")  # share that lie in the cell of one, or next to it
    median_to_training: float = float("nan")

    @property
    def on_peaks(self) -> bool:
        """Whether landslides lie on local peaks of the map."""
        return _exceeds(self.peaks, "difference", 0.0, MIN_PEAK)

    @property
    def in_halo(self) -> bool:
        """Whether land is as susceptible as landslides beside landslides only."""
        return _exceeds(self.halo, "share", 0.5, MIN_HALO)

    @property
    def in_gap(self) -> bool:
        """Whether the map is better at the landslides of its training than at others."""
        return self.gap is not None and _exceeds(self.gap, "difference", 0.0, MIN_GAP)


def _exceeds(measured: Measured, scale: str, chance: float, least: float) -> bool:
    """Whether a number is above chance by its interval, and by enough; without an interval by twice as much."""
    estimate = measured.estimate(scale)
    if not estimate.has_interval:
        return estimate.value >= chance + 2 * (least - chance)
    return estimate.low > chance and estimate.value >= least


def judge_closeness(judge: Judge, ground: Ground, layers: AuditedMap, seed: int, progress: Progress) -> Closeness:
    """Return how the map lies around its landslides."""
    own, trained = ground.landslides, ground.training is not None
    if ground.training is not None:
        own = ground.training
    rng = np.random.default_rng([seed, _STREAM])
    some = np.arange(len(own)) if len(own) <= MOST else np.sort(rng.choice(len(own), MOST, replace=False))
    alike = _alike(own.values[some], ground.land, rng)
    cell = layers.grid.cell_size()
    radius = int(np.clip(round(2 * ground.distance / cell), *RADII))
    land = ground.land
    around = _ranks(layers, own.rows[some], own.columns[some], radius, SubProgress(progress, 0.0, 0.3))
    beside = _ranks(
        layers, land.rows[alike.ravel()], land.columns[alike.ravel()], radius, SubProgress(progress, 0.3, 1)
    )
    beside = _row_means(beside.reshape(alike.shape))
    excess, nearer = np.full((2, len(own)), np.nan)
    excess[some] = around - beside
    distance = land.distance[alike]
    if trained and ground.land_to_training is not None:
        distance = ground.land_to_training[alike]
    reach = own.distance[some][:, None]
    if np.isfinite(own.distance).all():
        nearer[some] = ((distance < reach) + 0.5 * (distance == reach)).mean(axis=1)
    found = Closeness(
        judge.mean(excess, trained),
        float(np.nanmean(around)),
        float(np.nanmean(beside)),
        radius * cell,
        judge.mean(nearer, trained),
        trained,
        float(np.median(reach)),
        float(np.median(distance)),
    )
    if trained:
        _compare_with_training(judge, ground, cell, found)
    return found


def _alike(values: np.ndarray, land: Cells, rng: np.random.Generator) -> np.ndarray:
    """Return cells of land with about the value of each landslide, drawn by area, shape (landslides, ALIKE)."""
    pool = rng.choice(len(land), POOL, p=land.area / land.area.sum())
    # Equal values come in no order.
    pool = pool[np.lexsort([rng.random(POOL), land.values[pool]])]
    ordered = land.values[pool]
    first, last = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    low, high = np.maximum(first - NEIGHBOURS, 0), np.minimum(last + NEIGHBOURS, POOL)
    enough = last - first >= 2 * NEIGHBOURS  # of the very same value
    low, high = np.where(enough, first, low), np.where(enough, last, high)
    low = np.minimum(low, POOL - NEIGHBOURS)
    place = low[:, None] + (rng.random((len(values), ALIKE)) * (high - low)[:, None]).astype(np.int64)
    return pool[np.minimum(place, POOL - 1)]


def _ranks(layers: AuditedMap, rows: np.ndarray, columns: np.ndarray, radius: int, progress: Progress) -> np.ndarray:
    """Return the share of the cells within a radius that are less susceptible than each cell, ties half."""
    steps = np.arange(-radius, radius + 1)
    square = steps[:, None] ** 2 + steps**2
    disc = (square > 0) & (square <= radius**2)
    result = np.full(len(rows), np.nan)
    for block, chosen in cells_by_block(layers.grid, rows, columns, progress):
        values = layers.values(block.padded(radius))
        for index in chosen:
            row, column = rows[index] - block.row, columns[index] - block.column
            window = values[row : row + 2 * radius + 1, column : column + 2 * radius + 1]
            own, others = window[radius, radius], window[disc]
            others = others[np.isfinite(others)]
            if len(others):
                result[index] = ((others < own).sum() + 0.5 * (others == own).sum()) / len(others)
    return result


def _row_means(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=1) / known.sum(axis=1)


def _compare_with_training(judge: Judge, ground: Ground, cell: float, found: Closeness) -> None:
    """Set how much better the map is at the landslides of its training, and near them."""
    if ground.training is None or ground.to_training is None or ground.land_to_training is None:
        return
    slides, land = ground.landslides, ground.land
    distance, of_land = ground.to_training, ground.land_to_training
    scores = slides.values, land.values
    found.fit = judge.auc((ground.training.values, land.values), training=True)
    found.test = judge.auc(scores)
    found.gap = found.fit.less(found.test)
    found.nearness = judge.auc((-distance, -of_land))
    found.within = float((distance <= ground.distance).mean())
    found.same_cell = float((distance <= 1.5 * cell).mean())
    found.median_to_training = float(np.median(distance))
    found.classes = []
    start = 0.0
    for end in (ground.distance, 5 * ground.distance, np.inf):
        inside = (distance >= start) & (distance <= end) if not start else (distance > start) & (distance <= end)
        around = (of_land >= start) & (of_land <= end)
        title = f"{start:,.0f} to {end:,.0f} m" if np.isfinite(end) else f"beyond {start:,.0f} m"
        measured = judge.auc(scores, inside, around) if inside.any() and around.any() else NOTHING
        found.classes.append(DistanceClass(title, measured))
        start = end
