"""What a file was made from, by the record beside it, and whether that is still as it was."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Protocol

from ..files import read_record, sha256

_MAY_CHANGE_BY_LOOKING = (".gpkg", ".sqlite", ".db", ".gdb", ".shp")
"""Layers whose file says nothing of their features: databases change when they are opened, and of a shapefile the
attributes lie in another file. ``scarp:rerun`` compares what is read of them."""


class Listener(Protocol):
    """Who hears what may mislead."""

    def warn(self, text: str) -> None:
        """Take a warning."""


@dataclass(frozen=True)
class Change:
    """An input that is not any more what it was when something was made from it."""

    parameter: str
    """Under which the run took it."""
    path: str


def warn_of_changes(inputs: Mapping[str, str | os.PathLike | None], listener: Listener) -> None:
    """Warn of inputs that are older than what they were made from.

    Args:
        inputs: path by what the file is in this run ("factor stack"), ``None`` for those not given.
        listener: told.
    """
    for role, path in inputs.items():
        for change in changes_since(path) if path is not None else ():
            listener.warn(f"The {role} {Path(path).name} was made from {Path(change.path).name} ({change.parameter}), "
                          f"which has changed since. Make the {role} again, unless it is the older state that you "
                          "mean.")


def changes_since(output: str | os.PathLike) -> list[Change]:
    """Return the inputs of a file that have changed since it was made; none when its record does not tell.

    Files that have the size and the time of then count as unchanged; of others of that size the content is read. Which
    time is the later one says nothing: clocks are set, and files are copied with their times.

    Args:
        output: a file with a run record beside it.
    """
    try:
        record = read_record(output)
    except (OSError, ValueError):
        return []
    inputs = record.get("inputs")
    return [Change(name, path) for name, entry in _entries(inputs if isinstance(inputs, dict) else {})
            for path in [str(entry["source"]).split("|")[0]]
            if Path(path).suffix.lower() not in _MAY_CHANGE_BY_LOOKING and _changed(path, entry)]


def made_from(output: str | os.PathLike, parameter: str) -> str:
    """Return the checksum of an input that a file was made from, empty when its record does not tell."""
    with contextlib.suppress(OSError, ValueError):
        inputs = read_record(output).get("inputs")
        for name, entry in _entries(inputs if isinstance(inputs, dict) else {}):
            if name.upper() == parameter and isinstance(entry["sha256"], str):
                return entry["sha256"]
    return ""


def _entries(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in inputs.items():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and {"source", "sha256", "bytes"} <= set(entry):
                yield name, entry


def _changed(path: str, entry: Mapping[str, Any]) -> bool:
    try:
        found = os.stat(path)
        if not os.path.isfile(path):
            return False
        if found.st_size != entry["bytes"]:
            return True
        return found.st_mtime_ns != entry.get("modified_ns") and sha256(path) != entry["sha256"]
    except (OSError, ValueError):
        # Gone, or a name that no file can have: whether it changed is then not known.
        return False
