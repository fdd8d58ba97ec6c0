"""Files that jobs exchange through the shared storage: partial results, and objects that all jobs of a run need."""

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
from typing import Any, Callable

import numpy as np

from ..errors import Cancelled, OutputNotWritable, WorkerFailed
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.transaction import replace, temp_path_beside

VISIBILITY_TIMEOUT = 10.0  # seconds until another machine sees a file: network file systems cache that it is missing


@contextlib.contextmanager
def partial_results_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Create a hidden folder beside an output, and remove it at the end; raises OutputNotWritable."""
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
        # Renamed first: a worker that does not know yet that the run is over cannot write into it any more.
        gone = folder.with_name(f"{folder.name}.gone")
        with contextlib.suppress(OSError):
            folder.rename(gone)
        for leftover in (gone, folder):
            shutil.rmtree(leftover, ignore_errors=True)


def save_partial_result(path: str | os.PathLike, values: np.ndarray) -> None:
    """Write an array atomically, also over that of a worker believed dead; raises OutputNotWritable or Cancelled."""
    final = Path(path)
    temporary = final.with_name(f"{final.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "wb") as stream:
            np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
        replace(temporary, final)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not final.parent.exists():
            # Nobody waits for the result any more.
            raise Cancelled() from error
        raise OutputNotWritable(
            f"A worker could not write {final}: {error.strerror or error}. Check that the shared "
            "storage has room and that the workers may write there."
        ) from error


def load_partial_result(path: str | os.PathLike) -> np.ndarray:
    """Return and remove the array of :func:`save_partial_result`; raises WorkerFailed if it is missing or damaged."""
    await_visible(Path(path).parent, lambda: os.path.isfile(path))
    try:
        with open(path, "rb") as stream:
            values = np.load(stream, allow_pickle=False)
    except FileNotFoundError as error:
        raise WorkerFailed(
            f"A worker reported the file {path} as written, but it is not visible from here. Is the "
            "folder of the output on storage that all machines share?"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        text = f"The file {path} that a worker wrote cannot be read: {error}. Check the shared storage."
        raise WorkerFailed(text) from error
    with contextlib.suppress(OSError):
        os.unlink(path)
    return values


def await_visible(folder: str | os.PathLike, look: Callable[[], Any]) -> Any:
    """Return what ``look`` finds in a folder that another machine wrote to, or nothing after a timeout."""
    deadline = time.monotonic() + VISIBILITY_TIMEOUT
    while not (found := look()) and time.monotonic() < deadline:
        # Listing the folder makes network file systems look again.
        with contextlib.suppress(OSError):
            os.listdir(folder)
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class SharedObject:
    """The place of a shared object. Its SHA-256 travels with the job, over Dask's own connection, so that nobody who
    can merely write to the storage can make workers load another object.
    """

    path: str
    digest: str


def share_object(value: Any, path: Path) -> SharedObject:
    """Write an object for the workers: of classes and functions of Scarp and the libraries, without open files."""
    from distributed.protocol import serialize_bytes

    content = serialize_bytes(value)
    with atomic_output(path, permanent=True) as temporary:
        temporary.write_bytes(content)
    return SharedObject(str(path), hashlib.sha256(content).hexdigest())


def open_shared(shared: SharedObject) -> Any:
    """Return the object, on a worker through :func:`.cached`; raises WorkerFailed if its file is missing or another."""
    from distributed.protocol import deserialize_bytes

    await_visible(Path(shared.path).parent, lambda: os.path.isfile(shared.path))
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
