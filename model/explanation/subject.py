"""The model that is explained, as functions of a stack's values and of encoded factors."""

from __future__ import annotations

import numpy as np
import torch

from ..artifact import TrainedModel
from ..encoding import ClassMatcher, FactorSpec
from ..grid import Block
from ..prediction.ensemble import Ensemble
from ..progress import Progress
from ..stack import Stack, StackFactor
from ..training.devices import lower_precision

LARGEST_LOGIT = 14.0
"""A probability nearer to 0 or 1 than the logistic function of this is taken to be this: a float32 can say no more."""


class Subject:
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
        self.owner = np.array([*encoder.continuous, *np.repeat(encoder.categorical, widths)], dtype=np.int64)
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

    def margin(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide against stable, float32.

        Args:
            image: encoded factors on the model's device, (batch, channels, height, width); sizes are multiples of
                ``align``.

        Returns:
            Shape (batch, height, width).
        """
        with torch.inference_mode(), lower_precision(self.model.device, self.model.dtype):
            logits = self.model.network(image).float()
        return (logits[:, 1] - logits[:, 0]).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
