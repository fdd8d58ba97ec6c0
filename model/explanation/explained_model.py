"""The explained model as a function of factor values, and its skill on labelled cells, block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..artifact import TrainedModel
from ..components import TITLE
from ..encoding import ClassMatcher, FactorSpec
from ..factors.definitions import CONTINUOUS, EMBEDDINGS
from ..grid import Block
from ..labels import LANDSLIDE, STABLE
from ..prediction.ensemble import Ensemble
from ..progress import Progress
from ..stack import Stack, StackFactor
from ..training.devices import lower_precision
from .settings import DRAWS

MAX_LOGIT = 14.0  # logits are clipped here: float32 probabilities cannot come closer to 0 or 1
BINS = 2048  # bins of the logit in which scores are counted; ties within a bin change an AUC by less than 0.001 %


class ExplainedModel:
    """A trained model over a stack, with classes matched by label; the components of an embedding are one factor."""

    def __init__(self, stack: Stack, model: TrainedModel, name: str, progress: Progress) -> None:
        """Compare the model with the stack; raises what ``prediction.ensemble.Ensemble`` raises."""
        # It warns of the same issues as a prediction does.
        self._ensemble = Ensemble(stack, [model], [name], 0, progress)
        self._stack, self.model, self.name = stack, model, name
        self.members = _members(model.factors)
        """For each factor that is explained the rows of its values: one, or those of all components of an embedding."""
        whole = FactorSpec(EMBEDDINGS, CONTINUOUS, title=TITLE)
        group = StackFactor(EMBEDDINGS, CONTINUOUS, title=TITLE, group=EMBEDDINGS)
        alone = [model.factors[rows[0]].component is None for rows in self.members]
        pairs = list(zip(alone, self.members))
        self.specs: list[FactorSpec] = [model.factors[rows[0]] if one else whole for one, rows in pairs]
        self.factors: list[StackFactor] = [self._ensemble.factors[rows[0]] if one else group for one, rows in pairs]
        self.names = [spec.name for spec in self.specs]
        self.titles = [factor.title or spec.title or spec.name for factor, spec in zip(self.factors, self.specs)]
        self.of_row = np.zeros(len(model.factors), dtype=np.int64)  # factor of each row of values
        for factor, rows in enumerate(self.members):
            self.of_row[list(rows)] = factor
        self.halo = -(-model.halo // model.align) * model.align  # cells around a block, a multiple of ``align``
        self.is_cellwise = model.halo == 0 and model.align == 1  # predicts each cell from its own values alone
        self._matcher = ClassMatcher(model.factors, self._ensemble.factors)
        self.factor_of_channel = self.of_row[[index for index, _ in model.encoder.channel_sources]]

    def is_embedding(self, factor: int) -> bool:
        """Return whether a factor is an embedding, whose components have no meaning one by one."""
        return self.factors[factor].group == EMBEDDINGS

    def labels(self, factor: int) -> dict[int, str]:
        """Return the class labels of a factor by the model's codes."""
        classes = self.specs[factor].classes or self.factors[factor].classes
        return {int(code): str(label) for code, label in classes.items()}

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block in the model's order and class codes, float32 (rows, height, width), NaN without
        data; an embedding has a row for each of its components.
        """
        return self._matcher.apply(self._ensemble.read(self._stack, block))

    def landslide_logit(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide against stable, float32, shape (batch, height, width).

        ``image`` holds encoded factors on the model's device, (batch, channels, height, width); height and width are
        multiples of the model's ``align``.
        """
        with torch.inference_mode(), lower_precision(self.model.device, self.model.dtype):
            logits = self.model.network(image).float()
        return self.model.calibrated(logits[:, 1] - logits[:, 0]).clamp(-MAX_LOGIT, MAX_LOGIT)


def _members(specs: Sequence[FactorSpec]) -> list[tuple[int, ...]]:
    """Return the places of the factors, those of all components of an embedding together."""
    group = tuple(place for place, spec in enumerate(specs) if spec.component is not None)
    return [group if place in group else (place,) for place in range(len(specs)) if place not in group[1:]]


class ScoreHistogram:
    """Scores of labelled cells, counted by block, so that blocks can be resampled."""

    def __init__(self, blocks: int) -> None:
        self.counts = np.zeros((2, blocks, BINS))  # stable and landslide cells by logit
        self.loss = np.zeros(blocks)  # sum of the log loss

    def add(self, block: int, probability: np.ndarray, labels: np.ndarray) -> None:
        """Count the landslide and stable cells of one block."""
        for row, value in enumerate((STABLE, LANDSLIDE)):
            scores = np.clip(probability[labels == value].astype(np.float64), 1e-12, 1 - 1e-12)
            logit = np.clip(np.log(scores / (1 - scores)), -MAX_LOGIT, MAX_LOGIT)
            index = np.minimum(((logit + MAX_LOGIT) * (BINS / (2 * MAX_LOGIT))).astype(np.int64), BINS - 1)
            self.counts[row, block] += np.bincount(index, minlength=BINS)
            self.loss[block] += float(np.log1p(np.exp(-logit if value == LANDSLIDE else logit)).sum())

    def auc(self, weights: np.ndarray) -> np.ndarray:
        """Return the AUC for block weights (draws, blocks), ties counted half; NaN for draws that lack a class."""
        stable, slides = weights @ self.counts[0], weights @ self.counts[1]
        below = np.cumsum(stable, axis=1) - stable / 2
        pairs = stable.sum(axis=1) * slides.sum(axis=1)
        return np.where(pairs > 0, (slides * below).sum(axis=1) / np.where(pairs > 0, pairs, 1), np.nan)

    def mean_loss(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean log loss of the cells for block weights (draws, blocks)."""
        cells = weights @ self.counts.sum(axis=(0, 2))
        return np.where(cells > 0, weights @ self.loss / np.where(cells > 0, cells, 1), np.nan)


def bootstrap_weights(weights: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return weights of blocks drawn with replacement (block bootstrap), float64 (draws, blocks)."""
    generator = np.random.default_rng([seed, 22])
    blocks = len(weights)
    counts = np.stack([np.bincount(generator.integers(0, blocks, blocks), minlength=blocks) for _ in range(draws)])
    return counts * weights
