"""Permutation importance: how much worse the map gets when a factor comes from other places of the area.

Breiman (2001) permutes single values. In a map neighbours are alike, and a network looks at neighbourhoods: single
cells swapped would show it land that there is not anywhere. So whole blocks are swapped, each factor with its own
texture and with its own surroundings at the place that it comes from (as blocks are for spatial cross-validation,
Roberts et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np

from ..memory import kept_memory
from ..progress import Progress
from ..validation.intervals import Estimate
from .sample import Tiles
from .skill import Scores, estimate, resampled
from .subject import Subject


@dataclass(frozen=True)
class Importance:
    """What the map loses without the order of one factor, or of several at once."""

    factors: tuple[int, ...]
    """Numbers of the factors in the model's order."""
    auc_fall: Estimate
    """AUC of the map − AUC with the factor swapped."""
    loss_rise: Estimate
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


def score_tiles(subject: Subject, tiles: Tiles, land: Callable[[int], np.ndarray], progress: Progress) -> Scores:
    """Predict all tiles and count what the model says of their labelled cells.

    Args:
        subject: the model.
        tiles: the blocks.
        land: gives the factors of a tile by its number.
        progress: asked for a cancel.
    """
    scores = Scores.empty(len(tiles))
    for tile, found in tiles.predicted(subject, land, progress):
        scores.add(tile, found, tiles.labels[tile])
    return scores


def measure_importance(subject: Subject, tiles: Tiles, base: Scores, groups: Sequence[tuple[int, ...]], repeats: int,
                       seed: int, progress: Progress) -> tuple[Skill, list[Importance]]:
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
    orders, weights, once = permutations(len(tiles), repeats, seed), resampled(tiles.weights, seed), tiles.weights[None]
    of_repeat = np.arange(len(weights)) % repeats
    base_auc, base_loss = base.auc(weights), base.mean_loss(weights)
    skill = Skill(estimate(base.auc(once)[0], base_auc), estimate(base.mean_loss(once)[0], base_loss))
    result = []
    with kept_memory():
        for number, group in enumerate(groups):
            falls, rises = np.zeros(repeats), np.zeros(repeats)
            fall_draws, rise_draws = np.zeros(len(weights)), np.zeros(len(weights))
            for repeat, order in enumerate(orders):
                scores = score_tiles(subject, tiles, lambda tile: tiles.swapped(tile, group, int(order[tile])),
                                     progress)
                mine = of_repeat == repeat
                falls[repeat] = skill.auc.value - scores.auc(once)[0]
                rises[repeat] = scores.mean_loss(once)[0] - skill.loss.value
                fall_draws[mine] = base_auc[mine] - scores.auc(weights[mine])
                rise_draws[mine] = scores.mean_loss(weights[mine]) - base_loss[mine]
                progress.report((number + (repeat + 1) / repeats) / len(groups))
            result.append(Importance(group, estimate(falls.mean(), fall_draws), estimate(rises.mean(), rise_draws)))
    return skill, result
