"""Temporary files beside outputs: how they are named, who is told of them, and taking away what a killed run left."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Callable

_listeners: list[Callable[[Path], None]] = []
_NAME = re.compile(r"\..{0,40}\.([0-9a-f]{8})[0-9a-f]{8}\.(part|parts|earlier)\b.*", re.DOTALL)
_PROBE = re.compile(r"\.scarp-[0-9a-f]{8}\.probe")
_SIDECAR_SUFFIXES = (".run.json", ".aux.xml", ".json")


def add_temp_file_listener(listener: Callable[[Path], None]) -> None:
    """Have a function told of every temporary file and folder from now on, before it is made."""
    _listeners.append(listener)


def notify_temp_file(path: Path) -> None:
    """Tell of a temporary file or folder that is about to be made beside an output."""
    for listener in _listeners:
        listener(path)


def temp_path_beside(final: Path, ending: str) -> Path:
    """Return a name for a temporary file or folder of an output, hidden and in its folder, and tell of it.

    The name says whose it is, in a way that no other output's could be taken for, so that :func:`remove_orphans` knows it.

    Args:
        final: the output.
        ending: ``.part``, ``.parts`` or ``.earlier``, and a suffix.
    """
    # A file that is written whole inside one that is: both are the output's.
    outer = _NAME.fullmatch(final.name)
    mark = outer[1] if outer else name_hash(final.name)
    path = final.with_name(f".{final.stem[:40]}.{mark}{uuid.uuid4().hex[:8]}{ending}")
    notify_temp_file(path)
    return path


def name_hash(name: str) -> str:
    """Return what tells the temporary files of an output from those of others: eight digits."""
    return hashlib.sha256(os.path.normcase(name).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def remove_orphans(final: Path) -> None:
    """Remove what runs that were killed left of an output, and of what lies beside it.

    Only for whoever alone writes the output; see :mod:`.output_lock`.

    Args:
        final: a file, or a folder of files.
    """
    _remove(final.parent, {name_hash(name) for name in _sibling_names(final)})
    if final.is_dir():
        with contextlib.suppress(OSError):
            _remove(final, {name_hash(name) for item in final.iterdir() for name in _sibling_names(item)})


def _sibling_names(final: Path) -> list[str]:
    """Return the names of an output and of what Scarp writes beside it."""
    return [
        final.name,
        *(f"{final.name}{ending}" for ending in _SIDECAR_SUFFIXES),
        f"{final.stem}.qml",
        f"{final.stem}.json",
    ]


def _remove(folder: Path, hashes: set[str]) -> None:
    with contextlib.suppress(OSError):
        for item in folder.glob(".*"):
            found = _NAME.fullmatch(item.name)
            if (found and found[1] in hashes) or _PROBE.fullmatch(item.name):
                if item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item, ignore_errors=True)
                with contextlib.suppress(OSError):
                    item.unlink()


def remove_temp_file(temporary: Path) -> None:
    """Remove a temporary file or folder and what GDAL put beside it under longer names."""
    for leftover in temporary.parent.glob(f"{glob.escape(temporary.name)}*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        with contextlib.suppress(OSError):
            leftover.unlink()
