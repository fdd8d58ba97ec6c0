"""ENSEMBLE=gradient_boosting: boosted trees beside PCUM by cross-fitting, by the same cells, weights and folds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from ..networks import build_network
from ..networks.parts import PcumParts
from ..progress import Progress, SubProgress
from ..training.cross_fitted import CrossFitted, signed
from ..training.fold_problem import FoldProblem
from .boosting import MAX_ROUNDS, PATIENCE, STEP, bin_edges, bin_numbers, boost, boosting_to_network, classifier

LEAVES = (4, 16)  # of a tree, tried
LEAF_SIZE = 20  # minimum cells of a leaf
_JUDGED_ROUNDS = 10  # the loss is known after so many rounds each


@dataclasses.dataclass
class _Tried:
    """Boosted trees of the folds with the lowest loss so far."""

    loss: float
    leaves: int
    rounds: int
    folds: list[HistGradientBoostingClassifier]


def add_boosting(result: CrossFitted, seed: int, progress: Progress) -> CrossFitted:
    """Return the mean of the logits of a fitted model and of boosted trees, if that is better out of fold.

    Leaves and rounds are chosen by that loss. The result is the same on any number of threads.
    """
    problem = result.problem
    edges = bin_edges(problem.image[problem.train[-1]])
    numbers = bin_numbers(problem.image, edges)
    # In parallel, sums are rounded differently from run to run.
    with threadpool_limits(1):
        best = _choose(result, numbers, seed, SubProgress(progress, 0.0, 0.8))
        before = problem.losses(result.out_of_fold)[-1]
        if best.loss >= before:
            text = "Gradient boosting beside it makes it no better out of fold and is left out."
            result.choice.boosting = text
            progress.report(1.0, text)
            return result
        whole, part = classifier(best.leaves, LEAF_SIZE, seed), SubProgress(progress, 0.8, 1.0)
        boost(whole, *_cells(problem, numbers, problem.folds), best.rounds, part)
        logits = [_logit(one, numbers, best.rounds) for one in (*best.folds, whole)]
    after = (result.out_of_fold + problem.out_of_fold(logits)) / 2
    gain = signed(problem.auc(after) - problem.auc(result.out_of_fold))
    trees = f"{best.rounds} rounds of trees with at most {best.leaves} leaves"
    result.choice.boosting = f"Gradient boosting beside it adds {gain} AUC out of fold ({trees}; mean of the logits)."
    if problem.constraint is not None:
        result.choice.violation = problem.constraint.violation_rate(after)
    progress.report(1.0, result.choice.boosting)
    fitted = result.fitted
    made = [
        _with_trees(own, fitted.architecture, one, edges, best.rounds)
        for own, one in zip([*result.of_folds, fitted.network], [*best.folds, whole])
    ]
    fitted = dataclasses.replace(fitted, network=made[-1][0], architecture=made[-1][1])
    of_folds, described = map(list, zip(*made[:-1]))
    return dataclasses.replace(
        result,
        fitted=fitted,
        out_of_fold=after,
        on_training=(result.on_training + logits[-1]) / 2,
        of_folds=of_folds,
        fold_architectures=described,
    )


def _choose(result: CrossFitted, numbers: np.ndarray, seed: int, progress: Progress) -> _Tried:
    problem, best = result.problem, _Tried(np.inf, 0, 0, [])
    judged = [np.flatnonzero(mine & problem.judged) for mine in problem.held_out]
    for place, leaves in enumerate(LEAVES):
        folds = [classifier(leaves, LEAF_SIZE, seed) for _ in range(problem.folds)]
        own_best = 0
        for last in range(STEP, MAX_ROUNDS + 1, STEP):
            rounds = list(range(last - STEP + _JUDGED_ROUNDS, last + 1, _JUDGED_ROUNDS))
            sums = np.tile(result.out_of_fold, (len(rounds), 1))
            for fold, (boosted, rows) in enumerate(zip(folds, judged)):
                share = (place + (last - STEP) / MAX_ROUNDS + STEP / MAX_ROUNDS * fold / problem.folds) / len(LEAVES)
                boost(boosted, *_cells(problem, numbers, fold), last, SubProgress(progress, share, share))
                staged = enumerate(boosted.staged_decision_function(numbers[rows]), 1)
                kept = [logit for done, logit in staged if done in rounds]
                sums[:, rows] = (sums[:, rows] + np.stack(kept)) / 2
            losses = [problem.losses(logit)[-1] for logit in sums]
            least = int(np.argmin(losses))
            if losses[least] < best.loss:
                best = _Tried(losses[least], leaves, rounds[least], folds)
            if best.leaves == leaves:
                own_best = best.rounds
            if last - own_best >= STEP + PATIENCE:
                break
    return best


def _cells(problem: FoldProblem, numbers: np.ndarray, model: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, labels and weights of the cells that train the model of a fold or of all land."""
    weights = problem.training_weights(model)
    rows = np.flatnonzero(weights)
    return numbers[rows], problem.slide[rows].astype(np.int64), weights[rows] / weights[rows].mean()


def _logit(boosted: HistGradientBoostingClassifier, numbers: np.ndarray, rounds: int) -> np.ndarray:
    return next(itertools.islice(boosted.staged_decision_function(numbers), rounds - 1, None))


def _with_trees(
    pointwise: Any, architecture: dict[str, Any], boosted: Any, edges: Sequence[np.ndarray], rounds: int
) -> tuple[PcumParts, dict[str, Any]]:
    """Return a network with boosted trees beside it, and its description."""
    trees, of_trees = boosting_to_network(boosted, list(edges), rounds)
    own = {name: value for name, value in architecture.items() if name != "type"}
    described = {
        "type": "pcum_parts",
        "unet_width": 1,
        "unet_depth": 0,
        **own,
        "trees": of_trees["trees"],
        "nodes": of_trees["nodes"],
        "tree_depth": of_trees["depth"],
    }
    network: Any = build_network(described)
    network.pointwise, network.trees = pointwise, trees
    if isinstance(pointwise, PcumParts):
        network.pointwise, network.unet = pointwise.pointwise, pointwise.unet
    network.check()
    return network.eval(), described
