"""Large things that all jobs of a run need: written to the shared storage once, not sent with every job."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkerFailed
from ..files import complete_or_absent
from .parts import LATE


@dataclass(frozen=True)
class Shared:
    """Where a shared object lies. The digest comes with the job, over Dask's own connection, so that nobody who can
    merely write to the storage can slip the workers another object."""

    path: str
    digest: str


def share(value: Any, path: Path) -> Shared:
    """Write an object for the workers.

    Args:
        value: of classes and functions of Scarp and of the libraries, without open files.
        path: of the new file, on the shared storage.
    """
    from distributed.protocol import serialize_bytes

    content = serialize_bytes(value)
    with complete_or_absent(path, for_good=True) as temporary:
        temporary.write_bytes(content)
    return Shared(str(path), hashlib.sha256(content).hexdigest())


def open_shared(shared: Shared) -> Any:
    """Return the object; meant for ``kept(open_shared, shared)`` on a worker.

    Raises:
        WorkerFailed: the file is not there, or is another one.
    """
    from distributed.protocol import deserialize_bytes

    deadline = time.monotonic() + LATE
    while not Path(shared.path).is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        content = Path(shared.path).read_bytes()
    except OSError as error:
        raise WorkerFailed(f"A worker cannot read {shared.path}: {error.strerror or error}. Is the folder on storage "
                           "that all machines share?") from error
    if hashlib.sha256(content).hexdigest() != shared.digest:
        raise WorkerFailed(f"The file {shared.path} on the shared storage is not what was written there. Check the "
                           "storage, and that nobody else writes to the folder of the output.")
    return deserialize_bytes(content)
