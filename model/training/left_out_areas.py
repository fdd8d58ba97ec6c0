"""An interval of the landslide density, from areas that are left out whole, one after the other.

The folds of a training lie among each other, so that the land around a block that they hold out was seen. A valley that
nobody mapped is another matter: there the density of landslides may be several times that of the model. So the curves
are fitted without one area after the other, areas as large and coherent as the landslides allow, and the density of
each class of susceptibility is compared with what that model expected.

The quantile of these scores is that of conformal prediction for groups (Dunn, Wasserman and Ramdas 2023; Lee, Barber
and Willett 2023), as all areas together count as the calibration: if the areas are exchangeable with a new one, its
density lies within the interval with the stated coverage. The counting noise of the landslides is part of the scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..labels import LANDSLIDE, STABLE
from ..progress import Progress, stop_if_cancelled
from ..threads import limited_to
from ..uncertainty import DensityInterval
from ..windows.folded_cells import FEW_LANDSLIDES, FoldedCells
from . import additive_fit
from .additive_fit import Additive
from .fold_problem import FoldProblem

COVERAGE = 0.9
AREAS, FEW_AREAS, MANY_LANDSLIDES = 20, 10, 200  # with fewer landslides an area would hold too few to compare
BREAKS = (-math.log(2.0), math.log(2.0))  # log odds between low, medium and high susceptibility
_SMOOTHING = 0.5  # landslides added to both counts: none of a few is no proof of none


def fit_interval(
    problem: FoldProblem,
    cells: FoldedCells,
    widths: Sequence[int],
    whole: Additive,
    penalties: tuple[float, float],
    progress: Progress,
) -> DensityInterval | None:
    """Return the interval of a training; ``None`` with fewer than :data:`FEW_LANDSLIDES` landslides.

    ``widths`` are those of the grids of the study areas, in columns; ``whole`` is the additive part of all land, from
    which the fits start; ``penalties`` are those of the curves and of linear terms and classes.
    """
    if cells.landslides < FEW_LANDSLIDES:
        progress.report(1.0, f"No interval: an interval needs {FEW_LANDSLIDES} landslides.")
        return None
    areas = divide_land(cells, widths, AREAS if cells.landslides >= MANY_LANDSLIDES else FEW_AREAS)
    number = int(areas.max()) + 1
    scores = []
    with limited_to(1):
        for area in range(number):
            logit = _logit_without(problem, areas == area, whole, penalties, progress)
            scores.append(area_scores(logit, cells, areas == area))
            progress.report((area + 1) / number)
    half_width = group_quantile(scores, COVERAGE)
    if not math.isfinite(half_width):
        return None
    interval = DensityInterval(COVERAGE, half_width, number, cells.landslides / number)
    progress.report(
        1.0,
        f"Without one of {number} areas at a time, of {interval.landslides:.0f} landslides each, the landslide density "
        f"there of low, medium and high susceptibility lies within a factor of {math.exp(half_width):.1f} of what the "
        f"curves expect; this holds {100 * COVERAGE:.0f} % of them, and is the interval of OUTPUT_UNCERTAINTY.",
    )
    return interval


def divide_land(cells: FoldedCells, widths: Sequence[int], number: int) -> np.ndarray:
    """Return the area to leave out of each cell; none of about ``number`` areas reaches over two study areas, and each
    study area has one at least.
    """
    result, count = np.zeros(len(cells.labels), dtype=np.int64), 0
    for study, width in enumerate(widths):
        some = np.flatnonzero(cells.areas == study)
        if not len(some):
            continue
        own = max(1, round(number * float(cells.shares[some].sum()) / max(cells.landslides, 1e-9)))
        positions = np.stack(np.divmod(cells.places[some], width), axis=1)
        result[some] = count + divide(positions, cells.shares[some], own)
        count += own
    return result


def divide(positions: np.ndarray, shares: np.ndarray, number: int) -> np.ndarray:
    """Divide cells into coherent areas with the same number of landslides, by halves across the longer side.

    ``positions`` are rows and columns (cells, 2); ``shares`` landslides of each cell. Returns the area of each cell.
    """
    result = np.zeros(len(positions), dtype=np.int64)

    def split(some: np.ndarray, count: int, first: int) -> None:
        result[some] = first
        if count == 1:
            return
        side = int(np.argmax(np.ptp(positions[some], axis=0)))
        ordered = some[np.argsort(positions[some, side], kind="stable")]
        total = np.cumsum(shares[ordered])
        half = count // 2
        cut = int(np.searchsorted(total, total[-1] * half / count, side="right"))
        split(ordered[:cut], half, first)
        split(ordered[cut:], count - half, first + half)

    split(np.arange(len(positions)), number, 0)
    return result


def area_scores(logit: np.ndarray, cells: FoldedCells, area: np.ndarray) -> np.ndarray:
    """Return how far the landslides of an area are from what a model expects there, in log odds, for each class of
    susceptibility that the area has.

    ``logit`` is that of a model without the area; ``area`` says which cells lie in it, bool (cells,).
    """
    stable, slide = cells.labels == STABLE, cells.labels == LANDSLIDE
    # The odds of a model with balanced classes are densities relative to that of its own land.
    density = cells.shares[slide & ~area].sum() / max(cells.counts[stable & ~area].sum(), 1.0)
    classes, found = np.digitize(logit, BREAKS), []
    for number in range(len(BREAKS) + 1):
        some = area & (classes == number)
        observed = cells.shares[some & slide].sum()
        expected = density * float(cells.counts[some & stable] @ np.exp(logit[some & stable]))
        if observed or expected:
            found.append(abs(math.log((observed + _SMOOTHING) / (expected + _SMOOTHING))))
    return np.array(found)


def group_quantile(scores: list[np.ndarray], coverage: float) -> float:
    """Return the conformal quantile of scores in groups, each group weighing the same; infinite with too few groups."""
    every = np.concatenate(scores)
    weight = np.concatenate([np.full(len(group), 1 / max(len(group), 1)) for group in scores]) / (len(scores) + 1)
    order = np.argsort(every)
    reached = np.flatnonzero(np.cumsum(weight[order]) >= coverage - 1e-9)
    return float(every[order[reached[0]]]) if len(reached) else math.inf


def _logit_without(
    problem: FoldProblem, area: np.ndarray, whole: Additive, penalties: tuple[float, float], progress: Progress
) -> np.ndarray:
    """Return the logits of all cells by curves that are fitted without the cells of an area."""
    if penalties[0] >= additive_fit.UNCHANGED:
        return problem.logits([whole])[0]
    columns, labels, weights, offset = problem.restricted(~area).training_data(problem.folds)
    matrix = additive_fit.penalty(problem.image.shape[1], len(problem.knots), *penalties, problem.knots.shape[1])
    data, check = (columns, labels, weights, matrix), lambda: stop_if_cancelled(progress)
    return problem.logits([additive_fit.fit(*data, check, whole, problem.centre, offset, problem.bounds)])[0]
