"""The AUC to expect as a function of dissimilarity, from land that was held out of training.

The logit of a model separates landslides from other land less where land is unlike the training cells. On held-out
land its slope is estimated: by how much the log odds of a landslide rise where the logit rises by one. It is 1 where
the model is right about itself, and 0 where it knows nothing. It is estimated for ranges of dissimilarity and made
monotone (isotonic regression), so that dissimilar land never promises more.

Slope and distribution of the logits give an AUC without any landslide: if the density of landslides is that of the land
times exp(slope × logit), the AUC is the mean share of the land below a landslide. So a map of even land promises less
than one of varied land with the same slope, as it is in truth. This is the error profile of Meyer and Pebesma (2021)
for ranks: they fit an error directly, which for the AUC would mix up what land is like with how well it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MAX_EXPONENT = 60.0


@dataclass(frozen=True)
class ErrorProfile:
    """Slope and expected AUC by dissimilarity."""

    dissimilarity: np.ndarray  # increasing, float64 (knots,)
    slope: np.ndarray  # of the logit, not increasing, at least 0
    auc: np.ndarray  # to expect on land whose logits vary as those of the training land, not increasing
    limit: float  # largest dissimilarity that held-out land covers
    error: float | None  # root mean square of expected minus measured AUC over held-out regions

    def slopes(self, dissimilarity: np.ndarray) -> np.ndarray:
        """Return the slope of the logit; of land beyond the limit that at the limit."""
        return np.interp(dissimilarity, self.dissimilarity, self.slope)

    def expected(self, dissimilarity: np.ndarray) -> np.ndarray:
        """Return the AUC to expect, NaN beyond the limit; like the profile itself of land like that of the training."""
        found = np.interp(dissimilarity, self.dissimilarity, self.auc)
        return np.where(dissimilarity <= self.limit, found, np.nan)


def expected_auc(logit: np.ndarray, area: np.ndarray, slope: np.ndarray | float) -> float:
    """Return the AUC of landslides against land from the logits of the land and their slope in each cell."""
    order = np.argsort(logit, kind="stable")
    score, area = logit[order].astype(np.float64), area[order].astype(np.float64)
    slopes = np.broadcast_to(slope, logit.shape)[order]
    exponent = slopes * (score - np.average(score, weights=area))
    landslides = area * np.exp(np.maximum(exponent - exponent.max(), -_MAX_EXPONENT))
    # Cells with the same logit share the land between them.
    _, first, inverse = np.unique(score, return_index=True, return_inverse=True)
    equal = np.add.reduceat(area, first)
    below = (np.cumsum(equal) - equal / 2)[inverse.reshape(-1)]
    return float((landslides * below).sum() / landslides.sum() / area.sum())
