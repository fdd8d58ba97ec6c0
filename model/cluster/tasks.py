"""Running jobs on the workers of a cluster: few at a time, again if a worker dies, never more than are wanted."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import platform
import queue
import threading
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, TypeVar

from ..errors import ClusterUnreachable, ScarpError, WorkerFailed
from ..outputs.run_record import scarp_version, versions
from ..progress import Progress, stop_if_cancelled

Cached = TypeVar("Cached")

VERSION = scarp_version()  # of the code that this process runs; a later installation changes the files, not the process
LIBRARIES = ("torch", "rasterio", "numpy")  # those whose version may change numbers
MAX_CACHED_RUNS = 3  # for which something is kept at once: whoever was killed never says that the run is over

_runs: dict[str, dict[Any, Any]] = {}
_lock = threading.RLock()
_current = threading.local()


@dataclass
class WorkerInfo:
    """One worker process."""

    version: str  # of Scarp
    libraries: dict[str, str]  # version by library, and Python's
    machine: str
    memory: int | None  # bytes that Dask lets it use; None for no limit


def worker_info(dask_worker: Any = None) -> WorkerInfo:
    """Return a description of this worker; Dask passes its own worker object."""
    found = versions()
    limit = getattr(getattr(dask_worker, "memory_manager", None), "memory_limit", None)
    libraries = {name: found[name] for name in ("python", *LIBRARIES) if name in found}
    return WorkerInfo(VERSION, libraries, platform.node(), limit or None)


def check_storage(sizes: Sequence[tuple[str, int]], token: str | None) -> tuple[list[str], str]:
    """Return files that this worker sees with other sizes in bytes, and why it cannot write beside ``token``, if so."""
    differing, unwritable = [], ""
    for path, size in sizes:
        try:
            here = os.path.getsize(path)
            if here != size:
                differing.append(f"{path} ({here:,} bytes instead of {size:,})")
        except OSError as error:
            differing.append(f"{path} ({error.strerror or error})")
    if token is not None:
        probe = Path(f"{token}.{uuid.uuid4().hex[:8]}")
        try:
            Path(token).stat()
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            unwritable = error.strerror or str(error)
    return differing, unwritable


def run_job(run: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Do one job of a run; a ``ScarpError`` is returned, because Dask raises some errors as others."""
    before = getattr(_current, "run", None)
    _current.run = run
    try:
        return function(*arguments)
    except ScarpError as error:
        return error
    finally:
        _current.run = before


def cached(load: Callable[..., Cached], *arguments: Any) -> Cached:
    """Return ``load(*arguments)``, hashable, called once per process and run; outside a run it is called every time."""
    run = getattr(_current, "run", None)
    if run is None:
        return load(*arguments)
    # Loading under the lock, so that two threads do not load the same; they may use it at the same time.
    with _lock:
        of_run = _runs.setdefault(run, {})
        key = (load, arguments)
        if key not in of_run:
            of_run[key] = load(*arguments)
            for oldest in [name for name in _runs if name != run][: max(0, len(_runs) - MAX_CACHED_RUNS)]:
                drop_cache(oldest)
        return of_run[key]


def drop_cache(run: str) -> None:
    """Drop the cached objects of a run."""
    with _lock:
        _runs.pop(run, None)


# Pending jobs per thread: one runs, the others are ready when it is done. Far fewer than there are jobs, because the
# scheduler slows down with hundreds of thousands.
JOBS_PER_THREAD = 3
ORDERED_WINDOW = 2  # so many times as many jobs may be begun beyond the first not done, for results wanted in order
POLL = 0.25  # seconds between two looks at whether the user asked to stop
COUNT_INTERVAL = 5.0  # seconds between two counts of the workers: some may have come or gone
RETRIES = 2  # of a job that fails without a reason that Scarp knows: a hiccup of the storage, say
WORKER_TIMEOUT = 600.0  # seconds to wait for a worker when all are gone
RETRY_HINT = "No output was written. Check that the scheduler runs, then run this step again."


class Cluster:
    """The workers of a scheduler, under a name that no other run has; made by ``connect``."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def run(
        self, function: Callable[..., Any], jobs: Sequence[Sequence[Any]], progress: Progress, ordered: bool = False
    ) -> Generator[tuple[int, Any], None, None]:
        """Call a function for each job on the workers, and yield number and result of each when it is done.

        The function is of a module that workers can import, and gives the same when called twice: a job whose worker
        dies is run again by another. Jobs are its arguments, small and plain. With ``ordered`` results come in the
        order of the jobs, which run only a little ahead of the first that is not done, so that few have to wait. Close
        the iterator (``contextlib.closing``) if you leave it early; it then cancels what has not run.

        Raises:
            ClusterUnreachable: the scheduler was lost, or all workers for ten minutes.
            WorkerFailed: a job failed with an error that is not Scarp's, or ended several workers.
            ScarpError: as the function raised it; :class:`Cancelled` when the user asked to stop.
        """
        pending = _PendingJobs(self._client, self.name, function, jobs, progress)
        results: dict[int, Any] = {}
        first = done = 0
        try:
            while done < len(jobs):
                pending.submit(first if ordered else None)
                number, results[number] = pending.next_result()
                for ready in range(first, len(jobs)) if ordered else [number]:
                    if ready not in results:
                        break
                    first, done = ready + 1, done + 1
                    yield ready, results.pop(ready)
                    progress.report(done / len(jobs))
        finally:
            pending.cancel()


class _PendingJobs:
    def __init__(
        self, client: Any, name: str, function: Callable[..., Any], jobs: Sequence[Sequence[Any]], progress: Progress
    ) -> None:
        self._client, self._name, self._function, self._jobs = client, name, function, jobs
        self._progress = progress
        self._completed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._submitted: dict[str, tuple[int, Any]] = {}
        self._next = self._threads = 0
        self._counted_at = self._workers_seen_at = self._warned_at = time.monotonic() - COUNT_INTERVAL
        # Dask shows the part before the last hyphen and takes equal keys for the same job.
        self._key = f"scarp_{function.__name__}-{uuid.uuid4().hex[:12]}"

    def submit(self, first: int | None) -> None:
        """Submit jobs until enough are pending; where results are wanted in order, few beyond the first not done."""
        self._count()
        capacity = max(4, JOBS_PER_THREAD * self._threads)
        end = len(self._jobs) if first is None else min(len(self._jobs), first + ORDERED_WINDOW * capacity)
        while len(self._submitted) < capacity and self._next < end:
            number = self._next
            call, key = (run_job, self._name, self._function, tuple(self._jobs[number])), f"{self._key}-{number}"
            future = self._client.submit(*call, key=key, pure=False, retries=RETRIES)
            self._submitted[future.key] = number, future
            self._next += 1
            future.add_done_callback(self._completed.put)

    def next_result(self) -> tuple[int, Any]:
        while True:
            stop_if_cancelled(self._progress)
            self._count()
            try:
                future = self._completed.get(timeout=POLL)
            except queue.Empty:
                continue
            if future.key in self._submitted:
                number = self._submitted[future.key][0]
                result = self._result(future, number)
                del self._submitted[future.key]
                return number, result

    def cancel(self) -> None:
        futures = [future for _, future in self._submitted.values()]
        self._submitted.clear()
        if futures and self._client.status == "running":
            with contextlib.suppress(Exception):
                self._client.cancel(futures)

    def _result(self, future: Any, number: int) -> Any:
        if future.status == "error":
            raise self._failed(future.exception(), number) from future.exception()
        while True:
            try:
                result = future.result(timeout=POLL)
                break
            except asyncio.TimeoutError:
                # The worker that held the result may be gone, and the job runs again.
                stop_if_cancelled(self._progress)
            except (concurrent.futures.CancelledError, asyncio.CancelledError) as error:
                raise ClusterUnreachable(
                    f"The connection to the scheduler was lost, or somebody cancelled the jobs. {RETRY_HINT}"
                ) from error
            except Exception as error:
                raise self._failed(error, number) from error
        if isinstance(result, ScarpError):
            raise result
        return result

    def _failed(self, error: BaseException, number: int) -> WorkerFailed:
        what = f"Job {number + 1:,} of {len(self._jobs):,} ({self._function.__name__})"
        if type(error).__name__ == "KilledWorker":
            times = getattr(error, "allowed_failures", 0) + 1
            return WorkerFailed(
                f"{what} ended {times} workers. They most likely ran out of memory: give each worker more (fewer "
                "workers a machine, --memory-limit), or choose smaller tiles. The log of the workers says more."
            )
        return WorkerFailed(
            f"{what} failed on its worker, also when tried again: {type(error).__name__}: {error}. "
            "The log of the workers says more."
        )

    def _count(self) -> None:
        """Count the threads now and then; give up if there are none for long."""
        now = time.monotonic()
        if now - self._counted_at < COUNT_INTERVAL:
            return
        self._counted_at = now
        try:
            self._threads = sum(self._client.nthreads().values())
        except Exception as error:
            raise ClusterUnreachable(
                f"The connection to the scheduler was lost ({error or type(error).__name__}). {RETRY_HINT}"
            ) from error
        if self._threads:
            self._workers_seen_at = now
        elif now - self._workers_seen_at > WORKER_TIMEOUT:
            raise ClusterUnreachable(
                f"The cluster has had no workers for {WORKER_TIMEOUT / 60:.0f} minutes. Start workers, "
                "then run this step again."
            )
        elif now - self._workers_seen_at > 2 * COUNT_INTERVAL and now - self._warned_at > 60:
            self._warned_at = now
            self._progress.warn(f"All workers are gone. Waiting for new ones, up to {WORKER_TIMEOUT / 60:.0f} minutes.")
