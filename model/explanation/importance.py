"""Block permutation importance, and the factors that share it because they are associated.

Breiman (2001) permutes single values. In a map neighbouring cells are similar, and a network sees neighbourhoods:
permuting cells would show it landscapes that do not exist. So whole blocks are permuted, each factor with its own
texture and with the surroundings of the place it comes from (as blocks are for spatial cross-validation, Roberts et al.
2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
from scipy.stats import rankdata
from scipy.stats.contingency import crosstab

from ..checks.association import cramers_v
from ..progress import Progress
from ..statistics import Estimate, from_repeats
from .explained_model import ExplainedModel, ScoreHistogram, bootstrap_weights
from .sample import Cells, Tiles

MIN_ASSOCIATION = 0.5
"""Association from which two factors share their importance; from 0.7 on they can hardly be told apart."""
QUANTILE_CLASSES = 10  # classes of equal size into which a continuous factor is cut beside a categorical one
_MAX_CELLS = 100_000


@dataclass(frozen=True)
class FactorAssociation:
    """Two associated factors."""

    first: int
    second: int
    value: float
    measure: str  # Spearman (rank correlation) for two continuous factors, otherwise Cramér (V)


def factor_associations(explained: ExplainedModel, cells: Cells) -> list[FactorAssociation]:
    """Return the pairs of factors with an association of :data:`MIN_ASSOCIATION` or more, the strongest first.

    Cells are taken as they were drawn, unweighted. Continuous factors are compared by rank (Spearman 1904), classes
    with classes, or with a continuous factor cut into ten classes, by Cramér's V (1946).
    """
    step = -(-cells.values.shape[1] // _MAX_CELLS)
    values = cells.values[:, ::step]
    categorical = [spec.is_categorical for spec in explained.model.factors]
    ranks = {number: rankdata(plane) for number, plane in enumerate(values) if not categorical[number]}
    classes = [plane if one else _quantile_classes(plane) for one, plane in zip(categorical, values)]
    found: dict[tuple[int, int], FactorAssociation] = {}
    for first in range(len(values)):
        for second in range(first + 1, len(values)):
            pair = int(explained.of_row[first]), int(explained.of_row[second])
            if pair[0] == pair[1]:
                continue
            if first in ranks and second in ranks:
                # That of a constant factor is NaN.
                with np.errstate(invalid="ignore", divide="ignore"):
                    value, measure = np.corrcoef(ranks[first], ranks[second])[0, 1], "Spearman"
            else:
                value, measure = cramers_v(crosstab(classes[first], classes[second]).count), "Cramér"
            # Of an embedding its component with the strongest one.
            before = found.get(pair)
            if math.isfinite(value) and abs(value) >= max(MIN_ASSOCIATION, abs(before.value) if before else 0):
                found[pair] = FactorAssociation(*pair, float(value), measure)
    return sorted(found.values(), key=lambda one: -abs(one.value))


def correlated_groups(associations: Sequence[FactorAssociation], factors: int) -> list[tuple[int, ...]]:
    """Return the groups of two or more factors that are linked by associations, but not all factors at once."""
    group = list(range(factors))
    for one in associations:
        old, new = group[one.second], group[one.first]
        group = [new if number == old else number for number in group]
    sets = [tuple(index for index, number in enumerate(group) if number == name) for name in dict.fromkeys(group)]
    return [members for members in sets if 1 < len(members) < factors]


def _quantile_classes(plane: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(plane, np.linspace(0, 1, QUANTILE_CLASSES + 1)[1:-1]))
    return np.searchsorted(edges, plane, side="right")


@dataclass(frozen=True)
class PermutationImportance:
    """What the map loses when one factor, or several at once, are permuted."""

    factors: tuple[int, ...]
    auc_drop: Estimate
    loss_increase: Estimate


@dataclass(frozen=True)
class Skill:
    """AUC and mean log loss of the map on the labelled cells of the blocks."""

    auc: Estimate
    loss: Estimate


def score_tiles(
    explained: ExplainedModel, tiles: Tiles, tile_input: Callable[[int], np.ndarray], progress: Progress
) -> ScoreHistogram:
    """Predict all tiles and count the scores of their labelled cells; see :meth:`.Tiles.iterate_predictions`."""
    scores = ScoreHistogram(len(tiles))
    for tile, probability in tiles.iterate_predictions(explained, tile_input, progress):
        scores.add(tile, probability, tiles.labels[tile])
    return scores


def block_permutation_importance(
    explained: ExplainedModel,
    tiles: Tiles,
    base: ScoreHistogram,
    groups: Sequence[tuple[int, ...]],
    repeats: int,
    seed: int,
    progress: Progress,
) -> tuple[Skill, list[PermutationImportance]]:
    """Permute groups of factors among the blocks; return the map's skill, and what it loses per group.

    ``base`` holds the scores of the map. The intervals hold both kinds of chance: which blocks were swapped, and which
    blocks there are at all (each draw takes one permutation and resamples the blocks, the same for the map and for its
    permuted twin).
    """
    # For each repeat the tile that each tile gets a factor from, the same for all groups.
    generator = np.random.default_rng([seed, 24])
    orders = [generator.permutation(len(tiles)) for _ in range(repeats)]
    weights = bootstrap_weights(tiles.weights, seed)
    once, repeat_of_draw = tiles.weights[None], np.arange(len(weights)) % repeats
    base_auc, base_loss = base.auc(weights), base.mean_loss(weights)
    skill = Skill(
        from_repeats(base.auc(once)[0], base_auc, "bootstrap"),
        from_repeats(base.mean_loss(once)[0], base_loss, "bootstrap"),
    )
    result = []
    for number, group in enumerate(groups):
        rows = tuple(row for factor in group for row in explained.members[factor])
        drops, increases = np.zeros(repeats), np.zeros(repeats)
        drop_draws, increase_draws = np.zeros(len(weights)), np.zeros(len(weights))
        for repeat, order in enumerate(orders):
            scores = score_tiles(explained, tiles, tiles.permuted(rows, order), progress)
            mine = repeat_of_draw == repeat
            drops[repeat] = skill.auc.value - scores.auc(once)[0]
            increases[repeat] = scores.mean_loss(once)[0] - skill.loss.value
            drop_draws[mine] = base_auc[mine] - scores.auc(weights[mine])
            increase_draws[mine] = scores.mean_loss(weights[mine]) - base_loss[mine]
            progress.report((number + (repeat + 1) / repeats) / len(groups))
        drop = from_repeats(drops.mean(), drop_draws, "bootstrap")
        result.append(PermutationImportance(group, drop, from_repeats(increases.mean(), increase_draws, "bootstrap")))
    return skill, result
