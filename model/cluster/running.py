"""Running jobs on the workers of a cluster: few at a time, again when a worker dies, never more than are wanted."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import time
import uuid
from typing import Any, Callable, Iterator, Sequence

from ..errors import ClusterUnreachable, WorkerFailed
from ..progress import Progress, stop_if_cancelled
from .worker import Failure, attempt

AHEAD = 3
"""Jobs with the cluster for each thread: one runs, the others are there when it is done. Far fewer than there are jobs,
for the scheduler slows down with hundreds of thousands."""

WINDOW = 2
"""Times as many jobs may be begun beyond the first that is not done, where results are wanted in order."""

POLL = 0.25
"""Seconds between two looks at whether the user asked to stop."""

RECOUNT = 5.0
"""Seconds between two counts of the workers: some may have come or gone."""

RETRIES = 2
"""Times that a job which fails without a reason that Scarp knows (a hiccup of the storage, say) is tried again."""

PATIENCE = 600.0
"""Seconds to wait for a worker when all are gone."""

AGAIN = "No output was written. Check that the scheduler runs, then run this step again."


class Cluster:
    """The workers of a scheduler; made by ``connect``."""

    def __init__(self, client: Any, name: str) -> None:
        """Take a ``distributed.Client`` and a name that no other run has."""
        self._client = client
        self.name = name

    def run(self, function: Callable[..., Any], jobs: Sequence[Sequence[Any]], progress: Progress,
            ordered: bool = False) -> Iterator[tuple[int, Any]]:
        """Call a function for each job on the workers, and give number and result of each that is done.

        A job whose worker dies is done again by another. Close the iterator (``contextlib.closing``) when you leave
        it early; it then takes back what has not run.

        Args:
            function: of a module that workers can import; must give the same when called twice.
            jobs: its arguments, one tuple a job; small and plain.
            progress: hears what share is done; asked four times a second whether to go on.
            ordered: in the order of the jobs instead of as they are done. Jobs are then begun at most so far ahead of
                the first that is not done that results need little room.

        Raises:
            Cancelled: the user asked to stop.
            ClusterUnreachable: the scheduler was lost, or all workers for ten minutes.
            WorkerFailed: a job failed with an error that is not Scarp's, or ended several workers.
            ScarpError: as the function raised it.
        """
        flight = _Flight(self._client, self.name, function, jobs, progress)
        results: dict[int, Any] = {}
        first = done = 0
        try:
            while done < len(jobs):
                most = flight.most()
                flight.fill(most, min(len(jobs), first + WINDOW * most) if ordered else len(jobs))
                number, result = flight.land()
                results[number] = result
                for number in [number] if not ordered else range(first, len(jobs)):
                    if number not in results:
                        break
                    first, done = number + 1, done + 1
                    yield number, results.pop(number)
                    progress.report(done / len(jobs))
        finally:
            flight.cancel()


class _Flight:
    """The jobs that are with the cluster."""

    def __init__(self, client: Any, name: str, function: Callable[..., Any], jobs: Sequence[Sequence[Any]],
                 progress: Progress) -> None:
        self._client, self._name, self._function, self._jobs = client, name, function, jobs
        self._progress = progress
        self._landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._out: dict[str, tuple[int, Any]] = {}
        self._next = 0
        self._threads = 0
        self._counted = self._seen = self._told = time.monotonic() - RECOUNT
        # Dask shows the part before the last hyphen and takes equal keys for the same job.
        self._key = f"scarp_{function.__name__}-{uuid.uuid4().hex[:12]}"

    def most(self) -> int:
        """Return how many jobs may be with the cluster."""
        self._count()
        return max(4, AHEAD * self._threads)

    def fill(self, most: int, end: int) -> None:
        """Hand jobs to the cluster until it has ``most``, but none from number ``end`` on."""
        while len(self._out) < most and self._next < end:
            number = self._next
            future = self._client.submit(attempt, self._name, self._function, tuple(self._jobs[number]),
                                         key=f"{self._key}-{number}", pure=False, retries=RETRIES)
            self._out[future.key] = number, future
            self._next += 1
            future.add_done_callback(self._landed.put)

    def land(self) -> tuple[int, Any]:
        """Return number and result of a job that is done; wait for one."""
        while True:
            stop_if_cancelled(self._progress)
            self._count()
            try:
                future = self._landed.get(timeout=POLL)
            except queue.Empty:
                continue
            if future.key in self._out:
                number = self._out[future.key][0]
                result = self._result(future, number)
                del self._out[future.key]
                return number, result

    def cancel(self) -> None:
        """Take back all jobs that are not done."""
        futures = [future for _, future in self._out.values()]
        self._out.clear()
        if futures and self._client.status == "running":
            with contextlib.suppress(Exception):
                self._client.cancel(futures)

    def _result(self, future: Any, number: int) -> Any:
        if future.status == "error":
            raise self._failed(future.exception(), number)
        while True:
            try:
                result = future.result(timeout=POLL)
                break
            except asyncio.TimeoutError:
                # The worker that held the result may be gone, and the job runs again.
                stop_if_cancelled(self._progress)
            except (concurrent.futures.CancelledError, asyncio.CancelledError) as error:
                raise ClusterUnreachable("The connection to the scheduler was lost, or somebody took the jobs back. "
                                         f"{AGAIN}") from error
            except Exception as error:
                raise self._failed(error, number) from error
        if isinstance(result, Failure):
            raise result.error
        return result

    def _failed(self, error: BaseException, number: int) -> WorkerFailed:
        what = f"Job {number + 1:,} of {len(self._jobs):,} ({self._function.__name__})"
        if type(error).__name__ == "KilledWorker":
            times = getattr(error, "allowed_failures", 0) + 1
            return WorkerFailed(f"{what} ended {times} workers. They most likely ran out of memory: give each worker "
                                "more (fewer workers a machine, --memory-limit), or choose smaller tiles. The log of "
                                "the workers says more.")
        problem = WorkerFailed(f"{what} failed on its worker, also when tried again: {type(error).__name__}: {error}. "
                               "The log of the workers says more.")
        problem.__cause__ = error
        return problem

    def _count(self) -> None:
        """Count the threads now and then; give up when there are none for long."""
        now = time.monotonic()
        if now - self._counted < RECOUNT:
            return
        self._counted = now
        try:
            self._threads = sum(self._client.nthreads().values())
        except Exception as error:
            raise ClusterUnreachable(f"The connection to the scheduler was lost ({error or type(error).__name__}). "
                                     f"{AGAIN}") from error
        if self._threads:
            self._seen = now
        elif now - self._seen > PATIENCE:
            raise ClusterUnreachable(f"The cluster has had no workers for {PATIENCE / 60:.0f} minutes. Start workers, "
                                     "then run this step again.")
        elif now - self._seen > 2 * RECOUNT and now - self._told > 60:
            self._told = now
            self._progress.warn(f"All workers are gone. Waiting for new ones, up to {PATIENCE / 60:.0f} minutes.")
