"""Which factors say the same, so that they share their importance.
Permutation importance: how much worse the map gets when a factor comes from other places of the area.

Breiman (2001) permutes single values. In a map neighbours are alike, and a network looks at neighbourhoods: single
cells swapped would show it land that there is not anywhere. So whole blocks are swapped, each factor with its own
texture and with its own surroundings at the place that it comes from (as blocks are for spatial cross-validation,
Roberts et al. 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
from scipy.stats import rankdata

from ..checks.correlation import cramers_v
from ..memory import retain_freed_memory
from ..progress import Progress
from ..statistics.intervals import Estimate
from .explained_model import ExplainedModel, ScoreHistogram, bootstrap_estimate, bootstrap_weights
from .sample import Cells, Tiles

MIN_ASSOCIATION = 0.5
"""Association from which two factors are said to share their importance; from 0.7 on they are hard to tell apart."""

STEPS = 10
"""Classes of equal size into which a continuous factor is cut beside a categorical one."""

_MOST_CELLS = 100_000


@dataclass(frozen=True)
class FactorAssociation:
    """Two factors that go together."""

    first: int
    second: int
    value: float
    """Spearman's rank correlation of two continuous factors, otherwise Cramér's V."""
    measure: str
    """``Spearman`` or ``Cramér``."""


def relations(subject: ExplainedModel, cells: Cells) -> list[FactorAssociation]:
    """Return the pairs of factors with an association of :data:`MIN_ASSOCIATION` or more, the strongest first.

    Cells are taken as they were drawn, unweighted. Continuous factors are compared by rank (Spearman 1904), classes
    with classes, or with a continuous factor cut into ten classes, by Cramér's V (1946).
    """
    step = -(-cells.values.shape[1] // _MOST_CELLS)
    values = cells.values[:, ::step]
    categorical = [spec.is_categorical for spec in subject.specs]
    ranks = [None if one else rankdata(plane) for one, plane in zip(categorical, values)]
    classes = [
        np.unique(plane, return_inverse=True)[1] if one else _quantile_classes(plane)
        for one, plane in zip(categorical, values)
    ]
    found = []
    for first in range(len(values)):
        for second in range(first + 1, len(values)):
            if not categorical[first] and not categorical[second]:
                value, measure = _spearman(ranks[first], ranks[second]), "Spearman"
            else:
                value, measure = cramers_v(_table(classes[first], classes[second])), "Cramér"
            if math.isfinite(value) and abs(value) >= MIN_ASSOCIATION:
                found.append(FactorAssociation(first, second, float(value), measure))
    return sorted(found, key=lambda one: -abs(one.value))


def correlated_groups(found: Sequence[FactorAssociation], factors: int) -> list[tuple[int, ...]]:
    """Return sets of factors that hang together through relations, largest association first; not single factors."""
    group = list(range(factors))
    for one in found:
        old, new = group[one.second], group[one.first]
        group = [new if number == old else number for number in group]
    sets = [tuple(index for index, number in enumerate(group) if number == name) for name in dict.fromkeys(group)]
    return [members for members in sets if 1 < len(members) < factors]


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _quantile_classes(plane: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(plane, np.linspace(0, 1, STEPS + 1)[1:-1]))
    return np.searchsorted(edges, plane, side="right")


def _table(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    columns = int(second.max()) + 1
    joint = first.astype(np.int64) * columns + second
    return np.bincount(joint, minlength=(int(first.max()) + 1) * columns).reshape(-1, columns)


@dataclass(frozen=True)
class PermutationImportance:
    """What the map loses without the order of one factor, or of several at once."""

    factors: tuple[int, ...]
    """Numbers of the factors in the model's order."""
    auc_drop: Estimate
    """AUC of the map − AUC with the factor swapped."""
    loss_increase: Estimate
    """Mean log loss with the factor swapped − that of the map."""


@dataclass(frozen=True)
class Skill:
    """The map as it is, on the labelled cells of the blocks."""

    auc: Estimate
    loss: Estimate


def permutations(tiles: int, repeats: int, seed: int) -> np.ndarray:
    """Return for each repeat where the tiles get a factor from, int64 (repeats, tiles); the same for all factors."""
    generator = np.random.default_rng([seed, 24])
    return np.stack([generator.permutation(tiles) for _ in range(repeats)])


def score_tiles(
    subject: ExplainedModel, tiles: Tiles, tile_input: Callable[[int], np.ndarray], progress: Progress
) -> ScoreHistogram:
    """Predict all tiles and count what the model says of their labelled cells.

    Args:
        subject: the model.
        tiles: the blocks.
        land: gives the factors of a tile by its number.
        progress: asked for a cancel.
    """
    scores = ScoreHistogram.empty(len(tiles))
    for tile, found in tiles.iterate_predictions(subject, tile_input, progress):
        scores.add(tile, found, tiles.labels[tile])
    return scores


def block_permutation_importance(
    subject: ExplainedModel,
    tiles: Tiles,
    base: ScoreHistogram,
    correlated_groups: Sequence[tuple[int, ...]],
    repeats: int,
    seed: int,
    progress: Progress,
) -> tuple[Skill, list[PermutationImportance]]:
    """Swap factors among the blocks and see what the map loses.

    The interval holds both kinds of chance: which blocks were swapped with which, and which blocks there are at all
    (each draw takes one permutation and draws the blocks again, the same for the map and for its swapped twin).

    Args:
        subject: the model.
        tiles: the blocks.
        base: of the map as it is.
        groups: factors to swap, each or several at once.
        repeats: permutations of each.
        seed: of permutations and draws.
        progress: 0 to 1 over all.

    Returns:
        Skill of the map, and one entry a group in their order.
    """
    orders, weights, once = (
        permutations(len(tiles), repeats, seed),
        bootstrap_weights(tiles.weights, seed),
        tiles.weights[None],
    )
    of_repeat = np.arange(len(weights)) % repeats
    base_auc, base_loss = base.auc(weights), base.mean_loss(weights)
    skill = Skill(
        bootstrap_estimate(base.auc(once)[0], base_auc), bootstrap_estimate(base.mean_loss(once)[0], base_loss)
    )
    result = []
    with retain_freed_memory():
        for number, group in enumerate(correlated_groups):
            drops, increases = np.zeros(repeats), np.zeros(repeats)
            drop_draws, increase_draws = np.zeros(len(weights)), np.zeros(len(weights))
            for repeat, order in enumerate(orders):
                scores = score_tiles(
                    subject, tiles, lambda tile: tiles.with_factors_from(tile, group, int(order[tile])), progress
                )
                mine = of_repeat == repeat
                drops[repeat] = skill.auc.value - scores.auc(once)[0]
                increases[repeat] = scores.mean_loss(once)[0] - skill.loss.value
                drop_draws[mine] = base_auc[mine] - scores.auc(weights[mine])
                increase_draws[mine] = scores.mean_loss(weights[mine]) - base_loss[mine]
                progress.report((number + (repeat + 1) / repeats) / len(correlated_groups))
            result.append(
                PermutationImportance(
                    group,
                    bootstrap_estimate(drops.mean(), drop_draws),
                    bootstrap_estimate(increases.mean(), increase_draws),
                )
            )
    return skill, result
