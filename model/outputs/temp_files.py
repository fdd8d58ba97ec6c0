"""Files beside an output: its sidecar files, and temporary files with their names, listeners and removal."""

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

RECORD_SUFFIX = ".run.json"
SIDECAR_SUFFIXES = (
    RECORD_SUFFIX,
    ".aux.xml",
    ".ovr",
    ".msk",
)  # added to the name of the file whose content they describe
SIBLING_SUFFIXES = (".json", ".qml")  # a table as JSON and a style; also in the place of the output's own suffix
_TEMP_NAME = re.compile(r"\..{0,40}\.([0-9a-f]{8})[0-9a-f]{8}\.(part|parts|earlier)\b.*", re.DOTALL)
_PROBE_NAME = re.compile(r"\.scarp-[0-9a-f]{8}\.probe")
_listeners: list[Callable[[Path], None]] = []


def sidecar_files(final: Path) -> list[Path]:
    """Return the paths of all files that describe the content of an output."""
    sidecars = [Path(f"{final}{suffix}") for suffix in SIDECAR_SUFFIXES]
    # A table as JSON, written after the CSV.
    return [*sidecars, final.with_suffix(".json")] if final.suffix.lower() == ".csv" else sidecars


def is_sidecar(final: Path) -> bool:
    """Whether a file lies beside an output and so has no run record of its own."""
    return final.name.endswith((*SIDECAR_SUFFIXES, *SIBLING_SUFFIXES))


def add_temp_file_listener(listener: Callable[[Path], None]) -> None:
    """Call a function with every temporary file and folder from now on, before it is created."""
    _listeners.append(listener)


def temp_path_beside(final: Path, ending: str) -> Path:
    """Return a hidden name for a temporary file or folder in the output's folder, and notify the listeners.

    The name contains a hash of the output's name, so that :func:`remove_orphans` removes only this output's files.

    Args:
        final: the output.
        ending: ``.part``, ``.parts`` or ``.earlier``, and a suffix.
    """
    # A temporary file of a temporary file belongs to the same output.
    outer = _TEMP_NAME.fullmatch(final.name)
    owner = outer[1] if outer else name_hash(final.name)
    path = final.with_name(f".{final.stem[:40]}.{owner}{uuid.uuid4().hex[:8]}{ending}")
    for listener in _listeners:
        listener(path)
    return path


def name_hash(name: str) -> str:
    """Return eight hexadecimal digits that identify the output in the names of its temporary files."""
    return hashlib.sha256(os.path.normcase(name).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def remove_temp_file(temporary: Path) -> None:
    """Remove a temporary file or folder and what GDAL put beside it under longer names."""
    for leftover in temporary.parent.glob(f"{glob.escape(temporary.name)}*"):
        _remove(leftover)


def remove_orphans(final: Path) -> None:
    """Remove the temporary files that killed runs left of an output and its sidecar files.

    Call it only while holding the output's lock (:mod:`.lock`).

    Args:
        final: a file, or a folder of files.
    """
    _remove_orphans_of(final.parent, [final])
    if final.is_dir():
        with contextlib.suppress(OSError):
            _remove_orphans_of(final, list(final.iterdir()))


def _remove_orphans_of(folder: Path, outputs: list[Path]) -> None:
    hashes = {name_hash(name) for output in outputs for name in _names_beside(output)}
    with contextlib.suppress(OSError):
        for item in folder.glob(".*"):
            found = _TEMP_NAME.fullmatch(item.name)
            if (found and found[1] in hashes) or _PROBE_NAME.fullmatch(item.name):
                _remove(item)


def _names_beside(final: Path) -> list[str]:
    suffixes = ("", *SIDECAR_SUFFIXES, ".json")
    return [f"{final.name}{suffix}" for suffix in suffixes] + [f"{final.stem}{suffix}" for suffix in SIBLING_SUFFIXES]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()
