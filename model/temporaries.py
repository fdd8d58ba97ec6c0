"""Telling of temporary files, so that whoever ends a process from outside can take away what it left."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

_watchers: list[Callable[[Path], None]] = []


def watch_temporaries(tell: Callable[[Path], None]) -> None:
    """Have a function told of every temporary file and folder from now on, before it is made."""
    _watchers.append(tell)


def note_temporary(path: Path) -> None:
    """Tell of a temporary file or folder that is about to be made beside an output."""
    for tell in _watchers:
        tell(path)
