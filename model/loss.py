"""The loss of PCUM: weighted cross-entropy plus a physics term (Zhang and Deng 2026, equations 1 and 5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from .labels import LANDSLIDE, UNKNOWN

HINGE, INDICATOR, NONE = "hinge", "indicator", "none"


@dataclass
class LossTerms:
    """Sums and counts over cells, which can be added up over batches before dividing."""

    cross_entropy: torch.Tensor  # weighted, over labelled cells
    labelled: torch.Tensor
    physics: torch.Tensor  # over cells with a safety factor, λ included
    safety_known: torch.Tensor
    constrained: torch.Tensor  # cells with a safety factor below the critical one
    violations: torch.Tensor  # constrained cells with a low probability
    correct: torch.Tensor  # labelled cells on the right side of p = 0.5
    landslides: torch.Tensor
    hits: torch.Tensor  # landslide cells with p at least 0.5

    @property
    def loss(self) -> torch.Tensor:
        """Equation 1 of the paper: mean over labelled cells plus mean over cells with a safety factor."""
        return self.cross_entropy / self.labelled.clamp(min=1) + self.physics / self.safety_known.clamp(min=1)

    def sums(self) -> torch.Tensor:
        """Return all nine numbers without gradient, float64, in the order of the fields."""
        values = torch.stack([value.detach().float() for value in vars(self).values()])
        # Apple GPUs have no float64.
        return values.cpu().double() if values.device.type == "mps" else values.double()


@dataclass
class PcumLoss:
    """Weighted cross-entropy over labelled cells plus physics over cells with a safety factor.

    The weights multiply each cell's cross-entropy, and the sum is divided by the number of labelled cells (not by the
    sum of weights), so the effect of a weight does not depend on the rest of the batch.

    Physics terms, at cells where Fs is below ``fs_critical``:

    * ``indicator``: λ · 1[p < p_low] · sigmoid(1 − Fs), equation 5 as printed. It is a step in p, so it has no
      gradient and adds to the reported loss only.
    * ``hinge``: λ · sigmoid(1 − Fs) · max(0, p_low − p) / p_low. Same cells, same bound, same strength at p = 0, and
      a gradient that raises p.
    """

    physics: str
    physics_weight: float
    p_low: float
    fs_critical: float
    weight_landslide: float
    weight_stable: float

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, safety: torch.Tensor | None) -> LossTerms:
        """Return the terms of a batch.

        Args:
            logits: (batch, 2, height, width), stable and landslide.
            labels: uint8 (batch, height, width): 1, 0, and 255 for cells to ignore.
            safety: float (batch, height, width), NaN for cells to ignore, or none.
        """
        # With two classes, softmax of the logits is the logistic function of their difference.
        difference = (logits[:, 1] - logits[:, 0]).float()
        probability = torch.sigmoid(difference)
        slide, known_label = labels == LANDSLIDE, labels != UNKNOWN
        weight = torch.where(slide, self.weight_landslide, self.weight_stable) * known_label
        entropy = functional.softplus(torch.where(slide, -difference, difference))
        zero = difference.new_zeros(())
        correct = ((difference >= 0) == slide) & known_label
        hits = slide & (difference >= 0)
        sums = (weight * entropy).sum(), known_label.sum(), zero, zero, zero, zero, correct.sum(), slide.sum()
        terms = LossTerms(*sums, hits.sum())
        if safety is None:
            return terms
        known = torch.isfinite(safety)
        fs = torch.where(known, safety.float(), torch.full_like(difference, torch.inf))
        constrained = fs < self.fs_critical
        low = constrained & (probability < self.p_low)
        terms.safety_known, terms.constrained, terms.violations = known.sum(), constrained.sum(), low.sum()
        if self.physics == INDICATOR:
            terms.physics = self.physics_weight * (low * torch.sigmoid(1 - fs)).sum()
        elif self.physics == HINGE:
            shortfall = torch.relu(self.p_low - probability) / self.p_low
            terms.physics = self.physics_weight * (constrained * torch.sigmoid(1 - fs) * shortfall).sum()
        return terms
