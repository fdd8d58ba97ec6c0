"""Connecting to a Dask cluster, and checking that it can do the work before it starts."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Callable

from ..errors import ClusterUnreachable, ClusterUnsuitable, LibraryMissing
from ..progress import Progress, stop_if_cancelled
from .tasks import Cluster, check_storage, drop_cache, worker_info

CONNECT_TIMEOUT = 10.0  # seconds to reach the scheduler
WORKER_TIMEOUT = 20.0  # seconds to wait for the first worker
RESPONSE_TIMEOUT = 60.0  # seconds for all workers to answer; the first question makes them import Scarp
START_HINT = (
    "Start workers on each machine, with Scarp under the name scarp in a folder of PYTHONPATH: "
    "dask worker {address} --nthreads 1 --nworkers N. Scarp's docs/cluster.md shows how."
)


@contextlib.contextmanager
def connect(
    address: str, progress: Progress, reads: Iterable[str | os.PathLike] = (), folder: str | os.PathLike | None = None
) -> Iterator[Cluster | None]:
    """Connect to a scheduler and check its workers; without an address, yield ``None``: compute on this computer.

    The address is like ``tcp://10.0.0.1:8786`` or ``node1:8786``. Files among the paths that jobs will read must be the
    same everywhere, and the folder where they will write must be shared, too.

    Raises:
        LibraryMissing: ``distributed`` is not installed here.
        ClusterUnreachable: there is no scheduler at the address, or it has no workers.
        ClusterUnsuitable: a worker cannot import Scarp, has another version of it, or does not see the files.
    """
    address = address.strip()
    if not address:
        yield None
        return
    try:
        import distributed
    except ImportError as error:
        raise LibraryMissing(
            f"SCHEDULER is {address}, but the Python that runs Scarp has no package distributed ({error}). Install it "
            "(python3 -m pip install distributed), or leave SCHEDULER empty to compute on this computer."
        ) from error
    made, seconds = (lambda: _client(distributed, address)), 2 * CONNECT_TIMEOUT + 5
    client = _call_with_timeout(made, progress, seconds, f"SCHEDULER {address}", lambda late: late.close(timeout=1))
    cluster = Cluster(client, uuid.uuid4().hex)
    try:
        threads = _await_workers(client, address, progress)
        workers = _ask_workers(client, progress, worker_info)
        _check_versions(workers, address, progress)
        machines = len({one.machine for one in workers.values()})
        limits = [one.memory for one in workers.values() if one.memory]
        memory = f", {sum(limits) / 2**30:.1f} GiB of memory" if len(limits) == len(workers) else ""
        where = f"{len(workers)} workers on {machines} machine{'s' if machines > 1 else ''}"
        progress.report(0, f"Cluster: {where} with {threads} threads{memory}.")
        _check_storage(client, [Path(path) for path in reads], folder, progress)
        yield cluster
    finally:
        with contextlib.suppress(Exception):
            client.run(drop_cache, cluster.name, on_error="ignore")
        with contextlib.suppress(Exception):
            client.close(timeout=5)


def _client(distributed: Any, address: str) -> Any:
    # Made in two steps, to keep hold of a client that fails: left to the garbage collector it keeps a thread, and can
    # freeze the next one as it starts.
    client = distributed.Client.__new__(distributed.Client)
    try:
        client.__init__(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
        return client
    # Dask raises many kinds for what may be wrong with an address, a certificate, a name or a network.
    except Exception as error:
        with contextlib.suppress(Exception):
            client.close(timeout=1)
        raise ClusterUnreachable(
            f"There is no Dask scheduler to be reached at SCHEDULER {address} ({_first_line(error)}). Check the "
            "address, that the scheduler runs (dask scheduler prints its address) and that no firewall blocks it; or "
            "leave SCHEDULER empty to compute on this computer."
        ) from error


def _await_workers(client: Any, address: str, progress: Progress) -> int:
    """Return the threads of all workers as soon as there is one."""
    deadline, reported = time.monotonic() + WORKER_TIMEOUT, False
    peer = f"the scheduler at {address}"
    while not (threads := _call_with_timeout(client.nthreads, progress, RESPONSE_TIMEOUT, peer)):
        if time.monotonic() > deadline:
            raise ClusterUnreachable(f"The scheduler at {address} has no workers. {START_HINT.format(address=address)}")
        if not reported:
            progress.report(0, f"Waiting for workers at {address} ...")
            reported = True
        stop_if_cancelled(progress)
        time.sleep(0.2)
    return sum(threads.values())


def _ask_workers(client: Any, progress: Progress, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    call = functools.partial(client.run, function, *arguments, on_error="return")
    return _call_with_timeout(call, progress, RESPONSE_TIMEOUT, "the workers")


def _check_versions(found: dict[str, Any], address: str, progress: Progress) -> None:
    mine = worker_info()
    for worker, other in found.items():
        # Dask passes on the text of a failed import, not its class.
        if isinstance(other, BaseException) and "No module named 'scarp" in str(other):
            hint = START_HINT.format(address=address)
            raise ClusterUnsuitable(f"The worker {worker} cannot import Scarp ({other}). {hint}")
        if isinstance(other, BaseException):
            raise ClusterUnsuitable(
                f"The worker {worker} cannot run Scarp: {_first_line(other)}. Install what Scarp "
                "needs for its Python, in the versions of this computer."
            ) from other
        if other.version != mine.version:
            raise ClusterUnsuitable(
                f"The worker {worker} runs Scarp {other.version}, but this computer runs "
                f"{mine.version}. Install the same version, then start the worker again."
            )
    for library, version in mine.libraries.items():
        if others := sorted({str(one.libraries.get(library, "none")) for one in found.values()} - {version}):
            progress.warn(
                f"Workers have {library} {', '.join(others)}, this computer has {version}; results may "
                "differ in the last digits."
            )


def _check_storage(client: Any, reads: list[Path], folder: str | os.PathLike | None, progress: Progress) -> None:
    sizes = [(str(path.absolute()), path.stat().st_size) for path in reads if path.is_file()]
    token = None if folder is None else Path(folder).absolute() / f".scarp-{uuid.uuid4().hex[:8]}.shared"
    try:
        if token is not None:
            token.touch()
        answers = _ask_workers(client, progress, check_storage, sizes, None if token is None else str(token))
    except OSError as error:
        raise ClusterUnsuitable(f"The folder {folder} cannot be written ({error.strerror or error}).") from error
    finally:
        with contextlib.suppress(OSError):
            if token is not None:
                token.unlink()
    for worker, found in answers.items():
        if isinstance(found, BaseException):
            raise ClusterUnsuitable(f"The worker {worker} cannot check the storage: {_first_line(found)}.") from found
        _require_storage(worker, folder, *found)


def _require_storage(worker: str, folder: str | os.PathLike | None, differing: list[str], unwritable: str) -> None:
    if differing:
        raise ClusterUnsuitable(
            f"The worker {worker} does not see {len(differing)} of the input files as this computer does: "
            f"{'; '.join(differing[:3])}. Put the inputs on storage that all machines share, mounted at the same path."
        )
    if unwritable:
        raise ClusterUnsuitable(
            f"The worker {worker} cannot write to the folder of the output, {folder} ({unwritable}). Choose an output "
            "on storage that all machines share, mounted at the same path and writable for the workers."
        )


def _call_with_timeout(
    call: Callable[[], Any], progress: Progress, seconds: float, peer: str, on_late: Callable[[Any], None] | None = None
) -> Any:
    """Return a call's result, or stop waiting for ``peer`` on cancel or timeout; a late result goes to the callback."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="scarp-cluster")
    deadline = time.monotonic() + seconds
    future = pool.submit(call)
    try:
        while not wait([future], timeout=0.2).done:
            stop_if_cancelled(progress)
            if time.monotonic() > deadline:
                raise ClusterUnreachable(
                    f"Waiting for {peer} took more than {seconds:.0f} seconds. Check the "
                    "address, the network, and the shared storage of the workers."
                )
        try:
            return future.result()
        except OSError as error:
            raise ClusterUnreachable(f"The connection to {peer} was lost: {_first_line(error)}.") from error
    finally:
        if on_late is not None and not future.done():
            callback = on_late
            future.add_done_callback(lambda done: None if done.exception() else callback(done.result()))
        pool.shutdown(wait=False)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
