"""Part files: what jobs leave on the shared storage until the run puts them together.
Large things that all jobs of a run need: written to the shared storage once, not sent with every job.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Cancelled, OutputNotWritable, WorkerFailed
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.temp_files import temp_path_beside

VISIBILITY_TIMEOUT = 10.0
"""Seconds until a file that one machine wrote is seen by another; network file systems may remember that it was not
there."""


@contextlib.contextmanager
def partial_results_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Give a new hidden folder beside an output, and remove it with all that is in it.

    Raises:
        OutputNotWritable: the output's folder does not exist or cannot be written.
    """
    final = Path(output).absolute()
    check_writable(final)
    folder = temp_path_beside(final, ".parts")
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputNotWritable(
            f"The folder {final.parent} cannot be written ({error.strerror or error}). "
            "Choose another place for the output."
        ) from error
    try:
        yield folder
    finally:
        # Under another name first: a worker that has not heard yet that the run is over cannot put more into it.
        gone = folder.with_name(f"{folder.name}.gone")
        with contextlib.suppress(OSError):
            folder.rename(gone)
        for leftover in (gone, folder):
            shutil.rmtree(leftover, ignore_errors=True)


def save_partial_result(path: str | os.PathLike, values: np.ndarray) -> None:
    """Write an array whole or not at all; a part that is there already, of a worker taken for dead, is replaced.

    Raises:
        Cancelled: the folder is gone, so nobody waits for the part any more.
        OutputNotWritable: it cannot be written.
    """
    final = Path(path)
    temporary = final.with_name(f"{final.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "wb") as stream:
            np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
        os.replace(temporary, final)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not final.parent.exists():
            raise Cancelled() from error
        raise OutputNotWritable(
            f"A worker could not write {final}: {error.strerror or error}. Check that the shared "
            "storage has room and that the workers may write there."
        ) from error


def load_partial_result(path: str | os.PathLike, remove: bool = False) -> np.ndarray:
    """Return the array of a part file.

    Args:
        path: as it was given to :func:`save_partial_result`.
        remove: delete the file when it has been read.

    Raises:
        WorkerFailed: it is not there, or damaged.
    """
    deadline = time.monotonic() + VISIBILITY_TIMEOUT
    while True:
        try:
            with open(path, "rb") as stream:
                values = np.load(stream, allow_pickle=False)
            break
        except FileNotFoundError as error:
            if time.monotonic() > deadline:
                raise WorkerFailed(
                    f"A worker reported the file {path} as written, but it is not to be seen from "
                    "here. Is the folder on storage that all machines share?"
                ) from error
            # Listing the folder makes network file systems ask their server.
            with contextlib.suppress(OSError):
                os.listdir(Path(path).parent)
            time.sleep(0.1)
        except (OSError, ValueError, EOFError) as error:
            raise WorkerFailed(
                f"The file {path} that a worker wrote cannot be read: {error}. Check the shared storage."
            ) from error
    if remove:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return values


@dataclass(frozen=True)
class SharedObject:
    """Where a shared object lies. The digest comes with the job, over Dask's own connection, so that nobody who can
    merely write to the storage can slip the workers another object.
    """

    path: str
    digest: str


def share(value: Any, path: Path) -> SharedObject:
    """Write an object for the workers.

    Args:
        value: of classes and functions of Scarp and of the libraries, without open files.
        path: of the new file, on the shared storage.
    """
    from distributed.protocol import serialize_bytes

    content = serialize_bytes(value)
    with atomic_output(path, permanent=True) as temporary:
        temporary.write_bytes(content)
    return SharedObject(str(path), hashlib.sha256(content).hexdigest())


def open_shared(shared: SharedObject) -> Any:
    """Return the object; meant for ``kept(open_shared, shared)`` on a worker.

    Raises:
        WorkerFailed: the file is not there, or is another one.
    """
    from distributed.protocol import deserialize_bytes

    deadline = time.monotonic() + VISIBILITY_TIMEOUT
    while not Path(shared.path).is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        content = Path(shared.path).read_bytes()
    except OSError as error:
        raise WorkerFailed(
            f"A worker cannot read {shared.path}: {error.strerror or error}. Is the folder on storage "
            "that all machines share?"
        ) from error
    if hashlib.sha256(content).hexdigest() != shared.digest:
        raise WorkerFailed(
            f"The file {shared.path} on the shared storage is not what was written there. Check the "
            "storage, and that nobody else writes to the folder of the output."
        )
    return deserialize_bytes(content)
