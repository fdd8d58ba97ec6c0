"""Which of several kinds of model to keep, from their AUC on the same folds of the same land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..statistics import Estimate
from ..texts import join_names
from ..training.settings import BOOSTING, FOREST, GAM, PCUM, REGRESSION, TITLES
from ..validation.settings import MIN_BLOCKS
from ..validation.unseen_land import AreaGrid, ScoredCells, auc_of, differences

KINDS_TRIED = (REGRESSION, GAM, PCUM, FOREST, BOOSTING)
"""The simplest first: a line, curves, curves with a small network, then trees, whose answers no figure shows whole."""
TABLE_COLUMNS = (
    *("kind", "chosen", "auc", "auc_low", "auc_high", "auc_stable", "auc_train"),
    *("behind", "behind_low", "behind_high", "seconds"),
)
OPTIMISM_NOTE = (
    "The AUC of the best of several kinds is slightly too good, since chance helped to choose it and the folds that "
    "chose it also test it."
)


@dataclass(frozen=True)
class KindResult:
    """One kind of model, out of fold."""

    kind: str
    metrics: Mapping[str, float | None]  # of :func:`~..validation.unseen_land.evaluate`
    behind: Estimate  # AUC of the best kind less that of this one, paired over resampled blocks
    seconds: float

    @property
    def told_apart(self) -> bool:
        """Whether the best kind is better than this one beyond chance: the interval of the difference is above 0."""
        return self.behind.has_interval and self.behind.low > 0


@dataclass(frozen=True)
class KindChoice:
    """The kinds that were tried, the simplest first, and the one that was kept."""

    results: Sequence[KindResult]
    best: str  # with the highest AUC
    chosen: str
    blocks: int  # independent blocks of land that hold the landslides of the comparison
    optimism: float | None  # by which the AUC of the best is too good; ``None`` where folds cannot tell

    @property
    def text(self) -> str:
        """What was chosen and why, in sentences."""
        best, chosen = self._of(self.best), self._of(self.chosen)
        names = [one.kind for one in self.results]
        text = f"Chosen among {join_names([TITLES[kind] for kind in names])}: {TITLES[self.chosen]}, "
        text += f"AUC {_three(chosen.metrics['auc'])} out of fold."
        if self.chosen != self.best:
            text += (
                f" The highest AUC, {_three(best.metrics['auc'])}, is that of {TITLES[self.best]}, but they cannot be "
                f"told apart (difference {_with_interval(chosen.behind)}), and {TITLES[self.chosen]} is simpler."
            )
        else:
            alike = [TITLES[one.kind] for one in self.results if one.kind != self.best and not one.told_apart]
            if alike:
                text += f" It cannot be told apart from {join_names(alike)}, and is simpler."
            elif len(names) > 1:
                text += " It is better than the others beyond chance."
        if self.blocks < MIN_BLOCKS:
            text += f" Only {self.blocks} independent blocks of land hold the landslides, too few for a test."
        return text

    @property
    def note(self) -> str:
        """What to keep in mind about the AUC."""
        if self.optimism is None:
            return OPTIMISM_NOTE
        lower = f"a mean AUC that is lower by {self.optimism:.3f}" if self.optimism >= 0.0005 else "the same mean AUC"
        return f"{OPTIMISM_NOTE} Choosing by all folds but one, and testing on that one, gives {lower}."

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of :data:`TABLE_COLUMNS` for record, table and model file."""
        return [
            {
                "kind": one.kind,
                "chosen": one.kind == self.chosen,
                **{name: one.metrics[name] for name in ("auc", "auc_low", "auc_high", "auc_stable", "auc_train")},
                "behind": one.behind.value,
                "behind_low": one.behind.low if one.behind.has_interval else None,
                "behind_high": one.behind.high if one.behind.has_interval else None,
                "seconds": round(one.seconds, 1),
            }
            for one in self.results
        ]

    def _of(self, kind: str) -> KindResult:
        return next(one for one in self.results if one.kind == kind)


def choose_kind(
    tests: Mapping[str, ScoredCells],
    metrics: Mapping[str, Mapping[str, float | None]],
    seconds: Mapping[str, float],
    fold_of: np.ndarray,
    areas: Sequence[AreaGrid],
    seed: int,
) -> KindChoice:
    """Return the simplest kind that cannot be told apart from the one with the highest AUC.

    Args:
        tests: the same cells, out of fold, scored by each kind.
        metrics: of each kind on these cells; all have an AUC.
        seconds: that each kind took.
        fold_of: fold of each of the cells.
        areas: of the training.
        seed: of the resamples.
    """
    kinds = [kind for kind in KINDS_TRIED if kind in tests]
    best = max(kinds, key=lambda kind: metrics[kind]["auc"] or 0.0)
    gains, blocks = differences([tests[kind] for kind in kinds], kinds.index(best), areas, seed)
    results = [KindResult(kind, metrics[kind], gain, seconds[kind]) for kind, gain in zip(kinds, gains)]
    chosen = next(one.kind for one in results if one.kind == best or not one.told_apart)
    return KindChoice(results, best, chosen, blocks, _optimism([tests[kind] for kind in kinds], fold_of, areas))


def _optimism(tests: Sequence[ScoredCells], fold_of: np.ndarray, areas: Sequence[AreaGrid]) -> float | None:
    """Return the mean AUC over the folds of the kind that is the best over all folds, less that of the kind that is the
    best over the other folds; ``None`` with fewer than two folds with an AUC.
    """
    table = np.array(
        [[auc_of(one, fold_of == fold, areas) for fold in np.unique(fold_of)] for one in tests], dtype=np.float64
    )
    table = table[:, np.isfinite(table).all(axis=0)]
    folds = table.shape[1]
    if folds < 2:
        return None
    without = (table.sum(axis=1, keepdims=True) - table).argmax(axis=0)
    nested = table[without, np.arange(folds)].mean()
    return float(max(table.mean(axis=1).max() - nested, 0.0))


def _three(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _with_interval(estimate: Estimate) -> str:
    ends = f", 95 % interval {estimate.low:.3f} to {estimate.high:.3f}".replace("-", "−")
    return f"{estimate.value:.3f}{ends if estimate.has_interval else ', no interval'}"
