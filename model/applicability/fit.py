"""The applicability index of a model from the cells and the folds of its training."""

from __future__ import annotations

import numpy as np

from ..encoding import Encoding
from ..labels import LANDSLIDE
from ..progress import Progress, SubProgress
from ..threads import limited_to
from ..training.additive_fit import read_curves
from ..training.cross_fitted import CrossFitted
from ..windows.folded_cells import FoldedCells
from ..windows.split import TEST
from .held_out import held_out_sets
from .index import ApplicabilityIndex
from .profile_fit import fit_profile
from .prototypes import Prototypes, fit_prototypes, upper_whisker
from .space import factor_space

DENSITY_CELLS = 4000  # training cells whose local point density is computed


def fit_index(
    result: CrossFitted, cells: FoldedCells, encoding: str, width: int, seed: int, progress: Progress
) -> ApplicabilityIndex | None:
    """Return the index of a cross-fitted model; ``None`` if no factor matters to it, or no fold holds a training cell.

    ``cells`` are those of the training, ``encoding`` is that of the model's classes, ``width`` that of the grid. The
    model itself does not change.
    """
    fitted, problem = result.fitted, result.problem
    with limited_to(1):
        space = factor_space(fitted.network, Encoding(fitted.factors, encoding), cells.values, cells.counts, seed)
        coordinates = space.coordinates(cells.values)
        learned, folds = problem.train[-1], np.full(len(cells.labels), -1, dtype=np.int64)
        for fold, roles in enumerate(cells.roles):
            folds[roles == TEST] = fold
        own, own_folds = coordinates[learned], folds[learned]
        if not space.weights.any() or len(np.unique(own_folds[own_folds >= 0])) < 2:
            return None
        prototypes = fit_prototypes(own, own_folds, seed)
        by_folds = prototypes.dissimilarity_by_folds(own, own_folds)
        threshold = upper_whisker(by_folds[np.isfinite(by_folds)])
        progress.report(0.2)
        penalties = max(result.choice.penalties, key=lambda row: row[2])
        sets = held_out_sets(
            cells,
            problem,
            result.out_of_fold,
            read_curves(fitted.network.curves)[0],
            (penalties[0], penalties[1]),
            coordinates,
            prototypes,
            width,
            seed,
            SubProgress(progress, 0.2, 0.95),
        )
        # Cells of the ring are mapped land as stable ones are.
        land = np.isfinite(result.on_training) & (cells.labels != LANDSLIDE)
        profile = fit_profile(sets, result.on_training[land], cells.counts[land])
        density = _mean_density(prototypes, own, own_folds, threshold, seed)
    progress.report(1.0)
    return ApplicabilityIndex(
        importances=space.weights.astype(np.float32),
        scales=space.scales.astype(np.float32),
        centre=prototypes.centre.astype(np.float32),
        axes=prototypes.axes.astype(np.float32),
        prototypes=prototypes.points.astype(np.float32),
        cells=prototypes.cells.astype(np.int32),
        mean_distance=prototypes.mean_distance,
        threshold=threshold,
        bound=prototypes.bound,
        density=density,
        training_cells=len(own),
        profile=profile,
    )


def _mean_density(
    prototypes: Prototypes, coordinates: np.ndarray, folds: np.ndarray, threshold: float, seed: int
) -> float:
    rows = np.flatnonzero(folds >= 0)
    if len(rows) > DENSITY_CELLS:
        rows = np.random.default_rng([seed, 64]).choice(rows, DENSITY_CELLS, replace=False)
    near = prototypes.squared_distances(coordinates[rows]) <= threshold**2
    near &= prototypes.folds[None] != folds[rows, None]
    return float((near @ prototypes.cells).mean())
