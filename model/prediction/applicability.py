"""Where a model is asked beyond what it was trained on: values outside the trained range, classes never seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Sequence

import numpy as np

from ..encoding import FactorSpec, class_numbers
from ..progress import Progress
from ..stack import StackFactor

NODATA = 255
NOTEWORTHY = 0.01
"""Share of cells outside from which a warning is given and not only a line in the log."""

_LISTED = 8


@dataclass
class FactorOutside:
    """How far one factor of the stack leaves the training data."""

    name: str
    cells: int = 0
    """Cells outside."""

    minimum: float = np.inf
    maximum: float = -np.inf
    """Range in the area predicted (continuous factors)."""

    trained: tuple[float, float] = (np.nan, np.nan)
    """Trained range (continuous factors)."""

    unseen: Counter = field(default_factory=Counter)
    """Cells by label of the classes that training never saw (categorical factors)."""


class Applicability:
    """Counts, over the tiles, the factors outside the training data of any of the models."""

    def __init__(self, factors: Sequence[StackFactor], specs: Sequence[Sequence[FactorSpec]]) -> None:
        """Prepare the counting.

        Args:
            factors: of the stack, in the order of the arrays.
            specs: for each factor what the models that use it know of it.
        """
        self._factors, self._specs = factors, specs
        self.outside = [FactorOutside(factor.name) for factor in factors]
        self.cells = 0
        self.cells_outside = 0
        for found, known in zip(self.outside, specs):
            if not known[0].is_categorical:
                found.trained = max(spec.minimum for spec in known), min(spec.maximum for spec in known)

    def add(self, raw: np.ndarray, translated: Sequence[Sequence[np.ndarray]], valid: np.ndarray) -> np.ndarray:
        """Count one tile.

        Args:
            raw: values of the stack, shape (factors, height, width).
            translated: for each factor the codes as each of its models names them; only categorical ones are read.
            valid: cells to count, shape (height, width).

        Returns:
            Number of factors outside, uint8, shape (height, width), :data:`NODATA` where not valid.
        """
        count = np.zeros(valid.shape, dtype=np.uint8)
        for index, (found, known) in enumerate(zip(self.outside, self._specs)):
            plane = raw[index]
            if known[0].is_categorical:
                beyond = np.zeros(valid.shape, dtype=bool)
                for spec, codes in zip(known, translated[index]):
                    beyond |= class_numbers(spec, codes) == len(spec.seen) + 1
            else:
                low, high = np.float32(found.trained[0]), np.float32(found.trained[1])
                beyond = (plane < low) | (plane > high)
                inside = plane[valid]
                if len(inside):
                    found.minimum = min(found.minimum, float(inside.min()))
                    found.maximum = max(found.maximum, float(inside.max()))
            beyond &= valid
            if beyond.any():
                count += beyond
                found.cells += int(beyond.sum())
                if known[0].is_categorical:
                    self._count_labels(index, plane[beyond])
        self.cells += int(valid.sum())
        self.cells_outside += int((count > 0).sum())
        count[~valid] = NODATA
        return count

    @property
    def share_outside(self) -> float:
        """Share of the cells predicted for which at least one factor is outside."""
        return self.cells_outside / self.cells if self.cells else 0.0

    def report(self, progress: Progress) -> None:
        """Tell what lies outside, worst first."""
        if not self.cells_outside:
            progress.report(1.0, "All cells lie within the range and the classes of the training data.")
            return
        parts = [self._sentence(found) for found in sorted(self.outside, key=lambda found: -found.cells) if found.cells]
        text = (f"{self.cells_outside:,} cells ({self.share_outside:.2%}) lie outside the training data in at least "
                f"one factor: {'; '.join(parts)}.")
        if self.share_outside >= NOTEWORTHY:
            progress.warn(f"{text} There the map extrapolates; OUTPUT_APPLICABILITY shows where.")
        else:
            progress.report(1.0, text)

    def _sentence(self, found: FactorOutside) -> str:
        share = f"{found.name} {found.cells / self.cells:.2%}"
        if not found.unseen:
            return (f"{share} (trained on {found.trained[0]:.4g} to {found.trained[1]:.4g}, here {found.minimum:.4g} "
                    f"to {found.maximum:.4g})")
        listed = ", ".join(f'"{label}" {cells:,} cells' for label, cells in found.unseen.most_common(_LISTED))
        more = f" and {len(found.unseen) - _LISTED} more" if len(found.unseen) > _LISTED else ""
        return f"{share} (classes not seen in training: {listed}{more})"

    def _count_labels(self, index: int, codes: np.ndarray) -> None:
        labels = self._factors[index].classes
        for code, cells in zip(*np.unique(codes, return_counts=True)):
            self.outside[index].unseen[labels.get(int(code), f"code {code:g}")] += int(cells)
