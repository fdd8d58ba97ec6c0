"""Part files: what jobs leave on the shared storage until the run puts them together."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Iterator

import numpy as np

from ..errors import Cancelled, OutputNotWritable, WorkerFailed
from ..files import check_writable
from ..temporaries import temporary_beside

LATE = 10.0
"""Seconds until a file that one machine wrote is seen by another; network file systems may remember that it was not
there."""


@contextlib.contextmanager
def parts_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Give a new hidden folder beside an output, and remove it with all that is in it.

    Raises:
        OutputNotWritable: the output's folder does not exist or cannot be written.
    """
    final = Path(output).absolute()
    check_writable(final)
    folder = temporary_beside(final, ".parts")
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputNotWritable(f"The folder {final.parent} cannot be written ({error.strerror or error}). "
                                "Choose another place for the output.") from error
    try:
        yield folder
    finally:
        # Under another name first: a worker that has not heard yet that the run is over cannot put more into it.
        gone = folder.with_name(f"{folder.name}.gone")
        with contextlib.suppress(OSError):
            folder.rename(gone)
        for leftover in (gone, folder):
            shutil.rmtree(leftover, ignore_errors=True)


def save_part(path: str | os.PathLike, values: np.ndarray) -> None:
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
        raise OutputNotWritable(f"A worker could not write {final}: {error.strerror or error}. Check that the shared "
                                "storage has room and that the workers may write there.") from error


def load_part(path: str | os.PathLike, remove: bool = False) -> np.ndarray:
    """Return the array of a part file.

    Args:
        path: as it was given to :func:`save_part`.
        remove: delete the file when it has been read.

    Raises:
        WorkerFailed: it is not there, or damaged.
    """
    deadline = time.monotonic() + LATE
    while True:
        try:
            with open(path, "rb") as stream:
                values = np.load(stream, allow_pickle=False)
            break
        except FileNotFoundError as error:
            if time.monotonic() > deadline:
                raise WorkerFailed(f"A worker reported the file {path} as written, but it is not to be seen from "
                                   "here. Is the folder on storage that all machines share?") from error
            # Listing the folder makes network file systems ask their server.
            with contextlib.suppress(OSError):
                os.listdir(Path(path).parent)
            time.sleep(0.1)
        except (OSError, ValueError, EOFError) as error:
            raise WorkerFailed(f"The file {path} that a worker wrote cannot be read: {error}. Check the shared "
                               "storage.") from error
    if remove:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return values
