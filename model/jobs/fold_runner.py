"""Running the folds of a cross validation: here one after the other, in several processes, or on a cluster."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Protocol

from ..cluster.shared_storage import await_visible, share_object
from ..cluster.tasks import Cluster
from ..errors import WorkerFailed
from ..memory import available_memory
from ..progress import Progress, SubProgress

RunJobs = Callable[[str, list[dict[str, Any]], list[str], int, float, float], "list[Any] | None"]
"""Calls a job with each of some arguments in processes of their own, see ``cross_validate``."""


FOLD_BYTES = 1.5e9  # memory of a process that fits a model of single cells, with its libraries
_MEMORY_SHARE = 0.8  # of the free memory that the processes may take


def processes_that_fit(needed: float = FOLD_BYTES) -> int:
    """Return how many processes of so many bytes may run at once: one a core, as far as memory allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = available_memory()
    return max(1, min(cores, 2 if memory is None else int(_MEMORY_SHARE * memory / needed)))


class Study(Protocol):
    """What all folds share; its fields can be sent to another process."""

    @property
    def split(self) -> str:
        """How land is held out, in a word."""

    @property
    def count(self) -> int:
        """Number of folds."""

    @property
    def folder(self) -> str:
        """Where the maps of the folds go."""

    def title(self, fold: int) -> str:
        """Return a fold in words."""

    def map(self, fold: int) -> Path:
        """Return where the map of a fold goes."""


@dataclass(frozen=True)
class FoldJob:
    """The job of a fold. It takes the fields of the study and the number of the fold, and writes the map."""

    name: str
    function: Callable[..., Any]
    remotely: Callable[..., Any]  # the same on a worker of a cluster, with the study as a shared object


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
        jobs = [(place, fold) for fold in range(study.count)]
        with contextlib.closing(cluster.run(self.job.remotely, jobs, progress)) as done:
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
