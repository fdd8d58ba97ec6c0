"""The physics constraint of PCUM on sampled cells, as cross-fitting uses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..networks.unet import HINGE, constraint
from ..windows.folded_cells import FoldedCells
from .settings import TrainingSettings


@dataclass
class CellConstraint:
    """Cells with a safety factor, and the term of the loss that warnings add."""

    safety: np.ndarray  # float32 (cells,), NaN where unknown
    area: np.ndarray  # cells of the area that each stands for, 0 where the safety factor is unknown
    physics: str
    weight: float  # of the term beside the mean log loss
    p_low: float
    critical: float

    @classmethod
    def of(cls, cells: FoldedCells, settings: TrainingSettings) -> CellConstraint | None:
        """Return the constraint on cells; ``None`` without a safety factor.

        The loss on windows is λ times the term beside a cross-entropy in which each class weighs about one. Here both
        weigh one together, so the term has half the weight.
        """
        if cells.safety is None:
            return None
        area = np.where(np.isfinite(cells.safety), cells.counts, 0.0)
        own = settings.physics, settings.constraint_weight / 2, settings.p_low, settings.critical
        return cls(cells.safety, area, *own)

    @property
    def has_gradient(self) -> bool:
        """Whether the term is a part of the loss that is minimised; the printed indicator is only reported."""
        return self.physics == HINGE and self.weight > 0

    @property
    def known(self) -> np.ndarray:
        """Whether the safety factor of a cell is known."""
        return self.area > 0

    @property
    def warned(self) -> np.ndarray:
        """Whether a cell is under warning."""
        with np.errstate(invalid="ignore"):
            return self.safety < self.critical

    def terms(self, logit: torch.Tensor, safety: torch.Tensor) -> torch.Tensor:
        """Return the term of each cell, without its weight."""
        return constraint(self.physics, torch.sigmoid(logit), safety, self.p_low, self.critical)[0]

    def mean_term(self, logit: np.ndarray) -> float:
        """Return the mean term by area of the cells with a known safety factor and a finite logit."""
        some = self.known & np.isfinite(logit)
        terms = self.terms(torch.from_numpy(logit[some]), torch.from_numpy(self.safety[some])).double().numpy()
        return float(np.average(terms, weights=self.area[some])) if some.any() else 0.0

    def violation_rate(self, logit: np.ndarray) -> float | None:
        """Return the share of the area under warning with a low susceptibility; ``None`` without warnings."""
        some = self.warned & np.isfinite(logit)
        low = logit[some] < np.log(self.p_low / (1 - self.p_low)) if self.p_low < 1 else np.ones(some.sum(), bool)
        return float(np.average(low, weights=self.area[some])) if some.any() else None
