"""One run at a time writes an output.

The files of a run take their names one after the other, so of two runs that write the same output at once, the map of
one could come to lie beside the record of the other. Each run therefore holds a lock on a hidden file beside each of
its outputs. The system lets go of it when the process ends, however it ends: no lock is ever left over, and neither
clocks nor process numbers have to be believed. Where a file system knows no locks, runs go on without.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ..errors import OutputNotWritable
from ..safe_json import parse_json
from .temp_files import name_hash, remove_orphans

try:
    import fcntl
except ImportError:
    fcntl = None
    import msvcrt

SUFFIX = ".writing"
_LOCKED_ERRNOS = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_LOCK_OFFSET = 1 << 30
"""Where Windows locks: it lets nobody read what is locked, and who holds the lock is to be read."""
_MAX_TRIES = 100

_held_locks: ContextVar[dict[str, int | None]] = ContextVar("outputs of this run", default={})


@contextlib.contextmanager
def output_lock(outputs: Iterable[str | os.PathLike]) -> Iterator[None]:
    """Be the only run that writes some outputs while the block runs; what killed runs left of them is removed.

    A run inside the run may write the same outputs.

    Args:
        outputs: files and folders, in folders that are there.

    Raises:
        OutputNotWritable: another run writes one of them; the message says which run.
    """
    held = dict(_held_locks.get())
    with contextlib.ExitStack() as locks:
        for output in outputs:
            final = Path(os.path.abspath(output))
            place = os.path.normcase(os.path.join(os.path.realpath(final.parent), final.name))
            if place not in held:
                held[place] = _lock(final)
                locks.callback(_release, final, held[place])
                if held[place] is not None:
                    remove_orphans(final)
        token = _held_locks.set(held)
        try:
            yield
        finally:
            _held_locks.reset(token)


def held_lock_descriptors() -> list[int]:
    """Return the open files of this run's locks; a process that works for the run must hold them as long as it lives.

    On Windows, where a process cannot be given them, there are none.
    """
    return [] if fcntl is None else [descriptor for descriptor in _held_locks.get().values() if descriptor is not None]


def lock_file(final: Path) -> Path:
    """Return the file beside an output on which the lock is."""
    return final.with_name(f".{final.stem[:40]}.{name_hash(final.name)}{SUFFIX}")


def _lock(final: Path) -> int | None:
    """Take the lock; ``None`` where there can be none."""
    path = lock_file(final)
    for _ in range(_MAX_TRIES):
        try:
            # A link that somebody put there is not followed: the file it leads to would be written over.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError:
            return None
        try:
            _acquire(descriptor)
        except OSError as error:
            owner = _owner(descriptor)
            os.close(descriptor)
            if error.errno in _LOCKED_ERRNOS:
                raise OutputNotWritable(
                    f"{final} is being written by another run{owner}. Wait until that is done, or choose another name."
                ) from error
            return None
        if _is_same_file(descriptor, path):
            _write_owner(descriptor)
            return descriptor
        # Who held it has removed the file just now.
        os.close(descriptor)
    return None


def _acquire(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        os.lseek(descriptor, _LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def _release(final: Path, descriptor: int | None) -> None:
    if descriptor is None:
        return
    path = lock_file(final)
    if fcntl is not None:
        # Before the lock goes, so that the file of the next run is never the one removed.
        with contextlib.suppress(OSError):
            path.unlink()
    os.close(descriptor)
    if fcntl is None:
        # Windows removes no file that is open, by this run or by the next.
        with contextlib.suppress(OSError):
            path.unlink()


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _write_owner(descriptor: int) -> None:
    """Write down who holds the lock, for the message of others; on a full disk it goes without."""
    text = json.dumps({"process": os.getpid(), "computer": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M")})
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text.encode())


def _owner(descriptor: int) -> str:
    """Return in words who holds the lock, empty where that cannot be read."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        content: Any = parse_json(os.read(descriptor, 1000).decode())
        process, computer, since = int(content["process"]), str(content["computer"])[:60], str(content["since"])[:16]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" (process {process} on {computer}, since {since})"
