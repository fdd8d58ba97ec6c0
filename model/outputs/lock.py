"""The output lock: only one run at a time writes an output.

The files of a run are renamed one after the other, so of two runs that write the same output at once, the map of one
could end up beside the record of the other. Each run therefore locks a hidden file beside each of its outputs. The
system releases the lock when the process ends, however it ends: no stale lock is ever left, and neither clocks nor
process ids need to be trusted. Without file-lock support, no lock is taken.
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

from ..errors import OutputNotWritable
from ..safe_json import parse_json
from .transaction import name_hash, remove_orphans

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # Windows
    import msvcrt

SUFFIX = ".writing"
_LOCKED_ERRNOS = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_LOCK_OFFSET = 1 << 30  # on Windows, where nobody can read locked bytes, beyond the text about the owner
_MAX_TRIES = 100

_held_locks: ContextVar[dict[str, int | None] | None] = ContextVar("locks of this run", default=None)


@contextlib.contextmanager
def output_lock(outputs: Iterable[str | os.PathLike]) -> Iterator[None]:
    """Lock outputs while the block runs, and remove what killed runs left of them; a nested run may lock them again.

    They are files and folders, in existing folders. Raises OutputNotWritable if another run is writing one of them.
    """
    held = dict(_held_locks.get() or {})
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
    """Return the open lock files of this run, which its worker process must inherit; none on Windows, which cannot."""
    if fcntl is None:
        return []
    return [descriptor for descriptor in (_held_locks.get() or {}).values() if descriptor is not None]


def lock_file(final: Path) -> Path:
    """Return the hidden file beside an output that is locked."""
    return final.with_name(f".{final.stem[:40]}.{name_hash(final.name)}{SUFFIX}")


def _lock(final: Path) -> int | None:
    """Take the lock; ``None`` without file-lock support."""
    path = lock_file(final)
    for _ in range(_MAX_TRIES):
        try:
            # A symbolic link is not followed: its target would be overwritten.
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
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                _write_owner(descriptor)
                return descriptor
        # The previous owner has just removed the file.
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
    # Removed before the lock is released, so that the next run's file is never the one removed; but Windows cannot
    # remove an open file.
    if fcntl is None:
        os.close(descriptor)
    with contextlib.suppress(OSError):
        lock_file(final).unlink()
    if fcntl is not None:
        os.close(descriptor)


def _write_owner(descriptor: int) -> None:
    """Record the owner for the message of other runs; on a full disk it is left out."""
    text = json.dumps({"process": os.getpid(), "computer": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M")})
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text.encode())


def _owner(descriptor: int) -> str:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        content = parse_json(os.read(descriptor, 1000).decode())
        process, computer, since = int(content["process"]), str(content["computer"])[:60], str(content["since"])[:16]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" (process {process} on {computer}, since {since})"
