"""The model that is explained, as functions of a stack's values and of encoded factors.
How well scores tell landslide cells from stable ones, by blocks, so that blocks can be drawn again and again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..artifact import TrainedModel
from ..encoding import ClassMatcher, FactorSpec
from ..grid import Block
from ..labels import LANDSLIDE, STABLE
from ..prediction.ensemble import Ensemble
from ..progress import Progress
from ..stack import Stack, StackFactor
from ..statistics.intervals import Estimate, percentile_interval
from ..training.devices import lower_precision
from .settings import DRAWS, LEVEL

MAX_LOGIT = 14.0
"""A probability nearer to 0 or 1 than the logistic function of this is taken to be this: a float32 can say no more."""


class ExplainedModel:
    """One trained model over one stack, its classes matched by label."""

    def __init__(self, stack: Stack, model: TrainedModel, name: str, progress: Progress) -> None:
        """Compare the model with the stack; raises what ``prediction.ensemble.Ensemble`` raises."""
        # What may mislead is said there, for a map and for its explanation alike.
        Ensemble(stack, [model], [name], 0, progress)
        self._stack, self.model, self.name = stack, model, name
        self.factors: list[StackFactor] = [stack.factor(factor) for factor in model.factor_names]
        self.specs: list[FactorSpec] = list(model.factors)
        self._matcher = ClassMatcher(self.specs, self.factors)
        encoder = model.encoder
        widths = [table.shape[1] for table in encoder.tables]
        self.factor_of_channel = np.array(
            [*encoder.continuous, *np.repeat(encoder.categorical, widths)], dtype=np.int64
        )
        """Number of the factor that each channel belongs to."""

    @property
    def titles(self) -> list[str]:
        """What people call the factors, in the model's order."""
        return [factor.title or spec.title or spec.name for factor, spec in zip(self.factors, self.specs)]

    def labels(self, factor: int) -> dict[int, str]:
        """Return the class labels of a factor by the model's codes."""
        spec = self.specs[factor]
        return {int(code): str(label) for code, label in (spec.classes or self.factors[factor].classes).items()}

    def read(self, block: Block) -> np.ndarray:
        """Return the factors of a block in the model's order and with its class codes, float32, NaN without data."""
        return self._matcher.apply(self._stack.read(block, self.model.factor_names))

    def probability(self, raw: np.ndarray) -> np.ndarray:
        """Return the susceptibility of every cell, as ``TrainedModel.probability``."""
        return self.model.probability(raw)

    def landslide_logit(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide against stable, float32.

        Args:
            image: encoded factors on the model's device, (batch, channels, height, width); sizes are multiples of
                ``align``.

        Returns:
            Shape (batch, height, width).
        """
        with torch.inference_mode(), lower_precision(self.model.device, self.model.dtype):
            logits = self.model.network(image).float()
        return (logits[:, 1] - logits[:, 0]).clamp(-MAX_LOGIT, MAX_LOGIT)


BINS = 2048
"""Steps of the logit in which scores are counted; scores in one step count as equal, which moves an AUC by less than a
thousandth of a percent."""


@dataclass
class ScoreHistogram:
    """What a model says of labelled cells, counted in each block."""

    counts: np.ndarray
    """float64 (2, blocks, BINS): stable and landslide cells by score."""
    loss: np.ndarray
    """Sum of the log loss in each block, float64 (blocks,)."""

    @classmethod
    def empty(cls, blocks: int) -> ScoreHistogram:
        """Return counts of nothing."""
        return cls(np.zeros((2, blocks, BINS)), np.zeros(blocks))

    def add(self, block: int, probability: np.ndarray, labels: np.ndarray) -> None:
        """Count the cells of one block; cells that are neither landslide nor stable are passed over."""
        for row, value in enumerate((STABLE, LANDSLIDE)):
            found = np.clip(probability[labels == value].astype(np.float64), 1e-12, 1 - 1e-12)
            logit = np.clip(np.log(found / (1 - found)), -MAX_LOGIT, MAX_LOGIT)
            place = np.minimum(((logit + MAX_LOGIT) * (BINS / (2 * MAX_LOGIT))).astype(np.int64), BINS - 1)
            self.counts[row, block] += np.bincount(place, minlength=BINS)
            right = logit if value == LANDSLIDE else -logit
            self.loss[block] += float(np.log1p(np.exp(-right)).sum())

    def auc(self, weights: np.ndarray) -> np.ndarray:
        """Return the AUC with blocks weighted, ties counted half.

        Args:
            weights: shape (draws, blocks).

        Returns:
            Shape (draws,), NaN for draws without a landslide cell or without a stable one.
        """
        stable, slides = weights @ self.counts[0], weights @ self.counts[1]
        below = np.cumsum(stable, axis=1) - stable / 2
        pairs = stable.sum(axis=1) * slides.sum(axis=1)
        return np.where(pairs > 0, (slides * below).sum(axis=1) / np.where(pairs > 0, pairs, 1), np.nan)

    def mean_loss(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean log loss of the cells with blocks weighted, shape (draws,)."""
        cells = weights @ self.counts.sum(axis=(0, 2))
        return np.where(cells > 0, weights @ self.loss / np.where(cells > 0, cells, 1), np.nan)


def bootstrap_weights(weights: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return weights of blocks drawn with replacement (block bootstrap), float64 (draws, blocks)."""
    generator = np.random.default_rng([seed, 22])
    blocks = len(weights)
    counts = np.stack([np.bincount(generator.integers(0, blocks, blocks), minlength=blocks) for _ in range(draws)])
    return counts * weights


def bootstrap_estimate(value: float, draws: np.ndarray) -> Estimate:
    """Return a number with the interval of its resamples."""
    low, high = percentile_interval(draws, LEVEL)
    return Estimate(float(value), low, high, "bootstrap" if np.isfinite(low) else "")
