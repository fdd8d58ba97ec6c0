"""One area of a leave-one-area-out validation: a model trained on all other areas, and its map of the area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classical.fit import fit_cell_model
from ..history.writing import TrainingLog
from ..progress import NullProgress, Progress, SubProgress
from ..stack import open_stack
from ..threads import limited_to
from ..training.areas import AreaFiles, open_areas
from ..training.fit import FittedNetwork
from ..training.reduced import reduce_cells
from ..training.settings import CROSS_FITTED, STABILITY, TrainingSettings
from ..windows.area_cells import sample_areas
from ..windows.split import Blocks, DividedLand, TrainingRasters
from . import train_pcum as shared
from .cross_fitted import train_by_cross_fitting
from .fold_runner import Study


@dataclass(frozen=True)
class AreaStudy(Study):
    """What the trainings without one area each share; there are as many folds as areas."""

    areas: list[list[str | None]]  # name, stack, labels and safety factor of each
    factors: list[str]  # that all of them have, and models use

    def files(self, area: int) -> AreaFiles:
        """Return the files of an area."""
        name, stack, labels, safety_factor = self.areas[area]
        return AreaFiles(name or "", stack or "", labels or "", safety_factor)

    def title(self, fold: int) -> str:
        """Return an area in words."""
        return f"{super().title(fold)}, without {self.areas[fold][0]}"


def cross_validate_area(
    study: Mapping[str, Any], fold: int, *, threads: int | None = 1, progress: Progress
) -> list[int] | None:
    """Train on all areas but one and predict that one; see :func:`.cross_validate_fold.cross_validate_fold`.

    Args:
        study: the fields of :class:`AreaStudy`.
        fold: number of the area, from 0.
        threads: ``None`` for those of any training.

    Returns nothing: no kind of model that learns from cells has epochs.
    """
    work = AreaStudy(**study)
    settings, left_out = work.settings, work.files(fold)
    rest = [work.files(area) for area in range(work.count) if area != fold]
    # What is odd about the inputs was said when the study began.
    with (
        limited_to(threads),
        open_areas(rest, NullProgress(), work.factors) as areas,
        work.training_log(fold, progress) as log,
    ):
        names, part = [area.name for area in rest], SubProgress(progress, 0.0, 0.85)
        # With PHYSICS=stability the area is the land whose map is wanted; its labels are not read.
        target = (left_out.stack, left_out.safety_factor) if settings.physics == STABILITY else None
        fitted = _fit(work.kind, settings, areas, names, part, log, target)
        log.finish(fitted.ended, fitted.metrics)
        grid = areas[0].grid
    with limited_to(threads), open_stack(left_out.stack) as stack:
        model = shared.trained_model(work.kind, fitted, settings, grid, {})
        whole = Blocks.of_cells(stack.grid, *stack.grid.shape)
        land = DividedLand(whole, np.zeros(whole.shape, dtype=np.uint8))
        work.predict(fold, model, stack, land, 0, SubProgress(progress, 0.85, 1.0))
    return None


def _fit(
    kind: str,
    settings: TrainingSettings,
    areas: Sequence[TrainingRasters],
    names: Sequence[str],
    progress: Progress,
    log: TrainingLog,
    target: tuple[Any, Any] | None,
) -> FittedNetwork:
    """Train on areas. All that is chosen is chosen there."""
    if settings.method == CROSS_FITTED:
        return train_by_cross_fitting(areas, settings, progress, log=log, names=names, target=target).result.fitted
    part = SubProgress(progress, 0.0, 0.3)
    cells = sample_areas(areas, settings.block_side, settings.buffer, settings.seed, part)
    cells, factors = reduce_cells(cells, areas[0].factors, settings, SubProgress(progress, 0.3, 0.3))
    return fit_cell_model(kind, cells, factors, settings, SubProgress(progress, 0.3, 1.0))
