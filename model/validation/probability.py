"""Probabilities against the truth: fit of a calibration, and its measures at the true share of landslide cells.

Cells are counted by the logit of their susceptibility, so that no raster is held in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from ..calibration import LIMIT, Calibration
from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import open_raster, read_block
from ..labels import LANDSLIDE, UNKNOWN
from ..progress import NullProgress, Progress
from ..windows.mapped import RingCells
from ..windows.split import read_labels

MAX_LOGIT = 18.0  # float32 comes no closer to 0 and 1
BINS = 9000  # of the logit; 0.004 wide
GROUPS = 10  # points of a reliability curve
MIN_SLOPE = 1e-3  # where a model has learned nothing: all cells get nearly the same share
_NO_PENALTY_C = 1e6


@dataclass(frozen=True)
class ProbabilityScores:
    """How good probabilities are on some land, all its cells counted once."""

    cells: int
    landslide_cells: int
    brier: float  # mean squared difference of probability and truth
    log_loss: float
    brier_constant: float  # Brier score of the land's share of landslide cells for all cells
    average_precision: float  # area under the precision–recall curve

    @property
    def share(self) -> float:
        """Share of landslide cells."""
        return self.landslide_cells / self.cells

    @property
    def skill(self) -> float:
        """Brier skill score: 1 perfect, 0 no better than the constant share, below 0 worse."""
        return 1 - self.brier / self.brier_constant


class ProbabilityCounts:
    """Landslide cells and other cells by the logit of their susceptibility."""

    def __init__(self) -> None:
        self.counts = np.zeros((2, BINS))  # other cells, landslide cells
        self.logits = (np.arange(BINS) + 0.5) * (2 * MAX_LOGIT / BINS) - MAX_LOGIT  # middle of each bin

    def add(self, susceptibility: np.ndarray, landslide: np.ndarray, cells: np.ndarray | None = None) -> None:
        """Count cells: their susceptibility, 0 to 1, and whether they are landslide cells, bool of the same shape.

        ``cells`` is how many cells each stands for, one by default.
        """
        values = np.clip(susceptibility.astype(np.float64), 1e-9, 1 - 1e-9)
        place = (np.log(values / (1 - values)) + MAX_LOGIT) * (BINS / (2 * MAX_LOGIT))
        place = np.clip(place.astype(np.int64), 0, BINS - 1)
        for row, some in enumerate((~landslide, landslide)):
            self.counts[row] += np.bincount(place[some], None if cells is None else cells[some], BINS)

    @property
    def complete(self) -> bool:
        """Whether there are landslide cells and others."""
        return bool(self.counts.any(axis=1).all())

    def require_both(self, where: str) -> None:
        """Raise ``TooFewData`` unless there are landslide cells and others."""
        for row, what in enumerate(("other", "landslide")):
            if not self.counts[row].any():
                raise TooFewData(
                    f"There is no {what} cell with data in all factors {where}, so nothing can be calibrated. Use more "
                    "landslides or a smaller BLOCK, or turn PROBABILITY off."
                )

    def fit(self) -> Calibration:
        """Return the calibration with the highest likelihood of these cells (Platt 1999), which lie in no model's
        training land. Its mean over them is their share of landslide cells.
        """
        used = np.flatnonzero(self.counts.ravel())
        logit, slide = self.logits[used % BINS], used >= BINS
        weights = self.counts.ravel()[used]
        fitted = LogisticRegression(C=_NO_PENALTY_C, max_iter=1000, tol=1e-8)
        fitted.fit(logit[:, None], slide, sample_weight=weights)
        slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        share = self.counts[1].sum() / self.counts.sum()
        if slope < MIN_SLOPE:
            slope, offset = MIN_SLOPE, float(np.log(share / (1 - share)))
        return Calibration(min(slope, LIMIT), float(np.clip(offset, -LIMIT, LIMIT)), float(share))

    def scores(self, change: Callable[[np.ndarray], np.ndarray] | None = None) -> ProbabilityScores:
        """Return the scores, if wanted of other logits in the place of these."""
        logit = self.logits if change is None else change(self.logits)
        probability = expit(logit)
        other, slides = self.counts
        total, landslide = self.counts.sum(), slides.sum()
        share = landslide / total
        brier = (other * probability**2 + slides * (1 - probability) ** 2).sum() / total
        loss = (other * np.logaddexp(0, logit) + slides * np.logaddexp(0, -logit)).sum() / total
        recall, precision = self.precision_recall()
        area = float((np.diff(recall, prepend=0.0) * precision).sum())
        numbers = int(total), int(landslide), float(brier), float(loss), float(share * (1 - share)), area
        return ProbabilityScores(*numbers)

    def precision_recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return recall, increasing, and precision for each bin as threshold, the highest first."""
        other, slides = (row[::-1].cumsum() for row in self.counts)
        some = np.flatnonzero(self.counts.sum(axis=0)[::-1])
        return slides[some] / slides[-1], slides[some] / (slides[some] + other[some])

    def reliability(self) -> list[tuple[float, float, int, int]]:
        """Return mean probability, share of landslide cells, cells and landslide cells of at most ``GROUPS`` groups.

        The groups follow each other in probability, and each has about the same sum of probabilities, so that they are
        narrow where landslides are.
        """
        probability, cells = expit(self.logits), self.counts.sum(axis=0)
        expected = np.cumsum(cells * probability)
        group = np.minimum((expected - cells * probability / 2) / expected[-1] * GROUPS, GROUPS - 1).astype(np.int64)
        rows = []
        for number in range(GROUPS):
            some = (group == number) & (cells > 0)
            if some.any():
                total, slides = cells[some].sum(), self.counts[1][some].sum()
                mean = float((cells * probability)[some].sum() / total)
                rows.append((mean, float(slides / total), int(total), int(slides)))
        return rows


def count_mapped(
    labels: str | os.PathLike,
    susceptibility: str | os.PathLike,
    excluded: Callable[[Block], np.ndarray] | None,
    counts: ProbabilityCounts,
    progress: Progress,
) -> ProbabilityCounts:
    """Add the mapped cells with a value in a map: labelled ones, and others in the ring around landslides.

    ``excluded`` says which cells of a block do not count, bool.
    """
    with open_raster(susceptibility, "susceptibility") as raster, open_band(labels, "label", NullProgress()) as given:
        grid = Grid.from_dataset(raster, "susceptibility")
        rings = RingCells(given, grid)
        for block in grid.blocks_with_progress(progress):
            values, known = read_block(raster, block), read_labels(given, block)
            mapped = ((known != UNKNOWN) | rings.read(block)) & np.isfinite(values)
            if excluded is not None:
                mapped &= ~excluded(block)
            counts.add(values[mapped], known[mapped] == LANDSLIDE)
    return counts
