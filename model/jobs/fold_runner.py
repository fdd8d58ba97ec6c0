"""Running the folds of a cross validation: here one after the other, in several processes, or on a cluster."""

from __future__ import annotations

import contextlib
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..artifact import TrainedModel
from ..cluster.shared_storage import SharedObject, await_visible, open_shared, share_object
from ..cluster.tasks import Cluster, cached
from ..errors import WorkerFailed
from ..history.writing import TrainingLog
from ..memory import available_memory
from ..progress import NullProgress, Progress, SubProgress
from ..stack import Stack
from ..training.settings import TrainingSettings
from ..validation.out_of_fold import predict_fold
from ..windows.split import DividedLand
from . import train_pcum as shared

RunJobs = Callable[[str, list[dict[str, Any]], list[str], int, float, float], "list[Any] | None"]
"""Calls a job with each of some arguments in processes of their own, see ``cross_validate``."""


FOLD_BYTES = 1.5e9  # memory of a process that fits a model of single cells, with its libraries
_MEMORY_SHARE = 0.8  # of the free memory that the processes may take


def processes_that_fit(needed: float = FOLD_BYTES) -> int:
    """Return how many processes of so many bytes may run at once: one a core, as far as memory allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = available_memory()
    return max(1, min(cores, 2 if memory is None else int(_MEMORY_SHARE * memory / needed)))


@dataclass(frozen=True)
class Study:
    """What all folds share and none changes; its fields can be sent to another process."""

    kind: str
    settings: TrainingSettings
    output: str  # of the job, named in the histories
    folder: str  # where the maps of the folds go
    split: str  # how land is held out, in a word
    count: int  # folds

    def title(self, fold: int) -> str:
        """Return a fold in words."""
        return f"{fold + 1} of {self.count}"

    def map(self, fold: int) -> Path:
        """Return where the map of a fold goes."""
        return Path(self.folder) / f"{self.split}{fold + 1}.tif"

    def training_log(self, fold: int, progress: Progress) -> AbstractContextManager[TrainingLog]:
        """Begin the history of the training of a fold."""
        part = f"fold {self.title(fold)}"
        return shared.start_training_log(self.kind, self.output, self.settings, progress, part=part)

    def predict(
        self, fold: int, model: TrainedModel, stack: Stack, land: DividedLand, group: int, progress: Progress
    ) -> None:
        """Write the map of a fold, which is a group of divided land, with the model that was trained without it."""
        model.to(self.settings.device)
        predict_fold(stack, model, land, group, self.map(fold), progress)


class WhileFolderExists(NullProgress):
    """Cancels the work on another machine once a folder is gone."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def cancelled(self) -> bool:
        """Return whether the folder is gone."""
        return not self._folder.exists()


@dataclass(frozen=True)
class FoldJob:
    """The job of a fold. It takes the fields of the study and the number of the fold, and writes the map."""

    name: str
    function: Callable[..., Any]


def run_remotely(function: Callable[..., Any], study: SharedObject, fold: int) -> Any:
    """Run the job of a fold on a worker of a cluster; it stops when the folder of the maps is gone, because the run is
    over.
    """
    fields = cached(open_shared, study)
    return function(fields, fold, progress=WhileFolderExists(Path(fields["folder"])))


@dataclass(frozen=True)
class FoldRunner:
    """How the folds of a study are computed."""

    job: FoldJob
    processes: int
    run_jobs: RunJobs | None
    cluster: Cluster | None
    progress: Progress

    def run(self, study: Study, start: float, end: float) -> list[list[int] | None]:
        """Run all folds; ``start`` and ``end`` are shares of the progress. Returns what the job of each fold returns.

        Raises errors as the job does, and ``WorkerFailed`` if the map of a worker cannot be read from here.
        """
        count, progress = study.count, SubProgress(self.progress, start, end)
        titles = [f"Fold {study.title(fold)}" for fold in range(count)]
        if self.cluster is not None:
            return self._run_remotely(self.cluster, study, progress)
        processes = min(self.processes, count)
        if processes > 1 and self.run_jobs is not None:
            progress.report(0.0, f"{study.split.capitalize()} split: {count} folds in {processes} processes.")
            calls = [{"study": vars(study), "fold": fold} for fold in range(count)]
            found = self.run_jobs(self.job.name, calls, titles, processes, start, end)
            if found is not None:
                return found
        results = []
        # Forests are large, and one model at a time is enough.
        for fold, title in enumerate(titles):
            progress.report(fold / count, f"{title}.")
            part = SubProgress(progress, fold / count, (fold + 1) / count)
            results.append(self.job.function(vars(study), fold, progress=part))
        return results

    def _run_remotely(self, cluster: Cluster, study: Study, progress: Progress) -> list[list[int] | None]:
        progress.report(0.0, f"{study.split.capitalize()} split: {study.count} folds on the cluster.")
        place = share_object(vars(study), Path(study.folder) / f"{study.split}.study")
        results: list[list[int] | None] = [None] * study.count
        jobs = [(self.job.function, place, fold) for fold in range(study.count)]
        with contextlib.closing(cluster.run(run_remotely, jobs, progress)) as done:
            for fold, found in done:
                results[fold] = found
                progress.report((fold + 1) / study.count, f"Fold {study.title(fold)} is done.")
        for fold in range(study.count):
            if not await_visible(study.folder, study.map(fold).is_file):
                raise WorkerFailed(
                    f"A worker wrote the map of a fold to {study.map(fold)}, but it cannot be read from here. Is the "
                    "folder of the output on storage that all machines share?"
                )
        return results
