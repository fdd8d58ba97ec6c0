"""AUC of any scores on any part of the landslides and the land, all in the same resamples of blocks of land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..grid import Grid
from ..progress import Progress, stop_if_cancelled
from ..statistics import Estimate
from ..validation.settings import MIN_BLOCKS
from ..validation.spatial_blocks import AucOfWeights, BlockResamples, SpatialBlocks, least_side
from .ground import Ground

LEAST_CELLS = 10  # width of the narrowest blocks
_STREAM = 23  # of random numbers


@dataclass
class Measured:
    """A number, the same in each resample, and what makes its interval."""

    value: float
    repeats: np.ndarray  # float64 (repeats,), NaN where it has no value
    blocks: BlockResamples | None  # of its landslides; None without any
    landslides: int
    share: float = 1.0  # of other land that it is computed against
    sure: bool = True  # whether the blocks are as wide as landslides resemble each other

    def estimate(self, scale: str = "share") -> Estimate:
        """Return it with its interval."""
        return Estimate(self.value) if self.blocks is None else self.blocks.estimate(self.value, self.repeats, scale)

    def less(self, other: Measured) -> Measured:
        """Return this number less another one, resample by resample; intervals follow from the fewer blocks."""
        known = [one for one in (self, other) if one.blocks is not None]
        fewest = min(known, key=lambda one: one.blocks.independent if one.blocks else 0, default=self)
        number = min(self.landslides, other.landslides)
        return Measured(self.value - other.value, self.repeats - other.repeats, fewest.blocks, number, sure=fewest.sure)

    def turned(self) -> Measured:
        """Return the AUC of the opposite order."""
        return replace(self, value=1 - self.value, repeats=1 - self.repeats)

    @property
    def independent(self) -> int:
        """Independent blocks that hold its landslides."""
        return 0 if self.blocks is None else self.blocks.independent

    @property
    def testable(self) -> bool:
        """Whether there are enough of them for a test that finds no more than there is."""
        return self.sure and self.enough

    @property
    def enough(self) -> bool:
        """Whether there are enough of them for a test, be its interval too narrow or not."""
        return self.blocks is not None and self.blocks.testable


NOTHING = Measured(float("nan"), np.full(1, np.nan), None, 0, 0.0)


class Judge:
    """Computes AUCs of the landslides and the land of an audit."""

    def __init__(
        self, ground: Ground, grid: Grid, others: Sequence[np.ndarray], repeats: int, seed: int, progress: Progress
    ) -> None:
        """Choose the blocks from the placement values in the map; ``others`` are those of baselines beside it.

        A map that is good in one part of the land and bad in another resembles itself over all of it, and so does a
        poor one. Blocks as wide would be too few for any interval, so they are halved until enough hold landslides.
        Their intervals are too narrow then: what even they do not show is not shown, and what they do may be chance.
        """
        self.ground, self.progress = ground, progress
        x, y = ground.landslides.x, ground.landslides.y
        placed = [ground.placements, *others]
        self.spatial = SpatialBlocks.estimate_for_maps(x, y, placed, seed, least_side(grid), progress)
        self.resemblance = self.spatial.side_m
        """How far landslides resemble each other, metres: the width that blocks should have."""
        while self.spatial.count(x, y) < MIN_BLOCKS and self.spatial.side_m > LEAST_CELLS * grid.cell_size():
            self.spatial = replace(self.spatial, side_m=self.spatial.side_m / 2)
        self.sure = self.spatial.side_m == self.resemblance
        self.of_landslides = self.spatial.index(x, y)
        self.of_land = self.spatial.index(ground.land.x, ground.land.y)
        rng = np.random.default_rng([seed, _STREAM])
        extra = [] if ground.training is None else [self.spatial.index(ground.training.x, ground.training.y)]
        self.resamples = BlockResamples(self.of_landslides, [self.of_land, *extra], repeats, rng)
        self._slides, self._land = self.resamples.places(self.of_landslides), self.resamples.places(self.of_land)
        self._trained = None if not extra else self.resamples.places(extra[0])
        self.repeats, self._seed = repeats, seed

    def auc(
        self,
        scores: tuple[np.ndarray, np.ndarray],
        landslides: np.ndarray | None = None,
        land: np.ndarray | None = None,
        training: bool = False,
    ) -> Measured:
        """Return the AUC of scores at landslides and at land, where both are known.

        Args:
            scores: at all landslides and all land cells; NaN for none.
            landslides: which of them count, bool; all by default.
            land: likewise.
            training: whether the scores are at the landslides of the training instead.
        """
        parts = self._chosen(scores, landslides, land)
        return self._stratified([parts], training)

    def matched_auc(
        self,
        scores: tuple[np.ndarray, np.ndarray],
        strata: tuple[np.ndarray, np.ndarray],
        landslides: np.ndarray | None = None,
        land: np.ndarray | None = None,
    ) -> Measured:
        """Return the AUC of landslides against land of their own stratum; negative strata do not count."""
        slides, others = self._chosen(scores, landslides, land)
        numbers = np.unique(strata[0][slides[0]])
        parts = []
        for number in numbers[numbers >= 0]:
            own = [strata[side][index] == number for side, (index, _) in enumerate((slides, others))]
            if all(one.any() for one in own):
                parts.append(tuple((index[mine], values[mine]) for mine, (index, values) in zip(own, (slides, others))))
        return self._stratified(parts, False)

    def sure_of(self, landslides: np.ndarray, land: np.ndarray) -> bool:
        """Whether the blocks are as wide as some landslides resemble each other among some land."""
        if self.sure:
            return True
        slides, others = self.ground.landslides, self.ground.land
        placed = AucOfWeights(slides.values[landslides], others.values[land]).placements(others.area[land])
        x, y = slides.x[landslides], slides.y[landslides]
        return SpatialBlocks.estimate(x, y, placed, self._seed).side_m <= self.spatial.side_m

    def exact(self, measured: Measured) -> Measured:
        """Return the AUC of all landslides against all other land with its exact value."""
        value = float(self.ground.placements.mean())
        return replace(measured, value=value)

    def mean(self, values: np.ndarray, training: bool = False) -> Measured:
        """Return the mean of values at landslides over the resamples."""
        places = self._places(training)
        known = np.flatnonzero(np.isfinite(values))
        if not len(known):
            return NOTHING
        counted = np.bincount(places[known], minlength=self.resamples.weights.shape[1])
        sums = np.bincount(places[known], values[known], self.resamples.weights.shape[1])
        with np.errstate(invalid="ignore"):
            repeats = np.array([(row @ sums) / (row @ counted) for row in self.resamples.weights.astype(float)])
        return Measured(
            float(values[known].mean()), repeats, self._own_blocks(places[known]), len(known), sure=self.sure
        )

    def _places(self, training: bool) -> np.ndarray:
        if training and self._trained is not None:
            return self._trained
        return self._slides

    def _chosen(
        self, scores: tuple[np.ndarray, np.ndarray], landslides: np.ndarray | None, land: np.ndarray | None
    ) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        found = []
        for values, chosen in zip(scores, (landslides, land)):
            known = np.isfinite(values)
            index = np.flatnonzero(known if chosen is None else known & chosen)
            found.append((index, values[index]))
        return found[0], found[1]

    def _stratified(self, parts: Sequence[tuple], training: bool) -> Measured:
        """Return the AUC over strata, each weighing as many landslides as it has."""
        parts = [(slides, land) for slides, land in parts if len(slides[0]) and len(land[0])]
        if not parts:
            return NOTHING
        places, area = self._places(training), self.ground.land.area
        judges = [AucOfWeights(slides[1], land[1]) for slides, land in parts]
        # Placements of all strata together: the weights of a resample are taken once for each.
        plain = np.concatenate([judge.placements(area[land[0]]) for judge, (_, land) in zip(judges, parts)])
        index = np.concatenate([slides[0] for slides, _ in parts])
        of_land = [(self._land[land[0]], area[land[0]]) for _, land in parts]
        repeats = np.full(self.repeats, np.nan)
        for number, row in enumerate(self.resamples.weights):
            stop_if_cancelled(self.progress)
            placed = np.concatenate(
                [judge.placements(row[own] * areas) for judge, (own, areas) in zip(judges, of_land)]
            )
            weights = row[places[index]] * np.isfinite(placed)
            if weights.any():
                repeats[number] = float(weights @ np.nan_to_num(placed)) / float(weights.sum())
        used = np.concatenate([land[0] for _, land in parts])
        share = float(area[used].sum() / area.sum())
        return Measured(float(plain.mean()), repeats, self._own_blocks(places[index]), len(index), share, self.sure)

    def _own_blocks(self, places: np.ndarray) -> BlockResamples:
        return BlockResamples(places, [], 0, np.random.default_rng(self._seed))
