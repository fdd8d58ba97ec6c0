"""Watches what Python is asked to do while a reader reads: files, programs, code."""

from __future__ import annotations

import codecs
import ctypes
import os
import sys
from pathlib import Path

_PROGRAMS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.startfile",
    "subprocess.",
    "pty.",
    "socket.",
    "ctypes.dlopen",
    "ctypes.call_function",
    "pickle.",
    "marshal.",
    "urllib.",
    "http.",
    "webbrowser.",
    "sqlite3.",
    "code.__new__",
    "exec",
    "compile",
)
_FILES = (
    "open",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
    "shutil.",
)


def _memory_calls() -> set[int | None]:
    """Return where the C library has the functions by which Scarp limits how much freed memory it keeps."""
    library = ctypes.CDLL(None)
    return {
        ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        for name in ("mallopt", "malloc_trim")
        if hasattr(library, name)
    }


class Watch:
    """Notes what readers do that they should not."""

    def __init__(self, folder: Path) -> None:
        """Begin.

        Args:
            folder: the only one in which files may be opened or changed.
        """
        self._folder = str(folder)
        # Python guesses the encoding of JSON in bytes, and fetches those codecs from its own folder when first needed.
        for name in ("utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"):
            codecs.lookup(name)
        self.armed = False
        self.seen: list[str] = []
        self._harmless = _memory_calls()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        # Python 3.14 also reports calls of functions that were fetched before; only those about memory are ours.
        if not self.armed or (event == "ctypes.call_function" and arguments[0] in self._harmless):
            return
        if event.startswith(_PROGRAMS) and arguments != (None,):
            # The C library, which is there already, is asked to give memory back.
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event.startswith(_FILES):
            names = [os.fsdecode(item) for item in arguments[:2] if isinstance(item, (str, bytes, os.PathLike))]
            if event == "open":
                # A run record names its inputs, and an input's own record may say more. Outputs state the versions of
                # libraries; to read these is no harm, and to run what stands there would show.
                libraries = tuple(filter(None, sys.path)) if str(arguments[1]).startswith("r") else ()
                names = [
                    name for name in names[:1] if not name.endswith(".run.json") and not name.startswith(libraries)
                ]
            if any(not name.startswith(self._folder) for name in names):
                self.seen.append(f"{event} {arguments!r:.200}")
