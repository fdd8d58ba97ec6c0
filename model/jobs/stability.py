"""PHYSICS=stability in a training: its factor of safety, its land without labels, and what chooses their weight."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..progress import Progress, SubProgress
from ..safety.kinds import require_factor_of_safety
from ..safety.usual_soil import usual_factor_of_safety
from ..training.settings import TrainingSettings
from ..training.target import collect_target
from ..windows.folded_cells import FoldedCells
from ..windows.land_regions import LeftOut, left_out_areas, left_out_regions
from ..windows.split import Folds, TrainingRasters
from ..windows.unlabelled_cells import UnlabelledCells, cell_widths, collect_unlabelled
from .physics import require_known


def with_stability(
    areas: Sequence[TrainingRasters],
    cells: FoldedCells,
    settings: TrainingSettings,
    target: tuple[Any, Any] | None,
    held_out: tuple[Folds, int] | None,
    progress: Progress,
) -> tuple[FoldedCells, UnlabelledCells | None, list[LeftOut]]:
    """Return the cells with their factor of safety, cells without labels, and parts of the land to leave out.

    Args:
        areas: of the training; their cells have one set of factors.
        target: paths of TARGET and TARGET_SAFETY_FACTOR; without it land of the training's own areas has no labels.
        held_out: of a cross validation, folds and the fold; a region is the target.

    Raises:
        ParameterInvalid: SAFETY_FACTOR is no factor of safety, or there is neither that nor a slope.
        ScarpError: as :func:`~..training.target.collect_target`.
    """
    names, seed = [factor.name for factor in areas[0].factors], settings.seed
    cells = dataclasses.replace(cells, safety=_safety_of(areas, cells, names, progress))
    part = SubProgress(progress, 0.1, 1.0)
    unlabelled: UnlabelledCells | None = None
    if target is not None:
        unlabelled = _target(areas, cells, target, seed, part)
    else:
        size = areas[0].grid.cell_size()
        found = [collect_unlabelled(one, place, cells, seed, part, held_out) for place, one in enumerate(areas)]
        for rasters, own in zip(areas, found):
            if own is not None:
                own.counts *= (rasters.grid.cell_size() / size) ** 2
        some = [own for own in found if own is not None]
        unlabelled = some[0] if len(some) == 1 else UnlabelledCells.joined(some) if some else None
    if unlabelled is None:
        progress.warn(
            "PHYSICS=stability has no effect: there is no land without labels. Give the factor stack of the land whose "
            "map is wanted as TARGET, or choose PHYSICS=none."
        )
        return cells, None, []
    for area in np.unique(unlabelled.areas):
        mine = unlabelled.areas == area
        if not np.isfinite(unlabelled.safety[mine]).any():
            found_safety, _ = usual_factor_of_safety(unlabelled.values[mine], names, unlabelled.width[mine])
            unlabelled.safety[mine] = found_safety
    left_out: list[LeftOut] = []
    if settings.lambda_ is None and len(areas) > 1:
        left_out = left_out_areas(cells)
    elif settings.lambda_ is None and not unlabelled.is_target:
        left_out = left_out_regions(cells, areas[0].grid)
    what = "of TARGET" if target is not None else "of the region that is held out"
    what = what if unlabelled.is_target else "without labels"
    text = f"{len(unlabelled):,} cells {what} stand for {unlabelled.counts.sum():,.0f}. Their labels are not used"
    progress.report(1.0, f"{text}; they learn from a rule of slope stability.")
    return cells, unlabelled, left_out


def _safety_of(
    areas: Sequence[TrainingRasters], cells: FoldedCells, names: Sequence[str], progress: Progress
) -> np.ndarray:
    """Return the factor of safety of cells, given or computed in each area, float32 (cells,)."""
    result = np.full(len(cells.labels), np.nan, dtype=np.float32)
    for area, rasters in enumerate(areas):
        mine = cells.areas == area
        if rasters.safety is not None and cells.safety is not None:
            result[mine] = cells.safety[mine]
            require_known(result[mine], "cell")
            highest = float(np.nanmax(result[mine]))
            require_factor_of_safety("SAFETY_FACTOR", rasters.safety.descriptions[0], highest)
            continue
        width = cell_widths(rasters.grid, cells.places[mine])
        result[mine], source = usual_factor_of_safety(cells.values[mine], names, width)
        progress.report(0.0, f"SAFETY_FACTOR is empty; the factor of safety is computed from {source}.")
    return result


def _target(
    areas: Sequence[TrainingRasters], cells: FoldedCells, target: tuple[Any, Any], seed: int, progress: Progress
) -> UnlabelledCells:
    path, safety_factor = target
    grid = areas[0].grid
    found = collect_target(path, safety_factor, areas[0].factors, grid.cell_size(), cells, seed, progress)
    if safety_factor is not None:
        require_known(found.safety, "cell of TARGET")
        require_factor_of_safety("TARGET_SAFETY_FACTOR", None, float(np.nanmax(found.safety)))
    elif any(one.safety is not None for one in areas):
        progress.warn(
            "TARGET_SAFETY_FACTOR is empty, so the factor of safety of TARGET is computed with the usual soil, "
            "unlike that of SAFETY_FACTOR. Only its order within each area counts; better give both, or neither."
        )
    return found
