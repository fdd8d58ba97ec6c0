"""Where a model extrapolates: factor values outside the trained range, classes never seen in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..encoding import FactorSpec
from ..progress import Progress
from ..stack import StackFactor

NODATA = 255
WARN_SHARE = 0.01  # share of cells outside from which a warning is given and not only a line in the log
_LISTED = 8


@dataclass
class FactorExtrapolation:
    """How far one factor of the stack leaves the training data."""

    name: str
    trained: tuple[float, float] = (np.nan, np.nan)  # trained range (continuous factors)
    cells: int = 0  # cells outside
    lowest: float = np.inf  # least value below the trained range (continuous factors); infinite when there is none
    highest: float = -np.inf  # greatest value above it
    unseen: Counter = field(default_factory=Counter)
    """Cells by label of the classes that training never saw (categorical factors)."""


class Applicability:
    """Finds, tile by tile, the factors outside the training data of any of the models, and adds up the cells."""

    def __init__(self, factors: Sequence[StackFactor], specs: Sequence[Sequence[FactorSpec]]) -> None:
        """Start counting.

        Args:
            factors: of the stack, in the order of the arrays.
            specs: for each factor its specification in the models that use it.
        """
        self._factors, self._specs = factors, specs
        self.outside = [FactorExtrapolation(factor.name) for factor in factors]
        self.cells = 0
        self.cells_outside = 0
        for found, known in zip(self.outside, specs):
            if not known[0].is_categorical:
                found.trained = max(spec.minimum for spec in known), min(spec.maximum for spec in known)

    def find(
        self, raw: np.ndarray, numbers: Sequence[Sequence[np.ndarray]], valid: np.ndarray
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Find what lies outside in one tile; may be called by several threads.

        Args:
            raw: values of the stack, shape (factors, height, width).
            numbers: for each categorical factor its class numbers (:meth:`Encoding.split`) for each of the models that
                use it; nothing for continuous ones.
            valid: cells to count, shape (height, width).

        Returns:
            Number of factors outside, uint8, shape (height, width), :data:`NODATA` where not valid; and what
            :meth:`add` takes, plain numbers by name.
        """
        count = np.zeros(valid.shape, dtype=np.uint8)
        factors: dict[str, dict[str, Any]] = {}
        for index, (found, known) in enumerate(zip(self.outside, self._specs)):
            plane = raw[index]
            if known[0].is_categorical:
                beyond = np.zeros(valid.shape, dtype=bool)
                for spec, of_model in zip(known, numbers[index]):
                    beyond |= of_model == len(spec.seen) + 1
            else:
                low, high = (np.float32(end) for end in found.trained)
                beyond = plane < low
                beyond |= plane > high
            beyond &= valid
            if not beyond.any():
                continue
            count += beyond
            values = plane[beyond]
            facts: dict[str, Any] = {"cells": len(values)}
            if known[0].is_categorical:
                facts["unseen"] = self._labels(index, values)
            else:
                facts["lowest"] = float(values.min()) if values.min() < low else None
                facts["highest"] = float(values.max()) if values.max() > high else None
            factors[found.name] = facts
        cells, cells_outside = int(np.count_nonzero(valid)), int(np.count_nonzero(count))
        count[~valid] = NODATA
        return count, {"cells": cells, "cells_outside": cells_outside, "factors": factors}

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add up what was found in one tile."""
        self.cells += facts["cells"]
        self.cells_outside += facts["cells_outside"]
        for found in self.outside:
            one = facts["factors"].get(found.name)
            if one is None:
                continue
            found.cells += one["cells"]
            found.unseen.update(one.get("unseen", {}))
            if one.get("lowest") is not None:
                found.lowest = min(found.lowest, one["lowest"])
            if one.get("highest") is not None:
                found.highest = max(found.highest, one["highest"])

    @property
    def share_outside(self) -> float:
        """Share of the predicted cells with at least one factor outside."""
        return self.cells_outside / self.cells if self.cells else 0.0

    def report(self, progress: Progress) -> None:
        """Report what lies outside, worst first."""
        if not self.cells_outside:
            progress.report(1.0, "All cells lie within the range and the classes of the training data.")
            return
        parts = [self._sentence(found) for found in sorted(self.outside, key=lambda found: -found.cells) if found.cells]
        text = (
            f"{self.cells_outside:,} cells ({self.share_outside:.2%}) lie outside the training data in at least "
            f"one factor: {'; '.join(parts)}."
        )
        if self.share_outside >= WARN_SHARE:
            progress.warn(f"{text} There the map extrapolates; OUTPUT_APPLICABILITY shows where.")
        else:
            progress.report(1.0, text)

    def _sentence(self, found: FactorExtrapolation) -> str:
        share = f"{found.name} {found.cells / self.cells:.2%}"
        if not found.unseen:
            ends = [f"down to {found.lowest:.4g}"] if np.isfinite(found.lowest) else []
            ends += [f"up to {found.highest:.4g}"] if np.isfinite(found.highest) else []
            return f"{share} (trained on {found.trained[0]:.4g} to {found.trained[1]:.4g}, here {' and '.join(ends)})"
        listed = ", ".join(f'"{label}" {cells:,} cells' for label, cells in found.unseen.most_common(_LISTED))
        more = f" and {len(found.unseen) - _LISTED} more" if len(found.unseen) > _LISTED else ""
        return f"{share} (classes not seen in training: {listed}{more})"

    def _labels(self, index: int, codes: np.ndarray) -> dict[str, int]:
        labels = self._factors[index].classes
        found: Counter = Counter()
        for code, cells in zip(*np.unique(codes, return_counts=True)):
            found[labels.get(int(code), f"code {code:g}")] += int(cells)
        return dict(found)
