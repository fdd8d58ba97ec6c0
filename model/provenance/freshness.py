"""Whether an input of a run is still what it was then, by what the run record says of it.

A file of the size and time of then counts as unchanged; of others the content is read. Opening a GeoPackage changes the
file, so there the time of the last edit counts that the GeoPackage itself keeps.

Light enough for the shell to import; the checksums of large files take seconds, so call it outside the window's thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..outputs.run_record import sha256
from ..virtual_rasters import raster_file

_DATABASES = (".gpkg", ".sqlite", ".db")
_SHAPEFILE, _ATTRIBUTES = ".shp", ".dbf"
_SECONDS = len("2026-01-31T23:59:59")


class Freshness:
    """Compares inputs with run records, and keeps the checksums of files by their size and time."""

    def __init__(self) -> None:
        self._checksums: dict[tuple[str, int, int], str] = {}

    def is_same(self, current: Any, recorded: Any, entries: Sequence[Mapping[str, Any]], started: str) -> bool:
        """Return whether an input is what a run read.

        Args:
            current: source of the layer or path of the file that would be read now, as run records have it; None
                for no input.
            recorded: the same of the run.
            entries: what the record says of the file: ``source``, ``bytes``, ``sha256``, and often ``modified_ns``.
            started: when the run began, such as ``2026-01-31T23:59:59Z``.

        A file at another place with the same content is the same: a project may be moved.
        """
        now, then = _source(current), _source(recorded)
        if not now or not then:
            return now == then and bool(current) == bool(recorded)
        path, layer = _file_and_layer(now)
        path_then, layer_then = _file_and_layer(then)
        if not path:
            # A table of a database server or a layer in memory: only its name is known.
            return now == then
        if layer and layer_then and layer != layer_then:
            return False
        entry = next(iter(entries), None)
        if entry is None:
            return path == path_then
        with contextlib.suppress(OSError, ValueError):
            return self._is_same_file(path, entry, started)
        return False

    def _is_same_file(self, path: str, entry: Mapping[str, Any], started: str) -> bool:
        status, suffix = os.stat(path), Path(path).suffix.lower()
        if status.st_size != entry.get("bytes"):
            return False
        if suffix in _DATABASES:
            edited = _last_edit(path)
            if edited:
                return edited[:_SECONDS] <= started[:_SECONDS]
        elif suffix == _SHAPEFILE and status.st_mtime_ns == entry.get("modified_ns"):
            # The file was not copied since, so the time of its attributes tells.
            return not _is_newer(f"{path[: -len(suffix)]}{_ATTRIBUTES}", started)
        if status.st_mtime_ns == entry.get("modified_ns"):
            return True
        key = path, status.st_size, status.st_mtime_ns
        if key not in self._checksums:
            self._checksums[key] = sha256(path)
        return self._checksums[key] == entry.get("sha256")


def _source(value: Any) -> str:
    """Return the source in a recorded value, which has more keys if only some features were read."""
    if isinstance(value, Mapping):
        return str(value.get("source") or sorted(value.items()))
    return str(value) if value else ""


def _file_and_layer(source: str) -> tuple[str, str]:
    """Return the file in a source, empty if it is none, and what follows it, such as the layer of a GeoPackage."""
    file = raster_file(source)
    if os.path.isfile(file):
        return file, ""
    path, _, rest = source.partition("|")
    return (path, rest) if os.path.isabs(path) and os.path.splitext(path)[1] else ("", "")


def _last_edit(path: str) -> str:
    """Return when the content of a GeoPackage was last changed, in UTC as it says itself; empty if it does not."""
    with contextlib.suppress(sqlite3.Error, OSError):
        address = f"{Path(path).resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=1.0)) as database:
            (edited,) = database.execute(
                "SELECT max(last_change) FROM gpkg_contents WHERE table_name != 'layer_styles'"
            ).fetchone()
            return str(edited or "")
    return ""


def _is_newer(path: str, started: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        began = datetime.fromisoformat(f"{started[:_SECONDS]}+00:00").timestamp()
        return os.stat(path).st_mtime > began
    return False
