"""Whether a file that Scarp or QGIS wrote is complete, read with the means of its kind, and what it holds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable

import rasterio
from safetensors import safe_open

from scarp.model.inputs.rasters import is_complete

HIDDEN = "."  # how the names of temporary files begin


def what_is_wrong(path: Path) -> str:
    """Return why a file is not whole; empty when it is, or when its kind has nothing by which to tell."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        return "" if path.stat().st_size else "it is empty"
    try:
        return read(path) or ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def temporaries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(f"{HIDDEN}*"))


def _raster(path: Path) -> str | None:
    with rasterio.open(path) as dataset:
        dataset.read()
    return None if is_complete(path) else "a block is missing"


def _open_base(path: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True))


def _base(path: Path) -> str | None:
    with _open_base(path) as base:
        found = base.execute("PRAGMA integrity_check").fetchone()[0]
        tables = [name for (name,) in base.execute("SELECT table_name FROM gpkg_contents")]
        features = sum(base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)
    if found != "ok":
        return str(found)
    return None if features else "it has no feature"


def _ends(end: str, encoding: str) -> Callable[[Path], str | None]:
    return lambda path: None if path.read_text(encoding=encoding).rstrip().endswith(end) else "it has no end"


def _tensors(path: Path) -> None:
    with safe_open(str(path), framework="np") as stream:
        for name in list(stream.keys()):
            stream.get_tensor(name)


def _table(path: Path) -> str | None:
    return None if path.read_bytes().endswith(b"\n") else "its last line has no end"


_READERS: dict[str, Callable[[Path], str | None]] = {
    ".tif": _raster,
    ".gpkg": _base,
    ".html": _ends("</html>", "utf-8"),
    ".pdf": _ends("%%EOF", "latin-1"),
    ".safetensors": _tensors,
    ".ckpt": _tensors,
    ".csv": _table,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")) and None,
    ".qml": lambda path: ElementTree.parse(path) and None,
    ".xml": lambda path: ElementTree.parse(path) and None,
}


def fingerprint(path: Path) -> str:
    """Return a hash of a file; of a GeoPackage that of its rows, and of a run record nothing: it holds the time."""
    if path.name.endswith(".run.json"):
        return ""
    content = _rows(path) if path.suffix.lower() == ".gpkg" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _rows(path: Path) -> bytes:
    try:
        with _open_base(path) as base:
            names = [name for (name,) in base.execute("SELECT table_name FROM gpkg_contents ORDER BY table_name")]
            rows = [base.execute(f'SELECT * FROM "{name}" ORDER BY fid').fetchall() for name in names]
            return repr(list(zip(names, rows))).encode()
    except sqlite3.DatabaseError as error:
        return f"unreadable: {error}".encode()
