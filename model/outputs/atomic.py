"""How an output is written: by one run at a time, and complete under its final name or not there at all.

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
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ..errors import OutputNotWritable
from ..safe_json import parse_json
from .transaction import (
    RECORD_SUFFIX,
    commit,
    fold_case,
    is_open,
    is_sidecar,
    name_hash,
    place_of,
    register_folder,
    remove_orphans,
    remove_temp_file,
    replace,
    temp_path_beside,
)

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # Windows
    import msvcrt

DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
LOCK_SUFFIX = ".writing"
WINDOWS = os.name == "nt"
WINDOWS_PATH = 259  # characters of a path that Windows allows unless it is told to allow more
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\..*)?", re.IGNORECASE | re.DOTALL)
_LOCKED_ERRNOS = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_LOCK_OFFSET = 1 << 30  # on Windows, where nobody can read locked bytes, beyond the text about the owner
_MAX_TRIES = 100

_held_locks: ContextVar[dict[str, int | None] | None] = ContextVar("locks of this run", default=None)


@contextlib.contextmanager
def atomic_output(output: str | os.PathLike, permanent: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the output's folder that is renamed to the output only if the block succeeds.

    A block that raises, is cancelled or is killed leaves nothing under the final name; an older file stays as it was.
    A ``permanent`` file stays even if the run fails later; see :mod:`.transaction`. Raises OutputNotWritable.
    """
    final = Path(output)
    if final.is_dir():
        raise OutputNotWritable(f"{final} is a folder, so no file can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, f".part{final.suffix}")
    try:
        with _output_errors(final, temporary, "Check that the disk has room and that the file is not open elsewhere."):
            yield temporary
            if permanent:
                replace(temporary, final)
            else:
                commit(temporary, final)
    finally:
        remove_temp_file(temporary)


@contextlib.contextmanager
def atomic_output_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Yield an empty folder whose files are moved into the output folder if the block succeeds; others there stay."""
    final = Path(output)
    if final.is_file():
        raise OutputNotWritable(f"{final} is a file, so no folder can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, ".part")
    try:
        with _output_errors(final, temporary, "Check that the disk has room, or choose another place for the output."):
            temporary.mkdir()
            yield temporary
            made = sorted(temporary.iterdir())
            folder = place_of(final, (final / item.name for item in made))
            if not folder.is_dir():
                folder.mkdir()
                register_folder(folder)
            for item in made:
                commit(item, folder / item.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _output_errors(final: Path, temporary: Path, remedy: str) -> Iterator[None]:
    """Explain errors of writing the output, but not those of reading some input inside the same block."""
    try:
        yield
    except OutputNotWritable as error:
        # The user knows the folder by its final name.
        raise OutputNotWritable(str(error).replace(str(temporary), str(final))) from error
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        if error.errno not in DISK_ERRORS and not any(name.startswith(str(temporary)) for name in names):
            raise
        raise OutputNotWritable(f"{final} could not be written: {error.strerror or error}. {remedy}") from error


def check_writable(*outputs: str | os.PathLike | None) -> None:
    """Raise :class:`OutputNotWritable` if an output that is given cannot be created; call it before long work."""
    for output in outputs:
        if output is not None:
            _check_writable(Path(output))


def _check_writable(final: Path) -> None:
    folder = final.parent
    if not os.path.isdir(folder):
        raise OutputNotWritable(
            f"The folder {folder} for the output {final.name} does not exist. "
            "Create it, or choose another place for the output."
        )
    # Permission bits prove little: an administrator passes them all, a read-only file system none.
    probe = folder / f".scarp-{uuid.uuid4().hex[:8]}.probe"
    try:
        probe.touch(exist_ok=False)
        # Another run may have removed it as an orphan.
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            f"The folder {folder} cannot be written ({error.strerror or error}). Choose another place for the output."
        ) from error
    if WINDOWS:
        _check_on_windows(final)
    # The name itself, and that of its run record, are first used when the output is complete: check them now.
    try:
        os.lstat(final if is_sidecar(final) else f"{final}{RECORD_SUFFIX}")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputNotWritable(
            f"The output {final} cannot have this name ({reason}). Choose a shorter or a plainer one."
        ) from error


def _check_on_windows(final: Path) -> None:
    """Refuse names that Windows gives to devices or shortens, and files that are open: both fail only at the end."""
    if _DEVICE.fullmatch(final.name) or final.name.endswith((".", " ")):
        raise OutputNotWritable(
            f"The output {final} cannot have this name: Windows keeps it for a device, or drops its last character. "
            "Choose another one."
        )
    longest = _longest_path(final)
    if longest > WINDOWS_PATH and not _allows_long_paths():
        raise OutputNotWritable(
            f"The output {final} cannot have this name: it needs paths of up to {longest} characters, and Windows "
            f"allows {WINDOWS_PATH}. Choose a shorter name or a folder nearer to the root of its drive."
        )
    if is_open(final):
        raise OutputNotWritable(
            f"{final} cannot be replaced: it is open, probably as a layer of this project. Remove the layer from "
            "the project, close other programs that show it, or choose another name."
        )


def _longest_path(final: Path) -> int:
    """Return the characters of the longest path that is made for an output: its record, or a temporary file of it."""
    path = Path(os.path.abspath(final))
    record = path if is_sidecar(path) else Path(f"{path}{RECORD_SUFFIX}")
    # The hash of the name and a number of the file, then what GDAL may put beside it.
    temporary = len(f".{record.stem[:40]}.{'0' * 16}.part{record.suffix}.aux.xml")
    return max(len(str(record)), len(str(path.parent)) + 1 + temporary)


def _allows_long_paths() -> bool:
    """Return whether Windows allows paths of any length to programs that opt in, as Python does."""
    try:
        import winreg

        registry: Any = winreg
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(registry.QueryValueEx(key, "LongPathsEnabled")[0])
    except (ImportError, OSError):
        return False


def write_text(output: str | os.PathLike, text: str) -> None:
    """Write a UTF-8 text file atomically, the same bytes on every system; names that are no text are replaced."""
    with atomic_output(output) as temporary:
        temporary.write_bytes(text.encode("utf-8", errors="replace"))


@contextlib.contextmanager
def output_lock(outputs: Iterable[str | os.PathLike]) -> Iterator[None]:
    """Lock outputs while the block runs, and remove what killed runs left of them; a nested run may lock them again.

    They are files and folders, in existing folders. Raises OutputNotWritable if another run is writing one of them.
    """
    held = dict(_held_locks.get() or {})
    with contextlib.ExitStack() as locks:
        for output in outputs:
            final = Path(os.path.abspath(output))
            place = fold_case(os.path.join(os.path.realpath(final.parent), final.name))
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
    return final.with_name(f".{final.stem[:40]}.{name_hash(final.name)}{LOCK_SUFFIX}")


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
