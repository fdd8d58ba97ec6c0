"""Which factors say the same, so that they share their importance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Sequence

import numpy as np
from scipy.stats import rankdata

from ..checks.association import cramers_v
from .sample import Cells
from .subject import Subject

LIMIT = 0.5
"""Association from which two factors are said to share their importance; from 0.7 on they are hard to tell apart."""

STEPS = 10
"""Classes of equal size into which a continuous factor is cut beside a categorical one."""

_MOST_CELLS = 100_000


@dataclass(frozen=True)
class Relation:
    """Two factors that go together."""

    first: int
    second: int
    value: float
    """Spearman's rank correlation of two continuous factors, otherwise Cramér's V."""
    measure: str
    """``Spearman`` or ``Cramér``."""


def relations(subject: Subject, cells: Cells) -> list[Relation]:
    """Return the pairs of factors with an association of :data:`LIMIT` or more, the strongest first.

    Cells are taken as they were drawn, unweighted. Continuous factors are compared by rank (Spearman 1904), classes
    with classes, or with a continuous factor cut into ten classes, by Cramér's V (1946).
    """
    step = -(-cells.values.shape[1] // _MOST_CELLS)
    values = cells.values[:, ::step]
    categorical = [spec.is_categorical for spec in subject.specs]
    ranks = [None if one else rankdata(plane) for one, plane in zip(categorical, values)]
    classes = [np.unique(plane, return_inverse=True)[1] if one else _cut(plane)
               for one, plane in zip(categorical, values)]
    found = []
    for first in range(len(values)):
        for second in range(first + 1, len(values)):
            if not categorical[first] and not categorical[second]:
                value, measure = _spearman(ranks[first], ranks[second]), "Spearman"
            else:
                value, measure = cramers_v(_table(classes[first], classes[second])), "Cramér"
            if math.isfinite(value) and abs(value) >= LIMIT:
                found.append(Relation(first, second, float(value), measure))
    return sorted(found, key=lambda one: -abs(one.value))


def groups(found: Sequence[Relation], factors: int) -> list[tuple[int, ...]]:
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


def _cut(plane: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(plane, np.linspace(0, 1, STEPS + 1)[1:-1]))
    return np.searchsorted(edges, plane, side="right")


def _table(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    columns = int(second.max()) + 1
    joint = first.astype(np.int64) * columns + second
    return np.bincount(joint, minlength=(int(first.max()) + 1) * columns).reshape(-1, columns)
