"""A Dask cluster on this computer that leaves nothing behind in the process that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from scarp.tests.core.conftest import Listener


class AtShare(Listener):
    """Calls a function at a share of the work; cancels after some seconds."""

    def __init__(self, at=2.0, call=None, seconds=float("inf")):
        super().__init__()
        self.at, self.call, self.end = at, call, time.monotonic() + seconds

    def report(self, fraction, text=""):
        super().report(fraction, text)
        if fraction >= self.at and self.call:
            call, self.call = self.call, None
            call()

    def cancelled(self):
        return time.monotonic() > self.end


@contextlib.contextmanager
def local_cluster(workers: int, threads: int = 1):
    """Start a scheduler and worker processes, reachable from this computer only.

    Dask leaves variables for its workers, such as MKL_NUM_THREADS=1, in this process's environment, where they would
    change the last digits of what later tests compute in processes of their own.
    """
    import distributed

    before = dict(os.environ)
    try:
        places = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
        with distributed.LocalCluster(n_workers=workers, threads_per_worker=threads, **places) as cluster:
            yield cluster
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def two_workers():
    """Start a scheduler with two workers in processes of their own, and give its address."""
    import dask

    # A local cluster gives a worker up whose name is not there this long after it was lost: also one that was started
    # again, and is just being started for the second time.
    settings = {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 hour"}
    with dask.config.set(settings), local_cluster(2) as cluster:
        yield cluster.scheduler_address
        pids = processes(cluster.scheduler_address)
    deadline = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, pids))


def processes(address):
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


def kill(pid):
    """End a process without a warning: Windows has one way to end it, for any signal."""
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def alive(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()
