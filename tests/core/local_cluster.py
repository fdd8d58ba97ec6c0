"""A Dask cluster on this computer that leaves nothing behind in the process that started it."""

from __future__ import annotations

import contextlib
import os


@contextlib.contextmanager
def local_cluster(workers: int, threads: int = 1):
    """Start a scheduler and worker processes, reachable from this computer only.

    What Dask wants for its workers, such as MKL_NUM_THREADS=1, it leaves in this process's environment for good, where
    it would change the last digits of what later tests compute in processes of their own.
    """
    import distributed

    before = dict(os.environ)
    try:
        with distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster:
            yield cluster
    finally:
        os.environ.clear()
        os.environ.update(before)
