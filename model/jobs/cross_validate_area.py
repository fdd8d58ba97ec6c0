"""One area of a leave-one-area-out validation: a model trained on all other areas, and its map of the area."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classical.fit import fit_cell_model
from ..cluster.shared_storage import SharedObject, open_shared
from ..cluster.tasks import cached
from ..history.writing import TrainingLog
from ..progress import NullProgress, Progress, SubProgress
from ..stack import open_stack
from ..threads import limited_to
from ..training.areas import AreaFiles, open_areas
from ..training.fit import FittedNetwork
from ..training.settings import CROSS_FITTED, STABILITY, TrainingSettings
from ..validation import out_of_fold as oof
from ..windows.area_cells import sample_areas
from ..windows.split import Blocks, DividedLand, TrainingRasters
from . import train_pcum as shared
from .cross_fitted import train_by_cross_fitting
from .cross_validate_fold import WhileFolderExists


@dataclass(frozen=True)
class AreaStudy:
    """What the trainings without one area each share; its fields can be sent to another process."""

    kind: str
    settings: TrainingSettings
    areas: list[list[str | None]]  # name, stack, labels and safety factor of each
    factors: list[str]  # that all of them have, and models use
    output: str  # of the job, named in the histories
    folder: str  # where the maps of the areas go
    split: str = "area"

    @property
    def count(self) -> int:
        """Number of areas."""
        return len(self.areas)

    def files(self, area: int) -> AreaFiles:
        """Return the files of an area."""
        name, stack, labels, safety_factor = self.areas[area]
        return AreaFiles(name or "", stack or "", labels or "", safety_factor)

    def title(self, fold: int) -> str:
        """Return an area in words."""
        return f"{fold + 1} of {self.count}, without {self.areas[fold][0]}"

    def map(self, fold: int) -> Path:
        """Return where the map of an area goes."""
        return Path(self.folder) / f"{self.split}{fold + 1}.tif"


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
        contextlib.nullcontext() if threads is None else limited_to(threads),
        open_areas(rest, NullProgress(), work.factors) as areas,
        shared.start_training_log(work.kind, work.output, settings, progress, part=f"fold {work.title(fold)}") as log,
    ):
        names, part = [area.name for area in rest], SubProgress(progress, 0.0, 0.85)
        # With PHYSICS=stability the area is the land whose map is wanted; its labels are not read.
        target = (left_out.stack, left_out.safety_factor) if settings.physics == STABILITY else None
        fitted = _fit(work.kind, settings, areas, names, part, log, target)
        log.finish(fitted.ended, fitted.metrics)
        grid = areas[0].grid
    with limited_to(threads) if threads is not None else contextlib.nullcontext(), open_stack(left_out.stack) as stack:
        model = shared.trained_model(work.kind, fitted, settings, grid, {})
        model.to(settings.device)
        whole = Blocks.of_cells(stack.grid, *stack.grid.shape)
        land = DividedLand(whole, np.zeros(whole.shape, dtype=np.uint8))
        oof.predict_fold(stack, model, land, 0, work.map(fold), SubProgress(progress, 0.85, 1.0))
    return None


def cross_validate_area_remotely(study: SharedObject, fold: int) -> list[int] | None:
    """Do the same on a worker of a cluster; it stops when the folder of the maps is gone, because the run is over."""
    fields = cached(open_shared, study)
    return cross_validate_area(fields, fold, progress=WhileFolderExists(Path(fields["folder"])))


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
    return fit_cell_model(kind, cells, areas[0].factors, settings, SubProgress(progress, 0.3, 1.0))
