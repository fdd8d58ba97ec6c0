"""Sampled cells and windows whose embeddings are reduced to principal components, fitted on the training land in them.

Land that is held out for test has no part in the components. The folds of a cross-fitting have them in common, as they
have the means and deviations of all factors: no label is used for either. In a cross validation each fold has its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..components import ComponentStack, Reduction, describe_components, embedding_bands, fit_components
from ..factors.definitions import EMBEDDINGS
from ..factors.embeddings import question_of_year
from ..labels import UNKNOWN
from ..progress import Progress
from ..stack import embedding_facts
from ..windows.cells import CellSet
from ..windows.collection import WindowSet
from ..windows.folded_cells import FoldedCells
from ..windows.split import TRAIN, VALIDATION, TrainingRasters
from .fine_tuning import StartModel
from .settings import TrainingSettings

_STEP = 7  # one of so many cells of the windows is looked at


def reduce_folded(
    cells: FoldedCells,
    areas: Sequence[TrainingRasters],
    settings: TrainingSettings,
    progress: Progress,
    start: StartModel | None = None,
) -> tuple[FoldedCells, list[TrainingRasters]]:
    """Return cells of all land, and areas that read the same, with components in place of the bands of embeddings.

    The components are those of ``start`` where it has some. Without embeddings all stays as it is. Raises as
    :func:`~..components.fit_components`.
    """
    known = np.flatnonzero(cells.labels != UNKNOWN)
    found = _reduction(areas[0].factors, cells.values, known, cells.counts, settings, progress, start)
    if found is None:
        return cells, list(areas)
    stacks = [ComponentStack(rasters.stack, found.components) for rasters in areas]
    read = [dataclasses.replace(rasters, stack=stack) for rasters, stack in zip(areas, stacks)]
    return dataclasses.replace(cells, values=found.apply(cells.values, 1)), read


def reduce_cells(
    cells: CellSet, factors: Sequence[Any], settings: TrainingSettings, progress: Progress
) -> tuple[CellSet, list[Any]]:
    """Do the same with cells in three subsets, by those for training and validation; return them and their factors."""
    rows = cells.rows(TRAIN, VALIDATION)
    found = _reduction(factors, cells.values, rows, cells.weights(), settings, progress)
    if found is None:
        return cells, list(factors)
    result = dataclasses.replace(cells, values=found.apply(cells.values, 1))
    if cells.ring is not None:
        result.ring = dataclasses.replace(cells.ring, values=found.apply(cells.ring.values, 1))
    return result, found.factors


def reduce_windows(
    windows: WindowSet,
    factors: Sequence[Any],
    settings: TrainingSettings,
    progress: Progress,
    start: StartModel | None = None,
) -> tuple[WindowSet, list[Any]]:
    """Do the same with windows, by the cells of those for training."""
    bands = embedding_bands(factors)
    if not bands:
        return windows, list(factors)
    batches: Iterable[np.ndarray] = windows.training_cells()
    # One of several neighbours tells enough, and windows overlap.
    values = np.concatenate([cells[:, ::_STEP] for cells in batches], axis=1).T
    found = _reduction(factors, values, np.arange(len(values)), np.ones(len(values)), settings, progress, start)
    if found is None:
        return windows, list(factors)
    reduced = np.stack([found.apply(one) for one in windows.factors])
    return dataclasses.replace(windows, factors=reduced), found.factors


def warn_of_scars(areas: Sequence[TrainingRasters], progress: Progress, tested_from: int | None = None) -> None:
    """Ask whether the embeddings of stacks show the landslides already, unless they are known to be older.

    ``tested_from`` is the year of the first landslides of a test on later ones; only they matter to it.
    """
    for rasters in areas:
        if any(factor.group == EMBEDDINGS for factor in rasters.factors):
            facts = embedding_facts(rasters.stack.dataset)
            question = question_of_year(facts.get("year"), tested_from or facts.get("landslides"))
            if question:
                progress.warn(question)


def _reduction(
    factors: Sequence[Any],
    values: np.ndarray,
    rows: np.ndarray,
    counts: np.ndarray,
    settings: TrainingSettings,
    progress: Progress,
    start: StartModel | None = None,
) -> Reduction | None:
    """Return how some cells are reduced; ``None`` if they have no embeddings, or the model to fine-tune reads none."""
    bands = embedding_bands(factors)
    if start is not None:
        given = [spec.component for spec in start.factors if spec.component is not None]
        return Reduction(factors, given) if given else None
    if not bands:
        return None
    names = [factors[place].name for place in bands]
    own = values[rows][:, bands]
    components = fit_components(own, names, counts[rows], settings.embedding_components)
    progress.report(0.0, describe_components(components, len(rows)))
    return Reduction(factors, components)
