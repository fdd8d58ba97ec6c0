"""The rules of Windows for open files, on a Linux: a file that is open is neither renamed, replaced nor removed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from scarp.model.outputs import atomic, transaction

RETRY_SECONDS = 0.05  # for the three seconds of Windows


@contextlib.contextmanager
def windows_rules() -> Iterator[list[str]]:
    """Refuse to rename and to remove files that this process has open; yield what was refused."""
    refused: list[str] = []
    names = ("replace", "rename", "unlink", "remove")
    originals = {name: getattr(os, name) for name in names}
    settings = atomic.WINDOWS, transaction.RETRY_SECONDS
    for name in names:
        setattr(os, name, _guarded(originals[name], name, refused))
    atomic.WINDOWS, transaction.RETRY_SECONDS = True, RETRY_SECONDS
    try:
        yield refused
    finally:
        atomic.WINDOWS, transaction.RETRY_SECONDS = settings
        for name, original in originals.items():
            setattr(os, name, original)


def is_held(path: str | os.PathLike) -> bool:
    """Whether this process has a file open, under whatever name, or mapped."""
    try:
        wanted = os.stat(path)
    except OSError:
        return False
    if Path(path).is_dir():
        return False
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(f"/proc/self/fd/{number}"), wanted):
                return True
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        return any(line.split(maxsplit=5)[4] == str(wanted.st_ino) and str(path) in line for line in lines)


def _guarded(original: Callable[..., Any], name: str, refused: list[str]) -> Callable[..., Any]:
    def call(*paths: Any, **more: Any) -> Any:
        # Files of locks are closed before they are removed there; see ``atomic``.
        files = [path for path in paths if isinstance(path, (str, os.PathLike))]
        for path in files if "dir_fd" not in more else ():
            if not str(path).endswith(atomic.LOCK_SUFFIX) and is_held(path):
                refused.append(f"{name} {path}")
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        return original(*paths, **more)

    return call
