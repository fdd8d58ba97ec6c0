"""PHYSICS=stability: a rule of slope stability as soft labels on land without labels, and how much they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ..progress import Progress, stop_if_cancelled
from ..windows.folded_cells import FoldedCells
from ..windows.land_regions import LeftOut
from ..windows.unlabelled_cells import UnlabelledCells
from . import additive_fit
from .additive_fit import Additive
from .fold_problem import FoldProblem, SoftRows
from .settings import TrainingSettings
from .terrain_rule import TERMS, TerrainRule, fit_rule, scores_of, terms_of

TARGET_WEIGHT = 10.0  # of TARGET, where nothing can choose it: parts of one area are too alike
TARGET_WEIGHTS = (0.3, 1.0, 3.0, 10.0)  # among which areas that are left out choose
OWN_WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)  # among which parts of the area that are left out choose
FEW_WORTH, MOST_OWN = 15.0, 3.0
"""Landslides that the rule is worth where the land has too few to leave parts of it out, and its highest weight."""
_PENALTIES = additive_fit.PENALTIES[::2]  # whose mean is judged
_SOFT_CELLS = 4_000  # of a part that is left out


@dataclass
class PhysicsChoice:
    """How land without labels is used, and what that is worth on land left out."""

    weight: float  # λ: weight of all land without labels as a share of that of the labelled land
    cells: int
    is_target: bool
    rule: dict[str, float]  # weight of each term, sign included, of the model of all land
    parts: int = 0  # of the land that were left out to choose the weight
    of_areas: bool = False  # whether they were whole areas
    tried: list[list[float]] = field(default_factory=list)  # weight, log loss and AUC on the land left out
    rule_alone: float | None = None  # AUC of the rule there, fitted to the rest
    violation_rate: float | None = None  # share of the land without labels that is unstable and called safe
    given: bool = False  # whether the weight was LAMBDA

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for the model file."""
        return asdict(self)

    @property
    def text(self) -> str:
        """What was chosen and what it adds, in sentences."""
        land = "TARGET" if self.is_target else "land without labels"
        rule = ", ".join(f"{term} {weight:+.2f}" for term, weight in self.rule.items()).replace("-", "−")
        start = f"Slope stability on {land}, with λ = {self.weight:g}"
        if self.tried:
            auc, none = (row[2] for row in (min(self.tried, key=lambda row: row[1]), self.tried[0]))
            where = f"on {self.parts} {'areas' if self.of_areas else 'parts of the land'} left out one by one"
            if not self.weight:
                start = f"Slope stability on {land} makes it no better {where} and is left out (AUC there {none:.3f}"
            else:
                first = f"with λ = {self.tried[0][0]:g}" if self.tried[0][0] else "without it"
                start += f", chosen {where} (AUC there {auc:.3f}, {first} {none:.3f}"
            start += "" if self.rule_alone is None else f", the rule alone {self.rule_alone:.3f}"
            start += ")"
        elif self.given:
            start += " as given"
        else:
            start += ", which no land left out could choose"
        text = f"{start}. Weights of the rule, in standard scores of each area: {rule}."
        if self.violation_rate is not None:
            text += f" Of the unstable {land} {100 * self.violation_rate:.1f} % is called safe."
        return text


class LandPhysics:
    """The rule fitted for each fold and for all land, and the rows that it labels."""

    def __init__(
        self,
        problem: FoldProblem,
        cells: FoldedCells,
        unlabelled: UnlabelledCells,
        names: Sequence[str],
        rows: SoftRows,
        settings: TrainingSettings,
    ) -> None:
        """Fit the rules; ``rows`` are the cells without labels, whose labels and shares are set here.

        ``names`` are the factors in the order of the values.
        """
        self._problem, self._unlabelled, self._settings, self.rows = problem, unlabelled, settings, rows
        self.terms = list(terms_of(names))
        count = len(cells.labels)
        self._several = len(cells.lands) > 1
        safety = np.full(count, np.nan) if cells.safety is None else cells.safety
        scores = scores_of(
            np.concatenate([cells.values, unlabelled.values]),
            names,
            np.concatenate([safety, unlabelled.safety]),
            np.concatenate([cells.counts, unlabelled.counts]),
            np.concatenate([cells.areas, unlabelled.areas]),
        )
        self._scores, self._own_scores = scores[:count], scores[count:]
        self._counts = cells.counts
        known = np.isfinite(self._own_scores).all(axis=1)
        labels, shares = [], []
        for model in range(problem.folds + 1):
            rule = self._rule(problem.training_weights(model))
            labels.append(expit(rule.logit(np.nan_to_num(self._own_scores))))
            used = np.ones(len(unlabelled), bool) if model == problem.folds else unlabelled.roles[model]
            counts = np.where(used & known, unlabelled.counts, 0.0)
            shares.append(counts / max(counts.sum(), 1e-12))
        rows.labels, rows.shares = np.stack(labels), np.stack(shares)
        signed = {term: TERMS[term][0] * weight for term, weight in rule.weights.items()}
        self.choice = PhysicsChoice(0.0, len(unlabelled), unlabelled.is_target, signed)

    def _rule(self, weights: np.ndarray) -> TerrainRule:
        return fit_rule(self._scores, self._problem.slide, weights, self.terms)

    def choose(self, left_out: Sequence[LeftOut], progress: Progress) -> None:
        """Choose the weight: LAMBDA if given, else on parts of the land or areas that are left out, as far as there
        are any.
        """
        choice, given = self.choice, self._settings.lambda_
        if given is not None:
            choice.weight, choice.given = given, True
        elif len(left_out) > 1:
            weights = TARGET_WEIGHTS if choice.is_target else OWN_WEIGHTS
            choice.parts, choice.of_areas = len(left_out), self._several
            choice.tried, choice.rule_alone = self._try(left_out, weights, progress)
            choice.weight = min(choice.tried, key=lambda row: row[1])[0]
        elif choice.is_target:
            choice.weight = TARGET_WEIGHT
        else:
            landslides = self._problem.training_weights(self._problem.folds).sum() / 2
            choice.weight = float(f"{min(FEW_WORTH / max(landslides, 1e-9), MOST_OWN):.3g}")
        self.rows.weight = choice.weight

    def _try(
        self, left_out: Sequence[LeftOut], weights: Sequence[float], progress: Progress
    ) -> tuple[list[list[float]], float]:
        """Return weight, mean log loss and mean AUC on land left out, and the mean AUC of the rule alone there."""
        losses, aucs = np.zeros((2, len(left_out), len(weights)))
        rule_alone = []
        for part, (train, left) in enumerate(left_out):
            logits, rule = self._leave_out(train, left, weights, progress)
            problem, judged = self._problem, self._problem.balanced(left & self._problem.labelled)
            for place, logit in enumerate(logits):
                losses[part, place] = problem.log_loss(logit, judged)
                aucs[part, place] = _auc(problem.slide, logit, judged)
            rule_alone.append(_auc(problem.slide, rule, np.where(np.isfinite(rule), judged, 0.0)))
            progress.report((part + 1) / len(left_out))
        rows = np.stack([weights, losses.mean(axis=0), aucs.mean(axis=0)], axis=1)
        return rows.tolist(), float(np.mean(rule_alone))

    def _leave_out(
        self, train: np.ndarray, left: np.ndarray, weights: Sequence[float], progress: Progress
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the logits of all cells with each weight of land that is left out, and those of the rule."""
        problem = self._problem
        balanced = problem.balanced(problem.train[-1] & train)
        rule = self._rule(balanced).logit(self._scores)
        rows, hard, weights_of_rows = problem.labels_of(balanced)
        soft = np.flatnonzero(left & np.isfinite(rule))
        if len(soft) > _SOFT_CELLS:
            generator = np.random.default_rng([self._settings.seed, 27])
            soft = np.sort(generator.choice(soft, _SOFT_CELLS, replace=False))
        every, counts = np.concatenate([rows, soft]), self._counts[soft]
        labels = np.concatenate([hard, expit(rule[soft])])
        columns, (continuous, knots) = problem.columns[every], problem.knots.shape
        found = []
        starts: list[Additive | None] = [None] * len(_PENALTIES)
        for weight in weights:
            own = np.concatenate([weights_of_rows, weight * balanced.sum() * counts / counts.sum()])
            for place, chosen in enumerate(_PENALTIES):
                matrix = additive_fit.penalty(problem.image.shape[1], continuous, *chosen, knots)
                data = columns, labels, own, matrix, lambda: stop_if_cancelled(progress)
                rest = problem.centre, problem.offset[every], problem.bounds
                starts[place] = additive_fit.fit(*data, starts[place], *rest)
            found.append(np.mean(problem.logits([one for one in starts if one is not None]), axis=0))
        return found, rule

    def tell_violations(self, logit: np.ndarray) -> None:
        """Take the share of the unstable land without labels that a model calls safe; ``logit`` is that of the rows."""
        unlabelled, settings = self._unlabelled, self._settings
        with np.errstate(invalid="ignore"):
            unstable = unlabelled.safety < settings.critical
        if unstable.any():
            low = expit(logit[unstable]) < settings.p_low
            self.choice.violation_rate = float(np.average(low, weights=unlabelled.counts[unstable]))


def _auc(slide: np.ndarray, logit: np.ndarray, weights: np.ndarray) -> float:
    some = weights > 0
    return float(roc_auc_score(slide[some], logit[some], sample_weight=weights[some]))
