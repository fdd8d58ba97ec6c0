"""What cross-fitting fits and judges: cells with their weights, in training and out of fold."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ..labels import LANDSLIDE, STABLE
from ..windows.folded_cells import FoldedCells
from ..windows.split import TEST, TRAIN
from . import additive_fit, monotone
from .additive_fit import Additive
from .cell_constraint import CellConstraint
from .monotone import MonotoneCurve
from .settings import TrainingSettings
from .terrain_rule import TerrainPrior

STABLE_CELLS, MIN_STABLE, MAX_STABLE = 8, 5_000, 12_000  # to train on: for each landslide, at least, at most
MAX_LANDSLIDE_CELLS = 12_000  # to train on


@dataclass
class SoftRows:
    """Cells without labels, which each model learns from by soft labels of its own."""

    image: np.ndarray  # float32 (cells, channels)
    columns: np.ndarray  # of the additive part
    offset: np.ndarray  # part of the logit beside the additive part
    labels: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))  # 0 to 1, float64 (models, cells)
    shares: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))  # of each cell, (models, cells); sum 1, or 0
    weight: float = 0.0  # λ: of all of them, as a share of that of the labelled cells

    def used(self, model: int) -> np.ndarray:
        """Return the rows that a model learns from."""
        return np.flatnonzero(self.shares[model]) if self.weight else np.empty(0, dtype=np.int64)


class FoldProblem:
    """Cells, their weights in training and in judging, for each fold and for all land."""

    def __init__(
        self,
        cells: FoldedCells,
        image: np.ndarray,
        knots: np.ndarray,
        settings: TrainingSettings,
        origin: Any = None,
        curves: Sequence[MonotoneCurve] = (),
    ) -> None:
        """Weigh the cells, whose channels are ``image`` (cells, channels); ``origin`` is a network to fine-tune.

        The network of single cells does not see the channels of monotone ``curves``.
        """
        self.image, self.knots = image, knots
        self.bounds = monotone.bounds(curves, image.shape[1], knots)
        self.hidden = [curve.channel for curve in curves]
        self.prior: TerrainPrior | None = None  # of the additive part
        self.soft: SoftRows | None = None  # cells without labels to learn from as well
        self.columns = additive_fit.basis(image, knots)
        self.centre: np.ndarray | None = None  # of the coefficients of the additive part
        self.offset = np.zeros(len(image))  # part of the logit beside the additive part
        if origin is not None:
            self.centre = additive_fit.read_curves(origin.curves)[0].coefficients
            self.offset += _residual(origin, image)
        self.slide, self.folds = cells.labels == LANDSLIDE, len(cells.roles)
        self.held_out = cells.roles == TEST  # bool (folds, cells)
        stable = cells.labels == STABLE
        self.labelled = self.slide | stable
        generator, number = np.random.default_rng([settings.seed, 21]), cells.landslides
        most = int(min(max(STABLE_CELLS * number, MIN_STABLE), MAX_STABLE))
        chosen = np.zeros(len(cells.labels), dtype=bool)
        for some, count in ((self.slide, MAX_LANDSLIDE_CELLS), (stable, most)):
            rows = np.flatnonzero(some)
            chosen[rows if len(rows) <= count else generator.choice(rows, count, replace=False)] = True
        self._shares, self._counts, self._areas = cells.shares, cells.counts, cells.areas
        first = cells.counts[stable][:1]
        self._land = cells.counts / first if len(first) else cells.counts  # as 1 where all stand for as much
        known = self.held_out.any(axis=0)
        self.weights = self._balanced(known & (self.slide | stable))  # of cells in the loss out of fold
        self.constraint = CellConstraint.of(cells, settings)
        self.judged = self.weights > 0  # cells whose logit out of fold is needed
        if self.constraint is not None:
            self.judged |= known & self.constraint.known
        self.inside = np.concatenate([cells.roles == TRAIN, np.ones((1, len(known)), dtype=bool)])
        """Cells of the land that each model may learn from, bool (folds + 1, cells)."""
        self.train = self.inside & chosen
        """Cells that the model of each fold, and last that of all land, is trained on."""
        self._shares = cells.shares * (number / max(cells.shares[chosen].sum(), 1e-9))

    def _balanced(self, some: np.ndarray) -> np.ndarray:
        """Return weights of cells: each landslide one, and stable cells as much in all, each for the land that it
        stands for, which differs between areas.
        """
        weights = np.where(some & self.slide, self._shares, 0.0)
        stable = some & ~self.slide
        land = self._land[stable]
        weights[stable] = weights.sum() * land / max(land.sum(), 1e-9)
        return weights

    def restricted(self, some: np.ndarray) -> FoldProblem:
        """Return the problem with some of the cells alone."""
        result = copy.copy(self)
        result.train, result.inside, result.judged = self.train & some, self.inside & some, self.judged & some
        result.weights = self._balanced((self.weights > 0) & some)
        return result

    def training_weights(self, model: int) -> np.ndarray:
        """Return the weights of the cells of the model of a fold, or of all land, 0 for the others."""
        return self._balanced(self.train[model])

    def balanced(self, some: np.ndarray) -> np.ndarray:
        """Return the weights of some of the cells: both classes weigh the same."""
        return self._balanced(some)

    def training_data(self, model: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return columns, labels, weights and offset of the cells that the additive part of a model is fitted to."""
        weights = self.training_weights(model)
        rows, labels, own = self.labels_of(weights)
        found = self.columns[rows], labels, own, self.offset[rows]
        if self.soft is None or not len(self.soft.used(model)):
            return found
        some = self.soft.used(model)
        of_soft = self.soft.weight * weights.sum() * self.soft.shares[model, some]
        more = self.soft.columns[some], self.soft.labels[model, some], of_soft, self.soft.offset[some]
        columns, labels, own, offset = (np.concatenate(pair) for pair in zip(found, more))
        return columns, labels, own, offset

    def labels_of(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows of labelled cells with a weight, and their labels and weights, with those of the prior."""
        rows = np.flatnonzero(weights)
        if self.prior is None:
            return rows, self.slide[rows].astype(np.float64), weights[rows]
        return rows, *self.prior.mixed(rows, self.slide[rows], weights[rows])

    def logits(self, additive: Sequence[Additive]) -> list[np.ndarray]:
        """Return the logits of all cells by each additive part, with the network to fine-tune, if any."""
        return [self.offset + one.logit(self.columns) for one in additive]

    def out_of_fold(self, logits: list[np.ndarray]) -> np.ndarray:
        """Return for each cell the logit of the model of the fold that holds it out; NaN where no fold does."""
        result = np.full(len(self.slide), np.nan)
        for mine, logit in zip(self.held_out, logits):
            result[mine] = logit[mine]
        return result

    def loss(self, logit: np.ndarray) -> float:
        """Return the mean log loss of logits out of fold."""
        return self.log_loss(logit, self.weights)

    def log_loss(self, logit: np.ndarray, weights: np.ndarray) -> float:
        """Return the mean log loss of some logits, by weights."""
        some = weights > 0
        signed = np.where(self.slide, -logit, logit)[some]
        return float(np.average(np.logaddexp(0, signed), weights=weights[some]))

    def learned(self, model: int) -> np.ndarray:
        """Return the rows of the cells in the loss of a model in training."""
        rows = self.training_weights(model) > 0
        if self.constraint is not None and self.constraint.has_gradient:
            rows = rows | (self.inside[model] & self.constraint.known)
        return np.flatnonzero(rows)

    def training_loss(self, model: int, logit: np.ndarray) -> float:
        """Return the mean loss of a model in training from the logits of :meth:`learned` cells."""
        whole = np.full(len(self.slide), np.nan)
        whole[self.learned(model)] = logit
        return self._with_term(self.log_loss(whole, self.training_weights(model)), whole)[-1]

    def losses(self, logit: np.ndarray) -> list[float]:
        """Return the mean log loss out of fold and, if there is a constraint to learn, the same with its term."""
        return self._with_term(self.loss(logit), logit)

    def _with_term(self, loss: float, logit: np.ndarray) -> list[float]:
        if self.constraint is None or not self.constraint.has_gradient:
            return [loss]
        return [loss, loss + self.constraint.weight * self.constraint.mean_term(logit)]

    def auc(self, logit: np.ndarray) -> float:
        """Return the AUC of logits out of fold, each landslide once; of several areas the mean, because a map ranks the
        land of one.
        """
        some, found = self.weights > 0, []
        for area in np.unique(self._areas[some]):
            mine = some & (self._areas == area)
            slide, own = self.slide[mine], self.weights[mine]
            if slide.any() and not slide.all():
                found.append(roc_auc_score(slide, logit[mine], sample_weight=own))
        return float(np.mean(found))

    def measures(self, logit: np.ndarray) -> dict[str, float | None]:
        """Return loss, AUC, accuracy by area, recall and violation rate of logits out of fold."""
        some = self.weights > 0
        slide, high, area = self.slide[some], logit[some] >= 0, self._counts[some]
        return {
            "loss": self.losses(logit)[-1],
            "auc": self.auc(logit),
            "accuracy": float(np.average(high == slide, weights=area)),
            "recall": float(high[slide].mean()),
            "violation_rate": self.constraint.violation_rate(logit) if self.constraint is not None else None,
        }


def soft_rows(image: np.ndarray, knots: np.ndarray, origin: Any) -> SoftRows:
    """Return cells without labels by their channels, (cells, channels); ``origin`` is a network to fine-tune."""
    offset = np.zeros(len(image)) if origin is None else _residual(origin, image)
    return SoftRows(image, additive_fit.basis(image, knots), offset)


def _residual(origin: Any, image: np.ndarray) -> np.ndarray:
    """Return what the network of a model to fine-tune adds to the logits of cells."""
    with torch.inference_mode():
        cell_image = torch.from_numpy(np.ascontiguousarray(image.T))[None, :, :, None]
        found: np.ndarray = origin.eval().residual(cell_image)[0, 0, :, 0].double().numpy()
        return found
